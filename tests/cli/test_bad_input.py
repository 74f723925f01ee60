"""What goes wrong around the program: empty words, closed and full outputs, folders and databases that are not what they should be."""
import json
import os
import signal
import sqlite3
import subprocess
import sys
import unittest

from harness import Case, HELLO, LONG, WEFT, shell, workflow

LEAVES_A_JOURNAL = """
import os, signal, sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("PRAGMA journal_mode=DELETE")
db.execute("PRAGMA cache_size=1")
db.execute("BEGIN")
db.execute("CREATE TABLE big(x)")
db.executemany("INSERT INTO big VALUES (?)", [("y" * 1000,) for _ in range(2000)])
os.kill(os.getpid(), signal.SIGKILL)
"""


class Words(Case):
    def test_empty_words_name_nothing(self):
        self.weft("run", self.file(HELLO))
        for command in ("get", "logs", "delete", "retry"):
            self.weft(command, "", status=2)
            self.assertIn("is empty", self.err)
        self.assertIn("sample", self.weft("list"))

    def test_empty_values(self):
        path = self.file(HELLO)
        for option in ("--data", "--name", "-n", "--executor", "--entrypoint", "--params", "-o"):
            self.weft("run", path, option, "", status=2)
            self.assertIn("is empty", self.err)
        self.weft("run", path, "-p", "=x", status=2)
        self.assertIn('not "=x"', self.err)
        self.assertEqual(self.weft("list"), "")

    def test_namespace(self):
        for name in ("A B/..", "a/b", "-a", "a-", "x" * 64):
            self.weft("run", self.file(HELLO), "--namespace=" + name, status=2)
            self.assertIn("namespace", self.err)
        self.weft("run", self.file(HELLO), "-n", "team-a")


class Output(Case):
    def shell(self, command, status):
        done = subprocess.run(["bash", "-c", command, "bash", WEFT, self.file(HELLO)], env=self.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              timeout=LONG)
        self.assertEqual(done.returncode, status, done.stderr)
        return done

    def test_full(self):
        self.weft("run", self.file(HELLO))
        for words in ("list", "get sample", "get sample -o json", "logs sample", "version", 'run "$2"', 'run "$2" -o json'):
            self.assertIn("cannot write to standard output", self.shell(f'"$1" {words} > /dev/full', 3).stderr, words)

    def test_reader_that_leaves(self):
        for words in ("help argo", "list", 'run "$2"'):
            self.assertEqual(self.shell(f'"$1" {words} | head -c 1 >/dev/null; exit ${{PIPESTATUS[0]}}', 0).stderr.count("cannot"), 0)

    def test_closed_streams(self):
        """A database that is opened as standard output would have the tree in it."""
        for closed in (">&-", "2>&-", "<&-", "<&- >&- 2>&-"):
            self.shell(f'"$1" run "$2" {closed}', 0)
        self.assertEqual(len(self.weft("list", "-o", "quiet").split()), 4)
        with sqlite3.connect(os.path.join(self.data, "weft.db")) as db:
            self.assertEqual(db.execute("PRAGMA integrity_check").fetchone()[0], "ok")

    def test_few_descriptors(self):
        self.assertIn("too many open files", self.shell('ulimit -n 8; "$1" run "$2"', 3).stderr)

    def test_files_that_may_not_grow(self):
        self.assertIn("no space left", self.shell('ulimit -f 10; "$1" run "$2"', 3).stderr)


class Folders(Case):
    def test_a_file(self):
        self.data = self.file("x", "plain")
        self.weft("run", self.file(HELLO), status=3)
        self.assertEqual(self.err.count("\n"), 1, self.err)
        self.weft("list", status=3)
        self.assertIn("Not a directory", self.err)

    def test_relative_xdg_folder_is_ignored(self):
        self.data = ""
        self.weft("run", self.file(HELLO), XDG_DATA_HOME="relative", HOME=self.folder)
        self.assertTrue(os.path.exists(os.path.join(self.folder, ".local/share/weft/weft.db")))

    def test_spaces_and_other_letters(self):
        self.data = os.path.join(self.folder, "with space", "ünï 日本")
        self.weft("run", self.file(HELLO))
        self.assertIn("hello", self.weft("logs", "sample"))


