/*
 * show.c: the newest recorded turns, one of them, and sums over many.
 */
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/recordings/recordings.h"

#include <ctype.h>

#define SHOW_BYTES_MAX  (1024u * 1024 * 1024)
#define TEXTS_BYTES_MAX (1024u * 1024 * 1024)

static void none_say(const struct recordings *r)
{
    printf("No such turn is in %.*s%s.\n", STR_ARGS(r->folder),
           r->seen.turns ? "" : ", which has no turns at all");
}

/* ---- list ---- */

/* The newest so far: twice as many as are wanted, then the older half goes. */
struct newest {
    unsigned n, wanted;
    uint64_t all;
    struct recorded_turn *at;
    struct arena texts;
};

static int turn_copy(struct arena *a, const struct recorded_turn *from, struct recorded_turn *to)
{
    *to = *from;
    to->request = to->body = STR_NONE;
    to->stream = NULL;
    struct str *const texts[] = {&to->turn,  &to->time,    &to->tenant,     &to->key,
                                 &to->task,  &to->session, &to->tags,       &to->api,
                                 &to->asked, &to->model,   &to->provider,   &to->state,
                                 &to->error, &to->counted, &to->fingerprint};
    for (unsigned i = 0; i < ARRAY_LEN(texts); i++) {
        if (texts[i]->n == 0)
            continue;
        *texts[i] = arena_str(a, *texts[i]);
        if (!texts[i]->p)
            return E_MEMORY;
    }
    return 0;
}

/* By time, the newest first; ids are ordered by time, too. */
static int turn_compare(const void *x, const void *y)
{
    const struct recorded_turn *a = x, *b = y;
    int order = str_cmp(b->time, a->time);
    return order ? order : str_cmp(b->turn, a->turn);
}

static int older_drop(struct newest *all)
{
    qsort(all->at, all->n, sizeof(*all->at), turn_compare);
    if (all->n <= all->wanted)
        return 0;
    struct arena fresh;
    int err = 0;
    arena_init_private(&fresh, TEXTS_BYTES_MAX);
    for (unsigned i = 0; i < all->wanted && !err; i++)
        err = turn_copy(&fresh, &all->at[i], &all->at[i]);
    all->n = all->wanted;
    arena_fini(&all->texts);
    all->texts = fresh;
    return err;
}

static int newest_take(void *arg, const struct recorded_turn *t, struct str line UNUSED)
{
    struct newest *all = arg;
    all->all++;
    int err = all->n == all->wanted * 2 ? older_drop(all) : 0;
    if (!err)
        err = turn_copy(&all->texts, t, &all->at[all->n++]);
    return err;
}

