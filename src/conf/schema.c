/*
 * schema.c: the tables as JSON Schema (draft 2020-12), for editors and for other programs.
 *
 * It takes all that the parser takes once YAML has become JSON: `30s` is a string, `8080` a
 * number, `${NAME}` may stand for anything that is one scalar. What it cannot say (that `1.0005s`
 * is finer than a millisecond, that a duration is within its bounds) only the parser refuses.
 */
#include "base/json.h"
#include "conf/doc.h"
#include "conf/scalar.h"
#include "conf/tables.h"

#define NUMBER "[+-]?([0-9]+\\.?[0-9]*|\\.[0-9]+)"
#define OFF    "([Oo][Ff][Ff]|[Nn][Oo]|[Ff][Aa][Ll][Ss][Ee])"
#define ON     "([Oo][Nn]|[Yy][Ee][Ss]|[Tt][Rr][Uu][Ee])"
#define TEXT   "[\"string\", \"number\", \"boolean\"]"
#define BYTES  "[KkMmGgTt]?[Ii]?[Bb]"

struct schema {
    struct buf *out;
    const struct tables *tables;
    struct arena arena;
    unsigned depth;
    bool fresh; /* nothing stands in the object or list yet */
    int err;
};

static void begin_line(struct schema *s)
{
    buf_str(s->out, s->fresh ? STR("\n") : STR(",\n"));
    for (unsigned i = 0; i < s->depth; i++)
        buf_str(s->out, STR("  "));
    s->fresh = false;
}

static void key(struct schema *s, const char *name)
{
    begin_line(s);
    json_quote(s->out, str_from(name));
    buf_str(s->out, STR(": "));
}

/* A member whose value is already JSON. */
static void raw(struct schema *s, const char *name, const char *json)
{
    key(s, name);
    buf_str(s->out, str_from(json));
}

static void text(struct schema *s, const char *name, const char *value)
{
    key(s, name);
    json_quote(s->out, str_from(value));
}

static void open(struct schema *s, char bracket)
{
    buf_char(s->out, bracket);
    s->depth++;
    s->fresh = true;
}

static void close(struct schema *s, char bracket)
{
    s->depth--;
    s->fresh = true;
    begin_line(s);
    buf_char(s->out, bracket);
}

/* One of several alternatives, on a line of its own. */
static void option(struct schema *s, const char *json)
{
    begin_line(s);
    buf_str(s->out, str_from(json));
}

static void pattern_option(struct schema *s, const char *pattern)
{
    begin_line(s);
    buf_str(s->out, STR("{\"type\": \"string\", \"pattern\": "));
    json_quote(s->out, str_from(pattern));
    buf_char(s->out, '}');
}

static void table_ref(struct schema *s, const struct conf_table *table)
{
    buf_printf(s->out, "{\"$ref\": \"#/$defs/%s\"}", tables_name(s->tables, table));
}

/* ---------------------------------------------------------------- scalars */

static void bound(struct schema *s, const struct conf_row *row, const char *name, int64_t value)
{
    buf_printf(s->out, ", \"%s\": ", name);
    if (row->type == CONF_SHARE || row->type == CONF_USD)
        scalar_print(row, value, s->out);
    else
        buf_i64(s->out, value);
}

static void number_option(struct schema *s, const struct conf_row *row, const char *type)
{
    begin_line(s);
    buf_printf(s->out, "{\"type\": \"%s\"", type);
    bool bounded = row->min || row->max;
    if (bounded || row->type != CONF_INT)
        bound(s, row, "minimum", row->min);
    if (bounded && row->max != INT64_MAX)
        bound(s, row, "maximum", row->max);
    buf_char(s->out, '}');
}

static bool has_word(const struct conf_row *row, const char *word)
{
    for (unsigned i = 0; row->choices[i]; i++)
        if (strcmp(row->choices[i], word) == 0)
            return true;
    return false;
}

