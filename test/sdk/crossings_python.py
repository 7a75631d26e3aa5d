"""The official Python clients of OpenAI and Anthropic, and OpenAI's Agents SDK, in front of every
provider's protocol, on recorded answers."""

import asyncio
import json

import agents
import anthropic
import openai

from checks import raises, same
from crossings import World, cases, meant, protocols

agents.set_tracing_disabled(True)

TOOL = {"type": "object", "properties": {"city": {"type": "string"}}}


def said(got, expected, keys=("text", "thinking", "calls", "in", "out")):
    same({k: got[k] for k in keys}, {k: expected[k] for k in keys})


# ---- openai, chat completions ----

def chat_found(message, usage):
    return {"text": message.content or "", "thinking": getattr(message, "reasoning_content", "") or "",
            "calls": [(c.function.name, json.loads(c.function.arguments or "{}"))
                      for c in message.tool_calls or []],
            "in": usage.prompt_tokens, "out": usage.completion_tokens}


def chat_checks(world, case):
    client = openai.OpenAI(api_key=world.key, base_url=world.url + "/v1", max_retries=0)
    ask = {"messages": [{"role": "user", "content": "hi"}],
           "tools": [{"type": "function", "function": {"name": "look", "parameters": TOOL}}]}

    def whole(name):
        answer = client.chat.completions.create(model=f"{case.wire}/{name}", **ask)
        said(chat_found(answer.choices[0].message, answer.usage), meant(case.wire, name)["whole"])

    def streamed(name):
        with client.chat.completions.stream(model=f"{case.wire}/{name}",
                                            stream_options={"include_usage": True}, **ask) as s:
            answer = s.get_final_completion()
        said(chat_found(answer.choices[0].message, answer.usage), meant(case.wire, name)["stream"])

    def error(name):
        found = raises_status(openai.APIStatusError, lambda: whole(name))
        same(bool(found.body["message"]) and found.body["type"] != "error", True)

    return whole, streamed, error


# ---- openai, Responses ----

def responses_found(answer):
    return {"text": answer.output_text, "in": answer.usage.input_tokens,
            "out": answer.usage.output_tokens,
            "thinking": "".join(
                "\n\n".join(p.text for p in item.content or item.summary)
                for item in answer.output if item.type == "reasoning"),
            "calls": [(item.name, json.loads(item.arguments or "{}")) for item in answer.output
                      if item.type == "function_call"]}


def responses_checks(world, case):
    client = openai.OpenAI(api_key=world.key, base_url=world.url + "/v1", max_retries=0)
    ask = {"input": "hi", "tools": [{"type": "function", "name": "look", "parameters": TOOL,
                                     "strict": False}]}

    def whole(name):
        answer = client.responses.create(model=f"{case.wire}/{name}", **ask)
        said(responses_found(answer), meant(case.wire, name)["whole"])

    def streamed(name):
        text = ""
        with client.responses.stream(model=f"{case.wire}/{name}", **ask) as s:
            for event in s:
                text += event.delta if event.type == "response.output_text.delta" else ""
            answer = s.get_final_response()
        said(responses_found(answer), meant(case.wire, name)["stream"])
        same(text, answer.output_text)

    def error(name):
        found = raises_status(openai.APIStatusError, lambda: whole(name))
        same(bool(found.body["message"]), True)

    return whole, streamed, error


# ---- anthropic ----

def messages_found(answer):
    usage = answer.usage
    return {"text": "".join(b.text for b in answer.content if b.type == "text"),
            "thinking": "".join(b.thinking for b in answer.content if b.type == "thinking"),
            "calls": [(b.name, b.input) for b in answer.content if b.type == "tool_use"],
            "in": usage.input_tokens + (usage.cache_read_input_tokens or 0)
            + (usage.cache_creation_input_tokens or 0), "out": usage.output_tokens}


