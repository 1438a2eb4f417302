/* SPDX-License-Identifier: MIT */
#include "tests/support/session_stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the first four. */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/msg.h"
#include "common/wheel.h"
#include "gateway/hub/users.h"
#include "gateway/session/flusher.h"
#include "gateway/session/session_hub.h"
#include "proto/ws_frame.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/fake_event.h"
#include "tests/support/fake_loop.h"

/* ---- auth.h ---- */

struct auth {
    struct list calls; /* struct auth_call, oldest first */
    size_t waiting;    /* what auth_waiting() says */
    bool is_busy;
};
struct auth_call {
    struct list node;
    auth_fn fn;
    void *arg;
    char text[512];
};

static bool has(const struct str *list, size_t n, struct str s)
{
    for (size_t i = 0; i < n; i++) {
        if (str_eq(list[i], s)) {
            return true;
        }
    }
    return false;
}

bool auth_answer_is_contest_admin(const struct auth_answer *a, struct str contest)
{
    return has(a->contest_admin, a->n_contest_admin, contest);
}

bool auth_answer_is_problem_admin(const struct auth_answer *a, struct str problem)
{
    return has(a->problem_admin, a->n_problem_admin, problem);
}

bool auth_answer_is_problemset_admin(const struct auth_answer *a, int64_t problemset)
{
    return a->n_problemset_admin > 0 && a->problemset_admin[0] == problemset;
}

struct auth_call *auth_ask(struct auth *a, const struct auth_question *q, auth_fn fn, void *arg)
{
    struct auth_call *call = a->is_busy ? NULL : calloc(1, sizeof(*call));
    if (call) {
        call->fn = fn;
        call->arg = arg;
        snprintf(call->text, sizeof(call->text), "%s %.*s%s%.*s",
                 q->kind == AUTH_WHO ? "who" : "may", STR_ARG(q->credential.token),
                 q->kind == AUTH_WHO ? "" : " ", STR_ARG(q->filters));
        list_push_back(&a->calls, &call->node);
    }
    return call;
}

void auth_forget_user(struct auth *a, struct str user)
{
    (void)a; /* it keeps no answers */
    (void)user;
}

size_t auth_waiting(const struct auth *a)
{
    return a->waiting;
}

void auth_cancel(struct auth_call *call)
{
    if (call) {
        list_del(&call->node);
        free(call);
    }
}

size_t stage_n_questions(const struct stage *g)
{
    size_t n = 0;
    for (const struct list *it = g->gw.auth->calls.next; it != &g->gw.auth->calls; it = it->next) {
        n++;
    }
    return n;
}

static struct auth_call *oldest_call(const struct stage *g)
{
    struct list *node = list_first(&g->gw.auth->calls);
    assert_non_null(node);
    return LIST_ENTRY(node, struct auth_call, node);
}

const char *stage_question(const struct stage *g)
{
    return oldest_call(g)->text;
}

void stage_answer(struct stage *g, const struct auth_answer *a)
{
    struct auth_call *call = oldest_call(g);
    list_del(&call->node);
    call->fn(a, call->arg);
    free(call);
    fake_loop_turn(g->gw.loop);
}

void stage_answer_user(struct stage *g, const char *user)
{
    stage_answer(g, &(struct auth_answer){.result = AUTH_OK, .user = str_of(user)});
}

void stage_answer_admin(struct stage *g, const char *user, const char *contest)
{
    struct str contests[] = {str_of(contest)};
    stage_answer(g, &(struct auth_answer){.result = AUTH_OK,
                                          .user = str_of(user),
                                          .contest_admin = contests,
                                          .n_contest_admin = 1});
}

void stage_refuse(struct stage *g, enum auth_result r)
{
    stage_answer(g, &(struct auth_answer){.result = r});
}

void stage_auth_waiting(struct stage *g, size_t n)
{
    g->gw.auth->waiting = n;
}

void stage_auth_busy(struct stage *g, bool busy)
{
    g->gw.auth->is_busy = busy;
}

/* ---- the transport ---- */

/* Unframes the text messages; fragments of one message are joined. */
static bool write_frames(void *conn, const uint8_t *p, size_t n)
{
    struct client *c = conn;
    assert_false(c->is_blocked);
    assert_int_equal(c->close_code, 0);
    c->writes++;
    while (n > 0) {
        size_t len = p[1];
        size_t header = 2;
        if (len >= 126) {
            size_t width = len == 126 ? 2 : 8;
            for (len = 0; header < 2 + width; header++) {
                len = len << 8 | p[header];
            }
        }
        assert_true(header + len <= n); /* whole frames only */
        buf_add(&c->heard, (struct str){(const char *)p + header, len});
        if (p[0] & 0x80) {
            buf_addc(&c->heard, '\n');
        }
        p += header + len;
        n -= header + len;
    }
    c->is_blocked = c->block_after;
    return !c->is_broken;
}

static bool is_blocked(const void *conn)
{
    return ((const struct client *)conn)->is_blocked;
}

static void close_conn(void *conn, unsigned code, struct str reason, bool at_once)
{
    struct client *c = conn;
    (void)at_once;
    assert_int_equal(c->close_code, 0); /* once */
    assert_true(reason.n > 0);
    c->close_code = code;
}

static void pause_reading(void *conn, bool paused)
{
    ((struct client *)conn)->is_paused = paused;
}

static bool ping(void *conn)
{
    struct client *c = conn;
    assert_int_equal(c->close_code, 0);
    c->pings++;
    return true;
}

static const struct transport_ops ops = {.name = "websocket",
                                         .format = RENDERING_WS,
                                         .answers_pings = true,
                                         .write = write_frames,
                                         .is_blocked = is_blocked,
                                         .close = close_conn,
                                         .pause_reading = pause_reading,
                                         .ping = ping};

