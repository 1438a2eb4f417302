/* SPDX-License-Identifier: MIT */
/* docs/configuration.md lists exactly the settings there are: its tables are made from the table
 * that the programs use.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka needs the first four. */
#include <cmocka.h>

#include "common/buf.h"
#include "common/config/settings.h"

#define PAGE SOURCE_DIR "/docs/configuration.md"
#define MADE "configuration.md" /* in the working directory, which is the build's */
static const char begins[] = "<!-- settings: made by tests/unit/test_configuration_page.c -->\n";
static const char ends[] = "<!-- end of settings -->\n";

static bool is_time(const struct setting *s)
{
    return s->type == SETTING_DURATION || s->type == SETTING_DURATION_MS;
}

static const char *type_name(enum setting_type type)
{
    switch (type) {
    case SETTING_BOOL: return "true or false";
    case SETTING_INT: return "number";
    case SETTING_BYTES: return "bytes";
    case SETTING_DURATION: return "time";
    case SETTING_DURATION_MS: return "time (ms)";
    case SETTING_STRING: return "text";
    case SETTING_LIST: return "list of texts";
    case SETTING_IGNORED: return "ignored";
    }
    return "";
}

/* 90000 -> 90 s, 3600000 -> 1 h */
static void add_time(struct buf *b, int64_t ms)
{
    static const struct {
        int64_t ms;
        const char *name;
    } units[] = {{86400000, "d"}, {3600000, "h"}, {60000, "min"}, {1000, "s"}};
    for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
        if (ms >= units[i].ms && ms % units[i].ms == 0) {
            buf_addf(b, "%lld %s", (long long)(ms / units[i].ms), units[i].name);
            return;
        }
    }
    buf_addf(b, "%lld%s", (long long)ms, ms ? " ms" : "");
}

static void add_number(struct buf *b, const struct setting *s, int64_t v)
{
    static const char units[][4] = {"", "Ki", "Mi", "Gi"};
    size_t unit = 0;
    if (is_time(s)) {
        add_time(b, v);
        return;
    }
    while (s->type == SETTING_BYTES && v >= 1024 && v % 1024 == 0 && unit < 3) {
        v /= 1024;
        unit++;
    }
    buf_addf(b, unit ? "%lld %s" : "%lld%s", (long long)v, units[unit]);
}

static void add_row(struct buf *b, const struct setting *s, const char *name)
{
    buf_addf(b, "| `%s`", name);
    if (s->older) {
        buf_addf(b, " (older: `%s`)", strrchr(s->older, '.') + 1);
    }
    buf_addf(b, " | %s | `%s` | ", type_name(s->type), s->def);
    if (s->min != s->max) {
        add_number(b, s, s->min);
        buf_addf(b, " – ");
        add_number(b, s, s->max);
    }
    buf_addf(b, " | %s | %s |\n", s->applied_by ? s->applied_by : "restart", s->help);
}

static void add_tables(struct buf *b)
{
    const char *section = "";
    size_t section_len = 0;
    for (size_t i = 0; i < settings_count; i++) {
        const struct setting *s = &settings_table[i];
        size_t len = (size_t)(strchr(s->path, '.') - s->path);
        if (len != section_len || memcmp(section, s->path, len) != 0) {
            section = s->path;
            section_len = len;
            buf_addf(b, "\n## %.*s\n\n", (int)len, section);
            buf_addf(b, "| setting | type | default | range | SIGHUP | meaning |\n");
            buf_addf(b, "|---|---|---|---|---|---|\n");
        }
        add_row(b, s, s->path + len + 1);
    }
    buf_addf(b, "\n");
}

static void read_page(struct buf *b)
{
    FILE *f = fopen(PAGE, "rb");
    char part[4096];
    size_t n;
    assert_non_null(f);
    while ((n = fread(part, 1, sizeof(part), f)) > 0) {
        buf_add(b, (struct str){part, n});
    }
    (void)fclose(f);
    buf_addc(b, '\0');
    assert_false(b->failed);
}

static void keep(const struct buf *b)
{
    FILE *f = fopen(MADE, "wb");
    assert_non_null(f);
    (void)fwrite(b->p, 1, b->n, f);
    (void)fclose(f);
}

static void page_lists_every_setting_as_the_table_has_it(void **state)
{
    struct buf page = {0}, right = {0};
    (void)state;
    read_page(&page);
    const char *from = strstr(page.p, begins);
    const char *to = strstr(page.p, ends);
    assert_non_null(from);
    assert_non_null(to);
    from += sizeof(begins) - 1;
    buf_add(&right, (struct str){page.p, (size_t)(from - page.p)});
    add_tables(&right);
    buf_add(&right, (struct str){to, strlen(to)});
    assert_false(right.failed);
    if (right.n + 1 != page.n || memcmp(right.p, page.p, right.n) != 0) {
        keep(&right);
        fail_msg("docs/configuration.md is out of date: copy " MADE
                 " of this test's working directory over it");
    }
    buf_release(&page);
    buf_release(&right);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(page_lists_every_setting_as_the_table_has_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
