/*
 * test_roundtrip.c: chats of OpenAI's, made by chance, to Anthropic's protocol and back.
 *
 * Nothing is lost but what Anthropic's row says: a chat that it refuses is refused; one that it
 * takes comes back the same, but for the differences that stand in `told` below, each of which is
 * a WIRE_CHANGES or WIRE_LEAVES of the row, or a form that means the same in both.
 *
 * SLUICE_ROUNDTRIPS is how many (100,000, and fewer under a sanitizer); the generator's numbers are
 * always the same.
 */
#include <stdlib.h>

#include "wire_world.h"

#define ROUNDTRIPS 100000

/* ---- a generator ---- */

struct dice {
    uint64_t state;
};

static unsigned roll(struct dice *d, unsigned sides)
{
    d->state ^= d->state << 13;
    d->state ^= d->state >> 7;
    d->state ^= d->state << 17;
    return (unsigned)((d->state >> 33) % sides);
}

static bool one_in(struct dice *d, unsigned n)
{
    return roll(d, n) == 0;
}

/* Strings as clients write them: with escapes, without, in other scripts, long. */
static void string_put(struct dice *d, struct buf *out)
{
    static const char *const parts[] = {"a",     "word ",          "\\n",    "\\\"q\\\"", "\\u00e9",
                                        "ü",     "\\ud83d\\ude00", "日本語", "\\\\",      "\\t",
                                        "1.5e3", "{\\\"x\\\":1}",  "/",      "<tag>",     "😀"};
    buf_str(out, STR("\"x"));
    for (unsigned n = roll(d, 6); n > 0; n--)
        buf_str(out, str_from(parts[roll(d, ARRAY_LEN(parts))]));
    buf_char(out, '"');
}

static void value_put(struct dice *d, struct buf *out, unsigned depth)
{
    static const char *const plain[] = {"true",  "false", "0",
                                        "-1.50", "1e6",   "12345678901234567890"};
    unsigned kind = depth > 3 ? roll(d, 2) : roll(d, 4);
    if (kind == 0) {
        string_put(d, out);
    } else if (kind == 1) {
        buf_str(out, str_from(plain[roll(d, ARRAY_LEN(plain))]));
    } else if (kind == 2) {
        buf_char(out, '[');
        for (unsigned i = 0, n = roll(d, 3); i < n; i++) {
            buf_str(out, i ? STR(", ") : STR(""));
            value_put(d, out, depth + 1);
        }
        buf_char(out, ']');
    } else {
        buf_char(out, '{');
        for (unsigned i = 0, n = roll(d, 3); i < n; i++) {
            buf_printf(out, "%s\"k%u\": ", i ? "," : "", i);
            value_put(d, out, depth + 1);
        }
        buf_char(out, '}');
    }
}

static void part_put(struct dice *d, struct buf *out)
{
    switch (roll(d, 6)) {
    case 0:
        buf_str(out, STR("{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,"
                         "iVBORw0KGgo=\""));
        buf_str(out, one_in(d, 8) ? STR(",\"detail\":\"low\"}}") : STR("}}"));
        break;
    case 1:
        buf_str(out,
                STR("{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://h/p.png?a=1&b\"}}"));
        break;
    case 2:
        buf_str(out, STR("{\"type\":\"file\",\"file\":{\"file_data\":\"data:application/pdf;base64,"
                         "JVBERi0=\",\"filename\":\"a.pdf\"}}"));
        break;
    default:
        buf_str(out, STR("{\"type\":\"text\",\"text\":"));
        string_put(d, out);
        buf_str(out, one_in(d, 6) ? STR(",\"cache_control\":{\"type\":\"ephemeral\"}}") : STR("}"));
    }
}

static void content_put(struct dice *d, struct buf *out, bool parts)
{
    buf_str(out, STR("\"content\":"));
    if (!parts || roll(d, 2)) {
        string_put(d, out);
        return;
    }
    buf_char(out, '[');
    for (unsigned i = 0, n = 1 + roll(d, 3); i < n; i++) {
        buf_str(out, i ? STR(",") : STR(""));
        part_put(d, out);
    }
    buf_char(out, ']');
}

