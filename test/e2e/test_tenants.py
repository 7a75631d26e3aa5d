"""Two tenants and every path of the API, as the table of routes has them: neither reaches what is
the other's, and none the house's."""

import os
import re
from types import SimpleNamespace

from players import Always
from world import Provider, Sluice, answer_ok

CONFIG = """
listen: 127.0.0.1:@PORT@
state: {ledger: "sqlite:@FOLDER@/ledger.db"}
providers:
  p: {base_url: "http://127.0.0.1:%d/v1", key: house, responses: on}
  q: {kind: anthropic, base_url: "http://127.0.0.1:%d/v1", key: house}
default_provider: p
models: {a-claude: {is: q/m}}
keys:
  require: true
  declared:
    a: {secret: key-of-a, tenant: first, models: ["a-*"]}
    b: {secret: key-of-b, tenant: second}
limits: {per_key: {requests_per_minute: 1000}}
"""

ROUTES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "src", "api",
                      "routes.c")
OBJECT = "object-of-the-first"


def routes():
    """(method, path, needs, handler) of each row."""
    with open(ROUTES, encoding="utf-8") as file:
        found = re.findall(r'\{HTTP_(\w+),\s*PATH\("([^"]+)"\),\s*NEEDS_(\w+),\s*(\w+)', file.read())
    assert len(found) > 30, found
    return [("GET" if m == "OTHER" else m, path, needs, handler)
            for m, path, needs, handler in found]


def open_world():
    p = Provider()
    p.answers = Always(answer_ok)
    return SimpleNamespace(p=p, sluice=Sluice(CONFIG % (p.port, p.port)))


def ask(w, key, method, path):
    path = path.replace("*", ("" if "/*" in path else "/") + OBJECT)
    body = {"model": "b-model", "messages": [], "input": "x", "prompt": "x", "max_tokens": 1}
    return w.sluice.request(method, path, None if method == "GET" else body, key=key)


def test_an_idempotency_key_is_its_tenants(w):
    def told(key, path):
        a = w.sluice.request("POST", path, {"model": "a-m", "messages": [], "input": "x"}, key=key,
                             headers={"Idempotency-Key": "order 17"})
        assert a.status == 200, a.body
        return re.search(rb"(?i)idempotency-key: (.*)\r", w.p.seen[-1][0])[1]

    first, second = [told(key, "/v1/chat/completions") for key in ("key-of-a", "key-of-b")]
    assert first != second and b"order" not in first + second
    assert told("key-of-b", "/v1/chat/completions") == second == told("key-of-b", "/v1/moderations")


def test_admin_is_for_neither(w):
    tried = 0
    for method, path, needs, _ in routes():
        if needs == "ADMIN":
            for key in ("key-of-a", "key-of-b"):
                a = ask(w, key, method, path)
                assert a.status == 403 and "no admin key" in a.error()["message"], (path, a.body)
                tried += 1
    assert tried >= 16, tried


def test_objects_of_the_provider_are_closed(w):
    for method, path, needs, handler in routes():
        before = len(w.p.seen)
        if handler == "api_stateful":
            for verb in ("GET", "POST", "DELETE"):
                for key in ("key-of-a", "key-of-b"):
                    a = ask(w, key, verb, path)
                    assert a.status == 403 and a.error()["code"] == "stateful_path", (path, a.body)
            assert len(w.p.seen) == before, path
        elif handler == "api_responses":  # whose they are is known of none: test_stored.py has more
            for key in ("key-of-a", "key-of-b"):
                for verb, behind, status in (("GET", "", 404), ("DELETE", "", 404), ("POST", "", 403),
                                             ("GET", "/input_items", 404), ("POST", "/cancel", 404),
                                             ("GET", "/other", 403)):
                    a = ask(w, key, verb, path + behind)
                    code = "stateful_path" if status == 403 else "response_not_found"
                    assert a.status == status and a.error()["code"] == code, (path, a.body)
            assert len(w.p.seen) == before, path
        elif needs == "KEY":
            ask(w, "key-of-b", method, path)
            assert not [h for h, b in w.p.seen[before:] if OBJECT.encode() in h.split(b"\r\n")[0]
                        and handler != "api_relay"], path


def test_no_path_without_a_key(w):
    for method, path, needs, _ in routes():
        if needs != "NOTHING":
            for key in (None, "key-of-nobody"):
                assert ask(w, key, method, path).status == 401, path


def test_a_keys_models_hold_on_every_path(w):
    before = len(w.p.seen)
    for method, path, needs, handler in routes():
        if needs == "KEY" and handler in ("api_llm", "api_relay", "api_relay_looked"):
            a = ask(w, "key-of-a", method, path)
            assert a.status == 403, (path, a.status, a.body)
    assert len(w.p.seen) == before


def test_a_list_of_models_is_not_for_a_key_with_one(w):
    def asked(key, models):
        body = {"model": "a-m", "messages": [], "models": models}
        return w.sluice.request("POST", "/v1/chat/completions", body, key=key)

    before = len(w.p.seen)
    a = asked("key-of-a", ["b-model"])
    assert a.status == 403 and "'models'" in a.error()["message"], a.body
    assert len(w.p.seen) == before
    for path, model, more in (
            ("/v1/responses", "a-m", {"input": "x"}), ("/v1/messages", "a-claude", {"max_tokens": 1}),
            ("/v1/messages/count_tokens", "a-claude", {}),
            ("/v1/chat/completions", "a-m",
             {"stream": True, "stream_options": {"include_usage": None}})):
        for other in ({"models": ["b-model"]}, {"fallbacks": [{"model": "b-model"}]}, {"preset": "b"},
                      {"plugins": [{"id": "web"}, {"id": "auto-router", "allowed_models": ["b-*"]}]},
                      {"plugins": [{"id": "web", "model": "b-model"}]}, {"plugins": "auto-router"}):
            body = {"model": model, "messages": []} | other | more
            a = w.sluice.request("POST", path, body, key="key-of-a")
            assert a.status == 403 and "'models'" in a.error()["message"], (path, a.status, a.body)
    assert len(w.p.seen) == before
    assert asked("key-of-a", None).status == 200
    body = {"model": "a-m", "messages": [], "plugins": [{"id": "web", "max_results": 3}], "preset": None}
    assert w.sluice.request("POST", "/v1/chat/completions", body, key="key-of-a").status == 200
    assert asked("key-of-b", ["b-model"]).status == 200 and b"b-model" in w.p.seen[-1][1]


def test_an_earlier_answer_is_nobodys(w):
    before = len(w.p.seen)
    for member, status, code in (
            ({"previous_response_id": "resp_of_the_first"}, 404, "response_not_found"),
            ({"input": [{"type": "item_reference", "id": "msg_of_the_first"}]}, 404,
             "response_not_found"),
            ({"conversation": "conv_1"}, 403, "stateful_path")):
        a = w.sluice.request("POST", "/v1/responses", {"model": "b", "input": "x", **member},
                             key="key-of-b")
        assert a.status == status and a.error()["code"] == code, a.body
    assert len(w.p.seen) == before
