"""Packs: what is known of photos, carried to another library, whole and once."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from imgsearch import Example, Library, Query, Settings, Term
from imgsearch.errors import (
    DiskError,
    EncoderMismatch,
    FolderError,
    LibraryLocked,
    PackError,
    PhotoError,
    StoreError,
    UsageError,
)
from imgsearch.indexer.packs import PackPlace, find_place, merge_pack
from imgsearch.indexer.volumes import MountTable
from imgsearch.progress import Job
from imgsearch.records.pack import (
    PackedFile,
    PackedPhoto,
    PackedVectors,
    PackEncoder,
)
from imgsearch.records.photo import FACTS, Facts
from imgsearch.records.picture_text import PhotoText, TextLine
from imgsearch.search.confidence import MIN_PHOTOS
from imgsearch.store import migrations, pack_format
from imgsearch.store.feature_rows import FEATURE_ROWS
from imgsearch.store.lock import writing
from imgsearch.store.pack_reader import PackReader
from imgsearch.store.pack_writer import writing_pack
from imgsearch.store.store import Store
from imgsearch.store.thumbnails import ThumbnailStore
from tests.factories import (
    CHECKOUT,
    PATIENCE_S,
    ingested,
    random_vectors,
    run_python,
    write_noise,
    write_photos,
)
from tests.pack_factory import (
    DIM,
    ENCODER,
    INFO,
    NOW,
    change,
    photo_of,
    seal,
    write_pack,
)
from tests.pseudo_terminal import run_in_terminal
from tests.stand_in import StandIn

OTHER_MODEL = "stand-in@other"


class OtherStandIn(StandIn):
    """The same vectors under the name of another model."""

    id = OTHER_MODEL


@pytest.fixture
def open_library(tmp_path: Path) -> Callable[..., Library]:
    """Opens a library in a folder of that name, with the stand-in or another encoder."""

    def open_one(name: str, encoder: StandIn | None = None, **values: Any) -> Library:
        settings = Settings.load(
            data_dir=tmp_path / name, cache_dir=tmp_path / "cache", **{"encoder": "auto", **values}
        )
        return Library.open(settings, encoder=encoder or StandIn())

    return open_one


def contents(data_dir: Path) -> dict[bytes, dict[str, Any]]:
    """All that a library knows of each photo, by its content; its own ids are left out."""
    columns = ", ".join(fact.name for fact in FACTS if fact.type is not tuple)
    queries = {
        "facts": f"SELECT id, {columns} FROM photos",
        "keywords": "SELECT photo_id, place, name FROM photo_keywords "
        "JOIN keywords ON keywords.id = keyword_id",
        "people": "SELECT photo_id, place, name FROM photo_people "
        "JOIN people ON people.id = person_id",
        "vectors": "SELECT photo_id, encoder_id, part, vector, at_s FROM vectors "
        "JOIN encoders ON key = encoder_key",
        "files": "SELECT photo_id, paths.name, size_bytes, mtime_ns FROM paths",
        "lines": "SELECT photo_id, place, line, x, y, width, height, confidence FROM text_lines",
        "text": "SELECT photo_id, state, reader, read_at, message FROM text_readings",
        "names": "SELECT photo_id, file_name, title, keywords, people, place FROM names",
        "words": "SELECT photo_id, text FROM texts",
    }
    with closing(sqlite3.connect(data_dir / "library.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        hashes = dict(connection.execute("SELECT id, content_hash FROM photos"))
        known: dict[bytes, dict[str, Any]] = {key: {} for key in hashes.values()}
        for what, query in queries.items():
            for photo_id, *values in connection.execute(query):
                known[hashes[photo_id]].setdefault(what, set()).add(tuple(values))
    with ThumbnailStore(data_dir) as thumbnails:
        for key in known:
            known[key]["thumbnail"] = thumbnails.get(key)
    return known


def write_album(folder: Path) -> Path:
    """Twelve photos: in subfolders, one of them twice, one whose name is not valid UTF-8."""
    for number in range(9):
        write_noise(folder / "a" / f"{number}.png", number)
    write_noise(folder / "b" / "c d" / "nine.png", 9)
    shutil.copy2(folder / "a" / "0.png", folder / "b" / "copy.png")
    write_noise(folder / "a" / "odd.png", 10)
    os.rename(folder / "a" / "odd.png", os.fsencode(folder / "a") + b"/odd \xff.png")
    (folder / "a" / "3.xmp").write_text(
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
        'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
        'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/" '
        'xmp:Rating="4"><dc:subject><rdf:Bag><rdf:li>garden</rdf:li><rdf:li>old|house</rdf:li>'
        "</rdf:Bag></dc:subject></rdf:Description></rdf:RDF></x:xmpmeta>"
    )
    return folder


@pytest.fixture
def album(tmp_path: Path) -> Path:
    return write_album(tmp_path / "album")


@pytest.fixture
def packed(album: Path, tmp_path: Path, open_library: Callable[..., Library]) -> Path:
    """A pack of the album, of which two photos have been tried for text."""
    with open_library("first") as library:
        library.index([album]).run()
        three = library.search("name:3.png")[0].photo.id
        with writing(tmp_path / "first") as store:
            store.picture_text.record(
                three, "reader 1", [TextLine("EXIT 12", 0.1, 0.2, 0.3, 0.1, 0.9)]
            )
            store.picture_text.record(three + 1, "reader 1", [])
        library.packs.make(album, tmp_path / "album.imgsearch").run()
    return tmp_path / "album.imgsearch"


# ------------------------------------------------------------------------- there and back


def test_a_merged_pack_is_the_library_it_came_from(
    packed: Path, album: Path, tmp_path: Path, open_library: Callable[..., Library]
) -> None:
    shutil.copytree(album, tmp_path / "nas")
    encoder = StandIn()
    with open_library("second", encoder) as library:
        report = library.packs.merge(packed, at=tmp_path / "nas").run()
        assert (report.photos, report.new, report.embedded, report.files) == (11, 11, 11, 12)
        assert (report.texts, report.missing, report.to_verify, report.beside) == (2, 0, 0, ())
        assert contents(tmp_path / "second") == contents(tmp_path / "first")
        after = library.index().run()
        assert (after.unchanged, after.new, after.moved, after.gone, after.missing) == (
            12,
            0,
            0,
            0,
            0,
        )
        assert encoder.embedded == 0
        assert [hit.path.name for hit in library.search("keyword:garden")] == ["3.png"]
        assert [hit.path.name for hit in library.search("text:exit")] == ["3.png"]
        with open_library("first") as first:
            for image in (album / "a" / "2.png", album / "a" / "7.png"):
                here, there = library.search(image=image, k=4), first.search(image=image, k=4)
                assert [hit.path.name for hit in here] == [hit.path.name for hit in there]


def test_merging_again_changes_nothing(
    packed: Path, album: Path, tmp_path: Path, open_library: Callable[..., Library]
) -> None:
    with open_library("second") as library:
        library.packs.merge(packed, at=album).run()
        before = contents(tmp_path / "second")
        report = library.packs.merge(packed, at=album).run()
        assert (report.new, report.newer_facts, report.embedded) == (0, 0, 0)
        assert (report.texts, report.files) == (0, 0)
    assert contents(tmp_path / "second") == before


def test_two_libraries_become_one(tmp_path: Path, open_library: Callable[..., Library]) -> None:
    here, there = write_photos(tmp_path / "here", 6), write_photos(tmp_path / "there", 6, first=3)
    with open_library("first") as library:
        library.index([there]).run()
        library.packs.make(there, tmp_path / "there.imgsearch").run()
    encoder = StandIn()
    with open_library("second", encoder) as library:
        library.index([here]).run()
        report = library.packs.merge(tmp_path / "there.imgsearch", at=there).run()
        assert (report.photos, report.new, report.files) == (6, 3, 6)
        assert library.photo_count() == 9 and encoder.embedded == 6
        of_both = library.search("name:0004.png")[0]
        assert set(of_both.paths) == {here / "0004.png", there / "0004.png"}


def paths_in(pack: Path) -> set[str]:
    with PackReader(pack) as reader:
        return {file.path for batch in reader.batches() for _, file in batch.files}


def test_a_pack_of_a_folder_has_the_photos_below_it_only(
    album: Path, tmp_path: Path, open_library: Callable[..., Library]
) -> None:
    with open_library("first") as library:
        library.index([album / "a", album / "b"]).run()
        inside = library.packs.make(album / "b" / "c d", tmp_path / "inside.imgsearch").run()
        above = library.packs.make(album, tmp_path / "above.imgsearch").run()
        assert (inside.photos, inside.files, above.photos, above.files) == (1, 1, 11, 12)
        with pytest.raises(FolderError, match="No photo of the library is in"):
            library.packs.make(tmp_path / "alb", tmp_path / "none.imgsearch").run()
    assert paths_in(tmp_path / "inside.imgsearch") == {"nine.png"}
    paths = paths_in(tmp_path / "above.imgsearch")
    assert {"a/0.png", "b/copy.png", "b/c d/nine.png", os.fsdecode(b"a/odd \xff.png")} <= paths


# ------------------------------------------------------------------------- what wins


def titles(library: Library) -> dict[str, str | None]:
    photos = (hit.photo for hit in library.photos(range(1, 100)))
    return {bytes.fromhex(photo.content_hash).decode()[-1]: photo.facts.title for photo in photos}


def test_newer_facts_win(tmp_path: Path, open_library: Callable[..., Library]) -> None:
    later, earlier = NOW + timedelta(hours=1), NOW - timedelta(hours=1)
    old = Facts("JPEG", 8, 8, title="old", keywords=("a", "b"))
    new = Facts("JPEG", 8, 8, title="new", keywords=("b", "c"))
    first = write_pack(tmp_path / "1.imgsearch", *(photo_of(n, facts=old) for n in (1, 2, 3)))
    second = write_pack(
        tmp_path / "2.imgsearch",
        photo_of(1, facts=new, facts_at=later),
        photo_of(2, facts=new, facts_at=earlier),
        photo_of(3, facts=new, facts_at=NOW),
    )
    with open_library("data") as library:
        library.packs.merge(first, at="/photos", offline=True).run()
        report = library.packs.merge(second, at="/photos", offline=True).run()
        assert (report.new, report.newer_facts) == (0, 1)
        assert titles(library) == {"1": "new", "2": "old", "3": "old"}
        assert [hit.photo.facts.keywords for hit in library.search("keyword:c")] == [("b", "c")]
        assert library.search("keyword:a title:old") and not library.search("keyword:a title:new")


def test_facts_that_an_older_imgsearch_did_not_know_stay(
    tmp_path: Path, open_library: Callable[..., Library]
) -> None:
    known = Facts("JPEG", 8, 8, title="known", iso=100, flash=True)
    newer = photo_of(1, facts=Facts("JPEG", 8, 8, iso=400), facts_at=NOW + timedelta(hours=1))
    with open_library("data") as library:
        first = write_pack(tmp_path / "1.imgsearch", photo_of(1, facts=known))
        library.packs.merge(first, at="/photos", offline=True).run()
        second = write_pack(tmp_path / "2.imgsearch", newer, photo_of(2))
        change(second, "ALTER TABLE photos DROP COLUMN flash")
        assert "flash" not in library.packs.verify(second).run().fact_names
        report = library.packs.merge(second, at="/photos", offline=True).run()
        assert (report.new, report.newer_facts) == (1, 1)
        facts = library.search("iso:400")[0].photo.facts
        assert (facts.title, facts.flash) == (None, True)


def test_facts_that_an_older_imgsearch_did_not_read_are_unknown(
    tmp_path: Path, open_library: Callable[..., Library]
) -> None:
    def merge(library: Library, number: int, *photos: PackedPhoto, is_old: bool) -> None:
        pack = write_pack(tmp_path / f"{number}.imgsearch", *photos)
        if is_old:
            change(pack, "ALTER TABLE photos DROP COLUMN flash")
        library.packs.merge(pack, at="/photos", offline=True).run()

    def read_later(number: int, hours: int, **known: Any) -> PackedPhoto:
        facts = Facts("JPEG", 8, 8, **known)
        return photo_of(number, facts=facts, facts_at=NOW + timedelta(hours=hours))

    said = "1 of 2 photos were indexed before imgsearch read flash:yes, and are left out"
    with open_library("data") as library:
        merge(library, 1, read_later(1, 0, flash=False), is_old=False)
        assert library.find("flash:yes").remarks == ("No photo with flash:yes.",)
        merge(library, 2, read_later(1, 1, iso=100), read_later(2, 1), is_old=True)
        assert said in library.find("flash:yes").remarks[0]
        unflashed = [hit.photo.id for hit in library.find("-flash:yes").hits]
        assert unflashed == [hit.photo.id for hit in library.find("flash:no").hits]
        assert len(unflashed) == 1, "a photo that was never read is unknown, not without"
        merge(library, 3, read_later(2, 2, iso=200), is_old=True)
        assert library.search("iso:200"), "its facts are newer"
        assert said in library.find("flash:yes").remarks[0], "and still not read for the flash"
        merge(library, 4, read_later(2, 3), is_old=False)
        assert library.find("flash:yes").remarks == ("No photo with flash:yes.",)
        assert len(library.find("-flash:yes").hits) == 2, "read, and without it"


def forget_flash(data_dir: Path, *contents: bytes) -> None:
    """Make a library one of a version that did not know the flash, when it read these photos."""
    with closing(sqlite3.connect(data_dir / "library.db", isolation_level=None)) as connection:
        for content in contents:
            connection.execute(
                "UPDATE photos SET facts_at = '2025-01-01T00:00:00+00:00', flash = NULL "
                "WHERE content_hash = ?",
                (content,),
            )
        connection.execute("INSERT INTO later_facts VALUES ('flash', '2026-01-01T00:00:00+00:00')")


def test_a_pack_says_which_facts_its_photos_were_not_read_for(
    tmp_path: Path, open_library: Callable[..., Library]
) -> None:
    """Photo 1 was read before imgsearch knew the flash, photo 2 after it; 3 is of an old pack."""
    at = NOW - timedelta(hours=2)  # before the facts of the other library
    photos = [photo_of(number, facts=Facts("JPEG", 8, 8, iso=100)) for number in (1, 2, 3)]
    with open_library("data") as library:
        newest = write_pack(tmp_path / "1.imgsearch", *photos[:2])
        library.packs.merge(newest, at="/photos", offline=True).run()
        oldest = change(
            write_pack(tmp_path / "2.imgsearch", photos[2]), "ALTER TABLE photos DROP COLUMN flash"
        )
        library.packs.merge(oldest, at="/photos", offline=True).run()
        data_dir = library.settings.data_dir
    forget_flash(data_dir, photos[0].content_hash)
    said = "2 of 3 photos were indexed before imgsearch read flash:yes, and are left out"
    pack = tmp_path / "3.imgsearch"
    with open_library("data") as library:
        assert said in library.find("flash:yes").remarks[0]
        library.packs.make("/photos", pack).run()
        assert library.packs.verify(pack).run().has_unread
    with open_library("other") as library:
        # Photo 3 was read for the flash here, and its other facts are newer in the pack.
        before = photo_of(3, facts=Facts("JPEG", 8, 8, iso=50, flash=True), facts_at=at)
        first = write_pack(tmp_path / "4.imgsearch", before)
        library.packs.merge(first, at="/photos", offline=True).run()
        report = library.packs.merge(pack, at="/photos", offline=True).run()
        assert (report.new, report.newer_facts) == (2, 1)
        remark = "1 of 3 photos were indexed before imgsearch read flash:yes, and are left out"
        (found,) = library.find("flash:yes").hits
        assert (found.photo.facts.iso, found.photo.facts.flash) == (100, True), "its flash stays"
        assert remark in library.find("flash:yes").remarks[0]
        unflashed = library.find("-flash:yes").hits
        assert [hit.path.name for hit in unflashed] == ["2.jpg"], "read, and without it"


def test_photos_of_a_pack_are_read_for_facts_that_the_library_has_learned_since(
    tmp_path: Path, open_library: Callable[..., Library]
) -> None:
    """The photos of the pack were read for the flash before this library knew it."""
    with open_library("data") as library:
        first = write_pack(tmp_path / "1.imgsearch", photo_of(1))
        library.packs.merge(first, at="/photos", offline=True).run()
        data_dir = library.settings.data_dir
    forget_flash(data_dir, photo_of(1).content_hash)  # read in January 2025, known since 2026
    read_at = datetime(2025, 6, 1, tzinfo=UTC)
    known = photo_of(1, facts=Facts("JPEG", 8, 8, flash=False), facts_at=read_at)
    new = photo_of(2, facts=Facts("JPEG", 8, 8, flash=True), facts_at=read_at)
    with open_library("data") as library:
        assert "1 of 1 photo" in library.find("flash:yes").remarks[0]
        pack = write_pack(tmp_path / "2.imgsearch", known, new)
        library.packs.merge(pack, at="/photos", offline=True).run()
        found = library.find("flash:yes")
        assert [hit.path.name for hit in found.hits] == ["2.jpg"]
        assert found.remarks == ()
        assert [hit.path.name for hit in library.find("-flash:yes").hits] == ["1.jpg"]
        again = tmp_path / "3.imgsearch"
        library.packs.make("/photos", again).run()
        assert not library.packs.verify(again).run().has_unread
        # A pack of an older version says nothing of the flash, which stays known here.
        later = photo_of(1, facts=Facts("JPEG", 8, 8, iso=200), facts_at=read_at.replace(month=7))
        old = write_pack(tmp_path / "4.imgsearch", later)
        change(old, "ALTER TABLE photos DROP COLUMN flash")
        library.packs.merge(old, at="/photos", offline=True).run()
        assert library.search("iso:200") and library.find("flash:no").remarks == ()
        assert [hit.path.name for hit in library.find("-flash:yes").hits] == ["1.jpg"]


def test_a_pack_of_photos_that_were_read_for_all_facts_has_no_column_for_others(
    tmp_path: Path, open_library: Callable[..., Library]
) -> None:
    with open_library("data") as library:
        first = write_pack(tmp_path / "1.imgsearch", photo_of(1))
        library.packs.merge(first, at="/photos", offline=True).run()
        library.packs.make("/photos", tmp_path / "2.imgsearch").run()
        assert not library.packs.verify(tmp_path / "2.imgsearch").run().has_unread
    with closing(sqlite3.connect(tmp_path / "2.imgsearch")) as connection:
        columns = [name for _, name, *_ in connection.execute("PRAGMA table_info(photos)")]
    assert "mark_unread" not in columns


@pytest.mark.parametrize("listed", ["flash", '{"flash": 1}', "[", '"flash"'])
def test_a_pack_whose_unread_facts_are_no_list_is_refused(
    tmp_path: Path, open_library: Callable[..., Library], listed: str
) -> None:
    pack = write_pack(tmp_path / "1.imgsearch", photo_of(1))
    change(
        pack,
        "ALTER TABLE photos ADD COLUMN mark_unread TEXT",
        f"UPDATE photos SET mark_unread = '{listed}'",
    )
    with open_library("data") as library, pytest.raises(PackError, match="not read for are no"):
        library.packs.merge(pack, at="/photos", offline=True).run()


def test_unread_facts_that_are_none_are_passed_over(
    tmp_path: Path, open_library: Callable[..., Library]
) -> None:
    pack = write_pack(tmp_path / "1.imgsearch", photo_of(1))
    change(
        pack,
        "ALTER TABLE photos ADD COLUMN mark_unread TEXT",
        """UPDATE photos SET mark_unread = '["flash", "flash", "smell", "keywords", 7, null]'""",
    )
    with open_library("data") as library:
        library.packs.merge(pack, at="/photos", offline=True).run()
        with closing(sqlite3.connect(library.settings.data_dir / "library.db")) as connection:
            rows = connection.execute("SELECT fact FROM unread_facts").fetchall()
    assert rows == [("flash",)]


def test_what_was_measured_stays_where_newer_facts_have_nothing_measured(
    tmp_path: Path, open_library: Callable[..., Library]
) -> None:
    measured = Facts("JPEG", 8, 8, iso=100, lightness=40.0, colorfulness=9.5, colors="red 90 %")
    newer = photo_of(1, facts=Facts("JPEG", 8, 8, iso=400), facts_at=NOW + timedelta(hours=1))
    with open_library("data") as library:
        first = write_pack(tmp_path / "1.imgsearch", photo_of(1, facts=measured))
        library.packs.merge(first, at="/photos", offline=True).run()
        second = write_pack(tmp_path / "2.imgsearch", newer)
        assert library.packs.merge(second, at="/photos", offline=True).run().newer_facts == 1
        (hit,) = library.search("color:red")
        assert hit.photo.facts == replace(measured, iso=400)


def test_facts_of_a_newer_imgsearch_are_passed_over(
    tmp_path: Path, open_library: Callable[..., Library]
) -> None:
    pack = write_pack(tmp_path / "1.imgsearch", photo_of(1))
    change(
        pack,
        "ALTER TABLE photos ADD COLUMN mood TEXT",
        "ALTER TABLE photos ADD COLUMN is_panorama BOOLEAN NOT NULL DEFAULT 0",
        "UPDATE photos SET mood = 'bright'",
    )
    with open_library("data") as library:
        assert library.packs.verify(pack).run().photos == 1
        assert library.packs.merge(pack, at="/photos", offline=True).run().new == 1


def test_a_pack_of_an_older_schema_gets_the_migrations_that_it_lacks(
    tmp_path: Path, open_library: Callable[..., Library], monkeypatch: pytest.MonkeyPatch
) -> None:
    line = TextLine("EXIT 12", 0.1, 0.2, 0.3, 0.1, 0.9)
    text = PhotoText("read", (line,), "reader 1", NOW)
    facts = Facts("JPEG", 8, 8, title="a title", keywords=("a",), flash=True)
    pack = write_pack(tmp_path / "1.imgsearch", photo_of(1, text=text, facts=facts), photo_of(2))
    later = {
        "languages": "ALTER TABLE text_readings ADD COLUMN language TEXT;\n"
        "UPDATE text_readings SET language = 'en';\nUPDATE text_lines SET line = 'EXIT, 12';\n"
    }
    monkeypatch.setattr(migrations, "MIGRATIONS", {**migrations.MIGRATIONS, **later})
    monkeypatch.setattr(pack_format, "VERSION", len(migrations.MIGRATIONS))
    with open_library("data") as library:
        report = library.packs.merge(pack, at="/photos", offline=True).run()
        assert (report.new, report.texts, report.embedded) == (2, 1, 2)
        (hit,) = library.search("text:exit")
        assert hit.photo.facts == facts
        newer = library.packs.make("/photos", tmp_path / "2.imgsearch").run()
        assert newer.photos == 2 and library.packs.verify(newer.file).run().photos == 2
    with Store.open(tmp_path / "data") as store:
        assert [each.text for each in store.reads.photos.texts([1])[1].lines] == ["EXIT, 12"]
    with closing(sqlite3.connect(newer.file)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (len(migrations.MIGRATIONS),)


def test_reading_the_metadata_again_makes_facts_newer(tmp_path: Path) -> None:
    with writing(tmp_path / "data") as store:
        root_id = store.files.add_root("/photos")
        key = store.vectors.add_encoder("made@1", "made", DIM).key
        store.record(root_id, key, [ingested("/photos/1.jpg", random_vectors(1, DIM))])
        with closing(sqlite3.connect(tmp_path / "data" / "library.db")) as connection, connection:
            connection.execute("UPDATE photos SET facts_at = '2000-01-01T00:00:00+00:00'")
        photo = store.packs.photos([1], "/photos")[0]
        assert photo.facts_at.year == 2000
        assert store.photos.update_facts({1: photo.facts}) == 0
        assert store.packs.photos([1], "/photos")[0].facts_at > NOW - timedelta(days=365)


def test_text_that_was_read_later_wins(
    tmp_path: Path, open_library: Callable[..., Library]
) -> None:
    def reading(word: str, hours: float) -> PhotoText:
        line = TextLine(word, 0, 0, 1, 1, 0.5)
        return PhotoText("read", (line,), "reader 1", NOW + timedelta(hours=hours))

    first = write_pack(tmp_path / "1.imgsearch", photo_of(1, text=reading("bakery", 0)))
    with open_library("data") as library:
        library.packs.merge(first, at="/photos", offline=True).run()
        for word, hours, expected in (("cinema", -1, "bakery"), ("station", 1, "station")):
            pack = write_pack(tmp_path / "2.imgsearch", photo_of(1, text=reading(word, hours)))
            report = library.packs.merge(pack, at="/photos", offline=True).run()
            assert report.texts == (expected == word)
            assert library.search(f"text:{expected}")
        assert not library.search("text:bakery")


def test_the_version_of_packs_is_that_of_their_tables() -> None:
    """Whoever adds a migration that changes one of them has to name it in `pack_format`."""
    with closing(pack_format.in_memory()) as pack, closing(pack_format.in_memory()) as library:
        pack_format.create(pack, pack_format.Extras(faces=True, marks=True, features=("albums",)))
        migrations.migrate(library)
        marks = {*pack_format.MARK_COLUMNS, *pack_format.ME_COLUMN}
        faces = (*pack_format.FACE_TABLES, *pack_format.PERSON_TABLES)
        extra = (*faces, *FEATURE_ROWS["albums"].in_packs)
        for table in (*pack_format.PHOTO_TABLES, *pack_format.COMMON_TABLES, *extra):
            query = 'SELECT name, type, "notnull", dflt_value, pk FROM pragma_table_info(?)'
            packed, stored = (
                {column for column in each.execute(query, (table,)) if column[0] not in marks}
                for each in (pack, library)
            )
            assert packed == stored, table


def test_a_photo_whose_files_come_back_is_in_the_tail_of_every_snapshot(
    tmp_path: Path, open_library: Callable[..., Library]
) -> None:
    pack = write_pack(tmp_path / "1.imgsearch", photo_of(1), photo_of(2))
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "1.jpg").write_bytes(b"x")

    def places() -> dict[int, int]:
        with closing(sqlite3.connect(tmp_path / "data" / "library.db")) as connection:
            return dict(connection.execute("SELECT photo_id, seq FROM vectors"))

    with open_library("data") as library:
        library.packs.merge(pack, at=tmp_path / "photos").run()
        assert places() == {1: 1, 2: 2} and library.photo_count() == 1
        (tmp_path / "photos" / "2.jpg").write_bytes(b"x")
        assert library.packs.merge(pack, at=tmp_path / "photos").run().files == 1
        assert places() == {1: 1, 2: 3} and library.photo_count() == 2


def test_a_file_that_failed_here_gets_the_photo_of_the_pack(
    tmp_path: Path, open_library: Callable[..., Library]
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "1.jpg").write_bytes(b"x")
    os.utime(photos / "1.jpg", ns=(1, 1))
    with open_library("data") as library:
        assert library.index([photos]).run().failed == 1
        pack = write_pack(tmp_path / "1.imgsearch", photo_of(1))
        report = library.packs.merge(pack, at=photos, beside=True).run()
        assert report.files == 1 and library.folders.failures() == ()
        assert titles(library) == {"1": None}


# ------------------------------------------------------------------------- where photos are


def test_the_photos_are_found_where_they_can_be(
    packed: Path, album: Path, tmp_path: Path, open_library: Callable[..., Library]
) -> None:
    with PackReader(packed) as reader:
        beside = find_place(reader, None, False, [])
        assert beside.folder == str(tmp_path / "album")
    away = tmp_path / "away"
    away.mkdir()
    packed.rename(away / packed.name)
    with PackReader(away / packed.name) as reader:
        of_library = find_place(reader, None, False, ["/nothing", str(tmp_path)])
        assert of_library.folder == str(tmp_path / "album")
        with pytest.raises(FolderError, match="--at FOLDER"):
            find_place(reader, None, False, ["/nothing"])
    with open_library("second") as library:
        with pytest.raises(FolderError, match="does not have the photos of this pack, such as"):
            library.packs.merge(away / packed.name, at=away).run()
        with pytest.raises(UsageError, match="--offline needs --at"):
            library.packs.merge(away / packed.name, offline=True).run()
    assert not (tmp_path / "second" / "library.db").exists()


def test_a_pack_says_on_which_drive_its_folder_is(
    album: Path, tmp_path: Path, open_library: Callable[..., Library]
) -> None:
    with open_library("first") as library:
        library.index([album]).run()
        with writing(tmp_path / "first") as store:
            store.files.set_volume(1, "12AB", "/album")
        library.packs.make(album / "b" / "c d", tmp_path / "1.imgsearch").run()
    with PackReader(tmp_path / "1.imgsearch") as reader:
        assert reader.info.folder == "c d"
        assert (reader.info.volume, reader.info.volume_path) == ("12AB", "/album/b/c d")


def test_the_photos_are_found_on_their_drive(tmp_path: Path) -> None:
    write_noise(tmp_path / "drive" / "album" / "1.jpg", 1)
    by_uuid = tmp_path / "by-uuid"
    by_uuid.mkdir()
    (by_uuid / "12AB").symlink_to("/dev/null")
    table = tmp_path / "mountinfo"
    table.write_text(f"36 35 8:1 / {tmp_path / 'drive'} rw - ext4 /dev/null rw\n")
    mounts = MountTable(table, by_uuid)
    size = (tmp_path / "drive" / "album" / "1.jpg").stat().st_size
    photo = photo_of(1, files=(PackedFile("1.jpg", size, 1),))
    info = replace(INFO, folder="elsewhere", volume="12AB", volume_path="/album")
    away = tmp_path / "away"
    away.mkdir()
    with PackReader(write_pack(away / "1.imgsearch", photo, info=info)) as reader:
        assert find_place(reader, None, False, [], mounts).folder == str(
            tmp_path / "drive" / "album"
        )


def test_photos_of_a_drive_that_is_not_connected_are_offline(
    packed: Path, album: Path, tmp_path: Path, open_library: Callable[..., Library]
) -> None:
    drive = tmp_path / "drive"
    with open_library("second") as library:
        report = library.packs.merge(packed, at=drive, offline=True).run()
        assert (report.new, report.files, report.missing) == (11, 12, 0)
        hit = library.search("keyword:garden")[0]
        assert hit.offline and hit.path == drive / "a" / "3.png"
        assert library.pictures.thumbnail(hit.photo.id) is not None
        assert library.index().run().offline == 12
        shutil.copytree(album, drive)
        after = library.index().run()
        assert (after.unchanged, after.new, after.missing) == (12, 0, 0)
        assert not library.search("keyword:garden")[0].offline


def test_files_that_differ_are_missing_or_read_again(
    packed: Path, album: Path, tmp_path: Path, open_library: Callable[..., Library]
) -> None:
    (album / "a" / "1.png").unlink()
    (album / "a" / "2.png").write_bytes(b"another size")
    os.utime(album / "a" / "4.png")
    encoder = StandIn()
    with open_library("second", encoder) as library:
        report = library.packs.merge(packed, at=album).run()
        assert (report.files, report.missing, report.to_verify) == (10, 2, 1)
        assert library.photo_count() == 9
        write_noise(album / "moved" / "one.png", 1)
        after = library.index().run()
        assert (after.moved, after.failed, after.unchanged) == (2, 1, 9)
        assert encoder.embedded == 0
        assert library.photo_count() == 10


def test_a_pack_makes_no_other_files_photos(
    tmp_path: Path, open_library: Callable[..., Library]
) -> None:
    folder, secret = tmp_path / "photos", b"The password is swordfish."
    outside = write_noise(tmp_path / "outside.jpg", 9)
    (tmp_path / "elsewhere").mkdir()
    for path in ("secret.txt", ".hidden.jpg", ".git/1.jpg", "@eaDir/1.jpg", "note.jpg"):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(secret)
    shutil.copy(outside, tmp_path / "elsewhere" / "1.jpg")
    (folder / "link.jpg").symlink_to(outside)
    (folder / "sub").symlink_to(tmp_path / "elsewhere")
    (folder / "inside.jpg").symlink_to("real.jpg")
    write_noise(folder / "real.jpg", 8)
    names = [
        *("secret.txt", ".hidden.jpg", ".git/1.jpg", "@eaDir/1.jpg", "note.jpg"),
        *("link.jpg", "sub/1.jpg", "inside.jpg", "real.jpg"),
    ]

    def packed_file(name: str) -> PackedFile:
        status = (folder / name).stat()
        return PackedFile(name, status.st_size, status.st_mtime_ns)

    photos = [
        photo_of(number, files=(file,), size_bytes=file.size_bytes)
        for number, file in enumerate(map(packed_file, names))
    ]
    pack = write_pack(tmp_path / "1.imgsearch", *photos)
    with open_library("data", StandIn()) as library:
        report = library.packs.merge(pack, at=folder).run()
        assert (report.new, report.files, report.missing) == (9, 3, 6)
        shown = library.search("sort:path")
        assert [hit.path.name for hit in shown] == ["inside.jpg", "note.jpg", "real.jpg"]
        with pytest.raises(PhotoError, match="has changed"):
            library.pictures.original(shown[1].photo.id)
    with open_library("offline", StandIn()) as library:
        report = library.packs.merge(pack, at=folder, offline=True).run()
        assert (report.files, report.missing) == (5, 4)


def test_a_folder_carries_its_pack_only_when_told_to(
    album: Path, tmp_path: Path, open_library: Callable[..., Library]
) -> None:
    before = set(album.rglob("*"))
    with open_library("first") as library:
        library.index([album]).run()
        with pytest.raises(UsageError, match="where imgsearch writes nothing"):
            library.packs.make(album, album / "a" / "x.imgsearch").run()
        (tmp_path / "link").symlink_to(album / "a")
        with pytest.raises(UsageError, match="where imgsearch writes nothing"):
            library.packs.make(album, tmp_path / "link" / "x.imgsearch").run()
        with pytest.raises(UsageError, match="one of the two"):
            library.packs.make(album, tmp_path / "x.imgsearch", inside=True)
        assert set(album.rglob("*")) == before
        report = library.packs.make(album, inside=True).run()
        assert set(album.rglob("*")) - before == {report.file.parent, report.file}
        assert report.file == album / ".imgsearch" / "photos.imgsearch"
        after = library.index().run()
        assert (after.unchanged, after.new, after.failed) == (12, 0, 0)
    album.rename(tmp_path / "drive")
    with open_library("second") as library:
        merged = library.packs.merge(tmp_path / "drive").run()
        assert merged.folder == tmp_path / "drive" and merged.files == 12


# ------------------------------------------------------------------------- models


def kept_in(library: Library) -> dict[str, int]:
    """How many photos have vectors of each encoder that is kept."""
    stored = library.encoders.stored()
    return {each.encoder_id: each.photos for each in stored if each.state == "kept"}


def test_vectors_of_another_model_are_kept_beside(
    packed: Path, album: Path, tmp_path: Path, open_library: Callable[..., Library]
) -> None:
    more = write_photos(tmp_path / "more", 2)
    other = OtherStandIn()
    with open_library("second", other) as library:
        library.index([more]).run()
        with pytest.raises(EncoderMismatch, match="--beside"):
            library.packs.merge(packed, at=album).run()
        assert library.photo_count() == 2
        report = library.packs.merge(packed, at=album, beside=True).run()
        assert (report.new, report.embedded, report.beside) == (11, 11, (StandIn.id,))
        library.index().run()
        assert other.embedded == 13
        assert len(library.find("anything", k=20).hits) == 13
        own = OTHER_MODEL
        with Store.open(tmp_path / "second") as store:
            by_encoder = {
                row.encoder_id: store.vectors.count(row.key) for row in store.vectors.all_encoders()
            }
        assert by_encoder == {own: 13, StandIn.id: 11}
        assert kept_in(library) == {StandIn.id: 11}
    shutil.copytree(tmp_path / "second", tmp_path / "third")
    with open_library("third", other) as library:
        with pytest.raises(UsageError, match="is in use"):
            library.encoders.drop(OTHER_MODEL)
        assert library.encoders.drop("lite").size_bytes == 11 * 2 * StandIn.dim
        assert kept_in(library) == {}
        assert len(library.find("anything", k=20).hits) == 13
    back = StandIn()
    with open_library("second", back) as library:  # a change of model uses what was kept
        library.rebuild("lite").run()
        assert back.embedded == 2
        assert kept_in(library) == {OTHER_MODEL: 13}
        assert len(library.find("anything", k=20).hits) == 13


def test_a_merge_says_that_its_encoder_cannot_be_used_here(tmp_path: Path) -> None:
    notices: list[str] = []
    pack = write_pack(tmp_path / "1.imgsearch", *map(photo_of, range(MIN_PHOTOS)))
    settings = Settings.load(data_dir=tmp_path / "data", cache_dir=tmp_path / "cache")
    with Library.open(settings, notices.append) as library:
        assert library.packs.merge(pack, at="/photos", offline=True).run().new == MIN_PHOTOS
    assert [notice for notice in notices if "its encoder cannot be used here yet" in notice]


def merged(pack: Path, data_dir: Path) -> list[PackedPhoto]:
    """The photos of a library that a pack was merged into, without their thumbnails."""
    with PackReader(pack) as reader, writing(data_dir) as store:
        place = PackPlace("/photos", offline=True)
        with ThumbnailStore(data_dir) as thumbnails:
            Job(merge_pack(store, thumbnails, reader, place, None)).run()
        return store.packs.photos(store.packs.photo_ids("/photos").tolist(), "/photos")


def test_a_pack_of_several_models_gives_each_its_own(
    tmp_path: Path, open_library: Callable[..., Library]
) -> None:
    second = PackEncoder(StandIn.id, "lite", StandIn.dim, is_current=False)
    halves = random_vectors(2, StandIn.dim).astype("<f2")
    two_parts = PackedVectors(StandIn.id, tuple(row.tobytes() for row in halves), (0.5, 2.5))
    photo = photo_of(1)
    pack = write_pack(
        tmp_path / "1.imgsearch",
        replace(photo, vectors=(*photo.vectors, two_parts)),
        photo_of(2, vectors=()),
        info=replace(INFO, encoders=(ENCODER, second)),
    )
    one, two = merged(pack, tmp_path / "merged")
    assert one.vectors == (*photo.vectors, two_parts) and two.vectors == ()
    with writing(tmp_path / "data") as store:
        store.vectors.add_encoder(StandIn.id, "lite", StandIn.dim)
    with open_library("data") as library:
        report = library.packs.merge(pack, at="/photos", offline=True).run()
        assert report.beside == (ENCODER.encoder_id,)


def pack_of(encoder: PackEncoder, path: Path, photos: int = 3) -> Path:
    """A pack of one encoder, with vectors of the length that it states."""
    rows = random_vectors(photos, encoder.dim).astype("<f2")
    vectors = [(PackedVectors(encoder.encoder_id, (row.tobytes(),)),) for row in rows]
    made = [photo_of(number, vectors=own) for number, own in enumerate(vectors)]
    return write_pack(path, *made, info=replace(INFO, encoders=(encoder,)))


@pytest.mark.parametrize("dim", [3, StandIn.dim + 1])
def test_vectors_of_another_length_than_the_librarys_are_refused(
    dim: int, tmp_path: Path, open_library: Callable[..., Library]
) -> None:
    pack = pack_of(PackEncoder(StandIn.id, "lite", dim, True), tmp_path / "1.imgsearch")
    photos = write_photos(tmp_path / "photos", 3)
    with open_library("new") as library:  # its encoder is known before there is a library
        with pytest.raises(PackError, match="Make the pack again"):
            library.packs.merge(pack, at="/photos", offline=True).run()
        assert not library.exists()
    with open_library("data") as library:
        library.index([photos]).run()
        before = contents(tmp_path / "data")
        for job in (
            library.packs.merge(pack, at="/photos", offline=True),
            library.packs.merge(pack, at="/photos", offline=True, beside=True),
            library.packs.verify(pack),
        ):
            with pytest.raises(PackError, match=rf"{StandIn.id} has {dim} numbers, and it has 32"):
                job.run()
        assert contents(tmp_path / "data") == before
        assert len(library.find("a photo").hits) == 3


def test_vectors_that_are_kept_beside_have_the_length_that_is_known_too(
    tmp_path: Path, open_library: Callable[..., Library]
) -> None:
    with open_library("data") as library:
        library.index([write_photos(tmp_path / "photos", 3)]).run()
        kept = pack_of(ENCODER, tmp_path / "1.imgsearch")
        library.packs.merge(kept, at="/photos", offline=True, beside=True).run()
        other = pack_of(replace(ENCODER, dim=DIM + 1), tmp_path / "2.imgsearch")
        with pytest.raises(PackError, match=f"has {DIM + 1} numbers, and it has {DIM}"):
            library.packs.merge(other, at="/photos", offline=True, beside=True).run()


def test_a_built_in_model_has_the_length_that_imgsearch_knows(tmp_path: Path) -> None:
    settings = Settings.load(data_dir=tmp_path / "data", cache_dir=tmp_path / "cache")
    encoder = PackEncoder("lite@1", "lite", 3, is_current=True)
    pack = pack_of(encoder, tmp_path / "1.imgsearch")
    with Library.open(settings) as library:
        for job in (
            library.packs.verify(pack),
            library.packs.merge(pack, at="/photos", offline=True),
        ):
            with pytest.raises(PackError, match="has 3 numbers, and it has 768"):
                job.run()
        assert not library.exists()


# ------------------------------------------------------------------------- errors


def test_packs_of_videos_and_of_pages_full_of_text_are_read(tmp_path: Path) -> None:
    dim, parts = 1024, 12
    encoder = PackEncoder("made@1", "made", dim, is_current=True)
    rows = random_vectors(parts, dim).astype("<f2")
    vectors = (PackedVectors("made@1", tuple(map(bytes, rows)), tuple(map(float, range(parts)))),)
    lines = tuple(TextLine(f"line {n} " + "word " * 10, 0, 0, 1, 1, 0.5) for n in range(150))
    photos = [
        photo_of(
            number,
            vectors=vectors,
            text=PhotoText("read", lines, "reader 1", NOW),
            facts=Facts("VIDEO", 8, 8, title=f"title {number}", description="word " * 1000),
        )
        for number in range(600)
    ]
    info = replace(INFO, encoders=(encoder,))
    pack = write_pack(tmp_path / "1.imgsearch", *photos, info=info, at_once=600)
    with PackReader(pack) as reader:
        sizes = [len(batch.library) for batch in reader.batches()]
    assert len(sizes) > 2 and max(sizes) < 20_000_000, "long batches are divided"
    assert merged(pack, tmp_path / "data") == [replace(each, thumbnail=None) for each in photos]


@pytest.mark.features("concepts")
def test_a_concept_whose_pictures_cannot_be_read_is_left_out(
    tmp_path: Path, open_library: Callable[..., Library]
) -> None:
    pack, elsewhere = tmp_path / "1.imgsearch", write_noise(tmp_path / "elsewhere.png", 77)
    with open_library("first") as library:
        library.index([write_photos(tmp_path / "photos", 3)]).run()
        library.concepts.teach("dogs", [elsewhere])
        library.concepts.teach("first", [tmp_path / "photos" / "0001.png"])
    with closing(sqlite3.connect(tmp_path / "first" / "library.db")) as database, database:
        database.execute("UPDATE concept_examples SET picture = ? WHERE picture NOT NULL", (b"?",))
    with open_library("first") as library:
        library.packs.make(tmp_path / "photos", pack).run()
        assert library.packs.verify(pack).run().of_features["concepts"] == ("dogs", "first")
    with open_library("second") as library:
        report = library.packs.merge(pack, at=tmp_path / "photos").run()
        assert (report.new, report.of_features["concepts"]) == (3, 1)
        assert [each.name for each in library.concepts.all()] == ["first"]


def test_a_pack_never_replaces_another_file(
    packed: Path, album: Path, tmp_path: Path, open_library: Callable[..., Library]
) -> None:
    letter = tmp_path / "letter.txt"
    letter.write_text("Dear Max")
    with open_library("first") as library:
        with pytest.raises(UsageError, match="is not a pack"):
            library.packs.make(album, letter).run()
        with pytest.raises(DiskError, match="does not exist"):
            library.packs.make(album, tmp_path / "none" / "x.imgsearch").run()
        assert library.packs.make(album, packed).run().photos == 11
    assert letter.read_text() == "Dear Max"
    assert packed.stat().st_mode & 0o777 == 0o600


def test_damage_to_the_library_is_not_taken_for_damage_to_the_pack(
    packed: Path, album: Path, tmp_path: Path, open_library: Callable[..., Library]
) -> None:
    before, data = packed.read_bytes(), tmp_path / "first" / "library.db"
    with closing(sqlite3.connect(data)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        query = "SELECT rootpage FROM sqlite_master WHERE name = 'text_lines'"
        (page,) = connection.execute(query).fetchone()
    with data.open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xff" * 4096)
    with (
        open_library("first") as library,
        pytest.raises(StoreError, match=r"library\.db is damaged"),
    ):
        library.packs.make(album, packed).run()
    assert packed.read_bytes() == before
    assert not list(tmp_path.glob(".*.new"))


def test_one_process_at_a_time_merges_and_writes_a_pack(
    packed: Path, album: Path, tmp_path: Path, open_library: Callable[..., Library]
) -> None:
    second, first = open_library("second"), open_library("first")
    locked = pytest.raises(LibraryLocked, match="Another imgsearch is writing to the library")
    with second, writing(tmp_path / "second"), locked as error:
        second.packs.merge(packed, at=album).run()
    assert error.value.exit_code == 9
    locked = pytest.raises(LibraryLocked, match="Another imgsearch is writing the pack")
    with first, writing_pack(packed, INFO), locked as error:
        first.packs.make(album, packed).run()
    assert error.value.exit_code == 9


FULL_DISK = """
import resource, signal, sys
from imgsearch import Library, Settings
from imgsearch.errors import DiskError
from tests.stand_in import StandIn
data, what, pack, folder, limit = sys.argv[1:]
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), resource.RLIM_INFINITY))
with Library.open(Settings.load(data_dir=data), encoder=StandIn()) as library:
    merge = library.packs.merge(pack, at=folder, offline=True)
    job = library.packs.make(folder, pack) if what == "pack" else merge
    try:
        job.run()
    except DiskError as error:
        print(error.exit_code, error)
