/* wire/responses.c: what the files of the Responses wire share, its errors, and its row. */
#include "llm/wire/responses.h"

#include "llm/openai.h"
#include "llm/responses.h"

/* ---- strings ---- */

int string_prepend(struct arena *a, struct str raw, struct str string, struct str *ret_string)
{
    struct str s = arena_printf(a, "\"%.*s%.*s", STR_ARGS(raw), STR_ARGS(str_tail(string, 1)));
    if (!s.p)
        return E_MEMORY;
    *ret_string = s;
    return 0;
}

int string_behind(struct arena *a, struct str raw, struct str string, struct str *ret_string)
{
    *ret_string = STR_NONE;
    if (string.n < raw.n + 2 || !str_starts(str_tail(string, 1), raw))
        return 0;
    return string_prepend(a, STR(""), str_tail(string, raw.n), ret_string);
}

static int text_add(struct json_reader *r, struct buf *joined)
{
    struct str text = member_take(r, STR("text"), VALUE_STRING);
    if (!text.p)
        return E_BAD_REQUEST;
    buf_str(joined, joined->n > 1 ? STR("\\n\\n") : STR(""));
    return buf_str(joined, json_string_raw(text));
}

int responses_texts(struct arena *a, struct str list, struct str *ret_string)
{
    struct buf joined;
    *ret_string = STR_NONE;
    if (!json_is_array(list))
        return list.n == 0 ? 0 : E_BAD_REQUEST;
    struct json_reader r;
    buf_init(&joined, list.n * 2);
    buf_char(&joined, '"');
    int err = 0;
    if (list_enter(&r, list))
        do
            err = text_add(&r, &joined);
        while (!err && json_more(&r, '['));
    if (!err && joined.n > 1) {
        buf_char(&joined, '"');
        *ret_string = arena_str(a, buf_view(&joined));
        err = joined.failed || !ret_string->p ? E_MEMORY : 0;
    }
    buf_fini(&joined);
    return err;
}

/* ---- errors ---- */

static int error_write(struct buf *out, int status, const char *code, struct str text,
                       struct str param)
{
    return openai_error_write(out, status, code, text, param);
}

static int error_event_write(struct buf *out, int64_t number, int status, const char *code,
                             struct str text)
{
    (void)status;
    frame_begin(out, STR("error"));
    buf_printf(out, "{\"type\":\"error\",\"sequence_number\":%lld,\"code\":", (long long)number);
    json_quote(out, str_from(code));
    buf_str(out, STR(",\"message\":"));
    json_quote(out, text);
    buf_str(out, STR(",\"param\":null}"));
    frame_end(out);
    return out->failed;
}

/* ---- the row ---- */

