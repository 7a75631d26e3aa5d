"""Takeover: a new process gets the listening sockets of the one that runs.

SLUICE_TAKEOVERS is how many times it happens under load (20).
"""
import array
import http.client
import json
import os
import re
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import threading
import time
import unittest

from program import SLUICE, Folder
from test_service import Service
from world import DONE, USAGE, Provider, answer_ok, delta, endless, free_port, stream

ROUNDS = int(os.environ.get("SLUICE_TAKEOVERS", "20"))
SLOWDOWN = float(os.environ.get("SLUICE_SLOWDOWN", "1"))
PATIENCE = 20 * SLOWDOWN
STREAM_EVENTS = 30
HELLO = b"sluice takeover 1"


class Takeover(Folder):
    def setUp(self):
        super().setUp()
        self.provider = Provider()
        self.addCleanup(self.provider.socket.close)
        self.provider.answers["long"] = stream(
            *[delta(b"%d " % i) for i in range(STREAM_EVENTS)], delta(b".", finish=b'"stop"'),
            USAGE, DONE, pause=0.05)
        self.port = free_port()
        self.configure()

    def configure(self, more="", listen=None, ledger=None, drain="20s"):
        self.write("sluice.yaml",
                   f"listen: {listen or f'127.0.0.1:{self.port}'}\n"
                   f"takeover: {self.path('takeover')}\n"
                   f"drain: {drain}\n"
                   f"providers: {{p: {{base_url: http://127.0.0.1:{self.provider.port}/v1}}}}\n"
                   f"state: {{ledger: 'sqlite:{ledger or self.path('ledger.db')}'}}\n" + more)

    def serve(self, *words):
        with open(self.path("log"), "ab") as log:
            process = subprocess.Popen([SLUICE, "serve", "--config", self.path("sluice.yaml"),
                                        *words], cwd=self.folder, stdin=subprocess.DEVNULL,
                                       stdout=log, stderr=log)
        self.addCleanup(lambda: (process.poll() is None and process.kill(), process.wait()))
        return process

    def log(self):
        with open(self.path("log"), encoding="utf-8", errors="replace") as file:
            return file.read()

    def until(self, what, done):
        end = time.monotonic() + PATIENCE
        while not done():
            self.assertLess(time.monotonic(), end, f"{what}\n{self.log()}")
            time.sleep(0.01)

    def waits(self):
        """Is somebody to be met? (Who looks and goes leaves no trace.)"""
        try:
            self.meet().close()
            return True
        except OSError:
            return False

    def listens(self):
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def first(self):
        process = self.serve()
        self.until("the first one waits", self.waits)
        return process

    def meet(self):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        s.settimeout(PATIENCE)
        try:
            s.connect(self.path("takeover"))
        except OSError:
            s.close()
            raise
        return s

    def ends(self, process, code=0):
        self.assertEqual(process.wait(PATIENCE), code, self.log())

    def replaced(self, old, *words):
        """A successor, once the old one has ended."""
        new = self.serve("--takeover", *words)
        self.ends(old)
        self.assertIsNone(new.poll(), self.log())
        return new

    def refused(self, says, code, *words):
        done = self.sluice("serve", "--config", "sluice.yaml", *words)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertIn(says, done.stderr)

    def ask(self, path="/v1/chat/completions", model="m", port=None, s=None):
        connection = http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=PATIENCE)
        if s:
            connection.sock = s
        try:
            return self.ask_on(connection, path, model)[0]
        finally:
            connection.close()

    @staticmethod
    def ask_on(connection, path="/v1/chat/completions", model="m", headers=None):
        """Status, id of the turn, whether the connection stays, body."""
        if path.startswith("/v1"):
            connection.request("POST", path, json.dumps({
                "model": model, "stream": model == "long",
                "messages": [{"role": "user", "content": "hi"}]}),
                {"Content-Type": "application/json", **(headers or {})})
        else:
            connection.request("GET", path)
        answer = connection.getresponse()
        return (answer.status, answer.headers["x-sluice-id"],
                answer.headers.get("connection") != "close", answer.read())

    def rows(self, sql):
        db = sqlite3.connect(f"file:{self.path('ledger.db')}?mode=ro", uri=True, timeout=10)
        try:
            return db.execute(sql).fetchall()
        finally:
            db.close()


