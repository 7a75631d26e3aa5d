"""A run from its command to its files: asked, kept, graded, judged, broken off and gone on with."""
import json
import os
import random
import signal
import sqlite3
import subprocess
import threading
import time

from program import ROOT, SLUICE
from place import LIVE, RECORDED, SUITE, Eval, chat, question_of
from world import reset, status, whole


class Verdicts(Eval):
    def setUp(self):
        super().setUp()
        self.write("sluice.yaml", RECORDED)
        self.suite("bar: {quality: 80%}\n")

    def test_figures_are_those_of_the_file(self):
        self.cases(100)
        self.recorded(100, wrong=lambda i: i % 10 == 0)
        verdict = self.run_json()["suites"][0]
        everything, even, odd = verdict["parts"]
        self.assertEqual((everything["tag"], even["tag"], odd["tag"]), (None, "even", "odd"))
        self.assertEqual(everything["quality"]["value"], 0.9)
        self.assertAlmostEqual(everything["quality"]["low"], 0.8256, 3)  # Wilson of 90 of 100
        self.assertAlmostEqual(everything["quality"]["high"], 0.9448, 3)
        self.assertEqual((even["quality"]["value"], odd["quality"]["value"]), (0.8, 1.0))
        self.assertEqual((everything["input_tokens"], everything["output_tokens"]), (2000, 500))
        self.assertAlmostEqual(everything["spent_usd"], 100 * (20 * 1 + 5 * 2) / 1e6, 9)
        self.assertAlmostEqual(everything["usd_per_success"]["value"], 100 * 30e-6 / 90, 12)
        self.assertEqual(everything["p95_ms"]["value"], None)  # a recording is not live
        self.assertTrue(verdict["pass"])
        self.assertEqual(verdict["bar"][0]["state"], "met")
        results = {line["case"]: line for line in self.lines("results.jsonl")}
        self.assertEqual({case for case, line in results.items() if not line["pass"]},
                         {f"q{i}" for i in range(0, 100, 10)})
        self.assertEqual(results["q0"]["grades"][0]["got"], "no idea")

    def test_under_the_bar_is_1(self):
        self.cases(20)
        self.recorded(20, wrong=lambda i: i < 5)
        done = self.eval("run", "suite.yaml", code=1)
        self.assertIn("quality           at least 80.0 %: missed, with 75.0 %", done.stdout)
        self.assertTrue(done.stdout.endswith("FAIL\n"))

    def test_certain_asks_for_the_interval(self):
        self.suite("bar: {quality: 80%, certain: on}\n")
        self.cases(20)
        self.recorded(20, wrong=lambda i: i < 2)
        bar = self.run_json(code=1)["suites"][0]["bar"][0]
        self.assertEqual(bar["state"], "not known")
        self.assertIn("more cases would tell", bar["why"])

    def test_against_a_baseline_of_other_cases(self):
        self.cases(40)
        self.recorded(40, wrong=lambda i: i in (1, 2, 3))
        first = self.run_json()["suites"][0]["run"]["id"]
        self.cases(50)
        with open(self.path("cases.jsonl"), encoding="utf-8") as file:
            lines = [json.loads(line) for line in file]
        lines[0]["note"] = "the same id, other content"
        self.write("cases.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
        self.recorded(50, wrong=lambda i: i in (3, 4))
        part = self.run_json("--baseline", first)["suites"][0]["parts"][0]["against"]
        self.assertEqual((part["common"], part["only_run"], part["only_baseline"]), (39, 11, 1))
        self.assertEqual((part["gained"], part["lost"], part["neither"]), (2, 1, 1))
        self.assertEqual(part["mcnemar_p"], 1.0)
        self.assertAlmostEqual(part["difference"]["value"], 1 / 39, 9)
        self.assertFalse(part["not_worse"])
        shown = self.eval("show", "--baseline", first, "last")
        self.assertIn("only the 39 common cases are compared (11 are new or changed, 1 gone)", shown.stdout)
        self.assertRegex(shown.stdout, r"a drop of 4 points would go unseen.*\(that drop is twice the margin\)")

    def test_worse_than_the_baseline_fails_where_the_bar_says_so(self):
        self.cases(60)
        self.recorded(60)
        good = self.run_json()["suites"][0]["run"]["id"]
        self.recorded(60, wrong=lambda i: i < 10)
        self.assertIn("not worse by 2 points: not shown",
                      self.eval("run", "--baseline", good, "suite.yaml").stdout)
        self.suite("bar: {quality: 80%, not_worse: on}\n")
        done = self.eval("run", "--baseline", good, "suite.yaml", code=1)
        self.assertIn("not_worse         at least -2.0 points: missed, with -16.7 points", done.stdout)
        bar = self.run_json(code=1)["suites"][0]["bar"][1]
        self.assertEqual((bar["name"], bar["state"], bar["at_least"]), ("not_worse", "not known", -0.02))
        self.assertIn("there is no baseline", bar["why"])

    def test_not_worse_is_met_where_it_is_shown(self):
        self.cases(60)
        self.recorded(60, wrong=lambda i: i < 2)
        good = self.run_json()["suites"][0]["run"]["id"]
        self.suite("margin: 10%\nbar: {not_worse: on}\n")
        verdict = self.run_json("--baseline", good)["suites"][0]
        self.assertEqual([b["state"] for b in verdict["bar"]], ["met"])
        self.assertTrue(verdict["pass"])
        self.assertTrue(json.loads(self.eval("grade", "--json", "--baseline", good, "last").stdout)["pass"])
        self.suite("margin: 1%\nbar: {not_worse: on}\n")
        verdict = self.run_json("--baseline", good, code=1)["suites"][0]
        self.assertEqual(verdict["bar"][0]["why"], "the cases are too few to show it")

    def test_holm_over_several_suites(self):
        self.cases(60)
        self.recorded(60, wrong=lambda i: i < 8)
        self.write("other.yaml", SUITE)
        self.eval("run", "suite.yaml", "other.yaml")
        self.recorded(60)
        done = self.eval("run", "--json", "--baseline", "last", "suite.yaml", "other.yaml")
        parts = [suite["parts"][0]["against"] for suite in json.loads(done.stdout)["suites"]]
        for part in parts:
            self.assertAlmostEqual(part["mcnemar_p"], 2 / 2 ** 8)
            self.assertAlmostEqual(part["holm_p"], 4 / 2 ** 8)

    def test_samples_show_what_is_flaky(self):
        self.cases(10)
        self.recorded(10, wrong=lambda i: False)
        self.recorded(10, wrong=lambda i: i == 3, name="more.jsonl")
        with open(self.path("more.jsonl"), encoding="utf-8") as more, \
                open(self.path("recorded.jsonl"), "a", encoding="utf-8") as file:
            file.write(more.read())
        part = self.run_json("--samples", "4")["suites"][0]["parts"][0]
        self.assertEqual((part["answers"], part["repeated"], part["flaky"]), (40, 10, 1))
        self.assertAlmostEqual(part["quality"]["value"], 38 / 40)

    def test_graders_for_some_of_the_cases(self):
        self.cases(4)
        self.recorded(4)
        with open(self.path("cases.jsonl"), "a", encoding="utf-8") as file:
            file.write(json.dumps({"id": "words", "question": "0 plus 0", "word": "0"}) + "\n")
        both = SUITE.replace("  - {kind: exact, expected: \"{{answer}}\"}",
                             "  - {kind: exact, where: answer, expected: \"{{answer}}\"}\n"
                             "  - {kind: exact, where: word, name: word, expected: \"{{word}}\"}")
        self.suite(text=both)
        self.assertEqual(self.run_json()["suites"][0]["parts"][0]["quality"]["value"], 1.0)
        grades = {line["case"]: line["grades"] for line in self.lines("results.jsonl")}
        self.assertEqual(grades["words"][0], {"grader": "exact", "skipped": True})
        self.assertTrue(grades["words"][1]["pass"])
        self.suite(text=both.replace("where: word", "where: wrod"))
        self.assertIn("cases.jsonl:5: no grader with a weight is for this case",
                      self.eval("run", "suite.yaml", code=2).stderr)

    def test_what_failed_is_named(self):
        self.cases(40)
        self.recorded(40, wrong=lambda i: i < 12)
        self.suite(text=SUITE + "  - {kind: regex, name: digits, pattern: '[0-9]'}\n")
        done = self.eval("run", "suite.yaml")
        self.assertIn("  exact             score 70.0 %, 28 of 40 passed\n"
                      "  digits            score 70.0 %, 28 of 40 passed\n", done.stdout)
        self.assertIn("  q0: exact: took no idea", done.stdout)
        self.assertIn("  q9: exact: took no idea", done.stdout)
        self.assertNotIn("  q10: ", done.stdout)
        self.assertIn("  2 more; --html shows them with their answers\n", done.stdout)
        [folder] = os.listdir(self.path("runs/suite"))
        self.assertIn(f"\nkept in runs/suite/{folder}\nPASS", done.stdout)
        told = json.loads(self.eval("show", "--json", "last").stdout)["suites"][0]
        self.assertEqual([(g["grader"], g["score"], g["graded"], g["passed"]) for g in told["by_grader"]],
                         [("exact", 0.7, 40, 28), ("digits", 0.7, 40, 28)])

    def junit(self, *words, code=0):
        from xml.etree import ElementTree
        self.eval(*words, "--junit", "out.xml", "suite.yaml" if words == ("run",) else "last", code=code)
        suite = ElementTree.parse(self.path("out.xml")).getroot().find("testsuite")
        counts = tuple(int(suite.get(name)) for name in ("tests", "failures", "errors", "skipped"))
        self.assertEqual(counts[1:], tuple(len(suite.findall(f"testcase/{name}"))
                                           for name in ("failure", "error", "skipped")))
        return suite, counts

    def test_junit_is_xml_with_each_case(self):
        self.cases(20)
        self.recorded(20, wrong=lambda i: i < 2)
        self.suite()
        self.assertEqual(self.junit("run")[1], (20, 2, 0, 0))

    def test_junit_is_red_by_the_bar(self):
        self.cases(20)
        self.recorded(20, wrong=lambda i: i < 2)
        suite, counts = self.junit("run")
        self.assertEqual(counts, (21, 0, 0, 2))
        self.assertIn("it failed, and the bar decides", suite.find("testcase/skipped").get("message"))
        self.suite("bar: 95%\n")
        suite, counts = self.junit("show", code=1)
        self.assertEqual(counts, (21, 1, 0, 2))
        self.assertEqual(suite.find("testcase/failure/..").get("name"), "bar: quality")

    def test_graded_again_costs_nothing(self):
        self.cases(10)
        self.recorded(10, wrong=lambda i: i == 0)
        self.run_json()
        self.suite(text=SUITE.replace("exact, expected: \"{{answer}}\"", "exact, expected: \"no idea\""))
        os.remove(self.path("recorded.jsonl"))
        self.write("recorded.jsonl", "")
        done = json.loads(self.eval("grade", "--json", "last").stdout)
        self.assertEqual(done["suites"][0]["parts"][0]["quality"]["value"], 0.1)

    def test_grading_without_a_judge_needs_no_configuration(self):
        self.cases(10)
        self.recorded(10, wrong=lambda i: i == 0)
        self.run_json()
        os.remove(self.path("sluice.yaml"))
        done = json.loads(self.eval("grade", "--json", "last").stdout)
        self.assertEqual(done["suites"][0]["parts"][0]["quality"]["value"], 0.9)
        self.suite("  - {kind: rubric, judge: m}\n", text=SUITE)
        self.assertIn("there is no configuration", self.eval("grade", "last", code=3).stderr)

    def test_a_name_that_may_be_misspelt(self):
        self.cases(3)
        self.recorded(3)
        self.recorded(3, name="other.jsonl", model="asistant")
        self.write("sluice.yaml", RECORDED.replace("recorded.jsonl", "other.jsonl")
                   + "models: {assistant: {is: rec/asistant}}\n")
        for name, warned in (("asistant", True), ("assistant", False), ("rec/asistant", False)):
            self.suite(text=SUITE.replace("model: m", f"model: {name}"))
            said = self.eval("run", "suite.yaml").stderr
            self.assertEqual("warning: suite: `asistant` is no name of the configuration "
                             "(did you mean `assistant`?); the provider rec gets it" in said, warned)
        self.write("sluice.yaml", RECORDED)  # a name with a price is nobody's slip
        self.suite()
        self.assertEqual(self.eval("run", "suite.yaml").stderr, "")

    def test_what_has_no_price_is_named(self):
        self.write("sluice.yaml", RECORDED.split("prices")[0])
        self.cases(3)
        self.recorded(3)
        done = self.eval("run", "suite.yaml")
        self.assertIn("3 of 3 cases have a cost that is not known", done.stdout)
        self.assertIn("  prices: {rec/m: {input: 1, output: 2}} ", done.stdout)

    def test_runs_are_listed_with_their_verdicts(self):
        self.cases(10)
        self.recorded(10, wrong=lambda i: i == 0)
        self.run_json()
        self.recorded(10, wrong=lambda i: i < 4)
        self.run_json(code=1)
        listed = json.loads(self.eval("list", "--json").stdout)["runs"]
        self.assertEqual([(run["verdict"], run["score"]) for run in listed], [("pass", 0.9), ("fail", 0.6)])
        self.suite("bar: {quality: 50%}\n")
        self.eval("grade", "last")
        self.assertRegex(self.eval("list").stdout, r"pass +60\.0 ?%")

    def test_answers_are_played_back(self):
        """What a run has kept is what the provider `recorded` plays."""
        self.cases(10)
        self.recorded(10, wrong=lambda i: i == 4)
        run = self.run_json()["suites"][0]["run"]
        os.rename(os.path.join(self.folder, run["folder"], "answers.jsonl"), self.path("played.jsonl"))
        self.write("sluice.yaml", RECORDED.replace("recorded.jsonl", "played.jsonl"))
        part = self.run_json("--baseline", run["id"])["suites"][0]["parts"][0]
        self.assertEqual((part["against"]["common"], part["against"]["gained"], part["against"]["lost"]),
                         (10, 0, 0))


class Size(Eval):
    def test_ten_thousand_recorded_cases(self):
        """On one core, in under ten seconds and 200 MB."""
        self.write("sluice.yaml", RECORDED)
        self.cases(10_000)
        self.recorded(10_000, wrong=lambda i: i % 10 == 0)
        self.suite()
        began = time.monotonic()
        run = subprocess.Popen([SLUICE, "eval", "run", "--json", "suite.yaml"], cwd=self.folder,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, encoding="utf-8",
                               preexec_fn=lambda: os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}))
        out = run.stdout.read()
        _, code, usage = os.wait4(run.pid, 0)
        run.returncode = code
        seconds = time.monotonic() - began
        self.assertEqual(json.loads(out)["suites"][0]["parts"][0]["quality"]["value"], 0.9)
        slower = float(os.environ.get("SLUICE_SLOWDOWN", "1"))
        self.assertLess(seconds, 10 * slower)
        if slower == 1:
            self.assertLess(usage.ru_maxrss, 200 * 1024)
        print(f"10,000 cases: {seconds:.1f} s, {usage.ru_maxrss // 1024} MB")


