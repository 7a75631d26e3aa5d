/* test_wire_openai_chat_chunks.c: chunks of a stream that hold more than a reader may give at once.
 */
#include <time.h>

#include "wire_world.h"

static const struct wire *const wire = &wire_openai_chat;

/* So many whole calls, as a chunk has them. */
static void calls_put(struct buf *b, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        buf_printf(b,
                   "%s{\"index\":%u,\"id\":\"c%u\",\"function\":{\"name\":\"f\","
                   "\"arguments\":\"{}\"}}",
                   i ? "," : "", i, i);
}

/* Reads the event as often as it has more, and counts what comes of it. */
static void read_whole(struct wire_state *s, const struct buf *b, unsigned n[EVENT_FAILED + 1])
{
    struct chat_events events;
    do {
        assert_int_equal(wire->event_read(s, STR_NONE, buf_view(b), &events), 0);
        assert_true(events.n > 0 && events.n <= CHAT_EVENTS_MAX);
        for (unsigned i = 0; i < events.n; i++)
            n[events.at[i].kind]++;
    } while (s->again);
}

/* More citations in a chunk than events have room for: the rest is told of, not forgotten. */
static void many_citations_in_one_chunk(void **state)
{
    struct arena *arena = *state;
    struct buf b;
    struct chat_events events;
    struct wire_state s = {.arena = arena};
    unsigned cited = 0, beside = 0;
    buf_init(&b, 1u << 20);
    buf_printf(&b, "{\"choices\":[{\"delta\":{\"content\":\"T\",\"annotations\":[");
    for (unsigned i = 0; i < 100; i++)
        buf_printf(&b, "%s{\"type\":\"url_citation\",\"url_citation\":{\"url\":\"u%u\"}}",
                   i ? "," : "", i);
    buf_printf(&b, "]},\"finish_reason\":\"stop\"}]}");
    assert_int_equal(wire->event_read(&s, STR_NONE, buf_view(&b), &events), 0);
    assert_true(events.n < CHAT_EVENTS_MAX);
    for (unsigned i = 0; i < events.n; i++) {
        cited += events.at[i].kind == EVENT_CITED;
        beside += events.at[i].kind == EVENT_BESIDE && events.at[i].part == ANSWER_URL_CITATION;
    }
    assert_in_range(cited, 40, 60);
    assert_int_equal(beside, 1);
    assert_int_equal(events.at[events.n - 1].kind, EVENT_STOPPED);
    buf_fini(&b);
}

/* And what stands behind them in the chunk has room, however many they are. */
static void an_image_and_calls_behind_many_citations(void **state)
{
    struct arena *arena = *state;
    for (unsigned cited = 1; cited < 100; cited++) {
        struct buf b;
        unsigned n[EVENT_FAILED + 1] = {0};
        struct wire_state s = {.arena = arena};
        buf_init(&b, 1u << 20);
        buf_printf(&b, "{\"choices\":[{\"delta\":{\"content\":\"T\",\"annotations\":[");
        for (unsigned i = 0; i < cited; i++)
            buf_printf(&b, "%s{\"type\":\"url_citation\",\"url_citation\":{\"url\":\"u%u\"}}",
                       i ? "," : "", i);
        buf_printf(&b, "],\"images\":[{\"image_url\":{\"url\":\"data:image/png;base64,AAAA\"}}],"
                       "\"tool_calls\":[");
        calls_put(&b, 3);
        buf_printf(&b, "]},\"finish_reason\":\"tool_calls\"}]}");
        read_whole(&s, &b, n);
        assert_int_equal(n[EVENT_BLOCK_BEGIN], 5);
        assert_int_equal(n[EVENT_BLOCK_END], 5);
        assert_int_equal(n[EVENT_STOPPED], 1);
        assert_int_equal(n[EVENT_FAILED], 0);
        assert_int_equal(n[EVENT_BESIDE], n[EVENT_CITED] < cited);
        buf_fini(&b);
    }
}

