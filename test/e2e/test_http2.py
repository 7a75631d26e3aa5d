"""HTTP/2: as curl and h2load speak it, and as a client does that means no good."""

import json
import signal
import socket
import struct
import subprocess
import tempfile
import time
from types import SimpleNamespace

from certificates import authority, certificate, context
from players import Always
from world import DONE, KEY, Provider, Sluice, answer_ok, delta, endless, gone_within, stream

CONFIG = """
listen: 127.0.0.1:@PORT@
admin_listen: 127.0.0.1:@ADMIN@
state: {ledger: "sqlite:@FOLDER@/ledger.db"}
http: {header_timeout: 1s, idle_timeout: 2s, write_timeout: 3s}
tls: {cert_file: "%s/server.pem", key_file: "%s/server.key"}
providers:
  p: {base_url: "http://127.0.0.1:%d/v1", key: house}
"""
CHAT = {"model": "p/m", "messages": [{"role": "user", "content": "hi"}]}
DATA, HEADERS, RST, SETTINGS, PING, GOAWAY, CONTINUATION = 0, 1, 3, 4, 6, 7, 9
END_STREAM, END_HEADERS, ACK = 1, 4, 1
ENHANCE_YOUR_CALM = 11


def open_world():
    folder = tempfile.mkdtemp(prefix="sluice-http2-")
    authority(folder, "ca")
    certificate(folder, "ca", "server")
    p = Provider()
    p.answers = Always(answer_ok)
    w = SimpleNamespace(p=p, folder=folder)
    w.config = CONFIG % (folder, folder, p.port)
    w.sluice = Sluice(w.config)
    return w


# ---- clients ----

def curl(w, path, *words, body=None, alpn="--http2"):
    url = f"https://127.0.0.1:{w.sluice.port}{path}"
    data = ["--data-binary", "@-", "-H", "content-type: application/json"] if body else []
    done = subprocess.run(
        ["curl", "-sS", "-m", "15", alpn, "--cacert", f"{w.folder}/ca.pem", "-H",
         f"authorization: Bearer {KEY}", "-w", "\n%{http_version} %{http_code}", *data, *words, url],
        input=json.dumps(body).encode() if body else None, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    answer, _, last = done.stdout.rpartition(b"\n")
    version, code = last.decode().split()
    return version, int(code), answer


def frame(kind, flags, stream_id, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(
        ">I", stream_id) + payload


def field(name, value):
    """A literal without an index and without Huffman's code (RFC 7541, 6.2.2)."""
    def text(t):
        n = len(t)
        if n < 127:
            return bytes([n]) + t
        out, n = bytearray([127]), n - 127
        while n >= 128:
            out.append(n % 128 + 128)
            n //= 128
        return bytes(out) + bytes([n]) + t
    return b"\0" + text(name.encode()) + text(value.encode())


def header(method="POST", path="/v1/chat/completions", more=()):
    return b"".join(field(n, v) for n, v in (
        (":method", method), (":scheme", "http"), (":path", path), (":authority", "127.0.0.1"),
        ("authorization", f"Bearer {KEY}"), *more))


class Http2:
    """A client of frames, in the clear and by prior knowledge."""

    def __init__(self, sluice, settings=b""):
        self.s = socket.create_connection(("127.0.0.1", sluice.port_plain), 10)
        self.buffer = b""
        self.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0, settings))

    def send(self, data):
        try:
            self.s.sendall(data)
            return True
        except OSError:
            return False

    def chat(self, stream_id, body):
        data = json.dumps(body).encode()
        self.send(frame(HEADERS, END_HEADERS, stream_id, header()) +
                  frame(DATA, END_STREAM, stream_id, data))

    def frames(self, seconds=5.0):
        """Frames until the server closes, or is silent for so long."""
        self.s.settimeout(seconds)
        while True:
            while len(self.buffer) >= 9:
                n = int.from_bytes(self.buffer[:3], "big")
                if len(self.buffer) < 9 + n:
                    break
                head, payload = self.buffer[:9], self.buffer[9:9 + n]
                self.buffer = self.buffer[9 + n:]
                yield head[3], head[4], int.from_bytes(head[5:9], "big"), payload
            try:
                piece = self.s.recv(1 << 16)
            except (ConnectionResetError, BrokenPipeError, TimeoutError):
                return
            if not piece:
                return
            self.buffer += piece

    def ends_with(self, code, seconds=5.0):
        """Does the server end the connection, for this reason where it can still say it?"""
        said = [struct.unpack(">I", payload[4:8])[0]
                for kind, _, _, payload in self.frames(seconds) if kind == GOAWAY]
        assert not said or said[-1] == code, said
        return True



