"""Limits of keys and tenants: what is refused, what an answer says, and that the counters are the ledger's."""

import json
import os
import random
import signal
import socket
import sqlite3
import threading
import time
from types import SimpleNamespace

from world import (DONE, KEY, Provider, Sluice, USAGE, answer_ok, delta, read_all, reset, status,
                   stream, whole)

CONFIG = """
listen: 127.0.0.1:@PORT@
admin_listen: 127.0.0.1:@ADMIN@
state: {ledger: "sqlite:@FOLDER@/ledger.db"}
providers:
  p: {base_url: "http://127.0.0.1:%d/v1", timeouts: {first_token: 3s}}
prices:
  p/a: {input: 1, output: 4}
  p/slow: {input: 1, output: 4}
  p/dear: {input: 100000, output: 100000}
  p/mix: {input: 1, output: 4}
  p/hangs: {input: 1, output: 4}
models:
  pair: {is: p/a, fallback: [p/dear]}
retry: {wait_min: 1ms, wait_max: 5ms}
keys:
  require: true
  declared:
    app: {secret: "${TEST_KEY}", tenant: shop}
    few: {secret: few-key, tenant: rest, limits: {requests_per_minute: 3}}
    words: {secret: words-key, tenant: rest, limits: {tokens_per_minute: 1000, max_tokens: 800}}
    counts: {secret: counts-key, tenant: rest, limits: {requests_per_minute: 2, tokens_per_minute: 1000}}
    one: {secret: one-key, tenant: rest, limits: {concurrent: 1}}
    poor: {secret: poor-key, tenant: rest, limits: {usd_per_day: 0.01}}
    a1: {secret: a1-key, tenant: twins}
    a2: {secret: a2-key, tenant: twins}
    boss: {secret: boss-key, admin: true}
limits:
  tenants:
    twins: {requests_per_minute: 2}
    shop: {usd_per_month: 1000000}
"""


def slow(conn, head, body, n):
    time.sleep(0.4)
    answer_ok(conn, head, body, n)


def limited_upstream(conn, head, body, n):
    conn.sendall(whole(headers=("x-ratelimit-limit-requests: 77", "x-ratelimit-limit-images: 5")))


def open_world():
    p = Provider()
    p.answers["slow"] = slow
    p.answers["theirs"] = limited_upstream
    return SimpleNamespace(p=p, config=CONFIG % p.port, sluice=Sluice(CONFIG % p.port))


def account(s, of, name):
    found = s.request("GET", f"/admin/limits?{of}={name}", key="boss-key").json()["limits"]
    return found[0] if found else None


def test_requests_a_minute_and_the_headers(w):
    rooms = []
    for _ in range(3):
        a = w.sluice.chat("a", key="few-key")
        assert a.status == 200, a.body
        assert a.headers["x-ratelimit-limit-requests"] == "3"
        rooms.append(a.headers["x-ratelimit-remaining-requests"])
        assert a.headers["x-ratelimit-reset-requests"].startswith("1m")
    assert rooms == ["2", "1", "0"], rooms
    assert "x-ratelimit-limit-tokens" not in a.headers
    a = w.sluice.chat("a", key="few-key")
    assert a.status == 429 and a.error()["code"] == "rate_limit_exceeded", a.body
    for word in ("key few", "3 requests a minute", "3 used", "there is room in"):
        assert word in a.error()["message"], a.body
    assert a.headers["x-ratelimit-remaining-requests"] == "0"
    after, after_ms = int(a.headers["retry-after"]), int(a.headers["retry-after-ms"])
    assert 55 < after <= 61 and (after_ms + 999) // 1000 == after
    t = w.sluice.turn(a)
    assert t["status"] == 429 and t["error"] == "rate_limit_exceeded"
    assert (t["provider"], t["model"]) == (None, None), t  # nobody was asked
    assert "x-sluice-model" not in a.headers and "x-sluice-overhead-us" in a.headers, a.headers
    line = [x for x in w.sluice.log().splitlines() if a.headers["x-sluice-id"] in x][-1]
    assert "provider=- model=- " in line, line
    m = w.sluice.request("GET", "/metrics", key="boss-key", port=w.sluice.admin_port).body
    assert b'sluice_turns_total{api="openai.chat",provider="",model="",status="429"}' in m


