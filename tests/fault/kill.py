#!/usr/bin/env python3
"""kill -9 at any moment, then `weft resume`: kill.py WEFT [--times N] [--seed S]

Runs kill.yaml over and over, and kills Weft, its shepherd, or both at random moments until N kills were made. After each kill what is
stored is noted; at the end of each run:

  K1  what was stored as finished is as it was: state, times, outputs, exit code
  K2  a step that was stored as finished is not run again
  K3  no try is started twice, and no two tries of a step overlap (each holds a lock while one of its processes lives)
  K4  while the shepherd lives, each try that was started also ends with its true exit code: nothing is lost or repeated
  K5  the run ends as one without kills does
"""
import argparse
import collections
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
FINAL = {"Succeeded", "Failed", "Error", "Stopped", "Skipped", "Omitted", "Cached", "Terminated"}
STARTS = {"list": 1, "fan-1": 1, "fan-2": 1, "fan-3": 1, "fan-4": 1, "fan-5": 1, "fan-6": 1, "first": 1, "beside": 1, "last": 1, "flaky-0": 2,
          "flaky-1": 2, "flaky-2": 2, "seven": 1, "join": 1, "goodbye": 1}
OUTPUT = '[11,22,33,44,55,66] done'
LIMIT_S = 60


class Wrong(Exception):
    pass


