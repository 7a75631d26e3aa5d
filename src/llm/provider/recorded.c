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
 * What sluice recorded itself (turn/recording/recording.h) is played as it was answered, to those
 * who speak its protocol: lines with "turn", of which "request" and "asked" are looked at, too (the
 * same request comes before the same prompt), "api", and "stream", a list of events with their
 * framing. Of those, turns that came to no good end are passed over, and so is a last line that was
 * torn. "file" may then be the whole folder.
 *
 * heap: recordings live as long as the configuration that named their file.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <dirent.h>
#include <sys/stat.h>
#include <xxhash.h>

#include "base/clock.h"
#include "base/json.h"
#include "conf/conf.h"
#include "llm/call.h"
#include "llm/kinds.h"
#include "llm/provider/recorded_check.h"
#include "llm/wire.h"
#include "rt/task.h"

#define FILE_BYTES_MAX   (256u * 1024 * 1024)
#define ANSWER_BYTES_MAX (64u * 1024 * 1024)
#define STALL_MS         (24 * 3600 * 1000LL)

struct recording {
    struct str model, prompt;  /* p == NULL: any */
    struct str asked, request; /* p == NULL: nobody knows */
    const struct wire *wire;   /* NULL: written by hand, for those of OpenAI */
    yyjson_val *line;
    unsigned played;
    struct recording *next; /* in its list below */
};

/* All that a turn may be recorded in; OpenAI's chat is first, as every other is carried over into
 * it where nobody recorded it. */
static const struct wire *const playable[] = {&wire_openai_chat,      &wire_openai_completion,
                                              &wire_openai_embedding, &wire_anthropic,
                                              &wire_anthropic_count,  &wire_responses};
#define WIRES_BY_HAND 3

struct recordings {
    struct arena arena;
    unsigned n, cap;
    struct recording *at;
    size_t lists_n;
    struct recording **lists; /* by the prompt's hash; the one behind them: of lines without one */
    const struct wire *wires[ARRAY_LEN(playable) + 1]; /* of which there are lines */
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

static struct str prompt_in(yyjson_val *root, enum llm_op op, struct arena *arena);

static const struct wire *wire_playable(struct str api)
{
    for (unsigned i = 0; i < ARRAY_LEN(playable); i++)
        if (str_eq(api, str_from(playable[i]->name)))
            return playable[i];
    return NULL;
}

/* A line of sluice's own. Its request is the best that it can be known by. */
static int turn_read(struct arena *arena, struct recording *r)
{
    yyjson_doc *doc = NULL;
    struct fault ignored = {0};
    r->asked = json_get_str(r->line, "asked");
    r->request = json_get_str(r->line, "request");
    int err = json_parse(arena, r->request, &doc, &ignored);
    if (!err)
        r->prompt = prompt_in(yyjson_doc_get_root(doc),
                              r->wire == &wire_openai_completion ? OP_COMPLETION : OP_CHAT, arena);
    return err == E_BAD_JSON ? 0 : err;
}

static bool is_played(yyjson_val *line, const struct wire *wire)
{
    return wire && str_eq(json_get_str(line, "state"), STR("done")) &&
           json_get_i64(line, "status", 0) == 200;
}

static int line_keep(struct recordings *all, const struct recording *r)
{
    if (all->n == all->cap) {
        all->cap = all->cap ? all->cap * 2 : 64;
        struct recording *more = realloc(all->at, all->cap * sizeof(*more));
        if (!more)
            return E_MEMORY;
        all->at = more;
    }
    all->at[all->n++] = *r;
    return 0;
}

/* `whole`: the line has its end. */
static int line_add(struct recordings *all, struct str text, bool whole, struct fault *f)
{
    yyjson_doc *doc = NULL;
    int err = json_parse(&all->arena, text, &doc, f);
    if (err == E_BAD_JSON && !whole && str_starts(text, STR("{\"turn\":"))) {
        fault_clear(f);
        return 0;
    }
    if (err)
        return err;
    yyjson_val *root = yyjson_doc_get_root(doc);
    if (!yyjson_is_obj(root))
        return fault_set(f, E_CONFIG, "a line has to be a JSON object");
    struct recording r = {
        .model = json_get_str(root, "model"), .prompt = json_get_str(root, "prompt"), .line = root};
    if (yyjson_obj_get(root, "turn")) {
        r.wire = wire_playable(json_get_str(root, "api"));
        if (!is_played(root, r.wire))
            return 0;
        err = turn_read(&all->arena, &r);
    } else {
        err = recorded_line_check(root, f);
    }
    return err ? err : line_keep(all, &r);
}

static int file_read(struct recordings *all, const char *path, struct fault *f)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return fault_set(f, E_CONFIG, "cannot be read: %s", strerror(errno));
    char *line = NULL;
    size_t room = 0;
    ssize_t n;
    unsigned number = 0;
    int err = 0;
    while (!err && (n = getline(&line, &room, file)) >= 0) {
        struct fault own = {0};
        struct str text = str_trim(str_of(line, (size_t)n));
        number++;
        if (text.n > 0)
            err = line_add(all, text, line[n - 1] == '\n', &own);
        if (err)
            err = fault_set(f, E_CONFIG, "line %u: %s", number, why_text(&own, err));
    }
    free(line);
    (void)fclose(file);
    return err;
}

