/* test_grader_number.c: which number an answer comes to, and when it is the expected one. */
#include "eval/number/number.h"
#include "grader_world.h"

static void the_last_number(void **state UNUSED)
{
    static const struct grader_case cases[] = {
        {"57", "57", true},
        {"57", "\"57\"", true},
        {"57", "57.0", true},
        {"57.00", "\"57\"", true},
        {"57.", "57", true},
        {"58", "57", false},
        {"570", "57", false},
        {"5.7", "57", false},
        {"", "57", false},
        {"none at all", "57", false},
        {"3 boxes of 19 make 57 pencils", "57", true},
        {"3 boxes of 19 make 57 pencils", "19", false},
        {"She pays $57.00.", "57", true},
        {"so it costs 57\u20ac in all.", "57", true},
        {"\u00a357 and nothing more", "57", true},
        {"It is **57**.", "57", true},
        {"3 * 19 = <<3*19=57>>57 apples", "57", true},
        {"57kg", "57", true},
        {"He lives on the 57th floor.", "57", true},
        {"USD57", "57", true},
        {"5x20", "20", true},
    };
    grader_cases("kind: number", cases, ARRAY_LEN(cases));
}

static void notations(void **state UNUSED)
{
    static const struct grader_case cases[] = {
        {"1,234", "1234", true},
        {"1,234,567.50", "\"1234567.5\"", true},
        {"1 234 567", "1234567", true},
        {"1\u202f234", "1234", true},
        {"\\$1{,}234", "1234", true},
        {"1\\,234", "1234", true},
        {"1234", "\"1,234\"", true},
        {"1,23", "123", false},
        {"1.234,56 \u20ac", "1234.56", true},
        {"1.234.567", "1234567", true},
        {"1.234", "1.234", true},
        {"12,5 kg", "12.5", true},
        {"10,20", "20", true},
        {"1,2,3", "3", true},
        {"1,2,3", "2.3", false},
        {"(3,4)", "3.4", false},
        {"0,125", "0.125", true},
        {"0,125", "125", false},
        {"12'345", "12345", true},
        {"Rs. 12,34,567.50", "1234567.5", true},
        {"1,20,000", "120000", true},
        {"1,20,000,3", "3", true},
        {"12\u2019345", "12345", true},
        {"1_000_000", "1000000", true},
        {"\uff11\uff18", "18", true},
        {"\u0661\u0668", "18", true},
        {"1, 2, 3", "3", true},
        {"-5", "-5", true},
        {"\u22125", "-5", true},
        {"-$5", "-5", true},
        {"$-5", "-5", true},
        {"5", "-5", false},
        {"10-5", "5", true},
        {"x = -5", "-5", true},
        {"5\u201310", "10", true},
        {".5", "0.5", true},
        {"0.50", "0.5", true},
        {"It fell to minus 5 degrees.", "-5", true},
        {"It fell to negative 5 degrees.", "-5", true},
        {"20 minus 5", "-5", false},
        {"the price minus 5", "-5", false},
        {"1e3", "1000", true},
        {"1.5 \u00d7 10\u00b3", "1500", true},
        {"10\u00b9\u00b2", "1000000000000", true},
        {"10^6", "1000000", true},
        {"1.2 \\times 10^{3}", "1200", true},
        {"1.2 \u00d7 10^-3", "0.0012", true},
        {"3/4", "0.75", true},
        {"3/4", "\"3/4\"", true},
        {"6/8", "\"3/4\"", true},
        {"0.75", "\"3/4\"", true},
        {"3/4", "4", false},
        {"1/3", "\"1/3\"", true},
        {"0.33", "\"1/3\"", false},
        {"-1/2", "-0.5", true},
        {"1 1/2 cups", "1.5", true},
        {"1\u00bd", "1.5", true},
        {"\\frac{1}{2}", "0.5", true},
        {"-\\frac{1}{2}", "-0.5", true},
        {"1\\frac{1}{2}", "1.5", true},
        {"\\dfrac12", "0.5", true},
        {"\\frac{-7}{2}", "-3.5", true},
        {"3 and a half hours", "3.5", true},
        {"40%", "40", true},
        {"40%", "0.4", true},
        {"40 percent", "40", true},
        {"40 per cent", "0.4", true},
        {"40\\%", "\"40%\"", true},
        {"0.4", "\"40%\"", true},
        {"0.4%", "\"40%\"", false},
        {"1.5 million", "1500000", true},
        {"1.5 million", "1.5", true},
        {"$3k", "3000", true},
        {"\u00a32m", "2000000", true},
        {"2m", "2000000", false},
        {"$1.5bn", "1500000000", true},
        {"2 thousand", "\"2,000\"", true},
        {"0", "0", true},
        {"-0", "0", true},
        {"000", "0", true},
        {"100000000000000000000000000000000000000000001",
         "\"100000000000000000000000000000000000000000001\"", true},
        {"100000000000000000000000000000000000000000001",
         "\"100000000000000000000000000000000000000000002\"", false},
    };
    grader_cases("kind: number", cases, ARRAY_LEN(cases));
}

