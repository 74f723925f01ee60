#!/usr/bin/env python3
"""What Weft costs: run.py WEFT [FIGURE...] [--rounds N] [--dir DIR]

Each figure runs Weft and its yardstick in turn, and prints medians, the ratio and the target. Every function in FIGURES is one figure. CPU is
that of all processes: Weft, its shepherd, the steps; bytes are what the kernel counts for Weft's process.
"""
import argparse
import ctypes
import http.client
import json
import os
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
LIMIT_S = 120
misses = []


# ---- measuring ----

class Tool:
    """Small C programs of this folder, built once."""

    def __init__(self, folder):
        self.loop, self.syncs = os.path.join(folder, "spawn_loop"), os.path.join(folder, "count_syncs.so")
        subprocess.run(["cc", "-O2", "-o", self.loop, os.path.join(HERE, "spawn_loop.c")], check=True)
        subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", self.syncs, os.path.join(HERE, "count_syncs.c")], check=True)


def children():
    found = []
    for task in os.listdir("/proc/self/task"):
        with open(f"/proc/self/task/{task}/children") as file:
            found += [int(pid) for pid in file.read().split()]
    return found


def adopt_orphans():
    """The shepherd outlives Weft: it comes to this process, so that its CPU time can be taken."""
    PR_SET_CHILD_SUBREAPER = 36
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def io_of(pid):
    with open(f"/proc/{pid}/io") as file:
        return {key: int(value) for key, value in (line.split(": ") for line in file.read().splitlines())}


def measure(words, env=None):
    """Runs a command to its end, and what it left behind: {"wall", "cpu", "rss", "written", "status"}, seconds and bytes."""
    start = time.perf_counter()
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors, env=env)
        signal.alarm(LIMIT_S)
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        wall = time.perf_counter() - start
        signal.alarm(0)
        io = io_of(process.pid)  # a zombie still says what it did
        _, status, use = os.wait4(process.pid, 0)
        process.returncode = status
        cpu = use.ru_utime + use.ru_stime
        for pid in children():
            os.kill(pid, signal.SIGKILL)
            _, _, left = os.wait4(pid, 0)
            cpu += left.ru_utime + left.ru_stime
        if status:
            errors.seek(0)
            sys.exit(f"{' '.join(words)}: ended with {status}: {errors.read().decode(errors='replace')[-2000:]}")
    return {"wall": wall, "cpu": cpu, "rss": use.ru_maxrss * 1024, "written": max(io["write_bytes"] - io["cancelled_write_bytes"], 0), "wchar": io["wchar"]}


class Bench:
    def __init__(self, weft, rounds, folder, tool):
        self.weft, self.rounds, self.folder, self.tool = weft, rounds, folder, tool

    def run(self, document, *more, data=None, env=None):
        """`weft run` in a fresh data folder, unless one is given."""
        path = os.path.join(self.folder, "bench.json")
        with open(path, "w") as file:
            json.dump(document, file)
        own = data or tempfile.mkdtemp(dir=self.folder)
        result = measure([self.weft, "run", path, "-o", "quiet", "--data", own, *more], env)
        if not data:
            shutil.rmtree(own)
        return result

    def loop(self, n, at_once):
        return measure([self.tool.loop, str(n), str(at_once), "/bin/true"])

    def in_turn(self, *calls):
        """Results of each call, one list a call, the calls taking turns."""
        results = [[] for _ in calls]
        for _ in range(self.rounds):
            for into, call in zip(results, calls):
                into.append(call())
        return results


def median(results, key):
    return statistics.median(r[key] for r in results)


def say(what, value, unit, target=None, at_least=False, yardstick=None):
    good = target is None or (value >= target if at_least else value <= target)
    if not good:
        misses.append(what)
    text = f"  {what:<58}{value:>12,.2f} {unit}"
    if yardstick is not None:
        text += f"   (yardstick {yardstick:,.2f} {unit}, ratio {value / yardstick:.2f})"
    if target is not None:
        text += f"   target {'>=' if at_least else '<='} {target:,g}: {'met' if good else 'MISSED'}"
    print(text, flush=True)


def compare(what, weft, yardstick, cpu_ratio, wall_ratio=None):
    for key, limit in (("cpu", cpu_ratio), ("wall", wall_ratio)):
        ours, theirs = median(weft, key), median(yardstick, key)
        print(f"  {what}, {key}: Weft {ours * 1000:,.0f} ms, bare loop {theirs * 1000:,.0f} ms")
        say(f"{what}, ratio of {key}", ours / theirs, "times", limit)


# ---- workflows ----

def workflow(templates):
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": "bench"}, "spec": {"entrypoint": "main", "templates": templates}}


TRUE = {"name": "true", "container": {"image": "none", "command": ["/bin/true"]}}


def fan_out(n):
    return workflow([{"name": "main", "steps": [[{"name": "fan", "template": "true", "withSequence": {"count": str(n)}}]]}, TRUE])


