#include "turn/recording/read.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "turn/recording/files.h"

#define LINE_ARENA_BYTES_MAX (512u * 1024 * 1024) /* JSON of 64 MiB is the most that is read */

/* ---- lines ---- */

struct lines {
    FILE *file;
    char *text;
    size_t room;
    bool ended; /* the last one had its end */
};

/* The next line with its end; false behind the last one. */
static bool line_next(struct lines *l, struct str *ret_line)
{
    ssize_t n = getline(&l->text, &l->room, l->file);
    if (n <= 0)
        return false;
    l->ended = l->text[n - 1] == '\n';
    *ret_line = str_of(l->text, (size_t)n);
    return true;
}

static void lines_fini(struct lines *l)
{
    free(l->text);
    if (l->file)
        (void)fclose(l->file);
}

/* Reads `line`; what cannot be read is counted, and *ret_good false. */
static int line_judge(const struct lines *l, struct arena *arena, struct str line,
                      struct recordings_seen *seen, struct recorded_turn *ret_turn, bool *ret_good)
{
    arena_fini(arena);
    arena_init_private(arena, LINE_ARENA_BYTES_MAX);
    int err = l->ended ? recording_line_read(arena, line, ret_turn) : E_BAD_JSON;
    *ret_good = err == 0;
    if (err != E_BAD_JSON && err != E_TOO_LARGE)
        return err;
    if (!l->ended)
        seen->torn++;
    else if (str_trim(line).n > 0)
        seen->unreadable++;
    return 0;
}

/* ---- reading ---- */

/* sluice-20261127-...: was it begun before "2026-11-27"? Nothing in it is from a later day. */
static bool began_before(const char *name, struct str day)
{
    if (day.n != 10)
        return false;
    const char *at = name + strlen(RECORDING_FILE_PREFIX);
    char digits[9];
    int n = snprintf(digits, sizeof(digits), "%.4s%.2s%.2s", day.p, day.p + 5, day.p + 8);
    return n == 8 && strspn(at, "0123456789") == 8 && strncmp(at, digits, 8) < 0;
}

static int file_read(int fd, recording_take take, void *arg, struct recordings_seen *seen)
{
    struct lines l = {.file = fdopen(fd, "r")};
    struct arena arena;
    struct str line;
    int err = 0;
    if (!l.file) {
        (void)close(fd);
        return E_MEMORY;
    }
    arena_init_private(&arena, LINE_ARENA_BYTES_MAX);
    while (!err && line_next(&l, &line)) {
        struct recorded_turn turn;
        bool good;
        err = line_judge(&l, &arena, line, seen, &turn, &good);
        if (!err && good) {
            seen->turns++;
            seen->bytes += line.n;
            err = take(arg, &turn, line);
        }
    }
    if (!err && ferror(l.file))
        err = E_IO;
    seen->files++;
    arena_fini(&arena);
    lines_fini(&l);
    return err;
}

int recordings_read(struct str folder, struct str since_day, recording_take take, void *arg,
                    struct recordings_seen *ret_seen, struct fault *f)
{
    struct recording_list list;
    *ret_seen = (struct recordings_seen){.files = 0};
    int err = recording_files_list(folder, &list, f);
    for (int i = 0; i < list.n && !err; i++) {
        const char *name = list.name[i]->d_name;
        if (began_before(name, since_day))
            continue;
        int fd = openat(list.fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd >= 0)
            err = file_read(fd, take, arg, ret_seen);
        else if (errno != ENOENT) /* retention was quicker */
            err = E_IO;
        if (err == E_IO)
            (void)fault_set(f, E_IO, "%.*s/%s cannot be read: %s", STR_ARGS(folder), name,
                            strerror(errno));
    }
    recording_list_free(&list);
    return err;
}

/* ---- taking away ---- */

struct deletion {
    int folder;
    bool only_look;
    recording_meant meant;
    void *arg;
    struct recordings_seen gone; /* of all files */
    struct recordings_seen file; /* of this one */
    uint64_t kept;               /* lines that stay in it */
    FILE *fresh;                 /* what stays goes here; NULL: it is only counted */
};

/* Held until it is closed, by name: what another one has just written anew is opened again. -1
 * where it is gone, or cannot be opened (*ret_err). */
static int file_hold(int folder, const char *name, int *ret_err)
{
    for (;;) {
        struct stat s;
        int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0) {
            *ret_err = errno == ENOENT ? 0 : E_IO;
            return -1;
        }
        if (flock(fd, LOCK_EX) != 0 || fstat(fd, &s) != 0) {
            *ret_err = E_IO;
            (void)close(fd);
            return -1;
        }
        if (s.st_nlink > 0)
            return fd;
        (void)close(fd);
    }
}

