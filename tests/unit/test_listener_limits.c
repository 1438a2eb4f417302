/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* cmocka needs the first four. */
#include <cmocka.h>

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

#include "common/config/settings.h"
#include "common/http/http_reader.h"
#include "common/net/listener.h"
#include "gateway/transport/address.h"
#include "gateway/transport/address_limit.h"

static struct address address(const char *text)
{
    struct address a;
    if (!address_parse(str_of(text), &a)) {
        fail_msg("no address: %s", text);
    }
    return a;
}

static void addresses_are_read_as_proxies_write_them(void **state)
{
    static const struct {
        const char *in, *out; /* NULL: none */
    } rows[] = {
        {"1.2.3.4", "1.2.3.4"},
        {" 1.2.3.4\t", "1.2.3.4"},
        {"1.2.3.4:8080", "1.2.3.4"},
        {"::ffff:1.2.3.4", "1.2.3.4"},
        {"2001:DB8::1", "2001:db8::1"},
        {"[2001:db8::1]:80", "2001:db8::1"},
        {"[2001:db8::1]", "2001:db8::1"},
        {"", NULL},
        {" ", NULL},
        {"unknown", NULL},
        {"_hidden", NULL},
        {"1.2.3", NULL},
        {"1.2.3.4.5", NULL},
        {"[::1", NULL},
        {"[]", NULL},
        {"2001:db8:0000:0000:0000:0000:0000:00000000000001", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct address a;
        char text[ADDRESS_TEXT_MAX];
        assert_true(address_parse(str_of(rows[i].in), &a) == (rows[i].out != NULL));
        if (rows[i].out) {
            assert_int_equal(strlen(rows[i].out), address_write(&a, text));
            assert_string_equal(rows[i].out, text);
        }
    }
    (void)state;
}

static void peers_of_both_families_have_addresses(void **state)
{
    struct address a;
    const struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x01020304)};
    assert_true(address_of_sockaddr((const struct sockaddr *)&v4, &a));
    const struct address expected = address("1.2.3.4");
    assert_memory_equal(&expected, &a, sizeof(a));
    const struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    assert_true(address_of_sockaddr((const struct sockaddr *)&v6, &a));
    const struct address loopback = address("::1");
    assert_memory_equal(&loopback, &a, sizeof(a));
    const struct sockaddr local = {.sa_family = AF_UNIX};
    assert_false(address_of_sockaddr(&local, &a));
    (void)state;
}

static struct networks networks(const char *const *entries, size_t n)
{
    char *v[8];
    for (size_t i = 0; i < n; i++) {
        v[i] = (char *)entries[i];
    }
    const struct string_list list = {.v = v, .n = n};
    struct networks out;
    const char *bad;
    if (!networks_parse(&list, &out, &bad)) {
        fail_msg("no network: %s", bad);
    }
    return out;
}

static void networks_hold_addresses_by_prefix(void **state)
{
    static const struct {
        const char *network, *address;
        bool expected;
    } rows[] = {
        {"10.0.0.0/8", "10.255.1.2", true},
        {"10.0.0.0/8", "11.0.0.0", false},
        {"10.0.0.0/8", "::ffff:10.1.1.1", true},
        {"10.1.2.3", "10.1.2.3", true},
        {"10.1.2.3", "10.1.2.4", false},
        {"192.168.0.0/23", "192.168.1.9", true},
        {"192.168.0.0/23", "192.168.2.9", false},
        {"0.0.0.0/0", "8.8.8.8", true},
        {"0.0.0.0/0", "2001:db8::1", false},
        {"::/0", "2001:db8::1", true},
        {"2001:db8::/32", "2001:db8:1::1", true},
        {"2001:db8::/32", "2001:db9::1", false},
        {"::1", "::1", true},
        {"::1/127", "::", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct networks n = networks(&rows[i].network, 1);
        const struct address a = address(rows[i].address);
        assert_true(rows[i].expected == networks_hold(&n, &a));
        networks_release(&n);
    }
    (void)state;
}

static void bad_networks_are_named(void **state)
{
    static const char *const entries[] = {
        "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/-1",         "10.0.0.0/8x",
        "localhost",   "",       "/8",        "10.0.0.0/99999999999"};
    for (size_t i = 0; i < ARRAY_LEN(entries); i++) {
        char *v[] = {(char *)"10.0.0.0/8", (char *)entries[i]};
        const struct string_list list = {.v = v, .n = 2};
        struct networks out;
        const char *bad = NULL;
        assert_false(networks_parse(&list, &out, &bad));
        assert_string_equal(entries[i], bad);
    }
    (void)state;
}

static void client_behind_proxies_is_the_last_that_none_of_them_is(void **state)
{
    static const char *const trusted[] = {"10.0.0.0/8"};
    static const struct {
        const char *forwarded[2]; /* two fields, in order */
        const char *real_ip, *expected;
    } rows[] = {
        {{"1.1.1.1", NULL}, NULL, "1.1.1.1"},
        {{"9.9.9.9, 1.1.1.1", NULL}, NULL, "1.1.1.1"},
        {{"9.9.9.9, 1.1.1.1, 10.0.0.1", NULL}, NULL, "1.1.1.1"},
        {{"9.9.9.9,1.1.1.1", "10.0.0.1,10.0.0.2"}, NULL, "1.1.1.1"},
        {{"10.0.0.3, 10.0.0.2", NULL}, NULL, "10.0.0.3"}, /* all of them ours: the first */
        {{"1.1.1.1, unknown", NULL}, "2.2.2.2", "2.2.2.2"},
        {{"1.1.1.1, unknown, 10.0.0.2", NULL}, "2.2.2.2", "10.0.0.2"},
        {{NULL, NULL}, "2.2.2.2", "2.2.2.2"},
        {{"1.1.1.1", NULL}, "2.2.2.2", "1.1.1.1"},
        {{"", NULL}, NULL, NULL},
        {{NULL, NULL}, NULL, NULL},
        {{NULL, NULL}, "unknown", NULL},
    };
    struct networks n = networks(trusted, 1);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct http_head r = {.real_ip = str_of(rows[i].real_ip)};
        while (r.forwarded_for.n < 2 && rows[i].forwarded[r.forwarded_for.n]) {
            r.forwarded_for.v[r.forwarded_for.n] = str_of(rows[i].forwarded[r.forwarded_for.n]);
            r.forwarded_for.n++;
        }
        struct address got;
        assert_true(address_forwarded(&n, &r, &got) == (rows[i].expected != NULL));
        if (rows[i].expected) {
            const struct address expected = address(rows[i].expected);
            assert_memory_equal(&expected, &got, sizeof(got));
        }
    }
    networks_release(&n);
    (void)state;
}

