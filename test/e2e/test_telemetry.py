"""Telemetry: traces through sluice, spans and metrics for a collector, and what happens when that one
does not do its part."""

import os
import re
import signal
import socket
import statistics
import tempfile
import threading
import time
from types import SimpleNamespace

from certificates import authority, certificate
from collector import Collector, attributes_of, check_official, seconds_until
from world import (DONE, KEY, USAGE, Provider, Sluice, delta, endless, first_then_ok, free_port,
                   status, stream)

CONFIG = """
listen: 127.0.0.1:@PORT@
admin_listen: 127.0.0.1:@ADMIN@
state: {ledger: "sqlite:@FOLDER@/ledger.db"}
providers:
  main: {base_url: "http://127.0.0.1:MAIN/v1", key: "secret-of-main"}
  backup: {base_url: "http://127.0.0.1:BACKUP/v1", key: "secret-of-backup"}
default_provider: main
models:
  pair: {is: main/down, fallback: [backup/good]}
keys: {declared: {app: {secret: "${TEST_KEY}", tenant: shop}}}
retry: {attempts: 2, wait_min: 10ms, wait_max: 20ms}
"""
TOKEN = "token-of-the-collector"
QUICK = """telemetry:
  endpoint: ENDPOINT
  headers: {Authorization: "Bearer ${OTLP_TOKEN}"}
  service_name: test-sluice
  resource: {deployment.environment.name: test}
  delay: 30ms
  interval: 200ms
"""
SERVER, CLIENT, ERROR = 2, 3, 2
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENTED = f"00-{TRACE}-{PARENT}-01"


def config(w, telemetry):
    return (CONFIG.replace("MAIN", str(w.main.port)).replace("BACKUP", str(w.backup.port))
            + telemetry)


def open_world():
    w = SimpleNamespace(main=Provider(), backup=Provider(), collector=Collector())
    w.main.answers["down"] = status("503 Service Unavailable")
    w.main.answers["flaky"] = first_then_ok(status("500 Internal Server Error"))
    w.main.answers["stream"] = stream(delta(b"a"), delta(b"b", finish=b'"stop"'), USAGE, DONE)
    w.main.answers["cut"] = stream(delta(b"a"), end=False)
    w.sluice = Sluice(config(w, QUICK.replace("ENDPOINT", w.collector.url)), {"OTLP_TOKEN": TOKEN})
    return w


def started(w, telemetry):
    """A sluice of its own. `with` ends it, which has to go well."""
    return Ended(Sluice(config(w, telemetry), {"OTLP_TOKEN": TOKEN}))


class Ended:
    def __init__(self, sluice):
        self.sluice = sluice

    def __enter__(self):
        return self.sluice

    def __exit__(self, kind, *rest):
        code = self.sluice.stop()
        assert kind or code == 0, (code, self.sluice.log())


def sent(provider, name):
    """The values of that header in the requests that the provider got, oldest first."""
    return [line.split(b":", 1)[1].strip().decode() for head, _ in provider.seen
            for line in head.split(b"\r\n")[1:]
            if line.split(b":", 1)[0].lower() == name.encode()]


def last_sent(provider, name):
    """The same of the last request alone."""
    return sent(SimpleNamespace(seen=provider.seen[-1:]), name)


def number(sluice, name, labels=""):
    page = sluice.request("GET", "/metrics", port=sluice.admin_port).body.decode()
    found = re.search(rf"^{name}{re.escape(labels)} (\S+)$", page, re.M)
    assert found, (name, labels, page)
    return float(found[1])


def usual_ms(sluice, times=20):
    """How long a request takes, mostly."""
    took = []
    for _ in range(times):
        began = time.monotonic()
        assert sluice.chat("good").status == 200
        took.append((time.monotonic() - began) * 1000)
    return statistics.median(took)


# ---- spans ----

