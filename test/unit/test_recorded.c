/* test_recorded.c: a file of recorded answers, played through a whole call. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "api/config.h"
#include "base/json.h"
#include "llm/call.h"
#include "llm/wire.h"
#include "rt_test.h"

#define CALLS_MAX 8

/* What one call gave. */
struct played {
    int err, status;
    struct buf stream; /* what the sink had */
    unsigned begins;
    struct str body;
    struct tokens tokens;
    int64_t cost, took_ms;
    struct fault fault;
};

struct stage {
    struct llm_sink sink;
    struct played *now;
    struct arena arena;
    struct conf_doc *doc;
    struct upstreams *upstreams;
    struct prices *prices;
    struct models *models;
    char file[64];
    const char *request;
    const char *model;
    struct played played[CALLS_MAX];
    unsigned n, calls;
};

static int sink_begin(struct llm_sink *sink, int status, const struct http_headers *headers)
{
    struct stage *s = CONTAINER_OF(sink, struct stage, sink);
    s->now->begins++;
    return status == 200 && headers->n > 0 ? 0 : E_INTERNAL;
}

static int sink_events(struct llm_sink *sink, struct str bytes)
{
    struct stage *s = CONTAINER_OF(sink, struct stage, sink);
    return buf_str(&s->now->stream, bytes);
}

static void play_task(void *arg)
{
    struct stage *s = arg;
    for (unsigned i = 0; i < s->calls; i++) {
        struct played *p = s->now = &s->played[s->n++];
        struct llm_request r;
        struct route route;
        struct llm_call *c = ARENA_NEW(&s->arena, struct llm_call);
        buf_init(&p->stream, 1u << 20);
        p->err = wire_ask(&wire_openai_chat, str_from(s->request), &s->arena, &r, &p->fault);
        if (!p->err)
            p->err = models_resolve(s->models, str_from(s->model), &s->arena, &route, &p->fault);
        if (p->err)
            return;
        llm_call_init(c);
        c->target = &route.at[0];
        c->request = &r;
        c->arena = &s->arena;
        c->sink = &s->sink;
        c->deadline_ms = clock_cached_ms() + c->target->timeouts.total_ms;
        int64_t began = clock_cached_ms();
        p->err = llm_call_run(c, &p->fault);
        p->took_ms = clock_cached_ms() - began;
        p->status = c->status;
        p->body = arena_str(&s->arena, buf_view(&c->body));
        p->tokens = c->tokens;
        p->cost = c->cost_usd_nanos;
        llm_call_fini(c);
    }
}

static int stage_setup(void **state)
{
    struct stage *s = calloc(1, sizeof(*s));
    if (!s || rt_setup(state) != 0)
        return -1;
    s->sink = (struct llm_sink){.begin = sink_begin, .events = sink_events};
    arena_init_private(&s->arena, 8u << 20);
    *state = s;
    return upstreams_new(&s->upstreams);
}

static int stage_teardown(void **state)
{
    struct stage *s = *state;
    for (unsigned i = 0; i < s->n; i++)
        buf_fini(&s->played[i].stream);
    models_close(s->models);
    conf_unref(s->doc);
    upstreams_free(s->upstreams);
    arena_fini(&s->arena);
    if (s->file[0])
        unlink(s->file);
    free(s);
    return rt_teardown(state);
}

static int open_lines(struct stage *s, const char *lines)
{
    char text[512];
    snprintf(s->file, sizeof(s->file), "/tmp/test_recorded.XXXXXX");
    int fd = mkstemp(s->file);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, lines, strlen(lines)), strlen(lines));
    close(fd);
    snprintf(text, sizeof(text),
             "providers:\n  tape: {kind: recorded, file: %s, timeouts: {first_token: 5s}}\n"
             "prices: {tape/m: {input: 1, output: 2}}\n",
             s->file);
    assert_int_equal(conf_load_text(&config_table, "test.yaml", str_from(text), &s->doc), 0);
    const struct config *c = conf_root(s->doc);
    assert_int_equal(prices_load(conf_arena(s->doc), &c->prices, STR(""), &s->prices, NULL), 0);
    return models_compile(&c->models, s->doc, s->upstreams, s->prices, &s->models);
}

