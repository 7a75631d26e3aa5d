"""Keys, doors, configuration, metrics, and the end of the process."""

import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import tempfile
import time
from types import SimpleNamespace

from world import KEY, Provider, SLUICE, Sluice, free_port, read_all

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
CONFIG = """
listen: 127.0.0.1:@PORT@
admin_listen: 127.0.0.1:@ADMIN@
state: {ledger: "sqlite:@FOLDER@/ledger.db"}
log: {format: json}
providers:
  p: {base_url: "http://127.0.0.1:%d/v1"}
models:
  one: {is: p/a}
keys:
  require: true
  declared:
    app: {secret: "${TEST_KEY}", tenant: shop}
    boss: {secret: boss-key, admin: true}
"""


def open_world():
    p = Provider()
    return SimpleNamespace(p=p, config=CONFIG % p.port, sluice=Sluice(CONFIG % p.port))


def admin(w, method, path, body=None):
    return w.sluice.request(method, path, body, key="boss-key")


def test_keys_over_http(w):
    a = admin(w, "POST", "/admin/keys", {"name": "team", "tenant": "blue", "models": ["one"]})
    assert a.status == 201, a.body
    secret, public = a.json()["secret"], a.json()["public"]
    answer = w.sluice.chat("one", key=secret)
    assert answer.status == 200
    t = w.sluice.turn(answer)
    assert t["key"] == public and t["tenant"] == "blue"
    assert w.sluice.chat("other", key=secret).status == 403
    listed = admin(w, "GET", "/admin/keys").body
    assert public.encode() in listed and secret.split("-")[-1].encode() not in listed
    assert admin(w, "DELETE", "/admin/keys/team").status == 200
    assert w.sluice.chat("one", key=secret).error()["code"] == "revoked_api_key"
    assert admin(w, "DELETE", "/admin/keys/tem").status == 404
    with open(os.path.join(w.sluice.folder, "ledger.db"), "rb") as f:
        assert secret.split("-")[-1].encode() not in f.read()


def test_what_is_no_key_is_not_made(w):
    before = w.sluice.rows("SELECT count(*) FROM keys")
    for body, code, words in (
            ({"models": "gpt-4"}, "invalid_request", "'models' has to be a list"),
            ({"models": ["gpt-4", 5]}, "invalid_request", "'models' has to be a list"),
            ({"models": [["gpt-4"]]}, "invalid_request", "'models' has to be a list"),
            ({"models": {"a": 1}}, "invalid_request", "'models' has to be a list"),
            ({"models": None}, "invalid_request", "'models' has to be a list"),
            ({"models": []}, "invalid_request", "list of models is empty"),
            ({"models": [""]}, "invalid_request", "model 1 of the list is empty"),
            ({"models": ["a", "b,c"]}, "invalid_request", "model 2 of the list has a comma"),
            ({"models": ["a\nb"]}, "invalid_request", "control character"),
            ({"models": ["a"] * 1001}, "invalid_request", "a list of 1001 models"),
            ({"models": ["a" * 257]}, "invalid_request", "is too long"),
            ({"admin": "no"}, "invalid_request", "'admin' has to be true or false"),
            ({"admin": 1}, "invalid_request", "'admin' has to be true or false"),
            ({"name": 5}, "invalid_request", "'name' has to be a string"),
            ({"name": "a" * 129}, "invalid_request", "name is too long"),
            ({"name": "\x1b[2J"}, "invalid_request", "control character"),
            ({"tenant": ["a"]}, "invalid_request", "'tenant' has to be a string"),
            ({"tenant": ""}, "invalid_request", "tenant is empty"),
            ({"modles": ["gpt-4"]}, "invalid_request", "did you mean 'models'?"),
            ({"Models": ["gpt-4"]}, "invalid_request", "did you mean 'models'?"),
            ({"x\0y": 1}, "invalid_request", "expected name, tenant, models, admin"),
            (b'{"admin":false,"admin":true}', "duplicate_key", "'admin' stands twice"),
            (b"[]", "invalid_request", "expected {"), (b'"a"', "invalid_request", "expected {"),
            (b"", "invalid_request", "expected {"), (b'{"name":', "invalid_json", ""),
            (b'{"name":"' + b"x" * 70000 + b'"}', "body_too_large", "")):
        a = admin(w, "POST", "/admin/keys", body)
        assert a.status in (400, 413) and a.error()["code"] == code, (body, a.status, a.body)
        assert words in a.error()["message"], (body, a.body)
    assert w.sluice.rows("SELECT count(*) FROM keys") == before
    a = admin(w, "POST", "/admin/keys?models=gpt-4", {})
    assert a.status == 400 and "expected no query" in a.error()["message"]
    assert w.sluice.rows("SELECT count(*) FROM keys") == before
    a = admin(w, "POST", "/admin/keys", {})
    assert a.status == 201 and a.json()["tenant"] == "default" and a.json()["models"] == []
    assert a.json()["admin"] is False and a.json()["name"] == ""


