/* SPDX-License-Identifier: MIT */
#include "gateway/transport/farewell.h"

#include <stdlib.h>

#include "common/compiler.h"
#include "common/net/stream.h"

enum { FAREWELL_S = 2 };

struct farewell {
    struct list node;      /* in the server's list */
    struct stream *stream; /* owned */
};

static void end(struct farewell *f)
{
    stream_free(f->stream);
    list_del(&f->node);
    free(f);
}

static void on_closed(void *arg)
{
    end(arg);
}

static const struct stream_handler handler = {.on_closed = on_closed};

void farewell_to(struct list *farewells, struct stream *s)
{
    struct farewell *f = calloc(1, sizeof(*f));
    if (!f) {
        stream_free(s);
        return;
    }
    f->stream = s;
    list_push_back(farewells, &f->node);
    stream_set_handler(s, &handler, f);
    stream_set_deadline(s, FAREWELL_S);
    stream_finish(s, true);
}

void farewell_end_all(struct list *farewells)
{
    LIST_FOR_EACH (node, next, farewells) {
        end(LIST_ENTRY(node, struct farewell, node));
    }
}
