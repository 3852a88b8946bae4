"""Hostile files: bombs, and files that crash, hang or exhaust their decoder. None harms another."""

from __future__ import annotations

import os
import random
import re
import socket
import struct
import subprocess
import sys
import textwrap
import time
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import get_type_hints

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgsearch.decode.decoders import decode_in_process
from imgsearch.decode.formats import FORMATS_BY_NAME
from imgsearch.decode.headers import jpeg_work
from imgsearch.decode.pool import DecoderPool
from imgsearch.decode.reader import InProcessLimits, decode, decode_bytes, decode_file
from imgsearch.decode.request import DecodeRequest
from imgsearch.decode.worker import DecodedReply, receive_message, send_message
from imgsearch.errors import ImgsearchError, PhotoError, Reason
from imgsearch.records.files import Decoded
from imgsearch.records.photo import Facts
from tests.factories import encoded, heic, noise

PROMPT_S = 30  # on however busy a machine; what these tests rule out takes minutes


def refused(data: bytes, max_megapixels: float = 200) -> PhotoError:
    with pytest.raises(PhotoError) as caught:
        decode_bytes(data, 64, max_megapixels)
    return caught.value


# ---------------------------------------------------------------------------- decoder processes

FAKE_HEIF = """
import os, signal, time
from PIL import Image

class options:
    pass

def HeifImageFile(file):
    action = file.read()[12:]
    if action == b"crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if action == b"hang":
        time.sleep(600)
    if action == b"hold":
        with open(os.environ["FAKE_HEIF_FIFO"]) as fifo:
            fifo.read()
    if action == b"exhaust":
        bytearray(10 << 30)
    if action == b"exit":
        os._exit(0)
    if action == b"write":
        with open(os.environ["FAKE_HEIF_WRITES"], "w") as out:
            out.write("I was here")
    return Image.new("RGB", (8, 8), (1, 2, 3))
"""


def heic_that_says(action: str) -> bytes:
    return b"\0\0\0\x0cftypheic" + action.encode()


@pytest.fixture
def fake_heif(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Replaces the HEIC decoder of new processes by one that does what the file says."""
    (tmp_path / "fakes").mkdir()
    (tmp_path / "fakes" / "pillow_heif.py").write_text(FAKE_HEIF)
    monkeypatch.syspath_prepend(tmp_path / "fakes")
    monkeypatch.setenv("FAKE_HEIF_WRITES", str(tmp_path / "written"))
    monkeypatch.setenv("FAKE_HEIF_FIFO", str(tmp_path / "fifo"))


def attempt(action: str, pool: DecoderPool) -> Decoded:
    return decode_bytes(heic_that_says(action), 8, pool=pool)


@pytest.mark.parametrize(("action", "message"), [("crash", "SIGSEGV"), ("exit", "crashed")])
def test_a_crash_fails_one_file_only(fake_heif: None, action: str, message: str) -> None:
    with DecoderPool() as pool:
        with pytest.raises(PhotoError, match=message) as caught:
            attempt(action, pool)
        assert caught.value.reason is Reason.CRASHED
        assert attempt("fine", pool)


def test_a_hanging_decoder_is_stopped(fake_heif: None) -> None:
    with DecoderPool(time_limit_s=0.5) as pool:
        begin = time.monotonic()
        with pytest.raises(PhotoError) as caught:
            attempt("hang", pool)
        assert caught.value.reason is Reason.TIMED_OUT
        assert time.monotonic() - begin < PROMPT_S
        assert pool.idle_process_ids == ()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux enforces RLIMIT_AS")
def test_memory_is_limited(fake_heif: None) -> None:
    with DecoderPool() as pool:
        with pytest.raises(PhotoError, match="memory") as caught:
            attempt("exhaust", pool)
        assert caught.value.reason is Reason.TOO_LARGE
        assert attempt("fine", pool)


def test_a_compromised_decoder_cannot_write_files(fake_heif: None, tmp_path: Path) -> None:
    with DecoderPool() as pool, pytest.raises(PhotoError):
        attempt("write", pool)
    assert (tmp_path / "written").read_text() == ""


def test_crashes_do_not_affect_other_threads(fake_heif: None) -> None:
    with DecoderPool() as pool:

        def reason(number: int) -> Reason | None:
            try:
                attempt("crash" if number % 5 == 2 else "fine", pool)
            except PhotoError as error:
                return error.reason
            return None

        with ThreadPoolExecutor(8) as threads:
            reasons = list(threads.map(reason, range(20)))
    crashed = [number for number, reason in enumerate(reasons) if reason is Reason.CRASHED]
    assert crashed == [2, 7, 12, 17]
    assert set(reasons) == {None, Reason.CRASHED}


def test_a_process_that_does_not_start_is_not_the_photos_fault() -> None:
    with DecoderPool(python="/bin/false") as pool, pytest.raises(ImgsearchError) as caught:
        decode_bytes(encoded(noise(), "GIF"), 8, pool=pool)
    assert not isinstance(caught.value, PhotoError)
    assert "/bin/false -P -m imgsearch.decode.worker" in str(caught.value)


def test_processes_are_reused_and_then_replaced() -> None:
    gif = encoded(noise(), "GIF")
    ids = []
    with DecoderPool(files_per_process=3) as pool:
        for _ in range(6):
            decode_bytes(gif, 8, pool=pool)
            ids.append(pool.idle_process_ids)
    assert ids[0] == ids[1] != () and ids[2] == ()
    assert ids[3] == ids[4] not in ((), ids[0]) and ids[5] == ()


def test_a_process_that_has_ended_is_replaced() -> None:
    if sys.platform != "linux":
        pytest.skip("needs Linux")
    gif = encoded(noise(), "GIF")
    with DecoderPool() as pool:
        decode_bytes(gif, 8, pool=pool)
        (first,) = pool.idle_process_ids
        os.kill(first, 9)
        os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)
        assert decode_bytes(gif, 8, pool=pool).image
        (second,) = pool.idle_process_ids
        assert second != first
        os.kill(second, 9)  # it may or may not have ended when the file is sent
        assert decode_bytes(gif, 8, pool=pool).image


def test_processes_end_with_their_parent() -> None:
    code = """
        import io, os, sys
        from PIL import Image
        from imgsearch.decode.pool import shared_pool
        from imgsearch.decode.reader import decode_bytes
        data = io.BytesIO(); Image.new("RGB", (9, 9)).save(data, "GIF")
        decode_bytes(data.getvalue(), 4)
        print(*shared_pool().idle_process_ids, flush=True)
        os.kill(os.getpid(), 9)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True
    )
    process_id = int(done.stdout)
    for _ in range(600):
        if not is_alive(process_id):
            return
        time.sleep(0.05)
    pytest.fail("the decoder process outlived its parent")


