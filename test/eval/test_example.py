"""The example that the README shows: its files belong together, and its graders judge as it says."""
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
        with open(self.path("helpdesk-examples.yaml"), encoding="utf-8") as file:
            text = file.read()
        for case in self.all:
            self.assertNotIn(case["text"], text)

    def test_short_and_right_passes_and_rambling_does_not(self):
        def right(case):
            value = case.get("label") or case.get("value") or case["number"]
            return value[0] if isinstance(value, list) else value

        for suite, config in (("helpdesk", "sluice.yaml"), ("helpdesk-examples", "sluice-lively.yaml")):
            with open(self.path(config), encoding="utf-8") as file:
                text = file.read()
            self.write("recorded.yaml", text[:text.index("providers:")] +
                       "providers: {home: {kind: recorded, file: recorded.jsonl}}\n\n" + text[text.index("models:"):])
            for answer, passed in ((right, 1.0), (lambda case: "The text says: " + case["text"], 0.0)):
                lines = [{"model": "smollm2", "prompt": self.prompt(suite, case), "answer": answer(case),
                          "tokens": {"input": 9, "output": 3}} for case in self.all]
                self.write("recorded.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
                done = self.sluice("eval", "run", "--json", "--config", "recorded.yaml", f"{suite}.yaml")
                part = json.loads(done.stdout)["suites"][0]["parts"][0]
                self.assertAlmostEqual(part["quality"]["value"], passed, delta=0.03)

    @staticmethod
    def prompt(suite, case):
        if suite == "helpdesk":
            return f"{case['task']}\nText: {case['text']}\nAnswer:"
        return f"{case['task']}\n{case['text']}"
