#include "eval/suite/template.h"

#include "base/json.h"

#define TEXT_BYTES_MAX (64u * 1024 * 1024)

/* ---- holes ---- */

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
}

size_t template_hole(struct str s, struct str *ret_name)
{
    if (!str_starts(s, STR("{{")))
        return 0;
    ptrdiff_t end = str_find(s, STR("}}"));
    if (end < 0)
        return 0;
    struct str name = str_trim(str_of(s.p + 2, (size_t)end - 2));
    for (size_t i = 0; i < name.n; i++)
        if (!is_name_char(name.p[i]))
            return 0;
    *ret_name = name;
    return name.n ? (size_t)end + 2 : 0;
}

bool template_has_hole(yyjson_val *v)
{
    size_t i, n;
    yyjson_val *key, *value;
    if (yyjson_is_arr(v)) {
        yyjson_arr_foreach(v, i, n, value) if (template_has_hole(value)) return true;
        return false;
    }
    if (yyjson_is_obj(v)) {
        yyjson_obj_foreach(v, i, n, key, value) if (template_has_hole(value)) return true;
        return false;
    }
    struct str text = json_str(v), name;
    for (ptrdiff_t at; text.n && (at = str_find(text, STR("{{"))) >= 0;) {
        text = str_tail(text, (size_t)at);
        if (template_hole(text, &name))
            return true;
        text = str_tail(text, 2);
    }
    return false;
}

static yyjson_val *step(yyjson_val *v, struct str name)
{
    uint64_t index;
    if (yyjson_is_obj(v))
        return yyjson_obj_getn(v, name.p, name.n);
    if (yyjson_is_arr(v) && str_to_u64(name, UINT32_MAX, &index))
        return yyjson_arr_get(v, index);
    return NULL;
}

/* A field whose own name has dots comes before what is within one. */
static yyjson_val *field_find(yyjson_val *fields, struct str name)
{
    yyjson_val *v = step(fields, name);
    if (v)
        return v;
    v = fields;
    for (struct str rest = name; rest.p && v;)
        v = step(v, str_cut(&rest, '.'));
    return v;
}

static int hole_fill(struct str name, yyjson_val *fields, yyjson_val **ret_value, struct fault *f)
{
    *ret_value = field_find(fields, name);
    if (*ret_value)
        return 0;
    struct str known[64];
    size_t n = 0, i, all;
    yyjson_val *key, *value;
    yyjson_obj_foreach(fields, i, all, key, value) if (n < ARRAY_LEN(known))
        known[n++] = json_str(key);
    struct str near = str_nearest(name, known, n);
    return fault_set(f, E_BAD_REQUEST, "the case has no field \"%.*s\"%s%.*s%s",
                     STR_ARGS(str_head_utf8(name, 60)), near.n ? "; did you mean \"" : "",
                     STR_ARGS(str_head_utf8(near, 60)), near.n ? "\"?" : "");
}

/* ---- writing ---- */

static int text_write(struct str text, yyjson_val *fields, struct buf *out, struct fault *f)
{
    struct str name;
    yyjson_val *v;
    size_t whole = template_hole(text, &name);
    if (whole && whole == text.n) {
        int err = hole_fill(name, fields, &v, f);
        return err ? err : json_value(out, v);
    }
    buf_char(out, '"');
    while (text.n) {
        ptrdiff_t at = str_find(text, STR("{{"));
        size_t before = at < 0 ? text.n : (size_t)at;
        json_escape(out, str_head(text, before));
        text = str_tail(text, before);
        size_t hole = template_hole(text, &name);
        if (!hole) {
            json_escape(out, str_head(text, 2));
            text = str_tail(text, 2);
            continue;
        }
        int err = hole_fill(name, fields, &v, f);
        struct buf json;
        buf_init(&json, TEXT_BYTES_MAX);
        if (!err && !yyjson_is_str(v))
            err = json_value(&json, v);
        if (!err)
            json_escape(out, yyjson_is_str(v) ? json_str(v) : buf_view(&json));
        buf_fini(&json);
        if (err)
            return err;
        text = str_tail(text, hole);
    }
    buf_char(out, '"');
    return out->failed;
}

int template_write(yyjson_val *template, yyjson_val *fields, struct buf *out, struct fault *f)
{
    size_t i, n;
    yyjson_val *key, *value;
    int err = 0;
    if (yyjson_is_arr(template)) {
        buf_char(out, '[');
        yyjson_arr_foreach(template, i, n, value)
        {
            if (i)
                buf_char(out, ',');
            err = err ? err : template_write(value, fields, out, f);
        }
        buf_char(out, ']');
    } else if (yyjson_is_obj(template)) {
        buf_char(out, '{');
        yyjson_obj_foreach(template, i, n, key, value)
        {
            if (i)
                buf_char(out, ',');
            json_quote(out, json_str(key));
            buf_char(out, ':');
            err = err ? err : template_write(value, fields, out, f);
        }
        buf_char(out, '}');
    } else if (yyjson_is_str(template)) {
        err = text_write(json_str(template), fields, out, f);
    } else {
        err = json_value(out, template);
    }
    return err ? err : out->failed;
}

int template_fill(yyjson_val *template, yyjson_val *fields, struct arena *arena,
                  yyjson_val **ret_value, struct fault *f)
{
    if (!template_has_hole(template)) {
        *ret_value = template;
        return 0;
    }
    struct buf json;
    yyjson_doc *doc = NULL;
    buf_init(&json, TEXT_BYTES_MAX);
    int err = template_write(template, fields, &json, f);
    if (!err)
        err = json_parse(arena, buf_view(&json), &doc, f);
    if (!err)
        *ret_value = yyjson_doc_get_root(doc);
    buf_fini(&json);
    return err;
}

int template_text(struct str text, yyjson_val *fields, struct arena *arena, struct str *ret_text,
                  struct fault *f)
{
    struct buf json;
    yyjson_doc *doc = NULL;
    yyjson_val *filled = NULL;
    *ret_text = text;
    if (str_find(text, STR("{{")) < 0)
        return 0;
    buf_init(&json, TEXT_BYTES_MAX);
    int err = json_quote(&json, text);
    if (!err)
        err = json_parse(arena, buf_view(&json), &doc, f);
    if (!err)
        err = template_fill(yyjson_doc_get_root(doc), fields, arena, &filled, f);
    buf_clear(&json);
    if (!err && !yyjson_is_str(filled))
        err = json_value(&json, filled);
    if (!err)
        *ret_text = yyjson_is_str(filled) ? json_str(filled) : arena_str(arena, buf_view(&json));
    buf_fini(&json);
    return err ? err : ret_text->p ? 0 : E_MEMORY;
}
