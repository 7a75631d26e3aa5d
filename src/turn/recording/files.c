#include "turn/recording/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"

#define DAY_US       (24 * 3600 * 1000000LL)
#define PREFIX       RECORDING_FILE_PREFIX
#define SUFFIX       ".jsonl"
#define TRIES        100
#define LEFT_SECONDS 3600
#define FILES_EACH   4 /* a file is at most that part of what all may have */

void recording_files_init(struct recording_files *files)
{
    *files = (struct recording_files){.fd = -1, .file_bytes_max = RECORDING_FILE_BYTES};
}

void recording_files_close(struct recording_files *files)
{
    if (files->fd >= 0)
        (void)close(files->fd);
    files->fd = -1;
}

/* ---- the file ---- */

static int folder_make(const char *folder, struct fault *f)
{
    struct stat s;
    if (mkdir(folder, 0700) != 0 && errno != EEXIST)
        return fault_set(f, E_IO, "the folder %s cannot be made: %s", folder, strerror(errno));
    if (stat(folder, &s) == 0 && S_ISDIR(s.st_mode) && (s.st_mode & 077))
        LOG(LOG_WARN, "recording_folder_open", log_z("folder", folder),
            log_z("hint", "others than its owner may look into it; chmod 700 keeps them out"));
    return 0;
}

static int folder_enter(struct recording_files *files, struct str folder, struct fault *f)
{
    if (folder.n >= sizeof(files->folder))
        return fault_set(f, E_IO, "the folder's path is too long");
    recording_files_close(files);
    memcpy(files->folder, folder.p, folder.n);
    files->folder[folder.n] = 0;
    int err = folder_make(files->folder, f);
    if (err)
        files->folder[0] = 0; /* the next line tries again */
    return err;
}

