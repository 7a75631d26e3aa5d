"""sluice doctor: each check, where all is well and where it is not."""
import datetime
import json
import os
import resource
import shutil
import socket
import ssl
import subprocess
import threading
import unittest

from program import SLUICE, Folder, has
from world import Provider, free_port, whole

MODELS = b'{"object":"list","data":[]}'


def models(status="200 OK", body=MODELS, headers=()):
    def answer(conn, head, request, n):
        conn.sendall(whole(body, status, headers))
    return answer


def http_date(ahead_s=0):
    now = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=ahead_s)
    return "Date: " + now.strftime("%a, %d %b %Y %H:%M:%S GMT")


class Doctor(Folder):
    def look(self, config, *words, env=None, **more):
        """The exit code, and {check: [finding]}."""
        self.write("sluice.yaml", config)
        done = self.sluice("doctor", "--json", *words, env=env, **more)
        findings = json.loads(done.stdout)["findings"]
        checks = {}
        for finding in findings:
            checks.setdefault(finding["check"], []).append(finding)
        return done.returncode, checks

    def expect(self, checks, name, verdict, says="", advice=""):
        got = checks[name][0]
        self.assertEqual(got["verdict"], verdict, got)
        self.assertIn(says, got["about"] + ": " + got["text"])
        self.assertIn(advice, got["advice"])
        if verdict in ("warning", "problem"):
            self.assertTrue(got["advice"], got)

    def ask(self, answer=None, url=None, more="", **words):
        if answer:
            provider = Provider()
            provider.answers["/v1/models"] = answer
            url = f"http://127.0.0.1:{provider.port}/v1"
            self.addCleanup(provider.socket.close)
            self.provider = provider
        return self.look("listen: 127.0.0.1:0\nhttp: {connections: 10}\n"
                         f"providers: {{p: {{base_url: '{url}'{more}}}}}\n", **words)


