# SPDX-License-Identifier: MIT
"""What is measured. A scenario runs once per round and peer, and gives figures by name."""
from dataclasses import dataclass, field
from typing import Callable

from . import loadgen


@dataclass
class Figure:
    unit: str
    digits: int
    target: float = None           # to be reached by the broadcaster
    ratio_to: str = ""             # to this peer's value of `of` in the same round
    of: str = ""
    more_is_better: bool = False


@dataclass
class Scenario:
    title: str
    run: Callable                  # (place, make_peer, parameters) -> {figure: value}
    figures: dict
    peers: tuple
    parameters: dict               # of a real run
    small: dict                    # what differs in the run that only proves that it works
    notes: list = field(default_factory=list)


def publishing(p, peer, what):
    return [*peer.post_args(what, p["parallel"]), "--bytes", p["bytes"], "--rate", p["rate"],
            "--burst", p["burst"], "--messages", max(int(p["rate"] * p["seconds"]), p["burst"]),
            "--warmup", p.get("warmup", 20)]


def measured_run(place, peer, arguments):
    """Starts the peer, runs the load, stops the peer."""
    try:
        peer.start("server")
        report = loadgen.run(place, [*peer.connect_args(), *arguments(peer)], peer.watched())
        report["batching"] = peer.batching()
        return report
    finally:
        peer.stop()


def per_delivery(report):
    return report["processes"]["server"]["cpu_us"]["publish"] / report["delivery"]["measured"]


def per_event(report):
    return report["processes"]["server"]["cpu_us"]["publish"] / report["posts"]["sent"]


def fanout(place, make, p):
    report = measured_run(place, make(), lambda peer: [
        *peer.subscription(("shared",), p["receivers"]), "--receives", "all",
        *publishing(p, peer, "shared")])
    seconds = report["seconds"]["publish"]
    return {
        "cpu": per_delivery(report),
        "batching": report["batching"],
        "p50": report["latency_us"]["p50"] / 1000,
        "p99": report["latency_us"]["p99"] / 1000,
        "whole": report["whole_us"]["p50"] / 1000,
        "server_load": report["processes"]["server"]["cpu_us"]["publish"] / seconds / 1e4,
        "loadgen_load": report["processes"]["loadgen"]["cpu_us"]["publish"] / seconds / 1e4,
    }


FANOUT_FIGURES = {
    "cpu": Figure("µs/delivery", 2),
    "batching": Figure("messages per write", 2),
    "p50": Figure("ms p50", 2),
    "p99": Figure("ms p99", 2),
    "whole": Figure("ms to the last, p50", 2),
    "server_load": Figure("% of its core", 0),
    "loadgen_load": Figure("% loadgen", 0),
}


def ratios(**targets):
    """The broadcaster's CPU per delivery beside that of each of these peers."""
    return {f"to_{peer}": Figure(f"× {peer}", 2, target, peer, "cpu")
            for peer, target in targets.items()}


def posts(place, make, p):
    peer = make()
    try:
        peer.start("publisher")
        report = loadgen.run(place, [
            *peer.post_args("topics", p["parallel"]), "--bytes", p["bytes"], "--rate", p["rate"],
            "--messages", p["messages"], "--warmup", p["warmup"]], peer.watched())
    finally:
        peer.stop()
    sent = report["posts"]["sent"]
    used = {name: report["processes"][name]["cpu_us"]["publish"]
            for name in ("publisher", "redis", "loadgen")}
    return {
        "rate": report["posts"]["per_second"],
        "p50": report["posts"]["answer_us"]["p50"] / 1000,
        "p99": report["posts"]["answer_us"]["p99"] / 1000,
        "cpu": used["publisher"] / sent,
        "redis_cpu": used["redis"] / sent,
        "loadgen_cpu": used["loadgen"] / sent,
        "load": used["publisher"] / report["seconds"]["publish"] / 1e4,
    }


def memory(place, make, p):
    report = measured_run(place, make(), lambda peer: [
        *peer.subscription(tuple(w for w in p["what"] if w in peer.can), p["connections"]),
        "--settle", p["settle"], "--connecting", 128])
    rss = report["processes"]["server"]["rss"]
    return {
        "bytes": (rss["rested"] - rss["begin"]) / p["connections"],
        "base": rss["begin"] / 2 ** 20,
        "idle_cpu": report["processes"]["server"]["cpu_us"]["rest"] / report["seconds"]["rest"] / 1e4,
    }


def connect(place, make, p):
    report = measured_run(place, make(), lambda peer: [
        *peer.subscription(("shared",), p["connections"]), "--connecting", p["connecting"],
        "--settle", 0.2])
    cpu = report["processes"]["server"]["cpu_us"]["connect"]
    return {
        "per_core": p["connections"] * 1e6 / cpu,
        "rate": p["connections"] / report["seconds"]["connect"],
        "cpu": cpu / p["connections"],
    }


def sparse(place, make, p):
    """A few receivers among many that do not receive, and the same few alone."""
    few = measured_run(place, make(), lambda peer: [
        *peer.subscription(("shared",), p["receivers"]), "--receives", "all",
        *publishing(p, peer, "shared")])
    many = measured_run(place, make(), lambda peer: [
        *peer.subscription(("shared",), p["receivers"]), "--receives", "all",
        *peer.subscription(("cold",), p["others"]), "--receives", "none", "--connecting", 128,
        *publishing(p, peer, "shared")])
    return {"few": per_event(few), "many": per_event(many),
            "growth": per_event(many) / per_event(few)}


