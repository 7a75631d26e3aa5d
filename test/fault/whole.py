"""bench/faults and bench/soak at a size that a test run can bear, and reloads under load."""

import json
import signal
import subprocess
import sys
import threading
import time

import harness
import place

SOAK_SECONDS = 30
# 24 s at 200/s: less than half a kilobyte a request. What a sanitizer itself keeps says nothing.
SOAK_GROWTH_KB = 2048 if place.SANITIZED < 4 else 2 ** 40
RELOADS = 20


def script(shop, name, *options):
    """Runs a script of bench/; its figures."""
    figures = shop.folder / "figures.json"
    done = subprocess.run(
        [sys.executable, str(harness.HERE / name), "--sluice", place.SLUICE, "--tools",
         place.tools(), "--port-base", str(place.PORTS + 40), "--json", str(figures),
         *map(str, options)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        check=False)
    assert done.returncode == 0, f"{name} ended with {done.returncode}:\n{done.stdout[-6000:]}"
    return json.loads(figures.read_text(encoding="utf-8"))


def test_faults(shop):
    got = script(shop, "faults", "--requests", 3000, "--faults", 0.3, "--seed", 1)
    assert got["requests"] == 3000 and not got["wrong"], got
    for outcome, least in (("ok", 2000), ("error", 50), ("error-event", 50), ("hangup", 30)):
        assert got["outcomes"][outcome] > least, got["outcomes"]
    assert got["counted"]["estimate"] > 100 and got["counted"]["provider"] > 1000, got["counted"]
    assert got["sums"]["ledger"] == got["sums"]["mock"]
    return f"{got['turns']} turns, {got['calls']} calls, {got['outcomes']}"


def test_soak(shop):
    got = script(shop, "soak", "--minutes", SOAK_SECONDS / 60, "--warmup", 0.1, "--rate", 200,
                 "--reload-seconds", 3, "--growth-kb", SOAK_GROWTH_KB)
    assert got["flat"] and not got["wrong"], {**got, "samples": None}
    assert got["reloads"] >= 5 and sum(got["outcomes"].values()) > 1000, got
    return (f"median {got['median_mb']:.1f} MB, growth {got['growth_kb']:.0f} KB ± "
            f"{got['growth_half_width_kb']:.0f}, {got['reloads']} reloads")


def reload_often(gateway, ended):
    """Price after price, as soon as the one before is in use; the last one counts."""
    path = gateway.folder / "sluice.yaml"
    text = path.read_text(encoding="utf-8")
    log = gateway.folder / "sluice.log"
    for number in range(1, RELOADS + 1):
        path.write_text(text.replace("input: 0.25", f"input: {number}"), encoding="utf-8")
        gateway.process.send_signal(signal.SIGHUP)
        place.wait_until(f"reload {number}", lambda n=number: log.read_text(
            encoding="utf-8").count('reloaded') >= n, 10)
    ended.set()


def test_reload(shop):
    mock = harness.Mock(shop, harness.find_tool("mock", place.tools()))
    gateway = place.Gateway(shop, mock.address).again()
    tool = harness.find_tool("load", place.tools())
    body = {"model": "plain", "messages": [{"role": "user", "content": "hi"}]}
    stream = {**body, "model": "stream", "stream": True}
    ended, failures, answered = threading.Event(), [], [0]

    def traffic():
        while not ended.is_set():
            got = harness.load(
                shop, tool, gateway.address, "--mode", "faults", "--key", harness.KEY, "--count",
                2000, "--connections", 40, "--duration", 30, "--body",
                shop.write("plain.json", json.dumps(body)), "--stream-body",
                shop.write("stream.json", json.dumps(stream)), "--stream-share", 0.3)
            answered[0] += got["outcomes"].get("ok", 0)
            failures.extend((k, v) for k, v in got["outcomes"].items() if v and k != "ok")

    load = threading.Thread(target=traffic)
    load.start()
    try:
        time.sleep(0.3)
        reload_often(gateway, ended)
    finally:
        ended.set()
        load.join(90)
    assert not failures and answered[0] >= 2000, (failures, answered)
    status, turn, _ = gateway.chat()
    assert status == 200
    place.wait_until("the last turn's row", lambda: gateway.rows(
        "SELECT 1 FROM turns WHERE id = ?", turn), 5)
    row = gateway.rows("SELECT input, cached, output, reasoning, cost_usd_nanos FROM turns"
                       " WHERE id = ?", turn)[0]
    want = round(row["input"] * RELOADS * 1000 + row["cached"] * 25
                 + (row["output"] + row["reasoning"]) * 2000)
    assert row["cost_usd_nanos"] == want, f"the last price is not in use: {row}, not {want}"
    assert harness.end(gateway.process, 20) == 0
    return f"{answered[0]} requests answered during {RELOADS} reloads, none failed"
