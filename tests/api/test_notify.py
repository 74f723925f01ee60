#!/usr/bin/env python3
"""Notifications: signed webhooks, Slack's form and mail, to receivers of this test that refuse at first, also over a kill of the server."""
import contextlib
import hashlib
import hmac
import http.server
import json
import signal
import socketserver
import sqlite3
import threading
import unittest

from harness import Server, wait_for
from test_queue import command, submit, workflow


class Receiver(http.server.ThreadingHTTPServer):
    """Answers the first `refuse` requests with 503 (or 302 to itself), the others with 200; keeps (path, headers, body, accepted)."""

    def __init__(self, refuse=0, status=503):
        super().__init__(("127.0.0.1", 0), Handler)
        self.refuse, self.status, self.got = refuse, status, []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def url(self, path="/hook"):
        return f"http://127.0.0.1:{self.server_address[1]}{path}"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        accepted = self.server.refuse <= len(self.server.got)
        self.server.got.append((self.path, dict(self.headers), body, accepted))
        self.send_response(200 if accepted else self.server.status)
        self.send_header("Location", self.server.url("/elsewhere"))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Mail(socketserver.ThreadingTCPServer):
    """A small SMTP server; refuses the first `refuse` mails for now."""

    def __init__(self, refuse=0):
        super().__init__(("127.0.0.1", 0), MailHandler)
        self.daemon_threads, self.refuse, self.tried, self.got = True, refuse, 0, []
        threading.Thread(target=self.serve_forever, daemon=True).start()


class MailHandler(socketserver.StreamRequestHandler):
    def handle(self):
        say = lambda text: self.wfile.write(text.encode() + b"\r\n")
        say("220 test")
        to = None
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb == b"RCPT":
                to = line.decode().strip()
                self.server.tried += 1
                say("250 ok" if self.server.tried > self.server.refuse else "451 later")
            elif verb == b"DATA":
                say("354 go on")
                text = b""
                while (part := self.rfile.readline()) != b".\r\n":
                    text += part
                self.server.got.append((to, text.decode()))
                say("250 kept")
            elif verb == b"QUIT":
                say("221 bye")
                return
            else:
                say("250 ok")


def deliveries(server, result):
    """The bodies of the deliveries that came to this, from the database itself."""
    with contextlib.closing(sqlite3.connect(f"file:{server.data}/weft.db?mode=ro", uri=True)) as db:
        bodies = [json.loads(body) for (body,) in db.execute("SELECT body FROM record WHERE body LIKE '%\"result\"%'")]
    return [b for b in bodies if b["result"] == result]


class Notifications(unittest.TestCase):
    def start(self, **settings):
        server = Server(None, settings={"notify.retry_delay": "100ms", **settings})
        self.addCleanup(server.close)
        return server

    def receiver(self, *args, **more):
        r = Receiver(*args, **more)
        self.addCleanup(r.server_close)
        self.addCleanup(r.shutdown)
        return r

    def rule(self, server, name, kind, target, **more):
        body = {"on": ["Succeeded", "Failed"], "kind": kind, "target": target, **more}
        answer = command(server, command="put", record={"kind": "notification", "ns": "default", "name": name, "body": json.dumps(body)})
        self.assertTrue(answer.get("uid"), answer)

    def test_a_webhook_is_signed_and_tried_again(self):
        server, hook, slack = self.start(), self.receiver(2), self.receiver()
        self.rule(server, "hook", "webhook", hook.url(), secret="s3cret", user="ann")
        self.rule(server, "slack", "slack", slack.url())
        submit(server, workflow("bobs"), "bob")
        submit(server, workflow("anns"), "ann")
        wait_for(lambda: any(accepted for *_, accepted in hook.got) and len(slack.got) == 2)
        self.assertEqual(len(hook.got), 3)
        ids = {headers["X-Weft-Delivery"] for _, headers, _, _ in hook.got}
        self.assertEqual(len(ids), 1)
        _, headers, body, _ = hook.got[-1]
        signed = headers["X-Weft-Timestamp"].encode() + b"." + body
        self.assertEqual(headers["X-Weft-Signature"], "sha256=" + hmac.new(b"s3cret", signed, hashlib.sha256).hexdigest())
        run = json.loads(body)["run"]
        self.assertEqual((run["name"], run["state"], run["owner"]), ("anns", "Succeeded", "ann"))
        self.assertEqual(sorted(json.loads(b)["text"] for _, _, b, _ in slack.got), ["run anns (default) ended: Succeeded", "run bobs (default) ended: Succeeded"])

    def test_what_was_not_delivered_survives_a_kill(self):
        server, hook = self.start(), self.receiver(10 ** 9)
        self.rule(server, "hook", "webhook", hook.url())
        submit(server, workflow("one"), "ann")
        wait_for(lambda: hook.got)
        server.kill(signal.SIGKILL)
        server.process.stdout.close()
        server.log.close()
        hook.refuse = 0
        server.start()
        wait_for(lambda: any(accepted for *_, accepted in hook.got))
        self.assertEqual(len({headers["X-Weft-Delivery"] for _, headers, _, _ in hook.got}), 1)
        self.assertEqual(sum(accepted for *_, accepted in hook.got), 1)

    def test_redirects_and_private_addresses_are_not_followed(self):
        server, hook = self.start(), self.receiver(1, 302)
        self.rule(server, "hook", "webhook", hook.url())
        self.rule(server, "file", "webhook", "file:///etc/passwd")
        after = self.receiver()
        self.rule(server, "after", "webhook", after.url())
        submit(server, workflow("one"))
        wait_for(lambda: after.got and hook.got)
        submit(server, workflow("two"))
        wait_for(lambda: len(after.got) == 2 and len(hook.got) == 2)
        self.assertEqual([path for path, *_ in hook.got], ["/hook", "/hook"])
        self.assertEqual([json.loads(b)["run"]["name"] for _, _, b, _ in hook.got], ["one", "two"])
        strict = self.start(**{"notify.private_addresses": "forbid"})
        self.rule(strict, "after", "webhook", after.url())
        submit(strict, workflow("three"))
        outcomes = wait_for(lambda: deliveries(strict, "failed"))
        self.assertIn("notify.private_addresses", outcomes[0]["outcome"])
        self.assertEqual((outcomes[0]["tries"], len(after.got)), (1, 2))
        outcomes = {d["outcome"] for d in wait_for(lambda: deliveries(server, "failed"))}
        self.assertIn("its target is no http or https URL", outcomes)

    def test_mail(self):
        mail = Mail(1)
        self.addCleanup(mail.server_close)
        self.addCleanup(mail.shutdown)
        server = self.start(**{"notify.smtp": f"smtp://127.0.0.1:{mail.server_address[1]}", "notify.mail_from": "weft@example.org"})
        self.rule(server, "mail", "mail", "ann@example.org")
        submit(server, workflow("mailed"), "ann")
        wait_for(lambda: mail.got)
        to, text = mail.got[0]
        self.assertIn("<ann@example.org>", to)
        self.assertIn("Subject: weft: run mailed (default) ended: Succeeded\r\n", text)
        self.assertEqual((len(mail.got), mail.tried), (1, 2))


if __name__ == "__main__":
    unittest.main()
