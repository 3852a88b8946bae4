"""Makes `world.json`, the land and the borders that the map draws, from Natural Earth.

    npm pack world-atlas@2.0.2 && tar xzf world-atlas-2.0.2.tgz
    python -m ui.components.map.make_world package/countries-50m.json

The package world-atlas holds Natural Earth's countries at 1:50 million (public domain) as TopoJSON:
lines between two points where countries or the sea meet, each stored once. Points are rounded to
0.01 degrees, which is about a kilometre; the data are not more exact. The same input gives the same
file, byte for byte.

`world.json` has "lines", each as longitude and latitude in hundredths of a degree, the first as
they are and the others as differences; "land", the rings of polygons as lists of line numbers, of
which ~n is line n backwards; and "borders", the lines between two countries.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

SHA256 = "04342cdc1e3016bcd7db1630de95684d67b79fe3c8c460321e87aef469502394"
STEPS_PER_DEGREE = 100
OUTPUT = Path(__file__).with_name("world.json")


def world_of(topology: dict[str, Any]) -> dict[str, Any]:
    """Return the contents of `world.json`. Lines that no ring and no border needs are left out."""
    lines = [_line(arc, topology["transform"]) for arc in topology["arcs"]]
    land = [
        [ring for ring in polygon if _length(ring, lines) > 2]
        for polygon in _polygons(topology["objects"]["land"])
    ]
    countries = Counter(
        number
        for country in topology["objects"]["countries"]["geometries"]
        for number in {_number(arc) for ring in _rings(country) for arc in ring}
    )
    borders = sorted(number for number, count in countries.items() if count > 1)
    used = sorted(
        {_number(arc) for polygon in land for ring in polygon for arc in ring} | set(borders)
    )
    new_number = {old: new for new, old in enumerate(used)}
    return {
        "lines": [_differences(lines[number]) for number in used],
        "land": [
            [
                [new_number[arc] if arc >= 0 else ~new_number[~arc] for arc in ring]
                for ring in polygon
            ]
            for polygon in land
            if polygon
        ],
        "borders": [new_number[number] for number in borders],
    }


def _line(arc: list[list[int]], transform: dict[str, list[float]]) -> list[tuple[int, int]]:
    """Return the points of a line in hundredths of a degree.

    Those that fall together become one.
    """
    points: list[tuple[int, int]] = []
    x = y = 0
    for dx, dy in arc:
        x, y = x + dx, y + dy
        lon, lat = (
            round((value * scale + shift) * STEPS_PER_DEGREE)
            for value, scale, shift in zip(
                (x, y), transform["scale"], transform["translate"], strict=True
            )
        )
        if not points or points[-1] != (lon, lat):
            points.append((lon, lat))
    return points if len(points) > 1 else points * 2


def _differences(points: list[tuple[int, int]]) -> list[int]:
    steps = [points[0]] + [(b[0] - a[0], b[1] - a[1]) for a, b in pairwise(points)]
    return [value for step in steps for value in step]


def _polygons(geometry: dict[str, Any]) -> Iterator[list[list[int]]]:
    if geometry["type"] == "GeometryCollection":
        for part in geometry["geometries"]:
            yield from _polygons(part)
    elif geometry["type"] == "Polygon":
        yield geometry["arcs"]
    else:
        yield from geometry["arcs"]


def _rings(geometry: dict[str, Any]) -> Iterator[list[int]]:
    for polygon in _polygons(geometry):
        yield from polygon


def _length(ring: list[int], lines: list[list[tuple[int, int]]]) -> int:
    return len({point for arc in ring for point in lines[_number(arc)]})


def _number(arc: int) -> int:
    return arc if arc >= 0 else ~arc


def main() -> None:
    """Write `world.json` beside this file."""
    content = Path(sys.argv[1]).read_bytes()
    if hashlib.sha256(content).hexdigest() != SHA256:
        sys.exit("This is not countries-50m.json of world-atlas 2.0.2.")
    OUTPUT.write_text(json.dumps(world_of(json.loads(content)), separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
