/* promptfoo.c: promptfoo's configuration as suites: one for each prompt, all of the same cases. */
#include "eval/import/promptfoo.h"

#include <unistd.h>

#include "base/json.h"
#include "eval/suite/template.h"

#define JSON_BYTES_MAX (64u * 1024 * 1024)

int promptfoo_value(struct promptfoo *p, struct str json, yyjson_val **ret_value)
{
    yyjson_doc *doc = NULL;
    int err = json_parse(p->a, json, &doc, p->f);
    *ret_value = err ? NULL : yyjson_doc_get_root(doc);
    return err;
}

/* ---- templates ---- */

static bool text_is_odd(struct str text)
{
    struct str name;
    if (str_find(text, STR("{%")) >= 0 || str_find(text, STR("{#")) >= 0)
        return true;
    for (ptrdiff_t at; text.n && (at = str_find(text, STR("{{"))) >= 0;) {
        text = str_tail(text, (size_t)at);
        size_t hole = template_hole(text, &name);
        if (!hole || str_starts(name, STR("env.")))
            return true;
        text = str_tail(text, hole);
    }
    return false;
}

bool promptfoo_is_odd(yyjson_val *value)
{
    size_t i, n;
    yyjson_val *key, *one;
    bool odd = yyjson_is_str(value) && text_is_odd(json_str(value));
    yyjson_arr_foreach(value, i, n, one) odd = odd || promptfoo_is_odd(one);
    yyjson_obj_foreach(value, i, n, key, one) odd = odd || promptfoo_is_odd(one);
    return odd;
}

/* The variable of a hole, up to the first dot, is kept once. */
static int hole_keep(struct promptfoo *p, struct str name)
{
    struct str first = str_cut(&name, '.');
    for (unsigned i = 0; i < p->holes_n; i++)
        if (str_eq(p->holes[i], first))
            return 0;
    if (p->holes_n == PROMPTFOO_HOLES_MAX)
        return fault_set(p->f, E_TOO_LARGE, "%.*s: its prompts name more than %d variables",
                         STR_ARGS(p->config.path), PROMPTFOO_HOLES_MAX);
    p->holes[p->holes_n] = arena_str(p->a, first);
    return p->holes[p->holes_n++].p ? 0 : E_MEMORY;
}

/* {{ name }} becomes {{vars.name}}: what else a case has is not in the way of its variables. */
static int text_put(struct promptfoo *p, struct str text, struct buf *out)
{
    struct str name;
    int err = 0;
    buf_char(out, '"');
    while (text.n && !err) {
        size_t hole = template_hole(text, &name);
        if (!hole) {
            size_t n = str_starts(text, STR("{{")) ? 2 : 0;
            ptrdiff_t next = str_find(str_tail(text, n), STR("{{"));
            n = next < 0 ? text.n : n + (size_t)next;
            json_escape(out, str_head(text, n));
            text = str_tail(text, n);
            continue;
        }
        err = hole_keep(p, name);
        buf_str(out, STR("{{vars."));
        buf_str(out, name);
        buf_str(out, STR("}}"));
        text = str_tail(text, hole);
    }
    buf_char(out, '"');
    return err ? err : out->failed;
}

static int template_put(struct promptfoo *p, yyjson_val *v, struct buf *out)
{
    size_t i, n;
    yyjson_val *key, *one;
    int err = 0;
    if (yyjson_is_str(v))
        return text_put(p, json_str(v), out);
    if (!yyjson_is_ctn(v))
        return json_value(out, v);
    buf_char(out, yyjson_is_arr(v) ? '[' : '{');
    yyjson_arr_foreach(v, i, n, one)
    {
        buf_str(out, i ? STR(",") : STR(""));
        err = err ? err : template_put(p, one, out);
    }
    yyjson_obj_foreach(v, i, n, key, one)
    {
        buf_str(out, i ? STR(",") : STR(""));
        json_quote(out, json_str(key));
        buf_char(out, ':');
        err = err ? err : template_put(p, one, out);
    }
    buf_char(out, yyjson_is_arr(v) ? ']' : '}');
    return err ? err : out->failed;
}

/* ---- files ---- */

static bool is_yaml(struct str path)
{
    return str_ends(path, STR(".yaml")) || str_ends(path, STR(".yml")) ||
           str_ends(path, STR(".json"));
}

static bool is_text(struct str path)
{
    return str_ends(path, STR(".txt")) || str_ends(path, STR(".md")) || str_ends(path, STR(".j2"));
}

int promptfoo_file(struct promptfoo *p, const struct promptfoo_test *t, struct str name,
                   yyjson_val **ret_value)
{
    struct foreign file;
    struct str text, path = import_path(p->a, t->beside, name);
    *ret_value = NULL;
    if (!path.p)
        return E_MEMORY;
    if (is_yaml(path)) {
        int err = foreign_load(p->a, path.p, &file, p->f);
        *ret_value = err ? NULL : file.root;
        return err;
    }
    if (!is_text(path)) {
        import_left_out(p->done, t->where,
                        "%.*s: only .txt, .md, .json and .yaml files are read; what needs it is "
                        "left out",
                        STR_ARGS(name));
        return 0;
    }
    int err = import_text(p->a, path, &text, p->f);
    struct str quoted = err ? STR_NONE : import_quoted(p->a, str_trim(text));
    return err ? err : quoted.p ? promptfoo_value(p, quoted, ret_value) : E_MEMORY;
}

