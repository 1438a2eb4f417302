/* SPDX-License-Identifier: MIT */
#include "tests/unit/judge.h"

#include <event2/buffer.h>
#include <event2/http.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
/* cmocka needs setjmp.h, stdarg.h, stddef.h and stdint.h. */
#include <cmocka.h>

static void reply(struct judge *j, struct evhttp_request *r, int status, const char *body)
{
    struct evbuffer *out = evbuffer_new();
    assert_non_null(out);
    if (j->body_bytes > 0) {
        char *letters = malloc(j->body_bytes);
        assert_non_null(letters);
        memset(letters, 'x', j->body_bytes);
        assert_int_equal(evbuffer_add(out, letters, j->body_bytes), 0);
        free(letters);
    } else {
        assert_int_equal(evbuffer_add(out, body, strlen(body)), 0);
    }
    if (j->location) {
        (void)evhttp_add_header(evhttp_request_get_output_headers(r), "Location", j->location);
    }
    j->now--;
    evhttp_send_reply(r, status, "As Told", out);
    evbuffer_free(out);
}

static void remember(char *out, const struct evkeyvalq *headers, const char *name)
{
    const char *value = evhttp_find_header(headers, name);
    (void)snprintf(out, JUDGE_TEXT_MAX, "%s", value ? value : "");
}

static void on_request(struct evhttp_request *r, void *arg)
{
    struct judge *j = arg;
    const struct evkeyvalq *headers = evhttp_request_get_input_headers(r);
    j->calls++;
    j->now++;
    j->most = j->now > j->most ? j->now : j->most;
    (void)snprintf(j->method_and_uri, JUDGE_TEXT_MAX, "%s %s",
                   evhttp_request_get_command(r) == EVHTTP_REQ_GET ? "GET" : "other",
                   evhttp_request_get_uri(r));
    remember(j->authorization, headers, "Authorization");
    remember(j->cookie, headers, "Cookie");
    if (j->holds) {
        assert_true(j->n_held < JUDGE_HELD_MAX);
        j->held[j->n_held++] = r;
    } else {
        reply(j, r, j->status, j->body);
    }
}

void judge_start(struct judge *j, struct event_base *base)
{
    *j = (struct judge){.status = 200, .body = "{}"};
    j->http = evhttp_new(base);
    assert_non_null(j->http);
    evhttp_set_gencb(j->http, on_request, j);
    struct evhttp_bound_socket *bound = evhttp_bind_socket_with_handle(j->http, "127.0.0.1", 0);
    assert_non_null(bound);
    struct sockaddr_in address = {0};
    socklen_t n = sizeof(address);
    int fd = evhttp_bound_socket_get_fd(bound);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &n), 0);
    j->port = ntohs(address.sin_port);
}

void judge_let_go(struct judge *j, int status, const char *body)
{
    assert_true(j->n_held > 0);
    struct evhttp_request *oldest = j->held[0];
    j->n_held--;
    for (size_t i = 0; i < j->n_held; i++) {
        j->held[i] = j->held[i + 1];
    }
    reply(j, oldest, status, body);
}

void judge_stop(struct judge *j)
{
    while (j->n_held > 0) { /* also those whose client has left: else nobody frees them */
        judge_let_go(j, 503, "");
    }
    if (j->http) {
        evhttp_free(j->http);
        j->http = NULL;
    }
}
