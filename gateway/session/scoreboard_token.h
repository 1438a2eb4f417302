/* SPDX-License-Identifier: MIT */
#pragma once
/* scoreboard_token: what `/scoreboard/T` opens: a hash in Redis, else the frontend is asked.
 */
struct session_sub;

/* Asks; the subscription is allowed or refused when the answer is there, refused now when there is
 * nobody to ask. A live one stays live until the answer is there, and then if there is none. */
void scoreboard_token_look_up(struct session_sub *ss);
/* The same, unless an answer is still to come: may it go on? */
void scoreboard_token_look_again(struct session_sub *ss);
/* The token has changed: nothing is shown before an answer that is younger than this. */
void scoreboard_token_changed(struct session_sub *ss);
