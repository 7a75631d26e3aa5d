"""As a service: inherited sockets, what the supervisor is told, and the unit files."""
import fcntl
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import unittest

from program import ROOT, SLUICE, Folder, has
from world import Provider

PACKAGING = os.path.join(ROOT, "packaging")
SLOWDOWN = float(os.environ.get("SLUICE_SLOWDOWN", "1"))

# The sockets become descriptors 3 and on, and the process id is known once bash is there.
LAUNCH = """
n=3
for fd in $FDS; do eval "exec $n<&$fd $fd<&-"; n=$((n + 1)); done
export LISTEN_PID=$$ LISTEN_FDS=$((n - 3))
exec "$@"
"""


class Service(Folder):
    def setUp(self):
        super().setUp()
        self.provider = Provider()
        self.addCleanup(self.provider.socket.close)
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.notify.close)
        self.notify.bind(self.path("notify"))
        self.notify.settimeout(10 * SLOWDOWN)
        self.process = None

    def config(self, more=""):
        return self.write("sluice.yaml",
                          "listen: 127.0.0.1:1\n"  # where it cannot be: root's, or nobody's
                          f"providers: {{p: {{base_url: http://127.0.0.1:{self.provider.port}/v1}}}}\n"
                          f"state: {{ledger: 'sqlite:{self.path('ledger.db')}'}}\n" + more)

    def start(self, sockets, names=None, words=(), address=None):
        # High numbers, so that none of them stands where another one has to come.
        high = [fcntl.fcntl(s, fcntl.F_DUPFD, 50) for s in sockets]
        environment = dict(os.environ, FDS=" ".join(map(str, high)),
                           NOTIFY_SOCKET=address or self.path("notify"))
        environment.pop("LISTEN_FDNAMES", None)
        if names is not None:
            environment["LISTEN_FDNAMES"] = names
        self.process = subprocess.Popen(
            ["bash", "-c", LAUNCH, "launch", SLUICE, "serve", "--config",
             self.path("sluice.yaml"), *words], cwd=self.folder, env=environment, pass_fds=high,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for fd in high:
            os.close(fd)
        self.addCleanup(self.end)

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def ended(self):
        """Exit code and what it said."""
        output = self.process.communicate(timeout=20 * SLOWDOWN)[0].decode()
        return self.process.returncode, output

    def told(self):
        return dict(line.split("=", 1) for line in self.notify.recv(4096).decode().splitlines())

    def listening(self, path=None):
        s = socket.socket(socket.AF_UNIX if path else socket.AF_INET)
        self.addCleanup(s.close)
        s.bind(path or ("127.0.0.1", 0))
        s.listen()
        return s

    def ask(self, s, path="/v1/chat/completions"):
        connection = http.client.HTTPConnection("127.0.0.1", timeout=10 * SLOWDOWN)
        connection.sock = socket.socket(s.family)
        connection.sock.connect(s.getsockname())
        if path.startswith("/v1"):
            connection.request("POST", path, json.dumps({"model": "m", "messages": [
                {"role": "user", "content": "hi"}]}), {"Content-Type": "application/json"})
        else:
            connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer.status

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.assertIn("STOPPING", self.told())
        code, output = self.ended()
        self.assertEqual(code, 0, output)


class Inherited(Service):
    def test_both_sockets(self):
        clients, admin = self.listening(), self.listening()
        self.config("admin_listen: 127.0.0.1:2\n")
        # Who connects before sluice is there waits.
        early = socket.create_connection(clients.getsockname())
        early.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self.start([admin, clients], names="admin:sluice")
        self.assertEqual(self.told()["READY"], "1")
        early.settimeout(10 * SLOWDOWN)
        self.assertIn(b"200 OK", early.recv(4096))
        early.close()
        self.assertEqual(self.ask(clients), 200)
        self.assertEqual(self.ask(admin, "/metrics"), 200)
        self.assertEqual(self.ask(clients, "/metrics"), 401)
        self.stop()
        # They are the supervisor's, and open for the next process.
        socket.create_connection(clients.getsockname()).close()

    def test_one_without_a_name(self):
        clients = self.listening()
        self.config()
        self.start([clients])
        self.told()
        self.assertEqual(self.ask(clients), 200)
        self.stop()

    def test_a_unix_socket_stays(self):
        clients = self.listening(self.path("clients"))
        self.config()
        self.start([clients], names="sluice")
        self.told()
        self.assertEqual(self.ask(clients), 200)
        self.stop()
        self.assertTrue(os.path.exists(self.path("clients")))

    def test_a_log_that_nobody_reads(self):
        self.config()
        s = self.listening()
        self.start([s])
        self.assertEqual(self.told()["READY"], "1")
        for _ in range(700):  # some 200 KB, where a pipe takes 64
            self.assertEqual(self.ask(s), 200)
        self.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.process.wait(10 * SLOWDOWN), 0)
        whole, _, cut = self.process.stdout.read().rpartition(b"\n")
        self.assertIn(b" info turn ", whole)
        self.assertEqual(cut, b"")

    def refused(self, says, sockets, code=2, **more):
        self.start(sockets, **more)
        got, output = self.ended()
        self.assertEqual(got, code, output)
        self.assertIn(says, output)

    def test_what_cannot_be(self):
        self.config()
        one, two = self.listening(), self.listening()
        self.refused("named 'sluice.socket'", [one], names="sluice.socket")
        self.refused("'sluice' twice", [one, two], names="sluice:sluice")
        self.refused("a socket was inherited", [one], words=["--listen", "127.0.0.1:0"])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagram:
            datagram.bind(("127.0.0.1", 0))
            self.refused("no socket that listens", [datagram])
        with socket.socket() as unbound:
            self.refused("no socket that listens", [unbound])

    def test_open_to_others_needs_keys(self):
        s = socket.socket()
        self.addCleanup(s.close)
        s.bind(("0.0.0.0", 0))
        s.listen()
        self.config()
        self.refused("no keys are required", [s], code=1)

    def test_sockets_of_another_process(self):
        """LISTEN_PID says for whom they are; an inherited environment alone is no gift."""
        self.config()
        done = self.sluice("serve", "--config", "sluice.yaml", "--listen", "nowhere",
                           env={"LISTEN_PID": "1", "LISTEN_FDS": "1"})
        self.assertIn("'nowhere' is not an address", done.stderr)


