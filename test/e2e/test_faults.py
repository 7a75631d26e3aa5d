"""What providers and clients do wrong on the way, and who is told what."""

import email.utils
import json
import socket
import time
from types import SimpleNamespace

from world import (DONE, Provider, Sluice, WHOLE, answer_ok, chunk, delta, endless,
                   first_then_ok, free_port, gone_within, raw, reset, status, stream, STREAM_HEAD)

CONFIG = """
listen: 127.0.0.1:@PORT@
state: {ledger: "sqlite:@FOLDER@/ledger.db"}
providers:
  p:
    base_url: "http://127.0.0.1:%d/v1"
    key: upstream-secret
    answer_bytes: 1MiB
    timeouts: {first_token: 700ms, between_tokens: 500ms, connect: 1s}
  q: {base_url: "http://127.0.0.1:%d/v1"}
  hasty: {base_url: "http://127.0.0.1:%d/v1", timeouts: {total: 500ms}}
  dead: {base_url: "http://127.0.0.1:%d/v1"}
default_provider: p
models:
  safe: {is: p/down, fallback: [q/good]}
  refused: {is: dead/x, fallback: [q/good]}
  wrong: {is: p/bad-request, fallback: [q/good]}
  locked: {is: p/locked, fallback: [q/good]}
  late: {is: hasty/late, fallback: [q/slow]}
retry: {attempts: 2, wait_min: 10ms, wait_max: 20ms, retry_after_max: 1s}
"""


def open_world():
    p, q = Provider(), Provider()
    return SimpleNamespace(p=p, q=q, sluice=Sluice(CONFIG % (p.port, q.port, p.port, free_port())))


def chat(w, model, **more):
    return w.sluice.chat(model, key=None, **more)


def calls(w, answer):
    w.sluice.turn(answer)
    return w.sluice.rows("SELECT status, error, provider FROM calls WHERE turn = ? ORDER BY seq",
                         answer.headers["x-sluice-id"])


def test_500_is_tried_again(w):
    w.p.answers["e500"] = first_then_ok(status("500 Oops"))
    a = chat(w, "e500")
    assert a.status == 200 and a.body == WHOLE
    assert [c[:2] for c in calls(w, a)] == [(500, "upstream_unavailable"), (200, None)]


def test_500_for_good_reaches_the_client(w):
    w.p.answers["e503"] = status("503 Busy")
    a = chat(w, "e503")
    assert a.status == 503 and a.error()["code"] == "c"
    assert len(calls(w, a)) == 2
    t = w.sluice.turn(a)
    assert t["state"] == "failed" and t["output"] == 0 and t["counted"] == "estimate"


def test_429_waits_as_told(w):
    w.p.answers["e429"] = first_then_ok(status("429 Slow", headers=("retry-after-ms: 300",)))
    began = time.time()
    a = chat(w, "e429")
    assert a.status == 200 and 0.3 <= time.time() - began < 1.5


def test_429_with_a_date(w):
    """Retry-After may be a date (RFC 9110): what is too far away is not waited for."""
    def headers(after):
        return (f"Retry-After: {email.utils.formatdate(time.time() + after, usegmt=True)}",)
    w.p.answers["e429c"] = status("429 Slow", headers=headers(100))
    a = chat(w, "e429c")
    assert a.status == 429 and a.headers["retry-after"].endswith(" GMT"), a.headers
    assert len(calls(w, a)) == 1
    w.p.answers["e429d"] = first_then_ok(status("429 Slow", headers=headers(-5)))
    assert chat(w, "e429d").status == 200


def test_429_that_is_too_long_reaches_the_client(w):
    w.p.answers["e429b"] = status("429 Slow", headers=("Retry-After: 60",))
    began = time.time()
    a = chat(w, "e429b")
    assert a.status == 429 and time.time() - began < 1
    assert a.headers["retry-after"] == "60"


def test_400_is_the_clients(w):
    w.p.answers["bad-request"] = status("400 Bad", b'{"error":{"message":"your fault","code":"x1"}}')
    a = chat(w, "wrong")
    assert a.status == 400 and a.error()["message"] == "your fault"
    assert "x-should-retry" not in a.headers
    assert len(calls(w, a)) == 1


