"""The details of a photo: facts as people read them, its files, and what was said of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import ExifTags, Image

from imgsearch import Library
from imgsearch.errors import UsageError
from tests.factories import exif_of_paris, write_photos


def test_facts_are_shown_as_people_read_them(library: Library, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    exif = exif_of_paris()
    exif[ExifTags.Base.Model] = "PENTAX K-1"
    Image.effect_noise((64, 48), 90).convert("RGB").save(photos / "paris.jpg", exif=exif)
    library.index([photos]).run()
    details = library.photo(1)
    shown = dict(details.shown)
    assert shown["Camera"] == "PENTAX K-1" and shown["Place"].endswith("France")
    assert details.shown == tuple(details.hit.photo.facts.shown())
    assert details.cards == ()


def test_each_path_says_whether_its_file_is_there(library: Library, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    (one, *_) = write_photos(folder, 2).iterdir()
    copy = folder / "z copy.png"
    copy.write_bytes(one.read_bytes())
    library.index([folder]).run()
    (found,) = library.find_all(f'name:"{copy.stem}"').ids.tolist()
    details = library.photo(found)
    assert sorted(details.hit.paths) == sorted([one, copy]) and details.present == (True, True)
    copy.unlink()
    details = library.photo(found)
    assert dict(zip(details.hit.paths, details.present, strict=True)) == {one: True, copy: False}


@pytest.mark.features("concepts")
def test_a_photo_knows_the_concepts_that_it_was_judged_for(
    library: Library, tmp_path: Path
) -> None:
    library.index([write_photos(tmp_path / "photos", 4)]).run()
    library.concepts.teach("Max", [1, 2], [3])
    library.concepts.teach("Ann", [3])
    details = [library.photo(each) for each in (1, 3, 4)]
    assert [each.judged for each in details] == [  # type: ignore[attr-defined]
        {"Max": True},
        {"Ann": True, "Max": False},
        {},
    ]


@pytest.mark.features("labels")
def test_labels_are_among_the_facts(library: Library, tmp_path: Path) -> None:
    from imgsearch.features.labels.records import Classes

    library.index([write_photos(tmp_path / "photos", 4)]).run()
    library.labels.save("kinds", Classes(("cat", "horse")))
    (label,) = library.labels.of_photo(1).values()
    assert ("kinds", f"{label.name}, {label.probability:.0%}") in library.photo(1).shown
    assert library.photo(1).labels == {"kinds": label.name}  # type: ignore[attr-defined]


def test_an_unknown_photo_has_no_details(library: Library, tmp_path: Path) -> None:
    library.index([write_photos(tmp_path / "photos", 1)]).run()
    with pytest.raises(UsageError, match="99"):
        library.photo(99)
