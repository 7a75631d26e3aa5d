"""How streams begin, pause and end, where a provider takes liberties."""

import json
import socket
import time
from types import SimpleNamespace

from world import DONE, Provider, Sluice, STREAM_HEAD, chunk, delta, read_all, stream

CONFIG = """
listen: 127.0.0.1:@PORT@
state: {ledger: "sqlite:@FOLDER@/ledger.db"}
providers:
  p:
    base_url: "http://127.0.0.1:%d/v1"
    key: upstream-secret
    timeouts: {first_token: 1s, between_tokens: 2s, connect: 1s}
retry: {attempts: 2, wait_min: 10ms, wait_max: 20ms}
"""


def open_world():
    p = Provider()
    return SimpleNamespace(p=p, sluice=Sluice(CONFIG % p.port))


def chat(w, model, **more):
    return w.sluice.chat(model, key=None, stream=True, **more)


def request_bytes(model):
    body = b'{"model":"%s","stream":true,"messages":[]}' % model
    return (b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
            b"Content-Length: %d\r\n\r\n" % len(body) + body)


WORDS = (delta(b"a"), delta(b"", b"", b'"stop"'))


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
