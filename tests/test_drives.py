"""Drives that are unplugged, mounted elsewhere, or replaced by another one: no photo is lost."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from imgsearch import Library, Settings
from imgsearch.indexer import sync
from imgsearch.indexer.roots import online_roots
from imgsearch.indexer.volumes import MountTable, parse_mount_command, parse_mountinfo
from imgsearch.progress import Job, SyncReport
from imgsearch.store.reads import Reads
from tests.factories import context_of, paths_in, pngs_below, write_photo, write_photos
from tests.stand_in import StandIn


@pytest.fixture
def notices() -> list[str]:
    """The sentences that the library has notified."""
    return []


@pytest.fixture
def library(tmp_path: Path, stand_in: StandIn, notices: list[str]) -> Iterator[Library]:
    settings = Settings.load(data_dir=tmp_path / "library", encoder="lite")
    with Library.open(settings, notices.append, encoder=stand_in) as opened:
        yield opened


def test_an_empty_mount_point_is_an_unplugged_drive(
    library: Library, notices: list[str], tmp_path: Path
) -> None:
    drive = write_photos(tmp_path / "drive", 60)
    library.index([drive]).run()
    drive.rename(tmp_path / "unplugged")
    drive.mkdir()
    (drive / ".mount-point").touch()
    report = library.index().run()
    assert (report.offline, report.gone, report.missing, report.photos) == (60, 0, 0, 60)
    assert "imgsearch forget" in notices[-1]
    assert library.status().roots[0].online is False
    assert library.search("a drive", k=1)[0].offline
    shutil.rmtree(drive)
    (tmp_path / "unplugged").rename(drive)
    report = library.index().run()
    assert (report.unchanged, report.offline, report.moved, report.new) == (60, 0, 0, 0)


def test_a_drive_that_is_unplugged_during_a_scan_keeps_its_photos(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drive = write_photos(tmp_path / "drive", 10)
    write_photos(drive / "album", 10, first=10)
    library.index([drive]).run()
    scandir = os.scandir

    def unplug_halfway(path: str) -> object:
        if path.endswith("album"):
            drive.rename(tmp_path / "unplugged")
        return scandir(path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", unplug_halfway)
        report = library.index().run()
    assert (report.gone, report.offline, report.photos) == (0, 20, 20)


def test_a_link_to_an_unplugged_drive_keeps_its_photos(library: Library, tmp_path: Path) -> None:
    here = write_photos(tmp_path / "photos", 3)
    drive = write_photos(tmp_path / "drive", 3, first=10)
    (here / "drive").symlink_to(drive)
    library.index([here]).run()
    drive.rename(tmp_path / "unplugged")
    report = library.index().run()
    assert (report.gone, report.photos) == (0, 6)
    (failure,) = library.status().failures
    assert failure.path == here / "drive" and "link leads to" in failure.message
    (tmp_path / "unplugged").rename(drive)
    assert library.index().run().unchanged == 6
    (here / "drive").unlink()
    assert library.index().run().gone == 3
    assert library.status().failures == ()


# ------------------------------------------------------------------------- mounted drives


class Drives:
    """Small drives that can be mounted, with identities such as udev gives them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._by_uuid = folder / "by-uuid"
        self._by_uuid.mkdir()
        self._mounted: dict[str, Path] = {}
        self.mounts = MountTable(by_uuid=self._by_uuid)

    def mount(self, name: str, folder: Path) -> None:
        """Mount the drive of this name, after unmounting it and what is at the folder."""
        for other, place in list(self._mounted.items()):
            if name == other or place == folder:
                self.unmount(other)
        image = self._folder / f"{name}.img"
        if not image.exists():
            with open(image, "wb") as file:
                file.truncate(2_000_000)
            subprocess.run(["mkfs.ext4", "-q", "-O", "^has_journal", image], check=True)
        folder.mkdir(exist_ok=True)
        subprocess.run(["mount", "-o", "loop", image, folder], check=True)
        self._mounted[name] = folder
        mount = self.mounts.mount_of(str(folder))
        assert mount is not None
        (self._by_uuid / name).symlink_to(mount.source)

    def unmount(self, name: str) -> None:
        subprocess.run(["umount", self._mounted.pop(name)], check=True)
        (self._by_uuid / name).unlink()

    def unmount_all(self) -> None:
        for name in list(self._mounted):
            self.unmount(name)


@pytest.fixture
def drives(tmp_path: Path) -> Iterator[Drives]:
    (tmp_path / "drives").mkdir()
    drives = Drives(tmp_path / "drives")
    try:
        drives.mount("try", tmp_path / "try")
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs the right to mount a drive")
    drives.unmount("try")
    yield drives
    drives.unmount_all()


