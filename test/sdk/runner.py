"""Starts sluice, and a model where there is one; runs both clients; adds up. See run."""

import json
import os
import secrets
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request

import client_python
import crossings
import crossings_python
import model_python
from checks import Tally, same

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
MODEL_PYTHON = os.path.join(ROOT, "build", "venv", "bin", "python")
MODEL_START_SECONDS = 30


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for_port(port, process, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return True
        except OSError:
            time.sleep(0.02)
    return False


class World:
    """A running sluice: where it is, who may ask, what its ledger says."""

    def __init__(self, model_url, model_name):
        self.folder = tempfile.mkdtemp(prefix="sluice-sdk-")
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/v1"
        self.key = "app-" + secrets.token_hex(12)
        self.narrow_key = "narrow-" + secrets.token_hex(12)
        self.slower = float(os.environ.get("SLUICE_SLOWDOWN", "1"))
        self.model_name = model_name
        self.environment = dict(
            os.environ, SDK_PORT=str(self.port), SDK_FOLDER=self.folder,
            SDK_ANSWERS=os.path.join(HERE, "answers.jsonl"), SDK_KEY=self.key,
            SDK_NARROW_KEY=self.narrow_key, SDK_CLOSED_PORT=str(free_port()),
            SDK_URL=self.url, SDK_SLOWER=str(self.slower))
        if model_url:
            self.environment.update(MODEL_URL=model_url, MODEL_NAME=model_name)
        config = os.path.join(self.folder, "sluice.yaml")
        with open(os.path.join(HERE, "sluice.yaml"), encoding="utf-8") as file:
            text = file.read().replace("@MODEL@", model_name or "none")
        with open(config, "w", encoding="utf-8") as file:
            file.write(text)
        program = os.path.abspath(os.environ.get("SLUICE") or os.path.join(ROOT, "build/sluice"))
        with open(os.path.join(self.folder, "stderr"), "wb") as out:
            self.process = subprocess.Popen(
                [program, "serve", "--config", config], env=self.environment, cwd=self.folder,
                stdout=out, stderr=out)
        if not wait_for_port(self.port, self.process, 10 * self.slower):
            self.process.kill()
            raise RuntimeError("sluice did not start:\n" + self.told())

    def told(self):
        text = ""
        for name in ("stderr", "log"):
            path = os.path.join(self.folder, name)
            if os.path.exists(path):
                with open(path, encoding="utf-8", errors="replace") as file:
                    text += file.read()[-4000:]
        return text

    def turn(self, model, last=False):
        """Status and error of the one turn (or the last) that asked for this model."""
        path = "file:" + os.path.join(self.folder, "ledger.db") + "?mode=ro"
        end = time.monotonic() + 5 * self.slower
        rows = []
        while time.monotonic() < end:
            db = sqlite3.connect(path, uri=True, timeout=5)
            rows = db.execute("SELECT status, error FROM turns WHERE asked = ? AND"
                              " state <> 'running' ORDER BY id", (model,)).fetchall()
            db.close()
            if last and rows and rows[-1][0] == 499 or not last and len(rows) == 1:
                return rows[-1]
            time.sleep(0.05)
        raise AssertionError(f"the ledger's rows of {model}: {rows}")

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(20 * self.slower)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return "killed, since it did not end"


class Model:
    """MODEL_URL, or the local model where it is installed, or none."""

    def __init__(self):
        self.url = os.environ.get("MODEL_URL", "")
        self.name = os.environ.get("MODEL_NAME", "")
        self.process = None
        if not self.url and os.path.exists(MODEL_PYTHON):
            self.start()
        if self.url and not self.name:
            with urllib.request.urlopen(self.url + "/models", timeout=10) as answer:
                self.name = json.load(answer)["data"][0]["id"]

    def start(self):
        port = free_port()
        self.process = subprocess.Popen(
            [MODEL_PYTHON, os.path.join(ROOT, "scripts", "model-server"), "smollm2", "--port",
             str(port)], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if self.ready(port):
            self.url, self.name = f"http://127.0.0.1:{port}/v1", "smollm2"
        else:
            self.stop()
            raise RuntimeError("the local model did not start (scripts/model-server smollm2)")

    def ready(self, port):
        end = time.monotonic() + MODEL_START_SECONDS
        while time.monotonic() < end and self.process.poll() is None:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2) as answer:
                    return answer.status == 200
            except OSError:
                time.sleep(0.1)
        return False

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(10)


def run_javascript(script, environment, tally):
    """Its lines are printed as they come; the last one is its sum."""
    modules = os.path.join(ROOT, "build", "node-sdk", "node_modules")
    child = subprocess.Popen(["node", os.path.join(HERE, script), *tally.words], cwd=ROOT,
                             env=dict(environment,
                                      SDK_CLIENT=os.path.join(modules, "openai", "index.mjs"),
                                      SDK_ANTHROPIC=os.path.join(modules, "@anthropic-ai", "sdk",
                                                                 "index.mjs")),
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    sums = None
    for line in child.stdout:
        words = line.split()
        if len(words) == 4 and words[1] == "passed," and words[3] == "failed":
            sums = int(words[0]), int(words[2])
        else:
            print(line, end="", flush=True)
    if child.wait() not in (0, 1) or sums is None:
        print(f"FAIL {script} ended with {child.returncode}")
        sums = (sums or (0, 0))[0], (sums or (0, 0))[1] + 1
    tally.passed += sums[0]
    tally.failed += sums[1]


def run_all(world, model, tally):
    client_python.run(world, tally)
    run_javascript("client_javascript.mjs", world.environment, tally)
    if model.url:
        model_python.run(world, tally)
        run_javascript("model_javascript.mjs", world.environment, tally)
    else:
        print("skipped: the checks with a real model (no MODEL_URL; `make models` has not run)")
    tally.run("sluice.lives", lambda: same(world.process.poll(), None))


def run_crossings(tally):
    world = crossings.World()
    try:
        crossings_python.run(world, tally)
        meant = os.path.join(world.sluice.folder, "meant.json")
        with open(meant, "w", encoding="utf-8") as file:
            json.dump(world.expectations(), file)
        run_javascript("crossings_javascript.mjs",
                       dict(os.environ, SDK_URL=world.url, SDK_KEY=world.key, SDK_MEANT=meant),
                       tally)
    finally:
        code = world.stop()
    tally.run("crossing.sluice.ends", same, code, 0)


def main():
    tally = Tally(sys.argv[1:])
    run_crossings(tally)
    model = Model()
    try:
        world = World(model.url, model.name)
        try:
            run_all(world, model, tally)
        finally:
            code = world.stop()
            told = world.told()
            shutil.rmtree(world.folder, ignore_errors=True)
    finally:
        model.stop()
    tally.run("sluice.ends", same, code, 0)
    if tally.failed:
        print(f"sluice's log ends:\n{told}")
    print(f"{tally.passed} passed, {tally.failed} failed")
    return 1 if tally.failed or not tally.passed else 0


sys.exit(main())