static void calls_put(struct dice *d, struct buf *out, unsigned first, unsigned n)
{
    buf_str(out, STR(",\"tool_calls\":["));
    for (unsigned i = 0; i < n; i++) {
        struct buf input;
        buf_init(&input, 1u << 20);
        buf_char(&input, '{');
        if (roll(d, 3)) {
            buf_str(&input, STR("\"city\": "));
            value_put(d, &input, 0);
        }
        buf_char(&input, '}');
        buf_printf(out,
                   "%s{\"id\":\"call_%u\",\"type\":\"function\",\"function\":{\"name\":\"f%u\","
                   "\"arguments\":",
                   i ? "," : "", first + i, roll(d, 3));
        json_quote(out, buf_view(&input));
        buf_str(out, STR("}}"));
        buf_fini(&input);
    }
    buf_char(out, ']');
}

/* One turn of a person's and one of the model's, which may call tools. */
static void turn_put(struct dice *d, struct buf *out, unsigned *calls)
{
    buf_str(out, STR("{\"role\":\"user\","));
    content_put(d, out, true);
    if (one_in(d, 40))
        buf_str(out, STR(",\"name\":\"ann\""));
    if (one_in(d, 60))
        buf_str(out, STR(",\"x_unknown\":1"));
    buf_str(out, STR("},{\"role\":\"assistant\","));
    unsigned n = roll(d, 3), first = *calls;
    if (n > 0 && roll(d, 2))
        buf_str(out, STR("\"content\":null"));
    else
        content_put(d, out, false);
    if (one_in(d, 8))
        buf_str(
            out,
            STR(",\"thinking_blocks\":[{\"type\":\"thinking\",\"thinking\":\"hm\",\"signature\":"
                "\"c2ln\"}]"));
    if (one_in(d, 12))
        buf_str(out, STR(",\"refusal\":\"no\""));
    if (n > 0)
        calls_put(d, out, first, n);
    buf_char(out, '}');
    *calls += n;
    for (unsigned i = 0; i < n; i++) {
        buf_printf(out, ",{\"role\":\"tool\",\"tool_call_id\":\"call_%u\",", first + i);
        content_put(d, out, false);
        buf_char(out, '}');
    }
    buf_char(out, ',');
}

static void tools_put(struct dice *d, struct buf *out)
{
    static const char *const choices[] = {"\"auto\"", "\"none\"", "\"required\"",
                                          "{\"type\":\"function\",\"function\":{\"name\":\"f0\"}}"};
    buf_str(out, STR(",\"tools\":["));
    for (unsigned i = 0, n = 1 + roll(d, 3); i < n; i++) {
        buf_printf(out, "%s{\"type\":\"function\",\"function\":{\"name\":\"f%u\"", i ? "," : "", i);
        if (roll(d, 2)) {
            buf_str(out, STR(",\"description\":"));
            string_put(d, out);
        }
        buf_str(out, STR(",\"parameters\":{\"type\":\"object\",\"properties\":{\"city\":"));
        value_put(d, out, 2);
        buf_str(out, one_in(d, 4) ? STR("}},\"strict\":true}}") : STR("}}}}"));
    }
    buf_char(out, ']');
    if (roll(d, 2))
        buf_printf(out, ",\"tool_choice\":%s", choices[roll(d, ARRAY_LEN(choices))]);
    if (one_in(d, 4))
        buf_printf(out, ",\"parallel_tool_calls\":%s", roll(d, 2) ? "true" : "false");
}

