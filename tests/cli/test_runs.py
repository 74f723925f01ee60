"""Runs, and every command on them."""
import fcntl
import json
import os
import pty
import re
import select
import signal
import socket
import sqlite3
import struct
import subprocess
import termios
import unittest

from harness import Case, FAILS, HELLO, LONG, WEFT, shell, workflow

NODE_KEYS = {"id", "name", "task", "template", "kind", "state", "attempt", "started_at", "finished_at", "message", "exit_code", "outputs", "parent", "depends_on"}
RUN_KEYS = {"id", "name", "state", "message", "started_at", "finished_at", "parameters", "outputs", "nodes"}

STEPS = workflow("""
- name: main
  steps:
  - - name: first
      template: first
  - - name: second
      template: second
""" + shell("echo one", "first") + shell("echo two", "second"), name="steps")

SLOW = workflow(shell("echo begun; sleep 30"), name="slow")

APPROVAL = workflow("""
- name: main
  steps:
  - - name: ask
      template: ask
  - - name: after
      template: after
- name: ask
  suspend: {}
""" + shell("echo approved", "after"), name="approval")


class Run(Case):
    def test_json(self):
        run = self.run_json(self.file(HELLO))
        self.assertLessEqual(RUN_KEYS, set(run))
        self.assertEqual((run["state"], run["name"]), ("Succeeded", "sample"))
        for node in run["nodes"]:
            self.assertLessEqual(NODE_KEYS, set(node))
            self.assertEqual(set(node["outputs"]), {"parameters", "artifacts"})
        leaf = run["nodes"][-1]
        self.assertEqual((leaf["state"], leaf["exit_code"], leaf["kind"]), ("Succeeded", 0, "task"))

    def test_failure_is_exit_1(self):
        run = self.run_json(self.file(FAILS), status=1)
        self.assertEqual((run["state"], run["nodes"][-1]["exit_code"]), ("Failed", 3))

    def test_invalid_is_exit_2(self):
        path = self.file(HELLO.replace("entrypoint: main", "entrypoint: mian"))
        self.weft("run", path, status=2)
        self.assertIn(path, self.err)
        self.assertEqual(self.weft("list", "-o", "json").strip(), "[]")

    def test_invalid_as_argo(self):
        out = self.weft("run", self.file(HELLO.replace("entrypoint: main", "entrypoint: mian")), "-o", "argo", status=2)
        self.assertEqual(json.loads(out)["status"]["phase"], "Failed")

    def test_argo_status(self):
        status = json.loads(self.weft("run", self.file(HELLO), "-o", "argo"))
        self.assertEqual((status["metadata"]["name"], status["status"]["phase"]), ("sample", "Succeeded"))
        self.weft("run", self.file(HELLO), "-o", "kfp", status=2)

    def test_plain_lines(self):
        out = self.weft("run", self.file(STEPS))
        self.assertRegex(out, r"(?m)^Succeeded +first")
        self.assertRegex(out, r"(?m)^Succeeded +second")
        self.assertRegex(out, r"(?m)^steps +Succeeded")
        self.assertNotIn("\033", out)
        self.assertEqual(self.err.count("images"), 1)

    def test_quiet(self):
        self.assertEqual(self.weft("run", self.file(HELLO), "-o", "quiet"), "sample\n")

    def test_standard_input(self):
        self.assertIn("sample", self.weft("run", "-", "-o", "quiet", stdin=HELLO))

    def test_names(self):
        path = self.file(HELLO)
        self.weft("run", path)
        second = self.run_json(path)
        self.assertRegex(second["name"], r"^sample-[a-z0-9]{5}$")
        self.assertEqual(self.run_json(path, "--name", "mine")["name"], "mine")
        self.weft("run", path, "--name", "mine", status=2)
        self.assertIn("there is a run named mine already", self.err)
        self.weft("run", path, "--name", "Not Good", status=2)
        generated = self.run_json(self.file(HELLO.replace("name: sample", "generateName: made-")))
        self.assertRegex(generated["name"], r"^made-[a-z0-9]{5}$")

    def test_parameters(self):
        text = workflow("""
- name: main
  inputs:
    parameters:
    - name: a
    - name: b
  container:
    image: debian:12-slim
    command: [sh, -c, 'echo "{{inputs.parameters.a}} {{inputs.parameters.b}}"']
""", more="  arguments:\n    parameters:\n    - {name: a, value: x}\n    - {name: b, value: 'y'}\n")
        path = self.file(text)
        self.assertEqual(self.run_json(path)["parameters"], {"a": "x", "b": "y"})
        run = self.run_json(path, "--params", '{"a": "1", "b": "2"}', "-p", "b=from -p = here")
        self.assertEqual(run["parameters"], {"a": "1", "b": "from -p = here"})
        self.assertEqual(self.weft("logs", run["name"], "1"), "1 from -p = here\n")
        run = self.run_json(path, "--params", self.file("a: from a file\n", "p.yaml"))
        self.assertEqual(run["parameters"]["a"], "from a file")
        self.weft("run", path, "-p", "a", status=2)
        self.weft("run", path, "--params", '{"a": ', status=2)

    def test_entrypoint(self):
        text = workflow(shell("exit 1") + shell("exit 0", "other"))
        self.weft("run", self.file(text), status=1)
        self.weft("run", self.file(text), "--entrypoint", "other")

    def test_null_executor(self):
        run = self.run_json(self.file(FAILS), "--executor", "null")
        self.assertEqual(run["state"], "Succeeded")
        self.weft("run", self.file(FAILS), "--executor", "proces", status=2)
        self.assertIn("did you mean process", self.err)

    def test_output_written_by_its_bare_name(self):
        text = workflow("""
- name: main
  outputs: {parameters: [{name: r, valueFrom: {path: /a-result-of-this-test.txt}}]}
  container: {image: 'debian:12-slim', command: [sh, -c, 'echo here > a-result-of-this-test.txt']}
""")
        for isolation in ("none", "private"):
            run = self.run_json(self.file(text), "--set", f"executor.process.isolation={isolation}")
            self.assertEqual(run["outputs"], {"r": "here"})

    def test_command_that_does_not_exist(self):
        text = HELLO.replace("[sh, -c]", "[no-such-program-anywhere]")
        run = self.run_json(self.file(text), status=1)
        self.assertIn("no-such-program-anywhere", run["nodes"][-1]["message"])


