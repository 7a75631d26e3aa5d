#include "base/sha256.h"

#include <openssl/evp.h>

#include "base/put.h"

int sha256(struct str bytes, unsigned char ret_hash[SHA256_BYTES])
{
    const char *p = bytes.p ? bytes.p : "";
    return EVP_Digest(p, bytes.n, ret_hash, NULL, EVP_sha256(), NULL) ? 0 : E_INTERNAL;
}

int sha256_hex(struct str bytes, struct arena *arena, struct str *ret_hash)
{
    unsigned char hash[SHA256_BYTES];
    int err = sha256(bytes, hash);
    char *digits = err ? NULL : arena_alloc(arena, SHA256_HEX_CHARS);
    if (!digits)
        return err ? err : E_MEMORY;
    put_hex(digits, hash, sizeof(hash));
    *ret_hash = str_of(digits, SHA256_HEX_CHARS);
    return 0;
}
