"""Albums and the tray: they keep photos whatever becomes of the files, and are undone."""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from imgsearch import Albums, ChangeHistory, Library, Marks, OriginalFile, Tray, parse, to_text
from imgsearch.decode import contact_sheet
from imgsearch.decode.contact_sheet import CAPTION_PX, CELL_PX, GAP_PX, MARGIN_PX, TITLE_ROOM_PX
from imgsearch.errors import DiskError, ImgsearchError, PhotoError, QueryError, UsageError
from imgsearch.features.albums import export
from imgsearch.features.albums.page import album_line
from imgsearch.outputs import copies
from imgsearch.service.client import Client
from imgsearch.store import changes as journal
from imgsearch.store.database import Database
from imgsearch.store.lock import writing
from tests.factories import (
    ingested,
    random_vectors,
    run_cli,
    wait_until,
    write_photo,
    write_photos,
)
from tests.services import serving
from tests.stand_in import StandIn


@pytest.fixture
def stocked(library: Library, stand_in: StandIn, tmp_path: Path) -> Library:
    """A library of `0000.png` to `0005.png`, with the ids 1 to 6, in the folder `photos`."""
    library.index([write_photos(tmp_path / "photos", 6)]).run()
    return library


def ids(library: Library, query: str) -> list[int]:
    return sorted(library.find_all(query).ids.tolist())


def counts(library: Library) -> dict[str, tuple[int, int]]:
    return {each.name: (each.photos, each.missing) for each in library.albums.all()}


# ------------------------------------------------------------------------- albums


def test_an_album_has_the_photos_that_were_put_into_it(stocked: Library) -> None:
    made = stocked.albums.make("Book", [5, 3, 5], "name:0000|0001 sort:path")
    assert (made.photos, made.title) == (4, "Made the album Book with 4 photos")
    assert stocked.albums.photos("book").photo_ids == (5, 3, 1, 2), "in the order of adding"
    assert ids(stocked, "album:BOOK") == [1, 2, 3, 5]
    assert ids(stocked, "-album:book") == [4, 6]
    added = stocked.albums.add("BOOK", [3, 6])
    assert (added.photos, added.title) == (1, "Added 1 photo to BOOK")
    assert stocked.albums.add("Book", [3, 6]).id is None, "nothing was changed"
    assert stocked.albums.take_out("Book", query="name:0000").photos == 1
    stocked.albums.rename("Book", "Été à la mer")
    assert ids(stocked, 'album:"ete a la MER"') == [2, 3, 5, 6]
    (album,) = stocked.albums.all()
    assert (album.name, album.photos, album.cover_id) == ("Été à la mer", 4, 5)
    assert stocked.photo(5).albums == ("Été à la mer",)
    assert stocked.albums.remove("ete a la mer").photos == 4
    assert stocked.albums.all() == () and stocked.photo_count() == 6


def test_all_results_of_a_query_are_added_at_once(stocked: Library) -> None:
    stocked.albums.make("all", query="type:png")
    stocked.albums.make("some", query="type:png", k=2)
    stocked.albums.make("alike", query="photo:1")
    stocked.albums.make("empty")
    assert counts(stocked) == {"alike": (5, 0), "all": (6, 0), "empty": (0, 0), "some": (2, 0)}
    assert stocked.find("album:empty").hits == ()
    assert len(stocked.find("photo:1 album:some|empty").hits) <= 2
    assert sum(year.photos for year in stocked.browse.timeline("album:some").years) == 2


def test_an_album_survives_moves_and_rebuilding_and_lists_what_is_missing(
    stocked: Library, tmp_path: Path
) -> None:
    photos = tmp_path / "photos"
    stocked.albums.make("Book", [1, 2, 3])
    (photos / "sub").mkdir()
    (photos / "0000.png").rename(photos / "sub" / "moved.png")
    kept = (photos / "0001.png").rename(tmp_path / "kept.png")
    stocked.index().run()
    stocked.rebuild().run()
    album = stocked.albums.photos("Book")
    assert (album.photo_ids, album.missing_ids) == ((1, 3), (2,))
    assert counts(stocked) == {"Book": (2, 1)}
    assert ids(stocked, "album:Book") == [1, 3]
    shutil.copy(kept, photos / "back.png")
    stocked.index().run()
    assert stocked.albums.photos("Book").photo_ids == (1, 2, 3)
    stocked.folders.forget(photos)
    assert counts(stocked) == {"Book": (0, 3)}
    wait_until(lambda: stocked.folders.prune(0))
    assert counts(stocked) == {"Book": (0, 0)}, "the library has forgotten them"


