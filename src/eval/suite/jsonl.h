/*
 * jsonl.h: the lines of a file of JSON objects, one each, compressed by gzip or not.
 *
 * Blocks on the disk; for commands. A line is valid until the next one is taken.
 */
#ifndef EVAL_JSONL_H
#define EVAL_JSONL_H

#include <stdbool.h>
#include <stdint.h>
#include <yyjson.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/macros.h"
#include "base/str.h"

#define JSONL_LINE_BYTES_MAX (64u * 1024 * 1024)

struct jsonl;

/* "-" is standard input. E_IO: it cannot be read, the fault says why. */
MUSTCHECK int jsonl_open(const char *path, struct jsonl **ret_lines, struct fault *f);
void jsonl_close(struct jsonl *lines); /* NULL is harmless */

/* The next line that is not empty, without its end. 0; E_EOF behind the last one; E_IO, E_TOO_LARGE
 * (a line), E_MEMORY. The fault names file and line. */
MUSTCHECK int jsonl_next(struct jsonl *lines, struct str *ret_line, struct fault *f);

/* The same, read: an object in the arena. E_BAD_JSON for anything else. */
MUSTCHECK int jsonl_next_object(struct jsonl *lines, struct arena *arena, yyjson_val **ret_object,
                                struct fault *f);

unsigned jsonl_line(const struct jsonl *lines); /* of the one taken last, from 1 */
bool jsonl_is_torn(const struct jsonl *lines);  /* the last one has no end */
/* Behind the line taken last, in bytes of what is read (of a .gz: unpacked). */
int64_t jsonl_offset(const struct jsonl *lines);
/* Writes `,"name":"text"`; nothing where the text is empty. */
void jsonl_member(struct buf *out, const char *name, struct str text);
const char *jsonl_path(const struct jsonl *lines);

#endif
