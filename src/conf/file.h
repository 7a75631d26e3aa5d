/*
 * file.h: is there a place for the file that a setting names? A look for `sluice check`, which
 * writes nothing; what is opened later may fail all the same. Blocks on the disk.
 */
#ifndef CONF_FILE_H
#define CONF_FILE_H

#include <stdbool.h>

#include "base/err.h"
#include "base/macros.h"
#include "base/str.h"

/* Could a file at `path` be written, or made where there is none? E_CONFIG with what is in the way.
 */
MUSTCHECK int file_place_check(struct str path, struct fault *f);

/* Reading one as a file gives nothing, and no error that says why. */
bool file_is_folder(struct str path);
/* Has the folder a file whose name fits (as a shell's pattern)? */
bool file_folder_has(struct str path, const char *pattern);

/* Could something be made in its folder? */
MUSTCHECK int file_folder_check(struct str path, struct fault *f);

#endif
