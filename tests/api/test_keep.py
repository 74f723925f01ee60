#!/usr/bin/env python3
"""What is kept, and for how long: metrics that runs give, and what goes when its age is past."""
import time
import unittest

from harness import Case, Server, wait_for

WORKFLOW = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: %s}
spec:
  entrypoint: a
  templates:
  - name: a
    script: {image: x, command: [sh], source: 'echo 0.75 > /tmp/acc; echo word > /tmp/word'}
    outputs:
      parameters:
      - {name: acc, valueFrom: {path: /tmp/acc}}
      - {name: word, valueFrom: {path: /tmp/word}}
"""


def finished(server, name):
    made = server.post("/api/weft/v1/runs", {"document": WORKFLOW % name})
    assert made.status in (200, 201), made.text
    return wait_for(lambda: [r for r in server.get("/api/weft/v1/runs").json["runs"] if r["name"] == name and r.get("finished_at")])[0]


class Metrics(Case):
    def test_numbers_among_the_outputs_are_metrics(self):
        run = finished(self.server, "gives")
        shown = self.server.get(f"/api/weft/v1/runs/{run['id']}").json
        self.assertIn("acc", str(shown.get("metrics")), shown)
        self.assertNotIn("word", str(shown.get("metrics")))


class Retention(unittest.TestCase):
    def test_old_runs_go(self):
        s = Server(settings={"retention.runs_age": "1s"})
        try:
            finished(s, "old")
            s.stop()
            time.sleep(1.2)
            s.start()  # a sweep begins with the server
            wait_for(lambda: not s.get("/api/weft/v1/runs").json["runs"])
        finally:
            s.close()

    def test_without_an_age_everything_stays(self):
        s = Server()
        try:
            finished(s, "stays")
            s.restart()
            self.assertEqual([r["name"] for r in s.get("/api/weft/v1/runs").json["runs"]], ["stays"])
        finally:
            s.close()


if __name__ == "__main__":
    unittest.main()
