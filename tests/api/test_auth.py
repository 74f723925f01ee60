#!/usr/bin/env python3
"""Who may do what: tokens, the trusted proxy, roles in namespaces, attempts that are slowed, and every route as everybody."""
import json
import os
import re
import subprocess
import tempfile
import shutil
import unittest

from harness import LONG, WEFT, Server

REQUIRED = {"auth.mode": "required", "auth.admins": "root"}
ROLES = ["viewer", "runner", "publisher", "admin"]


def weft(server, *args):
    return subprocess.run([WEFT, *args, "--data", server.data], env=server.environment, capture_output=True, text=True, timeout=LONG)


def as_(server, token, method, path, body=None, **headers):
    if token:
        headers["Authorization"] = f"Bearer {token}"
    return server.request(method, path, body, headers)


def asked(server, token, method, path, body=None):
    """Status and text; a live stream, which does not end, is left after its headers."""
    c = server.connection()
    try:
        headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
        c.request(method, path, None if body is None else json.dumps(body), headers)
        r = c.getresponse()
        return r.status, "" if r.getheader("Content-Type", "").startswith("text/event-stream") else r.read().decode(errors="replace")
    finally:
        c.close()


class Authenticated(unittest.TestCase):
    settings = {}

    @classmethod
    def setUpClass(cls):
        cls.server = Server(settings={**REQUIRED, **cls.settings})
        made = weft(cls.server, "token", "create", "--user", "root")
        assert made.returncode == 0, made.stderr
        cls.root = made.stdout.strip()

    @classmethod
    def tearDownClass(cls):
        cls.server.close()

    def token(self, user, **more):
        a = as_(self.server, self.root, "POST", "/api/weft/v1/tokens", {"user": user, **more})
        self.assertEqual(a.status, 201, a.text)
        return a.json["token"]

    def grant(self, subject, role, namespace=None):
        body = {"subject": subject, "role": role, **({"namespace": namespace} if namespace else {})}
        a = as_(self.server, self.root, "POST", "/api/weft/v1/grants", body)
        self.assertEqual(a.status, 200, a.text)
        return a.json["id"]


class Tokens(Authenticated):
    def test_nobody_and_wrong_tokens(self):
        self.assertEqual(self.server.get("/healthz").status, 200)
        for token in (None, "x", "weft_" + "0" * 64):
            a = as_(self.server, token, "GET", "/api/weft/v1/me")
            self.assertEqual((a.status, a.headers["www-authenticate"]), (401, "Bearer"), token)
        for header in ("Bearer", "Bearer ", "bearer  ", "Basic eDp5", "\x7f", "B" * 5000):
            self.assertEqual(self.server.get("/api/weft/v1/me", Authorization=header).status, 401, header)

    def test_the_first_token_comes_from_the_machine(self):
        a = as_(self.server, self.root, "GET", "/api/weft/v1/me")
        self.assertEqual(a.json, {"user": "root", "groups": [], "how": "token", "admin": True})

    def test_made_listed_revoked(self):
        a = as_(self.server, self.root, "POST", "/api/weft/v1/tokens", {"user": "lister", "groups": ["vision"], "description": "laptop", "expires_in": "1h"})
        token, id = a.json["token"], a.json["id"]
        self.assertRegex(token, "^weft_[0-9a-f]{64}$")
        me = as_(self.server, token, "GET", "/api/weft/v1/me").json
        self.assertEqual((me["user"], me["groups"], me["admin"]), ("lister", ["vision"], False))
        mine = as_(self.server, token, "GET", "/api/weft/v1/tokens")
        self.assertEqual([t["id"] for t in mine.json["tokens"]], [id])
        self.assertNotIn(token, mine.text)
        self.assertTrue(token.startswith(mine.json["tokens"][0]["begins"]))
        self.assertEqual(as_(self.server, token, "DELETE", f"/api/weft/v1/tokens/{id}").status, 200)
        self.assertEqual(as_(self.server, token, "GET", "/api/weft/v1/me").status, 401)

    def test_not_stored(self):
        token = self.token("bob")
        for folder, _, files in os.walk(self.server.data):
            for name in files:
                if name == "socket":
                    continue
                with open(os.path.join(folder, name), "rb") as f:
                    self.assertNotIn(token[5:].encode(), f.read(), name)

    def test_others_tokens_are_not_there(self):
        bob = as_(self.server, self.root, "POST", "/api/weft/v1/tokens", {"user": "bob2"}).json
        eve = self.token("eve")
        self.assertEqual(as_(self.server, eve, "DELETE", f"/api/weft/v1/tokens/{bob['id']}").status, 404)
        self.assertEqual(as_(self.server, eve, "POST", "/api/weft/v1/tokens", {"user": "root"}).status, 403)
        self.assertEqual(as_(self.server, eve, "POST", "/api/weft/v1/tokens", {}).status, 403)  # a token makes no token
        self.assertEqual(as_(self.server, bob["token"], "GET", "/api/weft/v1/me").status, 200)

    def test_wrong_wishes(self):
        for body in ({"user": "a b"}, {"user": "a", "expires_in": "soon"}, {"user": "a", "expires_in": "-1h"}, {"user": "a", "role": "king"}, {"user": 3}, {"usr": "a"}, []):
            self.assertEqual(as_(self.server, self.root, "POST", "/api/weft/v1/tokens", body).status, 400, body)
        a = as_(self.server, self.root, "POST", "/api/weft/v1/tokens", {"user": "a", "expires_in": "100000h"})
        self.assertGreaterEqual(a.status, 400)
        self.assertIn("auth.token_age", a.text)

    def test_expired(self):
        token = self.token("ann", expires_in="1us")
        a = as_(self.server, token, "GET", "/api/weft/v1/me")
        self.assertEqual(a.status, 401)
        self.assertIn("expired", a.text)

    def test_revoked_on_the_machine(self):
        a = as_(self.server, self.root, "POST", "/api/weft/v1/tokens", {"user": "old"}).json
        done = weft(self.server, "token", "revoke", a["id"])
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(as_(self.server, a["token"], "GET", "/api/weft/v1/me").status, 401)


