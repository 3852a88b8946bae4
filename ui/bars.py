"""A bar chart of counts, drawn as SVG: a library of charts would be most of what a view loads."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

WIDTH, HEIGHT = 640, 220  # in units of the drawing, which takes the width that there is
_TOP, _BOTTOM, _LEFT = 12, 24, 44  # around the bars: the scale is to the left, the names are below
_MOST_NAMES = 10  # below the bars
_STEPS = (1, 2, 5, 10)  # of the scale, times a power of ten


def bars_svg(counts: Mapping[str, int], label: str) -> str:
    """Return a chart with a bar for each name, in their order, as an SVG element.

    `label` says what it shows, for those who cannot see it. There is at least one name, and the
    counts are not negative. Each bar has its name and its count as a title.
    """
    top = _top_of_scale(max(counts.values()))
    step_px, plot_px = (WIDTH - _LEFT) / len(counts), HEIGHT - _TOP - _BOTTOM
    drawn = [_line(value, top, plot_px) for value in (0, top // 2, top) if value * 2 % top == 0]
    each = -(-len(counts) // _MOST_NAMES)
    for number, (name, count) in enumerate(counts.items()):
        left, height = _LEFT + number * step_px, plot_px * count / top
        drawn.append(
            f'<rect x="{left + step_px * 0.1:.1f}" y="{_TOP + plot_px - height:.1f}" '
            f'width="{step_px * 0.8:.1f}" height="{height:.1f}">'
            f"<title>{escape(name)}: {count:,}</title></rect>"
        )
        if number % each == 0:
            middle = left + step_px / 2
            drawn.append(f'<text x="{middle:.1f}" y="{HEIGHT - 6}">{escape(name)}</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(label)}">{"".join(drawn)}</svg>'
    )


def _line(value: int, top: int, plot_px: float) -> str:
    y = _TOP + plot_px * (1 - value / top)
    return (
        f'<line x1="{_LEFT}" x2="{WIDTH}" y1="{y:.1f}" y2="{y:.1f}"></line>'
        f'<text class="scale" x="{_LEFT - 8}" y="{y + 4:.1f}">{value:,}</text>'
    )


def _top_of_scale(most: int) -> int:
    """Return the smallest round number that is not below `most`, and at least 2."""
    power: int = 10 ** (len(str(max(most, 1))) - 1)
    return max(2, next(step * power for step in _STEPS if step * power >= most))
