"""Text in pictures: read once, found by its words, lost with its photo, resumable at any photo."""

from __future__ import annotations

import json
import shutil
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from PIL import Image, ImageDraw, ImageFont

from imgsearch import Library, Settings
from imgsearch.cli import commands
from imgsearch.errors import FolderError, MissingPackage, PhotoError, Reason
from imgsearch.features.text.reader import LOOK_THRESHOLD, TextReader, is_installed, open_reader
from imgsearch.features.text.reading import DESCRIPTIONS, read_text
from imgsearch.features.text.records import TextReport
from imgsearch.indexer import sync
from imgsearch.indexer.context import IndexingContext
from imgsearch.indexer.likely_photos import likeliness
from imgsearch.indexer.watch_loop import WatchSchedule, watch
from imgsearch.indexer.watcher import WatchTiming
from imgsearch.progress import FeatureReport, SyncReport
from imgsearch.records.picture_text import TextLine, differs_by_a_letter
from imgsearch.records.query import Filter, Selection
from imgsearch.store.store import Store
from tests.factories import (
    PATIENCE_S,
    context_of,
    ingested,
    noise,
    random_vectors,
    run,
    start_cli,
)
from tests.stand_in import StandIn
from tests.test_picture_text import line

if TYPE_CHECKING:
    from imgsearch.records.arrays import Vectors

ROOT = "/home/ada/Pictures"
needs_reader = pytest.mark.skipif(not is_installed(), reason="needs the extra ocr")


GROUND = (238, 232, 214)


def picture(text: str, size_px: tuple[int, int] = (640, 400), font_px: int = 48) -> Image.Image:
    """Dark text on a light ground, line by line."""
    image = Image.new("RGB", size_px, GROUND)
    font = ImageFont.load_default(font_px)
    ImageDraw.Draw(image).multiline_text((40, 40), text, (25, 25, 45), font, spacing=24)
    return image


# ------------------------------------------------------------------------- the store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path, writable=True)
    yield opened
    opened.close()


def add(store: Store, name: str) -> int:
    """Record a new photo; returns its id."""
    root_id = store.files.add_root(ROOT)
    key = store.vectors.add_encoder("test/1", "test", 2).key
    store.record(root_id, key, [ingested(f"{ROOT}/{name}", random_vectors(1, 2))])
    photo_id = store.reads.photos.at(Path(ROOT, name))
    assert photo_id is not None
    return photo_id


def found(store: Store, phrase: str) -> list[int]:
    """The photos whose text has a phrase, in the order of ids."""
    selection = Selection((Filter("text", (phrase,)),))
    return list(store.reads.selections.ids(selection).tolist())


def test_photos_are_found_by_their_text(store: Store) -> None:
    menu, sign = add(store, "menu.jpg"), add(store, "sign.jpg")
    store.picture_text.record(menu, "r", [line("Café Zoë"), line("Table 12: soup, fish, cake")])
    store.picture_text.record(sign, "r", [line("TABLE 12")])
    assert found(store, "table 12") == [menu, sign]
    assert found(store, "cafe ZOE") == found(store, "zoe TABLE") == [menu]
    assert found(store, "exit") == found(store, "12 table") == found(store, "!") == []
    neither = Selection((Filter("text", ("fish", "exit"), negated=True),))
    assert store.reads.selections.ids(neither).tolist() == [sign]
    text = store.reads.photos.texts([menu])[menu]
    assert (text.state, text.reader) == ("read", "r")
    assert text.lines[0] == line("Café Zoë")


@pytest.mark.parametrize(
    ("line", "is_offered"),
    [
        ("the receipt of a hotel", True),
        ("Rechnung", True),
        ("a dog", False),
        ("-receipt dog", False),
    ],
)
def test_reading_is_offered_to_who_looks_for_something_written(
    demo_data: Path, tmp_path: Path, line: str, is_offered: bool
) -> None:
    folder = tmp_path / "library"
    shutil.copytree(demo_data, folder)
    settings = Settings.load(data_dir=folder, encoder="lite")
    with Library.open(settings) as library:
        answer = library.find(line)
        assert ("read-text" in " ".join(answer.remarks)) is is_offered
        assert any(each.endswith("read-text") for each in answer.remark_commands) is is_offered
    with closing(sqlite3.connect(folder / "library.db")) as connection, connection:
        connection.execute(
            "INSERT INTO text_looks SELECT min(id), 'some/1' FROM photos"  # nothing was seen in it
        )
    with Library.open(settings) as library:
        assert "read-text" not in " ".join(library.find(line).remarks)


