#include "api/pass.h"

#include "base/sha256.h"

/* Room for what sluice adds to an answer, and where it has limits. */
#define OWN_HEADERS 8
#define OWN_LIMITS  6

/* So much of a Connection header is looked at: each field is compared with each of its words. */
#define CONNECTION_BYTES_MAX 128

/* The provider is told what is asked, not who asks; and sluice writes some of these itself. */
#define KEPT_FROM_PROVIDERS                                                                        \
    (FIELDS_HOP_BY_HOP | FIELD_BIT(FIELD_AUTHORIZATION) | FIELD_BIT(FIELD_API_KEY) |               \
     FIELD_BIT(FIELD_X_API_KEY) | FIELD_BIT(FIELD_BAGGAGE) | FIELD_BIT(FIELD_COOKIE) |             \
     FIELD_BIT(FIELD_HOST) | FIELD_BIT(FIELD_CONTENT_LENGTH) | FIELD_BIT(FIELD_CONTENT_TYPE) |     \
     FIELD_BIT(FIELD_EXPECT) | FIELD_BIT(FIELD_ACCEPT_ENCODING) | FIELD_BIT(FIELD_ORIGIN) |        \
     FIELD_BIT(FIELD_REFERER) | FIELD_BIT(FIELD_FORWARDED) | FIELD_BIT(FIELD_X_FORWARDED) |        \
     FIELD_BIT(FIELD_X_REAL_IP) | FIELD_BIT(FIELD_X_SLUICE) | FIELD_BIT(FIELD_VIA) |               \
     FIELD_BIT(FIELD_CF) | FIELD_BIT(FIELD_SEC))

#define KEPT_FROM_CLIENTS                                                                          \
    (FIELDS_HOP_BY_HOP | FIELD_BIT(FIELD_CONTENT_LENGTH) | FIELD_BIT(FIELD_DATE) |                 \
     FIELD_BIT(FIELD_SET_COOKIE) | FIELD_BIT(FIELD_ALT_SVC) |                                      \
     FIELD_BIT(FIELD_STRICT_TRANSPORT_SECURITY) | FIELD_BIT(FIELD_SERVER) |                        \
     FIELD_BIT(FIELD_X_SLUICE) | FIELD_BIT(FIELD_ACCESS_CONTROL))

/* Has Connection words beside those that everybody sends? */
static bool connection_names_fields(const struct http_headers *from)
{
    for (unsigned i = 0; i < from->n; i++)
        if (from->at[i].field == FIELD_CONNECTION &&
            !str_eq_nocase(from->at[i].value, STR("keep-alive")) &&
            !str_eq_nocase(from->at[i].value, STR("close")))
            return true;
    return false;
}

/* Does Connection name it, so that it is meant for this connection alone (RFC 9110, 7.6.1)? */
static bool connection_has(const struct http_headers *from, struct str name)
{
    for (unsigned i = 0; i < from->n; i++) {
        if (from->at[i].field != FIELD_CONNECTION)
            continue;
        struct str rest = str_head(from->at[i].value, CONNECTION_BYTES_MAX);
        while (rest.n > 0)
            if (str_eq_nocase(str_trim(str_cut(&rest, ',')), name))
                return true;
    }
    return false;
}

/* Appends all of `from` but the fields in `kept` and those of the connection; `room` more are going
 * to follow. */
static int pass_all_but(uint64_t kept, const struct http_headers *from, unsigned room,
                        struct http_headers *to)
{
    int err = http_headers_reserve(to, to->n + from->n + room);
    bool named = connection_names_fields(from);
    for (unsigned i = 0; !err && i < from->n; i++)
        if (!http_field_is_in(from->at[i].field, kept) &&
            !(named && connection_has(from, from->at[i].name)))
            err = http_headers_append(to, from->at[i]);
    return err;
}

int pass_upstream(const struct http_headers *from, struct arena *arena, bool with_type,
                  struct http_headers *ret_headers)
{
    uint64_t type = with_type ? FIELD_BIT(FIELD_CONTENT_TYPE) : 0;
    http_headers_init(ret_headers, arena);
    return pass_all_but(KEPT_FROM_PROVIDERS & ~type, from, 0, ret_headers);
}

int pass_for_tenant(struct str tenant, struct http_headers *headers)
{
    int err = 0;
    for (unsigned i = 0; i < headers->n && !err; i++) {
        struct http_header *h = &headers->at[i];
        if (LIKELY(h->field != FIELD_IDEMPOTENCY_KEY))
            continue;
        struct str both = arena_printf(headers->arena, "%zu:%.*s%.*s", tenant.n, STR_ARGS(tenant),
                                       STR_ARGS(h->value));
        err = both.p ? sha256_hex(both, headers->arena, &h->value) : E_MEMORY;
    }
    return err;
}

int pass_downstream(const struct http_headers *from, bool own_limits, struct http_headers *to)
{
    unsigned first = to->n;
    int err = pass_all_but(KEPT_FROM_CLIENTS, from, OWN_HEADERS + (own_limits ? OWN_LIMITS : 0),
                           to);
    for (unsigned i = first; own_limits && !err && i < to->n; i++) {
        if (to->at[i].field != FIELD_X_RATELIMIT)
            continue;
        struct str name = arena_join(to->arena, STR("x-upstream-"), to->at[i].name);
        to->at[i] = (struct http_header){name, to->at[i].value, FIELD_OTHER};
        err = name.p ? 0 : E_MEMORY;
    }
    return err;
}
