/* http2_session.c: see http2_session.h. */
#include "http/http2_session.h"

#include "base/clock.h"
#include "rt/loop.h"

/* Frames that carry nothing, a second: no honest peer comes near (libraries send a PING every few
 * seconds). */
#define EMPTY_FRAMES_MAX 1000

/* Does it carry nothing that a handler, a call or a window would have of it? */
static bool is_empty(const nghttp2_frame_hd *hd)
{
    switch (hd->type) {
    case NGHTTP2_SETTINGS:
    case NGHTTP2_PING:
    case NGHTTP2_RST_STREAM:
    case NGHTTP2_PRIORITY:
    case NGHTTP2_GOAWAY:
        return true;
    default:
        return hd->length == 0 && (hd->flags & NGHTTP2_FLAG_END_STREAM) == 0;
    }
}

bool http2_flood_bearable(struct http2_flood *f, const nghttp2_frame_hd *hd)
{
    int64_t now = clock_cached_ms();

    if (!is_empty(hd))
        return true;
    if (now - f->second_ms >= 1000) {
        f->second_ms = now;
        f->frames = 0;
    }
    return ++f->frames <= EMPTY_FRAMES_MAX;
}

struct feed {
    nghttp2_session *session;
    struct str bytes;
    ssize_t used;
};

static void feed_on_loop_stack(void *arg)
{
    struct feed *f = arg;
    f->used = nghttp2_session_mem_recv(f->session, (const uint8_t *)f->bytes.p, f->bytes.n);
}

int http2_feed(nghttp2_session *session, struct str bytes)
{
    struct feed f = {.session = session, .bytes = bytes};

    loop_stack_call(feed_on_loop_stack, &f);
    if (f.used < 0 && f.used != NGHTTP2_ERR_BAD_CLIENT_MAGIC &&
        nghttp2_session_terminate_session(session, f.used == NGHTTP2_ERR_NOMEM
                                                       ? NGHTTP2_INTERNAL_ERROR
                                                       : NGHTTP2_ENHANCE_YOUR_CALM) != 0)
        return E_MEMORY;
    return f.used < 0 ? E_BAD_HTTP : 0;
}

struct packing {
    nghttp2_session *session;
    struct buf *out;
    bool failed;
};

static void pack_on_loop_stack(void *arg)
{
    struct packing *p = arg;

    while (p->out->n < HTTP2_SEND_BYTES) {
        const uint8_t *bytes;
        ssize_t n = nghttp2_session_mem_send(p->session, &bytes);
        if (n < 0 || (n > 0 && buf_add(p->out, bytes, (size_t)n) != 0))
            p->failed = true;
        if (n <= 0)
            return;
    }
}

int http2_pack(nghttp2_session *session, struct buf *out)
{
    struct packing p = {.session = session, .out = out};

    loop_stack_call(pack_on_loop_stack, &p);
    if (p.failed)
        return E_MEMORY;
    return out->n == 0 ? E_AGAIN : 0;
}

int http2_fields(struct arena *arena, const struct http_headers *headers, uint64_t left_out,
                 nghttp2_nv *out, size_t *n)
{
    for (unsigned i = 0; headers != NULL && i < headers->n; i++) {
        const struct http_header *h = &headers->at[i];
        if (http_field_is_in(h->field, left_out))
            continue;
        char *name = arena_alloc(arena, h->name.n);
        if (name == NULL)
            return E_MEMORY;
        for (size_t k = 0; k < h->name.n; k++)
            name[k] = h->name.p[k] >= 'A' && h->name.p[k] <= 'Z' ? (char)(h->name.p[k] | 0x20)
                                                                 : h->name.p[k];
        out[(*n)++] = http2_field(str_of(name, h->name.n), h->value);
    }
    return 0;
}
