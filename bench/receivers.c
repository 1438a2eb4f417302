/* SPDX-License-Identifier: MIT */
#include "bench/receivers.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/unpacker.h"
#include "bench/ws_client.h"
#include "common/clock.h"

/* Source addresses 127.0.0.2 … : one has some 28,000 ports, of which others use some. */
#define SOURCES 8
#define FIRST_SOURCE 0x7f000002u

struct receiver {
    struct ws_client ws;
    struct receivers *all;     /* borrowed */
    const struct group *group; /* borrowed */
    uint32_t index;            /* in the group */
    uint8_t step;
    bool is_ready; /* upgraded, and the script is done */
};
struct receivers {
    struct net *net;                   /* borrowed */
    const struct receivers_options *o; /* borrowed */
    struct tally *tally;               /* borrowed */
    struct unpacker *unpacker;         /* owned; NULL without deflate */
    struct buf request;                /* terminated */
    struct receiver *v;                /* owned; counts.wanted of them */
    struct receivers_counts counts;
};

static void surprised(struct receivers *r, const char *what, struct str text)
{
    if (r->counts.surprise[0] == '\0') {
        (void)snprintf(r->counts.surprise, sizeof(r->counts.surprise), "%s%.*s", what,
                       (int)MIN(text.n, (size_t)SURPRISE_MAX), text.n ? text.p : "");
    }
}

/* `{}` -> the number. */
static struct str expand(const char *text, uint32_t index, struct buf *out)
{
    const char *hole = strstr(text, "{}");
    if (!hole) {
        return str_of(text);
    }
    buf_clear(out);
    buf_add(out, (struct str){text, (size_t)(hole - text)});
    buf_add_u64(out, index);
    buf_add(out, str_of(hole + 2));
    return out->failed ? STR("") : buf_str(out);
}

/* Says all that is to be said now. */
static void receiver_go_on(struct receiver *c)
{
    struct buf text = {0};
    while (c->step < c->group->n_steps && c->group->steps[c->step].is_say &&
           ws_client_send(&c->ws, expand(c->group->steps[c->step].text, c->index, &text))) {
        c->step++;
    }
    buf_release(&text);
    c->is_ready = c->step == c->group->n_steps;
    c->all->counts.ready += c->is_ready;
}

static void on_receiver_open(struct ws_client *ws)
{
    receiver_go_on(CONTAINER_OF(ws, struct receiver, ws));
}

static void receiver_heard_step(struct receiver *c, struct str text)
{
    struct buf memory = {0};
    struct str wanted = expand(c->group->steps[c->step].text, c->index, &memory);
    bool is_it = memmem(text.p, text.n, wanted.p, wanted.n) != NULL;
    buf_release(&memory);
    if (!is_it) {
        surprised(c->all, "instead of the expected message came ", text);
        return;
    }
    c->step++;
    receiver_go_on(c);
}

static bool receiver_answers(struct receiver *c, struct str text)
{
    const struct receivers_options *o = c->all->o;
    for (size_t i = 0; i < o->n_answers; i++) {
        if (str_eq(text, str_of(o->answers[i].heard))) {
            return ws_client_send(&c->ws, str_of(o->answers[i].said));
        }
    }
    return false;
}

/* The text of a compressed message. False: it is broken. */
static bool receiver_unpack(struct receiver *c, const struct ws_message *m, struct str *out)
{
    struct receivers *r = c->all;
    r->counts.compressed++;
    if (!unpacker_read(r->unpacker, (struct str){(const char *)m->compressed, m->len}, out)) {
        r->counts.broken++;
        surprised(r, "a compressed message is broken", STR(""));
        return false;
    }
    return true;
}

