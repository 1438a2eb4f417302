/* SPDX-License-Identifier: MIT */
#pragma once
/* refresh_answer: what the frontend is sent to have a scoreboard refreshed, and what its answers
 * mean. Pure.
 */
#include "common/buf.h"
#include "common/str.h"

struct http_answer;

enum refresh_result {
    REFRESH_OK,
    REFRESH_DENIED,  /* 403: the secret is another one */
    REFRESH_REFUSED, /* the frontend knows no such contest, or the like: never repeated by itself */
    REFRESH_FAILED   /* tried again after the period */
};
enum refresh_result refresh_result_of(const struct http_answer *a);
/* `token=…&alias=…`, percent-encoded. */
void refresh_body_write(struct buf *out, struct str secret, struct str alias);
