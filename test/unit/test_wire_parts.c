/* test_wire_parts.c: what the wires share: reading by tables, base64, and whose thinking it is. */
#include <stdlib.h>

#include "base_test.h"
#include "llm/wire.h"
#include "llm/wire/parts.h"

static struct arena arena;

static int setup(void **state)
{
    (void)state;
    arena_init_private(&arena, 8u << 20);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_fini(&arena);
    return 0;
}

/* ---- calls and messages ---- */

static void ids_go_as_they_are_or_by_their_hash(void **state)
{
    (void)state;
    static const struct {
        const char *id;
        struct id_rule rule;
        bool kept;
    } rows[] = {
        {"\"call_a-B9\"", {64, true}, true},
        {"\"functions.f:0\"", {64, true}, false},
        {"\"functions.f:0\"", {40, false}, true},
        {"\"0123456789012345678901234567890123456789\"", {40, false}, true},
        {"\"01234567890123456789012345678901234567890\"", {40, false}, false},
        {"\"01234567890123456789012345678901234567890\"", {64, false}, true},
        {"\"a\\u0062\"", {64, false}, false},
        {"\"\"", {64, false}, false},
        {"\"\303\251\"", {64, true}, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out;
        buf_init(&out, 4096);
        assert_int_equal(call_id_put(&out, str_from(rows[i].id), rows[i].rule), 0);
        struct str once = arena_str(&arena, buf_view(&out));
        buf_clear(&out);
        assert_int_equal(call_id_put(&out, str_from(rows[i].id), rows[i].rule), 0);
        assert_true(str_eq(buf_view(&out), once));
        if (str_eq(once, str_from(rows[i].id)) != rows[i].kept ||
            (!rows[i].kept && (once.n != 5 + 32 + 2 || !str_starts(once, STR("\"call_")))))
            fail_msg("%s: %.*s", rows[i].id, STR_ARGS(once));
        buf_fini(&out);
    }
}

/* ---- reading ---- */

enum { TEXT, LIST, NUMBER, INSIDE, COUNT };
static const struct member members[COUNT] = {MEMBER("text", STRING), MEMBER("list", TAKEN),
                                             MEMBER("number", COUNT), MEMBER("inside", OBJECT)};
static const struct param params[] = {PARAM(SEED, "seed", NUMBER), PARAM(USER, "user", STRING)};

static int element_take(struct reading *r, void *to)
{
    struct str value;
    int err = reading_take(r, &value);
    if (!err)
        err = reading_wants(r, value, "element", VALUE_STRING);
    ++*(unsigned *)to;
    return err;
}

static int list_take(struct reading *r, unsigned which, void *to)
{
    assert_int_equal(which, LIST);
    return reading_list(r, "list", element_take, to);
}

struct read {
    struct chat_request request;
    struct fault fault;
    struct str value[COUNT];
    struct object object;
    unsigned elements;
};

static int read_body(struct read *x, const char *body, bool lenient)
{
    *x = (struct read){.request = {.arena = &arena}};
    struct reading r = {
        .arena = &arena, .request = &x->request, .fault = &x->fault, .lenient = lenient};
    x->object = (struct object)OBJECT(members, x->value);
    x->object.take = list_take;
    x->object.to = &x->elements;
    x->object.others = &x->request.others;
    x->object.params = params;
    x->object.params_n = ARRAY_LEN(params);
    int err = json_reader_init(&r.json, str_from(body)) ? reading_object(&r, &x->object)
                                                        : E_BAD_JSON;
    return reading_end(&r, err, str_from(body));
}

static void objects_are_read_by_their_tables(void **state)
{
    (void)state;
    struct read x;
    assert_int_equal(read_body(&x,
                               "{\"te\\u0078t\":\"a\",\"list\":[\"x\",\"y\"],\"number\":null,"
                               "\"seed\":7,\"n\\u0065w\":{},\"nothing\":null}",
                               false),
                     0);
    assert_str(x.value[TEXT], STR("\"a\""));
    assert_null(x.value[NUMBER].p);
    assert_int_equal(x.elements, 2);
    assert_str(x.request.params[CHAT_SEED], STR("7"));
    assert_true(chat_has(&x.request, CHAT_SEED) && !chat_has(&x.request, CHAT_USER));
    assert_true(x.object.more);
    assert_str(x.request.others->name, STR("\"n\\u0065w\""));
    assert_null(x.request.others->next);

    assert_int_equal(read_body(&x, "{\"text\":\"a\",\"text\":\"b\"}", true), 0);
    assert_str(x.value[TEXT], STR("\"b\""));
    assert_false(x.object.more);

    /* A member of the table that this object does not have is one that is not known. */
    x.object.foreign = 1u << NUMBER;
    struct reading r = {.arena = &arena, .request = &x.request, .fault = &x.fault};
    assert_true(json_reader_init(&r.json, STR("{\"number\":\"none\"}")));
    assert_int_equal(reading_object(&r, &x.object), 0);
    assert_str(x.request.others->name, STR("\"number\""));
}

static void faults_have_their_place(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        int err;
        const char *words;
    } rows[] = {
        {"{\"text\":7}", E_BAD_REQUEST, "'text' has to be a string"},
        {"{\"number\":-1}", E_BAD_REQUEST, "'number' has to be a whole number"},
        {"{\"inside\":[]}", E_BAD_REQUEST, "'inside' has to be an object"},
        {"{\"seed\":\"x\"}", E_BAD_REQUEST, "'seed' has to be a number"},
        {"{\"list\":{}}", E_BAD_REQUEST, "'list' has to be a list"},
        {"{\"list\":[\"a\",7]}", E_BAD_REQUEST, "list.1: 'element' has to be a string"},
        {"{\"text\":\"a\",\"tex\\u0074\":\"b\"}", E_DUPLICATE_KEY,
         "'text' stands twice in the request"},
        {"{\"seed\":1,\"seed\":1}", E_DUPLICATE_KEY, "'seed' stands twice in the request"},
        {"{\"list\":[\"a\",7", E_BAD_JSON, NULL},
        {"{\"list\":[tru],\"text\":7}", E_BAD_JSON, NULL},
        {"[]", E_BAD_JSON, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct read x;
        int err = read_body(&x, rows[i].body, false);
        if (err != rows[i].err || (rows[i].words && strcmp(x.fault.text, rows[i].words) != 0))
            fail_msg("%s: %s: %s", rows[i].body, err_code(err), x.fault.text);
        assert_true(x.fault.text[0] != '\0');
    }
}

static void deep_places_are_cut(void **state)
{
    (void)state;
    struct fault f = {0};
    struct chat_request q = {.arena = &arena};
    struct reading r = {.request = &q, .fault = &f};
    for (int i = 0; i < 9; i++)
        reading_enter(&r, "a", i);
    assert_int_equal(reading_wrong(&r, "b"), E_BAD_REQUEST);
    assert_string_equal(f.text, "a.0.a.1.a.2.a.8: b");
    r.request = NULL;
    assert_int_equal(reading_wrong(&r, "b"), E_UPSTREAM_BODY);
}

static void known_members_are_peeked_at(void **state)
{
    (void)state;
    struct str v[COUNT];
    assert_true(
        members_peek(STR("{\"text\":7,\"number\":1,\"number\":2,\"x\":[]}"), members, COUNT, v));
    assert_null(v[TEXT].p);
    assert_str(v[NUMBER], STR("2"));
    assert_false(members_peek(STR("{\"text\":"), members, COUNT, v));
    assert_false(members_peek(STR("[]"), members, COUNT, v));
    assert_false(members_peek(STR_NONE, members, COUNT, v));
    assert_false(members_peek_once(STR("{\"number\":1,\"number\":2}"), members, COUNT, v));
    assert_true(members_peek_once(STR("{\"x\":1,\"x\":2}"), members, COUNT, v));
    assert_str(member_peek(STR("{\"a\":\"b\"}"), STR("a"), VALUE_STRING), STR("\"b\""));
    assert_null(member_peek(STR("{\"a\":1}"), STR("a"), VALUE_STRING).p);
}

/* A name that only another protocol has for a parameter is none here. */
static void parameters_are_those_of_the_wire(void **state)
{
    (void)state;
    static const char *const names[] = {"thinking_display", "reasoning_summary", "include",
                                        "previous_response_id", "conversation"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct chat_request r;
        struct fault f = {0};
        struct str body = arena_printf(&arena, "{\"model\":\"m\",\"messages\":[],\"%s\":\"x\"}",
                                       names[i]);
        assert_int_equal(wire_openai_chat.request_read(body, &arena, &r, &f), 0);
        assert_int_equal(r.features, (uint64_t)1 << CHAT_OTHER_MEMBER);
        assert_true(members_have(r.others, str_from(names[i])));
    }
}

/* ---- base64 ---- */

static void base64_goes_there_and_back(void **state)
{
    (void)state;
    struct chance c = {17};
    char bytes[2000];
    struct buf out;
    buf_init(&out, 8192);
    for (unsigned n = 0; n < sizeof(bytes); n += n < 800 ? 1 : 97) {
        struct str back;
        for (unsigned i = 0; i < n; i++)
            bytes[i] = (char)chance_below(&c, 256);
        buf_clear(&out);
        assert_int_equal(base64_put(&out, str_of(bytes, n)), 0);
        assert_int_equal(out.n, (n + 2) / 3 * 4);
        assert_int_equal(base64_read(&arena, buf_view(&out), &back), 0);
        assert_true(str_eq(back, str_of(bytes, n)));
        while (out.n > 0 && out.p[out.n - 1] == '=') /* padding is not asked for */
            out.n--;
        assert_int_equal(base64_read(&arena, buf_view(&out), &back), 0);
        assert_true(str_eq(back, str_of(bytes, n)));
    }
    buf_clear(&out);
    base64_put(&out, STR("\xff\xef\xbe"));
    assert_str(buf_view(&out), STR("/+++"));
    buf_fini(&out);
}

static void what_is_no_base64_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"A",        "AAAAA",    " AAAA",    "AAAA ",     "AA AA",
                                      "AAA\n",    "AA=A",     "=AAA",     "AA==A",     "AAA-",
                                      "AA_A",     "AAA.",     "\nAAA",    "A===",      "AAA\xc3",
                                      "AAAA----", "AAAA    ", "    AAAA", "QUJD\nQUJD"};
    struct str bytes;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (base64_read(&arena, str_from(bad[i]), &bytes) != E_BAD_REQUEST)
            fail_msg("%s", bad[i]);
    assert_int_equal(base64_read(&arena, STR("AA\0A"), &bytes), E_BAD_REQUEST);
}

