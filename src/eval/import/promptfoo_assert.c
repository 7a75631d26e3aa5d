/* promptfoo_assert.c: assertions as checks. */
#include "base/json.h"
#include "eval/import/promptfoo.h"
#include "eval/json/schema.h"
#include "eval/suite/template.h"
#include "eval/text/pattern.h"

#define VALUE_BYTES_MAX (16u * 1024 * 1024)

enum value_kind {
    VALUE_NONE,
    VALUE_TEXT,
    VALUE_EQUALS, /* a text, or JSON that the answer has to be */
    VALUE_ANY,    /* a list */
    VALUE_ALL,
    VALUE_PATTERN,
    VALUE_SCHEMA, /* or none */
    VALUE_RUBRIC,
};

struct kind {
    const char *type;
    const char *settings;
    enum value_kind value;
    unsigned remark;
};
static const struct kind kinds[] = {
    {"equals", "kind: exact", VALUE_EQUALS, REMARK_SPACE},
    {"contains", "kind: contains", VALUE_TEXT, 0},
    {"icontains", "kind: contains, nocase: on", VALUE_TEXT, 0},
    {"contains-any", "kind: contains", VALUE_ANY, 0},
    {"icontains-any", "kind: contains, nocase: on", VALUE_ANY, 0},
    {"contains-all", "kind: contains", VALUE_ALL, 0},
    {"icontains-all", "kind: contains, nocase: on", VALUE_ALL, 0},
    {"starts-with", "kind: exact, begins: on", VALUE_TEXT, REMARK_SPACE},
    {"regex", "kind: regex", VALUE_PATTERN, REMARK_REGEX},
    {"is-json", "kind: json", VALUE_SCHEMA, REMARK_FENCE},
    {"is-refusal", "kind: refusal, expected: true", VALUE_NONE, REMARK_REFUSAL},
    {"llm-rubric", "kind: rubric", VALUE_RUBRIC, REMARK_RUBRIC},
};

static const struct kind *kind_find(struct str type)
{
    for (unsigned i = 0; i < ARRAY_LEN(kinds); i++)
        if (str_eq(type, str_from(kinds[i].type)))
            return &kinds[i];
    return NULL;
}

/* ---- values ---- */

/* A text, or a number or truth value as it is written. STR_NONE: neither. */
static struct str scalar_text(struct arena *a, yyjson_val *v)
{
    if (yyjson_is_str(v))
        return json_str(v);
    return yyjson_is_num(v) || yyjson_is_bool(v) ? import_json(a, v) : STR_NONE;
}

static bool has_outer_space(yyjson_val *v)
{
    size_t i, n;
    yyjson_val *one;
    bool has = str_trim(json_str(v)).n != json_str(v).n;
    yyjson_arr_foreach(v, i, n, one) has = has || has_outer_space(one);
    return has;
}

/* ["a","b"] of a list, or of a text with commas. E_BAD_REQUEST: it is neither. */
static int list_put(struct arena *a, yyjson_val *v, struct buf *out)
{
    struct str text = json_str(v);
    size_t i, n;
    yyjson_val *one;
    if (!yyjson_is_arr(v) && (!text.n || str_find(text, STR("\"")) >= 0))
        return E_BAD_REQUEST;
    buf_char(out, '[');
    unsigned count = 0;
    yyjson_arr_foreach(v, i, n, one)
    {
        struct str s = scalar_text(a, one);
        if (!s.n)
            return E_BAD_REQUEST;
        buf_str(out, count++ ? STR(",") : STR(""));
        json_quote(out, s);
    }
    while (text.n) {
        struct str s = str_trim(str_cut(&text, ','));
        if (!s.n)
            return E_BAD_REQUEST;
        buf_str(out, count++ ? STR(",") : STR(""));
        json_quote(out, s);
    }
    return count ? buf_char(out, ']') : E_BAD_REQUEST;
}

