"""The PROXY protocol: who a client is that comes through a proxy, HAProxy among them."""

import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
from types import SimpleNamespace

from certificates import authority, certificate, context
from players import Always
from world import SLUICE, Answer, Provider, Sluice, answer_ok, free_port, read_all

CONFIG = """
listen: 127.0.0.1:@PORT@
admin_listen: 127.0.0.1:@ADMIN@
state: {ledger: "sqlite:@FOLDER@/ledger.db"}
log: {level: debug}
http: {header_timeout: 1s}
keys: {require: true, declared: {app: {secret: %s}}}
%s
providers:
  p: {base_url: "http://127.0.0.1:%d/v1", key: house}
"""
SECRET = "sk-sluice-test-secret-0123456789"
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
LINE = b"PROXY TCP4 203.0.113.7 192.0.2.1 56324 443\r\n"


def frame(family=0x11, addresses=b"\xcb\0\x71\x07\xc0\0\2\1\xdc\x04\1\xbb", more=b"", command=0x21):
    return SIGNATURE + struct.pack("!BBH", command, family, len(addresses + more)) + addresses + more


def request_bytes():
    data = json.dumps({"model": "p/m", "messages": [{"role": "user", "content": "hi"}]}).encode()
    return (f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
            f"Authorization: Bearer {SECRET}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(data)}\r\n\r\n").encode() + data


def open_world():
    p = Provider()
    p.answers = Always(answer_ok)
    w = SimpleNamespace(p=p)
    w.sluice = Sluice(CONFIG % (SECRET, "proxy_protocol: 127.0.0.1", p.port))
    return w


def clients(sluice, at_least, event=" turn "):
    """The addresses in the log's lines, once there are so many."""
    for _ in range(100):
        lines = [line for line in sluice.log().splitlines() if event in line]
        if len(lines) >= at_least:
            return [dict(f.split("=", 1) for f in line.split() if "=" in f)["client"]
                    for line in lines]
        time.sleep(0.02)
    raise AssertionError(sluice.log()[-2000:])


def metric(sluice):
    page = sluice.request("GET", "/metrics", key=None, port=sluice.admin_port).body.decode()
    return int([line for line in page.splitlines()
                if line.startswith("sluice_proxy_failures_total")][0].split()[-1])


def test_who_is_spoken_for(w):
    six = frame(0x21, socket.inet_pton(socket.AF_INET6, "2001:db8::7") + bytes(16) + b"\xff\xff\1\xbb")
    for header, client in ((LINE, "203.0.113.7"), (frame(), "203.0.113.7"),
                           (frame(more=b"\4\0\2ab"), "203.0.113.7"), (six, "2001:db8::7"),
                           (b"PROXY TCP6 2001:db8::8 ::1 1 2\r\n", "2001:db8::8"),
                           (b"PROXY UNKNOWN\r\n", "127.0.0.1"), (frame(0, b""), "127.0.0.1"),
                           (frame(0, b"", command=0x20), "127.0.0.1")):
        before = w.sluice.log().count(" turn ")
        assert Answer(w.sluice.send(header + request_bytes())).status == 200, header
        assert clients(w.sluice, before + 1)[-1] == client, header


def test_a_header_in_pieces(w):
    before = w.sluice.log().count(" turn ")
    for header in (LINE, frame()):
        with socket.create_connection(("127.0.0.1", w.sluice.port), 10) as s:
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for i in range(len(header)):
                s.sendall(header[i:i + 1])
                time.sleep(0.002)
            s.sendall(request_bytes())
            assert Answer(read_all(s, 10)).status == 200
    assert clients(w.sluice, before + 2)[-2:] == ["203.0.113.7"] * 2


def test_without_a_header(w):
    before, asked = metric(w.sluice), len(w.p.seen)
    for data in (request_bytes(), b"PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n" + request_bytes(),
                 frame(0x12) + request_bytes(), frame(command=0x22) + request_bytes()):
        a = Answer(w.sluice.send(data))
        assert a.status == 400 and b"PROXY header" in a.body, a.body
    assert metric(w.sluice) == before + 4 and len(w.p.seen) == asked


def test_who_says_nothing(w):
    before = metric(w.sluice)
    with socket.create_connection(("127.0.0.1", w.sluice.port), 10) as s:
        began = time.time()
        assert s.recv(100) == b""
        assert 0.5 < time.time() - began < 3
    socket.create_connection(("127.0.0.1", w.sluice.port), 10).close()  # whether somebody is there
    time.sleep(0.1)
    assert metric(w.sluice) == before + 1


def test_a_refusal_names_the_client_too(w):
    before = w.sluice.log().count(" refused ")
    bad = request_bytes().replace(SECRET.encode(), b"sk-of-nobody")
    assert Answer(w.sluice.send(LINE + bad)).status == 401
    assert clients(w.sluice, before + 1, " refused ")[-1] == "203.0.113.7"


