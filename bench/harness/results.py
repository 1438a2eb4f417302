# SPDX-License-Identifier: MIT
"""Rounds of figures -> medians, tables."""
import os
import platform
import statistics
import subprocess
import time


def git(*arguments):
    """What it prints; nothing where there is no repository."""
    return subprocess.run(["git", *arguments], capture_output=True, text=True, check=False,
                          cwd=os.path.dirname(__file__)).stdout.strip()


def machine():
    model = "?"
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        for line in f:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    # The pages that are written from the figures do not count.
    code = ["--", ":/", ":(exclude,top)docs"]
    commit = git("log", "-1", "--format=%h", *code) or "?"
    if git("status", "--porcelain", *code):
        commit += "-dirty"
    return {"cpu": model, "cores": os.cpu_count(), "kernel": platform.release(),
            "load": round(os.getloadavg()[0], 1),
            "commit": commit, "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}


def medians(scenario, rounds):
    """rounds: [{peer: {figure: value}}] -> {peer: {figure: {"median", "rounds"}}}."""
    result = {}
    for peer in rounds[-1]:  # who dropped out is missing there
        result[peer] = {}
        for name, figure in scenario.figures.items():
            values = [figure.value(r, peer) for r in rounds]
            if None not in values:
                result[peer][name] = {"median": rounded(statistics.median(values)),
                                      "rounds": [rounded(v) for v in values]}
    return result


def rounded(value):
    """Four digits say all there is to say."""
    return float(f"{value:.4g}") if abs(value) < 10000 else round(value)


def is_reached(figure, value):
    return value >= figure.target if figure.more_is_better else value <= figure.target


def target_text(figure):
    return f"{'≥' if figure.more_is_better else '≤'} {figure.target:,g}"


def shown(figure, value):
    return f"{value:,.{figure.digits}f}"


def table(scenario, result, names):
    """Lines of a Markdown table: a row per figure, a column per peer."""
    peers = list(result)
    lines = [f"| {scenario.title} | {' | '.join(names[p] for p in peers)} | to reach |",
             "|---" * (len(peers) + 2) + "|"]
    for name, figure in scenario.figures.items():
        if not any(name in result[peer] for peer in peers):
            continue
        cells = [shown(figure, result[peer][name]["median"]) if name in result[peer] else ""
                 for peer in peers]
        target = ""
        ours = result.get("broadcaster", {}).get(name)
        if figure.target is not None and ours:
            state = "reached" if is_reached(figure, ours["median"]) else "missed"
            target = f"{target_text(figure)}: {state}"
        lines.append(f"| {figure.unit} | {' | '.join(cells)} | {target} |")
    return lines
