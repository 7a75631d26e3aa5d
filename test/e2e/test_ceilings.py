"""limits.max_tokens holds whatever a request names, and where it names nothing."""

import json
from types import SimpleNamespace

from players import Always
from world import Provider, Sluice, WHOLE, whole

CONFIG = """
listen: 127.0.0.1:@PORT@
state: {ledger: "sqlite:@FOLDER@/ledger.db"}
providers:
  p: {base_url: "http://127.0.0.1:%d/v1", key: k, responses: on, stream_usage: estimate}
  listed: {base_url: "http://127.0.0.1:%d/v1", key: k, prices: openai, limit_name: max_completion_tokens}
  azure:
    kind: azure
    base_url: "http://127.0.0.1:%d"
    key: k
    limit_name: max_completion_tokens
  claude: {kind: anthropic, base_url: "http://127.0.0.1:%d/v1", key: k}
  google: {kind: gemini, base_url: "http://127.0.0.1:%d/v1beta", key: k}
  amazon: {kind: bedrock, base_url: "http://127.0.0.1:%d", key: k, aws: {region: eu-central-1}}
default_provider: p
models:
  less: {is: p/m, params: {max_tokens: 5, top_p: 1}}
  more: {is: p/m, params: {max_completion_tokens: 5000, top_p: 1}}
  google-less: {is: google/gemini-2.5-pro, params: {max_tokens: 5}}
keys:
  require: true
  declared:
    low: {secret: low-key, tenant: shop, limits: {max_tokens: 70}}
    high: {secret: high-key, tenant: shop, limits: {max_tokens: 100000}}
    free: {secret: free-key, tenant: nobody}
    few: {secret: few-key, tenant: nobody, limits: {max_tokens: 100, tokens_per_minute: 1000}}
limits:
  tenants: {shop: {max_tokens: 100000}}
"""

CHAT, TEXT, RESPONSES, CLAUDE = ("/v1/chat/completions", "/v1/completions", "/v1/responses",
                                 "/v1/messages")
BASE = {CHAT: {"messages": [{"role": "user", "content": "hi"}]}, TEXT: {"prompt": "hi"},
        RESPONSES: {"input": "hi"}, CLAUDE: {"messages": [{"role": "user", "content": "hi"}]}}
ANSWERS = {
    RESPONSES: {"id": "r", "object": "response", "status": "completed", "output": [],
                "usage": {"input_tokens": 3, "output_tokens": 1}},
    CLAUDE: {"id": "m", "type": "message", "role": "assistant", "content": [], "model": "m",
             "stop_reason": "end_turn", "usage": {"input_tokens": 3, "output_tokens": 1}},
    "/v1/messages/count_tokens": {"input_tokens": 3}}


def answer(conn, head, body, n):
    path = head.split()[1].decode()
    if "generateContent" in path:
        conn.sendall(whole(b'{"candidates": [{"content": {"parts": [{"text": "x"}]}, "finishReason": '
                           b'"STOP"}], "usageMetadata": {"promptTokenCount": 1}}'))
    elif "converse" in path:
        conn.sendall(whole(b'{"output": {"message": {"role": "assistant", "content": []}}, '
                           b'"stopReason": "end_turn", "usage": {"inputTokens": 1, "outputTokens": 1}}'))
    else:
        conn.sendall(whole(json.dumps(ANSWERS[path]).encode() if path in ANSWERS else WHOLE))


def open_world():
    p = Provider()
    p.answers = Always(answer)
    return SimpleNamespace(p=p, sluice=Sluice(CONFIG % ((p.port,) * 6)))


def post(w, key, path, model="p/m", body=None, **members):
    body = body or json.dumps({"model": model, **BASE[path], **members})
    return w.sluice.request("POST", path, body.encode(), key=key)


def sent(w, key, path, model="p/m", **members):
    before = len(w.p.seen)
    a = post(w, key, path, model, **members)
    assert a.status == 200 and len(w.p.seen) == before + 1, a.body
    text = w.p.seen[-1][1].decode()
    seen = json.loads(text)
    for name in ("max_tokens", "max_completion_tokens", "max_output_tokens"):
        assert text.count('"%s"' % name) == (name in seen), text
    return seen


def test_a_request_that_names_none_gets_the_ceiling(w):
    for path, model, member in (
            (CHAT, "p/m", "max_tokens"), (CHAT, "listed/gpt-5", "max_completion_tokens"),
            (CHAT, "azure/m", "max_completion_tokens"), (CLAUDE, "azure/m", "max_completion_tokens"),
            (TEXT, "p/m", "max_tokens"), (RESPONSES, "p/m", "max_output_tokens"),
            (CLAUDE, "claude/m", "max_tokens"), (CLAUDE, "p/m", "max_tokens"),
            (CHAT, "claude/m", "max_tokens"), (RESPONSES, "claude/m", "max_tokens")):
        for stream in (False, None):
            more = {} if stream is None else {"stream": stream}
            seen = sent(w, "low-key", path, model, **more)
            assert seen[member] == 70, (path, model, seen)
            named = [n for n in seen if n.startswith("max_")]
            assert named == [member], (path, model, seen)
            plain = sent(w, "free-key", path, model, **more)
            assert plain.get(member) in (None, 4096), plain
    for path in (CHAT, RESPONSES, CLAUDE):
        seen = sent(w, "low-key", path, "google/gemini-2.5-pro")
        assert seen["generationConfig"]["maxOutputTokens"] == 70, seen
        seen = sent(w, "low-key", path, "amazon/m")
        assert seen["inferenceConfig"]["maxTokens"] == 70, seen


