/*
 * bench.c: `sluice bench`: how fast does a server of OpenAI's protocol answer?
 *
 * A fixed number of clients ask one after the other (closed loop), so it shows what so many users
 * would see, not how much the server could take; bench/ in the sources has the tools for that.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "http/client.h"
#include "http/sse.h"
#include "llm/openai.h"
#include "llm/upstream.h"
#include "net/tls.h"
#include "net/upool.h"
#include "rt/loop.h"
#include "rt/task.h"

#define REQUESTS_MAX     1000000
#define CLIENTS_MAX      1000
#define ANSWER_BYTES_MAX (64u * 1024 * 1024)

struct sample {
    int64_t first_us, total_us;
};

struct bench {
    struct url url;
    struct upool *pool;
    struct str host;
    struct str authorization;
    struct str target;
    struct str body;
    struct arena arena;
    unsigned requests, clients, begun, failed, done;
    bool stream, progress;
    struct sample *samples;
    int64_t tokens_in, tokens_out;
    char first_error[200];
    int err;
};

static void error_keep(struct bench *b, const char *what, struct str detail)
{
    b->failed++;
    if (!b->first_error[0])
        snprintf(b->first_error, sizeof(b->first_error), "%s%s%.*s", what, detail.n ? ": " : "",
                 STR_ARGS(str_head(detail, 150)));
}

/* Usage where the answer has it; a stream's last events do when the server sends it. */
static void tokens_count(struct bench *b, struct str data, bool event)
{
    struct llm_facts facts;
    int err = event ? openai_event_read(data, &facts) : openai_answer_read(data, &facts);
    if (err || !facts.has_usage)
        return;
    b->tokens_in += tokens_prompt(&facts.usage);
    b->tokens_out += tokens_completion(&facts.usage);
}

static int body_take(struct bench *b, struct http_call *call, struct buf *whole)
{
    struct sse sse;
    sse_init(&sse, ANSWER_BYTES_MAX);
    int err = 0;
    for (bool more = true; more && !err;) {
        struct str piece;
        err = http_call_read(call, &piece);
        more = !err && piece.n > 0;
        if (more && !b->stream)
            err = buf_str(whole, piece);
        if (!more || !b->stream)
            continue;
        struct sse_event e = {0};
        sse_feed(&sse, piece);
        while (!(err = sse_next(&sse, &e)) && e.raw.n > 0)
            tokens_count(b, e.data, true);
    }
    sse_fini(&sse);
    return err;
}

static int ask(struct bench *b, struct arena *arena, struct sample *sample, struct buf *whole,
               int *ret_status)
{
    struct upool_conn *conn = NULL;
    struct fault f = {0};
    int64_t began = clock_mono_us();
    int err = upool_get(b->pool, false, &conn, &f);
    if (err)
        return err;
    struct http_call call;
    struct http_headers headers;
    http_headers_init(&headers, arena);
    err = http_headers_add(&headers, STR("Host"), b->host);
    if (!err)
        err = http_headers_add(&headers, STR("Content-Type"), STR("application/json"));
    if (!err && b->authorization.n)
        err = http_headers_add(&headers, STR("Authorization"), b->authorization);
    struct iovec body = {(void *)(uintptr_t)b->body.p, b->body.n};
    http_call_begin(&call, conn, arena, &http_limits_default);
    if (!err)
        err = http_call_send(&call, STR("POST"), b->target, &headers, &body, 1);
    if (!err)
        err = http_call_head(&call);
    if (!err) {
        *ret_status = call.status;
        sample->first_us = clock_mono_us() - began;
        err = body_take(b, &call, whole);
    }
    http_call_end(&call);
    sample->total_us = clock_mono_us() - began;
    return err;
}

static void progress_show(const struct bench *b)
{
    if (b->progress)
        fprintf(stderr, "\r%u of %u, %u failed ", b->done + b->failed, b->requests, b->failed);
}

static void client(void *arg)
{
    struct bench *b = arg;
    while (b->begun < b->requests && !task_canceled(task_self())) {
        b->begun++;
        struct arena arena;
        struct buf whole;
        arena_init(&arena, 4u << 20);
        buf_init(&whole, ANSWER_BYTES_MAX);
        struct sample sample = {0};
        int status = 0;
        int err = ask(b, &arena, &sample, &whole, &status);
        if (err) {
            error_keep(b, err_text(err), STR_NONE);
        } else if (status != 200) {
            char text[32];
            snprintf(text, sizeof(text), "status %d", status);
            error_keep(b, text, buf_view(&whole));
        } else {
            if (!b->stream)
                tokens_count(b, buf_view(&whole), false);
            b->samples[b->done++] = sample;
        }
        buf_fini(&whole);
        arena_fini(&arena);
        progress_show(b);
    }
}

