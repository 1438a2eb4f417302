/* SPDX-License-Identifier: MIT */
/* event: the envelope of event.md. It is written with msgpack-c's packer and read by a small
 * cursor of our own: msgpack's unpacker allocates what a header claims, before it has seen it.
 */
#include "proto/event.h"

#include <assert.h>
#include <msgpack.h>
#include <string.h>

#include "proto/utf8.h"

#define ENVELOPE_FIELDS 14
#define ALL_TOPICS ((1u << TOPIC_KINDS) - 1)

/* [epoch, offset, envelope]: 0x93, 0xb0 and 16 hex digits, 0xcf and 8 bytes. */
#define HEADER_EPOCH_AT 2
#define HEADER_OFFSET_AT (HEADER_EPOCH_AT + EPOCH_LEN + 1)
#define HEADER_LEN (HEADER_OFFSET_AT + 8)

enum event_type event_type_of(struct str name)
{
    static const struct str names[EVENT_OTHER] = {
        [EVENT_RUN_UPDATE] = STR("run_update"),
        [EVENT_SCOREBOARD_UPDATE] = STR("scoreboard_update"),
        [EVENT_CLARIFICATION] = STR("clarification"),
        [EVENT_CONTEST_UPDATE] = STR("contest_update"),
    };

    for (enum event_type type = 0; type < EVENT_OTHER; type++) {
        if (str_eq(name, names[type])) {
            return type;
        }
    }
    return EVENT_OTHER;
}

bool event_type_name_valid(struct str name)
{
    return name.n > 0 && name.n <= LIMIT_TYPE_BYTES && utf8_valid(name) && !utf8_has_controls(name);
}

size_t event_data_bytes(const struct event *e)
{
    size_t sum = 0;

    for (size_t i = 0; i < e->n_data; i++) {
        sum += e->data[i].n;
    }
    return sum;
}

/* --- writing --- */

/* The packer's results are ignored below: out->failed remembers. */
static int write_to_buf(void *buf, const char *bytes, size_t n)
{
    struct buf *out = buf;

    buf_add(out, (struct str){bytes, n});
    return out->failed ? -1 : 0;
}

static void pack_str(msgpack_packer *pk, struct str s)
{
    (void)msgpack_pack_str(pk, s.n);
    (void)msgpack_pack_str_body(pk, s.p, s.n);
}

static void pack_bin(msgpack_packer *pk, struct str s)
{
    (void)msgpack_pack_bin(pk, s.n);
    (void)msgpack_pack_bin_body(pk, s.p, s.n);
}

static void pack_bool(msgpack_packer *pk, bool b)
{
    (void)(b ? msgpack_pack_true(pk) : msgpack_pack_false(pk));
}

static bool is_slice_of(struct str part, struct str text)
{
    uintptr_t begin = (uintptr_t)part.p;
    uintptr_t text_begin = (uintptr_t)text.p;

    return part.n > 0 && begin >= text_begin && begin - text_begin <= text.n &&
           part.n <= text.n - (begin - text_begin);
}

static void pack_data(msgpack_packer *pk, const struct event *e)
{
    (void)msgpack_pack_array(pk, e->n_data);
    for (size_t i = 0; i < e->n_data; i++) {
        if (is_slice_of(e->data[i], e->text)) {
            (void)msgpack_pack_array(pk, 2);
            (void)msgpack_pack_uint64(pk, (uint64_t)(e->data[i].p - e->text.p));
            (void)msgpack_pack_uint64(pk, e->data[i].n);
        } else {
            pack_bin(pk, e->data[i]);
        }
    }
}

void event_encode(const struct event *e, struct buf *out)
{
    msgpack_packer pk;

    assert(e->id.n == EVENT_ID_LEN && e->n_data <= EVENT_DATA_PARTS);
    assert(event_type_name_valid(e->type_name) && e->topics <= ALL_TOPICS && e->problemset >= 0);
    assert(MAX(e->contest.n, MAX(e->problem.n, e->user.n)) <= EVENT_NAME_MAX);

    msgpack_packer_init(&pk, out, write_to_buf);
    (void)msgpack_pack_array(&pk, ENVELOPE_FIELDS);
    (void)msgpack_pack_int(&pk, EVENT_VERSION);
    pack_str(&pk, e->id);
    pack_str(&pk, e->type_name);
    (void)msgpack_pack_int64(&pk, e->timestamp_s);
    (void)msgpack_pack_int64(&pk, e->accepted_ms);
    pack_str(&pk, e->contest);
    (void)msgpack_pack_int64(&pk, e->problemset);
    pack_str(&pk, e->problem);
    pack_str(&pk, e->user);
    pack_bool(&pk, e->is_public);
    pack_bool(&pk, e->is_marker);
    (void)msgpack_pack_uint8(&pk, e->topics);
    if (e->is_marker) {
        pack_bin(&pk, STR_NONE);
        (void)msgpack_pack_array(&pk, 0);
    } else {
        pack_bin(&pk, e->text);
        pack_data(&pk, e);
    }
}