class Tables(Eval):
    def test_the_reference_is_current(self):
        with open(os.path.join(ROOT, "docs", "suites.md"), encoding="utf-8") as file:
            self.assertEqual(self.eval("check", "--reference").stdout, file.read(),
                             "run: build/sluice eval check --reference > docs/suites.md")

    def test_a_suite_is_checked_without_asking(self):
        self.cases(20)
        self.suite()
        self.assertIn("suite: 20 cases, 1 grader, 2 tags: no mistakes found", self.eval("check", "suite.yaml").stdout)
        told = json.loads(self.eval("check", "--json", "suite.yaml").stdout)
        self.assertEqual((told["cases"], told["graders"], told["tags"]), (20, ["exact"], ["even", "odd"]))
        self.assertEqual(json.loads(self.eval("check", "--schema").stdout)["required"], ["cases", "request", "graders"])
        self.suite(text=SUITE.replace("{{answer}}", "{{anser}}"))
        self.assertIn('did you mean "answer"?', self.eval("check", "suite.yaml", code=2).stderr)

    def test_graders_are_listed(self):
        kinds = json.loads(self.eval("graders", "--json").stdout)["graders"]
        listed = self.eval("graders").stdout
        for kind in kinds:
            self.assertRegex(listed, rf"(?m)^{kind['kind']} +\S")
            self.assertNotIn("kind", kind["settings"])
            self.assertLessEqual(set(kind["needs"]), set(kind["settings"]))
        self.assertIn("settings: expected (needed), tolerance\n", listed)


