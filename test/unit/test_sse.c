/* test_sse.c: events, however the stream that carries them is cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "http/sse.h"

/* What came out, in one text: "name|data|comment?|raw" an event, then the rest. */
struct seen {
    struct buf text;
    size_t events;
    size_t raw_bytes;
};

static void seen_event(struct seen *seen, const struct sse_event *e)
{
    seen->events++;
    seen->raw_bytes += e->raw.n;
    buf_printf(&seen->text, "<%.*s|", STR_ARGS(e->name));
    if (e->data.p == NULL)
        buf_str(&seen->text, STR("none"));
    else
        buf_printf(&seen->text, "[%.*s]", STR_ARGS(e->data));
    buf_printf(&seen->text, "|%s|", e->is_comment ? "comment" : "event");
    buf_str(&seen->text, e->raw);
    buf_str(&seen->text, STR(">"));
    assert_int_equal(seen->text.failed, 0);
}

/* Each piece in memory of its own, so that a sanitizer sees a read beyond it. */
static int feed(struct sse *s, struct str piece, struct seen *seen)
{
    char *bytes = malloc(piece.n > 0 ? piece.n : 1);
    struct sse_event e;
    int err;

    assert_non_null(bytes);
    if (piece.n > 0)
        memcpy(bytes, piece.p, piece.n);
    sse_feed(s, str_of(bytes, piece.n));
    while ((err = sse_next(s, &e)) == 0 && e.raw.n > 0)
        seen_event(seen, &e);
    free(bytes);
    return err;
}

static void seen_end(struct sse *s, struct seen *seen)
{
    struct str rest = sse_rest(s);

    seen->raw_bytes += rest.n;
    buf_str(&seen->text, STR("rest="));
    buf_str(&seen->text, rest);
    buf_char(&seen->text, '\0');
    assert_int_equal(seen->text.failed, 0);
    sse_fini(s);
}

static void run_whole(struct str in, struct seen *seen)
{
    struct sse s;

    *seen = (struct seen){0};
    buf_init(&seen->text, 1 << 20);
    sse_init(&s, 1 << 16);
    assert_int_equal(feed(&s, in, seen), 0);
    seen_end(&s, seen);
    assert_int_equal(seen->raw_bytes, in.n); /* no byte is lost or made */
}

static void run_cut(struct str in, size_t a, size_t b, struct seen *seen)
{
    struct sse s;

    *seen = (struct seen){0};
    buf_init(&seen->text, 1 << 20);
    sse_init(&s, 1 << 16);
    assert_int_equal(feed(&s, str_head(in, a), seen), 0);
    assert_int_equal(feed(&s, str_head(str_tail(in, a), b - a), seen), 0);
    assert_int_equal(feed(&s, str_tail(in, b), seen), 0);
    seen_end(&s, seen);
}

static void run_bytes(struct str in, struct seen *seen)
{
    struct sse s;

    *seen = (struct seen){0};
    buf_init(&seen->text, 1 << 20);
    sse_init(&s, 1 << 16);
    for (size_t i = 0; i < in.n; i++)
        assert_int_equal(feed(&s, str_of(in.p + i, 1), seen), 0);
    seen_end(&s, seen);
}

static void expect(struct str in, const char *expected)
{
    struct seen seen;

    run_whole(in, &seen);
    assert_string_equal(seen.text.p, expected);
    buf_fini(&seen.text);
    run_bytes(in, &seen);
    assert_string_equal(seen.text.p, expected);
    buf_fini(&seen.text);
    for (size_t a = 0; a <= in.n; a++) {
        for (size_t b = a; b <= in.n; b++) {
            run_cut(in, a, b, &seen);
            assert_string_equal(seen.text.p, expected);
            buf_fini(&seen.text);
        }
    }
}

