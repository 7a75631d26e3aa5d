"""What a suite and a run have to bear: odd names, several at once, answers that did not come."""
import glob
import json
import os
import random
import signal
import subprocess
import threading
import time
from xml.etree import ElementTree

from place import RECORDED, SUITE, Eval, chat, question_of
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


class Broken(Eval):
    """What a run did not come to, or did not get, is told as that, and paid for once."""

    def test_graded_again_errors_stay_errors(self):
        def some(conn, head, body, n):
            if question_of(body).split()[2] == "3":
                status("500 No")(conn, head, body, n)
            else:
                conn.sendall(right(question_of(body)))
        self.provider(some)
        self.cases(6)
        self.suite("tries: 1\n")
        before = self.run_json()["suites"][0]["parts"]
        again = json.loads(self.eval("grade", "--json", "last").stdout)["suites"][0]["parts"]
        self.assertEqual(before[0]["errors"], 1)
        self.assertEqual(again, before)
        self.eval("show", "last")

    def test_graded_again_all_samples_count(self):
        self.provider()
        self.cases(6)
        self.suite()
        before = self.run_json("--samples", "3")["suites"][0]["parts"]
        again = json.loads(self.eval("grade", "--json", "last").stdout)["suites"][0]["parts"]
        self.assertEqual(before[0]["answers"], 18)
        self.assertEqual(again, before)

    def test_graded_again_by_a_suite_that_asks_something_else(self):
        """Else a record of a pass could be had for a prompt that nobody was asked."""
        self.provider()
        self.cases(4)
        self.suite()
        self.eval("run", "suite.yaml")
        before = self.lines("results.jsonl")
        self.suite(text=SUITE.replace("What is", "How much is"))
        self.assertIn("cases.jsonl:1: the suite asks something else by now", self.eval("grade", "last", code=2).stderr)
        self.assertEqual(self.lines("results.jsonl"), before)

    def interrupted(self, live, after, *words):
        run = self.begin(*words)
        while len(live.seen) < after:
            time.sleep(0.01)
        run.send_signal(signal.SIGINT)
        out, _ = run.communicate(timeout=20)
        self.assertEqual(run.returncode, 3, out)
        return out

    def slow(self, seconds):
        def answer(conn, head, body, n):
            time.sleep(seconds)
            conn.sendall(right(question_of(body)))
        return self.provider(answer)

    def test_an_interrupted_run_is_shown_with_what_there_is(self):
        live = self.slow(0.05)
        self.cases(40)
        self.suite()
        self.interrupted(live, 16)
        done = self.eval("show", "last", code=1)
        self.assertIn("INCOMPLETE", done.stdout)

    def test_what_an_interrupted_call_cost_counts(self):
        """A provider bills what it was asked, whether anybody waits for the answer or not."""
        live = self.slow(0.4)
        self.cases(4)
        self.suite(text=SUITE.replace("  model: m\n", "  model: m\n  max_tokens: 5\n"))
        self.interrupted(live, 4, "--concurrency", "4")
        lines = self.lines("answers.jsonl")
        self.assertEqual([line["error"] for line in lines], ["canceled"] * 4)
        lost = sum(line["cost_usd"] for line in lines)
        self.assertGreater(lost, 4 * 20e-6)
        part = self.run_json()["suites"][0]["parts"][0]
        self.assertAlmostEqual(part["spent_usd"], lost + 4 * 30e-6, 9)
        self.assertEqual(part["successes"], 4)

    def test_waiting_for_dollars_is_no_latency(self):
        self.slow(0.2)
        self.cases(12)
        self.suite(text=SUITE.replace("  model: m\n", "  model: m\n  max_tokens: 5\n"))
        part = self.run_json("--spend", "0.00042", "--concurrency", "12")["suites"][0]["parts"][0]
        self.assertEqual(part["live"], 12)
        self.assertLess(part["p95_ms"]["value"], 390)  # four of them waited for others, 200 ms

    def test_what_turns_out_dearer_stops_the_run_before_its_limit(self):
        """A call of 48 reckoned micro-dollars costs 4000: the first eight tell it."""
        def dear(conn, head, body, n):
            time.sleep(0.05 * random.random())  # those that were reckoned early are under way for long
            conn.sendall(whole(chat("2", tokens=(2000, 1000))))
        live = self.provider(dear)
        self.cases(60)
        self.suite(text=SUITE.replace("  model: m\n", "  model: m\n  max_tokens: 5\n"))
        self.eval("run", "--spend", "0.05", "suite.yaml", code=1)
        self.assertLessEqual(len(live.seen) * 0.004, 0.05)
        self.assertGreaterEqual(len(live.seen), 9)

    def test_no_answer_is_paid_for_before_all_names_are_known(self):
        live = self.provider()
        self.suite(text=SUITE.replace("  model: m\n", '  model: "{{model}}"\n'))
        lines = [{"id": str(i), "question": "1 plus 1", "answer": "2", "model": "m" if i < 5 else "lane/none"}
                 for i in range(6)]
        self.write("cases.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
        self.assertIn("cases.jsonl:6: ", self.eval("run", "suite.yaml", code=2).stderr)
        self.suite("  - {kind: rubric, judge: lane/nobody}\n")
        self.assertIn("grader rubric: ", self.eval("run", "suite.yaml", code=2).stderr)
        self.assertEqual(live.seen, [])

    def test_other_samples_are_another_run(self):
        live = self.slow(0.05)
        self.cases(20)
        self.suite()
        self.interrupted(live, 10, "--samples", "3")
        verdict = self.run_json()["suites"][0]
        self.assertEqual(verdict["parts"][0]["answers"], 20)
        facts = [json.load(open(path, encoding="utf-8")) for path in glob.glob(self.path("runs/suite/*/run.json"))]
        self.assertEqual(sorted((one["samples"], one["complete"]) for one in facts), [(1, True), (3, False)])

    def test_two_at_once_do_not_write_the_same_answers(self):
        done = threading.Event()

        def held(conn, head, body, n):
            done.wait(60)
            conn.sendall(right(question_of(body)))
        live = self.provider(held)
        self.cases(60)
        self.suite()
        first = self.begin()
        while len(live.seen) < 8:
            time.sleep(0.01)
        self.assertIn("another run writes runs/suite/", self.eval("run", "suite.yaml", code=3).stderr)
        self.assertIn("another run writes runs/suite/", self.eval("grade", "last", code=3).stderr)
        done.set()
        out, _ = first.communicate(timeout=30)
        self.assertEqual(first.returncode, 0, out)
        self.assertEqual(len(self.lines("answers.jsonl")), 60)
        self.assertEqual(len(live.seen), 60)
        self.assertIn("suite.yaml is named twice", self.eval("run", "suite.yaml", "suite.yaml", code=2).stderr)


class Many(Eval):
    def setUp(self):
        super().setUp()
        self.write("sluice.yaml", RECORDED)
        self.suite()

    def test_every_case_has_a_tag_of_its_own(self):
        """What is worked out for a tag takes the room and the time of its cases, not of all."""
        n = 4000
        self.cases(n)
        self.recorded(n)
        self.write("cases.jsonl", "".join(
            json.dumps({"id": f"q{i}", "question": f"{i} plus {i}", "answer": str(2 * i), "tags": [f"t{i}", f"t{i}"]})
            + "\n" for i in range(n)))
        run = subprocess.Popen([SLUICE, "eval", "run", "--json", "suite.yaml"], cwd=self.folder,
                               stdout=subprocess.PIPE)
        parts = json.loads(run.stdout.read())["suites"][0]["parts"]
        _, _, usage = os.wait4(run.pid, 0)
        run.returncode = 0
        run.stdout.close()
        self.assertEqual([(part["tag"], part["cases"]) for part in parts],
                         [(None, n), *sorted((f"t{i}", 1) for i in range(n))])
        if os.environ.get("SLUICE_SLOWDOWN", "1") == "1":  # sanitizers take more
            self.assertLess(usage.ru_maxrss, 200 * 1024)

    def test_thousands_of_runs_are_no_burden(self):
        self.cases(3)
        self.recorded(3)
        self.eval("run", "suite.yaml")
        [path] = glob.glob(self.path("runs/suite/*/run.json"))
        with open(path, encoding="utf-8") as file:
            facts = json.load(file)
        for i in range(4500):
            self.write(f"runs/suite/r{i}/run.json", json.dumps({**facts, "id": f"r{i}"}))
        self.eval("run", "suite.yaml")
        self.assertEqual(len(json.loads(self.eval("list", "--json").stdout)["runs"]), 4502)


class Shown(Eval):
    def setUp(self):
        super().setUp()
        self.write("sluice.yaml", RECORDED)

    def test_a_mean_that_is_the_bar_meets_it(self):
        """Ten times a tenth, added up, is a little less than one."""
        self.suite(text=SUITE.replace(
            "  - {kind: exact, expected: \"{{answer}}\"}",
            "  - {kind: exact, expected: \"{{answer}}\", weight: 0.1}\n"
            "  - {kind: exact, name: never, expected: never, weight: 0.9}") + "bar: {quality: 10%}\n")
        self.cases(10)
        self.recorded(10)
        self.assertEqual(self.run_json()["suites"][0]["bar"][0]["state"], "met")

    def test_reports_are_xml_whatever_a_model_says(self):
        self.suite()
        self.write("cases.jsonl", json.dumps({"id": "a\uffff\ufffe<&\">", "question": "1 plus 1", "answer": "3"}) + "\n")
        self.write("recorded.jsonl", json.dumps({"answer": "\x00\x1b[31m\ufffe\U0001f600\r\n]]>"}) + "\n")
        self.eval("run", "--junit", "out.xml", "suite.yaml")
        [case] = ElementTree.parse(self.path("out.xml")).getroot().iter("testcase")
        self.assertEqual(case.get("name"), "a??<&\">")

    def test_a_terminal_that_is_full_is_told(self):
        self.suite()
        self.cases(2)
        self.recorded(2)
        self.eval("run", "suite.yaml")
        for words in (["show", "last"], ["show", "--json", "last"], ["list"], ["list", "--json"]):
            with open("/dev/full", "w", encoding="utf-8") as full:
                done = subprocess.run([SLUICE, "eval", *words], cwd=self.folder, stdout=full, stderr=subprocess.PIPE,
                                      encoding="utf-8", check=False)
            self.assertEqual((words, done.returncode), (words, 3))
            self.assertIn("No space left on device", done.stderr)

    def test_what_an_answer_says_is_only_its_owners(self):
        self.suite()
        self.cases(2)
        self.recorded(2)
        self.eval("run", "suite.yaml")
        for name in ("answers.jsonl", "results.jsonl"):
            [path] = glob.glob(self.path("runs/suite/*/" + name))
            self.assertEqual(os.stat(path).st_mode & 0o077, 0, name)

    def test_a_mistake_in_the_configuration_is_not_a_bar_missed(self):
        self.suite()
        self.cases(2)
        self.recorded(2)
        self.write("sluice.yaml", RECORDED.replace("kind: recorded", "kind: recordet"))
        self.assertIn("sluice.yaml:", self.eval("run", "suite.yaml", code=2).stderr)
