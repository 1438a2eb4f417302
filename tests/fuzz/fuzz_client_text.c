/* SPDX-License-Identifier: MIT */
/* Texts of clients: commands, words of the room, and the names and positions in them. */
#include "proto/channel.h"
#include "proto/client_frame.h"
#include "proto/json_span.h"
#include "proto/position.h"
#include "proto/room_frame.h"
#include "proto/topic.h"
#include "proto/utf8.h"
#include "tests/fuzz/fuzz.h"

static const struct str seeds[] = {
    STR("{\"type\":\"auth\",\"token\":\"T\",\"id\":17}"),
    STR("{\"type\":\"subscribe\",\"channel\":\"/contest/"
        "a\",\"position\":\"0123456789abcdef:7\",\"id\":\"x\"}"),
    STR("\"ping\""),
    STR("{\"message\":\"hol\\u00e1\"}"),
    STR("{\"gateway\":\"0123456789abcdef\",\"sender\":17,\"timestamp\":\"2026-01-16T14:30:00."
        "123456\","
        "\"message\":\"text\"}"),
    STR("/contest/group:a/admin"),
    STR("/all-events,/user/teams:omi:rojos,/problemset/17/TOKEN,/contest/a/T,/problem/p"),
    STR("0123456789abcdef:18446744073709551615"),
    STR("problemset/9223372036854775807"),
    STR("\xf0\x9f\x98\x80\xc3\xb1\xe2\x82\xac"),
};

bool fuzz_seed(size_t i, struct buf *out)
{
    return fuzz_seed_of(seeds, ARRAY_LEN(seeds), i, out);
}

static void read_commands(struct str text)
{
    struct client_frame f;
    client_frame_parse(text, &f);
    MUST(f.id.n <= 64);
    MUST((f.command == CLIENT_BAD) == (f.why != NULL));
    client_frame_release(&f);

    struct room_frame r;
    const char *why = room_frame_parse(text, &r);
    MUST(why || (r.message.n > 0 && utf8_valid(r.message)));
    room_frame_release(&r);

    struct room_letter l;
    struct buf again = {0};
    if (room_letter_parse(text, &l)) {
        struct room_letter back;
        room_letter_write(&again, &l);
        MUST(!again.failed && room_letter_parse(buf_str(&again), &back));
        MUST(str_eq(back.message, l.message) && back.sender == l.sender);
        room_letter_release(&back);
    }
    buf_release(&again);
    room_letter_release(&l);
}

static void read_names(struct str text)
{
    struct channel c;
    struct filter filters[FILTERS_MAX];
    size_t n = 0;
    const char *why = NULL;
    MUST(!channel_parse(text, &c) || lies_in(c.name, text));
    if (filters_parse(text, filters, FILTERS_MAX, &n, &why)) {
        MUST(n > 0 && n <= FILTERS_MAX && lies_in(filters[n - 1].name, text));
    }
    struct position p;
    char written[POSITION_TEXT_MAX + 1];
    if (position_parse(text, &p)) {
        MUST(str_eq((struct str){written, position_write(&p, written)}, text));
    }
    struct topic_name topic;
    enum topic_kind kind;
    if (topic_name_make(TOPIC_USER, text, &topic)) {
        MUST(topic_kind_of(topic_name_str(&topic), &kind) && kind == TOPIC_USER);
    }
    (void)!topic_kind_of(text, &kind);
    MUST(!utf8_valid(text) || utf8_has_controls(text) || !memchr(text.p ? text.p : "", 0, text.n));
}

/* Nonsense is allowed for what is no JSON, leaving the text is not. */
static void walk_members(struct str text)
{
    struct json_members it;
    struct json_member m;
    (void)json_depth(text);
    json_members_begin(&it, text);
    for (size_t i = 0; i <= text.n && json_members_next(&it, &m); i++) {
        MUST(lies_in(m.whole, text) && lies_in(m.value, m.whole));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str text = {(const char *)data, n};
    read_commands(text);
    read_names(text);
    walk_members(text);
    return 0;
}
