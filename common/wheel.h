/* SPDX-License-Identifier: MIT */
#pragma once
/* wheel: deadlines with a resolution of one second for tens of thousands of sessions, in one libevent
 * timer. Setting, moving and cancelling cost O(1); a tick costs what is due (libwebsockets keeps its
 * own timers in one sorted list: 599 µs per connect at 14,000 connections).
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/compiler.h"
#include "common/list.h"

struct loop;
struct wheel;

typedef void (*wheel_fn)(void *arg);
struct wheel_node {
    struct list node;
    uint64_t due_s; /* in seconds of the wheel; for wheel.c */
    wheel_fn fn;
    void *arg;
};

struct wheel *wheel_create(struct loop *l);
struct wheel *wheel_free(struct wheel *w); /* accepts NULL; nodes are forgotten, not called */
void wheel_node_init(struct wheel_node *n, wheel_fn fn, void *arg);
/* Calls fn once, `seconds` (at least 1) from now, up to one second later. Moves a set node. */
void wheel_set(struct wheel *w, struct wheel_node *n, uint32_t seconds);
/* The same, unless it is set to that time or an earlier one. */
void wheel_set_earlier(struct wheel *w, struct wheel_node *n, uint32_t seconds);
void wheel_cancel(struct wheel_node *n); /* harmless when not set */
/* Lets one second pass; the timer calls it, tests too. fn may set or cancel any node. */
void wheel_tick(struct wheel *w);
