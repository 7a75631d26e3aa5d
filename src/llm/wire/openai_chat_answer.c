/*
 * openai_chat_answer.c: whole answers, usage, errors; and the wire's row.
 *
 * Of an answer's choices the first is crossed. Where a server says less than the protocol asks for
 * (no id of a call, a finish_reason of "stop" behind tool calls), what it must mean is taken.
 */
#include "llm/openai.h"
#include "llm/wire/openai_chat.h"

/* ---- usage ---- */

static int64_t part_of(int64_t whole, struct str count)
{
    int64_t n = count_of(count, 0);
    return n < whole ? n : whole;
}

bool openai_chat_usage(struct str usage, struct tokens *ret_tokens)
{
    static const struct str names[] = {{"prompt_tokens", 13},
                                       {"completion_tokens", 17},
                                       {"prompt_tokens_details", 21},
                                       {"completion_tokens_details", 25}};
    static const struct str prompt_names[] = {{"cached_tokens", 13}, {"cache_write_tokens", 18}};
    static const struct str completion_names[] = {{"reasoning_tokens", 16}};
    struct str value[4], prompt_value[2], completion_value[1];
    bool good = openai_chat_members(usage, names, 4, value);
    int64_t prompt = count_of(value[0], -1), completion = count_of(value[1], 0);
    (void)openai_chat_members(value[2], prompt_names, 2, prompt_value);
    (void)openai_chat_members(value[3], completion_names, 1, completion_value);
    if (!good || prompt < 0)
        return false;
    /* Some servers report more of a part than of the whole; the whole is what is billed. */
    int64_t cached = part_of(prompt, prompt_value[0]);
    int64_t cache_write = part_of(prompt - cached, prompt_value[1]);
    int64_t reasoning = part_of(completion, completion_value[0]);
    *ret_tokens = (struct tokens){.input = prompt - cached - cache_write,
                                  .cached = cached,
                                  .cache_write = cache_write,
                                  .output = completion - reasoning,
                                  .reasoning = reasoning,
                                  .source = TOKENS_PROVIDER};
    return true;
}

static void count_put(struct buf *out, struct str name, int64_t count)
{
    member_put(out, name);
    buf_i64(out, count);
}

void openai_chat_usage_put(struct buf *out, const struct tokens *t)
{
    buf_char(out, '{');
    count_put(out, STR("prompt_tokens"), tokens_prompt(t));
    count_put(out, STR("completion_tokens"), tokens_completion(t));
    count_put(out, STR("total_tokens"), tokens_prompt(t) + tokens_completion(t));
    member_put(out, STR("prompt_tokens_details"));
    buf_char(out, '{');
    count_put(out, STR("cached_tokens"), t->cached);
    if (t->cache_write)
        count_put(out, STR("cache_write_tokens"), t->cache_write);
    buf_char(out, '}');
    member_put(out, STR("completion_tokens_details"));
    buf_char(out, '{');
    count_put(out, STR("reasoning_tokens"), t->reasoning);
    buf_str(out, STR("}}"));
}

/* ---- stops ---- */

enum chat_stop openai_chat_stop(struct str reason)
{
    static const struct {
        struct str word;
        enum chat_stop stop;
    } words[] = {{{"stop", 4}, STOP_END},
                 {{"length", 6}, STOP_LENGTH},
                 {{"tool_calls", 10}, STOP_CALL},
                 {{"function_call", 13}, STOP_CALL},
                 {{"content_filter", 14}, STOP_REFUSED}};
    for (unsigned i = 0; i < ARRAY_LEN(words); i++)
        if (string_is(reason, words[i].word))
            return words[i].stop;
    return STOP_UNSAID;
}

struct str openai_chat_stop_word(enum chat_stop stop, bool calls, bool refusal)
{
    switch (stop) {
    case STOP_LENGTH:
    case STOP_CONTEXT:
        return STR("\"length\"");
    case STOP_CALL:
        return STR("\"tool_calls\"");
    case STOP_REFUSED: /* the model's own refusal is an answer that came to its end */
        return refusal ? STR("\"stop\"") : STR("\"content_filter\"");
    case STOP_UNSAID:
        return calls ? STR("\"tool_calls\"") : STR("\"stop\"");
    default:
        return STR("\"stop\"");
    }
}

/* ---- reading ---- */

