/*
 * suite_load.c: a suite read, and checked whole before the first request is sent.
 *
 * heap: the suite outlives whatever reads it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/put.h"
#include "eval/suite/jsonl.h"
#include "eval/suite/suite.h"
#include "eval/suite/template.h"

#define ARENA_BYTES_MAX   (4096ull * 1024 * 1024)
#define REQUEST_BYTES_MAX (64u * 1024 * 1024)
#define CASE_HASH_CHARS   16
#define NAME_BYTES_MAX    256
#define NAME_UNFIT        "longer than 256 bytes, or has control characters in it"

/* ---- files ---- */

/* `name` as seen from the folder of `suite`; in the arena. */
static struct str path_beside(struct arena *a, const char *suite, struct str name)
{
    const char *slash = strrchr(suite, '/');
    if (str_eq(name, STR("-")) && !slash)
        return STR("./-"); /* a file: a sluice that serves must not wait for standard input */
    if (str_starts(name, STR("/")) || !slash)
        return arena_str(a, name);
    return arena_printf(a, "%.*s/%.*s", (int)(slash - suite), suite, STR_ARGS(name));
}

/* "support" of "evals/support.yaml" */
static struct str name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    struct str name = str_from(slash ? slash + 1 : path);
    const char *dot = memrchr(name.p, '.', name.n);
    return dot && dot != name.p ? str_head(name, (size_t)(dot - name.p)) : name;
}

/* ---- the hash ---- */

/* A chain over texts: what comes later depends on all before. Nothing is allocated for a text: in
 * a process that serves, that would wait for the heap with everybody else. */
struct chain {
    struct buf text;
    char hash[SHA256_HEX_CHARS + 1];
};

static int chain_add(struct chain *c, struct str text)
{
    unsigned char hash[SHA256_BYTES];
    buf_clear(&c->text);
    buf_str(&c->text, str_from(c->hash));
    buf_char(&c->text, '\n');
    buf_str(&c->text, text);
    int err = c->text.failed ? c->text.failed : sha256(buf_view(&c->text), hash);
    if (!err)
        *put_hex(c->hash, hash, sizeof(hash)) = '\0';
    return err;
}

static int chain_begin(struct chain *c, const struct conf_doc *doc)
{
    *c = (struct chain){.hash = "sluice suite"};
    buf_init(&c->text, JSONL_LINE_BYTES_MAX + ARENA_BLOCK);
    return chain_add(c, conf_text(doc));
}

static void chain_end(struct chain *c, char ret_hash[SHA256_HEX_CHARS + 1])
{
    memcpy(ret_hash, c->hash, sizeof(c->hash));
    buf_fini(&c->text);
}

int suite_digest(const char *path, char ret_hash[SHA256_HEX_CHARS + 1], struct fault *f)
{
    struct conf_doc *doc = NULL;
    struct chain chain;
    int err = conf_load(&suite_table, path, &doc);
    if (err) {
        const struct conf_problem *p = conf_problem_count(doc) ? conf_problem(doc, 0) : NULL;
        if (p && p->line > 0)
            fault_set(f, err, "the suite %s cannot be read: line %u: %.*s", path, p->line,
                      STR_ARGS(p->text));
        else
            fault_set(f, err, "the suite %s: %.*s", path,
                      STR_ARGS(p ? p->text : STR("cannot be read: no memory")));
        conf_unref(doc);
        return err;
    }
    const struct suite_settings *s = conf_root(doc);
    err = chain_begin(&chain, doc);
    for (unsigned i = 0; i < s->cases.n && !err; i++) {
        struct jsonl *lines = NULL;
        struct str file = path_beside(conf_arena(doc), path, s->cases.at[i]), line;
        err = file.p ? jsonl_open(file.p, &lines, f) : E_MEMORY;
        while (!err && (err = jsonl_next(lines, &line, f)) == 0)
            err = chain_add(&chain, line);
        err = err == E_EOF ? 0 : err;
        jsonl_close(lines);
    }
    chain_end(&chain, ret_hash);
    conf_unref(doc);
    return err;
}

/* ---- cases ---- */