static int list_take(struct arena *a, yyjson_val *v, bool all, struct str *ret_json)
{
    struct buf out;
    buf_init(&out, VALUE_BYTES_MAX);
    buf_str(&out, all ? STR("{\"all\":") : STR(""));
    int err = list_put(a, v, &out);
    buf_str(&out, all ? STR("}") : STR(""));
    if (!err)
        err = out.failed;
    *ret_json = err ? STR_NONE : arena_str(a, buf_view(&out));
    buf_fini(&out);
    return err ? err : ret_json->p ? 0 : E_MEMORY;
}

static int text_take(struct arena *a, yyjson_val *v, struct str *ret_json)
{
    struct str text = scalar_text(a, v);
    if (!text.n)
        return E_BAD_REQUEST;
    *ret_json = import_quoted(a, text);
    return ret_json->p ? 0 : E_MEMORY;
}

static int pattern_try(struct arena *a, yyjson_val *v, struct str *ret_json, struct fault *why)
{
    struct pattern *pattern = NULL;
    struct str text = json_str(v);
    if (!text.n)
        return E_BAD_REQUEST;
    int err = pattern_new(text, false, &pattern, why);
    pattern_free(pattern);
    return err == E_CONFIG ? E_BAD_REQUEST : err ? err : text_take(a, v, ret_json);
}

/* A schema may be an object, or its text. */
static int schema_take(struct promptfoo *p, yyjson_val *v, struct str *settings, struct fault *why)
{
    struct foreign read;
    if (yyjson_is_str(v)) {
        int err = foreign_read(p->a, "schema", json_str(v), &read, why);
        if (err)
            return err == E_CONFIG ? E_BAD_REQUEST : err;
        v = read.root;
    }
    if (!v || yyjson_is_null(v))
        return 0;
    if (!yyjson_is_obj(v))
        return E_BAD_REQUEST;
    struct buf out;
    struct schema *schema = NULL;
    struct str json = import_json(p->a, v);
    int err = json.p ? schema_load(p->a, json, &schema, why) : E_MEMORY;
    schema_free(schema);
    if (err)
        return err == E_CONFIG ? E_BAD_REQUEST : err;
    buf_init(&out, VALUE_BYTES_MAX);
    buf_printf(&out, "%.*s, schema: ", STR_ARGS(*settings));
    for (size_t i = 0; i < json.n; i++) {
        buf_str(&out, json.p[i] == '$' ? STR("$") : STR(""));
        buf_char(&out, json.p[i]);
    }
    err = out.failed;
    *settings = err ? STR_NONE : arena_str(p->a, buf_view(&out));
    buf_fini(&out);
    return err ? err : settings->p ? 0 : E_MEMORY;
}

/* ---- one assertion ---- */

struct taking {
    struct promptfoo *p;
    const struct promptfoo_test *t;
    const struct kind *kind;
    struct str type; /* with its "not-" */
    yyjson_val *assertion, *value;
    struct draft_check *check;
    struct str settings;
};

static int value_take(struct taking *g, struct fault *why)
{
    struct arena *a = g->p->a;
    struct draft_check *c = g->check;
    c->value_as = "expected: \"{{%s}}\"";
    switch (g->kind->value) {
    case VALUE_NONE:
        c->value_as = NULL;
        return 0;
    case VALUE_SCHEMA:
        c->value_as = NULL;
        return schema_take(g->p, g->value, &g->settings, why);
    case VALUE_EQUALS:
        if (!yyjson_is_ctn(g->value))
            return text_take(a, g->value, &c->value);
        g->settings = STR("kind: json");
        import_remark(g->p->done, REMARK_FENCE);
        c->value = import_json(a, g->value);
        return c->value.p ? 0 : E_MEMORY;
    case VALUE_TEXT:
        return text_take(a, g->value, &c->value);
    case VALUE_ANY:
    case VALUE_ALL:
        return list_take(a, g->value, g->kind->value == VALUE_ALL, &c->value);
    case VALUE_PATTERN:
        return pattern_try(a, g->value, &c->value, why);
    case VALUE_RUBRIC:
        g->settings = arena_printf(a, "kind: rubric, judge: %.*s",
                                   STR_ARGS(import_quoted(a, g->p->judge)));
        c->value_as = "criteria: [{name: rubric, text: \"{{%s}}\"}]";
        return g->settings.p ? text_take(a, g->value, &c->value) : E_MEMORY;
    }
    return E_INTERNAL;
}

