/* parser.c: llhttp's callbacks and the rules that stand beside it. */
#include "http/parser.h"

static struct http_parser *parser_of(llhttp_t *ll)
{
    return CONTAINER_OF(ll, struct http_parser, ll);
}

static int refuse(struct http_parser *p, int err, const char *text)
{
    if (p->err == 0) {
        p->err = err;
        p->text = text;
    }
    return HPE_USER;
}

/*
 * Headers stand in one piece, so a span that goes on is the old one grown. (A value folded over
 * several lines would not be in one piece; llhttp refuses those.)
 */
static void span_grow(struct str *span, bool *open, const char *at, size_t n)
{
    if (*open)
        span->n += n;
    else
        *span = (struct str){at, n};
    *open = true;
}

static int on_method(llhttp_t *ll, const char *at, size_t n)
{
    struct http_parser *p = parser_of(ll);
    span_grow(&p->method, &p->in_value, at, n);
    return 0;
}

static int on_method_complete(llhttp_t *ll)
{
    parser_of(ll)->in_value = false;
    return 0;
}

static int on_url(llhttp_t *ll, const char *at, size_t n)
{
    struct http_parser *p = parser_of(ll);
    span_grow(&p->target, &p->in_value, at, n);
    return 0;
}

static int on_url_complete(llhttp_t *ll)
{
    parser_of(ll)->in_value = false;
    return 0;
}

/*
 * Trailers come in pieces whose memory goes with the read buffer, so they are copied. Room for a
 * span that goes on doubles: what its pieces leave behind in the arena stays in proportion.
 */
static int trailer_grow(struct http_parser *p, struct str *span, bool *open, const char *at,
                        size_t n)
{
    size_t before = *open ? span->n : 0;

    p->trailer_bytes += n;
    if (p->trailer_bytes > HTTP_TRAILER_BYTES_MAX)
        return refuse(p, E_BAD_HTTP, "the trailers are too long");
    if (!*open || before + n > p->trailer_cap) {
        size_t cap = 2 * before + n;
        char *copy = arena_alloc(p->fields->arena, cap + 1);
        if (copy == NULL)
            return refuse(p, E_MEMORY, "no memory for the trailers");
        if (before > 0)
            memcpy(copy, span->p, before);
        span->p = copy;
        p->trailer_cap = cap;
    }
    memcpy((char *)span->p + before, at, n);
    span->n = before + n;
    *open = true;
    return 0;
}

/*
 * The field that is being read stands behind the list's last one, and belongs to the list once it
 * is whole.
 */
static struct http_header *field_of(struct http_parser *p)
{
    return &p->fields->at[p->fields->n];
}

/* Room for the next field. The list is given no more than there may be, and one: that it is too
 * many is told when it is whole, or a mistake within it would count only where it came in one
 * piece. */
static int field_room(struct http_parser *p)
{
    unsigned most = p->limits->headers_max + 1;
    unsigned cap = p->fields->cap > 0 ? 2 * p->fields->cap : HEADERS_FIRST_CAP;

    if (http_headers_reserve(p->fields, cap < most ? cap : most) != 0)
        return refuse(p, E_MEMORY, "no memory for the header");
    return 0;
}

/* A name goes on, belongs to a trailer, or the list is full. */
static NOINLINE int name_unusual(struct http_parser *p, const char *at, size_t n)
{
    if (!p->in_name) {
        int err = p->fields->n == p->fields->cap ? field_room(p) : 0;
        if (err != 0)
            return err;
        field_of(p)->value = str_of(at + n, 0);
    }
    if (p->in_trailers)
        return trailer_grow(p, &field_of(p)->name, &p->in_name, at, n);
    span_grow(&field_of(p)->name, &p->in_name, at, n);
    return 0;
}

static NOINLINE int value_unusual(struct http_parser *p, const char *at, size_t n)
{
    if (p->in_trailers)
        return trailer_grow(p, &field_of(p)->value, &p->in_value, at, n);
    span_grow(&field_of(p)->value, &p->in_value, at, n);
    return 0;
}

static int on_header_field(llhttp_t *ll, const char *at, size_t n)
{
    struct http_parser *p = parser_of(ll);

    if (UNLIKELY(p->in_name || p->in_trailers || p->fields->n == p->fields->cap))
        return name_unusual(p, at, n);
    field_of(p)->name = str_of(at, n);
    field_of(p)->value = str_of(at + n, 0); /* should none come */
    p->in_name = true;
    return 0;
}

