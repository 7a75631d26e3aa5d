#include "base_test.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/log.h"

#define START_US 1795532645678901
#define TIME     "2026-11-24T15:04:05.678Z"

static char folder[] = "/tmp/test_log_XXXXXX";
static char path[64];
static char content[400000];

static int set_up(void **state)
{
    (void)state;
    clock_fake(0, START_US);
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof(path), "%s/log", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static void begin(enum log_format format, enum log_level least)
{
    unlink(path);
    assert_int_equal(log_open(path, format, least), 0);
}

/* What the file holds now. */
static struct str written(void)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t n = fread(content, 1, sizeof(content), file);
    fclose(file);
    assert_true(n < sizeof(content));
    return str_of(content, n);
}

static void writes_text(void **state)
{
    (void)state;
    begin(LOG_TEXT, LOG_INFO);
    LOG(LOG_INFO, "turn", log_z("model", "gpt-4o"), log_i("tokens", -12), log_usd("cost", 1234567),
        log_word("who", STR("me")), log_ms("ms", 12345), log_ms("queue", -7), log_null("lane"),
        log_z("why", NULL));
    LOG(LOG_INFO, "bare");
    log_flush();
    assert_str(written(), STR(TIME " info turn model=gpt-4o tokens=-12 cost=0.001234567 who=me "
                                   "ms=12.345 queue=-0.007 lane=- why=-\n" TIME " info bare\n"));
}

static void writes_json(void **state)
{
    (void)state;
    begin(LOG_JSON, LOG_INFO);
    LOG(LOG_WARN, "turn", log_z("model", "a \"b\""), log_i("tokens", 12), log_usd("cost", 5),
        log_word("who", STR("me")), log_z("bare", "ab/c"), log_ms("ms", 1000), log_null("lane"),
        log_z("why", NULL));
    assert_str(written(),
               STR("{\"time\":\"" TIME "\",\"level\":\"warn\",\"event\":\"turn\","
                   "\"model\":\"a \\\"b\\\"\",\"tokens\":12,\"cost\":0.000000005,"
                   "\"who\":\"me\",\"bare\":\"ab/c\",\"ms\":1.000,\"lane\":null,\"why\":null}\n"));
}

static void the_second_moves_on(void **state)
{
    (void)state;
    begin(LOG_TEXT, LOG_INFO);
    LOG(LOG_INFO, "a");
    clock_advance_us(321100);
    LOG(LOG_INFO, "b");
    clock_advance_us(86400000000);
    LOG(LOG_INFO, "c");
    clock_advance_us(-86400000000 - 321100);
    log_flush();
    assert_str(written(), STR(TIME " info a\n2026-11-24T15:04:06.000Z info b\n"
                                   "2026-11-25T15:04:06.000Z info c\n"));
}

