/* macros.h: the attributes and small helpers that every file may use. */
#ifndef BASE_MACROS_H
#define BASE_MACROS_H

#include <stddef.h>

/* The caller has to look at the result. */
#define MUSTCHECK __attribute__((warn_unused_result))

/* The function formats like printf: `fmt` is the format's position, `args` the first argument's. */
#define PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* Call `fn(&variable)` when the variable goes out of scope. */
#define CLEANUP(fn) __attribute__((cleanup(fn)))

/*
 * The function may switch to another task before it returns. Across such a call hold no lock, no
 * raw pointer into state that other tasks change, and no thread-local. Documentation only.
 */
#define YIELDS

#define NORETURN      __attribute__((noreturn))
#define NOINLINE      __attribute__((noinline))
#define ALWAYS_INLINE inline __attribute__((always_inline))
#define UNUSED        __attribute__((unused))
#define NONNULL       __attribute__((nonnull))

#define LIKELY(x)   __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* The struct of type `type` whose member `member` `ptr` points to. */
#define CONTAINER_OF(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

#endif
