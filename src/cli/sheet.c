#include "cli/sheet.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"

#define LINE_BYTES_MAX   (1024 * 1024)
#define COLUMN_WIDTH_MAX 40 /* of texts; what is longer is cut for people */

void sheet_init(struct sheet *s, struct arena *arena)
{
    *s = (struct sheet){.arena = arena};
}

void sheet_fini(struct sheet *s)
{
    free(s->cell);
    s->cell = NULL;
}

void sheet_column(struct sheet *s, const char *name, const char *title, enum sheet_kind kind,
                  unsigned flags)
{
    if (s->columns_n < SHEET_COLUMNS_MAX)
        s->column[s->columns_n++] = (struct sheet_column){name, title, kind, flags};
}

struct sheet_cell *sheet_row(struct sheet *s)
{
    if (s->rows_n == s->rows_cap) {
        unsigned cap = s->rows_cap ? s->rows_cap * 2 : 64;
        struct sheet_cell *more = realloc(s->cell, sizeof(*more) * cap * s->columns_n);
        if (!more)
            return NULL;
        s->cell = more;
        s->rows_cap = cap;
    }
    struct sheet_cell *row = &s->cell[(size_t)s->rows_n++ * s->columns_n];
    memset(row, 0, sizeof(*row) * s->columns_n);
    return row;
}

static const struct sheet_cell *cell_at(const struct sheet *s, unsigned row, unsigned column)
{
    return &s->cell[(size_t)row * s->columns_n + column];
}

/* ---- for people ---- */

/* "12,345,678" */
static void count_show(struct buf *out, int64_t n)
{
    char digits[24];
    int len = snprintf(digits, sizeof(digits), "%lld", (long long)n);
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0 && digits[i - 1] != '-')
            buf_char(out, ',');
        buf_char(out, digits[i]);
    }
}

/* Three digits are enough: 0.12 ms, 1.23 ms, 850 ms, 1.23 s, 123 s. */
static void span_show(struct buf *out, int64_t us)
{
    if (us < 10000)
        buf_decimal(out, us / 10, 2, 2);
    else if (us < 1000000)
        buf_i64(out, (us + 500) / 1000);
    else if (us < 100000000)
        buf_decimal(out, us / 10000, 2, 2);
    else
        buf_i64(out, us / 1000000);
    buf_str(out, us < 1000000 ? STR(" ms") : STR(" s"));
}

/* 1.2 ms, 85 ms, 850 ms, 1.2 s, 85 s, 120 s */
static void about_show(struct buf *out, int64_t us)
{
    if (us < 10000)
        buf_decimal(out, us / 100, 1, 1);
    else if (us < 1000000)
        buf_i64(out, us / 1000);
    else if (us < 10000000)
        buf_decimal(out, us / 100000, 1, 1);
    else
        buf_i64(out, us / 1000000);
    buf_str(out, us < 1000000 ? STR(" ms") : STR(" s"));
}

static void time_show(struct buf *out, int64_t wall_us)
{
    char iso[25];
    clock_iso(wall_us, iso);
    iso[10] = ' ';
    iso[19] = '\0';
    buf_str(out, str_from(iso));
}

/* Clients choose some of the names: nothing in them shall steer a terminal, or break a row. U+0080
 * to U+009F do, too. */
static void text_show(struct buf *out, struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        bool wide = c == 0xc2 && i + 1 < s.n && (unsigned char)s.p[i + 1] < 0xa0;
        buf_char(out, wide || c < 0x20 || c == 0x7f ? '?' : s.p[i]);
        i += wide;
    }
}

/* `places`: how many decimals of dollars. */
static void show(const struct sheet_column *c, const struct sheet_cell *cell, unsigned places,
                 struct buf *out)
{
    if (!cell->known) {
        buf_str(out, c->kind == SHEET_USD ? STR("unknown") : STR("-"));
        return;
    }
    switch (c->kind) {
    case SHEET_TEXT:
    case SHEET_JSON:
        text_show(out, cell->s);
        break;
    case SHEET_COUNT:
        count_show(out, cell->n);
        break;
    case SHEET_BOOL:
        buf_str(out, cell->n ? STR("yes") : STR("no"));
        break;
    case SHEET_USD:
        buf_decimal(out, cell->n, 9, places);
        if (cell->at_least)
            buf_str(out, STR(" +?"));
        break;
    case SHEET_SPAN:
        span_show(out, cell->n);
        break;
    case SHEET_ABOUT:
        about_show(out, cell->n);
        break;
    case SHEET_TIME:
        time_show(out, cell->n);
        break;
    case SHEET_SHARE:
        buf_decimal(out, (cell->n + 500) / 1000, 1, 1);
        buf_char(out, '%');
        break;
    }
}

