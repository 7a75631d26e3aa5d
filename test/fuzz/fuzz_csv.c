/*
 * fuzz_csv.c: whatever is read, every row ends, fields lie in the text or the arena, and what was
 * read and written again with quotes around all of it reads the same.
 */
#include "base/buf.h"
#include "base/csv.h"
#include "fuzz.h"

#define MOST 32

static void quoted_put(struct buf *out, struct str field)
{
    buf_char(out, '"');
    for (size_t i = 0; i < field.n; i++) {
        if (field.p[i] == '"')
            buf_char(out, '"');
        buf_char(out, field.p[i]);
    }
    buf_char(out, '"');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a;
    struct buf again;
    struct csv c;
    struct str text = {(const char *)data, size};
    if (size > 20000)
        return 0;
    arena_init(&a, 16u << 20);
    buf_init(&again, 1 << 20);
    csv_begin(&c, text);
    for (size_t rows = 0;; rows++) {
        struct str field[MOST], same[MOST];
        unsigned n, same_n, line = c.line;
        struct csv second;
        if (csv_row(&c, &a, field, MOST, &n, NULL) != 0 || n == 0)
            break;
        MUST(rows <= size && n <= MOST && c.line > line);
        buf_clear(&again);
        for (unsigned i = 0; i < n; i++) {
            if (i)
                buf_char(&again, ',');
            quoted_put(&again, field[i]);
        }
        buf_str(&again, STR("\r\n"));
        csv_begin(&second, buf_view(&again));
        second.separator = ',';
        MUST(csv_row(&second, &a, same, MOST, &same_n, NULL) == 0 && same_n == n);
        for (unsigned i = 0; i < n; i++)
            MUST(str_eq(field[i], same[i]));
    }
    buf_fini(&again);
    arena_fini(&a);
    return 0;
}
