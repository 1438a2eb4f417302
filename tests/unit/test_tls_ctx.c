/* SPDX-License-Identifier: MIT */
#include "common/net/tls_ctx.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/certs.h"

#define CA "critical,CA:TRUE"
#define NOT_CA "CA:FALSE"

/* Everybody who appears in these tests. */
enum who {
    OWN_LEAF,     /* the server's, signed by PUBLIC_MID */
    PUBLIC_ROOT,  /* a public authority; the "system" trusts it */
    PUBLIC_MID,   /* its intermediate, in the server's file */
    CUSTOMER,     /* somebody else's leaf from PUBLIC_MID */
    ROOT_CLIENT,  /* a leaf right from PUBLIC_ROOT */
    PRIVATE_CA,   /* a self-signed authority of the site */
    CLIENT,       /* its leaf; no key usage, no extended one, as omegaUp's are */
    CLIENT_EKU,   /* the same with clientAuth */
    SERVER_EKU,   /* with serverAuth only */
    EXPIRED,      /* the same, of the day before yesterday */
    PRIVATE_MID,  /* an intermediate of PRIVATE_CA */
    MID_CLIENT,   /* its leaf */
    FOREIGN_CA,   /* unknown to everybody */
    FOREIGN,      /* its leaf */
    IMPOSTOR_CA,  /* the name of PRIVATE_CA, another key */
    IMPOSTOR,     /* its leaf */
    SELF_SIGNED,  /* a leaf that signed itself, without key usage */
    SELF_CHILD,   /* signed by that one */
    OWN_CA_LEAF,  /* a server certificate that may sign, itself from PUBLIC_MID */
    OWN_CA_CHILD, /* signed by that one */
    WHO_COUNT
};

static const struct {
    enum who issuer; /* itself: self-signed */
    struct cert_spec spec;
} people[WHO_COUNT] = {
    [PUBLIC_ROOT] = {PUBLIC_ROOT, {.name = "public root", .basic_constraints = CA}},
    [PUBLIC_MID] = {PUBLIC_ROOT, {.name = "public mid", .basic_constraints = CA}},
    [OWN_LEAF] = {PUBLIC_MID, {.name = "own", .alternative_name = "DNS:own.example,IP:127.0.0.1"}},
    [CUSTOMER] = {PUBLIC_MID, {.name = "customer", .basic_constraints = NOT_CA}},
    [ROOT_CLIENT] = {PUBLIC_ROOT, {.name = "root client", .basic_constraints = NOT_CA}},
    [PRIVATE_CA] = {PRIVATE_CA, {.name = "private ca", .basic_constraints = CA}},
    [CLIENT] = {PRIVATE_CA, {.name = "client"}},
    [CLIENT_EKU] = {PRIVATE_CA, {.name = "client eku", .extended_key_usage = "clientAuth"}},
    [SERVER_EKU] = {PRIVATE_CA, {.name = "server eku", .extended_key_usage = "serverAuth"}},
    [EXPIRED] = {PRIVATE_CA, {.name = "expired", .from_days = -3, .to_days = -2}},
    [PRIVATE_MID] = {PRIVATE_CA, {.name = "private mid", .basic_constraints = CA}},
    [MID_CLIENT] = {PRIVATE_MID, {.name = "mid client"}},
    [FOREIGN_CA] = {FOREIGN_CA, {.name = "foreign ca", .basic_constraints = CA}},
    [FOREIGN] = {FOREIGN_CA, {.name = "foreign"}},
    [IMPOSTOR_CA] = {IMPOSTOR_CA, {.name = "private ca", .basic_constraints = CA}},
    [IMPOSTOR] = {IMPOSTOR_CA, {.name = "client"}},
    [SELF_SIGNED] = {SELF_SIGNED, {.name = "self", .basic_constraints = NOT_CA}},
    [SELF_CHILD] = {SELF_SIGNED, {.name = "self child"}},
    [OWN_CA_LEAF] = {PUBLIC_MID, {.name = "own ca", .basic_constraints = CA}},
    [OWN_CA_CHILD] = {OWN_CA_LEAF, {.name = "own ca child"}},
};
/* Issuers first. */
static const enum who order[] = {
    PUBLIC_ROOT, PUBLIC_MID, OWN_LEAF,    CUSTOMER,    ROOT_CLIENT, PRIVATE_CA,   CLIENT,
    CLIENT_EKU,  SERVER_EKU, EXPIRED,     PRIVATE_MID, MID_CLIENT,  FOREIGN_CA,   FOREIGN,
    IMPOSTOR_CA, IMPOSTOR,   SELF_SIGNED, SELF_CHILD,  OWN_CA_LEAF, OWN_CA_CHILD,
};

