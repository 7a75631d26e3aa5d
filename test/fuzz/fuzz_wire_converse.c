/*
 * fuzz_wire_converse.c: whatever bytes come as an answer of Converse's or as the events of a
 * stream, and whatever chat is written for it.
 *
 * Events keep the order that chat.h promises, however a stream repeats, mixes or breaks off, and
 * all that is given as a string is one; facts agree with what the wire says. What is written of any
 * chat is JSON, its roles take turns, its texts are not blank and its ids are Bedrock's. The bytes
 * are lines, each an event, whose first letter is its name; and they are choices, of which a chat
 * is made.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "llm/bedrock.h"
#include "llm/wire/converse.h"

#define MUST(what)                                                                                 \
    do {                                                                                           \
        if (!(what)) {                                                                             \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #what);                             \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* Half a surrogate pair is JSON to the reader that wires use, but not to yyjson. */
static bool is_json(struct arena *a, struct str text)
{
    yyjson_doc *doc = NULL;
    return json_parse(a, text, &doc, NULL) == 0 || str_find(text, STR("\\ud")) >= 0 ||
           str_find(text, STR("\\uD")) >= 0;
}

static void check_string(struct arena *a, struct str string)
{
    MUST(!string.p || (json_is_string(string) && is_json(a, string)));
}

static void check_tokens(const struct tokens *t)
{
    MUST(t->input >= 0 && t->cached >= 0 && t->cache_write >= 0 && t->output >= 0);
    MUST(t->reasoning == 0 && t->source == TOKENS_PROVIDER);
}

/* ---- answers ---- */

static void check_answer(struct str body)
{
    struct arena a;
    struct chat_answer answer;
    struct llm_facts facts;
    arena_init(&a, 64u << 20);
    int err = converse_answer_read(body, &a, &answer);
    MUST(err == 0 || err == E_UPSTREAM_BODY);
    for (const struct chat_block *b = err ? NULL : answer.blocks; b; b = b->next) {
        check_string(&a, b->text);
        check_string(&a, b->id);
        check_string(&a, b->name);
        check_string(&a, b->signature);
        MUST(b->kind == BLOCK_TEXT || b->kind == BLOCK_THINKING || b->kind == BLOCK_HIDDEN ||
             b->kind == BLOCK_CALL);
        MUST(b->kind != BLOCK_CALL || (b->id.p && b->name.p && json_is_object(b->input)));
        MUST(b->kind != BLOCK_TEXT || b->text.n > 2);
    }
    if (!err) {
        check_string(&a, answer.stop_sequence);
        if (answer.has_usage)
            check_tokens(&answer.usage);
    }
    int other = bedrock_answer_facts(body, &facts);
    MUST(other == 0 || other == E_UPSTREAM_BODY);
    MUST(err || (other == 0 && !facts.has_error && facts.has_usage == answer.has_usage));
    MUST(other || !err || facts.has_error);
    arena_fini(&a);
}

/* ---- streams ---- */

struct watch {
    bool begun, stopped, over, open;
    enum chat_block_kind kind;
};

static void check_inside(const struct watch *w, const struct chat_event *e)
{
    MUST(w->open && e->block == w->kind && json_is_string(e->text) && e->text.n > 2);
}

static void check_event(struct watch *w, const struct chat_event *e, struct arena *a)
{
    MUST(!w->over && (w->begun || e->kind == EVENT_BEGIN || e->kind == EVENT_FAILED));
    check_string(a, e->id);
    check_string(a, e->name);
    check_string(a, e->text);
    check_string(a, e->stop_sequence);
    switch (e->kind) {
    case EVENT_BEGIN:
        MUST(!w->begun);
        w->begun = true;
        break;
    case EVENT_BLOCK_BEGIN:
        MUST(!w->open && !w->stopped && (e->block != BLOCK_CALL || (e->id.n > 2 && e->name.p)));
        MUST(e->block != BLOCK_HIDDEN || e->text.n > 2);
        w->open = true;
        w->kind = e->block;
        break;
    case EVENT_DELTA:
        check_inside(w, e);
        break;
    case EVENT_SIGNATURE:
        check_inside(w, e);
        MUST(w->kind == BLOCK_THINKING);
        break;
    case EVENT_BLOCK_END:
        MUST(w->open && e->block == w->kind);
        w->open = false;
        break;
    case EVENT_USAGE:
        check_tokens(&e->usage);
        break;
    case EVENT_STOPPED:
        MUST(!w->open && !w->stopped);
        w->stopped = true;
        break;
    case EVENT_END:
        MUST(w->stopped);
        w->over = true;
        break;
    case EVENT_FAILED:
        MUST(e->name.n >= 2 && e->text.n >= 2);
        w->over = true;
        break;
    }
}

