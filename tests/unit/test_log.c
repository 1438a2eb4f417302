/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
/* cmocka needs the first four. */
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <yyjson.h>

#include "common/log.h"
#include "common/log_line.h"
#include "common/log_rate.h"
#include "common/log_sink.h"

struct fixture {
    char dir[64], path[96], other[96];
    char text[3 * LOG_LINE_MAX];
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    if (!f) {
        return -1;
    }
    (void)snprintf(f->dir, sizeof(f->dir), "/tmp/test_log.XXXXXX");
    if (!mkdtemp(f->dir)) {
        free(f);
        return -1;
    }
    (void)snprintf(f->path, sizeof(f->path), "%s/log", f->dir);
    (void)snprintf(f->other, sizeof(f->other), "%s/log.1", f->dir);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    const struct log_options back = {.level = LOG_LEVEL_INFO};
    int rc = log_setup(&back);
    (void)unlink(f->path); /* a test may not have made them */
    (void)unlink(f->other);
    (void)rmdir(f->dir);
    free(f);
    return rc;
}

static void log_to_file(const struct fixture *f, enum log_level level, bool json)
{
    const struct log_options o = {
        .level = level, .json = json, .file = f->path, .ident = "gateway"};
    assert_int_equal(log_setup(&o), 0);
}

/* What the file holds. */
static const char *logged(struct fixture *f, const char *path)
{
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    size_t n = fread(f->text, 1, sizeof(f->text) - 1, file);
    f->text[n] = '\0';
    assert_int_equal(fclose(file), 0);
    return f->text;
}

/* What stands after the time, "2026-01-16T14:30:00.123Z ". */
static const char *after_time(const char *line)
{
    static const char shape[] = "dddd-dd-ddTdd:dd:dd.dddZ ";
    for (size_t i = 0; shape[i]; i++) {
        if (shape[i] == 'd') {
            assert_in_range(line[i], '0', '9');
        } else {
            assert_int_equal(line[i], shape[i]);
        }
    }
    return line + sizeof(shape) - 1;
}

static void levels_are_parsed_in_any_case(void **state)
{
    (void)state;
    static const struct {
        struct str text;
        bool ok;
        enum log_level level;
    } rows[] = {
        {{"error", 5}, true, LOG_LEVEL_ERROR},  {{"WARN", 4}, true, LOG_LEVEL_WARN},
        {{"Warning", 7}, true, LOG_LEVEL_WARN}, {{"info", 4}, true, LOG_LEVEL_INFO},
        {{"debug", 5}, true, LOG_LEVEL_DEBUG},  {{"", 0}, false, LOG_LEVEL_INFO},
        {{"warnin", 6}, false, LOG_LEVEL_INFO}, {{"infos", 5}, false, LOG_LEVEL_INFO},
        {{NULL, 0}, false, LOG_LEVEL_INFO},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        enum log_level level = LOG_LEVEL_INFO;
        assert_int_equal(log_level_parse(rows[i].text, &level), rows[i].ok);
        assert_int_equal(level, rows[i].level);
    }
}

static void line_holds_time_level_phrase_and_fields(void **state)
{
    struct fixture *f = *state;
    log_to_file(f, LOG_LEVEL_INFO, false);
    log_warn("session closed", LF_U64("sid", UINT64_MAX), LF_I64("delta", -5), LF_BOOL("ok", true),
             LF_STR("reason", "slow_consumer"), LF_S("user", STR("a b")));
    assert_string_equal(after_time(logged(f, f->path)),
                        "warn session closed sid=18446744073709551615 delta=-5 ok=true "
                        "reason=slow_consumer user=\"a b\"\n");
}

static void phrase_alone_is_a_line(void **state)
{
    struct fixture *f = *state;
    log_to_file(f, LOG_LEVEL_INFO, false);
    log_error("alone");
    assert_string_equal(after_time(logged(f, f->path)), "error alone\n");
}

