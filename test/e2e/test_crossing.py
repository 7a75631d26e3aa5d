"""Every client protocol in front of every provider's: what a client reads is what was answered."""

import json
import time
from types import SimpleNamespace

import players
from players import CLIENTS, PLAYS, Always, play
from protocols import STREAM, WHOLE, aws_frame, events_of, fixture
from world import Sluice, stream, whole

CONFIG = """
listen: 127.0.0.1:@PORT@
state: {ledger: "sqlite:@FOLDER@/ledger.db"}
providers:@PROVIDERS@
  own: {kind: anthropic, base_url: "http://127.0.0.1:%d/v1", pass_key: on}
  azure: {kind: azure, base_url: "http://127.0.0.1:%d", responses: on, key: k-azure}
  dead: {base_url: "http://127.0.0.1:1/v1"}
models:
  either: {is: anthropic/text, fallback: [openai_chat/text]}
  failing: {is: dead/x, fallback: [anthropic/text]}
  neither: {is: anthropic/text, fallback: [gemini/text]}
lanes:
  deep: [{is: anthropic/text, reasoning_effort: high}]
prices:
  anthropic/text: {input: 1, output: 10}
"""


def open_world():
    providers = players.start()
    text = (CONFIG % (providers["anthropic"].port, providers["responses"].port)).replace("@PROVIDERS@", players.config(providers))
    return SimpleNamespace(providers=providers, sluice=Sluice(text))


def body_of(client, model, stream=False, **more):
    body = {"model": model, **more}
    if client == "responses":
        body.setdefault("input", "hi")
    else:
        body.setdefault("messages", [{"role": "user", "content": "hi"}])
    if client == "anthropic":
        body.setdefault("max_tokens", 100)
    if stream:
        body["stream"] = True
        if client == "openai_chat":
            body["stream_options"] = {"include_usage": True}
    return body


def ask(w, client, model, headers=None, key=None, **more):
    return w.sluice.request("POST", CLIENTS[client], body_of(client, model, **more), headers, key)


def seen(w, wire):
    head, body = w.providers[wire].seen[-1]
    return head, json.loads(body)


# What stands between the two: the words for an end, per client, of what a provider said.
STOPS = {"openai_chat": ("stop", "tool_calls", "length", "content_filter"),
         "anthropic": ("end_turn", "tool_use", "max_tokens", "refusal", "stop_sequence",
                       "model_context_window_exceeded"),
         "responses": ("completed", "incomplete")}


def same(client, got, meant, place):
    assert got["text"] + got["refusal"] == meant["text"] + meant["refusal"], (place, got, meant)
    assert got["thinking"] == meant["thinking"], (place, got, meant)
    cut_off = got["stop"] in ("length", "max_tokens", "incomplete")
    if not cut_off:  # a call that was cut off has no input that every protocol can write
        assert got["calls"] == meant["calls"], (place, got, meant)
    assert (got["in"], got["out"]) == (meant["in"], meant["out"]), (place, got, meant)
    assert got["stop"] in STOPS[client], (place, got)
    if meant["calls"] and client != "responses" and not cut_off:
        assert got["stop"] in ("tool_calls", "tool_use"), (place, got)


GOOD = {
    "openai_chat": ("text", "one-tool", "parallel-tools", "thinking", "length", "usage-cache"),
    "responses": ("text", "tool", "tools-parallel", "thinking", "stop-length", "usage-cached"),
    "anthropic": ("text", "tool-one", "tool-parallel", "thinking", "stop-length", "cache",
                  "stop-sequence"),
    "gemini": ("text", "tool", "tools-parallel", "thinking", "stop-length", "usage-cached",
               "stop-safety"),
    "converse": ("text", "tool", "tools-parallel", "thinking", "stop-length", "usage-cached",
                 "stop-sequence"),
}
# Recorded from a real server: test/fixture/record.
REAL = {
    "openai_chat": ("real-text", "real-length", "real-stop-sequence", "real-tool",
                    "real-tool-answer"),
    "responses": ("real-text", "real-length", "real-tool", "real-tool-answer"),
    "anthropic": ("real-text", "real-length", "real-stop-sequence", "real-tool",
                  "real-tool-answer"),
}


def crossings():
    for client in CLIENTS:
        for wire in PLAYS:
            for name in GOOD[wire] + REAL.get(wire, ()):
                yield client, wire, name


