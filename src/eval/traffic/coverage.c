#include "eval/traffic/coverage.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <xxhash.h>

#include "eval/stats/share.h"

#define ANY_PROMPT     UINT64_MAX
#define MISSING_MAX    20000
#define DAY_S          86400
#define PROMPT_PLACES  (2u * COVERAGE_PROMPTS_MAX)
#define SESSIONS_LEAST 1024

struct session {
    uint64_t name; /* its hash; 0: free */
    uint32_t turns, covered;
};

struct coverage {
    struct coverage_settings set;
    struct near_index *cases, *lacking;
    struct coverage_count all;
    uint64_t cases_n;
    struct coverage_day *days; /* in order */
    unsigned days_n;
    struct coverage_missing *missing; /* by their number in `lacking` */
    unsigned missing_n;
    uint64_t missing_untold, prompts_untold;
    struct coverage_prompt *prompts;
    struct near_sketch *words; /* of each; n == 0: they were not told */
    unsigned prompts_n;
    uint16_t prompt_at[PROMPT_PLACES]; /* by fingerprint: the number in `prompts` and 1; 0: free */
    struct session *sessions;          /* by name */
    size_t sessions_n, places;
};

int coverage_new(const struct coverage_settings *settings, struct coverage **ret_coverage)
{
    struct coverage *c = calloc(1, sizeof(*c));
    if (!c)
        return E_MEMORY;
    c->set = *settings;
    c->days = calloc(COVERAGE_DAYS_MAX, sizeof(*c->days));
    c->missing = calloc(MISSING_MAX, sizeof(*c->missing));
    c->prompts = calloc(COVERAGE_PROMPTS_MAX, sizeof(*c->prompts));
    c->words = calloc(COVERAGE_PROMPTS_MAX, sizeof(*c->words));
    int err = c->days && c->missing && c->prompts && c->words ? 0 : E_MEMORY;
    if (!err)
        err = near_index_new(settings->near, settings->bytes_max / 2, &c->cases);
    if (!err)
        err = near_index_new(settings->near, settings->bytes_max / 2, &c->lacking);
    if (err)
        coverage_free(c);
    else
        *ret_coverage = c;
    return err;
}

void coverage_free(struct coverage *c)
{
    if (!c)
        return;
    near_index_free(c->cases);
    near_index_free(c->lacking);
    free(c->days);
    free(c->missing);
    free(c->prompts);
    free(c->words);
    free(c->sessions);
    free(c);
}

static void text_keep(char *to, size_t room, struct str text)
{
    struct str head = str_head_utf8(text, room - 1);
    if (head.n)
        memcpy(to, head.p, head.n);
    to[head.n] = '\0';
}

/* ---- prompts ---- */

static struct coverage_prompt *prompt_find(struct coverage *c, uint64_t prompt)
{
    size_t i = prompt % PROMPT_PLACES;
    for (; c->prompt_at[i]; i = (i + 1) % PROMPT_PLACES)
        if (c->prompts[c->prompt_at[i] - 1].prompt == prompt)
            return &c->prompts[c->prompt_at[i] - 1];
    if (c->prompts_n == COVERAGE_PROMPTS_MAX)
        return NULL;
    struct coverage_prompt *p = &c->prompts[c->prompts_n++];
    *p = (struct coverage_prompt){.prompt = prompt};
    c->prompt_at[i] = (uint16_t)c->prompts_n;
    return p;
}

int coverage_case(struct coverage *c, uint64_t prompt, const struct near_mark *mark)
{
    struct coverage_prompt *p = prompt ? prompt_find(c, prompt) : NULL;
    if (p)
        p->seen = true;
    c->cases_n++;
    int err = near_index_add(c->cases, prompt, mark);
    return err ? err : near_index_add(c->cases, ANY_PROMPT, mark);
}

bool coverage_lacks_words(struct coverage *c, uint64_t prompt)
{
    struct coverage_prompt *p = prompt ? prompt_find(c, prompt) : NULL;
    return p && c->words[p - c->prompts].n == 0;
}

void coverage_words(struct coverage *c, uint64_t prompt, const struct near_sketch *words)
{
    struct coverage_prompt *p = prompt_find(c, prompt);
    if (p)
        c->words[p - c->prompts] = *words;
}

