/* SPDX-License-Identifier: MIT */
/* redis_error: an error begins with a code. One from inside a script does so on Redis 7 and later
 * (`OOM command not allowed … script: <sha>`), but before that it stands behind a dash in the
 * script's own error (`ERR Error running script (call to f_<sha>): … -OOM command not allowed …`).
 * Of the ACL's refusals inside scripts no version gives a code: they are known by their sentences.
 */
#include "common/redis/redis_error.h"

#include <string.h>

#include "common/compiler.h"

static const struct {
    struct str code;
    enum redis_error error;
} codes[] = {
    {{"NOSCRIPT", 8}, REDIS_ERROR_NOSCRIPT}, {{"READONLY", 8}, REDIS_ERROR_READONLY},
    {{"LOADING", 7}, REDIS_ERROR_AWAY},      {{"BUSY", 4}, REDIS_ERROR_AWAY},
    {{"MASTERDOWN", 10}, REDIS_ERROR_AWAY},  {{"CLUSTERDOWN", 11}, REDIS_ERROR_AWAY},
    {{"TRYAGAIN", 8}, REDIS_ERROR_AWAY},     {{"OOM", 3}, REDIS_ERROR_FULL},
    {{"MISCONF", 7}, REDIS_ERROR_FULL},      {{"NOREPLICAS", 10}, REDIS_ERROR_FULL},
    {{"NOAUTH", 6}, REDIS_ERROR_DENIED},     {{"WRONGPASS", 9}, REDIS_ERROR_DENIED},
    {{"NOPERM", 6}, REDIS_ERROR_DENIED},
};
static const char *const denials[] = {
    "ACL failure in script",                /* Redis 7.2, 8, Valkey */
    "The user executing the script can't ", /* Redis 6.2, 7.0 */
};

static enum redis_error error_of_word(struct str word)
{
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        if (str_eq(word, codes[i].code)) {
            return codes[i].error;
        }
    }
    return REDIS_ERROR_OTHER;
}

static struct str first_word(struct str s)
{
    const char *space = s.n ? memchr(s.p, ' ', s.n) : NULL;
    return (struct str){s.p, space ? (size_t)(space - s.p) : s.n};
}

/* `… -OOM …` */
static enum redis_error error_behind_dash(struct str s)
{
    for (size_t i = 0; i + 2 < s.n; i++) {
        if (s.p[i] == ' ' && s.p[i + 1] == '-') {
            enum redis_error e = error_of_word(first_word(str_after(s, i + 2)));
            if (e != REDIS_ERROR_OTHER) {
                return e;
            }
        }
    }
    return REDIS_ERROR_OTHER;
}

static bool holds(struct str s, const char *part)
{
    return s.n && memmem(s.p, s.n, part, strlen(part));
}

enum redis_error redis_error_of_text(struct str text)
{
    enum redis_error e = error_of_word(first_word(text));
    /* Behind this stand the arguments, which may be anything. */
    if (e != REDIS_ERROR_OTHER || str_starts(text, STR("ERR unknown command"))) {
        return e;
    }
    for (size_t i = 0; i < ARRAY_LEN(denials); i++) {
        if (holds(text, denials[i])) {
            return REDIS_ERROR_DENIED;
        }
    }
    return error_behind_dash(text);
}

enum redis_error redis_error_of(const struct redis_reply *r)
{
    return r && r->type == REPLY_ERROR ? redis_error_of_text(r->text) : REDIS_ERROR_NONE;
}
