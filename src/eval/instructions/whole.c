/* whole.c: instructions on an answer's ends and on all of it: quotes, commas, two answers. */
#include "eval/instructions/kinds.h"

int check_no_comma(struct instruction_check *c)
{
    size_t commas = 0;
    for (size_t i = 0; i < c->answer.n; i++)
        commas += c->answer.p[i] == ',';
    return instruction_says(c, commas == 0, "no comma was to be there, there %s %zu",
                            commas == 1 ? "is" : "are", commas);
}

int check_quotation(struct instruction_check *c)
{
    struct str s = text_strip(c->answer);
    return instruction_says(c, s.n > 1 && s.p[0] == '"' && s.p[s.n - 1] == '"',
                            "double quotation marks do not stand around all of it");
}

int check_end_phrase(struct instruction_check *c)
{
    size_t there;
    struct str s = text_strip_chars(text_strip(c->answer), "\"");
    int err = text_count(c->reader, s, c->args[0].text, TEXT_AT_END, &there);
    return err ? err
               : instruction_says(c, there > 0, "it was to end with \"%.*s\"",
                                  STR_ARGS(c->args[0].text));
}

int check_two_responses(struct instruction_check *c)
{
    struct str answers[2] = {STR_NONE, STR_NONE};
    size_t parts = 0, filled = 0;
    bool last = false;
    for (struct str rest = c->answer; !last; parts++) {
        ptrdiff_t at = str_find(rest, STR("******"));
        last = at < 0;
        struct str part = text_strip(str_head(rest, last ? rest.n : (size_t)at));
        if (part.n == 0 && parts > 0 && !last)
            return instruction_says(c, false, "between two ****** there is nothing");
        if (part.n > 0 && filled < 2)
            answers[filled] = part;
        filled += part.n > 0;
        rest = last ? STR_NONE : str_tail(rest, (size_t)at + 6);
    }
    if (filled != 2)
        return instruction_says(c, false,
                                "2 answers with ****** between them were asked for, there %s %zu",
                                filled == 1 ? "is" : "are", filled);
    return instruction_says(c, !str_eq(answers[0], answers[1]), "both answers are the same");
}

int check_repeat_prompt(struct instruction_check *c)
{
    size_t there;
    int err = text_count(c->reader, text_strip(c->answer), c->args[0].text, TEXT_AT_START, &there);
    return err ? err
               : instruction_says(c, there > 0,
                                  "it does not begin with the request, word for word");
}