static void test_events(void **state)
{
    (void)state;
    expect(STR(""), "rest=");
    expect(STR("data: a\n\ndata: b\n\n"), "<|[a]|event|data: a\n\n><|[b]|event|data: b\n\n>rest=");
    expect(STR("data:a\n\n"), "<|[a]|event|data:a\n\n>rest=");
    expect(STR("data:  a \n\n"), "<|[ a ]|event|data:  a \n\n>rest=");
    expect(STR("event: x\ndata: {\"a\":1}\n\n"),
           "<x|[{\"a\":1}]|event|event: x\ndata: {\"a\":1}\n\n>rest=");
    expect(STR("data: a\ndata: b\ndata:c\n\n"),
           "<|[a\nb\nc]|event|data: a\ndata: b\ndata:c\n\n>rest=");
    expect(STR("data\ndata\n\n"), "<|[\n]|event|data\ndata\n\n>rest=");
    expect(STR("data:\ndata: b\n\n"), "<|[\nb]|event|data:\ndata: b\n\n>rest=");
    expect(STR("data\n\n"), "<|[]|event|data\n\n>rest=");
    expect(STR("data: \n\n"), "<|[]|event|data: \n\n>rest=");
    expect(STR("event: x\nevent: y\nid: 1\nretry: 2\ndata: a\nfoo: b\n\n"),
           "<y|[a]|event|event: x\nevent: y\nid: 1\nretry: 2\ndata: a\nfoo: b\n\n>rest=");
    expect(STR("datax: a\nDATA: b\n data: c\n\n"),
           "<|none|comment|datax: a\nDATA: b\n data: c\n\n>rest=");
}

static void test_comments(void **state)
{
    (void)state;
    expect(STR(": ping\n\n"), "<|none|comment|: ping\n\n>rest=");
    expect(STR(":\n\ndata: a\n\n"), "<|none|comment|:\n\n><|[a]|event|data: a\n\n>rest=");
    expect(STR(":c\ndata: a\n\n"), "<|[a]|event|:c\ndata: a\n\n>rest=");
    expect(STR("event: ping\n\n"), "<ping|none|comment|event: ping\n\n>rest=");
    expect(STR("\n\ndata: a\n\n\n"),
           "<|none|comment|\n><|none|comment|\n><|[a]|event|data: a\n\n><|none|comment|\n>rest=");
}

static void test_line_ends(void **state)
{
    (void)state;
    expect(STR("data: a\r\n\r\ndata: b\r\n\r\n"),
           "<|[a]|event|data: a\r\n\r\n><|[b]|event|data: b\r\n\r\n>rest=");
    expect(STR("event: x\r\ndata: a\r\ndata: b\r\n\r\n"),
           "<x|[a\nb]|event|event: x\r\ndata: a\r\ndata: b\r\n\r\n>rest=");
    expect(STR("data: a\r\rdata: b\r\r"), "<|[a]|event|data: a\r\r><|[b]|event|data: b\r\r>rest=");
    expect(STR("data: a\rdata: b\r\r"), "<|[a\nb]|event|data: a\rdata: b\r\r>rest=");
    expect(STR("data: a\r\n\ndata: b\n\r\n"),
           "<|[a]|event|data: a\r\n\n><|[b]|event|data: b\n\r>rest=\n");
    /* An LF that comes after all belongs to the CR: it is no blank line of its own. */
    expect(STR("data: a\n\r\ndata: b\n\n"),
           "<|[a]|event|data: a\n\r><|[b]|event|\ndata: b\n\n>rest=");
    expect(STR("data: a\r\n\rdata: b\r\n\r\n"),
           "<|[a]|event|data: a\r\n\r><|[b]|event|data: b\r\n\r\n>rest=");
    expect(STR("data: a\r\n\r\r\n\r\n"),
           "<|[a]|event|data: a\r\n\r><|none|comment|\r><|none|comment|\n\r\n>rest=");
}

static void test_bom(void **state)
{
    (void)state;
    expect(STR("\xef\xbb\xbf"
               "data: a\n\ndata: b\n\n"),
           "<|[a]|event|\xef\xbb\xbf"
           "data: a\n\n><|[b]|event|data: b\n\n>rest=");
    expect(STR("\xef\xbb\xbf\n\n"), "<|none|comment|\xef\xbb\xbf\n><|none|comment|\n>rest=");
    expect(STR("\xef\xbb"
               "data: a\n\n"),
           "<|none|comment|\xef\xbb"
           "data: a\n\n>rest=");
    expect(STR("\xef\xbb\n\n"), "<|none|comment|\xef\xbb\n\n>rest=");
    expect(STR("data: a\n\n\xef\xbb\xbf"
               "data: b\n\n"),
           "<|[a]|event|data: a\n\n><|none|comment|\xef\xbb\xbf"
           "data: b\n\n>rest=");
}

