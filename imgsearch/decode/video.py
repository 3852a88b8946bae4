"""Reads a few frames of a video through FFmpeg (PyAV), and what its container tells.

Frames are evenly spaced. For each the reader jumps to the key frame before it, and takes that one
if it is near enough: most cameras write one a second. Only where key frames are far apart it
decodes on from there, and only so much in all that no video costs more than a few seconds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from fractions import Fraction
from math import ceil
from typing import TYPE_CHECKING, BinaryIO

from imgsearch.decode import colour
from imgsearch.decode.formats import HEAD_BYTES, VIDEO, video_form
from imgsearch.decode.metadata import (
    MetadataSource,
    camera_name,
    iso_datetime,
    merge_metadata,
)
from imgsearch.decode.pixels import upright_srgb
from imgsearch.decode.request import DecodeRequest, photo_error
from imgsearch.errors import PhotoError, Reason
from imgsearch.records.files import Decoded
from imgsearch.records.photo import Facts

if TYPE_CHECKING:
    import av
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream
    from PIL.Image import Image

FRAMES = 12  # of a video, at most
STEP_S = 2.0  # between frames, at least
_BUDGET_MEGAPIXELS = 1_500  # decoded on the way from key frames: some seconds on one core
_EXACT_S = 0.002  # times are rounded when they are stored
_ORIENTATION_OF_TURN = {90: 8, -90: 6, 180: 3, -180: 3, 270: 6, -270: 8}  # anticlockwise -> EXIF's
_FIRST_YEAR = 1990  # cameras without a clock write 1904 or 1970
_ISO_6709 = re.compile(r"([+-]\d{2,6}(?:\.\d+)?)([+-]\d{3,7}(?:\.\d+)?)")


def read(file: BinaryIO, request: DecodeRequest) -> Decoded:
    """Decode frames of a video, the one in the middle first. Raises what PyAV raises."""
    import av

    file.seek(0)
    form = video_form(file.read(HEAD_BYTES))
    file.seek(0)
    try:
        # The form is named, as FFmpeg's own guess may be a playlist, which opens other files.
        with av.open(
            file, "r", format=form, io_open=_refuse, metadata_errors="ignore"
        ) as container:
            return _Clip(container, _picture(container)).decoded(request)
    except av.FFmpegError as error:
        raise _refusal(error) from error


def _refuse(*what: object) -> None:
    raise PermissionError("A video may open no other file.")


def _refusal(error: av.FFmpegError) -> PhotoError:
    """FFmpeg's numbers are those of the disk, whatever was wrong; so only its words are used."""
    return photo_error(ValueError(error.strerror or str(error)), "video")


def _picture(container: InputContainer) -> VideoStream:
    """The stream with moving pictures; the cover of a piece of music is none."""
    from av.stream import Disposition

    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:
            return stream
    raise PhotoError(Reason.NOT_AN_IMAGE, "It has sound, but no picture.")


