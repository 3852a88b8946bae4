"""Turns the terms of a query into one vector: words, photos of the library, any other image."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from imgsearch.encoders.prompts import embed_texts, templates_for
from imgsearch.errors import ImgsearchError, QueryError
from imgsearch.records.query import Example, Query, Region, Term
from imgsearch.search.confidence import TermKind
from imgsearch.search.context import SearchContext
from imgsearch.search.query_cache import QueryVectors

if TYPE_CHECKING:
    from PIL.Image import Image

    from imgsearch.encoders.base import Encoder
    from imgsearch.records.arrays import Vector, Vectors

_WHOLE_SIDE_PX = 1 << 20  # decode every pixel: a part of an image needs them
_HASH_BYTES = 32  # as the store's content hashes


@dataclass(frozen=True, slots=True)
class QueryVector:
    """A query as one vector of length 1, with what it was made of.

    It is the sum of `parts` (terms, dim), each of length 1, times `factors`. `own` are the photos
    of the library that are its examples.
    """

    vector: Vector
    parts: Vectors
    factors: Vector
    own: frozenset[int]
    kind: Literal["text", "image"]
    kinds: tuple[TermKind, ...]


def embed(desk: SearchContext, query: Query) -> QueryVector:
    """The query's vector. The model is loaded only for what no earlier query has asked for.

    Raises QueryError where a term is empty, too long, or an image that cannot be read, and where
    the terms cancel each other out.
    """
    import numpy as np

    texts = [term.what.strip() for term in query.terms if isinstance(term.what, str)]
    of_text = dict(zip(texts, _embed_texts(desk, texts), strict=True))
    parts: list[Vector] = []
    own: set[int] = set()
    for term in query.terms:
        if isinstance(term.what, str):
            parts.append(of_text[term.what.strip()])
        else:
            vector, photo_id = _embed_example(desk, term.what)
            parts.append(vector)
            if photo_id is not None:
                own.add(photo_id)
    weights = np.array([_weight(term) for term in query.terms], np.float64)
    total = weights @ np.stack(parts).astype(np.float64)
    length = float(np.linalg.norm(total))
    if not length > 1e-6 * float(np.abs(weights).sum()):
        raise QueryError("The terms of this query cancel each other out. Change one of them.")
    return QueryVector(
        vector=(total / length).astype(np.float32),
        parts=np.stack(parts),
        factors=(weights / length).astype(np.float32),
        own=frozenset(own),
        # Words lie off the manifold of photos and need more of the index probed (design, 5).
        kind="text" if texts else "image",
        kinds=tuple(_kind(desk, term) for term in query.terms),
    )


def _kind(desk: SearchContext, term: Term) -> TermKind:
    if not isinstance(term.what, str):
        return "image"
    return "short" if len(templates_for(desk.row.name, term.what.strip())) > 1 else "text"


def _weight(term: Term) -> float:
    if not 0 < abs(term.weight) < float("inf"):
        raise QueryError(f"A weight of {term.weight} makes no sense: it is any number but 0.")
    return term.weight


# ------------------------------------------------------------------------- words


def _embed_texts(desk: SearchContext, texts: Sequence[str]) -> list[Vector]:
    if not all(texts):
        raise QueryError("A text is empty. Say what to look for, for instance: a dog in snow")

    def embed(news: list[str]) -> Vectors:
        encoder = desk.encoder()
        for text in news:
            _check_length(encoder, text)
        return embed_texts(encoder, desk.row.name, news)

    remembered = QueryVectors(desk.cache_dir, desk.row.encoder_id)
    return remembered.texts(desk.row.name, texts, embed)


def _check_length(encoder: Encoder, text: str) -> None:
    tokens = encoder.token_count(text)
    if tokens > encoder.context_length:
        raise QueryError(
            f"The text is too long: it has {tokens} tokens, and this model reads the first "
            f"{encoder.context_length} of a text and would leave out the rest. Shorten it, or "
            'make it several texts: "one" "another"'
        )


# ------------------------------------------------------------------------- examples


def _embed_example(desk: SearchContext, example: Example) -> tuple[Vector, int | None]:
    """The vector of an example, and which photo of the library it is, if it is one."""
    source, region = example.source, example.region
    photo_id = None
    if isinstance(source, int):
        if region is None:
            return _stored(desk, source), source
        photo_id, source = source, _file_of_photo(desk, source)
    digest = _digest(source)
    photo_id = desk.store.photo_with(digest) if photo_id is None else photo_id
    if region is None and photo_id is not None:
        stored = desk.store.vector_of(desk.row.key, photo_id)
        if stored is not None:
            return stored, photo_id
    remembered = QueryVectors(desk.cache_dir, desk.row.encoder_id)
    key = b"image\0" + digest + repr(region).encode()
    vector = remembered.get(key)
    if vector is None:
        vector = _embed_image(desk, source, region)
        remembered.put(key, vector)
    return vector, photo_id


def _stored(desk: SearchContext, photo_id: int) -> Vector:
    vector = desk.store.vector_of(desk.row.key, photo_id)
    if vector is None:
        raise QueryError(
            f"The library has no photo with the number {photo_id}. `imgsearch search --json` shows "
            "each photo_id."
        )
    return vector


def _file_of_photo(desk: SearchContext, photo_id: int) -> Path:
    """Where a photo of the library can be read now."""
    _stored(desk, photo_id)
    for root_id, path in desk.store.paths([photo_id]).get(photo_id, []):
        if desk.online.get(root_id) and path.is_file():
            return path
    raise QueryError(
        f"photo:{photo_id} cannot be reached now, and a part of it cannot be cut out without its "
        "file. Plug in its drive."
    )


def _digest(source: Path | bytes) -> bytes:
    if isinstance(source, bytes):
        return hashlib.blake2b(source, digest_size=_HASH_BYTES).digest()
    if not source.exists():
        raise QueryError(f"The example image {source} does not exist.")
    if not source.is_file():
        raise QueryError(f"The example image {source} is not a file.")
    try:
        with source.open("rb") as file:
            return hashlib.file_digest(
                file, lambda: hashlib.blake2b(digest_size=_HASH_BYTES)
            ).digest()
    except OSError as error:
        raise QueryError(
            f"The example image {source} cannot be read ({error.strerror})."
        ) from error


def _embed_image(desk: SearchContext, source: Path | bytes, region: Region | None) -> Vector:
    from imgsearch.decode.reader import decode, decode_bytes

    encoder = desk.encoder()
    name = "The image" if isinstance(source, bytes) else f"The example image {source}"
    side_px = encoder.side_px if region is None else _WHOLE_SIDE_PX
    try:
        if isinstance(source, bytes):
            image = decode_bytes(source, side_px, desk.max_megapixels).image
        else:
            image = decode(source, side_px, desk.max_megapixels).image
    except ImgsearchError as error:
        raise QueryError(f"{name} cannot be read. {error}") from error
    if region is not None:
        image = _part(image, region, name)
    vector: Vector = encoder.encode_pixels(encoder.prepare(image)[None])[0]
    return vector


def _part(image: Image, region: Region, name: str) -> Image:
    width_px, height_px = image.size
    unit_x, unit_y = (width_px / 100, height_px / 100) if region.percent else (1.0, 1.0)
    left, top = region.x * unit_x, region.y * unit_y
    right, bottom = left + region.width * unit_x, top + region.height * unit_y
    box = tuple(round(edge) for edge in (left, top, right, bottom))
    if not (0 <= box[0] < box[2] <= width_px and 0 <= box[1] < box[3] <= height_px):
        raise QueryError(
            f"The region lies outside of the image or is empty. {name} has {width_px} × "
            f"{height_px} pixels, and the region goes from {box[0]}, {box[1]} to {box[2]}, "
            f"{box[3]}."
        )
    return image.crop((box[0], box[1], box[2], box[3]))
