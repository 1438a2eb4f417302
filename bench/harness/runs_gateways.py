# SPDX-License-Identifier: MIT
"""Several gateways: each with a load generator and connections of its own."""
import statistics
import time

from . import loadgen, peers
from .processes import Failure, redis_info


class Traffic:
    """What Redis sends on account of events: without its answers to us, and to others' pings."""

    def __init__(self, peer, seconds):
        self.port = peer.redis_port
        first, begin = self.total(), self.total()
        self.question = begin - first
        time.sleep(seconds)
        self.idle = max(0, self.total() - begin - self.question) / seconds

    def total(self):
        return int(redis_info(self.port)["total_net_output_bytes"])

    def begin(self):
        self.at, self.base = time.monotonic(), self.total()

    def per_event(self, events):
        spent = self.total() - self.base - self.question
        return (spent - self.idle * (time.monotonic() - self.at)) / events


def listen(place, peer, p, n):
    """Connects to gateway n, and waits for what another one publishes."""
    port, _ = peer.gateways[n]
    return loadgen.Load(place, [
        *peer.connect_to(port), *peer.subscription(("shared",), p["connections"]),
        "--receives", "all", "--connecting", 64, "--settle", 1, "--listen",
        "--warmup", p["warmup"], "--messages", p["messages"]],
        {"server": peer.pids[f"gateway{n}"]}, deadline=300)


def publish(place, peer, p, what, traffic, rate):
    """The bytes that Redis sent per event."""
    traffic.begin()
    loadgen.run(place, [*peer.post_args(what), "--bytes", p["bytes"], "--rate", rate,
                        "--warmup", p["warmup"], "--messages", p["messages"]], {})
    return traffic.per_event(p["warmup"] + p["messages"])


def one_interested(place, peer, p, traffic):
    """Events of a topic that only the first gateway's clients want: (Redis' bytes per event,
    how many of these events reached other gateways)."""
    port, _ = peer.gateways[0]
    load = loadgen.Load(place, [
        *peer.connect_to(port), *peer.subscription(("cold",), 1), "--receives", "all", "--listen",
        "--warmup", p["warmup"], "--messages", p["messages"]], {})
    load.wait_ready()
    before = peer.events_received()
    sent = publish(place, peer, p, "cold", traffic, 10)
    load.finish()
    grown = [b - a for a, b in zip(before, peer.events_received())]
    if grown[0] < p["messages"]:
        raise Failure("the gateway that is interested says that it got no events")
    return sent, sum(grown[1:])


def gateways(place, _make, p):
    result = {"strangers": 0}
    for count in (n for n in (1, 2, 4, 8) if n <= p["most"]):
        peer = peers.Gateways(place)
        peer.count = count
        try:
            peer.start()
            started = time.monotonic()
            loads = [listen(place, peer, p, n) for n in range(count)]
            for load in loads:
                load.wait_ready()
            result[f"connecting{count}"] = time.monotonic() - started
            traffic = Traffic(peer, p["quiet"])
            # Not before all have the one before: 8 gateways share a core.
            rate = p["rate"] / count
            result[f"redis{count}"] = publish(place, peer, p, "shared", traffic, rate)
            reports = [load.finish() for load in loads]
            result.update(summary(reports, count))
            result[f"redis{count}_one"], strangers = one_interested(place, peer, p, traffic)
            result["strangers"] += strangers
        finally:
            place.stop_loads()
            peer.stop()
    most = max(n for n in (1, 2, 4, 8) if n <= p["most"])
    result["growth"] = (result[f"whole{most}"] / result["whole1"]
                        / (result[f"held{most}"] / result["held1"]))
    return result


def summary(reports, count):
    """The last of all receivers, whichever gateway it has; a median over the events."""
    whole = [max(late) for late in zip(*(r["each_whole_us"] for r in reports))]
    rss = [r["processes"]["server"]["rss"] for r in reports]
    held = sum(r["connections"]["ready"] for r in reports)
    return {f"held{count}": held,
            f"whole{count}": statistics.median(whole) / 1000,
            f"memory{count}": sum(m["rested"] - m["begin"] for m in rss) / held}
