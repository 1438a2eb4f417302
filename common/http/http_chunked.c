/* SPDX-License-Identifier: MIT */
/* http_chunked: a machine of one state per byte, but for the chunks' own bytes, taken in runs. */
#include "common/http/http_chunked.h"

#include "common/http/http_text.h"

enum {
    SIZE_DIGITS_MAX = 15,
    LINE_BYTES_MAX = 256,
    TRAILER_BYTES_MAX = 4096,
    WIRE_SLACK_BYTES = 65536,
};

enum state {
    SIZE,      /* digits of a chunk's size */
    BLANK,     /* blanks behind them: an extension must follow */
    EXTENSION, /* up to CR */
    SIZE_LF,
    DATA,
    DATA_CR,
    DATA_LF,
    TRAILER,       /* the beginning of a line behind the last chunk */
    TRAILER_NAME,  /* up to the colon */
    TRAILER_VALUE, /* up to CR */
    TRAILER_LF,
    LAST_LF, /* of the empty line */
    WHOLE,
    BAD,
};

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_text(char c)
{
    return c == '\t' || ((unsigned char)c >= 0x20 && c != 0x7f);
}

static enum state on_size(struct http_chunked *c, char byte)
{
    int value = hex_value(byte);
    if (value >= 0) {
        c->left = c->left << 4 | (unsigned)value;
        return ++c->digits <= SIZE_DIGITS_MAX ? SIZE : BAD;
    }
    if (c->digits == 0) {
        return BAD;
    }
    if (byte == '\r') {
        return SIZE_LF;
    }
    return byte == ';' ? EXTENSION : is_blank(byte) ? BLANK : BAD;
}

static enum state on_size_end(struct http_chunked *c)
{
    c->digits = 0;
    c->line_bytes = 0;
    return c->left > 0 ? DATA : TRAILER;
}

/* What becomes of a byte that is none of a chunk's own. */
static enum state next_state(struct http_chunked *c, char byte)
{
    switch ((enum state)c->state) {
    case SIZE: return on_size(c, byte);
    case BLANK: return byte == ';' ? EXTENSION : is_blank(byte) ? BLANK : BAD;
    case EXTENSION: return byte == '\r' ? SIZE_LF : is_text(byte) ? EXTENSION : BAD;
    case SIZE_LF: return byte == '\n' ? on_size_end(c) : BAD;
    case DATA_CR: return byte == '\r' ? DATA_LF : BAD;
    case DATA_LF: c->line_bytes = 0; return byte == '\n' ? SIZE : BAD;
    case TRAILER: return byte == '\r' ? LAST_LF : http_is_token_char(byte) ? TRAILER_NAME : BAD;
    case TRAILER_NAME:
        return byte == ':' ? TRAILER_VALUE : http_is_token_char(byte) ? TRAILER_NAME : BAD;
    case TRAILER_VALUE: return byte == '\r' ? TRAILER_LF : is_text(byte) ? TRAILER_VALUE : BAD;
    case TRAILER_LF: return byte == '\n' ? TRAILER : BAD;
    case LAST_LF: return byte == '\n' ? WHOLE : BAD;
    case DATA:
    case WHOLE:
    case BAD: break;
    }
    return BAD;
}

/* Of a byte of a line, before it is looked at. */
static bool is_within_limits(struct http_chunked *c)
{
    bool is_trailer = c->state >= TRAILER && c->state <= LAST_LF;
    return is_trailer ? ++c->trailer_bytes <= TRAILER_BYTES_MAX : ++c->line_bytes <= LINE_BYTES_MAX;
}

static size_t take_data(struct http_chunked *c, struct str bytes, struct buf *body)
{
    size_t n = (size_t)MIN((uint64_t)bytes.n, c->left);
    buf_add(body, (struct str){bytes.p, n});
    c->left -= n;
    if (c->left == 0) {
        c->state = DATA_CR;
    }
    return n;
}

static enum http_chunked_result fail(struct http_fault *out_fault, int status, const char *reason)
{
    *out_fault = (struct http_fault){status, reason};
    return HTTP_CHUNKED_FAULT;
}

enum http_chunked_result http_chunked_add(struct http_chunked *c, struct str bytes,
                                          uint64_t max_body, struct buf *body, size_t *out_n,
                                          struct http_fault *out_fault)
{
    size_t at = 0;
    while (at < bytes.n && c->state != WHOLE) {
        if (c->state == DATA) {
            if (c->left > max_body - MIN(max_body, (uint64_t)body->n)) {
                return fail(out_fault, 413, "the body is too large");
            }
            at += take_data(c, str_after(bytes, at), body);
            continue;
        }
        c->state = is_within_limits(c) ? (int)next_state(c, bytes.p[at]) : BAD;
        if (c->state == BAD) {
            return fail(out_fault, 400, "the chunked body is malformed");
        }
        at++;
    }
    *out_n = at;
    c->wire_bytes += at;
    if (c->wire_bytes > 2 * max_body + WIRE_SLACK_BYTES) {
        return fail(out_fault, 413, "the chunked body is too large");
    }
    return c->state == WHOLE ? HTTP_CHUNKED_WHOLE : HTTP_CHUNKED_MORE;
}