static void the_number_that_is_meant(void **state UNUSED)
{
    static const struct grader_case cases[] = {
        {"#### 57\n\nThat took 3 steps.", "57", true},
        {"2 + 2 = 4\n#### $1,057.00", "1057", true},
        {"\\boxed{57}, as 19 times 3 shows in 2 steps", "57", true},
        {"$\\boxed{\\frac{3}{4}}$ of 12", "0.75", true},
        {"\\boxed{57 \\text{ in } 3}", "57", true},
        {"\\boxed{x = 57}", "57", true},
        {"#### Step 2: add 5\n\n52 + 5 = 57", "57", true},
        {"#### 2. Add 5\n\n52 + 5 = 57", "57", true},
        {"in 3 hours\n#### 2:00 pm", "2", true},
        {"#### Final answer\n\n57", "57", true},
        {"The answer is not 5 but 57. Not 6.", "57", true},
        {"The answer is 57. I checked it 2 times.", "57", true},
        {"The answer is 57, since 60 - 3 is that", "57", true},
        {"The answer is 50 + 7 = 57. It took 3 steps.", "57", true},
        {"The final answer is:\n\n57\n\nThat took 3 steps.", "57", true},
        {"Answer: 57 (of 100)", "57", true},
        {"The answer is 4.75 dozen.", "4.75", true},
        {"My answer to part 2 is 57. Part 3 follows.", "57", true},
        {"The answer is that each of the 3 gets 5. On day 9.", "5", true},
        {"The answer is 3. No, the answer is 57. Of 60.", "57", true},
        {"The answer is unclear. It may be 57.", "57", true},
        {"So 57 miles are driven by 5:30 PM.", "57", true},
        {"She has 57 on March 5, 2024.", "57", true},
        {"57 are left on 2024-03-05.", "57", true},
        {"57 are left by July 19th.", "57", true},
        {"It is 57.\n3. Done.", "57", true},
        {"It takes 57 drops of H2O", "57", true},
        {"In March 57 were sold", "57", true},
        {"5:30", "5", true},
        {"1. 57", "57", true},
        {"ANSWER: 57\nCONFIDENCE: 95%", "57", true},
        {"Ans: 57 (3 steps)", "57", true},
        {"The answer is 57, because 3 times 19 equals 57 and 57 + 1 = 58.", "57", true},
        {"The answer is therefore 57 apples, not 60.", "57", true},
        {"So 50 + 7 = 57 apples in 3 baskets.", "57", true},
        {"Total = $57 for all 7 days", "57", true},
        {"He earned $30 + $27 = $57 from selling lemonade for 6 hours.", "57", true},
        {"3 + 4 = 7 so each of them gets 57", "57", true},
        {"3 + 4 = 7, in 57 boxes", "57", true},
        {"3 + 4 = 7 plus 50 makes 57", "57", true},
        {"So she needs **57 eggs** for 3 days.", "57", true},
        {"**3 boxes** cost 57", "57", true},
        {"**Day 3**: 57 eggs", "57", true},
        {"She pays **$3**, and in 19 days $57.", "57", true},
        {"She sells 57 every day. [1][2]", "57", true},
        {"2 * 28.5 = [57]", "57", true},
        {"She sells 57 every day (see Table 3).", "57", true},
        {"It is 57.\n\nStep 3: done", "57", true},
        {"It is 57.\n\nhttps://example.com/123", "57", true},
        {"She has 57 apples (3 more than 54).", "57", true},
        {"It takes **57** minutes (about 0.95 hours)", "57", true},
        {"There are fifty-seven (57) of them", "57", true},
        {"3 * 19 is \\(57\\)", "57", true},
        {"In 3 steps: 5 * (19 - 7)", "7", true},
        {"57 m^2", "57", true},
        {"57 m\u00b2", "57", true},
        {"57 \\text{ m}^{3}", "57", true},
        {"57 molecules of CO2", "57", true},
        {"It is 57 in version 1.2.3", "57", true},
    };
    grader_cases("kind: number", cases, ARRAY_LEN(cases));
}

