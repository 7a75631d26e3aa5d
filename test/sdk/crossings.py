"""What the crossings are tried on: a sluice of their own in front of recorded providers in each
protocol, and what each recording says by a reader of our own (test/e2e/protocols.py)."""

import json
import os
import shutil
import sys
from types import SimpleNamespace

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
os.environ.setdefault("SLUICE", "build/sluice")

import players
import protocols
from world import KEY, Sluice

CONFIG = """
listen: 127.0.0.1:@PORT@
state: {ledger: "sqlite:@FOLDER@/ledger.db"}
retry: {attempts: 1}
providers:@PROVIDERS@
lanes: {cheap: [gemini/text]}
keys: {require: true, declared: {app: {secret: "${TEST_KEY}", tenant: shop}}}
"""

# The recordings of each provider by what they show.
SHOWS = {
    "openai_chat": {"text": "text", "tool": "one-tool", "tools": "parallel-tools",
                    "thinking": "thinking", "error": "rate-limit"},
    "responses": {"text": "text", "tool": "tool", "tools": "tools-parallel",
                  "thinking": "thinking"},
    "anthropic": {"text": "text", "tool": "tool-one", "tools": "tool-parallel",
                  "thinking": "thinking", "error": "error"},
    "gemini": {"text": "text", "tool": "tool", "tools": "tools-parallel", "thinking": "thinking",
               "error": "error-list"},
    "converse": {"text": "text", "tool": "tool", "tools": "tools-parallel",
                 "thinking": "thinking", "error": "error-validation"},
}


def meant(wire, name):
    """What a recording says, whole and streamed; None where it has no such part."""
    whole = protocols.fixture(wire, name, "answer.json")
    stream = protocols.fixture(wire, name, "stream.txt")
    return {"whole": whole and protocols.WHOLE[wire](json.loads(whole)),
            "stream": stream and protocols.STREAM[wire](protocols.events_of(stream))}


class World:
    def __init__(self):
        self.providers = players.start()
        text = CONFIG.replace("@PROVIDERS@", players.config(self.providers))
        self.sluice = Sluice(text)
        self.url = f"http://127.0.0.1:{self.sluice.port}"
        self.key = KEY

    def stop(self):
        code = self.sluice.stop()
        shutil.rmtree(self.sluice.folder, ignore_errors=True)
        return code

    def expectations(self):
        """For the JavaScript clients: provider -> what it shows -> model and what it says."""
        return {wire: {shows: {"model": f"{wire}/{name}", **meant(wire, name)}
                       for shows, name in recordings.items()}
                for wire, recordings in SHOWS.items()}


def cases():
    for wire, recordings in SHOWS.items():
        yield SimpleNamespace(wire=wire, shows=recordings)
