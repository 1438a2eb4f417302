/* SPDX-License-Identifier: MIT */
#pragma once
/* compiler: the few language extensions that the whole project uses.
 *
 * AUTO(type) frees a local by type_free() on every way out; TAKE() hands it over instead:
 *
 *     AUTO(bus) *b = calloc(1, sizeof(*b));
 *     ...
 *     *out_bus = TAKE(b);
 *
 * A type becomes usable with AUTO by DEFINE_AUTO(type) after its free function was declared.
 */
#include <stddef.h>

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define UNUSED __attribute__((unused))
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define CONTAINER_OF(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

/* Has the processor fetch what p points at, two cache lines of it, while we do something else. For
 * loops over thousands of objects that a system call between them pushes out of the caches. Any
 * address will do: nothing is read of it. */
static inline void prefetch(const void *p)
{
    __builtin_prefetch(p);
    __builtin_prefetch((const char *)p + 64);
}

#define DEFINE_AUTO(type)                                                                          \
    static inline UNUSED void type##_auto_free(struct type **p)                                    \
    {                                                                                              \
        type##_free(*p);                                                                           \
    }
#define AUTO(type) __attribute__((cleanup(type##_auto_free))) struct type
#define TAKE(p)                                                                                    \
    ({                                                                                             \
        __typeof__(p) taken_ = (p);                                                                \
        (p) = NULL;                                                                                \
        taken_;                                                                                    \
    })
