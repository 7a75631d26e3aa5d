"""Turns that are recorded: nothing planted is left in the files, and what is recorded can be played."""

import glob
import json
import os
import random
import re
import signal
import socket
import stat
import subprocess
import threading
import time
from types import SimpleNamespace

from world import (DONE, KEY, SLUICE, USAGE, Provider, Sluice, delta, endless, status, stream, whole)

CONFIG = """
listen: 127.0.0.1:@PORT@
admin_listen: 127.0.0.1:@ADMIN@
state: {ledger: "sqlite:@FOLDER@/ledger.db"}
providers:
  p: {base_url: "http://127.0.0.1:%d/v1", responses: on, timeouts: {first_token: 3s}}
  a: {kind: anthropic, base_url: "http://127.0.0.1:%d/v1", key: x}
default_provider: p
models:
  alias: {is: p/real}
prices:
  p/real: {input: 1, output: 4}
retry: {attempts: 1}
keys:
  require: true
  declared:
    app: {secret: "${TEST_KEY}", tenant: shop}
    quiet: {secret: quiet-key, tenant: rest}
    boss: {secret: boss-key, admin: true}
recording:
  folder: "@FOLDER@/recordings"
  redact: [email, phone, card, iban, ipv4, ipv6, api_key, bearer,
           {name: ticket, pattern: 'TICKET-\\d+'}]
  except: {keys: [quiet], apis: [openai.embedding]}
  turn_bytes: 1MiB
"""

PLAYER = """
listen: 127.0.0.1:@PORT@
state: {ledger: off}
providers: {tape: {kind: recorded, file: "%s"}}
"""

# What must not be in any byte of the folder, in any spelling that the tests give it.
SECRETS = ["ann.smith@mail.example.com", "4111 1111 1111 1111", "4111111111111111",
           "DE89370400440532013000", "+49 30 901820-17", "sk-abcdEFGH12345678",
           "192.168.77.13", "2001:db8::8a2e:370:7334", "TICKET-90210", "Bearer abc123DEF456ghi789"]
PATHS = {"chat": "/v1/chat/completions", "messages": "/v1/messages", "responses": "/v1/responses",
         "completion": "/v1/completions"}


def open_world():
    p = Provider()
    config = CONFIG % (p.port, p.port)
    return SimpleNamespace(p=p, config=config, sluice=Sluice(config))


# ---- what clients send and providers say ----

def request(protocol, model, text, stream=False, **more):
    body = {"model": "a/" + model if protocol == "messages" else model, **more}
    if protocol in ("chat", "messages"):
        body["messages"] = [{"role": "user", "content": text}]
    else:
        body["input" if protocol == "responses" else "prompt"] = text
    if protocol == "messages":
        body["max_tokens"] = 50
    if stream:
        body["stream"] = True
    if stream and protocol in ("chat", "completion"):
        body["stream_options"] = {"include_usage": True}
    return body


def answer(protocol, text):
    usage = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
    if protocol == "chat":
        return {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "usage": usage,
                "choices": [{"index": 0, "message": {"role": "assistant", "content": text},
                             "finish_reason": "stop"}]}
    if protocol == "completion":
        return {"id": "c", "object": "text_completion", "created": 1, "model": "m", "usage": usage,
                "choices": [{"index": 0, "text": text, "finish_reason": "stop"}]}
    if protocol == "messages":
        return {"id": "m", "type": "message", "role": "assistant", "model": "m",
                "content": [{"type": "text", "text": text}], "stop_reason": "end_turn",
                "stop_sequence": None, "usage": {"input_tokens": 3, "output_tokens": 4}}
    return {"id": "r", "object": "response", "created_at": 1, "status": "completed", "model": "m",
            "output": [{"type": "message", "id": "i", "role": "assistant", "status": "completed",
                        "content": [{"type": "output_text", "text": text, "annotations": []}]}],
            "usage": {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}}


def event(data, name=None):
    head = b"event: " + name.encode() + b"\n" if name else b""
    return head + b"data: " + json.dumps(data).encode() + b"\n\n"


