/* wire/responses_answer.c: what a provider's object "response" says. */
#include "llm/wire/responses.h"

/* ---- the object ---- */

static bool usage_read(struct str usage, struct tokens *ret_usage)
{
    enum { INPUT, INPUT_DETAILS, OUTPUT, OUTPUT_DETAILS, TOTAL };
    static const struct member of[] = {
        MEMBER("input_tokens", COUNT), MEMBER("input_tokens_details", OBJECT),
        MEMBER("output_tokens", COUNT), MEMBER("output_tokens_details", OBJECT),
        MEMBER("total_tokens", COUNT)};
    struct str value[ARRAY_LEN(of)];
    if (!members_peek(usage, of, ARRAY_LEN(of), value) || !value[INPUT].p)
        return false;
    tokens_of_parts(count_of(value[INPUT], 0), value[INPUT_DETAILS], count_of(value[OUTPUT], 0),
                    value[OUTPUT_DETAILS], count_of(value[TOTAL], 0), ret_usage);
    return true;
}

int responses_object_read(struct str json, struct responses_object *ret_object)
{
    enum { ID, MODEL, CREATED, STATUS, INCOMPLETE, ERROR, OUTPUT, USAGE };
    static const struct member of[] = {
        [ID] = MEMBER("id", STRING),
        [MODEL] = MEMBER("model", STRING),
        [CREATED] = MEMBER("created_at", ANY),
        [STATUS] = MEMBER("status", STRING),
        [INCOMPLETE] = MEMBER("incomplete_details", OBJECT),
        [ERROR] = MEMBER("error", OBJECT),
        [OUTPUT] = MEMBER("output", LIST),
        [USAGE] = MEMBER("usage", OBJECT),
    };
    struct str value[ARRAY_LEN(of)];
    if (!members_peek_once(json, of, ARRAY_LEN(of), value))
        return E_UPSTREAM_BODY;
    struct str seconds = value[CREATED]; /* which some write with a fraction */
    struct responses_object o = {
        .id = value[ID],
        .model = value[MODEL],
        .status = value[STATUS],
        .reason = member_peek(value[INCOMPLETE], STR("reason"), VALUE_STRING),
        .output = value[OUTPUT],
        .error_code = member_peek(value[ERROR], STR("code"), VALUE_STRING),
        .error_text = member_peek(value[ERROR], STR("message"), VALUE_STRING),
        .created_s = count_of(str_cut(&seconds, '.'), 0),
    };
    o.has_usage = usage_read(value[USAGE], &o.usage);
    *ret_object = o;
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

int responses_item_read(struct str json, struct responses_read *ret_item)
{
    enum { TYPE, NAMED, ARGUMENTS, CONTENT, SUMMARY, ENCRYPTED, CALL, RESULT, FORM };
    static const struct member of[] = {
        [TYPE] = MEMBER("type", STRING),
        [NAMED] = MEMBER("name", STRING),
        [ARGUMENTS] = MEMBER("arguments", STRING),
        [CONTENT] = MEMBER("content", ANY),
        [SUMMARY] = MEMBER("summary", ANY),
        [ENCRYPTED] = MEMBER("encrypted_content", STRING),
        [CALL] = MEMBER("call_id", STRING),
        [RESULT] = MEMBER("result", ANY),
        [FORM] = MEMBER("output_format", ANY),
    };
    struct str value[ARRAY_LEN(of)];
    if (!members_peek_once(json, of, ARRAY_LEN(of), value))
        return E_UPSTREAM_BODY;
    *ret_item = (struct responses_read){.type = value[TYPE],
                                        .name = value[NAMED],
                                        .arguments = value[ARGUMENTS],
                                        .content = value[CONTENT],
                                        .summary = value[SUMMARY],
                                        .encrypted = value[ENCRYPTED],
                                        .call_id = value[CALL],
                                        .result = value[RESULT],
                                        .format = value[FORM]};
    return 0;
}

enum chat_answer_part responses_other(struct str type)
{
    static const struct {
        struct str in; /* in the type */
        enum chat_answer_part part;
    } rows[] = {{NAME("image_generation"), ANSWER_IMAGE},
                {NAME("code_interpreter"), ANSWER_CODE},
                {NAME("tool_search"), ANSWER_TOOL},
                {NAME("search"), ANSWER_SEARCH},
                {NAME("_call"), ANSWER_TOOL},
                {NAME("mcp_"), ANSWER_TOOL}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (type.n > 2 && str_find(json_string_raw(type), rows[i].in) >= 0)
            return rows[i].part;
    return ANSWER_OTHER;
}

bool responses_cited(struct str annotation, struct chat_citation *ret_cited)
{
    enum { TYPE, LINK, TITLE, FROM, TO };
    static const struct member of[] = {MEMBER("type", STRING), MEMBER("url", STRING),
                                       MEMBER("title", STRING), MEMBER("start_index", COUNT),
                                       MEMBER("end_index", COUNT)};
    struct str v[ARRAY_LEN(of)];
    if (!members_peek(annotation, of, ARRAY_LEN(of), v) ||
        !string_is(v[TYPE], STR("url_citation")) || v[LINK].n <= 2)
        return false;
    *ret_cited = (struct chat_citation){
        .url = v[LINK], .title = v[TITLE], .from = count_of(v[FROM], 0), .to = count_of(v[TO], 0)};
    return true;
}

struct str responses_image_type(const struct responses_read *item)
{
    if (!json_is_string(item->result) || item->result.n <= 2)
        return STR_NONE;
    return string_is(item->format, STR("jpeg"))   ? STR("image/jpeg")
           : string_is(item->format, STR("webp")) ? STR("image/webp")
                                                  : STR("image/png");
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

static int annotations_add(struct answering *a, struct chat_block *b, struct str list)
{
    struct json_reader r;
    struct chat_citation said;
    int err = 0;
    if (!list_enter(&r, list))
        return 0;
    do {
        if (!responses_cited(json_take(&r), &said)) {
            chat_answer_notes(a->answer, ANSWER_CITATION);
            continue;
        }
        err = chat_citation_add(a->arena, &b->cited, &said);
    } while (!err && json_more(&r, '['));
    return err;
}

static int part_add(struct answering *a, struct str json)
{
    static const struct member of[] = {MEMBER("type", STRING), MEMBER("text", STRING),
                                       MEMBER("refusal", STRING), MEMBER("annotations", LIST)};
    struct str value[ARRAY_LEN(of)];
    if (!members_peek_once(json, of, ARRAY_LEN(of), value))
        return E_UPSTREAM_BODY;
    bool refusal = string_is(value[0], STR("refusal"));
    if (!refusal && !string_is(value[0], STR("output_text"))) {
        chat_answer_notes(a->answer, ANSWER_OTHER);
        return 0;
    }
    struct str text = value[refusal ? 2 : 1];
    if (!text.p)
        return E_UPSTREAM_BODY;
    struct chat_block *b = block_add(a, refusal ? BLOCK_REFUSAL : BLOCK_TEXT);
    if (!b)
        return E_MEMORY;
    b->text = text;
    a->refusal = a->refusal || refusal;
    return annotations_add(a, b, value[3]);
}

static int list_each(struct answering *a, struct str list,
                     int (*add)(struct answering *a, struct str json))
{
    if (!json_is_array(list))
        return E_UPSTREAM_BODY;
    struct json_reader r;
    int err = 0;
    if (list_enter(&r, list))
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
    return err == E_BAD_REQUEST ? 0 : err; /* then it has none */
}

static int reasoning_add(struct answering *a, const struct responses_read *item)
{
    struct str text, sealed = STR_NONE;
    int err = responses_texts(a->arena, item->content, &text);
    if (!err && !text.p)
        err = responses_texts(a->arena, item->summary, &text);
    if (!err && item->encrypted.n > 2)
        err = string_prepend(a->arena, STR(MAKER_OPENAI), item->encrypted, &sealed);
    if (err || (!text.p && !sealed.p))
        return err == E_MEMORY ? err : err ? E_UPSTREAM_BODY : 0;
    struct chat_block *b = block_add(a, text.p ? BLOCK_THINKING : BLOCK_HIDDEN);
    if (!b)
        return E_MEMORY;
    b->text = text.p ? text : sealed;
    b->signature = text.p ? sealed : STR_NONE;
    return 0;
}

static int other_add(struct answering *a, const struct responses_read *item)
{
    enum chat_answer_part part = responses_other(item->type);
    struct str type = part == ANSWER_IMAGE ? responses_image_type(item) : STR_NONE;
    struct chat_block *b = type.n ? block_add(a, BLOCK_IMAGE) : NULL;
    if (!b) {
        chat_answer_notes(a->answer, part);
        return type.n ? E_MEMORY : 0;
    }
    b->media = (struct chat_media){.form = MEDIA_BASE64, .type = type, .data = item->result};
    return 0;
}

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
    return string_is(item.type, STR("reasoning")) ? reasoning_add(a, &item) : other_add(a, &item);
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
