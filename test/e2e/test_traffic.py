"""Suites out of recorded turns, what they cover of the traffic, and prompts that none of them has."""

import glob
import json
import os
import shutil
import signal
import subprocess
import time
from types import SimpleNamespace

from test_recording import answer, answer_events, ask, whole_of
from world import KEY, SLUICE, Provider, Sluice, status, stream

CONFIG = """
listen: 127.0.0.1:@PORT@
admin_listen: 127.0.0.1:@ADMIN@
state: {ledger: "sqlite:@FOLDER@/ledger.db"}
providers:
  tape: {kind: recorded, file: "@FOLDER@/tape.jsonl"}
  p: {base_url: "http://127.0.0.1:%d/v1", responses: on}
  a: {kind: anthropic, base_url: "http://127.0.0.1:%d/v1", key: x}
default_provider: tape
retry: {attempts: 1}
keys: {require: true, declared: {app: {secret: "${TEST_KEY}", tenant: shop},
       boss: {secret: boss-key, admin: true}}}
recording: {folder: "@FOLDER@/recordings"}
%s
"""

QUESTIONS = ["Where is my parcel?", "How do I send a broken lamp back to you?",
             "Can I pay in three parts, please?", "Do you deliver to islands in winter?",
             "My voucher says that it has expired, why?", "Please cancel the order of yesterday.",
             "Is the blue chair in stock again?", "What does an express delivery cost abroad?"]
BANK = "You help the customers of a shop. Mail ann@shop.example if stuck. Today is %s."
TOOL = {"type": "function", "function": {"name": "find_order", "description": "Finds an order.",
                                         "parameters": {"type": "object", "properties": {}}}}
CALL = {"id": "call_1", "type": "function",
        "function": {"name": "find_order", "arguments": "{\"day\": \"yesterday\"}"}}
TAPE = ([{"prompt": q, "answer": f"Answer {i}."} for i, q in enumerate(QUESTIONS)] +
        [{"prompt": q.lower(), "answer": f"Answer {i}."} for i, q in enumerate(QUESTIONS)])


def open_world():
    p = Provider()
    config = CONFIG % (p.port, p.port, "%s")
    sluice = Sluice(config % "", wait=False)
    with open(os.path.join(sluice.folder, "tape.jsonl"), "w", encoding="utf-8") as tape:
        tape.write("".join(json.dumps(line) + "\n" for line in TAPE))
    if sluice.alive():
        sluice.stop(signal.SIGKILL)
    sluice.start()
    w = SimpleNamespace(p=p, config=config, sluice=sluice, eligible=0)
    traffic_make(w)
    return w


def chat(w, question, day="2026-11-27", system=BANK, **more):
    system = system % day if "%s" in system else system
    return ask(w.sluice, "chat", {"model": "tape/m", "messages": [
        {"role": "system", "content": system}, {"role": "user", "content": question}], **more})


def traffic_make(w):
    """29 turns that can be cases, and five that cannot."""
    for i in range(24):  # eight questions, thrice each, in two spellings
        question = QUESTIONS[i % 8] if i < 16 else QUESTIONS[i % 8].lower()
        got = chat(w, question, f"2026-11-{i + 1:02}", stream=i % 2 == 0, user="u-17")
        assert got.status == 200, got.body
    w.p.answers["claude"] = whole_of(json.dumps(answer("messages", "From a Claude.")).encode())
    for text in ("Sum up the letter of the landlord.", "Which of the flats has a balcony?"):
        got = ask(w.sluice, "messages", {"model": "a/claude", "max_tokens": 50,
                                         "system": "You sum up letters.", "messages": [
                                             {"role": "user", "content": text}]})
        assert got.status == 200, got.body
    w.p.answers["spoken"] = stream(*answer_events("responses", ["Spoken ", "in parts."]))
    got = ask(w.sluice, "responses", {"model": "p/spoken", "stream": True, "input": "Say it aloud."})
    assert got.status == 200, got.body
    w.p.answers["calls"] = whole_of(json.dumps({
        **answer("chat", None), "choices": [{"index": 0, "finish_reason": "tool_calls", "message": {
            "role": "assistant", "content": None, "tool_calls": [CALL]}}]}).encode())
    for _ in range(2):
        got = ask(w.sluice, "chat", {"model": "p/calls", "tools": [TOOL], "messages": [
            {"role": "user", "content": "What did I order yesterday?"}]})
        assert got.status == 200, got.body
    w.eligible = 29
    w.p.answers["bad"] = status("400 Bad Request")
    ask(w.sluice, "chat", {"model": "p/bad", "messages": [{"role": "user", "content": "x"}]})
    ask(w.sluice, "completion", {"model": "p/real", "prompt": "x"})
    recorded(w, 31)
    shutil.copytree(os.path.join(w.sluice.folder, "recordings"),
                    os.path.join(w.sluice.folder, "base"))