def answer_events(protocol, pieces):
    if protocol in ("chat", "completion"):
        part = {"chat": lambda p: {"delta": {"content": p}}, "completion": lambda p: {"text": p}}
        kind = {"chat": "chat.completion.chunk", "completion": "text_completion"}[protocol]
        said = [event({"id": "c", "object": kind, "created": 1, "model": "m", "choices": [
            {"index": 0, **part[protocol](p), "finish_reason": None}]}) for p in pieces]
        end = event({"id": "c", "object": kind, "created": 1, "model": "m", "choices": [
            {"index": 0, **part[protocol](""), "finish_reason": "stop"}]})
        return [*said, end, USAGE, DONE]
    if protocol == "messages":
        start = answer(protocol, "")
        start.update(content=[], stop_reason=None)
        return [event({"type": "message_start", "message": start}, "message_start"),
                event({"type": "content_block_start", "index": 0,
                       "content_block": {"type": "text", "text": ""}}, "content_block_start"),
                b"event: ping\ndata: {\"type\": \"ping\"}\n\n",
                *[event({"type": "content_block_delta", "index": 0,
                         "delta": {"type": "text_delta", "text": p}}, "content_block_delta")
                  for p in pieces],
                event({"type": "content_block_stop", "index": 0}, "content_block_stop"),
                event({"type": "message_delta", "delta": {"stop_reason": "end_turn"},
                       "usage": {"output_tokens": 4}}, "message_delta"),
                event({"type": "message_stop"}, "message_stop")]
    text = "".join(pieces)
    return [event({"type": "response.created", "response": {
                **answer(protocol, ""), "output": [], "status": "in_progress"}},
                  "response.created"),
            *[event({"type": "response.output_text.delta", "item_id": "i", "output_index": 0,
                     "content_index": 0, "delta": p}, "response.output_text.delta")
              for p in pieces],
            event({"type": "response.output_text.done", "item_id": "i", "output_index": 0,
                   "content_index": 0, "text": text}, "response.output_text.done"),
            event({"type": "response.completed", "response": answer(protocol, text)},
                  "response.completed")]


def cut(text, rng):
    pieces = []
    while text:
        n = rng.randint(1, 9)
        pieces.append(text[:n])
        text = text[n:]
    return pieces


def escaped(body, rng):
    """The same JSON with much of what its longer strings say written as \\u00XX."""
    def string(match):
        text = json.loads(match[0])
        return match[0] if len(text) < 12 else '"' + "".join(
            "\\u%04x" % ord(c) if rng.random() < 0.5 or c in '"\\' else c for c in text) + '"'
    return re.sub(r'"(?:[^"\\]|\\.)*"', string, json.dumps(body)).encode()


# ---- the folder ----

def folder(s):
    return os.path.join(s.folder, "recordings")


def files(s):
    return sorted(glob.glob(os.path.join(folder(s), "*")))


def all_bytes(s):
    data = b""
    for path in files(s):
        with open(path, "rb") as f:
            data += f.read()
    return data


def lines(s):
    return [json.loads(line) for line in all_bytes(s).splitlines()]


def fates(s):
    found = {}
    for line in s.request("GET", "/metrics", port=s.admin_port).body.decode().splitlines():
        if line.startswith("sluice_recordings_total{"):
            found[line.split('"')[1]] = int(float(line.split()[-1]))
    return found


def line_of(s, turn, seconds=10):
    end = time.time() + seconds
    while time.time() < end:
        for line in lines_so_far(s):
            if line["turn"] == turn:
                return line
        time.sleep(0.02)
    raise AssertionError(f"no line of turn {turn}: {fates(s)}")


def lines_so_far(s):
    data = all_bytes(s)
    return [json.loads(line) for line in data[:data.rfind(b"\n") + 1].splitlines()]


def fate_grows(s, name, before, seconds=10):
    end = time.time() + seconds
    while fates(s).get(name, 0) <= before.get(name, 0):
        assert time.time() < end, (name, fates(s), before)
        time.sleep(0.02)


def says(w, protocol, model, text, rng, stream_it):
    """The provider's answer under that model's name."""
    if stream_it:
        w.p.answers[model] = stream(*answer_events(protocol, cut(text, rng)))
    else:
        w.p.answers[model] = whole_of(json.dumps(answer(protocol, text)).encode())


def whole_of(body):
    def say(conn, head, request_body, n):
        conn.sendall(whole(body))
    return say


def ask(s, protocol, body, headers=None, key=KEY):
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    return s.request("POST", PATHS[protocol], body, headers, key)


# ---- the tests ----

