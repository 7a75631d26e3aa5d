"""HTTP/2 to providers: as sluice itself serves it, and as a provider does that a test scripts."""

import json
import os
import re
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
from types import SimpleNamespace

from certificates import authority, certificate
from http2_provider import (CANCEL, CONTINUATION, DATA, END_HEADERS, END_STREAM,
                            GOAWAY, HEADERS, INITIAL_WINDOW, MAX_STREAMS, NO_ERROR, PING, PUSH,
                            REFUSED, SETTINGS, WINDOW, Http2Provider, field, fields, frame, setting)
from players import Always
from world import DONE, KEY, SLUICE, WHOLE, Answer, Provider, Sluice, answer_ok, delta

SLOWER = int(os.environ.get("SLUICE_SLOWDOWN", "1"))  # sanitizers take more of everything
CONFIG = """
listen: 127.0.0.1:@PORT@
admin_listen: 127.0.0.1:@ADMIN@
state: {ledger: "sqlite:@FOLDER@/ledger.db"}
retry: {wait_min: 10ms, wait_max: 20ms, budget: 100%%}
providers:
  p: {base_url: "http://127.0.0.1:%d/v1", key: house, http2: on,
      timeouts: {connect: 2s, first_token: 5s, between_tokens: 5s, idle: 3s}}
"""
BACK = """
listen: 127.0.0.1:@PORT@
admin_listen: 127.0.0.1:@ADMIN@
state: {ledger: "sqlite:@FOLDER@/ledger.db"}
tls: {cert_file: "%s/server.pem", key_file: "%s/server.key"}
providers:
  p: {base_url: "http://127.0.0.1:%d/v1", key: house}
default_provider: p
"""
FRONT = """
listen: 127.0.0.1:@PORT@
admin_listen: 127.0.0.1:@ADMIN@
state: {ledger: "sqlite:@FOLDER@/ledger.db"}
providers:
  back: {base_url: "https://localhost:%d/v1", key: "${TEST_KEY}", %s tls: {ca_file: "%s/ca.pem"}}
"""
CHAT = {"model": "p/m", "messages": [{"role": "user", "content": "hi"}]}


def open_world():
    p = Http2Provider()
    w = SimpleNamespace(p=p, folder=tempfile.mkdtemp(prefix="sluice-http2up-"))
    w.config = CONFIG % p.port
    w.sluice = Sluice(w.config)
    return w


def provider(settings=b"", more="", **answers):
    """A provider and a sluice of a test's own."""
    p = Http2Provider(settings)
    p.answers.update(answers)
    return p, Sluice((CONFIG % p.port).replace("http2: on,", "http2: on, " + more))


def at_once(n, fn):
    """fn(0) ... fn(n - 1), each in a thread; their results."""
    results = [None] * n

    def run(i):
        results[i] = fn(i)
    threads = [threading.Thread(target=run, args=(i,)) for i in range(n)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return results


def events(c, stream_id, texts, pause=0.0, before=None):
    c.head(stream_id, kind="text/event-stream")
    for text in texts:
        if not c.data(stream_id, delta(text)):
            return
        time.sleep(pause)
    if before:
        before()
    c.data(stream_id, DONE, True)


def ask(s, model, **more):
    """A request whose connection stays in the test's hands."""
    body = json.dumps({**CHAT, "model": model, **more}).encode()
    conn = socket.create_connection(("127.0.0.1", s.port), 10)
    conn.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
                 b"Authorization: Bearer %s\r\nContent-Type: application/json\r\n"
                 b"Content-Length: %d\r\n\r\n" % (KEY.encode(), len(body)) + body)
    return conn


def until(what, seconds=5.0):
    end = time.time() + seconds
    while not what() and time.time() < end:
        time.sleep(0.02)
    return what()


# ---- one connection, many calls ----

def test_many_calls_share_a_connection(w):
    p, s = provider()
    together = threading.Barrier(40)

    def answer(c, i, body, n):
        together.wait(10)  # all of them are open at once
        events(c, i, [b"%d" % i, b"b"], pause=0.02)
    p.answers["m"] = answer
    answers = at_once(40, lambda _: s.chat("p/m", stream=True))
    assert all(a.status == 200 and a.body.endswith(DONE) and a.body.count(b"data:") == 3
               for a in answers)
    assert len({a.body for a in answers}) == 40  # each has its own
    assert len(p.connections) == 1
    assert p.most_at_once == 40
    assert s.stop() == 0
    assert until(lambda: p.connections[0].goaway == NO_ERROR)