def test_a_turn_and_its_call(w):
    before = time.time_ns()
    a = w.sluice.chat("good", headers={"x-sluice-task": "greet"})
    after = time.time_ns()
    turn, calls = w.collector.turn(a)
    call, = calls
    assert re.fullmatch("[0-9a-f]{32}", turn.trace) and re.fullmatch("[0-9a-f]{16}", turn.id)
    assert call.trace == turn.trace and turn.parent is None and call.parent == turn.id
    assert (turn.kind, call.kind) == (SERVER, CLIENT)
    assert (turn.name, call.name) == ("POST /v1/chat/completions", "chat good")
    slack = 50_000_000  # the wall's time is looked at ten times a second
    assert before - slack <= turn.start <= call.start <= call.end <= turn.end <= after + slack
    assert turn.status == call.status == {}
    assert turn.resource == {"service.name": "test-sluice", "service.version": "0.1.0",
                             "service.instance.id": turn.resource["service.instance.id"],
                             "deployment.environment.name": "test"}
    assert last_sent(w.main, "traceparent") == [f"00-{turn.trace}-{call.id}-01"]
    cost = turn.attributes.pop("sluice.cost_usd", None)
    assert cost is None, "the model has no price"
    assert 0 < turn.attributes.pop("sluice.overhead_seconds") < 1
    assert turn.attributes == {
        "http.request.method": "POST", "http.route": "/v1/chat/completions",
        "http.response.status_code": 200, "sluice.turn.id": a.headers["x-sluice-id"],
        "sluice.api": "openai.chat", "sluice.asked": "good", "sluice.provider": "main",
        "sluice.model": "good", "sluice.tenant": "shop", "sluice.key": "app",
        "sluice.task": "greet", "sluice.calls": 1}
    assert call.attributes == {
        "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "good", "gen_ai.request.stream": False,
        "gen_ai.response.model": "real-name", "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.usage.input_tokens": 20, "gen_ai.usage.output_tokens": 7,
        "gen_ai.usage.cache_read.input_tokens": 12, "gen_ai.usage.reasoning.output_tokens": 2,
        "server.address": "127.0.0.1", "server.port": w.main.port,
        "sluice.provider": "main", "sluice.attempt": 1, "http.response.status_code": 200}


def test_the_clients_trace_goes_on(w):
    raw = (f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:{w.sluice.port}\r\n"
           f"Authorization: Bearer {KEY}\r\nConnection: close\r\nTraceparent: {PARENTED}\r\n"
           "tracestate: a=1\r\ntracestate: b=2\r\nContent-Length: 50\r\n\r\n").encode()
    body = b'{"model":"good","messages":[{"role":"user"}]}'
    answer = w.sluice.send(raw + body.ljust(50)).decode()
    turn, (call,) = w.collector.turn(re.search("x-sluice-id: (.*)\r", answer)[1])
    assert turn.trace == call.trace == TRACE and turn.parent == PARENT
    assert turn.raw["flags"] == 0x301 and call.raw["flags"] == 0x101
    assert call.id not in (PARENT, turn.id)
    assert last_sent(w.main, "traceparent") == [f"00-{TRACE}-{call.id}-01"]
    assert last_sent(w.main, "tracestate") == ["a=1", "b=2"]


def test_a_later_version_is_read_as_far_as_it_is_known(w):
    a = w.sluice.chat("good", headers={"traceparent": f"cc-{TRACE}-{PARENT}-03-more"})
    turn, (call,) = w.collector.turn(a)
    assert turn.trace == TRACE and turn.parent == PARENT
    assert last_sent(w.main, "traceparent") == [f"00-{TRACE}-{call.id}-03"]


def test_what_is_not_sampled_is_passed_on_and_not_told(w):
    headers = {"traceparent": f"00-{TRACE}-{PARENT}-00", "tracestate": "a=1"}
    a = w.sluice.chat("good", headers=headers)
    header, = last_sent(w.main, "traceparent")
    assert re.fullmatch(f"00-{TRACE}-[0-9a-f]{{16}}-00", header) and PARENT not in header
    assert last_sent(w.main, "tracestate") == ["a=1"]
    w.collector.turn(w.sluice.chat("good"))  # which comes later
    assert not [s for s in w.collector.spans()
                if s.get("sluice.turn.id") == a.headers["x-sluice-id"]]


def test_a_malformed_traceparent_is_as_none(w):
    for bad in ("", "00", PARENTED + "-01", PARENTED.upper(), "ff" + PARENTED[2:],
                f"00-{'0' * 32}-{PARENT}-01", f"00-{TRACE}-{'0' * 16}-01",
                f"00_{TRACE}-{PARENT}-01", f"00-{TRACE}-{PARENT}-0x", f"{PARENTED},{PARENTED}"):
        a = w.sluice.chat("good", headers={"traceparent": bad, "tracestate": "a=1"})
        turn, (call,) = w.collector.turn(a)
        assert turn.trace != TRACE and turn.parent is None, bad
        assert last_sent(w.main, "traceparent") == [f"00-{turn.trace}-{call.id}-01"], bad
        assert last_sent(w.main, "tracestate") == [], bad
    twice = {"traceparent": PARENTED, "Traceparent": PARENTED}
    turn, _ = w.collector.turn(w.sluice.chat("good", headers=twice))
    assert turn.trace != TRACE and len(last_sent(w.main, "traceparent")) == 1