class Reading(Case):
    def test_nothing_yet(self):
        self.assertEqual(self.weft("list"), "")
        self.assertEqual(self.weft("list", "-o", "json"), "[]\n")
        self.weft("get", "x", status=2)
        self.assertIn("there is no run x", self.err)
        self.assertFalse(os.path.exists(self.data))

    def test_list_and_get(self):
        run = self.run_json(self.file(STEPS))
        self.assertRegex(self.weft("list"), r"(?m)^steps +Succeeded")
        self.assertEqual([r["name"] for r in json.loads(self.weft("list", "-o", "json"))], ["steps"])
        self.assertEqual(self.weft("list", "-o", "quiet"), "steps\n")
        for ref in ("steps", run["id"], run["id"][:8]):
            self.assertEqual(json.loads(self.weft("get", ref, "-o", "json")), run)
        self.assertIn("second", self.weft("get", "steps"))
        self.assertIn("name: steps", self.weft("get", "steps", "-o", "yaml"))

    def test_depends_on(self):
        text = workflow("""
- name: main
  dag:
    tasks:
    - {name: a, template: t}
    - {name: b, template: t, dependencies: [a]}
    - {name: c, template: t, dependencies: [a, b]}
""" + shell("true", "t"))
        nodes = {n["name"]: n for n in self.run_json(self.file(text))["nodes"]}
        self.assertEqual(nodes["b"]["depends_on"], [nodes["a"]["id"]])
        self.assertEqual(set(nodes["c"]["depends_on"]), {nodes["a"]["id"], nodes["b"]["id"]})
        self.assertEqual(nodes["a"]["parent"], nodes["b"]["parent"])

    def test_logs(self):
        self.weft("run", self.file(STEPS))
        self.assertEqual(self.weft("logs", "steps"), "first: one\nsecond: two\n")
        self.assertEqual(self.weft("logs", "steps", "second"), "two\n")
        self.weft("logs", "steps", "third", status=2)
        self.weft("logs", "nothing", status=2)

    def test_logs_follow(self):
        flag = os.path.join(self.folder, "go")
        run = self.begin("run", self.file(workflow(shell(f"echo begun; until [ -e {flag} ]; do sleep 0.05; done; echo ended"), name="slow")))
        self.wait(lambda: "begun" in (self.weft("logs", "slow", status=None) or ""), "the first line")
        logs = self.begin("logs", "slow", "-f")
        self.assertIn("begun", logs.stdout.readline())
        open(flag, "w").close()
        self.assertIn("ended", self.end(logs, 0)[0])
        self.end(run, 0)


