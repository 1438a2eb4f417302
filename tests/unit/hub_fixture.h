/* SPDX-License-Identifier: MIT */
#pragma once
/* hub_fixture: a hub over real feeds over a made-up Redis, and clients that write down what they
 * hear. cmocka.h must stand before.
 */
#include <stdio.h>
#include <stdlib.h>

#include "common/config/settings.h"
#include "common/msg.h"
#include "gateway/gw_metrics.h"
#include "gateway/hub/hub.h"
#include "gateway/hub/rendering.h"
#include "gateway/hub/users.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/fake_bus.h"
#include "tests/support/fake_event.h"
#include "tests/support/fake_loop.h"

#define TOPIC "contest/a"

/* A client with one subscription, which writes down what it hears, one word each: `at:5` (joined,
 * unasked), `yes:5`, `no:5` (recovered), an event's offset (with `+n` when n scoreboards were
 * skipped), `reset:5`, `position:5`, `text` (legacy). */
struct session {
    struct subscription sub;
    struct list user_node;
    struct buf heard;
    size_t backlog;
    bool grows; /* each delivery adds to the backlog */
    bool never_first;
    struct sub_start next_start; /* START_NOW: none */
    uint64_t last;               /* offset of the last event */
    unsigned events;
};

struct fixture {
    struct loop *loop;
    struct bus *bus;
    struct fake_topic *topic;
    struct settings settings;
    struct gw_metrics metrics;
    struct feeds *feeds;
    struct hub *hub;
    struct users *users;
    struct session c[4];
    unsigned noted;
};

/* ---- what the hub calls ---- */

static inline void on_joined(struct subscription *sub, const struct position *p, enum recovered r)
{
    static const char *const words[] = {"at", "no", "yes"};
    struct session *c = sub->session;
    buf_addf(&c->heard, "%s:%d ", words[r], (int)p->offset);
    c->last = p->offset;
}

static inline void deliver(struct session *c, struct rendering *r, uint32_t skipped)
{
    char text[512] = {0};
    const struct msg *m = rendering_msg(r, RENDERING_WS, 0, NULL);
    char type[32] = "";
    assert_non_null(m);
    assert_true(m->len < sizeof(text));
    memcpy(text, m->bytes + (m->bytes[1] < 126 ? 2 : 4), m->len - (m->bytes[1] < 126 ? 2 : 4));
    const char *position = strstr(text, "\"position\":\"");
    if (c->grows) {
        c->backlog += 30000;
    }
    if (!position) {
        buf_add(&c->heard, STR("text "));
        return;
    }
    /* "position":"0123456789abcdef:12" */
    unsigned long long offset = strtoull(position + 12 + EPOCH_LEN + 1, NULL, 10);
    assert_int_equal(sscanf(text, "{\"type\":\"%31[a-z_]\"", type), 1);
    if (strcmp(type, "reset") == 0 || strcmp(type, "position") == 0) {
        buf_addf(&c->heard, "%s:%llu ", type, offset);
    } else if (skipped) {
        buf_addf(&c->heard, "%llu+%u ", offset, skipped);
    } else {
        buf_addf(&c->heard, "%llu ", offset);
    }
    c->events++;
    c->last = offset;
}

static inline bool may_replay(const struct session *c)
{
    return c->backlog <= 65536;
}

static inline bool next_start(struct subscription *sub)
{
    struct session *c = sub->session;
    bool has_next = c->next_start.kind != START_NOW;
    sub->start = c->next_start;
    c->next_start = (struct sub_start){.kind = START_NOW};
    return has_next;
}

static inline bool is_first(const struct subscription *sub, const struct event *e)
{
    (void)e;
    return !sub->session->never_first;
}

static const struct hub_handler handler UNUSED = {.on_joined = on_joined,
                                                  .deliver = deliver,
                                                  .replay = deliver,
                                                  .may_replay = may_replay,
                                                  .is_first = is_first,
                                                  .next_start = next_start};

static inline void note_event(void *arg, int64_t accepted_ms)
{
    ++*(unsigned *)arg;
    assert_int_equal(accepted_ms, 1704067200123);
}

/* ---- the stage ---- */