static int on_header_value(llhttp_t *ll, const char *at, size_t n)
{
    struct http_parser *p = parser_of(ll);

    if (UNLIKELY(p->in_value || p->in_trailers))
        return value_unusual(p, at, n);
    field_of(p)->value = str_of(at, n);
    p->in_value = true;
    return 0;
}

/* Space behind a value does not belong to it. */
static int on_header_value_complete(llhttp_t *ll)
{
    struct http_parser *p = parser_of(ll);
    struct http_header *f = field_of(p);

    while (f->value.n > 0 &&
           (f->value.p[f->value.n - 1] == ' ' || f->value.p[f->value.n - 1] == '\t'))
        f->value.n--;
    p->in_name = p->in_value = false;
    if (UNLIKELY(p->fields->n >= p->limits->headers_max))
        return refuse(p, E_HEADERS_TOO_LARGE, "there are too many header fields");
    p->fields->n++;
    f->field = http_field_of(f->name);
    return 0;
}

/* llhttp takes a line without a version for HTTP/0.9. */
static int on_headers_complete(llhttp_t *ll)
{
    if (ll->http_major != 1 || ll->http_minor > 1)
        return refuse(parser_of(ll), E_BAD_HTTP, "the version is neither HTTP/1.1 nor HTTP/1.0");
    parser_of(ll)->header_done = true;
    return HPE_PAUSED;
}

static int on_body(llhttp_t *ll, const char *at, size_t n)
{
    struct http_parser *p = parser_of(ll);

    if (p->body_to != at)
        memmove(p->body_to, at, n);
    p->body_to += n;
    p->body_total += n;
    return 0;
}

/* A chunk of length 0 is the last; what follows it are trailers. */
static int on_chunk_header(llhttp_t *ll)
{
    if (ll->content_length == 0)
        parser_of(ll)->in_trailers = true;
    return 0;
}

static int on_message_complete(llhttp_t *ll)
{
    parser_of(ll)->message_done = true;
    return HPE_PAUSED;
}

static const llhttp_settings_t callbacks = {
    .on_method = on_method,
    .on_method_complete = on_method_complete,
    .on_url = on_url,
    .on_url_complete = on_url_complete,
    .on_header_field = on_header_field,
    .on_header_value = on_header_value,
    .on_header_value_complete = on_header_value_complete,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_chunk_header = on_chunk_header,
    .on_message_complete = on_message_complete,
};

void http_parser_begin(struct http_parser *p, llhttp_type_t type, const struct http_limits *limits,
                       struct http_headers *fields)
{
    memset(p, 0, sizeof(*p));
    llhttp_init(&p->ll, type, &callbacks);
    p->limits = limits;
    p->fields = fields;
}

/* Words for what llhttp found; its own are made for its developers. */
static const char *fault_words(llhttp_errno_t code)
{
    switch (code) {
    case HPE_CR_EXPECTED:
    case HPE_LF_EXPECTED:
    case HPE_STRICT:
        return "a line does not end with CR LF";
    case HPE_UNEXPECTED_CONTENT_LENGTH:
        return "Content-Length stands twice, or beside Transfer-Encoding";
    case HPE_INVALID_CONTENT_LENGTH:
        return "Content-Length is no number";
    case HPE_INVALID_TRANSFER_ENCODING:
        return "this Transfer-Encoding is not accepted";
    case HPE_INVALID_METHOD:
        return "the method is not known";
    case HPE_INVALID_URL:
        return "the request's target is not valid";
    case HPE_INVALID_CONSTANT:
    case HPE_INVALID_VERSION:
        return "the first line is not HTTP/1.1";
    case HPE_INVALID_STATUS:
        return "the status is not valid";
    case HPE_INVALID_HEADER_TOKEN:
    case HPE_UNEXPECTED_SPACE:
        return "a header field has a character that may not stand there";
    case HPE_INVALID_CHUNK_SIZE:
        return "the size of a chunk is not valid";
    case HPE_PAUSED_H2_UPGRADE:
        return "HTTP/2 is not spoken here";
    default:
        return "this is not valid HTTP/1.1";
    }
}

/* 0 when all was well, also when a callback of ours paused. */
static int parser_run(struct http_parser *p, const char *bytes, size_t n, size_t *ret_used)
{
    llhttp_errno_t code = llhttp_execute(&p->ll, bytes, n);

    *ret_used = n;
    if (code == HPE_OK)
        return 0;
    if (p->ll.error_pos != NULL)
        *ret_used = (size_t)(p->ll.error_pos - bytes);
    if (code == HPE_PAUSED)
        return 0;
    if (p->err == 0)
        refuse(p, E_BAD_HTTP, fault_words(code));
    return p->err;
}

