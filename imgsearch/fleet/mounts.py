"""Object storage that is also mounted as folders of this machine, by other programs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Self

from msgspec import Struct

from imgsearch.errors import SettingsError, UsageError
from imgsearch.fleet.objects import S3Address
from imgsearch.paths import expand_home

_NO_NAMES = frozenset(("", ".", ".."))


class MountPoints(Struct, frozen=True):
    """Where objects are files.

    `folders` are by the address of what is mounted, which ends in "/"; the longest address first.
    """

    folders: Mapping[str, Path]

    @classmethod
    def parse(cls, setting: str) -> Self:
        """Of `s3://BUCKET/FOLDER=/FOLDER`, several of them separated by ";"; of "", none.

        Raises SettingsError.
        """
        folders: dict[str, Path] = {}
        for entry in filter(str.strip, setting.split(";")):
            address, _, folder = entry.strip().partition("=")
            try:
                mounted, path = S3Address.parse(address.strip()), Path(expand_home(folder.strip()))
            except UsageError:
                mounted = None
            if mounted is None or not path.is_absolute():
                raise SettingsError(
                    f"The setting mounts has {entry.strip()!r}. Write s3://BUCKET/FOLDER=/FOLDER, "
                    "with the folder where it is mounted, and ; between two of them."
                )
            folders[str(mounted)] = path
        longest_first = sorted(folders, key=len, reverse=True)
        return cls({mounted: folders[mounted] for mounted in longest_first})

    def file_of(self, address: str) -> Path | None:
        """The file that an object is; None where it is not mounted, or not there now."""
        for mounted, folder in self.folders.items():
            if address.startswith(mounted):
                names = address.removeprefix(mounted).split("/")
                # A key may have "..", and must not lead out of the folder.
                if _NO_NAMES.isdisjoint(names):
                    file = folder.joinpath(*names)
                    if file.is_file():
                        return file
        return None
