/* SPDX-License-Identifier: MIT */
#include "common/redis/server_list.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>

#include "common/buf.h"
#include "common/redis/jump_hash.h"
#include "common/redis/redis_url.h"

unsigned server_list_count(const struct settings *s)
{
    return s->redis.urls.n > 0 ? (unsigned)s->redis.urls.n : 1;
}

const char *server_list_url(const struct settings *s, unsigned i)
{
    return s->redis.urls.n > 0 ? s->redis.urls.v[i] : s->redis.url;
}

void server_list_prefix(const struct settings *s, unsigned i,
                        char out[static SERVER_LIST_PREFIX_MAX])
{
    struct redis_url url = {0};
    const char *why;
    if (!redis_url_parse(str_of(server_list_url(s, i)), &url, &why) || url.db == 0) {
        (void)snprintf(out, SERVER_LIST_PREFIX_MAX, "%s", s->redis.channel);
    } else {
        (void)snprintf(out, SERVER_LIST_PREFIX_MAX, "%s:@%d", s->redis.channel, url.db);
    }
    redis_url_release(&url);
}

static bool add_server(struct buf *text, const char *url, const char **out_why)
{
    struct redis_url u;
    if (!redis_url_parse(str_of(url), &u, out_why)) {
        return false;
    }
    for (size_t i = 0; i < u.n_hosts; i++) {
        buf_addf(text, "%s:%u,", u.hosts[i].name, u.hosts[i].port);
    }
    buf_addf(text, "%s/%d\n", u.service ? u.service : "", u.db);
    redis_url_release(&u);
    return true;
}

static bool digest_of(struct str text, unsigned n, char out[static SERVER_LIST_DIGEST_MAX])
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    if (!EVP_Digest(text.p, text.n, hash, &len, EVP_sha256(), NULL)) {
        return false;
    }
    uint64_t first = 0;
    for (unsigned i = 0; i < 8; i++) {
        first = first << 8 | hash[i];
    }
    (void)snprintf(out, SERVER_LIST_DIGEST_MAX, "%u:%016" PRIx64, n, first);
    return true;
}

bool server_list_digest(const struct settings *s, char out[static SERVER_LIST_DIGEST_MAX],
                        const char **out_why)
{
    unsigned n = server_list_count(s);
    if (n == 1) {
        (void)snprintf(out, SERVER_LIST_DIGEST_MAX, "1:");
        return true;
    }
    struct buf text = {0};
    bool ok = true;
    for (unsigned i = 0; i < n && ok; i++) {
        ok = add_server(&text, server_list_url(s, i), out_why);
    }
    if (ok && (text.failed || !digest_of(buf_str(&text), n, out))) {
        *out_why = "out of memory";
        ok = false;
    }
    buf_release(&text);
    return ok;
}

unsigned server_list_of(struct str topic, unsigned n)
{
    if (n == 1 || str_eq(topic, STR("all"))) {
        return 0;
    }
    if (str_starts(topic, STR("all/"))) {
        unsigned k = 0;
        for (size_t i = 4; i < topic.n && k < n; i++) {
            k = k * 10 + (unsigned)(topic.p[i] - '0');
        }
        return k < n ? k : 0;
    }
    return jump_hash(topic, n);
}
