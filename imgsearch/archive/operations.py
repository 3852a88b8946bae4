"""The fleet of an archive: copies of libraries, and what opens an original in object storage."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from imgsearch.archive.originals import absolute_place

if TYPE_CHECKING:
    from imgsearch.archive.filling import Filling
    from imgsearch.archive.lance.writer import LanceWriter
    from imgsearch.archive.originals import Originals
    from imgsearch.progress import CopyReport, Job, SyncReport
    from imgsearch.records.index import EncoderRow


class Fleet:
    """What an archive has beyond a library on one machine."""

    def __init__(self, filling: Filling, originals: Originals) -> None:
        self._filling = filling
        self._originals = originals

    def copy_from(self, data_dir: str | Path) -> Job[CopyReport]:
        """Carry the library in a data folder over, with its vectors; nothing is embedded.

        An archive that does not exist is made for the encoder of the library. What it has is not
        put again. The job raises EncoderMismatch where the library has no vectors of the archive's
        encoder, and StoreError.
        """
        from imgsearch.progress import Job

        return Job(self._filling.copy_from(Path(data_dir)))

    def read_metadata(
        self,
        folders: Iterable[str | Path],
        *,
        accept_removals: bool = False,
        ray: str | None = None,
    ) -> Job[SyncReport]:
        """Bring the archive up to date with folders, and read the facts of their photos again.

        The arguments are those of `Library.index`. Facts are read of the photos that this machine
        has indexed into the archive before, and none of these is embedded. The report says of how
        many photos they changed (`reread`).
        """
        sources = [absolute_place(folder) for folder in folders]
        return self._filling.read_metadata(sources, accept_removals, ray)

    def openable(self, path: str | Path, valid_s: int = 3_600) -> str:
        """Return what opens the original at a path of this archive, for other programs.

        A file, also that of an object below a mount point of the settings; else an address that
        opens the object without credentials for `valid_s` seconds, at most seven days. Whoever has
        it can open it. Raises ObjectStorageError without credentials.
        """
        return self._originals.openable(path, valid_s)

    def writer(self, encoder: EncoderRow | None = None) -> LanceWriter:
        """Open what writes to the archive; with `encoder`, the archive is made if there is none.

        Settling embeds sample queries. Raises EncoderMismatch for vectors of another encoder, and
        StoreError where there is no archive.
        """
        return self._filling.writer(encoder)
