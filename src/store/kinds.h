/* kinds.h: the databases that rows.c lists; one line a file. */
#ifndef STORE_KINDS_H
#define STORE_KINDS_H

struct rows_ops;

extern const struct rows_ops rows_sqlite; /* sqlite.c */

#endif
