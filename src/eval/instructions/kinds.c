/* kinds.c: the table of kinds, and the arguments that a case gives one. */
#include "eval/instructions/kinds.h"

#include <stdarg.h>

#include "base/json.h"
#include "eval/instructions/language.h"

/* A count beyond this is a slip. */
#define COUNT_MAX 1000000000

/* clang-format off */
const struct instruction_kind instruction_kinds[] = {
    {"keywords:existence", "all these keywords stand in it",
     {{"keywords", ARG_TEXTS}}, check_keywords},
    {"keywords:frequency", "a keyword stands in it so many times",
     {{"keyword", ARG_TEXT}, {"frequency", ARG_COUNT}, {"relation", ARG_RELATION}},
     check_keyword_frequency},
    {"keywords:forbidden_words", "none of these words stands in it",
     {{"forbidden_words", ARG_TEXTS}}, check_forbidden_words},
    {"keywords:letter_frequency", "a letter stands in it so many times",
     {{"letter", ARG_LETTER}, {"let_frequency", ARG_COUNT}, {"let_relation", ARG_RELATION}},
     check_letter_frequency},
    {"language:response_language", "it is in that language",
     {{"language", ARG_LANGUAGE}}, check_language},
    {"length_constraints:number_sentences", "it has so many sentences",
     {{"num_sentences", ARG_COUNT}, {"relation", ARG_RELATION}}, check_number_sentences},
    {"length_constraints:number_paragraphs", "it has so many paragraphs, with *** between them",
     {{"num_paragraphs", ARG_COUNT}}, check_number_paragraphs},
    {"length_constraints:number_words", "it has so many words",
     {{"num_words", ARG_COUNT}, {"relation", ARG_RELATION}}, check_number_words},
    {"length_constraints:nth_paragraph_first_word",
     "it has so many paragraphs, with empty lines between them, and one begins with that word",
     {{"num_paragraphs", ARG_COUNT}, {"nth_paragraph", ARG_PLACE}, {"first_word", ARG_TEXT}},
     check_paragraph_first_word},
    {"detectable_content:number_placeholders", "it has so many [placeholders] or more",
     {{"num_placeholders", ARG_COUNT}}, check_placeholders},
    {"detectable_content:postscript", "it has a postscript that begins with that mark",
     {{"postscript_marker", ARG_TEXT}}, check_postscript},
    {"detectable_format:number_bullet_lists", "it has exactly so many bullet points",
     {{"num_bullets", ARG_COUNT}}, check_bullets},
    {"detectable_format:constrained_response",
     "it says \"My answer is yes.\", \"My answer is no.\" or \"My answer is maybe.\"",
     {{NULL, ARG_TEXT}}, check_constrained_response},
    {"detectable_format:number_highlighted_sections", "it has so many *highlighted* parts or more",
     {{"num_highlights", ARG_COUNT}}, check_highlights},
    {"detectable_format:multiple_sections", "it has so many sections or more, each with its mark",
     {{"section_spliter", ARG_TEXT}, {"num_sections", ARG_COUNT}}, check_sections},
    {"detectable_format:json_format", "it is JSON, in a code fence or not",
     {{NULL, ARG_TEXT}}, check_json},
    {"detectable_format:title", "it has a <<title>>", {{NULL, ARG_TEXT}}, check_title},
    {"combination:two_responses", "it is two different answers with ****** between them",
     {{NULL, ARG_TEXT}}, check_two_responses},
    {"combination:repeat_prompt", "it begins with the request, word for word",
     {{"prompt_to_repeat", ARG_TEXT}}, check_repeat_prompt},
    {"startend:end_checker", "it ends with that phrase", {{"end_phrase", ARG_TEXT}},
     check_end_phrase},
    {"change_case:capital_word_frequency", "so many of its words are all in capital letters",
     {{"capital_frequency", ARG_COUNT}, {"capital_relation", ARG_RELATION}}, check_capital_words},
    {"change_case:english_capital", "it is English, all in capital letters",
     {{NULL, ARG_TEXT}}, check_english_capital},
    {"change_case:english_lowercase", "it is English, without capital letters",
     {{NULL, ARG_TEXT}}, check_english_lowercase},
    {"punctuation:no_comma", "it has no comma", {{NULL, ARG_TEXT}}, check_no_comma},
    {"startend:quotation", "double quotation marks stand around all of it",
     {{NULL, ARG_TEXT}}, check_quotation},
    {NULL, NULL, {{NULL, ARG_TEXT}}, NULL},
};
/* clang-format on */

#define KINDS (ARRAY_LEN(instruction_kinds) - 1)

/* The id without its family: "number_words". */
static struct str name_of(struct str id)
{
    ptrdiff_t colon = str_find(id, STR(":"));
    return colon < 0 ? id : str_tail(id, (size_t)colon + 1);
}

static int unknown(struct str id, struct fault *f)
{
    struct str ids[KINDS], names[KINDS], near;
    for (size_t i = 0; i < KINDS; i++) {
        ids[i] = str_from(instruction_kinds[i].id);
        names[i] = name_of(ids[i]);
    }
    struct str name = str_nearest(name_of(id), names, KINDS);
    near = str_nearest(id, ids, KINDS);
    for (size_t i = 0; i < KINDS && !near.n && name.n; i++)
        near = str_eq(names[i], name) ? ids[i] : STR_NONE;
    if (near.n)
        return fault_set(f, E_BAD_REQUEST, "there is no instruction '%.*s'; did you mean '%.*s'?",
                         STR_ARGS(str_head_utf8(id, 80)), STR_ARGS(near));
    return fault_set(f, E_BAD_REQUEST,
                     "there is no instruction '%.*s'; expected one of IFEval's %zu, such as '%s'",
                     STR_ARGS(str_head_utf8(id, 80)), KINDS, instruction_kinds[0].id);
}

