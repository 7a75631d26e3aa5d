"""Stored responses: each tenant reaches its own and no other's, though the provider has one key."""

import json
import os
import re
import secrets
import signal
import socket
import sqlite3
import time
from types import SimpleNamespace

from players import Always
from world import STREAM_HEAD, Provider, Sluice, chunk, whole

CONFIG = """
listen: 127.0.0.1:@PORT@
state: {ledger: "sqlite:@FOLDER@/ledger.db", keep_responses: 30d}
providers:
  p: {base_url: "http://127.0.0.1:%d/v1", key: house, responses: on, tenant_keys: {third: own-of-c}}
  q:
    base_url: "http://127.0.0.1:%d"
    path: "/v1/{operation}"
    api_version: preview
    key: house-q
    responses: on
default_provider: p
models:
  both: {is: p/m, fallback: [q/m]}
  late: {is: q/m}
keys:
  require: true
  declared:
    a: {secret: key-of-a, tenant: first}
    a2: {secret: key-of-a2, tenant: first, models: [m]}
    b: {secret: key-of-b, tenant: second}
    c: {secret: key-of-c, tenant: third}
retry: {attempts: 1}
"""


class Keeper(Provider):
    """Keeps every response for whoever has its key, as OpenAI does."""

    def __init__(self):
        super().__init__()
        self.kept = {}  # (key, id): response
        self.down = False
        self.answers = Always(self.answer)

    def answer(self, conn, head, body, n):
        method, path = head.split(b"\r\n")[0].decode().split()[:2]
        key = re.search(rb"(?i)\r\nauthorization: Bearer (\S+)", head).group(1).decode()
        path = path.split("?")[0].removeprefix("/v1/")
        if self.down:
            conn.sendall(whole(b'{"error":{"message":"down"}}', "503 Down"))
        elif path == "responses":
            self.make(conn, key, json.loads(body))
        elif path.startswith("responses/"):
            self.kept_one(conn, method, key, *path.split("/")[1:])
        else:
            conn.sendall(whole(b'{"object":"list","data":[]}'))

    def make(self, conn, key, asked):
        previous = asked.get("previous_response_id")
        if previous and (key, previous) not in self.kept:
            conn.sendall(whole(b'{"error":{"message":"gone"}}', "400 Bad Request"))
            return
        r = {"id": "resp_" + secrets.token_hex(24), "object": "response", "model": asked["model"],
             "status": "queued" if asked.get("background") else "completed", "error": None,
             "store": asked.get("store", True), "previous_response_id": previous, "output": [
                 {"type": "web_search_call", "id": "ws_" + secrets.token_hex(8)},
                 {"type": "message", "id": "msg_" + secrets.token_hex(8), "role": "assistant",
                  "content": [{"type": "output_text", "text": "yes"}]}],
             "usage": {"input_tokens": 3, "output_tokens": 1}}
        if r["store"]:
            self.kept[key, r["id"]] = r
        if not asked.get("stream"):
            conn.sendall(whole(json.dumps(r).encode()))
            return
        conn.sendall(STREAM_HEAD)
        begun = dict(r, status="in_progress", output=[], usage=None)
        events = [("response.created", {"response": begun})]
        for item in r["output"]:
            events.append(("response.output_item.done", {"item": item}))
        events.append(("response.completed", {"response": r}))
        for name, event in events[:1 if asked.get("instructions") == "stop" else None]:
            data = json.dumps(dict(event, type=name))
            conn.sendall(chunk(f"event: {name}\ndata: {data}\n\n".encode()))
        if asked.get("instructions") == "stop":
            time.sleep(20)
        conn.sendall(b"0\r\n\r\n")

    def kept_one(self, conn, method, key, response, what=None):
        r = self.kept.get((key, response))
        if not r:
            conn.sendall(whole(b'{"error":{"message":"none"}}', "404 Not Found"))
        elif method == "DELETE":
            del self.kept[key, response]
            conn.sendall(whole(b'{"deleted":true}'))
        elif what == "input_items":
            conn.sendall(whole(b'{"object":"list","data":[]}'))
        else:
            if method == "GET":
                r["status"] = "completed"
            conn.sendall(whole(json.dumps(dict(r, status="cancelled") if what else r).encode()))