/* Reads a chunk of that many whole calls, as often as it has more, and counts the events. */
static void calls_read(struct arena *arena, unsigned calls, unsigned n[EVENT_FAILED + 1])
{
    struct buf b;
    struct wire_state s = {.arena = arena};
    buf_init(&b, 8u << 20);
    buf_printf(&b, "{\"choices\":[{\"finish_reason\":\"tool_calls\",\"delta\":{\"content\":\"T\","
                   "\"tool_calls\":[");
    calls_put(&b, calls);
    buf_printf(&b, "]}}],\"usage\":{\"prompt_tokens\":1}}");
    read_whole(&s, &b, n);
    assert_int_equal(n[EVENT_BEGIN], 1);
    assert_int_equal(n[EVENT_BLOCK_BEGIN], calls + 1);
    assert_int_equal(n[EVENT_DELTA], calls + 1);
    assert_int_equal(n[EVENT_BLOCK_END], calls + 1);
    assert_int_equal(n[EVENT_USAGE], 1);
    assert_int_equal(n[EVENT_STOPPED], 1);
    assert_int_equal(n[EVENT_FAILED], 0);
    buf_fini(&b);
}

/* More whole calls in a chunk than events have room for are given bit by bit, and nothing twice. */
static void many_calls_in_one_chunk(void **state)
{
    for (unsigned calls = 1; calls < 200; calls++)
        calls_read(*state, calls, (unsigned[EVENT_FAILED + 1]){0});
}

/* Each reading goes on where the last one stopped: were all of it read each time, so many would
 * keep the loop for a minute. */
static void calls_without_end_in_one_chunk(void **state)
{
    clock_t began = clock();
    calls_read(*state, 40000, (unsigned[EVENT_FAILED + 1]){0});
    assert_in_range((clock() - began) / CLOCKS_PER_SEC, 0, 5);
}

/* Content in parts: the texts are given, and of the others it is told that they were there. */
static void content_in_parts(void **state)
{
    static const enum chat_event_kind want[] = {EVENT_BEGIN, EVENT_BESIDE,    EVENT_BLOCK_BEGIN,
                                                EVENT_DELTA, EVENT_BLOCK_END, EVENT_STOPPED};
    struct wire_state s = {.arena = *state};
    struct chat_events events;
    int err = wire->event_read(
        &s, STR_NONE,
        STR("{\"choices\":[{\"delta\":{\"content\":[{\"type\":\"thinking\",\"thinking\":[{\"type\":"
            "\"text\",\"text\":\"Hm\"}]},{\"type\":\"text\",\"text\":\"Hi\"}]},"
            "\"finish_reason\":\"stop\"}]}"),
        &events);
    assert_int_equal(err, 0);
    assert_int_equal(events.n, ARRAY_LEN(want));
    for (unsigned i = 0; i < events.n; i++)
        assert_int_equal(events.at[i].kind, want[i]);
    assert_str(events.at[3].text, STR("\"Hi\""));
    assert_int_equal(events.at[1].part, ANSWER_OTHER);
}

/* LocalAI, and others that are written in Go: the answer goes on. */
static void a_reason_that_is_empty(void **state)
{
    struct str part = STR("{\"choices\":[{\"delta\":{\"content\":\"a\"},\"finish_reason\":\"\"}]}");
    struct wire_state s = {.arena = *state};
    struct chat_events events;
    struct llm_facts facts;
    assert_int_equal(wire->event_read(&s, STR_NONE, part, &events), 0);
    assert_int_equal(wire->event_read(&s, STR_NONE, part, &events), 0);
    assert_int_equal(events.n, 1);
    assert_int_equal(events.at[0].kind, EVENT_DELTA);
    assert_int_equal(wire->event_facts(STR_NONE, part, &facts), 0);
    assert_false(facts.finished);
}

static int setup(void **state)
{
    static struct arena arena;
    arena_init(&arena, 16u << 20);
    *state = &arena;
    return 0;
}

static int teardown(void **state)
{
    arena_fini(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(many_citations_in_one_chunk, setup, teardown),
        cmocka_unit_test_setup_teardown(an_image_and_calls_behind_many_citations, setup, teardown),
        cmocka_unit_test_setup_teardown(many_calls_in_one_chunk, setup, teardown),
        cmocka_unit_test_setup_teardown(content_in_parts, setup, teardown),
        cmocka_unit_test_setup_teardown(a_reason_that_is_empty, setup, teardown),
        cmocka_unit_test_setup_teardown(calls_without_end_in_one_chunk, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