def test_a_photo_without_a_path_loses_its_text_and_gets_it_back(store: Store) -> None:
    sign = add(store, "sign.jpg")
    store.picture_text.record(sign, "r", [line("Exit")])
    root_id = store.files.add_root(ROOT)
    store.files.forget(root_id, [f"{ROOT}/sign.jpg"])
    assert found(store, "exit") == []
    assert add(store, "sign.jpg") == sign
    assert found(store, "exit") == [sign]


def test_pruned_photos_leave_no_text_behind(store: Store) -> None:
    from datetime import UTC, datetime, timedelta

    store.picture_text.record(add(store, "sign.jpg"), "r", [line("Exit")])
    store.files.forget(store.files.add_root(ROOT), [f"{ROOT}/sign.jpg"])
    assert store.photos.prune(datetime.now(UTC) + timedelta(days=1)) == 1
    for table in ("text_readings", "text_lines", "texts"):
        assert store.database.fetch_one(f"SELECT count(*) FROM {table}")[0] == 0
    with closing(sqlite3.connect(store.data_dir / "library.db")) as connection:
        connection.execute(
            "INSERT INTO text_words (text_words, rank) VALUES ('integrity-check', 1)"
        )


def test_reading_again_replaces_the_text(store: Store) -> None:
    sign = add(store, "sign.jpg")
    store.picture_text.record(sign, "r 1", [line("Exil"), line("only")])
    store.picture_text.record(sign, "r 2", [line("Exit")])
    assert found(store, "exil") == []
    assert found(store, "exit") == [sign]


def terms(store: Store) -> dict[str, int]:
    """The longer words of the text in pictures, with the number of their photos."""
    rows = store.database.fetch_all("SELECT term, backwards, photos FROM text_terms")
    assert all(term == backwards[::-1] for term, backwards, _ in rows)
    return {term: photos for term, _, photos in rows}


def test_the_words_of_texts_are_counted(store: Store) -> None:
    one, other = add(store, "one.jpg"), add(store, "other.jpg")
    store.picture_text.record(one, "r", [line("Parking parking 2nd floor"), line("Café", y=0.3)])
    store.picture_text.record(other, "r", [line("PARKING"), line("Straße", y=0.3)])
    assert terms(store) == {"parking": 2, "floor": 1, "strasse": 1}
    store.picture_text.record(one, "r", [line("barking")])
    assert terms(store) == {"parking": 1, "barking": 1, "strasse": 1}
    store.files.forget(store.files.add_root(ROOT), [f"{ROOT}/other.jpg"])
    assert terms(store) == {"barking": 1}
    add(store, "other.jpg")
    assert terms(store) == {"parking": 1, "barking": 1, "strasse": 1}


def test_words_with_one_letter_wrong_are_found(store: Store) -> None:
    one, other = add(store, "one.jpg"), add(store, "other.jpg")
    store.picture_text.record(one, "r", [line("arking Bülowstrafe parkimg parkign xparking")])
    store.picture_text.record(other, "r", [line("parkimg sparking pakring darting parks market")])
    like = store.reads.names.words_like
    assert like("parking") == ["parkimg", "arking", "parkign", "sparking", "xparking"]
    assert like("bulowstrasse") == ["bulowstrafe"] and like("strasse") == []
    assert not differs_by_a_letter("parking", "parking")


def test_a_library_from_before_words_with_wrong_letters_gets_its_words(tmp_path: Path) -> None:
    with Store.open(tmp_path, writable=True) as store:
        store.picture_text.record(add(store, "sign.jpg"), "r", [line("Parking")])
    with closing(sqlite3.connect(tmp_path / "library.db")) as connection:
        connection.execute("DROP TABLE text_terms")
        connection.execute("DELETE FROM migrations WHERE name = 'terms of text'")
        connection.commit()
    with Store.open(tmp_path, writable=True) as store:
        assert terms(store) == {"parking": 1}
        assert len(found(store, "parking")) == 1


