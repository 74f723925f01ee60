"""What the tests of the command line share: a data folder each, the binary, documents."""
import json
import os
import shutil
import subprocess
import tempfile
import time
import unittest

WEFT = os.environ.get("WEFT", "weft")
LONG = 60  # an upper bound for anything: a test that needs it has failed


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="weft-cli-", dir="/var/tmp")  # the steps have a /tmp of their own
        self.data = os.path.join(self.folder, "data")
        self.running = []

    def tearDown(self):
        for process in self.running:
            if process.poll() is None:
                process.kill()
            process.communicate()
        shutil.rmtree(self.folder, ignore_errors=True)

    def environment(self, **more):
        kept = {k: v for k, v in os.environ.items() if not k.startswith("WEFT_") and k not in ("NO_COLOR", "XDG_CONFIG_HOME")}
        return dict(kept, WEFT_DATA=self.data, XDG_CONFIG_HOME=self.folder, LC_ALL="C.UTF-8", **more)

    def file(self, text, name="workflow.yaml"):
        path = os.path.join(self.folder, name)
        with open(path, "w") as f:
            f.write(text)
        return path

    def weft(self, *args, status=0, stdin=None, **more):
        """Runs to the end; returns what it printed. `status` None: any."""
        done = subprocess.run([WEFT, *args], env=self.environment(**more), input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=LONG,
                              cwd=self.folder)
        self.err = done.stderr
        if status is not None:
            self.assertEqual(done.returncode, status, f"weft {' '.join(args)}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def begin(self, *args, **more):
        """Starts, and leaves it running."""
        process = subprocess.Popen([WEFT, *args], env=self.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=self.folder, **more)
        self.running.append(process)
        return process

    def end(self, process, status=None):
        out, err = process.communicate(timeout=LONG)
        if status is not None:
            self.assertEqual(process.returncode, status, out + err)
        return out, err

    def run_json(self, path, *args, status=0):
        return json.loads(self.weft("run", path, "-o", "json", *args, status=status))

    def get(self, run):
        done = subprocess.run([WEFT, "get", run, "-o", "json"], env=self.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=LONG)
        return json.loads(done.stdout) if done.returncode == 0 else None

    def wait(self, what, message):
        end = time.monotonic() + LONG
        while time.monotonic() < end:
            value = what()
            if value:
                return value
            time.sleep(0.03)
        self.fail(f"waited in vain: {message}")

    def wait_state(self, run, *states):
        return self.wait(lambda: (lambda r: r if r and r["state"] in states else None)(self.get(run)), f"{run} to be {states}, is {self.get(run)}")

    def wait_node(self, run, node, *states):
        def look():
            found = self.get(run)
            return found and any(n["name"] == node and n["state"] in states for n in found["nodes"])
        self.wait(look, f"{node} of {run} to be {states}")


def workflow(templates, name="sample", entrypoint="main", more=""):
    lines = "\n".join("    " + line for line in templates.strip("\n").split("\n"))
    return f"""apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata:
  name: {name}
spec:
  entrypoint: {entrypoint}
{more}  templates:
{lines}
"""


def shell(script, name="main", inputs=""):
    return f"""- name: {name}
{inputs}  container:
    image: debian:12-slim
    command: [sh, -c]
    args: [{json.dumps(script)}]
"""


HELLO = workflow(shell("echo hello"))
FAILS = workflow(shell("echo what went wrong >&2; exit 3"), name="fails")
