"""What is mounted where: which volume a folder lies on, and where that volume is now.

Drives move between mount points, and network drives send no events; both are told here.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from imgsearch.indexer import scan

if TYPE_CHECKING:
    from imgsearch.store.reads import Reads


MOUNT_TABLE = Path("/proc/self/mountinfo")
BY_UUID = Path("/dev/disk/by-uuid")  # kept by udev on every common Linux desktop and server

# File systems whose changes may be made by another machine, so that no event tells of them.
_NETWORK = frozenset(
    {
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "afpfs", "webdav", "davfs", "9p", "afs", "ceph"),
        *("lustre", "glusterfs", "coda", "ocfs2", "gfs2", "virtiofs", "vboxsf", "prl_fs", "fuse"),
    }
)


@dataclass(frozen=True, slots=True)
class Mount:
    """One mounted file system: `inside` is the folder of its volume that `point` shows."""

    point: str
    inside: str
    kind: str  # ext4, nfs4, fuse.sshfs, …
    source: str  # /dev/sdb1, nas:/photos, …

    @property
    def is_network(self) -> bool:
        """Whether others may change it without an event here. `fuseblk`, a local disk, is not."""
        return self.kind in _NETWORK or self.kind.startswith("fuse.")


@dataclass(frozen=True, slots=True)
class VolumePath:
    """A folder independent of mount points: the identity of its volume, and its path therein."""

    volume: str
    path: str


def mounts() -> tuple[Mount, ...]:
    """All mounts, later ones lying over earlier ones; empty where the system does not tell."""
    if sys.platform == "darwin":
        import subprocess

        listed = subprocess.run(["/sbin/mount"], capture_output=True, text=True, check=False)
        return tuple(parse_mount_command(listed.stdout))
    try:
        return tuple(parse_mountinfo(MOUNT_TABLE.read_bytes()))
    except OSError:
        return ()


def mount_of(folder: str) -> Mount | None:
    """The mount that `folder` lies on, symbolic links resolved; None where nobody knows."""
    real = os.path.realpath(folder)
    found = None
    for mount in mounts():  # of equal points the last one counts: it hides the others
        covers = _is_inside(real, mount.point)
        if covers and (found is None or len(mount.point) >= len(found.point)):
            found = mount
    return found


def place_of(folder: str) -> VolumePath | None:
    """Where `folder` lies on its volume; None for a volume that the system gives no identity."""
    mount = mount_of(folder)
    volume = None if mount is None else _identity(mount)
    if mount is None or volume is None:
        return None
    return VolumePath(
        volume, _join(mount.inside, os.path.relpath(os.path.realpath(folder), mount.point))
    )


def find(place: VolumePath) -> str | None:
    """The path at which a place can be reached now; None when its volume is not mounted."""
    for mount in reversed(mounts()):
        if not _is_inside(place.path, mount.inside) or _identity(mount) != place.volume:
            continue
        folder = _join(mount.point, os.path.relpath(place.path, mount.inside))
        if os.path.isdir(folder) and mount_of(folder) == mount:  # noqa: PTH112  # bytes-safe
            return folder
    return None


def _identity(mount: Mount) -> str | None:
    if mount.is_network:
        return mount.source
    if not mount.source.startswith("/dev/"):
        return None
    device = os.path.realpath(mount.source)
    try:
        for link in BY_UUID.iterdir():
            if os.path.realpath(link) == device:
                return link.name
    except OSError:
        pass
    return None


def parse_mountinfo(table: bytes) -> Iterable[Mount]:
    """The mounts in Linux's /proc/self/mountinfo (see proc_pid_mountinfo(5))."""
    for line in table.splitlines():
        fields = line.split(b" ")
        if b"-" not in fields[6:]:
            continue
        kind, source = fields[fields.index(b"-", 6) + 1 :][:2]
        inside, point = (os.fsdecode(_unescape(field)) for field in fields[3:5])
        yield Mount(point, inside, os.fsdecode(kind), os.fsdecode(_unescape(source)))


def parse_mount_command(listing: str) -> Iterable[Mount]:
    """The mounts in what macOS' mount(8) prints: `SOURCE on POINT (KIND, options)`."""
    for line in listing.splitlines():
        match = re.fullmatch(r"(.+) on (/.*) \(([^,)]+).*\)", line)
        if match:
            source, point, kind = match.groups()
            yield Mount(point, "/", kind, source)


def _unescape(field: bytes) -> bytes:
    return re.sub(rb"\\([0-7]{3})", lambda match: bytes([int(match[1], 8)]), field)


def _is_inside(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def _join(folder: str, inside: str) -> str:
    return folder if inside == os.curdir else os.path.join(folder, inside)  # noqa: PTH118


def online_roots(store: Reads) -> dict[int, bool]:
    """Root id to whether that folder is there, and is the one that the library knows.

    A folder without any file is: nothing of it can be out of reach.
    """
    filled, volumes = store.filled_roots(), store.volumes()
    return {
        root_id: root_id not in filled
        or (is_there(path) and not is_other_drive(path, volumes.get(root_id)))
        for root_id, path in store.roots().items()
    }


def is_there(folder: str) -> bool:
    """Whether a folder can be reached: an empty one is a mount point without its drive."""
    try:
        with os.scandir(folder) as entries:
            return any(not scan.is_ignored(entry.name) for entry in entries)
    except PermissionError:
        return True
    except OSError:
        return False


def is_other_drive(folder: str, home: tuple[str, str] | None) -> bool:
    """Whether another volume than `home` (identity, path on it) is mounted at a folder now."""
    if home is None:
        return False

    place = place_of(folder)
    return place is not None and place.volume != home[0]