static const struct wire_carriage carries[CHAT_FEATURE_COUNT] = {
    CARRIES(TEMPERATURE),
    CARRIES(TEMPERATURE_HIGH),
    CARRIES(TOP_P),
    REFUSES(LOGPROBS, "an answer that crosses protocols has no place for them"),
    REFUSES(TOP_LOGPROBS, "an answer that crosses protocols has no place for them"),
    CARRIES(EFFORT),
    CARRIES(VERBOSITY),
    LEAVES(METADATA, "its metadata is for answers that the provider keeps"),
    CARRIES(USER),
    CARRIES(STORE),
    CHANGES(SERVICE_TIER, "OpenAI's own words for it; others are left out"),
    CARRIES(CACHE_KEY),
    CARRIES(CACHE_RETENTION),
    CARRIES(REASONING_SUMMARY),
    CARRIES(INCLUDE),
    CARRIES(PREVIOUS),
    CARRIES(CONVERSATION),
    CARRIES(MAX_TOKENS),
    CARRIES(JSON_OBJECT),
    CARRIES(JSON_SCHEMA),
    CHANGES(THINKING_BUDGET, "reasoning.effort, unless one is given: low below 4096 "
                             "tokens, medium below 16384, else high"),
    CARRIES(THINKING_ADAPTIVE),
    CHANGES(THINKING_OFF, "reasoning.effort none"),
    CARRIES(TOOLS),
    CARRIES(TOOL_STRICT),
    CARRIES(TOOL_CHOICE),
    CARRIES(TOOLS_SERIAL),
    CHANGES(SYSTEM, "the first as instructions, where it is one text; the others as "
                    "messages"),
    CARRIES(SYSTEM_LATER),
    CARRIES(DEVELOPER),
    LEAVES(PHASE, "what the message says tells it"),
    REFUSES(PREFILL, "its models do not go on with a message that was begun for them"),
    CARRIES_AS(CALLS, "an id of more than 64 characters is replaced by its hash"),
    LEAVES(RESULT_ERROR, "the result's text says it"),
    CARRIES(RESULT_MEDIA),
    CARRIES(IMAGE),
    CARRIES(IMAGE_URL),
    CARRIES(IMAGE_DETAIL),
    CHANGES(DOCUMENT, "with a name, where it has none"),
    CHANGES(DOCUMENT_TEXT, "as a file of type text/plain"),
    CARRIES(DOCUMENT_URL),
    REFUSES(FILE_ID, "another provider's files are not there"),
    CHANGES(THINKING, "reasoning items of its own, whose signatures begin with openai: for "
                      "clients, go back; other providers' are left out"),
    CHANGES(THINKING_HIDDEN, "as earlier thinking"),
    CARRIES(REFUSAL),
    LEAVES(CACHE_CONTROL, "it finds repeated prefixes by itself"),
    WITHOUT_ANTHROPIC,
    WITHOUT_RESULT_NAME,
    WITHOUT_BESIDE,
    WITHOUT_IMAGES_MADE,
};

static const struct wire_part parts[ANSWER_PART_COUNT] = {
    PART_CARRIED(TEXT, "`output_text`"),
    PART_CARRIED(CALL, "`function_call`"),
    PART_LESS(CALL_CUT, "`function_call` that is no JSON, in an answer that is `incomplete`",
              "a stream has what there was of it"),
    PART_AS(THINKING, "`reasoning`",
            "as a summary of `reasoning`; its signature as "
            "`encrypted_content`"),
    PART_AS(HIDDEN, "`encrypted_content` of `reasoning`", "as `encrypted_content` of `reasoning`"),
    PART_CARRIED(REFUSAL, "`refusal`"),
    PART_CARRIED(URL_CITATION, "`annotations` of type `url_citation`"),
    PART_AS(IMAGE, "`image_generation_call`", "as an item `image_generation_call`"),
    PART_LEFT_OUT(IMAGE_URL, NULL),
    PART_LEFT_OUT(CITATION, "other `annotations`"),
    PART_LEFT_OUT(AUDIO, NULL),
    PART_LEFT_OUT(FILE, NULL),
    PART_LEFT_OUT(SEARCH, "`web_search_call`, `file_search_call`"),
    PART_LEFT_OUT(CODE, "`code_interpreter_call`"),
    PART_LEFT_OUT(TOOL, "`mcp_call`, `mcp_list_tools`, `computer_call` and other calls"),
    PART_LEFT_OUT(OTHER, "an item or a part of another type"),
};

const struct wire wire_responses = {
    .name = "openai.responses",
    .path = {"/responses", 10},
    .limit = "max_output_tokens",
    .effort = {"reasoning", "effort"},
    .ask_read = responses_ask_read,
    .kept_each = responses_kept_each,
    .prefix_edit = responses_prefix_edit,
    .answer_facts = responses_answer_facts,
    .event_facts = responses_event_facts,
    .carries = carries,
    .parts = parts,
    .request_read = responses_request_read,
    .request_write = responses_request_write,
    .answer_read = responses_answer_read,
    .answer_write = responses_answer_write,
    .event_read = responses_event_read,
    .event_write = responses_event_write,
    .state_fini = responses_state_fini,
    .error_write = error_write,
    .error_event_write = error_event_write,
};
