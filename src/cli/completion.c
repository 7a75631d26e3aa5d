/*
 * completion.c: `sluice completion`: what a shell offers when the Tab key is pressed, made from the
 * tables of commands.
 */
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/options.h"

static bool is_flag(const struct command_option *o)
{
    return o->name[0] == '-';
}

static bool takes_files(const struct command *c)
{
    bool files = false;
    for (const struct command_option *o = c->options; o && o->name; o++)
        files = files || (!is_flag(o) && o->kind == VALUE_FILE);
    return files;
}

static void words_print(const char *const *words)
{
    for (unsigned i = 0; words[i]; i++)
        printf("%s%s", i ? " " : "", words[i]);
}

static void commands_print(void)
{
    for (unsigned i = 0; commands[i]; i++)
        printf("%s%s", i ? " " : "", commands[i]->name);
}

/* The last word of a sub's name. */
static const char *sub_word(const struct command *sub)
{
    return strrchr(sub->name, ' ') + 1;
}

/* What a command's first word may be: its verbs, its subs; a man page, by its short name. */
static bool has_first(const struct command *c)
{
    return c->verbs || c->subs || c == &command_man;
}

static void first_print(const struct command *c)
{
    if (c->verbs) {
        words_print(c->verbs);
        return;
    }
    if (c->subs) {
        for (const struct command *const *sub = c->subs; *sub; sub++)
            printf("%s%s", sub == c->subs ? "" : " ", sub_word(*sub));
        return;
    }
    fputs("sluice sluice.yaml", stdout);
    for (unsigned i = 0; command_nth(i); i++) {
        putchar(' ');
        for (const char *at = command_nth(i)->name; *at; at++)
            putchar(*at == ' ' ? '-' : *at);
    }
}

/* `text` up to its first line's end, with a backslash ahead of each of `escape`; a quote as within
 * quotes of this shell. */
static void text_print(const char *text, const char *escape, const char *quote)
{
    for (; *text && *text != '\n'; text++)
        if (*text == '\'')
            fputs(quote, stdout);
        else
            printf("%s%c", strchr(escape, *text) ? "\\" : "", *text);
}

/* ---- bash ---- */

static const char bash_head[] =
    "# Completion of sluice for bash, made by `sluice completion bash`.\n"
    "_sluice_words()\n"
    "{\n"
    "    mapfile -t COMPREPLY < <(compgen -W \"$1\" -- \"$cur\")\n"
    "}\n"
    "\n"
    "# One or several, with commas between.\n"
    "_sluice_list()\n"
    "{\n"
    "    local before=\n"
    "    [[ $cur != *,* ]] || before=${cur%,*},\n"
    "    compopt -o nospace 2>/dev/null\n"
    "    mapfile -t COMPREPLY < <(compgen -P \"$before\" -W \"$1\" -- \"${cur##*,}\")\n"
    "}\n"
    "\n"
    "_sluice_files()\n"
    "{\n"
    "    compopt -o filenames 2>/dev/null\n"
    "    mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
    "}\n"
    "\n"
    "_sluice()\n"
    "{\n"
    "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
    "    COMPREPLY=()\n"
    "    # --config=FILE comes in three words.\n"
    "    [ \"$cur\" != = ] || cur=\n"
    "    [ \"$prev\" != = ] || prev=${COMP_WORDS[COMP_CWORD - 2]}\n"
    "    [ \"${COMP_WORDS[COMP_CWORD]}\" != = ] || prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
    "    # The command, the place of the word within it, and its first word.\n"
    "    local command=${COMP_WORDS[1]} place=$COMP_CWORD first=${COMP_WORDS[2]}\n";

/* A command behind another's first word is one of two words. */
static void bash_subs(void)
{
    bool any = false;
    for (unsigned i = 0; commands[i]; i++) {
        if (commands[i]->subs)
            printf("%s%s", any ? "|" : "    case $command in\n    ", commands[i]->name);
        any = any || commands[i]->subs;
    }
    if (any)
        puts(")\n"
             "        [ \"$COMP_CWORD\" -le 2 ] || {\n"
             "            command=\"$command $first\" place=$((COMP_CWORD - 1))\n"
             "            first=${COMP_WORDS[3]}\n"
             "        } ;;\n"
             "    esac");
}