class Changing(Case):
    def test_stop_and_retry(self):
        flag = os.path.join(self.folder, "quick")
        text = workflow(shell(f"[ -e {flag} ] || sleep 60"), name="slow")
        run = self.begin("run", self.file(text))
        self.wait_node("slow", "main", "Running")
        self.assertIn("is being stopped", self.weft("stop", "slow"))
        self.end(run, 1)
        self.assertEqual(self.get("slow")["state"], "Stopped")
        self.weft("stop", "slow", status=2)
        open(flag, "w").close()
        self.weft("retry", "slow")
        self.assertEqual(self.get("slow")["state"], "Succeeded")

    def test_retry_keeps_what_succeeded(self):
        flag, count = os.path.join(self.folder, "flag"), os.path.join(self.folder, "count")
        text = workflow("""
- name: main
  steps:
  - - {name: first, template: first}
  - - {name: second, template: second}
""" + shell(f"echo x >> {count}", "first") + shell(f"[ -e {flag} ]", "second"), name="twice")
        self.weft("run", self.file(text), status=1)
        open(flag, "w").close()
        self.weft("retry", "twice")
        self.assertEqual(open(count).read(), "x\n")
        self.weft("retry", "twice", status=None)

    def test_terminate(self):
        text = workflow(shell("sleep 60") + shell(f"touch {self.folder}/handled", "bye"), name="slow", more="  onExit: bye\n")
        run = self.begin("run", self.file(text))
        self.wait_node("slow", "main", "Running")
        self.weft("terminate", "slow")
        self.end(run, 1)
        self.assertEqual(self.get("slow")["state"], "Terminated")
        self.assertFalse(os.path.exists(os.path.join(self.folder, "handled")))

    def test_approve_a_run_that_is_watched(self):
        run = self.begin("run", self.file(APPROVAL))
        self.wait_node("approval", "ask", "Suspended")
        self.weft("approve", "approval", "nobody", status=2)
        self.assertIn("goes on", self.weft("approve", "approval"))
        self.end(run, 0)
        self.weft("approve", "approval", status=2)

    def test_approve_after_leaving(self):
        run = self.begin("run", self.file(APPROVAL))
        self.wait_node("approval", "ask", "Suspended")
        run.send_signal(signal.SIGTERM)
        self.end(run)
        self.assertEqual(self.get("approval")["state"], "Suspended")
        self.weft("approve", "approval", "ask")
        self.assertEqual(self.get("approval")["state"], "Succeeded")

    def test_resume_does_not_approve(self):
        run = self.begin("run", self.file(APPROVAL))
        self.wait_node("approval", "ask", "Suspended")
        run.kill()
        self.end(run)
        door = os.path.join(self.data, "socket")
        os.unlink(door)
        resumed = self.begin("resume", "approval")
        self.wait(lambda: os.path.exists(door), "the new owner")
        self.wait(lambda: self.weft("approve", "approval", status=None), "the approval")
        self.end(resumed, 0)

    def test_delete(self):
        run = self.run_json(self.file(HELLO))
        self.assertIn("deleted", self.weft("delete", "sample"))
        self.assertEqual(self.weft("list"), "")
        self.wait(lambda: not os.path.exists(os.path.join(self.data, "runs", run["id"])), "its folder to go")
        self.weft("delete", "sample", status=2)

    def test_backup(self):
        run = self.run_json(self.file(HELLO))
        copy = os.path.join(self.folder, "copy")
        self.weft("backup", copy)
        self.assertEqual(sorted(os.listdir(os.path.join(copy, "runs"))), [run["id"]])
        self.weft("backup", copy, status=2)
        self.assertIn("exists already", self.err)
        self.weft("delete", "sample")
        own, self.data = self.data, copy
        try:
            self.assertEqual(self.weft("list", "-o", "quiet").split(), ["sample"])
            self.assertIn("hello", self.weft("logs", "sample"))
        finally:
            self.data = own

    def test_delete_refuses_what_runs(self):
        run = self.begin("run", self.file(SLOW))
        self.wait_node("slow", "main", "Running")
        self.weft("delete", "slow", status=2)
        self.assertIn("has not ended", self.err)
        run.send_signal(signal.SIGINT)
        self.end(run, 1)


