#!/usr/bin/env python3
"""The real kfp 2.x SDK and its CLI against a started server: every method of the client, every verb, and what comes back."""
import kfp_env
kfp_env.inside(kfp_env.sdk2)

import base64
import datetime
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import unittest
import urllib.parse
import zipfile

import kfp
from kfp import compiler, dsl
import kfp_server_api
from harness import Server, wait_for


@dsl.container_component
def say(text: str, out: dsl.Output[dsl.Artifact]):
    return dsl.ContainerSpec(image="busybox", command=["sh", "-c", 'echo "said $0"; mkdir -p "$(dirname "$1")"; printf "%s" "$0" > "$1"', text, out.path])


@dsl.container_component
def fail_unless(path: str):
    return dsl.ContainerSpec(image="busybox", command=["sh", "-c", 'test -e "$0"', path])


@dsl.container_component
def wait_long():
    return dsl.ContainerSpec(image="busybox", command=["sleep", "600"])


@dsl.pipeline(name="greet", description="says something")
def greet(text: str = "hello", count: int = 1):
    say(text=text)


@dsl.pipeline(name="flaky")
def flaky(path: str):
    fail_unless(path=path)


@dsl.pipeline(name="endless")
def endless():
    wait_long()


def predicates(*items):
    return json.dumps({"predicates": [dict(zip(("operation", "key", "string_value"), i)) for i in items]})


