/* SPDX-License-Identifier: MIT */
#include "tests/unit/http_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/net/tls_ctx.h"
#include "tests/support/certs.h"

/* --- one call --- */

static void answer_comes_whole(void **state)
{
    struct fixture *f = *state;
    static const struct step steps[] = {{OK_ANSWER, false}};
    start_server(f, steps, 1);
    start_client(f, "http", "localhost", "/base/", 4);
    const struct http_header headers[] = {{"Cookie", "ouat=T"}, {"X-B", "2"}};
    const struct http_request q = {
        .path_and_query = "/api/x/?a=b%2F", .headers = headers, .n_headers = 2, .timeout_ms = 5000};
    assert_non_null(http_client_call(f->client, &q, on_answer, &f->calls[0]));
    WAIT_UNTIL(f, f->answered == 1);
    assert_int_equal(HTTP_ANSWERED, f->calls[0].outcome);
    assert_int_equal(200, f->calls[0].status);
    assert_string_equal("{}", f->calls[0].body);
    assert_string_equal("application/json", f->calls[0].type);
    char expected[200];
    (void)snprintf(expected, sizeof(expected),
                   "GET /base/api/x/?a=b%%2F HTTP/1.1\r\nHost: localhost:%u\r\n"
                   "Connection: keep-alive\r\nCookie: ouat=T\r\nX-B: 2\r\n\r\n\n",
                   f->port);
    assert_string_equal(expected, f->seen);
}

static void body_is_posted_with_its_length(void **state)
{
    struct fixture *f = *state;
    START(f, 4, {OK_ANSWER, false}, {OK_ANSWER, false});
    const struct http_header type = {"Content-Type", "application/x-www-form-urlencoded"};
    char body[] = "token=secret&alias=a";
    const struct http_request q = {.post = true,
                                   .path_and_query = "/refresh/",
                                   .headers = &type,
                                   .n_headers = 1,
                                   .body = str_of(body),
                                   .timeout_ms = 5000};
    assert_non_null(http_client_call(f->client, &q, on_answer, &f->calls[0]));
    memset(body, 'x', sizeof(body)); /* it was copied */
    WAIT_UNTIL(f, f->answered == 1);
    assert_int_equal(HTTP_ANSWERED, f->calls[0].outcome);
    assert_non_null(strstr(f->seen, "POST /refresh/ HTTP/1.1\r\n"));
    assert_non_null(strstr(f->seen, "Content-Length: 20\r\n\r\ntoken=secret&alias=a\n"));
    const struct http_request empty = {.post = true, .path_and_query = "/", .timeout_ms = 5000};
    assert_non_null(http_client_call(f->client, &empty, on_answer, &f->calls[1]));
    WAIT_UNTIL(f, f->answered == 2);
    assert_non_null(strstr(f->seen, "Content-Length: 0\r\n\r\n\n"));
}