def open_world():
    w = SimpleNamespace(p=Keeper(), q=Keeper())
    w.sluice = Sluice(CONFIG % (w.p.port, w.q.port))
    return w


def calls(w):
    return len(w.p.seen) + len(w.q.seen)


def create(w, key="key-of-a", model="m", **more):
    a = w.sluice.request("POST", "/v1/responses", {"model": model, "input": "x", **more}, key=key)
    return a


def made(w, key="key-of-a", **more):
    a = create(w, key, **more)
    assert a.status == 200, a.body
    return json.loads(a.body)


def is_unknown(w, a, before):
    assert a.status == 404 and a.error()["code"] == "response_not_found", a.body
    assert a.error()["type"] and calls(w) == before, a.body
    return re.sub(r"(resp|msg|ws|rs)_\w+", "ID", a.body.decode())


def paths(response):
    return (("GET", f"/v1/responses/{response}"), ("GET", f"/openai/v1/responses/{response}"),
            ("GET", f"/v1/responses/{response}?include[]=x&stream=true"),
            ("GET", f"/v1/responses/{response}/input_items?limit=5"),
            ("POST", f"/v1/responses/{response}/cancel"), ("DELETE", f"/v1/responses/{response}"))


def test_a_tenant_reaches_its_own(w):
    for stream in (False, True):
        a = create(w, stream=stream)
        r = re.search(rb'"id": "(resp_\w+)"', a.body).group(1).decode()
        assert json.dumps(w.p.kept["house", r])[:-1] in a.body.decode(), "byte for byte"
        for key in ("key-of-a", "key-of-a2"):  # of one tenant
            for method, path in paths(r)[:-1]:
                a = w.sluice.request(method, path, b"" if method == "POST" else None, key=key)
                assert a.status == 200 and a.headers["x-sluice-id"], (method, path, a.body)
        assert w.p.seen[-1][0].startswith(f"POST /v1/responses/{r}/cancel ".encode())
        a = create(w, previous_response_id=r, stream=stream)
        assert a.status == 200, a.body
        assert json.loads(w.p.seen[-1][1])["previous_response_id"] == r


def test_another_tenant_is_told_that_there_is_none(w):
    for stream in (False, True):
        a = create(w, stream=stream)
        theirs = re.search(rb'"id": "(resp_\w+)"', a.body).group(1).decode()
        before = calls(w)
        for (method, path), (_, nowhere) in zip(paths(theirs), paths("resp_0")):
            body = b"" if method == "POST" else None
            told = [is_unknown(w, w.sluice.request(method, p, body, key="key-of-b"), before)
                    for p in (path, nowhere)]
            assert told[0] == told[1], told
        for more in ({}, {"stream": True}, {"background": True}):
            told = [is_unknown(w, create(w, "key-of-b", previous_response_id=r, **more), before)
                    for r in (theirs, "resp_0")]
            assert told[0] == told[1], told
        assert w.sluice.request("GET", f"/v1/responses/{theirs}", key="key-of-a").status == 200


def test_odd_ids_are_nobodys(w):
    before = calls(w)
    r = made(w)["id"]
    before += 1
    for odd in ("resp%5F" + r[5:], r + "%00", "x" * 600, r + "%2Fcancel", r.upper(), "é"):
        a = w.sluice.request("GET", f"/v1/responses/{odd}".encode().decode("latin1"),
                             key="key-of-a")
        assert a.status in (400, 404), (odd, a.body)
    for odd in ("", "x" * 600, r + "\u0000", "'; DROP TABLE stored; --"):
        is_unknown(w, create(w, previous_response_id=odd), before)
    for odd in (5, [r], {"id": r}, True):
        a = create(w, previous_response_id=odd)
        assert a.status == 400 and "previous_response_id" in a.error()["message"], a.body
    body = json.dumps({"model": "m", "input": "x", "previous_response_id": r})
    for twice in (body[:-1] + ', "previous_response_id": "resp_0"}',
                  body.replace('"prev', '"Prev')):
        a = w.sluice.request("POST", "/v1/responses", twice.encode(), key="key-of-a")
        assert a.status == 400, a.body
    for method, path in (("POST", f"/v1/responses/{r}"), ("DELETE", f"/v1/responses/{r}/cancel"),
                         ("GET", f"/v1/responses/{r}/other"), ("GET", f"/v1/responses/{r}/"),
                         ("POST", "/v1/responses/compact"), ("GET", "/v1/responses/")):
        a = w.sluice.request(method, path, b"{}" if method == "POST" else None, key="key-of-a")
        assert a.status in (403, 404, 405), (method, path, a.status)
    assert calls(w) == before


