"""Corrected dates and places: they count everywhere, what files state is kept, all is undone."""

from __future__ import annotations

import json
import sqlite3
import zlib
from contextlib import closing
from datetime import date, datetime
from pathlib import Path, PurePath

import pytest
from PIL import ExifTags, Image

from imgsearch import Library, moment_text
from imgsearch.errors import QueryError, UsageError
from imgsearch.features.corrections.operations import Corrections
from imgsearch.features.corrections.records import PhotoDate
from imgsearch.language.name_dates import date_in_path
from imgsearch.service.client import Client
from tests.factories import exif_of_paris, run_cli, wait_until, write_photos
from tests.services import serving

TODAY = date(2026, 11, 30)


@pytest.fixture
def scans(library: Library, tmp_path: Path) -> Library:
    """A library of six photos with the ids 1 to 6, and one that was taken in Paris, with id 7."""
    photos = write_photos(tmp_path / "photos" / "1974 Lake", 6)
    image = Image.effect_noise((64, 48), 90).convert("RGB")
    exif = exif_of_paris()
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = "2012:05:06 07:08:09"
    image.save(photos.parent / "z paris.jpg", exif=exif)
    library.index([tmp_path / "photos"]).run()
    return library


def ids(library: Library, query: str) -> list[int]:
    return sorted(library.find_all(query).ids.tolist())


def paris(library: Library) -> int:
    (found,) = ids(library, "name:paris")
    return found


def test_places_are_planned_before_they_are_set(scans: Library) -> None:
    there = paris(scans)
    planned = scans.corrections.plan_place([1, there], place="38.7223,-9.1393")
    assert [each.photo_id for each in planned] == [1, there]
    assert planned[0].before is None and planned[0].path.parent.name == "1974 Lake"
    assert planned[1].before is not None and planned[1].before.country == "France"
    assert {each.after for each in planned} == {planned[0].after}
    after = planned[0].after
    assert (after.lat, after.lon, after.country) == (38.7223, -9.1393, "Portugal")
    assert ids(scans, "country:Portugal") == [], "nothing is written yet"
    scans.corrections.set_place([1], place="38.7223,-9.1393")
    (left,) = scans.corrections.plan_place([1, there], place="38.7223,-9.1393")
    assert left.photo_id == there, "the other has the place"
    with pytest.raises(QueryError, match="No town called"):
        scans.corrections.plan_place([1], place="Xyzzyville")
    with pytest.raises(UsageError):
        scans.corrections.plan_place([1], place="95,200")


def test_a_corrected_date_counts_everywhere(scans: Library) -> None:
    planned = scans.corrections.plan_dates(query='in:"1974 Lake"', date="1974-07")
    assert {each.after for each in planned} == {datetime(1974, 7, 1)}
    assert {each.dated_by for each in planned} == {"file"} and len(planned) == 6
    assert ids(scans, "dated:you") == [], "nothing is written yet"
    change = scans.corrections.set_dates([PhotoDate(each.photo_id, each.after) for each in planned])
    assert (change.title, change.photos) == ("Corrected the date of 6 photos", 6)
    corrected = sorted(each.photo_id for each in planned)
    for query in ("on:1974-07", "before:1980", "month:7 before:1980", "dated:you"):
        assert ids(scans, query) == corrected, query
    (year,) = [each for each in scans.browse.timeline().years if each.photos == 6]
    assert (year.year, year.dated_by_file) == (1974, 0)
    (hit,) = scans.photos([1])
    assert (hit.date, hit.dated_by) == (datetime(1974, 7, 1), "you")
    stated = scans.corrections.of(corrected)[1]
    assert stated.date_is_corrected and not stated.place_is_corrected
    assert stated.taken_at is None


