/*
 * fuzz_wire_gemini.c: whatever bytes come as an answer of Gemini's or as the events of a stream,
 * and whatever chat is written for it.
 *
 * An answer that was read, and the same bytes as a stream of one event, hold the same blocks.
 * Events keep the order that chat.h promises, however a stream repeats or breaks off, and all that
 * is given as a string is one. What is written of any chat is JSON. The bytes are lines: each is an
 * event; and they are choices, of which a chat is made.
 */
#include "llm/gemini.h"
#include "llm/wire/gemini.h"
#include "wire_fuzz.h"

/* ---- answers ---- */

/* What is read of blocks, whole or in events: two readings of the same have the same. */
struct sums {
    unsigned calls, signatures;
    size_t text_bytes, thought_bytes;
};

static void text_add(struct sums *sums, enum chat_block_kind kind, struct str text)
{
    size_t bytes = text.n ? text.n - 2 : 0;
    sums->text_bytes += kind == BLOCK_TEXT ? bytes : 0;
    sums->thought_bytes += kind == BLOCK_THINKING ? bytes : 0;
}

static void check_tokens(const struct tokens *t)
{
    fuzz_tokens(t);
    MUST(t->cache_write == 0);
}

static bool check_answer(struct str body, struct sums *ret_sums)
{
    struct arena a;
    struct chat_answer answer;
    arena_init(&a, 64u << 20);
    int err = gemini_answer_read(body, &a, &answer);
    MUST(err == 0 || err == E_UPSTREAM_BODY);
    *ret_sums = (struct sums){0};
    for (const struct chat_block *b = err ? NULL : answer.blocks; b; b = b->next) {
        fuzz_string(&a, b->text);
        fuzz_string(&a, b->id);
        fuzz_string(&a, b->name);
        fuzz_string(&a, b->signature);
        MUST(b->kind != BLOCK_CALL || (b->id.n > 2 && json_is_object(b->input)));
        text_add(ret_sums, b->kind, b->text);
        ret_sums->calls += b->kind == BLOCK_CALL;
        ret_sums->signatures += b->signature.n > 0;
    }
    if (!err) {
        fuzz_string(&a, answer.id);
        fuzz_string(&a, answer.model);
        check_tokens(&answer.usage);
    }
    arena_fini(&a);
    return !err;
}

/* ---- streams ---- */

struct watch {
    struct fuzz_watch order;
    struct sums sums;
};

static void check_event(struct watch *w, const struct chat_event *e, struct arena *a)
{
    bool begins_call = e->kind == EVENT_BLOCK_BEGIN && e->block == BLOCK_CALL;
    fuzz_event(&w->order, e, a);
    MUST(!begins_call || e->id.n > 2);
    w->sums.calls += begins_call;
    w->sums.signatures += e->kind == EVENT_SIGNATURE;
    if (e->kind == EVENT_DELTA)
        text_add(&w->sums, e->block, e->text);
    if (e->kind == EVENT_USAGE)
        check_tokens(&e->usage);
}

static bool feed(struct wire_state *state, struct watch *w, struct str data, struct arena *a)
{
    int err = 0;
    do {
        struct chat_events events;
        err = gemini_event_read(state, STR_NONE, data, &events);
        MUST(err == 0 || err == E_UPSTREAM_BODY);
        MUST(events.n <= CHAT_EVENTS_MAX && (!state->again || events.n > 0));
        for (unsigned i = 0; !err && i < events.n; i++)
            check_event(w, &events.at[i], a);
    } while (!err && state->again);
    struct llm_facts facts;
    int other = gemini_event_facts(STR_NONE, data, &facts);
    MUST(err == 0 || other == err);
    MUST(facts.error_status == 0 || facts.has_error);
    return !err;
}

static void check_streams(struct str text)
{
    struct arena a, scratch;
    struct sums sums;
    arena_init(&a, 64u << 20);
    arena_init(&scratch, 256u << 20);
    struct wire_state one = {.arena = &a};
    struct watch w = {0};
    bool read = feed(&one, &w, text, &scratch);
    if (check_answer(text, &sums))
        MUST(read && memcmp(&sums, &w.sums, sizeof(sums)) == 0);
    struct wire_state lines = {.arena = &a};
    w = (struct watch){0};
    for (struct str rest = text; rest.n > 0;)
        (void)feed(&lines, &w, str_cut(&rest, '\n'), &scratch);
    arena_fini(&scratch);
    arena_fini(&a);
}

/* ---- requests ---- */

/* Ids that have a signature in them, and signatures that are Gemini's. */
static const struct str strings[] = {
    {"\"\"", 2},
    {"\"a\\n\"", 5},
    {"\"\\ud83d\\ude00\"", 14},
    {"\"c__thought__QUJD\"", 18},
    {"\"__thought__\"", 13},
    {"\"c\"", 3},
    {"\"gemini:QUJD\"", 13},
    {"\"https://x/y.png?z\"", 19},
    {"\"high\"", 6},
    {"\"low\"", 5},
    {NULL, 0},
};
static const struct str models[] = {{"gemini-2.5-pro", 14}, {"gemini-3-pro", 12}, {NULL, 0}};
static const struct str types[] = {{"image/png", 9}, {"wav", 3}, {"\"\\", 2}, {NULL, 0}};
static const struct fuzz_words words = {.models = models, .strings = strings, .types = types};

static void check_request(struct str text)
{
    struct fuzz_room room;
    fuzz_room_init(&room);
    (void)fuzz_written(&wire_gemini, &words, text, &room);
    fuzz_room_fini(&room);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data, size};
    check_streams(text);
    check_request(text);
    struct llm_facts facts;
    int err = gemini_answer_facts(text, &facts);
    MUST(err == 0 || err == E_UPSTREAM_BODY);
    return 0;
}
