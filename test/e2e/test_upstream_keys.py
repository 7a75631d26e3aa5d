"""Several keys of one provider: whose turn it is, who rests, and what a client sees of it."""

import collections
import json
import os
import tempfile
import time
from types import SimpleNamespace

from players import Always
from world import Provider, Sluice, answer_ok, status, whole

CONFIG = """
listen: 127.0.0.1:@PORT@
admin_listen: 127.0.0.1:@ADMIN@
state: {ledger: "sqlite:@FOLDER@/ledger.db"}
retry: {attempts: 4, budget: 100%%, wait_min: 2s, wait_max: 2s}
providers:
  shared: {base_url: "http://127.0.0.1:%d/v1", api_keys: [{secret: aaa, weight: 3}, bbb]}
  mixed: {base_url: "http://127.0.0.1:%d/v1", api_keys: [limited, refused, good]}
  spent: {base_url: "http://127.0.0.1:%d/v1", api_keys: [limited, limited-2]}
  wrong: {base_url: "http://127.0.0.1:%d/v1", api_keys: [refused, refused-2]}
  filed: {base_url: "http://127.0.0.1:%d/v1", key: "${file:@KEYS@/key}"}
  named: {base_url: "http://127.0.0.1:%d/v1", key_header: X-Key, tenant_keys: {shop: theirs}}
  relayed: {base_url: "http://127.0.0.1:%d/v1", api_keys: [limited, good]}
  owned: {base_url: "http://127.0.0.1:%d/v1", key: house, tenant_keys: {shop: theirs, bad: refused}}
  claude: {kind: anthropic, base_url: "http://127.0.0.1:%d/v1", api_keys: [k-1, k-2]}
  cloud: {kind: bedrock, base_url: "http://127.0.0.1:%d", tenant_keys: {shop: theirs},
          aws: {region: eu-central-1, access_key: AKIDEXAMPLE, secret_key: secret}}
  secret: {base_url: "http://127.0.0.1:%d/v1", key: house-long-enough,
           tenant_keys: {shop: theirs-long-enough}}
  secrets: {base_url: "http://127.0.0.1:%d/v1", api_keys: [one-long-enough, two-long-enough]}
default_provider: owned
keys:
  declared:
    a: {secret: key-of-shop, tenant: shop}
    b: {secret: key-of-bad, tenant: bad}
    c: {secret: key-of-other, tenant: other}
"""


def key_of(head):
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() in (b"authorization", b"x-api-key"):
            return value.strip().decode().removeprefix("Bearer ")
    return None


def by_key(conn, head, body, n):
    key = key_of(head)
    if b"/converse" in head:
        return status("400 Bad")(conn, head, body, n)
    if key.startswith("limited"):
        return status("429 Too Many", headers=("Retry-After: 60",))(conn, head, body, n)
    if key.startswith("refused"):
        return status("401 No")(conn, head, body, n)
    return answer_ok(conn, head, body, n)


def open_world():
    p = Provider()
    p.answers = Always(by_key)
    folder = tempfile.mkdtemp(prefix="sluice-keys-")
    text = (CONFIG % ((p.port,) * 12)).replace("@KEYS@", folder)
    w = SimpleNamespace(p=p, folder=folder)
    put(w, "first\n")
    w.sluice = Sluice(text)
    return w


def put(w, key):
    """As secrets are put in place: whole, by a new name."""
    with open(os.path.join(w.folder, "new"), "w", encoding="utf-8") as file:
        file.write(key)
    os.rename(os.path.join(w.folder, "new"), os.path.join(w.folder, "key"))


def keys_seen(w, since):
    return [key_of(head) for head, _ in w.p.seen[since:]]


def test_by_weight(w):
    since = len(w.p.seen)
    for _ in range(40):
        assert w.sluice.chat("shared/m").status == 200
    seen = keys_seen(w, since)
    assert collections.Counter(seen) == {"aaa": 30, "bbb": 10}, seen
    assert "bbb" in seen[:4], "they are mixed, not one behind the other"


