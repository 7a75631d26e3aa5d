#include "cli/options.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "conf/scalar.h"

#define ROWS_MAX        32
#define CHOICES_MAX     32
#define WORDS_BYTES_MAX 4096
#define WORDS_MAX       128

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

/* ---- help ---- */

static int row_width(const struct command_option *o)
{
    return (int)(strlen(o->name) + (o->value ? strlen(o->value) + 1 : 0));
}

static void row_help(const struct command_option *o, int width, FILE *to)
{
    struct str rest = str_from(o->help);
    fprintf(to, "  %s%s%s%*s", o->name, o->value ? " " : "", o->value ? o->value : "",
            width - row_width(o), "");
    for (bool first = true; rest.n > 0; first = false) {
        struct str line = str_cut(&rest, '\n');
        fprintf(to, "%*s%.*s\n", first ? 2 : width + 4, "", STR_ARGS(line));
    }
}

/* The last word of a sub's name. */
static struct str sub_name(const struct command *sub)
{
    struct str rest = str_from(sub->name), word = STR_NONE;
    while (rest.n)
        word = str_cut(&rest, ' ');
    return word;
}

static void subs_help(const struct command *command, FILE *to)
{
    int width = 0;
    for (const struct command *const *sub = command->subs; *sub; sub++)
        width = (int)sub_name(*sub).n > width ? (int)sub_name(*sub).n : width;
    fputc('\n', to);
    for (const struct command *const *sub = command->subs; *sub; sub++)
        fprintf(to, "  %-*.*s  %s\n", width, STR_ARGS(sub_name(*sub)), (*sub)->summary);
}

void options_help(const struct command *command, FILE *to)
{
    struct str rest = str_from(command->usage);
    for (bool first = true; rest.n > 0; first = false) {
        struct str line = str_cut(&rest, '\n');
        fprintf(to, "%s sluice %.*s\n", first ? "Usage:" : "      ", STR_ARGS(line));
    }
    fprintf(to, "\n%s", command->about);
    int width = 0;
    for (const struct command_option *o = command->options; o && o->name; o++)
        width = row_width(o) > width ? row_width(o) : width;
    for (const struct command_option *o = command->options; o && o->name; o++) {
        fputs(o == command->options ? "\n" : "", to);
        row_help(o, width, to);
    }
    if (command->subs)
        subs_help(command, to);
    if (command->notes)
        fprintf(to, "\n%s", command->notes);
}

/* ---- one of some words ---- */

static const struct command_option *row_find(const struct command *command, struct str name)
{
    for (const struct command_option *o = command->options; o && o->name; o++)
        if (str_eq(str_from(o->name), name))
            return o;
    return NULL;
}

static unsigned choices_list(const char *const *choices, struct str ret_known[CHOICES_MAX])
{
    unsigned n = 0;
    for (; choices[n] && n < CHOICES_MAX; n++)
        ret_known[n] = str_from(choices[n]);
    return n;
}

/* Its index; known_n where it is none. */
static unsigned word_find(struct str word, const struct str *known, unsigned known_n)
{
    unsigned i = 0;
    while (i < known_n && !str_eq_nocase(known[i], word))
        i++;
    return i;
}

/* "a, b and c", with what stands before the last; in `to`, which its caller ends. */
static void words_put(struct buf *to, const struct str *known, unsigned known_n,
                      const char *before_last)
{
    buf_init(to, WORDS_BYTES_MAX);
    for (unsigned i = 0; i < known_n; i++)
        buf_printf(to, "%s%.*s",
                   i == 0            ? ""
                   : i + 1 < known_n ? ", "
                                     : before_last,
                   STR_ARGS(known[i]));
}

/* Which of the choices it is; -1 after a complaint, that begins with `what`. */
static int choice_find(const struct command *command, const char *what, const char *value,
                       const char *const *choices)
{
    struct str known[CHOICES_MAX], word = str_from(value);
    unsigned n = choices_list(choices, known);
    unsigned at = word_find(word, known, n);
    if (at < n)
        return (int)at;
    struct buf list;
    struct str near = str_nearest(word, known, n);
    words_put(&list, known, n, " or ");
    options_wrong(command, "%s'%s' is none; expected %.*s%s%.*s%s", what, value,
                  STR_ARGS(buf_view(&list)), near.n ? "; did you mean '" : "", STR_ARGS(near),
                  near.n ? "'?" : "");
    buf_fini(&list);
    return -1;
}