static void choice_options(struct schema *s, const struct conf_row *row)
{
    begin_line(s);
    buf_str(s->out, STR("{\"enum\": ["));
    for (unsigned i = 0; row->choices[i]; i++) {
        struct str word = str_from(row->choices[i]);
        uint64_t number;
        buf_str(s->out, i ? STR(", ") : STR(""));
        json_quote(s->out, word);
        if (str_to_u64(word, INT64_MAX, &number)) /* YAML makes a number of it */
            buf_printf(s->out, ", %s", row->choices[i]);
    }
    buf_str(s->out, STR("]}"));
    if (has_word(row, "off")) {
        option(s, "{\"const\": false}");
        pattern_option(s, "^" OFF "$");
    }
    if (has_word(row, "on")) {
        option(s, "{\"const\": true}");
        pattern_option(s, "^" ON "$");
    }
}

static void scalar_options(struct schema *s, const struct conf_row *row)
{
    switch (row->type) {
    case CONF_BOOL:
        option(s, "{\"type\": \"boolean\"}");
        option(s, "{\"enum\": [\"on\", \"off\"]}");
        pattern_option(s, "^(" ON "|" OFF ")$");
        break;
    case CONF_INT:
        number_option(s, row, "integer");
        pattern_option(s, "^[+-]?([0-9]+\\.?0*|\\.0+)\\s*$");
        break;
    case CONF_SHARE:
        number_option(s, row, "number");
        pattern_option(s, "^" NUMBER "\\s*%?\\s*$");
        break;
    case CONF_DURATION:
        pattern_option(s, "^" NUMBER "\\s*(ms|s|m|h|d)\\s*$");
        option(s, "{\"const\": 0}");
        pattern_option(s, "^[+-]?(0+\\.?0*|\\.0+)\\s*$");
        if (row->min == 0) {
            option(s, "{\"const\": false}");
            pattern_option(s, "^" OFF "$");
        }
        break;
    case CONF_BYTES:
        number_option(s, row, "integer");
        pattern_option(s, "^" NUMBER "\\s*(" BYTES ")?\\s*$");
        break;
    case CONF_USD:
        number_option(s, row, "number");
        pattern_option(s, "^\\$?" NUMBER "([eE][+-]?[0-9]+)?\\s*$");
        break;
    default:
        choice_options(s, row);
        break;
    }
    option(s, "{\"$ref\": \"#/$defs/reference\"}");
}

/* ---------------------------------------------------------------- rows */

static void list_options(struct schema *s, const struct conf_table *child)
{
    begin_line(s);
    table_ref(s, child);
    begin_line(s);
    buf_str(s->out, STR("{\"type\": \"array\", \"items\": "));
    table_ref(s, child);
    buf_char(s->out, '}');
}

static bool has_required(const struct conf_table *table)
{
    for (const struct conf_row *row = table->rows; row->name; row++)
        if (row->flags & CONF_REQUIRED)
            return true;
    return false;
}

static void map_option(struct schema *s, const struct conf_row *row)
{
    begin_line(s);
    open(s, '{');
    raw(s, "type", "\"object\"");
    buf_printf(s->out, ", \"maxProperties\": %d, \"propertyNames\": {\"minLength\": 1}",
               DOC_MAP_MAX);
    key(s, "additionalProperties");
    if (row->type == CONF_STR_MAP) {
        buf_str(s->out, STR("{\"type\": [\"string\", \"number\", \"boolean\", \"null\"]}"));
    } else {
        open(s, '{');
        key(s, "anyOf");
        open(s, '[');
        if (row->type == CONF_LIST_MAP) {
            list_options(s, row->child);
        } else {
            begin_line(s);
            table_ref(s, row->child);
        }
        if (row->type == CONF_LIST_MAP || !has_required(row->child))
            option(s, "{\"type\": \"null\"}");
        close(s, ']');
        close(s, '}');
    }
    close(s, '}');
}

static void row_options(struct schema *s, const struct conf_row *row)
{
    switch (row->type) {
    case CONF_STR:
    case CONF_SECRET:
        option(s, "{\"type\": " TEXT "}");
        break;
    case CONF_STRS:
        option(s, "{\"type\": " TEXT "}");
        option(s, "{\"type\": \"array\", \"items\": {\"type\": " TEXT "}}");
        break;
    case CONF_STR_MAP:
    case CONF_MAP:
    case CONF_LIST_MAP:
        map_option(s, row);
        break;
    case CONF_TABLE:
        begin_line(s);
        table_ref(s, row->child);
        break;
    case CONF_LIST:
        list_options(s, row->child);
        break;
    default:
        scalar_options(s, row);
        break;
    }
}

