"""What only the notes of camera makers say, and what Canon wrote before EXIF existed."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from datetime import datetime
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from imgsearch.decode.ciff import read_ciff
from imgsearch.decode.exif import read_exif
from imgsearch.decode.pool import DecoderPool
from imgsearch.decode.reader import decode_bytes, read_facts
from imgsearch.decode.x3f import read_x3f
from imgsearch.records.photo import Facts
from tests.factories import encoded
from tests.test_decode_exif import (
    ASCII,
    RATIONAL,
    SHORT,
    UNDEFINED,
    Tag,
    block,
    directory,
    facts_in,
)

LENS = "LUMIX G VARIO 14-42/F3.5-5.6"
LENS_RANGE: Tag = (0xA432, RATIONAL, (14, 1, 42, 1, 35, 10, 56, 10))


def panasonic(lens: str = LENS) -> bytes:
    """Panasonic's notes with the name of a lens; their offsets count from the EXIF block."""
    tags: list[Tag] = [(0x0051, ASCII, lens)]
    at = NOTES_AT + 12
    return b"Panasonic\0\0\0" + directory(tags, at)


MAKE: list[Tag] = [(0x010F, ASCII, "Panasonic"), (0x0110, ASCII, "DMC-G1")]


def exif_with(notes: bytes, *photo: Tag, top: list[Tag] = MAKE) -> bytes:
    """An EXIF block with these notes as the first long value of the photo's directory."""
    return block(top, [(0x927C, UNDEFINED, notes), *photo])


# Where the notes of `exif_with` lie, with no other tag of the photo.
NOTES_AT = exif_with(b"?" * 50).index(b"?" * 50)


def photo_with(exif: bytes, pool: DecoderPool | None = None) -> Facts:
    data = encoded(Image.new("RGB", (20, 10)), "JPEG", exif=b"Exif\0\0" + exif)
    return decode_bytes(data, 4, pool=pool).facts


# ---------------------------------------------------------------------------- through exiv2


def test_a_lens_that_only_the_notes_name() -> None:
    pytest.importorskip("exiv2")
    facts = photo_with(exif_with(panasonic()))
    assert (facts.lens, facts.camera) == (LENS, "Panasonic DMC-G1")


@pytest.mark.parametrize(("written", "lens"), [("18 to 50", "18-50mm"), ("30", "30mm")])
def test_a_lens_that_the_notes_give_in_numbers(written: str, lens: str) -> None:
    pytest.importorskip("exiv2")
    sigma: list[Tag] = [(0x010F, ASCII, "SIGMA"), (0x0110, ASCII, "SIGMA SD10")]
    at = exif_with(b"?" * 50, top=sigma).index(b"?" * 50)
    notes = b"SIGMA\0\0\0\1\0" + directory([(0x000A, ASCII, "Lens: " + written)], at + 10)
    assert photo_with(exif_with(notes, top=sigma)).lens == lens


def test_a_name_in_the_notes_counts_before_numbers_in_exif() -> None:
    pytest.importorskip("exiv2")
    # One more tag in the directory moves the notes by twelve bytes.
    notes = panasonic().replace(
        struct.pack("<I", NOTES_AT + 12 + 18), struct.pack("<I", NOTES_AT + 24 + 18)
    )
    assert photo_with(exif_with(notes, LENS_RANGE)).lens == LENS
    assert facts_in(exif_with(notes, LENS_RANGE)).lens == "14-42mm f/3.5-5.6"


def test_nobody_is_asked_where_exif_names_the_lens() -> None:
    with DecoderPool() as pool:
        facts = photo_with(exif_with(panasonic(), (0xA434, ASCII, "Planar")), pool)
        assert facts.lens == "Planar"
        assert pool.idle_process_ids == ()


@pytest.mark.parametrize(
    "lens", ["NO-LENS", "N/A", "None", "-", "65535", "E-Mount, Other Lens or no lens"]
)
def test_the_absence_of_a_lens_is_no_name(lens: str) -> None:
    assert photo_with(exif_with(panasonic(lens))).lens is None


def test_without_exiv2_the_lens_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "exiv2", None)  # not found, even if it is installed
    with DecoderPool() as pool:
        assert photo_with(exif_with(panasonic()), pool).lens is None
        assert pool.idle_process_ids == ()


FAKE_EXIV2 = """
import os, signal, time

class LogMsg:
    class Level:
        mute = 0
    def setLevel(level): pass

class ImageFactory:
    def open(path):
        with open(path, "rb") as file:
            data = file.read()
        if b"crash" in data:
            os.kill(os.getpid(), signal.SIGSEGV)
        if b"hang" in data:
            time.sleep(600)
        raise RuntimeError("what is this?")
"""


