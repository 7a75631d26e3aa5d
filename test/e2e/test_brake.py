"""The brake: what shapes answers changes with evidence only, wherever a configuration comes from."""

import hashlib
import json
import os
import signal
import subprocess
import tempfile
import time
from types import SimpleNamespace

from world import KEY, Provider, SLUICE, Sluice

CONFIG = """
listen: 127.0.0.1:@PORT@
admin_listen: 127.0.0.1:@ADMIN@
state: {ledger: "sqlite:@FOLDER@/ledger.db"}
takeover: "@FOLDER@/t.sock"
drain: 1s
providers:
  p: {base_url: "http://127.0.0.1:%d/v1", key: "${TEST_KEY}"}
models:
  one: {is: p/a}
"""
EVALS = "evals: {suites: [evals/s.yaml]}\n"
SUITE = """cases: cases.jsonl
request: {messages: [{role: user, content: "{{q}}"}]}
graders: [{kind: exact, expected: "{{a}}"}]
"""
CASE = '{"q": "1", "a": "1"}'
HELD = "refused: what shapes answers has changed, and the suites have not passed for it"


def open_world():
    p = Provider()
    return SimpleNamespace(p=p, config=CONFIG % p.port, sluice=Sluice(CONFIG % p.port))


class Braked(Sluice):
    """One of its own, with a suite beside its file, and records that this writes."""

    def __init__(self, w, config=None, **more):
        self.at = ""
        super().__init__(config or w.config, **more)

    def start(self, wait=True):
        os.makedirs(os.path.join(self.folder, "evals"), exist_ok=True)
        self.put("evals/s.yaml", SUITE)
        self.put("evals/cases.jsonl", CASE + "\n")
        super().start(wait)

    def put(self, name, text):
        with open(os.path.join(self.folder, name), "w", encoding="utf-8") as f:
            f.write(text)

    def text(self, name="sluice.yaml"):
        with open(os.path.join(self.folder, name), encoding="utf-8") as f:
            return f.read()

    def command(self, *words, **more):
        return subprocess.run([SLUICE, *words], capture_output=True, text=True, cwd=self.folder,
                              env=dict(self.environment, **more), timeout=60)

    def apply(self, *words):
        return self.command("apply", *words)

    def admin(self, method, path, body=None):
        return self.request(method, path, body.encode() if body else None, key=None,
                            port=self.admin_port)

    def metric(self, name):
        for line in self.admin("GET", "/metrics").body.decode().splitlines():
            if line.startswith(name + " "):
                return float(line.split()[1])
        return None

    def hup(self):
        """A reload, to its end; what the log says of it."""
        before = len(self.log())
        self.process.send_signal(signal.SIGHUP)
        end = time.time() + 10
        while not any(word in self.log()[before:] for word in (" reloaded ", "reload refused")):
            assert time.time() < end, self.log()
            time.sleep(0.02)
        time.sleep(0.05)  # all of its lines
        return self.log()[before:]

    def record(self, passed=True, day="2026-11-20", answers=None, suite=SUITE, case=CASE):
        """What a run of the suite writes, for the file as it is."""
        if answers is None:
            answers = json.loads(self.apply("--dry-run", "--json").stdout)["answers"]
        digest = "sluice suite"
        for piece in (suite, case):
            digest = hashlib.sha256(f"{digest}\n{piece}".encode()).hexdigest()
        line = json.dumps({
            "record": 1, "date": day + "T10:00:00.000Z", "sluice": "0.1.0", "answers": answers,
            "suite": "s", "suite_hash": digest, "suite_file": "evals/s.yaml", "run": "r1",
            "cases": 1, "quality": 1 if passed else 0, "quality_low": 0, "quality_high": 1,
            "p95_ms": None, "cost_per_success_usd": None, "bar": "quality >= 0.9",
            "verdict": "pass" if passed else "fail"}, separators=(",", ":"))
        checksum = hashlib.sha256(line[:-1].encode()).hexdigest()
        with open(os.path.join(self.folder, "sluice.evals.jsonl"), "a", encoding="utf-8") as f:
            f.write(f'{line[:-1]},"checksum":"{checksum}"}}\n')

    def restart(self):
        assert self.stop() == 0, self.log()
        self.start()

    def cannot_start(self):
        """What a start says that is refused."""
        done = self.command("serve", "--config", self.file)
        assert done.returncode == 1, done
        return done.stderr


def other_model(text, model="b"):
    return text.replace("is: p/a", f"is: p/{model}")


