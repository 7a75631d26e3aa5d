"""Load by TLS and by HTTP/2, with nghttp2's h2load, since the tool `load` speaks neither.

The gateway's CPU is read here, and its requests are counted by the mock, both between the same two
moments: neither handshakes nor the first second are in it.
"""
import os
import pathlib
import re
import subprocess
import time

from harness import Failed, prepared

TICK_NS = 1e9 / os.sysconf("SC_CLK_TCK")


def cpu(pids):
    """Nanoseconds by the scheduler, and ticks in user mode and in the kernel, of all threads."""
    ns = user = kernel = 0
    for pid in pids:
        for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
            ns += int((task / "schedstat").read_text(encoding="ascii").split()[0])
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2]
        user += int(fields.split()[11])
        kernel += int(fields.split()[12])
    return ns, user, kernel


def core_busy(core):
    """Nanoseconds that a core has worked, for whomever."""
    text = pathlib.Path("/proc/stat").read_text(encoding="ascii")
    found = re.search(rf"^cpu{core} (.*)$", text, re.MULTILINE)
    if found is None:
        return 0
    ticks = [int(word) for word in found[1].split()[:8]]
    return (sum(ticks) - ticks[3] - ticks[4]) * TICK_NS


class Reading:
    """What has been counted up to now."""

    def __init__(self, run, gateway, tool):
        self.when = time.monotonic_ns()
        self.requests = run.mock.stats()["requests"]
        self.gateway = cpu(gateway.pids())
        self.tools = cpu([run.mock.process.pid, tool.pid])[0]
        self.core = core_busy(min(run.gateway_cores))


def figures(first, last):
    count = last.requests - first.requests
    took = last.when - first.when
    ns, user, kernel = (b - a for a, b in zip(first.gateway, last.gateway))
    if count == 0:
        raise Failed("h2load: no request was answered")
    return {
        "us": ns / count / 1e3,
        "us_by_ticks": (user + kernel) * TICK_NS / count / 1e3,
        "system_share": kernel / (user + kernel) if user + kernel else 0,
        "core_share": ns / took,
        "tools_us": (last.tools - first.tools) / count / 1e3,
        "per_second": count / took * 1e9,
        "foreign": max(0.0, (last.core - first.core - ns) / took),
    }


def start(run, gateway, body, *options):
    command = ["h2load", *options, "-d", body, "-H", f"authorization: Bearer {run.key}",
               "-H", "content-type: application/json",
               f"https://{gateway.address}/v1/chat/completions"]
    return subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True, cwd=run.shop.folder,
                            preexec_fn=prepared(run.tool_cores, run.shop.nice, 65536))


def finish(tool, run, gateway, answer_bytes):
    """Everything must have gone well, and with the same TLS through all gateways."""
    text = tool.communicate(timeout=120)[0]
    done = re.search(r"requests: .* (\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored", text)
    good = re.search(r"status codes: (\d+) 2xx", text)
    data = re.search(r"\((\d+)\) data", text)
    if tool.returncode != 0 or not (done and good and data):
        raise Failed(f"h2load through {gateway.name}: {text[-500:]}")
    count = int(done[1])
    if (int(done[2]), int(done[3]), int(done[4])) != (count, 0, 0) or int(good[1]) < count \
            or count == 0 or int(data[1]) < count * answer_bytes:
        raise Failed(f"h2load through {gateway.name}: {done[0]}, {good[0]}, {data[0]}")
    tls = re.findall(r"^(?:TLS Protocol|Cipher|Server Temp Key): .*$", text, re.MULTILINE)
    spoken = "http/1.1" if "--h1" in tool.args else "h2"
    if f"Application protocol: {spoken}\n" not in text:
        raise Failed(f"{gateway.name} did not agree on {spoken}")
    if run.tls is None:
        run.tls = tls
    if tls != run.tls:
        raise Failed(f"{gateway.name} speaks other TLS: {tls}, not {run.tls}")
    return count


def sustained(run, gateway, body, seconds, answer_bytes, *options):
    """As fast as answers come, on connections that stay."""
    tool = start(run, gateway, body, "-D", int(seconds + 3), *options)
    try:
        time.sleep(1)
        first = Reading(run, gateway, tool)
        time.sleep(seconds)
        last = Reading(run, gateway, tool)
        finish(tool, run, gateway, answer_bytes)
    finally:
        tool.kill()
        tool.wait()
    return figures(first, last)


def connections(run, gateway, body, count, answer_bytes, *options):
    """A new connection with a whole handshake for each of `count` requests, 1,000 a second."""
    before = cpu(gateway.pids())[0]
    tool = start(run, gateway, body, "-n", count, "-c", count, "-r", 1000, *options)
    try:
        answered = finish(tool, run, gateway, answer_bytes)
    finally:
        tool.kill()
        tool.wait()
    return {"us": (cpu(gateway.pids())[0] - before) / answered / 1e3}
