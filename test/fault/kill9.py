"""kill -9 in the middle of everything, ten times, on one database."""

import http.client
import json
import random
import signal
import threading
import time

import harness
import place

ROUNDS = 10
CLIENTS = 6
STREAM = "mock/mock-events-100-interval-200"  # twenty seconds: it runs whenever the kill comes
RUNNING_SECONDS = 2.0                          # LEDGER_START_MS and the time to write, in a crowd
MARGIN_SECONDS = 0.8                           # beyond the flush interval: to write the batch


class Clients:
    """What clients have seen with their own eyes: id of the turn, and when."""

    def __init__(self, gateway, pause):
        self.gateway, self.pause = gateway, pause
        self.answered, self.streams = [], []
        self.odd = []
        self.threads = [threading.Thread(target=self.plain) for _ in range(CLIENTS)]
        self.threads += [threading.Thread(target=self.stream, args=(0.25 * n,)) for n in range(8)]
        self.ended = False
        for thread in self.threads:
            thread.start()

    def plain(self):
        connection = self.gateway.connection()
        try:
            while not self.ended:
                status, turn, body = self.gateway.chat(connection)
                done = time.monotonic()
                if status == 200 and json.loads(body)["usage"]:
                    self.answered.append((turn, done))
                else:
                    self.odd.append((status, body[:200]))
                time.sleep(self.pause)
        except (OSError, http.client.HTTPException, ValueError):
            pass  # killed in the middle
        finally:
            connection.close()

    def stream(self, after):
        time.sleep(after)
        connection = self.gateway.connection()
        try:
            headers = {"Authorization": f"Bearer {harness.KEY}"}
            connection.request("POST", "/v1/chat/completions", json.dumps(
                {"model": STREAM, "stream": True, "messages": []}), headers)
            asked = time.monotonic()
            answer = connection.getresponse()
            if answer.status == 200:
                self.streams.append((answer.headers["x-sluice-id"], asked))
            while answer.read1(65536):
                pass
        except (OSError, http.client.HTTPException):
            pass
        finally:
            connection.close()

    def join(self):
        self.ended = True
        for thread in self.threads:
            thread.join(30)
            assert not thread.is_alive(), "a client hangs after its server has died"


def check(gateway, clients, killed):
    """Of one round; how many turns had to be there, and how many running ones were lost."""
    state = {row["id"]: row for row in gateway.rows(
        "SELECT id, state, counted, (SELECT count(*) FROM calls WHERE turn = id) AS calls"
        " FROM turns")}
    safe_before = killed - place.flush_ms() / 1000 - MARGIN_SECONDS * place.SLOWDOWN
    assert not clients.odd, clients.odd[:3]
    owed = [turn for turn, done in clients.answered if done < safe_before]
    assert len(owed) > 50, f"only {len(owed)} answers before the kill: too few to prove a thing"
    missing = [turn for turn in owed if turn not in state]
    assert not missing, f"{len(missing)} of {len(owed)} finished turns are gone: {missing[:3]}"
    for turn, _ in clients.answered:
        row = state.get(turn)
        if row is not None:  # a younger one may be there too; then it is whole
            assert (row["state"], row["calls"], row["counted"]) == ("done", 1, "provider"), row
    old = [turn for turn, asked in clients.streams
           if asked < killed - RUNNING_SECONDS * place.SLOWDOWN]
    assert old, "no stream ran for long enough"
    for turn in old:
        assert turn in state, f"a stream that ran for {RUNNING_SECONDS} s has no row: {turn}"
    for turn, _ in clients.streams:
        assert turn not in state or state[turn]["state"] == "lost", state[turn]
    running = [row for row in state.values() if row["state"] == "running"]
    assert not running, f"nothing runs after a start, but: {running[:3]}"
    place.books_agree(gateway)
    return len(owed), len(old)


def test_kill9(shop):
    chance = random.Random(1)
    mock = harness.Mock(shop, harness.find_tool("mock", place.tools()))
    gateway = place.Gateway(shop, mock.address).again()
    owed = lost = 0
    for number in range(ROUNDS):
        # By turns: so many rows that full batches are written, and so few that the interval is due.
        clients = Clients(gateway, 0.02 if number % 2 else 0)
        time.sleep(RUNNING_SECONDS * place.SLOWDOWN + 0.6 + 0.5 * chance.random())
        killed = time.monotonic()
        gateway.process.send_signal(signal.SIGKILL)
        gateway.process.wait()
        clients.join()
        gateway.again()
        found = check(gateway, clients, killed)
        owed, lost = owed + found[0], lost + found[1]
    assert harness.end(gateway.process, 20) == 0, "the exit code after all this"
    return f"{owed} finished turns all there, {lost} running ones lost, {ROUNDS} kills"
