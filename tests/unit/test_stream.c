/* SPDX-License-Identifier: MIT */
/* stream: the same conversations plain and through TLS, with the peer at the other end of a socket
 * pair. Seconds pass by wheel_tick().
 */
#include "common/net/stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the first four. */
#include <cmocka.h>
#include <errno.h>
#include <event2/event.h>
#include <event2/util.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "common/loop.h"
#include "common/wheel.h"
#include "tests/support/certs.h"

enum { LARGE = 1 << 20, TURNS = 100000 };

struct world {
    struct loop *loop;
    struct wheel *wheel;
    SSL_CTX *ctx; /* NULL: plain */
    struct stream *stream;
    int peer;
    SSL *peer_ssl;
    char got[65536]; /* by the stream */
    size_t n_got, read_max;
    int drained, handshakes, deadlines, closed, ended;
    bool reads_nothing;
};

static void on_readable(void *arg)
{
    struct world *w = arg;
    if (w->reads_nothing) {
        stream_pause(w->stream);
        return;
    }
    size_t room = MIN(sizeof(w->got) - w->n_got, w->read_max);
    ssize_t n = stream_read(w->stream, w->got + w->n_got, room);
    w->n_got += n > 0 ? (size_t)n : 0;
    w->ended += n == STREAM_EOF;
}

static void on_drained(void *arg)
{
    ((struct world *)arg)->drained++;
}

static void on_handshake_done(void *arg)
{
    ((struct world *)arg)->handshakes++;
}

static void on_deadline(void *arg)
{
    ((struct world *)arg)->deadlines++;
}

static void on_closed(void *arg)
{
    struct world *w = arg;
    w->closed++;
    w->stream = stream_free(w->stream);
}

static const struct stream_handler handler = {
    .on_readable = on_readable,
    .on_drained = on_drained,
    .on_handshake_done = on_handshake_done,
    .on_deadline = on_deadline,
    .on_closed = on_closed,
};

static void turn(struct world *w)
{
    assert_int_not_equal(event_base_loop(loop_base(w->loop), EVLOOP_NONBLOCK), -1);
}

#define AWAIT(w, what)                                                                             \
    do {                                                                                           \
        for (int turns_ = 0; !(what); turns_++) {                                                  \
            assert_true(turns_ < TURNS);                                                           \
            turn(w);                                                                               \
        }                                                                                          \
    } while (0)

static SSL_CTX *server_ctx(void)
{
    const struct cert_spec spec = {.name = "stream.example"};
    struct cert c = cert_make(&spec);
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    assert_non_null(ctx);
    assert_int_equal(1, SSL_CTX_use_certificate(ctx, c.x509));
    assert_int_equal(1, SSL_CTX_use_PrivateKey(ctx, c.key));
    cert_release(&c);
    return ctx;
}

static void connect_peer(struct world *w)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    assert_non_null(ctx);
    w->peer_ssl = SSL_new(ctx);
    SSL_CTX_free(ctx);
    assert_non_null(w->peer_ssl);
    assert_int_equal(1, SSL_set_fd(w->peer_ssl, w->peer));
    AWAIT(w, SSL_connect(w->peer_ssl) == 1);
    AWAIT(w, w->handshakes == 1);
    char byte; /* takes the session tickets: closing on unread bytes would be a reset */
    assert_int_equal(-1, SSL_read(w->peer_ssl, &byte, 1));
}

/* Of TCP, which has a low-water mark. */
static void tcp_pair(int fds[2])
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(at);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(0, bind(listener, (struct sockaddr *)&at, n));
    assert_int_equal(0, listen(listener, 1));
    assert_int_equal(0, getsockname(listener, (struct sockaddr *)&at, &n));
    fds[1] = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(0, connect(fds[1], (struct sockaddr *)&at, n));
    fds[0] = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    assert_int_equal(0, evutil_make_socket_nonblocking(fds[1]));
    /* What is sent byte by byte must not wait for the answer to the byte before (40 ms). */
    const int on = 1;
    assert_int_equal(0, setsockopt(fds[1], IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)));
    assert_true(fds[0] >= 0);
    (void)close(listener);
}