struct fixture {
    char dir[64];
    char server[96], key[96], ca[96], system[96];
    struct cert cert[WHO_COUNT];
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    (void)snprintf(f->dir, sizeof(f->dir), "/tmp/test_tls_ctx.XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    (void)snprintf(f->server, sizeof(f->server), "%s/server.pem", f->dir);
    (void)snprintf(f->key, sizeof(f->key), "%s/key.pem", f->dir);
    (void)snprintf(f->ca, sizeof(f->ca), "%s/ca.pem", f->dir);
    (void)snprintf(f->system, sizeof(f->system), "%s/system.pem", f->dir);
    assert_int_equal(WHO_COUNT, ARRAY_LEN(order));
    for (size_t i = 0; i < ARRAY_LEN(order); i++) {
        enum who who = order[i];
        struct cert_spec spec = people[who].spec;
        spec.issuer = people[who].issuer == who ? NULL : &f->cert[people[who].issuer];
        f->cert[who] = cert_make(&spec);
    }
    /* What OpenSSL takes for the system's store. */
    cert_write(f->system, (const struct cert *[]){&f->cert[PUBLIC_ROOT]}, 1);
    assert_int_equal(0, setenv("SSL_CERT_FILE", f->system, 1));
    assert_int_equal(0, setenv("SSL_CERT_DIR", f->dir, 1));
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    (void)unlink(f->server);
    (void)unlink(f->key);
    (void)unlink(f->ca);
    (void)unlink(f->system);
    assert_int_equal(0, rmdir(f->dir));
    for (int i = 0; i < WHO_COUNT; i++) {
        cert_release(&f->cert[i]);
    }
    free(f);
    return 0;
}

static const enum who *end_of(const enum who *list)
{
    while (*list != WHO_COUNT) {
        list++;
    }
    return list;
}

/* Writes the certificates of a list that WHO_COUNT ends. */
static void write_list(const struct fixture *f, const char *path, const enum who *list)
{
    const struct cert *certs[WHO_COUNT];
    size_t n = (size_t)(end_of(list) - list);
    for (size_t i = 0; i < n; i++) {
        certs[i] = &f->cert[list[i]];
    }
    cert_write(path, certs, n);
}

static SSL_CTX *make_server(struct fixture *f, const enum who *server_file, const enum who *ca_file,
                            enum tls_client_auth auth)
{
    write_list(f, f->server, server_file);
    cert_write_key(f->key, &f->cert[server_file[0]]);
    if (ca_file) {
        write_list(f, f->ca, ca_file);
    }
    const struct tls_server_options o = {.cert_file = f->server,
                                         .key_file = f->key,
                                         .client_ca_file = ca_file ? f->ca : "",
                                         .client_auth = auth,
                                         .alpn = "http/1.1"};
    const char *why = NULL;
    SSL_CTX *ctx = tls_server_ctx(&o, &why);
    if (!ctx) {
        fail_msg("tls_server_ctx: %s", why);
    }
    return ctx;
}

/* A client that presents chain[0] and sends the rest along; it does not check the server. */
static SSL_CTX *make_client(const struct fixture *f, const enum who *chain)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    assert_non_null(ctx);
    if (chain) {
        assert_int_equal(1, SSL_CTX_use_certificate(ctx, f->cert[chain[0]].x509));
        assert_int_equal(1, SSL_CTX_use_PrivateKey(ctx, f->cert[chain[0]].key));
        for (const enum who *w = chain + 1; *w != WHO_COUNT; w++) {
            assert_int_equal(1, SSL_CTX_add1_chain_cert(ctx, f->cert[*w].x509));
        }
        (void)SSL_CTX_set_mode(ctx, SSL_MODE_NO_AUTO_CHAIN);
    }
    return ctx;
}

static void join(SSL *client, SSL *server)
{
    BIO *a;
    BIO *b;
    assert_int_equal(1, BIO_new_bio_pair(&a, 0, &b, 0));
    SSL_set_bio(client, a, a);
    SSL_set_bio(server, b, b);
    SSL_set_connect_state(client);
    SSL_set_accept_state(server);
}

