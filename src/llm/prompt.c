#include "llm/prompt.h"

#include <stdio.h>
#include <xxhash.h>

#include "base/json.h"
#include "llm/wire.h"

#define MASK_DIGITS 4     /* so many in a word are a year, a time or an id */
#define VALUES_MAX  32768 /* of tools; what a loop reads in a millisecond */

static uint64_t mix(uint64_t a, uint64_t b)
{
    const uint64_t both[2] = {a, b};
    return XXH3_64bits(both, sizeof(both));
}

/* 0 stands for nothing. */
static uint64_t some(uint64_t hash)
{
    return hash ? hash : 1;
}

/* ---- a text without what changes ---- */

enum word_kind { WORD_PLAIN, WORD_NUMBER, WORD_DATE, WORD_MASKED };

static inline bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Full names, and their first three letters; a capital first, since "may" and "sun" are words. */
static bool is_date_name(struct str word)
{
    static const struct str names[] = {
        {"January", 7},  {"February", 8}, {"March", 5},    {"April", 5},     {"May", 3},
        {"June", 4},     {"July", 4},     {"August", 6},   {"September", 9}, {"October", 7},
        {"November", 8}, {"December", 8}, {"Monday", 6},   {"Tuesday", 7},   {"Wednesday", 9},
        {"Thursday", 8}, {"Friday", 6},   {"Saturday", 8}, {"Sunday", 6}};
    if (word.n < 3 || word.p[0] < 'A' || word.p[0] > 'W')
        return false;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_eq_nocase(word, names[i]) || str_eq_nocase(word, str_head(names[i], 3)))
            return true;
    return false;
}

/* "3", "3rd", "14," and so on: it may be a day of a month. */
static bool is_small_number(struct str word)
{
    size_t digits = 0;
    while (digits < word.n && is_digit(word.p[digits]))
        digits++;
    struct str rest = str_tail(word, digits);
    static const struct str ends[] = {{"", 0}, {"st", 2}, {"nd", 2}, {"rd", 2}, {"th", 2}};
    for (size_t i = 0; i < ARRAY_LEN(ends); i++)
        if (str_eq(rest, ends[i]))
            return digits == 1 || digits == 2;
    return false;
}

/* What stands behind numbers in dates and times of Chinese, Japanese and Korean. */
static bool is_date_sign(struct str word)
{
    static const struct str signs[] = {{"\u5e74", 3}, {"\u6708", 3}, {"\u65e5", 3}, {"\u53f7", 3},
                                       {"\u6642", 3}, {"\u65f6", 3}, {"\u70b9", 3}, {"\u5206", 3},
                                       {"\ub144", 3}, {"\uc6d4", 3}, {"\uc77c", 3}, {"\uc2dc", 3}};
    for (size_t i = 0; i < ARRAY_LEN(signs); i++)
        if (str_starts(word, signs[i]))
            return true;
    return false;
}

static struct str bare(struct str word)
{
    while (word.n > 0 && strchr(",.;:!?()[]\"'", word.p[word.n - 1]))
        word.n--;
    while (word.n > 0 && strchr("([\"'", word.p[0]))
        word = str_tail(word, 1);
    return word;
}

static enum word_kind word_kind_of(struct str word)
{
    unsigned digits = 0, signs = 0;
    bool time = false;
    for (size_t i = 0; i < word.n; i++) {
        char c = word.p[i];
        digits += is_digit(c);
        bool between = i > 0 && i + 1 < word.n && is_digit(word.p[i - 1]) &&
                       is_digit(word.p[i + 1]);
        time = time || (between && c == ':');
        signs += between && (c == '/' || c == '-' || c == '.');
    }
    if (digits == 0)
        return is_date_name(bare(word)) ? WORD_DATE : WORD_PLAIN;
    if (digits >= MASK_DIGITS || time || signs >= 2)
        return WORD_MASKED;
    return is_small_number(bare(word)) ? WORD_NUMBER : WORD_PLAIN;
}

