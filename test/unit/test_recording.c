/* test_recording.c: which turns are recorded, as what line, in which files, and for how long. */
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "recording_world.h"

/* ---- a turn ---- */

static const char chat[] =
    "{\"messages\":[{\"role\":\"user\",\"content\":\"I am ann@example.com\"}]}";
static const char said[] =
    "{\"choices\": [ {\"message\":{\"content\":\"hi \\u0061nn@example.com\"}} ]}\n";

static void test_line(void **state)
{
    struct stage *s = *state;
    struct buf all;
    recorder_make(s, "");
    s->turn.session = STR("ann@example.com");
    assert_true(record(s, chat, said));
    struct recording_stats stats = ended(s, 1);
    assert_int_equal(stats.fates[RECORDING_WRITTEN], 1);
    assert_int_equal(stats.redacted, 3);
    buf_init(&all, 1u << 20);
    assert_int_equal(files_read(s->inner, &all), 1);
    assert_int_equal(stats.bytes, all.n);
    assert_true(str_find(buf_view(&all), STR("ann")) < 0);
    assert_true(str_find(buf_view(&all), STR("\n")) == (ptrdiff_t)all.n - 1);
    yyjson_doc *doc = NULL;
    struct fault f = {0};
    assert_int_equal(json_parse(&s->arena, buf_view(&all), &doc, &f), 0);
    yyjson_val *line = yyjson_doc_get_root(doc);
    const char *const texts[][2] = {
        {"turn", s->turn.id.text},
        {"time", "2025-11-27T12:00:00.000Z"},
        {"tenant", "shop"},
        {"key", "app"},
        {"session", "[email]"},
        {"asked", "asked-for"},
        {"api", "openai.chat"},
        {"state", "done"},
        {"request", "{\"messages\":[{\"role\":\"user\",\"content\":\"I am [email]\"}]}"},
        {"body", "{\"choices\": [ {\"message\":{\"content\":\"hi [email]\"}} ]}\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        assert_str(json_get_str(line, texts[i][0]), str_from(texts[i][1]));
    assert_int_equal(json_get_i64(line, "status", 0), 200);
    assert_int_equal(json_get_i64(line, "redacted", 0), 3);
    assert_int_equal(json_get_i64(yyjson_obj_get(line, "latency"), "first_ms", 0), 2);
    assert_int_equal(json_get_i64(yyjson_obj_get(line, "latency"), "total_ms", 0), 7);
    assert_true(yyjson_get_num(yyjson_obj_get(line, "cost_usd")) == 0.0000015);
    assert_int_equal(ended(s, 1).held_bytes, 0);
    buf_fini(&all);
}

/* What cannot be kept is counted, and its memory comes back. */
static void test_fates(void **state)
{
    struct stage *s = *state;
    char *large = malloc(5000);
    struct buf all;
    memset(large, ' ', 4999);
    large[4999] = 0;
    memcpy(large, "{}", 2);
    recorder_make(s, "turn_bytes: 4KiB, redact: [{name: slow, pattern: '(a+)+$'}]");
    assert_true(record(s, "no JSON", said));
    assert_true(record(s, "{}", "<html>"));
    assert_true(record(s, "", "{}"));
    assert_true(record(s, large, said));
    assert_true(record(s, "{}", large));
    assert_true(record(s, "[\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\"]", "{}"));
    assert_true(record(s, "{}", "{}"));
    struct recording_stats stats = ended(s, 7);
    assert_int_equal(stats.fates[RECORDING_NOT_JSON], 3);
    assert_int_equal(stats.fates[RECORDING_TOO_LARGE], 2);
    assert_int_equal(stats.fates[RECORDING_TOO_COSTLY], 1);
    assert_int_equal(stats.fates[RECORDING_WRITTEN], 1);
    assert_int_equal(stats.held_bytes, 0);
    buf_init(&all, 1u << 20);
    (void)files_read(s->inner, &all);
    assert_true(str_find(buf_view(&all), STR("aaa")) < 0);
    assert_true(str_find(buf_view(&all), STR("html")) < 0);
    buf_fini(&all);
    free(large);
}

/* The budget is for all turns together, those under way too. */
static void test_budget(void **state)
{
    struct stage *s = *state;
    char text[20002];
    memset(text, ' ', sizeof(text));
    text[0] = '[';
    text[20000] = ']';
    text[20001] = 0;
    recorder_make(s, "memory_bytes: 64KiB");
    struct recording *open[4];
    for (unsigned i = 0; i < 4; i++) {
        open[i] = recording_begin(s->recorder, s->rules, &s->turn, &s->headers);
        assert_non_null(open[i]);
        recording_request(open[i], str_from(text));
        assert_true(recorder_stats(s->recorder).held_bytes <= 65536);
    }
    for (unsigned i = 0; i < 4; i++) {
        recording_answer(open[i], STR("{}"));
        recording_end(open[i], &s->turn);
    }
    struct recording_stats stats = ended(s, 4);
    assert_int_equal(stats.fates[RECORDING_NO_MEMORY], 2);
    assert_int_equal(stats.fates[RECORDING_WRITTEN], 2);
    assert_int_equal(stats.held_bytes, 0);
    assert_true(record(s, text, "{}")); /* there is room again */
    assert_int_equal(ended(s, 5).fates[RECORDING_WRITTEN], 3);
}

static void test_who_is_left_out(void **state)
{
    struct stage *s = *state;
    const char *const said_no[] = {"no", "off", "0", "never", "", "No"};
    recorder_make(s, "except: {tenants: [bank], keys: [k1, k2], apis: [openai.embedding]}");
    s->turn.tenant = STR("bank");
    assert_false(record(s, chat, said));
    s->turn.tenant = STR("shop");
    s->turn.key = STR("k2");
    assert_false(record(s, chat, said));
    s->turn.key = STR_NONE;
    s->turn.api = "openai.embedding";
    assert_false(record(s, chat, said));
    s->turn.api = "openai.chat";
    assert_true(record(s, chat, said));
    for (size_t i = 0; i < ARRAY_LEN(said_no); i++) {
        http_headers_init(&s->headers, &s->arena);
        assert_int_equal(http_headers_add_as(&s->headers, FIELD_X_SLUICE, STR("X-Sluice-Record"),
                                             str_from(said_no[i])),
                         0);
        assert_false(record(s, chat, said));
    }
    http_headers_init(&s->headers, &s->arena);
    assert_int_equal(
        http_headers_add_as(&s->headers, FIELD_X_SLUICE, STR("x-sluice-record"), STR("yes")), 0);
    assert_true(record(s, chat, said));
    assert_int_equal(ended(s, 8).fates[RECORDING_OPTED_OUT], ARRAY_LEN(said_no));
}

/* A share is even, the same for the same name, and a larger one has the smaller in it. */
static void test_share(void **state)
{
    (void)state;
    unsigned in[3] = {0};
    const int64_t shares[3] = {10000, 250000, 900000};
    for (unsigned i = 0; i < 100000; i++) {
        struct id id;
        id_new_at(&id, NOON_US + i);
        struct str name = str_of(id.text, ID_CHARS);
        bool before = false;
        for (unsigned k = 0; k < 3; k++) {
            bool now = recording_in_share(name, shares[k]);
            assert_int_equal(now, recording_in_share(name, shares[k]));
            assert_true(now || !before);
            before = now;
            in[k] += now;
        }
        assert_true(recording_in_share(name, 1000000));
        assert_false(recording_in_share(name, 0));
    }
    assert_in_range(in[0], 850, 1150);
    assert_in_range(in[1], 24300, 25700);
    assert_in_range(in[2], 89500, 90500);
    assert_true(recording_in_share(STR("session-1"), 500000) ==
                recording_in_share(STR("session-1"), 500000));
}

/* ---- files ---- */

static int append(struct stage *s, struct recording_files *files, const char *line, int64_t wall_us)
{
    struct fault f = {0};
    return recording_files_append(files, str_from(s->inner), str_from(line), wall_us, &f);
}

static void test_files(void **state)
{
    struct stage *s = *state;
    struct recording_files files;
    struct stat st;
    struct buf all;
    char first[RECORDING_PATH_BYTES];
    recording_files_init(&files);
    files.file_bytes_max = 10;
    buf_init(&all, 1u << 16);
    assert_int_equal(append(s, &files, "one\n", NOON_US), 0);
    memcpy(first, files.path, sizeof(first));
    assert_int_equal(stat(s->inner, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    assert_int_equal(fstat(files.fd, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(append(s, &files, "two\n", NOON_US), 0);
    assert_string_equal(files.path, first);
    assert_int_equal(append(s, &files, "three\n", NOON_US), 0); /* would be past 10 bytes */
    assert_string_not_equal(files.path, first);
    memcpy(first, files.path, sizeof(first));
    assert_int_equal(append(s, &files, "4\n", NOON_US + DAY_US), 0);
    assert_string_not_equal(files.path, first);
    assert_int_equal(files_read(s->inner, &all), 3);
    assert_str(buf_view(&all), STR("one\ntwo\nthree\n4\n"));
    /* Somebody took it away: another is begun. */
    assert_int_equal(unlink(files.path), 0);
    assert_int_equal(append(s, &files, "5\n", NOON_US + DAY_US), 0);
    buf_clear(&all);
    assert_int_equal(files_read(s->inner, &all), 3);
    assert_str(buf_view(&all), STR("one\ntwo\nthree\n5\n"));
    buf_fini(&all);
    recording_files_close(&files);
}

/* Two processes, or two threads, at once: nobody writes to the other's. */
static void test_two_writers(void **state)
{
    struct stage *s = *state;
    struct recording_files a, b;
    struct buf all;
    recording_files_init(&a);
    recording_files_init(&b);
    buf_init(&all, 1u << 16);
    for (unsigned i = 0; i < 50; i++) {
        assert_int_equal(append(s, &a, "a\n", NOON_US), 0);
        assert_int_equal(append(s, &b, "b\n", NOON_US), 0);
    }
    assert_int_equal(files_read(s->inner, &all), 2);
    assert_int_equal(all.n, 200);
    buf_fini(&all);
    recording_files_close(&a);
    recording_files_close(&b);
}

/* A line that did not fit leaves nothing of itself. */
static void test_no_room(void **state)
{
    struct stage *s = *state;
    struct recording_files files;
    struct rlimit before, small;
    struct buf all;
    recording_files_init(&files);
    buf_init(&all, 1u << 16);
    assert_int_equal(append(s, &files, "one\n", NOON_US), 0);
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = (struct rlimit){6, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    int err = append(s, &files, "twotwotwo\n", NOON_US);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(err, E_IO);
    assert_int_equal(append(s, &files, "three\n", NOON_US), 0);
    assert_int_equal(files_read(s->inner, &all), 1);
    assert_str(buf_view(&all), STR("one\nthree\n"));
    buf_fini(&all);
    recording_files_close(&files);
}

static void made(struct stage *s, const char *name, unsigned bytes, int64_t age_s)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", s->inner, name);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, bytes), 0);
    const struct timespec times[2] = {{NOON_US / 1000000 - age_s, 0},
                                      {NOON_US / 1000000 - age_s, 0}};
    assert_int_equal(futimens(fd, times), 0);
    close(fd);
}

static bool is_there(struct stage *s, const char *name)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", s->inner, name);
    return access(path, F_OK) == 0;
}

static void test_retention(void **state)
{
    struct stage *s = *state;
    struct recording_files files;
    struct fault f = {0};
    const struct str folder = str_from(s->inner);
    recording_files_init(&files);
    assert_int_equal(recording_files_trim(&files, folder, 1000, 1000, NOON_US, &f), 0);
    assert_int_equal(mkdir(s->inner, 0700), 0);
    made(s, "sluice-20251101-1-0.jsonl", 100, 9000);
    made(s, "sluice-20251102-1-0.jsonl", 500, 5000);
    made(s, "sluice-20251103-1-0.jsonl", 400, 4000);
    made(s, "sluice-20251104-1-0.jsonl", 300, 3000);
    made(s, "other-20251101.jsonl", 5000, 90000);
    made(s, "sluice.db", 5000, 90000);
    assert_int_equal(append(s, &files, "one\n", NOON_US), 0);
    /* by age */
    assert_int_equal(recording_files_trim(&files, folder, 8000000, 0, NOON_US, &f), 0);
    assert_false(is_there(s, "sluice-20251101-1-0.jsonl"));
    assert_true(is_there(s, "sluice-20251102-1-0.jsonl"));
    /* by size: 500 + 400 + 300 + 4 */
    assert_int_equal(recording_files_trim(&files, folder, 0, 1204, NOON_US, &f), 0);
    assert_true(is_there(s, "sluice-20251102-1-0.jsonl"));
    assert_int_equal(recording_files_trim(&files, folder, 0, 1203, NOON_US, &f), 0);
    assert_false(is_there(s, "sluice-20251102-1-0.jsonl"));
    assert_true(is_there(s, "sluice-20251103-1-0.jsonl"));
    /* neither the open file nor those of others, however little may stay */
    assert_int_equal(recording_files_trim(&files, folder, 0, 1, NOON_US, &f), 0);
    assert_false(is_there(s, "sluice-20251104-1-0.jsonl"));
    assert_int_equal(access(files.path, F_OK), 0);
    assert_true(is_there(s, "other-20251101.jsonl") && is_there(s, "sluice.db"));
    /* nor anything where there is no limit; and an open file of another day is none */
    assert_int_equal(recording_files_trim(&files, folder, 0, 0, NOON_US, &f), 0);
    assert_int_equal(access(files.path, F_OK), 0);
    assert_int_equal(recording_files_trim(&files, folder, 0, 1, NOON_US + DAY_US, &f), 0);
    assert_int_not_equal(access(files.path, F_OK), 0);
    recording_files_close(&files);
}

/* The folder cannot be made: turns are counted, and when it can, they are written. */
static void test_no_folder(void **state)
{
    struct stage *s = *state;
    struct buf all;
    recorder_make(s, "");
    int fd = open(s->inner, O_WRONLY | O_CREAT, 0600); /* a file is in its place */
    assert_true(fd >= 0);
    close(fd);
    assert_true(record(s, chat, said));
    assert_true(record(s, chat, said));
    assert_int_equal(ended(s, 2).fates[RECORDING_NO_DISK], 2);
    assert_int_equal(unlink(s->inner), 0);
    assert_true(record(s, chat, said));
    assert_int_equal(ended(s, 3).fates[RECORDING_WRITTEN], 1);
    buf_init(&all, 1u << 20);
    assert_int_equal(files_read(s->inner, &all), 1);
    buf_fini(&all);
}

/* At the end all that was handed over is written. */
static void test_close_writes(void **state)
{
    struct stage *s = *state;
    struct buf all;
    recorder_make(s, "");
    for (unsigned i = 0; i < 200; i++)
        assert_true(record(s, chat, said));
    recorder_close(s->recorder);
    s->recorder = NULL;
    buf_init(&all, 1u << 20);
    assert_int_equal(files_read(s->inner, &all), 1);
    unsigned lines = 0;
    for (size_t i = 0; i < all.n; i++)
        lines += all.p[i] == '\n';
    assert_int_equal(lines, 200);
    buf_fini(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_line, stage_setup, stage_teardown),
        cmocka_unit_test_setup_teardown(test_fates, stage_setup, stage_teardown),
        cmocka_unit_test_setup_teardown(test_budget, stage_setup, stage_teardown),
        cmocka_unit_test_setup_teardown(test_who_is_left_out, stage_setup, stage_teardown),
        cmocka_unit_test(test_share),
        cmocka_unit_test_setup_teardown(test_files, stage_setup, stage_teardown),
        cmocka_unit_test_setup_teardown(test_two_writers, stage_setup, stage_teardown),
        cmocka_unit_test_setup_teardown(test_no_room, stage_setup, stage_teardown),
        cmocka_unit_test_setup_teardown(test_retention, stage_setup, stage_teardown),
        cmocka_unit_test_setup_teardown(test_no_folder, stage_setup, stage_teardown),
        cmocka_unit_test_setup_teardown(test_close_writes, stage_setup, stage_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