static void run_all(void *arg)
{
    struct bench *b = arg;
    struct group g;
    group_init(&g);
    for (unsigned i = 0; i < b->clients && !b->err; i++)
        b->err = group_spawn(&g, "bench client", client, b);
    group_join(&g);
    upool_free(b->pool);
    loop_stop();
}

/* ---- the result ---- */

static int by_first(const void *a, const void *b)
{
    int64_t x = ((const struct sample *)a)->first_us, y = ((const struct sample *)b)->first_us;
    return x < y ? -1 : x > y;
}

static int by_total(const void *a, const void *b)
{
    int64_t x = ((const struct sample *)a)->total_us, y = ((const struct sample *)b)->total_us;
    return x < y ? -1 : x > y;
}

/* Nearest rank. */
static double percentile_ms(const struct bench *b, unsigned percent, bool first)
{
    unsigned rank = (b->done * percent + 99) / 100;
    const struct sample *s = &b->samples[rank > 0 ? rank - 1 : 0];
    return (double)(first ? s->first_us : s->total_us) / 1000;
}

static void row_print(struct bench *b, const char *name, bool first, bool json)
{
    static const unsigned percents[] = {50, 90, 99, 100};
    qsort(b->samples, b->done, sizeof(*b->samples), first ? by_first : by_total);
    printf(json ? ",\"%s_ms\":{" : "%-12s", name);
    for (unsigned i = 0; i < ARRAY_LEN(percents); i++) {
        double ms = percentile_ms(b, percents[i], first);
        if (json)
            printf("%s\"p%u\":%.3f", i ? "," : "", percents[i], ms);
        else
            printf(" %10.1f", ms);
    }
    puts(json ? "}" : "");
}

static void result_print(struct bench *b, int64_t took_us, bool json)
{
    double seconds = (double)took_us / 1e6;
    if (json)
        printf("{\"requests\":%u,\"failed\":%u,\"seconds\":%.3f,\"requests_per_second\":%.2f,"
               "\"tokens_in\":%lld,\"tokens_out\":%lld\n",
               b->done, b->failed, seconds, b->done / seconds, (long long)b->tokens_in,
               (long long)b->tokens_out);
    else
        printf("%u answered, %u failed in %.1f s (%.1f a second); tokens in %lld, out %lld\n",
               b->done, b->failed, seconds, b->done / seconds, (long long)b->tokens_in,
               (long long)b->tokens_out);
    if (b->done > 0 && !json)
        printf("%-12s %10s %10s %10s %10s\n", "ms", "p50", "p90", "p99", "max");
    if (b->done > 0) {
        row_print(b, "first_byte", true, json);
        row_print(b, "total", false, json);
    }
    if (json)
        puts("}");
    if (b->failed)
        fprintf(stderr, "the first failure: %s\n", b->first_error);
}

/* ---- the way in ---- */

struct wish {
    const char *url, *key, *model, *prompt, *max_tokens, *requests, *concurrency;
    bool stream, json;
};

static const struct command_option options[] = {
    {"--url", "URL", offsetof(struct wish, url), "base URL (default: http://127.0.0.1:8080/v1)",
     VALUE_ANY, NULL},
    {"--key", "KEY", offsetof(struct wish, key),
     "API key (default: the environment's OPENAI_API_KEY)", VALUE_ANY, NULL},
    {"--model", "NAME", offsetof(struct wish, model), "(default: assistant)", VALUE_ANY, NULL},
    {"--prompt", "TEXT", offsetof(struct wish, prompt), "(default: Say hello.)", VALUE_ANY, NULL},
    {"--max-tokens", "N", offsetof(struct wish, max_tokens), "of each answer (default: 32)",
     VALUE_ANY, NULL},
    {"--requests", "N", offsetof(struct wish, requests), "in all (default: 20)", VALUE_ANY, NULL},
    {"--concurrency", "N", offsetof(struct wish, concurrency), "clients at once (default: 2)",
     VALUE_ANY, NULL},
    {"--stream", NULL, offsetof(struct wish, stream), "ask for streams", VALUE_ANY, NULL},
    {"--json", NULL, offsetof(struct wish, json), "the result as JSON", VALUE_ANY, NULL},
    {0},
};