/* The hash of a text's words so far; a number waits for what stands behind it. */
struct words {
    uint64_t hash;
    struct str number; /* n == 0: none waits */
    size_t *left;      /* bytes that are still read word by word */
    bool masked;       /* the last one was */
    bool date;         /* ... as a part of a date */
};

static void word_take(struct words *w, struct str word)
{
    w->hash = XXH3_64bits_withSeed(word.p, word.n, w->hash);
    w->masked = w->date = false;
}

static void mask_take(struct words *w, bool date)
{
    if (!w->masked)
        word_take(w, STR("#"));
    w->masked = true;
    w->date = date;
}

static void number_settle(struct words *w, bool date)
{
    if (w->number.n && date)
        mask_take(w, true);
    else if (w->number.n)
        word_take(w, w->number);
    w->number = STR_NONE;
}

static void words_take(struct words *w, struct str word)
{
    enum word_kind kind = word_kind_of(word);
    struct str text = bare(word);
    bool half = (w->number.n || w->masked) &&
                (str_eq_nocase(text, STR("am")) || str_eq_nocase(text, STR("pm")));
    number_settle(w, kind == WORD_DATE || half || (w->number.n && is_date_sign(word)));
    if (half || kind == WORD_DATE || (kind == WORD_NUMBER && w->date))
        mask_take(w, true);
    else if (kind == WORD_MASKED)
        mask_take(w, w->date);
    else if (kind == WORD_NUMBER)
        w->number = word;
    else
        word_take(w, word);
}

/* Words end at space, and where ASCII and other letters meet: not all scripts have spaces. What
 * is too much for that counts by its bytes. */
static void text_take(struct words *w, struct str whole)
{
    struct str text = str_head(whole, *w->left), rest = str_tail(whole, text.n);
    size_t from = 0;
    *w->left -= text.n;
    for (size_t i = 0; i <= text.n; i++) {
        bool space = i == text.n || is_space(text.p[i]);
        bool meets = !space && i > from &&
                     ((unsigned char)text.p[i] < 0x80) != ((unsigned char)text.p[i - 1] < 0x80);
        if (!space && !meets)
            continue;
        if (i > from)
            words_take(w, str_of(text.p + from, i - from));
        from = space ? i + 1 : i;
    }
    number_settle(w, false);
    if (rest.n)
        word_take(w, rest);
}

/* A string, or a list of parts of which some have a text. */
static void content_take(struct words *w, yyjson_val *content)
{
    size_t i, n;
    yyjson_val *part;
    text_take(w, json_str(content));
    yyjson_arr_foreach(content, i, n, part)
    {
        text_take(w, json_get_str(part, "text"));
    }
}

/* ---- tools ---- */

/* What is still looked at of a request's tools. */
struct effort {
    size_t bytes; /* of descriptions, word by word */
    unsigned values;
};

/* Of a value, whatever the space in its text. */
static uint64_t value_hash(yyjson_val *v, uint64_t seed, struct effort *left)
{
    size_t i, n;
    yyjson_val *key, *inner;
    if (left->values == 0)
        return seed;
    left->values--;
    uint64_t hash = mix(seed, yyjson_get_tag(v) & YYJSON_TAG_MASK);
    if (yyjson_is_ctn(v)) /* where it ends: {"a":{},"b":1} is not {"a":{"b":1}} */
        hash = mix(hash, yyjson_get_len(v));
    if (yyjson_is_str(v) || yyjson_is_raw(v))
        return XXH3_64bits_withSeed(yyjson_get_str(v) ? yyjson_get_str(v) : yyjson_get_raw(v),
                                    yyjson_get_len(v), hash);
    if (yyjson_is_num(v)) /* 1 and 1.0 are one number */
        return XXH3_64bits_withSeed(&(double){yyjson_get_num(v)}, sizeof(double), seed);
    yyjson_arr_foreach(v, i, n, inner)
    {
        if (left->values == 0)
            break;
        hash = value_hash(inner, hash, left);
    }
    yyjson_obj_foreach(v, i, n, key, inner)
    {
        if (left->values == 0)
            break;
        hash = value_hash(inner, value_hash(key, hash, left), left);
    }
    return hash;
}