def test_each_state_is_kept_and_failures_are_tried_again_by_another_reader(store: Store) -> None:
    read, none, failed, unread = (add(store, f"{number}.jpg") for number in range(4))
    store.picture_text.record(read, "r 1", [line("Exit")])
    store.picture_text.record(none, "r 1", [])
    store.picture_text.record_failure(failed, "r 1", "It is damaged.")
    counts = store.picture_text.counts()
    assert (counts.read, counts.none, counts.failed, counts.unread) == (1, 1, 1, 1)
    assert store.picture_text.unread("r 1") == [unread]
    assert store.picture_text.unread("r 2") == [failed, unread]
    assert store.picture_text.unread("r 2", again=True) == [read, none, failed, unread]
    assert store.reads.photos.texts([failed])[failed].message == "It is damaged."


# ------------------------------------------------------------------------- the gate


def test_a_photo_has_one_score_whether_few_or_many_are_asked_for(store: Store) -> None:
    root_id = store.files.add_root(ROOT)
    key = store.vectors.add_encoder("test/1", "test", 8).key
    vectors = random_vectors(1_200, 8)
    results = [
        ingested(f"{ROOT}/{number}.jpg", vectors[number : number + 1 + number % 2])
        for number in range(1_199)
    ]
    store.record(root_id, key, results)
    ids = store.reads.photos.live_ids().tolist()

    def embed(texts: Sequence[str]) -> Vectors:
        return random_vectors(len(texts), 8, seed=2)

    of_all = likeliness(store.reads, key, embed, ids, DESCRIPTIONS)
    of_few = likeliness(store.reads, key, embed, ids[500:520], DESCRIPTIONS)
    assert sorted(of_all) == ids
    assert of_few == {photo_id: pytest.approx(of_all[photo_id], abs=1e-4) for photo_id in of_few}
    assert sorted(of_few) == ids[500:520]


# ------------------------------------------------------------------------- the job


class SlowReader:
    """Reads one line from each picture, the size of the picture; fails for squares."""

    id = "slow 1"

    def read(self, image: Image.Image) -> tuple[TextLine, ...]:
        if image.width == image.height:
            raise PhotoError(Reason.CRASHED, "Reading its text failed.")
        return (line(f"{image.width} by {image.height}"),)

    def look(self, image: Image.Image) -> float:
        """Sees text on the ground of `picture` alone."""
        return 1.0 if image.convert("RGB").getpixel((0, 0)) == GROUND else 0.0


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    for number in range(6):
        path = folder / ("signs" if number < 4 else "other") / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture(str(number), (70 + number, 50)).save(path)
    picture("square", (60, 60)).save(folder / "square.png")
    return folder


@pytest.fixture
def context(tmp_path: Path, photos: Path) -> IndexingContext:
    """The context of a library with these photos, which reads with `SlowReader`."""
    settings = Settings.load(data_dir=tmp_path / "data", cache_dir=tmp_path / "cache")
    opened = context_of(settings, StandIn(), models={"text": SlowReader})
    run(sync.index(opened, (str(photos),), False, False))
    return opened


def test_a_stopped_run_continues_where_it_was(context: IndexingContext, tmp_path: Path) -> None:
    steps = read_text(context, (), True, False)
    for expected in (1, 2, 3):
        assert next(step for step in steps if step.done).done == expected
    steps.close()
    with Store.open(tmp_path / "data") as store:
        counts = store.picture_text.counts()
    assert counts.unread == 4
    report = run(read_text(context, (), True, False))
    assert (report.read + report.failed, report.none, report.unreached) == (4, 0, 0)
    report = run(read_text(context, (), True, False))
    assert report == TextReport(0, 0, 0, 0, seconds=report.seconds)


def test_a_failure_is_recorded_and_ends_nothing(context: IndexingContext, tmp_path: Path) -> None:
    report = run(read_text(context, (), True, False))
    assert (report.read, report.failed) == (6, 1)
    with Store.open(tmp_path / "data") as store:
        failed = store.reads.photos.at(tmp_path / "photos" / "square.png")
        assert failed is not None
        assert store.reads.photos.texts([failed])[failed].message == "Reading its text failed."
        assert len(found(store, "by 50")) == 6