/* Digits and types come out as they went in, be they what they like. */
static void media_keep_their_bytes(void **state)
{
    (void)state;
    static const char *const urls[] = {"\"data:image/png;base64,QUJD\"",
                                       "\"data:image/png;base64,QU\x7f\xc3\xbc/+\"",
                                       "\"https://example.org/\x7f\\u0041\""};
    struct buf out;
    buf_init(&out, 8192);
    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        struct chat_media m = {.form = MEDIA_NONE};
        assert_int_equal(media_from_url(&arena, str_from(urls[i]), &m), 0);
        buf_clear(&out);
        assert_int_equal(media_put_url(&out, &m), 0);
        assert_str(buf_view(&out), str_from(urls[i]));
    }
    struct chat_media m = {.form = MEDIA_NONE};
    assert_int_equal(media_from_url(&arena, STR("\"data:a\\/b;base64,Q\\u0041\""), &m), 0);
    assert_str(m.data, STR("\"QA\""));
    assert_str(m.type, STR("a/b"));
    buf_fini(&out);
}

/* ---- thinking ---- */

static struct str request_with(const struct wire *wire, enum chat_block_kind kind, struct str text,
                               struct str signature, struct buf *out)
{
    struct chat_request r = {.arena = &arena, .model = STR("gemini-3-pro")};
    struct fault f = {0};
    struct chat_message *m = chat_message_new(&r, NULL, ROLE_USER);
    chat_block_new(&arena, &m->blocks, BLOCK_TEXT)->text = STR("\"hi\"");
    m = chat_message_new(&r, m, ROLE_ASSISTANT);
    struct chat_block *b = chat_block_new(&arena, &m->blocks, kind);
    b->text = text;
    b->signature = signature;
    chat_block_new(&arena, &m->blocks, BLOCK_TEXT)->text = STR("\"well\"");
    assert_int_equal(chat_settle(&r, &f), 0);
    buf_clear(out);
    if (wire->request_write(&r, out, &f) != 0)
        fail_msg("%s: %s", wire->name, f.text);
    return buf_view(out);
}