def lines(w):
    found = []
    for path in sorted(glob.glob(os.path.join(w.sluice.folder, "recordings", "*"))):
        with open(path, "rb") as f:
            data = f.read()
        found += [json.loads(line) for line in data[:data.rfind(b"\n") + 1].splitlines()]
    return found


def recorded(w, least, seconds=10):
    end = time.time() + seconds
    while len(lines(w)) < least:
        assert time.time() < end, (len(lines(w)), least)
        time.sleep(0.02)
    return lines(w)


def evals(w, *words, want=0):
    done = subprocess.run([SLUICE, "eval", *words], cwd=w.sluice.folder, capture_output=True,
                          text=True, check=False, env={**os.environ, "TEST_KEY": KEY})
    assert done.returncode == want, (done.returncode, done.stdout, done.stderr)
    return done


def draw(w, name, *more, folder="base"):
    done = evals(w, "from-traffic", "--out", name + ".yaml", "--folder", folder, "--replace",
                 "--json", *more)
    with open(os.path.join(w.sluice.folder, name + ".jsonl"), encoding="utf-8") as f:
        return json.loads(done.stdout), [json.loads(line) for line in f]


def cover(w, *words, folder="base"):
    return json.loads(evals(w, "coverage", *words, "--folder", folder, "--json", "--missing",
                            "100").stdout)


def metric(w, name):
    text = w.sluice.request("GET", "/metrics", port=w.sluice.admin_port).body.decode()
    return int(float(next(x for x in text.splitlines() if x.startswith(name + " ")).split()[-1]))


def unseen(w):
    return w.sluice.request("GET", "/admin/prompts", port=w.sluice.admin_port).json()


# ---- the draw ----

def test_weights_are_the_traffic_and_near_ones_are_one_case(w):
    told, cases = draw(w, "all", "--cases", "100")
    assert told["turns"] == told["looked_at"] == w.eligible, told
    assert told["cases"] == len(cases) == told["different"] == 8 + 2 + 1 + 1, told
    assert abs(sum(c["weight"] for c in cases) - w.eligible) < 1e-9
    by_question = {c["request"]["messages"][-1]["content"]: c for c in cases}
    assert sorted(c["weight"] for c in cases) == [1, 1, 1, 2] + [3] * 8
    lamp = by_question["How do I send a broken lamp back to you?"]
    assert lamp["answer"] == "Answer 1."
    assert {"tenant:shop", "api:openai.chat", "model:tape/m", "tokens:under 250",
            "prompt:" + lamp["fingerprint"]} == set(lamp["tags"]), lamp["tags"]
    assert set(lamp["request"]) == {"model", "messages"}, lamp["request"]  # no stream, no user
    assert "[email]" in lamp["request"]["messages"][0]["content"]
    with open(os.path.join(w.sluice.folder, "all.yaml"), encoding="utf-8") as f:
        text = f.read()
    assert "NO GRADER HERE KNOWS YET WHAT A GOOD ANSWER IS" in text
    head, graders = text.split("graders:\n")  # what is commented out there can be used
    with open(os.path.join(w.sluice.folder, "rubric.yaml"), "w", encoding="utf-8") as f:
        f.write(head + "graders:\n" + graders.replace("\n#", "\n"))
    assert cover(w, "rubric.yaml")["covered"]["value"] == 1
    for name in ("all.yaml", "all.jsonl"):
        assert os.stat(os.path.join(w.sluice.folder, name)).st_mode & 0o777 == 0o600


def test_every_protocol_becomes_a_chat(w):
    _, cases = draw(w, "every", "--cases", "100")
    by_api = {}
    for c in cases:
        api = next(t for t in c["tags"] if t.startswith("api:"))[4:]
        by_api.setdefault(api, []).append(c)
    claude = next(c for c in by_api["anthropic"]
                  if c["request"]["messages"][-1]["content"] == "Sum up the letter of the landlord.")
    assert claude["request"]["messages"][0] == {"role": "system", "content": "You sum up letters."}
    assert claude["answer"] == "From a Claude."
    spoken, = by_api["openai.responses"]
    assert spoken["request"]["messages"][-1] == {"role": "user", "content": "Say it aloud."}
    assert spoken["answer"] == "Spoken in parts."
    assert "fingerprint" not in spoken  # neither system prompt nor tools
    calls = next(c for c in by_api["openai.chat"] if "answer_calls" in c)
    assert calls["answer_calls"] == [CALL] and calls["answer"] == ""
    assert calls["request"]["tools"] == [TOOL]


