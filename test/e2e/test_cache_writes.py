"""What is written to a prompt cache for an hour costs more than for five minutes: from the wire to the
ledger's sums, whole and streamed, passed on and carried over."""

import json
import subprocess
from types import SimpleNamespace

from players import Always
from world import SLUICE, STREAM_HEAD, Provider, Sluice, chunk, whole

CONFIG = """
listen: 127.0.0.1:@PORT@
admin_listen: 127.0.0.1:@ADMIN@
state: {ledger: "sqlite:@FOLDER@/ledger.db"}
providers:
  claude: {kind: anthropic, base_url: "http://127.0.0.1:%d/v1", key: k}
  listed: {kind: anthropic, base_url: "http://127.0.0.1:%d/v1", key: k, prices: anthropic}
  amazon: {kind: bedrock, base_url: "http://127.0.0.1:%d", key: k, aws: {region: eu-central-1}}
prices:
  claude/m: {input: 4, output: 20, cache_write: 5, cache_write_1h: 8}
  claude/half: {input: 4, output: 20, cache_write: 5}
  amazon/m: {input: 4, output: 20, cache_write: 5, cache_write_1h: 8}
"""
USAGE = {"input_tokens": 100, "cache_creation_input_tokens": 5000, "cache_read_input_tokens": 0,
         "cache_creation": {"ephemeral_5m_input_tokens": 2000, "ephemeral_1h_input_tokens": 3000},
         "output_tokens": 10}
MESSAGE = {"id": "m", "type": "message", "role": "assistant", "model": "m", "usage": USAGE,
           "content": [{"type": "text", "text": "x"}], "stop_reason": "end_turn"}
CONVERSE = {"output": {"message": {"role": "assistant", "content": [{"text": "x"}]}},
            "stopReason": "end_turn",
            "usage": {"inputTokens": 100, "outputTokens": 10, "cacheWriteInputTokens": 5000,
                      "cacheDetails": [{"ttl": "5m", "inputTokens": 2000},
                                       {"ttl": "1h", "inputTokens": 3000}]}}
COST = 100 * 4000 + 2000 * 5000 + 3000 * 8000 + 10 * 20000  # nano-dollars
BODY = {"max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}


def answer(conn, head, body, n):
    if b"/converse" in head.split(b"\r\n")[0]:
        conn.sendall(whole(json.dumps(CONVERSE).encode()))
    elif not json.loads(body).get("stream"):
        conn.sendall(whole(json.dumps(MESSAGE).encode()))
    else:
        begun = dict(MESSAGE, content=[], stop_reason=None, usage=dict(USAGE, output_tokens=1))
        events = [("message_start", {"message": begun}),
                  ("content_block_start", {"index": 0, "content_block": {"type": "text", "text": ""}}),
                  ("content_block_delta", {"index": 0, "delta": {"type": "text_delta", "text": "x"}}),
                  ("content_block_stop", {"index": 0}),
                  ("message_delta", {"delta": {"stop_reason": "end_turn"}, "usage": {
                      "cache_creation_input_tokens": 5000, "output_tokens": 10}}),
                  ("message_stop", {})]
        text = "".join("event: %s\ndata: %s\n\n" % (name, json.dumps(dict(e, type=name)))
                       for name, e in events)
        conn.sendall(STREAM_HEAD + chunk(text.encode()) + b"0\r\n\r\n")


def open_world():
    p = Provider()
    p.answers = Always(answer)
    return SimpleNamespace(p=p, sluice=Sluice(CONFIG % ((p.port,) * 3)))


def row(w, a):
    w.sluice.turn(a)
    return w.sluice.rows("SELECT cache_write, cache_write_1h, cost_usd_nanos FROM turns WHERE id = ?",
                         a.headers["x-sluice-id"])[0]


def ask(w, path, model, **more):
    a = w.sluice.request("POST", path, {"model": model, **BODY, **more}, key=None)
    assert a.status == 200, a.body
    return a


def test_the_hour_costs_its_own_price(w):
    for path in ("/v1/messages", "/v1/chat/completions"):
        for stream in (False, True):
            a = ask(w, path, "claude/m", stream=stream)
            assert row(w, a) == (5000, 3000, COST), (path, stream, row(w, a))
        assert ask(w, path, "claude/m").headers["x-sluice-cost-usd"] == "0.0346"
        assert row(w, ask(w, path, "amazon/m")) == (5000, 3000, COST)
    answered = ask(w, "/v1/messages", "amazon/m").json()["usage"]
    assert answered["cache_creation_input_tokens"] == 5000, answered
    assert answered["cache_creation"] == USAGE["cache_creation"], answered


def test_without_its_price_the_cost_is_unknown(w):
    a = ask(w, "/v1/messages", "claude/half")
    assert "x-sluice-cost-usd" not in a.headers and row(w, a) == (5000, 3000, None), row(w, a)


def test_the_list_knows_it(w):
    a = ask(w, "/v1/messages", "listed/claude-opus-4-5")  # 5, 6.25, 10 and 25 dollars
    assert row(w, a) == (5000, 3000, 100 * 5000 + 2000 * 6250 + 3000 * 10000 + 10 * 25000), row(w, a)


def test_sums_reports_and_metrics_have_it(w):
    row(w, ask(w, "/v1/messages", "claude/m"))
    calls = w.sluice.rows("SELECT sum(cache_write), sum(cache_write_1h) FROM calls")
    assert w.sluice.rows("SELECT sum(cache_write), sum(cache_write_1h) FROM rollups") == calls
    out = subprocess.run([SLUICE, "report", "--config", w.sluice.file, "--csv"], check=True,
                         capture_output=True, text=True, cwd=w.sluice.folder).stdout.splitlines()
    named = dict(zip(out[0].split(","), out[-1].split(",")))
    assert int(named["cache_write_1h_tokens"]) * 5 == int(named["cache_write_tokens"]) * 3, out
    turns = subprocess.run([SLUICE, "report", "--config", w.sluice.file, "--turns", "1", "--json"],
                           check=True, capture_output=True, text=True, cwd=w.sluice.folder).stdout
    assert '"cache_write_1h":3000' in turns, turns
    metrics = w.sluice.request("GET", "/metrics", key=None, port=w.sluice.admin_port).body.decode()
    found = {c: sum(int(line.split()[-1]) for line in metrics.splitlines()
                    if line.startswith("sluice_tokens_total") and f'class="{c}"' in line)
             for c in ("cache_write", "cache_write_1h")}
    assert found["cache_write_1h"] == calls[0][1], (found, calls)
    assert found["cache_write"] == calls[0][0] - calls[0][1], (found, calls)
