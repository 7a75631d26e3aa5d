/*
 * cross.c: requests carried from one protocol into another, line by line, for test/trip/run.
 *
 * In:  CLIENT TAB PROVIDER TAB MODEL TAB BODY
 * Out: ok TAB what was left out TAB BODY, or the error's code TAB its words.
 */
#include <stdio.h>
#include <stdlib.h>

#include "llm/wire.h"

static void refuse(int err, const struct fault *f)
{
    printf("%s\t%s\n", err_code(err), f->text[0] ? fault_text(f) : err_text(err));
}

static void line_cross(struct str line)
{
    struct str client = str_cut(&line, '\t'), provider = str_cut(&line, '\t'),
               model = str_cut(&line, '\t'), left_out = STR_NONE;
    const struct wire *from = wire_find(client), *to = wire_find(provider);
    struct chat_request r;
    struct fault f = {0};
    struct arena a;
    struct buf out;
    arena_init_private(&a, 64u << 20);
    buf_init(&out, 16u << 20);
    int err = from && to ? from->request_read(line, &a, &r, &f) : E_INTERNAL;
    if (!err) {
        r.model = model;
        err = wire_check(to, &r, &left_out, &f);
    }
    if (!err)
        err = to->request_write(&r, &out, &f);
    if (err)
        refuse(err, &f);
    else
        printf("ok\t%.*s\t%.*s\n", STR_ARGS(left_out), STR_ARGS(buf_view(&out)));
    buf_fini(&out);
    arena_fini(&a);
}

int main(void)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t n;
    while ((n = getline(&line, &room, stdin)) > 0)
        line_cross(str_of(line, (size_t)n - (line[n - 1] == '\n')));
    free(line);
    return 0;
}