def test_whole_answers(w):
    tried = 0
    for client, wire, name in crossings():
        recorded = fixture(wire, name, "answer.json")
        if recorded is None:
            continue
        a = ask(w, client, f"{wire}/{name}")
        assert a.status == 200, (client, wire, name, a.body)
        assert a.headers["content-type"].startswith("application/json"), a.headers
        same(client, WHOLE[client](a.json()), WHOLE[wire](json.loads(recorded)),
             (client, wire, name))
        tried += 1
    assert tried > 80, tried


def test_streams(w):
    tried = 0
    for client, wire, name in crossings():
        recorded = fixture(wire, name, "stream.txt")
        if recorded is None:
            continue
        a = ask(w, client, f"{wire}/{name}", stream=True)
        assert a.status == 200 and a.whole, (client, wire, name, a.body)
        assert a.headers["content-type"].startswith("text/event-stream"), a.headers
        same(client, STREAM[client](events_of(a.body)), STREAM[wire](events_of(recorded)),
             (client, wire, name))
        if client == "responses" and wire != client:
            assert a.body.count(b'"sequence_number":') == a.body.count(b"data:"), a.body
        tried += 1
    assert tried > 80, tried


def test_same_protocol_is_untouched(w):
    for client in CLIENTS:
        for name in GOOD[client][:1] + REAL[client]:
            a = ask(w, client, f"{client}/{name}")
            assert a.body == fixture(client, name, "answer.json"), client
            a = ask(w, client, f"{client}/{name}", stream=True)
            assert a.body == fixture(client, name, "stream.txt"), (client, a.body)
            assert seen(w, client)[1]["model"] == name
        for name in ("real-error", "real-error-context"):
            a = ask(w, client, f"{client}/{name}")
            told = json.loads(fixture(client, name, "error.json"))
            assert a.status == told["status"] and a.json() == told["body"], (client, a.body)


def test_a_real_servers_usage_is_cut_out_again(w):
    for name in REAL["openai_chat"]:
        a = w.sluice.request("POST", "/v1/chat/completions",
                             {"model": f"openai_chat/{name}", "messages": [], "stream": True},
                             key=None)
        *before, usage, done, nothing = fixture("openai_chat", name, "stream.txt").split(b"\n\n")
        assert b'"usage":{' in usage and done == b"data: [DONE]" and not nothing, usage
        assert a.body == b"\n\n".join([*before, done, b""]), (name, a.body)
        row, told = w.sluice.turn(a), json.loads(usage[6:])["usage"]
        assert row["input"] + row["cached"] == told["prompt_tokens"], (row, told)
        assert row["output"] == told["completion_tokens"] and row["counted"] == "provider", row


def test_ledger_counts_every_protocol(w):
    for client in CLIENTS:
        for wire in PLAYS:
            for stream in (False, True):
                a = ask(w, client, f"{wire}/text", stream=stream)
                meant = WHOLE[wire](json.loads(fixture(wire, "text", "answer.json")))
                if stream:
                    meant = STREAM[wire](events_of(fixture(wire, "text", "stream.txt")))
                row = w.sluice.turn(a)
                assert row["state"] == "done" and row["counted"] == "provider", (client, wire, row)
                assert row["output"] + row["reasoning"] == meant["out"], (client, wire, row)


