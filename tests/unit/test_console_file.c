/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
/* cmocka wants setjmp.h, stdarg.h, stddef.h and stdint.h before it. */
#include <cmocka.h>

#include "gateway/transport/console_file.h"

static void write_file(const char *dir, const char *name, int64_t bytes)
{
    char path[256];
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0 && ftruncate(fd, bytes) == 0);
    (void)close(fd);
}

static const char *below(const char *dir, const char *name, char out[static 256])
{
    (void)snprintf(out, 256, "%s/%s", dir, name);
    return out;
}

/* dir/{file, big, huge, sub/file, link -> file, out -> /, sublink -> sub, pipe} */
static int set_up(void **state)
{
    static char dir[64];
    char path[256];
    (void)snprintf(dir, sizeof(dir), "/tmp/console-file-XXXXXX");
    if (!mkdtemp(dir)) {
        return -1;
    }
    write_file(dir, "file", 5);
    write_file(dir, "empty", 0);
    write_file(dir, "big", CONSOLE_FILE_MAX_BYTES);
    write_file(dir, "huge", CONSOLE_FILE_MAX_BYTES + 1);
    int rc = mkdir(below(dir, "sub", path), 0700);
    write_file(dir, "sub/file", 3);
    rc |= symlink("file", below(dir, "link", path));
    rc |= symlink("/", below(dir, "out", path));
    rc |= symlink("sub", below(dir, "sublink", path));
    rc |= mkfifo(below(dir, "pipe", path), 0600);
    *state = dir;
    return rc;
}

static int tear_down(void **state)
{
    static const char *const names[] = {"file", "empty", "big",     "huge", "sub/file",
                                        "link", "out",   "sublink", "pipe"};
    char path[256];
    int rc = 0;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        rc |= unlink(below(*state, names[i], path));
    }
    rc |= rmdir(below(*state, "sub", path));
    return rc | rmdir(*state);
}

static void regular_files_up_to_the_limit_are_opened(void **state)
{
    static const struct {
        const char *name;
        int64_t size;
    } rows[] = {{"file", 5}, {"empty", 0}, {"sub/file", 3}, {"big", CONSOLE_FILE_MAX_BYTES}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct console_file f;
        if (!console_file_open(*state, rows[i].name, &f)) {
            fail_msg("%s was not opened", rows[i].name);
        }
        assert_int_equal(f.size, rows[i].size);
        assert_true(f.etag[0] == '"' && f.etag[strlen(f.etag) - 1] == '"');
        (void)close(f.fd);
    }
}

static void nothing_else_is_opened(void **state)
{
    static const char *const names[] = {"huge",          "nothing",      "link",        "out",
                                        "out/etc/hosts", "sublink/file", "sub",         "pipe",
                                        "file/x",        "nothing/x",    "sub/sub/file"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct console_file f;
        if (console_file_open(*state, names[i], &f)) {
            fail_msg("%s was opened", names[i]);
        }
    }
    struct console_file f;
    assert_false(console_file_open("/nonexistent", "file", &f));
    assert_false(console_file_open("/dev/null", "file", &f));
}

/* The directory itself may be a link: an operator made it. */
static void linked_directory_is_served(void **state)
{
    char path[256];
    struct console_file f;
    assert_true(console_file_open(below(*state, "sublink", path), "file", &f));
    (void)close(f.fd);
}

static void other_content_has_another_tag(void **state)
{
    struct console_file first;
    struct console_file other;
    assert_true(console_file_open(*state, "file", &first));
    write_file(*state, "file", 7);
    assert_true(console_file_open(*state, "file", &other));
    assert_string_not_equal(first.etag, other.etag);
    (void)close(first.fd);
    (void)close(other.fd);
}

static void no_descriptor_is_left_open(void **state)
{
    struct console_file f;
    int before = dup(0);
    (void)close(before);
    assert_false(console_file_open(*state, "sub/nothing", &f));
    assert_false(console_file_open(*state, "huge", &f));
    assert_false(console_file_open(*state, "sublink/file", &f));
    assert_true(console_file_open(*state, "sub/file", &f));
    assert_true(f.fd >= 0);
    (void)close(f.fd);
    int after = dup(0);
    (void)close(after);
    assert_int_equal(before, after);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(regular_files_up_to_the_limit_are_opened),
        TEST(nothing_else_is_opened),
        TEST(linked_directory_is_served),
        TEST(other_content_has_another_tag),
        TEST(no_descriptor_is_left_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
