/*
 * http2_request.c: a request's header, field by field, and what nghttp2 leaves open of it.
 *
 * nghttp2 has checked the form: pseudo fields, lengths, characters (RFC 9113, 8.1 to 8.3).
 */
#include "http/http2_conn.h"

static void find_fault(struct http2_stream *s, int err, const char *text)
{
    if (s->fault == 0) {
        s->fault = err;
        s->fault_text = text;
    }
}

static int pseudo_take(struct http2_stream *s, struct str name, struct str value)
{
    struct exchange *x = &s->x;

    if (str_eq(name, STR(":method")))
        x->method_text = value;
    else if (str_eq(name, STR(":path")))
        x->target = value;
    else if (str_eq(name, STR(":authority")))
        return http_headers_add_as(&x->headers, FIELD_HOST, STR("host"), value);
    return 0;
}

/* Host beside :authority or another Host: whom is the request for (RFC 9113, 8.3.1)? */
static int host_again(struct http2_stream *s, struct str value)
{
    if (!str_eq_nocase(value, http_headers_value(&s->x.headers, FIELD_HOST)))
        find_fault(s, E_BAD_HTTP, "Host stands twice and says different things");
    return 0;
}

/* A field of the header or the trailers, into the stream's arena. */
static int field_take(struct http2_stream *s, struct str name, struct str value)
{
    struct http_headers *to = s->header_done ? &s->x.trailers : &s->x.headers;
    const struct http_limits *limits = s->conn->settings->limits;

    s->header_bytes += name.n + value.n + HTTP2_FIELD_EXTRA;
    if (s->header_bytes > limits->header_bytes_max || to->n >= limits->headers_max)
        return E_HEADERS_TOO_LARGE;
    name = arena_str(&s->arena, name);
    value = arena_str(&s->arena, value);
    if (name.p == NULL || value.p == NULL)
        return E_HEADERS_TOO_LARGE;
    if (name.n > 0 && name.p[0] == ':')
        return pseudo_take(s, name, value);
    enum http_field field = http_field_of(name);
    if (field == FIELD_HOST && http_headers_times(to, FIELD_HOST) > 0)
        return host_again(s, value);
    return http_headers_add_as(to, field, name, value);
}

void http2_request_field(struct http2_stream *s, struct str name, struct str value)
{
    int err = field_take(s, name, value);

    if (err != 0)
        find_fault(s, err == E_INTERNAL ? E_BAD_HTTP : err, NULL);
}

static void check_target(struct http2_stream *s)
{
    struct exchange *x = &s->x;
    bool good = http_target_is_clean(x->target);

    if (good && x->target.p[0] != '/')
        good = str_eq(x->target, STR("*")) && x->method == HTTP_OPTIONS;
    if (!good)
        find_fault(s, E_BAD_HTTP, "the request's target is not valid");
    x->query = x->target;
    x->path = str_cut(&x->query, '?');
}

/* nghttp2 has seen to it that the length is a number, and that the body will have it. */
static void take_length(struct http2_stream *s)
{
    struct str length = http_headers_value(&s->x.headers, FIELD_CONTENT_LENGTH);
    uint64_t n = 0;

    if (s->in_end)
        s->x.body_bytes = 0;
    else if (length.p != NULL && str_to_u64(length, INT64_MAX, &n))
        s->x.body_bytes = (int64_t)n;
    else
        s->x.body_bytes = -1;
}

void http2_request_check(struct http2_stream *s)
{
    struct exchange *x = &s->x;
    struct str expect = http_headers_value(&x->headers, FIELD_EXPECT);

    s->header_done = true;
    x->method = http_method_of(x->method_text);
    take_length(s);
    if (str_eq(x->method_text, STR("CONNECT")))
        find_fault(s, E_BAD_METHOD, "this is not a proxy");
    else
        check_target(s);
    if (expect.p != NULL && !str_eq_nocase(expect, STR("100-continue")))
        find_fault(s, E_EXPECTATION, NULL);
    s->takes_more = expect.p != NULL;
}
