/* SPDX-License-Identifier: MIT */
#include "gateway/session/control.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yyjson.h>

#include "common/config/settings.h"
#include "common/log.h"
#include "common/loop.h"
#include "gateway/access/auth.h"
#include "gateway/bus/bus.h"
#include "gateway/gw.h"
#include "gateway/gw_metrics.h"
#include "gateway/hub/users.h"
#include "gateway/session/session.h"

#define RECHECK_LOT 64        /* sessions asked about again in one step … */
#define RECHECK_EVERY_MS 200  /* … of so long: the frontend is not stormed */
#define REST_STEPS 50         /* between one round through everybody and the next */
#define ROUTINE_EVERY_MS 1000 /* RecheckSeconds asks at most once in so long */

struct control {
    struct gw *gw;              /* borrowed */
    struct timer routine;       /* RecheckSeconds: one session a second at most */
    uint64_t routine_done;      /* ids up to this one had their turn */
    bool is_known;              /* last_seq says something */
    struct redis_call *reading; /* the log is being read; else NULL */
    bool heard_old;             /* a message numbered as if the log had begun anew */
    bool is_owed; /* more was heard while reading, or reading failed: to be read again */
    uint64_t last_seq;
    uint64_t asked_seq; /* last_seq when the newest was asked for */
    struct timer recheck;
    uint64_t recheck_after; /* sessions up to this id are still to be asked about; 0: none */
    uint64_t recheck_done;  /* ids up to this one were, or owe it */
    bool is_first_round;
    unsigned steps_to_rest; /* before those that owe it are asked about again */
};

/* ---- what messages mean ---- */

static void deauthenticate(struct control *c, struct str user)
{
    size_t n = 0;
    auth_forget_user(c->gw->auth, user);
    struct list *sessions = users_sessions(c->gw->users, user);
    if (sessions) {
        LIST_FOR_EACH (it, next, sessions) {
            session_close(session_of_user_node(it), CLOSE_DEAUTHENTICATED, "deauthenticated");
            n++;
        }
    }
    c->gw->metrics->closed_deauthenticated += n;
    log_info("user deauthenticated", LF_S("user", user), LF_U64("sessions", n));
}

static void scoreboard_changed(struct control *c, struct str token)
{
    LIST_FOR_EACH (it, next, &c->gw->sessions) {
        session_recheck_scoreboard(session_of_node(it), token);
    }
}

static struct str text_of(yyjson_val *object, const char *key)
{
    yyjson_val *v = yyjson_obj_get(object, key);
    return yyjson_is_str(v) ? (struct str){yyjson_get_str(v), yyjson_get_len(v)} : STR_NONE;
}

static void apply(struct control *c, yyjson_val *message)
{
    struct str type = text_of(message, "type");
    struct str user = text_of(message, "user");
    struct str token = text_of(message, "token");
    if (str_eq(type, STR("deauthenticate")) && user.n > 0) {
        deauthenticate(c, user);
    } else if (str_eq(type, STR("scoreboard")) && token.n > 0) {
        scoreboard_changed(c, token);
    }
}

/* ---- when messages may have been lost ---- */

/* Each session has its turn in the first round; later ones are for those that could not be asked about,
 * until there is none. */
static bool wants_turn(const struct control *c, const struct session *s)
{
    return c->is_first_round || session_owes_recheck(s);
}

/* One lot, in the order of ids. False: the round is over. */
static bool recheck_lot(struct control *c)
{
    unsigned n = 0;
    LIST_FOR_EACH (it, next, &c->gw->sessions) {
        struct session *s = session_of_node(it);
        uint64_t id = session_id(s);
        if (id <= c->recheck_done || !wants_turn(c, s)) {
            continue;
        }
        if (id > c->recheck_after) {
            return false;
        }
        if (n++ == RECHECK_LOT) {
            return true;
        }
        c->recheck_done = id;
        session_recheck(s);
    }
    return false;
}

