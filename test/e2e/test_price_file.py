"""A file of prices of one's own: before the shipped list, renewed without a signal, and not where it
is wrong."""

import json
import os
import tempfile
import time
from types import SimpleNamespace

from players import Always
from world import Provider, Sluice, whole

CONFIG = """
listen: 127.0.0.1:@PORT@
admin_listen: 127.0.0.1:@ADMIN@
state: {ledger: "sqlite:@FOLDER@/ledger.db"}
providers:
  house: {base_url: "http://127.0.0.1:%d/v1", key: k, prices: mine}
price_file: "%s/prices.json"
"""
ANSWER = {"id": "c", "object": "chat.completion", "created": 1, "model": "m",
          "choices": [{"index": 0, "message": {"role": "assistant", "content": "x"},
                       "finish_reason": "stop"}],
          "usage": {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}}


def prices(w, text):
    """In place by a new name, as who renews it does."""
    path = os.path.join(w.folder, "prices.json")
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.write(text)
    os.rename(path + ".new", path)


def listed(dollars_in, dollars_out):
    return json.dumps({"version": 1, "models": {"mine/m": {
        "kind": "chat", "input": dollars_in * 10**9, "output": dollars_out * 10**9}}})


def open_world():
    p = Provider()
    p.answers = Always(lambda conn, head, body, n: conn.sendall(whole(json.dumps(ANSWER).encode())))
    w = SimpleNamespace(p=p, folder=tempfile.mkdtemp(prefix="sluice-prices-"))
    prices(w, listed(1, 2))
    w.sluice = Sluice(CONFIG % (p.port, w.folder))
    return w


def cost(w):
    a = w.sluice.chat("house/m")
    assert a.status == 200, a.body
    w.sluice.turn(a)
    return w.sluice.rows("SELECT cost_usd_nanos FROM turns WHERE id = ?",
                         a.headers["x-sluice-id"])[0][0]


def becomes(fn, seconds=10):
    end = time.time() + seconds
    while not fn() and time.time() < end:
        time.sleep(0.1)
    return fn()


def test_renewed_prices_are_taken(w):
    assert cost(w) == 1000 * 1000 + 100 * 2000
    prices(w, listed(3, 5))
    assert becomes(lambda: cost(w) == 1000 * 3000 + 100 * 5000), w.sluice.log()[-2000:]
    prices(w, '{"version":1,"models":')
    assert becomes(lambda: "reload refused" in w.sluice.log()), w.sluice.log()[-2000:]
    assert "price_file" in w.sluice.log().split("reload refused")[-1]
    assert cost(w) == 1000 * 3000 + 100 * 5000, "the last good ones stay"
    prices(w, listed(2, 1))
    assert becomes(lambda: cost(w) == 1000 * 2000 + 100 * 1000), w.sluice.log()[-2000:]
