/* schema_words.c: the words of JSON Schema, a row each, and what they check. */
#include "base/json.h"
#include "eval/json/schema_internal.h"

#define SHOWN_BYTES 80 /* of a value in a message */

static const struct {
    const char *name;
    unsigned bit;
} types[] = {
    {"null", TYPE_NULL},       {"boolean", TYPE_BOOLEAN}, {"object", TYPE_OBJECT},
    {"array", TYPE_ARRAY},     {"number", TYPE_NUMBER},   {"string", TYPE_STRING},
    {"integer", TYPE_INTEGER},
};

unsigned schema_type_named(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (str_eq(name, str_from(types[i].name)))
            return types[i].bit;
    return 0;
}

#define CHECK(name)                                                                                \
    static bool name(struct schema_run *run, const struct schema_rule *rule, yyjson_val *v,        \
                     const struct spot *spot)

/* "says no" of a value, with the value itself. */
static bool say_of(struct schema_run *run, const struct spot *spot, yyjson_val *v,
                   const char *words, yyjson_val *wanted)
{
    if (run->silent > 0)
        return false;
    struct str got = values_show(run->arena, v, SHOWN_BYTES);
    struct str want = wanted ? values_show(run->arena, wanted, SHOWN_BYTES) : STR("");
    return schema_say(run, spot, "%.*s %s%s%.*s", STR_ARGS(got), words, wanted ? " " : "",
                      STR_ARGS(want));
}

static struct spot member_spot(const struct spot *up, yyjson_val *name)
{
    return (struct spot){.up = up, .name = name};
}

static struct spot item_spot(const struct spot *up, size_t index)
{
    return (struct spot){.up = up, .index = index};
}

/* Without a word about what breaks. */
static bool obeyed_silently(struct schema_run *run, const struct schema_part *part, yyjson_val *v,
                            const struct spot *spot)
{
    run->silent++;
    bool obeyed = schema_part_obeyed(run, part, v, spot);
    run->silent--;
    return obeyed;
}

/* ---- any value ---- */

CHECK(check_type)
{
    unsigned type = schema_type_of(v);
    if (type == TYPE_NUMBER && (rule->types & TYPE_INTEGER) && values_is_whole(v))
        return true;
    if ((rule->types & type) || run->silent > 0)
        return rule->types & type;
    struct str want = values_show(run->arena, rule->value, SHOWN_BYTES);
    struct str got = yyjson_is_ctn(v) ? STR_NONE : values_show(run->arena, v, SHOWN_BYTES);
    return schema_say(run, spot, "%.*s%s%s; expected type %.*s", STR_ARGS(got), got.p ? " is " : "",
                      values_kind(v), STR_ARGS(want));
}

CHECK(check_enum)
{
    yyjson_arr_iter each = yyjson_arr_iter_with(rule->value);
    for (yyjson_val *one; (one = yyjson_arr_iter_next(&each));)
        if (values_equal(v, one, &run->steps))
            return true;
    return say_of(run, spot, v, "is none of", rule->value);
}

CHECK(check_const)
{
    return values_equal(v, rule->value, &run->steps) || say_of(run, spot, v, "is not", rule->value);
}

CHECK(check_all_of)
{
    for (unsigned i = 0; i < rule->n; i++)
        if (!schema_part_obeyed(run, rule->parts[i], v, spot))
            return false;
    return true;
}

static unsigned count_obeyed(struct schema_run *run, const struct schema_rule *rule, yyjson_val *v,
                             const struct spot *spot, unsigned enough)
{
    unsigned n = 0;
    for (unsigned i = 0; i < rule->n && n < enough; i++)
        n += obeyed_silently(run, rule->parts[i], v, spot);
    return n;
}

CHECK(check_any_of)
{
    return count_obeyed(run, rule, v, spot, 1) > 0 ||
           say_of(run, spot, v, "obeys none of the schemas of anyOf", NULL);
}

