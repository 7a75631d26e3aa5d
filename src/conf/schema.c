/*
 * schema.c: the tables as JSON Schema (draft 2020-12), for editors.
 */
#include "base/json.h"
#include "conf/internal.h"

static int table_schema(const struct conf_table *table, struct buf *out);

static void text_of(struct buf *out, const char *key, struct str text)
{
    buf_printf(out, "\"%s\":", key);
    json_quote(out, text);
}

static const char *pattern_of(enum conf_type type)
{
    switch (type) {
    case CONF_SHARE:
        return "^[0-9]+(\\.[0-9]+)?%?$";
    case CONF_DURATION:
        return "^([0-9]+(\\.[0-9]+)? *(ms|s|m|min|h|d|w)|0|off)$";
    case CONF_BYTES:
        return "^[0-9]+(\\.[0-9]+)? *(B|KiB|MiB|GiB|KB|MB|GB)?$";
    default:
        return "^\\$?[0-9]+(\\.[0-9]{1,9}0*)?$";
    }
}

/* A number may be written as one or, with its unit or by reference, as text. */
static void number_schema(const struct conf_row *row, struct buf *out)
{
    const char *reference = "\\\\$\\\\{[A-Za-z0-9_]+(:-[^}]*)?\\\\}";
    if (row->type == CONF_INT) {
        buf_str(out, STR("\"anyOf\":[{\"type\":\"integer\""));
        if (row->min || row->max)
            buf_printf(out, ",\"minimum\":%lld", (long long)row->min);
        if (row->max)
            buf_printf(out, ",\"maximum\":%lld", (long long)row->max);
        buf_printf(out, "},{\"type\":\"string\",\"pattern\":\"%s\"}]", reference);
        return;
    }
    buf_str(out, STR("\"anyOf\":[{\"type\":\"number\",\"minimum\":0},{\"type\":\"string\","));
    text_of(out, "pattern", str_from(pattern_of(row->type)));
    buf_printf(out, "},{\"type\":\"string\",\"pattern\":\"%s\"}]", reference);
}

static void choice_schema(const struct conf_row *row, struct buf *out)
{
    buf_str(out, STR("\"enum\":["));
    for (unsigned i = 0; row->choices[i]; i++)
        buf_printf(out, "%s\"%s\"", i ? "," : "", row->choices[i]);
    buf_char(out, ']');
}

static int list_schema(const struct conf_table *child, struct buf *out)
{
    buf_str(out, STR("\"anyOf\":[{\"type\":\"array\",\"items\":"));
    int err = table_schema(child, out);
    buf_str(out, STR("},"));
    err = err ? err : table_schema(child, out);
    return err ? err : buf_char(out, ']');
}

static int type_schema(const struct conf_row *row, struct buf *out)
{
    static const char *scalar = "\"type\":[\"string\",\"number\",\"boolean\"]";
    int err = 0;
    switch (row->type) {
    case CONF_STR:
    case CONF_SECRET:
        return buf_str(out, str_from(scalar));
    case CONF_BOOL:
        return buf_str(out, STR("\"enum\":[true,false,\"on\",\"off\",\"yes\",\"no\"]"));
    case CONF_CHOICE:
        choice_schema(row, out);
        return 0;
    case CONF_JSON:
        return buf_str(out, STR("\"description\":\"any value\""));
    case CONF_STRS:
        return buf_printf(out, "\"anyOf\":[{%s},{\"type\":\"array\",\"items\":{%s}}]", scalar,
                          scalar);
    case CONF_STR_MAP:
        return buf_printf(out, "\"type\":\"object\",\"additionalProperties\":{%s}", scalar);
    case CONF_LIST:
        return list_schema(row->child, out);
    case CONF_MAP:
        buf_str(out, STR("\"type\":\"object\",\"additionalProperties\":"));
        return table_schema(row->child, out);
    case CONF_LIST_MAP:
        buf_str(out, STR("\"type\":\"object\",\"additionalProperties\":{"));
        err = list_schema(row->child, out);
        return err ? err : buf_char(out, '}');
    default:
        number_schema(row, out);
        return 0;
    }
}

static int row_schema(const struct conf_row *row, struct buf *out)
{
    json_quote(out, str_from(row->name));
    buf_char(out, ':');
    if (row->type == CONF_TABLE)
        return table_schema(row->child, out);
    buf_char(out, '{');
    int err = type_schema(row, out);
    if (row->type != CONF_JSON) {
        buf_char(out, ',');
        text_of(out, "description", str_from(row->help));
    }
    if (row->fallback && row->fallback[0] != '-') {
        buf_char(out, ',');
        text_of(out, "default", str_from(row->fallback));
    }
    return err ? err : buf_char(out, '}');
}

static int object_schema(const struct conf_table *table, struct buf *out)
{
    buf_str(out, STR("{\"type\":[\"object\",\"null\"],\"additionalProperties\":false,"));
    text_of(out, "description", str_from(table->help));
    buf_str(out, STR(",\"properties\":{"));
    int err = 0;
    for (const struct conf_row *r = table->rows; r->name && !err; r++) {
        if (r != table->rows)
            buf_char(out, ',');
        err = row_schema(r, out);
    }
    buf_str(out, STR("},\"required\":["));
    unsigned n = 0;
    for (const struct conf_row *r = table->rows; r->name && !err; r++)
        if (r->flags & CONF_REQUIRED)
            buf_printf(out, "%s\"%s\"", n++ ? "," : "", r->name);
    return err ? err : buf_str(out, STR("]}"));
}

static int table_schema(const struct conf_table *table, struct buf *out)
{
    if (!table->shorthand)
        return object_schema(table, out);
    buf_str(out, STR("{\"anyOf\":[{\"type\":[\"string\",\"number\"]},"));
    int err = object_schema(table, out);
    return err ? err : buf_str(out, STR("]}"));
}

int conf_schema(const struct conf_table *root, struct buf *out)
{
    struct buf body;
    buf_init(&body, 4u << 20);
    int err = object_schema(root, &body);
    if (!err && !body.failed) {
        buf_str(out, STR("{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\","));
        text_of(out, "title", str_from(root->name));
        buf_char(out, ',');
        buf_str(out, str_tail(buf_view(&body), 1));
    }
    err = err ? err : body.failed;
    buf_fini(&body);
    return err ? err : out->failed;
}