/* Runs both halves in turn until the server's is done. */
static bool shake_hands(SSL *client, SSL *server)
{
    for (int i = 0; i < 20; i++) {
        int c = SSL_do_handshake(client);
        int s = SSL_do_handshake(server);
        if (s == 1 && c == 1) {
            return true;
        }
        if (s != 1 && SSL_get_error(server, s) != SSL_ERROR_WANT_READ) {
            return false;
        }
    }
    return false;
}

static bool is_accepted_by(SSL_CTX *server_ctx, const struct fixture *f, const enum who *chain,
                           int version)
{
    SSL_CTX *client_ctx = make_client(f, chain);
    assert_int_equal(1, SSL_CTX_set_max_proto_version(client_ctx, version));
    SSL *client = SSL_new(client_ctx);
    SSL *server = SSL_new(server_ctx);
    assert_true(client && server);
    join(client, server);
    bool ok = shake_hands(client, server);
    if (ok && chain) {
        assert_int_equal(X509_V_OK, SSL_get_verify_result(server));
        assert_int_equal(0, X509_cmp(SSL_get0_peer_certificate(server), f->cert[*chain].x509));
    }
    SSL_free(client);
    SSL_free(server);
    SSL_CTX_free(client_ctx);
    return ok;
}

#define LIST(...) ((const enum who[]){__VA_ARGS__, WHO_COUNT})
static const enum who public_site[] = {OWN_LEAF, PUBLIC_MID, WHO_COUNT};
static const enum who public_site_with_root[] = {OWN_LEAF, PUBLIC_MID, PUBLIC_ROOT, WHO_COUNT};
static const enum who private_site[] = {OWN_LEAF, PUBLIC_MID, PRIVATE_CA, WHO_COUNT};
static const enum who self_signed_site[] = {SELF_SIGNED, WHO_COUNT};
static const enum who signing_site[] = {OWN_CA_LEAF, PUBLIC_MID, WHO_COUNT};
static const enum who ca_site[] = {PRIVATE_CA, WHO_COUNT};

