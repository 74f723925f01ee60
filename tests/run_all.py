#!/usr/bin/env python3
"""Builds with sanitizers, runs every suite one after the other, and closes with one line of counts."""
import json
import os
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(ROOT, "build-check")
SUITES = ["core", "languages", "server", "cli", "fault", "sim"]
passed = failed = 0


def run(command, **more):
    return subprocess.run(command, cwd=ROOT, **more)


def build():
    if not os.path.isdir(BUILD):
        done = run(["meson", "setup", BUILD, "-Db_sanitize=address,undefined", "-Db_lundef=false"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode:
            sys.exit(done.stdout + "\nthe build could not be set up")
    done = run(["ninja", "-C", BUILD], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        sys.exit(done.stdout[-20000:] + "\nthe build failed")


def meson_suite(name):
    """Runs one suite of Meson's tests; returns how many passed and failed."""
    log = os.path.join(BUILD, "meson-logs", "testlog.json")
    if os.path.exists(log):
        os.remove(log)
    run(["meson", "test", "-C", BUILD, "--no-rebuild", "--suite", name, "--num-processes", "1", "--print-errorlogs", "--timeout-multiplier", "20"],
        stdout=sys.stdout if "-v" in sys.argv else subprocess.PIPE, stderr=subprocess.STDOUT)
    good = bad = 0
    if os.path.exists(log):
        with open(log) as lines:
            for line in lines:
                test = json.loads(line)
                if test["result"] in ("OK", "EXPECTEDFAIL"):
                    good += 1
                else:
                    bad += 1
                    print(f"--- {test['name']}: {test['result']}\n{test.get('stdout', '')[-6000:]}{test.get('stderr', '')[-6000:]}")
    return good, bad


def main():
    global passed, failed
    start = time.time()
    build()
    print(f"build: {time.time() - start:.0f} s", flush=True)
    for suite in SUITES:
        start = time.time()
        good, bad = meson_suite(suite)
        if good + bad:
            print(f"{suite}: {good} passed, {bad} failed, {time.time() - start:.0f} s", flush=True)
        passed += good
        failed += bad
    if not passed:
        sys.exit("no test ran")
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