def is_alive(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
        stat = Path(f"/proc/{process_id}/stat")
        return not stat.exists() or stat.read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except ProcessLookupError:
        return False


def test_a_file_that_changes_while_it_is_read_is_noticed(fake_heif: None, tmp_path: Path) -> None:
    """The decoder waits in the middle of the file until the test has changed it."""
    if sys.platform == "win32":
        pytest.skip("needs Unix")
    photo, fifo = tmp_path / "growing.heic", tmp_path / "fifo"
    photo.write_bytes(heic_that_says("hold"))
    os.mkfifo(fifo)
    with DecoderPool() as pool, ThreadPoolExecutor(1) as threads:
        decoding = threads.submit(decode, photo, 4, pool=pool)
        # The FIFO opens here once the decoder has opened it, which is in the middle of the photo.
        with fifo.open("w"), photo.open("ab") as file:
            file.write(b"more")
        with pytest.raises(PhotoError) as caught:
            decoding.result()
    assert caught.value.reason is Reason.CHANGED


def any_facts() -> st.SearchStrategy[Facts]:
    """Facts with any value in any field."""
    by_type = {
        int: st.integers(0, 1 << 40),
        float | None: st.none() | st.floats(allow_nan=False),
        datetime | None: st.none() | st.datetimes(timezones=st.none() | st.just(UTC)),
    }
    types = get_type_hints(Facts)
    fields = {name: by_type.get(kind, st.from_type(kind)) for name, kind in types.items()}
    return st.fixed_dictionaries(fields).map(lambda values: Facts(**values))


@given(any_facts())
def test_every_fact_survives_the_trip_between_processes(facts: Facts) -> None:
    worker, parent = socket.socketpair()
    with worker, parent:
        send_message(worker, DecodedReply([(1, 1)], (), facts))
        assert receive_message(parent, DecodedReply).facts == facts


@pytest.mark.parametrize(
    "change", [{"sizes_px": []}, {"facts": {"format": "JPEG"}}, {"times_s": ["now"]}]
)
def test_a_malformed_reply_is_refused(change: dict[str, object]) -> None:
    reply = DecodedReply([(1, 1)], (), Facts("JPEG", 1, 1))
    worker, parent = socket.socketpair()
    with worker, parent:
        send_message(worker, msgspec.to_builtins(reply) | change)
        with pytest.raises(ValueError, match=r"Expected|missing"):
            receive_message(parent, DecodedReply)


def test_every_decoder_but_two_runs_in_its_own_process() -> None:
    in_process = {name for name, form in FORMATS_BY_NAME.items() if not form.isolated}
    assert in_process == {"JPEG", "PNG"}


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
def test_a_huge_declared_size_is_refused_at_once(make: Callable[[], bytes]) -> None:
    begin = time.monotonic()
    reason = refused(make()).reason
    assert reason in (Reason.TOO_LARGE, Reason.DAMAGED)  # AVIF's own decoder notices the lie first
    assert time.monotonic() - begin < PROMPT_S


def flat_png(width_px: int, height_px: int) -> bytes:
    """A real bomb: thousands of pixels per byte."""
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


def test_no_setting_is_advised_for_a_size_that_no_photo_has() -> None:
    possible, absurd = (bytearray(encoded(noise(), "BMP")) for _ in range(2))
    possible[18:26] = struct.pack("<ii", 20_000, 20_000)
    absurd[18:26] = struct.pack("<ii", 300_000, 300_000)
    assert "raise max_megapixels" in str(refused(bytes(possible)))
    error = refused(bytes(absurd))
    assert error.reason is Reason.TOO_LARGE
    assert str(error) == (
        "Its header gives 300000 × 300000 pixels (90000 megapixels), more than any photo has."
    )
    assert "raise max_megapixels" not in str(refused(bytes(absurd), max_megapixels=5000))


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_real_bomb_below_the_limit_takes_little_memory_in_this_process(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(flat_png(10_000, 10_000))
    assert path.stat().st_size < 200_000
    code = f"""
        import pathlib, re
        from imgsearch.decode.reader import decode
        image = decode(pathlib.Path({str(path)!r}), 256).image
        status = pathlib.Path("/proc/self/status").read_text()
        print(min(image.size), re.search(r"VmHWM:\\s+(\\d+) kB", status)[1])
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True
    )
    side, kilobytes = map(int, done.stdout.split())
    assert side >= 256
    assert kilobytes < 120_000, "a decoder process held the 100 megapixels"


def test_a_text_bomb_in_a_png_is_left_out_promptly() -> None:
    png = encoded(noise(), "PNG")
    body = b"Comment\0\0" + zlib.compress(bytes(100 << 20), 9)
    chunk = (
        struct.pack(">I", len(body))
        + b"zTXt"
        + body
        + struct.pack(">I", zlib.crc32(b"zTXt" + body))
    )
    begin = time.monotonic()
    assert decode_bytes(png[:33] + chunk + png[33:], 64).image.size == (64, 64)
    assert time.monotonic() - begin < PROMPT_S


def png_with_text(name: bytes, text: bytes) -> bytes:
    png, body = encoded(noise(), "PNG"), name + b"\0\0" + zlib.compress(text)
    check = struct.pack(">I", zlib.crc32(b"zTXt" + body))
    return png[:33] + struct.pack(">I", len(body)) + b"zTXt" + body + check + png[33:]


@pytest.mark.parametrize(
    "data",
    [
        png_with_text(b"Raw profile type exif", b" " * 1_000_000),
        png_with_text(b"Raw profile type exif", b"exif 1 " + b"4 " * 490_000),
        png_with_text(b"Keywords", b"a," * 500_000),
        png_with_text(b"Creation Time", b"1 " * 500_000),
        encoded(noise(), "GIF")[:-1] + b"\x21\xff\x0bXMP DataXMP" * 600_000,
    ],
    ids=["blanks", "digits", "keywords", "date", "XMP in a GIF"],
)
def test_long_texts_take_little_time(data: bytes) -> None:
    begin = time.monotonic()
    assert decode_bytes(data, 32).facts.taken_at is None
    assert time.monotonic() - begin < PROMPT_S


def test_a_gif_of_very_many_frames_and_a_circular_tiff_are_read() -> None:
    gif = encoded(noise(), "GIF", save_all=True, append_images=[noise()] * 2, loop=0)
    frame = gif[gif.index(b"\x2c", 800) : -1]
    assert decode_bytes(gif[:-1] + frame * 2000, 32).image
    tiff = bytearray(encoded(noise(), "TIFF"))
    (first,) = struct.unpack_from("<I", tiff, 4)
    (count,) = struct.unpack_from("<H", tiff, first)
    struct.pack_into("<I", tiff, first + 2 + 12 * count, first)
    assert decode_bytes(bytes(tiff), 32).image


def test_only_the_first_of_very_many_tiff_pages_is_read() -> None:
    first = encoded(noise(), "TIFF")
    (at,) = struct.unpack_from("<I", first, 4)
    (count,) = struct.unpack_from("<H", first, at)
    chain = bytearray(first)
    struct.pack_into("<I", chain, at + 2 + 12 * count, len(first))
    page = struct.pack("<HHHII", 1, 256, 3, 1, 64)
    for _ in range(100_000):
        chain += page + struct.pack("<I", len(chain) + len(page) + 4)
    begin = time.monotonic()
    assert decode_bytes(bytes(chain), 32).image.size == (32, 32)
    assert time.monotonic() - begin < PROMPT_S


@pytest.mark.parametrize("format_name", ["PNG", "WEBP"])
def test_huge_metadata_takes_little_time(format_name: str) -> None:
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
            assert decode_bytes(data, 32).facts.taken_at is None
        except PhotoError as error:
            assert error.reason is Reason.DAMAGED
        assert time.monotonic() - begin < PROMPT_S


def test_a_jpeg_of_very_many_scans_is_recognised() -> None:
    plain, progressive = encoded(noise(512), "JPEG"), encoded(noise(512), "JPEG", progressive=True)
    assert jpeg_work(BytesIO(plain)) == (0, 0)
    held, scanned = jpeg_work(BytesIO(progressive))
    assert held == pytest.approx(512 * 512 / 1e6)
    assert 3 * held <= scanned <= 20 * held
    last_scan = progressive.rindex(b"\xff\xda")
    bomb = progressive[:last_scan] + progressive[last_scan:-2] * 3000 + b"\xff\xd9"
    assert jpeg_work(BytesIO(bomb)).scanned > 2000 * held


def test_a_jpeg_beyond_the_limits_is_decoded_in_another_process() -> None:
    progressive = encoded(noise(256), "JPEG", progressive=True)
    work = jpeg_work(BytesIO(progressive))
    below = InProcessLimits(megapixels=work.held, scanned_megapixels=work.scanned)
    beyond = (
        InProcessLimits(megapixels=work.held / 2),
        InProcessLimits(scanned_megapixels=work.scanned / 2),
        InProcessLimits(file_bytes=len(progressive) - 1),
    )
    with DecoderPool() as pool:
        assert decode_bytes(progressive, 64, pool=pool, limits=below).image
        assert pool.idle_process_ids == ()
    for limits in beyond:
        with DecoderPool() as pool:
            assert decode_bytes(progressive, 64, pool=pool, limits=limits).image
            assert len(pool.idle_process_ids) == 1


def test_a_jpeg_of_endless_segments_is_recognised() -> None:
    endless = b"\xff\xd8" + b"\xff\xe3\x00\x02" * 5000 + encoded(noise(), "JPEG")[2:]
    assert jpeg_work(BytesIO(endless)).scanned > 1e9
    assert decode_bytes(endless, 32).image


# ---------------------------------------------------------------------------- lies and accidents


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "AVIF",
                                         "JPEG2000", "HEIF"])  # fmt: skip
@pytest.mark.parametrize("share", [0.02, 0.3, 0.7, 0.97])
def test_a_truncated_file_is_refused(format_name: str, share: float) -> None:
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


# What Python, and not a decoder, says about wrong data.
PYTHONS_OWN_WORDS = re.compile(
    r"unpack|buffer|b'|b\"|index|NoneType| object |argument|attribute|literal|codec|KeyError|"
    r"Error\(|operand|<|\[|\\"
)


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "GIF", "WEBP", "BMP", "DIB", "PPM", "TIFF",
                                         "AVIF", "JPEG2000", "HEIF"])  # fmt: skip
def test_no_message_shows_the_inside_of_python(format_name: str) -> None:
    data = heic(noise(32)) if format_name == "HEIF" else encoded(noise(32), format_name)
    image_format = FORMATS_BY_NAME[format_name]
    chance = random.Random(1)
    damaged = [data[:at] for at in range(1, min(len(data), 260), 3)]
    for _ in range(100):
        changed = bytearray(data)
        for _ in range(chance.randint(1, 4)):
            changed[chance.randrange(min(len(data), 260))] = chance.choice((0, 1, 127, 255))
        damaged.append(bytes(changed))
    messages = set()
    for each in damaged:
        try:
            decode_in_process(BytesIO(each), image_format, DecodeRequest(16, 20))
        except PhotoError as error:
            messages.add(str(error))
    assert messages
    assert [text for text in messages if PYTHONS_OWN_WORDS.search(text)] == []


def test_a_file_that_is_two_formats_is_read_as_the_first() -> None:
    data = encoded(noise(), "JPEG") + encoded(noise(), "PNG") + b"PK\x03\x04<html><script>"
    assert decode_bytes(data, 16).facts.format == "JPEG"


class FailingDisk(BytesIO):
    """A file whose disk fails some way into it."""

    def read(self, size: int | None = -1) -> bytes:
        if self.tell() >= 1000:
            raise OSError(5, "Input/output error")
        return super().read(size)


def test_a_failing_disk_is_not_a_damaged_photo() -> None:
    for format_name in ("JPEG", "PNG"):
        file = FailingDisk(encoded(noise(512), format_name))
        with pytest.raises(PhotoError) as caught:
            decode_file(file, "photo", DecodeRequest(64, 200))
        assert caught.value.reason is Reason.UNREADABLE
