"""HTTPS for clients: versions, certificates of both sides, renewal, and who speaks something else."""

import json
import os
import socket
import ssl
import subprocess
import tempfile
import time
from types import SimpleNamespace

from certificates import authority, certificate, context, openssl
from players import Always
from world import (DONE, KEY, SLUICE, Answer, Provider, Sluice, answer_ok, delta, endless, gone_within,
                   read_all, stream)

CONFIG = """
listen: 127.0.0.1:@PORT@
admin_listen: 127.0.0.1:@ADMIN@
state: {ledger: "sqlite:@FOLDER@/ledger.db"}
http: {header_timeout: 1s}
tls: {cert_file: "%s/server.pem", key_file: "%s/server.key"%s}
providers:
  p: {base_url: "http://127.0.0.1:%d/v1", key: house}
"""


def open_world():
    folder = tempfile.mkdtemp(prefix="sluice-tls-")
    authority(folder, "ca")
    authority(folder, "other-ca")
    certificate(folder, "ca", "server", "first")
    certificate(folder, "ca", "client")
    certificate(folder, "other-ca", "stranger")
    p = Provider()
    p.answers = Always(answer_ok)
    w = SimpleNamespace(p=p, folder=folder)
    w.sluice = Sluice(CONFIG % (folder, folder, "", p.port))
    w.asking = Sluice(CONFIG % (folder, folder, f', client_ca_file: "{folder}/ca.pem"', p.port))
    return w


def connect(w, sluice=None, c=None, session=None):
    raw = socket.create_connection(("127.0.0.1", (sluice or w.sluice).port), 10)
    return (c or context(w)).wrap_socket(raw, server_hostname="127.0.0.1", session=session)


def request_bytes(body, close=True):
    data = json.dumps(body).encode()
    end = "Connection: close\r\n" if close else ""
    return (f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\n{end}"
            f"Authorization: Bearer {KEY}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(data)}\r\n\r\n").encode() + data


CHAT = {"model": "p/m", "messages": [{"role": "user", "content": "hi"}]}


def ask(conn, body=None):
    conn.sendall(request_bytes(body or CHAT))
    return Answer(read_all(conn, 10))


def refused(fn):
    """The client is told in TLS' own words, at the handshake or (TLS 1.3) right behind it."""
    try:
        answer = fn()
    except (ssl.SSLError, ConnectionResetError, BrokenPipeError):
        return True
    return answer.status == 0


def test_both_versions(w):
    for version, name in ((ssl.TLSVersion.TLSv1_3, "TLSv1.3"), (ssl.TLSVersion.TLSv1_2, "TLSv1.2")):
        with connect(w, c=context(w, most=version)) as conn:
            assert conn.version() == name and conn.selected_alpn_protocol() == "http/1.1"
            a = ask(conn)
            assert a.status == 200 and a.whole and a.headers["x-sluice-id"], a.headers


def test_protocols_that_it_does_not_speak(w):
    def ask_for(name):
        with connect(w, c=context(w, alpn=(name,))) as conn:
            return ask(conn)
    assert refused(lambda: ask_for("spdy/1"))


def test_older_versions_are_refused(w):
    c = context(w, most=ssl.TLSVersion.TLSv1_1)
    c.minimum_version = ssl.TLSVersion.TLSv1
    c.set_ciphers("ALL:@SECLEVEL=0")
    assert refused(lambda: ask(connect(w, c=c)))


def test_many_requests_on_one_connection(w):
    with connect(w) as conn:
        for _ in range(3):
            conn.sendall(request_bytes(CHAT, close=False))
            data = b""
            while True:
                data += conn.recv(1 << 16)
                head, found, rest = data.partition(b"\r\n\r\n")
                if found and Answer(data).whole and rest:
                    break
            assert Answer(data).status == 200, head


def test_large_bodies_both_ways(w):
    big = "x" * 3000000
    w.p.answers = Always(lambda conn, head, body, n: conn.sendall(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
        % (len(body), body)))
    with connect(w) as conn:
        a = ask(conn, {"model": "p/m", "messages": [{"role": "user", "content": big}]})
    w.p.answers = Always(answer_ok)
    assert a.status == 200 and a.whole and len(a.body) > len(big), (a.status, len(a.body))
    assert a.json()["messages"][0]["content"] == big