def test_a_deleted_one_is_unknown(w):
    r = made(w)["id"]
    time.sleep(0.6)  # the ledger has it
    assert w.sluice.request("DELETE", f"/v1/responses/{r}", key="key-of-a").status == 200
    is_unknown(w, w.sluice.request("GET", f"/v1/responses/{r}", key="key-of-a"), calls(w))
    time.sleep(0.6)
    assert not w.sluice.rows("SELECT 1 FROM stored WHERE id = ?", r)


def test_a_client_that_left_comes_back(w):
    body = json.dumps({"model": "m", "input": "x", "stream": True, "instructions": "stop"})
    with socket.create_connection(("127.0.0.1", w.sluice.port)) as s:
        s.sendall(b"POST /v1/responses HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer key-of-a\r\n"
                  b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
                  % (len(body), body.encode()))
        data = b""
        while b"\n\n" not in data:
            data += s.recv(65536)
    r = re.search(rb'"id": "(resp_\w+)"', data).group(1).decode()
    assert w.sluice.request("GET", f"/v1/responses/{r}", key="key-of-a").status == 200
    is_unknown(w, w.sluice.request("GET", f"/v1/responses/{r}", key="key-of-b"), calls(w))


def test_background_is_asked_after(w):
    r = made(w, background=True)
    assert r["status"] == "queued"
    a = w.sluice.request("GET", f"/v1/responses/{r['id']}", key="key-of-a")
    assert a.json()["status"] == "completed", a.body


def item_inputs(r):
    """Inputs that name what is stored, by the id of an item."""
    search, message = (item["id"] for item in r["output"])
    for item in ({"type": "item_reference", "id": message}, {"id": message},
                 {"type": None, "id": message},
                 {"type": "web_search_call", "id": search, "status": "completed"},
                 {"type": "reasoning", "id": message, "summary": [], "encrypted_content": None},
                 {"Type": "message", "id": message}, {"type": "message", "ID": message},
                 {"type": "message", "role": "assistant", "Content": "x", "id": message},
                 {"type": "message", "role": "assistant", "content": [], "id": message}):
        yield json.dumps([{"role": "user", "content": "x"}, item])
    yield '[{"type": "item_reference", "\\u0069d": "%s"}]' % message
    yield '[{"id": "msg_0", "id": "%s"}]' % message
    yield '[{"type": "message", "type": "item_reference", "content": "x", "id": "%s"}]' % message


def ask_raw(w, key, text):
    return w.sluice.request("POST", "/v1/responses",
                            ('{"model": "m", "input": %s}' % text).encode(), key=key)


def test_items_belong_to_their_response(w):
    for stream in (False, True):
        a = create(w, stream=stream)
        r = w.p.kept["house", re.search(rb'"id": "(resp_\w+)"', a.body).group(1).decode()]
        for text in item_inputs(r):
            before = calls(w)
            is_unknown(w, ask_raw(w, "key-of-b", text), before)
            nobodys = re.sub(r"(msg|ws)_\w+", r"\1_0", text)
            is_unknown(w, ask_raw(w, "key-of-a", nobodys), before)
            if "msg_0" not in text:
                assert ask_raw(w, "key-of-a", text).status == 200, text
                assert w.p.seen[-1][1].decode() == '{"model": "m", "input": %s}' % text


def test_items_with_their_content_pass(w):
    r = made(w, store=False)
    search, message = r["output"]
    is_unknown(w, w.sluice.request("GET", f"/v1/responses/{r['id']}", key="key-of-a"), calls(w))
    own = [message, search, {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f",
                             "arguments": "{}"},
           {"type": "function_call_output", "id": "fco_1", "call_id": "c", "output": ""},
           {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "abc"},
           {"role": "user", "content": "x", "id": "u_1"}]
    assert ask_raw(w, "key-of-a", json.dumps(own)).status == 200
    is_unknown(w, ask_raw(w, "key-of-b", json.dumps([search])), calls(w))
    assert ask_raw(w, "key-of-b", json.dumps([message])).status == 200, "nobody's, and carried"
    stored = made(w)["output"][1]
    is_unknown(w, ask_raw(w, "key-of-b", json.dumps([stored])), calls(w))