def open_clear(w):
    """A sluice without TLS, so that frames can be read by eye."""
    if not hasattr(w, "clear"):
        text = "\n".join(line for line in w.config.splitlines() if not line.startswith("tls:"))
        w.clear = Sluice(text)
        w.clear.port_plain = w.clear.port
    return w.clear


def well(sluice):
    return sluice.chat("p/m").status == 200 and sluice.alive()


# ---- what it is for ----

def test_as_curl_asks(w):
    version, code, answer = curl(w, "/v1/chat/completions", body=CHAT)
    assert (version, code) == ("2", 200) and json.loads(answer)["usage"]["prompt_tokens"] == 20
    assert curl(w, "/v1/models")[:2] == ("2", 200)
    assert curl(w, "/nothing")[:2] == ("2", 404)
    assert curl(w, "/health", "-I")[:2] == ("2", 200)
    assert curl(w, "/v1/chat/completions", body=CHAT, alpn="--http1.1")[:2] == ("1.1", 200)


def test_prior_knowledge_without_tls(w):
    done = subprocess.run(["curl", "-sS", "--http2-prior-knowledge", "-w", "%{http_version}",
                           f"http://127.0.0.1:{w.sluice.admin_port}/health"],
                          capture_output=True, check=True, timeout=10)
    assert done.stdout.strip().endswith(b"2"), done.stdout


def test_large_bodies_both_ways(w):
    w.p.answers = Always(lambda conn, head, body, n: conn.sendall(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
        % (len(body), body)))
    big = dict(CHAT, messages=[{"role": "user", "content": "x" * 3000000}])
    for more in ([], ["-H", "Expect: 100-continue"]):
        _, code, answer = curl(w, "/v1/chat/completions", *more, body=big)
        assert code == 200 and json.loads(answer)["messages"] == big["messages"], len(answer)
    w.p.answers = Always(answer_ok)
    assert curl(w, "/v1/chat/completions", body=dict(CHAT, user="y" * 40000000))[1] == 413


def test_events_one_by_one_and_others_beside(w):
    w.p.answers = Always(stream(delta(b"one "), delta(b"two", finish=b'"stop"'), DONE, pause=0.4))
    c = Http2(open_clear(w))
    c.chat(1, dict(CHAT, stream=True))
    time.sleep(0.2)
    w.p.answers = Always(answer_ok)
    c.chat(3, CHAT)
    seen = []
    for kind, flags, stream_id, payload in c.frames():
        if kind == DATA:
            seen.append((stream_id, b"one " in payload, b"[DONE]" in payload))
        if kind == DATA and flags & END_STREAM and stream_id == 1:
            break
    order = [s for s, _, _ in seen]
    assert order[0] == 1 and 3 in order and order.index(3) < len(order) - 1, seen
    assert seen[0][1] and any(done for _, _, done in seen)


def h2load(*words):
    done = subprocess.run(["h2load", "-n", "3000", *words], capture_output=True, text=True,
                          check=True, timeout=60)
    assert "3000 done, 3000 succeeded, 0 failed, 0 errored, 0 timeout" in done.stdout, done.stdout
    assert "status codes: 3000 2xx, 0 3xx, 0 4xx, 0 5xx" in done.stdout, done.stdout
    return done.stdout


