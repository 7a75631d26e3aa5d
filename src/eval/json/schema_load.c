/* schema_load.c: a schema's text to parts and rules; what is wrong or not supported is refused. */
#include "base/json.h"
#include "eval/json/schema_internal.h"

#define NAME_BYTES 60 /* of a word in a message */
#define NAMES_MAX  64 /* in the table */

struct loader {
    struct arena *arena;
    struct schema *schema;
    yyjson_val *root;
    struct fault *fault;
};

/* "#/properties/age: ..." */
static int complain(struct loader *l, struct str at, const char *fmt, ...) PRINTF(3, 4);
static int complain(struct loader *l, struct str at, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    struct str text = arena_vprintf(l->arena, fmt, args);
    va_end(args);
    return fault_set(l->fault, E_CONFIG, "%.*s: %.*s", STR_ARGS(at), STR_ARGS(text));
}

/* ---- what a value has to be ---- */

static bool all_strings(yyjson_val *list)
{
    yyjson_arr_iter each = yyjson_arr_iter_with(list);
    bool all = yyjson_is_arr(list);
    for (yyjson_val *one; all && (one = yyjson_arr_iter_next(&each));)
        all = yyjson_is_str(one);
    return all;
}

static bool all_lists_of_strings(yyjson_val *object)
{
    yyjson_obj_iter each = yyjson_obj_iter_with(object);
    bool all = yyjson_is_obj(object);
    for (yyjson_val *key; all && (key = yyjson_obj_iter_next(&each));)
        all = all_strings(yyjson_obj_iter_get_val(key));
    return all;
}

static bool is_known_draft(yyjson_val *v)
{
    static const char *const drafts[] = {"/draft/2020-12/schema", "/draft/2019-09/schema",
                                         "/draft-07/schema", "/draft-06/schema"};
    for (size_t i = 0; i < ARRAY_LEN(drafts); i++)
        if (str_find(json_str(v), str_from(drafts[i])) >= 0)
            return true;
    return false;
}

/* NULL: it is as it should be; else what was expected. */
static const char *expected_of(enum schema_form form, yyjson_val *v)
{
    bool number = yyjson_is_num(v);
    switch (form) {
    case FORM_PART:
        return yyjson_is_obj(v) || yyjson_is_bool(v) ? NULL : "a schema: an object, true or false";
    case FORM_PARTS:
        return yyjson_is_arr(v) && yyjson_arr_size(v) > 0 ? NULL : "a list of schemas";
    case FORM_PART_MAP:
        return yyjson_is_obj(v) ? NULL : "an object of schemas";
    case FORM_PATTERN_MAP:
        return yyjson_is_obj(v) ? NULL : "an object of schemas, named by patterns";
    case FORM_PATTERN:
        return yyjson_is_str(v) ? NULL : "a regular expression";
    case FORM_COUNT:
        return number && values_is_whole(v) && yyjson_get_num(v) >= 0
                   ? NULL
                   : "a whole number of at least 0";
    case FORM_NUMBER:
        return values_is_number(v) ? NULL : "a number";
    case FORM_POSITIVE:
        return number && yyjson_get_num(v) > 0 ? NULL : "a number above 0";
    case FORM_BOOL:
        return yyjson_is_bool(v) ? NULL : "true or false";
    case FORM_STRING:
    case FORM_ROOT_ONLY:
    case FORM_REF:
        return yyjson_is_str(v) ? NULL : "a string";
    case FORM_STRINGS:
        return all_strings(v) ? NULL : "a list of names";
    case FORM_STRINGS_MAP:
        return all_lists_of_strings(v) ? NULL : "an object of lists of names";
    case FORM_LIST:
        return yyjson_is_arr(v) ? NULL : "a list";
    case FORM_DRAFT:
        return is_known_draft(v) ? NULL
                                 : "https://json-schema.org/draft/2020-12/schema, or another draft "
                                   "since 6";
    default:
        return NULL;
    }
}