def test_only_photos_of_the_folders_named_are_read(context: IndexingContext, photos: Path) -> None:
    assert run(read_text(context, (str(photos / "other"),), True, False)).read == 2
    with pytest.raises(FolderError, match="imgsearch index"):
        run(read_text(context, (str(photos / "nowhere"),), True, False))


def test_changed_photos_are_read_again_once_they_are_indexed(
    context: IndexingContext, photos: Path, tmp_path: Path
) -> None:
    run(read_text(context, (), True, False))
    picture("new", (333, 50)).save(photos / "signs" / "0.png")
    (photos / "signs" / "1.png").unlink()
    run(sync.index(context, (str(photos),), True, False))
    with Store.open(tmp_path / "data") as store:
        assert found(store, "70") == found(store, "71") == []
    picture("newer", (444, 51)).save(photos / "signs" / "2.png")  # not indexed yet
    report = run(read_text(context, (), True, False))
    assert (report.read, report.unreached) == (1, 0)
    with Store.open(tmp_path / "data") as store:
        assert found(store, "333") == [store.reads.photos.at(photos / "signs" / "0.png")]


def test_photos_without_text_in_a_small_copy_are_passed_over(
    context: IndexingContext, photos: Path, tmp_path: Path
) -> None:
    Image.new("RGB", (80, 50), "red").save(photos / "red.png")
    run(sync.index(context, (str(photos),), False, False))
    report = run(read_text(context, (), False, False))
    assert (report.read, report.failed, report.below_gate) == (6, 1, 1)
    with Store.open(tmp_path / "data", writable=True) as store:
        red = store.reads.photos.at(photos / "red.png")
        assert red is not None and store.picture_text.passed_over() == {red}
        assert store.picture_text.passed_over("another reader") == set()
        counts = store.picture_text.counts()
        assert store.reads.photos.texts([red]) == {} and (counts.unread, counts.passed_over) == (
            1,
            1,
        )
        store.picture_text.pass_over(999, "of a photo that was deleted")
        assert store.picture_text.passed_over() == {red}
    report = run(read_text(context, (), False, False))
    assert (report.read, report.below_gate) == (0, 1), "it is not looked at again"
    report = run(read_text(context, (), True, False))
    assert (report.read, report.below_gate) == (1, 0)
    with Store.open(tmp_path / "data") as store:
        assert store.picture_text.counts().passed_over == 0


def test_a_photo_that_changed_since_it_was_indexed_is_not_reached(
    context: IndexingContext, photos: Path
) -> None:
    picture("newer", (444, 51)).save(photos / "signs" / "2.png")
    (photos / "signs" / "3.png").unlink()
    report = run(read_text(context, (), True, False))
    assert (report.read, report.unreached) == (4, 2)


def test_without_the_extra_the_command_that_installs_it_is_named() -> None:
    with pytest.raises(
        MissingPackage, match=r"needs one more package: .*install.*\[ocr\]"
    ) as caught:
        open_reader(1, package="no_such_package")
    assert caught.value.exit_code == 11


# ------------------------------------------------------------------------- the reader itself


@needs_reader
@pytest.mark.slow
def test_the_reader_finds_lines_and_where_they_stand() -> None:
    reader = open_reader(2)
    assert reader.id.startswith("rapidocr 3")
    first, second = reader.read(picture("Table 12\nreserved"))
    assert (first.text, second.text) == ("Table 12", "reserved")
    # The first line begins at (40, 40) of 640 × 400 pixels.
    assert first.x == pytest.approx(40 / 640, abs=0.03)
    assert 0.05 < first.y < 0.2
    assert 0.2 < first.width < 0.5
    assert second.y > first.y + first.height / 2
    assert first.confidence > 0.9
    assert reader.read(Image.new("RGB", (320, 240), (20, 90, 40))) == ()


@needs_reader
@pytest.mark.slow
def test_a_look_tells_text_from_texture() -> None:
    reader = open_reader(2)
    assert reader.look(picture("Table 12\nreserved", (1600, 1000), 60)) > LOOK_THRESHOLD
    assert reader.look(picture("Table 12\nreserved", (160, 100), 16)) > LOOK_THRESHOLD
    assert reader.look(Image.new("RGB", (4000, 20), (20, 90, 40))) == 0
    assert reader.look(noise(512)) < LOOK_THRESHOLD