static void params_put(struct dice *d, struct buf *out)
{
    static const char *const members[] = {
        ",\"temperature\":0.5",
        ",\"top_p\":0.25",
        ",\"top_k\":40",
        ",\"max_completion_tokens\":77",
        ",\"stop\":\"END\"",
        ",\"stop\":[\"a\",\"\\n\\nb\"]",
        ",\"user\":\"someone\"",
        ",\"reasoning_effort\":\"high\"",
        ",\"reasoning_effort\":\"minimal\"",
        ",\"response_format\":{\"type\":\"text\"}",
        ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\",\"schema\":"
        "{\"type\":\"object\"},\"strict\":true}}",
        ",\"metadata\":{\"a\":\"b\"}",
        ",\"store\":true",
        ",\"service_tier\":\"standard_only\"",
        ",\"prompt_cache_key\":\"k\"",
    };
    static const char *const refused[] = {",\"seed\":5",
                                          ",\"n\":2",
                                          ",\"logprobs\":true",
                                          ",\"temperature\":2",
                                          ",\"logit_bias\":{\"5\":1}",
                                          ",\"response_format\":{\"type\":"
                                          "\"json_object\"}"};
    bool used[ARRAY_LEN(members)] = {false};
    for (unsigned n = roll(d, 5); n > 0; n--) {
        unsigned i = roll(d, ARRAY_LEN(members));
        /* One of each name. */
        if (used[i] || ((i == 4 || i == 5) && (used[4] || used[5])) ||
            ((i == 7 || i == 8) && (used[7] || used[8])) ||
            ((i == 9 || i == 10) && (used[9] || used[10])))
            continue;
        used[i] = true;
        buf_str(out, str_from(members[i]));
    }
    unsigned i = roll(d, 60);
    bool twice = (i == 3 && used[0]) || (i == 5 && (used[9] || used[10]));
    if (i < ARRAY_LEN(refused) && !twice)
        buf_str(out, str_from(refused[i]));
    if (one_in(d, 3))
        buf_str(out, STR(",\"stream\":true"));
}

static void request_make(struct dice *d, struct buf *out)
{
    unsigned calls = 0;
    buf_clear(out);
    buf_str(out, STR("{\"model\":\"m\",\"messages\":["));
    for (unsigned n = roll(d, 3); n > 0; n--) {
        buf_printf(out, "{\"role\":\"%s\",", one_in(d, 3) ? "developer" : "system");
        content_put(d, out, false);
        buf_str(out, STR("},"));
    }
    for (unsigned n = roll(d, 4); n > 0; n--)
        turn_put(d, out, &calls);
    buf_str(out, STR("{\"role\":\"user\","));
    content_put(d, out, true);
    buf_str(out, STR("}]"));
    if (calls > 0 || roll(d, 2))
        tools_put(d, out);
    params_put(d, out);
    buf_char(out, '}');
}

/* ---- what a chat says, as text ---- */

/* A JSON value, however it is escaped and spaced. */
static void json_tell(struct arena *a, struct buf *out, struct str json)
{
    if (json.n == 0)
        buf_str(out, STR("-"));
    else
        json_value(out, parsed(a, json));
    buf_char(out, ' ');
}

/* Anthropic's row: a refusal is sent as text. */
static enum chat_block_kind told_kind(const struct chat_block *b, bool told)
{
    return told && b->kind == BLOCK_REFUSAL ? BLOCK_TEXT : b->kind;
}

static void block_tell(struct arena *a, struct buf *out, const struct chat_block *b, bool told)
{
    buf_printf(out, "  %s ", block_name(told_kind(b, told)));
    json_tell(a, out, b->text);
    json_tell(a, out, b->signature);
    json_tell(a, out, b->id);
    json_tell(a, out, b->kind == BLOCK_CALL ? b->name : STR_NONE);
    json_tell(a, out, b->input);
    json_tell(a, out, told ? STR_NONE : b->cache_control);
    buf_printf(out, "%u %.*s ", b->media.form, STR_ARGS(b->media.type));
    json_tell(a, out, b->media.data);
    json_tell(a, out, b->media.name);
    buf_char(out, '\n');
    for (const struct chat_block *in = b->result; in; in = in->next)
        block_tell(a, out, in, told);
}

