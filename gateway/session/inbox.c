/* SPDX-License-Identifier: MIT */
#include "gateway/session/inbox.h"

#include <stdlib.h>
#include <string.h>

#include "proto/limits.h"

void inbox_init(struct inbox *in)
{
    *in = (struct inbox){.count = 0};
    list_init(&in->waiting);
}

bool inbox_put(struct inbox *in, struct str text)
{
    struct inbox_command *c = malloc(sizeof(*c) + text.n);
    if (!c) {
        return false;
    }
    c->len = (uint32_t)text.n;
    memcpy(c->text, text.p, text.n);
    list_push_back(&in->waiting, &c->node);
    in->count++;
    in->bytes += c->len;
    return true;
}

struct inbox_command *inbox_take(struct inbox *in)
{
    struct list *node = list_first(&in->waiting);
    if (!node) {
        return NULL;
    }
    struct inbox_command *c = LIST_ENTRY(node, struct inbox_command, node);
    list_del(node);
    in->count--;
    in->bytes -= c->len;
    return c;
}

bool inbox_is_full(const struct inbox *in)
{
    return in->count >= LIMIT_COMMANDS_WAITING || in->bytes >= LIMIT_COMMANDS_WAITING_BYTES;
}

bool inbox_has_room(const struct inbox *in)
{
    return in->count < LIMIT_COMMANDS_WAITING / 2 && in->bytes < LIMIT_COMMANDS_WAITING_BYTES / 2;
}

void inbox_clear(struct inbox *in)
{
    struct inbox_command *c;
    while ((c = inbox_take(in)) != NULL) {
        free(c);
    }
}