def private(place, make, p):
    """One event for each of many users, and as many events for one user."""
    many = measured_run(place, make(), lambda peer: [
        *peer.subscription(("own",), p["users"]), "--receives", "own", "--connecting", 128,
        *publishing(p, peer, "own")])
    one = measured_run(place, make(), lambda peer: [
        *peer.subscription(("shared",), 1), "--receives", "all", *publishing(p, peer, "shared")])
    return {"many": per_event(many), "one": per_event(one),
            "growth": per_event(many) / per_event(one),
            "p99": many["latency_us"]["p99"] / 1000}


BOTH = ("epoll", "broadcaster")
EVERYBODY = (*BOTH, "nchan", "nchan_redis", "node", "socketio")
OURS = ("broadcaster",)
STEADY = {"receivers": 1000, "bytes": 300, "rate": 50, "burst": 1, "seconds": 6, "parallel": 4}
SMALL = {"receivers": 50, "rate": 100, "seconds": 0.3}

ALL = {
    "fanout": Scenario(
        "1,000 receivers, 300 bytes, one by one", fanout,
        {**ratios(epoll=1.10, nchan=0.70, socketio=0.45), **FANOUT_FIGURES},
        EVERYBODY, STEADY, SMALL),
    "burst": Scenario(
        "1,000 receivers, 300 bytes, bursts of 20", fanout,
        {**ratios(epoll=0.15), **FANOUT_FIGURES},
        EVERYBODY, {**STEADY, "rate": 100, "burst": 20, "parallel": 20}, {**SMALL, "seconds": 0.4}),
    "latency": Scenario(
        "1,000 receivers, 300 bytes, 20 a second", fanout,
        {**ratios(epoll=None), **FANOUT_FIGURES},
        EVERYBODY, {**STEADY, "rate": 20}, SMALL),
    "post": Scenario(
        "POSTs over kept-alive TLS, 16 at once, three topics each", posts,
        {"rate": Figure("POST/s", 0, 12000, more_is_better=True), "p50": Figure("ms p50", 2),
         "p99": Figure("ms p99", 2), "cpu": Figure("µs/POST", 1),
         "redis_cpu": Figure("µs/POST redis", 1), "loadgen_cpu": Figure("µs/POST loadgen", 1),
         "load": Figure("% of its core", 0)},
        OURS, {"parallel": 16, "bytes": 300, "rate": 0, "messages": 60000, "warmup": 2000},
        {"messages": 300, "warmup": 20}),
    "post-half": Scenario(
        "POSTs over kept-alive TLS at 6,000 a second", posts,
        {"rate": Figure("POST/s", 0), "p50": Figure("ms p50", 2),
         "p99": Figure("ms p99", 2, 10), "cpu": Figure("µs/POST", 1),
         "load": Figure("% of its core", 0)},
        OURS, {"parallel": 16, "bytes": 300, "rate": 6000, "messages": 40000, "warmup": 2000},
        {"messages": 200, "warmup": 20, "rate": 1000}),
    "memory": Scenario(
        "19,000 idle connections, one subscription each", memory,
        {"bytes": Figure("bytes/connection", 0, 4096), "base": Figure("MiB before", 1),
         "idle_cpu": Figure("% of its core, idle", 2)},
        (*OURS, "nchan", "node", "socketio"), {"connections": 19000, "what": ("shared",), "settle": 3},
        {"connections": 50, "settle": 0.2}),
    "idle": Scenario(
        "19,000 idle connections, two subscriptions each", memory,
        {"bytes": Figure("bytes/connection", 0, 3072), "base": Figure("MiB before", 1),
         "idle_cpu": Figure("% of its core, idle", 2)},
        (*OURS, "nchan", "node", "socketio"), {"connections": 19000, "what": ("shared", "own"), "settle": 3},
        {"connections": 50, "settle": 0.2}),
    "connect": Scenario(
        "connect, authenticate, subscribe", connect,
        {"per_core": Figure("per second of CPU", 0, 10000, more_is_better=True),
         "rate": Figure("per second", 0), "cpu": Figure("µs each", 1)},
        BOTH, {"connections": 10000, "connecting": 64}, {"connections": 50}),
    "sparse": Scenario(
        "100 receivers among 19,000 connections", sparse,
        {"growth": Figure("× the same among 100", 2, 1.05), "few": Figure("µs/event among 100", 0),
         "many": Figure("µs/event among 19,000", 0)},
        OURS, {**STEADY, "receivers": 100, "others": 18900, "rate": 100},
        {"receivers": 10, "others": 50, "rate": 100, "seconds": 0.3}),
    "private": Scenario(
        "10,000 users, one private event each", private,
        {"growth": Figure("× a fan-out to one", 2, 1.3), "many": Figure("µs/event", 1),
         "one": Figure("µs/event to one", 1), "p99": Figure("ms p99", 2)},
        OURS, {**STEADY, "users": 10000, "rate": 1000, "seconds": 10, "parallel": 8},
        {"users": 50, "rate": 200, "seconds": 0.4}),
}
