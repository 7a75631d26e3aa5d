/* suite_check.c: what a suite's request looks like, and what it was likely meant to be. */
#include "base/json.h"
#include "eval/suite/suite.h"
#include "eval/suite/template.h"

static const char *const role_words[] = {"user",      "system", "assistant",
                                         "developer", "tool",   "function"};

static struct str nearest_key(yyjson_val *object, struct str name)
{
    struct str keys[32];
    size_t n = 0, i, all;
    yyjson_val *key, *value;
    yyjson_obj_foreach(object, i, all, key, value) if (n < ARRAY_LEN(keys))
        keys[n++] = json_str(key);
    return str_nearest(name, keys, n);
}

static void message_check(struct suite *s, yyjson_val *message, size_t at)
{
    const void *field = &s->settings->request;
    struct str role = json_get_str(message, "role");
    if (!yyjson_is_obj(message)) {
        if (!template_has_hole(message))
            conf_complain(s->doc, field, "messages[%zu] has to be {role: ..., content: ...}", at);
        return;
    }
    if (!yyjson_obj_get(message, "role")) {
        struct str near = nearest_key(message, STR("role"));
        conf_complain(s->doc, field, "messages[%zu] has no role%s%.*s%s", at,
                      near.n ? "; is it meant by '" : ", as user or system", STR_ARGS(near),
                      near.n ? "'?" : "");
        return;
    }
    struct str roles[ARRAY_LEN(role_words)];
    for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
        roles[i] = str_from(role_words[i]);
        if (str_eq(role, roles[i]))
            return;
    }
    struct str near = str_nearest(role, roles, ARRAY_LEN(roles));
    if (!template_has_hole(yyjson_obj_get(message, "role")))
        conf_complain(s->doc, field,
                      "messages[%zu] has the role '%.*s'; expected user, system, assistant, "
                      "developer, tool or function%s%.*s%s",
                      at, STR_ARGS(str_head_utf8(role, 40)), near.n ? "; did you mean '" : "",
                      STR_ARGS(near), near.n ? "'?" : "");
}

void suite_messages_check(struct suite *s, yyjson_val *messages)
{
    size_t i, n;
    yyjson_val *message;
    if (!yyjson_is_arr(messages) && !template_has_hole(messages))
        conf_complain(s->doc, &s->settings->request, "messages has to be a list");
    yyjson_arr_foreach(messages, i, n, message) message_check(s, message, i);
}

/* The first "{field}" of `text` that one pair of braces more would make the case's field. */
static struct str single_find(struct str text, yyjson_val *fields)
{
    for (ptrdiff_t at; text.n && (at = str_find(text, STR("{"))) >= 0;) {
        bool twice = str_starts(str_tail(text, (size_t)at), STR("{{"));
        text = str_tail(text, (size_t)at + (twice ? 2 : 1));
        ptrdiff_t end = str_find(text, STR("}"));
        struct str name = end > 0 ? str_head(text, (size_t)end) : STR_NONE;
        if (!twice && name.n > 0 && yyjson_obj_getn(fields, name.p, name.n))
            return name;
    }
    return STR_NONE;
}

static struct str single_find_in(yyjson_val *v, yyjson_val *fields)
{
    size_t i, n;
    yyjson_val *key, *value;
    struct str found = yyjson_is_str(v) ? single_find(json_str(v), fields) : STR_NONE;
    if (yyjson_is_arr(v))
        yyjson_arr_foreach(v, i, n, value) found = found.n ? found : single_find_in(value, fields);
    if (yyjson_is_obj(v))
        yyjson_obj_foreach(v, i, n, key, value) found = found.n ? found
                                                                : single_find_in(value, fields);
    return found;
}

void suite_holes_check(struct suite *s)
{
    const void *field = &s->settings->request;
    struct str single = single_find_in(s->request, s->cases[0].fields);
    if (single.n)
        conf_warn(s->doc, field,
                  "{%.*s} is sent as it stands here; the case's field is \"{{%.*s}}\", in two "
                  "pairs of braces and quotes",
                  STR_ARGS(single), STR_ARGS(single));
    else if (!template_has_hole(s->request) && s->cases_n > 1)
        conf_warn(s->doc, field,
                  "no field of the case is in it, so all %u cases ask the same; write "
                  "\"{{field}}\" where one belongs",
                  s->cases_n);
}
