/* line.c: a recording as one line of JSON, and such a line read. */
#include <math.h>

#include "base/clock.h"
#include "base/json.h"
#include "llm/prompt.h"
#include "turn/recording/read.h"
#include "turn/recording/writer.h"

static int member_text(struct buf *out, const char *name, struct str text)
{
    if (!text.n)
        return 0;
    buf_printf(out, ",\"%s\":", name);
    return json_quote(out, text);
}

/* What clients and the configuration called things may say whom it is about, too. */
static int member_redacted(struct redact_run *run, struct buf *out, const char *name,
                           struct str text)
{
    struct str fresh;
    int err = redact_text(run, text, &fresh);
    return err ? err : member_text(out, name, fresh);
}

static int head_write(const struct recording *rec, struct redact_run *run, struct buf *out)
{
    char time[25], prompt[PROMPT_CHARS + 1];
    buf_str(out, STR("{\"turn\":"));
    json_quote(out, str_of(rec->id.text, ID_CHARS));
    member_text(out, "time", str_from(clock_iso(rec->began_wall_us, time)));
    member_text(out, "tenant", rec->tenant);
    member_text(out, "key", rec->key);
    const struct {
        const char *name;
        struct str text;
    } given[] = {{"task", rec->task},
                 {"session", rec->session},
                 {"tags", rec->tags},
                 {"asked", rec->asked},
                 {"model", rec->model}};
    member_text(out, "api", str_from(rec->api));
    if (rec->prompt)
        member_text(out, "fingerprint", str_from(prompt_text(rec->prompt, prompt)));
    member_text(out, "provider", rec->provider);
    int err = 0;
    for (unsigned i = 0; i < ARRAY_LEN(given) && !err; i++)
        err = member_redacted(run, out, given[i].name, given[i].text);
    buf_printf(out, ",\"state\":\"%s\",\"status\":%d", rec->state, rec->status);
    member_text(out, "error", str_from(rec->err));
    return err;
}

static void facts_write(const struct recording *rec, struct buf *out)
{
    const struct tokens *t = &rec->tokens;
    buf_printf(out,
               ",\"tokens\":{\"input\":%lld,\"cached\":%lld,\"cache_write\":%lld,\"output\":%lld,"
               "\"reasoning\":%lld,\"cache_write_1h\":%lld,\"counted\":\"%s\"},\"cost_usd\":",
               (long long)t->input, (long long)t->cached, (long long)t->cache_write,
               (long long)t->output, (long long)t->reasoning, (long long)t->cache_write_1h,
               rec->counted);
    cost_json_write(out, rec->cost_usd_nanos);
    buf_printf(out, ",\"calls\":%u,\"latency\":{\"total_ms\":%lld", rec->calls_n,
               (long long)(rec->total_us / 1000));
    if (rec->first_us >= 0)
        buf_printf(out, ",\"first_ms\":%lld", (long long)(rec->first_us / 1000));
    buf_char(out, '}');
}

/* The pieces as one text, in the run's memory. */
static int join(const struct recording_pieces *pieces, struct arena *arena, struct str *ret_text)
{
    char *all = arena_alloc(arena, pieces->n + 1);
    size_t n = 0;
    if (!all)
        return E_TOO_LARGE;
    for (const struct recording_piece *p = pieces->first; p; p = p->next) {
        memcpy(all + n, p->bytes, p->n);
        n += p->n;
    }
    *ret_text = str_of(all, n);
    return 0;
}

static int request_write(const struct recording *rec, struct redact_run *run, struct buf *out)
{
    struct str text, fresh;
    int err = join(&rec->request, &run->arena, &text);
    if (!err)
        err = redact_json(run, text, &fresh);
    return err ? err : member_text(out, "request", fresh);
}

static int stream_write(struct redact_run *run, struct str text, struct buf *out)
{
    struct redact_events events;
    int err = redact_stream(run, text, &events);
    buf_str(out, STR(",\"stream\":["));
    for (unsigned i = 0; i < events.n && !err; i++) {
        if (i > 0)
            buf_char(out, ',');
        json_quote(out, events.at[i]);
    }
    buf_char(out, ']');
    return err;
}