"""


def test_a_full_disk_is_told_and_loses_nothing(
    packed: Path, album: Path, tmp_path: Path, open_library: Callable[..., Library]
) -> None:
    cache = {"IMGSEARCH_CACHE": str(tmp_path / "cache")}
    with open_library("first") as library:
        for number in range(12):  # so that the pack is larger than any file that SQLite needs
            write_noise(album / f"{number}.png", 20 + number, side_px=200)
        library.index().run()
        library.packs.make(album, packed).run()
    whole = packed.read_bytes()
    limit = str(len(whole) - 500)
    done = run_python(FULL_DISK, tmp_path / "first", "pack", packed, album, limit, **cache)
    assert done.stdout.startswith("10 The disk that holds"), (done.stdout, done.stderr)
    assert "unchanged" in done.stdout
    assert packed.read_bytes() == whole
    assert not list(tmp_path.glob(".*.new"))


def test_a_disk_that_fills_during_a_merge_loses_nothing(
    tmp_path: Path, open_library: Callable[..., Library]
) -> None:
    long = [Facts("JPEG", 8, 8, description=f"{number} " * 900) for number in range(40)]
    photos = [photo_of(number, facts=facts) for number, facts in enumerate(long)]
    pack = write_pack(tmp_path / "1.imgsearch", *photos, at_once=5)
    with writing(tmp_path / "second"):
        pass
    limit = (tmp_path / "second" / "library.db").stat().st_size + 100_000
    cache = {"IMGSEARCH_CACHE": str(tmp_path / "cache")}
    arguments = (tmp_path / "second", "unpack", pack, "/photos", str(limit))
    done = run_python(FULL_DISK, *arguments, **cache)
    assert done.stdout.startswith("10 The disk that holds"), (done.stdout, done.stderr)
    before = contents(tmp_path / "second")
    assert len(before) < 40 and len(before) % 5 == 0
    for name in ("second", "whole"):
        with open_library(name) as library:
            library.packs.merge(pack, at="/photos", offline=True).run()
    assert contents(tmp_path / "second") == contents(tmp_path / "whole")


# ------------------------------------------------------------------------- killed


HELD = """
import os, signal, sys
from imgsearch import Library, Settings
from tests.stand_in import StandIn
data, what, pack, folder, kill_at_step = sys.argv[1:]
with Library.open(Settings.load(data_dir=data), encoder=StandIn()) as library:
    merge = library.packs.merge(pack, at=folder, offline=True)
    job = library.packs.make(folder, pack) if what == "pack" else merge
    for number, step in enumerate(each for each in job if each.part is None):
        if number == int(kill_at_step):
            os.kill(os.getpid(), signal.SIGKILL)
