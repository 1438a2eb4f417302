/* SPDX-License-Identifier: MIT */
#pragma once
/* deadlines: everything that a session does because time has passed, as one table of when and what.
 * A part that begins to wait for a second calls session_wake_by() (session_internal.h).
 */
struct session;

/* Acts on what is due, and sets the wheel for what is next. May close the session. */
void deadlines_tick(void *session);
