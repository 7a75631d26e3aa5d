/* source.c: recorded turns, read once or several times. */
#include "cli/eval/source.h"

#include <xxhash.h>

#include "cli/options.h"
#include "cli/when.h"
#include "eval/traffic/sample.h"
#include "llm/prompt.h"

#define ARENA_BYTES_MAX (1024u * 1024 * 1024)
#define TURN_BYTES_MAX  (512u * 1024 * 1024)

const char *const source_apis[] = {"openai.chat", "openai.responses", "anthropic", NULL};

static int days_read(const struct command *command, const struct source_wish *w, struct arena *a,
                     struct recordings_filter *f)
{
    if (w->since && !when_read(a, w->since, &f->since))
        return options_wrong(command,
                             "--since '%s' is no day (2026-11-01) and no number of days (7d, 4w)",
                             w->since);
    f->until = str_from(w->until);
    if (w->until && !when_is_day(f->until))
        return options_wrong(command, "--until '%s' is no day (2026-11-30)", w->until);
    if (w->tenant && !w->tenant[0]) /* an unset variable shall not mean all turns */
        return options_wrong(command, "--tenant is empty; expected a name");
    return EXIT_DONE;
}

int source_open(const struct command *command, const struct source_wish *w, uint64_t seed,
                struct source *ret_source)
{
    struct source *s = ret_source;
    *s = (struct source){.seed = seed};
    arena_init_private(&s->recordings.arena, ARENA_BYTES_MAX);
    s->recordings.filter = (struct recordings_filter){
        .tenant = str_from(w->tenant), .api = str_from(w->api), .share = 1000000};
    int code = days_read(command, w, &s->recordings.arena, &s->recordings.filter);
    if (code)
        return code;
    return recordings_folder(command->name, w->folder, w->config, &s->recordings.arena,
                             &s->recordings.folder);
}

struct str source_filter_text(struct source *s)
{
    const struct recordings_filter *f = &s->recordings.filter;
    const struct {
        const char *name;
        struct str value;
    } of[] = {
        {"--tenant", f->tenant}, {"--api", f->api}, {"--since", f->since}, {"--until", f->until}};
    struct str text = STR("");
    for (unsigned i = 0; i < ARRAY_LEN(of); i++)
        if (of[i].value.n > 0)
            text = arena_printf(&s->recordings.arena, "%.*s%s%s %.*s", STR_ARGS(text),
                                text.n ? ", " : " with ", of[i].name, STR_ARGS(of[i].value));
    return text;
}

void source_close(struct source *s)
{
    near_common_free(s->common);
    arena_fini(&s->recordings.arena);
}

/* ---- each turn ---- */

struct each {
    struct source *s;
    source_take take;
    void *arg;
    struct arena arena;
};

/* sluice's own recordings have both; what they end up in are names in tables and files. */
static bool has_id_and_day(const struct recorded_turn *r)
{
    for (size_t i = 0; i < r->turn.n; i++) {
        char c = r->turn.p[i];
        if (!(c >= '0' && c <= '9') && !(c >= 'A' && c <= 'Z') && !(c >= 'a' && c <= 'z') &&
            c != '-' && c != '_')
            return false;
    }
    return r->turn.n > 0 && r->turn.n < SAMPLE_ID_BYTES && when_is_day(str_head(r->time, 10));
}

static bool is_kept(const struct source *s, struct str id)
{
    return !s->keeps_some || XXH3_64bits_withSeed(id.p, id.n, s->seed) < s->keep_below;
}

static void day_see(struct source *s, struct str day)
{
    if (!s->first_day[0] || str_cmp(day, str_from(s->first_day)) < 0)
        memcpy(s->first_day, day.p, day.n);
    if (!s->last_day[0] || str_cmp(day, str_from(s->last_day)) > 0)
        memcpy(s->last_day, day.p, day.n);
}

static int each_take(void *arg, const struct recorded_turn *recorded, struct str line UNUSED)
{
    struct each *e = arg;
    struct traffic_turn turn;
    enum traffic_why why = TRAFFIC_UNREADABLE;
    if (!is_kept(e->s, recorded->turn))
        return 0;
    arena_fini(&e->arena);
    arena_init_private(&e->arena, TURN_BYTES_MAX);
    int err = has_id_and_day(recorded) ? traffic_read(&e->arena, recorded, &turn, &why) : 0;
    if (err)
        return err;
    e->s->whys[why]++;
    if (why)
        return 0;
    day_see(e->s, str_head(recorded->time, 10));
    return e->take(e->arg, &turn, &e->arena);
}

int source_each(struct source *s, source_take take, void *arg)
{
    struct each e = {.s = s, .take = take, .arg = arg};
    memset(s->whys, 0, sizeof(s->whys));
    arena_init_private(&e.arena, TURN_BYTES_MAX);
    int err = recordings_each(&s->recordings, each_take, &e);
    arena_fini(&e.arena);
    return err;
}

static void variety_see(struct source_variety *v, uint64_t hash)
{
    for (unsigned i = 0; i < v->n && i < SOURCE_VARIETY_MAX; i++)
        if (v->hash[i] == hash)
            return;
    if (v->n < SOURCE_VARIETY_MAX)
        v->hash[v->n] = hash;
    v->n += v->n <= SOURCE_VARIETY_MAX;
}

/* An application is who has a key, or one of its prompts: what stands around its texts is its own.
 */
static int common_take(void *arg, const struct traffic_turn *t, struct arena *arena UNUSED)
{
    struct source *s = arg;
    const struct recorded_turn *r = t->recorded;
    uint64_t who = XXH3_64bits_withSeed(r->key.p, r->key.n, XXH3_64bits(r->tenant.p, r->tenant.n));
    variety_see(&s->tags, XXH3_64bits(r->tags.p, r->tags.n));
    variety_see(&s->prompts, t->prompt);
    int err = near_common_see(s->common, who, t->text);
    return err ? err : near_common_see(s->common, who ^ t->prompt ^ 1, t->text);
}

int source_look(struct source *s, uint64_t most)
{
    int err = near_common_new(&s->common);
    if (!err)
        err = source_each(s, common_take, s);
    if (!err)
        err = near_common_settle(s->common);
    uint64_t turns = s->whys[TRAFFIC_FINE];
    s->keeps_some = turns > most;
    if (s->keeps_some)
        s->keep_below = (uint64_t)((double)most / (double)turns * 18446744073709551615.0);
    return err;
}

int source_mark(const struct source *s, const struct traffic_turn *turn, struct near_mark *ret_mark)
{
    return near_mark(s->common, turn->text, ret_mark);
}

void source_tell_skipped(const struct source *s, FILE *to)
{
    const char *before = "Left out: ";
    bool any = false;
    for (unsigned i = TRAFFIC_FINE + 1; i < TRAFFIC_WHYS; i++) {
        if (!s->whys[i])
            continue;
        fprintf(to, "%s%llu turn%s that %s", before, (unsigned long long)s->whys[i],
                s->whys[i] == 1 ? "" : "s", traffic_why_texts[i]);
        before = ", ";
        any = true;
    }
    fputs(any ? ".\n" : "", to);
}