/* Every wire with every maker's seal: it goes to its maker alone, without the maker's name. */
static void seals_go_to_their_makers_alone(void **state)
{
    (void)state;
    static const struct {
        const struct wire *wire;
        const char *maker; /* NULL: takes none */
        bool hidden;       /* takes encrypted thinking */
    } rows[] = {{&wire_openai_chat, NULL, false},
                {&wire_anthropic, MAKER_ANTHROPIC, true},
                {&wire_converse, MAKER_ANTHROPIC, true},
                {&wire_gemini, MAKER_GEMINI, false},
                {&wire_responses, MAKER_OPENAI, true}};
    static const char *const makers[] = {MAKER_ANTHROPIC, MAKER_GEMINI, MAKER_OPENAI, "later:"};
    struct buf out;
    buf_init(&out, 8192);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (size_t k = 0; k < ARRAY_LEN(makers); k++) {
            bool own = rows[i].maker && strcmp(rows[i].maker, makers[k]) == 0;
            struct str seal = arena_printf(&arena, "\"%sU0VBTA/+==\"", makers[k]);
            struct str sent = request_with(rows[i].wire, BLOCK_THINKING, STR("\"hm\""), seal, &out);
            if ((str_find(sent, STR("\"U0VBTA/+==\"")) >= 0) != own ||
                (str_find(sent, STR("U0VBTA")) >= 0) != own)
                fail_msg("%s, %s: %.*s", rows[i].wire->name, makers[k], STR_ARGS(sent));
            sent = request_with(rows[i].wire, BLOCK_HIDDEN, seal, STR_NONE, &out);
            own = own && rows[i].hidden;
            if ((str_find(sent, STR("\"U0VBTA/+==\"")) >= 0) != own ||
                (str_find(sent, STR("U0VBTA")) >= 0) != own)
                fail_msg("%s, hidden, %s: %.*s", rows[i].wire->name, makers[k], STR_ARGS(sent));
        }
    buf_fini(&out);
}

