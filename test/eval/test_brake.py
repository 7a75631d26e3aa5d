"""From a run to the brake: what is recorded, and what that lets through."""
import json
import os
import re
import shlex

from place import LIVE, RECORDED, SUITE, Eval, chat, question_of
from world import whole

EVALS = "evals: {suites: [suite.yaml]}\n"


class Brake(Eval):
    def setUp(self):
        super().setUp()
        self.write("sluice.yaml", RECORDED + EVALS)
        self.suite("bar: {quality: 80%}\n")
        self.cases(20)
        self.recorded(20)
        self.recorded(20, wrong=lambda i: i < 5, name="worse.jsonl")

    def records(self):
        path = os.path.join(self.folder, "sluice.evals.jsonl")
        if not os.path.exists(path):
            return []
        with open(path, encoding="utf-8") as file:
            return [json.loads(line) for line in file]

    def apply(self, code, *words):
        done = self.sluice("apply", *words)
        self.assertEqual(done.returncode, code, (done.stdout, done.stderr))
        return done.stdout

    def test_the_command_that_a_refusal_names_gets_it_through(self):
        said = self.apply(1)
        self.assertIn("to get it through: sluice eval run --config sluice.yaml\n", said)
        done = self.eval("run", "--config", "sluice.yaml")
        self.assertIn("passed, recorded in sluice.evals.jsonl", done.stderr)
        self.assertIn("its suites have passed for it", self.apply(0))
        [record] = self.records()
        self.assertEqual((record["verdict"], record["suite_file"], record["cases"], record["quality"],
                          record["bar"]), ("pass", "suite.yaml", 20, 1, "quality >= 80.0 %"))
        self.assertEqual(record["run"], self.eval("list", "--json").stdout and
                         json.loads(self.eval("show", "--json", "last").stdout)
                         ["suites"][0]["run"]["id"])

    def test_a_worse_one_is_held(self):
        self.eval("run")
        self.write("sluice.yaml", RECORDED.replace("recorded.jsonl", "worse.jsonl") + EVALS)
        self.assertIn("suite.yaml: no run of it is recorded", self.apply(1))
        self.eval("run", code=1)
        said = self.apply(1)
        self.assertIn("failed: quality 75.0 %; the bar is quality >= 80.0 %", said)
        self.assertIn("to get it through: mend what failed, or lower its bar, and sluice eval run", said)
        self.apply(0, "--force", "it is so much cheaper")
        self.assertEqual([r.get("verdict", r.get("forced")) for r in self.records()],
                         ["pass", "fail", "it is so much cheaper"])

    def test_another_bar_is_another_suite_and_kept_answers_count(self):
        self.eval("run")
        self.suite("bar: {quality: 70%}\n")
        self.assertIn("but the suite has changed since", self.apply(0))  # as on a new machine
        self.eval("grade", json.loads(self.eval("show", "--json", "last").stdout)
                  ["suites"][0]["run"]["id"])
        self.assertIn("its suites have passed for it", self.apply(0))
        self.assertEqual(len(self.records()), 2)

    def test_the_same_file_written_otherwise_is_the_same(self):
        self.eval("run")
        self.write("sluice.yaml", "# a comment\n" + EVALS + RECORDED + "retry: {attempts: 2}\n")
        self.assertIn("its suites have passed for it", self.apply(0))

    def test_paths_are_those_of_the_configuration(self):
        os.mkdir(os.path.join(self.folder, "conf"))
        self.write("conf/gateway.yaml", RECORDED + "evals: {suites: [../suite.yaml]}\n")
        self.eval("run", "--config", "conf/gateway.yaml", "suite.yaml")
        self.assertEqual(self.records(), [])
        with open(os.path.join(self.folder, "conf", "gateway.evals.jsonl"), encoding="utf-8") as file:
            self.assertEqual(json.loads(file.read())["suite_file"], "../suite.yaml")
        self.apply(0, "conf/gateway.yaml")

    def test_what_is_no_evidence_is_not_recorded(self):
        done = self.eval("run", "--model", "m", "suite.yaml")  # asked for by hand
        self.assertIn("no record for the brake: another model was asked", done.stderr)
        self.write("other.yaml", SUITE)
        self.eval("run", "other.yaml")  # not named
        self.assertEqual(self.records(), [])
        self.write("sluice.yaml", RECORDED)
        done = self.eval("run", code=2)
        self.assertIn("expected a suite, or a configuration that names some", done.stderr)

    def test_without_a_bar_nothing_passes(self):
        self.write("sluice.yaml", RECORDED.replace("recorded.jsonl", "worse.jsonl") + EVALS)
        self.suite()
        done = self.eval("run")
        self.assertIn("without a bar it is no pass for the brake", done.stderr)
        said = self.apply(1)
        self.assertIn("the suite has no bar to pass (bar: {quality: 90%})", said)
        self.assertIn("to get it through: give the suite a bar, and sluice eval run", said)

    def test_fewer_samples_than_the_suite_asks_for_are_no_pass(self):
        self.suite("bar: {quality: 80%}\nsamples: 3\n")
        done = self.eval("run", "--samples", "2")
        self.assertIn("no record for the brake: it took fewer samples", done.stderr)
        self.assertEqual(self.records(), [])
        self.eval("run", "--samples", "4")
        self.assertEqual(len(self.records()), 1)

    def test_a_run_that_was_broken_off_is_not_ended_with_fewer_samples(self):
        self.suite("bar: {quality: 80%}\nsamples: 3\nspend: 0.0025\n")
        self.assertIn("dollars are spent", self.eval("run", code=1).stderr)
        self.eval("run", "--samples", "1", "--spend", "1")
        self.assertEqual(self.records(), [])

    def test_a_command_with_spaces_in_its_paths_can_be_pasted(self):
        os.mkdir(os.path.join(self.folder, "a dir"))
        self.write("a dir/it's.yaml", RECORDED + "evals: {suites: [../suite.yaml]}\n")
        command = self.apply(1, "a dir/it's.yaml").split("to get it through: sluice ")[1]
        done = self.sluice(*shlex.split(command.splitlines()[0]))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.apply(0, "a dir/it's.yaml")

    def test_broken_records_are_told_before_anything_is_asked(self):
        live = self.provider()
        self.write("sluice.yaml", LIVE % live.port + EVALS)
        self.write("sluice.evals.jsonl", "<<<<<<< HEAD\n")
        done = self.eval("run", code=2)
        self.assertIn("sluice.evals.jsonl", done.stderr)
        self.assertIn("line 1", done.stderr)
        self.assertEqual(live.seen, [])

    def test_records_that_cannot_be_written(self):
        def breaks(conn, head, body, n):
            self.write("sluice.evals.jsonl", "<<<<<<< HEAD\n")
            conn.sendall(whole(chat(str(2 * int(question_of(body).split()[2])))))
        live = self.provider(breaks)
        self.write("sluice.yaml", LIVE % live.port + EVALS)
        done = self.eval("run", code=3)
        self.assertIn("sluice.evals.jsonl", done.stderr)
        self.assertTrue(done.stdout.endswith("PASS\n"))  # and is not lost
        asked = len(live.seen)
        [run] = re.findall(r"`sluice eval grade (\S+)` records it", done.stderr)
        os.remove(self.path("sluice.evals.jsonl"))
        self.assertIn("passed, recorded", self.eval("grade", run).stderr)
        self.assertEqual((len(self.records()), len(live.seen)), (1, asked))
