"""Answers a query: words or an example image into one vector, nearest photos out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from imgsearch.decode import decode
from imgsearch.errors import ImgsearchError, PhotoError, QueryError
from imgsearch.records import Hit
from imgsearch.terms import Query

if TYPE_CHECKING:
    from imgsearch.encoders import Encoder
    from imgsearch.records import Ids, Neighbours, Vector, Vectors
    from imgsearch.store import Store


class LiveVectors(Protocol):
    """Every committed vector of one encoder, searchable; never a photo without a path."""

    def search(
        self, queries: Vectors, k: int, only: Ids | None = None, *, kind: Literal["text", "image"]
    ) -> list[Neighbours]: ...


@dataclass(frozen=True, slots=True)
class Desk:
    """What a query is answered with. `online` says which roots can be reached now."""

    store: Store
    encoder: Encoder
    vectors: LiveVectors
    online: Mapping[int, bool]
    max_megapixels: float


def run(desk: Desk, query: Query, k: int) -> list[Hit]:
    """The k photos nearest to the query, best first; fewer only where the library has fewer.

    Raises QueryError for an empty query, a k below 1, or an image that cannot be read.
    """
    if k < 1:
        raise QueryError(f"The number of results must be 1 or more, not {k}.")
    vector = embed(desk, query)
    # Words lie off the manifold of photos and need more of the index probed (design, section 5).
    kind: Literal["text", "image"] = (
        "text" if any(isinstance(term.what, str) for term in query.terms) else "image"
    )
    (found,) = desk.vectors.search(vector[None], k, kind=kind)
    return hits_of(desk.store, desk.online, found.ids.tolist(), found.scores.tolist())


def hits_of(
    store: Store, online: Mapping[int, bool], ids: Sequence[int], scores: Sequence[float] = ()
) -> list[Hit]:
    """These photos with where each lies, in this order; those that are gone are left out."""
    photos, places = store.photos(ids), store.paths(ids)
    missing = store.missing_paths(ids)
    hits = []
    for photo_id, score in zip_longest(ids, scores):
        if photo_id not in photos or photo_id not in places:
            continue  # deleted since the index was asked
        reachable = sorted(
            places[photo_id], key=lambda place: (not online[place[0]], place[1] in missing)
        )
        hits.append(
            Hit(
                photo=photos[photo_id],
                paths=tuple(path for _, path in reachable),
                score=score,
                offline=not online[reachable[0][0]],
                missing=reachable[0][1] in missing,
            )
        )
    return hits


def embed(desk: Desk, query: Query) -> Vector:
    """The query as one vector of length 1: the sum of its parts, brought back to length 1."""
    import numpy as np

    parts: list[Vector] = []
    for term in query.terms:
        if isinstance(term.what, str):
            if not term.what.strip():
                raise QueryError(
                    "The query is empty. Say what to look for, for instance: a dog in snow"
                )
            vector = desk.encoder.encode_texts([term.what.strip()])[0]
        else:
            assert isinstance(term.what.source, Path)
            vector = _embed_image(desk, term.what.source)
        parts.append(np.float32(term.weight) * vector)
    if not parts:
        raise QueryError("The query is empty. Give words, an example image, or both.")
    total: Vector = np.stack(parts).sum(axis=0)
    length = float(np.linalg.norm(total))
    if not length > 1e-6:
        raise QueryError("The words and the image cancel each other out. Change one of them.")
    result: Vector = total / np.float32(length)
    return result


def _embed_image(desk: Desk, image: Path) -> Vector:
    if not image.exists():
        raise QueryError(f"The example image {image} does not exist.")
    if not image.is_file():
        raise QueryError(f"The example image {image} is not a file.")
    try:
        decoded = decode(image, desk.encoder.side_px, desk.max_megapixels)
    except (PhotoError, OSError) as error:
        reason = str(error) if isinstance(error, ImgsearchError) else error
        raise QueryError(f"The example image {image} cannot be read. {reason}") from error
    pixels = desk.encoder.prepare(decoded.image)
    vector: Vector = desk.encoder.encode_pixels(pixels[None])[0]
    return vector