def test_albums_are_made_while_another_process_writes(stocked: Library) -> None:
    with writing(stocked.settings.data_dir):
        stocked.albums.make("Book", [1])
        stocked.tray.add([2])
        stocked.changes.undo()
    assert counts(stocked) == {"Book": (1, 0)}


def test_two_processes_add_to_one_album(stocked: Library) -> None:
    """Each photo is in it once, and both say what they have added."""
    stocked.albums.make("Book")
    code = (
        "import sys; from imgsearch import Library\n"
        "with Library.open(sys.argv[1]) as library:\n"
        "    print(sum(library.albums.add('Book', [each]).photos for each in [1, 2, 3, 4, 5, 6]))"
    )
    command = [sys.executable, "-c", code, str(stocked.settings.data_dir)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    added = [int(each.communicate()[0]) for each in both]
    assert sum(added) == 6 and stocked.albums.photos("Book").photo_ids == (1, 2, 3, 4, 5, 6)
    assert len(stocked.changes.all()) == 7


@pytest.mark.alone  # measures time
def test_an_album_of_ten_thousand_photos_opens_in_a_second(tmp_path: Path) -> None:
    vectors = random_vectors(12_000, StandIn.dim)
    with writing(tmp_path / "data") as store:
        root_id = store.files.add_root("/photos")
        row = store.vectors.add_encoder(StandIn.id, "lite", StandIn.dim)
        photos = [ingested(f"/photos/{at}.jpg", each[None]) for at, each in enumerate(vectors)]
        store.record(root_id, row.key, photos)
    with Library.open(tmp_path / "data", encoder=StandIn()) as library:
        library.albums.make("Book", range(1, 10_001))
        began_s = time.monotonic()
        assert len(library.albums.photos("Book").photo_ids) == 10_000
        assert len(library.find_all("album:Book").ids) == 10_000
        assert len(library.find("album:Book", 60).hits) == 60
        assert time.monotonic() - began_s < 1
        assert library.albums.remove("Book").photos == 10_000
        library.changes.undo()
        assert counts(library) == {"Book": (10_000, 0)}


# ------------------------------------------------------------------------- the tray


def test_the_tray_keeps_what_was_picked_over_searches_and_restarts(stocked: Library) -> None:
    assert stocked.tray.photos().photo_ids == ()
    assert stocked.tray.take_out([1]).id is None
    stocked.tray.add([4])
    stocked.tray.add(query="name:0000|0005 sort:path")
    assert stocked.tray.photos().photo_ids == (4, 1, 6)
    assert ids(stocked, "is:picked") == [1, 4, 6] and ids(stocked, "-is:picked") == [2, 3, 5]
    assert stocked.albums.all() == (), "the tray is no album"
    assert stocked.photo(4).albums == ()
    data = stocked.settings.data_dir
    stocked.close()
    with Library.open(data, encoder=StandIn()) as again:
        assert again.tray.photos().photo_ids == (4, 1, 6)
        again.albums.make("Book", query="is:picked sort:path")
        assert again.tray.clear().photos == 3
        assert again.tray.photos().photo_ids == () and again.tray.clear().id is None
        again.changes.undo()
        assert again.tray.photos().photo_ids == (4, 1, 6)


# ------------------------------------------------------------------------- undo


def test_every_change_can_be_undone_and_done_again(stocked: Library) -> None:
    def state() -> object:
        albums = {name: stocked.albums.photos(name) for name in counts(stocked)}
        return albums, stocked.tray.photos(), stocked.marks.of(range(1, 7))

    steps: list[Callable[[], object]] = [
        lambda: stocked.albums.make("Book", [1, 2]),
        lambda: stocked.albums.add("Book", [4, 3]),
        lambda: stocked.marks.set([1, 2], favourite=True, rating=4),
        lambda: stocked.albums.rename("Book", "Other"),
        lambda: stocked.tray.add([6, 5]),
        lambda: stocked.albums.take_out("Other", [1, 4]),
        lambda: stocked.marks.set([2, 3], rating=1, hidden=True),
        lambda: stocked.marks.set([1], favourite=False),
        lambda: stocked.tray.take_out([6]),
        lambda: stocked.albums.remove("Other"),
        lambda: stocked.marks.forget_rating([2]),
        lambda: stocked.tray.clear(),
    ]
    states = [state()]
    for step in steps:
        step()
        states.append(state())
    assert all(a != b for a, b in pairwise(states))
    for before in reversed(states[:-1]):
        stocked.changes.undo()
        assert state() == before
    with pytest.raises(UsageError, match="There is no change to undo"):
        stocked.changes.undo()
    for after in states[1:]:
        assert not stocked.changes.redo().undone
        assert state() == after
    with pytest.raises(UsageError, match="no undone change"):
        stocked.changes.redo()
    assert [each.title for each in stocked.changes.all()][:2] == [
        "Took 1 photo out of the tray",
        "Removed your stars from 1 photo",
    ]


def test_an_older_change_is_undone_without_the_newer_ones(stocked: Library) -> None:
    made = stocked.albums.make("Book", [1])
    marked = stocked.marks.set([1], favourite=True)
    stocked.marks.set([1], rating=3)
    stocked.albums.add("Book", [2])
    stocked.changes.undo(marked.id)
    assert stocked.marks.of([1])[1].rating == 3 and not stocked.marks.of([1])[1].favourite
    with pytest.raises(UsageError, match=r'"Added 1 photo to Book" came later .* undo 4$'):
        stocked.changes.undo(made.id)
    assert stocked.albums.photos("Book").photo_ids == (1, 2)
    stocked.changes.undo(4)
    stocked.changes.undo(made.id)
    assert counts(stocked) == {}
    with pytest.raises(UsageError, match=rf'"Made .*" came before it .*--redo {made.id}'):
        stocked.changes.redo(4)
    stocked.changes.redo(made.id)
    stocked.changes.redo(4)
    assert stocked.albums.photos("Book").photo_ids == (1, 2)
    for unknown in (99, -1, 1 << 70):
        with pytest.raises(UsageError, match=f"no change {unknown} to undo"):
            stocked.changes.undo(unknown)


def test_a_name_that_was_taken_meanwhile_is_said(stocked: Library) -> None:
    removed = (stocked.albums.make("Book", [1]), stocked.albums.remove("Book"))[1]
    stocked.albums.make("book", [2])
    with pytest.raises(UsageError, match="another album has the name"):
        stocked.changes.undo(removed.id)
    assert stocked.albums.photos("Book").photo_ids == (2,)
    stocked.albums.rename("book", "other")
    stocked.changes.undo(removed.id)
    assert counts(stocked) == {"Book": (1, 0), "other": (1, 0)}


def test_photos_that_the_library_has_forgotten_stay_away(stocked: Library, tmp_path: Path) -> None:
    stocked.albums.make("Book", [1, 2])
    stocked.albums.remove("Book")
    (tmp_path / "photos" / "0000.png").unlink()
    stocked.index().run()
    wait_until(lambda: stocked.folders.prune(0))
    stocked.changes.undo()
    assert stocked.albums.photos("Book").photo_ids == (2,)


def test_the_journal_is_bounded(stocked: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "MOST_CHANGES", 3)
    for rating in (1, 2, 3, 4, 5):
        stocked.marks.set([1], rating=rating)
    assert [each.title for each in stocked.changes.all()] == [
        f"Gave 1 photo {stars} stars" for stars in (5, 4, 3)
    ]
    monkeypatch.setattr(journal, "MOST_BYTES", 1)
    stocked.marks.set([1], rating=1)
    (only,) = stocked.changes.all()
    assert only.title == "Gave 1 photo 1 star"
    stocked.changes.undo()
    assert stocked.marks.of([1])[1].rating == 5


# ------------------------------------------------------------------------- what is wrong


def test_bad_names_are_refused(stocked: Library) -> None:
    stocked.albums.make("Book", [1])
    stocked.albums.make("Other", [2])
    taken: tuple[Callable[[], object], ...] = (
        lambda: stocked.albums.make("BOOK", [2]),
        lambda: stocked.albums.rename("Other", "book"),
    )
    for call in taken:
        with pytest.raises(UsageError, match=r"There is an album .* already"):
            call()
    for name in ("", " \t", "-a", "x" * 101, "a\x1bb", "a\ud800b"):
        with pytest.raises(UsageError, match=r"The name of (an|the) album"):
            stocked.albums.make(name)
    unknown: tuple[Callable[[], object], ...] = (
        lambda: stocked.albums.photos("Bok"),
        lambda: stocked.albums.add("Bok", [1]),
        lambda: stocked.albums.take_out("Bok", [1]),
        lambda: stocked.albums.rename("Bok", "x"),
        lambda: stocked.albums.remove("Bok"),
        lambda: stocked.find("album:Bok"),
        lambda: stocked.browse.timeline("sunset -album:Bok"),
    )
    for call in unknown:
        with pytest.raises(QueryError, match=r"no album 'Bok'\. Did you mean 'Book'"):
            call()
    with pytest.raises(QueryError, match="Albums: Book, Other"):
        stocked.find("album:xyz")
    assert counts(stocked) == {"Book": (1, 0), "Other": (1, 0)}


NAMES = ("Christmas 2019/20", "Anna: 18", 'The "lake"', "a=b", "black|white", "C:\\new", '"', "?")


@pytest.mark.parametrize("name", NAMES)
def test_names_may_have_signs_of_the_query_language(stocked: Library, name: str) -> None:
    stocked.albums.make(name, [1, 2])
    stocked.albums.rename(name, "Other")
    stocked.albums.rename("Other", name)
    stocked.albums.add(name, [3])
    line = album_line(name)
    assert sorted(hit.photo.id for hit in stocked.find(line, 9).hits) == [1, 2, 3]
    assert to_text(parse(line)) == line
    suggested = stocked.lines.suggest("album:")
    assert line in [each.line for each in suggested]
    assert stocked.albums.photos(name).name == name


def test_unknown_photos_are_left_out(stocked: Library) -> None:
    assert stocked.albums.make("Book", [1, 99, 1 << 62]).photos == 1
    assert stocked.tray.add([99]).id is None
    with pytest.raises(UsageError, match="whole number"):
        stocked.albums.add("Book", ["1"])  # type: ignore[list-item]


def test_a_full_disk_changes_nothing(stocked: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    stocked.albums.make("Book", [1])
    with closing(Database.open(stocked.settings.data_dir)) as database:
        (size,) = database.fetch_one("PRAGMA page_count")
    real = Database.brief_transaction

    @contextmanager
    def full(self: Database) -> Iterator[sqlite3.Connection]:
        with real(self) as connection:
            connection.execute(f"PRAGMA max_page_count = {size}")
            yield connection

    monkeypatch.setattr(Database, "brief_transaction", full)
    with pytest.raises(DiskError, match="full or failing"):
        for number in range(10_000):
            stocked.albums.make(f"album {number} {'x' * 80}", [1, 2, 3])
    monkeypatch.undo()
    photos = {name: live for name, (live, _) in counts(stocked).items()}
    assert photos.pop("Book") == 1 and set(photos.values()) <= {3}, "each as a whole"
    assert len(stocked.changes.all()) == len(photos) + 1
    stocked.albums.add("Book", [2])
    assert stocked.albums.photos("Book").photo_ids == (1, 2)


def test_a_library_that_does_not_exist_has_no_albums(library: Library) -> None:
    with pytest.raises(UsageError, match="no library"):
        library.albums.all()


# ------------------------------------------------------------------------- suggestions


def test_names_of_albums_are_suggested(stocked: Library) -> None:
    stocked.albums.make("Book of dogs", [1])
    assert [each.line for each in stocked.lines.suggest("album:bo")] == ['album:"Book of dogs"']
    (found,) = [each for each in stocked.lines.suggest("sunset boo") if each.kind == "album"]
    assert found.line == 'sunset album:"Book of dogs"'
    assert stocked.lines.suggest("-album:dogs")[0].line == '-album:"Book of dogs"'


# ------------------------------------------------------------------------- export


def test_an_album_is_exported(stocked: Library, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    stocked.albums.make("Book", [3, 1, 2])
    os.utime(photos / "0000.png", (1_000_000_000, 1_000_000_000))
    made = stocked.albums.export("book", tmp_path / "copies", "copies")
    assert (made.photos, made.missing) == (3, {})
    for name in ("0000.png", "0001.png", "0002.png"):
        assert (tmp_path / "copies" / name).read_bytes() == (photos / name).read_bytes()
    assert (tmp_path / "copies" / "0000.png").stat().st_mtime == 1_000_000_000
    stocked.albums.export("Book", tmp_path / "Book.zip", "zip")
    with zipfile.ZipFile(tmp_path / "Book.zip") as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["0002.png", "0000.png", "0001.png"]
    stocked.albums.export("Book", tmp_path / "list.m3u", "list")
    lines = (tmp_path / "list.m3u").read_text().splitlines()
    assert lines[1:] == [
        "# Kept by imgsearch, in step with the album Book",
        *(str(photos / f"000{number}.png") for number in (2, 0, 1)),
    ]
    stocked.albums.export("Book", tmp_path / "links", "links")
    stocked.albums.take_out("Book", [1])
    stocked.albums.export("Book", tmp_path / "links", "links")
    links = {each.name for each in (tmp_path / "links").iterdir() if each.is_symlink()}
    assert links == {"0001.png", "0002.png"}


def pages_of(pdf: bytes) -> int:
    """The number of pages of a PDF, as its last list of them says."""
    return int(re.findall(rb"/Count (\d+)", pdf)[-1])


def test_a_contact_sheet_of_an_album(stocked: Library, tmp_path: Path) -> None:
    stocked.albums.make("Book", [3, 1, 2])
    made = stocked.albums.export("book", tmp_path / "Book.jpg", "sheet")
    assert (made.name, made.photos, made.missing) == ("Book", 3, {})
    with Image.open(tmp_path / "Book.jpg") as sheet:
        assert sheet.format == "JPEG" and sheet.width < sheet.height < 1000
        pixels = np.asarray(sheet)
    # In the order of the album: the pictures of the cells are those of the photos.
    for number, (row, column) in {"2": (0, 0), "0": (0, 1), "1": (1, 0)}.items():
        x = MARGIN_PX + column * (CELL_PX[0] + GAP_PX) + CELL_PX[0] // 2
        y = MARGIN_PX + TITLE_ROOM_PX + row * (CELL_PX[1] + CAPTION_PX + GAP_PX) + CELL_PX[1]
        with Image.open(tmp_path / "photos" / f"000{number}.png") as photo:
            middle = photo.convert("RGB").getpixel((photo.width // 2, photo.height - 8))
        assert np.abs(pixels[y - 8, x].astype(int) - np.array(middle)).max() < 90
    stocked.albums.export("Book", tmp_path / "Book.pdf", "sheet")
    pdf = (tmp_path / "Book.pdf").read_bytes()
    assert pdf.startswith(b"%PDF") and pages_of(pdf) == 1
    with pytest.raises(UsageError, match="already, and it is left as it is"):
        stocked.albums.export("Book", tmp_path / "Book.pdf", "sheet")
    with pytest.raises(UsageError, match="names neither"):
        stocked.albums.export("Book", tmp_path / "Book.png", "sheet")
    with pytest.raises(UsageError, match="in the indexed folder"):
        stocked.albums.export("Book", tmp_path / "photos" / "Book.pdf", "sheet")
    assert not list(tmp_path.glob(".*part*"))


def test_a_text_is_written_in_the_font_that_has_its_letters() -> None:
    english, *others = contact_sheet._fonts(18)
    assert contact_sheet._font_for("Book, 2019", 18) is english
    assert contact_sheet._lacking(english, "Genève") == 1
    chosen = contact_sheet._font_for("Genève", 18)
    assert contact_sheet._lacking(chosen, "Genève") == (0 if others else 1)


def test_a_contact_sheet_names_what_is_not_on_it(stocked: Library, tmp_path: Path) -> None:
    stocked.albums.make("Book", [1, 2])
    (tmp_path / "photos" / "0000.png").unlink()
    stocked.index().run()
    report = stocked.albums.export("Book", tmp_path / "Book.pdf", "sheet")
    assert (report.photos, report.missing) == (1, {"photo 1": "Its file is gone."})
    with pytest.raises(UsageError, match="nothing to put on a contact sheet"):
        stocked.pictures.contact_sheet([])
    with pytest.raises(UsageError, match="room for 200 photos, and these are 201"):
        stocked.pictures.contact_sheet([2] * 201, "jpeg")
    many = stocked.pictures.contact_sheet([2] * 45, title="Many")
    assert pages_of(many) == 3


def test_what_cannot_be_exported_is_named(stocked: Library, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    stocked.albums.make("Book", [1, 2, 3])
    (photos / "0000.png").unlink()
    stocked.index().run()
    write_photo(photos / "0001.png", 77)  # another photo has taken its place, not indexed yet
    report = stocked.albums.export("Book", tmp_path / "copies", "copies")
    assert report.photos == 1 and set(report.missing) == {"photo 1", str(photos / "0001.png")}
    assert [each.name for each in (tmp_path / "copies").iterdir()] == ["0002.png"]
    listed = stocked.albums.export("Book", tmp_path / "list.m3u", "list")
    assert listed.missing == {"photo 1": "Its file is gone."}
    for place, kind in (
        (photos / "x", "copies"),
        (photos / "x.zip", "zip"),
        (photos / "l", "list"),
    ):
        with pytest.raises(UsageError, match="in the indexed folder"):
            stocked.albums.export("Book", place, kind)  # type: ignore[arg-type]
    for kind in ("copies", "zip"):
        with pytest.raises(UsageError, match="already, and it is left as it is"):
            stocked.albums.export("Book", tmp_path / "copies", kind)  # type: ignore[arg-type]
        with pytest.raises(UsageError, match="There is no folder"):
            stocked.albums.export("Book", tmp_path / "no" / "x", kind)  # type: ignore[arg-type]
    with pytest.raises(DiskError, match="Cannot write"):
        stocked.albums.export("Book", tmp_path / ("x" * 250), "zip")
    assert sorted(each.name for each in photos.iterdir()) == [
        f"000{number}.png" for number in range(1, 6)
    ]


@pytest.mark.parametrize("kind", ["copies", "zip", "links", "list"])
def test_an_export_of_photos_that_are_all_gone_is_refused(
    stocked: Library, tmp_path: Path, kind: Any
) -> None:
    place = tmp_path / "Book"
    is_updated = kind in ("links", "list")
    stocked.albums.make("Book", [1, 2])
    if is_updated:
        stocked.albums.export("Book", place, kind)
    written = [place, *place.rglob("*")] if is_updated else []
    before = {each: each.lstat().st_mtime_ns for each in written}
    for number in range(2):
        (tmp_path / "photos" / f"000{number}.png").unlink()
    if is_updated:
        stocked.index(accept_removals=True).run()
    with pytest.raises(PhotoError, match=r"No photo of Book can be read now.*nothing was written"):
        stocked.albums.export("Book", place, kind)
    now = {each: each.lstat().st_mtime_ns for each in before}
    assert now == before and (bool(before) or not place.exists())
    assert not list(tmp_path.glob(".*part*"))


def test_an_album_without_photos_is_not_exported(stocked: Library, tmp_path: Path) -> None:
    stocked.albums.make("Book", [1])
    stocked.albums.take_out("Book", [1])
    for kind in ("copies", "zip", "links", "list", "sheet"):
        with pytest.raises(UsageError, match="The album Book has no photos"):
            stocked.albums.export("Book", tmp_path / "Book.pdf", kind)
    assert not (tmp_path / "Book.pdf").exists()


def test_the_command_ends_with_another_code_where_photos_are_left_out(
    stocked: Library, tmp_path: Path
) -> None:
    data = tmp_path / "library"
    stocked.albums.make("Book", [1, 2])
    (tmp_path / "photos" / "0000.png").unlink()
    for more in ((), ("--json",)):
        place = tmp_path / f"Book{len(more)}.zip"
        done = run_cli("album", "export", "Book", "--zip", place, *more, data=data)
        assert done.returncode == 5, done.stderr
        with zipfile.ZipFile(place) as archive:
            assert "0001.png" in archive.namelist()
    (tmp_path / "photos" / "0001.png").unlink()
    done = run_cli("album", "export", "Book", "--copies", tmp_path / "none", data=data)
    assert done.returncode == 5 and not (tmp_path / "none").exists()
    assert "nothing was written" in done.stderr and not done.stdout


def test_an_export_that_ends_early_leaves_nothing(
    stocked: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stocked.albums.make("Book", [1, 2, 3])
    (tmp_path / ".copies.imgsearch.part").mkdir()  # of a process that was killed
    (tmp_path / ".copies.imgsearch.part" / "old.png").touch()
    real, copied = copies.chunks, []

    def failing(found: OriginalFile) -> Iterator[bytes]:
        copied.append(found.name)
        if len(copied) == 2:
            raise ImgsearchError("It became shorter.")
        yield from real(found)

    with monkeypatch.context() as patched:
        patched.setattr(export, "chunks", failing)
        with pytest.raises(ImgsearchError, match="shorter"):
            stocked.albums.export("Book", tmp_path / "copies", "copies")
    assert not [each for each in tmp_path.iterdir() if "copies" in each.name]
    stocked.albums.export("Book", tmp_path / "copies", "copies")
    assert len(list((tmp_path / "copies").iterdir())) == 3


# ------------------------------------------------------------------------- the commands


def test_options_before_a_subcommand_are_its_own(tmp_path: Path) -> None:
    data = tmp_path / "data"
    assert run_cli("index", write_photos(tmp_path / "photos", 1), data=data).returncode == 0
    # The folder of `data=` is the environment's: it has no library.
    elsewhere = tmp_path / "none"
    made = run_cli("album", "--data", data, "make", "Book", "--photo", "1", data=elsewhere)
    assert (made.returncode, made.stdout) == (0, "Made the album Book with 1 photo\n"), made.stderr
    assert f"imgsearch undo --data {data}" in made.stderr
    shown = run_cli("album", "--data", data, "--json", "show", "Book", data=elsewhere)
    assert json.loads(shown.stdout)["photo_ids"] == [1]
    nearer = run_cli("album", "--data", elsewhere, "show", "Book", "--data", data, data=elsewhere)
    assert nearer.returncode == 0, "the option of the command itself counts"
    refused = run_cli("album", "--data", data, "--json", "make", "Other", data=elsewhere)
    assert refused.returncode == 2 and "--json" in refused.stderr


def test_the_commands(library: Library, stand_in: StandIn, tmp_path: Path) -> None:
    photos, data = tmp_path / "photos", library.settings.data_dir
    assert run_cli("album", data=data).returncode == 2  # no library yet
    assert run_cli("index", write_photos(photos, 4), data=data).returncode == 0
    empty = run_cli("album", data=data)
    assert empty.returncode == 1 and "imgsearch album make" in empty.stderr
    made = run_cli("album", "make", "by the sea", "name:0000|0001", "--sort", "path", data=data)
    assert made.stdout == "Made the album by the sea with 2 photos\n"
    assert "imgsearch undo" in made.stderr
    taken = run_cli("album", "make", "By The Sea", data=data)
    assert taken.returncode == 2 and "imgsearch album add" in taken.stderr
    added = run_cli("album", "add", "by the sea", "--photo", "4", data=data)
    assert added.stdout == "Added 1 photo to by the sea\n"
    assert run_cli("album", "add", "by the sea", data=data).returncode == 2
    shown = run_cli("album", "show", "by the sea", data=data)
    assert shown.stdout.splitlines() == [
        str(photos / name) for name in ("0000.png", "0001.png", "0003.png")
    ]
    found = run_cli("search", 'album:"by the sea" -name:0000', "--paths", data=data)
    assert len(found.stdout.splitlines()) == 2
    (album,) = json.loads(run_cli("album", "--json", data=data).stdout)
    assert (album["name"], album["photos"], album["missing"]) == ("by the sea", 3, 0)
    listed = run_cli("album", data=data)
    assert listed.stdout.split() == ["by", "the", "sea", "3", "photos"]
    assert run_cli("album", "take-out", "by the sea", "name:0000", data=data).returncode == 0
    assert run_cli("undo", data=data).stdout == "Undone: Took 1 photo out of by the sea\n"
    assert run_cli("undo", "--redo", data=data).stdout.startswith("Done again: Took 1 photo")
    exported = run_cli("album", "export", "by the sea", "--zip", tmp_path / "a.zip", data=data)
    assert exported.stdout == f"Wrote 2 photos of by the sea to {tmp_path / 'a.zip'}\n"
    assert run_cli("album", "export", "by the sea", data=data).returncode == 2
    assert run_cli("album", "rename", "by the sea", "Book", data=data).returncode == 0
    assert "Did you mean 'Book'?" in run_cli("album", "show", "Bok", data=data).stderr
    assert run_cli("album", "remove", "Book", data=data).returncode == 0
    changes = json.loads(run_cli("undo", "--list", "--json", data=data).stdout)
    assert changes[0]["title"] == "Removed the album Book"
    assert len(run_cli("undo", "--list", data=data).stdout.splitlines()) == len(changes) == 5
    assert run_cli("undo", "99", data=data).returncode == 2


def test_the_service_makes_the_same_changes(library: Library, tmp_path: Path) -> None:
    data = library.settings.data_dir
    library.index([write_photos(tmp_path / "photos", 6)]).run()
    with serving(data):
        client = Client(library.settings, data)
        made = client.call(Albums.make, "Book", [1, 2], parse("name:0004"))
        assert made.photos == 3 and made == library.changes.all()[0]
        assert client.call(Albums.photos, "book") == library.albums.photos("Book")
        assert client.call(Albums.all) == library.albums.all()
        client.call(Tray.add, [3])
        client.call(Marks.set, [1, 3], rating=4, favourite=True)
        assert client.call(Marks.of, [1, 2, 3]) == library.marks.of([1, 2, 3])
        assert client.call(ChangeHistory.undo).title == "Marked 2 photos"
        assert library.marks.of([1, 3]) == {}
        with pytest.raises(UsageError, match="There is an album 'Book' already"):
            client.call(Albums.make, "Book")
        with pytest.raises(UsageError, match="0 to 5 stars"):
            client.call(Marks.set, [1], rating=9)


def test_photos_in_no_album(library: Library, stand_in: StandIn, tmp_path: Path) -> None:
    write_photos(tmp_path / "photos", 3)
    library.index([tmp_path / "photos"]).run()
    first, second, _ = (hit.photo.id for hit in library.search("sort:path"))
    library.albums.make("Book", photo_ids=[first])
    library.tray.add([second])
    assert first not in {hit.photo.id for hit in library.search("no:album")}
    assert len(library.search("no:album")) == 2
    assert [hit.photo.id for hit in library.search("-no:album")] == [first]
    with pytest.raises(QueryError, match="Known: album, camera"):
        library.search("no:such")