static int type_read(struct loader *l, struct str at, yyjson_val *one, struct schema_rule *rule)
{
    unsigned type = schema_type_named(json_str(one));
    struct str got = type ? STR_NONE : values_show(l->arena, one, NAME_BYTES);
    rule->types |= type;
    return type ? 0
                : complain(l, at,
                           "type: %.*s is no type; expected string, number, integer, boolean, "
                           "object, array, null, or a list of them",
                           STR_ARGS(got));
}

static int types_read(struct loader *l, struct str at, struct schema_rule *rule)
{
    if (!yyjson_is_arr(rule->value) || yyjson_arr_size(rule->value) == 0)
        return type_read(l, at, rule->value, rule);
    yyjson_arr_iter each = yyjson_arr_iter_with(rule->value);
    int err = 0;
    for (yyjson_val *one; !err && (one = yyjson_arr_iter_next(&each));)
        err = type_read(l, at, one, rule);
    return err;
}

static int pattern_read(struct loader *l, struct str at, struct str text,
                        struct pattern **ret_pattern)
{
    struct fault f = {0};
    int err = pattern_new(text, PATTERN_SCRIPT, ret_pattern, &f);
    if (err != E_CONFIG)
        return err;
    return complain(l, at, "the pattern '%.*s': %s", STR_ARGS(str_head_utf8(text, NAME_BYTES)),
                    fault_text(&f));
}

/* ---- parts ---- */

static int part_read(struct loader *l, yyjson_val *source, struct str at,
                     struct schema_part **ret_part);

static int rule_room(struct loader *l, struct schema_rule *rule, size_t n)
{
    rule->parts = ARENA_ARRAY(l->arena, struct schema_part *, n + 1);
    rule->patterns = ARENA_ARRAY(l->arena, struct pattern *, n + 1);
    return rule->parts && rule->patterns ? 0 : E_MEMORY;
}

static int parts_read(struct loader *l, struct str at, struct schema_rule *rule)
{
    yyjson_arr_iter each = yyjson_arr_iter_with(rule->value);
    int err = rule_room(l, rule, yyjson_arr_size(rule->value));
    for (yyjson_val *one; !err && (one = yyjson_arr_iter_next(&each)); rule->n++) {
        struct str below = arena_printf(l->arena, "%.*s/%u", STR_ARGS(at), rule->n);
        err = below.p ? part_read(l, one, below, &rule->parts[rule->n]) : E_MEMORY;
    }
    return err;
}

static int part_map_read(struct loader *l, struct str at, struct schema_rule *rule)
{
    bool patterns = rule->word->form == FORM_PATTERN_MAP;
    yyjson_obj_iter each = yyjson_obj_iter_with(rule->value);
    int err = rule_room(l, rule, yyjson_obj_size(rule->value));
    for (yyjson_val *key; !err && (key = yyjson_obj_iter_next(&each)); rule->n++) {
        struct str name = json_str(key);
        struct str below = arena_printf(l->arena, "%.*s/%.*s", STR_ARGS(at), STR_ARGS(name));
        if (patterns)
            err = pattern_read(l, at, name, &rule->patterns[rule->n]);
        if (!err)
            err = below.p ? part_read(l, yyjson_obj_iter_get_val(key), below, &rule->parts[rule->n])
                          : E_MEMORY;
    }
    return err;
}

static int rule_below(struct loader *l, struct str at, struct schema_rule *rule)
{
    int err = 0;
    switch (rule->word->form) {
    case FORM_PARTS:
        return parts_read(l, at, rule);
    case FORM_PART_MAP:
    case FORM_PATTERN_MAP:
        return part_map_read(l, at, rule);
    case FORM_PART:
    case FORM_REF:
        err = rule_room(l, rule, 1);
        if (!err && rule->word->form == FORM_PART)
            err = part_read(l, rule->value, at, &rule->parts[0]);
        rule->n = 1;
        return err;
    case FORM_PATTERN:
        err = rule_room(l, rule, 1);
        rule->n = 1;
        return err ? err : pattern_read(l, at, json_str(rule->value), &rule->patterns[0]);
    default:
        return 0;
    }
}

