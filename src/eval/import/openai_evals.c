/* openai_evals.c: samples of OpenAI's evals, and the registry's YAML that names them. */
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "conf/foreign.h"
#include "eval/import/draft.h"
#include "eval/suite/jsonl.h"

#define MEMBERS_BYTES_MAX (64u * 1024 * 1024)
#define FIELD             "ideal"

/* How its samples are graded. */
struct class
{
    const char *word;   /* --class */
    const char *module; /* in the registry, below evals.elsuite.basic */
    const char *settings;
    unsigned remarks;
};
static const struct class classes[] = {
    {"match", "match:Match", "kind: exact, begins: on", REMARK_SPACE},
    {"includes", "includes:Includes", "kind: contains", 0},
    {"fuzzy_match", "fuzzy_match:FuzzyMatch", "kind: contains, normalise: on, either: on",
     REMARK_WORDS},
    {"json_match", "json_match:JsonMatch", "kind: json", REMARK_FENCE},
};
static const char basic[] = "evals.elsuite.basic.";

struct samples {
    struct import_done *done;
    struct draft draft;
    const struct class *class;
    bool nocase;
    struct str settings; /* the grader's */
    struct str path;
    unsigned line;
};

static struct str where(struct samples *s)
{
    return arena_printf(&s->done->arena, "%.*s:%u", STR_ARGS(s->path), s->line);
}

/* ---- one sample ---- */

/* A text is what the user says. */
static int input_put(struct buf *out, yyjson_val *input)
{
    buf_str(out, STR(",\"input\":"));
    if (!yyjson_is_str(input))
        return json_value(out, input);
    buf_str(out, STR("[{\"role\":\"user\",\"content\":"));
    json_quote(out, json_str(input));
    return buf_str(out, STR("}]"));
}

/* The id that the sample has, or its line; and whatever else it has. */
static void others_put(struct buf *out, const struct samples *s, yyjson_val *sample)
{
    size_t i, n;
    yyjson_val *key, *value, *id = yyjson_obj_get(sample, "id");
    buf_str(out, STR("\"id\":"));
    if (yyjson_is_str(id) || yyjson_is_int(id))
        json_value(out, id);
    else
        buf_printf(out, "\"%u\"", s->line);
    yyjson_obj_foreach(sample, i, n, key, value)
    {
        static const char *const ours[] = {"id", "input", FIELD, "tags", "weight"};
        bool taken = false;
        for (unsigned k = 0; k < ARRAY_LEN(ours); k++)
            taken = taken || str_eq(json_str(key), str_from(ours[k]));
        if (taken)
            continue;
        buf_char(out, ',');
        json_quote(out, json_str(key));
        buf_char(out, ':');
        json_value(out, value);
    }
}

static bool is_texts(yyjson_val *v)
{
    size_t i, n;
    yyjson_val *one;
    if (!yyjson_is_arr(v))
        return yyjson_is_str(v) && yyjson_get_len(v) > 0;
    yyjson_arr_foreach(v, i, n,
                       one) if (!yyjson_is_str(one) || yyjson_get_len(one) == 0) return false;
    return yyjson_arr_size(v) > 0;
}

/* What the grader is told: the texts, or for JSON what they say. n == 0: it cannot be converted. */
static int ideal_take(struct samples *s, yyjson_val *ideal, struct str *ret_json)
{
    struct arena *a = &s->done->arena;
    *ret_json = STR_NONE;
    if (!is_texts(ideal)) {
        import_left_out(s->done, where(s),
                        "\"ideal\" has to be a text or a list of texts, none of "
                        "them empty; the sample is left out");
        return 0;
    }
    if (strcmp(s->class->word, "json_match") != 0) {
        *ret_json = import_json(a, ideal);
        return ret_json->p ? 0 : E_MEMORY;
    }
    yyjson_val *one = yyjson_is_arr(ideal) ? yyjson_arr_get_first(ideal) : ideal;
    yyjson_doc *doc = NULL;
    int err = json_parse(a, json_str(one), &doc, NULL);
    if (err == E_MEMORY)
        return err;
    if (err || (yyjson_is_arr(ideal) && yyjson_arr_size(ideal) > 1)) {
        import_left_out(s->done, where(s),
                        err ? "\"ideal\" is no JSON; the sample is left out"
                            : "several ideals as JSON are not known here; the "
                              "sample is left out");
        return 0;
    }
    *ret_json = arena_str(a, json_str(one));
    return ret_json->p ? 0 : E_MEMORY;
}

