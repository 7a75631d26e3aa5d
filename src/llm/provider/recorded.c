/*
 * recorded.c: plays a file of answers: the base of tests, evals and tuning.
 *
 * One JSON object a line. What it answers to:
 *   "model"   the model's name; absent: any
 *   "prompt"  the last user message's text (or the prompt, or the input); absent: any
 * Lines that fit exactly come before lines that leave something open; of several that fit equally
 * the next one is played each time, round and round.
 * What it answers:
 *   "answer"  text, from which an answer or a stream of events is made; or
 *   "body"    the whole answer as an object; or "events", a list of objects (and "[DONE]")
 *   "status"  HTTP status (200); "headers" a map of texts
 *   "tokens"  {"input", "cached", "output", "reasoning"}
 *   "cost_usd" what it cost then, in place of the price list: a number
 *   "first_ms", "total_ms"  how long it took to the first byte, and in all
 *   "fault"   "reset", "cut" (in the middle) or "stall"
 *
 * heap: recordings live as long as the configuration that named their file.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"
#include "conf/conf.h"
#include "llm/call.h"
#include "llm/kinds.h"
#include "llm/wire.h"
#include "rt/task.h"

#define FILE_BYTES_MAX   (256u * 1024 * 1024)
#define ANSWER_BYTES_MAX (64u * 1024 * 1024)
#define STALL_MS         (24 * 3600 * 1000LL)

struct recording {
    struct str model, prompt; /* p == NULL: any */
    yyjson_val *line;
    unsigned played;
};

struct recordings {
    struct arena arena;
    unsigned n;
    struct recording *at;
};

/* What is being played for one call; in the call's arena. */
struct player {
    struct recording *r;
    struct buf bytes;  /* the whole answer, as it would have come */
    size_t given, cut; /* cut: where the fault strikes; SIZE_MAX: nowhere */
    unsigned pieces, piece;
    int64_t pause_ms; /* between pieces */
    bool stalls;
};

/* ---- the file ---- */

static int line_add(struct recordings *all, struct str text, unsigned *cap, struct fault *f)
{
    yyjson_doc *doc = NULL;
    int err = json_parse(&all->arena, text, &doc, f);
    if (err)
        return err;
    yyjson_val *root = yyjson_doc_get_root(doc);
    if (!yyjson_is_obj(root))
        return fault_set(f, E_CONFIG, "a line has to be a JSON object");
    if (all->n == *cap) {
        *cap = *cap ? *cap * 2 : 64;
        struct recording *more = realloc(all->at, *cap * sizeof(*more));
        if (!more)
            return E_MEMORY;
        all->at = more;
    }
    all->at[all->n++] = (struct recording){
        .model = json_get_str(root, "model"), .prompt = json_get_str(root, "prompt"), .line = root};
    return 0;
}

static int file_read(struct recordings *all, const char *path, struct fault *f)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return fault_set(f, E_CONFIG, "cannot be read: %s", strerror(errno));
    char *line = NULL;
    size_t room = 0;
    ssize_t n;
    unsigned number = 0, cap = 0;
    int err = 0;
    while (!err && (n = getline(&line, &room, file)) >= 0) {
        struct fault own = {0};
        struct str text = str_trim(str_of(line, (size_t)n));
        number++;
        if (text.n > 0)
            err = line_add(all, text, &cap, &own);
        if (err)
            err = fault_set(f, E_CONFIG, "line %u: %s", number, fault_text(&own));
    }
    free(line);
    (void)fclose(file);
    return err;
}

static void recordings_free(struct recordings *all)
{
    arena_fini(&all->arena);
    free(all->at);
    free(all);
}

