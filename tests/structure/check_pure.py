#!/usr/bin/env python3
"""Checks that the pure core needs no clock, file, thread, environment or random numbers: check_pure.py PROBE ALLOWED

PROBE is the linked program of pure_probe.c. Each symbol that it leaves to other libraries must be in ALLOWED, or belong to one of the two
libraries that the core may use, or to the sanitizers and the C start-up code."""
import re
import subprocess
import sys

LIBRARIES = re.compile(r"^(yaml_|pcre2_)")
TOOLS = re.compile(r"^(__asan_|__ubsan_|__sanitizer_|__lsan_|__tsan_|__sancov|__gcov|__llvm_|__libc_start_main|__cxa_finalize|__gmon_start__|_ITM_|__stack_chk_fail"
                   r"|_Unwind_|__tls_get_addr)")
# What -D_FORTIFY_SOURCE calls in the place of the plain function.
FORTIFIED = re.compile(r"^__(\w+)_chk$")


def allowed_names(path):
    with open(path, encoding="utf-8") as lines:
        return {word for line in lines for word in line.split("#")[0].split()}


def forbidden(symbols, allowed):
    found = []
    for symbol in sorted(symbols):
        name = symbol.split("@")[0]
        plain = FORTIFIED.match(name)
        if not LIBRARIES.match(name) and not TOOLS.match(name) and name not in allowed and not (plain and plain.group(1) in allowed):
            found.append(name)
    return found


def main():
    probe, allowed = sys.argv[1], allowed_names(sys.argv[2])
    names = ["time", "clock_gettime", "open64", "fopen", "getenv", "pthread_create", "random", "rand", "getrandom", "setlocale", "write", "fprintf"]
    assert forbidden(set(names) | {"memcpy@GLIBC_2.14"}, allowed) == sorted(names), "the list allows what it must not"
    out = subprocess.run(["nm", "-u", probe], check=True, capture_output=True, text=True).stdout
    symbols = {line.split()[-1] for line in out.splitlines() if line.split()}
    assert any(s.startswith("memcpy") for s in symbols), "the probe looks empty"
    found = forbidden(symbols, allowed)
    for name in found:
        print(f"the pure core uses {name}(): take it from an event or an argument, or move the code to the runtime")
    if not found:
        print(f"{len(symbols)} symbols, all allowed")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