def test_a_tenants_keys_share(w):
    assert w.sluice.chat("a", key="a1-key").status == 200
    assert w.sluice.chat("a", key="a2-key").status == 200
    a = w.sluice.chat("a", key="a1-key")
    assert a.status == 429 and "tenant twins" in a.error()["message"], a.body
    assert w.sluice.chat("a").status == 200
    twins = account(w.sluice, "tenant", "twins")
    assert twins["requests_per_minute"]["used"] == 2 and twins["requests_per_minute"]["room"] == 0
    assert account(w.sluice, "key", "a1")["requests_per_minute"]["used"] == 1


def test_what_is_answered_here_counts_too(w):
    body = {"model": "a", "messages": [{"role": "user", "content": "hi"}]}
    for room in ("1", "0"):
        a = w.sluice.request("POST", "/v1/messages/count_tokens", body, key="counts-key")
        assert a.status == 200 and a.headers["x-sluice-estimated"], a.body
        assert a.headers["x-ratelimit-remaining-requests"] == room, a.headers
        assert a.headers["x-ratelimit-remaining-tokens"] == "1000", a.headers
    a = w.sluice.request("POST", "/v1/messages/count_tokens", body, key="counts-key")
    assert a.status == 429 and "2 requests a minute" in a.error()["message"], a.body
    assert account(w.sluice, "key", "counts")["concurrent"]["used"] == 0


def test_tokens_are_reserved_and_settled(w):
    a = w.sluice.chat("a", key="words-key", max_tokens=801)
    assert a.status == 400 and "'max_tokens' is 801" in a.error()["message"], a.body
    assert "at most 800" in a.error()["message"] and "key words" in a.error()["message"]
    for both in ((801, 10), (10, 801)):  # nobody knows which of them the provider reads
        a = w.sluice.chat("a", key="words-key", max_completion_tokens=both[0], max_tokens=both[1])
        assert a.status == 400, a.body
    a = w.sluice.chat("a", key="words-key", max_tokens=700)
    assert a.status == 200
    assert a.headers["x-ratelimit-remaining-tokens"] == str(1000 - 27)  # what it really took
    a = w.sluice.chat("a", key="words-key", max_tokens=800, n=2)
    assert a.status == 429 and "this request alone" in a.error()["message"], a.body
    assert "retry-after" not in a.headers and a.headers["x-should-retry"] == "false"
    a = w.sluice.chat("a", key="words-key", n=2)  # the ceiling is reserved where none are named
    assert a.status == 429 and "take 16" in a.error()["message"], a.body
    for _ in range(6):
        assert w.sluice.chat("a", key="words-key", max_tokens=700).status == 200
    a = w.sluice.chat("a", key="words-key", max_tokens=800)
    assert a.status == 429 and "tokens a minute" in a.error()["message"], a.body
    words = account(w.sluice, "key", "words")
    assert words["tokens_per_minute"]["used"] == 7 * 27 and words["max_tokens"] == 800
    assert words["tokens_per_minute"]["reserved"] == 0


