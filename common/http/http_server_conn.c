/* SPDX-License-Identifier: MIT */
/* http_server_conn: requests in, one after the other.
 *
 * What comes is read into the server's scratch and, as a rule, used there: only the head is copied,
 * since it must outlive an answer that takes its time.
 */
#include "common/http/http_server_conn.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/log.h"
#include "common/net/stream.h"

enum {
    PIECE_BYTES = 16384, /* read at a time behind what waits already */
    KEPT_BYTES = 4096,   /* buffers of an idle connection that are larger are given back */
};

/* --- deadlines and counts --- */

void http_server_conn_deadline(struct http_server_conn *c, uint32_t seconds)
{
    bool is_from_accept = c->is_first && c->server->o.times.first > 0;
    if (!is_from_accept || c->exchange.is_identified) {
        stream_set_deadline(c->stream, seconds);
    }
}

/* After anything that may have told who the peer is. */
static void note_identity(struct http_server_conn *c)
{
    struct http_server *s = c->server;
    bool has_room = s->o.max_identified == 0 || s->n_identified < s->o.max_identified;
    if (c->exchange.is_identified && !c->counts_identified && has_room) {
        http_crowd_leave(&s->strangers, &c->stranger);
        c->counts_identified = true;
        s->n_identified++;
        if (c->state == HTTP_HANDLING) {
            http_server_conn_deadline(c, s->o.times.request); /* longer than a stranger's */
        }
    }
}

static void release(struct http_server_conn *c)
{
    struct http_server *s = c->server;
    list_del(&c->node);
    http_crowd_leave(&s->strangers, &c->stranger);
    s->n_identified -= c->counts_identified;
    s->n_conns--;
    (*s->o.counts.connections)--;
    deferred_cancel(&c->again);
    stream_free(c->stream);
    buf_release(&c->in);
    buf_release(&c->text);
    buf_release(&c->body);
    free(c);
}

void http_server_conn_end(struct http_server_conn *c)
{
    const struct http_server_options *o = &c->server->o;
    if (o->handler->on_end) {
        o->handler->on_end(c->exchange.context, o->arg);
    }
    if (c->busy) {
        c->state = HTTP_GONE;
    } else {
        release(c);
    }
}

bool http_server_conn_is_idle(const struct http_server_conn *c)
{
    return c->state == HTTP_HANDSHAKE || (c->state == HTTP_HEAD && !c->begun);
}

/* --- from one request to the next --- */

static void give_back(struct buf *b)
{
    if (b->cap > KEPT_BYTES) {
        buf_release(b);
    } else {
        buf_clear(b);
    }
}

void http_server_conn_expect(struct http_server_conn *c)
{
    c->state = HTTP_HEAD;
    c->begun = c->close = c->linger = false;
    c->scanned = 0;
    c->body_left = c->max_body = 0;
    c->chunked = (struct http_chunked){0};
    give_back(&c->text);
    give_back(&c->body);
    c->exchange.route = NULL;
    c->exchange.peer[0] = '\0';
    c->exchange.body = STR_NONE;
    if (c->exchange.is_identified) {
        stream_clear_deadline(c->stream); /* Go does not repeat a POST whose connection closes */
    } else {
        http_server_conn_deadline(c, c->server->o.times.idle);
    }
}

static void no_memory(struct http_server_conn *c)
{
    log_error("no memory for a request");
    http_server_conn_end(c);
}

/* Refuses what the handler has not looked at, or not let pass. */
static void refuse(struct http_server_conn *c, struct http_fault fault)
{
    const struct http_server_options *o = &c->server->o;
    c->close = c->linger = true;
    if (c->head.method.p == NULL) {
        c->head.is_http_1_1 = true; /* nobody knows */
    }
    o->handler->on_fault(&c->exchange, fault, o->arg);
}

/* The same when the head is not whole: it tells at least the type. */
static void refuse_part(struct http_server_conn *c, struct str part, struct http_fault fault)
{
    c->head = (struct http_head){.is_http_1_1 = true};
    buf_clear(&c->text);
    if (c->server->o.bodiless_type.n > 0) {
        buf_add(&c->text, part);
        c->head.content_type = http_reader_type(buf_str(&c->text));
    }
    refuse(c, fault);
}

/* --- requests --- */

static bool goes_on(const struct http_server_conn *c)
{
    return c->state == HTTP_HEAD || c->state == HTTP_BODY;
}

static bool handle(struct http_server_conn *c, struct str body)
{
    const struct http_server_options *o = &c->server->o;
    c->exchange.body = body;
    c->body_left = 0;
    c->head.is_chunked = false; /* it is read */
    c->state = HTTP_HANDLING;
    stream_clear_deadline(c->stream);
    o->handler->on_request(&c->exchange, o->arg);
    if (c->state == HTTP_HANDLING) {
        c->exchange.body = STR_NONE;
        give_back(&c->body);
    }
    return goes_on(c);
}

