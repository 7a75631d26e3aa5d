/*
 * The few fields of a request body that matter here, found by walking its top level. It is not a
 * validator: it skips what it does not need, and says false for what it cannot walk.
 */
#include "mock.h"

#include <string.h>

/* p stands on an opening quote; returns the closing one, or NULL. */
static const char *string_end(const char *p, const char *end)
{
    for (p++; p < end; p++) {
        p = memchr(p, '"', (size_t)(end - p));
        if (p == NULL)
            return NULL;
        size_t slashes = 0;
        while (p[-1 - (long)slashes] == '\\')
            slashes++;
        if ((slashes & 1) == 0)
            return p;
    }
    return NULL;
}

static const char *space_skip(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
        p++;
    return p;
}

/* p stands on a value's first byte; returns one past its last, or NULL. */
static const char *value_end(const char *p, const char *end)
{
    int depth = 0;

    for (; p < end; p++) {
        switch (*p) {
        case '"':
            p = string_end(p, end);
            if (p == NULL)
                return NULL;
            break;
        case '{':
        case '[':
            depth++;
            continue;
        case '}':
        case ']':
            if (depth == 0)
                return p; /* the end of a number or a word in the container around it */
            depth--;
            break;
        case ',':
        case ' ':
        case '\n':
        case '\r':
        case '\t':
            if (depth == 0)
                return p;
            continue;
        default:
            continue;
        }
        if (depth == 0)
            return p + 1;
    }
    return depth == 0 ? p : NULL;
}

/* Steps to the next key of an object; false at its end or on nonsense. */
static bool member_next(const char **at, const char *end, struct span *key, struct span *value)
{
    const char *p = space_skip(*at, end);

    if (p < end && *p == ',')
        p = space_skip(p + 1, end);
    if (p >= end || *p != '"')
        return false;
    const char *close = string_end(p, end);
    if (close == NULL)
        return false;
    *key = (struct span){p + 1, (size_t)(close - p - 1)};
    p = space_skip(close + 1, end);
    if (p >= end || *p != ':')
        return false;
    p = space_skip(p + 1, end);
    const char *after = value_end(p, end);
    if (after == NULL || after == p)
        return false;
    *value = (struct span){p, (size_t)(after - p)};
    *at = after;
    return true;
}

static struct span unquoted(struct span value)
{
    if (value.n >= 2 && value.p[0] == '"')
        return (struct span){value.p + 1, value.n - 2};
    return (struct span){NULL, 0};
}

/* Elements of a list of strings or lists; a list of numbers is one input (token ids). */
static uint32_t inputs_count(struct span value)
{
    const char *end = value.p + value.n;
    uint32_t count = 0;

    if (value.n == 0 || value.p[0] != '[')
        return 1;
    for (const char *p = space_skip(value.p + 1, end); p < end && *p != ']';) {
        if (*p != '"' && *p != '[' && *p != '{')
            return 1;
        p = value_end(p, end);
        if (p == NULL)
            return 1;
        count++;
        p = space_skip(p, end);
        if (p < end && *p == ',')
            p = space_skip(p + 1, end);
    }
    return count;
}

static void include_usage_read(struct span value, struct body_facts *facts)
{
    const char *at = value.p + 1, *end = value.p + value.n;
    struct span key, inner;

    if (value.p[0] != '{')
        return;
    while (member_next(&at, end, &key, &inner))
        if (span_is(key, "include_usage"))
            facts->include_usage = span_is(inner, "true");
}

bool body_scan(const char *p, size_t n, struct body_facts *ret_facts)
{
    const char *end = p + n, *at = space_skip(p, end);
    struct body_facts facts = {.inputs = 1};
    struct span key, value, text;

    if (at >= end || *at != '{')
        return false;
    at++;
    while (member_next(&at, end, &key, &value)) {
        if (span_is(key, "model") && (text = unquoted(value)).p != NULL) {
            facts.model_at = (uint32_t)(text.p - p);
            facts.model_n = (uint32_t)text.n;
        } else if (span_is(key, "user") && (text = unquoted(value)).p != NULL) {
            facts.marker_at = (uint32_t)(text.p - p);
            facts.marker_n = (uint32_t)text.n;
        } else if (span_is(key, "stream")) {
            facts.stream = span_is(value, "true");
        } else if (span_is(key, "stream_options")) {
            include_usage_read(value, &facts);
        } else if (span_is(key, "encoding_format")) {
            facts.base64 = span_is(value, "\"base64\"");
        } else if (span_is(key, "messages") || span_is(key, "prompt") || span_is(key, "input")) {
            facts.prompt_bytes = (uint32_t)value.n;
            facts.inputs = inputs_count(value);
        }
    }
    at = space_skip(at, end);
    if (at >= end || *at != '}')
        return false;
    *ret_facts = facts;
    return true;
}