static const struct trust_case {
    const char *what;
    const enum who *server_file;
    const enum who *ca_file; /* NULL: none */
    enum who chain[4];       /* what the client presents */
    bool accepted;
} trust_cases[] = {
    {"ca file: leaf without key usage", public_site, ca_site, {CLIENT, WHO_COUNT}, true},
    {"ca file: leaf for clients", public_site, ca_site, {CLIENT_EKU, WHO_COUNT}, true},
    {"ca file: leaf for servers only", public_site, ca_site, {SERVER_EKU, WHO_COUNT}, false},
    {"ca file: expired leaf", public_site, ca_site, {EXPIRED, WHO_COUNT}, false},
    {"ca file: foreign leaf", public_site, ca_site, {FOREIGN, WHO_COUNT}, false},
    {"ca file: foreign leaf and its authority",
     public_site,
     ca_site,
     {FOREIGN, FOREIGN_CA, WHO_COUNT},
     false},
    {"ca file: leaf of a namesake",
     public_site,
     ca_site,
     {IMPOSTOR, IMPOSTOR_CA, WHO_COUNT},
     false},
    {"ca file: leaf with its intermediate",
     public_site,
     ca_site,
     {MID_CLIENT, PRIVATE_MID, WHO_COUNT},
     true},
    {"ca file: leaf without its intermediate",
     public_site,
     ca_site,
     {MID_CLIENT, WHO_COUNT},
     false},
    {"ca file: the server's own leaf is not in it",
     public_site,
     ca_site,
     {OWN_LEAF, WHO_COUNT},
     false},
    {"ca file: system's authority is not in it",
     public_site,
     ca_site,
     {CUSTOMER, PUBLIC_MID, WHO_COUNT},
     false},
    {"ca file holds the intermediate only",
     public_site,
     (const enum who[]){PRIVATE_MID, WHO_COUNT},
     {MID_CLIENT, WHO_COUNT},
     true},
    {"ca file holds the leaf itself",
     public_site,
     (const enum who[]){CUSTOMER, WHO_COUNT},
     {CUSTOMER, WHO_COUNT},
     true},
    {"ca file holds a self-signed leaf",
     public_site,
     self_signed_site,
     {SELF_SIGNED, WHO_COUNT},
     true},
    {"ca file holds a self-signed leaf that signed",
     public_site,
     self_signed_site,
     {SELF_CHILD, WHO_COUNT},
     false},
    {"ca file holds two",
     public_site,
     (const enum who[]){FOREIGN_CA, PRIVATE_CA, WHO_COUNT},
     {CLIENT, WHO_COUNT},
     true},

    {"own leaf", public_site, NULL, {OWN_LEAF, WHO_COUNT}, true},
    {"own leaf with its chain", public_site, NULL, {OWN_LEAF, PUBLIC_MID, WHO_COUNT}, true},
    {"own leaf with its whole chain",
     public_site_with_root,
     NULL,
     {OWN_LEAF, PUBLIC_MID, PUBLIC_ROOT, WHO_COUNT},
     true},
    {"another customer of the authority", public_site, NULL, {CUSTOMER, WHO_COUNT}, false},
    {"another customer with the chain",
     public_site,
     NULL,
     {CUSTOMER, PUBLIC_MID, WHO_COUNT},
     false},
    {"another customer, the public root in our file",
     public_site_with_root,
     NULL,
     {CUSTOMER, PUBLIC_MID, PUBLIC_ROOT, WHO_COUNT},
     false},
    {"leaf of the public root in our file",
     public_site_with_root,
     NULL,
     {ROOT_CLIENT, WHO_COUNT},
     false},
    {"leaf of a private authority in our file", private_site, NULL, {CLIENT, WHO_COUNT}, true},
    {"the same, authority sent along", private_site, NULL, {CLIENT, PRIVATE_CA, WHO_COUNT}, true},
    {"leaf for servers only", private_site, NULL, {SERVER_EKU, WHO_COUNT}, false},
    {"expired leaf", private_site, NULL, {EXPIRED, WHO_COUNT}, false},
    {"leaf of a namesake", private_site, NULL, {IMPOSTOR, IMPOSTOR_CA, WHO_COUNT}, false},
    {"leaf below an intermediate", private_site, NULL, {MID_CLIENT, PRIVATE_MID, WHO_COUNT}, false},
    {"other customer at a site with an authority",
     private_site,
     NULL,
     {CUSTOMER, PUBLIC_MID, WHO_COUNT},
     false},
    {"foreign leaf", private_site, NULL, {FOREIGN, FOREIGN_CA, WHO_COUNT}, false},
    {"own self-signed leaf", self_signed_site, NULL, {SELF_SIGNED, WHO_COUNT}, true},
    {"signed by our self-signed leaf", self_signed_site, NULL, {SELF_CHILD, WHO_COUNT}, false},
    {"our certificate signs but is no root", signing_site, NULL, {OWN_CA_CHILD, WHO_COUNT}, false},
    {"the same, sent along", signing_site, NULL, {OWN_CA_CHILD, OWN_CA_LEAF, WHO_COUNT}, false},
    {"that certificate itself", signing_site, NULL, {OWN_CA_LEAF, WHO_COUNT}, true},
    {"our certificate is the authority", ca_site, NULL, {CLIENT, WHO_COUNT}, true},
};

static void client_certificates_are_believed_by_the_rules(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(trust_cases); i++) {
        const struct trust_case *t = &trust_cases[i];
        SSL_CTX *ctx = make_server(f, t->server_file, t->ca_file, TLS_CLIENT_REQUEST);
        if (is_accepted_by(ctx, f, t->chain, TLS1_3_VERSION) != t->accepted ||
            is_accepted_by(ctx, f, t->chain, TLS1_2_VERSION) != t->accepted) {
            fail_msg("%s: %s", t->what, t->accepted ? "refused" : "accepted");
        }
        tls_ctx_free(ctx);
    }
}

static void client_without_certificate_passes_unless_required(void **state)
{
    struct fixture *f = *state;
    static const struct {
        enum tls_client_auth auth;
        bool accepted;
    } cases[] = {{TLS_CLIENT_NONE, true}, {TLS_CLIENT_REQUEST, true}, {TLS_CLIENT_REQUIRE, false}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        SSL_CTX *ctx = make_server(f, public_site, ca_site, cases[i].auth);
        assert_int_equal(cases[i].accepted, is_accepted_by(ctx, f, NULL, TLS1_3_VERSION));
        assert_int_equal(cases[i].accepted, is_accepted_by(ctx, f, NULL, TLS1_2_VERSION));
        tls_ctx_free(ctx);
    }
}

