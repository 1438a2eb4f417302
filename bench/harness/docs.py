# SPDX-License-Identifier: MIT
"""docs/performance.md: its prose is written by hand, what stands between its markers comes from
the stored figures (docs/performance/figures.json), and so do the plots beside them."""
import json
import re

from . import foreign, results, scenarios, svg
from .processes import ROOT, Failure

PAGE = ROOT / "docs/performance.md"
FOLDER = ROOT / "docs/performance"
FIGURES = FOLDER / "figures.json"
MARKED = re.compile(r"(<!-- bench: (\w[\w-]*)(?: ([^>]*?))? -->\n).*?(<!-- /bench -->)", re.DOTALL)


# --- the store ---

def load(path):
    return json.loads(path.read_text()) if path.exists() else {"scenarios": {}}


def save(path, store):
    """One line per peer: a change of figures shall be readable as a difference."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(store, indent=1, ensure_ascii=False, sort_keys=False)
    # Lists of rounds on one line.
    text = re.sub(r"\[\s+([-\d.,\s]+?)\s+\]", lambda m: "[" + " ".join(m[1].split()) + "]", text)
    text = re.sub(r'\{\s+("median": [-\d.]+),\s+("rounds": \[[^\]]*\])\s+\}', r"{\1, \2}", text)
    unfinished = path.with_suffix(".new")
    unfinished.write_text(text + "\n")
    unfinished.replace(path)


# --- what is generated ---

def names():
    return {key: kind.name for key, kind in foreign.ALL.items()}


def goals(store):
    """A row for each figure that is to be reached, measured or not."""
    lines = ["| scenario | measured | to reach | measured here | |", "|---|---|---|---|---|"]
    for key, scenario in scenarios.ALL.items():
        stored = store["scenarios"].get(key) or {}
        first = True
        for name, figure in scenario.figures.items():
            if figure.target is None:
                continue
            found = stored.get("peers", {}).get("broadcaster", {}).get(name)
            value, state = "", stored.get("failed", "not measured")
            if found:
                value = results.shown(figure, found["median"])
                ok = results.is_reached(figure, found["median"])
                state = "reached" if ok else "**missed**"
                state += ", disturbed" if is_disturbed(stored) else ""
            lines.append(f"| {scenario.title if first else ''} | {figure.row or figure.unit} | "
                         f"{results.target_text(figure)} | {value} | {state} |")
            first = False
    return lines


def is_disturbed(stored):
    """Others worked on the machine when the scenario began: more than the scenario before it did."""
    return stored["machine"]["load"] > 2 * stored["machine"]["cores"]


def scenario_table(store, key):
    stored = store["scenarios"].get(key) or {}
    if not stored.get("peers"):
        return [f"`{key}`: {stored.get('failed', 'not measured')}."]
    lines = results.table(scenarios.ALL[key], stored["peers"], names())
    spread = spread_text(stored["peers"])
    missing = [f"{names()[p]}: {why}" for p, why in stored.get("left_out", {}).items()]
    notes = f"{stored['rounds']} round{'s' * (stored['rounds'] > 1)}{spread}."
    if is_disturbed(stored):
        notes = f"**Disturbed: a load of {stored['machine']['load']:g} when it began.** {notes}"
    return [*lines, "", notes + "".join(f" Left out: {m}." for m in missing)]


def spread_text(peers):
    """How far the rounds lie apart, of the first figure of ours that has several."""
    for name, found in peers.get("broadcaster", {}).items():
        if len(found["rounds"]) > 1 and found["median"]:
            low, high = min(found["rounds"]), max(found["rounds"])
            return f"; ours of `{name}` lie between {low:,g} and {high:,g}"
    return ""


def machine_text(store):
    seen = {}
    for key, stored in store["scenarios"].items():
        m = stored["machine"]
        seen.setdefault((m["cpu"], m["cores"], m["kernel"]), []).append((key, m))
    lines = []
    for (cpu, cores, kernel), found in seen.items():
        loads = [m["load"] for _, m in found]
        commits = sorted({m["commit"] for _, m in found})
        times = sorted(m["time"] for _, m in found)
        lines.append(
            f"- {cores} cores of {cpu}, Linux {kernel}; {times[0][:10]}, commit "
            f"{', '.join(commits)}; load average when a scenario began: {min(loads):g} to "
            f"{max(loads):g} (the scenario before it leaves up to 3; over {2 * cores} is foreign "
            "work, and times and CPU are marked as disturbed)" + ("" if len(seen) == 1 else ": " + ", ".join(k for k, _ in found)))
    return lines or ["Nothing has been measured yet."]


# --- plots ---

def by_peer(key, *figures):
    def groups(store):
        peers = (store["scenarios"].get(key) or {}).get("peers", {})
        return [(names()[p], [f[n]["median"] if n in f else None for n in figures],
                 p == "broadcaster") for p, f in peers.items() if any(n in f for n in figures)]
    return groups


def by_gateways(store):
    ours = (store["scenarios"].get("gateways") or {}).get("peers", {}).get("broadcaster", {})
    return [(f"{ours[f'held{n}']['median']:,.0f}", [ours[f"whole{n}"]["median"]], True)
            for n in (1, 2, 4, 8) if f"held{n}" in ours]


TARGETS = {name: scenarios.ALL[name].figures["bytes"].target for name in ("idle-shared", "idle-tls")}
PLOTS = {
    "fanout": ("1,000 receivers, one by one", "µs of CPU per delivery", by_peer("fanout", "cpu")),
    "burst": ("1,000 receivers, bursts of 20", "µs of CPU per delivery", by_peer("burst", "cpu")),
    "latency": ("POST to receive, 1,000 receivers, 20 a second", "ms",
                by_peer("latency", "p50", "p99"), ("p50", "p99")),
    "idle-shared": ("Idle connections, two shared channels", "resident bytes per connection",
                    by_peer("idle-shared", "bytes"), ("",), TARGETS["idle-shared"]),
    "idle-tls": ("Idle TLS connections, two shared channels", "resident bytes per connection",
                 by_peer("idle-tls", "bytes"), ("",), TARGETS["idle-tls"]),
    "board": ("Scoreboards of 30 KB, compressed: × uncompressed", "ratio",
              by_peer("board", "wire", "cpu_ratio"), ("bytes on the wire", "CPU")),
    "gateways": ("From POST until the last client has it, by connections (1, 2, 4, 8 gateways)",
                 "ms", by_gateways),
}


def plot(store, key):
    """The SVG's text, or None without figures."""
    title, unit, groups, *more = PLOTS[key]
    found = groups(store)
    return svg.bars(title, unit, found, *more) if found else None


def section(store, kind, argument):
    if kind == "goals":
        return goals(store)
    if kind == "machine":
        return machine_text(store)
    if kind == "plot" and argument in PLOTS:
        there = plot(store, argument)
        return [f"![{PLOTS[argument][0]}](performance/{argument}.svg)"] if there else []
    if kind == "table" and argument in scenarios.ALL:
        return scenario_table(store, argument)
    raise Failure(f"docs/performance.md: no section `{kind} {argument}`")


def page(text, store):
    """The page with everything between its markers made anew."""
    def fill(match):
        lines = section(store, match[2], match[3])
        return match[1] + "".join(f"{line}\n" for line in lines) + match[4]
    return MARKED.sub(fill, text)


def write(store):
    save(FIGURES, store)
    for key in PLOTS:
        text = plot(store, key)
        if text:
            (FOLDER / f"{key}.svg").write_text(text)
    PAGE.write_text(page(PAGE.read_text(), store))