static void lines_above_the_level_are_not_written(void **state)
{
    struct fixture *f = *state;
    log_to_file(f, LOG_LEVEL_WARN, false);
    assert_true(log_enabled(LOG_LEVEL_WARN));
    assert_false(log_enabled(LOG_LEVEL_INFO));
    log_info("not this");
    log_debug("nor this");
    assert_string_equal(logged(f, f->path), "");
}

static void values_of_peers_are_quoted_and_escaped(void **state)
{
    (void)state;
    static const struct {
        struct str in;
        const char *text, *json;
    } rows[] = {
        {{"az_AZ09./:@+-", 13}, "az_AZ09./:@+-", "\"az_AZ09./:@+-\""},
        {{"", 0}, "\"\"", "\"\""},
        {{NULL, 0}, "\"\"", "\"\""},
        {{"a=b", 3}, "\"a=b\"", "\"a=b\""},
        {{"say \"x\\\"", 8}, "\"say \\\"x\\\\\\\"\"", "\"say \\\"x\\\\\\\"\""},
        {{"a\nb\r\t", 5}, "\"a\\nb\\r\\t\"", "\"a\\u000ab\\u000d\\u0009\""},
        {{"\0\x1b\x7f", 3}, "\"\\x00\\x1b\\x7f\"", "\"\\u0000\\u001b\\u007f\""},
        {{"ñ€😀", 9}, "\"ñ€😀\"", "\"ñ€😀\""},
        {{"\xc2\x9b", 2}, "\"\\xc2\\x9b\"", "\"\\u009b\""},
        {{"\xc0\x80", 2}, "\"\\xc0\\x80\"", "\"\\ufffd\\ufffd\""},
        {{"\xed\xa0\x80", 3}, "\"\\xed\\xa0\\x80\"", "\"\\ufffd\\ufffd\\ufffd\""},
        {{"\xf4\x90\x80\x80", 4}, "\"\\xf4\\x90\\x80\\x80\"", "\"\\ufffd\\ufffd\\ufffd\\ufffd\""},
        {{"\xe2\x82", 2}, "\"\\xe2\\x82\"", "\"\\ufffd\\ufffd\""},
        {{"x\xff", 2}, "\"x\\xff\"", "\"x\\ufffd\""},
        /* Controls of direction, first and last of each group, and their neighbours. */
        {{"\xd8\x9c", 2}, "\"\\xd8\\x9c\"", "\"\\u061c\""},
        {{"\xe2\x80\x8e", 3}, "\"\\xe2\\x80\\x8e\"", "\"\\u200e\""},
        {{"\xe2\x80\x8f", 3}, "\"\\xe2\\x80\\x8f\"", "\"\\u200f\""},
        {{"\xe2\x80\xaa", 3}, "\"\\xe2\\x80\\xaa\"", "\"\\u202a\""},
        {{"\xe2\x80\xae", 3}, "\"\\xe2\\x80\\xae\"", "\"\\u202e\""},
        {{"\xe2\x81\xa6", 3}, "\"\\xe2\\x81\\xa6\"", "\"\\u2066\""},
        {{"\xe2\x81\xa9", 3}, "\"\\xe2\\x81\\xa9\"", "\"\\u2069\""},
        {{"\xe2\x80\xaf", 3}, "\"\xe2\x80\xaf\"", "\"\xe2\x80\xaf\""},
        {{"\xe2\x81\xa5", 3}, "\"\xe2\x81\xa5\"", "\"\xe2\x81\xa5\""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct log_line line;
        log_line_init(&line);
        log_line_add_text(&line, rows[i].in);
        log_line_end(&line, "\n");
        assert_int_equal(line.n, strlen(rows[i].text) + 1);
        assert_memory_equal(line.text, rows[i].text, line.n - 1);
        log_line_init(&line);
        log_line_add_json(&line, rows[i].in);
        assert_int_equal(line.n, strlen(rows[i].json));
        assert_memory_equal(line.text, rows[i].json, line.n);
    }
}

static void long_values_are_cut_between_characters(void **state)
{
    (void)state;
    char value[LOG_VALUE_MAX + 2];
    memset(value, 'a', sizeof(value));
    struct log_line line;
    log_line_init(&line);
    log_line_add_text(&line, (struct str){value, LOG_VALUE_MAX});
    assert_int_equal(line.n, LOG_VALUE_MAX); /* whole, not quoted */

    log_line_init(&line);
    log_line_add_text(&line, (struct str){value, LOG_VALUE_MAX + 1});
    assert_int_equal(line.n, LOG_VALUE_MAX + sizeof("\"…\"") - 1);
    assert_memory_equal(line.text + LOG_VALUE_MAX + 1, "…\"", sizeof("…\"") - 1);

    memcpy(value + LOG_VALUE_MAX - 1, "é", 2); /* stands across the limit: left out whole */
    log_line_init(&line);
    log_line_add_text(&line, (struct str){value, LOG_VALUE_MAX + 1});
    assert_memory_equal(line.text + LOG_VALUE_MAX - 1, "a…\"", sizeof("a…\"") - 1);
}

static void fields_that_do_not_fit_are_left_out_whole(void **state)
{
    struct fixture *f = *state;
    char bad[LOG_VALUE_MAX];
    memset(bad, '\x01', sizeof(bad));
    const struct str v = {bad, sizeof(bad)};
    for (int json = 0; json < 2; json++) {
        (void)unlink(f->path);
        log_to_file(f, LOG_LEVEL_INFO, json);
        log_info("too much", LF_S("a", v), LF_S("b", v), LF_S("c", v), LF_S("d", v), LF_S("e", v),
                 LF_S("f", v), LF_S("g", v), LF_S("h", v), LF_S("i", v), LF_S("j", v), LF_S("k", v),
                 LF_U64("last", 1));
        const char *text = logged(f, f->path);
        assert_in_range(strlen(text), LOG_LINE_MAX - 1300, LOG_LINE_MAX);
        assert_string_equal(text + strlen(text) - 2, json ? "}\n" : "\"\n");
        assert_null(strstr(text, "last"));
    }
}

static void json_line_is_one_object(void **state)
{
    struct fixture *f = *state;
    log_to_file(f, LOG_LEVEL_DEBUG, true);
    log_debug("it \"is\"", LF_STR("text", "a\nb"), LF_I64("i", -7), LF_BOOL("b", false));
    const char *text = logged(f, f->path);
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
    yyjson_doc *doc = yyjson_read(text, strlen(text), 0);
    assert_non_null(doc);
    yyjson_val *root = yyjson_doc_get_root(doc);
    assert_int_equal(yyjson_obj_size(root), 7);
    assert_string_equal(yyjson_get_str(yyjson_obj_get(root, "level")), "debug");
    assert_string_equal(yyjson_get_str(yyjson_obj_get(root, "process")), "gateway");
    assert_string_equal(yyjson_get_str(yyjson_obj_get(root, "message")), "it \"is\"");
    assert_string_equal(yyjson_get_str(yyjson_obj_get(root, "text")), "a\nb");
    assert_int_equal(yyjson_get_sint(yyjson_obj_get(root, "i")), -7);
    assert_true(yyjson_is_false(yyjson_obj_get(root, "b")));
    assert_int_equal(strlen(yyjson_get_str(yyjson_obj_get(root, "time"))), 24);
    yyjson_doc_free(doc);
}

static void file_that_cannot_be_opened_changes_nothing(void **state)
{
    struct fixture *f = *state;
    log_to_file(f, LOG_LEVEL_WARN, false);
    const struct log_options bad = {.level = LOG_LEVEL_DEBUG, .json = true, .file = "/nowhere/log"};
    assert_int_equal(log_setup(&bad), -ENOENT);
    assert_false(log_enabled(LOG_LEVEL_INFO));
    log_warn("still here");
    assert_string_equal(after_time(logged(f, f->path)), "warn still here\n");
}

static void reopen_after_rotation_writes_to_a_new_file(void **state)
{
    struct fixture *f = *state;
    log_to_file(f, LOG_LEVEL_INFO, false);
    log_info("one");
    assert_int_equal(rename(f->path, f->other), 0);
    log_info("two");
    log_reopen();
    log_info("three");
    assert_non_null(strstr(logged(f, f->other), "info two\n"));
    assert_string_equal(after_time(logged(f, f->path)), "info three\n");
}

static void failed_reopen_goes_on_with_the_old_file(void **state)
{
    struct fixture *f = *state;
    log_to_file(f, LOG_LEVEL_INFO, false);
    assert_int_equal(rename(f->path, f->other), 0);
    assert_int_equal(mkdir(f->path, 0700), 0); /* no file can be opened there, not even by root */
    log_reopen();
    log_info("still here");
    assert_int_equal(rmdir(f->path), 0);
    assert_non_null(strstr(logged(f, f->other), "info still here\n"));
}

static void discarded_change_leaves_neither_file_nor_effect(void **state)
{
    struct fixture *f = *state;
    log_to_file(f, LOG_LEVEL_WARN, false);
    assert_int_equal(log_check(f->other), 0);
    assert_int_equal(access(f->other, F_OK), -1); /* looking makes nothing */
    const struct log_options o = {.level = LOG_LEVEL_DEBUG, .json = true, .file = f->other};
    struct log_change *change;
    assert_int_equal(log_prepare(&o, &change), 0);
    log_info("not this");
    log_discard(change);
    assert_int_equal(access(f->other, F_OK), -1);
    log_warn("as before");
    assert_string_equal(after_time(logged(f, f->path)), "warn as before\n");
}

static void what_cannot_be_a_log_is_found_by_a_check(void **state)
{
    (void)state;
    assert_int_equal(log_check(""), 0);
    assert_int_equal(log_check("stderr"), 0);
    assert_int_equal(log_check("/tmp"), -EISDIR);
    assert_int_equal(log_check("/dev/null"), 0);
    assert_int_equal(log_check("/none/log"), -ENOENT);
    assert_int_equal(log_check("/dev/null/log"), -ENOTDIR);
}

/* However often a peer causes a line: a burst, then one per second, which says how many were not. */
static void each_phrase_has_a_rate_of_its_own(void **state)
{
    (void)state;
    struct log_rate rate = {0};
    static const char one[] = "one";
    static const char other[] = "other";
    uint64_t left_out = 99;
    for (int i = 0; i < LOG_RATE_BURST; i++) {
        assert_true(log_rate_pass(&rate, one, 1000, &left_out));
        assert_int_equal(left_out, 0);
    }
    for (int i = 0; i < 7; i++) {
        assert_false(log_rate_pass(&rate, one, 1000, &left_out));
    }
    assert_true(log_rate_pass(&rate, other, 1000, &left_out));
    assert_int_equal(left_out, 0);
    assert_false(log_rate_pass(&rate, one, 1000 + LOG_RATE_EVERY_MS - 1, &left_out));
    assert_true(log_rate_pass(&rate, one, 1000 + LOG_RATE_EVERY_MS, &left_out));
    assert_int_equal(left_out, 8);
    assert_false(log_rate_pass(&rate, one, 1000 + LOG_RATE_EVERY_MS, &left_out));
    for (int i = 0; i < LOG_RATE_BURST; i++) {
        assert_true(log_rate_pass(&rate, one, 1000000, &left_out)); /* it is full again */
    }
}

static void more_phrases_than_there_is_room_for_are_limited_all_the_same(void **state)
{
    (void)state;
    struct log_rate rate = {0};
    static const char many[LOG_RATE_PHRASES + 10];
    uint64_t passed = 0;
    for (size_t i = 0; i < sizeof(many); i++) {
        for (int n = 0; n < 2 * LOG_RATE_BURST; n++) {
            uint64_t left_out;
            passed += log_rate_pass(&rate, &many[i], 1000, &left_out);
        }
    }
    assert_int_equal(passed, LOG_RATE_PHRASES * LOG_RATE_BURST);
}

static void lines_beyond_the_rate_are_counted(void **state)
{
    struct fixture *f = *state;
    log_to_file(f, LOG_LEVEL_DEBUG, false);
    uint64_t before = log_counts().left_out;
    for (int i = 0; i < 3 * LOG_RATE_BURST; i++) {
        log_warn("again and again");
    }
    assert_in_range(log_counts().left_out - before, 2 * LOG_RATE_BURST - 60, 2 * LOG_RATE_BURST);
    for (int i = 0; i < 3 * LOG_RATE_BURST; i++) {
        log_debug("asked for");
    }
    assert_in_range(log_counts().left_out - before, 2 * LOG_RATE_BURST - 60, 2 * LOG_RATE_BURST);
}

/* Fills what stands behind the sink, sees lines dropped, makes room and sees them whole again. */
static void expect_drops(struct log_sink *sink, int reading)
{
    static char got[1 << 20];
    char line[3000];
    memset(line, 'x', sizeof(line));
    line[sizeof(line) - 1] = '\n';
    while (log_sink_write(sink, line, sizeof(line))) {
    }
    assert_false(log_sink_write(sink, line, sizeof(line)));
    while (read(reading, got, sizeof(got)) > 0) {
    }
    assert_true(log_sink_write(sink, "whole\n", 6));
    ssize_t n = read(reading, got, sizeof(got));
    assert_true(n == 6 || (n == 7 && got[0] == '\n')); /* behind a line that was cut short */
    assert_memory_equal(got + n - 6, "whole\n", 6);
}

static void nothing_waits_for_a_full_socket_or_pipe(void **state)
{
    (void)state;
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(fcntl(pair[0], F_SETFL, O_NONBLOCK), 0);
    expect_drops(&(struct log_sink){.fd = pair[1], .kind = LOG_SINK_SOCKET}, pair[0]);
    (void)close(pair[0]);
    (void)close(pair[1]);
    assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
    assert_int_equal(fcntl(pair[0], F_SETFL, O_NONBLOCK), 0);
    expect_drops(&(struct log_sink){.fd = pair[1], .kind = LOG_SINK_SHARED}, pair[0]);
    (void)close(pair[0]);
    (void)close(pair[1]);
}

static void errno_survives_a_line(void **state)
{
    struct fixture *f = *state;
    log_to_file(f, LOG_LEVEL_INFO, false);
    errno = EBADMSG;
    log_info("something");
    assert_int_equal(errno, EBADMSG);
}

#define LOG_TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels_are_parsed_in_any_case),
        LOG_TEST(line_holds_time_level_phrase_and_fields),
        LOG_TEST(phrase_alone_is_a_line),
        LOG_TEST(lines_above_the_level_are_not_written),
        cmocka_unit_test(values_of_peers_are_quoted_and_escaped),
        cmocka_unit_test(long_values_are_cut_between_characters),
        LOG_TEST(fields_that_do_not_fit_are_left_out_whole),
        LOG_TEST(json_line_is_one_object),
        LOG_TEST(file_that_cannot_be_opened_changes_nothing),
        LOG_TEST(reopen_after_rotation_writes_to_a_new_file),
        LOG_TEST(failed_reopen_goes_on_with_the_old_file),
        LOG_TEST(discarded_change_leaves_neither_file_nor_effect),
        cmocka_unit_test(what_cannot_be_a_log_is_found_by_a_check),
        cmocka_unit_test(each_phrase_has_a_rate_of_its_own),
        cmocka_unit_test(more_phrases_than_there_is_room_for_are_limited_all_the_same),
        LOG_TEST(lines_beyond_the_rate_are_counted),
        cmocka_unit_test(nothing_waits_for_a_full_socket_or_pipe),
        LOG_TEST(errno_survives_a_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
