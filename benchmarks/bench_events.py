"""Measures how well `find_events` finds the known events of generated libraries.

Each library is some years of one life: occasions at home and around it, outings, weekend trips and
longer trips with moves between places and days without a photo, by phones that record coordinates
and cameras that do not. Usage: python -m benchmarks.bench_events
"""

# ruff: noqa: T201

from __future__ import annotations

import math
import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise

from imgsearch.features.events.finding import GAP_RATIO, GAPS_AROUND, find_events
from imgsearch.records.browse import Moments

LIBRARIES = 10
YEARS = 5


@dataclass(frozen=True)
class Life:
    """The habits of a simulated photographer."""

    occasions_a_week: float = 1.2
    trips_a_year: int = 4
    photos: int = 25  # of an occasion, and of a day of a trip, in the middle
    located: float = 1.0  # share of the photos with coordinates
    moves: bool = False  # to another town after half the time


LIVES = {
    "a phone": Life(),
    "a phone, few photos": Life(occasions_a_week=0.3, trips_a_year=2, photos=6),
    "many photos": Life(occasions_a_week=3, trips_a_year=6, photos=60),
    "a phone and a camera": Life(located=0.4),
    "moved house": Life(moves=True),
    "no coordinates": Life(located=0.0),
}


@dataclass(frozen=True)
class Moment:
    """When and where a photo was taken."""

    photo_id: int
    taken_at: datetime
    lat: float | None = None
    lon: float | None = None


@dataclass(frozen=True)
class Shot:
    """A photo and the number of the event that it belongs to."""

    moment: Moment
    event: int
    is_trip: bool


