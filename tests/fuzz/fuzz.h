/* SPDX-License-Identifier: MIT */
#pragma once
/* fuzz: what a target (fuzz_<decoder>.c) gives its runner.
 *
 * A target hands bytes of a stranger to a decoder and aborts when the decoder's promise is broken;
 * the sanitizers see the rest. The runner is replay.c (ctest -L fuzz: the same inputs each time), or
 * libFuzzer, which learns as it goes:
 *
 *     CC=clang cmake -B build/fuzz -G Ninja -DBROADCASTER_FUZZ=ON \
 *         -DBROADCASTER_SANITIZE=address,undefined,fuzzer-no-link
 *     cmake --build build/fuzz --target fuzz_event && build/fuzz/tests/fuzz_event
 *
 * What it leaves behind when it finds something is replayed by `fuzz_event FILE`.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/compiler.h"
#include "common/str.h"

/* What libFuzzer calls. Always 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
/* Writes the i-th input to begin with. False: there are no more. */
bool fuzz_seed(size_t i, struct buf *out);

/* For targets whose seeds are plain texts. */
static inline bool fuzz_seed_of(const struct str *seeds, size_t n_seeds, size_t i, struct buf *out)
{
    if (i < n_seeds) {
        buf_add(out, seeds[i]);
    }
    return i < n_seeds;
}

/* Unlike assert() also in a release. */
#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            (void)fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);          \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* Does part lie within whole? */
static inline bool lies_in(struct str part, struct str whole)
{
    return part.n == 0 || (part.p >= whole.p && part.n <= whole.n &&
                           (size_t)(part.p - whole.p) <= whole.n - part.n);
}
