/*
 * files.h: the files that recordings are appended to, and how long they stay.
 *
 * FOLDER/sluice-20261127-014500-PID-N.jsonl, 0600 in a folder 0700: begun anew each day (UTC), with
 * each process, and past RECORDING_FILE_BYTES. So two processes never share one, a name's order is
 * the order in time, and a file that was torn by a crash is never written to again. Retention takes
 * whole files, the oldest first. A line is appended under a lock (flock); where another one has it,
 * which is writing the file anew without some lines (read.h), the line goes to another
 * file. For one thread; blocks on the disk.
 */
#ifndef TURN_RECORDING_FILES_H
#define TURN_RECORDING_FILES_H

#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/macros.h"
#include "base/str.h"

#define RECORDING_FILE_PREFIX "sluice-"
#define RECORDING_FILE_BYTES  (64 * 1024 * 1024)
#define RECORDING_PATH_BYTES  1024

struct recording_files {
    char folder[RECORDING_PATH_BYTES];
    char path[RECORDING_PATH_BYTES]; /* of the open file */
    int fd;                          /* -1: none */
    int64_t day, bytes, file_bytes_max;
    unsigned number;
};

void recording_files_init(struct recording_files *files);
void recording_files_close(struct recording_files *files);

/* Appends a line whole or not at all, in `folder`. E_IO with the reason. */
MUSTCHECK int recording_files_append(struct recording_files *files, struct str folder,
                                     struct str line, int64_t wall_us, struct fault *f);

/* Takes files away whose last line is older than keep_ms, and the oldest of those that are together
 * larger than bytes_max (0: no limit of either). Never the one that is open. */
MUSTCHECK int recording_files_trim(struct recording_files *files, struct str folder,
                                   int64_t keep_ms, int64_t bytes_max, int64_t wall_us,
                                   struct fault *f);

/* The folder's files in the order of their names. E_NOT_FOUND: there is no folder. To be freed
 * after an error, too. */
struct recording_list {
    int fd; /* the folder; -1: none */
    struct dirent **name;
    int n;
};
MUSTCHECK int recording_files_list(struct str folder, struct recording_list *ret_list,
                                   struct fault *f);
void recording_list_free(struct recording_list *list);

#endif
