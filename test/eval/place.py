"""A folder with a suite, its cases and a configuration, and `sluice eval` within it."""
import glob
import json
import os
import subprocess

from program import SLUICE, Folder
from world import Provider, whole

SUITE = """
cases: cases.jsonl
request:
  model: m
  messages:
    - {role: system, content: "Answer with a number."}
    - {role: user, content: "What is {{question}}?"}
graders:
  - {kind: exact, expected: "{{answer}}"}
"""

RECORDED = """
state: {ledger: off}
providers:
  rec: {kind: recorded, file: recorded.jsonl}
prices: {rec/m: {input: 1, output: 2}}
"""

LIVE = """
state: {ledger: "sqlite:ledger.db"}
providers:
  live: {kind: openai, base_url: "http://127.0.0.1:%d/v1", key: k}
prices: {live/m: {input: 1, output: 2}}
"""


def chat(text, tokens=(20, 5), **message):
    """An answer of OpenAI's chat."""
    return json.dumps({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{"index": 0, "finish_reason": "stop",
                     "message": {"role": "assistant", "content": text, **message}}],
        "usage": {"prompt_tokens": tokens[0], "completion_tokens": tokens[1],
                  "total_tokens": sum(tokens)}}).encode()


def question_of(body):
    return json.loads(body)["messages"][-1]["content"]


class Eval(Folder):
    """Sums: case i asks for i + i; answers are right but for those of `wrong`."""

    def cases(self, n, **more):
        lines = [{"id": f"q{i}", "question": f"{i} plus {i}", "answer": str(2 * i),
                  "tags": ["odd" if i % 2 else "even"], **more} for i in range(n)]
        self.write("cases.jsonl", "".join(json.dumps(line) + "\n" for line in lines))

    def recorded(self, n, wrong=lambda i: False, name="recorded.jsonl", **more):
        lines = [{"model": "m", "prompt": f"What is {i} plus {i}?", "tokens": {"input": 20, "output": 5},
                  "answer": "no idea" if wrong(i) else str(2 * i), **more} for i in range(n)]
        self.write(name, "".join(json.dumps(line) + "\n" for line in lines))

    def provider(self, answer=None):
        """A live one, and the configuration that asks it."""
        provider = Provider()
        self.addCleanup(provider.socket.close)

        def right(conn, head, body, n):
            conn.sendall(whole(chat(str(2 * int(question_of(body).split()[2])))))

        provider.answers["m"] = answer or right
        self.write("sluice.yaml", LIVE % provider.port)
        return provider

    def suite(self, more="", text=SUITE):
        return self.write("suite.yaml", text + more)

    def eval(self, *words, code=0, **more):
        done = self.sluice("eval", *words, **more)
        self.assertEqual(done.returncode, code, (words, done.stdout, done.stderr))
        return done

    def run_json(self, *words, code=0):
        return json.loads(self.eval("run", "--json", *words, "suite.yaml", code=code).stdout)

    def begin(self, *words):
        """A run that goes on while the test does something else."""
        return subprocess.Popen([SLUICE, "eval", "run", *words, "suite.yaml"], cwd=self.folder,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, encoding="utf-8")

    def lines(self, name, run="*"):
        """The lines of a file of the one run that there is."""
        [path] = glob.glob(os.path.join(self.folder, "runs", "suite", run, name))
        with open(path, encoding="utf-8") as file:
            return [json.loads(line) for line in file]
