/*
 * faulty.h: a database that fails on purpose: a store around a real one which counts its calls and
 * lets the k-th fail, or holds all of them up.
 */
#ifndef TEST_STORE_FAULTY_H
#define TEST_STORE_FAULTY_H

#include <pthread.h>
#include <stdbool.h>

#include "store/rows.h"

struct faulty {
    pthread_mutex_t lock; /* calls come from the writer's thread */
    pthread_cond_t moved;
    unsigned calls;    /* so far */
    unsigned fail_at;  /* the first call that fails, from 1; 0: none */
    unsigned fail_for; /* how many do */
    unsigned failed;   /* so far */
    bool gate_shut;    /* calls wait until it opens */
    unsigned at_gate;  /* how many have ever waited */
};

extern struct faulty faulty; /* the one of the process: an opener has no argument for it */

/* No faults, and nothing counted. */
void faulty_reset(void);
void faulty_fail(unsigned at, unsigned count);
void faulty_gate(bool shut);
void faulty_gate_wait(void); /* until a call waits at the shut gate */

/* As rows_open, with everything behind it going through `faulty`. */
int faulty_open(struct str where, bool read_only, struct rows_store **ret_store, struct fault *f);

#endif
