"""What a request's body may name at the provider: files, containers, prompts, caches and the like.
Tenants share the provider's key, so each reaches what it was told the id of, and no other's."""

import gzip
import json
import re
from types import SimpleNamespace

from players import Always
from world import STREAM_HEAD, Answer, Provider, Sluice, chunk, whole

PROVIDERS = """
  p:
    base_url: "http://127.0.0.1:%d/v1"
    key: house
    responses: on
    tenant_keys: {third: own-of-c}
  open: {base_url: "http://127.0.0.1:%d/v1", key: house, responses: on, stateful: on}
  claude: {kind: anthropic, base_url: "http://127.0.0.1:%d/v1", key: house, tenant_keys: {third: own-of-c}}
  opened: {kind: anthropic, base_url: "http://127.0.0.1:%d/v1", key: house, stateful: on}
  google: {kind: gemini, base_url: "http://127.0.0.1:%d/v1beta", key: house, tenant_keys: {third: own-of-c}}
  amazon:
    kind: bedrock
    base_url: "http://127.0.0.1:%d"
    aws: {region: eu-central-1, access_key: AKIDEXAMPLE, secret_key: secret}
"""
CONFIG = """
listen: 127.0.0.1:@PORT@
state: {ledger: "sqlite:@FOLDER@/ledger.db"}
providers:""" + PROVIDERS + """
default_provider: p
models:
  either: {is: p/m, fallback: [open/m]}
"""
KEYS = """
keys:
  require: true
  declared:
    a: {secret: key-of-a, tenant: first}
    b: {secret: key-of-b, tenant: second}
    c: {secret: key-of-c, tenant: third}
"""