static int number(const char *text, unsigned max, unsigned otherwise, unsigned *ret_n)
{
    uint64_t n = otherwise;
    if (text && (!str_to_u64(str_from(text), max, &n) || n == 0))
        return options_wrong(&command_bench, "'%s' is no number from 1 to %u", text, max);
    *ret_n = (unsigned)n;
    return 0;
}

static int body_make(struct bench *b, const struct wish *w, unsigned max_tokens)
{
    struct buf out;
    buf_init(&out, 1u << 20);
    buf_str(&out, STR("{\"model\":"));
    json_quote(&out, str_from(w->model ? w->model : "assistant"));
    buf_str(&out, STR(",\"messages\":[{\"role\":\"user\",\"content\":"));
    json_quote(&out, str_from(w->prompt ? w->prompt : "Say hello."));
    buf_printf(&out, "}],\"max_tokens\":%u", max_tokens);
    if (w->stream)
        buf_str(&out, STR(",\"stream\":true,\"stream_options\":{\"include_usage\":true}"));
    buf_char(&out, '}');
    b->body = out.failed ? STR_NONE : arena_str(&b->arena, buf_view(&out));
    buf_fini(&out);
    const char *key = w->key ? w->key : getenv("OPENAI_API_KEY");
    if (key)
        b->authorization = arena_printf(&b->arena, "Bearer %s", key);
    b->target = arena_printf(&b->arena, "%.*s/chat/completions", STR_ARGS(b->url.path));
    b->host = arena_printf(&b->arena, "%.*s:%u", STR_ARGS(b->url.host), b->url.port);
    return b->body.p && b->target.p && b->host.p ? 0 : E_MEMORY;
}

static int pool_make(struct bench *b, struct fault *f)
{
    struct tls_context *tls = NULL;
    int err = loop_init();
    if (!err && b->url.tls)
        err = tls_context_new(&(struct tls_settings){0}, &tls, f);
    struct str host = arena_str(&b->arena, b->url.host);
    if (!err)
        err = upool_new(&(struct upool_settings){.host = host.p,
                                                 .port = b->url.port,
                                                 .tls = tls,
                                                 .idle_max = CLIENTS_MAX,
                                                 .idle_ms = 60000,
                                                 .connect_ms = 10000},
                        &b->pool);
    return err;
}

static int bench(struct bench *b, bool json)
{
    int64_t began = clock_mono_us();
    int err = task_spawn("bench", run_all, b, NULL);
    if (!err)
        err = loop_run();
    err = err ? err : b->err;
    if (b->progress)
        fputs("\r                                        \r", stderr);
    if (err) {
        fprintf(stderr, "sluice bench: %s\n", err_text(err));
        return EXIT_COULD_NOT;
    }
    result_print(b, clock_mono_us() - began, json);
    return b->failed ? EXIT_BAR : EXIT_DONE;
}

static int run(int argc, char **argv)
{
    struct wish w = {.url = "http://127.0.0.1:8080/v1"};
    int words = 0;
    int code = options_read(&command_bench, &w, argc, argv, &words);
    if (code >= 0)
        return code;
    struct bench b = {.stream = w.stream, .progress = isatty(STDERR_FILENO)};
    struct fault f = {0};
    unsigned max_tokens = 0;
    if (words > 0)
        return options_too_much(&command_bench, argv[1]);
    if (url_parse(str_from(w.url), "leave them out", &b.url, &f) != 0)
        return options_wrong(&command_bench, "%s", fault_text(&f));
    code = number(w.requests, REQUESTS_MAX, 20, &b.requests);
    code = code ? code : number(w.concurrency, CLIENTS_MAX, 2, &b.clients);
    code = code ? code : number(w.max_tokens, REQUESTS_MAX, 32, &max_tokens);
    if (code)
        return code;
    arena_init(&b.arena, 16u << 20);
    b.samples = calloc(b.requests, sizeof(*b.samples));
    int err = b.samples ? body_make(&b, &w, max_tokens) : E_MEMORY;
    if (!err)
        err = pool_make(&b, &f);
    if (err)
        fprintf(stderr, "sluice bench: %s\n", why_text(&f, err));
    code = err ? EXIT_COULD_NOT : bench(&b, w.json);
    free(b.samples);
    arena_fini(&b.arena);
    return code;
}

const struct command command_bench = {
    .name = "bench",
    .summary = "measure how fast answers come",
    .usage = "bench [OPTIONS]",
    .about =
        "Sends chat requests and shows how long they took: to an answer's first byte, and in all.\n"
        "It spends real tokens where a real provider answers.\n",
    .options = options,
    .notes = "Exit codes: 0 all answered, 1 some failed, 2 wrong use, 3 could not run.\n",
    .run = run,
};
