/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* cmocka needs the first four. */
#include <cmocka.h>

#include "common/config/settings.h"
#include "common/http/http_reader.h"
#include "gateway/transport/admission.h"
#include "gateway/transport/http_pages.h"
#include "gateway/transport/origin.h"

#define REQUEST(target, lines) "GET " target " HTTP/1.1\r\nHost: judge.example\r\n" lines "\r\n"
#define V13 "Sec-WebSocket-Version: 13\r\n"
#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define UP "Upgrade: websocket\r\nConnection: Upgrade\r\n"
#define HANDSHAKE UP V13 KEY

enum { LEAVING = 1, OVER = 2, ROOM = 4, TLS = 8 };

static struct admission decide(const char *head, int facts)
{
    static const struct string_list none = {.n = 0};
    struct http_head r;
    const char *why =
        http_reader_parse(str_of(head), &(struct http_rules){.interest = HTTP_EVENTS}, &r).reason;
    if (why) {
        fail_msg("%s: %s", head, why);
    }
    const struct admission_facts f = {.allowed_origins = &none,
                                      .is_leaving = (facts & LEAVING) != 0,
                                      .is_over_address_limit = (facts & OVER) != 0,
                                      .has_room = (facts & ROOM) != 0,
                                      .ends_tls = (facts & TLS) != 0};
    struct admission a;
    admission_decide(&r, &f, &a);
    return a;
}