def test_the_admin_door_takes_none(w):
    assert w.sluice.request("GET", "/metrics", key=None, port=w.sluice.admin_port).status == 200
    a = Answer(w.sluice.send(LINE + b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
                             port=w.sluice.admin_port))
    assert a.status == 400


def test_from_anybody_else_none_is_taken(w):
    sluice = Sluice(CONFIG % (SECRET, 'proxy_protocol: [10.0.0.0/8, "::1"]', w.p.port))
    try:
        assert Answer(sluice.send(request_bytes())).status == 200
        assert clients(sluice, 1) == ["127.0.0.1"]
        assert Answer(sluice.send(LINE + request_bytes())).status == 400
        # and with a reload it is
        sluice.write(CONFIG % (SECRET, "proxy_protocol: 127.0.0.0/8", w.p.port))
        sluice.process.send_signal(signal.SIGHUP)
        for _ in range(100):
            if Answer(sluice.send(LINE + request_bytes())).status == 200:
                break
            time.sleep(0.02)
        assert clients(sluice, 2)[-1] == "203.0.113.7"
    finally:
        sluice.stop()


def test_what_is_no_network(_):
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write("keys: {require: true}\nproxy_protocol: [10.0.0.0/33, lb.lan]\n")
        file.flush()
        said = subprocess.run([SLUICE, "check", file.name], capture_output=True, text=True,
                              check=False)
    assert said.returncode == 1, said
    assert "proxy_protocol[0]: '10.0.0.0/33': a network of these has 0 to 32 bits" in said.stderr
    assert "proxy_protocol[1]: 'lb.lan' is no address" in said.stderr


HAPROXY = """
defaults
  mode tcp
  timeout connect 5s
  timeout client 10s
  timeout server 10s
listen one
  bind 127.0.0.1:%d
  server s 127.0.0.1:%d send-proxy
listen two
  bind 127.0.0.1:%d
  server s 127.0.0.1:%d send-proxy-v2 proxy-v2-options crc32c,unique-id
listen checked
  bind 127.0.0.1:%d
  server s 127.0.0.1:%d send-proxy-v2 check inter 100ms check-send-proxy
"""


def haproxy(folder, port):
    binary = shutil.which("haproxy", path="/usr/sbin:" + os.environ["PATH"])
    ports = [free_port() for _ in range(3)]
    path = os.path.join(folder, "haproxy.cfg")
    with open(path, "w", encoding="utf-8") as file:
        file.write(HAPROXY % (ports[0], port, ports[1], port, ports[2], port))
    process = subprocess.Popen([binary, "-db", "-q", "-f", path])
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", ports[2]), 1).close()
            return process, ports
        except OSError:
            time.sleep(0.02)
    process.kill()
    raise AssertionError("haproxy does not listen")


def test_behind_haproxy(w):
    """As far as it goes on one machine: the client's address is another one of loopback's."""
    folder = tempfile.mkdtemp(prefix="sluice-proxy-")
    authority(folder, "ca")
    certificate(folder, "ca", "server")
    tls = f'tls: {{cert_file: "{folder}/server.pem", key_file: "{folder}/server.key"}}'
    sluice = Sluice(CONFIG % (SECRET, "proxy_protocol: 127.0.0.1", w.p.port))
    secure = Sluice(CONFIG % (SECRET, "proxy_protocol: 127.0.0.1\n" + tls, w.p.port))
    processes = []
    try:
        process, ports = haproxy(folder, sluice.port)
        processes.append(process)
        failures = metric(sluice)
        for i, port in enumerate(ports):
            with socket.create_connection(("127.0.0.1", port), 10,
                                          source_address=("127.0.0.9", 0)) as s:
                s.sendall(request_bytes())
                assert Answer(read_all(s, 10)).status == 200
            assert clients(sluice, i + 1)[-1] == "127.0.0.9"
        time.sleep(0.3)  # some checks of HAProxy's
        assert metric(sluice) == failures

        process, ports = haproxy(folder, secure.port)
        processes.append(process)
        for i, port in enumerate(ports[:2]):
            plain = socket.create_connection(("127.0.0.1", port), 10,
                                             source_address=("127.0.0.9", 0))
            with context(SimpleNamespace(folder=folder)).wrap_socket(
                    plain, server_hostname="localhost") as s:
                s.sendall(request_bytes())
                assert Answer(read_all(s, 10)).status == 200
            assert clients(secure, i + 1)[-1] == "127.0.0.9"
    finally:
        for process in processes:
            process.terminate()
            process.wait(10)
        sluice.stop()
        secure.stop()
        shutil.rmtree(folder)
