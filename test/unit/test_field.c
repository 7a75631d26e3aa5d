/* test_field.c: the numbers of header fields, and what is kept back on the way through. */
#include "base_test.h"

#include "api/pass.h"
#include "base/macros.h"
#include "http/field.h"

static struct str capitals(struct str name, char room[64])
{
    for (size_t i = 0; i < name.n; i++)
        room[i] = (char)(name.p[i] >= 'a' && name.p[i] <= 'z' ? name.p[i] - 'a' + 'A' : name.p[i]);
    return str_of(room, name.n);
}

/* The name is known however it is written, and nothing that is only like it. */
static void expect_single(struct str name, enum http_field field)
{
    char room[64];
    assert_int_equal(http_field_of(name), field);
    assert_int_equal(http_field_of(capitals(name, room)), field);
    for (size_t at = 0; at < name.n; at++) {
        for (unsigned byte = 0; byte < 256; byte++) {
            memcpy(room, name.p, name.n);
            room[at] = (char)byte;
            struct str like = str_of(room, name.n);
            if (!str_eq_nocase(like, name) && http_field_of(like) == field)
                fail_msg("%.*s with byte %u at %zu", STR_ARGS(name), byte, at);
        }
    }
    assert_int_not_equal(http_field_of(str_head(name, name.n - 1)), field);
    memcpy(room, name.p, name.n);
    room[name.n] = 's';
    assert_int_not_equal(http_field_of(str_of(room, name.n + 1)), field);
}

static void single_names(void **state)
{
    (void)state;
    unsigned n = 0;
#define EXPECT(number, name, first, last)                                                          \
    expect_single(STR(name), number);                                                              \
    n++;
    HTTP_FIELDS(EXPECT)
#undef EXPECT
    assert_int_equal(n + FIELD_LAST_FAMILY + 1, FIELDS_N);
    assert_int_equal(http_field_of(STR("")), FIELD_OTHER);
    assert_int_equal(http_field_of(STR_NONE), FIELD_OTHER);
    assert_int_equal(http_field_of(STR("x")), FIELD_OTHER);
    assert_int_equal(http_field_of(STR("user-agent")), FIELD_OTHER);
}

static void families(void **state)
{
    (void)state;
    static const struct {
        struct str begin;
        enum http_field field;
    } rows[] = {
        {{"access-control-", 15}, FIELD_ACCESS_CONTROL},
        {{"cf-", 3}, FIELD_CF},
        {{"proxy-", 6}, FIELD_PROXY},
        {{"sec-", 4}, FIELD_SEC},
        {{"x-forwarded-", 12}, FIELD_X_FORWARDED},
        {{"x-sluice-", 9}, FIELD_X_SLUICE},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char room[64], more[64];
        struct str begin = rows[i].begin;
        memcpy(more, begin.p, begin.n);
        memcpy(more + begin.n, "For-What", 8);
        assert_int_equal(http_field_of(begin), rows[i].field);
        assert_int_equal(http_field_of(str_of(more, begin.n + 8)), rows[i].field);
        assert_int_equal(http_field_of(capitals(str_of(more, begin.n + 8), room)), rows[i].field);
        assert_int_equal(http_field_of(str_head(begin, begin.n - 1)), FIELD_OTHER);
        for (size_t at = 0; at < begin.n; at++) {
            char kept = more[at];
            more[at] ^= 0x40;
            assert_int_equal(http_field_of(str_of(more, begin.n + 8)), FIELD_OTHER);
            more[at] = kept;
        }
    }
}

static void hop_by_hop(void **state)
{
    static const char *const hop[] = {"Connection",
                                      "keep-alive",
                                      "PROXY-Authorization",
                                      "Proxy-Connection",
                                      "TE",
                                      "trailer",
                                      "Transfer-Encoding",
                                      "Proxy-Something",
                                      "UPGRADE",
                                      "Proxy-Authenticate",
                                      "proxy-x"};
    static const char *const not_hop[] = {
        "Content-Length",     "Host",         "T", "TEX",           "Trailers", "Proxy",
        "Transfer-Encodings", "Content-Type", "",  "Authorization", "XProxy-Y"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(hop); i++)
        assert_true(http_field_is_in(http_field_of(str_from(hop[i])), FIELDS_HOP_BY_HOP));
    for (size_t i = 0; i < ARRAY_LEN(not_hop); i++)
        assert_false(http_field_is_in(http_field_of(str_from(not_hop[i])), FIELDS_HOP_BY_HOP));
}

