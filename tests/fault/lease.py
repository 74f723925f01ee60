#!/usr/bin/env python3
"""Two servers on one PostgreSQL under a load of submissions; the one that is the engine is stopped by SIGSTOP past its lease, and continued.

What must hold: the other takes over; the first can commit nothing more and ends; every run that was acknowledged is there and succeeds; and no
attempt ran twice. A step that was under way on the first when it fell silent is lost and tried again, and the test counts that: it may have two
lines in its file only when the store says so. Runs under tests/with_postgres.py; the first argument is weft."""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "api"))
import harness  # noqa: E402

LEASE_S = 2
RUNS_BEFORE, RUNS_AFTER = 40, 20
ROOT = "/api/weft/v1"
DOCUMENT = """apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {{generateName: load-}}
spec:
  entrypoint: main
  templates:
    - name: main
      steps:
        - - {{name: first, template: note}}
        - - {{name: second, template: note}}
    - name: note
      container: {{image: x, command: [sh, -c, "echo {{{{workflow.uid}}}} >> {file}"]}}
"""


def submit(server, file, run, timeout):
    """True: acknowledged."""
    body = json.dumps({"id": run, "document": DOCUMENT.format(file=file)}).encode()
    request = urllib.request.Request(server.url + ROOT + "/runs", data=body, headers={"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return answer.status in (200, 201)
    except OSError:
        return False


def lost_attempts():
    """How many attempts of each run the store says were lost: it counts the tries of a step from 0."""
    sql = "SELECT uid, sum(attempt) FROM node JOIN run ON run.id = node.run WHERE node.kind = 0 GROUP BY uid"
    rows = subprocess.run(["psql", os.environ["WEFT_TEST_POSTGRES"], "-AtF", " ", "-c", sql], check=True, stdout=subprocess.PIPE, text=True, cwd="/").stdout
    return {run: int(n) for run, n in (row.split() for row in rows.splitlines())}


def main():
    folder = tempfile.mkdtemp(prefix="weft-lease-", dir="/var/tmp")
    settings = {"store.url": os.environ["WEFT_TEST_POSTGRES"], "store.lease": f"{LEASE_S}s", "executor.process.isolation": "none"}
    file = os.path.join(folder, "ran")
    servers = []

    def start(name):
        place = os.path.join(folder, name)
        os.mkdir(place)
        server = harness.Server.__new__(harness.Server)
        servers.append(server)
        harness.Server.__init__(server, place, settings=settings, weft=os.path.abspath(sys.argv[1]))

    try:
        return drill(start, servers, file)
    finally:
        for s in servers:
            if getattr(s, "process", None) and s.process.poll() is None:
                s.process.send_signal(signal.SIGCONT)
                s.process.send_signal(signal.SIGTERM)
                try:
                    s.process.wait(20)
                except Exception:  # noqa: BLE001
                    s.process.kill()
                    s.process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def drill(start, servers, file):
    start("a")
    a = servers[0]
    standby = threading.Thread(target=start, args=("b",), daemon=True)
    standby.start()
    harness.wait_for(lambda: len(servers) == 2 and os.path.exists(servers[1].log_path) and "standing by" in servers[1].said())
    acknowledged, doubtful, undisturbed = [], [], []
    for i in range(RUNS_BEFORE):
        run = str(uuid.uuid4())
        if i == RUNS_BEFORE * 3 // 4:
            a.process.send_signal(signal.SIGSTOP)
            stopped = time.monotonic()
        (acknowledged if submit(a, file, run, 60 if i < RUNS_BEFORE * 3 // 4 else 0.3) else doubtful).append(run)
    assert len(acknowledged) >= RUNS_BEFORE * 3 // 4, a.said()
    standby.join(harness.LONG)
    b = servers[1]
    assert getattr(b, "url", None), "the other server did not take over: " + b.said()
    taken = time.monotonic() - stopped
    for _ in range(RUNS_AFTER):
        run = str(uuid.uuid4())
        assert submit(b, file, run, 60), b.said()
        acknowledged.append(run)
        undisturbed.append(run)
    a.process.send_signal(signal.SIGCONT)
    status = a.process.wait(harness.LONG)
    assert status not in (0, -signal.SIGKILL), f"the first server ended with {status}"
    assert "another server" in a.said(), a.said()
    for run in doubtful:  # whoever got no answer asks again, with the same id
        assert submit(b, file, run, 60), b.said()
    for run in acknowledged + doubtful:
        done = harness.wait_for(lambda: (lambda r: r if r.get("final") else None)(b.get(f"{ROOT}/runs/{run}").json))
        assert done["state"] == "Succeeded", done
    with open(file, encoding="utf-8") as lines:
        ran = lines.read().split()
    lost_of = lost_attempts()
    assert not any(lost_of.get(run, 0) for run in undisturbed), "what the second server ran alone was lost by nobody"
    again = 0
    for run in acknowledged + doubtful:
        count = ran.count(run)
        if count > 2:  # two steps
            lost = lost_of.get(run, 0)
            assert count <= 2 + lost, f"{run}: {count} lines for two steps, {lost} lost attempts"
            again += count - 2
        assert count >= 2, f"{run}: {count} lines"
    print(f"{len(acknowledged)} runs acknowledged, {len(doubtful)} asked for again; taken over after {taken:.1f} s (lease {LEASE_S} s); the first server could commit nothing more and ended "
          f"(exit status {status}); nothing lost, {again} steps that were under way tried again, no attempt ran twice")
    return 0


if __name__ == "__main__":
    sys.exit(main())