def test_line_says_what_the_turn_was(w):
    w.p.answers["real"] = whole_of(json.dumps(answer("chat", "Paris")).encode())
    body = request("chat", "alias", "the capital of France?")
    a = ask(w.sluice, "chat", body, {"x-sluice-task": "geo", "x-sluice-session": "s1",
                                     "x-sluice-tags": "x,y"})
    assert a.status == 200
    line = line_of(w.sluice, a.headers["x-sluice-id"])
    want = {"api": "openai.chat", "tenant": "shop", "key": "app", "asked": "alias",
            "model": "real", "provider": "p", "state": "done", "status": 200, "task": "geo",
            "session": "s1", "tags": "x,y", "calls": 1, "redacted": 0}
    assert {k: line.get(k) for k in want} == want
    assert line["request"] == json.dumps(body) and line["body"].encode() == a.body
    assert (line["tokens"]["input"], line["tokens"]["output"]) == (3, 4)
    assert abs(line["cost_usd"] - 0.000019) < 1e-12
    assert line["latency"]["total_ms"] >= line["latency"]["first_ms"] >= 0
    assert KEY.encode() not in all_bytes(w.sluice)
    assert stat.S_IMODE(os.stat(folder(w.sluice)).st_mode) == 0o700
    assert {stat.S_IMODE(os.stat(f).st_mode) for f in files(w.sluice)} == {0o600}


def test_nothing_planted_is_left(w):
    rng = random.Random(4)
    turns = []
    for round_ in range(3):
        for protocol in PATHS:
            for stream_it in (False, True):
                model = f"plant-{protocol}-{stream_it}-{round_}"
                secrets = rng.sample(SECRETS, 4)
                text = "begin " + " ; ".join(secrets[:2]) + " middle " + \
                    json.dumps({"deep": secrets[2]}) + " end"
                says(w, protocol, model, text, rng, stream_it)
                asked = request(protocol, model, "I: " + secrets[3] + " you", stream_it,
                                metadata={secrets[1]: secrets[2]})
                a = ask(w.sluice, protocol, escaped(asked, rng) if round_ else asked, {"x-sluice-task": secrets[0],
                                                   "x-sluice-session": secrets[3]})
                assert a.status == 200, (protocol, a.body)
                turns.append((a.headers["x-sluice-id"], stream_it))
    for turn, stream_it in turns:
        line = line_of(w.sluice, turn)
        assert line["state"] == "done" and line["redacted"] >= 8, line
        said = "".join(line["stream"]) if stream_it else line["body"]
        assert ("middle" in said or stream_it) and "mail.example" not in said
    data = all_bytes(w.sluice)
    for secret in SECRETS:
        assert secret.encode() not in data, secret


def test_split_over_deltas(w):
    """The pieces that are left say the text around it, and no half of it."""
    text = "write to ann.smith@mail.example.com or pay 4111 1111 1111 1111, please"
    for protocol in PATHS:
        for n in (1, 2, 5):
            model = f"split-{protocol}-{n}"
            pieces = [text[i:i + n] for i in range(0, len(text), n)]
            w.p.answers[model] = stream(*answer_events(protocol, pieces))
            a = ask(w.sluice, protocol, request(protocol, model, "hi", True))
            line = line_of(w.sluice, a.headers["x-sluice-id"])
            said = ""
            for e in line["stream"]:
                data = json.loads(e[e.index("data: ") + 6:]) if "[DONE]" not in e else {}
                for c in data.get("choices", []):
                    said += c.get("delta", {}).get("content", "") or c.get("text", "")
                d = data.get("delta")
                said += d.get("text", "") if isinstance(d, dict) else d or ""
            assert said == "write to [email] or pay [card], please", (protocol, n, said)


def played(w, models):
    """The folder so far, played by a sluice of its own; its answers to the same requests."""
    other = Sluice(PLAYER % folder(w.sluice))
    try:
        return [other.request("POST", PATHS[protocol], body, key=None) for protocol, body in models]
    finally:
        assert other.stop() == 0


