"""Records and recurring runs, asked for through the owner's socket as the server's own handlers do; what is stored is read from the database."""
import json
import os
import socket
import sqlite3
import time
import unittest
import uuid

from harness import LONG, Server

DOCUMENT = """apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {generateName: tick-}
spec:
  entrypoint: main
  arguments: {parameters: [{name: at, value: none}, {name: index, value: none}]}
  templates:
  - name: main
    container: {image: x, command: ['%s']}
"""


class Case(unittest.TestCase):
    def setUp(self):
        self.server = Server(settings={"executor.process.isolation": "none"})
        self.addCleanup(self.server.stop)

    def ask(self, **command):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(LONG)
            folder = os.open(self.server.data, os.O_PATH)
            try:
                s.connect(f"/proc/self/fd/{folder}/{SOCKET}")
            finally:
                os.close(folder)
            s.sendall(json.dumps(command).encode() + b"\n")
            return json.loads(s.makefile().readline())

    def put(self, kind, mode=0, revision=0, cascade=False, command="put", who="ann", **record):
        for key in ("body", "tags"):
            if key in record:
                record[key] = json.dumps(record[key])
        return self.ask(command=command, mode=mode, revision=revision, cascade=cascade, who=who, record=dict(record, kind=kind))

    def rows(self, sql, *values):
        with sqlite3.connect(f"file:{self.server.data}/weft.db?mode=ro", uri=True, timeout=LONG) as db:
            return db.execute(sql, values).fetchall()

    def until(self, what, sql, *values):
        end = time.monotonic() + LONG
        while time.monotonic() < end:
            rows = self.rows(sql, *values)
            if what(rows):
                return rows
            time.sleep(0.05)
        self.fail(f"in vain: {sql}: {rows}\n{self.server.said()[-2000:]}")

    def run_it(self, command="true", **more):
        x = self.ask(command="run", document=DOCUMENT % command, base_name="tick", generate_name="tick-", who="ann", **more)
        self.assertTrue(x["ok"], x)
        return x["uid"]


class Records(Case):
    def test_names_ids_and_revisions(self):
        x = self.put("pipeline", name="train", display_name="Train")
        self.assertTrue(x["ok"], x)
        self.assertEqual(self.put("pipeline", name="train")["kind"], 5)
        own = str(uuid.uuid4())
        for _ in range(3):  # asked again with the same content
            y = self.put("pipeline", id=own, name="other", tags={"team": "a"})
            self.assertEqual((y.get("ok"), y["uid"]), (True, own), y)
        self.assertEqual(self.put("pipeline", id=own, name="another")["kind"], 5)
        self.assertEqual(self.put("pipeline", mode=1, id=own, name="train")["kind"], 5)  # a name that is taken
        self.assertEqual(self.put("pipeline", mode=1, id=own, name="other", description="new", revision=7)["kind"], 5)
        self.assertTrue(self.put("pipeline", mode=1, id=own, name="other", description="new", revision=1)["ok"])
        self.assertEqual(self.put("pipeline", mode=1, id=str(uuid.uuid4()), name="nowhere")["kind"], 4)
        self.assertIn("control character", self.put("pipeline", name="a\nb")["error"])
        self.assertIn("is no id", self.put("pipeline", id="X", name="b")["error"])
        self.assertTrue(self.put("pipeline", mode=2, name="either")["ok"])
        self.assertEqual(self.put("pipeline", mode=2, name="either", description="x")["uid"], self.put("pipeline", mode=2, name="either", description="y")["uid"])

    def test_versions_go_with_their_pipeline(self):
        pipeline = self.put("pipeline", name="train")["uid"]
        self.assertIn("needs \"document\"", self.put("version", parent=pipeline, name="v1", body={})["error"])
        self.assertEqual(self.put("version", parent=str(uuid.uuid4()), name="v1", body={"document": "x"})["kind"], 4)
        self.assertTrue(self.put("version", parent=pipeline, name="v1", body={"document": "x"})["ok"])
        self.assertTrue(self.put("version", parent=pipeline, name="v2", body={"document": "x"})["ok"])
        self.assertIn("2 versions", self.put("pipeline", command="remove", id=pipeline)["error"])
        self.assertTrue(self.put("version", command="remove", parent=pipeline, name="v2", id=self.rows("SELECT id FROM record WHERE name='v2'")[0][0])["ok"])
        self.assertTrue(self.put("pipeline", command="remove", id=pipeline, cascade=True)["ok"])
        self.assertEqual(self.rows("SELECT name FROM record WHERE name IN ('train', 'v1', 'v2')"), [])

    def test_many_at_once_for_one_name(self):
        import concurrent.futures
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(lambda i: self.put("pipeline", name=f"p{i % 4}"), range(64)))
        self.assertEqual(sum(x["ok"] for x in answers), 4)
        self.assertEqual({x["kind"] for x in answers if not x["ok"]}, {5})

    def test_the_default_experiment_and_archiving(self):
        first, second = self.run_it(), self.run_it()
        self.assertEqual(self.rows("SELECT count(*) FROM record WHERE name='Default'"), [(1,)])
        default = self.rows("SELECT id FROM record WHERE name='Default'")[0][0]
        self.assertEqual(self.rows("SELECT DISTINCT experiment FROM run"), [(default,)])
        mine = self.put("experiment", name="mine")["uid"]
        third = self.run_it(meta={"experiment": mine})
        r = self.put("recurring", name="r", parent=mine, body={"document": DOCUMENT % "true", "cron": "0 0 1 1 *"})
        self.assertTrue(r["ok"], r)
        self.assertTrue(self.put("experiment", mode=1, id=mine, name="mine", state=1)["ok"])
        self.assertEqual(self.rows("SELECT archived FROM run WHERE uid=?", third), [(1,)])
        self.assertEqual(self.rows("SELECT archived FROM run WHERE uid IN (?, ?)", first, second), [(0,), (0,)])
        self.assertEqual(self.rows("SELECT state FROM record WHERE id=?", r["uid"]), [(2,)])
        self.assertIn("is archived", self.ask(command="meta", run=third, meta_set=1 << 9, meta={})["error"])
        self.assertTrue(self.put("experiment", mode=1, id=mine, name="mine")["ok"])
        self.assertEqual(self.rows("SELECT archived FROM run WHERE uid=?", third), [(1,)])
        self.assertTrue(self.ask(command="meta", run=third, meta_set=1 << 9, meta={})["ok"])
        self.assertEqual(self.rows("SELECT archived FROM run WHERE uid=?", third), [(0,)])
        self.assertFalse(self.ask(command="run", document=DOCUMENT % "true", base_name="x", meta={"experiment": str(uuid.uuid4())})["ok"])
        who = {x for x, in self.rows("SELECT owner FROM record WHERE kind=11")}
        self.assertEqual(who, {"ann"})

    def test_metrics(self):
        run = self.run_it()
        self.assertTrue(self.ask(command="metric", run=run, metric="accuracy", value=0.5, who="ann")["ok"])
        self.assertTrue(self.ask(command="metric", run=run, metric="accuracy", value=0.75)["ok"])
        self.assertFalse(self.ask(command="metric", run=run, node="99", metric="accuracy", value=1)["ok"])
        self.assertEqual(self.rows("SELECT name, value FROM metric"), [("accuracy", 0.75)])


