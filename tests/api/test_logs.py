#!/usr/bin/env python3
"""Logs that are followed: what a running step says arrives while it runs."""
import os
import unittest
import urllib.parse
import http.client

from harness import LONG, Case, wait_for

WORKFLOW = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: talks}
spec:
  entrypoint: a
  templates:
  - name: a
    script: {image: x, command: [sh], source: 'echo first; while [ ! -e %(go)s ]; do sleep 0.05; done; echo second; while [ ! -e %(go)s2 ]; do sleep 0.05; done; echo third'}
"""


class Follow(Case):
    def test_lines_arrive_while_the_step_runs(self):
        go = os.path.join(self.server.folder, "go")
        made = self.server.post("/api/weft/v1/runs", {"document": WORKFLOW % {"go": go}})
        self.assertIn(made.status, (200, 201), made.text)
        to = urllib.parse.urlsplit(self.server.url)
        c = http.client.HTTPConnection(to.hostname, to.port, timeout=LONG)
        c.request("GET", f"/api/weft/v1/runs/{made.json['id']}/logs?follow=true")
        answer = c.getresponse()
        self.assertIn(b"first", answer.readline())  # nothing else ends or begins meanwhile
        open(go, "w").close()
        self.assertIn(b"second", answer.readline())
        open(go + "2", "w").close()
        self.assertIn(b"third", answer.readline())
        self.assertEqual(answer.read(), b"")
        c.close()


if __name__ == "__main__":
    unittest.main()
