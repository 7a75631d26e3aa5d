/* keywords.c: instructions on words and letters that have to be there, or must not. */
#include "base/json.h"
#include "eval/instructions/kinds.h"

/* A keyword counts wherever it stands, also within a longer word. */
int check_keywords(struct instruction_check *c)
{
    size_t i, n;
    yyjson_val *item;
    yyjson_arr_foreach(c->args[0].list, i, n, item)
    {
        size_t times;
        int err = text_count(c->reader, c->answer, json_str(item), TEXT_ANYWHERE, &times);
        if (err || times == 0)
            return err ? err
                       : instruction_says(c, false, "the keyword \"%.*s\" is missing",
                                          STR_ARGS(json_str(item)));
    }
    return instruction_says(c, true, "all there");
}

/* `what` is what the text is: a keyword or a letter. */
static int frequency(struct instruction_check *c, const char *what)
{
    size_t times, wanted = c->args[1].count;
    struct str text = c->args[0].text;
    int err = text_count(c->reader, c->answer, text, TEXT_ANYWHERE, &times);
    if (err)
        return err;
    bool less_than = c->args[2].less_than;
    return instruction_says(c, less_than ? times < wanted : times >= wanted,
                            "the %s \"%.*s\" was to be there %s %zu time%s, it is %zu time%s", what,
                            STR_ARGS(text), less_than ? "less than" : "at least", wanted,
                            wanted == 1 ? "" : "s", times, times == 1 ? "" : "s");
}

int check_keyword_frequency(struct instruction_check *c)
{
    return frequency(c, "keyword");
}

/* Only as a word of its own. */
int check_forbidden_words(struct instruction_check *c)
{
    size_t i, n;
    yyjson_val *item;
    yyjson_arr_foreach(c->args[0].list, i, n, item)
    {
        size_t times;
        int err = text_count(c->reader, c->answer, json_str(item), TEXT_AS_WORD, &times);
        if (err || times > 0)
            return err ? err
                       : instruction_says(c, false, "the forbidden word \"%.*s\" is there",
                                          STR_ARGS(json_str(item)));
    }
    return instruction_says(c, true, "none there");
}

int check_letter_frequency(struct instruction_check *c)
{
    return frequency(c, "letter");
}