def test_what_arrived_behind_the_last_count_is_estimated(w):
    """Anthropic counts the answer when it is whole; until then it says 1."""
    def event(kind, **more):
        return b"event: %s\ndata: %s\n\n" % (kind.encode(),
                                            json.dumps({"type": kind, **more}).encode())
    message = {"id": "m", "type": "message", "role": "assistant", "model": "c", "content": [],
               "usage": {"input_tokens": 10, "output_tokens": 1}}
    text = {"type": "text_delta", "text": "x" * 400}
    events = [event("message_start", message=message),
              event("content_block_start", index=0, content_block={"type": "text", "text": ""}),
              *[event("content_block_delta", index=0, delta=text)] * 10]
    w.providers["anthropic"].answers = Always(stream(*events, end=False))
    try:
        answers = [ask(w, client, "anthropic/text", stream=True) for client in CLIENTS]
    finally:
        w.providers["anthropic"].answers = Always(play("anthropic"))
    for a in answers:
        row = w.sluice.turn(a)
        assert row["state"] == "partial" and row["counted"] == "estimate", row
        assert (row["input"], row["output"]) == (10, 1 + 10 * 400 // 4), row
        assert row["cost_usd_nanos"] == 10 * 1000 + 1001 * 10000, row


def test_requests_are_carried_over(w):
    tools = [{"type": "function", "function": {
        "name": "look", "description": "looks", "parameters": {
            "type": "object", "properties": {"at": {"type": "string"}}}}}]
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [
            {"type": "text", "text": "What is this?"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0K"}}]},
        {"role": "assistant", "content": None, "tool_calls": [
            {"id": "call_1", "type": "function",
             "function": {"name": "look", "arguments": '{"at": "left"}'}}]},
        {"role": "tool", "tool_call_id": "call_1", "content": "a cat"}]
    for wire in ("anthropic", "gemini", "converse"):
        a = ask(w, "openai_chat", f"{wire}/text", messages=messages, tools=tools, max_tokens=50,
                temperature=0.5, stop=["END"])
        assert a.status == 200, a.body
    _, sent = seen(w, "anthropic")
    assert sent["model"] == "text" and sent["max_tokens"] == 50 and sent["temperature"] == 0.5
    assert json.dumps(sent["system"]).count("Be brief.") == 1 and sent["stop_sequences"] == ["END"]
    assert sent["messages"][1]["content"][0]["input"] == {"at": "left"}, sent
    assert sent["messages"][2]["content"][0]["tool_use_id"] == "call_1", sent
    assert sent["tools"][0]["input_schema"]["properties"] == {"at": {"type": "string"}}
    _, sent = seen(w, "gemini")
    assert sent["systemInstruction"]["parts"][0]["text"] == "Be brief.", sent
    assert sent["contents"][0]["parts"][1]["inlineData"]["data"] == "iVBORw0K", sent
    assert sent["generationConfig"]["maxOutputTokens"] == 50, sent
    _, sent = seen(w, "converse")
    assert sent["inferenceConfig"]["maxTokens"] == 50, sent
    assert sent["messages"][1]["content"][0]["toolUse"]["input"] == {"at": "left"}, sent


def header(head, name):
    found = [line.split(b":", 1)[1].strip().decode() for line in head.split(b"\r\n")[1:]
             if line.split(b":", 1)[0].lower() == name]
    return found[0] if found else None


def test_keys_and_headers(w):
    ask(w, "openai_chat", "anthropic/text", headers={"OpenAI-Beta": "x", "X-Mine": "y"})
    head, _ = seen(w, "anthropic")
    assert header(head, b"x-api-key") == "k-anthropic" and header(head, b"authorization") is None
    assert header(head, b"anthropic-version") == "2023-06-01"
    assert header(head, b"openai-beta") is None and header(head, b"x-mine") == "y"
    ask(w, "anthropic", "anthropic/text", headers={"anthropic-version": "2024-01-01"})
    assert header(seen(w, "anthropic")[0], b"anthropic-version") == "2024-01-01"
    ask(w, "anthropic", "gemini/text", headers={"anthropic-version": "2024-01-01"})
    head, _ = seen(w, "gemini")
    assert header(head, b"x-goog-api-key") == "k-gemini"
    assert header(head, b"anthropic-version") is None
    ask(w, "anthropic", "converse/text")
    head, _ = seen(w, "converse")
    assert header(head, b"authorization").startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
    assert header(head, b"x-amz-date"), head


def test_paths_of_azure(w):
    assert ask(w, "responses", "azure/text").status == 200
    head, sent = seen(w, "responses")
    assert head.startswith(b"POST /openai/v1/responses HTTP/1.1"), head
    assert sent["model"] == "text" and header(head, b"api-key") == "k-azure", head
    ask(w, "openai_chat", "azure/text")
    head, _ = seen(w, "responses")
    path = b"/openai/deployments/text/chat/completions?api-version=2024-10-21"
    assert head.startswith(b"POST " + path + b" HTTP/1.1"), head


def test_the_clients_own_key(w):
    ask(w, "openai_chat", "own/text", key="theirs")
    assert header(seen(w, "anthropic")[0], b"x-api-key") == "theirs"
    ask(w, "anthropic", "own/text", headers={"x-api-key": "theirs-2"})
    assert header(seen(w, "anthropic")[0], b"x-api-key") == "theirs-2"


def test_errors_are_in_the_clients_shape(w):
    for client in CLIENTS:
        a = ask(w, client, "nobody/knows")
        assert a.status in (404, 503) and "error" in a.json(), a.body
        assert (a.json().get("type") == "error") == (client == "anthropic"), a.body
        a = ask(w, client, "converse/error-validation")
        assert a.status == 400, (client, a.status, a.body)
        words = json.loads(fixture("converse", "error-validation", "error.json"))["message"]
        assert words[:60] in a.error()["message"], (a.error(), words)
        assert (a.json().get("type") == "error") == (client == "anthropic"), a.body
        a = w.sluice.request("POST", CLIENTS[client], b"{", key=None)
        assert a.status == 400 and (a.json().get("type") == "error") == (client == "anthropic")


def test_a_stream_that_fails(w):
    for client in CLIENTS:
        a = ask(w, client, "converse/error-in-stream", stream=True)
        assert a.status == 200 and b"Half" in a.body, a.body
        name, data = list(events_of(a.body))[-1]
        told = json.loads(data)
        words = told.get("error", told)["message"]
        assert "unexpected error" in words, (client, told)
        assert name == {"openai_chat": None, "anthropic": "error", "responses": "error"}[client]


def test_the_number_of_an_error_in_a_stream(w):
    """Responses' events are numbered, and an error goes on with that: crossed, and passed on."""
    events = fixture("responses", "text", "stream.txt").split(b"\n\n")
    cut = b"\n\n".join(events[:5]) + b"\n\n"
    a = ask(w, "responses", "converse/error-in-stream", stream=True)
    w.providers["responses"].answers = Always(stream(cut, end=False))
    try:
        answers = [a, ask(w, "responses", "responses/text", stream=True)]
    finally:
        w.providers["responses"].answers = Always(play("responses"))
    for a in answers:
        told = [json.loads(data) for _, data in events_of(a.body)]
        numbers = [event["sequence_number"] for event in told]
        assert told[-1]["type"] == "error" and len(told) > 3, told
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), numbers


def test_a_damaged_frame(w):
    good = b"".join(aws_frame(n, d.encode()) for n, d in
                    events_of(fixture("converse", "text", "stream.txt")))
    bad = good[:-1] + bytes([good[-1] ^ 1])
    def answer(conn, head, body, n):
        conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.amazon.eventstream\r\n"
                     b"Content-Length: %d\r\n\r\n" % len(bad) + bad)
    w.providers["converse"].answers = Always(answer)
    try:
        a = ask(w, "openai_chat", "converse/text", stream=True)
    finally:
        w.providers["converse"].answers = Always(play("converse"))
    assert b"damaged" in a.body and b"[DONE]" not in a.body, a.body


