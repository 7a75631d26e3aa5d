/*
 * fuzz_sse.c: a stream of events, whole and in pieces, against a second reader that is simple
 * enough to be seen to be right: it has the whole text and goes line by line.
 */
#include "fuzz.h"
#include "http/sse.h"

static void put_event(struct buf *out, struct str name, bool has_data, struct str value)
{
    buf_printf(out, "[%zu:", name.n);
    buf_str(out, name);
    buf_printf(out, has_data ? " %zu:" : " none%zu:", value.n);
    buf_str(out, value);
    MUST(buf_char(out, ']') == 0);
}

/* ---- ours */

struct result {
    struct buf events; /* what they say */
    struct buf raws;   /* how long each was */
    size_t raw_bytes;
    struct str in;
};

static void take(struct result *r, const struct sse_event *e)
{
    MUST(r->raw_bytes + e->raw.n <= r->in.n);
    MUST(memcmp(e->raw.p, r->in.p + r->raw_bytes, e->raw.n) == 0);
    r->raw_bytes += e->raw.n;
    MUST(e->is_comment == (e->data.p == NULL));
    put_event(&r->events, e->name, e->data.p != NULL, e->data);
    MUST(buf_printf(&r->raws, "%zu ", e->raw.n) == 0);
}

static void run(struct result *r, struct str in, size_t piece)
{
    struct sse s;
    struct sse_event e;

    *r = (struct result){.in = in};
    buf_init(&r->events, 64 << 20);
    buf_init(&r->raws, 64 << 20);
    sse_init(&s, 1 << 20);
    while (in.n > 0) {
        struct str part = str_head(in, piece);
        in = str_tail(in, part.n);
        sse_feed(&s, part);
        int err;
        while ((err = sse_next(&s, &e)) == 0 && e.raw.n > 0)
            take(r, &e);
        MUST(err == 0);
    }
    struct str rest = sse_rest(&s);
    MUST(r->raw_bytes + rest.n == r->in.n);
    MUST(rest.n == 0 || memcmp(rest.p, r->in.p + r->raw_bytes, rest.n) == 0);
    sse_fini(&s);
}

/* ---- the simple one */

struct simple {
    struct buf *out;
    struct buf value;
    struct str name;
    bool has_data;
};

static void simple_line(struct simple *r, struct str line)
{
    if (line.n == 0) {
        put_event(r->out, r->name, r->has_data, buf_view(&r->value));
        r->name = STR_NONE;
        r->has_data = false;
        buf_clear(&r->value);
        return;
    }
    struct str value = line;
    struct str name = str_cut(&value, ':');
    if (value.n > 0 && value.p[0] == ' ')
        value = str_tail(value, 1);
    if (str_eq(name, STR("event")))
        r->name = value;
    if (!str_eq(name, STR("data")))
        return;
    if (r->has_data)
        MUST(buf_char(&r->value, '\n') == 0);
    MUST(buf_str(&r->value, value) == 0);
    r->has_data = true;
}

static void run_simple(struct buf *out, struct str in)
{
    struct simple r = {.out = out};
    size_t from = 0;

    buf_init(&r.value, 64 << 20);
    if (str_starts(in, STR("\xef\xbb\xbf")))
        in = str_tail(in, 3);
    for (size_t at = 0; at < in.n; at++) {
        if (in.p[at] != '\n' && in.p[at] != '\r')
            continue;
        simple_line(&r, str_of(in.p + from, at - from));
        if (in.p[at] == '\r' && at + 1 < in.n && in.p[at + 1] == '\n')
            at++;
        from = at + 1;
    }
    buf_fini(&r.value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct result whole, cut;
    struct buf simple;

    if (size < 2 || size > 65536)
        return 0;
    struct str in = str_of((const char *)data + 1, size - 1);
    run(&whole, in, in.n);
    run(&cut, in, (size_t)data[0] + 1);
    MUST(str_eq(buf_view(&whole.events), buf_view(&cut.events)));
    MUST(str_eq(buf_view(&whole.raws), buf_view(&cut.raws)));
    /* Where a CR is the last byte, an event may still wait for its LF. */
    buf_init(&simple, 64 << 20);
    run_simple(&simple, in);
    if (in.p[in.n - 1] == '\r')
        MUST(str_starts(buf_view(&simple), buf_view(&whole.events)));
    else
        MUST(str_eq(buf_view(&simple), buf_view(&whole.events)));
    buf_fini(&simple);
    buf_fini(&whole.events);
    buf_fini(&whole.raws);
    buf_fini(&cut.events);
    buf_fini(&cut.raws);
    return 0;
}
