/* test_listener.c: addresses, connections in tasks of their own, and the ways to end. */
#include "rt_test.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "net/listener.h"
#include "rt/io.h"

static void let_others_run(void)
{
    for (int i = 0; i < 10; i++)
        assert_int_equal(task_sleep(1), 0);
}

static int connect_to(const char *address, struct stream **ret_stream)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    bool is_unix = strncmp(address, "unix:", 5) == 0;
    struct io *io;

    if (is_unix)
        snprintf(un.sun_path, sizeof(un.sun_path), "%s", address + 5);
    else
        in.sin_port = htons((uint16_t)strtol(strrchr(address, ':') + 1, NULL, 10));
    int err = is_unix ? io_connect((struct sockaddr *)&un, sizeof(un), &io)
                      : io_connect((struct sockaddr *)&in, sizeof(in), &io);
    return err != 0 ? err : stream_tcp_new(io, ret_stream);
}

static struct stream *expect_connected(const char *address)
{
    struct stream *s;

    assert_int_equal(connect_to(address, &s), 0);
    return s;
}

/* Serves until the client ends; counts, and notes what it saw. */
struct seen {
    unsigned begun, ended;
    int family;
    int err; /* how the last one's reading ended */
};

static void echo(void *arg, struct stream *s, const struct sockaddr *peer)
{
    struct seen *seen = arg;
    char bytes[64];
    size_t n;
    int err;

    seen->begun++;
    seen->family = peer->sa_family;
    while ((err = stream_read(s, bytes, sizeof(bytes), &n)) == 0)
        assert_int_equal(stream_write(s, str_of(bytes, n)), 0);
    seen->err = err;
    seen->ended++;
}

static struct listener *start(const char *address, unsigned connections_max, struct seen *seen)
{
    const struct listener_settings settings = {
        .address = address,
        .connections_max = connections_max,
    };
    struct listener *l;
    struct fault f = {0};

    if (listener_start(&settings, echo, seen, &l, &f) != 0)
        fail_msg("%s", f.text);
    return l;
}

static void expect_echo(struct stream *s)
{
    char bytes[8];
    size_t n;

    assert_int_equal(stream_write(s, STR("hello")), 0);
    assert_int_equal(stream_read(s, bytes, sizeof(bytes), &n), 0);
    assert_int_equal(n, 5);
    assert_memory_equal(bytes, "hello", 5);
}

/* ---- addresses */

