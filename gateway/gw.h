/* SPDX-License-Identifier: MIT */
#pragma once
/* gw: the parts of one gateway process, as the others may use them. Made, owned and ended by
 * app.c; every pointer is borrowed and outlives all sessions.
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/list.h"

struct auth;
struct bus;
struct deflater;
struct feeds;
struct flusher;
struct gw_metrics;
struct hub;
struct loop;
struct room;
struct settings;
struct users;
struct wheel;

struct gw {
    struct loop *loop;
    const struct settings *settings; /* swapped by SIGHUP: never keep a pointer into it */
    struct gw_metrics *metrics;
    struct wheel *wheel;       /* per-second deadlines of sessions */
    struct users *users;       /* who is connected here */
    struct auth *auth;         /* who may see what */
    struct bus *bus;           /* the connections to Redis */
    struct feeds *feeds;       /* ordered events of each topic */
    struct hub *hub;           /* topic -> views -> subscriptions */
    struct flusher *flusher;   /* sessions with something to write at the end of this turn */
    struct deflater *deflater; /* compresses for all; NULL: nobody negotiates it */
    struct room *room;         /* NULL unless Room.Enabled */
    struct list sessions;      /* every session there is */
    uint64_t instance;         /* random: tells the gateways of one port apart */
    uint64_t last_session_id;
    size_t resumes_pending; /* records of legacy sessions on their way to Redis */
    bool is_draining;       /* drain has begun: no new sessions */
};