class DriveLibrary:
    """A library that knows drives by the identities of `Drives`."""

    def __init__(self, data_dir: Path, stand_in: StandIn, mounts: MountTable) -> None:
        self._data_dir, self._mounts = data_dir, mounts
        settings = Settings.load(data_dir=data_dir, encoder="lite")
        self._context = context_of(settings, stand_in, mounts=mounts)

    def index(self, *folders: Path) -> SyncReport:
        return Job(
            sync.index(self._context, [str(folder) for folder in folders], False, False)
        ).run()

    def online(self) -> dict[Path, bool]:
        """Whether each root is online."""
        reads = Reads.open(self._data_dir)
        try:
            online = online_roots(reads, self._mounts)
            return {Path(path): online[root_id] for root_id, path in reads.roots.all().items()}
        finally:
            reads.close()


@pytest.fixture
def drive_library(tmp_path: Path, stand_in: StandIn, drives: Drives) -> DriveLibrary:
    return DriveLibrary(tmp_path / "library", stand_in, drives.mounts)


def test_a_drive_is_recognised_at_another_mount_point(
    drive_library: DriveLibrary, stand_in: StandIn, tmp_path: Path, drives: Drives
) -> None:
    drives.mount("holidays", tmp_path / "a")
    write_photos(tmp_path / "a" / "2019", 5)
    drive_library.index(tmp_path / "a" / "2019")
    drives.mount("holidays", tmp_path / "b")
    report = drive_library.index()
    assert (report.unchanged, report.offline, report.moved) == (5, 0, 0)
    assert paths_in(tmp_path / "library") == pngs_below(tmp_path / "b" / "2019")
    assert drive_library.online() == {tmp_path / "b" / "2019": True}
    drives.mount("holidays", tmp_path / "c")
    drive_library.index(tmp_path / "c" / "2019")
    assert drive_library.online() == {tmp_path / "c" / "2019": True}
    assert stand_in.embedded == 5


def test_another_drive_at_the_same_mount_point_changes_nothing(
    drive_library: DriveLibrary, tmp_path: Path, drives: Drives
) -> None:
    usb = tmp_path / "usb"
    drives.mount("mine", usb)
    write_photos(usb, 5)
    drive_library.index(usb)
    drives.mount("yours", usb)
    write_photos(usb, 5, first=20)
    report = drive_library.index()
    assert (report.offline, report.new, report.gone) == (5, 0, 0)
    assert drive_library.online() == {usb: False}
    drives.mount("mine", usb)
    assert drive_library.index().unchanged == 5
    assert drive_library.online() == {usb: True}


def test_a_new_drive_with_the_restored_photos_replaces_the_old_one(
    drive_library: DriveLibrary, tmp_path: Path, drives: Drives
) -> None:
    disk = tmp_path / "disk"
    drives.mount("old", disk)
    write_photos(disk, 5)
    drive_library.index(disk)
    shutil.copytree(disk, tmp_path / "backup", ignore=shutil.ignore_patterns("lost*"))
    drives.mount("new", disk)
    for file in (tmp_path / "backup").glob("*.png"):
        shutil.copy2(file, disk)
    write_photo(disk / "more.png", 99)
    report = drive_library.index()
    assert (report.new, report.offline, report.photos) == (1, 0, 6)
    assert drive_library.online() == {disk: True}


# ------------------------------------------------------------------------- mount tables


def test_mount_tables_of_linux_and_macos_are_read() -> None:
    linux = (
        b"36 35 98:0 /mnt1 /mnt\\0402 rw,noatime master:1 - ext3 /dev/root rw,errors=continue\n"
        b"40 1 0:40 / /nas rw - nfs4 nas:/photos rw\n"
        b"41 1 0:41 / /phone rw shared:5 - fuse.sshfs me@host:/ rw\n"
        b"42 1 0:42 / /win rw - fuseblk /dev/sdb1 rw\n"
    )
    first, *others = parse_mountinfo(linux)
    assert (first.point, first.inside, first.kind) == ("/mnt 2", "/mnt1", "ext3")
    assert [mount.is_network for mount in (first, *others)] == [False, True, True, False]
    mac = (
        "//me@nas/photos on /Volumes/My Photos (smbfs, nodev, nosuid)\nmap -hosts on /net (autofs)"
    )
    share, _ = parse_mount_command(mac)
    assert (share.point, share.kind, share.is_network) == ("/Volumes/My Photos", "smbfs", True)