def test_retries_and_the_fallback_are_spans(w):
    n = len(w.main.seen)
    a = w.sluice.chat("pair", headers={"traceparent": PARENTED})
    assert a.status == 200, a.body
    turn, calls = w.collector.turn(a)
    assert turn.get("sluice.calls") == 3 and turn.get("sluice.provider") == "backup"
    assert turn.get("sluice.asked") == "pair" and turn.status == {} and turn.trace == TRACE
    assert [c.get("sluice.attempt") for c in calls] == [1, 2, 3]
    assert [c.get("sluice.provider") for c in calls] == ["main", "main", "backup"]
    assert [c.get("http.response.status_code") for c in calls] == [503, 503, 200]
    assert [c.get("error.type") for c in calls] == ["upstream_unavailable"] * 2 + [None]
    assert [c.status.get("code") for c in calls] == [ERROR, ERROR, None]
    assert [c.get("server.port") for c in calls] == [w.main.port] * 2 + [w.backup.port]
    assert all(turn.start <= c.start <= c.end <= turn.end for c in calls)
    assert calls[0].end <= calls[1].start and calls[1].end <= calls[2].start
    assert len({c.id for c in calls}) == 3
    assert sent(SimpleNamespace(seen=w.main.seen[n:]), "traceparent") == [
        f"00-{TRACE}-{c.id}-01" for c in calls[:2]]
    assert last_sent(w.backup, "traceparent") == [f"00-{TRACE}-{calls[2].id}-01"]


def test_a_turn_that_fails(w):
    a = w.sluice.chat("down")
    turn, calls = w.collector.turn(w.sluice.chat("down", stream=True))
    assert "gen_ai.response.time_to_first_chunk" not in calls[0].attributes
    turn, calls = w.collector.turn(a)
    assert a.status == 503 and len(calls) == 2 and turn.status["code"] == ERROR
    assert turn.get("error.type") == "upstream_unavailable"
    assert turn.status["message"] == "the provider cannot answer now"
    a = w.sluice.chat("no/such-model", messages=5)
    assert a.status in (400, 404) or a.status == 200
    a = w.sluice.request("POST", "/v1/chat/completions", b'{"model": "lane/none", "messages": []}')
    turn, calls = w.collector.turn(a)
    assert a.status == 404 and calls == [] and turn.status == {}, "it is the client's mistake"
    assert turn.get("error.type") == "lane_not_found" and turn.get("sluice.calls") == 0


def test_streams(w):
    a = w.sluice.chat("stream", stream=True)
    turn, (call,) = w.collector.turn(a)
    assert a.whole and call.get("gen_ai.request.stream") is True
    assert call.get("gen_ai.response.finish_reasons") == ["stop"]
    assert call.get("gen_ai.response.model") == "m"
    assert call.get("gen_ai.usage.input_tokens") == 11
    assert call.get("gen_ai.usage.output_tokens") == 3
    assert 0 < call.get("gen_ai.response.time_to_first_chunk") < 5
    assert last_sent(w.main, "traceparent") == [f"00-{turn.trace}-{call.id}-01"]
    turn, (call,) = w.collector.turn(w.sluice.chat("cut", stream=True))
    assert call.get("error.type") == turn.get("error.type") == "upstream_cut"
    assert call.status["code"] == turn.status["code"] == ERROR
    assert "gen_ai.usage.output_tokens" not in call.attributes, "an estimate is no usage"


def test_a_client_that_leaves(w):
    gone = []
    w.main.answers["endless"] = endless(gone)
    body = b'{"model":"endless","stream":true,"messages":[{"role":"user","content":"hi"}]}'
    with socket.create_connection(("127.0.0.1", w.sluice.port)) as s:
        s.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
                  b"Authorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s"
                  % (KEY.encode(), len(body), body))
        head = s.recv(4096).decode()
    turn, (call,) = w.collector.turn(re.search("x-sluice-id: (.*)\r", head)[1])
    assert turn.get("error.type") == call.get("error.type") == "client_gone"
    assert turn.get("http.response.status_code") == 499
    assert turn.status == call.status == {}, "it is nobody's error"