class Load:
    """Clients that ask until they are stopped; each answer's id, and what went wrong."""

    def __init__(self, test, more=()):
        self.test = test
        self.stop = threading.Event()
        self.ids, self.faults = [], []
        self.kinds = dict.fromkeys(["new", "kept", "stream", *(kind.__name__ for kind in more)], 0)
        kinds = [self.new] * 2 + [self.kept] * 3 + [self.stream] * 6 + list(more)
        self.threads = [threading.Thread(target=self.run, args=(kind,), daemon=True)
                        for kind in kinds]
        for thread in self.threads:
            thread.start()

    def run(self, kind):
        try:
            while not self.stop.is_set():
                kind()
        except Exception as error:  # pylint: disable=broad-except
            self.faults.append(f"{kind.__name__}: {error!r}")

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.test.port, timeout=PATIENCE)

    def took(self, kind, status, turn, whole=True):
        self.kinds[kind] += 1
        self.ids.append(turn)
        if status != 200 or not whole:
            self.faults.append(f"{kind}: status {status}, whole: {whole}")

    def new(self):
        connection = self.connect()
        status, turn, _, _ = self.test.ask_on(connection, headers={"Connection": "close"})
        connection.close()
        self.took("new", status, turn)

    def kept(self):
        connection = self.connect()
        stays = True
        while stays and not self.stop.is_set():
            status, turn, stays, _ = self.test.ask_on(connection)
            self.took("kept", status, turn)
            time.sleep(0.02)
        connection.close()

    def stream(self):
        connection = self.connect()
        status, turn, _, body = self.test.ask_on(connection, model="long")
        connection.close()
        self.took("stream", status, turn,
                  body.count(b'"content"') == STREAM_EVENTS + 1 and body.endswith(DONE))

    def end(self):
        self.stop.set()
        for thread in self.threads:
            thread.join(PATIENCE)
        return not any(thread.is_alive() for thread in self.threads)