static int set_up_with(void **state, bool tls, bool connects)
{
    struct world *w = calloc(1, sizeof(*w));
    int fds[2];
    assert_non_null(w);
    if (tls && !connects) {
        tcp_pair(fds);
    } else {
        assert_int_equal(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds));
    }
    w->loop = loop_create();
    w->wheel = wheel_create(w->loop);
    assert_non_null(w->wheel);
    w->ctx = tls ? server_ctx() : NULL;
    w->peer = fds[1];
    w->read_max = sizeof(w->got);
    w->stream = stream_create(
        fds[0],
        &(struct stream_options){
            .loop = w->loop, .wheel = w->wheel, .tls = w->ctx, .handler = &handler, .arg = w});
    assert_non_null(w->stream);
    stream_resume(w->stream);
    if (connects) {
        connect_peer(w);
    }
    *state = w;
    return 0;
}

static int set_up_plain(void **state)
{
    return set_up_with(state, false, false);
}

static int set_up_tls(void **state)
{
    return set_up_with(state, true, true);
}

static int set_up_silent_tls(void **state)
{
    return set_up_with(state, true, false);
}

static int tear_down(void **state)
{
    struct world *w = *state;
    stream_free(w->stream);
    SSL_free(w->peer_ssl);
    SSL_CTX_free(w->ctx);
    if (w->peer >= 0) {
        (void)close(w->peer);
    }
    wheel_free(w->wheel);
    loop_free(w->loop);
    free(w);
    return 0;
}

/* --- the peer --- */

static void say(struct world *w, const char *p, size_t n)
{
    ssize_t sent = w->peer_ssl ? SSL_write(w->peer_ssl, p, (int)n) : send(w->peer, p, n, 0);
    assert_int_equal(n, sent);
}

static ssize_t hear(struct world *w, char *out, size_t max)
{
    return w->peer_ssl ? SSL_read(w->peer_ssl, out, (int)max) : recv(w->peer, out, max, 0);
}

static void hear_all(struct world *w, char *out, size_t n)
{
    size_t at = 0;
    AWAIT(w, ({
              ssize_t got = hear(w, out + at, n - at);
              at += got > 0 ? (size_t)got : 0;
              at == n;
          }));
}

static bool hears_end(struct world *w)
{
    char byte;
    if (w->peer_ssl) {
        return SSL_read(w->peer_ssl, &byte, 1) <= 0 &&
               SSL_get_error(w->peer_ssl, 0) == SSL_ERROR_ZERO_RETURN;
    }
    return recv(w->peer, &byte, 1, 0) == 0;
}

static void hang_up(struct world *w)
{
    (void)close(w->peer);
    w->peer = -1;
}

/* --- what is promised --- */

static void bytes_pass_in_both_directions(void **state)
{
    struct world *w = *state;
    say(w, "hello", 5);
    AWAIT(w, w->n_got == 5);
    assert_memory_equal(w->got, "hello", 5);
    assert_true(stream_write(w->stream, "answer", 6));
    assert_int_equal(0, stream_queued(w->stream));
    char got[6];
    hear_all(w, got, 6);
    assert_memory_equal(got, "answer", 6);
}

/* A record is decrypted whole; what the owner leaves of it no poller would report. */
static void small_reads_get_all_there_is(void **state)
{
    struct world *w = *state;
    char sent[16000];
    memset(sent, 'x', sizeof(sent));
    w->read_max = 7;
    say(w, sent, sizeof(sent));
    AWAIT(w, w->n_got == sizeof(sent));
}

static void what_came_while_paused_is_read_after_it(void **state)
{
    struct world *w = *state;
    w->read_max = 2;
    w->reads_nothing = true;
    say(w, "pause", 5);
    for (int i = 0; i < 10; i++) {
        turn(w);
    }
    assert_int_equal(0, w->n_got);
    w->reads_nothing = false;
    stream_resume(w->stream);
    AWAIT(w, w->n_got == 5);
}

static void slow_peer_gets_all_in_order(void **state)
{
    struct world *w = *state;
    char *sent = malloc(LARGE);
    char *got = malloc(LARGE + 8);
    assert_non_null(sent);
    assert_non_null(got);
    for (size_t i = 0; i < LARGE; i++) {
        sent[i] = (char)(i * 7 + i / 251);
    }
    const struct iovec v[] = {{"head", 4}, {sent, LARGE}};
    assert_true(stream_writev(w->stream, v, 2));
    assert_true(stream_queued(w->stream) > 0);
    assert_true(stream_write(w->stream, "tail", 4));
    hear_all(w, got, LARGE + 8);
    assert_memory_equal(got, "head", 4);
    assert_memory_equal(got + 4, sent, LARGE);
    assert_memory_equal(got + 4 + LARGE, "tail", 4);
    AWAIT(w, w->drained == 1);
    assert_int_equal(0, stream_queued(w->stream));
    free(sent);
    free(got);
}

