"""`sluice eval check`: mistakes are named where they stand."""
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
