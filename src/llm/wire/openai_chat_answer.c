/*
 * openai_chat_answer.c: whole answers, usage, errors; and the wire's row.
 *
 * Of an answer's choices the first is crossed. Where a server says less than the protocol asks for
 * (no id of a call, a finish_reason of "stop" behind tool calls), what it must mean is taken.
 */
#include "llm/openai.h"
#include "llm/wire/openai_chat.h"

/* ---- usage ---- */

bool openai_chat_usage(struct str usage, struct tokens *ret_tokens)
{
    enum { PROMPT, COMPLETION, PROMPT_DETAILS, COMPLETION_DETAILS, TOTAL };
    static const struct member members[] = {
        MEMBER("prompt_tokens", COUNT), MEMBER("completion_tokens", COUNT),
        MEMBER("prompt_tokens_details", OBJECT), MEMBER("completion_tokens_details", OBJECT),
        MEMBER("total_tokens", COUNT)};
    struct str value[ARRAY_LEN(members)];
    if (!members_peek(usage, members, ARRAY_LEN(members), value) || !value[PROMPT].n)
        return false;
    tokens_of_parts(count_of(value[PROMPT], 0), value[PROMPT_DETAILS],
                    count_of(value[COMPLETION], 0), value[COMPLETION_DETAILS],
                    count_of(value[TOTAL], 0), ret_tokens);
    return true;
}

void openai_chat_usage_put(struct buf *out, const struct tokens *t)
{
    buf_char(out, '{');
    member_put_i64(out, STR("prompt_tokens"), tokens_prompt(t));
    member_put_i64(out, STR("completion_tokens"), tokens_completion(t));
    member_put_i64(out, STR("total_tokens"), tokens_prompt(t) + tokens_completion(t));
    member_put(out, STR("prompt_tokens_details"));
    buf_char(out, '{');
    member_put_i64(out, STR("cached_tokens"), t->cached);
    if (t->cache_write)
        member_put_i64(out, STR("cache_write_tokens"), t->cache_write);
    buf_char(out, '}');
    member_put(out, STR("completion_tokens_details"));
    buf_char(out, '{');
    member_put_i64(out, STR("reasoning_tokens"), t->reasoning);
    buf_str(out, STR("}}"));
}

/* ---- stops ---- */

