# SPDX-License-Identifier: MIT
"""Scoreboards, with compression and without it."""
import json
import random

from . import loadgen
from .processes import Failure
from .runs import measured_run, per_delivery, used

FIRST = "Ana Bruno Carla Diego Elena Fabian Gloria Hugo Ines Jorge Karla Luis Maria Nadia Omar".split()
LAST = "Aguilar Benitez Castro Dominguez Estrada Flores Garcia Hernandez Ibarra Juarez Lopez".split()
COUNTRIES = "MX BO PE CO AR CL SV GT ES US".split()


def scoreboard(size, seed=1):
    """JSON like that of a contest's scoreboard, compact, of at least so many bytes."""
    r = random.Random(seed)
    problems = [{"alias": f"{name}-{r.randrange(2010, 2027)}", "order": n + 1} for n, name in
                enumerate(("sumas", "caminos-cortos", "el-mercado", "torres", "karel-y-la-luna",
                           "cubeta", "mochila", "laberinto"))]
    ranking, length = [], 0
    while length < size:
        first, last = r.choice(FIRST), r.choice(LAST)
        place = len(ranking) + 1
        done = []
        for problem in problems:
            runs = r.choice((0, 0, 1, 1, 2, 3, 5))
            points = r.choice((0, 100, 100, r.randrange(1, 100) + 0.5)) if runs else 0
            done.append({"alias": problem["alias"], "points": points, "percent": points,
                         "penalty": r.randrange(1, 300) * runs, "runs": runs})
        ranking.append({
            "username": f"{first.lower()}_{last.lower()}{r.randrange(10000)}",
            "name": f"{first} {last}", "country": r.choice(COUNTRIES), "classname":
            r.choice(("user-rank-unranked", "user-rank-beginner", "user-rank-master")),
            "is_invited": r.random() < 0.9, "place": place, "problems": done,
            "total": {"points": sum(d["points"] for d in done),
                      "penalty": sum(d["penalty"] for d in done)}})
        length += len(json.dumps(ranking[-1], separators=(",", ":"))) + 1
    return json.dumps({"title": "Olimpiada", "start_time": 1790000000, "finish_time": 1790018000,
                       "problems": problems, "ranking": ranking}, separators=(",", ":"))


def publishing(p, peer, body, holds):
    return [*peer.post_args("shared", p["parallel"]), "--body-file", body, "--holds-file", holds,
            "--rate", p["rate"], "--messages", p["messages"], "--warmup", p["warmup"]]


def boards(place, make, p):
    """The same scoreboards to the same number of receivers, once plain, once compressed."""
    text = scoreboard(p["bytes"])
    reports = {}
    for deflate in (False, True):
        reports[deflate] = measured_run(place, make(deflate=deflate), lambda peer: [
            *peer.subscription(("shared",), p["receivers"]), "--receives", "all",
            *publishing(p, peer, *peer.body_file(text))])
    return compared(reports, p)


def compared(reports, p):
    plain, deflated = reports[False], reports[True]
    check_compressed(deflated)
    wire = {k: r["delivery"]["measured_wire_bytes"] / r["delivery"]["measured"]
            for k, r in reports.items()}
    return {
        "wire": wire[True] / wire[False],
        "cpu_ratio": per_delivery(deflated) / per_delivery(plain),
        "wire_plain": wire[False] / 1000, "wire_deflated": wire[True] / 1000,
        "cpu_plain": per_delivery(plain), "cpu_deflated": per_delivery(deflated),
        "p99": deflated["latency_us"]["p99"] / 1000, "p99_plain": plain["latency_us"]["p99"] / 1000,
        "peak": (deflated["processes"]["server"]["peak"]
                 - deflated["processes"]["server"]["rss"]["rested"]) / 2 ** 20,
        "peak_plain": (plain["processes"]["server"]["peak"]
                       - plain["processes"]["server"]["rss"]["rested"]) / 2 ** 20,
    }


def check_compressed(report):
    """Compressed was what was asked for: a figure of something else would be worthless."""
    if report["connections"]["compressed"] < report["delivery"]["delivered"]:
        raise Failure("not every message came compressed")


def big(place, make, p):
    """Enormous scoreboards, and meanwhile small events of another channel to others."""
    text = scoreboard(p["bytes"])
    reports, small = {}, {}
    for deflate in (False, True):
        peer = make(deflate=deflate)
        try:
            peer.start("server")
            body, holds = peer.body_file(text)
            load = loadgen.Load(place, [
                *peer.connect_args(), *peer.subscription(("shared",), p["receivers"]),
                "--receives", "all", *publishing(p, peer, body, holds)], peer.watched())
            seconds = (p["messages"] + p["warmup"]) / p["rate"]
            small[deflate] = loadgen.run(place, [
                *peer.connect_args(), *peer.subscription(("cold",), p["others"]),
                "--receives", "all", *peer.post_args("cold"), "--bytes", 300, "--rate",
                p["small_rate"], "--messages", int(seconds * p["small_rate"])], {})
            reports[deflate] = load.finish()
        finally:
            place.stop_loads()
            peer.stop()
    return {**compared(reports, p),
            "text": len(text) / 2 ** 20,
            "small_p50": small[True]["latency_us"]["p50"] / 1000,
            "small_p99": small[True]["latency_us"]["p99"] / 1000,
            "small_max": small[True]["latency_us"]["max"] / 1000,
            "small_max_plain": small[False]["latency_us"]["max"] / 1000,
            "load": used(reports[True]) / reports[True]["seconds"]["publish"] / 1e4}
