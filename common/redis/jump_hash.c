/* SPDX-License-Identifier: MIT */
#include "common/redis/jump_hash.h"

/* FNV-1a, 64 bits, with a final mix: the walk below wants good high bits. */
static uint64_t key_of(struct str name)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < name.n; i++) {
        h = (h ^ (uint8_t)name.p[i]) * 0x100000001b3u;
    }
    h ^= h >> 33;
    h *= 0xff51afd7ed558ccdu;
    return h ^ h >> 33;
}

uint32_t jump_hash(struct str name, uint32_t servers)
{
    uint64_t key = key_of(name);
    int64_t bucket = -1;
    int64_t next = 0;
    while (next < (int64_t)servers) {
        bucket = next;
        key = key * 2862933555777941757u + 1;
        double jump = (double)((int64_t)1 << 31) / (double)((key >> 33) + 1);
        next = (int64_t)((double)(bucket + 1) * jump);
    }
    return (uint32_t)bucket;
}
