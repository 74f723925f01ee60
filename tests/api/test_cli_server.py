"""The command line against a server: the words, output and exit statuses of `weft` on a data folder."""
import json
import os
import stat
import subprocess
import sys
import unittest

from harness import LONG, WEFT, Case
from test_native import FAIL, HELLO


class Cli(Case):
    def weft(self, *words, status=0, text=None, server=True):
        env = dict(self.server.environment)
        if server:
            env["WEFT_SERVER"] = self.server.url
        x = subprocess.run([WEFT, *words], env=env, input=text, capture_output=True, text=True, timeout=LONG, cwd=self.server.folder)
        self.assertEqual(x.returncode, status, f"weft {' '.join(words)}: {x.stdout}{x.stderr}")
        return x.stdout if status == 0 else x.stdout + x.stderr

    def file(self, name, text):
        with open(os.path.join(self.server.folder, name), "w") as f:
            f.write(text)
        return name

    def test_run_to_the_end(self):
        hello = self.file("hello.yaml", HELLO)
        out = self.weft("run", hello, "-p", "who=moon", "--name", "cli-hello")
        self.assertIn("cli-hello", out)
        self.assertIn("Succeeded", out)
        run = json.loads(self.weft("get", "cli-hello", "-o", "json"))
        self.assertEqual((run["state"], run["parameters"]), ("Succeeded", {"who": "moon"}))
        self.assertIn("Succeeded", self.weft("get", "cli-hello"))
        self.assertIn("hello moon\n", self.weft("logs", "cli-hello"))
        self.assertIn("cli-hello", self.weft("list", "-o", "quiet").split())
        self.assertEqual(json.loads(self.weft("list", "-o", "json"))[0]["language"], "argo")
        self.assertIn("name: cli-hello", self.weft("get", "cli-hello", "-o", "yaml"))
        self.assertEqual(self.weft("delete", "cli-hello"), "cli-hello deleted\n")
        self.assertIn("cli-hello", self.weft("get", "cli-hello", status=2))

    def test_statuses(self):
        self.weft("run", self.file("fail.yaml", FAIL), "--name", "cli-fails", status=1)
        self.weft("retry", "cli-fails", status=1)
        self.assertIn("ended already", self.weft("stop", "cli-fails", status=2))
        self.assertIn("wrong.yaml:", self.weft("run", self.file("wrong.yaml", HELLO.replace("template: say, depends", "template: shout, depends")), status=2))
        self.weft("list", "--server", "http://127.0.0.1:1", status=3)
        self.assertIn("URL", self.weft("list", "--server", "nowhere", status=2))

    def test_pipelines(self):
        hello = self.file("hello.yaml", HELLO)
        self.assertIn("cli-greeter version", self.weft("pipeline", "upload", "cli-greeter", hello))
        self.weft("pipeline", "upload", "cli-greeter", hello, "--name", "second")
        self.assertEqual(len(self.weft("pipeline", "versions", "cli-greeter", "-o", "quiet").split()), 2)
        self.assertIn("cli-greeter", self.weft("pipeline", "list"))
        self.assertEqual(json.loads(self.weft("pipeline", "get", "cli-greeter"))["state"], "active")
        self.weft("run", "cli-greeter", "-o", "quiet")
        self.weft("pipeline", "delete", "cli-greeter")
        self.assertIn("cli-greeter", self.weft("pipeline", "get", "cli-greeter", status=2))

    def test_apply(self):
        site = os.path.join(self.server.folder, "site")
        os.makedirs(os.path.join(site, "below"))

        def put(name, text):
            with open(os.path.join(site, name), "w") as f:
                f.write(text)
        put("below/applied.yaml", HELLO)
        put("weft.yaml", "recurring:\n- {name: applied-nightly, pipeline: applied, cron: '30 2 * * *', timezone: Europe/Berlin}\npresets:\n- {name: few, pipeline: applied, parameters: {who: moon}}\n")
        self.assertIn("would be: 3 made, 0 changed", self.weft("apply", "-f", site, "--dry-run"))
        self.weft("pipeline", "get", "applied", status=2)
        self.assertIn("3 made, 0 changed, 0 the same", self.weft("apply", "-f", site))
        self.assertEqual("0 made, 0 changed, 3 the same\n", self.weft("apply", "-f", site))
        put("below/applied.yaml", HELLO.replace("echo hello", "echo good day"))
        said = self.weft("apply", "-f", site)
        self.assertIn("0 made, 1 changed, 2 the same", said)
        self.assertIn("echo good day", said)
        self.assertEqual(len(self.weft("pipeline", "versions", "applied", "-o", "quiet").split()), 2)
        put("below/wrong.yaml", HELLO.replace("template: say, depends", "template: shout, depends"))
        self.assertIn("wrong.yaml:", self.weft("apply", "-f", site, "--dry-run", status=2))
        os.unlink(os.path.join(site, "below/wrong.yaml"))
        put("weft.yaml", "recuring: []\n")
        self.assertIn("recuring", self.weft("apply", "-f", site, status=2))
        self.weft("apply", status=2)
        self.weft("apply", "-f", site + "/nowhere", status=2)

    def test_login(self):
        self.weft("login", self.server.url, text="secret-word\n", server=False)
        path = os.path.join(self.server.folder, "weft", "login.json")
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        with open(path) as f:
            self.assertEqual(json.load(f), {self.server.url: "secret-word"})


if __name__ == "__main__":
    unittest.main(verbosity=2 if "-v" in sys.argv else 1)
