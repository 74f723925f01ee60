#!/usr/bin/env python3
"""Checks the include lines of src/ against the layers of docs/internals/architecture.md: check_includes.py SRC

A folder includes itself and lower layers. Above the back ends, only their contract headers; main.c may include anything, because it is the
one place that knows which back ends exist. Folders below one folder (dialect/argo, dialect/kfp) do not know each other."""
import os
import re
import sys

LAYERS = {
    "base": 0,
    "text": 1, "expr": 1,
    "model": 2,
    "dialect": 3, "engine": 3, "store": 3, "objects": 3, "executor": 3,
    "runtime": 4,
    "api": 5, "cli": 5,
}
SIBLINGS = {("expr", "text"), ("cli", "api")}
CONTRACTS = {"store": {"store/store.h", "store/lease.h"}, "objects": {"objects/objects.h"}, "executor": {"executor/executor.h"}}
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.M)


def problem(path, included):
    """Why the file at `path` (relative to src) may not include it, or None."""
    own = path.split("/")
    parts = included.split("/")
    if len(own) == 1:
        return None
    if len(parts) == 1:
        return f'"{included}" has no folder: write "{own[0]}/{included}"'
    if own[0] not in LAYERS or parts[0] not in LAYERS:
        return f"{own[0] if own[0] not in LAYERS else parts[0]}/ has no layer: add it to tests/structure/check_includes.py and the page on the architecture"
    if own[0] == parts[0]:
        if len(own) > 2 and len(parts) > 2 and own[1] != parts[1]:
            return f"{own[0]}/{own[1]} and {parts[0]}/{parts[1]} do not know each other"
        return None
    if (own[0], parts[0]) in SIBLINGS:
        return None
    if LAYERS[parts[0]] >= LAYERS[own[0]]:
        return f"{own[0]} is in layer {LAYERS[own[0]]} and {parts[0]} in layer {LAYERS[parts[0]]}"
    if parts[0] in CONTRACTS and included not in CONTRACTS[parts[0]]:
        return f"of {parts[0]}/ only {', '.join(sorted(CONTRACTS[parts[0]]))} is for others"
    return None


def check(files):
    """`files` yields (path relative to src, text)."""
    found = []
    for path, text in files:
        for match in INCLUDE.finditer(text):
            why = problem(path, match.group(1))
            if why:
                found.append(f"src/{path}:{text.count(chr(10), 0, match.start(1)) + 1}: includes {match.group(1)}: {why}")
    return found


def tree(root):
    for folder, _, names in sorted(os.walk(root)):
        for name in sorted(names):
            if name.endswith((".c", ".h")):
                path = os.path.join(folder, name)
                with open(path, encoding="utf-8") as source:
                    yield os.path.relpath(path, root), source.read()


def self_test():
    bad = [("base/str.c", '#include "text/value.h"'), ("engine/run.c", '#include "dialect/dialect.h"'), ("engine/run.c", '#include "store/store.h"'),
           ("text/json.c", '#include "expr/expr.h"'), ("runtime/loop.c", '#include "store/sqlite.h"'), ("cli/run.c", '# include "executor/process/process.h"'),
           ("dialect/argo/a.c", '#include "dialect/kfp/kfp.h"'), ("model/rows.c", '\n#include "rows.h"'), ("new/x.c", '#include "base/str.h"')]
    good = [("expr/eval.c", '#include "text/value.h"'), ("runtime/loop.c", '#include "store/store.h"\n#include "engine/engine.h"\n#include <time.h>'),
            ("main.c", '#include "store/sqlite.h"'), ("dialect/argo/a.c", '#include "dialect/dialect.h"'), ("engine/run.c", '#include "model/rows.h"')]
    for sample in bad:
        assert len(check([sample])) == 1, f"not found: {sample}"
    for sample in good:
        assert not check([sample]), f"wrongly found: {sample}"


if __name__ == "__main__":
    self_test()
    problems = check(tree(sys.argv[1]))
    print("\n".join(problems) if problems else "every include line goes down")
    sys.exit(1 if problems else 0)
