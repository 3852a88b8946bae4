"""The library against a disk that people, phones and sync tools change: nothing is lost by it."""

from __future__ import annotations

import os
import shutil
import subprocess
import unicodedata
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from PIL import Image

from imgsearch import Library
from imgsearch.errors import FolderError, Reason, UsageError
from imgsearch.indexer import volumes
from imgsearch.records.arrays import Pixels
from imgsearch.store.store import Store
from tests.factories import paths_in, pngs_below, write_photo, write_photos
from tests.stand_in import StandIn

pytestmark = pytest.mark.usefixtures("stand_in")


# ------------------------------------------------------------------------- moves and edits

MOVES: dict[str, Callable[[Path], object]] = {
    "a file renamed": lambda here: (here / "0001.png").rename(here / "new name.png"),
    "only its case": lambda here: (here / "0001.png").rename(here / "0001.PNG.png"),
    "to another root": lambda here: (here / "0001.png").rename(here.parent / "two" / "a.png"),
    "a folder renamed": lambda here: (here / "album").rename(here / "ALBUM"),
    "a folder to another root": lambda here: (here / "album").rename(here.parent / "two" / "b"),
    "composed to decomposed": lambda here: (here / "café.png").rename(
        here / unicodedata.normalize("NFD", "café.png")
    ),
    "a copy": lambda here: shutil.copy(here / "0001.png", here / "copy.png"),
    "a hard link": lambda here: os.link(here / "0001.png", here / "album" / "linked.png"),
    "touched": lambda here: os.utime(here / "0001.png", (1, 1)),
    "replaced by itself, as sync tools do": lambda here: (
        shutil.copy(here / "0001.png", here / ".0001.png.tmp"),
        (here / ".0001.png.tmp").replace(here / "0001.png"),
    ),
    "swapped": lambda here: (
        (here / "0001.png").rename(here / "x.png"),
        (here / "0002.png").rename(here / "0001.png"),
        (here / "x.png").rename(here / "0002.png"),
    ),
}


@pytest.mark.parametrize("change", MOVES.values(), ids=MOVES.keys())
def test_no_move_copy_or_touch_embeds_anything(
    library: Library, stand_in: StandIn, tmp_path: Path, change: Callable[[Path], object]
) -> None:
    one, two = write_photos(tmp_path / "one", 5), write_photos(tmp_path / "two", 2, first=90)
    write_photo(one / "café.png", 50)
    write_photos(one / "album", 3, first=60)
    library.index([one, two]).run()
    assert stand_in.embedded == 11
    change(one)
    report = library.index().run()
    assert (report.new, report.failed, report.photos, stand_in.embedded) == (0, 0, 11, 11)
    assert paths_in(library.settings.data_dir) == pngs_below(one, two)


def test_each_photo_is_found_under_its_own_path_after_a_swap(
    library: Library, tmp_path: Path
) -> None:
    here = write_photos(tmp_path / "photos", 5)
    library.index([here]).run()
    MOVES["swapped"](here)
    library.index().run()
    for name in ("0001.png", "0002.png"):
        with Image.open(here / name) as image:  # other bytes: a photo is not its own result
            image.save(tmp_path / "example.bmp")
        (hit,) = library.search(image=tmp_path / "example.bmp", k=1)
        assert hit.path == here / name


def test_an_editor_that_saves_by_rename_makes_one_new_photo(
    library: Library, stand_in: StandIn, tmp_path: Path
) -> None:
    here = write_photos(tmp_path / "photos", 3)
    library.index([here]).run()
    write_photo(here / ".0001.png.swp.png", 70).replace(here / "0001.png")
    report = library.index().run()
    assert (report.new, report.photos, stand_in.embedded) == (1, 3, 4)
    assert paths_in(library.settings.data_dir) == pngs_below(here)