def test_a_seed_is_a_draw_and_nothing_is_written_over(w):
    _, one = draw(w, "one", "--cases", "5", "--floor", "1")
    _, same = draw(w, "same", "--cases", "5", "--floor", "1")
    assert one == same and len(one) == 5
    assert abs(sum(c["weight"] for c in one) - w.eligible) < 1e-6
    others = [draw(w, f"seed{s}", "--cases", "5", "--floor", "1", "--seed", str(s))[1]
              for s in range(2, 7)]
    assert any(other != one for other in others)
    done = evals(w, "from-traffic", "--out", "one.yaml", "--folder", "base", want=3)
    assert "one.yaml cannot be written" in done.stderr and "--replace" in done.stderr
    done = evals(w, "from-traffic", "--out", "one.yaml", "--folder", "base", "--replace")
    assert "what a good answer is has yet to be said" in done.stdout
    assert "Left out: 1 turn that failed, or were cut short, 1 turn that are no chats." in done.stdout


def test_what_is_replaced_stays_until_the_new_one_is_whole(w):
    folder = w.sluice.folder
    draw(w, "kept", "--cases", "5")
    for name in ("kept.yaml", "kept.jsonl"):
        os.chmod(os.path.join(folder, name), 0o644)
    cases = os.path.join(folder, "kept.jsonl")
    os.rename(cases, cases + ".aside")
    os.mkdir(cases)  # so that the cases cannot be written
    done = evals(w, "from-traffic", "--out", "kept.yaml", "--folder", "base", "--replace", want=3)
    assert "kept.yaml cannot be written" in done.stderr, done.stderr
    os.rmdir(cases)
    os.rename(cases + ".aside", cases)
    evals(w, "check", "kept.yaml")
    draw(w, "kept", "--cases", "5")
    for name in ("kept.yaml", "kept.jsonl"):
        assert os.stat(os.path.join(folder, name)).st_mode & 0o777 == 0o600, name
    assert not glob.glob(os.path.join(folder, "*.new"))
    draw(w, 'a "suite"', "--cases", "5")
    evals(w, "check", 'a "suite".yaml')


def test_what_varies_by_turn_makes_no_strata(w):
    lines_at = os.path.join(w.sluice.folder, "varied")
    os.makedirs(lines_at, exist_ok=True)
    line = next(x for x in lines(w) if x["api"] == "openai.chat" and x["state"] == "done")
    with open(os.path.join(lines_at, "sluice-20261101-000000-1-1.jsonl"), "w",
              encoding="utf-8") as f:
        for i in range(300):  # one question of 300 users, who are tags and stand in the prompt
            request = json.loads(line["request"])
            name = "".join(chr(ord("a") + int(c)) for c in str(i + 1000))
            request["messages"][0]["content"] = f"You talk with {name}."
            f.write(json.dumps({**line, "turn": f"01KB{i:022}", "tags": f"user-{i}",
                                "fingerprint": "", "request": json.dumps(request)}) + "\n")
    told, cases = draw(w, "varied", folder="varied")
    assert told["turns"] == 300 and told["different"] == 1 and len(told["strata"]) == 1, told
    assert [c["weight"] for c in cases] == [300]
    done = evals(w, "from-traffic", "--out", "varied.yaml", "--folder", "varied", "--replace")
    assert "Tags make no strata" in done.stdout and "Prompts make no strata" in done.stdout
    prompts = cover(w, "varied.yaml", folder="varied")["prompts"]
    assert len(prompts) == 300 and sum(p["seen"] for p in prompts) == 1


def recordings_make(w, name, made):
    """A folder with these lines, each of which is what is different in one that was recorded."""
    folder = os.path.join(w.sluice.folder, name)
    os.makedirs(folder, exist_ok=True)
    line = next(x for x in lines(w) if x["api"] == "openai.chat" and x["state"] == "done" and
                "body" in x)
    with open(os.path.join(folder, "sluice-20261101-000000-1-1.jsonl"), "w", encoding="utf-8") as f:
        for i, more in enumerate(made):
            f.write(json.dumps({**line, "turn": f"01KC{i:022}", **more}) + "\n")


def asking(text):
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": text}]})


