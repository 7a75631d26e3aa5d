"""A first suite: it runs as it is written."""
import json
import os

from place import RECORDED, Eval


class Init(Eval):
    def right_answers(self):
        with open(self.path("evals/first.jsonl"), encoding="utf-8") as file:
            cases = [json.loads(line) for line in file]
        answers = [str(case.get("class") or case.get("value") or case["number"]) for case in cases]
        self.write("recorded.jsonl", "".join(
            json.dumps({"model": "m", "prompt": case["question"], "answer": answer,
                        "tokens": {"input": 20, "output": 5}}) + "\n" for case, answer in zip(cases, answers)))
        return cases

    def test_it_runs_as_it_is(self):
        self.write("sluice.yaml", RECORDED + "models: {house: {is: rec/m}, other: {is: rec/n}}\n")
        done = self.eval("init")
        self.assertIn("next: sluice eval run evals/first.yaml", done.stdout)
        self.assertIn("ask the model house", done.stdout)
        cases = self.right_answers()
        self.assertEqual({tag for case in cases for tag in case["tags"]}, {"class", "value", "sum"})
        verdict = json.loads(self.eval("run", "--json", "evals/first.yaml").stdout)["suites"][0]
        self.assertTrue(verdict["pass"])
        self.assertEqual(verdict["parts"][0]["quality"]["value"], 1.0)
        self.write("recorded.jsonl", '{"model": "m", "answer": "I am not sure about that.", "tokens": {"input": 9, "output": 9}}\n')
        self.assertEqual(json.loads(self.eval("run", "--json", "evals/first.yaml", code=1).stdout)
                         ["suites"][0]["parts"][0]["quality"]["value"], 0.0)

    def test_names_and_models_that_are_said(self):
        self.eval("init", "--model", "rec/m$", "--name", "shop", "a/b")
        with open(self.path("a/b/shop.yaml"), encoding="utf-8") as file:
            text = file.read()
        self.assertIn('model: "rec/m$$"', text)
        self.assertIn('cases: "shop.jsonl"', text)
        self.assertIn("no mistakes found", self.eval("check", "a/b/shop.yaml").stdout)

    def test_nothing_is_written_over(self):
        for there in ("first.yaml", "first.jsonl"):
            os.makedirs(self.path("evals"), exist_ok=True)
            self.write(f"evals/{there}", "mine\n")
            done = self.eval("init", "--model", "m", code=3)
            self.assertIn(f"evals/{there} is there already, and is not written over", done.stderr)
            self.assertEqual(os.listdir(self.path("evals")), [there])
            os.remove(self.path(f"evals/{there}"))

    def test_without_a_name_for_the_model(self):
        self.assertIn("say which model is to be asked with --model NAME", self.eval("init", code=2).stderr)
        self.write("sluice.yaml", RECORDED)
        self.assertIn("no alias under `models`", self.eval("init", code=2).stderr)
        self.write("sluice.yaml", "modls: {}\n")
        self.assertIn("sluice.yaml:1", self.eval("init", code=2).stderr)
        self.assertIn("--name is a file's name", self.eval("init", "--model", "m", "--name", "a/b", code=2).stderr)
        self.assertEqual(os.path.exists(self.path("evals")), False)
