"""`sluice explain` says of a request what a client gets for it."""

import json
import os
import subprocess
import tempfile
from types import SimpleNamespace

from world import SLUICE, Provider, Sluice

CONFIG = """
listen: 127.0.0.1:@PORT@
state: {ledger: "sqlite:@FOLDER@/ledger.db"}
providers:
  plain: {base_url: "http://127.0.0.1:%d/v1", responses: on}
  other: {kind: anthropic, base_url: "http://127.0.0.1:%d/v1", key: k}
models:
  fast: {is: plain/m}
  primed: {is: plain/m, prefix: Be curt.}
  smart: {is: other/claude-sonnet-4-5, fallback: [plain/m]}
http: {body_bytes: 64KiB}
keys:
  require: true
  declared:
    app: {secret: secret-of-the-app, tenant: t}
    few: {secret: secret-of-the-few, models: [fast]}
"""
ASK = {"messages": [{"role": "user", "content": "hi"}]}


def open_world():
    provider = Provider()
    sluice = Sluice(CONFIG % (provider.port, provider.port))
    return SimpleNamespace(sluice=sluice, provider=provider, close=sluice.stop)


def explain(w, *words, text=""):
    return subprocess.run([SLUICE, "explain", "--config", w.sluice.file, *words],
                          capture_output=True, text=True, input=text, timeout=10,
                          cwd=tempfile.mkdtemp(prefix="sluice-e2e-"))


def test_what_is_refused_is_told_in_the_clients_words(w):
    chat, responses = "/v1/chat/completions", "/v1/responses"
    for path, secret, body in (
            (chat, "secret-of-the-app", json.dumps({"model": "nobody/x", **ASK})),
            (chat, "secret-of-the-app", json.dumps({"model": "other/c", "logprobs": True, **ASK})),
            (chat, "secret-of-the-app", '{"model": "fast", "model": "smart"}'),
            (chat, "secret-of-the-app", '{"model": "fast", "x": "%s"}' % ("y" * 70000)),
            (chat, "secret-of-the-few", json.dumps({"model": "smart", **ASK})),
            (chat, "secret-of-the-few", json.dumps({"model": "fast", "models": ["smart"], **ASK})),
            (chat, "secret-of-nobody", json.dumps({"model": "fast", **ASK})),
            (responses, "secret-of-the-app", '{"model": "fast", "input": "hi", "conversation": "conv_1"}'),
            (responses, "secret-of-the-app", '{"model": "fast", "input": "hi", "previous_response_id": "resp_1"}')):
        got = w.sluice.request("POST", path, body.encode(), key=secret)
        assert got.status >= 400, got.body
        words = ["--key", secret, "--protocol", "openai.responses" if path == responses else "openai.chat", "-"]
        done = explain(w, "--json", *words, text=body)
        assert done.returncode == 1, done
        refusal = json.loads(done.stdout)["refusal"]
        assert (refusal["status"], refusal["message"]) == (got.status, got.json()["error"]["message"]), got.body
        done = explain(w, *words, text=body)
        assert done.returncode == 1 and f"would be refused, with {got.status} " in done.stdout, done
        assert refusal["message"] in done.stdout, done
    assert not w.provider.seen


def test_a_translated_body_is_called_so(w):
    body = json.dumps({"model": "smart", **ASK})
    done = explain(w, "-", text=body)
    assert done.returncode == 0 and "translated from openai.chat to anthropic" in done.stdout, done
    assert "unchanged" not in done.stdout, done
    told = json.loads(explain(w, "--json", "-", text=body).stdout)
    assert told["refusal"] is None and [t["translated_to"] for t in told["targets"]] == ["anthropic", None]
    done = explain(w, "smart")
    assert "are translated: openai.chat here, anthropic there" in done.stdout, done
    # What the first has nothing for, the second is asked.
    done = explain(w, "-", text=json.dumps({"model": "smart", "logprobs": True, **ASK}))
    assert done.returncode == 0 and "refuses this request: anthropic has nothing" in done.stdout, done