def test_another_key_at_once_and_the_others_rest(w):
    since = len(w.p.seen)
    a = w.sluice.chat("mixed/m", timeout=5)
    assert a.status == 200 and int(a.headers["x-sluice-overhead-us"]) < 1000000, a.headers
    assert keys_seen(w, since) == ["limited", "refused", "good"]
    for _ in range(5):
        assert w.sluice.chat("mixed/m").status == 200
    assert keys_seen(w, since)[3:] == ["good"] * 5
    told = w.sluice.request("GET", "/admin/upstreams", port=w.sluice.admin_port).json()["keys"]
    mixed = [k for k in told if k["provider"] == "mixed"]
    assert [k["rests"] for k in mixed] == [1, 1, 0], mixed
    assert 50000 < mixed[0]["resting_ms"] <= 60000 < mixed[1]["resting_ms"] <= 600000, mixed
    assert "limited" not in json.dumps(told)


def test_all_rest(w):
    since = len(w.p.seen)
    a = w.sluice.chat("spent/m", timeout=5)
    assert a.status == 429 and a.headers["retry-after"] == "60", (a.status, a.headers)
    assert keys_seen(w, since) == ["limited", "limited-2"]


def test_all_are_refused(w):
    a = w.sluice.chat("wrong/m", timeout=5)
    assert a.status == 502 and "providers.wrong.api_keys" in a.error()["message"], a.body
    assert "refused-2" not in a.body.decode()


def test_in_the_kinds_own_header(w):
    since = len(w.p.seen)
    w.sluice.request("POST", "/v1/messages", {"model": "claude/m", "max_tokens": 5, "messages": [
        {"role": "user", "content": "hi"}]})
    assert keys_seen(w, since) == ["k-1"] and b"x-api-key: k-1" in w.p.seen[-1][0]


def filed(w):
    assert w.sluice.chat("filed/m").status == 200
    return key_of(w.p.seen[-1][0])


def wait_for(what, seconds=10):
    end = time.time() + seconds
    while not what():
        assert time.time() < end, "it did not happen"
        time.sleep(0.1)


def test_a_key_from_a_file_that_changes(w):
    assert filed(w) == "first"
    put(w, "second\n")
    wait_for(lambda: filed(w) == "second")
    shown = w.sluice.request("GET", "/admin/config", port=w.sluice.admin_port).body
    assert b"/key}" in shown and b"second" not in shown
    # What is empty, or gone, changes nothing; what comes back does.
    put(w, "")
    wait_for(lambda: "which is empty" in w.sluice.log())
    assert filed(w) == "second"
    os.unlink(os.path.join(w.folder, "key"))
    time.sleep(2.5)
    assert filed(w) == "second"
    put(w, "third")
    wait_for(lambda: filed(w) == "third")


def test_a_tenants_own_key(w):
    since = len(w.p.seen)
    for key in ("key-of-shop", "key-of-other"):
        assert w.sluice.chat("owned/m", key=key).status == 200
    assert keys_seen(w, since) == ["theirs", "house"]
    a = w.sluice.chat("owned/m", key="key-of-bad")
    assert a.status == 502 and "tenant bad" in a.error()["message"], a.body
    assert keys_seen(w, since)[2:] == ["refused"], "never with the house's"
    since = len(w.p.seen)
    assert w.sluice.chat("shared/m", key="key-of-shop").status == 200
    assert keys_seen(w, since)[0] in ("aaa", "bbb"), "only where it has one"