static bool is_anybody_owed(const struct control *c)
{
    LIST_FOR_EACH (it, next, &c->gw->sessions) {
        const struct session *s = session_of_node(it);
        if (session_id(s) <= c->recheck_after && session_owes_recheck(s)) {
            return true;
        }
    }
    return false;
}

static void on_recheck_due(void *arg)
{
    struct control *c = arg;
    if (c->steps_to_rest > 0) {
        c->steps_to_rest--;
        return;
    }
    /* The frontend may be behind: more questions would only be refused. */
    if (auth_waiting(c->gw->auth) >= RECHECK_LOT || recheck_lot(c)) {
        return;
    }
    c->is_first_round = false;
    c->recheck_done = 0;
    c->steps_to_rest = REST_STEPS;
    if (!is_anybody_owed(c)) {
        timer_stop(&c->recheck);
    }
}

void control_recheck_everybody(struct control *c, const char *reason)
{
    log_info("rechecking all sessions", LF_STR("reason", reason));
    c->recheck_after = c->gw->last_session_id;
    c->recheck_done = 0;
    c->is_first_round = true;
    c->steps_to_rest = 0;
    timer_start_every_ms(&c->recheck, RECHECK_EVERY_MS);
}

static void read_owed(struct control *c);

/* ---- RecheckSeconds ---- */

/* The next session, in the order of ids, whose answers are older than RecheckSeconds. */
static struct session *next_to_recheck(struct control *c, uint64_t max_age_ms)
{
    LIST_FOR_EACH (it, next, &c->gw->sessions) {
        struct session *s = session_of_node(it);
        if (session_id(s) > c->routine_done && session_age_of_answers_ms(s) >= max_age_ms) {
            return s;
        }
    }
    return NULL;
}

static void on_routine(void *arg)
{
    struct control *c = arg;
    read_owed(c);
    int64_t max_age_ms = c->gw->settings->broadcaster.recheck_ms;
    if (max_age_ms == 0) {
        return;
    }
    struct session *s = next_to_recheck(c, (uint64_t)max_age_ms);
    c->routine_done = s ? session_id(s) : 0; /* from the beginning again, next time */
    if (s) {
        session_recheck(s);
    }
}

/* ---- numbers ---- */

/* Applies the message when it is the next one; false when it is not. */
static bool take(struct control *c, struct str bytes, bool *out_hole)
{
    yyjson_doc *doc = yyjson_read(bytes.p, bytes.n, 0);
    yyjson_val *root = yyjson_doc_get_root(doc);
    yyjson_val *number = yyjson_obj_get(root, "seq");
    if (!yyjson_is_uint(number)) {
        log_warn("control message not understood", LF_U64("bytes", bytes.n));
        yyjson_doc_free(doc);
        return false;
    }
    uint64_t seq = yyjson_get_uint(number);
    *out_hole = c->is_known && seq != c->last_seq + 1;
    bool taken = !*out_hole;
    if (taken) {
        c->is_known = true;
        c->last_seq = seq;
        apply(c, root);
    } else if (seq <= c->last_seq) {
        *out_hole = false; /* heard live before it was read from the log */
    }
    yyjson_doc_free(doc);
    return taken;
}

/* An entry is [id, [field, value]]; a reply to XRANGE a list of them. */
static struct str entry_text(const struct redis_reply *entries, size_t i)
{
    const struct redis_reply entry = redis_reply_at(entries, i);
    const struct redis_reply fields = redis_reply_at(&entry, 1);
    return redis_reply_text_at(&fields, 1);
}

static uint64_t entry_seq(const struct redis_reply *entries, size_t i)
{
    const struct redis_reply entry = redis_reply_at(entries, i);
    struct str id = redis_reply_text_at(&entry, 0);
    return id.n > 2 ? strtoull(id.p + 2, NULL, 10) : 0;
}

/* A read has ended. False: it failed, and is made again within a second (on_routine()), or when the
 * link is back. */
static bool has_read(struct control *c, const struct redis_reply *r)
{
    bool ok = r && r->type == REPLY_LIST;
    c->is_owed |= !ok;
    return ok;
}

