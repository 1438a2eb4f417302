/* SPDX-License-Identifier: MIT */
/* publish_tokens and peer_auth: files of tokens, and what bearers of right and wrong ones are told.
 * Certificates are tried over real connections, by the integration tests.
 */
#include "publisher/peer_auth.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "publisher/publish_tokens.h"

/* SHA-256 of "one", "two" and "three". */
#define ONE "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"
#define TWO "3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3"
#define THREE_UPPER "8B5B9DB0C13DB24256C829AA364AA90C6D2EBA318B9232A4AB9313B954D3555F"

static void tokens_are_found_by_their_digest(void **state)
{
    (void)state;
    struct publish_tokens t;
    size_t line = 0;
    const char *why = NULL;
    assert_true(publish_tokens_parse(
        STR("# publishers\n\n  grader : " ONE "\r\nphp:" TWO "\nphp:" THREE_UPPER), &t, &line,
        &why));
    assert_int_equal(t.n, 3);
    assert_string_equal(publish_tokens_find(&t, STR("one")), "grader");
    assert_string_equal(publish_tokens_find(&t, STR("two")), "php");
    assert_string_equal(publish_tokens_find(&t, STR("three")), "php");
    assert_null(publish_tokens_find(&t, STR("four")));
    assert_null(publish_tokens_find(&t, STR("")));
    assert_null(publish_tokens_find(&t, STR(ONE)));
    publish_tokens_release(&t);
}

static void an_empty_file_knows_nobody(void **state)
{
    (void)state;
    struct publish_tokens t;
    size_t line = 0;
    const char *why = NULL;
    assert_true(publish_tokens_parse(STR_NONE, &t, &line, &why));
    assert_null(publish_tokens_find(&t, STR("one")));
    publish_tokens_release(&t);
}

static void a_bad_line_is_named(void **state)
{
    (void)state;
    static const struct {
        struct str text;
        size_t line;
    } rows[] = {
        {STR("grader"), 1},
        {STR("grader " ONE), 1},
        {STR("\n#\n:" ONE "\n"), 3},
        {STR("a b:" ONE), 1},
        {STR("a:" ONE "0"), 1},
        {STR("a:" ONE "\nb:7692"), 2},
        {STR("a:g692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"), 1},
        {STR("a:b:" ONE), 1},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct publish_tokens t;
        size_t line = 0;
        const char *why = NULL;
        assert_false(publish_tokens_parse(rows[i].text, &t, &line, &why));
        assert_int_equal(line, rows[i].line);
        assert_non_null(why);
    }
}

static const struct string_list no_names = {0};

static struct peer_auth *create(const char *file, bool trust_all, struct buf *problem)
{
    const struct peer_auth_options o = {
        .tokens_file = file,
        .client_names = &no_names,
        .trust_all = trust_all,
    };
    return peer_auth_create(&o, problem);
}

/* A file of this text; the name must be unlinked and freed. */
static char *write_file(struct str text)
{
    char *path = strdup("/tmp/test_pub_peer_auth.XXXXXX");
    assert_non_null(path);
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text.p, text.n), text.n);
    assert_int_equal(close(fd), 0);
    return path;
}

static void remove_file(char *path)
{
    assert_int_equal(unlink(path), 0);
    free(path);
}

static void bearers_get_their_verdict(void **state)
{
    (void)state;
    static const struct {
        struct str header;
        enum peer_verdict want;
    } rows[] = {
        {STR("Bearer one"), PEER_KNOWN},
        {STR("bearer one"), PEER_KNOWN},
        {STR("BEARER   one"), PEER_KNOWN},
        {STR("Bearer two"), PEER_UNKNOWN},
        {STR("Bearer one "), PEER_UNKNOWN},
        {STR("Bearer"), PEER_UNKNOWN},
        {STR("Bearer "), PEER_UNKNOWN},
        {STR("Bearerone"), PEER_UNKNOWN},
        {STR("Basic one"), PEER_UNKNOWN},
        {STR("one"), PEER_UNKNOWN},
        {STR(""), PEER_UNKNOWN},
        {STR_NONE, PEER_UNKNOWN},
        {STR("Bearer " ONE), PEER_UNKNOWN},
    };
    char *path = write_file(STR("grader:" ONE "\n"));
    struct buf problem = {0};
    struct peer_auth *a = create(path, false, &problem);
    assert_non_null(a);
    assert_true(peer_auth_has_tokens(a));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char name[HTTP_PEER_MAX + 1] = "";
        assert_int_equal(peer_auth_check(a, NULL, rows[i].header, name), rows[i].want);
        assert_string_equal(name, rows[i].want == PEER_KNOWN ? "token:grader" : "");
    }
    (void)peer_auth_free(a);
    remove_file(path);
}

static void without_tokens_nobody_is_known(void **state)
{
    (void)state;
    struct buf problem = {0};
    struct peer_auth *a = create("", false, &problem);
    char name[HTTP_PEER_MAX + 1] = "";
    assert_non_null(a);
    assert_false(peer_auth_has_tokens(a));
    assert_int_equal(peer_auth_check(a, NULL, STR("Bearer one"), name), PEER_UNKNOWN);
    (void)peer_auth_free(a);
}

static void on_loopback_anybody_is_known(void **state)
{
    (void)state;
    struct buf problem = {0};
    struct peer_auth *a = create("", true, &problem);
    char name[HTTP_PEER_MAX + 1] = "";
    assert_non_null(a);
    assert_int_equal(peer_auth_check(a, NULL, STR_NONE, name), PEER_KNOWN);
    assert_string_equal(name, "loopback");
    (void)peer_auth_free(a);
}

static void problems_name_file_and_line(void **state)
{
    (void)state;
    struct buf problem = {0};
    assert_null(create("/nowhere/tokens", false, &problem));
    assert_true(str_starts(buf_str(&problem), STR("/nowhere/tokens: ")));
    buf_clear(&problem);
    char *path = write_file(STR("\nx"));
    assert_null(create(path, false, &problem));
    assert_true(str_starts(buf_str(&problem), str_of(path)));
    assert_true(str_starts(str_after(buf_str(&problem), strlen(path)), STR(":2: ")));
    buf_release(&problem);
    remove_file(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_are_found_by_their_digest),
        cmocka_unit_test(an_empty_file_knows_nobody),
        cmocka_unit_test(a_bad_line_is_named),
        cmocka_unit_test(bearers_get_their_verdict),
        cmocka_unit_test(without_tokens_nobody_is_known),
        cmocka_unit_test(on_loopback_anybody_is_known),
        cmocka_unit_test(problems_name_file_and_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