CHECK(check_one_of)
{
    unsigned n = count_obeyed(run, rule, v, spot, 2);
    return n == 1 || say_of(run, spot, v,
                            n ? "obeys more than one of the schemas of oneOf"
                              : "obeys none of the schemas of oneOf",
                            NULL);
}

CHECK(check_not)
{
    return !obeyed_silently(run, rule->parts[0], v, spot) ||
           say_of(run, spot, v, "obeys the schema that it must not", NULL);
}

CHECK(check_if)
{
    bool yes = obeyed_silently(run, rule->parts[0], v, spot);
    const struct schema_rule *next = schema_beside(rule, yes ? "then" : "else");
    return !next || schema_part_obeyed(run, next->parts[0], v, spot);
}

CHECK(check_ref)
{
    return schema_part_obeyed(run, rule->parts[0], v, spot);
}

/* ---- objects ---- */

CHECK(check_properties)
{
    yyjson_obj_iter each = yyjson_obj_iter_with(rule->value);
    for (unsigned i = 0; i < rule->n; i++) {
        yyjson_val *name = yyjson_obj_iter_next(&each);
        struct spot at = member_spot(spot, name);
        yyjson_val *member = values_member(v, json_str(name), &run->steps);
        if (member && !schema_part_obeyed(run, rule->parts[i], member, &at))
            return false;
    }
    return true;
}

static bool pattern_found(struct schema_run *run, const struct schema_rule *rule, struct str name)
{
    for (unsigned i = 0; rule && i < rule->n; i++)
        if (schema_found(run, rule->patterns[i], name))
            return true;
    return false;
}

CHECK(check_pattern_properties)
{
    yyjson_obj_iter each = yyjson_obj_iter_with(v);
    for (yyjson_val *name; (name = yyjson_obj_iter_next(&each));) {
        struct spot at = member_spot(spot, name);
        for (unsigned i = 0; i < rule->n; i++)
            if (schema_found(run, rule->patterns[i], json_str(name)) &&
                !schema_part_obeyed(run, rule->parts[i], yyjson_obj_iter_get_val(name), &at))
                return false;
    }
    return !run->unchecked;
}

CHECK(check_additional)
{
    const struct schema_rule *named = schema_beside(rule, "properties");
    const struct schema_rule *patterns = schema_beside(rule, "patternProperties");
    yyjson_obj_iter each = yyjson_obj_iter_with(v);
    for (yyjson_val *name; (name = yyjson_obj_iter_next(&each));) {
        struct spot at = member_spot(spot, name);
        bool known = (named && values_member(named->value, json_str(name), &run->steps)) ||
                     pattern_found(run, patterns, json_str(name));
        if (known)
            continue;
        if (yyjson_is_false(rule->value))
            return schema_say(run, &at, "no such member is allowed");
        if (!schema_part_obeyed(run, rule->parts[0], yyjson_obj_iter_get_val(name), &at))
            return false;
    }
    return true;
}

CHECK(check_names)
{
    yyjson_obj_iter each = yyjson_obj_iter_with(v);
    for (yyjson_val *name; (name = yyjson_obj_iter_next(&each));) {
        struct spot at = member_spot(spot, name);
        if (!obeyed_silently(run, rule->parts[0], name, &at))
            return schema_say(run, &at, "the member's name is not allowed");
    }
    return true;
}

static bool has_all(struct schema_run *run, yyjson_val *names, yyjson_val *v,
                    const struct spot *spot)
{
    yyjson_arr_iter each = yyjson_arr_iter_with(names);
    for (yyjson_val *name; (name = yyjson_arr_iter_next(&each));) {
        struct spot at = member_spot(spot, name);
        if (!values_member(v, json_str(name), &run->steps))
            return schema_say(run, &at, "is missing");
    }
    return true;
}

CHECK(check_required)
{
    return has_all(run, rule->value, v, spot);
}

CHECK(check_dependent_required)
{
    yyjson_obj_iter each = yyjson_obj_iter_with(rule->value);
    for (yyjson_val *name; (name = yyjson_obj_iter_next(&each));)
        if (values_member(v, json_str(name), &run->steps) &&
            !has_all(run, yyjson_obj_iter_get_val(name), v, spot))
            return false;
    return true;
}

