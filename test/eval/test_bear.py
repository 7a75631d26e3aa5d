"""What a suite and a run have to bear: odd names, several at once, answers that did not come."""
import glob
import json
import os
import signal
import subprocess
import time
from xml.etree import ElementTree

from place import LIVE, RECORDED, SUITE, Eval, chat, question_of
from program import SLUICE
from world import status, whole


def right(question):
    return whole(chat(str(2 * int(question.split()[2]))))


class Names(Eval):
    def setUp(self):
        super().setUp()
        self.write("sluice.yaml", RECORDED)
        self.suite()

    def test_many_cases_without_an_id(self):
        """Their ids are hashes, which stay what they are while the list of cases grows."""
        n = 700
        self.write("cases.jsonl", "".join(json.dumps({"question": f"{i} plus {i}", "answer": str(2 * i)}) + "\n"
                                          for i in range(n)))
        self.recorded(n)
        self.assertEqual(self.run_json()["suites"][0]["parts"][0]["quality"]["value"], 1.0)
        results = self.lines("results.jsonl")
        self.assertEqual(len({line["case"] for line in results}), n)
        self.assertEqual([line["case"] for line in results], [line["hash"] for line in results])

    def test_names_that_are_no_names(self):
        """A control character would end a key early, so that one case got another's answer."""
        self.recorded(2)
        for field, value, said in (("id", "a\0b", 'the field "id" is longer than 256 bytes, or has control'),
                                   ("id", "x" * 257, 'the field "id" is longer than 256 bytes'),
                                   ("tags", ["good", "\x1b[31mred"], 'the field "tags" has a tag that is')):
            case = {"id": "q", "question": "1 plus 1", "answer": "2", field: value}
            self.write("cases.jsonl", json.dumps({**case, "id": "p", "tags": "t"}) + "\n" + json.dumps(case) + "\n")
            self.assertIn("cases.jsonl:2: " + said, self.eval("run", "suite.yaml", code=2).stderr)
        self.write("cases.jsonl", json.dumps({**case, "tags": "t"}) + "\n")
        self.suite('name: "a\\tb"\n')
        self.assertIn("suite.yaml:10:7: error: name: ", self.eval("run", "suite.yaml", code=2).stderr)
