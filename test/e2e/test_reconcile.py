"""sluice report --reconcile: the ledger beside usage exports as OpenAI and Anthropic write them."""

import json
import os
import subprocess
import time
from types import SimpleNamespace

import players
from world import SLUICE, Sluice

CONFIG = """
listen: 127.0.0.1:@PORT@
state: {ledger: "sqlite:@FOLDER@/ledger.db"}
providers:@PROVIDERS@
models:
  dated: {is: openai_chat/text}
"""


def open_world():
    w = SimpleNamespace(providers=players.start())
    w.sluice = Sluice(CONFIG.replace("@PROVIDERS@", players.config(w.providers)))
    for model in ("openai_chat/text", "openai_chat/usage-cache", "anthropic/cache"):
        for _ in range(4):
            a = w.sluice.chat(model)
            assert a.status == 200, a.body
        w.sluice.turn(a)
    w.day = time.strftime("%Y-%m-%d", time.gmtime())
    # What those answers say that they took.
    w.text = {"input_tokens": 12 * 4, "output_tokens": 7 * 4, "input_cached_tokens": 0,
              "num_model_requests": 4}
    usage = json.loads(players.fixture("openai_chat", "usage-cache", "answer.json"))["usage"]
    w.cached = {"input_tokens": usage["prompt_tokens"] * 4,
                "output_tokens": usage["completion_tokens"] * 4,
                "input_cached_tokens": usage["prompt_tokens_details"]["cached_tokens"] * 4,
                "num_model_requests": 4}
    w.claude = json.loads(players.fixture("anthropic", "cache", "answer.json"))["usage"]
    return w


def bucket(w, *results):
    start = int(time.time()) // 86400 * 86400
    return {"object": "bucket", "start_time": start, "end_time": start + 86400,
            "results": list(results)}


def run(w, export, *words):
    path = os.path.join(w.sluice.folder, "export.json")
    with open(path, "w", encoding="utf-8") as file:
        file.write(export if isinstance(export, str) else json.dumps(export))
    return subprocess.run(
        [SLUICE, "report", "--reconcile", path, "--db",
         f"sqlite:{w.sluice.folder}/ledger.db", *words], capture_output=True, text=True, timeout=20)


def test_openai_agrees(w):
    page = {"object": "page", "has_more": False, "data": [bucket(
        w, dict(w.text, model="text-2025-08-07"), dict(w.cached, model="usage-cache"))]}
    for export in (page, [page], json.dumps(page) + "\n"):
        done = run(w, export, "--provider", "openai_chat", "--json")
        rows = json.loads(done.stdout)
        assert done.returncode == 0, done
        assert [(r["model"], r["apart"], r["within"]) for r in rows] == [
            ("text", 0, True), ("usage-cache", 0, True)], rows
        assert rows[1]["cached"] == rows[1]["export_cached"] > 0, rows
        assert rows[0]["calls"] == rows[0]["export_calls"] == 4, rows


def test_anthropic_agrees(w):
    usage = w.claude
    result = {"uncached_input_tokens": usage["input_tokens"] * 4, "model": "cache-20251001",
              "cache_read_input_tokens": usage["cache_read_input_tokens"] * 4,
              "cache_creation": {
                  "ephemeral_5m_input_tokens": usage["cache_creation_input_tokens"] * 4,
                  "ephemeral_1h_input_tokens": 0},
              "output_tokens": usage["output_tokens"] * 4}
    page = {"data": [{"starting_at": w.day + "T00:00:00Z", "ending_at": w.day + "T23:59:59Z",
                      "results": [result]}], "has_more": False}
    done = run(w, page, "--provider", "anthropic", "--json")
    row, = json.loads(done.stdout)
    assert done.returncode == 0 and row["within"] and row["apart"] == 0, row
    assert row["export_calls"] is None and row["calls"] == 4, row


def test_differences_are_shown(w):
    more = dict(w.text, model="text", output_tokens=w.text["output_tokens"] + 2)
    page = {"data": [bucket(w, more)]}
    done = run(w, page, "--provider", "openai_chat")
    assert done.returncode == 1 and "text" in done.stdout and "usage-cache" in done.stdout, done
    done = run(w, page, "--provider", "openai_chat", "--json")
    told = {r["model"]: r for r in json.loads(done.stdout)}
    assert not told["text"]["within"] and 0.06 < told["text"]["apart"] < 0.07, told
    assert told["usage-cache"]["export_tokens_in"] == 0 and not told["usage-cache"]["within"]
    page = {"data": [bucket(w, more, dict(w.cached, model="usage-cache"))]}
    assert run(w, page, "--provider", "openai_chat", "--tolerance", "10").returncode == 0


def test_what_is_no_export_is_said(w):
    good = json.dumps({"data": [bucket(w, dict(w.text, model="text"))]})
    for export, words in (
            ("", "no bucket"), ("a,b\n1,2\n", "line 1: "), (good + "\n{", "line 2: "),
            ({"data": 5}, "'data'"), ({"data": [{"results": []}]}, "start_time or starting_at"),
            ({"data": [bucket(w, w.text)]}, "group_by=model"), ({"data": []}, "no bucket")):
        done = run(w, export)
        assert done.returncode == 2 and words in done.stderr and not done.stdout, (export, done)
    done = subprocess.run([SLUICE, "report", "--reconcile", "none.json", "--db",
                           f"sqlite:{w.sluice.folder}/ledger.db"], capture_output=True, text=True)
    assert done.returncode == 2 and "No such file" in done.stderr, done
    for words in (("--by", "day"), ("--tolerance", "x")):
        assert run(w, good, *words).returncode == 2