static int is_recordings(const struct dirent *entry)
{
    struct str name = str_from(entry->d_name);
    return str_starts(name, STR("sluice-")) && str_ends(name, STR(".jsonl"));
}

/* The files in it, in the order of their names, which is that of time. */
static int folder_read(struct recordings *all, const char *path, struct fault *f)
{
    struct dirent **names = NULL;
    int n = scandir(path, &names, is_recordings, alphasort);
    if (n < 0)
        return fault_set(f, E_CONFIG, "cannot be read: %s", strerror(errno));
    int err = n ? 0 : fault_set(f, E_CONFIG, "there is no recording in it");
    for (int i = 0; i < n; i++) {
        struct fault own = {0};
        struct str file = arena_printf(&all->arena, "%s/%s", path, names[i]->d_name);
        if (!err)
            err = file.p ? file_read(all, file.p, &own) : E_MEMORY;
        if (err && own.err)
            (void)fault_set(f, err, "%s: %s", names[i]->d_name, fault_text(&own));
        free(names[i]);
    }
    free(names);
    return err;
}

static int any_read(struct recordings *all, const char *path, struct fault *f)
{
    struct stat s;
    bool folder = stat(path, &s) == 0 && S_ISDIR(s.st_mode);
    return folder ? folder_read(all, path, f) : file_read(all, path, f);
}

/* Beside those of OpenAI, in which lines are written by hand, the ones that were recorded. */
static void wires_find(struct recordings *all)
{
    unsigned n = 0;
    for (unsigned i = 0; i < ARRAY_LEN(playable); i++) {
        bool speaks = i < WIRES_BY_HAND;
        for (unsigned k = 0; k < all->n && !speaks; k++)
            speaks = all->at[k].wire == playable[i];
        if (speaks)
            all->wires[n++] = playable[i];
    }
}

static struct recording **list_of(const struct recordings *all, struct str prompt)
{
    return &all->lists[prompt.p ? XXH3_64bits(prompt.p, prompt.n) % all->lists_n : all->lists_n];
}

/* Each list is in the order of the file. */
static int lists_make(struct recordings *all)
{
    all->lists_n = all->n + 1;
    all->lists = calloc(all->lists_n + 1, sizeof(struct recording *));
    for (unsigned i = all->n; all->lists && i-- > 0;) {
        struct recording **list = list_of(all, all->at[i].prompt);
        all->at[i].next = *list;
        *list = &all->at[i];
    }
    return all->lists ? 0 : E_MEMORY;
}