def test_401_hides_the_providers_words(w):
    w.p.answers["locked2"] = status("401 No", b'{"error":{"message":"key upstream-secret is bad"}}')
    a = chat(w, "locked2")
    assert a.status == 502 and a.error()["code"] == "upstream_auth"
    assert "the key that sluice is configured with (providers." in a.error()["message"], a.body
    assert a.headers["x-should-retry"] == "false"  # the client's library would ask again
    assert b"upstream-secret" not in a.body
    w.p.answers["locked"] = w.p.answers["locked2"]
    assert chat(w, "locked").status == 200  # the fallback has another key


def test_a_long_error_with_an_escaped_key_behind_it(w):
    """The error's words and the key's meaning each have their own memory."""
    said = b'{"error":{"message":"busy ' + b"A" * 1000000 + b'"},"request\\u005fid":1}'
    w.p.answers["long-words2"] = status("200 OK", said)
    a = chat(w, "long-words2")
    assert a.status == 502 and "busy AAAA" in a.error()["message"], a.body[:200]
    assert chat(w, "fine").status == 200


def test_key_errors_elsewhere_hide_the_providers_words(w):
    """In a 200's body, first or later in a stream, or under another status."""
    said = b'{"error":{"message":"key upstream-secret is bad","%s":"%s"}}'
    errors = [said % pair for pair in ((b"code", b"invalid_api_key"),
                                       (b"type", b"authentication_error"),
                                       (b"type", b"permission_error"), (b"code", b"401"))]
    for error in errors:
        w.p.answers["locked3"] = status("200 OK", error)
        w.p.answers["locked4"] = status("400 Bad", error)
        w.p.answers["locked5"] = stream(b"data: " + error + b"\n\n")
        for a in (chat(w, "locked3"), chat(w, "locked4"), chat(w, "locked5", stream=True)):
            assert a.status == 502 and a.error()["code"] == "upstream_auth", a.body
            assert b"upstream-secret" not in a.body
        w.p.answers["locked6"] = stream(delta(b"a"), b"data: " + error + b"\n\n")
        a = chat(w, "locked6", stream=True)
        assert json.loads(events_of(a)[-1])["error"]["code"] == "upstream_auth", a.body
        assert b"upstream-secret" not in a.body


def test_fallback(w):
    w.p.answers["down"] = status("500 Down")
    a = chat(w, "safe")
    assert a.status == 200 and a.headers["x-sluice-model"] == "q/good"
    assert [c[2] for c in calls(w, a)] == ["p", "p", "q"]
    a = chat(w, "refused")
    assert a.status == 200 and a.headers["x-sluice-model"] == "q/good"


def answers_after(seconds, then):
    def answer(conn, head, body, n):
        time.sleep(seconds)
        return then(conn, head, body, n)
    return answer


def test_fallback_has_its_own_time(w):
    w.p.answers["late"] = answers_after(1.5, answer_ok)
    w.q.answers["slow"] = answers_after(0.3, answer_ok)
    a = chat(w, "late")
    assert a.status == 200 and a.headers["x-sluice-model"] == "q/slow", a.body
    assert [c[1:] for c in calls(w, a)] == [("timeout", "hasty"), (None, "q")]


def test_tries_of_one_target_share_its_time(w):
    w.p.answers["late2"] = answers_after(0.35, status("500 Oops"))
    a = chat(w, "hasty/late2")
    assert a.status == 504 and a.error()["code"] == "timeout", a.body
    assert a.headers["x-should-retry"] == "false"  # all tries were made here
    assert [c[1] for c in calls(w, a)] == ["upstream_unavailable", "timeout"]


def test_refused(w):
    a = chat(w, "dead/x")
    assert a.status == 502 and a.error()["code"] == "connection_refused", a.body


def test_calls_of_no_tokens_do_not_say_who_counted(w):
    a = chat(w, "refused")
    t = w.sluice.turn(a)
    assert a.status == 200 and len(calls(w, a)) > 1
    assert t["counted"] == "provider" and t["output"] > 0, t


