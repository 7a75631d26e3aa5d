#include "eval/text/expected.h"

#include "base/buf.h"
#include "base/json.h"

#define SHOWN_BYTES      80
#define SCALAR_BYTES_MAX 64

const char *expected_kind(const yyjson_val *value)
{
    static const char *const kinds[] = {
        [YYJSON_TYPE_NULL] = "null",    [YYJSON_TYPE_BOOL] = "true or false",
        [YYJSON_TYPE_NUM] = "a number", [YYJSON_TYPE_STR] = "a text",
        [YYJSON_TYPE_ARR] = "a list",   [YYJSON_TYPE_OBJ] = "an object",
    };
    unsigned type = value ? yyjson_get_type((yyjson_val *)value) : 0;
    return type < ARRAY_LEN(kinds) && kinds[type] ? kinds[type] : "nothing";
}

/* A text, or a scalar as JSON writes it; STR_NONE with 0 where it is neither. */
static int text_read(struct arena *arena, yyjson_val *value, struct str *ret_text)
{
    *ret_text = json_str(value);
    if (!yyjson_is_num(value) && !yyjson_is_bool(value))
        return 0;
    struct buf out;
    buf_init(&out, SCALAR_BYTES_MAX);
    int err = json_value(&out, value);
    if (!err) {
        *ret_text = arena_str(arena, buf_view(&out));
        err = ret_text->p ? 0 : E_MEMORY;
    }
    buf_fini(&out);
    return err;
}

int expected_read(struct arena *arena, const char *who, const char *where, yyjson_val *value,
                  struct expected *ret_expected, struct fault *f)
{
    bool list = yyjson_is_arr(value);
    size_t n = list ? yyjson_arr_size(value) : 1;
    if (n == 0 || n > EXPECTED_MAX)
        return fault_set(f, E_BAD_REQUEST, "%s: %s is a list of %zu; expected 1 to %d texts", who,
                         where, n, EXPECTED_MAX);
    struct str *at = ARENA_ARRAY(arena, struct str, n);
    if (!at)
        return E_MEMORY;
    yyjson_val *item = list ? yyjson_arr_get_first(value) : value;
    for (size_t i = 0; i < n; i++, item = unsafe_yyjson_get_next(item)) {
        int err = text_read(arena, item, &at[i]);
        if (err)
            return err;
        if (!at[i].p)
            return fault_set(f, E_BAD_REQUEST,
                             "%s: %s %s %s; expected a text, or a list of texts any of which is "
                             "right",
                             who, where, list ? "has in its list" : "is", expected_kind(item));
    }
    *ret_expected = (struct expected){.n = (unsigned)n, .at = at};
    return 0;
}

struct str expected_show(struct arena *arena, const struct expected *e)
{
    struct str first = str_head_utf8(e->at[0], SHOWN_BYTES);
    const char *cut = first.n < e->at[0].n ? "..." : "";
    if (e->n == 1)
        return arena_printf(arena, "\"%.*s%s\"", STR_ARGS(first), cut);
    return arena_printf(arena, "\"%.*s%s\" or %u other%s", STR_ARGS(first), cut, e->n - 1,
                        e->n == 2 ? "" : "s");
}
