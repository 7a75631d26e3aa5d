/*
 * anthropic.c: Anthropic's Messages API as a wire: what it carries, and its errors.
 *
 * Source of what it has and refuses: Anthropic's public API reference and the typed models of its
 * official clients.
 */
#include "llm/wire/anthropic.h"

static const struct wire_carriage carries[CHAT_FEATURE_COUNT] = {
    [CHAT_TEMPERATURE] = {WIRE_CARRIES, NULL},
    [CHAT_TOP_P] = {WIRE_CARRIES, NULL},
    [CHAT_TOP_K] = {WIRE_CARRIES, NULL},
    [CHAT_EFFORT] = {WIRE_CHANGES, "\"minimal\" is sent as \"low\", \"none\" as thinking disabled"},
    [CHAT_THINKING_DISPLAY] = {WIRE_CARRIES, NULL},
    [CHAT_METADATA] = {WIRE_LEAVES, "there is only the end user's name"},
    [CHAT_USER] = {WIRE_CARRIES, NULL},
    [CHAT_STORE] = {WIRE_LEAVES, NULL},
    [CHAT_SERVICE_TIER] = {WIRE_LEAVES, "but for \"auto\" and Anthropic's \"standard_only\""},
    [CHAT_CACHE_KEY] = {WIRE_LEAVES, "the cache goes by the prompt"},
    [CHAT_CACHE_RETENTION] = {WIRE_LEAVES, NULL},
    [CHAT_MAX_TOKENS] = {WIRE_CARRIES, "4096 are sent where a request has none"},
    [CHAT_STOP] = {WIRE_CARRIES, NULL},
    [CHAT_TEMPERATURE_HIGH] = {WIRE_REFUSES, "it goes from 0 to 1"},
    [CHAT_JSON_OBJECT] = {WIRE_REFUSES, "it takes a schema"},
    [CHAT_JSON_SCHEMA] = {WIRE_CHANGES, "without name, description and 'strict': it always holds"},
    [CHAT_THINKING_BUDGET] = {WIRE_CARRIES, NULL},
    [CHAT_THINKING_ADAPTIVE] = {WIRE_CARRIES, NULL},
    [CHAT_THINKING_OFF] = {WIRE_CARRIES, NULL},
    [CHAT_TOOLS] = {WIRE_CARRIES, NULL},
    [CHAT_TOOL_STRICT] = {WIRE_CARRIES, NULL},
    [CHAT_TOOL_CHOICE] = {WIRE_CARRIES, NULL},
    [CHAT_TOOLS_SERIAL] = {WIRE_CARRIES, NULL},
    [CHAT_SYSTEM] = {WIRE_CARRIES, NULL},
    [CHAT_SYSTEM_LATER] = {WIRE_CARRIES, "newer models take them, behind a user's message"},
    [CHAT_DEVELOPER] = {WIRE_CHANGES, "sent as system messages"},
    [CHAT_PREFILL] = {WIRE_CARRIES, "older models take it"},
    [CHAT_CALLS] = {WIRE_CARRIES, NULL},
    [CHAT_RESULT_ERROR] = {WIRE_CARRIES, NULL},
    [CHAT_RESULT_MEDIA] = {WIRE_CARRIES, NULL},
    [CHAT_IMAGE] = {WIRE_CARRIES, NULL},
    [CHAT_IMAGE_URL] = {WIRE_CARRIES, NULL},
    [CHAT_DOCUMENT] = {WIRE_CARRIES, "PDF and plain text; other types are refused"},
    [CHAT_DOCUMENT_TEXT] = {WIRE_CARRIES, NULL},
    [CHAT_DOCUMENT_URL] = {WIRE_CARRIES, "PDF"},
    [CHAT_FILE_ID] = {WIRE_REFUSES, "a file is known by its id to one provider only"},
    [CHAT_THINKING] = {WIRE_CHANGES, "only thinking with a signature is sent"},
    [CHAT_THINKING_HIDDEN] = {WIRE_CARRIES, NULL},
    [CHAT_REFUSAL] = {WIRE_CHANGES, "sent as text"},
    [CHAT_CACHE_CONTROL] = {WIRE_CARRIES, NULL},
    [CHAT_CITATIONS] = {WIRE_CARRIES, NULL},
};

static int error_write(struct buf *out, int status, const char *code, struct str text)
{
    buf_printf(out, "{\"type\":\"error\",\"error\":{\"type\":\"%s\",\"message\":",
               anthropic_error_type(status));
    json_quote(out, text);
    buf_str(out, STR(",\"code\":"));
    json_quote(out, str_from(code));
    return buf_str(out, STR("}}"));
}

static int error_event_write(struct buf *out, int status, const char *code, struct str text)
{
    frame_begin(out, STR("error"));
    error_write(out, status, code, text);
    frame_end(out);
    return out->failed;
}

const struct wire wire_anthropic = {
    .name = "anthropic",
    .path = {"/messages", 9},
    .effort = {"output_config", "effort"},
    .ask_read = anthropic_request_read,
    .answer_facts = anthropic_answer_read,
    .event_facts = anthropic_event_read,
    .usage_merge = anthropic_usage_merge,
    .carries = carries,
    .request_read = anthropic_chat_read,
    .request_write = anthropic_chat_write,
    .answer_read = anthropic_message_read,
    .answer_write = anthropic_message_write,
    .event_read = anthropic_stream_read,
    .event_write = anthropic_stream_write,
    .error_write = error_write,
    .error_event_write = error_event_write,
};
