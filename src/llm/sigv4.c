/*
 * sigv4.c: a request in one canonical form, its hash under the day, the region and the service, and
 * that signed with a key which is made for these three.
 */
#include "llm/sigv4.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <time.h>

#include "base/buf.h"
#include "base/put.h"
#include "base/sha256.h"

#define ALGORITHM      "AWS4-HMAC-SHA256"
#define TEXT_BYTES_MAX (1u << 20)
#define DATE_CHARS     16 /* 20150830T123600Z */
#define DAY_CHARS      8

/* Gives what was written to the arena. */
static int keep(struct buf *text, struct arena *a, struct str *ret_text)
{
    *ret_text = text->failed ? STR_NONE : arena_str(a, buf_view(text));
    int err = text->failed ? text->failed : ret_text->p ? 0 : E_MEMORY;
    buf_fini(text);
    return err;
}

/* ---- path and query ---- */

static bool is_unreserved(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

/* The path is escaped once more than it is sent: its % become %25. */
static void path_put(struct buf *out, struct str path)
{
    if (path.n == 0)
        buf_char(out, '/');
    for (size_t i = 0; i < path.n; i++) {
        unsigned char c = (unsigned char)path.p[i];
        if (is_unreserved(c) || c == '/')
            buf_char(out, (char)c);
        else
            buf_printf(out, "%%%02X", c);
    }
}

static int pair_cmp(const void *a, const void *b)
{
    const struct sigv4_header *x = a, *y = b;
    int by_name = str_cmp(x->name, y->name);
    return by_name ? by_name : str_cmp(x->value, y->value);
}

/* The parameters in the order of their names, then values, each with its "=". */
static int query_put(struct buf *out, struct str query, struct arena *a)
{
    size_t n = 0, room = 1;
    for (size_t i = 0; i < query.n; i++)
        room += query.p[i] == '&';
    struct sigv4_header *pairs = ARENA_ARRAY(a, struct sigv4_header, room);
    if (!pairs)
        return E_MEMORY;
    for (struct str rest = query; rest.n > 0;) {
        struct str value = str_cut(&rest, '&');
        if (value.n == 0)
            continue;
        struct str name = str_cut(&value, '=');
        pairs[n++] = (struct sigv4_header){name, value};
    }
    if (n > 0)
        qsort(pairs, n, sizeof(pairs[0]), pair_cmp);
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            buf_char(out, '&');
        buf_str(out, pairs[i].name);
        buf_char(out, '=');
        buf_str(out, pairs[i].value);
    }
    return 0;
}

/* ---- headers ---- */

/* All that is signed, in the order of the names; those of one name stay in theirs. */
struct signed_headers {
    unsigned n;
    struct sigv4_header at[SIGV4_HEADERS_MAX];
};

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static int name_cmp(struct str a, struct str b)
{
    for (size_t i = 0; i < a.n && i < b.n; i++) {
        unsigned char x = (unsigned char)lower(a.p[i]), y = (unsigned char)lower(b.p[i]);
        if (x != y)
            return x < y ? -1 : 1;
    }
    return a.n < b.n ? -1 : a.n > b.n;
}

static int header_add(struct signed_headers *h, struct str name, struct str value)
{
    if (h->n == SIGV4_HEADERS_MAX)
        return E_TOO_LARGE;
    unsigned at = h->n++;
    for (; at > 0 && name_cmp(h->at[at - 1].name, name) > 0; at--)
        h->at[at] = h->at[at - 1];
    h->at[at] = (struct sigv4_header){name, value};
    return 0;
}

/* YYYYMMDDTHHMMSSZ */
static struct str date_make(int64_t time_s, char out[DATE_CHARS + 1])
{
    time_t seconds = (time_t)time_s;
    struct tm tm = {0};
    gmtime_r(&seconds, &tm);
    strftime(out, DATE_CHARS + 1, "%Y%m%dT%H%M%SZ", &tm);
    return str_of(out, strlen(out));
}

static int headers_make(const struct sigv4_request *r, struct str date, struct str token,
                        struct signed_headers *ret)
{
    ret->n = 0;
    int err = header_add(ret, STR("x-amz-date"), date);
    if (!err && token.n)
        err = header_add(ret, STR("x-amz-security-token"), token);
    for (unsigned i = 0; i < r->headers_n && !err; i++)
        err = header_add(ret, r->headers[i].name, r->headers[i].value);
    return err;
}

static void lower_put(struct buf *out, struct str name)
{
    for (size_t i = 0; i < name.n; i++)
        buf_char(out, lower(name.p[i]));
}

/* Without spaces at its ends, and with one where several stand within. */
static void value_put(struct buf *out, struct str value)
{
    value = str_trim(value);
    for (size_t i = 0; i < value.n; i++)
        if (value.p[i] != ' ' || value.p[i - 1] != ' ')
            buf_char(out, value.p[i]);
}

static bool same_as_before(const struct signed_headers *h, unsigned i)
{
    return i > 0 && name_cmp(h->at[i].name, h->at[i - 1].name) == 0;
}

static void headers_put(struct buf *out, const struct signed_headers *h)
{
    for (unsigned i = 0; i < h->n; i++) {
        if (same_as_before(h, i)) {
            buf_char(out, ',');
        } else {
            if (i > 0)
                buf_char(out, '\n');
            lower_put(out, h->at[i].name);
            buf_char(out, ':');
        }
        value_put(out, h->at[i].value);
    }
    buf_char(out, '\n');
}

