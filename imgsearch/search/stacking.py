"""RAW and JPEG of one shot as one result, for those who like: the setting `stack_raw`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from imgsearch.records.query import Listed, Selection

if TYPE_CHECKING:
    from typing import Literal

    from imgsearch.records.arrays import Ids
    from imgsearch.search.context import SearchContext


def hidden_by_stack(desk: SearchContext, ids: Sequence[int], only: Ids | None) -> dict[int, int]:
    """Which of these photos are RAW files that their JPEG stands for, and which that is.

    A JPEG that is not in `only` stands for nothing. So a photo is left out for what it is, and not
    for where it comes in the answer: pages, cursors and counts need not know of it.
    """
    if not desk.stack_raw or not ids:
        return {}
    here = set(ids)
    pairs = [(developed, raw) for developed, raw in desk.store.raw_pairs(ids) if raw in here]
    if only is not None:
        passing = set(only[_places(only, pairs)].tolist()) if len(only) else set()
        pairs = [pair for pair in pairs if pair[0] in passing]
    return {raw: developed for developed, raw in pairs}


def _places(only: Ids, pairs: Sequence[tuple[int, int]]) -> Ids:
    """Where in the sorted `only` the first of each pair would be, kept in range."""
    import numpy as np

    wanted = np.array([developed for developed, _ in pairs], np.int64)
    return np.minimum(np.searchsorted(only, wanted), len(only) - 1)


def listing(
    desk: SearchContext,
    selection: Selection,
    sort: Literal["date", "path"],
    after: Listed | None,
    wanted: int,
) -> list[Listed]:
    """As the store's listing, each shot once."""
    only = desk.store.matching(selection) if desk.stack_raw and selection.filters else None
    listed: list[Listed] = []
    while True:
        batch = desk.store.listing(selection, sort, after, wanted)
        folded = hidden_by_stack(desk, [one.id for one in batch], only)
        listed += [one for one in batch if one.id not in folded]
        if len(batch) < wanted or len(listed) >= wanted:
            return listed[:wanted]
        after = batch[-1]
