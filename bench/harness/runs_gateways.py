# SPDX-License-Identifier: MIT
"""Several gateways: each with a load generator and connections of its own."""
import statistics
import time

from . import loadgen, peers
from .processes import Failure, redis_info


def sent_bytes(peer):
    """What Redis has sent so far; asking costs some bytes, the same each time."""
    return int(redis_info(peer.redis_port)["total_net_output_bytes"])


def listen(place, peer, p, n):
    """Connects to gateway n, and waits for what another one publishes."""
    port, _ = peer.gateways[n]
    return loadgen.Load(place, [
        *peer.connect_to(port), *peer.subscription(("shared",), p["connections"]),
        "--receives", "all", "--connecting", 64, "--settle", 1, "--listen",
        "--warmup", p["warmup"], "--messages", p["messages"]],
        {"server": peer.pids[f"gateway{n}"]}, deadline=300)


def publish(place, peer, p, what):
    """The report, and the bytes that Redis sent per event."""
    before = sent_bytes(peer)
    arguments = [*peer.post_args(what), "--bytes", p["bytes"], "--rate", p["rate"],
                 "--warmup", p["warmup"], "--messages", p["messages"]]
    report = loadgen.run(place, arguments, {})
    return report, (sent_bytes(peer) - before) / (p["warmup"] + p["messages"])


def idle_bytes(peer, p):
    """What Redis sends when nothing is published, for the time of as many events, per event."""
    before = sent_bytes(peer)
    time.sleep((p["warmup"] + p["messages"]) / p["rate"])
    return (sent_bytes(peer) - before) / (p["warmup"] + p["messages"])


def one_interested(place, peer, p):
    """Events of a topic that only the first gateway's clients want: (Redis' bytes per event,
    how many of these events reached other gateways)."""
    port, _ = peer.gateways[0]
    load = loadgen.Load(place, [
        *peer.connect_to(port), *peer.subscription(("cold",), 1), "--receives", "all", "--listen",
        "--warmup", p["warmup"], "--messages", p["messages"]], {})
    load.wait_ready()
    before = peer.events_received()
    _, sent = publish(place, peer, p, "cold")
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
            idle = idle_bytes(peer, p)
            result[f"redis{count}"] = publish(place, peer, p, "shared")[1] - idle
            reports = [load.finish() for load in loads]
            result.update(summary(reports, count))
            sent, strangers = one_interested(place, peer, p)
            result[f"redis{count}_one"] = sent - idle
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
