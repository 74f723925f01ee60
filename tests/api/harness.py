"""What the tests of the server share: a started `weft serve` with a data folder of its own, and a small HTTP client."""
import http.client
import json
import os
import re
import selectors
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
import urllib.parse

WEFT = os.environ.get("WEFT", "weft")
LONG = 60  # an upper bound for anything: a test that needs it has failed


class Answer:
    """Status, headers (names in lower case) and body of one response."""

    def __init__(self, response):
        self.status = response.status
        self.headers = {k.lower(): v for k, v in response.getheaders()}
        self.body = response.read()

    @property
    def text(self):
        return self.body.decode()

    @property
    def json(self):
        return json.loads(self.body)


class Server:
    """`weft serve` on a free port of the loopback, in `folder`/data; ended by its pid. What it said is in `folder`/serve.log."""

    def __init__(self, folder=None, *args, settings=None, env=None, listen="127.0.0.1:0", weft=WEFT):
        self.own = folder is None
        self.folder = folder or tempfile.mkdtemp(prefix="weft-api-", dir="/var/tmp")  # the steps have a /tmp of their own
        self.data = os.path.join(self.folder, "data")
        self.log_path = os.path.join(self.folder, "serve.log")
        self.command = [weft, "serve", "--listen", listen, "--data", self.data]
        for name, value in (settings or {}).items():
            self.command += ["--set", f"{name}={value}"]
        self.command += args
        kept = {k: v for k, v in os.environ.items() if not k.startswith("WEFT_") and k != "XDG_CONFIG_HOME"}
        self.environment = dict(kept, XDG_CONFIG_HOME=self.folder, LC_ALL="C.UTF-8", **(env or {}))
        self.token = None
        self.start()

    def start(self):
        if getattr(self, "process", None):
            self.process.stdout.close()
            self.log.close()
        self.log = open(self.log_path, "a+")
        self.process = subprocess.Popen(self.command, env=self.environment, stdout=subprocess.PIPE, stderr=self.log, text=True, cwd=self.folder)
        waiting = selectors.DefaultSelector()
        waiting.register(self.process.stdout, selectors.EVENT_READ)
        line = self.process.stdout.readline() if waiting.select(LONG) else ""
        found = re.search(r"https?://\S+", line)
        if not found:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"the server did not start: {line}{self.said()}")
        self.url = found.group(0)

    def said(self):
        with open(self.log_path) as f:
            return f.read()

    def kill(self, number=signal.SIGKILL):
        if self.process.poll() is None:
            self.process.send_signal(number)
        self.process.wait(timeout=LONG)
        return self.process.returncode

    def stop(self):
        status = self.kill(signal.SIGTERM)
        self.process.stdout.close()
        self.log.close()
        return status

    def restart(self):
        self.stop()
        self.start()

    def close(self):
        self.kill(signal.SIGTERM)
        self.process.stdout.close()
        self.log.close()
        if self.own:
            for _ in range(100):  # the shepherd of the folder may be writing its last words into it
                shutil.rmtree(self.folder, ignore_errors=True)
                if not os.path.exists(self.folder):
                    break
                time.sleep(0.02)

    def connection(self):
        to = urllib.parse.urlsplit(self.url)
        return http.client.HTTPConnection(to.hostname, to.port, timeout=LONG)

    def request(self, method, path, body=None, headers=None):
        """`body`: bytes, text, or anything else as JSON."""
        headers = dict(headers or {})
        if self.token:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
            headers.setdefault("Content-Type", "application/json")
        c = self.connection()
        try:
            c.request(method, path, body=body, headers=headers)
            return Answer(c.getresponse())
        finally:
            c.close()

    def get(self, path, **headers):
        return self.request("GET", path, headers=headers)

    def post(self, path, body=None, **headers):
        return self.request("POST", path, body, headers)

    def delete(self, path, **headers):
        return self.request("DELETE", path, headers=headers)


def wait_for(what, limit=LONG, step=0.02):
    """Calls `what` until it gives something true, which is returned."""
    until = time.monotonic() + limit
    while time.monotonic() < until:
        found = what()
        if found:
            return found
        time.sleep(step)
    raise AssertionError(f"not within {limit} s: {what}")


class Case(unittest.TestCase):
    """One server for all tests of a class; `settings` and `arguments` are the class's."""
    settings = {}
    arguments = ()

    @classmethod
    def setUpClass(cls):
        cls.server = Server(None, *cls.arguments, settings=cls.settings)

    @classmethod
    def tearDownClass(cls):
        cls.server.close()
