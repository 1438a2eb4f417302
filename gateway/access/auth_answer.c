/* SPDX-License-Identifier: MIT */
/* auth_answer: a held answer is one allocation: struct, arrays of strings, array of numbers, then
 * the bytes that the strings point at.
 */
#include "gateway/access/auth_answer.h"

#include <assert.h>
#include <stdlib.h>
#include <yyjson.h>

#include "proto/limits.h"
#include "proto/topic.h"

bool auth_answer_is_contest_admin(const struct auth_answer *a, struct str contest)
{
    for (size_t i = 0; i < a->n_contest_admin; i++) {
        if (str_eq(a->contest_admin[i], contest)) {
            return true;
        }
    }
    return false;
}

bool auth_answer_is_problem_admin(const struct auth_answer *a, struct str problem)
{
    for (size_t i = 0; i < a->n_problem_admin; i++) {
        if (str_eq(a->problem_admin[i], problem)) {
            return true;
        }
    }
    return false;
}

bool auth_answer_is_problemset_admin(const struct auth_answer *a, int64_t problemset)
{
    for (size_t i = 0; i < a->n_problemset_admin; i++) {
        if (a->problemset_admin[i] == problemset) {
            return true;
        }
    }
    return false;
}

/* Where the next pieces of a held answer go. */
struct pack {
    struct str *strs;
    int64_t *numbers;
    char *bytes;
};

static struct str pack_str(struct pack *k, struct str s)
{
    if (s.n == 0) {
        return STR_NONE;
    }
    char *at = k->bytes;
    memcpy(at, s.p, s.n);
    k->bytes += s.n;
    return (struct str){at, s.n};
}

static const struct str *pack_strs(struct pack *k, const struct str *list, size_t n)
{
    struct str *at = k->strs;
    for (size_t i = 0; i < n; i++) {
        at[i] = pack_str(k, list[i]);
    }
    k->strs += n;
    return at;
}

static const int64_t *pack_numbers(struct pack *k, const int64_t *list, size_t n)
{
    int64_t *at = k->numbers;
    for (size_t i = 0; i < n; i++) {
        at[i] = list[i];
    }
    k->numbers += n;
    return at;
}

static size_t sum_bytes(const struct str *list, size_t n)
{
    size_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += list[i].n;
    }
    return sum;
}

struct held_answer *held_answer_create(const struct auth_answer *a)
{
    size_t n_strs = a->n_contest_admin + a->n_problem_admin;
    size_t bytes = a->user.n + a->scoreboard_contest.n + a->http_body.n +
                   sum_bytes(a->contest_admin, a->n_contest_admin) +
                   sum_bytes(a->problem_admin, a->n_problem_admin);
    struct held_answer *h = malloc(sizeof(*h) + n_strs * sizeof(struct str) +
                                   a->n_problemset_admin * sizeof(int64_t) + bytes);
    if (!h) {
        return NULL;
    }
    _Static_assert(sizeof(struct held_answer) % _Alignof(struct str) == 0, "strings follow it");
    _Static_assert(sizeof(struct str) % _Alignof(int64_t) == 0, "numbers follow the strings");
    struct pack k = {.strs = (struct str *)(h + 1)};
    k.numbers = (int64_t *)(k.strs + n_strs);
    k.bytes = (char *)(k.numbers + a->n_problemset_admin);
    h->refs = 1;
    h->a = *a;
    h->a.user = pack_str(&k, a->user);
    h->a.scoreboard_contest = pack_str(&k, a->scoreboard_contest);
    h->a.http_body = pack_str(&k, a->http_body);
    h->a.contest_admin = pack_strs(&k, a->contest_admin, a->n_contest_admin);
    h->a.problem_admin = pack_strs(&k, a->problem_admin, a->n_problem_admin);
    h->a.problemset_admin = pack_numbers(&k, a->problemset_admin, a->n_problemset_admin);
    return h;
}

struct held_answer *held_answer_ref(struct held_answer *h)
{
    h->refs++;
    return h;
}

struct held_answer *held_answer_unref(struct held_answer *h)
{
    if (h && --h->refs == 0) {
        free(h);
    }
    return NULL;
}

void parsed_answer_release(struct parsed_answer *p)
{
    yyjson_doc_free(p->doc);
    free(p->lists);
    *p = (struct parsed_answer){.a.result = AUTH_UNAVAILABLE};
}

static struct str text_of(yyjson_val *v)
{
    return (struct str){yyjson_get_str(v), yyjson_get_len(v)};
}

/* Absent and null are false; false is returned for anything but those and a boolean. */
static bool read_bool(yyjson_val *v, bool *out)
{
    *out = yyjson_is_true(v);
    return !v || yyjson_is_null(v) || yyjson_is_bool(v);
}

