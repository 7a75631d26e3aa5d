"""The graders of texts in a run: what they are told, and what the suite's mistakes are told."""
import json
import os

from place import RECORDED, SUITE, Eval

PROGRAM = """#!/usr/bin/env python3
import json, sys
told = json.load(sys.stdin)
if told["case"]["id"] == "q3":
    sys.exit("no opinion")
right = told["answer"] == told["expected"] and told["prompt"].startswith("What is")
print(json.dumps({"score": 0.5 if right else 0, "why": "as " + sys.argv[1]}))
"""


class TextGraders(Eval):
    def setUp(self):
        super().setUp()
        self.write("sluice.yaml", RECORDED)

    def graders(self, lines):
        self.suite(text=SUITE.replace('  - {kind: exact, expected: "{{answer}}"}\n', lines))

    def grades(self):
        return {line["case"]: line["grades"][0] for line in self.lines("results.jsonl")}

    def test_a_program_of_ones_own(self):
        self.write("grader.py", PROGRAM)
        os.chmod(os.path.join(self.folder, "grader.py"), 0o700)
        self.graders("  - {kind: command, command: [./grader.py, told], expected: '{{answer}}',\n"
                     "     timeout: 60s, pass: 0.5}\n")
        self.cases(6)
        self.recorded(6, wrong=lambda i: i == 1)
        self.run_json()
        grades = self.grades()
        self.assertEqual([grades[f"q{i}"]["pass"] for i in range(6)],
                         [True, False, True, False, True, True])
        self.assertEqual((grades["q0"]["score"], grades["q0"]["why"]), (0.5, "as told"))
        self.assertEqual([grades[f"q{i}"]["graded"] for i in (1, 3)], [True, False])
        self.assertIn("exit code 1: no opinion", grades["q3"]["why"])

    def test_what_a_program_inherits(self):
        """No file or socket of sluice's, no signal that is blocked or ignored."""
        self.write("grader.py", """#!/usr/bin/env python3
import json, os, sys
sys.stdin.close()  # what is not read is no mistake
held = [fd for fd in range(3, 1024) if os.path.exists(f"/proc/self/fd/{fd}")]
with open("/proc/self/status", encoding="ascii") as status:
    signals = {line.split(":")[0]: int(line.split()[1], 16) for line in status
               if line.startswith("SigBlk")}
print(json.dumps({"score": 1, "why": f"{held} {signals}"}))
""")
        os.chmod(os.path.join(self.folder, "grader.py"), 0o700)
        self.graders("  - {kind: command, command: [./grader.py], timeout: 60s}\n")
        self.cases(4)
        self.recorded(4)
        self.run_json()
        for grade in self.grades().values():
            self.assertEqual(grade["why"], "[] {'SigBlk': 0}")

    def test_a_program_that_takes_too_long(self):
        self.graders("  - {kind: command, command: [sleep, '600'], timeout: 100ms}\n")
        self.cases(3)
        self.recorded(3)
        self.sluice("eval", "run", "suite.yaml")
        grades = self.grades()
        self.assertEqual(len(grades), 3)
        for grade in grades.values():
            self.assertFalse(grade["graded"] or grade["pass"])
            self.assertIn("took longer than 100 ms", grade["why"])

    def test_numbers_as_over_a_file(self):
        """Case by case a run says what `sluice lab grade` says of the same answers."""
        self.graders("  - {kind: number, expected: '{{answer}}'}\n")
        self.cases(40)
        answers = [f"{i} and {i} is ${2 * i}.00." if i % 3 else f"#### {i}" for i in range(40)]
        self.write("recorded.jsonl", "".join(json.dumps(
            {"model": "m", "prompt": f"What is {i} plus {i}?", "answer": text}) + "\n"
            for i, text in enumerate(answers)))
        self.run_json()
        self.write("answers.jsonl", "".join(json.dumps(
            {"id": f"q{i}", "out": text, "gold": str(2 * i)}) + "\n"
            for i, text in enumerate(answers)))
        done = self.sluice("lab", "grade", "--grader", "numeric", "--output", "out", "--expected",
                           "gold", "--rows", "rows.jsonl", "answers.jsonl")
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(os.path.join(self.folder, "rows.jsonl"), encoding="utf-8") as file:
            lab = {row["id"]: (row["verdict"], row["got"]) for row in map(json.loads, file)}
        run = {case: (grade["verdict"], grade["got"]) for case, grade in self.grades().items()}
        self.assertEqual(run, lab)
        self.assertEqual(sum(verdict == "pass" for verdict, _ in run.values()), 27)

    def test_mistakes_of_the_suite(self):
        self.cases(2)
        self.recorded(2)
        for settings, says in (
                ("kind: regex, pattern: 'a(b'", "suite.yaml:9:"),
                ("kind: number, expected: 1, tolerance: much", "'much' is no tolerance"),
                ("kind: choice, expected: A, words: [one]", "expected 2 to 200"),
                ("kind: exact, expected: {a: 1}", "exact: expected is an object"),
                ("kind: number, expected: '{{question}}'", "holds several numbers")):
            self.graders("  - {%s}\n" % settings)
            done = self.sluice("eval", "run", "suite.yaml")
            self.assertIn(done.returncode, (1, 2), (settings, done.stdout, done.stderr))
            self.assertIn(says, done.stderr + done.stdout)