def test_revoking_asks_which(w):
    made = [admin(w, "POST", "/admin/keys", {"name": "my twin"}).json() for _ in range(2)]
    a = admin(w, "DELETE", "/admin/keys/my%20twin")
    assert a.status == 400 and "2 keys are called 'my twin'" in a.error()["message"], a.body
    a = admin(w, "DELETE", "/admin/keys/" + made[0]["public"])
    assert a.status == 200 and a.json() == {"revoked": True, "public": made[0]["public"]}, a.body
    assert admin(w, "DELETE", "/admin/keys/my%20twin").status == 200
    a = admin(w, "DELETE", "/admin/keys/my%20twin")
    assert a.status == 404 and "revoked already" in a.error()["message"], a.body
    again = admin(w, "POST", "/admin/keys", {"name": "my twin"}).json()  # revoked, then made anew
    assert w.sluice.chat("one", key=again["secret"]).status == 200
    for old in made:
        assert w.sluice.chat("one", key=old["secret"]).error()["code"] == "revoked_api_key"
    assert admin(w, "DELETE", "/admin/keys/my%20twin").status == 200
    assert w.sluice.chat("one", key=again["secret"]).status == 401
    a = admin(w, "DELETE", "/admin/keys/app")
    assert a.status == 400 and "declared in the configuration" in a.error()["message"], a.body


def keys_command(w, *words, **more):
    return subprocess.run([SLUICE, "keys", *words], capture_output=True, text=True,
                          env=w.sluice.environment, **{"cwd": w.sluice.folder, **more})


def test_the_keys_command_takes_no_word_for_nothing(w):
    before = w.sluice.rows("SELECT count(*) FROM keys")
    for words, complaint in (
            (("make", "x", "--models", ""), "list of models is empty"),
            (("make", "x", "--models", " , "), "list of models is empty"),
            (("make", "x", "--models", "a\nb"), "control character"),
            (("make", "x", "--tenant", ""), "the tenant is empty"),
            (("make", "x" * 200), "name is too long"), (("make", "\x1b[2J"), "control character"),
            (("make", "a", "b"), "make takes one name at most"),
            (("list", "a"), "list takes no further word"),
            (("revoke",), "revoke takes one key"), (("revoke", "a", "b"), "revoke takes one key"),
            (("revoke", "a", "--admin"), "are for make"), (("list", "--models", "a"), "are for make"),
            (("lst",), "did you mean 'list'?")):
        done = keys_command(w, *words)
        assert done.returncode == 2 and complaint in done.stderr, (words, done)
        assert done.stdout == ""
    assert w.sluice.rows("SELECT count(*) FROM keys") == before
    models = [f"m{i}" for i in range(100)]  # all of them, or none
    done = keys_command(w, "make", "many", "--json", "--models", ",".join(models))
    assert json.loads(done.stdout)["models"] == models, done


def test_the_keys_command_finds_the_usual_file(w):
    folder = tempfile.mkdtemp(prefix="sluice-e2e-")
    with open(os.path.join(folder, "sluice.yaml"), "w", encoding="utf-8") as f:
        f.write("state: {ledger: \"sqlite:elsewhere.db\"}\n")
    assert keys_command(w, "make", "a", cwd=folder).returncode == 0
    assert os.path.exists(os.path.join(folder, "elsewhere.db"))
    assert not os.path.exists(os.path.join(folder, "sluice.db"))
    assert keys_command(w, "mke", "a", cwd=tempfile.mkdtemp(prefix="sluice-e2e-")).returncode == 2


def test_a_made_key_that_is_called_as_a_declared_one_is_not_revoked_by_that(w):
    named = ("--config", w.sluice.file)
    public = json.loads(keys_command(w, "make", "app", "--json", *named).stdout)["public"]
    done = keys_command(w, "revoke", "app", *named)
    assert done.returncode == 2 and not done.stdout, done
    assert "that the configuration declares" in done.stderr and public in done.stderr, done
    listed = {k["public"]: k for k in json.loads(keys_command(w, "list", "--json", *named).stdout)}
    assert not listed[public]["revoked"]
    assert listed[public]["made"].startswith(time.strftime("%Y-%m-", time.gmtime())), listed[public]
    assert "made" not in listed["app"]  # nobody knows since when it stands in the file
    done = keys_command(w, "revoke", public, *named)
    assert (done.returncode, done.stdout) == (0, f"revoked {public}\n"), done
    public = json.loads(keys_command(w, "make", "alone", "--json", *named).stdout)["public"]
    done = keys_command(w, "revoke", "alone", "--json", *named)  # by its name: which one that was is said
    assert json.loads(done.stdout) == {"revoked": True, "public": public}, done


