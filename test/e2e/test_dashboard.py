"""packaging/grafana/sluice.json: does it ask for what /metrics really has?"""

import json
import os
import re
from types import SimpleNamespace

from world import Provider, Sluice, status

FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "packaging", "grafana",
                    "sluice.json")
CONFIG = """
listen: 127.0.0.1:@PORT@
admin_listen: 127.0.0.1:@ADMIN@
state: {ledger: "sqlite:@FOLDER@/ledger.db"}
providers:
  p: {base_url: "http://127.0.0.1:PORT/v1", key: house}
models:
  pair: {is: p/down, fallback: [p/good]}
prices: {p/good: {input: 1, output: 2}}
retry: {attempts: 2, wait_min: 1ms, wait_max: 2ms}
keys: {require: true, declared: {app: "${TEST_KEY}", few: {secret: "few", limits: {requests_per_minute: 1}}}}
"""
PROMETHEUS_ADDS = {"instance", "job", "le"}


def open_world():
    p = Provider()
    p.answers["down"] = status("503 Service Unavailable")
    w = SimpleNamespace(sluice=Sluice(CONFIG.replace("PORT/", f"{p.port}/")))
    with open(FILE, encoding="utf-8") as file:
        w.dashboard = json.load(file)
    assert w.sluice.chat("pair").status == 200
    assert w.sluice.chat("good").status == 200
    assert w.sluice.chat("p/unpriced").status == 200
    assert w.sluice.chat("good", key="few").status == 200
    assert w.sluice.chat("good", key="few").status == 429
    assert w.sluice.chat("good", key="nobody").status == 401
    w.page = w.sluice.request("GET", "/metrics", port=w.sluice.admin_port).body.decode()
    w.types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", w.page, re.M))
    return w


def panels(w):
    return [p for p in w.dashboard["panels"] if p["type"] != "row"]


def queries(w):
    """(where, PromQL) of everything that is asked."""
    for p in panels(w):
        for t in p["targets"]:
            yield p["title"], t["expr"]
    for v in w.dashboard["templating"]["list"]:
        if v["type"] == "query":
            yield v["name"], v["definition"]
    for a in w.dashboard["annotations"]["list"]:
        yield a["name"], a["expr"]


def labels_of(w, name):
    found = re.findall(rf"^{name}(?:{{(.*)}})? \S+$", w.page, re.M)
    assert found, f"{name} has no series"
    return {label for text in found for label in re.findall(r'(\w+)="', text)} | PROMETHEUS_ADDS


def test_every_metric_and_label_is_there(w):
    asked = set()
    for where, expr in queries(w):
        names = re.findall(r"\bsluice_\w+", expr)
        assert names, (where, expr)
        known = set()
        for name in names:
            base = re.sub(r"_(bucket|sum|count)$", "", name)
            histogram = w.types.get(base) == "histogram"
            assert w.types.get(base if histogram else name), f"{where}: there is no {name}"
            assert not histogram or name != base, f"{where}: {name} is a histogram"
            known |= labels_of(w, name)
            asked.add(base if histogram else name)
        wanted = set(re.findall(r'(\w+)\s*(?:=~|!=|!~|=)\s*"', expr))
        for inside in re.findall(r"\bby \(([^)]*)\)", expr):
            wanted |= {label.strip() for label in inside.split(",")}
        found = re.search(r"^label_values\(.*, (\w+)\)$", expr)
        wanted |= {found[1]} if found else set()
        assert wanted <= known, (where, wanted - known)
        shown = {label for p in panels(w) for t in p["targets"] if t["expr"] == expr
                 for label in re.findall(r"{{(\w+)}}", t["legendFormat"])}
        assert shown <= known, (where, shown - known)
    assert {"sluice_turn_seconds", "sluice_cost_usd_total", "sluice_turns_total",
            "sluice_turns_running"} <= asked


def test_counters_are_asked_for_their_rate(w):
    for where, expr in queries(w):
        for name in re.findall(r"\bsluice_\w+", expr):
            if expr.startswith("label_values"):
                continue
            counts = name.endswith("_bucket") or w.types.get(name) == "counter"
            rated = re.search(rf"\b(rate|increase)\({name}\b", expr)
            assert bool(rated) == counts, (where, expr)
        assert expr.count("(") == expr.count(")") and expr.count("{") == expr.count("}"), expr


def test_values_that_are_compared_exist(w):
    """A status, an outcome: what stands in a query stands on the page in this form."""
    for label, text in (("status", "200"), ("outcome", "ok")):
        assert any(f'{label}="{text}"' in expr or f'{label}!="{text}"' in expr
                   for _, expr in queries(w)), label
        assert f'{label}="{text}"' in w.page
    assert re.search(r'sluice_upstream_calls_total{.*outcome="upstream_unavailable"', w.page)


def test_it_is_a_dashboard(w):
    """What Grafana wants of one: numbers of their own, a data source to choose, no overlap."""
    ids = [p["id"] for p in w.dashboard["panels"]]
    assert len(ids) == len(set(ids))
    taken = set()
    for p in w.dashboard["panels"]:
        g = p["gridPos"]
        assert g["x"] + g["w"] <= 24, p["title"]
        cells = {(x, y) for x in range(g["x"], g["x"] + g["w"])
                 for y in range(g["y"], g["y"] + g["h"])}
        assert not cells & taken, p["title"]
        taken |= cells
    for p in panels(w):
        assert p["datasource"]["uid"] == "${datasource}" and p["targets"]
        refs = [t["refId"] for t in p["targets"]]
        assert len(refs) == len(set(refs))
    titles = [p["title"] for p in panels(w) if p["type"] == "stat"]
    assert len(titles) == 4, "the four numbers"