def test_every_correction_is_undone_and_done_again(scans: Library) -> None:
    of_file = scans.photos([1])[0].date
    scans.corrections.set_dates([PhotoDate(1, datetime(1974, 7, 1))])
    scans.corrections.set_dates([PhotoDate(1, datetime(1975, 8, 2))])
    scans.corrections.set_place([1, 2], place="48.8566,2.3522")
    assert scans.changes.undo().title == "Corrected the place of 2 photos"
    assert ids(scans, "near:48.8566,2.3522,2km") == []
    assert scans.changes.undo().title == "Corrected the date of 1 photo"
    assert scans.photos([1])[0].date == datetime(1974, 7, 1)
    scans.changes.undo()
    assert scans.photos([1])[0].date == of_file and scans.corrections.of([1]) == {}
    for _ in range(3):
        scans.changes.redo()
    assert scans.photos([1])[0].date == datetime(1975, 8, 2)
    assert ids(scans, "near:48.8566,2.3522,2km") == [1, 2]


def test_a_place_is_found_by_its_names_until_it_is_taken_back(scans: Library) -> None:
    scans.corrections.set_place([2], place="Lisbon")
    assert ids(scans, "country:Portugal") == ids(scans, "Portugal place:Lisbon") == [2]
    assert "Portugal" in {each.label for each in scans.browse.filter_choices().places}
    there = paris(scans)
    scans.corrections.set_place([there], place="Lisbon")
    assert ids(scans, "country:France") == []
    stated = scans.corrections.of([there])[there]
    assert stated.country == "France" and stated.place_is_corrected
    scans.corrections.forget([2, there])
    assert ids(scans, "country:Portugal") == []
    assert ids(scans, "country:France") == [there]
    scans.changes.undo()
    assert ids(scans, "country:Portugal") == sorted([2, there])


def test_a_wrong_clock_is_set_right(scans: Library) -> None:
    there = paris(scans)
    taken_at = scans.photos([there])[0].photo.facts.taken_at
    assert taken_at is not None
    (planned,) = scans.corrections.plan_dates(query="type:jpg|png", shift_s=-3600.0)
    assert planned.photo_id == there, "the others have no date of their own to shift"
    assert (taken_at - planned.after).total_seconds() == 3600
    with pytest.raises(UsageError, match="2012-05-06, out of the years 1 to 9999"):
        scans.corrections.plan_dates([there], shift_s=1e15)


def test_what_is_read_again_is_kept_beside_the_correction(scans: Library, tmp_path: Path) -> None:
    there = paris(scans)
    scans.corrections.set_dates(
        [PhotoDate(there, datetime(1999, 1, 2)), PhotoDate(1, datetime(1974, 1, 1))]
    )
    scans.corrections.set_place([there], place="Lisbon")
    report = scans.upkeep.read_metadata().run()
    assert report.changed == 0, "the files state what they did"
    hit = scans.photos([there])[0]
    assert hit.date == datetime(1999, 1, 2) and hit.photo.facts.country == "Portugal"
    # The file gets another date, as exiftool would write it beside the photo.
    file = hit.path
    file.with_suffix(".xmp").write_text(
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf='
        '"http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
        'xmlns:exif="http://ns.adobe.com/exif/1.0/" exif:DateTimeOriginal="2001-02-03T04:05:06"/>'
        "</rdf:RDF></x:xmpmeta>"
    )
    scans.index().run()
    assert scans.photos([there])[0].date == datetime(1999, 1, 2)
    assert scans.corrections.of([there])[there].taken_at == datetime(2001, 2, 3, 4, 5, 6)
    scans.corrections.forget([there], place=False)
    assert scans.photos([there])[0].date == datetime(2001, 2, 3, 4, 5, 6)
    assert scans.photos([there])[0].photo.facts.country == "Portugal", "the place stays corrected"


def test_a_correction_moves_with_its_photo_and_goes_with_it(scans: Library, tmp_path: Path) -> None:
    scans.corrections.set_dates([PhotoDate(1, datetime(1974, 1, 1))])
    (hit,) = scans.photos([1])
    hit.path.rename(hit.path.with_name("moved.jpg"))
    scans.index().run()
    assert ids(scans, "name:moved on:1974") == [1]
    scans.rebuild().run()
    assert ids(scans, "on:1974") == [1]
    scans.folders.forget(tmp_path / "photos")
    wait_until(lambda: scans.folders.prune(0))  # what was removed in an earlier second
    scans.index([tmp_path / "photos"]).run()
    assert ids(scans, "on:1974") == [], (
        "the library had forgotten the photo, and what was said of it"
    )