@pytest.mark.parametrize("lens", ["crash", "hang", "fail"])
def test_exiv2_never_fails_a_photo(
    lens: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "exiv2.py").write_text(FAKE_EXIV2)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "exiv2", raising=False)
    with DecoderPool(time_limit_s=5 if lens == "fail" else 0.5) as pool:
        facts = photo_with(exif_with(panasonic(lens)), pool)
        assert (facts.camera, facts.lens) == ("Panasonic DMC-G1", None)
        assert len(pool.idle_process_ids) == (lens == "fail"), "a process that crashed is not kept"


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_no_damage_of_the_notes_fails_a_photo(data: st.DataObject) -> None:
    exif = bytearray(exif_with(panasonic()))
    for _ in range(data.draw(st.integers(1, 5))):
        place = data.draw(st.integers(NOTES_AT - 16, len(exif) - 1))
        exif[place] = data.draw(st.integers(0, 255))
    assert photo_with(bytes(exif)).camera == "Panasonic DMC-G1"


def test_lenses_of_real_files(shared_data: Path) -> None:
    pytest.importorskip("exiv2")
    samples = shared_data / "camera" / "exif-samples" / "jpg" / "tests"
    nikon, olympus = (read_facts(samples / name) for name in ("32-lens_data.jpeg",
                                                               "42_IndexError.jpg"))  # fmt: skip
    assert nikon.lens == "Nikon AF-S Nikkor 28-300mm f/3.5-5.6G ED VR"
    assert olympus.lens == "Olympus M.Zuiko Digital 14-42mm F3.5-5.6 II R"


# ---------------------------------------------------------------------------- Canon


def canon(
    settings: dict[int, int], shot: dict[int, int], lens: str = "", moved_by: int = 0
) -> bytes:
    """Canon's notes. With `moved_by`, a program has moved them, and only their end says how far."""
    at = NOTES_AT
    tags: list[Tag] = [
        (0x0001, SHORT, tuple(settings.get(place, 0) for place in range(46))),
        (0x0004, SHORT, tuple(shot.get(place, 0) for place in range(34))),
        *([(0x0095, ASCII, lens)] if lens else []),
    ]
    moved = directory(tags, at + moved_by)
    return moved + b"II*\0" + struct.pack("<I", at + moved_by)


CANON: list[Tag] = [(0x010F, ASCII, "Canon"), (0x0110, ASCII, "X-100 9900")]  # as long as MAKE


def canon_facts(notes: bytes) -> Facts:
    exif = exif_with(notes, top=CANON)
    assert exif.index(notes) == NOTES_AT
    return facts_in(exif)


@pytest.mark.parametrize("moved_by", [0, 54, -62])
def test_lens_and_sensitivity_in_canons_notes(moved_by: int) -> None:
    zoom = {23: 17400, 24: 5800, 25: 1000}
    facts = canon_facts(canon(zoom | {16: 15}, {1: 32, 2: 128}, moved_by=moved_by))
    assert (facts.lens, facts.iso) == ("5.8-17.4mm", 100)
    facts = canon_facts(canon(zoom | {16: 18}, {}, "EF24-105mm f/4L IS USM", moved_by))
    assert (facts.lens, facts.iso) == ("EF24-105mm f/4L IS USM", 200)
    assert canon_facts(canon({16: 0x4000 + 640}, {}, moved_by=moved_by)).iso == 640


def test_other_data_counts_before_canons_notes() -> None:
    notes = canon({16: 18, 23: 55, 24: 18, 25: 1}, {}, "EF")
    exif = block(CANON, [(0x927C, UNDEFINED, notes), (0x8827, SHORT, 400), (0xA434, ASCII, "L")])
    assert (facts_in(exif).iso, facts_in(exif).lens) == (400, "L")