static bool is_text(yyjson_val *v)
{
    return text_strip(json_str(v)).n > 0;
}

static bool count_read(yyjson_val *v, size_t least, size_t *ret_count)
{
    double number = yyjson_is_num(v) ? yyjson_get_num(v) : -1;
    if (number < (double)least || number > COUNT_MAX || (double)(size_t)number < number)
        return false;
    *ret_count = (size_t)number;
    return true;
}

static bool texts_read(yyjson_val *list)
{
    size_t i, n;
    yyjson_val *item;
    bool good = yyjson_arr_size(list) > 0;
    yyjson_arr_foreach(list, i, n, item) good = good && is_text(item);
    return good;
}

/* NULL, or what was expected of it. */
static const char *arg_read(enum instruction_arg_type type, yyjson_val *v,
                            struct instruction_arg *ret_arg)
{
    *ret_arg = (struct instruction_arg){.text = text_strip(json_str(v)), .list = v};
    switch (type) {
    case ARG_COUNT:
        return count_read(v, 0, &ret_arg->count) ? NULL : "a whole number from 0 on";
    case ARG_PLACE:
        return count_read(v, 1, &ret_arg->count) ? NULL : "a whole number from 1 on";
    case ARG_RELATION:
        ret_arg->less_than = str_eq(ret_arg->text, STR("less than"));
        return ret_arg->less_than || str_eq(ret_arg->text, STR("at least"))
                   ? NULL
                   : "\"at least\" or \"less than\"";
    case ARG_TEXT:
        return is_text(v) ? NULL : "a text that is not empty";
    case ARG_LETTER:
        return ret_arg->text.n && str_utf8_len(ret_arg->text) == ret_arg->text.n
                   ? NULL
                   : "a text of one letter";
    case ARG_TEXTS:
        return texts_read(v) ? NULL : "a list of texts, none of them empty";
    case ARG_LANGUAGE:
        return language_find(ret_arg->text)
                   ? NULL
                   : "the two-letter code of a language that can be told, such as \"en\" or \"de\"";
    }
    return NULL;
}

/* What the kind has no use for is a slip of the pen. */
static int args_check(const struct instruction_kind *kind, yyjson_val *kwargs, struct fault *f)
{
    size_t i, n;
    yyjson_val *key, *value;
    yyjson_obj_foreach(kwargs, i, n, key, value)
    {
        bool used = yyjson_is_null(value);
        struct str names[INSTRUCTION_ARGS_MAX];
        size_t known = 0;
        for (; known < INSTRUCTION_ARGS_MAX && kind->args[known].name; known++) {
            names[known] = str_from(kind->args[known].name);
            used = used || str_eq(names[known], json_str(key));
        }
        struct str near = str_nearest(json_str(key), names, known);
        if (!used)
            return fault_set(f, E_BAD_REQUEST, "%s has no argument '%.*s'%s%.*s%s", kind->id,
                             STR_ARGS(str_head_utf8(json_str(key), 80)),
                             near.n ? "; did you mean '" : "", STR_ARGS(near), near.n ? "'?" : "");
    }
    return 0;
}

int instruction_read(struct str id, yyjson_val *kwargs, const struct instruction_kind **ret_kind,
                     struct instruction_arg *ret_args, struct fault *f)
{
    const struct instruction_kind *kind = instruction_kinds;
    while (kind->id && !str_eq(id, str_from(kind->id)))
        kind++;
    if (!kind->id)
        return unknown(id, f);
    if (kwargs && !yyjson_is_null(kwargs) && !yyjson_is_obj(kwargs))
        return fault_set(f, E_BAD_REQUEST, "%s: kwargs has to be an object", kind->id);
    int err = args_check(kind, kwargs, f);
    for (size_t i = 0; i < INSTRUCTION_ARGS_MAX && kind->args[i].name && !err; i++) {
        yyjson_val *v = yyjson_obj_get(kwargs, kind->args[i].name);
        const char *expected = arg_read(kind->args[i].type, v, &ret_args[i]);
        if (expected)
            err = fault_set(f, E_BAD_REQUEST, "%s: the argument '%s' %s; expected %s", kind->id,
                            kind->args[i].name,
                            !v || yyjson_is_null(v) ? "is missing" : "is something else", expected);
    }
    if (!err)
        *ret_kind = kind;
    return err;
}

int instruction_says(struct instruction_check *c, bool followed, const char *why, ...)
{
    c->followed = followed;
    c->why = STR_NONE;
    if (followed)
        return 0;
    va_list args;
    va_start(args, why);
    c->why = arena_vprintf(c->arena, why, args);
    va_end(args);
    return c->why.p ? 0 : E_MEMORY;
}

int instruction_counts(struct instruction_check *c, size_t wanted, bool less_than, size_t got,
                       const char *one, const char *more)
{
    return instruction_says(c, less_than ? got < wanted : got >= wanted,
                            "%s %zu %s asked for, there %s %zu",
                            less_than ? "less than" : "at least", wanted, wanted == 1 ? one : more,
                            got == 1 ? "is" : "are", got);
}

int instruction_counts_to(struct instruction_check *c, size_t wanted, size_t got, const char *one,
                          const char *more)
{
    return instruction_says(c, got == wanted, "%zu %s asked for, there %s %zu", wanted,
                            wanted == 1 ? one : more, got == 1 ? "is" : "are", got);
}