def test_an_edit_that_keeps_size_and_time_is_found_by_verify(
    library: Library, tmp_path: Path
) -> None:
    here = write_photos(tmp_path / "photos", 5)
    library.index([here]).run()
    stat = os.stat(here / "0001.png")
    write_photo(here / "0001.png", 2 * 251)  # a picture that compresses to the same number of bytes
    assert os.stat(here / "0001.png").st_size == stat.st_size
    os.utime(here / "0001.png", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert library.index().run().unchanged == 5
    report = library.index(verify=True).run()
    assert (report.new, report.unchanged, report.photos) == (1, 4, 5)
    assert library.index(verify=True).run().unchanged == 5


def test_a_file_may_become_a_folder_and_a_folder_a_file(library: Library, tmp_path: Path) -> None:
    here = write_photos(tmp_path / "photos", 3)
    write_photos(here / "album.png", 2, first=10)
    library.index([here]).run()
    (here / "0001.png").unlink()
    write_photo(here / "0001.png" / "inside.png", 20)
    shutil.rmtree(here / "album.png")
    write_photo(here / "album.png", 21)
    report = library.index().run()
    assert (report.new, report.failed) == (2, 0)
    assert paths_in(library.settings.data_dir) == pngs_below(here)


# ------------------------------------------------------------------------- XMP files


def stars(path: Path, rating: int) -> Path:
    """An XMP file that gives so many stars."""
    path.write_text(
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><r:RDF '
        'xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><r:Description '
        f'xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="{rating}"/></r:RDF></x:xmpmeta>'
    )
    return path


def rated(library: Library) -> dict[str, int]:
    """The stars of every photo that has some, by file name."""
    return {
        hit.path.name: rating
        for hit in library.find("in:photos", 100).hits
        if (rating := hit.photo.facts.rating) is not None
    }


def test_an_xmp_file_that_comes_changes_or_goes_is_noticed(
    library: Library, stand_in: StandIn, tmp_path: Path
) -> None:
    here = write_photos(tmp_path / "photos", 5)
    beside = stars(here / "0001.png.xmp", 3)  # there at first: read with its photo
    first = library.index([here]).run()
    assert (rated(library), first.reread) == ({"0001.png": 3}, 0)
    assert library.index().run().reread == 0
    stars(here / "0002.xmp", 5)
    stars(here / "of no photo.xmp", 1)
    assert (library.index().run().reread, rated(library)) == (1, {"0001.png": 3, "0002.png": 5})
    stars(beside, 4)
    os.utime(beside, ns=(1, 1))
    assert (library.index().run().reread, rated(library)) == (1, {"0001.png": 4, "0002.png": 5})
    beside.unlink()
    assert (library.index().run().reread, rated(library)) == (1, {"0002.png": 5})
    report = library.index().run()
    assert (report.reread, report.unchanged, stand_in.embedded) == (0, 5, 5)


def test_a_photo_that_leaves_its_xmp_file_or_comes_to_one_is_read_again(
    library: Library, stand_in: StandIn, tmp_path: Path
) -> None:
    here = write_photos(tmp_path / "photos", 3)
    stars(here / "0001.xmp", 3)
    stars(here / "waiting.xmp", 5)
    library.index([here]).run()
    (here / "0001.png").rename(here / "elsewhere.png")
    library.index().run()
    assert rated(library) == {}
    (here / "elsewhere.png").rename(here / "waiting.png")
    library.index().run()
    assert rated(library) == {"waiting.png": 5}
    (here / "album").mkdir()
    for name in ("waiting.png", "waiting.xmp"):
        (here / name).rename(here / "album" / name)
    library.index().run()
    assert (rated(library), stand_in.embedded) == ({"waiting.png": 5}, 3)


def test_the_xmp_files_of_an_offline_drive_are_not_gone(library: Library, tmp_path: Path) -> None:
    drive, other = (
        write_photos(tmp_path / "drive" / "photos", 3),
        write_photos(tmp_path / "photos", 2, 10),
    )
    stars(drive / "0001.xmp", 3)
    library.index([drive, other]).run()
    (tmp_path / "drive").rename(tmp_path / "unplugged")
    assert library.index().run().offline == 3
    assert rated(library) == {"0001.png": 3}
    stars(tmp_path / "unplugged" / "photos" / "0001.xmp", 4)
    (tmp_path / "unplugged").rename(tmp_path / "drive")
    assert (library.index().run().reread, rated(library)) == (1, {"0001.png": 4})


def test_an_xmp_file_waits_for_its_photo(library: Library, tmp_path: Path) -> None:
    here = write_photos(tmp_path / "photos", 2)
    library.index([here]).run()
    whole, about = (here / "0001.png").read_bytes(), os.stat(here / "0001.png")
    stars(here / "0001.xmp", 4)
    for content, reread in ((b"?" * len(whole), 0), (whole, 1)):  # a disk that cannot read it
        (here / "0001.png").write_bytes(content)
        os.utime(here / "0001.png", ns=(about.st_atime_ns, about.st_mtime_ns))
        assert library.index().run().reread == reread
    assert rated(library) == {"0001.png": 4}


# ------------------------------------------------------------------------- drives


def test_an_empty_mount_point_is_an_unplugged_drive(
    library: Library, stand_in: StandIn, tmp_path: Path
) -> None:
    said: list[str] = []
    library = Library.open(library.settings, notify=said.append, encoder=stand_in)
    drive = write_photos(tmp_path / "drive", 60)
    library.index([drive]).run()
    drive.rename(tmp_path / "unplugged")
    drive.mkdir()
    (drive / ".mount-point").touch()
    report = library.index().run()
    assert (report.offline, report.gone, report.missing, report.photos) == (60, 0, 0, 60)
    assert "imgsearch forget" in said[-1]
    assert library.status().roots[0].online is False
    assert library.search("a drive", k=1)[0].offline
    shutil.rmtree(drive)
    (tmp_path / "unplugged").rename(drive)
    report = library.index().run()
    assert (report.unchanged, report.offline, report.moved, report.new) == (60, 0, 0, 0)
    library.close()


def test_a_drive_unplugged_while_it_is_looked_at_loses_nothing(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drive = write_photos(tmp_path / "drive", 10)
    write_photos(drive / "album", 10, first=10)
    library.index([drive]).run()
    scandir = os.scandir

    def unplugged_halfway(path: str) -> object:
        if path.endswith("album"):
            drive.rename(tmp_path / "unplugged")
        return scandir(path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", unplugged_halfway)
        report = library.index().run()
    assert (report.gone, report.offline, report.photos) == (0, 20, 20)


@pytest.fixture
def plug(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, Path], None]]:
    """Mounts the small drive of a name at a folder, unmounting what it or the folder had before.

    Each drive has an identity as udev gives it.
    """
    by_uuid = tmp_path / "by-uuid"
    by_uuid.mkdir()
    monkeypatch.setattr(volumes, "BY_UUID", by_uuid)
    mounted: dict[str, Path] = {}

    def unplug(name: str) -> None:
        subprocess.run(["umount", mounted.pop(name)], check=True)
        (by_uuid / name).unlink()

    def mount(name: str, folder: Path) -> None:
        for other, place in list(mounted.items()):
            if name == other or place == folder:
                unplug(other)
        image = tmp_path / f"{name}.img"
        if not image.exists():
            with open(image, "wb") as file:
                file.truncate(2_000_000)
            subprocess.run(["mkfs.ext4", "-q", "-O", "^has_journal", image], check=True)
        folder.mkdir(exist_ok=True)
        subprocess.run(["mount", "-o", "loop", image, folder], check=True)
        mounted[name] = folder
        found = volumes.mount_of(str(folder))
        assert found is not None
        (by_uuid / name).symlink_to(found.source)

    try:
        mount("try", tmp_path / "try")
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs the right to mount a drive")
    unplug("try")
    yield mount
    for name in list(mounted):
        unplug(name)


def test_a_drive_is_known_at_another_mount_point(
    library: Library, stand_in: StandIn, tmp_path: Path, plug: Callable[[str, Path], None]
) -> None:
    plug("holidays", tmp_path / "a")
    write_photos(tmp_path / "a" / "2019", 5)
    library.index([tmp_path / "a" / "2019"]).run()
    plug("holidays", tmp_path / "b")
    report = library.index().run()
    assert (report.unchanged, report.offline, report.moved) == (5, 0, 0)
    assert paths_in(library.settings.data_dir) == pngs_below(tmp_path / "b" / "2019")
    assert [root.path for root in library.status().roots] == [tmp_path / "b" / "2019"]
    plug("holidays", tmp_path / "c")
    library.index([tmp_path / "c" / "2019"]).run()
    assert [root.path for root in library.status().roots] == [tmp_path / "c" / "2019"]
    assert stand_in.embedded == 5


def test_another_drive_in_its_place_changes_nothing(
    library: Library, tmp_path: Path, plug: Callable[[str, Path], None]
) -> None:
    usb = tmp_path / "usb"
    plug("mine", usb)
    write_photos(usb, 5)
    library.index([usb]).run()
    plug("yours", usb)
    write_photos(usb, 5, first=20)
    report = library.index().run()
    assert (report.offline, report.new, report.gone) == (5, 0, 0)
    assert library.status().roots[0].online is False
    plug("mine", usb)
    assert library.index().run().unchanged == 5


def test_photos_restored_to_a_new_drive_are_at_home_there(
    library: Library, tmp_path: Path, plug: Callable[[str, Path], None]
) -> None:
    plug("old", tmp_path / "disk")
    write_photos(tmp_path / "disk", 5)
    library.index([tmp_path / "disk"]).run()
    shutil.copytree(tmp_path / "disk", tmp_path / "backup", ignore=shutil.ignore_patterns("lost*"))
    plug("new", tmp_path / "disk")
    for file in (tmp_path / "backup").glob("*.png"):
        shutil.copy2(file, tmp_path / "disk")
    write_photo(tmp_path / "disk" / "more.png", 99)
    report = library.index().run()
    assert (report.new, report.offline, report.photos) == (1, 0, 6)
    assert library.status().roots[0].online


# ------------------------------------------------------------------------- mass removals


def test_a_mass_removal_is_held_until_it_is_accepted(
    library: Library, stand_in: StandIn, tmp_path: Path
) -> None:
    said: list[str] = []
    library = Library.open(library.settings, notify=said.append, encoder=stand_in)
    here = write_photos(tmp_path / "photos", 100)
    library.index([here]).run()
    for number in range(60):
        (here / f"{number:04}.png").unlink()
    report = library.index().run()
    assert (report.gone, report.missing, report.photos) == (0, 60, 100)
    assert "60 of the 100 photos" in said[-1] and "--accept-removals" in said[-1]
    assert library.status().roots[0].missing == 60
    hits = library.search("anything", k=200)
    assert {hit.path.name for hit in hits if hit.missing} == {f"{n:04}.png" for n in range(60)}
    assert library.index().run().missing == 60, "asking again changes nothing"
    report = library.index(accept_removals=True).run()
    assert (report.gone, report.missing, report.photos) == (60, 0, 40)
    assert paths_in(library.settings.data_dir) == pngs_below(here)
    library.close()


def test_held_photos_that_come_back_are_as_before(
    library: Library, stand_in: StandIn, tmp_path: Path
) -> None:
    here = write_photos(tmp_path / "photos", 100)
    library.index([here]).run()
    (tmp_path / "trash").mkdir()
    for number in range(80):
        (here / f"{number:04}.png").rename(tmp_path / "trash" / f"{number:04}.png")
    assert library.index().run().missing == 80
    for number in range(50):
        (tmp_path / "trash" / f"{number:04}.png").rename(here / f"{number:04}.png")
    assert library.index().run().missing == 30
    for number in range(50, 80):
        (tmp_path / "trash" / f"{number:04}.png").rename(here / f"elsewhere {number}.png")
    report = library.index().run()
    assert (report.missing, report.gone, report.moved) == (0, 0, 30)
    assert stand_in.embedded == 100
    assert paths_in(library.settings.data_dir) == pngs_below(here)


@pytest.mark.parametrize(("total", "removed"), [(100, 49), (400, 80)])
def test_what_a_person_may_have_deleted_is_not_held(
    library: Library, tmp_path: Path, total: int, removed: int
) -> None:
    here = write_photos(tmp_path / "photos", total)
    library.index([here]).run()
    for number in range(removed):
        (here / f"{number:04}.png").unlink()
    report = library.index().run()
    assert (report.gone, report.missing, report.photos) == (removed, 0, total - removed)


def test_a_slow_mass_removal_is_one_all_the_same(library: Library, tmp_path: Path) -> None:
    here = write_photos(tmp_path / "photos", 200)
    library.index([here]).run()
    for start in range(0, 160, 20):
        for number in range(start, start + 20):
            (here / f"{number:04}.png").unlink()
        report = library.index().run()
    assert report.photos >= 150
    assert report.missing == report.photos - 40


def test_a_mass_move_is_no_removal(library: Library, stand_in: StandIn, tmp_path: Path) -> None:
    one, two = write_photos(tmp_path / "one", 100), write_photos(tmp_path / "two", 1, first=200)
    library.index([one, two]).run()
    for number in range(99):
        (one / f"{number:04}.png").rename(two / f"moved {number}.png")
    report = library.index().run()
    assert (report.moved, report.gone, report.missing) == (99, 0, 0)
    assert stand_in.embedded == 101


# ------------------------------------------------------------------------- locked, forgotten


@pytest.mark.parametrize("mode", [0o000, 0o400])  # not even listed; listed, but no file is told of
def test_permission_lost_is_an_error_on_that_folder_only(
    library: Library, tmp_path: Path, mode: int
) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read every folder (see the same test in a process without the right)")
    here = write_photos(tmp_path / "photos", 3)
    locked = write_photos(here / "locked", 3, first=10)
    library.index([here]).run()
    locked.chmod(mode)
    try:
        (here / "0000.png").unlink()
        report = library.index().run()
        assert (report.gone, report.photos) == (1, 5)
        (failure,) = library.status().failures
        assert (failure.path, failure.reason) == (locked, Reason.UNREADABLE)
    finally:
        locked.chmod(0o755)
    assert library.index().run().unchanged == 5
    assert library.status().failures == ()


def test_a_link_to_an_unplugged_drive_keeps_its_photos(library: Library, tmp_path: Path) -> None:
    here = write_photos(tmp_path / "photos", 3)
    drive = write_photos(tmp_path / "drive", 3, first=10)
    (here / "drive").symlink_to(drive)
    library.index([here]).run()
    drive.rename(tmp_path / "unplugged")
    report = library.index().run()
    assert (report.gone, report.photos) == (0, 6)
    (failure,) = library.status().failures
    assert failure.path == here / "drive" and "leads to a folder" in failure.message
    (tmp_path / "unplugged").rename(drive)
    assert library.index().run().unchanged == 6
    (here / "drive").unlink()
    assert library.index().run().gone == 3
    assert library.status().failures == ()


def test_a_file_that_vanishes_while_it_is_read_is_no_failure(
    library: Library, stand_in: StandIn, tmp_path: Path
) -> None:
    here = write_photos(tmp_path / "photos", 3)
    shutil.copy(here / "0000.png", here / "zz copy.png")
    prepare = stand_in.prepare

    def vanish(image: Image.Image) -> Pixels:
        (here / "0000.png").unlink(missing_ok=True)
        return prepare(image)

    stand_in.prepare = vanish  # type: ignore[method-assign]
    report = library.index([here]).run()
    assert report.failed == 0
    assert "zz copy.png" in {Path(path).name for path in paths_in(library.settings.data_dir)}, (
        "its copy stands in"
    )


def test_forget_removes_a_root_and_only_its_own_photos(
    library: Library, stand_in: StandIn, tmp_path: Path
) -> None:
    one, two = write_photos(tmp_path / "one", 5), write_photos(tmp_path / "two", 3)
    library.index([one, two]).run()
    with pytest.raises(UsageError, match="is not a folder of the library"):
        library.forget(tmp_path)
    assert library.root(one).photos == 5
    shutil.rmtree(one)
    assert library.forget(one) == 2, "the other three lie in the other folder, too"
    assert library.status().photos == 3
    with pytest.raises(FolderError):
        library.index([one]).run()
    write_photos(one, 5)
    assert library.index([one]).run().new == 0
    assert stand_in.embedded == 5


def test_prune_drops_only_what_has_been_gone_for_long(library: Library, tmp_path: Path) -> None:
    here = write_photos(tmp_path / "photos", 100)
    drive = write_photos(tmp_path / "drive", 3, first=200)
    library.index([here, drive]).run()
    drive.rename(tmp_path / "unplugged")
    (here / "0000.png").unlink()
    write_photo(here / "0001.png", 300)  # an edit: the photo before it has no path any more
    library.index().run()
    for number in range(2, 80):
        (here / f"{number:04}.png").unlink()
    assert library.index().run().missing == 78
    assert library.prune() == 0
    assert library.status().vectors == 104
    with Store.open(library.settings.data_dir, writable=True) as store:
        assert store.photos.prune(datetime.now(UTC) - timedelta(days=29)) == 0
        with store.database.engine.begin() as connection:  # a month later
            connection.exec_driver_sql(
                "UPDATE photos SET gone_at = '2020-01-01T00:00:00Z' WHERE gone_at IS NOT NULL"
            )
    assert library.prune() == 2
    assert library.status().vectors == 102
    assert library.prune(days=0) == 0


def test_a_photo_that_came_back_in_time_is_not_pruned(library: Library, tmp_path: Path) -> None:
    here = write_photos(tmp_path / "photos", 5)
    library.index([here]).run()
    kept = (here / "0000.png").read_bytes()
    (here / "0000.png").unlink()
    library.index().run()
    (here / "restored.png").write_bytes(kept)
    library.index().run()
    assert library.prune(days=0) == 0


@pytest.mark.parametrize(
    "name",
    ["a.png.part", "a.crdownload", "~syncthing~a.png", ".syncthing.a.png.tmp", "a.png.!sync"],
)
def test_unfinished_files_are_not_read(library: Library, tmp_path: Path, name: str) -> None:
    here = write_photos(tmp_path / "photos", 1)
    write_photo(here / "x.png", 3).rename(here / name)
    write_photo(here / "Safari.png.download" / "Safari.png", 4)
    assert library.index([here]).run().photos == 1


def test_mount_tables_are_read() -> None:
    linux = (
        b"36 35 98:0 /mnt1 /mnt\\0402 rw,noatime master:1 - ext3 /dev/root rw,errors=continue\n"
        b"40 1 0:40 / /nas rw - nfs4 nas:/photos rw\n"
        b"41 1 0:41 / /phone rw shared:5 - fuse.sshfs me@host:/ rw\n"
        b"42 1 0:42 / /win rw - fuseblk /dev/sdb1 rw\n"
    )
    first, nas, phone, windows = volumes.parse_mountinfo(linux)
    assert (first.point, first.inside, first.kind) == ("/mnt 2", "/mnt1", "ext3")
    assert [one.is_network for one in (first, nas, phone, windows)] == [False, True, True, False]
    mac = (
        "//me@nas/photos on /Volumes/My Photos (smbfs, nodev, nosuid)\nmap -hosts on /net (autofs)"
    )
    share, _ = volumes.parse_mount_command(mac)
    assert (share.point, share.kind, share.is_network) == ("/Volumes/My Photos", "smbfs", True)