static uint64_t tool_hash(yyjson_val *tool, struct effort *left)
{
    yyjson_val *inner = yyjson_obj_get(tool, "function");
    yyjson_val *t = yyjson_is_obj(inner) ? inner : tool;
    yyjson_val *schema = yyjson_obj_get(t, "parameters");
    struct str name = json_get_str(t, "name");
    schema = schema ? schema : yyjson_obj_get(t, "input_schema");
    if (!name.n || !schema) /* one of the provider's own */
        return value_hash(tool, 2, left);
    struct words w = {.hash = XXH3_64bits_withSeed(name.p, name.n, 3), .left = &left->bytes};
    text_take(&w, json_get_str(t, "description"));
    return value_hash(schema, w.hash, left);
}

/* A sum: their order does not count. */
static uint64_t tools_hash(yyjson_val *tools)
{
    size_t i, n;
    yyjson_val *tool;
    uint64_t sum = 0;
    struct effort left = {.bytes = PROMPT_WORDS_BYTES, .values = VALUES_MAX};
    yyjson_arr_foreach(tools, i, n, tool)
    {
        if (left.values == 0)
            break;
        sum += tool_hash(tool, &left);
    }
    return yyjson_arr_size(tools) ? some(sum) : 0;
}

/* ---- of a parsed request ---- */

static bool is_leading(struct str role)
{
    return str_eq(role, STR("system")) || str_eq(role, STR("developer"));
}

static uint64_t words_end(const struct words *w)
{
    return w->hash; /* 0: there was no word */
}

static uint64_t both(uint64_t system, uint64_t tools)
{
    return system || tools ? some(mix(system, tools)) : 0;
}

/* Where the protocol has a system prompt beside the conversation, and the conversation. */
static const struct {
    const struct wire *wire;
    const char *system, *messages;
} places[] = {{&wire_anthropic, "system", "messages"},
              {&wire_responses, "instructions", "input"},
              {&wire_openai_chat, NULL, "messages"}};

uint64_t prompt_of(const struct wire *wire, yyjson_val *request)
{
    size_t left = PROMPT_WORDS_BYTES, at = 0;
    struct words w = {.left = &left};
    while (at < ARRAY_LEN(places) && places[at].wire != wire)
        at++;
    if (at == ARRAY_LEN(places))
        return 0; /* no chat */
    if (places[at].system)
        content_take(&w, yyjson_obj_get(request, places[at].system));
    yyjson_val *messages = yyjson_obj_get(request, places[at].messages);
    size_t n = yyjson_is_arr(messages) ? yyjson_arr_size(messages) : 0;
    yyjson_val *message = yyjson_arr_get_first(messages);
    for (size_t i = 0; i < n && i < PROMPT_LEADING_MAX; i++) {
        if (!is_leading(json_get_str(message, "role")))
            break;
        content_take(&w, yyjson_obj_get(message, "content"));
        message = unsafe_yyjson_get_next(message);
    }
    return both(words_end(&w), tools_hash(yyjson_obj_get(request, "tools")));
}

/* ---- of a request's bytes ---- */

/* Parts of a system prompt as they stand in the body. */
struct parts {
    unsigned n;
    struct str at[PROMPT_LEADING_MAX + 1];
};

/* A string, which hardly ever has an escape. */
static bool says_leading(struct str value)
{
    if (!json_is_string(value))
        return false;
    bool escaped = memchr(value.p, '\\', value.n) != NULL;
    return is_leading(escaped ? json_str(json_peek(value)) : json_string_raw(value));
}

/* Is the message one of those in front? Reads no further than it has to know. Of a member that
 * stands twice the first one counts. */
