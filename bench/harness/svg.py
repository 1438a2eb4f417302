# SPDX-License-Identifier: MIT
"""Bars as SVG: a linear axis from zero, text as text, readable on light and on dark pages."""
import math
from html import escape

WIDTH, HEIGHT = 640, 300
LEFT, RIGHT, TOP, BOTTOM = 60, 10, 40, 46
STYLE = """<style>
text{font:12px sans-serif;fill:#24292f}.title{font-weight:bold;font-size:14px}
.grid{stroke:#8c959f;stroke-opacity:.35}.axis{stroke:#57606a}
.s0{fill:#0969da}.s1{fill:#bf8700}.ours{fill:#1a7f37}.target{stroke:#cf222e;stroke-dasharray:5 3}
.end{text-anchor:end}.mid{text-anchor:middle}
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.axis{stroke:#9198a1}
.s0{fill:#58a6ff}.s1{fill:#e3b341}.ours{fill:#3fb950}.target{stroke:#ff7b72}}
</style>"""


def step_of(top, wanted=5):
    """A round distance of grid lines: 1, 2 or 5 times a power of ten."""
    raw = top / wanted
    power = 10 ** math.floor(math.log10(raw))
    return next(power * f for f in (1, 2, 5, 10) if power * f >= raw)


def number(value):
    if value == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def bars(title, unit, groups, series=("",), target=None):
    """groups: [(label, [a value per series, or None], is it ours?)] -> the SVG's text."""
    most = max([v for _, values, _ in groups for v in values if v is not None] + [target or 0])
    step = step_of(most or 1)
    top = step * math.ceil((most or 1) * 1.05 / step)
    plot = HEIGHT - TOP - BOTTOM

    def y(value):
        return round(TOP + plot * (1 - value / top), 1)

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
           f'aria-label="{escape(title)}">', STYLE,
           f'<text class="title" x="{LEFT}" y="18">{escape(title)}</text>',
           f'<text x="{LEFT}" y="33">{escape(unit)}</text>']
    for i in range(round(top / step) + 1):
        at = y(i * step)
        out.append(f'<line class="{"grid" if i else "axis"}" x1="{LEFT}" x2="{WIDTH - RIGHT}" '
                   f'y1="{at}" y2="{at}"/>'
                   f'<text class="end" x="{LEFT - 6}" y="{at + 4}">{number(i * step)}</text>')
    slot = (WIDTH - LEFT - RIGHT) / len(groups)
    wide = min(70, slot * 0.8 / len(series))
    for g, (label, values, ours) in enumerate(groups):
        middle = LEFT + slot * (g + 0.5)
        for s, value in enumerate(values):
            if value is None:
                continue
            x = round(middle + (s - len(series) / 2) * wide, 1)
            kind = "ours" if ours and len(series) == 1 else f"s{s}"
            out.append(f'<rect class="{kind}" x="{x}" y="{y(value)}" width="{round(wide - 3, 1)}" '
                       f'height="{round(TOP + plot - y(value), 1)}"/>'
                       f'<text class="mid" x="{round(x + wide / 2 - 1.5, 1)}" '
                       f'y="{y(value) - 4}">{number(value)}</text>')
        out.append(f'<text class="mid" x="{round(middle, 1)}" y="{HEIGHT - BOTTOM + 16}">'
                   f'{escape(label)}</text>')
    if target is not None:
        out.append(f'<line class="target" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(target)}" '
                   f'y2="{y(target)}"/>')
    for s, name in enumerate(series if len(series) > 1 else ()):
        x = LEFT + 120 * s
        out.append(f'<rect class="s{s}" x="{x}" y="{HEIGHT - 18}" width="10" height="10"/>'
                   f'<text x="{x + 15}" y="{HEIGHT - 9}">{escape(name)}</text>')
    return "\n".join([*out, "</svg>"]) + "\n"