/* ---- prompts ---- */

/* A list of objects with a role each? */
static bool is_messages(yyjson_val *v)
{
    size_t i, n;
    yyjson_val *one;
    bool are = yyjson_is_arr(v) && yyjson_arr_size(v) > 0;
    yyjson_arr_foreach(v, i, n, one) are = are && json_get_str(one, "role").n > 0;
    return are;
}

static int messages_add(struct promptfoo *p, struct str where, yyjson_val *messages)
{
    struct buf out;
    if (promptfoo_is_odd(messages)) {
        import_left_out(p->done, where,
                        "the prompt has a template that is more than a variable's name; it is left "
                        "out");
        return 0;
    }
    if (p->prompts_n == PROMPTFOO_PROMPTS_MAX)
        return fault_set(p->f, E_TOO_LARGE, "%.*s: more than %d prompts", STR_ARGS(where),
                         PROMPTFOO_PROMPTS_MAX);
    buf_init(&out, JSON_BYTES_MAX);
    int err = template_put(p, messages, &out);
    struct str json = err ? STR_NONE : arena_str(p->a, buf_view(&out));
    buf_fini(&out);
    if (err || !json.p)
        return err ? err : E_MEMORY;
    p->prompts[p->prompts_n++] = json;
    return 0;
}

/* A text is a list of messages, as JSON or YAML, or what the user says. */
static int text_add(struct promptfoo *p, struct str where, struct str text)
{
    struct foreign read;
    struct fault ignored = {0};
    text = str_trim(text);
    if (str_starts(text, STR("[")) || str_starts(text, STR("- role:"))) {
        int err = foreign_read(p->a, "prompt", text, &read, &ignored);
        if (err && err != E_CONFIG)
            return err;
        if (!err && is_messages(read.root))
            return messages_add(p, where, read.root);
    }
    yyjson_val *messages;
    struct str quoted = import_quoted(p->a, text);
    struct str json = arena_printf(p->a, "[{\"role\":\"user\",\"content\":%.*s}]",
                                   STR_ARGS(quoted));
    int err = quoted.p && json.p ? promptfoo_value(p, json, &messages) : E_MEMORY;
    return err ? err : messages_add(p, where, messages);
}

/* A file of texts has lines of --- between them. */
static int texts_add(struct promptfoo *p, struct str where, struct str text)
{
    static const char between[] = "\n---\n";
    int err = 0;
    for (ptrdiff_t at; !err && (at = str_find(text, STR(between))) >= 0;) {
        struct str one = str_trim(str_head(text, (size_t)at));
        text = str_tail(text, (size_t)at + sizeof(between) - 1);
        err = one.n ? text_add(p, where, one) : 0;
    }
    return err || str_trim(text).n == 0 ? err : text_add(p, where, text);
}

static int prompt_file(struct promptfoo *p, const struct promptfoo_test *t, struct str name)
{
    yyjson_val *value;
    int err = promptfoo_file(p, t, name, &value);
    if (err || !value)
        return err;
    if (yyjson_is_str(value))
        return texts_add(p, t->where, json_str(value));
    if (is_messages(value))
        return messages_add(p, t->where, value);
    import_left_out(p->done, t->where,
                    "%.*s: expected a list of messages, each with a role; the "
                    "prompt is left out",
                    STR_ARGS(name));
    return 0;
}

static bool is_file(struct promptfoo *p, struct str text)
{
    if (str_starts(text, STR("file://")))
        return true;
    if (text.n > 400 || str_find(text, STR("\n")) >= 0 || (!is_text(text) && !is_yaml(text)))
        return false;
    struct str path = import_path(p->a, p->config.path, text);
    return path.p && access(path.p, R_OK) == 0;
}

static int prompt_take(struct promptfoo *p, yyjson_val *prompt)
{
    struct str text = json_str(prompt);
    if (yyjson_is_obj(prompt)) {
        text = json_get_str(prompt, "raw");
        text = text.n ? text : json_get_str(prompt, "id");
    }
    const struct promptfoo_test t = {.where = arena_printf(p->a, "%.*s:%u",
                                                           STR_ARGS(p->config.path),
                                                           foreign_line(&p->config, prompt)),
                                     .beside = p->config.path};
    if (!t.where.p)
        return E_MEMORY;
    if (text.n && is_file(p, text))
        return prompt_file(p, &t, text);
    if (text.n)
        return text_add(p, t.where, text);
    import_left_out(p->done, t.where,
                    "expected a prompt's text, its messages, or a file's name; it is left out");
    return 0;
}

