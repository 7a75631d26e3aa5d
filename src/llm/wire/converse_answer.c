/* wire/converse_answer.c: what Converse's whole answers say. */
#include "llm/wire/converse.h"
#include "llm/wire/parts.h"

/* ---- pieces of answers and events ---- */

/* Neither what was read from a cache nor what was written to one is among inputTokens: the prompt
 * is the three of them (Bedrock's page on prompt caching). Thinking is among outputTokens. */
bool converse_usage_take(struct json_reader *r, struct tokens *ret_usage)
{
    int64_t input = -1, cached = 0, written = 0, output = 0;
    if (json_enter(r, '{'))
        do {
            struct str key = json_take_key(r), value = json_take(r);
            if (str_eq(key, STR("inputTokens")))
                input = count_of(value, -1);
            else if (str_eq(key, STR("outputTokens")))
                output = count_of(value, 0);
            else if (str_eq(key, STR("cacheReadInputTokens")))
                cached = count_of(value, 0);
            else if (str_eq(key, STR("cacheWriteInputTokens")))
                written = count_of(value, 0);
        } while (json_more(r, '{'));
    if (input < 0)
        return false;
    *ret_usage = (struct tokens){.input = input,
                                 .cached = cached,
                                 .cache_write = written,
                                 .output = output,
                                 .source = TOKENS_PROVIDER};
    return true;
}

struct str converse_take_if(struct json_reader *r, char first)
{
    struct str value = json_take(r);
    return json_is(value, first) ? value : STR_NONE;
}

struct str converse_member_take(struct json_reader *r, struct str name, char first)
{
    struct str found = STR_NONE;
    if (json_enter(r, '{'))
        do {
            if (str_eq(json_take_key(r), name))
                found = converse_take_if(r, first);
            else
                (void)json_take(r);
        } while (json_more(r, '{'));
    return found;
}