static void any_of_several(void **state UNUSED)
{
    static const struct grader_case cases[] = {
        {"4", "[4, 5]", true},
        {"5", "[4, \"5\"]", true},
        {"6", "[4, 5]", false},
        {"57", "\"60 - 3 = 57\\n#### 57\"", true},
    };
    grader_cases("kind: number", cases, ARRAY_LEN(cases));
}

static void tolerances(void **state UNUSED)
{
    static const struct grader_case close[] = {
        {"0.31", "0.3", true},     {"0.29", "0.3", true},     {"0.310001", "0.3", false},
        {"57.01", "57", true},     {"57.02", "57", false},    {"-0.31", "-0.3", true},
        {"0.005", "-0.005", true}, {"0.33", "\"1/3\"", true}, {"0.32", "\"1/3\"", false},
    };
    grader_cases("kind: number\ntolerance: 0.01", close, ARRAY_LEN(close));
    static const struct grader_case share[] = {
        {"101", "100", true},
        {"99", "100", true},
        {"101.01", "100", false},
        {"-99", "-100", true},
        {"99", "-100", false},
        {"0", "0", true},
        {"0.001", "0", false},
        {"1000000000000000000000000000000000000000000000000",
         "\"1001000000000000000000000000000000000000000000007\"", true},
    };
    grader_cases("kind: number\ntolerance: 1%", share, ARRAY_LEN(share));
}

static void what_it_shows(void **state UNUSED)
{
    struct grader_world w;
    assert_true(grader_open(&w, "kind: number"));
    struct grade g = grader_try(&w, STR("In all $1,057.50."), "57");
    assert_str(g.got, STR("1,057.50"));
    assert_str(g.why, STR("1,057.50 is not \"57\""));
    g = grader_try(&w, STR("nothing"), "57");
    assert_null(g.got.p);
    assert_str(g.why, STR("there is no number in the answer"));
    grader_close(&w);
}

static void wrong_use(void **state UNUSED)
{
    grader_refuses("kind: number", "{\"a\": 1}", "expected is an object");
    grader_refuses("kind: number", "null", "expected is null");
    grader_refuses("kind: number", "true", "holds no number");
    grader_refuses("kind: number", "\"a word\"", "holds no number");
    grader_refuses("kind: number", "\"5 or 6\"", "holds several numbers");
    grader_refuses("kind: number", "\"2^5\"", "holds several numbers");
    grader_refuses("kind: number", "[]", "a list of 0");
    grader_refuses("kind: number", "[[1]]", "has in its list a list");
    grader_complains("kind: number\ntolerance: much", 2, "'much' is no tolerance");
    grader_complains("kind: number\ntolerance: -1", 2, "'-1' is no tolerance");
    grader_complains("kind: number\ntolerance: 1 cm", 2, "'1 cm' is no tolerance");
}

/* Whatever stands there is read to its end, within its bytes. */
static void any_bytes(void **state UNUSED)
{
    static const char pieces[][12] = {
        "1", "23", ",", ".",   "/", " ",  "\\frac", "{", "}",  "-", "$",    "%", "e", "*",
        "^", "x",  ":", "10^", "a", "\n", "####",   "'", "**", "=", " in ", "[", "]", "\u00b2"};
    struct chance chance = {7};
    struct grader_world w;
    assert_true(grader_open(&w, "kind: number"));
    for (unsigned round = 0; round < 3000; round++) {
        char text[400];
        size_t n = 0;
        for (unsigned i = chance_below(&chance, 24); i > 0; i--) {
            const char *piece = pieces[chance_below(&chance, ARRAY_LEN(pieces))];
            memcpy(text + n, piece, strlen(piece));
            n += strlen(piece);
        }
        char *exact = malloc(n ? n : 1); /* so that a sanitizer sees a read behind its end */
        memcpy(exact, text, n);
        struct grade g = grader_try(&w, str_of(exact, n), "1");
        assert_int_equal(w.err, 0);
        assert_true(g.graded);
        size_t at = 0, before = 0;
        bool is = true;
        for (struct number_found found; is; before = at) {
            assert_int_equal(number_next(&w.arena, str_of(exact, n), &at, &is, &found), 0);
            assert_true(at > before || !is);
            if (is)
                assert_true(found.from < found.to && found.to <= n && found.readings > 0);
        }
        free(exact);
    }
    grader_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_number),
        cmocka_unit_test(notations),
        cmocka_unit_test(the_number_that_is_meant),
        cmocka_unit_test(any_of_several),
        cmocka_unit_test(tolerances),
        cmocka_unit_test(what_it_shows),
        cmocka_unit_test(wrong_use),
        cmocka_unit_test(any_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
