#include "llm/request.h"

#include "base/buf.h"

const struct llm_op_row llm_ops[OP_COUNT] = {
    [OP_CHAT] = {.name = "chat", .streams = true},
    [OP_COMPLETION] = {.name = "completion", .streams = true},
    [OP_EMBEDDING] = {.name = "embedding", .streams = false},
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

static const struct str limit_names[] = {
    {"max_tokens", 10}, {"max_completion_tokens", 21}, {"max_output_tokens", 17}, {"n_predict", 9}};

bool llm_is_limit(struct str key)
{
    for (size_t i = 0; i < ARRAY_LEN(limit_names); i++)
        if (str_eq(key, limit_names[i]))
            return true;
    return false;
}

/* Is there such a member, or another name of the same thing? Providers refuse both together. */
static bool is_given(const struct json_scan *scan, struct str key)
{
    if (!llm_is_limit(key))
        return json_scan_find(scan, key, NULL) != NULL;
    for (size_t i = 0; i < ARRAY_LEN(limit_names); i++)
        if (json_scan_find(scan, limit_names[i], NULL))
            return true;
    return false;
}

int llm_edit_members(struct str body, struct str params, bool limited, struct arena *arena,
                     struct llm_edits *edits)
{
    if (params.n == 0)
        return 0;
    yyjson_doc *doc = NULL;
    int err = json_parse(arena, params, &doc, NULL);
    if (err)
        return err;
    const struct json_scan *scan = NULL;
    err = json_scan(body, &scan, NULL);
    if (err)
        return err;
    struct buf text;
    buf_init(&text, params.n * 6 + 16);
    size_t i, n;
    yyjson_val *key, *value;
    yyjson_obj_foreach(yyjson_doc_get_root(doc), i, n, key, value)
    {
        if (is_given(scan, json_str(key)) || (limited && llm_is_limit(json_str(key))))
            continue;
        json_quote(&text, json_str(key));
        buf_char(&text, ':');
        json_value(&text, value);
        buf_char(&text, ',');
    }
    bool any = text.n > 0;
    struct str kept = text.failed ? STR_NONE : arena_str(arena, buf_view(&text));
    buf_fini(&text);
    if (!kept.p)
        return any ? E_MEMORY : 0;
    if (!any)
        return 0;
    size_t inside = (size_t)((const char *)memchr(body.p, '{', body.n) - body.p) + 1;
    /* One edit for all of them, however many the configuration names. */
    return llm_edit_add(edits, (struct json_span){inside, inside}, kept);
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
