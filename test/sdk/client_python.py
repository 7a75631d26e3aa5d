"""The official Python client against recorded answers; each check_NAME(w) is one check.

w.client is a client of sluice that never retries by itself, w.world knows the ports and keys.
Checks under `both_` run twice: against the provider "recorded", and through sluice's own HTTP
client ("http/MODEL"), so w.model(NAME) is what they ask for.
"""

import asyncio
import time

import httpx2
import openai
from pydantic import BaseModel

from checks import raises, same

HELLO = "Hello from the recording."
WEATHER = {"type": "function", "function": {
    "name": "get_weather", "strict": True,
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}},
                   "required": ["city"], "additionalProperties": False}}}


class Weather(BaseModel):
    city: str
    degrees: float
    rain: bool


class Seat:
    """One client, and through which provider it asks."""

    def __init__(self, world, prefix=""):
        self.world = world
        self.prefix = prefix
        self.client = self.another()

    def another(self, kind=openai.OpenAI, **named):
        settings = {"api_key": self.world.key, "base_url": self.world.url, "max_retries": 0,
                    "timeout": 20 * self.world.slower}
        return kind(**{**settings, **named})

    def model(self, name):
        return self.prefix + name

    def ask(self, name, text="hi", client=None, **more):
        return (client or self.client).chat.completions.create(
            model=self.model(name), messages=[{"role": "user", "content": text}], **more)

    def ask_raw(self, name, client=None, **more):
        return (client or self.client).chat.completions.with_raw_response.create(
            model=self.model(name), messages=[{"role": "user", "content": "hi"}], **more)


def text_of(stream):
    return "".join(c.choices[0].delta.content or "" for c in stream if c.choices)


# ---- answers, over both ways ----

def both_chat(w):
    answer = w.ask("hello")
    same(answer.object, "chat.completion")
    same(answer.choices[0].message.content, HELLO)
    same(answer.choices[0].finish_reason, "stop")
    usage = answer.usage
    same((usage.prompt_tokens, usage.completion_tokens, usage.total_tokens), (32, 5, 37))
    same(usage.prompt_tokens_details.cached_tokens, 12)


def both_chat_image(w):
    content = [{"type": "text", "text": "What is in this picture?"},
               {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}]
    same(w.ask("hello", content).choices[0].message.content, "A lighthouse.")


def both_two_choices(w):
    same([c.message.content for c in w.ask("two-choices", n=2).choices], ["one", "two"])


def both_stream(w):
    chunks = list(w.ask("hello", stream=True))
    same(text_of(chunks), HELLO)
    same(len([c for c in chunks if c.choices and c.choices[0].delta.content]), 4)
    same(chunks[-1].choices[0].finish_reason, "stop")
    same([c for c in chunks if c.usage], [])  # not asked for


def both_stream_with_usage(w):
    chunks = list(w.ask("hello", stream=True, stream_options={"include_usage": True}))
    same(text_of(chunks), HELLO)
    same(chunks[-1].choices, [])
    same(chunks[-1].usage.total_tokens, 37)
    same(len([c for c in chunks if c.usage]), 1)


def both_stream_is_not_held_back(w):
    began = time.monotonic()
    seen = [time.monotonic() - began for c in w.ask("paced", stream=True) if c.choices]
    if seen[-1] - seen[0] < 0.3:
        raise AssertionError(f"events came at {seen}: together, not as they were made")


def both_stream_helper(w):
    with w.client.chat.completions.stream(
            model=w.model("hello"), messages=[{"role": "user", "content": "hi"}]) as stream:
        deltas = [e.delta for e in stream if e.type == "content.delta"]
        same("".join(deltas), HELLO)
        same(stream.get_final_completion().choices[0].message.content, HELLO)


def both_tools(w):
    choice = w.ask("tools", tools=[WEATHER], tool_choice="auto").choices[0]
    same(choice.finish_reason, "tool_calls")
    same(choice.message.content, None)
    (call,) = choice.message.tool_calls
    same((call.id, call.function.name, call.function.arguments),
         ("call_1", "get_weather", '{"city": "Lyon"}'))


def both_tools_parallel(w):
    calls = w.ask("parallel", tools=[WEATHER],
                  parallel_tool_calls=True).choices[0].message.tool_calls
    same([c.function.arguments for c in calls], ['{"city": "Lyon"}', '{"city": "Oslo"}'])


def streamed_calls(w, name):
    with w.client.chat.completions.stream(
            model=w.model(name), tools=[WEATHER],
            messages=[{"role": "user", "content": "hi"}]) as stream:
        message = stream.get_final_completion().choices[0].message
    return [(c.id, c.function.name, c.function.parsed_arguments["city"])
            for c in message.tool_calls]


