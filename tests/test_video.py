"""Videos: their frames and times, finding a moment, and hostile files."""

from __future__ import annotations

import json
import os
import random
import struct
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from io import BytesIO
from pathlib import Path

import av
import pytest
from PIL import Image

from imgsearch import Library, Settings
from imgsearch.decode.avchd import read_camcorder_data
from imgsearch.decode.formats import FORMATS_BY_NAME, format_of
from imgsearch.decode.reader import decode, decode_bytes, read_facts
from imgsearch.decode.request import DecodeRequest
from imgsearch.decode.video import MAX_FRAMES, decode_video, read_container_tags
from imgsearch.errors import PhotoError, Reason
from imgsearch.text import clock
from tests.clips import CODECS, avchd, video
from tests.factories import BLUE, GREEN, RED, WHITE, assert_quarters, scene

# ---------------------------------------------------------------------------- formats


@pytest.mark.parametrize("suffix", CODECS)
def test_every_container_is_known_and_read(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"clip.{suffix}"
    path.write_bytes(video([scene(128, 96)], 2.0, suffix))
    assert f".{suffix}" in FORMATS_BY_NAME["VIDEO"].suffixes
    decoded = decode(path, 64)
    assert_quarters(decoded.image, within=24)
    facts = decoded.facts
    assert (facts.format, facts.width_px, facts.height_px) == ("VIDEO", 128, 96)
    is_estimate = suffix == "mpg"  # the container does not store it
    assert facts.duration_s == pytest.approx(2.0, abs=1.0 if is_estimate else 0.2)
    assert min(decoded.image.size) >= 64, "at least twice the side"


def test_files_that_begin_like_a_video_keep_their_format() -> None:
    assert format_of(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(40)) is FORMATS_BY_NAME["HEIF"]
    assert format_of(b"\0\0\0\x18ftypM4A \0\0\0\0" + bytes(48), "song.jpg") is None
    assert format_of(b"GIF89a" + bytes(58), "a.gif") is FORMATS_BY_NAME["GIF"]
    assert format_of(b"Gutenberg" + bytes(55), "a.jpg") is None
    assert format_of(b"RIFF\0\0\0\0WAVE" + bytes(52), "a.avi") is None


# ISO 14496-12: the matrix is a b u c d v x y w. A quarter turn to the left maps (x, y) to (y, -x),
# with y pointing down.
@pytest.mark.parametrize(
    ("turn", "matrix", "wanted"),
    [
        (90, (0, -1, 1, 0), [GREEN, WHITE, RED, BLUE]),
        (-90, (0, 1, -1, 0), [BLUE, RED, WHITE, GREEN]),
        (180, (-1, 0, 0, -1), [WHITE, BLUE, GREEN, RED]),
    ],
)
def test_frames_are_upright(
    turn: int, matrix: tuple[int, ...], wanted: list[tuple[int, int, int]]
) -> None:
    content = video([scene(128, 64)], 1.0, turn=turn)
    at = content.index(b"tkhd") + 44
    a, b, _, c, d = struct.unpack_from(">5i", content, at)
    assert (a >> 16, b >> 16, c >> 16, d >> 16) == matrix
    decoded = decode_bytes(content, 64)
    assert_quarters(decoded.image, wanted, within=24)
    sides = (64, 128) if abs(turn) == 90 else (128, 64)
    assert (decoded.facts.width_px, decoded.facts.height_px) == sides == decoded.image.size


# ---------------------------------------------------------------------------- frames


@pytest.mark.parametrize("key_every", [5, 1000])
def test_frames_are_spread_over_the_whole_video(key_every: int, tmp_path: Path) -> None:
    colours = [Image.new("RGB", (64, 64), (20 * n, 0, 255 - 20 * n)) for n in range(12)]
    path = tmp_path / "clip.mp4"
    path.write_bytes(video(colours, 2.0, key_every=key_every))
    decoded = decode(path, 64, all_frames=True)
    images = [decoded.image, *decoded.others]
    assert len(images) == len(decoded.times_s) == MAX_FRAMES
    assert 10 <= decoded.times_s[0] <= 14, "the frame in the middle comes first"
    for image, time_s in zip(images, decoded.times_s, strict=True):
        seen = image.getpixel((32, 32))
        assert isinstance(seen, tuple)
        assert abs(seen[0] - 20 * int(time_s / 2)) <= 14, (time_s, seen)
    others = decoded.times_s[1:]
    assert list(others) == sorted(others)
    for time_s in decoded.times_s:
        again = decode(path, 64, at_s=time_s)
        assert (again.times_s, again.others) == ((time_s,), ())


def test_a_video_of_a_single_frame(tmp_path: Path) -> None:
    path = tmp_path / "clip.mov"
    path.write_bytes(video([scene()], 0.1, "mov"))
    decoded = decode(path, 64, all_frames=True)
    assert (decoded.times_s, decoded.others) == ((0.0,), ())


def test_decoding_a_long_video_of_one_key_frame_stays_within_the_budget(tmp_path: Path) -> None:
    content = video([Image.new("RGB", (64, 64), "red"), Image.new("RGB", (64, 64), "blue")], 30.0)
    request = DecodeRequest(64, 200, all_frames=True)
    decoded = decode_video(BytesIO(content), request, 1.0)  # megapixels: some 250 of 600 frames
    assert 1 <= len(decoded.times_s) < MAX_FRAMES
    assert max(decoded.times_s) < 30


# ---------------------------------------------------------------------------- facts


def test_apple_tags(tmp_path: Path) -> None:
    tags = {
        "creation_time": "2023-05-06T07:08:09.000000Z",
        "com.apple.quicktime.creationdate": "2023-05-06T09:08:09+0200",
        "com.apple.quicktime.make": "Apple",
        "com.apple.quicktime.model": "iPhone 14",
        "com.apple.quicktime.location.ISO6709": "+48.8577-002.2950+035.000/",
    }
    path = tmp_path / "IMG_1234.MOV"
    path.write_bytes(video([scene()], 1.0, "mov", tags=tags))
    facts = read_facts(path)
    assert facts.taken_at == datetime(2023, 5, 6, 9, 8, 9, tzinfo=timezone(timedelta(hours=2)))
    assert (facts.dated_by, facts.camera) == ("video", "Apple iPhone 14")
    assert (facts.lat, facts.lon) == (48.8577, -2.295)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("+48.8577+002.2950/", (48.8577, 2.295)),
        ("-3330.5+15115.25/", (-(33 + 30.5 / 60), 151 + 15.25 / 60)),
        ("+404321-0740040/", (40 + 43 / 60 + 21 / 3600, -(74 + 40 / 3600))),
        ("+00.0000+000.0000/", None),
        ("+99.0000+002.0000/", None),
        ("nowhere", None),
    ],
)
def test_coordinates_in_iso_6709(text: str, place: tuple[float, float] | None) -> None:
    facts = read_container_tags({"location": text}).facts
    lat, lon = place or (None, None)
    assert (facts.get("lat"), facts.get("lon")) == pytest.approx((lat, lon))


