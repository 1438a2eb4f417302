/* SPDX-License-Identifier: MIT */
/* sd_notify: what systemd reads from its socket. */
#include "common/service/sd_notify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct fixture {
    int fd; /* systemd's end */
};

/* An abstract socket: it leaves no file behind. */
static int set_up(void **state)
{
    static struct fixture f;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int n = snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "test_sd_notify.%d",
                     (int)getpid());
    char name[sizeof(address.sun_path) + 1];
    (void)snprintf(name, sizeof(name), "@%s", address.sun_path + 1);
    f.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    *state = &f;
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
    return f.fd < 0 || bind(f.fd, (struct sockaddr *)&address, size) != 0 ||
           setenv("NOTIFY_SOCKET", name, 1) != 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    return close(f->fd) != 0 || unsetenv("NOTIFY_SOCKET") != 0;
}

static void assert_received(const struct fixture *f, const char *want)
{
    char got[128] = "";
    ssize_t n = recv(f->fd, got, sizeof(got) - 1, 0);
    assert_true(n >= (ssize_t)strlen(want));
    assert_memory_equal(got, want, strlen(want));
}

static void each_state_is_told(void **state)
{
    const struct fixture *f = *state;
    sd_notify_ready();
    assert_received(f, "READY=1");
    sd_notify_reloading();
    assert_received(f, "RELOADING=1\nMONOTONIC_USEC=");
    sd_notify_stopping();
    assert_received(f, "STOPPING=1");
}

static void without_systemd_nothing_happens(void **state)
{
    const struct fixture *f = *state;
    static const char *const names[] = {"", "x", "relative/path", "/nowhere/socket"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_int_equal(setenv("NOTIFY_SOCKET", names[i], 1), 0);
        sd_notify_ready();
    }
    assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
    sd_notify_ready();
    char got[8];
    assert_int_equal(recv(f->fd, got, sizeof(got), 0), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_state_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_systemd_nothing_happens, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
