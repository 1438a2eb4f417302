/* SPDX-License-Identifier: MIT */
#pragma once
/* control: what backends tell all gateways beside events: this user's sessions must end; this
 * scoreboard token opens that contest. The messages are described in proto/control.md.
 */
#include <stdbool.h>

#include "common/compiler.h"
#include "common/http/http_server.h"
#include "common/redis/redis_link.h"

struct control;
struct pub_metrics;

/* prefix: P; copied. NULL: out of memory. */
struct control *control_create(const char *prefix, struct pub_metrics *m);
/* After the link, which ends what is still waiting. Accepts NULL. */
struct control *control_free(struct control *c);
DEFINE_AUTO(control)
/* The script that the link must load. */
struct redis_script *control_script(struct control *c);
/* Before any request. */
void control_set_link(struct control *c, struct redis_link *link);

/* Each will reply. user and token are percent-decoded, and not yet checked. */
void control_deauthenticate(struct control *c, struct http_exchange *x, struct str user);
/* The body says what the token opens. */
void control_scoreboard_put(struct control *c, struct http_exchange *x, struct str token);
void control_scoreboard_delete(struct control *c, struct http_exchange *x, struct str token);
