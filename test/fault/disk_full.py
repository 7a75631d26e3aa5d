"""The ledger's disk is full for a while. Runs in a mount namespace of its own."""

import json
import os
import subprocess
import time

import harness
import place

MEGABYTES = 220  # for all that is written once there is space again
REQUESTS = 1500


class Disk:
    """A small file system that can be filled up and emptied."""

    def __init__(self, shop, megabytes):
        self.folder = shop.folder / "disk"
        self.folder.mkdir()
        subprocess.run(["mount", "--make-rprivate", "/"], check=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "none", self.folder],
                       check=True)
        self.ballast = self.folder / "ballast"

    def fill(self):
        """Not a byte is left."""
        with open(self.ballast, "wb", buffering=0) as file:
            piece = bytes(1 << 20)
            while piece:
                try:
                    file.write(piece)
                except OSError:
                    piece = piece[:len(piece) // 2]

    def free(self):
        os.unlink(self.ballast)

    def gone(self):
        subprocess.run(["umount", "-l", self.folder], check=False)


def on_disk(disk):
    def edit(text):
        lines = [f'state: {{ledger: "sqlite:{disk.folder}/ledger.db"}}'
                 if line.startswith("state:") else line for line in text.splitlines()]
        return "\n".join(lines) + "\n"
    return edit


def recording_on(disk):
    def edit(text):
        return text + f"recording: {{folder: {disk.folder}/recordings}}\n"
    return edit


def recorded(folder):
    """Ids of all lines, each of which has to be whole."""
    ids = []
    for path in sorted(folder.glob("*.jsonl")):
        data = path.read_bytes()
        assert data.endswith(b"\n"), f"{path} ends within a line"
        ids += [json.loads(line)["turn"] for line in data.splitlines()]
    return ids


def fates(gateway):
    return {fate: gateway.metric(f'sluice_recordings_total{{fate="{fate}"}}')
            for fate in ("written", "disk refused")}


def test_recordings_on_a_full_disk(shop):
    disk = Disk(shop, 4)
    try:
        mock = harness.Mock(shop, harness.find_tool("mock", place.tools()))
        gateway = place.Gateway(shop, mock.address, recording_on(disk)).again()
        before = ask_many(gateway, 50)
        place.wait_until("turns recorded", lambda: fates(gateway)["written"] == 50, 10)
        disk.fill()
        during = ask_many(gateway, 300)
        place.wait_until("turns counted", lambda: sum(fates(gateway).values()) == 350, 10)
        full = fates(gateway)
        assert full["disk refused"] > 250, full
        disk.free()
        after = ask_many(gateway, 50)
        place.wait_until("turns recorded again", lambda: fates(gateway)["written"] ==
                         full["written"] + 50, 10)
        ids = recorded(disk.folder / "recordings")
        assert len(ids) == len(set(ids)) == full["written"] + 50
        assert before | after <= set(ids) <= before | during | after
        log = (gateway.folder / "sluice.log").read_text(encoding="utf-8")
        assert log.count("recording_failing") == 1 and log.count("recording_again") == 1, log
        assert harness.end(gateway.process, 20) == 0
        return f"{full['disk refused']:.0f} of 400 turns unrecorded, all answered"
    finally:
        disk.gone()


def placed(shop, disk):
    mock = harness.Mock(shop, harness.find_tool("mock", place.tools()))
    gateway = place.Gateway(shop, mock.address, on_disk(disk))
    gateway.ledger = disk.folder / "ledger.db"
    return gateway.again()


def drained(gateway):
    return gateway.metric("sluice_ledger_waiting_rows") == 0


def ids_of(gateway):
    return {row["id"] for row in gateway.rows("SELECT id FROM turns")}


def ask_many(gateway, count):
    """Ids of so many requests on one connection, all of which must be answered."""
    connection, ids = gateway.connection(), set()
    for _ in range(count):
        status, turn, body = gateway.chat(connection)
        assert status == 200, (status, body)
        ids.add(turn)
    connection.close()
    return ids


def test_disk_full_for_a_while(shop):
    disk = Disk(shop, 24)
    try:
        gateway = placed(shop, disk)
        ids = ask_many(gateway, 100)
        place.wait_until("rows written", lambda: drained(gateway), 10)
        disk.fill()
        ids |= ask_many(gateway, REQUESTS)
        place.wait_until("an error of the disk", lambda: gateway.metric(
            "sluice_ledger_errors_total") > 0, 10)
        ids |= ask_many(gateway, REQUESTS)  # requests go on
        waiting = gateway.metric("sluice_ledger_waiting_rows")
        assert waiting >= REQUESTS, f"the disk was not full: only {waiting} rows wait"
        disk.free()
        place.wait_until("rows written after the disk had space", lambda: drained(gateway), 20)
        assert ids_of(gateway) == ids, "rows were lost, or came twice"
        place.books_agree(gateway)
        assert harness.end(gateway.process, 20) == 0
        return f"{len(ids)} turns, {waiting:.0f} rows waited for the disk, all there"
    finally:
        disk.gone()


def flood(shop, gateway, tool, count, seconds):
    """Large rows as fast as they come; the clients' own log of what they got."""
    log = shop.folder / f"flood-{time.monotonic_ns()}.log"
    body = shop.write("flood.json", json.dumps({"model": "plain", "messages": [], "user": "@ID@"}))
    harness.load(shop, tool, gateway.address, "--mode", "faults", "--key", harness.KEY, "--count",
                 count, "--connections", 500, "--duration", seconds, "--timeout", 30,
                 "--body", body,
                 "--header", "x-sluice-session: @ID@", "--header", "x-sluice-task: " + "t" * 256,
                 "--header", "x-sluice-tags: " + "g" * 256, "--log", log, timeout=seconds + 60)
    with open(log, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def test_disk_full_until_the_ceiling(shop):
    disk = Disk(shop, MEGABYTES)
    tool = harness.find_tool("load", place.tools())
    try:
        gateway = placed(shop, disk)
        ask_many(gateway, 10)
        place.wait_until("rows written", lambda: drained(gateway), 10)
        disk.fill()
        answers = []
        while not any(answer["status"] == 503 for answer in answers):
            assert len(answers) < 300_000, "the ceiling was never reached"
            # Who is refused has waited for two seconds, so the last steps are small ones.
            count = 2000 if answers else 45_000
            answers = flood(shop, gateway, tool, count, 120) + answers
        odd = [answer for answer in answers if answer["status"] not in (200, 503)]
        assert not odd, odd[:3]
        status, _, body = gateway.chat()
        assert status == 503 and json.loads(body)["error"]["code"] == "ledger_full", (status, body)
        disk.free()
        place.wait_until("rows written after the disk had space", lambda: drained(gateway), 60)
        ask_many(gateway, 10)  # it works again
        place.wait_until("rows written", lambda: drained(gateway), 10)
        good = sum(answer["status"] == 200 for answer in answers)
        done = gateway.rows("SELECT count(*) AS n FROM turns WHERE state = 'done'")[0]["n"]
        assert done == good + 20, f"{good + 20} answers, {done} turns"
        place.books_agree(gateway)
        assert harness.end(gateway.process, 20) == 0
        return f"{good} turns all there, {len(answers) - good} refused at the ceiling"
    finally:
        disk.gone()
