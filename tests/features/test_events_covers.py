"""The cover of an event, and the way of its photos on a map."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from PIL import Image

from imgsearch import Library, PhotoPositions, route_of
from tests.factories import save_taken, spoilt

ROME, FLORENCE = (41.9, 12.5), (43.77, 11.25)


def positions(*places: tuple[int, float, float]) -> PhotoPositions:
    ids, lats, lons = zip(*places, strict=True)
    return PhotoPositions(np.array(ids, np.int64), np.array(lats), np.array(lons), unknown=0)


def test_a_way_has_one_stop_for_photos_close_to_each_other_in_a_row() -> None:
    known = positions((1, *ROME), (2, 41.901, 12.501), (3, *FLORENCE), (4, *ROME), (9, 0.0, 0.0))
    stops = route_of(known, [1, 2, 3, 4, 5])  # the fifth has no place
    assert [(stop.first_id, stop.photos) for stop in stops] == [(1, 2), (3, 1), (4, 1)]
    assert (stops[0].lat, stops[0].lon) == ROME


def test_a_way_without_places_has_no_stops() -> None:
    assert route_of(positions((9, 0.0, 0.0)), [1, 2]) == ()


def test_a_way_has_no_more_stops_than_can_be_seen() -> None:
    to_and_fro = [(number, number / 5000, math.sin(number / 10)) for number in range(5000)]
    stops = route_of(positions(*to_and_fro), range(5000))
    assert 150 < len(stops) <= 300  # each way to and fro is still there
    assert sum(stop.photos for stop in stops) == 5000


def test_the_cover_is_the_clear_photo_nearest_to_the_middle(
    tmp_path: Path, library: Library, demo_photos: Path
) -> None:
    done = ["sharp", "sharp", "dark", "dark", "blurred", "sharp", "bright"]
    folder = tmp_path / "photos"
    folder.mkdir()
    with Image.open(demo_photos / "chelsea.png") as opened:
        cat = opened.convert("RGB")
    for number, each in enumerate(done):
        picture = spoilt(cat.crop((number, 0, cat.width, cat.height)), each)
        save_taken(picture, folder / f"{number}.jpg", f"2014-03-0{number + 1}")
    library.index([folder]).run()
    ids = [photo_id for event in library.events.all() for photo_id in event.photo_ids]

    cover = library.events.cover(ids)

    assert cover is not None
    assert cover.path.name == "1.jpg"  # two from the middle, as 5.jpg is, and before it
    assert library.events.cover([ids[2], ids[3]]) is not None  # where all are dark, one of them
    assert library.events.cover([987_654]) is None
