/* SPDX-License-Identifier: MIT */
#include "gateway/transport/ws_handshake.h"

#include <openssl/evp.h>

#include "common/http/http_reader.h"
#include "gateway/transport/admission.h"

#define GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" /* RFC 6455, 1.3 */

enum { SHA1_BYTES = 20, ACCEPT_BYTES = 28 };

static void write_accept(struct str key, struct buf *out)
{
    struct buf text = {0};
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned char accept[ACCEPT_BYTES + 1];
    buf_add(&text, key);
    buf_add(&text, STR(GUID));
    if (text.failed || EVP_Digest(text.p, text.n, digest, NULL, EVP_sha1(), NULL) != 1 ||
        EVP_EncodeBlock(accept, digest, SHA1_BYTES) != ACCEPT_BYTES) {
        out->failed = true;
    } else {
        buf_add(out, (struct str){(char *)accept, ACCEPT_BYTES});
    }
    buf_release(&text);
}

void ws_handshake_answer(const struct http_head *r, const struct admission *a, struct buf *out)
{
    buf_add(out, STR("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                     "Connection: Upgrade\r\nSec-WebSocket-Accept: "));
    write_accept(r->ws_key, out);
    if (a->wants_subprotocol) {
        buf_add(out, STR("\r\nSec-WebSocket-Protocol: " ADMISSION_SUBPROTOCOL));
    }
    if (a->deflate.is_agreed) {
        buf_add(out, STR("\r\nSec-WebSocket-Extensions: " WS_DEFLATE_NAME));
        buf_add(out, ws_deflate_answer(&a->deflate));
    }
    buf_add(out, STR("\r\n\r\n"));
}

void ws_handshake_for_library(const struct ws_deflate *d, struct buf *out)
{
    buf_add(out, STR("GET / HTTP/1.1\r\nHost: gateway\r\nUpgrade: websocket\r\n"
                     "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                     "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"));
    if (d->is_agreed) { /* else it does not let RSV1 pass */
        buf_add(out, STR("Sec-WebSocket-Extensions: " WS_DEFLATE_NAME "\r\n"));
    }
    buf_add(out, STR("\r\n"));
}
