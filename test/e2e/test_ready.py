"""GET /ready: what is known, and no more than one connection to find out."""

import re
import socket
import threading
import time
from types import SimpleNamespace

from world import Provider, Sluice, free_port, reset

CONFIG = """
listen: 127.0.0.1:@PORT@
admin_listen: 127.0.0.1:@ADMIN@
state: {ledger: "sqlite:@FOLDER@/ledger.db"}
providers:
  p: {base_url: "http://127.0.0.1:%d/v1"}
retry: {on: off}
"""


def open_world():
    p = Provider()
    return SimpleNamespace(p=p, sluice=Sluice(CONFIG % p.port))


def ready(sluice):
    return sluice.request("GET", "/ready", key=None).status


def ready_at_once(sluice, times):
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(ready(sluice)))
               for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def metric(sluice, line):
    text = sluice.request("GET", "/metrics", key=None, port=sluice.admin_port).body.decode()
    return float(re.search("^" + line + r" (\S+)$", text, re.M)[1])


def test_a_an_answer_is_news(w):
    assert w.sluice.chat("m", key=None).status == 200
    before = w.p.accepted
    assert ready_at_once(w.sluice, 10) == [200] * 10
    assert w.p.accepted == before


def test_b_only_an_answer_ends_a_rest(w):
    """The server accepts connections, which is no answer."""
    w.p.answers["broken"] = reset
    assert w.sluice.chat("broken", key=None).status == 502
    before = w.p.accepted
    assert ready(w.sluice) == 503
    assert w.p.accepted == before
    assert metric(w.sluice, r"sluice_upstream_up{.*}") == 0
    time.sleep(1.1)  # its first rest is a second long
    assert ready_at_once(w.sluice, 10) == [200] * 10
    assert w.p.accepted == before + 1
    assert w.sluice.chat("broken", key=None).status == 502
    time.sleep(1.1)  # its second one is longer: the probe was no success
    assert ready(w.sluice) == 503
    assert w.p.accepted == before + 2
    time.sleep(1)
    assert w.sluice.chat("m", key=None).status == 200
    assert ready(w.sluice) == 200


def test_c_nobody_there(_):
    sluice = Sluice(CONFIG % free_port())
    try:
        assert [ready(sluice) for _ in range(10)] == [503] * 10
        assert metric(sluice, r'sluice_upstream_connections_total{.*how="failed".*}') == 1
    finally:
        sluice.stop()


def test_d_those_who_ask_together_share_a_probe(_):
    """A server whose queue is full lets connections wait for ever."""
    full = socket.socket()
    full.bind(("127.0.0.1", 0))
    full.listen(0)
    inside = [socket.socket() for _ in range(4)]
    for s in inside:
        s.setblocking(False)
        s.connect_ex(full.getsockname())
    sluice = Sluice(CONFIG % full.getsockname()[1])
    try:
        began = time.time()
        assert ready_at_once(sluice, 10) == [503] * 10
        assert ready(sluice) == 503  # and now it is known
        assert time.time() - began < 2
        assert metric(sluice, r'sluice_upstream_connections_total{.*how="failed".*}') == 1
    finally:
        sluice.stop()
        for s in (full, *inside):
            s.close()