static struct str name_of(struct str *line)
{
    static const struct {
        char letter;
        struct str name;
    } names[] = {
        {'m', {"messageStart", 12}},        {'b', {"contentBlockStart", 17}},
        {'d', {"contentBlockDelta", 17}},   {'e', {"contentBlockStop", 16}},
        {'s', {"messageStop", 11}},         {'u', {"metadata", 8}},
        {'x', {"throttlingException", 19}}, {'f', {"error", 5}},
    };
    char letter = line->n ? line->p[0] : '\0';
    *line = str_tail(*line, 1);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (names[i].letter == letter)
            return names[i].name;
    return STR_NONE;
}

static void check_stream(struct str text)
{
    struct arena a, scratch;
    struct wire_state state = {.arena = &a};
    struct watch w = {0};
    arena_init(&a, 1u << 16); /* a stream takes little, however long it is */
    arena_init(&scratch, 256u << 20);
    while (text.n > 0) {
        struct str line = str_cut(&text, '\n');
        struct str name = name_of(&line);
        struct chat_events events;
        struct llm_facts facts;
        bool over = w.over;
        int err = converse_event_read(&state, name, line, &events);
        MUST(err == 0 || err == E_UPSTREAM_BODY);
        MUST(events.n < CHAT_EVENTS_MAX && (!over || events.n == 0));
        for (unsigned i = 0; !err && i < events.n; i++)
            check_event(&w, &events.at[i], &scratch);
        int other = bedrock_event_facts(name, line, &facts);
        MUST(other == 0 || (err == other || over || w.stopped));
        MUST(facts.error_status == 0 || facts.has_error);
        MUST(!facts.unread || (err == 0 && events.n == 0));
        if (err) /* whoever reads a stream gives it up */
            break;
    }
    arena_fini(&scratch);
    arena_fini(&a);
}

/* ---- requests ---- */

struct choices {
    const uint8_t *at, *end;
};

static unsigned choose(struct choices *c, unsigned limit)
{
    return c->at < c->end ? *c->at++ % limit : 0;
}

static struct str choose_string(struct choices *c)
{
    static const struct str strings[] = {
        {NULL, 0},
        {"\"\"", 2},
        {"\"a\\n\"", 5},
        {"\" \\n\"", 5},
        {"\"\\ud83d\\ude00\"", 14},
        {"\"c\"", 3},
        {"\"a__thought__QUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJD\"", 74},
        {"\"s3://b/y.png\"", 14},
        {"\"s3://b/y.pdf\"", 14},
        {"\"https://x/y.png?z\"", 19},
        {"\"a  _.pdf\"", 10},
        {"\"high\"", 6},
        {"\"\\ud800\"", 8},
    };
    return strings[choose(c, ARRAY_LEN(strings))];
}

static struct str choose_control(struct choices *c)
{
    static const struct str controls[] = {{NULL, 0},
                                          {NULL, 0},
                                          {"null", 4},
                                          {"{\"type\":\"ephemeral\"}", 20},
                                          {"{\"ttl\":\"1h\",\"ttl\":5}", 20}};
    return controls[choose(c, ARRAY_LEN(controls))];
}

static void block_make(struct choices *c, struct chat_request *r, struct chat_block **list,
                       unsigned depth)
{
    static const struct str types[] = {{NULL, 0},  {"image/png", 9},   {"application/pdf", 15},
                                       {"wav", 3}, {"image/jpeg", 10}, {"\"\\", 2}};
    static const struct str inputs[] = {{NULL, 0}, {"{}", 2}, {"{\"a\":[1]}", 9}};
    struct chat_block *b = chat_block_new(r->arena, list, choose(c, BLOCK_OTHER + 1));
    MUST(b != NULL);
    b->text = choose_string(c);
    b->signature = choose_string(c);
    b->id = choose_string(c);
    b->name = choose_string(c);
    b->input = inputs[choose(c, ARRAY_LEN(inputs))];
    b->is_error = choose(c, 2);
    b->cache_control = choose_control(c);
    b->media.form = choose(c, MEDIA_TEXT + 1);
    b->media.type = types[choose(c, ARRAY_LEN(types))];
    b->media.data = choose_string(c);
    b->media.name = choose_string(c);
    if (!b->media.data.n) /* a medium has data */
        b->media.data = STR("\"QQ==\"");
    for (unsigned n = depth ? 0 : choose(c, 4); n > 0; n--)
        block_make(c, r, &b->result, depth + 1);
}

