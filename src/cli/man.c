/*
 * man.c: `sluice man`: the man pages, made from the tables of commands and of settings, so that
 * they say what this very program does.
 */
#include <stdio.h>
#include <string.h>

#include "api/config.h"
#include "base/buf.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "conf/roff.h"
#include "version.h"

#define PAGE_BYTES_MAX  (4u * 1024 * 1024)
#define PAGE_NAME_BYTES 128

struct wish {
    bool list;
};

static const struct command_option options[] = {
    {"PAGE", NULL, 0, "sluice (without it), serve or sluice-serve.1, sluice.yaml.5 ...", VALUE_ANY,
     NULL},
    {"--list", NULL, offsetof(struct wish, list), "the names of all pages", VALUE_ANY, NULL},
    {0},
};

/* How a paragraph of a command's notes begins, and the section that it makes. */
static const struct {
    const char *begin, *section;
} sections[] = {
    {"Exit codes: ", "EXIT STATUS"}, {"Signals: ", "SIGNALS"},    {"Sockets: ", "SOCKETS"},
    {"Example:\n", "EXAMPLES"},      {"Examples:\n", "EXAMPLES"},
};

/* `name` as "sluice-serve", `section` "1". */
static void head_write(struct buf *out, const char *name, const char *section, const char *summary)
{
    buf_str(out, STR(".\\\" Made by `sluice man` from the program's tables.\n.TH \""));
    for (const char *c = name; *c; c++)
        buf_char(out, *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c);
    buf_printf(out, "\" %s \"\" \"sluice %s\" \"sluice\"\n.SH NAME\n", section, SLUICE_VERSION);
    roff_plain(out, str_from(name));
    buf_str(out, STR(" \\- "));
    roff_plain(out, str_from(summary));
    buf_char(out, '\n');
}

/* Paragraphs with empty lines between them; lines that are indented are shown as they are. */
static void paragraphs_write(struct buf *out, struct str text)
{
    bool literal = false, begin = false; /* what follows a section's head needs no sign */
    const char *block = ".RS 4\n.nf\n";
    while (text.n > 0) {
        struct str line = str_cut(&text, '\n');
        bool indented = str_starts(line, STR("  "));
        if (literal && !indented)
            buf_str(out, STR(".fi\n.RE\n"));
        if (indented && !literal)
            buf_str(out, str_from(block));
        else if (begin && !indented && line.n > 0)
            buf_str(out, STR(".PP\n"));
        block = ".PP\n.RS 4\n.nf\n";
        literal = indented;
        begin = line.n == 0;
        if (indented)
            line = str_tail(line, 2);
        if (line.n == 0)
            continue;
        if (indented)
            roff_plain(out, line);
        else
            roff_text(out, line);
        buf_char(out, '\n');
    }
    if (literal)
        buf_str(out, STR(".fi\n.RE\n"));
}

/* One paragraph of notes, in a section of its own where it begins like one. */
static void note_write(struct buf *out, struct str note, bool *ret_in_section)
{
    for (unsigned i = 0; i < ARRAY_LEN(sections); i++) {
        struct str begin = str_from(sections[i].begin);
        if (!str_starts(note, begin))
            continue;
        buf_printf(out, ".SH \"%s\"\n", sections[i].section);
        paragraphs_write(out, str_tail(note, begin.n));
        *ret_in_section = true;
        return;
    }
    buf_str(out, *ret_in_section ? STR(".SH NOTES\n") : STR(".PP\n"));
    *ret_in_section = false;
    paragraphs_write(out, note);
}

static void notes_write(struct buf *out, struct str notes)
{
    bool in_section = true;
    while (notes.n > 0) {
        ptrdiff_t end = str_find(notes, STR("\n\n"));
        struct str note = end < 0 ? notes : str_head(notes, (size_t)end + 1);
        note_write(out, note, &in_section);
        notes = str_tail(notes, note.n + 1);
    }
}

