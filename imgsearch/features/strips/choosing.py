"""Chooses one photo for each month or year: the same thing over time, as a strip of pictures.

A photo is chosen by its score, its light and its sharpness. Scores count in standard deviations of
the scores of all photos of the strip, and are added to the points that `imgsearch.search.worth`
gives for light and sharpness. So a clear picture of the thing wins over one that is a little more
like it and blurred.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import numpy as np
from msgspec import Struct

from imgsearch.analysis.spread import MAX_COMPARED, spread_over
from imgsearch.features.strips.records import StripPeriod
from imgsearch.records.answer import FoundPhotos, Hit
from imgsearch.records.arrays import Ids
from imgsearch.records.browse import Moments
from imgsearch.records.query import PeriodLength
from imgsearch.search.context import SearchContext
from imgsearch.search.hits import hits_of, make_hits
from imgsearch.search.worth import look_points
from imgsearch.store.reading.browsing import BrowsingReads

_UNITS: Mapping[str, Literal["Y", "M"]] = {"year": "Y", "month": "M"}  # of NumPy's dates


def find_strip(
    context: SearchContext, photos: BrowsingReads, found: FoundPhotos, by: PeriodLength
) -> tuple[StripPeriod, ...]:
    """Return the strip of what a query has found."""
    scores = {}
    if found.scores is not None:
        scores = dict(zip(found.ids.tolist(), found.scores.tolist(), strict=True))
    return _strip(
        context, photos.moments(found.ids), scores, by, lambda ids: hits_of(context, found, ids)
    )


def strip_of_all(
    context: SearchContext, photos: BrowsingReads, ids: Ids | None, by: PeriodLength
) -> tuple[StripPeriod, ...]:
    """Return the strip of these photos, or of all, without a query."""

    def hits(chosen: Sequence[int]) -> Sequence[Hit]:
        return make_hits(context.photos, chosen, stack_raw=context.stack_raw)

    return _strip(context, photos.moments(ids), {}, by, hits)


def _strip(
    context: SearchContext,
    moments: Moments,
    scores: Mapping[int, float],
    by: PeriodLength,
    hits: Callable[[Sequence[int]], Sequence[Hit]],
) -> tuple[StripPeriod, ...]:
    periods = _periods_of(moments, scores, by)
    compared = context.photos.records(each for period in periods for each in period.ids)
    looks = look_points(found.photo for found in compared.values())
    best = _best_of(periods, looks, scores)
    shown = {hit.photo.id: hit for hit in hits([each for each in best if each is not None])}
    return tuple(
        StripPeriod(period.period, period.photos, None if chosen is None else shown.get(chosen))
        for period, chosen in zip(periods, best, strict=True)
    )


class StripPhotos(Struct, frozen=True):
    """The photos of one period that are compared, in order of time."""

    period: str
    photos: int  # of the period, compared or not
    ids: tuple[int, ...]


def _periods_of(
    moments: Moments, scores: Mapping[int, float], by: PeriodLength
) -> list[StripPhotos]:
    """Sort photos with a date into periods, from the first to the last one with photos.

    Of a period with more than `MAX_COMPARED` photos, those with the highest scores are compared;
    without scores, some that are spread over the period.
    """
    if not len(moments):
        return []
    numbers = moments.taken_at.astype(f"datetime64[{_UNITS[by]}]").astype(np.int64)
    ids_by_number = defaultdict(list)
    for number, photo_id in zip(numbers.tolist(), moments.photo_ids.tolist(), strict=True):
        ids_by_number[number].append(photo_id)
    periods = []
    for number in range(int(numbers[0]), int(numbers[-1]) + 1):
        ids = ids_by_number.get(number, [])
        name = str(np.datetime64(number, _UNITS[by]))
        periods.append(StripPhotos(name, len(ids), tuple(_compared(ids, scores))))
    return periods


def _compared(ids: Sequence[int], scores: Mapping[int, float]) -> Sequence[int]:
    if len(ids) <= MAX_COMPARED:
        return ids
    if scores:
        best = sorted(ids, key=lambda photo_id: -scores[photo_id])[:MAX_COMPARED]
        return sorted(best, key=ids.index)
    return spread_over(ids, MAX_COMPARED)


def _best_of(
    periods: Sequence[StripPhotos], looks: Mapping[int, float], scores: Mapping[int, float]
) -> list[int | None]:
    """Return the id of the best photo of each period; None where there is none.

    `looks` are the points of photos for light and sharpness. Photos without them were deleted
    meanwhile, and are left out. Of equal photos, the first one of the period is the best.
    """
    spread = float(np.std(list(scores.values()))) if scores else 0.0

    def worth(photo_id: int) -> float:
        relative = scores[photo_id] / spread if spread else 0.0
        return relative + looks[photo_id]

    return [
        max((each for each in period.ids if each in looks), key=worth, default=None)
        for period in periods
    ]