static void names_put(struct buf *out, const struct signed_headers *h)
{
    for (unsigned i = 0; i < h->n; i++) {
        if (same_as_before(h, i))
            continue;
        if (i > 0)
            buf_char(out, ';');
        lower_put(out, h->at[i].name);
    }
}

/* ---- the steps ---- */

int sigv4_canonical(const struct sigv4_request *r, const struct sigv4_credentials *credentials,
                    struct arena *arena, struct str *ret_text)
{
    char date[DATE_CHARS + 1];
    struct signed_headers headers;
    int err = headers_make(r, date_make(r->time_s, date), credentials->session_token, &headers);
    if (err)
        return err;
    struct buf out;
    buf_init(&out, TEXT_BYTES_MAX);
    buf_str(&out, r->method);
    buf_char(&out, '\n');
    path_put(&out, r->path);
    buf_char(&out, '\n');
    err = query_put(&out, r->query, arena);
    buf_char(&out, '\n');
    headers_put(&out, &headers);
    buf_char(&out, '\n');
    names_put(&out, &headers);
    buf_char(&out, '\n');
    buf_str(&out, r->payload_hash);
    int kept = keep(&out, arena, ret_text);
    return err ? err : kept;
}

/* DAY/REGION/SERVICE/aws4_request */
static void scope_put(struct buf *out, const struct sigv4_request *r, const char *date)
{
    buf_str(out, str_of(date, DAY_CHARS));
    buf_char(out, '/');
    buf_str(out, r->region);
    buf_char(out, '/');
    buf_str(out, r->service);
    buf_str(out, STR("/aws4_request"));
}

int sigv4_string_to_sign(const struct sigv4_request *r, struct str canonical, struct arena *arena,
                         struct str *ret_text)
{
    char date[DATE_CHARS + 1];
    struct str hash;
    int err = sha256_hex(canonical, arena, &hash);
    if (err)
        return err;
    struct buf out;
    buf_init(&out, TEXT_BYTES_MAX);
    buf_str(&out, STR(ALGORITHM "\n"));
    buf_str(&out, date_make(r->time_s, date));
    buf_char(&out, '\n');
    scope_put(&out, r, date);
    buf_char(&out, '\n');
    buf_str(&out, hash);
    return keep(&out, arena, ret_text);
}

static int mac(const void *key, size_t key_n, struct str text, unsigned char ret_mac[SHA256_BYTES])
{
    unsigned char out[SHA256_BYTES];
    const unsigned char *bytes = (const unsigned char *)(text.p ? text.p : "");
    if (!HMAC(EVP_sha256(), key, (int)key_n, bytes, text.n, out, NULL))
        return E_INTERNAL;
    memcpy(ret_mac, out, SHA256_BYTES);
    return 0;
}

/* The secret, turned into a key for this day, region and service. */
static int key_make(const struct sigv4_request *r, struct str secret, const char *date,
                    unsigned char ret_key[SHA256_BYTES])
{
    struct buf first;
    buf_init(&first, secret.n + 4);
    buf_str(&first, STR("AWS4"));
    buf_str(&first, secret);
    int err = first.failed;
    if (!err)
        err = mac(first.p, first.n, str_of(date, DAY_CHARS), ret_key);
    if (first.p)
        OPENSSL_cleanse(first.p, first.n);
    buf_fini(&first);
    const struct str steps[] = {r->region, r->service, STR("aws4_request")};
    for (size_t i = 0; i < ARRAY_LEN(steps) && !err; i++)
        err = mac(ret_key, SHA256_BYTES, steps[i], ret_key);
    return err;
}

static int authorization_make(const struct sigv4_request *r,
                              const struct sigv4_credentials *credentials, struct str to_sign,
                              struct arena *arena, struct sigv4_headers *ret)
{
    unsigned char key[SHA256_BYTES], signature[SHA256_BYTES];
    struct signed_headers headers;
    int err = headers_make(r, ret->date, credentials->session_token, &headers);
    if (!err)
        err = key_make(r, credentials->secret, ret->date.p, key);
    if (!err)
        err = mac(key, sizeof(key), to_sign, signature);
    OPENSSL_cleanse(key, sizeof(key));
    if (err)
        return err;
    struct buf out;
    buf_init(&out, TEXT_BYTES_MAX);
    buf_str(&out, STR(ALGORITHM " Credential="));
    buf_str(&out, credentials->access_key);
    buf_char(&out, '/');
    scope_put(&out, r, ret->date.p);
    buf_str(&out, STR(", SignedHeaders="));
    names_put(&out, &headers);
    buf_str(&out, STR(", Signature="));
    char digits[SHA256_HEX_CHARS];
    put_hex(digits, signature, sizeof(signature));
    buf_add(&out, digits, sizeof(digits));
    return keep(&out, arena, &ret->authorization);
}

int sigv4_sign(const struct sigv4_request *request, const struct sigv4_credentials *credentials,
               struct arena *arena, struct sigv4_headers *ret_headers)
{
    char date[DATE_CHARS + 1];
    struct str canonical, to_sign;
    struct sigv4_headers headers = {.security_token = STR_NONE};
    headers.date = arena_str(arena, date_make(request->time_s, date));
    if (!headers.date.p)
        return E_MEMORY;
    if (credentials->session_token.n)
        headers.security_token = credentials->session_token;
    int err = sigv4_canonical(request, credentials, arena, &canonical);
    if (!err)
        err = sigv4_string_to_sign(request, canonical, arena, &to_sign);
    if (!err)
        err = authorization_make(request, credentials, to_sign, arena, &headers);
    if (!err)
        *ret_headers = headers;
    return err;
}
