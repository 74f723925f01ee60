#!/usr/bin/env python3
"""Limits and fair shares on a started server: a large fan-out holds nobody up, runs beyond a limit wait and say why, also over a kill."""
import json
import os
import signal
import socket
import subprocess
import unittest

from harness import LONG, WEFT, Case, Server, wait_for


def workflow(name, n=None, seconds="0.01"):
    leaf = {"name": "leaf", "container": {"image": "none", "command": ["/bin/sleep", seconds]}}
    if n is None:
        return {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": name}, "spec": {"entrypoint": "leaf", "templates": [leaf]}}
    main = {"name": "main", "steps": [[{"name": "fan", "template": "leaf", "withSequence": {"count": str(n)}}]]}
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": name}, "spec": {"entrypoint": "main", "templates": [main, leaf]}}


def command(server, **words):
    """One command through the socket in the data folder; the answer."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(LONG)
        s.connect(os.path.join(server.data, "socket"))
        s.sendall((json.dumps(words) + "\n").encode())
        with s.makefile() as lines:
            return json.loads(lines.readline())


def submit(server, document, owner="", priority=0, ns="default"):
    answer = command(server, command="run", document=json.dumps(document), base_name=document["metadata"]["name"], namespace=ns,
                     meta={"owner": owner, "priority": priority})
    assert answer.get("uid"), answer
    return answer["name"]


def weft(server, *words):
    done = subprocess.run([WEFT, *words, "--data", server.data], env=server.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=LONG)
    return done.stdout


def run_of(server, name):
    return json.loads(weft(server, "get", name, "-o", "json"))


def state_of(server, name):
    return run_of(server, name)["state"]


class Shares(Case):
    settings = {"executor.process.slots": 4, "executor.process.isolation": "none"}

    def test_a_single_step_starts_beside_a_fan_out_of_10000(self):
        submit(self.server, workflow("ann-large", 10000), "ann")
        wait_for(lambda: run_of(self.server, "ann-large")["nodes"] and sum(n["state"] == "Succeeded" for n in run_of(self.server, "ann-large")["nodes"]) > 20)
        submit(self.server, workflow("bob-small"), "bob")
        wait_for(lambda: state_of(self.server, "bob-small") == "Succeeded")
        self.assertEqual(command(self.server, command="terminate", run="ann-large").get("name"), "ann-large")
        wait_for(lambda: state_of(self.server, "ann-large") == "Terminated")
        small, large = run_of(self.server, "bob-small"), run_of(self.server, "ann-large")
        began = min(n["started_at"] for n in small["nodes"] if n.get("started_at"))
        between = [n for n in large["nodes"] if n["kind"] == "task" and n.get("started_at") and small["created_at"] < n["started_at"] < began]
        # those that were handed over while bob's run was on its way to disk, and then one start of ann's at most
        self.assertLess(len(between), 40)

    def test_why_steps_wait_is_in_the_row_of_their_run(self):
        submit(self.server, workflow("cy-waits", 12, "0.4"), "cy")
        reason = wait_for(lambda: run_of(self.server, "cy-waits")["message"])
        self.assertIn("4 of 4 steps run", reason)
        wait_for(lambda: state_of(self.server, "cy-waits") == "Succeeded")
        self.assertFalse(run_of(self.server, "cy-waits")["message"])


class Limits(unittest.TestCase):
    def setUp(self):
        self.server = Server(None, settings={"limits.runs_per_user": 2, "executor.process.slots": 16,
                                             "limits.exceptions": json.dumps([{"user": "dee", "runs": 1, "steps": 3}])})
        self.addCleanup(self.server.close)

    def states(self, names):
        return [state_of(self.server, n) for n in names]

    def test_runs_wait_for_their_turn_also_over_a_kill(self):
        ann = [submit(self.server, workflow(f"ann-{i}", seconds="30"), "ann") for i in range(4)]
        late = submit(self.server, workflow("ann-urgent", seconds="30"), "ann", 5)
        bob = submit(self.server, workflow("bob-0", seconds="30"), "bob")
        wait_for(lambda: self.states([*ann, bob]) == ["Running", "Running", "Queued", "Queued", "Running"])
        self.assertEqual(run_of(self.server, "ann-2")["message"], "waits for its turn: 2 of 2 runs of user ann run")
        self.server.kill(signal.SIGKILL)
        self.server.process.stdout.close()
        self.server.log.close()
        self.server.start()
        command(self.server, command="terminate", run="ann-0")
        wait_for(lambda: self.states(["ann-0", late]) == ["Terminated", "Running"])
        self.assertEqual(self.states(ann[1:]), ["Running", "Queued", "Queued"])
        self.assertFalse(run_of(self.server, late)["message"])
        # one that waits is stopped, and deleted, where it stands
        command(self.server, command="stop", run="ann-2")
        wait_for(lambda: state_of(self.server, "ann-2") == "Stopped")
        self.assertIn("has not ended", command(self.server, command="delete", run="ann-3")["error"])
        self.assertTrue(command(self.server, command="delete", run="ann-3", force=True).get("ok", True))
        again = submit(self.server, workflow("ann-9", seconds="0"), "ann")
        self.assertEqual(state_of(self.server, again), "Queued")
        command(self.server, command="terminate", run="ann-1")
        wait_for(lambda: state_of(self.server, again) == "Succeeded")
        for name in (late, bob):
            command(self.server, command="terminate", run=name)

    def test_an_exception_counts_in_place_of_the_common_limit(self):
        first = submit(self.server, workflow("dee-0", 6, "30"), "dee")
        second = submit(self.server, workflow("dee-1", seconds="0"), "dee")
        wait_for(lambda: run_of(self.server, first)["message"])
        self.assertIn("3 of 3 steps of user dee run", run_of(self.server, first)["message"])
        self.assertEqual(sum(n["state"] == "Running" for n in run_of(self.server, first)["nodes"] if n["kind"] == "task"), 3)
        self.assertEqual(run_of(self.server, second)["message"], "waits for its turn: 1 of 1 runs of user dee run")
        command(self.server, command="terminate", run=first)
        wait_for(lambda: state_of(self.server, second) == "Succeeded")


class Priorities(Case):
    settings = {"limits.runs": 1, "executor.process.isolation": "none"}

    def test_a_priority_given_later_counts(self):
        go = os.path.join(self.server.folder, "go")
        blocker = workflow("blocker")
        blocker["spec"]["templates"][0]["container"]["command"] = ["/bin/sh", "-c", f"while [ ! -e {go} ]; do sleep 0.02; done"]
        submit(self.server, blocker, "ann")
        wait_for(lambda: state_of(self.server, "blocker") == "Running")
        submit(self.server, workflow("second"), "ann")
        submit(self.server, workflow("third"), "ann")
        changed = self.server.request("PATCH", "/api/weft/v1/runs/third", {"priority": 9})
        self.assertEqual((changed.status, changed.json.get("priority")), (200, 9), changed.text)
        open(go, "w").close()
        wait_for(lambda: state_of(self.server, "second") == state_of(self.server, "third") == "Succeeded")
        self.assertLess(run_of(self.server, "third")["started_at"], run_of(self.server, "second")["started_at"])


if __name__ == "__main__":
    unittest.main()