@pytest.mark.parametrize(
    ("path", "expected", "name"),
    [
        ("/p/IMG_20190513_101112.jpg", "2019-05-13T10:11:12", "IMG_20190513_101112.jpg"),
        ("/p/PXL_20210304_101112345.MP.jpg", "2021-03-04T10:11:12", None),
        ("/p/VID-20190513-WA0001.mp4", "2019-05-13T00:00:00", None),
        ("/p/WhatsApp Image 2021-03-04 at 10.11.12.jpeg", "2021-03-04T10:11:12", None),
        ("/p/Screenshot 2020-01-02 at 3.jpg", "2020-01-02T00:00:00", None),
        ("/p/signal-2021-03-04-101112.jpg", "2021-03-04T10:11:12", None),
        ("/p/Ausflug 13.05.2019.jpg", "2019-05-13T00:00:00", None),
        ("/p/2019/Trip/DSC01.jpg", "2019-01-01T00:00:00", "2019"),
        ("/p/2019/05/DSC01.jpg", "2019-05-01T00:00:00", "2019/05"),
        ("/p/2019/05/13/DSC01.jpg", "2019-05-13T00:00:00", "2019/05/13"),
        ("/p/2019/05 Lisbon/DSC01.jpg", "2019-05-01T00:00:00", "2019/05 Lisbon"),
        ("/p/2019-05 Lisbon/DSC01.jpg", "2019-05-01T00:00:00", "2019-05 Lisbon"),
        ("/p/1974 Lake/scan1.jpg", "1974-01-01T00:00:00", "1974 Lake"),
        ("/p/Summer 1974/scan1.jpg", "1974-01-01T00:00:00", "Summer 1974"),
        # These are no dates.
        ("/p/IMG_20190231.jpg", None, None),
        ("/p/IMG_20990101.jpg", None, None),
        ("/p/DSC20190.jpg", None, None),
        ("/p/1920x1080/wall.jpg", None, None),
        ("/p/120190513999.jpg", None, None),
        ("/p/best of 2000 photos/a.jpg", None, None),
        ("/p/17000101.jpg", None, None),
    ],
)
def test_dates_in_names(path: str, expected: str | None, name: str | None) -> None:
    found = date_in_path(PurePath(path), TODAY)
    assert (None if found is None else found.taken_at.isoformat()) == expected
    if name is not None:
        assert found is not None and found.name == name


def test_names_only_propose_and_say_so(scans: Library) -> None:
    data = scans.settings.data_dir
    proposed = run_cli("correct", "type:jpg|png", "--from-names", data=data)
    lines = proposed.stdout.splitlines()
    assert proposed.returncode == 0 and len(lines) == 6, "Paris has a date of its own"
    assert all("-> 1974  " in line and "1974 Lake)" in line for line in lines)
    assert "Nothing was written" in proposed.stderr and "--accept" in proposed.stderr
    assert ids(scans, "dated:you") == []
    accepted = run_cli("correct", "type:jpg|png", "--from-names", "--accept", data=data)
    assert accepted.stdout == "Corrected the date of 6 photos\n"
    assert "imgsearch undo" in accepted.stderr
    again = run_cli("correct", "type:jpg|png", "--from-names", data=data)
    assert (again.returncode, again.stdout) == (1, "")
    assert run_cli("undo", data=data).stdout == "Undone: Corrected the date of 6 photos\n"