/* What may follow an option that takes a value. */
static void bash_values(const struct command *c)
{
    for (const struct command_option *o = c->options; o && o->name; o++) {
        if (!o->value)
            continue;
        printf("    '%s:%s') ", c->name, o->name);
        if (o->choices) {
            printf("_sluice_%s '", o->kind == VALUE_LIST ? "list" : "words");
            words_print(o->choices);
            fputs("'; ", stdout);
        } else if (o->kind == VALUE_FILE) {
            fputs("_sluice_files; ", stdout);
        }
        puts("return ;;");
    }
}

static void bash_options(const struct command *c)
{
    for (unsigned i = 0; c->verb_options && c->verbs[i]; i++)
        printf("    '%s:%s:') _sluice_words '--help %s' ;;\n", c->name, c->verbs[i],
               c->verb_options[i]);
    printf("    '%s:'*) _sluice_words '--help", c->name);
    for (const struct command_option *o = c->options; o && o->name; o++)
        if (is_flag(o))
            printf(" %s", o->name);
    puts("' ;;");
}

static void bash_print(void)
{
    fputs(bash_head, stdout);
    fputs("    if [ \"$COMP_CWORD\" = 1 ]; then\n        _sluice_words '", stdout);
    commands_print();
    puts(" help --help --version'\n        return\n    fi");
    fputs("    if [ \"$COMP_CWORD:${COMP_WORDS[1]}\" = 2:help ]; then\n        _sluice_words '",
          stdout);
    commands_print();
    puts("'\n        return\n    fi");
    bash_subs();
    puts("    case $command:$prev in");
    const struct command *c;
    for (unsigned i = 0; (c = command_nth(i)) != NULL; i++)
        bash_values(c);
    puts("    esac\n    case $command:$place:$cur in");
    for (unsigned i = 0; (c = command_nth(i)) != NULL; i++) {
        printf("    '%s:'*:-*) ;;\n", c->name);
        if (has_first(c)) {
            printf("    '%s:2:'*) _sluice_words '", c->name);
            first_print(c);
            puts("'; return ;;");
        }
        if (takes_files(c))
            printf("    '%s:'*) _sluice_files; return ;;\n", c->name);
    }
    puts("    esac\n    case $command:$first: in");
    for (unsigned i = 0; (c = command_nth(i)) != NULL; i++)
        bash_options(c);
    puts("    esac\n}\ncomplete -F _sluice sluice");
}

/* ---- zsh ---- */

static void zsh_option(const struct command_option *o)
{
    printf(" \\\n            '%s%s[", o->name, o->value ? "=" : "");
    text_print(o->help, "[]\\:", "'\\''");
    putchar(']');
    if (o->value) {
        putchar(':');
        text_print(o->value, ":\\", "'\\''");
        putchar(':');
    }
    if (o->choices && o->kind == VALUE_LIST) {
        fputs("_values -s , word ", stdout);
        words_print(o->choices);
    } else if (o->choices) {
        putchar('(');
        words_print(o->choices);
        putchar(')');
    } else if (o->value && o->kind == VALUE_FILE) {
        fputs("_files", stdout);
    }
    putchar('\'');
}

static void zsh_command(const struct command *c)
{
    printf("    '%s')\n        _arguments '--help[show what it takes]'", c->name);
    for (const struct command_option *o = c->options; o && o->name; o++)
        if (is_flag(o))
            zsh_option(o);
    if (has_first(c)) {
        fputs(" \\\n            '1:word:(", stdout);
        first_print(c);
        fputs(")'", stdout);
    }
    if (takes_files(c))
        fputs(" \\\n            '*:file:_files'", stdout);
    puts("\n        ;;");
}

/* As bash_subs. */
static void zsh_subs(void)
{
    for (unsigned i = 0; commands[i]; i++)
        if (commands[i]->subs)
            printf("    if [[ $command == %s ]] && (( CURRENT > 2 )); then\n"
                   "        command=\"$command $words[2]\"\n"
                   "        shift words\n"
                   "        (( CURRENT-- ))\n"
                   "    fi\n",
                   commands[i]->name);
}