CHECK(check_dependent_schemas)
{
    yyjson_obj_iter each = yyjson_obj_iter_with(rule->value);
    for (unsigned i = 0; i < rule->n; i++) {
        struct str name = json_str(yyjson_obj_iter_next(&each));
        if (values_member(v, name, &run->steps) &&
            !schema_part_obeyed(run, rule->parts[i], v, spot))
            return false;
    }
    return true;
}

/* ---- lists ---- */

CHECK(check_prefix_items)
{
    yyjson_arr_iter each = yyjson_arr_iter_with(v);
    yyjson_val *item;
    for (unsigned i = 0; i < rule->n && (item = yyjson_arr_iter_next(&each)); i++) {
        struct spot at = item_spot(spot, i);
        if (!schema_part_obeyed(run, rule->parts[i], item, &at))
            return false;
    }
    return true;
}

CHECK(check_items)
{
    const struct schema_rule *prefix = schema_beside(rule, "prefixItems");
    size_t i = 0, from = prefix ? prefix->n : 0;
    yyjson_arr_iter each = yyjson_arr_iter_with(v);
    for (yyjson_val *item; (item = yyjson_arr_iter_next(&each)); i++) {
        struct spot at = item_spot(spot, i);
        if (i >= from && !schema_part_obeyed(run, rule->parts[0], item, &at))
            return false;
    }
    return true;
}

/* Is the size within the bound? The bound is a whole number, 3 or 3.0. */
static bool at_most(size_t size, yyjson_val *bound)
{
    return (double)size <= yyjson_get_num(bound);
}

static bool at_least(size_t size, yyjson_val *bound)
{
    return (double)size >= yyjson_get_num(bound);
}

CHECK(check_contains)
{
    const struct schema_rule *least = schema_beside(rule, "minContains");
    const struct schema_rule *most = schema_beside(rule, "maxContains");
    size_t n = 0, i = 0;
    yyjson_arr_iter each = yyjson_arr_iter_with(v);
    for (yyjson_val *item; (item = yyjson_arr_iter_next(&each)); i++) {
        struct spot at = item_spot(spot, i);
        n += obeyed_silently(run, rule->parts[0], item, &at);
    }
    bool enough = least ? at_least(n, least->value) : n > 0;
    bool few = !most || at_most(n, most->value);
    return (enough && few) || schema_say(run, spot, "%zu items obey the schema of contains, too %s",
                                         n, enough ? "many" : "few");
}

CHECK(check_unique)
{
    size_t i = 0;
    if (!yyjson_get_bool(rule->value))
        return true;
    yyjson_arr_iter each = yyjson_arr_iter_with(v);
    for (yyjson_val *item; run->steps.left && (item = yyjson_arr_iter_next(&each)); i++) {
        struct spot at = item_spot(spot, i);
        yyjson_arr_iter before = yyjson_arr_iter_with(v);
        for (size_t k = 0; k < i && run->steps.left; k++)
            if (values_equal(item, yyjson_arr_iter_next(&before), &run->steps))
                return schema_say(run, &at, "stands there twice; items have to be unique");
    }
    return true;
}

/* ---- sizes ---- */

static size_t code_points(struct str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
    return n;
}

static bool say_size(struct schema_run *run, const struct schema_rule *rule, size_t size,
                     const char *of, const struct spot *spot)
{
    if (run->silent > 0)
        return false;
    struct str bound = values_show(run->arena, rule->value, SHOWN_BYTES);
    return schema_say(run, spot, "has %zu %s; %s is %.*s", size, of, rule->word->name,
                      STR_ARGS(bound));
}

#define SIZE_CHECK(name, size, of, within)                                                         \
    CHECK(name)                                                                                    \
    {                                                                                              \
        size_t n = size;                                                                           \
        return within(n, rule->value) || say_size(run, rule, n, of, spot);                         \
    }