struct loading {
    struct suite *suite;
    const char *path;
    struct chain chain;
    unsigned cases_cap;
    struct jsonl *lines;
    struct str file;
    struct fault *f;
};

/* Of a case that is not as it ought to be. */
static int case_fault(const struct loading *l, const char *what, struct str field)
{
    return fault_set(l->f, E_BAD_REQUEST, "%.*s:%u: the field \"%.*s\" %s", STR_ARGS(l->file),
                     jsonl_line(l->lines), STR_ARGS(str_head_utf8(field, 60)), what);
}

/* Ids and tags become keys, lines of tables and members of reports. */
static bool name_is_fit(struct str s)
{
    return s.n <= NAME_BYTES_MAX && str_is_text(s);
}

static int tags_take(struct loading *l, struct suite_case *c)
{
    struct str name = l->suite->settings->fields.tags;
    yyjson_val *v = yyjson_obj_getn(c->fields, name.p, name.n);
    size_t n = yyjson_is_arr(v) ? yyjson_arr_size(v) : v && !yyjson_is_null(v) ? 1 : 0;
    if (n > SUITE_TAGS_MAX)
        return case_fault(l, "has too many tags; at most 32", name);
    c->tags = ARENA_ARRAY(&l->suite->arena, struct str, n + 1);
    if (!c->tags)
        return E_MEMORY;
    for (size_t i = 0; i < n; i++) {
        struct str tag = json_str(yyjson_is_arr(v) ? yyjson_arr_get(v, i) : v);
        if (tag.n == 0)
            return case_fault(l, "has to be a word or a list of words", name);
        if (!name_is_fit(tag))
            return case_fault(l, "has a tag that is " NAME_UNFIT, name);
        c->tags[c->tags_n++] = tag;
    }
    return 0;
}

static int weight_take(struct loading *l, struct suite_case *c)
{
    struct str name = l->suite->settings->fields.weight;
    yyjson_val *v = yyjson_obj_getn(c->fields, name.p, name.n);
    c->weight = v ? yyjson_get_num(v) : 1;
    if (v && (!yyjson_is_num(v) || c->weight < 0 || c->weight > 1e9))
        return case_fault(l, "has to be a number from 0 to 1e9", name);
    return 0;
}

static int pass_take(struct loading *l, struct suite_case *c)
{
    struct str name = l->suite->settings->fields.pass;
    yyjson_val *v = name.n ? yyjson_obj_getn(c->fields, name.p, name.n) : NULL;
    c->pass = v ? yyjson_get_num(v) : -1;
    if (v && (!yyjson_is_num(v) || c->pass < 0 || c->pass > 1))
        return case_fault(l, "has to be a number from 0 to 1", name);
    return 0;
}

static int id_take(struct loading *l, struct suite_case *c)
{
    struct str given = l->suite->settings->fields.id;
    struct str name = given.n ? given : STR("id");
    yyjson_val *v = yyjson_obj_getn(c->fields, name.p, name.n);
    if (yyjson_is_str(v) && yyjson_get_len(v) > 0)
        c->id = json_str(v);
    else if (yyjson_is_int(v))
        c->id = arena_printf(&l->suite->arena, "%lld", (long long)yyjson_get_sint(v));
    else if (v || given.n)
        return case_fault(l, v ? "has to be a text or a whole number" : "is missing", name);
    else
        c->id = arena_str(&l->suite->arena, str_from(c->hash)); /* cases move as they grow */
    if (c->id.p && !name_is_fit(c->id))
        return case_fault(l, "is " NAME_UNFIT, name);
    return c->id.p ? 0 : E_MEMORY;
}

static int hash_take(struct loading *l, struct suite_case *c, struct str line)
{
    struct str hash;
    struct arena scratch;
    arena_init_private(&scratch, ARENA_BLOCK);
    int err = sha256_hex(line, &scratch, &hash);
    if (!err)
        memcpy(c->hash, hash.p, CASE_HASH_CHARS);
    arena_fini(&scratch);
    return err ? err : chain_add(&l->chain, line);
}