def test_a_full_connection_gets_a_sibling(w):
    p, s = provider(setting(MAX_STREAMS, 4))
    together = threading.Barrier(10)

    def answer(c, i, body, n):
        together.wait(10)
        c.whole(i)
    p.answers["m"] = answer
    assert all(a.status == 200 for a in at_once(10, lambda _: s.chat("p/m")))
    assert len(p.connections) == 3
    assert s.stop() == 0


def test_the_pools_limit_holds(w):
    p, s = provider(setting(MAX_STREAMS, 2), more="connections: 1,")
    go = threading.Event()

    def answer(c, i, body, n):
        go.wait(10)
        c.whole(i)
    p.answers["m"] = answer
    two = [ask(s, "p/m") for _ in range(2)]
    assert until(lambda: p.at_once == 2)
    a = s.chat("p/m")
    assert (a.status, a.error()["code"]) == (503, "overloaded"), a.body
    go.set()
    assert all(b"200 OK" in conn.recv(1 << 16) for conn in two)
    assert len(p.connections) == 1
    assert s.stop() == 0


def test_unused_connections_end(w):
    p, s = provider()
    assert s.chat("p/m").status == 200
    assert until(lambda: p.connections[0].goaway == NO_ERROR, 6)
    assert s.chat("p/m").status == 200
    assert len(p.connections) == 2
    assert s.stop() == 0


def test_a_stream_that_takes_no_calls_is_busy(w):
    p, s = provider(setting(MAX_STREAMS, 0))
    a = s.chat("p/m")
    assert (a.status, a.error()["code"]) == (502, "upstream_unavailable"), a.body
    assert len(p.connections) <= 3  # a try each
    assert s.turn(a)["input"] in (0, None)
    assert s.stop() == 0


# ---- streams ----

def test_events_come_as_they_are_sent(w):
    p, s = provider()
    go = threading.Event()
    p.answers["m"] = lambda c, i, b, n: events(c, i, [b"first"], before=lambda: go.wait(10))
    conn = ask(s, "p/m", stream=True)
    seen = b""
    while b"first" not in seen:
        seen += conn.recv(1 << 16)
    assert DONE not in seen
    go.set()
    while DONE not in seen:
        seen += conn.recv(1 << 16)
    assert s.stop() == 0


def test_a_client_that_leaves_resets_its_stream_only(w):
    p, s = provider()
    go = threading.Event()

    def answer(c, i, body, n):
        if n == 1:
            events(c, i, [b"x"] * 1000, pause=0.02)
        else:
            events(c, i, [b"y"], before=lambda: go.wait(10))
    p.answers["m"] = answer
    gone = ask(s, "p/m", stream=True)
    assert b"200 OK" in gone.recv(1 << 16)
    stays = ask(s, "p/m", stream=True)
    assert until(lambda: p.at_once == 2)
    gone.close()
    c = p.connections[0]
    assert until(lambda: c.reset), "its stream was not reset"
    assert list(c.reset.values()) == [CANCEL]
    go.set()
    answer = b""
    while piece := stays.recv(1 << 16):
        answer += piece
    assert Answer(answer).whole and DONE in answer
    assert s.chat("p/other").status == 200
    assert len(p.connections) == 1 and c.goaway is None
    assert s.stop() == 0


def test_a_slow_client_holds_up_itself_alone(w):
    p, s = provider()
    sent = {}

    def endless(c, i, body, n):
        c.head(i, kind="text/event-stream")
        sent[i] = 0
        event = delta(b"x" * 8000)
        while sent[i] < (64 << 20) and c.data(i, event):
            sent[i] += len(event)
    p.answers["endless"] = endless
    slow = []
    for _ in range(8):
        conn = socket.socket()
        conn.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        conn.connect(("127.0.0.1", s.port))
        body = json.dumps({**CHAT, "model": "p/endless", "stream": True}).encode()
        conn.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                     b"Authorization: Bearer %s\r\nContent-Type: application/json\r\n"
                     b"Content-Length: %d\r\n\r\n" % (KEY.encode(), len(body)) + body)
        slow.append(conn)
    assert until(lambda: len(sent) == 8)
    last = None
    while last != dict(sent):  # until all of them stand still
        last = dict(sent)
        time.sleep(0.5)
    # The socket to the client holds some, too (Linux: up to 4 MiB); the rest is the window.
    assert all(n < (6 << 20) for n in sent.values()), sent
    for _ in range(5):
        assert s.chat("p/quick").status == 200
    assert len(p.connections) == 1
    for conn in slow:
        conn.close()
    assert until(lambda: len(p.connections[0].reset) == 8)
    assert s.stop() == 0


