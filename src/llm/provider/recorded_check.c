#include "llm/provider/recorded_check.h"

#include "base/json.h"

/* What a line may say that was written by hand. */
static const char *const known[] = {"model",    "prompt",   "answer",   "body",
                                    "events",   "status",   "headers",  "tokens",
                                    "cost_usd", "first_ms", "total_ms", "fault"};

/* A name that is nearly one of those would be passed over, and the line fit what it should not. */
static int names_check(yyjson_val *line, struct fault *f)
{
    struct str words[ARRAY_LEN(known)];
    size_t i, n;
    yyjson_val *key, *value;
    for (i = 0; i < ARRAY_LEN(known); i++)
        words[i] = str_from(known[i]);
    yyjson_obj_foreach(line, i, n, key, value)
    {
        struct str near = str_nearest(json_str(key), words, ARRAY_LEN(known));
        if (near.n && !yyjson_obj_getn(line, near.p, near.n))
            return fault_set(f, E_CONFIG, "\"%.*s\" is not known; did you mean \"%.*s\"?",
                             STR_ARGS(str_head_utf8(json_str(key), 40)), STR_ARGS(near));
    }
    return 0;
}

static bool is_text_or_nothing(yyjson_val *line, const char *name)
{
    yyjson_val *v = yyjson_obj_get(line, name);
    return !v || yyjson_is_null(v) || yyjson_is_str(v);
}

int recorded_line_check(yyjson_val *line, struct fault *f)
{
    static const char *const texts[] = {"model", "prompt", "answer"};
    yyjson_val *tokens = yyjson_obj_get(line, "tokens");
    int err = names_check(line, f);
    for (unsigned i = 0; i < ARRAY_LEN(texts) && !err; i++)
        if (!is_text_or_nothing(line, texts[i]))
            err = fault_set(f, E_CONFIG, "\"%s\" has to be a text", texts[i]);
    if (!err && tokens && !yyjson_is_null(tokens) && !yyjson_is_obj(tokens))
        err = fault_set(f, E_CONFIG,
                        "\"tokens\" has to be an object: {\"input\": 20, \"output\": 5}");
    bool answers = yyjson_obj_get(line, "answer") || yyjson_obj_get(line, "body") ||
                   yyjson_obj_get(line, "events") || yyjson_obj_get(line, "status") ||
                   yyjson_obj_get(line, "fault");
    if (!err && !answers)
        err = fault_set(f, E_CONFIG,
                        "the line answers nothing; expected \"answer\" (a text), \"body\" or "
                        "\"events\"");
    return err;
}