static int list_fill(struct sheet *s, const struct newest *all)
{
    static const struct {
        const char *name, *title;
        enum sheet_kind kind;
        unsigned flags;
    } columns[] = {
        {"time", "began (UTC)", SHEET_TEXT, 0},
        {"turn", "turn", SHEET_TEXT, 0},
        {"tenant", "tenant", SHEET_TEXT, 0},
        {"key", "key", SHEET_TEXT, SHEET_NOT_TABLE},
        {"task", "task", SHEET_TEXT, SHEET_NOT_TABLE},
        {"session", "session", SHEET_TEXT, SHEET_NOT_TABLE},
        {"tags", "tags", SHEET_TEXT, SHEET_NOT_TABLE},
        {"api", "api", SHEET_TEXT, 0},
        {"asked", "asked", SHEET_TEXT, 0},
        {"provider", "provider", SHEET_TEXT, SHEET_NOT_TABLE},
        {"model", "model", SHEET_TEXT, 0},
        {"state", "state", SHEET_TEXT, 0},
        {"status", "status", SHEET_COUNT, 0},
        {"error", "error", SHEET_TEXT, SHEET_NOT_TABLE},
        {"input_tokens", "", SHEET_COUNT, SHEET_NOT_TABLE},
        {"cached_tokens", "", SHEET_COUNT, SHEET_NOT_TABLE},
        {"cache_write_tokens", "", SHEET_COUNT, SHEET_NOT_TABLE},
        {"cache_write_1h_tokens", "", SHEET_COUNT, SHEET_NOT_TABLE},
        {"output_tokens", "", SHEET_COUNT, SHEET_NOT_TABLE},
        {"reasoning_tokens", "", SHEET_COUNT, SHEET_NOT_TABLE},
        {"cost_usd", "cost USD", SHEET_USD, 0},
        {"first_ms", "first token", SHEET_SPAN, 0},
        {"total_ms", "total", SHEET_SPAN, 0},
        {"redacted", "redacted", SHEET_COUNT, 0},
    };
    for (unsigned i = 0; i < ARRAY_LEN(columns); i++)
        sheet_column(s, columns[i].name, columns[i].title, columns[i].kind, columns[i].flags);
    for (unsigned i = 0; i < all->n; i++) {
        const struct recorded_turn *t = &all->at[i];
        struct sheet_cell *c = sheet_row(s);
        if (!c)
            return E_MEMORY;
        const struct str texts[] = {t->time, t->turn, t->tenant, t->key,      t->task,  t->session,
                                    t->tags, t->api,  t->asked,  t->provider, t->model, t->state};
        for (unsigned k = 0; k < ARRAY_LEN(texts); k++)
            *c++ = sheet_text(texts[k]);
        *c++ = sheet_number(t->status);
        *c++ = sheet_text(t->error);
        const struct tokens *n = &t->tokens;
        const int64_t counts[] = {n->input,          n->cached, n->cache_write,
                                  n->cache_write_1h, n->output, n->reasoning};
        for (unsigned k = 0; k < ARRAY_LEN(counts); k++)
            *c++ = sheet_number(counts[k]);
        *c++ = (struct sheet_cell){.known = t->cost_usd_nanos != COST_UNKNOWN,
                                   .n = t->cost_usd_nanos};
        *c++ = (struct sheet_cell){.known = t->first_us >= 0, .n = t->first_us};
        *c++ = sheet_number(t->total_us);
        *c++ = sheet_number(t->redacted);
    }
    return 0;
}

int recordings_list(struct recordings *r, unsigned wanted)
{
    struct newest all = {.wanted = wanted};
    struct sheet s;
    sheet_init(&s, &r->arena);
    arena_init_private(&all.texts, TEXTS_BYTES_MAX);
    all.at = calloc((size_t)wanted * 2, sizeof(*all.at));
    int err = all.at ? recordings_each(r, newest_take, &all) : E_MEMORY;
    if (!err)
        err = older_drop(&all);
    if (!err && all.n == 0 && r->form == RECORDINGS_TABLE)
        none_say(r);
    else if (!err)
        err = list_fill(&s, &all);
    if (!err && s.columns_n > 0)
        err = recordings_print(r, &s, "recordings");
    if (!err && all.all > all.n && r->form == RECORDINGS_TABLE)
        printf("\nThese are the newest %u of %llu; --last N shows more.\n", all.n,
               (unsigned long long)all.all);
    arena_fini(&all.texts);
    free(all.at);
    sheet_fini(&s);
    return err;
}

/* ---- one ---- */

struct wanted {
    const struct recordings *r;
    struct str id;
    struct buf out;
    bool found;
};

/* What others have written shall do nothing to a terminal. */
static void text_show(struct buf *out, struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        unsigned char next = i + 1 < text.n ? (unsigned char)text.p[i + 1] : 0;
        bool later = c == 0xc2 && next >= 0x80 && next < 0xa0; /* U+0080 .. U+009F */
        if (later)
            buf_printf(out, "\\u%04x", next);
        else if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f)
            buf_printf(out, "\\u%04x", c);
        else
            buf_char(out, (char)c);
        i += later;
    }
}

static void fact_show(struct buf *out, const char *name, struct str text)
{
    if (text.n == 0)
        return;
    buf_printf(out, "%-10s ", name);
    text_show(out, text);
    buf_char(out, '\n');
}