static int sample_take(struct samples *s, yyjson_val *sample)
{
    struct str ideal;
    yyjson_val *input = yyjson_obj_get(sample, "input");
    if (!yyjson_is_str(input) && !(yyjson_is_arr(input) && yyjson_arr_size(input) > 0)) {
        import_left_out(s->done, where(s),
                        "\"input\" has to be a text or a list of messages; the sample is left out");
        return 0;
    }
    int err = ideal_take(s, yyjson_obj_get(sample, FIELD), &ideal);
    if (err || !ideal.n)
        return err;
    struct buf members;
    buf_init(&members, MEMBERS_BYTES_MAX);
    others_put(&members, s, sample);
    err = input_put(&members, input);
    const struct draft_check check = {
        .base = FIELD, .settings = s->settings, .value_as = "expected: \"{{%s}}\"", .value = ideal};
    if (!err)
        err = members.failed ? members.failed
                             : draft_case(&s->draft, buf_view(&members), &check, 1);
    buf_fini(&members);
    return err;
}

/* ---- a file of them ---- */

static int samples_read(struct samples *s, struct fault *f)
{
    struct jsonl *lines = NULL;
    int err = jsonl_open(s->path.p, &lines, f);
    while (!err) {
        yyjson_val *sample;
        err = jsonl_next_object(lines, &s->done->arena, &sample, f);
        s->line = err ? 0 : jsonl_line(lines);
        if (!err && s->draft.cases_n == IMPORT_CASES_MAX)
            err = fault_set(f, E_TOO_LARGE, "%.*s: more than %d samples", STR_ARGS(s->path),
                            IMPORT_CASES_MAX);
        if (!err)
            err = sample_take(s, sample);
    }
    jsonl_close(lines);
    return err == E_EOF ? 0 : err;
}

static int samples_import(const struct import_wish *wish, struct import_done *done,
                          const struct class *class, bool nocase, struct str path, struct str name,
                          struct str about, struct fault *f)
{
    struct arena *a = &done->arena;
    struct samples s = {.done = done, .class = class, .path = path};
    s.settings = arena_printf(a, "%s%s", class->settings, nocase ? ", nocase: on" : "");
    if (!s.settings.p || !path.p)
        return E_MEMORY;
    draft_init(&s.draft, a);
    if (class->remarks)
        import_remark(done, class->remarks);
    int err = samples_read(&s, f);
    struct draft_suite suite = {
        .about = about, .messages = STR("\"{{input}}\""), .from = "OpenAI evals"};
    if (!err)
        err = import_write(wish, done, &s.draft, name, &suite, 1, f);
    draft_fini(&s.draft);
    return err;
}

/* ---- the registry ---- */

static const struct class *class_find(struct str name, bool word)
{
    for (unsigned i = 0; i < ARRAY_LEN(classes); i++) {
        if (word && str_eq(name, str_from(classes[i].word)))
            return &classes[i];
        if (!word && str_starts(name, STR(basic)) &&
            str_eq(str_tail(name, sizeof(basic) - 1), str_from(classes[i].module)))
            return &classes[i];
    }
    return NULL;
}

/* The name under which people ask for the eval: the entry whose id it is. */
static struct str eval_name(yyjson_val *registry, struct str id, struct str *ret_about)
{
    size_t i, n;
    yyjson_val *key, *value;
    yyjson_obj_foreach(registry, i, n, key, value)
    {
        if (!str_eq(json_get_str(value, "id"), id))
            continue;
        *ret_about = json_get_str(value, "description");
        return json_str(key);
    }
    return id;
}

/* Beside the YAML, or where the evals' own folders have it: registry/evals and registry/data. */
static struct str samples_path(struct arena *a, struct str file, struct str name)
{
    struct str path = import_path(a, file, name);
    if (!path.p || access(path.p, R_OK) == 0)
        return path;
    struct str apart = arena_printf(a, "../data/%.*s", STR_ARGS(name));
    struct str other = apart.p ? import_path(a, file, apart) : apart;
    return other.p && access(other.p, R_OK) == 0 ? other : path;
}