static void half_closed_peer_still_gets_its_answer(void **state)
{
    struct world *w = *state;
    if (w->peer_ssl) {
        (void)SSL_shutdown(w->peer_ssl);
    } else {
        assert_int_equal(0, shutdown(w->peer, SHUT_WR));
    }
    AWAIT(w, w->ended == 1);
    for (int i = 0; i < 10; i++) {
        turn(w);
    }
    assert_int_equal(1, w->ended); /* and does not spin */
    assert_true(stream_write(w->stream, "bye", 3));
    char got[3];
    hear_all(w, got, 3);
    stream_finish(w->stream, true);
    AWAIT(w, w->closed == 1);
    AWAIT(w, hears_end(w));
}

static void end_without_a_word_is_an_end(void **state)
{
    struct world *w = *state;
    hang_up(w);
    AWAIT(w, w->ended == 1);
    assert_false(stream_write(w->stream, "x", 1) && stream_write(w->stream, "x", 1));
    AWAIT(w, w->closed == 1);
}

static void finishing_sends_the_rest_then_drops_what_comes(void **state)
{
    struct world *w = *state;
    char *sent = calloc(1, LARGE);
    char *got = malloc(LARGE);
    assert_non_null(sent);
    assert_non_null(got);
    assert_true(stream_write(w->stream, sent, LARGE));
    stream_finish(w->stream, true);
    assert_false(stream_write(w->stream, "x", 1));
    hear_all(w, got, LARGE);
    AWAIT(w, hears_end(w));
    say(w, "too late", 8);
    for (int i = 0; i < 10; i++) {
        turn(w);
    }
    assert_int_equal(0, w->closed);
    assert_int_equal(0, w->n_got);
    hang_up(w);
    AWAIT(w, w->closed == 1);
    free(sent);
    free(got);
}

static void lingering_is_bounded(void **state)
{
    struct world *w = *state;
    stream_finish(w->stream, true);
    stream_set_deadline(w->stream, 1000); /* has nothing to say any more */
    turn(w);
    for (int i = 0; i < STREAM_LINGER_S + 1; i++) {
        assert_int_equal(0, w->closed);
        wheel_tick(w->wheel);
        turn(w);
    }
    assert_int_equal(1, w->closed);
    assert_int_equal(0, w->deadlines);
}

static void finishing_a_peer_that_reads_nothing_ends_at_the_deadline(void **state)
{
    struct world *w = *state;
    char *sent = calloc(1, LARGE);
    assert_true(stream_write(w->stream, sent, LARGE));
    free(sent);
    stream_set_deadline(w->stream, 1);
    stream_finish(w->stream, true);
    wheel_tick(w->wheel);
    wheel_tick(w->wheel);
    AWAIT(w, w->closed == 1);
    assert_int_equal(0, w->deadlines);
}

static void deadline_comes_once(void **state)
{
    struct world *w = *state;
    stream_set_deadline(w->stream, 1);
    for (int i = 0; i < 5; i++) {
        wheel_tick(w->wheel);
    }
    assert_int_equal(1, w->deadlines);
    stream_set_deadline(w->stream, 1);
    stream_clear_deadline(w->stream);
    for (int i = 0; i < 5; i++) {
        wheel_tick(w->wheel);
    }
    assert_int_equal(1, w->deadlines);
}

static void cut_tells_its_owner_once_and_later(void **state)
{
    struct world *w = *state;
    stream_cut(w->stream);
    assert_int_equal(0, w->closed);
    char byte;
    assert_int_equal(STREAM_BROKEN, stream_read(w->stream, &byte, 1));
    turn(w);
    assert_int_equal(1, w->closed);
}

/* --- for libraries --- */

