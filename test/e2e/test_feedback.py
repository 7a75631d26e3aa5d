"""POST /v1/feedback: what became of a task: whose it is, told once or again, also across a kill; and
what the task had cost by then and after."""

import json
import os
import signal
import sqlite3
import subprocess
import threading
import time
from types import SimpleNamespace

from world import SLUICE, Provider, Sluice, answer_ok, status

CONFIG = """
listen: 127.0.0.1:@PORT@
admin_listen: 127.0.0.1:@ADMIN@
state: {ledger: "sqlite:@FOLDER@/ledger.db"}
providers:
  p: {base_url: "http://127.0.0.1:%d/v1", key: house}
default_provider: p
models: {stands-in: {is: p/breaks, fallback: [p/m]}}
lanes: {cheap: [p/weak], strong: [p/m]}
prices:
  p/m: {input: 2, output: 6}
  p/weak: {input: 1, output: 3}
  p/slow: {input: 2, output: 6}
  p/breaks: {input: 2, output: 6}
keys:
  require: true
  declared:
    a: {secret: key-of-a, tenant: first}
    a2: {secret: key-of-a2, tenant: first}
    b: {secret: key-of-b, tenant: second}
retry: {attempts: 2, wait_min: 1ms, wait_max: 2ms}
"""
OF_M = 20 * 2000 + 7 * 6000  # nano-dollars of an answer of world.WHOLE
OF_WEAK = OF_M // 2


def answer_late(conn, head, body, n):
    time.sleep(2.5)
    answer_ok(conn, head, body, n)


def open_world():
    p = Provider()
    p.answers = {"breaks": status("503 Down"), "slow": answer_late}
    return SimpleNamespace(p=p, sluice=Sluice(CONFIG % p.port))


def ask(w, task, model="m", key="key-of-a", good=True, tags=None, **more):
    headers = {"x-sluice-task": task} | ({"x-sluice-tags": tags} if tags else {})
    a = w.sluice.chat(model, headers, key, **more)
    assert not good or a.status == 200, a.body
    return a


def tell(w, task, key="key-of-a", **outcome):
    return w.sluice.request("POST", "/v1/feedback", {"task": task, **outcome}, key=key)


def is_taken(a, score, repeated=False):
    assert a.status == 200, a.body
    assert a.json()["score"] == score and a.json()["repeated"] is repeated, a.body


def is_refused(a, status_, code, param, word):
    e = a.error()
    assert (a.status, e["code"], e["param"]) == (status_, code, param), a.body
    assert word in e["message"] and e["type"] == "invalid_request_error", a.body


def row(w, task, tenant="first", wanted=lambda r: True, timeout=5.0):
    """The ledger's row of a task, once it is as wanted."""
    names = ("turns", "failed", "unknown", "cost_usd_nanos", "score", "model", "lane", "key",
             "outcome_key", "comment")
    end = time.time() + timeout
    while time.time() < end:
        found = w.sluice.rows(f"SELECT {', '.join(names)} FROM tasks WHERE tenant = ? AND task = ?",
                              tenant, task)
        r = dict(zip(names, found[0])) if found else None
        if r and wanted(r):
            return r
        time.sleep(0.05)
    raise AssertionError(f"no such row of task {task}: {r}")


def turns(n):
    return lambda r: r["turns"] == n


def report(w, *words):
    db = "sqlite:" + os.path.join(w.sluice.folder, "ledger.db")
    done = subprocess.run([SLUICE, "report", "--tasks", "--json", "--db", db, *words],
                          capture_output=True, check=True, cwd=w.sluice.folder)
    return json.loads(done.stdout)


def one(w, by, value):
    """The row of a report by these words."""
    found = [r for r in report(w, "--by", by)["rows"] if r[by] == value]
    assert len(found) == 1, found
    return found[0]


# ---- the outcome ----

def test_yes_no_and_scores(w):
    for i, (told, score) in enumerate((({"success": True}, 1), ({"success": False}, 0),
                                       ({"score": 0.8}, 0.8), ({"score": 0}, 0), ({"score": 1.0}, 1),
                                       ({"score": 0.25, "success": None, "comment": None}, 0.25))):
        ask(w, f"kinds-{i}")
        is_taken(tell(w, f"kinds-{i}", **told), score)
        assert row(w, f"kinds-{i}", wanted=lambda r: r["score"] is not None)["score"] == score * 1e6


