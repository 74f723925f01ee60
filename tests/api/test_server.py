#!/usr/bin/env python3
"""The server itself: answers, limits, signals, bad clients."""
import errno
import os
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import unittest
import urllib.parse
import urllib.request

from harness import LONG, WEFT, Case, Server, wait_for


def raw(server, data, shut=False):
    """Sends bytes as they are; returns everything that comes back until the end."""
    to = urllib.parse.urlsplit(server.url)
    with socket.create_connection((to.hostname, to.port), timeout=LONG) as s:
        got = b""
        try:
            s.sendall(data)
            if shut:
                s.shutdown(socket.SHUT_WR)
            while piece := s.recv(65536):
                got += piece
        except ConnectionError:
            pass  # refused while we were speaking
        except OSError as e:
            if e.errno != errno.ENOTCONN:
                raise
        return got


class Answers(Case):
    def test_health(self):
        a = self.server.get("/healthz")
        self.assertEqual((a.status, a.json["status"]), (200, "ok"))
        self.assertEqual(self.server.get("/readyz").json, {"status": "ready", "seq": 0})

    def test_head_has_no_body(self):
        a = self.server.request("HEAD", "/healthz")
        self.assertEqual((a.status, a.body), (200, b""))
        self.assertGreater(int(a.headers["content-length"]), 0)

    def test_unknown_paths_and_methods(self):
        a = self.server.get("/nothing/here")
        self.assertEqual(a.status, 404)
        self.assertIn("/nothing/here", a.json["error"]["message"])
        a = self.server.post("/healthz")
        self.assertEqual((a.status, a.headers["allow"]), (405, "GET"))

    def test_malformed_paths_are_not_found(self):
        for path in ("/%", "/%z1", "/%00", "/healthz%2", "//", "/../etc/passwd", "/" + "a/" * 200):
            self.assertEqual(self.server.get(path).status, 404, path)

    def test_headers(self):
        a = self.server.get("/healthz")
        self.assertEqual(a.headers["x-content-type-options"], "nosniff")
        self.assertIn("frame-ancestors 'none'", a.headers["content-security-policy"])
        self.assertEqual(self.server.get("/healthz", **{"X-Request-Id": "mine-1"}).headers["x-request-id"], "mine-1")
        self.assertNotEqual(self.server.get("/healthz", **{"X-Request-Id": "not;mine"}).headers["x-request-id"], "not;mine")

    def test_metrics(self):
        self.server.get("/healthz")
        a = self.server.get("/metrics")
        self.assertTrue(a.headers["content-type"].startswith("text/plain"))
        wait_for(lambda: 'weft_http_requests_total{method="GET",route="/healthz",status="2xx"}' in self.server.get("/metrics").text)
        for line in a.text.splitlines():
            self.assertTrue(line.startswith("#") or len(line.rsplit(" ", 1)) == 2, line)

    def test_half_closed_connections_are_answered(self):
        self.assertIn(b"200 OK", raw(self.server, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", shut=True))

    def test_idle_connections_hold_up_nobody(self):
        to = urllib.parse.urlsplit(self.server.url)
        idle = [socket.create_connection((to.hostname, to.port), timeout=LONG) for _ in range(300)]
        for s in idle:
            s.sendall(b"GET /healthz HTTP/1.1\r\nHo")
        self.assertEqual(self.server.get("/healthz").status, 200)
        for s in idle:
            s.close()


class Limits(Case):
    settings = {"api.connections_max": 20, "api.timeout": "1s", "log.format": "json"}

    def test_slow_clients_are_cut_off(self):
        to = urllib.parse.urlsplit(self.server.url)
        with socket.create_connection((to.hostname, to.port), timeout=LONG) as s:
            s.sendall(b"GET /healthz HTTP/1.1\r\nHo")
            self.assertEqual(s.recv(100), b"")

    def test_garbage_is_refused_and_harms_nobody(self):
        for data in (b"\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
                     b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n"):
            raw(self.server, data, shut=True)  # a half-closed connection without a whole request ends by the time limit
            self.assertEqual(self.server.get("/healthz").status, 200)

    def test_a_flood_is_refused_and_passes(self):
        to = urllib.parse.urlsplit(self.server.url)
        flood = [socket.create_connection((to.hostname, to.port), timeout=LONG) for _ in range(60)]
        for s in flood:
            s.close()
        wait_for(lambda: self.alive())

    def alive(self):
        try:
            return self.server.get("/healthz").status == 200
        except OSError:
            return False


class Life(unittest.TestCase):
    def test_stops_and_starts(self):
        s = Server()
        try:
            self.assertEqual(s.stop(), 0)
            s.start()
            self.assertEqual(s.get("/readyz").status, 200)
        finally:
            s.close()

    def test_one_server_a_folder(self):
        s = Server()
        try:
            second = subprocess.run(s.command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=LONG)
            self.assertEqual(second.returncode, 2, second.stderr)
            self.assertIn("owns the data folder", second.stderr)
        finally:
            s.close()

    def test_other_machines_are_not_served_by_accident(self):
        with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
            for address in ("0.0.0.0:0", "[::]:0", ":0"):
                done = subprocess.run([WEFT, "serve", "--listen", address, "--data", os.path.join(folder, "data")], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=LONG)
                self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr)
                self.assertIn("--insecure", done.stderr)
        s = Server(None, "--insecure", listen="0.0.0.0:0")
        try:
            self.assertIn("--insecure", s.said())
        finally:
            s.close()

    def test_a_port_in_use(self):
        s = Server()
        try:
            port = urllib.parse.urlsplit(s.url).port
            second = subprocess.run([WEFT, "serve", "--listen", f"127.0.0.1:{port}", "--data", os.path.join(s.folder, "other")], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                    text=True, timeout=LONG)
            self.assertEqual(second.returncode, 2, second.stderr)
            self.assertIn("another server has it", second.stderr)
        finally:
            s.close()

    def test_runs_of_others_go_on(self):
        """A run handed over by `weft run` to the server is carried out by it."""
        s = Server()
        try:
            path = os.path.join(s.folder, "w.yaml")
            with open(path, "w") as f:
                f.write("apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {name: over}\nspec:\n  entrypoint: a\n  templates:\n  - name: a\n    script: {image: x, command: [sh], source: 'echo done'}\n")
            done = subprocess.run([WEFT, "run", path, "--data", s.data, "-o", "quiet"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=LONG)
            self.assertEqual((done.returncode, done.stdout), (0, "over\n"), done.stderr)
        finally:
            s.close()

    def test_tells_the_service_manager(self):
        s = None
        folder = "/var/tmp"
        path = os.path.join(folder, f"weft-notify-{os.getpid()}")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(path)
            manager.settimeout(LONG)
            try:
                s = Server(env={"NOTIFY_SOCKET": path})
                self.assertEqual(manager.recv(100), b"READY=1")
                s.stop()
                self.assertEqual(manager.recv(100), b"STOPPING=1")
                s.start()
            finally:
                os.unlink(path)
                if s:
                    s.close()

    def test_tls(self):
        folder = tempfile.mkdtemp(prefix="weft-api-", dir="/var/tmp")
        self.addCleanup(shutil.rmtree, folder)
        certificate, key = os.path.join(folder, "tls.crt"), os.path.join(folder, "tls.key")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", certificate, "-days", "2", "-subj",
                        "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"], check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=LONG)
        s = Server(settings={"api.tls_certificate": certificate, "api.tls_key": key})
        try:
            self.assertTrue(s.url.startswith("https://127.0.0.1:"), s.url)
            with urllib.request.urlopen(s.url + "/healthz", timeout=LONG, context=ssl.create_default_context(cafile=certificate)) as answer:
                self.assertEqual(answer.status, 200)
            with self.assertRaises(OSError):  # without TLS there is nothing to be had
                urllib.request.urlopen(s.url.replace("https", "http") + "/healthz", timeout=LONG)
        finally:
            s.close()

    def test_what_was_under_way_goes_on_after_a_kill(self):
        s = Server()
        try:
            go, count = os.path.join(s.folder, "go"), os.path.join(s.folder, "count")
            made = s.post("/api/weft/v1/runs", {"document": f"""apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {{name: goes-on}}
spec:
  entrypoint: a
  templates:
  - name: a
    steps:
    - - {{name: one, template: once}}
    - - {{name: two, template: once}}
  - name: once
    script: {{image: x, command: [sh], source: 'echo x >> {count}; while [ ! -e {go} ]; do sleep 0.05; done'}}
"""})
            self.assertEqual(made.status, 201, made.text)
            wait_for(lambda: os.path.exists(count))
            s.kill()
            s.start()
            open(go, "w").close()
            wait_for(lambda: s.get(f"/api/weft/v1/runs/{made.json['id']}").json["state"] == "Succeeded")
            with open(count) as f:
                self.assertEqual(f.read(), "x\nx\n")  # each step once: the first was taken over
        finally:
            s.close()

    def test_wrong_settings(self):
        folder = tempfile.mkdtemp(prefix="weft-api-", dir="/var/tmp")
        self.addCleanup(shutil.rmtree, folder)
        for args, words in ((["--listen", "nowhere"], "127.0.0.1:8080"), (["--listen", "127.0.0.1:99999"], "127.0.0.1:8080"), (["--set", "api.listn=x"], "api.listen"),
                            (["--set", "api.tls_key=/none"], "api.tls_certificate"), (["--config", "/no/such/file"], "/no/such/file")):
            done = subprocess.run([WEFT, "serve", "--data", os.path.join(folder, "data"), *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=LONG)
            self.assertIn(done.returncode, (2, 3), done.stderr)
            self.assertIn(words, done.stderr)


if __name__ == "__main__":
    unittest.main()
