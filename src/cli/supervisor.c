#include "cli/supervisor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/str.h"

#define FIRST_FD 3
#define FDS_MAX  64

static bool number_of(const char *name, uint64_t max, uint64_t *ret_n)
{
    const char *value = getenv(name);
    return value && str_to_u64(str_from(value), max, ret_n);
}

static int socket_take(struct supervisor_socket *s, int fd, struct str name, struct fault *f)
{
    if (s->fd)
        return fault_set(f, E_CONFIG, "LISTEN_FDNAMES has '%.*s' twice; expected sluice and admin",
                         STR_ARGS(name));
    s->fd = fd;
    return listener_address_of(fd, s->address, f);
}

int supervisor_sockets_take(struct supervisor_sockets *ret_sockets, struct fault *f)
{
    const struct str usual[] = {STR("sluice"), STR("admin")};
    const char *names = getenv("LISTEN_FDNAMES");
    struct str rest = str_from(names);
    uint64_t pid = 0, n = 0;
    int err = 0;
    *ret_sockets = (struct supervisor_sockets){0};
    if (!number_of("LISTEN_PID", INT32_MAX, &pid) || (pid_t)pid != getpid() ||
        !number_of("LISTEN_FDS", FDS_MAX, &n))
        return 0;
    for (unsigned i = 0; i < n && !err; i++) {
        struct str name = names ? str_cut(&rest, ':') : usual[i < 2 ? i : 1];
        if (str_eq(name, usual[0]))
            err = socket_take(&ret_sockets->clients, FIRST_FD + (int)i, name, f);
        else if (str_eq(name, usual[1]))
            err = socket_take(&ret_sockets->admin, FIRST_FD + (int)i, name, f);
        else
            err = fault_set(f, E_CONFIG,
                            "a socket is named '%.*s' in LISTEN_FDNAMES; expected sluice or admin "
                            "(FileDescriptorName= of the socket's unit)",
                            STR_ARGS(name));
    }
    return err;
}

void supervisor_tell(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    size_t n = path ? strlen(path) : 0;
    if (n < 2 || n >= sizeof(to.sun_path) || (path[0] != '/' && path[0] != '@'))
        return;
    memcpy(to.sun_path, path, n);
    if (path[0] == '@')
        to.sun_path[0] = '\0'; /* a name that is in no folder */
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    (void)!sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&to,
                  (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n));
    close(fd);
}