/* Messages of one role in a row are one to Anthropic, and system messages have no other kind. */
static void messages_tell(struct arena *a, struct buf *out, const struct chat_request *r, bool told)
{
    int before = -1;
    for (const struct chat_message *m = r->messages; m; m = m->next) {
        int role = m->role == ROLE_DEVELOPER ? ROLE_SYSTEM : m->role;
        if (role != before)
            buf_printf(out, "role %d\n", role);
        before = role;
        for (const struct chat_block *b = m->blocks; b; b = b->next)
            if (!told || b->kind != BLOCK_THINKING) /* the way back is to OpenAI, whose it is not */
                block_tell(a, out, b, told);
    }
}

static void tools_tell(struct arena *a, struct buf *out, const struct chat_request *r)
{
    for (const struct chat_tool *t = r->tools; t; t = t->next) {
        buf_str(out, STR("tool "));
        json_tell(a, out, t->name);
        json_tell(a, out, t->description);
        json_tell(a, out, t->schema);
        json_tell(a, out, t->strict);
        buf_char(out, '\n');
    }
    /* "auto" is what is meant where nothing is said, and calls at once are, too. */
    buf_printf(out, "choice %d ", r->tool_choice == CHOOSE_UNSAID ? CHOOSE_AUTO : r->tool_choice);
    json_tell(a, out, r->tool_named);
    /* One call at a time is nothing where none is made. */
    buf_printf(out, "serial %d\n", r->tools_serial && r->tools && r->tool_choice != CHOOSE_NONE);
}

static struct str effort_told(struct str effort, bool told)
{
    return told && str_eq(effort, STR("\"minimal\"")) ? STR("\"low\"") : effort;
}

static void params_tell(struct arena *a, struct buf *out, const struct chat_request *r, bool told)
{
    static const enum chat_feature kept[] = {CHAT_TEMPERATURE, CHAT_TOP_P, CHAT_TOP_K, CHAT_USER};
    for (size_t i = 0; i < ARRAY_LEN(kept); i++)
        json_tell(a, out, r->params[kept[i]]);
    json_tell(a, out, effort_told(r->params[CHAT_EFFORT], told));
    buf_printf(out, "max %lld ", (long long)(told && !r->max_tokens ? 4096 : r->max_tokens));
    for (const struct chat_string *s = r->stop; s; s = s->next)
        json_tell(a, out, s->text);
    /* A form of text is what is meant where none is asked for; a schema has no name there. */
    buf_printf(out, "format %d ", r->format == FORMAT_SCHEMA);
    json_tell(a, out, r->schema);
    buf_printf(out, "stream %d\n", r->stream);
    for (const struct chat_member *m = r->others; m; m = m->next) {
        json_tell(a, out, m->name);
        json_tell(a, out, m->value);
    }
}

static struct str chat_tell(struct arena *a, const struct chat_request *r, bool told)
{
    struct buf out;
    buf_init(&out, 16u << 20);
    messages_tell(a, &out, r, told);
    tools_tell(a, &out, r);
    params_tell(a, &out, r, told);
    struct str all = arena_str(a, buf_view(&out));
    buf_fini(&out);
    assert_non_null(all.p);
    return all;
}

/* ---- there and back ---- */

struct counts {
    unsigned same, refused;
};

static struct chat_request reading(const struct wire *wire, struct arena *a, struct str body)
{
    struct chat_request r;
    struct fault f = {0};
    if (wire->request_read(body, a, &r, &f) != 0)
        fail_msg("%s refuses: %s\n%.*s", wire->name, fault_text(&f), STR_ARGS(body));
    return r;
}

static struct str writing(const struct wire *wire, const struct chat_request *r, struct str body)
{
    struct buf out;
    struct fault f = {0};
    buf_init(&out, 16u << 20);
    if (wire->request_write(r, &out, &f) != 0)
        fail_msg("%s does not write: %s\n%.*s", wire->name, fault_text(&f), STR_ARGS(body));
    struct str written = arena_str(r->arena, buf_view(&out));
    buf_fini(&out);
    return written;
}