class Mistakes(Eval):
    """Each is told with its file and line, and nothing is asked."""

    def setUp(self):
        super().setUp()
        self.live = self.provider()
        self.cases(3)

    def wrong(self, said, code=2, words=(), suite=None):
        if suite is not None:
            self.suite(text=suite)
        done = self.eval("run", *words, "suite.yaml", code=code)
        for words in [said] if isinstance(said, str) else said:
            self.assertIn(words, done.stderr)
        self.assertEqual(self.live.seen, [])

    def test_a_case_without_its_field(self):
        self.write("cases.jsonl", '{"id": 1, "question": "1 plus 1", "answer": "2"}\n{"id": 2, "queston": "x"}\n')
        self.wrong('cases.jsonl:2: the case has no field "question"; did you mean "queston"?', suite=SUITE)

    def test_a_grader_on_the_wrong_type(self):
        self.write("cases.jsonl", '{"id": 1, "question": "1 plus 1", "answer": {"x": 2}}\n')
        self.wrong("cases.jsonl:1: grader exact: ", suite=SUITE)

    def test_what_a_grader_lacks_or_has_no_use_for(self):
        self.wrong("suite.yaml:9:5: error: graders[0]: the grader exact needs the setting expected",
                   suite=SUITE.replace(', expected: "{{answer}}"', ""))
        self.wrong("the grader exact has no use for this setting",
                   suite=SUITE.replace("exact,", "exact, votes: 3,"))
        self.wrong("did you mean 'exact'", suite=SUITE.replace("exact", "exat"))

    def test_an_empty_suite_is_an_error(self):
        self.write("cases.jsonl", "\n")
        self.wrong("has no case", suite=SUITE)

    def test_lines_that_are_no_objects(self):
        for line in ("[1]", "{", "7"):
            self.write("cases.jsonl", '{"id": 1, "question": "1 plus 1", "answer": "2"}\n' + line + "\n")
            self.wrong("cases.jsonl:2: ", suite=SUITE)

    def test_the_same_case_twice(self):
        self.write("cases.jsonl", '{"id": "a", "question": "1 plus 1", "answer": "2"}\n' * 2)
        self.wrong('cases.jsonl:2: the case "a" stands already in', suite=SUITE)

    def test_a_stream_is_not_asked_for(self):
        self.wrong("leave stream out", suite=SUITE.replace("  model: m\n", "  model: m\n  stream: true\n"))

    def test_a_model_that_nobody_has(self):
        self.wrong("lane/none", suite=SUITE.replace("model: m", "model: lane/none"))

    def test_files_that_are_not_there(self):
        self.wrong("nothing.jsonl cannot be read: No such file", code=3,
                   suite=SUITE.replace("cases.jsonl", "nothing.jsonl"))
        self.eval("run", "no.yaml", code=3)
        done = self.eval("show", "last", code=3)
        self.assertIn("`sluice eval run` makes one", done.stderr)

    def test_a_run_that_was_edited_or_is_of_another_version(self):
        self.suite()
        self.eval("run", "suite.yaml")
        self.live.seen.clear()
        [name] = os.listdir(self.path("runs/suite"))
        path = f"runs/suite/{name}/results.jsonl"
        with open(self.path(path), encoding="utf-8") as file:
            text = file.read()
        self.write(path, text.replace('"graded"', '"gradet"', 1))
        self.assertIn(f"{path}:1: this is no result of a run", self.eval("show", name, code=2).stderr)
        with open(self.path(f"runs/suite/{name}/run.json"), encoding="utf-8") as file:
            text = file.read()
        self.write(f"runs/suite/{name}/run.json", text.replace('"version": 1', '"version": 9'))
        done = self.eval("show", f"runs/suite/{name}", code=2)
        self.assertIn("run.json:1: it is of version 9, and this program reads 1", done.stderr)
        self.assertIn("1 more cannot be read: ", self.eval("list").stderr)
        self.eval("run", "suite.yaml")  # one bad run does not take the others away
        self.assertEqual(len(json.loads(self.eval("list", "--json").stdout)["runs"]), 1)


