/* wire/converse_answer.c: what Converse's whole answers say. */
#include "llm/wire/converse.h"
#include "llm/wire/parts.h"

/* ---- pieces of answers and events ---- */

/* Of what was written to a cache, what is kept for an hour (Bedrock's CacheDetail). */
static int64_t written_1h(struct str usage)
{
    enum { TTL, TOKENS };
    static const struct member of[] = {MEMBER("ttl", STRING), MEMBER("inputTokens", COUNT)};
    struct str v[ARRAY_LEN(of)];
    struct json_reader r;
    int64_t sum = 0;
    if (!json_reader_init(&r, usage) || !json_enter(&r, '{'))
        return 0;
    do {
        if (!str_eq(json_take_key(&r), STR("cacheDetails")))
            (void)json_take(&r);
        else if (json_enter(&r, '['))
            do {
                members_take(&r, of, ARRAY_LEN(of), v);
                sum += string_is(v[TTL], STR("1h")) ? count_of(v[TOKENS], 0) : 0;
            } while (json_more(&r, '['));
    } while (json_more(&r, '{'));
    return sum;
}

/* Neither what was read from a cache nor what was written to one is among inputTokens: the prompt
 * is the three of them (Bedrock's page on prompt caching). Thinking is among outputTokens. */
bool converse_usage_read(struct str usage, struct tokens *ret_usage)
{
    enum { INPUT, OUTPUT, CACHED, WRITTEN };
    static const struct member of[] = {MEMBER("inputTokens", COUNT), MEMBER("outputTokens", COUNT),
                                       MEMBER("cacheReadInputTokens", COUNT),
                                       MEMBER("cacheWriteInputTokens", COUNT)};
    struct str v[ARRAY_LEN(of)];
    if (!members_peek(usage, of, ARRAY_LEN(of), v) || !v[INPUT].n)
        return false;
    int64_t written = count_of(v[WRITTEN], 0), hour = written > 0 ? written_1h(usage) : 0;
    *ret_usage = (struct tokens){.input = count_of(v[INPUT], 0),
                                 .cached = count_of(v[CACHED], 0),
                                 .cache_write = written,
                                 .cache_write_1h = hour > written ? written : hour,
                                 .output = count_of(v[OUTPUT], 0),
                                 .source = TOKENS_PROVIDER};
    return true;
}

enum chat_block_kind converse_call_read(struct str tool_use, struct str *ret_id,
                                        struct str *ret_name, struct str *ret_input)
{
    enum { ID, NAMED, INPUT, TYPE };
    static const struct member of[] = {MEMBER("toolUseId", STRING), MEMBER("name", STRING),
                                       MEMBER("input", ANY), MEMBER("type", STRING)};
    struct str v[ARRAY_LEN(of)];
    (void)members_peek(tool_use, of, ARRAY_LEN(of), v);
    *ret_id = v[ID].n ? v[ID] : STR("\"\"");
    *ret_name = v[NAMED].n ? v[NAMED] : STR("\"\"");
    /* One that is no object is none that the client could go by. */
    *ret_input = v[INPUT].n == 0 ? STR("{}") : json_is_object(v[INPUT]) ? v[INPUT] : STR_NONE;
    return string_is(v[TYPE], STR("server_tool_use")) ? BLOCK_OTHER : BLOCK_CALL;
}

enum chat_answer_part converse_other(const struct str *values)
{
    static const enum chat_answer_part parts[CONVERSE_OTHERS_N] = {
        ANSWER_IMAGE, ANSWER_AUDIO, ANSWER_FILE, ANSWER_FILE, ANSWER_TOOL, ANSWER_CITATION};
    for (unsigned i = 0; i < CONVERSE_OTHERS_N; i++)
        if (values[i].n)
            return parts[i];
    return ANSWER_OTHER;
}

