#include "api/pass.h"

/* Room for what sluice adds to an answer. */
#define OWN_HEADERS 8

#define WORD(literal) {literal, sizeof(literal) - 1}

/* The provider is told what is asked, not who asks; and sluice writes some of these itself. A star
 * stands for all names that begin so. */
static const struct str kept_from_providers[] = {
    WORD("authorization"),  WORD("api-key"),         WORD("x-api-key"), WORD("cookie"),
    WORD("host"),           WORD("content-length"),  WORD("content-type"),
    WORD("expect"),         WORD("accept-encoding"), WORD("origin"),    WORD("referer"),
    WORD("forwarded"),      WORD("x-forwarded-*"),   WORD("x-real-ip"), WORD("x-sluice-*"),
    WORD("via"),            WORD("cf-*"),            WORD("sec-*"),     {NULL, 0},
};

static const struct str kept_from_clients[] = {
    WORD("content-length"), WORD("date"),   WORD("set-cookie"), WORD("alt-svc"),
    WORD("strict-transport-security"), WORD("server"), WORD("x-sluice-*"),
    WORD("access-control-*"), {NULL, 0},
};

/* Lengths and first letters are compared first: nearly every name differs there. */
static bool is_listed(struct str name, const struct str *list)
{
    if (name.n == 0)
        return false;
    char first = (char)(name.p[0] | 0x20);
    for (; list->n; list++) {
        if (list->p[0] != first)
            continue;
        struct str word = *list;
        bool prefix = word.p[word.n - 1] == '*';
        word.n -= prefix;
        if (prefix ? str_starts_nocase(name, word) : str_eq_nocase(name, word))
            return true;
    }
    return false;
}

int pass_upstream(const struct http_headers *from, struct arena *arena, bool with_type,
                  struct http_headers *ret_headers)
{
    http_headers_init(ret_headers, arena);
    int reserved = http_headers_reserve(ret_headers, from->n);
    if (reserved)
        return reserved;
    for (unsigned i = 0; i < from->n; i++) {
        struct str name = from->at[i].name;
        bool type = with_type && str_eq_nocase(name, STR("content-type"));
        if (!type && (http_header_is_hop_by_hop(name) || is_listed(name, kept_from_providers)))
            continue;
        int err = http_headers_add(ret_headers, name, from->at[i].value);
        if (err)
            return err;
    }
    return 0;
}

int pass_downstream(const struct http_headers *from, struct http_headers *to)
{
    int reserved = http_headers_reserve(to, from->n + OWN_HEADERS);
    if (reserved)
        return reserved;
    for (unsigned i = 0; i < from->n; i++) {
        struct str name = from->at[i].name;
        if (http_header_is_hop_by_hop(name) || is_listed(name, kept_from_clients))
            continue;
        int err = http_headers_add(to, name, from->at[i].value);
        if (err)
            return err;
    }
    return 0;
}
