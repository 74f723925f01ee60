"""Turns the numbered SQL files into one C table, in order: embed.py OUTPUT STORE FILE.sql… where STORE is sqlite or postgres."""
import os
import sys

output, store, files = sys.argv[1], sys.argv[2], sorted(sys.argv[3:], key=os.path.basename)
with open(output, "w", encoding="utf-8") as out:
    out.write(f'#include "store/{store}.h"\n\nconst struct migration {store}_schema[] = {{\n')
    for number, path in enumerate(files, 1):
        name = os.path.basename(path)
        if int(name.split("_")[0]) != number:
            sys.exit(f"{name}: expected number {number:04d}: migrations are numbered without gaps")
        out.write(f'        {{"{name}",\n')
        with open(path, encoding="utf-8") as source:
            for line in source:
                code = line.split("--")[0].strip()
                if code:
                    out.write('         "' + code.replace("\\", "\\\\").replace('"', '\\"') + '\\n"\n')
        out.write("        },\n")
    out.write(f"}};\nconst int {store}_schema_n = {len(files)};\n")
