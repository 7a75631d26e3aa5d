#include "conf/file.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

static int z_path(struct str path, char out[PATH_MAX], struct fault *f)
{
    if (path.n == 0 || path.n >= PATH_MAX)
        return fault_set(f, E_CONFIG, "a path of %zu bytes; expected 1 to %d", path.n,
                         PATH_MAX - 1);
    memcpy(out, path.p, path.n);
    out[path.n] = '\0';
    return 0;
}

bool file_is_folder(struct str path)
{
    char name[PATH_MAX];
    struct stat st;
    return z_path(path, name, NULL) == 0 && stat(name, &st) == 0 && S_ISDIR(st.st_mode);
}

bool file_folder_has(struct str path, const char *pattern)
{
    char folder[PATH_MAX];
    bool found = false;
    DIR *d = z_path(path, folder, NULL) == 0 ? opendir(folder) : NULL;
    for (struct dirent *e; d && !found && (e = readdir(d)) != NULL;)
        found = fnmatch(pattern, e->d_name, 0) == 0;
    if (d)
        (void)closedir(d);
    return found;
}

int file_folder_check(struct str path, struct fault *f)
{
    char folder[PATH_MAX];
    struct stat st;
    int err = z_path(path, folder, f);
    if (err)
        return err;
    char *slash = strrchr(folder, '/');
    if (!slash)
        memcpy(folder, ".", 2);
    else
        slash[slash == folder] = '\0'; /* of "/x" the slash itself is the folder */
    if (stat(folder, &st) != 0)
        return errno == ENOENT ? fault_set(f, E_CONFIG, "there is no folder %s", folder)
                               : fault_set(f, E_CONFIG, "the folder %s cannot be looked at: %s",
                                           folder, strerror(errno));
    if (!S_ISDIR(st.st_mode))
        return fault_set(f, E_CONFIG, "%s is no folder", folder);
    if (access(folder, W_OK | X_OK) != 0)
        return fault_set(f, E_CONFIG, "this user may make no file in %s", folder);
    return 0;
}

int file_place_check(struct str path, struct fault *f)
{
    char name[PATH_MAX];
    struct stat st;
    int err = z_path(path, name, f);
    if (err)
        return err;
    if (stat(name, &st) != 0)
        return str_ends(path, STR("/"))
                   ? fault_set(f, E_CONFIG, "%s names a folder, not a file", name)
                   : file_folder_check(path, f);
    if (S_ISDIR(st.st_mode))
        return fault_set(f, E_CONFIG, "%s is a folder; expected a file", name);
    if (access(name, W_OK) != 0)
        return fault_set(f, E_CONFIG, "this user may not write %s", name);
    return 0;
}
