/* SPDX-License-Identifier: MIT */
/* broadcaster-health: asks processes on this machine whether they are alive, for container images
 * that have no curl and no shell.
 *
 *   broadcaster-health https://127.0.0.1:32672/health http://127.0.0.1:39613/health
 *
 * Exit status 0: each answered 200 within three seconds. Certificates are not verified: it talks to
 * its own machine, and what it learns is no secret.
 */
#include <openssl/bio.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROGRAM "broadcaster-health"
#define DEADLINE_S 3

/* Points into the argument. */
struct target {
    bool tls;
    const char *address; /* host:port */
    int address_len;
    const char *path;
};

static bool parse(const char *url, struct target *out)
{
    static const char plain[] = "http://";
    static const char tls[] = "https://";
    bool is_tls = strncmp(url, tls, strlen(tls)) == 0;
    if (!is_tls && strncmp(url, plain, strlen(plain)) != 0) {
        return false;
    }
    const char *address = url + strlen(is_tls ? tls : plain);
    const char *path = strchr(address, '/');
    if (!path || path == address || path - address > 255) {
        return false;
    }
    *out = (struct target){is_tls, address, (int)(path - address), path};
    return true;
}

/* A connection not yet made; BIO_free_all() frees it. NULL: out of memory. */
static BIO *create_connection(const struct target *t, SSL_CTX *ctx)
{
    char address[256];
    (void)snprintf(address, sizeof(address), "%.*s", t->address_len, t->address);
    BIO *bio = t->tls ? BIO_new_ssl_connect(ctx) : BIO_new(BIO_s_connect());
    if (bio && BIO_set_conn_hostname(bio, address) != 1) {
        BIO_free_all(bio);
        return NULL;
    }
    return bio;
}

static bool exchange(BIO *bio, const struct target *t)
{
    static const char good[] = "HTTP/1.1 200";
    char answer[sizeof(good)] = "";
    size_t have = 0;
    if (BIO_printf(bio, "GET %s HTTP/1.1\r\nHost: %.*s\r\nConnection: close\r\n\r\n", t->path,
                   t->address_len, t->address) <= 0) {
        return false;
    }
    while (have < sizeof(answer) - 1) {
        int n = BIO_read(bio, answer + have, (int)(sizeof(answer) - 1 - have));
        if (n <= 0) {
            return false;
        }
        have += (size_t)n;
    }
    return strcmp(answer, good) == 0;
}

static bool is_alive(const char *url, SSL_CTX *ctx)
{
    struct target t;
    if (!parse(url, &t)) {
        (void)fprintf(stderr, PROGRAM ": not http(s)://host:port/path: %s\n", url);
        return false;
    }
    BIO *bio = create_connection(&t, ctx);
    bool alive = bio && exchange(bio, &t);
    if (!alive) {
        (void)fprintf(stderr, PROGRAM ": no 200 from %s\n", url);
    }
    BIO_free_all(bio);
    return alive;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        (void)fprintf(stderr, "usage: " PROGRAM " URL...\n");
        return 2;
    }
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    bool all = ctx != NULL;
    (void)alarm(DEADLINE_S); /* its default action ends us: the deadline for everything */
    for (int i = 1; all && i < argc; i++) {
        all = is_alive(argv[i], ctx);
    }
    SSL_CTX_free(ctx);
    return all ? EXIT_SUCCESS : EXIT_FAILURE;
}