/* What the entry says of how it is run, beside what is converted. */
static void args_look(struct import_done *done, struct str at, struct str name, yyjson_val *args)
{
    size_t i, n;
    yyjson_val *key, *value;
    yyjson_obj_foreach(args, i, n, key, value)
    {
        if (!str_eq(json_str(key), STR("samples_jsonl")) &&
            !str_eq(json_str(key), STR("ignore_case")))
            import_left_out(done, at, "%.*s: args.%s is not converted", STR_ARGS(name),
                            yyjson_get_str(key));
    }
}

static int entry_import(const struct import_wish *wish, struct import_done *done,
                        const struct foreign *file, yyjson_val *id, yyjson_val *entry,
                        struct fault *f)
{
    struct arena *a = &done->arena;
    yyjson_val *args = yyjson_obj_get(entry, "args");
    struct str module = json_get_str(entry, "class"), samples = json_get_str(args, "samples_jsonl");
    struct str at = arena_printf(a, "%.*s:%u", STR_ARGS(file->path), foreign_line(file, id));
    struct str about = json_get_str(entry, "description");
    struct str name = eval_name(file->root, json_str(id), &about);
    const struct class *class = class_find(module, false);
    if (!at.p)
        return E_MEMORY;
    if (!class)
        import_left_out(done, at, "%.*s: the class %.*s is not converted%s", STR_ARGS(name),
                        STR_ARGS(module),
                        str_find(module, STR("modelgraded")) >= 0
                            ? "; a grader of the kind rubric can take its place"
                            : "");
    else if (!samples.n)
        import_left_out(done, at, "%.*s has no args.samples_jsonl", STR_ARGS(name));
    else if (json_get_i64(args, "num_few_shot", 0) > 0)
        import_left_out(done, at, "%.*s: examples from few_shot_jsonl are not converted",
                        STR_ARGS(name));
    else {
        args_look(done, at, name, args);
        return samples_import(
            wish, done, class, yyjson_get_bool(yyjson_obj_get(args, "ignore_case")),
            samples_path(a, file->path, samples), wish->name.n ? wish->name : name, about, f);
    }
    return 0;
}

static int registry_import(const struct import_wish *wish, struct import_done *done,
                           struct fault *f)
{
    struct foreign file;
    size_t i, n;
    yyjson_val *key, *value;
    unsigned entries = 0;
    int err = foreign_load(&done->arena, wish->file.p, &file, f);
    if (err)
        return err;
    yyjson_obj_foreach(file.root, i, n, key, value)
    {
        if (err || !yyjson_is_str(yyjson_obj_get(value, "class")))
            continue;
        entries++;
        if (wish->name.n && done->suites_n > 0)
            err = fault_set(f, E_BAD_REQUEST,
                            "%.*s: there are several evals in it; leave --name out, and each has "
                            "its own name",
                            STR_ARGS(wish->file));
        else
            err = entry_import(wish, done, &file, key, value, f);
    }
    if (!err && entries == 0)
        err = fault_set(f, E_BAD_REQUEST,
                        "%.*s: no entry in it has a class; expected a registry's YAML of OpenAI "
                        "evals",
                        STR_ARGS(wish->file));
    return err;
}

int import_openai_evals(const struct import_wish *wish, struct import_done *done, struct fault *f)
{
    bool yaml = str_ends(wish->file, STR(".yaml")) || str_ends(wish->file, STR(".yml"));
    const struct class *class = class_find(wish->class, true);
    if (yaml && !wish->class.n)
        return registry_import(wish, done, f);
    if (!wish->class.n)
        return fault_set(f, E_BAD_REQUEST,
                         "samples alone do not say how they are graded: name it with --class "
                         "match, includes, fuzzy_match or json_match, or import the registry's "
                         "YAML");
    if (yaml)
        return fault_set(f, E_BAD_REQUEST,
                         "--class is for a file of samples; a registry's YAML says it itself");
    if (!class)
        return fault_set(f, E_BAD_REQUEST,
                         "there is no class '%.*s'; expected match, includes, fuzzy_match or "
                         "json_match",
                         STR_ARGS(str_head_utf8(wish->class, 40)));
    return samples_import(wish, done, class, false, wish->file,
                          wish->name.n ? wish->name : import_stem(wish->file), STR_NONE, f);
}
