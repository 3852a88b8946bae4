"""Finds the best sequences of photos: each of one part of a line, each later than the one before.

Arithmetic on arrays, without files or models. A photo's strength for a part says by how many
standard deviations it stands out; the score of a sequence is the sum over its photos.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from imgsearch.records.arrays import Ids

MOST_AN_EVENT = 3  # sequences
APART_S = 300.0  # the last photos of two sequences of one event
_Strengths: TypeAlias = NDArray[np.float64]
_Places: TypeAlias = NDArray[np.int64]
_NONE = -np.inf


class Candidates(Struct, frozen=True, eq=False):
    """Photos that may be of a sequence (n,), in order of their span and then of time.

    A sequence lies within one span, unless its part states a window, which takes its place: spans
    are all alike then. `events` are the numbers of the events of the photos.
    """

    photo_ids: Ids
    spans: _Places
    events: _Places
    times_s: _Strengths

    def __len__(self) -> int:
        return len(self.photo_ids)


class FoundSequence(Struct, frozen=True):
    """The places of the photos of a sequence among the candidates, in order of time."""

    places: tuple[int, ...]
    score: float


class Bounds(Struct, frozen=True, eq=False):
    """For each candidate, the candidates that may come before it: from `first` to before `end`."""

    first: _Places
    end: _Places


def bounds(candidates: Candidates, window_s: float | None) -> Bounds:
    """Return the candidates that are strictly earlier than each, in its span or window."""
    spans, times = candidates.spans, candidates.times_s
    starts = np.searchsorted(spans, spans, "left")
    ends = np.searchsorted(spans, spans, "right")
    first, end = starts.copy(), starts.copy()
    for span_start in np.unique(starts).tolist():
        span_end = int(ends[span_start])
        own = times[span_start:span_end]
        end[span_start:span_end] += np.searchsorted(own, own, "left")
        if window_s is not None:
            first[span_start:span_end] += np.searchsorted(own, own - window_s, "left")
    return Bounds(first, end)


def find_sequences(
    candidates: Candidates, strengths: _Strengths, between: Sequence[Bounds], k: int
) -> list[FoundSequence]:
    """Return at most k sequences, best first, at most three of each event.

    `strengths` (parts, n) are minus infinity where a photo is not of a part. `between` has the
    bounds of each part but the first. No photo is in two sequences, and the last photos of two of
    one event lie five minutes apart or more.
    """
    left = strengths.copy()
    found: list[FoundSequence] = []
    for _ in range(MOST_AN_EVENT):
        scores, previous = _best_ends(left, between)
        of_round = _best_of_events(candidates, scores, previous)
        if not of_round:
            break
        found += of_round
        for each in of_round:
            left[:, each.places] = _NONE
            last = each.places[-1]
            is_near = np.abs(candidates.times_s - candidates.times_s[last]) < APART_S
            is_near &= candidates.events == candidates.events[last]
            left[-1, is_near] = _NONE
    return sorted(found, key=lambda each: -each.score)[:k]


def best_before(scores: _Strengths, bound: Bounds) -> _Strengths:
    """Return the largest score within the bound of each photo; minus infinity in an empty one."""
    before = _places_of_most(scores, bound)
    return np.where(before >= 0, scores[np.maximum(before, 0)], _NONE)


def _best_ends(
    strengths: _Strengths, between: Sequence[Bounds]
) -> tuple[_Strengths, list[_Places]]:
    """Return the score of the best sequence that ends with each photo, and the way back to it.

    The way has, for each part but the first, the place of the photo before each photo.
    """
    scores, previous = strengths[0], []
    for own, bound in zip(strengths[1:], between, strict=True):
        before = _places_of_most(scores, bound)
        gained = np.where(before >= 0, scores[np.maximum(before, 0)], _NONE)
        scores = own + gained
        previous.append(before)
    return scores, previous


def _places_of_most(values: _Strengths, bound: Bounds) -> _Places:
    """Return the place of the largest value within each bound; -1 within an empty one.

    Of equal values it is the last. By a sparse table: of each range of a length of a power of two.
    """
    places = np.arange(len(values))
    table = [places]
    width = 1
    while 2 * width <= len(values):
        low, high = table[-1][:-width], table[-1][width:]
        table.append(np.where(values[high] >= values[low], high, low))
        width *= 2
    lengths = bound.end - bound.first
    result = np.full(len(values), -1)
    for level, of_level in enumerate(table):
        own = (lengths >= 1 << level) & (lengths < 2 << level)
        low = of_level[bound.first[own]]
        high = of_level[bound.end[own] - (1 << level)]
        result[own] = np.where(values[high] >= values[low], high, low)
    return result


def _best_of_events(
    candidates: Candidates, scores: _Strengths, previous: Sequence[_Places]
) -> list[FoundSequence]:
    """Return the best sequence that ends in each event; of equal ones, the one that ends first."""
    order = np.lexsort((-candidates.times_s, scores, candidates.events))
    events = candidates.events[order]
    is_last = np.append(events[1:] != events[:-1], True)[: len(order)]
    found = []
    used: set[int] = set()  # with a window, sequences of two events may share a photo
    best = order[is_last]
    for end in best[np.argsort(-scores[best], kind="stable")].tolist():
        if scores[end] == _NONE:
            continue
        places = [end]
        for before in reversed(previous):
            places.append(int(before[places[-1]]))
        if used.isdisjoint(places):
            used.update(places)
            found.append(FoundSequence(tuple(reversed(places)), float(scores[end])))
    return found