def test_the_rest_stays_as_it_came(w):
    body = '{ "model" : "m", "messages":[{"role":"user","content":"x 1.50"}], "x":[1e2] }'
    a = post(w, "low-key", CHAT, body=body)
    assert a.status == 200
    assert w.p.seen[-1][1].decode() == body.replace("{ ", '{"max_tokens":70, ', 1), w.p.seen[-1]


def test_null_is_none(w):
    for path, member in ((CHAT, "max_tokens"), (TEXT, "max_tokens"),
                         (RESPONSES, "max_output_tokens")):
        assert sent(w, "low-key", path, **{member: None})[member] == 70
    seen = sent(w, "low-key", CHAT, max_completion_tokens=None, max_tokens=None)
    assert seen["max_tokens"] == 70 and seen["max_completion_tokens"] is None, seen
    seen = sent(w, "low-key", CHAT, "listed/gpt-5", max_completion_tokens=None, max_tokens=None)
    assert seen["max_completion_tokens"] == 70 and seen["max_tokens"] is None, seen


def test_every_name_of_it_is_looked_at(w):
    for path, member in ((CHAT, "max_tokens"), (CHAT, "max_completion_tokens"), (CHAT, "n_predict"),
                         (TEXT, "max_tokens"), (TEXT, "n_predict"), (RESPONSES, "max_output_tokens"),
                         (CLAUDE, "max_tokens")):
        model = "claude/m" if path == CLAUDE else "p/m"
        before = len(w.p.seen)
        for members in ({member: 71}, {member: 0}, {member: 71, "stream": True}):
            a = post(w, "low-key", path, model, **members)
            assert a.status == 400 and "key low" in a.error()["message"], (member, a.body)
            assert "70" in a.error()["message"], a.body
        assert len(w.p.seen) == before
        assert sent(w, "low-key", path, model, **{member: 70})[member] == 70
        assert sent(w, "free-key", path, model, **{member: 71})[member] == 71
    a = post(w, "low-key", CHAT, n_predict=-1)
    assert a.status == 400, a.body
    a = post(w, "low-key", CHAT, max_tokens=10, n_predict=-1)
    assert a.status == 400, a.body
    assert sent(w, "free-key", CHAT, n_predict=-1)["n_predict"] == -1
    a = post(w, "low-key", CHAT, max_tokens=10, max_completion_tokens=9, n_predict=100)
    assert a.status == 400, a.body


def test_what_the_configuration_adds_is_below_it(w):
    seen = sent(w, "low-key", CHAT, "less")
    assert seen["max_tokens"] == 5 and seen["top_p"] == 1, seen
    seen = sent(w, "low-key", CHAT, "more")
    assert seen["max_tokens"] == 70 and "max_completion_tokens" not in seen, seen
    assert sent(w, "free-key", CHAT, "more")["max_completion_tokens"] == 5000
    seen = sent(w, "low-key", CHAT, "google-less")
    assert seen["generationConfig"]["maxOutputTokens"] == 5, seen


def test_a_reasoning_model_on_azure(w):
    for path, named in ((CLAUDE, "max_tokens"), (RESPONSES, "max_output_tokens")):
        seen = sent(w, "free-key", path, "azure/m", **{named: 9})
        assert seen["max_completion_tokens"] == 9 and "max_tokens" not in seen, seen
        seen = sent(w, "free-key", path, "claude/m", **{named: 9})
        assert seen["max_tokens"] == 9, seen


def test_what_the_model_can_is_below_it(w):
    """The price list knows that gpt-4o answers with 16384 tokens at most."""
    assert sent(w, "high-key", CHAT, "listed/gpt-4o")["max_completion_tokens"] == 16384
    assert sent(w, "high-key", CHAT, "p/m")["max_tokens"] == 100000


def test_what_writes_no_answer_gets_none(w):
    a = w.sluice.request("POST", "/v1/messages/count_tokens", {"model": "claude/m", **BASE[CLAUDE]},
                         key="low-key")
    assert a.status == 200 and b"max_tokens" not in w.p.seen[-1][1], w.p.seen[-1]
    a = w.sluice.request("POST", "/v1/embeddings", {"model": "m", "input": "x"}, key="low-key")
    assert a.status == 200 and b"max_tokens" not in w.p.seen[-1][1], w.p.seen[-1]


def test_every_choice_is_reserved(w):
    """A thousand tokens a minute, and a hundred for each of them."""
    for path, members in ((CHAT, {"n": 10}), (CHAT, {"n_cmpl": 10}), (TEXT, {"best_of": 10}),
                          (TEXT, {"n": 2, "best_of": 10}), (TEXT, {"prompt": ["x"] * 10}),
                          (TEXT, {"prompt": [[1, 2]] * 5, "n": 2})):
        for named in ({}, {"max_tokens": 100}):
            a = post(w, "few-key", path, **members, **named)
            assert a.status == 429 and "this request alone" in a.error()["message"], a.body
    assert post(w, "few-key", TEXT, prompt=[1, 2, 3] * 10).status == 200
    assert post(w, "few-key", CHAT, n=5).status == 200