static int facts_show(const struct recorded_turn *t, struct arena *a, struct buf *out)
{
    const struct tokens *n = &t->tokens;
    struct str texts[] = {
        arena_printf(a, "%lld", (long long)t->status),
        arena_printf(a,
                     "%lld in (%lld cached, %lld written to the cache), %lld out (%lld "
                     "reasoning), counted: %.*s",
                     (long long)tokens_prompt(n), (long long)n->cached, (long long)n->cache_write,
                     (long long)tokens_completion(n), (long long)n->reasoning,
                     STR_ARGS(t->counted)),
        arena_printf(a, "%lld ms", (long long)(t->total_us / 1000)),
        arena_printf(a, "%lld", (long long)t->redacted)};
    for (unsigned i = 0; i < ARRAY_LEN(texts); i++)
        if (!texts[i].p)
            return E_MEMORY;
    fact_show(out, "turn", t->turn);
    fact_show(out, "began", t->time);
    fact_show(out, "tenant", t->tenant);
    fact_show(out, "key", t->key);
    fact_show(out, "task", t->task);
    fact_show(out, "session", t->session);
    fact_show(out, "tags", t->tags);
    fact_show(out, "api", t->api);
    fact_show(out, "asked", t->asked);
    fact_show(out, "provider", t->provider);
    fact_show(out, "model", t->model);
    fact_show(out, "state", t->state);
    fact_show(out, "status", texts[0]);
    fact_show(out, "error", t->error);
    fact_show(out, "tokens", texts[1]);
    buf_str(out, STR("cost       "));
    if (t->cost_usd_nanos == COST_UNKNOWN) {
        buf_str(out, STR("unknown\n"));
    } else {
        json_usd(out, t->cost_usd_nanos);
        buf_str(out, STR(" USD\n"));
    }
    fact_show(out, "took", texts[2]);
    fact_show(out, "redacted", texts[3]);
    return out->failed;
}

/* JSON in lines of its own, other text as it is. */
static int body_show(struct str text, struct arena *a, struct buf *out)
{
    yyjson_doc *doc = NULL;
    struct fault ignored = {0};
    int err = json_parse(a, text, &doc, &ignored);
    if (err && err != E_BAD_JSON)
        return err;
    size_t n = 0;
    char *pretty = err ? NULL
                       : yyjson_val_write_opts(yyjson_doc_get_root(doc), YYJSON_WRITE_PRETTY, NULL,
                                               &n, NULL);
    text_show(out, pretty ? str_of(pretty, n) : text);
    buf_char(out, '\n');
    free(pretty);
    return out->failed;
}

static int turn_show(const struct recorded_turn *t, struct buf *out)
{
    struct arena a;
    arena_init_private(&a, SHOW_BYTES_MAX);
    int err = facts_show(t, &a, out);
    buf_str(out, STR("\nrequest\n"));
    if (!err)
        err = body_show(t->request, &a, out);
    if (t->stream) {
        size_t i, n;
        yyjson_val *event;
        buf_printf(out, "\nanswer, streamed, %zu event%s\n", yyjson_arr_size(t->stream),
                   yyjson_arr_size(t->stream) == 1 ? "" : "s");
        yyjson_arr_foreach(t->stream, i, n, event) text_show(out, json_str(event));
    } else if (t->body.n > 0) {
        buf_str(out, STR("\nanswer\n"));
        if (!err)
            err = body_show(t->body, &a, out);
    } else {
        buf_str(out, STR("\nno answer\n"));
    }
    arena_fini(&a);
    return err ? err : out->failed;
}

static int wanted_take(void *arg, const struct recorded_turn *t, struct str line)
{
    struct wanted *w = arg;
    if (!str_eq(t->turn, w->id))
        return 0;
    w->found = true;
    return w->r->form == RECORDINGS_JSON ? buf_str(&w->out, line) : turn_show(t, &w->out);
}

int recordings_show(struct recordings *r, struct str id)
{
    char upper[64];
    struct wanted w = {.r = r, .id = str_of(upper, id.n < sizeof(upper) ? id.n : sizeof(upper))};
    for (size_t i = 0; i < w.id.n; i++)
        upper[i] = (char)toupper((unsigned char)id.p[i]);
    buf_init(&w.out, SHOW_BYTES_MAX);
    int err = recordings_each(r, wanted_take, &w);
    if (!err && !w.found)
        err =
            fault_set(&r->fault, E_NOT_FOUND,
                      "no turn %.*s is in %.*s. Ids are those of `sluice recordings list`, of the "
                      "log and of x-sluice-id.",
                      STR_ARGS(str_head(id, 40)), STR_ARGS(r->folder));
    if (!err && fwrite(w.out.p, 1, w.out.n, stdout) != w.out.n)
        err = E_IO;
    buf_fini(&w.out);
    return err;
}