def chain(n):
    return workflow([{"name": "main", "steps": [[{"name": f"s{i}", "template": "true"}] for i in range(n)]}, TRUE])


def one_step():
    return workflow([dict(TRUE, name="main")])


# ---- the figures ----

def thousand(b):
    """1,000 independent /bin/true, 8 at once, durable"""
    eight = ["--set", "executor.process.slots=8"]
    none, private, loop = b.in_turn(lambda: b.run(fan_out(1000), *eight, "--set", "executor.process.isolation=none"), lambda: b.run(fan_out(1000), *eight), lambda: b.loop(1000, 8))
    compare("isolation none", none, loop, 1.3, 1.6)
    compare("isolation private (default)", private, loop, 2.5)


def chain_of_100(b):
    """A chain of 100 /bin/true"""
    counter = os.path.join(b.folder, "syncs")
    env = dict(os.environ, LD_PRELOAD=b.tool.syncs, COUNT_SYNCS=counter)

    def syncs(n):
        with open(counter, "wb") as file:
            file.write(bytes(8))
        b.run(chain(n), env=env)
        with open(counter, "rb") as file:
            return int.from_bytes(file.read(), sys.byteorder)

    short, long = syncs(10), syncs(110)
    say("syncs a step", (long - short) / 100, "", 1.0)
    weft, loop = b.in_turn(lambda: b.run(chain(100), "--set", "executor.process.isolation=none"), lambda: b.loop(100, 1))
    compare("isolation none", weft, loop, 1.6)


def fan_out_100_000(b):
    """A fan-out of 100,000 that a null executor completes at once"""
    null = ["--executor", "null", "--set", "engine.items_max=1000000"]
    small, half, whole = [b.run(fan_out(n), *null) for n in (1000, 50000, 100000)]
    rate = 100000 / whole["wall"]
    say("steps a second", rate, "", 10000, at_least=True)
    say("time of 100,000 over twice that of 50,000", (whole["wall"] - small["wall"]) / 2 / (half["wall"] - small["wall"]), "times", 1.2)
    say("memory a node", (whole["rss"] - small["rss"]) / 99000, "bytes", 1536)
    key = "written" if whole["written"] else "wchar"  # a data folder in memory writes nothing to a disk
    per_half, per_whole = (half[key] - small[key]) / 49000, (whole[key] - small[key]) / 99000
    say(f"bytes {'written to disk' if key == 'written' else 'handed to the kernel'} a step", per_whole, "bytes", 5 * 1024)
    say("bytes a step at 100,000 over those at 50,000", per_whole / per_half, "times", 1.2)


def one(b):
    """`weft run` of a workflow of one step, over the step's own time"""
    data = tempfile.mkdtemp(dir=b.folder)
    b.run(one_step(), data=data)
    rounds, b.rounds = b.rounds, max(b.rounds, 9)
    fresh, again, loop = b.in_turn(lambda: b.run(one_step()), lambda: b.run(one_step(), data=data), lambda: b.loop(1, 1))
    b.rounds = rounds
    own = median(loop, "wall")
    say("in a data folder that exists", (median(again, "wall") - own) * 1000, "ms", 15)
    say("in a new data folder", (median(fresh, "wall") - own) * 1000, "ms", 15)


def json_text(b):
    """Our JSON beside json-c's: a document like those that Weft reads and writes, CPU time"""
    program, source = os.path.join(b.folder, "json"), os.path.join(os.path.dirname(HERE), "src")
    files = [os.path.join(source, name) for name in ("base/arena.c", "base/buf.c", "base/error.c", "base/hash.c", "base/str.c", "base/time.c", "text/value.c", "text/json_read.c", "text/json_write.c")]
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "json-c"], check=True, stdout=subprocess.PIPE, text=True).stdout.split()
    subprocess.run(["cc", "-O2", "-D_GNU_SOURCE", "-I", source, "-o", program, os.path.join(HERE, "json.c"), *files, *flags, "-lm"], check=True)
    read, read_peer, write, write_peer = (float(x) for x in subprocess.run([program], check=True, stdout=subprocess.PIPE, text=True).stdout.split())
    say("reading", read, "MB/s", yardstick=read_peer)
    say("writing", write, "MB/s", yardstick=write_peer)


