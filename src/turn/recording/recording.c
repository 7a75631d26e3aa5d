#include "turn/recording/recording.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/put.h"
#include "turn/recording/writer.h"

#define TEXTS_BYTES_MAX (64u * 1024)
#define PIECE_BYTES     4096
#define PIECE_BYTES_MAX 65536 /* of a stream */

const char *const recording_fate_names[RECORDING_FATES] = {
    [RECORDING_WRITTEN] = "written",      [RECORDING_OPTED_OUT] = "opted out",
    [RECORDING_NO_MEMORY] = "no memory",  [RECORDING_TOO_LARGE] = "too large",
    [RECORDING_NOT_JSON] = "no JSON",     [RECORDING_TOO_COSTLY] = "pattern too costly",
    [RECORDING_NO_DISK] = "disk refused",
};

int recorder_new(struct recorder **ret_recorder, struct fault *f)
{
    struct recorder *r = calloc(1, sizeof(*r));
    if (!r)
        return E_MEMORY;
    int err = recording_writer_start(r, f);
    if (err) {
        free(r);
        return err;
    }
    *ret_recorder = r;
    return 0;
}

void recorder_close(struct recorder *r)
{
    if (!r)
        return;
    recording_writer_stop(r);
    recording_rules_unref(r->rules);
    free(r);
}

void recorder_use(struct recorder *r, struct recording_rules *rules)
{
    uv_mutex_lock(&r->lock);
    struct recording_rules *old = r->rules;
    r->rules = recording_rules_ref(rules);
    r->fresh_rules = true;
    uv_cond_signal(&r->more);
    uv_mutex_unlock(&r->lock);
    /* Whoever runs it shall see that prompts are kept. */
    char share[PUT_DECIMAL_MAX];
    if (rules && (!old || !str_eq(old->folder, rules->folder)))
        LOG(LOG_INFO, "recording_on", log_s("folder", rules->folder),
            log_s("share",
                  str_of(share, (size_t)(put_decimal(share, rules->share, 6, 0) - share))));
    else if (old && !rules)
        LOG(LOG_INFO, "recording_off");
    recording_rules_unref(old);
}

struct recording_stats recorder_stats(const struct recorder *r)
{
    struct recording_stats s = {.bytes = 0};
    if (!r)
        return s;
    for (unsigned i = 0; i < RECORDING_FATES; i++)
        s.fates[i] = atomic_load(&r->fates[i]);
    s.bytes = atomic_load(&r->bytes);
    s.redacted = atomic_load(&r->redacted);
    s.held_bytes = atomic_load(&r->held_bytes);
    return s;
}

/* ---- memory ---- */

static void pieces_free(struct recording_pieces *all)
{
    while (all->first) {
        struct recording_piece *next = all->first->next;
        free(all->first);
        all->first = next;
    }
    all->last = &all->first;
    all->n = 0;
}

static void bytes_give_back(struct recording *rec)
{
    pieces_free(&rec->request);
    pieces_free(&rec->answer);
    atomic_fetch_sub(&rec->recorder->held_bytes, rec->held_bytes);
    rec->held_bytes = 0;
}

void recording_free(struct recording *rec)
{
    bytes_give_back(rec);
    recording_rules_unref(rec->rules);
    struct arena arena = rec->arena; /* it holds the recording, too */
    arena_fini(&arena);
}

static void budget_say(struct recorder *r, const struct recording_rules *rules)
{
    if (!r->memory_said)
        LOG(LOG_WARN, "recording_behind", log_i("memory_bytes", rules->memory_bytes_max),
            log_z("hint", "turns go unrecorded until what waits is written"));
    r->memory_said = true;
}

/* The turn goes unrecorded, and holds nothing from here on. */
static void recording_fail(struct recording *rec, enum recording_fate why)
{
    rec->failed = why;
    bytes_give_back(rec);
    if (why == RECORDING_NO_MEMORY)
        budget_say(rec->recorder, rec->rules);
}

/* `bytes` more, within the turn's limit and everybody's. */
static bool may_hold(struct recording *rec, size_t bytes)
{
    if (rec->request.n + rec->answer.n + bytes > (size_t)rec->rules->turn_bytes_max) {
        recording_fail(rec, RECORDING_TOO_LARGE);
        return false;
    }
    return true;
}

static struct recording_piece *piece_add(struct recording *rec, struct recording_pieces *to,
                                         size_t bytes)
{
    struct recorder *r = rec->recorder;
    int64_t held = (int64_t)(sizeof(struct recording_piece) + bytes);
    int64_t before = atomic_fetch_add(&r->held_bytes, held);
    struct recording_piece *p = NULL;
    if (before + held <= rec->rules->memory_bytes_max)
        p = malloc(sizeof(*p) + bytes);
    if (!p) {
        atomic_fetch_sub(&r->held_bytes, held);
        recording_fail(rec, RECORDING_NO_MEMORY);
        return NULL;
    }
    rec->held_bytes += held;
    p->next = NULL;
    p->n = 0;
    p->cap = bytes;
    *to->last = p;
    to->last = &p->next;
    return p;
}

