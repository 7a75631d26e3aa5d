#include "turn/ledger/label.h"

#include <xxhash.h>

#define HOUR_US         INT64_C(3600000000)
#define TEXTS_BYTES_MAX (16 * 1024 * 1024)

int ledger_labels_init(struct ledger_labels *l, struct rows_store *store, struct fault *f)
{
    arena_init_private(&l->arena, TEXTS_BYTES_MAX);
    return rows_prepare(store,
                        "INSERT INTO labels (n, process, hour, tenant, key, tags, api, asked,"
                        " provider, model, lane, stream, status, error, counted, endpoint, reused)"
                        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14,"
                        " $15, $16, $17)",
                        &l->add, f);
}

void ledger_labels_fini(struct ledger_labels *l)
{
    rows_free(l->add);
    arena_fini(&l->arena);
}

void ledger_labels_forget(struct ledger_labels *l)
{
    memset(l->slots, 0, sizeof(l->slots));
    l->last = NULL;
    l->remembered = 0;
    arena_fini(&l->arena);
}

static int label_write(struct ledger_labels *l, int64_t n, const struct ledger_label_key *k,
                       const struct ledger_turn *t, const struct ledger_call *call, struct fault *f)
{
    const struct rows_value v[] = {
        rows_int(n),
        rows_int(l->process),
        rows_int(k->hour),
        ledger_text_value(t->tenant),
        ledger_text_value(t->key),
        ledger_text_value(t->tags),
        ledger_text_value(t->api),
        ledger_text_value(t->asked),
        ledger_text_value(t->provider),
        ledger_text_value(t->model),
        ledger_text_value(t->lane),
        rows_int(t->stream),
        ledger_status_value(t->status),
        ledger_err_value(t->err),
        ledger_counted_value(t->tokens.source),
        call ? ledger_text_value(call->endpoint) : rows_null(),
        call ? rows_int(call->reused) : rows_null(),
    };
    return rows_run(l->add, v, ARRAY_LEN(v), f);
}

static struct ledger_label *label_new(struct ledger_labels *l, uint64_t hash,
                                      const struct ledger_label_key *key, struct str texts)
{
    struct ledger_label *label = ARENA_NEW(&l->arena, struct ledger_label);
    if (!label)
        return NULL;
    label->hash = hash;
    label->key = *key;
    label->texts = arena_str(&l->arena, texts);
    return label->texts.p ? label : NULL;
}

static void key_make(const struct ledger_record *r, const struct ledger_call *call,
                     struct ledger_label_key *ret_key, struct str *ret_texts)
{
    const struct ledger_turn *t = &r->turn;
    *ret_key = (struct ledger_label_key){
        .hour = t->began_wall_us / HOUR_US,
        .status = t->status,
        .err = t->err,
        .stream = t->stream,
        .counted = (uint8_t)t->tokens.source,
        .has_call = call != NULL,
        .reused = call && call->reused,
    };
    *ret_texts = ledger_record_label(r, call != NULL, ret_key->text_n);
}

static bool is_of(const struct ledger_label *label, const struct ledger_label_key *key,
                  struct str texts)
{
    return memcmp(&label->key, key, sizeof(*key)) == 0 && str_eq(label->texts, texts);
}

/* The label, or NULL with *ret_at where it would go. */
static struct ledger_label *label_find(struct ledger_labels *l, uint64_t hash,
                                       const struct ledger_label_key *key, struct str texts,
                                       unsigned *ret_at)
{
    unsigned mask = ARRAY_LEN(l->slots) - 1, at = (unsigned)hash & mask;
    for (; l->slots[at]; at = (at + 1) & mask)
        if (l->slots[at]->hash == hash && is_of(l->slots[at], key, texts))
            return l->slots[at];
    *ret_at = at;
    return NULL;
}

int ledger_labels_get(struct ledger_labels *l, const struct ledger_record *r,
                      const struct ledger_call *call, struct ledger_label **ret_label,
                      struct fault *f)
{
    struct ledger_label_key key;
    struct str texts;
    unsigned at = 0;
    key_make(r, call, &key, &texts);
    if (l->last && is_of(l->last, &key, texts)) { /* most turns are like the one before */
        *ret_label = l->last;
        return 0;
    }
    uint64_t hash = XXH3_64bits_withSeed(texts.p, texts.n, XXH3_64bits(&key, sizeof(key)));
    if (l->remembered == LEDGER_LABELS_MAX)
        ledger_labels_forget(l);
    struct ledger_label *label = label_find(l, hash, &key, texts, &at);
    if (!label) {
        label = label_new(l, hash, &key, texts);
        if (!label)
            return E_MEMORY;
        label->n = l->process << 32 | ++l->made;
        int err = label_write(l, label->n, &key, &r->turn, call, f);
        if (err)
            return err;
        l->slots[at] = label;
        l->remembered++;
    }
    *ret_label = l->last = label;
    return 0;
}