class UnderLoad(Takeover):
    def test_nothing_is_refused_and_nothing_cut(self):
        now = self.first()
        load = Load(self)
        gone = []
        for _ in range(ROUNDS):
            time.sleep(0.4 * SLOWDOWN)
            new = self.serve("--takeover")
            gone.append(now)
            now = new
            # Who was there accepts no more once the new one is met; its streams go on meanwhile.
            self.until("taken over", lambda: self.log().count("taken over") >= len(gone))
            self.assertIsNone(now.poll(), self.log())
        time.sleep(0.4 * SLOWDOWN)
        self.assertTrue(load.end(), "a client does not end")
        for process in gone:
            self.ends(process)
        now.terminate()
        self.ends(now)
        self.assertEqual(load.faults, [])
        for kind, n in load.kinds.items():
            self.assertGreaterEqual(n, ROUNDS, kind)
        self.assertEqual(len(set(load.ids)), len(load.ids))
        rows = self.rows("SELECT id, state FROM turns")
        self.assertEqual({state for _, state in rows}, {"done"})
        self.assertEqual(sorted(turn for turn, _ in rows), sorted(load.ids))
        (in_sums,), = self.rows("SELECT sum(turns) FROM rollups")
        self.assertEqual(in_sums, len(load.ids))
        print(f"{ROUNDS} takeovers, {load.kinds}")

    def test_a_kept_connection_is_answered_once_more(self):
        old = self.first()
        idle = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        self.assertEqual(self.ask_on(idle)[0], 200)
        self.serve("--takeover")
        self.until("taken over", lambda: "taken over" in self.log())
        time.sleep(0.3)
        self.assertIsNone(old.poll())
        status, _, stays, _ = self.ask_on(idle)
        self.assertEqual((status, stays), (200, False))
        idle.close()
        self.ends(old)
        self.assertIn("another process took over", self.log())
        self.assertIn("took over", self.log().replace("another process took over", ""))

    def test_who_asks_nothing_is_waited_for_until_drain(self):
        self.configure(drain="1s")
        old = self.first()
        with socket.create_connection(("127.0.0.1", self.port)) as idle:
            self.assertEqual(self.ask("/ready", s=idle.dup()), 200)
            began = time.monotonic()
            self.replaced(old)
            self.assertGreater(time.monotonic() - began, 0.9)
        self.assertEqual(self.ask(), 200)

    def test_a_running_turn_of_the_old_one_is_not_lost(self):
        """Its row is there before the new one starts, and ends as any other."""
        old = self.first()
        load = threading.Thread(target=lambda: self.ask(model="long"))
        load.start()
        self.until("a row of the running turn", lambda: self.rows(
            "SELECT 1 FROM turns WHERE state = 'running'"))
        self.replaced(old)
        load.join(PATIENCE)
        self.assertEqual(self.rows("SELECT state, count(*) FROM turns GROUP BY 1"), [("done", 1)])


    def test_a_stop_of_the_service_cuts_nothing_off(self):
        """Its supervisor tells all of it to end, and those who are left once more."""
        self.provider.answers["long"] = stream(*[delta(b"x")] * 60, USAGE, DONE, pause=0.1)
        old = self.first()
        answers = []
        load = threading.Thread(target=lambda: answers.append(self.ask_on(
            http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE), model="long")))
        load.start()
        self.until("a row of the running turn", lambda: self.rows(
            "SELECT 1 FROM turns WHERE state = 'running'"))
        new = self.serve("--takeover")
        self.until("taken over", lambda: "taken over" in self.log())
        for process in (old, new):
            process.terminate()
        self.ends(new)
        old.terminate()
        self.ends(old)
        load.join(PATIENCE)
        self.assertEqual([(a[0], a[3].endswith(DONE)) for a in answers], [(200, True)])
        self.assertEqual(self.rows("SELECT state, count(*) FROM turns GROUP BY 1"), [("done", 1)])

    def test_who_wants_it_gone_at_once_says_so_twice(self):
        """By SIGINT, where it was taken over."""
        self.provider.answers["long"] = endless([])
        old = self.first()
        cut = []

        def client():
            try:
                self.ask(model="long")
            except http.client.IncompleteRead:
                cut.append(True)
        load = threading.Thread(target=client)
        load.start()
        self.until("a row of the running turn", lambda: self.rows(
            "SELECT 1 FROM turns WHERE state = 'running'"))
        self.serve("--takeover")
        self.until("taken over", lambda: "taken over" in self.log())
        for _ in range(2):
            old.send_signal(signal.SIGINT)
            time.sleep(0.05)
        self.ends(old)
        load.join(PATIENCE)
        self.assertEqual(cut, [True])
        self.assertEqual(self.rows("SELECT state, count(*) FROM turns GROUP BY 1"),
                         [("partial", 1)])


class Addresses(Takeover):
    def test_new_ones_are_bound_and_others_closed(self):
        one, two = free_port(), free_port()
        self.configure(f"admin_listen: 127.0.0.1:{one}\n")
        old = self.first()
        self.assertEqual(self.ask("/metrics", port=one), 200)
        self.configure(f"admin_listen: 127.0.0.1:{two}\n")
        self.replaced(old)
        self.assertEqual(self.ask("/metrics", port=two), 200)
        with self.assertRaises(ConnectionRefusedError):
            self.ask("/metrics", port=one)
        self.assertEqual(self.ask(), 200)

    def test_a_unix_path_goes_along(self):
        self.configure(listen=f"unix:{self.path('clients')}")
        old = self.first()

        def ask():
            s = socket.socket(socket.AF_UNIX)
            s.connect(self.path("clients"))
            return self.ask(s=s)
        self.assertEqual(ask(), 200)
        new = self.replaced(old)
        self.assertEqual(ask(), 200)
        new = self.replaced(new)
        self.assertEqual(ask(), 200)
        new.terminate()
        self.ends(new)
        self.assertFalse(os.path.exists(self.path("clients")))
        self.assertFalse(os.path.exists(self.path("takeover")))
        self.assertEqual([name for name in os.listdir(self.folder) if "takeover." in name], [])

    def test_nobody_runs(self):
        process = self.serve("--takeover")
        self.until("it waits", self.waits)
        mode = os.stat(self.path("takeover")).st_mode
        self.assertEqual((stat.S_ISSOCK(mode), stat.S_IMODE(mode)), (True, 0o600))
        process.kill()
        process.wait()
        # With io_uring the system closes a dead process' sockets a moment later.
        self.until("its sockets are closed", lambda: not self.waits() and not self.listens())
        process = self.serve("--takeover")  # what the dead one left is in nobody's way
        self.until("it waits", self.waits)
        self.assertEqual(self.ask(), 200)


