"""Decodes a few frames of a video through FFmpeg (PyAV), and reads the tags of its container.

Frames are evenly spaced. For each, the decoder jumps to the key frame before it, and takes that one
if it is near enough: most cameras write one per second. Only where key frames are far apart does it
decode onwards from there, within a budget, so that no video takes more than a few seconds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from fractions import Fraction
from itertools import islice
from math import ceil
from typing import Any, BinaryIO

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from msgspec import Struct
from msgspec.structs import replace
from PIL.Image import Image

from imgsearch.decode import colour
from imgsearch.decode.avchd import read_camcorder_data
from imgsearch.decode.embedded import xmp_in_video
from imgsearch.decode.formats import HEAD_BYTES, VIDEO, video_container
from imgsearch.decode.metadata import MetadataSource, camera_name, merge_metadata, written_datetime
from imgsearch.decode.pixels import upright_srgb
from imgsearch.decode.request import DecodeRequest, photo_error
from imgsearch.decode.xmp import read_xmp
from imgsearch.errors import PhotoError, Reason
from imgsearch.records.files import Decoded
from imgsearch.records.photo import Facts

MAX_FRAMES = 12  # embedded of one video
MIN_STEP_S = 2.0  # between frames
BUDGET_MEGAPIXELS = 1_500  # decoded on the way from key frames: some seconds on one core
_EXACT_S = 0.002  # stored times are rounded to milliseconds
_ORIENTATION_OF_TURN = {90: 8, -90: 6, 180: 3, -180: 3, 270: 6, -270: 8}  # anticlockwise -> EXIF's
# Bytes of tags that are not UTF-8 are surrogates, from PyAV 19 on always, and before if asked for.
_TAG_ERRORS: dict[str, Any] = (
    {} if int(av.__version__.partition(".")[0]) >= 19 else {"metadata_errors": "surrogateescape"}
)
_FIRST_PACKETS = 50  # up to the first key frame, which a clip may not begin with
_FIRST_YEAR = 1990  # cameras without a clock write 1904 or 1970
_ISO_6709 = re.compile(r"([+-]\d{2,6}(?:\.\d+)?)([+-]\d{3,7}(?:\.\d+)?)")


def decode_video(
    file: BinaryIO, request: DecodeRequest, budget_megapixels: float = BUDGET_MEGAPIXELS
) -> Decoded:
    """Decode frames of a video, the one in the middle first. Raises what PyAV raises.

    Once the frames decoded so far have `budget_megapixels` together, the remaining ones are taken
    from wherever the decoder is.
    """
    file.seek(0)
    container_format = video_container(file.read(HEAD_BYTES))
    xmp = read_xmp(xmp_in_video(file))
    file.seek(0)
    try:
        # The format is given, since FFmpeg might detect a playlist, which opens other files.
        with av.open(
            file, "r", format=container_format, io_open=_refuse_open, **_TAG_ERRORS
        ) as container:
            clip = _Clip(container, _video_stream(container), budget_megapixels)
            return clip.decode(request, xmp)
    except av.FFmpegError as error:
        # FFmpeg reports any failure with the numbers of disk errors, so only its words are used.
        raise photo_error(ValueError(error.strerror or str(error)), "video") from error


def _refuse_open(*_: object) -> None:
    raise PermissionError("A video must not open other files.")


def _video_stream(container: InputContainer) -> VideoStream:
    """Return the stream of moving pictures, which the cover image of a song is not."""
    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:
            if stream.codec_context is None:
                raise PhotoError(Reason.UNSUPPORTED, "No decoder is known for this kind of video.")
            return stream
    raise PhotoError(Reason.NOT_AN_IMAGE, "It has sound, but no picture.")


class _Frame(Struct, frozen=True):
    """One decoded frame. `size_px` is that of the whole frame, upright."""

    time_s: float
    image: Image
    size_px: tuple[int, int]


class _Clip:
    """An open video. Times are in seconds from its first frame."""

    def __init__(
        self, container: InputContainer, stream: VideoStream, budget_megapixels: float
    ) -> None:
        self._container = container
        self._stream = stream
        self._time_base = stream.time_base or Fraction(1, 1000)
        self._start = stream.start_time or 0
        self._budget_megapixels = budget_megapixels
        self._decoding: Iterator[VideoFrame] = iter(())
        self._at_s = -1.0
        self._is_sparse = False  # key frames are further apart than the frames to decode
        stream.codec_context.thread_count = 1  # there are as many processes as cores

    def decode(self, request: DecodeRequest, xmp: MetadataSource) -> Decoded:
        """Return the requested frames and the facts, the container's first, then those of XMP."""
        request.check_size(self._stream.codec_context.width, self._stream.codec_context.height)
        frames = list(self._frames(request))
        if not frames:
            raise PhotoError(Reason.DAMAGED, "The video has no frame that can be decoded.")
        middle = len(frames) // 2
        first, *others = [frames[middle], *frames[:middle], *frames[middle + 1 :]]
        return Decoded(
            first.image,
            self._facts(first.size_px, xmp),
            tuple(frame.image for frame in others),
            tuple(frame.time_s for frame in (first, *others)),
        )

    def _frames(self, request: DecodeRequest) -> Iterator[_Frame]:
        """Yield the requested frames in order of time; none twice."""
        targets_s = _target_times(self._duration_s(), request)
        tolerance_s = _EXACT_S if request.at_s is not None else _step_s(targets_s) / 2
        last_s = -1.0
        for target_s in targets_s:
            frame = self._frame_near(target_s, tolerance_s)
            if frame is None:
                continue
            time_s = self._time_s(frame)
            if time_s > last_s:
                last_s = time_s
                yield self._convert(frame, time_s, request)

    def _frame_near(self, target_s: float, tolerance_s: float) -> VideoFrame | None:
        """Return the first frame from `tolerance_s` before the target on.

        Else the last; else None.
        """
        from_s = target_s - tolerance_s
        if self._is_sparse and self._budget_megapixels > 0:
            frame = self._first_frame_from(from_s)
            if frame is not None:
                return frame
        offset = self._start + int(target_s / self._time_base)
        # Some containers have no list of key frames, and a jump may land where none follows. Then
        # from the beginning, which is a little before the time at which the first frame is shown.
        for start in (offset, self._before_start):
            frame = self._first_frame_from(from_s, jump_to=start)
            if frame is not None:
                return frame
        return None

    @property
    def _before_start(self) -> int:
        """A jump to the first frame itself may end behind it."""
        return self._start - int(1 / self._time_base)

    def _first_frame_from(self, from_s: float, jump_to: int | None = None) -> VideoFrame | None:
        """Return the first frame from a time on, decoding from the last one or after a jump."""
        frame, was_at_s = None, self._at_s
        try:
            if jump_to is not None:
                self._container.seek(jump_to, stream=self._stream)
                self._decoding = self._container.decode(self._stream)
            for frame in self._decoding:
                self._at_s = self._time_s(frame)
                # It jumped back: decoding onwards would have been less work.
                self._is_sparse |= self._at_s < was_at_s
                was_at_s = -1.0
                self._budget_megapixels -= frame.width * frame.height / 1e6
                if self._at_s >= from_s or self._budget_megapixels <= 0:
                    return frame
        except av.FFmpegError:
            pass  # damaged here: the last decoded frame will do, or there are other targets
        return frame

    def _time_s(self, frame: VideoFrame) -> float:
        return round(max(0.0, float(((frame.pts or 0) - self._start) * self._time_base)), 3)

    def _duration_s(self) -> float | None:
        if self._stream.duration:
            return float(self._stream.duration * self._time_base)
        return self._container.duration / 1e6 if self._container.duration else None

    def _convert(self, frame: VideoFrame, time_s: float, request: DecodeRequest) -> _Frame:
        """Return the frame upright, in sRGB, with square pixels, scaled to about a side."""
        pixel_aspect = self._stream.sample_aspect_ratio or Fraction(1)
        if not Fraction(1, 4) <= pixel_aspect <= 4:  # not plausible
            pixel_aspect = Fraction(1)
        whole_px = (max(1, round(frame.width * pixel_aspect)), frame.height)
        request.check_size(*whole_px)
        scale = min(1.0, request.min_side_px / min(whole_px))
        width_px, height_px = (max(1, ceil(side * scale)) for side in whole_px)
        image: Image = frame.to_image(width=width_px, height=height_px, interpolation="AREA")
        code_points = (int(frame.color_primaries), int(frame.color_trc))
        profile = colour.profile_of_code_points(code_points)
        if profile is not None:
            image.info["icc_profile"] = profile
        orientation = _ORIENTATION_OF_TURN.get(frame.rotation, 1)
        size_px = (whole_px[1], whole_px[0]) if orientation >= 5 else whole_px
        return _Frame(time_s, upright_srgb(image, orientation, request.min_side_px), size_px)

    def _facts(self, size_px: tuple[int, int], xmp: MetadataSource) -> Facts:
        tags = {
            name: text.encode("utf-8", "ignore").decode()  # without surrogates
            for name, text in {**self._stream.metadata, **self._container.metadata}.items()
        }
        facts = replace(Facts(VIDEO.name, *size_px), duration_s=self._duration_s())
        return merge_metadata(facts, [read_container_tags(tags), self._camcorder_data(), xmp])

    def _camcorder_data(self) -> MetadataSource:
        """Read the camcorder's data from the first frames of an AVCHD clip."""
        if self._container.format.name == "mpegts" and self._stream.codec_context.name == "h264":
            with suppress(av.FFmpegError):
                self._container.seek(self._before_start, stream=self._stream)
                for packet in islice(self._container.demux(self._stream), _FIRST_PACKETS):
                    found = read_camcorder_data(bytes(packet))
                    if found.facts:
                        return found
        return MetadataSource("video", {})


