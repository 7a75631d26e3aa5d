"""Suites of other programs made into ours, and what their answers are then worth."""
import json
import os

from place import RECORDED, Eval

CONFIG = RECORDED + "models: {house: {is: rec/m}}\n"


class Import(Eval):
    def setUp(self):
        super().setUp()
        self.write("sluice.yaml", CONFIG)

    def promptfoo(self, text, *words, code=0):
        self.write("config.yaml", text)
        return self.eval("import", "promptfoo", "config.yaml", *words, code=code)

    def cases_of(self, path):
        with open(self.path(path), encoding="utf-8") as file:
            return [json.loads(line) for line in file]

    def text_of(self, path):
        with open(self.path(path), encoding="utf-8") as file:
            return file.read()

    def verdicts(self, suite, answers, code=None):
        """Runs it on recorded answers, by the text of the last message; case -> grader -> pass."""
        lines = [{"model": "m", "prompt": prompt, "answer": answer, "tokens": {"input": 1, "output": 1}}
                 for prompt, answer in answers.items()]
        self.write("recorded.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
        done = self.sluice("eval", "run", "--runs", "runs", suite)
        self.assertIn(done.returncode, (0, 1) if code is None else (code,), done.stderr)
        name = os.path.splitext(os.path.basename(suite))[0]
        [run] = os.listdir(self.path(f"runs/{name}"))
        self.results = self.cases_of(f"runs/{name}/{run}/results.jsonl")
        return {line["case"]: {grade["grader"]: grade["pass"] for grade in line["grades"]
                               if not grade.get("skipped")} for line in self.results}


class Promptfoo(Import):
    def test_each_kind_of_assertion_judges_as_it_did(self):
        rows = [  # assertion, an answer that passes, one that fails
            ("{type: equals, value: Yes.}", "Yes.", "yes."),
            ("{type: equals, value: 7}", "7", "7.0"),
            ("{type: not-equals, value: no}", "No", "no"),
            ("{type: contains, value: Par}", "In Paris", "in paris"),
            ("{type: not-contains, value: Par}", "in paris", "In Paris"),
            ("{type: icontains, value: pARIS}", "In Paris", "In Rome"),
            ("{type: icontains, value: ÉCOLE}", "une école", "une ecole"),
            ("{type: contains-any, value: [cat, dog]}", "hotdog", "Cat"),
            ("{type: contains-any, value: 'cat, dog'}", "hotdog", "Cat"),
            ("{type: contains-all, value: [cat, dog]}", "dog, cat", "cat"),
            ("{type: not-contains-all, value: [cat, dog]}", "cat", "dog, cat"),
            ("{type: icontains-any, value: [CAT]}", "a cat", "a dog"),
            ("{type: icontains-all, value: [CAT, Dog]}", "a cat, a dog", "a dog"),
            ("{type: starts-with, value: Well}", "Well then", "Oh well, Well"),
            ("{type: not-starts-with, value: Well}", "Oh well", "Well then"),
            ("{type: regex, value: '^\\d+ km$'}", "12 km", "12 miles"),
            ("{type: not-regex, value: '[0-9]'}", "twelve", "12"),
            ("{type: is-refusal}", "I'm sorry, but I can't help with that.", "It is in Paris."),
            ("{type: not-is-refusal}", "It is in Paris.", "I'm sorry, but I can't help with that."),
        ]
        tests = "".join(f"  - {{vars: {{q: '{i}-{n}'}}, assert: [{row[0]}]}}\n"
                        for i, row in enumerate(rows) for n in (1, 2))
        done = self.promptfoo("prompts: ['ask {{ q }}']\ntests:\n" + tests)
        self.assertIn("nothing was left out", done.stdout)
        answers = {f"ask {i}-{n}": row[n] for i, row in enumerate(rows) for n in (1, 2)}
        got = self.verdicts("evals/config.yaml", answers)
        for i, row in enumerate(rows):
            self.assertEqual(list(got[str(2 * i + 1)].values()), [True], row)
            self.assertEqual(list(got[str(2 * i + 2)].values()), [False], row)

    def test_json_and_its_schema(self):
        self.promptfoo("""
prompts: "{{q}}"
tests:
  - {vars: {q: a}, assert: [{type: is-json}]}
  - {vars: {q: b}, assert: [{type: is-json}]}
  - vars: {q: c}
    assert: [{type: is-json, value: {type: object, required: [x]}}]
  - vars: {q: d}
    assert: [{type: is-json, value: '{"type": "object", "required": ["x"]}'}]
  - {vars: {q: e}, assert: [{type: equals, value: {x: [1, 2]}}]}
""")
        got = self.verdicts("evals/config.yaml", {"a": "[1]", "b": "no", "c": '{"x": 1}', "d": '{"y": 1}',
                                                  "e": '{"x": [1, 2]}'})
        self.assertEqual([list(got[str(i)].values()) for i in range(1, 6)],
                         [[True], [False], [True], [False], [True]])

    def test_weights_and_the_least_score(self):
        self.promptfoo("""
prompts: ["{{q}}"]
defaultTest: {threshold: 0.7}
tests:
  - vars: {q: a}
    assert: [{type: contains, value: x, weight: 3}, {type: contains, value: y}]
  - vars: {q: b}
    assert: [{type: contains, value: x, weight: 3}, {type: contains, value: y}]
  - vars: {q: c}
    threshold: 0.2
    assert: [{type: contains, value: x, weight: 3}, {type: contains, value: y}]
""")
        self.verdicts("evals/config.yaml", {"a": "x", "b": "y", "c": "y"})
        self.assertEqual({line["case"]: (line["pass"], line["score"]) for line in self.results},
                         {"1": (True, 0.75), "2": (False, 0.25), "3": (True, 0.25)})

    def test_a_rubric_of_each_test_reaches_the_judge(self):
        provider = self.provider(lambda conn, head, body, n: conn.sendall(self.judged(body)))
        with open(self.path("sluice.yaml"), "a", encoding="utf-8") as file:
            file.write("models: {house: {is: live/m}}\n")
        self.promptfoo("""
prompts: ["{{q}}"]
tests:
  - {vars: {q: a, tone: kind}, assert: [{type: llm-rubric, value: 'Is it {{tone}}?'}]}
  - {vars: {q: b, tone: rude}, assert: [{type: not-llm-rubric, value: 'Is it {{tone}}?'}]}
""")
        done = self.eval("run", "--json", "evals/config.yaml", code=0)
        self.assertEqual(json.loads(done.stdout)["suites"][0]["parts"][0]["quality"]["value"], 1.0)
        asked = [body.decode() for _, body in provider.seen if b"You judge" in body]
        self.assertEqual([sum(f"Is it {tone}?" in body for body in asked) for tone in ("kind", "rude")], [1, 1])

    @staticmethod
    def judged(body):
        from place import chat
        from world import whole
        if b"You judge" not in body:
            return whole(chat("an answer"))
        score = 5 if b"Is it kind?" in body else 1
        return whole(chat(json.dumps({"reason": "so", "scores": {"rubric": score}})))

    def test_prompts_of_every_form_make_a_suite_each(self):
        self.write("prompts/chat.json", '[{"role": "system", "content": "S"}, '
                                        '{"role": "user", "content": "json {{ q }}"}]')
        self.write("prompts/chat.yaml", "- {role: user, content: 'yaml {{q}}'}\n")
        self.write("prompts/two.txt", "one {{q}}\n---\ntwo {{q}}\n")
        done = self.promptfoo("""
description: Many
prompts:
  - inline {{q}}
  - file://prompts/chat.json
  - prompts/chat.yaml
  - file://prompts/two.txt
  - {label: x, raw: "raw {{q}} for $5"}
  - '[{"role": "user", "content": "text {{q}}"}]'
tests: [{vars: {q: 1}, assert: [{type: contains, value: a}]}]
""", "--out", "made", "--name", "many")
        self.assertEqual(done.stdout.count("1 cases"), 7)
        self.assertEqual(sorted(os.listdir(self.path("made"))),
                         sorted(["many.jsonl", "many.yaml"] + [f"many-{i}.yaml" for i in range(2, 8)]))
        for i, said in enumerate(["inline 1", "json 1", "yaml 1", "one 1", "two 1", "raw 1 for $5", "text 1"], 1):
            name = f"made/many{'-%d' % i if i > 1 else ''}.yaml"
            self.assertEqual(self.verdicts(name, {said: "a"}, code=0), {"1": {"contains": True}})

    def test_tests_of_every_form(self):
        self.write("data/t.csv", "q,__expected,__expected2,__description\n"
                                 '"one, two",contains: one,"icontains-all: A, b",first\n'
                                 "three,just this,,\n")
        self.write("data/t.jsonl", '{"vars": {"q": "four"}, "assert": [{"type": "contains", "value": "4"}]}\n')
        self.write("data/t.yaml", "- vars: {q: file://text.txt}\n  assert: [{type: contains, value: '{{q}}'}]\n")
        self.write("data/text.txt", "five\n")
        self.promptfoo("""
prompts: ["{{q}} {{absent}}"]
tests:
  - file://data/t.csv
  - data/t.jsonl
  - file://data/t.yaml
  - {vars: {q: [six, seven], absent: [x, y]}, assert: [{type: contains, value: '{{q}}'}]}
""")
        cases = self.cases_of("evals/config.jsonl")
        self.assertEqual([case["id"] for case in cases], ["1", "2", "3", "4", "5.1", "5.2", "5.3", "5.4"])
        self.assertEqual(cases[0], {"id": "1", "description": "first", "vars": {"q": "one, two", "absent": ""},
                                    "contains": " one", "icontains-all": {"all": ["A", "b"]}})
        self.assertEqual(cases[1]["equals"], "just this")
        self.assertEqual(cases[3]["contains"], "five")
        self.assertEqual([(case["vars"]["q"], case["vars"]["absent"], case["contains"]) for case in cases[4:]],
                         [("six", "x", "six"), ("seven", "x", "seven"), ("six", "y", "six"), ("seven", "y", "seven")])

    def test_what_is_left_out_is_told_with_its_place(self):
        self.write("t.csv", "q,__expected\nx,python: True\n")
        done = self.promptfoo("""prompts: ["{{q}}", "{% if x %}y{% endif %}", file://p.js]
providers: [openai:gpt-4o]
scenarios: []
nunjucksFilters: {f: f.js}
tests:
  - vars: {q: a}
    assert:
      - {type: contains, value: a}
      - {type: javascript, value: "true"}
      - {type: similar, value: a, threshold: 0.8}
      - {type: contains, value: a, transform: output.trim()}
      - {type: contains, value: "{{ q | upper }}"}
      - {type: contains, value: ""}
      - {type: regex, value: "(a"}
      - {type: contains, value: file://v.py}
  - vars: {q: b}
    options: {transform: x}
    assert: [{type: contains, value: b}]
  - {vars: {q: c}}
  - file://t.csv
  - https://example.com/tests.csv
  - {vars: {q: '{{ x | y }}'}, assert: [{type: contains, value: a}]}
""")
        for said in ["config.yaml:1: the prompt has a template that is more than a variable's name",
                     "config.yaml:1: file://p.js: only .txt, .md, .json and .yaml files are read",
                     "config.yaml:2: who answers is said by sluice's configuration",
                     "config.yaml:4: `nunjucksFilters` is not converted",
                     "config.yaml:6: test 1: javascript is not converted; the assertion is left out",
                     "config.yaml:6: test 1: similar is not converted",
                     "config.yaml:6: test 1: contains: `transform` is not converted",
                     "config.yaml:6: test 1: contains: its value has a template that is more than a variable's name",
                     "config.yaml:6: test 1: contains: its value or weight is not what was expected",
                     "config.yaml:6: test 1: regex: its value or weight is not what was expected: at character 3",
                     "config.yaml:6: test 1: file://v.py: only .txt, .md, .json and .yaml files are read",
                     "config.yaml:16: test 2: `options` is not converted; the test is left out",
                     "config.yaml:19: test 3: no assertion that could be converted is left",
                     "t.csv:2: test 4: python is not converted",
                     "config.yaml:22: test 5: a variable has a template that is more than a variable's name",
                     "config.yaml:21: https://example.com/tests.csv: only single files of this machine"]:
            self.assertIn(said, done.stderr)
        self.assertIn("wrote evals/config.yaml: 2 cases\n17 pieces were left out; they are named above", done.stdout)

    def test_a_weight_of_0_decides_nothing(self):
        done = self.promptfoo("""
prompts: ["{{q}}"]
tests:
  - {vars: {q: a}, assert: [{type: contains, value: x, weight: 0}, {type: contains, value: y}]}
  - {vars: {q: b}, assert: [{type: contains, value: x, weight: 0}]}
""")
        self.assertIn("test 2: no assertion with a weight is left; the test is left out", done.stderr)
        got = self.verdicts("evals/config.yaml", {"a": "y"}, code=0)
        self.assertEqual(got, {"1": {"contains": False, "contains-2": True}})
        self.assertTrue(self.results[0]["pass"])

    def test_nothing_to_import_is_an_error(self):
        for text, said in [("a: 1", "it has no `tests`"), ("prompts: [x]\ntests: []", "none of its cases"),
                           ("tests: [{vars: {}}]", "it has no prompt"), ("a: [", "config.yaml:2:1: a list's"),
                           ("prompts: [x]\ntests: [{vars: {}, assert: [{type: javascript}]}]", "none of its cases")]:
            self.assertIn(said, self.promptfoo(text, code=2).stderr)
            self.assertFalse(os.path.exists(self.path("evals/config.yaml")))
        self.assertIn("no.yaml: cannot be read", self.eval("import", "promptfoo", "no.yaml", code=3).stderr)

    def test_nothing_is_written_over(self):
        text = "prompts: [x]\ntests: [{assert: [{type: contains, value: a}]}]"
        self.promptfoo(text)
        before = self.text_of("evals/config.yaml")
        self.assertIn("config.jsonl is there already", self.promptfoo(text.replace("a}", "b}"), code=3).stderr)
        self.assertEqual(self.text_of("evals/config.yaml"), before)

    def test_more_kinds_of_checks_than_a_suite_has_graders(self):
        asserts = ", ".join(f"{{type: contains, value: a, weight: {i}}}" for i in range(2, 40))
        done = self.promptfoo(f"prompts: [x]\ntests: [{{assert: [{asserts}]}}]")
        self.assertEqual(done.stderr.count("a suite has at most 32 graders; the assertion is left out"), 6)


class OpenAI(Import):
    SAMPLES = [{"input": [{"role": "system", "content": "S"}, {"role": "user", "content": "a"}], "ideal": "Paris"},
               {"input": "b", "ideal": ["Rome", "roma"], "level": 2}]

    def samples(self, lines, *words, code=0):
        self.write("s.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
        return self.eval("import", "openai-evals", "s.jsonl", *words, code=code)

    def test_match_is_the_beginning_of_the_answer(self):
        done = self.samples(self.SAMPLES, "--class", "match")
        self.assertIn("nothing was left out", done.stdout)
        self.assertEqual(self.cases_of("evals/s.jsonl")[1],
                         {"id": "2", "level": 2, "input": [{"role": "user", "content": "b"}], "ideal": ["Rome", "roma"]})
        got = self.verdicts("evals/s.yaml", {"a": "It is Paris", "b": "roma, capital"})
        self.assertEqual(got, {"1": {"ideal": False}, "2": {"ideal": True}})

    def test_includes(self):
        self.samples(self.SAMPLES, "--class", "includes")
        got = self.verdicts("evals/s.yaml", {"a": "It is Paris", "b": "ROMA"})
        self.assertEqual(got, {"1": {"ideal": True}, "2": {"ideal": False}})

    def test_fuzzy_match_goes_both_ways(self):
        lines = [{"input": "a", "ideal": "The Eiffel Tower"}, {"input": "b", "ideal": "Rome"}, {"input": "c", "ideal": "x"}]
        self.assertIn("fuzzy matches take whole words", self.samples(lines, "--class", "fuzzy_match").stderr)
        got = self.verdicts("evals/s.yaml", {"a": "eiffel", "b": "it's ROME!", "c": "y"})
        self.assertEqual(got, {"1": {"ideal": True}, "2": {"ideal": True}, "3": {"ideal": False}})

    def test_json_match(self):
        lines = [{"input": "a", "ideal": '{"x": 1, "y": [2]}'}, {"input": "b", "ideal": '{"x": 1}'},
                 {"input": "c", "ideal": ["1", "2"]}, {"input": "d", "ideal": "{"}]
        done = self.samples(lines, "--class", "json_match")
        self.assertIn("s.jsonl:3: several ideals as JSON are not known here", done.stderr)
        self.assertIn('s.jsonl:4: "ideal" is no JSON', done.stderr)
        got = self.verdicts("evals/s.yaml", {"a": '{"y": [2], "x": 1}', "b": '{"x": 2}'})
        self.assertEqual(got, {"1": {"ideal": True}, "2": {"ideal": False}})

    def test_a_registry(self):
        self.write("data/cap/samples.jsonl", "".join(json.dumps(line) + "\n" for line in self.SAMPLES))
        self.write("evals/reg.yaml", """
cap: {id: cap.dev.v0, description: Capitals, metrics: [accuracy]}
cap.dev.v0:
  class: evals.elsuite.basic.includes:Includes
  args: {samples_jsonl: cap/samples.jsonl, ignore_case: true, max_tokens: 5}
judged.v0:
  class: evals.elsuite.modelgraded.classify:ModelBasedClassify
  args: {samples_jsonl: x.jsonl, modelgraded_spec: fact}
few.v0:
  class: evals.elsuite.basic.match:Match
  args: {samples_jsonl: cap/samples.jsonl, num_few_shot: 4, few_shot_jsonl: y.jsonl}
""")
        done = self.eval("import", "openai-evals", "evals/reg.yaml", "--out", "made")
        for said in ["evals/reg.yaml:3: cap: args.max_tokens is not converted",
                     "evals/reg.yaml:6: judged.v0: the class evals.elsuite.modelgraded.classify:ModelBasedClassify "
                     "is not converted; a grader of the kind rubric can take its place",
                     "evals/reg.yaml:9: few.v0: examples from few_shot_jsonl are not converted"]:
            self.assertIn(said, done.stderr)
        self.assertIn("wrote made/cap.yaml: 2 cases\n3 pieces were left out", done.stdout)
        self.assertEqual(self.verdicts("made/cap.yaml", {"a": "in PARIS", "b": "no"}),
                         {"1": {"ideal": True}, "2": {"ideal": False}})

    def test_wrong_use(self):
        self.assertIn("name it with --class", self.samples(self.SAMPLES, code=2).stderr)
        self.assertIn("--class", self.samples(self.SAMPLES, "--class", "mach", code=2).stderr)
        self.write("s.jsonl", "{\n")
        self.assertIn("s.jsonl:1:", self.eval("import", "openai-evals", "s.jsonl", "--class", "match", code=2).stderr)
        self.assertIn("expected a format and one file", self.eval("import", "promptfoo", code=2).stderr)
        os.remove(self.path("sluice.yaml"))
        self.assertIn("--model NAME", self.samples(self.SAMPLES, "--class", "match", code=2).stderr)
