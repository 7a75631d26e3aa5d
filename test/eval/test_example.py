"""The example that the README shows: its files belong together, and its graders judge as it says."""
import glob
import json
import os
import shutil
import subprocess

from place import Eval
from program import ROOT

FOLDER = os.path.join(ROOT, "examples", "evals")


class Example(Eval):
    def setUp(self):
        super().setUp()
        for name in os.listdir(FOLDER):
            if os.path.isfile(os.path.join(FOLDER, name)):
                shutil.copy(os.path.join(FOLDER, name), self.folder)
        with open(self.path("helpdesk.jsonl"), encoding="utf-8") as file:
            self.all = [json.loads(line) for line in file]

    def test_the_cases_are_what_their_maker_writes(self):
        made = subprocess.run([self.path("make-cases")], stdout=subprocess.PIPE, check=True, encoding="utf-8")
        with open(self.path("helpdesk.jsonl"), encoding="utf-8") as file:
            self.assertEqual(file.read(), made.stdout)
        self.assertGreaterEqual(len(self.all), 150)

    def test_no_worked_example_is_a_case(self):
        with open(self.path("sluice.yaml"), encoding="utf-8") as file:
            text = file.read()
        for case in self.all:
            self.assertNotIn(case["text"], text)

    def test_short_and_right_passes_and_rambling_does_not(self):
        def right(case):
            value = case.get("label") or case.get("value") or case["number"]
            return value[0] if isinstance(value, list) else value

        for config in ("sluice.yaml", "sluice-bare.yaml"):
            with open(self.path(config), encoding="utf-8") as file:
                text = file.read()
            self.write("recorded.yaml", text[:text.index("providers:")] +
                       "providers: {home: {kind: recorded, file: recorded.jsonl}}\n\n" + text[text.index("models:"):])
            for answer, passed in ((right, 1.0), (lambda case: "The text says: " + case["text"], 0.0)):
                lines = [{"model": "smollm2", "prompt": f"{case['task']}\n{case['text']}", "answer": answer(case),
                          "tokens": {"input": 9, "output": 3}} for case in self.all]
                self.write("recorded.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
                done = self.sluice("eval", "run", "--json", "--config", "recorded.yaml", "helpdesk.yaml")
                part = json.loads(done.stdout)["suites"][0]["parts"][0]
                self.assertAlmostEqual(part["quality"]["value"], passed, delta=0.03)

    def test_one_suite_under_two_prompts(self):
        asked = {}
        for config in ("sluice.yaml", "sluice-bare.yaml"):
            with open(self.path(config), encoding="utf-8") as file:
                text = file.read()
            self.write("recorded.yaml", text[:text.index("providers:")] +
                       "providers: {home: {kind: recorded, file: recorded.jsonl}}\n\n" + text[text.index("models:"):])
            self.write("recorded.jsonl", json.dumps({"answer": "no"}) + "\n")
            shutil.rmtree(self.path("runs"), ignore_errors=True)
            self.sluice("eval", "run", "--config", "recorded.yaml", "helpdesk.yaml")
            [answers] = glob.glob(self.path("runs/helpdesk/*/answers.jsonl"))
            with open(answers, encoding="utf-8") as file:
                asked[config] = [line["sent"] for line in map(json.loads, file) if line.get("sent")]
            self.assertEqual(len(asked[config]), len(self.all))
        for with_examples, bare in zip(*(sorted(asked[c], key=last) for c in asked)):
            few, none = messages(with_examples), messages(bare)
            self.assertEqual((len(few), len(none), few[-1:]), (37, 1, none))
            self.assertIn("The taxi was $31.40 with the tip.", few[14]["content"])


def messages(sent):
    return (json.loads(sent) if isinstance(sent, str) else sent)["messages"]


def last(sent):
    return messages(sent)[-1]["content"]
