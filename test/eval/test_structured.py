"""Answers that are calls of functions, or JSON: what a suite's graders say of them."""
import json

from place import Eval, chat, question_of
from world import whole

CALLS = """
cases: cases.jsonl
request:
  model: m
  tools:
    - type: function
      function:
        name: get_weather
        parameters:
          type: object
          required: [city]
          properties: {city: {type: string}, least: {type: number}}
  messages: [{role: user, content: "{{question}}"}]
graders:
  - {kind: tool-call, expected: "{{calls}}"}
"""

DOCUMENT = """
cases: cases.jsonl
request:
  model: m
  messages: [{role: user, content: "{{question}}"}]
graders:
  - kind: json
    name: shape
    schema: {type: object, required: [city], properties: {days: {type: integer, minimum: 1}}}
  - {kind: json, name: days, path: $.days, expected: "{{days}}"}
"""


def weather(**arguments):
    return {"id": "call_1", "type": "function",
            "function": {"name": "get_weather", "arguments": json.dumps(arguments)}}


class Structured(Eval):
    def ask(self, suite, cases):
        """`cases` are (what the case has, the answer's message); the grades of each."""
        answers = {f"case {i}": message for i, (_, message) in enumerate(cases)}
        self.write("cases.jsonl", "".join(
            json.dumps({"id": str(i), "question": f"case {i}", **fields}) + "\n"
            for i, (fields, _) in enumerate(cases)))

        def answer(conn, head, body, n):
            message = dict(answers[question_of(body)])
            conn.sendall(whole(chat(message.pop("text", None), **message)))

        self.provider(answer)
        self.suite(text=suite)
        self.run_json()
        lines = sorted(self.lines("results.jsonl"), key=lambda line: int(line["case"]))
        return [line["grades"] for line in lines]

    def test_calls_are_held_against_those_expected(self):
        allowed = [{"get_weather": {"city": ["Paris", "Paris, France"], "least": [3, ""]}}]
        grades = self.ask(CALLS, [
            ({"calls": allowed}, {"tool_calls": [weather(city="paris france")]}),
            ({"calls": allowed}, {"tool_calls": [weather(city="Paris", least=3.0)]}),
            ({"calls": allowed}, {"tool_calls": [weather(city="Pariss")]}),
            ({"calls": allowed}, {"text": "It is sunny."}),
            ({"calls": []}, {"text": "Hello."}),
            ({"calls": [{"name": "get_weather", "arguments": {"city": "Rome"}}]},
             {"tool_calls": [weather(least=3)]}),
        ])
        self.assertEqual([g[0]["pass"] for g in grades], [True, True, False, False, True, False])
        self.assertEqual([grades[i][0]["why"] for i in (2, 3, 5)], [
            "get_weather: argument city: 'Pariss' is none of: 'Paris', 'Paris, France'",
            "expected 1 call, got 0",
            "get_weather: argument least was not expected"])

    def test_a_case_with_no_list_of_calls(self):
        self.provider()
        self.write("cases.jsonl", '{"id": "a", "question": "0 plus 0", "calls": {"get_weather": {}}}\n')
        self.suite(text=CALLS.replace('"{{question}}"', '"What is {{question}}?"'))
        self.assertIn("`expected` is an object; expected a list of calls",
                      self.eval("run", "suite.yaml", code=2).stderr)

    def test_json_obeys_a_schema_and_holds_what_is_expected(self):
        grades = self.ask(DOCUMENT, [
            ({"days": 3}, {"text": '```json\n{"city": "Rome", "days": 3.0}\n```'}),
            ({"days": 3}, {"text": '{"city": "Rome", "days": 4}'}),
            ({"days": 3}, {"text": '{"days": 0}'}),
            ({"days": 3}, {"text": 'Here: {"city": "Rome"}'}),
        ])
        self.assertEqual([[one["pass"] for one in g] for g in grades],
                         [[True, True], [True, False], [False, False], [False, False]])
        self.assertEqual(grades[1][1]["why"], "$.days: 4 is not the expected 3")
        self.assertEqual(grades[2][0]["why"], "$.city: is missing")

    def test_a_schema_with_a_mistake_has_its_line(self):
        self.provider()
        self.cases(1)
        self.suite(text=DOCUMENT.replace("minimum", "minimun"))
        said = self.eval("run", "suite.yaml", code=2).stderr
        self.assertIn("suite.yaml:9:", said)
        self.assertIn("the schema, at #/properties/days: minimun is no word of JSON Schema; "
                      "did you mean minimum?", said)