class Slowed(Authenticated):
    def test_wrong_tokens_are_slowed(self):
        statuses = [as_(self.server, f"wrong{i}", "GET", "/api/weft/v1/me").status for i in range(25)]
        self.assertEqual(statuses[:20], [401] * 20)
        self.assertNotIn(401, statuses[20:])
        self.assertEqual(self.server.get("/healthz").status, 200)


class Roles(Authenticated):
    def test_strangers_do_not_see_others_do_what_they_may(self):
        tokens = {r: self.token(r) for r in ROLES}
        stranger = self.token("stranger")
        for role, namespace in zip(ROLES, ["team"] * 4):
            self.grant(f"user:{role}", role, namespace)
        made = as_(self.server, self.root, "POST", "/api/weft/v1/pipelines?namespace=team", {"name": "p"})
        self.assertIn(made.status, (200, 201), made.text)
        path = f"/api/weft/v1/pipelines/{made.json['id']}?namespace=team"
        hidden = as_(self.server, stranger, "GET", path)
        self.assertEqual(hidden.status, 404)
        other = "00000000-0000-4000-8000-000000000000"
        absent = as_(self.server, stranger, "GET", path.replace(made.json["id"], other))
        self.assertEqual((absent.status, absent.json["error"]["message"].replace(other, made.json["id"])), (404, hidden.json["error"]["message"]))
        self.assertEqual(as_(self.server, stranger, "DELETE", path).status, 404)
        for role in ROLES:
            self.assertEqual(as_(self.server, tokens[role], "GET", path).status, 200, role)
        for role in ("viewer", "runner"):
            self.assertEqual(as_(self.server, tokens[role], "DELETE", path).status, 403, role)
        self.assertEqual(as_(self.server, stranger, "GET", "/api/weft/v1/pipelines?namespace=team").json.get("pipelines", []), [])
        self.assertEqual(as_(self.server, tokens["publisher"], "DELETE", path).status, 200)

    def test_grants_are_the_administrators(self):
        admin, viewer = self.token("ns-admin"), self.token("ns-viewer")
        self.grant("user:ns-admin", "admin", "here")
        mine = as_(self.server, admin, "POST", "/api/weft/v1/grants", {"subject": "group:g", "role": "viewer", "namespace": "here"})
        self.assertEqual(mine.status, 200, mine.text)
        self.assertIn(as_(self.server, admin, "POST", "/api/weft/v1/grants", {"subject": "user:ns-admin", "role": "admin"}).status, (403, 404))
        self.assertIn(as_(self.server, admin, "POST", "/api/weft/v1/grants", {"subject": "user:ns-admin", "role": "admin", "namespace": "there"}).status, (403, 404))
        self.assertEqual(as_(self.server, viewer, "DELETE", f"/api/weft/v1/grants/{mine.json['id']}").status, 404)
        self.assertIn("group:g", as_(self.server, admin, "GET", "/api/weft/v1/grants?namespace=here").text)
        self.assertEqual(as_(self.server, admin, "DELETE", f"/api/weft/v1/grants/{mine.json['id']}").status, 200)
        for body in ({"subject": "ann", "role": "viewer"}, {"subject": "user:", "role": "viewer"}, {"subject": "user:x", "role": "king"}, {"role": "viewer"}):
            self.assertEqual(as_(self.server, self.root, "POST", "/api/weft/v1/grants", body).status, 400, body)

    def test_groups_and_a_smaller_token(self):
        self.grant("group:crew", "admin", "ship")
        whole, small = self.token("sailor", groups=["crew"]), self.token("sailor", groups=["crew"], role="viewer")
        path = "/api/weft/v1/grants?namespace=ship"
        self.assertEqual(as_(self.server, whole, "GET", path).status, 200)
        self.assertEqual(as_(self.server, small, "GET", path).status, 403)
        self.assertEqual(as_(self.server, self.token("landlubber"), "GET", path).status, 404)


