"""schemathesis over the OpenAPI document that a server serves: whatever the document allows or forbids is sent, and what comes back must be what it says, never a failure of the
server. Once with names that lead nowhere; once, without deleting, with a run and a pipeline that are there. The environment with schemathesis is kept below $WEFT_CACHE, or
~/.cache/weft."""
import fcntl
import os
import pathlib
import subprocess
import sys
import unittest
import venv

from test_native import HELLO, Native

PACKAGE = "schemathesis>=4.3,<5"
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


def tool():
    home = pathlib.Path(os.environ.get("WEFT_CACHE") or os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "weft"))
    home.mkdir(parents=True, exist_ok=True)
    folder = home / "schemathesis-4"
    with open(home / "schemathesis.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / ".complete").exists():
            venv.create(folder, with_pip=True, clear=True)
            subprocess.run([folder / "bin/pip", "install", "-q", "--disable-pip-version-check", PACKAGE], check=True)
            (folder / ".complete").touch()
    return folder / "bin/schemathesis"


class Schema(Native):
    def check(self, config, *more):
        path = os.path.join(self.server.folder, "schemathesis.toml")
        with open(path, "w") as f:
            f.write(config)
        x = subprocess.run([tool(), "--config-file", path, "run", f"{self.server.url}/api/weft/v1/openapi.json", "--checks", CHECKS, "--include-path-regex", "^/api/weft/",
                            "--exclude-path-regex", "watch$", "--seed", "1", "--request-timeout", "20", "--continue-on-failure", "--no-color", *more],
                           capture_output=True, text=True, timeout=200, cwd=self.server.folder)
        self.assertEqual(x.returncode, 0, x.stdout[-12000:] + x.stderr)
        self.assertRegex(x.stdout, r"[1-9][0-9]* generated, [1-9][0-9]* passed")
        self.assertIsNone(self.server.process.poll())

    def test_nowhere(self):
        self.check("", "--phases", "coverage")

    def test_what_is_there(self):
        self.call("POST", "/pipelines", {"name": "there"}, 201)
        self.call("POST", "/pipelines/there/versions", {"name": "one", "document": HELLO}, 201)
        self.call("POST", "/experiments", {"name": "one"}, 201)
        run = self.ended(self.start())
        node = next(n["id"] for n in self.call("GET", f"/runs/{run['id']}/nodes")["nodes"] if n["kind"] == "task")
        self.check(f'[parameters]\n"path.run" = "{run["id"]}"\n"path.node" = "{node}"\n"path.pipeline" = "there"\n"path.version" = "one"\n"path.record" = "one"\n'
                   f'"query.runs" = "{run["id"]}"\n', "--phases", "fuzzing", "--max-examples", "5", "--exclude-method", "DELETE")


if __name__ == "__main__":
    unittest.main(verbosity=2 if "-v" in sys.argv else 1)