def test_streams_come_event_by_event(w):
    w.p.answers = Always(stream(delta(b"one "), delta(b"two", finish=b'"stop"'), DONE, pause=0.3))
    with connect(w) as conn:
        conn.sendall(request_bytes(dict(CHAT, stream=True)))
        data, first_at = b"", None
        while True:
            piece = conn.recv(1 << 16)
            if not piece:
                break
            data += piece
            if first_at is None and b"one " in data:
                first_at = time.time()
        late = time.time() - first_at
    w.p.answers = Always(answer_ok)
    assert b"[DONE]" in data and b"two" in data and late > 0.2, (late, data[-200:])


def test_a_client_that_hangs_up(w):
    gone = []
    w.p.answers = Always(endless(gone))
    conn = connect(w)
    conn.sendall(request_bytes(dict(CHAT, stream=True)))
    data = conn.recv(1 << 16)
    conn.close()
    closed = gone_within(gone)
    w.p.answers = Always(answer_ok)
    turn = w.sluice.turn_by_id(data.split(b"x-sluice-id: ")[1].split(b"\r\n")[0].decode())
    assert closed and turn["error"] == "client_gone", turn


def test_a_session_is_resumed(w):
    c = context(w)
    for _ in range(3):  # a reload in between (files are looked at) makes new tickets
        with connect(w, c=c) as conn:
            assert ask(conn).status == 200 and not conn.session_reused
            session = conn.session
        with connect(w, c=c, session=session) as conn:
            reused = conn.session_reused
            assert ask(conn).status == 200
        if reused:
            return
    assert False, "never resumed"


def test_plain_http_is_told(w):
    a = Answer(w.sluice.send(request_bytes(CHAT)))
    assert a.status == 400 and a.whole and b"https://" in a.body, (a.status, a.body)


def test_anything_else_is_closed(w):
    before = failures(w)
    for data in (b"\x00" * 100, b"\x16\x03\x01\xff\xff" + b"a" * 70000, b"\r\n\r\n", b"SSH-2.0-x\r\n"):
        w.sluice.send(data, timeout=5)
    assert failures(w) >= before + 4


def test_a_slow_handshake_ends(w):
    with socket.create_connection(("127.0.0.1", w.sluice.port), 5) as s:
        s.sendall(b"\x16\x03\x01\x00")
        began = time.time()
        assert s.recv(100) == b"" and 0.5 < time.time() - began < 3


def test_the_admins_own_door_on_this_machine_stays_plain(w):
    a = w.sluice.request("GET", "/health", port=w.sluice.admin_port)
    assert a.status == 200, a.body


def failures(w):
    text = w.sluice.request("GET", "/metrics", port=w.sluice.admin_port).body.decode()
    return int(next(line for line in text.splitlines()
                    if line.startswith("sluice_tls_failures_total")).split()[1])


def test_clients_certificates(w):
    ask_as = lambda own: ask(connect(w, w.asking, context(w, own=own)))
    assert ask_as("client").status == 200
    assert refused(lambda: ask_as(None))
    assert refused(lambda: ask_as("stranger"))


def subject(conn):
    return dict(pair[0] for pair in conn.getpeercert()["subject"])["commonName"]


def until(w, name):
    end = time.time() + 10
    while time.time() < end:
        with connect(w) as conn:
            if subject(conn) == name:
                return True
        time.sleep(0.1)
    return False


def test_renewed_certificates_are_taken(w):
    with connect(w) as old:
        assert subject(old) == "first"
        certificate(w.folder, "ca", "server", "second")
        assert until(w, "second"), w.sluice.log()[-2000:]
        assert ask(old).status == 200, "who is there stays there"
    kept = os.path.join(w.folder, "kept.key")
    os.rename(os.path.join(w.folder, "server.key"), kept)
    os.link(os.path.join(w.folder, "client.key"), os.path.join(w.folder, "server.key"))
    end = time.time() + 10
    while "reload refused" not in w.sluice.log() and time.time() < end:
        time.sleep(0.1)
    assert "server.key" in w.sluice.log().split("reload refused")[-1], w.sluice.log()[-2000:]
    assert until(w, "second"), "with a key of another the old pair stays"
    os.rename(kept, os.path.join(w.folder, "server.key"))