/* Where thinking has to be signed, one that is not the maker's own is not there at all. */
static void foreign_thinking_is_left_out_whole(void **state)
{
    (void)state;
    static const struct wire *const to[] = {&wire_anthropic, &wire_converse, &wire_openai_chat,
                                            &wire_responses};
    struct buf out;
    buf_init(&out, 8192);
    for (size_t i = 0; i < ARRAY_LEN(to); i++) {
        struct str sent = request_with(to[i], BLOCK_THINKING, STR("\"hm\""), STR("\"gemini:QQ\""),
                                       &out);
        if (str_find(sent, STR("\"hm\"")) >= 0)
            fail_msg("%s: %.*s", to[i]->name, STR_ARGS(sent));
    }
    buf_fini(&out);
}

/* ---- whole requests ---- */

static struct str crossed(const struct wire *from, const struct wire *to, const char *body)
{
    struct chat_request r;
    struct fault f = {0};
    struct str left_out;
    struct buf out;
    buf_init(&out, 65536);
    int err = from->request_read(str_from(body), &arena, &r, &f);
    if (!err)
        err = wire_check(to, &r, &left_out, &f);
    if (!err)
        err = to->request_write(&r, &out, &f);
    if (err)
        fail_msg("%s to %s: %s", from->name, to->name, fault_text(&f));
    struct str written = arena_str(&arena, buf_view(&out));
    buf_fini(&out);
    return written;
}

static unsigned times(struct str text, struct str word)
{
    unsigned n = 0;
    for (ptrdiff_t at; (at = str_find(text, word)) >= 0; n++)
        text = str_tail(text, (size_t)at + word.n);
    return n;
}

/* A model of another maker's made the call: its id in call and result is none that OpenAI,
 * Anthropic or Bedrock takes. */
static void ids_of_other_makers_are_replaced(void **state)
{
    (void)state;
    static const struct wire *const to[] = {&wire_anthropic, &wire_converse, &wire_openai_chat,
                                            &wire_responses};
#define LONG "g__thought__0123456789012345678901234567890123456789012345678901234567890123456789"
    static const char chat[] =
        "{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[{\"id\":"
        "\"" LONG "\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},{\"role\":"
        "\"tool\",\"tool_call_id\":\"" LONG "\",\"content\":\"1\"}]}";
    for (size_t i = 0; i < ARRAY_LEN(to); i++) {
        struct str sent = crossed(&wire_openai_chat, to[i], chat);
        assert_int_equal(times(sent, STR("g__thought__")), 0);
        assert_int_equal(times(sent, STR(":\"call_")), 2);
    }
    struct str sent = crossed(&wire_openai_chat, &wire_gemini, chat);
    assert_int_equal(times(sent, STR("\"id\":\"g\"")), 2);
}

/* Anthropic's may be split, and what stands in them is a user's message elsewhere: it would part
 * the results, which OpenAI refuses. */
