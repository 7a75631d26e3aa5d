"""The ceiling over HTTP/2 streams: who is refused, that nobody else is, and what memory it holds."""

import json
import os
import signal
import socket
import struct
import threading
import time
from types import SimpleNamespace

from players import Always
from test_http2 import (ACK, CHAT, DATA, END_HEADERS, END_STREAM, HEADERS, PING, RST, SETTINGS,
                        Http2, frame, header)
from world import DONE, STREAM_HEAD, Provider, Sluice, answer_ok, chunk, delta

CONFIG = """
listen: 127.0.0.1:@PORT@
admin_listen: 127.0.0.1:@ADMIN@
state: {ledger: "sqlite:@FOLDER@/ledger.db"}
http: {write_timeout: 3s, %s}
drain: 500ms
providers:
  p: {base_url: "http://127.0.0.1:%d/v1", key: house}
"""
REFUSED_STREAM = 7
SANITIZED = os.environ.get("SLUICE_SLOWDOWN", "1") != "1"
STREAM_KB = 40  # a stream that waits for its body: about 15, whatever the machine


def open_world():
    w = SimpleNamespace(p=Provider())
    w.p.answers = Always(answer_ok)
    w.sluice = start(w, "streams: 100")
    return w


def start(w, http):
    sluice = Sluice(CONFIG % (http, w.p.port))
    sluice.port_plain = sluice.port
    return sluice


def metric(sluice, name):
    text = sluice.request("GET", "/metrics", port=sluice.admin_port).body.decode()
    return int(next(line for line in text.splitlines() if line.startswith(name + " ")).split()[1])


def resident_kb(sluice):
    with open(f"/proc/{sluice.process.pid}/status", encoding="ascii") as f:
        return int(next(line for line in f if line.startswith("VmRSS:")).split()[1])


def within(seconds, holds):
    end = time.time() + seconds
    while not holds():
        if time.time() > end:
            return False
        time.sleep(0.02)
    return True


def most_at_once(c):
    """What the server's SETTINGS say."""
    for kind, _, _, payload in c.frames():
        if kind == SETTINGS and payload:
            said = {struct.unpack(">HI", payload[at:at + 6])[0]: struct.unpack(">HI", payload[at:at + 6])[1]
                    for at in range(0, len(payload), 6)}
            return said[3]


def open_streams(sluice, n):
    """A connection with n requests, of which none has its body yet."""
    c = Http2(sluice)
    c.ids = [2 * i + 1 for i in range(n)]
    c.send(b"".join(frame(HEADERS, END_HEADERS, i, header()) for i in c.ids))
    c.send(frame(PING, 0, 0, b"12345678"))
    c.refused, answers = [], 0
    for kind, flags, stream_id, payload in c.frames():
        if kind == RST:
            assert struct.unpack(">I", payload)[0] == REFUSED_STREAM
            c.refused.append(stream_id)
        if kind == PING and flags & ACK:  # the first overtakes the refusals of its round
            answers += 1
            c.send(frame(PING, 0, 0, b"12345678"))
        if answers == 2:
            return c
    raise AssertionError("no answer to a PING")


def give_bodies(c, ids=None):
    """The streams that are answered with 200."""
    body = json.dumps(CHAT).encode()
    wanted = set(ids if ids is not None else c.ids)
    c.send(b"".join(frame(DATA, END_STREAM, i, body) for i in sorted(wanted)))
    served = set()
    for kind, flags, stream_id, payload in c.frames():
        assert kind != RST, (stream_id, payload)
        if kind == HEADERS:
            assert payload[0] == 0x88, payload[:20]  # :status 200, of the static table
        if kind == DATA and flags & END_STREAM:
            served.add(stream_id)
        if wanted <= served:
            break
    return served


def test_exactly_the_surplus_is_refused(w):
    before = metric(w.sluice, "sluice_client_streams_refused_total")
    clients = [open_streams(w.sluice, 50) for _ in range(4)]
    # Two fill the ceiling of 100 with the half that each may have; later ones get their one.
    assert [len(c.refused) for c in clients] == [0, 0, 49, 49]
    assert all(1 not in c.refused for c in clients)
    assert metric(w.sluice, "sluice_client_streams") == 102
    assert metric(w.sluice, "sluice_client_streams_refused_total") - before == 98
    for c in clients:
        taken = set(c.ids) - set(c.refused)
        assert give_bodies(c, taken) == taken
    assert metric(w.sluice, "sluice_client_streams") == 0
    # What was refused may be sent again, on the same connection.
    c = clients[3]
    c.chat(1001, CHAT)
    assert any(kind == DATA and flags & END_STREAM and stream_id == 1001
               for kind, flags, stream_id, _ in c.frames())


