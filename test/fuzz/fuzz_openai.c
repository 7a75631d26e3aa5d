/*
 * fuzz_openai.c: whatever bytes come as a request, an answer or an event of OpenAI's format.
 *
 * A request that was read stays JSON through every edit, and what was noted stands where it was
 * said to stand. An event without its usage is JSON that has none, and the same besides.
 */
#include "base/json.h"
#include "fuzz.h"
#include "llm/openai.h"

static yyjson_val *parsed(struct arena *a, struct str text)
{
    yyjson_doc *doc = NULL;
    return json_parse(a, text, &doc, NULL) == 0 ? yyjson_doc_get_root(doc) : NULL;
}

static struct str applied(struct arena *a, const struct llm_edits *edits, struct str body)
{
    struct iovec pieces[2 * LLM_EDITS_MAX + 1];
    size_t bytes = 0, sum = 0;
    unsigned n = llm_edits_apply(edits, body, pieces, &bytes);
    char *text = arena_alloc(a, bytes + 1);
    MUST(text && n <= 2 * edits->n + 1);
    for (unsigned i = 0; i < n; i++) {
        memcpy(text + sum, pieces[i].iov_base, pieces[i].iov_len);
        sum += pieces[i].iov_len;
    }
    MUST(sum == bytes);
    return str_of(text, bytes);
}

static void check_edits(struct arena *a, const struct llm_request *r)
{
    struct llm_edits edits = {0};
    MUST(llm_edit_members(r->body, STR("{\"temperature\":1,\"top_k\":{}}"), false, a, &edits) == 0);
    if (r->stream && !r->wants_usage)
        MUST(openai_edit_ask_usage(r, &edits) == 0);
    MUST(llm_edit_add(&edits, r->model_at, STR("\"another\"")) == 0);
    struct str edited = applied(a, &edits, r->body);
    if (!parsed(a, r->body)) {
        /* Half a surrogate pair is JSON that yyjson does not take: it is passed on. */
        const struct json_scan *scan = NULL;
        MUST(str_find(edited, STR("\\ud")) >= 0 || str_find(edited, STR("\\uD")) >= 0);
        /* With what is added there may be more members than one text may have here. */
        MUST(json_scan(r->body, &scan, NULL) == 0);
        MUST(scan->count + edits.n > JSON_MEMBERS_MAX || json_scan(edited, &scan, NULL) == 0);
        return;
    }
    yyjson_val *root = parsed(a, edited);
    MUST(root && yyjson_is_obj(root));
    MUST(str_eq(json_get_str(root, "model"), STR("another")));
    MUST(yyjson_obj_get(root, "temperature") && yyjson_obj_get(root, "top_k"));
    if (r->stream) {
        yyjson_val *options = yyjson_obj_get(root, "stream_options");
        MUST(yyjson_is_true(yyjson_obj_get(options, "include_usage")));
    }
}

static void check_request(enum llm_op op, struct str body)
{
    struct arena a;
    struct llm_request r;
    struct fault f = {0};
    arena_init(&a, 64u << 20);
    int err = openai_request_read(op, body, &a, &r, &f);
    if (err) {
        MUST(err == E_BAD_JSON || err == E_BAD_REQUEST || err == E_DUPLICATE_KEY);
        MUST(f.err == err && f.text[0]);
    } else {
        MUST(r.model.n > 0 && r.choices >= (op != OP_EMBEDDING) && r.max_tokens >= 0);
        MUST(r.model_at.from < r.model_at.to && r.model_at.to <= body.n);
        MUST(r.stream_options_at.from <= r.stream_options_at.to);
        MUST(r.stream_options_at.to <= body.n);
        MUST(r.inside_at > 0 && body.p[r.inside_at - 1] == '{');
        MUST(!r.stream || llm_ops[op].streams);
        check_edits(&a, &r);
    }
    arena_fini(&a);
}

static void check_facts(const struct llm_facts *facts)
{
    const struct tokens *t = &facts->usage;
    MUST(t->input >= 0 && t->cached >= 0 && t->cache_write >= 0);
    MUST(t->output >= 0 && t->reasoning >= 0);
    MUST(facts->has_usage == (t->source == TOKENS_PROVIDER));
    MUST(!facts->has_usage || facts->has_usage_member);
    MUST(!facts->only_usage || facts->has_usage);
    MUST(facts->content_bytes >= 0);
    MUST(facts->error_status == 0 || (facts->error_status >= 400 && facts->error_status < 600));
    MUST(facts->has_error || facts->error_status == 0);
    for (size_t i = 0; i < facts->error_text.n; i++)
        MUST(facts->has_error && facts->error_text.p[i] != (char)0xFF);
}

/* The members of `before` but usage are those of `after`, in their order. */
static void check_same_besides(yyjson_val *before, yyjson_val *after)
{
    yyjson_obj_iter iter = yyjson_obj_iter_with(after);
    size_t i, n;
    yyjson_val *key, *value;
    yyjson_obj_foreach(before, i, n, key, value)
    {
        if (str_eq(json_str(key), STR("usage")))
            continue;
        yyjson_val *other = yyjson_obj_iter_next(&iter);
        MUST(other && str_eq(json_str(other), json_str(key)));
        MUST(yyjson_equals(yyjson_obj_iter_get_val(other), value));
    }
    MUST(!yyjson_obj_iter_has_next(&iter));
}

static void check_cut(struct str data)
{
    struct arena a;
    struct buf raw, out;
    arena_init(&a, 64u << 20);
    buf_init(&raw, data.n + 16);
    buf_init(&out, data.n + 16);
    buf_str(&raw, STR("data: "));
    buf_str(&raw, data);
    buf_str(&raw, STR("\n\n"));
    struct str all = buf_view(&raw), inside = str_head(str_tail(all, 6), data.n);
    struct llm_facts facts;
    if (openai_event_read(inside, &facts) == 0 && facts.usage_cut.to > 0) {
        MUST(openai_event_without_usage(all, inside, &facts, &out) == 0);
        struct str cut = buf_view(&out);
        MUST(str_starts(cut, STR("data: ")) && str_ends(cut, STR("\n\n")));
        yyjson_val *before = parsed(&a, data);
        yyjson_val *after = parsed(&a, str_head(str_tail(cut, 6), cut.n - 8));
        MUST(!before || (after && yyjson_is_obj(after) && !yyjson_obj_get(after, "usage")));
        if (before)
            check_same_besides(before, after);
    }
    buf_fini(&out);
    buf_fini(&raw);
    arena_fini(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data, size};
    for (unsigned op = 0; op < OP_COUNT; op++)
        check_request((enum llm_op)op, text);
    struct llm_facts facts;
    int answer = openai_answer_read(text, &facts);
    MUST(answer == 0 || answer == E_UPSTREAM_BODY);
    if (answer == 0)
        check_facts(&facts);
    int event = openai_event_read(text, &facts);
    MUST(event == 0 || event == E_UPSTREAM_BODY);
    if (event == 0)
        check_facts(&facts);
    MUST(event == answer || (event == 0 && facts.done));
    bool done = event == 0 && facts.done;
    MUST(openai_stream_event_read(STR("error"), text, &facts) == 0 && facts.has_error);
    check_facts(&facts);
    MUST(openai_stream_event_read(STR("other"), text, &facts) == 0);
    MUST(!facts.unread || (!facts.has_error && !facts.done));
    MUST(!done || !facts.unread);
    int named = openai_stream_event_read(STR("message"), text, &facts);
    MUST(named == event || (named == 0 && facts.unread));
    check_cut(text);
    return 0;
}
