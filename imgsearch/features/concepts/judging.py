"""Resolves the examples of concepts that a user names, and proposes photos to judge next."""

from __future__ import annotations

from pathlib import Path

from imgsearch.decode.reader import decode, decode_bytes
from imgsearch.decode.thumbnails import encode_thumbnail
from imgsearch.errors import ImgsearchError, QueryError, Sentence
from imgsearch.features.concepts import reading
from imgsearch.features.concepts.records import ConceptExample
from imgsearch.language.grammar import example_of
from imgsearch.paths import absolute
from imgsearch.records.ids import as_id
from imgsearch.records.query import Example, ExampleSource
from imgsearch.search.context import SearchContext
from imgsearch.search.example_files import content_hash_of
from imgsearch.search.vector import stored_vector

PICTURE_SIDE_PX = 512  # of the copy of an example from outside the library
_PHOTO = "photo:"
_CANDIDATES = 300  # photos below likely that are considered for judging
_ALIKE = 0.95  # cosine from which two photos are redundant as examples


def judged_example(context: SearchContext, source: ExampleSource, is_like: bool) -> ConceptExample:
    """Return a judged photo: by its path, "photo:ID", its id, or the bytes of an image file.

    A file with the content of a photo of the library stands for that photo. Any other file gets a
    reduced copy.
    Raises QueryError for an unknown photo and for an image that cannot be read.
    """
    content_hash, photo_id, file = _identity(context, source)
    path = file if isinstance(file, Path) else None
    if photo_id is not None:
        return ConceptExample(content_hash, is_like, photo_id, path)
    assert file is not None
    return ConceptExample(content_hash, is_like, None, path, _picture(context, file))


def example_hash(context: SearchContext, source: ExampleSource) -> bytes:
    """Return the content hash of a photo that `judged_example` takes. Raises as that does."""
    return _identity(context, source)[0]


def photos_to_judge(context: SearchContext, name: str, k: int) -> list[int]:
    """Return the ids of up to k photos whose judgement would help a concept most, the best first.

    These are the photos that its probe is least certain of (uncertainty sampling, Lewis and Gale
    1994), among those that score highest. Of photos that are nearly alike, all but
    one come last. Raises QueryError for an unknown concept.
    """
    database = context.reads.database
    concept = reading.direction(database, context.row, name)
    judged = reading.judgements(database, name)
    wanted = _CANDIDATES + len(judged) + reading.photo_count(database, name)
    found = context.photos.nearest_neighbours(concept.direction, wanted, kind="text")
    scored = [
        (abs(concept.probability(score) - 0.5), photo_id)
        for photo_id, score in zip(found.ids.tolist(), found.scores.tolist(), strict=True)
        if photo_id not in judged
    ]
    candidates = [photo_id for _, photo_id in sorted(scored)[:_CANDIDATES]]
    parts = context.photos.vectors_of(candidates)
    chosen: list[int] = []
    alike: list[int] = []
    for photo_id in candidates:
        vector = parts[photo_id].vectors[0]
        is_new = all(float(vector @ parts[other].vectors[0]) < _ALIKE for other in chosen)
        (chosen if is_new else alike).append(photo_id)
        if len(chosen) == k:
            break
    return [*chosen, *alike][:k]


def _identity(
    context: SearchContext, source: ExampleSource
) -> tuple[bytes, int | None, Path | bytes | None]:
    """Return the content hash, the photo's id if there is one, and the file if one is named."""
    if isinstance(source, str) and source.startswith(_PHOTO):
        example = example_of(source).what
        assert isinstance(example, Example) and isinstance(example.source, int)
        source = example.source
    if not isinstance(source, str | Path | bytes):
        source = as_id(source)
        stored_vector(context, source)
        photo = context.photos.records([source])[source].photo
        return bytes.fromhex(photo.content_hash), source, None
    file = source if isinstance(source, bytes) else Path(absolute(source))
    content_hash = content_hash_of(file)
    photo_id = context.photos.photo_with(content_hash)
    if photo_id is not None and photo_id not in context.photos.vectors_of([photo_id]):
        photo_id = None  # not embedded yet
    return content_hash, photo_id, file


def _picture(context: SearchContext, file: Path | bytes) -> bytes:
    name = "The image" if isinstance(file, bytes) else f"The example image {file}"
    read = decode_bytes if isinstance(file, bytes) else decode
    try:
        decoded = read(file, PICTURE_SIDE_PX, context.max_megapixels)  # type: ignore[arg-type]
        return encode_thumbnail(decoded, PICTURE_SIDE_PX)
    except ImgsearchError as error:
        raise QueryError(Sentence(f"{name} cannot be read. ", error)) from error