/* ---- sums ---- */

const char *const recordings_by_words[] = {"day",   "tenant", "key",   "api", "provider",
                                           "model", "task",   "state", NULL};
/* Where each stands in struct recorded_turn. */
static const size_t dims[] = {
    offsetof(struct recorded_turn, time), /* the first ten letters */
    offsetof(struct recorded_turn, tenant), offsetof(struct recorded_turn, key),
    offsetof(struct recorded_turn, api),    offsetof(struct recorded_turn, provider),
    offsetof(struct recorded_turn, model),  offsetof(struct recorded_turn, task),
    offsetof(struct recorded_turn, state),
};
_Static_assert(ARRAY_LEN(recordings_by_words) == ARRAY_LEN(dims) + 1, "a member for each word");

struct sum {
    struct str name[ARRAY_LEN(dims)];
    int64_t turns, errors, cut, bytes, redacted, unpriced, cost;
    struct tokens tokens;
};

struct sums {
    struct recordings *r;
    unsigned by[ARRAY_LEN(dims)]; /* indexes of dims */
    unsigned by_n;
    void *tree; /* tsearch's, of struct sum */
    struct sum total;
    struct sheet sheet;
    int err;
};

static bool by_read(const char *text, struct sums *s)
{
    int n = options_list(&command_recordings, "--by", text, s->by);
    s->by_n = n > 0 ? (unsigned)n : 0;
    return n >= 0;
}

static int sum_compare(const void *x, const void *y)
{
    const struct sum *a = x, *b = y;
    for (unsigned i = 0; i < ARRAY_LEN(dims); i++) {
        int order = str_cmp(a->name[i], b->name[i]);
        if (order)
            return order;
    }
    return 0;
}

static void sum_add(struct sum *sum, const struct recorded_turn *t, size_t bytes)
{
    bool priced = t->cost_usd_nanos != COST_UNKNOWN;
    bool cut = str_eq(t->state, STR("partial"));
    sum->turns++;
    sum->cut += cut;
    sum->errors += !cut && !str_eq(t->state, STR("done"));
    sum->bytes += (int64_t)bytes;
    sum->redacted += t->redacted;
    sum->unpriced += !priced;
    sum->cost += priced ? t->cost_usd_nanos : 0;
    tokens_add(&sum->tokens, &t->tokens);
}

static int sums_take(void *arg, const struct recorded_turn *t, struct str line)
{
    struct sums *s = arg;
    struct sum wanted = {.turns = 0};
    for (unsigned i = 0; i < s->by_n; i++) {
        struct str text;
        memcpy(&text, (const char *)t + dims[s->by[i]], sizeof(text));
        wanted.name[i] = s->by[i] == 0 ? str_head(text, 10) : text;
    }
    struct sum **found = tfind(&wanted, &s->tree, sum_compare);
    struct sum *sum = found ? *found : ARENA_NEW(&s->r->arena, struct sum);
    if (!sum)
        return E_MEMORY;
    for (unsigned i = 0; i < s->by_n && !found; i++) {
        sum->name[i] = arena_str(&s->r->arena, wanted.name[i]);
        if (!sum->name[i].p)
            return E_MEMORY;
    }
    if (!found && !tsearch(sum, &s->tree, sum_compare))
        return E_MEMORY;
    sum_add(sum, t, line.n);
    sum_add(&s->total, t, line.n);
    return 0;
}

/* As in reports: for programs null as soon as a part is not known, for people the known part. */
static struct sheet_cell cost_cell(const struct sum *sum, enum recordings_form form)
{
    bool known = sum->unpriced == 0 || (form == RECORDINGS_TABLE && sum->cost > 0);
    return (struct sheet_cell){
        .known = known, .at_least = known && sum->unpriced > 0, .n = sum->cost};
}