static void results_of_one_turn_stay_together(void **state)
{
    (void)state;
    static const char body[] =
        "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"assistant\","
        "\"content\":[{\"type\":\"tool_use\",\"id\":\"a\",\"name\":\"f\",\"input\":{}},"
        "{\"type\":\"tool_use\",\"id\":\"b\",\"name\":\"f\",\"input\":{}}]},{\"role\":"
        "\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"a\","
        "\"content\":[{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":"
        "\"https://h/p.png\"}}]}]},{\"role\":\"user\",\"content\":[{\"type\":\"text\","
        "\"text\":\"so\"},{\"type\":\"tool_result\",\"tool_use_id\":\"b\"}]}]}";
    struct str sent = crossed(&wire_anthropic, &wire_openai_chat, body);
    assert_true(str_find(sent, STR("{\"role\":\"tool\",\"tool_call_id\":\"a\",\"content\":"
                                   "\"\"},{\"role\":\"tool\",\"tool_call_id\":\"b\","
                                   "\"content\":\"\"},{\"role\":\"user\",\"content\":[{"
                                   "\"type\":\"image_url\"")) >= 0);
    sent = crossed(&wire_anthropic, &wire_responses, body);
    assert_true(str_find(sent, STR("\"call_id\":\"b\",\"output\"")) <
                str_find(sent, STR("\"so\"")));
}

/* Empty lists, and null where nothing else is, are refused by OpenAI. */
static void messages_that_say_nothing_have_a_string(void **state)
{
    (void)state;
    struct str sent = crossed(&wire_anthropic, &wire_openai_chat,
                              "{\"model\":\"m\",\"max_tokens\":9,\"system\":[],"
                              "\"messages\":[{\"role\":\"assistant\",\"content\":[{\"type\":"
                              "\"redacted_thinking\",\"data\":\"AA\"}]},{\"role\":\"user\","
                              "\"content\":[]}]}");
    assert_int_equal(times(sent, STR("\"content\":\"\"")), 3);
}

/* Without a type in front, digits are most likely a PDF's; OpenAI refuses any other guess. */
static void a_document_without_a_type_is_a_pdf(void **state)
{
    (void)state;
    struct str sent = crossed(&wire_openai_chat, &wire_responses,
                              "{\"model\":\"m\",\"messages\":[{\"role\":\"user\","
                              "\"content\":[{\"type\":\"file\",\"file\":{\"file_data\":"
                              "\"JVBERi0=\"}}]}]}");
    assert_int_equal(times(sent, STR("\"filename\":\"document.pdf\",\"file_data\":"
                                     "\"data:application/pdf;base64,JVBERi0=\"")),
                     1);
}

/* Bedrock refuses an empty one, and some clients send it. */
static void an_empty_signature_is_none(void **state)
{
    (void)state;
    struct str sent =
        crossed(&wire_openai_chat, &wire_converse,
                "{\"model\":\"amazon.nova-2-lite\",\"messages\":[{\"role\":\"assistant\","
                "\"content\":\"a\",\"thinking_blocks\":[{\"type\":\"thinking\","
                "\"thinking\":\"hm\",\"signature\":\"\"}]},{\"role\":\"user\","
                "\"content\":\"b\"}]}");
    assert_int_equal(times(sent, STR("\"reasoningText\":{\"text\":\"hm\"}")), 1);
}

/* Else a request could have members that nobody has looked at. */
static void a_media_type_has_no_members(void **state)
{
    (void)state;
    static const char body[] =
        "{\"model\":\"m\",\"max_tokens\":5,\"messages\":[{\"role\":\"user\",\"content\":[{"
        "\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":"
        "\"image/png\\\",\\\"file_id\\\":\\\"f\",\"data\":\"aGk=\"}}]}]}";
    const struct wire *const to[] = {&wire_openai_chat, &wire_responses};
    for (size_t i = 0; i < ARRAY_LEN(to); i++)
        assert_int_equal(times(crossed(&wire_anthropic, to[i], body),
                               STR("\"data:image/png\\\",\\\"file_id\\\":\\\"f;base64,aGk=\"")),
                         1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_go_as_they_are_or_by_their_hash),
        cmocka_unit_test(ids_of_other_makers_are_replaced),
        cmocka_unit_test(results_of_one_turn_stay_together),
        cmocka_unit_test(messages_that_say_nothing_have_a_string),
        cmocka_unit_test(a_document_without_a_type_is_a_pdf),
        cmocka_unit_test(an_empty_signature_is_none),
        cmocka_unit_test(a_media_type_has_no_members),
        cmocka_unit_test(objects_are_read_by_their_tables),
        cmocka_unit_test(faults_have_their_place),
        cmocka_unit_test(deep_places_are_cut),
        cmocka_unit_test(known_members_are_peeked_at),
        cmocka_unit_test(parameters_are_those_of_the_wire),
        cmocka_unit_test(base64_goes_there_and_back),
        cmocka_unit_test(what_is_no_base64_is_refused),
        cmocka_unit_test(media_keep_their_bytes),
        cmocka_unit_test(seals_go_to_their_makers_alone),
        cmocka_unit_test(foreign_thinking_is_left_out_whole),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