class Processes(Case):
    def test_first_interrupt_stops_and_exit_handlers_run(self):
        text = workflow(shell("sleep 60") + shell(f"touch {self.folder}/handled", "bye"), name="slow", more="  onExit: bye\n")
        run = self.begin("run", self.file(text))
        self.wait_node("slow", "main", "Running")
        run.send_signal(signal.SIGINT)
        self.assertIn("weft retry slow", self.end(run, 1)[1])
        self.assertEqual(self.get("slow")["state"], "Stopped")
        self.assertTrue(os.path.exists(os.path.join(self.folder, "handled")))

    def test_second_interrupt_detaches(self):
        flag = os.path.join(self.folder, "go")
        run = self.begin("run", self.file(workflow(shell(f"trap '' TERM; until [ -e {flag} ]; do sleep 0.05; done"), name="slow")), "--set", "executor.process.grace=60s")
        self.wait_node("slow", "main", "Running")
        run.send_signal(signal.SIGINT)
        self.wait_state("slow", "Stopping")
        run.send_signal(signal.SIGINT)
        self.assertIn("weft resume slow", self.end(run, 1)[1])
        self.assertEqual(self.get("slow")["state"], "Stopping")
        open(flag, "w").close()
        self.weft("resume", "slow", status=1)
        self.assertEqual(self.get("slow")["state"], "Stopped")

    def test_kill_and_resume(self):
        flag, count = os.path.join(self.folder, "go"), os.path.join(self.folder, "count")
        run = self.begin("run", self.file(workflow(shell(f"echo x >> {count}; until [ -e {flag} ]; do sleep 0.05; done; exit 0"), name="slow")))
        self.wait(lambda: os.path.exists(count), "the step to begin")
        run.kill()
        self.end(run)
        self.assertEqual(self.get("slow")["state"], "Running")
        resumed = self.begin("resume", "slow")
        open(flag, "w").close()
        self.end(resumed, 0)
        self.assertEqual(open(count).read(), "x\n")
        self.assertEqual(self.get("slow")["state"], "Succeeded")

    def test_second_run_is_handed_over_and_taken_on(self):
        flags = [os.path.join(self.folder, n) for n in ("one", "two")]
        def text(n):
            return workflow(shell(f"until [ -e {flags[n]} ]; do sleep 0.05; done"), name=f"run{n}")
        first = self.begin("run", self.file(text(0), "one.yaml"))
        self.wait_node("run0", "main", "Running")
        second = self.begin("run", self.file(text(1), "two.yaml"))
        self.wait_node("run1", "main", "Running")
        open(flags[0], "w").close()
        self.end(first, 0)  # the owner leaves; whoever follows its other run owns the folder now
        open(flags[1], "w").close()
        self.end(second, 0)
        self.assertEqual(self.get("run1")["state"], "Succeeded")

    def test_owner_killed_under_a_follower(self):
        flags = [os.path.join(self.folder, n) for n in ("one", "two")]
        first = self.begin("run", self.file(workflow(shell(f"until [ -e {flags[0]} ]; do sleep 0.05; done"), name="run0"), "one.yaml"))
        self.wait_node("run0", "main", "Running")
        second = self.begin("run", self.file(workflow(shell(f"until [ -e {flags[1]} ]; do sleep 0.05; done"), name="run1"), "two.yaml"))
        self.wait_node("run1", "main", "Running")
        first.kill()
        self.end(first)
        open(flags[1], "w").close()
        self.end(second, 0)
        open(flags[0], "w").close()
        self.weft("resume", "run0")
        self.assertEqual(self.get("run0")["state"], "Succeeded")

    def test_a_run_that_is_asked_for_again_is_made_once(self):
        owner = self.begin("run", self.file(SLOW))
        self.wait_node("slow", "main", "Running")
        uid = "01234567-89ab-4cde-8f01-23456789abcd"
        command = {"command": "run", "document": HELLO, "uid": uid, "base_name": "sample", "submission": "{}"}

        def ask(**more):
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(LONG)
                s.connect(os.path.join(self.data, "socket"))
                s.sendall((json.dumps(dict(command, **more)) + "\n").encode())
                return json.loads(s.makefile().readline())

        first, second = ask(), ask(again=True)
        self.assertEqual((first["ok"], first["uid"], first["name"]), (True, uid, "sample"), first)
        self.assertEqual((second["ok"], second["uid"], second["name"]), (True, uid, "sample"), second)
        self.wait_state("sample", "Succeeded")
        self.assertEqual(ask(again=True)["uid"], uid)
        self.assertEqual(len(json.loads(self.weft("list", "-o", "json"))), 2)
        owner.send_signal(signal.SIGINT)
        self.end(owner, 1)

    def test_interrupt_of_a_follower_stops_its_run_only(self):
        flag = os.path.join(self.folder, "one")
        first = self.begin("run", self.file(workflow(shell(f"until [ -e {flag} ]; do sleep 0.05; done"), name="run0"), "one.yaml"))
        self.wait_node("run0", "main", "Running")
        second = self.begin("run", self.file(SLOW))
        self.wait_node("slow", "main", "Running")
        second.send_signal(signal.SIGINT)
        self.end(second, 1)
        self.assertEqual(self.get("slow")["state"], "Stopped")
        self.assertEqual(self.get("run0")["state"], "Running")
        open(flag, "w").close()
        self.end(first, 0)

    def test_another_executor_is_refused(self):
        first = self.begin("run", self.file(SLOW))
        self.wait_node("slow", "main", "Running")
        self.weft("run", self.file(HELLO, "hello.yaml"), "--executor", "null", status=2)
        self.assertIn("owns the data folder", self.err)
        first.send_signal(signal.SIGINT)
        self.end(first, 1)

    def test_long_data_folder(self):
        self.data = os.path.join(self.folder, *["a-rather-long-name-of-a-folder"] * 6)
        first = self.begin("run", self.file(SLOW))
        self.wait_node("slow", "main", "Running")
        self.weft("stop", "slow")
        self.end(first, 1)


