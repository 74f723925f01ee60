"""The native API, request by request: what is answered, and what is refused."""
import json
import sys
import unittest
import uuid

from harness import Case, wait_for

ROOT = "/api/weft/v1"
HELLO = """apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: hello}
spec:
  entrypoint: main
  arguments:
    parameters:
      - {name: who, value: world, enum: [world, moon], description: whom to greet}
  templates:
    - name: main
      dag:
        tasks:
          - {name: a, template: say}
          - {name: b, template: say, depends: a}
    - name: say
      container: {image: x, command: [sh, -c, "echo hello {{workflow.parameters.who}}; echo second"]}
"""
FAIL = HELLO.replace("name: hello}", "name: fails}").replace("echo second", "exit 3")
WAIT = """apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: waits}
spec:
  entrypoint: main
  templates:
    - name: main
      steps:
        - - {name: ask, template: ask}
    - name: ask
      suspend: {}
"""
SLEEP = """apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: sleeps}
spec:
  entrypoint: main
  templates:
    - name: main
      container: {image: x, command: [sh, -c, "echo begun; sleep 300"]}
"""


class Native(Case):
    def call(self, method, path, body=None, status=200):
        x = self.server.request(method, ROOT + path, body)
        self.assertEqual(x.status, status, f"{method} {path}: {x.text}")
        self.assertEqual(x.headers["content-type"], "application/json")
        return x.json

    def error(self, method, path, body=None, status=400):
        e = self.call(method, path, body, status)["error"]
        self.assertTrue(e["message"])
        return e

    def start(self, document=HELLO, **more):
        return self.call("POST", "/runs", dict(more, document=document), 201)

    def ended(self, run):
        return wait_for(lambda: (lambda r: r if r["final"] else None)(self.call("GET", "/runs/" + run["id"])))


