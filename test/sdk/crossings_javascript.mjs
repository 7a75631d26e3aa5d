// The official JavaScript clients of OpenAI and Anthropic in front of every provider's protocol, on
// recorded answers. SDK_MEANT is a file that says what each recording means.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { OpenAI, check, end } from "./checks.mjs";

const { default: Anthropic } = await import(pathToFileURL(process.env.SDK_ANTHROPIC));
const meant = JSON.parse(readFileSync(process.env.SDK_MEANT, "utf8"));
const parameters = { type: "object", properties: { city: { type: "string" } } };
const openai = new OpenAI({ apiKey: process.env.SDK_KEY, baseURL: `${process.env.SDK_URL}/v1`,
    maxRetries: 0 });
const anthropic = new Anthropic({ apiKey: process.env.SDK_KEY, baseURL: process.env.SDK_URL,
    maxRetries: 0 });

function same(found, expected) {
    for (const key of ["text", "calls", "in", "out"])
        assert.deepEqual(found[key], expected[key], key);
}

const input = (text) => JSON.parse(text || "{}");

const chat = {
    ask: { messages: [{ role: "user", content: "hi" }],
        tools: [{ type: "function", function: { name: "look", parameters } }] },
    found: (answer) => ({ text: answer.choices[0].message.content ?? "",
        calls: (answer.choices[0].message.tool_calls ?? [])
            .map((c) => [c.function.name, input(c.function.arguments)]),
        in: answer.usage.prompt_tokens, out: answer.usage.completion_tokens }),
    whole: (model) => openai.chat.completions.create({ model, ...chat.ask }),
    stream: (model) => openai.chat.completions.stream({ model, ...chat.ask,
        stream_options: { include_usage: true } }).finalChatCompletion(),
    error: OpenAI.APIError,
};

const responses = {
    ask: { input: "hi", tools: [{ type: "function", name: "look", parameters, strict: false }] },
    found: (answer) => ({ text: answer.output.filter((i) => i.type === "message")
        .flatMap((i) => i.content).map((p) => p.text ?? "").join(""),
        calls: answer.output.filter((i) => i.type === "function_call")
            .map((i) => [i.name, input(i.arguments)]),
        in: answer.usage.input_tokens, out: answer.usage.output_tokens }),
    whole: (model) => openai.responses.create({ model, ...responses.ask }),
    stream: (model) => openai.responses.stream({ model, ...responses.ask }).finalResponse(),
    error: OpenAI.APIError,
};

const messages = {
    ask: { max_tokens: 200, messages: [{ role: "user", content: "hi" }],
        tools: [{ name: "look", input_schema: parameters }] },
    found: ({ content, usage }) => ({
        text: content.filter((b) => b.type === "text").map((b) => b.text).join(""),
        calls: content.filter((b) => b.type === "tool_use").map((b) => [b.name, b.input]),
        in: usage.input_tokens + (usage.cache_read_input_tokens ?? 0) +
            (usage.cache_creation_input_tokens ?? 0), out: usage.output_tokens }),
    whole: (model) => anthropic.messages.create({ model, ...messages.ask }),
    stream: (model) => anthropic.messages.stream({ model, ...messages.ask }).finalMessage(),
    error: Anthropic.APIError,
};

for (const [client, how] of Object.entries({ chat, responses, anthropic: messages }))
    for (const [wire, recordings] of Object.entries(meant))
        for (const [shows, { model, whole, stream }] of Object.entries(recordings)) {
            const name = `crossing.javascript.${client}.${wire}.${shows}`;
            if (shows === "error")
                await check(name, () => assert.rejects(how.whole(model), (error) => {
                    assert.ok(error instanceof how.error && error.status >= 400, String(error));
                    return true;
                }));
            if (whole)
                await check(name, async () => same(how.found(await how.whole(model)), whole));
            if (stream)
                await check(`${name}_stream`, async () =>
                    same(how.found(await how.stream(model)), stream));
        }

end();
