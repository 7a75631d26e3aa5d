/*
 * sigv4.h: AWS Signature Version 4, in headers.
 *
 * Pure functions over OpenSSL's SHA-256 and HMAC; the time is the caller's. Source: AWS's public
 * documentation ("Create a signed AWS API request") and botocore's signer. Results lie in the
 * arena; E_MEMORY where that is full, E_INTERNAL where OpenSSL refuses. Nothing here yields.
 *
 * What is signed has to be what is sent: of the headers those that are given here, in any order;
 * others may be sent beside them. `host` has to be among them.
 */
#ifndef LLM_SIGV4_H
#define LLM_SIGV4_H

#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/macros.h"
#include "base/str.h"

#define SIGV4_HEADERS_MAX 32 /* that can be signed, ours among them */

struct sigv4_credentials {
    struct str access_key, secret;
    struct str session_token; /* STR_NONE: there is none */
};

struct sigv4_header {
    struct str name, value;
};

struct sigv4_request {
    struct str method;
    /* As they stand in the request's line, escaped once; the path without "." and ".." in it, the
     * query without its "?". "" is the path "/". */
    struct str path, query;
    const struct sigv4_header *headers; /* without those that are made here */
    unsigned headers_n;
    struct str payload_hash; /* sha256_hex of the body */
    int64_t time_s;          /* since 1970, UTC; up to the year 9999 */
    struct str region, service;
};

/* What is to be sent beside the request's own headers. */
struct sigv4_headers {
    struct str date;           /* x-amz-date */
    struct str authorization;  /* authorization */
    struct str security_token; /* x-amz-security-token, or STR_NONE */
};

/* E_TOO_LARGE for more headers than SIGV4_HEADERS_MAX. */
MUSTCHECK int sigv4_sign(const struct sigv4_request *request,
                         const struct sigv4_credentials *credentials, struct arena *arena,
                         struct sigv4_headers *ret_headers);

/* The first two steps, for tests: what is hashed, and what is signed. */
MUSTCHECK int sigv4_canonical(const struct sigv4_request *request,
                              const struct sigv4_credentials *credentials, struct arena *arena,
                              struct str *ret_text);
MUSTCHECK int sigv4_string_to_sign(const struct sigv4_request *request, struct str canonical,
                                   struct arena *arena, struct str *ret_text);

#endif
