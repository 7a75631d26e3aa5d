/*
 * anthropic.c: Anthropic's Messages API as a wire: what it carries, and its errors.
 *
 * Source of what it has and refuses: Anthropic's public API reference and the typed models of its
 * official clients.
 */
#include "llm/wire/anthropic.h"

static const struct wire_carriage carries[CHAT_FEATURE_COUNT] = {
    CARRIES(TEMPERATURE),
    CARRIES(TOP_P),
    CARRIES(TOP_K),
    CHANGES(EFFORT, "\"minimal\" is sent as \"low\", \"none\" as thinking disabled"),
    CARRIES(THINKING_DISPLAY),
    LEAVES(METADATA, "there is only the end user's name"),
    CARRIES(USER),
    LEAVES(STORE, NULL),
    LEAVES(SERVICE_TIER, "but for Anthropic's \"standard_only\""),
    LEAVES(CACHE_KEY, "the cache goes by the prompt"),
    LEAVES(CACHE_RETENTION, NULL),
    CARRIES_AS(MAX_TOKENS, "4096 are sent where a request has none"),
    CARRIES(STOP),
    REFUSES(TEMPERATURE_HIGH, "it goes from 0 to 1"),
    REFUSES(JSON_OBJECT, "it takes a schema"),
    CHANGES(JSON_SCHEMA, "without name, description and 'strict': it always holds"),
    CARRIES(THINKING_BUDGET),
    CARRIES(THINKING_ADAPTIVE),
    CARRIES(THINKING_OFF),
    CARRIES(TOOLS),
    CARRIES(TOOL_STRICT),
    CARRIES(TOOL_CHOICE),
    CARRIES(TOOLS_SERIAL),
    CARRIES(SYSTEM),
    CARRIES_AS(SYSTEM_LATER, "newer models take them, behind a user's message"),
    CHANGES(DEVELOPER, "sent as system messages"),
    CARRIES_AS(PREFILL, "older models take it"),
    CARRIES_AS(CALLS, "an id that is not 1 to 64 letters, digits, _ and - is replaced by its "
                      "hash"),
    CARRIES(RESULT_ERROR),
    CARRIES(RESULT_MEDIA),
    CARRIES(IMAGE),
    CARRIES(IMAGE_URL),
    CARRIES_AS(DOCUMENT, "PDF and plain text; other types are refused"),
    CARRIES(DOCUMENT_TEXT),
    CARRIES_AS(DOCUMENT_URL, "PDF"),
    REFUSES(FILE_ID, "a file is known by its id to one provider only"),
    CHANGES(THINKING, "only thinking with a signature of Anthropic's own is sent"),
    CHANGES(THINKING_HIDDEN, "Anthropic's own; other providers' is left out"),
    CHANGES(REFUSAL, "sent as text"),
    CARRIES(CACHE_CONTROL),
    CARRIES(CITATIONS),
    WITHOUT_RESPONSES,
    WITHOUT_RESULT_NAME,
    WITHOUT_BESIDE,
    WITHOUT_IMAGES_MADE,
};

static const struct wire_part parts[ANSWER_PART_COUNT] = {
    PART_CARRIED(TEXT, "`text`"),
    PART_CARRIED(CALL, "`tool_use`"),
    PART_LESS(CALL_CUT, NULL, "a stream has what there was of it"),
    PART_CARRIED(THINKING, "`thinking`"),
    PART_CARRIED(HIDDEN, "`redacted_thinking`"),
    PART_AS(REFUSAL, "`stop_details.explanation`", "as text, with `stop_reason` `refusal`"),
    PART_LEFT_OUT(URL_CITATION, NULL),
    PART_LEFT_OUT(IMAGE, NULL),
    PART_LEFT_OUT(IMAGE_URL, NULL),
    PART_LEFT_OUT(CITATION, "`citations` of a text"),
    PART_LEFT_OUT(AUDIO, NULL),
    PART_LEFT_OUT(FILE, "`container_upload`"),
    PART_LEFT_OUT(SEARCH, "`server_tool_use` of `web_search` or `web_fetch`, and their results"),
    PART_LEFT_OUT(CODE, "`server_tool_use` of code execution, and its results"),
    PART_LEFT_OUT(TOOL, "`mcp_tool_use`, `mcp_tool_result`, other `server_tool_use`"),
    PART_LEFT_OUT(OTHER, "a block of another type"),
};

int anthropic_error_write(struct buf *out, int status, const char *code, struct str text,
                          struct str param)
{
    (void)param; /* its errors have no place for it */
    buf_printf(out, "{\"type\":\"error\",\"error\":{\"type\":\"%s\",\"message\":",
               anthropic_error_type(status));
    json_quote(out, text);
    buf_str(out, STR(",\"code\":"));
    json_quote(out, str_from(code));
    return buf_str(out, STR("}}"));
}

int anthropic_error_event_write(struct buf *out, int64_t number, int status, const char *code,
                                struct str text)
{
    (void)number;
    frame_begin(out, STR("error"));
    anthropic_error_write(out, status, code, text, STR_NONE);
    frame_end(out);
    return out->failed;
}

const struct wire wire_anthropic = {
    .name = "anthropic",
    .path = {"/messages", 9},
    .limit = "max_tokens",
    .effort = {"output_config", "effort"},
    .ask_read = anthropic_request_read,
    .kept_each = anthropic_kept_each,
    .prefix_edit = anthropic_prefix_edit,
    .answer_facts = anthropic_answer_read,
    .event_facts = anthropic_event_read,
    .usage_merge = anthropic_usage_merge,
    .carries = carries,
    .parts = parts,
    .request_read = anthropic_chat_read,
    .request_write = anthropic_chat_write,
    .answer_read = anthropic_message_read,
    .answer_write = anthropic_message_write,
    .event_read = anthropic_stream_read,
    .event_write = anthropic_stream_write,
    .error_write = anthropic_error_write,
    .error_event_write = anthropic_error_event_write,
};
