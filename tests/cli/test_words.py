"""Help, completion, the man page, wrong usage: what needs no run."""
import re
import shutil
import subprocess
import unittest

from harness import Case, HELLO, WEFT, workflow

COMMANDS = ["run", "lint", "list", "get", "logs", "stop", "terminate", "retry", "approve", "resume", "delete", "backup", "version", "help", "completion"]


class Words(Case):
    def test_version(self):
        self.assertRegex(self.weft("version"), r"^weft \d+\.\d+")
        self.assertEqual(self.weft("--version"), self.weft("version"))

    def test_help_names_every_command(self):
        out = self.weft("help")
        for command in COMMANDS:
            self.assertRegex(out, rf"(?m)^  {command} ")

    def test_help_of_every_command(self):
        for command in COMMANDS:
            out = self.weft("help", command)
            self.assertIn(f"usage: weft {command}", out)
            self.assertEqual(out, self.weft(command, "--help"))

    def test_no_command(self):
        self.assertIn("usage: weft", self.weft(status=2))

    def test_wrong_command(self):
        self.weft("rnu", status=2)
        self.assertIn("did you mean `weft run`", self.err)

    def test_wrong_option(self):
        self.weft("run", "--entrypiont", "x", "f", status=2)
        self.assertIn("did you mean --entrypoint", self.err)
        self.weft("list", "--follow", status=2)
        self.assertIn("does not take --follow", self.err)

    def test_missing_and_superfluous_words(self):
        self.weft("run", status=2)
        self.assertIn("needs FILE", self.err)
        self.weft("list", "x", status=2)
        self.assertIn("does not know what to do with", self.err)
        self.weft("get", "a", "b", status=2)
        self.weft("run", "f", "-p", status=2)
        self.assertIn("needs a value", self.err)
        self.weft("run", "f", "--name", "a", "--name", "b", status=2)
        self.assertIn("given twice", self.err)

    def test_output_form(self):
        self.weft("list", "-o", "jsn", status=2)
        self.assertIn("did you mean json", self.err)

    def test_settings(self):
        out = self.weft("help", "settings")
        for name in ("executor.process.slots", "executor.process.isolation", "engine.nodes_max", "store.value_bytes_max", "WEFT_EXECUTOR_PROCESS_SLOTS"):
            self.assertIn(name, out)
        path = self.file(HELLO)
        self.weft("run", path, "--set", "executor.process.slot=3", status=2)
        self.assertIn("did you mean executor.process.slots", self.err)
        self.weft("run", path, "--set", "executor.process.slots=many", status=2)
        self.assertIn("a whole number", self.err)
        self.weft("run", path, "--set", "executor.process.isolation=total", status=2)
        self.assertIn("none|private|sandbox", self.err)
        self.weft("run", path, "--set", "nonsense", status=2)
        self.weft("run", path, status=2, WEFT_EXECUTOR_PROCESS_SLOTS="0")
        self.assertIn("in the environment", self.err)

    def test_configuration_file(self):
        path = self.file("executor:\n  process:\n    slotz: 3\n", "config.yaml")
        self.weft("list", status=2, WEFT_CONFIG=path)
        self.assertIn("config.yaml:3:5: there is no setting executor.process.slotz", self.err)

    def test_completion(self):
        for name in ("bash", "zsh", "fish"):
            out = self.weft("completion", name)
            for command in COMMANDS:
                self.assertIn(command, out)
        done = subprocess.run(["bash", "-n"], input=self.weft("completion", "bash"), text=True, stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.weft("completion", "csh", status=2)

    def test_completion_completes(self):
        script = self.weft("completion", "bash") + '\nCOMP_WORDS=(weft run --entr); COMP_CWORD=2; _weft; echo "${COMPREPLY[@]}"'
        self.assertIn("--entrypoint", subprocess.run(["bash"], input=script, text=True, stdout=subprocess.PIPE).stdout)

    def test_completion_of_words(self):
        self.weft("run", self.file(HELLO, "a file.yaml"))
        script = self.weft("completion", "bash") + """
complete() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _weft; echo "${#COMPREPLY[@]}:${COMPREPLY[*]}"; }
weft() { "$WEFT" "$@"; }
complete weft help le; complete weft help arg; complete weft completion z; complete weft list ""; complete weft run "a f"; complete weft get -d "$PLACE" s; complete weft get -d "$PLACE/x" s
"""
        done = subprocess.run(["bash"], input=script.replace("complete -o", "builtin complete -o"), text=True, stdout=subprocess.PIPE, cwd=self.folder,
                              env=dict(self.environment(), WEFT=WEFT, PLACE=self.data))
        self.assertEqual(done.stdout.splitlines(), ["0:", "1:argo", "1:zsh", "0:", "1:a file.yaml", "1:sample", "0:"])

    def test_man_is_ascii(self):
        self.assertTrue(self.weft("man").isascii())

    def test_man(self):
        out = self.weft("man")
        self.assertTrue(out.startswith(".TH WEFT 1"))
        for command in COMMANDS:
            self.assertIn(f"weft {command}", out)
        if shutil.which("man"):
            self.assertEqual(subprocess.run(["man", "-l", "--warnings", "-"], input=out, text=True, stdout=subprocess.DEVNULL).returncode, 0)


class Lint(Case):
    def test_good(self):
        self.assertIn("good", self.weft("lint", self.file(HELLO)))

    def test_every_problem_has_a_place(self):
        text = HELLO.replace("image:", "imagee:").replace("entrypoint: main", "entrypoint: mian")
        path = self.file(text)
        self.weft("lint", path, status=2)
        lines = [line for line in self.err.splitlines() if line]
        self.assertTrue(lines)
        for line in lines:
            self.assertRegex(line, rf"^{re.escape(path)}:\d+:\d+: ")

    def test_parameter_that_nobody_reads(self):
        path = self.file(HELLO.replace("spec:", "spec:\n  arguments: {parameters: [{name: epochs, value: '1'}]}"))
        self.weft("lint", path, "-p", "epohcs=3")
        self.assertIn("did you mean 'epochs'?", self.err)
        self.weft("lint", path, "-p", "epochs=3")
        self.assertNotIn("warning", self.err)
        mentioned = self.file(HELLO.replace("echo hello", "echo {{workflow.parameters.extra}}"), "other.yaml")
        self.weft("lint", mentioned, "-p", "extra=3", status=None)
        self.assertNotIn("nothing in it reads", self.err)

    def test_several_files(self):
        good, bad = self.file(HELLO), self.file("a: [", "bad.yaml")
        self.assertIn("good", self.weft("lint", bad, good, status=2))
        self.assertIn("bad.yaml:", self.err)

    def test_no_file(self):
        self.weft("lint", "nowhere.yaml", status=2)
        self.assertIn("nowhere.yaml", self.err)

    def test_not_a_workflow(self):
        self.weft("lint", self.file("hello: world\n"), status=2)
        self.weft("lint", self.file(""), status=2)
        self.weft("lint", self.folder, status=2)


if __name__ == "__main__":
    unittest.main()
