#include "turn/ledger/record.h"

#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

/*
 * All texts of a turn or call are reached through these lists, so that sizing, copying and cleaning
 * agree. They stand in this order: the turn's that are a label's, the calls', the rest. So the
 * first call's endpoint follows upon a label's other texts.
 */
static const size_t label_texts[] = {
    offsetof(struct ledger_turn, tenant), offsetof(struct ledger_turn, key),
    offsetof(struct ledger_turn, tags),   offsetof(struct ledger_turn, api),
    offsetof(struct ledger_turn, asked),  offsetof(struct ledger_turn, provider),
    offsetof(struct ledger_turn, model),  offsetof(struct ledger_turn, lane),
};
static const size_t call_texts[] = {
    offsetof(struct ledger_call, endpoint),
    offsetof(struct ledger_call, purpose),
    offsetof(struct ledger_call, provider),
    offsetof(struct ledger_call, model),
};
static const size_t more_texts[] = {offsetof(struct ledger_turn, task),
                                    offsetof(struct ledger_turn, session)};
_Static_assert(ARRAY_LEN(label_texts) + ARRAY_LEN(more_texts) == LEDGER_TURN_TEXTS &&
                   ARRAY_LEN(call_texts) == LEDGER_CALL_TEXTS,
               "LEDGER_RECORD_BYTES_MAX counts them");
_Static_assert(ARRAY_LEN(label_texts) + 1 == LEDGER_LABEL_TEXTS, "a label has an endpoint too");

static inline struct str *text_at(void *of, size_t offset)
{
    return (struct str *)((char *)of + offset);
}

static inline size_t aligned(size_t bytes)
{
    return (bytes + 7) & ~(size_t)7;
}

static inline size_t kept(size_t bytes, size_t bytes_max)
{
    return bytes < bytes_max ? bytes : bytes_max;
}

size_t ledger_record_bytes(const struct ledger_turn *turn)
{
    size_t bytes = sizeof(struct ledger_record) + turn->calls_n * sizeof(struct ledger_call);
    void *of = (void *)(uintptr_t)turn; /* only looked at */
    for (unsigned i = 0; i < ARRAY_LEN(label_texts); i++)
        bytes += kept(text_at(of, label_texts[i])->n, LEDGER_TEXT_BYTES_MAX);
    for (unsigned i = 0; i < ARRAY_LEN(more_texts); i++)
        bytes += kept(text_at(of, more_texts[i])->n, LEDGER_TEXT_BYTES_MAX);
    for (unsigned k = 0; k < turn->calls_n; k++) {
        of = (void *)(uintptr_t)&turn->calls[k];
        for (unsigned i = 0; i < ARRAY_LEN(call_texts); i++)
            bytes += kept(text_at(of, call_texts[i])->n, LEDGER_TEXT_BYTES_MAX);
    }
    return aligned(bytes + kept(turn->levers.n, LEDGER_LEVERS_BYTES_MAX));
}

struct ledger_slab *ledger_slab_new(size_t bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    bytes += sizeof(struct ledger_slab);
    bytes = bytes < LEDGER_SLAB_BYTES ? LEDGER_SLAB_BYTES : (bytes + page - 1) / page * page;
    struct ledger_slab *s = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                                 -1, 0);
    if (s == MAP_FAILED)
        return NULL;
    s->bytes_max = bytes - sizeof(*s); /* the rest is zero */
    return s;
}

void ledger_slab_free(struct ledger_slab *s)
{
    (void)munmap(s, sizeof(*s) + s->bytes_max);
}

static inline char *text_move(struct str *s, size_t bytes_max, char *to)
{
    if (UNLIKELY(s->n > bytes_max))
        *s = str_head_utf8(*s, bytes_max);
    if (s->n)
        memcpy(to, s->p, s->n);
    s->p = to;
    return to + s->n;
}

void ledger_slab_put(struct ledger_slab *slab, const struct ledger_turn *turn)
{
    struct ledger_record *r = (struct ledger_record *)(void *)(slab->data + slab->used);
    unsigned n = turn->calls_n;
    r->kind = RECORD_TURN;
    r->turn = *turn;
    r->turn.calls = r->calls;
    if (n)
        memcpy(r->calls, turn->calls, n * sizeof(struct ledger_call));
    char *at = (char *)(r->calls + n);
    for (unsigned i = 0; i < ARRAY_LEN(label_texts); i++)
        at = text_move(text_at(&r->turn, label_texts[i]), LEDGER_TEXT_BYTES_MAX, at);
    for (unsigned k = 0; k < n; k++)
        for (unsigned i = 0; i < ARRAY_LEN(call_texts); i++)
            at = text_move(text_at(&r->calls[k], call_texts[i]), LEDGER_TEXT_BYTES_MAX, at);
    for (unsigned i = 0; i < ARRAY_LEN(more_texts); i++)
        at = text_move(text_at(&r->turn, more_texts[i]), LEDGER_TEXT_BYTES_MAX, at);
    at = text_move(&r->turn.levers, LEDGER_LEVERS_BYTES_MAX, at);
    r->bytes = aligned((size_t)(at - (char *)r));
    memset(at, ' ', (size_t)((char *)r + r->bytes - at));
    slab->used += r->bytes;
    slab->records++;
    slab->rows += 1 + n;
}