static void test_rest(void **state)
{
    (void)state;
    expect(STR("data: a"), "rest=data: a");
    expect(STR("data: a\n"), "rest=data: a\n");
    expect(STR("data: a\r\n\r"), "rest=data: a\r\n\r");
    expect(STR("data: a\n\ndata: [DO"), "<|[a]|event|data: a\n\n>rest=data: [DO");
    expect(STR("\xef\xbb"), "rest=\xef\xbb");
}

/* All texts of six letters from those that matter: 7^6, each whole, by bytes and cut in two. */
static void test_all_short_texts(void **state)
{
    static const char *const words[] = {"\n", "\r", "data:", "x", ":", "\r\n", "\xef\xbb\xbf"};
    enum { LETTERS = 6 };
    char text[64];

    (void)state;
    for (unsigned code = 0; code < 7 * 7 * 7 * 7 * 7 * 7; code++) {
        size_t n = 0;
        unsigned left = code;
        for (int i = 0; i < LETTERS; i++, left /= 7) {
            size_t word_n = strlen(words[left % 7]);
            memcpy(text + n, words[left % 7], word_n);
            n += word_n;
        }
        struct seen whole, cut;
        struct str in = str_of(text, n);
        size_t at = code % (n + 1);
        run_whole(in, &whole);
        run_bytes(in, &cut);
        assert_string_equal(cut.text.p, whole.text.p);
        buf_fini(&cut.text);
        run_cut(in, at, at, &cut);
        assert_string_equal(cut.text.p, whole.text.p);
        buf_fini(&cut.text);
        buf_fini(&whole.text);
    }
}

/* An event in one piece is not copied; nor is data of one line. */
static void test_no_copies(void **state)
{
    struct str in = STR("data: a\n\ndata: b\n\n");
    struct sse s;
    struct sse_event e;

    (void)state;
    sse_init(&s, 1000);
    sse_feed(&s, in);
    assert_int_equal(sse_next(&s, &e), 0);
    assert_ptr_equal(e.raw.p, in.p);
    assert_ptr_equal(e.data.p, in.p + 6);
    assert_int_equal(sse_next(&s, &e), 0);
    assert_ptr_equal(e.raw.p, in.p + 9);
    assert_int_equal(sse_next(&s, &e), 0);
    assert_int_equal(e.raw.n, 0);
    assert_null(s.rest.p);
    assert_null(s.joined.p);
    sse_fini(&s);
}

static void expect_limit(size_t data_bytes, size_t piece, int expected)
{
    struct sse s;
    struct sse_event e;
    size_t n = data_bytes + 8; /* "data: " and two LF */
    char *text = malloc(n);
    int err = 0;
    size_t events = 0;

    assert_non_null(text);
    memset(text, 'x', n);
    memcpy(text, "data: ", 6);
    text[n - 1] = text[n - 2] = '\n';
    sse_init(&s, 1000);
    for (size_t at = 0; at < n && err == 0; at += piece) {
        sse_feed(&s, str_of(text + at, at + piece < n ? piece : n - at));
        while ((err = sse_next(&s, &e)) == 0 && e.raw.n > 0) {
            assert_int_equal(e.data.n, data_bytes);
            events++;
        }
    }
    assert_int_equal(err, expected);
    assert_int_equal(events, expected == 0);
    if (err != 0) /* and stays */
        assert_int_equal(sse_next(&s, &e), err);
    sse_fini(&s);
    free(text);
}

static void test_limit(void **state)
{
    static const size_t pieces[] = {1, 7, 999, 1000, 5000};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
        expect_limit(992, pieces[i], 0);
        expect_limit(993, pieces[i], E_UPSTREAM_LARGE);
        expect_limit(4000, pieces[i], E_UPSTREAM_LARGE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events),    cmocka_unit_test(test_comments),
        cmocka_unit_test(test_line_ends), cmocka_unit_test(test_bom),
        cmocka_unit_test(test_rest),      cmocka_unit_test(test_all_short_texts),
        cmocka_unit_test(test_no_copies), cmocka_unit_test(test_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
