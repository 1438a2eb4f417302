/* SPDX-License-Identifier: MIT */
#include "gateway/page.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/settings.h"
#include "gateway/api_docs.h"
#include "gateway/auth.h"
#include "gateway/console_file.h"
#include "gateway/console_path.h"
#include "gateway/credentials.h"
#include "gateway/gw.h"
#include "gateway/gw_metrics.h"
#include "gateway/http_pages.h"
#include "gateway/origin.h"
#include "gateway/request.h"

/* What is sent: the head, and behind it a body that is one of three. */
struct page {
    struct gw *gw; /* borrowed */
    void (*on_ready)(void *arg);
    void *arg;
    struct auth_call *call; /* borrowed; the question who asks, or NULL */
    bool is_head;           /* HEAD: without the body */
    struct buf head;        /* and short bodies */
    struct str text;        /* static */
    int fd;                 /* owned; -1: none */
    size_t file_bytes;
    size_t sent; /* of head and body together */
};

bool page_is_for(const struct request *r)
{
    return str_eq(r->path, STR("/docs")) || str_starts(r->path, STR("/docs/")) ||
           str_eq(r->path, STR("/console")) || str_starts(r->path, STR("/console/"));
}

/* ---- what there is to say ---- */

static void say(struct page *p, int status, const char *why)
{
    http_pages_sentence(status, why, p->is_head, &p->head);
}

static void say_missing(struct page *p)
{
    say(p, 404, "there is no such page");
}

static bool has_etag(const struct request *r, const char *etag)
{
    struct str weak = STR("W/");
    for (size_t i = 0; i < r->if_none_match.n; i++) {
        struct str one = r->if_none_match.v[i];
        one = str_starts(one, weak) ? str_after(one, weak.n) : one;
        if (str_eq(one, str_of(etag))) {
            return true;
        }
    }
    return false;
}

/* False: there is no such file below Console.Dir, or it has no Console.Dir. */
static bool serve_file(struct page *p, const struct request *r, const char *name)
{
    struct console_file f;
    const char *dir = p->gw->settings->console.dir;
    if (!*dir || !console_file_open(dir, name, &f)) {
        return false;
    }
    const struct http_page_head head = {.type = console_path_type(name),
                                        .bytes = (size_t)f.size,
                                        .etag = f.etag,
                                        .is_immutable = console_path_is_immutable(name),
                                        .is_unchanged = has_etag(r, f.etag)};
    http_pages_head(&head, &p->head);
    if (head.is_unchanged) {
        (void)close(f.fd);
    } else {
        p->fd = f.fd;
        p->file_bytes = (size_t)f.size;
    }
    return true;
}

static void serve_console(struct page *p, const struct request *r)
{
    char name[CONSOLE_PATH_MAX];
    struct str rest = str_after(r->path, STR("/console/").n);
    if (!console_path_clean(rest, name) || !serve_file(p, r, name)) {
        say_missing(p);
    }
}

/* A folder `docs` in Console.Dir takes the place of our own pages, not of the descriptions. */
static void serve_docs(struct page *p, const struct request *r)
{
    char name[CONSOLE_PATH_MAX] = "docs/";
    size_t n = strlen(name);
    bool has_slash = r->path.n > n;
    struct str rest = has_slash ? str_after(r->path, n + 1) : STR_NONE;
    char clean[CONSOLE_PATH_MAX];
    if (!console_path_clean(rest, clean) || strlen(clean) >= sizeof(name) - n) {
        say_missing(p);
        return;
    }
    const struct api_doc *doc = api_docs_find(clean);
    memcpy(name + n, clean, strlen(clean) + 1);
    if (!(doc && doc->is_description) && serve_file(p, r, name)) {
        if (!has_slash) { /* its links are relative */
            if (p->fd >= 0) {
                p->fd = close(p->fd) < 0 ? -1 : -1;
            }
        }
        return;
    }
    if (!doc) {
        say_missing(p);
        return;
    }
    const struct http_page_head head = {.type = console_path_type(clean), .bytes = doc->text.n};
    http_pages_head(&head, &p->head);
    p->text = doc->text;
}