static void test_what_was_meant(void **state)
{
    (void)state;
    static const struct {
        const char *address, *says;
    } rows[] = {{"8080", "did you mean 127.0.0.1:PORT?"},
                {"*:80", "did you mean :PORT?"},
                {"localhots:80", "did you mean localhost:PORT?"},
                {"::1:80", "did you mean [IPv6]:PORT?"},
                {"http://127.0.0.1:80", "without a scheme"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fault f = {0};
        assert_int_equal(listener_check(rows[i].address, &f), E_CONFIG);
        if (!strstr(f.text, rows[i].says))
            fail_msg("%s: %s", rows[i].address, f.text);
    }
    static const char *const good[] = {"127.0.0.1:80", ":0",     "[::1]:65535",
                                       "localhost:1",  "unix:a", "unix:/a/b"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_int_equal(listener_check(good[i], NULL), 0);
}

static void test_bad_addresses(void **state)
{
    (void)state;
    const char *bad[] = {"",          "8080",       "127.0.0.1",     "127.0.0.1:",  "127.0.0.1:x",
                         "1.2.3:80",  "::1:80",     "[::1]80",       "[::1:80",     "[]:80",
                         "host:8080", "1.2.3.4:-1", "1.2.3.4:65536", "1.2.3.4: 80", "[1.2.3.4]:80"};
    struct listener *l;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct fault f = {0};
        const struct listener_settings settings = {.address = bad[i]};
        assert_int_equal(listener_start(&settings, echo, NULL, &l, &f), E_CONFIG);
        assert_non_null(strstr(f.text, "is not an address to listen on: expected IPv4:PORT"));
        assert_memory_equal(f.text + 1, bad[i], strlen(bad[i]));
        fault_clear(&f);
        assert_int_equal(listener_check(bad[i], &f), E_CONFIG);
    }
    char path[200] = "unix:/";
    memset(path + 6, 'x', sizeof(path) - 7);
    path[sizeof(path) - 1] = '\0';
    const struct listener_settings settings = {.address = path};
    struct fault f = {0};
    assert_int_equal(listener_start(&settings, echo, NULL, &l, &f), E_CONFIG);
    assert_non_null(strstr(f.text, "a path has 1 to 107 bytes"));
}

static void not_to_be_had(void *arg)
{
    struct seen seen = {0};
    struct listener *l = start("127.0.0.1:0", 0, &seen), *other;
    char text[100];

    (void)arg;
    assert_true(strncmp(listener_address(l), "127.0.0.1:", 10) == 0);
    assert_string_not_equal(listener_address(l), "127.0.0.1:0");
    struct fault f = {0};
    struct listener_settings settings = {.address = listener_address(l)};
    assert_int_equal(listener_start(&settings, echo, NULL, &other, &f), E_IO);
    snprintf(text, sizeof(text), "%s is in use: another program listens there",
             listener_address(l));
    assert_string_equal(f.text, text);
    fault_clear(&f);
    settings.address = "192.0.2.1:8080";
    assert_int_equal(listener_start(&settings, echo, NULL, &other, &f), E_IO);
    assert_string_equal(f.text, "192.0.2.1:8080 is not an address of this machine");
    fault_clear(&f);
    settings.address = "unix:/nowhere/at/all.sock";
    assert_int_equal(listener_start(&settings, echo, NULL, &other, &f), E_IO);
    assert_string_equal(f.text,
                        "unix:/nowhere/at/all.sock: cannot listen: No such file or directory");
    listener_stop(l);
    listener_join(l);
}

static void test_not_to_be_had(void **state)
{
    (void)state;
    rt_run(not_to_be_had, NULL);
}

/* ---- serving */

static void serves(void *arg)
{
    struct seen seen = {0};
    struct listener *l = start(arg, 0, &seen);
    struct stream *s[3];

    for (int i = 0; i < 3; i++) {
        s[i] = expect_connected(listener_address(l));
        expect_echo(s[i]);
        assert_int_equal(listener_connections(l), i + 1);
    }
    expect_echo(s[0]);
    assert_true(seen.family == AF_INET || seen.family == AF_INET6);
    for (int i = 0; i < 3; i++)
        stream_close(s[i]);
    while (listener_connections(l) > 0)
        let_others_run();
    assert_int_equal(seen.ended, 3);
    assert_int_equal(seen.err, E_EOF);
    assert_int_equal(listener_stats(l).accepted, 3);
    assert_int_equal(listener_stats(l).accept_errors, 0);
    listener_stop(l);
    listener_join(l);
}

static void test_serves(void **state)
{
    (void)state;
    rt_run(serves, (void *)"127.0.0.1:0");
}

static void test_serves_all_addresses(void **state)
{
    (void)state;
    rt_run(serves, (void *)":0");
}

static void shared_port(void *arg)
{
    struct seen seen = {0};
    struct listener *a, *b;
    struct listener_settings settings = {.address = "127.0.0.1:0", .reuse_port = true};

    (void)arg;
    assert_int_equal(listener_start(&settings, echo, &seen, &a, NULL), 0);
    settings.address = listener_address(a);
    assert_int_equal(listener_start(&settings, echo, &seen, &b, NULL), 0);
    listener_stop(a);
    listener_stop(b);
    listener_join(b);
    listener_join(a);
}

static void test_shared_port(void **state)
{
    (void)state;
    rt_run(shared_port, NULL);
}

static void at_the_limit(void *arg)
{
    struct seen seen = {0};
    struct listener *l = start("127.0.0.1:0", 2, &seen);
    struct stream *s[3];

    (void)arg;
    for (int i = 0; i < 3; i++)
        s[i] = expect_connected(listener_address(l)); /* the third just by the kernel */
    expect_echo(s[0]);
    expect_echo(s[1]);
    assert_int_equal(stream_write(s[2], STR("hello")), 0);
    let_others_run();
    assert_int_equal(seen.begun, 2);
    assert_true(stream_is_quiet(s[2]));
    stream_close(s[0]);
    assert_int_equal(stream_wait_readable(s[2]), 0);
    assert_int_equal(seen.begun, 3);
    assert_int_equal(listener_connections(l), 2);
    stream_close(s[1]);
    stream_close(s[2]);
    listener_stop(l);
    listener_join(l);
}

static void test_at_the_limit(void **state)
{
    (void)state;
    rt_run(at_the_limit, NULL);
}

static void out_of_descriptors(void *arg)
{
    struct seen seen = {0};
    struct listener *l = start("127.0.0.1:0", 0, &seen);
    struct rlimit before, limit;

    (void)arg;
    struct stream *first = expect_connected(listener_address(l));
    expect_echo(first);
    /* Connected by the kernel, without a chance for the acceptor to run. */
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    in.sin_port = htons((uint16_t)strtol(strrchr(listener_address(l), ':') + 1, NULL, 10));
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&in, sizeof(in)), 0);
    int next = dup(0);
    assert_true(next > 0);
    close(next);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    limit = before;
    limit.rlim_cur = (rlim_t)next;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    for (int i = 0; i < 10; i++)
        let_others_run();
    assert_int_equal(listener_connections(l), 1);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    uint64_t errors = listener_stats(l).accept_errors;
    assert_in_range(errors, 2, 10); /* it waits in between */
    struct io *io;
    struct stream *second;
    assert_int_equal(io_open(fd, &io), 0);
    assert_int_equal(stream_tcp_new(io, &second), 0);
    expect_echo(second);
    stream_close(first);
    stream_close(second);
    listener_stop(l);
    listener_join(l);
}

