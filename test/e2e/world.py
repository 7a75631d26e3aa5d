"""A provider that lies on request, a running sluice, and a client that sees bytes.

Python's standard library only. The provider's answers are chosen by the model's name, so every
test says in its request what shall go wrong.
"""

import atexit
import json
import os
import signal
import socket
import sqlite3
import subprocess
import tempfile
import threading
import time

SLUICE = os.path.abspath(os.environ.get("SLUICE", "build/sluice"))
KEY = "test-key-1"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def read_request(conn):
    """One request as (head bytes, body bytes); None when the client is gone."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = conn.recv(65536)
        if not piece:
            return None
        data += piece
    head, body = data.split(b"\r\n\r\n", 1)
    length = 0
    chunked = False
    for line in head.split(b"\r\n")[1:]:
        name, value = line.split(b":", 1)
        if name.lower() == b"content-length":
            length = int(value)
        if name.lower() == b"transfer-encoding":
            chunked = True
    while chunked and not body.endswith(b"0\r\n\r\n"):
        body += conn.recv(65536)
    while len(body) < length:
        body += conn.recv(65536)
    return head, body


class Provider:
    """Listens on a port; `answers[model](conn, head, body, n)` is called with the n-th request."""

    def __init__(self):
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.listen(128)
        self.port = self.socket.getsockname()[1]
        self.answers = {}
        self.seen = []  # (head, body)
        self.counts = {}
        self.accepted = 0  # connections
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                conn, _ = self.socket.accept()
            except OSError:
                return
            self.accepted += 1
            conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(conn,), daemon=True).start()

    def _serve(self, conn):
        try:
            while True:
                request = read_request(conn)
                if request is None:
                    return
                head, body = request
                try:
                    model = json.loads(body).get("model", "")
                except (ValueError, UnicodeDecodeError):
                    model = head.split()[1].decode()
                self.seen.append(request)
                self.counts[model] = self.counts.get(model, 0) + 1
                answer = self.answers.get(model, answer_ok)
                if answer(conn, head, body, self.counts[model]) == "close":
                    return
        except OSError:
            pass
        finally:
            conn.close()


# ---- answers ----

WHOLE = json.dumps({
    "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "real-name",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello \u00e9"},
                 "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 20, "completion_tokens": 7, "total_tokens": 27,
              "prompt_tokens_details": {"cached_tokens": 12},
              "completion_tokens_details": {"reasoning_tokens": 2}},
    "an_unknown_field": {"kept": [1, 2.50, "x"]}}).encode()


def whole(body=WHOLE, status="200 OK", headers=()):
    head = [f"HTTP/1.1 {status}", "Content-Type: application/json",
            f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def answer_ok(conn, head, body, n):
    conn.sendall(whole())


def status(line, body=b'{"error":{"message":"no","type":"t","code":"c"}}', headers=()):
    def answer(conn, head, request, n):
        conn.sendall(whole(body, line, headers))
    return answer


def first_then_ok(bad, times=1):
    """`bad` for the first `times` requests, then a good answer."""
    def answer(conn, head, body, n):
        return bad(conn, head, body, n) if n <= times else answer_ok(conn, head, body, n)
    return answer


def raw(data):
    def answer(conn, head, body, n):
        conn.sendall(data)
        return "close"
    return answer


def reset(conn, head, body, n):
    conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    return "close"


STREAM_HEAD = (b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
               b"Transfer-Encoding: chunked\r\n\r\n")


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


def delta(text, usage=b"", finish=b"null"):
    return (b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m",'
            b'"choices":[{"index":0,"delta":{"content":"%s"},"finish_reason":%s}]%s}\n\n'
            % (text, finish, usage))


USAGE = (b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[],'
         b'"usage":{"prompt_tokens":11,"completion_tokens":3,"total_tokens":14}}\n\n')
DONE = b"data: [DONE]\n\n"


def stream(*events, end=True, pause=0.0):
    def answer(conn, head, body, n):
        conn.sendall(STREAM_HEAD)
        for event in events:
            conn.sendall(chunk(event))
            if pause:
                time.sleep(pause)
        if end:
            conn.sendall(b"0\r\n\r\n")
            return None
        return "close"
    return answer


def endless(gone, event=delta(b"x"), pause=0.05):
    """A stream that ends when the other side has closed; when that was, stands in `gone` then."""
    def answer(conn, head, body, n):
        try:
            stream(*[event] * 2000, pause=pause)(conn, head, body, n)
        except OSError:
            gone.append(time.time())
        return "close"
    return answer


def gone_within(gone, seconds=1.0):
    """Has it ended by then?"""
    since = time.time()
    while not gone and time.time() - since < 3 * seconds:
        time.sleep(0.02)
    return bool(gone) and gone[0] - since < seconds


# ---- sluice ----

class Sluice:
    def __init__(self, config, environment=None, wait=True):
        self.folder = tempfile.mkdtemp(prefix="sluice-e2e-")
        self.port = free_port()
        self.admin_port = free_port()
        self.file = os.path.join(self.folder, "sluice.yaml")
        self.log_path = os.path.join(self.folder, "log")
        self.write(config)
        self.environment = dict(os.environ, TEST_KEY=KEY, **(environment or {}))
        self.start(wait)

    def write(self, config):
        text = (config.replace("@PORT@", str(self.port)).replace("@FOLDER@", self.folder)
                .replace("@ADMIN@", str(self.admin_port)))
        with open(self.file, "w", encoding="utf-8") as f:
            f.write(text)

    def start(self, wait=True):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen([SLUICE, "serve", "--config", self.file],
                                            stderr=log, stdout=log, env=self.environment,
                                            cwd=self.folder)
        atexit.register(self.process.kill)  # of those that no test stops
        if wait:
            for _ in range(250):
                try:
                    socket.create_connection(("127.0.0.1", self.port), 1).close()
                    return
                except OSError:
                    if self.process.poll() is not None:
                        break
                    time.sleep(0.02)
            raise RuntimeError("sluice did not start:\n" + self.log())

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as f:
            return f.read()

    def stop(self, sig=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(sig)
        return self.process.wait(20)

    def alive(self):
        return self.process.poll() is None

    def rows(self, sql, *values):
        db = sqlite3.connect("file:" + os.path.join(self.folder, "ledger.db") + "?mode=ro",
                             uri=True, timeout=5)
        try:
            return db.execute(sql, values).fetchall()
        finally:
            db.close()

    def turn(self, answer, timeout=5.0):
        """The ledger's row of an answer, once it has been written."""
        return self.turn_by_id(answer.headers["x-sluice-id"], timeout)

    def turn_by_id(self, turn_id, timeout=5.0):
        names = ("state", "status", "error", "input", "cached", "output", "reasoning", "counted",
                 "cost_usd_nanos", "model", "provider", "key", "tenant", "tags", "task", "lane")
        end = time.time() + timeout
        while time.time() < end:
            found = self.rows(f"SELECT {', '.join(names)} FROM turns WHERE id = ?"
                              " AND state <> 'running'", turn_id)
            if found:
                return dict(zip(names, found[0]))
            time.sleep(0.05)
        raise AssertionError(f"no row of turn {turn_id}")

    # ---- a client that sees bytes ----

    def send(self, data, timeout=10.0, port=None):
        """Raw bytes to the server; everything that comes back until it closes or is silent."""
        with socket.create_connection(("127.0.0.1", port or self.port), timeout) as s:
            s.sendall(data)
            return read_all(s, timeout)

    def request(self, method, path, body=None, headers=None, key=KEY, port=None, timeout=10.0):
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
        lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{port or self.port}",
                 "Connection: close"]
        if key:
            lines.append(f"Authorization: Bearer {key}")
        if body is not None:
            lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        lines += [f"{k}: {v}" for k, v in (headers or {}).items()]
        data = "\r\n".join(lines).encode() + b"\r\n\r\n" + (body or b"")
        return Answer(self.send(data, timeout, port))

    def chat(self, model, headers=None, key=KEY, timeout=10.0, **more):
        body = {"model": model, "messages": [{"role": "user", "content": "hi"}], **more}
        return self.request("POST", "/v1/chat/completions", body, headers, key, timeout=timeout)


def read_all(s, timeout):
    s.settimeout(timeout)
    data = b""
    try:
        while True:
            piece = s.recv(1 << 20)
            if not piece:
                return data
            data += piece
    except (TimeoutError, ConnectionResetError):
        return data


class Answer:
    def __init__(self, data):
        head, _, rest = data.partition(b"\r\n\r\n")
        lines = head.decode("latin1").split("\r\n")
        self.status = int(lines[0].split()[1]) if lines[0].startswith("HTTP/") else 0
        self.headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            self.headers[name.lower()] = value.strip()
        self.whole = True
        self.body = rest
        if self.headers.get("transfer-encoding") == "chunked":
            self.body, self.whole = unchunk(rest)
        elif "content-length" in self.headers:
            self.whole = len(rest) == int(self.headers["content-length"])

    def json(self):
        return json.loads(self.body)

    def error(self):
        return self.json()["error"]


def unchunk(data):
    out = b""
    while data:
        size, _, rest = data.partition(b"\r\n")
        try:
            n = int(size.split(b";")[0], 16)
        except ValueError:
            return out, False
        if n == 0:
            return out, True
        if len(rest) < n:
            return out + rest, False
        out += rest[:n]
        data = rest[n + 2:]
    return out, False