class Alone(Doctor):
    """What needs no provider."""

    def alone(self, config, **more):
        return self.look(config, "--offline", **more)

    def test_all_is_well(self):
        code, checks = self.alone(f"listen: 127.0.0.1:{free_port()}\n"
                                  "http: {connections: 10}\n"
                                  "providers: {p: {base_url: http://127.0.0.1:1/v1}}\n")
        self.assertEqual(code, 0)
        for name in ("configuration", "environment", "prices", "descriptors", "mappings", "ledger",
                     "port"):
            self.expect(checks, name, "ok")
        for name in ("name", "connection", "key", "clock", "telemetry"):
            self.expect(checks, name, "skipped", "--offline")

    def test_people_read_it(self):
        self.write("sluice.yaml", "http: {connections: 10}\nlisten: 127.0.0.1:0\n"
                                  "providers: {p: {base_url: http://127.0.0.1:1/v1}}\n"
                                  "models: {fast: {is: p/m}}\n")
        done = self.sluice("doctor", "--offline")
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertRegex(done.stdout, r"(?m)^warning +prices +fast: p/m has no price")
        self.assertRegex(done.stdout, r"(?m)^ +-> set prices: ")
        self.assertRegex(done.stdout.splitlines()[-1], r"^0 problems, \d+ warnings?$")

    def test_mistakes(self):
        code, checks = self.alone("listen: 127.0.0.1:0\nnonsense: 1\n")
        self.assertEqual(code, 1)
        self.expect(checks, "configuration", "problem", "sluice.yaml:2", "sluice check")
        self.expect(checks, "ledger", "skipped")

    def test_no_file(self):
        done = self.sluice("doctor", "--config", "gone.yaml")
        self.assertEqual(done.returncode, 3)
        self.assertIn("gone.yaml: cannot be read", done.stdout)
        self.assertEqual(self.sluice("doctor", "what").returncode, 2)

    def test_variables(self):
        config = ("listen: 127.0.0.1:0\n# ${NOT_READ}\nproviders:\n"
                  "  p: {base_url: 'http://127.0.0.1:1/v1', key: '${DOCTOR_KEY}'}\n"
                  "  q: {base_url: 'http://127.0.0.1:1/v1', key: '${DOCTOR_KEY}$${NOT_ONE}'}\n"
                  "  r: {base_url: 'http://127.0.0.1:1/v1', key: '${DOCTOR_OTHER:-x}'}\n"
                  "default_provider: none\n")
        code, checks = self.alone(config)
        self.assertEqual(code, 1)
        self.assertEqual(len(checks["environment"]), 1)
        self.expect(checks, "environment", "problem", "DOCTOR_KEY: is not set", "export DOCTOR_KEY")
        code, checks = self.alone(config, env={"DOCTOR_KEY": ""})
        self.assertEqual(code, 0)
        self.expect(checks, "environment", "warning", "DOCTOR_KEY: is set, but empty")
        _, checks = self.alone(config, env={"DOCTOR_KEY": "x"})
        self.expect(checks, "environment", "ok", "3 references")

    def test_prices(self):
        config = ("listen: 127.0.0.1:0\nproviders: {p: {base_url: http://127.0.0.1:1/v1}}\n"
                  "models: {fast: {is: p/m}}\n")
        _, checks = self.alone(config)
        self.expect(checks, "prices", "warning", "p/m has no price", "prices: {p/m")
        _, checks = self.alone(config + "prices: {p/m: {input: 1, output: 2}}\n")
        self.expect(checks, "prices", "ok")

    def test_descriptors(self):
        def few():
            resource.setrlimit(resource.RLIMIT_NOFILE, (300, 300))
        config = "listen: 127.0.0.1:0\nhttp: {connections: 1000}\n"
        _, checks = self.alone(config, preexec_fn=few)
        self.expect(checks, "descriptors", "warning", "carry only 66 clients",
                    "LimitNOFILE=3100 in the unit (or ulimit -Hn), or "
                    "http: {connections: 66, streams: 66}")
        config = "listen: 127.0.0.1:0\nhttp: {connections: 90, streams: 20}\n"
        _, checks = self.alone(config, preexec_fn=few)
        self.expect(checks, "descriptors", "ok")

    def test_ledger_of_another_user(self):
        config = f"listen: 127.0.0.1:0\nstate: {{ledger: 'sqlite:{self.folder}/x/ledger.db'}}\n"
        os.mkdir(self.path("x"))
        _, checks = self.alone(config)
        self.expect(checks, "ledger", "ok", "MiB are free")
        self.write("x/ledger.db", "this is no database, " * 100)
        code, checks = self.alone(config)
        self.assertEqual(code, 1)
        self.expect(checks, "ledger", "problem", "not a database")

    @unittest.skipUnless(os.geteuid() == 0, "another user can only be had by root")
    def test_ledger_where_this_user_may_not_write(self):
        os.chmod(self.folder, 0o755)
        self.write("sluice.yaml", "listen: 127.0.0.1:0\n")

        def nobody():
            os.setgid(65534)
            os.setuid(65534)
        done = self.sluice("doctor", "--offline", preexec_fn=nobody)
        self.assertEqual(done.returncode, 1)
        self.assertIn("may make no file in", done.stdout)

    def test_ports(self):
        with socket.socket() as taken, socket.socket(socket.AF_UNIX) as path:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            path.bind(self.path("s"))
            path.listen()
            code, checks = self.alone(f"listen: 127.0.0.1:{taken.getsockname()[1]}\n"
                                      f"admin_listen: unix:{self.path('s')}\n")
        self.assertEqual(code, 1)
        self.expect(checks, "port", "problem", f"in use by python3, process {os.getpid()}",
                    "let listen name another")
        self.expect({"port": checks["port"][1:]}, "port", "problem",
                    f"in use by python3, process {os.getpid()}", "admin_listen")
        # The file that was left behind is in nobody's way.
        code, checks = self.alone(f"listen: unix:{self.path('s')}\n")
        self.assertEqual(code, 0)
        self.expect(checks, "port", "ok", "free")

    def test_ports_of_the_sluice_that_serves(self):
        config = (f"listen: 127.0.0.1:{free_port()}\nadmin_listen: unix:{self.path('s')}\n"
                  "http: {connections: 10}\nstate: {ledger: off}\n")
        self.write("sluice.yaml", config)
        with subprocess.Popen([SLUICE, "serve", "--config", self.path("sluice.yaml")],
                              cwd=self.folder, stderr=subprocess.PIPE) as serves:
            self.addCleanup(serves.kill)
            while b"listening" not in serves.stderr.readline():
                self.assertIsNone(serves.poll())
            code, checks = self.alone(config)
            serves.terminate()
        self.assertEqual(code, 0)
        for finding in checks["port"]:
            self.expect({"port": [finding]}, "port", "ok",
                        f"sluice (process {serves.pid}) listens there already")


