"""Writes a strip of photos as a picture, an animation or a video.

A video takes any number of photos. Of an animation, Pillow has all frames in memory at once, and
of a picture the whole sheet: both have a limit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from io import BytesIO
from itertools import groupby
from pathlib import Path
from typing import IO, Literal, TypeAlias

from msgspec import Struct
from PIL import Image, ImageDraw, ImageFont

from imgsearch.errors import MissingPackage, PhotoError, UsageError
from imgsearch.features.strips.records import StripPeriod, StripReport
from imgsearch.installation import install_command
from imgsearch.outputs.new_place import new_place

StripSuffix: TypeAlias = Literal["jpg", "png", "webp", "mp4"]
# Makes a WebP of a photo: its id, the long side in pixels and the moment of a video.
PictureSource = Callable[[int, int, float | None], bytes | None]

_PAPER, _INK, _GAP = (17, 24, 39), (243, 244, 246), (55, 65, 81)
_ROW_PX, _LABEL_PX, _MARGIN_PX, _GAP_WIDTH_PX = 320, 40, 8, 96  # of a sheet
_SHEET_WIDTH_PX = 4096
_MAX_ON_SHEET = 400  # photos: 150 MB while it is drawn
_FRAME_PX = (720, 540)
_MAX_FRAMES = 300  # of an animation: 350 MB while it is written
_PHOTO_MS, _GAP_MS = 1000, 400
_FRAMES_PER_S = 5


class StripFrame(Struct, frozen=True):
    """One picture of a strip; without one, a gap between others."""

    label: str
    picture: Image.Image | None


class _Frames:
    """The pictures of a strip in their order, and the photos that have none."""

    def __init__(self, strip: Sequence[StripPeriod], picture_of: PictureSource) -> None:
        self._strip = strip
        self._picture_of = picture_of
        self.photos = 0
        self.missing: list[Path] = []

    def read(self, side_px: int) -> Iterator[StripFrame]:
        """Yield each photo, and one gap for consecutive periods without a picture."""
        for is_gap, group in groupby(self._strip, lambda period: period.best is None):
            periods = list(group)
            if is_gap:
                names = dict.fromkeys((periods[0].period, periods[-1].period))
                yield StripFrame(" to ".join(names), None)
                continue
            for period in periods:
                picture = self._open(period, side_px)
                if picture is not None:
                    self.photos += 1
                    yield StripFrame(period.period, picture)

    def _open(self, period: StripPeriod, side_px: int) -> Image.Image | None:
        hit = period.best
        assert hit is not None
        try:
            content = self._picture_of(hit.photo.id, side_px, hit.at_s)
        except PhotoError:
            content = None
        if content is None:
            self.missing.append(hit.path)
            return None
        with Image.open(BytesIO(content), formats=("WEBP",)) as image:
            return image.convert("RGB")


def write_strip(
    strip: Sequence[StripPeriod], place: Path, picture_of: PictureSource
) -> StripReport:
    """Write a strip to a new file, by the end of its name. Raises as `Strips.save`."""
    kind = _kind_of(strip, place.suffix.lower(), place.name)
    frames = _Frames(strip, picture_of)
    with new_place(place) as part, part.open("xb") as file:
        kind.write(frames, file)
    return StripReport(place, frames.photos, tuple(frames.missing))


def strip_bytes(
    strip: Sequence[StripPeriod], suffix: StripSuffix, picture_of: PictureSource
) -> bytes:
    """Return the same as the content of a file."""
    kind, file = _kind_of(strip, f".{suffix}", suffix), BytesIO()
    kind.write(_Frames(strip, picture_of), file)
    return file.getvalue()


def _kind_of(strip: Sequence[StripPeriod], suffix: str, name: str) -> _Kind:
    """Return the kind of file with this end of its name.

    Raises UsageError where it cannot be written.
    """
    kind = _KINDS.get(suffix)
    if kind is None:
        raise UsageError(
            f"A strip is written as {', '.join(_KINDS)}, not as {name!r}. Choose another end "
            "of the name."
        )
    photos = sum(period.best is not None for period in strip)
    if not photos:
        raise UsageError("The strip has no photos, so there is nothing to write.")
    if kind.most_photos is not None and photos > kind.most_photos:
        raise UsageError(
            f"Such a file holds {kind.most_photos} photos of a strip, and this one has {photos}. "
            "Write a video (.mp4), or choose years in place of months."
        )
    return kind


# ------------------------------------------------------------------------- a picture


def _write_sheet(frames: _Frames, file: IO[bytes], image_format: str) -> None:
    rows: list[list[Image.Image]] = [[]]
    width_px = 0
    for frame in frames.read(2 * _ROW_PX):
        cell = _cell(frame)
        if rows[-1] and width_px + cell.width > _SHEET_WIDTH_PX:
            rows.append([])
            width_px = 0
        rows[-1].append(cell)
        width_px += cell.width + _MARGIN_PX
    widths_px = [sum(cell.width + _MARGIN_PX for cell in row) + _MARGIN_PX for row in rows]
    height_px = _ROW_PX + _LABEL_PX + _MARGIN_PX
    sheet = Image.new("RGB", (max(widths_px), height_px * len(rows) + _MARGIN_PX), _PAPER)
    for number, row in enumerate(rows):
        x_px = _MARGIN_PX
        for cell in row:
            sheet.paste(cell, (x_px, number * height_px + _MARGIN_PX))
            x_px += cell.width + _MARGIN_PX
    sheet.save(file, image_format, quality=88)


def _cell(frame: StripFrame) -> Image.Image:
    """Return a picture of the height of a row with its label below."""
    picture = frame.picture
    if picture is None:
        picture = Image.new("RGB", (_GAP_WIDTH_PX, _ROW_PX), _GAP)
    else:
        scale = _ROW_PX / picture.height
        width_px = min(max(round(picture.width * scale), _GAP_WIDTH_PX), 4 * _ROW_PX)
        picture = picture.resize((width_px, _ROW_PX), Image.Resampling.LANCZOS)
    font = ImageFont.load_default(26 if frame.picture is not None else 15)
    left, _, right, _ = font.getbbox(frame.label)
    width_px = max(picture.width, round(right - left))
    cell = Image.new("RGB", (width_px, _ROW_PX + _LABEL_PX), _PAPER)
    cell.paste(picture, ((width_px - picture.width) // 2, 0))
    at_px = (width_px / 2, _ROW_PX + _LABEL_PX / 2)
    ImageDraw.Draw(cell).text(at_px, frame.label, fill=_INK, font=font, anchor="mm")
    return cell


# ------------------------------------------------------------------------- one after the other


def _drawn(frame: StripFrame) -> Image.Image:
    """Return the whole frame of an animation: the picture, with its label in a corner."""
    width_px, height_px = _FRAME_PX
    drawn = Image.new("RGB", _FRAME_PX, _PAPER)
    if frame.picture is not None:
        scale = min(width_px / frame.picture.width, height_px / frame.picture.height)
        size = [max(1, round(px * scale)) for px in frame.picture.size]
        picture = frame.picture.resize((size[0], size[1]), Image.Resampling.LANCZOS)
        drawn.paste(picture, ((width_px - size[0]) // 2, (height_px - size[1]) // 2))
    draw = ImageDraw.Draw(drawn)
    font = ImageFont.load_default(44)
    at_px = (24, height_px - 24) if frame.picture is not None else (width_px / 2, height_px / 2)
    anchor = "lb" if frame.picture is not None else "mm"
    draw.text(
        at_px, frame.label, fill=_INK, font=font, anchor=anchor, stroke_width=3, stroke_fill=_PAPER
    )
    return drawn


def _write_animation(frames: _Frames, file: IO[bytes]) -> None:
    durations_ms: list[int] = []

    def images() -> Iterator[Image.Image]:
        for frame in frames.read(max(_FRAME_PX)):
            durations_ms.append(_PHOTO_MS if frame.picture is not None else _GAP_MS)
            yield _drawn(frame)

    drawn = images()
    first = next(drawn)
    # Pillow reads the durations after it has taken all images, so the list is whole by then.
    first.save(
        file, "WEBP", save_all=True, append_images=drawn, duration=durations_ms, loop=0, quality=80
    )


def _write_video(frames: _Frames, file: IO[bytes]) -> None:
    try:
        import av
    except ImportError:
        raise MissingPackage(
            f"A video needs more packages: {install_command('video')}. An animation (.webp) does "
            "not."
        ) from None
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=_FRAMES_PER_S)
        stream.width, stream.height = _FRAME_PX
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, _FRAMES_PER_S)
        for frame in frames.read(max(_FRAME_PX)):
            shown = av.VideoFrame.from_image(_drawn(frame))
            shown_ms = _PHOTO_MS if frame.picture is not None else _GAP_MS
            for _ in range(shown_ms * _FRAMES_PER_S // 1000):
                container.mux(stream.encode(shown))
        container.mux(stream.encode(None))


class _Kind(Struct, frozen=True):
    """One kind of file: what writes it, and how many photos it takes; None is no limit."""

    write: Callable[[_Frames, IO[bytes]], None]
    most_photos: int | None = None


_KINDS = {
    ".jpg": _Kind(lambda frames, file: _write_sheet(frames, file, "JPEG"), _MAX_ON_SHEET),
    ".png": _Kind(lambda frames, file: _write_sheet(frames, file, "PNG"), _MAX_ON_SHEET),
    ".webp": _Kind(_write_animation, _MAX_FRAMES),
    ".mp4": _Kind(_write_video),
}