static void tls_1_1_is_refused(void **state)
{
    struct fixture *f = *state;
    SSL_CTX *ctx = make_server(f, public_site, NULL, TLS_CLIENT_NONE);
    assert_false(is_accepted_by(ctx, f, NULL, TLS1_1_VERSION));
    tls_ctx_free(ctx);
}

static void list_of_authorities_sent_to_clients_is_empty(void **state)
{
    struct fixture *f = *state;
    SSL_CTX *server_ctx = make_server(f, private_site, ca_site, TLS_CLIENT_REQUEST);
    SSL_CTX *client_ctx = make_client(f, LIST(CLIENT));
    SSL *client = SSL_new(client_ctx);
    SSL *server = SSL_new(server_ctx);
    join(client, server);
    assert_true(shake_hands(client, server));
    const STACK_OF(X509_NAME) *names = SSL_get0_peer_CA_list(client);
    assert_true(sk_X509_NAME_num(names) <= 0);
    SSL_free(client);
    SSL_free(server);
    SSL_CTX_free(client_ctx);
    tls_ctx_free(server_ctx);
}

static void resumed_session_brings_the_verified_certificate(void **state)
{
    struct fixture *f = *state;
    SSL_CTX *server_ctx = make_server(f, private_site, NULL, TLS_CLIENT_REQUIRE);
    SSL_CTX *client_ctx = make_client(f, LIST(CLIENT));
    SSL_SESSION *session = NULL;
    for (int round = 0; round < 2; round++) {
        SSL *client = SSL_new(client_ctx);
        SSL *server = SSL_new(server_ctx);
        join(client, server);
        if (session) {
            assert_int_equal(1, SSL_set_session(client, session));
            SSL_SESSION_free(session);
        }
        assert_true(shake_hands(client, server));
        assert_int_equal(1, SSL_write(server, "x", 1)); /* tickets of TLS 1.3 come before it */
        char byte;
        assert_int_equal(1, SSL_read(client, &byte, 1));
        session = SSL_get1_session(client);
        assert_int_equal(round, SSL_session_reused(server));
        assert_int_equal(X509_V_OK, SSL_get_verify_result(server));
        assert_int_equal(0, X509_cmp(SSL_get0_peer_certificate(server), f->cert[CLIENT].x509));
        SSL_shutdown(client);
        SSL_free(client);
        SSL_free(server);
    }
    SSL_SESSION_free(session);
    SSL_CTX_free(client_ctx);
    tls_ctx_free(server_ctx);
}

static void our_protocol_is_chosen_and_others_are_passed_over(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *offer;
        const char *chosen;
    } cases[] = {
        {"\x02h2\x08http/1.1", "http/1.1"},
        {"\x08http/1.1\x02h2", "http/1.1"},
        {"\x02h2", ""},
        {"\x08http/1.0\x08http/1.2", ""},
    };
    SSL_CTX *server_ctx = make_server(f, public_site, NULL, TLS_CLIENT_NONE);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        SSL_CTX *client_ctx = make_client(f, NULL);
        SSL *client = SSL_new(client_ctx);
        SSL *server = SSL_new(server_ctx);
        const char *offer = cases[i].offer;
        assert_int_equal(0, SSL_set_alpn_protos(client, (const unsigned char *)offer,
                                                (unsigned int)strlen(offer)));
        join(client, server);
        assert_true(shake_hands(client, server));
        const unsigned char *chosen;
        unsigned int len;
        SSL_get0_alpn_selected(client, &chosen, &len);
        assert_int_equal(strlen(cases[i].chosen), len);
        assert_memory_equal(cases[i].chosen, chosen ? (const char *)chosen : "", len);
        SSL_free(client);
        SSL_free(server);
        SSL_CTX_free(client_ctx);
    }
    tls_ctx_free(server_ctx);
}

/* Our client against our server, which presents OWN_LEAF. */
static const char *client_problem(struct fixture *f, const char *ca_file, const char *host)
{
    SSL_CTX *server_ctx = make_server(f, public_site, NULL, TLS_CLIENT_NONE);
    const char *why = NULL;
    SSL_CTX *client_ctx = tls_client_ctx(ca_file, &why);
    if (!client_ctx) {
        fail_msg("tls_client_ctx: %s", why);
    }
    SSL *client = tls_client_ssl(client_ctx, host);
    SSL *server = SSL_new(server_ctx);
    join(client, server);
    bool ok = shake_hands(client, server);
    const char *problem = tls_verify_problem(client);
    assert_int_equal(ok, problem == NULL);
    const char *name = SSL_get_servername(server, TLSEXT_NAMETYPE_host_name);
    if (strchr("0123456789:", host[0])) {
        assert_null(name);
    } else {
        assert_string_equal(host, name);
    }
    SSL_free(client);
    SSL_free(server);
    tls_ctx_free(client_ctx);
    tls_ctx_free(server_ctx);
    return problem;
}

