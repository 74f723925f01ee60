#!/usr/bin/env python3
"""The real kfp 1.8 SDK against a started server: its pipelines are Argo manifests, its API v1beta1."""
import kfp_env
kfp_env.inside(kfp_env.sdk1)

import base64
import json
import os
import subprocess
import sys
import tempfile
import unittest

import kfp
import kfp_server_api
from kfp import dsl
from harness import Server, wait_for


def step(name, script, *arguments, **more):
    return dsl.ContainerOp(name=name, image="busybox", command=["sh", "-c", script], arguments=list(arguments), **more)


@dsl.pipeline(name="greet", description="says something")
def greet(text: str = "hello", other: str = "x"):
    step("say", 'echo "said $0"; printf "%s" "$0" > /tmp/out', text, file_outputs={"out": "/tmp/out"})


@dsl.pipeline(name="flaky")
def flaky(path: str):
    step("check", 'test -e "$0"', path)


@dsl.pipeline(name="endless")
def endless():
    step("wait", "sleep 600")


class Sdk1(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.client = kfp.Client(host=cls.server.url)
        cls.folder = tempfile.mkdtemp(dir=cls.server.folder)
        cls.files = {}
        for name, f in (("greet", greet), ("flaky", flaky), ("endless", endless)):
            cls.files[name] = os.path.join(cls.folder, name + ".yaml")
            kfp.compiler.Compiler().compile(f, cls.files[name])

    @classmethod
    def tearDownClass(cls):
        cls.server.close()

    def refused(self, status, call, *args, **more):
        with self.assertRaises(kfp_server_api.ApiException) as caught:
            call(*args, **more)
        self.assertEqual(caught.exception.status, status, caught.exception.body)
        return json.loads(caught.exception.body)

    def wait(self, run_id):
        """As the client waits, which looks every five seconds."""
        ended = lambda d: d if (d.run.status or "").lower() in ("succeeded", "failed", "skipped", "error") else None
        return wait_for(lambda: ended(self.client.get_run(run_id)))

    def test_pipelines(self):
        c = self.client
        self.assertIs(c.get_kfp_healthz().multi_user, False)
        packed = os.path.join(self.folder, "packed.zip")
        kfp.compiler.Compiler().compile(greet, packed)
        p = c.upload_pipeline(packed, "p1", description="first")
        self.assertEqual((p.name, p.description), ("p1", "first"))
        self.assertEqual({x.name: x.value for x in p.parameters}, {"text": "hello", "other": "x"})
        self.assertEqual(c.get_pipeline_id("p1"), p.id)
        self.assertIsNone(c.get_pipeline_id("none"))
        self.assertEqual(c.get_pipeline(p.id).default_version.id, p.default_version.id)
        self.refused(409, c.upload_pipeline, packed, "p1")
        v = c.upload_pipeline_version(self.files["greet"], "v2", pipeline_id=p.id)
        self.assertEqual(v.name, "v2")
        self.assertEqual(c.get_pipeline(p.id).default_version.id, v.id)
        versions = c.list_pipeline_versions(p.id, sort_by="created_at desc")
        self.assertEqual([x.name for x in versions.versions], ["v2", "p1"])
        c.pipelines.update_pipeline_default_version(p.id, p.default_version.id)
        self.assertEqual(c.get_pipeline(p.id).default_version.id, p.default_version.id)
        self.assertIn("kind: Workflow", c.pipelines.get_template(p.id).template)
        self.assertIn("say", c.pipelines.get_pipeline_version_template(v.id).template)
        self.assertIn("p1", [x.name for x in c.list_pipelines(page_size=100).pipelines])
        c.delete_pipeline_version(v.id)
        self.refused(404, c.pipelines.get_pipeline_version, v.id)
        c.delete_pipeline(p.id)
        self.refused(404, c.get_pipeline, p.id)

    def test_experiments(self):
        c = self.client
        x = c.create_experiment("ex1", description="tries")
        self.assertEqual((x.name, x.description, x.storage_state), ("ex1", "tries", "STORAGESTATE_AVAILABLE"))
        self.assertEqual(c.create_experiment("ex1").id, x.id)
        self.assertEqual(c.get_experiment(experiment_name="ex1").id, x.id)
        self.assertIn("ex1", [e.name for e in c.list_experiments(page_size=100).experiments])
        run = c.run_pipeline(x.id, "in ex1", self.files["greet"])
        self.wait(run.id)
        c.archive_experiment(x.id)
        self.assertEqual(c.get_experiment(x.id).storage_state, "STORAGESTATE_ARCHIVED")
        self.assertEqual(c.get_run(run.id).run.storage_state, "STORAGESTATE_ARCHIVED")
        c.experiments.unarchive_experiment(x.id)
        self.assertEqual(c.get_experiment(x.id).storage_state, "STORAGESTATE_AVAILABLE")
        y = c.create_experiment("ex2")
        c.delete_experiment(y.id)
        self.refused(404, c.get_experiment, y.id)

    def test_runs(self):
        c = self.client
        x = c.create_experiment("runs")
        p = c.upload_pipeline(self.files["greet"], "for runs")
        by_pipeline = c.run_pipeline(x.id, "by pipeline", pipeline_id=p.id, params={"text": "one"})
        by_version = c.run_pipeline(x.id, "by version", version_id=p.default_version.id, params={"text": "two"})
        by_function = c.create_run_from_pipeline_func(greet, {"text": "three"}, run_name="by function", experiment_name="runs")
        by_package = c.create_run_from_pipeline_package(self.files["greet"], {"text": "four"}, run_name="by package", experiment_name="runs")
        for run, text in ((by_pipeline.id, "one"), (by_version.id, "two"), (by_function.run_id, "three"), (by_package.run_id, "four")):
            d = self.wait(run)
            self.assertEqual(d.run.status, "Succeeded", d.run.error)
            self.assertIn(text, [q.value for q in d.run.pipeline_spec.parameters if q.name == "text"])
            self.assertIn(("EXPERIMENT", x.id, "OWNER"), [(r.key.type, r.key.id, r.relationship) for r in d.run.resource_references])
        manifest = json.loads(d.pipeline_runtime.workflow_manifest)
        self.assertEqual(manifest["status"]["phase"], "Succeeded")
        node = next(n for n in manifest["status"]["nodes"].values() if n["type"] == "Pod")
        data = c.runs.read_artifact(by_package.run_id, node["id"], "say-out").data
        self.assertEqual(base64.b64decode(data), b"four")
        self.assertEqual(self.server.get(f"/apis/v1alpha1/runs/{by_package.run_id}/nodes/{node['id']}/log").text, "said four\n")
        self.assertEqual(json.loads(d.run.pipeline_spec.workflow_manifest)["kind"], "Workflow")
        self.assertEqual(c.wait_for_run_completion(by_package.run_id, 50).run.status, "Succeeded")
        page = c.list_runs(experiment_id=x.id, page_size=3, sort_by="created_at")
        self.assertEqual(([r.name for r in page.runs], page.total_size), (["by pipeline", "by version", "by function"], 4))
        page = c.list_runs(experiment_id=x.id, page_size=3, sort_by="created_at", page_token=page.next_page_token)
        self.assertEqual(([r.name for r in page.runs], page.next_page_token), (["by package"], None))
        found = c.list_runs(experiment_id=x.id, filter=json.dumps({"predicates": [{"op": 1, "key": "status", "stringValue": "Succeeded"}, {"op": 9, "key": "name", "stringValue": "func"}]}))
        self.assertEqual([r.name for r in found.runs], ["by function"])
        c.runs.archive_run(by_pipeline.id)
        self.assertEqual(c.get_run(by_pipeline.id).run.storage_state, "STORAGESTATE_ARCHIVED")
        c.runs.unarchive_run(by_pipeline.id)
        self.assertEqual(c.get_run(by_pipeline.id).run.storage_state, "STORAGESTATE_AVAILABLE")
        c.runs.delete_run(by_pipeline.id)
        self.refused(404, c.get_run, by_pipeline.id)
        self.refused(400, c.run_pipeline, x.id, "wrong", self.files["flaky"])

    def test_metrics(self):
        c = self.client
        x = c.create_experiment("measured")
        run = c.run_pipeline(x.id, "measured", self.files["greet"])
        self.wait(run.id)
        body = {"run_id": run.id, "metrics": [{"name": "accuracy", "node_id": "say", "number_value": 0.5, "format": "RAW"}, {"name": "not a name", "node_id": "say", "number_value": 1},
                                              {"name": "loss", "node_id": "nowhere", "number_value": 1}]}
        results = c.runs.report_run_metrics(run.id, body).results
        self.assertEqual([r.status for r in results], ["OK", "INVALID_ARGUMENT", "INVALID_ARGUMENT"])
        self.assertEqual([(m.name, m.number_value) for m in c.get_run(run.id).run.metrics], [("accuracy", 0.5)])

    def test_terminate_and_retry(self):
        c = self.client
        x = c.create_experiment("ends")
        run = c.run_pipeline(x.id, "endless", self.files["endless"])
        running = lambda: '"Running"' in json.dumps([n["phase"] for n in json.loads(c.get_run(run.id).pipeline_runtime.workflow_manifest)["status"].get("nodes", {}).values() if n["type"] == "Pod"])
        wait_for(running)
        self.refused(400, c.runs.retry_run, run.id)
        c.runs.terminate_run(run.id)
        d = self.wait(run.id)
        self.assertEqual(d.run.status, "Failed")
        self.assertIn("terminated", d.run.error)
        mark = os.path.join(self.server.folder, "mark")
        run = c.run_pipeline(x.id, "flaky", self.files["flaky"], params={"path": mark})
        self.assertEqual(self.wait(run.id).run.status, "Failed")
        open(mark, "w").close()
        c.runs.retry_run(run.id)
        wait_for(lambda: c.get_run(run.id).run.status == "Succeeded")

    def test_jobs(self):
        c = self.client
        x = c.create_experiment("often")
        cron = c.create_recurring_run(x.id, "cron", cron_expression="0 0 3 * * *", pipeline_package_path=self.files["greet"], params={"text": "nightly"}, max_concurrency=2, enabled=False)
        self.assertEqual((cron.name, cron.enabled, cron.trigger.cron_schedule.cron, cron.max_concurrency), ("cron", False, "0 0 3 * * *", "2"))
        c.jobs.enable_job(cron.id)
        self.assertIs(c.get_recurring_run(cron.id).enabled, True)
        c.disable_job(cron.id)
        self.assertEqual(c.get_recurring_run(cron.id).mode, "DISABLED")
        every = c.create_recurring_run(x.id, "every", interval_second=3600, pipeline_package_path=self.files["greet"], no_catchup=True)
        self.assertEqual((every.trigger.periodic_schedule.interval_second, every.no_catchup), ("3600", True))
        self.assertEqual([j.name for j in c.list_recurring_runs(experiment_id=x.id, sort_by="created_at").jobs], ["cron", "every"])
        c.delete_job(every.id)
        self.refused(404, c.get_recurring_run, every.id)

    # ---- the CLI ----

    def kfp(self, *words, status=0):
        done = subprocess.run([os.path.join(os.path.dirname(sys.executable), "kfp"), "--endpoint", self.server.url, "--output", "json", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, timeout=60, input="y\n")
        self.assertEqual(done.returncode, status, f"{words}: {done.stdout}{done.stderr}")
        return done.stdout

    def test_cli(self):
        self.kfp("experiment", "create", "cli")
        x = self.client.get_experiment(experiment_name="cli")
        self.assertIn(x.id, self.kfp("experiment", "list"))
        self.assertIn("cli", self.kfp("experiment", "get", x.id))
        self.kfp("pipeline", "upload", "-p", "cli pipeline", self.files["greet"])
        p = self.client.get_pipeline_id("cli pipeline")
        self.assertIn(p, self.kfp("pipeline", "list"))
        self.assertIn("cli pipeline", self.kfp("pipeline", "get", p))
        self.kfp("pipeline", "upload-version", "-p", p, "-v", "second", self.files["greet"])
        self.assertEqual(sorted(v.name for v in self.client.list_pipeline_versions(p).versions), ["cli pipeline", "second"])  # the verb of 1.8.22 fails before it asks
        self.kfp("run", "submit", "-e", "cli", "-r", "cli run", "-p", p, "text=from the cli")
        runs = self.client.list_runs(experiment_id=x.id).runs
        self.assertEqual([r.name for r in runs], ["cli run"])
        self.assertEqual(self.wait(runs[0].id).run.status, "Succeeded")
        self.assertIn(runs[0].id, self.kfp("run", "list", "-e", x.id))
        self.assertIn("Succeeded", self.kfp("run", "get", runs[0].id))
        self.kfp("recurring-run", "create", "--experiment-name", "cli", "--job-name", "cli job", "--interval-second", "3600", "--pipeline-package-path", self.files["greet"])
        job = self.client.list_recurring_runs(experiment_id=x.id).jobs[0]
        self.assertIn("cli job", self.kfp("recurring-run", "get", job.id))
        self.assertIn(job.id, self.kfp("recurring-run", "list", "-e", x.id))
        self.kfp("recurring-run", "delete", job.id)
        self.refused(404, self.client.get_recurring_run, job.id)
        self.kfp("pipeline", "delete", p)
        self.assertIsNone(self.client.get_pipeline_id("cli pipeline"))


if __name__ == "__main__":
    unittest.main()
