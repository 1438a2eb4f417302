/* SPDX-License-Identifier: MIT */
/* broadcast: one POST is one publish_job:
 *
 * parse    -> (replied)  400, 409; or the writer does not take the event: 503
 * parse    -> waiting    the writer has it
 * waiting  -> (replied)  200, 422, 503: whatever the writer says, once
 */
#include "publisher/broadcast.h"

#include <stdlib.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/strmap.h"
#include "proto/publish_body.h"
#include "proto/publish_review.h"
#include "publisher/bus_writers.h"
#include "publisher/idempotency.h"
#include "publisher/pub_metrics.h"
#include "publisher/scoreboard_refresh.h"

enum {
    KEYED_WAIT_MS = 5000,
    ENVELOPE_OVERHEAD = 512, /* what the envelope adds to text and data, roughly */
};

struct broadcast {
    struct loop *loop;                  /* borrowed */
    struct bus_writers *writers;        /* borrowed */
    struct pub_metrics *metrics;        /* borrowed */
    struct scoreboard_refresh *refresh; /* borrowed */
    struct broadcast_settings settings;
    struct strmap keyed; /* idempotency hash -> waiting publish_job */
};
struct publish_job {
    struct broadcast *broadcast;    /* borrowed (outlives it) */
    struct http_exchange *exchange; /* borrowed until the reply */
    struct idempotency key;         /* hex "" without a key */
    char digest[SHA256_HEX_LEN + 1];
    char id[EVENT_ID_LEN + 1];
    struct buf answer; /* to be, when Redis has the event */
    bool is_run;       /* a scoreboard is due with it */
    uint64_t begun_us;
};

static void job_free(struct publish_job *j)
{
    if (j->key.hex[0] != '\0') {
        (void)strmap_remove(&j->broadcast->keyed, str_of(j->key.hex)); /* it is j */
    }
    buf_release(&j->answer);
    free(j);
}

static void fail(struct publish_job *j, int status, const char *message)
{
    struct http_exchange *x = j->exchange;
    job_free(j);
    http_exchange_fail(x, status, message);
}

static void accept_with(struct publish_job *j, struct str answer)
{
    http_exchange_reply(j->exchange, &(struct http_reply){.status = 200, .body = answer});
    job_free(j);
}

static void on_done(enum bus_outcome outcome, struct str kept, void *arg)
{
    struct publish_job *j = arg;
    struct pub_metrics *m = j->broadcast->metrics;
    if (j->is_run && outcome == BUS_WRITTEN) {
        scoreboard_refresh_wake(j->broadcast->refresh);
    }
    histogram_observe(&m->publish_seconds, (double)(clock_mono_us() - j->begun_us) / 1e6);
    switch (outcome) {
    case BUS_WRITTEN:
        m->messages_received++;
        accept_with(j, buf_str(&j->answer));
        break;
    case BUS_REPEATED: accept_with(j, kept); break;
    case BUS_CONFLICT: fail(j, 422, "this Idempotency-Key came with another body before"); break;
    case BUS_UNAVAILABLE: fail(j, 503, "Redis cannot be reached"); break;
    case BUS_UNKNOWN:
        fail(j, 503, "no word from Redis in time: the event may have been sent");
        break;
    }
}

static void log_event(const struct broadcast *b, const struct publish_job *j,
                      const struct publish_request *r)
{
    if (!log_enabled(LOG_LEVEL_DEBUG)) {
        return;
    }
    const struct event *e = &r->event;
    log_debug("event accepted", LF_STR("id", j->id), LF_S("type", e->type_name),
              LF_STR("publisher", j->exchange->peer), LF_S("contest", e->contest),
              LF_I64("problemset", e->problemset), LF_S("problem", e->problem),
              LF_S("user", e->user), LF_BOOL("public", e->is_public),
              LF_S("payload", b->settings.log_payloads ? j->exchange->body : STR_NONE));
}

static void note_refused_names(struct broadcast *b, const struct publish_job *j,
                               const struct publish_request *r)
{
    b->metrics->names_refused += r->names_refused;
    if (r->names_refused > 0) {
        log_warn("names in an event are unusable: not sent to their topics",
                 LF_U64("names", r->names_refused), LF_STR("id", j->id),
                 LF_STR("publisher", j->exchange->peer));
    }
}

/* `?dry_run=1`: judged and routed, not written. */
static bool is_dry_run(const struct publish_job *j)
{
    return str_eq(j->exchange->head->query, STR("dry_run=1"));
}

/* False: out of memory. */
static bool name_event(struct publish_job *j, struct publish_request *r)
{
    if (j->key.hex[0] == '\0') {
        random_bytes(j->key.id, sizeof(j->key.id));
    }
    event_id_write(j->key.id, j->id);
    r->event.id = (struct str){j->id, EVENT_ID_LEN};
    buf_add(&j->answer, STR("{\"status\":\"ok\",\"id\":\""));
    buf_add(&j->answer, r->event.id);
    buf_add(&j->answer, STR("\",\"topics\":"));
    buf_add_u64(&j->answer, r->n_topics);
    buf_addc(&j->answer, ',');
    publish_review(r, &j->answer);
    buf_add(&j->answer, is_dry_run(j) ? STR(",\"dry_run\":true}\n") : STR("}\n"));
    return !j->answer.failed;
}