def test_the_command_shifts_places_and_forgets(scans: Library) -> None:
    data = scans.settings.data_dir
    shown = run_cli("correct", "name:paris", "--shift", "-1h30m", "--dry-run", "--json", data=data)
    (row,) = json.loads(shown.stdout)
    before, after = (datetime.fromisoformat(row[each]) for each in ("before", "after"))
    assert (before.replace(tzinfo=None) - after.replace(tzinfo=None)).total_seconds() == 5400
    placed = run_cli("correct", "--photo", "1", "--set-place", "Lisbon", data=data)
    assert placed.stdout == "Corrected the place of 1 photo\n"
    gone = run_cli("correct", "country:Portugal", "--forget", data=data)
    assert gone.stdout == "Took back what was corrected in 1 photo\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["name:x"], "Say what to correct"),
        (["--set-date", "1974"], "Say which photos"),
        (["name:x", "--set-date", "1974", "--forget"], "one thing at a time"),
        (["name:x", "--set-date", "yesterday-ish"], "is not a date"),
        (["name:x", "--shift", "soon"], "is not a shift"),
        (["name:x", "--set-place", "Xyzzyville"], "No town called"),
        (["name:x", "--set-place", "95,2"], "out of range"),
        (["name:x", "--set-date", "1974", "--accept"], "--accept needs --from-names"),
        (["name:x", "--set-place", "Lisbon", "--dry-run"], "list dates"),
    ],
)
def test_bad_input_gets_a_sentence(scans: Library, arguments: list[str], message: str) -> None:
    refused = run_cli("correct", *arguments, data=scans.settings.data_dir)
    assert refused.returncode in (2, 6) and message in refused.stderr.replace("\n", " ")
    assert "Traceback" not in refused.stderr


def test_the_library_refuses_what_is_unclear(scans: Library) -> None:
    with pytest.raises(UsageError, match="Say which dates"):
        scans.corrections.plan_dates([1])
    with pytest.raises(UsageError, match="Say what to take back"):
        scans.corrections.forget([1], date=False, place=False)
    with pytest.raises(QueryError, match="No town called"):
        scans.corrections.set_place([1], place="Xyzzyville")
    assert scans.corrections.set_dates([PhotoDate(99, datetime(1974, 1, 1))]).id is None
    assert scans.corrections.forget([1]).id is None


def test_places_are_suggested(scans: Library) -> None:
    (lisbon, *_) = scans.corrections.suggest_places("lisb")
    assert (lisbon.town, lisbon.country) == ("Lisbon", "Portugal")
    assert [each.region for each in scans.corrections.suggest_places("Paris, Tex")] == ["Texas"]
    assert len(scans.corrections.suggest_places("san", 3)) == 3
    assert scans.corrections.suggest_places("xyzzy") == ()


def test_the_service_does_the_same(scans: Library) -> None:
    with serving(scans.settings.data_dir):
        client = Client(scans.settings)
        planned = client.call(Corrections.plan_dates, [1, 2], date="1974")
        assert [each.photo_id for each in planned] == [1, 2]
        dates = [PhotoDate(each.photo_id, each.after) for each in planned]
        assert client.call(Corrections.set_dates, dates).photos == 2
        assert client.call(Corrections.of, [1])[1].date_is_corrected
    assert ids(scans, "on:1974") == [1, 2]


def test_the_command_says_why_no_date_would_change(scans: Library) -> None:
    data = scans.settings.data_dir

    def refused(*arguments: str, code: int) -> str:
        done = run_cli("correct", "--photo", "1", *arguments, data=data)
        assert (done.returncode, done.stdout) == (code, ""), done.stderr
        assert "Traceback" not in done.stderr
        return done.stderr

    assert "none has a date of its own to shift" in refused("--shift", "1h", code=1)
    run_cli("correct", "--photo", "1", "--set-date", "1950", data=data)
    assert "all have this date already" in refused("--set-date", "1950", code=1)
    assert "all have a date of their own or none in a name" in refused("--from-names", code=1)
    beyond = refused("--shift", "+999999999h", code=2)
    assert "1950-01-01, out of the years 1 to 9999. Give a smaller one." in beyond
    assert "is not a shift" in refused("--shift", f"{'9' * 400}h", code=2)
    assert "moves no date" in refused("--shift", "0h", code=2)
    unknown = run_cli("correct", "--photo", "99999", "--set-date", "1950", data=data)
    assert unknown.returncode == 2 and "does not have photo 99999" in unknown.stderr
    place = run_cli("correct", "name:nothing", "--set-place", "Lisbon", data=data)
    assert place.stdout == "No photo matches, so no place was corrected\n"


# ------------------------------------------------------------------------- how exact a date is