static bool step_chunked(struct http_server_conn *c)
{
    size_t n = 0;
    struct http_fault fault = {0};
    enum http_chunked_result r =
        http_chunked_add(&c->chunked, c->unread, c->max_body, &c->body, &n, &fault);
    c->unread = str_after(c->unread, n);
    if (c->body.failed) {
        no_memory(c);
        return false;
    }
    switch (r) {
    case HTTP_CHUNKED_MORE: return false;
    case HTTP_CHUNKED_WHOLE: return handle(c, buf_str(&c->body));
    case HTTP_CHUNKED_FAULT: refuse(c, fault); return false;
    }
    return false;
}

static bool step_body(struct http_server_conn *c)
{
    if (c->head.is_chunked) {
        return step_chunked(c);
    }
    size_t have = (size_t)MIN(c->body_left, (uint64_t)c->unread.n);
    struct str part = {c->unread.p, have};
    c->unread = str_after(c->unread, have);
    if (c->body.n == 0 && have == c->body_left) {
        return handle(c, part); /* where it is */
    }
    buf_add(&c->body, part);
    c->body_left -= have;
    if (c->body.failed) {
        no_memory(c);
        return false;
    }
    return c->body_left == 0 && handle(c, buf_str(&c->body));
}

/* The handler has let the head pass. */
static bool await_body(struct http_server_conn *c)
{
    if (c->body_left > c->max_body) {
        refuse(c, (struct http_fault){413, "the body is too large"});
        return false;
    }
    if (c->head.expects_continue && c->head.has_body && c->unread.n == 0) {
        static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
        (void)stream_write(c->stream, go_on, sizeof(go_on) - 1); /* else on_closed() comes */
    }
    c->state = HTTP_BODY;
    return true;
}

static bool on_head(struct http_server_conn *c)
{
    const struct http_server_options *o = &c->server->o;
    c->body_left = c->head.content_length;
    c->state = HTTP_HANDLING;
    bool passes = o->handler->on_head(&c->exchange, &c->max_body, o->arg);
    if (c->state == HTTP_GONE) {
        return false;
    }
    note_identity(c);
    if (!passes && c->state == HTTP_HANDLING) { /* it is answered later */
        stream_clear_deadline(c->stream);
    }
    return passes ? await_body(c) : goes_on(c);
}

/* Moves a whole head from what is unread to c->text. False: it is not whole, or answered. */
static bool take_head(struct http_server_conn *c)
{
    size_t n = 0;
    struct http_fault fault;
    switch (http_reader_find(c->unread, c->scanned, c->server->o.rules, &n, &fault)) {
    case HTTP_FIND_MORE: c->scanned = c->unread.n; return false;
    case HTTP_FIND_FAULT: refuse_part(c, c->unread, fault); return false;
    case HTTP_FIND_HEAD: break;
    }
    buf_clear(&c->text);
    buf_add(&c->text, (struct str){c->unread.p, n});
    c->unread = str_after(c->unread, n);
    if (c->text.failed) {
        no_memory(c);
        return false;
    }
    return true;
}

static bool step_head(struct http_server_conn *c)
{
    if (!c->begun) {
        c->unread = str_after(c->unread, http_reader_empty_lines(c->unread));
        if (c->unread.n == 0 || str_eq(c->unread, STR("\r"))) {
            return false;
        }
        c->begun = true;
        http_server_conn_deadline(c, c->server->o.times.request);
    }
    if (!take_head(c)) {
        return false;
    }
    struct http_fault fault = http_reader_parse(buf_str(&c->text), c->server->o.rules, &c->head);
    if (fault.reason) {
        refuse(c, fault);
        return false;
    }
    return on_head(c);
}

/* --- bytes --- */

/* What is left of `bytes` waits in c->in, where it may stand already. */
static void keep_rest(struct http_server_conn *c)
{
    struct str rest = c->unread;
    c->unread = STR_NONE;
    if (rest.n == 0 || c->state == HTTP_ENDING) {
        give_back(&c->in);
        return;
    }
    if (c->in.n > 0) {
        memmove(c->in.p, rest.p, rest.n);
        c->in.n = rest.n;
        return;
    }
    buf_add(&c->in, rest);
    if (c->in.failed) {
        no_memory(c);
    }
}

/* Goes on as far as the bytes allow; they are c->in's, or not kept yet. May free the connection. */
static void consume(struct http_server_conn *c, struct str bytes)
{
    bool more = true;
    c->busy = true;
    c->unread = bytes;
    while (more) {
        more = c->state == HTTP_HEAD ? step_head(c) : step_body(c);
    }
    c->busy = false;
    if (c->state == HTTP_GONE) {
        release(c);
        return;
    }
    if (goes_on(c)) {
        stream_resume(c->stream);
    } else if (c->stream) {
        stream_pause(c->stream);
    }
    keep_rest(c);
}

