/* SPDX-License-Identifier: MIT */
#include "bench/options.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNECTIONS_MAX 1000000

static const char help[] =
    "bench_loadgen: opens WebSocket connections, publishes, checks that every message came\n"
    "once, and prints one JSON object. Only for loopback. Exit code 0: all complete.\n"
    "\n"
    "connections\n"
    "  --connect IPV4:PORT     the WebSocket server\n"
    "  --tls                   wss; certificates are not checked\n"
    "  --path /events/         of the upgrade request\n"
    "  --deflate               ask for permessage-deflate, and insist on it\n"
    "  --holds-file FILE       every compressed message must hold this text\n"
    "  --subprotocol NAME\n"
    "  --connecting 64         handshakes under way at once\n"
    "  --answer HEARD=SAID     a message that is answered whenever it comes (repeatable)\n"
    "  --group N               begins a group of N connections; the next three belong to it:\n"
    "    --say TEXT            sent after the upgrade; `{}` is the connection's number "
    "(repeatable)\n"
    "    --expect TEXT         waits for a message that holds TEXT (repeatable, in order)\n"
    "    --receives all|own|none   own: message n is for connection n modulo N alone\n"
    "publishing\n"
    "  --post URL              http://, https://, line:// or redis://IPV4:PORT/channel\n"
    "  --cert FILE --key FILE  client certificate\n"
    "  --header 'Name: value'  for example Authorization\n"
    "  --body TEXT             @mark@, @pad@ and @index@ are filled in; @mark@ must arrive\n"
    "  --body-file FILE        the same, of a file\n"
    "  --bytes N               pad messages so that receivers get N bytes\n"
    "  --parallel 1            connections that POST\n"
    "  --warmup 20 --messages 1000\n"
    "  --rate R                messages per second; 0: as fast as they are answered\n"
    "  --burst 1               so many at once\n"
    "  --stepwise              with --rate 0: as many at once as there are connections that POST,\n"
    "                          the next when these have come everywhere\n"
    "  --listen                another one publishes the warm-up and the messages: says `ready`\n"
    "                          on stderr when connected, and waits for them\n"
    "measuring\n"
    "  --pid NAME=PID          watch this process's CPU and memory (repeatable)\n"
    "  --settle 0.5            seconds to wait before memory is read\n"
    "  --idle 0                seconds to do nothing when all are connected\n"
    "  --deadline 120          seconds for everything\n";

enum option_id {
    OPT_CONNECT,
    OPT_TLS,
    OPT_PATH,
    OPT_SUBPROTOCOL,
    OPT_CONNECTING,
    OPT_ANSWER,
    OPT_DEFLATE,
    OPT_HOLDS_FILE,
    OPT_GROUP,
    OPT_SAY,
    OPT_EXPECT,
    OPT_RECEIVES,
    OPT_POST,
    OPT_CERT,
    OPT_KEY,
    OPT_HEADER,
    OPT_BODY,
    OPT_BODY_FILE,
    OPT_LISTEN,
    OPT_STEPWISE,
    OPT_BYTES,
    OPT_PARALLEL,
    OPT_WARMUP,
    OPT_MESSAGES,
    OPT_RATE,
    OPT_BURST,
    OPT_PID,
    OPT_SETTLE,
    OPT_IDLE,
    OPT_DEADLINE,
    OPT_HELP
};
#define WITH_VALUE(name, id)                                                                       \
    {                                                                                              \
        name, required_argument, NULL, id                                                          \
    }
static const struct option long_options[] = {
    WITH_VALUE("connect", OPT_CONNECT),
    {"tls", no_argument, NULL, OPT_TLS},
    WITH_VALUE("path", OPT_PATH),
    {"deflate", no_argument, NULL, OPT_DEFLATE},
    WITH_VALUE("holds-file", OPT_HOLDS_FILE),
    WITH_VALUE("body-file", OPT_BODY_FILE),
    {"listen", no_argument, NULL, OPT_LISTEN},
    {"stepwise", no_argument, NULL, OPT_STEPWISE},
    WITH_VALUE("subprotocol", OPT_SUBPROTOCOL),
    WITH_VALUE("connecting", OPT_CONNECTING),
    WITH_VALUE("answer", OPT_ANSWER),
    WITH_VALUE("group", OPT_GROUP),
    WITH_VALUE("say", OPT_SAY),
    WITH_VALUE("expect", OPT_EXPECT),
    WITH_VALUE("receives", OPT_RECEIVES),
    WITH_VALUE("post", OPT_POST),
    WITH_VALUE("cert", OPT_CERT),
    WITH_VALUE("key", OPT_KEY),
    WITH_VALUE("header", OPT_HEADER),
    WITH_VALUE("body", OPT_BODY),
    WITH_VALUE("bytes", OPT_BYTES),
    WITH_VALUE("parallel", OPT_PARALLEL),
    WITH_VALUE("warmup", OPT_WARMUP),
    WITH_VALUE("messages", OPT_MESSAGES),
    WITH_VALUE("rate", OPT_RATE),
    WITH_VALUE("burst", OPT_BURST),
    WITH_VALUE("pid", OPT_PID),
    WITH_VALUE("settle", OPT_SETTLE),
    WITH_VALUE("idle", OPT_IDLE),
    WITH_VALUE("deadline", OPT_DEADLINE),
    {"help", no_argument, NULL, OPT_HELP},
    {NULL, 0, NULL, 0},
};