enum chat_stop openai_chat_stop(struct str reason)
{
    static const struct {
        struct str word;
        enum chat_stop stop;
    } words[] = {{NAME("stop"), STOP_END},
                 {NAME("length"), STOP_LENGTH},
                 {NAME("tool_calls"), STOP_CALL},
                 {NAME("function_call"), STOP_CALL},
                 {NAME("content_filter"), STOP_REFUSED}};
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

static struct str choice_take(struct json_reader *r)
{
    struct str first = STR_NONE;
    if (json_enter(r, '['))
        do {
            struct str choice = json_take(r);
            if (first.n == 0 && json_is_object(choice) &&
                count_of(member_peek(choice, STR("index"), VALUE_ANY), 0) == 0)
                first = choice;
        } while (json_more(r, '['));
    return first;
}

static void choices_take(struct json_reader *r, unsigned which, void *to)
{
    struct chat_top *top = to;
    (void)which;
    top->has_choices = true;
    top->choice = choice_take(r);
}

int openai_chat_top_read(struct str body, struct chat_top *ret_top)
{
    enum { ID, CREATED, MODEL, USAGE, ERROR, CITATIONS, CHOICES, COUNT };
    static const struct member members[COUNT] = {MEMBER("id", STRING),    MEMBER("created", COUNT),
                                                 MEMBER("model", STRING), MEMBER("usage", OBJECT),
                                                 MEMBER("error", ANY),    MEMBER("citations", LIST),
                                                 MEMBER("choices", TAKEN)};
    struct chat_top top = {.id = STR_NONE};
    struct str value[COUNT];
    struct json_reader r;
    if (!json_reader_init(&r, body))
        return E_UPSTREAM_BODY;
    (void)members_each(&r, members, COUNT, value, choices_take, &top);
    if (!json_reader_good(&r))
        return E_UPSTREAM_BODY;
    top.id = value[ID];
    top.created_s = count_of(value[CREATED], 0);
    top.model = value[MODEL];
    top.has_usage = openai_chat_usage(value[USAGE], &top.usage);
    top.error = value[ERROR];
    top.cites = value[CITATIONS].n > 0 && !json_is_empty(value[CITATIONS]);
    *ret_top = top;
    return 0;
}

static void stop_settle(struct chat_answer *a)
{
    if (a->stop == STOP_END && blocks_have(a->blocks, BLOCK_CALL))
        a->stop = STOP_CALL;
    if (a->stop == STOP_END && blocks_have(a->blocks, BLOCK_REFUSAL))
        a->stop = STOP_REFUSED;
}

/* Annotations are the content's, which is the first text. */
static int annotations_read(struct str list, struct arena *arena, struct chat_answer *a)
{
    struct chat_block *text = a->blocks;
    struct chat_citation said;
    int err = 0;
    struct json_reader r;
    while (text && text->kind != BLOCK_TEXT)
        text = text->next;
    if (!list_enter(&r, list))
        return 0;
    do {
        bool page = openai_chat_cited(json_take(&r), &said);
        if (!page || !text) {
            chat_answer_notes(a, page ? ANSWER_URL_CITATION : ANSWER_CITATION);
            continue;
        }
        err = chat_citation_add(arena, &text->cited, &said);
    } while (!err && json_more(&r, '['));
    return err;
}

/* What was said aloud is the answer where nothing was written. */
static int audio_read(struct str audio, struct arena *arena, struct chat_answer *a)
{
    struct str words = member_peek(audio, STR("transcript"), VALUE_STRING);
    if (!json_is_object(audio))
        return 0;
    chat_answer_notes(a, ANSWER_AUDIO);
    if (words.n <= 2 || blocks_have(a->blocks, BLOCK_TEXT))
        return 0;
    struct chat_block *b = chat_block_new(arena, &a->blocks, BLOCK_TEXT);
    if (!b)
        return E_MEMORY;
    b->text = words;
    return 0;
}

static int message_read(struct str message, struct arena *arena, struct chat_answer *a)
{
    struct reading r = {.arena = arena, .lenient = true};
    struct chat_said said;
    if (!json_reader_init(&r.json, message))
        return E_UPSTREAM_BODY;
    int err = said_take(&r, &said);
    if (!err && !json_reader_good(&r.json))
        err = E_UPSTREAM_BODY;
    if (!err)
        err = said_blocks(&r, &said, &a->blocks);
    for (const struct chat_block *b = err ? NULL : a->blocks; b; b = b->next)
        if (b->kind == BLOCK_OTHER)
            chat_answer_notes(a, ANSWER_OTHER);
    if (!err)
        err = annotations_read(said.annotations, arena, a);
    return err ? err : audio_read(said.audio, arena, a);
}

int openai_chat_answer_read(struct str body, struct arena *arena, struct chat_answer *ret_answer)
{
    static const struct member members[] = {MEMBER("message", OBJECT),
                                            MEMBER("finish_reason", STRING)};
    struct chat_answer a = {.id = STR_NONE};
    struct chat_top top;
    struct str value[2];
    int err = openai_chat_top_read(body, &top);
    if (err || top.error.n || !members_peek(top.choice, members, 2, value))
        return E_UPSTREAM_BODY;
    a.id = top.id;
    a.model = top.model;
    a.created_s = top.created_s;
    a.has_usage = top.has_usage;
    if (top.has_usage)
        a.usage = top.usage;
    a.stop = openai_chat_stop(value[1]);
    if (top.cites)
        chat_answer_notes(&a, ANSWER_CITATION);
    err = message_read(value[0], arena, &a);
    stop_settle(&a);
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
                             struct str signature, int64_t index)
{
    element_put(out);
    if (kind == BLOCK_HIDDEN) {
        buf_str(out, STR("{\"type\":\"redacted_thinking\",\"data\":"));
        string_put(out, text);
    } else {
        buf_str(out, STR("{\"type\":\"thinking\",\"thinking\":"));
        string_put(out, text);
        member_put_json(out, STR("signature"), signature);
    }
    if (index >= 0) {
        member_put(out, STR("index"));
        buf_i64(out, index);
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
            openai_chat_thought_put(out, b->kind, b->text, b->signature, -1);
    buf_char(out, ']');
}

void openai_chat_cited_put(struct buf *out, const struct chat_citation *c, int64_t shift,
                           int64_t index)
{
    element_put(out);
    buf_str(out, STR("{\"type\":\"url_citation\",\"url_citation\":{"));
    member_put_i64(out, STR("start_index"), c->from + shift);
    member_put_i64(out, STR("end_index"), c->to + shift);
    member_put_string(out, STR("url"), c->url);
    member_put_string(out, STR("title"), c->title);
    buf_char(out, '}');
    if (index >= 0)
        member_put_i64(out, STR("index"), index);
    buf_char(out, '}');
}

void openai_chat_image_put(struct buf *out, const struct chat_media *media, int64_t index)
{
    element_put(out);
    buf_str(out, STR("{\"type\":\"image_url\",\"image_url\":{\"url\":"));
    (void)media_put_url(out, media);
    buf_char(out, '}');
    if (index >= 0)
        member_put_i64(out, STR("index"), index);
    buf_char(out, '}');
}

/* The texts are one string there, so a citation's place in it goes on from those before. */
static void annotations_put(struct buf *out, const struct chat_block *b)
{
    int64_t before = 0;
    size_t from = out->n;
    member_put(out, STR("annotations"));
    buf_char(out, '[');
    size_t empty = out->n;
    for (; b; b = b->next) {
        for (const struct chat_citation *c = b->cited; c; c = c->next)
            openai_chat_cited_put(out, c, before, -1);
        if (b->kind == BLOCK_TEXT)
            before += string_chars(b->text);
    }
    if (out->n == empty)
        out->n = from;
    else
        buf_char(out, ']');
}

static void images_put(struct buf *out, const struct chat_block *b)
{
    if (!blocks_have(b, BLOCK_IMAGE))
        return;
    member_put(out, STR("images"));
    buf_char(out, '[');
    for (; b; b = b->next)
        if (b->kind == BLOCK_IMAGE)
            openai_chat_image_put(out, &b->media, -1);
    buf_char(out, ']');
}

static void message_put(struct buf *out, const struct chat_block *blocks)
{
    bool calls = blocks_have(blocks, BLOCK_CALL), refusal = has_text(blocks, BLOCK_REFUSAL);
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
    annotations_put(out, blocks);
    images_put(out, blocks);
    if (calls)
        openai_chat_calls_put(out, blocks);
    buf_char(out, '}');
}

void openai_chat_head_put(struct buf *out, struct str object, struct str id, int64_t created_s,
                          struct str model)
{
    buf_str(out, STR("{\"id\":"));
    string_put(out, id);
    member_put_json(out, STR("object"), object);
    member_put(out, STR("created"));
    buf_i64(out, created_s);
    member_put(out, STR("model"));
    string_put(out, model);
}

int openai_chat_answer_write(const struct chat_answer *a, struct buf *out)
{
    openai_chat_head_put(out, STR("\"chat.completion\""), a->id, a->created_s, a->model);
    member_put(out, STR("choices"));
    buf_str(out, STR("[{\"index\":0,\"message\":"));
    message_put(out, a->blocks);
    member_put_json(out, STR("logprobs"), STR("null"));
    member_put_json(out, STR("finish_reason"),
                    openai_chat_stop_word(a->stop, blocks_have(a->blocks, BLOCK_CALL),
                                          has_text(a->blocks, BLOCK_REFUSAL)));
    buf_str(out, STR("}]"));
    if (a->has_usage) {
        member_put(out, STR("usage"));
        openai_chat_usage_put(out, &a->usage);
    }
    buf_char(out, '}');
    return out->failed;
}

/* ---- the row ---- */

static const struct wire_carriage carries[CHAT_FEATURE_COUNT] = {
    CARRIES(TEMPERATURE),
    CARRIES(TOP_P),
    CARRIES_AS(TOP_K, "servers other than OpenAI's take it"),
    CARRIES_AS(MIN_P, "servers other than OpenAI's take it"),
    CARRIES(SEED),
    CARRIES(FREQUENCY_PENALTY),
    CARRIES(PRESENCE_PENALTY),
    CARRIES(LOGIT_BIAS),
    REFUSES(LOGPROBS, "answers are crossed without them"),
    REFUSES(TOP_LOGPROBS, "answers are crossed without them"),
    CARRIES(EFFORT),
    CARRIES(VERBOSITY),
    CARRIES(METADATA),
    CARRIES(USER),
    CARRIES(STORE),
    CARRIES(SERVICE_TIER),
    CARRIES(CACHE_KEY),
    CARRIES(CACHE_RETENTION),
    REFUSES(CHOICES, "one choice is crossed"),
    CARRIES_AS(MAX_TOKENS, "as max_completion_tokens where the client or the provider's "
                           "limit_name says so, and to OpenAI's own host"),
    CARRIES(STOP),
    CARRIES(TEMPERATURE_HIGH),
    CARRIES(JSON_OBJECT),
    CHANGES(JSON_SCHEMA, "a schema without a name is called answer"),
    CHANGES(THINKING_BUDGET, "as reasoning_effort: low below 4096 tokens, medium "
                             "below 16384, else high"),
    CHANGES(THINKING_ADAPTIVE, "nothing is said: it is what models do by themselves"),
    CHANGES(THINKING_OFF, "as reasoning_effort none"),
    CARRIES(TOOLS),
    CARRIES(TOOL_STRICT),
    CARRIES(TOOL_CHOICE),
    CARRIES(TOOLS_SERIAL),
    REFUSES(TOOL_OF_PROVIDER, "another provider cannot run it"),
    CARRIES(SYSTEM),
    CARRIES(SYSTEM_LATER),
    CARRIES(DEVELOPER),
    CARRIES(MESSAGE_NAME),
    REFUSES(PREFILL, "models begin a message of their own"),
    CARRIES_AS(CALLS, "an id of more than 40 characters is replaced by its hash"),
    CARRIES(RESULT_NAME),
    LEAVES(RESULT_ERROR, "the result's text says it"),
    CHANGES(RESULT_MEDIA, "in a user message behind the results"),
    CARRIES(IMAGE),
    CARRIES(IMAGE_URL),
    CARRIES(IMAGE_DETAIL),
    CHANGES(DOCUMENT, "a document without a name is called document"),
    CHANGES(DOCUMENT_TEXT, "as a text, without its name"),
    REFUSES(DOCUMENT_URL, "send it as data"),
    REFUSES(FILE_ID, "another provider does not have the file"),
    CARRIES(AUDIO),
    CHANGES(THINKING, "as reasoning_content; what is signed is left out, since only "
                      "its maker can check it"),
    LEAVES(THINKING_HIDDEN, "only its maker can read it"),
    CARRIES(REFUSAL),
    LEAVES(CACHE_CONTROL, "prompts are cached without being asked to"),
    WITHOUT_ANTHROPIC,
    WITHOUT_RESPONSES,
    WITHOUT_BESIDE,
    WITHOUT_IMAGES_MADE,
};

static const struct wire_part parts[ANSWER_PART_COUNT] = {
    PART_CARRIED(TEXT, "`content` (of sound its `transcript`, where there is no other)"),
    PART_CARRIED(CALL, "`tool_calls`"),
    PART_LESS(CALL_CUT, "`tool_calls` that are no JSON, beside `finish_reason` `length`",
              "a stream has what there was of it"),
    PART_AS(THINKING, "`reasoning_content` or `reasoning`",
            "as `reasoning_content`, an extension; with its signature in `thinking_blocks`, "
            "another"),
    PART_AS(HIDDEN, "`redacted_thinking` in `thinking_blocks`",
            "in `thinking_blocks`, an extension"),
    PART_CARRIED(REFUSAL, "`refusal`"),
    PART_CARRIED(URL_CITATION, "`annotations` of type `url_citation`"),
    PART_AS(IMAGE, "`images`, data URLs", "as `images`, an extension that OpenRouter has too"),
    PART_AS(IMAGE_URL, "`images`, other URLs", "as `images`, an extension"),
    PART_LEFT_OUT(CITATION, "other `annotations`, and `citations` beside the `choices`"),
    PART_LEFT_OUT(AUDIO, "`audio`"),
    PART_LEFT_OUT(FILE, NULL),
    PART_LEFT_OUT(SEARCH, NULL),
    PART_LEFT_OUT(CODE, NULL),
    PART_LEFT_OUT(TOOL, NULL),
    PART_LEFT_OUT(OTHER, "a content part of another type"),
};

static int ask_read(struct str body, struct arena *arena, struct llm_request *ret_request,
                    struct fault *f)
{
    return openai_request_read(OP_CHAT, body, arena, ret_request, f);
}

const struct wire wire_openai_chat = {
    .name = "openai.chat",
    .path = {"/chat/completions", 17},
    .limit = "max_tokens",
    .asks_usage = true,
    .effort = {"reasoning_effort"},
    .ask_read = ask_read,
    .kept_each = openai_kept_each,
    .prefix_edit = openai_chat_prefix_edit,
    .answer_facts = openai_answer_read,
    .event_facts = openai_stream_event_read,
    .carries = carries,
    .parts = parts,
    .request_read = openai_chat_request_read,
    .request_write = openai_chat_request_write,
    .answer_read = openai_chat_answer_read,
    .answer_write = openai_chat_answer_write,
    .event_read = openai_chat_event_read,
    .event_write = openai_chat_event_write,
    .error_write = openai_error_write,
    .error_event_write = openai_error_event_write,
};