static void option_write(struct buf *out, const struct command_option *o)
{
    buf_str(out, STR(".TP\n\\fB"));
    roff_plain(out, str_from(o->name));
    buf_str(out, STR("\\fR"));
    if (o->value) {
        buf_str(out, STR(" \\fI"));
        roff_plain(out, str_from(o->value));
        buf_str(out, STR("\\fR"));
    }
    buf_char(out, '\n');
    roff_plain(out, str_from(o->help));
    buf_char(out, '\n');
}

/* Its page: "sluice-eval-run" */
static void page_name(const struct command *c, char out[64])
{
    snprintf(out, 64, "sluice-%s", c->name);
    for (char *at = out; *at; at++)
        *at = *at == ' ' ? '-' : *at;
}

/* The same within roff, where a dash is something else. */
static void page_put(struct buf *out, const struct command *c)
{
    char name[64];
    page_name(c, name);
    roff_plain(out, str_from(name));
}

static void see_also_write(struct buf *out, const char *but)
{
    buf_str(out, STR(".SH SEE ALSO\n"));
    if (strcmp(but, "sluice") != 0)
        buf_str(out, STR(".BR sluice (1),\n"));
    const struct command *c;
    for (unsigned i = 0; (c = command_nth(i)) != NULL; i++) {
        if (strcmp(but, c->name) == 0)
            continue;
        buf_str(out, STR(".BR "));
        page_put(out, c);
        buf_printf(out, " (1)%s\n",
                   command_nth(i + 1) || strcmp(but, "sluice.yaml") != 0 ? "," : "");
    }
    if (strcmp(but, "sluice.yaml") != 0)
        buf_str(out, STR(".BR sluice.yaml (5)\n"));
}

static void summary_write(struct buf *out, const struct command *c)
{
    buf_str(out, STR(".TP\n.BR "));
    page_put(out, c);
    buf_str(out, STR(" (1)\n"));
    roff_plain(out, str_from(c->summary));
    buf_char(out, '\n');
}

static void command_write(struct buf *out, const struct command *c)
{
    char name[64];
    page_name(c, name);
    head_write(out, name, "1", c->summary);
    buf_str(out, STR(".SH SYNOPSIS\n.nf\n"));
    struct str usage = str_from(c->usage);
    while (usage.n > 0) {
        buf_printf(out, "\\fBsluice %s\\fR", c->name);
        roff_plain(out, str_tail(str_cut(&usage, '\n'), strlen(c->name)));
        buf_char(out, '\n');
    }
    buf_str(out, STR(".fi\n.SH DESCRIPTION\n"));
    paragraphs_write(out, str_from(c->about));
    for (const struct command_option *o = c->options; o && o->name; o++) {
        buf_str(out, o == c->options ? STR(".SH OPTIONS\n") : STR(""));
        option_write(out, o);
    }
    for (const struct command *const *sub = c->subs; sub && *sub; sub++) {
        buf_str(out, sub == c->subs ? STR(".SH COMMANDS\n") : STR(""));
        summary_write(out, *sub);
    }
    notes_write(out, str_from(c->notes));
    see_also_write(out, c->name);
}

static void program_write(struct buf *out)
{
    struct str summary = str_trim(str_from(program_about));
    (void)str_cut(&summary, ':');
    struct str bare = str_trim(str_head(summary, summary.n - 1)); /* without its full stop */
    char text[128];
    snprintf(text, sizeof(text), "%.*s", STR_ARGS(bare));
    head_write(out, "sluice", "1", text);
    buf_str(out, STR(".SH SYNOPSIS\n\\fBsluice\\fR \\fICOMMAND\\fR [\\fIOPTIONS\\fR]\n"
                     ".SH DESCRIPTION\n"));
    paragraphs_write(out, str_from(program_notes));
    buf_str(out, STR(".SH COMMANDS\n"));
    for (unsigned i = 0; commands[i]; i++)
        summary_write(out, commands[i]);
    see_also_write(out, "sluice");
}

