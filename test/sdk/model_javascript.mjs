// The official JavaScript client against a real model behind sluice ("model/NAME").
import assert from "node:assert/strict";
import { another, check, collect, end, textOf } from "./checks.mjs";

const model = `model/${process.env.MODEL_NAME}`;
const client = another({ timeout: 60000 });
const say = (more = {}) => client.chat.completions.create({ model, max_tokens: 24, temperature: 0,
    messages: [{ role: "user", content: "Say hello." }], ...more });

await check("javascript.model.chat", async () => {
    const answer = await say();
    assert.ok(answer.choices[0].message.content.trim());
    assert.ok(answer.usage.prompt_tokens > 0);
});
await check("javascript.model.stream", async () => {
    const whole = (await say()).choices[0].message.content;
    const chunks = await collect(await say({ stream: true }));
    assert.equal(textOf(chunks), whole);
    assert.equal(chunks.filter((chunk) => chunk.usage).length, 0);
});
await check("javascript.model.tools", async () => {
    const parameters = { type: "object", properties: { city: { type: "string" } },
        required: ["city"], additionalProperties: false };
    const answer = await say({ max_tokens: 100, tool_choice: "required",
        messages: [{ role: "user", content: "What is the weather in Lyon?" }],
        tools: [{ type: "function", function: { name: "get_weather", parameters } }] });
    const call = answer.choices[0].message.tool_calls[0].function;
    assert.equal(call.name, "get_weather");
    assert.deepEqual(Object.keys(JSON.parse(call.arguments)), ["city"]);
});
await check("javascript.model.structured", async () => {
    const schema = { type: "object", properties: { happy: { type: "boolean" } },
        required: ["happy"], additionalProperties: false };
    const answer = await say({ max_tokens: 60,
        response_format: { type: "json_schema", json_schema: { name: "verdict", schema } } });
    assert.equal(typeof JSON.parse(answer.choices[0].message.content).happy, "boolean");
});
await check("javascript.model.embeddings", async () => {
    const { data } = await client.embeddings.create({ model, input: ["the cat", "a dog"] });
    assert.equal(data.length, 2);
    assert.ok(data[0].embedding.length > 100);
});
end();