void published_header(const struct position *p, struct buf *out)
{
    assert(strlen(p->epoch) == EPOCH_LEN);
    buf_add(out, STR("\x93\xb0"));
    buf_add(out, (struct str){p->epoch, EPOCH_LEN});
    buf_addc(out, '\xcf');
    for (int shift = 56; shift >= 0; shift -= 8) {
        buf_addc(out, (char)(unsigned char)(p->offset >> shift));
    }
}

/* --- reading --- */

/* What is left, and the first thing that was wrong: after it every read yields nothing, so a
 * decoder reads straight on and looks once, at the end. */
struct reader {
    const uint8_t *p;
    size_t n;
    enum event_result result;
};

static void refuse(struct reader *r, enum event_result why)
{
    if (r->result == EVENT_OK) {
        r->result = why;
    }
    r->n = 0;
}

static struct str read_bytes(struct reader *r, uint64_t n)
{
    if (n > r->n) {
        refuse(r, EVENT_TRUNCATED);
        return STR_NONE;
    }
    struct str s = {(const char *)r->p, (size_t)n};
    r->p += n;
    r->n -= (size_t)n;
    return s;
}

static uint64_t read_big_endian(struct reader *r, size_t width)
{
    struct str s = read_bytes(r, width);
    uint64_t v = 0;

    for (size_t i = 0; i < s.n; i++) {
        v = v << 8 | (uint8_t)s.p[i];
    }
    return v;
}

/* 0xc1 is the byte that msgpack never uses: it fits no reader. */
static uint8_t read_tag(struct reader *r)
{
    struct str s = read_bytes(r, 1);
    return s.n ? (uint8_t)s.p[0] : 0xc1;
}

static int64_t read_signed(struct reader *r, size_t width)
{
    unsigned unused_bits = (unsigned)(64 - 8 * width);
    /* gcc shifts signed numbers arithmetically: this extends the sign. */
    return (int64_t)(read_big_endian(r, width) << unused_bits) >> unused_bits;
}

/* Any of msgpack's integers, in whatever width it was written. */
static int64_t read_int(struct reader *r)
{
    uint8_t tag = read_tag(r);

    if (tag <= 0x7f || tag >= 0xe0) {
        return (int8_t)tag;
    }
    if (tag >= 0xcc && tag <= 0xcf) {
        uint64_t v = read_big_endian(r, (size_t)1 << (tag - 0xcc));
        if (v > INT64_MAX) {
            refuse(r, EVENT_MALFORMED);
            return 0;
        }
        return (int64_t)v;
    }
    if (tag >= 0xd0 && tag <= 0xd3) {
        return read_signed(r, (size_t)1 << (tag - 0xd0));
    }
    refuse(r, EVENT_MALFORMED);
    return 0;
}

/* An integer of 0..max. */
static int64_t read_int_upto(struct reader *r, int64_t max)
{
    int64_t v = read_int(r);

    if (v < 0 || v > max) {
        refuse(r, EVENT_MALFORMED);
        return 0;
    }
    return v;
}

static bool read_bool(struct reader *r)
{
    uint8_t tag = read_tag(r);

    if (tag != 0xc2 && tag != 0xc3) {
        refuse(r, EVENT_MALFORMED);
    }
    return tag == 0xc3;
}

static struct str read_str(struct reader *r, size_t max)
{
    uint8_t tag = read_tag(r);
    uint64_t n = 0;

    if (tag >= 0xa0 && tag <= 0xbf) {
        n = tag & 0x1f;
    } else if (tag >= 0xd9 && tag <= 0xdb) {
        n = read_big_endian(r, (size_t)1 << (tag - 0xd9));
    } else {
        refuse(r, EVENT_MALFORMED);
    }
    if (n > max) {
        refuse(r, EVENT_MALFORMED);
    }
    return read_bytes(r, n);
}

static struct str read_bin(struct reader *r)
{
    uint8_t tag = read_tag(r);

    if (tag < 0xc4 || tag > 0xc6) {
        refuse(r, EVENT_MALFORMED);
        return STR_NONE;
    }
    return read_bytes(r, read_big_endian(r, (size_t)1 << (tag - 0xc4)));
}

static bool is_array_tag(uint8_t tag)
{
    return (tag >= 0x90 && tag <= 0x9f) || tag == 0xdc || tag == 0xdd;
}

static uint64_t read_array(struct reader *r)
{
    uint8_t tag = read_tag(r);

    if (!is_array_tag(tag)) {
        refuse(r, EVENT_MALFORMED);
        return 0;
    }
    return tag <= 0x9f ? tag & 0x0fu : read_big_endian(r, tag == 0xdc ? 2 : 4);
}