# ---- bodies ----

def test_large_bodies_both_ways(w):
    p = Http2Provider()  # which is slow with them, so that no clock shall have a second try made
    s = Sluice((CONFIG % p.port).replace("first_token: 5s", "first_token: 60s"))
    seen = []
    big = json.dumps({"choices": [{"message": {"content": "y" * (3 << 20)}}]}).encode()

    def answer(c, i, body, n):
        seen.append(len(json.loads(body)["messages"][0]["content"]))
        c.whole(i, big)
    p.answers["m"] = answer
    text = [{"role": "user", "content": "z" * (5 << 20)}]
    answers = at_once(4, lambda _: s.chat("p/m", messages=text, timeout=30))
    assert all(a.status == 200 and a.body == big for a in answers)
    assert seen == [5 << 20] * 4
    assert len(p.connections) == 1
    assert s.stop() == 0


def test_a_window_that_stays_shut(w):
    """Nobody waits for it longer than its time, and others go on."""
    p = Http2Provider(setting(INITIAL_WINDOW, 100))
    p.opens = False
    s = Sluice((CONFIG % p.port).replace("between_tokens: 5s", "between_tokens: 5s, total: 1s"))
    began = time.time()
    a = s.chat("p/m", messages=[{"role": "user", "content": "z" * 5000}])
    assert a.status == 504, a.body
    assert time.time() - began < 4 * SLOWER
    assert s.chat("p/small", messages=[]).status == 200
    assert len(p.connections) == 1
    assert until(lambda: CANCEL in p.connections[0].reset.values())
    assert s.stop() == 0


def test_what_waits_to_be_sent_outlives_no_call(w):
    """A flood ends the connection while a body fills the socket and a header waits behind it; when
    the provider reads on, both calls are long gone."""
    p, s = provider(setting(INITIAL_WINDOW, 1 << 30))
    waits, floods, over = threading.Event(), threading.Event(), threading.Event()

    def opened(c, i):
        if len(p.connections) > 1:
            return
        c.send(frame(WINDOW, 0, 0, b"\x3f\0\0\0"))
        waits.set()
        floods.wait(10)
        c.send(frame(PING, 0, 0, b"12345678") * 2000)
        over.wait(10)
    p.opened = opened

    def ask_one(i):
        if i == 0:
            return s.chat("p/big", messages=[{"role": "user", "content": "z" * (6 << 20)}]).status
        waits.wait(10)
        time.sleep(0.3)  # the socket is full
        threading.Timer(0.3, floods.set).start()
        return s.chat("p/small").status
    assert at_once(2, ask_one) == [200, 200]
    over.set()
    assert until(lambda: p.connections[0].closed)
    assert 0 < len(p.connections[0].bodies[1]) < 6 << 20
    assert p.counts == {"big": 1, "small": 1}
    assert s.chat("p/m").status == 200
    assert s.stop() == 0


def test_an_answer_before_the_body_was_read(w):
    p, s = provider(setting(INITIAL_WINDOW, 100))
    p.opens = False

    def early(c, i):
        c.whole(i, b'{"error":{"message":"too large"}}', status="413")
        c.refuse(i, NO_ERROR)
    p.opened = early
    a = s.chat("p/m", messages=[{"role": "user", "content": "z" * 50000}])
    assert (a.status, a.error()["message"]) == (413, "too large"), a.body
    assert s.stop() == 0


def test_paths_that_are_streamed_through(w):
    p = Http2Provider()
    s = Sluice(CONFIG % p.port + "default_provider: p\n")
    seen = []

    def answer(c, i, body, n):
        seen.append(body)
        c.whole(i, body)
    p.answers["m"] = answer
    big = json.dumps({"model": "m", "prompt": "x" * (1 << 20)}).encode()
    a = s.request("POST", "/v1/tokenize", big)
    assert a.status == 200 and a.body == big
    pieces = b"".join(b"%x\r\n%s\r\n" % (len(big[at:at + 70000]), big[at:at + 70000])
                      for at in range(0, len(big), 70000))
    a = Answer(s.send(b"POST /v1/tokenize HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
                      b"Authorization: Bearer %s\r\nTransfer-Encoding: chunked\r\n\r\n"
                      % KEY.encode() + pieces + b"0\r\n\r\n"))
    assert a.status == 200 and a.body == big
    assert seen == [big, big]
    assert s.stop() == 0