class _Clip:
    """An open video. Times are in seconds from its first frame."""

    def __init__(self, container: InputContainer, stream: VideoStream) -> None:
        self._container = container
        self._stream = stream
        self._base = stream.time_base or Fraction(1, 1000)
        self._start = stream.start_time or 0
        self._budget = float(_BUDGET_MEGAPIXELS)
        self._decoding: Iterator[VideoFrame] = iter(())
        self._at_s = -1.0
        self._is_sparse = False  # key frames are further apart than what is looked for
        stream.codec_context.thread_count = 1  # as many workers as cores

    def decoded(self, request: DecodeRequest) -> Decoded:
        """The frames that were asked for, and the facts."""
        request.check(self._stream.codec_context.width, self._stream.codec_context.height)
        found = list(self._frames(request))
        if not found:
            raise PhotoError(Reason.DAMAGED, "The video has no frame that can be decoded.")
        middle = len(found) // 2
        ordered = [found[middle], *found[:middle], *found[middle + 1 :]]
        images = [image for _, image, _ in ordered]
        times_s = tuple(time_s for time_s, _, _ in ordered)
        return Decoded(images[0], self._facts(ordered[0][2]), tuple(images[1:]), times_s)

    def _frames(self, request: DecodeRequest) -> Iterator[tuple[float, Image, tuple[int, int]]]:
        """Time, upright image, and size of the upright frame, by time."""
        targets = _targets(self._duration_s(), request)
        slack_s = _EXACT_S if request.at_s is not None else _step_s(targets) / 2
        last_s = -1.0
        for target_s in targets:
            frame = self._frame_near(target_s, slack_s)
            if frame is None:
                continue
            time_s = self._time_s(frame)
            if time_s > last_s:
                last_s = time_s
                yield time_s, *self._image(frame, request)

    def _frame_near(self, target_s: float, slack_s: float) -> VideoFrame | None:
        """The first frame from `slack_s` before the target on; else the last; else None."""
        if self._is_sparse and self._budget > 0:
            frame = self._first_from(target_s - slack_s)
            if frame is not None:
                return frame
        offset = self._start + int(target_s / self._base)
        # Some forms have no list of key frames: a jump may land where none follows. Then from the
        # beginning, which is a little before the time at which its first frame is shown.
        for start in (offset, self._start - int(1 / self._base)):
            frame = self._first_from(target_s - slack_s, jump_to=start)
            if frame is not None:
                return frame
        return None

    def _first_from(self, from_s: float, jump_to: int | None = None) -> VideoFrame | None:
        """The first frame from a time on, read from where the last one was or after a jump."""
        import av

        frame, was_at_s = None, self._at_s
        try:
            if jump_to is not None:
                self._container.seek(jump_to, stream=self._stream)
                self._decoding = self._container.decode(self._stream)
            for frame in self._decoding:
                self._at_s = self._time_s(frame)
                self._is_sparse |= self._at_s < was_at_s  # jumped back: going on had been less work
                was_at_s = -1.0
                self._budget -= frame.width * frame.height / 1e6
                if self._at_s >= from_s or self._budget <= 0:
                    return frame
        except av.FFmpegError:
            pass  # damaged here: what was decoded so far will do, or another target has a frame
        return frame

    def _time_s(self, frame: VideoFrame) -> float:
        return round(max(0.0, float(((frame.pts or 0) - self._start) * self._base)), 3)

    def _duration_s(self) -> float | None:
        if self._stream.duration:
            return float(self._stream.duration * self._base)
        return self._container.duration / 1e6 if self._container.duration else None

    def _image(self, frame: VideoFrame, request: DecodeRequest) -> tuple[Image, tuple[int, int]]:
        """A frame upright, in sRGB, not much larger than was asked, its pixels made square."""
        shape = self._stream.sample_aspect_ratio or Fraction(1)
        wide = Fraction(1) if not Fraction(1, 4) <= shape <= 4 else shape
        whole = (max(1, round(frame.width * wide)), frame.height)
        request.check(*whole)
        scale = min(1.0, request.side_px / min(whole))
        small = [max(1, ceil(side * scale)) for side in whole]
        size = {"width": small[0], "height": small[1], "interpolation": "AREA"}
        image: Image = frame.to_image(**size)
        points = (int(frame.color_primaries), int(frame.color_trc))
        profile = colour.profile_of_code_points(points)
        if profile is not None:
            image.info["icc_profile"] = profile
        orientation = _ORIENTATION_OF_TURN.get(frame.rotation, 1)
        size_px = (whole[1], whole[0]) if orientation >= 5 else whole
        return upright_srgb(image, orientation, request), size_px

    def _facts(self, size_px: tuple[int, int]) -> Facts:
        tags = {**self._stream.metadata, **self._container.metadata}
        facts = replace(Facts(VIDEO.name, *size_px), duration_s=self._duration_s())
        return merge_metadata(facts, [read_container_tags(tags)])


def _targets(duration_s: float | None, request: DecodeRequest) -> Sequence[float]:
    """Where frames are looked for: one for each part of equal length, in the middle of it."""
    if request.at_s is not None:
        return [request.at_s]
    if duration_s is None:
        return [STEP_S * place for place in range(FRAMES if request.all_frames else 1)]
    if not request.all_frames:
        return [duration_s / 2]
    count = max(1, min(FRAMES, ceil(duration_s / STEP_S)))
    return [duration_s * (place + 0.5) / count for place in range(count)]


def _step_s(targets: Sequence[float]) -> float:
    return targets[1] - targets[0] if len(targets) > 1 else STEP_S


# ---------------------------------------------------------------------------- metadata


def read_container_tags(tags: Mapping[str, str]) -> MetadataSource:
    """The facts in a container's tags: Apple's, Android's, or those of ISO base media files."""

    def first(*names: str) -> str | None:
        return next((tags[name] for name in names if tags.get(name)), None)

    apple = "com.apple.quicktime."
    # Apple's date has the local time with its offset; the other is always in UTC.
    taken_at = _date(first(apple + "creationdate")) or _date(first("creation_time"))
    make = first(apple + "make", "make", "com.android.manufacturer")
    model = first(apple + "model", "model", "com.android.model")
    lat, lon = _coordinates(first(apple + "location.ISO6709", "location", "location-eng"))
    camera = camera_name(make, model)
    return MetadataSource("video", {"taken_at": taken_at, "camera": camera, "lat": lat, "lon": lon})


def _date(text: str | None) -> datetime | None:
    date = iso_datetime(text)
    return date if date is not None and date.year >= _FIRST_YEAR else None


def _coordinates(text: str | None) -> tuple[float, float] | tuple[None, None]:
    """Latitude and longitude from ISO 6709, "+48.8577+002.2950/".

    Each is degrees, degrees and minutes, or degrees, minutes and seconds. A position of exactly
    0, 0 is what devices without one write.
    """
    match = _ISO_6709.match(text.strip()) if text else None
    if match is None:
        return None, None
    lat, lon = _degrees(match[1], 2), _degrees(match[2], 3)
    if abs(lat) > 90 or abs(lon) > 180 or (lat, lon) == (0, 0):
        return None, None
    return lat, lon


def _degrees(text: str, digits: int) -> float:
    """Signed degrees from a coordinate whose whole degrees have so many `digits`."""
    whole, point, fraction = text[1:].partition(".")
    parts = [whole[:digits], *(whole[at : at + 2] for at in range(digits, len(whole), 2))]
    parts[-1] += point + fraction
    value: float = sum(float(part) / 60.0**power for power, part in enumerate(parts))
    return -value if text[0] == "-" else value