def test_what_is_not_utf_8_in_a_tag_is_left_out(tmp_path: Path) -> None:
    tags = {"com.apple.quicktime.make": "Can~~on", "com.apple.quicktime.model": "EOS"}
    content = video([scene()], 1.0, "mov", tags=tags)
    assert content.count(b"Can~~on") == 1
    clip = tmp_path / "clip.mov"
    clip.write_bytes(content.replace(b"Can~~on", b"Can\xff\xfeon"))
    assert read_facts(clip).camera == "Canon EOS"


def test_a_camera_without_a_clock_has_no_date() -> None:
    for text in ("1904-01-01T00:00:00.000000Z", "soon"):
        assert "taken_at" not in read_container_tags({"creation_time": text}).facts
    android = read_container_tags({"creation_time": "2024-02-03T04:05:06.000000Z"}).facts
    assert android["taken_at"] == datetime(2024, 2, 3, 4, 5, 6, tzinfo=UTC)
    older = {"creation_time": "1904-01-01T00:00:00.000000Z", "date": "2009:08:07 06:05:04"}
    assert read_container_tags(older).facts["taken_at"] == datetime(2009, 8, 7, 6, 5, 4)


# ---------------------------------------------------------------------------- search


@pytest.fixture(scope="module")
def clips(demo_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """A video with a cat from second 4 on and coffee from second 8 on, among photos of others."""
    folder = tmp_path_factory.mktemp("clips")
    names = ["brick.png", "chelsea.png", "coffee.png", "gravel.png"]
    for path in demo_photos.iterdir():
        if path.name not in names:
            (folder / path.name).write_bytes(path.read_bytes())
    shown = [Image.open(demo_photos / name).convert("RGB").resize((320, 240)) for name in names]
    (folder / "clip.mp4").write_bytes(video(shown, 4.0))
    settings = Settings.load(data_dir=tmp_path_factory.mktemp("clips-library"), encoder="lite")
    with Library.open(settings) as opened:
        opened.index([folder]).run()
        yield opened


@pytest.mark.parametrize(("text", "from_s"), [("a cat", 4), ("a cup of coffee", 8)])
def test_the_right_moment_is_found(clips: Library, text: str, from_s: int) -> None:
    hits = clips.search(text, k=40)
    assert hits[0].path.name == "clip.mp4"
    assert hits[0].at_s is not None and from_s <= hits[0].at_s < from_s + 4
    assert len(hits) == clips.photo_count() and all(hit.at_s is None for hit in hits[1:])
    shown = clips.pictures.thumbnail(hits[0].photo.id, 96, hits[0].at_s)
    middle = clips.pictures.thumbnail(hits[0].photo.id, 96)
    assert shown is not None and middle is not None
    like = clips.search(image=hits[0].path, k=1)
    assert like[0].photo.id != hits[0].photo.id, "the example itself is left out"
    assert Image.open(BytesIO(shown)).size == (96, 72)


def test_sorting_by_path_keeps_the_moment(clips: Library) -> None:
    hits = clips.search("a cat sort:path", k=3)
    (clip,) = [hit for hit in hits if hit.path.name == "clip.mp4"]
    assert clip.at_s is not None and 4 <= clip.at_s < 8


def test_type_video_filters(clips: Library) -> None:
    (only,) = clips.search("type:video")
    assert only.path.name == "clip.mp4" and only.score is None and only.at_s is None
    assert only.photo.facts.duration_s == pytest.approx(16.0)
    assert len(clips.search("-type:video", k=50)) == clips.photo_count() - 1


def test_the_command_shows_the_moment(clips: Library) -> None:
    command = [sys.executable, "-m", "imgsearch", "search", "a cat", "-k", "1"]
    command += ["--data", str(clips.settings.data_dir)]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    (record,) = json.loads(subprocess.run([*command, "--json"], capture_output=True).stdout)["hits"]
    assert 4 <= record["at_s"] < 8
    assert f"clip.mp4 @ {clock(record['at_s'])}" in output


def test_times_are_written_like_a_clock() -> None:
    assert [clock(s) for s in (0, 12.9, 75, 3723)] == ["0:00", "0:12", "1:15", "1:02:03"]


# ---------------------------------------------------------------------------- refusals


def test_without_its_package_a_video_is_refused_and_the_extra_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(video([scene()], 0.5))
    monkeypatch.setitem(sys.modules, "av", None)  # not found, even if it is installed
    with pytest.raises(PhotoError, match=r"\[video\]") as caught:
        decode(path, 64)
    assert caught.value.reason is Reason.UNSUPPORTED


def test_sound_without_a_picture_is_refused(tmp_path: Path) -> None:
    buffer = BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=8000)
        frame = av.AudioFrame(format="fltp", layout="mono", samples=1024)
        frame.sample_rate, frame.pts = 8000, 0
        frame.planes[0].update(bytes(frame.planes[0].buffer_size))
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    path = tmp_path / "sound.mp4"
    path.write_bytes(buffer.getvalue())
    with pytest.raises(PhotoError) as caught:
        decode(path, 64)
    assert caught.value.reason is Reason.NOT_AN_IMAGE


