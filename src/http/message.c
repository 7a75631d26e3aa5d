/* message.c: header lists, the table of status texts, the default limits. */
#include "http/message.h"

#include "base/err.h"

#define HEADERS_FIRST_CAP 24

const struct http_limits http_limits_default = {
    .header_bytes_max = 64 * 1024,
    .headers_max = 128,
    .header_ms = 10 * 1000,
    .idle_ms = 75 * 1000,
    .body_ms = 30 * 1000,
    .write_ms = 60 * 1000,
};

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

int http_headers_add(struct http_headers *h, struct str name, struct str value)
{
    if (h->n == h->cap) {
        int err = http_headers_reserve(h, h->cap > 0 ? h->cap * 2 : HEADERS_FIRST_CAP);
        if (err != 0)
            return err;
    }
    h->at[h->n++] = (struct http_header){name, value};
    return 0;
}

struct str http_headers_get(const struct http_headers *h, struct str name)
{
    for (unsigned i = 0; i < h->n; i++) {
        if (h->at[i].name.n == name.n && str_eq_nocase(h->at[i].name, name))
            return h->at[i].value;
    }
    return STR_NONE;
}

unsigned http_headers_count(const struct http_headers *h, struct str name)
{
    unsigned count = 0;

    for (unsigned i = 0; i < h->n; i++)
        count += h->at[i].name.n == name.n && str_eq_nocase(h->at[i].name, name);
    return count;
}

bool http_header_is_hop_by_hop(struct str name)
{
    bool is = false;

    switch (name.n) {
    case 2:
        is = str_eq_nocase(name, STR("TE"));
        break;
    case 7:
        is = str_eq_nocase(name, STR("Trailer")) || str_eq_nocase(name, STR("Upgrade"));
        break;
    case 10:
        is = str_eq_nocase(name, STR("Connection")) || str_eq_nocase(name, STR("Keep-Alive"));
        break;
    case 17:
        is = str_eq_nocase(name, STR("Transfer-Encoding"));
        break;
    default:
        break;
    }
    return is || str_starts_nocase(name, STR("Proxy-"));
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
