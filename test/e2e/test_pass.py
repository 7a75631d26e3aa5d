"""What passes through: bytes, headers, usage, costs."""

import hashlib
import json
import re
import socket
import threading
import time
from types import SimpleNamespace

from world import (DONE, KEY, Provider, Sluice, USAGE, WHOLE, answer_ok, chunk, delta, raw, read_all,
                   stream, whole, STREAM_HEAD)

CONFIG = """
listen: 127.0.0.1:@PORT@
state: {ledger: "sqlite:@FOLDER@/ledger.db"}
providers:
  p: {base_url: "http://127.0.0.1:%d/v1", key: upstream-key}
  rough: {base_url: "http://127.0.0.1:%d/v1", key: upstream-key, stream_usage: estimate}
  listed: {base_url: "http://127.0.0.1:%d/v1", prices: openai}
  token:
    base_url: "http://127.0.0.1:%d/v1"
    key: upstream-token
    key_header: X-Api-Token
    headers: {X-Team: ours}
default_provider: p
models:
  alias: {is: p/real-name}
  tuned: {is: p/real-name, params: {temperature: 0.5, top_p: 1}}
lanes:
  cheap: [{is: p/real-name, reasoning_effort: low}]
prices:
  p/real-name: {input: 1, cached: 0.1, output: 10, reasoning: 20}
keys:
  require: true
  declared:
    app: {secret: "${TEST_KEY}", tenant: shop}
"""


def open_world():
    p = Provider()
    return SimpleNamespace(p=p, sluice=Sluice(CONFIG % ((p.port,) * 4)))


def post(w, body, path="/v1/chat/completions", headers=None):
    return w.sluice.request("POST", path, body, headers)


def sent(w):
    return w.p.seen[-1]


def header(head, name):
    found = [line.split(b":", 1)[1].strip() for line in head.split(b"\r\n")[1:]
             if line.split(b":", 1)[0].lower() == name]
    return found[0] if found else None


def test_body_is_untouched(w):
    body = (b'{ "messages" : [ {"role":"user","content":"caf\\u00e9 \xc3\xa9 1.50"} ],\n'
            b'\t"model":"real-name" , "x_unknown": 1e2, "seed":12345678901234567890 }')
    a = post(w, body)
    assert a.status == 200 and a.body == WHOLE, a.body
    assert sent(w)[1] == body


def test_only_the_name_changes(w):
    body = b'{"model" : "al\\u0069as", "messages":[{"role":"user","content":"\\"model\\": \\"alias\\""}]}'
    a = post(w, body)
    assert a.status == 200 and a.body == WHOLE
    assert sent(w)[1] == body.replace(b'"al\\u0069as"', b'"real-name"')
    assert a.headers["x-sluice-model"] == "p/real-name"


def test_usage_and_cost(w):
    a = w.sluice.chat("alias", headers={"x-sluice-tags": "t1,t2", "x-sluice-task": "job-7"})
    # 8 input at 1, 12 cached at 0.1, 5 output at 10, 2 reasoning at 20 dollars a million
    assert a.headers["x-sluice-cost-usd"] == "0.0000992", a.headers
    t = w.sluice.turn(a)
    assert (t["input"], t["cached"], t["output"], t["reasoning"]) == (8, 12, 5, 2), t
    assert t["counted"] == "provider" and t["cost_usd_nanos"] == 99200
    assert (t["key"], t["tenant"], t["tags"], t["task"]) == ("app", "shop", "t1,t2", "job-7")


def test_counts_that_cannot_be_are_none(w):
    for n, counted in ((10 ** 9 - 10, "provider"), (10 ** 9, "estimate"), (10 ** 12, "estimate")):
        w.p.answers["real-name"] = raw(whole(WHOLE.replace(b'"prompt_tokens": 20', b'"prompt_tokens": %d' % n)))
        t = w.sluice.turn(w.sluice.chat("alias"))
        assert t["counted"] == counted, t
        assert (t["input"] < 10 ** 6) == (counted == "estimate"), t
    del w.p.answers["real-name"]