/* Whatever a value holds, it stays within its quotes, and the line is one line. */
static void values_cannot_forge_lines(void **state)
{
    (void)state;
    static const struct {
        struct str value;
        const char *text;
    } rows[] = {
        {STR("a\n" TIME " info forged"), "\"a\\n" TIME " info forged\""},
        {STR("a b"), "\"a b\""},
        {STR("a=b"), "\"a=b\""},
        {STR("a\"b"), "\"a\\\"b\""},
        {STR("a\\n"), "\"a\\\\n\""},
        {STR(""), "\"\""},
        {STR("\x1b[2J"), "\"\\u001b[2J\""},
        {STR("\x7f"), "\"\\u007f\""},
        {STR("\xc2\x9b"), "\"\\u009b\""},
        {STR("\xff"), "\"\xef\xbf\xbd\""},
        {STR("\xc3\xa4"), "\"\xc3\xa4\""},
        {STR("/v1/chat:x,y;{z}"), "/v1/chat:x,y;{z}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        begin(LOG_TEXT, LOG_INFO);
        LOG(LOG_WARN, "e", log_s("v", rows[i].value));
        char want[200];
        snprintf(want, sizeof(want), "%s warn e v=%s\n", TIME, rows[i].text);
        assert_str(written(), str_from(want));
    }
}

static void every_json_line_is_json(void **state)
{
    (void)state;
    struct chance c = {9};
    for (int round = 0; round < 200; round++) {
        char value[3][2000];
        struct log_field fields[4];
        for (int k = 0; k < 3; k++) {
            size_t n = chance_below(&c, sizeof(value[k]));
            for (size_t i = 0; i < n; i++)
                value[k][i] = (char)chance_below(&c, 256);
            fields[k] = log_s("v", str_of(value[k], n));
        }
        fields[3] = LOG_END;
        begin(LOG_JSON, LOG_INFO);
        log_event(LOG_ERROR, START_US, "e", fields);
        struct str line = written();
        assert_true(line.n > 0);
        assert_int_equal(str_find(line, STR("\n")), line.n - 1);
        yyjson_val *v = json_peek(line);
        assert_non_null(v);
        assert_int_equal(yyjson_obj_size(v), 6);
    }
}

static void long_values_are_cut(void **state)
{
    (void)state;
    char value[40][3000];
    struct log_field fields[41];
    memset(value, 'x', sizeof(value));
    fields[0] = log_s("v", str_of(value[0], 3000));
    fields[1] = LOG_END;
    begin(LOG_TEXT, LOG_INFO);
    log_event(LOG_WARN, START_US, "e", fields);
    assert_int_equal(written().n, strlen(TIME " warn e v=") + 512 + 1);
    memset(value, '\1', sizeof(value)); /* six bytes each when escaped */
    for (int i = 0; i < 40; i++)
        fields[i] = log_s("v", str_of(value[i], 3000));
    fields[40] = LOG_END;
    begin(LOG_JSON, LOG_INFO);
    uint64_t dropped = log_lines_dropped();
    log_event(LOG_WARN, START_US, "e", fields);
    struct str line = written();
    assert_int_equal(log_lines_dropped(), dropped);
    assert_int_equal(yyjson_obj_size(json_peek(line)), 43);
}

/*
 * Lines of all lengths into a buffer that nobody empties: each is written whole or not at all, and
 * none beyond the buffer's end (the address sanitizer looks on).
 */
static void the_buffer_is_filled_to_its_end(enum log_format format)
{
    static char value[12][700];
    struct chance c = {11};
    struct log_field fields[13];
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    int reader = open(path, O_RDONLY | O_NONBLOCK);
    assert_true(reader >= 0);
    int before = dup(0); /* the next descriptor is the sink's */
    close(before);
    assert_int_equal(log_open(path, format, LOG_INFO), 0);
    assert_int_equal(fcntl(before, F_SETFL, O_WRONLY | O_NONBLOCK), 0);
    uint64_t dropped = log_lines_dropped();
    int lines = 0;
    for (int round = 0; round < 4000; round++, lines++) {
        for (int k = 0; k < 12; k++) {
            size_t n = chance_below(&c, chance_below(&c, 4) ? 9 : 700);
            memset(value[k], chance_below(&c, 6) ? 'v' : '\n', n);
            fields[k] = chance_below(&c, 9) == 0
                            ? log_word("a_name_as_long_as_it_may_be",
                                       STR("a word of ours that is as long as one may be"))
                        : chance_below(&c, 4)
                            ? log_i("a_name_as_long_as_it_may_be", INT64_MIN)
                            : log_s("a_name_as_long_as_it_may_be", str_of(value[k], n));
        }
        fields[12] = LOG_END;
        log_event(LOG_INFO, START_US, "an event with a name that is longer than it should be",
                  fields);
    }
    lines -= (int)(log_lines_dropped() - dropped);
    size_t total = 0;
    for (int tries = 0; tries < 200; tries++) {
        ssize_t n = read(reader, content + total, sizeof(content) - total);
        if (n > 0)
            total += (size_t)n;
        log_flush();
    }
    int seen = 0;
    for (struct str rest = str_of(content, total); rest.n > 0; seen++) {
        struct str line = str_cut(&rest, '\n');
        if (format == LOG_JSON)
            assert_int_equal(yyjson_obj_size(json_peek(line)), 3 + 12);
        else
            assert_true(str_find(line, STR(" info an event with a name that is lon ")) > 0);
    }
    assert_in_range(lines, 100, 3999);
    assert_int_equal(seen, lines);
    begin(LOG_TEXT, LOG_INFO);
    close(reader);
}

static void a_full_buffer_holds_whole_lines(void **state)
{
    (void)state;
    the_buffer_is_filled_to_its_end(LOG_TEXT);
    the_buffer_is_filled_to_its_end(LOG_JSON);
}

/* What may stand without quotes is exactly what was decided, wherever it stands. */
static void every_byte_is_judged(void **state)
{
    (void)state;
    for (unsigned byte = 0; byte < 256; byte++) {
        for (size_t at = 0; at < 19; at++) {
            char value[] = "a-value-of-19-bytes";
            value[at] = (char)byte;
            begin(LOG_TEXT, LOG_INFO);
            LOG(LOG_WARN, "e", log_s("v", str_of(value, 19)));
            struct str line = written();
            size_t bare = sizeof(TIME " warn e v=") - 1;
            bool odd = byte <= ' ' || byte >= 0x7f || strchr("\"=\\", (int)byte);
            assert_int_equal(line.p[bare] == '"', odd);
            if (!odd)
                assert_memory_equal(line.p + bare, value, 19);
            log_flush();
        }
    }
}

static void levels_decide(void **state)
{
    (void)state;
    begin(LOG_TEXT, LOG_WARN);
    assert_false(log_wants(LOG_INFO));
    assert_true(log_wants(LOG_WARN));
    LOG(LOG_INFO, "unwanted");
    LOG(LOG_ERROR, "wanted");
    assert_str(written(), STR(TIME " error wanted\n"));
    begin(LOG_TEXT, LOG_DEBUG);
    LOG(LOG_DEBUG, "detail");
    assert_int_equal(written().n, 0); /* collected until the round ends */
    LOG(LOG_WARN, "now");
    assert_str(written(), STR(TIME " debug detail\n" TIME " warn now\n"));
}

static void reopens_for_rotation(void **state)
{
    (void)state;
    char old[80];
    begin(LOG_TEXT, LOG_INFO);
    LOG(LOG_INFO, "before"); /* not flushed yet: belongs to the old file */
    snprintf(old, sizeof(old), "%s/old", folder);
    assert_int_equal(rename(path, old), 0);
    assert_int_equal(log_open(path, LOG_TEXT, LOG_INFO), 0);
    LOG(LOG_WARN, "after");
    assert_str(written(), STR(TIME " warn after\n"));
    assert_int_equal(rename(old, path), 0);
    assert_str(written(), STR(TIME " info before\n"));
    assert_int_equal(log_open("/nowhere/at/all", LOG_TEXT, LOG_INFO), E_IO);
}

static void many_lines_all_arrive(void **state)
{
    (void)state;
    begin(LOG_TEXT, LOG_INFO);
    uint64_t dropped = log_lines_dropped();
    for (int i = 0; i < 5000; i++)
        LOG(LOG_INFO, "line", log_i("number", i));
    log_flush();
    struct str rest = written();
    for (int i = 0; i < 5000; i++) {
        char want[80];
        snprintf(want, sizeof(want), "%s info line number=%d", TIME, i);
        assert_str(str_cut(&rest, '\n'), str_from(want));
    }
    assert_int_equal(rest.n, 0);
    assert_int_equal(log_lines_dropped(), dropped);
}

static void counts_what_cannot_be_written(void **state)
{
    (void)state;
    if (access("/dev/full", W_OK))
        skip();
    assert_int_equal(log_open("/dev/full", LOG_TEXT, LOG_INFO), 0);
    uint64_t dropped = log_lines_dropped();
    LOG(LOG_INFO, "a");
    LOG(LOG_INFO, "b");
    assert_int_equal(log_lines_dropped(), dropped);
    log_flush();
    assert_int_equal(log_lines_dropped(), dropped + 2);
    LOG(LOG_ERROR, "c");
    assert_int_equal(log_lines_dropped(), dropped + 3);
}

/* Of a pipe that is full the lines wait, and nobody else does; without room they are dropped. */
static void a_full_pipe_holds_nobody_up(void **state)
{
    (void)state;
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    alarm(30); /* where it waits, it waits for this test */
    assert_int_equal(log_open(path, LOG_TEXT, LOG_INFO), E_IO); /* nobody reads it */
    int reader = open(path, O_RDONLY | O_NONBLOCK);
    assert_true(reader >= 0);
    assert_int_equal(log_open(path, LOG_TEXT, LOG_INFO), 0);
    uint64_t dropped = log_lines_dropped();
    int lines = 0;
    while (log_lines_dropped() == dropped) { /* pipe and buffer fill up */
        LOG(LOG_INFO, "line", log_i("number", lines));
        lines++;
        assert_true(lines < 100000);
    }
    lines--; /* the last one had no room left */
    size_t total = 0;
    for (int tries = 0; tries < 100; tries++) {
        ssize_t n = read(reader, content + total, sizeof(content) - total);
        if (n > 0)
            total += (size_t)n;
        log_flush();
    }
    struct str rest = str_of(content, total);
    for (int i = 0; i < lines; i++) {
        char want[80];
        snprintf(want, sizeof(want), "%s info line number=%d", TIME, i);
        assert_str(str_cut(&rest, '\n'), str_from(want));
    }
    assert_int_equal(rest.n, 0);
    assert_int_equal(log_lines_dropped(), dropped + 1);
    alarm(0);
    begin(LOG_TEXT, LOG_INFO);
    close(reader);
}

static void *complain(void *arg)
{
    for (int i = 0; i < 1000; i++)
        LOG(LOG_ERROR, "thread", log_i("which", *(int *)arg), log_i("number", i));
    return NULL;
}

static void threads_do_not_mix_their_lines(void **state)
{
    (void)state;
    begin(LOG_JSON, LOG_INFO);
    pthread_t thread[3];
    int number[3] = {0, 1, 2}, seen[3] = {0};
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, complain, &number[i]), 0);
    for (int i = 0; i < 1000; i++) {
        LOG(LOG_INFO, "loop", log_i("number", i));
        log_flush();
    }
    for (int i = 0; i < 3; i++)
        pthread_join(thread[i], NULL);
    struct str rest = written();
    int loop = 0;
    while (rest.n > 0) {
        yyjson_val *v = json_peek(str_cut(&rest, '\n'));
        assert_non_null(v);
        int64_t which = json_get_i64(v, "which", -1);
        int *counter = which < 0 ? &loop : &seen[which];
        assert_int_equal(json_get_i64(v, "number", -1), *counter);
        (*counter)++;
    }
    assert_int_equal(loop, 1000);
    for (int i = 0; i < 3; i++)
        assert_int_equal(seen[i], 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_text),
        cmocka_unit_test(writes_json),
        cmocka_unit_test(the_second_moves_on),
        cmocka_unit_test(values_cannot_forge_lines),
        cmocka_unit_test(every_json_line_is_json),
        cmocka_unit_test(long_values_are_cut),
        cmocka_unit_test(a_full_buffer_holds_whole_lines),
        cmocka_unit_test(every_byte_is_judged),
        cmocka_unit_test(levels_decide),
        cmocka_unit_test(reopens_for_rotation),
        cmocka_unit_test(many_lines_all_arrive),
        cmocka_unit_test(counts_what_cannot_be_written),
        cmocka_unit_test(a_full_pipe_holds_nobody_up),
        cmocka_unit_test(threads_do_not_mix_their_lines),
    };
    return cmocka_run_group_tests_name("log", tests, set_up, tear_down);
}
