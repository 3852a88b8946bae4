"""Places: photos counted by country, region and town, and clusters and circles on the map."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from imgsearch import (
    Library,
    MapArea,
    PhotoPositions,
    cluster_photos,
    ids_within,
    name_of_cluster,
)
from imgsearch.errors import QueryError, UsageError
from imgsearch.features.places.clusters import named_clusters
from imgsearch.records.browse import CountryCount, PlaceCounts, RegionCount, TownCount
from imgsearch.records.files import IngestResult
from imgsearch.records.photo import Facts, Photo
from imgsearch.store.lock import writing
from tests.commands import run
from tests.factories import ingested, random_vectors

WORLD = MapArea(-90, -180, 90, 180)
VIENNA, AREZZO, FIJI = (48.2082, 16.3738), (43.4645, 11.8815), (-17.8, -179.9)


def positions(*points: tuple[float, float]) -> PhotoPositions:
    """Photos 1, 2, … at these points, the latest first."""
    table = np.array(points, np.float64).reshape(-1, 2)
    return PhotoPositions(np.arange(1, len(table) + 1), table[:, 0], table[:, 1], 0)


def around(centre: tuple[float, float], count: int, degrees: float) -> list[tuple[float, float]]:
    noise = np.random.default_rng(count)
    return [
        tuple(point) for point in np.array(centre) + noise.uniform(-degrees, degrees, (count, 2))
    ]


def test_close_photos_are_one_cluster_and_zooming_in_splits_it() -> None:
    photos = positions(*around(VIENNA, 30, 0.01), *around(AREZZO, 20, 0.01), FIJI)
    whole = cluster_photos(photos, WORLD, 1)
    assert sum(cluster.photos for cluster in whole) == 51
    assert [cluster.photos for cluster in whole] == [50, 1]
    vienna, arezzo, fiji = cluster_photos(photos, WORLD, 6)
    assert (vienna.photos, arezzo.photos, fiji.photos) == (30, 20, 1)
    assert (vienna.latest_id, arezzo.latest_id, fiji.latest_id) == (1, 31, 51)
    assert (vienna.lat, vienna.lon) == pytest.approx(VIENNA, abs=0.005)
    assert vienna.area.south <= vienna.lat <= vienna.area.north
    assert 0.5 < vienna.radius_km < 2
    assert fiji.radius_km == 0
    assert len(cluster_photos(photos, vienna.area, 15)) > 5


def test_only_photos_in_sight_are_clustered() -> None:
    photos = positions(*around(VIENNA, 30, 0.01), *around(AREZZO, 20, 0.01))
    (found,) = cluster_photos(photos, MapArea(47, 15, 49, 18), 8)
    assert found.photos == 30
    assert cluster_photos(photos, MapArea(0, 0, 5, 5), 8) == []
    assert cluster_photos(positions(), WORLD, 3) == []


def test_clusters_lie_still_while_the_map_moves() -> None:
    photos = positions(*around(VIENNA, 500, 2))
    one = cluster_photos(photos, MapArea(45, 13, 50, 18), 8)
    other = cluster_photos(photos, MapArea(45.3, 13.2, 50.3, 18.2), 8)
    inner = {cluster for cluster in one if 46.5 < cluster.lat < 49 and 14.5 < cluster.lon < 17}
    assert inner and inner <= set(other)


def test_a_hundred_thousand_photos_at_one_point_are_one_cluster() -> None:
    photos = positions(*[VIENNA] * 100_000)
    for zoom in (0, 16):
        (cluster,) = cluster_photos(photos, WORLD, zoom)
        assert cluster.photos == 100_000 and cluster.radius_km < 1e-6
    assert len(ids_within(photos, *VIENNA, 0.05)) == 100_000


def test_photos_at_the_poles_are_at_the_edge_of_the_map() -> None:
    north, south = cluster_photos(positions((90, 0), (-90, 0), (-89, 1)), WORLD, 2)[::-1]
    assert (north.photos, south.photos) == (1, 2)


def test_a_circle_counts_what_the_filter_near_finds(library: Library, tmp_path: Path) -> None:
    points = [*around(VIENNA, 40, 0.3), FIJI, (-17.8, 179.9), (95.0, 10.0), None]
    with writing(library.settings.data_dir) as store:
        root_id = store.files.add_root(str(tmp_path / "photos"))
        row = store.vectors.add_encoder("lite/x", "lite", 8)
        store.record(root_id, row.key, list(_ingested(tmp_path / "photos", points)))
    found = library.browse.positions()
    assert (len(found.photo_ids), found.unknown) == (42, 2), "out of range, and none"
    for (lat, lon), radius_km in ((VIENNA, 12.0), (VIENNA, 25.5), (FIJI, 30.0)):
        hits = library.find(f"near:{lat},{lon},{radius_km}km", 100).hits
        assert 0 < len(hits) < 42
        within = ids_within(found, lat, lon, radius_km).tolist()
        assert sorted(within) == sorted(hit.photo.id for hit in hits)
    assert len(ids_within(found, *FIJI, 30.0)) == 2, "across the meridian of 180 degrees"
    assert len(library.browse.positions(f"near:{VIENNA[0]},{VIENNA[1]},12km").photo_ids) < 40


def _ingested(folder: Path, points: Sequence[tuple[float, float] | None]) -> Iterator[IngestResult]:
    for number, (lat, lon) in enumerate(point or (None, None) for point in points):
        facts = Facts("JPEG", 8, 8, lat=lat, lon=lon)
        vectors = random_vectors(1, 8, seed=number)
        yield ingested(str(folder / f"{number}.jpg"), vectors, facts=facts)


# ------------------------------------------------------------------------- names


def places(*named: tuple[str | None, str | None]) -> list[Facts]:
    return [Facts("JPEG", 8, 8, town=town, country=country) for town, country in named]


def test_a_cluster_is_named_by_its_town_or_its_countries() -> None:
    of_three = places(("Genève", "Switzerland"), ("Rome", "Italy"), ("Lisbon", "Portugal"))
    assert name_of_cluster(of_three, 800) == "Switzerland, Italy and Portugal"
    more = [*of_three, *places(("Vienna", "Austria"), ("Lisbon", "Portugal"))]
    assert name_of_cluster(more, 800) == "Portugal, Switzerland, Italy and more"
    near = places(("Genève", "Switzerland"), ("Annemasse", "France"), ("Genève", "Switzerland"))
    assert name_of_cluster(near, 8) == "Genève, Switzerland"
    of_one = places(("Lisbon", "Portugal"), ("Porto", "Portugal"), ("Lisbon", "Portugal"))
    assert name_of_cluster(of_one, 300) == "Lisbon, Portugal"
    assert name_of_cluster(places((None, None)), 800) == name_of_cluster([], 1) == ""
    assert name_of_cluster(places((None, "Chad"), (None, None)), 800) == "Chad"


def test_clusters_have_a_name_and_a_round_circle_with_all_of_their_photos() -> None:
    photos = positions(*around(VIENNA, 30, 0.01), *around(AREZZO, 20, 2), FIJI)
    found = cluster_photos(photos, WORLD, 6)
    facts = Facts("JPEG", 8, 8, town="Vienna", country="Austria")
    wanted = [each for cluster in found for each in cluster.sample_ids if each != 51]
    known = {each: Photo(each, f"{each:064x}", 1, facts) for each in wanted}
    named = named_clusters(found, known)
    assert len(named) == len(found) - 1, "the photo in Fiji was deleted meanwhile"
    for cluster in named:
        assert cluster.place == "Vienna, Austria"
        assert cluster.latest_version == f"{cluster.latest_id:064x}"[:12]
        assert cluster.lat == round(cluster.lat, 5) and cluster.lon == round(cluster.lon, 5)
        assert cluster.radius_km * 100 == pytest.approx(round(cluster.radius_km * 100))
        within = ids_within(photos, cluster.lat, cluster.lon, cluster.radius_km)
        assert len(within) >= cluster.photos
    (at_one_point,) = named_clusters(cluster_photos(positions(VIENNA), WORLD, 6), known)
    assert at_one_point.radius_km == 0.05, "GPS is off by some metres"


# ------------------------------------------------------------------------- counts


def test_photos_are_counted_by_country_region_and_town(travels: Library) -> None:
    towns = (TownCount("Arezzo", 2), TownCount("Florence", 1))
    italy = (RegionCount("Tuscany", 3, towns), RegionCount(None, 1, (TownCount(None, 1),)))
    sydney = RegionCount("New South Wales", 1, (TownCount("Sydney", 1),))
    assert travels.places.counts() == PlaceCounts(
        (CountryCount("Italy", 4, italy), CountryCount("Australia", 1, (sydney,))),
        unnamed=1,
        unknown=1,
    )


def test_only_the_photos_of_a_query_are_counted(travels: Library) -> None:
    assert [country.photos for country in travels.places.counts("on:2008-10").countries] == [2]
    assert travels.places.counts("country:France") == PlaceCounts((), 0, 0)
    with pytest.raises(QueryError, match="Unknown filter"):
        travels.places.counts("contry:Italy")


def test_weak_results_are_not_counted(demo: Library) -> None:
    hits = [hit for hit in demo.find("a cat", 1000).hits if hit.level != "weak"]
    assert 0 < len(hits) == demo.places.counts("a cat").unknown < demo.photo_count()


def test_a_photo_whose_file_is_gone_is_not_counted(travels: Library, tmp_path: Path) -> None:
    (tmp_path / "photos" / "s1.png").unlink()
    travels.index().run()
    assert [country.country for country in travels.places.counts().countries] == ["Italy"]


def test_an_empty_library_says_what_to_do(library: Library) -> None:
    with pytest.raises(UsageError, match="imgsearch index"):
        library.places.counts()


def test_places_are_printed_as_a_tree(travels: Library) -> None:
    code, output, remarks = run(travels, "places")
    assert code == 0
    assert [line.rsplit(maxsplit=1) for line in output.splitlines()] == [
        ["Italy", "4"],
        ["  Tuscany", "3"],
        ["    Arezzo", "2"],
        ["    Florence", "1"],
        ["  (no region)", "1"],
        ["Australia", "1"],
        ["  New South Wales", "1"],
        ["    Sydney", "1"],
    ]
    assert remarks == "Photos far from any town: 1.\nPhotos without a place: 1.\n"


def test_json_and_exit_codes(travels: Library) -> None:
    code, output, _ = run(travels, "places", "place:Sydney", "--json")
    region = {"region": "New South Wales", "photos": 1, "towns": [{"town": "Sydney", "photos": 1}]}
    country = {"country": "Australia", "photos": 1, "regions": [region]}
    assert json.loads(output) == {"countries": [country], "unnamed": 0, "unknown": 0}
    code, output, remarks = run(travels, "places", "country:France")
    assert (code, output) == (1, "") and "No photo matches" in remarks
    code, output, remarks = run(travels, "places", "dated:file")
    assert (code, output, remarks) == (1, "", "Photos without a place: 1.\n")
