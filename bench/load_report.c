/* The result as one JSON object, and the log with a JSON line a request. */
#include "load.h"

static const char *const names[OUTCOME_COUNT] = {
#define X(id, name) name,
    OUTCOMES(X)
#undef X
};

const char *outcome_name(enum outcome o)
{
    return names[o];
}

static double us(uint64_t ns)
{
    return (double)ns / 1e3;
}

void hist_print(FILE *to, const char *name, const struct hist *h)
{
    fprintf(to,
            "\"%s\":{\"count\":%llu,\"min\":%.1f,\"mean\":%.1f,\"p50\":%.1f,\"p90\":%.1f,"
            "\"p99\":%.1f,\"p999\":%.1f,\"max\":%.1f},",
            name, (unsigned long long)h->count, us(h->min),
            h->count != 0 ? us(h->sum) / (double)h->count : 0.0, us(hist_percentile(h, 0.5)),
            us(hist_percentile(h, 0.9)), us(hist_percentile(h, 0.99)),
            us(hist_percentile(h, 0.999)), us(h->max));
}

static void outcomes_print(const struct load *l, FILE *to)
{
    const char *comma = "";

    fputs("\"outcomes\":{", to);
    for (int i = 0; i < OUTCOME_COUNT; i++) {
        if (l->outcomes[i] == 0)
            continue;
        fprintf(to, "%s\"%s\":%llu", comma, names[i], (unsigned long long)l->outcomes[i]);
        comma = ",";
    }
    fputs("},\"status\":{", to);
    comma = "";
    for (int i = 0; i < 600; i++) {
        if (l->statuses[i] == 0)
            continue;
        fprintf(to, "%s\"%d\":%llu", comma, i, (unsigned long long)l->statuses[i]);
        comma = ",";
    }
    fputs("},", to);
}

static void watches_print(const struct load *l, FILE *to)
{
    fputs("\"watch\":{", to);
    for (int i = 0; i < l->watch_n; i++) {
        const struct watch *w = &l->watches[i];
        const struct watch_values *b = &w->begin, *e = &w->end;
        fprintf(to,
                "%s\"%s\":{\"cpu_ns\":%llu,\"user_ticks\":%llu,\"system_ticks\":%llu,"
                "\"switches\":%llu,\"threads\":%llu,\"rss_kb\":%llu,\"rss_peak_kb\":%llu,"
                "\"pss_kb\":%llu}",
                i != 0 ? "," : "", w->name, (unsigned long long)(e->cpu_ns - b->cpu_ns),
                (unsigned long long)(e->user_ticks - b->user_ticks),
                (unsigned long long)(e->system_ticks - b->system_ticks),
                (unsigned long long)(e->switches - b->switches), (unsigned long long)e->threads,
                (unsigned long long)e->rss_kb, (unsigned long long)e->rss_peak_kb,
                (unsigned long long)e->pss_kb);
    }
    fputs("},\"cores\":[", to);
    for (int i = 0; i < l->cores_end.n; i++) {
        uint64_t all = l->cores_end.all[i] - l->cores_begin.all[i];
        uint64_t busy = l->cores_end.busy[i] - l->cores_begin.busy[i];
        uint64_t steal = l->cores_end.steal[i] - l->cores_begin.steal[i];
        fprintf(to, "%s{\"busy\":%.4f,\"steal\":%.4f}", i != 0 ? "," : "",
                all != 0 ? (double)busy / (double)all : 0.0,
                all != 0 ? (double)steal / (double)all : 0.0);
    }
    fputs("],", to);
}

void report_print(const struct load *l, FILE *to)
{
    double seconds = (double)(l->end_ns - l->begin_ns) / 1e9;

    fprintf(to, "{\"seconds\":%.6f,\"requests\":%llu,\"per_second\":%.1f,", seconds,
            (unsigned long long)l->finished_n, seconds > 0 ? (double)l->finished_n / seconds : 0.0);
    fprintf(to, "\"events\":%llu,\"body_bytes\":%llu,\"connects\":%llu,\"steady\":%s,",
            (unsigned long long)l->events, (unsigned long long)l->bytes,
            (unsigned long long)l->connects, l->steady ? "true" : "false");
    outcomes_print(l, to);
    hist_print(to, "latency_us", &l->latency);
    hist_print(to, "first_event_us", &l->first);
    hist_print(to, "late_us", &l->late);
    watches_print(l, to);
    fprintf(to, "\"self_cpu_ns\":%llu}\n", (unsigned long long)(l->self_end_ns - l->self_begin_ns));
}

static void text_print(FILE *to, const char *p, size_t n)
{
    putc('"', to);
    for (size_t i = 0; i < n; i++) {
        unsigned char ch = (unsigned char)p[i];
        if (ch == '"' || ch == '\\')
            fprintf(to, "\\%c", ch);
        else if (ch < 0x20 || ch >= 0x7f)
            fprintf(to, "\\u%04x", ch);
        else
            putc(ch, to);
    }
    putc('"', to);
}

void log_request(struct load *l, const struct conn *c, enum outcome outcome)
{
    const struct reply *r = &c->reply;

    fprintf(l->log,
            "{\"marker\":\"%0*llu\",\"stream\":%s,\"outcome\":\"%s\",\"status\":%d,"
            "\"events\":%llu,\"bytes\":%llu,\"done\":%s,\"id\":",
            SLOT_DIGITS, (unsigned long long)c->number,
            c->request != NULL && c->request->stream ? "true" : "false", names[outcome], r->status,
            (unsigned long long)r->events, (unsigned long long)r->body_bytes,
            r->done_seen ? "true" : "false");
    text_print(l->log, r->id, sizeof(r->id) - 1 > 0 ? __builtin_strlen(r->id) : 0);
    if (outcome != OUTCOME_OK && outcome != OUTCOME_HANGUP && r->kept_n != 0) {
        size_t n = r->kept_n;
        const char *p = r->kept;
        if (n > 600) { /* the end tells more of a stream that went wrong */
            p += n - 600;
            n = 600;
        }
        fputs(",\"body\":", l->log);
        text_print(l->log, p, n);
    }
    fputs("}\n", l->log);
}