static int file_begin(struct recording_files *files, int64_t wall_us, struct fault *f)
{
    time_t now = (time_t)(wall_us / 1000000);
    struct tm tm;
    char stamp[32];
    recording_files_close(files);
    (void)gmtime_r(&now, &tm);
    (void)strftime(stamp, sizeof(stamp), "%Y%m%d-%H%M%S", &tm);
    for (unsigned i = 0; i < TRIES && files->fd < 0; i++) {
        int n = snprintf(files->path, sizeof(files->path), "%s/" PREFIX "%s-%ld-%u" SUFFIX,
                         files->folder, stamp, (long)getpid(), files->number++);
        if (n < 0 || (size_t)n >= sizeof(files->path))
            return fault_set(f, E_IO, "the folder's path is too long");
        files->fd = open(files->path,
                         O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (files->fd < 0 && errno == ENOENT) { /* somebody took the folder away */
            int err = folder_make(files->folder, f);
            if (err)
                return err;
        } else if (files->fd < 0 && errno != EEXIST) {
            break;
        }
    }
    if (files->fd < 0)
        return fault_set(f, E_IO, "%s cannot be made: %s", files->path, strerror(errno));
    files->day = wall_us / DAY_US;
    files->bytes = 0;
    return 0;
}

/* False where it was taken away, or somebody is writing it anew without some lines: a line that
 * went into it would be lost. */
static bool file_hold(const struct recording_files *files)
{
    struct stat s;
    if (flock(files->fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
        return false;
    return fstat(files->fd, &s) == 0 && s.st_nlink > 0;
}

/* A fresh file that is held. */
static int file_begin_held(struct recording_files *files, int64_t wall_us, struct fault *f)
{
    for (unsigned i = 0; i < TRIES; i++) {
        int err = file_begin(files, wall_us, f);
        if (err)
            return err;
        if (file_hold(files))
            return 0;
    }
    return fault_set(f, E_IO, "%s: others take away each file that is begun", files->folder);
}

/* What was written of a line that did not fit is taken back; where that fails, the file is left. */
static void line_take_back(struct recording_files *files)
{
    if (ftruncate(files->fd, files->bytes) != 0)
        recording_files_close(files);
}

int recording_files_append(struct recording_files *files, struct str folder, struct str line,
                           int64_t wall_us, struct fault *f)
{
    int err = 0;
    if (!str_eq(folder, str_from(files->folder)))
        err = folder_enter(files, folder, f);
    bool fresh = files->fd < 0 || files->day != wall_us / DAY_US ||
                 (files->bytes > 0 && files->bytes + (int64_t)line.n > files->file_bytes_max) ||
                 !file_hold(files);
    if (!err && fresh)
        err = file_begin_held(files, wall_us, f);
    size_t done = 0;
    while (!err && done < line.n) {
        ssize_t n = write(files->fd, line.p + done, line.n - done);
        if (n > 0)
            done += (size_t)n;
        else if (n == 0 || errno != EINTR)
            err = fault_set(f, E_IO, "%s cannot be written: %s", files->path,
                            n == 0 ? "nothing was taken" : strerror(errno));
    }
    if (!err)
        files->bytes += (int64_t)line.n;
    else if (done > 0)
        line_take_back(files);
    if (files->fd >= 0)
        (void)flock(files->fd, LOCK_UN);
    return err;
}

/* ---- which there are ---- */

/* What a deletion that was killed has left: no reader looks at it, so it would stay for ever. */
#define LEFT_PREFIX "." PREFIX

static int is_recording(const struct dirent *entry)
{
    struct str name = str_from(entry->d_name);
    return str_starts(name, STR(PREFIX)) && str_ends(name, STR(SUFFIX));
}

static int is_left(const struct dirent *entry)
{
    return str_starts(str_from(entry->d_name), STR(LEFT_PREFIX));
}

int recording_files_list(struct str folder, struct recording_list *ret_list, struct fault *f)
{
    char path[RECORDING_PATH_BYTES];
    *ret_list = (struct recording_list){.fd = -1};
    if (folder.n >= sizeof(path))
        return fault_set(f, E_IO, "the folder's path is too long");
    memcpy(path, folder.p, folder.n);
    path[folder.n] = 0;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return fault_set(f, E_NOT_FOUND, "there is no folder %s", path);
    ret_list->fd = fd;
    int n = fd >= 0 ? scandirat(fd, ".", &ret_list->name, is_recording, alphasort) : -1;
    if (n < 0)
        return fault_set(f, E_IO, "%s cannot be read: %s", path, strerror(errno));
    ret_list->n = n;
    return 0;
}

void recording_list_free(struct recording_list *list)
{
    for (int i = 0; i < list->n; i++)
        free(list->name[i]);
    free(list->name);
    if (list->fd >= 0)
        (void)close(list->fd);
}

/* ---- retention ---- */

static bool is_open_one(const struct recording_files *files, const struct stat *s)
{
    struct stat mine;
    return files->fd >= 0 && fstat(files->fd, &mine) == 0 && mine.st_ino == s->st_ino &&
           mine.st_dev == s->st_dev;
}

/* One file in the order of age; *sum is what this and all younger ones have. */
static void file_judge(const struct recording_files *files, int folder, const char *name,
                       int64_t keep_ms, int64_t bytes_max, int64_t wall_us, int64_t *sum)
{
    struct stat s;
    if (fstatat(folder, name, &s, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(s.st_mode))
        return;
    int64_t age_ms = wall_us / 1000 - (int64_t)s.st_mtim.tv_sec * 1000;
    bool old = keep_ms > 0 && age_ms > keep_ms;
    bool much = bytes_max > 0 && *sum > bytes_max;
    if ((old || much) && !is_open_one(files, &s) && unlinkat(folder, name, 0) == 0)
        *sum -= s.st_size;
}

static int64_t sizes(const struct recording_list *list)
{
    int64_t sum = 0;
    struct stat s;
    for (int i = 0; i < list->n; i++)
        if (fstatat(list->fd, list->name[i]->d_name, &s, AT_SYMLINK_NOFOLLOW) == 0)
            sum += s.st_size;
    return sum;
}

static void left_clear(int folder, int64_t wall_us)
{
    struct dirent **names = NULL;
    int n = scandirat(folder, ".", &names, is_left, alphasort);
    for (int i = 0; i < n; i++) {
        struct stat s;
        if (fstatat(folder, names[i]->d_name, &s, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(s.st_mode) &&
            wall_us / 1000000 - (int64_t)s.st_ctim.tv_sec > LEFT_SECONDS)
            (void)unlinkat(folder, names[i]->d_name, 0);
        free(names[i]);
    }
    free(names);
}

int recording_files_trim(struct recording_files *files, struct str folder, int64_t keep_ms,
                         int64_t bytes_max, int64_t wall_us, struct fault *f)
{
    int64_t part = bytes_max / FILES_EACH;
    files->file_bytes_max = bytes_max > 0 && part < RECORDING_FILE_BYTES ? part
                                                                         : RECORDING_FILE_BYTES;
    if (files->fd >= 0 && files->day != wall_us / DAY_US)
        recording_files_close(files); /* nobody recorded anything since: it may grow old */
    struct recording_list list;
    struct fault own = {0};
    int err = recording_files_list(folder, &list, &own);
    if (err && err != E_NOT_FOUND)
        (void)fault_set(f, err, "%s", fault_text(&own));
    int64_t sum = sizes(&list);
    for (int i = 0; i < list.n; i++)
        file_judge(files, list.fd, list.name[i]->d_name, keep_ms, bytes_max, wall_us, &sum);
    if (!err)
        left_clear(list.fd, wall_us);
    recording_list_free(&list);
    return err == E_NOT_FOUND ? 0 : err;
}