def both_tools_stream(w):
    same(streamed_calls(w, "tools-stream"), [("call_1", "get_weather", "Lyon")])


def both_tools_parallel_stream(w):
    same(streamed_calls(w, "parallel-stream"),
         [("call_1", "get_weather", "Lyon"), ("call_2", "get_weather", "Oslo")])


def both_tools_two_steps(w):
    messages = [{"role": "user", "content": "How warm is it in Lyon?"}]
    ask = lambda: w.client.chat.completions.create(model=w.model("run-tools"), tools=[WEATHER],
                                                   messages=messages).choices[0].message
    first = ask()
    messages += [first, {"role": "tool", "tool_call_id": first.tool_calls[0].id, "content": "21"}]
    same(ask().content, "It is 21 degrees in Lyon.")


def both_structured(w):
    schema = {"name": "weather", "schema": Weather.model_json_schema()}
    answer = w.ask("schema", response_format={"type": "json_schema", "json_schema": schema})
    same(Weather.model_validate_json(answer.choices[0].message.content).degrees, 21.5)


def parse(w, name):
    return w.client.chat.completions.parse(
        model=w.model(name), messages=[{"role": "user", "content": "hi"}],
        response_format=Weather).choices[0].message


def both_structured_parse(w):
    same(parse(w, "schema").parsed, Weather(city="Lyon", degrees=21.5, rain=False))


def both_structured_refusal(w):
    message = parse(w, "refusal")
    same((message.parsed, message.refusal), (None, "I cannot help with that."))


def both_structured_stream(w):
    with w.client.chat.completions.stream(
            model=w.model("schema"), messages=[{"role": "user", "content": "hi"}],
            response_format=Weather) as stream:
        same(stream.get_final_completion().choices[0].message.parsed.city, "Lyon")


def both_logprobs(w):
    (token,) = w.ask("logprobs", logprobs=True, top_logprobs=2).choices[0].logprobs.content
    same((token.token, token.logprob, token.bytes), ("Hi", -0.25, [72, 105]))
    same([t.token for t in token.top_logprobs], ["Hi", "Yo"])


def both_unknown_fields(w):
    answer = w.ask("extra", extra_body={"a_field_of_tomorrow": {"deep": [1]}})
    same(answer.model_extra["timings"], {"prompt_ms": 1.5, "names": ["é", "\u2028"]})
    same(answer.system_fingerprint, "fp_1")
    same(answer.choices[0].model_extra["stop_reason"], 7)
    same(answer.choices[0].message.model_extra["reasoning_content"], "I was greeted.")


def both_unknown_fields_stream(w):
    chunks = list(w.ask("extra-stream", stream=True))
    same(chunks[0].model_extra["timings"], {"n": [1, None]})
    same(chunks[0].choices[0].delta.model_extra["reasoning_content"], "Think.")
    same(text_of(chunks), "Hi")


def both_embeddings_float(w):
    answer = w.client.embeddings.create(model=w.model("embedding-float"), input=["a", "b"],
                                        encoding_format="float")
    same([d.embedding for d in answer.data], [[0.5, -0.25, 0.125], [0.125, -0.25, 0.5]])
    same(answer.usage.prompt_tokens, 4)


def both_embeddings_base64(w):
    answer = w.client.embeddings.create(model=w.model("embedding-base64"), input="a")
    same(list(answer.data[0].embedding), [0.5, -0.25, 0.125])


def both_completions(w):
    answer = w.client.completions.create(model=w.model("hello"), prompt="hi")
    same((answer.object, answer.choices[0].text), ("text_completion", HELLO))
    same(answer.usage.total_tokens, 37)


def both_completions_stream_with_usage(w):
    chunks = list(w.client.completions.create(model=w.model("hello"), prompt="hi", stream=True,
                                              stream_options={"include_usage": True}))
    same(chunks[-1].usage.total_tokens, 37)
    same({c.object for c in chunks}, {"text_completion"})


def both_completions_stream(w):
    stream = w.client.completions.create(model=w.model("hello"), prompt="hi", stream=True)
    chunks = list(stream)
    same("".join(c.choices[0].text for c in chunks if c.choices), HELLO)
    same({c.object for c in chunks}, {"text_completion"})


def both_headers(w):
    answer = w.ask_raw("hello")
    same(answer.status_code, 200)
    if len(answer.headers["x-sluice-id"]) < 16:
        raise AssertionError(f"x-sluice-id is {answer.headers['x-sluice-id']!r}")
    # 20 tokens at 1, 12 at 0.1 and 5 at 2 dollars a million
    same(float(answer.headers["x-sluice-cost-usd"]), 0.0000312)
    same(answer.headers["x-sluice-model"], (w.prefix or "recorded/") + "hello")
    same(int(answer.headers["x-sluice-overhead-us"]) >= 0, True)
    same(answer.parse().choices[0].message.content, HELLO)


