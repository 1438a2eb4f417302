/* SPDX-License-Identifier: MIT */
#include "tests/unit/http_fixture.h"

#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/net/tls_ctx.h"

enum { WATCHDOG_MS = 15000 };

/* --- the server --- */

static void close_conn(struct fixture *f, struct bufferevent *bev)
{
    for (size_t i = 0; i < f->accepted; i++) {
        if (f->conns[i] == bev) {
            f->conns[i] = NULL;
        }
    }
    f->closed++;
    bufferevent_free(bev);
    loop_stop(f->loop);
}

static void on_server_written(struct bufferevent *bev, void *arg)
{
    close_conn(arg, bev);
}

static void on_server_event(struct bufferevent *bev, short what, void *arg)
{
    if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) {
        close_conn(arg, bev);
    }
}

static void on_server_read(struct bufferevent *bev, void *arg)
{
    struct fixture *f = arg;
    char text[4096];
    size_t n = evbuffer_get_length(bufferevent_get_input(bev));
    assert_true(n < sizeof(text));
    assert_int_equal(n, evbuffer_copyout(bufferevent_get_input(bev), text, n));
    text[n] = '\0';
    const char *end = strstr(text, "\r\n\r\n");
    const char *length = strstr(text, "Content-Length: ");
    size_t body = length ? strtoul(length + 16, NULL, 10) : 0;
    if (!end || strlen(end + 4) < body) {
        return;
    }
    (void)evbuffer_drain(bufferevent_get_input(bev), n);
    size_t used = strlen(f->seen);
    (void)snprintf(f->seen + used, sizeof(f->seen) - used, "%s\n", text);
    assert_true(f->requests < f->n_steps);
    const struct step *step = &f->steps[f->requests++];
    loop_stop(f->loop);
    if (!step->text) {
        return;
    }
    if (step->close && step->text[0] == '\0') {
        close_conn(f, bev);
        return;
    }
    if (step->close) {
        bufferevent_setcb(bev, NULL, on_server_written, on_server_event, f);
    }
    assert_int_equal(0, bufferevent_write(bev, step->text, strlen(step->text)));
}

static void on_server_accept(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *from,
                             int from_len, void *arg)
{
    (void)l, (void)from, (void)from_len;
    struct fixture *f = arg;
    struct event_base *base = loop_base(f->loop);
    assert_true(f->accepted < MAX_CONNS);
    struct bufferevent *bev =
        f->server_tls
            ? bufferevent_openssl_socket_new(base, fd, SSL_new(f->server_tls),
                                             BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE)
            : bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
    assert_non_null(bev);
    f->conns[f->accepted++] = bev;
    bufferevent_setcb(bev, on_server_read, NULL, on_server_event, f);
    assert_int_equal(0, bufferevent_enable(bev, EV_READ | EV_WRITE));
}

void start_server(struct fixture *f, const struct step *steps, size_t n)
{
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(sin);
    f->steps = steps;
    f->n_steps = n;
    f->listener =
        evconnlistener_new_bind(loop_base(f->loop), on_server_accept, f, LEV_OPT_CLOSE_ON_FREE, 16,
                                (struct sockaddr *)&sin, (int)sizeof(sin));
    assert_non_null(f->listener);
    assert_int_equal(
        0, getsockname(evconnlistener_get_fd(f->listener), (struct sockaddr *)&sin, &len));
    f->port = ntohs(sin.sin_port);
}

void stop_server(struct fixture *f)
{
    for (size_t i = 0; i < f->accepted; i++) {
        if (f->conns[i]) {
            bufferevent_free(f->conns[i]);
        }
    }
    f->accepted = 0;
    if (f->listener) {
        evconnlistener_free(f->listener);
        f->listener = NULL;
    }
}

/* --- the client --- */

static void on_watchdog(void *arg)
{
    struct fixture *f = arg;
    f->too_long = true;
    loop_stop(f->loop);
}

int http_setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    f->loop = loop_create();
    assert_non_null(f->loop);
    assert_true(timer_init(&f->watchdog, f->loop, on_watchdog, f));
    for (size_t i = 0; i < MAX_CALLS; i++) {
        f->calls[i].f = f;
    }
    *state = f;
    return 0;
}

int http_teardown(void **state)
{
    struct fixture *f = *state;
    http_client_free(f->client);
    stop_server(f);
    tls_ctx_free(f->server_tls);
    timer_release(&f->watchdog);
    loop_free(f->loop);
    free(f);
    return 0;
}

void start_client(struct fixture *f, const char *scheme, const char *host, const char *prefix,
                  size_t max_connections)
{
    char url[128];
    (void)snprintf(url, sizeof(url), "%s://%s:%u%s", scheme, host, f->port, prefix);
    const struct http_client_options o = {
        .base_url = url, .max_connections = max_connections, .max_answer_bytes = MAX_ANSWER};
    const char *why = NULL;
    f->client = http_client_create(f->loop, &o, &why);
    if (!f->client) {
        fail_msg("%s: %s", url, why);
    }
}

void on_answer(const struct http_answer *a, void *arg)
{
    struct outcome *o = arg;
    struct fixture *f = o->f;
    o->times++;
    o->outcome = a->outcome;
    o->status = a->status;
    (void)snprintf(o->body, sizeof(o->body), "%.*s", STR_ARG(a->body));
    (void)snprintf(o->type, sizeof(o->type), "%.*s", STR_ARG(a->content_type));
    size_t n = strlen(f->order);
    (void)snprintf(f->order + n, sizeof(f->order) - n, "%d", (int)(o - f->calls));
    f->answered++;
    loop_stop(f->loop);
}

struct http_call *get_with(struct fixture *f, int i, uint32_t timeout_ms, http_answer_fn fn)
{
    char path[16];
    (void)snprintf(path, sizeof(path), "/%d", i);
    const struct http_request q = {.path_and_query = path, .timeout_ms = timeout_ms};
    struct http_call *call = http_client_call(f->client, &q, fn, &f->calls[i]);
    assert_non_null(call);
    assert_int_equal(0, f->calls[i].times); /* never inside the call */
    return call;
}

struct http_call *get(struct fixture *f, int i)
{
    return get_with(f, i, 5000, on_answer);
}

void begin_wait(struct fixture *f)
{
    f->too_long = false;
    timer_start_ms(&f->watchdog, WATCHDOG_MS);
}

void keep_waiting(struct fixture *f, const char *condition)
{
    assert_int_equal(0, loop_run(f->loop));
    if (f->too_long) {
        fail_msg("waited in vain for %s; requests:\n%s", condition, f->seen);
    }
}

void get_and_wait(struct fixture *f, int i)
{
    int before = f->answered;
    get(f, i);
    WAIT_UNTIL(f, f->answered == before + 1);
}