static void connections_are_counted_per_address(void **state)
{
    struct address_limit l = {0};
    const struct address ana = address("1.1.1.1");
    const struct address bea = address("1.1.1.2");
    struct address_count *a1 = address_limit_enter(&l, &ana);
    struct address_count *a2 = address_limit_enter(&l, &ana);
    struct address_count *b1 = address_limit_enter(&l, &bea);
    assert_ptr_equal(a1, a2);
    assert_ptr_not_equal(a1, b1);
    assert_false(address_limit_is_over(a1, 2));
    assert_true(address_limit_is_over(a1, 1));
    assert_false(address_limit_is_over(b1, 1));
    assert_false(address_limit_is_over(a1, 0)); /* no limit */
    address_limit_leave(&l, a2);
    assert_false(address_limit_is_over(a1, 1));
    address_limit_leave(&l, a1);
    address_limit_leave(&l, b1);
    address_limit_leave(&l, NULL);
    assert_int_equal(0, l.counts.count);
    address_limit_release(&l);
    (void)state;
}

static void ipv6_is_counted_by_network(void **state)
{
    struct address_limit l = {0};
    const struct address one = address("2001:db8:0:1::1");
    const struct address two = address("2001:db8:0:1:ffff::2");
    const struct address other = address("2001:db8:0:2::1");
    struct address_count *c1 = address_limit_enter(&l, &one);
    struct address_count *c2 = address_limit_enter(&l, &two);
    struct address_count *c3 = address_limit_enter(&l, &other);
    assert_ptr_equal(c1, c2);
    assert_ptr_not_equal(c1, c3);
    address_limit_leave(&l, c1);
    address_limit_leave(&l, c2);
    address_limit_leave(&l, c3);
    address_limit_release(&l);
    (void)state;
}

static void flood_begins_well_over_the_limit(void **state)
{
    struct address_count c = {.connections = 20 + 16};
    assert_false(address_limit_is_flood(&c, 10));
    c.connections++;
    assert_true(address_limit_is_flood(&c, 10));
    assert_false(address_limit_is_flood(&c, 0));
    assert_false(address_limit_is_flood(NULL, 10));
    (void)state;
}

static void last_descriptors_are_reserved(void **state)
{
    assert_false(listener_is_reserved(959, 1024));
    assert_true(listener_is_reserved(960, 1024));
    assert_false(listener_is_reserved(95, 128)); /* a quarter of a small table */
    assert_true(listener_is_reserved(96, 128));
    assert_false(listener_is_reserved(1000000, UINT64_MAX));
    (void)state;
}

static void failures_of_accept_never_spin(void **state)
{
    static const struct {
        int error;
        enum listener_next next;
    } rows[] = {
        {EAGAIN, LISTENER_DONE},        {EINTR, LISTENER_AGAIN},  {ECONNABORTED, LISTENER_AGAIN},
        {EHOSTUNREACH, LISTENER_AGAIN}, {EMFILE, LISTENER_PAUSE}, {ENFILE, LISTENER_PAUSE},
        {ENOBUFS, LISTENER_PAUSE},      {ENOMEM, LISTENER_PAUSE}, {EINVAL, LISTENER_PAUSE},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(rows[i].next, listener_after(rows[i].error));
    }
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_read_as_proxies_write_them),
        cmocka_unit_test(peers_of_both_families_have_addresses),
        cmocka_unit_test(networks_hold_addresses_by_prefix),
        cmocka_unit_test(bad_networks_are_named),
        cmocka_unit_test(client_behind_proxies_is_the_last_that_none_of_them_is),
        cmocka_unit_test(connections_are_counted_per_address),
        cmocka_unit_test(ipv6_is_counted_by_network),
        cmocka_unit_test(flood_begins_well_over_the_limit),
        cmocka_unit_test(last_descriptors_are_reserved),
        cmocka_unit_test(failures_of_accept_never_spin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
