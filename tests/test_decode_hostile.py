"""Files that want to hurt: bombs, crashes, hangs, hunger. Each costs itself and nothing else."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import textwrap
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from imgsearch.decode import isolate, reader
from imgsearch.decode.formats import HEIF, JPEG
from imgsearch.decode.jpeg import buffered_work
from imgsearch.decode.reading import decode, decode_bytes
from imgsearch.errors import ImgsearchError, PhotoError, Reason
from tests.factories import encoded, noise

PROMPT_S = 30  # on however busy a machine; what these tests keep from happening takes minutes


def refused(data: bytes, max_megapixels: float = 200) -> PhotoError:
    with pytest.raises(PhotoError) as caught:
        decode_bytes(data, 32, max_megapixels)
    return caught.value


# ---------------------------------------------------------------------------- a decoder that dies

FAKE_HEIF = """
import os, signal, time
from PIL import Image

class options:
    pass

def HeifImageFile(file):
    order = file.read()[12:]
    if order == b"crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if order == b"hang":
        time.sleep(600)
    if order == b"hunger":
        bytearray(10 << 30)
    if order == b"leave":
        os._exit(0)
    if order == b"write":
        with open(os.environ["FAKE_HEIF_WRITES"], "w") as out:
            out.write("I was here")
    return Image.new("RGB", (8, 8), (1, 2, 3))
"""


@pytest.fixture
def order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], object]]:
    """Has a HEIC decoded by a decoder that does as the file says, in workers of its own."""
    (tmp_path / "fakes").mkdir()
    (tmp_path / "fakes" / "pillow_heif.py").write_text(textwrap.dedent(FAKE_HEIF))
    monkeypatch.syspath_prepend(tmp_path / "fakes")
    monkeypatch.setenv("FAKE_HEIF_WRITES", str(tmp_path / "written"))
    pool = isolate._Pool()
    monkeypatch.setattr(isolate, "_pool", pool)
    yield lambda what: decode_bytes(b"\0\0\0\x0cftypheic" + what.encode(), 4)
    pool.close()


def test_a_crash_costs_one_file(order: Callable[[str], object]) -> None:
    for what, said in (("crash", "SIGSEGV"), ("leave", "crashed")):
        with pytest.raises(PhotoError) as caught:
            order(what)
        assert caught.value.reason is Reason.CRASHED
        assert said in str(caught.value)
        assert order("fine")


def test_a_hang_is_ended(order: Callable[[str], object], monkeypatch: pytest.MonkeyPatch) -> None:
    order("fine")  # starting a worker is not part of the time
    limit_s = isolate.TIME_LIMIT_S
    monkeypatch.setattr(isolate, "TIME_LIMIT_S", 0.5)
    begin = time.monotonic()
    with pytest.raises(PhotoError) as caught:
        order("hang")
    assert caught.value.reason is Reason.TIMED_OUT
    monkeypatch.setattr(isolate, "TIME_LIMIT_S", limit_s)
    assert time.monotonic() - begin < PROMPT_S
    assert order("fine")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux holds a process to RLIMIT_AS")
def test_hunger_meets_a_limit(order: Callable[[str], object]) -> None:
    with pytest.raises(PhotoError) as caught:
        order("hunger")
    assert caught.value.reason is Reason.TOO_LARGE
    assert "memory" in str(caught.value)


def test_a_decoder_that_was_taken_over_writes_nothing(
    order: Callable[[str], object], tmp_path: Path
) -> None:
    with pytest.raises(PhotoError):
        order("write")
    assert (tmp_path / "written").read_text() == ""


def test_crashes_among_many_threads_leave_the_others_alone(
    order: Callable[[str], object],
) -> None:
    def attempt(number: int) -> object:
        what = "crash" if number % 5 == 2 else "fine"
        try:
            return order(what)
        except PhotoError as error:
            return error.reason

    with ThreadPoolExecutor(8) as threads:
        results = list(threads.map(attempt, range(20)))
    assert [i for i, result in enumerate(results) if result is Reason.CRASHED] == [2, 7, 12, 17]


def test_a_worker_that_cannot_start_is_no_photos_fault(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(isolate, "_pool", isolate._Pool())
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(ImgsearchError) as caught:
        decode_bytes(encoded(noise(), "GIF"), 4)
    assert not isinstance(caught.value, PhotoError)
    assert "imgsearch.decode.worker" in str(caught.value)


def test_workers_are_used_again_and_replaced_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = isolate._Pool()
    monkeypatch.setattr(isolate, "_pool", pool)
    monkeypatch.setattr(isolate, "_FILES_A_WORKER", 3)
    gif = encoded(noise(), "GIF")
    seen = []
    for _ in range(6):
        decode_bytes(gif, 4)
        seen.append(pool._idle[0]._process.pid if pool._idle else None)
    assert seen[0] == seen[1] is not None and seen[2] is None
    assert seen[3] not in (None, seen[0])
    pool.close()


def test_a_worker_that_has_left_is_no_photos_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = isolate._Pool()
    monkeypatch.setattr(isolate, "_pool", pool)
    gif = encoded(noise(), "GIF")
    decode_bytes(gif, 4)
    for wait_s in (0.5, 0.0):  # gone when it is looked for; gone just after
        pool._idle[0]._process.kill()
        time.sleep(wait_s)
        assert decode_bytes(gif, 4).image
        if not pool._idle:
            decode_bytes(gif, 4)
    pool.close()


def test_workers_end_with_their_parent() -> None:
    code = """
        import io, os, sys
        from PIL import Image
        from imgsearch.decode import isolate; from imgsearch.decode.reading import decode_bytes
        data = io.BytesIO(); Image.new("RGB", (9, 9)).save(data, "GIF")
        decode_bytes(data.getvalue(), 4)
        print(isolate._pool._idle[0]._process.pid, flush=True)
        os.kill(os.getpid(), 9)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True
    )
    worker = int(done.stdout)
    for _ in range(600):
        if not alive(worker):
            return
        time.sleep(0.05)
    pytest.fail("the worker outlived its parent")


