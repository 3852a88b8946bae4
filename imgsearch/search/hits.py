"""Makes hits of the photos that a search has found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from imgsearch.records.answer import FoundPhotos, Hit, Level
from imgsearch.records.names import MatchedField
from imgsearch.records.worth import BestOrder
from imgsearch.search.picture_text import with_text_lines
from imgsearch.search.worth import worths_of

if TYPE_CHECKING:
    from imgsearch.records.arrays import Vector
    from imgsearch.search.context import SearchContext
    from imgsearch.search.library_photos import LibraryPhotos
    from imgsearch.search.prepared import PreparedQuery
    from imgsearch.search.ranking import Ranking


def make_hits(
    photos: LibraryPhotos,
    ids: Sequence[int],
    scores: Mapping[int, float] | None = None,
    stack_raw: bool = False,
) -> list[Hit]:
    """Make hits of these photos, in this order; photos deleted meanwhile are left out.

    With `stack_raw`, the paths of the RAW file of the same shot follow a photo's own.
    """
    scores = scores or {}
    records = photos.records(ids)
    raw_paths = _raw_paths(photos, ids) if stack_raw else {}
    hits = []
    for photo_id in ids:
        found = records.get(photo_id)
        if found is None:
            continue  # deleted since the search
        best = found.files[0]
        paths = [file.path for file in found.files]
        hits.append(
            Hit(
                photo=found.photo,
                paths=(*paths, *raw_paths.get(photo_id, ())),
                score=scores.get(photo_id),
                offline=not best.is_online,
                missing=best.is_missing,
                date=datetime.fromisoformat(found.date),
                dated_by=found.dated_by,
            )
        )
    return hits


def hits_on_page(
    query: PreparedQuery,
    ids: Sequence[int],
    ranking: Ranking | None,
    best: BestOrder | None = None,
) -> tuple[Hit, ...]:
    """Make hits of some photos of an answer; without a ranking they have no scores.

    `best` is the order of an answer with `sort:best`.
    """
    context = query.context
    phrases: tuple[str, ...] = ()
    if ranking is None:
        hits = make_hits(context.photos, ids, stack_raw=context.stack_raw)
    else:
        scores = dict(ranking.photos)
        levels = {photo_id: ranking.level_of(photo_id, scores[photo_id]) for photo_id in ids}
        phrases = () if query.names is None else query.names.phrases
        hits = make_hits(context.photos, ids, scores, context.stack_raw)
        hits = _rated(context, hits, levels, ranking.named, phrases, query.vector.vector)
    hits = _with_worth(context, hits, best)
    return with_text_lines(context.photos, query.exact, hits, phrases)


def hits_of(context: SearchContext, found: FoundPhotos, ids: Sequence[int]) -> tuple[Hit, ...]:
    """Make hits of these photos of an answer; photos deleted meanwhile are left out."""
    scores: dict[int, float] = {}
    if found.scores is not None:
        wanted = set(ids)
        pairs = zip(found.ids.tolist(), found.scores.tolist(), strict=True)
        scores = {photo_id: score for photo_id, score in pairs if photo_id in wanted}
    hits = make_hits(context.photos, ids, scores, context.stack_raw)
    if found.vector is not None:
        levels = {photo_id: found.level_of(photo_id, score) for photo_id, score in scores.items()}
        hits = _rated(context, hits, levels, found.named, found.phrases, found.vector)
    hits = _with_worth(context, hits, found.best)
    return with_text_lines(context.photos, found.query, hits, found.phrases)


def _with_worth(context: SearchContext, hits: Sequence[Hit], best: BestOrder | None) -> list[Hit]:
    """Add to each hit the reasons for its place in the order `sort:best`, if that is the order."""
    if best is None:
        return list(hits)
    worths = worths_of(context, best, [hit.photo for hit in hits])
    return [replace(hit, worth=worths[hit.photo.id]) for hit in hits]


def _rated(
    context: SearchContext,
    hits: Sequence[Hit],
    levels: Mapping[int, Level | None],
    named: frozenset[int],
    phrases: tuple[str, ...],
    vector: Vector,
) -> list[Hit]:
    """Add to each hit its level, the names that matched, and the frame nearest to `vector`."""
    ids = [hit.photo.id for hit in hits]
    parts = context.photos.vectors_of(ids, only_several=True)
    times_s = {
        photo_id: photo.times_s[photo.best_part(vector)]
        for photo_id, photo in parts.items()
        if photo.times_s
    }
    named_here = named.intersection(ids)
    fields: Mapping[int, tuple[MatchedField, ...]] = {}
    if named_here:
        fields = context.photos.names.fields_with_any(named_here, phrases)
    return [
        replace(
            hit,
            at_s=times_s.get(hit.photo.id),
            level=levels.get(hit.photo.id),
            matched_by=fields.get(hit.photo.id, ()),
        )
        for hit in hits
    ]


def _raw_paths(photos: LibraryPhotos, ids: Sequence[int]) -> dict[int, list[Path]]:
    """Return the paths of the RAW files that belong to these photos."""
    shown = set(ids)
    pairs = [(jpeg, raw) for jpeg, raw in photos.raw_pairs(ids) if jpeg in shown]
    records = photos.records([raw for _, raw in pairs])
    paths: dict[int, list[Path]] = {}
    for jpeg, raw in pairs:
        if raw in records:
            paths.setdefault(jpeg, []).extend(sorted(file.path for file in records[raw].files))
    return paths
