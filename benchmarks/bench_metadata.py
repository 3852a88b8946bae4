"""Compares the facts that imgsearch reads of photos with exiftool's.

    python -m benchmarks.bench_metadata FOLDER [--differences]

Prints a table: for each fact, the files in which exiftool finds a value, and in how many of them
imgsearch has the same. exiftool's value is that of EXIF where there is one, then that of XMP, IPTC
and others, then that of maker notes.
"""

# ruff: noqa: T201

from __future__ import annotations

import argparse
import json
import math
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from imgsearch.decode.formats import is_photo_name
from imgsearch.decode.reader import read_facts
from imgsearch.errors import PhotoError
from imgsearch.records.photo import Facts

Tags = Mapping[str, object]  # by "group:name"

_TAGS = ("Make", "Model", "DateTimeOriginal", "CreateDate", "DateCreated", "CreationTime",
         "TimeCreated", "LensID", "LensModel", "Lens", "LensType", "GPSLatitude", "GPSLongitude",
         "ExposureTime", "FNumber", "ISO", "FocalLength", "ImageWidth", "ImageHeight",
         "Orientation", "Rotation", "Rating", "Keywords", "Subject")  # fmt: skip
_DATES = ("DateTimeOriginal", "DateCreated", "CreateDate", "CreationTime")
_LENSES = ("LensID", "LensModel", "Lens", "LensType")
_FIRST_GROUPS = ("ExifIFD", "IFD0", "XMP", "IPTC", "PNG", "Composite")
_DATE = re.compile(r"[1-9]\d{3}:[01]\d:[0-3]\d")
# With a letter and a number. "n/a", "Unknown 5-17mm" and "G VR" are no names of lenses.
_LENS_NAME = re.compile(r"(?!unknown)(?=.*[a-z])(?=.*\d)", re.IGNORECASE)


@dataclass
class Agreement:
    """Agreement on one fact; `differences` are file name, our value and exiftool's."""

    fact: str
    same: int = 0
    differences: list[tuple[str, object, object]] = field(default_factory=list)

    @property
    def files(self) -> int:
        """In how many files exiftool finds a value."""
        return self.same + len(self.differences)

    @property
    def percent(self) -> float:
        return 100 * self.same / self.files if self.files else 100.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--differences", action="store_true", help="list every file that differs")
    arguments = parser.parse_args()
    agreements = compare(arguments.folder)
    print("| fact | files with a value | the same |\n|---|---|---|")
    for each in agreements:
        print(f"| {each.fact} | {each.files} | {each.same} ({each.percent:.1f} %) |")
    for each in agreements if arguments.differences else ():
        for name, ours, theirs in each.differences:
            print(f"{each.fact}: {name}: {ours!r}, exiftool {theirs!r}")


def compare(folder: Path) -> list[Agreement]:
    """The agreement on each fact over all photos below `folder` that imgsearch reads."""
    agreements = {fact: Agreement(fact) for fact in _COMPARISONS}
    for path, facts, plain, words in read_by_both(folder):
        for fact, comparison in _COMPARISONS.items():
            result = comparison(facts, plain, words)
            if result is None:
                continue
            is_same, ours, theirs = result
            agreement = agreements[fact]
            if is_same:
                agreement.same += 1
            else:
                agreement.differences.append((str(path.relative_to(folder)), ours, theirs))
    return list(agreements.values())


def read_by_both(folder: Path) -> Iterator[tuple[Path, Facts, Tags, Tags]]:
    """Each photo's path, our facts, and exiftool's tags as numbers and as words."""
    plain, words = exiftool(folder, "-n"), exiftool(folder)
    for path, tags in plain.items():
        if is_photo_name(path.name):
            try:
                yield path, read_facts(path), tags, words[path]
            except PhotoError as error:
                print(f"not read: {path.name}: {error}")


def exiftool(folder: Path, *options: str) -> dict[Path, Tags]:
    """exiftool's tags of every file below the folder. Raises SystemExit without exiftool."""
    if shutil.which("exiftool") is None:
        raise SystemExit("exiftool is missing (Debian: libimage-exiftool-perl).")
    names = [f"-{tag}" for tag in _TAGS]
    done = subprocess.run(
        ["exiftool", "-json", "-G1", "-q", "-q", "-r", *options, *names, str(folder)],
        capture_output=True,
        text=True,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )
    return {Path(str(tags["SourceFile"])): tags for tags in json.loads(done.stdout)}


# ---------------------------------------------------------------------------- comparisons

Result = tuple[bool, object, object] | None  # the same, our value, exiftool's; None without one


