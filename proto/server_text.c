/* SPDX-License-Identifier: MIT */
/* server_text: key by key in the order of section 1. Every text begins with its type. */
#include "proto/server_text.h"

/* {"type":"TYPE" */
static void begin(struct buf *b, struct str type)
{
    buf_add(b, STR("{\"type\":"));
    buf_add_json(b, type);
}

static const struct str words[SERVER_WORDS] = {
#define WORD(name, text) [SERVER_WORD_##name] = {text, sizeof(text) - 1},
    SERVER_WORD_LIST(WORD)
#undef WORD
};

struct str server_word_str(enum server_word w)
{
    return words[w];
}

bool server_word_is(struct str type)
{
    for (size_t i = 0; i < SERVER_WORDS; i++) {
        if (str_eq(type, words[i])) {
            return true;
        }
    }
    return false;
}

static void begin_own(struct buf *b, enum server_word w)
{
    begin(b, words[w]);
}

/* ,"KEY": */
static void add_key(struct buf *b, struct str key)
{
    buf_addc(b, ',');
    buf_add_json(b, key);
    buf_addc(b, ':');
}

static void add_string(struct buf *b, struct str key, struct str value)
{
    add_key(b, key);
    buf_add_json(b, value);
}

static void add_position(struct buf *b, const struct position *p)
{
    char text[POSITION_TEXT_MAX + 1];
    add_string(b, STR("position"), (struct str){text, position_write(p, text)});
}

static void end(struct buf *b)
{
    buf_addc(b, '}');
}

/* Ends an answer: the id of its command stands last. */
static void end_answer(struct buf *b, struct str id)
{
    if (id.n > 0) {
        add_key(b, STR("id"));
        buf_add(b, id);
    }
    end(b);
}

void server_text_auth_success(struct buf *b, struct str id, struct str username)
{
    begin_own(b, SERVER_WORD_AUTH_SUCCESS);
    add_string(b, STR("username"), username);
    end_answer(b, id);
}

void server_text_subscribed(struct buf *b, struct str id, struct str channel,
                            const struct position *p, enum recovered r)
{
    begin_own(b, SERVER_WORD_SUBSCRIBED);
    add_string(b, STR("channel"), channel);
    add_position(b, p);
    if (r != RECOVERED_UNASKED) {
        add_key(b, STR("recovered"));
        buf_add(b, r == RECOVERED_YES ? STR("true") : STR("false"));
    }
    end_answer(b, id);
}

void server_text_unsubscribed(struct buf *b, struct str id, struct str channel)
{
    begin_own(b, SERVER_WORD_UNSUBSCRIBED);
    add_string(b, STR("channel"), channel);
    end_answer(b, id);
}

void server_text_pong(struct buf *b, struct str id)
{
    begin_own(b, SERVER_WORD_PONG);
    end_answer(b, id);
}

void server_text_error(struct buf *b, struct str id, enum error_code code, struct str channel,
                       const char *message)
{
    begin_own(b, SERVER_WORD_ERROR);
    add_string(b, STR("error"), str_of(error_code_str(code)));
    if (channel.n > 0) {
        add_string(b, STR("channel"), channel);
    }
    add_string(b, STR("message"), str_of(message ? message : error_code_message(code)));
    end_answer(b, id);
}

void server_text_reset(struct buf *b, struct str channel, const struct position *p)
{
    begin_own(b, SERVER_WORD_RESET);
    add_string(b, STR("channel"), channel);
    add_position(b, p);
    end(b);
}

void server_text_position(struct buf *b, struct str channel, const struct position *p)
{
    begin_own(b, SERVER_WORD_POSITION);
    add_string(b, STR("channel"), channel);
    add_position(b, p);
    end(b);
}

void server_text_revoked(struct buf *b, struct str channel)
{
    begin_own(b, SERVER_WORD_REVOKED);
    add_string(b, STR("channel"), channel);
    end(b);
}

void server_text_reconnect(struct buf *b, unsigned after_ms, unsigned deadline_ms)
{
    begin_own(b, SERVER_WORD_RECONNECT);
    add_key(b, STR("after"));
    buf_add_u64(b, after_ms);
    add_key(b, STR("deadline"));
    buf_add_u64(b, deadline_ms);
    end(b);
}

void server_text_event(struct buf *b, const struct event *e, struct str channel,
                       const struct position *p, unsigned skipped)
{
    begin(b, e->type_name);
    add_string(b, STR("channel"), channel);
    add_key(b, STR("timestamp"));
    buf_add_i64(b, e->timestamp_s);
    add_string(b, STR("id"), e->id);
    add_position(b, p);
    if (skipped > 0) {
        add_key(b, STR("skipped"));
        buf_add_u64(b, skipped);
    }
    add_key(b, STR("data"));
    for (size_t i = 0; i < e->n_data; i++) {
        buf_add(b, e->data[i]);
    }
    if (event_data_bytes(e) == 0) {
        buf_add(b, STR("null")); /* the text stays JSON whatever the publisher wrote */
    }
    end(b);
}
