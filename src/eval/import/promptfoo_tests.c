/* promptfoo_tests.c: tests, wherever they stand, as cases. */
#include <string.h>

#include "base/csv.h"
#include "base/json.h"
#include "eval/import/promptfoo.h"
#include "eval/suite/jsonl.h"
#include "eval/suite/template.h"

#define MEMBERS_BYTES_MAX (64u * 1024 * 1024)
#define COLUMNS_MAX       500
#define EXPANDED_MAX      10000

/* ---- variables ---- */

/* A value as promptfoo puts it into a text; an object stays one. */
static void var_put(struct buf *out, yyjson_val *v)
{
    struct buf json;
    if (yyjson_is_null(v)) {
        buf_str(out, STR("\"\""));
        return;
    }
    if (yyjson_is_str(v) || yyjson_is_obj(v)) {
        json_value(out, v);
        return;
    }
    buf_init(&json, MEMBERS_BYTES_MAX);
    if (json_value(&json, v) == 0)
        json_quote(out, buf_view(&json));
    buf_fini(&json);
}

/* The values that a variable takes in turn: a list makes a case of each. */
static size_t choices(yyjson_val *v)
{
    return yyjson_is_arr(v) && yyjson_arr_size(v) > 0 ? yyjson_arr_size(v) : 1;
}

/* The variables of one of the cases that a test makes, `at` of them, as an object. */
static int vars_take(struct promptfoo *p, yyjson_val *all, size_t at, yyjson_val **ret_vars)
{
    struct buf out;
    size_t i, n;
    unsigned count = 0;
    yyjson_val *key, *value;
    struct fault why = {0};
    buf_init(&out, MEMBERS_BYTES_MAX);
    buf_char(&out, '{');
    yyjson_obj_foreach(all, i, n, key, value)
    {
        size_t many = choices(value);
        buf_str(&out, count++ ? STR(",") : STR(""));
        json_quote(&out, json_str(key));
        buf_char(&out, ':');
        var_put(&out, yyjson_is_arr(value) ? yyjson_arr_get(value, at % many) : value);
        at /= many;
    }
    for (unsigned k = 0; k < p->holes_n; k++)
        if (!yyjson_obj_getn(all, p->holes[k].p, p->holes[k].n)) {
            buf_str(&out, count++ ? STR(",") : STR(""));
            json_quote(&out, p->holes[k]);
            buf_str(&out, STR(":\"\"")); /* as promptfoo fills it in */
        }
    buf_char(&out, '}');
    int err = out.failed ? out.failed : promptfoo_value(p, buf_view(&out), ret_vars);
    buf_fini(&out);
    if (!err && !promptfoo_is_odd(*ret_vars)) { /* a variable may name others */
        yyjson_val *filled;
        err = template_fill(*ret_vars, *ret_vars, p->a, &filled, &why);
        *ret_vars = err ? *ret_vars : filled;
        err = err == E_BAD_REQUEST ? 0 : err;
    }
    return err;
}

/* Those of the default test and the test's own, which come first; files are read. *ret_all NULL:
 * they cannot be, and that was told. */
static int vars_merge(struct promptfoo *p, const struct promptfoo_test *t, yyjson_val **ret_all)
{
    struct buf out;
    unsigned count = 0;
    bool good = true;
    yyjson_val *own = yyjson_obj_get(t->value, "vars");
    yyjson_val *both[] = {own, yyjson_obj_get(p->defaults, "vars")};
    int err = 0;
    *ret_all = NULL;
    if (str_starts(json_str(own), STR("file://")))
        err = promptfoo_file(p, t, json_str(own), &both[0]);
    buf_init(&out, MEMBERS_BYTES_MAX);
    buf_char(&out, '{');
    for (unsigned i = 0; i < ARRAY_LEN(both) && !err; i++) {
        size_t at, n;
        yyjson_val *key, *value;
        yyjson_obj_foreach(both[i], at, n, key, value)
        {
            struct str name = json_str(key);
            if (err || (i > 0 && yyjson_obj_getn(both[0], name.p, name.n)))
                continue;
            if (str_starts(json_str(value), STR("file://")))
                err = promptfoo_file(p, t, json_str(value), &value);
            good = good && value;
            buf_str(&out, count++ ? STR(",") : STR(""));
            json_quote(&out, name);
            buf_char(&out, ':');
            if (value)
                json_value(&out, value);
        }
    }
    buf_char(&out, '}');
    if (!err && good)
        err = out.failed ? out.failed : promptfoo_value(p, buf_view(&out), ret_all);
    buf_fini(&out);
    return err;
}