static int prompts_take(struct promptfoo *p, yyjson_val *prompts)
{
    size_t n = yyjson_is_arr(prompts) ? yyjson_arr_size(prompts) : prompts ? 1 : 0;
    int err = 0;
    for (size_t i = 0; i < n && !err; i++)
        err = prompt_take(p, yyjson_is_arr(prompts) ? yyjson_arr_get(prompts, i) : prompts);
    if (!err && p->prompts_n == 0)
        err = fault_set(p->f, E_BAD_REQUEST, "%.*s: it has no prompt that can be converted",
                        STR_ARGS(p->config.path));
    return err;
}

/* ---- the rest ---- */

/* What the configuration has beside prompts and tests, as far as it changes what a run says. */
static void members_look(struct promptfoo *p)
{
    static const char *const quiet[] = {"$schema", "description",     "prompts",
                                        "tests",   "defaultTest",     "outputPath",
                                        "sharing", "evaluateOptions", "tags"};
    size_t i, n;
    yyjson_val *key, *value;
    yyjson_obj_foreach(p->config.root, i, n, key, value)
    {
        bool known = false;
        for (unsigned k = 0; k < ARRAY_LEN(quiet); k++)
            known = known || str_eq(json_str(key), str_from(quiet[k]));
        struct str where = arena_printf(p->a, "%.*s:%u", STR_ARGS(p->config.path),
                                        foreign_line(&p->config, key));
        if (str_eq(json_str(key), STR("providers")) || str_eq(json_str(key), STR("targets")))
            import_note(p->done, where,
                        "who answers is said by sluice's configuration; `%s` and their settings "
                        "are not converted",
                        yyjson_get_str(key));
        else if (!known)
            import_left_out(p->done, where, "`%s` is not converted", yyjson_get_str(key));
    }
}

/* Lines of a suite's YAML for what the configuration says of runs. */
static struct str settings_text(struct promptfoo *p)
{
    yyjson_val *options = yyjson_obj_get(p->config.root, "evaluateOptions");
    int64_t repeat = json_get_i64(options, "repeat", 0);
    int64_t at_once = json_get_i64(options, "maxConcurrency", 0);
    struct str samples = repeat > 1 && repeat <= 100
                             ? arena_printf(p->a, "samples: %lld\n", (long long)repeat)
                             : STR("");
    struct str concurrency = at_once > 0 && at_once <= 1000
                                 ? arena_printf(p->a, "concurrency: %lld\n", (long long)at_once)
                                 : STR("");
    return arena_printf(p->a, "%.*s%.*s%s", STR_ARGS(samples), STR_ARGS(concurrency),
                        p->thresholds ? "fields: {pass: threshold}\n" : "");
}

static int defaults_take(struct promptfoo *p)
{
    yyjson_val *v = yyjson_obj_get(p->config.root, "defaultTest");
    const struct promptfoo_test t = {.where = arena_printf(p->a, "%.*s:%u: defaultTest",
                                                           STR_ARGS(p->config.path),
                                                           foreign_line(&p->config, v)),
                                     .beside = p->config.path};
    int err = t.where.p ? 0 : E_MEMORY;
    if (!err && str_starts(json_str(v), STR("file://")))
        err = promptfoo_file(p, &t, json_str(v), &v);
    p->defaults = yyjson_is_obj(v) ? v : NULL;
    return err;
}

static int suites_write(struct promptfoo *p, const struct import_wish *wish)
{
    struct draft_suite suites[PROMPTFOO_PROMPTS_MAX];
    struct str settings = settings_text(p);
    if (!settings.p)
        return E_MEMORY;
    for (unsigned i = 0; i < p->prompts_n; i++)
        suites[i] = (struct draft_suite){.about = json_get_str(p->config.root, "description"),
                                         .messages = p->prompts[i],
                                         .settings = settings,
                                         .from = "promptfoo"};
    return import_write(wish, p->done, &p->draft,
                        wish->name.n ? wish->name : import_stem(wish->file), suites, p->prompts_n,
                        p->f);
}

int import_promptfoo(const struct import_wish *wish, struct import_done *done, struct fault *f)
{
    struct promptfoo *p = ARENA_NEW(&done->arena, struct promptfoo);
    if (!p)
        return E_MEMORY;
    *p = (struct promptfoo){.done = done, .a = &done->arena, .judge = wish->judge, .f = f};
    draft_init(&p->draft, p->a);
    int err = foreign_load(p->a, wish->file.p, &p->config, f);
    yyjson_val *tests = err ? NULL : yyjson_obj_get(p->config.root, "tests");
    if (!err && (!yyjson_is_obj(p->config.root) || !tests))
        err = fault_set(f, E_BAD_REQUEST,
                        "%.*s: it has no `tests`; expected promptfoo's configuration, with prompts "
                        "and tests",
                        STR_ARGS(wish->file));
    if (!err)
        members_look(p);
    err = err ? err : defaults_take(p);
    err = err ? err : prompts_take(p, yyjson_obj_get(p->config.root, "prompts"));
    err = err ? err : promptfoo_tests(p, tests);
    err = err ? err : suites_write(p, wish);
    draft_fini(&p->draft);
    return err;
}
