/* SPDX-License-Identifier: MIT */
#pragma once
/* admission: what becomes of a request on the events port, from its head and the settings alone.
 *
 * A legacy WebSocket client gives up for the life of its page when it is refused before the upgrade,
 * so only an unparsable filter, a forbidden origin, a wrong version and what is no handshake at all
 * refuse it here; every other limit closes it after the upgrade. Pure.
 */
#include <stdbool.h>

#include "common/buf.h"
#include "common/str.h"
#include "gateway/transport/ws_extensions.h"

struct http_head;
struct string_list;

enum admission_kind {
    ADMIT_DOCUMENTED, /* upgrade; documented protocol */
    ADMIT_LEGACY,     /* upgrade; legacy protocol with filters */
    ADMIT_ROOM,       /* upgrade; the room */
    ADMIT_SSE,        /* Server-Sent Events, of either protocol: sse_request.c reads more */
    ADMIT_PREFLIGHT,  /* OPTIONS: a browser asks what its page may send */
    ADMIT_PAGE,       /* a plain request: http_pages.c knows which there are */
    ADMIT_REFUSE
};

/* Which counter a refusal belongs to. */
enum refusal {
    REFUSAL_BAD_REQUEST,
    REFUSAL_ORIGIN,
    REFUSAL_VERSION,
    REFUSAL_ADDRESS,
    REFUSAL_LEAVING,
    REFUSAL_TOO_LARGE,
    REFUSAL_TIMEOUT,
    REFUSALS
};

struct admission_facts {
    const struct string_list *allowed_origins;
    bool is_leaving;
    bool compresses; /* Compression */
    bool is_over_address_limit;
    bool has_room;
    bool ends_tls; /* Proxied is false: browsers reach us without a proxy */
};

struct admission {
    enum admission_kind kind;
    /* ADMIT_REFUSE */
    enum refusal refusal;
    int status;
    const char *why; /* a sentence for people, static */
    /* … of a browser's EventSource, which gives up for good at any status but 200, and may come
     * again. No proxy is in between that acts upon the status. */
    bool is_event_source;
    /* The others */
    struct str credential;      /* a token in the request, or STR_NONE */
    bool wants_subprotocol;     /* ours was offered and is to be echoed */
    struct ws_deflate deflate;  /* whether messages may be compressed */
    bool is_over_address_limit; /* legacy: close it after the upgrade */
    bool wants_lines;           /* of a stream: one JSON text a line, no Server-Sent Events */
    struct buf filters;         /* legacy: their canonical text; owned */
    /* Of a plain request for events, refused or not: the page's origin, to be told that it may read
     * the answer; empty when it may not, or is no other's. */
    struct str cors_origin;
    /* The page may not use the connection, or not read the answer, for its origin. */
    bool is_foreign;
};

/* *out is valid until admission_release(), and as long as the request's bytes. */
void admission_decide(const struct http_head *r, const struct admission_facts *f,
                      struct admission *out);
/* A refusal that is known without a request. */
void admission_refuse(struct admission *out, enum refusal refusal, int status, const char *why);
void admission_release(struct admission *a);
/* Does it become a WebSocket? */
static inline bool admission_is_upgrade(const struct admission *a)
{
    return a->kind == ADMIT_DOCUMENTED || a->kind == ADMIT_LEGACY || a->kind == ADMIT_ROOM;
}
/* The name of the subprotocol that we speak. */
#define ADMISSION_SUBPROTOCOL "com.omegaup.events"
