/* SPDX-License-Identifier: MIT */
/* http_crowd: some hundred addresses at the most, so lists are searched from their beginning. */
#include "common/http/http_crowd.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_BYTES = 16, NETWORK_BYTES = 8 };

struct http_crowd_group {
    struct list node;    /* in the crowd's groups */
    struct list members; /* of struct http_crowd_member, borrowed; the oldest first */
    size_t n;
    unsigned char key[KEY_BYTES];
};

static void key_of(const struct sockaddr *peer, unsigned char out[static KEY_BYTES])
{
    memset(out, 0, KEY_BYTES);
    if (peer && peer->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)peer;
        memset(out + 10, 0xff, 2);
        memcpy(out + 12, &v4->sin_addr, 4);
    } else if (peer && peer->sa_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)peer;
        bool is_v4 = IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr);
        memcpy(out, &v6->sin6_addr, is_v4 ? KEY_BYTES : NETWORK_BYTES);
    }
}

static struct http_crowd_group *group_of(struct http_crowd *c, const struct sockaddr *peer)
{
    unsigned char key[KEY_BYTES];
    key_of(peer, key);
    LIST_FOR_EACH (node, next, &c->groups) {
        struct http_crowd_group *g = LIST_ENTRY(node, struct http_crowd_group, node);
        if (memcmp(g->key, key, KEY_BYTES) == 0) {
            return g;
        }
    }
    struct http_crowd_group *g = calloc(1, sizeof(*g));
    if (g) {
        memcpy(g->key, key, KEY_BYTES);
        list_init(&g->members);
        list_push_back(&c->groups, &g->node);
    }
    return g;
}

void http_crowd_init(struct http_crowd *c)
{
    list_init(&c->groups);
    c->n = 0;
}

bool http_crowd_enter(struct http_crowd *c, struct http_crowd_member *m,
                      const struct sockaddr *peer)
{
    m->group = group_of(c, peer);
    if (!m->group) {
        return false;
    }
    list_push_back(&m->group->members, &m->node);
    m->group->n++;
    c->n++;
    return true;
}

void http_crowd_leave(struct http_crowd *c, struct http_crowd_member *m)
{
    struct http_crowd_group *g = TAKE(m->group);
    if (!g) {
        return;
    }
    list_del(&m->node);
    c->n--;
    if (--g->n == 0) {
        list_del(&g->node);
        free(g);
    }
}

void http_crowd_renew(struct http_crowd_member *m)
{
    if (m->group) {
        list_del(&m->node);
        list_push_back(&m->group->members, &m->node);
    }
}

struct http_crowd_member *http_crowd_weakest(struct http_crowd *c)
{
    struct http_crowd_group *largest = NULL;
    LIST_FOR_EACH (node, next, &c->groups) {
        struct http_crowd_group *g = LIST_ENTRY(node, struct http_crowd_group, node);
        if (!largest || g->n > largest->n) {
            largest = g;
        }
    }
    return largest ? LIST_ENTRY(list_first(&largest->members), struct http_crowd_member, node)
                   : NULL;
}
