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


def contestant(r, problems):
    """One row: the able solve more, of the later problems fewer are solved or tried at all."""
    able = r.random()
    done = []
    for n, problem in enumerate(problems):
        hard = n / len(problems)
        runs = r.choice((1, 1, 2, 3, 5)) if r.random() < 0.4 + able - hard * 0.8 else 0
        points = 0
        if runs:
            points = 100 if r.random() < able else r.choice((0, 20, 40, 62.5, 75))
        done.append({"alias": problem["alias"], "points": points, "percent": points,
                     "penalty": r.randrange(1, 300) if points else 0, "runs": runs})
    first, last = r.choice(FIRST), r.choice(LAST)
    return {"username": f"{first.lower()}_{last.lower()}{r.randrange(10000)}",
            "name": f"{first} {last}", "country": r.choice(COUNTRIES),
            "classname": r.choice(("user-rank-unranked", "user-rank-beginner", "user-rank-master")),
            "is_invited": r.random() < 0.9, "problems": done,
            "total": {"points": sum(d["points"] for d in done),
                      "penalty": sum(d["penalty"] for d in done)}}


def scoreboard(size, seed=1):
    """JSON like that of a contest's scoreboard, compact, of at least so many bytes."""
    r = random.Random(seed)
    problems = [{"alias": f"{name}-{r.randrange(2010, 2027)}", "order": n + 1} for n, name in
                enumerate(("sumas", "caminos-cortos", "el-mercado", "torres", "karel-y-la-luna",
                           "cubeta", "mochila", "laberinto"))]
    ranking, length = [], 0
    while length < size:
        ranking.append(contestant(r, problems))
        length += len(json.dumps(ranking[-1], separators=(",", ":"))) + 10
    ranking.sort(key=lambda one: (-one["total"]["points"], one["total"]["penalty"]))
    for place, one in enumerate(ranking, 1):
        one["place"] = place
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
    return compared(reports)


def peak(report):
    """MiB of the server at most, beyond what it had when all were connected."""
    server = report["processes"]["server"]
    return (server["peak"] - server["rss"]["rested"]) / 2 ** 20


def compared(reports):
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
        "peak": peak(deflated), "peak_plain": peak(plain),
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
    one = measured_run(place, make(deflate=True), lambda peer: [
        *peer.subscription(("shared",), 1), "--receives", "all",
        *publishing({**p, "rate": 1}, peer, *peer.body_file(text))])
    figures = {**compared(reports), "text": len(text) / 2 ** 20, "peak_one": peak(one)}
    return {**figures,
            "copies": (figures["peak"] - figures["peak_one"]) / figures["text"],
            "small_p50": small[True]["latency_us"]["p50"] / 1000,
            "small_p99": small[True]["latency_us"]["p99"] / 1000,
            "small_max": small[True]["latency_us"]["max"] / 1000,
            "small_max_plain": small[False]["latency_us"]["max"] / 1000,
            "load": used(reports[True]) / reports[True]["seconds"]["publish"] / 1e4}