static void row_write(struct schema *s, const struct conf_row *row)
{
    key(s, row->name);
    open(s, '{');
    text(s, "description", row->help ? row->help : "");
    struct str json;
    int err = default_json(row, &s->arena, &json);
    if (err && !s->err)
        s->err = err;
    if (json.n) {
        key(s, "default");
        buf_str(s->out, json);
    }
    if (row->type != CONF_JSON) {
        key(s, "anyOf");
        open(s, '[');
        row_options(s, row);
        if (!(row->flags & CONF_REQUIRED))
            option(s, "{\"type\": \"null\"}"); /* `name:` alone is as if it were not there */
        close(s, ']');
    } else if (row->flags & CONF_REQUIRED) {
        raw(s, "not", "{\"type\": \"null\"}");
    }
    close(s, '}');
}

/* ---------------------------------------------------------------- tables */

static void required_write(struct schema *s, const struct conf_table *table)
{
    if (!has_required(table))
        return;
    key(s, "required");
    bool some = false;
    buf_char(s->out, '[');
    for (const struct conf_row *row = table->rows; row->name; row++) {
        if (!(row->flags & CONF_REQUIRED))
            continue;
        buf_str(s->out, some ? STR(", ") : STR(""));
        json_quote(s->out, str_from(row->name));
        some = true;
    }
    buf_char(s->out, ']');
}

static void object_write(struct schema *s, const struct conf_table *table)
{
    raw(s, "type", "\"object\"");
    key(s, "properties");
    open(s, '{');
    for (const struct conf_row *row = table->rows; row->name; row++)
        row_write(s, row);
    close(s, '}');
    required_write(s, table);
    raw(s, "additionalProperties", "false");
}

/* What a scalar in the table's place may be: the shorthand's, when nothing else is required. */
static void shorthand_write(struct schema *s, const struct conf_table *table)
{
    const struct conf_row *short_row = table_row(table, str_from(table->shorthand));
    for (const struct conf_row *row = table->rows; row->name; row++)
        if ((row->flags & CONF_REQUIRED) && row != short_row)
            return;
    if (!short_row)
        return;
    if (short_row->type == CONF_JSON || short_row->type == CONF_STRS)
        option(s, "{\"type\": " TEXT "}");
    else if (short_row->type <= CONF_CHOICE)
        row_options(s, short_row);
}

static void table_write(struct schema *s, const struct conf_table *table)
{
    text(s, "description", table->help ? table->help : "");
    if (!table->shorthand) {
        object_write(s, table);
        return;
    }
    key(s, "anyOf");
    open(s, '[');
    shorthand_write(s, table);
    begin_line(s);
    open(s, '{');
    object_write(s, table);
    close(s, '}');
    close(s, ']');
}

static void defs_write(struct schema *s)
{
    key(s, "$defs");
    open(s, '{');
    for (unsigned i = 1; i < s->tables->n; i++) {
        key(s, s->tables->at[i].name);
        open(s, '{');
        table_write(s, s->tables->at[i].table);
        close(s, '}');
    }
    key(s, "reference");
    open(s, '{');
    text(s, "description", "A reference to the environment: ${NAME} or ${NAME:-default}.");
    raw(s, "type", "\"string\"");
    text(s, "pattern", "\\$\\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\\}");
    close(s, '}');
    close(s, '}');
}

int conf_schema(const struct conf_table *root, struct buf *out)
{
    struct tables tables;
    if (!tables_collect(root, &tables))
        return E_TOO_LARGE;
    struct schema s = {.out = out, .tables = &tables};
    arena_init_private(&s.arena, DOC_PROBLEM_BYTES_MAX);
    open(&s, '{');
    raw(&s, "$schema", "\"https://json-schema.org/draft/2020-12/schema\"");
    text(&s, "title", root->name);
    if (has_required(root)) {
        table_write(&s, root);
    } else { /* an empty file is all defaults */
        key(&s, "anyOf");
        open(&s, '[');
        option(&s, "{\"type\": \"null\"}");
        begin_line(&s);
        open(&s, '{');
        table_write(&s, root);
        close(&s, '}');
        close(&s, ']');
    }
    defs_write(&s);
    close(&s, '}');
    buf_char(out, '\n');
    arena_fini(&s.arena);
    return s.err ? s.err : out->failed;
}
