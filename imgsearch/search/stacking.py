"""Shows the RAW and the JPEG of one shot as one result, if the setting `stack_raw` is on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from imgsearch.records.query import Listed, Selection

if TYPE_CHECKING:
    from imgsearch.records.arrays import Ids
    from imgsearch.search.context import SearchContext


def hidden_by_stack(context: SearchContext, ids: Sequence[int], only: Ids | None) -> dict[int, int]:
    """Which of these photos are RAW files hidden by their JPEG: RAW id to JPEG id.

    A JPEG that is not in `only` (sorted ids, None for all photos) hides nothing. So whether a
    photo is hidden never depends on its rank, and pages, cursors and counts stay simple.
    """
    if not context.stack_raw or not ids:
        return {}
    raws = set(ids)
    pairs = [(jpeg, raw) for jpeg, raw in context.reads.raw_pairs(ids) if raw in raws]
    if only is not None:
        passing = _in_sorted(only, [jpeg for jpeg, _ in pairs])
        pairs = [pair for pair in pairs if pair[0] in passing]
    return {raw: jpeg for jpeg, raw in pairs}


def _in_sorted(ids: Ids, wanted: Sequence[int]) -> set[int]:
    """Which of the `wanted` ids are among the sorted `ids`, without a pass over all of them."""
    import numpy as np

    if not len(ids):
        return set()
    rows = np.searchsorted(ids, np.array(wanted, np.int64))
    return set(ids[np.minimum(rows, len(ids) - 1)].tolist()) & set(wanted)


def list_photos(
    context: SearchContext,
    selection: Selection,
    sort: Literal["date", "path"],
    after: Listed | None,
    limit: int,
) -> list[Listed]:
    """At most `limit` photos of a selection, sorted, after a given one; each shot once."""
    only = context.reads.matching(selection) if context.stack_raw and selection.filters else None
    shown: list[Listed] = []
    while True:
        batch = context.reads.listing(selection, sort, after, limit)
        hidden = hidden_by_stack(context, [photo.id for photo in batch], only)
        shown += [photo for photo in batch if photo.id not in hidden]
        if len(batch) < limit or len(shown) >= limit:
            return shown[:limit]
        after = batch[-1]