int options_verb(const struct command *command, int words, char **argv, int usual)
{
    return words ? choice_find(command, "", argv[1], command->verbs) : usual;
}

static int list_wrong(const struct command *command, const char *option, struct str word,
                      const struct str *known, unsigned known_n)
{
    struct buf list;
    struct str near = str_nearest(word, known, known_n);
    words_put(&list, known, known_n, " and ");
    options_wrong(command, "%s knows no '%.*s'%s%.*s%s It knows %.*s.", option,
                  STR_ARGS(str_head_utf8(word, 40)), near.n ? "; did you mean '" : ".",
                  STR_ARGS(near), near.n ? "'?" : "", STR_ARGS(buf_view(&list)));
    buf_fini(&list);
    return -1;
}

int options_list(const struct command *command, const char *option, const char *value,
                 unsigned *ret_at)
{
    struct str known[CHOICES_MAX], rest = str_from(value);
    unsigned known_n = choices_list(row_find(command, str_from(option))->choices, known);
    int n = 0;
    while (rest.p) {
        struct str word = str_trim(str_cut(&rest, ','));
        unsigned at = word_find(word, known, known_n);
        bool twice = false;
        if (at == known_n)
            return list_wrong(command, option, word, known, known_n);
        for (int i = 0; i < n; i++)
            twice = twice || ret_at[i] == at;
        if (!twice)
            ret_at[n++] = at;
    }
    return n;
}

/* ---- a word too much ---- */

/* "--json" for "json", "--by model" for "modle", "--config sluice.yaml" for a file; else which
 * options there are. */
static void meant_put(const struct command *command, struct str word, struct buf *to)
{
    struct str words[WORDS_MAX] = {STR_NONE};
    const struct command_option *of[WORDS_MAX];
    unsigned n = 0;
    for (const struct command_option *o = command->options; o && o->name; o++) {
        if (o->name[0] != '-' || n == WORDS_MAX)
            continue;
        of[n] = o;
        words[n++] = str_from(o->name + 2);
        for (unsigned i = 0; o->choices && o->choices[i] && n < WORDS_MAX; i++) {
            of[n] = o;
            words[n++] = str_from(o->choices[i]);
        }
    }
    struct str near = str_nearest(word, words, n);
    if (!near.n && str_ends(word, STR(".yaml")) && row_find(command, STR("--config"))) {
        buf_printf(to, "; did you mean '--config %.*s'?", STR_ARGS(str_head_utf8(word, 80)));
        return;
    }
    buf_str(to, near.n ? STR("; did you mean '") : STR(": "));
    for (unsigned i = 0; i < n; i++) {
        bool is_choice = words[i].p != of[i]->name + 2;
        if (near.n ? words[i].p != near.p : is_choice)
            continue;
        buf_printf(to, "%s%s%s%s", near.n || i == 0 ? "" : ", ", of[i]->name, is_choice ? " " : "",
                   is_choice ? words[i].p : "");
    }
    buf_str(to, near.n ? STR("'?") : STR(""));
}

int options_too_much(const struct command *command, const char *word)
{
    struct buf meant;
    struct str given = str_from(word);
    buf_init(&meant, WORDS_BYTES_MAX);
    meant_put(command, given, &meant);
    options_wrong(command, "'%.*s' is too much, since only options are taken here%.*s",
                  STR_ARGS(str_head_utf8(given, 40)), STR_ARGS(buf_view(&meant)));
    buf_fini(&meant);
    return EXIT_WRONG_USE;
}

/* ---- reading ---- */

static int unknown(const struct command *command, struct str name)
{
    struct str words[ROWS_MAX] = {STR("--help")};
    unsigned n = 1;
    for (const struct command_option *o = command->options; o && o->name && n < ROWS_MAX; o++)
        if (o->name[0] == '-')
            words[n++] = str_from(o->name);
    struct str near = str_nearest(name, words, n);
    if (near.n)
        return options_wrong(command, "unknown option '%.*s'; did you mean '%.*s'?", STR_ARGS(name),
                             STR_ARGS(near));
    return options_wrong(command, "unknown option '%.*s'", STR_ARGS(name));
}