void sheet_cell_show(const struct sheet_column *c, const struct sheet_cell *cell, struct buf *out)
{
    show(c, cell, 2, out);
}

/* Characters, as far as a terminal shows each in one place. */
static size_t width_of(struct str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
    return n;
}

static struct str cut_to_width(struct str s, size_t width)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
        if (n > width)
            return str_head(s, i);
    }
    return s;
}

static void pad(struct buf *out, size_t n)
{
    while (n-- > 0)
        buf_char(out, ' ');
}

static bool column_shown(const struct sheet *s, unsigned column)
{
    unsigned flags = s->column[column].flags;
    if (flags & SHEET_NOT_TABLE)
        return false;
    bool any = !(flags & SHEET_RARE);
    for (unsigned row = 0; row < s->rows_n && !any; row++) {
        const struct sheet_cell *cell = cell_at(s, row, column);
        any = cell->known && (cell->n != 0 || cell->s.n > 0);
    }
    return any;
}

/* As many decimals as the column's finest amount needs, so that points stand below each other. */
static unsigned places_of(const struct sheet *s, unsigned column)
{
    unsigned places = 2;
    for (unsigned row = 0; row < s->rows_n; row++) {
        int64_t rest = cell_at(s, row, column)->n;
        unsigned need = rest % 1000000000 ? 9 : 0;
        for (; need > 0 && rest % 10 == 0; rest /= 10)
            need--;
        places = need > places ? need : places;
    }
    return places;
}

struct layout {
    bool shown;
    bool left;
    unsigned places;
    size_t width;
    bool parts; /* some amounts end in " +?": the others leave that room */
};

static void cell_layout(const struct sheet *s, const struct layout *l, unsigned row,
                        unsigned column, struct buf *text)
{
    const struct sheet_cell *cell = cell_at(s, row, column);
    buf_clear(text);
    show(&s->column[column], cell, l->places, text);
    if (l->parts && !cell->at_least && !(s->column[column].kind == SHEET_USD && !cell->known))
        pad(text, 3);
}

static void layout_make(const struct sheet *s, unsigned column, struct layout *l, struct buf *text)
{
    enum sheet_kind kind = s->column[column].kind;
    *l = (struct layout){.shown = column_shown(s, column),
                         .left = kind == SHEET_TEXT || kind == SHEET_JSON || kind == SHEET_TIME,
                         .places = kind == SHEET_USD ? places_of(s, column) : 0,
                         .width = strlen(s->column[column].title)};
    for (unsigned row = 0; row < s->rows_n; row++)
        l->parts = l->parts || cell_at(s, row, column)->at_least;
    for (unsigned row = 0; row < s->rows_n && l->shown; row++) {
        cell_layout(s, l, row, column, text);
        size_t width = width_of(buf_view(text));
        if (l->left && width > COLUMN_WIDTH_MAX)
            width = COLUMN_WIDTH_MAX;
        l->width = width > l->width ? width : l->width;
    }
}

/* The last column is not filled up, so that lines end where their text does. */
static void field_print(const struct layout *l, struct str text, bool last, struct buf *line)
{
    text = l->left ? cut_to_width(text, l->width) : text;
    size_t fill = l->width - width_of(text);
    if (line->n > 0)
        buf_str(line, STR("  "));
    if (!l->left)
        pad(line, fill);
    buf_str(line, text);
    if (l->left && !last)
        pad(line, fill);
}

static int line_end(struct buf *line, FILE *to)
{
    bool written = fwrite(line->p, 1, line->n, to) == line->n && fputc('\n', to) != EOF;
    int err = line->failed;
    buf_clear(line);
    return err ? err : written ? 0 : E_IO;
}

static int rule_print(const struct sheet *s, const struct layout *l, struct buf *line, FILE *to)
{
    for (unsigned i = 0; i < s->columns_n; i++) {
        if (!l[i].shown)
            continue;
        if (line->n > 0)
            buf_str(line, STR("  "));
        for (size_t k = 0; k < l[i].width; k++)
            buf_char(line, '-');
    }
    return line_end(line, to);
}

