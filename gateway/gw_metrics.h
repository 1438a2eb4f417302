/* SPDX-License-Identifier: MIT */
#pragma once
/* gw_metrics: every number of the gateway, in one list (struct, table and export cannot drift).
 * Columns: kind, field, name, labels, help.
 */
#include <stdint.h>

#include "common/metrics.h"
#include "common/net/tls_expiry.h"

#define GW_METRICS(X)                                                                              \
    X(GAUGE, connections_active, "connections_active", "", "WebSocket and SSE connections")        \
    X(GAUGE, subscriptions, "subscriptions_total", "", "Active subscriptions")                     \
    X(COUNTER, messages_sent, "messages_sent_total", "", "Messages sent to clients")               \
    X(COUNTER, messages_received, "messages_received_total", "",                                   \
      "Accepted POSTs (always 0 in a gateway)")                                                    \
    X(GAUGE, conns_websocket, "broadcaster_connections",                                           \
      "transport=\"websocket\",kind=\"documented\"", "Open connections by transport and protocol") \
    X(GAUGE, conns_websocket_legacy, "broadcaster_connections",                                    \
      "transport=\"websocket\",kind=\"legacy\"", "")                                               \
    X(GAUGE, conns_room, "broadcaster_connections", "transport=\"websocket\",kind=\"room\"", "")   \
    X(GAUGE, conns_sse, "broadcaster_connections", "transport=\"sse\",kind=\"documented\"", "")    \
    X(GAUGE, conns_sse_legacy, "broadcaster_connections", "transport=\"sse\",kind=\"legacy\"", "") \
    X(COUNTER, accepted, "broadcaster_accepted_total", "", "TCP connections taken")                \
    X(COUNTER, handshakes, "broadcaster_handshakes_total", "", "Connections that became sessions") \
    X(COUNTER, refused_origin, "broadcaster_refusals_total", "reason=\"origin\"",                  \
      "Connections refused before they became sessions")                                           \
    X(COUNTER, refused_bad_request, "broadcaster_refusals_total", "reason=\"bad_request\"", "")    \
    X(COUNTER, refused_version, "broadcaster_refusals_total", "reason=\"version\"", "")            \
    X(COUNTER, refused_address, "broadcaster_refusals_total", "reason=\"address_limit\"", "")      \
    X(COUNTER, refused_descriptors, "broadcaster_refusals_total", "reason=\"descriptors\"", "")    \
    X(COUNTER, refused_leaving, "broadcaster_refusals_total", "reason=\"leaving\"", "")            \
    X(COUNTER, refused_too_large, "broadcaster_refusals_total", "reason=\"too_large\"", "")        \
    X(COUNTER, refused_timeout, "broadcaster_refusals_total", "reason=\"handshake_timeout\"", "")  \
    X(COUNTER, closed_slow, "broadcaster_slow_closes_total", "", "Clients closed with 4008")       \
    X(COUNTER, closed_idle, "broadcaster_closes_total", "reason=\"idle_stranger\"",                \
      "Sessions that this gateway closed")                                                         \
    X(COUNTER, closed_dead, "broadcaster_closes_total", "reason=\"no_sign_of_life\"", "")          \
    X(COUNTER, closed_protocol, "broadcaster_closes_total", "reason=\"protocol\"", "")             \
    X(COUNTER, closed_deauthenticated, "broadcaster_closes_total", "reason=\"deauthenticated\"",   \
      "")                                                                                          \
    X(COUNTER, closed_leaving, "broadcaster_closes_total", "reason=\"leaving\"", "")               \
    X(COUNTER, closed_overload, "broadcaster_closes_total", "reason=\"overload\"", "")             \
    X(COUNTER, closed_refused, "broadcaster_closes_total", "reason=\"refused\"", "")               \
    X(COUNTER, commands, "broadcaster_commands_total", "", "Client commands taken")                \
    X(COUNTER, room_messages, "broadcaster_room_messages_total", "", "Messages to the room taken") \
    X(COUNTER, errors_sent, "broadcaster_errors_sent_total", "", "Error answers to clients")       \
    X(COUNTER, rate_limited, "broadcaster_rate_limited_total", "", "Commands over the limit")      \
    X(COUNTER, conflated, "broadcaster_conflated_total", "",                                       \
      "Scoreboards replaced by newer ones in a queue")                                             \
    X(GAUGE, queue_bytes, "broadcaster_queue_bytes", "", "Bytes waiting in clients' queues")       \
    X(COUNTER, bytes_sent, "broadcaster_bytes_sent_total", "", "Bytes handed to transports")       \
    X(COUNTER, handshakes_deflate, "broadcaster_handshakes_deflate_total", "",                     \
      "WebSockets that negotiated compression")                                                    \
    X(COUNTER, deflated, "broadcaster_deflated_total", "",                                         \
      "Messages compressed, each once for all receivers")                                          \
    X(COUNTER, deflated_from, "broadcaster_deflated_bytes_total", "form=\"plain\"",                \
      "Bytes of these messages before and after, not times their receivers")                       \
    X(COUNTER, deflated_to, "broadcaster_deflated_bytes_total", "form=\"compressed\"", "")         \
    X(COUNTER, writes, "broadcaster_writes_total", "", "Writes to transports")                     \
    X(COUNTER, events_received, "broadcaster_events_received_total", "", "Events from Redis")      \
    X(COUNTER, events_malformed, "broadcaster_events_malformed_total", "",                         \
      "Messages from Redis that are no events")                                                    \
    X(GAUGE, topics, "broadcaster_topics", "", "Topics subscribed in Redis")                       \
    X(COUNTER, gaps_found, "broadcaster_gaps_found_total", "", "Holes in a topic's offsets")       \
    X(COUNTER, gaps_repaired, "broadcaster_gaps_repaired_total", "", "Holes filled from the log")  \
    X(COUNTER, events_repaired, "broadcaster_events_repaired_total", "",                           \
      "Events delivered late, from the log")                                                       \
    X(COUNTER, resets, "broadcaster_resets_total", "", "reset messages sent")                      \
    X(COUNTER, legacy_kept, "broadcaster_legacy_kept_total", "",                                   \
      "Legacy sessions whose positions were kept at their end")                                    \
    X(COUNTER, resumed, "broadcaster_resumes_total", "result=\"recovered\"",                       \
      "Subscriptions with a position")                                                             \
    X(COUNTER, not_resumed, "broadcaster_resumes_total", "result=\"not_recovered\"", "")           \
    X(COUNTER, log_reads, "broadcaster_log_reads_total", "",                                       \
      "Reads of topics' logs and positions")                                                       \
    X(GAUGE, ring_bytes, "broadcaster_ring_bytes", "", "Recent events kept for resuming clients")  \
    X(COUNTER, auth_ok, "broadcaster_auth_total", "result=\"ok\"", "Answers about credentials")    \
    X(COUNTER, auth_refused, "broadcaster_auth_total", "result=\"refused\"", "")                   \
    X(COUNTER, auth_unavailable, "broadcaster_auth_total", "result=\"unavailable\"", "")           \
    X(HISTOGRAM, auth_seconds, "broadcaster_auth_seconds", "", "Time of a call to the frontend")   \
    X(GAUGE, redis_up, "broadcaster_redis_up", "", "1 while both links to Redis are ready")        \
    X(COUNTER, redis_lost, "broadcaster_redis_lost_total", "", "Times a link to Redis was lost")   \
    X(GAUGE, redis_unsafe, "broadcaster_redis_unsafe", "", "1 when any Redis may evict keys")      \
    X(HISTOGRAM, publish_to_write, "broadcaster_publish_to_write_seconds", "",                     \
      "From the publisher's acceptance to the write to clients")                                   \
    X(HISTOGRAM, process, "broadcaster_process_latency_seconds", "",                               \
      "From the arrival of an event from Redis to its last receiver's queue")                      \
    X(HISTOGRAM, loop_lag, "broadcaster_loop_lag_seconds", "", "How late the loop runs its timers")

struct gw_metrics {
    struct tls_expiry certificates; /* when they end; zeros behind a proxy */
#define X_FIELD_COUNTER(f) uint64_t f;
#define X_FIELD_GAUGE(f) int64_t f;
#define X_FIELD_HISTOGRAM(f) struct histogram f;
#define X_FIELD(kind, field, name, labels, help) X_FIELD_##kind(field)
    GW_METRICS(X_FIELD)
#undef X_FIELD
#undef X_FIELD_COUNTER
#undef X_FIELD_GAUGE
#undef X_FIELD_HISTOGRAM
};
void gw_metrics_render(const struct gw_metrics *m, struct buf *out);
/* One JSON object: `time` (Unix seconds), `version`, and every number under its field's name above;
 * a histogram as its `count` and `sum`. */
void gw_metrics_render_json(const struct gw_metrics *m, uint64_t instance, int64_t wall_ms,
                            struct buf *out);
