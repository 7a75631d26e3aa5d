/* How many sentences a text has: what ends one, and what looks as if it did. */
#include "base_test.h"

#include "eval/instructions/sentences.h"

static const struct {
    unsigned sentences;
    const char *text;
} rows[] = {
    {0, ""},
    {0, " \n "},
    {1, "Without a mark at its end"},
    {2, "One. Two"},
    {2, "One.\n\nTwo."},
    {3, "Who? Me! Yes."},
    {1, "Version 3.14 is at www.example.org now."},
    /* abbreviations, initials, ellipses */
    {1, "Dr. Brown met Mrs. Green of Acme Inc. in the U.S. at 5 p.m. sharp."},
    {2, "He came at 5 p.m. The shop was closed."},
    {1, "Fruit, e.g. apples and pears, i.e. what grows on trees, etc. is sold here."},
    {1, "J. K. Rowling and George W. Bush were there."},
    {2, "We chose plan B. The others chose plan A."},
    {2, "We live in District B. 193 of us do."},
    {1, "See p. 5 and c. 1920."},
    {1, "Well... perhaps not"},
    {2, "Well... The rest is known."},
    {1, "It is a mid-Sept. kind of day."},
    /* lists: the number is a sentence where a capital follows, as Punkt has it */
    {4, "1. Wash it.\n2. Dry it."},
    {1, "see no 5. below"},
    {2, "Steps:\n- one\n- two. Then rest"},
    /* quotes and brackets belong to what they close */
    {2, "He said \"Go.\" She went."},
    {2, "\"Go!\" she said."},
    {2, "(It rained.) We left."},
    {1, "It rained (a lot.)"},
    {2, "**Bold.** rest"},
    {2, "It rained.\" --Anon"},
    {2, "Really?! Yes."},
    {1, "e.g.this"},
    {2, "Ends in spaces.  \r\n Next one.  "},
};

static void counts(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t got = sentences_count(str_from(rows[i].text));
        if (got != rows[i].sentences)
            fail_msg("%zu, want %u: %s", got, rows[i].sentences, rows[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(counts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