static void library_reads_and_writes_as_of_a_socket(void **state)
{
    struct world *w = *state;
    char *sent = calloc(1, LARGE);
    char *got = malloc(LARGE);
    char text[3];
    w->reads_nothing = true;
    say(w, "library", 7);
    assert_int_equal(3, stream_recv(w->stream, text, 3));
    assert_int_equal(3, stream_recv(w->stream, text, 3));
    assert_int_equal(1, stream_recv(w->stream, text, 3));
    assert_int_equal(-1, stream_recv(w->stream, text, 3));
    assert_int_equal(EAGAIN, errno);
    assert_int_equal(LARGE, stream_send(w->stream, sent, LARGE));
    assert_true(stream_queued(w->stream) > 0);
    hear_all(w, got, LARGE);
    hang_up(w);
    assert_int_equal(0, stream_recv(w->stream, text, 3));
    stream_cut(w->stream);
    assert_int_equal(-1, stream_recv(w->stream, text, 3));
    assert_int_equal(ECONNRESET, errno);
    assert_int_equal(-1, stream_send(w->stream, text, 3));
    assert_int_equal(EPIPE, errno);
    free(sent);
    free(got);
}

/* --- TLS alone --- */

static void not_tls_is_told_as_a_problem(void **state)
{
    struct world w = {.read_max = 1};
    int fds[2];
    (void)state;
    assert_int_equal(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds));
    w.loop = loop_create();
    w.wheel = wheel_create(w.loop);
    w.ctx = server_ctx();
    w.peer = fds[1];
    struct stream_handler patient = handler;
    patient.on_closed = on_deadline; /* counts, and does not free */
    w.stream = stream_create(
        fds[0],
        &(struct stream_options){
            .loop = w.loop, .wheel = w.wheel, .tls = w.ctx, .handler = &patient, .arg = &w});
    assert_true(stream_is_handshaking(w.stream));
    assert_true(stream_write(w.stream, "queued", 6)); /* until TLS is up */
    stream_resume(w.stream);
    assert_int_equal(18, send(w.peer, "GET / HTTP/1.1\r\n\r\n", 18, 0));
    AWAIT(&w, w.deadlines == 1);
    assert_string_equal("http request", stream_problem(w.stream));
    assert_int_equal(0, w.handshakes);
    stream_free(w.stream);
    SSL_CTX_free(w.ctx);
    (void)close(w.peer);
    wheel_free(w.wheel);
    loop_free(w.loop);
}

/* Byte by byte, and nothing of OpenSSL is made for it before. */
static void hello_may_come_in_pieces(void **state)
{
    struct world *w = *state;
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(ctx);
    char hello[4096];
    BIO *out = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl, BIO_new(BIO_s_mem()), out);
    assert_int_equal(-1, SSL_connect(ssl));
    int n = BIO_read(out, hello, sizeof(hello));
    assert_true(n > 100);
    for (int i = 0; i < n - 1; i++) {
        assert_int_equal(1, send(w->peer, hello + i, 1, 0));
        turn(w);
        turn(w);
        assert_true(stream_is_handshaking(w->stream));
        assert_null(stream_ssl(w->stream));
    }
    assert_int_equal(1, send(w->peer, hello + n - 1, 1, 0));
    AWAIT(w, stream_ssl(w->stream));
    char answer;
    AWAIT(w, recv(w->peer, &answer, 1, 0) == 1);
    assert_int_equal(22, answer);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
}

static void end_within_the_hello_is_an_end(void **state)
{
    struct world *w = *state;
    assert_int_equal(3, send(w->peer, "\x16\x03\x01", 3, 0));
    turn(w);
    hang_up(w);
    AWAIT(w, w->closed == 1);
    assert_int_equal(0, w->handshakes);
}

#define BOTH(name)                                                                                 \
    {#name " plain", name, set_up_plain, tear_down, NULL},                                         \
    {                                                                                              \
#name " tls", name, set_up_tls, tear_down, NULL                                            \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(bytes_pass_in_both_directions),
        BOTH(small_reads_get_all_there_is),
        BOTH(what_came_while_paused_is_read_after_it),
        BOTH(slow_peer_gets_all_in_order),
        BOTH(half_closed_peer_still_gets_its_answer),
        BOTH(end_without_a_word_is_an_end),
        BOTH(finishing_sends_the_rest_then_drops_what_comes),
        BOTH(lingering_is_bounded),
        BOTH(finishing_a_peer_that_reads_nothing_ends_at_the_deadline),
        BOTH(deadline_comes_once),
        BOTH(cut_tells_its_owner_once_and_later),
        BOTH(library_reads_and_writes_as_of_a_socket),
        cmocka_unit_test_setup_teardown(hello_may_come_in_pieces, set_up_silent_tls, tear_down),
        cmocka_unit_test_setup_teardown(end_within_the_hello_is_an_end, set_up_silent_tls,
                                        tear_down),
        cmocka_unit_test(not_tls_is_told_as_a_problem),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
