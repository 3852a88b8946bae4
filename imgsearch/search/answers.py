"""The views of the answer to a prepared query: a page of hits, all photos, or their ids."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal

from msgspec import Struct
from msgspec.structs import replace

from imgsearch.errors import QueryError
from imgsearch.language.grammar import EMPTY_QUERY, MAX_RESULTS, check_k, resolve_query
from imgsearch.records.answer import Answer, FoundPhotos, Level
from imgsearch.records.query import Listed, Query
from imgsearch.records.worth import BestOrder
from imgsearch.search import cursor as cursors
from imgsearch.search.confidence import COUNTED_HITS
from imgsearch.search.context import SearchContext
from imgsearch.search.cursor import SCORE_NOISE, ByKey, ByScore, ByTwoScores
from imgsearch.search.hits import hits_on_page
from imgsearch.search.prepared import PreparedQuery, prepare
from imgsearch.search.ranking import Ranking, Scored, rank
from imgsearch.search.remarks import with_remarks
from imgsearch.search.reordering import refuse_reordering
from imgsearch.search.stacking import hidden_by_stack, list_photos
from imgsearch.search.worth import best_order

if TYPE_CHECKING:
    from imgsearch.records.arrays import Ids

MAX_RANKED = 1000  # photos of a query with words or an example, where no number is named
_FIRST_RANKED = 1000  # photos of the first attempt to find all that are not weak


# ------------------------------------------------------------------------- views


def search_page(query: PreparedQuery, k: int, cursor: str | None = None) -> Answer:
    """Find the best k photos or, with the `cursor` of an answer to this query, the next k.

    The first page has the remarks about the query. If the encoder cannot read any word of the query
    and filters remain, the photos that pass them are the answer. For a query with terms, another
    order than relevance returns the most relevant k photos in that order, in one page; with a
    minimum score, all photos that reach it. Raises QueryError for an empty query, a k below 1, an
    image that cannot be read, or a cursor of another query.
    """
    page = _page(query, k, cursor)
    answer = Answer(
        hits_on_page(query, page.ids, page.ranking, page.best),
        page.cursor,
        None if page.ranking is None else page.ranking.verdict,
        is_read=query.is_read,
        understood=query.understanding.parts,
        clauses=query.understanding.clauses,
    )
    return answer if cursor is not None else with_remarks(query, answer)


def found_ids(query: PreparedQuery, k: int | None, include_weak: bool = False) -> list[int]:
    """Return the ids of the photos of an answer, at most k, in its order; each shot once.

    Weak photos are included on request only. A query with terms needs k. Raises QueryError as
    `search_page` does.
    """
    page = _page(query, MAX_RESULTS if k is None else k)
    return page.ids if include_weak else page.ids_without("weak")


def good_ids(query: PreparedQuery, k: int | None) -> list[int]:
    """Return the ids of the good matches of an answer as `found_ids` does.

    These are the sure and the likely ones, and those found by name. Where there are none, all are
    returned that are not weak.
    """
    page = _page(query, MAX_RESULTS if k is None else k)
    return page.ids_without("weak", "possible") or page.ids_without("weak")


def matching_ids(query: PreparedQuery, k: int) -> Ids:
    """Return all photos that pass the filters; with terms, the best k that are not weak.

    Raises QueryError for a filter that reorders: these photos have no order of an answer.
    """
    import numpy as np

    refuse_reordering(query.understanding.query, query.reordering)
    if query.exact.terms:
        return np.array(found_ids(query, k), np.int64)
    return query.context.photos.ids(query.context.selection(query.exact.filters))


def counted_ids(context: SearchContext, query: str | Query | None, k: int) -> Ids | None:
    """Return the ids of `matching_ids`, each shot once.

    None stands for all photos without a query.
    """
    import numpy as np

    prepared = None if query is None else prepare(context, resolve_query(query))
    is_stacked = context.stack_raw and not (prepared and prepared.exact.terms)  # else done already
    if prepared is None and not is_stacked and not context.hides_photos:
        return None
    # A view of all photos is no answer, and leaves out hidden ones alone.
    among = replace(context.selection(()), left_out=())
    ids = context.photos.ids(among) if prepared is None else matching_ids(prepared, k)
    if not is_stacked:
        return ids
    if prepared is not None:
        among = context.selection((), ids)
    hidden = hidden_by_stack(context, ids.tolist(), among)
    return np.array([photo_id for photo_id in ids.tolist() if photo_id not in hidden], np.int64)


def find_all(query: PreparedQuery, k: int) -> FoundPhotos:
    """Return all photos of an answer in its order.

    With terms, the answer has about k photos at most and, as far as k allows, all that are not
    weak. Raises QueryError as `search_page` does.
    """
    import numpy as np

    check_k(k)
    exact = query.exact
    if not exact.terms:
        page = _page(query, MAX_RESULTS)
        return FoundPhotos(exact, np.array(page.ids, np.int64), best=page.best)
    if query.excludes_all:
        return FoundPhotos(exact, np.empty(0, np.int64), is_read=query.is_read)
    ranking = _ranked_to_weak(query, k)
    photos, best = ranking.photos, None
    if exact.sort != "relevance":
        scores = dict(photos)
        if exact.sort == "best":
            best = _best_among(query, list(scores))
            in_order: Iterable[int] = best.ids
        else:
            in_order = [photo.id for photo in _in_order(query, list(scores))]
        photos = [(photo_id, scores[photo_id]) for photo_id in in_order]
    return FoundPhotos(
        exact,
        np.array([photo_id for photo_id, _ in photos], np.int64),
        np.array([score for _, score in photos], np.float32),
        ranking.verdict,
        ranking.named,
        () if query.names is None else query.names.phrases,
        query.vector.vector,
        query.is_read,
        best,
        ranking.raised,
    )


def _ranked_to_weak(query: PreparedQuery, k: int) -> Ranking:
    """Rank about k photos, or fewer that reach weak ones and have all photos found by name."""
    limit = min(max(COUNTED_HITS, _FIRST_RANKED), k)
    if query.reordering:
        return rank(query, limit)
    while True:
        ranking = rank(query, limit)
        if ranking.is_complete or ranking.is_below or limit >= k:
            return ranking
        has_all_named = query.names is None or query.names.photos <= limit
        if has_all_named and ranking.photos and ranking.level_of(*ranking.photos[-1]) == "weak":
            return ranking
        limit = min(4 * limit, k)


# ------------------------------------------------------------------------- pages


class _FoundPage(Struct, frozen=True):
    """The photos of one page, and their ranking; None for photos that only pass filters."""

    ids: list[int]
    cursor: str | None = None  # of the next page
    ranking: Ranking | None = None
    best: BestOrder | None = None  # with `sort:best`

    def ids_without(self, *levels: Level) -> list[int]:
        """Return the photos that have none of these levels."""
        if self.ranking is None:
            return self.ids
        ranking, scores = self.ranking, dict(self.ranking.photos)
        return [each for each in self.ids if ranking.level_of(each, scores[each]) not in levels]


def _page(query: PreparedQuery, k: int, cursor: str | None = None) -> _FoundPage:
    """Choose the photos of a page, by relevance or in another order."""
    check_k(k)
    exact = query.exact
    if exact == Query():
        raise QueryError(EMPTY_QUERY)
    if exact.terms and exact.sort == "relevance":
        return _ranked_page(query, k, cursor)
    after = cursors.read_by_key(cursor, exact)
    if exact.terms:
        return _sorted_page(query, k, after)
    selection = query.context.selection(exact.filters)
    if exact.sort == "best":
        return _best_page(query, best_order(query.context, selection), k, after)
    listed = list_photos(query.context, selection, _sort_key(exact), _listed(after), k + 1)
    return _FoundPage(_ids_of(listed, k), _cursor_after(exact, listed, k))


# ------------------------------------------------------------------------- by relevance


def _ranked_page(query: PreparedQuery, k: int, cursor: str | None) -> _FoundPage:
    """Return the best k photos after the pages shown so far."""
    if query.excludes_all:
        return _FoundPage([])
    if query.reordering:
        return _reordered_page(query, k, cursor)
    after = cursors.read_by_score(cursor, query.exact, query.learned)
    counts = [0 if each is None else each.count for each in (after.named, after.others)]
    limit = max(COUNTED_HITS, k + 1 + sum(counts))
    while True:
        ranking = rank(query, limit)
        rest = ranking.photos
        if counts != [0, 0]:
            rest = [each for each in rest if _is_after(after, each, ranking)]
        if len(rest) > k or ranking.is_complete or ranking.is_below:
            break
        limit *= 2  # photos that rank before this page were added
    shown = rest[:k]
    following = None
    if len(rest) > k:
        following = cursors.write(query.exact, _end_of_page(after, shown, ranking), query.learned)
    return _FoundPage([photo_id for photo_id, _ in shown], following, ranking)


def _reordered_page(query: PreparedQuery, k: int, cursor: str | None) -> _FoundPage:
    """Return the next k photos of an answer in an order that no score says: by their position."""
    whole = query.understanding.query  # with what reorders it
    after = cursors.read_by_key(cursor, whole)
    ranking = rank(query, COUNTED_HITS)
    ids = [photo_id for photo_id, _ in ranking.photos]
    start = 0 if after is None else cursors.position(after)
    if after is not None and after.id in ids:
        start = ids.index(after.id) + 1
    shown, end = ids[start : start + k], start + k
    following = None
    if len(ids) > end:
        following = cursors.write(whole, ByKey(str(end), shown[-1]))
    return _FoundPage(shown, following, ranking)


def _is_after(after: ByTwoScores, photo: Scored, ranking: Ranking) -> bool:
    end = after.named if photo[0] in ranking.named else after.others
    return end is None or end.is_after(*photo)


def _end_of_page(
    after: ByTwoScores, shown: Sequence[Scored], ranking: Ranking
) -> ByScore | ByTwoScores:
    by_name = [each for each in shown if each[0] in ranking.named]
    others = [each for each in shown if each[0] not in ranking.named]
    last_other = _end(after.others, others) if others else after.others
    if not ranking.named and last_other is not None:
        return last_other
    return ByTwoScores(_end(after.named, by_name) if by_name else after.named, last_other)


def _end(after: ByScore | None, shown: Sequence[Scored]) -> ByScore:
    """Return the end of the page of `shown` photos that began after `after`."""
    last_score = shown[-1][1]
    alike = [photo_id for photo_id, score in shown if score <= last_score + SCORE_NOISE]
    if after is None:
        return ByScore(last_score, tuple(alike), len(shown))
    before = after.shown if after.score <= last_score + 2 * SCORE_NOISE else ()
    return ByScore(last_score, (*before, *alike), after.count + len(shown))


# ------------------------------------------------------------------------- in another order


def _sorted_page(query: PreparedQuery, k: int, after: ByKey | None) -> _FoundPage:
    """Return the most relevant k photos, or all that reach the minimum score, in another order."""
    if query.excludes_all:
        return _FoundPage([])
    limit = max(COUNTED_HITS, k)
    ranking = rank(query, limit)
    if query.exact.min_score is None:
        best = ranking.photos[:k]
    else:
        while not (ranking.is_complete or ranking.is_below):
            limit *= 4
            ranking = rank(query, limit)
        best = ranking.photos
    ids = [photo_id for photo_id, _ in best]
    if query.exact.sort == "best":
        return _best_page(query, _best_among(query, ids), k, after, ranking)
    listed = _in_order(query, ids, after, k + 1)
    return _FoundPage(_ids_of(listed, k), _cursor_after(query.exact, listed, k), ranking)


def _best_among(query: PreparedQuery, ids: Sequence[int]) -> BestOrder:
    """Return photos of a ranking, the most worth keeping first."""
    import numpy as np

    return best_order(query.context, query.context.selection((), np.array(ids, np.int64)))


def _best_page(
    query: PreparedQuery,
    best: BestOrder,
    k: int,
    after: ByKey | None,
    ranking: Ranking | None = None,
) -> _FoundPage:
    """Return k photos of an order after the page that ended with a photo at a position.

    If that photo was deleted meanwhile, the position counts.
    """
    start = 0
    if after is not None:
        is_there = after.id in best.ids
        start = best.ids.index(after.id) + 1 if is_there else cursors.position(after)
    ids, end = list(best.ids[start : start + k]), start + k
    cursor = None
    if len(best.ids) > end:
        cursor = cursors.write(query.exact, ByKey(str(end), ids[-1]))
    return _FoundPage(ids, cursor, ranking, best)


def _in_order(
    query: PreparedQuery, ids: Sequence[int], after: ByKey | None = None, limit: int = -1
) -> list[Listed]:
    """Return photos of a ranking in the order of date or path.

    The ranking has each shot only once.
    """
    import numpy as np

    selection = query.context.selection((), np.array(ids, np.int64))
    sort = _sort_key(query.exact)
    return query.context.photos.listing(selection, sort, _listed(after), limit)


def _ids_of(listed: Sequence[Listed], k: int) -> list[int]:
    return [photo.id for photo in listed[:k]]


def _cursor_after(exact: Query, listed: Sequence[Listed], k: int) -> str | None:
    """Return the cursor of the page after the first k of these photos.

    None if there are no more.
    """
    end = listed[k - 1] if len(listed) > k else None
    return None if end is None else cursors.write(exact, ByKey(end.key, end.id))


def _sort_key(exact: Query) -> Literal["date", "path"]:
    return "path" if exact.sort == "path" else "date"


def _listed(after: ByKey | None) -> Listed | None:
    return None if after is None else Listed(after.id, after.key)