static int row_add(struct sums *s, const struct sum *sum)
{
    struct sheet_cell *c = sheet_row(&s->sheet);
    if (!c)
        return E_MEMORY;
    for (unsigned i = 0; i < s->by_n; i++)
        *c++ = sheet_text(sum->name[i]);
    const struct tokens *t = &sum->tokens;
    const int64_t counts[] = {
        sum->turns,  sum->errors,    sum->cut,          t->input,  tokens_prompt(t),
        t->cached,   t->cache_write, t->cache_write_1h, t->output, tokens_completion(t),
        t->reasoning};
    for (unsigned i = 0; i < ARRAY_LEN(counts); i++)
        *c++ = sheet_number(counts[i]);
    *c++ = cost_cell(sum, s->r->form);
    *c++ = sheet_number(sum->cost);
    *c++ = sheet_number(sum->unpriced);
    *c++ = sheet_number(sum->redacted);
    *c++ = sheet_number(sum->bytes);
    return 0;
}

static void sum_visit(const void *node, VISIT which, void *arg)
{
    struct sums *s = arg;
    if ((which == postorder || which == leaf) && !s->err)
        s->err = row_add(s, *(const struct sum *const *)node);
}

static void columns_make(struct sums *s)
{
    struct sheet *to = &s->sheet;
    for (unsigned i = 0; i < s->by_n; i++)
        sheet_column(to, recordings_by_words[s->by[i]], recordings_by_words[s->by[i]], SHEET_TEXT,
                     0);
    sheet_column(to, "turns", "turns", SHEET_COUNT, 0);
    sheet_column(to, "errors", "errors", SHEET_COUNT, 0);
    sheet_column(to, "partial", "cut short", SHEET_COUNT, SHEET_RARE);
    sheet_column(to, "input_tokens", "", SHEET_COUNT, SHEET_NOT_TABLE);
    sheet_column(to, "", "tokens in", SHEET_COUNT, SHEET_NOT_DATA);
    sheet_column(to, "cached_tokens", "cached", SHEET_COUNT, SHEET_RARE);
    sheet_column(to, "cache_write_tokens", "cache write", SHEET_COUNT, SHEET_RARE);
    sheet_column(to, "cache_write_1h_tokens", "of it 1 h", SHEET_COUNT, SHEET_RARE);
    sheet_column(to, "output_tokens", "", SHEET_COUNT, SHEET_NOT_TABLE);
    sheet_column(to, "", "tokens out", SHEET_COUNT, SHEET_NOT_DATA);
    sheet_column(to, "reasoning_tokens", "reasoning", SHEET_COUNT, SHEET_RARE);
    sheet_column(to, "cost_usd", "cost USD", SHEET_USD, 0);
    sheet_column(to, "priced_cost_usd", "", SHEET_USD, SHEET_NOT_TABLE);
    sheet_column(to, "unpriced_turns", "unpriced", SHEET_COUNT, SHEET_RARE);
    sheet_column(to, "redacted", "redacted", SHEET_COUNT, 0);
    sheet_column(to, "bytes", "bytes", SHEET_COUNT, 0);
}

static void nothing_free(void *sum UNUSED)
{
} /* they are the arena's */

int recordings_sums(struct recordings *r, const char *by)
{
    struct sums s = {.r = r};
    if (!by_read(by, &s))
        return E_USAGE;
    sheet_init(&s.sheet, &r->arena);
    int err = recordings_each(r, sums_take, &s);
    columns_make(&s);
    if (!err) {
        twalk_r(s.tree, sum_visit, &s);
        err = s.err;
    }
    if (!err && s.by_n > 0 && r->form == RECORDINGS_TABLE)
        s.total.name[0] = STR("all");
    s.sheet.total = true;
    if (!err)
        err = row_add(&s, &s.total);
    if (!err && s.total.turns == 0 && r->form == RECORDINGS_TABLE)
        none_say(r);
    else if (!err)
        err = recordings_print(r, &s.sheet, "rows");
    tdestroy(s.tree, nothing_free);
    sheet_fini(&s.sheet);
    return err;
}