def test_at_once(w):
    answers = []
    ask = lambda: answers.append(w.sluice.chat("slow", key="one-key").status)
    threads = [threading.Thread(target=ask) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(answers) == [200, 429, 429, 429], answers
    assert w.sluice.chat("slow", key="one-key").status == 200
    assert account(w.sluice, "key", "one")["concurrent"]["used"] == 0


def test_money(w):
    a = w.sluice.chat("nobody-knows", key="poor-key")
    assert a.status == 403 and a.error()["code"] == "model_without_price", a.body
    a = w.sluice.request("POST", "/v1/moderations", {"input": "x"}, key="poor-key")
    assert a.status == 403 and a.error()["code"] == "model_without_price", a.body
    a = w.sluice.chat("a", key="poor-key", max_tokens=100)
    assert a.status == 200
    spent = account(w.sluice, "key", "poor")["usd_per_day"]
    assert spent["used"] == 48e-6 and spent["reserved"] == 0, spent
    a = w.sluice.chat("a", key="poor-key", max_tokens=2400)  # 9.6 thousandths and the prompt's
    assert a.status == 200
    a = w.sluice.chat("pair", key="poor-key", max_tokens=100)  # its fallback may cost 10
    assert a.status == 429 and a.error()["code"] == "budget_exceeded", a.body
    assert "this request alone" in a.error()["message"] and "dollars a day" in a.error()["message"]
    a = w.sluice.chat("a", key="poor-key", max_tokens=2490)
    assert a.status == 429 and a.error()["code"] == "budget_exceeded", a.body
    assert a.headers["x-should-retry"] == "false"
    now = time.time()
    ends = 86400 - now % 86400
    assert abs(int(a.headers["retry-after"]) - ends) < 5, a.headers


def test_upstreams_own_headers_are_told_apart(w):
    a = w.sluice.chat("theirs", key="one-key")  # no limit of a minute: theirs as they are
    assert a.headers["x-ratelimit-limit-requests"] == "77"
    other = Sluice(w.config + "  per_key: {requests_per_minute: 10}\n")
    ask = lambda: other.request("POST", "/v1/moderations", {"input": "x"}, key="one-key")
    try:
        a = other.chat("theirs", key="one-key")
        assert a.headers["x-ratelimit-limit-requests"] == "10"
        assert a.headers["x-upstream-x-ratelimit-limit-requests"] == "77"
        assert a.headers["x-upstream-x-ratelimit-limit-images"] == "5"
        assert "x-ratelimit-limit-images" not in a.headers
        r = ask()
        assert r.status == 200 and r.headers["x-ratelimit-limit-requests"] == "10"
        for _ in range(8):
            r = ask()
        assert r.status == 200
        r = ask()
        assert r.status == 429 and int(r.headers["retry-after"]) > 50, r.headers
        text = other.request("GET", "/metrics", key="boss-key").body.decode()
        assert 'sluice_limit_refusals_total{of="key",limit="requests_per_minute"} 1\n' in text
        assert "\nsluice_limits_running 0\n" in text and "\nsluice_limits_reserved_tokens 0\n" in text
    finally:
        assert other.stop() == 0


def test_retry_after_is_true(w):
    other = Sluice(w.config + "  per_key: {requests_per_minute: 2}\n")
    try:
        assert [other.chat("a").status for _ in range(2)] == [200, 200]
        assert 55000 < int(other.chat("a").headers["retry-after-ms"]) <= 61000
        assert other.stop() == 0
        with sqlite3.connect(os.path.join(other.folder, "ledger.db")) as db:  # it was a while ago
            db.execute("UPDATE turn_rows SET began_us = began_us - 57000000")
        other.start()
        a = other.chat("a")
        told = time.time()
        wait = int(a.headers["retry-after-ms"]) / 1000
        assert a.status == 429 and 1 < wait < 6, (a.status, a.headers)
        time.sleep(wait - 0.4)
        assert other.chat("a").status == 429
        time.sleep(max(0.0, told + wait - time.time()) + 0.005)
        assert other.chat("a").status == 200
    finally:
        assert other.stop() == 0


# ---- counters and ledger ----

SUMS = ("SELECT count(*), sum(coalesce(input + cached + cache_write + output + reasoning, 0)),"
        " sum(coalesce((SELECT sum(cost_usd_nanos) FROM calls WHERE turn = turns.id), 0))"
        " FROM turns WHERE {} = ? AND (state <> 'failed' OR id IN (SELECT turn FROM calls))")


def same_as_ledger(s, of, name, before):
    """Waits until the ledger has all turns, then compares."""
    end = time.time() + 10
    while s.rows("SELECT count(*) FROM turns WHERE state <> 'running'")[0][0] < before:
        assert time.time() < end, s.rows("SELECT state, count(*) FROM turns GROUP BY state")
        time.sleep(0.05)
    a = account(s, of, name)
    n, tokens, nanos = s.rows(SUMS.format(of), name)[0]
    assert a["requests_per_minute"]["used"] == n, (a, n)
    assert a["tokens_per_minute"]["used"] == tokens, (a, tokens)
    for period in ("usd_per_day", "usd_per_month"):
        assert round(a[period]["used"] * 1e9) == nanos, (a, nanos)
        assert a[period]["reserved"] == 0
    assert a["concurrent"]["used"] == 0 and a["tokens_per_minute"]["reserved"] == 0
    return a


def mixed(conn, head, body, n):
    """Whole answers, streams, streams that break off, resets, errors."""
    kind = n % 8
    if json.loads(body).get("stream"):
        if kind == 1:
            return stream(delta(b"half"), end=False)(conn, head, body, n)
        return stream(delta(b"a"), delta(b"b", finish=b'"stop"'), USAGE, DONE,
                      pause=0.02)(conn, head, body, n)
    if kind == 2:
        return reset(conn, head, body, n)
    if kind == 3:
        return status("500 Oops")(conn, head, body, n)
    if kind == 4:
        return status("400 Bad")(conn, head, body, n)
    return answer_ok(conn, head, body, n)


def client(s, chance, outcomes):
    body = json.dumps({"model": "mix", "messages": [{"role": "user", "content": "x" * 400}],
                       "max_tokens": 50, "stream": chance.random() < 0.5}).encode()
    leaves = chance.random()
    try:
        with socket.create_connection(("127.0.0.1", s.port), 30) as c:
            c.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                      b"Authorization: Bearer " + KEY.encode() + b"\r\nContent-Length: "
                      + str(len(body)).encode() + b"\r\n\r\n" + body)
            if leaves < 0.15:
                time.sleep(leaves / 5)
                return
            data = c.recv(40) if leaves < 0.3 else read_all(c, 30)
            outcomes.append(data[9:12])
    except OSError:
        pass


