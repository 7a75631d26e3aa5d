/*
 * fuzz_proxy.c: the first bytes of a connection as a PROXY header.
 *
 * However they arrive, the answer is the same, and never is a byte asked for that is not the
 * header's: an end is found where the bytes up to there are a header.
 */
#include "fuzz.h"
#include "net/proxy.h"

/* As proxy_read does, `piece` bytes at most at a time. */
static int look(struct str all, size_t piece, size_t *ret_used, union address *client)
{
    struct fault f = {0};
    size_t n = 0, more = 0;
    for (;;) {
        int err = proxy_look(str_head(all, n), &more, client, &f);
        MUST(err == 0 || (err == E_BAD_HTTP && f.err == err));
        MUST(n <= PROXY_BYTES_MAX && n + more <= PROXY_BYTES_MAX);
        *ret_used = n;
        if (err != 0 || more == 0)
            return err;
        if (n == all.n)
            return E_AGAIN;
        n += str_head(str_head(str_tail(all, n), more), piece).n;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct str all = str_of((const char *)bytes, n);
    union address before, whole, cut;
    char host[ADDRESS_HOST_BYTES];
    size_t whole_used, cut_used, more;
    memset(&before, 0x5a, sizeof(before));
    whole = cut = before;
    int err = look(all, PROXY_BYTES_MAX, &whole_used, &whole);
    MUST(look(all, 1, &cut_used, &cut) == err);
    MUST(memcmp(&whole, &cut, sizeof(whole)) == 0);
    if (err != 0) {
        MUST(memcmp(&whole, &before, sizeof(whole)) == 0);
        return 0;
    }
    MUST(whole_used == cut_used);
    if (memcmp(&whole, &before, sizeof(whole)) != 0)
        MUST(whole.any.sa_family == AF_UNIX || address_host(&whole.any, host).n > 0);
    /* the header alone is one, and with a byte more it is none */
    struct fault f = {0};
    MUST(proxy_look(str_head(all, whole_used), &more, &cut, &f) == 0 && more == 0);
    if (whole_used < n)
        MUST(proxy_look(str_head(all, whole_used + 1), &more, &cut, &f) == E_BAD_HTTP);
    return 0;
}
