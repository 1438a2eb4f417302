/* SPDX-License-Identifier: MIT */
/* The end of a session, for every reason that there is. */
#include <assert.h>

#include "common/log.h"
#include "gateway/gw_metrics.h"
#include "gateway/session/session_internal.h"

static int64_t *gauge_of(const struct session *s)
{
    const struct protocol *p = s->protocol;
    size_t at = rendering_is_stream(s->writer.format) ? p->gauge_sse : p->gauge;
    return (int64_t *)(void *)((char *)s->gw->metrics + at);
}

void session_set_state(struct session *s, enum session_state next)
{
    assert((s->state == SESSION_NEW && next == SESSION_OPEN) ||
           (s->state != SESSION_CLOSING && next == SESSION_CLOSING));
    if (next == SESSION_OPEN) {
        s->writer.state = WRITER_OPEN;
        s->gw->metrics->connections_active++;
        ++*gauge_of(s);
    } else if (s->state == SESSION_OPEN) {
        s->gw->metrics->connections_active--;
        --*gauge_of(s);
    }
    s->state = next;
}

void session_end(struct session *s, bool is_refused)
{
    s->protocol->end(s, is_refused);
    writer_shut(s);
    wheel_cancel(&s->tick);
}

/* The other reasons are counted by those who have them. */
static void count_close(struct gw_metrics *m, enum close_code code)
{
    m->closed_overload += code == CLOSE_OVERLOAD;
    m->closed_protocol += code == CLOSE_PROTOCOL || code == CLOSE_BINARY ||
                          code == CLOSE_BAD_UTF8 || code == CLOSE_TOO_BIG;
}

void session_close(struct session *s, enum close_code code, const char *reason)
{
    if (s->state == SESSION_CLOSING) {
        return;
    }
    log_debug("session closing", LF_U64("sid", s->id), LF_U64("code", code),
              LF_STR("reason", reason), LF_S("user", session_user_name(s)),
              LF_U64("queued", s->writer.out.bytes));
    count_close(s->gw->metrics, code);
    session_set_state(s, SESSION_CLOSING);
    session_end(s, code == CLOSE_DEAUTHENTICATED || code == CLOSE_NOT_ALLOWED ||
                       code == CLOSE_NO_SUCH_THING);
    s->writer.ops->close(s->writer.conn, code, str_of(close_code_reason(code)), false);
}