class Runs(Native):
    def test_from_document_to_end(self):
        run = self.start(display_name="Greeting", description="first", labels={"team": "vision"}, priority=5, parameters={"who": "moon"})
        self.assertEqual(run["language"], "argo")
        self.assertEqual(run["parameters"], {"who": "moon"})
        self.assertEqual((run["display_name"], run["description"], run["labels"], run["priority"]), ("Greeting", "first", {"team": "vision"}, 5))
        done = self.ended(run)
        self.assertEqual(done["state"], "Succeeded")
        self.assertEqual((done["nodes_total"], done["nodes_done"]), (2, 2))
        self.assertEqual(self.call("GET", "/runs/" + run["name"])["id"], run["id"])
        self.assertEqual(self.call("GET", "/runs/" + run["id"][:8])["id"], run["id"])
        self.assertEqual(self.call("GET", f"/runs/{run['id']}/document")["document"], HELLO)

    def test_nodes_graph_logs(self):
        run = self.ended(self.start())
        at = f"/runs/{run['id']}"
        nodes = self.call("GET", at + "/nodes")["nodes"]
        self.assertEqual([n["state"] for n in nodes], ["Succeeded"] * len(nodes))
        tasks = [n for n in nodes if n["kind"] == "task"]
        self.assertEqual([n["name"] for n in tasks], ["a", "b"])
        graph = self.call("GET", f"{at}/graph?parent={tasks[0]['parent']}")
        self.assertEqual(graph["edges"], [{"from": tasks[0]["id"], "to": tasks[1]["id"]}])
        self.assertEqual(self.call("GET", at + "/graph")["nodes"][0]["kind"], "graph")
        first = self.call("GET", at + "/nodes?page_size=1")
        self.assertEqual(len(first["nodes"]), 1)
        rest = self.call("GET", f"{at}/nodes?after={first['next_after']}")["nodes"]
        self.assertEqual([n["id"] for n in first["nodes"] + rest], [n["id"] for n in nodes])
        self.assertEqual(self.call("GET", at + "/nodes?state=Failed")["nodes"], [])
        self.assertEqual(self.call("GET", f"{at}/nodes?changed_since={max(n['seq'] for n in nodes)}")["nodes"], [])
        one = self.call("GET", f"{at}/nodes/{tasks[0]['id']}")
        self.assertEqual(one["exit_code"], 0)
        self.assertEqual(one["history"], [])
        logs = f"{ROOT}{at}/nodes/{tasks[0]['id']}/logs"
        self.assertEqual(self.server.get(logs).text, "hello world\nsecond\n")
        self.assertEqual(self.server.get(logs + "?tail=1").text, "second\n")
        self.assertEqual(self.server.get(logs + "?follow=true").text, "hello world\nsecond\n")
        self.assertIn(" o hello world\n", self.server.get(logs + "?times=true").text)
        a, b = (n["id"] for n in tasks)
        self.assertEqual(self.server.get(f"{ROOT}{at}/logs").text, f"{a}: hello world\n{a}: second\n{b}: hello world\n{b}: second\n")
        self.error("GET", f"{at}/nodes/{tasks[0]['parent']}/logs")
        self.error("GET", f"{at}/nodes/99", status=404)
        self.error("GET", f"{at}/nodes?state=Fine")

    def test_lists(self):
        for i in range(3):
            self.ended(self.start(labels={"suite": "lists"}, name=f"listed-{i}"))
        page = self.call("GET", "/runs?name=listed&page_size=2&total=true")
        self.assertEqual([r["name"] for r in page["runs"]], ["listed-2", "listed-1"])
        self.assertEqual(page["total"], 3)
        last = self.call("GET", "/runs?name=listed&page_size=2&page_token=" + page["next_page_token"])
        self.assertEqual([r["name"] for r in last["runs"]], ["listed-0"])
        self.assertNotIn("next_page_token", last)
        self.assertEqual([r["name"] for r in self.call("GET", "/runs?name=listed&sort=name")["runs"]], ["listed-0", "listed-1", "listed-2"])
        self.assertEqual(len(self.call("GET", "/runs?where=label:suite%3Dlists;state%3DSucceeded,Failed")["runs"]), 3)
        self.assertEqual(self.call("GET", "/runs?name=listed&state=Failed")["runs"], [])
        for bad in ("page_size=0", "page_size=1001", "state=Fine", "where=x", "sort=colour", "created_after=soon", "total=perhaps", "page_token=%21"):
            self.error("GET", "/runs?" + bad)

    def test_idempotent(self):
        chosen = str(uuid.uuid4())
        first, again = self.start(id=chosen), self.start(id=chosen)
        self.assertEqual((first["id"], again["id"]), (chosen, chosen))
        self.assertEqual(first["name"], again["name"])

    def test_stop_and_retry(self):
        run = self.start(SLEEP)
        node = wait_for(lambda: [n for n in self.call("GET", f"/runs/{run['id']}/nodes")["nodes"] if n["state"] == "Running"])[0]
        self.assertEqual(self.error("POST", f"/runs/{run['id']}/retry", status=409)["kind"], "conflict")
        self.assertEqual(self.error("DELETE", f"/runs/{run['id']}", status=409)["kind"], "conflict")
        self.call("POST", f"/runs/{run['id']}/stop")
        self.assertEqual(self.ended(run)["state"], "Stopped")
        self.assertEqual(self.server.get(f"{ROOT}/runs/{run['id']}/nodes/{node['id']}/logs?follow=true").text, "begun\n")
        self.call("POST", f"/runs/{run['id']}/retry")
        wait_for(lambda: self.call("GET", f"/runs/{run['id']}")["state"] == "Running")
        self.call("POST", f"/runs/{run['id']}/terminate")
        self.assertEqual(self.ended(run)["state"], "Terminated")
        self.assertEqual(self.call("GET", f"/runs/{run['id']}")["epoch"], 1)
        self.assertEqual(len(self.call("GET", f"/runs/{run['id']}/nodes/{node['id']}")["history"]), 1)
        self.assertEqual(self.call("DELETE", f"/runs/{run['id']}")["id"], run["id"])
        self.error("GET", f"/runs/{run['id']}", status=404)

    def test_approve(self):
        run = self.start(WAIT)
        node = wait_for(lambda: [n for n in self.call("GET", f"/runs/{run['id']}/nodes")["nodes"] if n["state"] == "Suspended"])[0]
        self.call("POST", f"/runs/{run['id']}/nodes/{node['id']}/approve", {})
        self.assertEqual(self.ended(run)["state"], "Succeeded")
        rejected = self.start(WAIT)
        node = wait_for(lambda: [n for n in self.call("GET", f"/runs/{rejected['id']}/nodes")["nodes"] if n["state"] == "Suspended"])[0]
        self.call("POST", f"/runs/{rejected['id']}/nodes/{node['id']}/approve", {"reject": True})
        self.assertEqual(self.ended(rejected)["state"], "Failed")

    def test_refused(self):
        self.error("POST", "/runs", {})
        self.error("POST", "/runs", {"document": HELLO, "pipeline": "x"})
        self.error("POST", "/runs", {"document": HELLO, "colour": "red"})
        self.error("POST", "/runs", {"document": HELLO, "id": "one"})
        self.error("POST", "/runs", {"pipeline": "no-such"}, 404)
        self.error("GET", "/runs/no-such", status=404)
        self.error("POST", "/runs/no-such/stop", status=404)
        wrong = self.error("POST", "/runs", {"document": HELLO.replace("template: say, depends", "template: shout, depends")})
        self.assertTrue(wrong["problems"])
        self.assertIn("line", wrong["problems"][0])

    def test_check(self):
        good = self.call("POST", "/check", {"document": HELLO})
        self.assertTrue(good["valid"])
        self.assertEqual(good["parameters"]["properties"]["who"], {"description": "whom to greet", "default": "world", "enum": ["world", "moon"]})
        tasks = next(t for t in good["graph"]["templates"] if t["name"] == good["graph"]["root"])["tasks"]
        self.assertEqual([(t["name"], t["depends_on"]) for t in tasks], [("a", []), ("b", ["a"])])
        bad = self.call("POST", "/check", {"document": "a: [1,"})
        self.assertFalse(bad["valid"])
        self.assertGreater(bad["problems"][0]["line"], 0)

    def test_openapi(self):
        document = self.call("GET", "/openapi.json")
        self.assertEqual(document["openapi"], "3.1.0")
        names = [o["operationId"] for item in document["paths"].values() for o in item.values()]
        self.assertEqual(len(names), len(set(names)))
        self.assertIn("createRun", names)