class Walk(Authenticated):
    """Every route that the server says it has."""

    def test_every_route(self):
        document = as_(self.server, self.root, "GET", "/api/weft/v1/openapi.json").json
        routes = [(m.upper(), p) for p, methods in document["paths"].items() for m in methods if m in ("get", "post", "put", "patch", "delete")]
        routes += [("GET", "/apis/v2beta1/" + x) for x in ("pipelines", "runs", "experiments", "recurringruns")]
        self.assertGreater(len(routes), 30)
        stranger, everyone = self.token("walker"), {}
        for role in ROLES:
            everyone[role] = self.token(f"walker-{role}")
            self.grant(f"user:walker-{role}", role, "walked")
        open_to_all = {"/metrics", "/healthz", "/readyz", "/api/weft/v1/openapi.json", "/apis/v2beta1/healthz", "/apis/v1beta1/healthz"}
        for method, path in routes:
            at = re.sub(r"\{[^}]*\}", "00000000-0000-4000-8000-000000000000", path)
            body = {} if method in ("POST", "PUT", "PATCH") else None
            if path not in open_to_all and "/healthz" not in path:
                self.assertEqual(asked(self.server, None, method, at, body)[0], 401, (method, path))
            for who, token in {"stranger": stranger, **everyone}.items():
                status, text = asked(self.server, token, method, at, body)
                self.assertLess(status, 500, (who, method, path, text))
                self.assertNotEqual(status, 401, (who, method, path, text))
                if who == "stranger" and method != "GET" and not path.startswith(("/api/weft/v1/tokens", "/api/weft/v1/check")):
                    self.assertGreaterEqual(status, 400, (who, method, path, text))


class Proxy(Authenticated):
    settings = {"auth.proxy.addresses": "127.0.0.0/8, ::1", "auth.proxy.prefix": "accounts:", "auth.proxy.groups_header": "x-groups"}

    def test_named_by_the_proxy(self):
        a = self.server.get("/api/weft/v1/me", **{"kubeflow-userid": "accounts:ann@example.com", "x-groups": "a, b"})
        self.assertEqual((a.json["user"], a.json["groups"], a.json["how"]), ("ann@example.com", ["a", "b"], "proxy"))
        for header in ("ann", "accounts:", "", "accounts:" + "x" * 300):
            self.assertEqual(self.server.get("/api/weft/v1/me", **{"kubeflow-userid": header}).status, 401, header)

    def test_makes_a_token_for_oneself(self):
        as_ann = {"kubeflow-userid": "accounts:ann", "x-groups": "a"}
        a = self.server.request("POST", "/api/weft/v1/tokens", {"description": "mine"}, as_ann)
        self.assertEqual(a.status, 201, a.text)
        me = as_(self.server, a.json["token"], "GET", "/api/weft/v1/me").json
        self.assertEqual((me["user"], me["groups"]), ("ann", ["a"]))
        self.assertEqual(self.server.request("POST", "/api/weft/v1/tokens", {"user": "root"}, as_ann).status, 403)


class NotTheProxy(Authenticated):
    settings = {"auth.proxy.addresses": "10.0.0.0/8"}

    def test_the_header_is_as_if_it_were_not_there(self):
        self.assertEqual(self.server.get("/api/weft/v1/me", **{"kubeflow-userid": "root"}).status, 401)


class Starting(unittest.TestCase):
    def refused(self, *args):
        folder = tempfile.mkdtemp(prefix="weft-api-", dir="/var/tmp")
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        kept = {k: v for k, v in os.environ.items() if not k.startswith("WEFT_")}
        p = subprocess.run([WEFT, "serve", "--data", folder + "/data", *args], env=dict(kept, XDG_CONFIG_HOME=folder), capture_output=True, text=True, timeout=LONG)
        self.assertNotEqual(p.returncode, 0)
        return p.stderr

    def test_refuses(self):
        self.assertIn("--insecure", self.refused("--listen", "0.0.0.0:0"))
        self.assertIn("no network", self.refused("--listen", "127.0.0.1:0", "--set", "auth.proxy.addresses=10.0.0.0/33"))
        for isolation in ("none", "private"):
            self.assertIn("sandbox", self.refused("--listen", "127.0.0.1:0", "--set", "auth.mode=required", "--set", f"executor.process.isolation={isolation}"))

    def test_insecure_is_loud(self):
        server = Server(None, "--insecure", listen="0.0.0.0:0")
        self.addCleanup(server.close)
        self.assertIn("open to everybody", server.said())


if __name__ == "__main__":
    unittest.main()