static void bytes_add(struct recording *rec, struct recording_pieces *to, struct str bytes,
                      size_t piece_bytes)
{
    if (rec->failed || bytes.n == 0 || !may_hold(rec, bytes.n))
        return;
    to->n += bytes.n;
    struct recording_piece *p = to->first ? CONTAINER_OF(to->last, struct recording_piece, next)
                                          : NULL;
    while (bytes.n > 0) {
        if (!p || p->n == p->cap)
            p = piece_add(rec, to, bytes.n > piece_bytes ? bytes.n : piece_bytes);
        if (!p)
            return;
        size_t n = bytes.n < p->cap - p->n ? bytes.n : p->cap - p->n;
        memcpy(p->bytes + p->n, bytes.p, n);
        p->n += n;
        bytes = str_tail(bytes, n);
    }
}

/* ---- a turn ---- */

static bool is_among(struct str name, const struct str *names, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (str_eq(name, names[i]))
            return true;
    return false;
}

/* Whoever says anything but yes means no. */
static bool opts_out(const struct http_headers *headers)
{
    static const char *const yes[] = {"yes", "on", "true", "1"};
    for (unsigned i = 0; i < headers->n; i++) {
        const struct http_header *h = &headers->at[i];
        if (h->field != FIELD_X_SLUICE || !str_eq_nocase(h->name, STR("x-sluice-record")))
            continue;
        bool fine = false;
        for (unsigned j = 0; j < ARRAY_LEN(yes); j++)
            fine = fine || str_eq_nocase(str_trim(h->value), str_from(yes[j]));
        if (!fine)
            return true;
    }
    return false;
}

struct recording *recording_begin(struct recorder *r, struct recording_rules *rules,
                                  const struct turn *t, const struct http_headers *headers)
{
    struct str name = t->session.n ? t->session : str_of(t->id.text, ID_CHARS);
    if (!recording_in_share(name, rules->share) ||
        is_among(t->tenant, rules->tenants, rules->tenants_n) ||
        is_among(t->key, rules->keys, rules->keys_n) ||
        is_among(str_from(t->api), rules->apis, rules->apis_n))
        return NULL;
    if (opts_out(headers)) {
        atomic_fetch_add(&r->fates[RECORDING_OPTED_OUT], 1);
        return NULL;
    }
    int64_t before = atomic_fetch_add(&r->held_bytes, ARENA_BLOCK);
    if (before == 0)
        r->memory_said = false; /* all was written: should it happen again, it is said again */
    struct arena arena;
    arena_init_private(&arena, TEXTS_BYTES_MAX);
    bool room = before + ARENA_BLOCK <= rules->memory_bytes_max;
    struct recording *rec = room ? ARENA_NEW(&arena, struct recording) : NULL;
    if (!rec) {
        atomic_fetch_sub(&r->held_bytes, ARENA_BLOCK);
        atomic_fetch_add(&r->fates[RECORDING_NO_MEMORY], 1);
        arena_fini(&arena);
        budget_say(r, rules);
        return NULL;
    }
    rec->arena = arena;
    rec->recorder = r;
    rec->rules = recording_rules_ref(rules);
    rec->request.last = &rec->request.first;
    rec->answer.last = &rec->answer.first;
    rec->held_bytes = ARENA_BLOCK;
    return rec;
}

void recording_request(struct recording *rec, struct str body)
{
    if (rec->request.n == 0)
        bytes_add(rec, &rec->request, body, 0);
}

void recording_answer(struct recording *rec, struct str bytes)
{
    size_t usual = rec->answer.n < PIECE_BYTES ? PIECE_BYTES : rec->answer.n;
    bytes_add(rec, &rec->answer, bytes, usual < PIECE_BYTES_MAX ? usual : PIECE_BYTES_MAX);
}

static bool texts_take(struct recording *rec, const struct turn *t)
{
    const struct target *target = t->target;
    const struct {
        struct str *to, from;
    } texts[] = {
        {&rec->tenant, t->tenant},
        {&rec->key, t->key},
        {&rec->task, t->task},
        {&rec->session, t->session},
        {&rec->tags, t->tags},
        {&rec->asked, t->request ? t->request->model : STR_NONE},
        {&rec->provider, target ? target->provider->name : STR_NONE},
        {&rec->model, target ? target->model : STR_NONE},
    };
    for (unsigned i = 0; i < ARRAY_LEN(texts); i++) {
        if (texts[i].from.p)
            *texts[i].to = arena_str(&rec->arena, texts[i].from);
        if (texts[i].from.p && !texts[i].to->p)
            return false;
    }
    return true;
}

void recording_end(struct recording *rec, const struct turn *t)
{
    struct recorder *r = rec->recorder;
    if (!rec->failed && !texts_take(rec, t))
        recording_fail(rec, RECORDING_TOO_LARGE);
    if (rec->failed) {
        enum recording_fate fate = rec->failed;
        recording_free(rec);
        atomic_fetch_add(&r->fates[fate], 1);
        return;
    }
    rec->id = t->id;
    rec->began_wall_us = t->began_wall_us;
    rec->first_us = t->first_us ? t->first_us - t->began_us : -1;
    rec->total_us = t->total_us;
    rec->api = t->api;
    rec->prompt = t->prompt;
    rec->state = turn_state_name(t->state);
    rec->err = t->err ? err_code(t->err) : NULL;
    rec->status = t->status;
    rec->streamed = t->streamed;
    rec->calls_n = t->calls_n;
    rec->tokens = t->tokens;
    rec->counted = token_source_name(t->tokens.source);
    rec->cost_usd_nanos = t->cost_usd_nanos;
    uv_mutex_lock(&r->lock);
    bool first = !r->first;
    *r->last = rec;
    r->last = &rec->next;
    if (first)
        uv_cond_signal(&r->more);
    uv_mutex_unlock(&r->lock);
}