def test_a_prefix_is_shown(w):
    done = explain(w, "-", text=json.dumps({"model": "primed", **ASK}))
    assert done.returncode == 0 and "puts the prefix of models.primed in front of a chat" in done.stdout, done
    assert "Be curt." in done.stdout, done
    told = json.loads(explain(w, "--json", "primed").stdout)["targets"][0]["prefix"]
    assert told["of"] == "models.primed" and told["bytes"] > 20, told
    assert json.loads(explain(w, "--json", "fast").stdout)["targets"][0]["prefix"] is None


def test_a_key_is_named_without_its_secret(w):
    made = json.loads(subprocess.run(
        [SLUICE, "keys", "make", "ours", "--models", "smart", "--json", "--config", w.sluice.file],
        capture_output=True, check=True).stdout)
    for which in ("ours", made["public"], made["secret"]):
        assert explain(w, "--key", which, "smart").returncode == 0
        done = explain(w, "--key", which, "fast")
        assert done.returncode == 1 and "403 forbidden" in done.stdout, done
    assert explain(w, "--key", "few", "fast").returncode == 0
    done = explain(w, "--key", "fwe", "fast")
    assert done.returncode == 1 and "401 invalid_api_key" in done.stdout, done
    assert "no key has this secret, name or public part" in done.stderr, done
    subprocess.run([SLUICE, "keys", "revoke", "ours", "--config", w.sluice.file], check=True,
                   capture_output=True)
    done = explain(w, "--key", "ours", "smart")
    assert done.returncode == 1 and "401 revoked_api_key" in done.stdout, done


def test_looking_makes_no_database(w):
    folder = tempfile.mkdtemp(prefix="sluice-e2e-")
    done = subprocess.run([SLUICE, "explain", "--config", "-", "--key", "x", "a/m"], cwd=folder, timeout=10,
                          capture_output=True, text=True, input="providers: {a: {base_url: 'http://h/v1'}}\n")
    # Keys are not required there: what is none of ours is the provider's.
    assert done.returncode == 0 and "the provider's own" in done.stderr and os.listdir(folder) == [], done
    done = subprocess.run([SLUICE, "explain", "--config", "-", "--key", "sk-sluice-x-y", "a/m"], cwd=folder, timeout=10,
                          capture_output=True, text=True, input="providers: {a: {base_url: 'http://h/v1'}}\n")
    assert done.returncode == 1 and "401 invalid_api_key" in done.stdout and os.listdir(folder) == [], done


LIMITED = """
listen: 127.0.0.1:@PORT@
state: {ledger: "sqlite:@FOLDER@/ledger.db"}
providers:
  plain: {base_url: "http://127.0.0.1:%d/v1", responses: on}
  other: {kind: anthropic, base_url: "http://127.0.0.1:%d/v1", key: k}
prices:
  plain/priced: {input: 1, output: 2}
limits:
  per_key: {tokens_per_minute: 10000}
keys:
  require: true
  declared:
    short: {secret: secret-of-short, limits: {max_tokens: 100}}
    poor: {secret: secret-of-poor, limits: {usd_per_day: 0.01}}
    other: {secret: secret-of-other}
"""


