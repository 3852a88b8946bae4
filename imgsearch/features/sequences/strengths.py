"""How far photos stand out for the parts of a line, and what unrelated lines would give."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from imgsearch.features.sequences.finding import Bounds, Candidates, best_before, bounds
from imgsearch.records.answer import Level, State
from imgsearch.search.confidence import unrelated_queries
from imgsearch.search.ranking import Ranking, rank
from imgsearch.store.sql import HAS_TIME, IN_IDS, ids_parameter

if TYPE_CHECKING:
    from imgsearch.features.events.records import PhotoEvent
    from imgsearch.search.prepared import PreparedQuery
    from imgsearch.store.database import Database

RANKED = 1000  # photos of a part, the best ones
_UNRELATED = 8  # queries in place of each part
_UNRELATED_OF_THREE = 4
_FIRST_YEAR = datetime(1, 1, 1)
_MIN_DEVIATION = 1e-4
# Standard deviations above what unrelated lines reach: see benchmarks/bench_sequences.py. Below the
# second one, a sequence with a photo that is weak for its part is weak.
FOUND_FROM = 0.0
WEAK_BELOW = 1.5
LIKELY_SHARE = 0.8  # of the way from an unrelated line to the best sequence


class PartPhotos(Struct, frozen=True, eq=False):
    """The photos of a part: how far each stands out, and its score and level in its own answer.

    `ranking` is None for a part of filters alone, whose photos all have a strength of 0.
    """

    query: PreparedQuery
    strengths: Mapping[int, float]
    ranking: Ranking | None

    @property
    def state(self) -> State | None:
        """The state of its own verdict."""
        verdict = None if self.ranking is None else self.ranking.verdict
        return None if verdict is None else verdict.state

    @property
    def is_weak(self) -> bool:
        """Whether nothing is found for it alone, or the encoder cannot read it."""
        return self.state == "nothing" or not self.query.is_read

    @property
    def is_found(self) -> bool:
        """Whether photos are found for it alone, or it has filters alone."""
        return self.query.is_read and self.state in ("found", None)

    def score_and_level(self, photo_id: int) -> tuple[float | None, Level | None]:
        """Return what its answer would say of a photo."""
        if self.ranking is None:
            return None, None
        score = dict(self.ranking.photos)[photo_id]
        return score, self.ranking.level_of(photo_id, score)


def photos_of_part(query: PreparedQuery) -> PartPhotos:
    """Rank the photos of a part. Raises as `search_page` does."""
    context = query.context
    if query.excludes_all:
        return PartPhotos(query, {}, None)
    if not query.exact.terms:
        ids = context.photos.ids(context.selection(query.exact.filters)).tolist()
        return PartPhotos(query, dict.fromkeys(ids, 0.0), None)
    ranking = rank(query, RANKED)
    ids = [photo_id for photo_id, _ in ranking.photos]
    scores = np.array([score for _, score in ranking.photos], np.float64)
    strengths = dict(zip(ids, _standing_out(query, scores).tolist(), strict=True))
    if ranking.named and strengths:  # they are found, whatever they show
        most = max(strengths.values())
        strengths.update({each: most for each in ids if each in ranking.named})
    return PartPhotos(query, strengths, ranking)


def _standing_out(query: PreparedQuery, scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return scores as standard deviations above the mean score of the library with the query."""
    baseline = query.baseline
    usual = scores if baseline is None else baseline.scores.photos @ query.vector.vector
    if not len(usual):
        return scores
    return np.asarray((scores - usual.mean()) / max(float(usual.std()), _MIN_DEVIATION))


class TimedPhotos(Struct, frozen=True, eq=False):
    """Photos with a time of their own, in events: all that sequences are made of."""

    times: Mapping[int, datetime]
    events: Mapping[int, int]  # the number of the event of each

    def candidates(self, photo_ids: Sequence[int], has_window: bool) -> Candidates:
        """Return these photos as candidates; those without a time or an event are left out.

        With a window, all of them are of one span. Times of a span are those of UTC where all of
        its photos state their offset, as on either side of the date line, else of the cameras.
        """
        known = [each for each in photo_ids if each in self.times and each in self.events]
        events = np.array([self.events[each] for each in known], np.int64)
        spans = np.zeros_like(events) if has_window else events
        stated = np.array([self.times[each].tzinfo is not None for each in known], bool)
        in_utc = {
            span for span in np.unique(spans).tolist() if stated[spans == span].all()
        }  # a set of numbers of spans
        times = np.array(
            [
                _seconds(self.times[photo_id], span in in_utc)
                for photo_id, span in zip(known, spans.tolist(), strict=True)
            ],
            np.float64,
        )
        ids = np.array(known, np.int64)
        order = np.lexsort((ids, times, spans))
        return Candidates(ids[order], spans[order], events[order], times[order])


def timed_photos(
    database: Database, events: Sequence[PhotoEvent], photo_ids: Sequence[int]
) -> TimedPhotos:
    """Return which of these photos have a time of their own, when that was, and their events."""
    rows = database.fetch_all(
        f"SELECT id, taken_at FROM photos WHERE {HAS_TIME} AND id {IN_IDS}",
        ids_parameter(photo_ids),
    )
    times = {photo_id: datetime.fromisoformat(text) for photo_id, text in rows}
    numbers = {each: number for number, event in enumerate(events) for each in event.photo_ids}
    return TimedPhotos(times, numbers)