def test_sound_is_not_billed_as_text(w):
    for to, counts, cost in (("prompt", b'"audio_tokens": 0', 99200), ("prompt", b'"audio_tokens": 4', None),
                             ("prompt", b'"image_tokens": 4', 99200), ("completion", b'"audio_tokens": 1', None),
                             ("completion", b'"image_tokens": 1', None)):
        at = f'"{to}_tokens_details": {{'.encode()
        w.p.answers["real-name"] = raw(whole(WHOLE.replace(at, at + counts + b", ")))
        t = w.sluice.turn(w.sluice.chat("alias"))
        assert (t["counted"], t["cost_usd_nanos"]) == ("provider", cost), (to, counts, t)
    del w.p.answers["real-name"]


def test_unknown_price_is_null(w):
    a = w.sluice.chat("no-such-price-xyz")
    assert "x-sluice-cost-usd" not in a.headers
    assert w.sluice.turn(a)["cost_usd_nanos"] is None


def test_listed_prices_are_for_whom_the_list_knows(w):
    """A server at home may call its model like a famous one."""
    assert w.sluice.turn(w.sluice.chat("gpt-5-mini"))["cost_usd_nanos"] is None
    a = w.sluice.chat("listed/gpt-5-mini")
    assert w.sluice.turn(a)["cost_usd_nanos"] == 8 * 250 + 12 * 25 + 7 * 2000, a.headers


def test_params_fill_in_what_is_missing(w):
    body = b'{"model":"tuned","messages":[],"temperature":0}'
    post(w, body)
    got = json.loads(sent(w)[1])
    assert got["temperature"] == 0 and got["top_p"] == 1 and got["model"] == "real-name"


def test_lane(w):
    a = w.sluice.chat("lane/cheap")
    assert a.headers["x-sluice-lane"] == "cheap"
    assert json.loads(sent(w)[1])["reasoning_effort"] == "low"
    assert w.sluice.turn(a)["lane"] == "cheap"


def test_headers(w):
    w.sluice.chat("alias", headers={
        "OpenAI-Organization": "org-1", "Idempotency-Key": "i1", "traceparent": "00-a-b-01",
        "Cookie": "secret=1", "x-sluice-task": "t", "X-Api-Key": "other", "X-Forwarded-For": "1.2.3.4",
        "Accept-Encoding": "gzip", "X-Stainless-Lang": "python"})
    head = sent(w)[0]
    assert header(head, b"authorization") == b"Bearer upstream-key"
    assert header(head, b"openai-organization") == b"org-1"
    own = hashlib.sha256(b"4:shopi1").hexdigest()  # so that no other tenant's is the same
    assert header(head, b"idempotency-key") == own.encode()
    assert header(head, b"traceparent") == b"00-a-b-01"
    assert header(head, b"x-stainless-lang") == b"python"
    assert header(head, b"accept-encoding") == b"identity"
    assert header(head, b"host") == b"127.0.0.1:%d" % w.p.port
    for name in (b"cookie", b"x-sluice-task", b"x-api-key", b"x-forwarded-for"):
        assert header(head, name) is None, name
    assert KEY.encode() not in head


def test_the_configurations_headers_replace_the_clients(w):
    w.sluice.chat("token/x", headers={"x-api-token": "theirs", "X-TEAM": "theirs", "X-Else": "1"})
    head = sent(w)[0]
    names = [line.split(b":")[0].lower() for line in head.split(b"\r\n")[1:]]
    assert len(names) == len(set(names)), head
    assert header(head, b"x-api-token") == b"upstream-token"
    assert header(head, b"x-team") == b"ours" and header(head, b"x-else") == b"1"


def test_answer_headers(w):
    w.p.answers["hdr"] = lambda c, h, b, n: c.sendall(whole(headers=(
        "x-request-id: req-9", "x-ratelimit-remaining-requests: 5", "Set-Cookie: a=b",
        "Connection: keep-alive", "x-sluice-cost-usd: 999")))
    a = w.sluice.chat("hdr")
    assert a.headers["x-request-id"] == "req-9"
    assert a.headers["x-ratelimit-remaining-requests"] == "5"
    assert "set-cookie" not in a.headers
    assert a.headers.get("x-sluice-cost-usd") != "999"


EVENTS = (delta(b"He", b',"usage":null'), b": ping\n\n", delta(b"llo", b',"usage":null'),
          delta(b"", b',"usage":null', b'"stop"'), USAGE, DONE)
PLAIN = (delta(b"He"), b": ping\n\n", delta(b"llo"), delta(b"", b"", b'"stop"'), DONE)


