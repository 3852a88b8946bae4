"""The zip file of copies: streamed, of unchanged photos only, with names that unpack anywhere."""

from __future__ import annotations

import os
import subprocess
import tempfile
import tracemalloc
import zipfile
from collections.abc import Iterator
from datetime import datetime
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from imgsearch import ImgsearchError, Library, Settings
from imgsearch.outputs.copies import (
    LIST_NAME,
    unreadable_photos,
    zip_date,
    zip_of_copies,
)
from imgsearch.outputs.file_names import safe_name, unique_name
from tests.factories import write_noise
from tests.programs import need_programs
from tests.stand_in import StandIn


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two photos of the same name, one whose name is not UTF-8, one with a hostile name."""
    folder = tmp_path / "photos"
    write_noise(folder / "a" / "IMG_1.png", 1)
    write_noise(folder / "b" / "img_1.PNG", 2)
    write_noise(folder / "odd.png", 3)
    os.rename(folder / "odd.png", os.fsencode(folder) + b"/odd \xff.png")
    write_noise(folder / "x\\..\\evil.png", 4)
    return folder


@pytest.fixture
def library(photos: Path, tmp_path: Path) -> Iterator[Library]:
    settings = Settings.load(data_dir=tmp_path / "library", encoder="lite")
    with Library.open(settings, encoder=StandIn()) as opened:
        opened.index([photos]).run()
        yield opened


def selected(library: Library) -> dict[int, str]:
    return {hit.photo.id: str(hit.path) for hit in library.search("sort:path")}


def zipped(library: Library, photos: dict[int, str]) -> zipfile.ZipFile:
    return zipfile.ZipFile(BytesIO(b"".join(zip_of_copies(library.pictures.original, photos))))


def test_every_photo_is_in_it_under_a_name_that_is_safe_everywhere(
    library: Library, photos: Path
) -> None:
    archive = zipped(library, selected(library))
    assert archive.testzip() is None
    assert sorted(archive.namelist()) == [
        "IMG_1.png",
        "img_1-2.PNG",
        "odd \N{REPLACEMENT CHARACTER}.png",
        "x_.._evil.png",
    ]
    assert archive.read("IMG_1.png") == (photos / "a" / "IMG_1.png").read_bytes()
    assert archive.read("img_1-2.PNG") == (photos / "b" / "img_1.PNG").read_bytes()


@pytest.mark.parametrize("program", ["unzip", "7z", "bsdtar"])
def test_other_programs_unpack_it(library: Library, tmp_path: Path, program: str) -> None:
    need_programs(program)
    (tmp_path / "photos.zip").write_bytes(
        b"".join(zip_of_copies(library.pictures.original, selected(library)))
    )
    (tmp_path / "out").mkdir()
    arguments = {"unzip": ["-q"], "7z": ["x", "-y"], "bsdtar": ["-xf"]}[program]
    command = [program, *arguments, str(tmp_path / "photos.zip")]
    subprocess.run(command, cwd=tmp_path / "out", check=True, capture_output=True)
    unpacked = {path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert unpacked == {Path(path).read_bytes() for path in selected(library).values()}


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("IMG 1 – Zürich, 日本 👨\u200d👩.jpg", "IMG 1 – Zürich, 日本 👨\u200d👩.jpg"),
        ("..\\..\\Windows\\evil.jpg", ".._.._Windows_evil.jpg"),
        ("C:\\x.jpg", "C__x.jpg"),
        ('a<b>c"d|e?f*g.jpg', "a_b_c_d_e_f_g.jpg"),
        ("a\nb\x1b[0m.jpg", "a_b_[0m.jpg"),
        ("gpj.\u202eexe.jpg", "gpj._exe.jpg"),
        ("a\u2028b.jpg", "a_b.jpg"),
        ("nul.jpg", "_nul.jpg"),
        ("COM1.tar.jpg", "_COM1.tar.jpg"),
        ("x.jpg. .", "x.jpg"),
        ("...", "photo"),
        (os.fsdecode(b"\xff\xfe.jpg"), "��.jpg"),
        ("é" * 120 + ".jpg", "é" * 98 + ".jpg"),
    ],
)
def test_names_are_safe_on_every_system(name: str, safe: str) -> None:
    assert safe_name(name) == safe
    assert len(safe.encode()) <= 200


def test_names_differ_where_case_and_accents_are_written_in_another_way() -> None:
    taken: set[str] = set()
    names = ["é.jpg", "e\u0301.jpg", "É.JPG"]
    assert [unique_name(name, taken) for name in names] == ["é.jpg", "e\u0301-2.jpg", "É-3.JPG"]


@pytest.mark.parametrize(
    ("modified_at_s", "date"),
    [
        (datetime(2019, 5, 4, 13, 20, 30).timestamp(), (2019, 5, 4, 13, 20, 30)),
        (0.0, (1980, 1, 1, 0, 0, 0)),
        (-1e12, (1980, 1, 1, 0, 0, 0)),
        (datetime(2200, 1, 1).timestamp(), (2107, 12, 31, 23, 59, 58)),
        (1e12, (2107, 12, 31, 23, 59, 58)),
        (1e18, (2107, 12, 31, 23, 59, 58)),
    ],
)
def test_dates_are_those_of_the_files_as_far_as_a_zip_file_has_them(
    modified_at_s: float, date: tuple[int, ...]
) -> None:
    assert zip_date(modified_at_s) == date


def test_a_time_after_the_year_9999_does_not_end_it(tmp_path: Path) -> None:
    memory = Path("/dev/shm")  # most other file systems have no such times
    if not os.access(memory, os.W_OK):
        pytest.skip("there is no file system in memory")
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        path = write_noise(Path(folder, "one.png"), 1)
        os.utime(path, (4e11, 4e11))
        settings = Settings.load(data_dir=tmp_path / "library", encoder="lite")
        with Library.open(settings, encoder=StandIn()) as library:
            library.index([folder]).run()
            (entry,) = zipped(library, selected(library)).infolist()
    assert entry.date_time == (2107, 12, 31, 23, 59, 58)


def test_what_cannot_be_read_is_listed_and_nothing_takes_its_place(
    library: Library, photos: Path, tmp_path: Path
) -> None:
    wanted = selected(library)
    gone, grown, linked = (photos / "a" / "IMG_1.png", photos / "b" / "img_1.PNG",
                           photos / "x\\..\\evil.png")  # fmt: skip
    assert unreadable_photos(library.pictures.original, wanted) == {}
    gone.unlink()
    with grown.open("ab") as file:
        file.write(b"more")
    status = linked.stat()
    secret = tmp_path / "secret"
    secret.write_bytes(b"s" * status.st_size)
    os.utime(secret, ns=(status.st_atime_ns, status.st_mtime_ns))
    linked.unlink()
    linked.symlink_to(secret)
    wanted[12345] = "photo 12345"
    missing = unreadable_photos(library.pictures.original, wanted)
    assert set(missing) == {str(gone), str(grown), str(linked), "photo 12345"}
    archive = zipped(library, wanted)
    assert archive.namelist() == ["odd \N{REPLACEMENT CHARACTER}.png", LIST_NAME]
    listed = archive.read(LIST_NAME).decode()
    assert "Do not delete them" in listed
    assert all(str(path) in listed for path in (gone, grown, "photo 12345"))
    assert str(linked) in listed.replace("\\\\", "\\")


def test_a_photo_that_ends_early_ends_the_zip_file(library: Library, photos: Path) -> None:
    """Held in the middle of the copy, which then fails: what looks whole must be whole."""
    large = photos / "large.bmp"
    Image.frombytes("RGB", (700, 700), os.urandom(3 * 700 * 700)).save(large)
    library.index().run()
    wanted = {hit.photo.id: str(hit.path) for hit in library.search("name:large")}
    pieces = zip_of_copies(library.pictures.original, wanted)
    next(pieces)
    os.truncate(large, 300_000)
    with pytest.raises(ImgsearchError, match="became shorter"):
        list(pieces)


def test_a_photo_that_grows_meanwhile_is_copied_as_it_was(library: Library, photos: Path) -> None:
    large = photos / "large.bmp"
    Image.frombytes("RGB", (700, 700), os.urandom(3 * 700 * 700)).save(large)
    before = large.read_bytes()
    library.index().run()
    wanted = {hit.photo.id: str(hit.path) for hit in library.search("name:large")}
    pieces = zip_of_copies(library.pictures.original, wanted)
    content = [next(pieces)]
    with large.open("ab") as file:
        file.write(b"more" * 100_000)
    content += pieces
    assert zipfile.ZipFile(BytesIO(b"".join(content))).read("large.bmp") == before


def test_it_takes_no_more_memory_than_a_piece_of_it(library: Library, photos: Path) -> None:
    for number in range(4):
        image = Image.frombytes("RGB", (1500, 1500), os.urandom(3 * 1500 * 1500))
        image.save(photos / f"large-{number}.bmp")
    library.index().run()
    wanted = selected(library)
    tracemalloc.start()
    size_bytes = sum(len(piece) for piece in zip_of_copies(library.pictures.original, wanted))
    _, most_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size_bytes > 4 * 3 * 1500 * 1500
    assert most_bytes < 4 << 20