/* What the option is set to; NULL for a flag. -1, or the exit code after a complaint. */
static int value_take(const struct command *command, const struct command_option *o,
                      struct str given, char **next, const char **ret_value)
{
    if (!o->value)
        return given.p ? options_wrong(command, "%s takes no value", o->name) : -1;
    *ret_value = given.p ? given.p : *next;
    return *ret_value ? -1 : options_wrong(command, "%s needs a value", o->name);
}

/* The values of options that take one of some words, as their tables spell them. */
static int choices_check(const struct command *command, void *wish)
{
    for (const struct command_option *o = command->options; o && o->name; o++) {
        const char *value = NULL;
        char what[32];
        if (o->choices && o->kind == VALUE_ANY)
            memcpy(&value, (char *)wish + o->offset, sizeof(value));
        if (!value)
            continue;
        snprintf(what, sizeof(what), "%s ", o->name);
        int at = choice_find(command, what, value, o->choices);
        if (at < 0)
            return EXIT_WRONG_USE;
        memcpy((char *)wish + o->offset, &o->choices[at], sizeof(value));
    }
    return -1;
}

int options_read(const struct command *command, void *wish, int argc, char **argv, int *ret_words)
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
            options_help(command, stdout);
            return EXIT_DONE;
        }
        struct str given = word;
        struct str name = str_cut(&given, '=');
        const struct command_option *o = row_find(command, name);
        if (!o)
            return unknown(command, name);
        char *next = i + 1 < argc ? argv[i + 1] : NULL;
        const char *value = NULL;
        int code = value_take(command, o, given, &next, &value);
        if (code >= 0)
            return code;
        char *at = (char *)wish + o->offset;
        if (o->value)
            memcpy(at, &value, sizeof(value));
        else
            *(bool *)at = true;
        i += o->value && !given.p;
    }
    *ret_words = words;
    return choices_check(command, wish); /* behind the loop: --help wins */
}

bool options_share(const struct command *command, const char *option, const char *value,
                   double least, int64_t *ret_share)
{
    const struct conf_row row = {
        .name = "share", .type = CONF_SHARE, .min = (int64_t)(least * 1000000), .max = 1000000};
    struct scalar_why why;
    if (scalar_parse(&row, str_from(value), ret_share, &why))
        return true;
    options_wrong(command, "%s '%s' %s", option, value, why.text);
    return false;
}

/* ---- a command of its own behind the first word ---- */

static int sub_unknown(const struct command *command, const char *word)
{
    struct str known[CHOICES_MAX];
    struct buf list;
    unsigned n = 0;
    for (; command->subs[n] && n < CHOICES_MAX; n++)
        known[n] = sub_name(command->subs[n]);
    struct str near = str_nearest(str_from(word), known, n);
    words_put(&list, known, n, " or ");
    options_wrong(command, "'%s' is none; expected %.*s%s%.*s%s", word, STR_ARGS(buf_view(&list)),
                  near.n ? "; did you mean '" : "", STR_ARGS(near), near.n ? "'?" : "");
    buf_fini(&list);
    return EXIT_WRONG_USE;
}

int options_sub(const struct command *command, int argc, char **argv)
{
    if (argc < 2) {
        options_help(command, stderr);
        return EXIT_WRONG_USE;
    }
    struct str word = str_from(argv[1]);
    bool help = str_eq(word, STR("help")),
         asks = str_eq(word, STR("--help")) || str_eq(word, STR("-h"));
    if (asks || (help && argc == 2)) {
        options_help(command, stdout);
        return EXIT_DONE;
    }
    if (help)
        word = str_from(argv[2]);
    for (const struct command *const *sub = command->subs; *sub; sub++) {
        if (!str_eq(word, sub_name(*sub)))
            continue;
        if (!help)
            return (*sub)->run(argc - 1, argv + 1);
        options_help(*sub, stdout);
        return EXIT_DONE;
    }
    return sub_unknown(command, word.p);
}
