/* place.c: is there room for the ledger, and are the ports free? */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "cli/doctor/doctor.h"
#include "conf/file.h"
#include "net/listener.h"
#include "store/rows.h"

#define MIB     (1024LL * 1024)
#define LISTENS 0x10000 /* among the flags of /proc/net/unix */

/* ---- ledger ---- */

static void room_look(struct doctor *d, struct str path)
{
    char folder[PATH_MAX];
    struct statvfs st;
    snprintf(folder, sizeof(folder), "%.*s", STR_ARGS(path));
    char *slash = strrchr(folder, '/');
    snprintf(slash ? slash + 1 : folder, 2, ".");
    if (statvfs(folder, &st) != 0) {
        doctor_find(d, DOCTOR_PROBLEM, path, "its folder cannot be looked at: %s", strerror(errno));
        return;
    }
    int64_t free_bytes = (int64_t)st.f_bavail * (int64_t)st.f_frsize;
    if (free_bytes >= d->free_bytes_least) {
        doctor_find(d, DOCTOR_OK, path, "can be written, %lld MiB are free there",
                    (long long)(free_bytes / MIB));
        return;
    }
    doctor_find(d, DOCTOR_WARNING, path, "only %lld MiB are free there; full, requests are refused",
                (long long)(free_bytes / MIB));
    doctor_advise(d, "make room, or set state: {keep: ..., keep_bytes: ...} lower");
}

void doctor_ledger(struct doctor *d)
{
    const struct config *c = d->snapshot->config;
    struct str path = c->state.ledger, kind = str_cut(&path, ':');
    struct rows_store *store = NULL;
    struct fault f = {0};
    if (!config_has_ledger(c)) {
        doctor_find(d, DOCTOR_OK, STR_NONE, "state.ledger is off: nothing is written down");
        return;
    }
    if (!str_eq(kind, STR("sqlite"))) {
        doctor_find(d, DOCTOR_SKIPPED, c->state.ledger, "only a ledger in a file is looked at");
        return;
    }
    int err = rows_open(c->state.ledger, true, &store, &f);
    rows_close(store);
    if (!err || err == E_NOT_FOUND)
        err = file_place_check(path, &f);
    if (!err) /* SQLite makes its -wal beside it */
        err = file_folder_check(path, &f);
    if (err) {
        doctor_find(d, DOCTOR_PROBLEM, path, "%s", fault_text(&f));
        doctor_advise(d, "state.ledger has to be where the user that serves may write; a relative "
                         "path begins in the working directory");
        return;
    }
    room_look(d, path);
}

/* ---- ports ---- */

/* The inode of the socket that listens on `port`, from the kernel's table; false: there is none. */
static bool inode_find(const struct doctor *d, const char *table, unsigned port,
                       unsigned long *ret_inode)
{
    char path[256], line[512];
    unsigned long inode;
    unsigned here, state;
    bool found = false;
    snprintf(path, sizeof(path), "%s/net/%s", d->proc, table);
    FILE *file = fopen(path, "re");
    while (file && !found && fgets(line, sizeof(line), file))
        /* sl local:port remote:port state tx:rx tr:when retransmits uid timeout inode */
        if (sscanf(line, " %*u: %*[0-9A-F]:%x %*[0-9A-F]:%*x %x %*x:%*x %*x:%*x %*x %*u %*u %lu",
                   &here, &state, &inode) == 3 &&
            here == port && state == 0x0A) {
            *ret_inode = inode;
            found = true;
        }
    if (file)
        fclose(file);
    return found;
}

/* The same of the one that listens at a path. */
static bool path_inode_find(const struct doctor *d, struct str wanted, unsigned long *ret_inode)
{
    char path[256], line[512];
    unsigned long inode;
    unsigned flags;
    bool found = false;
    snprintf(path, sizeof(path), "%s/net/unix", d->proc);
    FILE *file = fopen(path, "re");
    while (file && !found && fgets(line, sizeof(line), file)) {
        int at = 0;
        /* number: references protocol flags type state inode path */
        if (sscanf(line, " %*x: %*x %*x %x %*x %*x %lu %n", &flags, &inode, &at) == 2 && at > 0 &&
            flags & LISTENS && str_eq(str_trim(str_from(line + at)), wanted)) {
            *ret_inode = inode;
            found = true;
        }
    }
    if (file)
        fclose(file);
    return found;
}

static bool listener_find(const struct doctor *d, struct str address, unsigned port,
                          unsigned long *ret_inode)
{
    if (str_starts(address, STR("unix:")))
        return path_inode_find(d, str_tail(address, STR("unix:").n), ret_inode);
    return port > 0 &&
           (inode_find(d, "tcp", port, ret_inode) || inode_find(d, "tcp6", port, ret_inode));
}

static bool process_holds(const struct doctor *d, const char *pid, unsigned long inode)
{
    char path[300], wanted[64], link[64];
    snprintf(wanted, sizeof(wanted), "socket:[%lu]", inode);
    snprintf(path, sizeof(path), "%s/%s/fd", d->proc, pid);
    DIR *fds = opendir(path);
    bool held = false;
    for (struct dirent *e; fds && !held && (e = readdir(fds));) {
        ssize_t n = readlinkat(dirfd(fds), e->d_name, link, sizeof(link));
        held = n > 0 && str_eq(str_of(link, (size_t)n), str_from(wanted));
    }
    if (fds)
        closedir(fds);
    return held;
}

/* "sluice" and its process id; false: nobody whom this user may look at. */
static bool holder_find(const struct doctor *d, unsigned long inode, char name[32], int *ret_pid)
{
    char path[300];
    uint64_t pid;
    bool found = false;
    DIR *all = opendir(d->proc);
    for (struct dirent *e; all && !found && (e = readdir(all));) {
        if (!str_to_u64(str_from(e->d_name), INT_MAX, &pid) || !process_holds(d, e->d_name, inode))
            continue;
        snprintf(path, sizeof(path), "%s/%s/comm", d->proc, e->d_name);
        FILE *file = fopen(path, "re");
        found = file && fgets(name, 32, file);
        if (file)
            fclose(file);
        *ret_pid = (int)pid;
    }
    if (all)
        closedir(all);
    name[strcspn(name, "\n")] = '\0';
    return found;
}

static void taken_tell(struct doctor *d, const char *setting, struct str address, unsigned port,
                       const struct fault *f)
{
    unsigned long inode;
    char name[32] = "";
    int pid = 0;
    bool known = f->err == E_IO && listener_find(d, address, port, &inode) &&
                 holder_find(d, inode, name, &pid);
    bool own = known && (strcmp(name, "sluice") == 0 || strcmp(name, "systemd") == 0);
    if (own) {
        doctor_find(d, DOCTOR_OK, address, "%s (process %d) listens there already", name, pid);
        return;
    }
    if (known)
        doctor_find(d, DOCTOR_PROBLEM, address, "in use by %s, process %d", name, pid);
    else
        doctor_find(d, DOCTOR_PROBLEM, address, "%s", fault_text(f));
    doctor_advise(d, "end that program, or let %s name another address", setting);
}

static void port_look(struct doctor *d, const char *setting, struct str address)
{
    unsigned port = 0;
    struct fault f = {0};
    if (listener_is_free(address.p, &port, &f) == 0)
        doctor_find(d, DOCTOR_OK, address, "free");
    else
        taken_tell(d, setting, address, port, &f);
}

void doctor_ports(struct doctor *d)
{
    const struct config *c = d->snapshot->config;
    port_look(d, "listen", c->listen);
    if (c->admin_listen.n)
        port_look(d, "admin_listen", c->admin_listen);
}
