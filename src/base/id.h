/*
 * id.h: identifiers ordered by time, and random bytes.
 *
 * An id is 26 characters of Crockford's base 32: 48 bits of milliseconds since 1970, then 80
 * random bits (the ULID layout), so ids sort as text in the order in which they were made, also
 * within one millisecond (the random part counts up).
 */
#ifndef BASE_ID_H
#define BASE_ID_H

#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"

#define ID_CHARS 26

struct id {
    char text[ID_CHARS + 1]; /* NUL-terminated */
};

void id_new(struct id *ret_id); /* loop thread */
void id_new_at(struct id *ret_id, int64_t wall_us);
void random_bytes(void *out, size_t n); /* from the system, fit for secrets */
uint64_t random_u64(void);              /* fast, not for secrets; loop thread */

#endif