def test_the_header_of_a_key_is_the_configurations(w):
    """Also where nobody's key is configured, or another tenant's alone."""
    def told(key):
        body = {"model": "named/m", "messages": [{"role": "user", "content": "hi"}]}
        w.p.answers = Always(answer_ok)
        try:
            a = w.sluice.request("POST", "/v1/chat/completions", body, {"x-key": "mine"}, key=key)
        finally:
            w.p.answers = Always(by_key)
        assert a.status == 200, a.body
        return [line.split(b": ", 1)[1] for line in w.p.seen[-1][0].split(b"\r\n")
                if line.lower().startswith(b"x-key:")]

    assert told("key-of-shop") == [b"theirs"]
    assert told("key-of-other") == []


def test_one_place_for_a_key(w):
    """A request with two Authorizations, the tenant's and the house's, is anybody's."""
    with open(w.sluice.file, encoding="utf-8") as file:
        text = file.read()
    for more in ("tenant_keys: {shop: theirs}", "api_keys: [one]", "pass_key: on", "key: house"):
        told = text.replace("providers:\n", 'providers:\n  two: {base_url: "http://127.0.0.1:9/v1", '
                            "headers: {authorization: Bearer house}, %s}\n" % more)
        a = w.sluice.request("POST", "/admin/config?dry_run=1", told.encode(),
                             port=w.sluice.admin_port)
        assert a.status == 400 and "is set by sluice itself" in a.body.decode(), (more, a.body)
    told = told.replace(", key: house}", "}")
    a = w.sluice.request("POST", "/admin/config?dry_run=1", told.encode(), port=w.sluice.admin_port)
    assert a.status == 200, a.body


def test_words_that_quote_a_key_are_not_passed_on(w):
    def tells(conn, head, body, n):
        said = json.dumps({"error": {"message": f"no such key: {key_of(head)}", "code": "odd"}})
        line = "200 OK" if b"inside" in body else "400 Bad Request"
        conn.sendall(whole(said.encode(), line))
    w.p.answers = Always(tells)
    try:
        for model, key in (("secret/a", "key-of-other"), ("secret/a", "key-of-shop"),
                           ("secrets/a", "key-of-other"), ("secret/inside", "key-of-other")):
            a = w.sluice.chat(model, key=key)
            assert a.status in (400, 502) and "error" in a.json(), a.body
            assert b"-long-enough" not in a.body, a.body
    finally:
        w.p.answers = Always(by_key)


def test_a_tenants_own_key_where_requests_are_signed(w):
    """It goes alone: a request with two Authorizations is one of the house's account."""
    for key, begins in (("key-of-shop", b"Bearer theirs"), ("key-of-other", b"AWS4-HMAC-SHA256 ")):
        since = len(w.p.seen)
        w.sluice.chat("cloud/m", key=key)
        told = [line.split(b": ", 1)[1] for line in w.p.seen[since][0].split(b"\r\n")
                if line.lower().startswith(b"authorization:")]
        assert len(told) == 1 and told[0].startswith(begins), told


def test_on_paths_that_are_passed_on(w):
    since = len(w.p.seen)
    for key in ("key-of-shop", "key-of-other"):
        a = w.sluice.request("POST", "/v1/moderations", {"input": "x"}, key=key)
        assert a.status == 200, a.body
    assert keys_seen(w, since) == ["theirs", "house"]


def test_a_limit_on_paths_that_are_passed_on_lasts_as_long_as_it_says(w):
    def resting():
        told = w.sluice.request("GET", "/admin/upstreams", port=w.sluice.admin_port).json()["keys"]
        return [k["resting_ms"] for k in told if k["provider"] == "relayed"]

    def load(text):
        a = w.sluice.request("POST", "/admin/config", text, port=w.sluice.admin_port)
        assert a.status == 200, a.body

    with open(w.sluice.file, "rb") as file:
        load(file.read().replace(b"default_provider: owned", b"default_provider: relayed"))
    try:
        a = w.sluice.request("POST", "/v1/moderations", {"input": "x"}, key="key-of-other")
        assert a.status == 429 and a.headers["retry-after"] == "60", a.body
        assert 50000 < resting()[0] <= 60000 and resting()[1] == 0, resting()
    finally:
        load(b"")
