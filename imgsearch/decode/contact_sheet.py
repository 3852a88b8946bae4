"""Draws contact sheets: small pictures with captions, on the pages of a PDF or in one JPEG."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from io import BytesIO
from itertools import islice

from msgspec import Struct
from PIL import Image, ImageDraw, ImageFont

from imgsearch.text import printable

# A4 at 150 pixels an inch.
PAGE_PX = (1240, 1754)
RESOLUTION_DPI = 150
COLUMNS, ROWS = 4, 5  # of a page
MARGIN_PX, GAP_PX = 70, 24
CELL_PX = (257, 224)  # of a picture; its caption is below it
CAPTION_PX, LINE_PX, TEXT_PX, TITLE_PX = 56, 24, 18, 30
TITLE_ROOM_PX = 60
QUALITY = 88
INK, PALE, PAPER = (31, 41, 55), (90, 99, 112), (255, 255, 255)
# Pillow's own font has the letters of English. These have more, where a system has them; of a text
# in which some are missing everywhere, boxes stand for these.
_FONTS = (
    "DejaVuSans.ttf",
    "LiberationSans-Regular.ttf",
    "NotoSans-Regular.ttf",
    "arial.ttf",
    "Arial Unicode.ttf",
    "NotoSansCJK-Regular.ttc",
    "DroidSansFallbackFull.ttf",
    "wqy-microhei.ttc",
    "msyh.ttc",
    "Hiragino Sans GB.ttc",
)
_NO_LETTER = "\U0010ffff"  # no font has it


class SheetPhoto(Struct, frozen=True):
    """A photo of a contact sheet: its picture, a WebP, and two lines below it."""

    picture: bytes
    name: str
    about: str


def pdf_sheet(title: str, photos: Iterable[SheetPhoto]) -> bytes:
    """Return a PDF of A4 pages with 20 photos each.

    One page is in memory at a time besides the file.
    """
    file = BytesIO()
    left = iter(photos)
    pages = iter(lambda: tuple(islice(left, COLUMNS * ROWS)), ())
    for number, on_page in enumerate(pages, 1):
        page = Image.new("RGB", PAGE_PX, PAPER)
        draw = ImageDraw.Draw(page)
        _write(draw, (MARGIN_PX, 56), title, TITLE_PX, INK, PAGE_PX[0] - 2 * MARGIN_PX - 60)
        _write(draw, (PAGE_PX[0] - MARGIN_PX - 40, 62), str(number), TEXT_PX, PALE, 40)
        _place(page, on_page, COLUMNS, MARGIN_PX + TITLE_ROOM_PX)
        page.save(
            file,
            "PDF",
            append=number > 1,
            resolution=RESOLUTION_DPI,
            quality=QUALITY,
            title=title,
            producer="imgsearch",
        )
    return file.getvalue()


def jpeg_sheet(title: str, photos: Sequence[SheetPhoto]) -> bytes:
    """Return one JPEG of these photos, about as wide as it is high."""
    columns = max(1, math.ceil(math.sqrt(len(photos))))
    rows = math.ceil(len(photos) / columns)
    width = 2 * MARGIN_PX + columns * CELL_PX[0] + (columns - 1) * GAP_PX
    height = 2 * MARGIN_PX + TITLE_ROOM_PX + rows * (CELL_PX[1] + CAPTION_PX + GAP_PX)
    sheet = Image.new("RGB", (max(width, 480), height), PAPER)
    _write(
        ImageDraw.Draw(sheet), (MARGIN_PX, 56), title, TITLE_PX, INK, sheet.width - 2 * MARGIN_PX
    )
    _place(sheet, photos, columns, MARGIN_PX + TITLE_ROOM_PX)
    file = BytesIO()
    sheet.save(file, "JPEG", quality=QUALITY)
    return file.getvalue()


def _place(sheet: Image.Image, photos: Iterable[SheetPhoto], columns: int, top: int) -> None:
    """Draw the photos in rows, from this height on."""
    draw = ImageDraw.Draw(sheet)
    for number, photo in enumerate(photos):
        row, column = divmod(number, columns)
        x = MARGIN_PX + column * (CELL_PX[0] + GAP_PX)
        y = top + row * (CELL_PX[1] + CAPTION_PX + GAP_PX)
        with Image.open(BytesIO(photo.picture), formats=("WEBP",)) as opened:
            picture = opened.convert("RGB")
        picture.thumbnail(CELL_PX)
        place = (x + (CELL_PX[0] - picture.width) // 2, y + CELL_PX[1] - picture.height)
        sheet.paste(picture, place)
        _write(draw, (x, y + CELL_PX[1] + 6), photo.name, TEXT_PX, INK, CELL_PX[0])
        _write(draw, (x, y + CELL_PX[1] + 6 + LINE_PX), photo.about, TEXT_PX, PALE, CELL_PX[0])


def _write(
    draw: ImageDraw.ImageDraw,
    place: tuple[int, int],
    text: str,
    size_px: int,
    ink: tuple[int, int, int],
    width_px: int,
) -> None:
    """Write a line, shortened in the middle to this width: names often differ at their end."""
    shown = printable(text)
    font = _font_for(shown, size_px)
    for short in _shorter(shown):
        if font.getlength(short) <= width_px:
            draw.text(place, short, ink, font)
            return


def _shorter(text: str) -> Iterator[str]:
    yield text
    for length in range(len(text) - 1, 0, -1):
        end = length // 2
        yield f"{text[: length - end]}…{text[len(text) - end :]}"


def _font_for(text: str, size_px: int) -> ImageFont.FreeTypeFont:
    """Return the font that lacks the fewest letters of a text; Pillow's own if that lacks none."""
    return min(_fonts(size_px), key=lambda font: _lacking(font, text))


@cache
def _fonts(size_px: int) -> tuple[ImageFont.FreeTypeFont, ...]:
    found = []
    for name in _FONTS:
        try:
            found.append(ImageFont.truetype(name, size_px))
        except OSError:
            continue  # this system does not have it
    own = ImageFont.load_default(size_px)
    assert isinstance(own, ImageFont.FreeTypeFont), "Pillow is built with FreeType"
    return (own, *found)


def _lacking(font: ImageFont.FreeTypeFont, text: str) -> int:
    """Return how many different letters of a text a font does not have."""
    missing = bytes(font.getmask(_NO_LETTER))
    return sum(bytes(font.getmask(letter)) == missing for letter in set(text) - {" "})
