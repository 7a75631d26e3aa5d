/*
 * fuzz_sigv4.c: whatever is signed, the form of what comes out, and that the signature does not
 * hang on the order of parameters and headers, nor on spaces around a header's value.
 *
 * The bytes are lines: path, query, then headers ("name:value"), whose names are made different.
 */
#include "base/sha256.h"
#include "fuzz.h"
#include "llm/sigv4.h"

static struct str sign(struct sigv4_request *r, struct arena *a)
{
    struct sigv4_headers headers;
    struct sigv4_credentials credentials = {STR("AKID"), STR("secret"), STR("token")};
    MUST(sigv4_sign(r, &credentials, a, &headers) == 0);
    MUST(headers.date.n == 16 && str_eq(headers.security_token, STR("token")));
    MUST(str_starts(headers.authorization, STR("AWS4-HMAC-SHA256 Credential=AKID/")));
    ptrdiff_t at = str_find(headers.authorization, STR(", Signature="));
    MUST(at > 0);
    struct str signature = str_tail(headers.authorization, headers.authorization.n - 64);
    MUST(str_eq(str_head(str_tail(headers.authorization, (size_t)at), 12), STR(", Signature=")));
    for (size_t i = 0; i < signature.n; i++)
        MUST((signature.p[i] >= '0' && signature.p[i] <= '9') ||
             (signature.p[i] >= 'a' && signature.p[i] <= 'f'));
    return headers.authorization;
}

static struct str lower_letter(struct arena *a, unsigned i)
{
    return arena_printf(a, "x-%c", (char)('a' + i));
}

/* The parameters from the last to the first. */
static struct str query_turned(struct str query, struct arena *a)
{
    struct str turned = STR("");
    while (query.n > 0) {
        struct str pair = str_cut(&query, '&');
        turned = arena_printf(a, "%.*s&%.*s", STR_ARGS(pair), STR_ARGS(turned));
        MUST(turned.p != NULL);
    }
    return turned;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sigv4_header headers[20], turned[20];
    struct arena a;
    if (size > 2000)
        return 0;
    arena_init(&a, 16u << 20);
    struct str text = {(const char *)data, size};
    struct sigv4_request r = {.method = STR("POST"),
                              .headers = headers,
                              .time_s = (int64_t)(size * 7919),
                              .region = STR("eu-central-1"),
                              .service = STR("bedrock")};
    r.path = str_cut(&text, '\n');
    r.query = str_cut(&text, '\n');
    while (text.n > 0 && r.headers_n < ARRAY_LEN(headers)) {
        struct str value = str_cut(&text, '\n');
        headers[r.headers_n] = (struct sigv4_header){lower_letter(&a, r.headers_n), value};
        r.headers_n++;
    }
    MUST(sha256_hex(text, &a, &r.payload_hash) == 0 && r.payload_hash.n == SHA256_HEX_CHARS);
    struct str first = sign(&r, &a);
    for (unsigned i = 0; i < r.headers_n; i++) {
        const struct sigv4_header *h = &headers[r.headers_n - 1 - i];
        turned[i].name = arena_printf(&a, "X-%c", (char)(h->name.p[2] - 'a' + 'A'));
        turned[i].value = arena_printf(&a, "  %.*s\t ", STR_ARGS(h->value));
    }
    r.headers = turned;
    if (memchr(data, '\0', size) == NULL) /* which ends what printf writes */
        r.query = query_turned(r.query, &a);
    else
        r.headers = headers;
    MUST(str_eq(first, sign(&r, &a)));
    r.method = STR("GET");
    MUST(!str_eq(first, sign(&r, &a)));
    arena_fini(&a);
    return 0;
}
