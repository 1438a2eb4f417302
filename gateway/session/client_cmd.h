/* SPDX-License-Identifier: MIT */
#pragma once
/* client_cmd: commands of the documented protocol (section 1), in the order in which they come,
 * behind a pending auth, at a bounded rate.
 */
#include "common/str.h"

struct session;

/* One message of the client; runs now or waits its turn. May close the session. */
void client_cmd_run(struct session *s, struct str text);
/* The pending auth is over: what waits behind it runs. */
void client_cmd_resume(struct session *s);
/* Drops what waits. */
void client_cmd_forget(struct session *s);