static bool parse_count(const char *text, uint32_t min, uint32_t max, uint32_t *out)
{
    char *end;
    unsigned long v = strtoul(text, &end, 10);
    if (end == text || *end != '\0' || v < min || v > max) {
        return false;
    }
    *out = (uint32_t)v;
    return true;
}

static bool parse_number(const char *text, double *out)
{
    char *end;
    *out = strtod(text, &end);
    return end != text && *end == '\0' && *out >= 0;
}

static bool parse_address(const char *text, struct options *o)
{
    struct poster_options as_url;
    char url[64];
    o->has_receivers = true;
    if (snprintf(url, sizeof(url), "line://%s", text) >= (int)sizeof(url) ||
        !poster_parse_url(url, &as_url)) {
        return false;
    }
    o->receivers.address = as_url.address;
    return true;
}

static bool parse_group(const char *text, struct options *o)
{
    if (o->receivers.n_groups == GROUPS_MAX) {
        return false;
    }
    struct group *g = &o->receivers.groups[o->receivers.n_groups++];
    return parse_count(text, 0, CONNECTIONS_MAX, &g->count);
}

static struct group *last_group(struct options *o)
{
    return o->receivers.n_groups > 0 ? &o->receivers.groups[o->receivers.n_groups - 1] : NULL;
}

static bool add_step(struct options *o, bool is_say, const char *text)
{
    struct group *g = last_group(o);
    if (!g || g->n_steps == SCRIPT_STEPS) {
        return false;
    }
    g->steps[g->n_steps++] = (struct script_step){.is_say = is_say, .text = text};
    return true;
}

static bool parse_receives(const char *text, struct group *g)
{
    static const char *const names[] = {
        [RECEIVES_NONE] = "none", [RECEIVES_ALL] = "all", [RECEIVES_OWN] = "own"};
    for (size_t i = 0; g && i < ARRAY_LEN(names); i++) {
        if (strcmp(text, names[i]) == 0) {
            g->receives = (enum receives)i;
            return true;
        }
    }
    return false;
}

/* Splits in place at the first '='. */
static bool parse_answer(char *text, struct options *o)
{
    char *equals = strchr(text, '=');
    if (!equals || o->receivers.n_answers == ANSWERS_MAX) {
        return false;
    }
    *equals = '\0';
    o->receivers.answers[o->receivers.n_answers++] =
        (struct answer){.heard = text, .said = equals + 1};
    return true;
}

static bool parse_pid(const char *text, struct options *o)
{
    const char *equals = strchr(text, '=');
    uint32_t pid;
    if (!equals || o->n_watched == WATCHED_MAX || !parse_count(equals + 1, 1, INT32_MAX, &pid)) {
        return false;
    }
    o->watched[o->n_watched++] =
        (struct watched){.name = text, .name_len = (int)(equals - text), .pid = (pid_t)pid};
    return true;
}

static bool parse_post(const char *text, struct options *o)
{
    uint32_t parallel = o->poster.parallel;
    const char *header = o->poster.header;
    o->has_poster = poster_parse_url(text, &o->poster);
    o->poster.parallel = parallel;
    o->poster.header = header;
    return o->has_poster;
}

/* Terminated, but for n. */
static bool read_file(const char *path, struct buf *out)
{
    char bytes[4096];
    FILE *f = fopen(path, "re");
    if (!f) {
        return false;
    }
    for (size_t n; (n = fread(bytes, 1, sizeof(bytes), f)) > 0;) {
        buf_add(out, (struct str){bytes, n});
    }
    bool ok = ferror(f) == 0;
    (void)fclose(f); /* only read from */
    buf_addc(out, '\0');
    out->n -= !out->failed;
    return ok && !out->failed;
}

