"""How streams begin, pause and end, where a provider takes liberties."""

import json
import socket
import time
from types import SimpleNamespace

from world import DONE, Provider, Sluice, STREAM_HEAD, answer_ok, chunk, delta, stream

CONFIG = """
listen: 127.0.0.1:@PORT@
admin_listen: 127.0.0.1:@ADMIN@
state: {ledger: "sqlite:@FOLDER@/ledger.db"}
providers:
  p:
    base_url: "http://127.0.0.1:%d/v1"
    key: upstream-secret
    timeouts: {first_token: 1s, between_tokens: 2s, connect: 1s}
  thinker:
    base_url: "http://127.0.0.1:%d/v1"
    timeouts: {first_token: 5s, between_tokens: 500ms}
default_provider: p
retry: {attempts: 2, wait_min: 10ms, wait_max: 20ms}
"""


def open_world():
    p = Provider()
    return SimpleNamespace(p=p, sluice=Sluice(CONFIG % (p.port, p.port)))


def chat(w, model, **more):
    return w.sluice.chat(model, key=None, stream=True, **more)


def request_bytes(model):
    body = b'{"model":"%s","stream":true,"messages":[]}' % model
    return (b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
            b"Content-Length: %d\r\n\r\n" % len(body) + body)


WORDS = (delta(b"a"), delta(b"", b"", b'"stop"'))


def events_of(a):
    return [line[6:] for line in a.body.decode().split("\n") if line.startswith("data: ")]


# ---- the first token ----

ROLE = (b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":'
        b'[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}\n\n')


def thinks(seconds):
    """A role at once, as most servers send it, and a pause before the first word."""
    def answer(conn, head, body, n):
        conn.sendall(STREAM_HEAD + chunk(ROLE))
        time.sleep(seconds)
        conn.sendall(chunk(b"".join(WORDS) + DONE) + b"0\r\n\r\n")
    return answer


def test_first_token_is_the_first_content(w):
    w.p.answers["thinks"] = thinks(0.4)
    a = chat(w, "thinks")
    assert a.body == ROLE + b"".join(WORDS) + DONE
    w.sluice.turn(a)
    turn_id = a.headers["x-sluice-id"]
    for table, column in (("turns", "id"), ("calls", "turn")):
        first, total = w.sluice.rows(f"SELECT first_us, total_us FROM {table} WHERE {column} = ?",
                                     turn_id)[0]
        assert 400000 <= first <= total, (table, first, total)
    a = w.sluice.request("GET", "/metrics", key=None, port=w.sluice.admin_port)
    assert b"sluice_first_token_seconds" in a.body


def test_time_to_the_first_token_is_limited(w):
    w.p.answers["thinks2"] = thinks(1.5)  # longer than first_token, shorter than between_tokens
    a = chat(w, "thinks2")
    last = json.loads(events_of(a)[-1])["error"]
    assert last["code"] == "upstream_stalled" and "first_token" in last["message"], last


def test_thinking_is_no_pause_between_tokens(w):
    w.p.answers["thinks3"] = thinks(1.0)  # shorter than first_token, longer than between_tokens
    a = chat(w, "thinker/thinks3")
    assert a.whole and a.body == ROLE + b"".join(WORDS) + DONE, a.body


# ---- what is no token ----

KEEPERS = (b": OPENROUTER PROCESSING\n\n", b"event: ping\ndata: not JSON\n\n", b"data:\n\n",
           b'event: ping\ndata: {"type":"ping"}\n\n', b"event: ping\n\n")


def test_what_keeps_a_stream_open_goes_on(w):
    events = [part for word in WORDS for part in (*KEEPERS, word)] + [*KEEPERS, DONE]
    w.p.answers["keeps"] = stream(*events)
    a = chat(w, "keeps")
    assert a.whole and a.body == b"".join(events), a.body
    assert w.sluice.turn(a)["state"] == "done"