def test_many_at_once(w):
    told = h2load("-c", "10", "-m", "100", f"https://127.0.0.1:{w.sluice.port}/v1/models")
    assert "Application protocol: h2\n" in told, told


def test_many_chats_at_once(w):
    body = f"{w.folder}/chat.json"
    with open(body, "w", encoding="utf-8") as file:
        json.dump(CHAT, file)
    chat = ["-d", body, "-H", f"authorization: Bearer {KEY}", "-H",
            "content-type: application/json"]
    path = "127.0.0.1:{}/v1/chat/completions"
    told = h2load(*chat, "-c", "10", "-m", "10", "https://" + path.format(w.sluice.port))
    assert "Application protocol: h2\n" in told, told
    told = h2load(*chat, "-c", "10", "-m", "10", "http://" + path.format(open_clear(w).port))
    assert "Application protocol: h2c\n" in told, told
    told = h2load(*chat, "--h1", "-c", "10", "https://" + path.format(w.sluice.port))
    assert "Application protocol: http/1.1\n" in told, told


def test_a_client_that_takes_nothing_holds_up_only_itself(w):
    w.p.answers = Always(endless([], delta(b"x" * 1000), 0))
    c = Http2(open_clear(w))  # windows of 65,535 bytes, for the stream and for all
    c.chat(1, dict(CHAT, stream=True))
    got = 0
    for kind, _, _, payload in c.frames(8):
        got += len(payload) if kind == DATA else 0
        if kind == RST:
            break
    assert kind == RST, "what is not taken within write_timeout is cut"
    w.p.answers = Always(answer_ok)
    assert 60000 < got <= 65535, got
    assert well(w.clear)


def test_a_stream_that_is_reset(w):
    gone = []
    w.p.answers = Always(endless(gone))
    c = Http2(open_clear(w))
    c.chat(1, dict(CHAT, stream=True))
    for kind, _, _, _ in c.frames():
        if kind == DATA:
            break
    c.send(frame(RST, 0, 1, struct.pack(">I", 8)))
    closed = gone_within(gone)
    w.p.answers = Always(answer_ok)
    assert closed, "the provider's connection closes"
    c.chat(3, CHAT)
    assert any(kind == DATA and flags & END_STREAM and stream_id == 3
               for kind, flags, stream_id, _ in c.frames(1)), "and the client's goes on"
    for _ in range(100):  # a row is written with its batch
        rows = w.clear.rows("SELECT state, error FROM turns WHERE state = 'partial'")
        if rows:
            break
        time.sleep(0.02)
    assert ("partial", "client_gone") in rows, rows


# ---- what it has to withstand ----

def test_fields_beyond_the_limit(w):
    c = Http2(open_clear(w))
    block = header("GET", "/health", [(f"x-{i}", "y" * 50) for i in range(200)])
    c.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, block))
    for kind, _, _, payload in c.frames():
        if kind == DATA:
            assert b"error" in payload
            break
    assert well(w.clear)


def status_of(block):
    """Of the first field of an answer's header, where it is one of the static table's."""
    known = {8: 200, 9: 204, 10: 206, 11: 304, 12: 400, 13: 404, 14: 500}
    if block[0] & 0x80:
        return known[block[0] & 0x7f]
    return None  # spelled out, in Huffman's code


def test_what_http_1_refuses(w):
    for more, word in (([("host", "elsewhere")], b"Host stands twice"),
                       ([("expect", "200-maybe")], b"expectation_failed")):
        c = Http2(open_clear(w))
        c.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, header("GET", "/v1/models", more)))
        seen = b"".join(p for kind, flags, _, p in c.frames(1) if kind == DATA)
        assert word in seen, (more, seen)
    c = Http2(open_clear(w))
    c.send(frame(HEADERS, END_HEADERS | END_STREAM, 1,
                 header("GET", "/v1/models", [("host", "127.0.0.1")])))
    block = next(p for kind, _, _, p in c.frames(1) if kind == HEADERS)
    assert status_of(block) == 200, "the same Host twice says nothing else"