"""


def kill_at(step: int, data: Path, what: str, pack: Path, folder: str) -> None:
    """Run a job in a process that kills itself at a step."""
    if sys.platform == "win32":
        pytest.skip("needs Unix")
    done = subprocess.run(
        [sys.executable, "-c", HELD, data, what, pack, folder, str(step)],
        env={**os.environ, "PYTHONPATH": str(CHECKOUT), "IMGSEARCH_CACHE": str(data / "cache")},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


def test_a_merge_that_is_killed_is_whole_after_the_next(
    tmp_path: Path, open_library: Callable[..., Library]
) -> None:
    facts = Facts("JPEG", 8, 8, title="a title", keywords=("one", "two"))
    photos = [photo_of(number, facts=facts) for number in range(15)]
    pack = write_pack(tmp_path / "1.imgsearch", *photos, at_once=5)
    with open_library("whole") as library:
        library.packs.merge(pack, at="/photos", offline=True).run()
    expected = contents(tmp_path / "whole")
    assert len(expected) == 15
    data, merged = tmp_path / "killed", []
    for step in (0, 1, 2):  # before a row group, after it, and before the next
        kill_at(step, data, "unpack", pack, "/photos")
        known = contents(data)
        assert all(expected[key] == of_photo for key, of_photo in known.items())
        merged.append(len(known))
    assert merged == [0, 5, 5]
    with open_library("killed") as library:
        assert library.packs.merge(pack, at="/photos", offline=True).run().new == 10
    assert contents(data) == expected


def test_a_pack_that_is_killed_leaves_the_old_one(
    packed: Path, album: Path, tmp_path: Path, open_library: Callable[..., Library]
) -> None:
    before = packed.read_bytes()
    kill_at(1, tmp_path / "first", "pack", packed, str(album))
    assert packed.read_bytes() == before
    assert list(tmp_path.glob(".*.new"))
    with open_library("first") as library:
        write_noise(album / "new.png", 99)
        library.index().run()
        assert library.packs.make(album, packed).run().photos == 12
        assert library.packs.verify(packed).run().photos == 12
    assert not list(tmp_path.glob(".*.new"))


# ------------------------------------------------------------------------- without imgsearch


def test_sqlite_reads_a_pack(packed: Path) -> None:
    query = (
        "SELECT CAST(paths.name AS TEXT), rating, keywords.name, line FROM photos "
        "JOIN paths ON paths.photo_id = photos.id JOIN photo_keywords USING (photo_id) "
        "JOIN keywords ON keywords.id = keyword_id JOIN text_lines USING (photo_id) "
        "WHERE rating >= 4 AND photo_keywords.place = 0"
    )
    before = packed.read_bytes()
    with closing(sqlite3.connect(packed)) as connection:
        assert connection.execute(query).fetchall() == [("a/3.png", 4, "garden", "EXIT 12")]
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert packed.read_bytes() == before


def test_the_examples_of_the_page_run(packed: Path, tmp_path: Path) -> None:
    page = (CHECKOUT / "docs" / "pack-format.md").read_text()
    packed.rename(tmp_path / "photos.imgsearch")
    code = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)[0]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.endswith(f"a/3.png 4\n(11, {StandIn.dim})\n"), done.stdout
    (queries,) = re.findall(r"^```sql\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    with closing(sqlite3.connect(tmp_path / "photos.imgsearch")) as connection:
        answers = [connection.execute(query).fetchall() for query in queries.split(";")[:-1]]
    assert answers == [[("garden", 1), ("old|house", 1)], [(StandIn.id, 11, StandIn.dim)]]


def test_the_page_lists_every_table_and_column() -> None:
    page = (CHECKOUT / "docs" / "pack-format.md").read_text()
    described = (CHECKOUT / "docs" / "http.md").read_text()
    for fact in FACTS:
        assert f"| `{fact.name}` |" in described
    with closing(sqlite3.connect(":memory:")) as connection:
        pack_format.create(connection)
        tables = [
            name
            for (name,) in connection.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name != 'sqlite_sequence'"
            )
        ]
    for table in tables:
        assert f"`{table}`" in page, table


# ------------------------------------------------------------------------- the commands


COMMAND = "from tests.stand_in import StandIn\nfrom imgsearch import cli\ncli.main(StandIn())"


@pytest.fixture
def run_command(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs `imgsearch` with the stand-in, on the library `second` unless --data says another."""

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        data, cache = str(tmp_path / "second"), str(tmp_path / "cache")
        return run_python(COMMAND, *arguments, IMGSEARCH_DATA=data, IMGSEARCH_CACHE=cache)

    return run