static const struct played *play(struct stage *s, const char *model, const char *request,
                                 unsigned calls)
{
    const struct played *first = &s->played[s->n];
    assert_true(s->n + calls <= CALLS_MAX);
    s->model = model;
    s->request = request;
    s->calls = calls;
    rt_run(play_task, s);
    return first;
}

#define HI     "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}"
#define ASK    "{\"model\":\"m\"," HI
#define STREAM "{\"model\":\"m\",\"stream\":true," HI

static struct str content(const struct played *p)
{
    if (p->err)
        fail_msg("%s", p->fault.text);
    yyjson_val *choice = yyjson_arr_get_first(yyjson_obj_get(json_peek(p->body), "choices"));
    return json_get_str(yyjson_obj_get(choice, "message"), "content");
}

static void assert_text(struct str got, const char *want)
{
    if (!str_eq(got, str_from(want)))
        fail_msg("got \"%.*s\", want \"%s\"", STR_ARGS(got), want);
}

static void an_answer_is_billed_as_it_says(void **state)
{
    struct stage *s = *state;
    assert_int_equal(open_lines(s, "{\"answer\":\"one \\\"two\\\"\",\"tokens\":{\"input\":10,"
                                   "\"cached\":5,\"output\":3,\"reasoning\":1}}\n"),
                     0);
    const struct played *p = play(s, "m", ASK, 1);
    assert_text(content(p), "one \"two\"");
    assert_int_equal(p->status, 200);
    assert_int_equal(p->tokens.source, TOKENS_PROVIDER);
    assert_int_equal(p->tokens.input, 10);
    assert_int_equal(p->tokens.cached, 5);
    assert_int_equal(p->tokens.output, 3);
    assert_int_equal(p->tokens.reasoning, 1);
    assert_int_equal(p->cost, 15 * 1000 + 4 * 2000);
    assert_int_equal(p->begins, 0);
    p = play(s, "unpriced-model", ASK, 1);
    assert_true(p->cost == COST_UNKNOWN);
}

static void lines_that_fit_better_come_first_and_equals_take_turns(void **state)
{
    struct stage *s = *state;
    assert_int_equal(open_lines(s, "{\"answer\":\"any 1\"}\n\n{\"answer\":\"any 2\"}\n"
                                   "{\"model\":\"m\",\"answer\":\"model\"}\n"
                                   "{\"prompt\":\"hello\",\"answer\":\"prompt\"}\n"
                                   "{\"prompt\":\"hello\",\"model\":\"m\",\"answer\":\"both\"}\n"),
                     0);
#define HELLO                                                                                      \
    "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"},{\"role\":\"user\","     \
    "\"content\":[{\"type\":\"text\",\"text\":\"hel\"},{\"type\":\"text\",\"text\":\"lo\"}]}]}"
    assert_text(content(play(s, "m", HELLO, 1)), "both");
    assert_text(content(play(s, "other", HELLO, 1)), "prompt");
    assert_text(content(play(s, "m", ASK, 1)), "model");
    const struct played *p = play(s, "other", ASK, 3);
    assert_text(content(&p[0]), "any 1");
    assert_text(content(&p[1]), "any 2");
    assert_text(content(&p[2]), "any 1");
}

static void a_stream_is_made_of_words(void **state)
{
    struct stage *s = *state;
    assert_int_equal(open_lines(s, "{\"answer\":\"one two\",\"tokens\":{\"input\":4,\"output\":2},"
                                   "\"first_ms\":100,\"total_ms\":500}\n"),
                     0);
    const struct played *p = play(s, "m", STREAM, 1);
    struct str all = buf_view(&p->stream);
    assert_int_equal(p->err, 0);
    assert_int_equal(p->begins, 1);
    assert_true(str_find(all, STR("\"content\":\"one\"")) > 0);
    assert_true(str_find(all, STR("\"content\":\" two\"")) > 0);
    assert_true(str_ends(all, STR("data: [DONE]\n\n")));
    /* Usage that nobody asked for is billed and not shown. */
    assert_int_equal(str_find(all, STR("prompt_tokens")), -1);
    assert_int_equal(p->tokens.input, 4);
    assert_int_equal(p->tokens.output, 2);
    assert_in_range(p->took_ms, 100, 500);
}

