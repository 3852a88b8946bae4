"""The operations of a library are answered alike by an archive of its photos, or refused by it.

A new operation has to be added here: as one that both answer, or that an archive refuses.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from imgsearch import Example, Library, Settings
from imgsearch.errors import UsageError
from imgsearch.operations.browse import Browse
from imgsearch.operations.upkeep import Upkeep
from imgsearch.records.picture_text import TextLine
from imgsearch.service.table import operations, operations_for
from imgsearch.store.lock import writing
from tests.stand_in import StandIn
from tests.travels import write_travels

if TYPE_CHECKING:
    from imgsearch.features.labels.records import Classes

pytest.importorskip("lance", reason="needs the extra scale")

EVERYTHING = "sort:path width:>0"


def names(library: Library, ids: Sequence[int]) -> list[str]:
    """The photos of these ids, which belong to one of them, in their order."""
    return [hit.path.name for hit in library.photos(ids)]


def ids_of(library: Library) -> dict[str, int]:
    return {hit.path.name: hit.photo.id for hit in library.find(EVERYTHING, 100).hits}


def hits_of(library: Library, query: Any) -> list[Any]:
    answer = library.find(query, 100)
    return [(hit.path.name, hit.score and round(hit.score, 3), hit.date) for hit in answer.hits]


def similar(library: Library) -> object:
    path = library.find(EVERYTHING, 1).hits[0].path
    return [hit.path.name for hit in library.similar(Example(path), 5).hits]


def explained(library: Library) -> object:
    path = library.find(EVERYTHING, 1).hits[0].path
    explanation = library.explain(path, "a boat")
    return explanation.rank, explanation.matched_by, round(explanation.score or 0, 3)


def two_classes() -> Classes:
    from imgsearch.features.labels.records import Classes  # absent in some checkouts

    return Classes(("a boat", "a house"), none_of_these=False)


def labelled(library: Library) -> object:
    found = library.label(two_classes(), EVERYTHING)
    return sorted((*names(library, [each.photo_id]), each.name) for each in found)


def described(library: Library) -> object:
    details = library.photo(ids_of(library)["a1.png"])
    return details.hit.photo.facts, details.hit.path, details.text and details.text.lines


def status(library: Library) -> object:
    found = library.status()
    return found.photos, found.vectors, found.encoder, len(found.failures) or found.failed


def thumbnail(library: Library) -> object:
    image = library.pictures.thumbnail(ids_of(library)["a1.png"], 64)
    return image and image[:4]


def events(library: Library) -> object:
    return [
        (replace(each, photo_ids=()), sorted(names(library, each.photo_ids)))
        for each in library.events.all()
    ]


def around(library: Library) -> object:
    found = library.around.photos(ids_of(library)["a1.png"])
    return [(each.hit.path.name, each.apart_s) for each in (*found.before, *found.after)]


def sequences(library: Library) -> object:
    """The photos of one outing, in order and against it."""
    found = [
        library.sequences.find(line) for line in ("name:a1 ~> name:a2", "name:a2 ~3d~> name:a1")
    ]
    return [
        ([[hit.path.name for hit in each.hits] for each in answer.sequences], answer.remarks)
        for answer in found
    ]


def asked(library: Library) -> object:
    answers = [
        library.ask(question)
        for question in ("How often was I in Arezzo?", "When did I see a boat?", "How many photos?")
    ]
    return [
        (each.sentence, each.certainty, sorted(hit.path.name for hit in each.hits))
        for each in answers
    ]


def strip(library: Library) -> object:
    periods = library.strips.over_time("a boat")
    return [(each.period, each.photos, each.best and each.best.path.name) for each in periods]


def pictures_of_a_strip(library: Library) -> object:
    periods = library.strips.pictures("a boat")
    return [(each.period, each.photos, each.version) for each in periods]


def cover(library: Library) -> object:
    chosen = library.events.cover(list(ids_of(library).values()))
    return chosen and chosen.path.name


def near_duplicates(library: Library) -> object:
    """The groups of a comparison, with low scores: the photos resemble each other little."""
    library.duplicates.remember(library.duplicates.find(0.3).run())
    return [
        sorted((photo.hit.path.name, photo.keep) for photo in group.photos)
        for group in library.duplicates.proposed(0.3).groups
    ]


def chosen_groups(library: Library) -> object:
    library.duplicates.remember(library.duplicates.find(0.3).run())
    listed = library.duplicates.chosen_groups("a boat", min_score=0.3)
    groups = [
        [(names(library, [photo.photo_id]), photo.keep, photo.reason) for photo in group.photos]
        for group in listed.groups
    ]
    return groups, listed.total, listed.photos, listed.superfluous_bytes, listed.has_objects


def stacks(library: Library) -> object:
    found = library.browse.stacks_of([each for _, each in sorted(ids_of(library).items())])
    return [(names(library, [top]), names(library, behind)) for top, behind in found.items()]


def days(library: Library) -> object:
    return [
        (each.day, each.dated_by_file, sorted(names(library, each.photo_ids.tolist())))
        for each in library.browse.days()
    ]


def days_of_some(library: Library) -> object:
    chosen = [ids_of(library)[name] for name in ("a1.png", "s1.png")]
    return [each.day for each in library.browse.days_of(chosen)]


def shapes_of_some(library: Library) -> object:
    chosen = [ids_of(library)[name] for name in ("s1.png", "a1.png")]
    return library.browse.shapes_of([*chosen, 10**15])


def positions(library: Library) -> object:
    found = library.browse.positions()
    shown = names(library, found.photo_ids.tolist())
    return shown, found.lat.tolist(), found.lon.tolist(), found.unknown


def summaries(library: Library) -> object:
    listed = library.events.summaries("country:Italy")
    return [(replace(each, version="")) for each in listed]


def event_photos(library: Library) -> object:
    found = library.events.photos(library.events.all()[-1].start)
    assert found is not None
    stops = [(stop.lat, stop.lon, stop.photos) for stop in found.stops]
    return sorted(names(library, found.photo_ids)), found.shapes, found.days, stops, found.towns


def headings(library: Library) -> object:
    return library.events.headings("in:photos").towns


def day_counts(library: Library) -> object:
    counted = library.browse.day_counts("width:>0", ids_of(library)["s1.png"], shapes=True)
    return counted.days, counted.shapes


def event_at(library: Library) -> object:
    found = library.events.at(library.events.all()[0].end)
    return found and sorted(names(library, found.photo_ids))


def event_with_photo(library: Library) -> object:
    found = library.events.with_photo(ids_of(library)["a1.png"])
    return found and sorted(names(library, found.photo_ids))


def kept_image(library: Library) -> object:
    return library.pictures.keep_example(b"an image")


def clusters(library: Library) -> object:
    from imgsearch import MapArea

    found = library.places.clusters(MapArea(-90, -180, 90, 180), 3, "width:>0")
    return [(each.place, each.photos, each.lat, each.radius_km) for each in found]


def towns(library: Library) -> object:
    from imgsearch import MapArea

    return library.browse.towns_on_map(MapArea(40, 5, 48, 20), 5)[:3]


def choices(library: Library) -> object:
    found = library.browse.filter_choices()
    in_folders = sum(each.photos for each in found.folders)  # an archive does not know the top ones
    return found.places, found.people, found.keywords, in_folders


# Both answer these, and alike.
ANSWERED: dict[str, Callable[[Library], object]] = {
    "search": lambda library: [
        *hits_of(library, "a boat"),
        *hits_of(library, EVERYTHING),
        *hits_of(library, "country:Italy"),
        *hits_of(library, 'text:"platform 9"'),
        *hits_of(library, "keyword:sea"),
    ],
    "similar": similar,
    "explain": explained,
    "label": labelled,
    "status": status,
    "photo": described,
    "photos": lambda library: names(library, [*ids_of(library).values(), 1 << 62]),
    "suggest": lambda library: library.lines.suggest("in ar"),
    "thumbnail": thumbnail,
    "examples": kept_image,
    "timeline": lambda library: library.browse.timeline(),
    "places": lambda library: library.places.counts(),
    "events": events,
    "Events.at": event_at,
    "Events.with_photo": event_with_photo,
    "events_summaries": summaries,
    "events_photos": event_photos,
    "timeline_days": day_counts,
    "timeline_headings": headings,
    "filters_choices": choices,
    "cameras": lambda library: library.browse.cameras(),
    "around": around,
    "ask": asked,
    "sequences": sequences,
    "narrow": lambda library: library.narrowing.questions("type:png"),
    "over_time": strip,
    "over_time_pictures": pictures_of_a_strip,
    "duplicates": near_duplicates,
    "duplicates_groups": chosen_groups,
    "Events.cover": cover,
    "Browse.stacks_of": stacks,
    "Browse.days": days,
    "Browse.days_of": days_of_some,
    "Browse.shapes_of": shapes_of_some,
    "Browse.positions": positions,
    "map_clusters": clusters,
    "map_towns": towns,
    "Browse.names": lambda library: library.browse.names(),
    "Browse.values": lambda library: library.browse.values("format"),
    "Upkeep.doctor": lambda library: {
        each.level for each in library.upkeep.doctor() if each.exit_code
    },
    "PictureText.counts": lambda library: library.text.counts(),
}
# The features that have some of these.
OF_FEATURES = {
    "albums": "albums",
    "around": "around",
    "ask": "ask",
    "corrections": "corrections",
    "duplicates": "duplicates",
    "duplicates_choices": "duplicates",
    "duplicates_groups": "duplicates",
    "Events.at": "events",
    "Events.cover": "events",
    "Events.with_photo": "events",
    "events": "events",
    "events_photos": "events",
    "events_summaries": "events",
    "events_title": "events",
    "kinds": "kinds",
    "map_clusters": "places",
    "meaning": "meaning",
    "narrow": "narrowing",
    "over_time": "strips",
    "over_time_pictures": "strips",
    "PictureText.counts": "text",
    "places": "places",
    "search": "text",
    "sequences": "sequences",
    "timeline_headings": "events",
    "walls": "wall",
}
# An archive refuses these: they need folders of the library's own.
REFUSED: dict[str, Callable[[Library], object]] = {
    "encoders": lambda library: library.encoders,
    "Upkeep.read_metadata": lambda library: library.upkeep.read_metadata(),
    "Upkeep.make_thumbnails": lambda library: library.upkeep.make_thumbnails(),
    "Folders.all": lambda library: library.folders.all(),
    "Folders.pause": lambda library: library.folders.pause("/photos"),
    "watch": lambda library: next(iter(library.watch())),
    "rebuild": lambda library: library.rebuild("lite"),
}
# Tested by themselves, in both: they change the library. Those of people are in
# `tests/features/test_people_archives`, and what is done each day is tested at the end.
CHANGING = {"PictureText.read", "Upkeep.repair", "changes", "lines", "people"} | {
    *("Upkeep.look_after", "Upkeep.looking_after"),
}


def _ids_named(library: Library, *wanted: str) -> list[int]:
    ids = ids_of(library)
    return [ids[each] for each in wanted]


def made_album(library: Library) -> object:
    albums = library.albums
    albums.make("Lakes", photo_ids=_ids_named(library, "a1.png", "s1.png"))
    (album,) = albums.all()
    found = sorted(hit.path.name for hit in library.search("album:Lakes"))
    return album.name, album.photos, found, library.photo(ids_of(library)["a1.png"]).albums


def marked(library: Library) -> object:
    library.marks.set(_ids_named(library, "a1.png"), favourite=True, rating=4)
    library.marks.set(_ids_named(library, "s1.png"), hidden=True)
    found = [hit.path.name for hit in library.search("is:favourite rating:4+")]
    hidden = [hit.path.name for hit in library.search("is:hidden")]
    library.changes.undo()
    return found, hidden, [hit.path.name for hit in library.search("is:hidden")]


def searches(library: Library) -> object:
    library.saved.save("Boats", "a boat")
    library.saved.rename("Boats", "All boats")
    return [(each.name, each.line) for each in library.saved.all()]


def picked(library: Library) -> object:
    library.tray.add(_ids_named(library, "a1.png"))
    return len(library.tray.photos().photo_ids)


def corrected(library: Library) -> object:
    library.corrections.set_place(_ids_named(library, "a1.png"), place="Turin")
    return library.photo(ids_of(library)["a1.png"]).hit.photo.facts.lat


def taught(library: Library) -> object:
    library.concepts.teach("boats", like=_ids_named(library, "a1.png", "a2.png"))
    concept = library.concepts.get("boats")
    return concept.name, concept.likes, concept.unlikes


def labels_saved(library: Library) -> object:
    return library.labels.save("things", two_classes())


def titled(library: Library) -> object:
    first = library.events.all()[0]
    library.events.set_title(first.start, "Summer")
    return library.events.all()[0].title


def chosen_duplicate(library: Library) -> object:
    (photo,) = _ids_named(library, "a1.png")
    library.duplicates.choose(photo, True)
    return list(library.duplicates.choices().values())


def on_a_wall(library: Library) -> object:
    wall = library.walls.add("name:a1.png", 30, "22-7")
    shown = library.walls.with_key(wall.path.rpartition("/")[2])
    library.walls.remove(wall.number)
    return shown and (shown.line, shown.pause), wall.photos, library.walls.all()


def left_out_kinds(library: Library) -> object:
    left_out = library.kinds.leave_out(["screenshot"])
    return left_out, library.kinds.all(), library.kinds.leave_out([])


def without_a_map(library: Library) -> object:
    return library.meaning.exists()


# What people make in a library, they make in an archive too; with the part of the library.
MADE: dict[str, Callable[[Library], object]] = {
    "albums": made_album,
    "marks": marked,
    "saved": searches,
    "tray": picked,
    "corrections": corrected,
    "concepts": taught,
    "labels": labels_saved,
    "events_title": titled,
    "duplicates_choices": chosen_duplicate,
    "meaning": without_a_map,
    "walls": on_a_wall,
    "kinds": left_out_kinds,
}


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    folder = tmp_path_factory.mktemp("contract")
    settings = Settings.load(data_dir=folder / "library", cache_dir=folder / "cache")
    photos = write_travels(folder / "photos")
    (photos / "broken.jpg").write_text("no photo")
    with Library.open(settings, encoder=StandIn()) as opened:
        opened.index([photos]).run()
        with writing(settings.data_dir) as store:
            number = store.reads.photos.at(photos / "s1.png")
            assert number is not None
            line = TextLine("Platform 9", 0.1, 0.2, 0.3, 0.1, 0.9)
            store.picture_text.record(number, "reader 1", [line])
            facts = store.reads.photos.records([number])[number].facts
            stated = replace(facts, keywords=("sea",), camera="Leica M9", people=("Anna",))
            store.photos.update_facts({number: stated})
        yield opened


@pytest.fixture(scope="module")
def archive(library: Library) -> Iterator[Library]:
    """All that the library knows, in an archive."""
    address = library.settings.data_dir.parent / "archive"
    with Library.open_archive(address, library.settings, encoder=StandIn()) as opened:
        opened.fleet.copy_from(library.settings.data_dir).run()
        yield opened


def named(names: Iterable[str]) -> list[Any]:
    """The parameters of a test; those of a feature are skipped in a checkout that lacks it."""
    return [
        pytest.param(
            name, marks=[pytest.mark.features(OF_FEATURES[name])] if name in OF_FEATURES else []
        )
        for name in names
    ]


def methods_of(part: type) -> set[str]:
    return {
        f"{part.__name__}.{name}"
        for name, method in inspect.getmembers(part, inspect.isfunction)
        if not name.startswith("_") and not hasattr(method, "declaration")
    }


@pytest.mark.features()
def test_every_operation_is_answered_or_refused() -> None:
    declared = {
        each.name if each.name in (*ANSWERED, *MADE) else each.part for each in operations()
    }
    of_parts = {"Folders.all", "Folders.pause", "watch", "rebuild"}  # of parts with both
    from imgsearch.features.events.operations import Events
    from imgsearch.features.text.operations import PictureText

    parts = (Browse, Events, PictureText, Upkeep)
    methods = {name for part in parts for name in methods_of(part)}
    asked = ANSWERED.keys() | REFUSED.keys() | CHANGING | MADE.keys()
    assert declared | methods == asked - of_parts


@pytest.mark.parametrize("name", named(ANSWERED))
def test_an_archive_answers_as_the_library(name: str, library: Library, archive: Library) -> None:
    answer = ANSWERED[name](library)
    assert ANSWERED[name](archive) == answer
    assert answer or name == "Upkeep.doctor", "there is something to compare"


@pytest.mark.parametrize("name", REFUSED)
def test_what_needs_folders_an_archive_refuses(name: str, archive: Library) -> None:
    with pytest.raises(UsageError, match="only a library on one machine has"):
        REFUSED[name](archive)


def test_an_archive_lacks_what_it_refuses_by_name(library: Library, archive: Library) -> None:
    assert library.capabilities - archive.capabilities == {
        *("encoders", "folders", "upkeep", "watch")
    }
    parts = {each.part for each in operations_for(archive)}
    assert not {"encoders"} & parts and "encoders" in {each.part for each in operations()}


def test_both_are_repaired(library: Library, archive: Library) -> None:
    assert isinstance(library.upkeep.repair(), list)
    assert f"Settled the archive {archive.address}." in archive.upkeep.repair()
    assert hits_of(archive, EVERYTHING) == hits_of(library, EVERYTHING)


def test_a_library_settles_itself(library: Library, archive: Library, tmp_path: Path) -> None:
    assert "fleet" in archive.capabilities - library.capabilities
    report = archive.fleet.settle().run()
    assert (report.photos, report.vectors) == (7, 7)
    with pytest.raises(UsageError, match="Only an archive is filled by a fleet"):
        library.fleet.settle()


@pytest.mark.parametrize("name", named(MADE))
def test_what_people_make_is_made_alike(name: str, library: Library, archive: Library) -> None:
    made = MADE[name](library)
    assert MADE[name](archive) == made
    assert made or name == "meaning"


@pytest.mark.features("backup")
def test_what_is_done_each_day_is_done_for_libraries_alone(
    library: Library, archive: Library
) -> None:
    """What people make in a copy of an archive is in the archive."""
    for each in (library, archive):
        each.marks.set([1], favourite=True)
        each.upkeep.look_after()
    assert len(library.backups.all()) == 1
    assert archive.backups.all() == ()
    assert archive.backups.make() is not None, "there is something to copy"
