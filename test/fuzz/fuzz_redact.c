/*
 * fuzz_redact.c: redaction of texts, of JSON and of streams, on any bytes.
 *
 * What was redacted has nothing left in it that could be found; JSON stays JSON, of as many values
 * as before; and where nothing was found, the bytes are those that came.
 */
#include "base/json.h"
#include "fuzz.h"
#include "turn/recording/redact.h"

static struct redact_run run;

static void begin(void)
{
    struct redact_rule rules[REDACT_RULES_MAX];
    struct redactor *r = NULL;
    struct fault f = {0};
    unsigned n = 0, bad;
    for (const struct redact_builtin *b = redact_builtins; b->name; b++)
        rules[n++] = (struct redact_rule){.name = str_from(b->name)};
    MUST(redactor_new(rules, n, &r, &bad, &f) == 0);
    MUST(redact_run_init(&run, r, 256u << 20) == 0);
}

static void check_text(struct str text)
{
    struct str once, twice;
    int err = redact_text(&run, text, &once);
    if (err)
        return;
    MUST((run.hits == 0) == (once.p == text.p));
    run.hits = 0;
    MUST(redact_text(&run, once, &twice) == 0);
    MUST(run.hits == 0 && twice.p == once.p);
}

static size_t values(struct str text)
{
    yyjson_doc *doc = yyjson_read(text.p, text.n, 0);
    MUST(doc != NULL);
    size_t n = yyjson_doc_get_val_count(doc);
    yyjson_doc_free(doc);
    return n;
}

static void check_json(struct str text)
{
    struct str once, twice;
    int err = redact_json(&run, text, &once);
    MUST(err == 0 || err == E_BAD_JSON || err == E_TIMEOUT || err == E_TOO_LARGE);
    if (err)
        return;
    MUST((run.hits == 0) == (once.p == text.p));
    if (str_find(text, STR("logprobs")) < 0 && str_find(text, STR("\\u")) < 0)
        MUST(values(once) == values(text));
    else
        (void)values(once);
    run.hits = 0;
    MUST(redact_json(&run, once, &twice) == 0);
    MUST(run.hits == 0);
}

static void check_stream(struct str text)
{
    struct redact_events events;
    int err = redact_stream(&run, text, &events);
    if (err)
        return;
    size_t at = 0;
    for (unsigned i = 0; i < events.n && run.hits == 0; i++) {
        MUST(str_starts(str_tail(text, at), events.at[i]));
        at += events.at[i].n;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data, size};
    if (!run.redactor)
        begin();
    check_text(text);
    redact_run_again(&run);
    check_json(text);
    redact_run_again(&run);
    check_stream(text);
    redact_run_again(&run);
    return 0;
}
