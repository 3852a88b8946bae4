"""What is in the data and the cache folder is for this user only, and so are older libraries."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from imgsearch import Library, Settings, private_files
from imgsearch.encoders.base import EncoderKind
from imgsearch.encoders.measurements import Measurements
from imgsearch.encoders.onnx import write_export
from imgsearch.encoders.registry import register, unregister
from imgsearch.encoders.speeds import Speeds
from imgsearch.features.installed import features
from tests.factories import CHECKOUT, IS_ROOT, write_photos
from tests.stand_in import StandIn

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
NOBODY = 65534
NEEDS_ROOT = pytest.mark.skipif(not IS_ROOT, reason="only root can act as another user")


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def not_private(*folders: Path) -> dict[str, str]:
    """The mode of everything in these folders, and of them, that is not 0700 or 0600."""
    return {
        str(path): oct(mode(path))
        for folder in folders
        for path in (folder, *folder.rglob("*"))
        if mode(path) != (0o700 if path.is_dir() else 0o600)
    }


def set_modes(folder: Path, folder_mode: int = 0o755, file_mode: int = 0o644) -> None:
    """Open a folder and all in it to others, as older versions left it."""
    for path in (folder, *folder.rglob("*")):
        path.chmod(folder_mode if path.is_dir() else file_mode)


def settings_in(place: Path) -> Settings:
    return Settings.load(data_dir=place / "own" / "library", cache_dir=place / "own" / "cache")


def use(settings: Settings, photos: Path) -> None:
    """All that writes to the data and the cache folder."""
    cache = settings.cache_dir
    with Library.open(settings, encoder=StandIn()) as library:
        library.index([photos]).run()
        library.rebuild().run()
        library.search("a photo")
        if "labels" in features():
            from imgsearch.features.labels.records import Classes

            library.labels.save("colours", Classes(("red", "blue")))
        assert library.pictures.thumbnail(1, 32)
        events = library.watch()
        next(events)
        events.close()  # type: ignore[attr-defined]

    def build(folder: Path) -> dict[str, object]:
        (folder / "tower.onnx").write_bytes(b"weights")
        return {}

    write_export(cache / "lite-text-0123456789ab", "a test", build)
    write_export(cache / "openclip" / "ViT-B-32--random", "a test", build)
    Measurements(cache / "batch_sizes.json").put("a device", 16)
    Speeds(cache).note("lite", 200, 4.0, None)


@pytest.mark.parametrize("mask", [0, 0o022, 0o077])
def test_all_that_is_created_is_private_whatever_the_umask(tmp_path: Path, mask: int) -> None:
    photos = write_photos(tmp_path / "photos", 5)
    settings = settings_in(tmp_path)
    with umask(mask):
        use(settings, photos)
    created = {path.name for path in (tmp_path / "own").rglob("*")}
    assert {"library.db", "writer.lock", "snapshots", "query-vectors"} <= created
    assert not_private(tmp_path / "own") == {}
    assert {mode(photo) for photo in photos.iterdir()} == {0o644}


def test_files_that_sqlite_adds_are_private(tmp_path: Path) -> None:
    with umask(0), Library.open(settings_in(tmp_path), encoder=StandIn()) as library:
        steps = iter(library.index([write_photos(tmp_path / "photos", 3)]))
        next(steps)
        names = {path.name for path in library.settings.data_dir.iterdir()}
        assert {"library.db-wal", "library.db-shm", "writer.json"} <= names
        assert not_private(library.settings.data_dir) == {}
        steps.close()  # type: ignore[attr-defined]


def test_an_older_library_becomes_private_when_it_is_opened(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    photos = write_photos(tmp_path / "photos", 5)
    use(settings, photos)
    set_modes(settings.data_dir)
    set_modes(settings.cache_dir)
    with Library.open(settings, encoder=StandIn()) as library:
        library.photo_count()
    assert not_private(settings.data_dir, settings.cache_dir) == {}
    set_modes(settings.data_dir)
    set_modes(settings.cache_dir)
    with Library.open(settings, encoder=StandIn()) as library:
        library.folders.forget(photos)
    assert not_private(settings.data_dir, settings.cache_dir) == {}


def test_a_stored_library_becomes_private(tmp_path: Path) -> None:
    shutil.copytree(CHECKOUT / "tests" / "data" / "library-0.1" / "library", tmp_path / "library")
    set_modes(tmp_path / "library")
    with Library.open(Settings.load(data_dir=tmp_path / "library")) as library:
        assert library.photo_count()
    assert not_private(tmp_path / "library") == {}


def test_in_a_folder_with_other_things_only_the_library_becomes_private(tmp_path: Path) -> None:
    """A photo folder that is the data folder, too: photos keep their modes, and so does it."""
    place = write_photos(tmp_path / "photos", 3)
    write_photos(place / "lite-2019", 1, first=7)
    settings = Settings.load(data_dir=place, cache_dir=tmp_path / "cache")
    with Library.open(settings, encoder=StandIn()) as library:
        library.index([place]).run()
        library.rebuild().run()
    set_modes(place)
    with Library.open(settings, encoder=StandIn()) as library:
        library.photo_count()
    photos = [*place.rglob("*.png")]
    assert len(photos) == 4 and {mode(photo) for photo in photos} == {0o644}
    assert mode(place) == mode(place / "lite-2019") == 0o755
    assert mode(place / "library.db") == 0o600 and mode(place / "snapshots") == 0o700


def test_files_of_a_registered_encoder_leave_the_cache_folder_private(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    use(settings, write_photos(tmp_path / "photos", 3))
    for name in ("mine-1.onnx", "mine"):
        (settings.cache_dir / name).touch()
    register(EncoderKind(prefix="mine", open=lambda name, *arguments: StandIn()))
    try:
        set_modes(settings.cache_dir)
        with Library.open(settings, encoder=StandIn()) as library:
            library.photo_count()
        assert not_private(settings.cache_dir) == {}
        set_modes(settings.cache_dir)
        (settings.cache_dir / "miners.txt").touch()
        with Library.open(settings, encoder=StandIn()) as library:
            library.photo_count()
        assert mode(settings.cache_dir) == 0o755, "a file of somebody else"
    finally:
        unregister("mine")


def test_a_link_in_the_data_folder_is_not_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("another program's")
    elsewhere.chmod(0o644)
    data = tmp_path / "library"
    data.mkdir(mode=0o755)
    (data / "serve.token").symlink_to(elsewhere)
    private_files.make_private(data)
    assert mode(elsewhere) == 0o644 and mode(data) == 0o700


def test_a_folder_that_everybody_writes_to_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o1777)
    (tmp_path / "library.db").touch(0o644)
    private_files.make_private(tmp_path)
    assert mode(tmp_path) == 0o1777 and mode(tmp_path / "library.db") == 0o600


@NEEDS_ROOT
def test_another_user_can_read_nothing(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        place.chmod(0o755)
        (place / "own").mkdir(mode=0o755)
        (place / "own").chmod(0o755)
        with umask(0o022):
            use(settings_in(place), write_photos(tmp_path / "photos", 3))
        for path in (place / "own" / "library" / "library.db", place / "own" / "cache"):
            listing = subprocess.run(["ls", "-R", path], user=NOBODY, capture_output=True)
            assert path.exists() and listing.returncode == 2 and listing.stdout == b""
        control = subprocess.run(["ls", place / "own"], user=NOBODY, capture_output=True)
        assert control.stdout == b"cache\nlibrary\n"


@NEEDS_ROOT
def test_a_library_of_another_user_keeps_its_modes(tmp_path: Path) -> None:
    if sys.platform == "win32":
        pytest.skip("needs Unix")
    settings = settings_in(tmp_path)
    use(settings, write_photos(tmp_path / "photos", 3))
    set_modes(settings.data_dir)
    for path in (settings.data_dir, *settings.data_dir.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    with Library.open(settings, encoder=StandIn()) as library:
        library.photo_count()
    assert mode(settings.data_dir) == 0o755 and mode(settings.data_dir / "library.db") == 0o644


# ------------------------------------------------------------------------- writing


def test_modes_are_exact_even_where_the_umask_takes_rights_of_our_own(tmp_path: Path) -> None:
    with umask(0o777):
        private_files.replace_file(tmp_path / "one" / "two" / "file", b"content")
        private_files.create_file(tmp_path / "one" / "empty")
    assert not_private(tmp_path / "one") == {}


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    file = tmp_path / "new" / "file"
    private_files.replace_file(file, b"first")
    with pytest.raises(TypeError):
        private_files.replace_file(file, "no bytes")  # type: ignore[arg-type]
    assert file.read_bytes() == b"first"
    assert list(file.parent.iterdir()) == [file]


def test_what_a_killed_process_left_is_deleted_after_an_hour(tmp_path: Path) -> None:
    """The process is killed in the middle of a file, by the limit on the size of its files."""
    if sys.platform == "win32":
        pytest.skip("needs Unix")
    code = (
        "import pathlib, resource, signal, sys\n"
        "from imgsearch import private_files\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_DFL)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "private_files.replace_file(pathlib.Path(sys.argv[1]), bytes(5000))\n"
    )
    folder = tmp_path / "thumbnails"
    done = subprocess.run([sys.executable, "-c", code, folder / "1.webp"], capture_output=True)
    assert done.returncode == -signal.SIGXFSZ, done.stderr
    (part,) = folder.iterdir()
    assert part.stat().st_size == 1000
    private_files.delete_abandoned(folder)
    assert part.exists(), "for all we know it is still written"
    an_hour_ago = time.time() - 3700
    os.utime(part, (an_hour_ago, an_hour_ago))
    private_files.delete_abandoned(folder)
    assert not part.exists()


def test_an_archive_in_a_folder_is_private(tmp_path: Path, stand_in: StandIn) -> None:
    pytest.importorskip("lance", reason="needs the extra scale")
    photos, settings = (
        write_photos(tmp_path / "photos", 3),
        Settings.load(data_dir=tmp_path / "data"),
    )
    with umask(0), Library.open(settings, encoder=stand_in) as library:
        library.index([photos]).run()
    indexed, copied, mixed = (tmp_path / name for name in ("indexed", "copied", "mixed"))
    mixed.mkdir(0o755)
    (mixed / "letter.txt").write_text("dear")
    (mixed / "letter.txt").chmod(0o644)
    for address in (copied, mixed):
        with umask(0), Library.open_archive(address, settings, encoder=stand_in) as archive:
            archive.fleet.copy_from(settings.data_dir).run()
    with umask(0), Library.open_archive(indexed, settings, encoder=stand_in) as archive:
        archive.index([photos]).run()
    assert not not_private(indexed, copied, *mixed.glob("*.lance"))
    assert (mode(mixed), mode(mixed / "letter.txt")) == (0o755, 0o644)
    set_modes(indexed)  # as an older version left it
    write_photos(photos, 1, first=3)
    with umask(0), Library.open_archive(indexed, settings, encoder=stand_in) as archive:
        archive.index([photos]).run()
        assert len(archive.search("width:>0")) == 4
        archive.fleet.settle().run()  # until then, the folder alone is closed
    assert not not_private(indexed)
