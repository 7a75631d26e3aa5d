/*
 * turns.c: the last turns, and all about one.
 */
#include <string.h>

#include "cli/report/report.h"

#define JSON_BYTES_MAX (512u * 1024 * 1024)

/* What a list of turns shows to people; programs get everything. */
static const struct {
    const char *name, *title;
} listed[] = {
    {"began", "began (UTC)"}, {"id", "id"},       {"key", "key"},
    {"asked", "asked"},       {"model", "model"}, {"status", "status"},
    {"error", "error"},       {"state", "state"}, {"cost", "cost USD"},
    {"first", "first byte"},  {"total", "total"},
};

static enum sheet_kind kind_of(const struct ledger_column *c)
{
    switch (c->kind) {
    case LEDGER_COUNT:
        return SHEET_COUNT;
    case LEDGER_BOOL:
        return SHEET_BOOL;
    case LEDGER_USD:
        return SHEET_USD;
    case LEDGER_SPAN:
        return SHEET_SPAN;
    case LEDGER_TIME:
        return SHEET_TIME;
    case LEDGER_TEXT:
    default:
        return strcmp(c->name, "levers") == 0 ? SHEET_JSON : SHEET_TEXT;
    }
}

/* "cost_usd", "first_ms": programs see the unit in the name. */
static const char *data_name(struct arena *a, const struct ledger_column *c)
{
    const char *unit = c->kind == LEDGER_USD ? "_usd" : c->kind == LEDGER_SPAN ? "_ms" : "";
    struct str name = arena_printf(a, "%s%s", c->name, unit);
    return name.p ? name.p : c->name;
}

static const char *listed_title(const char *name)
{
    for (unsigned i = 0; i < ARRAY_LEN(listed); i++)
        if (strcmp(listed[i].name, name) == 0)
            return listed[i].title;
    return NULL;
}

/* `all`: people get all columns, too. */
static void columns_make(struct sheet *s, const struct ledger_column *c, bool all)
{
    for (; c->name; c++) {
        const char *title = all ? c->name : listed_title(c->name);
        sheet_column(s, data_name(s->arena, c), title ? title : "", kind_of(c),
                     title ? 0 : SHEET_NOT_TABLE);
    }
}

static int row_take(void *arg, struct rows_query *row)
{
    struct sheet *s = arg;
    struct sheet_cell *cell = sheet_row(s);
    if (!cell)
        return E_MEMORY;
    for (unsigned i = 0; i < s->columns_n; i++) {
        struct rows_value v = rows_column(row, i);
        cell[i].known = v.type != ROWS_NULL;
        cell[i].n = v.i;
        if (v.type == ROWS_TEXT) {
            cell[i].s = arena_str(s->arena, v.s);
            if (!cell[i].s.p)
                return E_MEMORY;
        }
    }
    return 0;
}

static int out_print(struct buf *out, int err)
{
    err = err ? err : out->failed;
    if (!err && fwrite(out->p, 1, out->n, stdout) != out->n)
        err = E_IO;
    buf_fini(out);
    return err;
}

static int rows_json(const struct sheet *s, struct buf *out)
{
    int err = buf_char(out, '[');
    for (unsigned row = 0; row < s->rows_n && !err; row++) {
        buf_str(out, row ? STR(",\n") : STR("\n"));
        err = sheet_json_row(s, row, out);
    }
    return err ? err : buf_char(out, ']');
}

int report_turns(struct report *r, unsigned n)
{
    struct sheet s;
    struct buf out;
    sheet_init(&s, &r->arena);
    columns_make(&s, ledger_turn_columns, false);
    int err = ledger_read_turns(r->reader, n, row_take, &s, &r->fault);
    if (err) {
        sheet_fini(&s);
        return err;
    }
    if (r->form == REPORT_JSON) {
        buf_init(&out, JSON_BYTES_MAX);
        buf_str(&out, STR("{\"turns\":"));
        err = rows_json(&s, &out);
        buf_str(&out, STR("}\n"));
        err = out_print(&out, err);
    } else if (r->form == REPORT_CSV) {
        err = sheet_print_csv(&s, stdout);
    } else if (s.rows_n == 0) {
        printf("No turns in %.*s yet.\n", STR_ARGS(r->where));
    } else {
        err = sheet_print_table(&s, stdout);
    }
    sheet_fini(&s);
    return err;
}

/* ---- one ---- */

static int titles_width(const struct sheet *s)
{
    int width = 0;
    for (unsigned i = 0; i < s->columns_n; i++) {
        int n = (int)strlen(s->column[i].title);
        width = n > width ? n : width;
    }
    return width;
}

static void cells_show(const struct sheet *s, unsigned row, int width, struct buf *out)
{
    for (unsigned i = 0; i < s->columns_n; i++) {
        const struct sheet_cell *cell = &s->cell[(size_t)row * s->columns_n + i];
        if (!cell->known && s->column[i].kind != SHEET_USD)
            continue; /* what is not there need not be read */
        buf_printf(out, "  %-*s ", width, s->column[i].title);
        sheet_cell_show(&s->column[i], cell, out);
        buf_char(out, '\n');
    }
}

static int turn_show(const struct sheet *turn, const struct sheet *calls)
{
    struct buf out;
    buf_init(&out, JSON_BYTES_MAX);
    int of_turn = titles_width(turn), of_calls = titles_width(calls);
    int width = of_turn > of_calls ? of_turn : of_calls;
    buf_str(&out, STR("turn\n"));
    cells_show(turn, 0, width, &out);
    for (unsigned row = 0; row < calls->rows_n; row++) {
        buf_printf(&out, "\ncall %u of %u\n", row + 1, calls->rows_n);
        cells_show(calls, row, width, &out);
    }
    if (calls->rows_n == 0)
        buf_str(&out, STR("\nno call to a provider\n"));
    return out_print(&out, 0);
}

static int turn_json(const struct sheet *turn, const struct sheet *calls)
{
    struct buf out;
    buf_init(&out, JSON_BYTES_MAX);
    buf_str(&out, STR("{\"turn\":"));
    int err = sheet_json_row(turn, 0, &out);
    buf_str(&out, STR(",\n\"calls\":"));
    if (!err)
        err = rows_json(calls, &out);
    buf_str(&out, STR("}\n"));
    return out_print(&out, err);
}

int report_turn(struct report *r, struct str id)
{
    struct sheet turn, calls;
    sheet_init(&turn, &r->arena);
    sheet_init(&calls, &r->arena);
    columns_make(&turn, ledger_turn_columns, true);
    columns_make(&calls, ledger_call_columns, true);
    int err = ledger_read_turn(r->reader, id, row_take, &turn, &r->fault);
    if (!err)
        err = ledger_read_calls(r->reader, id, row_take, &calls, &r->fault);
    if (!err)
        err = r->form == REPORT_JSON ? turn_json(&turn, &calls) : turn_show(&turn, &calls);
    sheet_fini(&turn);
    sheet_fini(&calls);
    return err;
}
