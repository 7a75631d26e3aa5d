"""Takeover under load, of clients that speak TLS: HTTP/1.1 and HTTP/2 (curl's)."""
import http.client
import json
import subprocess
import time
from types import SimpleNamespace

from certificates import authority, certificate, context
from test_takeover import PATIENCE, ROUNDS, SLOWDOWN, STREAM_EVENTS, Load, Takeover
from world import DONE

ON_ONE_CONNECTION = 20


class SecureLoad(Load):
    """As Load; beside them clients of HTTP/2, one request a connection, many, and streams."""

    def __init__(self, test):
        super().__init__(test, [self.h2_new] + [self.h2_kept] * 2 + [self.h2_stream] * 5)

    def connect(self):
        return http.client.HTTPSConnection("127.0.0.1", self.test.port, timeout=PATIENCE,
                                           context=self.test.trust)

    def curl(self, kind, model, times=1):
        body = json.dumps({"model": model, "stream": model == "long",
                           "messages": [{"role": "user", "content": "hi"}]})
        url = f"https://127.0.0.1:{self.test.port}/v1/chat/completions"
        done = subprocess.run(
            ["curl", "-sS", "-N", "-m", str(PATIENCE), "--http2", "--cacert",
             self.test.path("ca.pem"), "-H", "content-type: application/json", "-d", body, "-w",
             "\n= %{http_version} %{http_code} %header{x-sluice-id}\n"] + [url] * times,
            capture_output=True, check=False)
        marks = [line.split() for line in done.stdout.decode().splitlines()
                 if line.startswith("= ")]
        if done.returncode or len(marks) != times:
            self.faults.append(f"{kind}: curl {done.returncode}: {done.stderr[-300:]}")
        for _, version, status, turn in marks:
            if version != "2":
                self.faults.append(f"{kind}: HTTP/{version}")
            whole = model != "long" or (done.stdout.count(b'"content"') == STREAM_EVENTS + 1
                                        and DONE.strip() in done.stdout)
            self.took(kind, int(status), turn, whole)

    def h2_new(self):
        self.curl("h2_new", "m")

    def h2_kept(self):
        self.curl("h2_kept", "m", ON_ONE_CONNECTION)

    def h2_stream(self):
        self.curl("h2_stream", "long")


class Secure(Takeover):
    def configure(self, more="", **settings):
        authority(self.folder, "ca")
        certificate(self.folder, "ca", "server")
        self.trust = context(SimpleNamespace(folder=self.folder))
        super().configure(f"tls: {{cert_file: {self.path('server.pem')}, "
                          f"key_file: {self.path('server.key')}}}\n" + more, **settings)

    def test_nothing_is_refused_and_nothing_cut(self):
        now = self.first()
        load = SecureLoad(self)
        gone = []
        for _ in range(ROUNDS):
            time.sleep(0.4 * SLOWDOWN)
            gone.append(now)
            now = self.serve("--takeover")
            self.until("taken over", lambda: self.log().count("taken over") >= len(gone))
        time.sleep(0.4 * SLOWDOWN)
        self.assertTrue(load.end(), "a client does not end")
        for process in gone:
            self.ends(process)
        now.terminate()
        self.ends(now)
        self.assertEqual(load.faults, [])
        for kind, n in load.kinds.items():
            self.assertGreaterEqual(n, ROUNDS, kind)
        rows = self.rows("SELECT id, state FROM turns")
        self.assertEqual({state for _, state in rows}, {"done"})
        self.assertEqual(sorted(turn for turn, _ in rows), sorted(load.ids))
        print(f"{ROUNDS} takeovers over TLS, {load.kinds}")