def test_a_thousand_clients_and_the_ledger(w):
    w.p.answers["mix"] = mixed
    other = Sluice(w.config + "  per_key: {concurrent: 400, requests_per_minute: 900,"
                              " tokens_per_minute: 100000000, usd_per_day: 100}\n")
    try:
        chance = random.Random(7)
        outcomes = []
        threads = [threading.Thread(target=client,
                                    args=(other, random.Random(chance.random()), outcomes))
                   for _ in range(1000)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        end = time.time() + 30
        while account(other, "key", "app")["concurrent"]["used"] > 0:
            assert time.time() < end
            time.sleep(0.1)
        time.sleep(0.5)  # the ledger writes every 200 ms
        assert outcomes.count(b"200") > 200, {o: outcomes.count(o) for o in set(outcomes)}
        a = same_as_ledger(other, "key", "app", 0)
        same_as_ledger(other, "tenant", "shop", 0)
        assert 300 < a["requests_per_minute"]["used"] <= 900, a
        text = other.request("GET", "/metrics", key="boss-key").body.decode()
        assert "\nsluice_limits_running 0\n" in text and "\nsluice_limits_reserved_usd 0\n" in text
    finally:
        assert other.stop() == 0


def test_a_thousand_at_once_get_exactly_the_room_there_is(w):
    """Nobody is refused while room is left, and nobody let in beyond it."""
    def ask(sluice, answers):
        answers.append(sluice.chat("a", timeout=60).status)

    def all_ask(limits):
        other = Sluice(w.config + f"  per_key: {{{limits}}}\n")
        answers = []
        try:
            threads = [threading.Thread(target=ask, args=(other, answers)) for _ in range(1000)]
            for t in threads:
                t.start()
            for t in threads:
                t.join()
        finally:
            assert other.stop() == 0
        return {status: answers.count(status) for status in set(answers)}
    assert all_ask("requests_per_minute: 1000, concurrent: 1000") == {200: 1000}
    assert all_ask("requests_per_minute: 300") == {200: 300, 429: 700}


def test_counters_come_back_after_a_kill(w):
    other = Sluice(w.config)
    try:
        for i in range(5):
            assert other.chat("a").status == 200
        assert other.chat("a", key="few-key").status == 200
        assert other.chat("a", key="words-key", max_tokens=10, n=100).status == 429
        w.p.answers["hangs"] = stream(delta(b"a"), pause=3)
        with socket.create_connection(("127.0.0.1", other.port), 5) as c:  # will be lost
            body = b'{"model":"hangs","messages":[{"role":"user","content":"x"}],"stream":true}'
            c.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "
                      + KEY.encode() + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            time.sleep(1.9)  # its row is written by now
            before = {n: account(other, "key", n) for n in ("app", "few")}
            assert before["app"]["requests_per_minute"]["used"] == 6
            other.process.send_signal(signal.SIGKILL)
            other.process.wait(10)
        other.start()
        app = same_as_ledger(other, "key", "app", 6)
        few = same_as_ledger(other, "key", "few", 6)
        same_as_ledger(other, "tenant", "shop", 6)
        assert app["requests_per_minute"]["used"] == 6 and few["requests_per_minute"]["used"] == 1
        assert app["tokens_per_minute"]["used"] == 5 * 27
        was = before["app"]["usd_per_month"]  # what was reserved for the lost one nobody knows
        assert abs(app["usd_per_month"]["used"] - (was["used"] - was["reserved"])) < 1e-12
        assert app["usd_per_month"]["used"] > 0 and was["reserved"] > 0
        assert account(other, "key", "words") is None or \
            account(other, "key", "words")["requests_per_minute"]["used"] == 0
        assert [other.chat("a", key="few-key").status for _ in range(3)] == [200, 200, 429]
    finally:
        assert other.stop() == 0


def reload(s, config):
    n = s.log().count("reloaded")
    s.write(config)
    s.process.send_signal(signal.SIGHUP)
    end = time.time() + 5
    while s.log().count("reloaded") == n:
        assert time.time() < end, s.log()
        time.sleep(0.02)


def test_a_reload_forgets_nothing(w):
    none = w.config[:w.config.index("limits:\n  tenants")]
    for cut in (", limits: {requests_per_minute: 3}", ", limits: {concurrent: 1}",
                ", limits: {tokens_per_minute: 1000, max_tokens: 800}",
                ", limits: {requests_per_minute: 2, tokens_per_minute: 1000}",
                ", limits: {usd_per_day: 0.01}"):
        assert cut in none
        none = none.replace(cut, "")
    other = Sluice(none)
    try:
        a = other.chat("a")
        assert a.status == 200 and "x-ratelimit-limit-requests" not in a.headers
        assert other.request("GET", "/admin/limits", key="boss-key").json()["counted"] is False
        reload(other, none + "limits: {per_key: {requests_per_minute: 3}}\n")
        a = other.chat("a")  # the first one was in the ledger
        assert a.headers["x-ratelimit-remaining-requests"] == "1", a.headers
        reload(other, none + "limits: {per_key: {requests_per_minute: 4}}\n")
        a = other.chat("a")
        assert a.headers["x-ratelimit-remaining-requests"] == "1", a.headers
        reload(other, none + "limits: {per_key: {requests_per_minute: 2}}\n")
        assert other.chat("a").status == 429
        reload(other, none)
        assert other.chat("a").status == 200
    finally:
        assert other.stop() == 0


def test_without_keys_all_are_one(w):
    config = w.config[:w.config.index("keys:\n")]
    other = Sluice(config + "limits: {per_key: {requests_per_minute: 1}}\n")
    try:
        assert other.chat("a", key=None).status == 200
        a = other.chat("a", key=None)
        assert a.status == 429 and "requests without a key" in a.error()["message"], a.body
    finally:
        assert other.stop() == 0


def test_what_is_wrong_with_limits_is_said(w):
    ask = lambda text: w.sluice.request("POST", "/admin/config?dry_run=1", text.encode(),
                                        key="boss-key")
    text = (w.config.replace("@PORT@", str(w.sluice.port)).replace("@FOLDER@", w.sluice.folder)
            .replace("@ADMIN@", str(w.sluice.admin_port)))
    for bad, words in (("  per_key: {requests_per_minute: 0}\n", "requests_per_minute"),
                       ("  per_key: {usd_per_day: -1}\n", "usd_per_day"),
                       ("  per_key: {request_per_minute: 1}\n", "requests_per_minute"),
                       ("  unpriced: maybe\n", "allow")):
        a = ask(text + bad)
        assert a.status == 400 and words in a.json()["problems"], (bad, a.body)
