#include "llm/settings.h"

#include <stddef.h>

const struct timeouts timeouts_default = {
    .connect_ms = 5 * 1000,
    .first_token_ms = 10 * 60 * 1000, /* reasoning models think for minutes before they speak */
    .between_tokens_ms = 2 * 60 * 1000,
    .total_ms = 60 * 60 * 1000,
    .idle_ms = 55 * 1000,
};

static int64_t pick(int64_t inner, int64_t outer)
{
    return inner ? inner : outer;
}

struct timeouts timeouts_over(const struct timeouts *inner, const struct timeouts *outer)
{
    return (struct timeouts){
        .connect_ms = pick(inner->connect_ms, outer->connect_ms),
        .first_token_ms = pick(inner->first_token_ms, outer->first_token_ms),
        .between_tokens_ms = pick(inner->between_tokens_ms, outer->between_tokens_ms),
        .total_ms = pick(inner->total_ms, outer->total_ms),
        .idle_ms = pick(inner->idle_ms, outer->idle_ms),
    };
}

#define DAY_MS             (24 * 60 * 60 * 1000LL)
#define ROW(type_, field_) .type = (type_), .offset = offsetof(THIS, field_)

/* clang-format off */
#define THIS struct timeouts
static const struct conf_row timeouts_rows[] = {
    {.name = "connect", ROW(CONF_DURATION, connect_ms), .min = 1, .max = DAY_MS,
     .help = "To a connection that is ready, TLS included. Without it: 5s."},
    {.name = "first_token", ROW(CONF_DURATION, first_token_ms), .min = 1, .max = DAY_MS,
     .help = "From the connection to the first token of a stream (a role, a comment or a ping is "
             "none), or to the header of an answer that is not streamed. Reasoning models may "
             "think for minutes. Without it: 10m."},
    {.name = "between_tokens", ROW(CONF_DURATION, between_tokens_ms), .min = 1, .max = DAY_MS,
     .help = "The longest pause behind the first token; a comment or a ping ends it, too. Without "
             "it: 2m."},
    {.name = "total", ROW(CONF_DURATION, total_ms), .min = 1, .max = DAY_MS,
     .help = "From the first try of this provider's model to the last byte, with all further tries "
             "of it; a fallback has its own. Without it: 1h."},
    {.name = "idle", ROW(CONF_DURATION, idle_ms), .min = 1, .max = DAY_MS,
     .help = "How long an unused connection to the provider is kept. Without it: 55s."},
    {0},
};
/* clang-format on */
#undef THIS
static const struct conf_table timeouts_table = {
    .name = "timeouts",
    .help = "How long a call to a provider may take. A model's own come before its provider's.",
    .size = sizeof(struct timeouts),
    .rows = timeouts_rows,
    .example = "timeouts: {first_token: 20m, between_tokens: 90s}",
};

/* clang-format off */
#define THIS struct base_url_settings
static const struct conf_row base_url_rows[] = {
    {.name = "url", ROW(CONF_STR, url), .flags = CONF_REQUIRED,
     .help = "http:// or https://, with the path in front of /chat/completions."},
    {.name = "weight", ROW(CONF_INT, weight), .fallback = "1", .min = 1, .max = 1000,
     .help = "Its share beside the other replicas."},
    {0},
};
/* clang-format on */
#undef THIS
static const struct conf_table base_url_table = {
    .name = "base_url",
    .help = "Where a provider answers. Several are replicas: a call goes to the one with the "
            "fewest calls under way for its weight; equally busy ones take turns.",
    .size = sizeof(struct base_url_settings),
    .rows = base_url_rows,
    .shorthand = "url",
    .example = "base_url: [{url: http://127.0.0.1:9001/v1, weight: 2}, http://127.0.0.1:9002/v1]",
};

/* clang-format off */
#define THIS struct tls_table
static const struct conf_row tls_rows[] = {
    {.name = "ca_file", ROW(CONF_STR, ca_file),
     .help = "Certificates to trust (PEM) in place of the system's."},
    {.name = "cert_file", ROW(CONF_STR, cert_file), .help = "Our own certificate (PEM)."},
    {.name = "key_file", ROW(CONF_STR, key_file), .help = "Its private key (PEM)."},
    {.name = "insecure", ROW(CONF_BOOL, insecure), .fallback = "off",
     .help = "Do not verify the provider's certificate. For tests only."},
    {0},
};
/* clang-format on */
#undef THIS
const struct conf_table tls_conf_table = {
    .name = "tls",
    .help = "TLS to a provider, or to a collector of telemetry. The certificate and the host name "
            "are verified. The files are looked at every two seconds; one that changed is used for "
            "the next connections.",
    .size = sizeof(struct tls_table),
    .rows = tls_rows,
};

