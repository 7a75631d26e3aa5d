"""The official Python client against a real model behind sluice ("model/NAME"). Small models say
what they like, so these checks look at shapes, counts and constraints, not at wit."""

import json

import anthropic
import openai
from pydantic import BaseModel

from checks import raises, same
from client_python import WEATHER, Seat, text_of

QUESTION = [{"role": "user", "content": "Say hello."}]


class Verdict(BaseModel):
    happy: bool
    stars: int


def chat(w, **more):
    settings = {"model": "model/" + w.world.model_name, "messages": QUESTION, "max_tokens": 24,
                "temperature": 0}
    return w.client.chat.completions.create(**{**settings, **more})


def model_chat(w):
    answer = chat(w)
    same(bool(answer.choices[0].message.content.strip()), True)
    same(answer.usage.prompt_tokens > 0 and 0 < answer.usage.completion_tokens <= 24, True)


def model_headers(w):
    raw = w.client.chat.completions.with_raw_response.create(
        model="model/" + w.world.model_name, messages=QUESTION, max_tokens=8, temperature=0)
    usage = raw.parse().usage
    details = usage.prompt_tokens_details
    cached = (details and details.cached_tokens) or 0
    cost = (usage.prompt_tokens - cached + cached * 0.1 + usage.completion_tokens * 2) / 1e6
    same(abs(float(raw.headers["x-sluice-cost-usd"]) - cost) < 1e-9, True)
    same(raw.headers["x-sluice-model"], "model/" + w.world.model_name)


def model_stream(w):
    whole = chat(w).choices[0].message.content
    chunks = list(chat(w, stream=True))
    same(text_of(chunks), whole)  # the likeliest tokens, both times
    same([c for c in chunks if c.usage], [])
    same(chunks[-1].choices[0].finish_reason in ("stop", "length"), True)


def model_stream_with_usage(w):
    chunks = list(chat(w, stream=True, stream_options={"include_usage": True}))
    same(chunks[-1].usage.completion_tokens > 0, True)


def model_tools(w):
    message = chat(w, max_tokens=100, tools=[WEATHER], tool_choice="required", messages=[
        {"role": "user", "content": "What is the weather in Lyon?"}]).choices[0].message
    same(message.tool_calls[0].function.name, "get_weather")
    same(list(json.loads(message.tool_calls[0].function.arguments)), ["city"])


def model_structured(w):
    verdict = w.client.chat.completions.parse(
        model="model/" + w.world.model_name, max_tokens=100, temperature=0,
        response_format=Verdict, messages=[
            {"role": "user", "content": "Rate: the soup was very good. Answer as JSON."}])
    same(type(verdict.choices[0].message.parsed), Verdict)


def model_logprobs(w):
    tokens = chat(w, max_tokens=3, logprobs=True, top_logprobs=2).choices[0].logprobs.content
    same(all(t.logprob <= 0 and len(t.top_logprobs) == 2 for t in tokens), True)


def model_completions(w):
    answer = w.client.completions.create(model="model/" + w.world.model_name, max_tokens=8,
                                         prompt="One, two, three,", temperature=0)
    same(bool(answer.choices[0].text), True)


def model_embeddings(w):
    embed = lambda **more: w.client.embeddings.create(
        model="model/" + w.world.model_name, input=["the cat", "a dog"], **more).data
    floats = [d.embedding for d in embed(encoding_format="float")]
    same([len(v) > 100 for v in floats], [True, True])
    same(len(floats[0]), len(floats[1]))
    same(max(abs(a - b) for a, b in zip(floats[0], embed()[0].embedding)) < 1e-3, True)


def model_names(w):
    names = [m.id for m in w.client.models.list()]
    same("assistant" in names, True)


def model_error_400(w):
    raises(openai.BadRequestError, chat, w, messages=[{"role": "nobody"}],
           response_format={"type": "no such type"})


# ---- the same model by every protocol of its server, for the clients of all three ----

def crossing_chat(w, model, streamed):
    ask = {"model": model, "messages": QUESTION, "max_tokens": 16, "temperature": 0}
    if not streamed:
        answer = w.client.chat.completions.create(**ask)
        return answer.choices[0].message.content, answer.usage.completion_tokens
    chunks = list(w.client.chat.completions.create(stream=True, stream_options={
        "include_usage": True}, **ask))
    return text_of(chunks), chunks[-1].usage.completion_tokens


def crossing_responses(w, model, streamed):
    ask = {"model": model, "input": QUESTION, "max_output_tokens": 16, "temperature": 0}
    if not streamed:
        answer = w.client.responses.create(**ask)
        return answer.output_text, answer.usage.output_tokens
    # Not by the client's own helper: llama.cpp leaves out indexes that it wants.
    events = list(w.client.responses.create(stream=True, **ask))
    same(events[-1].type in ("response.completed", "response.incomplete"), True)
    answer = events[-1].response
    said = "".join(e.delta for e in events if e.type == "response.output_text.delta")
    same(said, answer.output_text)
    return said, answer.usage.output_tokens


def crossing_messages(w, model, streamed):
    client = anthropic.Anthropic(api_key=w.world.key, base_url=w.world.url.removesuffix("/v1"),
                                 max_retries=0, timeout=60)
    ask = {"model": model, "messages": QUESTION, "max_tokens": 16,
           "extra_body": {"temperature": 0}}
    if not streamed:
        answer = client.messages.create(**ask)
    else:
        with client.messages.stream(**ask) as stream:
            answer = stream.get_final_message()
    return answer.content[0].text, answer.usage.output_tokens


def crossing(w, ask, provider, streamed):
    """At temperature 0 the same words, whichever way they were asked for."""
    text, tokens = ask(w, f"{provider}/{w.world.model_name}", streamed)
    same(bool(text.strip()) and 0 < tokens <= 16, True)
    same(text, crossing_chat(w, "model/" + w.world.model_name, False)[0])


def run_crossings(seat, tally):
    for client, ask in (("chat", crossing_chat), ("responses", crossing_responses),
                        ("messages", crossing_messages)):
        for provider in ("model", "messages", "answers"):
            for streamed in (False, True):
                name = f"python.model.{client}.{provider}{'_stream' if streamed else ''}"
                tally.run(name, crossing, seat, ask, provider, streamed)


def run(world, tally):
    seat = Seat(world)
    seat.client = seat.another(timeout=60)
    for name, check in list(globals().items()):
        if name.startswith("model_"):
            tally.run(f"python.model.{name[6:]}", check, seat)
    run_crossings(seat, tally)