static int word_unknown(struct loader *l, struct str at, struct str name)
{
    struct str known[NAMES_MAX];
    size_t n = 0;
    for (; schema_words[n].name && n < NAMES_MAX; n++)
        known[n] = str_from(schema_words[n].name);
    struct str near = str_nearest(name, known, n);
    name = str_head_utf8(name, NAME_BYTES);
    if (near.p)
        return complain(l, at, "%.*s is no word of JSON Schema; did you mean %.*s?", STR_ARGS(name),
                        STR_ARGS(near));
    return complain(l, at,
                    "%.*s is no word of JSON Schema; notes go into $comment, or begin with x-",
                    STR_ARGS(name));
}

static const struct schema_word *word_find(struct str name)
{
    for (const struct schema_word *w = schema_words; w->name; w++)
        if (str_eq(name, str_from(w->name)))
            return w;
    return NULL;
}

static int rule_read(struct loader *l, struct schema_part *part, yyjson_val *key)
{
    struct str name = json_str(key);
    const struct schema_word *word = word_find(name);
    if (!word)
        return str_starts(name, STR("x-")) ? 0 : word_unknown(l, part->at, name);
    struct schema_rule *rule = &part->rules[part->n++];
    *rule = (struct schema_rule){.word = word, .of = part, .value = yyjson_obj_iter_get_val(key)};
    const char *expected = expected_of(word->form, rule->value);
    if (expected)
        return complain(l, part->at, "%s is %s; expected %s", word->name, values_kind(rule->value),
                        expected);
    if (word->form == FORM_REFUSED)
        return complain(l, part->at, "%s is not supported: %s", word->name, word->note);
    if (word->form == FORM_ROOT_ONLY && part->source != l->root)
        return complain(l, part->at, "%s is supported only at the top", word->name);
    if (word->form == FORM_TYPES)
        return types_read(l, part->at, rule);
    struct str at = arena_printf(l->arena, "%.*s/%s", STR_ARGS(part->at), word->name);
    return at.p ? rule_below(l, at, rule) : E_MEMORY;
}

static int part_read(struct loader *l, yyjson_val *source, struct str at,
                     struct schema_part **ret_part)
{
    const char *expected = expected_of(FORM_PART, source);
    if (expected)
        return complain(l, at, "%s; expected %s", values_kind(source), expected);
    if (++l->schema->part_count > SCHEMA_PARTS_MAX)
        return complain(l, at, "the schema has more than %d parts", SCHEMA_PARTS_MAX);
    struct schema_part *part = ARENA_NEW(l->arena, struct schema_part);
    if (!part)
        return E_MEMORY;
    part->source = source;
    part->at = at;
    part->rules = ARENA_ARRAY(l->arena, struct schema_rule, yyjson_obj_size(source) + 1);
    part->next = l->schema->all;
    l->schema->all = part;
    *ret_part = part;
    yyjson_obj_iter each = yyjson_obj_iter_with(source);
    int err = part->rules ? 0 : E_MEMORY;
    for (yyjson_val *key; !err && (key = yyjson_obj_iter_next(&each));)
        err = rule_read(l, part, key);
    return err;
}

/* ---- references ---- */

static int hex_of(char c)
{
    return c >= '0' && c <= '9'                 ? c - '0'
           : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
                                                : -1;
}

/* What stands behind "#", without the escapes of URLs. */
static struct str fragment_plain(struct arena *a, struct str s)
{
    char *out = arena_alloc(a, s.n + 1);
    size_t n = 0;
    for (size_t i = 0; out && i < s.n; i++) {
        bool escape = s.p[i] == '%' && i + 2 < s.n && hex_of(s.p[i + 1]) >= 0 &&
                      hex_of(s.p[i + 2]) >= 0;
        out[n++] = escape ? (char)(hex_of(s.p[i + 1]) * 16 + hex_of(s.p[i + 2])) : s.p[i];
        i += escape ? 2 : 0;
    }
    return out ? str_of(out, n) : STR_NONE;
}

static struct schema_part *part_of(struct loader *l, yyjson_val *source)
{
    struct schema_part *part = source ? l->schema->all : NULL;
    while (part && part->source != source)
        part = part->next;
    return part;
}