static void on_missed(const struct redis_reply *r, void *arg)
{
    struct control *c = arg;
    if (!has_read(c, r)) {
        return;
    }
    for (size_t i = 0; i < r->n; i++) {
        bool hole = false;
        uint64_t seq = entry_seq(r, i);
        (void)take(c, entry_text(r, i), &hole);
        if (hole) {
            control_recheck_everybody(c, "the control log does not reach back");
            c->last_seq = seq - 1;
            (void)take(c, entry_text(r, i), &hole);
        }
    }
    read_owed(c);
}

static void read_missed(struct control *c)
{
    char from[32];
    int n = snprintf(from, sizeof(from), "(0-%" PRIu64, c->last_seq);
    struct str argv[] = {STR("XRANGE"), STR("control:log"), {from, (size_t)n}, STR("+")};
    const struct redis_asker who = {on_missed, c, &c->reading};
    /* What is being read already may be older than what was heard. */
    c->is_owed |= c->reading || !bus_command(c->gw->bus, &who, ARRAY_LEN(argv), argv);
}

/* The newest entry's number, to compare with what we have seen. */
static void on_newest(const struct redis_reply *r, void *arg)
{
    struct control *c = arg;
    if (!has_read(c, r)) {
        return;
    }
    uint64_t newest = r->n > 0 ? entry_seq(r, 0) : 0;
    bool heard_old = c->heard_old;
    c->heard_old = false;
    if (!c->is_known) {
        c->is_known = true;
        c->last_seq = newest;
    } else if (newest < c->asked_seq) { /* what came since the question is not in the answer */
        c->last_seq = newest;
        control_recheck_everybody(c, "the control log is older than what was heard");
        if (heard_old && newest > 0) { /* the message that was taken for an old one */
            bool hole;
            c->last_seq--;
            (void)take(c, entry_text(r, 0), &hole);
        }
    } else if (newest > c->last_seq) {
        read_missed(c);
    }
    read_owed(c);
}

static void on_up(void *arg)
{
    struct control *c = arg;
    struct str argv[] = {STR("XREVRANGE"), STR("control:log"), STR("+"),
                         STR("-"),         STR("COUNT"),       STR("1")};
    if (!bus_is_up(c->gw->bus)) {
        return;
    }
    if (c->reading) {
        c->is_owed = true;
        return;
    }
    const struct redis_asker who = {on_newest, c, &c->reading};
    c->asked_seq = c->last_seq;
    c->is_owed |= !bus_command(c->gw->bus, &who, ARRAY_LEN(argv), argv);
}

static void read_owed(struct control *c)
{
    if (c->is_owed && !c->reading && bus_is_up(c->gw->bus)) {
        c->is_owed = false;
        on_up(c);
    }
}

static void on_message(struct str bytes, void *arg)
{
    struct control *c = arg;
    bool hole = false;
    if (take(c, bytes, &hole)) {
        return;
    }
    if (hole) {
        read_missed(c);
    } else { /* read from the log before it was heard; or somebody emptied Redis under us */
        c->heard_old = true;
        on_up(c);
    }
}

struct control *control_create(struct gw *gw)
{
    static const struct bus_listener listener = {.on_up = on_up, .on_message = on_message};
    struct control *c = calloc(1, sizeof(*c));
    if (c) {
        c->gw = gw;
        if (!timer_init(&c->recheck, gw->loop, on_recheck_due, c) ||
            !timer_init(&c->routine, gw->loop, on_routine, c)) {
            return control_free(c);
        }
        timer_start_every_ms(&c->routine, ROUTINE_EVERY_MS);
        bus_listen(gw->bus, BUS_CONTROL, &listener, c);
    }
    return c;
}

struct control *control_free(struct control *c)
{
    if (c) {
        redis_call_cancel(&c->reading);
        timer_release(&c->recheck);
        timer_release(&c->routine);
        free(c);
    }
    return NULL;
}