static int case_add(struct loading *l, struct str line)
{
    struct suite *s = l->suite;
    if (s->cases_n == SUITE_CASES_MAX)
        return fault_set(l->f, E_TOO_LARGE, "%.*s:%u: a suite has at most %u cases",
                         STR_ARGS(l->file), jsonl_line(l->lines), SUITE_CASES_MAX);
    if (s->cases_n == l->cases_cap) {
        unsigned cap = l->cases_cap ? l->cases_cap * 2 : 256;
        struct suite_case *more = realloc(s->cases, cap * sizeof(*more));
        if (!more)
            return E_MEMORY;
        s->cases = more;
        l->cases_cap = cap;
    }
    struct suite_case *c = &s->cases[s->cases_n];
    *c = (struct suite_case){.file = l->file.p, .line = jsonl_line(l->lines)};
    yyjson_doc *doc = NULL;
    struct fault why = {0};
    int err = json_parse(&s->arena, line, &doc, &why);
    c->fields = err ? NULL : yyjson_doc_get_root(doc);
    if (err && err != E_BAD_JSON)
        return err;
    if (err || !yyjson_is_obj(c->fields))
        return fault_set(l->f, E_BAD_REQUEST, "%.*s:%u: %s", STR_ARGS(l->file), c->line,
                         err ? why_text(&why, err) : "a case has to be a JSON object");
    s->cases_n++;
    err = hash_take(l, c, line);
    err = err ? err : id_take(l, c);
    err = err ? err : tags_take(l, c);
    err = err ? err : pass_take(l, c);
    return err ? err : weight_take(l, c);
}

static int cases_read(struct loading *l, struct str name)
{
    struct str line;
    l->file = path_beside(&l->suite->arena, l->path, name);
    int err = l->file.p ? jsonl_open(l->file.p, &l->lines, l->f) : E_MEMORY;
    while (!err && (err = jsonl_next(l->lines, &line, l->f)) == 0)
        err = case_add(l, line);
    jsonl_close(l->lines);
    l->lines = NULL;
    return err == E_EOF ? 0 : err;
}

static int by_id(const void *a, const void *b)
{
    const struct suite_case *const *x = a, *const *y = b;
    int order = str_cmp((*x)->id, (*y)->id);
    return order ? order : (*x < *y ? -1 : 1);
}

static int same_fault(const struct suite_case *c, const struct suite_case *first, struct fault *f)
{
    if (str_eq(c->id, str_from(c->hash))) /* neither has an id of its own */
        return fault_set(f, E_BAD_REQUEST,
                         "%s:%u: the case is the same as in %s:%u; leave one out, or give each an "
                         "id of its own",
                         c->file, c->line, first->file, first->line);
    return fault_set(f, E_BAD_REQUEST,
                     "%s:%u: the case \"%.*s\" stands already in %s:%u; give each an id of its own",
                     c->file, c->line, STR_ARGS(str_head_utf8(c->id, 60)), first->file,
                     first->line);
}

/* Results are told apart by the id, now and from run to run. */
static int ids_check(const struct suite *s, struct fault *f)
{
    const struct suite_case **all = calloc(s->cases_n + 1, sizeof(*all));
    if (!all)
        return E_MEMORY;
    for (unsigned i = 0; i < s->cases_n; i++)
        all[i] = &s->cases[i];
    qsort(all, s->cases_n, sizeof(*all), by_id);
    int err = 0;
    for (unsigned i = 1; i < s->cases_n && !err; i++)
        if (str_eq(all[i]->id, all[i - 1]->id))
            err = same_fault(all[i], all[i - 1], f);
    free(all);
    return err;
}

/* ---- tags ---- */

static int str_order(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static int tags_collect(struct suite *s)
{
    size_t n = 0;
    for (unsigned i = 0; i < s->cases_n; i++)
        n += s->cases[i].tags_n;
    s->tags = ARENA_ARRAY(&s->arena, struct str, n + 1);
    if (!s->tags)
        return E_MEMORY;
    n = 0;
    for (unsigned i = 0; i < s->cases_n; i++)
        for (unsigned k = 0; k < s->cases[i].tags_n; k++)
            s->tags[n++] = s->cases[i].tags[k];
    qsort(s->tags, n, sizeof(*s->tags), str_order);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || !str_eq(s->tags[i], s->tags[i - 1]))
            s->tags[s->tags_n++] = s->tags[i];
    return 0;
}