# ---- what was not processed goes out again ----

def test_refused_streams_go_out_again(w):
    p, s = provider()
    p.answers["once"] = lambda c, i, b, n: c.refuse(i, REFUSED) if n == 1 else c.whole(i)
    p.answers["always"] = lambda c, i, b, n: c.refuse(i, REFUSED)
    a = s.chat("p/once")
    assert a.status == 200 and p.counts["once"] == 2
    assert s.turn(a)["input"] == 8  # billed once, by the provider's count
    calls = s.rows("SELECT count(*) FROM calls")[0][0]
    assert calls == 1
    a = s.chat("p/always")
    assert a.status == 502 and a.error()["code"] == "connection_reset", a.body
    assert p.counts["always"] == 9  # three tries, each of them three times
    row = s.turn(a)
    assert row["input"] in (0, None) and row["output"] in (0, None), row  # never sent
    assert s.alive() and s.stop() == 0


def test_goaway_in_the_middle(w):
    """The stream that it names goes on, the one behind it goes out again elsewhere."""
    p, s = provider()
    go = threading.Event()

    def first(c, i, body, n):
        events(c, i, [b"a"], before=lambda: go.wait(10))

    def second(c, i, body, n):
        if n > 1:
            c.whole(i)
        else:
            c.go_away(i - 2)
    p.answers.update(first=first, second=second)
    conn = ask(s, "p/first", stream=True)
    assert until(lambda: p.at_once == 1)
    a = s.chat("p/second")
    assert a.status == 200 and p.counts["second"] == 2
    assert len(p.connections) == 2
    go.set()
    answer = b""
    while piece := conn.recv(1 << 16):
        answer += piece
    assert Answer(answer).whole and DONE in answer
    assert p.counts["first"] == 1
    assert until(lambda: p.connections[0].closed)
    assert s.chat("p/third").status == 200
    assert len(p.connections) == 2
    assert s.stop() == 0


def test_goaway_on_every_connection(w):
    p, s = provider()
    p.answers["m"] = lambda c, i, b, n: c.go_away(0)
    a = s.chat("p/m")
    assert a.status == 502, a.body
    assert len(p.connections) <= 9
    assert s.turn(a)["input"] in (0, None)
    assert s.stop() == 0


def test_a_connection_that_breaks(w):
    """Before an answer another try may help, in a stream nothing does."""
    p, s = provider()

    def cut(c, i, body, n):
        if n == 1:
            c.s.shutdown(socket.SHUT_RDWR)
        else:
            c.whole(i)

    def cut_stream(c, i, body, n):
        events(c, i, [b"a"], before=lambda: (time.sleep(0.1), c.s.shutdown(socket.SHUT_RDWR)))
    p.answers.update(cut=cut, stream=cut_stream)
    a = s.chat("p/cut")
    assert a.status == 200 and p.counts["cut"] == 2
    a = s.chat("p/stream", stream=True)
    assert a.status == 200 and b"upstream_cut" in a.body, a.body
    assert p.counts["stream"] == 1
    assert s.chat("p/m").status == 200
    assert s.stop() == 0


# ---- answers that break HTTP/2 ----

def bad(w, answer, code="upstream_bad_http", more=()):
    """The answer is a fault of that name, and the next call goes well."""
    p, s = provider(bad=answer)
    a = s.chat("p/bad", **dict(more))
    assert a.status == 502 and a.error()["code"] == code, (a.status, a.body)
    assert p.counts["bad"] == 3  # tries
    assert s.chat("p/m").status == 200
    assert s.stop() == 0
    return p


def test_lengths_that_are_wrong(w):
    for data in (b"{}", b"{}  "):
        def answer(c, i, body, n, data=data):
            c.head(i, ("content-length", "3"))
            c.data(i, data, True)
        p = bad(w, answer)
        assert len(p.connections) == 1  # the stream's fault alone


