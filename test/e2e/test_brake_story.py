"""A story: a good configuration passes, a worse one is stopped, forced with a reason, taken back."""

import json
import os
import shlex
from types import SimpleNamespace

from test_brake import Braked, CONFIG, EVALS, HELD
from world import Provider, whole

# Labels of tickets; the careful model knows them all, the hasty one says "billing" to everything.
TICKETS = [(f"{what}, ticket {i}", label) for i in range(6) for what, label in (
    ("I was charged twice", "billing"), ("The app crashes at the start", "bug"),
    ("How do I change my address?", "account"), ("Where is my parcel?", "shipping"))]
SUITE = """cases: cases.jsonl
request:
  model: triage
  messages:
    - {role: system, content: "Answer with one of: billing, bug, account, shipping."}
    - {role: user, content: "{{ticket}}"}
graders: [{kind: exact, expected: "{{label}}"}]
bar: {quality: 90%}
"""


def answer(text):
    return whole(json.dumps({
        "id": "c", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{"index": 0, "finish_reason": "stop",
                     "message": {"role": "assistant", "content": text}}],
        "usage": {"prompt_tokens": 30, "completion_tokens": 1, "total_tokens": 31}}).encode())


def careful(conn, head, body, n):
    asked = json.loads(body)["messages"][-1]["content"]
    conn.sendall(answer(dict(TICKETS).get(asked, "bug")))


def hasty(conn, head, body, n):
    conn.sendall(answer("billing"))


def open_world():
    p = Provider()
    p.answers.update(careful=careful, hasty=hasty)
    good = (CONFIG % p.port).replace("one: {is: p/a}", "triage: {is: p/careful}") + EVALS
    return SimpleNamespace(p=p, good=good, worse=good.replace("p/careful", "p/hasty"),
                           sluice=Story(good))


class Story(Braked):
    def __init__(self, config):
        super().__init__(None, config)

    def start(self, wait=True):
        """The first start of all is one with evidence."""
        os.makedirs(os.path.join(self.folder, "evals"), exist_ok=True)
        self.put("evals/s.yaml", SUITE)
        self.put("evals/cases.jsonl", "".join(
            json.dumps({"id": f"t{i}", "ticket": ticket, "label": label}) + "\n"
            for i, (ticket, label) in enumerate(TICKETS)))
        if not os.path.exists(os.path.join(self.folder, "sluice.evals.jsonl")):
            self.paste(self.cannot_start(), code=0)
        super(Braked, self).start(wait)

    def paste(self, said, code):
        """Does what a refusal says, in a shell that is elsewhere."""
        [line] = [line for line in said.splitlines() if "to get it through: " in line]
        command = shlex.split(line.split("to get it through: ")[1].rstrip('"'))
        assert command[:3] == ["sluice", "eval", "run"], command
        done = self.command(*command[1:])
        assert done.returncode == code, done
        return done.stdout + done.stderr

    def model(self, w):
        assert self.chat("triage").status == 200
        return json.loads(w.p.seen[-1][1])["model"]


def test_the_story_of_a_worse_configuration(w):
    s = w.sluice
    assert s.model(w) == "careful"
    [first] = [json.loads(line) for line in s.text("sluice.evals.jsonl").splitlines()]
    assert first["verdict"] == "pass" and first["quality"] == 1, first

    # Somebody wants it cheaper. It is stopped, and says why.
    s.write(w.worse)
    said = s.hup()
    assert HELD in said and "models.triage.is: p/careful -> p/hasty" in said, said
    assert "evals/s.yaml: no run of it is recorded for this configuration" in said, said
    assert s.model(w) == "careful"

    # The command that the refusal names finds it worse, which the next refusal tells.
    shown = s.paste(said, code=1)
    assert "not passed, recorded in" in shown, shown
    said = s.hup()
    assert said.count("models.triage.is: p/careful -> p/hasty") == 1, said
    assert "failed: quality 25.0 %; the bar is quality >= 90.0 %" in said, said
    assert s.model(w) == "careful" and s.metric("sluice_brake_refusals_total") == 2

    # Forced, with a reason that stays in sight.
    done = s.apply("--to", f"http://127.0.0.1:{s.admin_port}", "--force", "careful is gone today")
    assert done.returncode == 0 and "it is in force" in done.stdout, done
    assert s.model(w) == "hasty" and s.metric("sluice_brake_forced") == 1
    assert "careful is gone today" in s.admin("GET", "/admin/config").body.decode()
    s.restart()
    assert "careful is gone today" in s.log() and s.model(w) == "hasty"

    # And back: it has passed, so nothing is asked.
    s.write(w.good)
    said = s.hup()
    assert " reloaded " in said and "warning" not in said, said
    assert s.model(w) == "careful" and s.metric("sluice_brake_forced") == 0