static void client_checks_the_servers_name_and_authority(void **state)
{
    struct fixture *f = *state;
    char other[160];
    (void)snprintf(other, sizeof(other), "%s/other.pem", f->dir);
    cert_write(other, (const struct cert *[]){&f->cert[FOREIGN_CA]}, 1);
    assert_null(client_problem(f, NULL, "own.example")); /* the system's authorities */
    assert_null(client_problem(f, f->system, "own.example"));
    assert_null(client_problem(f, NULL, "127.0.0.1"));
    assert_non_null(client_problem(f, NULL, "other.example"));
    assert_non_null(client_problem(f, NULL, "127.0.0.2"));
    assert_non_null(client_problem(f, other, "own.example"));
    assert_int_equal(0, unlink(other));
}

static void broken_files_are_named_in_the_reason(void **state)
{
    struct fixture *f = *state;
    write_list(f, f->server, public_site);
    cert_write_key(f->key, &f->cert[OWN_LEAF]);
    char wrong_key[160];
    char garbage[160];
    (void)snprintf(wrong_key, sizeof(wrong_key), "%s/wrong_key.pem", f->dir);
    (void)snprintf(garbage, sizeof(garbage), "%s/garbage.pem", f->dir);
    cert_write_key(wrong_key, &f->cert[CLIENT]);
    FILE *g = fopen(garbage, "w");
    assert_non_null(g);
    assert_true(fputs("nothing", g) >= 0 && fclose(g) == 0);
    const struct {
        const char *cert, *key, *ca, *named;
    } cases[] = {
        {"/nonexistent/c.pem", f->key, NULL, "/nonexistent/c.pem: No such file"},
        {f->server, "/nonexistent/k.pem", NULL, "/nonexistent/k.pem: No such file"},
        {f->server, f->key, "/nonexistent/a.pem", "/nonexistent/a.pem: No such file"},
        {garbage, f->key, NULL, garbage},
        {f->server, garbage, NULL, garbage},
        {f->server, f->key, garbage, garbage},
        {f->server, wrong_key, NULL, wrong_key},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct tls_server_options o = {.cert_file = cases[i].cert,
                                             .key_file = cases[i].key,
                                             .client_ca_file = cases[i].ca,
                                             .client_auth = TLS_CLIENT_REQUEST};
        const char *why = NULL;
        assert_null(tls_server_ctx(&o, &why));
        assert_non_null(why);
        if (!strstr(why, cases[i].named)) {
            fail_msg("%s not in: %s", cases[i].named, why);
        }
    }
    const char *why = NULL;
    assert_null(tls_client_ctx(garbage, &why));
    assert_non_null(strstr(why, garbage));
    assert_int_equal(0, unlink(garbage));
    assert_int_equal(0, unlink(wrong_key));
}

static void expiry_is_that_of_the_certificate_that_ends_first(void **state)
{
    struct fixture *f = *state;
    write_list(f, f->server, LIST(PRIVATE_CA, EXPIRED, PRIVATE_CA));
    int64_t expected = (int64_t)time(NULL) - 2 * 24 * 60 * 60;
    assert_in_range(tls_certificate_expiry(f->server), expected - 120, expected + 120);
    assert_int_equal(0, tls_certificate_expiry("/nonexistent/c.pem"));
    assert_int_equal(0, tls_certificate_expiry(f->key));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(client_certificates_are_believed_by_the_rules),
        cmocka_unit_test(client_without_certificate_passes_unless_required),
        cmocka_unit_test(tls_1_1_is_refused),
        cmocka_unit_test(list_of_authorities_sent_to_clients_is_empty),
        cmocka_unit_test(resumed_session_brings_the_verified_certificate),
        cmocka_unit_test(our_protocol_is_chosen_and_others_are_passed_over),
        cmocka_unit_test(client_checks_the_servers_name_and_authority),
        cmocka_unit_test(broken_files_are_named_in_the_reason),
        cmocka_unit_test(expiry_is_that_of_the_certificate_that_ends_first),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