class Told(Service):
    def test_reload(self):
        clients = self.listening()
        self.config()
        self.start([clients], names="sluice")
        self.assertEqual(self.told()["READY"], "1")
        before = time.monotonic_ns() // 1000
        self.process.send_signal(signal.SIGHUP)
        reloading = self.told()
        self.assertEqual(reloading["RELOADING"], "1")
        self.assertGreaterEqual(int(reloading["MONOTONIC_USEC"]), before)
        self.assertEqual(self.told(), {"READY": "1"})
        self.stop()

    def test_an_address_in_no_folder(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as abstract:
            name = "sluice-test-%d" % os.getpid()
            abstract.bind("\0" + name)
            abstract.settimeout(10 * SLOWDOWN)
            self.config()
            self.start([self.listening()], address="@" + name)
            self.assertIn(b"READY=1", abstract.recv(4096))
            self.process.terminate()
            self.assertIn(b"STOPPING=1", abstract.recv(4096))
            self.assertEqual(self.ended()[0], 0)

    def test_a_start_that_fails_is_not_ready(self):
        self.config("nonsense: 1\n")
        self.start([self.listening()])
        self.assertEqual(self.ended()[0], 1)
        self.notify.settimeout(0.1)
        with self.assertRaises(TimeoutError):
            self.told()


def groups():
    """systemd's groups of system calls, each as all its calls."""
    text = subprocess.run(["systemd-analyze", "syscall-filter"], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, encoding="utf-8", check=True).stdout
    found, name = {}, None
    for line in re.sub(r"\x1b\[[0-9;]*m", "", text).splitlines():
        if line.startswith("@"):
            name = line.strip()
            found[name] = []
        elif name and line.startswith("    ") and not line.strip().startswith("#"):
            found[name].append(line.strip())

    def all_of(name):
        return {call for item in found[name]
                for call in (all_of(item) if item.startswith("@") else [item])}
    return {name: all_of(name) for name in found}


@unittest.skipUnless(has("systemd-analyze"), "systemd is not installed")
class Units(Service):
    def analyze(self, *words):
        return subprocess.run(["systemd-analyze", *words], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, encoding="utf-8", check=False)

    def test_they_are_units(self):
        units = []
        for name in ("sluice.service", "sluice.socket"):
            with open(os.path.join(PACKAGING, name), encoding="utf-8") as file:
                text = file.read().replace("/usr/bin/sluice", SLUICE)
            units.append(self.write(name, re.sub("(?m)^Documentation=.*\n", "", text)))
        done = self.analyze("verify", *units)
        self.assertEqual((done.returncode, done.stdout), (0, ""))

    def test_what_it_may_do_is_little(self):
        done = self.analyze("security", "--offline=true", "--threshold=20",
                            os.path.join(PACKAGING, "sluice.service"))
        self.assertEqual(done.returncode, 0, done.stdout)

    @unittest.skipUnless(has("strace") and SLOWDOWN == 1, "needs strace, and no sanitizer")
    def test_system_calls_are_those_that_it_may(self):
        known = groups()
        with open(os.path.join(PACKAGING, "sluice.service"), encoding="utf-8") as file:
            filters = re.findall(r"(?m)^SystemCallFilter=(~?)(.*)$", file.read())
        allowed = set()
        for but, names in filters:
            for name in names.split():
                calls = known.get(name, {name})  # a group, or one of them
                allowed = allowed - calls if but else allowed | calls
        self.config()
        with open(self.path("sluice.yaml"), encoding="utf-8") as file:
            text = file.read()
        self.write("sluice.yaml", text.replace("127.0.0.1:1\n", "127.0.0.1:0\n"))
        traced = subprocess.Popen([shutil.which("strace"), "-f", "-qq", "-o", self.path("calls"),
                                   SLUICE, "serve", "--config", self.path("sluice.yaml")],
                                  cwd=self.folder, stderr=subprocess.PIPE, encoding="utf-8",
                                  env=dict(os.environ, NOTIFY_SOCKET=self.path("notify")))
        self.addCleanup(traced.stderr.close)
        self.addCleanup(lambda: traced.poll() is None and traced.kill())
        self.assertEqual(self.told()["READY"], "1")
        port = re.search(r"address=127\.0\.0\.1:(\d+)", traced.stderr.readline())[1]
        with socket.create_connection(("127.0.0.1", int(port))) as s:
            body = b'{"model": "m", "messages": []}'
            s.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                      b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
                      % (len(body), body))
            s.settimeout(10)
            self.assertIn(b"200 OK", s.recv(4096))
        with open(f"/proc/{traced.pid}/task/{traced.pid}/children", encoding="ascii") as file:
            os.kill(int(file.read().split()[0]), signal.SIGTERM)
        traced.communicate(timeout=20)
        with open(self.path("calls"), encoding="utf-8") as file:
            used = set(re.findall(r"(?m)^\d+ +(\w+)\(", file.read()))
        self.assertGreater(len(used), 30)
        # SQLite asks for fchown only where it runs as root, which the service does not.
        self.assertEqual(used - allowed - known["@default"] - {"fchown"}, set())
