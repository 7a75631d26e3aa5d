"""An OpenTelemetry collector that takes OTLP over HTTP as JSON, and misbehaves on request.

What it is sent is read twice: here, and by OpenTelemetry's own schema (`check_official`), which is
the one package from outside; see requirements.txt.
"""

import base64
import http.server
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))


class Collector:
    """`answers` is asked before each post is taken: None takes it; (status, headers) refuses it."""

    def __init__(self, port=0, tls=None):
        self.posts = []      # (time, path, headers, body)
        self.connections = 0
        self.open = set()
        self.answer = lambda path, n: None
        self.body = b"{}"
        self.release = threading.Event()  # for answers that wait for ever
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                outer.connections += 1
                outer.open.add(self.request)
                super().setup()

            def finish(self):
                outer.open.discard(self.request)
                super().finish()

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                refused = outer.answer(self.path, len(outer.posts))
                outer.posts.append((time.time(), self.path, dict(self.headers), body,
                                    refused is None))
                status, headers = refused or (200, {})
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(outer.body)))
                self.end_headers()
                self.wfile.write(outer.body)

            def log_message(self, *args):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True

            def handle_error(self, request, client_address):
                pass

        self.server = Server(("127.0.0.1", port), Handler)
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self):
        self.release.set()
        self.server.shutdown()
        self.server.server_close()
        for connection in list(self.open):
            connection.shutdown(socket.SHUT_RDWR)

    def bodies(self, path, taken=True):
        return [json.loads(post[3]) for post in list(self.posts)
                if post[1] == path and (post[4] or not taken)]

    def spans(self):
        """All that were taken, as Span, in the order in which they came."""
        return [Span(span, group["resource"]) for body in self.bodies("/v1/traces")
                for group in body["resourceSpans"] for scope in group["scopeSpans"]
                for span in scope["spans"]]

    def turn(self, answer_or_id, seconds=5.0):
        """A turn's span and its calls', once the first is there (it is the last to end)."""
        turn_id = answer_or_id if isinstance(answer_or_id, str) \
            else answer_or_id.headers["x-sluice-id"]
        end = time.time() + seconds
        while time.time() < end:
            spans = self.spans()
            for turn in spans:
                if turn.get("sluice.turn.id") == turn_id:
                    return turn, [s for s in spans if s.parent == turn.id]
            time.sleep(0.02)
        raise AssertionError(f"no span of turn {turn_id} among {len(self.spans())}")

    def metrics(self):
        """{name: metric} of the last post of metrics that was taken."""
        bodies = self.bodies("/v1/metrics")
        return {metric["name"]: metric for group in bodies[-1]["resourceMetrics"]
                for scope in group["scopeMetrics"] for metric in scope["metrics"]} \
            if bodies else {}


def value_of(value):
    kind, inner = next(iter(value.items()))
    if kind == "intValue":
        assert isinstance(inner, str), "64 bits are a string"
        return int(inner)
    if kind == "arrayValue":
        return [value_of(v) for v in inner["values"]]
    return inner


def attributes_of(holder):
    names = [a["key"] for a in holder["attributes"]]
    assert len(names) == len(set(names)), names
    return {a["key"]: value_of(a["value"]) for a in holder["attributes"]}


class Span:
    def __init__(self, span, resource):
        self.raw = span
        self.trace, self.id = span["traceId"], span["spanId"]
        self.parent = span.get("parentSpanId")
        self.name, self.kind = span["name"], span["kind"]
        self.start, self.end = int(span["startTimeUnixNano"]), int(span["endTimeUnixNano"])
        self.attributes = attributes_of(span)
        self.status = span.get("status", {})
        self.resource = attributes_of(resource)

    def get(self, name):
        return self.attributes.get(name)

    def __repr__(self):
        return json.dumps(self.raw, indent=1)


def seconds_until(test, seconds=5.0):
    """How long it took until `test()` was true."""
    began = time.time()
    while not test():
        if time.time() - began > seconds:
            raise AssertionError(f"not so within {seconds} s")
        time.sleep(0.02)
    return time.time() - began


# ---- OpenTelemetry's own schema ----

def schema():
    """The messages of the two requests and the reader, from build/venv-otlp."""
    wanted = os.path.join(HERE, "requirements.txt")
    venv = os.path.join(ROOT, "build", "venv-otlp")
    mark = os.path.join(venv, ".installed")
    with open(wanted, encoding="utf-8") as file:
        text = file.read()
    installed = os.path.isfile(mark) and open(mark, encoding="utf-8").read()
    python = os.path.join(venv, "bin", "python")
    if installed != text:
        subprocess.run([sys.executable, "-m", "venv", "--clear", venv], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check",
                        "--no-deps", "-r", wanted], check=True)
        with open(mark, "w", encoding="utf-8") as file:
            file.write(text)
    where = subprocess.run([python, "-c", "import site; print(site.getsitepackages()[0])"],
                           check=True, capture_output=True, text=True).stdout.strip()
    if where not in sys.path:
        sys.path.append(where)
    # pylint: disable=import-outside-toplevel
    from google.protobuf import json_format
    from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
    from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
    return {"/v1/traces": trace_service_pb2.ExportTraceServiceRequest,
            "/v1/metrics": metrics_service_pb2.ExportMetricsServiceRequest}, json_format


def ids_as_protobuf(value):
    """OTLP writes ids in hex, where protobuf's JSON has base64."""
    if isinstance(value, list):
        return [ids_as_protobuf(v) for v in value]
    if not isinstance(value, dict):
        return value
    return {k: base64.b64encode(bytes.fromhex(v)).decode()
            if k in ("traceId", "spanId", "parentSpanId") else ids_as_protobuf(v)
            for k, v in value.items()}


def check_official(posts):
    """Every post read by the schema, in which a name that it does not know is an error."""
    messages, json_format = schema()
    read = []
    for post in posts:
        body = ids_as_protobuf(json.loads(post[3]))
        read.append(json_format.ParseDict(body, messages[post[1]]()))
    return read