static inline int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->loop = loop_create();
    f->bus = fake_bus_create();
    f->topic = fake_topic(f->bus, TOPIC);
    f->settings.redis.history_events = 1000;
    f->settings.redis.history_bytes = 8388608;
    f->settings.broadcaster.queue_bytes_total = 536870912;
    const struct feeds_options fo = {&f->settings, &hub_feed_handler, f->bus, &f->metrics};
    f->feeds = feeds_create(f->loop, &fo);
    const struct hub_options ho = {f->feeds, &handler, &f->metrics, note_event, &f->noted};
    f->hub = hub_create(&ho);
    f->users = users_create();
    for (size_t i = 0; i < ARRAY_LEN(f->c); i++) {
        list_init(&f->c[i].sub.catching_node);
        list_init(&f->c[i].user_node);
    }
    fake_bus_up(f->bus);
    *state = f;
    return f->hub && f->users ? 0 : -1;
}

static inline int tear_down(void **state)
{
    struct fixture *f = *state;
    fail_alloc_at(-1);
    for (size_t i = 0; i < ARRAY_LEN(f->c); i++) {
        hub_leave(f->hub, &f->c[i].sub);
        hub_leave(f->hub, &f->c[i].sub); /* harmless */
        if (f->c[i].sub.user) {
            users_detach(f->users, f->c[i].sub.user, &f->c[i].user_node);
        }
        buf_release(&f->c[i].heard);
    }
    int64_t subscriptions = f->metrics.subscriptions;
    fake_loop_pass_ms(f->loop, 12000); /* the feeds linger no longer */
    fake_bus_answer_all(f->bus);
    size_t feeds = feeds_count(f->feeds);
    users_free(f->users);
    feeds_free(f->feeds);
    hub_free(f->hub);
    fake_bus_free(f->bus);
    loop_free(f->loop);
    free(f);
    return msg_bytes_alive() == 0 && subscriptions == 0 && feeds == 0 ? 0 : -1;
}

static inline void assert_heard(struct session *c, const char *words)
{
    buf_addc(&c->heard, '\0');
    assert_string_equal(c->heard.p, words);
    buf_clear(&c->heard);
}

static inline void set_user(struct fixture *f, struct session *c, const char *name)
{
    c->sub.user = users_attach(f->users, str_of(name), &c->user_node);
    assert_non_null(c->sub.user);
}

static inline void subscribe(struct fixture *f, struct session *c, enum view_kind kind,
                             enum sight sight)
{
    static const struct str labels[] = {STR("/user/ana"),        STR("/contest/a"),
                                        STR("/contest/a/admin"), STR("/problem/p"),
                                        STR("/scoreboard/t"),    STR("")};
    const struct hub_place place = {STR(TOPIC), kind, labels[kind]};
    c->sub.session = c;
    assert_true(hub_join(f->hub, &c->sub, &place, sight));
}

static inline void ask_from(struct session *c, const char *epoch, uint64_t offset)
{
    c->sub.start = (struct sub_start){.kind = START_AFTER, .at = {.offset = offset}};
    memcpy(c->sub.start.at.epoch, epoch, EPOCH_LEN);
}

static inline void ask_nothing(struct session *c)
{
    c->sub.start = (struct sub_start){.kind = START_NOW};
}

static inline void answer_all(struct fixture *f)
{
    fake_bus_subscribed(f->bus, STR(TOPIC));
    fake_bus_answer_all(f->bus);
}

static inline void publish_as(struct fixture *f, const char *user, bool is_public)
{
    struct event e = fake_run(user, is_public);
    fake_publish(f->topic, &e);
}

static inline void hear(struct fixture *f, uint64_t offset)
{
    fake_bus_message(f->bus, STR(TOPIC), f->topic->live[offset]);
}

static inline void event_as(struct fixture *f, const char *user, bool is_public)
{
    publish_as(f, user, is_public);
    hear(f, f->topic->last);
}

static inline void events(struct fixture *f, int n)
{
    while (n-- > 0) {
        event_as(f, "", true);
    }
}

static inline void publish_board(struct fixture *f, bool is_public)
{
    struct event e = fake_scoreboard(is_public);
    fake_publish(f->topic, &e);
}

static inline void board(struct fixture *f, bool is_public)
{
    publish_board(f, is_public);
    hear(f, f->topic->last);
}

/* c[3] keeps the topic alive; it is at three. */
static inline void begin_at_three(struct fixture *f)
{
    for (int i = 0; i < 3; i++) {
        publish_as(f, "", true);
    }
    subscribe(f, &f->c[3], VIEW_CONTEST, SIGHT_PUBLIC);
    answer_all(f);
    assert_heard(&f->c[3], "at:3 ");
}