class Live(Eval):
    def test_every_case_errs(self):
        self.provider(status("500 No"))
        self.cases(3)
        self.suite("tries: 1\n")
        verdict = self.run_json(code=1)["suites"][0]
        self.assertFalse(verdict["pass"])
        self.assertEqual(verdict["parts"][0]["errors"], 3)
        self.assertEqual({line["error"] for line in self.lines("results.jsonl")}, {"upstream_unavailable"})

    def test_the_commonest_reasons_are_told(self):
        def partly(conn, head, body, n):
            number = int(question_of(body).split()[2])
            if number % 2:
                return status("500 No")(conn, head, body, n)
            if number == 4:
                return status("400 Bad Request", b'{"error":{"message":"none of that"}}')(conn, head, body, n)
            if number > 5:  # the same but for its number
                return status("400 Bad Request", b'{"error":{"message":"request %d is too long"}}' % number)(
                    conn, head, body, n)
            conn.sendall(whole(chat(str(2 * number))))
            return None
        self.provider(partly)
        self.cases(12)
        self.suite("tries: 1\n")
        done = self.eval("run", "--concurrency", "1", "suite.yaml")
        self.assertRegex(done.stdout, r"no answer, or no grade\n  6: upstream_unavailable: .*\(case q1\)\n"
                                      r"  3: upstream_error: .*request 6 is too long.*\(case q6\)\n"
                                      r"  1: upstream_error: .*none of that.*\(case q4\)\n")
        self.assertIn("of 12 answers 10 are errors and 0 have no grade", done.stdout)
        told = json.loads(self.eval("show", "--json", "last").stdout)["suites"][0]
        self.assertEqual([(r["count"], r["error"], r["case"]) for r in told["reasons"]],
                         [(6, "upstream_unavailable", "q1"), (3, "upstream_error", "q6"), (1, "upstream_error", "q4")])

    def test_a_run_ends_where_all_fail_alike(self):
        live = self.provider(status("404 Not Found"))
        self.cases(60)
        self.suite("tries: 1\n")
        done = self.eval("run", "suite.yaml", code=1)
        self.assertIn("the first 10 answers all came to nothing in the same way", done.stderr)
        self.assertIn("upstream_error: ", done.stderr)
        self.assertRegex(done.stderr, r"suite: 1\d of 60 answers are kept in runs/suite/")
        self.assertLess(len(live.seen), 20)
        done = self.eval("run", "--keep-going", "suite.yaml", code=1)
        self.assertIn("  60: upstream_error: ", done.stdout)
        self.assertGreaterEqual(len(live.seen), 60)

    def test_what_may_pass_is_tried_again(self):
        def flaky(conn, head, body, n):
            if n % 3 == 1:
                return reset(conn, head, body, n)
            conn.sendall(whole(chat(str(2 * int(question_of(body).split()[2])))))
            return None
        self.provider(flaky)
        self.cases(12)
        self.suite()
        self.assertEqual(self.run_json()["suites"][0]["parts"][0]["quality"]["value"], 1.0)

    def test_turns_are_in_the_ledger_and_live_ones_have_a_latency(self):
        self.provider()
        self.cases(30)
        self.suite()
        part = self.run_json()["suites"][0]["parts"][0]
        self.assertEqual(part["live"], 30)
        self.assertGreater(part["p95_ms"]["value"], 0)
        db = sqlite3.connect(self.path("ledger.db"))
        rows = db.execute("SELECT key, tags, COUNT(*), SUM(cost_usd_nanos) FROM turns GROUP BY 1, 2").fetchall()
        db.close()
        self.assertEqual(rows, [("eval", "eval:suite", 30, 30 * 30_000)])
        answer = self.lines("answers.jsonl")[0]
        self.assertEqual((answer["purpose"], answer["live"], answer["calls"]), ("answer", True, 1))

    def test_the_exact_request_that_went_upstream_is_kept(self):
        live = self.provider()
        self.write("sluice.yaml", LIVE % live.port + "models: {house: {is: live/m, params: {top_p: 0.5}}}\n")
        self.cases(5)
        self.suite(text=SUITE.replace("model: m", "model: house"))
        self.run_json()
        sent = sorted(line["sent"] for line in self.lines("answers.jsonl"))
        self.assertEqual(sent, sorted(body.decode() for _, body in live.seen))
        self.assertIn('"top_p":0.5', sent[0])

    def test_a_run_stops_before_it_passes_what_it_may_cost(self):
        live = self.provider()
        self.cases(50)
        self.suite(text=SUITE.replace("  model: m\n", "  model: m\n  max_tokens: 5\n"))
        done = self.eval("run", "--spend", "0.001", "suite.yaml", code=1)  # 30 micro-dollars each
        self.assertIn("more than the 0.001000 that the run may cost. With a higher limit", done.stderr)
        self.assertRegex(done.stdout, r"(?m)^INCOMPLETE: \d+ of 50 answers are missing")
        self.assertLessEqual(len(live.seen) * 30e-6, 0.001)
        self.assertGreater(len(live.seen) * 30e-6, 0.0008)
        before = len(live.seen)
        self.assertIn("going on with run", self.eval("run", "--spend", "1", "suite.yaml").stderr)
        self.assertEqual(len(live.seen), 50)
        self.assertGreater(before, 0)

    def test_no_limit_of_dollars_without_a_price(self):
        live = self.provider()
        self.write("sluice.yaml", LIVE.split("prices")[0] % live.port)
        self.cases(3)
        self.suite()
        done = self.eval("run", "--spend", "1", "suite.yaml", code=1)
        self.assertIn("live/m has no price", done.stderr)
        self.assertEqual(live.seen, [])
        part = self.run_json()["suites"][0]["parts"][0]
        self.assertEqual((part["unpriced"], part["usd_per_success"]["value"]), (3, None))

    def test_concurrency_is_bounded(self):
        under_way, most, lock = [0], [0], threading.Lock()

        def slow(conn, head, body, n):
            with lock:
                under_way[0] += 1
                most[0] = max(most[0], under_way[0])
            time.sleep(0.02)
            with lock:
                under_way[0] -= 1
            conn.sendall(whole(chat("1")))
        self.provider(slow)
        self.cases(40)
        self.suite("bar: {quality: 0}\n")
        self.run_json("--concurrency", "5")
        self.assertEqual(most[0], 5)

    def test_an_interrupted_run_goes_on(self):
        def slow(conn, head, body, n):
            time.sleep(0.05)
            conn.sendall(whole(chat(str(2 * int(question_of(body).split()[2])))))
        live = self.provider(slow)
        self.cases(60)
        self.suite()
        run = self.begin()
        while len(live.seen) < 20:
            time.sleep(0.01)
        run.send_signal(signal.SIGINT)
        out, _ = run.communicate(timeout=20)
        self.assertEqual(run.returncode, 3, out)
        self.assertIn("the same command goes on from here", out)
        self.assertEqual(self.run_json()["suites"][0]["parts"][0]["quality"]["value"], 1.0)
        self.assertLessEqual(len(live.seen), 60 + 8)  # but for those under way

    def test_killed_ten_times(self):
        """No answer is lost, and none that was kept is asked for again."""
        cases, concurrency, kills = 1000, 8, 10
        lock, asked, answered = threading.Lock(), {}, {}

        def slow(conn, head, body, n):
            question = question_of(body)
            with lock:
                asked[question] = asked.get(question, 0) + 1
            time.sleep(0.004)
            conn.sendall(whole(chat(str(2 * int(question.split()[2])))))
            with lock:
                answered[question] = answered.get(question, 0) + 1
        self.provider(slow)
        self.cases(cases)
        self.suite()
        chance = random.Random(7)
        for _ in range(kills):
            with lock:
                before = sum(asked.values())
            run = self.begin("--concurrency", str(concurrency))
            goal = before + chance.randint(20, 90)
            while run.poll() is None:
                with lock:
                    if sum(asked.values()) >= goal:
                        break
                time.sleep(0.001)
            run.kill()
            run.communicate(timeout=20)
            self.assertEqual(run.returncode, -signal.SIGKILL)
            time.sleep(0.05)  # what was under way is told to the provider's side
        verdict = self.run_json("--concurrency", str(concurrency))["suites"][0]
        self.assertTrue(verdict["complete"])
        self.assertEqual(verdict["parts"][0]["quality"]["value"], 1.0)
        lines = self.lines("answers.jsonl")
        self.assertEqual(len(lines), cases)
        self.assertEqual(len({line["key"] for line in lines}), cases)
        repeated = sum(asked.values()) - cases
        self.assertLessEqual(repeated, kills * concurrency)
        self.assertEqual(len(asked), cases)