def test_stream_without_usage_asked(w):
    w.p.answers["s1"] = stream(*EVENTS)
    a = w.sluice.chat("s1", stream=True)
    assert a.status == 200 and a.whole and a.body == b"".join(PLAIN), a.body
    assert json.loads(sent(w)[1])["stream_options"] == {"include_usage": True}
    t = w.sluice.turn(a)
    assert (t["input"], t["output"], t["counted"], t["state"]) == (11, 3, "provider", "done")


def test_stream_with_usage_asked(w):
    w.p.answers["s2"] = stream(*EVENTS)
    body = b'{"model":"s2","stream":true,"stream_options":{"include_usage":true},"messages":[]}'
    a = post(w, body)
    assert a.body == b"".join(EVENTS)
    assert sent(w)[1] == body


def test_stream_options_are_kept(w):
    w.p.answers["s3"] = stream(*EVENTS)
    post(w, b'{"model":"s3","stream":true,"stream_options":{ "x": 1 , "include_usage" : false},"messages":[]}')
    assert json.loads(sent(w)[1])["stream_options"] == {"x": 1, "include_usage": True}
    post(w, b'{"model":"s3","stream":true,"stream_options":null,"messages":[]}')
    assert json.loads(sent(w)[1])["stream_options"] == {"include_usage": True}
    post(w, b'{"model":"s3","stream":true,"stream_options":{"x":1},"messages":[]}')
    assert json.loads(sent(w)[1])["stream_options"] == {"x": 1, "include_usage": True}


def test_stream_usage_estimated(w):
    w.p.answers["s4"] = stream(*PLAIN)
    a = w.sluice.chat("rough/s4", stream=True)
    assert a.body == b"".join(PLAIN)
    assert "stream_options" not in json.loads(sent(w)[1])
    t = w.sluice.turn(a)
    assert t["counted"] == "estimate" and t["output"] == 2 and t["input"] > 0, t


def test_events_split_anywhere(w):
    data = b"".join(EVENTS)

    def dribble(conn, head, body, n):
        conn.sendall(STREAM_HEAD)
        for i in range(0, len(data), 7):
            conn.sendall(chunk(data[i:i + 7]))
        conn.sendall(b"0\r\n\r\n")
    w.p.answers["s5"] = dribble
    assert w.sluice.chat("s5", stream=True).body == b"".join(PLAIN)


def test_first_event_is_not_held_back(w):
    w.p.answers["s6"] = stream(delta(b"a"), delta(b"b", b"", b'"stop"'), DONE, pause=0.4)
    body = b'{"model":"s6","stream":true,"messages":[]}'
    with socket.create_connection(("127.0.0.1", w.sluice.port)) as s:
        began = time.time()
        s.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer "
                  + KEY.encode() + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        data = s.recv(65536)
        while b"data: " not in data:
            data += s.recv(65536)
        assert time.time() - began < 0.3
        assert b'"a"' in data and b'"b"' not in data
        s.settimeout(5)
        while b"[DONE]" not in data:
            data += s.recv(65536)


def test_stream_asked_whole_answered(w):
    w.p.answers["s7"] = answer_ok
    a = w.sluice.chat("s7", stream=True)
    assert a.status == 200 and a.body == WHOLE


def test_completions_and_embeddings(w):
    a = post(w, b'{"model":"alias","prompt":"x"}', "/v1/completions")
    assert a.status == 200 and sent(w)[0].startswith(b"POST /v1/completions ")
    a = post(w, b'{"model":"alias","input":["x"]}', "/openai/v1/embeddings")
    assert a.status == 200 and sent(w)[0].startswith(b"POST /v1/embeddings ")


def test_models(w):
    a = w.sluice.request("GET", "/v1/models")
    assert {m["id"] for m in a.json()["data"]} == {"alias", "tuned", "lane/cheap"}
    assert w.sluice.request("GET", "/v1/models/alias").json()["owned_by"] == "p"


