/* SPDX-License-Identifier: MIT */
#include "gateway/transport/lws_request.h"

#include <libwebsockets.h>

enum { EXTENSIONS_MAX_BYTES = 254 }; /* as far as lws reads the field */

struct field {
    const char *name;
    enum lws_token_indexes token;
};
static const struct field fields[] = {
    {"Host", WSI_TOKEN_HOST},
    {"Origin", WSI_TOKEN_ORIGIN},
    {"Authorization", WSI_TOKEN_HTTP_AUTHORIZATION},
    {"Sec-WebSocket-Key", WSI_TOKEN_KEY},
    {"Sec-WebSocket-Version", WSI_TOKEN_VERSION},
    {"Content-Length", WSI_TOKEN_HTTP_CONTENT_LENGTH},
    {"Transfer-Encoding", WSI_TOKEN_HTTP_TRANSFER_ENCODING},
    {"Accept", WSI_TOKEN_HTTP_ACCEPT},
    {"Connection", WSI_TOKEN_CONNECTION},
    {"Cookie", WSI_TOKEN_HTTP_COOKIE},
    {"If-None-Match", WSI_TOKEN_HTTP_IF_NONE_MATCH},
    {"Upgrade", WSI_TOKEN_UPGRADE},
    {"X-Forwarded-For", WSI_TOKEN_X_FORWARDED_FOR},
    {"Sec-WebSocket-Protocol", WSI_TOKEN_PROTOCOL},
    {"Sec-WebSocket-Extensions", WSI_TOKEN_EXTENSIONS},
};
/* Those that lws has no token for; it keeps their names in lower case with the colon. */
static const char *const custom_fields[] = {"sec-fetch-site:", "x-real-ip:", "last-event-id:"};

static const char *method_name(int method)
{
    static const char *const names[] = {"GET",   "POST",   "OPTIONS", "PUT",
                                        "PATCH", "DELETE", "CONNECT", "HEAD"};
    return method >= 0 && method < (int)LWS_ARRAY_SIZE(names) ? names[method] : "UNKNOWN";
}

/* lws has decoded path and query: encoded again, no byte of them can end a line. */
static void write_encoded(struct str s, struct str keep, struct buf *out)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] != '\0' && memchr(keep.p, s.p[i], keep.n)) {
            buf_addc(out, s.p[i]);
        } else {
            buf_add_percent(out, (struct str){s.p + i, 1});
        }
    }
}

static void write_query(struct lws *wsi, struct buf *out)
{
    char one[4096];
    int n;
    for (int i = 0;
         (n = lws_hdr_copy_fragment(wsi, one, sizeof(one), WSI_TOKEN_HTTP_URI_ARGS, i)) >= 0; i++) {
        buf_addc(out, i == 0 ? '?' : '&');
        struct str value = {one, (size_t)n};
        const char *equals = memchr(one, '=', value.n);
        if (equals) {
            struct str name = {one, (size_t)(equals - one)};
            write_encoded(name, STR(""), out);
            buf_addc(out, '=');
            value = str_after(value, name.n + 1);
        }
        write_encoded(value, STR(""), out);
    }
}

static void write_field(struct lws *wsi, const struct field *f, struct buf *out)
{
    int n = lws_hdr_total_length(wsi, f->token);
    if (n <= 0 || !buf_reserve(out, strlen(f->name) + (size_t)n + 8)) {
        return;
    }
    buf_addf(out, "%s: ", f->name);
    n = lws_hdr_copy(wsi, out->p + out->n, n + 2, f->token);
    out->n += n > 0 ? (size_t)n : 0;
    buf_add(out, STR("\r\n"));
}

static void write_custom(struct lws *wsi, const char *name, struct buf *out)
{
    int n = lws_hdr_custom_length(wsi, name, (int)strlen(name));
    if (n <= 0 || !buf_reserve(out, strlen(name) + (size_t)n + 8)) {
        return;
    }
    buf_addf(out, "%s ", name);
    n = lws_hdr_custom_copy(wsi, out->p + out->n, n + 2, name, (int)strlen(name));
    out->n += n > 0 ? (size_t)n : 0;
    buf_add(out, STR("\r\n"));
}

static const char *version(struct lws *wsi)
{
    char text[sizeof("HTTP/1.1")];
    bool is_old =
        lws_hdr_copy(wsi, text, sizeof(text), WSI_TOKEN_HTTP) > 0 && strcmp(text, "HTTP/1.0") == 0;
    return is_old ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n";
}

void lws_request_write(struct lws *wsi, struct buf *out)
{
    char *uri = NULL;
    int len = 0;
    int method = lws_http_get_uri_and_method(wsi, &uri, &len);
    buf_addf(out, "%s ", method_name(method));
    write_encoded((struct str){uri, uri ? (size_t)len : 0}, STR("/*"), out);
    write_query(wsi, out);
    buf_add(out, str_of(version(wsi)));
    for (size_t i = 0; i < LWS_ARRAY_SIZE(fields); i++) {
        write_field(wsi, &fields[i], out);
    }
    for (size_t i = 0; i < LWS_ARRAY_SIZE(custom_fields); i++) {
        write_custom(wsi, custom_fields[i], out);
    }
    buf_add(out, STR("\r\n"));
}

/* A line end in a percent escape of the target ends the line for lws: what follows it, up to the
 * version, would be a field of whoever made up the address. */
const char *lws_request_check(struct lws *wsi)
{
    if (lws_hdr_total_length(wsi, WSI_TOKEN_HTTP) == 0) {
        return "the request line ends before its version";
    }
    return lws_hdr_total_length(wsi, WSI_TOKEN_EXTENSIONS) > EXTENSIONS_MAX_BYTES
               ? "the Sec-WebSocket-Extensions header field is too long"
               : NULL;
}