def test_keys_by_command(w):
    run = lambda *words: subprocess.run([SLUICE, "keys", *words, "--config", w.sluice.file],
                                        capture_output=True, text=True, env=w.sluice.environment)
    secret = run("make", "cli").stdout.strip()
    assert secret.startswith("sk-sluice-")
    end = time.time() + 5
    while w.sluice.chat("one", key=secret).status != 200:
        assert time.time() < end, "a new key was not seen"
        time.sleep(0.1)
    assert run("revoke", "cli").returncode == 0
    while w.sluice.chat("one", key=secret).status != 401:
        assert time.time() < end + 5, "a revoked key still works"
        time.sleep(0.1)


def test_doors(w):
    port = w.sluice.admin_port
    assert w.sluice.request("GET", "/metrics", key=None, port=port).status == 200
    a = w.sluice.request("POST", "/v1/chat/completions", b"{}", key=None, port=port)
    assert a.status == 404
    answer = w.sluice.request("GET", "/metrics", key=None)
    assert answer.status == 401 and "keys make NAME --admin" in answer.error()["message"]
    assert w.sluice.request("GET", "/metrics", key=KEY).status == 403


def test_admin_listener_on_a_unix_socket_asks_for_no_key(w):
    config = w.config.replace("127.0.0.1:@ADMIN@", "unix:@FOLDER@/admin.sock")
    other = Sluice(config)

    def connect(s):
        """It comes behind the first listener, and refuses between bind and listen."""
        end = time.time() + 10
        while True:
            try:
                return s.connect(os.path.join(other.folder, "admin.sock"))
            except (FileNotFoundError, ConnectionRefusedError):
                assert time.time() < end, other.log()
                time.sleep(0.02)

    def ask(host):
        with socket.socket(socket.AF_UNIX) as s:
            connect(s)
            s.sendall(b"GET /metrics HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n" % host)
            return read_all(s, 5).split(b"\r\n")[0]
    try:
        assert b" 200 " in ask(b"localhost")
        assert b" 403 " in ask(b"evil.example")
    finally:
        assert other.stop() == 0


def test_metrics_of_models_with_long_names(w):
    """As those of Bedrock, which differ behind the 64th byte only."""
    arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/"
    for name in ("first", "second", "second"):
        assert w.sluice.chat(arn + name).status == 200
    text = admin(w, "GET", "/metrics").body.decode()
    for name, n in (("first", 1), ("second", 2)):
        assert (f'sluice_upstream_calls_total{{provider="p",model="{arn}{name}",outcome="ok"}} {n}'
                in text), text


def test_metrics(w):
    w.sluice.chat("one")
    text = admin(w, "GET", "/metrics").body.decode()
    for name in ("sluice_turns_total", "sluice_turn_seconds_bucket", "sluice_tokens_total",
                 "sluice_upstream_up", "sluice_ledger_waiting_rows", "sluice_overhead_seconds_sum"):
        assert "\n" + name in text, name
    assert KEY not in text


def test_metrics_of_a_provider_that_is_gone(w):
    there = f'sluice_upstream_up{{endpoint="127.0.0.1:{w.p.port}"}} 1'
    gone = f"127.0.0.1:{free_port()}"
    more = f'  gone: {{base_url: "http://{gone}/v1"}}\n'
    other = Sluice(w.config.replace("models:", more + "models:"))
    try:
        before = other.request("GET", "/metrics", key="boss-key").body.decode()
        other.write(w.config)
        other.process.send_signal(signal.SIGHUP)
        end = time.time() + 5
        while "reloaded" not in other.log():
            assert time.time() < end, other.log()
            time.sleep(0.02)
        after = other.request("GET", "/metrics", key="boss-key").body.decode()
    finally:
        assert other.stop() == 0
    assert there in before and f'sluice_upstream_up{{endpoint="{gone}"}}' in before, before
    assert there in after and gone not in after, after


def test_metrics_of_two_providers_at_one_address(w):
    more = f'  again: {{base_url: "http://127.0.0.1:{w.p.port}/v1", timeouts: {{idle: 7s}}}}\n'
    other = Sluice(w.config.replace("models:", more + "models:"))
    try:
        for model in ("p/a", "p/a", "again/a"):
            assert other.chat(model).status == 200
        for _ in range(2):
            text = other.request("GET", "/metrics", key="boss-key").body.decode()
    finally:
        assert other.stop() == 0
    at = f'endpoint="127.0.0.1:{w.p.port}"'
    for line in (f"up{{{at}}} 1", f"calls_running{{{at}}} 0",
                 f'connections_total{{{at},how="opened"}} 2',
                 f'connections_total{{{at},how="reused"}} 1',
                 f'connections{{{at},state="idle"}} 2'):
        assert "\nsluice_upstream_" + line + "\n" in text, (line, text)


def test_health(w):
    assert w.sluice.request("GET", "/health", key=None).status == 200
    assert w.sluice.request("GET", "/ready", key=None).status == 200


