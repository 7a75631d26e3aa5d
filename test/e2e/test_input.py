"""What clients may send, and what they are told about what they may not."""

import signal
import socket
import time
from types import SimpleNamespace

from world import Answer, KEY, Provider, Sluice, read_all

CONFIG = """
listen: 127.0.0.1:@PORT@
state: {ledger: "sqlite:@FOLDER@/ledger.db"}
http: {body_bytes: 64KiB, header_bytes: 8KiB, headers: 40, header_timeout: 500ms, body_timeout: 500ms}
providers:
  p: {base_url: "http://127.0.0.1:%d/v1"}
  q: {base_url: "http://127.0.0.1:%d/v1"}
models:
  fast-model: {is: p/a}
  smart-model: {is: q/b}
lanes: {cheap: [fast-model]}
keys:
  require: true
  declared:
    app: {secret: "${TEST_KEY}", models: ["fast-*", "lane/cheap"]}
    all: {secret: other-key}
"""


def open_world():
    p = Provider()
    config = CONFIG % (p.port, p.port)
    return SimpleNamespace(p=p, config=config, sluice=Sluice(config))


def raw_post(w, head, body=b""):
    return Answer(w.sluice.send(head + b"\r\n" + body, 3))


def refused(w, answer, status, code, word=""):
    assert answer.status == status, (answer.status, answer.body)
    assert answer.error()["code"] == code, answer.body
    assert word in answer.error()["message"], answer.body


def nothing_upstream(test):
    def checked(w):
        before = len(w.p.seen)
        test(w)
        assert len(w.p.seen) == before, "a refused request went upstream"
    checked.__name__ = test.__name__
    return checked


HEAD = (b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer "
        + KEY.encode() + b"\r\n")
BODY = b'{"model":"fast-model","messages":[]}'


@nothing_upstream
def test_unknown_names(w):
    refused(w, w.sluice.chat("fst-model", key="other-key"), 404, "model_not_found", "fast-model")
    refused(w, w.sluice.chat("lane/chep", key="other-key"), 404, "lane_not_found", "lane/cheap")
    refused(w, w.sluice.chat("auto", key="other-key"), 404, "model_not_found", "lane")


@nothing_upstream
def test_keys(w):
    refused(w, w.sluice.chat("fast-model", key=None), 401, "missing_api_key")
    refused(w, w.sluice.chat("fast-model", key="nonsense"), 401, "invalid_api_key")
    refused(w, w.sluice.chat("fast-model", key="sk-sluice-abc-def"), 401, "invalid_api_key")
    refused(w, w.sluice.chat("smart-model"), 403, "forbidden", "smart-model")
    twice = w.sluice.chat("fast-model", headers={"authorization": "Bearer other-key"})
    refused(w, twice, 400, "invalid_request", "'Authorization' stands twice")


@nothing_upstream
def test_anthropics_clients_are_told_in_their_own_way(w):
    for path in ("/v1/messages", "/v1/messages/count_tokens", "/anthropic/v1/models"):
        a = w.sluice.request("GET" if path.endswith("models") else "POST", path, {}, key=None)
        refused(w, a, 401, "missing_api_key", "'x-api-key: KEY'")
        assert a.json()["type"] == "error", a.body
    for path in ("/v1/v1/messages", "/anthropic/v1/none", "/anthropic/v2/messages", "/messages"):
        a = w.sluice.request("POST", path, {})
        refused(w, a, 404, "not_found")
        assert a.json()["type"] == "error", (path, a.body)
    for path, code in (("/v1/none", 404), ("/anthropical", 404), ("/v1/threads/t/messages", 403)):
        a = w.sluice.request("POST", path, {})
        assert a.status == code and "type" not in a.json(), (path, a.body)


@nothing_upstream
def test_json(w):
    post = lambda body: w.sluice.request("POST", "/v1/chat/completions", body)
    refused(w, post(b'{"model":'), 400, "invalid_json")
    refused(w, post(b'[]'), 400, "invalid_json")
    refused(w, post(b''), 400, "invalid_json")
    refused(w, post(b'\xff\xfe'), 400, "invalid_json")
    refused(w, post(b'{"model":"fast-model","messages":' + b"[" * 200 + b"]" * 200 + b"}"), 400,
            "invalid_json", "deep")
    refused(w, post(b'{"messages":[]}'), 400, "invalid_request", "model")
    refused(w, post(b'{"model":5,"messages":[]}'), 400, "invalid_request", "model")
    refused(w, post(b'{"model":"fast-model"}'), 400, "invalid_request", "messages")
    refused(w, post(b'{"model":"fast-model","messages":[],"stream":"yes"}'), 400, "invalid_request")
    refused(w, post(b'{"model":"fast-model","messages":[],"max_tokens":-1}'), 400,
            "invalid_request", "max_tokens")


