"""The five protocols, as a client of each reads its answers: small readers of our own, so that what
sluice wrote is not judged by what sluice reads.

Every reader gives {"text", "thinking", "refusal", "calls": [(name, input)], "stop", "in", "out"};
a reader of a stream is given the (name, data) pairs of its events.
"""

import json
import os
import struct
import zlib

FIXTURES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fixture", "wire")


def empty():
    return {"text": "", "thinking": "", "refusal": "", "calls": [], "stop": None, "in": None,
            "out": None}


def events_of(data):
    """The (name, data) pairs of server-sent events."""
    for block in data.replace(b"\r\n", b"\n").split(b"\n\n"):
        name, lines = None, []
        for line in block.split(b"\n"):
            if line.startswith(b"event:"):
                name = line[6:].strip().decode()
            elif line.startswith(b"data:"):
                lines.append(line[5:].removeprefix(b" "))
        if lines:
            yield name, b"\n".join(lines).decode()


def input_of(text):
    """A call's input; as it stands where a limit of tokens cut it off."""
    try:
        return json.loads(text or "{}")
    except ValueError:
        return text


# ---- OpenAI's chat completions ----

def openai_message(m, found):
    found["text"] += m.get("content") or ""
    found["thinking"] += m.get("reasoning_content") or ""
    found["refusal"] += m.get("refusal") or ""


def openai_usage(usage, found):
    if usage:
        found["in"], found["out"] = usage["prompt_tokens"], usage["completion_tokens"]


def openai_whole(answer):
    found = empty()
    choice = answer["choices"][0]
    openai_message(choice["message"], found)
    for call in choice["message"].get("tool_calls") or []:
        found["calls"].append((call["function"]["name"],
                               input_of(call["function"]["arguments"])))
    found["stop"] = choice["finish_reason"]
    openai_usage(answer.get("usage"), found)
    return found


def openai_stream(events):
    found, calls, done = empty(), {}, False
    for _, data in events:
        assert not done, "something behind [DONE]"
        if data == "[DONE]":
            done = True
            continue
        chunk = json.loads(data)
        assert "error" not in chunk, chunk
        for choice in chunk["choices"]:
            openai_message(choice["delta"], found)
            for call in choice["delta"].get("tool_calls") or []:
                known = calls.setdefault(call["index"], {"name": "", "arguments": ""})
                known["name"] += call["function"].get("name") or ""
                known["arguments"] += call["function"].get("arguments") or ""
            found["stop"] = choice["finish_reason"] or found["stop"]
        openai_usage(chunk.get("usage"), found)
    assert done, "no [DONE]"
    found["calls"] = [(c["name"], input_of(c["arguments"]))
                      for _, c in sorted(calls.items())]
    return found


# ---- Anthropic's messages ----

def anthropic_usage(usage, found):
    prompt = sum(usage.get(k) or 0 for k in ("input_tokens", "cache_read_input_tokens",
                                             "cache_creation_input_tokens"))
    found["in"] = max(prompt, found["in"] or 0)
    found["out"] = usage.get("output_tokens", found["out"])


def anthropic_block(block, found):
    if block["type"] == "text":
        found["text"] += block["text"]
    elif block["type"] == "thinking":
        found["thinking"] += block["thinking"]
    elif block["type"] == "tool_use":
        found["calls"].append((block["name"], block["input"]))


def anthropic_whole(answer):
    found = empty()
    assert answer["type"] == "message" and answer["role"] == "assistant", answer
    for block in answer["content"]:
        anthropic_block(block, found)
    found["stop"] = answer["stop_reason"]
    anthropic_usage(answer["usage"], found)
    return found


def anthropic_stream(events):
    found, blocks, ended = empty(), [], False
    for name, data in events:
        event = json.loads(data)
        assert event["type"] == name, (name, event)
        assert name != "error", event
        if name == "message_start":
            anthropic_usage(event["message"]["usage"], found)
        elif name == "content_block_start":
            assert event["index"] == len(blocks), "blocks in order"
            blocks.append(dict(event["content_block"], json=""))
        elif name == "content_block_delta":
            block, delta = blocks[event["index"]], event["delta"]
            for key in ("text", "thinking"):
                if key in delta:
                    block[key] += delta[key]
            block["json"] += delta.get("partial_json", "")
        elif name == "message_delta":
            found["stop"] = event["delta"]["stop_reason"]
            anthropic_usage(event["usage"], found)
        elif name == "message_stop":
            ended = True
    assert ended, "no message_stop"
    for block in blocks:
        if block["type"] == "tool_use":
            block["input"] = input_of(block["json"])
        anthropic_block(block, found)
    return found


# ---- OpenAI's Responses ----

def responses_item(item, found):
    if item["type"] == "message":
        for part in item["content"]:
            found["text"] += part.get("text") or ""
            found["refusal"] += part.get("refusal") or ""
    elif item["type"] == "reasoning":
        found["thinking"] += "\n\n".join(part["text"] for part in
                                         item.get("content") or item["summary"])
    elif item["type"] == "function_call":
        found["calls"].append((item["name"], input_of(item["arguments"])))


