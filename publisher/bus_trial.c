/* SPDX-License-Identifier: MIT */
#include "publisher/bus_trial.h"

#include "common/log.h"
#include "publisher/bus_write.h"

static void on_answer(const struct redis_reply *r, void *arg)
{
    struct bus_trial *t = arg;
    if (!r) {
        return; /* the link is lost */
    }
    if (r->type == REPLY_ERROR) {
        bus_trial_refused(t, redis_error_of(r));
    } else if (str_eq(redis_reply_text_at(r, 0), STR("unheard"))) {
        bus_trial_refused(t, REDIS_ERROR_DENIED);
    } else {
        t->state = TRIAL_PASSED;
    }
    t->on_end(r, t->arg);
}

/* A scoreboard, since that is written in more ways than the rest. NULL: no memory. */
static struct bus_write *make_write(struct str prefix)
{
    static const struct topic_name topic = {.n = 5, .z = "probe"};
    static const struct str history[] = {{"1", 1}, {"1000", 4}, {"65536", 5}};
    struct buf envelope = {0}, marker = {0};
    buf_addc(&envelope, '?');
    buf_addc(&marker, '?');
    const struct bus_event event = {.envelope = &envelope,
                                    .marker = &marker,
                                    .state = STR("public"),
                                    .topics = &topic,
                                    .n_topics = 1};
    bool ok = !envelope.failed && !marker.failed;
    struct bus_write *w = ok ? bus_write_create(&event, prefix) : NULL;
    buf_release(&envelope);
    buf_release(&marker);
    if (w) {
        bus_write_prepare(w, history);
    }
    return w;
}

static void clean_up(struct redis_link *link, struct str prefix)
{
    struct buf names = {0};
    buf_addf(&names, "%.*s:probe:pos", STR_ARG(prefix));
    size_t n_pos = names.n;
    buf_addf(&names, "%.*s:probe:log", STR_ARG(prefix));
    size_t n_log = names.n;
    buf_addf(&names, "%.*s:probe:state:public", STR_ARG(prefix));
    const struct str all = buf_str(&names);
    const struct str argv[] = {
        STR("DEL"), {all.p, n_pos}, {all.p + n_pos, n_log - n_pos}, str_after(all, n_log)};
    if (names.failed || !redis_link_command(link, NULL, ARRAY_LEN(argv), argv)) {
        log_debug("traces of a trial stay until they expire");
    }
    buf_release(&names);
}

void bus_trial_run(struct bus_trial *t, struct redis_link *link, const struct redis_script *publish,
                   struct str prefix)
{
    if (t->call || !redis_link_is_ready(link)) {
        return;
    }
    struct bus_write *w = make_write(prefix);
    if (!w) {
        return;
    }
    const struct redis_asker who = {on_answer, t, &t->call};
    if (redis_link_eval(link, publish, &who, (int)w->n_keys, (int)w->n_keys + BUS_WRITE_ARGUMENTS,
                        w->argv)) {
        clean_up(link, prefix);
    }
    bus_write_free(w);
}

void bus_trial_refused(struct bus_trial *t, enum redis_error error)
{
    t->state = error == REDIS_ERROR_DENIED ? TRIAL_DENIED : TRIAL_REFUSED;
}

void bus_trial_forget(struct bus_trial *t)
{
    redis_call_cancel(&t->call);
    t->state = TRIAL_UNKNOWN;
}
