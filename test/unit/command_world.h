/* command_world.h: commands run within a test, and what they print. */
#ifndef TEST_UNIT_COMMAND_WORLD_H
#define TEST_UNIT_COMMAND_WORLD_H

#include "base_test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"

static char out[65536], err_out[8192]; /* what it printed last */

static inline int file_take(int fd, char *to, size_t room)
{
    ssize_t n = pread(fd, to, room - 1, 0);
    to[n > 0 ? n : 0] = '\0';
    return close(fd);
}

static inline int scratch(void)
{
    char name[] = "/tmp/test_command.XXXXXX";
    int fd = mkstemp(name);
    assert_true(fd >= 0);
    assert_int_equal(unlink(name), 0);
    return fd;
}

/* Runs it with these words (ending with NULL). */
static inline int command_says(const struct command *command, const char *first, ...)
{
    char *argv[16] = {(char *)(uintptr_t)command->name};
    int argc = 1;
    va_list words;
    va_start(words, first);
    for (const char *w = first; w; w = va_arg(words, const char *))
        argv[argc++] = (char *)(uintptr_t)w;
    va_end(words);
    int to = scratch(), to_err = scratch();
    (void)fflush(stdout);
    int was = dup(STDOUT_FILENO), was_err = dup(STDERR_FILENO);
    dup2(to, STDOUT_FILENO);
    dup2(to_err, STDERR_FILENO);
    int code = command->run(argc, argv);
    (void)fflush(stdout);
    dup2(was, STDOUT_FILENO);
    dup2(was_err, STDERR_FILENO);
    close(was);
    close(was_err);
    file_take(to, out, sizeof(out));
    file_take(to_err, err_out, sizeof(err_out));
    return code;
}

static inline void out_has(const char *text)
{
    if (!strstr(out, text))
        print_error("not there: %s\n--- in ---\n%s\n", text, out);
    assert_non_null(strstr(out, text));
}

static inline void out_has_not(const char *text)
{
    if (strstr(out, text))
        print_error("there: %s\n--- in ---\n%s\n", text, out);
    assert_null(strstr(out, text));
}

static inline void complains(int code, const char *text)
{
    assert_int_equal(code, EXIT_WRONG_USE);
    if (!strstr(err_out, text))
        print_error("not there: %s\n--- in ---\n%s\n", text, err_out);
    assert_non_null(strstr(err_out, text));
    assert_string_equal(out, "");
}

#endif