SIZE_CHECK(check_min_properties, yyjson_obj_size(v), "members", at_least)
SIZE_CHECK(check_max_properties, yyjson_obj_size(v), "members", at_most)
SIZE_CHECK(check_min_items, yyjson_arr_size(v), "items", at_least)
SIZE_CHECK(check_max_items, yyjson_arr_size(v), "items", at_most)
SIZE_CHECK(check_min_length, code_points(json_str(v)), "characters", at_least)
SIZE_CHECK(check_max_length, code_points(json_str(v)), "characters", at_most)

/* ---- texts and numbers ---- */

CHECK(check_pattern)
{
    return schema_found(run, rule->patterns[0], json_str(v)) ||
           say_of(run, spot, v, "does not match the pattern", rule->value);
}

CHECK(check_minimum)
{
    return values_order(v, rule->value) >= 0 || say_of(run, spot, v, "is less than", rule->value);
}

CHECK(check_maximum)
{
    return values_order(v, rule->value) <= 0 || say_of(run, spot, v, "is more than", rule->value);
}

CHECK(check_exclusive_minimum)
{
    return values_order(v, rule->value) > 0 ||
           say_of(run, spot, v, "is not more than", rule->value);
}

CHECK(check_exclusive_maximum)
{
    return values_order(v, rule->value) < 0 ||
           say_of(run, spot, v, "is not less than", rule->value);
}

CHECK(check_multiple)
{
    return values_is_multiple(v, rule->value) ||
           say_of(run, spot, v, "is no multiple of", rule->value);
}

/* ---- the table ---- */

#define HERE true /* about the same value */

