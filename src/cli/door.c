#include "cli/door.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "http/client.h"
#include "llm/upstream.h"
#include "net/tls.h"
#include "net/upool.h"
#include "rt/loop.h"
#include "rt/task.h"

#define ASK_MS           60000 /* a configuration may have many files to read */
#define CONNECT_MS       5000
#define ANSWER_BYTES_MAX (32u * 1024 * 1024)

struct asking {
    struct arena *arena;
    struct upool *pool;
    struct str host, target, body;
    struct door_answer answer;
    struct fault fault;
    int err;
};

static int answer_read(struct asking *q, struct http_call *call)
{
    struct buf whole;
    struct str piece;
    buf_init(&whole, ANSWER_BYTES_MAX);
    int err = http_call_head(call);
    if (!err) {
        q->answer.status = call->status;
        do
            err = http_call_read(call, &piece);
        while (!err && piece.n > 0 && (err = buf_str(&whole, piece)) == 0);
    }
    if (!err) {
        q->answer.body = arena_str(q->arena, buf_view(&whole));
        err = q->answer.body.p ? 0 : E_MEMORY;
    }
    buf_fini(&whole);
    return err;
}

static int headers_make(struct asking *q, struct http_headers *headers)
{
    const char *key = getenv(DOOR_KEY_NAME);
    http_headers_init(headers, q->arena);
    int err = http_headers_add(headers, STR("Host"), q->host);
    if (!err)
        err = http_headers_add(headers, STR("Content-Type"), STR("application/yaml"));
    if (!err && key && *key) {
        struct str value = arena_printf(q->arena, "Bearer %s", key);
        err = value.p ? http_headers_add(headers, STR("Authorization"), value) : E_MEMORY;
    }
    return err;
}

static int ask(struct asking *q)
{
    struct upool_conn *conn = NULL;
    struct http_headers headers;
    struct http_call call;
    struct iovec piece = {.iov_base = (void *)(uintptr_t)q->body.p, .iov_len = q->body.n};
    int err = headers_make(q, &headers);
    if (!err)
        err = upool_get(q->pool, true, &conn, &q->fault);
    if (err)
        return err;
    http_call_begin(&call, conn, q->arena, &http_limits_default);
    err = http_call_send(&call, STR("POST"), q->target, &headers, &piece, 1);
    if (!err)
        err = answer_read(q, &call);
    http_call_end(&call);
    return err;
}

static void ask_task(void *arg)
{
    struct asking *q = arg;
    (void)task_deadline(clock_cached_ms() + ASK_MS);
    q->err = ask(q);
    loop_stop();
}

static int pool_make(struct asking *q, const struct url *url, struct tls_context **ret_tls)
{
    struct str host = arena_printf(q->arena, "%.*s", STR_ARGS(url->host));
    bool in6 = str_find(url->host, STR(":")) >= 0;
    q->host = arena_printf(q->arena, in6 ? "[%.*s]:%u" : "%.*s:%u", STR_ARGS(url->host), url->port);
    if (!host.p || !q->host.p)
        return E_MEMORY;
    int err = url->tls ? tls_context_new(&(struct tls_settings){0}, ret_tls, &q->fault) : 0;
    return err ? err
               : upool_new(&(struct upool_settings){.host = host.p,
                                                    .port = url->port,
                                                    .tls = *ret_tls,
                                                    .connect_ms = CONNECT_MS},
                           &q->pool);
}

int door_post(struct arena *a, const char *url, const char *path, struct str body,
              struct door_answer *ret_answer, struct fault *f)
{
    struct asking q = {.arena = a, .body = body};
    struct tls_context *tls = NULL;
    struct url where;
    int err = url_parse(str_from(url), "give the admin key in " DOOR_KEY_NAME, &where, f);
    if (err)
        return err;
    q.target = arena_printf(a, "%.*s%s", STR_ARGS(where.path), path);
    err = q.target.p ? pool_make(&q, &where, &tls) : E_MEMORY;
    if (!err)
        err = task_spawn("ask", ask_task, &q, NULL);
    if (!err)
        err = loop_run();
    if (!err)
        err = q.err;
    if (q.pool)
        upool_free(q.pool);
    tls_context_free(tls);
    if (err)
        return fault_set(f, err, "%s cannot be asked: %s", url, why_text(&q.fault, err));
    *ret_answer = q.answer;
    return 0;
}
