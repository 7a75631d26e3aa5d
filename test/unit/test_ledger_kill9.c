/*
 * test_ledger_kill9.c: a process that writes turns is killed, ten times over: what had ended before
 * the flush time is all there, once; what was running is marked lost at the next start.
 */
#include <poll.h>
#include <signal.h>

#include "ledger_world.h"
#include "rt/loop.h"
#include "rt/task.h"
#include "turn/ledger/ledger.h"

#define ROUNDS             10
#define LIVE_MS            200 /* of a victim, beyond what a write is allowed */
#define RUNNING            5   /* turns that never end */
#define TURNS_A_ROUND      20  /* every millisecond or so */
#define WRITE_ALLOWANCE_MS 300 /* times SLUICE_SLOWDOWN: for a batch to reach the disk */

/* What a victim says of each turn as soon as the ledger has it. */
struct word {
    struct id id;
    int64_t at_us; /* CLOCK_MONOTONIC, which all processes share */
};

/* ---- the victim ---- */

static struct ledger *ledger;
static int to_parent;

static void live(void *arg UNUSED)
{
    struct ledger_call c = world_call();
    for (unsigned i = 0; i < RUNNING; i++) {
        struct ledger_turn t = world_running(&c);
        ledger_turn_running(ledger, &t);
    }
    if (ledger_sync(ledger) != 0)
        _exit(3);
    for (;;) {
        struct word words[TURNS_A_ROUND];
        for (unsigned i = 0; i < TURNS_A_ROUND; i++) {
            struct ledger_turn t = world_turn(&c);
            ledger_turn_ended(ledger, &t);
            words[i] = (struct word){.id = t.id, .at_us = clock_mono_us()};
        }
        if (write(to_parent, words, sizeof(words)) != (ssize_t)sizeof(words))
            _exit(4);
        if (task_sleep(1) != 0)
            _exit(5);
    }
}

static int victim(const char *where, int fd)
{
    const struct ledger_settings settings = {.where = str_from(where)};
    to_parent = fd;
    if (loop_init() != 0 || ledger_open(&settings, &ledger, NULL) != 0)
        return 1;
    if (task_spawn("live", live, NULL, NULL) != 0 || loop_run() != 0)
        return 2;
    return 6;
}

/* ---- the killer ---- */

struct heard {
    unsigned n, cap;
    struct word *at;
};

static pid_t victim_start(int *ret_fd)
{
    int ends[2];
    char fd[16];
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(ends[0]);
        snprintf(fd, sizeof(fd), "%d", ends[1]);
        execl("/proc/self/exe", "test_ledger_kill9", world_url, fd, (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    *ret_fd = ends[0];
    return pid;
}

/* Reads until the time is up or, for `until_us` 0, to the end. */
static void listen_until(int fd, int64_t until_us, struct heard *h)
{
    for (;;) {
        int64_t left_ms = until_us ? (until_us - clock_mono_us()) / 1000 : -1;
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if ((until_us && left_ms <= 0) || poll(&p, 1, (int)left_ms) <= 0)
            return;
        if (h->n + TURNS_A_ROUND > h->cap) {
            h->cap = h->cap ? h->cap * 2 : 4096;
            h->at = realloc(h->at, h->cap * sizeof(*h->at));
            assert_non_null(h->at);
        }
        /* A pipe gives what is written at once, whole, when it is less than a page or so. */
        ssize_t n = read(fd, &h->at[h->n], TURNS_A_ROUND * sizeof(struct word));
        if (n <= 0)
            return;
        assert_int_equal((size_t)n % sizeof(struct word), 0);
        h->n += (unsigned)((size_t)n / sizeof(struct word));
    }
}

static int64_t allowance_us(void)
{
    const char *slower = getenv("SLUICE_SLOWDOWN");
    uint64_t times = 1;
    if (slower && !str_to_u64(str_from(slower), 100, &times))
        times = 1;
    /* On a machine that has more to do than it can, a write takes as much longer. */
    double load = 0, cores = (double)sysconf(_SC_NPROCESSORS_ONLN);
    if (getloadavg(&load, 1) == 1 && load > cores)
        times = times * (uint64_t)(load / cores + 1);
    return (LEDGER_FLUSH_MS + WRITE_ALLOWANCE_MS * (int64_t)times) * 1000;
}

static int id_see(void *arg, struct rows_query *row UNUSED)
{
    ++*(unsigned *)arg;
    return 0;
}

/* All that was said before `before_us` is there, once, with its call. */
static unsigned heard_check(const struct heard *h, int64_t before_us)
{
    struct rows_store *s = NULL;
    struct rows_query *q = NULL;
    unsigned checked = 0;
    assert_int_equal(rows_open(str_from(world_url), true, &s, NULL), 0);
    assert_int_equal(rows_prepare(s,
                                  "SELECT 1 FROM turns JOIN calls ON turn = id WHERE id = $1 "
                                  "AND state = 'done'",
                                  &q, NULL),
                     0);
    for (unsigned i = 0; i < h->n && h->at[i].at_us < before_us; i++, checked++) {
        const struct rows_value v[] = {rows_text(str_of(h->at[i].id.text, ID_CHARS))};
        unsigned found = 0;
        assert_int_equal(rows_each(q, v, 1, id_see, &found, NULL), 0);
        if (found != 1)
            print_error("turn %u of %u, %lld us before the end: %u rows\n", i, h->n,
                        (long long)(before_us - h->at[i].at_us), found);
        assert_int_equal(found, 1);
    }
    rows_free(q);
    rows_close(s);
    return checked;
}

static void what_had_ended_is_there_after_a_kill(void **state UNUSED)
{
    uint64_t lost = 0;
    unsigned checked = 0;
    world_fresh();
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct heard h = {0};
        int fd = -1, status = 0;
        pid_t pid = victim_start(&fd);
        struct pollfd first = {.fd = fd, .events = POLLIN};
        assert_int_equal(poll(&first, 1, 60000), 1);
        /* A little different each time, so that it strikes in all parts of a batch. */
        int64_t live_us = allowance_us() + (LIVE_MS + (int64_t)round * 37) * 1000;
        listen_until(fd, clock_mono_us() + live_us, &h);
        int64_t killed_us = clock_mono_us();
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        listen_until(fd, 0, &h);
        close(fd);
        checked += heard_check(&h, killed_us - allowance_us());
        ledger_tables_close(world_tables(rows_open, &lost));
        assert_int_equal(lost, RUNNING);
        assert_int_equal(world_ask("SELECT count(*) FROM turns WHERE state = 'lost'"),
                         RUNNING * (round + 1));
        assert_int_equal(world_ask("SELECT sum(turns) FROM rollups"),
                         world_ask("SELECT count(*) FROM turns WHERE state = 'done'"));
        free(h.at);
    }
    assert_true(checked > 10); /* else nothing was shown */
    assert_int_equal(world_ask("SELECT sum(lost) FROM rollups"), ROUNDS * RUNNING);
    assert_string_equal(world_ask_text("PRAGMA integrity_check"), "ok");
}

int main(int argc, char **argv)
{
    uint64_t fd = 0;
    if (argc == 3)
        return str_to_u64(str_from(argv[2]), 1000, &fd) ? victim(argv[1], (int)fd) : 7;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_had_ended_is_there_after_a_kill),
    };
    return cmocka_run_group_tests(tests, world_begin, world_end);
}
