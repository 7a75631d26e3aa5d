#include "eval/import/draft.h"

#include <string.h>

#include "base/json.h"
#include "eval/suite/newfile.h"

#define CASES_BYTES_MAX (1024u * 1024 * 1024)
#define SUITE_BYTES_MAX (8u * 1024 * 1024)

void draft_init(struct draft *d, struct arena *arena)
{
    *d = (struct draft){.arena = arena};
    buf_init(&d->cases, CASES_BYTES_MAX);
}

void draft_fini(struct draft *d)
{
    buf_fini(&d->cases);
}

/* ---- graders ---- */

static bool same(const struct draft_check *a, const struct draft_check *b)
{
    return str_eq(a->settings, b->settings) && str_eq(str_from(a->base), str_from(b->base));
}

static bool name_taken(const struct draft *d, struct str name)
{
    for (unsigned i = 0; i < d->graders_n; i++)
        if (str_eq(d->graders[i].name, name))
            return true;
    return false;
}

static bool is_of(const struct draft_grader *g, const struct draft_check *check)
{
    return str_eq(g->settings, check->settings) && str_eq(g->base, str_from(check->base));
}

/* The grader of the check behind others of the same case; made where there is none. NULL in
 * *ret_grader: there is no room. */
static int grader_take(struct draft *d, const struct draft_check *before, unsigned n,
                       const struct draft_check *check, const struct draft_grader **ret_grader)
{
    unsigned nth = 0;
    *ret_grader = NULL;
    for (unsigned i = 0; i < n; i++)
        nth += same(&before[i], check);
    for (unsigned i = 0; i < d->graders_n; i++)
        if (is_of(&d->graders[i], check) && d->graders[i].nth == nth) {
            *ret_grader = &d->graders[i];
            return 0;
        }
    if (d->graders_n == SUITE_GRADERS_MAX)
        return 0;
    struct draft_grader *g = &d->graders[d->graders_n];
    *g = (struct draft_grader){.name = str_from(check->base),
                               .base = str_from(check->base),
                               .settings = arena_str(d->arena, check->settings),
                               .value_as = check->value_as,
                               .nth = nth};
    for (unsigned i = 2; g->name.p && name_taken(d, g->name); i++)
        g->name = arena_printf(d->arena, "%s-%u", check->base, i);
    if (!g->name.p || !g->settings.p)
        return E_MEMORY;
    d->graders_n++;
    *ret_grader = g;
    return 0;
}

int draft_room(struct draft *d, const struct draft_check *before, unsigned n,
               const struct draft_check *check, bool *ret_room)
{
    const struct draft_grader *g;
    int err = grader_take(d, before, n, check, &g);
    *ret_room = g != NULL;
    return err;
}

int draft_case(struct draft *d, struct str members, const struct draft_check *checks, unsigned n)
{
    buf_char(&d->cases, '{');
    buf_str(&d->cases, members);
    for (unsigned i = 0; i < n; i++) {
        const struct draft_grader *g;
        int err = grader_take(d, checks, i, &checks[i], &g);
        if (err || !g)
            return err ? err : E_TOO_LARGE;
        buf_char(&d->cases, ',');
        json_quote(&d->cases, g->name);
        buf_char(&d->cases, ':');
        buf_str(&d->cases, checks[i].value.n ? checks[i].value : STR("true"));
    }
    d->cases_n++;
    return buf_str(&d->cases, STR("}\n"));
}

/* ---- the suite's YAML ---- */

/* JSON is YAML, but for the dollar signs, which a suite doubles. */
static void yaml_put(struct buf *out, struct str json)
{
    for (size_t i = 0; i < json.n; i++) {
        if (json.p[i] == '$')
            buf_char(out, '$');
        buf_char(out, json.p[i]);
    }
}

static void yaml_quote(struct buf *out, struct arena *a, struct str text)
{
    yaml_put(out, import_quoted(a, text));
}

/* A message a line, so that people can read it. */
static int messages_put(struct buf *out, struct arena *a, struct str json)
{
    yyjson_doc *doc = NULL;
    int err = json_parse(a, json, &doc, NULL);
    if (err)
        return err;
    yyjson_val *list = yyjson_doc_get_root(doc), *message;
    size_t i, n;
    buf_str(out, STR("  messages:"));
    if (!yyjson_is_arr(list)) {
        buf_char(out, ' ');
        yaml_put(out, json);
    }
    yyjson_arr_foreach(list, i, n, message)
    {
        buf_str(out, STR("\n    - "));
        yaml_put(out, import_json(a, message));
    }
    return buf_char(out, '\n');
}

static void grader_put(struct buf *out, const struct draft_grader *g)
{
    buf_printf(out, "  - {%.*s, name: %.*s, where: %.*s", STR_ARGS(g->settings), STR_ARGS(g->name),
               STR_ARGS(g->name));
    const char *hole = g->value_as ? strstr(g->value_as, "%s") : NULL;
    if (hole) {
        buf_str(out, STR(", "));
        buf_add(out, g->value_as, (size_t)(hole - g->value_as));
        buf_str(out, g->name);
        buf_str(out, str_from(hole + 2));
    }
    buf_str(out, STR("}\n"));
}

static int suite_put(const struct draft *d, const struct draft_suite *s, struct buf *out)
{
    buf_printf(out, "# Made from a file of %s.\n", s->from);
    if (s->about.n) {
        buf_str(out, STR("about: "));
        yaml_quote(out, d->arena, s->about);
        buf_char(out, '\n');
    }
    buf_str(out, STR("cases: "));
    yaml_quote(out, d->arena, s->cases_file);
    buf_str(out, STR("\nrequest:\n  model: "));
    yaml_quote(out, d->arena, s->model);
    buf_char(out, '\n');
    int err = messages_put(out, d->arena, s->messages);
    buf_str(out, STR("graders:\n"));
    for (unsigned i = 0; i < d->graders_n; i++)
        grader_put(out, &d->graders[i]);
    buf_str(out, s->settings);
    return err ? err : out->failed;
}

int draft_write_cases(const struct draft *d, struct str path, struct fault *f)
{
    return d->cases.failed ? d->cases.failed : newfile_write(path.p, buf_view(&d->cases), f);
}

int draft_write_suite(const struct draft *d, const struct draft_suite *s, struct str path,
                      struct fault *f)
{
    struct buf out;
    buf_init(&out, SUITE_BYTES_MAX);
    int err = suite_put(d, s, &out);
    if (!err)
        err = newfile_write(path.p, buf_view(&out), f);
    buf_fini(&out);
    return err;
}
