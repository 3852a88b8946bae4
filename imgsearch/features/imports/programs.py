"""The programs whose files can be brought, each in a module of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from imgsearch.features.imports import (
    digikam,
    immich,
    lightroom,
    osxphotos,
    photoprism,
    takeout,
)
from imgsearch.features.imports.records import SourceError, SourcePhoto


class SourceProgram(Protocol):
    """A module that reads what one program has written."""

    PROGRAM: str  # its name

    def is_source(self, file: Path, /) -> bool:
        """Return whether a file or folder is of this program. Raises OSError."""

    def read(self, file: Path, /) -> Iterator[SourcePhoto]:
        """Yield its photos. Raises SourceError, UsageError and OSError."""


PROGRAMS: tuple[SourceProgram, ...] = (digikam, lightroom, photoprism, osxphotos, immich, takeout)


def program_of(file: Path) -> SourceProgram:
    """Return the program that has written a file or folder.

    Raises SourceError if it is of none that is known, and OSError.
    """
    for program in PROGRAMS:
        if program.is_source(file):
            return program
    raise SourceError(
        f"{file} is of no program that imgsearch knows. It reads digikam4.db, a catalogue of "
        "Lightroom (.lrcat), index.db of PhotoPrism, the JSON that osxphotos query --json writes, "
        "a database backup of Immich (.sql.gz), and the folder of an unpacked Google Takeout."
    )
