"""Samples what a process uses, tells growth from noise, and draws the samples."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import psutil

READINGS = 5  # of which the lowest counts: a thread or a buffer may be in use for a moment
READING_INTERVAL_S = 0.1


@dataclass(frozen=True)
class Sample:
    """What a process and all below it use at one moment."""

    at_s: float  # seconds since the sampling began
    memory_mb: float  # MiB that no other process shares (unique set size)
    threads: int
    files: int  # open files, pipes, sockets and inotify instances
    load: float  # the machine's load average of the last minute
    work: int  # what the process had to do until then, in any unit


# What must not grow, and how much growth in the second half of a run is not yet a leak.
Figure = Callable[[Sample], float]
FIGURES: dict[str, tuple[Figure, float]] = {
    "memory, MiB": (lambda sample: sample.memory_mb, 4.0),
    "threads": (lambda sample: sample.threads, 0.5),
    "open files": (lambda sample: sample.files, 1.5),
}


def take_sample(
    pid: int, began_s: float, work: int = 0, interval_s: float = READING_INTERVAL_S
) -> Sample:
    """What a process that is at rest uses: the lowest of a few readings, `interval_s` apart.

    `began_s` is the time (`time.monotonic`) from which samples count.
    """
    if sys.platform == "win32":
        raise NotImplementedError("needs Unix")
    readings = [_reading(pid)]
    while len(readings) < READINGS:
        time.sleep(interval_s)
        readings.append(_reading(pid))
    memory_mb, threads, files = (min(values) for values in zip(*readings, strict=True))
    at_s = time.monotonic() - began_s
    load = os.getloadavg()[0]
    return Sample(round(at_s, 3), round(memory_mb, 2), int(threads), int(files), load, work)


def _reading(pid: int) -> tuple[float, float, float]:
    """Memory in MiB, threads and open files of a process and all below it."""
    if sys.platform == "win32":
        raise NotImplementedError("needs Unix")
    root = psutil.Process(pid)
    memory_mb, threads, files = 0.0, 0, 0
    for process in [root, *root.children(recursive=True)]:
        try:
            memory_mb += process.memory_full_info().uss / 2**20
            threads += process.num_threads()
            files += process.num_fds()
        except psutil.NoSuchProcess:  # a child has ended
            continue
    return memory_mb, threads, files


def growth(samples: Sequence[Sample], figure: Figure) -> float:
    """How much a figure grew over the second half of the samples; 0 where that may be chance.

    The slope is the median of those between all pairs (Theil and Sen), so a few outliers, or one
    step such as a library that is loaded late, do not count. It is chance where its 95 % confidence
    interval contains 0. The first half is left out: caches fill, and pools grow to their size.
    """
    from scipy.stats import theilslopes  # here, since it takes two seconds to import

    half = samples[len(samples) // 2 :]
    times = [sample.at_s for sample in half]
    slope, _, low, high = theilslopes([figure(sample) for sample in half], times, 0.95)
    is_chance = low <= 0 <= high
    return 0.0 if is_chance else float(slope) * (times[-1] - times[0])


def leaks(samples: Sequence[Sample]) -> list[str]:
    """A sentence for each figure that keeps growing."""
    return [
        f"{name}: grew by {grown:.1f} in the second half, from {figure(samples[len(samples) // 2])}"
        f" to {figure(samples[-1])}"
        for name, (figure, limit) in FIGURES.items()
        if (grown := growth(samples, figure)) > limit
    ]


# ---------------------------------------------------------------------------- a plot

_WIDTH, _HEIGHT, _LEFT, _TOP, _GAP = 640, 110, 60, 40, 34
_COLOURS = ("#0b6e4f", "#3366cc", "#8a4fbe", "#999999")


def draw(samples: Sequence[Sample], title: str) -> str:
    """An SVG with a panel for each figure and one for the machine's load, over minutes."""
    panels: dict[str, Figure] = {name: figure for name, (figure, _) in FIGURES.items()}
    panels["load average of the machine"] = lambda sample: sample.load
    height = _TOP + len(panels) * (_HEIGHT + _GAP) + 20
    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" font-family="sans-serif" font-size="12"'
        f' viewBox="0 0 {_LEFT + _WIDTH + 20} {height}">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="{_LEFT}" y="18" font-size="14">{title}</text>',
    ]
    for number, (name, figure) in enumerate(panels.items()):
        top = _TOP + number * (_HEIGHT + _GAP)
        parts += _panel(samples, figure, name, top, _COLOURS[number])
    parts += [
        f'<text x="{_LEFT + _WIDTH / 2}" y="{height - 6}" text-anchor="middle">minutes</text>',
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _panel(
    samples: Sequence[Sample], figure: Figure, name: str, top: int, colour: str
) -> list[str]:
    values = [figure(sample) for sample in samples]
    last_min = samples[-1].at_s / 60
    highest = max(*values, 1.0) * 1.2  # every axis begins at 0: a small change looks small

    def x(at_s: float) -> float:
        return _LEFT + _WIDTH * at_s / 60 / last_min

    def y(value: float) -> float:
        return top + _HEIGHT * (1 - value / highest)

    line = " ".join(f"{x(sample.at_s):.1f},{y(figure(sample)):.1f}" for sample in samples)
    middle = x(samples[len(samples) // 2].at_s)
    parts = [
        f'<rect x="{middle:.1f}" y="{top}" width="{_LEFT + _WIDTH - middle:.1f}"'
        f' height="{_HEIGHT}" fill="#f4f4f4"/>',  # what is judged
        f'<rect x="{_LEFT}" y="{top}" width="{_WIDTH}" height="{_HEIGHT}" fill="none"'
        ' stroke="#333"/>',
        f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="1.5"/>',
        f'<text x="{_LEFT + 8}" y="{top + _HEIGHT - 9}" fill="{colour}">{name}:'
        f" {min(values):.4g} to {max(values):.4g}, {values[-1]:.4g} at the end</text>",
    ]
    parts += [
        f'<text x="{_LEFT - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{value:.3g}</text>'
        for value in (0.0, max(values))
    ]
    parts += [
        f'<text x="{x(minute * 60):.1f}" y="{top + _HEIGHT + 15}" text-anchor="middle">'
        f"{minute}</text>"
        for minute in range(0, int(last_min) + 1, max(1, round(last_min / 6)))
    ]
    return parts