def test_the_provider_is_pinned(w):
    w.p.down = True
    try:
        r = made(w, model="both")
        assert ("house-q", r["id"]) in w.q.kept
    finally:
        w.p.down = False
    before = len(w.p.seen)
    follow = create(w, model="both", previous_response_id=r["id"])
    assert follow.status == 200 and follow.headers["x-sluice-model"] == "q/m", follow.headers
    assert w.sluice.request("GET", f"/v1/responses/{r['id']}?a=b", key="key-of-a").status == 200
    path = w.q.seen[-1][0].split()[1].decode()
    assert path == f"/v1/responses/{r['id']}?api-version=preview&a=b", path
    w.q.down = True
    try:
        a = create(w, model="both", previous_response_id=r["id"])
        assert a.status in (502, 503), a.body
    finally:
        w.q.down = False
    is_unknown(w, create(w, model="m", previous_response_id=r["id"]), calls(w))
    assert len(w.p.seen) == before, "p was never asked for what q keeps"


def test_a_key_of_ones_own_is_an_account_of_ones_own(w):
    r = made(w, "key-of-c")["id"]
    assert ("own-of-c", r) in w.p.kept
    assert w.sluice.request("GET", f"/v1/responses/{r}", key="key-of-c").status == 200
    assert create(w, "key-of-c", previous_response_id=r).status == 200
    a = w.sluice.request("GET", "/v1/files", key="key-of-c")
    assert a.status == 200 and b"own-of-c" in w.p.seen[-1][0], a.body
    before = calls(w)
    is_unknown(w, w.sluice.request("GET", f"/v1/responses/{r}", key="key-of-a"), before)
    assert w.sluice.request("GET", "/v1/files", key="key-of-a").status == 403
    theirs = made(w)["id"]  # the house's key is never used for c, so it finds nothing
    a = w.sluice.request("GET", f"/v1/responses/{theirs}", key="key-of-c")
    assert a.status == 404 and b"own-of-c" in w.p.seen[-1][0], a.body


def test_conversations_stay_closed(w):
    before = calls(w)
    for conversation in ("conv_1", {"id": "conv_1"}):
        a = create(w, conversation=conversation)
        assert a.status == 403 and a.error()["code"] == "stateful_path", a.body
    assert calls(w) == before


def test_restarts_keep_it(w):
    for sig in (signal.SIGTERM, signal.SIGKILL):
        r, streamed = made(w), create(w, stream=True)
        other = re.search(rb'"id": "(resp_\w+)"', streamed.body).group(1).decode()
        if sig == signal.SIGKILL:
            time.sleep(0.6)  # as the manual says
        w.sluice.stop(sig)
        w.sluice.start()
        before = calls(w)
        for response in (r["id"], other):
            is_unknown(w, w.sluice.request("GET", f"/v1/responses/{response}", key="key-of-b"),
                       before)
        for response in (r["id"], other):
            assert create(w, previous_response_id=response).status == 200
        text = json.dumps([{"type": "item_reference", "id": r["output"][1]["id"]}])
        assert ask_raw(w, "key-of-a", text).status == 200


def test_what_another_process_learned(w):
    """As in the moment of a takeover: the rows come while this one runs."""
    db = sqlite3.connect(os.path.join(w.sluice.folder, "ledger.db"), timeout=10)
    now = int(time.time() * 1e6)
    rows = [("resp_late", "first", "p", now), ("resp_old", "first", "p", now - 31 * 86400 * 10**6),
            ("resp_nowhere", "first", "none", now)]
    with db:
        db.executemany("INSERT INTO stored VALUES (?, ?, ?, ?)", rows)
    db.close()
    for response, _, _, _ in rows:
        w.p.kept["house", response] = {"id": response}
    before = calls(w)
    is_unknown(w, w.sluice.request("GET", "/v1/responses/resp_late", key="key-of-b"), before)
    for response in ("resp_old", "resp_nowhere"):
        is_unknown(w, w.sluice.request("GET", f"/v1/responses/{response}", key="key-of-a"), before)
    assert w.sluice.request("GET", "/v1/responses/resp_late", key="key-of-a").status == 200