static bool parse_one(enum option_id id, char *v, struct options *o)
{
    uint32_t n;
    switch (id) {
    case OPT_CONNECT: return parse_address(v, o);
    case OPT_TLS: return o->receivers.tls = true;
    case OPT_PATH: return (o->receivers.path = v)[0] == '/';
    case OPT_SUBPROTOCOL: return (o->receivers.subprotocol = v) != NULL;
    case OPT_DEFLATE: return o->receivers.deflate = true;
    case OPT_HOLDS_FILE: return read_file(v, &o->holds_file);
    case OPT_BODY_FILE: return read_file(v, &o->body_file);
    case OPT_LISTEN: return o->is_listener = true;
    case OPT_STEPWISE: return o->is_stepwise = true;
    case OPT_CONNECTING: return parse_count(v, 1, 10000, &o->receivers.connecting);
    case OPT_ANSWER: return parse_answer(v, o);
    case OPT_GROUP: return parse_group(v, o);
    case OPT_SAY: return add_step(o, true, v);
    case OPT_EXPECT: return add_step(o, false, v);
    case OPT_RECEIVES: return parse_receives(v, last_group(o));
    case OPT_POST: return parse_post(v, o);
    case OPT_CERT: return (o->cert = v) != NULL;
    case OPT_KEY: return (o->key = v) != NULL;
    case OPT_HEADER: return (o->poster.header = v) != NULL;
    case OPT_BODY: return (o->body = v) != NULL;
    case OPT_BYTES: o->bytes = parse_count(v, 0, 1u << 24, &n) ? n : 0; return o->bytes > 0;
    case OPT_PARALLEL: return parse_count(v, 1, 1000, &o->poster.parallel);
    case OPT_WARMUP: return parse_count(v, 0, 1000000, &o->warmup);
    case OPT_MESSAGES: return parse_count(v, 1, 10000000, &o->messages);
    case OPT_RATE: return parse_number(v, &o->rate);
    case OPT_BURST: return parse_count(v, 1, 10000, &o->burst);
    case OPT_PID: return parse_pid(v, o);
    case OPT_SETTLE: return parse_number(v, &o->settle_s);
    case OPT_IDLE: return parse_number(v, &o->idle_s);
    case OPT_DEADLINE: return parse_number(v, &o->deadline_s);
    case OPT_HELP: return false;
    }
    return false;
}

static bool options_fit(const struct options *o)
{
    unsigned receiving = 0;
    for (size_t i = 0; i < o->receivers.n_groups; i++) {
        const struct group *g = &o->receivers.groups[i];
        receiving += g->receives != RECEIVES_NONE;
        if (g->receives != RECEIVES_NONE && g->count == 0) {
            (void)fprintf(stderr, "bench_loadgen: a group that receives needs connections\n");
            return false;
        }
    }
    if (receiving > 1 || (o->is_listener && (receiving == 0 || o->has_poster)) ||
        (!o->has_receivers && o->receivers.n_groups > 0) || (!o->has_receivers && !o->has_poster) ||
        !o->cert != !o->key) {
        (void)fprintf(stderr, "bench_loadgen: needs --connect for --group, --connect or --post, "
                              "one group at most that receives, --cert with --key, "
                              "and --listen receivers and no --post\n");
        return false;
    }
    return true;
}

void options_release(struct options *o)
{
    buf_release(&o->body_file);
    buf_release(&o->holds_file);
}

bool options_parse(int argc, char **argv, struct options *out)
{
    *out = (struct options){.receivers = {.path = "/", .connecting = 64},
                            .poster = {.parallel = 1},
                            .body = "@mark@ @pad@",
                            .burst = 1,
                            .messages = 1000,
                            .warmup = 20,
                            .settle_s = 0.5,
                            .deadline_s = 120};
    int id;
    int at = 0;
    while ((id = getopt_long(argc, argv, "", long_options, &at)) >= 0) {
        if (id == '?' || id == OPT_HELP) {
            (void)fputs(help, stderr);
            return false;
        }
        if (!parse_one((enum option_id)id, optarg, out)) {
            (void)fprintf(stderr, "bench_loadgen: --%s %s: not usable here (see --help)\n",
                          long_options[at].name, optarg ? optarg : "");
            return false;
        }
    }
    if (optind < argc) {
        (void)fprintf(stderr, "bench_loadgen: %s: not an option (see --help)\n", argv[optind]);
        return false;
    }
    out->receivers.holds = buf_str(&out->holds_file);
    if (out->body_file.n > 0) {
        out->body = out->body_file.p;
    }
    return options_fit(out);
}