def _value(tags: Tags, *names: str) -> object:
    """The first of the tags with a value, EXIF's before that of other groups."""

    def rank(key: str) -> int:
        group = key.partition(":")[0].partition("-")[0]
        return _FIRST_GROUPS.index(group) if group in _FIRST_GROUPS else len(_FIRST_GROUPS)

    for name in names:
        keys = sorted((key for key in tags if key.endswith(f":{name}")), key=rank)
        for key in keys:
            if tags[key] not in (None, "", 0):
                return tags[key]
    return None


def _date(facts: Facts, plain: Tags, words: Tags) -> Result:
    dates = (str(_value(words, name)) for name in _DATES)
    theirs = next((date for date in dates if _DATE.match(date)), None)
    if theirs is None:
        return None
    ours = "" if facts.taken_at is None else facts.taken_at.strftime("%Y:%m:%d %H:%M:%S")
    return ours != "" and ours.startswith(theirs[:19]), ours, theirs


def _camera(facts: Facts, plain: Tags, words: Tags) -> Result:
    theirs = " ".join(str(_value(plain, "Model") or "").split())
    if not any(letter.isalnum() for letter in theirs):
        return None
    return theirs in (facts.camera or ""), facts.camera, theirs


def _lens(facts: Facts, plain: Tags, words: Tags) -> Result:
    """The same name, but for spaces, case, ".0", and the maker's name before it."""
    found = (value for name in _LENSES for key, value in words.items() if key.endswith(f":{name}"))
    theirs = [name for name in map(str, found) if _LENS_NAME.match(name)]
    if not theirs:
        return None
    names, ours = {_letters(name) for name in theirs}, _letters(facts.lens or "")
    return bool(ours) and any(name in ours or ours in name for name in names), facts.lens, theirs


def _letters(name: str) -> str:
    return re.sub(r"\.0(?!\d)|[^\w.]", "", name.lower())


def _place(facts: Facts, plain: Tags, words: Tags) -> Result:
    lat, lon = plain.get("Composite:GPSLatitude"), plain.get("Composite:GPSLongitude")
    if not isinstance(lat, int | float) or not isinstance(lon, int | float):
        return None
    ours = (facts.lat, facts.lon)
    is_same = None not in ours and math.dist((lat, lon), (facts.lat or 0, facts.lon or 0)) < 1e-5
    return is_same, ours, (lat, lon)


def _number_of(fact: str, tag: str) -> Callable[[Facts, Tags, Tags], Result]:
    def compare_numbers(facts: Facts, plain: Tags, words: Tags) -> Result:
        theirs = _value(plain, tag)
        if not isinstance(theirs, int | float) or not 0 < theirs < 1e7 or theirs == 0xFFFF:
            return None
        ours = getattr(facts, fact)
        off = 0.5 if fact == "iso" else 0.005 * theirs
        return ours is not None and abs(ours - theirs) <= off, ours, theirs

    return compare_numbers


def _size(facts: Facts, plain: Tags, words: Tags) -> Result:
    width, height = (plain.get(f"File:Image{side}") for side in ("Width", "Height"))
    if not isinstance(width, int) or not isinstance(height, int):
        return None
    turned = int(str(plain.get("IFD0:Orientation") or 1)) >= 5
    if facts.format == "HEIF":
        turned = plain.get("QuickTime:Rotation") in (1, 3)  # quarter turns
    theirs = (height, width) if turned else (width, height)
    ours = (facts.width_px, facts.height_px)
    return ours == theirs, ours, theirs


def _rating(facts: Facts, plain: Tags, words: Tags) -> Result:
    theirs = _value(plain, "Rating")
    if not isinstance(theirs, int) or not -1 <= theirs <= 5:
        return None
    return facts.rating == theirs, facts.rating, theirs


def _keywords(facts: Facts, plain: Tags, words: Tags) -> Result:
    found = (plain[key] for key in plain if key.endswith((":Keywords", ":Subject")))
    lists = (value if isinstance(value, list) else [value] for value in found)
    theirs = {" ".join(str(word).split()).casefold() for words in lists for word in words} - {""}
    if not theirs:
        return None
    ours = {word.casefold() for word in facts.keywords}
    return theirs <= ours, facts.keywords, sorted(theirs)


_COMPARISONS: dict[str, Callable[[Facts, Tags, Tags], Result]] = {
    "date": _date,
    "camera": _camera,
    "lens": _lens,
    "position": _place,
    "exposure time": _number_of("exposure_s", "ExposureTime"),
    "aperture": _number_of("aperture", "FNumber"),
    "ISO": _number_of("iso", "ISO"),
    "focal length": _number_of("focal_mm", "FocalLength"),
    "upright size": _size,
    "rating": _rating,
    "keywords": _keywords,
}

if __name__ == "__main__":
    main()
