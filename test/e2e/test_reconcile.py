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
prices:
  openai_chat/text: {input: 1.25, output: 10}
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


def test_counts_that_were_made_decimals(w):
    """As tables of doubles write them; read as nothing, they would agree with nothing."""
    told = dict({name: float(n) for name, n in w.text.items()}, model="text")
    done = run(w, {"data": [bucket(w, told)]}, "--provider", "openai_chat", "--csv")
    row = next(line for line in done.stdout.splitlines() if ",text," in line).split(",")
    assert row[3] == row[2] == "4" and row[5] == row[4] == "48" and row[-1] == "true", done
    told["input_tokens"] *= 2
    assert run(w, {"data": [bucket(w, told)]}, "--provider", "openai_chat").returncode == 1


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
    for tolerance, code in (("10", 0), ("10%", 0), ("7.5%", 0), ("6.2", 1), ("0%", 1)):
        done = run(w, page, "--provider", "openai_chat", "--tolerance", tolerance)
        assert done.returncode == code, (tolerance, done)


def test_no_rows_are_called_so(w):
    page = {"data": [{"start_time": 86400 * 365, "end_time": 86400 * 366, "results": []}]}
    done = run(w, page)
    assert done.returncode == 0 and done.stdout.startswith("Nothing was used from 1971-01-01 to 1971-01-01"), done
    assert run(w, page, "--json").stdout == "[]\n"


def csv_of(rows, eol="\r\n", separator=",", front="\ufeff"):
    """Every other column in quotes."""
    return front + "".join(separator.join(f'"{cell}"' if i % 2 or separator in str(cell)
                                          else str(cell)
                                          for i, cell in enumerate(row)) + eol for row in rows)


def openai_rows(w):
    """As OpenAI's page writes them: numbers with a point, a day without use, one row a project."""
    start = int(time.time()) // 86400 * 86400
    head = ("start_time", "end_time", "start_time_iso", "end_time_iso", "project_id",
            "num_model_requests", "user_id", "api_key_id", "model", "batch", "service_tier",
            "input_tokens", "output_tokens", "input_cached_tokens", "input_uncached_tokens")
    rows = [head, [start, start + 86400, w.day + "T00:00:00+00:00", "x"] + [""] * 11]
    for model, used, parts in (("text-2025-08-07", w.text, 2), ("usage-cache", w.cached, 1)):
        for part in range(parts):
            share = {k: v / parts for k, v in used.items()}
            rows.append([start, start + 86400, w.day + "T00:00:00+00:00", "x", f"proj_{part}",
                         share["num_model_requests"], "user-1", "key_1", model, "FALSE", "default",
                         share["input_tokens"], share["output_tokens"],
                         share["input_cached_tokens"], 0.0])
    return rows


def test_openais_csv_agrees(w):
    rows = openai_rows(w)
    without_seconds = [row[1:] for row in rows]
    turned = [list(reversed(row)) for row in rows]
    for text in (csv_of(rows), csv_of(rows, "\n", front=""), csv_of(turned),
                 csv_of(without_seconds), csv_of(rows, separator=";"), csv_of(rows, separator="\t"),
                 csv_of([[str(c).upper() for c in rows[0]]] + rows[1:])):
        done = run(w, text, "--provider", "openai_chat", "--json")
        found = json.loads(done.stdout)
        assert done.returncode == 0, (done, text)
        assert [(r["day"], r["model"], r["apart"], r["within"]) for r in found] == [
            (w.day, "text", 0, True), (w.day, "usage-cache", 0, True)], found
        assert found[1]["cached"] == found[1]["export_cached"] > 0, found
        assert found[0]["calls"] == found[0]["export_calls"] == 4, found