/* For each that no suite has, the one of theirs that says most of the same. */
static void likes_find(struct coverage *c)
{
    for (unsigned i = 0; i < c->prompts_n; i++) {
        struct coverage_prompt *p = &c->prompts[i];
        for (unsigned k = 0; k < c->prompts_n && !p->seen; k++) {
            double alike = c->prompts[k].seen ? near_alike(&c->words[i], &c->words[k]) : 0;
            if (alike <= p->alike)
                continue;
            p->alike = alike;
            p->like = c->prompts[k].prompt;
        }
    }
}

/* ---- sessions ---- */

static struct session *session_place(struct session *at, size_t places, uint64_t name)
{
    size_t i = name & (places - 1);
    while (at[i].name && at[i].name != name)
        i = (i + 1) & (places - 1);
    return &at[i];
}

static int sessions_grow(struct coverage *c)
{
    size_t places = c->places ? c->places * 2 : SESSIONS_LEAST;
    struct session *more = calloc(places, sizeof(*more));
    if (!more)
        return E_MEMORY;
    for (size_t i = 0; i < c->places; i++)
        if (c->sessions[i].name)
            *session_place(more, places, c->sessions[i].name) = c->sessions[i];
    free(c->sessions);
    c->sessions = more;
    c->places = places;
    return 0;
}

/* Two tenants that choose the same name have two sessions. */
static int session_count(struct coverage *c, const struct coverage_turn *t, bool covered)
{
    struct str name = t->session.n ? t->session : t->id;
    uint64_t hash = XXH3_64bits_withSeed(name.p, name.n, XXH3_64bits(t->tenant.p, t->tenant.n));
    int err = c->sessions_n * 2 >= c->places ? sessions_grow(c) : 0;
    if (err)
        return err;
    struct session *s = session_place(c->sessions, c->places, hash ? hash : 1);
    c->sessions_n += s->name == 0;
    s->name = hash ? hash : 1;
    s->turns++;
    s->covered += covered;
    return 0;
}

/*
 * How many turns are worth one independent one: the variance of the share over sessions, divided by
 * that of as many turns drawn one by one. Where all are covered, or none is, there is no variance
 * to go by, and the sessions' sizes say the most that it can be.
 */
static double design_effect(const struct coverage *c)
{
    double n = (double)c->all.turns, p = n > 0 ? (double)c->all.covered / n : 0;
    double squares = 0, sizes = 0, m = (double)c->sessions_n;
    for (size_t i = 0; i < c->places; i++) {
        double turns = c->sessions[i].turns, apart = c->sessions[i].covered - p * turns;
        squares += apart * apart;
        sizes += turns * turns;
    }
    if (n == 0)
        return 1;
    double most = sizes / n;
    if (m < 2 || p == 0 || p == 1)
        return most > 1 ? most : 1;
    double effect = m / (m - 1) * squares / (n * n) / (p * (1 - p) / n);
    return effect > 1 ? effect : 1;
}

/* ---- days ---- */

static void monday_of(const char day[11], char ret_monday[11])
{
    struct tm t = {.tm_mday = 0};
    memcpy(ret_monday, day, 11);
    if (sscanf(day, "%4d-%2d-%2d", &t.tm_year, &t.tm_mon, &t.tm_mday) != 3)
        return;
    t.tm_year -= 1900;
    t.tm_mon -= 1;
    time_t at = timegm(&t);
    at -= (t.tm_wday + 6) % 7 * DAY_S; /* timegm has set the day of the week */
    if (gmtime_r(&at, &t))
        (void)strftime(ret_monday, 11, "%Y-%m-%d", &t);
}

/* Days come nearly in order, so the place is sought from the end. */
static struct coverage_day *day_of(struct coverage *c, struct str day)
{
    char name[11], monday[11];
    text_keep(name, sizeof(name), day);
    if (c->set.by_week) {
        monday_of(name, monday);
        memcpy(name, monday, sizeof(name));
    }
    unsigned i = c->days_n;
    while (i > 0 && strcmp(c->days[i - 1].day, name) > 0)
        i--;
    if (i > 0 && strcmp(c->days[i - 1].day, name) == 0)
        return &c->days[i - 1];
    if (c->days_n == COVERAGE_DAYS_MAX)
        return NULL;
    memmove(&c->days[i + 1], &c->days[i], (c->days_n - i) * sizeof(*c->days));
    c->days_n++;
    c->days[i] = (struct coverage_day){.count = {.turns = 0}};
    memcpy(c->days[i].day, name, sizeof(name));
    return &c->days[i];
}