/* ---- graders ---- */

/* JSON of the settings as a value; NULL where it is not said. */
static int template_read(struct suite *s, struct str json, yyjson_val **ret_value)
{
    yyjson_doc *doc = NULL;
    struct fault ignored = {0}; /* conf made it: it is JSON */
    *ret_value = NULL;
    if (!json.n)
        return 0;
    int err = json_parse(&s->arena, json, &doc, &ignored);
    *ret_value = err ? NULL : yyjson_doc_get_root(doc);
    return err;
}

static bool name_taken(const struct suite *s, struct str name)
{
    for (unsigned i = 0; i < s->graders_n; i++)
        if (str_eq(s->graders[i].name, name))
            return true;
    return false;
}

/* "number", and "number-2" for a second one without a name. */
static int name_make(struct suite *s, struct suite_grader *g)
{
    struct str base = g->settings->name.n ? g->settings->name : str_from(g->kind->name);
    if (g->settings->name.n && name_taken(s, base)) {
        conf_complain(s->doc, &g->settings->name, "another grader has this name");
        return 0;
    }
    g->name = base;
    for (unsigned i = 2; name_taken(s, g->name); i++) {
        g->name = arena_printf(&s->arena, "%.*s-%u", STR_ARGS(base), i);
        if (!g->name.p)
            return E_MEMORY;
    }
    return 0;
}

static int grader_open(struct suite *s, const struct grader_settings *settings)
{
    struct suite_grader *g = &s->graders[s->graders_n];
    *g = (struct suite_grader){.settings = settings,
                               .kind = graders[settings->kind],
                               .weight = (double)settings->weight / 1e6,
                               .self = (void *)(uintptr_t)settings};
    g->pass = grader_pass(settings);
    int err = grader_check(settings, s->doc);
    if (!err)
        err = name_make(s, g);
    if (!err)
        err = template_read(s, settings->expected, &g->expected);
    if (!err)
        err = template_read(s, settings->harmful, &g->harmful);
    if (!err)
        err = template_read(s, settings->instructions, &g->instructions);
    if (!err && g->kind->open) {
        g->self = NULL; /* of a file with mistakes nothing more is opened */
        if (conf_error_count(s->doc) == 0)
            err = g->kind->open(settings, s->doc, &s->arena, &g->self);
    }
    s->graders_n += !err;
    return err;
}

static int graders_open(struct suite *s)
{
    const struct conf_list *list = &s->settings->graders;
    const struct grader_settings *at = list->at;
    if (list->n > SUITE_GRADERS_MAX || list->n == 0) {
        conf_complain(s->doc, list, "a suite has from 1 to %d graders", SUITE_GRADERS_MAX);
        return E_CONFIG;
    }
    s->graders = ARENA_ARRAY(&s->arena, struct suite_grader, list->n);
    int err = s->graders ? 0 : E_MEMORY;
    double sum = 0;
    for (unsigned i = 0; i < list->n && (!err || err == E_CONFIG); i++) {
        err = grader_open(s, &at[i]);
        sum += (double)at[i].weight;
    }
    if (!err && !(sum > 0))
        conf_complain(s->doc, list, "all graders have a weight of 0, so nothing would be decided");
    return err ? err : conf_error_count(s->doc) ? E_CONFIG : 0;
}

/* ---- the request ---- */

static int request_check(struct suite *s)
{
    int err = template_read(s, s->settings->request, &s->request);
    const void *at = &s->settings->request;
    if (err)
        return err;
    if (yyjson_is_str(s->request)) /* one hole: the cases have whole requests */
        return 0;
    if (!yyjson_is_obj(s->request))
        conf_complain(s->doc, at, "has to be a chat request, or one {{field}} that holds it");
    else if (!yyjson_is_str(yyjson_obj_get(s->request, "model")))
        conf_complain(s->doc, at, "needs a model: any name that the configuration knows");
    else if (!yyjson_obj_get(s->request, "messages"))
        conf_complain(s->doc, at, "needs messages");
    else
        suite_messages_check(s, yyjson_obj_get(s->request, "messages"));
    return conf_error_count(s->doc) ? E_CONFIG : 0;
}