def anthropic_checks(world, case):
    client = anthropic.Anthropic(api_key=world.key, base_url=world.url, max_retries=0)
    ask = {"max_tokens": 200, "messages": [{"role": "user", "content": "hi"}],
           "tools": [{"name": "look", "input_schema": TOOL}]}

    def whole(name):
        answer = client.messages.create(model=f"{case.wire}/{name}", **ask)
        same((answer.type, answer.role), ("message", "assistant"))
        said(messages_found(answer), meant(case.wire, name)["whole"])

    def streamed(name):
        with client.messages.stream(model=f"{case.wire}/{name}", **ask) as s:
            text = "".join(s.text_stream)
            answer = s.get_final_message()
        said(messages_found(answer), meant(case.wire, name)["stream"])
        same(text, messages_found(answer)["text"])

    def error(name):
        found = raises_status(anthropic.APIStatusError, lambda: whole(name))
        same(found.body["type"], "error")

    return whole, streamed, error


def raises_status(kind, call):
    try:
        call()
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}")


CLIENTS = {"chat": chat_checks, "responses": responses_checks, "anthropic": anthropic_checks}


# ---- an agent ----

async def converse(world, wire, streamed, model_class):
    tool_name, tool_input = meant(wire, _tool_recording(wire))["whole"]["calls"][0]
    called = []

    async def invoke(_context, arguments):
        called.append(json.loads(arguments))
        return "sunny"

    client = openai.AsyncOpenAI(api_key=world.key, base_url=world.url + "/v1", max_retries=0)
    tool = agents.FunctionTool(name=tool_name, description="looks", on_invoke_tool=invoke,
                               params_json_schema={"type": "object", "properties": {}},
                               strict_json_schema=False)
    agent = agents.Agent(name="scout", instructions="Look before you speak.", tools=[tool],
                         model=model_class(model=f"{wire}/agent", openai_client=client))
    if streamed:
        result = agents.Runner.run_streamed(agent, "What is it like?")
        async for _ in result.stream_events():
            pass
    else:
        result = await agents.Runner.run(agent, "What is it like?")
    part = "stream" if streamed else "whole"
    same(called, [meant(wire, _tool_recording(wire))[part]["calls"][0][1]])
    same(result.final_output, meant(wire, "text")[part]["text"])
    same(tool_input is not None, True)


def _tool_recording(wire):
    return {c.wire: c.shows["tool"] for c in cases()}[wire]


def anthropic_count(world, wire):
    client = anthropic.Anthropic(api_key=world.key, base_url=world.url, max_retries=0)
    count = client.messages.count_tokens(model=f"{wire}/text",
                                         messages=[{"role": "user", "content": "hi"}])
    same(count.input_tokens == 2095 if wire == "anthropic" else count.input_tokens > 5, True)


def anthropic_models(world):
    client = anthropic.Anthropic(api_key=world.key, base_url=world.url, max_retries=0)
    same([(m.type, m.id) for m in client.models.list()], [("model", "lane/cheap")])


def run(world, tally):
    tally.run("crossing.python.anthropic.models", anthropic_models, world)
    for wire in ("anthropic", "gemini"):
        tally.run(f"crossing.python.anthropic.count.{wire}", anthropic_count, world, wire)
    for case in cases():
        for client, checks in CLIENTS.items():
            whole, streamed, error = checks(world, case)
            for shows, name in case.shows.items():
                if shows == "error":
                    tally.run(f"crossing.python.{client}.{case.wire}.error", error, name)
                    continue
                if meant(case.wire, name)["whole"]:
                    tally.run(f"crossing.python.{client}.{case.wire}.{shows}", whole, name)
                if meant(case.wire, name)["stream"]:
                    tally.run(f"crossing.python.{client}.{case.wire}.{shows}_stream", streamed,
                              name)
        for kind in (agents.OpenAIChatCompletionsModel, agents.OpenAIResponsesModel):
            for streamed in (False, True):
                tally.run(f"crossing.agent.{kind.__name__}.{case.wire}.{streamed}", lambda k=kind,
                          s=streamed, c=case: asyncio.run(converse(world, c.wire, s, k)))
