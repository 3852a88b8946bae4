"""`library.vectors`: the vectors of photos and of queries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from imgsearch.errors import MissingPackage, QueryError
from imgsearch.features.vectors.records import VectorBatch
from imgsearch.installation import pip_install
from imgsearch.language.grammar import EMPTY_QUERY, resolve_query
from imgsearch.operations.declared import PhotoIds
from imgsearch.records.ids import as_ids
from imgsearch.records.query import Query
from imgsearch.search.prepared import prepare
from imgsearch.text import path_text

if TYPE_CHECKING:
    from pyarrow import RecordBatchReader

    from imgsearch.opened.library import OpenedLibrary
    from imgsearch.records.arrays import Vector
    from imgsearch.search.library_photos import LibraryPhotos

_BATCH = 4096  # photos


class LibraryVectors:
    """The vectors of photos and of queries, for notebooks and programs of your own.

    The scalar product of a query's vector and a photo's is their cosine. A search orders photos by
    it, less a share of each photo's hubness with words (docs/ranking.md).
    """

    def __init__(self, opened: OpenedLibrary) -> None:
        self._opened = opened

    def batches(self) -> Iterator[VectorBatch]:
        """Yield the vectors of all photos, also of hidden ones, some thousands at a time.

        Of a panorama or a video, it is the vector of the whole. Raises UsageError without a
        library.
        """
        import numpy as np

        photos = self._opened.photos()
        for ids, rows in photos.whole_vectors():
            yield VectorBatch(photos.encoder.encoder_id, ids, rows.astype(np.float32))

    def of_photos(self, ids: PhotoIds) -> VectorBatch:
        """Return the vectors of these photos, in this order; photos without one are left out.

        Raises UsageError without a library.
        """
        return _of_photos(self._opened.photos(), as_ids(ids))

    def of_query(self, query: str | Query) -> Vector:
        """Return the vector of a query as a search uses it: float32 of shape (dim,), of length 1.

        Words, examples and what follows a minus are in it, filters are not. Raises QueryError for a
        query without words and examples, and as `Library.search` does.
        """
        prepared = prepare(self._opened.context(), resolve_query(query))
        if not prepared.exact.terms:
            raise QueryError(
                "This query has filters only, which have no vector. Add words or an example."
                if prepared.exact.filters
                else EMPTY_QUERY
            )
        return prepared.vector.vector.copy()

    def arrow(self, ids: PhotoIds | None = None) -> RecordBatchReader:
        """Return a reader of Arrow record batches: `id`, `path`, `content_hash` and `vector`.

        Of all photos, also of hidden ones, or of these. They are read while the reader is read, so
        that any number fits into memory: `library.vectors.arrow().read_all()` is a table, and
        Lance, Polars, DuckDB and pandas take the reader as it is. The metadata of the schema have
        `encoder_id`.

        Raises MissingPackage without the package pyarrow, and UsageError without a library.
        """
        try:
            import pyarrow as pa
        except ModuleNotFoundError as error:
            raise MissingPackage(
                f"Arrow tables need the package pyarrow. Install it: {pip_install('pyarrow')}"
            ) from error
        photos = self._opened.photos()
        row = photos.encoder
        schema = pa.schema(
            [
                pa.field("id", pa.int64(), nullable=False),
                pa.field("path", pa.string()),
                pa.field("content_hash", pa.string(), nullable=False),
                pa.field("vector", pa.list_(pa.float32(), row.dim), nullable=False),
            ],
            metadata={"encoder_id": row.encoder_id},
        )

        def read() -> Iterator[object]:
            batches = self.batches() if ids is None else _in_batches(photos, as_ids(ids))
            for batch in batches:
                shown = photos.records(batch.ids.tolist())
                rows = [at for at, each in enumerate(batch.ids.tolist()) if each in shown]
                records = [shown[each] for each in batch.ids[rows].tolist()]
                flat = pa.array(batch.vectors[rows].ravel())
                yield pa.record_batch(
                    [
                        pa.array(batch.ids[rows]),
                        pa.array([_utf8(each.files[0].path) for each in records]),
                        pa.array([each.photo.content_hash for each in records]),
                        pa.FixedSizeListArray.from_arrays(flat, row.dim),
                    ],
                    schema=schema,
                )

        return pa.RecordBatchReader.from_batches(schema, read())


def _utf8(path: Path) -> str:
    """Return a path as text; bytes that are not UTF-8 are escaped, which Arrow cannot have."""
    return path_text(path).encode("utf-8", "backslashreplace").decode()


def _in_batches(photos: LibraryPhotos, ids: Sequence[int]) -> Iterator[VectorBatch]:
    for start in range(0, len(ids), _BATCH):
        yield _of_photos(photos, ids[start : start + _BATCH])


def _of_photos(photos: LibraryPhotos, ids: Sequence[int]) -> VectorBatch:
    import numpy as np

    found = photos.vectors_of(ids)
    known = [each for each in ids if each in found]
    vectors = np.empty((len(known), photos.encoder.dim), np.float32)
    for at, each in enumerate(known):
        vectors[at] = found[each].vectors[0]
    return VectorBatch(photos.encoder.encoder_id, np.array(known, np.int64), vectors)