def test_reset_before_the_answer(w):
    w.p.answers["r1"] = first_then_ok(reset)
    assert chat(w, "r1").status == 200
    w.p.answers["r2"] = reset
    a = chat(w, "r2")
    assert a.status == 502 and a.error()["code"] == "connection_reset", a.body


def test_stale_idle_connection(w):
    def once_then_close(conn, head, body, n):
        answer_ok(conn, head, body, n)
        if n == 1:
            time.sleep(0.2)  # the second request is on its way to a connection that closes
            return "close"
        return None
    w.p.answers["stale"] = once_then_close
    assert chat(w, "stale").status == 200
    for _ in range(20):
        assert chat(w, "stale").status == 200


def test_stale_idle_connection_on_a_path_that_is_passed_on(w):
    """What has a body is not held, so it never goes out on an idle connection; the rest may."""
    def once_then_close(conn, head, body, n):
        answer_ok(conn, head, body, n)
        conn.recv(65536)  # the next request has come to a connection that closes
        return "close"
    w.p.answers["/v1/files"] = once_then_close
    for method in ("GET", "GET", "DELETE", "GET"):
        assert w.sluice.request(method, "/v1/files", key=None).status == 200
    seen = w.p.counts["/v1/files"]
    w.p.answers["/v1/files"] = raw(b"")  # where a fresh one ends so, too, that is the answer
    assert w.sluice.request("GET", "/v1/files", key=None).status == 502
    assert w.p.counts["/v1/files"] == seen + 1


def test_body_that_lies(w):
    w.p.answers["lie"] = raw(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                             b"Content-Length: 5000\r\n\r\n{")
    a = chat(w, "lie")
    assert a.status == 502 and a.error()["code"] == "upstream_cut", a.body


