/*
 * process.h: a program run to its end: words in, text in, text out, within a time.
 *
 * No shell is asked. It has sluice's environment and folder, and a process group of its own, which
 * is killed when the time is over, so that nothing of it is left. It blocks: from a task it is to
 * be called on the pool (rt/pool.h).
 */
#ifndef EVAL_PROCESS_H
#define EVAL_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/macros.h"
#include "base/str.h"

struct process_end {
    bool late;    /* it was killed, since the time was over */
    bool flooded; /* it was killed, since it wrote more than `out` may hold */
    int signal;   /* that ended it; 0: it ended by itself */
    int code;     /* its exit code */
};

/*
 * `argv` ends with NULL; its first word is looked for in PATH. `in` is written to its standard
 * input; what it does not read is no mistake. Its standard output goes into `out`; of its standard
 * error the end is kept in `noise`. 0 with *ret_end; E_IO: it could not be started, the fault says
 * why; E_MEMORY.
 */
MUSTCHECK int process_run(char *const argv[], struct str in, int64_t timeout_ms, struct buf *out,
                          struct buf *noise, struct process_end *ret_end, struct fault *f);

#endif
