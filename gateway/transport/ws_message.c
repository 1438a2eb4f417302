/* SPDX-License-Identifier: MIT */
#include "gateway/transport/ws_message.h"

#include <stdlib.h>

#include "gateway/transport/inflate.h"

/* Compressed, what does not compress becomes longer by so much at most. */
enum { DEFLATE_MORE_BYTES = 64 };

static struct ws_message_news bad(enum close_code code)
{
    return (struct ws_message_news){
        .state = WS_MESSAGE_BAD, .code = code, .why = close_code_reason(code)};
}

static struct ws_message_news bad_because(enum close_code code, const char *why)
{
    return (struct ws_message_news){.state = WS_MESSAGE_BAD, .code = code, .why = why};
}

static struct ws_message_news whole(struct str text)
{
    return (struct ws_message_news){.state = WS_MESSAGE_WHOLE, .text = text};
}

static struct ws_message_news inflated(struct str payload, size_t max_bytes, struct inflater *f)
{
    struct str text;
    switch (inflate_message(f, payload, max_bytes, &text)) {
    case INFLATE_OK: return utf8_valid(text) ? whole(text) : bad(CLOSE_BAD_UTF8);
    case INFLATE_TOO_BIG: return bad(CLOSE_TOO_BIG);
    case INFLATE_BROKEN: return bad_because(CLOSE_BAD_UTF8, "what is compressed is broken");
    case INFLATE_NO_MEMORY: break;
    }
    return bad_because(CLOSE_OVERLOAD, "out of memory");
}

/* Makes room for the rest of the frame at once. */
static bool keep(struct ws_message *m, const struct ws_piece *p)
{
    char *grown = realloc(m->bytes, MAX(m->len + p->bytes.n + p->rest, 1u));
    if (!grown) {
        return false;
    }
    m->bytes = grown;
    memcpy(grown + m->len, p->bytes.n ? p->bytes.p : "", p->bytes.n);
    m->len += (uint32_t)p->bytes.n;
    return true;
}

struct ws_message_news ws_message_add(struct ws_message *m, const struct ws_piece *p,
                                      size_t max_bytes, struct inflater *f)
{
    bool is_begun = m->bytes != NULL;
    if (is_begun && p->begins_frame && p->says_deflated) {
        return bad(CLOSE_PROTOCOL); /* only the first frame may say so (RFC 7692, 6) */
    }
    if (!is_begun) {
        m->is_deflated = p->says_deflated;
    }
    if (p->is_binary) {
        return bad(CLOSE_BINARY);
    }
    size_t limit = max_bytes + (m->is_deflated ? DEFLATE_MORE_BYTES : 0);
    if (m->len + p->bytes.n + p->rest > limit) { /* rest has 63 bits */
        return bad(CLOSE_TOO_BIG);
    }
    bool is_text = m->is_deflated || utf8_check_add(&m->utf8, p->bytes);
    if (!is_text || (p->is_last && !utf8_check_is_whole(&m->utf8))) {
        return bad(CLOSE_BAD_UTF8);
    }
    bool is_all = p->is_last && !is_begun; /* the usual case: nothing is copied */
    if (!is_all && !keep(m, p)) {
        return bad_because(CLOSE_OVERLOAD, "out of memory");
    }
    if (!p->is_last) {
        return (struct ws_message_news){.state = WS_MESSAGE_PENDING};
    }
    struct str payload = is_all ? p->bytes : (struct str){m->bytes, m->len};
    return m->is_deflated ? inflated(payload, max_bytes, f) : whole(payload);
}

void ws_message_reset(struct ws_message *m)
{
    free(m->bytes);
    *m = (struct ws_message){.bytes = NULL};
}