def test_relay_streams_both_ways(w):
    w.p.answers["/v1/audio/transcriptions?x=1"] = lambda c, h, b, n: c.sendall(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: 300000\r\n\r\n" + b"z" * 300000)
    sound = bytes(range(256)) * 4000
    a = w.sluice.request("POST", "/v1/audio/transcriptions?x=1", sound, {"Content-Type": "audio/wav"})
    assert a.status == 200 and a.body == b"z" * 300000
    assert sent(w)[1] == sound
    t = w.sluice.turn(a)
    assert t["cost_usd_nanos"] is None and t["state"] == "done"


def test_an_early_answer_of_who_reads_no_more(w):
    door = socket.create_server(("127.0.0.1", 0))
    door.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    answer = whole(b'{"error":{"message":"too long"}}', "413 Payload Too Large")
    kept = []

    def refuse():
        for _ in range(3):
            conn = door.accept()[0]
            kept.append(conn)
            conn.recv(1000)
            conn.sendall(answer)

    threading.Thread(target=refuse, daemon=True).start()
    sluice = Sluice(CONFIG % ((door.getsockname()[1],) * 4))
    body = b"x" * (32 << 20)
    for how in (b"Content-Length: %d\r\n\r\n" % len(body), b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(body)):
        with socket.create_connection(("127.0.0.1", sluice.port), 10) as s:
            s.sendall(b"POST /v1/audio/transcriptions HTTP/1.1\r\nHost: a\r\nContent-Type: audio/wav\r\n"
                      b"Authorization: Bearer " + KEY.encode() + b"\r\n" + how)

            def send(s=s):
                try:
                    s.sendall(body)
                except OSError:
                    pass

            threading.Thread(target=send, daemon=True).start()
            assert s.recv(1000).startswith(b"HTTP/1.1 413"), how
    chat = {"model": "alias", "messages": [{"role": "user", "content": "x" * (16 << 20)}]}
    a = sluice.request("POST", "/v1/chat/completions", chat)
    assert a.status == 413 and a.error()["message"] == "too long", (a.status, a.body)
    door.close()
    assert sluice.stop() == 0


def test_a_slow_reader_that_says_it_is_at_work(w):
    """A 1xx ahead of the end of a long request is no answer to it."""
    door = socket.create_server(("127.0.0.1", 0))
    door.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    took = []

    def answer_at_last():
        conn = door.accept()[0]
        data = conn.recv(65536)
        conn.sendall(b"HTTP/1.1 102 Processing\r\n\r\n")
        head, _, rest = data.partition(b"\r\n\r\n")
        left = int(re.search(rb"(?i)content-length: (\d+)", head)[1]) - len(rest)
        while left > 0:
            time.sleep(0.1)
            for _ in range(16):
                left -= len(conn.recv(min(65536, left))) if left > 0 else 0
        took.append(True)
        conn.sendall(whole())
        conn.recv(10)

    threading.Thread(target=answer_at_last, daemon=True).start()
    sluice = Sluice(CONFIG % ((door.getsockname()[1],) * 4))
    began = time.time()
    a = sluice.chat("alias", messages=[{"role": "user", "content": "x" * (16 << 20)}])
    assert a.status == 200 and took, (a.status, a.body)
    assert time.time() - began > 1.5  # long enough for the case to be one
    door.close()
    assert sluice.stop() == 0


def test_stateful_paths_are_closed(w):
    for path in ("/v1/files", "/v1/batches/b1", "/v1/responses/r1/x", "/v1/threads/x/messages"):
        a = w.sluice.request("POST", path, b"{}")
        assert a.status == 403 and "stateful" in a.error()["message"], (path, a.body)


def test_keep_alive_and_pipelining(w):
    body = b'{"model":"alias","messages":[]}'
    one = (b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer "
           + KEY.encode() + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    with socket.create_connection(("127.0.0.1", w.sluice.port)) as s:
        s.sendall(one * 5)
        data = read_all(s, 1.0)
    assert data.count(b"HTTP/1.1 200 OK") == 5 and data.count(WHOLE) == 5


def test_head_and_expect(w):
    data = w.sluice.send(b"HEAD /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert data.startswith(b"HTTP/1.1 200") and data.endswith(b"\r\n\r\n")
    body = b'{"model":"alias","messages":[]}'
    with socket.create_connection(("127.0.0.1", w.sluice.port)) as s:
        s.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                  b"Expect: 100-continue\r\nAuthorization: Bearer " + KEY.encode() +
                  b"\r\nContent-Length: %d\r\n\r\n" % len(body))
        assert s.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        s.sendall(body)
        assert read_all(s, 5).startswith(b"HTTP/1.1 200")
