"""Real files of cameras and phones: the facts read are those that exiftool reads.

Each test compares all files and lists every one that differs. The first prints how often each fact
is the same, maker notes included, as docs/benchmarks.md says; the others leave maker notes out and
are stricter.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.bench_metadata import compare as compare_folder
from imgsearch.decode.formats import is_photo_name
from imgsearch.decode.reader import decode, read_facts, side_to_embed
from imgsearch.encoders.base import Encoder
from imgsearch.errors import PhotoError, Reason
from imgsearch.records.photo import Facts
from tests.programs import need_programs

TAGS = ("Make", "Model", "DateTimeOriginal", "CreateDate", "ModifyDate", "DateCreated",
        "TimeCreated", "OffsetTimeOriginal", "GPSLatitude", "GPSLongitude", "LensModel", "Lens",
        "ExposureTime", "FNumber", "ISO", "FocalLength",
        "ImageWidth", "ImageHeight", "Orientation", "Rotation", "MotionPhoto")  # fmt: skip
TURNS = {2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
         4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE,
         6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
         8: Image.Transpose.ROTATE_90}  # fmt: skip


@dataclass(frozen=True)
class File:
    """One file: our facts or error, and exiftool's values by "group:tag"."""

    path: Path
    facts: Facts | PhotoError
    tags: dict[str, object]

    def value(self, *names: str) -> object:
        """The first of these tags that has a value."""
        values = (self.tags.get(name) for name in names)
        return next((value for value in values if value not in (None, "")), None)


@pytest.fixture(scope="module")
def files(shared_data: Path) -> list[File]:
    need_programs("exiftool")
    command = ["exiftool", "-json", "-n", "-G1", "-r", *(f"-{tag}" for tag in TAGS)]
    done = subprocess.run(
        [*command, str(shared_data / "camera")],
        capture_output=True,
        text=True,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )
    tags_by_path = {Path(str(tags["SourceFile"])): tags for tags in json.loads(done.stdout)}
    return [
        File(path, facts_or_error(path), tags)
        for path, tags in tags_by_path.items()
        if is_photo_name(path.name)
    ]


def facts_or_error(path: Path) -> Facts | PhotoError:
    try:
        return read_facts(path)
    except PhotoError as error:
        return error


def read(files: list[File]) -> Iterator[tuple[File, Facts]]:
    return ((file, file.facts) for file in files if isinstance(file.facts, Facts))


def assert_none_differs(
    files: list[File], compare: Callable[[File, Facts], object], at_least: int
) -> None:
    """`compare` returns our value and exiftool's, or None for a file without one."""
    pairs = [(file.path.name, compare(file, facts)) for file, facts in read(files)]
    with_value = [(name, pair) for name, pair in pairs if pair is not None]
    different = [(name, *pair) for name, pair in with_value if pair[0] != pair[1]]  # type: ignore[index,misc]
    assert not different
    assert len(with_value) >= at_least, "too few files have a value to compare"


# In per cent of the files in which exiftool finds a value.
GOALS = {"date": 99, "lens": 97, "position": 99, "camera": 99, "exposure time": 99, "aperture": 99,
         "ISO": 99, "focal length": 99, "upright size": 99, "keywords": 99}  # fmt: skip


def test_how_often_each_fact_is_exiftools(files: list[File], shared_data: Path) -> None:
    pytest.importorskip("exiv2")
    agreements = {each.fact: each for each in compare_folder(shared_data / "camera")}
    for each in agreements.values():
        print(f"{each.fact}: {each.same} of {each.files} ({each.percent:.1f} %)")  # noqa: T201
    missed = {
        fact: agreements[fact].differences
        for fact, goal in GOALS.items()
        if agreements[fact].percent < goal
    }
    assert missed == {}
    assert agreements["date"].files >= 80 and agreements["lens"].files >= 20


def test_every_file_is_read_or_needs_an_extra(files: list[File]) -> None:
    refused = [file.facts for file in files if isinstance(file.facts, PhotoError)]
    assert all(error.reason is Reason.UNSUPPORTED and error.extra for error in refused), refused
    assert len(files) - len(refused) >= 150


def test_when_it_was_taken(files: list[File]) -> None:
    def compare(file: File, facts: Facts) -> object:
        date = file.value("ExifIFD:DateTimeOriginal", "ExifIFD:CreateDate")
        if date is None or str(date).startswith(("0000", "    ")):
            return None
        offset = (
            file.value("ExifIFD:OffsetTimeOriginal")
            if "ExifIFD:DateTimeOriginal" in file.tags
            else None
        )
        assert facts.dated_by == "exif", file.path
        return written(facts.taken_at, offset is not None), f"{date}{offset or ''}"

    assert_none_differs(files, compare, 70)


def written(moment: datetime | None, with_offset: bool) -> str:
    if moment is None:
        return "unknown"
    text = moment.strftime("%Y:%m:%d %H:%M:%S%z")
    return text[:-2] + ":" + text[-2:] if with_offset else text


