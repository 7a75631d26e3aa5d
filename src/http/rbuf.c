/* rbuf.c: read buffers and the free list of their blocks. */
#include "http/rbuf.h"

#include <stdlib.h>

#include "http/message.h"

/* The only state of this folder that outlives a connection. A free block's first bytes link it. */
static struct {
    void *first;
    size_t count;
    size_t held_bytes; /* of all buffers in use */
} blocks;

size_t http_buffer_bytes(void)
{
    return blocks.held_bytes + blocks.count * RBUF_BYTES;
}

static char *block_take(void)
{
    void *block = blocks.first;

    if (block != NULL) {
        memcpy(&blocks.first, block, sizeof(blocks.first));
        blocks.count--;
    } else {
        block = malloc(RBUF_BYTES);
        if (block == NULL)
            return NULL;
    }
    blocks.held_bytes += RBUF_BYTES;
    return block;
}

static void block_give(char *block, size_t cap)
{
    blocks.held_bytes -= cap;
    if (cap != RBUF_BYTES || blocks.count >= RBUF_FREE_MAX) {
        free(block);
        return;
    }
    memcpy(block, &blocks.first, sizeof(blocks.first));
    blocks.first = block;
    blocks.count++;
}

void http_buffers_trim(void)
{
    while (blocks.first != NULL) {
        void *block = blocks.first;
        memcpy(&blocks.first, block, sizeof(blocks.first));
        free(block);
    }
    blocks.count = 0;
}

void rbuf_drop(struct rbuf *b)
{
    if (b->mem != NULL)
        block_give(b->mem, b->cap);
    *b = (struct rbuf){0};
}

/* Nothing is held: the block is only taken when bytes are likely to be there. */
static int fill_empty(struct rbuf *b, struct stream *s)
{
    b->from = b->to = 0;
    for (;;) {
        if (b->mem == NULL) {
            b->mem = block_take();
            if (b->mem == NULL)
                return E_MEMORY;
            b->cap = RBUF_BYTES;
        }
        size_t n = 0;
        int err = stream_read_now(s, b->mem, b->cap, &n);
        if (err == 0) {
            b->to = n;
            return 0;
        }
        rbuf_drop(b);
        if (err == E_AGAIN)
            err = stream_wait_readable(s);
        if (err != 0)
            return err;
    }
}

int rbuf_fill(struct rbuf *b, struct stream *s)
{
    if (rbuf_held(b) == 0)
        return fill_empty(b, s);
    size_t n = 0;
    int err = stream_read(s, b->mem + b->to, b->cap - b->to, &n);
    if (err == 0)
        b->to += n;
    return err;
}

int rbuf_room(struct rbuf *b, size_t cap_max, ptrdiff_t *ret_moved)
{
    const char *before = b->mem + b->from;
    size_t held = rbuf_held(b);

    if (b->from > 0) {
        memmove(b->mem, before, held);
        b->from = 0;
        b->to = held;
    }
    if (held == b->cap) {
        size_t cap = b->cap * 2 < cap_max ? b->cap * 2 : cap_max;
        if (cap <= b->cap)
            return E_TOO_LARGE;
        char *mem = malloc(cap);
        if (mem == NULL)
            return E_MEMORY;
        memcpy(mem, b->mem, held);
        *ret_moved = (ptrdiff_t)((uintptr_t)mem - (uintptr_t)before);
        block_give(b->mem, b->cap);
        blocks.held_bytes += cap;
        b->mem = mem;
        b->cap = cap;
        return 0;
    }
    *ret_moved = (ptrdiff_t)((uintptr_t)b->mem - (uintptr_t)before);
    return 0;
}