static bool has_kind(const struct chat_block *b, enum chat_block_kind kind)
{
    while (b && b->kind != kind)
        b = b->next;
    return b != NULL;
}

static struct str choice_take(struct json_reader *r)
{
    static const struct str names[] = {{"index", 5}};
    struct str first = STR_NONE, index;
    if (json_enter(r, '['))
        do {
            struct str choice = json_take(r);
            bool good = openai_chat_members(choice, names, 1, &index);
            if (good && first.n == 0 && count_of(index, 0) == 0)
                first = choice;
        } while (json_more(r, '['));
    return first;
}

int openai_chat_top_read(struct str body, struct chat_top *ret_top)
{
    static const struct str names[] = {{"id", 2},    {"created", 7}, {"model", 5},
                                       {"usage", 5}, {"error", 5},   {"choices", 7}};
    struct str value[ARRAY_LEN(names) + 1] = {STR_NONE};
    struct chat_top top = {.id = STR_NONE};
    struct json_reader r;
    if (json_reader_init(&r, body) && json_enter(&r, '{'))
        do {
            unsigned at = openai_chat_key_find(json_take_key(&r), names, ARRAY_LEN(names));
            top.has_choices = top.has_choices || at == 5;
            value[at] = at == 5 ? choice_take(&r) : json_take(&r);
        } while (json_more(&r, '{'));
    if (!json_reader_good(&r))
        return E_UPSTREAM_BODY;
    top.id = json_is_string(value[0]) ? value[0] : STR_NONE;
    top.created_s = count_of(value[1], 0);
    top.model = json_is_string(value[2]) ? value[2] : STR_NONE;
    top.has_usage = openai_chat_usage(value[3], &top.usage);
    top.error = json_is_null(value[4]) ? STR_NONE : value[4];
    top.choice = value[5];
    *ret_top = top;
    return 0;
}

/* What the model was cut off in cannot be called; a call that is broken otherwise is no answer. */
static int calls_settle(struct chat_answer *a)
{
    struct chat_block **at = &a->blocks;
    while (*at) {
        bool broken = (*at)->kind == BLOCK_CALL && (*at)->input.n == 0;
        if (broken && a->stop != STOP_LENGTH)
            return E_UPSTREAM_BODY;
        if (broken)
            *at = (*at)->next;
        else
            at = &(*at)->next;
    }
    if (a->stop == STOP_END && has_kind(a->blocks, BLOCK_CALL))
        a->stop = STOP_CALL;
    if (a->stop == STOP_END && has_kind(a->blocks, BLOCK_REFUSAL))
        a->stop = STOP_REFUSED;
    return 0;
}

static int message_read(struct str message, struct arena *arena, struct chat_answer *a)
{
    struct chat_request scratch = {.arena = arena}; /* what it makes use of is of no interest */
    struct chat_reading x = {.request = &scratch, .lenient = true};
    struct chat_said said;
    if (!json_reader_init(&x.json, message))
        return E_UPSTREAM_BODY;
    int err = said_take(&x, &said);
    if (!err && !json_reader_good(&x.json))
        err = E_UPSTREAM_BODY;
    return err ? err : said_blocks(&x, &said, &a->blocks);
}

int openai_chat_answer_read(struct str body, struct arena *arena, struct chat_answer *ret_answer)
{
    static const struct str names[] = {{"message", 7}, {"finish_reason", 13}};
    struct chat_answer a = {.id = STR_NONE};
    struct chat_top top;
    struct str value[2];
    int err = openai_chat_top_read(body, &top);
    if (err || top.error.n || !openai_chat_members(top.choice, names, 2, value))
        return E_UPSTREAM_BODY;
    a.id = top.id;
    a.model = top.model;
    a.created_s = top.created_s;
    a.has_usage = top.has_usage;
    if (top.has_usage)
        a.usage = top.usage;
    a.stop = openai_chat_stop(value[1]);
    err = message_read(value[0], arena, &a);
    if (!err)
        err = calls_settle(&a);
    if (!err)
        *ret_answer = a;
    return err == 0 || err == E_MEMORY ? err : E_UPSTREAM_BODY;
}

/* ---- writing ---- */

static bool has_text(const struct chat_block *b, enum chat_block_kind kind)
{
    for (; b; b = b->next)
        if (b->kind == kind && b->text.n > 2)
            return true;
    return false;
}

