/*
 * json_internal.h: between the files of json.h only.
 */
#ifndef BASE_JSON_INTERNAL_H
#define BASE_JSON_INTERNAL_H

#include <yyjson.h>

#include "base/err.h"
#include "base/macros.h"
#include "base/str.h"

/* Describe in `f` why `text` was refused: the byte, the line, and what was expected there. */
int json_read_fault(struct fault *f, struct str text, const yyjson_read_err *e);
int json_depth_fault(struct fault *f, struct str text);
int json_size_fault(struct str text, struct fault *f);
/* Why `text` is no JSON object. E_BAD_JSON, or E_MEMORY; `f` may be NULL. */
int json_object_fault(struct str text, struct fault *f);

#define JSON_TEXT_BYTES_MAX (64u * 1024 * 1024)

/*
 * Replaces a key's raw text by what its escapes mean, in memory that stays until
 * json_keys_forget. `text_bytes`: of the whole text that is scanned. 0 or E_MEMORY.
 */
MUSTCHECK int json_key_unescape(size_t text_bytes, struct str *key);
/* The same in memory that stays until the next such call. */
MUSTCHECK int json_key_unescape_alone(struct str *key);
void json_keys_forget(void);

#endif