class Asking(Doctor):
    """What providers say."""

    def test_all_is_well(self):
        code, checks = self.ask(models(headers=[http_date()]), more=", key: secret-one")
        self.assertEqual(code, 0)
        self.expect(checks, "name", "ok", "1 address")
        self.expect(checks, "connection", "ok")
        self.expect(checks, "key", "ok", "the key is accepted")
        self.expect(checks, "clock", "ok")
        self.assertEqual(len(self.provider.seen), 1)
        head = self.provider.seen[0][0]
        self.assertTrue(head.startswith(b"GET /v1/models HTTP/1.1\r\n"), head)
        self.assertIn(b"\r\nAuthorization: Bearer secret-one", head)
        self.assertNotIn("secret-one", json.dumps(checks))

    def test_telemetry(self):
        _, checks = self.ask(models())
        self.expect(checks, "telemetry", "ok", "is off")
        config = ("listen: 127.0.0.1:0\nhttp: {connections: 10}\n"
                  "telemetry: {endpoint: '%s', headers: {Authorization: secret-one}}\n"
                  "providers: {p: {kind: recorded, file: %s}}\n")
        file = self.write("answers.jsonl", "")
        for status, verdict, advice in [("200 OK", "ok", ""), ("401 Unauthorized", "warning", "token"),
                                        ("404 Not Found", "warning", "/v1/traces"),
                                        ("500 Oh", "warning", "log")]:
            collector = Provider()
            self.addCleanup(collector.socket.close)
            collector.answers[""] = models(status, b"{}")
            code, checks = self.look(config % (f"http://127.0.0.1:{collector.port}", file))
            self.expect(checks, "telemetry", verdict, "", advice)
            self.assertEqual(collector.seen[0][1], b'{"resourceSpans":[]}')
            self.assertIn(b"\r\nAuthorization: secret-one", collector.seen[0][0])
        _, checks = self.look(config % (f"http://127.0.0.1:{free_port()}", file))
        self.expect(checks, "telemetry", "warning", "nobody listens there", "4318")

    def test_keys(self):
        for status, more, verdict, says in [
                ("401 Unauthorized", ", key: k", "problem", "the key is refused"),
                ("403 Forbidden", ", key: k", "problem", "the key is refused"),
                ("401 Unauthorized", "", "problem", "has none"),
                ("401 Unauthorized", ", pass_key: on", "ok", "clients bring"),
                ("404 Not Found", ", key: k", "skipped", "no list of models"),
                ("503 Service Unavailable", ", key: k", "warning", "cannot answer now"),
                ("200 OK", "", "ok", "asks for no key")]:
            with self.subTest(status=status, more=more):
                code, checks = self.ask(models(status), more=more)
                self.expect(checks, "key", verdict, says)
                self.assertEqual(code, 1 if verdict == "problem" else 0)

    def test_somebody_else_answers(self):
        for status, body, says in [
                ("200 OK", b"<html>Please log in</html>", "page answers in its place"),
                ("302 Found", b"", "a redirect"),
                ("407 Proxy Authentication Required", b"", "a proxy on the way"),
                ("511 Network Authentication Required", b"", "a proxy on the way")]:
            with self.subTest(status=status):
                code, checks = self.ask(models(status, body))
                self.assertEqual(code, 1)
                self.expect(checks, "key", "problem", says, "curl -i http://127.0.0.1")

    def test_clock(self):
        code, checks = self.ask(models(headers=[http_date(-3600)]))
        self.assertEqual(code, 0)
        self.expect(checks, "clock", "warning", "ahead of its own", "timedatectl")
        _, checks = self.ask(models(headers=[http_date(90)]))
        self.expect(checks, "clock", "warning", "behind its own")
        _, checks = self.ask(models(headers=[http_date(30)]))
        self.expect(checks, "clock", "ok")
        _, checks = self.ask(models())
        self.expect(checks, "clock", "skipped")

    def test_no_such_name(self):
        code, checks = self.ask(url="http://nowhere.invalid/v1", env={"https_proxy": "http://x"})
        self.assertEqual(code, 1)
        self.expect(checks, "name", "problem", "nowhere.invalid", "without one")
        self.expect(checks, "connection", "skipped")
        self.expect(checks, "key", "skipped")

    def test_nobody_listens(self):
        code, checks = self.ask(url=f"http://127.0.0.1:{free_port()}/v1")
        self.assertEqual(code, 1)
        self.expect(checks, "connection", "problem", "nobody listens there", "firewall")


