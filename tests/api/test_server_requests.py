#!/usr/bin/env python3
"""How requests are taken apart and carried out: paths, bodies, forms, threads, limits. The server is tests/api/probe.c."""
import contextlib
import http.client
import os
import socket
import sqlite3
import threading
import time
import unittest
import urllib.parse

from harness import LONG, Answer, Case, Server, wait_for

PROBE = os.environ["PROBE"]
WORKFLOW = """apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: %s}
spec:
  entrypoint: a
  templates:
  - name: a
    container: {image: x, command: [true]}
"""


class ProbeCase(Case):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(None, settings=cls.settings, weft=PROBE)

    @classmethod
    def tearDownClass(cls):
        status = cls.server.stop()
        said = cls.server.said()
        cls.server.close()
        assert status == 0, (status, said[-4000:])

    def socket(self):
        to = urllib.parse.urlsplit(self.server.url)
        return socket.create_connection((to.hostname, to.port), timeout=LONG)

    def figure(self, name):
        for line in self.server.get("/metrics").text.splitlines():
            if line.startswith(name + " "):
                return int(line.split(" ")[1])
        return None


def multipart(*parts, boundary="b0undary"):
    """`parts`: (headers of the part, content)."""
    body = b"".join(b"--" + boundary.encode() + b"\r\n" + head.encode() + b"\r\n\r\n" + content + b"\r\n" for head, content in parts)
    return body + b"--" + boundary.encode() + b"--\r\n", {"Content-Type": f"multipart/form-data; boundary={boundary}"}


