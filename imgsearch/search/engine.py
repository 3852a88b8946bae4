"""Runs a query: which photos, in which order, page by page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import zip_longest
from typing import TYPE_CHECKING, Literal

from imgsearch.errors import QueryError
from imgsearch.records.answer import Answer, Hit
from imgsearch.records.query import Listed, Query, Selection
from imgsearch.search import cursor as cursors
from imgsearch.search.context import SearchContext
from imgsearch.search.cursor import SCORE_NOISE, ByKey, ByScore
from imgsearch.search.stacking import hidden_by_stack, listing
from imgsearch.search.vector import QueryVector, embed
from imgsearch.search.verdict import LOOK, verdict

if TYPE_CHECKING:
    from pathlib import Path

    from imgsearch.records.answer import Verdict
    from imgsearch.records.arrays import Ids
    from imgsearch.store.reads import Reads


def run(desk: SearchContext, query: Query, k: int, cursor: str | None = None) -> Answer:
    """The best k photos, or with the `cursor` of an answer to this query, the k after those.

    Sorted by date or path, an answer to words or examples is the best k photos in that order, in
    one page; with a minimum score, all photos that reach it.
    Raises QueryError for an empty query, a k below 1, an image that cannot be read, or a cursor
    of another query.
    """
    if k < 1:
        raise QueryError(f"The number of results must be 1 or more, not {k}.")
    if query == Query():
        raise QueryError("The query is empty. Say what to look for, for instance: a dog in snow")
    if query.min_score is not None and not query.terms:
        raise QueryError("t: is a score, and without words or an example nothing has one.")
    after = None if cursor is None else cursors.read(cursor, query)
    selection = Selection(query.filters, desk.roots_online)
    if not query.terms:
        return _listed(desk, query, selection, (after, k), {})
    only = desk.store.matching(selection) if query.filters else None
    if only is not None and not len(only):
        return Answer(())
    if query.sort == "relevance":
        return _by_relevance(desk, query, only, (after, k))
    return _sorted(desk, query, only, (after, k))


def ids_of(desk: SearchContext, query: Query, k: int) -> Ids:
    """The photos that answer a query, by id: all that pass its filters, or the best k not weak."""
    import numpy as np

    if not query.terms:
        return desk.store.matching(Selection(query.filters, desk.roots_online))
    hits = run(desk, query, k).hits
    return np.array([hit.photo.id for hit in hits if hit.level != "weak"], np.int64)


def scored(
    desk: SearchContext, asked: QueryVector, only: Ids | None, wanted: int
) -> tuple[list[tuple[int, float]], bool]:
    """The best `wanted` photos and their scores, best first; and whether these are all there are.

    The query's own examples are left out, and RAW files that their JPEG stands for.
    """
    k = wanted + len(asked.own)
    (found,) = desk.vectors().search(asked.vector[None], k, only, kind=asked.kind)
    ids = found.ids.tolist()
    left_out = asked.own | hidden_by_stack(desk, ids, only).keys()
    pairs = zip(ids, found.scores.tolist(), strict=True)
    return [pair for pair in pairs if pair[0] not in left_out], len(ids) < k


def hits_of(
    store: Reads,
    online: Mapping[int, bool],
    ids: Sequence[int],
    scores: Sequence[float] = (),
    stack_raw: bool = False,
) -> list[Hit]:
    """These photos with where each lies, in this order; those that are gone are left out.

    With `stack_raw`, the places of the RAW file of the same shot come after a photo's own.
    """
    photos, places = store.photos(ids), store.paths(ids)
    missing, dates = store.held_paths(ids), store.dates(ids)
    raws = _raw_places(store, ids) if stack_raw else {}
    hits = []
    for photo_id, score in zip_longest(ids, scores):
        if photo_id not in photos or photo_id not in places or photo_id not in dates:
            continue  # deleted since the index was asked
        reachable = sorted(
            places[photo_id], key=lambda place: (not online[place[0]], place[1] in missing)
        )
        date, dated_by = dates[photo_id]
        hits.append(
            Hit(
                photo=photos[photo_id],
                paths=tuple(path for _, path in (*reachable, *raws.get(photo_id, ()))),
                score=score,
                offline=not online[reachable[0][0]],
                missing=reachable[0][1] in missing,
                date=datetime.fromisoformat(date),
                dated_by=dated_by,
            )
        )
    return hits


def _raw_places(store: Reads, ids: Sequence[int]) -> dict[int, list[tuple[int, Path]]]:
    here = set(ids)
    pairs = [pair for pair in store.raw_pairs(ids) if pair[0] in here]
    places = store.paths([raw for _, raw in pairs])
    found: dict[int, list[tuple[int, Path]]] = {}
    for developed, raw in pairs:
        found.setdefault(developed, []).extend(places.get(raw, ()))
    return found


_Page = tuple[ByScore | ByKey | None, int]  # after what, how many


def _by_relevance(desk: SearchContext, query: Query, only: Ids | None, page: _Page) -> Answer:
    after, k = page
    assert not isinstance(after, ByKey)
    asked = embed(desk, query)
    wanted = max(LOOK, k + 1 + (0 if after is None else after.count))
    while True:
        found, is_all = scored(desk, asked, only, wanted)
        rest = [
            (photo_id, score)
            for photo_id, score in found
            if (after is None or after.is_behind(photo_id, score))
            and (query.min_score is None or score >= query.min_score)
        ]
        if query.min_score is not None and found:
            is_all = is_all or found[-1][1] < query.min_score
        if len(rest) > k or is_all:
            break
        wanted *= 2  # more has come in front since the page before
    shown = rest[:k]
    hits = hits_of(desk.store, desk.online, *_columns(shown), desk.stack_raw)
    cursor = cursors.write(query, _end(after, shown)) if len(rest) > k else None
    answer = Answer(_timed(desk, asked, hits), cursor)
    return _judged(answer, verdict(desk, asked, found, only))


def _judged(answer: Answer, judged: Verdict | None) -> Answer:
    if judged is None:
        return answer
    hits = tuple(
        hit if hit.score is None else replace(hit, level=judged.level(hit.score))
        for hit in answer.hits
    )
    return replace(answer, hits=hits, verdict=judged)


def _timed(desk: SearchContext, asked: QueryVector, hits: Sequence[Hit]) -> tuple[Hit, ...]:
    """The hits, with when in a video the best part is seen."""
    ids = [hit.photo.id for hit in hits]
    times = {
        photo_id: parts.times_s[parts.best_part(asked.vector)]
        for photo_id, parts in desk.store.parts(desk.row.key, ids, only_several=True).items()
        if parts.times_s
    }
    return tuple(replace(hit, at_s=times.get(hit.photo.id)) for hit in hits)


def _end(after: ByScore | None, shown: Sequence[tuple[int, float]]) -> ByScore:
    last = shown[-1][1]
    alike = [photo_id for photo_id, score in shown if score <= last + SCORE_NOISE]
    if after is None:
        return ByScore(last, tuple(alike), len(shown))
    before = after.shown if after.score <= last + 2 * SCORE_NOISE else ()
    return ByScore(last, (*before, *alike), after.count + len(shown))


def _sorted(desk: SearchContext, query: Query, only: Ids | None, page: _Page) -> Answer:
    """The photos that are alike enough, in the order of date or path."""
    import numpy as np

    asked = embed(desk, query)
    wanted = max(LOOK, page[1])
    while True:
        found, is_all = scored(desk, asked, only, wanted)
        if query.min_score is None or is_all or (found and found[-1][1] < query.min_score):
            break
        wanted *= 4
    if query.min_score is None:
        scores = dict(found[: page[1]])
    else:
        scores = {photo_id: score for photo_id, score in found if score >= query.min_score}
    among = np.array(list(scores), np.int64)
    listed = _listed(desk, query, Selection((), desk.roots_online, among), page, scores)
    listed = replace(listed, hits=_timed(desk, asked, listed.hits))
    return _judged(listed, verdict(desk, asked, found, only))


def _listed(
    desk: SearchContext,
    query: Query,
    selection: Selection,
    page: _Page,
    scores: Mapping[int, float],
) -> Answer:
    after, k = page
    assert not isinstance(after, ByScore)
    start = None if after is None else Listed(after.id, after.key)
    sort: Literal["date", "path"] = "path" if query.sort == "path" else "date"
    if query.terms:  # what is in the selection has been scored, each shot once
        listed = desk.store.listing(selection, sort, start, k + 1)
    else:
        listed = listing(desk, selection, sort, start, k + 1)
    shown = listed[:k]
    ids = [one.id for one in shown]
    found = [scores[photo_id] for photo_id in ids if scores]
    hits = hits_of(desk.store, desk.online, ids, found, desk.stack_raw)
    if len(listed) <= k:
        return Answer(tuple(hits))
    return Answer(tuple(hits), cursors.write(query, ByKey(shown[-1].key, shown[-1].id)))


def _columns(pairs: Sequence[tuple[int, float]]) -> tuple[list[int], list[float]]:
    return [photo_id for photo_id, _ in pairs], [score for _, score in pairs]
