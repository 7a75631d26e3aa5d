/*
 * word.h: looking at text eight bytes at a time.
 *
 * A word is eight bytes in the machine's order; what is asked here does not depend on it. Answers
 * are exact for every byte value: no byte above 0x7f passes for another one.
 */
#ifndef BASE_WORD_H
#define BASE_WORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/macros.h"

#define WORD_ONES  UINT64_C(0x0101010101010101)
#define WORD_HIGHS UINT64_C(0x8080808080808080)

static inline uint64_t word_load(const char *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof(word));
    return word;
}

/* The 1 to 7 bytes at `p`: all of them, some more than once, and nothing else. Two pieces of the
 * same length are equal where their words are. */
static inline uint64_t word_few(const char *p, size_t n)
{
    if (n >= 4) {
        uint32_t head, tail;
        memcpy(&head, p, sizeof(head));
        memcpy(&tail, p + n - sizeof(tail), sizeof(tail));
        return head | (uint64_t)tail << 32;
    }
    uint64_t first = (unsigned char)p[0];
    uint64_t middle = (unsigned char)p[n / 2], last = (unsigned char)p[n - 1];
    return first * (WORD_ONES << 16) | middle << 8 | last;
}

/* Not 0 where a byte is less than `least`, which is at most 0x80. */
static inline uint64_t word_below(uint64_t word, unsigned char least)
{
    return (word - WORD_ONES * least) & ~word & WORD_HIGHS;
}

/* Not 0 where a byte is `c`. */
static inline uint64_t word_has(uint64_t word, unsigned char c)
{
    return word_below(word ^ WORD_ONES * c, 1);
}

/* ASCII capitals become small letters, all else stays. */
static inline uint64_t word_lower(uint64_t word)
{
    uint64_t low = word & ~WORD_HIGHS;
    uint64_t from_a = low + WORD_ONES * (0x80 - 'A');
    uint64_t past_z = low + WORD_ONES * (0x7f - 'Z');
    return word | (from_a & ~past_z & ~word & WORD_HIGHS) >> 2;
}

/* Does `test` hold for a word of the `n` bytes at `p`? Some bytes are looked at twice. */
static ALWAYS_INLINE bool word_any(const char *p, size_t n, bool (*test)(uint64_t word))
{
    if (n < 8)
        return n > 0 && test(word_few(p, n));
    for (size_t at = 0; at + 8 < n; at += 8)
        if (test(word_load(p + at)))
            return true;
    return test(word_load(p + n - 8));
}

#endif