int sheet_print_table(const struct sheet *s, FILE *to)
{
    struct layout l[SHEET_COLUMNS_MAX];
    struct buf line, text;
    buf_init(&line, LINE_BYTES_MAX);
    buf_init(&text, LINE_BYTES_MAX);
    unsigned last = 0;
    for (unsigned i = 0; i < s->columns_n; i++) {
        layout_make(s, i, &l[i], &text);
        last = l[i].shown ? i : last;
    }
    for (unsigned i = 0; i < s->columns_n; i++)
        if (l[i].shown)
            field_print(&l[i], str_from(s->column[i].title), i == last, &line);
    int err = line_end(&line, to);
    for (unsigned row = 0; row < s->rows_n && !err; row++) {
        if (s->total && row + 1 == s->rows_n)
            err = rule_print(s, l, &line, to);
        for (unsigned i = 0; i < s->columns_n && !err; i++) {
            if (!l[i].shown)
                continue;
            cell_layout(s, &l[i], row, i, &text);
            field_print(&l[i], buf_view(&text), i == last, &line);
        }
        while (line.n > 0 && line.p[line.n - 1] == ' ')
            line.n--; /* room of the last column */
        if (!err)
            err = line_end(&line, to);
    }
    buf_fini(&line);
    buf_fini(&text);
    return err;
}

/* ---- for programs ---- */

static void number_write(const struct sheet_column *c, const struct sheet_cell *cell,
                         struct buf *out)
{
    if (c->kind == SHEET_USD)
        buf_decimal(out, cell->n, 9, 0);
    else if (c->kind == SHEET_SPAN || c->kind == SHEET_ABOUT)
        buf_decimal(out, cell->n, 3, 0);
    else if (c->kind == SHEET_SHARE)
        buf_decimal(out, cell->n, 6, 0);
    else
        buf_i64(out, cell->n);
}

static void csv_text(struct buf *out, struct str s)
{
    bool quote = false;
    for (size_t i = 0; i < s.n; i++)
        quote = quote || s.p[i] == ',' || s.p[i] == '"' || (unsigned char)s.p[i] < 0x20;
    if (!quote) {
        buf_str(out, s);
        return;
    }
    buf_char(out, '"');
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"')
            buf_char(out, '"');
        buf_char(out, s.p[i]);
    }
    buf_char(out, '"');
}

static void csv_cell(const struct sheet_column *c, const struct sheet_cell *cell, struct buf *out)
{
    char iso[25];
    if (!cell->known)
        return;
    if (c->kind == SHEET_TEXT || c->kind == SHEET_JSON)
        csv_text(out, cell->s);
    else if (c->kind == SHEET_TIME)
        buf_str(out, str_from(clock_iso(cell->n, iso)));
    else if (c->kind == SHEET_BOOL)
        buf_str(out, cell->n ? STR("true") : STR("false"));
    else
        number_write(c, cell, out);
}

int sheet_print_csv(const struct sheet *s, FILE *to)
{
    struct buf line;
    buf_init(&line, LINE_BYTES_MAX);
    int err = 0;
    /* Row 0 is the header; the total is left out, since programs add up by themselves. */
    for (unsigned row = 0; row <= s->rows_n - s->total && !err; row++) {
        bool first = true;
        for (unsigned i = 0; i < s->columns_n; i++) {
            if (s->column[i].flags & SHEET_NOT_DATA)
                continue;
            if (!first)
                buf_char(&line, ',');
            first = false;
            if (row == 0)
                buf_str(&line, str_from(s->column[i].name));
            else
                csv_cell(&s->column[i], cell_at(s, row - 1, i), &line);
        }
        err = line_end(&line, to);
    }
    buf_fini(&line);
    return err;
}

static void json_cell(const struct sheet_column *c, const struct sheet_cell *cell, struct buf *out)
{
    char iso[25];
    if (!cell->known)
        buf_str(out, STR("null"));
    else if (c->kind == SHEET_TEXT)
        json_quote(out, cell->s);
    else if (c->kind == SHEET_JSON)
        buf_str(out, cell->s);
    else if (c->kind == SHEET_TIME)
        json_quote(out, str_from(clock_iso(cell->n, iso)));
    else if (c->kind == SHEET_BOOL)
        buf_str(out, cell->n ? STR("true") : STR("false"));
    else
        number_write(c, cell, out);
}

int sheet_json_row(const struct sheet *s, unsigned row, struct buf *out)
{
    bool first = true;
    buf_char(out, '{');
    for (unsigned i = 0; i < s->columns_n; i++) {
        if (s->column[i].flags & SHEET_NOT_DATA)
            continue;
        buf_printf(out, "%s\"%s\":", first ? "" : ",", s->column[i].name);
        first = false;
        json_cell(&s->column[i], cell_at(s, row, i), out);
    }
    return buf_char(out, '}');
}