class Records(Native):
    def upload(self, name, **more):
        p = self.call("POST", "/pipelines", dict(more, name=name), 201)
        v = self.call("POST", f"/pipelines/{name}/versions", {"name": "one", "document": HELLO}, 201)
        return p, v

    def test_pipelines(self):
        p, v = self.upload("greeter", description="greets", tags={"team": "vision"})
        self.assertEqual((p["name"], p["description"], p["tags"], p["state"]), ("greeter", "greets", {"team": "vision"}, "active"))
        self.assertEqual((v["parent"], v["language"], v["document"]), (p["id"], "argo", HELLO))
        self.error("POST", "/pipelines", {"name": "greeter"}, 409)
        self.assertEqual(self.call("GET", "/pipelines/greeter")["id"], p["id"])
        self.assertEqual([x["id"] for x in self.call("GET", "/pipelines?name=greet")["pipelines"]], [p["id"]])
        self.assertNotIn("document", self.call("GET", "/pipelines/greeter/versions")["versions"][0])
        self.assertEqual(self.call("GET", "/pipelines/greeter/versions/latest")["id"], v["id"])
        self.assertEqual(self.call("GET", "/pipelines/greeter/versions/one/parameters")["properties"]["who"]["default"], "world")
        self.assertEqual(self.call("GET", "/pipelines/greeter/versions/one/graph")["root"], "main")
        self.assertEqual(self.call("PATCH", "/pipelines/greeter", {"description": "waves"})["description"], "waves")
        self.error("PATCH", "/pipelines/greeter", {"description": "late", "revision": 1}, 409)
        wrong = self.error("POST", "/pipelines/greeter/versions", {"document": "a: [1,"})
        self.assertGreater(wrong["line"], 0)
        self.call("POST", "/pipelines/greeter/presets", {"name": "lunar", "parameters": {"who": "moon"}}, 201)
        run = self.call("POST", "/runs", {"pipeline": "greeter", "preset": "lunar"}, 201)
        self.assertEqual((run["parameters"], run["pipeline"], run["version"]), ({"who": "moon"}, p["id"], v["id"]))
        self.ended(run)
        self.assertEqual([r["id"] for r in self.call("GET", "/runs?pipeline=" + p["id"])["runs"]], [run["id"]])
        self.assertEqual([x["kind"] for x in self.call("GET", "/search?q=GREETER")["found"]], ["pipeline"])
        self.assertIn(run["id"], [x["id"] for x in self.call("GET", "/search?q=moon")["found"]])
        self.call("DELETE", "/pipelines/greeter?cascade=true")
        self.error("GET", "/pipelines/greeter", status=404)

    def test_bulk_compare_usage(self):
        a, b = (self.ended(self.start(parameters={"who": who})) for who in ("world", "moon"))
        x = self.call("GET", f"/compare?runs={a['id']},{b['id']}")
        self.assertEqual(x["parameters"], [{"name": "who", "values": ["world", "moon"], "differs": True}])
        done = self.call("POST", "/bulk", {"action": "archive", "runs": [a["id"], "no-such"]})
        self.assertEqual([(r["run"], r["ok"]) for r in done["results"]], [(a["id"], True), ("no-such", False)])
        self.assertEqual((done["failed"], done["results"][1]["kind"]), (1, "not_found"))
        self.assertTrue(self.call("GET", "/runs/" + a["id"])["archived"])
        self.assertNotIn(a["id"], [r["id"] for r in self.call("GET", "/runs")["runs"]])
        self.assertIn(a["id"], [r["id"] for r in self.call("GET", "/runs?archived=yes")["runs"]])
        self.assertFalse(self.call("POST", f"/runs/{a['id']}/unarchive")["archived"])
        rows = self.call("GET", "/usage?by=namespace&per=day")["usage"]
        self.assertGreaterEqual(sum(r["runs"] for r in rows), 2)
        self.assertGreaterEqual(sum(r["steps"] for r in rows), 4)

    def test_info(self):
        self.assertEqual(self.call("GET", "/info")["executor"], "process")
        self.assertIn("api.listen", [s["name"] for s in self.call("GET", "/settings")["settings"]])
        self.assertEqual(self.call("GET", "/cache")["entries"], [])
        self.call("DELETE", "/cache")