def test_played_back_to_the_byte(w):
    rng = random.Random(9)
    asked, answers = [], []
    for protocol in PATHS:
        for stream_it in (False, True):
            for text in ("Plain words.", "Caf\u00e9 \u4f8b \U0001f600 \"quoted\"\n\\ 1.50"):
                model = f"tape-{protocol}-{stream_it}-{len(asked)}"
                if stream_it:
                    events = answer_events(protocol, cut(text, rng))
                    events.insert(1, b": a comment\n\n")
                    w.p.answers[model] = stream(*events)
                else:  # as a provider may write it, white space and all
                    body = json.dumps({"x": 1.50, **answer(protocol, text)}, indent=2) + "\n"
                    w.p.answers[model] = whole_of(body.encode())
                body = json.dumps(request(protocol, model, f"say {text}", stream_it)).encode()
                a = ask(w.sluice, protocol, body)
                assert a.status == 200 and a.whole, a.body
                line_of(w.sluice, a.headers["x-sluice-id"])
                asked.append((protocol, body))
                answers.append(a)
    for (protocol, body), then, now in zip(asked, answers, played(w, asked)):
        assert now.status == 200 and now.body == then.body, (protocol, body, then.body, now.body)
        assert now.headers["content-type"].split(";")[0] == \
            then.headers["content-type"].split(";")[0]


def test_played_back_where_it_was_redacted(w):
    """The recorded request, as it is in the file, finds its answer."""
    w.p.answers["tape-red"] = whole_of(json.dumps(answer("chat", "mail a@b.example")).encode())
    a = ask(w.sluice, "chat", request("chat", "tape-red", "I am ann.smith@mail.example.com"))
    line = line_of(w.sluice, a.headers["x-sluice-id"])
    again, = played(w, [("chat", line["request"].encode())])
    assert again.body == a.body.replace(b"a@b.example", b"[email]"), again.body


def test_client_that_leaves(w):
    gone = []
    w.p.answers["endless"] = endless(gone, delta(b"ann.smith@mail.example.com "))
    body = json.dumps(request("chat", "endless", "talk", True)).encode()
    with socket.create_connection(("127.0.0.1", w.sluice.port), 5) as s:
        s.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer "
                  + KEY.encode() + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        data = b""
        while data.count(b"data: ") < 3:
            data += s.recv(65536)
    turn = data.split(b"x-sluice-id: ")[1].split(b"\r\n")[0].decode()
    line = line_of(w.sluice, turn)
    assert line["state"] == "partial" and line["error"] == "client_gone", line
    assert len(line["stream"]) >= 3 and "[email]" in line["stream"][0]
    again, = played(w, [("chat", body)])
    assert again.status != 200, "what was cut short is not played"


def test_client_that_leaves_before_an_answer(w):
    def hangs(conn, head, body, n):
        time.sleep(1)
        return "close"
    w.p.answers["hangs"] = hangs
    before = set(line["turn"] for line in lines_so_far(w.sluice))
    body = json.dumps(request("chat", "hangs", "I am ann.smith@mail.example.com")).encode()
    with socket.create_connection(("127.0.0.1", w.sluice.port), 5) as s:
        s.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer "
                  + KEY.encode() + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        time.sleep(0.2)
    end = time.time() + 5
    while not (fresh := [line for line in lines_so_far(w.sluice) if line["turn"] not in before]):
        assert time.time() < end, fates(w.sluice)
        time.sleep(0.02)
    assert fresh[0]["error"] == "client_gone" and "body" not in fresh[0], fresh
    assert json.loads(fresh[0]["request"])["messages"][0]["content"] == "I am [email]"


def test_errors_are_recorded(w):
    w.p.answers["refuses"] = status("400 Bad Request", b'{"error":{"message":"ask a@b.example"}}')
    a = ask(w.sluice, "chat", request("chat", "refuses", "hi"))
    assert a.status == 400
    line = line_of(w.sluice, a.headers["x-sluice-id"])
    assert (line["state"], line["status"], line["error"]) == ("failed", 400, "upstream_error")
    assert line["body"] == '{"error":{"message":"ask [email]"}}'


def test_who_is_not_recorded(w):
    before, said = fates(w.sluice), len(all_bytes(w.sluice))
    w.p.answers["silent"] = whole_of(json.dumps(answer("chat", "secret-word")).encode())
    for headers, key in (({"x-sluice-record": "no"}, KEY), ({"X-Sluice-Record": "No"}, KEY),
                         ({}, "quiet-key")):
        assert ask(w.sluice, "chat", request("chat", "silent", "hi"), headers, key).status == 200
    assert w.sluice.request("POST", "/v1/embeddings",
                            {"model": "silent", "input": "secret-word"}).status == 200
    w.p.answers["silent-audio"] = whole_of(b'{"text":"secret-word"}')
    w.sluice.request("POST", "/v1/audio/transcriptions", {"model": "silent-audio"})
    a = ask(w.sluice, "chat", request("chat", "real", "hi"))  # and one that is, behind all of them
    line_of(w.sluice, a.headers["x-sluice-id"])
    assert b"secret-word" not in all_bytes(w.sluice) and len(all_bytes(w.sluice)) > said
    assert fates(w.sluice)["opted out"] == before["opted out"] + 2
    head = [h for h, b in w.p.seen if b'"silent"' in b][-1]
    assert b"x-sluice-record" not in head.lower()


