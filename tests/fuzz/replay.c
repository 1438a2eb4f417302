/* SPDX-License-Identifier: MIT */
/* replay: runs a target without libFuzzer, the same way each time: each seed, each beginning of it,
 * then so many changed ones.
 *
 *     fuzz_event [RUNS [SEED]]     default: 20000 runs, seed 1
 *     fuzz_event FILE              one input, as libFuzzer left it behind
 */
#include "tests/fuzz/fuzz.h"

enum { SEEDS_MAX = 64, TRUNCATIONS_MAX = 2048, CHANGES_MAX = 6, INPUT_MAX = 1 << 17 };

struct corpus {
    struct buf seeds[SEEDS_MAX];
    size_t n;
    uint64_t random; /* never 0 */
};

/* xorshift64*: the same numbers everywhere. */
static uint64_t draw(struct corpus *c, uint64_t below)
{
    c->random ^= c->random >> 12;
    c->random ^= c->random << 25;
    c->random ^= c->random >> 27;
    return below ? (c->random * 0x2545f4914f6cdd1dU >> 11) % below : 0;
}

/* In memory that ends where the input ends, so that a read beyond is seen. */
static void run(struct str input)
{
    uint8_t *copy = malloc(input.n + 1);
    MUST(copy);
    if (input.n > 0) {
        memcpy(copy + 1, input.p, input.n);
    }
    MUST(LLVMFuzzerTestOneInput(copy + 1, input.n) == 0);
    free(copy);
}

static void overwrite(struct corpus *c, struct buf *b)
{
    static const unsigned char odd[] = {0,    1,    '"',  '\\', '{',  '}',  '[',  ']', ',', ':',
                                        '\r', '\n', ' ',  '%',  '/',  '0',  '9',  '-', 'e', 0x7f,
                                        0x80, 0xc0, 0xd9, 0xdb, 0xdc, 0xdd, 0xed, 0xff};
    if (b->n > 0) {
        size_t at = draw(c, b->n);
        unsigned char flipped = (unsigned char)b->p[at] ^ (unsigned char)(1u << draw(c, 8));
        unsigned char byte = draw(c, 2) ? odd[draw(c, sizeof(odd))] : flipped;
        memcpy(&b->p[at], &byte, 1);
    }
}

static void cut(struct corpus *c, struct buf *b)
{
    size_t at = draw(c, b->n);
    size_t n = draw(c, MIN(b->n - at, 64) + 1);
    if (n > 0) {
        memmove(b->p + at, b->p + at + n, b->n - at - n);
        b->n -= n;
    }
}

/* Puts some bytes of `from`, which may be b itself, behind a place of b. */
static void insert(struct corpus *c, struct buf *b, const struct buf *from)
{
    char piece[64];
    size_t from_at = draw(c, from->n);
    size_t n = draw(c, sizeof(piece));
    n = MIN(n, from->n - from_at);
    size_t at = draw(c, b->n + 1);
    if (n > 0 && b->n + n <= INPUT_MAX && buf_reserve(b, n)) {
        memcpy(piece, from->p + from_at, n);
        memmove(b->p + at + n, b->p + at, b->n - at);
        memcpy(b->p + at, piece, n);
        b->n += n;
    }
}

/* Deep nesting and long runs, which single changes do not find. */
static void repeat(struct corpus *c, struct buf *b)
{
    if (b->n > 0) {
        char byte = b->p[draw(c, b->n)];
        for (uint64_t n = draw(c, 300); n > 0 && b->n < INPUT_MAX; n--) {
            buf_addc(b, byte);
        }
    }
}

static void run_changed(struct corpus *c, struct buf *b)
{
    buf_clear(b);
    buf_add(b, buf_str(&c->seeds[draw(c, c->n)]));
    for (uint64_t n = 1 + draw(c, CHANGES_MAX); n > 0; n--) {
        switch (draw(c, 8)) {
        case 0: cut(c, b); break;
        case 1: insert(c, b, b); break;
        case 2: insert(c, b, &c->seeds[draw(c, c->n)]); break;
        case 3: repeat(c, b); break;
        default: overwrite(c, b); break;
        }
    }
    MUST(!b->failed);
    run(buf_str(b));
}

static void run_file(const char *path)
{
    FILE *f = fopen(path, "re");
    static char bytes[INPUT_MAX];
    MUST(f);
    run((struct str){bytes, fread(bytes, 1, sizeof(bytes), f)});
    (void)fclose(f); /* only read */
}

static void run_all(struct corpus *c, unsigned long runs)
{
    while (c->n < SEEDS_MAX && fuzz_seed(c->n, &c->seeds[c->n])) {
        MUST(!c->seeds[c->n].failed);
        c->n++;
    }
    MUST(c->n > 0);
    for (size_t i = 0; i < c->n; i++) {
        struct str seed = buf_str(&c->seeds[i]);
        run(seed);
        for (size_t n = 0; n < MIN(seed.n, (size_t)TRUNCATIONS_MAX); n++) {
            run((struct str){seed.p, n});
        }
    }
    struct buf b = {0};
    for (unsigned long i = 0; i < runs; i++) {
        run_changed(c, &b);
    }
    buf_release(&b);
    for (size_t i = 0; i < c->n; i++) {
        buf_release(&c->seeds[i]);
    }
}

int main(int argc, char **argv)
{
    char *end = NULL;
    unsigned long runs = argc > 1 ? strtoul(argv[1], &end, 10) : 20000;
    if (end && *end) {
        run_file(argv[1]);
        return EXIT_SUCCESS;
    }
    struct corpus c = {.random = argc > 2 ? strtoul(argv[2], NULL, 10) | 1u : 1};
    run_all(&c, runs);
    return EXIT_SUCCESS;
}