/* The envelope, and for a scoreboard what stands for it in the topics' logs. */
static bool encode(struct publish_request *r, struct buf *envelope, struct buf *marker)
{
    struct event *e = &r->event;
    if (!buf_reserve(envelope, e->text.n + ENVELOPE_OVERHEAD)) {
        return false;
    }
    event_encode(e, envelope);
    if (e->type == EVENT_SCOREBOARD_UPDATE) {
        struct event m = *e;
        m.is_marker = true;
        m.text = STR_NONE;
        m.n_data = 0;
        event_encode(&m, marker);
    }
    return !envelope->failed && !marker->failed;
}

static enum bus_submit submit(struct publish_job *j, struct publish_request *r)
{
    const struct broadcast *b = j->broadcast;
    const struct event *e = &r->event;
    struct buf envelope = {0};
    struct buf marker = {0};
    enum bus_submit result = BUS_NO_MEMORY;
    if (encode(r, &envelope, &marker)) {
        bool keyed = j->key.hex[0] != '\0';
        bool refresh = b->settings.refresh_scoreboards && e->type == EVENT_RUN_UPDATE;
        j->is_run = refresh && e->contest.n > 0;
        const struct bus_event event = {
            .envelope = &envelope,
            .marker = marker.n > 0 ? &marker : NULL,
            .state = e->is_public ? STR("public") : STR("private"),
            .topics = r->topics,
            .n_topics = r->n_topics,
            .refresh_contest = refresh ? e->contest : STR_NONE,
            .idem = str_of(j->key.hex),
            .digest = str_of(j->digest),
            .result = buf_str(&j->answer),
            .wait_ms = keyed ? KEYED_WAIT_MS : b->settings.publish_wait_ms,
            .keep = r->form == PUBLISH_GRADER,
        };
        result = bus_writers_submit(b->writers, &event, on_done, j);
    }
    buf_release(&envelope);
    buf_release(&marker);
    return result;
}

static void publish(struct publish_job *j)
{
    struct broadcast *b = j->broadcast;
    char error[PUBLISH_ERROR_MAX];
    AUTO(publish_request) *r = publish_body_parse(j->exchange->body, clock_wall_ms(), error);
    if (!r) {
        bool no_memory = error[0] == '\0';
        fail(j, no_memory ? 503 : 400, no_memory ? "out of memory" : error);
        return;
    }
    if (!name_event(j, r)) {
        fail(j, 503, "out of memory");
        return;
    }
    if (is_dry_run(j)) {
        accept_with(j, buf_str(&j->answer));
        return;
    }
    log_event(b, j, r);
    note_refused_names(b, j, r);
    switch (submit(j, r)) {
    case BUS_TAKEN: break; /* j may be gone already */
    case BUS_DOWN: fail(j, 503, "Redis cannot be reached"); break;
    case BUS_FULL: fail(j, 503, "too many events are waiting for Redis"); break;
    case BUS_NO_MEMORY: fail(j, 503, "out of memory"); break;
    }
}

/* Registers the job under its key. False: replied. */
static bool take_key(struct publish_job *j, struct str key)
{
    struct strmap *keyed = &j->broadcast->keyed;
    if (!idempotency_key_valid(key)) {
        fail(j, 400, "Idempotency-Key: not 1 to 255 printable ASCII characters");
        return false;
    }
    struct idempotency made;
    idempotency_make(str_of(j->exchange->peer), key, &made);
    if (strmap_get(keyed, str_of(made.hex))) {
        fail(j, 409, "a request with this Idempotency-Key is under way");
        return false;
    }
    j->key = made;
    if (!strmap_add(keyed, str_of(j->key.hex), j)) {
        j->key.hex[0] = '\0';
        fail(j, 503, "out of memory");
        return false;
    }
    sha256_hex(j->exchange->body, j->digest);
    return true;
}

void broadcast_post(struct broadcast *b, struct http_exchange *x)
{
    struct publish_job *j = calloc(1, sizeof(*j));
    if (!j) {
        http_exchange_fail(x, 503, "out of memory");
        return;
    }
    j->broadcast = b;
    j->exchange = x;
    j->begun_us = clock_mono_us();
    struct str key = x->head->idempotency_key;
    if (!key.p || is_dry_run(j) || take_key(j, key)) {
        publish(j);
    }
}

struct broadcast *broadcast_create(struct loop *l, const struct broadcast_options *o)
{
    struct broadcast *b = calloc(1, sizeof(*b));
    if (b) {
        b->loop = l;
        b->writers = o->writers;
        b->metrics = o->metrics;
        b->refresh = o->refresh;
        b->settings = o->settings;
    }
    return b;
}

struct broadcast *broadcast_free(struct broadcast *b)
{
    if (b) {
        strmap_release(&b->keyed);
        free(b);
    }
    return NULL;
}

void broadcast_configure(struct broadcast *b, const struct broadcast_settings *s)
{
    b->settings = *s;
}
