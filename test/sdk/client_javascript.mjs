// The official JavaScript client against recorded answers: directly, and once more through
// sluice's own HTTP client ("http/MODEL").
import assert from "node:assert/strict";
import { OpenAI, another, check, collect, end, raises, textOf, url } from "./checks.mjs";

const HELLO = "Hello from the recording.";
const WEATHER = { type: "function", function: { name: "get_weather", parameters: {
    type: "object", properties: { city: { type: "string" } }, required: ["city"] } } };
const SCHEMA = { type: "json_schema", json_schema: { name: "weather", strict: true, schema: {
    type: "object", required: ["city", "degrees"], additionalProperties: false,
    properties: { city: { type: "string" }, degrees: { type: "number" } } } } };
const messages = [{ role: "user", content: "hi" }];
const client = another();

const ask = (model, more = {}, options = {}) =>
    client.chat.completions.create({ model, messages, ...more }, options);
const textIn = (answer) => answer.choices[0].message.content;

// Chunks up to an error, and the error.
async function untilError(promise) {
    const chunks = [];
    try {
        for await (const chunk of await promise) chunks.push(chunk);
    } catch (error) {
        return { chunks, error };
    }
    throw new Error("the stream came to a good end");
}

async function streamedCalls(model) {
    const stream = client.chat.completions.stream({ model, messages, tools: [WEATHER] });
    const { message } = (await stream.finalChatCompletion()).choices[0];
    return message.tool_calls.map((call) => [call.id, JSON.parse(call.function.arguments).city]);
}