/* clang-format off */
const struct schema_word schema_words[] = {
    {"type", FORM_TYPES, TYPE_ANY, false, check_type, NULL},
    {"enum", FORM_LIST, TYPE_ANY, false, check_enum, NULL},
    {"const", FORM_ANY, TYPE_ANY, false, check_const, NULL},
    {"$ref", FORM_REF, TYPE_ANY, HERE, check_ref, NULL},
    {"allOf", FORM_PARTS, TYPE_ANY, HERE, check_all_of, NULL},
    {"anyOf", FORM_PARTS, TYPE_ANY, HERE, check_any_of, NULL},
    {"oneOf", FORM_PARTS, TYPE_ANY, HERE, check_one_of, NULL},
    {"not", FORM_PART, TYPE_ANY, HERE, check_not, NULL},
    {"if", FORM_PART, TYPE_ANY, HERE, check_if, NULL},
    {"then", FORM_PART, TYPE_ANY, HERE, NULL, NULL},
    {"else", FORM_PART, TYPE_ANY, HERE, NULL, NULL},

    {"properties", FORM_PART_MAP, TYPE_OBJECT, false, check_properties, NULL},
    {"patternProperties", FORM_PATTERN_MAP, TYPE_OBJECT, false, check_pattern_properties, NULL},
    {"additionalProperties", FORM_PART, TYPE_OBJECT, false, check_additional, NULL},
    {"propertyNames", FORM_PART, TYPE_OBJECT, false, check_names, NULL},
    {"required", FORM_STRINGS, TYPE_OBJECT, false, check_required, NULL},
    {"dependentRequired", FORM_STRINGS_MAP, TYPE_OBJECT, false, check_dependent_required, NULL},
    {"dependentSchemas", FORM_PART_MAP, TYPE_OBJECT, HERE, check_dependent_schemas, NULL},
    {"minProperties", FORM_COUNT, TYPE_OBJECT, false, check_min_properties, NULL},
    {"maxProperties", FORM_COUNT, TYPE_OBJECT, false, check_max_properties, NULL},

    {"prefixItems", FORM_PARTS, TYPE_ARRAY, false, check_prefix_items, NULL},
    {"items", FORM_PART, TYPE_ARRAY, false, check_items, NULL},
    {"contains", FORM_PART, TYPE_ARRAY, false, check_contains, NULL},
    {"minContains", FORM_COUNT, TYPE_ARRAY, false, NULL, NULL},
    {"maxContains", FORM_COUNT, TYPE_ARRAY, false, NULL, NULL},
    {"minItems", FORM_COUNT, TYPE_ARRAY, false, check_min_items, NULL},
    {"maxItems", FORM_COUNT, TYPE_ARRAY, false, check_max_items, NULL},
    {"uniqueItems", FORM_BOOL, TYPE_ARRAY, false, check_unique, NULL},

    {"minLength", FORM_COUNT, TYPE_STRING, false, check_min_length, NULL},
    {"maxLength", FORM_COUNT, TYPE_STRING, false, check_max_length, NULL},
    {"pattern", FORM_PATTERN, TYPE_STRING, false, check_pattern, NULL},

    {"minimum", FORM_NUMBER, TYPE_NUMBER, false, check_minimum, NULL},
    {"maximum", FORM_NUMBER, TYPE_NUMBER, false, check_maximum, NULL},
    {"exclusiveMinimum", FORM_NUMBER, TYPE_NUMBER, false, check_exclusive_minimum, NULL},
    {"exclusiveMaximum", FORM_NUMBER, TYPE_NUMBER, false, check_exclusive_maximum, NULL},
    {"multipleOf", FORM_POSITIVE, TYPE_NUMBER, false, check_multiple, NULL},

    /* where parts stand that are referred to */
    {"$defs", FORM_PART_MAP, 0, false, NULL, NULL},
    {"definitions", FORM_PART_MAP, 0, false, NULL, NULL}, /* until draft 7 */
    {"$anchor", FORM_STRING, 0, false, NULL, NULL},

    /* notes */
    {"$schema", FORM_DRAFT, 0, false, NULL, NULL},
    {"$id", FORM_ROOT_ONLY, 0, false, NULL, NULL},
    {"$comment", FORM_ANY, 0, false, NULL, NULL},
    {"title", FORM_ANY, 0, false, NULL, NULL},
    {"description", FORM_ANY, 0, false, NULL, NULL},
    {"default", FORM_ANY, 0, false, NULL, NULL},
    {"examples", FORM_ANY, 0, false, NULL, NULL},
    {"deprecated", FORM_ANY, 0, false, NULL, NULL},
    {"readOnly", FORM_ANY, 0, false, NULL, NULL},
    {"writeOnly", FORM_ANY, 0, false, NULL, NULL},
    {"format", FORM_STRING, 0, false, NULL, NULL},
    {"contentEncoding", FORM_ANY, 0, false, NULL, NULL},
    {"contentMediaType", FORM_ANY, 0, false, NULL, NULL},
    {"contentSchema", FORM_ANY, 0, false, NULL, NULL},

    {"$dynamicRef", FORM_REFUSED, 0, false, NULL, "write a $ref"},
    {"$dynamicAnchor", FORM_REFUSED, 0, false, NULL, "write an $anchor"},
    {"$recursiveRef", FORM_REFUSED, 0, false, NULL, "write a $ref"},
    {"$recursiveAnchor", FORM_REFUSED, 0, false, NULL, "write an $anchor"},
    {"$vocabulary", FORM_REFUSED, 0, false, NULL, "leave it out"},
    {"unevaluatedProperties", FORM_REFUSED, 0, false, NULL,
     "write additionalProperties, and the properties beside it"},
    {"unevaluatedItems", FORM_REFUSED, 0, false, NULL, "write items, and prefixItems beside it"},
    {"additionalItems", FORM_REFUSED, 0, false, NULL, "since draft 2020-12 it is called items"},
    {"dependencies", FORM_REFUSED, 0, false, NULL,
     "it is called dependentRequired and dependentSchemas since draft 2019-09"},
    {"id", FORM_REFUSED, 0, false, NULL, "it is called $id since draft 6"},
    {"nullable", FORM_REFUSED, 0, false, NULL, "write \"null\" into the list of types"},
    {0},
};
/* clang-format on */
