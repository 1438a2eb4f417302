/* SPDX-License-Identifier: MIT */
/* users: a map from name to a list of the sessions' nodes. */
#include "gateway/hub/users.h"

#include <assert.h>
#include <stdlib.h>

#include "common/strmap.h"

struct user {
    struct list sessions; /* of the sessions' nodes, borrowed; never empty */
    size_t n;
    char name[]; /* n bytes; the map's key */
};

struct users {
    struct strmap by_name; /* of struct user, owned */
};

struct users *users_create(void)
{
    return calloc(1, sizeof(struct users));
}

struct users *users_free(struct users *u)
{
    if (!u) {
        return NULL;
    }
    assert(u->by_name.count == 0); /* a session would point at a freed name */
    strmap_release(&u->by_name);
    free(u);
    return NULL;
}

struct str user_name(const struct user *user)
{
    return (struct str){user->name, user->n};
}

static struct user *add_user(struct users *u, struct str name)
{
    struct user *user = malloc(sizeof(*user) + name.n);
    if (!user) {
        return NULL;
    }
    list_init(&user->sessions);
    user->n = name.n;
    memcpy(user->name, name.p, name.n);
    if (!strmap_add(&u->by_name, user_name(user), user)) {
        free(user);
        return NULL;
    }
    return user;
}

struct user *users_attach(struct users *u, struct str name, struct list *node)
{
    assert(name.n > 0);
    struct user *user = strmap_get(&u->by_name, name);
    if (!user) {
        user = add_user(u, name);
    }
    if (user) {
        list_push_back(&user->sessions, node);
    }
    return user;
}

void users_detach(struct users *u, struct user *user, struct list *node)
{
    list_del(node);
    if (list_empty(&user->sessions)) {
        (void)strmap_remove(&u->by_name, user_name(user)); /* it is there: we hold it */
        free(user);
    }
}

struct list *users_sessions(struct users *u, struct str name)
{
    struct user *user = strmap_get(&u->by_name, name);
    return user ? &user->sessions : NULL;
}

size_t users_count(const struct users *u)
{
    return u->by_name.count;
}