async function answers(way, prefix) {
    const both = (name, body) => check(`javascript.${way}.${name}`, body);
    const model = (name) => prefix + name;

    await both("chat", async () => {
        const answer = await ask(model("hello"));
        assert.equal(textIn(answer), HELLO);
        assert.equal(answer.usage.total_tokens, 37);
        assert.equal(answer.usage.prompt_tokens_details.cached_tokens, 12);
    });
    await both("stream", async () => {
        const chunks = await collect(await ask(model("hello"), { stream: true }));
        assert.equal(textOf(chunks), HELLO);
        assert.equal(chunks.filter((chunk) => chunk.usage).length, 0);
    });
    await both("stream_with_usage", async () => {
        const chunks = await collect(await ask(model("hello"),
            { stream: true, stream_options: { include_usage: true } }));
        assert.equal(textOf(chunks), HELLO);
        assert.equal(chunks.at(-1).usage.total_tokens, 37);
    });
    await both("stream_is_not_held_back", async () => {
        const seen = [];
        for await (const chunk of await ask(model("paced"), { stream: true }))
            if (chunk.choices.length) seen.push(performance.now());
        assert.ok(seen.at(-1) - seen[0] > 300, `${seen.at(-1) - seen[0]} ms from first to last`);
    });
    await both("stream_helper", async () => {
        const deltas = [];
        const stream = client.chat.completions.stream({ model: model("hello"), messages });
        stream.on("content", (delta) => deltas.push(delta));
        assert.equal(await stream.finalContent(), HELLO);
        assert.equal(deltas.join(""), HELLO);
    });
    await both("tools", async () => {
        const choice = (await ask(model("tools"), { tools: [WEATHER] })).choices[0];
        assert.equal(choice.finish_reason, "tool_calls");
        assert.equal(choice.message.tool_calls[0].function.arguments, '{"city": "Lyon"}');
    });
    await both("tools_parallel", async () => {
        const answer = await ask(model("parallel"), { tools: [WEATHER] });
        assert.deepEqual(answer.choices[0].message.tool_calls.map((call) => call.id),
            ["call_1", "call_2"]);
    });
    await both("tools_stream", async () => {
        assert.deepEqual(await streamedCalls(model("tools-stream")), [["call_1", "Lyon"]]);
        assert.deepEqual(await streamedCalls(model("parallel-stream")),
            [["call_1", "Lyon"], ["call_2", "Oslo"]]);
    });
    await both("tools_run", async () => {
        const cities = [];
        const tool = { type: "function", function: { ...WEATHER.function, parse: JSON.parse,
            function: ({ city }) => { cities.push(city); return "21"; } } };
        const runner = client.chat.completions.runTools(
            { model: model("run-tools"), messages, tools: [tool] });
        assert.equal(await runner.finalContent(), "It is 21 degrees in Lyon.");
        assert.deepEqual(cities, ["Lyon"]);
    });
    await both("structured", async () => {
        const answer = await client.chat.completions.parse(
            { model: model("schema"), messages, response_format: SCHEMA });
        assert.equal(JSON.parse(textIn(answer)).degrees, 21.5);
    });
    await both("structured_refusal", async () => {
        const answer = await client.chat.completions.parse(
            { model: model("refusal"), messages, response_format: SCHEMA });
        assert.equal(answer.choices[0].message.refusal, "I cannot help with that.");
    });
    await both("logprobs", async () => {
        const answer = await ask(model("logprobs"), { logprobs: true, top_logprobs: 2 });
        assert.equal(answer.choices[0].logprobs.content[0].top_logprobs[1].token, "Yo");
    });
    await both("unknown_fields", async () => {
        const answer = await ask(model("extra"), { a_field_of_tomorrow: { deep: [1] } });
        assert.deepEqual(answer.timings, { prompt_ms: 1.5, names: ["é", "\u2028"] });
        assert.equal(answer.choices[0].message.reasoning_content, "I was greeted.");
        const chunks = await collect(await ask(model("extra-stream"), { stream: true }));
        assert.equal(chunks[0].choices[0].delta.reasoning_content, "Think.");
    });
    await both("embeddings", async () => {
        const floats = await client.embeddings.create(
            { model: model("embedding-float"), input: ["a", "b"], encoding_format: "float" });
        assert.deepEqual(floats.data[1].embedding, [0.125, -0.25, 0.5]);
        const packed = await client.embeddings.create(
            { model: model("embedding-base64"), input: "a" });
        assert.deepEqual([...packed.data[0].embedding], [0.5, -0.25, 0.125]);
    });
    await both("completions", async () => {
        const prompt = { model: model("hello"), prompt: "hi" };
        assert.equal((await client.completions.create(prompt)).choices[0].text, HELLO);
        const chunks = await collect(await client.completions.create({ ...prompt, stream: true }));
        assert.equal(chunks.map((chunk) => chunk.choices[0]?.text ?? "").join(""), HELLO);
    });
    await both("headers", async () => {
        const { response, data } = await ask(model("hello")).withResponse();
        assert.equal(textIn(data), HELLO);
        assert.ok(response.headers.get("x-sluice-id").length >= 16);
        assert.equal(Number(response.headers.get("x-sluice-cost-usd")), 0.0000312);
        assert.equal(response.headers.get("x-sluice-model"), (prefix || "recorded/") + "hello");
    });
    await both("error_400", async () => {
        const error = await raises(OpenAI.BadRequestError, ask(model("status-400")));
        assert.deepEqual([error.code, error.param], ["bad_temperature", "temperature"]);
    });
    await both("error_404", async () => {
        await raises(OpenAI.NotFoundError, ask(model("status-404")));
    });
    await both("error_422", async () => {
        await raises(OpenAI.UnprocessableEntityError, ask(model("status-422")));
    });
    await both("error_429", async () => {
        const error = await raises(OpenAI.RateLimitError, ask(model("status-429")));
        assert.equal(error.code, "rate_limit_exceeded"); // the provider's own words
        const other = await raises(OpenAI.RateLimitError, ask(model("status-429-text")));
        assert.equal(other.code, "upstream_rate_limit"); // it had none
    });
    await both("error_500", async () => {
        const error = await raises(OpenAI.InternalServerError, ask(model("status-500")));
        assert.equal(error.status, 500);
    });
    await both("error_provider_key", async () => {
        const error = await raises(OpenAI.InternalServerError, ask(model("status-401")));
        assert.equal(error.status, 502);
    });
    await both("error_cut_stream", async () => {
        const { chunks, error } = await untilError(ask(model("cut"), { stream: true }));
        assert.ok(error instanceof OpenAI.APIError, error.constructor.name);
        assert.ok(chunks.length > 0);
    });
    await both("error_event_in_stream", async () => {
        const { chunks, error } = await untilError(ask(model("error-event"), { stream: true }));
        assert.ok(error instanceof OpenAI.APIError, error.constructor.name);
        assert.equal(textOf(chunks), "Half ");
        assert.match(error.message, /The engine has failed/);
    });
    await both("retry_hidden_by_sluice", async () => {
        assert.equal(textIn(await ask(model("hidden"))), "Hidden retry.");
    });
}

