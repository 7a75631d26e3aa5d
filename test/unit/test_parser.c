/* test_parser.c: a header that arrives in pieces, and whose bytes move between them. */
#include "base_test.h"

#include <stdlib.h>

#include "http/parser.h"

static const char request[] = "POST /v1/x?y HTTP/1.1\r\nHost: a\r\nEmpty:\r\nSpaces: \t v w \t \r\n"
                              "Content-Length: 5\r\nX-Long-Enough-Name: and a value\r\n\r\n";
static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nX-Y:\r\n"
                             "Transfer-Encoding: chunked\r\n\r\n";

static void expect_field(const struct http_headers *h, unsigned i, struct str name,
                         struct str value, enum http_field field)
{
    assert_true(i < h->n);
    assert_str(h->at[i].name, name);
    assert_str(h->at[i].value, value);
    assert_int_equal(h->at[i].field, field);
    assert_non_null(h->at[i].value.p); /* an empty value is one all the same */
}

static void expect_request(const struct http_parser *p)
{
    assert_str(p->method, STR("POST"));
    assert_str(p->target, STR("/v1/x?y"));
    expect_field(p->fields, 0, STR("Host"), STR("a"), FIELD_HOST);
    expect_field(p->fields, 1, STR("Empty"), STR(""), FIELD_OTHER);
    expect_field(p->fields, 2, STR("Spaces"), STR("v w"), FIELD_OTHER);
    expect_field(p->fields, 3, STR("Content-Length"), STR("5"), FIELD_CONTENT_LENGTH);
    expect_field(p->fields, 4, STR("X-Long-Enough-Name"), STR("and a value"), FIELD_OTHER);
    assert_int_equal(p->fields->n, 5);
}

static void expect_answer(const struct http_parser *p)
{
    expect_field(p->fields, 0, STR("Content-Type"), STR("a/b"), FIELD_CONTENT_TYPE);
    expect_field(p->fields, 1, STR("X-Y"), STR(""), FIELD_OTHER);
    expect_field(p->fields, 2, STR("Transfer-Encoding"), STR("chunked"), FIELD_TRANSFER_ENCODING);
    assert_int_equal(p->fields->n, 3);
}

/* Cut at `first` and `second`; before each piece all moves to memory of just the size so far. */
static void parse_in_pieces(struct str text, size_t first, size_t second, llhttp_type_t type,
                            void (*expect)(const struct http_parser *p))
{
    const size_t ends[] = {first, second, text.n};
    struct arena arena;
    struct http_headers h;
    struct http_parser p;
    char *bytes = NULL;
    size_t fed = 0;
    arena_init(&arena, 1 << 20);
    http_headers_init(&h, &arena);
    http_parser_begin(&p, type, &http_limits_default, &h);
    for (unsigned i = 0; i < 3; i++) {
        char *moved = malloc(ends[i] + 1);
        size_t used;
        assert_non_null(moved);
        memcpy(moved, text.p, ends[i]);
        if (bytes)
            http_parser_moved(&p, (ptrdiff_t)((uintptr_t)moved - (uintptr_t)bytes));
        free(bytes);
        bytes = moved;
        assert_int_equal(http_parser_header(&p, bytes + fed, ends[i] - fed, &used), 0);
        assert_int_equal(used, ends[i] - fed);
        fed = ends[i];
    }
    assert_true(p.header_done);
    assert_int_equal(http_parser_keep(&p, bytes, &arena), 0);
    free(bytes);
    expect(&p);
    arena_fini(&arena);
}

static void cut_anywhere(void **state)
{
    (void)state;
    struct str text = STR(request);
    for (size_t first = 1; first < text.n; first++)
        for (size_t second = first + 1; second < text.n; second++)
            parse_in_pieces(text, first, second, HTTP_REQUEST, expect_request);
    text = STR(answer);
    for (size_t first = 1; first < text.n; first++)
        for (size_t second = first + 1; second < text.n; second++)
            parse_in_pieces(text, first, second, HTTP_RESPONSE, expect_answer);
}

static unsigned controls_in(const struct http_headers *h)
{
    unsigned count = 0;
    for (unsigned i = 0; i < h->n; i++) {
        const struct str texts[] = {h->at[i].name, h->at[i].value};
        for (unsigned k = 0; k < 2; k++)
            for (size_t at = 0; at < texts[k].n; at++)
                count += (unsigned char)texts[k].p[at] < 0x20 && texts[k].p[at] != '\t';
    }
    return count;
}

/*
 * Header lists rely on it: what the parser lets in holds no control characters. Any byte at any
 * place of a header and of the trailers behind its body; whatever comes of it, no list has one.
 */
static void lets_no_control_character_in(void **state)
{
    (void)state;
    static const char *const heads[] = {
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nX-Some-Name: and "
        "value\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Some-Name: and a value\r\n\r\n"};
    static const char body[] = "3\r\nabc\r\n0\r\nX-Trailer: and value\r\nX-More: b\r\n\r\n";
    unsigned let_in = 0;
    for (unsigned which = 0; which < 2; which++) {
        size_t head_n = strlen(heads[which]), n = head_n + sizeof(body) - 1;
        for (size_t at = 0; at < n; at++) {
            for (unsigned byte = 0; byte < 256; byte++) {
                char text[256];
                memcpy(text, heads[which], head_n);
                memcpy(text + head_n, body, sizeof(body));
                text[at] = (char)byte;
                struct arena arena;
                struct http_headers h, trailers;
                struct http_parser p;
                size_t used, data;
                arena_init(&arena, 1 << 20);
                http_headers_init(&h, &arena);
                http_headers_init(&trailers, &arena);
                http_parser_begin(&p, which == 0 ? HTTP_REQUEST : HTTP_RESPONSE,
                                  &http_limits_default, &h);
                int err = http_parser_header(&p, text, n, &used);
                assert_int_equal(controls_in(&h), 0);
                if (err == 0 && p.header_done) {
                    http_parser_chunks_begin(&p, &trailers);
                    err = http_parser_chunks(&p, text + used, n - used, &used, &data);
                    assert_int_equal(controls_in(&trailers), 0);
                }
                let_in += err == 0;
                arena_fini(&arena);
            }
        }
    }
    assert_in_range(let_in, 10000, 70000);
}

/* The limit is exact, whatever the list's room grows by. */
static void as_many_fields_as_allowed(void **state)
{
    (void)state;
    for (unsigned most = 1; most < 100; most++) {
        for (unsigned n = most; n <= most + 1; n++) {
            struct http_limits limits = http_limits_default;
            struct arena arena;
            struct http_headers h;
            struct http_parser p;
            char text[2048] = "GET / HTTP/1.1\r\n";
            size_t length = strlen(text), used;
            limits.headers_max = most;
            for (unsigned i = 0; i < n; i++, length += 6)
                memcpy(text + length, "a: b\r\n", 6);
            memcpy(text + length, "\r\n", 2);
            arena_init(&arena, 1 << 20);
            http_headers_init(&h, &arena);
            http_parser_begin(&p, HTTP_REQUEST, &limits, &h);
            assert_int_equal(http_parser_header(&p, text, length + 2, &used),
                             n > most ? E_HEADERS_TOO_LARGE : 0);
            assert_int_equal(h.n, most);
            arena_fini(&arena);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cut_anywhere),
        cmocka_unit_test(lets_no_control_character_in),
        cmocka_unit_test(as_many_fields_as_allowed),
    };
    return cmocka_run_group_tests_name("parser", tests, NULL, NULL);
}