class Recurring(Case):
    def body(self, **more):
        return dict({"document": DOCUMENT % "true", "parameters": {"at": "[[ScheduledTime]]", "index": "[[Index]]"}}, **more)

    def test_what_is_refused(self):
        for body, says in (({"cron": "60 * * * *"}, "60"), ({"cron": "* * * * *", "timezone": "Mars/Base"}, "Mars/Base"), ({}, "needs \"cron\""),
                           ({"cron": "* * * * *", "interval_second": 5}, "not both"), ({"interval_second": 0}, "whole number of seconds"),
                           ({"interval_second": 5, "max_concurrency": 11}, "from 1 to 10"), ({"interval_second": 5, "start": "soon"}, "soon"),
                           ({"interval_second": 5, "start": "2026-01-02T00:00:00Z", "end": "2026-01-01T00:00:00Z"}, "before its")):
            self.assertIn(says, self.put("recurring", name="r", body=self.body(**body)).get("error", ""), body)

    def test_exactly_one_run_a_firing_over_kills(self):
        r = self.put("recurring", name="every second", body=self.body(cron="* * * * * *", catchup=True))
        self.assertTrue(r["ok"], r)
        for kills in range(4):
            self.until(lambda rows: rows[0][0] >= 2 * kills + 2, "SELECT count(*) FROM run WHERE recurring=?", r["uid"])
            self.server.kill()
            self.server.start()
        self.until(lambda rows: rows[0][0] >= 12, "SELECT count(*) FROM run WHERE recurring=?", r["uid"])
        fired = [x // 1000000 for x, in self.rows("SELECT scheduled_at FROM run WHERE recurring=? ORDER BY scheduled_at", r["uid"])]
        self.assertEqual(fired, list(range(fired[0], fired[0] + len(fired))))

    def test_only_so_many_at_once(self):
        r = self.put("recurring", name="slow", body=dict(self.body(interval_second=1, max_concurrency=2), document=(DOCUMENT % "sleep").replace("['sleep']", "[sleep, '1000']")))
        self.assertTrue(r["ok"], r)
        self.until(lambda rows: rows[0][0] == 2, "SELECT count(*) FROM run WHERE recurring=?", r["uid"])
        end = time.monotonic() + 2.5
        while time.monotonic() < end:  # two more would be due
            self.assertEqual(self.rows("SELECT count(*) FROM run WHERE recurring=?", r["uid"]), [(2,)])
            time.sleep(0.1)
        self.assertTrue(self.ask(command="terminate", run=self.rows("SELECT uid FROM run WHERE recurring=?", r["uid"])[0][0])["ok"])
        self.until(lambda rows: rows[0][0] == 3, "SELECT count(*) FROM run WHERE recurring=?", r["uid"])

    def test_disabled_and_edited(self):
        r = self.put("recurring", name="x", body=self.body(cron="0 0 1 1 *"))
        self.assertTrue(self.put("recurring", mode=1, id=r["uid"], body=self.body(interval_second=1))["ok"])
        self.until(lambda rows: rows[0][0] >= 1, "SELECT count(*) FROM run WHERE recurring=?", r["uid"])
        self.assertTrue(self.put("recurring", mode=1, id=r["uid"], state=2, body=self.body(interval_second=1))["ok"])
        n = self.rows("SELECT count(*) FROM run WHERE recurring=?", r["uid"])
        self.server.kill()
        self.server.start()
        time.sleep(2.2)
        self.assertEqual(self.rows("SELECT count(*) FROM run WHERE recurring=?", r["uid"]), n)


SOCKET = "socket"

if __name__ == "__main__":
    unittest.main()