CHAT, RESPONSES, CLAUDE = "/v1/chat/completions", "/v1/responses", "/v1/messages"
COUNT = "/v1/messages/count_tokens"
FILE = "file-of_the.first"
USER = {CHAT: {"messages": [{"role": "user", "content": "hi"}]}, RESPONSES: {"input": "hi"},
        CLAUDE: {"max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]},
        COUNT: {"messages": [{"role": "user", "content": "hi"}]}}


def said(*parts):
    return {"messages": [{"role": "user", "content": list(parts)}]}


def put(*parts):
    return {"input": [{"role": "user", "content": list(parts)}]}


def tool(**members):
    return {"tools": [members]}


# Every member that names an object of a provider, in each protocol that has one.
NAMES = [
    (CHAT, said({"type": "file", "file": {"file_id": FILE}})),
    (CHAT, {"messages": [{"role": "user", "content": "x"},
                         {"role": "assistant", "audio": {"id": "audio_1"}}]}),
    (CHAT, {"audio": {"voice": {"id": "voice_1"}, "format": "mp3"}}),
    (CHAT, {"data_sources": [{"type": "azure_search", "parameters": {"index_name": "theirs"}}]}),
    (CHAT, {"extra_body": {"google": {"cached_content": "cachedContents/1"}}}),
    (CHAT, {"extra_body": {"google": {"cachedContent": "cachedContents/1"}}}),
    (CHAT, tool(type="file_search", vector_store_ids=["vs_1"])),
    (CHAT, tool(type="collections_search", collection_ids=["c_1"])),
    (CHAT, tool(type="document_library", library_ids=["l_1"])),
    (RESPONSES, put({"type": "input_file", "file_id": FILE})),
    (RESPONSES, put({"type": "input_image", "file_id": FILE})),
    (RESPONSES, {"input": [{"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
                           {"type": "function_call_output", "call_id": "c",
                            "output": [{"type": "input_file", "file_id": FILE}]}]}),
    (RESPONSES, {"input": [{"type": "computer_call_output", "call_id": "c",
                            "output": {"type": "computer_screenshot", "file_id": FILE}}]}),
    (RESPONSES, {"input": [{"type": "code_interpreter_call", "code": "1", "outputs": [],
                            "container_id": "cntr_1"}]}),
    (RESPONSES, {"prompt": {"id": "pmpt_1", "version": "2"}}),
    (RESPONSES, {"prompt": {"id": "pmpt_1", "variables": {
        "x": {"type": "input_file", "file_id": FILE}}}}),
    (RESPONSES, tool(type="file_search", vector_store_ids=["vs_1"])),
    (RESPONSES, tool(type="code_interpreter", container="cntr_1")),
    (RESPONSES, tool(type="code_interpreter", container={"type": "auto", "file_ids": [FILE]})),
    (RESPONSES, tool(type="image_generation", input_image_mask={"file_id": FILE})),
    (RESPONSES, tool(type="shell", environment={"type": "container_reference",
                                                "container_id": "cntr_1"})),
    (RESPONSES, tool(type="shell", environment={
        "type": "container_auto", "skills": [{"type": "skill_reference", "skill_id": "skill_1"}]})),
    (RESPONSES, tool(type="mcp", server_label="x", tunnel_id="tunnel_1")),
    (CLAUDE, said({"type": "document", "source": {"type": "file", "file_id": FILE}})),
    (CLAUDE, said({"type": "image", "source": {"type": "file", "file_id": FILE}})),
    (CLAUDE, said({"type": "container_upload", "file_id": FILE})),
    (CLAUDE, said({"type": "tool_result", "tool_use_id": "t", "content": [
        {"type": "document", "source": {"type": "file", "file_id": FILE}}]})),
    (CLAUDE, {"container": "container_1"}),
    (CLAUDE, {"container": {"id": "container_1"}}),
    (CLAUDE, {"container": {"skills": [{"type": "custom", "skill_id": "skill_1"}]}}),
    (COUNT, said({"type": "document", "source": {"type": "file", "file_id": FILE}})),
]

# The same members where they are the client's own data, or name nothing.
OWN = [
    (CHAT, {"tools": [{"type": "function", "function": {"name": "f", "parameters": {
        "type": "object", "properties": {"file_id": {"type": "string"}, "container": {"id": "x"}}}}}]}),
    (CHAT, {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {
        "properties": {"vector_store_ids": {"default": ["x"]}, "file_id": {"default": "x"}}}}}}),
    (CHAT, {"metadata": {"file_id": "mine", "container": "x"}}),
    (CHAT, {"messages": [{"role": "user", "content": "the \"file_id\": \"file-1\" is"}]}),
    (CHAT, said({"type": "file", "file": {"file_data": "data:text/plain;base64,eA==",
                                          "filename": "x", "file_id": None}})),
    (CHAT, {"audio": {"voice": "alloy", "format": "wav"}, "modalities": ["text", "audio"]}),
    (CHAT, {"messages": [{"role": "assistant", "content": None, "audio": None, "tool_calls": [
        {"id": "c", "type": "function", "function": {"name": "f", "arguments":
                                                     "{\"file_id\": \"x\"}"}}]},
                         {"role": "tool", "tool_call_id": "c", "content": "x"}]}),
    (RESPONSES, {"tools": [{"type": "function", "name": "f", "parameters": {
        "properties": {"file_id": {"default": "x"}}}}]}),
    (RESPONSES, tool(type="code_interpreter", container={"type": "auto"})),
    (RESPONSES, {"text": {"format": {"type": "json_schema", "name": "n", "schema": {
        "properties": {"file_ids": {"default": ["x"]}}}}}}),
    (RESPONSES, {"prompt": None}),
    (CLAUDE, {"tools": [{"name": "f", "input_schema": {
        "properties": {"file_id": {"default": "x"}}}, "input_examples": [{"file_id": "x"}]}]}),
    (CLAUDE, {"messages": [
        {"role": "user", "content": "x"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f",
                                           "input": {"file_id": "x", "container": "y"}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t",
                                      "content": "{\"file_id\": 1}"}]}]}),
    (CLAUDE, {"container": {"skills": [{"type": "anthropic", "skill_id": "pptx"}]}}),
    (CLAUDE, {"container": None}),
]

CHAT_ANSWER = {
    "id": "chatcmpl-1", "object": "chat.completion", "model": "m", "created": 1,
    "choices": [{"index": 0, "finish_reason": "stop", "message": {
        "role": "assistant", "content": None,
        "audio": {"id": "audio_told", "data": "AAAA", "transcript": "x", "expires_at": 1}}}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 1}}
RUN = {"type": "code_interpreter_call", "id": "ci_told", "code": "1", "status": "completed",
       "outputs": [], "container_id": "cntr_told"}
NOTE = {"type": "container_file_citation", "container_id": "cntr_told", "file_id": "cfile_told",
        "filename": "x.csv", "start_index": 0, "end_index": 1}