def test_headers_that_are_wrong(w):
    for more in ([("Upper", "x")], [("connection", "close")], [("x", "a\nb")], [(":path", "/")],
                 [("a" * 70000, "x")], [(f"x{i}", "y") for i in range(300)]):
        def answer(c, i, body, n, more=more):
            block = fields((":status", "200"), *more)
            c.send(frame(HEADERS, END_STREAM, i, block[:9]))
            rest = block[9:]
            while len(rest) > 16000:
                c.send(frame(CONTINUATION, 0, i, rest[:16000]))
                rest = rest[16000:]
            c.send(frame(CONTINUATION, END_HEADERS, i, rest))
        bad(w, answer)


def test_a_reset_in_an_answer(w):
    def before(c, i, body, n):
        c.refuse(i, 2)

    def within(c, i, body, n):
        c.head(i)
        c.data(i, b"{")
        c.refuse(i, 2)
    p = bad(w, before, "upstream_cut")
    assert len(p.connections) == 1
    bad(w, within, "upstream_cut")


def test_floods_end_the_connection(w):
    def settings(c, i, body, n):
        c.send(frame(SETTINGS, 0, 0) * 5000)

    def pings(c, i, body, n):
        c.send(frame(PING, 0, 0, b"12345678") * 5000)

    def empty(c, i, body, n):
        c.head(i)
        c.send(frame(DATA, 0, i) * 5000)

    def continued(c, i, body, n):
        c.send(frame(HEADERS, 0, i, field(":status", "200")))
        for _ in range(3000):
            c.send(frame(CONTINUATION, 0, i, field("x", "y" * 1000)))

    def interim(c, i, body, n):
        c.send(frame(HEADERS, END_HEADERS, i, field(":status", "103")) * 50000)

    def goaways(c, i, body, n):
        c.send(frame(GOAWAY, 0, 0, b"\x7f\xff\xff\xff" + b"\0" * 4) * 5000)

    def pushed(c, i, body, n):
        c.send(frame(PUSH, END_HEADERS, i, b"\0\0\0\2" + field(":path", "/")))

    def window(c, i, body, n):
        c.send(frame(WINDOW, 0, 0, b"\x7f\xff\xff\xff") * 2)
    for flood in (settings, pings, empty, continued, interim, goaways, pushed, window):
        p, s = provider(bad=flood)
        began = time.time()
        a = s.chat("p/bad")
        assert a.status == 502, (flood.__name__, a.status, a.body)
        assert time.time() - began < 4 * SLOWER, flood.__name__
        if flood is not interim:  # which is its stream's fault alone
            assert until(lambda: all(c.closed for c in p.connections)), flood.__name__
        assert s.chat("p/m").status == 200, flood.__name__
        with open(f"/proc/{s.process.pid}/status", encoding="utf-8") as f:
            peak = int(next(line for line in f if line.startswith("VmHWM")).split()[1])
        assert peak < (64 << 10) * SLOWER, (flood.__name__, peak)  # KiB
        assert s.stop() == 0


def test_trailers_and_interim_answers_are_passed_over(w):
    def answer(c, i, body, n):
        c.send(frame(HEADERS, END_HEADERS, i, fields((":status", "103"), ("link", "x"))))
        c.head(i)
        c.data(i, WHOLE)
        c.send(frame(HEADERS, END_HEADERS | END_STREAM, i, fields(("x-trailer", "t"))))
    w.p.answers["m"] = answer
    a = w.sluice.chat("p/m")
    assert a.status == 200 and a.body == WHOLE
    assert "x-trailer" not in a.headers and "link" not in a.headers


def test_a_server_of_http1_is_a_fault(w):
    p = Provider()
    s = Sluice((CONFIG % p.port).replace("connect: 2s", "connect: 1s"))
    a = s.chat("p/m")
    assert a.status >= 502, a.body
    assert s.stop() == 0


# ---- sluice behind sluice: TLS and ALPN ----

def chain(w, mode=""):
    """A front that reaches a provider of HTTP/1.1 through a back that serves TLS."""
    if not hasattr(w, "back"):
        authority(w.folder, "ca")
        certificate(w.folder, "ca", "server")
        w.p1 = Provider()
        w.p1.answers = Always(answer_ok)
        w.back = Sluice(BACK % (w.folder, w.folder, w.p1.port), wait=True)
    return Sluice(FRONT % (w.back.port, mode, w.folder))