class Failures(Takeover):
    def goes_on(self, old):
        """As if nothing had been, and the next one may take over."""
        self.assertIsNone(old.poll(), self.log())
        self.assertEqual(self.ask(), 200)
        self.assertEqual([name for name in os.listdir(self.folder) if "takeover." in name], [])
        self.configure()
        new = self.replaced(old)
        self.assertEqual(self.ask(), 200)
        return new

    def test_a_bad_configuration(self):
        old = self.first()
        self.configure("nonsense: 1\n")
        self.refused("nonsense", 1, "--takeover")
        self.goes_on(old)

    def test_an_address_in_use(self):
        old = self.first()
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            self.configure("admin_listen: 127.0.0.1:%d\n" % other.getsockname()[1])
            self.refused("is in use", 3, "--takeover")
        self.goes_on(old)

    def test_no_ledger(self):
        old = self.first()
        self.configure(ledger=self.write("no.db", "this is no database, whatever its name says" * 99))
        self.refused("sluice serve: ", 3, "--takeover")
        self.goes_on(old)

    def test_without_the_word(self):
        old = self.first()
        self.refused("--takeover takes its place", 3)
        with open(self.path("sluice.yaml"), encoding="utf-8") as file:
            text = re.sub("(?m)^takeover:.*\n", "", file.read())
        self.write("sluice.yaml", text)
        self.refused("takeover: PATH", 2, "--takeover")
        self.goes_on(old)

    def test_garbage(self):
        old = self.first()
        for words in (b"\0", b"GET / HTTP/1.1\r\n\r\n", b"x" * 60000, HELLO[:-1] + b"2"):
            with self.meet() as s:
                s.send(words)
                self.assertIn(b"no: the running sluice speaks 'sluice takeover 1'", s.recv(999))
                self.assertEqual(self.end_of(s), b"")
        with self.meet() as s:
            s.send(HELLO)
            self.assertEqual(s.recv(999), HELLO + b"\nclients own 127.0.0.1:%d\n" % self.port)
            s.send(b"reddy\nclients")
            self.assertEqual(s.recv(999), b"no: expected 'ready'")
        self.goes_on(old)

    @staticmethod
    def end_of(s):
        try:
            return s.recv(999)
        except ConnectionResetError:
            return b""

    def test_a_successor_that_goes_away(self):
        old = self.first()
        for _ in range(3):
            with self.meet() as s:
                s.send(HELLO)
                s.recv(999)
        with self.meet() as s:  # it dies just when it is ready: "go" cannot be sent
            s.send(HELLO)
            s.recv(999)
            old.send_signal(signal.SIGSTOP)
            s.send(b"ready\nclients")
        old.send_signal(signal.SIGCONT)
        self.goes_on(old)

    def test_silence_has_an_end(self):
        old = self.first()
        with self.meet() as s:
            began = time.monotonic()
            self.assertEqual(self.end_of(s), b"")
            self.assertGreater(time.monotonic() - began, 4)
        self.goes_on(old)

    def test_one_after_the_other(self):
        """Two successors at once: one takes over, the other one ends, and somebody serves."""
        old = self.first()
        new = [self.serve("--takeover"), self.serve("--takeover")]
        self.ends(old)
        self.until("one has ended or was taken over", lambda: any(p.poll() is not None for p in new))
        self.assertEqual(sum(p.poll() is None for p in new), 1, self.log())
        self.assertEqual(self.ask(), 200)

    @unittest.skipUnless(os.geteuid() == 0, "needs root, to become another user")
    def test_another_user(self):
        old = self.first()
        os.chmod(self.folder, 0o755)
        os.chmod(self.path("takeover"), 0o666)
        done = subprocess.run([sys.executable, "-c", (
            "import os, socket, sys\n"
            "os.setgid(65534); os.setuid(65534)\n"
            "s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)\n"
            "s.connect(sys.argv[1])\n"
            "print(s.recv(999).decode())\n"), self.path("takeover")],
            stdout=subprocess.PIPE, encoding="utf-8", check=True, timeout=PATIENCE)
        self.assertEqual(done.stdout, "no: the user is another\n")
        self.goes_on(old)