def both_headers_stream(w):
    with w.client.chat.completions.with_streaming_response.create(
            model=w.model("hello"), messages=[{"role": "user", "content": "hi"}],
            stream=True) as answer:
        same(answer.headers["content-type"].split(";")[0], "text/event-stream")
        same("x-sluice-id" in answer.headers, True)
        same("x-sluice-cost-usd" in answer.headers, False)  # not known yet
        same([line for line in answer.iter_lines() if line][-1], "data: [DONE]")


def both_unicode(w):
    same(w.ask("hello", "grüße 🚀 \u2028 \x00 end").choices[0].message.content, HELLO)


def both_error_400(w):
    error = raises(openai.BadRequestError, w.ask, "status-400", temperature=9)
    same((error.status_code, error.code, error.param, error.type),
         (400, "bad_temperature", "temperature", "invalid_request_error"))
    same("The temperature is too high." in error.message, True)


def both_error_404(w):
    same(raises(openai.NotFoundError, w.ask, "status-404").code, "model_not_found")


def both_error_422(w):
    same(raises(openai.UnprocessableEntityError, w.ask, "status-422").code, "bad_schema")


def both_error_429(w):
    error = raises(openai.RateLimitError, w.ask, "status-429")
    same(error.code, "rate_limit_exceeded")  # the provider's own words
    error = raises(openai.RateLimitError, w.ask, "status-429-text")
    same(error.code, "upstream_rate_limit")  # it had none that a client would understand


def both_error_429_stream(w):
    raises(openai.RateLimitError, w.ask, "status-429", stream=True)


def both_error_500(w):
    same(raises(openai.InternalServerError, w.ask, "status-500").status_code, 500)


def both_error_provider_key(w):
    error = raises(openai.InternalServerError, w.ask, "status-401")
    same(error.status_code, 502)
    same(error.code, "upstream_auth" if not w.prefix else error.code)
    same("sk-secret" in str(error), False)


def both_error_cut_stream(w):
    got = []

    def read():
        for chunk in w.ask("cut", stream=True):
            got.append(chunk)
    raises(openai.APIError, read)
    same(len(got) > 0, True)


def both_error_event_in_stream(w):
    got = []

    def read():
        for chunk in w.ask("error-event", stream=True):
            got.append(chunk)
    error = raises(openai.APIError, read)
    same(text_of(got), "Half ")
    same("The engine has failed." in error.message, True)


def both_error_cut_answer(w):
    error = raises(openai.InternalServerError, w.ask, "cut")
    same(error.status_code, 502)


def both_retry_hidden_by_sluice(w):
    for name in ("hidden", "hidden-reset"):
        same(w.ask(name).choices[0].message.content, "Hidden retry.")


# ---- what is sluice's own ----

def check_names(w):
    for name in ("assistant", "lane/cheap", "recorded/hello", "steady"):
        same(w.ask(name).choices[0].message.content, HELLO)


def check_fallback_header(w):
    same(w.ask_raw("steady").headers["x-sluice-model"], "recorded/hello")


def check_models_list(w):
    models = w.client.models.list()
    names = [m.id for m in models]
    for name in ("assistant", "steady", "lane/cheap"):
        same((name, name in names), (name, True))
    same({m.object for m in models}, {"model"})


def check_models_retrieve(w):
    for name in ("assistant", "lane/cheap"):  # the client sends lane%2Fcheap
        same(w.client.models.retrieve(name).id, name)
    same(raises(openai.NotFoundError, w.client.models.retrieve, "lane/cheep").status_code,
         404)


def check_other_base_url(w):
    client = w.another(base_url=w.world.url.replace("/v1", "/openai/v1"))
    same(w.ask("hello", client=client).choices[0].message.content, HELLO)


def check_error_400_json(w):
    error = raises(openai.BadRequestError, w.ask, "hello", extra_body={"messages": "no list"})
    same(error.code, "invalid_request")


def check_error_401(w):
    for key in ("wrong", "sk-sluice-AAAAAAAA-BBBBBBBBBBBBBBBB"):
        error = raises(openai.AuthenticationError, w.ask, "hello", client=w.another(api_key=key))
        same((error.status_code, error.code), (401, "invalid_api_key"))
        same(key in str(error), False)


def check_error_403_model(w):
    client = w.another(api_key=w.world.narrow_key)
    same(w.ask("hello", client=client).choices[0].message.content, HELLO)
    error = raises(openai.PermissionDeniedError, w.ask, "tools", client=client)
    same(error.code, "forbidden")


def check_error_403_stateful(w):
    same(raises(openai.PermissionDeniedError, w.client.files.list).code, "stateful_path")


