/*
 * openai_chat_reading.c: objects of which some members are known, and faults with their place.
 */
#include <stdio.h>

#include "llm/wire/openai_chat.h"

int reading_fault(struct chat_reading *x, int err, const char *fmt, ...)
{
    char text[FAULT_TEXT_BYTES], place[80] = "";
    va_list args;
    if (x->json.failed)
        return E_BAD_JSON;
    if (x->inner)
        snprintf(place, sizeof(place), "%s.%u.%s.%u: ", x->list, x->at, x->inner, x->inner_at);
    else if (x->list)
        snprintf(place, sizeof(place), "%s.%u: ", x->list, x->at);
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    return fault_set(x->fault, err, "%s%s", place, text);
}

unsigned openai_chat_key_find(struct str key, const struct str *names, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (str_eq(key, names[i]))
            return i;
    return n;
}

int reading_key(struct chat_reading *x, struct chat_keys *keys, unsigned *ret_key)
{
    struct str key = json_take_key(&x->json);
    if (x->json.failed)
        return E_BAD_JSON;
    keys->name = x->json.key;
    unsigned at = openai_chat_key_find(key, keys->names, keys->n);
    if (at < keys->n && (keys->seen >> at & 1) != 0 && !x->lenient)
        return reading_fault(x, E_DUPLICATE_KEY,
                             "'%s' stands twice; send it once, since the provider might read the "
                             "other one",
                             keys->names[at].p);
    keys->seen |= at < keys->n ? (uint64_t)1 << at : 0;
    *ret_key = at;
    return 0;
}

int reading_object(struct chat_reading *x, const char *what, const struct str *names, unsigned n,
                   struct str *ret_values, bool *ret_more)
{
    struct chat_keys keys = {.names = names, .n = n};
    int err = 0;
    for (unsigned i = 0; i < n; i++)
        ret_values[i] = STR_NONE;
    if (!reading_next_is(x, '{') && !reading_next_is(x, 'n'))
        return reading_fault(x, E_BAD_REQUEST, "'%s' has to be an object", what);
    if (!json_enter(&x->json, '{'))
        return 0;
    do {
        unsigned key;
        err = reading_key(x, &keys, &key);
        struct str value = err ? STR_NONE : json_take(&x->json);
        if (!err && key < n)
            ret_values[key] = json_is_null(value) ? STR_NONE : value;
        else if (ret_more)
            *ret_more = true;
    } while (!err && json_more(&x->json, '{'));
    return err;
}

bool openai_chat_members(struct str object, const struct str *names, unsigned n,
                         struct str *ret_values)
{
    struct json_reader r;
    for (unsigned i = 0; i < n; i++)
        ret_values[i] = STR_NONE;
    if (json_reader_init(&r, object) && json_enter(&r, '{'))
        do {
            unsigned at = openai_chat_key_find(json_take_key(&r), names, n);
            struct str value = json_take(&r);
            if (at < n)
                ret_values[at] = json_is_null(value) ? STR_NONE : value;
        } while (json_more(&r, '{'));
    return json_reader_good(&r);
}

bool reading_inside(const struct chat_reading *x, struct str value, struct chat_reading *ret_inner)
{
    *ret_inner = *x;
    return json_is_object(value) && json_reader_init(&ret_inner->json, value);
}

int reading_keep(struct chat_reading *x, struct chat_member ***end, struct str name,
                 struct str value)
{
    if (value.n == 0 || json_is_null(value))
        return 0;
    int err = chat_member_add(x->request, *end, name, value);
    while (!err && **end)
        *end = &(**end)->next;
    return err;
}