static struct str read_slice(struct reader *r, struct str text)
{
    if (read_array(r) != 2) {
        refuse(r, EVENT_MALFORMED);
    }
    size_t offset = (size_t)read_int_upto(r, (int64_t)text.n);
    size_t length = (size_t)read_int_upto(r, (int64_t)(text.n - offset));
    return r->result == EVENT_OK && length > 0 ? (struct str){text.p + offset, length} : STR_NONE;
}

static void read_data(struct reader *r, struct event *e)
{
    uint64_t parts = read_array(r);

    if (parts > EVENT_DATA_PARTS) {
        refuse(r, EVENT_MALFORMED);
        return;
    }
    for (size_t i = 0; i < parts; i++) {
        bool slice = r->n > 0 && is_array_tag(r->p[0]);
        e->data[i] = slice ? read_slice(r, e->text) : read_bin(r);
    }
    e->n_data = (size_t)parts;
}

static bool is_base64url(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
              c == '-' || c == '_')) {
            return false;
        }
    }
    return true;
}

/* The version stands first, and what follows an unknown one is not looked at. */
static void read_version(struct reader *r)
{
    uint64_t fields = read_array(r);

    if (fields == 0) {
        refuse(r, EVENT_MALFORMED);
    }
    int64_t version = read_int_upto(r, INT64_MAX);
    if (version > EVENT_VERSION) {
        refuse(r, EVENT_NEW_VERSION);
    } else if (version < EVENT_VERSION || fields != ENVELOPE_FIELDS) {
        refuse(r, EVENT_MALFORMED);
    }
}

static void read_envelope(struct reader *r, struct event *e)
{
    read_version(r);
    e->id = read_str(r, EVENT_ID_LEN);
    if (e->id.n != EVENT_ID_LEN || !is_base64url(e->id)) {
        refuse(r, EVENT_MALFORMED);
    }
    e->type_name = read_str(r, LIMIT_TYPE_BYTES);
    if (!event_type_name_valid(e->type_name)) {
        refuse(r, EVENT_MALFORMED);
    }
    e->type = event_type_of(e->type_name);
    e->timestamp_s = read_int(r);
    e->accepted_ms = read_int(r);
    e->contest = read_str(r, EVENT_NAME_MAX);
    e->problemset = read_int_upto(r, INT64_MAX);
    e->problem = read_str(r, EVENT_NAME_MAX);
    e->user = read_str(r, EVENT_NAME_MAX);
    e->is_public = read_bool(r);
    e->is_marker = read_bool(r);
    e->topics = (uint8_t)read_int_upto(r, ALL_TOPICS);
    e->text = read_bin(r);
    read_data(r, e);
    if (e->is_marker && (e->text.n > 0 || e->n_data > 0)) {
        refuse(r, EVENT_MALFORMED);
    }
}

const char *event_result_str(enum event_result r)
{
    switch (r) {
    case EVENT_OK: return "ok";
    case EVENT_TRUNCATED: return "truncated";
    case EVENT_MALFORMED: return "malformed";
    case EVENT_NEW_VERSION: return "version not known";
    }
    return "?";
}

enum event_result published_position(struct str bytes, struct position *out)
{
    static const uint8_t marks[][2] = {{0, 0x93}, {1, 0xb0}, {HEADER_OFFSET_AT - 1, 0xcf}};
    struct reader r = {.p = (const uint8_t *)bytes.p, .n = bytes.n};
    char text[POSITION_TEXT_MAX + 1];
    struct position p = {.offset = 0};

    for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
        if (bytes.n > marks[i][0] && r.p[marks[i][0]] != marks[i][1]) {
            return EVENT_MALFORMED;
        }
    }
    (void)read_bytes(&r, HEADER_EPOCH_AT);
    struct str epoch = read_bytes(&r, EPOCH_LEN);
    (void)read_tag(&r);
    p.offset = read_big_endian(&r, 8);
    if (r.result != EVENT_OK) {
        return r.result;
    }
    memcpy(p.epoch, epoch.p, EPOCH_LEN);
    bool readable = position_parse((struct str){text, position_write(&p, text)}, out);
    return readable ? EVENT_OK : EVENT_MALFORMED; /* malformed: the epoch is no hex digits */
}

enum event_result published_decode(struct str bytes, struct published *out)
{
    struct published d = {.event = {.n_data = 0}};
    enum event_result result = published_position(bytes, &d.position);

    if (result != EVENT_OK) {
        return result;
    }
    struct reader r = {.p = (const uint8_t *)bytes.p + HEADER_LEN, .n = bytes.n - HEADER_LEN};
    read_envelope(&r, &d.event);
    if (r.n != 0) {
        refuse(&r, EVENT_MALFORMED); /* something stands after it */
    }
    if (r.result == EVENT_OK) {
        *out = d;
    }
    return r.result;
}
