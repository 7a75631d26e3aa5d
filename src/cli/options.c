#include "cli/options.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

#define ROWS_MAX 32

int options_wrong(const struct command *command, const char *fmt, ...)
{
    fprintf(stderr, "sluice %s: ", command->name);
    va_list args;
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fprintf(stderr, "\nTry: sluice %s --help\n", command->name);
    return EXIT_WRONG_USE;
}

static const struct option_row *row_find(const struct option_row *rows, struct str name)
{
    for (const struct option_row *r = rows; r->name; r++)
        if (str_eq(str_from(r->name), name))
            return r;
    return NULL;
}

static int unknown(const struct command *command, const struct option_row *rows, struct str name)
{
    struct str words[ROWS_MAX] = {STR("--help")};
    unsigned n = 1;
    for (const struct option_row *r = rows; r->name && n < ROWS_MAX; r++)
        words[n++] = str_from(r->name);
    struct str near = str_nearest(name, words, n);
    if (near.n)
        return options_wrong(command, "unknown option '%.*s'; did you mean '%.*s'?", STR_ARGS(name),
                             STR_ARGS(near));
    return options_wrong(command, "unknown option '%.*s'", STR_ARGS(name));
}

int options_read(const struct command *command, const struct option_row *rows, int argc,
                 char **argv, int *ret_words)
{
    int words = 0;
    bool only_words = false;
    for (int i = 1; i < argc; i++) {
        struct str word = str_from(argv[i]);
        if (only_words || word.n < 2 || word.p[0] != '-') {
            argv[1 + words++] = argv[i];
            continue;
        }
        if (str_eq(word, STR("--"))) {
            only_words = true;
            continue;
        }
        if (str_eq(word, STR("--help")) || str_eq(word, STR("-h"))) {
            fputs(command->help, stdout);
            return EXIT_DONE;
        }
        struct str rest = word;
        struct str name = str_cut(&rest, '=');
        const struct option_row *r = row_find(rows, name);
        if (!r)
            return unknown(command, rows, name);
        if (!r->takes_value) {
            if (rest.p)
                return options_wrong(command, "%s takes no value", r->name);
            *r->flag = true;
        } else if (rest.p) {
            *r->value = rest.p;
        } else if (i + 1 < argc) {
            *r->value = argv[++i];
        } else {
            return options_wrong(command, "%s needs a value", r->name);
        }
    }
    *ret_words = words;
    return -1;
}