def test_one_bad_recording_spoils_nothing(w):
    fine = [{"request": asking(q)} for q in QUESTIONS]
    cut = asking("A text that was cut.").replace("cut.", "cut \\ud83d")
    spoilt = [{"request": cut}, {"request": cut, "fingerprint": ""},
              {"request": asking("What is this?"), "body": json.dumps(
                  answer("chat", "ANSWER")).replace("ANSWER", "\\ud83d")},
              {"request": asking("When?"), "time": "2026\"\n- x: ["},
              {"request": asking("Who?"), "turn": "\x1b[31mred"}, {"request": asking("Why?"), "turn": ""},
              {"request": asking("Where from?"), "api": "anthropic"}]
    recordings_make(w, "spoilt", fine + spoilt + [{**fine[0], "turn": "01KC" + "0" * 22}])
    told, cases = draw(w, "spoilt", folder="spoilt")
    evals(w, "check", "spoilt.yaml")
    assert sorted(c["request"]["messages"][0]["content"] for c in cases) == sorted(QUESTIONS)
    assert sum(c["weight"] for c in cases) == told["turns"] == len(QUESTIONS) + 1, told
    assert told["unreadable"] == len(spoilt), told
    assert cover(w, "spoilt.yaml", folder="spoilt")["turns"] >= len(QUESTIONS) + 1
    done = evals(w, "from-traffic", "--out", "spoilt.yaml", "--folder", "spoilt", "--replace")
    assert "7 turns that do not read as what they were recorded as" in done.stdout, done.stdout


def test_names_of_clients_are_safe_on_a_terminal(w):
    recordings_make(w, "coloured", [{
        "request": asking("Whose \x1b[31mcolour\u009b31m is that?"), "asked": "\x1b[31mred\u009b31m",
        "tenant": "a\nb", "fingerprint": "0123456789abcdef"}])
    draw(w, "all", "--cases", "100")
    told = (evals(w, "coverage", "all.yaml", "--folder", "coloured").stdout +
            evals(w, "from-traffic", "--folder", "coloured", "--out", "coloured.yaml",
                  "--replace").stdout)
    evals(w, "check", "coloured.yaml")  # whose tags are these names
    assert "red" in told and "colour" in told, told
    assert "\x1b" not in told and "\u009b" not in told, told
    assert any("a?b" in line for line in told.split("\n")), told


def test_wrong_use_is_told(w):
    for words, said in [
            (["from-traffic", "--cases", "0"], "--cases '0' is no number from 1"),
            (["from-traffic", "--floor", "0"], "--floor '0' is no number from 1"),
            (["from-traffic", "--near", "2%"], "--near '2%'"),
            (["from-traffic", "--out", "x.json"], "ends in .yaml"),
            (["from-traffic", "--since", "soon"], "is no day"),
            (["coverage", "all.yaml", "--by", "month"], "month")]:
        done = evals(w, *words, want=2)
        assert said in done.stderr, (words, done.stderr)
    done = evals(w, "from-traffic", "--folder", "nowhere", want=3)
    assert "nowhere" in done.stderr
    done = evals(w, "coverage", "--config", "none.yaml", want=3)
    assert "none.yaml" in done.stderr and "--folder" not in done.stderr
    done = evals(w, "from-traffic", "--folder", "base", "--tenant", "nobody", want=3)
    assert "no turn there can be a case with --tenant nobody (of 31): " in done.stderr, done.stderr
    done = evals(w, "coverage", "all.yaml", "--folder", "base", "--tenant", "nobody", "--api", "anthropic", want=3)
    assert " compared with --tenant nobody, --api anthropic (of 31): " in done.stderr, done.stderr
    done = evals(w, "from-traffic", "--folder", "base", "--out", "told.yaml")
    assert "(alike by 90 % or more): " in done.stdout and "coverage` counts from 50 % on." in done.stdout, done.stdout