static void request_make(struct choices *c, struct chat_request *r)
{
    static const struct str models[] = {
        {"anthropic.claude-x", 18}, {"amazon.nova-x", 13}, {"meta.x", 6}, {"arn:x", 5}};
    struct chat_message *last = NULL;
    r->model = models[choose(c, ARRAY_LEN(models))];
    for (unsigned n = choose(c, 8); n > 0; n--) {
        last = chat_message_new(r, last, choose(c, ROLE_ASSISTANT + 1));
        MUST(last != NULL);
        for (unsigned m = choose(c, 5); m > 0; m--)
            block_make(c, r, &last->blocks, 0);
    }
    for (unsigned n = choose(c, 3); n > 0; n--) {
        struct chat_tool *t = chat_tool_new(r);
        MUST(t != NULL);
        t->name = choose_string(c);
        t->description = choose_string(c);
        t->cache_control = choose_control(c);
        t->strict = choose(c, 2) ? STR("true") : STR_NONE;
    }
    r->tool_choice = choose(c, CHOOSE_NAMED + 1);
    r->tool_named = choose_string(c);
    r->tools_serial = choose(c, 2);
    r->thinking = choose(c, THINK_ADAPTIVE + 1);
    r->format = choose(c, FORMAT_SCHEMA + 1);
    r->max_tokens = choose(c, 2);
    chat_param(r, CHAT_EFFORT, choose(c, 2) ? STR("\"high\"") : choose_string(c));
    chat_param(r, CHAT_TEMPERATURE, choose(c, 2) ? STR("1e0") : STR_NONE);
    chat_param(r, CHAT_TOP_K, choose(c, 2) ? STR("4") : STR_NONE);
    if (choose(c, 2))
        MUST(chat_stop_add(r, STR("\"x\"")) == 0);
}

static void check_id(yyjson_val *block, const char *name)
{
    yyjson_val *of = yyjson_obj_get(block, name);
    struct str id = json_get_str(of, "toolUseId");
    MUST(!of || (id.n > 0 && id.n <= 64 && str_find(id, STR("\\")) < 0));
}

static void check_block(yyjson_val *block)
{
    struct str text = json_get_str(block, "text");
    MUST(yyjson_obj_size(block) == 1);
    MUST(!text.p || str_trim(text).n > 0);
    check_id(block, "toolUse");
    check_id(block, "toolResult");
    struct str name = json_get_str(yyjson_obj_get(block, "document"), "name");
    for (size_t i = 0; i < name.n; i++)
        MUST(name.p[i] != '.' && (name.p[i] != ' ' || (i > 0 && name.p[i - 1] != ' ')));
}

static void check_body(struct arena *a, struct str body)
{
    yyjson_doc *doc = NULL;
    size_t i, n, k, m;
    yyjson_val *message, *block;
    struct str before = STR_NONE;
    if (json_parse(a, body, &doc, NULL) != 0)
        return; /* half a surrogate pair */
    yyjson_arr_foreach(yyjson_obj_get(yyjson_doc_get_root(doc), "messages"), i, n, message)
    {
        struct str role = json_get_str(message, "role");
        MUST(!str_eq(role, before));
        before = role;
        yyjson_val *content = yyjson_obj_get(message, "content");
        MUST(yyjson_arr_size(content) > 0);
        yyjson_arr_foreach(content, k, m, block)
        {
            check_block(block);
        }
    }
}

static void check_request(struct str text)
{
    struct arena a;
    struct buf out;
    struct fault f = {0};
    struct choices c = {(const uint8_t *)text.p, (const uint8_t *)text.p + text.n};
    arena_init(&a, 64u << 20);
    buf_init(&out, 16u << 20);
    struct chat_request r = {.arena = &a};
    request_make(&c, &r);
    (void)!chat_settle(&r, &f); /* also what it refuses may not crash a writer */
    fault_clear(&f);
    int err = converse_request_write(&r, &out, &f);
    MUST(err == 0 || err == E_UNSUPPORTED || err == E_BAD_REQUEST);
    MUST(err == 0 ? is_json(&a, buf_view(&out)) : f.err == err && f.text[0] != '\0');
    if (!err)
        check_body(&a, buf_view(&out));
    buf_fini(&out);
    arena_fini(&a);
}

static void check_path(struct str model)
{
    struct arena a;
    struct str path;
    arena_init(&a, 64u << 20);
    MUST(bedrock_path(model, true, &a, &path) == 0);
    MUST(str_starts(path, STR("/model/")) && str_ends(path, STR("/converse-stream")));
    struct str name = str_tail(str_head(path, path.n - 16), 7);
    MUST(str_find(name, STR("/")) < 0 && name.n >= model.n);
    arena_fini(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data, size};
    check_answer(text);
    check_stream(text);
    check_request(text);
    check_path(text);
    return 0;
}
