"""Public data through the whole gateway: what a run says is what the grader says of the file.

SLUICE_DATA names the folder of data sets; without it these are skipped.
"""
import gzip
import json
import os
import unittest

from place import Eval

DATA = os.environ.get("SLUICE_DATA")
GSM8K = os.path.join(DATA or "", "route_gsm8k.dev.jsonl.gz")

CONFIG = """
state: {ledger: off}
providers:
  weak: {kind: recorded, file: weak.jsonl}
  strong: {kind: recorded, file: strong.jsonl}
prices: {weak/m: {input: 0.6, output: 0.6}, strong/m: {input: 10, output: 30}}
"""

SUITE = """
cases: cases.jsonl
request: {model: weak/m, messages: [{role: user, content: "{{prompt}}"}]}
graders:
  - {kind: number, expected: "{{answer}}"}
"""


@unittest.skipUnless(DATA and os.path.exists(GSM8K), "SLUICE_DATA names no folder with route_gsm8k")
class Gsm8k(Eval):
    def setUp(self):
        super().setUp()
        with gzip.open(GSM8K, "rt", encoding="utf-8") as file:
            self.rows = [row for row in map(json.loads, file) if not row["contaminated"]]
        self.write("cases.jsonl", "".join(
            json.dumps({key: row[key] for key in ("id", "prompt", "answer")}) + "\n" for row in self.rows))
        for side in ("weak", "strong"):
            self.write(f"{side}.jsonl", "".join(
                json.dumps({"model": "m", "prompt": row["prompt"], "answer": row[f"{side}_response"]}) + "\n"
                for row in self.rows))
        self.write("sluice.yaml", CONFIG)
        self.suite(text=SUITE)

    def verdicts(self, run):
        with open(os.path.join(self.folder, run["folder"], "results.jsonl"), encoding="utf-8") as file:
            return {line["case"]: line["pass"] for line in map(json.loads, file)}

    def lab(self, side):
        done = self.sluice("lab", "grade", "--grader", "numeric", "--output", f"{side}_response", "--expected",
                           "answer", "--label", f"{side}_correct", "--rows", f"{side}.rows", "--json", GSM8K)
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(self.path(f"{side}.rows"), encoding="utf-8") as file:
            return json.loads(done.stdout), {str(line["id"]): line["verdict"] == "pass" for line in map(json.loads, file)}

    def test_case_by_case_as_the_grader_says_of_the_file(self):
        for side in ("weak", "strong"):
            told, rows = self.lab(side)
            suite = self.run_json("--model", f"{side}/m")["suites"][0]
            self.assertEqual(self.verdicts(suite["run"]), rows)
            self.assertAlmostEqual(suite["parts"][0]["quality"]["value"], told["accuracy"], 5)
            print(f"{side}: accuracy {told['accuracy']:.4f}, agrees with the labels for {told['agree']:.4f}")

    def test_the_weak_one_is_worse_and_cheaper(self):
        self.run_json("--model", "strong/m")
        part = self.run_json("--model", "weak/m", "--baseline", "last")["suites"][0]["parts"][0]
        self.assertLess(part["against"]["difference"]["high"], -0.1)
        self.assertLess(part["against"]["mcnemar_p"], 1e-10)
        self.assertFalse(part["against"]["not_worse"])