def test_anthropics_csv_agrees(w):
    usage = w.claude
    written = usage["cache_creation_input_tokens"] * 4
    head = ["usage_date_utc", "model_version", "api_key", "workspace", "usage_type",
            "context_window", "usage_input_tokens_no_cache", "usage_input_tokens_cache_write_5m",
            "usage_input_tokens_cache_write_1h", "usage_input_tokens_cache_read",
            "usage_output_tokens", "web_search_count"]
    row = [w.day, "cache-20251001", 'a "key", named', "Default", "standard", "\u2264 200k",
           usage["input_tokens"] * 4, written - 1, 1, f"{usage['cache_read_input_tokens'] * 4:,}",
           usage["output_tokens"] * 4, 0]
    row[2] = row[2].replace('"', '""')
    row = [f'"{cell}"' for cell in row]
    row[0] = f'"{w.day} 13:00"'
    old = head[:7] + ["usage_input_tokens_cache_write"] + head[9:]
    for names, cells in ((head, row), (old, row[:7] + [f"{written}.0"] + row[9:])):
        text = ",".join(names) + "\r\n" + ",".join(cells) + "\r\n"
        done = run(w, text, "--provider", "anthropic", "--json")
        found, = json.loads(done.stdout)
        assert done.returncode == 0 and found["within"] and found["apart"] == 0, (found, text)
        assert found["tokens_in"] == found["export_tokens_in"] > written, found
        assert found["export_calls"] is None and found["calls"] == 4, found


def test_costs_by_day(w):
    spent = w.sluice.rows("SELECT sum(cost_usd_nanos), sum(unpriced) FROM rollups WHERE"
                          " provider = 'openai_chat'")[0]
    assert spent[0] > 0 and spent[1] > 0, "the test has to see money"
    start = int(time.time()) // 86400 * 86400
    head = ("start_time", "end_time", "amount_value", "amount_currency", "line_item")
    half = f"{spent[0] / 2:.0f}e-9"
    day = [start, start + 86400]
    good = [head, day + [half, "usd", "gpt-4o, input"], day + [half, "usd", "gpt-4o, output"],
            [start - 86400, start, "", "", ""]]
    done = run(w, csv_of(good), "--provider", "openai_chat", "--json")
    assert done.stdout, done
    row, = [r for r in json.loads(done.stdout) if r["day"] == w.day]
    assert done.returncode == 0 and row["within"], done
    assert abs(row["cost_usd"] - row["export_cost_usd"]) <= 1e-9 and row["unpriced"] == spent[1]
    more = [head, day + [f"{spent[0] * 1.1 / 1e9:.15f}", "USD", ""]]
    done = run(w, csv_of(more), "--provider", "openai_chat")
    assert done.returncode == 1 and "cost USD" in done.stdout and w.day in done.stdout, done
    claude = f"usage_date_utc,model,token_type,cost_usd\n{w.day},Claude 4.5,output,0.5\n"
    done = run(w, claude, "--provider", "anthropic", "--json")
    row, = json.loads(done.stdout)
    assert row["export_cost_usd"] == 0.5, row
    done = run(w, claude.replace("0.5", '"1,034,567.25"'), "--provider", "anthropic", "--json")
    row, = json.loads(done.stdout)
    assert row["export_cost_usd"] == 1034567.25, row


def test_what_is_wrong_with_csv_is_said(w):
    rows = openai_rows(w)
    cut = {name: [row[:i] + row[i + 1:] for row in map(list, rows)]
           for i, name in enumerate(rows[0])}
    changed = lambda at, value: csv_of([rows[0], [value if i == at else c
                                                  for i, c in enumerate(rows[2])]])
    for text, words in (
            ("a,b\n1,2\n", ("line 1: ", "model_version", "output_tokens")),
            (csv_of(cut["model"]), ("OpenAI's usage export lacks model;", "input_tokens")),
            (csv_of(cut["output_tokens"]), ("lacks output_tokens;",)),
            ("usage_date_utc,model_version\n", ("Anthropic's usage export lacks",
                                                "usage_input_tokens_no_cache")),
            (changed(8, ""), ("line 2: ", "grouped by model")),
            (changed(11, "1.5"), ("line 2: input_tokens is '1.5'; expected a whole number",)),
            (changed(11, "-1"), ("expected a whole number",)),
            (changed(12, "x"), ("output_tokens is 'x'",)),
            (changed(0, "2026-13-01"), ("start_time is '2026-13-01'; expected a day",)),
            (changed(0, "yesterday"), ("line 2: start_time is 'yesterday'; expected a day",)),
            (csv_of(rows)[:-30], ("line 5: it has ", " columns, the first line 15")),
            (csv_of(rows)[:-8], ("line 5: ", "a quoted field has no end")),
            (csv_of([rows[0]]), ("no bucket or row",)),
            ("start_time,amount_value,amount_currency\n1759622400,1,eur\n", ("expected usd",)),
            ("start_time,amount_value\n1759622400,much\n", ("expected an amount",)),
            ("start_time;amount_value\n1759622400;12,50\n", ("'12,50'", "such as 1234.50")),
            ("start_time;amount_value\n1759622400;0,125\n", ("'0,125'",)),
            ('start_time,amount_value\n1759622400,"1,2345"\n', ("'1,2345'",)),
            ('start_time,amount_value\n1759622400,"1,234,56"\n', ("expected an amount",))):
        done = run(w, text)
        assert done.returncode == 2 and not done.stdout, (text, done)
        for word in words:
            assert word in done.stderr, (text, word, done.stderr)


