"""Answers queries: finds and orders photos, page by page."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from msgspec import Struct
from msgspec.structs import replace

from imgsearch.errors import QueryError
from imgsearch.language.grammar import EMPTY_QUERY, check_k
from imgsearch.records.answer import Answer, FoundPhotos, Hit, Neighbours, Verdict
from imgsearch.records.query import Listed, Query, Selection
from imgsearch.search import cursor as cursors
from imgsearch.search.baseline import LibraryBaseline
from imgsearch.search.concepts import concept_verdict, learned_concepts, only_concept
from imgsearch.search.confidence import COUNTED_HITS
from imgsearch.search.context import SearchContext
from imgsearch.search.cursor import SCORE_NOISE, ByKey, ByScore, ByTwoScores
from imgsearch.search.name_search import FUSED_RANKS, NameMatches, find_names, fused_score
from imgsearch.search.picture_text import with_text_lines
from imgsearch.search.remarks import (
    with_empty_dates,
    with_emptying_part,
    with_known_examples,
    with_remarks,
)
from imgsearch.search.stacking import hidden_by_stack, list_photos
from imgsearch.search.unread import without_unread
from imgsearch.search.vector import QueryVector, embed

if TYPE_CHECKING:
    from imgsearch.catalogue.base import Catalogue
    from imgsearch.records.arrays import Ids, Vector
    from imgsearch.records.names import MatchedField


_FIRST_RANKED = 1000  # photos of the first attempt to find all that are not weak


def search_page(context: SearchContext, query: Query, k: int, cursor: str | None = None) -> Answer:
    """Find the best k photos or, with the `cursor` of an answer to this query, the next k.

    Names and dates in free words of the query become filters: see `understanding`. If the encoder
    cannot read any of the remaining words, the photos that pass the filters are the answer. For a
    query with terms, sorting by date or path returns the best k photos in that order, in one page;
    with a minimum score, all photos that reach it. Raises QueryError for an empty query, a k below
    1, an image that cannot be read, or a cursor of another query.
    """
    understanding = context.understood(query)
    exact = understanding.query
    searched = without_unread(context, exact)
    answer = _page(context, searched, k, cursor)
    answer = replace(answer, hits=with_text_lines(context.catalogue, exact, answer.hits))
    if understanding.parts:
        answer = replace(answer, understood=understanding.parts)
    if cursor is not None:
        return answer
    if not answer.hits:
        answer = with_emptying_part(context, exact, answer)
    answer = with_known_examples(context, exact, answer)
    answer = with_empty_dates(understanding, answer)
    if not any(isinstance(term.what, str) for term in exact.terms):
        return answer
    return with_remarks(context, exact, answer)


def searched_query(context: SearchContext, query: Query) -> Query:
    """The exact form of a query, without words that the encoder cannot read.

    Such words are left out only if filters remain: see `without_unread`.
    """
    return without_unread(context, context.understood(query).query)


def _page(context: SearchContext, query: Query, k: int, cursor: str | None) -> Answer:
    check_k(k)
    if query == Query():
        raise QueryError(EMPTY_QUERY)
    _check_min_score(query)
    if query.terms and query.sort == "relevance":
        learned = learned_concepts(context.definitions, context.row, query)
        after = cursors.read_by_score(cursor, query, learned)
        return _ranked_page(context, query, k, after, learned)
    last = cursors.read_by_key(cursor, query)
    if query.terms:
        return _sorted_page(context, query, k, last)
    selection = context.selection(query.filters)
    listed = list_photos(context, selection, _sort_key(query), _listed(last), k + 1)
    return _listing_page(context, query, k, listed, {})


def matching_ids(
    context: SearchContext, query: Query, k: int, most_listed: int | None = None
) -> Ids:
    """The ids of all photos that pass the filters; with terms, of the best k that are not weak.

    `most_listed` limits an answer without terms to that many of the newest photos.
    """
    import numpy as np

    query = searched_query(context, query)
    _check_min_score(query)
    if not query.terms and most_listed is not None:
        listed = context.catalogue.listing(
            context.selection(query.filters), "date", limit=most_listed
        )
        return np.array([photo.id for photo in listed], np.int64)
    if not query.terms:
        return context.catalogue.ids(context.selection(query.filters))
    hits = search_page(context, query, k).hits
    return np.array([hit.photo.id for hit in hits if hit.level != "weak"], np.int64)


def found_ids(
    context: SearchContext, query: Query, k: int | None, include_weak: bool = False
) -> list[int]:
    """The ids of the photos of an answer, at most k, in its order; each shot once.

    Weak photos are included on request only. A query with terms needs k. Raises QueryError as
    `search_page` does.
    """
    query = searched_query(context, query)
    if query == Query():
        raise QueryError(EMPTY_QUERY)
    _check_min_score(query)
    if not query.terms:
        selection = context.selection(query.filters)
        limit = sys.maxsize if k is None else k
        return [
            photo.id for photo in list_photos(context, selection, _sort_key(query), None, limit)
        ]
    assert k is not None
    hits = _page(context, query, k, None).hits
    return [hit.photo.id for hit in hits if include_weak or hit.level != "weak"]


def find_all(
    context: SearchContext, query: Query, k: int, most_listed: int | None = None
) -> FoundPhotos:
    """All photos of an answer in its order.

    With terms, the answer has about k photos at most and, as far as k allows, all that are not
    weak.
    Without terms, it has at most `most_listed`, if given.

    Raises QueryError as `search_page` does.
    """
    import numpy as np

    check_k(k)
    query = searched_query(context, query)
    if not query.terms:
        return FoundPhotos(query, np.array(found_ids(context, query, most_listed), np.int64))
    _check_min_score(query)
    among = context.among(query)
    if among is not None and not context.catalogue.count(among).photos:
        return FoundPhotos(query, np.empty(0, np.int64))
    baseline = LibraryBaseline.read(context.catalogue)
    vector = embed(context, query, baseline)
    names = find_names(context.catalogue, query, among)
    limit = min(max(COUNTED_HITS, _FIRST_RANKED), k)
    while True:
        ranked = rank_fused(context, query, vector, names, among, limit, baseline)
        if ranked.is_complete or ranked.is_below or limit >= k or _ends_weak(ranked, limit):
            break
        limit = min(4 * limit, k)
    photos = ranked.photos
    if query.sort != "relevance":
        scores = dict(photos)
        selection = context.selection((), np.array(list(scores), np.int64))
        listed = context.catalogue.listing(selection, _sort_key(query))
        photos = [(photo.id, scores[photo.id]) for photo in listed]
    return FoundPhotos(
        query,
        np.array([photo_id for photo_id, _ in photos], np.int64),
        np.array([score for _, score in photos], np.float32),
        ranked.verdict,
        ranked.named,
        ranked.phrases,
        vector.vector,
    )


def _ends_weak(ranked: FusedRanking, limit: int) -> bool:
    """Whether a ranking of `limit` photos reaches weak ones and has all photos found by name."""
    if ranked.verdict is None or not ranked.photos or ranked.named_photos > limit:
        return False
    last_id, last_score = ranked.photos[-1]
    return last_id not in ranked.named and ranked.verdict.level(last_score) == "weak"


def hits_of(context: SearchContext, found: FoundPhotos, ids: Sequence[int]) -> tuple[Hit, ...]:
    """The hits for these photos of an answer; photos deleted meanwhile are left out."""
    scores: dict[int, float] = {}
    if found.scores is not None:
        wanted = set(ids)
        pairs = zip(found.ids.tolist(), found.scores.tolist(), strict=True)
        scores = {photo_id: score for photo_id, score in pairs if photo_id in wanted}
    hits = make_hits(context.catalogue, ids, scores, context.stack_raw)
    if found.vector is not None:
        hits = _rated(context, found.vector, found.verdict, found.named, found.phrases, hits)
    return with_text_lines(context.catalogue, found.query, hits)


def counted_ids(context: SearchContext, query: Query | None, k: int) -> Ids | None:
    """The ids of `matching_ids`, each shot once; None stands for all photos without a query."""
    import numpy as np

    if query is not None:
        query = searched_query(context, query)
    is_stacked = context.stack_raw and not (query and query.terms)  # those are stacked already
    if query is None and not is_stacked:
        return None
    if query is None:
        among = context.selection(())
        ids = context.catalogue.ids(among)
    else:
        ids = matching_ids(context, query, k)
        among = context.selection((), ids)
    if not is_stacked:
        return ids
    hidden = hidden_by_stack(context, ids.tolist(), among)
    return np.array([photo_id for photo_id in ids.tolist() if photo_id not in hidden], np.int64)


def _check_min_score(query: Query) -> None:
    if query.min_score is not None and not query.terms:
        raise QueryError("t: needs words or an example: without them, photos have no score.")


class Ranking(Struct, frozen=True):
    """The best photos for a query, as (id, score), best first."""

    photos: list[tuple[int, float]]
    is_complete: bool  # no further photos exist


def rank(
    context: SearchContext, query: QueryVector, among: Selection | None, limit: int
) -> Ranking:
    """The best `limit` photos, or slightly more, restricted to `among` if given.

    The query's own examples are left out, and so are RAW files that are hidden by their JPEG.
    """
    k = limit + len(query.example_ids)
    found = context.catalogue.nearest(query.vector, k, among, kind=query.kind)
    ids = found.ids.tolist()
    left_out = query.example_ids | hidden_by_stack(context, ids, among).keys()
    pairs = zip(ids, found.scores.tolist(), strict=True)
    return Ranking([pair for pair in pairs if pair[0] not in left_out], len(ids) < k)


def make_hits(
    catalogue: Catalogue,
    ids: Sequence[int],
    scores: Mapping[int, float] | None = None,
    stack_raw: bool = False,
) -> list[Hit]:
    """Make hits for these photos, in this order; photos deleted meanwhile are left out.

    With `stack_raw`, the paths of the RAW file of the same shot follow a photo's own.
    """
    scores = scores or {}
    photos = catalogue.photos(ids)
    raw_paths = _raw_paths(catalogue, ids) if stack_raw else {}
    hits = []
    for photo_id in ids:
        found = photos.get(photo_id)
        if found is None:
            continue  # deleted since the search
        paths = (file.path for file in found.files)
        hits.append(
            Hit(
                photo=found.photo,
                paths=(*paths, *raw_paths.get(photo_id, ())),
                score=scores.get(photo_id),
                offline=not found.files[0].is_online,
                missing=found.files[0].is_missing,
                date=datetime.fromisoformat(found.date),
                dated_by=found.dated_by,
            )
        )
    return hits


def _raw_paths(catalogue: Catalogue, ids: Sequence[int]) -> dict[int, list[Path]]:
    """The paths of the RAW files that belong to these photos."""
    shown = set(ids)
    pairs = [(jpeg, raw) for jpeg, raw in catalogue.raw_pairs(ids) if jpeg in shown]
    photos = catalogue.photos([raw for _, raw in pairs])
    paths: dict[int, list[Path]] = {}
    for jpeg, raw in pairs:
        if raw in photos:
            paths.setdefault(jpeg, []).extend(sorted(file.path for file in photos[raw].files))
    return paths


# ------------------------------------------------------------------------- by relevance


class FusedRanking(Struct, frozen=True):
    """The ranked photos of an answer in their order, and its verdict."""

    photos: list[tuple[int, float]]  # ids and scores
    named: frozenset[int]  # the photos among them that were found by name
    named_photos: int  # the number found by name, ranked or not
    phrases: tuple[str, ...]  # the names that found them
    verdict: Verdict | None
    is_complete: bool
    is_below: bool  # the ranking reaches photos below the minimum score


def rank_fused(
    context: SearchContext,
    query: Query,
    vector: QueryVector,
    names: NameMatches | None,
    among: Selection | None,
    limit: int,
    baseline: LibraryBaseline | None,
) -> FusedRanking:
    """The best photos by name and by meaning, at least `limit` of each if so many exist.

    Without a baseline there is no verdict.
    """
    ranking = rank(context, vector, among, limit)
    verdict = None if baseline is None else _verdict(baseline, vector, among, ranking)
    probe = None if verdict is None else only_concept(context.definitions, context.row, query)
    if verdict is not None and probe is not None:
        verdict = concept_verdict(probe, verdict, [score for _, score in ranking.photos])
    if names is None:
        is_below = _ends_below(ranking, query.min_score)
        photos = [each for each in ranking.photos if _reaches(each, query.min_score)]
        return FusedRanking(photos, frozenset(), 0, (), verdict, ranking.is_complete, is_below)
    by_name = rank(context, vector, names.selection, limit)
    found = {photo_id for ranked in (ranking, by_name) for photo_id, _ in ranked.photos}
    named = frozenset(context.catalogue.within(list(found), names.selection))
    ranks = {photo_id: number for number, (photo_id, _) in enumerate(ranking.photos, 1)}
    order: list[tuple[bool, float, tuple[int, float]]] = []
    for number, each in enumerate(by_name.photos, 1):
        meaning_rank = ranks.get(each[0])
        counted = meaning_rank if meaning_rank and meaning_rank <= FUSED_RANKS else None
        order.append((False, -fused_score(number, counted), each))
    is_found = verdict is None or verdict.state == "found"
    for photo_id, score in ranking.photos:
        if photo_id not in named:
            is_good = is_found and (verdict is None or verdict.level(score) != "weak")
            position = -fused_score(None, ranks[photo_id])
            order.append((not is_good, position, (photo_id, score)))
    order.sort(key=lambda each: each[:2])
    is_below = all(_ends_below(each, query.min_score) for each in (ranking, by_name))
    if verdict is not None:
        own = context.catalogue.within(list(vector.example_ids), names.selection)
        verdict = replace(verdict, state="found", named=names.photos - len(own))
    return FusedRanking(
        [each for _, _, each in order if _reaches(each, query.min_score)],
        named,
        names.photos,
        names.phrases,
        verdict,
        ranking.is_complete and by_name.is_complete,
        is_below,
    )


def _reaches(photo: tuple[int, float], min_score: float | None) -> bool:
    return min_score is None or photo[1] >= min_score


def _ranked_page(
    context: SearchContext, query: Query, k: int, after: ByTwoScores, learned: bytes
) -> Answer:
    among = context.among(query)
    if among is not None and not context.catalogue.count(among).photos:
        return Answer(())
    baseline = LibraryBaseline.read(context.catalogue)
    vector = embed(context, query, baseline)
    names = find_names(context.catalogue, query, among)
    counts = [0 if each is None else each.count for each in (after.named, after.others)]
    limit = max(COUNTED_HITS, k + 1 + sum(counts))

    def is_after(photo: tuple[int, float], named: frozenset[int]) -> bool:
        end = after.named if photo[0] in named else after.others
        return end is None or end.is_after(*photo)

    while True:
        ranked = rank_fused(context, query, vector, names, among, limit, baseline)
        rest = [each for each in ranked.photos if is_after(each, ranked.named)]
        if len(rest) > k or ranked.is_complete or ranked.is_below:
            break
        limit *= 2  # photos that rank before this page were added
    shown = rest[:k]
    ids = [photo_id for photo_id, _ in shown]
    hits = make_hits(context.catalogue, ids, dict(shown), context.stack_raw)
    cursor = None
    if len(rest) > k:
        cursor = cursors.write(query, _end_of_page(after, shown, ranked), learned)
    return _assessed(context, vector, ranked, Answer(tuple(hits), cursor))


def _end_of_page(
    after: ByTwoScores, shown: Sequence[tuple[int, float]], ranked: FusedRanking
) -> ByScore | ByTwoScores:
    by_name = [each for each in shown if each[0] in ranked.named]
    others = [each for each in shown if each[0] not in ranked.named]
    last_other = _end(after.others, others) if others else after.others
    if not ranked.named and last_other is not None:
        return last_other
    return ByTwoScores(_end(after.named, by_name) if by_name else after.named, last_other)


def _ends_below(ranking: Ranking, min_score: float | None) -> bool:
    """Whether the ranking reaches photos below the minimum score."""
    return min_score is not None and bool(ranking.photos) and ranking.photos[-1][1] < min_score


def _end(after: ByScore | None, shown: Sequence[tuple[int, float]]) -> ByScore:
    """The end of the page of `shown` photos that began after `after`."""
    last_score = shown[-1][1]
    alike = [photo_id for photo_id, score in shown if score <= last_score + SCORE_NOISE]
    if after is None:
        return ByScore(last_score, tuple(alike), len(shown))
    before = after.shown if after.score <= last_score + 2 * SCORE_NOISE else ()
    return ByScore(last_score, (*before, *alike), after.count + len(shown))


def _verdict(
    baseline: LibraryBaseline, query: QueryVector, among: Selection | None, ranking: Ranking
) -> Verdict | None:
    """The verdict on the best photos of a ranking."""
    import numpy as np

    best = ranking.photos[:COUNTED_HITS]
    ids = np.array([photo_id for photo_id, _ in best], np.int64)
    scores = np.array([score for _, score in best], np.float32)
    return baseline.assess(query.scored, Neighbours(ids, scores), among)


def _assessed(
    context: SearchContext, query: QueryVector, ranked: FusedRanking, answer: Answer
) -> Answer:
    """The answer with its verdict, and with the level and the best video frame of each hit."""
    hits = _rated(context, query.vector, ranked.verdict, ranked.named, ranked.phrases, answer.hits)
    return replace(answer, hits=tuple(hits), verdict=ranked.verdict)


def _rated(
    context: SearchContext,
    vector: Vector,
    verdict: Verdict | None,
    named: frozenset[int],
    phrases: tuple[str, ...],
    hits: Sequence[Hit],
) -> list[Hit]:
    """Add to each hit its level, the names that matched, and the frame nearest to `vector`."""
    ids = [hit.photo.id for hit in hits]
    parts = context.catalogue.vectors_of(ids, only_several=True)
    times_s = {
        photo_id: photo.times_s[photo.best_part(vector)]
        for photo_id, photo in parts.items()
        if photo.times_s
    }
    named_here = named.intersection(ids)
    fields: Mapping[int, tuple[MatchedField, ...]] = {}
    if named_here:
        fields = context.catalogue.names.fields_with_any(named_here, phrases)
    return [
        replace(
            hit,
            at_s=times_s.get(hit.photo.id),
            level=None
            if verdict is None or hit.score is None
            else verdict.level_of(hit.score, is_named=hit.photo.id in named),
            matched_by=fields.get(hit.photo.id, ()),
        )
        for hit in hits
    ]


# ------------------------------------------------------------------------- by date or path


def _sorted_page(context: SearchContext, query: Query, k: int, after: ByKey | None) -> Answer:
    """The best k photos, or all that reach the minimum score, in the order of date or path."""
    import numpy as np

    among = context.among(query)
    if among is not None and not context.catalogue.count(among).photos:
        return Answer(())
    baseline = LibraryBaseline.read(context.catalogue)
    vector = embed(context, query, baseline)
    names = find_names(context.catalogue, query, among)
    limit = max(COUNTED_HITS, k)
    ranked = rank_fused(context, query, vector, names, among, limit, baseline)
    if query.min_score is None:
        scores = dict(ranked.photos[:k])
    else:
        while not (ranked.is_complete or ranked.is_below):
            limit *= 4
            ranked = rank_fused(context, query, vector, names, among, limit, baseline)
        scores = dict(ranked.photos)
    # The ranking shows each shot once, so the listing need not stack again.
    selection = context.selection((), np.array(list(scores), np.int64))
    listed = context.catalogue.listing(selection, _sort_key(query), _listed(after), k + 1)
    answer = _listing_page(context, query, k, listed, scores)
    return _assessed(context, vector, ranked, answer)


def _listing_page(
    context: SearchContext,
    query: Query,
    k: int,
    listed: Sequence[Listed],
    scores: Mapping[int, float],
) -> Answer:
    """A page of the first k of these photos; the cursor is set if there are more."""
    shown = listed[:k]
    ids = [photo.id for photo in shown]
    hits = make_hits(context.catalogue, ids, scores, context.stack_raw)
    end = shown[-1] if len(listed) > k else None
    cursor = None if end is None else cursors.write(query, ByKey(end.key, end.id))
    return Answer(tuple(hits), cursor)


def _sort_key(query: Query) -> Literal["date", "path"]:
    return "path" if query.sort == "path" else "date"


def _listed(after: ByKey | None) -> Listed | None:
    return None if after is None else Listed(after.id, after.key)
