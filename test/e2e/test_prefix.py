"""Messages that the configuration puts in front: every client's reach every provider's model."""

import json
from types import SimpleNamespace

import players
from players import CLIENTS, PLAYS
from protocols import fixture
from test_crossing import ask, seen
from world import Sluice

PREFIX = """[Be curt., {role: user, content: "One – ein\\nWort?"},
             {role: assistant, content: "Wort."}]"""
CONFIG = """
listen: 127.0.0.1:@PORT@
state: {ledger: "sqlite:@FOLDER@/ledger.db"}
providers:@PROVIDERS@
models:
""" + "\n".join(f"  with-{wire}: {{is: {wire}/text, prefix: {PREFIX}}}" for wire in PLAYS) + "\n"


def open_world():
    providers = players.start()
    return SimpleNamespace(providers=providers,
                           sluice=Sluice(CONFIG.replace("@PROVIDERS@", players.config(providers))))


def said(wire, body):
    """Who said what, in the order in which the model reads it: system texts as one."""
    def text(content):
        if isinstance(content, str):
            return content
        return "\n\n".join(part["text"] for part in content or [] if "text" in part)
    if wire == "gemini":
        system, messages = text(body["systemInstruction"]["parts"]), [
            ("assistant" if m["role"] == "model" else m["role"], text(m["parts"])) for m in body["contents"]]
    elif wire == "responses":
        system = body.get("instructions")
        messages = [(m["role"], text(m["content"])) for m in body["input"]]
    else:
        system = text(body.get("system"))
        messages = [(m["role"], text(m["content"])) for m in body["messages"]]
    leading = [system] if system else []
    while messages[0][0] in ("system", "developer"):
        leading.append(messages.pop(0)[1])
    return "\n\n".join(leading), messages


def test_a_prefix_reaches_every_model(w):
    shots = [("user", "One – ein\nWort?"), ("assistant", "Wort."), ("user", "hi")]
    for client in CLIENTS:
        for wire in PLAYS:
            for stream in (False, True):
                a = ask(w, client, f"with-{wire}", stream=stream)
                assert a.status == 200 and a.whole, (client, wire, a.body)
                body = seen(w, wire)[1]
                assert said(wire, body) == ("Be curt.", shots), (client, wire, body)
                recorded = fixture(wire, "text", "stream.txt" if stream else "answer.json")
                if client == wire and not (stream and wire == "openai_chat"):
                    assert a.body == recorded, (client, a.body)
            mine = {"openai_chat": {"messages": [{"role": "system", "content": "Mine."}, {"role": "user", "content": "hi"}]},
                    "anthropic": {"system": [{"type": "text", "text": "Mine.", "cache_control": {"type": "ephemeral"}}]},
                    "responses": {"instructions": "Mine."}}[client]
            a = ask(w, client, f"with-{wire}", **mine)
            body = seen(w, wire)[1]
            assert a.status == 200 and said(wire, body) == ("Be curt.\n\nMine.", shots), (client, wire, body)
            ask(w, client, f"{wire}/text")
            assert "Be curt." not in json.dumps(seen(w, wire)[1])


def test_a_prefix_counts_as_tokens(w):
    ask_for = {"messages": [{"role": "user", "content": "hi"}]}
    a = w.sluice.request("POST", "/v1/messages/count_tokens", {"model": "with-gemini", **ask_for})
    b = w.sluice.request("POST", "/v1/messages/count_tokens", {"model": "gemini/text", **ask_for})
    assert a.status == b.status == 200, (a.body, b.body)
    assert a.json()["input_tokens"] > b.json()["input_tokens"] + 20, (a.body, b.body)
    a = w.sluice.request("POST", "/v1/messages/count_tokens", {"model": "with-anthropic", **ask_for})
    assert a.status == 200 and said("anthropic", seen(w, "anthropic")[1])[0] == "Be curt."
    a = w.sluice.request("POST", "/v1/embeddings", {"model": "with-openai_chat", "input": "hi"})
    assert a.status == 400 and "models.with-openai_chat has a prefix" in a.json()["error"]["message"], a.body
    assert a.json()["error"]["code"] == "unsupported_by_provider", a.body
