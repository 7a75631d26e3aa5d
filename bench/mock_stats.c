/*
 * Counters, the log of requests, and the doors to them:
 *   GET  /mock/stats            counters as JSON
 *   POST /mock/reset            all counters to zero
 *   GET  /mock/last             the last request's bytes as they came (--keep-last)
 *   POST /mock/refuse?ms=N      close the listening socket for so long
 */
#include "mock.h"

#include <string.h>

static void stats_put(const struct mock *m, struct out *o)
{
    const struct stats *s = &m->stats;
    const char *comma = "";

    out_printf(o,
               "{\"requests\":%llu,\"connections_accepted\":%llu,\"connections_open\":%llu,"
               "\"aborted\":%llu,\"events\":%llu,\"usage_sent\":%llu,",
               (unsigned long long)s->requests, (unsigned long long)s->accepted,
               (unsigned long long)s->open, (unsigned long long)s->aborted,
               (unsigned long long)s->events, (unsigned long long)s->usage_sent);
    out_printf(o,
               "\"tokens\":{\"prompt\":%llu,\"cached\":%llu,\"completion\":%llu,"
               "\"reasoning\":%llu},\"status\":{",
               (unsigned long long)s->tokens.prompt, (unsigned long long)s->tokens.cached,
               (unsigned long long)s->tokens.completion, (unsigned long long)s->tokens.reasoning);
    for (int i = 0; i < 600; i++) {
        if (s->by_status[i] == 0)
            continue;
        out_printf(o, "%s\"%d\":%llu", comma, i, (unsigned long long)s->by_status[i]);
        comma = ",";
    }
    comma = "";
    OUT_LITERAL(o, "},\"faults\":{");
    for (int i = 1; i < FAULT_COUNT; i++) {
        if (s->by_fault[i] == 0)
            continue;
        out_printf(o, "%s\"%s\":%llu", comma, fault_name((enum fault)i),
                   (unsigned long long)s->by_fault[i]);
        comma = ",";
    }
    OUT_LITERAL(o, "}}\n");
}

enum step control_answer(struct conn *c, struct out *o)
{
    struct mock *m = c->mock;
    struct out *body = &m->body;
    const char *what = c->model + sizeof("/mock/") - 1; /* plan_make kept the path there */
    uint64_t ms;

    body->n = 0;
    c->status = 200;
    if (strcmp(what, "stats") == 0) {
        if (m->log != NULL)
            fflush(m->log);
        stats_put(m, body);
    } else if (strcmp(what, "last") == 0) {
        out_put(body, m->last.p, m->last.n);
    } else if (strcmp(what, "reset") == 0) {
        uint64_t open = m->stats.open;
        memset(&m->stats, 0, sizeof(m->stats));
        memset(m->times, 0, sizeof(m->times));
        m->stats.open = open;
        OUT_LITERAL(body, "{\"ok\":true}\n");
    } else if (strncmp(what, "refuse?ms=", 10) == 0 &&
               span_number((struct span){what + 10, strlen(what + 10)}, &ms)) {
        mock_refuse(m, ms);
        OUT_LITERAL(body, "{\"ok\":true}\n");
    } else {
        c->status = 404;
        OUT_LITERAL(body, "{\"error\":{\"message\":\"no such door\"}}\n");
    }
    answer_head(c, o, "application/json", (int64_t)body->n);
    OUT_LITERAL(o, "\r\n");
    out_put(o, body->p, body->n);
    return STEP_DONE;
}

static void log_line(struct conn *c, const char *end)
{
    struct out *o = &c->mock->event;
    const struct usage *u = &c->plan.usage;

    o->n = 0;
    out_printf(o, "{\"n\":%llu,\"marker\":", (unsigned long long)c->number);
    out_json_string(o, c->marker);
    OUT_LITERAL(o, ",\"request_id\":");
    out_json_string(o, c->request_id);
    out_printf(o, ",\"model\":\"%s\",\"stream\":%s,\"fault\":\"%s\",\"status\":%d,", c->model,
               c->plan.stream ? "true" : "false", fault_name(c->plan.fault), c->status);
    out_printf(o,
               "\"prompt\":%llu,\"cached\":%llu,\"completion\":%llu,\"reasoning\":%llu,"
               "\"usage_sent\":%s,\"bytes\":%llu,\"end\":\"%s\"}\n",
               (unsigned long long)u->prompt, (unsigned long long)u->cached,
               (unsigned long long)u->completion, (unsigned long long)u->reasoning,
               c->usage_counted ? "true" : "false", (unsigned long long)c->sent, end);
    fwrite(o->p, 1, o->n, c->mock->log);
}

/* Once a request, on every way out. */
void stats_finish(struct conn *c, const char *end)
{
    struct stats *s = &c->mock->stats;

    if (c->plan.api == API_MOCK)
        return;
    s->requests++;
    s->by_status[c->status >= 0 && c->status < 600 ? c->status : 0]++;
    if (c->plan.fault != FAULT_NONE)
        s->by_fault[c->plan.fault]++;
    if (c->mock->log != NULL)
        log_line(c, end);
}
