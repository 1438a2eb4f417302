/* SPDX-License-Identifier: MIT */
/* ws_frame: RFC 6455, section 5.2, from the server's side: never masked.
 *
 *     FIN RSV1 0 0 opcode | 0 length | 16 or 64 bits of length | payload
 */
#include "proto/ws_frame.h"

#include <assert.h>
#include <string.h>

#include "common/compiler.h"
#include "proto/limits.h"

#define FIN 0x80
#define RSV1 0x40
#define OPCODE_CONTINUATION 0x0
#define OPCODE_TEXT 0x1
#define OPCODE_CLOSE 0x8
#define OPCODE_PING 0x9
#define LENGTH_16 126
#define LENGTH_64 127
#define CONTROL_PAYLOAD_MAX 125

static size_t header_bytes(size_t payload)
{
    if (payload < LENGTH_16) {
        return 2;
    }
    return payload <= UINT16_MAX ? 4 : WS_FRAME_HEADER_MAX;
}

static uint8_t *put_header(uint8_t *at, uint8_t first, size_t payload)
{
    size_t width = header_bytes(payload) - 2;

    *at++ = first;
    if (width == 0) {
        *at++ = (uint8_t)payload;
        return at;
    }
    *at++ = width == 2 ? LENGTH_16 : LENGTH_64;
    for (size_t i = width; i-- > 0;) {
        *at++ = (uint8_t)(payload >> (8 * i));
    }
    return at;
}

/* An empty text is one empty frame. */
static size_t message_bytes(size_t payload)
{
    size_t whole = payload / LIMIT_FRAGMENT_BYTES;
    size_t last = payload % LIMIT_FRAGMENT_BYTES;
    size_t n = whole * (header_bytes(LIMIT_FRAGMENT_BYTES) + LIMIT_FRAGMENT_BYTES);

    return last > 0 || whole == 0 ? n + header_bytes(last) + last : n;
}

struct msg *ws_frame_text(struct str payload, bool compressed)
{
    struct msg *m = msg_create(message_bytes(payload.n));

    if (!m) {
        return NULL;
    }
    uint8_t *at = m->bytes;
    uint8_t first = compressed ? OPCODE_TEXT | RSV1 : OPCODE_TEXT;
    do {
        size_t n = MIN(payload.n, (size_t)LIMIT_FRAGMENT_BYTES);
        at = put_header(at, n == payload.n ? first | FIN : first, n);
        if (n > 0) {
            memcpy(at, payload.p, n);
            payload = str_after(payload, n);
        }
        at += n;
        first = OPCODE_CONTINUATION;
    } while (payload.n > 0);
    assert(at == m->bytes + m->len);
    return m;
}

/* Header and payload of the frame that begins at offset. */
static void measure(const struct msg *m, size_t offset, size_t *out_header, size_t *out_payload)
{
    const uint8_t *at = m->bytes + offset;
    size_t width = at[1] == LENGTH_16 ? 2 : at[1] == LENGTH_64 ? 8 : 0;
    uint64_t payload = width ? 0 : at[1];

    for (size_t i = 0; i < width; i++) {
        payload = payload << 8 | at[2 + i];
    }
    *out_header = 2 + width;
    *out_payload = (size_t)payload;
    assert(offset + *out_header + *out_payload <= m->len);
}

size_t ws_frame_next(const struct msg *m, size_t offset)
{
    size_t header;
    size_t payload;

    if (offset >= m->len) {
        return 0;
    }
    measure(m, offset, &header, &payload);
    return header + payload;
}

size_t ws_frame_payload_at(const struct msg *m, size_t offset)
{
    size_t header;
    size_t payload;

    measure(m, offset, &header, &payload);
    return payload;
}

size_t ws_frame_payload_bytes(const struct msg *m)
{
    size_t sum = 0;

    for (size_t offset = 0; offset < m->len;) {
        size_t header;
        size_t payload;
        measure(m, offset, &header, &payload);
        sum += payload;
        offset += header + payload;
    }
    return sum;
}

/* At most max bytes of s, cut between two characters. */
static struct str cut(struct str s, size_t max)
{
    if (s.n <= max) {
        return s;
    }
    while (max > 0 && ((uint8_t)s.p[max] & 0xc0) == 0x80) {
        max--;
    }
    return (struct str){s.p, max};
}

size_t ws_frame_close(uint8_t out[static WS_CONTROL_FRAME_MAX], unsigned code, struct str reason)
{
    struct str why = cut(reason, CONTROL_PAYLOAD_MAX - 2);
    uint8_t *at = put_header(out, FIN | OPCODE_CLOSE, 2 + why.n);

    *at++ = (uint8_t)(code >> 8);
    *at++ = (uint8_t)code;
    if (why.n > 0) {
        memcpy(at, why.p, why.n);
    }
    return (size_t)(at - out) + why.n;
}

size_t ws_frame_ping(uint8_t out[static WS_CONTROL_FRAME_MAX])
{
    return (size_t)(put_header(out, FIN | OPCODE_PING, 0) - out);
}