def test_streams_under_way_are_not_disturbed(w):
    go = threading.Event()

    def held(conn, head, body, n):
        conn.sendall(STREAM_HEAD + chunk(delta(b"one ")))
        go.wait(20)
        conn.sendall(chunk(delta(b"two", finish=b'"stop"')) + chunk(DONE) + b"0\r\n\r\n")
    w.p.answers = Always(held)
    clients = [Http2(w.sluice) for _ in range(2)]
    for c in clients:
        for i in range(50):
            c.chat(2 * i + 1, dict(CHAT, stream=True))
    assert within(10, lambda: w.sluice.alive() and metric(w.sluice, "sluice_client_streams") == 100)
    late = open_streams(w.sluice, 20)
    assert len(late.refused) == 19
    go.set()
    for c in clients:
        got = {}
        for kind, flags, stream_id, payload in c.frames():
            assert kind != RST, stream_id
            if kind == DATA:
                got[stream_id] = got.get(stream_id, b"") + payload
            if sum(b"[DONE]" in text for text in got.values()) == 50:
                break
        assert len(got) == 50 and all(b"one " in t and b"[DONE]" in t for t in got.values())
    w.p.answers = Always(answer_ok)


def test_nobody_is_kept_out(w):
    holding = [open_streams(w.sluice, 50) for _ in range(2)]
    assert w.sluice.chat("p/m").status == 200, "HTTP/1.1 has a ceiling of its own"
    c = Http2(w.sluice)
    for stream_id in (1, 3, 5):  # one after the other, as HTTP/1.1 would
        c.chat(stream_id, CHAT)
        for kind, flags, at, _ in c.frames():
            assert kind != RST, "a connection's only stream is always taken"
            if kind == DATA and flags & END_STREAM and at == stream_id:
                break
    assert c.send(b"") and len(holding) == 2


def test_a_reset_makes_room(w):
    c = open_streams(w.sluice, 50)
    other = open_streams(w.sluice, 50)
    c.send(b"".join(frame(RST, 0, i, struct.pack(">I", 8)) for i in c.ids))
    assert within(5, lambda: metric(w.sluice, "sluice_client_streams") == 50)
    other.s.close()
    assert within(5, lambda: metric(w.sluice, "sluice_client_streams") == 0)
    assert not open_streams(w.sluice, 50).refused


def test_the_setting(w):
    for http, most in (("streams: 100", 50), ("connections: 60", 30), ("streams: 1", 1),
                       ("headers: 100", 128)):
        sluice = start(w, http)
        try:
            assert most_at_once(Http2(sluice)) == most, http
        finally:
            sluice.stop()
    sluice = start(w, "streams: 10")
    try:
        old = Http2(sluice)
        sluice.write(CONFIG % ("streams: 40", w.p.port))
        sluice.process.send_signal(signal.SIGHUP)
        assert within(5, lambda: most_at_once(Http2(sluice)) == 20), sluice.log()
        assert not open_streams(sluice, 20).refused
        old.s.close()
    finally:
        sluice.stop()


def test_memory_stays_within_the_ceiling(w):
    sluice = start(w, "streams: 1000")
    try:
        held = [open_streams(sluice, 1)]
        before = resident_kb(sluice)
        held += [open_streams(sluice, 120) for _ in range(100)]
        assert sum(len(c.refused) for c in held) == 12001 - metric(sluice, "sluice_client_streams")
        grown = resident_kb(sluice) - before
        # 1,000 streams, 100 connections with about 30 KB, and their refusals
        assert grown < 1100 * STREAM_KB + 8000, grown
        taken = set(held[1].ids) - set(held[1].refused)
        assert len(taken) == 120 and give_bodies(held[1], taken) == taken
        assert sluice.chat("p/m").status == 200
    finally:
        sluice.stop()


def asks_and_takes_nothing(sluice, block):
    """Sends headers without end and reads nothing. How many went out, and was it cut off?"""
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    s.connect(("127.0.0.1", sluice.port))
    s.settimeout(15)
    sent = 0
    try:
        s.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0))
        while sent < 1500000:
            s.sendall(b"".join(frame(HEADERS, END_HEADERS, 2 * i + 1, block)
                               for i in range(sent, sent + 1000)))
            sent += 1000
        return sent, False
    except (ConnectionResetError, BrokenPipeError):
        return sent, True
    finally:
        s.close()


def test_what_a_client_is_owed_does_not_pile_up(w):
    sluice = start(w, "streams: 1")
    authority = b"\x41\x09127.0.0.1"  # every field of the static table, so that it is cheap to send
    refused = b"\x83\x84\x86" + authority
    wrong = refused + b"\0\x01X\x011"
    try:
        for block in (refused, wrong):
            before, most = resident_kb(sluice), 0
            done = []
            t = threading.Thread(target=lambda b=block: done.append(asks_and_takes_nothing(sluice, b)))
            t.start()
            while t.is_alive():
                most = max(most, resident_kb(sluice))
                time.sleep(0.05)
            if not SANITIZED:  # the address sanitizer keeps what was freed
                assert most - before < 16000, (most - before, done)
            assert done[0][1], f"{done[0][0]} headers, and it is still listened to"
            assert sluice.chat("p/m").status == 200
    finally:
        sluice.stop()