def test_a_playlist_cannot_open_other_files(tmp_path: Path) -> None:
    (tmp_path / "secret.mp4").write_bytes(video([scene()], 0.5))
    lists = {
        "hls.mp4": b"#EXTM3U\n#EXTINF:1,\nsecret.mp4\n#EXT-X-ENDLIST\n",
        "concat.mp4": b"ffconcat version 1.0\nfile secret.mp4\n",
    }
    for name, content in lists.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(PhotoError) as caught:
            decode(tmp_path / name, 64)
        assert caught.value.reason is Reason.NOT_AN_IMAGE


def test_a_video_that_is_too_large_is_refused_by_its_header(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(video([scene(640, 480)], 0.5))
    with pytest.raises(PhotoError) as caught:
        decode(path, 64, max_megapixels=0.1)
    assert caught.value.reason is Reason.TOO_LARGE


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "avi", "mts", "wmv"])
def test_damaged_videos_are_read_or_refused(suffix: str, tmp_path: Path) -> None:
    whole = video([scene(), scene().rotate(180)], 1.0, suffix)
    chance = random.Random(5)
    path = tmp_path / f"clip.{suffix}"
    reasons = set()
    for turn in range(12):
        content = bytearray(whole[: len(whole) * (turn + 1) // 13] if turn < 4 else whole)
        for _ in range(0 if turn < 4 else 40):
            content[chance.randrange(len(content))] = chance.randrange(256)
        path.write_bytes(content)
        try:
            decoded = decode(path, 64, all_frames=True)
            assert len(decoded.times_s) == 1 + len(decoded.others) <= MAX_FRAMES
        except PhotoError as error:
            reasons.add(error.reason)
    assert reasons <= {Reason.DAMAGED, Reason.TRUNCATED, Reason.NOT_AN_IMAGE, Reason.TOO_LARGE,
                       Reason.UNSUPPORTED}, reasons  # fmt: skip


def test_a_pipe_named_like_a_video_is_not_opened(tmp_path: Path) -> None:
    if sys.platform == "win32":
        pytest.skip("needs Unix")
    os.mkfifo(tmp_path / "clip.mp4")
    with pytest.raises(PhotoError) as caught:
        decode(tmp_path / "clip.mp4", 64)
    assert caught.value.reason is Reason.UNREADABLE


# What a camcorder writes into the frames, in hexadecimal, and the date in it.
DATED_FRAMES: list[tuple[str, datetime | None]] = [
    ("0d00000001 1804201907 1914151600", datetime(2019, 7, 14, 15, 16)),
    ("1804200001 1901000000", datetime(2000, 1, 1)),
    ("182b201907 1914151600 e001080000", datetime(2019, 7, 14, 15, 16)),  # summer time
    ("1804201907", None),
    ("18042019aa 1914151600", None),
    ("1804201913 1914151600", None),
    ("1800000000 1900000000", None),
    ("", None),
]


@pytest.mark.parametrize(("entries", "date"), DATED_FRAMES)
def test_a_camcorder_writes_its_date_into_the_frames(
    tmp_path: Path, entries: str, date: datetime | None
) -> None:
    path = tmp_path / "00001.mts"
    path.write_bytes(avchd(bytes.fromhex(entries), scene()))
    facts = read_facts(path)
    assert facts.taken_at == date and facts.dated_by == ("video" if date else None)


@pytest.mark.needs("exiftool")
@pytest.mark.parametrize(("entries", "date"), [each for each in DATED_FRAMES if each[1]])
def test_exiftool_reads_the_same_date_in_the_frames(
    tmp_path: Path, entries: str, date: datetime
) -> None:
    path = tmp_path / "00001.mts"
    path.write_bytes(avchd(bytes.fromhex(entries), scene()))
    command = ["exiftool", "-s3", "-d", "%Y-%m-%d %H:%M:%S", "-H264:DateTimeOriginal", str(path)]
    theirs = subprocess.run(command, capture_output=True, text=True).stdout
    assert theirs.startswith(str(date)), theirs


def test_a_camcorders_data_may_be_damaged_anywhere(tmp_path: Path) -> None:
    whole = (
        bytes.fromhex("17ee8c60f84d11d98cd60800200c9a66")
        + b"MDPM\x02"
        + bytes.fromhex("1804201907 1914151600")
    )
    for length in range(len(whole)):
        assert read_camcorder_data(whole[:length]).facts == {}
    found = read_camcorder_data(b"\0" * 100 + whole)
    assert found.facts["taken_at"] == datetime(2019, 7, 14, 15, 16)