def calls(w, answer):
    return w.sluice.rows("SELECT provider, error, attempt FROM calls WHERE turn = ? ORDER BY seq",
                         answer.headers["x-sluice-id"])


def nobody_asked(w, answer):
    """What is refused here before anything goes out is no call, and no model's error."""
    row = w.sluice.turn(answer)
    assert (row["provider"], row["model"], row["cost_usd_nanos"]) == (None, None, 0), row
    assert calls(w, answer) == []
    for name in ("x-sluice-model", "x-sluice-cost-usd"):
        assert name not in answer.headers, answer.headers
    line = [x for x in w.sluice.log().splitlines() if answer.headers["x-sluice-id"] in x][-1]
    assert "provider=- model=- " in line and "calls=0" in line, line


def test_what_cannot_be_carried_is_refused(w):
    before = len(w.providers["anthropic"].seen)
    a = ask(w, "openai_chat", "anthropic/text", n=2)
    assert a.status == 400 and "more than one choice" in a.error()["message"], a.body
    nobody_asked(w, a)
    a = w.sluice.request("POST", "/v1/completions", {"model": "anthropic/text", "prompt": "x"},
                         key=None)
    assert a.status == 400 and "openai.completion" in a.error()["message"], a.body
    for member, param in (("foo", "foo"), ("b\u00e4r'\"", "b\u00e4r'\""), ("x" * 200, None)):
        a = ask(w, "openai_chat", "anthropic/text", **{member: 1})
        assert a.status == 400 and a.error()["param"] == param, a.body
        assert f"the member '{member[:60]}" in a.error()["message"], a.body
    assert len(w.providers["anthropic"].seen) == before
    a = ask(w, "openai_chat", "anthropic/text", metadata={"a": "b"})
    assert a.status == 200 and a.headers["x-sluice-left-out"] == "metadata", a.headers


