"""Says why a photo is where it is in an answer, or why it is not there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from imgsearch.decode import is_photo_name, is_video_of_live_photo
from imgsearch.records import Explanation
from imgsearch.scan import is_ignored
from imgsearch.search.answer import scored
from imgsearch.search.desk import Desk
from imgsearch.search.shots import shown_by
from imgsearch.search.vector import QueryVector, embed
from imgsearch.store.selection import Selection
from imgsearch.terms import Query, Share

if TYPE_CHECKING:
    from imgsearch.store import Store

_FIRST_LOOK = 100  # photos; ten times as many each time the photo is not among them


def explain(desk: Desk, store: Store, path: Path, query: Query) -> Explanation:
    """Rank, score and shares of the photo at an absolute `path`, and which filters it passes."""
    import numpy as np

    photo_id = desk.store.photo_at(path)
    if photo_id is None:
        return Explanation(path, reason=_why_unknown(store, path))
    photo = desk.store.photos([photo_id])[photo_id]
    among = np.array([photo_id], np.int64)
    filters = tuple(
        (each, bool(len(desk.store.matching(Selection((each,), desk.roots_online, among)))))
        for each in query.filters
    )
    parts = desk.store.parts(desk.row.key, [photo_id]).get(photo_id)
    if parts is None:
        missing = f"It has no vector of {desk.row.name} yet. Finish with: imgsearch index"
        return Explanation(path, missing, photo, filters=filters)
    if not query.terms:
        return Explanation(path, None, photo, filters=filters)
    asked = embed(desk, query)
    vector = parts.vectors[parts.best(asked.vector)]
    cosines = asked.parts @ vector
    shares = tuple(
        Share(term, float(cosine), float(factor * cosine))
        for term, cosine, factor in zip(query.terms, cosines, asked.factors, strict=True)
    )
    score = float(asked.vector @ vector)
    reason: str | None = None
    rank: int | None = None
    if photo_id in asked.own:
        reason = "It is the query's own example, which is left out of the answer."
    elif query.min_score is not None and score < query.min_score:
        reason = f"Its score {score:.4f} is below t:{query.min_score:g}."
    elif all(passes for _, passes in filters):
        reason = _why_stacked(desk, query, photo_id)
        rank = None if reason else _rank(desk, query, asked, photo_id)
    return Explanation(path, reason, photo, rank, score, shares, filters)


def _rank(desk: Desk, query: Query, asked: QueryVector, photo_id: int) -> int | None:
    selection = Selection(query.filters, desk.roots_online)
    only = desk.store.matching(selection) if query.filters else None
    wanted = _FIRST_LOOK
    while True:
        found, is_all = scored(desk, asked, only, wanted)
        ids = [found_id for found_id, _ in found]
        if photo_id in ids:
            return ids.index(photo_id) + 1
        if is_all:
            return None
        wanted *= 10


def _why_stacked(desk: Desk, query: Query, photo_id: int) -> str | None:
    selection = Selection(query.filters, desk.roots_online)
    shown = shown_by(desk, [photo_id], desk.store.matching(selection) if query.filters else None)
    if photo_id not in shown:
        return None
    developed = shown[photo_id]
    _, path = desk.store.paths([developed])[developed][0]
    return f"It is shown as one result with {path}, as stack_raw says."


def _why_unknown(store: Store, path: Path) -> str:
    """Why no photo of the library lies at this path."""
    failure = next((each for each in store.failures() if each.path == path), None)
    if failure is not None:
        return f"It could not be read ({failure.reason.value}): {failure.message}"
    root = _root_of(store, path)
    if root is None:
        return f"It lies in no folder of the library. Add one: imgsearch index {path.parent}"
    if not os.path.lexists(path):
        return "There is no such file, and the library knows none by this name."
    for part in path.relative_to(root).parts:
        if is_ignored(part):
            return f"{part} is hidden or belongs to another program, so it is left out."
    if path.is_dir():
        return "It is a folder. Name a photo in it."
    if not is_photo_name(path.name):
        return f"Files that end in {path.suffix or 'no suffix'} are not taken for photos."
    if is_video_of_live_photo(path):
        return "It is the moving half of a Live Photo: the still beside it stands for both."
    return "It was not there at the last look, or has changed since. Take it in: imgsearch index"


def _root_of(store: Store, path: Path) -> Path | None:
    return next((Path(root) for root in store.roots().values() if path.is_relative_to(root)), None)