static const struct stop {
    struct str word;
    enum chat_stop stop;
    bool broken;
} stops[] = {
#define STOP(word, stop, broken)                                                                   \
    {                                                                                              \
        NAME(#word), stop, broken                                                                  \
    }
    STOP(end_turn, STOP_END, false),
    STOP(tool_use, STOP_CALL, false),
    STOP(max_tokens, STOP_LENGTH, false),
    STOP(stop_sequence, STOP_SEQUENCE, false),
    STOP(guardrail_intervened, STOP_REFUSED, false),
    STOP(content_filtered, STOP_REFUSED, false),
    STOP(model_context_window_exceeded, STOP_CONTEXT, false),
    STOP(malformed_model_output, STOP_UNSAID, true),
    STOP(malformed_tool_use, STOP_UNSAID, true),
#undef STOP
};

static const struct stop *stop_find(struct str string)
{
    for (size_t i = 0; i < ARRAY_LEN(stops); i++)
        if (string_is(string, stops[i].word))
            return &stops[i];
    return NULL;
}

enum chat_stop converse_stop(struct str stop)
{
    const struct stop *row = stop_find(stop);
    return row ? row->stop : STOP_UNSAID;
}

bool converse_is_broken(struct str stop)
{
    const struct stop *row = stop_find(stop);
    return row && row->broken;
}

/* ---- the whole ---- */

/* An error's words stand in "message" or, where a part in front of Bedrock wrote it, "Message". */
int converse_answer_parse(struct str body, struct converse_answer *ret_answer)
{
    enum { OUTPUT, STOP, USAGE, FIELDS, ERROR, ERROR_ELSEWHERE };
    static const struct member of[] = {
        MEMBER("output", OBJECT),  MEMBER("stopReason", STRING),
        MEMBER("usage", OBJECT),   MEMBER("additionalModelResponseFields", OBJECT),
        MEMBER("message", STRING), MEMBER("Message", STRING)};
    struct str v[ARRAY_LEN(of)];
    bool good = members_peek(body, of, ARRAY_LEN(of), v);
    struct converse_answer answer = {
        .message = member_peek(v[OUTPUT], STR("message"), VALUE_OBJECT),
        .stop = v[STOP],
        .stop_sequence = member_peek(v[FIELDS], STR("stop_sequence"), VALUE_STRING),
        .error = v[ERROR].n ? v[ERROR] : v[ERROR_ELSEWHERE],
    };
    answer.has_usage = converse_usage_read(v[USAGE], &answer.usage);
    *ret_answer = answer;
    return good ? 0 : E_UPSTREAM_BODY;
}

/* ---- its blocks ---- */

/* Into the list "content" of an object; false where that is empty or not there. */
static bool content_enter(struct json_reader *r, struct str object)
{
    return list_enter(r, member_peek(object, STR("content"), VALUE_LIST));
}

void converse_blocks_init(struct converse_blocks *b, struct str message)
{
    *b = (struct converse_blocks){.more = false};
    b->more = content_enter(&b->reader, message);
}

static void reasoning_read(struct str reasoning, struct converse_block *block)
{
    enum { VISIBLE, HIDDEN };
    static const struct member of[] = {MEMBER("reasoningText", OBJECT),
                                       MEMBER("redactedContent", STRING)};
    enum { TEXT, SIGNATURE };
    static const struct member of_text[] = {MEMBER("text", STRING), MEMBER("signature", STRING)};
    struct str v[ARRAY_LEN(of)], w[ARRAY_LEN(of_text)];
    (void)members_peek(reasoning, of, ARRAY_LEN(of), v);
    if (v[HIDDEN].n) {
        block->kind = BLOCK_HIDDEN;
        block->text = v[HIDDEN];
    } else if (v[VISIBLE].n) {
        (void)members_peek(v[VISIBLE], of_text, ARRAY_LEN(of_text), w);
        block->kind = BLOCK_THINKING;
        block->text = w[TEXT];
        block->signature = w[SIGNATURE].n > 2 ? w[SIGNATURE] : STR_NONE;
    }
}

/* Also one that is null is a call, though one that says nothing. */
static void tool_use_take(struct json_reader *r, unsigned which, void *values)
{
    ((struct str *)values)[which] = json_take(r);
}

/* An image's digits; one that stands in S3 is out of a client's reach. */
static void image_read(struct str image, struct converse_block *block)
{
    struct str format = member_peek(image, STR("format"), VALUE_STRING);
    struct str source = member_peek(image, STR("source"), VALUE_OBJECT);
    struct str digits = member_peek(source, STR("bytes"), VALUE_STRING);
    if (format.n <= 2 || !is_plain_type(json_string_raw(format)) || digits.n <= 2)
        return;
    block->kind = BLOCK_IMAGE;
    block->format = format;
    block->text = digits;
}

static void block_read(struct converse_blocks *b, struct converse_block *block)
{
    enum { TEXT, CALL, REASONING, CITED, OTHERS };
    static const struct member of[] = {MEMBER("text", STRING), MEMBER("toolUse", TAKEN),
                                       MEMBER("reasoningContent", OBJECT),
                                       MEMBER("citationsContent", OBJECT), CONVERSE_OTHERS};
    struct str v[ARRAY_LEN(of)];
    (void)members_each(&b->reader, of, ARRAY_LEN(of), v, tool_use_take, v);
    if (v[TEXT].n) {
        block->kind = BLOCK_TEXT;
        block->text = v[TEXT];
    } else if (v[CALL].n) {
        block->kind = converse_call_read(v[CALL], &block->id, &block->name, &block->input);
        block->other = ANSWER_TOOL;
    } else if (v[REASONING].n) {
        reasoning_read(v[REASONING], block);
    } else if (v[CITED].n) {
        struct str list = member_peek(v[CITED], STR("citations"), VALUE_LIST);
        b->cites = list.n > 0 && !json_is_empty(list);
        b->more_cited = content_enter(&b->cited, v[CITED]);
        block->cites = b->cites;
    } else {
        block->other = converse_other(v + OTHERS);
        if (block->other == ANSWER_IMAGE)
            image_read(v[OTHERS], block);
    }
}

bool converse_block_next(struct converse_blocks *b, struct converse_block *ret_block)
{
    *ret_block = (struct converse_block){.kind = BLOCK_OTHER, .other = ANSWER_PART_COUNT};
    if (b->more_cited) {
        ret_block->text = member_take(&b->cited, STR("text"), VALUE_STRING);
        ret_block->kind = ret_block->text.n ? BLOCK_TEXT : BLOCK_OTHER;
        b->more_cited = json_more(&b->cited, '[');
        return true;
    }
    if (!b->more)
        return false;
    block_read(b, ret_block);
    b->more = json_more(&b->reader, '[');
    return true;
}

/* ---- as a chat's ---- */

static int block_add(struct arena *a, struct chat_answer *answer,
                     const struct converse_block *block)
{
    bool empty = block->kind == BLOCK_TEXT && block->text.n <= 2;
    if (block->cites)
        chat_answer_notes(answer, ANSWER_CITATION);
    if (block->kind == BLOCK_OTHER && block->other < ANSWER_PART_COUNT)
        chat_answer_notes(answer, block->other);
    if (block->kind == BLOCK_OTHER || empty)
        return 0;
    struct chat_block *b = chat_block_new(a, &answer->blocks, block->kind);
    if (!b)
        return E_MEMORY;
    b->text = block->text;
    b->signature = block->signature;
    b->id = block->id;
    b->name = block->name;
    b->input = block->input;
    if (block->kind != BLOCK_IMAGE)
        return 0;
    b->media.form = MEDIA_BASE64;
    b->media.data = block->text;
    b->media.type = arena_join(a, STR("image/"), json_string_raw(block->format));
    return b->media.type.p ? 0 : E_MEMORY;
}

int converse_answer_read(struct str body, struct arena *arena, struct chat_answer *ret_answer)
{
    struct converse_answer said;
    int err = converse_answer_parse(body, &said);
    if (!err && (!said.message.p || converse_is_broken(said.stop)))
        err = E_UPSTREAM_BODY;
    if (err)
        return err;
    struct chat_answer answer = {
        .stop = converse_stop(said.stop), .has_usage = said.has_usage, .usage = said.usage};
    if (answer.stop == STOP_SEQUENCE)
        answer.stop_sequence = said.stop_sequence;
    struct converse_blocks blocks;
    struct converse_block block;
    converse_blocks_init(&blocks, said.message);
    while (!err && converse_block_next(&blocks, &block))
        err = block_add(arena, &answer, &block);
    if (!err)
        *ret_answer = answer;
    return err;
}