static void test_out_of_descriptors(void **state)
{
    (void)state;
    rt_run(out_of_descriptors, NULL);
}

static void no_more_tasks(void *arg)
{
    struct seen seen = {0};
    struct listener *l = start("127.0.0.1:0", 0, &seen);
    char byte;
    size_t n;

    (void)arg;
    task_limit(2); /* this one and the acceptor */
    struct stream *s = expect_connected(listener_address(l));
    assert_int_equal(stream_read(s, &byte, 1, &n), E_EOF);
    stream_close(s);
    task_limit(1000000);
    assert_int_equal(listener_stats(l).refused, 1);
    assert_int_equal(listener_connections(l), 0);
    s = expect_connected(listener_address(l));
    expect_echo(s);
    stream_close(s);
    listener_stop(l);
    listener_join(l);
}

static void test_no_more_tasks(void **state)
{
    (void)state;
    rt_run(no_more_tasks, NULL);
}

/* ---- the end */

struct joiner {
    struct listener *listener;
    bool ended;
};

static void join(void *arg)
{
    struct joiner *j = arg;

    task_deadline(clock_cached_ms() + 1); /* which must not make it leave early */
    listener_join(j->listener);
    j->ended = true;
}

static void stopped(void *arg)
{
    struct seen seen = {0};
    struct listener *l = start("127.0.0.1:0", 0, &seen);
    char address[64];
    struct stream *s, *late;

    (void)arg;
    snprintf(address, sizeof(address), "%s", listener_address(l));
    s = expect_connected(address);
    expect_echo(s);
    listener_stop(l);
    struct joiner joiner = {.listener = l};
    rt_spawn("joiner", join, &joiner);
    let_others_run();
    assert_int_equal(connect_to(address, &late), E_REFUSED);
    expect_echo(s); /* open ones go on */
    assert_false(joiner.ended);
    stream_close(s);
    let_others_run();
    assert_true(joiner.ended);
    assert_int_equal(seen.err, E_EOF);
}

