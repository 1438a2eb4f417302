/* SPDX-License-Identifier: MIT */
#pragma once
/* control: what publishers tell all gateways (proto/control.md): a user is deauthenticated, a
 * scoreboard token ended. Messages are numbered; after a gap or a lost link the missing ones are
 * read from the control log, since a session that should have ended must not live on.
 */
#include "common/compiler.h"
#include "common/str.h"

struct control;
struct gw;

/* Listens to the bus. NULL: out of memory. */
struct control *control_create(struct gw *gw);
struct control *control_free(struct control *c); /* accepts NULL */
/* Asks again, a few at a time, who everybody is and what they may see. */
void control_recheck_everybody(struct control *c, const char *reason);