/* All texts of a kind as one string. */
static void texts_put(struct buf *out, const struct chat_block *b, enum chat_block_kind kind)
{
    buf_char(out, '"');
    for (; b; b = b->next)
        if (b->kind == kind && b->text.n > 2)
            buf_str(out, json_string_raw(b->text));
    buf_char(out, '"');
}

void openai_chat_thought_put(struct buf *out, enum chat_block_kind kind, struct str text,
                             struct str signature)
{
    element_put(out);
    if (kind == BLOCK_HIDDEN) {
        buf_str(out, STR("{\"type\":\"redacted_thinking\",\"data\":"));
        openai_chat_string_put(out, text);
    } else {
        buf_str(out, STR("{\"type\":\"thinking\",\"thinking\":"));
        openai_chat_string_put(out, text);
        member_put_json(out, STR("signature"), signature);
    }
    buf_char(out, '}');
}

/* Only where there is more to them than their text. */
static void thoughts_put(struct buf *out, const struct chat_block *blocks)
{
    bool any = false;
    for (const struct chat_block *b = blocks; b; b = b->next)
        any = any || b->kind == BLOCK_HIDDEN || (b->kind == BLOCK_THINKING && b->signature.n > 2);
    if (!any)
        return;
    member_put(out, STR("thinking_blocks"));
    buf_char(out, '[');
    for (const struct chat_block *b = blocks; b; b = b->next)
        if (b->kind == BLOCK_HIDDEN || b->kind == BLOCK_THINKING)
            openai_chat_thought_put(out, b->kind, b->text, b->signature);
    buf_char(out, ']');
}

static void calls_put(struct buf *out, const struct chat_block *b)
{
    member_put(out, STR("tool_calls"));
    buf_char(out, '[');
    for (; b; b = b->next)
        if (b->kind == BLOCK_CALL) {
            element_put(out);
            buf_char(out, '{');
            openai_chat_call_put(out, b);
        }
    buf_char(out, ']');
}

static void message_put(struct buf *out, const struct chat_block *blocks)
{
    bool calls = has_kind(blocks, BLOCK_CALL), refusal = has_text(blocks, BLOCK_REFUSAL);
    buf_str(out, STR("{\"role\":\"assistant\",\"content\":"));
    if (!has_text(blocks, BLOCK_TEXT) && (calls || refusal))
        buf_str(out, STR("null"));
    else
        texts_put(out, blocks, BLOCK_TEXT);
    member_put(out, STR("refusal"));
    if (refusal)
        texts_put(out, blocks, BLOCK_REFUSAL);
    else
        buf_str(out, STR("null"));
    if (has_text(blocks, BLOCK_THINKING)) {
        member_put(out, STR("reasoning_content"));
        texts_put(out, blocks, BLOCK_THINKING);
    }
    thoughts_put(out, blocks);
    if (calls)
        calls_put(out, blocks);
    buf_char(out, '}');
}

void openai_chat_head_put(struct buf *out, struct str object, struct str id, int64_t created_s,
                          struct str model)
{
    buf_str(out, STR("{\"id\":"));
    openai_chat_string_put(out, id);
    member_put_json(out, STR("object"), object);
    member_put(out, STR("created"));
    buf_i64(out, created_s);
    member_put(out, STR("model"));
    openai_chat_string_put(out, model);
}

int openai_chat_answer_write(const struct chat_answer *a, struct buf *out)
{
    openai_chat_head_put(out, STR("\"chat.completion\""), a->id, a->created_s, a->model);
    member_put(out, STR("choices"));
    buf_str(out, STR("[{\"index\":0,\"message\":"));
    message_put(out, a->blocks);
    member_put_json(out, STR("logprobs"), STR("null"));
    member_put_json(out, STR("finish_reason"),
                    openai_chat_stop_word(a->stop, has_kind(a->blocks, BLOCK_CALL),
                                          has_text(a->blocks, BLOCK_REFUSAL)));
    buf_str(out, STR("}]"));
    if (a->has_usage) {
        member_put(out, STR("usage"));
        openai_chat_usage_put(out, &a->usage);
    }
    buf_char(out, '}');
    return out->failed;
}

/* ---- errors ---- */

static int error_event_write(struct buf *out, int status, const char *code, struct str text)
{
    frame_begin(out, STR_NONE);
    openai_error_write(out, status, code, text);
    frame_end(out);
    return out->failed;
}