def test_rapid_reset(w):
    c = Http2(open_clear(w))
    one = header("GET", "/v1/models")
    for i in range(5000):
        stream_id = 2 * i + 1
        if not c.send(frame(HEADERS, END_HEADERS | END_STREAM, stream_id, one) +
                      frame(RST, 0, stream_id, struct.pack(">I", 8))):
            break
    assert c.ends_with(ENHANCE_YOUR_CALM) and well(w.clear)


def test_floods(w):
    ping, settings = frame(PING, 0, 0, b"12345678"), frame(SETTINGS, 0, 0)
    open_header = frame(HEADERS, END_STREAM, 1, header("GET", "/health"))
    more = frame(CONTINUATION, 0, 1, field("a", "b" * 1000))
    nothing = frame(HEADERS, END_HEADERS, 1, header()) + frame(DATA, 0, 1) * 5000
    for flood in (ping * 5000, settings * 5000, open_header + more * 5000,
                  open_header + frame(CONTINUATION, 0, 1) * 5000, nothing):
        c = Http2(open_clear(w))
        c.send(flood)
        ended = c.ends_with(ENHANCE_YOUR_CALM) if flood is not nothing else list(c.frames()) or True
        assert ended and well(w.clear), flood[:60]


def test_a_header_that_never_ends(w):
    c = Http2(open_clear(w))
    c.send(frame(HEADERS, END_STREAM, 1, header("GET", "/health")))
    began = time.time()
    list(c.frames())
    assert 0.5 < time.time() - began < 3


def test_what_is_wrong_with_one_request_ends_no_other(w):
    c = Http2(open_clear(w))
    c.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, header("GET", "/health", [("X-UPPER", "1")])))
    assert any(kind == RST and stream_id == 1 for kind, _, stream_id, _ in c.frames(0.5))
    time.sleep(1)  # longer than a header may take, since its begin
    c.chat(3, CHAT)
    assert any(kind == DATA and flags & END_STREAM and stream_id == 3
               for kind, flags, stream_id, _ in c.frames(1.5))
    began = time.time()
    list(c.frames())
    assert time.time() - began < 3, "and then it is as quiet as any"


def test_a_connection_that_is_quiet(w):
    c = Http2(open_clear(w))
    began = time.time()
    list(c.frames())
    assert 1.5 < time.time() - began < 4


def test_no_http2_behind_its_preface(w):
    for data in (b"GET / HTTP/1.1\r\n\r\n" * 10, b"\0" * 1000, b"\xff" * 1000):
        s = Http2(open_clear(w))
        s.send(data)
        list(s.frames())
    raw = socket.create_connection(("127.0.0.1", w.sluice.port), 10)
    with context(w, alpn=("h2",)).wrap_socket(raw, server_hostname="127.0.0.1") as conn:
        conn.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert b"HTTP/1.1" not in conn.recv(1000)
    assert well(w.clear)


def test_z_the_end_waits_for_open_streams(w):
    w.p.answers = Always(stream(*[delta(b"x")] * 10, delta(b"", finish=b'"stop"'), DONE, pause=0.1))
    sluice = open_clear(w)
    c = Http2(sluice)
    c.chat(1, dict(CHAT, stream=True))
    for kind, _, _, _ in c.frames():
        if kind == DATA:
            break
    sluice.process.send_signal(signal.SIGTERM)
    rest = [(kind, flags, payload) for kind, flags, _, payload in c.frames()]
    assert any(b"[DONE]" in payload for kind, _, payload in rest if kind == DATA), rest[-3:]
    assert any(kind == DATA and flags & END_STREAM for kind, flags, _ in rest)
    assert any(kind == GOAWAY for kind, _, _ in rest)
    assert sluice.process.wait(10) == 0