def test_a_fallback_that_can_carry_it(w):
    a = ask(w, "openai_chat", "either", logit_bias={"50256": -100})
    assert a.status == 200 and a.headers["x-sluice-model"] == "openai_chat/text", a.headers
    row = w.sluice.turn(a)
    assert row["state"] == "done" and row["provider"] == "openai_chat", row
    assert calls(w, a) == [("openai_chat", None, 1)], calls(w, a)
    a = ask(w, "openai_chat", "neither", logit_bias={"50256": -100})
    assert a.status == 400 and "gemini has nothing for logit_bias" in a.error()["message"], a.body
    nobody_asked(w, a)
    a = ask(w, "openai_chat", "failing", logit_bias={"50256": -100})  # the last is not asked
    assert a.status == 400 and a.headers["x-sluice-model"] == "dead/x", a.headers
    row = w.sluice.turn(a)
    assert (row["provider"], row["model"]) == ("dead", "x"), row
    assert calls(w, a) and {c[0] for c in calls(w, a)} == {"dead"}, calls(w, a)


def test_responses_that_go_by_kept_state(w):
    a = ask(w, "responses", "responses/text", previous_response_id="resp_1")  # nobody has a key here
    assert a.status == 200 and seen(w, "responses")[1]["previous_response_id"] == "resp_1", a.body
    a = ask(w, "responses", "anthropic/text", previous_response_id="resp_1")
    assert a.status == 400 and "keeps" in a.error()["message"], a.body


def test_effort_in_every_protocol(w):
    a = ask(w, "openai_chat", "lane/deep")
    assert a.status == 200, a.body
    assert seen(w, "anthropic")[1]["output_config"] == {"effort": "high"}
    a = ask(w, "anthropic", "lane/deep")
    assert a.status == 200, a.body
    assert seen(w, "anthropic")[1]["output_config"] == {"effort": "high"}


def test_a_provider_that_answers_html(w):
    def answer(conn, head, body, n):
        page = b"<html>Bad Gateway</html>"
        conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n"
                     % len(page) + page)
    w.providers["gemini"].answers = Always(answer)
    try:
        for client in CLIENTS:
            a = ask(w, client, "gemini/text")
            assert a.status == 502 and "JSON" in a.error()["message"], a.body
    finally:
        w.providers["gemini"].answers = Always(play("gemini"))


def test_count_of_tokens(w):
    body = {"model": "anthropic/text", "messages": [{"role": "user", "content": "hi"}]}
    a = w.sluice.request("POST", "/v1/messages/count_tokens", body, key=None)
    assert a.status == 200 and a.json() == {"input_tokens": 2095}, a.body
    head, sent = seen(w, "anthropic")
    assert b"/v1/messages/count_tokens " in head and sent["model"] == "text"
    row = w.sluice.turn(a)
    assert row["state"] == "done" and row["cost_usd_nanos"] == 0 and row["input"] == 0, row
    body["model"] = "gemini/text"
    a = w.sluice.request("POST", "/v1/messages/count_tokens", body, key=None)
    assert a.status == 200 and 5 < a.json()["input_tokens"] < 50, a.body
    assert a.headers["x-sluice-estimated"] == "input_tokens", a.headers
    a = w.sluice.request("POST", "/v1/messages/count_tokens", {"model": "gemini/text"}, key=None)
    assert a.status == 400 and a.json()["type"] == "error", a.body


def test_models_as_anthropic_lists_them(w):
    a = w.sluice.request("GET", "/v1/models", headers={"anthropic-version": "2023-06-01"}, key=None)
    told = a.json()
    assert told["first_id"] == told["data"][0]["id"] == "either" and not told["has_more"], told
    assert told["last_id"] == "neither" and len(told["data"]) == 4, told
    assert told["data"][0]["type"] == "model" and told["data"][0]["created_at"].endswith("Z")


def test_every_answer_has_an_id(w):
    for stream in (False, True):
        ids = set()
        for _ in range(2):
            a = ask(w, "openai_chat", "converse/text", stream=stream)
            told = [json.loads(d) for _, d in events_of(a.body) if d != "[DONE]"]
            told = told or [a.json()]
            assert len({t["id"] for t in told}) == 1 and told[0]["id"], told
            ids.add(told[0]["id"])
        assert len(ids) == 2, ids