def alive(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
        state = Path(f"/proc/{process_id}/stat")
        return not state.exists() or state.read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except ProcessLookupError:
        return False


# ---------------------------------------------------------------------------- bombs


def huge_gif() -> bytes:
    data = bytearray(encoded(noise(), "GIF"))
    data[6:10] = struct.pack("<HH", 65535, 65535)
    return bytes(data)


def huge_webp() -> bytes:
    data = bytearray(encoded(noise(), "WEBP"))
    data[26:30] = struct.pack("<HH", 16383, 16383)  # the size in a lossy WebP's frame header
    return bytes(data)


def huge_bmp() -> bytes:
    data = bytearray(encoded(noise(), "BMP"))
    data[18:26] = struct.pack("<ii", 60000, 60000)
    return bytes(data)


def huge_tiff() -> bytes:
    data = encoded(noise(), "TIFF")
    for tag in (256, 257):
        at = data.index(struct.pack("<HHI", tag, 4, 1))
        data = data[: at + 8] + struct.pack("<I", 90000) + data[at + 12 :]
    return data


def huge_jpeg() -> bytes:
    data = encoded(noise(), "JPEG")
    at = data.index(b"\xff\xc0")
    return data[: at + 5] + struct.pack(">HH", 65500, 65500) + data[at + 9 :]


def huge_jpeg2000() -> bytes:
    data = encoded(noise(), "JPEG2000")
    at = data.index(b"ihdr")
    data = data[: at + 4] + struct.pack(">II", 60000, 60000) + data[at + 12 :]
    at = data.index(b"\xff\x51")  # SIZ
    return data[: at + 6] + struct.pack(">II", 60000, 60000) + data[at + 14 :]


def huge_box(format_name: str) -> Callable[[], bytes]:
    def make() -> bytes:
        if format_name == "AVIF":
            data = encoded(noise(), "AVIF")
        else:
            from pillow_heif import from_pillow

            buffer = BytesIO()
            from_pillow(noise()).save(buffer, format="HEIF")
            data = buffer.getvalue()
        at = data.index(b"ispe") + 8
        return data[:at] + struct.pack(">II", 30000, 30000) + data[at + 8 :]

    return make


@pytest.mark.parametrize(
    "make",
    [huge_gif, huge_webp, huge_bmp, huge_tiff, huge_jpeg, huge_jpeg2000, huge_box("AVIF"),
     huge_box("HEIF")],
)  # fmt: skip
def test_a_declared_bomb_is_refused_at_once(make: Callable[[], bytes]) -> None:
    begin = time.monotonic()
    reason = refused(make()).reason
    assert reason in (Reason.TOO_LARGE, Reason.DAMAGED)  # AVIF's own decoder sees the lie first
    assert time.monotonic() - begin < PROMPT_S


def flat_png(width_px: int, height_px: int) -> bytes:
    """A real bomb: thousands of pixels to the byte."""
    packer, row = zlib.compressobj(9), bytes(1 + width_px)
    packed = b"".join(packer.compress(row) for _ in range(height_px)) + packer.flush()
    header = struct.pack(">IIBBBBB", width_px, height_px, 8, 0, 0, 0, 0)

    def chunk(name: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        )

    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")
    )


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_real_bomb_below_the_limit_takes_little_memory_here(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(flat_png(10_000, 10_000))
    assert path.stat().st_size < 200_000
    code = f"""
        import pathlib, re
        from imgsearch.decode.reading import decode
        image = decode(pathlib.Path({str(path)!r}), 128).image
        status = pathlib.Path("/proc/self/status").read_text()
        print(min(image.size), re.search(r"VmHWM:\\s+(\\d+) kB", status)[1])
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True
    )
    side, kilobytes = map(int, done.stdout.split())
    assert side >= 256
    assert kilobytes < 120_000, "the 100 megapixels were held by a worker, not here"


def test_a_text_bomb_in_a_png_is_no_burden() -> None:
    png = encoded(noise(), "PNG")
    body = b"Comment\0\0" + zlib.compress(bytes(100 << 20), 9)
    chunk = (
        struct.pack(">I", len(body))
        + b"zTXt"
        + body
        + struct.pack(">I", zlib.crc32(b"zTXt" + body))
    )
    begin = time.monotonic()
    assert refused(png[:33] + chunk + png[33:]).reason is Reason.DAMAGED
    assert time.monotonic() - begin < PROMPT_S


def test_an_endless_gif_and_a_circular_tiff_end() -> None:
    gif = encoded(noise(), "GIF", save_all=True, append_images=[noise()] * 2, loop=0)
    frame = gif[gif.index(b"\x2c", 800) : -1]
    assert decode_bytes(gif[:-1] + frame * 2000, 16).image
    tiff = bytearray(encoded(noise(), "TIFF"))
    (first,) = struct.unpack_from("<I", tiff, 4)
    (count,) = struct.unpack_from("<H", tiff, first)
    struct.pack_into("<I", tiff, first + 2 + 12 * count, first)
    assert decode_bytes(bytes(tiff), 16).image


def test_a_chain_of_very_many_tiff_pages_is_not_followed() -> None:
    first = encoded(noise(), "TIFF")
    (at,) = struct.unpack_from("<I", first, 4)
    (count,) = struct.unpack_from("<H", first, at)
    chain = bytearray(first)
    struct.pack_into("<I", chain, at + 2 + 12 * count, len(first))
    page = struct.pack("<HHHII", 1, 256, 3, 1, 64)
    for _ in range(100_000):
        chain += page + struct.pack("<I", len(chain) + len(page) + 4)
    begin = time.monotonic()
    assert decode_bytes(bytes(chain), 16).image.size == (32, 32)
    assert time.monotonic() - begin < PROMPT_S


@pytest.mark.parametrize("format_name", ["PNG", "WEBP"])
def test_huge_metadata_is_no_burden(format_name: str) -> None:
    directory = b"II*\0\x08\0\0\0" + struct.pack("<H", 65535) + b"\x0f\x01\x02\0" * 200_000
    exif, xmp = b"Exif\0\0" + directory + bytes(20 << 20), b"<x:xmpmeta>" + b"<a>" * (5 << 20)
    for more in ({"exif": exif}, {"xmp": xmp} if format_name == "WEBP" else {}):
        begin = time.monotonic()
        data = encoded(noise(), format_name, **more)
        if not more:  # Pillow writes no XMP into a PNG
            body = b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(xmp)
            size, check = len(body), zlib.crc32(b"iTXt" + body)
            chunk = struct.pack(">I", size) + b"iTXt" + body + struct.pack(">I", check)
            data = data[:33] + chunk + data[33:]
        try:
            assert decode_bytes(data, 16).facts.taken_at is None
        except PhotoError as error:
            assert error.reason is Reason.DAMAGED
        assert time.monotonic() - begin < PROMPT_S


def test_a_jpeg_of_very_many_scans_is_seen_coming(monkeypatch: pytest.MonkeyPatch) -> None:
    plain, progressive = encoded(noise(512), "JPEG"), encoded(noise(512), "JPEG", progressive=True)
    assert buffered_work(BytesIO(plain)) == (0, 0)
    held, gone_over = buffered_work(BytesIO(progressive))
    assert held == pytest.approx(512 * 512 / 1e6)
    assert 3 * held <= gone_over <= 20 * held
    last = progressive.rindex(b"\xff\xda")
    bomb = progressive[:last] + progressive[last:-2] * 3000 + b"\xff\xd9"
    assert buffered_work(BytesIO(bomb))[1] > 2000 * held
    seen = []
    monkeypatch.setattr(isolate, "read", lambda file, family, request: seen.append(family))
    from imgsearch.decode import reading

    monkeypatch.setattr(reading, "_MAX_SCANNED_MEGAPIXELS_HERE", 500)
    decode_bytes(bomb, 32)
    assert seen == [JPEG]
    assert decode_bytes(progressive, 32).image


def test_segments_without_end_are_seen_coming() -> None:
    endless = b"\xff\xd8" + b"\xff\xe3\x00\x02" * 5000
    assert buffered_work(BytesIO(endless + encoded(noise(), "JPEG")[2:]))[1] > 1e9
    assert decode_bytes(endless + encoded(noise(), "JPEG")[2:], 16).image


# ---------------------------------------------------------------------------- lies and accidents


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "AVIF",
                                         "JPEG2000", "HEIF"])  # fmt: skip
@pytest.mark.parametrize("share", [0.02, 0.3, 0.7, 0.97])
def test_a_file_cut_off_is_refused_or_whole(format_name: str, share: float) -> None:
    if format_name == "HEIF":
        from pillow_heif import from_pillow

        buffer = BytesIO()
        from_pillow(noise(256)).save(buffer, format="HEIF")
        data = buffer.getvalue()
    else:
        data = encoded(noise(256), format_name)
    error = refused(data[: max(20, int(len(data) * share))])
    assert error.reason in (Reason.TRUNCATED, Reason.DAMAGED, Reason.NOT_AN_IMAGE)
    assert "\n" not in str(error) and len(str(error)) < 250


def test_two_formats_in_one_file_are_the_first_one() -> None:
    data = encoded(noise(), "JPEG") + encoded(noise(), "PNG") + b"PK\x03\x04<html><script>"
    assert decode_bytes(data, 8).facts.format == "JPEG"


def test_a_file_that_changes_while_it_is_read_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "growing.jpg"
    path.write_bytes(encoded(noise(), "JPEG"))
    really_read = reader.read

    def read_slowly(*arguments: Any) -> object:
        with path.open("ab") as file:
            file.write(b"more")
        return really_read(*arguments)

    monkeypatch.setattr(reader, "read", read_slowly)
    with pytest.raises(PhotoError) as caught:
        decode(path, 8)
    assert caught.value.reason is Reason.CHANGED


def test_a_disk_that_fails_is_not_the_photos_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(encoded(noise(), "JPEG"))

    def fail(*arguments: object) -> object:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(reader, "_read", fail)
    with pytest.raises(PhotoError) as caught:
        decode(path, 8)
    assert caught.value.reason is Reason.UNREADABLE


def test_isolation_is_for_every_decoder_but_two() -> None:
    from imgsearch.decode.formats import FAMILIES

    assert {name for name, family in FAMILIES.items() if not family.isolated} == {"JPEG", "PNG"}
    assert HEIF.isolated
