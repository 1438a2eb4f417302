/* SPDX-License-Identifier: MIT */
#pragma once
/* session: one client connection and its state, whatever the transport.
 *
 * States (changed only in session_set_state()):
 *   NEW     -> OPEN      session_open       upgrade done
 *   OPEN    -> CLOSING   session_close      client error, slow client, deauthenticated, drain …
 *   NEW, OPEN, CLOSING -> (freed)  session_on_closed   the transport has let go of the socket
 *
 * A session never frees itself: session_close() leaves the hub at once and asks the transport to
 * close; memory goes when the transport says so.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/compiler.h"
#include "common/str.h"
#include "gateway/hub/rendering.h"
#include "proto/codes.h"

struct gw;
struct session;
struct sse_channels;

enum session_kind {
    SESSION_DOCUMENTED, /* commands in, events of channels out */
    SESSION_LEGACY,     /* filters fixed at the start, backend texts out */
    SESSION_ROOM        /* what one says, the others hear (room.h) */
};

/* What a session needs of the connection under it. `conn` is the transport's own object. */
struct transport_ops {
    const char *name;             /* "websocket", "sse" */
    enum rendering_format format; /* of what it is given to write */
    /* Hands over complete frames. Takes all of them: what the kernel does not take now, the
     * transport keeps (and is_blocked() is true until that is gone, then it calls
     * session_on_writable()). False: the connection is broken; session_on_closed() will follow
     * from the loop. */
    bool (*write)(void *conn, const uint8_t *p, size_t n);
    bool (*is_blocked)(const void *conn);
    /* Sends what closes this kind of connection (a close frame) behind what is pending, and ends
     * the socket when the peer has answered or after 2 s. `at_once`: politeness is pointless.
     * session_on_closed() follows from the loop, never inside this call. */
    void (*close)(void *conn, unsigned code, struct str reason, bool at_once);
    /* Stops and resumes reading from the client (backpressure). NULL: no commands come. */
    void (*pause_reading)(void *conn, bool paused);
    /* One ping of this transport's kind. */
    bool (*ping)(void *conn);
    /* Who the client is, as far as waiting in line for the judge goes (auth_question). NULL: 0. */
    uint64_t (*client)(const void *conn);
    bool answers_pings; /* else only writes that go nowhere show that the client has gone */
    /* Where the answer to a legacy request waits for the frontend's; else both are NULL. The stream
     * begins, or this status and text are given instead of one (unless it has begun). */
    void (*admit)(void *conn);
    void (*refuse)(void *conn, int status, struct str text);
};

/* What the upgrade request told; strings are copied, but for peer. */
struct session_request {
    enum session_kind kind;
    const struct transport_ops *ops; /* static */
    void *conn;
    enum rendering_format format; /* ops->format, or the compressed one when negotiated */
    struct str credential_token;  /* of cookie or Authorization, "" = none */
    struct str filters;           /* legacy: the parsed filters in canonical text */
    struct str peer;              /* address for the log */
    /* Documented protocol over Server-Sent Events, else NULL: what is subscribed at once. Owned by
     * the session when it is created. */
    struct sse_channels *channels;
};
/* NULL: out of memory. */
struct session *session_create(struct gw *gw, const struct session_request *q);

/* From the transport, as things happen: */
void session_open(struct session *s);                     /* the handshake is over */
void session_on_text(struct session *s, struct str text); /* one whole, valid UTF-8 message */
void session_on_alive(struct session *s);                 /* anything at all came (pong, frame) */
void session_on_writable(struct session *s);              /* is_blocked() became false */
void session_on_closed(struct session *s);                /* the last call: frees the session */

/* Leaves the hub, cancels what it asked, and closes the connection. Idempotent. */
void session_close(struct session *s, enum close_code code, const char *reason);
bool session_is_closing(const struct session *s);
uint64_t session_id(const struct session *s);

/* For those who look at all sessions (drain.c, control.c): nodes of gw->sessions and of users.h. */
struct list;
struct session *session_of_node(struct list *all_node);
struct session *session_of_user_node(struct list *user_node);
/* Can it be asked to reconnect? Not in the legacy protocol, and not over Server-Sent Events. */
bool session_takes_reconnect(const struct session *s);
/* Sends it `reconnect`. */
void session_ask_to_reconnect(struct session *s, unsigned after_ms, unsigned deadline_ms);
/* A scoreboard token changed: its subscriptions are looked up again. */
void session_recheck_scoreboard(struct session *s, struct str token);
/* Asks again who this is and what it may see, when what is under way has been settled; what it may no
 * longer see is `revoked`, who is nobody any more is closed 4001. */
void session_recheck(struct session *s);
/* A recheck was wanted, and not everything has been asked about since then. */
bool session_owes_recheck(const struct session *s);
/* How long ago everything was last asked about; 0 for one that never authenticated. */
uint64_t session_age_of_answers_ms(const struct session *s);
