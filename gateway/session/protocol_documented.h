/* SPDX-License-Identifier: MIT */
#pragma once
/* protocol_documented: operations that the documented protocol has over both transports (protocol.h).
 */
#include <stdbool.h>

#include "gateway/session/protocol.h"

void documented_on_joined(struct session_sub *ss, const struct position *p, enum recovered r);
void documented_on_late(struct session_sub *ss);
bool documented_is_first(const struct subscription *sub, const struct event *e);
void documented_recheck_scoreboard(struct session *s, struct str token);
void documented_end(struct session *s, bool is_refused);
