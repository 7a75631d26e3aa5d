/*
 * foreign.h: a YAML file that is not ours, as JSON has it, with the line of each value.
 *
 * No table describes it and nothing in it is replaced: `${NAME}` and `$$` are text. JSON is YAML,
 * so a JSON file can be read too. The limits are those of a configuration (4 MiB, names once in
 * each map, no merging with <<). Blocks on the disk; for commands.
 */
#ifndef CONF_FOREIGN_H
#define CONF_FOREIGN_H

#include <yyjson.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/macros.h"
#include "base/str.h"

/* All of it lies in the arena. */
struct foreign {
    struct str path; /* to show */
    yyjson_val *root;
    size_t lines_n;
    const unsigned *lines; /* of all names and values, in the order of the file's tree */
};

/* E_IO, E_CONFIG (the fault says "file:line:column: ..."), E_MEMORY. */
MUSTCHECK int foreign_load(struct arena *arena, const char *path, struct foreign *ret_file,
                           struct fault *f);
/* The same of a text; `path` is only the name shown. */
MUSTCHECK int foreign_read(struct arena *arena, const char *path, struct str text,
                           struct foreign *ret_file, struct fault *f);

/* From 1; 0 for what is none of its values. */
unsigned foreign_line(const struct foreign *file, const yyjson_val *value);

#endif
