"""What is served quicker or cheaper (service_tier, speed) has its own price: by the answer's word, else by the
request's; whole and streamed, and where a limit in money holds."""

import json
from types import SimpleNamespace

from players import Always
from world import DONE, STREAM_HEAD, Provider, Sluice, chunk, whole

CONFIG = """
listen: 127.0.0.1:@PORT@
state: {ledger: "sqlite:@FOLDER@/ledger.db"}
providers:
  listed: {base_url: "http://127.0.0.1:%d/v1", key: k, prices: openai, responses: on}
  claude: {kind: anthropic, base_url: "http://127.0.0.1:%d/v1", key: k, prices: anthropic}
keys:
  require: true
  declared: {app: {secret: app-key}, poor: {secret: poor-key, limits: {usd_per_day: 0.02}}}
"""
# gpt-5, in dollars a million tokens: 1.25 and 10, by priority 2.5 and 20, by flex 0.625 and 5
USUAL, PRIORITY, FLEX = 1000 * 1250 + 500 * 10000, 1000 * 2500 + 500 * 20000, 1000 * 625 + 500 * 5000


def answer(conn, head, body, n):
    asked = json.loads(body)
    if b"/messages" in head.split(b"\r\n")[0]:
        usage = {"input_tokens": 1000, "output_tokens": 500} | (
            {"speed": asked["metadata"]["user_id"]} if "metadata" in asked else {})
        conn.sendall(whole(json.dumps({
            "id": "m", "type": "message", "role": "assistant", "model": "m", "usage": usage,
            "content": [{"type": "text", "text": "x"}], "stop_reason": "end_turn"}).encode()))
        return
    served = {"service_tier": asked["user"]} if asked.get("user") else {}
    if b"/responses" in head.split(b"\r\n")[0]:
        conn.sendall(whole(json.dumps({
            "id": "r", "object": "response", "status": "completed", "output": [],
            "usage": {"input_tokens": 1000, "output_tokens": 500}} | served).encode()))
        return
    usage = {"usage": {"prompt_tokens": 1000, "completion_tokens": 500}} | served
    message = {"index": 0, "message": {"role": "assistant", "content": "x"}, "finish_reason": "stop"}
    if not asked.get("stream"):
        conn.sendall(whole(json.dumps({"id": "c", "choices": [message]} | usage).encode()))
        return
    events = [{"id": "c", "choices": [{"index": 0, "delta": {"content": "x"}, "finish_reason": "stop"}]},
              {"id": "c", "choices": []} | usage]
    text = "".join(f"data: {json.dumps(e)}\n\n" for e in events)
    conn.sendall(STREAM_HEAD + chunk(text.encode() + DONE) + b"0\r\n\r\n")


def open_world():
    p = Provider()
    p.answers = Always(answer)
    return SimpleNamespace(p=p, sluice=Sluice(CONFIG % (p.port, p.port)))


def cost(w, path="/v1/chat/completions", key="app-key", model="listed/gpt-5", **more):
    body = {"model": model, "messages": [{"role": "user", "content": "hi"}], "input": "x"} | more
    a = w.sluice.request("POST", path, body, key=key)
    assert a.status == 200, a.body
    return w.sluice.turn(a)["cost_usd_nanos"]


def test_what_the_answer_says_counts(w):
    for more in ({}, {"stream": True}):
        assert cost(w, user="priority", **more) == PRIORITY
        assert cost(w, user="flex", service_tier="auto", **more) == FLEX
        assert cost(w, user="default", service_tier="priority", **more) == USUAL
        assert cost(w, service_tier="priority", **more) == PRIORITY
        assert cost(w, **more) == USUAL
    assert cost(w, "/v1/responses", user="priority", service_tier="auto") == PRIORITY
    assert cost(w, user="priority", service_tier="fast") == PRIORITY
    assert cost(w, service_tier="fast") == PRIORITY  # as OpenAI calls it by now
    assert cost(w, user="ultrafast") is None and cost(w, service_tier="ultrafast") is None
    assert cost(w, "/v1/responses", user="default", service_tier="flex") == USUAL


def test_where_the_list_does_not_say(w):
    assert cost(w, model="listed/gpt-4", user="priority") is None
    assert cost(w, model="listed/gpt-4", user="flex") == cost(w, model="listed/gpt-4")


def test_anthropics_fast_mode_has_no_price(w):
    def asked(speed, served):
        return cost(w, "/v1/messages", model="claude/claude-opus-4-6", max_tokens=500,
                    **({"speed": speed} if speed else {}),
                    **({"metadata": {"user_id": served}} if served else {}))

    usual = 1000 * 5000 + 500 * 25000
    assert asked(None, None) == usual and asked("standard", "standard") == usual
    assert asked("fast", "fast") is None and asked("fast", None) is None
    assert asked("fast", "standard") == usual
    body = {"model": "claude/claude-opus-4-6", "max_tokens": 5, "messages": [], "speed": "fast"}
    a = w.sluice.request("POST", "/v1/messages", body, key="poor-key")
    assert a.status == 403 and "for that speed" in a.error()["message"], a.body


def test_a_protocol_without_tiers_serves_as_usual(w):
    for key in ("app-key", "poor-key"):
        a = w.sluice.chat("claude/claude-opus-4-6", key=key, max_tokens=5, service_tier="priority")
        assert a.status == 200 and a.headers["x-sluice-left-out"] == "service tier", a.body
        assert w.sluice.turn(a)["cost_usd_nanos"] == 1000 * 5000 + 500 * 25000


def test_a_limit_reserves_it(w):
    def asked(**more):
        body = {"model": "listed/gpt-5", "messages": [], "max_tokens": 1500} | more
        return w.sluice.request("POST", "/v1/chat/completions", body, key="poor-key")

    a = asked(service_tier="priority")
    assert a.status == 429 and "may take 0.03" in a.error()["message"], a.body
    a = asked(service_tier="priority", model="listed/gpt-4")
    assert a.status == 403 and "for that speed or tier" in a.error()["message"], a.body
    assert asked(service_tier="flex").status == 200
