#!/usr/bin/env python3
"""Live streams: what wakes them, what they cost, and clients that do not read or go away. The server is tests/api/probe.c."""
import http.client
import os
import socket
import unittest
import urllib.parse

from harness import LONG, wait_for
from test_server_requests import WORKFLOW, ProbeCase


class StreamCase(ProbeCase):

    def open(self, path):
        c = self.server.connection()
        c.request("GET", path)
        return c, c.getresponse()

    def event(self, response):
        """The next event's id; comments are passed over."""
        while True:
            line = response.readline()
            if not line:
                return None
            if line.startswith(b"id: "):
                return int(line[4:])

    def streams(self):
        return self.server.get("/state").json["streams"]

    def run_one(self, name):
        a = self.server.post("/run?name=" + name, WORKFLOW % name)
        self.assertEqual(a.status, 200, a.text)
        return a.json["uid"]

class Pulse(StreamCase):
    settings = {"api.pulse": "1s", "api.streams_max": 12}

    def test_idle_streams_show_that_they_live(self):
        c, r = self.open("/events")
        self.event(r)
        while r.readline() != b": alive\n":
            pass
        c.close()
        r.close()

    def test_clients_that_left_are_noticed(self):
        """Also those of a file that does not grow, to whom nothing can be said."""
        path = os.path.join(self.server.folder, "quiet")
        open(path, "w").close()
        before = self.streams()
        held = [self.open("/lines?path=" + urllib.parse.quote(path)) for _ in range(5)] + [self.open("/events?run=none") for _ in range(5)]
        self.assertEqual(self.streams(), before + 10)
        for c, r in held:
            r.close()
            c.close()
        wait_for(lambda: self.streams() == before)

    def test_too_many_streams_are_refused(self):
        held = [self.open("/events") for _ in range(12)]
        a = self.server.get("/events")
        self.assertEqual(a.status, 503)
        self.assertIn("api.streams_max", a.json["error"]["message"])
        for c, r in held:
            r.close()
            c.close()
        wait_for(lambda: self.streams() == 0)
        c, r = self.open("/events")
        self.assertEqual(r.status, 200)
        r.close()
        c.close()


class Many(StreamCase):
    settings = {"api.pulse": "2s"}

    def test_a_thousand_idle_streams(self):
        before = self.figure("process_resident_memory_bytes")
        to = urllib.parse.urlsplit(self.server.url)
        held = []
        for _ in range(1000):
            s = socket.create_connection((to.hostname, to.port), timeout=LONG)
            s.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
            held.append(s)
        for s in held:
            self.assertTrue(s.recv(65536))
        wait_for(lambda: self.streams() >= 1000)
        grown = self.figure("process_resident_memory_bytes") - before
        print(f"1000 idle streams: {grown / 1e6:.1f} MB more")
        self.run_one("wakes-all")
        for s in held:
            got = b""
            while b"id: " not in got:
                got += s.recv(65536)
        for s in held:
            s.close()
        wait_for(lambda: self.streams() == 0)


class Streams(StreamCase):
    settings = {"api.pulse": "3600s"}  # what wakes a stream is not the pulse

    def test_events_follow_commits(self):
        c, r = self.open("/events")
        self.assertEqual(r.getheader("Content-Type"), "text/event-stream")
        first = self.event(r)
        for i in range(3):
            self.run_one(f"follow-{i}")
            now = self.event(r)
            self.assertGreater(now, first)
            first = now
        c.close()
        r.close()

    def test_lines_follow_a_file(self):
        path = os.path.join(self.server.folder, "log")
        with open(path, "w") as f:
            f.write("one\n")
        c, r = self.open("/lines?path=" + urllib.parse.quote(path))
        self.assertEqual(r.readline(), b"one\n")
        for i in range(5):
            with open(path, "a") as f:
                f.write(f"line {i}\n")
            self.assertEqual(r.readline(), f"line {i}\n".encode())
        with open(path, "a") as f:
            f.write("END\n")
        self.assertEqual(r.read(), b"END\n")
        c.close()

    def test_who_does_not_read_costs_one_piece(self):
        before = self.figure("process_resident_memory_bytes")
        held = []
        to = urllib.parse.urlsplit(self.server.url)
        for _ in range(20):
            s = socket.socket()
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            s.settimeout(LONG)
            s.connect((to.hostname, to.port))
            s.sendall(b"GET /flood HTTP/1.1\r\nHost: localhost\r\n\r\n")
            held.append(s)
        wait_for(lambda: self.streams() >= 20)
        for s in held:
            self.assertTrue(s.recv(100))
        for _ in range(20):
            self.assertEqual(self.server.get("/healthz").status, 200)
        self.assertLess(self.figure("process_resident_memory_bytes") - before, 60 << 20)
        for s in held:
            s.close()
        wait_for(lambda: self.streams() == 0)

    def test_a_stream_can_be_read_fast(self):
        c, r = self.open("/flood")
        n = 0
        while True:
            piece = r.read(1 << 20)
            if not piece:
                break
            n += len(piece)
        self.assertGreaterEqual(n, 400000000)
        c.close()

    def test_streams_end_with_the_server(self):
        self.server.stop()
        self.server.start()
        c, r = self.open("/events")
        self.event(r)
        self.assertEqual(self.server.stop(), 0)
        while r.readline():
            pass
        c.close()
        self.server.start()


if __name__ == "__main__":
    unittest.main()