def test_a_change_waits_for_its_evals_at_sighup(w):
    s = Braked(w)
    try:
        s.write(w.config + EVALS)
        said = s.hup()  # to name suites is no change of answers
        assert " reloaded " in said and "no run of it is recorded" in said, said
        s.write(other_model(w.config) + EVALS)
        said = s.hup()
        assert "reload refused" in said and HELD in said and "models.one.is: p/a -> p/b" in said, said
        assert f"sluice eval run --config {s.file}" in said, said
        assert f'sluice apply {s.file} --force' in said.replace("\\", ""), said
        assert s.metric("sluice_brake_refusals_total") == 1
        w.p.seen.clear()
        assert s.chat("one").status == 200
        assert json.loads(w.p.seen[-1][1])["model"] == "a"
        s.record(passed=False)
        said = s.hup()
        assert "its run of 2026-11-20 failed: quality 0.0 %; the bar is quality >= 0.9" in said, said
        s.record(passed=True, day="2026-11-21")
        said = s.hup()
        assert " reloaded " in said and "refused" not in said, said
        assert s.chat("one").status == 200
        assert json.loads(w.p.seen[-1][1])["model"] == "b"
        assert s.metric("sluice_brake_record_age_seconds") > 0
        assert s.metric("sluice_brake_forced") == 0
    finally:
        assert s.stop() == 0


def test_what_shapes_no_answer_changes_freely(w):
    s = Braked(w, w.config + "fallback: {on: on}\n")
    try:
        s.write(w.config + EVALS)
        s.hup()
        base = s.text()
        for change in (base + "prices: {p/a: {input: 1, output: 2}}\n",
                       base.replace("${TEST_KEY}", "another-key"),
                       base.replace(f"http://127.0.0.1:{w.p.port}/v1",
                                    f"http://127.0.0.1:{w.p.port}/v1\", \"http://127.0.0.1:1/v1")
                       .replace('base_url: "', 'base_url: ["').replace('1:1/v1"', '1:1/v1"]'),
                       base + "limits: {per_key: {requests_per_minute: 1000}}\n",
                       base + "retry: {attempts: 2}\nhosts: [gateway.lan]\n",
                       base.replace("one: {is: p/a}", "one: p/a   # the same")):
            assert change != base
            s.write(change)
            said = s.hup()
            assert " reloaded " in said and "refused" not in said, (change, said)
        s.write(base + "fallback: {on: off}\n")
        assert HELD in s.hup()
    finally:
        assert s.stop() == 0


def test_a_value_of_the_environment_counts(w):
    config = w.config.replace("is: p/a", 'is: "p/${MODEL}"')
    s = Braked(w, config, environment={"MODEL": "a"})
    try:
        s.write(config + EVALS)
        s.restart()
        s.environment["MODEL"] = "b"
        assert s.stop() == 0
        said = s.cannot_start()
        assert "models.one.is: p/a -> p/b" in said, said
        s.environment["MODEL"] = "a"
        s.start()
    finally:
        s.stop()


def test_a_named_file_that_shapes_answers_counts(w):
    """What RELOAD_NAMED brings is no way round; a key that is renewed is none of the brake's."""
    s = Braked(w)
    try:
        s.put("model", "p/a\n")
        s.put("key", "k1\n")
        text = (w.config.replace("is: p/a", 'is: "${file:%s/model}"' % s.folder)
                .replace("${TEST_KEY}", "${file:%s/key}" % s.folder)) + EVALS
        s.write(text)
        assert " reloaded " in s.hup()
        before = len(s.log())
        s.put("key", "k2\n")
        end = time.time() + 10
        while " reloaded " not in s.log()[before:]:
            assert time.time() < end, s.log()
            time.sleep(0.05)
        assert "refused" not in s.log()[before:]
        s.put("model", "p/b\n")
        while HELD not in s.log()[before:]:
            assert time.time() < end + 10, s.log()
            time.sleep(0.05)
        s.chat("one")
        assert json.loads(w.p.seen[-1][1])["model"] == "a"
    finally:
        assert s.stop() == 0


def test_a_start_obeys(w):
    s = Braked(w)
    try:
        s.write(w.config + EVALS)
        s.restart()  # it was in force without suites
        assert s.stop() == 0
        s.write(other_model(w.config) + EVALS)
        said = s.cannot_start()
        assert HELD in said and "models.one.is: p/a -> p/b" in said, said
        assert "sluice serve: the evals' brake holds" in said, said
        s.record()
        s.start()
        assert s.stop() == 0
        s.put("sluice.evals.jsonl", "")
        s.start()  # what was in force comes again
        assert "no run of it is recorded" in s.log()
    finally:
        s.stop()


