/* io_test.h: connections for the tests of sockets. */
#ifndef IO_TEST_H
#define IO_TEST_H

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rt_test.h"

static inline struct sockaddr_in any_port(void)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
}

/* A listening socket on a free port of loopback; its address in *ret_addr. */
static inline int listen_fd(int backlog, struct sockaddr_in *ret_addr)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    *ret_addr = any_port();
    socklen_t len = sizeof(*ret_addr);
    assert_int_equal(bind(fd, (struct sockaddr *)ret_addr, len), 0);
    assert_int_equal(listen(fd, backlog), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)ret_addr, &len), 0);
    return fd;
}

/* Both ends of a TCP connection: `ours` an io, `theirs` a plain descriptor that blocks. */
struct pair {
    struct io *ours;
    int theirs;
};

static inline struct pair pair_new(void)
{
    struct sockaddr_in addr;
    int listener = listen_fd(1, &addr);
    struct pair p;
    p.theirs = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(p.theirs, (struct sockaddr *)&addr, sizeof(addr)), 0);
    int one = 1;
    assert_int_equal(setsockopt(p.theirs, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)), 0);
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(fd >= 0);
    close(listener);
    assert_int_equal(io_open(fd, &p.ours), 0);
    return p;
}

static inline void pair_free(struct pair *p)
{
    io_close(p->ours);
    if (p->theirs >= 0)
        close(p->theirs);
}

static inline void they_send(const struct pair *p, const char *text)
{
    assert_int_equal(send(p->theirs, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static inline void they_close(struct pair *p)
{
    close(p->theirs);
    p->theirs = -1;
}

static inline void they_reset(struct pair *p)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    assert_int_equal(setsockopt(p->theirs, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
    they_close(p);
}

/* Lets the loop look at its sockets. */
static inline void a_round(void)
{
    assert_int_equal(task_sleep(1), 0);
}

static inline int read_text(struct io *io, const char *expected)
{
    char bytes[256];
    size_t n = 0;
    int err = io_read(io, bytes, sizeof(bytes), &n);
    if (!err) {
        assert_int_equal(n, strlen(expected));
        assert_memory_equal(bytes, expected, n);
    }
    return err;
}

static inline int write_text(struct io *io, const char *text)
{
    struct iovec iov = {(void *)(uintptr_t)text, strlen(text)};
    return io_writev(io, &iov, 1);
}

/* Many bytes, each to be told from its neighbours. */
#define BULK ((size_t)4 * 1024 * 1024)

static inline unsigned char bulk_byte(size_t i)
{
    return (unsigned char)(i * 31 + (i >> 12));
}

#endif
