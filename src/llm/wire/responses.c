/* wire/responses.c: what the files of the Responses wire share, its errors, and its row. */
#include "llm/wire/responses.h"

#include "llm/openai.h"

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
    struct json_reader r = json_list_reader(list);
    buf_init(&joined, list.n * 2);
    buf_char(&joined, '"');
    int err = 0;
    if (json_enter(&r, '['))
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

static int error_write(struct buf *out, int status, const char *code, struct str text)
{
    return openai_error_write(out, status, code, text);
}

/* Without the stream's state there is no number for it; clients act on its type alone. */
static int error_event_write(struct buf *out, int status, const char *code, struct str text)
{
    (void)status;
    frame_begin(out, STR("error"));
    buf_str(out, STR("{\"type\":\"error\",\"sequence_number\":0,\"code\":"));
    json_quote(out, str_from(code));
    buf_str(out, STR(",\"message\":"));
    json_quote(out, text);
    buf_str(out, STR(",\"param\":null}"));
    frame_end(out);
    return out->failed;
}

/* ---- the row ---- */

#define CARRIES                                                                                    \
    {                                                                                              \
        WIRE_CARRIES, NULL                                                                         \
    }
#define CHANGES(note)                                                                              \
    {                                                                                              \
        WIRE_CHANGES, note                                                                         \
    }
#define LEAVES(note)                                                                               \
    {                                                                                              \
        WIRE_LEAVES, note                                                                          \
    }
#define REFUSES(note)                                                                              \
    {                                                                                              \
        WIRE_REFUSES, note                                                                         \
    }

static const struct wire_carriage carries[CHAT_FEATURE_COUNT] = {
    [CHAT_TEMPERATURE] = CARRIES,
    [CHAT_TEMPERATURE_HIGH] = CARRIES,
    [CHAT_TOP_P] = CARRIES,
    [CHAT_LOGPROBS] = REFUSES("an answer that crosses protocols has no place for them"),
    [CHAT_TOP_LOGPROBS] = REFUSES("an answer that crosses protocols has no place for them"),
    [CHAT_EFFORT] = CARRIES,
    [CHAT_VERBOSITY] = CARRIES,
    [CHAT_METADATA] = LEAVES("its metadata is for answers that the provider keeps"),
    [CHAT_USER] = CARRIES,
    [CHAT_STORE] = CARRIES,
    [CHAT_SERVICE_TIER] = CHANGES("OpenAI's own words for it; others are left out"),
    [CHAT_CACHE_KEY] = CARRIES,
    [CHAT_CACHE_RETENTION] = CARRIES,
    [CHAT_REASONING_SUMMARY] = CARRIES,
    [CHAT_INCLUDE] = CARRIES,
    [CHAT_PREVIOUS] = CARRIES,
    [CHAT_CONVERSATION] = CARRIES,
    [CHAT_MAX_TOKENS] = CARRIES,
    [CHAT_JSON_OBJECT] = CARRIES,
    [CHAT_JSON_SCHEMA] = CARRIES,
    [CHAT_THINKING_BUDGET] = CHANGES("reasoning.effort, unless one is given: low below 4096 "
                                     "tokens, medium below 16384, else high"),
    [CHAT_THINKING_ADAPTIVE] = CARRIES,
    [CHAT_THINKING_OFF] = CHANGES("reasoning.effort none"),
    [CHAT_TOOLS] = CARRIES,
    [CHAT_TOOL_STRICT] = CARRIES,
    [CHAT_TOOL_CHOICE] = CARRIES,
    [CHAT_TOOLS_SERIAL] = CARRIES,
    [CHAT_SYSTEM] = CHANGES("the first as instructions, where it is one text; the others as "
                            "messages"),
    [CHAT_SYSTEM_LATER] = CARRIES,
    [CHAT_DEVELOPER] = CARRIES,
    [CHAT_PHASE] = LEAVES("what the message says tells it"),
    [CHAT_PREFILL] = REFUSES("its models do not go on with a message that was begun for them"),
    [CHAT_CALLS] = CARRIES,
    [CHAT_RESULT_ERROR] = LEAVES("the result's text says it"),
    [CHAT_RESULT_MEDIA] = CARRIES,
    [CHAT_IMAGE] = CARRIES,
    [CHAT_IMAGE_URL] = CARRIES,
    [CHAT_IMAGE_DETAIL] = CARRIES,
    [CHAT_DOCUMENT] = CHANGES("with a name, where it has none"),
    [CHAT_DOCUMENT_TEXT] = CHANGES("as a file of type text/plain"),
    [CHAT_DOCUMENT_URL] = CARRIES,
    [CHAT_FILE_ID] = REFUSES("another provider's files are not there"),
    [CHAT_THINKING] = CHANGES("reasoning items of its own, whose signatures begin with openai: for "
                              "clients, go back; other providers' are left out"),
    [CHAT_THINKING_HIDDEN] = CHANGES("as earlier thinking"),
    [CHAT_REFUSAL] = CARRIES,
    [CHAT_CACHE_CONTROL] = LEAVES("it finds repeated prefixes by itself"),
};

const struct wire wire_responses = {
    .name = "openai.responses",
    .carries = carries,
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
