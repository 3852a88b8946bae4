"""The part `fleet` of a library that is an archive: filling it, and opening its originals."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from imgsearch.archive.originals import absolute_place
from imgsearch.progress import CopyReport, Job, ReplicaReport, SettleReport, SyncReport

if TYPE_CHECKING:
    from imgsearch.archive.filling import Filling
    from imgsearch.archive.lance.writer import LanceWriter
    from imgsearch.archive.replica.replica import Replica
    from imgsearch.indexer.opening import Indexing
    from imgsearch.records.index import EncoderRow


class Fleet:
    """Fills an archive, and opens its originals: the part that no other library has."""

    def __init__(self, filling: Filling, replica: Replica, indexing: Indexing) -> None:
        """`indexing` is that of the copy of the archive on this machine."""
        self._filling = filling
        self._replica = replica
        self._indexing = indexing

    def update_copy(self) -> Job[ReplicaReport]:
        """Take the changes of the archive into its copy on this machine, with progress.

        Every question does so by itself, but the first copy of a large archive takes a while. A job
        that was stopped goes on where it was. The job raises LibraryLocked while another process
        takes them, StoreError where there is no archive, ObjectStorageError, DiskError and
        EncoderMismatch.
        """
        return self._replica.updating(self._indexing)

    def copy_from(self, data_dir: str | Path, *, faces: bool = False) -> Job[CopyReport]:
        """Carry the library in a data folder over, with its vectors; nothing is embedded.

        With `faces`, also its faces and persons, for everybody who can read the archive.

        An archive that does not exist is made for the encoder of the library. What it has is not
        put again. The job raises EncoderMismatch where the library has no vectors of the archive's
        encoder, and StoreError.
        """
        return Job(self._filling.copy_from(Path(data_dir), faces))

    def read_metadata(
        self,
        folders: Iterable[str | Path],
        *,
        accept_removals: bool = False,
        ray: str | None = None,
    ) -> Job[SyncReport]:
        """Bring the archive up to date with folders, and read the facts of their photos again.

        The arguments are as for `Library.index`. Facts are read of the photos that this machine has
        indexed into the archive before, and none of these is embedded. In the report, `reread` is
        the number of photos with changed facts.
        """
        sources = [absolute_place(folder) for folder in folders]
        return Job(self._filling.index(sources, accept_removals, ray, metadata=True))

    def settle(self) -> Job[SettleReport]:
        """Compact, index and calibrate what was put since the archive was settled last.

        A run of `Library.index` and a copy settle at their end. Searches go on meanwhile. The job
        raises LibraryLocked where another process settles, and StoreError where there is no
        archive.
        """
        return self._filling.settle()

    def openable(self, path: str | Path, valid_s: int = 3_600) -> str:
        """Return a path or an address with which other programs open an original of this archive.

        An object below a mount point of the settings has a path. For another one, the result is an
        address that opens it without credentials for `valid_s` seconds, at most seven days: anyone
        who has the address can open it. Raises ObjectStorageError without credentials.
        """
        return self._replica.originals.openable(path, valid_s)

    def writer(self, encoder: EncoderRow | None = None) -> LanceWriter:
        """Return the writer of the archive; with `encoder`, the archive is created if needed.

        Settling embeds sample queries. Raises EncoderMismatch for vectors of another encoder, and
        StoreError where there is no archive.
        """
        return self._filling.writer(encoder)