def test_the_commands_pack_verify_and_merge(
    packed: Path,
    album: Path,
    tmp_path: Path,
    run_command: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    done = run_command("pack", album, packed, "--data", tmp_path / "first")
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(rf"11 photos \(12 files\), 0\.\d MB in \d+\.\d s: {packed}\n", done.stdout)
    verified = run_command("pack", "--verify", packed)
    assert verified.returncode == 0, verified.stderr
    assert verified.stdout.startswith("The pack is whole: 11 photos (12 files) of album, made on ")
    assert not (tmp_path / "second").exists()
    merged = run_command("unpack", packed, "--at", album, "--json")
    assert merged.returncode == 0, merged.stderr
    report = json.loads(merged.stdout)
    assert (report["new"], report["files"], report["folder"]) == (11, 12, str(album))


def test_the_commands_have_an_exit_code_for_each_error(
    packed: Path, tmp_path: Path, run_command: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    cut = tmp_path / "cut.imgsearch"
    cut.write_bytes(packed.read_bytes()[:-20])
    for code, sentence, *arguments in (
        (12, "is cut off", "unpack", cut),
        (4, "--at FOLDER", "unpack", packed, "--at", tmp_path / "first"),
        (2, "not both", "pack", tmp_path),
    ):
        done = run_command(*arguments)
        assert done.returncode == code, (arguments, done.stderr)
        assert sentence in done.stderr
        assert not done.stdout and "Traceback" not in done.stderr


def test_a_terminal_is_asked_where_the_photos_are(
    packed: Path, album: Path, tmp_path: Path, open_library: Callable[..., Library]
) -> None:
    away = tmp_path / "away"
    away.mkdir()
    packed.rename(away / packed.name)
    environment = {
        **os.environ,
        "PYTHONPATH": str(CHECKOUT),
        "IMGSEARCH_DATA": str(tmp_path / "second"),
        "IMGSEARCH_CACHE": str(tmp_path / "cache"),
    }
    answers = {b"Folder with the photos: ": os.fsencode(album) + b"\n"}
    command = [sys.executable, "-c", COMMAND, "unpack", str(away / packed.name)]
    code, output = run_in_terminal(command, environment, answers)
    assert code == 0 and b"11 new" in output, output
    sentence = rb"No folder known here has the photos of this pack, such as (\S+)\. Say"
    named = re.search(sentence, output)  # which one depends on the order of decoding
    assert named and (album / os.fsdecode(named[1])).is_file(), output
    with open_library("second") as library:
        assert library.photo_count() == 11


def test_a_merge_that_is_stopped_keeps_what_was_done(
    tmp_path: Path, open_library: Callable[..., Library]
) -> None:
    pack = write_pack(tmp_path / "1.imgsearch", *map(photo_of, range(15)), at_once=5)
    with open_library("second") as library:
        job = library.packs.merge(pack, at="/photos", offline=True)
        steps = (step for step in job if step.part is None)
        assert [next(steps).done for _ in range(4)] == [0, 5, 5, 10]
        job.close()
        assert len(contents(tmp_path / "second")) == 10
        report = library.packs.merge(pack, at="/photos", offline=True).run()
        assert (report.photos, report.new, report.files) == (15, 5, 5)


def test_a_pack_that_is_stopped_leaves_the_old_one(
    packed: Path, album: Path, tmp_path: Path, open_library: Callable[..., Library]
) -> None:
    before = packed.read_bytes()
    with open_library("first") as library:
        job = library.packs.make(album, packed)
        assert [next(job).done, next(job).done] == [0, 11]
        assert list(tmp_path.glob(".*.new"))
        job.close()
    with pytest.raises(KeyboardInterrupt), writing_pack(packed, INFO) as writer:
        writer.add([photo_of(1)])
        raise KeyboardInterrupt
    assert packed.read_bytes() == before
    assert not list(tmp_path.glob(".*.new"))


@pytest.mark.features("saved", "concepts")
def test_saved_searches_and_concepts_go_with_the_photos(
    open_library: Callable[..., Library], album: Path, tmp_path: Path
) -> None:
    pack, elsewhere = tmp_path / "p.imgsearch", write_noise(tmp_path / "elsewhere.png", 77)
    with open_library("first") as library:
        library.index([album]).run()
        by_name = {hit.path.name: hit.photo for hit in library.search("in:album", k=20)}
        library.saved.save("garden", "keyword:garden sort:path", k=7)
        library.saved.save("like three", f"photo:{by_name['3.png'].id}")
        library.saved.save("from elsewhere", Query((Term(Example(elsewhere)),)))
        library.concepts.teach("noise", [album / "a" / "1.png", elsewhere], [album / "a" / "2.png"])
        library.concepts.teach("taken", [album / "a" / "4.png"])
        library.packs.make(album, pack).run()
        alone = library.packs.make(album, tmp_path / "alone.imgsearch", photos_only=True)
        assert alone.run().photos == 11
        info = library.packs.verify(tmp_path / "alone.imgsearch").run()
        assert (info.of_features["saved"], info.of_features["concepts"]) == ((), ())
    with open_library("second") as library:
        library.index([write_photos(tmp_path / "other", 30)]).run()
        library.concepts.teach("taken", [tmp_path / "other" / "0001.png"])
        library.saved.save("GARDEN", "in:other")
        report = library.packs.merge(pack, at=album).run()
        assert (report.of_features["saved"], report.of_features["concepts"]) == (1, 1)
        saved = {each.name: each for each in library.saved.all()}
        assert sorted(saved) == ["GARDEN", "like three"]
        assert saved["GARDEN"].line == "in:other", "a name that is taken stays"
        assert saved["like three"].new == 0
        (three,) = library.search("name:3.png in:album")
        assert three.photo.id != by_name["3.png"].id
        assert saved["like three"].line == f"photo:{three.photo.id}"
        noise = library.concepts.get("noise")
        assert (noise.likes, noise.unlikes) == (2, 1)
        assert library.concepts.get("taken").likes == 1
        again = library.packs.merge(pack, at=album).run()
        assert (again.of_features["saved"], again.of_features["concepts"]) == (0, 0)


def ids_by_name(library: Library) -> dict[str, int]:
    return {hit.path.name: hit.photo.id for hit in library.search("in:album", k=20)}


@pytest.mark.features("albums")
def test_albums_go_with_their_photos(
    open_library: Callable[..., Library], album: Path, tmp_path: Path
) -> None:
    pack = tmp_path / "p.imgsearch"
    with open_library("first") as library:
        library.index([album, write_photos(tmp_path / "elsewhere", 30)]).run()
        ours = ids_by_name(library)
        (other, *_) = library.search("in:elsewhere", k=1)
        library.albums.make("Book", [ours["3.png"], other.photo.id, ours["1.png"]])
        library.albums.make("taken", [ours["2.png"]])
        library.albums.make("not of these photos", [other.photo.id])
        library.tray.add([ours["4.png"]])
        assert library.packs.make(album, pack).run().photos == 11
        info = library.packs.verify(pack).run()
        assert info.of_features["albums"] == ("Book", "taken")
        alone = library.packs.make(album, tmp_path / "alone.imgsearch", photos_only=True).run()
        assert "albums" not in library.packs.verify(alone.file).run().of_features
    with open_library("second") as library:
        library.index([write_photos(tmp_path / "other", 40)]).run()
        (here, *_) = library.search("in:other", k=1)
        library.albums.make("TAKEN", [here.photo.id])
        assert library.packs.merge(pack, at=album).run().of_features["albums"] == 1
        theirs = ids_by_name(library)
        assert {each.name for each in library.albums.all()} == {"Book", "TAKEN"}
        book = library.albums.photos("book").photo_ids
        assert book == (theirs["3.png"], theirs["1.png"]), "in the order of the album"
        assert library.albums.photos("taken").photo_ids == (here.photo.id,)
        assert library.tray.photos().photo_ids == ()
        library.albums.take_out("Book", [theirs["3.png"]])
        assert library.packs.merge(pack, at=album).run().of_features["albums"] == 0
        assert library.albums.photos("Book").photo_ids == (theirs["1.png"],)


@pytest.mark.features("albums")
def test_a_merge_that_is_stopped_makes_albums_when_it_is_run_again(
    open_library: Callable[..., Library], album: Path, tmp_path: Path
) -> None:
    pack = tmp_path / "p.imgsearch"
    with open_library("first") as library:
        library.index([album]).run()
        library.albums.make("Book", list(ids_by_name(library).values()))
        library.packs.make(album, pack).run()
    with open_library("second") as library:
        job = library.packs.merge(pack, at=album)
        (first, *_) = (step for step in job if step.part is None)
        job.close()
        report = library.packs.merge(pack, at=album).run()
        assert (report.new, report.of_features["albums"]) in ((11, 1), (0, 1), (0, 0))
        assert library.albums.photos("Book").photo_ids and first.total == 11
        assert len(library.albums.photos("Book").photo_ids) == len(ids_by_name(library))


def mark_photos(library: Library) -> None:
    """Mark photos of the album, and one as a favourite with stars that is hidden, too."""
    ours = ids_by_name(library)
    library.marks.set([ours["3.png"], ours["4.png"]], favourite=True)
    library.marks.set([ours["4.png"]], rating=0)
    library.marks.set([ours["4.png"], ours["5.png"]], hidden=True)


def names_found(library: Library, query: str) -> list[str]:
    return sorted(hit.path.name for hit in library.search(query, k=20))


def test_marks_go_with_their_photos_and_hidden_ones_stay_hidden(
    open_library: Callable[..., Library], album: Path, tmp_path: Path
) -> None:
    pack = tmp_path / "p.imgsearch"
    with open_library("first") as library:
        library.index([album]).run()
        mark_photos(library)
        library.packs.make(album, pack).run()
        assert library.packs.verify(pack).run().has_marks
    with open_library("second") as library:
        assert library.packs.merge(pack, at=album).run().marks == 5
        assert names_found(library, "is:favourite") == ["3.png"]
        assert names_found(library, "is:hidden") == ["4.png", "5.png"]
        assert not {"4.png", "5.png"} & set(names_found(library, "in:album"))
        theirs = {hit.path.name: hit.photo.id for hit in library.search("is:hidden", k=20)}
        assert library.marks.of([theirs["4.png"]])[theirs["4.png"]].rating == 0
        library.marks.set([theirs["4.png"]], rating=5)
        assert library.packs.merge(pack, at=album).run().marks == 0
        marks = library.marks.of([theirs["4.png"]])[theirs["4.png"]]
        assert marks.rating == 5, "marks that a photo has here stay"


def test_a_pack_of_photos_only_has_no_marks_but_hides_hidden_photos(
    open_library: Callable[..., Library], album: Path, tmp_path: Path
) -> None:
    pack = tmp_path / "p.imgsearch"
    with open_library("first") as library:
        library.index([album]).run()
        mark_photos(library)
        library.packs.make(album, pack, photos_only=True).run()
    with open_library("second") as library:
        assert library.packs.merge(pack, at=album).run().marks == 2
        assert names_found(library, "is:hidden") == ["4.png", "5.png"]
        assert names_found(library, "is:favourite is:hidden") == []
        hidden = [hit.photo.id for hit in library.search("is:hidden", k=20)]
        assert {each.rating for each in library.marks.of(hidden).values()} == {None}


def test_an_older_imgsearch_takes_marks_for_facts_that_it_does_not_know(
    open_library: Callable[..., Library], album: Path, tmp_path: Path
) -> None:
    """The schema check of 0.1.0 allows further columns of photos that look like facts."""
    pack = tmp_path / "p.imgsearch"
    with open_library("first") as library:
        library.index([album]).run()
        mark_photos(library)
        library.packs.make(album, pack, faces=True).run()
    fact = re.compile(r"([a-z][a-z0-9_]{0,63}) (TEXT|INTEGER|FLOAT|BOOLEAN)( NOT NULL DEFAULT 0)?")
    with closing(sqlite3.connect(pack)) as connection:
        (sql,) = connection.execute(
            "SELECT sql FROM sqlite_master WHERE name = 'photos'"
        ).fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
    columns = re.search(r"mark_.*(?=\))", sql)
    assert columns
    assert all(fact.fullmatch(column) for column in columns[0].split(", "))
    assert "mark_me" in columns[0] and version == pack_format.FACES_VERSION


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("UPDATE photos SET mark_rating = 6", "stars"),
        ("UPDATE photos SET mark_rating = -1", "stars"),
        ("UPDATE photos SET mark_hidden = 2", "photos.mark_hidden"),
        ("UPDATE photos SET mark_favourite = 'x'", "photos.mark_favourite"),
    ],
)
def test_impossible_marks_are_damage(
    open_library: Callable[..., Library], album: Path, tmp_path: Path, statement: str, problem: str
) -> None:
    with open_library("first") as library:
        library.index([album]).run()
        mark_photos(library)
        pack = library.packs.make(album, tmp_path / "p.imgsearch").run().file
        change(pack, statement)
        with pytest.raises(PackError, match=problem):
            library.packs.verify(pack).run()