def test_a_new_machine_needs_the_records(w):
    s = Braked(w)
    assert s.stop() == 0
    for name in os.listdir(s.folder):
        if name.startswith("ledger.db"):
            os.unlink(os.path.join(s.folder, name))
    s.write(w.config + EVALS)
    said = s.cannot_start()
    assert "refused: no configuration was in force here before" in said, said
    assert f"sluice eval run --config {s.file}" in said
    s.record(suite=SUITE + "# older\n")  # of an older version of the suite
    try:
        s.start()
        assert "but the suite has changed since" in s.log(), s.log()
    finally:
        s.stop()


def test_without_a_ledger_the_records_decide(w):
    config = w.config.replace('"sqlite:@FOLDER@/ledger.db"', "off") + EVALS
    s = Braked(w, w.config.replace('"sqlite:@FOLDER@/ledger.db"', "off"))
    try:
        s.write(config)
        assert " reloaded " in s.hup()
        assert s.stop() == 0
        assert "no configuration was in force here before" in s.cannot_start()
        s.record()
        s.start()
        s.restart()
        s.write(other_model(config))
        assert HELD in s.hup()
    finally:
        s.stop()


def test_admin_config_obeys(w):
    s = Braked(w)
    try:
        s.write(w.config + EVALS)
        s.hup()
        sent = other_model(s.text())
        for path in ("/admin/config?dry_run=1", "/admin/config"):
            a = s.admin("POST", path, sent)
            assert a.status == 400 and a.json()["applied"] is False, a.body
            said = a.json()["problems"]
            assert HELD in said and "models.one.is: p/a -> p/b" in said, said
            assert "sluice apply FILE --force" in said and "evals: {records: PATH}" in said, said
        assert s.metric("sluice_brake_refusals_total") == 1  # a look is no refusal
        s.put("other.yaml", sent)
        s.record(answers=json.loads(s.apply("other.yaml", "--dry-run", "--json").stdout)["answers"])
        a = s.admin("POST", "/admin/config", sent)
        assert a.status == 200 and a.json()["applied"], a.body
        # Both the file and what was sent were in force, so either may come back.
        assert " reloaded " in s.hup()
        a = s.admin("POST", "/admin/config", sent)
        assert a.json()["applied"], a.body
        s.put("sluice.evals.jsonl", "")
        s.restart()  # without any record
        s.chat("one")
        assert json.loads(w.p.seen[-1][1])["model"] == "a"
    finally:
        s.stop()


def test_what_drops_the_suites_may_not_answer_otherwise(w):
    """A text that somebody sends without its section evals; one step after the other is allowed."""
    s = Braked(w)
    try:
        s.write(w.config + EVALS)
        s.hup()
        dropped = f"{s.folder}/evals/s.yaml: it held the brake until now and is not named any more"
        a = s.admin("POST", "/admin/config", other_model(s.text()).replace(EVALS, ""))
        assert a.status == 400 and dropped in a.json()["problems"], a.body
        s.write(other_model(w.config))
        said = s.hup()
        assert HELD in said and dropped in said, said
        assert s.stop() == 0
        said = s.cannot_start()
        assert HELD in said and dropped in said, said
        s.write(w.config)
        s.start()
        assert "evals/s.yaml holds the brake no longer" in s.log(), s.log()
        s.write(other_model(w.config))
        said = s.hup()
        assert " reloaded " in said and "no suite says" in said, said
    finally:
        s.stop()


def test_who_was_forced_may_go_back(w):
    s = Braked(w)
    try:
        s.write(w.config + EVALS)
        s.hup()  # without any record
        s.write(other_model(w.config) + EVALS)
        assert s.apply("--force", "the old model is gone").returncode == 0
        assert " reloaded " in s.hup()
        s.restart()
        s.write(w.config + EVALS)
        assert " reloaded " in s.hup()
        s.chat("one")
        assert json.loads(w.p.seen[-1][1])["model"] == "a"
    finally:
        assert s.stop() == 0