def test_the_alias_in_front(w):
    a = w.sluice.request("POST", "/anthropic/v1/messages", body_of("anthropic", "anthropic/text"),
                         key=None)
    assert a.status == 200 and a.body == fixture("anthropic", "text", "answer.json")


def left_out(client, body):
    """What a stream's last events tell of it."""
    told = [json.loads(data) for _, data in events_of(body) if data != "[DONE]"]
    found = [t.get("response", t)["x_sluice_left_out"] for t in told
             if "x_sluice_left_out" in t.get("response", t)]
    assert len(found) <= 1, found
    return found[0] if found else None


def log_line(w, answer):
    """The log's line of the turn."""
    end = time.time() + 5
    while time.time() < end:
        for line in w.sluice.log().splitlines():
            if answer.headers["x-sluice-id"] in line:
                return line
        time.sleep(0.02)
    raise AssertionError("the log has no line of it")


# What each of these answers has that a client may not get: for chat, Anthropic and Responses.
PARTS = {
    ("gemini", "image-made"): (None, "an image", None),
    ("gemini", "code-and-search"): ("citations in a form of its own, code that the provider ran",) * 3,
    ("openai_chat", "annotations"): (None, "citations of web pages, citations in a form of its own",
                                     "citations in a form of its own"),
    ("openai_chat", "audio"): (None, "sound", "sound"),
    ("responses", "tools-of-the-provider"): (
        "citations in a form of its own, a search that the provider made, code that the provider "
        "ran, a tool that the provider ran",
        "citations of web pages, an image, citations in a form of its own, a search that the "
        "provider made, code that the provider ran, a tool that the provider ran", None),
    ("anthropic", "code-execution"): (
        "citations in a form of its own, a search that the provider made, code that the provider "
        "ran, a tool that the provider ran", None,
        "citations in a form of its own, a search that the provider made, code that the provider "
        "ran, a tool that the provider ran"),
}


def test_what_an_answer_loses_is_named(w):
    clients = ("openai_chat", "anthropic", "responses")
    for (wire, name), names in PARTS.items():
        for client, want in zip(clients, names):
            if client == wire:
                continue  # its bytes go on as they came
            a = ask(w, client, f"{wire}/{name}")
            assert a.status == 200, (client, wire, name, a.body)
            assert a.headers.get("x-sluice-left-out") == want, (client, wire, name, a.headers)
            a = ask(w, client, f"{wire}/{name}", stream=True)
            assert a.status == 200 and a.whole, (client, wire, name, a.body)
            assert left_out(client, a.body) == want, (client, wire, name, a.body)
            line = log_line(w, a)
            assert ("left_out=" in line) == bool(want) and (not want or want in line), line


def test_images_reach_who_can_show_them(w):
    data = json.loads(fixture("gemini", "image-made", "answer.json"))
    png = data["candidates"][0]["content"]["parts"][1]["inlineData"]["data"]
    a = ask(w, "openai_chat", "gemini/image-made").json()
    assert a["choices"][0]["message"]["images"][0]["image_url"]["url"].endswith("base64," + png)
    a = ask(w, "responses", "gemini/image-made").json()
    assert [item["type"] for item in a["output"]] == ["message", "image_generation_call"], a
    assert a["output"][1]["result"] == png
    a = ask(w, "responses", "gemini/image-made", stream=True)
    last = json.loads(list(events_of(a.body))[-1][1])["response"]
    assert last["output"][1]["result"] == png and last["status"] == "completed", last


def test_an_answer_of_which_nothing_is_left(w):
    a = ask(w, "anthropic", "gemini/image-alone")
    assert a.status == 502 and a.json()["type"] == "error", a.body
    assert a.error()["code"] == "upstream_unsupported_answer", a.body
    assert a.error()["message"].startswith("provider gemini answered with nothing but an image")
    row = w.sluice.turn(a)
    assert row["state"] == "failed" and row["output"] > 1000, row  # it was made, and is billed
    a = ask(w, "anthropic", "gemini/image-alone", stream=True)
    name, data = list(events_of(a.body))[-1]
    assert a.status == 200 and name == "error" and "nothing but an image" in data, a.body
    assert b"message_stop" not in a.body
    a = ask(w, "openai_chat", "gemini/image-alone")
    assert a.status == 200 and "images" in a.json()["choices"][0]["message"], a.body


