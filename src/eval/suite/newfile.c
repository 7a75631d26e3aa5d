#include "eval/suite/newfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* mkdir -p */
int newfile_folders(struct str path, struct fault *f)
{
    char part[4096];
    if (path.n >= sizeof(part))
        return fault_set(f, E_IO, "the path is too long: %.*s", STR_ARGS(str_head(path, 80)));
    for (size_t i = 1; i <= path.n; i++) {
        if (i < path.n && path.p[i] != '/')
            continue;
        memcpy(part, path.p, i);
        part[i] = '\0';
        if (mkdir(part, 0777) != 0 && errno != EEXIST)
            return fault_set(f, E_IO, "the folder %s cannot be made: %s", part, strerror(errno));
    }
    return 0;
}

static int write_fault(const char *path, int error, struct fault *f)
{
    if (error == EEXIST)
        return fault_set(f, E_IO,
                         "%s is there already, and is not written over; move it away, or choose "
                         "another folder or name",
                         path);
    return fault_set(f, E_IO, "%s cannot be written: %s", path, strerror(error));
}

int newfile_check(const char *path, struct fault *f)
{
    return access(path, F_OK) == 0 ? write_fault(path, EEXIST, f) : 0;
}

int newfile_write(const char *path, struct str text, struct fault *f)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
    if (!file) {
        int error = errno;
        if (fd >= 0)
            close(fd);
        return write_fault(path, error, f);
    }
    bool whole = text.n == 0 || fwrite(text.p, text.n, 1, file) == 1;
    whole = fclose(file) == 0 && whole;
    return whole ? 0 : write_fault(path, errno, f);
}