def test_a_comment_is_kept(w):
    ask(w, "said")
    is_taken(tell(w, "said", key="key-of-a2", success=False, comment="wrong\ntotal \u20ac"), 0)
    r = row(w, "said", wanted=lambda r: r["score"] is not None)
    assert (r["comment"], r["outcome_key"], r["key"]) == ("wrong?total \u20ac", "a2", "a"), r


def test_the_same_again_is_fine_and_another_is_not(w):
    ask(w, "once")
    is_taken(tell(w, "once", score=0.7), 0.7)
    for _ in range(3):
        is_taken(tell(w, "once", score=0.7, comment="later"), 0.7, repeated=True)
    is_refused(tell(w, "once", score=0.8), 409, "outcome_conflict", "score", "the score 0.7 already")
    is_refused(tell(w, "once", success=True), 409, "outcome_conflict", "success", "told once")
    is_taken(tell(w, "once", key="key-of-a2", score=0.7), 0.7, repeated=True)
    r = row(w, "once", wanted=lambda r: r["score"] is not None)
    assert r["score"] == 700000 and r["comment"] is None, r


def test_many_tell_at_once(w):
    ask(w, "race")
    row(w, "race", wanted=turns(1))
    found = []
    threads = [threading.Thread(target=lambda i=i: found.append(tell(w, "race", score=i % 2).status))
               for i in range(24)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(found) == [200] * 12 + [409] * 12, found


# ---- whose it is ----

def test_a_task_is_its_tenants(w):
    ask(w, "ours")
    told = tell(w, "ours", key="key-of-b", success=True), tell(w, "nobodys", key="key-of-b", success=True)
    for a in told:
        is_refused(a, 404, "task_not_found", "task", "x-sluice-task")
    assert told[0].body.replace(b"ours", b"nobodys") == told[1].body
    row(w, "ours", wanted=turns(1))  # and so it is when the ledger has it
    assert tell(w, "ours", key="key-of-b", success=True).body == told[0].body
    is_taken(tell(w, "ours", success=True), 1)


def test_two_tenants_may_choose_the_same_name(w):
    ask(w, "17")
    ask(w, "17", key="key-of-b")
    is_taken(tell(w, "17", success=True), 1)
    is_taken(tell(w, "17", key="key-of-b", success=False), 0)
    assert row(w, "17", "first", lambda r: r["score"] is not None)["score"] == 1000000
    assert row(w, "17", "second", lambda r: r["score"] is not None)["score"] == 0


def test_what_is_wrong_is_named(w):
    ask(w, "wrong")
    good = {"task": "wrong", "success": True}
    for body, param, word in (
            ({"success": True}, "task", "'task' is missing"), ({"task": "wrong"}, "success", "missing"),
            ({"task": "", "success": True}, "task", "x-sluice-task"),
            ({"task": 17, "success": True}, "task", "x-sluice-task"),
            (good | {"score": 1}, "score", "two outcomes"),
            ({"task": "wrong", "success": "yes"}, "success", "true or false"),
            ({"task": "wrong", "success": 1}, "success", "true or false"),
            ({"task": "wrong", "score": 1.01}, "score", "from 0 to 1"),
            ({"task": "wrong", "score": -0.1}, "score", "from 0 to 1"),
            ({"task": "wrong", "score": "0.5"}, "score", "from 0 to 1"),
            ({"task": "wrong", "score": True}, "score", "from 0 to 1"),
            (good | {"coment": "x"}, "coment", "did you mean 'comment'?"),
            (good | {"comment": 5}, "comment", "512 bytes"),
            (good | {"comment": "x" * 513}, "comment", "512 bytes")):
        a = w.sluice.request("POST", "/v1/feedback", body, key="key-of-a")
        is_refused(a, 400, "invalid_request", param, word)
    for body, code in ((b"[]", "invalid_request"), (b"", "invalid_json"), (b'{"task"', "invalid_json"),
                       (b'{"task":"wrong","task":"x","success":true}', "duplicate_key")):
        a = w.sluice.request("POST", "/v1/feedback", body, key="key-of-a")
        assert a.status == 400 and a.error()["code"] == code, a.body
    a = w.sluice.request("POST", "/v1/feedback", b'{"task":"' + b"x" * 70000 + b'"}', key="key-of-a")
    assert a.status == 413, a.body
    a = w.sluice.request("GET", "/v1/feedback", key="key-of-a")
    assert a.status == 405 and a.headers["allow"] == "POST", a.body
    is_taken(tell(w, "wrong", success=True), 1)  # none of these was taken for an outcome


def test_a_long_name_is_cut_on_both_sides(w):
    long = "\u00e9" * 200
    ask(w, long)
    is_taken(tell(w, long, success=True), 1)
    assert row(w, "\u00e9" * 128, wanted=lambda r: r["turns"] and r["score"])["turns"] == 1


# ---- when it comes ----

def test_while_a_turn_is_under_way(w):
    t = threading.Thread(target=ask, args=(w, "early", "slow"))
    t.start()
    time.sleep(0.4)
    is_taken(tell(w, "early", success=True), 1)
    t.join()
    r = row(w, "early", wanted=turns(1))
    assert r["cost_usd_nanos"] == OF_M and r["score"] == 1000000 and r["unknown"] == 0, r


def test_turns_after_the_outcome_cost_too(w):
    ask(w, "goes-on")
    is_taken(tell(w, "goes-on", success=True), 1)
    ask(w, "goes-on")
    assert row(w, "goes-on", wanted=turns(2))["cost_usd_nanos"] == 2 * OF_M


def test_across_a_kill(w):
    ask(w, "before")
    ask(w, "told-before")
    is_taken(tell(w, "told-before", score=0.4), 0.4)
    row(w, "before", wanted=turns(1))
    row(w, "told-before", wanted=lambda r: r["turns"] and r["score"])
    t = threading.Thread(target=ask, args=(w, "lost", "slow"), kwargs={"good": False})
    t.start()
    time.sleep(1.6)  # its row is there, and says that it runs
    is_taken(tell(w, "lost", success=True), 1)
    row(w, "lost", wanted=lambda r: r["score"])
    w.sluice.stop(signal.SIGKILL)
    t.join()
    w.sluice.start()
    is_refused(tell(w, "before", key="key-of-b", success=True), 404, "task_not_found", "task", "before")
    is_taken(tell(w, "before", success=True), 1)
    is_taken(tell(w, "told-before", score=0.4), 0.4, repeated=True)
    is_refused(tell(w, "told-before", score=0.5), 409, "outcome_conflict", "score", "0.4")
    ask(w, "told-before")  # which this process takes for a new task until it looks
    is_refused(tell(w, "told-before", score=0.5), 409, "outcome_conflict", "score", "0.4")
    r = row(w, "lost", wanted=turns(1))
    assert (r["failed"], r["unknown"], r["score"]) == (1, 1, 1000000), r


def test_kills_at_any_moment(w):
    """What was told longer ago than the ledger's batch is there, and nothing is there twice."""
    tasks = [f"kill-{i}" for i in range(5)]
    for i, task in enumerate(tasks):
        for model in ("weak", "m"):
            ask(w, task, model)
        row(w, task, wanted=turns(2))
        is_taken(tell(w, task, score=0.5), 0.5)
        time.sleep(0.06 * i)
        w.sluice.stop(signal.SIGKILL)
        w.sluice.start()
        a = tell(w, task, score=0.5)  # a client that is not sure asks again
        assert a.status == 200, a.body
    for task in tasks:
        r = row(w, task, wanted=lambda r: r["score"] is not None)
        assert (r["turns"], r["cost_usd_nanos"], r["score"]) == (2, OF_M + OF_WEAK, 500000), r


# ---- what it cost ----

def test_failed_attempts_are_charged_to_the_success(w):
    ask(w, "hard", "lane/cheap", tags="triage")  # an answer, but the application finds it wrong
    ask(w, "hard", "breaks", good=False, tags="triage")
    ask(w, "hard", "stands-in", tags="triage")  # two failed calls, then the fallback
    ask(w, "hard", "lane/strong", tags="triage")
    ask(w, "hard", "breaks", good=False, tags="triage")  # does not move it
    ask(w, "easy", "lane/cheap", tags="triage")
    ask(w, "open", "lane/cheap", tags="triage")
    is_taken(tell(w, "hard", success=True), 1)
    is_taken(tell(w, "easy", score=0.3), 0.3)
    row(w, "easy", wanted=lambda r: r["turns"] and r["score"] is not None)
    row(w, "open", wanted=turns(1))
    r = row(w, "hard", wanted=turns(5))
    hard = OF_WEAK + 2 * OF_M
    assert (r["cost_usd_nanos"], r["failed"], r["unknown"]) == (hard, 2, 0), r
    assert (r["model"], r["lane"]) == ("m", "strong"), r
    tag = one(w, "tag", "triage")
    assert (tag["tasks"], tag["outcomes"], tag["successes"], tag["turns"]) == (3, 2, 1, 7), tag
    assert tag["cost_per_success_usd"] == (hard + OF_WEAK) / 1e9, tag  # of the failed task, too
    assert tag["cost_usd"] == (hard + 2 * OF_WEAK) / 1e9 and tag["no_outcome_cost_usd"] == OF_WEAK / 1e9
    assert abs(tag["no_outcome_share"] - 1 / 3) < 1e-6 and tag["success_share"] == 0.5
    assert tag["success_share_low"] < 0.1 < 0.9 < tag["success_share_high"], tag
    rows = report(w, "--by", "tag", "--success", "0.3")["rows"]
    assert [r["successes"] for r in rows if r["tag"] == "triage"] == [2], rows
    strong = one(w, "lane", "strong")
    assert strong["cost_per_success_usd"] == hard / 1e9, strong
    cheap = one(w, "lane", "cheap")
    assert cheap["successes"] == 0 and cheap["cost_per_success_usd"] is None, cheap


def test_an_unknown_cost_is_told_apart(w):
    ask(w, "dear", "no-price", tags="dear")
    ask(w, "dear", "m", tags="dear")
    ask(w, "known", "m", tags="dear")
    for task in ("dear", "known"):
        is_taken(tell(w, task, success=True), 1)
        row(w, task, wanted=lambda r: r["turns"] and r["score"] is not None)
    tag = one(w, "tag", "dear")
    assert tag["unknown_cost_tasks"] == 1 and tag["successes"] == 2, tag
    assert tag["cost_per_success_usd"] is None and tag["cost_usd"] is None, tag
    assert tag["priced_cost_per_success_usd"] == OF_M / 1e9, tag
    assert tag["priced_cost_usd"] == 2 * OF_M / 1e9, tag


def test_a_path_that_is_passed_on_is_of_its_task(w):
    a = w.sluice.request("POST", "/v1/moderations", {"input": "x"}, {"x-sluice-task": "passed"},
                         key="key-of-a")
    assert a.status == 200, a.body
    is_taken(tell(w, "passed", success=True), 1)
    assert row(w, "passed", wanted=turns(1))["unknown"] == 1


def test_every_word_of_by(w):
    ask(w, "by", "lane/cheap", tags="by-word")
    row(w, "by", wanted=turns(1))
    for by, value in (("day", time.strftime("%Y-%m-%d", time.gmtime())), ("key", "a"), ("tenant", "first"),
                      ("model", "weak"), ("provider", "p"), ("lane", "cheap"), ("tag", "by-word"),
                      ("api", "openai.chat")):
        assert one(w, by, value)["tasks"] >= 1
    whole = report(w, "--by", "model,lane")
    assert sum(r["tasks"] for r in whole["rows"]) == whole["total"]["tasks"]


def test_metrics_count_them(w):
    def counts():
        text = w.sluice.request("GET", "/metrics", port=w.sluice.admin_port, key=None).body.decode()
        found = {}
        for line in text.splitlines():
            if line.startswith("sluice_feedback_total{"):
                found[line.split('"')[1]] = int(line.split()[-1])
        assert "sluice_outcomes_known " in text and "sluice_outcomes_look_ups_total " in text
        return found

    before = counts()
    ask(w, "counted")
    ask(w, "counted-2")
    tell(w, "counted", score=0.5)
    tell(w, "counted", score=0.5)
    tell(w, "counted", score=0.6)
    tell(w, "counted-2", score=0.49)
    tell(w, "uncounted", score=0.6)
    tell(w, "counted", score=2)
    after = counts()
    assert {k: after[k] - before.get(k, 0) for k in after if after[k] != before.get(k, 0)} == {
        "success": 1, "failure": 1, "repeated": 1, "outcome_conflict": 1, "task_not_found": 1,
        "invalid_request": 1}, (before, after)


def test_another_process_told_it(w):
    """As in the moment of a takeover: the row comes while this one runs."""
    ask(w, "elsewhere")
    row(w, "elsewhere", wanted=turns(1))
    db = sqlite3.connect(os.path.join(w.sluice.folder, "ledger.db"), timeout=10)
    with db:
        db.execute("UPDATE tasks SET score = 100000 WHERE task = 'elsewhere'")
    db.close()
    is_refused(tell(w, "elsewhere", score=0.2), 409, "outcome_conflict", "score", "0.1")
    is_taken(tell(w, "elsewhere", score=0.1), 0.1, repeated=True)
