/* wire/responses_answer.c: what a provider's object "response" says. */
#include "llm/wire/parts.h"
#include "llm/wire/responses.h"

/* A string, or nothing. */
static struct str string_or_none(struct str json)
{
    return json_is_string(json) ? json : STR_NONE;
}

/* ---- the object ---- */

static int64_t detail_of(struct str details, const struct str *name)
{
    struct str value = STR_NONE;
    int err = responses_peek(details, name, 1, &value);
    return err ? 0 : count_of(value, 0);
}

static int64_t at_most(int64_t part, int64_t whole)
{
    return part > whole ? whole : part;
}

/* Parts of a whole that add up to more than it are cut: the whole is what is billed. */
static bool usage_read(struct str usage, struct tokens *ret_usage)
{
    static const struct str names[] = {
        RESPONSES_NAME("input_tokens"), RESPONSES_NAME("input_tokens_details"),
        RESPONSES_NAME("output_tokens"), RESPONSES_NAME("output_tokens_details")};
    static const struct str details[] = {RESPONSES_NAME("cached_tokens"),
                                         RESPONSES_NAME("cache_write_tokens"),
                                         RESPONSES_NAME("reasoning_tokens")};
    struct str value[ARRAY_LEN(names)];
    if (responses_peek(usage, names, ARRAY_LEN(names), value) != 0)
        return false;
    int64_t in = count_of(value[0], -1), out = count_of(value[2], 0);
    if (in < 0)
        return false;
    int64_t cached = at_most(detail_of(value[1], &details[0]), in);
    int64_t written = at_most(detail_of(value[1], &details[1]), in - cached);
    int64_t reasoning = at_most(detail_of(value[3], &details[2]), out);
    *ret_usage = (struct tokens){.input = in - cached - written,
                                 .cached = cached,
                                 .cache_write = written,
                                 .output = out - reasoning,
                                 .reasoning = reasoning,
                                 .source = TOKENS_PROVIDER};
    return true;
}

enum {
    OBJ_ID,
    OBJ_MODEL,
    OBJ_CREATED,
    OBJ_STATUS,
    OBJ_INCOMPLETE,
    OBJ_ERROR,
    OBJ_OUTPUT,
    OBJ_USAGE,
    OBJ_N
};

int responses_object_read(struct str json, struct responses_object *ret_object)
{
    static const struct str names[] = {
        [OBJ_ID] = RESPONSES_NAME("id"),
        [OBJ_MODEL] = RESPONSES_NAME("model"),
        [OBJ_CREATED] = RESPONSES_NAME("created_at"),
        [OBJ_STATUS] = RESPONSES_NAME("status"),
        [OBJ_INCOMPLETE] = RESPONSES_NAME("incomplete_details"),
        [OBJ_ERROR] = RESPONSES_NAME("error"),
        [OBJ_OUTPUT] = RESPONSES_NAME("output"),
        [OBJ_USAGE] = RESPONSES_NAME("usage"),
    };
    static const struct str reason[] = {RESPONSES_NAME("reason")};
    static const struct str error[] = {RESPONSES_NAME("code"), RESPONSES_NAME("message")};
    struct str value[OBJ_N], said[2] = {STR_NONE, STR_NONE};
    if (responses_peek(json, names, OBJ_N, value) != 0)
        return E_UPSTREAM_BODY;
    struct responses_object *o = ret_object;
    *o = (struct responses_object){.id = string_or_none(value[OBJ_ID]),
                                   .model = string_or_none(value[OBJ_MODEL]),
                                   .status = string_or_none(value[OBJ_STATUS])};
    struct str seconds = value[OBJ_CREATED]; /* which some write with a fraction */
    o->created_s = count_of(str_cut(&seconds, '.'), 0);
    if (json_is_array(value[OBJ_OUTPUT]))
        o->output = value[OBJ_OUTPUT];
    if (value[OBJ_INCOMPLETE].p && responses_peek(value[OBJ_INCOMPLETE], reason, 1, said) == 0)
        o->reason = string_or_none(said[0]);
    if (value[OBJ_ERROR].p && responses_peek(value[OBJ_ERROR], error, 2, said) == 0) {
        o->error_code = string_or_none(said[0]);
        o->error_text = string_or_none(said[1]);
    }
    o->has_usage = value[OBJ_USAGE].p && usage_read(value[OBJ_USAGE], &o->usage);
    return 0;
}

enum chat_stop responses_stop(const struct responses_object *o, bool calls, bool refusal)
{
    if (string_is(o->reason, STR("content_filter")))
        return STOP_REFUSED;
    if (o->reason.p || string_is(o->status, STR("incomplete")))
        return STOP_LENGTH;
    return calls ? STOP_CALL : refusal ? STOP_REFUSED : STOP_END;
}

/* ---- its items ---- */

enum {
    OUT_TYPE,
    OUT_NAME,
    OUT_ARGUMENTS,
    OUT_CONTENT,
    OUT_SUMMARY,
    OUT_ENCRYPTED,
    OUT_CALL,
    OUT_N
};

