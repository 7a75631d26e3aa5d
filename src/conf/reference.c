/* reference.c: the tables as a page of the manual. */
#include "conf/doc.h"
#include "conf/scalar.h"
#include "conf/tables.h"

const char reference_intro[] =
    "Configuration is one YAML file. All settings have defaults; a file holds what differs from\n"
    "them. `sluice check FILE` says what is wrong with one, and in which line.\n"
    "\n"
    "| a value | is written |\n"
    "|---|---|\n"
    "| text | with or without quotes; with them where it has `: `, ` #` or begins with a sign |\n"
    "| on or off | `on`, `off`, `yes`, `no`, `true`, `false` |\n"
    "| duration | `250ms`, `30s`, `10m`, `1h`, `7d`; `off` where it may be switched off |\n"
    "| bytes | `4096`, `64KiB`, `8MiB`, `1GiB`, and `KB`, `MB`, `GB` in thousands |\n"
    "| share | `0.25` or `25%` |\n"
    "| dollars | `50`, `0.25`: exact to a billionth of a dollar |\n"
    "| list | `[a, b]` or a line with a dash for each; one item needs no brackets |\n"
    "| secret | text that is never shown; best a reference to the environment |\n"
    "\n"
    "`${NAME}` in a value is replaced by that environment variable, `${NAME:-text}` by the text\n"
    "where it is not set, `${file:PATH}` by what the file holds, without the line end behind it,\n"
    "and `$$` is a dollar sign. When such a file changes, the configuration is loaded again. "
    "Within `[ ]` and `{ }` a reference needs\n"
    "quotes: `key: \"${NAME}\"`. A setting without a value (`name:`) has its default.\n";

/* Text in a table's cell: no line ends, and no bar that would end it. */
static void cell(struct buf *out, struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '|')
            buf_char(out, '\\');
        buf_char(out, s.p[i] == '\n' ? ' ' : s.p[i]);
    }
}

static void link_to(struct buf *out, const struct tables *all, const struct conf_table *table)
{
    const char *name = tables_name(all, table);
    buf_printf(out, "[%s](#%s)", name, name);
}

static void bounds_write(struct buf *out, const struct conf_row *row)
{
    if (!row->min && !row->max)
        return;
    struct buf text;
    buf_init(&text, 256);
    if (row->min == 0)
        buf_char(&text, '0');
    else
        scalar_print(row, row->min, &text);
    if (row->max == INT64_MAX) {
        buf_str(&text, STR(" or more"));
    } else {
        buf_str(&text, STR(" to "));
        scalar_print(row, row->max, &text);
    }
    buf_printf(out, ", %.*s", STR_ARGS(buf_view(&text)));
    buf_fini(&text);
}

static void choices_write(struct buf *out, const struct conf_row *row)
{
    for (unsigned i = 0; row->choices[i]; i++)
        buf_printf(out, "%s`%s`",
                   i == 0                ? ""
                   : row->choices[i + 1] ? ", "
                                         : " or ",
                   row->choices[i]);
}

void row_type_write(struct buf *out, const struct tables *all, const struct conf_row *row)
{
    static const char *const words[] = {
        [CONF_STR] = "text",
        [CONF_SECRET] = "secret",
        [CONF_BOOL] = "on or off",
        [CONF_INT] = "number",
        [CONF_SHARE] = "share",
        [CONF_DURATION] = "duration",
        [CONF_BYTES] = "bytes",
        [CONF_USD] = "dollars",
        [CONF_CHOICE] = "",
        [CONF_JSON] = "any value",
        [CONF_STRS] = "list of texts",
        [CONF_STR_MAP] = "map of names to texts",
        [CONF_TABLE] = "",
        [CONF_LIST] = "list of ",
        [CONF_MAP] = "map of names to ",
        [CONF_LIST_MAP] = "map of names to lists of ",
    };
    buf_str(out, str_from(words[row->type]));
    if (row->type == CONF_CHOICE)
        choices_write(out, row);
    else if (scalar_is_number(row->type) && row->type != CONF_BOOL)
        bounds_write(out, row);
    if (row->type >= CONF_TABLE)
        link_to(out, all, row->child);
}

static void row_write(struct buf *out, const struct tables *all, const struct conf_row *row)
{
    buf_printf(out, "| `%s` | ", row->name);
    row_type_write(out, all, row);
    buf_str(out, STR(" | "));
    if (row->flags & CONF_REQUIRED) {
        buf_str(out, STR("required"));
    } else if (row->fallback && *row->fallback) {
        buf_char(out, '`');
        cell(out, str_from(row->fallback));
        buf_char(out, '`');
    }
    buf_str(out, STR(" | "));
    cell(out, str_from(row->help));
    if (row->flags & CONF_NEEDS_RESTART)
        buf_str(out, STR(" Changing it needs a restart."));
    buf_str(out, STR(" |\n"));
}

static void example_write(struct buf *out, const struct conf_table *table)
{
    struct str example = str_from(table->example);
    if (!example.n)
        return;
    buf_printf(out, "\n```yaml\n%.*s%s```\n", STR_ARGS(example),
               str_ends(example, STR("\n")) ? "" : "\n");
}

static void table_write(struct buf *out, const struct tables *all, unsigned i)
{
    const struct table_entry *entry = &all->at[i];
    const struct conf_table *table = entry->table;
    if (i > 0)
        buf_printf(out, "\n## %s\n\n", entry->name);
    else
        buf_str(out, STR("\n## The whole file\n\n"));
    if (table->help)
        buf_printf(out, "%s\n", table->help);
    if (i > 0)
        buf_printf(out, "\nIn the file: `%s`.\n", entry->where);
    if (table->shorthand)
        buf_printf(out, "\nA single value in its place is its `%s`.\n", table->shorthand);
    if (table->rows[0].name)
        buf_str(out, STR("\n| name | type | default | meaning |\n|---|---|---|---|\n"));
    for (const struct conf_row *row = table->rows; row->name; row++)
        row_write(out, all, row);
    example_write(out, table);
}

int conf_reference(const struct conf_table *root, struct buf *out)
{
    return conf_reference_of(root, "Configuration", reference_intro, out);
}

int conf_reference_of(const struct conf_table *root, const char *title, const char *intro,
                      struct buf *out)
{
    struct tables all;
    if (!tables_collect(root, &all))
        return E_TOO_LARGE;
    buf_printf(out, "# %s\n\n", title);
    buf_str(out, STR("<!-- Made from the parser's tables; change those. -->\n\n"));
    buf_str(out, str_from(intro));
    for (unsigned i = 0; i < all.n; i++)
        table_write(out, &all, i);
    return out->failed;
}
