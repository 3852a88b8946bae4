"""Mounted file systems: which volume a folder is on, and where that volume is mounted now.

Drives move between mount points, and changes on network drives cause no events.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from msgspec import Struct

# File systems that other machines may change without an event on this one.
_NETWORK = frozenset(
    {
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "afpfs", "webdav", "davfs", "9p", "afs", "ceph"),
        *("lustre", "glusterfs", "coda", "ocfs2", "gfs2", "virtiofs", "vboxsf", "prl_fs", "fuse"),
    }
)
# Functions of Windows, since Python 3.12.
_LIST_VOLUMES: Callable[[], list[str]] | None = getattr(os, "listvolumes", None)
_LIST_MOUNTS: Callable[[str], list[str]] | None = getattr(os, "listmounts", None)
WINDOWS_VOLUME = "\\\\?\\Volume"


class Mount(Struct, frozen=True):
    """One mounted file system: the folder `inside` of its volume is mounted at `point`."""

    point: str
    inside: str
    kind: str  # ext4, nfs4, fuse.sshfs, …
    source: str  # /dev/sdb1, nas:/photos, …

    @property
    def is_network(self) -> bool:
        """Whether other machines may change it. `fuseblk` is a local disk and does not count."""
        return self.kind in _NETWORK or self.kind.startswith("fuse.")


class VolumePath(Struct, frozen=True):
    """A folder independent of mount points: the identity of its volume, and its path on it."""

    volume: str
    path: str


class MountTable(Struct, frozen=True):
    """The mounts of the system, read anew by every method.

    A local volume is identified by its UUID, a link in `by_uuid`; a network volume by its address.
    """

    mountinfo: Path = Path("/proc/self/mountinfo")
    by_uuid: Path = Path("/dev/disk/by-uuid")  # kept by udev on every common Linux

    def mounts(self) -> tuple[Mount, ...]:
        """Return all mounts, each later one above the earlier.

        Empty if the system does not list them.
        """
        if sys.platform == "darwin":
            import subprocess

            listing = subprocess.run(["/sbin/mount"], capture_output=True, text=True, check=False)
            return tuple(parse_mount_command(listing.stdout))
        if sys.platform == "win32":
            return tuple(windows_mounts())
        try:
            return tuple(parse_mountinfo(self.mountinfo.read_bytes()))
        except OSError:
            return ()

    def cheap_mounts(self) -> tuple[Mount, ...]:
        """Return all mounts if that takes a file to read and no process to start.

        Otherwise empty.
        """
        return self.mounts() if self.mountinfo.exists() else ()

    def mount_of(self, folder: str) -> Mount | None:
        """Return the mount that `folder` is on, symbolic links resolved.

        None if that is unknown.
        """
        real = os.path.realpath(folder)
        found = None
        for mount in self.mounts():  # of several at one point, the last hides the others
            if _is_at_or_below(real, mount.point) and (
                found is None or len(mount.point) >= len(found.point)
            ):
                found = mount
        return found

    def volume_path(self, folder: str) -> VolumePath | None:
        """Return the volume of `folder` and its path there.

        None if the volume cannot be identified.
        """
        mount = self.mount_of(folder)
        volume = None if mount is None else self._identity(mount)
        if mount is None or volume is None:
            return None
        below = os.path.relpath(os.path.realpath(folder), mount.point)
        return VolumePath(volume, _join(mount.inside, below))

    def locate(self, place: VolumePath) -> str | None:
        """Return the path of `place` now; None if its volume is not mounted."""
        for mount in reversed(self.mounts()):
            if (
                not _is_at_or_below(place.path, mount.inside)
                or self._identity(mount) != place.volume
            ):
                continue
            folder = _join(mount.point, os.path.relpath(place.path, mount.inside))
            if os.path.isdir(folder) and self.mount_of(folder) == mount:  # noqa: PTH112
                return folder
        return None

    def _identity(self, mount: Mount) -> str | None:
        if mount.is_network:
            return mount.source
        if mount.source.startswith(WINDOWS_VOLUME):
            return mount.source.removeprefix(WINDOWS_VOLUME).strip("{}\\")
        if not mount.source.startswith("/dev/"):
            return None
        device = os.path.realpath(mount.source)
        try:
            for link in self.by_uuid.iterdir():
                if os.path.realpath(link) == device:
                    return link.name
        except OSError:
            pass
        return None


SYSTEM_MOUNTS = MountTable()


def parse_mountinfo(table: bytes) -> Iterable[Mount]:
    """Return the mounts in Linux's /proc/self/mountinfo (see proc_pid_mountinfo(5))."""
    for line in table.splitlines():
        fields = line.split(b" ")
        if b"-" not in fields[6:]:
            continue
        kind, source = fields[fields.index(b"-", 6) + 1 :][:2]
        inside, point = (os.fsdecode(_unescape(field)) for field in fields[3:5])
        yield Mount(point, inside, os.fsdecode(kind), os.fsdecode(_unescape(source)))


def parse_mount_command(listing: str) -> Iterable[Mount]:
    """Return the mounts in the output of macOS' mount(8): `SOURCE on POINT (KIND, options)`."""
    for line in listing.splitlines():
        match = re.fullmatch(r"(.+) on (/.*) \(([^,)]+).*\)", line)
        if match:
            source, point, kind = match.groups()
            yield Mount(point, "/", kind, source)


def windows_mounts(
    volumes: Callable[[], list[str]] | None = _LIST_VOLUMES,
    points: Callable[[str], list[str]] | None = _LIST_MOUNTS,
) -> Iterable[Mount]:
    """Return the volumes of Windows with the drive letters and folders where they are.

    A volume has a name of its own, whatever its letter. None before Python 3.12, which cannot list
    them: a drive that returns with another letter is then taken for another one.
    """
    if volumes is None or points is None:
        return
    for volume in volumes():
        try:
            found = points(volume)
        except OSError:  # an empty card reader
            continue
        yield from (Mount(point, "\\", "ntfs", volume) for point in found)


def _unescape(field: bytes) -> bytes:
    return re.sub(rb"\\([0-7]{3})", lambda match: bytes([int(match[1], 8)]), field)


def _is_at_or_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def _join(folder: str, below: str) -> str:
    return folder if below == os.curdir else os.path.join(folder, below)  # noqa: PTH118
