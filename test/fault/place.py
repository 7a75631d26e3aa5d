"""A mock upstream and a sluice that may be killed and started again on the same database."""

import http.client
import json
import os
import pathlib
import re
import sqlite3
import sys
import time

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench"))
import harness  # noqa: E402  (found through the path set above)

SLUICE = os.path.abspath(os.environ.get("SLUICE", str(ROOT / "build/sluice")))
SANITIZED = float(os.environ.get("SLUICE_SLOWDOWN", "1"))
# A machine that has more to do than it can is as much slower.
SLOWDOWN = SANITIZED * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
PORTS = int(os.environ.get("SLUICE_TEST_PORTS", "26100"))
CLASSES = ("input", "cached", "cache_write", "output", "reasoning")
SUMS = (*CLASSES, "cost_usd_nanos")


def tools():
    """The folder of mock and load: beside the tested program, or where a release build left it."""
    for folder in (os.environ.get("SLUICE_BUILD"), ROOT / "build/release"):
        if folder and (pathlib.Path(folder) / "bench/mock").is_file():
            return str(pathlib.Path(folder) / "bench")
    raise harness.Failed("mock and load are not built; run: scripts/build release all")


def flush_ms():
    """After how long a finished turn is on the disk, as the ledger's header promises."""
    text = (ROOT / "src/turn/ledger/ledger.h").read_text(encoding="utf-8")
    return int(re.search(r"#define LEDGER_FLUSH_MS\s+(\d+)", text)[1])


class Gateway(harness.Sluice):
    """sluice on bench/faults.yaml; `again` starts it anew where it was."""

    def __init__(self, shop, upstream, edit=lambda text: text, wrap=()):
        super().__init__(SLUICE, template=harness.HERE / "faults.yaml")
        self.shop = shop
        self.args = [*wrap, *self.place(shop, upstream)]
        path = self.folder / "sluice.yaml"
        text = path.read_text(encoding="utf-8")
        path.write_text(edit(text.replace("tenant: bench}", "tenant: bench, admin: true}")),
                        encoding="utf-8")
        self.ledger = self.folder / "ledger.db"

    def again(self):
        self.process = self.shop.start(self.args, None, self.env, f"{self.folder.name}/output.log")
        harness.wait_ready(self.address, self.process, "/health", patience=15 * SLOWDOWN)
        return self

    def rows(self, sql, *values):
        db = sqlite3.connect(f"file:{self.ledger}?mode=ro", uri=True, timeout=10)
        db.row_factory = sqlite3.Row
        try:
            return [dict(row) for row in db.execute(sql, values)]
        finally:
            db.close()

    def chat(self, connection=None, model="plain", timeout=20, **more):
        """Status, id and body of one chat request."""
        headers = {"Authorization": f"Bearer {harness.KEY}", "Content-Type": "application/json"}
        headers.update(more.pop("headers", {}))
        body = json.dumps({"model": model, "messages": [{"role": "user", "content": "hi"}], **more})
        own = connection or self.connection(timeout)
        try:
            own.request("POST", "/v1/chat/completions", body, headers)
            answer = own.getresponse()
            return answer.status, answer.headers.get("x-sluice-id"), answer.read()
        finally:
            if own is not connection:
                own.close()

    def connection(self, timeout=20):
        host, port = self.address.split(":")
        return http.client.HTTPConnection(host, int(port), timeout=timeout)

    def metric(self, name):
        """A number of /metrics, which stand behind an admin key."""
        status, _, body = harness.ask(self.address, "GET", "/metrics",
                                      headers={"Authorization": f"Bearer {harness.KEY}"})
        assert status == 200, (status, body[:300])
        return float(re.search(rf"^{name} (\S+)$", body.decode(), re.M)[1])


def wait_until(what, condition, seconds):
    limit = time.monotonic() + seconds * SLOWDOWN
    while not condition():
        assert time.monotonic() < limit, f"not within {seconds} s: {what}"
        time.sleep(0.05)


def books_agree(gateway):
    """Turns are the sums of their calls, and the rollups the sums of turns and calls."""
    wrong = gateway.rows(
        "SELECT id FROM turns WHERE state NOT IN ('running', 'lost') AND ("
        + " OR ".join(f"coalesce({name}, 0) <> (SELECT coalesce(sum({name}), 0) FROM calls"
                      " WHERE turn = id)" for name in SUMS) + ")")
    assert not wrong, f"{len(wrong)} turns are not the sum of their calls: {wrong[:3]}"
    strangers = gateway.rows("SELECT turn FROM calls WHERE turn NOT IN (SELECT id FROM turns"
                             " WHERE state NOT IN ('running', 'lost'))")
    assert not strangers, f"calls of no ended turn: {strangers[:3]}"
    of_calls = ", ".join(f"coalesce(sum({name}), 0) AS {name}" for name in SUMS)
    want = gateway.rows(f"SELECT count(*) AS calls, {of_calls} FROM calls")[0]
    want.update(gateway.rows(
        "SELECT coalesce(sum(state NOT IN ('running', 'lost')), 0) AS turns,"
        " coalesce(sum(state = 'lost'), 0) AS lost FROM turns")[0])
    have = gateway.rows("SELECT " + ", ".join(
        f"coalesce(sum({name}), 0) AS {name}" for name in want) + " FROM rollups")[0]
    assert have == want, f"rollups {have}, rows {want}"