static int recorded_open(struct provider *p, struct conf_doc *doc)
{
    if (p->settings->file.n == 0) {
        conf_complain(doc, p->settings, "kind recorded needs a 'file' of answers to play");
        return E_CONFIG;
    }
    struct recordings *all = calloc(1, sizeof(*all));
    if (!all)
        return E_MEMORY;
    arena_init_private(&all->arena, FILE_BYTES_MAX);
    struct fault f = {0};
    int err = file_read(all, p->settings->file.p, &f);
    if (err) {
        conf_complain(doc, &p->settings->file, "%.*s: %s", STR_ARGS(p->settings->file),
                      f.err ? fault_text(&f) : err_text(err));
        recordings_free(all);
        return E_CONFIG;
    }
    p->own = all;
    return 0;
}

static void recorded_close(struct provider *p)
{
    recordings_free(p->own);
    p->own = NULL;
}

/* ---- which line ---- */

/* A message's text: the string, or the text parts of a list. */
static struct str content_text(yyjson_val *content, struct arena *arena)
{
    if (!yyjson_is_arr(content))
        return json_str(content);
    struct str all = STR("");
    size_t i, n;
    yyjson_val *part;
    yyjson_arr_foreach(content, i, n, part)
    {
        struct str text = yyjson_is_str(part) ? json_str(part) : json_get_str(part, "text");
        if (text.n)
            all = arena_printf(arena, "%.*s%.*s", STR_ARGS(all), STR_ARGS(text));
    }
    return all;
}

static struct str prompt_of(struct str body, enum llm_op op, struct arena *arena)
{
    yyjson_val *root = json_peek(body);
    yyjson_val *messages = yyjson_obj_get(root, "messages");
    struct str found = STR_NONE;
    size_t i, n;
    yyjson_val *m;
    yyjson_arr_foreach(messages, i, n, m)
    {
        if (str_eq(json_get_str(m, "role"), STR("user")))
            found = content_text(yyjson_obj_get(m, "content"), arena);
    }
    if (!messages) {
        yyjson_val *prompt = yyjson_obj_get(root, op == OP_COMPLETION ? "prompt" : "input");
        found = content_text(prompt, arena);
    }
    return arena_str(arena, found);
}

/* The best fitting line that was played least; NULL when none fits. */
static struct recording *choose(struct recordings *all, struct str model, struct str prompt)
{
    struct recording *best = NULL;
    int best_fit = -1;
    for (unsigned i = 0; i < all->n; i++) {
        struct recording *r = &all->at[i];
        bool other_model = r->model.p && !str_eq(r->model, model);
        if (other_model || (r->prompt.p && !str_eq(r->prompt, prompt)))
            continue;
        int fit = (r->prompt.p ? 2 : 0) + (r->model.p ? 1 : 0);
        if (fit > best_fit || (fit == best_fit && r->played < best->played)) {
            best = r;
            best_fit = fit;
        }
    }
    return best;
}

/* ---- its answer as bytes ---- */

static void usage_write(struct buf *out, yyjson_val *tokens)
{
    int64_t input = json_get_i64(tokens, "input", 0), cached = json_get_i64(tokens, "cached", 0);
    int64_t output = json_get_i64(tokens, "output", 0);
    int64_t reasoning = json_get_i64(tokens, "reasoning", 0);
    buf_printf(out,
               "{\"prompt_tokens\":%lld,\"completion_tokens\":%lld,\"total_tokens\":%lld,"
               "\"prompt_tokens_details\":{\"cached_tokens\":%lld},"
               "\"completion_tokens_details\":{\"reasoning_tokens\":%lld}}",
               (long long)(input + cached), (long long)(output + reasoning),
               (long long)(input + cached + output + reasoning), (long long)cached,
               (long long)reasoning);
}

static void head_write(struct buf *out, const struct llm_call *c, const char *object)
{
    buf_printf(out, "{\"id\":\"recorded\",\"object\":\"%s\",\"created\":%lld,\"model\":", object,
               (long long)(clock_wall_us() / 1000000));
    json_quote(out, c->target->model);
}