def test_what_cannot_be_recorded(w):
    before = fates(w.sluice)
    assert ask(w.sluice, "chat", b'{"model":').status == 400
    fate_grows(w.sluice, "no JSON", before)
    assert ask(w.sluice, "chat", request("chat", "real", "x" * (1 << 20))).status == 200
    fate_grows(w.sluice, "too large", before)


def test_reload(w):
    s = Sluice(w.config)
    try:
        w.p.answers["re"] = whole_of(json.dumps(answer("chat", "word-one ann@x.example")).encode())

        def turn():
            a = ask(s, "chat", request("chat", "re", "hi"))
            assert a.status == 200
            return a.headers["x-sluice-id"]

        def reload(config):
            s.write(config)
            assert s.request("POST", "/admin/config", b"", port=s.admin_port).status == 200

        line_of(s, turn())
        reload(w.config.replace("recordings\"", "second\""))  # another folder, other patterns
        later = turn()
        end, found = time.time() + 10, ""
        while not found.endswith("\n") and time.time() < end:
            time.sleep(0.02)
            for name in glob.glob(os.path.join(s.folder, "second", "*.jsonl")):
                with open(name, encoding="utf-8") as f:
                    found = f.read()
        assert later not in str(lines_so_far(s))
        assert json.loads(found)["turn"] == later
        s.write(w.config.replace("TICKET-", "TICKET-("))
        bad = s.request("POST", "/admin/config", b"", port=s.admin_port)
        assert bad.status == 400 and b"recording.redact[8].pattern: at character" in bad.body, \
            bad.body
        assert s.log().count("recording_on") == 2, "the log says that prompts are kept, and where"
        reload(w.config.split("recording:")[0])  # off
        assert "recording_off" in s.log()
        n = len(all_bytes(s))
        turn()
        time.sleep(0.3)
        assert len(all_bytes(s)) == n
        reload(w.config)
        line_of(s, turn())
    finally:
        assert s.stop() == 0, s.log()


def test_all_is_written_at_the_end(w):
    s = Sluice(w.config)
    turns = {ask(s, "chat", request("chat", "real", f"n {i}")).headers["x-sluice-id"]
             for i in range(60)}
    assert s.stop() == 0
    assert {line["turn"] for line in lines(s)} == turns


def test_killed_process_leaves_a_file_that_plays(w):
    s = Sluice(w.config)
    w.p.answers["kill"] = whole_of(json.dumps(answer("chat", "kept")).encode())
    a = ask(s, "chat", request("chat", "kill", "hi"))
    line_of(s, a.headers["x-sluice-id"])
    s.stop(signal.SIGKILL)
    with open(files(s)[0], "ab") as f:
        f.write(b'{"turn":"01ABC","time":"2026-')  # as a crash may leave it
    s.start()
    b = ask(s, "chat", request("chat", "kill", "again"))
    line_of_torn(s, b.headers["x-sluice-id"])
    assert len(files(s)) == 2, "who comes later has a file of his own"
    assert s.stop() == 0
    again, = played(SimpleNamespace(sluice=s), [("chat", json.dumps(
        request("chat", "kill", "hi")).encode())])
    assert again.body == a.body


def line_of_torn(s, turn):
    end = time.time() + 10
    while turn.encode() not in all_bytes(s):
        assert time.time() < end, "it was not written"
        time.sleep(0.02)


