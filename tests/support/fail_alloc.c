/* SPDX-License-Identifier: MIT */
#include "tests/support/fail_alloc.h"

#include <stddef.h>

/* File state, because malloc() has no object. */
static long left = -1;
static bool hit;

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
char *__real_strndup(const char *s, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
char *__wrap_strndup(const char *s, size_t n);

void fail_alloc_at(long n)
{
    left = n;
    hit = false;
}

bool fail_alloc_hit(void)
{
    return hit;
}

static bool fails(void)
{
    if (left < 0) {
        return false;
    }
    hit = hit || left == 0;
    return left-- == 0;
}

void *__wrap_malloc(size_t n)
{
    return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
    return fails() ? NULL : __real_realloc(p, n);
}

char *__wrap_strndup(const char *s, size_t n)
{
    return fails() ? NULL : __real_strndup(s, n);
}