def test_reload(w):
    w.sluice.write(w.config.replace("one: {is: p/a}", "one: {is: p/a}\n  two: {is: p/b}"))
    w.sluice.process.send_signal(signal.SIGHUP)
    end = time.time() + 5
    while w.sluice.request("GET", "/v1/models/two").json().get("owned_by") != "p" \
            or "two" not in w.sluice.request("GET", "/v1/models").body.decode():
        assert time.time() < end, w.sluice.log()
        time.sleep(0.05)
    w.sluice.write(w.config + "nonsense: 1\n")
    w.sluice.process.send_signal(signal.SIGHUP)
    while "refused" not in w.sluice.log():
        assert time.time() < end + 5
        time.sleep(0.05)
    w.sluice.write("")  # as it is for a moment while an editor writes it
    w.sluice.process.send_signal(signal.SIGHUP)
    while "there is no setting in it" not in w.sluice.log():
        assert time.time() < end + 5
        time.sleep(0.05)
    assert "two" in w.sluice.request("GET", "/v1/models").body.decode()
    w.sluice.write(w.config)


def test_config_over_http(w):
    a = admin(w, "POST", "/admin/config?dry_run=1",
              (w.config.replace("@PORT@", str(w.sluice.port)).replace("@FOLDER@", w.sluice.folder)
               .replace("@ADMIN@", str(w.sluice.admin_port)) + "retry: {attempts: 7}\n").encode())
    assert a.status == 200 and "retry.attempts" in a.json()["changes"], a.body
    assert a.json()["applied"] is False
    a = admin(w, "POST", "/admin/config", b"providers: {p: {knd: x}}")
    assert a.status == 400 and "kind" in a.json()["problems"]
    assert b"attempts: 3" in admin(w, "GET", "/admin/config").body
    assert b"boss-key" not in admin(w, "GET", "/admin/config").body


def test_what_was_sent_outlasts_a_file_that_it_names(w):
    other = Sluice(w.config.replace("/v1\"}", "/v1\", key: \"${file:@FOLDER@/key}\"}"), wait=False)
    path = os.path.join(other.folder, "key")

    def put(text):
        with open(path + ".new", "w", encoding="utf-8") as f:
            f.write(text)
        os.rename(path + ".new", path)

    def said(words, times):
        ends = time.time() + 10
        while other.log().count(words) < times and time.time() < ends:
            time.sleep(0.05)
        return other.log()

    put("sk-old\n")
    other.stop()
    other.start()
    ask = lambda method, path, body=None: other.request(method, path, body, key="boss-key")
    try:
        a = ask("POST", "/admin/config",
                ask("GET", "/admin/config").body.replace(b"attempts: 3", b"attempts: 6"))
        assert a.status == 200 and a.json()["changes"] == "retry.attempts: 3 -> 6\n", a.body
        log = said("retry.attempts: 3 -> 6", 1)
        assert '"file":"(body)","by":"boss"' in log and "retry.attempts: 3 -> 6" in log, log
        a = ask("POST", "/admin/config", b"providers: {p: {knd: x}}")
        assert a.status == 400 and a.json()["problems"].startswith("(body):1:"), a.body
        assert '"by":"boss"' in said("reload refused", 1)
        n = other.log().count("a file has changed")
        put("sk-new\n")
        log = said("a file has changed", n + 1)
        assert f'"file":"{path}"' in log, log
        said("providers.p.key", 1)
        assert b"attempts: 6" in ask("GET", "/admin/config").body
        assert other.chat("one").status == 200
        assert b"Bearer sk-new" in w.p.seen[-1][0]
    finally:
        assert other.stop() == 0


def test_what_is_sent_while_another_one_is_loaded_stays(w):
    other = Sluice(w.config.replace("/v1\"}", "/v1\", key: \"${file:@FOLDER@/key}\"}"), wait=False)
    path = os.path.join(other.folder, "key")
    other.stop()
    with open(path, "w", encoding="utf-8") as f:
        f.write("sk-old")
    os.utime(path, (1, 1))  # a fresh one is looked at again
    other.start()
    ask = lambda body=None: other.request("POST" if body else "GET", "/admin/config", body,
                                          key="boss-key", timeout=30)
    with open(other.file, encoding="utf-8") as f:
        small = f.read()
    large = small.replace("models:\n", "models:\n" + "".join(
        f"  m{i}: {{is: p/a, params: {{a: [1, 2, 3, 4, 5, 6]}}}}\n" for i in range(6000)))
    try:
        assert ask(large.encode()).status == 200
        with open(path, "w", encoding="utf-8") as f:
            f.write("sk-newer")
        ends = time.time() + 10
        while "a file has changed" not in other.log() and time.time() < ends:
            time.sleep(0.005)
        assert ask(small.encode() + b"retry: {attempts: 7}\n").json()["applied"]
        while other.log().count('"reloaded"') < 3 and time.time() < ends:
            time.sleep(0.05)
        assert '"file":"(body)","by":"a file that it names"' in other.log(), other.log()[-2000:]
        assert b"attempts: 7" in ask().body and b"m5999" not in ask().body
    finally:
        assert other.stop() == 0