static void recorded_bodies_statuses_and_costs(void **state)
{
    struct stage *s = *state;
    assert_int_equal(open_lines(s, "{\"model\":\"busy\",\"status\":429,\"headers\":"
                                   "{\"Retry-After\":\"2\"},\"body\":{\"error\":{}}}\n"
                                   "{\"model\":\"odd\",\"body\":\"<html>\"}\n"
                                   "{\"model\":\"m\",\"answer\":\"a\",\"cost_usd\":0.25}\n"),
                     0);
    const struct played *p = play(s, "busy", ASK, 1);
    assert_int_equal(p->err, E_UPSTREAM_LIMIT);
    assert_int_equal(p->status, 429);
    assert_int_equal(play(s, "odd", ASK, 1)->err, E_UPSTREAM_BODY);
    p = play(s, "m", ASK, 1);
    assert_int_equal(p->err, 0);
    assert_int_equal(p->cost, 250000000);
    p = play(s, "nobody", ASK, 1);
    assert_int_equal(p->err, E_UPSTREAM_STATUS);
    assert_non_null(strstr(p->fault.text, "no recorded answer of nobody"));
}

static void faults_strike(void **state)
{
    struct stage *s = *state;
    assert_int_equal(open_lines(s, "{\"model\":\"reset\",\"answer\":\"a\",\"fault\":\"reset\"}\n"
                                   "{\"model\":\"cut\",\"answer\":\"a b c\",\"fault\":\"cut\"}\n"
                                   "{\"model\":\"stall\",\"answer\":\"a\",\"fault\":\"stall\"}\n"),
                     0);
    assert_int_equal(play(s, "reset", ASK, 1)->err, E_RESET);
    assert_int_equal(play(s, "cut", ASK, 1)->err, E_UPSTREAM_CUT);
    const struct played *p = play(s, "cut", STREAM, 1);
    assert_int_equal(p->err, E_UPSTREAM_CUT);
    assert_int_equal(p->begins, 1);
    assert_int_equal(str_find(buf_view(&p->stream), STR("[DONE]")), -1);
    p = play(s, "stall", ASK, 1);
    assert_int_equal(p->err, E_UPSTREAM_STALL);
    assert_in_range(p->took_ms, 5000, 5100);
}

static void bad_files_name_their_line(void **state)
{
    struct stage *s = *state;
    assert_int_equal(open_lines(s, "{\"answer\":\"a\"}\n\n[1]\n"), E_CONFIG);
    assert_int_equal(conf_error_count(s->doc), 1);
    assert_int_equal(conf_problem(s->doc, 0)->line, 2);
    assert_true(str_find(conf_problem(s->doc, 0)->text, STR("line 3: ")) > 0);
}

/* A turn as recording writes it, of which only `more` is told. */
#define TURN(api, more)                                                                            \
    "{\"turn\":\"1\",\"api\":\"" api "\",\"state\":\"done\",\"status\":200," more "}\n"
#define SAYS(text) "{\\\"choices\\\":[{\\\"message\\\":{\\\"content\\\":\\\"" text "\\\"}}]}"
#define ASKED(text)                                                                                \
    "\"request\":\"{\\\"model\\\":\\\"m\\\",\\\"messages\\\":[{\\\"role\\\":\\\"user\\\","         \
    "\\\"content\\\":\\\"" text "\\\"}]}\""