class Live(Native):
    def events(self, path, headers, until):
        """The events of a stream up to and with the first for which `until` holds, or its end."""
        c = self.server.connection()
        c.request("GET", ROOT + path, headers=headers)
        r = c.getresponse()
        self.assertEqual((r.status, r.getheader("Content-Type").split(";")[0]), (200, "text/event-stream"))
        seen, now = [], {}
        for line in r:
            line = line.decode().rstrip("\n")
            if line and not line.startswith(":"):
                key, _, value = line.partition(": ")
                now[key] = value
            elif not line and "event" in now:
                seen.append((now["event"], json.loads(now["data"]), now.get("id")))
                now = {}
                if until(seen[-1]):
                    break
        c.close()
        return seen

    def test_run(self):
        run = self.start()
        seen = self.events(f"/runs/{run['id']}/watch", {}, lambda e: False)
        self.assertEqual(seen[-1][0], "end")
        newest = {e[1]["id"]: e[1]["state"] for e in seen if e[0] == "node"}
        self.assertEqual(set(newest.values()), {"Succeeded"})
        again = self.events(f"/runs/{run['id']}/watch", {"Last-Event-ID": seen[-1][2]}, lambda e: False)
        self.assertEqual([e[0] for e in again], ["end"])

    def test_everything(self):
        hello = self.events("/watch", {}, lambda e: True)[0]
        self.assertEqual(hello[0], "hello")
        run = self.ended(self.start())
        seen = self.events("/watch", {"Last-Event-ID": hello[2]}, lambda e: e[1].get("run", {}).get("final"))
        self.assertEqual((seen[-1][1]["kind"], seen[-1][1]["id"], seen[-1][1]["run"]["state"]), ("run", run["id"], "Succeeded"))


class Recurring(Native):
    def test_next_firings_and_a_run_out_of_turn(self):
        made = self.call("POST", "/recurring", {"name": "nightly", "document": HELLO, "cron": "30 2 * * *", "timezone": "Europe/Berlin", "parameters": {"who": "moon"}}, 201)
        path = f"/recurring/{made['id']}"
        firings = self.call("GET", path + "/firings?count=3")["firings"]
        self.assertEqual(len(firings), 3)
        self.assertEqual(firings, sorted(set(firings)))
        self.assertTrue(all(f.endswith(":30:00Z") for f in firings), firings)
        self.assertEqual(self.error("GET", path + "/firings?count=101")["kind"], "invalid")
        run = self.call("POST", path + "/run", None, 201)
        self.assertEqual((run["recurring"], run["parameters"]["who"]), (made["id"], "moon"))
        wait_for(lambda: self.call("GET", f"/runs/{run['id']}")["state"] == "Succeeded")
        self.assertEqual(self.call("GET", path + "/firings?count=3")["firings"], firings)  # not moved by it
        self.assertEqual(self.call("GET", "/recurring/nightly")["id"], made["id"])  # by name too, whatever its experiment
        self.call("PATCH", path, {"state": "disabled"})
        self.assertEqual(self.call("GET", path + "/firings")["firings"], [])
        self.error("POST", "/recurring", {"name": "bad", "document": HELLO, "cron": "every day"})
        self.error("POST", "/recurring", {"name": "bad", "document": HELLO, "cron": "0 0 * * *", "timezone": "Europe/Nowhere"})
        self.call("DELETE", path)
        self.error("GET", path + "/firings", None, 404)


if __name__ == "__main__":
    unittest.main(verbosity=2 if "-v" in sys.argv else 1)
