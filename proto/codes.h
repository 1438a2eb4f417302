/* SPDX-License-Identifier: MIT */
#pragma once
/* codes: the words and numbers by which the protocol says that something went wrong, in one place.
 */
#include "common/str.h"

enum error_code {
    ERROR_UNAUTHORIZED,
    ERROR_FORBIDDEN,
    ERROR_NOT_FOUND,
    ERROR_BAD_REQUEST,
    ERROR_TOO_MANY_SUBSCRIPTIONS,
    ERROR_RATE_LIMITED,
    ERROR_UNAVAILABLE,
    ERROR_CODES
};
const char *error_code_str(enum error_code c);     /* "not_found" */
const char *error_code_message(enum error_code c); /* a sentence for people */
int error_code_http_status(enum error_code c);     /* 404 */

/* WebSocket close codes that we send. */
enum close_code {
    CLOSE_NORMAL = 1000,
    CLOSE_PROTOCOL = 1002,
    CLOSE_BINARY = 1003,
    CLOSE_BAD_UTF8 = 1007,
    CLOSE_IDLE_STRANGER = 1008,
    CLOSE_TOO_BIG = 1009,
    CLOSE_LEAVING = 1012,
    CLOSE_OVERLOAD = 1013,
    CLOSE_DEAUTHENTICATED = 4001,
    CLOSE_NOT_ALLOWED = 4003,
    CLOSE_NO_SUCH_THING = 4004,
    CLOSE_TOO_SLOW = 4008
};
const char *close_code_reason(enum close_code c); /* short text for the close frame and the log */
/* What a legacy session that was refused so is closed with. */
enum close_code error_code_close(enum error_code c);
