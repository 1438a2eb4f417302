# SPDX-License-Identifier: MIT
"""What is measured: every row of the table of what is to be reached, and what explains it."""
from . import runs, runs_boards, runs_counted, runs_gateways
from .figures import Figure, Scenario, fanout, ratios

OURS = ("broadcaster",)
BOTH = ("epoll", "broadcaster")
CLUSTERS = (*BOTH, "nchan", "node", "socketio")
EVERYBODY = (*BOTH, "nchan", "nchan_redis", "node", "socketio")
STEADY = {"receivers": 1000, "bytes": 300, "rate": 50, "burst": 1, "seconds": 4, "parallel": 4}
SMALL = {"receivers": 50, "rate": 100, "seconds": 0.3}


def limit_of(one_round, peer):
    """p99 over what it may be: 1.2 times what bare epoll needs for the fan-out, and 2 ms."""
    if "epoll" not in one_round:
        return None
    return one_round[peer]["p99"] / (1.2 * one_round["epoll"]["whole"] + 2)


def idle(title, what, peers, target, **more):
    """Memory of connections that only stand there."""
    return Scenario(
        title, runs.memory,
        {"bytes": Figure("bytes/connection", 0, target, row="resident bytes per connection"),
         "base": Figure("MiB before", 1), "connect": Figure("µs to connect", 0),
         "idle_cpu": Figure("% of its core, idle", 2)},
        peers, {"connections": 19000, "what": what, "settle": 3, "tls": 0, **more},
        {"connections": 50, "settle": 0.2}, 1)


def boards(p99):
    return {"wire": Figure("× uncompressed, on the wire", 3, 0.35, row="bytes on the wire, × plain"),
            "cpu_ratio": Figure("× uncompressed, CPU", 2, 1.3, row="CPU, × uncompressed"),
            "wire_plain": Figure("kB per message, plain", 1),
            "wire_deflated": Figure("kB per message, compressed", 1),
            "cpu_plain": Figure("µs/delivery, plain", 1),
            "cpu_deflated": Figure("µs/delivery, compressed", 1),
            "p99": Figure("ms p99, compressed", 1), "p99_plain": Figure("ms p99, plain", 1), **p99}


def by_count():
    """Figures of 1, 2, 4 and 8 gateways."""
    figures = {}
    for n in (1, 2, 4, 8):
        s = f"{n} gateway{'s' * (n > 1)}"
        figures.update({
            f"held{n}": Figure(f"connections, {s}", 0),
            f"whole{n}": Figure(f"ms to the last client, {s}", 0),
            f"memory{n}": Figure(f"bytes/connection, {s}", 0),
            f"connecting{n}": Figure(f"s to connect them, {s}", 1),
            f"redis{n}": Figure(f"bytes from Redis per event, {s}", 0),
            f"redis{n}_one": Figure(f"the same, one of {n} interested", 0)})
    return figures


