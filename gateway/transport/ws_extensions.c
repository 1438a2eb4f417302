/* SPDX-License-Identifier: MIT */
/* ws_extensions: RFC 6455, 9.1:
 *
 *     list  = #( token *( ";" param ) )        param = token [ "=" ( token | quoted token ) ]
 *
 * with white space around everything. Meanings: RFC 7692, 7.1.
 */
#include "gateway/transport/ws_extensions.h"

#include "common/http/http_reader.h"
#include "common/http/http_text.h"

/* Longer ones mean nothing to us: kept as far as that is seen. */
#define VALUE_KEPT 3

struct param {
    struct str name;
    bool has_value;
    char value[VALUE_KEPT];
    size_t value_len;
};

/* --- grammar: each takes what it found off the beginning of s --- */

static void skip_space(struct str *s)
{
    while (s->n > 0 && (*s->p == ' ' || *s->p == '\t')) {
        *s = str_after(*s, 1);
    }
}

static bool take(struct str *s, char c)
{
    skip_space(s);
    if (s->n == 0 || *s->p != c) {
        return false;
    }
    *s = str_after(*s, 1);
    return true;
}

/* Empty: there is none. */
static struct str take_token(struct str *s)
{
    skip_space(s);
    struct str token = {s->p, 0};
    while (token.n < s->n && http_is_token_char(token.p[token.n])) {
        token.n++;
    }
    *s = str_after(*s, token.n);
    return token;
}

static void keep(struct param *p, char c)
{
    if (p->value_len < VALUE_KEPT) {
        p->value[p->value_len++] = c;
    }
}

/* Behind the first quote. What it holds must be a token when its backslashes are gone. */
static bool take_quoted(struct str *s, struct param *p)
{
    while (s->n > 0 && *s->p != '"') {
        if (*s->p == '\\') {
            *s = str_after(*s, 1);
        }
        if (s->n == 0 || !http_is_token_char(*s->p)) {
            return false;
        }
        keep(p, *s->p);
        *s = str_after(*s, 1);
    }
    return p->value_len > 0 && take(s, '"');
}

static bool take_param(struct str *s, struct param *out)
{
    *out = (struct param){.name = take_token(s)};
    out->has_value = take(s, '=');
    if (out->name.n == 0 || !out->has_value) {
        return out->name.n > 0;
    }
    if (take(s, '"')) {
        return take_quoted(s, out);
    }
    struct str value = take_token(s);
    for (size_t i = 0; i < value.n; i++) {
        keep(out, value.p[i]);
    }
    return value.n > 0;
}

/* --- meaning --- */

enum { SERVER_NO_TAKEOVER = 1, CLIENT_NO_TAKEOVER = 2, SERVER_BITS = 4, CLIENT_BITS = 8 };

/* An offer of permessage-deflate, as far as it was read. */
struct offer {
    unsigned seen; /* parameters */
    bool is_unfit;
};

static bool is_window_bits(const struct param *p)
{
    char first = p->value[0];
    return (p->value_len == 1 && (first == '8' || first == '9')) ||
           (p->value_len == 2 && first == '1' && p->value[1] >= '0' && p->value[1] <= '5');
}

/* Which one it is; 0: one that makes the offer unfit. */
static unsigned param_kind(const struct param *p)
{
    if (str_eq(p->name, STR("server_no_context_takeover"))) {
        return p->has_value ? 0 : SERVER_NO_TAKEOVER;
    }
    if (str_eq(p->name, STR("client_no_context_takeover"))) {
        return p->has_value ? 0 : CLIENT_NO_TAKEOVER;
    }
    if (str_eq(p->name, STR("client_max_window_bits"))) { /* any suits us: we inflate with 15 */
        return !p->has_value || is_window_bits(p) ? CLIENT_BITS : 0;
    }
    if (str_eq(p->name, STR("server_max_window_bits"))) { /* one frame for all has one window */
        return str_eq((struct str){p->value, p->value_len}, STR("15")) ? SERVER_BITS : 0;
    }
    return 0;
}

static void offer_add(struct offer *o, const struct param *p)
{
    unsigned kind = param_kind(p);
    o->is_unfit |= kind == 0 || (o->seen & kind) != 0;
    o->seen |= kind;
}

/* One element of the list. */
static bool read_extension(struct str *s, struct ws_deflate *d)
{
    struct str name = take_token(s);
    struct offer offer = {.seen = 0};
    while (name.n > 0 && take(s, ';')) {
        struct param p;
        if (!take_param(s, &p)) {
            return false;
        }
        offer_add(&offer, &p);
    }
    if (!str_eq(name, STR(WS_DEFLATE_NAME))) {
        return name.n > 0;
    }
    if (!d->is_agreed && !offer.is_unfit) {
        d->is_agreed = true;
        d->names_window = (offer.seen & SERVER_BITS) != 0;
    }
    return true;
}

bool ws_extensions_read(const struct http_values *offers, struct ws_deflate *out)
{
    struct ws_deflate d = {.is_agreed = false};
    for (size_t i = 0; i < offers->n; i++) {
        struct str rest = offers->v[i];
        do {
            while (take(&rest, ',')) { /* empty elements are to be passed over (RFC 9110, 5.6.1) */
            }
            if (rest.n > 0 && !read_extension(&rest, &d)) {
                return false;
            }
        } while (take(&rest, ','));
        if (rest.n > 0) {
            return false;
        }
    }
    *out = d;
    return true;
}

struct str ws_deflate_answer(const struct ws_deflate *d)
{
    return d->names_window ? STR("; server_no_context_takeover; client_no_context_takeover"
                                 "; server_max_window_bits=15")
                           : STR("; server_no_context_takeover; client_no_context_takeover");
}