def make_library(life: Life, seed: int) -> list[Shot]:
    """The photos of a life, in order of time."""
    rng = random.Random(seed)
    homes = [(rng.uniform(-50, 60), rng.uniform(-120, 120))]
    if life.moves:
        homes.append(_moved(rng, homes[0], 300))
    shots: list[Shot] = []
    day, end, event = datetime(2015, 1, 1), datetime(2015 + YEARS, 1, 1), 0
    while day < end:
        home = homes[-1] if life.moves and day > datetime(2015 + YEARS // 2, 1, 1) else homes[0]
        if rng.random() < life.trips_a_year / 365:
            days = rng.choice([2, 3, 4, 7, 10, 14, 21])
            shots += _trip(rng, life, day, days, home, event)
            day += timedelta(days=days)
            event += 1
        elif rng.random() < life.occasions_a_week / 7:
            at = _moved(rng, home, rng.choice([1, 5, 20]))
            start = day + timedelta(hours=rng.uniform(9, 20))
            shots += _session(rng, life, start, rng.uniform(0.3, 5), at, event, False)
            event += 1
        day += timedelta(days=1)
    shots.sort(key=lambda shot: shot.moment.taken_at)
    return [replace(s, moment=replace(s.moment, photo_id=n)) for n, s in enumerate(shots)]


def _trip(
    rng: random.Random, life: Life, day: datetime, days: int, home: tuple[float, float], event: int
) -> list[Shot]:
    shots: list[Shot] = []
    at = _moved(rng, home, math.exp(rng.uniform(math.log(90), math.log(8000))))
    for number in range(days):
        if number and rng.random() < 0.3:
            at = _moved(rng, at, rng.uniform(20, 200))
        if number and rng.random() < 0.2:  # a day without a photo
            continue
        start = day + timedelta(days=number, hours=rng.uniform(8, 13))
        shots += _session(rng, life, start, rng.uniform(2, 10), at, event, True)
    return shots


def _session(
    rng: random.Random,
    life: Life,
    start: datetime,
    hours: float,
    at: tuple[float, float],
    event: int,
    is_trip: bool,
) -> list[Shot]:
    """Bursts of photos within some hours; the number of photos is log-normal."""
    count = max(1, round(life.photos * math.exp(rng.gauss(0, 0.8))))
    shots: list[Shot] = []
    while len(shots) < count:
        moment = start + timedelta(hours=rng.uniform(0, hours))
        for _ in range(min(count - len(shots), rng.choice([1, 1, 2, 3, 6]))):
            moment += timedelta(seconds=rng.uniform(1, 40))
            lat, lon = _moved(rng, at, rng.uniform(0, 3))
            is_located = rng.random() < life.located
            taken = Moment(0, moment, lat if is_located else None, lon if is_located else None)
            shots.append(Shot(taken, event, is_trip))
    return shots


def _moved(rng: random.Random, point: tuple[float, float], km: float) -> tuple[float, float]:
    lat, lon = point
    turn = rng.uniform(0, 2 * math.pi)
    lat_to = max(-70.0, min(75.0, lat + km / 111.2 * math.sin(turn)))
    width = 111.2 * math.cos(math.radians((lat + lat_to) / 2))
    return lat_to, (lon + km / width * math.cos(turn) + 180) % 360 - 180


def photo_toc(moments: Sequence[Moment]) -> list[list[int]]:
    """The published rule: gaps of time alone."""
    gaps = [
        math.log(max(1.0, (b.taken_at - a.taken_at).total_seconds())) for a, b in pairwise(moments)
    ]
    groups = [[moments[0].photo_id]]
    for number, gap in enumerate(gaps):
        around = gaps[max(0, number - GAPS_AROUND) : number + GAPS_AROUND + 1]
        if gap >= math.log(GAP_RATIO) + sum(around) / len(around):
            groups.append([])
        groups[-1].append(moments[number + 1].photo_id)
    return groups


def days(moments: Sequence[Moment]) -> list[list[int]]:
    """One event for each day."""
    groups: dict[object, list[int]] = defaultdict(list)
    for moment in moments:
        groups[moment.taken_at.date()].append(moment.photo_id)
    return list(groups.values())


def columns(moments: Sequence[Moment]) -> Moments:
    """The same as the library has it."""
    nowhere = [None] * len(moments)
    return Moments.of(
        [moment.photo_id for moment in moments],
        [moment.taken_at.isoformat() for moment in moments],
        [moment.lat for moment in moments],
        [moment.lon for moment in moments],
        nowhere,
        nowhere,
    )


def ours(moments: Sequence[Moment]) -> list[list[int]]:
    return [list(event.photo_ids) for event in find_events(columns(moments))]


def score(shots: Sequence[Shot], groups: Sequence[Sequence[int]]) -> tuple[float, float, float]:
    """Precision and recall of the borders between events, and the share of trips found whole."""
    found = {group[0] for group in groups} - {0}
    known = {n for n in range(1, len(shots)) if shots[n].event != shots[n - 1].event}
    trips: dict[int, list[int]] = defaultdict(list)
    for number, shot in enumerate(shots):
        if shot.is_trip:
            trips[shot.event].append(number)
    exact = {tuple(group) for group in groups}
    whole = sum(tuple(trip) in exact for trip in trips.values())
    right = len(found & known)
    return right / max(1, len(found)), right / max(1, len(known)), whole / max(1, len(trips))


def main() -> None:
    rules: dict[str, Callable[[Sequence[Moment]], list[list[int]]]] = {
        "one a day": days,
        "PhotoTOC": photo_toc,
        "find_events": ours,
    }
    for name, life in LIVES.items():
        libraries = [make_library(life, seed) for seed in range(LIBRARIES)]
        for rule, find in rules.items():
            scores = [score(shots, find([s.moment for s in shots])) for shots in libraries]
            precision, recall, whole = (
                sum(part) / len(scores) for part in zip(*scores, strict=True)
            )
            print(
                f"{name:22} {rule:12} borders: precision {precision:6.1%} recall {recall:6.1%}  "
                f"trips as one event {whole:6.1%}"
            )


if __name__ == "__main__":
    main()
