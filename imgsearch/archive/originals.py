"""The original files of the photos in an archive: files of this machine, or objects."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TypeVar

from imgsearch.archive.fleet.mounts import MountPoints
from imgsearch.archive.fleet.objects import ShownObjects, is_object
from imgsearch.errors import PhotoError
from imgsearch.paths import absolute
from imgsearch.records.photo import IndexedFile
from imgsearch.text import SCHEME, path_text

_Result = TypeVar("_Result")


class Originals:
    """Finds and opens originals. Safe in any thread."""

    def __init__(self, mounts: str) -> None:
        """`mounts` is the setting of this name. Raises SettingsError if it cannot be understood."""
        self._objects = ShownObjects()
        self._mounts = MountPoints.parse(mounts)

    def file_at(self, path: str) -> Path | None:
        """Return the file at a path of the archive; None for an object that is not mounted here."""
        return self._mounts.file_of(path) if is_object(path) else Path(path)

    def fetched(self, path: str, with_video: bool) -> AbstractContextManager[Path]:
        """Provide an object as a file until the block ends, as `ShownObjects.fetched` does."""
        return self._objects.fetched(path, with_video)

    def opened(
        self, path: str | Path, mtime_ns: int | None, with_video: bool
    ) -> Generator[IndexedFile, None, None]:
        """Yield a file that can be read until the next step; an object elsewhere is fetched.

        `mtime_ns` is its time of change when it was recorded. Raises PhotoError where it cannot be
        fetched.
        """
        address = path_text(path)
        file = self.file_at(address)
        if file is not None:
            yield IndexedFile(file, None, mtime_ns)
        else:
            with self.fetched(address, with_video) as fetched:
                yield IndexedFile(fetched)  # the copy has another time

    def read_first(self, places: Iterable[Path], read: Callable[[Path], _Result]) -> _Result | None:
        """Return the result of reading the first of these files that can be reached.

        Objects are fetched.

        `read` returns None for a file that cannot be reached now, and so does this.
        """
        for place in places:
            text = path_text(place)
            file = self.file_at(text)
            try:
                if file is not None:
                    result = read(file)
                else:
                    with self.fetched(text, with_video=False) as fetched:
                        result = read(fetched)
            except PhotoError:
                continue  # it cannot be fetched now
            if result is not None:
                return result
        return None

    def openable(self, path: str | Path, valid_s: int) -> str:
        """Return the file at a path of the archive, or an address that opens its object."""
        address = path_text(path)
        file = self.file_at(address)
        return self._objects.signed_address(address, valid_s) if file is None else str(file)


def absolute_place(place: str | Path) -> str:
    """Return an absolute path, or the address of an object as it is."""
    text = path_text(place)
    return text if SCHEME.match(text) else absolute(text)