def test_alpn_and_headers(w):
    s = chain(w)
    a = s.chat("back/m", headers={"OpenAI-Beta": "b1", "TE": "trailers", "X-Up": "q"})
    assert a.status == 200 and a.body == WHOLE
    head = w.p1.seen[-1][0].lower()
    assert b"openai-beta: b1" in head and b"\r\nte:" not in head
    answers = at_once(50, lambda i: s.chat("back/m", user=f"u{i}"))
    assert all(a.status == 200 for a in answers)
    assert connections_to(s, w.back.port) == 1
    told(s, opened=1, http2=1)
    assert doctor_says(s) == "its certificate is good, HTTP/2"
    assert s.stop() == 0


def told(s, opened, http2):
    """What /metrics and /admin/upstreams say of the protocols that were agreed on."""
    text = s.request("GET", "/metrics", port=s.admin_port).body.decode()
    said = dict(re.findall(r'^sluice_upstream_protocol_connections_total'
                           r'\{.*protocol="(.*)"\} (\d+)$', text, re.M))
    assert said == {"HTTP/1.1": str(opened - http2), "HTTP/2": str(http2)}, said
    (up,) = s.request("GET", "/admin/upstreams", port=s.admin_port).json()["upstreams"]
    assert (up["connections_opened"], up["of_them_http2"]) == (opened, http2), up


def doctor_says(s):
    done = subprocess.run([SLUICE, "doctor", "--json", "--config", s.file], env=s.environment,
                          cwd=s.folder, stdout=subprocess.PIPE, check=False, timeout=30)
    (found,) = [f for f in json.loads(done.stdout)["findings"] if f["check"] == "connection"]
    assert found["verdict"] == "ok", found
    return found["text"]


def connections_to(s, port):
    """Established ones of that process, as the kernel has them."""
    inodes = set()
    for fd in os.listdir(f"/proc/{s.process.pid}/fd"):
        try:
            link = os.readlink(f"/proc/{s.process.pid}/fd/{fd}")
        except OSError:
            continue
        if link.startswith("socket:["):
            inodes.add(link[8:-1])
    n = 0
    for name in ("tcp", "tcp6"):
        with open(f"/proc/net/{name}", encoding="utf-8") as f:
            for line in list(f)[1:]:
                words = line.split()
                n += (words[9] in inodes and words[3] == "01"
                      and int(words[2].split(":")[1], 16) == port)
    return n


def test_http1_where_it_is_off(w):
    s = chain(w, "http2: off,")
    answers = at_once(8, lambda i: s.chat("back/m"))
    assert all(a.status == 200 for a in answers)
    opened = connections_to(s, w.back.port)
    assert 1 < opened <= 8
    told(s, opened, http2=0)
    assert doctor_says(s) == "its certificate is good, HTTP/1.1"
    assert s.stop() == 0


class TlsProvider(Provider):
    """Of HTTP/1.1."""

    def __init__(self, context):
        super().__init__()
        self.context = context

    def _serve(self, conn):
        try:
            super()._serve(self.context.wrap_socket(conn, server_side=True))
        except OSError:
            conn.close()


def test_alpn_falls_back(w):
    """A server of TLS that knows HTTP/1.1 only, or no ALPN at all."""
    chain(w).stop()
    for alpn in (["http/1.1"], None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"{w.folder}/server.pem", f"{w.folder}/server.key")
        if alpn:
            context.set_alpn_protocols(alpn)
        p = TlsProvider(context)
        for mode, good in (("", True), ("http2: on,", False)):
            s = Sluice(FRONT % (p.port, mode, w.folder))
            a = s.chat("back/m")
            assert (a.status == 200) == good, (alpn, mode, a.status, a.body)
            if good:
                assert a.body == WHOLE
            else:
                assert a.error()["code"] in ("upstream_bad_http", "tls_failed"), a.body
            assert s.stop() == 0


def test_reload_with_calls_under_way(w):
    """The old connection ends with its last call, and the new settings hold for the next."""
    p, s = provider()
    go = threading.Event()
    p.answers["m"] = lambda c, i, b, n: events(c, i, [b"a"], before=lambda: go.wait(10))
    conn = ask(s, "p/m", stream=True)
    assert until(lambda: p.at_once == 1)
    s.write((CONFIG % p.port).replace("idle: 3s", "idle: 4s"))
    s.process.send_signal(signal.SIGHUP)
    assert until(lambda: s.chat("p/next").status == 200 and len(p.connections) == 2)
    assert not p.connections[0].closed
    go.set()
    answer = b""
    while piece := conn.recv(1 << 16):
        answer += piece
    assert Answer(answer).whole and DONE in answer
    assert until(lambda: p.connections[0].closed)
    assert s.stop() == 0