static void turns_are_known_by_their_request(void **state)
{
    struct stage *s = *state;
    const char *const lines = TURN("openai.chat",
                                   "\"asked\":\"m\",\"model\":\"real\",\"body\":\"" SAYS(
                                       "prompt") "\","
                                                 "\"request\":\"{\\\"messages\\\":[{\\\"role\\\":"
                                                 "\\\"user\\\",\\\"content\\\":\\\"hi\\\"}]}\"")
        TURN("openai.chat",
             "\"asked\":\"m\",\"model\":\"real\"," ASKED("hi") ",\"body\":\"" SAYS("same") "\"")
            TURN("anthropic", "\"asked\":\"m\",\"model\":\"real\"," ASKED("hi") ",\"body\":\"" SAYS(
                                  "other") "\"")
                TURN("openai.chat",
                     "\"asked\":\"m\",\"model\":\"real\"," ASKED(
                         "hi") ",\"stream\":[\"data: [DONE]\\n\\n\"]") "{\"turn\":\"2\","
                                                                       "\"api\":\"openai."
                                                                       "chat\",\"state\":"
                                                                       "\"failed\",\"status\":"
                                                                       "429,\"asked\":"
                                                                       "\"m\"," ASKED("hi") ","
                                                                                            "\""
                                                                                            "bo"
                                                                                            "dy"
                                                                                            "\""
                                                                                            ":"
                                                                                            "\""
                                                                                            "{}"
                                                                                            "\""
                                                                                            "}"
                                                                                            "\n"
                                                                                            "{"
                                                                                            "\""
                                                                                            "tu"
                                                                                            "rn"
                                                                                            "\""
                                                                                            ":"
                                                                                            "\""
                                                                                            "3"
                                                                                            "\""
                                                                                            ","
                                                                                            "\""
                                                                                            "ap"
                                                                                            "i"
                                                                                            "\""
                                                                                            ":"
                                                                                            "\""
                                                                                            "op"
                                                                                            "en"
                                                                                            "ai"
                                                                                            ".c"
                                                                                            "ha"
                                                                                            "t"
                                                                                            "\""
                                                                                            ","
                                                                                            "\""
                                                                                            "st"
                                                                                            "at"
                                                                                            "e"
                                                                                            "\""
                                                                                            ":"
                                                                                            "\""
                                                                                            "do"
                                                                                            "ne"
                                                                                            "\""
                                                                                            ","
                                                                                            "\""
                                                                                            "st"
                                                                                            "a";
    assert_int_equal(open_lines(s, lines), 0);
    assert_text(content(play(s, "m", ASK, 1)), "same");
    assert_text(content(play(s, "m", ASK, 1)), "same"); /* however often: the others fit less */
    assert_text(content(play(s, "real", "{\"model\":\"m\",\"x\":1," HI, 1)), "prompt");
    assert_int_equal(
        play(s, "m", "{\"messages\":[{\"role\":\"user\",\"content\":\"ho\"}]}", 1)->err,
        E_BAD_REQUEST);
    const struct played *p = play(s, "m", "{\"model\":\"m\",\"messages\":[]}", 1);
    assert_int_equal(p->err, E_UPSTREAM_STATUS);
    assert_int_equal(play(s, "nobody", ASK, 1)->err, E_UPSTREAM_STATUS);
}

/* Only the end of a recording may be torn: elsewhere a bad line is a mistake. */
static void torn_lines_stand_at_the_end(void **state)
{
    struct stage *s = *state;
    assert_int_equal(open_lines(s, "{\"turn\":\"1\",\"ap\n{\"answer\":\"a\"}\n"), E_CONFIG);
    assert_true(str_find(conf_problem(s->doc, 0)->text, STR("line 1: ")) > 0);
}

static void what_was_torn_by_hand_is_a_mistake(void **state)
{
    struct stage *s = *state;
    assert_int_equal(open_lines(s, "{\"answer\":\"a\"}\n{\"answer\":\"b"), E_CONFIG);
}

#define STAGE(fn) cmocka_unit_test_setup_teardown(fn, stage_setup, stage_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE(an_answer_is_billed_as_it_says),
        STAGE(lines_that_fit_better_come_first_and_equals_take_turns),
        STAGE(a_stream_is_made_of_words),
        STAGE(recorded_bodies_statuses_and_costs),
        STAGE(faults_strike),
        STAGE(bad_files_name_their_line),
        STAGE(turns_are_known_by_their_request),
        STAGE(torn_lines_stand_at_the_end),
        STAGE(what_was_torn_by_hand_is_a_mistake),
    };
    return cmocka_run_group_tests_name("recorded", tests, NULL, NULL);
}