static const struct stop {
    struct str word;
    enum chat_stop stop;
    bool broken;
} stops[] = {
#define STOP(word, stop, broken)                                                                   \
    {                                                                                              \
        {#word, sizeof(#word) - 1}, stop, broken                                                   \
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

static void output_read(struct json_reader *r, struct converse_answer *answer)
{
    if (json_enter(r, '{'))
        do {
            if (str_eq(json_take_key(r), STR("message"))) {
                answer->message = converse_take_if(r, '{');
            } else {
                (void)json_take(r);
            }
        } while (json_more(r, '{'));
}

/* An error's words stand in "message" or, where a part in front of Bedrock wrote it, "Message". */
static void member_read(struct json_reader *r, struct str key, struct converse_answer *answer)
{
    if (str_eq(key, STR("output")))
        output_read(r, answer);
    else if (str_eq(key, STR("stopReason")))
        answer->stop = converse_take_if(r, '"');
    else if (str_eq(key, STR("usage")))
        answer->has_usage = converse_usage_take(r, &answer->usage);
    else if (str_eq(key, STR("additionalModelResponseFields")))
        answer->stop_sequence = converse_member_take(r, STR("stop_sequence"), '"');
    else if (str_eq(key, STR("message")) || str_eq(key, STR("Message")))
        answer->error = converse_take_if(r, '"');
    else
        (void)json_take(r);
}

int converse_answer_parse(struct str body, struct converse_answer *ret_answer)
{
    struct converse_answer answer = {.has_usage = false};
    struct json_reader r;
    if (json_reader_init(&r, body) && json_enter(&r, '{'))
        do
            member_read(&r, json_take_key(&r), &answer);
        while (json_more(&r, '{'));
    *ret_answer = answer;
    return json_reader_good(&r) ? 0 : E_UPSTREAM_BODY;
}

/* ---- its blocks ---- */

/* Into the list "content" of an object; false where that is empty or not there. */
static bool content_enter(struct json_reader *r, struct str object)
{
    if (!object.p || !json_reader_init(r, object) || !json_enter(r, '{'))
        return false;
    do {
        if (str_eq(json_take_key(r), STR("content")))
            return json_enter(r, '[');
        (void)json_take(r);
    } while (json_more(r, '{'));
    return false;
}

void converse_blocks_init(struct converse_blocks *b, struct str message)
{
    *b = (struct converse_blocks){.more = false};
    b->more = content_enter(&b->reader, message);
}

/* A call that the provider runs itself ("server_tool_use") is none of the client's. */
static void call_read(struct json_reader *r, struct converse_block *block)
{
    bool own = true;
    block->id = block->name = STR("\"\"");
    block->input = STR("{}");
    if (json_enter(r, '{'))
        do {
            struct str key = json_take_key(r), value = json_take(r);
            if (str_eq(key, STR("toolUseId")) && json_is_string(value))
                block->id = value;
            else if (str_eq(key, STR("name")) && json_is_string(value))
                block->name = value;
            else if (str_eq(key, STR("input")) && json_is_object(value))
                block->input = value;
            else if (str_eq(key, STR("type")))
                own = !string_is(value, STR("server_tool_use"));
        } while (json_more(r, '{'));
    block->kind = own ? BLOCK_CALL : BLOCK_OTHER;
}

static void thinking_read(struct json_reader *r, struct converse_block *block)
{
    block->kind = BLOCK_THINKING;
    if (json_enter(r, '{'))
        do {
            struct str key = json_take_key(r), value = converse_take_if(r, '"');
            if (str_eq(key, STR("text")))
                block->text = value;
            else if (str_eq(key, STR("signature")) && value.n > 2)
                block->signature = value;
        } while (json_more(r, '{'));
}

static void reasoning_read(struct json_reader *r, struct converse_block *block)
{
    if (json_enter(r, '{'))
        do {
            struct str key = json_take_key(r);
            if (str_eq(key, STR("reasoningText"))) {
                thinking_read(r, block);
            } else if (str_eq(key, STR("redactedContent"))) {
                block->text = converse_take_if(r, '"');
                block->kind = block->text.n ? BLOCK_HIDDEN : BLOCK_OTHER;
            } else {
                (void)json_take(r);
            }
        } while (json_more(r, '{'));
}

static void block_read(struct converse_blocks *b, struct converse_block *block)
{
    struct json_reader *r = &b->reader;
    if (!json_enter(r, '{'))
        return;
    do {
        struct str key = json_take_key(r);
        if (str_eq(key, STR("text"))) {
            block->text = converse_take_if(r, '"');
            block->kind = block->text.n ? BLOCK_TEXT : BLOCK_OTHER;
        } else if (str_eq(key, STR("toolUse"))) {
            call_read(r, block);
        } else if (str_eq(key, STR("reasoningContent"))) {
            reasoning_read(r, block);
        } else if (str_eq(key, STR("citationsContent"))) {
            b->more_cited = content_enter(&b->cited, converse_take_if(r, '{'));
        } else {
            (void)json_take(r);
        }
    } while (json_more(r, '{'));
}

bool converse_block_next(struct converse_blocks *b, struct converse_block *ret_block)
{
    *ret_block = (struct converse_block){.kind = BLOCK_OTHER};
    if (b->more_cited) {
        ret_block->text = converse_member_take(&b->cited, STR("text"), '"');
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

static int block_add(struct arena *a, struct chat_block ***end, const struct converse_block *block)
{
    bool empty = block->kind == BLOCK_TEXT && block->text.n <= 2;
    if (block->kind == BLOCK_OTHER || empty)
        return 0;
    struct chat_block *b = chat_block_new(a, *end, block->kind);
    if (!b)
        return E_MEMORY;
    b->text = block->text;
    b->signature = block->signature;
    b->id = block->id;
    b->name = block->name;
    b->input = block->input;
    *end = &b->next;
    return 0;
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
    struct chat_block **end = &answer.blocks;
    struct converse_blocks blocks;
    struct converse_block block;
    converse_blocks_init(&blocks, said.message);
    while (!err && converse_block_next(&blocks, &block))
        err = block_add(arena, &end, &block);
    if (!err)
        *ret_answer = answer;
    return err;
}
