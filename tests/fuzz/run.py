#!/usr/bin/env python3
"""Looks for inputs that break a parser: run.py [-s SECONDS] [TARGET...]

Builds every target with clang, coverage and sanitizers in build-fuzz/, and runs each for SECONDS (60). What a target learns stays in build-fuzz/corpus/
for the next time; the corpus of the repository is read, never written. An input that breaks something is kept in build-fuzz/found/ and
printed with the command that repeats it. When the defect is fixed the input belongs into tests/fuzz/corpus/.
"""
import argparse
import json
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, "build-fuzz")
HERE = os.path.join(ROOT, "tests", "fuzz")


def run(words, **more):
    done = subprocess.run(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more)
    if done.returncode:
        sys.exit(f"{done.stdout[-10000:]}\n{' '.join(words)}: failed")
    return done.stdout


def build():
    """Returns {name: program} of all targets."""
    if not os.path.exists(os.path.join(BUILD, "build.ninja")):
        run(["meson", "setup", BUILD, "-Dfuzz=true", "-Db_sanitize=address,undefined", "-Db_lundef=false", "-Dwerror=false"], env={**os.environ, "CC": "clang"})
    run(["ninja", "-C", BUILD, "build.ninja"])
    programs = {}
    for target in json.loads(subprocess.run(["meson", "introspect", "--targets", BUILD], check=True, stdout=subprocess.PIPE, text=True).stdout):
        if target["type"] == "executable" and target["name"].startswith("fuzz_"):
            programs[target["name"][len("fuzz_"):]] = target["filename"][0]
    run(["ninja", "-C", BUILD] + [os.path.relpath(p, BUILD) for p in programs.values()])
    return programs


def files(folder):
    return {os.path.join(folder, name) for name in os.listdir(folder)}


def fuzz(name, program, seconds):
    """Runs one target; returns whether it survived."""
    corpus, found, own = (os.path.join(BUILD, "corpus", name), os.path.join(BUILD, "found", name), os.path.join(HERE, "corpus", name))
    for folder in (corpus, found):
        os.makedirs(folder, exist_ok=True)
    before = files(found)
    words = [program, f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=2048", "-max_len=32768", "-print_final_stats=1", f"-artifact_prefix={found}/", corpus]
    done = subprocess.run(words + ([own] if os.path.isdir(own) else []), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    stats = dict(line[len("stat::"):].split(":", 1) for line in done.stdout.splitlines() if line.startswith("stat::"))
    new = sorted(files(found) - before)
    print(f"{name}: {stats.get('number_of_executed_units', '?').strip()} inputs, {len(files(corpus))} kept, {'nothing found' if not done.returncode else 'FAILED'}", flush=True)
    if done.returncode:
        print(done.stdout[-6000:])
        for path in new:
            print(f"{path}\nrepeat it with: {program} {path}")
    return not done.returncode


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-s", "--seconds", type=int, default=60, help="for each target (60)")
    parser.add_argument("targets", nargs="*", help="names; none: all")
    options = parser.parse_args()
    programs = build()
    unknown = [name for name in options.targets if name not in programs]
    if unknown:
        sys.exit(f"there is no target {', '.join(unknown)}; there are: {', '.join(sorted(programs))}")
    bad = [name for name in options.targets or sorted(programs) if not fuzz(name, programs[name], options.seconds)]
    print(f"{len(options.targets or programs) - len(bad)} targets survived, {len(bad)} failed{': ' + ', '.join(bad) if bad else ''}")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