def recordings(s, *words):
    done = subprocess.run([SLUICE, "recordings", *words, "--config", s.file], env=s.environment,
                          cwd=s.folder, capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_tenant_is_taken_out_while_turns_are_recorded(w):
    """Each turn of the other tenant stays, each of this one goes, and nothing is counted twice."""
    s = Sluice(w.config.replace("  declared:\n", "  declared:\n"
                                "    leaves: {secret: leaves-key, tenant: gone}\n"))
    w.p.answers["two"] = whole_of(json.dumps(answer("chat", "to ann@x.example")).encode())
    ids = {KEY: [], "leaves-key": []}

    def client(key):
        for _ in range(40):
            a = ask(s, "chat", request("chat", "two", "of bob@x.example"), key=key)
            ids[key].append(a.headers["x-sluice-id"])
    try:
        threads = [threading.Thread(target=client, args=(key,)) for key in ids for _ in range(2)]
        for t in threads:
            t.start()
        gone = 0
        while any(t.is_alive() for t in threads):
            if os.path.isdir(folder(s)):
                gone += json.loads(recordings(s, "delete", "--tenant", "gone", "--json"))["turns"]
        end = time.time() + 10
        while fates(s)["written"] < 160:
            assert time.time() < end, fates(s)
            time.sleep(0.02)
        assert fates(s)["written"] == sum(n for n in fates(s).values()) == 160, fates(s)
        gone += json.loads(recordings(s, "delete", "--tenant", "gone", "--json"))["turns"]
        assert gone == len(ids["leaves-key"]) == 80, gone
        assert b"leaves-key" not in all_bytes(s) and b'"gone"' not in all_bytes(s)
        assert sorted(line["turn"] for line in lines(s)) == sorted(ids[KEY])
        assert all(line["redacted"] == 2 for line in lines(s))
        sums = json.loads(recordings(s, "sums", "--by", "tenant", "--json"))
        assert [(r["tenant"], r["turns"]) for r in sums["rows"]] == [("shop", 80)], sums
        assert sums["total"]["bytes"] == len(all_bytes(s))
        assert recordings(s, "export") == all_bytes(s)
        shown = recordings(s, "show", ids[KEY][0])
        assert ids[KEY][0].encode() in shown and b"of [email]" in shown and b"bob@" not in shown
        listed = json.loads(recordings(s, "list", "--last", "3", "--json"))["recordings"]
        assert [r["turn"] for r in listed] == sorted(ids[KEY], reverse=True)[:3]
    finally:
        assert s.stop() == 0


def test_the_count_of_an_export_stands_behind_its_lines(w):
    w.p.answers["real"] = whole_of(json.dumps(answer("chat", "Paris")).encode())
    told = ask(w.sluice, "chat", request("chat", "alias", "hi"))
    turn = told.headers["x-sluice-id"]
    line_of(w.sluice, turn)
    words = [SLUICE, "recordings", "export", "--config", w.sluice.file]
    both = subprocess.run(words, env=w.sluice.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=True, timeout=60).stdout.splitlines()
    assert both[-1].startswith("sluice recordings: "), both[-1]
    assert all(json.loads(line) for line in both[:-1])
    # An id may be written small, and one that is not there is told as it was written.
    show = [SLUICE, "recordings", "show", "--config", w.sluice.file, "--json"]
    done = subprocess.run([*show, turn.lower()], env=w.sluice.environment, capture_output=True, text=True)
    assert done.returncode == 0 and turn in done.stdout, done
    done = subprocess.run([*show, "xx"], env=w.sluice.environment, capture_output=True, text=True)
    assert done.returncode == 3 and "no turn xx is in" in done.stderr, done


def test_folder_that_cannot_be_written(w):
    s = Sluice(w.config)
    try:
        with open(folder(s), "w", encoding="utf-8"):
            pass  # a file in its place
        for _ in range(5):
            assert ask(s, "chat", request("chat", "real", "hi")).status == 200
        fate_grows(s, "disk refused", {"disk refused": 4})
        assert s.log().count("recording_failing") == 1, s.log()
        os.unlink(folder(s))
        line_of(s, ask(s, "chat", request("chat", "real", "hi")).headers["x-sluice-id"])
    finally:
        assert s.stop() == 0


def test_share(w):
    s = Sluice(w.config.replace("  turn_bytes", "  share: 50%\n  turn_bytes"))
    try:
        for i in range(60):
            ask(s, "chat", request("chat", "real", "hi"), {"x-sluice-session": f"s{i % 20}"})
    finally:
        assert s.stop() == 0
    counts = {}
    for line in lines(s):
        counts[line["session"]] = counts.get(line["session"], 0) + 1
    assert set(counts.values()) == {3}, "sessions are whole or not there"
    assert 3 <= len(counts) <= 17, counts
