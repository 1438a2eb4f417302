/* SPDX-License-Identifier: MIT */
#include "gateway/access/auth_lines.h"

#include <stdlib.h>

#include "gateway/access/auth_inquiry.h"

const size_t auth_shares[AUTH_CLASSES] =
    {[AUTH_CLASS_KNOWN] = 2, [AUTH_CLASS_NEW] = 1, [AUTH_CLASS_NONE] = 1};

static void line_init(struct auth_line *line, uint64_t key)
{
    list_init(&line->node);
    list_init(&line->length_node);
    list_init(&line->inquiries);
    line->n = 0;
    line->key = key;
}

void lines_init(struct auth_lines *l)
{
    *l = (struct auth_lines){.n_waiting = 0};
    for (size_t i = 0; i < AUTH_CLASSES; i++) {
        struct auth_lines_class *c = &l->classes[i];
        list_init(&c->round);
        for (size_t n = 0; n < AUTH_LINE_LENGTHS; n++) {
            list_init(&c->by_length[n]);
        }
        line_init(&c->rest, 0);
    }
}

void lines_release(struct auth_lines *l)
{
    for (size_t i = 0; i < AUTH_CLASSES; i++) {
        strmap_release(&l->classes[i].lines);
    }
}

static struct str key_str(const uint64_t *key)
{
    return (struct str){(const char *)key, sizeof(*key)};
}

static struct auth_line *find_line(const struct auth_lines_class *c, uint64_t key)
{
    return strmap_get(&c->lines, key_str(&key));
}

/* A new one comes last in the round. */
static struct auth_line *get_line(struct auth_lines_class *c, uint64_t key)
{
    struct auth_line *line = find_line(c, key);
    if (line) {
        return line;
    }
    line = malloc(sizeof(*line));
    if (line) {
        line_init(line, key);
        if (!strmap_add(&c->lines, key_str(&line->key), line)) {
            free(line);
            line = NULL;
        }
    }
    line = line ? line : &c->rest;
    if (list_empty(&line->inquiries)) {
        list_push_back(&c->round, &line->node);
    }
    return line;
}

static void note_length(struct auth_lines_class *c, struct auth_line *line)
{
    list_del(&line->length_node);
    if (line->n > 0) {
        size_t at = MIN(line->n, AUTH_LINE_LENGTHS) - 1;
        list_push_back(&c->by_length[at], &line->length_node);
    }
}

void lines_add(struct auth_lines *l, struct inquiry *q, bool is_back)
{
    struct auth_lines_class *c = &l->classes[q->place.class];
    struct auth_line *line = get_line(c, q->place.key);
    if (is_back) {
        list_push_front(&line->inquiries, &q->line_node);
    } else {
        list_push_back(&line->inquiries, &q->line_node);
    }
    q->line = line;
    line->n++;
    note_length(c, line);
    c->n_waiting++;
    l->n_waiting++;
    l->bytes += q->bytes;
}

void lines_remove(struct auth_lines *l, struct inquiry *q)
{
    struct auth_line *line = q->line;
    if (!line) {
        return;
    }
    struct auth_lines_class *c = &l->classes[q->place.class];
    q->line = NULL;
    list_del(&q->line_node);
    line->n--;
    note_length(c, line);
    c->n_waiting--;
    l->n_waiting--;
    l->bytes -= q->bytes;
    if (line->n > 0) {
        return;
    }
    list_del(&line->node);
    if (line != &c->rest) {
        (void)strmap_remove(&c->lines, key_str(&line->key));
        free(line);
    }
}

void lines_move(struct auth_lines *l, struct inquiry *q, struct auth_place place)
{
    const struct auth_line *other = find_line(&l->classes[place.class], place.key);
    bool is_better = place.class != q->place.class ? place.class < q->place.class
                                                   : !other || other->n + 1 < q->line->n;
    if (other != q->line && is_better) {
        lines_remove(l, q);
        q->place = place;
        lines_add(l, q, false);
    }
}

/* Has class a less of its share than b? Of equals the one whose last turn is longer ago. */
static bool is_before(const struct auth_lines *l, size_t a, size_t b)
{
    const struct auth_lines_class *ca = &l->classes[a], *cb = &l->classes[b];
    size_t of_a = ca->n_asked * auth_shares[b], of_b = cb->n_asked * auth_shares[a];
    return of_a != of_b ? of_a < of_b : ca->served < cb->served;
}

struct inquiry *lines_next(struct auth_lines *l)
{
    size_t best = AUTH_CLASSES;
    for (size_t i = 0; i < AUTH_CLASSES; i++) {
        if (l->classes[i].n_waiting > 0 && (best == AUTH_CLASSES || is_before(l, i, best))) {
            best = i;
        }
    }
    if (best == AUTH_CLASSES) {
        return NULL;
    }
    struct auth_lines_class *c = &l->classes[best];
    struct list *node = list_first(&c->round);
    struct auth_line *line = LIST_ENTRY(node, struct auth_line, node);
    list_del(node);
    list_push_back(&c->round, node);
    return LIST_ENTRY(list_first(&line->inquiries), struct inquiry, line_node);
}

struct inquiry *lines_newest_of_longest(const struct auth_lines *l)
{
    size_t fullest = 0;
    for (size_t i = 1; i < AUTH_CLASSES; i++) {
        if (l->classes[i].n_waiting * auth_shares[fullest] >=
            l->classes[fullest].n_waiting * auth_shares[i]) {
            fullest = i;
        }
    }
    const struct auth_lines_class *c = &l->classes[fullest];
    for (size_t n = AUTH_LINE_LENGTHS; n-- > 0;) {
        if (!list_empty(&c->by_length[n])) {
            struct auth_line *line =
                LIST_ENTRY(c->by_length[n].prev, struct auth_line, length_node);
            return LIST_ENTRY(line->inquiries.prev, struct inquiry, line_node);
        }
    }
    return NULL;
}

void lines_note_asked(struct auth_lines *l, enum auth_class class)
{
    l->classes[class].n_asked++;
    l->classes[class].served = ++l->turns;
}

void lines_note_answered(struct auth_lines *l, enum auth_class class)
{
    l->classes[class].n_asked--;
}
