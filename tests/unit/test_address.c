/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the first four. */
#include <cmocka.h>

#include "common/buf.h"
#include "common/config/settings.h"
#include "common/http/http_reader.h"
#include "gateway/transport/address.h"

static void only_a_direct_request_from_this_machine_is_local(void **state UNUSED)
{
    static const struct {
        const char *peer, *trusted, *fields;
        bool is_local;
    } rows[] = {
        {"127.0.0.1", NULL, "Host: localhost\r\n", true},
        {"127.0.0.1", NULL, "Host: LocalHost:39613\r\n", true},
        {"127.9.9.9", NULL, "Host: 127.0.0.1:1\r\n", true},
        {"::1", NULL, "Host: [::1]:39613\r\n", true},
        {"::1", "10.0.0.0/8", "Host: [::1]\r\n", true},
        {"192.0.2.1", NULL, "Host: localhost\r\n", false},
        {"::2", NULL, "Host: localhost\r\n", false},
        {"127.0.0.1", NULL, "", false},
        {"127.0.0.1", NULL, "Host:\r\n", false},
        {"127.0.0.1", NULL, "Host: judge.example\r\n", false},
        {"127.0.0.1", NULL, "Host: localhost.example\r\n", false},
        {"127.0.0.1", NULL, "Host: 127.0.0.1.example\r\n", false},
        {"127.0.0.1", NULL, "Host: 192.0.2.1\r\n", false},
        {"127.0.0.1", NULL, "Host: localhost\r\nX-Forwarded-For: 127.0.0.1\r\n", false},
        {"127.0.0.1", NULL, "Host: localhost\r\nX-Forwarded-For:\r\n", false},
        {"127.0.0.1", NULL, "Host: localhost\r\nX-Real-IP: 127.0.0.1\r\n", false},
        {"127.0.0.1", NULL, "Host: localhost\r\nX-Forwarded-Proto: https\r\n", false},
        {"127.0.0.1", NULL, "Host: localhost\r\nx-forwarded-anything: a\r\n", false},
        {"127.0.0.1", NULL, "Host: localhost\r\nForwarded: for=127.0.0.1\r\n", false},
        {"127.0.0.1", NULL, "Host: localhost\r\nVia: 1.1 proxy\r\n", false},
        {"127.0.0.1", NULL, "Host: localhost\r\nX-Forward: a\r\nViable: b\r\n", true},
        {"127.0.0.1", "127.0.0.1", "Host: localhost\r\n", false},
        {"127.0.0.1", "127.0.0.0/8", "Host: localhost\r\n", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf head = {0};
        buf_addf(&head, "GET / HTTP/1.0\r\n%s\r\n", rows[i].fields);
        struct http_head r;
        struct address peer;
        struct networks trusted;
        const char *bad;
        char *entry = (char *)(uintptr_t)rows[i].trusted;
        const struct string_list list = {.v = &entry, .n = entry ? 1 : 0};
        assert_null(
            http_reader_parse(buf_str(&head), &(struct http_rules){.interest = HTTP_EVENTS}, &r)
                .reason);
        assert_true(address_parse(str_of(rows[i].peer), &peer));
        assert_true(networks_parse(&list, &trusted, &bad));
        if (address_is_local(&trusted, &r, &peer) != rows[i].is_local) {
            fail_msg("%s, %s", rows[i].peer, rows[i].fields);
        }
        networks_release(&trusted);
        buf_release(&head);
    }
}

static uint64_t line_of(const char *text)
{
    struct address a;
    assert_true(address_parse(str_of(text), &a));
    return address_line(&a);
}

static void lines_are_addresses_and_networks_of_ipv6(void **state)
{
    (void)state;
    assert_int_equal(line_of("127.0.0.1"), 0);
    assert_int_equal(line_of("::1"), 0);
    assert_int_not_equal(line_of("127.0.0.2"), 0);
    assert_int_not_equal(line_of("192.0.2.1"), line_of("192.0.2.2"));
    assert_int_equal(line_of("192.0.2.1"), line_of("::ffff:192.0.2.1"));
    assert_int_equal(line_of("2001:db8:1:2::1"), line_of("2001:db8:1:2:3:4:5:6"));
    assert_int_not_equal(line_of("2001:db8:1:2::1"), line_of("2001:db8:1:3::1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_a_direct_request_from_this_machine_is_local),
        cmocka_unit_test(lines_are_addresses_and_networks_of_ipv6),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