def test_a_file_that_is_a_link_is_the_same_after_an_update(w):
    """As a ConfigMap is mounted."""
    s = Braked(w)
    try:
        s.write(w.config + EVALS)
        s.hup()
        assert s.stop() == 0
        for name in ("one", "two"):
            os.mkdir(os.path.join(s.folder, name))
            s.put(name + "/sluice.yaml", s.text())
        os.unlink(s.file)
        os.symlink("one/sluice.yaml", s.file)
        s.start()
        s.stop()
        os.unlink(s.file)
        os.symlink("two/sluice.yaml", s.file)
        s.start()
        assert s.chat("one").status == 200
    finally:
        s.stop()


def test_a_successor_obeys(w):
    s = Braked(w)
    try:
        s.write(w.config + EVALS)
        s.hup()
        s.write(other_model(w.config) + EVALS)
        done = s.command("serve", "--config", s.file, "--takeover")
        assert done.returncode == 1 and HELD in done.stderr, done
        assert s.alive() and s.chat("one").status == 200
        assert json.loads(w.p.seen[-1][1])["model"] == "a"
    finally:
        assert s.stop() == 0


def test_a_forced_change_is_shown_until_it_passes(w):
    s = Braked(w)
    try:
        s.write(w.config + EVALS)
        s.hup()
        s.write(other_model(w.config) + EVALS)
        done = s.apply("--force", "no")
        assert done.returncode == 2 and "expected a reason" in done.stderr, done
        assert not os.path.exists(os.path.join(s.folder, "sluice.evals.jsonl"))
        done = s.apply("--force", "the old model is gone", "--dry-run")
        assert done.returncode == 0 and "would be let through" in done.stdout, done
        assert not os.path.exists(os.path.join(s.folder, "sluice.evals.jsonl"))
        done = s.apply("--force", "the old model is gone")
        assert done.returncode == 0 and "the reason was written into" in done.stdout, done
        forced = json.loads(s.text("sluice.evals.jsonl"))
        assert forced["forced"] == "the old model is gone" and forced["by"], forced
        said = s.hup()
        assert " reloaded " in said and " warn reload " in said, said
        words = ": the old model is gone"
        assert words in said
        assert s.metric("sluice_brake_forced") == 1
        assert words in s.admin("GET", "/admin/config").body.decode().split("listen:")[0]
        done = s.command("check", s.file)
        assert done.returncode == 0 and words in done.stderr, done
        assert any(words in p["text"] for p in
                   json.loads(s.command("check", s.file, "--json").stdout)["problems"])
        before = len(s.log())
        s.restart()
        assert words in s.log()[before:] and " warn brake " in s.log()[before:]
        assert s.metric("sluice_brake_forced") == 1
        done = s.apply("--force", "once more, please")
        assert done.returncode == 0 and "--force is not needed" in done.stderr, done
        assert len(s.text("sluice.evals.jsonl").splitlines()) == 1
        s.record()
        s.hup()
        assert s.metric("sluice_brake_forced") == 0
        assert words not in s.admin("GET", "/admin/config").body.decode()
    finally:
        assert s.stop() == 0


def test_what_admin_config_shows_can_be_sent_back(w):
    s = Braked(w, w.config + EVALS.replace("suites: [evals/s.yaml]", "keep: 7"))
    try:
        shown = s.admin("GET", "/admin/config").body.decode()
        assert shown.startswith("# answers: ")
        a = s.admin("POST", "/admin/config", shown)
        assert a.json()["applied"] and a.json()["changes"] == "nothing changed\n", a.body
    finally:
        assert s.stop() == 0


def test_records_that_were_edited(w):
    s = Braked(w)
    try:
        s.write(w.config + EVALS)
        s.hup()
        s.write(other_model(w.config) + EVALS)
        s.record(passed=False)
        s.put("sluice.evals.jsonl", s.text("sluice.evals.jsonl").replace('"fail"', '"pass"'))
        said = s.hup()
        assert HELD in said and "sluice.evals.jsonl:1: this record was edited" in said, said
        done = s.apply("--force", "we know what we do")
        assert done.returncode == 1 and "sluice.evals.jsonl:1: this record was edited" in done.stderr
        s.write(w.config + EVALS)
        said = s.hup()
        assert " reloaded " in said and "the records of evals cannot be used" in said, said
        s.put("sluice.evals.jsonl", '{"record":9}\n')
        assert "a record of version 9; this sluice knows version 1" in s.hup()
    finally:
        assert s.stop() == 0