static void zsh_print(void)
{
    puts("#compdef sluice\n"
         "# Completion of sluice for zsh, made by `sluice completion zsh`.\n"
         "_sluice()\n"
         "{\n"
         "    local -a commands\n"
         "    if (( CURRENT == 2 )); then\n"
         "        commands=(");
    for (unsigned i = 0; commands[i]; i++) {
        printf("            '%s:", commands[i]->name);
        text_print(commands[i]->summary, ":\\", "'\\''");
        puts("'");
    }
    puts("            'help:show what a command takes'\n"
         "        )\n"
         "        _describe command commands\n"
         "        return\n"
         "    fi\n"
         "    shift words\n"
         "    (( CURRENT-- ))\n"
         "    local command=$words[1]");
    zsh_subs();
    puts("    case $command in");
    for (unsigned i = 0; command_nth(i); i++)
        zsh_command(command_nth(i));
    fputs("    help)\n        _arguments '1:command:(", stdout);
    commands_print();
    puts(")'\n        ;;\n"
         "    esac\n"
         "}\n"
         "if [ \"$funcstack[1]\" = _sluice ]; then\n"
         "    _sluice \"$@\"\n"
         "else\n"
         "    compdef _sluice sluice\n"
         "fi");
}

/* ---- fish ---- */

static void fish_option(const struct command *c, const struct command_option *o)
{
    printf("complete -c sluice -n '__sluice_is %s'", c->name);
    if (!is_flag(o)) {
        puts(" -F");
        return;
    }
    printf(" -l %s", o->name + 2);
    if (o->value)
        fputs(o->kind == VALUE_FILE ? " -r -F" : " -x", stdout);
    if (o->choices) {
        bool several = o->kind == VALUE_LIST;
        fputs(several ? " -a '(__fish_complete_list , \"printf %s\\\\\\n " : " -a '", stdout);
        words_print(o->choices);
        fputs(several ? "\")'" : "'", stdout);
    }
    fputs(" -d '", stdout);
    text_print(o->help, "\\", "\\'");
    puts("'");
}

static void fish_print(void)
{
    puts("# Completion of sluice for fish, made by `sluice completion fish`.\n"
         "function __sluice_is\n"
         "    set -l words (commandline -opc)\n"
         "    set -l n (math 1 + (count $argv))\n"
         "    test (count $words) -ge $n; and test \"$words[2..$n]\" = \"$argv\"\n"
         "end\n"
         "function __sluice_first\n"
         "    test (count (commandline -opc)) -eq 2; and __sluice_is $argv[1]\n"
         "end\n"
         "complete -c sluice -f");
    for (unsigned i = 0; commands[i]; i++) {
        const struct command *c = commands[i];
        printf("complete -c sluice -n __fish_use_subcommand -a %s -d '", c->name);
        text_print(c->summary, "\\", "\\'");
        puts("'");
        if (has_first(c)) {
            printf("complete -c sluice -n '__sluice_first %s' -a '", c->name);
            first_print(c);
            puts("'");
        }
    }
    const struct command *c;
    for (unsigned i = 0; (c = command_nth(i)) != NULL; i++)
        for (const struct command_option *o = c->options; o && o->name; o++)
            if (is_flag(o) || o->kind == VALUE_FILE)
                fish_option(c, o);
    fputs("complete -c sluice -n '__sluice_first help' -a '", stdout);
    commands_print();
    puts("'\n"
         "complete -c sluice -n __fish_use_subcommand -a help -d 'show what a command takes'\n"
         "complete -c sluice -n __fish_use_subcommand -l help -d 'show all commands'\n"
         "complete -c sluice -n __fish_use_subcommand -l version -d 'show the version'");
}

/* ---- the command ---- */

static const char *const shells[] = {"bash", "zsh", "fish", NULL};
static void (*const prints[])(void) = {bash_print, zsh_print, fish_print};

static int run(int argc, char **argv)
{
    int words = 0;
    int code = options_read(&command_completion, NULL, argc, argv, &words);
    if (code >= 0)
        return code;
    if (words != 1)
        return options_wrong(&command_completion, "expected one of bash, zsh and fish");
    int shell = options_verb(&command_completion, words, argv, -1);
    if (shell < 0)
        return EXIT_WRONG_USE;
    prints[shell]();
    return EXIT_DONE;
}

const struct command command_completion = {
    .name = "completion",
    .summary = "print what makes a shell complete sluice's words",
    .usage = "completion bash | zsh | fish",
    .about = "Prints a script after which the shell completes commands, options and files.\n"
             "`make install` and the packages put all three where the shells find them.\n",
    .notes = "Exit codes: 0 done, 2 wrong use.\n\n"
             "Examples:\n"
             "  source <(sluice completion bash)      # in ~/.bashrc\n"
             "  source <(sluice completion zsh)       # in ~/.zshrc, behind compinit\n"
             "  sluice completion fish > ~/.config/fish/completions/sluice.fish\n",
    .verbs = shells,
    .run = run,
};
