/* SPDX-License-Identifier: MIT */
#pragma once
/* users: who is connected to this gateway: name -> sessions. A name is stored once and shared.
 */
#include <stddef.h>

#include "common/compiler.h"
#include "common/list.h"
#include "common/str.h"

struct user;
struct users;

struct users *users_create(void);
struct users *users_free(struct users *u); /* accepts NULL; all sessions have left */
/* Joins `node` (in a session) to the user of this name, made when new. NULL: out of memory. The
 * name must not be empty. */
struct user *users_attach(struct users *u, struct str name, struct list *node);
/* The last one frees the user. */
void users_detach(struct users *u, struct user *user, struct list *node);
struct str user_name(const struct user *user); /* as long as a session is attached */
/* The list of nodes of this user's sessions, or NULL. */
struct list *users_sessions(struct users *u, struct str name);
size_t users_count(const struct users *u);