@given(st.data())
def test_no_bytes_in_canons_notes_fail(data: st.DataObject) -> None:
    notes = bytearray(canon({16: 15, 23: 55, 24: 18, 25: 1}, {1: 32, 2: 128}, "EF24-105mm"))
    for _ in range(data.draw(st.integers(1, 8))):
        notes[data.draw(st.integers(0, len(notes) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(notes)))
    read_exif(exif_with(bytes(notes[:cut]), top=CANON))


# ---------------------------------------------------------------------------- CIFF


def heap(*entries: tuple[int, bytes]) -> bytes:
    """A heap with these values; those of eight bytes lie in its directory."""
    body, table = b"", struct.pack("<H", len(entries))
    for tag, value in entries:
        if tag & 0x4000:
            table += struct.pack("<H", tag) + value.ljust(8, b"\0")
        else:
            table += struct.pack("<HII", tag, len(value), len(body))
            body += value
    return body + table + struct.pack("<I", len(body))


def ciff(kind: bytes = b"CCDR") -> bytes:
    taken_at = struct.pack("<III", 972687386, 0, 0)
    camera = heap((0x080A, b"Canon\0Canon PowerShot A5\0"))
    units = struct.pack("<46H", *[32 if at == 25 else 0 for at in range(46)])
    shooting = heap(
        (0x1818, struct.pack("<fff", 0.0, 5.0, 4.0)),
        (0x5029, struct.pack("<4H", 1, 160, 0, 0)),
        (0x102D, units),
    )
    content = heap((0x180E, taken_at), (0x2807, camera), (0x3002, shooting), (0x501C, b"\x64\0"))
    return b"II" + struct.pack("<I", 26) + b"HEAP" + kind + bytes(12) + content


def test_what_canon_wrote_before_exif() -> None:
    facts = read_ciff(BytesIO(ciff())).facts
    assert facts == {
        "taken_at": datetime(2000, 10, 27, 22, 56, 26),
        "dated_by": "exif",
        "camera": "Canon PowerShot A5",
        "exposure_s": 1 / 32,
        "aperture": 4.0,
        "focal_mm": 5.0,
        "iso": 100,
    }


def test_ciff_in_a_jpeg() -> None:
    content = ciff(b"JPGM")
    segment = b"\xff\xe0" + struct.pack(">H", len(content) + 2) + content
    facts = decode_bytes(encoded(Image.new("RGB", (20, 10)), "JPEG", extra=segment), 4).facts
    assert (facts.camera, facts.taken_at) == (
        "Canon PowerShot A5", datetime(2000, 10, 27, 22, 56, 26),
    )  # fmt: skip


@given(st.data())
def test_no_bytes_in_ciff_fail(data: st.DataObject) -> None:
    changed = bytearray(ciff())
    for _ in range(data.draw(st.integers(1, 8))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    read_ciff(BytesIO(bytes(changed[: data.draw(st.integers(0, len(changed)))])))


def test_heaps_that_contain_each_other_take_no_time() -> None:
    endless = struct.pack("<H", 400) + struct.pack("<HII", 0x2807, 1 << 20, 0) * 400
    data = b"II" + struct.pack("<I", 26) + b"HEAPCCDR" + bytes(12) + endless + struct.pack("<I", 0)
    assert read_ciff(BytesIO(data)).facts == {}


# ---------------------------------------------------------------------------- X3F


def x3f(properties: dict[str, str]) -> bytes:
    """A file with these properties and no image."""
    places, text = b"", ""
    for name, value in properties.items():
        places += struct.pack("<II", len(text), len(text) + len(name) + 1)
        text += f"{name}\0{value}\0"
    head = b"SECp" + struct.pack("<5I", 0x20000, len(properties), 0, 0, len(text))
    section = head + places + text.encode("utf-16-le")
    start = b"FOVb" + struct.pack("<I", 0x20000) + bytes(32)
    directory_at = len(start) + len(section)
    entry = struct.pack("<II4s", len(start), len(section), b"PROP")
    directory = b"SECd" + struct.pack("<II", 0x20000, 1) + entry
    return start + section + directory + struct.pack("<I", directory_at)


SIGMA = {
    "CAMMANUF": "SIGMA",
    "CAMMODEL": "SIGMA SD10",
    "TIME": "1100000000",
    "ISO": "100",
    "SHUTTER": "0.01",
    "APERTURE": "5.6",
    "FLENGTH": "35",
    "LENSFRANGE": "18 to 50",
}


def test_the_properties_of_an_x3f() -> None:
    assert read_x3f(BytesIO(x3f(SIGMA))).facts == {
        "taken_at": datetime(2004, 11, 9, 11, 33, 20),
        "dated_by": "exif",
        "camera": "SIGMA SD10",
        "lens": "18-50mm",
        "exposure_s": 0.01,
        "aperture": 5.6,
        "iso": 100,
        "focal_mm": 35.0,
    }


@pytest.mark.needs("exiftool")
def test_exiftool_reads_the_same_of_an_x3f(tmp_path: Path) -> None:
    path = tmp_path / "photo.x3f"
    path.write_bytes(x3f(SIGMA))
    names = ("Make", "Model", "DateTimeOriginal", "ISO", "ExposureTime", "FNumber", "FocalLength")
    command = ["exiftool", "-json", "-n", *(f"-{name}" for name in names), str(path)]
    tags = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)[0]
    del tags["SourceFile"]
    assert list(tags.values()) == [
        "SIGMA", "SIGMA SD10", "2004:11:09 11:33:20", 100, 0.01, 5.6, 35,
    ]  # fmt: skip


@given(st.data())
def test_no_bytes_in_an_x3f_fail(data: st.DataObject) -> None:
    changed = bytearray(x3f(SIGMA))
    for _ in range(data.draw(st.integers(1, 8))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    read_x3f(BytesIO(bytes(changed[: data.draw(st.integers(0, len(changed)))])))


def test_exiv2_reads_the_open_file_and_not_its_name(tmp_path: Path) -> None:
    """A decoder process gets no path, so it must not need one."""
    pytest.importorskip("exiv2")
    path = tmp_path / "photo.jpg"
    path.write_bytes(
        encoded(Image.new("RGB", (9, 9)), "JPEG", exif=b"Exif\0\0" + exif_with(panasonic()))
    )
    with DecoderPool() as pool, path.open("rb") as file:
        path.unlink()
        file.seek(os.SEEK_SET)
        assert pool.with_maker_notes(Facts("JPEG", 9, 9), file).lens == LENS