def check_error_404_lane(w):
    error = raises(openai.NotFoundError, w.ask, "lane/cheep")
    same(error.code, "lane_not_found")
    same("cheap" in error.message, True)


def check_error_404_path(w):
    raises(openai.NotFoundError, w.client.post, "/no/such/path", cast_to=object, body={})


def check_error_413(w):
    error = raises(openai.APIStatusError, w.ask, "hello", "x" * (2 << 20))
    same((error.status_code, error.code), (413, "body_too_large"))
    same(w.ask("hello").choices[0].message.content, HELLO)


def check_error_refused(w):
    same(raises(openai.InternalServerError, w.ask, "gone/hello").code, "connection_refused")


def check_timeout(w):
    began = time.monotonic()
    raises(openai.APITimeoutError, w.ask, "slow", timeout=0.3)
    same(time.monotonic() - began < 5 * w.world.slower, True)
    same(w.world.turn("slow"), (499, "client_gone"))
    same(w.ask("hello").choices[0].message.content, HELLO)


def check_timeout_stream(w):
    def read():
        for _ in w.ask("slow-stream", stream=True, timeout=0.3):
            pass
    try:
        read()
    except (openai.APITimeoutError, openai.APIConnectionError, httpx2.TimeoutException):
        pass
    else:
        raise AssertionError("a stream that stood still came to an end")
    same(w.world.turn("slow-stream")[0], 499)


def check_hang_up(w):
    stream = w.ask("paced", stream=True)
    next(iter(stream))
    stream.close()
    same(w.world.turn("paced", last=True)[0], 499)
    same(w.ask("hello").choices[0].message.content, HELLO)


def check_retry_of_the_client(w):
    began = time.monotonic()
    answer = w.ask_raw("flaky", client=w.another(max_retries=2))
    took = time.monotonic() - began
    same(answer.retries_taken, 1)
    same(answer.parse().choices[0].message.content, "At the second try.")
    if took < 0.7:  # its own pause would be 375 to 500 ms
        raise AssertionError(f"it waited {took:.2f} s, not the 700 ms of retry-after-ms")


def check_retry_of_a_stream(w):
    stream = w.ask("flaky-stream", stream=True, client=w.another(max_retries=2))
    same(text_of(stream), "At the second try.")


def check_retry_not_wanted(w):
    error = raises(openai.RateLimitError, w.ask, "flaky")
    same(error.response.headers["retry-after-ms"], "700")
    same(w.ask("flaky").choices[0].message.content, "At the second try.")


def check_connection_is_kept(w):
    """After an error, too: every turn so far came over one connection."""
    ports = set()

    def note(response):
        ports.add(response.extensions["network_stream"].get_extra_info("client_addr")[1])
    with openai.DefaultHttpxClient(event_hooks={"response": [note]}) as http:
        client = w.another(http_client=http)
        for name in ("status-400", "hello", "status-404", "lane/cheep", "hello"):
            try:
                w.ask(name, client=client)
            except openai.APIStatusError:
                pass
    same(len(ports), 1)


def check_fifty_at_once(w):
    async def ask_all():
        async with w.another(openai.AsyncOpenAI) as client:
            async def one(i):
                answer = await client.chat.completions.with_raw_response.create(
                    model="many", messages=[{"role": "user", "content": f"Number {i % 10}?"}])
                same(answer.parse().choices[0].message.content, f"This is number {i % 10}.")
                return answer.headers["x-sluice-id"]
            return await asyncio.gather(*(one(i) for i in range(50)))

    began = time.monotonic()
    ids = asyncio.run(ask_all())
    same(len(set(ids)), 50)
    took = time.monotonic() - began
    if took > 3 * w.world.slower:  # one after the other they would take ten seconds
        raise AssertionError(f"50 calls of 200 ms each took {took:.1f} s")


def check_fifty_streams_at_once(w):
    async def ask_all():
        async with w.another(openai.AsyncOpenAI) as client:
            async def one():
                stream = await client.chat.completions.create(
                    model="http/hello", stream=True, messages=[{"role": "user", "content": "hi"}])
                return "".join([c.choices[0].delta.content or "" async for c in stream
                                if c.choices])
            return await asyncio.gather(*(one() for _ in range(50)))

    same(set(asyncio.run(ask_all())), {HELLO})


def run(world, tally):
    for prefix, way in (("", "recorded"), ("http/", "http")):
        seat = Seat(world, prefix)
        for name, check in list(globals().items()):
            if name.startswith("both_"):
                tally.run(f"python.{way}.{name[5:]}", check, seat)
    for name, check in list(globals().items()):
        if name.startswith("check_"):
            tally.run(f"python.{name[6:]}", check, Seat(world))
