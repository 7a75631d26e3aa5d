/*
 * sha256.h: SHA-256, over OpenSSL's. E_INTERNAL where that refuses.
 */
#ifndef BASE_SHA256_H
#define BASE_SHA256_H

#include "base/arena.h"
#include "base/err.h"
#include "base/macros.h"
#include "base/str.h"

#define SHA256_BYTES     32
#define SHA256_HEX_CHARS 64

MUSTCHECK int sha256(struct str bytes, unsigned char ret_hash[SHA256_BYTES]);
/* In small hexadecimal digits, in the arena; E_MEMORY where that is full. */
MUSTCHECK int sha256_hex(struct str bytes, struct arena *arena, struct str *ret_hash);

#endif
