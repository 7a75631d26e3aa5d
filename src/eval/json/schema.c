/* schema.c: checking a value; what the words say is in schema_words.c, reading in schema_load.c. */
#include "base/clock.h"
#include "base/json.h"
#include "eval/json/schema_internal.h"

#define STEPS_MOST   20000000
#define MATCH_US_MAX 2000000 /* that all matches of patterns may take */
#define BYTES_A_STEP 16      /* of a text that is matched */
#define MATCH_STEPS  8

bool schema_give_up(struct schema_run *run, const char *reason)
{
    if (!run->unchecked)
        run->unchecked = reason;
    return false;
}

const struct schema_rule *schema_beside(const struct schema_rule *rule, const char *name)
{
    for (unsigned i = 0; i < rule->of->n; i++)
        if (strcmp(rule->of->rules[i].word->name, name) == 0)
            return &rule->of->rules[i];
    return NULL;
}

/* ---- patterns ---- */

bool schema_found(struct schema_run *run, const struct pattern *pattern, struct str text)
{
    struct pattern_found found;
    bool is = false;
    if (!values_step(&run->steps, MATCH_STEPS + text.n / BYTES_A_STEP))
        return false;
    int64_t began = clock_mono_us();
    int err = pattern_find(pattern, text, 0, &is, &found);
    run->match_us += clock_mono_us() - began;
    run->no_memory = run->no_memory || err == E_MEMORY;
    if (err || run->match_us > MATCH_US_MAX)
        return schema_give_up(run, "a pattern took too much to match");
    return is;
}

/* ---- telling ---- */

static bool is_plain_name(struct str s)
{
    bool plain = s.n > 0 && !(s.p[0] >= '0' && s.p[0] <= '9');
    for (size_t i = 0; i < s.n && plain; i++) {
        char c = s.p[i];
        plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                c == '_';
    }
    return plain;
}

/* "$.items[2]['a b']", as a JSONPath would say it. */
static struct str spot_path(struct arena *a, const struct spot *spot)
{
    if (!spot)
        return STR("$");
    struct str up = spot_path(a, spot->up);
    if (!spot->name)
        return arena_printf(a, "%.*s[%zu]", STR_ARGS(up), spot->index);
    struct str name = json_str(spot->name);
    if (is_plain_name(name))
        return arena_printf(a, "%.*s.%.*s", STR_ARGS(up), STR_ARGS(name));
    name = values_show(a, spot->name, 60);
    return arena_printf(a, "%.*s[%.*s]", STR_ARGS(up), STR_ARGS(name));
}

bool schema_say(struct schema_run *run, const struct spot *spot, const char *fmt, ...)
{
    va_list args;
    if (run->silent > 0 || run->why.p)
        return false;
    va_start(args, fmt);
    struct str path = spot_path(run->arena, spot);
    struct str text = arena_vprintf(run->arena, fmt, args);
    va_end(args);
    if (path.p && text.p)
        run->why = arena_printf(run->arena, "%.*s: %.*s", STR_ARGS(path), STR_ARGS(text));
    run->no_memory = run->no_memory || !run->why.p;
    return false;
}

/* ---- checking ---- */

unsigned schema_type_of(yyjson_val *v)
{
    if (values_is_number(v))
        return TYPE_NUMBER;
    switch (yyjson_get_type(v)) {
    case YYJSON_TYPE_OBJ:
        return TYPE_OBJECT;
    case YYJSON_TYPE_ARR:
        return TYPE_ARRAY;
    case YYJSON_TYPE_STR:
        return TYPE_STRING;
    case YYJSON_TYPE_BOOL:
        return TYPE_BOOLEAN;
    default:
        return TYPE_NULL;
    }
}

bool schema_part_obeyed(struct schema_run *run, const struct schema_part *part, yyjson_val *v,
                        const struct spot *spot)
{
    if (run->depth == SCHEMA_DEPTH_MAX)
        return schema_give_up(run, "its schemas go too deep into each other");
    if (yyjson_is_false(part->source))
        return schema_say(run, spot, "nothing is allowed here");
    bool obeyed = true;
    unsigned type = schema_type_of(v);
    run->depth++;
    for (unsigned i = 0; i < part->n && obeyed; i++) {
        const struct schema_rule *rule = &part->rules[i];
        if (!values_step(&run->steps, 1))
            obeyed = schema_give_up(run, "it took too many steps");
        else if (rule->word->check && (rule->word->types & type))
            obeyed = rule->word->check(run, rule, v, spot);
    }
    run->depth--;
    return obeyed && !run->unchecked;
}

int schema_check(const struct schema *s, struct arena *a, yyjson_val *value,
                 enum schema_verdict *ret_verdict, struct str *ret_why)
{
    struct schema_run run = {.schema = s, .arena = a, .steps = {STEPS_MOST}};
    bool obeyed = schema_part_obeyed(&run, s->root, value, NULL);
    if (run.no_memory)
        return E_MEMORY;
    if (run.steps.left == 0)
        (void)schema_give_up(&run, "it took too many steps");
    *ret_verdict = run.unchecked ? SCHEMA_UNCHECKED : obeyed ? SCHEMA_OBEYED : SCHEMA_BROKEN;
    *ret_why = obeyed ? STR_NONE : run.why;
    if (!run.unchecked)
        return 0;
    *ret_why = arena_printf(a, "the schema could not be checked: %s", run.unchecked);
    return ret_why->p ? 0 : E_MEMORY;
}
