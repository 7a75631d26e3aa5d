#include "base/str.h"

#include "base/word.h"

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

bool str_eq_secret(struct str a, struct str b)
{
    size_t n = a.n;
    if (n != b.n || n == 0)
        return n == b.n;
    if (n < 8)
        return word_few(a.p, n) == word_few(b.p, n);
    uint64_t differences = word_load(a.p + n - 8) ^ word_load(b.p + n - 8);
    for (size_t at = 0; at + 8 < n; at += 8) {
        differences |= word_load(a.p + at) ^ word_load(b.p + at);
        /* The compiler shall not find out that the rest could be skipped. */
        __asm__ volatile("" : "+r"(differences));
    }
    return differences == 0;
}

bool str_eq_nocase(struct str a, struct str b)
{
    size_t n = a.n, at = 0;
    if (n != b.n)
        return false;
    if (n < 8)
        return n == 0 || word_lower(word_few(a.p, n)) == word_lower(word_few(b.p, n));
    for (; at + 8 < n; at += 8)
        if (word_lower(word_load(a.p + at)) != word_lower(word_load(b.p + at)))
            return false;
    return word_lower(word_load(a.p + n - 8)) == word_lower(word_load(b.p + n - 8));
}

bool str_starts(struct str s, struct str prefix)
{
    return s.n >= prefix.n && str_eq(str_head(s, prefix.n), prefix);
}

bool str_starts_nocase(struct str s, struct str prefix)
{
    return s.n >= prefix.n && str_eq_nocase(str_head(s, prefix.n), prefix);
}

bool str_ends(struct str s, struct str suffix)
{
    return s.n >= suffix.n && str_eq(str_tail(s, s.n - suffix.n), suffix);
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct str str_trim(struct str s)
{
    while (s.n > 0 && is_space(s.p[0])) {
        s.p++;
        s.n--;
    }
    while (s.n > 0 && is_space(s.p[s.n - 1]))
        s.n--;
    return s;
}

struct str str_head(struct str s, size_t n)
{
    return (struct str){s.p, n < s.n ? n : s.n};
}

struct str str_tail(struct str s, size_t n)
{
    n = n < s.n ? n : s.n;
    return (struct str){s.p ? s.p + n : NULL, s.n - n};
}

ptrdiff_t str_find(struct str s, struct str needle)
{
    if (needle.n == 0)
        return 0;
    if (s.n < needle.n)
        return -1;
    const char *at = memmem(s.p, s.n, needle.p, needle.n);
    return at ? at - s.p : -1;
}

struct str str_cut(struct str *rest, char sep)
{
    struct str all = *rest;
    const char *at = all.n ? memchr(all.p, sep, all.n) : NULL;
    if (!at) {
        *rest = STR_NONE;
        return all;
    }
    size_t n = (size_t)(at - all.p);
    *rest = str_tail(all, n + 1);
    return str_head(all, n);
}

#define DIGITS_THAT_FIT 19 /* into 64 bits, whatever they are */

bool str_to_u64(struct str s, uint64_t max, uint64_t *ret_value)
{
    uint64_t value = 0;
    if (s.n == 0)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        unsigned digit = (unsigned char)s.p[i] - (unsigned)'0';
        if (digit > 9)
            return false;
        if (UNLIKELY(i >= DIGITS_THAT_FIT) && value > (UINT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    if (value > max)
        return false;
    *ret_value = value;
    return true;
}

int str_cmp(struct str a, struct str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n ? memcmp(a.p, b.p, n) : 0;
    if (order)
        return order;
    return a.n < b.n ? -1 : a.n > b.n;
}

size_t str_utf8_len(struct str s)
{
    const unsigned char *p = (const unsigned char *)s.p;
    if (s.n == 0)
        return 0;
    if (p[0] < 0x80)
        return 1;
    if (p[0] < 0xc2 || p[0] > 0xf4)
        return 0;
    size_t n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (s.n < n)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    /* The second byte tells overlong forms, surrogates and what lies beyond U+10FFFF. */
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
        (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
        return 0;
    return n;
}

bool str_is_text(struct str s)
{
    for (size_t n; s.n > 0; s = str_tail(s, n)) {
        unsigned char c = (unsigned char)s.p[0];
        n = str_utf8_len(s);
        /* U+0080 to U+009F steer terminals too. */
        if (n == 0 || c < 0x20 || c == 0x7f || (c == 0xc2 && (unsigned char)s.p[1] < 0xa0))
            return false;
    }
    return true;
}

struct str str_head_utf8(struct str s, size_t n)
{
    if (s.n <= n)
        return s;
    /* A sequence has at most three bytes behind its first. */
    for (size_t back = 0; back < 4 && back < n; back++)
        if (str_utf8_len(str_tail(s, n - back)) > back)
            return str_head(s, n - back);
    return str_head(s, n); /* no UTF-8 anyway */
}

#define DISTANCE_MAX 64

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

unsigned str_distance(struct str a, struct str b)
{
    if (a.n > DISTANCE_MAX || b.n > DISTANCE_MAX)
        return DISTANCE_MAX;
    /* Three rows of the usual table: the one before last is for swaps. */
    unsigned char rows[3][DISTANCE_MAX + 1];
    unsigned char *before = rows[0], *last = rows[1], *now = rows[2];
    for (size_t j = 0; j <= b.n; j++)
        last[j] = (unsigned char)j;
    for (size_t i = 1; i <= a.n; i++) {
        now[0] = (unsigned char)i;
        for (size_t j = 1; j <= b.n; j++) {
            unsigned cost = a.p[i - 1] != b.p[j - 1];
            unsigned d = least(least(last[j] + 1u, now[j - 1] + 1u), last[j - 1] + cost);
            if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] && a.p[i - 2] == b.p[j - 1])
                d = least(d, before[j - 2] + 1u);
            now[j] = (unsigned char)d;
        }
        unsigned char *free_row = before;
        before = last;
        last = now;
        now = free_row;
    }
    return last[b.n];
}

static struct str lowered(struct str s, char room[DISTANCE_MAX])
{
    for (size_t i = 0; i < s.n; i++)
        room[i] = lower(s.p[i]);
    return str_of(room, s.n);
}

struct str str_nearest(struct str wrong, const struct str *words, size_t count)
{
    struct str best = STR_NONE;
    unsigned best_distance = DISTANCE_MAX;
    char wrong_room[DISTANCE_MAX], word_room[DISTANCE_MAX];
    if (wrong.n > DISTANCE_MAX)
        return STR_NONE;
    struct str wrong_lower = lowered(wrong, wrong_room);
    for (size_t i = 0; i < count; i++) {
        size_t longer = wrong.n > words[i].n ? wrong.n : words[i].n;
        size_t least = 2 * longer - wrong.n - words[i].n; /* the distance is no less than this */
        if (words[i].n > DISTANCE_MAX || least * 3 > longer || least >= best_distance)
            continue;
        unsigned d = str_distance(wrong_lower, lowered(words[i], word_room));
        if (d < best_distance && (size_t)d * 3 <= longer) {
            best = words[i];
            best_distance = d;
        }
    }
    return best;
}
