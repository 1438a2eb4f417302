/* SPDX-License-Identifier: MIT */
#include "common/service/checks.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/buf.h"
#include "common/config/settings.h"

#define OLD_EVENTS_PORT 22291 /* the gateway's second port when EventsPort is set nowhere */

/* Where one of the programs listens. */
struct place {
    const char *role, *setting, *bind;
    int64_t port; /* 0: nowhere, or a free one */
};

static bool same_place(const struct place *a, const struct place *b)
{
    bool same_bind = !a->bind[0] || !b->bind[0] || strcmp(a->bind, b->bind) == 0;
    return a->port != 0 && a->port == b->port && same_bind;
}

/* Of two programs it may be right: they need not run on one machine. */
static bool check_pair(const struct place *a, const struct place *b, const char *role,
                       struct buf *out)
{
    bool is_ours = strcmp(a->role, role) == 0 && strcmp(b->role, role) == 0;
    if (!same_place(a, b)) {
        return true;
    }
    buf_addf(out, "%s%s: is the port of %s, too: %" PRId64 "%s\n",
             is_ours ? "" : "warning: ", b->setting, a->setting, b->port,
             is_ours ? "" : "; the two programs cannot run on one machine");
    return !is_ours;
}

static bool check_ports(const struct settings *s, const char *role, struct buf *out)
{
    const struct place places[] = {
        {"publisher", "Broadcaster.Port", s->broadcaster.bind, s->broadcaster.port},
        {"gateway", "Broadcaster.EventsPort", s->broadcaster.bind, s->broadcaster.events_port},
        {"gateway", "Broadcaster.EventsPort (22291 while it is not set)", s->broadcaster.bind,
         s->broadcaster.events_port_set ? 0 : OLD_EVENTS_PORT},
        {"gateway", "Metrics.Port", s->metrics.bind, s->metrics.port},
        {"publisher", "Metrics.PublisherPort", s->metrics.bind, s->metrics.publisher_port},
    };
    bool ok = true;
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        for (size_t j = i + 1; j < ARRAY_LEN(places); j++) {
            ok = check_pair(&places[i], &places[j], role, out) && ok;
        }
    }
    return ok;
}

/* .invalid belongs to nobody (RFC 2606): samples name it, so that nothing of theirs is ever asked. */
static bool check_placeholder(const struct settings *s, struct buf *out)
{
    static const char tld[] = ".invalid";
    const char *host = strstr(s->broadcaster.frontend_url, "://");
    size_t n = host ? strcspn(host + 3, ":/") : 0;
    if (n < sizeof(tld) || strncasecmp(host + 3 + n - strlen(tld), tld, strlen(tld)) != 0) {
        return true;
    }
    buf_addf(out, "Broadcaster.FrontendURL: %s is a placeholder; put your judge's address there\n",
             s->broadcaster.frontend_url);
    return false;
}

/* What the container may hold at most; 0: unknown, or any amount. */
static int64_t memory_limit(void)
{
    FILE *f = fopen("/sys/fs/cgroup/memory.max", "re");
    char text[32] = "";
    if (f) {
        (void)!fgets(text, sizeof(text), f);
        (void)fclose(f); /* only read */
    }
    return strtoll(text, NULL, 10); /* "max" is 0 */
}

static void warn_of_queues(const struct settings *s, struct buf *out)
{
    int64_t limit = memory_limit();
    if (limit > 0 && s->broadcaster.queue_bytes_total > limit / 2) {
        buf_addf(out,
                 "warning: Broadcaster.QueueBytesTotal: %" PRId64
                 " is more than half of the memory limit here, %" PRId64 "\n",
                 s->broadcaster.queue_bytes_total, limit);
    }
}

/* Its pages would be 404, which forbids nothing. */
static void warn_of_console(const struct settings *s, struct buf *out)
{
    struct stat st;
    const char *dir = s->console.dir;
    if (dir[0] && (stat(dir, &st) < 0 || !S_ISDIR(st.st_mode))) {
        buf_addf(out, "warning: Console.Dir: %s is no folder that can be read\n", dir);
    }
}

static void warn_of_refresh(const struct settings *s, struct buf *out)
{
    if (s->broadcaster.scoreboard_update_secret[0] && !s->broadcaster.frontend_url[0]) {
        buf_add(out, STR("warning: Broadcaster.ScoreboardUpdateSecret: no scoreboard is refreshed "
                         "without Broadcaster.FrontendURL\n"));
    }
}

bool checks_settings(const struct settings *s, const char *role, struct buf *out_problems)
{
    bool ok = check_ports(s, role, out_problems);
    if (strcmp(role, "publisher") == 0) {
        warn_of_refresh(s, out_problems);
    } else {
        warn_of_queues(s, out_problems);
        warn_of_console(s, out_problems);
    }
    return check_placeholder(s, out_problems) && ok;
}
