/*
 * ledger_record.c: a turn and its calls, packed into one piece of memory that another thread may
 * read and free.
 */
#include <stdlib.h>

#include "turn/ledger_rows.h"

/* All texts of a turn or call are reached through these lists, so that sizing and copying agree. */
static struct str *turn_text(struct ledger_turn *t, unsigned i)
{
    struct str *const texts[] = {&t->tenant, &t->key,      &t->task,  &t->session, &t->tags, &t->api,
                                 &t->asked,  &t->provider, &t->model, &t->lane,    &t->levers};
    return i < ARRAY_LEN(texts) ? texts[i] : NULL;
}

static struct str *call_text(struct ledger_call *c, unsigned i)
{
    struct str *const texts[] = {&c->purpose, &c->provider, &c->model, &c->endpoint};
    return i < ARRAY_LEN(texts) ? texts[i] : NULL;
}

static size_t texts_bytes(struct ledger_turn *t, struct ledger_call *calls)
{
    size_t bytes = 0;
    for (unsigned i = 0; turn_text(t, i); i++)
        bytes += turn_text(t, i)->n;
    for (unsigned k = 0; k < t->calls_n; k++)
        for (unsigned i = 0; call_text(&calls[k], i); i++)
            bytes += call_text(&calls[k], i)->n;
    return bytes;
}

static char *text_move(struct str *s, char *to)
{
    if (s->n)
        memcpy(to, s->p, s->n);
    if (s->p)
        s->p = to;
    return to + s->n;
}

struct ledger_record *ledger_record_new(const struct ledger_turn *turn)
{
    struct ledger_turn copy = *turn;
    size_t calls_bytes = turn->calls_n * sizeof(struct ledger_call);
    struct ledger_call *from = (struct ledger_call *)(uintptr_t)turn->calls;
    size_t bytes = sizeof(struct ledger_record) + calls_bytes + texts_bytes(&copy, from);
    struct ledger_record *r = malloc(bytes);
    if (!r)
        return NULL;
    struct ledger_call *calls = (struct ledger_call *)(r + 1);
    char *at = (char *)calls + calls_bytes;
    if (calls_bytes)
        memcpy(calls, turn->calls, calls_bytes);
    *r = (struct ledger_record){.bytes = bytes, .turn = copy};
    r->turn.calls = calls;
    for (unsigned i = 0; turn_text(&r->turn, i); i++)
        at = text_move(turn_text(&r->turn, i), at);
    for (unsigned k = 0; k < turn->calls_n; k++)
        for (unsigned i = 0; call_text(&calls[k], i); i++)
            at = text_move(call_text(&calls[k], i), at);
    return r;
}
