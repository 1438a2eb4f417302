/* SPDX-License-Identifier: MIT */
/* codes: one row per error of the protocol. */
#include "proto/codes.h"

#include <assert.h>
#include <stddef.h>

static const struct {
    const char *name;
    const char *message;
    int http_status;
    enum close_code close;
} rows[ERROR_CODES] = {
    [ERROR_UNAUTHORIZED] = {"unauthorized", "Authenticate with a valid token, then try again.", 401,
                            CLOSE_NOT_ALLOWED},
    [ERROR_FORBIDDEN] = {"forbidden", "You have no access to this.", 403, CLOSE_NOT_ALLOWED},
    [ERROR_NOT_FOUND] = {"not_found", "There is no such channel.", 404, CLOSE_NO_SUCH_THING},
    [ERROR_BAD_REQUEST] = {"bad_request", "The message is not a valid command.", 400,
                           CLOSE_NO_SUCH_THING},
    [ERROR_TOO_MANY_SUBSCRIPTIONS] = {"too_many_subscriptions",
                                      "This connection has too many subscriptions.", 429,
                                      CLOSE_OVERLOAD},
    [ERROR_RATE_LIMITED] = {"rate_limited", "Too many commands, slow down.", 429, CLOSE_OVERLOAD},
    [ERROR_UNAVAILABLE] = {"unavailable", "This cannot be decided now, try again later.", 503,
                           CLOSE_OVERLOAD},
};

const char *error_code_str(enum error_code c)
{
    assert(c < ERROR_CODES);
    return rows[c].name;
}

const char *error_code_message(enum error_code c)
{
    assert(c < ERROR_CODES);
    return rows[c].message;
}

int error_code_http_status(enum error_code c)
{
    assert(c < ERROR_CODES);
    return rows[c].http_status;
}

const char *close_code_reason(enum close_code c)
{
    switch (c) {
    case CLOSE_NORMAL: return "bye";
    case CLOSE_PROTOCOL: return "against the WebSocket protocol";
    case CLOSE_BINARY: return "binary messages are not understood";
    case CLOSE_BAD_UTF8: return "text is not UTF-8";
    case CLOSE_IDLE_STRANGER: return "neither authenticated nor subscribed";
    case CLOSE_TOO_BIG: return "message too big";
    case CLOSE_LEAVING: return "server is leaving, reconnect";
    case CLOSE_OVERLOAD: return "overloaded, try again later";
    case CLOSE_DEAUTHENTICATED: return "deauthenticated";
    case CLOSE_NOT_ALLOWED: return "not allowed";
    case CLOSE_NO_SUCH_THING: return "no such thing";
    case CLOSE_TOO_SLOW: return "too slow, resume from your position";
    }
    return ""; /* a number of somebody else */
}

enum close_code error_code_close(enum error_code c)
{
    assert(c < ERROR_CODES);
    return rows[c].close;
}
