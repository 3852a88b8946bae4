"""Stacks of photos: RAW and JPEG of one shot (setting `stack_raw`), and photos nearly the same."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from imgsearch.records.query import Listed, Selection

if TYPE_CHECKING:
    from imgsearch.search.context import SearchContext


SAME_SCORE = 0.95  # nearly the same photo, as in the view of near-duplicates at first
BURST_SCORE = 0.85  # of photos of one burst: something moves between them
BURST = timedelta(seconds=10)
COMPARED = 40  # photos after each one, in the order of the answer and in that of dates


def stacks_of(
    context: SearchContext, ids: Sequence[int], compared: int = COMPARED
) -> dict[int, tuple[int, ...]]:
    """Group photos that are nearly the same or of the same burst: each top photo with the others.

    The first in the order of `ids` is on top, and every other photo of the stack resembles it. Only
    photos near each other in that order, where near-duplicates have about the same score, or in the
    order of dates are compared, each with `compared` others. A photo and a video are never in one
    stack.
    """
    import numpy as np

    parts = context.photos.vectors_of(ids)
    order = [photo_id for photo_id in ids if photo_id in parts]
    if not order:
        return {}
    vectors = np.stack([parts[photo_id].vectors[0] for photo_id in order])
    is_video = np.array([bool(parts[photo_id].times_s) for photo_id in order])
    photos = context.photos.records(order)
    moments = [
        None
        if photo_id not in photos or photos[photo_id].dated_by == "file"
        else datetime.fromisoformat(photos[photo_id].date).replace(tzinfo=None)
        for photo_id in order
    ]
    by_date = sorted(
        (at for at, moment in enumerate(moments) if moment is not None),
        key=lambda at: (moments[at], at),
    )
    place = {at: number for number, at in enumerate(by_date)}
    is_free = np.ones(len(order), bool)
    stacks = {}
    for at, photo_id in enumerate(order):
        if not is_free[at]:
            continue
        near = set(range(at + 1, min(at + 1 + compared, len(order))))
        if at in place:
            near.update(by_date[max(0, place[at] - compared) : place[at] + compared])
        others = np.array(sorted(other for other in near if other > at), np.int64)
        others = others[is_free[others] & (is_video[others] == is_video[at])]
        scores = vectors[others] @ vectors[at]
        behind = [
            other
            for other, score in zip(others.tolist(), scores.tolist(), strict=True)
            if score >= SAME_SCORE
            or (score >= BURST_SCORE and _is_burst(moments[at], moments[other]))
        ]
        if behind:
            is_free[behind] = False
            stacks[photo_id] = tuple(order[other] for other in behind)
    return stacks


def _is_burst(one: datetime | None, other: datetime | None) -> bool:
    return one is not None and other is not None and abs(one - other) <= BURST


def hidden_by_stack(
    context: SearchContext, ids: Sequence[int], among: Selection | None
) -> dict[int, int]:
    """Find the RAW files that their JPEG hides, among these photos: RAW id to JPEG id.

    A JPEG that is not in `among` (None for all photos) hides nothing. So whether a
    photo is hidden never depends on its rank, and pages, cursors and counts stay simple.
    """
    if not context.stack_raw or not ids:
        return {}
    raws = set(ids)
    pairs = [(jpeg, raw) for jpeg, raw in context.photos.raw_pairs(ids) if raw in raws]
    if among is not None and pairs:
        passing = context.photos.within([jpeg for jpeg, _ in pairs], among)
        pairs = [pair for pair in pairs if pair[0] in passing]
    return {raw: jpeg for jpeg, raw in pairs}


def list_photos(
    context: SearchContext,
    selection: Selection,
    sort: Literal["date", "path"],
    after: Listed | None,
    limit: int,
) -> list[Listed]:
    """Return at most `limit` photos of a selection after a photo, sorted; each shot once."""
    among = selection if selection.filters else None
    shown: list[Listed] = []
    while True:
        batch = context.photos.listing(selection, sort, after, limit)
        hidden = hidden_by_stack(context, [photo.id for photo in batch], among)
        shown += [photo for photo in batch if photo.id not in hidden]
        if len(batch) < limit or len(shown) >= limit:
            return shown[:limit]
        after = batch[-1]