def test_without_suites_a_change_is_let_through_and_told(w):
    s = Braked(w)
    try:
        s.write(other_model(w.config))
        said = s.hup()
        assert " reloaded " in said and "warn reload line=\"warning: what shapes answers" in said, said
        assert "models.one.is: p/a -> p/b" in said
        s.write(other_model(w.config, "c"))
        before = len(s.log())
        s.restart()
        assert "no suite says whether they stay good" in s.log()[before:]
        before = len(s.log())
        s.restart()
        assert " warn brake " not in s.log()[before:]
    finally:
        assert s.stop() == 0


def test_check_warns_and_is_no_gate(w):
    s = Braked(w)
    try:
        s.write(other_model(w.config) + EVALS)
        done = s.command("check", s.file)
        assert done.returncode == 0 and "it would not come into force yet:\n" in done.stderr, done
        assert " has no mistakes: " in done.stdout and "is fine" not in done.stdout, done
        assert "\n  evals/s.yaml: no run of it is recorded" in done.stderr, done  # a line each
        assert "models.one.is: p/a -> p/b" in done.stderr
        s.put("evals/s.yaml", "cases: [\n")
        done = s.command("check", s.file)
        assert done.returncode == 0 and "s.yaml cannot be read" in done.stderr, done
    finally:
        assert s.stop() == 0


def test_apply_to_a_running_one(w):
    s = Braked(w)
    try:
        url = f"http://127.0.0.1:{s.admin_port}"
        s.write(w.config + EVALS)
        done = s.apply("--to", url)
        assert done.returncode == 0 and "it is in force" in done.stdout, done
        s.write(other_model(w.config) + EVALS)
        done = s.apply("--to", url)
        assert done.returncode == 1 and "it is not in force" in done.stdout, done
        assert HELD in done.stdout
        done = s.apply("--to", url, "--force", "the old model is gone", "--json")
        out = json.loads(done.stdout)
        assert done.returncode == 0 and out["ok"] and out["recorded"] and out["applied"], done
        assert out["reason"] == "forced" and "p/a -> p/b" in out["changes"], out
        s.chat("one")
        assert json.loads(w.p.seen[-1][1])["model"] == "b"
        done = s.apply("--to", url, "--dry-run")
        assert done.returncode == 0 and "it would come into force" in done.stdout, done
        s.write(other_model(w.config, "c") + EVALS)
        done = s.apply("--to", "http://127.0.0.1:1", "--force", "they are away")
        assert done.returncode == 3 and "the reason was written into" in done.stderr, done
        done = s.apply("--to", "http://127.0.0.1:1")
        assert done.returncode == 3 and "cannot be asked" in done.stderr, done
        done = s.apply("--to", "nowhere")
        assert done.returncode in (1, 3) and "nowhere" in done.stderr, done
    finally:
        assert s.stop() == 0


def test_apply_needs_a_key_where_the_door_asks_for_one(w):
    keys = "keys: {require: true, declared: {boss: {secret: boss-key, admin: true}}}\n"
    s = Braked(w, w.config + keys)
    try:
        url = f"http://127.0.0.1:{s.port}"
        done = s.apply("--to", url)
        assert done.returncode == 3 and "SLUICE_ADMIN_KEY" in done.stderr, done
        done = s.command("apply", "--to", url, SLUICE_ADMIN_KEY="boss-key")
        assert done.returncode == 0 and "it is in force" in done.stdout, done
    finally:
        assert s.stop() == 0


def test_apply_tells_what_is_wrong(w):
    folder = tempfile.mkdtemp(prefix="sluice-e2e-")
    run = lambda *words: subprocess.run([SLUICE, "apply", *words], capture_output=True, text=True,
                                        cwd=folder, env=dict(os.environ, TEST_KEY=KEY))
    with open(os.path.join(folder, "bad.yaml"), "w", encoding="utf-8") as f:
        f.write("models: {one: {iz: p/a}}\n")
    done = run("bad.yaml")
    assert done.returncode == 1 and "bad.yaml:1" in done.stderr and "known here: is" in done.stderr, done
    done = run("bad.yaml", "--json")
    assert done.returncode == 1 and "known here: is" in json.loads(done.stdout)["problems"][1]["text"]
    done = run("none.yaml")
    assert done.returncode == 3 and "none.yaml" in done.stderr, done
    done = run("bad.yaml", "more.yaml")
    assert done.returncode == 2 and "one file at a time" in done.stderr, done
    done = run("bad.yaml", "--forse", "x")
    assert done.returncode == 2 and "--force" in done.stderr, done