@pytest.mark.parametrize(
    ("given", "beginning", "precision", "shown"),
    [
        ("1974", datetime(1974, 1, 1), "year", "1974"),
        ("summer 1974", datetime(1974, 6, 1), "season", "summer 1974"),
        ("Winter 1974", datetime(1974, 1, 1), "season", "winter 1974"),
        ("1974-07", datetime(1974, 7, 1), "month", "July 1974"),
        ("07.1974", datetime(1974, 7, 1), "month", "July 1974"),
        ("July 1974", datetime(1974, 7, 1), "month", "July 1974"),
        ("1974-07-03", datetime(1974, 7, 3), "day", "3 July 1974"),
        ("3.7.1974", datetime(1974, 7, 3), "day", "3 July 1974"),
        ("1974-07-03T16:30", datetime(1974, 7, 3, 16, 30), None, "3 July 1974, 16:30"),
    ],
)
def test_a_date_is_kept_as_exact_as_it_was_given(
    scans: Library, given: str, beginning: datetime, precision: str | None, shown: str
) -> None:
    (planned,) = scans.corrections.plan_dates([1], date=given)
    assert (planned.after, planned.precision) == (beginning, precision)
    scans.corrections.set_dates([PhotoDate(1, planned.after, planned.precision)])
    assert scans.corrections.plan_dates([1], date=given) == ()
    (hit,) = scans.find("dated:you", 1).hits
    assert hit.date == beginning and hit.photo.facts.date_precision == precision
    assert moment_text(beginning, precision) == shown
    if precision is not None:
        assert dict(hit.photo.facts.shown())["Taken"] == shown
    assert scans.find(f"on:{beginning:%Y-%m}", 1).hits[0].photo.id == hit.photo.id


@pytest.mark.parametrize("text", ["christmas 1974", "1974 or 1975", "2018-2020", "summer", "soon"])
def test_what_is_no_single_date_is_refused_with_examples(scans: Library, text: str) -> None:
    with pytest.raises(UsageError, match=r"summer 1974|several dates"):
        scans.corrections.plan_dates([1], date=text)


def test_how_exact_a_date_is_can_be_undone_and_forgotten(scans: Library) -> None:
    def precision() -> str | None:
        (photo,) = scans.photos([1])
        return photo.photo.facts.date_precision

    scans.corrections.set_dates([PhotoDate(1, datetime(1974, 1, 1), "year")])
    scans.corrections.set_dates([PhotoDate(1, datetime(1974, 1, 1))])  # the very minute
    assert precision() is None
    scans.changes.undo()
    assert precision() == "year"
    scans.corrections.forget([1])
    assert precision() is None
    scans.changes.undo()
    assert precision() == "year"


def test_a_date_of_a_folder_is_as_exact_as_its_name(scans: Library) -> None:
    for name, expected in {
        "1974 Lake/a.jpg": "year",
        "1974-07 Lake/a.jpg": "month",
        "2019/05/a.jpg": "month",
        "13.05.2019/a.jpg": "day",
        "IMG_20190513_101112.jpg": None,
        "IMG-20190513-WA0001.jpg": "day",
    }.items():
        found = date_in_path(PurePath("/photos", name), date(2026, 1, 1))
        assert found is not None and found.precision == expected, name


def test_a_change_that_was_recorded_without_it_is_undone(scans: Library) -> None:
    """Its rows are from before the table had the column."""
    scans.corrections.set_dates([PhotoDate(1, datetime(1974, 1, 1))])
    scans.corrections.set_dates([PhotoDate(1, datetime(1975, 1, 1), "year")])
    file = scans.settings.data_dir / "library.db"
    with closing(sqlite3.connect(file)) as database, database:
        number, packed = database.execute(
            "SELECT id, steps FROM changes ORDER BY id DESC LIMIT 1"
        ).fetchone()
        steps = json.loads(zlib.decompress(packed))
        for _, _, rows in steps:
            for row in rows:
                assert row.pop() is None
        database.execute(
            "UPDATE changes SET steps = ? WHERE id = ?",
            (zlib.compress(json.dumps(steps).encode()), number),
        )
    scans.changes.undo()
    (photo,) = scans.photos([1])
    assert (photo.photo.taken_at, photo.photo.facts.date_precision) == (datetime(1974, 1, 1), None)