FRONT = """
listen: 127.0.0.1:@PORT@
admin_listen: 127.0.0.1:@ADMIN@
state: {ledger: "sqlite:@FOLDER@/ledger.db"}
providers:
  back: {base_url: "https://localhost:%d/v1", key: house,
         tls: {ca_file: %s/trusted.pem, cert_file: %s/own.pem, key_file: %s/own.key}}
"""


def put(w, folder, **files):
    """Each of these in place by a new name, as who renews them does."""
    for name, source in files.items():
        path = os.path.join(folder, name.replace("_", "."))
        with open(os.path.join(w.folder, source), "rb") as file, open(path + ".new", "wb") as new:
            new.write(file.read())
        os.rename(path + ".new", path)


def becomes(fn, seconds=10):
    end = time.time() + seconds
    while not fn() and time.time() < end:
        time.sleep(0.1)
    return fn()


def test_renewed_files_to_a_provider_are_taken(w):
    own = tempfile.mkdtemp(prefix="sluice-tls-own-")
    put(w, own, trusted_pem="other-ca.pem", own_pem="client.pem", own_key="client.key")
    front = Sluice(FRONT % (w.asking.port, own, own, own))
    try:
        status = lambda: front.chat("back/p/m").status
        assert status() == 502, "the provider's authority is another"
        put(w, own, trusted_pem="ca.pem")
        assert becomes(lambda: status() == 200), front.log()[-2000:]

        # Who is there goes on while the next connections get the new files.
        w.p.answers = Always(stream(delta(b"one "), *[delta(b"more ")] * 40, DONE, pause=0.1))
        conn = socket.create_connection(("127.0.0.1", front.port), 10)
        conn.sendall(request_bytes({"model": "back/p/m", "stream": True, "messages": []}))
        first = conn.recv(1 << 16)
        w.p.answers = Always(answer_ok)
        put(w, own, own_pem="stranger.pem", own_key="stranger.key")
        assert becomes(lambda: status() == 502), "the provider refuses this certificate"
        rest = read_all(conn, 10)
        conn.close()
        assert b"[DONE]" in first + rest and (first + rest).count(b"more ") == 40

        put(w, own, own_pem="client.pem", own_key="client.key")
        assert becomes(lambda: status() == 200), front.log()[-2000:]
        put(w, own, own_key="stranger.key")
        assert becomes(lambda: "reload refused" in front.log())
        assert "own.key" in front.log().split("reload refused")[-1], front.log()[-2000:]
        assert status() == 200, "a pair that does not fit is not taken"
    finally:
        w.p.answers = Always(answer_ok)
        front.stop()


def check(w, tls):
    path = os.path.join(w.folder, "check.yaml")
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"listen: 127.0.0.1:1\ntls: {tls}\n")
    done = subprocess.run([SLUICE, "check", path], cwd=w.folder, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=20, check=False)
    return done.returncode, done.stdout + done.stderr


def test_the_configuration_is_checked(w):
    openssl(w.folder, "ec", "-in", "client.key", "-aes128", "-passout", "pass:secret", "-out",
            "locked.key")
    assert check(w, "{cert_file: client.pem, key_file: client.key}")[0] == 0
    for tls, word in (("{cert_file: none.pem}", "none.pem"),
                      ("{cert_file: client.pem}", "client.pem"),
                      ("{cert_file: client.pem, key_file: stranger.key}", "stranger.key"),
                      ("{cert_file: client.pem, key_file: locked.key}", "locked.key"),
                      ("{key_file: client.key}", "cert_file"),
                      ("{cert_file: client.pem, key_file: client.key, client_ca_file: client.key}",
                       "client.key")):
        code, text = check(w, tls)
        assert code == 1 and word in text and "check.yaml:2" in text, (tls, code, text)
