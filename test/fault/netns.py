"""Whom sluice connects to, seen from the kernel's side. Runs in a network namespace of its own."""

import json
import os
import re
import shutil
import subprocess
import time

import harness
import place

CALLS = "connect,sendto,sendmsg,sendmmsg"  # a datagram needs no connect
ADDRESS = re.compile(r"sa_family=(AF_\w+)(?:[^}]*?htons\((\d+)\)[^}]*?\"([^\"]+)\")?")
IDLE_SECONDS = 1.5
# A leak checker is a tracer too, and there can be but one.
TRACED = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"}


def network_up():
    names = [line.split(":")[1].strip() for line in subprocess.run(
        ["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout.splitlines()]
    assert "eth0" not in names, f"this is not a network namespace of its own: {names}"
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def traced(path):
    assert shutil.which("strace"), "strace is not installed (scripts/setup installs it)"
    return ["strace", "-f", "-qq", "-s", "64", "-e", f"trace={CALLS}", "-o", str(path)]


def reached(path):
    """Every address that a traced program sent anything to: {"127.0.0.1:80": times}."""
    found = {}
    for line in path.read_text(errors="replace").splitlines():
        for family, port, host in ADDRESS.findall(line):
            name = f"{host}:{port}" if port else f"{family}: {line}"
            found[name] = found.get(name, 0) + 1
    return found


def end_traced(process):
    """strace passes no signal on, so the program below it is told."""
    for pid in harness.tree(process.pid)[1:]:
        os.kill(pid, 15)
    assert process.wait(20 * place.SLOWDOWN) == 0, f"exit code {process.returncode}"


def second_provider(address):
    def edit(text):
        return text.replace("default_provider:", "  idle:\n    kind: openai\n"
                            f"    base_url: \"http://{address}/v1\"\ndefault_provider:")
    return edit


def test_connects_to_upstreams_only(shop):
    network_up()
    mock = harness.Mock(shop, harness.find_tool("mock", place.tools()))
    idle = harness.Mock(shop, harness.find_tool("mock", place.tools()))
    trace = shop.folder / "trace"
    gateway = place.Gateway(shop, mock.address, second_provider(idle.address), traced(trace))
    gateway.env.update(TRACED)
    gateway.again()
    time.sleep(IDLE_SECONDS)
    assert not reached(trace), f"connections at the start, with nothing to do: {reached(trace)}"
    for stream in (False, True):
        for _ in range(20):
            status, _, body = gateway.chat(stream=stream)
            assert status == 200, (status, body)
    assert gateway.chat(model="mock/mock-fault-503")[0] == 503  # retries, too
    assert gateway.chat(model="no-such/model")[0] in (200, 404)
    time.sleep(IDLE_SECONDS)
    end_traced(gateway.process)
    found = reached(trace)
    assert set(found) == {mock.address}, f"expected {mock.address} only, got {found}"
    return f"{found[mock.address]} connections, all to the upstream"


def test_start_without_file_connects_to_nothing(shop):
    network_up()
    trace, address = shop.folder / "trace", shop.address()
    process = shop.start([*traced(trace), place.SLUICE, "serve", "--listen", address],
                         env={**TRACED, "OPENAI_API_KEY": "sk-none"})
    harness.wait_ready(address, process, "/health", patience=15 * place.SLOWDOWN)
    time.sleep(IDLE_SECONDS)
    assert not reached(trace), f"connections with nothing to do: {reached(trace)}"
    # The check itself must be able to see one: a request makes sluice look for its upstream.
    body = json.dumps({"model": "x", "messages": []}).encode()
    status, _, _ = harness.ask(address, "POST", "/v1/chat/completions", body,
                               {"Content-Type": "application/json"}, timeout=60)
    assert status == 502, f"there is no network here, and the answer is {status}"
    assert reached(trace), "a request to api.openai.com was not seen"
    end_traced(process)
    return "nothing at the start; a look for the upstream only with the first request"
