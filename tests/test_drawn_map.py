"""The map of the world: the land that is drawn, and the names of towns."""

from __future__ import annotations

import gzip
import json
import math
import struct
from contextlib import closing
from importlib.metadata import distribution
from pathlib import Path

import numpy as np
import pytest

from imgsearch import MapArea
from imgsearch.analysis.web_map import pixels_of, towns_on_map
from imgsearch.gazetteer import Gazetteer
from imgsearch.sphere import arcs_km, away_km
from tests.factories import CHECKOUT
from ui.components.map.make_detail import (
    area_of,
    clipped_line,
    clipped_ring,
    rings_of,
    simplified,
)

VIENNA, AREZZO, FIJI = (48.2082, 16.3738), (43.4645, 11.8815), (-17.8, -179.9)
MAP_FILES = CHECKOUT / "ui" / "components" / "map"
TILES = sorted((MAP_FILES / "detail").glob("*.json"))


def test_arcs_are_those_of_single_points() -> None:
    lats, lons = np.array([AREZZO, FIJI]).T
    expected = [away_km(*AREZZO, *VIENNA), away_km(*FIJI, *VIENNA)]
    assert arcs_km(lats, lons, *VIENNA) == pytest.approx(expected)


# ------------------------------------------------------------------------- the world


def rings() -> list[list[tuple[float, float]]]:
    """The rings of the land in world.json: longitudes and latitudes."""
    world = json.loads((MAP_FILES / "world.json").read_text())
    lines = [
        (np.array(line).reshape(-1, 2).cumsum(axis=0) / 100).tolist() for line in world["lines"]
    ]
    return [
        [
            (lon, lat)
            for number in ring
            for lon, lat in (lines[number] if number >= 0 else lines[~number][::-1])[1:]
        ]
        for polygon in world["land"]
        for ring in polygon
    ]


def is_land(lat: float, lon: float, all_rings: list[list[tuple[float, float]]]) -> bool:
    """Whether a line to the north crosses an odd number of sides of the rings."""
    crossings = 0
    for ring in all_rings:
        for (x, y), (next_x, next_y) in zip(ring, [*ring[1:], ring[0]], strict=True):
            if (x > lon) != (next_x > lon) and abs(next_x - x) < 180:
                crossings += y + (lon - x) / (next_x - x) * (next_y - y) > lat
    return crossings % 2 == 1


def test_the_world_has_its_land_where_it_is() -> None:
    land = rings()
    for place in (
        VIENNA,
        (48.86, 2.35),
        (-33.0, 147.0),
        (39.0, -98.0),
        (65.0, 100.0),
        (-3.0, 23.0),
    ):
        assert is_land(*place, land), place
    for place in ((45.0, -30.0), (0.0, -140.0), (-40.0, 80.0), (36.0, 18.0), (58.0, 20.0)):
        assert not is_land(*place, land), place
    assert all(math.isfinite(value) for ring in land for point in ring for value in point)


def tile(name: str) -> dict[str, list[list[tuple[float, float]]]]:
    """The rings and lines of a tile: longitudes and latitudes."""
    content = json.loads((MAP_FILES / "detail" / f"{name}.json").read_text())
    return {
        kind: [
            [(x, y) for x, y in (np.array(line).reshape(-1, 2).cumsum(axis=0) / 400).tolist()]
            for line in lines
        ]
        for kind, lines in content.items()
    }


def test_tiles_have_land_lakes_rivers_and_borders_where_they_are() -> None:
    alps = tile("N40E000")
    on_land = ((46.2, 6.15), (45.76, 4.84), (48.86, 2.35), (43.7, 7.2), (41.39, 2.15))
    assert all(is_land(*place, alps["land"]) for place in on_land)
    assert not any(is_land(*place, alps["land"]) for place in ((43.0, 5.0), (42.5, 8.0)))
    assert is_land(46.45, 6.6, alps["lakes"]) and not is_land(46.2, 6.15, alps["lakes"])
    rhone = [abs(x - 4.8) + abs(y - 44.9) for line in alps["rivers"] for x, y in line]
    assert min(rhone) < 0.2  # at Valence
    pyrenees = [abs(x - 0.7) + abs(y - 42.7) for line in alps["borders"] for x, y in line]
    assert min(pyrenees) < 0.2
    assert is_land(45.0, 9.0, alps["land"]) and is_land(45.0, 12.0, tile("N40E010")["land"])
    australia = tile("S40E140")
    assert is_land(-33.87, 151.0, tile("S40E150")["land"]) and is_land(
        -37.8, 144.9, australia["land"]
    )
    assert not is_land(-39.5, 149.0, australia["land"])


def test_a_tile_has_nothing_far_outside_of_it_and_all_are_listed() -> None:
    assert json.loads((MAP_FILES / "water.json").read_text())["tiles"] == sorted_tiles()
    for file in TILES[::7]:
        south = int(file.stem[1:3]) * (-1 if file.stem[0] == "S" else 1)
        west = int(file.stem[4:]) * (-1 if file.stem[3] == "W" else 1)
        for x, y in (point for ring in tile(file.stem)["land"] for point in ring):
            assert west - 0.03 <= x <= west + 10.03 and south - 0.03 <= y <= south + 10.03