enum way { UP, UP_TYPED, DOWN, WAYS };

static void what_is_passed(void **state)
{
    (void)state;
    /* 'u' goes up, 't' goes up where the type does, 'd' goes down */
    static const struct {
        const char *name, *ways;
    } rows[] = {
        {"Authorization", "d"},
        {"api-key", "d"},
        {"X-API-Key", "d"},
        {"baggage", "d"},
        {"Cookie", "d"},
        {"Host", "d"},
        {"Content-Length", ""},
        {"Content-Type", "td"},
        {"Expect", "d"},
        {"Accept-Encoding", "d"},
        {"Origin", "d"},
        {"Referer", "d"},
        {"Forwarded", "d"},
        {"X-Forwarded-For", "d"},
        {"X-Real-IP", "d"},
        {"X-Sluice-Task", ""},
        {"Via", "d"},
        {"CF-Ray", "d"},
        {"Sec-Fetch-Mode", "d"},
        {"Date", "u"},
        {"Set-Cookie", "u"},
        {"Alt-Svc", "u"},
        {"Server", "u"},
        {"Access-Control-Max", "u"},
        {"Strict-Transport-Security", "u"},
        {"Connection", ""},
        {"Keep-Alive", ""},
        {"TE", ""},
        {"Trailer", ""},
        {"Transfer-Encoding", ""},
        {"Upgrade", ""},
        {"Proxy-Connection", ""},
        {"User-Agent", "ud"},
        {"Content-Encoding", "ud"},
        {"X-Request-Id", "ud"},
        {"X-Forwarded", "ud"},
        {"Cookies", "ud"},
        {"Idempotency-Key", "ud"},
        {"traceparent", "ud"},
        {"openai-version", "ud"},
    };
    struct arena arena;
    struct http_headers from, to[WAYS];
    arena_init(&arena, 1 << 20);
    http_headers_init(&from, &arena);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(http_headers_add(&from, str_from(rows[i].name), STR("v")), 0);
    http_headers_init(&to[DOWN], &arena);
    assert_int_equal(pass_upstream(&from, &arena, false, &to[UP]), 0);
    assert_int_equal(pass_upstream(&from, &arena, true, &to[UP_TYPED]), 0);
    assert_int_equal(pass_downstream(&from, false, &to[DOWN]), 0);
    unsigned next[WAYS] = {0};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        bool up = strchr(rows[i].ways, 'u'), typed = up || strchr(rows[i].ways, 't');
        bool down = strchr(rows[i].ways, 'd');
        if (up)
            assert_str(to[UP].at[next[UP]++].name, str_from(rows[i].name));
        if (typed)
            assert_str(to[UP_TYPED].at[next[UP_TYPED]++].name, str_from(rows[i].name));
        if (down)
            assert_str(to[DOWN].at[next[DOWN]++].name, str_from(rows[i].name));
    }
    for (unsigned way = 0; way < WAYS; way++)
        assert_int_equal(to[way].n, next[way]);
    arena_fini(&arena);
}

/* What Connection names is for the connection that it came by. */
static void named_by_connection(void **state)
{
    static const char *const rows[][2] = {
        {"X-Hop", "1"},      {"Connection", "close, x-HOP\t,,x-late"},
        {"X-Hops", "stays"}, {"Connection", "Via-Us"},
        {"X-Late", "2"},     {"via-us", "3"},
        {"Close", "4"}};
    struct arena arena;
    struct http_headers from, up, down;
    (void)state;
    arena_init(&arena, 1 << 20);
    http_headers_init(&from, &arena);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(http_headers_add(&from, str_from(rows[i][0]), str_from(rows[i][1])), 0);
    http_headers_init(&down, &arena);
    assert_int_equal(pass_upstream(&from, &arena, false, &up), 0);
    assert_int_equal(pass_downstream(&from, false, &down), 0);
    assert_int_equal(up.n, 1);
    assert_int_equal(down.n, 1);
    assert_str(up.at[0].name, STR("X-Hops"));
    assert_str(down.at[0].name, STR("X-Hops"));
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(single_names),        cmocka_unit_test(families),
        cmocka_unit_test(hop_by_hop),          cmocka_unit_test(what_is_passed),
        cmocka_unit_test(named_by_connection),
    };
    return cmocka_run_group_tests_name("field", tests, NULL, NULL);
}
