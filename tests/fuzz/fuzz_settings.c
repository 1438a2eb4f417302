/* SPDX-License-Identifier: MIT */
/* What operators write: settings, addresses of Redis, durations, tokens of publishers. */
#include "common/config/config_duration.h"
#include "common/config/config_json.h"
#include "common/config/config_load.h"
#include "common/config/settings.h"
#include "common/redis/redis_url.h"
#include "publisher/publish_tokens.h"
#include "tests/fuzz/fuzz.h"

#define DIGEST "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct str seeds[] = {
    STR("{\"Broadcaster\":{\"Port\":1,\"PingPeriod\":\"1m30s\",\"AllowedOrigins\":[\"https://a\"],"
        "\"TLS\":{\"CertFile\":\"x\"},\"FrontendURL\":\"http://f:8001/\"},\n\"Redis\":{\"URL\":"
        "\"redis://u:p@[::1]:6379/1\"},\"Tracing\":{\"File\":\"x\"},\"Logging\":{\"JSON\":true}}"),
    STR("redis+sentinel://u:p%40@h1:1,h2/name/3"),
    STR("unix://user:p@/run/redis.sock?db=2"),
    STR("rediss://[::1]"),
    STR("1h2m3.5s4ms"),
    STR(".000000001"),
    STR("# comment\ngrader:" DIGEST "\r\n\nphp : " DIGEST),
};

bool fuzz_seed(size_t i, struct buf *out)
{
    return fuzz_seed_of(seeds, ARRAY_LEN(seeds), i, out);
}

static void read_settings(struct str text)
{
    AUTO(settings) *s = settings_create();
    struct buf problems = {0};
    struct config_loading l = {.settings = s, .problems = &problems};
    MUST(s);
    config_read_json(&l, "file", text);
    MUST(!problems.failed && (!l.failed || problems.n > 0));
    buf_release(&problems);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str text = {(const char *)data, n};
    const char *why = NULL;
    struct redis_url url;
    if (redis_url_parse(text, &url, &why)) {
        MUST(url.n_hosts >= 1 && url.n_hosts <= REDIS_URL_MAX_HOSTS);
        redis_url_release(&url);
    } else {
        MUST(why);
    }
    int64_t ms = 0;
    MUST(!config_parse_duration(text, &ms) || ms >= 0);
    struct publish_tokens tokens;
    size_t line = 0;
    if (publish_tokens_parse(text, &tokens, &line, &why)) {
        publish_tokens_release(&tokens);
    } else {
        MUST(line > 0 && why);
    }
    read_settings(text);
    return 0;
}
