#include "turn/telemetry/trace.h"

#include <string.h>

#include "base/id.h"
#include "base/put.h"

#define RANDOM_BITS 56

/* ---- the header ---- */

/* Small letters only, as the text wants it. */
static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* `n` bytes from twice as many digits; false where one is none. */
static bool hex_read(const char *text, unsigned char *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i] = (unsigned char)(high << 4 | low);
    }
    return true;
}

static uint64_t number_of(const unsigned char bytes[8])
{
    uint64_t n = 0;
    for (unsigned i = 0; i < 8; i++)
        n = n << 8 | bytes[i];
    return n;
}

static bool all_zero(const unsigned char id[TRACE_ID_BYTES])
{
    return number_of(id) == 0 && number_of(id + 8) == 0;
}

bool traceparent_read(struct str text, struct traceparent *ret_parent)
{
    struct traceparent p;
    unsigned char version, span[8];
    if (text.n < TRACEPARENT_CHARS || text.p[2] != '-' || text.p[35] != '-' || text.p[52] != '-')
        return false;
    if (!hex_read(text.p, &version, 1) || !hex_read(text.p + 3, p.id, sizeof(p.id)) ||
        !hex_read(text.p + 36, span, sizeof(span)) || !hex_read(text.p + 53, &p.flags, 1))
        return false;
    bool more = text.n > TRACEPARENT_CHARS;
    if (version == 0xff || (version == 0 && more) || (more && text.p[TRACEPARENT_CHARS] != '-'))
        return false;
    p.span = number_of(span);
    if (p.span == 0 || all_zero(p.id))
        return false;
    *ret_parent = p;
    return true;
}

void traceparent_write(const struct traceparent *p, char out[TRACEPARENT_CHARS])
{
    unsigned char span[8], flags = p->flags & (TRACE_SAMPLED | TRACE_RANDOM);
    for (unsigned i = 0; i < 8; i++)
        span[i] = (unsigned char)(p->span >> (56 - 8 * i));
    memcpy(out, "00-", 3);
    char *at = put_hex(out + 3, p->id, sizeof(p->id));
    *at++ = '-';
    at = put_hex(at, span, sizeof(span));
    *at++ = '-';
    put_hex(at, &flags, 1);
}

/* ---- a turn's ---- */

bool trace_is_kept(const unsigned char id[TRACE_ID_BYTES], int64_t share)
{
    uint64_t all = UINT64_C(1) << RANDOM_BITS;
    uint64_t random = number_of(id + 8) & (all - 1);
    if (share >= 1000000)
        return true;
    return random >= all - all / 1000000 * (uint64_t)share;
}

static uint64_t span_new(void)
{
    uint64_t n;
    do
        n = random_u64();
    while (n == 0);
    return n;
}

static bool client_read(const struct http_headers *from, struct traceparent *ret_parent)
{
    struct str name = STR("traceparent"); /* two of them are as none */
    return http_headers_count(from, name) == 1 &&
           traceparent_read(http_headers_get(from, name), ret_parent);
}

void trace_begin(struct trace *t, const struct http_headers *from, int64_t share)
{
    *t = (struct trace){.caller = 0};
    if (client_read(from, &t->call)) {
        t->caller = t->call.span;
    } else {
        const uint64_t id[2] = {span_new(), span_new()};
        memcpy(t->call.id, id, sizeof(t->call.id));
        t->call.flags = trace_is_kept(t->call.id, share) ? TRACE_SAMPLED : 0;
    }
    t->sampled = t->call.flags & TRACE_SAMPLED;
    t->turn = span_new();
}

int trace_pass(struct trace *t, struct http_headers *to)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < to->n; i++) {
        const struct http_header *h = &to->at[i];
        bool state = !t->caller && str_eq_nocase(h->name, STR("tracestate"));
        if (!state && !str_eq_nocase(h->name, STR("traceparent")))
            to->at[kept++] = *h;
    }
    to->n = kept;
    trace_next(t);
    return http_headers_append(to, (struct http_header){STR("traceparent"),
                                                        str_of(t->header, sizeof(t->header)),
                                                        FIELD_OTHER});
}

void trace_next(struct trace *t)
{
    t->call.span = span_new();
    traceparent_write(&t->call, t->header);
}