def test_a_date_that_is_not_in_exif_comes_from_another_source(files: list[File]) -> None:
    """From the time of change that a camera wrote, from XMP or IPTC; never invented."""
    for file, facts in read(files):
        if file.value("ExifIFD:DateTimeOriginal", "ExifIFD:CreateDate") is None:
            tags = {name: tag for name, tag in file.tags.items() if name != "SourceFile"}
            values = " ".join(map(str, tags.values()))
            day = None if facts.taken_at is None else facts.taken_at.strftime("%Y:%m:%d")
            is_other = facts.dated_by in ("sidecar", "text")  # -n leaves the latter a number
            assert day is None or day in values or is_other, file.path


@pytest.mark.parametrize(
    ("fact", "tag", "at_least"),
    [
        ("exposure_s", "ExposureTime", 60),
        ("aperture", "FNumber", 60),
        ("iso", "ISO", 50),
        ("focal_mm", "FocalLength", 60),
    ],
)
def test_how_it_was_exposed(files: list[File], fact: str, tag: str, at_least: int) -> None:
    def compare(file: File, facts: Facts) -> object:
        number = file.value(f"ExifIFD:{tag}")
        if not isinstance(number, int | float) or number <= 0:
            return None
        value = getattr(facts, fact)
        return (None if value is None else round(value, 6)), round(number, 6)

    assert_none_differs(files, compare, at_least)


def test_the_camera(files: list[File]) -> None:
    def compare(file: File, facts: Facts) -> object:
        make, model = (" ".join(str(file.value(f"IFD0:{tag}") or "").split()) for tag in TAGS[:2])
        if not any(letter.isalnum() for letter in make + model):
            return None
        camera = facts.camera or ""
        has_make = any(word.casefold() in camera.casefold() for word in make.split()) or not make
        return (has_make, camera.endswith(model) or model), (True, True if model else model)

    assert_none_differs(files, compare, 70)


def test_the_lens(files: list[File]) -> None:
    def compare(file: File, facts: Facts) -> object:
        lens = file.value("ExifIFD:LensModel", "XMP-exifEX:LensModel", "XMP-aux:Lens")
        return None if lens is None else (facts.lens, lens)

    assert_none_differs(files, compare, 12)


def test_the_place(files: list[File]) -> None:
    def compare(file: File, facts: Facts) -> object:
        lat, lon = (file.value(f"Composite:GPS{axis}") for axis in ("Latitude", "Longitude"))
        if lat is None and facts.lat is None:
            return None
        if facts.lat is None or facts.lon is None:
            return None, (lat, lon)
        return (round(facts.lat, 6), round(facts.lon, 6)), (
            round(float(str(lat)), 6),
            round(float(str(lon)), 6),
        )

    assert_none_differs(files, compare, 15)


def test_the_upright_size(files: list[File]) -> None:
    def compare(file: File, facts: Facts) -> object:
        width, height = file.value("File:ImageWidth"), file.value("File:ImageHeight")
        if not isinstance(width, int) or not isinstance(height, int):
            return None
        turned = int(str(file.value("IFD0:Orientation") or 1)) >= 5
        if facts.format == "HEIF":
            turned = file.value("QuickTime:Rotation") in (1, 3)  # quarter turns
        return (facts.width_px, facts.height_px), (height, width) if turned else (width, height)

    assert_none_differs(files, compare, 120)


def test_the_image_is_turned_as_exiftool_says(files: list[File]) -> None:
    """Of the eight ways to turn a JPEG's pixels, exiftool's is nearest to the decoded image."""
    checked = set()
    for file, facts in read(files):
        orientation = int(str(file.value("IFD0:Orientation") or 1))
        if facts.format != "JPEG" or orientation not in TURNS:
            continue
        seen = np.asarray(decode(file.path, 64).image.resize((24, 24)), float)
        with Image.open(file.path) as stored:
            stored.draft("RGB", (128, 128))
            small = stored.convert("RGB").resize((24, 24))
        ways = {1: small} | {number: small.transpose(turn) for number, turn in TURNS.items()}
        apart = {
            number: np.abs(np.asarray(way, float) - seen).mean() for number, way in ways.items()
        }
        assert min(apart, key=lambda number: apart[number]) == orientation, (file.path, apart)
        checked.add(orientation)
    assert checked == set(TURNS)


def test_videos_inside_photos_are_found(files: list[File]) -> None:
    inside = [file.path.name for file, facts in read(files) if facts.motion == "inside"]
    assert inside == [
        file.path.name for file in files if file.value("XMP-GCamera:MotionPhoto") is not None
    ]
    assert len(inside) == 1


@pytest.mark.slow
def test_a_photo_scaled_while_it_is_decoded_embeds_as_the_whole_photo(
    shared_data: Path, lite: Encoder
) -> None:
    cosines = {}
    for path in sorted((shared_data / "camera").rglob("*.[jJ]*")):
        facts = facts_or_error(path)
        if not isinstance(facts, Facts) or facts.width_px * facts.height_px < 6e6:
            continue
        try:
            sizes = (side_to_embed(lite.side_px), min(facts.width_px, facts.height_px))
            scaled, whole = (decode(path, side_px).image for side_px in sizes)
        except PhotoError:  # some are damaged on purpose
            continue
        assert scaled.width < facts.width_px == whole.width
        vectors = [lite.encode_pixels(lite.prepare(image)[None])[0] for image in (scaled, whole)]
        cosines[path.name] = float(vectors[0] @ vectors[1])
    values = np.array(list(cosines.values()))
    assert len(values) >= 10
    assert values.mean() >= 0.995 and values.min() >= 0.98, cosines