static int settings_write(struct buf *out)
{
    head_write(out, "sluice.yaml", "5", "the configuration of sluice");
    int err = conf_manual(&config_table, out);
    see_also_write(out, "sluice.yaml");
    return err;
}

/* "serve" of "sluice-serve.1", "sluice-serve" and "serve". */
static struct str short_name(struct str page)
{
    if (str_ends(page, STR(".1")))
        page.n -= 2;
    return str_starts(page, STR("sluice-")) ? str_tail(page, 7) : page;
}

/* By its short name, with dashes or as it is typed. */
static bool is_page(const struct command *c, struct str name)
{
    char page[64];
    page_name(c, page);
    return str_eq(name, short_name(str_from(page))) || str_eq(name, str_from(c->name));
}

static int page_write(struct buf *out, struct str page)
{
    struct str name = short_name(page);
    if (str_eq(page, STR("sluice.yaml.5")) || str_eq(page, STR("sluice.yaml")))
        return settings_write(out);
    if (str_eq(name, STR("sluice"))) {
        program_write(out);
        return out->failed;
    }
    const struct command *c;
    for (unsigned i = 0; (c = command_nth(i)) != NULL; i++)
        if (is_page(c, name)) {
            command_write(out, c);
            return out->failed;
        }
    return E_NOT_FOUND;
}

static int no_page(const char *page)
{
    struct str words[64] = {STR("sluice"), STR("sluice.yaml")};
    unsigned n = 2;
    for (unsigned i = 0; commands[i] && n < ARRAY_LEN(words); i++)
        words[n++] = str_from(commands[i]->name);
    struct str near = str_nearest(short_name(str_from(page)), words, n);
    return options_wrong(&command_man, "there is no page '%s'; %s%.*s%s", page,
                         near.n ? "did you mean '" : "`sluice man --list` shows them",
                         STR_ARGS(near), near.n ? "'?" : "");
}

static int list(void)
{
    puts("sluice.1");
    const struct command *c;
    for (unsigned i = 0; (c = command_nth(i)) != NULL; i++) {
        char name[64];
        page_name(c, name);
        printf("%s.1\n", name);
    }
    puts("sluice.yaml.5");
    return EXIT_DONE;
}

static int run(int argc, char **argv)
{
    struct wish w = {0};
    int words = 0;
    int code = options_read(&command_man, &w, argc, argv, &words);
    if (code >= 0)
        return code;
    if (words > (w.list ? 0 : 2))
        return options_wrong(&command_man, "'%s' is too much", argv[w.list ? 1 : 3]);
    if (w.list)
        return list();
    struct buf out;
    buf_init(&out, PAGE_BYTES_MAX);
    char page[PAGE_NAME_BYTES] = "sluice"; /* a command of two words may be given as such */
    if (words)
        snprintf(page, sizeof(page), "%s%s%s", argv[1], words > 1 ? " " : "",
                 words > 1 ? argv[2] : "");
    int err = page_write(&out, str_from(page));
    if (!err)
        printf("%.*s", STR_ARGS(buf_view(&out)));
    buf_fini(&out);
    if (err == E_NOT_FOUND)
        return no_page(page);
    return err ? EXIT_COULD_NOT : EXIT_DONE;
}

const struct command command_man = {
    .name = "man",
    .summary = "print a man page",
    .usage = "man [PAGE | COMMAND WORD | --list]",
    .about =
        "Prints a man page, made from what the program itself goes by. `make install` and the\n"
        "packages put all of them where man finds them.\n",
    .options = options,
    .notes = "Exit codes: 0 done, 2 wrong use, or there is no such page.\n\n"
             "Examples:\n"
             "  sluice man serve | man -l -\n"
             "  sluice man eval run | man -l -\n"
             "  sluice man sluice.yaml.5 | man -l -\n",
    .run = run,
};
