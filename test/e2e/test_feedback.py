"""POST /v1/feedback: what became of a task: whose it is, once, again, after a kill; and what the
task had cost by then and after."""

import json
import os
import signal
import sqlite3
import subprocess
import threading
import time
from types import SimpleNamespace

from players import Always
from world import SLUICE, Provider, Sluice, answer_ok, first_then_ok, status, whole

CONFIG = """
listen: 127.0.0.1:@PORT@
admin_listen: 127.0.0.1:@ADMIN@
state: {ledger: "sqlite:@FOLDER@/ledger.db"}
providers:
  p: {base_url: "http://127.0.0.1:%d/v1", key: house}
default_provider: p
models: {stands-in: {is: p/breaks, fallback: [p/m]}}
lanes: {cheap: [p/weak], strong: [p/m]}
prices:
  - {provider: p, model: "m", input: 2, output: 6, cached: 1}
  - {provider: p, model: "weak", input: 1, output: 3, cached: 0.5}
  - {provider: p, model: "breaks", input: 1, output: 3, cached: 0.5}
  - {provider: p, model: "slow", input: 2, output: 6, cached: 1}
keys:
  require: true
  declared:
    a: {secret: key-of-a, tenant: first}
    a2: {secret: key-of-a2, tenant: first}
    b: {secret: key-of-b, tenant: second}
retry: {attempts: 2, backoff: 1ms}
"""


def open_world():
    p = Provider()
    p.answers = {"breaks": Always(status("503 Down")).get("x"),
                 "slow": lambda conn, head, body, n: (time.sleep(2), answer_ok(conn, head, body, n))}
    return SimpleNamespace(p=p, sluice=Sluice(CONFIG % p.port))