async function ownThings() {
    await check("javascript.names", async () => {
        for (const name of ["assistant", "lane/cheap", "recorded/hello", "steady"])
            assert.equal(textIn(await ask(name)), HELLO);
    });
    await check("javascript.models", async () => {
        const names = (await collect(await client.models.list())).map((model) => model.id);
        assert.ok(names.includes("assistant") && names.includes("lane/cheap"), names.join());
        for (const name of ["assistant", "lane/cheap"]) // the client sends lane%2Fcheap
            assert.equal((await client.models.retrieve(name)).id, name);
    });
    await check("javascript.other_base_url", async () => {
        const other = another({ baseURL: url.replace("/v1", "/openai/v1") });
        const answer = await other.chat.completions.create({ model: "hello", messages });
        assert.equal(textIn(answer), HELLO);
    });
    await check("javascript.error_401", async () => {
        const stranger = another({ apiKey: "wrong" });
        const error = await raises(OpenAI.AuthenticationError,
            stranger.chat.completions.create({ model: "hello", messages }));
        assert.equal(error.code, "invalid_api_key");
    });
    await check("javascript.error_403", async () => {
        const error = await raises(OpenAI.PermissionDeniedError, client.files.list());
        assert.equal(error.code, "stateful_path");
    });
    await check("javascript.error_404_lane", async () => {
        const error = await raises(OpenAI.NotFoundError, ask("lane/cheep"));
        assert.match(error.message, /cheap/);
    });
    await check("javascript.error_refused", async () => {
        const error = await raises(OpenAI.InternalServerError, ask("gone/hello"));
        assert.equal(error.code, "connection_refused");
    });
    await check("javascript.timeout", async () => {
        await raises(OpenAI.APIConnectionTimeoutError, ask("slow", {}, { timeout: 300 }));
        assert.equal(textIn(await ask("hello")), HELLO);
    });
    await check("javascript.abort", async () => {
        const stop = new AbortController();
        setTimeout(() => stop.abort(), 200);
        await raises(OpenAI.APIUserAbortError, ask("slow", {}, { signal: stop.signal }));
        const stream = await ask("paced", { stream: true });
        for await (const _ of stream) break; // the client hangs up in the middle
        assert.equal(textIn(await ask("hello")), HELLO);
    });
    await check("javascript.retry_of_the_client", async () => {
        const statuses = [];
        const counting = another({ maxRetries: 2, fetch: async (...call) => {
            const answer = await fetch(...call);
            statuses.push(answer.status);
            return answer;
        } });
        const began = performance.now();
        const answer = await counting.chat.completions.create({ model: "flaky", messages });
        const took = performance.now() - began;
        assert.equal(textIn(answer), "At the second try.");
        assert.deepEqual(statuses, [429, 200]);
        assert.ok(took >= 695, `${took} ms, not retry-after-ms's 700`);
    });
    await check("javascript.fifty_at_once", async () => {
        const texts = await Promise.all(Array.from({ length: 50 }, async (_, i) => textIn(
            await ask("many", { messages: [{ role: "user", content: `Number ${i % 10}?` }] }))));
        texts.forEach((text, i) => assert.equal(text, `This is number ${i % 10}.`));
    });
}

await answers("recorded", "");
await answers("http", "http/");
await ownThings();
end();
