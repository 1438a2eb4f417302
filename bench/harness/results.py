# SPDX-License-Identifier: MIT
"""Rounds of figures -> medians, tables, JSON."""
import os
import platform
import statistics
import subprocess
import time


def machine():
    model = "?"
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        for line in f:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True,
                            text=True, check=False, cwd=os.path.dirname(__file__)).stdout.strip()
    return {"cpu": model, "cores": os.cpu_count(), "kernel": platform.release(),
            "commit": commit, "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}


def medians(scenario, rounds):
    """rounds: [{peer: {figure: value}}] -> {peer: {figure: {"median", "rounds"}}}."""
    result = {}
    for peer in rounds[-1]:  # who dropped out is missing there
        result[peer] = {}
        for name, figure in scenario.figures.items():
            if not figure.ratio_to:
                values = [r[peer][name] for r in rounds]
            elif figure.ratio_to in rounds[-1]:
                # Of the same round: what disturbed one has disturbed the other.
                values = [r[peer][figure.of] / r[figure.ratio_to][figure.of] for r in rounds]
            else:
                continue
            if None in values:
                continue
            result[peer][name] = {"median": statistics.median(values), "rounds": values}
    return result


def is_reached(figure, value):
    return value >= figure.target if figure.more_is_better else value <= figure.target


def table(scenario, result, names):
    """Lines of a Markdown table: a row per figure, a column per peer."""
    peers = list(result)
    lines = [f"| {scenario.title} | {' | '.join(names[p] for p in peers)} | to reach |",
             "|---" * (len(peers) + 2) + "|"]
    for name, figure in scenario.figures.items():
        if not any(name in result[peer] for peer in peers):
            continue
        cells = []
        for peer in peers:
            found = result[peer].get(name)
            cells.append(f"{found['median']:,.{figure.digits}f}" if found else "")
        target = ""
        ours = result.get("broadcaster", {}).get(name)
        if figure.target is not None and ours:
            word = "≥" if figure.more_is_better else "≤"
            state = "reached" if is_reached(figure, ours["median"]) else "missed"
            target = f"{word} {figure.target:,g}: {state}"
        lines.append(f"| {figure.unit} | {' | '.join(cells)} | {target} |")
    return lines