/* Goes through the file once: counts, or writes what stays. */
static int file_sift(struct deletion *d, int fd)
{
    int own = dup(fd);
    struct lines l = {.file = own >= 0 ? fdopen(own, "r") : NULL};
    struct arena arena;
    struct str line;
    int err = 0;
    if (!l.file || fseeko(l.file, 0, SEEK_SET) != 0)
        err = E_IO;
    arena_init_private(&arena, LINE_ARENA_BYTES_MAX);
    d->file = (struct recordings_seen){.files = 0};
    d->kept = 0;
    while (!err && line_next(&l, &line)) {
        struct recorded_turn turn;
        bool good;
        uint64_t torn = d->file.torn;
        err = line_judge(&l, &arena, line, &d->file, &turn, &good);
        if (err || d->file.torn > torn)
            continue;
        if (good && d->meant(d->arg, &turn)) {
            d->file.turns++;
            d->file.bytes += line.n;
            continue;
        }
        d->kept += str_trim(line).n > 0;
        if (d->fresh && fwrite(line.p, 1, line.n, d->fresh) != line.n)
            err = E_IO;
    }
    if (!err && ferror(l.file))
        err = E_IO;
    arena_fini(&arena);
    if (!l.file && own >= 0)
        (void)close(own);
    lines_fini(&l);
    return err;
}

/* Root may do it for the user who serves. */
static bool owner_keep(int to, const struct stat *from)
{
    struct stat s;
    return fstat(to, &s) == 0 && ((s.st_uid == from->st_uid && s.st_gid == from->st_gid) ||
                                  fchown(to, from->st_uid, from->st_gid) == 0);
}

/* What stays goes into a file beside it, which takes its place, its owner and its age. */
static int file_renew(struct deletion *d, int fd, const char *name)
{
    char fresh[RECORDING_PATH_BYTES];
    struct stat s;
    int n = snprintf(fresh, sizeof(fresh), "." RECORDING_FILE_PREFIX "%ld-%s", (long)getpid(),
                     name);
    if (n < 0 || (size_t)n >= sizeof(fresh) || fstat(fd, &s) != 0)
        return E_IO;
    int to = openat(d->folder, fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (to < 0)
        return E_IO;
    d->fresh = fdopen(to, "w");
    int err = d->fresh ? file_sift(d, fd) : E_MEMORY;
    const struct timespec times[2] = {s.st_atim, s.st_mtim};
    if (!err && (!owner_keep(to, &s) || fflush(d->fresh) != 0 || futimens(to, times) != 0 ||
                 fsync(to) != 0 || renameat(d->folder, fresh, d->folder, name) != 0))
        err = E_IO;
    int failed = errno;
    if (d->fresh)
        (void)fclose(d->fresh);
    else
        (void)close(to);
    d->fresh = NULL;
    if (err)
        (void)unlinkat(d->folder, fresh, 0);
    errno = failed;
    return err;
}

static int file_clean(struct deletion *d, const char *name)
{
    int err = 0;
    int fd = file_hold(d->folder, name, &err);
    if (fd < 0)
        return err;
    err = file_sift(d, fd);
    bool touched = d->file.turns + d->file.torn > 0;
    if (!err && touched && !d->only_look) {
        if (d->kept > 0)
            err = file_renew(d, fd, name);
        else if (unlinkat(d->folder, name, 0) != 0)
            err = E_IO;
    }
    if (!err) {
        d->gone.files += touched;
        d->gone.turns += d->file.turns;
        d->gone.bytes += d->file.bytes;
        d->gone.torn += d->file.torn;
        d->gone.unreadable += d->file.unreadable;
    }
    int failed = errno;
    (void)close(fd);
    errno = failed;
    return err;
}

int recordings_delete(struct str folder, bool only_look, recording_meant meant, void *arg,
                      struct recordings_seen *ret_gone, struct fault *f)
{
    struct recording_list list;
    int err = recording_files_list(folder, &list, f);
    struct deletion d = {.folder = list.fd, .only_look = only_look, .meant = meant, .arg = arg};
    for (int i = 0; i < list.n && !err; i++) {
        err = file_clean(&d, list.name[i]->d_name);
        if (err == E_IO)
            (void)fault_set(f, E_IO, "%.*s/%s cannot be written anew: %s", STR_ARGS(folder),
                            list.name[i]->d_name, strerror(errno));
    }
    if (!err && d.gone.files > 0 && !only_look && fsync(list.fd) != 0)
        err = fault_set(f, E_IO, "%.*s: %s", STR_ARGS(folder), strerror(errno));
    recording_list_free(&list);
    *ret_gone = d.gone;
    return err;
}
