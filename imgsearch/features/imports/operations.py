"""`library.imports`: what people have made in other programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from imgsearch.errors import DiskError
from imgsearch.paths import absolute

if TYPE_CHECKING:
    from imgsearch.features.imports.records import ImportReport
    from imgsearch.opened.library import OpenedLibrary


class Imports:
    """Brings stars, albums and names of faces from other programs."""

    def __init__(self, opened: OpenedLibrary) -> None:
        self._opened = opened

    def bring(
        self, source: str | Path, *, folder: str | Path | None = None, dry_run: bool = False
    ) -> ImportReport:
        """Merge what another program knows of photos of the library, in one transaction.

        `source` is a file or folder of one of the programs that docs/importing.md names; it is
        only read. Photos are
        known by the names and sizes of their files. What the library has stays; to bring it again
        changes nothing. With `folder`, only photos of the library in it count. With `dry_run`, the
        report says what would change. Raises SourceError for what cannot be read or is of no known
        program, UsageError, LibraryLocked and DiskError.
        """
        from imgsearch.features.backup.operations import follow_restored
        from imgsearch.features.imports.merging import merge
        from imgsearch.features.imports.programs import program_of

        database = self._opened.database()
        file = Path(absolute(source))
        below = None if folder is None else self._opened.origin.absolute(folder)
        try:
            program = program_of(file)
            photos = program.read(file)
            report = merge(database, program.PROGRAM, file, photos, below, dry_run=dry_run)
        except (OSError, ValueError) as error:  # ValueError for a path with a zero byte
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise DiskError(f"Cannot read {file} ({reason}). Choose another file.") from error
        follow_restored(self._opened, report.merged)
        return report
