/* SPDX-License-Identifier: MIT */
#pragma once
/* peer_auth: is this peer an allowed publisher, and under which name?
 *
 * A client certificate that TLS has verified and that has one of the configured names, or a bearer
 * token. What identifies it is "name:" and the accepted name, "key:" and the fingerprint of the
 * certificate's key where no names are configured, "token:" and the token's owner, or "loopback": it
 * keeps the idempotency keys of different publishers apart.
 */
#include <stdbool.h>

#include "common/buf.h"
#include "common/compiler.h"
#include "common/config/settings.h"
#include "common/http/http_server.h"
#include "common/str.h"

struct peer_auth;
struct ssl_st;

struct peer_auth_options {
    const char *tokens_file;                /* "" = none */
    const struct string_list *client_names; /* copied; empty = any name */
    bool trust_all; /* plain HTTP on loopback: whoever can connect may publish */
};
enum peer_verdict {
    PEER_KNOWN,
    PEER_UNKNOWN,  /* showed nothing, or a wrong token: 401 */
    PEER_FORBIDDEN /* a good certificate of another name: 403 */
};

/* NULL with a line in out_problem, which names file and line. */
struct peer_auth *peer_auth_create(const struct peer_auth_options *o, struct buf *out_problem);
struct peer_auth *peer_auth_free(struct peer_auth *a); /* accepts NULL */
DEFINE_AUTO(peer_auth)
/* False: nobody but holders of certificates can publish. */
bool peer_auth_has_tokens(const struct peer_auth *a);
/* ssl NULL: plain HTTP. authorization: the value of that header, p NULL when absent. name is written
 * when the verdict is PEER_KNOWN. */
enum peer_verdict peer_auth_check(const struct peer_auth *a, const struct ssl_st *ssl,
                                  struct str authorization, char name[static HTTP_PEER_MAX + 1]);