struct client *stage_connect_with(struct stage *g, size_t i, enum session_kind kind,
                                  const char *token, const char *filters)
{
    struct client *c = &g->c[i];
    const struct session_request q = {.kind = kind,
                                      .ops = &ops,
                                      .conn = c,
                                      .format = RENDERING_WS,
                                      .credential_token = str_of(token),
                                      .filters = str_of(filters),
                                      .peer = STR("127.0.0.1")};
    assert_null(c->s);
    c->close_code = 0;
    c->s = session_create(&g->gw, &q);
    if (c->s) {
        session_open(c->s);
        fake_loop_turn(g->gw.loop);
    }
    return c;
}

struct client *stage_connect(struct stage *g, size_t i)
{
    return stage_connect_with(g, i, SESSION_DOCUMENTED, NULL, NULL);
}

void stage_disconnect(struct client *c)
{
    session_on_closed(c->s);
    c->s = NULL;
}

void stage_say(struct stage *g, struct client *c, const char *text)
{
    session_on_text(c->s, str_of(text));
    fake_loop_turn(g->gw.loop);
}

void stage_pass_s(struct stage *g, unsigned seconds)
{
    fake_loop_pass_ms(g->gw.loop, seconds * 1000);
}

void stage_writable(struct stage *g, struct client *c)
{
    c->is_blocked = false;
    c->block_after = false;
    session_on_writable(c->s);
    fake_loop_turn(g->gw.loop);
}

void stage_assert_heard(struct client *c, const char *lines)
{
    buf_addc(&c->heard, '\0');
    assert_string_equal(c->heard.p, lines);
    buf_clear(&c->heard);
}

/* ---- Redis ---- */

void stage_confirm(struct stage *g, const char *topic)
{
    fake_bus_subscribed(g->bus, str_of(topic));
    fake_bus_answer_all(g->bus);
    fake_loop_turn(g->gw.loop);
}

static void publish(struct stage *g, const struct event *e)
{
    fake_publish(g->topic, e);
    fake_bus_message(g->bus, STR("contest/a"), g->topic->live[g->topic->last]);
    fake_loop_turn(g->gw.loop);
}

void stage_event(struct stage *g, const char *user, bool is_public)
{
    struct event e = fake_run(user, is_public);
    publish(g, &e);
}

void stage_scoreboard(struct stage *g, bool is_public)
{
    struct event e = fake_scoreboard(is_public);
    publish(g, &e);
}

/* ---- the stage ---- */

static void note_event(void *arg, int64_t accepted_ms)
{
    flusher_note_event(arg, accepted_ms);
}

static void choose_settings(struct settings *s)
{
    s->broadcaster.ping_interval_ms = 30000;
    s->broadcaster.write_timeout_ms = 10000;
    s->broadcaster.max_subscriptions = 4;
    s->broadcaster.queue_bytes = 4194304;
    s->broadcaster.queue_bytes_total = 536870912;
    s->broadcaster.drain_ms = 20000;
    s->redis.history_events = 1000;
    s->redis.history_bytes = 8388608;
}

int stage_set_up(void **state)
{
    struct stage *g = calloc(1, sizeof(*g));
    choose_settings(&g->settings);
    g->gw.settings = &g->settings;
    g->gw.metrics = &g->metrics;
    list_init(&g->gw.sessions);
    g->gw.loop = loop_create();
    g->gw.wheel = wheel_create(g->gw.loop);
    g->gw.users = users_create();
    g->gw.auth = calloc(1, sizeof(*g->gw.auth));
    list_init(&g->gw.auth->calls);
    g->bus = g->gw.bus = fake_bus_create();
    g->topic = fake_topic(g->bus, "contest/a");
    const struct feeds_options fo = {&g->settings, &hub_feed_handler, g->bus, &g->metrics};
    g->gw.feeds = feeds_create(g->gw.loop, &fo);
    g->gw.flusher = flusher_create(g->gw.loop, session_flush_node, &g->metrics.publish_to_write);
    const struct hub_options ho = {g->gw.feeds, &session_hub_handler, &g->metrics, note_event,
                                   g->gw.flusher};
    g->gw.hub = hub_create(&ho);
    fake_bus_up(g->bus);
    *state = g;
    return g->gw.hub ? 0 : -1;
}

int stage_tear_down(void **state)
{
    struct stage *g = *state;
    fail_alloc_at(-1);
    for (size_t i = 0; i < STAGE_CLIENTS; i++) {
        if (g->c[i].s) {
            stage_disconnect(&g->c[i]);
        }
        buf_release(&g->c[i].heard);
    }
    fake_loop_pass_ms(g->gw.loop, 12000); /* the feeds linger no longer */
    fake_bus_answer_all(g->bus);
    bool is_clean = g->metrics.connections_active == 0 && g->metrics.conns_websocket == 0 &&
                    g->metrics.conns_room == 0 && g->metrics.conns_websocket_legacy == 0 &&
                    g->metrics.subscriptions == 0 && g->metrics.queue_bytes == 0 &&
                    feeds_count(g->gw.feeds) == 0 && users_count(g->gw.users) == 0 &&
                    stage_n_questions(g) == 0 && list_empty(&g->gw.sessions);
    fake_bus_free(g->bus);
    feeds_free(g->gw.feeds);
    hub_free(g->gw.hub);
    flusher_free(g->gw.flusher);
    users_free(g->gw.users);
    wheel_free(g->gw.wheel);
    loop_free(g->gw.loop);
    free(g->gw.auth);
    free(g);
    return is_clean && msg_bytes_alive() == 0 ? 0 : -1;
}
