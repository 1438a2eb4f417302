/* SPDX-License-Identifier: MIT */
#pragma once
/* list: circular, doubly linked, intrusive. The head is a node as well; an element that is in no
 * list is linked to itself, so list_del() is harmless twice.
 */
#include <stdbool.h>

#include "common/compiler.h"

struct list {
    struct list *prev, *next;
};

static inline void list_init(struct list *l)
{
    l->prev = l;
    l->next = l;
}

static inline bool list_empty(const struct list *l)
{
    return l->next == l;
}

static inline void list_insert_between_(struct list *node, struct list *prev, struct list *next)
{
    node->prev = prev;
    node->next = next;
    prev->next = node;
    next->prev = node;
}

static inline void list_push_back(struct list *head, struct list *node)
{
    list_insert_between_(node, head->prev, head);
}

static inline void list_push_front(struct list *head, struct list *node)
{
    list_insert_between_(node, head, head->next);
}

static inline void list_del(struct list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}

/* The first node, or NULL. */
static inline struct list *list_first(const struct list *head)
{
    /* The analyzer takes the head for one that still points at a node list_del() took out. */
    return list_empty(head) ? NULL : head->next; /* NOLINT(clang-analyzer-unix.Malloc) */
}

#define LIST_ENTRY(node, type, member) CONTAINER_OF(node, type, member)
/* The body may remove `it` from the list, and nothing else. */
#define LIST_FOR_EACH(it, tmp, head)                                                               \
    for (struct list *it = (head)->next, *tmp = it->next; it != (head); it = tmp, tmp = it->next)
