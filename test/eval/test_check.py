"""`sluice eval check`: mistakes are named where they stand."""
import json

from place import RECORDED, SUITE, Eval


class Check(Eval):
    def check(self, suite, *words, code=2):
        self.write("suite.yaml", suite)
        return self.eval("check", *words, "suite.yaml", code=code)

    def setUp(self):
        super().setUp()
        self.cases(3)

    def test_a_field_without_quotes(self):
        for text in ('{role: user, content: {{question}}}', '{role: user, content: {{ question }}}'):
            said = self.check(SUITE.replace('{role: user, content: "What is {{question}}?"}', text)).stderr
            self.assertIn('suite.yaml:7:29: error: request.messages[1].content: {{field}} needs quotes in YAML, where braces '
                          'begin a map: "{{field}}"', said)
            self.assertIn(text, said)  # nothing of a suite is a secret

    def test_what_looks_like_a_key_is_not_shown(self):
        for text in ("api_key: abcdefghijkl\nabout: {{x}}\n", "about: {{sk-abcdefgh}}\n"):
            self.assertNotIn("abcdef", self.check(SUITE + text).stderr)

    def test_single_braces(self):
        done = self.check(SUITE.replace("{{question}}", "{question}"), code=0)
        self.assertIn('suite.yaml:3:1: warning: request: {question} is sent as it stands here; the case\'s '
                      'field is "{{question}}"', done.stderr)
        self.assertIn("no mistakes found", done.stdout)
        self.assertEqual(self.check(SUITE.replace("Answer with", "Like {this: 1}, answer with"), code=0).stderr, "")

    def test_no_field_at_all(self):
        done = self.check(SUITE.replace("{{question}}", "this"), code=0)
        self.assertIn("no field of the case is in it, so all 3 cases ask the same", done.stderr)
        self.cases(1)
        self.assertEqual(self.check(SUITE.replace("{{question}}", "this"), code=0).stderr, "")

    def test_messages(self):
        for text, says in (("{rol: user, ", "messages[1] has no role; is it meant by 'rol'?"),
                           ("{", "messages[1] has no role, as user or system"),
                           ("{role: usr, ", "messages[1] has the role 'usr'; expected user, system")):
            said = self.check(SUITE.replace("{role: user, ", text)).stderr
            self.assertIn("suite.yaml:3:1: error: request: " + says, said)
        self.assertIn("messages has to be a list", self.check(
            "cases: cases.jsonl\nrequest: {model: m, messages: hi}\ngraders: [{kind: exact, expected: x}]\n").stderr)

    def test_a_program_that_is_not_there(self):
        command = "  - {kind: command, command: %s}\n"
        said = self.check(SUITE + command % "[pyton33, x.py]").stderr
        self.assertIn("suite.yaml:10", said)
        self.assertIn("there is no program 'pyton33' here or in PATH", said)
        self.assertIn("there is no file 'gone.py'", self.check(SUITE + command % "[sh, gone.py]", code=0).stderr)
        self.write("here.py", "")
        self.assertEqual(self.check(SUITE + command % "[sh, here.py]", code=0).stderr, "")

    def test_what_the_suite_expects_is_not_the_cases_mistake(self):
        text = SUITE.replace('{kind: exact, expected: "{{answer}}"}', "{kind: number, expected: %s}")
        self.assertIn("suite.yaml:9: grader number: number: expected is 'abc'", self.check(text % "abc").stderr)
        self.assertIn("cases.jsonl:1: grader number: number: expected is '0 plus 0'",
                      self.check(text % '"{{question}}"').stderr)

    def test_the_same_case_twice(self):
        self.write("cases.jsonl", '{"question": "1", "answer": "1"}\n' * 2)
        self.assertIn("cases.jsonl:2: the case is the same as in cases.jsonl:1; leave one out",
                      self.check(SUITE).stderr)

    def test_a_request_is_shown(self):
        asked = [{"role": "system", "content": "Answer with a number."},
                 {"role": "user", "content": "What is 2 plus 2?"}]
        for case in ("q2", "cases.jsonl:3"):
            self.assertEqual(json.loads(self.check(SUITE, "--show", case, code=0).stdout),
                             {"model": "m", "messages": asked})
        self.assertIn("there is no case 'qq2'; did you mean 'q2'?", self.check(SUITE, "--show", "qq2").stderr)
        self.assertIn("one at a time", self.check(SUITE, "--show", "q2", "--json").stderr)

    def test_a_suite_that_is_not_there(self):
        self.assertEqual(self.eval("check", "gone.yaml", code=3).stderr,
                         "gone.yaml: error: cannot be read: No such file or directory\n")

    def test_answers_that_were_written_by_hand(self):
        self.write("sluice.yaml", RECORDED)
        for line, says in (('{"promt": "a", "answer": "b"}', '"promt" is not known; did you mean "prompt"?'),
                           ('{"prompt": "a"}', "the line answers nothing; expected"),
                           ('{"answer": "b", "tokens": 5}', '"tokens" has to be an object: {"input": 20'),
                           ('{"answer": 5}', '"answer" has to be a text')):
            self.write("recorded.jsonl", '{"answer": "a"}\n' + line + "\n")
            done = self.sluice("check")
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertIn("recorded.jsonl: line 2: " + says, done.stderr)
        self.write("recorded.jsonl", '{"id": 1, "gold": "4", "answer": null, "tags": ["x"]}\n')
        self.assertEqual(self.sluice("check").returncode, 0)