static void recordings_free(struct recordings *all)
{
    free(all->lists);
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
    int err = any_read(all, p->settings->file.p, &f);
    if (!err)
        err = lists_make(all);
    if (err) {
        conf_complain(doc, &p->settings->file, "%.*s: %s", STR_ARGS(p->settings->file),
                      why_text(&f, err));
        recordings_free(all);
        return E_CONFIG;
    }
    wires_find(all);
    p->own = all;
    p->wires = all->wires;
    return 0;
}

static void recorded_close(struct provider *p)
{
    recordings_free(p->own);
    p->own = NULL;
    p->wires = NULL;
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

static struct str prompt_in(yyjson_val *root, enum llm_op op, struct arena *arena)
{
    yyjson_val *messages = yyjson_obj_get(root, "messages");
    yyjson_val *input = yyjson_obj_get(root, op == OP_COMPLETION ? "prompt" : "input");
    struct str found = STR_NONE;
    size_t i, n;
    yyjson_val *m;
    yyjson_arr_foreach(messages ? messages : input, i, n, m)
    {
        if (str_eq(json_get_str(m, "role"), STR("user")))
            found = content_text(yyjson_obj_get(m, "content"), arena);
    }
    if (!messages && !found.p)
        found = content_text(input, arena);
    return arena_str(arena, found);
}

/* How well a line fits; -1: not at all. */
static int fit_of(const struct recording *r, const struct llm_call *c, struct str prompt)
{
    struct str model = c->target->model;
    bool by_hand = c->out->wire != &wire_anthropic && c->out->wire != &wire_anthropic_count &&
                   c->out->wire != &wire_responses;
    bool streamed = yyjson_obj_get(r->line, "stream") != NULL;
    if (r->wire ? r->wire != c->out->wire || streamed != c->request->stream : !by_hand)
        return -1;
    if (r->model.p && !str_eq(r->model, model) && !(r->asked.p && str_eq(r->asked, model)))
        return -1;
    if (r->request.p && str_eq(r->request, c->out->body))
        return 4;
    if (r->prompt.p && !str_eq(r->prompt, prompt))
        return -1;
    return (r->prompt.p ? 2 : 0) + (r->model.p ? 1 : 0);
}

/* The best fitting line that was played least; NULL when none fits. */
static struct recording *choose(struct recordings *all, const struct llm_call *c, struct str prompt)
{
    struct recording *best = NULL;
    int best_fit = -1;
    struct recording *const lists[] = {*list_of(all, prompt), *list_of(all, STR_NONE)};
    for (unsigned i = 0; i < ARRAY_LEN(lists); i++)
        for (struct recording *r = lists[i]; r; r = r->next) {
            int fit = fit_of(r, c, prompt);
            if (fit > best_fit || (best && fit == best_fit && r->played < best->played)) {
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

/* As they were, framing and all. */
static unsigned stream_write(struct buf *out, yyjson_val *events)
{
    size_t i, n;
    yyjson_val *e;
    yyjson_arr_foreach(events, i, n, e) buf_str(out, json_str(e));
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
    yyjson_val *stream = yyjson_obj_get(line, "stream");
    buf_init(&p->bytes, ANSWER_BYTES_MAX);
    p->pieces = 1;
    if (body) {
        text_or_json(&p->bytes, body);
    } else if (plays_stream(c, line)) {
        p->pieces = stream   ? stream_write(&p->bytes, stream)
                    : events ? events_write(&p->bytes, events)
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
    struct str prompt = prompt_in(json_peek(c->out->body), c->request->op, c->arena);
    p->r = choose(all, c, prompt);
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
    .summary = "plays a file of answers; a folder of recordings in the protocols that they are in",
    .transport = &transport_recorded,
    .open = recorded_open,
    .close = recorded_close,
    .wires = recorded_wires,
};