static void on_receiver_message(struct ws_client *ws, const struct ws_message *m)
{
    struct receiver *c = CONTAINER_OF(ws, struct receiver, ws);
    struct tally *t = c->all->tally;
    struct str head = {(const char *)m->head, m->head_len};
    size_t len = m->len;

    if (m->compressed) {
        struct str text;
        if (!receiver_unpack(c, m, &text)) {
            return;
        }
        head = (struct str){text.p, MIN(text.n, (size_t)WS_HEAD)};
        len = text.n;
    }

    if (c->all->o->n_answers > 0 && receiver_answers(c, head)) {
        return;
    }
    if (!c->is_ready) {
        receiver_heard_step(c, head);
        return;
    }
    bool is_marked = c->group->receives == RECEIVES_NONE
                         ? tally_stray(t, head)
                         : tally_received(t, c->index, head, (struct tally_size){len, m->wire_len},
                                          clock_mono_us());
    if (!is_marked) {
        c->all->counts.other_messages++;
    }
}

static void on_receiver_closed(struct ws_client *ws, const char *why)
{
    struct receiver *c = CONTAINER_OF(ws, struct receiver, ws);
    if (c->is_ready) {
        c->all->counts.closed++;
    } else {
        c->all->counts.failed++;
    }
    surprised(c->all, "a connection ended: ", str_of(why));
}

static const struct ws_handler handler = {
    .on_open = on_receiver_open,
    .on_message = on_receiver_message,
    .on_closed = on_receiver_closed,
};

static void receivers_assign(struct receivers *r)
{
    struct receiver *c = r->v;
    for (size_t g = 0; g < r->o->n_groups; g++) {
        for (uint32_t i = 0; i < r->o->groups[g].count; i++, c++) {
            c->all = r;
            c->group = &r->o->groups[g];
            c->index = i;
        }
    }
}

struct receivers *receivers_create(struct net *n, const struct receivers_options *o,
                                   struct tally *t)
{
    struct receivers *r = calloc(1, sizeof(*r));
    if (!r) {
        return NULL;
    }
    r->net = n;
    r->o = o;
    r->tally = t;
    for (size_t g = 0; g < o->n_groups; g++) {
        r->counts.wanted += o->groups[g].count;
    }
    r->v = calloc((size_t)r->counts.wanted + 1, sizeof(*r->v));
    char host[INET_ADDRSTRLEN + 8];
    char address[INET_ADDRSTRLEN] = "";
    inet_ntop(AF_INET, &o->address.sin_addr, address, sizeof(address));
    (void)snprintf(host, sizeof(host), "%s:%u", address, ntohs(o->address.sin_port));
    ws_client_request(&r->request, host, o->path, o->subprotocol, o->deflate);
    buf_addc(&r->request, '\0');
    r->unpacker = o->deflate ? unpacker_create(o->holds) : NULL;
    if (!r->v || r->request.failed || (o->deflate && !r->unpacker)) {
        return receivers_free(r);
    }
    receivers_assign(r);
    return r;
}

struct receivers *receivers_free(struct receivers *r)
{
    if (r) {
        for (uint32_t i = 0; r->v && i < r->counts.wanted; i++) {
            ws_client_close(&r->v[i].ws);
        }
        free(r->v);
        buf_release(&r->request);
        unpacker_free(r->unpacker);
        free(r);
    }
    return NULL;
}

void receivers_connect(struct receivers *r)
{
    struct receivers_counts *k = &r->counts;
    while (k->started < k->wanted && k->started - k->ready - k->failed < r->o->connecting) {
        struct receiver *c = &r->v[k->started];
        struct stream_target to = {.address = r->o->address,
                                   .from.s_addr = htonl(FIRST_SOURCE + k->started % SOURCES),
                                   .tls = r->o->tls,
                                   .reset_on_close = true};
        k->started++;
        if (!ws_client_open(&c->ws, r->net, &to, r->request.p, r->o->deflate, &handler)) {
            k->failed++;
            surprised(r, "a connection cannot be opened: ", str_of(strerror(errno)));
        }
    }
}

const struct receivers_counts *receivers_counts(const struct receivers *r)
{
    return &r->counts;
}
