/*
 * rows_suite.h: what every store of rows must do. test_rows.c runs it on each kind; a new kind
 * passes it before anything is built on it.
 */
#ifndef TEST_STORE_ROWS_SUITE_H
#define TEST_STORE_ROWS_SUITE_H

#include "store/rows.h"

struct rows_subject {
    int (*open)(struct str where, bool read_only, struct rows_store **ret_store, struct fault *f);
    /* The URL of a database that does not exist yet. */
    struct str (*fresh)(void);
    bool shared; /* several handles may open it, and it outlives them */
};

/* Runs the suite as a group of tests called `name`; returns the failures. */
int rows_suite(const char *name, const struct rows_subject *subject);

#endif