def test_pictures_are_questions(w):
    def about(picture):
        return json.dumps({"model": "m", "messages": [{"role": "user", "content": [
            {"type": "text", "text": "What is to be seen in this picture of our customer?"},
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{picture}"}}]}]})
    recordings_make(w, "pictures", [{"request": about("AAA" + "BCDE"[i % 4])} for i in range(12)])
    told, cases = draw(w, "pictures", folder="pictures")
    assert told["different"] == 4 and [c["weight"] for c in cases] == [3] * 4, told


# ---- coverage ----

def test_coverage_rises_to_all(w):
    draw(w, "few", "--cases", "2", "--floor", "1")
    draw(w, "all", "--cases", "100")
    few, everything = cover(w, "few.yaml"), cover(w, "all.yaml")
    assert few["turns"] == everything["turns"] == w.eligible
    assert 0 < few["covered"]["value"] < 0.5, few["covered"]
    assert few["covered"]["low"] < few["covered"]["value"] < few["covered"]["high"]
    assert everything["covered"]["value"] == 1 and everything["covered"]["high"] == 1
    assert everything["covered"]["low"] < 0.95  # of 29 turns nobody can be surer
    assert everything["missing"] == [] and all(p["seen"] for p in everything["prompts"])
    missing = few["missing"]
    assert sum(m["turns"] for m in missing) == round(
        w.eligible * (1 - few["covered"]["value"] - few["other_prompt"]["value"]))
    assert missing[0]["turns"] == 3 and missing[0]["text"] in QUESTIONS
    days = everything["days"]
    assert len(days) >= 1 and sum(d["turns"] for d in days) == w.eligible
    done = evals(w, "coverage", "few.yaml", "--folder", "base", "--least", "90%", want=1)
    assert " % is under --least 90%\n" in done.stderr, done.stderr
    evals(w, "coverage", "all.yaml", "--folder", "base", "--least", "90%")


# ---- prompts ----

def test_a_changed_prompt_is_told_counted_and_listed(w):
    s = w.sluice
    draw(w, "known", "--cases", "100")
    assert metric(w, "sluice_prompts_unseen_total") == 0  # without suites, nobody misses any
    assert unseen(w)["suites"] is False
    s.write(w.config % "evals: {suites: [known.yaml]}")
    s.process.send_signal(signal.SIGHUP)
    until(lambda: unseen(w)["suites"])
    assert metric(w, "sluice_prompts_known") >= 3
    assert chat(w, QUESTIONS[0], "2027-01-02").status == 200  # the same but for the day
    assert ask(s, "chat", {"model": "tape/m", "messages": [
        {"role": "user", "content": QUESTIONS[0]}]}).status == 200  # without any prompt
    assert metric(w, "sluice_prompts_unseen_total") == 0, unseen(w)
    changed = BANK.replace("help the customers", "sell to the customers")
    for _ in range(3):
        assert chat(w, QUESTIONS[1], system=changed).status == 200
    assert metric(w, "sluice_prompts_unseen_total") == 3
    assert metric(w, "sluice_prompts_unseen") == 1
    listed, = unseen(w)["unseen"]
    assert listed["turns"] == 3 and listed["tenant"] == "shop" and listed["model"] == "tape/m"
    assert s.log().count("prompt_unseen") == 1 and listed["prompt"] in s.log()
    s.request("POST", PATHS_CHAT, {"model": "tape/m", "tools": [TOOL], "messages": [
        {"role": "user", "content": QUESTIONS[1]}]})
    assert metric(w, "sluice_prompts_unseen") == 1  # the tool alone is what another app has

    turns = len(recorded(w, 31 + 6)) - 2  # but for the two that are no cases
    told = cover(w, "--config", s.file, folder="recordings")
    lost = [p for p in told["prompts"] if not p["seen"]]
    assert [p["prompt"] for p in lost] == [listed["prompt"]] and lost[0]["turns"] == 3, told
    assert lost[0]["most_like"]["share"] > 0.6, lost  # it is told which one was changed
    assert abs(told["unseen_prompt"]["value"] - 3 / turns) < 1e-5
    assert abs(told["other_prompt"]["value"] - 5 / turns) < 1e-5, told

    draw(w, "known", "--cases", "100", folder="recordings")
    s.process.send_signal(signal.SIGHUP)
    until(lambda: metric(w, "sluice_prompts_unseen") == 0)
    assert chat(w, QUESTIONS[1], system=changed).status == 200
    assert metric(w, "sluice_prompts_unseen_total") == 3
    recorded(w, turns + 2 + 1)
    assert cover(w, "--config", s.file, folder="recordings")["covered"]["value"] == 1


PATHS_CHAT = "/v1/chat/completions"


def until(true, seconds=10):
    end = time.time() + seconds
    while not true():
        assert time.time() < end
        time.sleep(0.05)


def test_prompts_stay_untold_while_a_suite_cannot_be_read(w):
    s = w.sluice
    draw(w, "broken", "--cases", "100")
    with open(os.path.join(s.folder, "broken.jsonl"), "a", encoding="utf-8") as f:
        f.write("not json\n")
    s.write(w.config % "evals: {suites: [broken.yaml]}")
    s.process.send_signal(signal.SIGHUP)
    until(lambda: "suites_unread" in s.log())
    before = metric(w, "sluice_prompts_unseen_total")
    assert chat(w, QUESTIONS[2], system="Another one altogether.").status == 200
    assert metric(w, "sluice_prompts_unseen_total") == before
    assert "broken.jsonl:" in s.log()
    s.write(w.config % "evals: {suites: [gone.yaml]}")
    s.process.send_signal(signal.SIGHUP)
    until(lambda: "gone.yaml: cannot be read: No such file" in s.log().split("suites_unread")[-1])