/* ---- one test ---- */

/* What a test says beside its variables and assertions. False: it cannot be converted. */
static bool members_look(struct promptfoo *p, const struct promptfoo_test *t, yyjson_val *test)
{
    static const char *const quiet[] = {"description", "vars", "assert", "threshold", "metadata"};
    bool good = true;
    size_t i, n;
    yyjson_val *key, *value;
    yyjson_obj_foreach(test, i, n, key, value)
    {
        bool known = yyjson_is_ctn(value) && unsafe_yyjson_get_len(value) == 0;
        for (unsigned k = 0; k < ARRAY_LEN(quiet); k++)
            known = known || str_eq(json_str(key), str_from(quiet[k]));
        if (known)
            continue;
        /* These would ask something else, or look at something else. */
        bool options = str_eq(json_str(key), STR("options"));
        bool changes = options &&
                       (yyjson_obj_get(value, "prefix") || yyjson_obj_get(value, "suffix") ||
                        yyjson_obj_get(value, "transform") ||
                        yyjson_obj_get(value, "postprocess") ||
                        yyjson_obj_get(value, "transformVars"));
        import_left_out(p->done, t->where, "`%s` is not converted%s", yyjson_get_str(key),
                        changes ? "; the test is left out" : "");
        good = good && !changes;
    }
    return good;
}

struct checks {
    unsigned n;
    struct draft_check at[DRAFT_CHECKS_MAX];
};

static int checks_take(struct promptfoo *p, const struct promptfoo_test *t, yyjson_val *vars,
                       yyjson_val *list, struct checks *checks)
{
    size_t i, n;
    yyjson_val *assertion;
    int err = 0;
    yyjson_arr_foreach(list, i, n, assertion)
    {
        struct draft_check check;
        bool taken = false, room = checks->n < DRAFT_CHECKS_MAX;
        if (!err)
            err = promptfoo_assert(p, t, vars, assertion, &check, &taken);
        if (err || !taken)
            continue;
        if (room)
            err = draft_room(&p->draft, checks->at, checks->n, &check, &room);
        if (!err && room)
            checks->at[checks->n++] = check;
        else if (!err)
            import_left_out(p->done, t->where,
                            "%s: a suite has at most %d graders; the assertion is left out",
                            check.base, SUITE_GRADERS_MAX);
    }
    return err;
}

static void member_put(struct buf *out, const char *name, yyjson_val *value)
{
    if (!value)
        return;
    buf_printf(out, ",\"%s\":", name);
    json_value(out, value);
}

/* The least mean of its assertions' scores, as the test or the default test has it. */
static yyjson_val *threshold_of(struct promptfoo *p, yyjson_val *test)
{
    yyjson_val *own = yyjson_obj_get(test, "threshold");
    yyjson_val *v = own ? own : yyjson_obj_get(p->defaults, "threshold");
    bool said = yyjson_is_num(v) && yyjson_get_num(v) > 0 && yyjson_get_num(v) <= 1;
    p->thresholds = p->thresholds || said;
    return said ? v : NULL;
}

static int case_add(struct promptfoo *p, const struct promptfoo_test *t, yyjson_val *vars,
                    size_t at, size_t of)
{
    struct checks checks = {.n = 0};
    int err = checks_take(p, t, vars, yyjson_obj_get(p->defaults, "assert"), &checks);
    if (!err)
        err = checks_take(p, t, vars, yyjson_obj_get(t->value, "assert"), &checks);
    if (err)
        return err;
    unsigned deciding = 0;
    for (unsigned i = 0; i < checks.n; i++)
        deciding += !checks.at[i].idle;
    if (deciding == 0) {
        import_left_out(p->done, t->where, "%s is left; the test is left out",
                        checks.n ? "no assertion with a weight"
                                 : "no assertion that could be converted");
        return 0;
    }
    struct buf members;
    buf_init(&members, MEMBERS_BYTES_MAX);
    buf_printf(&members, "\"id\":\"%u", p->tests_n);
    if (of > 1)
        buf_printf(&members, ".%zu", at + 1);
    buf_char(&members, '"');
    member_put(&members, "description", yyjson_obj_get(t->value, "description"));
    member_put(&members, "vars", vars);
    member_put(&members, "metadata", yyjson_obj_get(t->value, "metadata"));
    member_put(&members, "threshold", threshold_of(p, t->value));
    err = members.failed ? members.failed
                         : draft_case(&p->draft, buf_view(&members), checks.at, checks.n);
    buf_fini(&members);
    return err;
}

