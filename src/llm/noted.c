#include "llm/noted.h"

#include <string.h>

#include "base/json.h"

#define LOOKS_MAX 4 /* events that may come before one that names the model */

/* What stands in quotes, if it is a word; STR_NONE else. */
static struct str word_of(struct str value, size_t bytes_max)
{
    static const char marks[] = "-_.:/@+";
    if (!json_is_string(value))
        return STR_NONE;
    struct str s = json_string_raw(value);
    bool good = s.n > 0 && s.n <= bytes_max;
    for (size_t i = 0; good && i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        good = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
               (c != '\0' && strchr(marks, c));
    }
    return good ? s : STR_NONE;
}

static void model_note(struct llm_noted *n, struct str value)
{
    struct str word = word_of(value, sizeof(n->model));
    if (n->model_n > 0 || word.n == 0)
        return;
    memcpy(n->model, word.p, word.n);
    n->model_n = (unsigned)word.n;
}

static void finish_note(struct llm_noted *n, struct str value)
{
    struct str word = word_of(value, NOTED_FINISH_BYTES);
    if (word.n == 0 || n->finishes == NOTED_FINISHES_MAX)
        return;
    memcpy(n->finish[n->finishes], word.p, word.n);
    n->finish_n[n->finishes++] = (unsigned)word.n;
}

static bool is_any(struct str key, const struct str *words, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (str_eq(key, words[i]))
            return true;
    return false;
}

#define IS_ANY(key, ...)                                                                           \
    is_any(key, (const struct str[]){__VA_ARGS__},                                                 \
           sizeof((const struct str[]){__VA_ARGS__}) / sizeof(struct str))

/* The Responses' own; one that is not over yet says in_progress. */
static void status_note(struct llm_noted *n, struct str value)
{
    if (IS_ANY(value, STR("\"completed\""), STR("\"incomplete\"")))
        finish_note(n, value);
}

/* `inner`: one of the objects in which these members stand, too. */
static void object_read(struct llm_noted *n, struct json_reader *r, bool inner)
{
    if (!json_enter(r, '{'))
        return;
    do {
        struct str key = json_take_key(r);
        if (IS_ANY(key, STR("model"), STR("modelVersion"))) {
            model_note(n, json_take(r));
        } else if (IS_ANY(key, STR("finish_reason"), STR("stop_reason"), STR("finishReason"),
                          STR("stopReason"))) {
            finish_note(n, json_take(r));
        } else if (str_eq(key, STR("status"))) {
            status_note(n, json_take(r));
        } else if (!inner && IS_ANY(key, STR("message"), STR("delta"), STR("response"))) {
            object_read(n, r, true);
        } else if (!inner && IS_ANY(key, STR("choices"), STR("candidates"))) {
            if (json_enter(r, '['))
                do
                    object_read(n, r, true);
                while (json_more(r, '['));
        } else {
            (void)json_take(r);
        }
    } while (json_more(r, '{'));
}

void llm_noted_read(struct llm_noted *n, struct str json)
{
    struct json_reader r;
    if (json_reader_init(&r, json))
        object_read(n, &r, false);
}

void llm_noted_event(struct llm_noted *n, struct str json, bool finished)
{
    bool first = n->model_n == 0 && n->looks < LOOKS_MAX;
    n->looks += first;
    if (first || finished)
        llm_noted_read(n, json);
}