/* ---- turns ---- */

static int missing_add(struct coverage *c, const struct coverage_turn *t)
{
    uint32_t at = near_index_find(c->lacking, t->prompt, t->mark, NULL);
    if (at == NEAR_NONE) {
        int err = c->missing_n < MISSING_MAX ? near_index_add(c->lacking, t->prompt, t->mark)
                                             : E_TOO_LARGE;
        if (err == E_TOO_LARGE)
            c->missing_untold++;
        if (err)
            return err == E_TOO_LARGE ? 0 : err;
        struct coverage_missing *m = &c->missing[at = c->missing_n++];
        *m = (struct coverage_missing){.prompt = t->prompt};
        text_keep(m->id, sizeof(m->id), t->id);
        text_keep(m->text, sizeof(m->text), t->text);
    }
    c->missing[at].turns++;
    return 0;
}

/* Has a suite its prompt? A turn without one has none to miss. */
static bool prompt_count(struct coverage *c, const struct coverage_turn *t)
{
    struct coverage_prompt *p = t->prompt ? prompt_find(c, t->prompt) : NULL;
    if (!t->prompt)
        return true;
    if (!p) {
        c->prompts_untold++;
        return false;
    }
    char day[11];
    text_keep(day, sizeof(day), t->day);
    if (p->turns == 0) {
        text_keep(p->tenant, sizeof(p->tenant), t->tenant);
        text_keep(p->model, sizeof(p->model), t->model);
        text_keep(p->id, sizeof(p->id), t->id);
    }
    if (p->turns == 0 || strcmp(day, p->first_day) < 0)
        memcpy(p->first_day, day, sizeof(day));
    if (p->turns == 0 || strcmp(day, p->last_day) > 0)
        memcpy(p->last_day, day, sizeof(day));
    p->turns++;
    return p->seen;
}

static void count_add(struct coverage_count *n, bool covered, bool moved, bool seen)
{
    n->turns++;
    n->covered += covered;
    n->moved += moved;
    n->unseen += !seen;
}

int coverage_turn(struct coverage *c, const struct coverage_turn *t)
{
    bool covered = near_index_find(c->cases, t->prompt, t->mark, NULL) != NEAR_NONE;
    bool moved = !covered && near_index_find(c->cases, ANY_PROMPT, t->mark, NULL) != NEAR_NONE;
    bool seen = prompt_count(c, t);
    struct coverage_day *day = day_of(c, t->day);
    count_add(&c->all, covered, moved, seen);
    if (day)
        count_add(&day->count, covered, moved, seen);
    int err = session_count(c, t, covered);
    if (!err && !covered && !moved)
        err = missing_add(c, t);
    return err;
}

/* ---- the report ---- */

static int most_missing_first(const void *a, const void *b)
{
    const struct coverage_missing *x = a, *y = b;
    if (x->turns != y->turns)
        return x->turns > y->turns ? -1 : 1;
    return strcmp(x->id, y->id);
}

static int unseen_first(const void *a, const void *b)
{
    const struct coverage_prompt *x = a, *y = b;
    if (x->seen != y->seen)
        return x->seen ? 1 : -1;
    if (x->turns != y->turns)
        return x->turns > y->turns ? -1 : 1;
    return x->prompt < y->prompt ? -1 : x->prompt > y->prompt;
}

void coverage_report(struct coverage *c, struct coverage_report *ret_report)
{
    qsort(c->missing, c->missing_n, sizeof(*c->missing), most_missing_first);
    likes_find(c);
    qsort(c->prompts, c->prompts_n, sizeof(*c->prompts), unseen_first);
    *ret_report = (struct coverage_report){.all = c->all,
                                           .sessions = c->sessions_n,
                                           .cases = c->cases_n,
                                           .design_effect = design_effect(c),
                                           .days_n = c->days_n,
                                           .missing_n = c->missing_n,
                                           .prompts_n = c->prompts_n,
                                           .days = c->days,
                                           .missing = c->missing,
                                           .prompts = c->prompts,
                                           .missing_untold = c->missing_untold,
                                           .prompts_untold = c->prompts_untold};
}

struct estimate coverage_share(const struct coverage_report *r, uint64_t part, uint64_t turns)
{
    if (turns == 0)
        return (struct estimate){.has_value = false};
    return share_wilson_of((double)part / r->design_effect, (double)turns / r->design_effect,
                           STATS_LEVEL);
}