def test_a_method_that_a_path_does_not_take(w):
    for method, path, allowed in (("DELETE", "/v1/models", "GET, HEAD"),
                                  ("GET", "/v1/chat/completions", "POST"),
                                  ("PUT", "/admin/keys", "GET, HEAD, POST")):
        a = admin(w, method, path)
        assert a.status == 405 and a.headers["allow"] == allowed, (method, path, a.headers, a.body)
        assert allowed in a.error()["message"], a.body
    a = w.sluice.request("GET", "/v1/audio/speech")  # this name is closed with other methods
    assert a.status == 403, a.body
    a = w.sluice.request("POST", "/v1/v1/messages", {})
    assert a.status == 404 and "leave it out of the base URL" in a.error()["message"], a.body


def test_who_answered_is_said_only_where_somebody_did(w):
    assert w.sluice.chat("one").headers["x-sluice-model"] == "p/a"
    key = admin(w, "POST", "/admin/keys", {"name": "few", "models": ["none"]}).json()["secret"]
    a = w.sluice.chat("one", key=key)
    assert a.status == 403 and "x-sluice-model" not in a.headers, a.headers


def test_what_get_config_shows_can_be_posted_back(w):
    other = Sluice(w.config.replace("/v1\"}", "/v1\", key: sk-upstream}") )
    ask = lambda method, path, body=None: other.request(method, path, body, key="boss-key")
    try:
        shown = ask("GET", "/admin/config").body
        assert b"boss-key" not in shown and KEY.encode() not in shown and b"sk-up" not in shown
        assert b'secret: "${TEST_KEY}"' in shown and shown.count(b'"(hidden)"') == 2, shown
        for query in ("?dry_run=1", "", "?dry_run"):
            a = ask("POST", "/admin/config" + query, shown)
            assert a.status == 200 and a.json()["changes"] == "nothing changed\n", a.body
            assert a.json()["applied"] is (query == "")
            assert ask("GET", "/admin/config").body == shown
        assert other.chat("one").status == 200
        assert b"Bearer sk-upstream" in w.p.seen[-1][0]
        more = shown.replace(b"attempts: 3", b"attempts: 4")
        a = ask("POST", "/admin/config", more)
        assert a.json()["changes"] == "retry.attempts: 3 -> 4\n", a.body
        more = more.replace(b"    boss:", b"    chief:")
        a = ask("POST", "/admin/config", more)
        assert a.status == 400 and "there is none" in a.json()["problems"], a.body
        assert "keys.declared.chief.secret" in a.json()["problems"]
        with open(other.file, "w", encoding="utf-8") as f:
            f.write(shown.decode())
        a = ask("POST", "/admin/config")  # a file has to stand for itself
        assert a.status == 400 and "there is none" in a.json()["problems"], a.body
    finally:
        assert other.stop() == 0


def test_a_look_never_becomes_a_change(w):
    before = admin(w, "GET", "/admin/config").body
    changed = before.replace(b"attempts: 3", b"attempts: 5")
    for query in ("?dry_run=1", "?dry_run=true", "?dry_run", "?dry_run="):
        a = admin(w, "POST", "/admin/config" + query, changed)
        assert a.status == 200 and a.json()["applied"] is False, (query, a.body)
    for query in ("?dryrun=1", "?dry_run=yes!", "?dry-run=1", "?dry_run=1&force=1", "?x"):
        a = admin(w, "POST", "/admin/config" + query, changed)
        assert a.status == 400 and "dry_run" in a.error()["message"], (query, a.body)
    a = admin(w, "POST", "/admin/config?dry_run=0", b" \r\n")  # nothing: the file is read again
    assert a.status == 200 and a.json()["changes"] == "nothing changed\n", a.body
    for nothing in (b"# nothing", b"null", b"---", b"{}"):
        a = admin(w, "POST", "/admin/config?dry_run=1", nothing)
        assert a.status == 400 and "there is no setting" in a.json()["problems"], (nothing, a.body)
    assert admin(w, "GET", "/admin/config").body == before
    a = admin(w, "POST", "/admin/config?dry_run=1", b"hosts: [" + b"a," * 2000000 + b"]")
    assert a.status == 400 and "more than 100000 values" in a.json()["problems"]
    a = admin(w, "POST", "/admin/config?dry_run=1", b"hosts: [" + b"a," * 2200000 + b"]")
    assert a.status == 413 and a.error()["code"] == "body_too_large"


