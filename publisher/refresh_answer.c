/* SPDX-License-Identifier: MIT */
/* refresh_answer: no decision about an answer is made anywhere else. */
#include "publisher/refresh_answer.h"

#include "common/http/http_client.h"

enum refresh_result refresh_result_of(const struct http_answer *a)
{
    if (a->outcome != HTTP_ANSWERED) {
        return REFRESH_FAILED;
    }
    if (a->status >= 200 && a->status <= 299) {
        return REFRESH_OK;
    }
    if (a->status == 403) {
        return REFRESH_DENIED;
    }
    bool is_temporary = a->status == 408 || a->status == 425 || a->status == 429;
    return a->status >= 400 && a->status <= 499 && !is_temporary ? REFRESH_REFUSED : REFRESH_FAILED;
}

void refresh_body_write(struct buf *out, struct str secret, struct str alias)
{
    buf_add(out, STR("token="));
    buf_add_percent(out, secret);
    buf_add(out, STR("&alias="));
    buf_add_percent(out, alias);
}