def responses_whole(answer):
    found = empty()
    assert answer["object"] == "response", answer
    for item in answer["output"]:
        responses_item(item, found)
    found["stop"] = answer["status"]
    if answer.get("usage"):
        found["in"] = answer["usage"]["input_tokens"]
        found["out"] = answer["usage"]["output_tokens"]
    return found


def responses_stream(events):
    said, last, numbers = "", None, []
    for name, data in events:
        event = json.loads(data)
        assert event["type"] == name, (name, event)
        assert name not in ("error", "response.failed"), event
        if "sequence_number" in event:  # llama.cpp's have none
            numbers.append(event["sequence_number"])
        if name == "response.output_text.delta":
            said += event["delta"]
        if name in ("response.completed", "response.incomplete"):
            last = event["response"]
    assert last, "no response.completed"
    assert numbers == sorted(set(numbers)), numbers
    found = responses_whole(last)
    assert said == found["text"], "what was said bit by bit is not what the whole says"
    return found


# ---- Gemini, as providers answer ----

def gemini_whole(answer):
    return gemini_pieces([answer])


def gemini_pieces(pieces):
    found = empty()
    for piece in pieces:
        for candidate in piece.get("candidates", [])[:1]:
            for part in candidate.get("content", {}).get("parts", []):
                if "functionCall" in part:
                    found["calls"].append((part["functionCall"]["name"],
                                           part["functionCall"].get("args", {})))
                elif part.get("thought"):
                    found["thinking"] += part.get("text", "")
                else:
                    found["text"] += part.get("text", "")
            found["stop"] = candidate.get("finishReason", found["stop"])
        usage = piece.get("usageMetadata")
        if usage:
            found["in"] = usage.get("promptTokenCount", 0) + usage.get("toolUsePromptTokenCount", 0)
            found["out"] = usage.get("candidatesTokenCount", 0) + usage.get("thoughtsTokenCount", 0)
    return found


def gemini_stream(events):
    return gemini_pieces([json.loads(data) for _, data in events if data.startswith("{")])


# ---- Bedrock's Converse, as providers answer ----

def converse_usage(usage, found):
    found["in"] = sum(usage.get(k, 0) for k in ("inputTokens", "cacheReadInputTokens",
                                                "cacheWriteInputTokens"))
    found["out"] = usage["outputTokens"]


def converse_whole(answer):
    found = empty()
    for block in answer["output"]["message"]["content"]:
        found["text"] += block.get("text", "")
        thought = block.get("reasoningContent", {}).get("reasoningText", {})
        found["thinking"] += thought.get("text", "")
        if "toolUse" in block:
            found["calls"].append((block["toolUse"]["name"], block["toolUse"]["input"]))
    found["stop"] = answer["stopReason"]
    converse_usage(answer["usage"], found)
    return found


def converse_stream(events):
    found, calls = empty(), {}
    for name, data in events:
        event = json.loads(data)
        at = event.get("contentBlockIndex")
        if name == "contentBlockStart" and "toolUse" in event.get("start", {}):
            calls[at] = [event["start"]["toolUse"]["name"], ""]
        elif name == "contentBlockDelta":
            found["text"] += event["delta"].get("text", "")
            found["thinking"] += event["delta"].get("reasoningContent", {}).get("text", "")
            if "toolUse" in event["delta"]:
                calls[at][1] += event["delta"]["toolUse"]["input"]
        elif name == "messageStop":
            found["stop"] = event["stopReason"]
        elif name == "metadata":
            converse_usage(event["usage"], found)
    found["calls"] = [(name, input_of(text)) for _, (name, text) in sorted(calls.items())]
    return found


def aws_frame(name, payload, damaged=False):
    """A frame of application/vnd.amazon.eventstream."""
    kind = "exception" if name.endswith("Exception") else "event"
    headers = b""
    for key, value in ((f":{kind}-type", name), (":content-type", "application/json"),
                       (":message-type", kind)):
        headers += (bytes([len(key)]) + key.encode() + b"\x07" + struct.pack(">H", len(value)) +
                    value.encode())
    total = 12 + len(headers) + len(payload) + 4
    head = struct.pack(">II", total, len(headers))
    head += struct.pack(">I", zlib.crc32(head))
    data = head + headers + payload
    return data + struct.pack(">I", zlib.crc32(data) ^ (1 if damaged else 0))


# ---- fixtures ----

WHOLE = {"openai_chat": openai_whole, "anthropic": anthropic_whole, "responses": responses_whole,
         "gemini": gemini_whole, "converse": converse_whole}
STREAM = {"openai_chat": openai_stream, "anthropic": anthropic_stream,
          "responses": responses_stream, "gemini": gemini_stream, "converse": converse_stream}


def fixture(wire, name, part):
    path = os.path.join(FIXTURES, wire, name, part)
    if not os.path.exists(path):
        return None
    with open(path, "rb") as f:
        return f.read()