def test_who_asks_for_a_stream_gets_one(w):
    """Also of a provider that answers whole; and one that streams unasked is told of."""
    for client in CLIENTS:
        for wire in PLAYS:
            if wire == client:
                continue
            body = fixture(wire, "text", "answer.json")
            def answer(conn, head, sent, n, body=body):
                conn.sendall(whole(body))
            w.providers[wire].answers = Always(answer)
            try:
                a = ask(w, client, f"{wire}/text", stream=True)
            finally:
                w.providers[wire].answers = Always(play(wire))
            assert a.status == 200 and a.whole, (client, wire, a.body)
            assert a.headers["content-type"].startswith("text/event-stream"), a.headers
            same(client, STREAM[client](events_of(a.body)), WHOLE[wire](json.loads(body)),
                 (client, wire))
            row = w.sluice.turn(a)
            assert row["state"] == "done" and row["counted"] == "provider", row
    def streams(conn, head, sent, n):
        part = fixture("anthropic", "text", "stream.txt")
        conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                     b"Content-Length: %d\r\n\r\n" % len(part) + part)
    w.providers["anthropic"].answers = Always(streams)
    try:
        a = ask(w, "openai_chat", "anthropic/text")
    finally:
        w.providers["anthropic"].answers = Always(play("anthropic"))
    assert a.status == 502 and "was to be whole" in a.error()["message"], a.body


def test_a_stream_without_its_last_event(w):
    """Servers close the connection in its place. Clients still get all that their protocol ends with."""
    for wire in ("openai_chat", "anthropic", "converse"):
        events = list(events_of(fixture(wire, "text", "stream.txt")))[:-1]
        kind, part = "text/event-stream", b"".join(
            (f"event: {name}\n" if name else "").encode() + f"data: {data}\n\n".encode()
            for name, data in events)
        if wire == "converse":
            kind = "application/vnd.amazon.eventstream"
            part = b"".join(aws_frame(name, data.encode()) for name, data in events)
        def answer(conn, head, sent, n, kind=kind, part=part):
            conn.sendall(f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\n"
                         f"Content-Length: {len(part)}\r\n\r\n".encode() + part)
        for client in CLIENTS:
            if client == wire:
                continue
            w.providers[wire].answers = Always(answer)
            try:
                a = ask(w, client, f"{wire}/text", stream=True)
            finally:
                w.providers[wire].answers = Always(play(wire))
            usual = ask(w, client, f"{wire}/text", stream=True)
            last, meant = ([name or data for name, data in events_of(one.body)][-1]
                           for one in (a, usual))
            assert last == meant and a.whole, (client, wire, a.body[-300:])
            assert w.sluice.turn(a)["state"] == "done"
            assert STREAM[client](events_of(a.body))["stop"], (client, wire, a.body[-300:])


def test_calls_that_take_turns(w):
    meant = [("look", {"at": "left"}), ("listen", {"to": 1})]
    for client in ("anthropic", "responses"):
        a = ask(w, client, "openai_chat/calls-interleaved", stream=True)
        assert STREAM[client](events_of(a.body))["calls"] == meant, a.body


def test_calls_that_are_no_json(w):
    for client in ("anthropic", "responses"):
        a = ask(w, client, "openai_chat/call-broken")
        assert a.status == 502 and "look with arguments" in a.error()["message"], a.body
        a = ask(w, client, "openai_chat/call-broken", stream=True)
        name, data = list(events_of(a.body))[-1]
        assert name == "error" and "look with arguments" in data, a.body


def test_arguments_that_are_no_object(w):
    """They are not called with nothing in their place."""
    gemini = {"candidates": [{"finishReason": "STOP", "content": {"parts": [
        {"functionCall": {"name": "look", "args": ["left"]}}]}}], "usageMetadata": {"promptTokenCount": 1}}
    converse = {"stopReason": "tool_use", "usage": {"inputTokens": 1}, "output": {"message": {"content": [
        {"toolUse": {"toolUseId": "t", "name": "look", "input": ["left"]}}]}}}
    for wire, body in (("gemini", gemini), ("converse", converse)):
        def answer(conn, head, sent, n, body=body):
            conn.sendall(whole(json.dumps(body).encode()))
        w.providers[wire].answers = Always(answer)
        try:
            for client in CLIENTS:
                a = ask(w, client, f"{wire}/m")
                assert a.status == 502 and "look with arguments" in a.error()["message"], a.body
        finally:
            w.providers[wire].answers = Always(play(wire))