class Round:
    """One run in a data folder of its own, disturbed until `kills_max` kills were made."""

    def __init__(self, weft, rng, span_s, kills_max):
        self.weft, self.rng, self.span_s, self.kills_max = weft, rng, span_s, kills_max
        self.data = os.path.realpath(tempfile.mkdtemp(prefix="weft-kill-"))
        os.mkdir(os.path.join(self.data, "locks"))
        shutil.copy(os.path.join(HERE, "step.sh"), self.data)
        self.isolation = rng.choice(["none", "private"])
        self.story, self.kills, self.shepherd_kills = [], 0, 0
        self.finished = {}  # node → (row, number of its starts), when first seen stored as finished
        self.began = False

    # ---- the processes ----

    def weft_run(self, words, **more):
        return subprocess.run([self.weft, *words, "--data", self.data], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=LIMIT_S, **more)

    def launch(self):
        if self.began:
            words = ["resume", "kill"]
        else:
            words = ["run", os.path.join(HERE, "kill.yaml"), "--name", "kill", "-p", "step=" + os.path.join(self.data, "step.sh")]
        self.output = open(os.path.join(self.data, "weft.out"), "ab")
        return subprocess.Popen([self.weft, *words, "-o", "quiet", "--data", self.data, "--set", "executor.process.isolation=" + self.isolation,
                                 "--set", "executor.process.slots=6"], stdout=self.output, stderr=self.output, start_new_session=True)

    def shepherds(self):
        """Processes `weft shepherd … <this data folder>`; the folder is ours alone."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as file:
                    words = file.read().split(b"\0")
            except OSError:
                continue
            if b"shepherd" in words[:2] and self.data.encode() in words:
                found.append(int(pid))
        return found

    def kill_shepherds(self):
        for pid in self.shepherds():
            try:
                os.kill(pid, signal.SIGKILL)
                self.shepherd_kills += 1
            except ProcessLookupError:
                pass

    # ---- what is stored, what has happened ----

    def events(self):
        try:
            with open(os.path.join(self.data, "events")) as file:
                return [line.split() for line in file]
        except FileNotFoundError:
            return []

    def starts_of_nodes(self):
        count = collections.Counter()
        for words in self.events():
            if words[0] == "start":
                count[words[2].split("/")[1].split(".")[0]] += 1
        return count

    def stored(self):
        if not os.path.exists(os.path.join(self.data, "weft.db")):
            return None
        listed = self.weft_run(["list", "-o", "json"])
        if listed.returncode == 2 and "nothing was stored" in listed.stderr:
            return None
        if listed.returncode:
            raise Wrong(f"weft list ended with {listed.returncode}: {listed.stderr}")
        if "kill" not in listed.stdout:
            return None
        got = self.weft_run(["get", "kill", "-o", "json"])
        if got.returncode not in (0, 1) or not got.stdout.strip():
            raise Wrong(f"weft get ended with {got.returncode}: {got.stderr}")
        return json.loads(got.stdout)

    def note_finished(self, run):
        starts = self.starts_of_nodes()
        for node in run["nodes"]:
            if node["state"] in FINAL:
                self.finished.setdefault(node["id"], (node, starts[node["id"]]))

    # ---- one round ----

    def disturb(self, process):
        """Waits for a random moment, and kills something. True: Weft itself is gone."""
        wait = self.rng.random() * self.span_s
        # From the start of Weft, the first milliseconds of it included.
        what = self.rng.choices(["weft", "both", "shepherd first", "shepherd"], [60, 15, 10, 15])[0]
        try:
            process.wait(timeout=wait)
            return True
        except subprocess.TimeoutExpired:
            pass
        self.story.append(f"after {wait * 1000:.0f} ms: {what}")
        if what.startswith("shepherd"):
            self.kill_shepherds()
        if what != "shepherd":
            process.kill()
            process.wait()
        if what == "both":
            self.kill_shepherds()
        self.kills += 1
        return what != "shepherd"

    def play(self):
        while True:
            process = self.launch()
            gone = False
            while self.kills < self.kills_max and not gone:
                gone = self.disturb(process)
            try:
                status = process.wait(timeout=LIMIT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise Wrong(f"the run did not end within {LIMIT_S} s") from None
            finally:
                self.output.close()
            run = self.stored()
            if run is None:
                if self.events():
                    raise Wrong("steps ran, but no run is stored")
                if status >= 0:
                    with open(os.path.join(self.data, "weft.out")) as file:
                        raise Wrong(f"weft ended by itself with {status} and stored no run: {file.read()[-2000:]}")
                continue
            self.began = True
            self.note_finished(run)
            if run["state"] in FINAL:
                return self.check(run)
            if status >= 0:
                with open(os.path.join(self.data, "weft.out")) as file:
                    raise Wrong(f"weft ended by itself with {status}, and the run is {run['state']}: {file.read()[-2000:]}")

    def check(self, run):
        if run["state"] != "Succeeded":
            raise Wrong(f"K5: the run ended {run['state']}: {run['message']}")
        if run["outputs"].get("all") != OUTPUT:
            raise Wrong(f"K5: outputs {run['outputs']}, expected {OUTPUT}")
        nodes, starts = {n["id"]: n for n in run["nodes"]}, self.starts_of_nodes()
        for number, (before, count) in self.finished.items():
            after = nodes[number]
            for key in ("state", "started_at", "finished_at", "outputs", "exit_code", "attempt"):
                if before[key] != after[key]:
                    raise Wrong(f"K1: {key} of finished step {after['name']} changed from {before[key]} to {after[key]}")
            if starts[number] != count:
                raise Wrong(f"K2: finished step {after['name']} was run again: {count} starts, now {starts[number]}")
        self.check_events()
        codes = [n["exit_code"] for n in run["nodes"] if n["task"] == "seven"]
        if 7 not in codes:
            raise Wrong(f"K5: exit code of step seven is {codes}")

    def check_events(self):
        begun, ended, per_step = collections.Counter(), collections.Counter(), collections.Counter()
        for words in self.events():
            if words[0] == "overlap":
                raise Wrong(f"K3: two tries of step {words[1]} overlap: {words[2]}")
            (begun if words[0] == "start" else ended)[words[2]] += 1
            per_step[words[1]] += words[0] == "start"
        for attempt, n in (begun + ended).items():
            if n > 2 or begun[attempt] != 1 or ended[attempt] > 1:
                raise Wrong(f"K3: attempt {attempt} was started {begun[attempt]} times and ended {ended[attempt]} times")
        for step, expected in STARTS.items():
            if per_step[step] < expected:
                raise Wrong(f"K5: step {step} ran {per_step[step]} times, expected {expected}")
            if not self.shepherd_kills and per_step[step] != expected:
                raise Wrong(f"K4: step {step} ran {per_step[step]} times though the shepherd lived, expected {expected}")

    def clean(self):
        for _ in range(100):
            self.kill_shepherds()
            if not self.shepherds():
                break
            time.sleep(0.01)
        shutil.rmtree(self.data, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weft")
    parser.add_argument("--times", type=int, default=100, help="kills")
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(3), "big"))
    parser.add_argument("--keep", action="store_true", help="keep the data folder of a round that went wrong")
    a = parser.parse_args()
    rng = random.Random(a.seed)
    began = time.time()
    print(f"seed {a.seed}; the same kills again (at about the same moments): {sys.argv[0]} {a.weft} --times {a.times} --seed {a.seed}", flush=True)
    kills, shepherds, rounds, span_s = 0, 0, 0, 1.0
    while kills < a.times:
        round_ = Round(os.path.abspath(a.weft), rng, span_s, 0 if rounds == 0 else rng.randint(1, 4))
        start = time.time()
        try:
            round_.play()
        except Wrong as wrong:
            print(f"round {rounds} (isolation {round_.isolation}; {'; '.join(round_.story)}): {wrong}\ndata folder: {round_.data if a.keep else 'removed; --keep keeps it'}")
            if not a.keep:
                round_.clean()
            return 1
        if rounds == 0:  # nobody disturbed this one: it says how long a run takes
            span_s = time.time() - start
            print(f"undisturbed: {span_s * 1000:.0f} ms", flush=True)
        round_.clean()
        rounds += 1
        kills += round_.kills
        shepherds += round_.shepherd_kills
    print(f"{kills} kills ({shepherds} shepherds among what was killed) in {rounds - 1} runs, {time.time() - began:.0f} s: nothing finished was touched, no step overlapped, every run ended as it should")
    return 0


if __name__ == "__main__":
    sys.exit(main())
