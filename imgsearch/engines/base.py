"""The interface of an engine: a library is searched and shown alike, whatever it is kept in.

`LocalEngine` is SQLite and FAISS on this machine; `imgsearch.archive` has the engine of Lance
tables at an address, filled by a fleet. What an engine lacks is missing from its `capabilities`,
and nobody asks which one it is.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from imgsearch.analysis.browse import BrowsedPhotos
    from imgsearch.archive.operations import Fleet
    from imgsearch.catalogue.base import Catalogue
    from imgsearch.config import Settings
    from imgsearch.decode.thumbnails import Thumbnails
    from imgsearch.engines.local import LocalEngine
    from imgsearch.errors import Reason
    from imgsearch.progress import (
        FaceReport,
        Job,
        MergeReport,
        PackReport,
        Progress,
        RunningJob,
        SyncReport,
        TextReport,
    )
    from imgsearch.records.browse import EventTitle
    from imgsearch.records.faces import FaceCounts
    from imgsearch.records.files import Picture
    from imgsearch.records.labels import Classes, Label
    from imgsearch.records.pack import PackInfo
    from imgsearch.records.photo import IndexedFile, Photo
    from imgsearch.records.picture_text import TextCounts
    from imgsearch.records.query import Query, Understanding
    from imgsearch.records.status import Failure, Finding, Status, UnfinishedJob
    from imgsearch.search.context import SearchContext
    from imgsearch.search.kept_answers import KeptAnswers
    from imgsearch.search.suggestions import SuggestedNames
    from imgsearch.store.past_queries import PastQueries
    from imgsearch.store.people_stores import PeopleStores

_Result = TypeVar("_Result")


class Engine(Protocol):
    """The differences between the kinds of libraries. Any number of threads may use it at once."""

    @property
    def settings(self) -> Settings:
        """The settings that the library was opened with."""

    @property
    def address(self) -> str:
        """The place of the library: its data folder, or the address of an archive."""

    @property
    def working_folder(self) -> Path:
        """The folder of this machine where a service of the library, and a fleet, keep files."""

    @property
    def capabilities(self) -> frozenset[str]:
        """The parts that a library of this kind has: see `imgsearch.library.Library`."""

    @property
    def most_listed(self) -> int | None:
        """The number of photos that filters alone list at most; None without a limit."""

    def on_this_machine(self, what: str) -> LocalEngine:
        """The engine of a library on this machine, for what only such a library has.

        `what` names that. Raises UsageError where the library is an archive.
        """

    def photo_folders(self) -> list[str]:
        """The folders of photos that this machine knows, where nothing may be written."""

    def fleet(self) -> Fleet:
        """The part that fills an archive. Raises UsageError for a library on this machine."""

    def exists(self) -> bool:
        """Whether there is a library; the first `index` makes one."""

    def close(self) -> None:
        """Close files and release the encoder."""

    def raise_if_closed(self) -> None:
        """Raise UsageError after `close`."""

    def raise_if_damaged(self, error: Exception) -> None:
        """Raise StoreError if an unexpected error came from a damaged database."""

    def warm_up(self) -> None:
        """Load everything that a text query needs."""

    @property
    def encoder_is_loaded(self) -> bool:
        """Whether the encoder is in memory."""

    def release_encoder(self) -> None:
        """Release the encoder and its memory."""

    def status(self) -> Status:
        """The contents and state of the library. Raises UsageError or StoreError without one."""

    def running(self) -> RunningJob | None:
        """A job of this machine that changes the library now, in any process; None without one."""

    def unfinished(self) -> tuple[UnfinishedJob, ...]:
        """The jobs that were begun and have not come to their end. Raises as `status` does."""

    def photo_count(self) -> int:
        """The number of photos that can be found. Raises as `status` does."""

    def version(self) -> Hashable:
        """A value that changes whenever anything is written, by any process. Raises as `status`."""

    # ------------------------------------------------------------------ searching

    def context(self) -> SearchContext:
        """The context of a query. Raises as opening the library does."""

    def catalogue(self) -> Catalogue:
        """The photos, for what needs no query."""

    def understood(self, query: Query) -> Understanding:
        """The exact query that a query stands for."""

    def kept_answers(self) -> AbstractContextManager[KeptAnswers]:
        """The answers that were given since the library changed last.

        In the block, what else is cached counts as of the same version of the library.
        """

    def suggested_names(self) -> SuggestedNames:
        """The names that a line can be completed with."""

    def past_queries(self) -> PastQueries | None:
        """The queries that were typed before; None where none are kept."""

    def event_titles(self) -> Sequence[EventTitle]:
        """The titles that somebody has given to events."""

    def browsing(self) -> BrowsedPhotos:
        """Dates, places and names of all photos, or of some."""

    def photo_at(self, path: Path) -> int | None:
        """The id of the photo at this absolute path."""

    def why_unknown(self, path: Path) -> str:
        """A sentence that says why there is no photo at this path."""

    def labels(self, classes: Classes, query: Query | None, k: int) -> list[Label]:
        """The likeliest class of each photo that a query finds, or of all."""

    # ------------------------------------------------------------------ pictures

    def thumbnails(self) -> Thumbnails:
        """Makes pictures of photos, and keeps large ones in the cache folder."""

    def kept_thumbnail(self, content_hash: bytes) -> bytes | None:
        """The small picture that the library has of a photo."""

    def photo(self, photo_id: int) -> Photo | None:
        """The photo with this id, also one that no path points to."""

    def files_of(
        self, photo_id: int, with_video: bool = False
    ) -> Generator[IndexedFile, None, None]:
        """The files of a photo, each readable until the next one is asked for.

        `with_video` says that the other half of a Live Photo is wanted, too. Raises PhotoError
        where a file cannot be fetched.
        """

    def pictures_of(self, ids: Sequence[int]) -> list[tuple[Photo, Picture]]:
        """The photos that can be read now, each with what is read of it."""

    def reachable_files(self, photo_ids: Iterable[int]) -> Iterator[tuple[Photo, IndexedFile]]:
        """Yield the files of photos that this machine can reach, each with its photo.

        A file is as it was when it was indexed; it may have changed since.

        Raises UsageError where there is none because all are objects of a storage.
        """

    def absolute(self, place: str | Path) -> str:
        """A path of this machine, or an address where the library has those, in full."""

    # ------------------------------------------------------------------ upkeep

    def failures(self, reasons: tuple[Reason, ...]) -> tuple[Failure, ...]:
        """What could not be read, sorted by path; with `reasons`, only for these."""

    def photos_in(self, folder: str) -> int:
        """The number of photos in a folder or address that `forget` takes. Raises as it does."""

    def forget(self, folder: str) -> int:
        """Remove a folder or address, in full; returns how many photos left the library."""

    def prune(self, days: float) -> int:
        """Delete the data of photos without a file for this many days; returns their number."""

    def examine(self) -> Iterator[Finding]:
        """The findings of a check of everything that the library consists of."""

    def repair(self) -> list[str]:
        """Repair the findings that are safe to repair; returns a sentence for each."""

    def read_text(
        self, folders: Sequence[str], everything: bool, again: bool
    ) -> Generator[Progress, None, TextReport]:
        """Read the text in photos: see `imgsearch.operations.upkeep.Upkeep.read_text`."""

    def text_counts(self) -> TextCounts:
        """Count the photos that have text, have none, could not be read, and were not tried."""

    # ------------------------------------------------------------------ people

    def people(self) -> PeopleStores:
        """The faces and persons of the library, to read. Raises as opening the library does."""

    def names_in_files(self, photo_ids: Iterable[int]) -> Mapping[int, Sequence[str]]:
        """The names of people that the files of these photos state, by photo."""

    def deciding(self, decide: Callable[[PeopleStores], _Result]) -> _Result:
        """Decide something about people, or undo a change; returns the result of `decide`.

        `decide` makes one transaction. It is called again where another process of another machine
        has decided something in the meantime. Raises as it does, and LibraryLocked.
        """

    def find_faces(
        self, folders: Sequence[str], again: bool
    ) -> Generator[Progress, None, FaceReport]:
        """Find and group faces: see `imgsearch.operations.people.People.find_faces`."""

    def regroup_faces(self) -> None:
        """Group all faces anew."""

    def forget_faces(self, with_names: bool) -> int:
        """Delete all faces: see `imgsearch.operations.people.People.forget`."""

    def face_counts(self) -> FaceCounts:
        """Count the photos that have faces, have none, failed and were not tried, and persons."""

    # ------------------------------------------------------------------ filling

    def index(
        self, sources: Sequence[str], accept_removals: bool, verify: bool, ray: str | None
    ) -> Job[SyncReport]:
        """Bring the library up to date with these sources."""

    def pack(
        self, folder: str, file: Path | None, photos_only: bool, faces: bool
    ) -> Generator[Progress, None, PackReport]:
        """Write the photos below a folder into a pack, or into the folder without a file.

        With `faces`, their faces and persons go with them.
        """

    def merge(
        self, pack: Path, place: str | None, offline: bool, beside: bool, faces: bool
    ) -> Generator[Progress, None, MergeReport]:
        """Merge a pack: see `imgsearch.operations.packs.Packs.merge`."""

    def verify_pack(self, pack: Path) -> Generator[Progress, None, PackInfo]:
        """Read a whole pack and compare it with its checksums and the encoders of the library."""