static bool leading_take(struct json_reader *r, struct str *ret_content)
{
    bool has_role = false;
    *ret_content = STR_NONE;
    if (!json_enter(r, '{'))
        return false;
    do {
        struct str key = json_take_key(r);
        bool is_role = !has_role && str_eq(key, STR("role"));
        bool is_content = !ret_content->p && str_eq(key, STR("content"));
        struct str value = json_take(r);
        if (is_role && !says_leading(value))
            return false;
        has_role = has_role || is_role;
        if (is_content)
            *ret_content = value;
    } while (json_more(r, '{'));
    return has_role;
}

static void leading_find(struct str messages, struct parts *parts)
{
    struct json_reader r;
    unsigned n = 0;
    if (!json_reader_init_list(&r, messages) || !json_enter(&r, '['))
        return;
    do {
        struct str content;
        if (!leading_take(&r, &content))
            return;
        if (content.n)
            parts->at[parts->n++] = content;
    } while (++n < PROMPT_LEADING_MAX && json_more(&r, '['));
}

static struct str span_of(const struct llm_request *r, struct json_span at)
{
    return str_of(r->body.p + at.from, at.to - at.from);
}

static uint64_t system_of(const struct parts *parts, struct prompt_memo *memo)
{
    uint64_t bytes = parts->n;
    for (unsigned i = 0; i < parts->n; i++)
        bytes = XXH3_64bits_withSeed(parts->at[i].p, parts->at[i].n, bytes);
    unsigned place = (unsigned)(bytes % PROMPT_MEMO_PLACES);
    if (LIKELY(memo->system[place].bytes == bytes))
        return memo->system[place].fingerprint;
    size_t left = PROMPT_WORDS_BYTES;
    struct words w = {.left = &left};
    for (unsigned i = 0; i < parts->n; i++)
        content_take(&w, json_peek(parts->at[i]));
    memo->system[place].bytes = bytes;
    memo->system[place].fingerprint = words_end(&w);
    return words_end(&w);
}

static uint64_t tools_of(struct str tools, struct prompt_memo *memo)
{
    uint64_t bytes = some(XXH3_64bits(tools.p, tools.n));
    unsigned place = (unsigned)(bytes % PROMPT_MEMO_PLACES);
    if (UNLIKELY(memo->tools[place].bytes != bytes)) {
        memo->tools[place].bytes = bytes;
        memo->tools[place].fingerprint = tools_hash(json_peek(tools));
    }
    return memo->tools[place].fingerprint;
}

uint64_t prompt_of_request(const struct llm_request *r, struct prompt_memo *memo)
{
    struct parts parts = {.n = 0};
    if (r->tools_at.to - r->tools_at.from > PROMPT_TOOLS_BYTES)
        return 0;
    if (r->system_at.to > r->system_at.from)
        parts.at[parts.n++] = span_of(r, r->system_at);
    if (r->messages_at.to > r->messages_at.from)
        leading_find(span_of(r, r->messages_at), &parts);
    bool tools = r->tools_at.to > r->tools_at.from;
    return both(parts.n ? system_of(&parts, memo) : 0,
                tools ? tools_of(span_of(r, r->tools_at), memo) : 0);
}

/* ---- as text ---- */

const char *prompt_text(uint64_t fingerprint, char ret_text[PROMPT_CHARS + 1])
{
    if (fingerprint)
        (void)snprintf(ret_text, PROMPT_CHARS + 1, "%016llx", (unsigned long long)fingerprint);
    else
        (void)snprintf(ret_text, PROMPT_CHARS + 1, "-");
    return ret_text;
}

uint64_t prompt_from_text(struct str text)
{
    uint64_t value = 0;
    if (text.n != PROMPT_CHARS)
        return 0;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (!is_digit(c) && (c < 'a' || c > 'f'))
            return 0;
        value = value << 4 | (uint64_t)(is_digit(c) ? c - '0' : c - 'a' + 10);
    }
    return value;
}