static void play_whole_write(struct buf *out, const struct llm_call *c, yyjson_val *line)
{
    bool chat = c->request->op == OP_CHAT;
    head_write(out, c, chat ? "chat.completion" : "text_completion");
    buf_str(out, STR(",\"choices\":[{\"index\":0,"));
    buf_str(out, chat ? STR("\"message\":{\"role\":\"assistant\",\"content\":") : STR("\"text\":"));
    json_quote(out, json_get_str(line, "answer"));
    buf_str(out, chat ? STR("}") : STR(""));
    buf_str(out, STR(",\"finish_reason\":\"stop\"}]"));
    yyjson_val *tokens = yyjson_obj_get(line, "tokens");
    if (tokens) {
        buf_str(out, STR(",\"usage\":"));
        usage_write(out, tokens);
    }
    buf_char(out, '}');
}

static void event_write(struct buf *out, const struct llm_call *c, struct str word, bool first,
                        bool last)
{
    bool chat = c->request->op == OP_CHAT;
    buf_str(out, STR("data: "));
    head_write(out, c, chat ? "chat.completion.chunk" : "text_completion");
    buf_str(out, STR(",\"choices\":[{\"index\":0,"));
    buf_str(out, chat ? STR("\"delta\":{") : STR("\"text\":"));
    if (chat && first)
        buf_str(out, STR("\"role\":\"assistant\","));
    if (chat && !last)
        buf_str(out, STR("\"content\":"));
    if (!last)
        json_quote(out, word);
    else if (!chat)
        buf_str(out, STR("\"\""));
    buf_str(out, chat ? STR("}") : STR(""));
    buf_printf(out, ",\"finish_reason\":%s}]}\n\n", last ? "\"stop\"" : "null");
}

/* A word an event, as models speak; then the end, the usage and [DONE]. */
static unsigned play_stream_write(struct buf *out, const struct llm_call *c, yyjson_val *line)
{
    struct str rest = json_get_str(line, "answer");
    unsigned events = 0;
    while (rest.n > 0) {
        size_t n = 1;
        while (n < rest.n && rest.p[n] != ' ')
            n++;
        event_write(out, c, str_head(rest, n), events == 0, false);
        rest = str_tail(rest, n);
        events++;
    }
    event_write(out, c, STR(""), false, true);
    yyjson_val *tokens = yyjson_obj_get(line, "tokens");
    if (tokens) {
        buf_str(out, STR("data: "));
        head_write(out, c, c->request->op == OP_CHAT ? "chat.completion.chunk" : "text_completion");
        buf_str(out, STR(",\"choices\":[],\"usage\":"));
        usage_write(out, tokens);
        buf_str(out, STR("}\n\n"));
    }
    buf_str(out, STR("data: [DONE]\n\n"));
    return events;
}

/* A text stands for itself, so that a recording can hold what is no JSON. */
static void text_or_json(struct buf *out, yyjson_val *v)
{
    if (yyjson_is_str(v))
        buf_str(out, json_str(v));
    else
        json_value(out, v);
}

static unsigned events_write(struct buf *out, yyjson_val *events)
{
    size_t i, n;
    yyjson_val *e;
    yyjson_arr_foreach(events, i, n, e)
    {
        buf_str(out, STR("data: "));
        text_or_json(out, e);
        buf_str(out, STR("\n\n"));
    }
    return (unsigned)n;
}

static bool plays_stream(const struct llm_call *c, yyjson_val *line)
{
    return c->request->stream && !yyjson_obj_get(line, "body") && c->status == 200;
}

static int answer_make(struct llm_call *c, struct player *p)
{
    yyjson_val *line = p->r->line;
    yyjson_val *body = yyjson_obj_get(line, "body"), *events = yyjson_obj_get(line, "events");
    buf_init(&p->bytes, ANSWER_BYTES_MAX);
    p->pieces = 1;
    if (body) {
        text_or_json(&p->bytes, body);
    } else if (plays_stream(c, line)) {
        p->pieces = events ? events_write(&p->bytes, events)
                           : play_stream_write(&p->bytes, c, line);
    } else {
        play_whole_write(&p->bytes, c, line);
    }
    p->pieces = p->pieces ? p->pieces : 1;
    return p->bytes.failed;
}

