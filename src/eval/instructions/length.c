/* length.c: instructions on how long an answer is, and how it is parted. */
#include "eval/instructions/kinds.h"
#include "eval/instructions/sentences.h"

int check_number_words(struct instruction_check *c)
{
    return instruction_counts(c, c->args[0].count, c->args[1].less_than,
                              text_words(c->reader, c->answer), "word was", "words were");
}

int check_number_sentences(struct instruction_check *c)
{
    return instruction_counts(c, c->args[0].count, c->args[1].less_than, sentences_count(c->answer),
                              "sentence was", "sentences were");
}

/* Bytes of the one space that may stand before or behind a divider. */
static size_t space_before(struct str s, size_t at)
{
    for (size_t n = 1; n <= 3 && n <= at; n++)
        if (text_space(str_tail(str_head(s, at), at - n)) == n)
            return n;
    return 0;
}

int check_number_paragraphs(struct instruction_check *c)
{
    size_t parts = 0, empty_at_ends = 0;
    bool last = false;
    for (struct str rest = c->answer; !last; parts++) {
        ptrdiff_t at = str_find(rest, STR("***"));
        last = at < 0;
        size_t n = last ? rest.n : (size_t)at - space_before(rest, (size_t)at);
        bool empty = text_strip(str_head(rest, n)).n == 0;
        if (empty && parts > 0 && !last)
            return instruction_says(c, false, "paragraph %zu, between two ***, is empty",
                                    parts + 1);
        empty_at_ends += empty;
        rest = last ? STR_NONE : str_tail(rest, (size_t)at + 3);
        rest = str_tail(rest, text_space(rest));
    }
    return instruction_counts_to(c, c->args[0].count, parts - empty_at_ends,
                                 "paragraph, and *** between any two, was",
                                 "paragraphs, with *** between them, were");
}

/* Without quotation marks before it, up to a mark behind it. */
static struct str first_word(struct str paragraph)
{
    size_t n = 0;
    while (n < paragraph.n && text_space(str_tail(paragraph, n)) == 0)
        n++;
    struct str word = str_head(paragraph, n);
    while (str_starts(word, STR("'")))
        word = str_tail(word, 1);
    while (str_starts(word, STR("\"")))
        word = str_tail(word, 1);
    for (n = 0; n < word.n && (word.p[n] == 0 || !strchr(".,?!'\"", word.p[n])); n++)
        ;
    return str_head(word, n);
}

int check_paragraph_first_word(struct instruction_check *c)
{
    size_t wanted = c->args[0].count, nth = c->args[1].count, parts = 0, filled = 0;
    struct str paragraph = STR_NONE, word = c->args[2].text;
    for (struct str rest = c->answer; rest.p;) {
        ptrdiff_t at = str_find(rest, STR("\n\n"));
        struct str part = text_strip(str_head(rest, at < 0 ? rest.n : (size_t)at));
        filled += part.n > 0;
        if (++parts == nth)
            paragraph = part;
        rest = at < 0 ? STR_NONE : str_tail(rest, (size_t)at + 2);
    }
    if (filled != wanted)
        return instruction_counts_to(c, wanted, filled, "paragraph was",
                                     "paragraphs, with an empty line between them, were");
    if (nth > filled || paragraph.n == 0)
        return instruction_says(c, false, "there is no paragraph %zu", nth);
    size_t same;
    struct str first = first_word(paragraph);
    int err = text_count(c->reader, first, word, TEXT_WHOLE, &same);
    return err ? err
               : instruction_says(c, same > 0,
                                  "paragraph %zu was to begin with \"%.*s\", it does with \"%.*s\"",
                                  nth, STR_ARGS(word), STR_ARGS(str_head_utf8(first, 40)));
}
