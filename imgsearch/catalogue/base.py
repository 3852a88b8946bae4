"""The interface of a search backend: the protocols of a catalogue and of its writer.

A catalogue stores everything that is known about photos: vectors, facts, paths, names, and text in
pictures. The query language, encoders, verdicts and the page do not depend on its implementation. A
library is SQLite and FAISS (`local`); an archive, Lance tables, has a writer alone. The identity of
a photo is its content hash; its `id` is a number of 63 bits that belongs to one catalogue.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from msgspec import Struct

from imgsearch.records.query import Listed, Selection

if TYPE_CHECKING:
    from imgsearch.language.known_names import KnownNames
    from imgsearch.records.answer import Neighbours, ScoreBaseline
    from imgsearch.records.arrays import HalfVectors, Ids, Vector
    from imgsearch.records.files import IngestResult
    from imgsearch.records.index import EncoderRow
    from imgsearch.records.photo import Facts, Photo, PhotoVectors
    from imgsearch.records.picture_text import PhotoText
    from imgsearch.records.worth import PictureMeasures


class PhotoCount(Struct, frozen=True):
    """A number of photos, and the number of their vectors."""

    photos: int
    vectors: int


class PhotoFile(Struct, frozen=True):
    """A file of a photo. If it `is_missing`, its removal is on hold: see `Hit.missing`."""

    path: Path
    is_online: bool = True
    is_missing: bool = False


class CataloguedPhoto(Struct, frozen=True):
    """A photo with its files, the best first: readable files, then the others, by path.

    `date` and `dated_by` are as in `Hit`; the date is ISO text.
    """

    photo: Photo
    files: tuple[PhotoFile, ...]
    date: str
    dated_by: str | None


class Catalogue(Protocol):
    """The read side of a library, for one encoder. Any number of threads may use it at once.

    A photo is found only while a path points at it, and only once, whatever its number of parts;
    its score is the score of its best part. `among` of None stands for all photos.
    """

    @property
    def encoder(self) -> EncoderRow:
        """The encoder whose vectors are searched."""

    @property
    def names(self) -> KnownNames:
        """The names of its photos."""

    def nearest(
        self,
        query: Vector,
        k: int,
        among: Selection | None = None,
        *,
        kind: Literal["text", "image"],
    ) -> Neighbours:
        """Find the k photos nearest to a query (dim,) of length 1: best first, equal scores by id.

        The result is shorter than k only if fewer photos qualify. `kind` says whether the query is
        a text or an image: an approximate index compares more for texts. Scores are exact.
        """

    def count(self, among: Selection | None = None) -> PhotoCount:
        """Return the number of photos in a selection; for all photos, at the last update.

        Without a baseline the number of all photos is 0.
        """

    def without_fact(self, fact: str) -> int:
        """Return the number of photos that an older version read, which did not know a fact."""

    def ids(self, among: Selection) -> Ids:
        """Return the ids of a selection, sorted, unique: for views of all photos, not searches."""

    def within(self, ids: Sequence[int], among: Selection) -> set[int]:
        """Return the photos among these that are in a selection."""

    def listing(
        self,
        among: Selection,
        sort: Literal["date", "path"],
        after: Listed | None = None,
        limit: int = -1,
    ) -> list[Listed]:
        """Return the photos of a selection, newest first or by path; only those after `after`."""

    def measures(self, among: Selection) -> PictureMeasures:
        """Return the stored measures of the pictures of a selection, in any order: `sort:best`."""

    def photos(self, ids: Iterable[int]) -> dict[int, CataloguedPhoto]:
        """Return the records of these photos; photos without a path are left out."""

    def vectors_of(
        self, ids: Iterable[int], *, only_several: bool = False
    ) -> dict[int, PhotoVectors]:
        """Return the vectors of these photos; with `only_several`, of photos with several parts."""

    def whole_vectors(self) -> Iterator[tuple[Ids, HalfVectors]]:
        """Yield the vectors of whole photos, some thousands at a time: ids (n,), rows (n, dim).

        This is for work on all photos: it takes time in proportion to their number.
        """

    def texts(self, ids: Iterable[int]) -> dict[int, PhotoText]:
        """Return the text in these photos; photos that were not read are left out."""

    def photo_with(self, content_hash: bytes) -> int | None:
        """Return the id of the photo with this content."""

    def photo_at(self, path: Path) -> int | None:
        """Return the id of the photo at this absolute path."""

    def raw_pairs(self, ids: Iterable[int]) -> list[tuple[int, int]]:
        """Return pairs (JPEG, RAW) of one shot in which one of these photos occurs."""

    def baseline(self) -> ScoreBaseline | None:
        """Return the scores of unrelated queries with these photos; None for too few photos."""


class CatalogueWriter(Protocol):
    """The write side of a library, for one encoder.

    Photos are identified by their content: putting one twice, in one process or in two at once,
    adds nothing. The photos are stored when `put` returns.
    """

    def known(self, content_hashes: Sequence[bytes]) -> set[bytes]:
        """Return the contents among these that have vectors already."""

    def lineage(self) -> str:
        """Return a value that changes when what was put may have been taken back since."""

    def put(self, results: Sequence[IngestResult]) -> None:
        """Record new photos with facts and vectors, known contents at new paths, and failures."""

    def put_facts(self, facts: Mapping[bytes, Facts]) -> int:
        """Replace the facts of photos, by their content; returns how many changed.

        Unknown contents are skipped.
        """

    def forget(self, paths: Sequence[str]) -> int:
        """Remove paths; returns how many existed. A photo without a path is not found any more.

        Its vectors stay: when a path points at it again, it returns without being embedded.
        """

    def settle(self) -> None:
        """Compact, index and calibrate new photos, and publish the result to readers."""