def test_data_of_many_megabytes(w):
    """Pictures in URLs take as much memory as a body may have, with each provider that is tried."""
    url = "data:image/png;base64," + "A" * (9 << 20)
    parts = [{"type": "image_url", "image_url": {"url": url}}]
    a = ask(w, "openai_chat", "anthropic/text", messages=[{"role": "user", "content": parts}])
    source = seen(w, "anthropic")[1]["messages"][0]["content"][0]["source"]
    assert a.status == 200 and source["data"] == "A" * (9 << 20), a.body[:300]
    a = ask(w, "responses", "gemini/text", input=[
        {"role": "user", "content": [{"type": "input_image", "image_url": url}]}])
    data = seen(w, "gemini")[1]["contents"][0]["parts"][0]["inlineData"]["data"]
    assert a.status == 200 and data == "A" * (9 << 20), a.body[:300]


def test_more_than_memory_is_for(w):
    """An error is an answer, too, and says whose fault it was."""
    messages = [{"role": "user", "content": "x"}]
    for _ in range(20000):
        messages += [{"role": "assistant", "tool_calls": [
            {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
            {"role": "tool", "tool_call_id": "c", "content": "y"}]
    a = ask(w, "openai_chat", "anthropic/text", messages=messages)
    assert a.status == 503 and a.error()["code"] == "out_of_memory", (a.status, a.body[:300])
    cited = {"type": "url_citation", "url_citation": {"url": "u" * 60, "title": "t"}}
    body = {"choices": [{"message": {"content": "x", "annotations": [cited] * 30000}, "finish_reason": "stop"}]}
    def answer(conn, head, sent, n):
        conn.sendall(whole(json.dumps(body).encode()))
    w.providers["openai_chat"].answers = Always(answer)
    try:
        a = ask(w, "responses", "openai_chat/text")
    finally:
        w.providers["openai_chat"].answers = Always(play("openai_chat"))
    assert a.status == 502 and a.error()["code"] == "upstream_too_large", (a.status, a.body[:300])


def test_two_blocks_of_thinking(w):
    """Each comes back with its own text, however a client puts a stream together."""
    a = ask(w, "openai_chat", "anthropic/thinking-two", stream=True)
    blocks = {}
    for _, data in events_of(a.body):
        for choice in json.loads(data)["choices"] if data != "[DONE]" else ():
            for piece in choice["delta"].get("thinking_blocks", ()):
                known = blocks.setdefault(piece["index"], {"thinking": "", "signature": ""})
                known["thinking"] += piece.get("thinking", "")
                known["signature"] += piece.get("signature", "")
    want = [b for b in json.loads(fixture("anthropic", "thinking-two", "answer.json"))["content"]
            if b["type"] == "thinking"]
    got = [{"type": "thinking", **blocks[i]} for i in sorted(blocks)]
    assert got == want, got
    ask(w, "openai_chat", "anthropic/text", messages=[
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "So. Done.", "thinking_blocks": got},
        {"role": "user", "content": "b"}])
    assert seen(w, "anthropic")[1]["messages"][1]["content"][:2] == want


def test_unsigned_thinking_does_not_go_to_claude(w):
    messages = [{"role": "user", "content": "a"},
                {"role": "assistant", "content": "b", "reasoning_content": "hm"},
                {"role": "user", "content": "c"}]
    for model, sent in (("anthropic.claude-sonnet-4-5", False), ("openai.gpt-oss-120b-1:0", True)):
        w.providers["converse"].answers = Always(lambda conn, head, body, n: conn.sendall(
            whole(fixture("converse", "text", "answer.json"))))
        try:
            a = ask(w, "openai_chat", f"converse/{model}", messages=messages)
        finally:
            w.providers["converse"].answers = Always(play("converse"))
        assert a.status == 200, a.body
        content = seen(w, "converse")[1]["messages"][1]["content"]
        assert any("reasoningContent" in block for block in content) == sent, content


def test_a_service_tier_that_goes_without_saying(w):
    a = ask(w, "openai_chat", "gemini/text", service_tier="auto")
    assert a.status == 200 and "x-sluice-left-out" not in a.headers, a.headers
    a = ask(w, "openai_chat", "gemini/text", service_tier="flex")
    assert a.headers["x-sluice-left-out"] == "service tier", a.headers
