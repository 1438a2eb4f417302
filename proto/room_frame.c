/* SPDX-License-Identifier: MIT */
#include "proto/room_frame.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <yyjson.h>

#include "proto/json_fields.h"
#include "proto/limits.h"

#define GATEWAY_DIGITS 16
/* A letter holds a message once more escaped, at most six bytes for one, and little else. */
#define LETTER_MAX_BYTES (6 * LIMIT_ROOM_MESSAGE_BYTES + 256)

#define NOT_AN_OBJECT "a message is a JSON object: {\"message\":\"text\"}"
#define NOT_A_TEXT "message is missing or not a string"
#define BAD_LENGTH "message must have 1 to 2000 characters"
_Static_assert(ROOM_MESSAGE_CHARACTERS == 2000, "the sentence above");

/* The root, if the text is one JSON object; its strings live in *out_memory. */
static yyjson_val *read_object(struct str text, char **out_memory)
{
    size_t bytes = yyjson_read_max_memory_usage(text.n, JSON_READ_FLAGS);
    yyjson_alc pool;
    char *memory = malloc(bytes);
    *out_memory = memory;
    if (!memory || !yyjson_alc_pool_init(&pool, memory, bytes)) {
        return NULL;
    }
    /* Without the in-situ flag yyjson only reads the text, in spite of its prototype. */
    yyjson_doc *doc = yyjson_read_opts((char *)text.p, text.n, JSON_READ_FLAGS, &pool, NULL);
    yyjson_val *root = yyjson_doc_get_root(doc);
    return yyjson_is_obj(root) && json_depth(text) <= LIMIT_JSON_DEPTH ? root : NULL;
}

/* s is valid UTF-8. */
static size_t count_characters(struct str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
    }
    return n;
}

static bool has_good_length(struct str message)
{
    size_t n = count_characters(message);
    return n >= 1 && n <= ROOM_MESSAGE_CHARACTERS;
}

const char *room_frame_parse(struct str text, struct room_frame *out)
{
    *out = (struct room_frame){.memory = NULL};
    if (text.n > LIMIT_ROOM_MESSAGE_BYTES) {
        return BAD_LENGTH;
    }
    yyjson_val *root = read_object(text, &out->memory);
    struct json_field field = {.path = "message"};
    if (!root) {
        return out->memory ? NOT_AN_OBJECT : "out of memory";
    }
    if (json_fields_find(root, text, &field, 1)) {
        return "message stands twice";
    }
    if (!yyjson_is_str(field.value)) {
        return NOT_A_TEXT;
    }
    out->message = json_str(field.value);
    return has_good_length(out->message) ? NULL : BAD_LENGTH;
}

void room_frame_release(struct room_frame *f)
{
    free(f->memory);
    *f = (struct room_frame){.memory = NULL};
}

/* ---- between gateways ---- */

void room_letter_write(struct buf *b, const struct room_letter *l)
{
    buf_addf(b, "{\"gateway\":\"%016" PRIx64 "\",\"sender\":%" PRIu64 ",\"timestamp\":", l->gateway,
             l->sender);
    buf_add_json(b, l->timestamp);
    buf_add(b, STR(",\"message\":"));
    buf_add_json(b, l->message);
    buf_addc(b, '}');
}

static bool take_gateway(struct str hex, uint64_t *out)
{
    uint64_t v = 0;
    for (size_t i = 0; i < hex.n; i++) {
        char c = hex.p[i];
        bool is_digit = c >= '0' && c <= '9';
        if (!is_digit && (c < 'a' || c > 'f')) {
            return false;
        }
        v = v << 4 | (uint64_t)(is_digit ? c - '0' : c - 'a' + 10);
    }
    *out = v;
    return hex.n == GATEWAY_DIGITS;
}

bool room_letter_parse(struct str text, struct room_letter *out)
{
    enum { GATEWAY, SENDER, TIMESTAMP, MESSAGE, FIELDS };
    struct json_field fields[FIELDS] = {[GATEWAY] = {.path = "gateway"},
                                        [SENDER] = {.path = "sender"},
                                        [TIMESTAMP] = {.path = "timestamp"},
                                        [MESSAGE] = {.path = "message"}};
    struct str gateway = STR_NONE;
    int64_t sender = -1;

    *out = (struct room_letter){.memory = NULL};
    yyjson_val *root = text.n <= LETTER_MAX_BYTES ? read_object(text, &out->memory) : NULL;
    if (!root || json_fields_find(root, text, fields, FIELDS) ||
        !json_field_str(&fields[GATEWAY], &gateway) || !json_field_int(&fields[SENDER], &sender) ||
        !json_field_str(&fields[TIMESTAMP], &out->timestamp) ||
        !json_field_str(&fields[MESSAGE], &out->message)) {
        return false;
    }
    out->sender = (uint64_t)sender;
    return sender >= 0 && take_gateway(gateway, &out->gateway) &&
           out->timestamp.n == ROOM_TIMESTAMP_LEN && has_good_length(out->message);
}

void room_letter_release(struct room_letter *l)
{
    free(l->memory);
    *l = (struct room_letter){.memory = NULL};
}

/* ---- to clients ---- */

void room_text_message(struct buf *b, const struct room_letter *l)
{
    buf_add(b, STR("{\"message\":"));
    buf_add_json(b, l->message);
    buf_add(b, STR(",\"timestamp\":"));
    buf_add_json(b, l->timestamp);
    buf_addc(b, '}');
}

void room_text_error(struct buf *b, const char *why)
{
    buf_add(b, STR("{\"error\":"));
    buf_add_json(b, str_of(why));
    buf_addc(b, '}');
}

struct str room_timestamp(int64_t unix_us, char out[static ROOM_TIMESTAMP_LEN + 1])
{
    time_t seconds = (time_t)(unix_us / 1000000);
    struct tm t = {0};
    (void)gmtime_r(&seconds, &t); /* fails only beyond the year 2^31 */
    int n = snprintf(out, ROOM_TIMESTAMP_LEN + 1, "%04u-%02u-%02uT%02u:%02u:%02u.%06u",
                     (unsigned)(t.tm_year + 1900) % 10000, (unsigned)(t.tm_mon + 1) % 100,
                     (unsigned)t.tm_mday % 100, (unsigned)t.tm_hour % 100, (unsigned)t.tm_min % 100,
                     (unsigned)t.tm_sec % 100, (unsigned)(unix_us % 1000000));
    return (struct str){out, (size_t)n};
}