/* clang-format off */
#define THIS struct aws_settings
static const struct conf_row aws_rows[] = {
    {.name = "region", ROW(CONF_STR, region), .flags = CONF_SHAPES_ANSWERS,
     .help = "Such as `eu-central-1`."},
    {.name = "access_key", ROW(CONF_SECRET, access_key),
     .help = "An access key's id, as a `${NAME}` reference to the environment."},
    {.name = "secret_key", ROW(CONF_SECRET, secret_key),
     .help = "Its secret, as a `${NAME}` reference to the environment."},
    {.name = "session_token", ROW(CONF_SECRET, session_token),
     .help = "Of a key that holds for a while only."},
    {0},
};
/* clang-format on */
#undef THIS
static const struct conf_table aws_table = {
    .name = "aws",
    .help = "Kind `bedrock`: where, and who asks. Requests are signed; a Bedrock API key goes "
            "without, as the provider's `key`.",
    .size = sizeof(struct aws_settings),
    .rows = aws_rows,
    .example = "aws: {region: eu-central-1, access_key: \"${AWS_ACCESS_KEY_ID}\",\n"
               "      secret_key: \"${AWS_SECRET_ACCESS_KEY}\"}",
};

/* clang-format off */
#define THIS struct upstream_key_settings
static const struct conf_row upstream_key_rows[] = {
    {.name = "secret", ROW(CONF_SECRET, secret), .flags = CONF_REQUIRED,
     .help = "A key, as a `${NAME}` reference to the environment."},
    {.name = "weight", ROW(CONF_INT, weight), .fallback = "1", .min = 1, .max = 1000,
     .help = "Its share beside the other keys."},
    {0},
};
/* clang-format on */
#undef THIS
static const struct conf_table upstream_key_table = {
    .name = "api_key",
    .help = "One of a provider's API keys. They take turns by weight. One that the provider limits "
            "(429) rests for as long as it says, or 30 s; one that it refuses (401, 403) rests 10 "
            "minutes; the call is tried again with another at once.",
    .size = sizeof(struct upstream_key_settings),
    .rows = upstream_key_rows,
    .shorthand = "secret",
    .example = "api_keys: [{secret: \"${KEY_A}\", weight: 3}, \"${KEY_B}\"]",
};

/* clang-format off */
#define THIS struct tenant_key_settings
static const struct conf_row tenant_key_rows[] = {
    {.name = "secret", ROW(CONF_SECRET, secret), .flags = CONF_REQUIRED,
     .help = "The key, as a `${NAME}` or `${file:PATH}` reference."},
    {0},
};
/* clang-format on */
#undef THIS
static const struct conf_table tenant_key_table = {
    .name = "tenant_key",
    .help = "A tenant's own API key at a provider.",
    .size = sizeof(struct tenant_key_settings),
    .rows = tenant_key_rows,
    .shorthand = "secret",
    .example = "tenant_keys: {shop: \"${SHOP_OPENAI_KEY}\"}",
};

static const char *const responses_words[] = {"auto", "on", "off", "always", NULL};
static const char *const limit_words[] = {"auto", "max_tokens", "max_completion_tokens", NULL};
static const char *const http2_words[] = {"auto", "off", "on", NULL};
static const char *const stream_usage_words[] = {"ask", "estimate", NULL};

