/*
 * newfile.h: files that a command makes for people, and that are never written over.
 *
 * Blocks on the disk; for commands.
 */
#ifndef EVAL_NEWFILE_H
#define EVAL_NEWFILE_H

#include "base/err.h"
#include "base/macros.h"
#include "base/str.h"

/* A folder with all above it; 0 where it is there. E_IO. */
MUSTCHECK int newfile_folders(struct str path, struct fault *f);

/* E_IO: one of this name is there already. */
MUSTCHECK int newfile_check(const char *path, struct fault *f);

/* E_IO: one of this name is there already, or it cannot be written. */
MUSTCHECK int newfile_write(const char *path, struct str text, struct fault *f);

#endif