def _seconds(time: datetime, in_utc: bool) -> float:
    """Return a time in seconds, exact to the microsecond in any year."""
    offset = time.utcoffset() if in_utc else None
    local = time.replace(tzinfo=None) - _FIRST_YEAR
    return (local - (offset or timedelta())).total_seconds()


class LineStrengths(Struct, frozen=True, eq=False):
    """Shared data of all sequences of a line: candidates, their strengths, and the bounds."""

    candidates: Candidates
    strengths: NDArray[np.float64]  # (parts, n)
    between: Sequence[Bounds]


def strengths_of_line(
    timed: TimedPhotos,
    parts: Sequence[Mapping[int, float]],
    windows_s: Sequence[float | None],
) -> LineStrengths:
    """Return the strengths of photos for the parts of a line, as `find_sequences` takes them."""
    ids = sorted({photo_id for part in parts for photo_id in part})
    has_window = any(each is not None for each in windows_s)
    candidates = timed.candidates(ids, has_window)
    return LineStrengths(
        candidates,
        _rows(candidates, parts),
        [_bounds_of_part(candidates, each, has_window) for each in windows_s],
    )


def _rows(candidates: Candidates, parts: Sequence[Mapping[int, float]]) -> NDArray[np.float64]:
    rows = np.full((len(parts), len(candidates)), -np.inf)
    if not len(candidates):
        return rows
    order = np.argsort(candidates.photo_ids)
    in_order = candidates.photo_ids[order]
    for row, part in zip(rows, parts, strict=True):
        ids = np.fromiter(part.keys(), np.int64, len(part))
        places = np.minimum(np.searchsorted(in_order, ids), len(in_order) - 1)
        is_known = in_order[places] == ids
        row[order[places[is_known]]] = np.fromiter(part.values(), np.float64, len(part))[is_known]
    return rows


def _bounds_of_part(candidates: Candidates, window_s: float | None, has_window: bool) -> Bounds:
    """Return the bounds of a part: the event, where no window is stated for it."""
    if has_window and window_s is None:  # of a line that states one for another part
        of_event = bounds(candidates, None)
        first = of_event.first.copy()
        last_other = -1
        for place, event in enumerate(candidates.events.tolist()):
            if place and event != candidates.events[place - 1]:
                last_other = place - 1
            first[place] = last_other + 1
        return Bounds(np.minimum(first, of_event.end), of_event.end)
    return bounds(candidates, window_s)


class UnrelatedLines(Struct, frozen=True):
    """The scores of the best sequences for lines about other things: mean and deviation."""

    mean: float
    deviation: float

    def above(self, score: float) -> float:
        """Return how far a sequence stands above them, in standard deviations."""
        return (score - self.mean) / self.deviation


def unrelated_lines(
    database: Database,
    events: Sequence[PhotoEvent],
    parts: Sequence[PartPhotos],
    windows_s: Sequence[float | None],
) -> UnrelatedLines | None:
    """Return what the best sequences reach where each part is replaced by unrelated queries.

    They go through the same functions. None where no part has words or an example, without a
    baseline, and where no sequence is possible.
    """
    count = _UNRELATED if len(parts) < 3 else _UNRELATED_OF_THREE
    of_parts = [_unrelated_to(part, count) for part in parts]
    if all(len(each) == 1 for each in of_parts):
        return None
    ids = sorted({photo_id for part in of_parts for each in part for photo_id in each})
    all_rows = strengths_of_line(
        timed_photos(database, events, ids),
        [each for part in of_parts for each in part],
        windows_s,
    )
    scores = np.array(list(_scores_of_lines(all_rows, [len(part) for part in of_parts])))
    finite = scores[np.isfinite(scores)]
    if len(finite) < 2:
        return None
    return UnrelatedLines(float(finite.mean()), max(float(finite.std()), _MIN_DEVIATION))


def _scores_of_lines(rows: LineStrengths, counts: Sequence[int]) -> Iterator[float]:
    """Yield the score of the best sequence for each line of one of the rows of each part."""
    ends = list(accumulate(counts))
    first, *others = (
        rows.strengths[end - count : end] for end, count in zip(ends, counts, strict=True)
    )
    level = list(first)
    for bound, part in zip(rows.between, others, strict=True):
        gained = [best_before(each, bound) for each in level]
        level = [before + own for before in gained for own in part]
    yield from (float(each.max(initial=-np.inf)) for each in level)


def _unrelated_to(part: PartPhotos, count: int) -> list[Mapping[int, float]]:
    """Return the strengths of photos for some queries built like this part, but about other things.

    A part of filters alone stays as it is.
    """
    query = part.query
    baseline = query.baseline
    if part.ranking is None or baseline is None or not query.is_read:
        return [part.strengths]
    rows = unrelated_queries(baseline.scores, query.vector.scored)
    chosen = rows[np.linspace(0, len(rows) - 1, count).astype(np.int64)]
    nearest = query.context.photos.nearest_to_each(
        chosen,
        RANKED,
        query.among,
        kind=query.vector.kind,
        hubness_share=query.vector.hubness_share,
    )
    found: list[Mapping[int, float]] = []
    for row, each in zip(chosen, nearest, strict=True):
        usual = baseline.scores.photos @ row
        scores = (each.scores - usual.mean()) / max(float(usual.std()), _MIN_DEVIATION)
        found.append(dict(zip(each.ids.tolist(), scores.tolist(), strict=True)))
    return found