/* ---- the row ---- */

#define CARRIED(name) [CHAT_##name] = {WIRE_CARRIES, NULL}

static const struct wire_carriage carries[CHAT_FEATURE_COUNT] = {
    CARRIED(TEMPERATURE),
    CARRIED(TOP_P),
    [CHAT_TOP_K] = {WIRE_CARRIES, "servers other than OpenAI's take it"},
    [CHAT_MIN_P] = {WIRE_CARRIES, "servers other than OpenAI's take it"},
    CARRIED(SEED),
    CARRIED(FREQUENCY_PENALTY),
    CARRIED(PRESENCE_PENALTY),
    CARRIED(LOGIT_BIAS),
    [CHAT_LOGPROBS] = {WIRE_REFUSES, "answers are crossed without them"},
    [CHAT_TOP_LOGPROBS] = {WIRE_REFUSES, "answers are crossed without them"},
    CARRIED(EFFORT),
    CARRIED(VERBOSITY),
    CARRIED(METADATA),
    CARRIED(USER),
    CARRIED(STORE),
    CARRIED(SERVICE_TIER),
    CARRIED(CACHE_KEY),
    CARRIED(CACHE_RETENTION),
    [CHAT_CHOICES] = {WIRE_REFUSES, "one choice is crossed"},
    CARRIED(MAX_TOKENS),
    CARRIED(STOP),
    CARRIED(TEMPERATURE_HIGH),
    CARRIED(JSON_OBJECT),
    [CHAT_JSON_SCHEMA] = {WIRE_CHANGES, "a schema without a name is called answer"},
    [CHAT_THINKING_BUDGET] = {WIRE_CHANGES, "as reasoning_effort: low below 4096 tokens, medium "
                                            "below 16384, else high"},
    [CHAT_THINKING_ADAPTIVE] = {WIRE_CHANGES,
                                "nothing is said: it is what models do by themselves"},
    [CHAT_THINKING_OFF] = {WIRE_CHANGES, "as reasoning_effort none"},
    CARRIED(TOOLS),
    CARRIED(TOOL_STRICT),
    CARRIED(TOOL_CHOICE),
    CARRIED(TOOLS_SERIAL),
    [CHAT_TOOL_OF_PROVIDER] = {WIRE_REFUSES, "another provider cannot run it"},
    CARRIED(SYSTEM),
    CARRIED(SYSTEM_LATER),
    CARRIED(DEVELOPER),
    CARRIED(MESSAGE_NAME),
    [CHAT_PREFILL] = {WIRE_REFUSES, "models begin a message of their own"},
    CARRIED(CALLS),
    [CHAT_RESULT_ERROR] = {WIRE_LEAVES, "the result's text says it"},
    [CHAT_RESULT_MEDIA] = {WIRE_CHANGES, "in a user message behind the results"},
    CARRIED(IMAGE),
    CARRIED(IMAGE_URL),
    CARRIED(IMAGE_DETAIL),
    [CHAT_DOCUMENT] = {WIRE_CHANGES, "a document without a name is called document"},
    [CHAT_DOCUMENT_TEXT] = {WIRE_CHANGES, "as a text, without its name"},
    [CHAT_DOCUMENT_URL] = {WIRE_REFUSES, "send it as data"},
    [CHAT_FILE_ID] = {WIRE_REFUSES, "another provider does not have the file"},
    CARRIED(AUDIO),
    [CHAT_THINKING] = {WIRE_CHANGES, "as reasoning_content; what is signed is left out, since only "
                                     "its maker can check it"},
    [CHAT_THINKING_HIDDEN] = {WIRE_LEAVES, "only its maker can read it"},
    CARRIED(REFUSAL),
    [CHAT_CACHE_CONTROL] = {WIRE_LEAVES, "prompts are cached without being asked to"},
};

const struct wire wire_openai_chat = {
    .name = "openai.chat",
    .carries = carries,
    .request_read = openai_chat_request_read,
    .request_write = openai_chat_request_write,
    .answer_read = openai_chat_answer_read,
    .answer_write = openai_chat_answer_write,
    .event_read = openai_chat_event_read,
    .event_write = openai_chat_event_write,
    .error_write = openai_error_write,
    .error_event_write = error_event_write,
};