static int answer_write(const struct recording *rec, struct redact_run *run, struct buf *out)
{
    struct str text, fresh;
    int err = join(&rec->answer, &run->arena, &text);
    if (err || (text.n == 0 && !rec->streamed))
        return err;
    if (rec->streamed)
        return stream_write(run, text, out);
    err = redact_json(run, text, &fresh);
    return err ? err : member_text(out, "body", fresh);
}

static enum recording_fate fate_of(int err)
{
    return err == E_BAD_JSON  ? RECORDING_NOT_JSON
           : err == E_TIMEOUT ? RECORDING_TOO_COSTLY
           : err == E_MEMORY  ? RECORDING_NO_MEMORY
                              : RECORDING_TOO_LARGE;
}

int recording_line(struct recording *rec, struct redact_run *run, struct buf *out,
                   enum recording_fate *ret_fate)
{
    int err = head_write(rec, run, out);
    facts_write(rec, out);
    if (!err)
        err = request_write(rec, run, out);
    if (!err)
        err = answer_write(rec, run, out);
    if (!err) {
        buf_printf(out, ",\"redacted\":%llu}\n", (unsigned long long)run->hits);
        err = out->failed;
    }
    *ret_fate = err ? fate_of(err) : RECORDING_WRITTEN;
    return err;
}

/* ---- read ---- */

int recording_line_read(struct arena *arena, struct str line, struct recorded_turn *ret_turn)
{
    yyjson_doc *doc = NULL;
    struct fault ignored = {0};
    int err = json_parse(arena, line, &doc, &ignored);
    yyjson_val *root = err ? NULL : yyjson_doc_get_root(doc);
    if (err || !yyjson_is_str(yyjson_obj_get(root, "turn")))
        return err ? err : E_BAD_JSON;
    yyjson_val *tokens = yyjson_obj_get(root, "tokens"), *took = yyjson_obj_get(root, "latency");
    yyjson_val *cost = yyjson_obj_get(root, "cost_usd"), *stream = yyjson_obj_get(root, "stream");
    int64_t first_ms = json_get_i64(took, "first_ms", -1);
    *ret_turn = (struct recorded_turn){
        .turn = json_get_str(root, "turn"),
        .time = json_get_str(root, "time"),
        .tenant = json_get_str(root, "tenant"),
        .key = json_get_str(root, "key"),
        .task = json_get_str(root, "task"),
        .session = json_get_str(root, "session"),
        .tags = json_get_str(root, "tags"),
        .api = json_get_str(root, "api"),
        .fingerprint = json_get_str(root, "fingerprint"),
        .asked = json_get_str(root, "asked"),
        .model = json_get_str(root, "model"),
        .provider = json_get_str(root, "provider"),
        .state = json_get_str(root, "state"),
        .error = json_get_str(root, "error"),
        .counted = json_get_str(tokens, "counted"),
        .request = json_get_str(root, "request"),
        .body = json_get_str(root, "body"),
        .stream = yyjson_is_arr(stream) ? stream : NULL,
        .tokens = {.input = json_get_i64(tokens, "input", 0),
                   .cached = json_get_i64(tokens, "cached", 0),
                   .cache_write = json_get_i64(tokens, "cache_write", 0),
                   .cache_write_1h = json_get_i64(tokens, "cache_write_1h", 0),
                   .output = json_get_i64(tokens, "output", 0),
                   .reasoning = json_get_i64(tokens, "reasoning", 0)},
        .cost_usd_nanos = yyjson_is_num(cost) ? llround(yyjson_get_num(cost) * 1e9) : COST_UNKNOWN,
        .status = json_get_i64(root, "status", 0),
        .calls = json_get_i64(root, "calls", 0),
        .redacted = json_get_i64(root, "redacted", 0),
        .total_us = json_get_i64(took, "total_ms", 0) * 1000,
        .first_us = first_ms < 0 ? -1 : first_ms * 1000,
    };
    return 0;
}
