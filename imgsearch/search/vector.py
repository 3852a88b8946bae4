"""Turns the terms of a query into one vector: texts, photos of the library, any other image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from imgsearch.encoders.base import Encoder
from imgsearch.encoders.prompts import embed_texts
from imgsearch.errors import CommandLine, ImgsearchError, QueryError, Sentence
from imgsearch.language.everyday import is_everyday
from imgsearch.language.grammar import EMPTY_TEXT
from imgsearch.language.things import things_in
from imgsearch.records.query import DirectionName, Example, Query, Region, Term
from imgsearch.search import composition
from imgsearch.search.baseline import LibraryBaseline
from imgsearch.search.composition import TermKind
from imgsearch.search.confidence import ScoredQuery
from imgsearch.search.context import SearchContext
from imgsearch.search.example_files import content_hash_of
from imgsearch.search.hubness import hubness_share_of
from imgsearch.search.query_cache import QueryCache
from imgsearch.search.short_texts import distinct_texts, meant_vectors, text_kind, texts_meant

if TYPE_CHECKING:
    from PIL.Image import Image

    from imgsearch.records.arrays import Vector, Vectors

_FULL_SIDE_PX = 1 << 20  # decode every pixel: a region is cut out of them
_CANCEL_OUT = "The terms of this query cancel each other out. Change one of them."


class QueryVector(Struct, frozen=True):
    """A query as one vector of length 1, with its terms. Its arrays are read-only.

    `vector` is the sum of `contributions` (terms, dim). `term_vectors` (terms, dim) has the vector
    of each term alone, of length 1. `scored` is the query as `imgsearch.search.confidence` takes
    it. `example_ids` are the photos of the library that are examples of the query, and
    `hubness_share` is the share of the hubness of photos that their scores with it are lowered by.
    """

    vector: Vector
    term_vectors: Vectors
    contributions: Vectors
    scored: ScoredQuery
    example_ids: frozenset[int]
    kind: Literal["text", "image"]
    hubness_share: float = 0.0

    @property
    def nbytes(self) -> int:
        """The size of its arrays in memory."""
        return sum(array.nbytes for array in self._arrays())

    def read_only(self) -> QueryVector:
        """Return the same vector, which nobody can change any more."""
        for array in self._arrays():
            array.flags.writeable = False
        return self

    def _arrays(self) -> Iterator[Vectors]:
        scored = (self.scored.vector, self.scored.negative, self.scored.things)
        for array in (self.vector, self.term_vectors, self.contributions, *scored):
            if array is not None:
                yield array


def embed(context: SearchContext, query: Query, baseline: LibraryBaseline | None) -> QueryVector:
    """Return the vector of a query. The model is loaded only for terms that are not in the cache.

    A library that is too small for a baseline has neither a mean noun nor a usual caption, and the
    query is composed without them. The vector is kept until anything in the library changes, unless
    it depends on files.

    Raises QueryError if a text is empty or too long, an image cannot be read, a weight is invalid,
    or the terms cancel each other out.
    """

    def compute() -> QueryVector:
        return _embed(context, query, baseline).read_only()

    if depends_on_files(query):
        return compute()
    scores = None if baseline is None else baseline.scores  # the same object until it changes
    return context.reads.recent.get(("query vector", context.row, query.terms, scores), compute)


def depends_on_files(query: Query) -> bool:
    """Return whether an example of a query is an image file, which may change, or its bytes."""
    return any(
        isinstance(term.what, Example) and not isinstance(term.what.source, int)
        for term in query.terms
    )


def _embed(context: SearchContext, query: Query, baseline: LibraryBaseline | None) -> QueryVector:
    import numpy as np

    encoder_id = context.row.encoder_id
    text_vectors = _text_vectors(context, query, baseline)
    vectors: list[Vector] = []
    example_ids: set[int] = set()
    for term in query.terms:
        if isinstance(term.what, str):
            vectors.append(text_vectors[texts_meant(encoder_id, term.what.strip())])
        elif isinstance(term.what, DirectionName):
            found = context.reads.definitions.direction(term.what, context.row)
            vectors.append(found.direction)
        else:
            vector, photo_id = _embed_example(context, term.what)
            vectors.append(vector)
            if photo_id is not None:
                example_ids.add(photo_id)
    term_vectors = np.stack(vectors)
    all_weights = np.array([_weight(term) for term in query.terms], np.float64)
    # Only their ratios count, and the squares of large ones would overflow.
    weights = (all_weights / np.abs(all_weights).max()).astype(np.float32)
    kinds = tuple(_kind(context, term) for term in query.terms)
    weights = composition.shared(kinds, weights)
    contributions, negative = _composed(
        kinds,
        weights,
        term_vectors,
        _as_meant(encoder_id, query, term_vectors, text_vectors),
        baseline,
    )
    # Without positive terms, the negative ones count as the wanted terms.
    wanted = [at for at, weight in enumerate(weights) if weight > 0] or range(len(weights))
    wanted_texts = [term.what for term in query.terms if term.weight > 0]
    things = _things(encoder_id, query, baseline)
    vector = contributions.sum(axis=0)
    return QueryVector(
        vector=vector,
        term_vectors=term_vectors,
        contributions=contributions,
        scored=ScoredQuery(
            vector,
            [(kinds[at], float(weights[at])) for at in wanted],
            negative,
            everyday=bool(wanted_texts)
            and all(isinstance(what, str) and is_everyday(what) for what in wanted_texts),
            things=np.stack([text_vectors[group] for group in things]) if things else None,
        ),
        example_ids=frozenset(example_ids),
        # Vectors of texts and named directions lie off the manifold of photos, so more lists
        # of the index are probed.
        kind="image" if set(kinds) == {"image"} else "text",
        hubness_share=_hubness_share(encoder_id, kinds, weights),
    )


def _hubness_share(encoder_id: str, kinds: Sequence[TermKind], weights: Vector) -> float:
    """Return the share of hubness to subtract: the mean over the wanted terms, by their weights."""
    wanted = [
        (hubness_share_of(encoder_id, kind), weight)
        for kind, weight in zip(kinds, weights.tolist(), strict=True)
        if weight > 0
    ]
    total = sum(weight for _, weight in wanted)
    return sum(share * weight for share, weight in wanted) / total if total else 0.0


def _text_vectors(
    context: SearchContext, query: Query, baseline: LibraryBaseline | None
) -> dict[tuple[str, ...], Vector]:
    """Return the search vectors of the texts of a query, for positive and for negative terms."""
    encoder_id = context.row.encoder_id
    texts = [(term.what.strip(), term.weight) for term in query.terms if isinstance(term.what, str)]
    groups = [texts_meant(encoder_id, text) for text, _ in texts]
    groups += [texts_meant(encoder_id, text, negative=True) for text, weight in texts if weight < 0]
    groups += _things(encoder_id, query, baseline)
    groups = list(dict.fromkeys(groups))
    if not groups:
        return {}
    mean_noun = None if baseline is None else baseline.mean_noun
    vectors = _embed_texts(context, distinct_texts(groups))
    rows = meant_vectors(encoder_id, groups, vectors, mean_noun)
    return dict(zip(groups, rows, strict=True))


def _things(
    encoder_id: str, query: Query, baseline: LibraryBaseline | None
) -> list[tuple[str, ...]]:
    """Return the things that the only text to search for names, if several, each as `texts_meant`.

    None with an encoder whose short texts were not measured: see `short_texts`.
    """
    wanted = [term.what for term in query.terms if term.weight > 0]
    if len(wanted) != 1 or baseline is None or baseline.mean_noun is None:
        return []
    (what,) = wanted
    things = things_in(what.strip()) if isinstance(what, str) else ()
    return [texts_meant(encoder_id, thing) for thing in things]


def _as_meant(
    encoder_id: str,
    query: Query,
    vectors: Vectors,
    text_vectors: Mapping[tuple[str, ...], Vector],
) -> Vectors:
    """Replace the vectors of negative texts among these (terms, dim) by their search vectors.

    See `short_texts.texts_meant`. The rows have length 1.
    """
    rows = vectors.copy()
    for at, term in enumerate(query.terms):
        if isinstance(term.what, str) and term.weight < 0:
            rows[at] = text_vectors[texts_meant(encoder_id, term.what.strip(), negative=True)]
    return rows


def _composed(
    kinds: Sequence[TermKind],
    weights: Vector,
    term_vectors: Vectors,
    meant: Vectors,
    baseline: LibraryBaseline | None,
) -> tuple[Vectors, Vector | None]:
    """Return the contributions (terms, dim) of the terms to the query's vector of length 1.

    Returns also the contribution of the negative terms as `composition.compose` takes it (dim,),
    None if all terms have one sign. Raises QueryError where the terms cancel each other out.
    """
    import numpy as np

    is_positive = weights > 0
    contributions: Vectors = meant * weights[:, None]
    negative: Vector | None = None
    if is_positive.any() and not is_positive.all():
        positive = contributions[is_positive].sum(axis=0)
        if composition.cancels_out(positive, weights[~is_positive] @ term_vectors[~is_positive]):
            raise QueryError(_CANCEL_OUT)
        rows = composition.negative_rows(
            [(kind, float(w)) for kind, w in zip(kinds, weights, strict=True) if w > 0],
            [kind for kind, w in zip(kinds, weights, strict=True) if w < 0],
            weights[~is_positive],
            meant[~is_positive],
            None if baseline is None else baseline.usual_caption,
            is_less_mean_noun=baseline is not None and baseline.mean_noun is not None,
        )
        negative = rows.sum(axis=0)
        positive_factors, negative_factors = composition.factors(positive[None], negative)
        contributions[is_positive] *= positive_factors[0]
        contributions[~is_positive] = rows * negative_factors[0]
    length = np.linalg.norm(contributions.sum(axis=0))
    if not length > 1e-5 * np.abs(weights).sum():
        raise QueryError(_CANCEL_OUT)
    normalised: Vectors = contributions / length
    return normalised, negative


def _kind(context: SearchContext, term: Term) -> TermKind:
    if isinstance(term.what, DirectionName):
        return "direction"
    if not isinstance(term.what, str):
        return "image"
    return text_kind(context.row.name, term.what.strip())


def _weight(term: Term) -> float:
    if not 0 < abs(term.weight) < float("inf"):
        raise QueryError(f"A weight of {term.weight} is invalid: it can be any number but 0.")
    return term.weight


# ------------------------------------------------------------------------- texts


def _embed_texts(context: SearchContext, texts: Sequence[str]) -> list[Vector]:
    if not all(texts):
        raise QueryError(EMPTY_TEXT)

    def embed(missing: list[str]) -> Vectors:
        encoder = context.encoder()
        for text in missing:
            _check_length(encoder, text)
        return embed_texts(encoder, context.row.name, missing)

    cache = QueryCache(context.cache_dir, context.row.encoder_id)
    return cache.texts(context.row.name, texts, embed)


def _check_length(encoder: Encoder, text: str) -> None:
    tokens = encoder.token_count(text)
    if tokens > encoder.context_length:
        raise QueryError(
            f"The text is too long: it has {tokens} tokens, and this model would ignore all after "
            f"the first {encoder.context_length}. Shorten it, or split it into several texts: "
            '"one" "another"'
        )


# ------------------------------------------------------------------------- examples


def _embed_example(context: SearchContext, example: Example) -> tuple[Vector, int | None]:
    """Return the vector of an example, and its photo id if the library has that photo."""
    source, region = example.source, example.region
    photo_id = None
    if isinstance(source, int):
        if region is None:
            return stored_vector(context, source), source
        photo_id, source = source, _file_of(context, source)
    digest = content_hash_of(source)
    photo_id = context.photos.photo_with(digest) if photo_id is None else photo_id
    if region is None and photo_id is not None:
        stored = context.photos.vectors_of([photo_id]).get(photo_id)
        if stored is not None:
            return stored.vectors[0], photo_id
    cache = QueryCache(context.cache_dir, context.row.encoder_id)
    key = b"image\0" + digest + repr(region).encode()
    vector = cache.get(key)
    if vector is None:
        vector = _embed_image(context, source, region)
        cache.put(key, vector)
    return vector, photo_id


def stored_vector(context: SearchContext, photo_id: int) -> Vector:
    """Return the vector of a photo of the library. Raises QueryError for an unknown photo."""
    stored = context.photos.vectors_of([photo_id]).get(photo_id)
    if stored is None:
        raise QueryError(
            Sentence(
                f"The library has no photo with the id {photo_id}. `",
                CommandLine("search --json"),
                "` shows each photo_id.",
            )
        )
    vector: Vector = stored.vectors[0]
    return vector


def _file_of(context: SearchContext, photo_id: int) -> Path:
    """Return a file of this photo that is readable now."""
    stored_vector(context, photo_id)
    photo = context.photos.records([photo_id]).get(photo_id)
    for file in () if photo is None else photo.files:
        if file.is_online and file.path.is_file():
            return file.path
    raise QueryError(
        f"The file of photo:{photo_id} is offline, and a region can only be cut out of the file. "
        "Connect its drive."
    )


def _embed_image(context: SearchContext, source: Path | bytes, region: Region | None) -> Vector:
    # Lazy: few queries decode an image.
    from imgsearch.decode.reader import decode, decode_bytes, side_to_embed

    encoder = context.encoder()
    name = "The image" if isinstance(source, bytes) else f"The example image {source}"
    side_px = _FULL_SIDE_PX if region is not None else side_to_embed(encoder.side_px)
    try:
        if isinstance(source, bytes):
            image = decode_bytes(source, side_px, context.max_megapixels).image
        else:
            image = decode(source, side_px, context.max_megapixels).image
    except ImgsearchError as error:
        raise QueryError(Sentence(f"{name} cannot be read. ", error)) from error
    if region is not None:
        image = _crop(image, region, name)
    vector: Vector = encoder.encode_pixels(encoder.prepare(image)[None])[0]
    return vector


def _crop(image: Image, region: Region, name: str) -> Image:
    width_px, height_px = image.size
    unit_x, unit_y = (width_px / 100, height_px / 100) if region.percent else (1.0, 1.0)
    x, y = region.x * unit_x, region.y * unit_y
    left, top = round(x), round(y)
    right, bottom = round(x + region.width * unit_x), round(y + region.height * unit_y)
    if not (0 <= left < right <= width_px and 0 <= top < bottom <= height_px):
        raise QueryError(
            f"The region lies outside of the image or is empty. {name} has {width_px} × "
            f"{height_px} pixels, and the region goes from {left}, {top} to {right}, {bottom}."
        )
    return image.crop((left, top, right, bottom))