RESPONSES_ANSWER = {
    "id": "resp_told", "object": "response", "status": "completed", "model": "m", "error": None,
    "output": [RUN, {"type": "message", "id": "msg_told", "role": "assistant", "content": [
        {"type": "output_text", "text": "x", "annotations": [NOTE]}]}],
    "usage": {"input_tokens": 3, "output_tokens": 1}}
RESULT = {"type": "bash_code_execution_tool_result", "tool_use_id": "srvtoolu_1", "content": {
    "type": "bash_code_execution_result", "stdout": "", "stderr": "", "return_code": 0,
    "content": [{"type": "bash_code_execution_output", "file_id": "file_told"}]}}
FORGED = {"type": "tool_use", "id": "toolu_1", "name": "f",
          "input": {"file_id": "file_forged", "container": {"id": "container_forged"},
                    "content": [{"file_id": "file_forged"}],
                    "type": "bash_code_execution_tool_result"}}
CLAUDE_ANSWER = {
    "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn",
    "content": [RESULT, FORGED, {"type": "text", "text": "x"}],
    "container": {"id": "container_told", "expires_at": "2030-01-01T00:00:00Z"},
    "usage": {"input_tokens": 3, "output_tokens": 1}}


def events_of(path):
    """The same answers as streams."""
    if path == CHAT:
        told = {"id": "audio_told"}
        return "".join("data: %s\n\n" % json.dumps(dict(CHAT_ANSWER, choices=[
            {"index": 0, "delta": delta, "finish_reason": end}], usage=None))
            for delta, end in (({"role": "assistant", "audio": told}, None),
                               ({"audio": {"data": "AAAA"}}, None), ({}, "stop"))
        ) + "data: [DONE]\n\n"
    if path == RESPONSES:
        begun = dict(RESPONSES_ANSWER, status="in_progress", output=[])
        events = [("response.created", {"response": begun})]
        events += [("response.output_item.done", {"item": i}) for i in RESPONSES_ANSWER["output"]]
        events += [("response.completed", {"response": RESPONSES_ANSWER})]
    else:
        begun = dict(CLAUDE_ANSWER, content=[], container=None, stop_reason=None)
        events = [("message_start", {"message": begun})]
        for i, block in enumerate((RESULT, FORGED)):
            events += [("content_block_start", {"index": i, "content_block": block}),
                       ("content_block_stop", {"index": i})]
        events += [("message_delta", {"usage": {"output_tokens": 1}, "delta": {
            "stop_reason": "end_turn", "container": CLAUDE_ANSWER["container"]}}),
                   ("message_stop", {})]
    return "".join("event: %s\ndata: %s\n\n" % (name, json.dumps(dict(e, type=name)))
                   for name, e in events)


ANSWERS = {CHAT: CHAT_ANSWER, RESPONSES: RESPONSES_ANSWER, CLAUDE: CLAUDE_ANSWER,
           COUNT: {"input_tokens": 3}}