class Sdk2(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.client = kfp.Client(host=cls.server.url)
        cls.folder = tempfile.mkdtemp(dir=cls.server.folder)
        cls.files = {}
        for f in (greet, flaky, endless):
            cls.files[f.name] = os.path.join(cls.folder, f.name + ".yaml")
            compiler.Compiler().compile(f, cls.files[f.name])

    @classmethod
    def tearDownClass(cls):
        cls.server.close()

    def refused(self, status, call, *args, **more):
        with self.assertRaises(kfp_server_api.ApiException) as caught:
            call(*args, **more)
        self.assertEqual(caught.exception.status, status, caught.exception.body)
        return json.loads(caught.exception.body)

    def wait(self, run_id):
        return self.client.wait_for_run_completion(run_id, timeout=50, sleep_duration=0.1)

    def test_health(self):
        self.assertIs(self.client.get_kfp_healthz().multi_user, False)
        self.assertEqual(self.server.get("/apis/v2beta1/auth?namespace=x&resources=VIEWERS&verb=GET").json, {})

    def test_pipelines_and_versions(self):
        c = self.client
        p = c.upload_pipeline(self.files["greet"], pipeline_name="p1", description="first")
        self.assertEqual((p.name, p.display_name, p.description), ("p1", "p1", "first"))
        self.assertIsInstance(p.created_at, datetime.datetime)
        self.assertEqual(c.get_pipeline_id("p1"), p.pipeline_id)
        self.assertIsNone(c.get_pipeline_id("no such pipeline"))
        self.assertEqual(c.get_pipeline(p.pipeline_id), p)
        self.assertEqual(c.pipelines.pipeline_service_get_pipeline_by_name("p1").pipeline_id, p.pipeline_id)
        said = self.refused(409, c.upload_pipeline, self.files["greet"], pipeline_name="p1")
        self.assertIn("error_message", said)
        said = self.refused(404, c.get_pipeline, "no-such-id")
        self.assertEqual((said["code"], said["details"][0]["code"]), (5, 5))
        v = c.upload_pipeline_version(self.files["greet"], "v2", pipeline_id=p.pipeline_id, description="second")
        self.assertEqual((v.display_name, v.description, v.pipeline_id), ("v2", "second", p.pipeline_id))
        self.assertEqual(v.pipeline_spec["pipelineInfo"]["name"], "greet")
        w = c.upload_pipeline_version_from_pipeline_func(greet, "v3", pipeline_name="p1")
        self.refused(409, c.upload_pipeline_version, self.files["greet"], "v3", pipeline_id=p.pipeline_id)
        versions = c.list_pipeline_versions(p.pipeline_id, sort_by="created_at desc")
        self.assertEqual([x.display_name for x in versions.pipeline_versions], ["v3", "v2", "p1"])
        self.assertEqual(versions.total_size, 3)
        self.assertEqual(c.get_pipeline_version(p.pipeline_id, v.pipeline_version_id), v)
        self.refused(404, c.get_pipeline_version, "another", v.pipeline_version_id)
        c.delete_pipeline_version(p.pipeline_id, w.pipeline_version_id)
        self.refused(404, c.get_pipeline_version, p.pipeline_id, w.pipeline_version_id)
        said = self.refused(400, c.delete_pipeline, p.pipeline_id)
        self.assertEqual(said["code"], 9)
        c.pipelines.pipeline_service_delete_pipeline(p.pipeline_id, cascade=True)
        self.refused(404, c.get_pipeline, p.pipeline_id)
        self.refused(404, c.list_pipeline_versions, p.pipeline_id)

    def test_pipelines_by_messages(self):
        spec = compiler.Compiler() and json.loads(json.dumps(greet.pipeline_spec and __import__("google.protobuf.json_format", fromlist=["x"]).MessageToDict(greet.pipeline_spec)))
        post = lambda path, body: self.server.post("/apis/v2beta1" + path, body)
        a = post("/pipelines/create", {"pipeline": {"displayName": "both", "tags": {"team": "a"}}, "pipelineVersion": {"display_name": "one", "pipelineSpec": spec}})
        self.assertEqual((a.status, a.json["tags"]), (200, {"team": "a"}), a.text)
        key = a.json["pipeline_id"]
        b = post(f"/pipelines/{key}/versions", {"display_name": "two", "pipeline_spec": {"pipeline_spec": spec, "platform_spec": {"platforms": {"kubernetes": {}}}}})
        self.assertEqual(sorted(b.json["pipeline_spec"]), ["pipeline_spec", "platform_spec"], b.text)
        a = self.server.request("PATCH", f"/apis/v2beta1/pipelines/{key}", {"description": "changed", "display_name": "other"})
        self.assertEqual((a.json["description"], a.json["display_name"], a.json["tags"]), ("changed", "other", {"team": "a"}))
        found = self.server.get("/apis/v2beta1/pipelines?filter=" + urllib.parse.quote(predicates((1, "tags.team", "a")))).json
        self.assertEqual([x["pipeline_id"] for x in found["pipelines"]], [key])
        self.assertEqual(post("/pipelines", {"display_name": "empty"}).status, 200)
        self.assertEqual(post("/pipelines", {"displayname": "x"}).status, 400)
        self.assertEqual(post("/pipelines", {}).status, 400)
        self.assertEqual(post(f"/pipelines/{key}/versions", {"display_name": "bad", "pipeline_spec": {"root": {}}}).status, 400)
        self.assertEqual(post(f"/pipelines/{key}/versions", {"display_name": "bad", "package_url": {"pipeline_url": "http://127.0.0.1/x"}}).status, 501)

    def upload(self, name, content):
        body, end = io.BytesIO(), "b-o-u-n-d"
        body.write(f'--{end}\r\nContent-Disposition: form-data; name="uploadfile"; filename="{name}"\r\n\r\n'.encode() + content + f"\r\n--{end}--\r\n".encode())
        return self.server.request("POST", "/apis/v2beta1/pipelines/upload?name=" + urllib.parse.quote("of " + name), body.getvalue(), {"Content-Type": f"multipart/form-data; boundary={end}"})

    def test_uploads(self):
        text = open(self.files["greet"], "rb").read()

        def tar(*entries, link=None):
            out = io.BytesIO()
            with tarfile.open(fileobj=out, mode="w:gz") as t:
                for name, content in entries:
                    info = tarfile.TarInfo(name)
                    info.size = len(content)
                    t.addfile(info, io.BytesIO(content))
                if link:
                    info = tarfile.TarInfo("link.yaml")
                    info.type, info.linkname = tarfile.SYMTYPE, link
                    t.addfile(info)
            return out.getvalue()

        def packed(*entries):
            out = io.BytesIO()
            with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
                for name, content in entries:
                    z.writestr(name, content)
            return out.getvalue()

        good = [("a.yaml", text), ("b.zip", packed(("x/p.yaml", text))), ("c.tar.gz", tar(("pipeline.yaml", text), ("other.yaml", b"x: 1"))),
                ("d.json", json.dumps(json.loads(self.server.get("/apis/v2beta1/healthz").text) and __import__("yaml").safe_load(text)).encode())]
        for name, content in good:
            a = self.upload(name, content)
            self.assertEqual(a.status, 200, f"{name}: {a.text}")
        bad = [("e.txt", text), ("f.yaml", b"a: 1"), ("g.yaml", b""), ("h.tar.gz", tar(("../p.yaml", text))), ("i.tar.gz", tar(("p.yaml", text), link="/etc/passwd")),
               ("j.zip", packed(("a.yaml", text), ("b.yaml", text))), ("k.zip", packed(("p.yaml", b"0" * (40 << 20)))), ("l.zip", b"PK\3\4 no zip"), ("m.tar.gz", tar(("readme", b"x")))]
        for name, content in bad:
            a = self.upload(name, content)
            self.assertEqual(a.status, 400, f"{name}: {a.text}")
            self.assertIn("error_message", a.json)

    def test_experiments(self):
        c = self.client
        x = c.create_experiment("ex1", description="tries")
        self.assertEqual((x.display_name, x.description, x.storage_state), ("ex1", "tries", "AVAILABLE"))
        self.assertEqual(c.create_experiment("ex1").experiment_id, x.experiment_id)
        self.assertEqual(c.get_experiment(experiment_name="ex1").experiment_id, x.experiment_id)
        a = self.server.post("/apis/v2beta1/experiments", {"display_name": "ex1"})
        self.assertEqual((a.status, a.json["code"]), (409, 6))
        run = c.run_pipeline(x.experiment_id, "in ex1", self.files["greet"])
        job = c.create_recurring_run(x.experiment_id, "job ex1", interval_second=3600, pipeline_package_path=self.files["greet"])
        self.assertEqual(job.status, "ENABLED")
        self.wait(run.run_id)
        c.archive_experiment(x.experiment_id)
        self.assertEqual(c.get_experiment(x.experiment_id).storage_state, "ARCHIVED")
        self.assertEqual(c.get_run(run.run_id).storage_state, "ARCHIVED")
        self.assertEqual(c.get_recurring_run(job.recurring_run_id).status, "DISABLED")
        self.refused(400, c.run_pipeline, x.experiment_id, "late", self.files["greet"])
        self.refused(400, c.unarchive_run, run.run_id)
        c.unarchive_experiment(x.experiment_id)
        self.assertEqual(c.get_experiment(x.experiment_id).storage_state, "AVAILABLE")
        self.assertEqual(c.get_run(run.run_id).storage_state, "ARCHIVED")
        c.unarchive_run(run.run_id)
        y = c.create_experiment("ex2")
        names = [e.display_name for e in c.list_experiments(filter=predicates((9, "display_name", "ex"))).experiments]
        self.assertEqual(names, ["ex1", "ex2"])
        c.delete_experiment(y.experiment_id)
        self.refused(404, c.get_experiment, y.experiment_id)

    def test_runs(self):
        c = self.client
        p = c.upload_pipeline_from_pipeline_func(greet, pipeline_name="for runs")
        v = c.list_pipeline_versions(p.pipeline_id).pipeline_versions[0]
        x = c.create_experiment("runs")
        by_version = c.run_pipeline(x.experiment_id, "by version", pipeline_id=p.pipeline_id, version_id=v.pipeline_version_id, params={"text": "versioned"}, pipeline_root="/somewhere")
        self.assertEqual(by_version.pipeline_version_reference.pipeline_version_id, v.pipeline_version_id)
        by_package = c.create_run_from_pipeline_package(self.files["greet"], {"text": "packed", "count": 3}, run_name="by package", experiment_name="runs")
        by_function = c.create_run_from_pipeline_func(greet, {"text": "direct"}, run_name="by function", experiment_name="runs")
        done = self.wait(by_version.run_id)
        self.assertEqual((done.state, done.experiment_id, done.runtime_config.parameters["text"], done.runtime_config.pipeline_root), ("SUCCEEDED", x.experiment_id, "versioned", "/somewhere"))
        self.assertEqual([h.state for h in done.state_history], ["PENDING", "RUNNING", "SUCCEEDED"])
        self.assertGreaterEqual(done.finished_at, done.created_at)
        done = by_package.wait_for_run_completion(50)
        self.assertEqual((done.state, done.pipeline_spec["pipelineInfo"]["name"], done.runtime_config.parameters), ("SUCCEEDED", "greet", {"text": "packed", "count": 3}))
        tasks = {t.display_name: t for t in done.run_details.task_details}
        self.assertEqual(tasks["say"].state, "SUCCEEDED")
        self.assertEqual(tasks["say"].parent_task_id, tasks["root"].task_id)
        self.wait(by_function.run_id)
        a = self.server.get(f"/apis/v2beta1/runs/{by_package.run_id}/nodes/{tasks['say'].task_id}/artifacts/out:read")
        self.assertEqual(base64.b64decode(a.json["data"]), b"packed", a.text)
        a = self.server.get(f"/apis/v1alpha1/runs/{by_package.run_id}/nodes/{tasks['say'].task_id}/log")
        self.assertEqual(a.text, "said packed\n")
        a = self.server.get(f"/apis/v2beta1/runs/{by_package.run_id}/nodes/say/artifacts/none:read")
        self.assertEqual((a.status, sorted(a.json)), (404, ["error_details", "error_message"]))
        self.assertEqual(c.get_run(c.run_pipeline(None, "no experiment", self.files["greet"]).run_id).experiment_id, c.get_experiment(experiment_name="Default").experiment_id)

    def test_lists(self):
        c = self.client
        x = c.create_experiment("lists")
        ids = [c.run_pipeline(x.experiment_id, f"list {i}", self.files["greet"], params={"count": i}).run_id for i in range(5)]
        for i in ids:
            self.wait(i)
        first = c.list_runs(experiment_id=x.experiment_id, page_size=2, sort_by="created_at desc")
        self.assertEqual(([r.display_name for r in first.runs], first.total_size), (["list 4", "list 3"], 5))
        second = c.list_runs(experiment_id=x.experiment_id, page_size=2, sort_by="created_at desc", page_token=first.next_page_token)
        self.assertEqual([r.display_name for r in second.runs], ["list 2", "list 1"])
        third = c.list_runs(experiment_id=x.experiment_id, page_size=2, sort_by="created_at desc", page_token=second.next_page_token)
        self.assertEqual(([r.display_name for r in third.runs], third.next_page_token), (["list 0"], None))
        self.refused(400, c.list_runs, experiment_id=x.experiment_id, page_size=2, sort_by="created_at", page_token=first.next_page_token)
        self.refused(400, c.list_runs, page_size=-1)
        self.refused(400, c.list_runs, sort_by="secret")
        self.refused(400, c.list_runs, filter="{")
        found = lambda *p: [r.display_name for r in c.list_runs(experiment_id=x.experiment_id, sort_by="name", filter=predicates(*p)).runs or []]
        self.assertEqual(found(("EQUALS", "display_name", "list 2")), ["list 2"])
        self.assertEqual(found(("NOT_EQUALS", "name", "list 2"), ("EQUALS", "state", "SUCCEEDED")), ["list 0", "list 1", "list 3", "list 4"])
        self.assertEqual(found(("IS_SUBSTRING", "name", "T 3")), ["list 3"])
        self.assertEqual(found(("EQUALS", "state", "FAILED")), [])
        many = json.dumps({"predicates": [{"op": "IN", "key": "run_id", "stringValues": {"values": ids[:2]}}]})
        self.assertEqual(c.list_runs(experiment_id=x.experiment_id, filter=many).total_size, 2)
        self.assertEqual(c.list_runs(experiment_id=x.experiment_id, filter=urllib.parse.quote(many)).total_size, 2)
        c.archive_run(ids[0])
        self.assertEqual(found(("EQUALS", "storage_state", "ARCHIVED")), ["list 0"])
        self.assertEqual(len(found(("NOT_EQUALS", "storage_state", "ARCHIVED"))), 4)
        c.unarchive_run(ids[0])
        self.assertEqual(c.get_run(ids[0]).storage_state, "AVAILABLE")
        c.delete_run(ids[0])
        self.refused(404, c.get_run, ids[0])
        self.assertEqual(c.list_runs(experiment_id=x.experiment_id).total_size, 4)

    def test_parameters_are_checked(self):
        c = self.client
        x = c.create_experiment("checked")
        for file, params, says in (("flaky", {}, "path"), ("greet", {"texts": "x"}, "texts"), ("greet", {"count": "many"}, "count"), ("greet", {"text": 5}, "text")):
            said = self.refused(400, c.run_pipeline, x.experiment_id, "wrong", self.files[file], params=params)
            self.assertIn(says, said["message"])
            self.assertEqual(said["code"], 3)
            self.refused(400, c.create_recurring_run, x.experiment_id, "wrong", interval_second=60, pipeline_package_path=self.files[file], params=params)
        self.assertEqual(c.list_runs(experiment_id=x.experiment_id).total_size, 0)

    def test_terminate_and_retry(self):
        c = self.client
        x = c.create_experiment("ends")
        run = c.run_pipeline(x.experiment_id, "endless", self.files["endless"])
        wait_for(lambda: any(t.state == "RUNNING" and t.display_name == "wait-long" for t in c.get_run(run.run_id).run_details.task_details))
        self.refused(400, c.runs.run_service_retry_run, run.run_id)
        c.terminate_run(run.run_id)
        ended = self.wait(run.run_id)
        self.assertEqual(ended.state, "FAILED")
        self.assertIn("terminated", ended.error.message)
        self.refused(400, c.terminate_run, run.run_id)
        mark = os.path.join(self.server.folder, "mark")
        run = c.run_pipeline(x.experiment_id, "flaky", self.files["flaky"], params={"path": mark}, enable_caching=False)
        self.assertEqual(self.wait(run.run_id).state, "FAILED")
        open(mark, "w").close()
        c.runs.run_service_retry_run(run.run_id)
        self.assertEqual(wait_for(lambda: (r := c.get_run(run.run_id)).state == "SUCCEEDED" and r).run_id, run.run_id)

    def test_recurring_runs(self):
        c = self.client
        x = c.create_experiment("often")
        p = c.upload_pipeline(self.files["greet"], pipeline_name="for jobs")
        v = c.list_pipeline_versions(p.pipeline_id).pipeline_versions[0]
        cron = c.create_recurring_run(x.experiment_id, "cron", cron_expression="0 0 3 * * *", pipeline_id=p.pipeline_id, version_id=v.pipeline_version_id, params={"text": "nightly"},
                                      max_concurrency=2, no_catchup=True, enabled=False)
        self.assertEqual((cron.status, cron.mode, cron.trigger.cron_schedule.cron, cron.max_concurrency, cron.no_catchup), ("DISABLED", "DISABLE", "0 0 3 * * *", "2", True))
        self.assertEqual(cron.runtime_config.parameters, {"text": "nightly"})
        c.enable_recurring_run(cron.recurring_run_id)
        self.assertEqual(c.get_recurring_run(cron.recurring_run_id).status, "ENABLED")
        c.disable_recurring_run(cron.recurring_run_id)
        self.assertEqual(c.get_recurring_run(cron.recurring_run_id).mode, "DISABLE")
        every = c.create_recurring_run(x.experiment_id, "every", interval_second=3600, pipeline_package_path=self.files["greet"], start_time="2026-01-01T00:00:00Z", end_time="2040-01-01T00:00:00Z")
        self.assertEqual((every.trigger.periodic_schedule.interval_second, every.trigger.periodic_schedule.end_time.year), ("3600", 2040))
        self.assertEqual(every.pipeline_spec["pipelineInfo"]["name"], "greet")
        jobs = c.list_recurring_runs(experiment_id=x.experiment_id, sort_by="created_at")
        self.assertEqual(([j.display_name for j in jobs.recurring_runs], jobs.total_size), (["cron", "every"], 2))
        self.refused(400, c.create_recurring_run, x.experiment_id, "bad", cron_expression="every day", pipeline_package_path=self.files["greet"])
        self.refused(400, c.create_recurring_run, x.experiment_id, "bad", interval_second=60, max_concurrency=11, pipeline_package_path=self.files["greet"])
        c.delete_recurring_run(every.recurring_run_id)
        self.refused(404, c.get_recurring_run, every.recurring_run_id)

    # ---- the CLI ----

    def kfp(self, *words, status=0):
        done = subprocess.run([os.path.join(os.path.dirname(sys.executable), "kfp"), "--endpoint", self.server.url, "--output", "json", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, timeout=60, input="y\n")
        self.assertEqual(done.returncode, status, f"{words}: {done.stdout}{done.stderr}")
        at = min((i for i in (done.stdout.find("{"), done.stdout.find("[")) if i >= 0), default=-1)
        try:
            return json.JSONDecoder().raw_decode(done.stdout[at:])[0] if at >= 0 else done.stdout
        except ValueError:
            return done.stdout

    def test_cli(self):
        x = self.kfp("experiment", "create", "cli")
        self.assertEqual(self.kfp("experiment", "get", x["experiment_id"])["display_name"], "cli")
        self.assertIn("cli", [e["display_name"] for e in self.kfp("experiment", "list")])
        p = self.kfp("pipeline", "create", "-p", "cli pipeline", self.files["greet"])
        v = self.kfp("pipeline", "create-version", "-v", "second", "-p", p["pipeline_id"], self.files["greet"])
        self.assertEqual(self.kfp("pipeline", "get", p["pipeline_id"])["display_name"], "cli pipeline")
        self.assertIn("cli pipeline", [e["display_name"] for e in self.kfp("pipeline", "list", "-m", "100")])
        self.assertEqual(len(self.kfp("pipeline", "list-versions", p["pipeline_id"])), 2)
        self.assertEqual(self.kfp("pipeline", "get-version", p["pipeline_id"], v["pipeline_version_id"])["display_name"], "second")
        run = self.kfp("run", "create", "-e", "cli", "-r", "cli run", "-p", p["pipeline_id"], "-v", v["pipeline_version_id"], "text=from the cli")
        key = run["run_id"]
        self.assertEqual(self.wait(key).runtime_config.parameters["text"], "from the cli")
        self.assertEqual(self.kfp("run", "get", key)["state"], "SUCCEEDED")
        self.assertEqual([r["run_id"] for r in self.kfp("run", "list", "-e", x["experiment_id"])], [key])
        self.kfp("run", "archive", key)
        self.assertEqual(self.client.get_run(key).storage_state, "ARCHIVED")
        self.kfp("run", "unarchive", key)
        self.kfp("run", "delete", key)
        self.refused(404, self.client.get_run, key)
        job = self.kfp("recurring-run", "create", "--experiment-name", "cli", "--job-name", "cli job", "--interval-second", "3600", "--pipeline-package-path", self.files["greet"])
        key = job["recurring_run_id"]
        self.kfp("recurring-run", "disable", key)
        self.assertEqual(self.kfp("recurring-run", "get", key)["status"], "DISABLED")
        self.kfp("recurring-run", "enable", key)
        self.assertEqual([j["recurring_run_id"] for j in self.kfp("recurring-run", "list", "-e", x["experiment_id"])], [key])
        self.kfp("recurring-run", "delete", key)
        self.kfp("pipeline", "delete-version", p["pipeline_id"], v["pipeline_version_id"])
        self.kfp("experiment", "archive", "--experiment-id", x["experiment_id"])
        self.kfp("experiment", "unarchive", "--experiment-id", x["experiment_id"])
        self.kfp("experiment", "delete", x["experiment_id"])
        self.kfp("pipeline", "get", "no-such-pipeline", status=1)


if __name__ == "__main__":
    unittest.main()
