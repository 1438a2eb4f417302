/* SPDX-License-Identifier: MIT */
#pragma once
/* sd_notify: tells systemd what the process is about, when systemd started it (Type=notify-reload).
 * Without NOTIFY_SOCKET in the environment all of these do nothing.
 */

void sd_notify_ready(void);     /* the ports listen; also ends a reload */
void sd_notify_reloading(void); /* until the next sd_notify_ready() */
void sd_notify_stopping(void);
