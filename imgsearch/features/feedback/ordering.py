"""The filters `liked:ID`, `disliked:ID` and `shown:ID`, which reorder an answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from imgsearch.errors import QueryError
from imgsearch.features.feedback.likeness import posterior
from imgsearch.records.query import Filter
from imgsearch.search.vector import stored_vector

if TYPE_CHECKING:
    from imgsearch.records.arrays import Vector
    from imgsearch.records.photo import PhotoVectors
    from imgsearch.search.context import SearchContext

_MAX_DIGITS = 18


def read(text: str) -> str:
    """Return the id of a photo in normal form: "12". Raises ValueError with a sentence."""
    if not (text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS and int(text)):
        raise ValueError(f"{text!r} is no id of a photo. A search with --json returns ids.")
    return str(int(text))


def reordered(
    context: SearchContext, filters: Sequence[Filter], photos: Sequence[tuple[int, float]]
) -> list[int]:
    """Return the ids of photos, given as (id, score), in the order of these filters.

    Liked ones come first and disliked ones last. It works on stored vectors alone. Raises
    QueryError for a photo that the library does not have, one that is both liked and disliked, and
    a negated filter.
    """
    liked, disliked, shown = (_ids(filters, name) for name in ("liked", "disliked", "shown"))
    if both := sorted(liked & disliked):
        raise QueryError(f"The photo {both[0]} is both liked and disliked. Leave one of them out.")
    passed = disliked | (shown - liked)
    wanted = {photo_id for photo_id, _ in photos} | liked | passed
    stored = context.photos.vectors_of(wanted)
    known = [(photo_id, score) for photo_id, score in photos if photo_id in stored]
    liked_rows, passed_rows = (
        [_vector_of(context, photo_id, stored) for photo_id in sorted(ids)]
        for ids in (liked, passed)
    )
    if not known:
        return []
    rows = np.stack([stored[photo_id].vectors[0] for photo_id, _ in known])
    none = np.empty((0, rows.shape[1]), np.float32)
    values = posterior(
        np.array([score for _, score in known], np.float32),
        rows,
        np.stack(liked_rows) if liked_rows else none,
        np.stack(passed_rows) if passed_rows else none,
    )
    by_value = dict(zip((photo_id for photo_id, _ in known), values.tolist(), strict=True))
    return sorted(
        by_value, key=lambda each: (each not in liked, each in disliked, -by_value[each], each)
    )


def _vector_of(context: SearchContext, photo_id: int, stored: Mapping[int, PhotoVectors]) -> Vector:
    """Return the vector of a photo. Raises QueryError for an unknown photo."""
    known = stored.get(photo_id)
    vector: Vector = stored_vector(context, photo_id) if known is None else known.vectors[0]
    return vector


def _ids(filters: Sequence[Filter], name: str) -> set[int]:
    chosen = [each for each in filters if each.field == name]
    if any(each.negated for each in chosen):
        raise QueryError(f"-{name}: means nothing. Write disliked:12 for a photo that is unlike.")
    return {int(str(value)) for each in chosen for value in each.values}