OPENSSL_CA = """
[ca]
default_ca = d
[d]
dir = .
new_certs_dir = .
database = index.txt
serial = serial
default_md = sha256
policy = p
copy_extensions = copy
[p]
commonName = supplied
"""


@unittest.skipUnless(has("openssl"), "openssl is not installed")
class Tls(Doctor):
    def openssl(self, *words):
        subprocess.run(["openssl", *words], cwd=self.folder, check=True,
                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def authority(self):
        self.write("ca.conf", OPENSSL_CA)
        self.write("index.txt", "")
        self.write("serial", "01\n")
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                     "-nodes", "-subj", "/CN=authority", "-keyout", "ca.key", "-out", "ca.pem",
                     "-days", "30")

    def serve(self, name="IP:127.0.0.1", start="20200101000000Z", end="20400101000000Z"):
        """The URL of a server whose certificate is so."""
        self.authority()
        self.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                     "-subj", "/CN=server", "-addext", "subjectAltName=" + name, "-keyout",
                     "s.key", "-out", "s.csr")
        self.openssl("ca", "-batch", "-notext", "-config", "ca.conf", "-cert", "ca.pem", "-keyfile",
                     "ca.key", "-in", "s.csr", "-out", "s.pem", "-startdate", start,
                     "-enddate", end)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.path("s.pem"), self.path("s.key"))
        server = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(server.close)

        def serve():
            while True:
                try:
                    conn, _ = server.accept()
                    with context.wrap_socket(conn, server_side=True) as tls:
                        tls.recv(65536)
                        tls.sendall(whole(MODELS))
                except ssl.SSLError:
                    continue
                except OSError:
                    return
        threading.Thread(target=serve, daemon=True).start()
        return f"https://127.0.0.1:{server.getsockname()[1]}/v1"

    def tls(self, more="", **certificate):
        shutil.rmtree(self.folder)
        os.mkdir(self.folder)
        url = self.serve(**certificate)
        return self.ask(url=url, more=f", tls: {{ca_file: '{self.path('ca.pem')}'{more}}}")

    def test_good(self):
        code, checks = self.tls()
        self.assertEqual(code, 0, checks)
        self.expect(checks, "connection", "ok", "its certificate is good, HTTP/1.1")

    def test_bad_dates(self):
        code, checks = self.tls(end="20210101000000Z")
        self.assertEqual(code, 1)
        self.expect(checks, "connection", "problem", "has expired", "has to be renewed")
        _, checks = self.tls(start="20390101000000Z")
        self.expect(checks, "connection", "problem", "not yet valid", "clock")

    def test_wrong_host(self):
        code, checks = self.tls(name="DNS:other.example")
        self.assertEqual(code, 1)
        self.expect(checks, "connection", "problem", "it is for other.example", "another host")

    def test_unknown_authority(self):
        code, checks = self.ask(url=self.serve())
        self.assertEqual(code, 1)
        self.expect(checks, "connection", "problem", "certificate", "ca_file")

    def test_not_looked_at(self):
        code, checks = self.ask(url=self.serve(), more=", tls: {insecure: on}")
        self.assertEqual(code, 0, checks)
        self.expect(checks, "connection", "warning", "not looked at")

    def test_no_tls_there(self):
        provider = Provider()
        self.addCleanup(provider.socket.close)
        provider.answers["/v1/models"] = models()

        def refuse():
            conn, _ = plain.accept()
            conn.recv(4096)
            conn.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
            conn.recv(4096)
            conn.close()
        with socket.create_server(("127.0.0.1", 0)) as plain:
            threading.Thread(target=refuse, daemon=True).start()
            code, checks = self.ask(url=f"https://127.0.0.1:{plain.getsockname()[1]}/v1")
        self.assertEqual(code, 1)
        self.expect(checks, "connection", "problem", "not TLS", "write http://")