def pack_with_an_album(open_library: Callable[..., Library], album: Path, folder: Path) -> Path:
    """A pack in a folder, of photos of which an album has one."""
    with open_library("first") as library:
        library.index([album]).run()
        library.albums.make("Book", [ids_by_name(library)["3.png"]])
        return library.packs.make(album, folder / "p.imgsearch").run().file


@pytest.mark.features("albums")
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE albums SET name = 'a' || char(7)",
        "UPDATE albums SET name = ''",
        "UPDATE album_photos SET photo_id = 999",
        "DELETE FROM album_photos",
        "UPDATE album_photos SET album_id = 999",
    ],
)
def test_albums_that_no_library_could_have_are_left_out(
    open_library: Callable[..., Library], album: Path, tmp_path: Path, statement: str
) -> None:
    pack = pack_with_an_album(open_library, album, tmp_path)
    change(pack, statement)
    with open_library("second") as library:
        assert library.packs.merge(pack, at=album).run().of_features["albums"] == 0
        assert library.albums.all() == () and library.photo_count() == 11


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE albums SET name = x'00'",
        "UPDATE album_photos SET place = 'x'",
        "DROP TABLE album_photos",
        "ALTER TABLE albums ADD COLUMN more TEXT",
        "PRAGMA user_version = 1",
    ],
)
def test_tables_of_albums_that_are_none_are_damage(
    open_library: Callable[..., Library], album: Path, tmp_path: Path, statement: str
) -> None:
    pack = pack_with_an_album(open_library, album, tmp_path)
    with closing(sqlite3.connect(pack, isolation_level=None)) as connection:
        connection.execute(statement)
        if "DROP" not in statement:
            seal(connection)
    with open_library("first") as library, pytest.raises(PackError):
        library.packs.verify(pack).run()


@pytest.mark.features("saved")
@pytest.mark.parametrize(
    "search",
    [
        ("a/b", "dog", None),
        ("bad", "rating:x", None),
        ("empty", "", None),  # the library could not be packed again
        ("none", "dog", 0),
        ("unknown", "photo:3", None),
        ("unnamed", "photo:4", None),
        ("other", "saved:nothing", None),
    ],
)
def test_searches_that_cannot_be_answered_here_are_left_out(
    open_library: Callable[..., Library],
    album: Path,
    tmp_path: Path,
    search: tuple[str, str, int | None],
) -> None:
    name, line, k = search
    at = NOW.isoformat()
    with open_library("first") as library:
        library.index([album]).run()
        pack = library.packs.make(album, tmp_path / "p.imgsearch").run().file
    limit = "NULL" if k is None else k
    change(
        pack,
        f"INSERT INTO saved_searches VALUES (1, '{name}', '{name}', '{line}', {limit}, 0, '{at}', "
        f"'{at}', x'', x'')",
        "INSERT INTO named_photos VALUES (3, zeroblob(32))",
    )
    with open_library("second") as library:
        assert library.packs.merge(pack, at=album).run().of_features["saved"] == 0
        assert library.saved.all() == () and library.photo_count() == 11