static void on_again(void *arg)
{
    struct http_server_conn *c = arg;
    if (goes_on(c)) {
        consume(c, buf_str(&c->in));
    }
}

static void on_readable(void *arg)
{
    struct http_server_conn *c = arg;
    char *room = c->server->scratch;
    size_t max = HTTP_SCRATCH_BYTES;
    if (!goes_on(c)) {
        stream_pause(c->stream);
        return;
    }
    if (c->in.n > 0) {
        max = PIECE_BYTES;
        if (!buf_reserve(&c->in, max)) {
            no_memory(c);
            return;
        }
        room = c->in.p + c->in.n;
    }
    ssize_t n = stream_read(c->stream, room, max);
    if (n == STREAM_AGAIN) {
        stream_resume(c->stream);
    } else if (n == STREAM_EOF) {
        http_server_conn_end(c); /* what is there can never be whole */
    } else if (n > 0 && c->in.n > 0) {
        c->in.n += (size_t)n;
        consume(c, buf_str(&c->in));
    } else if (n > 0) {
        consume(c, (struct str){room, (size_t)n});
    }
}

/* --- what else the stream says --- */

static void on_drained(void *arg)
{
    struct http_server_conn *c = arg;
    if (c->state != HTTP_WRITING) { /* it was "100 Continue" */
        return;
    }
    if (c->server->stopping) {
        c->state = HTTP_ENDING;
        stream_finish(c->stream, c->in.n > 0);
        return;
    }
    http_server_conn_expect(c);
    consume(c, buf_str(&c->in));
}

static void on_handshake_done(void *arg)
{
    struct http_server_conn *c = arg;
    const struct http_server_options *o = &c->server->o;
    c->exchange.ssl = stream_ssl(c->stream);
    if (o->handler->on_connected) {
        o->handler->on_connected(&c->exchange, o->arg);
        note_identity(c);
    }
    http_server_conn_expect(c);
    stream_resume(c->stream);
}

static void on_deadline(void *arg)
{
    static const struct http_fault late = {408, "the request did not come whole in time"};
    struct http_server_conn *c = arg;
    if (c->state == HTTP_HANDLING) {
        return;
    }
    (*c->server->o.counts.timeouts)++;
    if (c->state == HTTP_HEAD && c->begun) {
        refuse_part(c, buf_str(&c->in), late);
    } else if (c->state == HTTP_BODY) {
        refuse(c, late);
    } else {
        http_server_conn_end(c);
    }
}

static void on_closed(void *arg)
{
    struct http_server_conn *c = arg;
    if (c->state == HTTP_HANDSHAKE) {
        http_server_handshake_failed(c->server, c->stream);
    }
    if (c->state == HTTP_HANDLING) {
        c->stream = c->exchange.stream = stream_free(c->stream);
        c->exchange.ssl = NULL;
    } else {
        http_server_conn_end(c);
    }
}

static const struct stream_handler stream_handler = {
    .on_readable = on_readable,
    .on_drained = on_drained,
    .on_handshake_done = on_handshake_done,
    .on_deadline = on_deadline,
    .on_closed = on_closed,
};

/* --- life --- */

static bool open_stream(struct http_server_conn *c, int fd, struct ssl_ctx_st *tls)
{
    c->stream = stream_create(fd, &(struct stream_options){.loop = c->server->o.loop,
                                                           .wheel = c->server->wheel,
                                                           .tls = tls,
                                                           .handler = &stream_handler,
                                                           .arg = c});
    if (!c->stream) {
        return false;
    }
    c->exchange.head = &c->head;
    c->exchange.stream = c->stream;
    return true;
}

static void start(struct http_server_conn *c)
{
    const struct http_times *t = &c->server->o.times;
    if (t->first > 0) {
        stream_set_deadline(c->stream, t->first);
    }
    if (stream_is_handshaking(c->stream)) {
        c->state = HTTP_HANDSHAKE;
        http_server_conn_deadline(c, t->handshake);
        stream_resume(c->stream);
        return;
    }
    http_server_conn_expect(c);
    on_readable(c); /* it is often there already: then the loop never sees this socket */
}

bool http_server_conn_open(struct http_server *s, int fd, const struct sockaddr *peer,
                           struct ssl_ctx_st *tls, void *context)
{
    struct http_server_conn *c = calloc(1, sizeof(*c));
    if (!c) {
        (void)close(fd);
        return false;
    }
    c->server = s;
    c->is_first = true;
    c->exchange.context = context;
    deferred_init(&c->again, on_again, c);
    list_push_back(&s->conns, &c->node);
    s->n_conns++;
    (*s->o.counts.connections)++;
    if (!open_stream(c, fd, tls) || !http_crowd_enter(&s->strangers, &c->stranger, peer)) {
        release(c);
        return false;
    }
    start(c);
    return true;
}
