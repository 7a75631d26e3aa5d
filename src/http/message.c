/* message.c: header lists, the table of status texts, the default limits. */
#include "http/message.h"

#include <assert.h>

#include "base/word.h"

const struct http_limits http_limits_default = {
    .header_bytes_max = 64 * 1024,
    .headers_max = 128,
    .header_ms = 10 * 1000,
    .idle_ms = 75 * 1000,
    .body_ms = 30 * 1000,
    .write_ms = 60 * 1000,
};

enum http_method http_method_of(struct str text)
{
    static const struct str names[] = {
        [HTTP_GET] = {"GET", 3},        [HTTP_HEAD] = {"HEAD", 4},     [HTTP_POST] = {"POST", 4},
        [HTTP_PUT] = {"PUT", 3},        [HTTP_DELETE] = {"DELETE", 6}, [HTTP_PATCH] = {"PATCH", 5},
        [HTTP_OPTIONS] = {"OPTIONS", 7}};

    for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
        if (str_eq(text, names[i]))
            return (enum http_method)i;
    }
    return HTTP_OTHER;
}

static ALWAYS_INLINE bool word_is_odd(uint64_t word)
{
    return (word_below(word, ' ' + 1) | word_has(word, '#') | word_has(word, 0x7f) |
            (word & WORD_HIGHS)) != 0;
}

bool http_target_is_clean(struct str target)
{
    return target.n > 0 && !word_any(target.p, target.n, word_is_odd);
}

void http_headers_init(struct http_headers *h, struct arena *arena)
{
    *h = (struct http_headers){.arena = arena};
}

/* The old array stays in the arena: it goes with the request. */
int http_headers_reserve(struct http_headers *h, unsigned cap)
{
    if (cap <= h->cap)
        return 0;
    struct http_header *at = arena_alloc(h->arena, cap * sizeof(*at));

    if (at == NULL)
        return E_MEMORY;
    if (h->n > 0)
        memcpy(at, h->at, h->n * sizeof(*at));
    h->at = at;
    h->cap = cap;
    return 0;
}

int http_headers_grow(struct http_headers *h)
{
    return http_headers_reserve(h, h->cap > 0 ? h->cap * 2 : HEADERS_FIRST_CAP);
}

static ALWAYS_INLINE bool word_has_control(uint64_t word)
{
    if (LIKELY(word_below(word, 0x20) == 0))
        return false;
    for (unsigned i = 0; i < 8; i++, word >>= 8) {
        if ((word & 0xff) < 0x20 && (word & 0xff) != '\t')
            return true;
    }
    return false;
}

static bool has_control(struct str s)
{
    return word_any(s.p, s.n, word_has_control);
}

int http_headers_add_as(struct http_headers *h, enum http_field field, struct str name,
                        struct str value)
{
#ifdef SANITIZED
    assert(field == http_field_of(name));
#endif
    if (has_control(value))
        return E_INTERNAL;
    return http_headers_append(h, (struct http_header){name, value, field});
}

int http_headers_add(struct http_headers *h, struct str name, struct str value)
{
    if (name.n == 0 || has_control(name))
        return E_INTERNAL;
    return http_headers_add_as(h, http_field_of(name), name, value);
}

/* A field's number says it all, unless it is that of several names. */
static inline bool is_named(const struct http_header *f, enum http_field field, struct str name)
{
    return f->field == field && (field > FIELD_LAST_FAMILY || str_eq_nocase(f->name, name));
}

struct str http_headers_get(const struct http_headers *h, struct str name)
{
    enum http_field field = http_field_of(name);

    for (unsigned i = 0; i < h->n; i++) {
        if (is_named(&h->at[i], field, name))
            return h->at[i].value;
    }
    return STR_NONE;
}

unsigned http_headers_count(const struct http_headers *h, struct str name)
{
    enum http_field field = http_field_of(name);
    unsigned count = 0;

    for (unsigned i = 0; i < h->n; i++)
        count += is_named(&h->at[i], field, name);
    return count;
}

struct str http_headers_value(const struct http_headers *h, enum http_field field)
{
    for (unsigned i = 0; i < h->n; i++) {
        if (h->at[i].field == field)
            return h->at[i].value;
    }
    return STR_NONE;
}

unsigned http_headers_times(const struct http_headers *h, enum http_field field)
{
    unsigned count = 0;

    for (unsigned i = 0; i < h->n; i++)
        count += h->at[i].field == field;
    return count;
}

bool http_headers_has(const struct http_headers *h, const struct http_header *field)
{
    for (unsigned i = 0; i < h->n; i++) {
        if (is_named(&h->at[i], field->field, field->name))
            return true;
    }
    return false;
}

const char *http_status_text(int status)
{
    static const struct {
        int status;
        const char *text;
    } table[] = {
        {200, "OK"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {413, "Content Too Large"},
        {417, "Expectation Failed"},
        {422, "Unprocessable Content"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {499, "Client Closed Request"},
        {500, "Internal Server Error"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        /* rarer ones */
        {100, "Continue"},
        {101, "Switching Protocols"},
        {201, "Created"},
        {202, "Accepted"},
        {203, "Non-Authoritative Information"},
        {204, "No Content"},
        {205, "Reset Content"},
        {206, "Partial Content"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {303, "See Other"},
        {304, "Not Modified"},
        {307, "Temporary Redirect"},
        {308, "Permanent Redirect"},
        {402, "Payment Required"},
        {406, "Not Acceptable"},
        {410, "Gone"},
        {411, "Length Required"},
        {412, "Precondition Failed"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {416, "Range Not Satisfiable"},
        {421, "Misdirected Request"},
        {424, "Failed Dependency"},
        {425, "Too Early"},
        {426, "Upgrade Required"},
        {428, "Precondition Required"},
        {451, "Unavailable For Legal Reasons"},
        {501, "Not Implemented"},
        {505, "HTTP Version Not Supported"},
        {507, "Insufficient Storage"},
        {529, "Overloaded"}, /* Anthropic's */
    };

    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        if (table[i].status == status)
            return table[i].text;
    }
    return "Status";
}