static int headers_make(struct llm_call *c, yyjson_val *line)
{
    http_headers_init(&c->answer_headers, c->arena);
    int err = http_headers_add(&c->answer_headers, STR("Content-Type"),
                               plays_stream(c, line) ? STR("text/event-stream")
                                                     : STR("application/json"));
    size_t i, n;
    yyjson_val *key, *value;
    yyjson_obj_foreach(yyjson_obj_get(line, "headers"), i, n, key, value)
    {
        if (!err)
            err = http_headers_add(&c->answer_headers, json_str(key), json_str(value));
    }
    return err;
}

/* ---- the transport ---- */

static int recorded_send(struct llm_call *c, bool fresh UNUSED, struct fault *f)
{
    struct recordings *all = c->target->provider->own;
    struct player *p = ARENA_NEW(c->arena, struct player);
    if (!p)
        return E_MEMORY;
    c->own = p;
    c->connected_us = clock_mono_us();
    struct str prompt = prompt_of(c->out->body, c->request->op, c->arena);
    p->r = choose(all, c->target->model, prompt);
    if (!p->r)
        return fault_set(f, E_UPSTREAM_STATUS,
                         "provider %.*s has no recorded answer of %.*s to this prompt",
                         STR_ARGS(c->target->provider->name), STR_ARGS(c->target->model));
    p->r->played++;
    c->sent = true;
    return 0;
}

static int recorded_head(struct llm_call *c)
{
    struct player *p = c->own;
    yyjson_val *line = p->r->line;
    struct str fault = json_get_str(line, "fault");
    int64_t first_ms = json_get_i64(line, "first_ms", 0);
    int64_t total_ms = json_get_i64(line, "total_ms", first_ms);
    int err = task_sleep(str_eq(fault, STR("stall")) ? STALL_MS : first_ms);
    if (err)
        return err;
    if (str_eq(fault, STR("reset")))
        return E_RESET;
    c->got_byte = true;
    c->status = (int)json_get_i64(line, "status", 200);
    err = headers_make(c, line);
    if (!err)
        err = answer_make(c, p);
    yyjson_val *cost = yyjson_obj_get(line, "cost_usd");
    if (yyjson_is_num(cost))
        c->given_cost_usd_nanos = llround(yyjson_get_num(cost) * 1e9);
    p->pause_ms = total_ms > first_ms ? (total_ms - first_ms) / p->pieces : 0;
    p->cut = str_eq(fault, STR("cut")) ? p->bytes.n / 2 : SIZE_MAX;
    c->body_bytes = -1;
    return err;
}

static int recorded_read(struct llm_call *c, struct str *ret_piece)
{
    struct player *p = c->own;
    if (p->given >= p->cut)
        return E_UPSTREAM_CUT;
    bool paced = p->pause_ms > 0 && p->piece < p->pieces;
    int err = paced ? task_sleep(p->pause_ms) : 0;
    if (err)
        return err;
    size_t end = p->bytes.n;
    if (paced && ++p->piece < p->pieces)
        end = p->bytes.n * p->piece / p->pieces;
    end = end < p->cut ? end : p->cut;
    *ret_piece = str_of(p->bytes.p + p->given, end - p->given);
    p->given = end;
    return 0;
}

static void recorded_end(struct llm_call *c)
{
    struct player *p = c->own;
    if (p)
        buf_fini(&p->bytes);
}

const struct transport transport_recorded = {
    .send = recorded_send, .head = recorded_head, .read = recorded_read, .end = recorded_end};

static const struct wire *const recorded_wires[] = {&wire_openai_chat, &wire_openai_completion,
                                                    &wire_openai_embedding, NULL};

const struct provider_kind provider_recorded = {
    .name = "recorded",
    .summary = "plays a file of answers",
    .transport = &transport_recorded,
    .open = recorded_open,
    .close = recorded_close,
    .wires = recorded_wires,
};