def test_limits_refuse_as_at_the_door(w):
    provider = Provider()
    s = Sluice(LIMITED % (provider.port, provider.port))
    world = SimpleNamespace(sluice=s)
    try:
        for name, more, status in (
                ("short", {"model": "plain/m", "max_tokens": 101}, 400),
                ("short", {"model": "plain/m", "max_tokens": 0}, 400),
                ("poor", {"model": "plain/m"}, 403),
                ("poor", {"model": "plain/priced", "max_tokens": 6000}, 429),
                ("other", {"model": "plain/m", "max_tokens": 10001}, 429)):
            body = json.dumps({**ASK, **more})
            got = s.request("POST", "/v1/chat/completions", body.encode(), key=f"secret-of-{name}")
            assert got.status == status, got.body
            done = explain(world, "--json", "--key", name, "-", text=body)
            assert done.returncode == 1, (more, done)
            refusal = json.loads(done.stdout)["refusal"]
            assert (refusal["status"], refusal["code"], refusal["message"]) == (
                status, got.error()["code"], got.error()["message"]), (refusal, got.body)
            done = explain(world, "--key", name, "-", text=body)
            assert done.returncode == 1 and f"would be refused, with {status} " in done.stdout, done
        # A name alone has no tokens, but it may have no price.
        done = explain(world, "--key", "poor", "plain/m")
        assert done.returncode == 1 and "403 model_without_price" in done.stdout, done
        assert explain(world, "--key", "poor", "plain/priced").returncode == 0
        assert not provider.seen
        # The ceiling that is sent with a request which names none is among its changes.
        body = json.dumps({"model": "plain/m", **ASK})
        done = explain(world, "--key", "short", "-", text=body)
        assert done.returncode == 0 and '"max_tokens":100' in done.stdout, done
        assert s.request("POST", "/v1/chat/completions", body.encode(), key="secret-of-short").status == 200
        assert json.loads(provider.seen[-1][1])["max_tokens"] == 100
        done = explain(world, "--key", "other", "-", text=body)
        assert done.returncode == 0 and "max_tokens" not in done.stdout, done
    finally:
        assert s.stop() == 0


def test_a_database_of_keys_alone_knows_no_responses(w):
    folder = tempfile.mkdtemp(prefix="sluice-e2e-")
    config = os.path.join(folder, "sluice.yaml")
    with open(config, "w", encoding="utf-8") as file:
        file.write((CONFIG % (1, 1)).replace("@PORT@", "2").replace("@FOLDER@", folder))
    world = SimpleNamespace(sluice=SimpleNamespace(file=config))
    body = '{"model": "fast", "input": "hi", "previous_response_id": "resp_1"}'
    words = ("--key", "app", "--protocol", "openai.responses", "-")
    without = explain(world, *words, text=body)
    assert without.returncode == 1 and "404 response_not_found" in without.stdout, without
    subprocess.run([SLUICE, "keys", "make", "ours", "--config", config], check=True, capture_output=True)
    done = explain(world, *words, text=body)
    assert (done.returncode, done.stdout) == (1, without.stdout), done


def test_who_has_no_key_is_told_so(w):
    body = json.dumps({"model": "fast", **ASK})
    got = w.sluice.request("POST", "/v1/chat/completions", body.encode(), key=None)
    assert got.status == 401, got.body
    for words in (("-",), ("fast",)):
        done = explain(w, *words, text=body)
        # Which key it would be nobody said: what happens with one follows, and the code is that of it.
        assert done.returncode == 0 and "would be answered by" in done.stdout, done
        assert f"A client without a key gets 401 {got.error()['code']}:\n  {got.error()['message']}" in done.stdout
        without = json.loads(explain(w, "--json", *words, text=body).stdout)["without_key"]
        assert (without["status"], without["message"]) == (401, got.error()["message"]), without
        done = explain(w, "--key", "app", *words, text=body)
        assert done.returncode == 0 and "without a key" not in done.stdout, done
    told = json.loads(explain(w, "--json", "--key", "app", "fast").stdout)
    assert told["without_key"] is None
    done = explain(w, "nobody/x")
    assert done.returncode == 1 and "gets 401" in done.stdout and "with 404 " in done.stdout, done


def test_what_can_be_no_name_is_refused(w):
    for name in ("", "a\nb", "m" * 2000):
        body = json.dumps({"model": name, **ASK})
        got = w.sluice.request("POST", "/v1/chat/completions", body.encode(), key="secret-of-the-app")
        assert got.status == 400, got.body
        done = explain(w, "--json", "--key", "app", name)
        assert done.returncode == 1, done
        told = json.loads(done.stdout)
        assert (told["refusal"]["status"], told["refusal"]["message"]) == (400, got.error()["message"])
        assert told["targets"] == []
        done = explain(w, "--key", "app", name)
        assert "would be refused, with 400 " in done.stdout and "answered" not in done.stdout, done
