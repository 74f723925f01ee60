#!/usr/bin/env python3
"""Runs a command beside a PostgreSQL server of its own: with_postgres.py COMMAND…

The server is real, listens on a socket in its own folder alone, and is ended with the command. Its programs refuse to run as root, so root
becomes `postgres`. The command finds the connection string in $WEFT_TEST_POSTGRES, the server's process in $WEFT_TEST_POSTGRES_PID, and how to
start it again, as JSON, in $WEFT_TEST_POSTGRES_START. Without the programs the test fails: nothing is skipped."""
import contextlib
import glob
import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time

FAST = ["-c", "listen_addresses=", "-c", "shared_buffers=32MB", "-c", "max_connections=60", "-c", "autovacuum_naptime=5"]


def programs():
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"), key=lambda p: int(p.split("/")[4]))
    if not found:
        sys.exit("PostgreSQL's programs are not in /usr/lib/postgresql: install the package postgresql-15")
    return os.path.dirname(found[-1])


def as_user():
    """The front of a command line that gives up root."""
    if os.geteuid() != 0:
        return []
    with contextlib.suppress(KeyError):
        user = pwd.getpwnam("postgres")
        return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--"]
    sys.exit("there is no user postgres to run the server as: install the package postgresql-15")


class Server:
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="weft-pg-", dir="/var/tmp")
        self.bin, self.user, self.process = programs(), as_user(), None
        if self.user:
            user = pwd.getpwnam("postgres")
            os.chown(self.folder, user.pw_uid, user.pw_gid)
        os.chmod(self.folder, 0o755)
        self.run("initdb", "-D", f"{self.folder}/data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        self.command = [*self.user, f"{self.bin}/postgres", "-D", f"{self.folder}/data", "-k", self.folder, *FAST]
        self.log = open(f"{self.folder}/log", "w", encoding="utf-8")
        self.start()
        self.run("createdb", "-h", self.folder, "-U", "postgres", "weft")
        self.url = f"postgresql://postgres@/weft?host={self.folder}"

    def run(self, program, *arguments):
        done = subprocess.run([*self.user, f"{self.bin}/{program}", *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd="/")
        if done.returncode:
            sys.exit(f"{program}: {done.stdout}")

    def start(self):
        self.process = subprocess.Popen(self.command, stdout=self.log, stderr=self.log, cwd="/")
        for _ in range(600):
            ready = subprocess.run([f"{self.bin}/pg_isready", "-q", "-h", self.folder], check=False)
            if ready.returncode == 0:
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        with open(f"{self.folder}/log", encoding="utf-8") as log:
            sys.exit("PostgreSQL does not start:\n" + log.read())

    def stop(self, how=signal.SIGINT):
        """Fast shutdown; the process id is our own child's."""
        if self.process.poll() is None:
            self.process.send_signal(how)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def close(self):
        # A test may have stopped it and started another in its place, which left its number in the folder.
        self.stop()
        with contextlib.suppress(FileNotFoundError, ValueError, IndexError, ProcessLookupError):
            with open(f"{self.folder}/data/postmaster.pid", encoding="utf-8") as pid:
                os.kill(int(pid.read().split()[0]), signal.SIGINT)
            for _ in range(200):
                if not os.path.exists(f"{self.folder}/data/postmaster.pid"):
                    break
                time.sleep(0.05)
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def environment(self):
        return dict(os.environ, WEFT_TEST_POSTGRES=self.url, WEFT_TEST_POSTGRES_PID=str(self.process.pid), WEFT_TEST_POSTGRES_START=json.dumps(self.command))


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    server = Server()
    try:
        command = [*([sys.executable] if sys.argv[1].endswith('.py') else []), *sys.argv[1:]]
        status = subprocess.run(command, env=server.environment(), check=False).returncode
    finally:
        server.close()
    sys.exit(status if status >= 0 else 128 - status)


if __name__ == "__main__":
    main()