@nothing_upstream
def test_duplicate_keys(w):
    for pair in (b'"model":"smart-model"', b'"stream":true,"stream":false',
                 b'"max_tokens":1,"max_tokens":9', b'"mod\\u0065l":"smart-model"',
                 b'"Model":"smart-model"'):
        body = b'{"model":"fast-model","messages":[],' + pair + b"}"
        refused(w, w.sluice.request("POST", "/v1/chat/completions", body), 400, "duplicate_key")


@nothing_upstream
def test_sizes(w):
    big = b'{"model":"fast-model","messages":["' + b"x" * 70000 + b'"]}'
    refused(w, w.sluice.request("POST", "/v1/chat/completions", big), 413, "body_too_large")
    chunked = raw_post(w, HEAD + b"Connection: close\r\nTransfer-Encoding: chunked\r\n",
                       (b"8000\r\n" + b"x" * 0x8000 + b"\r\n") * 3 + b"0\r\n\r\n")
    refused(w, chunked, 413, "body_too_large")
    refused(w, raw_post(w, HEAD + b"X-Big: " + b"y" * 9000 + b"\r\n"), 431, "headers_too_large")
    refused(w, raw_post(w, HEAD + b"X: y\r\n" * 60), 431, "headers_too_large")


@nothing_upstream
def test_smuggling(w):
    n = b"Content-Length: %d\r\n" % len(BODY)
    bad = [
        HEAD + n + b"Transfer-Encoding: chunked\r\n",
        HEAD + n + b"Content-Length: 5\r\n",
        HEAD + b"Content-Length: +5\r\n",
        HEAD + b"X: a\r\n folded\r\n" + n,
        HEAD + b"X : a\r\n" + n,
        HEAD + b"X: a\x00b\r\n" + n,
        HEAD.replace(b"\r\n", b"\n") + n.replace(b"\r\n", b"\n"),
        b"POST /v1/chat/completions HTTP/1.1\r\n" + n,
    ]
    for head in bad:
        a = raw_post(w, head, BODY)
        assert a.status == 400, (head, a.status, a.body)
        assert a.error()["type"] == "invalid_request_error"


@nothing_upstream
def test_chunks_that_lie(w):
    a = raw_post(w, HEAD + b"Transfer-Encoding: chunked\r\n", b"5\r\n{\"mod\r\nXX\r\n")
    assert a.status == 400, a.body


@nothing_upstream
def test_slow_loris(w):
    with socket.create_connection(("127.0.0.1", w.sluice.port)) as s:
        s.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: loc")
        began = time.time()
        data = read_all(s, 5)
        assert 0.3 < time.time() - began < 2
        assert data.startswith(b"HTTP/1.1 408"), data
    a = raw_post(w, HEAD + b"Content-Length: 100\r\n", b"{")
    assert a.status == 408, a.body


@nothing_upstream
def test_paths(w):
    refused(w, w.sluice.request("POST", "/v1/chat/completion", b"{}"), 404, "not_found",
            "/v1/chat/completions")
    refused(w, w.sluice.request("GET", "/v1/chat/completions"), 405, "method_not_allowed")
    refused(w, w.sluice.request("GET", "/metrics"), 403, "forbidden")
    refused(w, w.sluice.request("GET", "/admin/keys", key=None), 401, "missing_api_key")


def test_half_a_request_then_gone(w):
    for _ in range(20):
        s = socket.create_connection(("127.0.0.1", w.sluice.port))
        s.sendall(HEAD + b"Content-Length: 100\r\n\r\n{")
        s.close()
    assert w.sluice.chat("fast-model").status == 200


def test_the_end_waits_for_half_a_request(w):
    whole = HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
    for at in (20, len(whole) - 10):  # in the header, and in the body
        sluice = Sluice(w.config)
        with (socket.create_connection(("127.0.0.1", sluice.port), 10) as s,
              socket.create_connection(("127.0.0.1", sluice.port), 10) as idle):
            s.sendall(whole[:at])
            time.sleep(0.1)
            sluice.process.send_signal(signal.SIGTERM)
            time.sleep(0.15)
            s.sendall(whole[at:])
            answer = b"".join(iter(lambda: s.recv(65536), b""))
            assert answer.startswith(b"HTTP/1.1 200"), (at, answer)
            assert idle.recv(10) == b""  # nobody waits for who asks nothing
        assert sluice.process.wait(10) == 0


def test_chunked_request_is_read(w):
    a = raw_post(w, HEAD + b"Connection: close\r\nTransfer-Encoding: chunked\r\n",
                 b"%x\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n" % (10, BODY[:10], len(BODY) - 10, BODY[10:]))
    assert a.status == 200, a.body
    assert w.p.seen[-1][1] == BODY.replace(b"fast-model", b"a")
