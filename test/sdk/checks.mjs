// What a check is: a function with a name. One that throws has failed. The last line is the sum.
import { pathToFileURL } from "node:url";

export const { default: OpenAI } = await import(pathToFileURL(process.env.SDK_CLIENT));
export const slower = Number(process.env.SDK_SLOWER ?? 1);
export const url = process.env.SDK_URL;

const words = process.argv.slice(2);
let passed = 0;
let failed = 0;

export function another(settings = {}) {
    return new OpenAI({ apiKey: process.env.SDK_KEY, baseURL: url, maxRetries: 0,
        timeout: 20000 * slower, ...settings });
}

export async function check(name, body) {
    if (words.length && !words.some((word) => name.includes(word))) return;
    const began = performance.now();
    try {
        await body();
        passed++;
        console.log(`ok   ${name} ${Math.round(performance.now() - began)} ms`);
    } catch (error) {
        failed++;
        console.log(`FAIL ${name}\n${error.stack}`);
    }
}

// The error, of exactly this class, that the promise ends with.
export async function raises(kind, promise) {
    let value;
    try {
        value = await promise;
    } catch (error) {
        if (error.constructor === kind) return error;
        throw new Error(`got ${error.constructor.name}: ${error.message}, expected ${kind.name}`);
    }
    throw new Error(`nothing was thrown, expected ${kind.name}: ${JSON.stringify(value)}`);
}

export async function collect(stream) {
    const chunks = [];
    for await (const chunk of stream) chunks.push(chunk);
    return chunks;
}

export const textOf = (chunks) =>
    chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join("");

export function end() {
    console.log(`${passed} passed, ${failed} failed`);
    process.exit(failed ? 1 : 0);
}
