/* SPDX-License-Identifier: MIT */
#include "gateway/transport/page.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/config/settings.h"
#include "common/http/http_reader.h"
#include "gateway/access/auth.h"
#include "gateway/gw.h"
#include "gateway/gw_metrics.h"
#include "gateway/transport/api_docs.h"
#include "gateway/transport/console_file.h"
#include "gateway/transport/console_path.h"
#include "gateway/transport/credentials.h"
#include "gateway/transport/http_pages.h"
#include "gateway/transport/origin.h"

#define ADMINS_ONLY "only system administrators may see this"

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

bool page_is_for(const struct http_head *r)
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

static bool has_etag(const struct http_head *r, const char *etag)
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

static bool open_console(const struct page *p, const char *name, struct console_file *out)
{
    const char *dir = p->gw->settings->console.dir;
    return *dir && console_file_open(dir, name, out);
}

/* Takes over the file. */
static void serve_file(struct page *p, const struct http_head *r, const char *name,
                       const struct console_file *f)
{
    const struct http_page_head head = {.type = console_path_type(name),
                                        .bytes = (size_t)f->size,
                                        .etag = f->etag,
                                        .is_immutable = console_path_is_immutable(name),
                                        .is_unchanged = has_etag(r, f->etag)};
    http_pages_head(&head, &p->head);
    p->fd = f->fd;
    p->file_bytes = head.is_unchanged ? 0 : (size_t)f->size;
}

static void serve_console(struct page *p, const struct http_head *r)
{
    char name[CONSOLE_PATH_MAX];
    struct console_file f;
    struct str rest = str_after(r->path, STR("/console/").n);
    if (console_path_clean(rest, name) && open_console(p, name, &f)) {
        serve_file(p, r, name, &f);
    } else {
        say_missing(p);
    }
}

/* A folder `docs` in Console.Dir takes the place of our own pages, not of the descriptions. */
static void serve_docs(struct page *p, const struct http_head *r)
{
    char name[CONSOLE_PATH_MAX];
    char path[sizeof("docs/") + CONSOLE_PATH_MAX];
    struct console_file f;
    bool has_slash = !str_eq(r->path, STR("/docs"));
    struct str rest = has_slash ? str_after(r->path, STR("/docs/").n) : STR_NONE;
    if (!console_path_clean(rest, name)) {
        say_missing(p);
        return;
    }
    (void)snprintf(path, sizeof(path), "docs/%s", name);
    if (!api_docs_is_description(str_of(name)) && open_console(p, path, &f)) {
        if (has_slash) {
            serve_file(p, r, path, &f);
        } else { /* its links are relative */
            (void)close(f.fd);
            http_pages_redirect("docs/", &p->head);
        }
    } else if (api_docs_find(str_of(name), &p->text)) {
        const struct http_page_head head = {.type = console_path_type(name), .bytes = p->text.n};
        http_pages_head(&head, &p->head);
    } else {
        say_missing(p);
    }
}

/* ---- gauges ---- */

static void say_gauges(struct page *p)
{
    struct buf body = {0};
    gw_metrics_render_json(p->gw->metrics, p->gw->instance, clock_wall_ms(), &body);
    http_pages_json(buf_str(&body), p->is_head, &p->head);
    p->head.failed |= body.failed;
    buf_release(&body);
}

static void on_who(const struct auth_answer *a, void *arg)
{
    struct page *p = arg;
    p->call = NULL;
    switch (a->result) {
    case AUTH_OK: a->admin ? say_gauges(p) : say(p, 403, ADMINS_ONLY); break;
    case AUTH_FORBIDDEN:
    case AUTH_NOT_FOUND: say(p, 403, ADMINS_ONLY); break;
    case AUTH_UNAUTHORIZED: say(p, 401, "this credential is nobody's"); break;
    case AUTH_UNAVAILABLE: say(p, 503, "who this is cannot be asked now"); break;
    }
    p->on_ready(p->arg);
}

static void ask_who(struct page *p, const struct http_head *r, uint64_t client)
{
    bool cookies = origin_is_allowed(r, &p->gw->settings->broadcaster.allowed_origins);
    const struct auth_question q = {
        .kind = AUTH_WHO, .credential.token = credentials_find(r, cookies), .client = client};
    if (q.credential.token.n == 0) {
        say(p, 401, "this is for system administrators: a token is needed");
        return;
    }
    p->call = auth_ask(p->gw->auth, &q, on_who, p);
    if (!p->call) {
        say(p, 503, "who this is cannot be asked now");
    }
}

/* ---- life ---- */

static void decide(struct page *p, const struct page_options *o)
{
    const struct http_head *r = o->request;
    bool has_console = *p->gw->settings->console.dir != '\0';
    if (!p->is_head && !str_eq(r->method, STR("GET"))) {
        say(p, 405, "pages are read with GET or HEAD");
    } else if (str_starts(r->path, STR("/docs"))) {
        serve_docs(p, r);
    } else if (!has_console) {
        say_missing(p);
    } else if (str_eq(r->path, STR("/console"))) {
        http_pages_redirect("console/", &p->head);
    } else if (!str_eq(r->path, STR("/console/metrics"))) {
        serve_console(p, r);
    } else if (o->is_local) {
        say_gauges(p);
    } else {
        ask_who(p, r, o->client);
    }
}

struct page *page_create(const struct page_options *o)
{
    struct page *p = calloc(1, sizeof(*p));
    if (!p) {
        return NULL;
    }
    p->gw = o->gw;
    p->on_ready = o->on_ready;
    p->arg = o->arg;
    p->is_head = str_eq(o->request->method, STR("HEAD"));
    p->fd = -1;
    decide(p, o);
    return p->head.failed ? page_free(p) : p;
}

struct page *page_free(struct page *p)
{
    if (p) {
        auth_cancel(p->call);
        if (p->fd >= 0) {
            (void)close(p->fd);
        }
        buf_release(&p->head);
        free(p);
    }
    return NULL;
}

bool page_is_ready(const struct page *p)
{
    return !p->call;
}

/* ---- pieces ---- */

static size_t copy_from(struct str s, size_t at, char *out, size_t max)
{
    size_t n = MIN(s.n - at, max);
    if (n > 0) {
        memcpy(out, s.p + at, n);
    }
    return n;
}

bool page_read(struct page *p, char *out, size_t max, size_t *out_n)
{
    if (p->head.failed) {
        return false;
    }
    if (p->sent < p->head.n) {
        *out_n = copy_from(buf_str(&p->head), p->sent, out, max);
        return true;
    }
    size_t at = p->sent - p->head.n;
    if (p->is_head || p->fd < 0) {
        *out_n = p->is_head ? 0 : copy_from(p->text, at, out, max);
        return true;
    }
    size_t want = MIN(p->file_bytes - at, max);
    ssize_t n = 0;
    while (want > 0 && (n = pread(p->fd, out, want, (off_t)at)) < 0 && errno == EINTR) {
    }
    *out_n = n > 0 ? (size_t)n : 0;
    return want == 0 || n > 0; /* else it was made shorter meanwhile */
}

void page_took(struct page *p, size_t n)
{
    p->sent += n;
}
