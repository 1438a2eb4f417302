/* SPDX-License-Identifier: MIT */
#pragma once
/* publish_review: what the answer to a POST tells its author: the channels that the event reaches,
 * and what looks like a mistake although it is none. Pure.
 */
#include "common/buf.h"
#include "proto/publish_body.h"

enum { REVIEW_WARNINGS_MAX = 8 };
/* Appends `"channels":["/contest/a"],"warnings":["…"]`, members of a JSON object. At
 * most REVIEW_WARNINGS_MAX warnings. Out of memory: out->failed. */
void publish_review(const struct publish_request *r, struct buf *out);
