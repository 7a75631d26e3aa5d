/* test_listener_inherited.c: sockets that listen already, and whether an address is free. */
#include "rt_test.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "net/listener.h"

union any {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    struct sockaddr_un un;
};

/* A socket bound there; it listens where `listening`. */
static int bound(union any address, socklen_t len, bool listening)
{
    int fd = socket(address.any.sa_family, SOCK_STREAM, 0);
    assert_true(fd > 0);
    assert_int_equal(bind(fd, &address.any, len), 0);
    assert_int_equal(listening ? listen(fd, 1) : 0, 0);
    return fd;
}

static unsigned port_of(int fd)
{
    union any a = {0};
    socklen_t len = sizeof(a);
    assert_int_equal(getsockname(fd, &a.any, &len), 0);
    return ntohs(a.in.sin_port);
}

static void says(int fd, const char *before, const char *after)
{
    char wanted[ADDRESS_BYTES], address[ADDRESS_BYTES];
    struct fault f = {0};
    snprintf(wanted, sizeof(wanted), "%s%s", before, after);
    assert_int_equal(listener_address_of(fd, address, &f), 0);
    assert_string_equal(address, wanted);
    assert_int_equal(listener_check(address, &f), 0); /* it is one to listen on */
    close(fd);
}

static const union any in4 = {.in = {.sin_family = AF_INET, .sin_addr = {0}}};
static const union any in6 = {
    .in6 = {.sin6_family = AF_INET6, .sin6_addr = {.s6_addr = {[15] = 1}}}};

static void test_addresses(void **state)
{
    (void)state;
    char dir[] = "/tmp/sluice-test-XXXXXX", path[64], port[16];
    union any un = {.un = {.sun_family = AF_UNIX}};

    int fd = bound(in4, sizeof(in4.in), true);
    snprintf(port, sizeof(port), "%u", port_of(fd));
    says(fd, "0.0.0.0:", port);
    fd = socket(AF_INET6, SOCK_STREAM, 0);
    if (fd >= 0 && bind(fd, &in6.any, sizeof(in6.in6)) == 0) { /* a machine with IPv6 */
        assert_int_equal(listen(fd, 1), 0);
        snprintf(port, sizeof(port), "%u", port_of(fd));
        says(fd, "[::1]:", port);
    }
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/s", dir);
    snprintf(un.un.sun_path, sizeof(un.un.sun_path), "%s", path);
    says(bound(un, sizeof(un.un), true), "unix:", path);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(dir), 0);
}

static void test_what_is_none(void **state)
{
    (void)state;
    char address[ADDRESS_BYTES];
    struct fault f = {0};
    int fds[] = {bound(in4, sizeof(in4.in), false), socket(AF_INET, SOCK_DGRAM, 0), dup(0), -1};

    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        fault_clear(&f);
        assert_int_equal(listener_address_of(fds[i], address, &f), E_CONFIG);
        close(fds[i]);
    }
}

static void unused(void *arg UNUSED, struct stream *s UNUSED, const struct sockaddr *peer UNUSED)
{
}

/* It is taken over also where nothing comes of it. */
static void taken(void *arg)
{
    (void)arg;
    struct listener *l;
    struct fault f = {0};
    int fd = bound(in4, sizeof(in4.in), true);

    assert_int_equal(listener_start(&(struct listener_settings){.address = "x", .inherited = fd},
                                    unused, NULL, &l, &f),
                     E_CONFIG);
    assert_int_equal(close(fd), -1);
}

static void test_taken(void **state)
{
    (void)state;
    rt_run(taken, NULL);
}

static void test_is_free(void **state)
{
    (void)state;
    char address[64];
    unsigned port = 1;
    struct fault f = {0};
    int fd = bound(in4, sizeof(in4.in), true);

    snprintf(address, sizeof(address), "127.0.0.1:%u", port_of(fd));
    assert_int_equal(listener_is_free(address, &port, &f), E_IO);
    assert_int_equal(port, port_of(fd));
    close(fd);
    fault_clear(&f);
    assert_int_equal(listener_is_free(address, &port, &f), 0);
    assert_int_equal(listener_is_free("nonsense", &port, &f), E_CONFIG);
    fault_clear(&f);
    assert_int_equal(listener_is_free("unix:/tmp/sluice-test-nobody", &port, &f), 0);
    assert_int_equal(port, 0);
}

/* The path of a socket that was handed over: `ours` to remove, or left to who has it now. */
static void path_at_the_end(bool ours, bool left, bool stays)
{
    char dir[] = "/tmp/sluice-test-XXXXXX", address[ADDRESS_BYTES];
    union any un = {.un = {.sun_family = AF_UNIX}};
    struct listener *l;
    struct fault f = {0};

    assert_non_null(mkdtemp(dir));
    snprintf(un.un.sun_path, sizeof(un.un.sun_path), "%s/s", dir);
    snprintf(address, sizeof(address), "unix:%s", un.un.sun_path);
    int fd = bound(un, sizeof(un.un), true);
    const struct listener_settings settings = {
        .address = address, .inherited = fd, .path_is_ours = ours};
    assert_int_equal(listener_start(&settings, unused, NULL, &l, &f), 0);
    assert_int_equal(listener_fd(l), fd);
    if (left)
        listener_leave_path(l);
    listener_stop(l);
    listener_join(l);
    assert_int_equal(unlink(un.un.sun_path), stays ? 0 : -1);
    assert_int_equal(rmdir(dir), 0);
}

static void paths(void *arg)
{
    (void)arg;
    path_at_the_end(false, false, true);
    path_at_the_end(true, false, false);
    path_at_the_end(true, true, true);
}

static void test_paths(void **state)
{
    (void)state;
    rt_run(paths, NULL);
}

/* A process that shares the socket keeps it open: the loop hears no more of it all the same. */
static void shared(void *arg)
{
    (void)arg;
    char address[64];
    struct listener *l;
    struct fault f = {0};
    union any to = in4;
    int fd = bound(in4, sizeof(in4.in), true), theirs = dup(fd);

    to.in.sin_port = htons((uint16_t)port_of(fd));
    snprintf(address, sizeof(address), "127.0.0.1:%u", port_of(fd));
    const struct listener_settings settings = {.address = address, .inherited = fd};
    assert_int_equal(listener_start(&settings, unused, NULL, &l, &f), 0);
    assert_int_equal(task_sleep(0), 0);
    listener_stop(l);
    listener_join(l);
    int client = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(client, &to.any, sizeof(to.in)), 0);
    for (int i = 0; i < 5; i++)
        assert_int_equal(task_sleep(1), 0); /* an event would go to memory that was freed */
    int taken = accept(theirs, NULL, NULL);
    assert_true(taken > 0); /* it waits for who has the socket still */
    close(taken);
    close(client);
    close(theirs);
}

static void test_shared(void **state)
{
    (void)state;
    rt_run(shared, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RT_TEST(test_addresses), RT_TEST(test_what_is_none), RT_TEST(test_taken),
        RT_TEST(test_is_free),   RT_TEST(test_paths),        RT_TEST(test_shared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