static int test_take(struct promptfoo *p, const struct promptfoo_test *t)
{
    yyjson_val *all, *vars, *key, *value;
    size_t i, n, of = 1;
    if (!yyjson_is_obj(t->value)) {
        import_left_out(p->done, t->where, "a test has to be a map; it is left out");
        return 0;
    }
    if (!members_look(p, t, t->value))
        return 0;
    int err = vars_merge(p, t, &all);
    if (err || !all)
        return err;
    if (promptfoo_is_odd(all))
        import_left_out(p->done, t->where,
                        "a variable has a template that is more than a variable's name; it stands "
                        "as it is written");
    yyjson_obj_foreach(all, i, n, key, value)
    {
        of *= choices(value);
        if (of > EXPANDED_MAX || p->draft.cases_n + of > IMPORT_CASES_MAX)
            return fault_set(p->f, E_TOO_LARGE, "%.*s: its lists of variables make too many cases",
                             STR_ARGS(t->where));
    }
    for (size_t at = 0; at < of && !err; at++) {
        err = vars_take(p, all, at, &vars);
        if (!err)
            err = case_add(p, t, vars, at, of);
    }
    return err;
}

/* ---- files of tests ---- */

static int where_make(struct promptfoo *p, struct str path, unsigned line, struct str *ret_where)
{
    p->tests_n++;
    *ret_where = arena_printf(p->a, "%.*s:%u: test %u", STR_ARGS(path), line, p->tests_n);
    return ret_where->p ? 0 : E_MEMORY;
}

/* One row: columns that begin with __ say what is expected, the others are variables. */
static int row_value(struct promptfoo *p, const struct str *names, const struct str *fields,
                     unsigned n, yyjson_val **ret_test)
{
    struct buf vars, asserts, more, all;
    struct buf *bufs[] = {&vars, &asserts, &more, &all};
    for (unsigned i = 0; i < ARRAY_LEN(bufs); i++)
        buf_init(bufs[i], MEMBERS_BYTES_MAX);
    for (unsigned i = 0; i < n; i++) {
        struct str name = str_trim(names[i]), value = fields[i];
        bool special = str_starts(name, STR("__"));
        if (str_starts(name, STR("__expected"))) {
            if (str_trim(value).n == 0)
                continue;
            buf_str(&asserts, asserts.n ? STR(",") : STR(""));
            (void)!promptfoo_expected(&asserts, value);
            continue;
        }
        if (special && str_trim(value).n == 0)
            continue;
        struct buf *to = special ? &more : &vars;
        buf_str(to, special || to->n ? STR(",") : STR(""));
        json_quote(to, special ? str_tail(name, 2) : name);
        buf_char(to, ':');
        if (str_eq(name, STR("__threshold")))
            buf_str(to, str_trim(value));
        else
            json_quote(to, value);
    }
    buf_printf(&all, "{\"vars\":{%.*s},\"assert\":[%.*s]%.*s}", STR_ARGS(buf_view(&vars)),
               STR_ARGS(buf_view(&asserts)), STR_ARGS(buf_view(&more)));
    int err = 0;
    for (unsigned i = 0; i < ARRAY_LEN(bufs) && !err; i++)
        err = bufs[i]->failed;
    if (!err)
        err = promptfoo_value(p, buf_view(&all), ret_test);
    for (unsigned i = 0; i < ARRAY_LEN(bufs); i++)
        buf_fini(bufs[i]);
    return err;
}