/* Absent and null are empty; false is returned for anything but those and a list. */
static bool read_list(yyjson_val *v, size_t *out_n)
{
    *out_n = yyjson_is_arr(v) ? yyjson_arr_size(v) : 0;
    return !v || yyjson_is_null(v) || yyjson_is_arr(v);
}

static bool fill_strs(yyjson_val *list, struct str *out)
{
    size_t i;
    size_t max;
    yyjson_val *v;
    yyjson_arr_foreach(list, i, max, v)
    {
        if (!yyjson_is_str(v)) {
            return false;
        }
        out[i] = text_of(v);
    }
    return true;
}

static bool fill_numbers(yyjson_val *list, int64_t *out)
{
    size_t i;
    size_t max;
    yyjson_val *v;
    yyjson_arr_foreach(list, i, max, v)
    {
        if (!yyjson_is_int(v) || yyjson_get_uint(v) > INT64_MAX) {
            return false;
        }
        out[i] = yyjson_get_sint(v);
    }
    return true;
}

static bool read_lists(yyjson_val *root, struct parsed_answer *p)
{
    struct auth_answer *a = &p->a;
    yyjson_val *contests = yyjson_obj_get(root, "contest_admin");
    yyjson_val *problems = yyjson_obj_get(root, "problem_admin");
    yyjson_val *problemsets = yyjson_obj_get(root, "problemset_admin");
    if (!read_list(contests, &a->n_contest_admin) || !read_list(problems, &a->n_problem_admin) ||
        !read_list(problemsets, &a->n_problemset_admin)) {
        return false;
    }
    size_t n_strs = a->n_contest_admin + a->n_problem_admin;
    struct str *strs =
        calloc(1, (n_strs + 1) * sizeof(*strs) + a->n_problemset_admin * sizeof(int64_t));
    if (!strs) {
        return false;
    }
    p->lists = strs;
    int64_t *numbers = (int64_t *)(strs + n_strs);
    a->contest_admin = strs;
    a->problem_admin = strs + a->n_contest_admin;
    a->problemset_admin = numbers;
    return fill_strs(contests, strs) && fill_strs(problems, strs + a->n_contest_admin) &&
           fill_numbers(problemsets, numbers);
}

static bool read_scoreboard(yyjson_val *root, struct auth_answer *a)
{
    yyjson_val *scoreboard = yyjson_obj_get(root, "scoreboard");
    yyjson_val *admin = yyjson_obj_get(scoreboard, "admin");
    struct str contest = text_of(yyjson_obj_get(scoreboard, "contest"));
    if (!yyjson_is_bool(admin) || !name_is_alias(contest)) {
        return false;
    }
    a->scoreboard_contest = contest;
    a->scoreboard_admin = yyjson_is_true(admin);
    return true;
}

/* NULL unless the whole body is one JSON object. */
static yyjson_val *read_object(struct str body, struct parsed_answer *out)
{
    *out = (struct parsed_answer){.a.result = AUTH_UNAVAILABLE};
    out->doc = yyjson_read(body.p, body.n, YYJSON_READ_NOFLAG);
    yyjson_val *root = yyjson_doc_get_root(out->doc);
    return yyjson_is_obj(root) ? root : NULL;
}

static bool read_session(yyjson_val *root, struct auth_answer *a)
{
    yyjson_val *session = yyjson_obj_get(root, "session");
    yyjson_val *valid = yyjson_obj_get(session, "valid");
    if (!yyjson_is_bool(valid)) {
        return false;
    }
    if (yyjson_is_false(valid)) {
        a->result = AUTH_UNAUTHORIZED;
        return true;
    }
    a->user = text_of(yyjson_obj_get(yyjson_obj_get(session, "identity"), "username"));
    a->result = AUTH_OK;
    return a->user.n > 0 && read_bool(yyjson_obj_get(session, "is_admin"), &a->admin);
}

void parsed_answer_read_session(struct str body, struct parsed_answer *out)
{
    yyjson_val *root = read_object(body, out);
    if (!root || !read_session(root, &out->a)) {
        parsed_answer_release(out);
    }
}

static bool read_filters(yyjson_val *root, bool wants_scoreboard, struct parsed_answer *p)
{
    yyjson_val *user = yyjson_obj_get(root, "user");
    if (!yyjson_is_str(user) && !yyjson_is_null(user)) {
        return false;
    }
    if (wants_scoreboard && !read_scoreboard(root, &p->a)) {
        p->a.result = AUTH_NOT_FOUND;
        return true;
    }
    p->a.user = text_of(user);
    p->a.result = AUTH_OK;
    return read_bool(yyjson_obj_get(root, "admin"), &p->a.admin) && read_lists(root, p);
}

void parsed_answer_read_filters(struct str body, bool wants_scoreboard, struct parsed_answer *out)
{
    yyjson_val *root = read_object(body, out);
    if (!root || !read_filters(root, wants_scoreboard, out)) {
        parsed_answer_release(out);
    }
}