static void there_and_back(struct arena *a, struct str body, struct counts *counts)
{
    struct str left_out;
    struct fault f = {0};
    struct chat_request first = reading(&wire_openai_chat, a, body);
    if (wire_check(&wire_anthropic, &first, &left_out, &f) != 0) {
        assert_int_equal(f.err, E_UNSUPPORTED);
        counts->refused++;
        return;
    }
    struct chat_request there = reading(&wire_anthropic, a, writing(&wire_anthropic, &first, body));
    assert_int_equal(wire_check(&wire_openai_chat, &there, &left_out, &f), 0);
    struct chat_request back = reading(&wire_openai_chat, a,
                                       writing(&wire_openai_chat, &there, body));
    struct str want = chat_tell(a, &first, true), got = chat_tell(a, &back, false);
    size_t at = 0;
    while (at < want.n && at < got.n && want.p[at] == got.p[at])
        at++;
    size_t from = at > 60 ? at - 60 : 0;
    if (at < want.n || at < got.n)
        fail_msg("want ...%.*s\ngot  ...%.*s\nof %.*s",
                 STR_ARGS(str_head(str_tail(want, from), 160)),
                 STR_ARGS(str_head(str_tail(got, from), 160)), STR_ARGS(body));
    counts->same++;
}

static unsigned how_many(void)
{
    const char *said = getenv("SLUICE_ROUNDTRIPS"), *slower = getenv("SLUICE_SLOWDOWN");
    uint64_t n = ROUNDTRIPS, times = 1;
    if (said && str_to_u64(str_from(said), 100000000, &n))
        return (unsigned)n;
    if (slower && str_to_u64(str_from(slower), 100, &times) && times > 1)
        n /= times;
    return (unsigned)n;
}

static void nothing_is_lost_but_what_is_told(void **state)
{
    (void)state;
    struct dice d = {0x9E3779B97F4A7C15};
    struct counts counts = {0};
    struct buf body;
    unsigned n = how_many();
    buf_init(&body, 16u << 20);
    for (unsigned i = 0; i < n; i++) {
        struct arena a;
        arena_init_private(&a, 64u << 20);
        request_make(&d, &body);
        there_and_back(&a, buf_view(&body), &counts);
        arena_fini(&a);
    }
    buf_fini(&body);
    print_message("%u chats: %u came back the same, %u refused\n", n, counts.same, counts.refused);
    assert_int_equal(counts.same + counts.refused, n);
    assert_true(counts.same > n / 2 && counts.refused > n / 20);
}

/* What OpenAI's own wire reads and writes is what was asked: so nothing is lost before the road. */
static void the_same_protocol_is_the_same(void **state)
{
    (void)state;
    struct dice d = {0xD1B54A32D192ED03};
    struct buf body;
    buf_init(&body, 16u << 20);
    for (unsigned i = 0, n = how_many(); i < n; i++) {
        struct arena a;
        arena_init_private(&a, 64u << 20);
        request_make(&d, &body);
        struct str text = buf_view(&body);
        struct chat_request r = reading(&wire_openai_chat, &a, text);
        yyjson_val *asked = parsed(&a, text),
                   *got = parsed(&a, writing(&wire_openai_chat, &r, text));
        size_t k, count;
        yyjson_val *key, *value;
        yyjson_obj_foreach(asked, k, count, key, value)
        {
            yyjson_val *also = yyjson_obj_get(got, yyjson_get_str(key));
            bool same = yyjson_equals(value, also);
            /* One string to stop at is a list of one; a message's null is nothing. */
            if (!same && str_eq(json_str(key), STR("stop")))
                same = yyjson_equals(value, yyjson_arr_get_first(also));
            if (!same && str_eq(json_str(key), STR("messages")))
                same = yyjson_arr_size(value) == yyjson_arr_size(also);
            if (!same)
                fail_msg("'%s' of %.*s", yyjson_get_str(key), STR_ARGS(text));
        }
        arena_fini(&a);
    }
    buf_fini(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_lost_but_what_is_told),
        cmocka_unit_test(the_same_protocol_is_the_same),
    };
    return cmocka_run_group_tests_name("roundtrip", tests, NULL, NULL);
}
