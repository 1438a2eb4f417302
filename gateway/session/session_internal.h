/* SPDX-License-Identifier: MIT */
#pragma once
/* What session.c (life), session_write.c (queue to socket), client_cmd.c (commands),
 * session_access.c (who is it, what may they see), session_legacy.c and session_stream.c share.
 */
#include "common/list.h"
#include "common/wheel.h"
#include "gateway/access/auth.h"
#include "gateway/gw.h"
#include "gateway/hub/hub.h"
#include "gateway/session/command_ids.h"
#include "gateway/session/legacy_resume.h"
#include "gateway/session/outq.h"
#include "gateway/session/session.h"
#include "gateway/session/sse_channels.h"
#include "proto/channel.h"
#include "proto/client_frame.h"

enum session_state { SESSION_NEW, SESSION_OPEN, SESSION_CLOSING };

/* A bucket of tokens, refilled by the second. */
struct rate {
    uint32_t tokens;
    uint32_t at_s;
};

/* What only a legacy session keeps of a filter. */
struct legacy_sub {
    struct legacy_mark mark;
    struct filter filter; /* its strings point into session->filters */
};

/* A channel that a session subscribed or asks for; a legacy filter. */
struct session_sub {
    struct subscription sub;   /* sub.session_node is in session->subs */
    struct list asking_node;   /* in session->asking while the frontend is to be asked */
    struct command_ids ids;    /* of the commands that wait for its answer */
    struct redis_call *lookup; /* what Redis is asked about the token; NULL: nothing */
    struct legacy_sub *legacy; /* owned; NULL: a channel */
    uint32_t waits_since_s;    /* since when it waits for Redis; 0: it does not */
    uint32_t ends_s;           /* when its scoreboard token ends; 0: it does not */
    uint32_t text_len;
    uint16_t name_at, name_len; /* of the channel, in text */
    enum view_kind kind : 8;
    bool answered; /* `subscribed` was sent */
    bool again;    /* asked again after a change of user: success is silent */
    bool keeps;    /* asked again for the same user: no answer ends nothing */
    char text[];   /* the channel as the client named it */
};

/* A command that waits behind a pending auth. */
struct waiting_command {
    struct list node;
    size_t len;
    char text[];
};

/* An answer of the frontend about one filter, good for the life of the connection. */
struct grant {
    struct list node;
    bool is_admin; /* of this contest or problem, or of the system */
    size_t len;
    char filter[]; /* `/contest/a` */
};

/* What each message to it needs stands first, in two cache lines: prefetch() fetches as much. */
struct session {
    struct list flush_node;          /* in the flusher */
    void *conn;                      /* borrowed: the transport's */
    const struct transport_ops *ops; /* static */
    struct gw *gw;                   /* borrowed */
    enum session_state state : 8;
    enum session_kind kind : 8;
    enum rendering_format format : 8;
    bool is_blocked;    /* the transport keeps bytes of ours */
    bool is_overflowed; /* its queue was full: closed at the end of the turn */
    bool may_replay;    /* a subscription may be REPLAYING */
    bool is_paused;     /* we do not read from the client */
    bool pong_missing;  /* nothing was heard since our last ping */
    uint64_t sent;      /* messages, for the log */
    struct outq out;
    /* The rest is for when something else happens. */
    bool is_admin;          /* of the system */
    bool is_identifying;    /* a question who this is is under way: commands wait */
    bool auth_wants_answer; /* it was a command, not a cookie */
    bool stream_begun;      /* its channels were subscribed */
    bool is_settling;       /* who it is is known, what they may still see not yet */
    bool is_recheck;        /* we ask by ourselves, whether it still holds */
    uint8_t refused_auths;
    uint16_t n_waiting; /* commands */
    uint16_t n_subs;
    uint32_t opened_s, heard_s, pinged_s, blocked_s, penalty_until_s; /* monotonic seconds */
    uint32_t stranger_s; /* the last subscription ended, or the beginning */
    uint32_t asked_s;    /* when it was last asked who this is and what they may see */
    struct rate commands;
    uint64_t id;
    struct user *user;             /* NULL: nobody */
    struct list all_node;          /* in gw->sessions */
    struct list user_node;         /* in the user's list */
    struct list room_node;         /* in the room */
    struct list subs;              /* struct session_sub */
    struct list asking;            /* of them, first come first served */
    struct list grants;            /* struct grant */
    struct list waiting;           /* struct waiting_command */
    struct auth_call *call;        /* the one question under way, or NULL */
    struct session_sub *asked_for; /* what it is about; NULL: who this is */
    char *auth_id;                 /* owned: JSON text of a pending auth's id, or NULL */
    char *token;                   /* owned: the credential in force, or NULL */
    char *new_token;               /* owned: the one being asked about */
    char *filters;                 /* owned: legacy */
    struct legacy_resume *resume;  /* owned: legacy, or NULL */
    struct sse_channels *channels; /* owned: documented Server-Sent Events, else NULL */
    struct wheel_node tick;
};