ALL = {
    "fanout": Scenario(
        "1,000 receivers, 300 bytes, one by one, 50 a second", runs.fanout,
        fanout(**ratios(epoll=1.10, nchan=0.70, socketio=0.45)), EVERYBODY, STEADY, SMALL),
    "fanout-200": Scenario(
        "1,000 receivers, 300 bytes, 200 a second", runs.fanout,
        fanout(**ratios(epoll=1.10, nchan=0.70, socketio=0.45)),
        EVERYBODY, {**STEADY, "rate": 200, "seconds": 2}, None, 2),
    "burst": Scenario(
        "1,000 receivers, 300 bytes, 100 a second in bursts of 20", runs.fanout,
        fanout(**ratios(epoll=0.15)),
        EVERYBODY, {**STEADY, "rate": 100, "burst": 20, "parallel": 20}, {**SMALL, "seconds": 0.4}),
    "latency": Scenario(
        "1,000 receivers, 300 bytes, 20 a second", runs.fanout,
        fanout(limit=Figure("× the limit of p99", 2, 1, beside=limit_of,
                            row="p99, × (1.2 × bare epoll's fan-out + 2 ms)")),
        CLUSTERS, {**STEADY, "rate": 20, "seconds": 4}, None, 3),
    "sparse": Scenario(
        "100 receivers among 19,000 connections", runs.sparse,
        {"growth": Figure("× the same among 100", 2, 1.05, row="CPU per event, × among 100"),
         "few": Figure("µs/event among 100", 0), "many": Figure("µs/event among 19,000", 0)},
        OURS, {**STEADY, "receivers": 100, "others": 18900, "rate": 100},
        {"receivers": 10, "others": 50, "rate": 100, "seconds": 0.3}, 3),
    "private": Scenario(
        "10,000 users, one private event each", runs.private,
        {"growth": Figure("× a fan-out to one", 2, 1.3, row="CPU per event, × a fan-out to one"),
         "many": Figure("µs/event", 1), "one": Figure("µs/event to one", 1),
         "p99": Figure("ms p99", 2)},
        OURS, {**STEADY, "users": 10000, "rate": 1000, "seconds": 6, "parallel": 8},
        {"users": 50, "rate": 200, "seconds": 0.4}, 3),
    "idle-shared": idle(
        "19,000 idle connections, two shared channels", ("shared", "cold"),
        (*OURS, "nchan", "node", "socketio"), 3072),
    "idle": idle(
        "19,000 idle connections, own channel and a shared one", ("shared", "own"),
        (*OURS, "node", "socketio"), 3072),
    "idle-tls": idle(
        "19,000 idle TLS connections, two shared channels", ("shared", "cold"),
        (*OURS, "nchan", "node", "socketio"), 18432, tls=1),
    "connect": Scenario(
        "connect, authenticate, subscribe", runs.connect,
        {"per_core": Figure("per second of CPU", 0, 10000, more_is_better=True,
                            row="per second of one core"),
         "rate": Figure("per second", 0), "cpu": Figure("µs each", 1)},
        BOTH, {"connections": 10000, "connecting": 64}, {"connections": 50}, 3),
    "board": Scenario(
        "scoreboards of 30 KB, 1,000 receivers, compression", runs_boards.boards, boards({}),
        (*OURS, "nchan", "node"),
        {"receivers": 1000, "bytes": 30000, "rate": 2, "messages": 10, "warmup": 1, "parallel": 1},
        {"receivers": 20, "rate": 20, "messages": 3}, 2),
    "big-board": Scenario(
        "scoreboards of 1 MB, 1,000 receivers, compression, one each 5 s", runs_boards.big,
        {**boards({}),
         "wire": Figure("× uncompressed, on the wire", 3, 0.08, row="bytes on the wire, × plain"),
         "cpu_ratio": Figure("× uncompressed, CPU", 2),
         "text": Figure("MiB of text", 2),
         "copies": Figure("texts more than for one receiver", 2, 1,
                          row="highest memory beyond that with one receiver, × the text"),
         "peak": Figure("MiB more at the highest, compressed", 1),
         "peak_plain": Figure("MiB more at the highest, plain", 1),
         "peak_one": Figure("MiB more at the highest, one receiver", 1),
         "small_p50": Figure("ms p50 of small events", 1),
         "small_p99": Figure("ms p99 of small events", 1),
         "small_max": Figure("ms, the latest small event", 1, 50,
                             row="ms that small events of another channel are late, at most"),
         "small_max_plain": Figure("the same without compression", 1),
         "load": Figure("% of its core", 1)},
        OURS, {"receivers": 1000, "others": 100, "bytes": 1000000, "rate": 0.2, "messages": 2,
               "warmup": 1, "parallel": 1, "small_rate": 20},
        {"receivers": 20, "others": 10, "bytes": 300000, "rate": 4, "messages": 2}, 2),
    "post": Scenario(
        "POSTs over kept-alive TLS, 16 at once, three topics each", runs.posts,
        {"rate": Figure("POST/s", 0, 12000, more_is_better=True, row="POSTs per second"),
         "p50": Figure("ms p50", 2), "p99": Figure("ms p99", 2), "cpu": Figure("µs/POST", 1),
         "redis_cpu": Figure("µs/POST redis", 1), "loadgen_cpu": Figure("µs/POST loadgen", 1),
         "load": Figure("% of its core", 0)},
        OURS, {"parallel": 16, "bytes": 300, "rate": 0, "messages": 30000, "warmup": 2000},
        {"messages": 300, "warmup": 20}),
    "post-half": Scenario(
        "POSTs over kept-alive TLS at 6,000 a second", runs.posts,
        {"rate": Figure("POST/s", 0), "p50": Figure("ms p50", 2),
         "p99": Figure("ms p99", 2, 10, row="ms p99"), "cpu": Figure("µs/POST", 1),
         "load": Figure("% of its core", 0)},
        OURS, {"parallel": 16, "bytes": 300, "rate": 6000, "messages": 30000, "warmup": 2000},
        None, 3),
    "lag": Scenario(
        "10,000 receivers: the gateway's loop", runs.lag,
        {"bound": Figure("ms, bound of the latest timer", 1, 20,
                         row="ms that a timer was late at most (upper end of the histogram's bucket)"),
         "mean": Figure("ms mean of the timers' lateness", 2),
         "whole": Figure("ms to the last, p50", 1), "cpu": Figure("µs/delivery", 2)},
        OURS, {"receivers": 10000, "bytes": 300, "rate": 5, "warmup": 2, "messages": 40},
        {"receivers": 50, "rate": 20, "messages": 5}, 2),
    "instructions": Scenario(
        "instructions of the gateway in user space, counted by callgrind", runs_counted.instructions,
        {"single": Figure("per delivery, one by one", 0),
         "burst": Figure("per delivery, bursts of 20", 0)},
        OURS, {"receivers": 1000, "bytes": 300, "messages": 60, "burst": 20}, None, 1),
    # Last: with so many processes, the load that it leaves behind would be taken for others' work.
    "gateways": Scenario(
        "1, 2, 4 and 8 gateways on one core, 19,000 connections each", runs_gateways.gateways,
        {"growth": Figure("time to the last client per connection, most × one gateway", 2, 1.2,
                          row="time to the last client, 8 gateways × 1, per connection "
                              "(1: linear)"),
         "strangers": Figure("events that came to gateways nobody asked at", 0, 0,
                             row="events that Redis sent to gateways without an interested client"),
         **by_count()},
        OURS, {"connections": 19000, "most": 8, "bytes": 300, "rate": 2, "messages": 5,
               "warmup": 1, "quiet": 5},
        {"connections": 30, "most": 2, "rate": 10, "messages": 3, "quiet": 0.2}, 1),
}