def test_without_a_file_there_is_none_to_read_again(w):
    folder = tempfile.mkdtemp(prefix="sluice-e2e-")
    log = os.path.join(folder, "log")
    port = free_port()
    with open(log, "ab") as out:
        process = subprocess.Popen([SLUICE, "serve", "--config", "-"], stdin=subprocess.PIPE,
                                   stderr=out, cwd=folder)
    process.stdin.write(
        f"listen: 127.0.0.1:{port}\nproviders: {{p: {{base_url: http://x/v1}}}}\n".encode())
    process.stdin.close()
    read = lambda: open(log, encoding="utf-8").read()
    end = time.time() + 5
    while "listening" not in read():
        assert time.time() < end, read()
        time.sleep(0.02)
    process.send_signal(signal.SIGHUP)
    while "there is no file to read again" not in read():
        assert time.time() < end, read()
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0


def test_the_start_says_how_to_ask(w):
    port, folder = free_port(), tempfile.mkdtemp(prefix="sluice-e2e-")
    for listen, words in ((f"127.0.0.1:{port}", f"the base URL for applications is http://127.0.0.1:{port}/v1\n"),
                          (f"unix:{folder}/s", "applications ask for http://localhost/v1 by way of a socket\n")):
        process = subprocess.Popen([SLUICE, "serve", "--listen", listen], stderr=subprocess.PIPE, text=True,
                                   cwd=folder, env={"OPENAI_API_KEY": "k"})
        told = []
        while not told or " listening " not in told[-1]:
            told.append(process.stderr.readline())
            assert told[-1], told
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=10)
        assert told[0] == "sluice: " + words and f" address={listen} admin=- " in told[-1], told


def test_the_log_is_opened_anew_whatever_the_file_says(w):
    other = Sluice(w.config.replace("log: {format: json}", "log: {file: \"@FOLDER@/own.log\"}"))
    log = os.path.join(other.folder, "own.log")
    try:
        for text in (w.config.replace("log: {format: json}", f"log: {{file: \"{log}\"}}"), "nonsense"):
            other.write(text)
            os.rename(log, log + ".1")
            other.process.send_signal(signal.SIGHUP)
            end = time.time() + 5
            while not os.path.exists(log) or "reload" not in open(log, encoding="utf-8").read():
                assert time.time() < end, f"no new log after a reload of {text[:20]}"
                time.sleep(0.02)
    finally:
        assert other.stop() == 0


def test_log_has_no_secrets(w):
    w.sluice.request("POST", "/v1/chat/completions",
                     {"model": "one", "messages": [{"role": "user", "content": "PRIVATE-WORDS"}]})
    time.sleep(0.2)
    log = w.sluice.log()
    assert "PRIVATE-WORDS" not in log and KEY not in log and "boss-key" not in log
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    assert any(line["event"] == "turn" and line["status"] == 200 for line in lines)


