"""The photos of a library, as a search reads them: SQLite, and an index file of FAISS."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, reduce
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from msgspec.structs import replace

from imgsearch.records.answer import Neighbours, ScoreBaseline
from imgsearch.records.photo import PhotoCount, PhotoFile, PhotoVectors, ShownPhoto, with_people
from imgsearch.records.picture_text import PhotoText
from imgsearch.records.query import Listed, NamedPhrase, Selection
from imgsearch.records.worth import PictureMeasures
from imgsearch.search.hubness import hubness_shares
from imgsearch.store.reading.vectors import photo_starts

if TYPE_CHECKING:
    from imgsearch.records.arrays import HalfVectors, Ids, Vector, Vectors
    from imgsearch.records.index import EncoderRow
    from imgsearch.store.reading.names import NameReads
    from imgsearch.store.reads import Reads


# Photos that are shown are shown again soon: on the next page, alone, or in another answer. More of
# them at once are a list or a copy of all.
_MOST_KEPT = 1_000
# So many photos for each of k, and more, are fetched, so that hubness can reorder them. To an exact
# index many cost little. From codes (research/notes/hubness.md) each costs time.
_FETCHED = 16, 200
_FETCHED_BY_CODES = 4, 100
_FETCHED_GROWTH = 4
_PHOTO_BYTES = 2_000  # with its facts and paths


class SearchableVectors(Protocol):
    """Every committed vector of one encoder, searchable; never a photo without a path.

    `LiveIndex` is one. That of an open library opens its index file at the first search and
    rebuilds a damaged one, for which it needs the indexer: it is above this package.
    """

    @property
    def is_exact(self) -> bool:
        """Whether every search compares every vector."""

    def search(
        self, queries: Vectors, k: int, only: Ids | None = None, *, kind: Literal["text", "image"]
    ) -> list[Neighbours]: ...


class ShownPhotos(Protocol):
    """The origin of photos, which is told the contents (hexadecimal) of those read at once."""

    def note_shown(self, content_hashes: Sequence[str]) -> None: ...


class LibraryPhotos:
    """The photos of a library as one request sees them, for one encoder: make one for each.

    A photo is found only while a path points at it, and only once, whatever its number of parts;
    its score is the score of its best part. `among` of None stands for all photos. `vectors` are
    searched, and `online` maps each root id to whether it can be reached now.
    """

    def __init__(
        self,
        reads: Reads,
        encoder: EncoderRow,
        vectors: SearchableVectors,
        online: Mapping[int, bool],
        origin: ShownPhotos | None = None,
    ) -> None:
        """`origin` is where the photos come from, if that has to know which are shown."""
        self._reads = reads
        self._encoder = encoder
        self._vectors = vectors
        self._online = online
        self._origin = origin
        # What one answer asks for several times. An array has no hash, so a selection goes by the
        # identity of its own; it is kept, so that the identity stays its own.
        self._selected: dict[Hashable, tuple[Selection, Ids]] = {}
        self._named: dict[NamedPhrase, Ids] = {}

    @property
    def encoder(self) -> EncoderRow:
        """The encoder whose vectors are searched."""
        return self._encoder

    @property
    def names(self) -> NameReads:
        """The names of its photos."""
        return self._reads.names

    def nearest_neighbours(
        self,
        query: Vector,
        k: int,
        among: Selection | None = None,
        *,
        kind: Literal["text", "image"],
        hubness_share: float = 0.0,
    ) -> Neighbours:
        """Find the k photos nearest to a query (dim,) of length 1: best first, equal scores by id.

        The result is shorter than k only if fewer photos qualify. `kind` says whether the query is
        a text or an image: an approximate index compares more for texts. Scores are exact: cosines,
        less this share of what the hubness of a photo is above that of a usual one.
        """
        only = None if among is None else self.ids(among)
        if not hubness_share or not len(self._hubness[0]):
            (found,) = self._vectors.search(query[None], k, only, kind=kind)
            return found
        of_each, more = _FETCHED if self._vectors.is_exact else _FETCHED_BY_CODES
        fetched = of_each * k + more
        while True:
            (found,) = self._vectors.search(query[None], fetched, only, kind=kind)
            best = self._less_hubness(found, hubness_share)
            is_all = len(found.ids) < fetched
            if is_all or self._is_settled(found, best.scores[k - 1], hubness_share):
                return Neighbours(best.ids[:k], best.scores[:k])
            fetched *= _FETCHED_GROWTH

    def nearest_to_each(
        self,
        queries: Vectors,
        k: int,
        among: Selection | None = None,
        *,
        kind: Literal["text", "image"],
        hubness_share: float = 0.0,
    ) -> list[Neighbours]:
        """Find the k photos nearest to each query (n, dim), in little more time than to one.

        As `nearest_neighbours`, but with a share of hubness the last of the k photos may be others.
        """
        only = None if among is None else self.ids(among)
        if not hubness_share or not len(self._hubness[0]):
            return self._vectors.search(queries, k, only, kind=kind)
        of_each, more = _FETCHED if self._vectors.is_exact else _FETCHED_BY_CODES
        fetched = self._vectors.search(queries, of_each * k + more, only, kind=kind)
        best = (self._less_hubness(each, hubness_share) for each in fetched)
        return [Neighbours(each.ids[:k], each.scores[:k]) for each in best]

    def _is_settled(self, found: Neighbours, last_score: float, share: float) -> bool:
        """Return whether no photo that was not fetched can pass the last of the best k.

        None gains more than the photo with the least hubness. An index that may miss photos anyway
        is not asked again.
        """
        if not self._vectors.is_exact:
            return True
        most_gained = share * max(0.0, self._usual_hubness - float(self._hubness[1].min()))
        return bool(found.scores[-1] + most_gained <= last_score)

    def less_hubness(self, photo_id: int, score: float, share: float) -> float:
        """Return the score of a photo as `nearest` does, given its cosine."""
        import numpy as np

        if not share or not len(self._hubness[0]):
            return score
        only = Neighbours(np.array([photo_id]), np.array([score], np.float32))
        return float(self._less_hubness(only, share).scores[0])

    def _less_hubness(self, found: Neighbours, share: float) -> Neighbours:
        """Return photos with a share of their hubness subtracted from their scores, best first.

        A photo that was not compared yet counts as a usual one.
        """
        import numpy as np

        ids, values = self._hubness
        places = np.minimum(np.searchsorted(ids, found.ids), len(ids) - 1)
        above = np.where(ids[places] == found.ids, values[places] - self._usual_hubness, 0.0)
        scores = found.scores - np.float32(share) * above.astype(np.float32)
        order = np.lexsort((found.ids, -scores))
        return Neighbours(found.ids[order], scores[order])

    @cached_property
    def _hubness(self) -> tuple[Ids, Vector]:
        return self._reads.vectors.hubness(self._encoder.key)

    @cached_property
    def _usual_hubness(self) -> float:
        return hubness_shares(self._encoder.encoder_id).usual

    def ids(self, among: Selection) -> Ids:
        """Return the ids of a selection, sorted, unique: for views of all photos, not searches."""
        own = (among.filters, among.online, None if among.among is None else id(among.among))
        marks = (among.with_hidden, among.left_out, among.rated_by_files)
        key = (*own, among.named, among.any_named, *marks)
        known = self._selected.get(key)
        if known is None:
            known = self._selected[key] = (among, self._ids(among))
        return known[1]

    def _ids(self, among: Selection) -> Ids:
        import numpy as np

        if not among.named:
            return self._reads.selections.ids(among)
        join = np.union1d if among.any_named else np.intersect1d
        named: Ids = reduce(join, map(self._ids_named, among.named))
        is_all = among.among is None and not among.filters and not among.left_out
        if is_all and among.with_hidden:
            return named
        return np.intersect1d(named, self.ids(replace(among, named=(), any_named=False)))

    def _ids_named(self, phrase: NamedPhrase) -> Ids:
        ids = self._named.get(phrase)
        if ids is None:
            ids = self._named[phrase] = self._reads.names.ids_named(
                phrase.text, phrase.is_whole, phrase.misread
            )
        return ids

    def count(self, among: Selection | None = None) -> PhotoCount:
        """Return the number of photos in a selection; for all photos, at the last update.

        Without a baseline the number of all photos is 0.
        """
        import numpy as np

        with_several, further = self._further_parts
        if among is None:
            vectors = 0 if self._baseline is None else self._baseline.vectors
            return PhotoCount(vectors - int(further.sum()), vectors)
        ids = self.ids(among)
        if not len(with_several):  # the usual case, without a pass over all ids
            return PhotoCount(len(ids), len(ids))
        return PhotoCount(len(ids), len(ids) + int(further[np.isin(with_several, ids)].sum()))

    def without_fact(self, fact: str) -> int:
        """Return the number of photos that an older version read, which did not know a fact."""
        return self._reads.photos.without_fact(fact)

    def without_value(self, known: str) -> int:
        """Return the number of photos without a value of a filter: see `ValueFilter.known`."""
        return self._reads.selections.without_value(known)

    def within(self, ids: Sequence[int], among: Selection) -> set[int]:
        """Return the photos among these that are in a selection."""
        import numpy as np

        selected = self.ids(among)
        if not len(selected):
            return set()
        # Without a pass over all of them.
        rows = np.searchsorted(selected, np.array(ids, np.int64))
        return set(selected[np.minimum(rows, len(selected) - 1)].tolist()) & set(ids)

    def listing(
        self,
        among: Selection,
        sort: Literal["date", "path"],
        after: Listed | None = None,
        limit: int = -1,
    ) -> list[Listed]:
        """Return the photos of a selection, newest first or by path; only those after `after`."""
        return self._reads.selections.listing(among, sort, after, limit)

    def measures(self, among: Selection) -> PictureMeasures:
        """Return the stored measures of the pictures of a selection, in any order: `sort:best`."""
        return self._reads.selections.measures(among)

    def records(self, ids: Iterable[int]) -> dict[int, ShownPhoto]:
        """Return the records of these photos; photos without a path are left out."""
        wanted = list(ids)
        if len(wanted) > _MOST_KEPT:
            return self._read_records(wanted)
        kind = ("photos", tuple(self._online.items()))
        return self._reads.recent.get_each(kind, wanted, self._read_records, _PHOTO_BYTES)

    def _read_records(self, wanted: Sequence[int]) -> dict[int, ShownPhoto]:
        stored = self._reads.photos.with_files(wanted)
        found = {}
        for photo_id in wanted:
            known = stored.get(photo_id)
            if known is None:
                continue  # deleted since it was found
            photo = with_people(known.photo, known.faces_of) if known.faces_of else known.photo
            files = [
                # A folder that was added since this request began has just been read.
                PhotoFile(file.path, self._online.get(file.root_id, True), file.is_held)
                for file in known.files
            ]
            if len(files) > 1:
                files.sort(key=lambda file: (not file.is_online, file.is_missing))
            found[photo_id] = ShownPhoto(photo, tuple(files), known.date, known.dated_by)
        if self._origin is not None:
            self._origin.note_shown([each.photo.content_hash for each in found.values()])
        return found

    def vectors_of(
        self, ids: Iterable[int], *, only_several: bool = False
    ) -> dict[int, PhotoVectors]:
        """Return the vectors of these photos; with `only_several`, of photos with several parts."""
        return self._reads.vectors.parts(self._encoder.key, list(ids), only_several=only_several)

    def whole_vectors(self) -> Iterator[tuple[Ids, HalfVectors]]:
        """Yield the vectors of whole photos, some thousands at a time: ids (n,), rows (n, dim).

        This is for work on all photos: it takes time in proportion to their number.
        """
        import numpy as np

        live = self._reads.photos.live_ids()
        for _, ids, rows in self._reads.vectors.chunks(self._encoder.key):
            wholes = photo_starts(ids)
            shown = wholes[np.isin(ids[wholes], live)]
            yield ids[shown], rows[shown].astype(np.float16)

    def texts(self, ids: Iterable[int]) -> dict[int, PhotoText]:
        """Return the text in these photos; photos that were not read are left out."""
        return self._reads.photos.texts(ids)

    def photo_with(self, content_hash: bytes) -> int | None:
        """Return the id of the photo with this content."""
        return self._reads.photos.with_content(content_hash)

    def photo_at(self, path: Path) -> int | None:
        """Return the id of the photo at this absolute path."""
        return self._reads.photos.at(path)

    def raw_pairs(self, ids: Iterable[int]) -> list[tuple[int, int]]:
        """Return pairs (JPEG, RAW) of one shot in which one of these photos occurs."""
        return self._reads.photos.jpegs_with_raw(ids)

    def baseline(self) -> ScoreBaseline | None:
        """Return the scores of unrelated queries with these photos; None for too few photos."""
        return self._baseline

    @cached_property
    def _baseline(self) -> ScoreBaseline | None:
        return self._reads.encoders.baseline(self._encoder.key)

    @cached_property
    def _further_parts(self) -> tuple[Ids, Ids]:
        return self._reads.vectors.further_parts(self._encoder.key)
