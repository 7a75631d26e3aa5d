"""A process that is killed while it drains: what the ledger has, and what the limits count from it."""
import json
import os
import signal
import socket
import subprocess
import threading
import time
import unittest

from program import SLUICE
from test_limits import account, same_as_ledger
from world import DONE, KEY, Provider, Sluice, USAGE, delta, endless, stream

SLOWDOWN = float(os.environ.get("SLUICE_SLOWDOWN", "1"))
PATIENCE = 20 * SLOWDOWN
CONFIG = """
listen: 127.0.0.1:@PORT@
admin_listen: 127.0.0.1:@ADMIN@
takeover: "@FOLDER@/takeover"
drain: 60s
state: {ledger: "sqlite:@FOLDER@/ledger.db"}
providers:
  p: {base_url: "http://127.0.0.1:%d/v1"}
prices:
  p/a: {input: 1, output: 4}
  p/ends: {input: 1, output: 4}
  p/stays: {input: 1, output: 4}
keys:
  require: true
  declared:
    app: {secret: "${TEST_KEY}", tenant: shop}
    boss: {secret: boss-key, admin: true}
limits:
  per_key: {requests_per_minute: 20, tokens_per_minute: 1000000, concurrent: 100, usd_per_day: 10,
            usd_per_month: 100}
  per_tenant: {requests_per_minute: 1000, tokens_per_minute: 1000000, concurrent: 100,
               usd_per_day: 10, usd_per_month: 100}
"""
WHOLE, EACH = 10, 4  # answers before the drain; streams that end in it, and that do not


class Drain(unittest.TestCase):
    def setUp(self):
        self.provider = Provider()
        self.provider.answers["stays"] = endless([])
        self.provider.answers["ends"] = stream(
            *[delta(b"x")] * 24, delta(b".", finish=b'"stop"'), USAGE, DONE, pause=0.1)
        self.sluice = Sluice(CONFIG % self.provider.port)
        self.bodies = {"ends": [], "stays": []}
        self.clients = []
        self.addCleanup(self.end)

    def end(self):
        if self.sluice.alive():
            self.sluice.process.kill()
        self.sluice.process.wait()
        for client in self.clients:
            client.join(PATIENCE)
        self.provider.socket.close()

    def until(self, what, done):
        end = time.monotonic() + PATIENCE
        while not done():
            self.assertLess(time.monotonic(), end, f"{what}\n{self.sluice.log()}")
            time.sleep(0.02)

    def states(self):
        return dict(self.sluice.rows("SELECT state, count(*) FROM turns GROUP BY 1"))

    def stream(self, model):
        body = json.dumps({"model": model, "stream": True,
                           "messages": [{"role": "user", "content": "x" * 100}]}).encode()
        data = b""
        with socket.create_connection(("127.0.0.1", self.sluice.port), PATIENCE) as s:
            s.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                      b"Authorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s"
                      % (KEY.encode(), len(body), body))
            try:
                while piece := s.recv(65536):
                    data += piece
            except ConnectionResetError:
                pass
        self.bodies[model].append(data)

    def load(self):
        """Answers that are whole, and streams that have run for long enough to have a row."""
        for _ in range(WHOLE):
            self.assertEqual(self.sluice.chat("a").status, 200)
        for model in ("ends", "stays"):
            for _ in range(EACH):
                client = threading.Thread(target=self.stream, args=(model,), daemon=True)
                client.start()
                self.clients.append(client)
        self.until("rows of running turns",
                   lambda: self.states() == {"done": WHOLE, "running": 2 * EACH})

    def drained(self):
        """The streams that end have ended, whole, and are in the ledger; the others run."""
        self.until("streams end within the drain",
                   lambda: self.states() == {"done": WHOLE + EACH, "running": EACH})
        self.until("their clients see it", lambda: len(self.bodies["ends"]) == EACH)
        for data in self.bodies["ends"]:
            self.assertIn(DONE, data)
        self.assertEqual(self.bodies["stays"], [])

    def counted(self):
        """After a start: what was under way is lost, and the counters are the ledger's."""
        s = self.sluice
        self.assertEqual(self.states(), {"done": WHOLE + EACH, "lost": EACH})
        self.assertEqual(s.rows("PRAGMA integrity_check"), [("ok",)])
        self.assertEqual(s.rows("SELECT count(*), count(cost_usd_nanos) FROM turns"
                                " WHERE state = 'lost'"), [(EACH, 0)])
        (turns, lost, cost), = s.rows("SELECT sum(turns), sum(lost), sum(cost_usd_nanos)"
                                      " FROM rollups")
        self.assertEqual((turns, lost), (WHOLE + EACH, EACH))
        # 20 and 7 tokens of an answer, 11 and 3 of a stream, at 1 and 4 dollars a million
        self.assertEqual(cost, WHOLE * (20 + 7 * 4) * 1000 + EACH * (11 + 3 * 4) * 1000)
        app = same_as_ledger(s, "key", "app", 0)
        same_as_ledger(s, "tenant", "shop", 0)
        self.assertEqual(app["requests_per_minute"]["used"], WHOLE + 2 * EACH)
        self.assertEqual(app["tokens_per_minute"]["used"], WHOLE * 27 + EACH * 14)
        self.assertEqual(round(app["usd_per_day"]["used"] * 1e9), cost)
        self.assertEqual([s.chat("a").status for _ in range(3)], [200, 200, 429])

    def test_a_kill_within_a_drain(self):
        s = self.sluice
        self.load()
        s.process.send_signal(signal.SIGTERM)
        self.until("it drains", lambda: "draining" in s.log())
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", s.port)).close()
        self.drained()
        self.assertTrue(s.alive())
        s.process.kill()
        s.process.wait()
        s.start()
        self.counted()

    def test_a_kill_of_the_old_one_after_a_takeover(self):
        s = self.sluice
        self.load()
        old = s.process
        with open(s.log_path, "ab") as log:
            s.process = subprocess.Popen([SLUICE, "serve", "--config", s.file, "--takeover"],
                                         stdout=log, stderr=log, env=s.environment, cwd=s.folder)
        try:
            self.until("taken over", lambda: "taken over" in s.log())
            self.drained()
            self.assertIsNone(old.poll())
        finally:
            old.kill()
            old.wait()
        # The new one knows of the running ones that they are there, and of all others everything.
        app = account(s, "key", "app")
        self.assertEqual(app["requests_per_minute"]["used"], WHOLE + 2 * EACH)
        self.assertEqual(self.states(), {"done": WHOLE + EACH, "running": EACH})
        self.assertEqual(s.chat("a").status, 200)
        self.assertEqual(s.stop(), 0)
        (n,), = s.rows("SELECT count(*) FROM turns WHERE state = 'running'")
        self.assertEqual(n, EACH)
        s.start()
        self.assertEqual(self.states(), {"done": WHOLE + EACH + 1, "lost": EACH})
        app = same_as_ledger(s, "key", "app", 0)
        same_as_ledger(s, "tenant", "shop", 0)
        self.assertEqual(app["requests_per_minute"]["used"], WHOLE + 2 * EACH + 1)
        self.assertEqual(app["tokens_per_minute"]["used"], (WHOLE + 1) * 27 + EACH * 14)
        self.assertEqual([s.chat("a").status for _ in range(2)], [200, 429])