static int of_case(const struct suite_case *c, int err, const struct fault *why, struct fault *f)
{
    return fault_set(f, err, "%s:%u: %s", c->file, c->line, why_text(why, err));
}

/* Writes the object with `model` in the place of its own. */
static int model_replace(yyjson_val *request, struct str model, struct buf *out)
{
    size_t i, n;
    yyjson_val *key, *value;
    buf_str(out, STR("{\"model\":"));
    json_quote(out, model);
    yyjson_obj_foreach(request, i, n, key, value)
    {
        if (str_eq(json_str(key), STR("model")))
            continue;
        buf_char(out, ',');
        json_quote(out, json_str(key));
        buf_char(out, ':');
        json_value(out, value);
    }
    return buf_char(out, '}');
}

int suite_request(const struct suite *suite, const struct suite_case *c, struct str model,
                  struct arena *arena, struct str *ret_body, struct fault *f)
{
    yyjson_val *filled;
    struct fault why = {0};
    int err = template_fill(suite->request, c->fields, arena, &filled, &why);
    if (err)
        return of_case(c, err, &why, f);
    if (!yyjson_is_obj(filled))
        err = fault_set(&why, E_BAD_REQUEST, "the request has to be an object");
    else if (yyjson_get_bool(yyjson_obj_get(filled, "stream")))
        err = fault_set(&why, E_BAD_REQUEST,
                        "the request asks for a stream; answers are graded whole: leave stream "
                        "out");
    if (err)
        return of_case(c, err, &why, f);
    struct buf out;
    buf_init(&out, REQUEST_BYTES_MAX);
    err = model.n ? model_replace(filled, model, &out) : json_value(&out, filled);
    err = err ? err : out.failed;
    *ret_body = err ? STR_NONE : arena_str(arena, buf_view(&out));
    buf_fini(&out);
    return err ? err : ret_body->p ? 0 : E_MEMORY;
}

/* ---- all of it ---- */

static int load(struct loading *l)
{
    struct suite *s = l->suite;
    if (!name_is_fit(s->settings->name))
        conf_complain(s->doc, &s->settings->name, "it is " NAME_UNFIT);
    int err = graders_open(s);
    int requested = err && err != E_CONFIG ? err : request_check(s);
    err = err ? err : requested;
    for (unsigned i = 0; i < s->settings->cases.n && !err; i++)
        err = cases_read(l, s->settings->cases.at[i]);
    if (!err && s->cases_n == 0)
        err = fault_set(l->f, E_BAD_REQUEST,
                        "the suite %s has no case: nothing is proved by it; its files are empty",
                        l->path);
    if (!err)
        err = ids_check(s, l->f);
    if (!err)
        suite_holes_check(s);
    return err ? err : tags_collect(s);
}

int suite_load(const char *path, struct suite **ret_suite, struct fault *f)
{
    struct suite *s = calloc(1, sizeof(*s));
    *ret_suite = s;
    if (!s)
        return E_MEMORY;
    arena_init_private(&s->arena, ARENA_BYTES_MAX);
    int err = conf_load(&suite_table, path, &s->doc);
    if (err)
        return err;
    struct loading l = {.suite = s, .path = path, .f = f};
    s->settings = conf_root(s->doc);
    s->name = s->settings->name.n ? s->settings->name : arena_str(&s->arena, name_of(path));
    err = s->name.p ? chain_begin(&l.chain, s->doc) : E_MEMORY;
    if (!err)
        err = load(&l);
    chain_end(&l.chain, s->hash);
    return err;
}

void suite_free(struct suite *suite)
{
    if (!suite)
        return;
    for (unsigned i = 0; i < suite->graders_n; i++)
        if (suite->graders[i].kind->close && suite->graders[i].self)
            suite->graders[i].kind->close(suite->graders[i].self);
    conf_unref(suite->doc);
    free(suite->cases);
    arena_fini(&suite->arena);
    free(suite);
}
