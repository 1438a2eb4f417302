/* SPDX-License-Identifier: MIT */
#pragma once
/* https_socket: an accepted socket as a bufferevent, with or without TLS. What has to be known of
 * bufferevent_openssl is known here.
 */
#include <stdbool.h>
#include <stdint.h>

#include "publisher/log_limit.h"

struct bufferevent;
struct event_base;
struct ssl_ctx_st;
struct ssl_st;

/* Takes fd, closed when the bufferevent is freed. ctx NULL: plain. NULL: no memory, fd is closed. */
struct bufferevent *https_socket_create(struct event_base *base, int fd, struct ssl_ctx_st *ctx);
/* NULL: plain. */
struct ssl_st *https_socket_ssl(struct bufferevent *bev);
/* Has the peer shown a client certificate, and a good one? After the handshake. */
bool https_socket_is_verified(const struct ssl_st *ssl);
/* Tells the peer that nothing more will come; what it sends can still be read. Once, after the
 * handshake, and not after an error. */
void https_socket_say_end(struct bufferevent *bev);
/* A handshake has failed. */
void https_socket_log_failure(struct bufferevent *bev, struct log_limit *limit, uint64_t now_ms);