class Serving:
    """A started `weft serve`; what it and all that it left used is known at its end."""

    def __init__(self, b, *more):
        self.data = tempfile.mkdtemp(dir=b.folder)
        start = time.perf_counter()
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen([b.weft, "serve", "--listen", "127.0.0.1:0", "--data", self.data, "--set", "log.level=warning", *more], stdout=subprocess.PIPE, stderr=self.errors, text=True)
        self.port = int(self.process.stdout.readline().split()[2].rsplit(":", 1)[1])
        self.get("/healthz")
        self.ready = time.perf_counter() - start

    def connection(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=LIMIT_S)

    def get(self, path):
        c = self.connection()
        c.request("GET", path)
        body = c.getresponse().read()
        c.close()
        return body

    def resident(self):
        with open(f"/proc/{self.process.pid}/smaps_rollup") as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith("Rss:"))

    def wakes(self):
        total = 0
        for task in os.listdir(f"/proc/{self.process.pid}/task"):
            with open(f"/proc/{self.process.pid}/task/{task}/status") as file:
                total += sum(int(line.split()[1]) for line in file if "ctxt_switches" in line)
        return total

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        _, status, use = os.wait4(self.process.pid, 0)
        self.process.returncode = status
        cpu = use.ru_utime + use.ru_stime
        for pid in children():
            os.kill(pid, signal.SIGKILL)
            _, _, left = os.wait4(pid, 0)
            cpu += left.ru_utime + left.ru_stime
        self.process.stdout.close()
        shutil.rmtree(self.data, ignore_errors=True)
        return cpu


def submit_200(b):
    """200 workflows of 5 /bin/true each at once through the API, beside a bare loop of the 1,000"""
    s = Serving(b, "--set", "executor.process.isolation=none", "--set", "executor.process.slots=8")
    body = json.dumps({"document": json.dumps(fan_out(5))})

    def send(n):
        c = s.connection()
        for _ in range(n):
            c.request("POST", "/api/weft/v1/runs", body, {"Content-Type": "application/json"})
            answer = c.getresponse()
            text = answer.read()
            if answer.status != 201:
                sys.exit(f"a run was refused: {text.decode()}")
        c.close()

    start = time.perf_counter()
    threads = [threading.Thread(target=send, args=(25,)) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    while time.perf_counter() - start < LIMIT_S:
        done = [line for line in s.get("/metrics").decode().splitlines() if line.startswith('weft_runs{state="Succeeded"}')]
        if done and float(done[0].split()[1]) >= 200:
            break
        time.sleep(0.01)
    wall = time.perf_counter() - start
    return {"wall": wall, "cpu": s.end()}


def server(b):
    """`weft serve`: start, rest, and 200 workflows of 5 /bin/true at once through the API beside a bare loop of the 1,000"""
    s = Serving(b)
    say("start to first answer", s.ready * 1000, "ms", 20)
    time.sleep(1)
    before = s.wakes()
    time.sleep(5)
    say("wake-ups a second at rest", (s.wakes() - before) / 5, "", 1)
    say("resident at rest", s.resident() / 1e6, "MB", 10)
    s.end()
    ours, loop = b.in_turn(lambda: submit_200(b), lambda: b.loop(1000, 8))
    compare("200 workflows", ours, loop, 2, 1.8)


def lists(b):
    """Pages of 50 out of many finished runs of five nodes each, microseconds at one connection; the rest of the line: p99 of the processor's time"""
    program = os.path.join(os.path.dirname(b.weft), "..", "bench", "bench_lists")
    if not os.path.exists(program):
        sys.exit(f"{program} is not there: `ninja -C BUILD bench/bench_lists` makes it")
    made = subprocess.run([program, b.folder, str(b.lists)], check=True, stdout=subprocess.PIPE, text=True).stdout
    for name, p50, p99, _, cpu_p99, rows in (line.split("\t") for line in made.splitlines()):
        print(f"  {name}: p50 {p50}, p99 {p99}, processor p99 {cpu_p99}, {rows} rows")
        if "total" not in name and "alone" not in name and (float(p50) > 1000 or float(p99) > 5000):
            misses.append(name)


FIGURES = {"thousand": thousand, "chain": chain_of_100, "fan-out": fan_out_100_000, "one": one, "json": json_text, "server": server}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weft")
    parser.add_argument("figures", nargs="*", metavar="FIGURE", help="of " + ", ".join(FIGURES))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--lists", type=int, metavar="RUNS", help="also lists over so many runs: a million take minutes and 2 GB")
    parser.add_argument("--dir", help="where the data folders go (default: beside the binary, because /tmp may be memory)")
    a = parser.parse_args()
    for name in a.figures:
        if name not in FIGURES:
            parser.error(f"there is no figure {name}; there are {', '.join(FIGURES)}")
    adopt_orphans()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    folder = tempfile.mkdtemp(prefix="bench-", dir=a.dir or os.path.dirname(os.path.abspath(a.weft)))
    try:
        bench = Bench(os.path.abspath(a.weft), a.rounds, folder, Tool(folder))
        for name in a.figures or FIGURES:
            print(f"{name}: {FIGURES[name].__doc__}", flush=True)
            FIGURES[name](bench)
        if a.lists:
            bench.lists = a.lists
            print(f"lists: {lists.__doc__}", flush=True)
            lists(bench)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"missed: {', '.join(misses)}" if misses else "every target is met")


if __name__ == "__main__":
    main()
