/*
 * fuzz_telemetry.c: what clients and providers say, on its way to the collector: the first line is
 * a traceparent, the rest an answer. Whatever they are, a span is valid JSON with words in it.
 */
#include "base/json.h"
#include "fuzz.h"
#include "turn/telemetry/otlp.h"

static void traceparent(struct str text, struct span *s)
{
    struct traceparent p;
    char written[TRACEPARENT_CHARS];
    if (!traceparent_read(text, &p))
        return;
    traceparent_write(&p, written);
    MUST(text.n >= sizeof(written) && p.span != 0);
    MUST(memcmp(written + 2, text.p + 2, 51) == 0); /* all but version and flags */
    MUST(traceparent_read(str_of(written, sizeof(written)), &s->at));
    MUST(s->at.span == p.span && memcmp(s->at.id, p.id, sizeof(p.id)) == 0);
}

static void words(const char *text, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        MUST(text[i] > ' ' && text[i] < 0x7f && text[i] != '"' && text[i] != ',');
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static const struct otlp_resource resource = {.service_name = {"s", 1}};
    struct str rest = str_of((const char *)bytes, n), first = str_cut(&rest, '\n');
    struct span s = {.kind = SPAN_CALL, .operation = "chat", .parent = 1};
    struct llm_noted noted = {.model_n = 0};
    struct buf out;
    traceparent(first, &s);
    llm_noted_read(&noted, rest);
    llm_noted_event(&noted, rest, true);
    MUST(noted.model_n <= NOTED_MODEL_BYTES && noted.finishes <= NOTED_FINISHES_MAX);
    words(noted.model, noted.model_n);
    for (unsigned i = 0; i < noted.finishes; i++)
        words(noted.finish[i], noted.finish_n[i]);
    for (unsigned i = 0; i < SPAN_TEXTS; i++)
        span_put(&s, (enum span_text)i, i % 2 ? first : rest);
    buf_init(&out, 1u << 20);
    otlp_spans_begin(&out, &resource);
    otlp_span(&out, &s);
    s.kind = SPAN_TURN;
    otlp_span(&out, &s);
    otlp_spans_end(&out);
    MUST(out.failed == 0);
    MUST(json_peek(buf_view(&out)) != NULL);
    buf_fini(&out);
    return 0;
}