def test_what_is_no_export_is_said(w):
    good = json.dumps({"data": [bucket(w, dict(w.text, model="text"))]})
    for export, words in (
            ("", "no bucket"), ("a,b\n1,2\n", "line 1: "), (good + "\n{", "line 2: "),
            ({"data": 5}, "'data'"), ({"data": [{"results": []}]}, "start_time or starting_at"),
            ({"data": [bucket(w, w.text)]}, "group_by=model"),
            ({"data": [bucket(w, dict(w.text, model="m", output_tokens="28"))]}, "'output_tokens' of model m"),
            ({"data": [bucket(w, dict(w.text, model="m", input_tokens=0.5))]}, "no whole number"),
            ({"data": [bucket(w, dict(w.text, model="m", input_tokens=-1))]}, "no whole number"),
            ({"data": [{"starting_at": "24 November 2026", "results": []}]}, "is no day"),
            ({"data": [{"starting_at": "2026-11-01T00:00:00+02:00", "results": []}]}, "another zone's time"),
            ({"data": [{"starting_at": "2026-11-01T00:00:00-0530", "results": []}]}, "another zone's time"),
            ({"data": [bucket(w, {"characters": 5, "model": "tts"})]}, "without input_tokens"), ({"data": []}, "no bucket")):
        done = run(w, export)
        assert done.returncode == 2 and words in done.stderr and not done.stdout, (export, done)
    done = subprocess.run([SLUICE, "report", "--reconcile", "none.json", "--db",
                           f"sqlite:{w.sluice.folder}/ledger.db"], capture_output=True, text=True)
    assert done.returncode == 2 and "No such file" in done.stderr, done
    for words in (("--by", "day"), ("--tolerance", "x"), ("--tolerance", "101%"), ("--tolerance", "-1"), ("--tolerance", "%")):
        assert run(w, good, *words).returncode == 2


def report(w, *words):
    return subprocess.run([SLUICE, "report", "--db", f"sqlite:{w.sluice.folder}/ledger.db", *words],
                          capture_output=True, text=True, timeout=20)


def test_what_was_written_is_what_is_told(w):
    done = report(w, "--since", "2126-12-01")
    assert done.returncode == 2 and f"--since 2126-12-01 is after today ({w.day}, UTC)" in done.stderr, done
    assert "--until" not in done.stderr.splitlines()[0], done
    done = report(w, "--since", "2026-12-01", "--until", "2026-11-01")
    assert done.returncode == 2 and "--since 2026-12-01 is after --until 2026-11-01" in done.stderr, done
    done = report(w, "--turn", "nope")
    assert done.returncode == 3 and "there is no turn nope" in done.stderr, done


def test_a_provider_that_is_not_there_is_no_empty_one(w):
    page = {"object": "page", "has_more": False, "data": [bucket(w, {**w.text, "model": "text"})]}
    done = run(w, page, "--provider", "openai_cat")
    assert done.returncode == 2 and not done.stdout, done
    assert "there is no provider 'openai_cat' in the ledger; did you mean 'openai_chat'?" in done.stderr, done
    done = run(w, page, "--provider", "")
    assert done.returncode == 2 and "there is no provider ''" in done.stderr, done
    # One of the configuration that has answered nothing yet is no slip.
    path = os.path.join(w.sluice.folder, "other.yaml")
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"state: {{ledger: 'sqlite:{w.sluice.folder}/ledger.db'}}\n"
                   "providers: {idle: {base_url: 'http://127.0.0.1:9/v1'}}\n")
    export = os.path.join(w.sluice.folder, "export.json")
    command = [SLUICE, "report", "--reconcile", export, "--config", path, "--provider"]
    done = subprocess.run([*command, "idle"], capture_output=True, text=True, timeout=20)
    assert done.returncode == 1 and "no provider" not in done.stderr, done
    done = subprocess.run([*command, "idel"], capture_output=True, text=True, timeout=20)
    assert done.returncode == 2 and "or the configuration; did you mean 'idle'?" in done.stderr, done