def _target_times(duration_s: float | None, request: DecodeRequest) -> Sequence[float]:
    """Return the times of the frames to decode: the middles of parts of equal length."""
    if request.at_s is not None:
        return [request.at_s]
    if duration_s is None:
        return [MIN_STEP_S * number for number in range(MAX_FRAMES if request.all_frames else 1)]
    if not request.all_frames:
        return [duration_s / 2]
    count = max(1, min(MAX_FRAMES, ceil(duration_s / MIN_STEP_S)))
    return [duration_s * (number + 0.5) / count for number in range(count)]


def _step_s(targets_s: Sequence[float]) -> float:
    return targets_s[1] - targets_s[0] if len(targets_s) > 1 else MIN_STEP_S


# ---------------------------------------------------------------------------- metadata


def read_container_tags(tags: Mapping[str, str]) -> MetadataSource:
    """Return the facts in a container's tags: Apple's, Android's, or of ISO base media files."""

    def first(*names: str) -> str | None:
        return next((tags[name] for name in names if tags.get(name)), None)

    apple = "com.apple.quicktime."
    # Apple's date has the local time with its offset; the other is always in UTC.
    dates = (first(name) for name in (apple + "creationdate", "creation_time", "date"))
    taken_at = next(filter(None, map(_date, dates)), None)
    make = first(apple + "make", "make", "com.android.manufacturer")
    model = first(apple + "model", "model", "com.android.model")
    lat, lon = _coordinates(first(apple + "location.ISO6709", "location", "location-eng"))
    camera = camera_name(make, model)
    return MetadataSource("video", {"taken_at": taken_at, "camera": camera, "lat": lat, "lon": lon})


def _date(text: str | None) -> datetime | None:
    date = written_datetime(text)
    return date if date is not None and date.year >= _FIRST_YEAR else None


def _coordinates(text: str | None) -> tuple[float, float] | tuple[None, None]:
    """Return latitude and longitude from ISO 6709, "+48.8577+002.2950/".

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
    """Return signed degrees from a coordinate whose whole degrees have so many `digits`."""
    whole, point, fraction = text[1:].partition(".")
    parts = [whole[:digits], *(whole[at : at + 2] for at in range(digits, len(whole), 2))]
    parts[-1] += point + fraction
    value: float = sum(float(part) / 60.0**power for power, part in enumerate(parts))
    return -value if text[0] == "-" else value