/* `weight`, a rubric's `threshold`, and the "not-". */
static int settings_end(struct taking *g)
{
    struct promptfoo *p = g->p;
    yyjson_val *weight = yyjson_obj_get(g->assertion, "weight");
    yyjson_val *pass = yyjson_obj_get(g->assertion, "threshold");
    if (weight &&
        (!yyjson_is_num(weight) || yyjson_get_num(weight) < 0 || yyjson_get_num(weight) > 1000))
        return E_BAD_REQUEST;
    if (weight && yyjson_get_num(weight) != 1)
        g->settings = arena_printf(p->a, "%.*s, weight: %g", STR_ARGS(g->settings),
                                   yyjson_get_num(weight));
    if (g->settings.p && g->kind->value == VALUE_RUBRIC && yyjson_is_num(pass) &&
        yyjson_get_num(pass) >= 0 && yyjson_get_num(pass) <= 1)
        g->settings = arena_printf(p->a, "%.*s, pass: %g", STR_ARGS(g->settings),
                                   yyjson_get_num(pass));
    if (g->settings.p && str_starts(g->type, STR("not-")))
        g->settings = arena_printf(p->a, "%.*s, not: on", STR_ARGS(g->settings));
    struct str base = arena_str(p->a, g->type);
    g->check->base = base.p;
    g->check->idle = weight && yyjson_get_num(weight) == 0;
    g->check->settings = g->settings;
    return base.p && g->settings.p ? 0 : E_MEMORY;
}

/* What changes the meaning of an assertion and is not known here; NULL: nothing. */
static const char *unknown_member(yyjson_val *assertion)
{
    static const char *const known[] = {"type",   "value",  "threshold",
                                        "weight", "metric", "provider"};
    size_t i, n;
    yyjson_val *key, *value;
    yyjson_obj_foreach(assertion, i, n, key, value)
    {
        bool is = false;
        for (unsigned k = 0; k < ARRAY_LEN(known); k++)
            is = is || str_eq(json_str(key), str_from(known[k]));
        if (!is)
            return yyjson_get_str(key);
    }
    return NULL;
}

/* Files are read, and variables filled in, as promptfoo does before it compares. *ret_taken false:
 * that was told. */
static int value_ready(struct taking *g, yyjson_val *vars, bool *ret_taken)
{
    struct promptfoo *p = g->p;
    struct fault why = {0};
    g->value = yyjson_obj_get(g->assertion, "value");
    *ret_taken = false;
    if (str_starts(json_str(g->value), STR("file://"))) {
        int err = promptfoo_file(p, g->t, json_str(g->value), &g->value);
        if (err || !g->value)
            return err;
    }
    if (promptfoo_is_odd(g->value)) {
        import_left_out(p->done, g->t->where,
                        "%.*s: its value has a template that is more than a variable's name; the "
                        "assertion is left out",
                        STR_ARGS(g->type));
        return 0;
    }
    int err = g->value ? template_fill(g->value, vars, p->a, &g->value, &why) : 0;
    if (err && err != E_BAD_REQUEST)
        return err;
    *ret_taken = !err;
    if (err)
        import_left_out(p->done, g->t->where, "%.*s: %s; the assertion is left out",
                        STR_ARGS(g->type), why_text(&why, err));
    return 0;
}

