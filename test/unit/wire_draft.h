/* wire_draft.h: chats put together by hand, and written, for the tests of a wire that only
 * providers speak. A test says which with WIRE and FIXTURES before it includes this. */
#ifndef WIRE_DRAFT_H
#define WIRE_DRAFT_H

#include "wire_lines.h"

struct draft {
    struct wire_world *w;
    struct chat_request r;
    struct chat_message *last;
};

static inline struct draft draft_make(struct wire_world *w, const char *model)
{
    return (struct draft){.w = w, .r = {.arena = &w->arena, .model = str_from(model)}};
}

static inline void says(struct draft *d, enum chat_role role)
{
    d->last = chat_message_new(&d->r, d->last, role);
    assert_non_null(d->last);
}

static inline struct chat_block *block_in(struct draft *d, struct chat_block **list,
                                          enum chat_block_kind kind)
{
    struct chat_block *b = chat_block_new(&d->w->arena, list, kind);
    assert_non_null(b);
    return b;
}

static inline struct chat_block *block(struct draft *d, enum chat_block_kind kind)
{
    return block_in(d, &d->last->blocks, kind);
}

static inline struct chat_block *text(struct draft *d, const char *string)
{
    struct chat_block *b = block(d, BLOCK_TEXT);
    b->text = str_from(string);
    return b;
}

static inline struct chat_block *call(struct draft *d, const char *id, const char *name,
                                      const char *input)
{
    struct chat_block *b = block(d, BLOCK_CALL);
    b->id = str_from(id);
    b->name = str_from(name);
    b->input = str_from(input);
    return b;
}

/* A result with one text; give it more with block_in. */
static inline struct chat_block *result(struct draft *d, const char *id, const char *string)
{
    struct chat_block *b = block(d, BLOCK_RESULT);
    b->id = str_from(id);
    if (string)
        block_in(d, &b->result, BLOCK_TEXT)->text = str_from(string);
    return b;
}

static inline void media(struct chat_block *b, enum chat_media_form form, const char *type,
                         const char *data)
{
    b->media = (struct chat_media){.form = form, .type = str_from(type), .data = str_from(data)};
}

static inline struct chat_tool *tool(struct draft *d, const char *name)
{
    struct chat_tool *t = chat_tool_new(&d->r);
    assert_non_null(t);
    t->name = str_from(name);
    return t;
}

/* ---- what is written ---- */

/* Into the world's lines. */
static inline int write_err(struct draft *d, struct fault *f)
{
    struct str left_out;
    *f = (struct fault){0};
    assert_int_equal(chat_settle(&d->r, f), 0);
    buf_clear(&d->w->lines);
    int err = wire_check(WIRE, &d->r, &left_out, f);
    return err ? err : WIRE->request_write(&d->r, &d->w->lines, f);
}

static inline yyjson_val *written(struct draft *d)
{
    struct fault f;
    if (write_err(d, &f) != 0)
        fail_msg("refused: %s", fault_text(&f));
    return parsed(&d->w->arena, buf_view(&d->w->lines));
}

static inline void assert_writes(struct draft *d, struct str want)
{
    if (!yyjson_equals(written(d), parsed(&d->w->arena, want)))
        fail_msg("got %.*s, want %.*s", STR_ARGS(buf_view(&d->w->lines)), STR_ARGS(want));
}

/* The member `name` of what is written, alone; NULL: there is none. */
static inline void assert_member(struct draft *d, const char *name, const char *want)
{
    yyjson_val *member = yyjson_obj_get(written(d), name);
    if (want ? !yyjson_equals(member, parsed(&d->w->arena, str_from(want))) : member != NULL)
        fail_msg("got %.*s, want in it %s", STR_ARGS(buf_view(&d->w->lines)),
                 want ? want : "nothing");
}

static inline void assert_refuses(struct draft *d, int err, const char *words)
{
    struct fault f;
    assert_int_equal(write_err(d, &f), err);
    if (!strstr(f.text, words))
        fail_msg("\"%s\" has no \"%s\"", f.text, words);
}

static inline void assert_fixture(struct draft *d, const char *name)
{
    struct str want = fixture_read(&d->w->arena, FIXTURES, name, "request.json");
    assert_non_null(want.p);
    assert_writes(d, want);
}

#endif
