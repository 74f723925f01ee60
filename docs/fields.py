#!/usr/bin/env python3
"""Keeps the tables of fields in argo-workflows.md and kfp-pipelines.md true to what the program does: fields.py WEFT [--write]

Without --write it says which table differs from `weft help argo` or `weft help kfp`, and exits with 1.
"""
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
PAGES = {"argo": "argo-workflows.md", "kfp": "kfp-pipelines.md"}
BEGIN, END = "<!-- fields: made by docs/fields.py -->\n", "<!-- end of fields -->\n"
USES = ["used", "no effect", "warned", "refused"]


def table(weft, language):
    text = subprocess.run([weft, "help", language], stdout=subprocess.PIPE, text=True, check=True).stdout
    places, place = {}, None
    for line in text.splitlines():
        field = re.match(r"  (\S+) +(used|no effect|warned|refused)\b", line)
        if field:
            places.setdefault(place, {}).setdefault(field[2], []).append(field[1])
        elif line and not line.startswith(" "):
            place = line
    rows = ["| object | used | no effect here | warned | refused |", "| --- | --- | --- | --- | --- |"]
    for place, uses in places.items():
        cells = [", ".join(f"`{name}`" for name in uses.get(use, [])) for use in USES]
        rows.append(f"| `{place}` | " + " | ".join(cells) + " |")
    return "\n".join(rows) + "\n"


def main():
    weft, wrong = sys.argv[1], []
    for language, page in PAGES.items():
        path = os.path.join(HERE, page)
        with open(path) as file:
            text = file.read()
        before, rest = text.split(BEGIN)
        _, after = rest.split(END)
        true = before + BEGIN + table(weft, language) + END + after
        if true != text and "--write" in sys.argv:
            with open(path, "w") as file:
                file.write(true)
        elif true != text:
            wrong.append(page)
    if wrong:
        sys.exit(f"the fields in {', '.join(wrong)} are not what the program does: docs/fields.py WEFT --write puts them right")


if __name__ == "__main__":
    main()
