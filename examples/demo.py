#!/usr/bin/env python3
"""Runs examples of both languages with live progress. usage: demo.py WEFT"""
import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SHOWN = [
    ("argo/map-reduce.yaml", "an Argo workflow: a list computed at run time, worked on in parallel, summed up"),
    ("argo/video-editing.yaml", "an Argo workflow: clips collected and edited in parallel, files passed from step to step"),
    ("argo/exit-notify.yaml", "an Argo workflow with an exit handler"),
    ("kfp/evaluation.yaml", "a pipeline that the KFP SDK compiled: data, training, evaluation, metrics"),
    ("kfp/conversion_benchmark.yaml", "a KFP pipeline: a model converted to several precisions, each measured, the best chosen"),
]


def heading(text, strong):
    print(f"\n\033[1m{text}\033[0m" if strong else f"\n{text}", flush=True)


def main():
    weft = os.path.abspath(sys.argv[1])
    data = os.path.join(os.path.dirname(os.path.dirname(weft)), "demo-data")
    strong = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    environment = dict(os.environ, WEFT_DATA=data)
    failed = []
    start = time.time()
    for file, what in SHOWN:
        path = os.path.join(HERE, file)
        heading(f"── {what}", strong)
        print(f"$ weft run examples/{file}", flush=True)
        if subprocess.run([weft, "run", path], env=environment).returncode:
            failed.append(file)
    heading(f"── all runs, {time.time() - start:.0f} s", strong)
    print("$ weft list", flush=True)
    subprocess.run([weft, "list"], env=environment)
    heading("── what to try next", strong)
    shown = os.path.relpath(weft)
    tries = [("run examples/argo/approval.yaml", "waits for you: weft approve RUN, from another terminal"),
             ("run examples/kfp/sweep.yaml", "a nested pipeline for each combination; Ctrl-C stops it, weft retry RUN goes on"),
             ("get RUN -o json", "everything about a run"), ("logs RUN -f", "what its steps say"), ("help", "the other commands")]
    print(f"export WEFT_DATA=$PWD/{os.path.relpath(data)} PATH=$PWD/{os.path.dirname(shown)}:$PATH")
    for command, what in tries:
        print(f"weft {command:<34} # {what}")
    if failed:
        sys.exit(f"did not succeed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
