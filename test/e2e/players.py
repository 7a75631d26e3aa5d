"""Providers that play the recorded answers of test/fixture/wire, each in its own protocol.

Which recording, the model's name says ("anthropic/tool-one"). "agent" is a conversation: a call of
a tool first, and a text once the tool's result has come.
"""

import json

from protocols import aws_frame, events_of, fixture
from world import Provider, chunk, whole

PLAYS = ("openai_chat", "responses", "anthropic", "gemini", "converse")
CLIENTS = {"openai_chat": "/v1/chat/completions", "anthropic": "/v1/messages",
           "responses": "/v1/responses"}


def model_of(head, body):
    """Gemini and Bedrock have the model in the path."""
    path = head.split()[1].decode()
    if path.endswith("/count_tokens"):
        return "count", False
    if "/models/" in path:
        return path.split("/models/")[1].split(":")[0], "streamGenerateContent" in path
    if "/model/" in path:
        return path.split("/")[2], path.endswith("/converse-stream")
    asked = json.loads(body)
    return asked["model"], bool(asked.get("stream"))


# A recording that calls one tool, and what marks a tool's result in a request.
AGENT = {"openai_chat": ("one-tool", b'"tool_call_id"'), "responses": ("tool", b'function_call_output'),
         "anthropic": ("tool-one", b'"tool_result"'), "gemini": ("tool", b'functionResponse'),
         "converse": ("tool", b'"toolResult"')}


def recording(wire, name, body):
    if name != "agent":
        return name
    tool, result = AGENT[wire]
    return "text" if result in body else tool


def play(wire):
    def answer(conn, head, body, n):
        name, stream = model_of(head, body)
        name = recording(wire, name, body)
        if name == "count":
            conn.sendall(whole(b'{"input_tokens": 2095}'))
            return
        error = fixture(wire, name, "error.json")
        part = error or fixture(wire, name, "stream.txt" if stream else "answer.json")
        kind = "text/event-stream" if stream and not error else "application/json"
        if wire == "converse" and stream and not error:
            kind = "application/vnd.amazon.eventstream"
            part = b"".join(aws_frame(name, data.encode()) for name, data in events_of(part))
        status = "400 Bad Request" if error else "200 OK"
        if error and set(json.loads(error)) == {"status", "body"}:
            status = f"{json.loads(error)['status']} No"
            part = json.dumps(json.loads(error)["body"]).encode()
        conn.sendall((f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\n"
                      "Transfer-Encoding: chunked\r\n\r\n").encode())
        for at in range(0, len(part), 700):  # cut anywhere
            conn.sendall(chunk(part[at:at + 700]))
        conn.sendall(b"0\r\n\r\n")
    return answer


class Always(dict):
    """Whatever the model is called, the same answerer."""

    def __init__(self, answer):
        super().__init__()
        self.answer = answer

    def get(self, key, default=None):
        return self.answer


def start():
    """A provider for each protocol, by its name."""
    providers = {}
    for wire in PLAYS:
        providers[wire] = Provider()
        providers[wire].answers = Always(play(wire))
    return providers


CONFIG = """
  openai_chat: {kind: openai, base_url: "http://127.0.0.1:%d/v1", key: k-openai}
  responses: {kind: openai, base_url: "http://127.0.0.1:%d/v1", key: k-openai, responses: always}
  anthropic: {kind: anthropic, base_url: "http://127.0.0.1:%d/v1", key: k-anthropic}
  gemini: {kind: gemini, base_url: "http://127.0.0.1:%d/v1beta", key: k-gemini}
  converse:
    kind: bedrock
    base_url: "http://127.0.0.1:%d"
    aws: {region: eu-central-1, access_key: AKIDEXAMPLE, secret_key: secret}
"""


def config(providers):
    """These providers, for a configuration."""
    return CONFIG % tuple(providers[wire].port for wire in PLAYS)
