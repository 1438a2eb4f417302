# SPDX-License-Identifier: MIT
"""How the scenarios of one server are run. Each gives figures by name, for one peer and round."""
from . import loadgen
from .processes import metrics


def publishing(p, peer, what):
    return [*peer.post_args(what, p["parallel"]), "--bytes", p["bytes"], "--rate", p["rate"],
            "--burst", p["burst"], "--messages", max(int(p["rate"] * p["seconds"]), p["burst"]),
            "--warmup", p.get("warmup", 20)]


def measured_run(place, peer, arguments, after=None, deadline=120):
    """Starts the peer, runs the load, stops the peer."""
    try:
        peer.start("server")
        report = loadgen.run(place, [*peer.connect_args(), *arguments(peer)], peer.watched(),
                             deadline)
        report["batching"] = peer.batching()
        report["after"] = after(peer) if after else None
        return report
    finally:
        peer.stop()


def used(report, name="server", phase="publish"):
    return report["processes"][name]["cpu_us"][phase]


def per_delivery(report):
    return used(report) / report["delivery"]["measured"]


def per_event(report):
    return used(report) / report["posts"]["sent"]


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
        "server_load": used(report) / seconds / 1e4,
        "loadgen_load": used(report, "loadgen") / seconds / 1e4,
    }


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
    return {
        "rate": report["posts"]["per_second"],
        "p50": report["posts"]["answer_us"]["p50"] / 1000,
        "p99": report["posts"]["answer_us"]["p99"] / 1000,
        "cpu": used(report, "publisher") / sent,
        "redis_cpu": used(report, "redis") / sent,
        "loadgen_cpu": used(report, "loadgen") / sent,
        "load": used(report, "publisher") / report["seconds"]["publish"] / 1e4,
    }


def memory(place, make, p):
    report = measured_run(place, make(tls=bool(p["tls"])), lambda peer: [
        *peer.subscription(p["what"], p["connections"]),
        "--settle", p["settle"], "--connecting", 128])
    rss = report["processes"]["server"]["rss"]
    return {
        "bytes": (rss["rested"] - rss["begin"]) / p["connections"],
        "base": rss["begin"] / 2 ** 20,
        "connect": used(report, phase="connect") / p["connections"],
        "idle_cpu": used(report, phase="rest") / report["seconds"]["rest"] / 1e4,
    }


def connect(place, make, p):
    report = measured_run(place, make(), lambda peer: [
        *peer.subscription(("shared",), p["connections"]), "--connecting", p["connecting"],
        "--settle", 0.2])
    cpu = used(report, phase="connect")
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


def lateness(before, after, name="broadcaster_loop_lag_seconds"):
    """Of a histogram between two pages: (the bound that no new value exceeds, their mean)."""
    grown = {float(key.split('"')[1]): after[key] - before.get(key, 0)
             for key in after if key.startswith(f"{name}_bucket")}
    total = grown[float("inf")]
    bound = min(le for le, count in grown.items() if count == total)
    added = after[f"{name}_sum"] - before.get(f"{name}_sum", 0)
    return bound, added / max(total, 1)


def lag(place, make, p):
    """Many receivers: how late the gateway's timers run while it publishes, its own word."""
    def pages(peer):
        return metrics(peer.metrics)

    peer = make()
    try:
        peer.start("server")
        load = loadgen.Load(place, [
            *peer.connect_args(), *peer.subscription(("shared",), p["receivers"]),
            "--receives", "all", "--connecting", 128, "--listen", "--warmup", p["warmup"],
            "--messages", p["messages"]], peer.watched())
        load.wait_ready()
        before = pages(peer)
        loadgen.run(place, [*peer.post_args("shared"), "--bytes", p["bytes"], "--rate", p["rate"],
                            "--warmup", p["warmup"], "--messages", p["messages"]], {})
        report = load.finish()
        bound, mean = lateness(before, pages(peer))
    finally:
        place.stop_loads()
        peer.stop()
    return {"bound": bound * 1000, "mean": mean * 1000,
            "whole": report["whole_us"]["p50"] / 1000, "cpu": per_delivery(report)}
