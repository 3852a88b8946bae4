"""Tables and plot of a study, from its results."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import mean, stdev

from training.objectives.fit import SEARCH, CurvePoint, FittedRun
from training.objectives.models import KINDS
from training.objectives.results import StudyResults

MARKS = ("<!-- objectives -->\n", "<!-- /objectives -->\n")


@dataclass(frozen=True, slots=True)
class CurveFigure:
    """One of the figures that are drawn against examples seen, as a share from 0 to 1."""

    title: str
    of: Callable[[CurvePoint], float]


def _zero_shot(point: CurvePoint) -> float:
    return math.nan if point.zero_shot is None else point.zero_shot.relative


def _zero_shot_plain(point: CurvePoint) -> float:
    return math.nan if point.zero_shot is None else point.zero_shot.plain


def _dev(point: CurvePoint) -> float:
    return point.dev.at_10


def _other(point: CurvePoint) -> float:
    return math.nan if point.other is None else point.other.at_10


CURVES = (
    CurveFigure("Zero-shot accuracy, samples of ImageNet", _zero_shot),
    CurveFigure("Caption R@10, Flickr8k dev", _dev),
    CurveFigure("Caption R@10, COCO dev (other origin)", _other),
)


# ---------------------------------------------------------------------------- tables


def markdown(results: StudyResults) -> str:
    """The section of research/objectives.md that a command writes."""
    parts = [
        _setting(results),
        _final_table(results),
        _curve_table(results),
        *([_search_table(results)] if len(results.plan.learning_rates) > 1 else []),
    ]
    return "\n\n".join(parts) + "\n"


def page_with(page: str, results: StudyResults) -> str:
    """The text of research/objectives.md with the tables of these results between its marks."""
    before, _, rest = page.partition(MARKS[0])
    _, _, after = rest.partition(MARKS[1])
    return f"{before}{MARKS[0]}{markdown(results)}{MARKS[1]}{after}"


def _setting(results: StudyResults) -> str:
    sizes, plan = results.sizes, results.plan
    core_min = sum(run.training_s + run.scoring_s for run in results.runs) / 60
    return (
        f"Measured {results.date} ({results.machine}). {len(results.runs)} runs took "
        f"{core_min:.0f} minutes of one core. Training: {sizes.training_photos:,} photos with "
        f"{sizes.training_texts:,} captions, {plan.points[-1]:,} examples, {sizes.words:,} words. "
        f"Flickr8k dev: {sizes.dev_photos} photos, {sizes.dev_texts} captions; COCO dev: "
        f"{sizes.other_photos} photos, {sizes.other_texts} captions; zero-shot: {sizes.classes} "
        f"classes, one photo each. By chance, R@10 would be {100 * 10 / sizes.dev_photos:.1f} and "
        f"{100 * 10 / sizes.other_photos:.1f} %, and zero-shot accuracy "
        f"{100 / sizes.classes:.1f} %. Means over {len(plan.seeds)} seeds ± their standard "
        "deviation, in percent."
    )


def _final_table(results: StudyResults) -> str:
    lines = [
        "| objective | parameters | learning rate | zero-shot, relative | zero-shot, plain "
        "| Flickr8k dev R@1 | R@10 | COCO dev R@10 | training, s of one core | scoring, s |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for objective in results.plan.objectives:
        runs = results.finals(objective)
        last = [run.points[-1] for run in runs]
        cells = [
            KINDS[objective].title,
            f"{runs[0].parameters:,}",
            f"{runs[0].spec.learning_rate:g}",
            _percent([_zero_shot(point) for point in last]),
            _percent([_zero_shot_plain(point) for point in last]),
            _percent([point.dev.at_1 for point in last]),
            _percent([_dev(point) for point in last]),
            _percent([_other(point) for point in last]),
            f"{mean(run.training_s for run in runs):.0f}",
            f"{mean(run.scoring_s for run in runs) / len(runs[0].points):.1f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _curve_table(results: StudyResults) -> str:
    points = results.plan.points
    lines = [
        f"| examples seen | {' | '.join(f'{count:,}' for count in points)} |",
        f"|---|{'---|' * len(points)}",
    ]
    for curve in CURVES:
        lines.append(f"| **{curve.title}** |{' |' * len(points)}")
        for objective in results.plan.objectives:
            runs = results.finals(objective)
            cells = [
                f"{100 * mean(curve.of(run.points[index]) for run in runs):.1f}"
                for index in range(len(points))
            ]
            lines.append(f"| {KINDS[objective].title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _percent(shares: Sequence[float]) -> str:
    middle = f"{100 * mean(shares):.1f}"
    return f"{middle} ± {100 * stdev(shares):.1f}" if len(shares) > 1 else middle


def _search_table(results: StudyResults) -> str:
    """The table of the search for a learning rate, on a part of the training split."""
    rates = results.plan.learning_rates
    lines = [
        f"| mean of R@1, R@5, R@10 at the learning rate | {' | '.join(f'{r:g}' for r in rates)} |",
        f"|---|{'---|' * len(rates)}",
    ]
    for objective in results.plan.objectives:
        cells = [_searched(results.runs, objective, rate) for rate in rates]
        lines.append(f"| {KINDS[objective].title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _searched(runs: Sequence[FittedRun], objective: str, rate: float) -> str:
    for run in runs:
        spec = run.spec
        if (spec.objective, spec.stage, spec.learning_rate) == (objective, SEARCH, rate):
            return f"{100 * run.points[-1].dev.mean:.1f}"
    return "–"


# ---------------------------------------------------------------------------- plot

_COLOURS = ("#0072b2", "#56b4e9", "#009e73", "#d55e00", "#cc79a7")  # Okabe and Ito's
_DASHES = ("none", "7 3", "2 3", "9 3 2 3", "4 2")
_LEFT, _TOP, _WIDTH, _HEIGHT, _GAP = 62, 62, 300, 260, 62


def svg(results: StudyResults) -> str:
    """A panel for each curve: the mean over the seeds, and a bar from the lowest to the highest."""
    total = _LEFT + len(CURVES) * (_WIDTH + _GAP)
    bottom = _TOP + _HEIGHT
    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" font-family="sans-serif" font-size="12"'
        f' viewBox="0 0 {total} {bottom + 66}">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="{_LEFT}" y="20" font-size="14">Five objectives on the same image features, '
        f"{results.date}: mean, lowest and highest of {len(results.plan.seeds)} seeds</text>",
    ]
    for number, curve in enumerate(CURVES):
        parts += _panel(results, curve, _LEFT + number * (_WIDTH + _GAP))
    step = (total - _LEFT) / len(results.plan.objectives)
    for number, objective in enumerate(results.plan.objectives):
        x, y = _LEFT + number * step, bottom + 54
        style = _line_style(number)
        parts += [
            f'<line x1="{x:.1f}" y1="{y - 4}" x2="{x + 34:.1f}" y2="{y - 4}" {style}/>',
            f'<text x="{x + 40:.1f}" y="{y}">{KINDS[objective].title}</text>',
        ]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _panel(results: StudyResults, curve: CurveFigure, left: int) -> list[str]:
    points = results.plan.points
    values = {
        objective: [
            [100 * curve.of(run.points[index]) for run in results.finals(objective)]
            for index in range(len(points))
        ]
        for objective in results.plan.objectives
    }
    top_value = max(value for rows in values.values() for row in rows for value in row)
    tick = next(step for step in (1, 2, 5, 10, 20, 25) if top_value <= 6 * step or step == 25)
    highest = tick * math.ceil(max(top_value, tick) / tick)
    first, last = math.log2(points[0]), math.log2(points[-1])

    def x(examples: int) -> float:
        share = (math.log2(examples) - first) / (last - first) if last > first else 0.5
        return left + 12 + (_WIDTH - 24) * share

    def y(value: float) -> float:
        return _TOP + _HEIGHT * (1 - value / highest)

    parts = [
        f'<text x="{left}" y="{_TOP - 12}">{curve.title}, %</text>',
        f'<rect x="{left}" y="{_TOP}" width="{_WIDTH}" height="{_HEIGHT}" fill="none"'
        ' stroke="#333"/>',
        f'<text x="{left + _WIDTH / 2}" y="{_TOP + _HEIGHT + 32}" text-anchor="middle">'
        "examples seen</text>",
    ]
    for value in range(0, highest + 1, tick):
        parts += [
            f'<line x1="{left}" y1="{y(value):.1f}" x2="{left + _WIDTH}" y2="{y(value):.1f}"'
            ' stroke="#ddd"/>',
            f'<text x="{left - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{value}</text>',
        ]
    parts += [
        f'<text x="{x(count):.1f}" y="{_TOP + _HEIGHT + 16}" text-anchor="middle">{count:,}</text>'
        for count in points
    ]
    for number, rows in enumerate(values.values()):
        line = " ".join(
            f"{x(count):.1f},{y(mean(row)):.1f}" for count, row in zip(points, rows, strict=True)
        )
        parts.append(f'<polyline points="{line}" {_line_style(number)}/>')
        for count, row in zip(points, rows, strict=True):
            colour, at = _COLOURS[number], x(count) + 2 * (number - 2)  # bars side by side
            parts += [
                f'<line x1="{at:.1f}" y1="{y(min(row)):.1f}" x2="{at:.1f}" y2="{y(max(row)):.1f}"'
                f' stroke="{colour}"/>',
                f'<circle cx="{x(count):.1f}" cy="{y(mean(row)):.1f}" r="3" fill="{colour}"/>',
            ]
    return parts


def _line_style(number: int) -> str:
    return (
        f'fill="none" stroke="{_COLOURS[number]}" stroke-width="2"'
        f' stroke-dasharray="{_DASHES[number]}"'
    )
