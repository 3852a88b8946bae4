"""Finds objects as files, if other programs mount the object storage on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Self

from msgspec import Struct

from imgsearch.archive.fleet.objects import S3Address
from imgsearch.errors import SettingsError, UsageError
from imgsearch.paths import expand_home

_NO_NAMES = frozenset(("", ".", ".."))


class MountPoints(Struct, frozen=True):
    """The folders on which object storage is mounted.

    `folders` maps mounted addresses, which end in "/", to folders; the longest address comes first.
    """

    folders: Mapping[str, Path]

    @classmethod
    def parse(cls, setting: str) -> Self:
        """Parse `s3://BUCKET/FOLDER=/FOLDER`, or several separated by ";"; "" has none.

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
        """Return the file of an object; None if it is not mounted or does not exist now."""
        for mounted, folder in self.folders.items():
            if address.startswith(mounted):
                names = address.removeprefix(mounted).split("/")
                # A key may have "..", and must not lead out of the folder.
                if _NO_NAMES.isdisjoint(names):
                    file = folder.joinpath(*names)
                    if file.is_file():
                        return file
        return None