class Requests(ProbeCase):
    settings = {"api.threads": 2}

    def test_variables_are_decoded(self):
        a = self.server.get("/echo/a%20b%2Fc+d/x/y%2Fz?q=1+2%263&p=0", **{"X-Probe": "here"}).json
        self.assertEqual(a, {"name": "a b/c+d", "rest": "x/y/z", "q": "1 2&3", "header": "here"})
        self.assertEqual(self.server.get("/echo/%C3%BC").json["name"], "ü")
        for bad in ("/echo/%C3", "/echo/%00", "/echo/%4", "/echo/%zz"):
            self.assertEqual(self.server.get(bad).status, 404, bad)

    def test_a_fixed_segment_wins(self):
        self.assertIn("streams", self.server.get("/echo/fixed").json)
        self.assertEqual(self.server.post("/echo/run1:act").json, {"acted": "run1"})
        self.assertEqual(self.server.post("/echo/run1:other").status, 405)

    def test_options_and_allow(self):
        a = self.server.request("OPTIONS", "/echo/x")
        self.assertEqual((a.status, a.body), (204, b""))
        self.assertIn("GET", a.headers["allow"])

    def test_requests_of_other_pages_change_nothing(self):
        own = self.server.url
        for origin, status in ((own, 200), ("http://evil.example", 403), ("null", 403), (own + "1", 403), ("https://evil.example:8080", 403)):
            self.assertEqual(self.server.post("/echo", "x", Origin=origin).status, status, origin)
        self.assertEqual(self.server.get("/echo/x", Origin="http://evil.example").status, 200)  # it does not get to read the answer
        for host, status in (("evil.example", 403), ("localhost.evil.example", 403), ("127.0.0.1.evil.example", 403), ("localhost:1", 200), ("127.0.0.1", 200), ("[::1]:8080", 200)):
            self.assertEqual(self.server.get("/echo/x", Host=host).status, status, host)

    def test_json(self):
        self.assertEqual(self.server.post("/json", {"a": [1.50, "ü"]}).json, {"a": [1.5, "ü"]})
        a = self.server.post("/json", b'{"a":\n  nope}')
        self.assertEqual((a.status, a.json["error"]["line"]), (400, 2))
        self.assertEqual(self.server.post("/json", b"").status, 400)

    def test_bodies_of_any_size(self):
        for n in (1, 1000, 65536, 3000000):
            data = os.urandom(n)
            self.assertEqual(self.server.post("/echo", data).body, data)

    def test_chunked_body(self):
        with self.socket() as s:
            s.sendall(b"POST /echo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n")
            self.assertTrue(b"".join(iter(lambda: s.recv(65536), b"")).endswith(b"abcdefg"))

    def test_a_body_that_is_too_large_is_answered(self):
        """Also to a client that sends all of it before it reads."""
        a = self.server.post("/small", b"x" * 1001)
        self.assertEqual(a.status, 413)
        self.assertIn("1000 bytes", a.json["error"]["message"])
        self.assertEqual(self.server.post("/small", b"x" * 1000).status, 200)
        self.assertEqual(self.server.post("/echo", b"x" * (40 << 20)).status, 413)
        self.assertEqual(self.server.post("/nowhere", b"x" * (8 << 20)).status, 404)
        with self.socket() as s:
            s.sendall(b"POST /small HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1000\r\n" + b"x" * 4096 + b"\r\n0\r\n\r\n")
            self.assertIn(b" 413 ", s.recv(100))

    def test_who_waits_for_a_word_is_refused_before_sending(self):
        with self.socket() as s:
            s.sendall(b"POST /small HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\nExpect: 100-continue\r\n\r\n")
            self.assertIn(b" 413 ", s.recv(100))

    def test_forms(self):
        body, headers = multipart(('Content-Disposition: form-data; name="uploadfile"; filename="a b.yaml"\r\nContent-Type: application/octet-stream', b"one\r\n--two" + b"x" * 200000),
                                  ('Content-Disposition: form-data; name="note"', "grün".encode()), ('Content-Disposition: form-data; name="last"', b"z"))
        a = self.server.request("POST", "/form", body, headers).json
        self.assertEqual([(p["name"], p["file"], p["bytes"]) for p in a], [("uploadfile", "a b.yaml", 200010), ("note", "", 5), ("last", "", 1)])
        self.assertEqual((a[0]["start"], a[1]["start"]), ("one\r\n--two" + "x" * 10, "grün"))

    def test_forms_that_are_wrong(self):
        body, headers = multipart(*[(f'Content-Disposition: form-data; name="p{i}"', b"v") for i in range(100)])
        self.assertEqual(self.server.request("POST", "/form", body, headers).status, 400)
        for data, kind in ((b"nonsense", "multipart/form-data; boundary=b"), (b"nonsense", "multipart/form-data"), (b"--b\r\n", "multipart/form-data; boundary=b"),
                           (b"--b\r\n\r\n" * 1000, "multipart/form-data; boundary=b"), (b"--b\r\nX: " + b"y" * 200000, "multipart/form-data; boundary=b")):
            a = self.server.request("POST", "/form", data, {"Content-Type": kind})
            self.assertIn(a.status, (200, 400), (data[:20], kind))
            if a.status == 200:
                self.assertEqual(a.json, [], (data[:20], kind))
        self.assertEqual(self.server.get("/healthz").status, 200)

    def test_a_form_too_large(self):
        body, headers = multipart(('Content-Disposition: form-data; name="f"', b"x" * (35 << 20)))
        self.assertEqual(self.server.request("POST", "/form", body, headers).status, 413)

    def test_files(self):
        path = os.path.join(self.server.folder, "file")
        with open(path, "wb") as f:
            f.write(b"0" + b"123" * 1000000)
        a = self.server.get("/file?path=" + urllib.parse.quote(path))
        self.assertEqual((a.headers["content-length"], a.body), ("3000000", b"123" * 1000000))

    def test_writes_do_not_hold_up_reads(self):
        """More slow writes than the server has threads for reading."""
        threads = [threading.Thread(target=self.server.post, args=("/slow?ms=1500",)) for _ in range(20)]
        for t in threads:
            t.start()
        wait_for(lambda: (self.figure("weft_http_requests_active") or 0) >= 20)
        began = time.monotonic()
        for _ in range(20):
            self.assertEqual(self.server.get("/healthz").status, 200)
        self.assertGreaterEqual(self.figure("weft_http_requests_active"), 2, f"the writes were over after {time.monotonic() - began} s: nothing was shown")
        for t in threads:
            t.join()

    def test_commands_are_answered_after_their_commit(self):
        before = self.server.get("/readyz").json["seq"]
        a = self.server.post("/run?name=cmd", WORKFLOW % "cmd")
        self.assertEqual((a.status, a.json["name"]), (200, "cmd"), a.text)
        self.assertGreater(self.server.get("/readyz").json["seq"], before)
        again = self.server.post("/run?name=cmd", WORKFLOW % "cmd")
        self.assertEqual((again.status, again.json["error"]["kind"]), (409, "conflict"))
        self.assertEqual(self.server.post("/run", "nonsense").status, 400)

    def test_many_at_once(self):
        answers = []
        def some(i):
            for k in range(10):
                answers.append(self.server.post(f"/run?name=many-{i}-{k}", WORKFLOW % "x").status)
        threads = [threading.Thread(target=some, args=(i,)) for i in range(16)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(answers, [200] * 160)

    def test_a_client_that_leaves_while_it_is_worked_for(self):
        for _ in range(20):
            with self.socket() as s:
                s.sendall(b"POST /slow?ms=100 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")
        wait_for(lambda: self.figure("weft_http_requests_active") == 1)
        self.assertEqual(self.server.get("/healthz").status, 200)

    def test_pipelined_requests(self):
        with self.socket() as s:
            s.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nPOST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabcGET /echo/z HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            got = b"".join(iter(lambda: s.recv(65536), b""))
        self.assertEqual(got.count(b"HTTP/1.1 200"), 3, got)


class Patience(ProbeCase):
    """Clients that send or read a little now and then: each phase of a request has an end."""
    settings = {"api.timeout": "2s", "api.request_time": "2s", "api.bodies_bytes_max": "1Mi"}

    def trickle(self, first, piece, more=None):
        """Sends a byte every 200 ms until the server ends it."""
        with self.socket() as s:
            s.sendall(first)
            until = time.monotonic() + LONG
            s.settimeout(0.2)
            while time.monotonic() < until:
                try:
                    if more is None:
                        s.sendall(piece)
                    if s.recv(10) == b"":
                        return
                except TimeoutError:
                    pass
                except OSError:
                    return
            self.fail("the connection was never closed")

    def test_headers_that_never_end(self):
        self.trickle(b"GET /healthz HTTP/1.1\r\nA: ", b"a")

    def test_a_body_that_never_ends(self):
        self.trickle(b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n", b"a")

    def test_an_answer_that_is_never_read_to_its_end(self):
        self.trickle(b"GET /big?n=50000000 HTTP/1.1\r\nHost: localhost\r\n\r\n", b"", more=True)

    def test_slow_work_is_no_reason(self):
        self.assertEqual(self.server.post("/slow?ms=5000").status, 200)

    def test_memory_for_bodies_is_bounded(self):
        held = []
        for _ in range(3):
            s = self.socket()
            s.sendall(b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 600000\r\n\r\n" + b"x" * 500000)
            held.append(s)
        try:
            wait_for(lambda: (self.figure("weft_http_body_bytes") or 0) > 600000)
            a = self.server.post("/echo", b"x" * 900000)
            self.assertEqual((a.status, a.headers["retry-after"]), (503, "1"))
        finally:
            for s in held:
                s.close()
        wait_for(lambda: self.figure("weft_http_body_bytes") == 0)
        self.assertEqual(self.server.post("/echo", b"x" * 100000).status, 200)


class Killed(unittest.TestCase):
    def test_every_acknowledged_run_is_there(self):
        """kill -9 under a load of submissions, several times over."""
        s = Server(weft=PROBE)
        acknowledged = {}
        lock = threading.Lock()

        def load(turn, i):
            for k in range(200):
                name = f"k-{turn}-{i}-{k}"
                try:
                    a = s.post("/run?name=" + name, WORKFLOW % name)
                except (OSError, http.client.HTTPException):
                    return  # the server is gone
                with lock:
                    acknowledged[name] = (a.status, a.json.get("uid"))
        try:
            for turn in range(3):
                before = len(acknowledged)
                threads = [threading.Thread(target=load, args=(turn, i)) for i in range(8)]
                for t in threads:
                    t.start()
                wait_for(lambda: len(acknowledged) >= before + 40)
                s.kill()
                for t in threads:
                    t.join()
                s.process.stdout.close()
                s.log.close()
                s.start()
            self.assertEqual({status for status, _ in acknowledged.values()}, {200})
            s.stop()
            with contextlib.closing(sqlite3.connect(os.path.join(s.data, "weft.db"))) as db:
                stored = db.execute("select name, uid from run").fetchall()
            self.assertEqual(len(stored), len({name for name, _ in stored}), "a run is there twice")
            self.assertLessEqual({(name, uid) for name, (_, uid) in acknowledged.items()}, set(stored))
        finally:
            s.close()


class Ending(unittest.TestCase):
    def test_what_is_under_way_is_answered(self):
        s = Server(weft=PROBE)
        try:
            answers = []
            t = threading.Thread(target=lambda: answers.append(s.post("/slow?ms=1000")))
            t.start()
            wait_for(lambda: "weft_http_requests_active 2" in s.get("/metrics").text)
            self.assertEqual(s.stop(), 0)
            t.join()
            self.assertEqual((answers[0].status, answers[0].headers["connection"].lower()), (200, "close"))
        finally:
            s.close()

    def test_grace_has_an_end(self):
        s = Server(weft=PROBE, settings={"api.grace": "0s"})
        try:
            with socket.create_connection((urllib.parse.urlsplit(s.url).hostname, urllib.parse.urlsplit(s.url).port)) as c:
                c.sendall(b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc")
                wait_for(lambda: "weft_http_requests_active 2" in s.get("/metrics").text)
                self.assertEqual(s.stop(), 0)
        finally:
            s.close()


if __name__ == "__main__":
    unittest.main()
