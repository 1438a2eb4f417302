/* SPDX-License-Identifier: MIT */
#pragma once
/* pub_metrics: every number of the publisher, in one list (struct, table and export cannot drift).
 * Columns: kind, field, name, labels, help. Rows of one name stand together; the first has the help.
 */
#include <stdint.h>

#include "common/metrics.h"
#include "common/net/tls_expiry.h"

#define PUB_METRICS(X)                                                                             \
    X(GAUGE, connections_active, "connections_active", "",                                         \
      "WebSocket and SSE connections (always 0 in a publisher)")                                   \
    X(GAUGE, subscriptions, "subscriptions_total", "",                                             \
      "Active subscriptions (always 0 in a publisher)")                                            \
    X(COUNTER, messages_sent, "messages_sent_total", "",                                           \
      "Event messages sent to clients (always 0 in a publisher)")                                  \
    X(COUNTER, messages_received, "messages_received_total", "", "Accepted POSTs")                 \
    X(GAUGE, http_connections, "broadcaster_http_connections", "", "Open TCP connections")         \
    X(COUNTER, http_accepted, "broadcaster_http_accepted_total", "", "TCP connections taken")      \
    X(COUNTER, http_refused, "broadcaster_http_refused_total", "",                                 \
      "TCP connections closed at once: too many, or no memory or descriptor")                      \
    X(COUNTER, http_timeouts, "broadcaster_http_timeouts_total", "",                               \
      "Connections closed at a deadline (handshake, request, idle, unread answer)")                \
    X(COUNTER, tls_failures, "broadcaster_tls_handshake_failures_total", "",                       \
      "TLS handshakes that failed, refused client certificates included")                          \
    X(COUNTER, status_200, "broadcaster_http_requests_total", "status=\"200\"",                    \
      "Requests by the status of their answer")                                                    \
    X(COUNTER, status_400, "broadcaster_http_requests_total", "status=\"400\"", "")                \
    X(COUNTER, status_401, "broadcaster_http_requests_total", "status=\"401\"", "")                \
    X(COUNTER, status_403, "broadcaster_http_requests_total", "status=\"403\"", "")                \
    X(COUNTER, status_404, "broadcaster_http_requests_total", "status=\"404\"", "")                \
    X(COUNTER, status_405, "broadcaster_http_requests_total", "status=\"405\"", "")                \
    X(COUNTER, status_409, "broadcaster_http_requests_total", "status=\"409\"", "")                \
    X(COUNTER, status_413, "broadcaster_http_requests_total", "status=\"413\"", "")                \
    X(COUNTER, status_422, "broadcaster_http_requests_total", "status=\"422\"", "")                \
    X(COUNTER, status_503, "broadcaster_http_requests_total", "status=\"503\"", "")                \
    X(COUNTER, status_other, "broadcaster_http_requests_total", "status=\"other\"", "")            \
    X(HISTOGRAM, publish_seconds, "broadcaster_publish_seconds", "",                               \
      "From a whole request to the answer that Redis has its event")                               \
    X(COUNTER, written, "broadcaster_publishes_total", "result=\"written\"",                       \
      "Events handed to the Redis writer, by what became of them")                                 \
    X(COUNTER, repeated, "broadcaster_publishes_total", "result=\"repeated\"", "")                 \
    X(COUNTER, conflicting, "broadcaster_publishes_total", "result=\"conflict\"", "")              \
    X(COUNTER, unavailable, "broadcaster_publishes_total", "result=\"unavailable\"", "")           \
    X(COUNTER, unknown, "broadcaster_publishes_total", "result=\"unknown\"", "")                   \
    X(GAUGE, in_flight, "broadcaster_publish_in_flight", "", "Events waiting for Redis")           \
    X(GAUGE, in_flight_bytes, "broadcaster_publish_in_flight_bytes", "", "Their bytes")            \
    X(GAUGE, kept, "broadcaster_kept_events", "",                                                  \
      "Events answered 503 and kept until Redis is back")                                          \
    X(GAUGE, kept_bytes, "broadcaster_kept_bytes", "", "Their bytes")                              \
    X(COUNTER, kept_written, "broadcaster_kept_events_total", "result=\"written\"",                \
      "Kept events by what became of them")                                                        \
    X(COUNTER, kept_dropped, "broadcaster_kept_events_total", "result=\"dropped\"", "")            \
    X(COUNTER, names_refused, "broadcaster_names_refused_total", "",                               \
      "Names in events that cannot be part of a topic's name")                                     \
    X(COUNTER, deauthentications, "broadcaster_control_total", "type=\"deauthenticate\"",          \
      "Commands announced to all gateways")                                                        \
    X(COUNTER, scoreboard_tokens, "broadcaster_control_total", "type=\"scoreboard\"", "")          \
    X(COUNTER, refreshes_ok, "broadcaster_scoreboard_refreshes_total", "result=\"ok\"",            \
      "Calls that have the frontend refresh a contest's scoreboard, by their result")              \
    X(COUNTER, refreshes_denied, "broadcaster_scoreboard_refreshes_total", "result=\"denied\"",    \
      "")                                                                                          \
    X(COUNTER, refreshes_refused, "broadcaster_scoreboard_refreshes_total", "result=\"refused\"",  \
      "")                                                                                          \
    X(COUNTER, refreshes_failed, "broadcaster_scoreboard_refreshes_total", "result=\"failed\"",    \
      "")                                                                                          \
    X(GAUGE, refreshes_active, "broadcaster_scoreboard_refreshes_active", "", "Under way now")     \
    X(HISTOGRAM, refresh_seconds, "broadcaster_scoreboard_refresh_seconds", "",                    \
      "How long these calls took")                                                                 \
    X(GAUGE, redis_ready, "broadcaster_redis_ready", "", "1 while the link to Redis is ready")     \
    X(COUNTER, redis_connects, "broadcaster_redis_connects_total", "",                             \
      "Times the link to Redis became ready")                                                      \
    X(GAUGE, redis_unsafe, "broadcaster_redis_unsafe", "",                                         \
      "1 when any Redis may evict keys (maxmemory-policy is not noeviction)")                      \
    X(GAUGE, redis_replicas, "broadcaster_redis_replicas", "", "Replicas in sync with our Redis")  \
    X(COUNTER, redis_away, "broadcaster_redis_errors_total", "kind=\"away\"",                      \
      "Error replies of Redis to events and trials")                                               \
    X(COUNTER, redis_full, "broadcaster_redis_errors_total", "kind=\"full\"", "")                  \
    X(COUNTER, redis_denied, "broadcaster_redis_errors_total", "kind=\"denied\"", "")              \
    X(COUNTER, redis_other, "broadcaster_redis_errors_total", "kind=\"other\"", "")                \
    X(HISTOGRAM, loop_lag, "broadcaster_loop_lag_seconds", "", "How late the loop's timers run")

#define PUB_METRIC_TYPE_COUNTER uint64_t
#define PUB_METRIC_TYPE_GAUGE int64_t
#define PUB_METRIC_TYPE_HISTOGRAM struct histogram
#define PUB_METRIC_FIELD(kind, field, name, labels, help) PUB_METRIC_TYPE_##kind field;
struct pub_metrics {
    PUB_METRICS(PUB_METRIC_FIELD)
    struct tls_expiry certificates; /* when they end */
};
#undef PUB_METRIC_FIELD

void pub_metrics_count_status(struct pub_metrics *m, int status);
/* Appends everything as Prometheus text. */
void pub_metrics_render(const struct pub_metrics *m, struct buf *out);
