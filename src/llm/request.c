#include "llm/request.h"

const struct llm_op_row llm_ops[OP_COUNT] = {
    [OP_CHAT] = {.name = "chat", .path = "chat/completions", .streams = true},
    [OP_COMPLETION] = {.name = "completion", .path = "completions", .streams = true},
    [OP_EMBEDDING] = {.name = "embedding", .path = "embeddings", .streams = false},
};

int llm_edit_add(struct llm_edits *edits, struct json_span at, struct str with)
{
    if (edits->n == LLM_EDITS_MAX)
        return E_INTERNAL;
    unsigned i = edits->n++;
    for (; i > 0 && edits->at[i - 1].at.from > at.from; i--)
        edits->at[i] = edits->at[i - 1];
    edits->at[i] = (struct llm_edit){.at = at, .with = with};
    return 0;
}

static unsigned piece_add(struct iovec *pieces, unsigned n, const char *p, size_t bytes)
{
    if (bytes == 0)
        return n;
    pieces[n] = (struct iovec){.iov_base = (void *)(uintptr_t)p, .iov_len = bytes};
    return n + 1;
}

unsigned llm_edits_apply(const struct llm_edits *edits, struct str body,
                         struct iovec pieces[2 * LLM_EDITS_MAX + 1], size_t *ret_bytes)
{
    unsigned n = 0;
    size_t done = 0; /* 0 .. done of the body is in the pieces */
    for (unsigned i = 0; i < edits->n; i++) {
        const struct llm_edit *e = &edits->at[i];
        n = piece_add(pieces, n, body.p + done, e->at.from - done);
        n = piece_add(pieces, n, e->with.p, e->with.n);
        done = e->at.to;
    }
    n = piece_add(pieces, n, body.p + done, body.n - done);
    size_t bytes = 0;
    for (unsigned i = 0; i < n; i++)
        bytes += pieces[i].iov_len;
    *ret_bytes = bytes;
    return n;
}