int promptfoo_assert(struct promptfoo *p, const struct promptfoo_test *t, yyjson_val *vars,
                     yyjson_val *assertion, struct draft_check *ret_check, bool *ret_taken)
{
    struct fault why = {0};
    struct taking g = {
        .p = p, .t = t, .assertion = assertion, .type = json_get_str(assertion, "type")};
    struct str plain = str_starts(g.type, STR("not-")) ? str_tail(g.type, 4) : g.type;
    const char *unknown = unknown_member(assertion);
    g.kind = kind_find(plain);
    g.check = ret_check;
    *ret_taken = false;
    *ret_check = (struct draft_check){0};
    if (!g.kind || unknown) {
        import_left_out(p->done, t->where, "%.*s%s%s%s; the assertion is left out",
                        STR_ARGS(g.type.n ? g.type : STR("an assertion without a type")),
                        g.kind ? ": `" : "", g.kind ? unknown : " is not converted",
                        g.kind ? "` is not converted" : "");
        return 0;
    }
    g.settings = str_from(g.kind->settings);
    int err = value_ready(&g, vars, ret_taken);
    if (err || !*ret_taken)
        return err;
    err = value_take(&g, &why);
    if (!err)
        err = settings_end(&g);
    *ret_taken = !err;
    if (err == E_BAD_REQUEST) {
        bool told = why.err != 0;
        import_left_out(p->done, t->where,
                        "%.*s: its value or weight is not what was expected%s%s; the assertion is "
                        "left out",
                        STR_ARGS(g.type), told ? ": " : "", told ? fault_text(&why) : "");
        return 0;
    }
    if (!err && g.kind->remark)
        import_remark(p->done, g.kind->remark);
    if (!err && g.kind->value != VALUE_PATTERN && has_outer_space(g.value))
        import_remark(p->done, REMARK_SPACE);
    return err;
}

/* ---- a column's text ---- */

/* "not-contains", "similar(0.8)" of "type:value"; n == 0: the text has no type. */
static struct str type_of(struct str text, struct str *ret_value)
{
    ptrdiff_t colon = str_find(text, STR(":"));
    struct str type = colon < 0 ? text : str_head(text, (size_t)colon);
    *ret_value = colon < 0 ? STR_NONE : str_tail(text, (size_t)colon + 1);
    ptrdiff_t bracket = str_find(type, STR("("));
    if (bracket > 0 && str_ends(type, STR(")")))
        type = str_head(type, (size_t)bracket);
    struct str plain = str_starts(type, STR("not-")) ? str_tail(type, 4) : type;
    /* Those that are told apart by more than their value, and are not converted. */
    static const char *const others[] = {
        "javascript",
        "fn",
        "eval",
        "python",
        "similar",
        "levenshtein",
        "rouge-n",
        "webhook",
        "cost",
        "latency",
        "perplexity",
        "perplexity-score",
        "classifier",
        "factuality",
        "answer-relevance",
        "context-recall",
        "context-relevance",
        "context-faithfulness",
        "model-graded-closedqa",
        "model-graded-factuality",
        "g-eval",
        "moderation",
        "is-sql",
        "is-xml",
        "contains-json",
        "contains-sql",
        "contains-xml",
        "is-valid-openai-tools-call",
        "is-valid-openai-function-call",
        "bleu",
        "meteor",
        "select-best",
        "pi",
        "guardrails",
        "word-count",
        "is-html",
        "contains-html",
        "ruby",
        "f-score",
        "finish-reason",
    };
    bool known = kind_find(plain) != NULL;
    for (unsigned i = 0; i < ARRAY_LEN(others) && !known; i++)
        known = str_eq(plain, str_from(others[i]));
    return known ? type : STR_NONE;
}

int promptfoo_expected(struct buf *out, struct str text)
{
    struct str value, type = type_of(text, &value);
    if (str_starts(text, STR("grade:"))) {
        type = STR("llm-rubric");
        value = str_tail(text, 6);
    } else if (str_starts(text, STR("file://"))) {
        type = STR("file://");
        value = text;
    } else if (!type.n) {
        type = STR("equals");
        value = text;
    }
    buf_str(out, STR("{\"type\":"));
    json_quote(out, type);
    if (value.n) {
        buf_str(out, STR(",\"value\":"));
        json_quote(out, value);
    }
    return buf_char(out, '}');
}