@needs_reader
@pytest.mark.slow
def test_each_line_of_a_long_screenshot_is_read_once() -> None:
    image = Image.new("RGB", (500, 2400), "white")
    draw = ImageDraw.Draw(image)
    for number in range(16):
        draw.text((30, 150 * number + 50), f"message {number}", "black", ImageFont.load_default(60))
    lines = open_reader(2).read(image)
    assert [each.text for each in lines] == [f"message {number}" for number in range(16)]
    assert lines[11].y == pytest.approx((150 * 11 + 50) / 2400, abs=0.01)


# ------------------------------------------------------------------------- the command


PHOTOS = 12  # of the command that is stopped twice


def readings(data: Path) -> dict[int, str]:
    """When the text of each photo was read, and its state: of all that are committed now."""
    with closing(sqlite3.connect(f"file:{data}/library.db?mode=ro", uri=True)) as connection:
        query = "SELECT photo_id, read_at || state FROM text_readings"
        return dict(connection.execute(query).fetchall())


def stopped_after_a_photo(data: Path, number: int) -> tuple[int, str]:
    """Run the command and send it a signal once it has read one more photo: exit code, errors.

    Meanwhile nothing can be written to the database, so the command waits at its next photo.
    """
    before = readings(data)
    with start_cli("read-text", "--all", data=data) as process:
        end = time.monotonic() + PATIENCE_S
        while len(readings(data)) == len(before):
            assert process.poll() is None and time.monotonic() < end, process.communicate()
            time.sleep(0.005)
        with closing(sqlite3.connect(data / "library.db", timeout=PATIENCE_S)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            process.send_signal(number)
        _, errors = process.communicate(timeout=PATIENCE_S)
    assert before.items() < readings(data).items()
    return process.returncode, errors


@needs_reader
@pytest.mark.slow
def test_a_killed_command_loses_no_photo_that_it_has_read(
    tmp_path: Path, model_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if sys.platform == "win32":
        pytest.skip("needs Unix")
    data, folder = tmp_path / "data", tmp_path / "photos"
    folder.mkdir()
    for each in range(PHOTOS):
        picture(f"Table {each}\nreserved").save(folder / f"{each}.png")
    settings = Settings.load(data_dir=data, cache_dir=model_cache, encoder="lite")
    with Library.open(settings) as library:
        library.index([folder]).run()
    monkeypatch.setenv("IMGSEARCH_CACHE", str(model_cache))
    assert stopped_after_a_photo(data, signal.SIGKILL)[0] == -signal.SIGKILL
    code, errors = stopped_after_a_photo(data, signal.SIGINT)
    assert code == 130
    assert "run the same command again to continue" in errors
    before = readings(data)
    assert 2 <= len(before) < PHOTOS
    with start_cli("read-text", "--all", "--json", data=data) as process:
        output, errors = process.communicate(timeout=PATIENCE_S)
    report = json.loads(output)
    assert report["read"] == PHOTOS - len(before), errors
    assert report["library"] == {
        "read": PHOTOS,
        "none": 0,
        "failed": 0,
        "unread": 0,
        "passed_over": 0,
    }
    assert before.items() < readings(data).items()
    assert "RapidOCR" not in errors


@needs_reader
@pytest.mark.slow
def test_text_is_a_filter_and_is_shown_with_where_it_stands(
    tmp_path: Path, model_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    picture("Table 12\nreserved").save(folder / "sign.png")
    picture("Table 7").save(folder / "other.png")
    data = tmp_path / "data"
    settings = Settings.load(data_dir=data, cache_dir=model_cache, encoder="lite", service="off")
    with Library.open(settings) as library:
        library.index([folder]).run()
        assert library.text.read(everything=True).run().read == 2
        (hit,) = library.search('text:"table 12 RESERVED"')
        assert hit.path == folder / "sign.png"
        assert [each.text for each in hit.text_lines] == ["Table 12", "reserved"]
        assert [each.path.name for each in library.search("a sign -text:12")] == ["other.png"]
        text = library.pictures.text_of(hit.photo.id)
        assert text is not None and text.state == "read"
    for name, value in {"DATA": data, "CACHE": model_cache, "SERVICE": "off"}.items():
        monkeypatch.setenv(f"IMGSEARCH_{name}", str(value))
    explained = CliRunner().invoke(commands, ["explain", str(hit.path), "text:reserved"])
    assert "passes  text:reserved" in explained.output
    (shown,) = [row for row in explained.output.splitlines() if "*" in row]
    assert shown.endswith("reserved") and "% across" in shown
    result = CliRunner().invoke(commands, ["search", "text:12", "--json"])
    (record,) = json.loads(result.stdout)["hits"]
    (box,) = record["text_lines"]
    assert box["text"] == "Table 12" and 0 < box["x"] < box["width"] < 1


@pytest.mark.slow
def test_photos_that_look_as_if_they_had_text_are_read_first(
    tmp_path: Path, model_cache: Path
) -> None:
    """With the model `lite`: a page and a sign come before plain grounds, which are passed over."""
    folder = tmp_path / "photos"
    folder.mkdir()
    page = "\n".join(f"Item {number}   {number * 7}.50 EUR   in total" for number in range(18))
    picture(page, (700, 900), 28).save(folder / "page.png")
    picture("Table 12\nreserved").save(folder / "sign.png")
    for name, colour in {"green": (40, 120, 50), "blue": (70, 130, 210)}.items():
        Image.radial_gradient("L").resize((320, 240)).convert("RGB").point(
            [level * part // 255 for part in colour for level in range(256)]
        ).save(folder / f"{name}.png")
    settings = Settings.load(data_dir=tmp_path / "data", cache_dir=model_cache, encoder="lite")
    context = context_of(settings, None, models={"text": SlowReader})
    run(sync.index(context, (str(folder),), False, False))
    steps = read_text(context, (), False, False)
    first = [next(steps).path for _ in range(2)]
    assert {path.name for path in first if path} == {"page.png", "sign.png"}
    report = run(steps)
    assert (report.read, report.none, report.below_gate) == (2, 0, 2)
    report = run(read_text(context, (), False, False))
    assert (report.read, report.below_gate) == (0, 2)
    report = run(read_text(context, (), False, True))
    assert (report.read, report.below_gate) == (0, 2), "by the same reader"
    the_rest = [step.path.name for step in read_text(context, (), True, False) if step.path]
    assert sorted(the_rest) == ["blue.png", "green.png"]


@pytest.mark.slow
def test_a_watcher_reads_the_text_of_new_photos(tmp_path: Path, model_cache: Path) -> None:
    """First of those that it finds at its start, then of one that is added."""
    folder, data = tmp_path / "photos", tmp_path / "data"
    folder.mkdir()
    picture("Table 12\nreserved").save(folder / "first.png")
    settings = Settings.load(data_dir=data, cache_dir=model_cache, encoder="lite", read_text=True)
    context = context_of(settings, None, models={"text": SlowReader})
    stop = threading.Event()
    timing = WatchTiming(quiet_ms=200, patience_ms=3_000, tick_s=0.2)
    reports = []
    for event in watch(context, [str(folder)], stop, WatchSchedule(timing)):
        if isinstance(event, FeatureReport):
            reports.append(event.values["read"])
            if len(reports) == 1:
                picture("Table 7\nreserved", (600, 400)).save(folder / "second.png")
            else:
                stop.set()
    assert reports == [1, 1]
    with Store.open(data) as opened:
        assert len(found(opened, "by 400")) == 2


def test_a_watcher_without_the_extra_says_how_to_install_it(tmp_path: Path) -> None:
    settings = Settings.load(data_dir=tmp_path / "data", cache_dir=tmp_path, read_text=True)
    told: list[str] = []

    def missing() -> TextReader:
        return open_reader(1, package="no_such_package")

    context = context_of(settings, StandIn(), told.append, models={"text": missing})
    folder = tmp_path / "photos"
    folder.mkdir()
    stop = threading.Event()
    for event in watch(context, [str(folder)], stop):
        if isinstance(event, SyncReport):
            stop.set()
    assert [sentence for sentence in told if "[ocr]" in sentence] != []