class BadData(Case):
    def test_folder_that_is_a_file(self):
        self.data = self.file("x", "plain")
        self.weft("run", self.file(HELLO), status=3)
        self.assertIn("data folder", self.err)

    def test_database_of_a_newer_version(self):
        self.weft("run", self.file(HELLO))
        path = os.path.join(self.data, "weft.db")
        with sqlite3.connect(path) as db:
            version = db.execute("PRAGMA user_version").fetchone()[0]
            db.execute(f"PRAGMA user_version = {version + 1}")
        self.weft("run", self.file(HELLO), status=3)
        self.assertRegex(self.err, "newer")
        self.weft("list", status=3)

    def test_damaged_database(self):
        os.makedirs(self.data)
        with open(os.path.join(self.data, "weft.db"), "wb") as f:
            f.write(b"this is no database" * 1000)
        self.weft("list", status=3)
        self.weft("run", self.file(HELLO), status=3)

    def test_large_document(self):
        self.weft("run", self.file(HELLO + "#" * 5000), "--set", "runs.document_bytes_max=4096", status=2)
        self.assertIn("runs.document_bytes_max", self.err)

    def test_megabytes_of_a_parameter(self):
        text = workflow("- name: main\n  inputs: {parameters: [{name: a}]}\n  container: {image: x, command: ['true']}\n",
                        more="  arguments: {parameters: [{name: a, value: x}]}\n")
        path = self.file(json.dumps({"a": "x" * (3 << 20)}), "p.json")
        self.weft("run", self.file(text), "--params", path, status=None)
        self.assertTrue(self.err)
        self.assertEqual(self.weft("list", "-o", "quiet", status=None) is not None, True)


class Terminal(Case):
    def on_terminal(self, *args, columns=80, **more):
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        process = subprocess.Popen([WEFT, *args], env=self.environment(TERM=more.pop("TERM", "xterm"), **more), stdin=slave, stdout=slave, stderr=subprocess.DEVNULL)
        self.running.append(process)
        os.close(slave)
        out = b""
        while True:
            ready, _, _ = select.select([master], [], [], LONG)
            self.assertTrue(ready, "nothing came from the terminal")
            try:
                chunk = os.read(master, 65536)
            except OSError:
                break
            if not chunk:
                break
            out += chunk
        os.close(master)
        process.wait(LONG)
        return out.decode()

    def test_live_tree(self):
        out = self.on_terminal("run", self.file(STEPS))
        self.assertIn("\033[", out)
        self.assertIn("✓", out)
        self.assertIn("second", out)

    def test_narrow(self):
        name = "a-step-with-a-very-long-name-indeed-that-does-not-fit"
        text = workflow(f"- name: main\n  steps:\n  - - {{name: {name}, template: t}}\n" + shell("true", "t"))
        out = self.on_terminal("run", self.file(text), columns=30, NO_COLOR="1")
        for line in re.sub(r"\033\[[0-9;?]*[a-zA-Z]", "", out).splitlines():
            self.assertLessEqual(len(line), 30, line)

    def test_no_color(self):
        self.assertNotRegex(self.on_terminal("run", self.file(HELLO), NO_COLOR="1"), r"\033\[[0-9;]*m")

    def test_dumb(self):
        self.assertNotIn("\033", self.on_terminal("run", self.file(HELLO), TERM="dumb"))

    def test_progress_of_a_fan_out(self):
        text = workflow("- name: main\n  steps:\n  - - {name: many, template: t, withSequence: {count: '40'}}\n" + shell("true", "t"))
        self.assertRegex(self.on_terminal("run", self.file(text)), r"40/40")


if __name__ == "__main__":
    unittest.main()