GEMINI = {"candidates": [{"content": {"parts": [{"text": "x"}]}, "finishReason": "STOP"}],
          "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 1}}
CONVERSE = {"output": {"message": {"role": "assistant", "content": [{"text": "x"}]}},
            "stopReason": "end_turn", "usage": {"inputTokens": 1, "outputTokens": 1}}


def answer(conn, head, body, n):
    path = head.split()[1].decode()
    if "converse" in path or "generateContent" in path:
        conn.sendall(whole(json.dumps(CONVERSE if "converse" in path else GEMINI).encode()))
    elif path in ANSWERS and json.loads(body).get("stream"):
        conn.sendall(STREAM_HEAD + chunk(events_of(path).encode()) + b"0\r\n\r\n")
    else:
        conn.sendall(whole(json.dumps(ANSWERS.get(path, {"data": []})).encode()))


def open_world():
    p = Provider()
    p.answers = Always(answer)
    config = CONFIG % ((p.port,) * 6)
    return SimpleNamespace(p=p, sluice=Sluice(config + KEYS), config=config)


def model_of(path, opened=False):
    own = "claude" if path in (CLAUDE, COUNT) else "p"
    return ({"p": "open/m", "claude": "opened/m"} if opened else {"p": "p/m", "claude": "claude/m"})[own]


def body_of(path, members, **more):
    return json.dumps({"model": model_of(path), **USER[path], **members, **more})


def post(w, key, path, body, content_type="application/json", **headers):
    text = body.encode() if isinstance(body, str) else body
    if text.startswith((b"--x", b"\x00")):
        content_type = "multipart/form-data; boundary=x"
    lines = {"Content-Type": content_type, "Content-Length": str(len(text)), "Host": "localhost",
             "Connection": "close", **({"Authorization": "Bearer " + key} if key else {}), **headers}
    head = f"POST {path} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in lines.items())
    return Answer(w.sluice.send(head.encode() + b"\r\n" + text))


def is_refused(w, path, body, key="key-of-b"):
    before = len(w.p.seen)
    a = post(w, key, path, body)
    assert a.status == 403 and len(w.p.seen) == before, (a.status, body, a.body)
    e = a.json()
    if path in (CLAUDE, COUNT):
        assert e["type"] == "error" and e["error"]["type"] == "permission_error", e
    assert e["error"]["code"] == "stateful_path" and "tenant_keys" in e["error"]["message"], e
    return e["error"]["message"]


def passes(w, key, path, body):
    before = len(w.p.seen)
    a = post(w, key, path, body)
    assert a.status == 200 and len(w.p.seen) == before + 1, (body, a.status, a.body)
    return w.p.seen[-1]


def test_every_name_is_refused(w):
    for path, members in NAMES:
        for stream in ((False, True) if path != COUNT else (None,)):
            more = {} if stream is None else {"stream": stream}
            told = {re.sub(r"\(.*?\) ", "", is_refused(w, path, body_of(path, members, **more), key))
                    for key in ("key-of-a", "key-of-b")}
            assert len(told) == 1, told


def test_a_key_of_ones_own_and_stateful_let_them_through(w):
    for path, members in NAMES:
        body = body_of(path, members)
        head, sent = passes(w, "key-of-c", path, body)
        assert b"own-of-c" in head and sent == body.replace(
            '"' + model_of(path) + '"', '"m"').encode(), sent
        body = body.replace(model_of(path), model_of(path, opened=True))
        head, sent = passes(w, "key-of-b", path, body)
        assert b"house" in head, head


def test_without_keys_all_are_one_user(w):
    alone = SimpleNamespace(p=w.p, sluice=Sluice(w.config))
    try:
        for path, members in NAMES:
            body = body_of(path, members)
            _, sent = passes(alone, None, path, body)
            assert sent == body.replace('"' + model_of(path) + '"', '"m"').encode(), sent
        assert alone.sluice.request("GET", "/v1/files", key=None).status == 200
        assert alone.sluice.request("GET", "/v1/responses/resp_any", key=None).status == 200
    finally:
        assert alone.sluice.stop() == 0


def test_what_is_the_clients_own_goes_through(w):
    for path, members in OWN:
        body = body_of(path, members)
        _, sent = passes(w, "key-of-b", path, body)
        assert sent == body.replace('"' + model_of(path) + '"', '"m"').encode(), sent


def test_however_it_is_written(w):
    plain = body_of(CHAT, said({"type": "file", "file": {"file_id": FILE}}))
    for spelt in ('"file\\u005fid"', '"\\u0066ile_id"', '"File_ID"', '"FILE_ID"', '"file_\\u0069d"',
                  '"f\\u0069le_\\u0049D"', '"file_id" ', '"file_id": null, "file_id"',
                  '"file_id": "", "file_id"'):
        is_refused(w, CHAT, plain.replace('"file_id"', spelt))
    ids = body_of(RESPONSES, tool(type="file_search", vector_store_ids=["vs_1"]))
    for spelt in ('"vector_store_id\u017f"', '"vector_\u017ftore_ids"', '"vector_store_id\\u017f"'):
        is_refused(w, RESPONSES, ids.replace('"vector_store_ids"', spelt))
    for value in ('{"file_id": "%s"}' % FILE, '[["%s"]]' % FILE, '[{"file_id": ["%s"]}]' % FILE):
        where = body_of(CHAT, {"x": 0}).replace('"x": 0', '"x": {"y": [{"file_id": %s}]}' % value)
        if "file_id\": [[" not in where:
            is_refused(w, CHAT, where)
    deep = body_of(CHAT, {"x": 0}).replace(
        '"x": 0', '"x": ' + "[" * 100 + '{"file_id": "x"}' + "]" * 100)
    is_refused(w, CHAT, deep)
    twice = body_of(CLAUDE, {"container": None})[:-1] + ', "container": "container_1"}'
    is_refused(w, CLAUDE, twice)
    odd = body_of(CLAUDE, {"messages": [{"role": "user", "content": [
        {"type": "tool_use", "input": {"file_id": "x"}, "source": {"file_id": FILE}}]}]})
    is_refused(w, CLAUDE, odd)
    both = body_of(CLAUDE, {"container": {"skills": [
        {"type": "custom", "skill_id": "skill_1"}]}}).replace(
            '"type": "custom"', '"type": "custom", "type": "anthropic"')
    is_refused(w, CLAUDE, both)


def test_the_other_of_a_route_is_asked_where_it_is_open(w):
    body = body_of(CHAT, said({"type": "file", "file": {"file_id": FILE}})).replace("p/m", "either")
    before = len(w.p.seen)
    a = post(w, "key-of-b", CHAT, body)
    assert a.status == 200 and a.headers["x-sluice-model"] == "open/m", a.body
    assert len(w.p.seen) == before + 1


def test_what_a_tenant_was_told_it_may_name(w):
    new = SimpleNamespace(p=w.p, sluice=Sluice(w.config + KEYS))
    try:
        tell_and_name(new)
    finally:
        assert new.sluice.stop() == 0


def tell_and_name(w):
    uses = {
        CHAT: [{"messages": [{"role": "assistant", "audio": {"id": "audio_told"}}]}],
        RESPONSES: [tool(type="code_interpreter", container="cntr_told"), {"input": [RUN]},
                    {"input": RESPONSES_ANSWER["output"]},
                    tool(type="shell", environment={"type": "container_reference",
                                                    "container_id": "cntr_told"})],
        CLAUDE: [{"container": "container_told"}, {"container": {"id": "container_told"}},
                 said({"type": "container_upload", "file_id": "file_told"}),
                 {"messages": [{"role": "assistant", "content": [RESULT]}]}]}
    forged = [(CLAUDE, {"container": "container_forged"}),
              (CLAUDE, said({"type": "container_upload", "file_id": "file_forged"}))]
    for stream in (True, False):
        for path, named in uses.items():
            if stream:
                for members in named:  # nobody was told anything yet
                    if "id" not in str(members.get("input", "")):
                        is_refused(w, path, body_of(path, members), "key-of-a")
            a = post(w, "key-of-a", path, body_of(path, {}, stream=stream))
            assert a.status == 200, a.body
            for members in named:
                passes(w, "key-of-a", path, body_of(path, members))
                if members != {"input": [RUN]} and members != uses[RESPONSES][2]:
                    is_refused(w, path, body_of(path, members), "key-of-b")
                else:  # an item of an earlier answer, too
                    before = len(w.p.seen)
                    a = post(w, "key-of-b", path, body_of(path, members))
                    assert a.status in (403, 404) and len(w.p.seen) == before, a.body
        for path, members in forged:  # a model may be made to say anything in a tool's input
            for key in ("key-of-a", "key-of-b"):
                is_refused(w, path, body_of(path, members), key)
        w.sluice.stop()
        w.sluice.start()
        passes(w, "key-of-a", CLAUDE, body_of(CLAUDE, uses[CLAUDE][0]))  # the ledger has it


def test_no_store_by_its_url(w):
    """Gemini and Bedrock fetch with rights that are the account's."""
    before = len(w.p.seen)
    for model, urls in (
            ("google/gemini-2.5-pro", (
                "https://generativelanguage.googleapis.com/v1beta/files/theirs",
                "HTTPS://x@GenerativeLanguage.GoogleAPIs.com.:443/v1beta/files/theirs.png",
                "https://%67enerativelanguage.googleapis.com/v1beta/files/theirs.png",
                "gs://bucket/theirs.png")),
            ("amazon/claude", ("s3://bucket/theirs.png",))):
        for url in urls:
            for path, part in ((CHAT, {"type": "image_url", "image_url": {"url": url}}),
                               (CLAUDE, {"type": "image", "source": {"type": "url", "url": url}}),
                               (RESPONSES, {"type": "input_image", "image_url": url})):
                body = body_of(path, put(part) if path == RESPONSES else said(part))
                a = post(w, "key-of-b", path, body.replace(model_of(path), model))
                assert a.status == 403 and a.error()["code"] == "stateful_path", (url, a.body)
    assert len(w.p.seen) == before
    for model, key, url in (
            ("google/gemini-2.5-pro", "key-of-b", "https://example.com/googleapis.com.png"),
            ("google/gemini-2.5-pro", "key-of-b", "https://storage.googleapis.com/public/x.png"),
            ("google/gemini-2.5-pro", "key-of-c", "https://generativelanguage.googleapis.com/files/x.png")):
        body = body_of(CHAT, said({"type": "image_url", "image_url": {"url": url}}))
        _, sent = passes(w, key, CHAT, body.replace("p/m", model))
        assert url.encode() in sent, sent


FORM = (b"--x\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nm\r\n--x\r\n"
        b"Content-Disposition: form-data; name=\"%s\"\r\n\r\nfile-1\r\n--x--\r\n")


def test_paths_that_are_passed_on(w):
    for path, body in (
            ("/v1/images/edits", {"model": "m", "images": [{"file_id": FILE}]}),
            ("/v1/images/edits", {"model": "m", "mask": {"file_id": FILE}}),
            ("/v1/images/edits", FORM % b"images[][file_id]"),
            ("/v1/images/edits", FORM % b"images[0][File_Id]"),
            ("/v1/images/generations", {"model": "m", "x": {"file_id": FILE}}),
            ("/v1/images/variations", FORM % b"file_id"),
            ("/v1/audio/speech", {"model": "m", "input": "x", "voice": {"id": "voice_1"}})):
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        before = len(w.p.seen)
        a = post(w, "key-of-b", path, text)
        assert a.status == 403 and a.error()["code"] == "stateful_path", (path, a.body)
        assert len(w.p.seen) == before, path
        _, sent = passes(w, "key-of-c", path, text)
        assert sent == text, path
    for path, body in (
            ("/v1/images/edits", FORM % b"image"), ("/v1/images/edits", b"\x00\xff_\x89PNG_id"),
            ("/v1/images/generations", b'{"model": "m", "prompt": "a file_id", "n": 2}'),
            ("/v1/audio/speech", b'{"model": "m", "input": "file_id", "voice": "alloy"}'),
            ("/v1/audio/transcriptions", FORM % b"file")):
        _, sent = passes(w, "key-of-b", path, body)
        assert sent == body, path
    for body, more, complaint in (
            (b"\xef\xbb\xbf" + json.dumps({"images": [{"file_id": FILE}]}).encode(), {}, "JSON"),
            (json.dumps({"images": [{"file_id": FILE}]}).encode("utf-16"), {}, "JSON"),
            (json.dumps({"images": [{"file_id": FILE}]}).encode("utf-32-le"), {}, "JSON"),
            (json.dumps({**{f"a{n}": 0 for n in range(256)}, "file_id": FILE}).replace(
                "file_id", "file\\u005fid").encode(), {}, "member"),
            (gzip.compress(b"{}"), {"Content-Encoding": "gzip"}, "Content-Encoding gzip"),
            (b"{}", {"content_type": "application/json; charset=utf-7"}, "utf-7"),
            (b"{}", {"content_type": 'application/json; a=b; Charset="utf-16"'}, "utf-16"),
            (b"file%5fid=x", {"content_type": "application/x-www-form-urlencoded"}, "JSON"),
            (b"", {}, "JSON")):
        before = len(w.p.seen)
        a = post(w, "key-of-b", "/v1/images/edits", body, **more)
        assert a.status == 400 and complaint in a.error()["message"], (body, a.body)
        assert len(w.p.seen) == before, body
    for content_type in ("application/json; charset=UTF-8", 'application/json;charset="utf-8"', "x",
                         "application/json; charset=utf8"):
        a = post(w, "key-of-b", "/v1/images/edits", b'{"model": "m"}', content_type)
        assert a.status == 200, a.body
    for path in ("/v1/audio/voices", "/v1/audio/voice_consents", "/v1/audio/voice_consents/x",
                 "/v1/images/other"):
        for method in ("GET", "POST", "DELETE"):
            before = len(w.p.seen)
            a = w.sluice.request(method, path, b"{}" if method == "POST" else None, key="key-of-b")
            assert a.status == 403 and a.error()["code"] == "stateful_path", (path, a.body)
            assert len(w.p.seen) == before, path
    a = w.sluice.send(b"POST /v1/images/edits HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer key-of-b\r\n"
                      b"Content-Length: %d\r\n\r\nx" % (33 << 20), timeout=2)
    assert a.startswith(b"HTTP/1.1 413 ") and b"http.body_bytes" in a, a
