"""The folders that the page offers, and how many photos it says are there."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from imgsearch import count_photo_files, subfolders, usual_folders
from imgsearch.decode.formats import is_photo_name
from imgsearch.errors import FolderError
from imgsearch.indexer.volumes import MountTable
from tests.factories import IS_ROOT, PATIENCE_S

_MOUNTS = """\
22 1 8:1 / / rw - ext4 /dev/sda1 rw
23 22 0:5 / /proc rw - proc proc rw
24 22 8:2 / /boot/efi rw - vfat /dev/sda2 rw
25 22 8:17 / /media/anna/Photos\\040disk rw - exfat /dev/sdb1 rw
26 22 0:50 / /srv/nas rw - nfs4 nas:/photos rw
27 22 0:51 / /run/user/1000/doc rw - fuse.portal portal rw
28 22 8:33 / {home}/disk rw - ext4 /dev/sdc1 rw
29 22 8:33 /x {home}/hostname rw - ext4 /dev/sdc1 rw
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "anna"
    for folder in ("Bilder/Genève/2019", "Downloads", "disk", ".config"):
        (home / folder).mkdir(parents=True)
    (home / "hostname").write_text("a file that is a mount point")
    (home / ".config" / "user-dirs.dirs").write_text(
        '# written by xdg-user-dirs-update\nXDG_PICTURES_DIR="$HOME/Bilder"\n'
        'XDG_DESKTOP_DIR="$HOME/"\nXDG_VIDEOS_DIR="$HOME/Videos"\n'
    )
    return home


def test_home_usual_folders_and_drives_are_offered(home: Path, tmp_path: Path) -> None:
    table = tmp_path / "mountinfo"
    table.write_text(_MOUNTS.format(home=home))
    choices = usual_folders(home, MountTable(mountinfo=table))
    assert [(choice.path, choice.name, choice.kind) for choice in choices] == [
        (home, "Home", "home"),
        (home / "Bilder", "Bilder", "usual"),
        (home / "Downloads", "Downloads", "usual"),
        *sorted(
            [
                (home / "disk", "disk", "drive"),
                (Path("/media/anna/Photos disk"), "Photos disk", "drive"),
                (Path("/srv/nas"), "nas", "drive"),
            ]
        ),
    ]


def test_photos_are_counted_below_a_folder_and_not_through_links(
    home: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    for path in (
        *(home / "Bilder" / "a.jpg", home / "Bilder" / "Genève" / "2019" / "b.HEIC"),
        *(home / "Bilder" / "notes.txt", home / "Bilder" / ".hidden.jpg"),
        *(outside / "c.jpg", outside / "d.jpg"),
    ):
        path.write_bytes(b"")
    (home / "Bilder" / "link").symlink_to(outside)
    (home / "Bilder" / "link.jpg").symlink_to(outside / "c.jpg")
    (home / "Bilder" / "loop").symlink_to(home)
    (home / "Linked").symlink_to(home / "Bilder")
    counts = count_photo_files([home / "Bilder", home / "Downloads", home / "Linked"], 60)
    assert [(count.files, count.is_complete) for count in counts.values()] == [
        (2, True), (0, True), (2, True)
    ]  # fmt: skip


def test_counting_ends_in_time_and_says_that_there_is_more(tmp_path: Path) -> None:
    for number in range(300):
        (tmp_path / f"{number:03}").mkdir()
        (tmp_path / f"{number:03}" / "photo.jpg").write_bytes(b"")
    may_count = threading.Event()

    def is_photo_when_it_may(name: str) -> bool:
        return may_count.wait(PATIENCE_S) and is_photo_name(name)

    (count,) = count_photo_files([tmp_path], 0.0, is_photo_when_it_may).values()
    assert not count.is_complete and count.files < 300
    may_count.set()
    threads = threading.active_count()
    (count,) = count_photo_files([tmp_path], 60).values()
    assert count.is_complete and count.files == 300
    assert threading.active_count() <= threads, "no thread goes on"


def test_subfolders_are_sorted_and_only_folders(home: Path) -> None:
    (home / "photo.jpg").write_bytes(b"")
    (home / "Album").symlink_to(home / "Bilder")
    (home / "broken").symlink_to(home / "nowhere")
    (home / "apples").mkdir()
    names = [path.name for path in subfolders(home)]
    assert names == ["Album", "apples", "Bilder", "disk", "Downloads"]


@pytest.mark.parametrize("name", ["missing", "hostname"])
def test_what_is_no_folder_is_told(home: Path, name: str) -> None:
    with pytest.raises(FolderError, match="cannot be read"):
        subfolders(home / name)


@pytest.mark.skipif(IS_ROOT, reason="root may read every folder")
def test_a_folder_that_may_not_be_read_is_told(home: Path) -> None:
    (home / "apples").mkdir(mode=0)
    with pytest.raises(FolderError, match="Permission denied"):
        subfolders(home / "apples")
