/* SPDX-License-Identifier: MIT */
#pragma once
/* limits: every bound of the wire formats that is not a setting. protocol.md names each.
 */
#define LIMIT_CLIENT_MESSAGE_BYTES 4096 /* one WebSocket message from a client: 1009 over it */
#define LIMIT_ROOM_MESSAGE_BYTES 16384
#define LIMIT_ROOM_MESSAGES_PER_SECOND 10
#define LIMIT_COMMAND_ID_BYTES 64 /* "id" of a command: a string's bytes, a number's text */
#define LIMIT_COMMANDS_WAITING 32 /* behind a pending auth; then reading pauses */
#define LIMIT_COMMANDS_WAITING_BYTES 4096
#define LIMIT_STRANGER_QUESTIONS_BURST 16 /* to the judge, of a connection without a credential */
#define LIMIT_STRANGER_QUESTIONS_PER_SECOND 1
#define LIMIT_REPLAY_BURST_BYTES 16777216 /* replays to one connection, at once; then paced: */
#define LIMIT_REPLAY_BYTES_PER_SECOND 1048576
#define LIMIT_COMMANDS_PER_SECOND 20
#define LIMIT_COMMANDS_BURST 200
/* Any frame, fragments, pings and pongs included. */
#define LIMIT_FRAMES_PER_SECOND 100
#define LIMIT_FRAMES_BURST 1000
#define LIMIT_REFUSED_AUTHS 5 /* then rate_limited for LIMIT_AUTH_PENALTY_MS */
#define LIMIT_AUTH_PENALTY_MS 60000
#define LIMIT_HANDSHAKE_MS 5000      /* from accept to the end of the request's headers */
#define LIMIT_IDLE_STRANGER_MS 30000 /* neither authenticated nor subscribed: 1008 */
#define LIMIT_REQUEST_LINE_BYTES 16384
#define LIMIT_REQUEST_HEADER_BYTES 65536
#define LIMIT_SUBSCRIBE_WAIT_MS 5000 /* for Redis; then unavailable */
#define LIMIT_TOPIC_LINGER_MS 10000  /* a topic is left so long after its last session */
#define LIMIT_TOKEN_BYTES 512
#define LIMIT_ALIAS_BYTES 100
#define LIMIT_USER_BYTES 200
#define LIMIT_USER_PARTS 3
#define LIMIT_NAME_BYTES 200 /* a name outside the grammar, in the grader's form */
#define LIMIT_SCOREBOARD_TOKEN_BYTES 64
#define LIMIT_TYPE_BYTES 64 /* an event's type */
#define LIMIT_JSON_DEPTH 64
#define LIMIT_FRAGMENT_BYTES 32768 /* a larger text leaves in several fragments of one message */
#define LIMIT_FRONTEND_ANSWER_BYTES 1048576
#define LIMIT_AUTH_CACHE_ENTRIES 65536
#define LIMIT_AUTH_WAITING 4096          /* questions that wait for the frontend, */
#define LIMIT_AUTH_WAITING_BYTES 8388608 /* and their bytes */
#define LIMIT_AUTH_WAIT_MS 60000
#define LIMIT_AUTH_CALL_MS 5000
#define LIMIT_LOG_PAGE_ENTRIES 64
#define LIMIT_LOG_PAGE_BYTES 262144
#define LIMIT_TOPIC_PENDING_BYTES                                                                  \
    4194304                            /* live messages that wait for a gap's repair, per topic */
#define LIMIT_PUBLISHER_IN_FLIGHT 1024 /* requests waiting for Redis; and their bytes: */
#define LIMIT_PUBLISHER_IN_FLIGHT_BYTES 67108864
#define LIMIT_PUBLISHER_REQUEST_MS 10000 /* a whole request must arrive within */
#define LIMIT_PUBLISHER_IDLE_MS 60000    /* an idle connection of nobody we know is closed after */
#define LIMIT_PUBLISHER_STRANGER_MS 5000 /* from accept to the first request of nobody we know */
#define LIMIT_PUBLISHER_STRANGERS 512    /* connections of nobody we know; then the oldest of the */
                                         /* address that holds most gives way */
#define LIMIT_PUBLISHER_IDENTIFIED 3584  /* connections of the others */
