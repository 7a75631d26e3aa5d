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
#include "llm/bedrock.h"
#include "llm/wire/converse.h"
#include "wire_fuzz.h"

static void check_tokens(const struct tokens *t)
{
    fuzz_tokens(t);
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
        fuzz_string(&a, b->text);
        fuzz_string(&a, b->id);
        fuzz_string(&a, b->name);
        fuzz_string(&a, b->signature);
        MUST(b->kind == BLOCK_TEXT || b->kind == BLOCK_THINKING || b->kind == BLOCK_HIDDEN ||
             b->kind == BLOCK_CALL || (b->kind == BLOCK_IMAGE && b->media.data.n > 2));
        MUST(b->kind != BLOCK_CALL || (b->id.p && b->name.p && json_is_object(b->input)));
        MUST(b->kind != BLOCK_TEXT || b->text.n > 2);
    }
    if (!err) {
        fuzz_string(&a, answer.stop_sequence);
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

static void check_event(struct fuzz_watch *w, const struct chat_event *e, struct arena *a)
{
    bool inside = e->kind == EVENT_DELTA || e->kind == EVENT_SIGNATURE;
    fuzz_event(w, e, a);
    MUST(!inside || e->text.n > 2);
    MUST(e->kind != EVENT_SIGNATURE || w->kind == BLOCK_THINKING);
    if (e->kind == EVENT_BLOCK_BEGIN) {
        MUST(e->block != BLOCK_CALL || (e->id.n > 2 && e->name.p));
        MUST(e->block != BLOCK_HIDDEN || e->text.n > 2);
    }
    if (e->kind == EVENT_USAGE)
        check_tokens(&e->usage);
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
    struct fuzz_watch w = {0};
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

/* Ids that are too long or of another provider, addresses with and without a type in them. */
static const struct str strings[] = {
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
    {NULL, 0},
};
static const struct str models[] = {
    {"anthropic.claude-x", 18}, {"amazon.nova-x", 13}, {"meta.x", 6}, {"arn:x", 5}, {NULL, 0}};
static const struct str types[] = {{"image/png", 9}, {"application/pdf", 15},
                                   {"wav", 3},       {"image/jpeg", 10},
                                   {"\"\\", 2},      {NULL, 0}};
static const struct fuzz_words words = {.models = models, .strings = strings, .types = types};

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
    struct fuzz_room room;
    fuzz_room_init(&room);
    if (fuzz_written(&wire_converse, &words, text, &room))
        check_body(&room.arena, buf_view(&room.first));
    fuzz_room_fini(&room);
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data, size};
    check_answer(text);
    check_stream(text);
    check_request(text);
    check_path(text);
    return 0;
}