class Databases(Case):
    def test_nothing_stored_yet(self):
        os.makedirs(self.data)
        open(os.path.join(self.data, "weft.db"), "w").close()
        self.assertEqual(self.weft("list"), "")
        self.assertEqual(self.weft("list", "-o", "json"), "[]\n")
        self.weft("get", "sample", status=2)
        self.weft("run", self.file(HELLO))

    def test_change_that_a_kill_cut_short(self):
        self.weft("run", self.file(HELLO))
        done = subprocess.run([sys.executable, "-c", LEAVES_A_JOURNAL, os.path.join(self.data, "weft.db")])
        self.assertEqual(done.returncode, -signal.SIGKILL)
        self.assertTrue(os.path.exists(os.path.join(self.data, "weft.db-journal")))
        self.assertIn("sample", self.weft("list"))

    def test_damage_is_said_and_stays_as_it_is(self):
        self.weft("run", self.file(HELLO))
        path = os.path.join(self.data, "weft.db")
        with sqlite3.connect(path) as db:
            db.execute("PRAGMA journal_mode=DELETE")  # all in one file
        with open(path, "rb") as f:
            whole = f.read()
        for name, damaged in {"head": b"\0" * 200 + whole[200:], "half": whole[:len(whole) // 2], "noise": whole[:4096] + b"\xa5" * (len(whole) - 4096)}.items():
            with open(path, "wb") as f:
                f.write(damaged)
            self.weft("list", status=3)
            self.weft("run", self.file(HELLO), status=3)
            self.assertIn("weft.db", self.err, name)


class Commands(Case):
    def test_what_cannot_be_started(self):
        """The message says what of the file is wrong, where the kernel's word does not."""
        for name, text, mode, hint in (("plain", "x", 0o644, "not executable"), ("interpreter", "#!/no/such/one\n", 0o755, "its interpreter"), ("noise", "x", 0o755, "begins with #!"),
                                       ("folder", None, 0o755, "it is a folder"), ("none", None, 0, "No such file or directory"), ("long", "#!/bin/sh\n", 0o755, "large values")):
            path = self.file(text, name) if text else os.path.join(self.folder, name)
            if name == "folder":
                os.mkdir(path)
            if mode:
                os.chmod(path, mode)
            args = ["x" * 200_000] if name == "long" else []
            document = workflow(f"- {{name: main, container: {{image: x, command: {json.dumps([path])}, args: {json.dumps(args)}}}}}", name=name)
            node = self.run_json(self.file(document), status=1)["nodes"][0]
            self.assertEqual(node["state"], "Error", node)
            self.assertIn(path, node["message"])
            self.assertIn(hint, node["message"])


class Limits(Case):
    def test_a_sequence_without_end(self):
        text = workflow("- name: main\n  steps: [[{name: many, template: t, withSequence: {count: '1000000000'}}]]\n- {name: t, container: {image: x, command: ['true']}}\n")
        self.weft("run", self.file(text), status=1)
        self.assertIn("engine.items_max", self.weft("get", "sample"))
        text = text.replace("1000000000", "9")
        self.assertIn("engine.items_max", self.weft("run", self.file(text), "--set", "engine.items_max=8", status=1))

    def test_parameters_of_megabytes(self):
        """Refused before anything runs, and the owner of the folder goes on with what it has."""
        path = self.file(workflow(shell("echo {{workflow.parameters.a}}"), name="large", more="  arguments: {parameters: [{name: a, value: x}, {name: b, value: y}]}\n"))
        large = self.file(json.dumps({"a": "x" * 5_000_000}), "large.json")
        sum_of = self.file(json.dumps({"a": "x" * 2000, "b": "y" * 2000}), "sum.json")
        self.weft("run", path, "--params", large, status=2)
        self.assertRegex(self.err, 'parameter "a" has 5000000 bytes.*store.value_bytes_max')
        self.assertEqual(self.err.count("\n"), 1, self.err)
        self.assertNotIn("weft resume", self.err)
        self.weft("run", path, "--params", sum_of, "--set", "store.run_bytes_max=3000", status=2)
        self.assertIn("store.run_bytes_max", self.err)
        self.assertEqual(self.weft("list"), "")
        owner = self.begin("run", self.file(workflow("- {name: main, suspend: {}}", name="waits"), "waits.yaml"))
        self.wait_node("waits", "main", "Suspended")
        self.weft("run", path, "--params", large, status=2)
        self.assertIn("store.value_bytes_max", self.err)
        self.weft("approve", "waits")
        self.end(owner, 0)

    def test_outputs_of_megabytes(self):
        write = "head -c 3000000 /dev/zero | tr '\\\\0' x"
        text = workflow(shell(write + " > /tmp/o") + "  outputs: {parameters: [{name: o, valueFrom: {path: /tmp/o}}]}\n", name="output")
        self.weft("run", self.file(text), status=1)
        self.assertRegex(self.weft("get", "output"), "parameter 'o'.*store.value_bytes_max")


if __name__ == "__main__":
    unittest.main()
