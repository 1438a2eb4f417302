/* SPDX-License-Identifier: MIT */
#pragma once
/* session_scoreboard: what `/scoreboard/T` opens: a hash in Redis, else the frontend is asked.
 */
struct session;
struct session_sub;

/* Asks; the subscription is allowed or refused when the answer is there, refused now when there is
 * nobody to ask. A live one stays live until the answer is there, and then if there is none. */
void session_scoreboard_look_up(struct session *s, struct session_sub *ss);
/* The same, unless an answer is still to come: may it go on? */
void session_scoreboard_look_again(struct session *s, struct session_sub *ss);
