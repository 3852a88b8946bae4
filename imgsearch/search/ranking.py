"""Ranks photos by meaning and by name, and joins both rankings: see `name_search`."""

from __future__ import annotations

from collections.abc import Set
from typing import TYPE_CHECKING, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from imgsearch.records.answer import Level, Verdict, level_of
from imgsearch.records.query import Selection
from imgsearch.search.name_search import FUSED_RANKS, fused_score
from imgsearch.search.reordering import RAISED, REORDERED, reordered_ids
from imgsearch.search.stacking import hidden_by_stack
from imgsearch.search.verdict import decide

if TYPE_CHECKING:
    from imgsearch.search.prepared import PreparedQuery

Scored: TypeAlias = tuple[int, float]  # the id of a photo, and its score


class Ranking(Struct, frozen=True):
    """The best photos for a query in the order of its answer, and the verdict on them.

    `is_complete` says that no further photos exist, and `is_below` that the ranking reaches photos
    below the minimum score. The photos in `named` were found by their names.
    """

    photos: list[Scored]
    verdict: Verdict | None
    is_read: bool
    is_complete: bool
    is_below: bool
    named: frozenset[int] = frozenset()
    raised: frozenset[int] = frozenset()  # by a filter that reorders: without a level if weak

    def level_of(self, photo_id: int, score: float) -> Level | None:
        """Return the level of one of these photos: see `Hit.level`."""
        level = level_of(self.verdict, score, photo_id in self.named, self.is_read)
        return None if level == "weak" and photo_id in self.raised else level


def rank(query: PreparedQuery, limit: int) -> Ranking:
    """Rank the best photos by meaning and by name, at least `limit` of each if so many exist.

    `limit` is at least `COUNTED_HITS`, the number of photos that decide on the verdict. Filters
    that reorder the answer leave the scores and the verdict as they are.
    """
    if not query.reordering:
        return _rank(query, limit)
    ranking = _rank(query, max(limit, REORDERED))
    scores = dict(ranking.photos)
    ids = reordered_ids(query.context, query.reordering, ranking.photos)
    levels = (ranking.level_of(*each) for each in ranking.photos)
    strong = sum(level != "weak" for level in levels)
    return replace(
        ranking,
        photos=[(photo_id, scores[photo_id]) for photo_id in ids],
        raised=frozenset(ids[: max(RAISED, strong)]),
    )


def _rank(query: PreparedQuery, limit: int) -> Ranking:
    min_score = query.exact.min_score
    nearest = _nearest(query, query.among, limit)
    decision = decide(query, nearest.photos)
    if query.names is None:
        return Ranking(
            _reaching(nearest.photos, min_score),
            decision.verdict,
            query.is_read,
            nearest.is_complete,
            nearest.ends_below(min_score),
        )
    by_name = _nearest(query, query.names.selection, limit)
    found = {photo_id for photo_id, _ in (*nearest.photos, *by_name.photos)}
    named = frozenset(query.context.photos.within(list(found), query.names.selection))
    is_trusted = (
        query.is_read
        and not query.names.is_exact
        and (decision.by_meaning is None or decision.by_meaning.state == "found")
    )
    joined = _joined(
        nearest.photos, by_name.photos, named, decision.by_meaning, is_trusted=is_trusted
    )
    return Ranking(
        _reaching(joined, min_score),
        decision.verdict,
        query.is_read,
        nearest.is_complete and by_name.is_complete,
        nearest.ends_below(min_score) and by_name.ends_below(min_score),
        named,
    )


class _Nearest(Struct, frozen=True):
    """The photos nearest to a query, best first."""

    photos: list[Scored]
    is_complete: bool  # no further photos exist

    def ends_below(self, min_score: float | None) -> bool:
        """Return whether the last photo is below the minimum score."""
        return min_score is not None and bool(self.photos) and self.photos[-1][1] < min_score


def _nearest(query: PreparedQuery, among: Selection | None, limit: int) -> _Nearest:
    """Return the nearest `limit` photos, or slightly more, restricted to `among` if given.

    The query's own examples are left out, and so are RAW files that are hidden by their JPEG.
    """
    context, vector = query.context, query.vector
    k = limit + len(vector.example_ids)
    found = context.photos.nearest_neighbours(
        vector.vector, k, among, kind=vector.kind, hubness_share=vector.hubness_share
    )
    ids = found.ids.tolist()
    left_out = vector.example_ids | hidden_by_stack(context, ids, among).keys()
    pairs = zip(ids, found.scores.tolist(), strict=True)
    return _Nearest([pair for pair in pairs if pair[0] not in left_out], len(ids) < k)


def _joined(
    nearest: list[Scored],
    by_name: list[Scored],
    named: Set[int],
    by_meaning: Verdict | None,
    *,
    is_trusted: bool,
) -> list[Scored]:
    """Join the two rankings by reciprocal rank fusion.

    Photos that only their meaning finds come after all photos found by name, unless they match
    well: they are not weak, and the verdict by meaning `is_trusted`, which it is not beside photos
    that have the words in quotes.
    """
    ranks = {photo_id: number for number, (photo_id, _) in enumerate(nearest, 1)}
    order: list[tuple[bool, float, Scored]] = []
    for number, each in enumerate(by_name, 1):
        meaning_rank = ranks.get(each[0])
        counted = meaning_rank if meaning_rank and meaning_rank <= FUSED_RANKS else None
        order.append((False, -fused_score(number, counted), each))
    for photo_id, score in nearest:
        if photo_id not in named:
            is_good = is_trusted and (by_meaning is None or by_meaning.level(score) != "weak")
            order.append((not is_good, -fused_score(None, ranks[photo_id]), (photo_id, score)))
    return [each for _, _, each in sorted(order, key=lambda each: each[:2])]


def _reaching(photos: list[Scored], min_score: float | None) -> list[Scored]:
    """Return the photos that reach the minimum score, if there is one."""
    return photos if min_score is None else [each for each in photos if each[1] >= min_score]