int responses_item_read(struct str json, struct responses_read *ret_item)
{
    static const struct str names[] = {
        [OUT_TYPE] = RESPONSES_NAME("type"),
        [OUT_NAME] = RESPONSES_NAME("name"),
        [OUT_ARGUMENTS] = RESPONSES_NAME("arguments"),
        [OUT_CONTENT] = RESPONSES_NAME("content"),
        [OUT_SUMMARY] = RESPONSES_NAME("summary"),
        [OUT_ENCRYPTED] = RESPONSES_NAME("encrypted_content"),
        [OUT_CALL] = RESPONSES_NAME("call_id"),
    };
    struct str value[OUT_N];
    if (responses_peek(json, names, OUT_N, value) != 0)
        return E_UPSTREAM_BODY;
    *ret_item = (struct responses_read){.type = string_or_none(value[OUT_TYPE]),
                                        .name = string_or_none(value[OUT_NAME]),
                                        .arguments = string_or_none(value[OUT_ARGUMENTS]),
                                        .content = value[OUT_CONTENT],
                                        .summary = value[OUT_SUMMARY],
                                        .encrypted = string_or_none(value[OUT_ENCRYPTED]),
                                        .call_id = string_or_none(value[OUT_CALL])};
    return 0;
}

/* ---- whole answers ---- */

struct answering {
    struct arena *arena;
    struct chat_answer *answer;
    bool calls, refusal;
};

static struct chat_block *block_add(struct answering *a, enum chat_block_kind kind)
{
    return chat_block_new(a->arena, &a->answer->blocks, kind);
}

/* A part that is neither text nor refusal has no place in a chat's answer. */
static int part_add(struct answering *a, struct str json)
{
    static const struct str names[] = {RESPONSES_NAME("type"), RESPONSES_NAME("text"),
                                       RESPONSES_NAME("refusal")};
    struct str value[ARRAY_LEN(names)];
    if (responses_peek(json, names, ARRAY_LEN(names), value) != 0)
        return E_UPSTREAM_BODY;
    bool refusal = string_is(value[0], STR("refusal"));
    if (!refusal && !string_is(value[0], STR("output_text")))
        return 0;
    struct str text = value[refusal ? 2 : 1];
    if (!json_is_string(text))
        return E_UPSTREAM_BODY;
    struct chat_block *b = block_add(a, refusal ? BLOCK_REFUSAL : BLOCK_TEXT);
    if (!b)
        return E_MEMORY;
    b->text = text;
    a->refusal = a->refusal || refusal;
    return 0;
}

static int list_each(struct answering *a, struct str list,
                     int (*add)(struct answering *a, struct str json))
{
    if (!json_is_array(list))
        return E_UPSTREAM_BODY;
    struct json_reader r = responses_list(list);
    int err = 0;
    if (json_enter(&r, '['))
        do
            err = add(a, json_take(&r));
        while (!err && json_more(&r, '['));
    return err;
}

static int call_add(struct answering *a, const struct responses_read *item)
{
    struct chat_block *b = block_add(a, BLOCK_CALL);
    if (!b)
        return E_MEMORY;
    a->calls = true;
    b->id = item->call_id;
    b->name = item->name;
    if (!b->id.p || !b->name.p || !item->arguments.p)
        return E_UPSTREAM_BODY;
    int err = input_from_string(a->arena, item->arguments, &b->input);
    return err == E_BAD_REQUEST ? E_UPSTREAM_BODY : err;
}

static int reasoning_add(struct answering *a, const struct responses_read *item)
{
    struct str text, sealed = STR_NONE;
    int err = responses_texts(a->arena, item->content, &text);
    if (!err && !text.p)
        err = responses_texts(a->arena, item->summary, &text);
    if (!err && item->encrypted.n > 2)
        err = string_prepend(a->arena, STR(RESPONSES_OURS), item->encrypted, &sealed);
    if (err || (!text.p && !sealed.p))
        return err == E_MEMORY ? err : err ? E_UPSTREAM_BODY : 0;
    struct chat_block *b = block_add(a, text.p ? BLOCK_THINKING : BLOCK_HIDDEN);
    if (!b)
        return E_MEMORY;
    b->text = text.p ? text : sealed;
    b->signature = text.p ? sealed : STR_NONE;
    return 0;
}

/* What the provider's own tools did is not the chat's. */
static int item_add(struct answering *a, struct str json)
{
    struct responses_read item;
    int err = responses_item_read(json, &item);
    if (err)
        return err;
    if (string_is(item.type, STR("message")))
        return list_each(a, item.content, part_add);
    if (string_is(item.type, STR("function_call")))
        return call_add(a, &item);
    return string_is(item.type, STR("reasoning")) ? reasoning_add(a, &item) : 0;
}

int responses_answer_read(struct str body, struct arena *arena, struct chat_answer *ret_answer)
{
    struct responses_object o;
    struct answering a = {.arena = arena, .answer = ret_answer};
    int err = responses_object_read(body, &o);
    if (err)
        return err;
    /* What runs in the background, or failed, is no answer. */
    if (!o.output.p || string_is(o.status, STR("failed")) || string_is(o.status, STR("queued")) ||
        string_is(o.status, STR("cancelled")) || string_is(o.status, STR("in_progress")))
        return E_UPSTREAM_BODY;
    *ret_answer = (struct chat_answer){.id = o.id,
                                       .model = o.model,
                                       .created_s = o.created_s,
                                       .has_usage = o.has_usage,
                                       .usage = o.usage};
    err = list_each(&a, o.output, item_add);
    ret_answer->stop = responses_stop(&o, a.calls, a.refusal);
    return err;
}
