#include "api/pass.h"

/* A name, or with a star at the end all names that begin so. */
static bool is_listed(struct str name, const char *const *list)
{
    for (; *list; list++) {
        struct str word = str_from(*list);
        bool prefix = str_ends(word, STR("*"));
        word.n -= prefix;
        if (prefix ? str_starts_nocase(name, word) : str_eq_nocase(name, word))
            return true;
    }
    return false;
}

/* The provider is told what is asked, not who asks; and sluice writes some of these itself. */
static const char *const kept_from_providers[] = {
    "authorization", "api-key",      "x-api-key",       "cookie",  "host",     "content-length",
    "content-type",  "expect",       "accept-encoding", "origin",  "referer",  "forwarded",
    "x-forwarded-*", "x-real-ip",    "x-sluice-*",      "via",     "cf-*",     "sec-*",
    NULL,
};

static const char *const kept_from_clients[] = {
    "content-length", "date", "set-cookie", "alt-svc", "strict-transport-security", "server",
    "x-sluice-*", "access-control-*", NULL,
};

int pass_upstream(const struct http_headers *from, struct arena *arena, bool with_type,
                  struct http_headers *ret_headers)
{
    http_headers_init(ret_headers, arena);
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