/* clang-format off */
#define THIS struct provider_settings
static const struct conf_row provider_rows[] = {
    {.name = "kind", ROW(CONF_STR, kind), .fallback = "openai", .flags = CONF_SHAPES_ANSWERS,
     .help = "The protocol it speaks: `openai` (OpenAI, vLLM, llama.cpp, Ollama, Groq, Together, "
             "OpenRouter and whatever else is compatible), `azure` (OpenAI's models there), "
             "`anthropic`, `gemini`, `bedrock` or `recorded` (plays a file). Clients of OpenAI's "
             "and Anthropic's protocols can ask all of them."},
    {.name = "base_url", ROW(CONF_LIST, base_url), .child = &base_url_table,
     .help = "Where it answers; several are replicas. Kinds `openai`, `anthropic`, `gemini` and "
             "`bedrock` have their makers' as default."},
    {.name = "key", ROW(CONF_SECRET, key),
     .help = "The provider's API key, as a `${NAME}` reference to the environment."},
    {.name = "api_keys", ROW(CONF_LIST, api_keys), .child = &upstream_key_table,
     .help = "Several API keys in the place of `key`."},
    {.name = "tenant_keys", ROW(CONF_MAP, tenant_keys), .child = &tenant_key_table,
     .help = "Tenants that have a key of their own at this provider: their calls go out with it "
             "and never with another."},
    {.name = "key_header", ROW(CONF_STR, key_header),
     .help = "The header that carries the key. Without it: as the kind has it, such as `x-api-key` "
             "for `anthropic`; else Authorization."},
    {.name = "key_prefix", ROW(CONF_STR, key_prefix),
     .help = "What stands before the key in that header. Without it: `Bearer ` for "
             "Authorization, nothing for another header."},
    {.name = "path", ROW(CONF_STR, path), .flags = CONF_SHAPES_ANSWERS,
     .help = "What follows base_url; `{operation}` is chat/completions and the like, `{model}` "
             "the model's name. Without it: `/{operation}`; kind `azure` has "
             "`/openai/deployments/{model}/{operation}`, and `/openai/v1/responses` for Responses; "
             "`gemini` and `bedrock` have paths of their own."},
    {.name = "api_version", ROW(CONF_STR, api_version), .flags = CONF_SHAPES_ANSWERS,
     .help = "Sent as `?api-version=` where given. Kind `azure` has one."},
    {.name = "responses", ROW(CONF_CHOICE, responses), .fallback = "auto",
     .choices = responses_words, .flags = CONF_SHAPES_ANSWERS,
     .help = "Kinds `openai` and `azure`: does it answer OpenAI's /responses itself? `on` passes "
             "them on, with the provider's own tools; `off` carries them over to chat "
             "completions; `always` asks for every chat there, for models that answer nowhere "
             "else. `auto`: on for OpenAI's own host."},
    {.name = "limit_name", ROW(CONF_CHOICE, limit_name), .fallback = "auto",
     .choices = limit_words, .flags = CONF_SHAPES_ANSWERS,
     .help = "Kinds `openai` and `azure`: what a limit of an answer's tokens is called in chat "
             "completions that sluice writes itself, or adds a limit to. Reasoning models on Azure "
             "take `max_completion_tokens` only; older servers know `max_tokens` only. `auto`: the "
             "former for OpenAI's own host, else the latter."},
    {.name = "aws", ROW(CONF_TABLE, aws), .child = &aws_table, .help = "Kind `bedrock`."},
    {.name = "headers", ROW(CONF_STR_MAP, headers), .flags = CONF_SHAPES_ANSWERS,
     .help = "Further headers for every call, in place of the client's; not the key's, Host, "
             "Content-Type or Accept-Encoding. They are shown in listings: no secrets here."},
    {.name = "stream_usage", ROW(CONF_CHOICE, stream_usage), .fallback = "ask",
     .choices = stream_usage_words,
     .help = "How the tokens of a stream are known whose client did not ask for usage: `ask` "
             "splices the option in and cuts the answer's usage out again; `estimate` leaves the "
             "request alone and counts bytes, for servers that do not know the option."},
    {.name = "pass_key", ROW(CONF_BOOL, pass_key), .fallback = "off",
     .help = "Pass the client's own Authorization on, where sluice itself asks for no key."},
    {.name = "stateful", ROW(CONF_BOOL, stateful), .fallback = "off",
     .help = "Let every key reach and name objects that live at the provider (files, batches, "
             "containers, other tenants' stored responses). All of them share one account: only "
             "where all may see all. Where sluice asks for no keys it is so anyway."},
    {.name = "file", ROW(CONF_STR, file), .flags = CONF_SHAPES_ANSWERS,
     .help = "Kind `recorded`: the JSONL file of answers to play, or a folder of them (as "
             "`recording` writes it). A line: `{\"prompt\": \"2 + 2?\", \"answer\": \"4\", "
             "\"tokens\": {\"input\": 12, \"output\": 1}}`; the manual has more."},
    {.name = "prices", ROW(CONF_STR, prices),
     .help = "The name under which the price list that ships with sluice knows this provider, such "
             "as `azure`; `none`: its prices are not the list's. Without it: by its base URLs' "
             "host, where that is a known one (api.openai.com)."},
    {.name = "http2", ROW(CONF_CHOICE, http2), .fallback = "auto", .choices = http2_words,
     .help = "HTTP/2 to this provider: `auto` where it speaks TLS and agrees (ALPN), else "
             "HTTP/1.1; `off` never; `on` always: without TLS from the first byte on (prior "
             "knowledge), and a server that does not speak it is a fault."},
    {.name = "connections", ROW(CONF_INT, connections_max), .fallback = "0", .max = 100000,
     .help = "The most connections to each replica; 0 is no limit."},
    {.name = "answer_bytes", ROW(CONF_BYTES, answer_bytes_max), .fallback = "64MiB", .min = 1024,
     .max = 1LL << 32,
     .help = "The largest answer that is held in memory. Streams are not held."},
    {.name = "timeouts", ROW(CONF_TABLE, timeouts), .child = &timeouts_table,
     .help = "Of its calls."},
    {.name = "tls", ROW(CONF_TABLE, tls), .child = &tls_conf_table, .help = "To it."},
    {0},
};
/* clang-format on */
#undef THIS
const struct conf_table provider_table = {
    .name = "provider",
    .help = "Somebody who answers: a hosted service or a server of your own.",
    .size = sizeof(struct provider_settings),
    .rows = provider_rows,
    .example = "openai: {kind: openai, key: \"${OPENAI_API_KEY}\"}\n"
               "home:   {base_url: [http://127.0.0.1:9001/v1, http://127.0.0.1:9002/v1]}",
};