static const struct answer_case {
    struct step step;
    enum http_outcome outcome;
    int status;
    const char *body;
} answer_cases[] = {
    {{OK_ANSWER, true}, HTTP_ANSWERED, 200, "{}"},
    {{"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone", false},
     HTTP_ANSWERED,
     404,
     "none"},
    {{"HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n", false},
     HTTP_ANSWERED,
     302,
     ""},
    {{"HTTP/1.1 204 No Content\r\n\r\n", false}, HTTP_ANSWERED, 204, ""},
    {{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
      false},
     HTTP_ANSWERED,
     200,
     "abcde"},
    {{"HTTP/1.0 200 OK\r\n\r\nuntil the end", true}, HTTP_ANSWERED, 200, "until the end"},
    {{"HTTP/1.1 100 Continue\r\n\r\n" OK_ANSWER, false}, HTTP_ANSWERED, 200, "{}"},
    {{"", true}, HTTP_FAILED, 0, ""},
    {{"HTTP/1.1 200 OK\r\nContent-", true}, HTTP_FAILED, 0, ""},
    {{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc", true}, HTTP_FAILED, 0, ""},
    {{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab", true}, HTTP_FAILED, 0, ""},
    {{"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", false}, HTTP_FAILED, 0, ""},
    {{"SSH-2.0-OpenSSH\r\n\r\n", false}, HTTP_FAILED, 0, ""},
    {{"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\nabc", false}, HTTP_TOO_LARGE, 0, ""},
    {{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\nabc", false},
     HTTP_TOO_LARGE,
     0,
     ""},
};

static void each_kind_of_answer_has_its_outcome(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(answer_cases); i++) {
        const struct answer_case *t = &answer_cases[i];
        start_server(f, &t->step, 1);
        start_client(f, "http", "127.0.0.1", "", 4);
        f->requests = 0;
        f->calls[0].times = 0;
        get_and_wait(f, 0);
        const struct outcome *o = &f->calls[0];
        if (o->times != 1 || o->outcome != t->outcome || o->status != t->status ||
            strcmp(o->body, t->body) != 0 || f->requests != 1) {
            fail_msg("case %zu: outcome %d status %d body \"%s\" requests %zu", i, (int)o->outcome,
                     o->status, o->body, f->requests);
        }
        f->client = http_client_free(f->client);
        stop_server(f);
    }
}

static void answer_of_exactly_the_limit_is_taken_and_one_more_byte_is_not(void **state)
{
    struct fixture *f = *state;
    static char texts[2][MAX_ANSWER + 200];
    static struct step steps[2];
    for (size_t i = 0; i < 2; i++) { /* the end of the connection ends the body */
        int n = snprintf(texts[i], sizeof(texts[i]), "HTTP/1.1 200 OK\r\n\r\n");
        memset(texts[i] + n, 'a', MAX_ANSWER + i);
        steps[i] = (struct step){texts[i], true};
    }
    start_server(f, steps, 2);
    start_client(f, "http", "127.0.0.1", "", 1);
    get_and_wait(f, 0);
    assert_int_equal(HTTP_ANSWERED, f->calls[0].outcome);
    assert_int_equal(MAX_ANSWER, strlen(f->calls[0].body));
    get_and_wait(f, 1);
    assert_int_equal(HTTP_TOO_LARGE, f->calls[1].outcome);
}

static void nobody_listening_fails(void **state)
{
    struct fixture *f = *state;
    START(f, 1, {NULL, false});
    evconnlistener_free(f->listener);
    f->listener = NULL;
    get_and_wait(f, 0);
    assert_int_equal(HTTP_FAILED, f->calls[0].outcome);
    get_and_wait(f, 1); /* and leaves room for the next */
    assert_int_equal(HTTP_FAILED, f->calls[1].outcome);
}

static void unusable_requests_are_refused(void **state)
{
    struct fixture *f = *state;
    START(f, 1, {NULL, false});
    static const struct {
        const char *path;
        struct http_header header;
    } cases[] = {
        {"no-slash", {"A", "b"}},   {"", {"A", "b"}},          {"/a b", {"A", "b"}},
        {"/a\r\nX: y", {"A", "b"}}, {"/", {"A", "b\r\nX: y"}}, {"/", {"A", "b\nX: y"}},
        {"/", {"A", "b\r"}},        {"/", {"A\r\nX", "b"}},    {"/", {"A B", "b"}},
        {"/", {"A:", "b"}},         {"/", {"", "b"}},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct http_request q = {.path_and_query = cases[i].path,
                                       .headers = &cases[i].header,
                                       .n_headers = 1,
                                       .timeout_ms = 5000};
        assert_null(http_client_call(f->client, &q, on_answer, &f->calls[0]));
    }
}

static void unusable_urls_are_refused_with_a_reason(void **state)
{
    struct fixture *f = *state;
    static const char *const urls[] = {
        "",          "localhost",       "ftp://h",     "http://",       "http:///p",
        "http://h?", "http://h/?q=1",   "http://h/#f", "http://u:p@h/", "http://h:0",
        "//h/p",     "http://h:99999/", "http://h o/",
    };
    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        const struct http_client_options o = {.base_url = urls[i], .max_answer_bytes = 1};
        const char *why = NULL;
        struct http_client *c = http_client_create(f->loop, &o, &why);
        if (c) {
            http_client_free(c);
            fail_msg("%s was taken", urls[i]);
        }
        assert_non_null(why);
    }
    const struct http_client_options o = {.base_url = "https://[::1]", .ca_file = "/nonexistent"};
    const char *why = NULL;
    assert_null(http_client_create(f->loop, &o, &why));
    assert_non_null(strstr(why, "/nonexistent"));
}

/* --- connections --- */

static void connection_is_used_again(void **state)
{
    struct fixture *f = *state;
    START(f, 4, {OK_ANSWER, false}, {OK_ANSWER, false}, {OK_ANSWER, false});
    get_and_wait(f, 0);
    get_and_wait(f, 1);
    get_and_wait(f, 2);
    assert_int_equal(1, f->accepted);
    assert_int_equal(3, f->requests);
}

static void connection_that_the_answer_closes_is_not_used_again(void **state)
{
    struct fixture *f = *state;
    START(f, 4, {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", false},
          {OK_ANSWER, false});
    get_and_wait(f, 0);
    get_and_wait(f, 1);
    assert_int_equal(2, f->accepted);
    assert_int_equal(HTTP_ANSWERED, f->calls[1].outcome);
}

static void connection_closed_while_idle_is_replaced(void **state)
{
    struct fixture *f = *state;
    START(f, 1, {OK_ANSWER, true}, {OK_ANSWER, false});
    get_and_wait(f, 0);
    WAIT_UNTIL(f, f->closed == 1);
    for (int i = 0; i < 3; i++) { /* let the client see it */
        loop_stop(f->loop);
        assert_int_equal(0, loop_run(f->loop));
    }
    get_and_wait(f, 1);
    assert_int_equal(HTTP_ANSWERED, f->calls[1].outcome);
    assert_int_equal(2, f->requests);
    assert_int_equal(2, f->accepted);
}

static void call_on_a_connection_just_closed_is_sent_once_more(void **state)
{
    struct fixture *f = *state;
    START(f, 1, {OK_ANSWER, false}, {"", true}, {OK_ANSWER, false});
    get_and_wait(f, 0);
    get_and_wait(f, 1);
    assert_int_equal(HTTP_ANSWERED, f->calls[1].outcome);
    assert_int_equal(1, f->calls[1].times);
    assert_int_equal(3, f->requests);
    assert_int_equal(2, f->accepted);
}

static void call_is_not_sent_a_third_time(void **state)
{
    struct fixture *f = *state;
    START(f, 1, {OK_ANSWER, false}, {"", true}, {"", true});
    get_and_wait(f, 0);
    get_and_wait(f, 1);
    assert_int_equal(HTTP_FAILED, f->calls[1].outcome);
    assert_int_equal(3, f->requests);
}

static void call_cut_within_the_answer_is_not_sent_again(void **state)
{
    struct fixture *f = *state;
    START(f, 1, {OK_ANSWER, false}, {"H", true});
    get_and_wait(f, 0);
    get_and_wait(f, 1);
    assert_int_equal(HTTP_FAILED, f->calls[1].outcome);
    assert_int_equal(2, f->requests);
}

static void calls_beyond_the_connections_wait_their_turn(void **state)
{
    struct fixture *f = *state;
    START(f, 2, {NULL, false}, {NULL, false}, {OK_ANSWER, false}, {OK_ANSWER, false},
          {OK_ANSWER, false}, {OK_ANSWER, false});
    for (int i = 0; i < 6; i++) {
        get(f, i);
    }
    WAIT_UNTIL(f, f->requests == 2);
    assert_int_equal(0, bufferevent_write(f->conns[1], OK_ANSWER, strlen(OK_ANSWER)));
    WAIT_UNTIL(f, f->answered == 5); /* all but the one whose server is silent */
    assert_int_equal(2, f->accepted);
    assert_int_equal(0, bufferevent_write(f->conns[0], OK_ANSWER, strlen(OK_ANSWER)));
    WAIT_UNTIL(f, f->answered == 6);
    const char *zero = strchr(f->seen, '0');
    assert_non_null(zero);
    assert_string_equal("123450", f->order);
}

/* --- deadlines, cancelling, freeing --- */

static void silent_server_is_given_up_at_the_deadline(void **state)
{
    struct fixture *f = *state;
    START(f, 1, {NULL, false}, {OK_ANSWER, false});
    get_with(f, 0, 50, on_answer);
    get_with(f, 1, 5000, on_answer);
    WAIT_UNTIL(f, f->answered == 2);
    assert_int_equal(HTTP_TIMEOUT, f->calls[0].outcome);
    assert_int_equal(0, f->calls[0].status);
    assert_int_equal(HTTP_ANSWERED, f->calls[1].outcome); /* on another connection */
    assert_int_equal(2, f->accepted);
}

static void deadline_counts_from_sending_not_from_waiting(void **state)
{
    struct fixture *f = *state;
    START(f, 1, {NULL, false}, {OK_ANSWER, false});
    get_with(f, 0, 200, on_answer);
    get_with(f, 1, 150, on_answer); /* would be over when the first is */
    WAIT_UNTIL(f, f->answered == 2);
    assert_int_equal(HTTP_TIMEOUT, f->calls[0].outcome);
    assert_int_equal(HTTP_ANSWERED, f->calls[1].outcome);
}

static void cancelled_calls_are_not_heard_of_again(void **state)
{
    struct fixture *f = *state;
    START(f, 1, {NULL, false}, {OK_ANSWER, false});
    struct http_call *active = get(f, 0);
    struct http_call *waiting = get(f, 1);
    get(f, 2);
    struct http_call *at_once = get(f, 3);
    http_call_cancel(at_once);
    WAIT_UNTIL(f, f->requests == 1);
    http_call_cancel(waiting);
    http_call_cancel(active);
    WAIT_UNTIL(f, f->answered == 1);
    assert_string_equal("2", f->order);
    assert_int_equal(2, f->requests);
    assert_int_equal(2, f->accepted); /* the cancelled one's connection was given up */
}

static void client_freed_with_calls_says_nothing(void **state)
{
    struct fixture *f = *state;
    START(f, 1, {NULL, false});
    get(f, 0);
    get(f, 1);
    WAIT_UNTIL(f, f->requests == 1);
    f->client = http_client_free(f->client);
    WAIT_UNTIL(f, f->closed == 1);
    assert_int_equal(0, f->answered);
}

static void client_freed_at_any_moment_leaves_nothing_behind(void **state)
{
    struct fixture *f = *state;
    static const struct step silence[16] = {{NULL, false}};
    static const char *const hosts[] = {"127.0.0.1", "localhost"};
    start_server(f, silence, ARRAY_LEN(silence));
    for (size_t host = 0; host < ARRAY_LEN(hosts); host++) {
        for (int turns = 0; turns < 6; turns++) {
            start_client(f, "http", hosts[host], "", 1);
            get(f, 0);
            for (int i = 0; i < turns; i++) {
                loop_stop(f->loop);
                assert_int_equal(0, loop_run(f->loop));
            }
            f->client = http_client_free(f->client);
        }
    }
    assert_int_equal(0, f->answered);
}

static void on_answer_free(const struct http_answer *a, void *arg)
{
    struct outcome *o = arg;
    o->f->client = http_client_free(o->f->client);
    on_answer(a, arg); /* the answer is still there */
}

static void client_may_be_freed_inside_a_callback(void **state)
{
    struct fixture *f = *state;
    START(f, 1, {OK_ANSWER, false});
    get_with(f, 0, 5000, on_answer_free);
    get(f, 1);
    WAIT_UNTIL(f, f->answered == 1);
    assert_string_equal("{}", f->calls[0].body);
    assert_int_equal(0, f->calls[1].times);
}

static void on_answer_call(const struct http_answer *a, void *arg)
{
    struct outcome *o = arg;
    on_answer(a, arg);
    get(o->f, 1);
}

static void callback_may_make_the_next_call(void **state)
{
    struct fixture *f = *state;
    START(f, 1, {OK_ANSWER, false}, {OK_ANSWER, false});
    get_with(f, 0, 5000, on_answer_call);
    WAIT_UNTIL(f, f->answered == 2);
    assert_int_equal(1, f->accepted);
}

/* --- TLS --- */

static void tls_is_verified_against_name_and_authority(void **state)
{
    struct fixture *f = *state;
    char dir[] = "/tmp/test_http_client.XXXXXX";
    assert_non_null(mkdtemp(dir));
    char file[4][64];
    static const char *const names[] = {"ca", "cert", "key", "other"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        (void)snprintf(file[i], sizeof(file[i]), "%s/%s.pem", dir, names[i]);
    }
    const struct cert_spec authority = {.name = "ca", .basic_constraints = "critical,CA:TRUE"};
    struct cert ca = cert_make(&authority);
    struct cert other = cert_make(&authority);
    struct cert leaf = cert_make(
        &(struct cert_spec){.name = "s", .issuer = &ca, .alternative_name = "DNS:localhost"});
    cert_write(file[0], (const struct cert *[]){&ca}, 1);
    cert_write(file[1], (const struct cert *[]){&leaf}, 1);
    cert_write_key(file[2], &leaf);
    cert_write(file[3], (const struct cert *[]){&other}, 1);
    const struct tls_server_options server = {.cert_file = file[1], .key_file = file[2]};
    const char *why = NULL;
    f->server_tls = tls_server_ctx(&server, &why);
    assert_non_null(f->server_tls);
    static const struct step steps[] = {{OK_ANSWER, false}, {"", true}, {OK_ANSWER, false}};
    start_server(f, steps, ARRAY_LEN(steps));
    const struct {
        const char *host, *ca_file;
        enum http_outcome outcome;
    } cases[] = {
        {"localhost", file[3], HTTP_FAILED},
        {"localhost", NULL, HTTP_FAILED},
        {"127.0.0.1", file[0], HTTP_FAILED},
        {"localhost", file[0], HTTP_ANSWERED},
    };
    for (int i = 0; i < (int)ARRAY_LEN(cases); i++) {
        char url[64];
        (void)snprintf(url, sizeof(url), "https://%s:%u", cases[i].host, f->port);
        const struct http_client_options o = {.base_url = url,
                                              .ca_file = cases[i].ca_file,
                                              .max_connections = 1,
                                              .max_answer_bytes = MAX_ANSWER};
        http_client_free(f->client);
        f->client = http_client_create(f->loop, &o, &why);
        assert_non_null(f->client);
        get_and_wait(f, i);
        if (f->calls[i].outcome != cases[i].outcome) {
            fail_msg("case %d: outcome %d", i, (int)f->calls[i].outcome);
        }
    }
    get_and_wait(f, 4); /* kept alive, just closed, sent again on a new TLS connection */
    assert_int_equal(HTTP_ANSWERED, f->calls[4].outcome);
    assert_int_equal(3, f->requests);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        assert_int_equal(0, unlink(file[i]));
    }
    assert_int_equal(0, rmdir(dir));
    cert_release(&ca);
    cert_release(&other);
    cert_release(&leaf);
}

int main(void)
{
    if (log_setup(&(struct log_options){.level = LOG_LEVEL_ERROR, .file = "/dev/null"}) < 0) {
        return 1;
    }
#define TEST(name) cmocka_unit_test_setup_teardown(name, http_setup, http_teardown)
    const struct CMUnitTest tests[] = {
        TEST(answer_comes_whole),
        TEST(body_is_posted_with_its_length),
        TEST(each_kind_of_answer_has_its_outcome),
        TEST(answer_of_exactly_the_limit_is_taken_and_one_more_byte_is_not),
        TEST(nobody_listening_fails),
        TEST(unusable_requests_are_refused),
        TEST(unusable_urls_are_refused_with_a_reason),
        TEST(connection_is_used_again),
        TEST(connection_that_the_answer_closes_is_not_used_again),
        TEST(connection_closed_while_idle_is_replaced),
        TEST(call_on_a_connection_just_closed_is_sent_once_more),
        TEST(call_is_not_sent_a_third_time),
        TEST(call_cut_within_the_answer_is_not_sent_again),
        TEST(calls_beyond_the_connections_wait_their_turn),
        TEST(silent_server_is_given_up_at_the_deadline),
        TEST(deadline_counts_from_sending_not_from_waiting),
        TEST(cancelled_calls_are_not_heard_of_again),
        TEST(client_freed_with_calls_says_nothing),
        TEST(client_freed_at_any_moment_leaves_nothing_behind),
        TEST(client_may_be_freed_inside_a_callback),
        TEST(callback_may_make_the_next_call),
        TEST(tls_is_verified_against_name_and_authority),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
