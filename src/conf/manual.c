/* manual.c: the tables as the body of a man page. */
#include "conf/doc.h"
#include "conf/roff.h"
#include "conf/tables.h"

static void row_write(struct buf *out, const struct tables *all, const struct conf_row *row)
{
    struct buf type;
    buf_init(&type, 4096);
    row_type_write(&type, all, row);
    buf_str(out, STR(".TP\n\\fB"));
    roff_plain(out, str_from(row->name));
    buf_str(out, STR("\\fR ("));
    roff_text(out, buf_view(&type));
    buf_fini(&type);
    if (row->flags & CONF_REQUIRED) {
        buf_str(out, STR("; required"));
    } else if (row->fallback && *row->fallback) {
        buf_str(out, STR("; default \\fB"));
        roff_plain(out, str_from(row->fallback));
        buf_str(out, STR("\\fR"));
    }
    buf_str(out, STR(")\n"));
    roff_text(out, str_from(row->help));
    buf_str(out,
            row->flags & CONF_NEEDS_RESTART ? STR("\nChanging it needs a restart.\n") : STR("\n"));
}

static void table_write(struct buf *out, const struct tables *all, unsigned i)
{
    const struct table_entry *entry = &all->at[i];
    const struct conf_table *table = entry->table;
    buf_printf(out, ".SS \"%s\"\n", i > 0 ? entry->name : "The whole file");
    if (table->help) {
        roff_text(out, str_from(table->help));
        buf_char(out, '\n');
    }
    if (i > 0) {
        buf_str(out, STR(".PP\nIn the file: \\fB"));
        roff_plain(out, str_from(entry->where));
        buf_str(out, STR("\\fR.\n"));
    }
    if (table->shorthand)
        buf_printf(out, "A single value in its place is its \\fB%s\\fR.\n", table->shorthand);
    for (const struct conf_row *row = table->rows; row->name; row++)
        row_write(out, all, row);
    if (!table->example)
        return;
    buf_str(out, STR(".PP\nExample:\n.PP\n.RS 4\n.nf\n"));
    roff_plain(out, str_trim(str_from(table->example)));
    buf_str(out, STR("\n.fi\n.RE\n"));
}

int conf_manual(const struct conf_table *root, struct buf *out)
{
    struct tables all;
    if (!tables_collect(root, &all))
        return E_TOO_LARGE;
    buf_str(out, STR(".SH DESCRIPTION\n"));
    struct str rest = str_from(reference_intro);
    bool begin = false; /* a paragraph; the table's head and rule say nothing here */
    while (rest.n > 0) {
        struct str line = str_cut(&rest, '\n');
        if (str_starts(line, STR("|---")) || str_starts(line, STR("| a value")))
            continue;
        struct str cells = str_tail(line, 2);
        struct str what = str_cut(&cells, '|');
        if (line.n == 0) {
            begin = true;
        } else if (str_starts(line, STR("| "))) {
            buf_str(out, STR(".TP\n"));
            roff_text(out, str_trim(what));
            buf_char(out, '\n');
            roff_text(out, str_trim(str_head(cells, cells.n - 1)));
            buf_char(out, '\n');
        } else {
            buf_str(out, begin ? STR(".PP\n") : STR(""));
            begin = false;
            roff_text(out, line);
            buf_char(out, '\n');
        }
    }
    buf_str(out, STR(".SH SETTINGS\n"));
    for (unsigned i = 0; i < all.n; i++)
        table_write(out, &all, i);
    return out->failed;
}