def test_pings_do_not_begin_an_answer(w):
    def fails_once(conn, head, body, n):
        good = (*KEEPERS, *WORDS, DONE)
        bad = (*KEEPERS, b"event: error\ndata: overloaded\n\n")
        return stream(*(bad if n == 1 else good))(conn, head, body, n)
    w.p.answers["pings"] = fails_once
    a = chat(w, "pings")
    assert a.status == 200 and a.body == b"".join((*KEEPERS, *WORDS, DONE)), a.body
    assert w.p.counts["pings"] == 2


# ---- the end ----

def test_done_ends_the_answer(w):
    """The provider keeps its stream open after [DONE]: the client does not wait for it."""
    closed = []

    def lingers(conn, head, body, n):
        conn.sendall(STREAM_HEAD + chunk(b"".join(WORDS) + DONE))
        conn.settimeout(5)
        began = time.time()
        if conn.recv(100) == b"":
            closed.append(time.time() - began)
        return "close"
    w.p.answers["lingers"] = lingers
    with socket.create_connection(("127.0.0.1", w.sluice.port)) as s:
        for _ in range(2):  # and the next request of the same connection does not wait either
            began = time.time()
            s.sendall(request_bytes(b"lingers"))
            data = b""
            s.settimeout(5)
            while not data.endswith(b"0\r\n\r\n"):
                data += s.recv(65536)
            assert time.time() - began < 0.5, time.time() - began
            assert DONE in data
    time.sleep(0.5)
    assert len(closed) == 2 and max(closed) < 1.5, closed  # nor is its connection kept


def reuses(w, model, pause):
    """Does a connection live on whose chunks end `pause` after [DONE]?"""
    def answer(conn, head, body, n):
        conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        data = STREAM_HEAD + chunk(b"".join(WORDS) + DONE)
        if pause == 0:
            conn.sendall(data + b"0\r\n\r\n")
            return
        conn.sendall(data)
        time.sleep(pause)
        conn.sendall(b"0\r\n\r\n")
    w.p.answers[model] = answer
    before = w.p.accepted
    for _ in range(4):
        a = chat(w, model)
        assert a.whole and a.body == b"".join(WORDS) + DONE, a.body
        time.sleep(pause * 2)
    return w.p.accepted - before


def test_connection_is_used_again(w):
    chat(w, "warm")
    assert reuses(w, "together", 0) <= 1


def test_connection_is_used_again_when_its_end_comes_apart(w):
    chat(w, "warm")
    assert reuses(w, "apart", 0.03) <= 1


def test_trailers_may_come_apart(w):
    """Split behind [DONE] at every byte: nobody waits for the rest, and nothing falls over it."""
    end = b"0\r\nX-Trailer: abc\r\n\r\n"
    for at in range(len(end) + 1):
        def apart(conn, head, body, n, at=at):
            conn.sendall(STREAM_HEAD + chunk(b"".join(WORDS) + DONE) + end[:at])
            time.sleep(0.02)
            try:
                conn.sendall(end[at:])
            except OSError:
                pass  # it was closed, as it may be
        w.p.answers["trailers"] = apart
        answer = chat(w, "trailers")
        assert answer.status == 200 and DONE in answer.body, (at, answer.body[-100:])
    time.sleep(0.05)
    assert chat(w, "warm").status == 200


def test_only_a_connection_that_ends_at_once_was_stale(w):
    """A provider that had the request and broke off later failed, and that has a row."""
    def breaks_off(conn, head, body, n):
        if n > 1:
            return answer_ok(conn, head, body, n)
        time.sleep(1.3)
        return "close"
    w.p.answers["breaks"] = breaks_off
    assert w.sluice.chat("thinker/warm", key=None).status == 200
    a = w.sluice.chat("thinker/breaks", key=None)
    assert a.status == 200
    w.sluice.turn(a)
    rows = w.sluice.rows("SELECT error, reused FROM calls WHERE turn = ? ORDER BY seq",
                         a.headers["x-sluice-id"])
    assert [row[0] for row in rows] == ["connection_reset", None], rows
    assert rows[0][1], rows  # it was a kept one