def sorted_tiles() -> list[str]:
    """The names of the tiles, from south to north and from west to east."""
    return sorted(
        (file.stem for file in TILES),
        key=lambda name: (
            int(name[1:3]) * (-1 if name[0] == "S" else 1),
            int(name[4:]) * (-1 if name[3] == "W" else 1),
        ),
    )


@pytest.mark.parametrize("name", ["line", "ring"])
def test_simpler_lines_stay_near_the_lines_and_keep_their_ends(name: str) -> None:
    turns = np.linspace(0, 2 * math.pi, 400)
    points = [(math.cos(turn), math.sin(turn)) for turn in turns]
    line = points if name == "ring" else [(x, y) for x, (_, y) in zip(turns, points, strict=True)]
    simple = simplified(line, 0.01)
    assert (simple[0], simple[-1]) == (line[0], line[-1]) and len(simple) < 60
    if name == "ring":
        assert area_of(simple) == pytest.approx(math.pi, rel=0.02)


def test_rings_and_lines_are_cut_at_a_box() -> None:
    square = [(0.0, 0.0), (4.0, 0.0), (4.0, 4.0), (0.0, 4.0)]
    assert area_of(clipped_ring(square, (1.0, 1.0, 2.0, 5.0))) == pytest.approx(3)
    assert clipped_ring(square, (5.0, 5.0, 6.0, 6.0)) == []
    assert area_of(clipped_ring(square, (-1.0, -1.0, 9.0, 9.0))) == pytest.approx(16)
    line = [(float(x), 0.0) for x in range(10)]
    (piece,) = clipped_line(line, (2.5, -1.0, 5.5, 1.0))
    assert piece == line[2:7]
    there_and_back = [*line, *[(x, 0.5) for x, _ in line[::-1]]]
    assert len(list(clipped_line(there_and_back, (2.5, -1.0, 5.5, 1.0)))) == 2
    assert list(clipped_line(line, (2.5, 3.0, 5.5, 4.0))) == []


def test_names_of_towns_fit_and_the_largest_are_first(tmp_path: Path) -> None:
    with closing(Gazetteer(tmp_path)) as gazetteer:
        world = towns_on_map(gazetteer, MapArea(-80, -180, 80, 180), 3)
        assert world[0].name == "Shanghai" and min(town.population for town in world) >= 1_000_000
        for zoom, area in ((3, MapArea(-80, -180, 80, 180)), (9, MapArea(45, 5, 47, 8))):
            shown = towns_on_map(gazetteer, area, zoom)
            x, y = pixels_of(
                np.array([town.lat for town in shown]), np.array([town.lon for town in shown]), zoom
            )
            near = (np.abs(x[:, None] - x) < 100) & (np.abs(y[:, None] - y) < 40)
            assert len(shown) > 10 and near.sum() == len(shown), "each is near itself only"
        names = [town.name for town in towns_on_map(gazetteer, MapArea(46.1, 6, 46.3, 6.3), 12)]
        assert names[0] == "Genève" and {"Lancy", "Vernier", "Veyrier"} <= set(names)
        assert towns_on_map(gazetteer, MapArea(0, -140, 2, -138), 9) == []
        for edge in (MapArea(89, -180, 90, 180), MapArea(-90, 179, 90, 180)):
            assert isinstance(towns_on_map(gazetteer, edge, 9), list)


def test_the_files_of_the_map_are_small_and_name_their_licences() -> None:
    files = [MAP_FILES / "world.json", MAP_FILES / "water.json", *TILES]
    assert sum(len(gzip.compress(file.read_bytes())) for file in files[:2]) < 300_000
    # A wheel is compressed as well.
    assert sum(len(gzip.compress(file.read_bytes())) for file in files) < 3_000_000
    assert max(len(gzip.compress(file.read_bytes())) for file in TILES) < 30_000
    licences = (MAP_FILES / "LICENCES.md").read_text()
    assert "public domain" in licences and "BSD 2-Clause" in licences


def test_leaflet_is_a_package_with_its_licence() -> None:
    package = distribution("django-js-lib-leaflet")
    assert package.requires is None, "no Django"
    (licence,) = (file for file in package.files or () if file.name == "LICENSE")
    assert "BSD 2-Clause" in licence.read_text()


def test_rings_of_a_file_of_marble() -> None:
    def ring(flag: int, number: int, *nodes: bytes) -> bytes:
        return struct.pack(">BII", flag, number, len(nodes)) + b"".join(nodes)

    corner = struct.pack(">hhh", 46 * 120, 6 * 120, 2) + struct.pack(">bbbb", 60, 0, 0, -60)
    far = struct.pack(">hhh", -90, -12, 0)
    group = struct.pack(">BIB", 4, 2, 1)  # of one ring, which follows
    file = struct.pack(">BIB", 2, 2, 0) + ring(2, 1, corner, far) + group + ring(3, 2, corner)
    around = [(6.0, 46.0), (6.0, 46.5), (5.5, 46.0)]
    assert list(rings_of(file)) == [[*around, (-0.1, -0.75)], around]
    with pytest.raises(SystemExit, match="has 1 rings and says that it has 2"):
        list(rings_of(file[: -len(group + ring(3, 2, corner))]))