static int csv_read(struct promptfoo *p, struct str path)
{
    struct csv csv;
    struct str text, names[COLUMNS_MAX], fields[COLUMNS_MAX];
    unsigned names_n, n;
    int err = import_text(p->a, path, &text, p->f);
    if (err)
        return err;
    csv_begin(&csv, text);
    err = csv_row(&csv, p->a, names, COLUMNS_MAX, &names_n, p->f);
    while (!err) {
        struct promptfoo_test t = {.beside = path};
        err = csv_row(&csv, p->a, fields, COLUMNS_MAX, &n, p->f);
        if (err || n == 0)
            break;
        if (n > names_n)
            return fault_set(p->f, E_BAD_REQUEST, "%.*s:%u: %u fields, and the first line has %u",
                             STR_ARGS(path), csv.line, n, names_n);
        err = where_make(p, path, csv.line, &t.where);
        if (!err)
            err = row_value(p, names, fields, n, &t.value);
        if (err == E_BAD_JSON) {
            import_left_out(p->done, t.where, "its __threshold is no number; the test is left out");
            err = 0;
        } else if (!err) {
            err = test_take(p, &t);
        }
    }
    return err;
}

static int jsonl_read(struct promptfoo *p, struct str path)
{
    struct jsonl *lines = NULL;
    int err = jsonl_open(path.p, &lines, p->f);
    while (!err) {
        struct promptfoo_test t = {.beside = path};
        err = jsonl_next_object(lines, p->a, &t.value, p->f);
        if (!err)
            err = where_make(p, path, jsonl_line(lines), &t.where);
        if (!err)
            err = test_take(p, &t);
    }
    jsonl_close(lines);
    return err == E_EOF ? 0 : err;
}

static int list_read(struct promptfoo *p, const struct foreign *file, yyjson_val *list, bool inner);

static int yaml_read_tests(struct promptfoo *p, struct str path)
{
    struct foreign *file = ARENA_NEW(p->a, struct foreign);
    if (!file)
        return E_MEMORY;
    int err = foreign_load(p->a, path.p, file, p->f);
    if (err)
        return err;
    return list_read(p, file, file->root, true);
}

static int file_read(struct promptfoo *p, struct str where, struct str name, struct str beside)
{
    struct str path = import_path(p->a, beside, name);
    if (!path.p)
        return E_MEMORY;
    if (str_find(name, STR("*")) >= 0 ||
        (str_find(name, STR("://")) >= 0 && !str_starts(name, STR("file://")))) {
        import_left_out(p->done, where,
                        "%.*s: only single files of this machine are read; its tests are left out",
                        STR_ARGS(name));
        return 0;
    }
    if (str_ends(path, STR(".csv")))
        return csv_read(p, path);
    if (str_ends(path, STR(".jsonl")))
        return jsonl_read(p, path);
    if (str_ends(path, STR(".yaml")) || str_ends(path, STR(".yml")) || str_ends(path, STR(".json")))
        return yaml_read_tests(p, path);
    import_left_out(p->done, where,
                    "%.*s: files of tests are read where they are .csv, .jsonl, .json or .yaml; "
                    "its tests are left out",
                    STR_ARGS(name));
    return 0;
}

/* `inner`: in a file of tests, which names no further ones. */
static int list_read(struct promptfoo *p, const struct foreign *file, yyjson_val *list, bool inner)
{
    size_t n = yyjson_is_arr(list) ? yyjson_arr_size(list) : 1;
    int err = 0;
    for (size_t i = 0; i < n && !err; i++) {
        struct promptfoo_test t = {.beside = file->path};
        t.value = yyjson_is_arr(list) ? yyjson_arr_get(list, i) : list;
        unsigned line = foreign_line(file, t.value);
        if (yyjson_is_str(t.value) && !inner) {
            struct str where = arena_printf(p->a, "%.*s:%u", STR_ARGS(file->path), line);
            err = where.p ? file_read(p, where, json_str(t.value), file->path) : E_MEMORY;
            continue;
        }
        err = where_make(p, file->path, line, &t.where);
        if (!err)
            err = test_take(p, &t);
    }
    return err;
}

int promptfoo_tests(struct promptfoo *p, yyjson_val *tests)
{
    const struct promptfoo_test all = {.where = arena_printf(p->a, "%.*s:%u: defaultTest",
                                                             STR_ARGS(p->config.path),
                                                             foreign_line(&p->config, p->defaults)),
                                       .beside = p->config.path};
    if (!all.where.p)
        return E_MEMORY;
    if (p->defaults && !members_look(p, &all, p->defaults))
        return fault_set(p->f, E_BAD_REQUEST,
                         "%.*s: what it changes in every test is not known here, so no test can be "
                         "converted",
                         STR_ARGS(all.where));
    return list_read(p, &p->config, tests, false);
}