class OldOne(Takeover):
    """The test is the process that runs."""

    def setUp(self):
        super().setUp()
        self.clients = socket.socket()
        self.addCleanup(self.clients.close)
        self.clients.bind(("127.0.0.1", self.port))
        self.clients.listen()
        self.door = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.addCleanup(self.door.close)
        self.door.settimeout(PATIENCE)
        self.door.bind(self.path("takeover"))
        self.door.listen()

    def met(self):
        self.successor = self.serve("--takeover")
        s = self.door.accept()[0]
        s.settimeout(PATIENCE)
        self.addCleanup(s.close)
        self.assertEqual(s.recv(999), HELLO)
        return s

    def offered(self, text=None, sockets=None):
        s = self.met()
        text = HELLO + (text or b"\nclients own 127.0.0.1:%d\n" % self.port)
        fds = array.array("i", [x.fileno() for x in sockets or [self.clients]])
        s.sendmsg([text], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
        return s

    def test_it_dies_when_the_other_is_ready(self):
        s = self.offered()
        self.assertEqual(s.recv(999), b"ready\nclients")
        self.door.close()
        self.clients.close()
        s.close()
        self.until("it waits", self.waits)
        self.assertEqual(self.ask(), 200)

    def test_it_dies_before(self):
        s = self.met()
        self.door.close()
        self.clients.close()
        s.close()
        self.until("it waits", self.waits)
        self.assertEqual(self.ask(), 200)

    def test_it_says_no(self):
        s = self.offered()
        s.recv(999)
        s.send(b"no: too late")
        s.close()
        self.ends(self.successor, 3)
        self.assertIn("no: too late", self.log())

    def test_it_says_no_unheard(self):
        """Its last word counts also where it did not hear that the other one was ready."""
        s = self.offered()
        time.sleep(0.5 * SLOWDOWN)  # "ready" is there, and stays unread
        s.send(b"no: too late")
        s.close()
        self.ends(self.successor, 3)
        self.assertIn("no: too late", self.log())

    def test_it_is_silent(self):
        s = self.offered()
        s.recv(999)
        self.ends(self.successor, 3)
        self.assertIn("goes on as before", self.log())
        with self.assertRaises(BrokenPipeError):  # so it knows that it has to go on
            s.send(b"go")

    def test_what_it_offers_is_nonsense(self):
        with socket.socket() as other:
            for text, sockets in ((b"\nclients", None), (b"\n\n", None),
                                  (b"\nclients own 127.0.0.1:1\n", [other]), (b"0", None)):
                self.offered(text, sockets)
                self.ends(self.successor, 3)
        self.assertEqual(self.log().count("cannot be read") + self.log().count("no socket that")
                         + self.log().count("another protocol"), 4, self.log())


class Supervised(Service):
    def test_a_given_socket_and_whom_to_look_after(self):
        clients = self.listening()
        self.config(f"takeover: {self.path('takeover')}\n")
        self.start([clients], names="sluice")
        self.assertEqual(self.told()["READY"], "1")
        old = self.process
        for _ in range(2):
            new = subprocess.Popen(
                [SLUICE, "serve", "--config", self.path("sluice.yaml"), "--takeover"],
                cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, env=dict(os.environ, NOTIFY_SOCKET=self.path("notify")))
            self.addCleanup(lambda p=new: (p.poll() is None and p.kill(), p.wait(),
                                           p.stdout.close()))
            self.assertEqual({**self.told(), **self.told()},
                             {"MAINPID": str(new.pid), "READY": "1", "STATUS": "serving"})
            self.assertEqual(old.wait(PATIENCE), 0)
            self.assertEqual(self.ask(clients), 200)
            old = new
        new.send_signal(signal.SIGTERM)
        self.assertIn("STOPPING", self.told())  # of the last one only
        self.assertEqual(new.wait(PATIENCE), 0)
        socket.create_connection(clients.getsockname()).close()