def test_foreign_host_and_origin(w):
    config = "listen: 127.0.0.1:@PORT@\nstate: {ledger: off}\nproviders: {p: {base_url: \"http://127.0.0.1:%d/v1\"}}\n"
    other = Sluice(config % w.p.port)
    try:
        assert other.chat("x", key=None).status == 200
        a = other.chat("x", key=None, headers={"Origin": "https://evil.example"})
        assert a.status == 403 and a.error()["code"] == "origin_refused"
        assert other.chat("x", key=None, headers={"Origin": "http://localhost:3000"}).status == 200
        a = other.send(b"GET /v1/models HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
        assert b" 403 " in a.split(b"\r\n")[0]
    finally:
        assert other.stop() == 0


def test_open_to_the_world_needs_keys(w):
    process = subprocess.run([SLUICE, "serve", "--config", "-"], capture_output=True, text=True,
                             input="listen: 0.0.0.0:0\nproviders: {p: {base_url: http://x/v1}}\n",
                             timeout=10, cwd=w.sluice.folder)
    assert process.returncode == 1 and "keys" in process.stderr, process
    for address, words in (("0.0.0.0:0", "no keys are required"), ("x:1", "not an address")):
        process = subprocess.run([SLUICE, "serve", "--config", "-", "--listen", address], text=True,
                                 input="state: {ledger: off}\n", timeout=10, cwd=w.sluice.folder,
                                 capture_output=True)
        assert process.returncode == 1 and words in process.stderr, process


def test_term_lets_open_requests_end(w):
    def slow(conn, head, body, n):
        time.sleep(1)
        from world import whole
        conn.sendall(whole())
    w.p.answers["slow"] = slow
    other = Sluice(w.config)
    import threading
    got = []
    thread = threading.Thread(target=lambda: got.append(other.chat("slow")))
    thread.start()
    time.sleep(0.3)
    other.process.send_signal(signal.SIGTERM)
    thread.join()
    assert got[0].status == 200 and got[0].whole
    assert other.process.wait(10) == 0
    assert other.rows("SELECT count(*) FROM turns WHERE state = 'done'")[0][0] == 1


def test_an_hour_is_not_for_ever(w):
    other = Sluice(w.config.replace("ledger.db\"}", "ledger.db\", keep: 1h}"))
    other.turn(other.chat("one"))
    assert other.stop() == 0
    alphabet, ms, old = "0123456789ABCDEFGHJKMNPQRSTVWXYZ", int((time.time() - 2 * 86400) * 1000), ""
    for _ in range(10):
        old, ms = alphabet[ms % 32] + old, ms // 32
    db = sqlite3.connect(os.path.join(other.folder, "ledger.db"))
    db.execute("UPDATE turn_rows SET id = ? || substr(id, 11)", (old,))
    db.commit()
    db.close()
    other.start()
    end = time.time() + 5
    try:
        while other.rows("SELECT id FROM turns"):
            assert time.time() < end, "a turn of two days ago is kept"
            time.sleep(0.05)
    finally:
        assert other.stop() == 0


def test_check_tells_the_line_and_makes_nothing(w):
    folder = tempfile.mkdtemp(prefix="sluice-e2e-")

    def check(text, name="x.yaml"):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
            f.write(text)
        done = subprocess.run([SLUICE, "check", name], capture_output=True, text=True, cwd=folder,
                              timeout=20)
        return done.returncode, done.stderr
    provider = "providers: {p: {base_url: http://x/v1}}\n"
    assert check(provider)[0] == 0 and check("")[0] == 0
    code, words = check(provider + "models:\n  auto: p/a\nadmin_listen: 127.0.0.1:8080\n"
                        "state: {ledger: none}\n")
    assert code == 1 and words.count("error:") == 3, words
    assert "x.yaml:3:3: error: models.auto" in words and "x.yaml:4:15: error: admin" in words
    assert "x.yaml:5:17: error: state.ledger" in words and "did you mean 'off'?" in words
    code, words = check(provider + "price_file: x.yaml\n")
    assert code == 1 and "x.yaml:2:13: error: price_file: invalid JSON" in words, words
    for path, code, complaint in ((".", 3, "Is a directory"), ("none.yaml", 3, "No such file")):
        done = subprocess.run([SLUICE, "check", path], capture_output=True, text=True, cwd=folder)
        assert done.returncode == code and complaint in done.stderr, done
    done = subprocess.run([SLUICE, "check", "--json", "--print", "x.yaml"], capture_output=True,
                          text=True, cwd=folder)
    assert done.returncode == 2 and "one at a time" in done.stderr and done.stdout == "", done
    assert os.listdir(folder) == ["x.yaml"]


def test_reference_page_is_current(w):
    with open(os.path.join(ROOT, "docs", "configuration.md"), encoding="utf-8") as f:
        page = f.read()
    made = subprocess.run([SLUICE, "check", "--reference"], capture_output=True, text=True)
    assert made.stdout == page, "run: build/sluice check --reference > docs/configuration.md"


def test_protocols_page_is_current(w):
    with open(os.path.join(ROOT, "docs", "providers.md"), encoding="utf-8") as f:
        page = f.read()
    made = subprocess.run([SLUICE, "protocols", "--markdown"], capture_output=True, text=True)
    assert made.stdout == page, "run: build/sluice protocols --markdown > docs/providers.md"
    told = json.loads(subprocess.run([SLUICE, "protocols", "--json"], capture_output=True).stdout)
    assert told["providers"]["bedrock"] == ["converse"]
    assert told["protocols"]["anthropic"]["tools"]["how"] == "yes"
    assert told["protocols"]["anthropic"]["more than one choice"]["how"] == "refused"


def command(*words, folder=None, text="", **environment):
    """Any command in a folder of its own, with nothing in the environment that a test did not put
    there."""
    return subprocess.run([SLUICE, *words], capture_output=True, text=True, input=text, timeout=10,
                          cwd=folder or tempfile.mkdtemp(prefix="sluice-e2e-"), env=environment)


def test_a_database_is_not_made_by_looking_into_it(w):
    folder = tempfile.mkdtemp(prefix="sluice-e2e-")
    for words in (("list",), ("revoke", "x")):
        done = command("keys", *words, folder=folder)
        assert done.returncode == 3 and "no database sluice.db" in done.stderr, done
        assert "--config FILE" in done.stderr and done.stdout == "", done
    declared = "keys: {declared: {app: {secret: some-secret-1}}}\n"
    done = command("keys", "list", "--config", "-", folder=folder, text=declared)
    assert done.returncode == 0 and " app " in done.stdout and "no database" in done.stderr, done
    assert os.listdir(folder) == []
    for times in range(2):
        done = command("keys", "make", f"key{times}", folder=folder)
        assert done.returncode == 0 and done.stdout.startswith("sk-sluice-"), done
        assert "kept in sqlite:sluice.db" in done.stderr, done
        assert ("made for it" in done.stderr) == (times == 0), done
    assert "key1" in command("keys", "list", folder=folder).stdout
    for name in ("zebra", "ant", "key"):
        command("keys", "make", name, folder=folder)
    names = [line.split()[1] for line in command("keys", "list", folder=folder).stdout.splitlines()]
    assert names == ["NAME", "ant", "key", "key0", "key1", "zebra"], names
    names = [key["name"] for key in json.loads(command("keys", "list", "--json", folder=folder).stdout)]
    assert names == ["ant", "key", "key0", "key1", "zebra"], names


def test_which_address_cannot_be_had_is_said(w):
    taken, free = w.sluice.port, free_port()
    for listen, admin, setting in ((taken, free, "listen"), (free, taken, "admin_listen")):
        text = (f"listen: 127.0.0.1:{listen}\nadmin_listen: 127.0.0.1:{admin}\nstate: {{ledger: off}}\n"
                "providers: {a: {base_url: 'http://h/v1'}}\n")
        done = command("serve", "--config", "-", text=text)
        assert done.returncode == 3, done
        assert done.stderr.endswith(f"sluice serve: {setting}: 127.0.0.1:{taken} is in use: "
                                    "another program listens there\n"), done


def test_nobody_is_their_own_provider(w):
    port = free_port()
    own = f"http://localhost:{port}/v1"
    for words in (["serve", "--listen", f"127.0.0.1:{port}"],
                  ["serve", "--config", "-"], ["check", "-"], ["check", "--config", "-"]):
        text = f"listen: 127.0.0.1:{port}\nproviders: {{p: {{base_url: '{own}'}}}}\n"
        done = command(*words, text=text, OPENAI_BASE_URL=own, OPENAI_API_KEY="k")
        assert done.returncode == 1 and "listens itself" in done.stderr, (words, done)
    config = w.config.replace("state:", "drain: 1s\nstate:", 1)
    other = Sluice(config)
    try:
        other.write(config.replace(str(w.p.port), "@PORT@"))
        a = other.request("POST", "/admin/config", b"", key="boss-key")
        assert a.status == 400 and b"listens itself" in a.body, a.body
        assert other.chat("one").status == 200
    finally:
        assert other.stop() == 0


def test_nothing_to_go_by_is_said_with_what_to_do(w):
    for words in (("serve",), ("explain", "x"), ("doctor",), ("check",)):
        folder = tempfile.mkdtemp(prefix="sluice-e2e-")
        done = command(*words, folder=folder)
        told = done.stdout + done.stderr
        assert done.returncode == (1 if words == ("doctor",) else 3), done
        assert "no file was named" in told and "there is no sluice.yaml" in told, done
        assert "OPENAI_API_KEY" in told and "No such file" not in told and ":5:" not in told, done
        assert os.listdir(folder) == []
    done = command("serve", OPENAI_API_KEY="", OPENAI_BASE_URL="")
    assert done.returncode == 3 and "OPENAI_API_KEY is empty" in done.stderr, done
    done = command("doctor", "--json")
    assert [f["verdict"] for f in json.loads(done.stdout)["findings"]].count("problem") == 1, done


def test_check_and_explain_see_slips(w):
    text = ("providers: {home: {base_url: 'http://h/v1/chat/completions'}, other: {base_url: 'http://i'}}\n"
            "models: {fast: home/org/m}\ndefault_provider: home\n"
            "prices:\n  homme/m: {input: 1, output: 1}\n  home/m: {input: 1, output: 1}\n"
            "  m: {input: 1, output: 1}\n  org/m: {input: 1, output: 1}\n")
    done = command("check", "-", text=text)
    assert done.returncode == 0 and done.stderr.count("warning") == 2, done
    assert "did you mean 'http://h/v1'?" in done.stderr and "did you mean 'home'?" in done.stderr, done
    assert command("check", "a", "--config", "-", text=text).returncode == 2
    for name, words in (("fsat", "fsat is no name of this configuration (did you mean fast?), so"),
                        ("fast", None), ("home/x", None), ("gpt-9", "gpt-9 is no name of this")):
        done = command("explain", "--config", "-", name, text=text)
        assert done.returncode == 0 and (words or "would be answered") in done.stdout, done
        assert ("no name" in done.stdout) == (words is not None), done


def test_every_column_is_in_the_manual(w):
    """Of what people read: the views of turns and calls, the sums, and the tasks."""
    w.sluice.turn(w.sluice.chat("one"))
    with open(os.path.join(ROOT, "docs", "manual.md"), encoding="utf-8") as file:
        ledger = re.search(r"(?s)^## The ledger$(.*?)^### ", file.read(), re.M)[1]
    told = set(re.findall(r"`(\w+)`", ledger))
    for table in ("turns", "calls", "rollups", "tasks"):
        for name, in w.sluice.rows(f"SELECT name FROM pragma_table_info('{table}')"):
            assert name in told or re.fullmatch(r"l\d+", name), (table, name)