def test_what_is_passed_on_unread(w):
    a = w.sluice.request("POST", "/v1/moderations", {"input": "x"},
                         {"traceparent": PARENTED, "tracestate": "a=1"})
    turn, (call,) = w.collector.turn(a)
    assert (turn.name, call.name) == ("POST /v1/moderations", "POST")
    assert turn.trace == TRACE and turn.parent == PARENT
    assert last_sent(w.main, "traceparent") == [f"00-{TRACE}-{call.id}-01"]
    assert last_sent(w.main, "tracestate") == ["a=1"]
    assert call.get("http.response.status_code") == 200
    assert not [name for name in call.attributes if name.startswith("gen_ai.")]
    a = w.sluice.request("POST", "/v1/audio/speech", {"input": "x"})
    assert w.collector.turn(a)[0].get("http.route") == "/v1/audio/speech"


def test_another_protocol(w):
    a = w.sluice.request("POST", "/v1/messages", {
        "model": "good", "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]},
        {"traceparent": PARENTED})
    turn, (call,) = w.collector.turn(a)
    assert a.status == 200 and turn.get("sluice.api") == "anthropic"
    assert call.get("gen_ai.response.finish_reasons") == ["stop"], "the provider's own word"
    assert last_sent(w.main, "traceparent") == [f"00-{TRACE}-{call.id}-01"]


def test_no_prompt_and_no_secret(w):
    """Where a prompt could hide: the text, an answer's odd model, an error that quotes."""
    odd = b'{"model":"wisdom of the prompt","choices":[{"finish_reason":"wisdom"}],"usage":{}}'
    w.main.answers["odd"] = status("200 OK", odd)
    quotes = b'{"error":{"message":"your wisdom was bad","type":"wisdom"}}'
    w.main.answers["quotes"] = status("400 Bad Request", quotes)
    in_body = b'{"error":{"message":"your wisdom was bad"}}'
    w.main.answers["inside"] = status("200 OK", in_body)
    for model in ("odd", "quotes", "inside"):
        a = w.sluice.chat(model, messages=[{"role": "user", "content": "wisdom"}])
        turn, calls = w.collector.turn(a)
        for span in [turn, *calls]:
            assert "wisdom of" not in str(span) and "your" not in str(span), span
    everything = b"".join(post[3] for post in w.collector.posts)
    for secret in (KEY, TOKEN, "secret-of-main", "secret-of-backup", "Bearer"):
        assert secret.encode() not in everything, secret


def test_what_the_collector_is_sent(w):
    w.collector.turn(w.sluice.chat("good"))
    seconds_until(w.collector.metrics)
    assert {post[1] for post in w.collector.posts} == {"/v1/traces", "/v1/metrics"}
    for _, _, headers, _, _ in w.collector.posts:
        assert headers["Content-Type"] == "application/json"
        assert headers["Authorization"] == "Bearer " + TOKEN
        assert headers["Host"] == f"127.0.0.1:{w.collector.port}"
        assert headers["User-Agent"].startswith("sluice/")
    assert w.collector.connections < len(w.collector.posts) / 2, "connections are kept"


def test_zz_the_official_schema_reads_it(w):
    """Last, so that it has all that the others made."""
    read = check_official(w.collector.posts)
    spans = [span for message in read if hasattr(message, "resource_spans")
             for group in message.resource_spans for scope in group.scope_spans
             for span in scope.spans]
    assert len(spans) >= 20
    for span in spans:
        assert len(span.trace_id) == 16 and len(span.span_id) == 8
        assert span.kind in (SERVER, CLIENT) and span.end_time_unix_nano > 1e18
        assert span.attributes and span.name
    metrics = [metric for message in read if hasattr(message, "resource_metrics")
               for group in message.resource_metrics for scope in group.scope_metrics
               for metric in scope.metrics]
    kinds = {metric.WhichOneof("data") for metric in metrics}
    assert kinds == {"sum", "gauge", "histogram"}, kinds
    for metric in metrics:
        for point in metric.histogram.data_points:
            assert len(point.bucket_counts) == len(point.explicit_bounds) + 1
            assert sum(point.bucket_counts) == point.count, metric


# ---- metrics ----

def points_of(metric, **labels):
    kind = next(k for k in ("sum", "gauge", "histogram") if k in metric)
    for point in metric[kind]["dataPoints"]:
        attributes = {k.replace(".", "_"): v for k, v in attributes_of(point).items()}
        if all(attributes.get(k) == v for k, v in labels.items()):
            yield point


def test_metrics(w):
    assert w.sluice.chat("measured").status == 200
    assert w.sluice.chat("measured").status == 200
    w.main.answers["measured stream"] = w.main.answers["stream"]
    assert w.sluice.chat("measured stream", stream=True).status == 200
    assert w.sluice.chat("down").status == 503

    def there():
        metric = w.collector.metrics().get("gen_ai.client.operation.duration")
        return metric and list(points_of(metric, gen_ai_request_model="measured stream"))
    seconds_until(there)
    m = w.collector.metrics()
    assert not [n for n, x in m.items() if "gauge" in x and x["unit"] == "1"], \
        "Prometheus would append _ratio to their names"
    duration = m["gen_ai.client.operation.duration"]
    assert duration["unit"] == "s" and duration["histogram"]["aggregationTemporality"] == 2
    point, = points_of(duration, gen_ai_request_model="measured")
    assert point["count"] == "2" and 0 < point["sum"] < 5
    assert attributes_of(point) == {"gen_ai.operation.name": "chat",
                                    "gen_ai.provider.name": "openai",
                                    "gen_ai.request.model": "measured"}
    assert point["explicitBounds"][:3] == [0.01, 0.02, 0.04]
    assert int(point["startTimeUnixNano"]) < int(point["timeUnixNano"])
    assert list(points_of(duration, gen_ai_request_model="down",
                          error_type="upstream_unavailable"))
    usage = m["gen_ai.client.token.usage"]
    point, = points_of(usage, gen_ai_request_model="measured", gen_ai_token_type="input")
    assert (point["count"], point["sum"]) == ("2", 40) and usage["unit"] == "{token}"
    point, = points_of(usage, gen_ai_request_model="measured", gen_ai_token_type="output")
    assert point["sum"] == 14
    first = m["gen_ai.client.operation.time_to_first_chunk"]
    assert not list(points_of(first, gen_ai_request_model="measured")), "it was no stream"
    point, = points_of(first, gen_ai_request_model="measured stream")
    assert point["count"] == "1"
    turns = m["sluice_turns_total"]
    assert turns["sum"]["isMonotonic"] is True
    point, = points_of(turns, model="measured", status="200")
    assert point["asInt"] == "2"
    assert number(w.sluice, "sluice_turns_total", '{api="openai.chat",provider="main",'
                  'model="measured",status="200"}') == 2
    point, = points_of(m["sluice_client_connections"])
    assert "startTimeUnixNano" not in point and int(point["asInt"]) >= 0


def test_the_page_has_every_metric_that_is_sent(w):
    w.collector.turn(w.sluice.chat("good"))
    seconds_until(w.collector.metrics)
    page = w.sluice.request("GET", "/metrics", port=w.sluice.admin_port).body.decode()
    on_page = set(re.findall(r"^# TYPE (\S+)", page, re.M))
    told = set(w.collector.metrics())
    assert {name for name in told if not name.startswith("gen_ai.")} <= on_page
    assert on_page <= told | {"sluice_limit_refusals_total"}, on_page - told
    assert number(w.sluice, "sluice_telemetry_spans_sent_total") > 0
    assert number(w.sluice, "sluice_telemetry_spans_dropped_total") == 0


# ---- a collector that does not do its part ----

def small(url, more=""):
    return f"telemetry: {{endpoint: \"{url}\", delay: 20ms, metrics: off, batch: 4{more}}}\n"


def said(sluice, words):
    return sluice.log().count(words)


def test_a_collector_that_is_down(w):
    port = free_port()
    with started(w, small(f"http://127.0.0.1:{port}", ", queue: 10")) as s:
        with_it = usual_ms(s)
        assert with_it < usual_ms(w.sluice) + 20
        assert number(s, "sluice_telemetry_waiting_spans") == 10
        assert number(s, "sluice_telemetry_spans_dropped_total") == 30, "20 turns, 2 spans each"
        seconds_until(lambda: number(s, "sluice_telemetry_failures_total") >= 2)
        assert said(s, "telemetry cannot be sent") == 1, s.log()
        seconds_until(lambda: said(s, "telemetry drops spans") == 1)
        c = Collector(port)
        seconds_until(lambda: len(c.spans()) == 10, 10)
        seconds_until(lambda: said(s, "telemetry is sent again") == 1)
        a = s.chat("good")
        c.turn(a)
        assert len(c.spans()) == 12 == len({span.id for span in c.spans()})
        seconds_until(lambda: number(s, "sluice_telemetry_spans_sent_total") == 12)
        assert said(s, "telemetry cannot be sent") == said(s, "telemetry drops spans") == 1
        c.close()


def test_a_collector_that_does_not_answer(w):
    c = Collector()
    c.answer = lambda path, n: c.release.wait(60) and None
    s = Sluice(config(w, small(c.url, ", timeout: 30s")))
    usual = usual_ms(w.sluice)
    assert usual_ms(s) < usual + 20
    began = time.monotonic()
    assert s.stop() == 0
    assert time.monotonic() - began < 4, "the end does not wait for it for long"
    assert said(s, "telemetry is lost") == 1, s.log()
    c.close()


def test_a_timeout_is_a_failure(w):
    c = Collector()
    c.answer = lambda path, n: c.release.wait(1.0) and None if n == 0 else None
    with started(w, small(c.url, ", timeout: 150ms")) as s:
        a = s.chat("good")
        seconds_until(lambda: number(s, "sluice_telemetry_failures_total") == 1)
        c.turn(a, 8)
        assert said(s, "telemetry cannot be sent") == said(s, "telemetry is sent again") == 1
    c.close()


def test_retry_after_is_honoured_and_nothing_is_lost(w):
    c = Collector()
    c.answer = lambda path, n: (503, {"Retry-After": "2"}) if n == 0 else None
    with started(w, small(c.url)) as s:
        answers = [s.chat("good") for _ in range(6)]
        for a in answers:
            c.turn(a, 8)
        times = [post[0] for post in c.posts]
        assert 1.9 < times[1] - times[0] < 3.5, times
        ids = [span.id for span in c.spans()]
        assert len(ids) == 12 == len(set(ids))
        assert number(s, "sluice_telemetry_spans_dropped_total") == 0
        for refused in (429, 502, 504):
            n = len(c.posts)
            c.answer = lambda path, k, n=n, r=refused: (r, {}) if k == n else None
            a = s.chat("good")
            c.turn(a, 8)
            assert len(c.posts) >= n + 2 and c.posts[n][3] == c.posts[n + 1][3], refused
    c.close()


def test_a_retry_after_of_nothing_is_no_loop(w):
    c = Collector()
    c.answer = lambda path, n: (503, {"Retry-After": "0"})
    with started(w, small(c.url)) as s:
        for _ in range(4):
            assert s.chat("good").status == 200
        seconds_until(lambda: len(c.posts) > 0)
        time.sleep(1.0)
        assert len(c.posts) <= 3, "half a second at least, then one"
    c.close()


def test_what_the_collector_refuses_is_dropped(w):
    c = Collector()
    c.answer = lambda path, n: (400, {})
    with started(w, small(c.url)) as s:
        for _ in range(3):
            s.chat("good")
            n = len(c.posts)
            seconds_until(lambda n=n: len(c.posts) > n or number(
                s, "sluice_telemetry_waiting_spans") == 0)
        seconds_until(lambda: number(s, "sluice_telemetry_spans_dropped_total") == 6)
        assert said(s, "telemetry cannot be sent") == 1, s.log()
        c.answer = lambda path, n: None
        c.turn(s.chat("good"))
        bodies = [post[3] for post in c.posts]
        assert len(bodies) == len(set(bodies)), "nothing was sent twice"
        c.body = b'{"partialSuccess":{"rejectedSpans":"1","errorMessage":"too old"}}'
        c.turn(s.chat("good"))
        seconds_until(lambda: number(s, "sluice_telemetry_spans_dropped_total") == 7)
        assert said(s, "telemetry was rejected in part") == 1, s.log()
    c.close()


def test_a_kept_connection_that_has_ended(w):
    """It shows when the next post is made, and costs no failure."""
    c = Collector()
    with started(w, small(c.url)) as s:
        c.turn(s.chat("good"))
        c.close()
        time.sleep(0.1)
        c2 = Collector(c.port)
        c2.turn(s.chat("good"), 8)
        assert number(s, "sluice_telemetry_failures_total") <= 1
        c2.close()


def test_tls_and_a_path(w):
    folder = tempfile.mkdtemp(prefix="sluice-telemetry-")
    authority(folder, "ca")
    certificate(folder, "ca", "server")
    c = Collector(tls=(f"{folder}/server.pem", f"{folder}/server.key"))
    with started(w, small(c.url + "/otlp/", f", tls: {{ca_file: \"{folder}/ca.pem\"}}")) as s:
        assert s.chat("good").status == 200
        seconds_until(lambda: len(c.posts) > 0)
        assert {post[1] for post in c.posts} == {"/otlp/v1/traces"}
    with started(w, small(c.url)) as s:
        assert s.chat("good").status == 200
        seconds_until(lambda: said(s, "telemetry cannot be sent") == 1)
        assert "certificate" in s.log()
    c.close()


def test_a_renewed_ca_file_is_taken(w):
    folder = tempfile.mkdtemp(prefix="sluice-telemetry-")
    authority(folder, "ca")
    authority(folder, "trusted")
    certificate(folder, "ca", "server")
    c = Collector(tls=(f"{folder}/server.pem", f"{folder}/server.key"))
    with started(w, small(c.url, f", tls: {{ca_file: \"{folder}/trusted.pem\"}}")) as s:
        assert s.chat("good").status == 200
        seconds_until(lambda: "telemetry cannot be sent" in s.log())
        os.rename(f"{folder}/ca.pem", f"{folder}/trusted.pem")
        seconds_until(lambda: s.chat("good").status == 200 and len(c.posts) > 0, 10)
    c.close()


# ---- the end, and what changes meanwhile ----

def test_the_last_batch_is_sent_at_the_end(w):
    c = Collector()
    telemetry = f"telemetry: {{endpoint: \"{c.url}\", delay: 1h, interval: 1h}}\n"
    with started(w, telemetry) as s:
        answers = [s.chat("good") for _ in range(3)]
        time.sleep(0.3)
        assert c.posts == [], "not before it is due"
        began = time.monotonic()
        assert s.stop() == 0
        assert time.monotonic() - began < 2
    for a in answers:
        c.turn(a)
    assert len(c.spans()) == 6 and c.metrics()["sluice_turns_total"]
    c.close()


def test_a_full_batch_does_not_wait(w):
    c = Collector()
    telemetry = f"telemetry: {{endpoint: \"{c.url}\", delay: 1h, metrics: off, batch: 6}}\n"
    with started(w, telemetry) as s:
        for _ in range(3):
            s.chat("good")
        seconds_until(lambda: len(c.spans()) == 6)
        assert len(c.posts) == 1
    c.close()


def test_sampling(w):
    c = Collector()
    with started(w, small(c.url, ", sample: 0")) as s:
        n = len(w.main.seen)
        s.chat("good")
        header, = last_sent(w.main, "traceparent")
        assert header.endswith("-00"), header
        a = s.chat("good", headers={"traceparent": PARENTED})
        c.turn(a)  # the client has decided
        assert len(c.spans()) == 2 and len(w.main.seen) == n + 2
        s.write(config(w, small(c.url, ", sample: 50%")))
        s.process.send_signal(signal.SIGHUP)
        seconds_until(lambda: "reloaded" in s.log())
        n = len(w.main.seen)
        for _ in range(60):
            s.chat("good")
        flags = [v[-2:] for v in sent(SimpleNamespace(seen=w.main.seen[n:]), "traceparent")]
        assert 10 < flags.count("01") < 50 and flags.count("00") == 60 - flags.count("01")
        seconds_until(lambda: len(c.spans()) == 2 + 2 * flags.count("01"))
    c.close()


def test_a_reload_changes_the_endpoint(w):
    first, second = Collector(), Collector()
    with started(w, small(first.url)) as s:
        first.turn(s.chat("good"))
        s.write(config(w, small(second.url, ", queue: 100, service_name: renamed")))
        s.process.send_signal(signal.SIGHUP)
        seconds_until(lambda: said(s, "reloaded") == 1)
        n = len(first.posts)
        turn, _ = second.turn(s.chat("good"))
        assert turn.resource["service.name"] == "renamed" and len(first.posts) == n
        s.write(config(w, ""))
        s.process.send_signal(signal.SIGHUP)
        seconds_until(lambda: said(s, "reloaded") == 2)
        n = len(second.posts)
        assert s.chat("good", headers={"traceparent": "as it came"}).status == 200
        assert last_sent(w.main, "traceparent") == ["as it came"]
        time.sleep(0.2)
        assert len(second.posts) == n
        s.write(config(w, small(first.url)))
        s.process.send_signal(signal.SIGHUP)
        seconds_until(lambda: said(s, "reloaded") == 3)
        first.turn(s.chat("good"))
    first.close()
    second.close()


def test_a_reload_frees_what_waits_for_a_collector_that_is_down(w):
    c = Collector()
    with started(w, small(f"http://127.0.0.1:{free_port()}")) as s:
        a = s.chat("good")
        seconds_until(lambda: said(s, "telemetry cannot be sent") == 1)
        s.write(config(w, small(c.url)))
        s.process.send_signal(signal.SIGHUP)
        assert seconds_until(lambda: len(c.spans()) == 2) < 3
        c.turn(a)
    c.close()


def holding(path, answer):
    """A collector whose first post to `path` waits for `release`, and an event: it is there."""
    c, there = Collector(), threading.Event()

    def answered(where, _):
        if where == path and not c.release.is_set():
            there.set()
            c.release.wait(20)
        return answer
    c.answer = answered
    return c, there


def reloaded_amid(w, s, telemetry, c, there):
    """Another configuration while a post is under way, which then gets its answer."""
    assert there.wait(5)
    s.write(config(w, telemetry))
    s.process.send_signal(signal.SIGHUP)
    seconds_until(lambda: said(s, "reloaded") == 1)
    c.release.set()


def test_metrics_switched_off_amid_a_post(w):
    c, there = holding("/v1/metrics", None)
    telemetry = f"telemetry: {{endpoint: \"{c.url}\", interval: 100ms, metrics: %s}}\n"
    with started(w, telemetry % "on") as s:
        reloaded_amid(w, s, telemetry % "off", c, there)
        time.sleep(0.5)
    assert len(c.bodies("/v1/metrics")) == 1, "the one that was under way"
    c.close()


def test_switched_off_amid_a_post_nothing_waits(w):
    c, there = holding("/v1/traces", (503, {}))
    with started(w, small(c.url)) as s:
        assert s.chat("good").status == 200
        reloaded_amid(w, s, "", c, there)
        seconds_until(lambda: number(s, "sluice_telemetry_waiting_spans") == 0)
        assert number(s, "sluice_telemetry_spans_dropped_total") == 2
        assert len(c.posts) == 1
    c.close()


# ---- off, and wrong ----

def test_off_is_off(w):
    c = Collector()
    with started(w, "telemetry: {service_name: unused}\n") as s:
        assert s.chat("good").status == 200
        assert last_sent(w.main, "traceparent") == [] == last_sent(w.main, "tracestate")
        for value in (PARENTED, "nonsense", "00-x"):
            s.chat("good", headers={"traceparent": value, "tracestate": "a=1,,b"})
            assert last_sent(w.main, "traceparent") == [value]
            assert last_sent(w.main, "tracestate") == ["a=1,,b"]
        descriptors = os.listdir(f"/proc/{s.process.pid}/fd")
        assert len(descriptors) < 40
    assert c.connections == 0
    c.close()


def test_one_without_the_other(w):
    c = Collector()
    either = f"telemetry: {{endpoint: \"{c.url}\", delay: 20ms, interval: 100ms, %s: off}}\n"
    with started(w, either % "traces") as s:
        assert s.chat("good", headers={"traceparent": "x", "tracestate": "y"}).status == 200
        assert last_sent(w.main, "traceparent") == ["x"], "nobody traces here"
        seconds_until(lambda: "gen_ai.client.operation.duration" in c.metrics())
    assert c.spans() == []
    n = len(c.bodies("/v1/metrics"))
    with started(w, either % "metrics") as s:
        c.turn(s.chat("good"))
        time.sleep(0.3)
    assert len(c.bodies("/v1/metrics")) == n
    c.close()


def test_a_wrong_configuration_is_refused(w):
    for telemetry, words in (
            ("telemetry: nowhere\n", "is no URL"),
            ("telemetry: {endpoint: \"http://bob:word@x:4318\"}\n", "'headers'"),
            ("telemetry: {endpoint: \"http://x:4318\", headers: {Host: y}}\n", "itself"),
            ("telemetry: {endpoint: \"http://x:4318\", headers: {\"a b\": y}}\n", "header"),
            ("telemetry: {endpoint: \"http://x:4318\", sample: 2}\n", "sample")):
        s = Sluice(config(w, telemetry), wait=False)
        assert s.process.wait(10) != 0, telemetry
        assert words in s.log(), s.log()