const char *const message_roles[] = {"system", "user", "assistant", NULL};

/* clang-format off */
#define THIS struct message_settings
static const struct conf_row message_rows[] = {
    {.name = "role", ROW(CONF_CHOICE, role), .fallback = "system", .choices = message_roles,
     .flags = CONF_SHAPES_ANSWERS,
     .help = "Who says it. System messages come first; a text alone is one."},
    {.name = "content", ROW(CONF_STR, content), .flags = CONF_REQUIRED | CONF_SHAPES_ANSWERS,
     .help = "What is said. `$$` is a dollar sign."},
    {0},
};
/* clang-format on */
#undef THIS
static const struct conf_table message_table = {
    .name = "prefix",
    .help = "A message in front of those that a chat request brings: a system prompt, or one of "
            "worked examples. See [Messages in front](manual.md#messages-in-front).",
    .size = sizeof(struct message_settings),
    .rows = message_rows,
    .shorthand = "content",
    .example = "prefix:\n"
               "  - Answer with the class alone.\n"
               "  - {role: user, content: \"The parcel is late.\"}\n"
               "  - {role: assistant, content: delivery}",
};

/* clang-format off */
#define THIS struct model_settings
static const struct conf_row model_rows[] = {
    {.name = "is", ROW(CONF_STR, is), .flags = CONF_REQUIRED | CONF_SHAPES_ANSWERS,
     .help = "What the name stands for: `provider/model`, another alias or `lane/NAME`."},
    {.name = "fallback", ROW(CONF_STRS, fallback), .flags = CONF_SHAPES_ANSWERS,
     .help = "What is asked in its place, in this order, while it cannot answer."},
    {.name = "params", ROW(CONF_JSON, params), .flags = CONF_SHAPES_ANSWERS,
     .help = "Parameters for requests that do not set them themselves."},
    {.name = "prefix", ROW(CONF_LIST, prefix), .child = &message_table,
     .flags = CONF_SHAPES_ANSWERS,
     .help = "Messages in front of a chat request's own, also for what the name stands for and for "
             "its fallbacks, in place of theirs. A text alone is a system prompt."},
    {.name = "timeouts", ROW(CONF_TABLE, timeouts), .child = &timeouts_table,
     .help = "Of its calls."},
    {0},
};
/* clang-format on */
#undef THIS
const struct conf_table model_table = {
    .name = "model",
    .help = "A name that applications may ask for.",
    .size = sizeof(struct model_settings),
    .rows = model_rows,
    .shorthand = "is",
    .example = "fast:   {is: openai/gpt-5-nano, fallback: [home/llama]}\nsmart:  openai/gpt-5",
};

/* clang-format off */
#define THIS struct lane_item_settings
static const struct conf_row lane_item_rows[] = {
    {.name = "is", ROW(CONF_STR, is), .flags = CONF_REQUIRED | CONF_SHAPES_ANSWERS,
     .help = "`provider/model` or an alias."},
    {.name = "reasoning_effort", ROW(CONF_STR, reasoning_effort), .flags = CONF_SHAPES_ANSWERS,
     .help = "Short for params: {reasoning_effort: ...}."},
    {.name = "params", ROW(CONF_JSON, params), .flags = CONF_SHAPES_ANSWERS,
     .help = "Parameters for requests that do not set them themselves."},
    {.name = "prefix", ROW(CONF_LIST, prefix), .child = &message_table,
     .flags = CONF_SHAPES_ANSWERS,
     .help = "Messages in front of a chat request's own, as a model's."},
    {.name = "timeouts", ROW(CONF_TABLE, timeouts), .child = &timeouts_table,
     .help = "Of its calls."},
    {0},
};
/* clang-format on */
#undef THIS
const struct conf_table lane_item_table = {
    .name = "lane",
    .help = "One model of a lane. The first of a lane is asked; the others stand in for it.",
    .size = sizeof(struct lane_item_settings),
    .rows = lane_item_rows,
    .shorthand = "is",
    .example = "cheap:     [fast]\nreasoning: [{is: openai/gpt-5, reasoning_effort: high}]",
};