static void test_stopped(void **state)
{
    (void)state;
    rt_run(stopped, NULL);
}

static void all_canceled(void *arg)
{
    struct seen seen = {0};
    struct listener *l = start("127.0.0.1:0", 0, &seen);
    char byte;
    size_t n;

    (void)arg;
    struct stream *s = expect_connected(listener_address(l));
    expect_echo(s);
    listener_stop(l);
    listener_cancel_all(l, E_DRAINING);
    listener_join(l);
    assert_int_equal(seen.err, E_DRAINING);
    assert_int_equal(stream_read(s, &byte, 1, &n), E_EOF);
    stream_close(s);
}

static void test_all_canceled(void **state)
{
    (void)state;
    rt_run(all_canceled, NULL);
}

static void join_canceled(void *arg)
{
    struct seen seen = {0};
    struct listener *l = start("127.0.0.1:0", 0, &seen);
    struct task *task;

    (void)arg;
    struct stream *s = expect_connected(listener_address(l));
    expect_echo(s);
    struct joiner joiner = {.listener = l};
    assert_int_equal(task_spawn("joiner", join, &joiner, &task), 0);
    let_others_run();
    assert_false(joiner.ended);
    task_cancel(task, E_DRAINING);
    let_others_run();
    assert_true(joiner.ended);
    assert_int_equal(seen.err, E_DRAINING);
    stream_close(s);
}

static void test_join_canceled(void **state)
{
    (void)state;
    rt_run(join_canceled, NULL);
}

/* ---- unix: */

static void unix_sockets(void *arg)
{
    char dir[] = "/tmp/sluice-test-XXXXXX", address[64];
    const char *path = address + 5;
    struct seen seen = {0};
    struct listener *l, *other;
    struct fault f = {0};
    struct stat st;

    (void)arg;
    assert_non_null(mkdtemp(dir));
    snprintf(address, sizeof(address), "unix:%s/door", dir);
    l = start(address, 0, &seen);
    assert_string_equal(listener_address(l), address);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    struct stream *s = expect_connected(address);
    expect_echo(s);
    assert_int_equal(seen.family, AF_UNIX);
    stream_close(s);
    const struct listener_settings settings = {.address = address};
    assert_int_equal(listener_start(&settings, echo, NULL, &other, &f), E_IO);
    assert_non_null(strstr(f.text, "is in use"));
    listener_stop(l);
    listener_join(l);
    assert_int_equal(stat(path, &st), -1);

    /* What a killed process leaves behind is replaced; a file that is no socket is not. */
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
    close(fd);
    l = start(address, 0, &seen);
    /* Somebody else's by now: it stays. */
    assert_int_equal(unlink(path), 0);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fclose(file);
    listener_stop(l);
    listener_join(l);
    assert_int_equal(stat(path, &st), 0);
    fault_clear(&f);
    assert_int_equal(listener_start(&settings, echo, NULL, &other, &f), E_IO);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(dir), 0);
}

static void test_unix_sockets(void **state)
{
    (void)state;
    rt_run(unix_sockets, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RT_TEST(test_what_was_meant),       RT_TEST(test_bad_addresses),
        RT_TEST(test_not_to_be_had),        RT_TEST(test_serves),
        RT_TEST(test_serves_all_addresses), RT_TEST(test_shared_port),
        RT_TEST(test_at_the_limit),         RT_TEST(test_out_of_descriptors),
        RT_TEST(test_no_more_tasks),        RT_TEST(test_stopped),
        RT_TEST(test_all_canceled),         RT_TEST(test_join_canceled),
        RT_TEST(test_unix_sockets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