def test_chunks_that_lie(w):
    w.p.answers["liec"] = raw(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                              b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n{}\r\n")
    a = chat(w, "liec")
    assert a.status == 502 and a.error()["code"].startswith("upstream_"), a.body


def test_not_http(w):
    w.p.answers["ssh"] = raw(b"SSH-2.0-OpenSSH_9\r\n")
    a = chat(w, "ssh")
    assert a.status == 502 and a.error()["code"] == "upstream_bad_http", a.body


def test_html_with_200(w):
    w.p.answers["html"] = raw(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
                              b"Content-Length: 13\r\n\r\n<html></html>")
    a = chat(w, "html")
    assert a.status == 502 and a.error()["code"] == "upstream_bad_body", a.body


def test_compressed(w):
    w.p.answers["gzip"] = raw(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                              b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}")
    a = chat(w, "gzip")
    assert a.status == 502 and a.error()["code"] == "upstream_encoded", a.body


def test_huge_answer(w):
    def huge(conn, head, body, n):
        conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
        for _ in range(100):
            conn.sendall(b" " * (1 << 20))
        return "close"
    w.p.answers["huge"] = huge
    a = chat(w, "huge")
    assert a.status == 502 and a.error()["code"] == "upstream_too_large", a.body


def test_silence(w):
    def silent(conn, head, body, n):
        time.sleep(3)
        return "close"
    w.p.answers["mute"] = silent
    a = chat(w, "mute")
    assert a.status == 504 and a.error()["code"] == "upstream_stalled", a.body


def test_error_in_a_whole_200(w):
    w.p.answers["inner"] = status("200 OK", b'{"error":{"message":"overloaded","code":503}}')
    a = chat(w, "inner")
    assert a.status in (502, 503) and "overloaded" in a.error()["message"], a.body
    assert len(calls(w, a)) == 2


# ---- streams ----

def events_of(a):
    return [line[6:] for line in a.body.decode().split("\n") if line.startswith("data: ")]


def test_stream_error_before_anything(w):
    w.p.answers["se"] = first_then_ok(stream(b'data: {"error":{"message":"busy","code":503}}\n\n'))
    a = chat(w, "se", stream=True)
    assert a.status == 200 and len(calls(w, a)) == 2


def test_an_error_alone_costs_nothing_whatever_its_status(w):
    words = b'{"error":{"message":"no room","code":502}}'
    for model, answer, more in (("free1", status("200 OK", words), {}),
                                ("free2", stream(b"data: " + words + b"\n\n"), {"stream": True}),
                                ("free3", status("500 Oops", words), {}),
                                ("free4", status("404 No", words), {}),
                                ("free5", status("401 No", words), {})):
        w.p.answers[model] = answer
        t = w.sluice.turn(chat(w, model, **more))
        assert (t["state"], t["input"], t["output"]) == ("failed", 0, 0), (model, t)
        assert t["cost_usd_nanos"] == 0, (model, t)  # though nobody knows the model's price


def test_stream_error_in_the_middle(w):
    w.p.answers["sm"] = stream(delta(b"a"), b'data: {"error":{"message":"broke"}}\n\n')
    a = chat(w, "sm", stream=True)
    assert a.status == 200 and a.whole
    last = json.loads(events_of(a)[-1])
    assert "broke" in last["error"]["message"] and "[DONE]" not in a.body.decode()
    t = w.sluice.turn(a)
    assert t["state"] == "partial" and t["counted"] == "estimate", t


def test_stream_broken_json(w):
    w.p.answers["sj"] = stream(delta(b"a"), b'data: {"choices": [}\n\n', delta(b"b"), DONE)
    a = chat(w, "sj", stream=True)
    assert json.loads(events_of(a)[-1])["error"]["code"] == "upstream_bad_body"
    assert json.loads(events_of(a)[0])["choices"][0]["delta"]["content"] == "a"


def test_stream_without_done(w):
    w.p.answers["sd"] = stream(delta(b"a"), delta(b"b"))
    a = chat(w, "sd", stream=True)
    assert json.loads(events_of(a)[-1])["error"]["code"] == "upstream_cut"


def test_stream_finished_without_done_is_whole(w):
    events = (delta(b"a"), delta(b"", b"", b'"stop"'))
    w.p.answers["sf"] = stream(*events)
    a = chat(w, "sf", stream=True)
    assert a.body == b"".join(events) and a.whole


def test_stream_cut(w):
    w.p.answers["sc"] = stream(delta(b"a"), delta(b"b"), end=False)
    a = chat(w, "sc", stream=True)
    assert json.loads(events_of(a)[-1])["error"]["code"] == "upstream_cut"
    assert len(events_of(a)) == 3


def test_stream_stalls(w):
    def stall(conn, head, body, n):
        conn.sendall(STREAM_HEAD + chunk(delta(b"a")))
        time.sleep(3)
        return "close"
    w.p.answers["ss"] = stall
    a = chat(w, "ss", stream=True)
    assert json.loads(events_of(a)[-1])["error"]["code"] == "upstream_stalled"


def test_client_hangs_up(w):
    gone = []
    w.p.answers["endless"] = endless(gone)
    body = b'{"model":"endless","stream":true,"messages":[]}'
    s = socket.create_connection(("127.0.0.1", w.sluice.port))
    s.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
              b"Content-Length: %d\r\n\r\n" % len(body) + body)
    data = s.recv(65536)
    s.close()
    assert gone_within(gone)
    turn_id = data.split(b"x-sluice-id: ")[1].split(b"\r\n")[0].decode()
    t = w.sluice.turn_by_id(turn_id)
    assert t["state"] == "partial" and t["error"] == "client_gone" and t["status"] == 499, t


def test_client_that_left_is_not_the_providers_fault(w):
    def slow(conn, head, body, n):
        time.sleep(0.5)
        answer_ok(conn, head, body, n)
    w.p.answers["slowly"] = slow
    body = b'{"model":"slowly","messages":[]}'
    for _ in range(5):
        s = socket.create_connection(("127.0.0.1", w.sluice.port))
        s.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
                  b"Content-Length: %d\r\n\r\n" % len(body) + body)
        time.sleep(0.05)
        s.close()
    time.sleep(0.3)
    assert chat(w, "plain").status == 200


def test_ledger_sums(w):
    """Every turn's tokens and cost are the sum of its calls'."""
    time.sleep(0.6)
    for turn, tokens in w.sluice.rows("SELECT id, input + cached + output + reasoning FROM turns"):
        of_calls = w.sluice.rows("SELECT coalesce(sum(input + cached + output + reasoning), 0)"
                                 " FROM calls WHERE turn = ?", turn)[0][0]
        assert tokens == of_calls, turn