int http_parser_header(struct http_parser *p, const char *bytes, size_t n, size_t *ret_used)
{
    int err = parser_run(p, bytes, n, ret_used);

    p->header_bytes += *ret_used;
    if (err == 0 && p->header_bytes > p->limits->header_bytes_max) {
        refuse(p, E_HEADERS_TOO_LARGE, "the header is too long");
        err = p->err;
    }
    return err;
}

static void str_move(struct str *s, ptrdiff_t by)
{
    s->p = (const char *)((uintptr_t)s->p + (uintptr_t)by);
}

void http_parser_moved(struct http_parser *p, ptrdiff_t by)
{
    if (by == 0)
        return;
    /* What has not come yet is set when it does. */
    str_move(&p->method, by);
    str_move(&p->target, by);
    unsigned n = p->fields->n + p->in_name;
    for (unsigned i = 0; i < n; i++) {
        str_move(&p->fields->at[i].name, by);
        str_move(&p->fields->at[i].value, by);
    }
}

int http_parser_keep(struct http_parser *p, const char *bytes, struct arena *arena)
{
    char *copy = arena_alloc(arena, p->header_bytes);

    if (copy == NULL)
        return E_MEMORY;
    memcpy(copy, bytes, p->header_bytes);
    http_parser_moved(p, (ptrdiff_t)((uintptr_t)copy - (uintptr_t)bytes));
    return 0;
}

static int unclear(struct http_parser *p, const char *text)
{
    refuse(p, E_BAD_HTTP, text);
    return p->err;
}

int http_parser_framing(struct http_parser *p, bool no_body, enum http_framing *ret_framing,
                        int64_t *ret_length)
{
    const llhttp_t *ll = &p->ll;
    bool is_request = ll->type == HTTP_REQUEST;
    bool has_length = (ll->flags & F_CONTENT_LENGTH) != 0;

    *ret_framing = HTTP_BODY_NONE;
    *ret_length = 0;
    if (has_length && ll->content_length > INT64_MAX)
        return unclear(p, "Content-Length is too large");
    if (ll->flags & F_TRANSFER_ENCODING) {
        struct str coding = http_headers_value(p->fields, FIELD_TRANSFER_ENCODING);
        if (has_length)
            return unclear(p, "Content-Length and Transfer-Encoding stand side by side");
        if (ll->http_minor == 0)
            return unclear(p, "HTTP/1.0 has no Transfer-Encoding");
        if (http_headers_times(p->fields, FIELD_TRANSFER_ENCODING) != 1 ||
            !str_eq_nocase(coding, STR("chunked")))
            return unclear(p, "this Transfer-Encoding is not accepted");
        *ret_framing = HTTP_BODY_CHUNKED;
    } else if (has_length) {
        *ret_length = (int64_t)ll->content_length;
        *ret_framing = *ret_length > 0 ? HTTP_BODY_LENGTH : HTTP_BODY_NONE;
    } else if (!is_request) {
        *ret_framing = HTTP_BODY_UNTIL_CLOSE;
    }
    int status = is_request ? 0 : ll->status_code;
    if (no_body || status == 204 || status == 304 || (status >= 100 && status < 200))
        *ret_framing = HTTP_BODY_NONE;
    return 0;
}

bool http_parser_keep_alive(const struct http_parser *p)
{
    if (p->ll.flags & F_CONNECTION_CLOSE)
        return false;
    return p->ll.http_minor >= 1 || (p->ll.flags & F_CONNECTION_KEEP_ALIVE) != 0;
}

void http_parser_chunks_begin(struct http_parser *p, struct http_headers *trailers)
{
    p->fields = trailers;
    llhttp_resume(&p->ll);
}

int http_parser_chunks(struct http_parser *p, char *bytes, size_t n, size_t *ret_used,
                       size_t *ret_n)
{
    uint64_t before = p->body_total;

    p->body_to = bytes;
    int err = parser_run(p, bytes, n, ret_used);
    *ret_n = (size_t)(p->body_to - bytes);
    p->overhead += *ret_used - (p->body_total - before);
    if (err == 0 && p->overhead > HTTP_CHUNK_OVERHEAD_MAX + 16 * p->body_total) {
        refuse(p, E_BAD_HTTP, "the chunks are more framing than data");
        err = p->err;
    }
    if (err != 0)
        p->fields->n = 0; /* half a list of trailers is none */
    return err;
}