static struct schema_part *part_anchored(struct loader *l, struct str name)
{
    struct schema_part *part = l->schema->all;
    while (part && !str_eq(json_get_str(part->source, "$anchor"), name))
        part = part->next;
    return part;
}

static int ref_resolve(struct loader *l, struct schema_rule *rule)
{
    struct str ref = json_str(rule->value), shown = str_head_utf8(ref, NAME_BYTES);
    struct str id = json_get_str(l->root, "$id");
    if (id.n > 0 && str_starts(ref, id)) /* the schema by its own name */
        ref = ref.n == id.n ? STR("#") : str_tail(ref, id.n);
    if (ref.n == 0 || ref.p[0] != '#')
        return complain(l, rule->of->at,
                        "$ref '%.*s' leads out of this schema, which is not supported; expected "
                        "#/$defs/NAME or the like",
                        STR_ARGS(shown));
    struct str to = fragment_plain(l->arena, str_tail(ref, 1));
    if (!to.p)
        return E_MEMORY;
    if (to.n == 0)
        rule->parts[0] = l->schema->root;
    else if (to.p[0] == '/')
        rule->parts[0] = part_of(l, yyjson_ptr_getn(l->root, to.p, to.n));
    else
        rule->parts[0] = part_anchored(l, to);
    if (!rule->parts[0])
        return complain(l, rule->of->at, "$ref '%.*s' leads to nothing that is a schema",
                        STR_ARGS(shown));
    return 0;
}

static int refs_resolve(struct loader *l)
{
    int err = 0;
    for (struct schema_part *part = l->schema->all; part && !err; part = part->next)
        for (unsigned i = 0; i < part->n && !err; i++)
            if (part->rules[i].word->form == FORM_REF)
                err = ref_resolve(l, &part->rules[i]);
    return err;
}

/* A part that asks itself about the same value would never end. */
static int circle_find(struct loader *l, struct schema_part *part, unsigned depth)
{
    if (part->walked == PART_DONE)
        return 0;
    if (part->walked == PART_OPEN)
        return complain(l, part->at, "this schema leads back to itself for the same value");
    if (depth == SCHEMA_DEPTH_MAX)
        return complain(l, part->at, "more than %d schemas for one value", SCHEMA_DEPTH_MAX);
    int err = 0;
    part->walked = PART_OPEN;
    for (unsigned i = 0; i < part->n && !err; i++)
        for (unsigned k = 0; part->rules[i].word->in_place && k < part->rules[i].n && !err; k++)
            err = circle_find(l, part->rules[i].parts[k], depth + 1);
    part->walked = PART_DONE;
    return err;
}

/* ---- the whole ---- */

int schema_load(struct arena *a, struct str text, struct schema **ret_schema, struct fault *f)
{
    yyjson_doc *doc;
    struct schema *s = ARENA_NEW(a, struct schema);
    if (!s)
        return E_MEMORY;
    if (text.n > SCHEMA_BYTES_MAX)
        return fault_set(f, E_CONFIG, "the schema has %zu bytes; at most %u", text.n,
                         SCHEMA_BYTES_MAX);
    struct fault why = {0};
    int err = json_parse(a, text, &doc, &why);
    if (err)
        return err == E_BAD_JSON ? fault_set(f, E_CONFIG, "no JSON: %s", fault_text(&why)) : err;
    struct loader l = {.arena = a, .schema = s, .root = yyjson_doc_get_root(doc), .fault = f};
    err = part_read(&l, l.root, STR("#"), &s->root);
    if (!err)
        err = refs_resolve(&l);
    for (struct schema_part *part = s->all; part && !err; part = part->next)
        err = circle_find(&l, part, 0);
    if (err) {
        schema_free(s);
        return err;
    }
    *ret_schema = s;
    return 0;
}

void schema_free(struct schema *s)
{
    for (struct schema_part *part = s ? s->all : NULL; part; part = part->next)
        for (unsigned i = 0; i < part->n; i++)
            for (unsigned k = 0; part->rules[i].patterns && k < part->rules[i].n; k++)
                pattern_free(part->rules[i].patterns[k]);
}