uint32_t session_now_s(void);
struct str session_user_name(const struct session *s);
bool session_take_token(struct rate *r, uint32_t per_second, uint32_t burst);
/* Sets the next deadline of the session. */
void session_schedule(struct session *s);

/* session_write.c */
void session_send(struct session *s, struct rendering *r, uint32_t skipped);
void session_send_within(struct session *s, struct rendering *r, uint32_t skipped,
                         size_t max_bytes);
/* The text of a buf, which is released; used for answers. */
void session_send_text(struct session *s, struct buf *text, struct str type);
/* The same; the message says where the channel stands. */
void session_send_position(struct session *s, struct buf *text, struct str type, struct str channel,
                           const struct position *p);
void session_send_error(struct session *s, struct str id, enum error_code code, struct str channel,
                        const char *message);
void session_drop_queue(struct session *s);

/* session_access.c */
void session_identify(struct session *s, struct str token, struct str id, bool wants_answer);
void session_authorise(struct session *s, struct session_sub *ss);
/* Puts a subscription in line for a question to the frontend. */
void session_ask_frontend(struct session_sub *ss);
/* Asks about the next in line, unless a question is under way. To be called when a subscription
 * that was being asked about has gone. May end subscriptions. */
void session_ask_next(struct session *s);
void session_access_forget(struct session *s);
enum error_code session_error_of(enum auth_result r);

/* session_sub.c */
struct session_sub *session_sub_create_filter(struct session *s, struct str text,
                                              const struct filter *f);
static inline struct str session_sub_name(const struct session_sub *ss)
{
    return (struct str){ss->text + ss->name_at, ss->name_len};
}
struct session_sub *session_sub_create_channel(struct session *s, struct str text,
                                               const struct channel *parsed);
struct session_sub *session_sub_find(struct session *s, struct str channel);
void session_sub_free(struct session_sub *ss); /* leaves the hub first */
void session_sub_refuse(struct session_sub *ss, enum error_code code, const char *why);
/* contest: what a scoreboard token opens; empty otherwise. */
void session_sub_allow(struct session_sub *ss, enum sight sight, struct str contest);
/* Off the hub, to be asked about again; what comes meanwhile is not missed. */
void session_sub_take_back(struct session_sub *ss);
bool session_sub_join(struct session_sub *ss, const struct topic_name *topic, struct str label);
/* Ends what has waited too long for Redis, and scoreboard tokens whose time is over. */
void session_sub_check_times(struct session *s, uint32_t now_s);

/* session_legacy.c */
void session_legacy_open(struct session *s);
/* Its record is known now, or not to be had. */
void session_legacy_go_on(struct session *s);
void session_legacy_recheck(struct session *s);
bool session_legacy_is_first(const struct subscription *sub, const struct event *e);

/* session_stream.c: the documented protocol over Server-Sent Events */
/* Who it is is known, or nobody: subscribes the channels, once. */
void session_stream_begin(struct session *s);
/* Who it is cannot be known: each channel is refused. */
void session_stream_refuse(struct session *s, enum error_code code);
/* What ends a message in this stream, `id:` line and empty line, with the positions as they are
 * after it; at most session_stream_end_max() bytes. Returns the length. */
size_t session_stream_end(struct session *s, const struct rendering *r, char *out);
size_t session_stream_end_max(const struct session *s);
