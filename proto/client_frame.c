/* SPDX-License-Identifier: MIT */
/* client_frame: what a client says. Everything lives in one block of memory:
 *
 *     memory -> [ the text of "id" | yyjson's pool: document and strings ]
 */
#include "proto/client_frame.h"

#include <stdlib.h>
#include <string.h>
#include <yyjson.h>

#include "common/compiler.h"
#include "proto/json_fields.h"

/* A string's bytes may each be written as six characters, between two quotes. */
#define ID_TEXT_MAX (6 * LIMIT_COMMAND_ID_BYTES + 2)

enum { FIELD_TYPE, FIELD_ID, FIELD_TOKEN, FIELD_CHANNEL, FIELD_POSITION, FIELDS };

static void bad(struct client_frame *f, const char *why)
{
    f->command = CLIENT_BAD;
    f->why = why;
}

static yyjson_doc *read_text(struct str text, struct client_frame *f)
{
    size_t pool_bytes = yyjson_read_max_memory_usage(text.n, JSON_READ_FLAGS);
    yyjson_alc pool;

    f->memory = malloc(ID_TEXT_MAX + pool_bytes);
    if (!f->memory || !yyjson_alc_pool_init(&pool, f->memory + ID_TEXT_MAX, pool_bytes)) {
        bad(f, "out of memory");
        return NULL;
    }
    /* Without the in-situ flag yyjson only reads the text, in spite of its prototype. */
    yyjson_doc *doc = yyjson_read_opts((char *)text.p, text.n, JSON_READ_FLAGS, &pool, NULL);
    if (!doc) {
        bad(f, "not JSON");
    }
    return doc;
}

static bool has_zero_byte(struct str s)
{
    return s.n > 0 && memchr(s.p, '\0', s.n) != NULL;
}

/* The text of the id is kept as it was written: it is valid JSON, and goes back unchanged. */
static bool take_id(const struct json_field *id, struct client_frame *f)
{
    struct str text = id->at.value;

    if (!id->value) {
        return true;
    }
    bool is_string = yyjson_is_str(id->value);
    struct str said = is_string ? json_str(id->value) : text;
    if (said.n > LIMIT_COMMAND_ID_BYTES || (!is_string && !yyjson_is_raw(id->value)) ||
        (is_string && has_zero_byte(said))) {
        return false;
    }
    memcpy(f->memory, text.p, text.n);
    f->id = (struct str){f->memory, text.n};
    return true;
}

/* A string without zero bytes; false when the field is missing, too. */
static bool take_string(const struct json_field *field, struct str *out)
{
    if (!yyjson_is_str(field->value) || has_zero_byte(json_str(field->value))) {
        return false;
    }
    *out = json_str(field->value);
    return true;
}

static void parse_auth(const struct json_field *fields, struct client_frame *f)
{
    if (!take_string(&fields[FIELD_TOKEN], &f->token)) {
        bad(f, "auth needs a token, which is a string");
        return;
    }
    f->command = CLIENT_AUTH;
}

static void parse_subscribe(struct json_field *fields, struct client_frame *f)
{
    json_fields_drop_null(&fields[FIELD_POSITION], 1);
    if (f->channel.n == 0) {
        bad(f, "subscribe needs a channel, which is a string");
        return;
    }
    if (fields[FIELD_POSITION].value) {
        if (!take_string(&fields[FIELD_POSITION], &f->position)) {
            bad(f, "position is not a string");
            return;
        }
        f->has_position = true;
    }
    f->command = CLIENT_SUBSCRIBE;
}

static void parse_unsubscribe(struct client_frame *f)
{
    if (f->channel.n == 0) {
        bad(f, "unsubscribe needs a channel, which is a string");
        return;
    }
    f->command = CLIENT_UNSUBSCRIBE;
}

static void parse_command(struct json_field *fields, struct client_frame *f)
{
    struct str type;

    /* Here already, so that an error can name it whatever else is wrong. */
    (void)take_string(&fields[FIELD_CHANNEL], &f->channel);
    if (!take_string(&fields[FIELD_TYPE], &type)) {
        bad(f, "type is missing or not a string");
    } else if (str_eq(type, STR("auth"))) {
        parse_auth(fields, f);
    } else if (str_eq(type, STR("subscribe"))) {
        parse_subscribe(fields, f);
    } else if (str_eq(type, STR("unsubscribe"))) {
        parse_unsubscribe(f);
    } else if (str_eq(type, STR("ping"))) {
        f->command = CLIENT_PING;
    } else {
        bad(f, "no known type");
    }
}

static void parse_object(yyjson_val *object, struct str text, struct client_frame *f)
{
    struct json_field fields[FIELDS] = {
        [FIELD_TYPE] = {.path = "type"},         [FIELD_ID] = {.path = "id"},
        [FIELD_TOKEN] = {.path = "token"},       [FIELD_CHANNEL] = {.path = "channel"},
        [FIELD_POSITION] = {.path = "position"},
    };

    if (json_fields_find(object, text, fields, FIELDS)) {
        bad(f, "a field stands twice");
    } else if (!take_id(&fields[FIELD_ID], f)) {
        bad(f, "id is neither a string nor a number of at most 64 bytes");
    } else {
        parse_command(fields, f);
    }
}

void client_frame_parse(struct str text, struct client_frame *out)
{
    *out = (struct client_frame){.command = CLIENT_BAD};
    if (text.n > LIMIT_CLIENT_MESSAGE_BYTES) {
        bad(out, "message too long");
        return;
    }
    yyjson_doc *doc = read_text(text, out);
    if (!doc) {
        return;
    }
    yyjson_val *root = yyjson_doc_get_root(doc);
    if (yyjson_is_str(root) && str_eq(json_str(root), STR("ping"))) {
        out->command = CLIENT_ALIVE;
    } else if (!yyjson_is_obj(root)) {
        bad(out, "not a JSON object");
    } else if (json_depth(text) > LIMIT_JSON_DEPTH) {
        bad(out, "nested too deep");
    } else {
        parse_object(root, text, out);
    }
}

void client_frame_release(struct client_frame *f)
{
    free(f->memory);
    *f = (struct client_frame){.command = CLIENT_BAD};
}