/* Puts a record's texts behind it, which is all that is left to do. */
static void texts_put(struct ledger_slab *slab, struct ledger_record *r, struct str *const texts[],
                      unsigned n)
{
    char *at = (char *)r->calls;
    for (unsigned i = 0; i < n; i++)
        at = text_move(texts[i], LEDGER_TEXT_BYTES_MAX, at);
    r->bytes = aligned((size_t)(at - (char *)r));
    slab->used += r->bytes;
    slab->records++;
    slab->rows++;
}

void ledger_slab_put_stored(struct ledger_slab *slab, const struct ledger_stored *stored)
{
    struct ledger_record *r = (struct ledger_record *)(void *)(slab->data + slab->used);
    struct ledger_stored *s = &r->stored;
    r->kind = RECORD_STORED;
    *s = *stored;
    texts_put(slab, r, (struct str *[]){&s->id, &s->tenant, &s->provider}, 3);
}

void ledger_slab_put_outcome(struct ledger_slab *slab, const struct ledger_outcome *outcome)
{
    struct ledger_record *r = (struct ledger_record *)(void *)(slab->data + slab->used);
    struct ledger_outcome *o = &r->outcome;
    r->kind = RECORD_OUTCOME;
    *o = *outcome;
    texts_put(slab, r, (struct str *[]){&o->tenant, &o->task, &o->key, &o->comment}, 4);
}

struct ledger_record *ledger_slab_first(struct ledger_slab *slab)
{
    return slab->used ? (struct ledger_record *)(void *)slab->data : NULL;
}

struct ledger_record *ledger_slab_next(struct ledger_slab *slab, struct ledger_record *r)
{
    char *next = (char *)r + r->bytes;
    return next < slab->data + slab->used ? (struct ledger_record *)(void *)next : NULL;
}

struct str ledger_record_label(const struct ledger_record *r, bool with_call,
                               uint16_t ret_text_n[LEDGER_LABEL_TEXTS])
{
    void *of = (void *)(uintptr_t)&r->turn; /* only looked at */
    size_t bytes = 0;
    for (unsigned i = 0; i < ARRAY_LEN(label_texts); i++)
        bytes += ret_text_n[i] = (uint16_t)text_at(of, label_texts[i])->n;
    bytes += ret_text_n[ARRAY_LEN(label_texts)] = with_call ? (uint16_t)r->calls[0].endpoint.n : 0;
    return str_of((const char *)(r->calls + r->turn.calls_n), bytes);
}

/* ---- cleaning ---- */

/* Nothing but ASCII without control characters (DEL does no harm), eight bytes at a time. */
static bool is_plain(const char *p, size_t n)
{
    const uint64_t high = UINT64_C(0x8080808080808080);
    uint64_t bad = 0;
    while (n >= 8) {
        uint64_t x;
        memcpy(&x, p, 8);
        bad |= x | (x - UINT64_C(0x2020202020202020)); /* the high bit of a byte below 0x20 */
        p += 8;
        n -= 8;
    }
    for (; n > 0; n--, p++)
        bad |= (unsigned char)*p | ((unsigned char)*p - 0x20U);
    return (bad & high) == 0;
}

void ledger_text_clean(char *text, size_t n)
{
    struct str s = str_of(text, n);
    for (size_t i = 0; i < n;) {
        size_t char_n = str_utf8_len(str_tail(s, i));
        /* U+0080 to U+009F steer terminals too. */
        bool control = (unsigned char)text[i] < 0x20 || text[i] == 0x7f ||
                       (char_n == 2 && text[i] == '\xc2' && (unsigned char)text[i + 1] < 0xa0);
        if (char_n == 0 || control) {
            char_n = char_n ? char_n : 1;
            memset(text + i, '?', char_n);
        }
        i += char_n;
    }
}

static void text_clean(struct str s)
{
    ledger_text_clean((char *)(uintptr_t)s.p, s.n); /* the record's own bytes */
}

void ledger_record_clean(struct ledger_record *r)
{
    if (UNLIKELY(r->kind == RECORD_OUTCOME)) {
        text_clean(r->outcome.task); /* as its turns have it */
        text_clean(r->outcome.comment);
        return;
    }
    unsigned n = r->turn.calls_n;
    const char *texts = (const char *)(r->calls + n);
    if (LIKELY(is_plain(texts, (size_t)((const char *)r + r->bytes - texts))))
        return;
    for (unsigned i = 0; i < ARRAY_LEN(label_texts); i++)
        text_clean(*text_at(&r->turn, label_texts[i]));
    for (unsigned i = 0; i < ARRAY_LEN(more_texts); i++)
        text_clean(*text_at(&r->turn, more_texts[i]));
    for (unsigned k = 0; k < n; k++)
        for (unsigned i = 0; i < ARRAY_LEN(call_texts); i++)
            text_clean(*text_at(&r->calls[k], call_texts[i]));
    text_clean(r->turn.levers);
}
