/* SPDX-License-Identifier: MIT */
#pragma once
/* redis_server: a real redis-server for one test: in a folder of its own, on a Unix socket and a
 * free port of 127.0.0.1, without persistence. A failure to start ends the test program.
 */
#include <stdint.h>
#include <sys/types.h>

struct redis_server {
    pid_t pid; /* 0: not running */
    uint16_t port;
    char dir[64];
    char socket[96];
};
/* Chooses folder and port. */
void redis_server_prepare(struct redis_server *s);
/* Starts it and waits until it listens. args: more options, ended by NULL; or NULL. "--sentinel",
 * FILE at their beginning make it a Sentinel with that configuration. */
void redis_server_start(struct redis_server *s, const char *const *args);
/* Ends it and waits; harmless when it is not running. */
void redis_server_stop(struct redis_server *s);
/* Stops it and removes the folder. */
void redis_server_remove(struct redis_server *s);
/* A port of 127.0.0.1 that nobody listens on. */
uint16_t free_port(void);
