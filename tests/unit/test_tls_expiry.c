/* SPDX-License-Identifier: MIT */
#include "common/net/tls_expiry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/net/tls_ctx.h"
#include "tests/support/certs.h"

#define DAY (24 * 60 * 60)

/* A file with one certificate that ends in so many days. */
static void write_certificate(char *path, int days)
{
    struct cert cert =
        cert_make(&(struct cert_spec){.name = "x", .from_days = -9, .to_days = days});
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(0, close(fd));
    cert_write(path, &(const struct cert *){&cert}, 1);
    cert_release(&cert);
}

static void each_file_has_its_own_date(void **state)
{
    (void)state;
    char server[] = "/tmp/test_tls_expiry.XXXXXX", ca[] = "/tmp/test_tls_expiry.XXXXXX";
    write_certificate(server, 3);
    write_certificate(ca, 8);
    const int64_t now = (int64_t)time(NULL);
    struct tls_expiry e;
    tls_expiry_read(&e, &(struct tls_server_options){.cert_file = server, .client_ca_file = ca});
    assert_in_range(e.server, now + 3 * DAY - 120, now + 3 * DAY + 120);
    assert_in_range(e.client_ca, now + 8 * DAY - 120, now + 8 * DAY + 120);
    /* A reload without the CA's file forgets its date. */
    tls_expiry_read(&e, &(struct tls_server_options){.cert_file = server, .client_ca_file = ""});
    assert_in_range(e.server, now + 3 * DAY - 120, now + 3 * DAY + 120);
    assert_int_equal(0, e.client_ca);
    assert_int_equal(0, unlink(server));
    assert_int_equal(0, unlink(ca));
}

static void assert_renders(struct tls_expiry e, const char *expected)
{
    struct buf out = {0};
    tls_expiry_render(&e, &out);
    buf_addc(&out, '\0');
    assert_string_equal(expected, out.p);
    buf_release(&out);
}

#define NAME "broadcaster_certificate_expiry_timestamp_seconds"
#define HEAD                                                                                       \
    "# HELP " NAME " When the first certificate in the file ends (Unix time)\n"                    \
    "# TYPE " NAME " gauge\n"

static void what_is_not_there_has_no_row(void **state)
{
    (void)state;
    assert_renders((struct tls_expiry){0}, "");
    assert_renders((struct tls_expiry){.server = 2000000000},
                   HEAD NAME "{role=\"server\"} 2000000000\n");
    assert_renders((struct tls_expiry){.client_ca = 7}, HEAD NAME "{role=\"client_ca\"} 7\n");
    assert_renders((struct tls_expiry){.server = 2000000000, .client_ca = 7},
                   HEAD NAME "{role=\"server\"} 2000000000\n" NAME "{role=\"client_ca\"} 7\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_file_has_its_own_date),
        cmocka_unit_test(what_is_not_there_has_no_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