static void requests_become_what_they_ask_for(void **state)
{
    static const struct {
        const char *head;
        enum admission_kind kind;
        const char *filters;
    } rows[] = {
        {REQUEST("/", HANDSHAKE), ADMIT_DOCUMENTED, ""},
        {REQUEST("/events/", HANDSHAKE), ADMIT_DOCUMENTED, ""},
        {REQUEST("/events", HANDSHAKE), ADMIT_DOCUMENTED, ""},
        {REQUEST("/events/?channel=/contest/a", HANDSHAKE), ADMIT_DOCUMENTED, ""},
        {REQUEST("/events/?xfilter=/contest/a", HANDSHAKE), ADMIT_DOCUMENTED, ""},
        {REQUEST("/?filter=/all-events", HANDSHAKE), ADMIT_LEGACY, "/all-events"},
        {REQUEST("/events/?filter=/contest/a,/user/ana", HANDSHAKE), ADMIT_LEGACY,
         "/contest/a,/user/ana"},
        {REQUEST("/?filter=/contest/a&x=y&filter=/user/ana", HANDSHAKE), ADMIT_LEGACY,
         "/contest/a,/user/ana"},
        {REQUEST("/?filter=%2Fcontest%2Fa%2C%2Fproblem%2Fp", HANDSHAKE), ADMIT_LEGACY,
         "/contest/a,/problem/p"},
        {REQUEST("/?filter=/user/a%2Bb", HANDSHAKE), ADMIT_LEGACY, "/user/a+b"},
        {REQUEST("/", "Upgrade: WebSocket\r\nConnection: keep-alive,upgrade\r\n" V13 KEY),
         ADMIT_DOCUMENTED, ""},
        {REQUEST("/", "Accept: text/html, text/event-stream;q=0.1\r\n"), ADMIT_SSE, ""},
        {REQUEST("/events/?filter=x", "Accept: text/event-stream\r\n"), ADMIT_SSE, ""},
        {REQUEST("/", ""), ADMIT_PAGE, ""},
        {REQUEST("/", "Connection: Upgrade\r\n"), ADMIT_PAGE, ""},
        {REQUEST("/", "Connection: Upgrade\r\nUpgrade: h2c\r\n"), ADMIT_PAGE, ""},
        {REQUEST("/health", "Accept: text/event-stream\r\n"), ADMIT_PAGE, ""},
        {REQUEST("/anything", ""), ADMIT_PAGE, ""},
        {"GET / HTTP/1.0\r\n\r\n", ADMIT_PAGE, ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct admission a = decide(rows[i].head, 0);
        if (a.kind != rows[i].kind || !str_eq(buf_str(&a.filters), str_of(rows[i].filters))) {
            fail_msg("%s became %d (%s)", rows[i].head, a.kind, a.why ? a.why : "");
        }
        admission_release(&a);
    }
    (void)state;
}

static void what_is_wrong_decides_status_and_counter(void **state)
{
    static const struct {
        const char *head;
        int status;
        enum refusal refusal;
    } rows[] = {
        {"GET / HTTP/1.1\r\nHost:\r\n" HANDSHAKE "\r\n", 400, REFUSAL_BAD_REQUEST},
        {"GET / HTTP/1.0\r\nHost: judge.example\r\n" HANDSHAKE "\r\n", 400, REFUSAL_BAD_REQUEST},
        {"POST / HTTP/1.1\r\nHost: judge.example\r\n" HANDSHAKE "\r\n", 405, REFUSAL_BAD_REQUEST},
        {REQUEST("/", "Upgrade: websocket\r\n" V13 KEY), 400, REFUSAL_BAD_REQUEST},
        {REQUEST("/", UP KEY), 426, REFUSAL_VERSION},
        {REQUEST("/", UP KEY "Sec-WebSocket-Version: 8\r\n"), 426, REFUSAL_VERSION},
        {REQUEST("/", UP KEY "Sec-WebSocket-Version: 13, 8\r\n"), 426, REFUSAL_VERSION},
        {REQUEST("/", UP V13), 400, REFUSAL_BAD_REQUEST},
        {REQUEST("/", UP V13 "Sec-WebSocket-Key: c2hvcnQ=\r\n"), 400, REFUSAL_BAD_REQUEST},
        {REQUEST("/", UP V13 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=x\r\n"), 400,
         REFUSAL_BAD_REQUEST},
        {REQUEST("/", UP V13 "Sec-WebSocket-Key: dGhlIHNh*XBsZSBub25jZQ==\r\n"), 400,
         REFUSAL_BAD_REQUEST},
        {REQUEST("/", HANDSHAKE "Content-Length: 1\r\n"), 400, REFUSAL_BAD_REQUEST},
        {REQUEST("/", HANDSHAKE "Transfer-Encoding: chunked\r\n"), 400, REFUSAL_BAD_REQUEST},
        {REQUEST("/", HANDSHAKE "Sec-WebSocket-Protocol: chat\r\n"), 400, REFUSAL_BAD_REQUEST},
        {REQUEST("/", HANDSHAKE "Sec-WebSocket-Protocol:\r\n"), 400, REFUSAL_BAD_REQUEST},
        {REQUEST("/", HANDSHAKE "Origin: https://evil.example\r\n"), 403, REFUSAL_ORIGIN},
        {REQUEST("/?filter=/all-events", HANDSHAKE "Origin: https://evil.example\r\n"), 403,
         REFUSAL_ORIGIN},
        {REQUEST("/?filter=/all-events", UP KEY), 426, REFUSAL_VERSION},
        {REQUEST("/?filter=", HANDSHAKE), 400, REFUSAL_BAD_REQUEST},
        {REQUEST("/?filter", HANDSHAKE), 400, REFUSAL_BAD_REQUEST},
        {REQUEST("/?filter=/contest", HANDSHAKE), 400, REFUSAL_BAD_REQUEST},
        {REQUEST("/?filter=/user/a%zz", HANDSHAKE), 400, REFUSAL_BAD_REQUEST},
        {REQUEST("/?filter=/user/a&filter=", HANDSHAKE), 400, REFUSAL_BAD_REQUEST},
        {REQUEST("/elsewhere", HANDSHAKE), 404, REFUSAL_BAD_REQUEST},
        {REQUEST("/events/", ""), 400, REFUSAL_BAD_REQUEST},
        {REQUEST("/events", "Accept: text/html\r\n"), 400, REFUSAL_BAD_REQUEST},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct admission a = decide(rows[i].head, 0);
        if (a.kind != ADMIT_REFUSE || a.status != rows[i].status || a.refusal != rows[i].refusal ||
            !a.why || a.filters.p) {
            fail_msg("%s became %d %d (%s)", rows[i].head, a.kind, a.status, a.why ? a.why : "");
        }
    }
    (void)state;
}

static void leaving_and_address_limit_refuse_all_but_legacy_websockets(void **state)
{
    static const struct {
        const char *head;
        int facts;
        enum admission_kind kind;
        int status;
    } rows[] = {
        {REQUEST("/", HANDSHAKE), LEAVING, ADMIT_REFUSE, 503},
        {REQUEST("/", ""), LEAVING, ADMIT_REFUSE, 503},
        {REQUEST("/events/", "Accept: text/event-stream\r\n"), LEAVING, ADMIT_REFUSE, 503},
        {REQUEST("/?filter=/all-events", HANDSHAKE), LEAVING, ADMIT_LEGACY, 0},
        {REQUEST("/", HANDSHAKE), OVER, ADMIT_REFUSE, 429},
        {REQUEST("/", "Accept: text/event-stream\r\n"), OVER, ADMIT_REFUSE, 429},
        {REQUEST("/health", ""), OVER, ADMIT_PAGE, 0},
        {REQUEST("/?filter=/all-events", HANDSHAKE), OVER, ADMIT_LEGACY, 0},
        {REQUEST("/?filter=bad", HANDSHAKE), OVER | LEAVING, ADMIT_REFUSE, 400},
        {REQUEST("/ws/events", HANDSHAKE), ROOM | OVER, ADMIT_REFUSE, 429},
        {REQUEST("/ws/events", HANDSHAKE), ROOM | LEAVING, ADMIT_REFUSE, 503},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct admission a = decide(rows[i].head, rows[i].facts);
        assert_int_equal(rows[i].kind, a.kind);
        assert_int_equal(rows[i].status, a.status);
        if (a.kind == ADMIT_LEGACY) {
            assert_true(a.is_over_address_limit == ((rows[i].facts & OVER) != 0));
        }
        admission_release(&a);
    }
    (void)state;
}

#define STREAM "Accept: text/event-stream\r\n"

static void lines_are_a_stream_for_who_wants_no_events(void **state UNUSED)
{
    static const struct {
        const char *accept;
        bool wants_lines;
    } rows[] = {
        {"Accept: application/x-ndjson\r\n", true},
        {"Accept: application/json;q=0.5, application/x-ndjson\r\n", true},
        {"Accept: application/x-ndjson, text/event-stream\r\n", false},
        {STREAM, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf head = {0};
        buf_addf(&head, "GET /events/?channel=/contest/a HTTP/1.1\r\nHost: x\r\n%s\r\n",
                 rows[i].accept);
        buf_addc(&head, '\0');
        struct admission a = decide(head.p, 0);
        assert_int_equal(ADMIT_SSE, a.kind);
        assert_true(rows[i].wants_lines == a.wants_lines);
        admission_release(&a);
        buf_release(&head);
    }
}

static void an_event_source_is_told_to_come_again(void **state UNUSED)
{
    static const struct {
        const char *head;
        int facts;
        bool expected;
    } rows[] = {
        {REQUEST("/events/", STREAM), TLS | LEAVING, true},
        {REQUEST("/events/", STREAM), TLS | OVER, true},
        {REQUEST("/events/", STREAM "Sec-Fetch-Site: same-origin\r\n"), LEAVING, true},
        /* Behind a proxy, which asks the next gateway. */
        {REQUEST("/events/",
                 STREAM "Sec-Fetch-Site: same-origin\r\nX-Forwarded-For: 192.0.2.7\r\n"),
         LEAVING, false},
        {REQUEST("/events/", STREAM "X-Real-IP: 192.0.2.7\r\n"), TLS | LEAVING, false},
        {REQUEST("/events/", STREAM), LEAVING, false},
        /* Our own client, and who upgrades. */
        {REQUEST("/events/", "Accept: text/event-stream, text/plain\r\n"), TLS | LEAVING, false},
        {REQUEST("/events/", STREAM HANDSHAKE), TLS | LEAVING, false},
        {REQUEST("/events/", "Accept: text/html\r\n"), TLS | LEAVING, false},
        {REQUEST("/events/?channel=x", STREAM), TLS, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct admission a = decide(rows[i].head, rows[i].facts);
        struct buf out = {0};
        if (a.is_event_source != rows[i].expected) {
            fail_msg("row %zu", i);
        }
        if (a.kind == ADMIT_REFUSE) {
            http_pages_answer(&a, NULL, 0, &out);
            buf_addc(&out, '\0');
            assert_true(rows[i].expected == (strstr(out.p, "HTTP/1.1 200 OK\r\n") != NULL));
            assert_true(rows[i].expected == (strstr(out.p, "\nevent: error\ndata: {") != NULL));
        }
        buf_release(&out);
        admission_release(&a);
    }
}

static void room_is_there_when_it_is_on(void **state UNUSED)
{
    static const struct {
        const char *head;
        int facts;
        enum admission_kind kind;
        int status;
    } rows[] = {
        {REQUEST("/ws/events", HANDSHAKE), ROOM, ADMIT_ROOM, 0},
        {REQUEST("/ws/events?filter=/all-events", HANDSHAKE), ROOM, ADMIT_ROOM, 0},
        {REQUEST("/ws/events", HANDSHAKE "Cookie: ouat=T\r\n"), ROOM, ADMIT_ROOM, 0},
        {REQUEST("/ws/events", HANDSHAKE), 0, ADMIT_REFUSE, 404},
        {REQUEST("/ws/events/", HANDSHAKE), ROOM, ADMIT_REFUSE, 404},
        {REQUEST("/ws", HANDSHAKE), ROOM, ADMIT_REFUSE, 404},
        {REQUEST("/ws/events", UP KEY), ROOM, ADMIT_REFUSE, 426},
        {REQUEST("/ws/events", HANDSHAKE "Origin: https://evil.example\r\n"), ROOM, ADMIT_REFUSE,
         403},
        {REQUEST("/ws/events", HANDSHAKE "Sec-Fetch-Site: cross-site\r\n"), ROOM, ADMIT_REFUSE,
         403},
        {REQUEST("/ws/events", ""), ROOM, ADMIT_REFUSE, 426},
        {REQUEST("/ws/events", ""), 0, ADMIT_PAGE, 0},
        {REQUEST("/ws/events", "Accept: text/event-stream\r\n"), ROOM, ADMIT_REFUSE, 426},
        {REQUEST("/", HANDSHAKE), ROOM, ADMIT_DOCUMENTED, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct admission a = decide(rows[i].head, rows[i].facts);
        if (a.kind != rows[i].kind || a.status != rows[i].status) {
            fail_msg("%s became %d, %d", rows[i].head, a.kind, a.status);
        }
        assert_int_equal(0, a.credential.n); /* nobody is asked who they are */
        admission_release(&a);
    }
}

static void credential_and_subprotocol_come_along(void **state)
{
    struct admission a = decide(REQUEST("/", HANDSHAKE "Cookie: ouat=T\r\nSec-WebSocket-Protocol: "
                                                       "x, com.omegaup.events\r\n"),
                                0);
    assert_true(a.wants_subprotocol);
    assert_true(str_eq(a.credential, STR("T")));
    a = decide(REQUEST("/", HANDSHAKE), 0);
    assert_false(a.wants_subprotocol);
    assert_int_equal(0, a.credential.n);
    /* A stream is admitted and answered across sites, its cookie does not count there. */
    a = decide(REQUEST("/", "Accept: text/event-stream\r\nCookie: ouat=T\r\n"), 0);
    assert_true(str_eq(a.credential, STR("T")));
    a = decide(REQUEST("/", "Accept: text/event-stream\r\nCookie: ouat=T\r\n"
                            "Origin: https://evil.example\r\n"),
               0);
    assert_int_equal(ADMIT_SSE, a.kind);
    assert_int_equal(0, a.credential.n);
    (void)state;
}

static void origins_are_allowed_by_list_or_by_host_name(void **state)
{
    static const struct {
        const char *allowed, *host, *origin, *site; /* NULL: absent */
        bool expected;
    } rows[] = {
        {NULL, "judge.example", "https://judge.example", NULL, true},
        {NULL, "judge.example:39613", "https://judge.example", NULL, true},
        {NULL, "judge.example", "http://JUDGE.example:8080", NULL, true},
        {NULL, "[::1]:39613", "http://[::1]:8080", NULL, true},
        {NULL, "[::1]", "http://[::2]", NULL, false},
        {NULL, "judge.example", "https://www.judge.example", NULL, false},
        {NULL, "judge.example", "https://judge.example.evil.example", NULL, false},
        {NULL, "judge.example", "judge.example", NULL, false},
        {NULL, "judge.example", "null", NULL, false},
        {NULL, "judge.example", "", NULL, false},
        {NULL, "", "https://", NULL, false},
        {NULL, "judge.example", NULL, NULL, true},
        {NULL, "judge.example", NULL, "same-origin", true},
        {NULL, "judge.example", NULL, "none", true},
        {NULL, "judge.example", NULL, "same-site", false},
        {NULL, "judge.example", NULL, "cross-site", false},
        {"https://omegaup.com", "judge.example", "https://omegaup.com", NULL, true},
        {"https://omegaup.com", "judge.example", "https://omegaup.com:443", NULL, true},
        {"https://omegaup.com/", "judge.example", "https://OmegaUp.com", NULL, true},
        {"https://omegaup.com:443", "judge.example", "https://omegaup.com", NULL, true},
        {"http://omegaup.com:80", "judge.example", "http://omegaup.com", NULL, true},
        {"https://omegaup.com", "judge.example", "https://omegaup.com:8443", NULL, false},
        {"https://omegaup.com", "judge.example", "http://omegaup.com", NULL, false},
        {"https://omegaup.com", "judge.example", "https://judge.example", NULL, false},
        {"https://omegaup.com", "judge.example", "null", NULL, false},
        {"https://omegaup.com", "judge.example", NULL, NULL, true},
        {"https://omegaup.com", "judge.example", NULL, "cross-site", false},
        {"omegaup.com", "judge.example", "http://omegaup.com:8080", NULL, true},
        {"omegaup.com", "judge.example", "http://x.omegaup.com", NULL, false},
        {"*", "judge.example", "https://evil.example", NULL, true},
        {"*", "judge.example", "null", NULL, true},
        {"null", "judge.example", "null", NULL, true},
        {"null", "judge.example", "https://evil.example", NULL, false},
        {"http://localhost:*", "judge.example", "http://localhost:5173", NULL, true},
        {"http://localhost:*", "judge.example", "http://localhost", NULL, true},
        {"http://localhost:*", "judge.example", "https://localhost:5173", NULL, false},
        {"http://localhost:*", "judge.example", "http://localhost.evil.example", NULL, false},
        {"https://*.judge.example", "x.example", "https://www.judge.example", NULL, true},
        {"https://*.judge.example", "x.example", "https://a.b.Judge.Example", NULL, true},
        {"https://*.judge.example", "x.example", "https://judge.example", NULL, false},
        {"https://*.judge.example", "x.example", "https://.judge.example", NULL, false},
        {"https://*.judge.example", "x.example", "https://evil-judge.example", NULL, false},
        {"https://*.judge.example", "x.example", "http://www.judge.example", NULL, false},
        {"https://*.judge.example", "x.example", "https://www.judge.example:8443", NULL, false},
        {"https://*.judge.example:*", "x.example", "https://www.judge.example:8443", NULL, true},
        {"https://[::1]:*", "judge.example", "https://[::1]:5173", NULL, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char *entries[] = {(char *)"https://other.example", (char *)rows[i].allowed};
        const struct string_list list = {.v = entries, .n = rows[i].allowed ? 2 : 0};
        const struct http_head r = {.host = str_of(rows[i].host),
                                    .origin = str_of(rows[i].origin),
                                    .sec_fetch_site = str_of(rows[i].site)};
        if (origin_is_allowed(&r, &list) != rows[i].expected) {
            fail_msg("row %zu: %s", i, rows[i].origin ? rows[i].origin : "(none)");
        }
    }
    (void)state;
}

static void answers_have_their_length_and_obligatory_fields(void **state)
{
    static const struct {
        int status;
        const char *in_it;
    } rows[] = {
        {400, "HTTP/1.1 400 Bad Request\r\n"},
        {426, "\r\nSec-WebSocket-Version: 13\r\n"},
        {426, "\r\nUpgrade: websocket\r\n"},
        {405, "\r\nAllow: GET, HEAD\r\n"},
        {429, "\r\nRetry-After: "},
        {503, "\r\nRetry-After: "},
        {431, "\r\nContent-Length: 8\r\n"},
        {403, "\r\nConnection: close\r\n\r\nbecause\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct admission a;
        struct buf out = {0};
        admission_refuse(&a, REFUSAL_BAD_REQUEST, rows[i].status, "because");
        http_pages_answer(&a, NULL, 0, &out);
        buf_addc(&out, '\0');
        assert_non_null(strstr(out.p, rows[i].in_it));
        buf_release(&out);
    }
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_become_what_they_ask_for),
        cmocka_unit_test(what_is_wrong_decides_status_and_counter),
        cmocka_unit_test(leaving_and_address_limit_refuse_all_but_legacy_websockets),
        cmocka_unit_test(lines_are_a_stream_for_who_wants_no_events),
        cmocka_unit_test(an_event_source_is_told_to_come_again),
        cmocka_unit_test(room_is_there_when_it_is_on),
        cmocka_unit_test(credential_and_subprotocol_come_along),
        cmocka_unit_test(origins_are_allowed_by_list_or_by_host_name),
        cmocka_unit_test(answers_have_their_length_and_obligatory_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
