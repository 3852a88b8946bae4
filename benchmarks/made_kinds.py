"""Draws screenshots and documents, in two halves that share no design.

The first half is for choosing numbers, the second for measuring them once. Each design is drawn
with other fonts, colours, texts and sizes each time. Of the screenshots, a third were sent on: they
are JPEG files of an odd size. Of the documents, half are scans, and half photographed at an angle,
with shadow and noise, on a table. File names say nothing but for a share that is asked for.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

Design = Callable[["_Sheet"], None]
_Colour: TypeAlias = tuple[int, ...]

_PHONES = ((1080, 2340), (1170, 2532), (1080, 1920), (750, 1334), (1440, 3120), (1284, 2778))
_DESKTOPS = ((1920, 1080), (1366, 768), (2560, 1440), (1440, 900), (1280, 800))
_TEXT = (
    "the of and to in is that it was for on are as with his they at be this from have or by one "
    "had not but what all were when we there can an your which their said if do will each about "
    "how up out them then she many some so these would other into has more her two like him see "
    "time could no make than first been its who now people my made over did down only way find "
    "use may water long little very after words called just where most know total amount date "
    "invoice address name account order delivery payment contract reference office street"
)
_WORDS = _TEXT.split()
_SANS = ("DejaVuSans.ttf", "LiberationSans-Regular.ttf", "DejaVuSansCondensed.ttf")
_SERIF = ("DejaVuSerif.ttf", "LiberationSerif-Regular.ttf", "LiberationSans-Regular.ttf")
_MONO = ("DejaVuSansMono.ttf", "LiberationMono-Regular.ttf")
_SCREEN_NAMES = (
    "Screenshot_2023{0:04}-1{1:05}.png",
    "Bildschirmfoto 2022-{0:04} um {1:05}.png",
    "Screen Shot 2021-{0:04} at {1:05}.png",
)
_PAPER_NAMES = (
    "Scan {0:04}{1:05}.jpg",
    "CamScanner {0:04}-{1:05}.jpg",
    "Rechnung {0:04}{1:05}.jpg",
)


class _Sheet:
    """A picture that is being drawn, with a random state of its own."""

    def __init__(self, size: tuple[int, int], rng: random.Random, photos: Sequence[Path]) -> None:
        self.rng = rng
        self.is_dark = rng.random() < 0.35
        self.paper = (24, 26, 30) if self.is_dark else (250, 250, rng.randint(244, 252))
        self.ink = (225, 226, 230) if self.is_dark else (25, 25, 30)
        self.accent = tuple(rng.randint(30, 220) for _ in range(3))
        self.image = Image.new("RGB", size, self.paper)
        self.draw = ImageDraw.Draw(self.image)
        self.width, self.height = size
        self.unit = min(size) / 100
        self._photos = photos

    def font(self, names: Sequence[str], units: float) -> ImageFont.FreeTypeFont:
        return ImageFont.truetype(self.rng.choice(names), max(8, int(units * self.unit)))

    def words(self, count: int) -> str:
        return " ".join(self.rng.choice(_WORDS) for _ in range(count))

    def text(
        self,
        x: float,
        y: float,
        text: str,
        font: ImageFont.FreeTypeFont,
        fill: _Colour | None = None,
    ) -> None:
        self.draw.text((x, y), text, font=font, fill=fill or self.ink)

    def paragraph(
        self,
        x: float,
        y: float,
        width: float,
        lines: int,
        font: ImageFont.FreeTypeFont,
        fill: _Colour | None = None,
    ) -> float:
        """Draw lines of words; returns where they end."""
        step = font.size * 1.4
        for line in range(lines):
            text = self.words(40)
            share = 1.0 if line < lines - 1 else self.rng.uniform(0.3, 0.9)
            while font.getlength(text) > width * share and " " in text:
                text = text.rpartition(" ")[0]
            self.text(x, y, text, font, fill)
            y += step
        return y

    def photo(self, left: float, top: float, width: float, height: float) -> None:
        """Put a photo into the picture, cropped to this size."""
        with Image.open(self.rng.choice(self._photos)) as photo:
            pasted = photo.convert("RGB").resize((int(width), int(height)))
        self.image.paste(pasted, (int(left), int(top)))

    def status_bar(self) -> None:
        """The line at the top of a phone's screen."""
        font, u = self.font(_SANS, 3.4), self.unit
        self.text(4 * u, 2 * u, f"{self.rng.randint(0, 23)}:{self.rng.randint(10, 59)}", font)
        for number in range(3):
            left = self.width - (16 - 5 * number) * u
            self.draw.rectangle((left, 2.4 * u, left + 3.4 * u, 5.2 * u), fill=self.ink)


# ------------------------------------------------------------------------- screens, first half


def _chat(sheet: _Sheet) -> None:
    u, font = sheet.unit, sheet.font(_SANS, 4.2)
    sheet.status_bar()
    sheet.draw.rectangle((0, 8 * u, sheet.width, 22 * u), fill=sheet.accent)
    sheet.draw.ellipse((4 * u, 10 * u, 14 * u, 20 * u), fill=sheet.paper)
    sheet.text(18 * u, 12 * u, sheet.words(2).title(), font, (255, 255, 255))
    y = 26 * u
    while y < sheet.height - 30 * u:
        lines, own = sheet.rng.randint(1, 4), sheet.rng.random() < 0.5
        left = sheet.width * (0.25 if own else 0.04)
        box = (left, y, left + sheet.width * 0.7, y + (lines * 6 + 4) * u)
        sheet.draw.rounded_rectangle(box, 3 * u, fill=sheet.accent if own else (128, 130, 135))
        sheet.paragraph(left + 3 * u, y + 2 * u, sheet.width * 0.62, lines, font, (255, 255, 255))
        y = box[3] + 3 * u
    sheet.draw.rounded_rectangle(
        (4 * u, sheet.height - 16 * u, sheet.width - 4 * u, sheet.height - 5 * u),
        5 * u,
        outline=sheet.ink,
    )


def _settings(sheet: _Sheet) -> None:
    u = sheet.unit
    sheet.status_bar()
    sheet.text(5 * u, 12 * u, sheet.words(1).title(), sheet.font(_SANS, 8))
    large, small, y = sheet.font(_SANS, 4.4), sheet.font(_SANS, 3.2), 30 * u
    while y < sheet.height - 10 * u:
        sheet.draw.rounded_rectangle((4 * u, y, 12 * u, y + 8 * u), 2 * u, fill=sheet.accent)
        sheet.text(16 * u, y - u, sheet.words(2).title(), large)
        sheet.text(16 * u, y + 5 * u, sheet.words(4), small, (130, 130, 135))
        if sheet.rng.random() < 0.5:
            box = (86 * u, y + 1.5 * u, 95 * u, y + 6.5 * u)
            sheet.draw.rounded_rectangle(box, 2.5 * u, fill=sheet.accent)
            sheet.draw.ellipse((90 * u, y + 1.5 * u, 95 * u, y + 6.5 * u), fill=(255, 255, 255))
        y += 15 * u


def _browser(sheet: _Sheet) -> None:
    u = sheet.unit
    sheet.draw.rectangle((0, 0, sheet.width, 5 * u), fill=(120, 124, 130))
    sheet.draw.rectangle((0, 5 * u, sheet.width, 10 * u), fill=(200, 203, 208))
    sheet.draw.rounded_rectangle((20 * u, 5.6 * u, 110 * u, 9.4 * u), 2 * u, fill=(245, 245, 245))
    address = f"https://www.{sheet.words(1)}.org/{sheet.words(1)}"
    sheet.text(22 * u, 6.3 * u, address, sheet.font(_SANS, 2), (60, 60, 60))
    left, width = sheet.width * 0.2, sheet.width * 0.5
    sheet.text(left, 14 * u, sheet.words(4).title(), sheet.font(_SERIF, 5))
    y = sheet.paragraph(left, 24 * u, width, 6, sheet.font(_SERIF, 2.2))
    sheet.photo(left, y + 2 * u, width, 30 * u)
    sheet.paragraph(left, y + 35 * u, width, 8, sheet.font(_SERIF, 2.2))
    for number in range(8):
        sheet.text(sheet.width * 0.75, (16 + 5 * number) * u, sheet.words(3), sheet.font(_SANS, 2))


def _windows(sheet: _Sheet) -> None:
    u = sheet.unit
    sheet.draw.rectangle((0, 0, sheet.width, sheet.height), fill=sheet.accent)
    for _ in range(sheet.rng.randint(1, 3)):
        left = sheet.rng.uniform(0.02, 0.4) * sheet.width
        top = sheet.rng.uniform(0.02, 0.35) * sheet.height
        right, bottom = left + sheet.width * 0.5, top + sheet.height * 0.5
        sheet.draw.rectangle((left, top, right, bottom), fill=sheet.paper, outline=(90, 90, 90))
        sheet.draw.rectangle((left, top, right, top + 5 * u), fill=(150, 152, 158))
        sheet.text(left + 2 * u, top + u, sheet.words(2).title(), sheet.font(_SANS, 2.4))
        for number in range(3):
            x = right - (4 + 4 * number) * u
            sheet.draw.ellipse((x, top + 1.4 * u, x + 2.4 * u, top + 3.8 * u), fill=(210, 80, 70))
        for row in range(9):
            y, font = top + (8 + 4 * row) * u, sheet.font(_SANS, 2)
            sheet.draw.rectangle((left + 2 * u, y, left + 4 * u, y + 2 * u), fill=(220, 170, 60))
            for column in range(3):
                sheet.text(left + (6 + 24 * column) * u, y, sheet.words(2), font)
    sheet.draw.rectangle((0, sheet.height - 5 * u, sheet.width, sheet.height), fill=(40, 42, 48))
    for number in range(7):
        x = (3 + 6 * number) * u
        box = (x, sheet.height - 4.4 * u, x + 4 * u, sheet.height - 0.6 * u)
        sheet.draw.rectangle(box, fill=tuple(sheet.rng.randint(60, 250) for _ in range(3)))


# ------------------------------------------------------------------------- screens, second half


def _route(sheet: _Sheet) -> None:
    u = sheet.unit
    sheet.draw.rectangle((0, 0, sheet.width, sheet.height), fill=(232, 228, 218))
    for _ in range(25):
        ends = [sheet.rng.uniform(-0.1, 1.1) * side for side in sheet.image.size * 2]
        sheet.draw.line(ends, fill=(255, 255, 255), width=int(sheet.rng.choice((1, 2, 3)) * u))
    for _ in range(3):
        x, y = (sheet.rng.uniform(0, 1) * side for side in sheet.image.size)
        colour = sheet.rng.choice([(170, 211, 223), (200, 225, 180)])
        sheet.draw.ellipse((x, y, x + 40 * u, y + 25 * u), fill=colour)
    points = [
        (sheet.rng.uniform(0.2, 0.8) * sheet.width, sheet.height * k / 6) for k in (1, 2, 3, 4)
    ]
    sheet.draw.line(points, fill=(50, 110, 240), width=int(2 * u), joint="curve")
    for _ in range(12):
        x, y = (sheet.rng.uniform(0, 0.9) * side for side in sheet.image.size)
        sheet.text(x, y, sheet.words(1).title(), sheet.font(_SANS, 3), (90, 90, 90))
    sheet.draw.rounded_rectangle(
        (4 * u, 10 * u, 96 * u, 22 * u), 5 * u, fill=(255, 255, 255), outline=(180, 180, 180)
    )
    sheet.text(10 * u, 13 * u, sheet.words(3), sheet.font(_SANS, 4.4), (60, 60, 60))
    sheet.draw.rectangle((0, sheet.height * 0.8, sheet.width, sheet.height), fill=(255, 255, 255))
    sheet.text(6 * u, sheet.height * 0.82, "24 min (11 km)", sheet.font(_SANS, 6), (30, 130, 60))
    sheet.paragraph(6 * u, sheet.height * 0.87, 80 * u, 2, sheet.font(_SANS, 3.6), (90, 90, 90))


def _post(sheet: _Sheet) -> None:
    u, font = sheet.unit, sheet.font(_SANS, 3.8)
    sheet.status_bar()
    y = 10 * u
    while y < sheet.height:
        sheet.draw.ellipse((4 * u, y, 14 * u, y + 10 * u), fill=sheet.accent)
        sheet.text(17 * u, y + 2 * u, sheet.words(2), font)
        sheet.photo(0, y + 13 * u, sheet.width, 80 * u)
        for number in range(3):
            box = ((5 + 12 * number) * u, y + 96 * u, (12 + 12 * number) * u, y + 103 * u)
            sheet.draw.ellipse(box, outline=sheet.ink, width=int(u))
        sheet.text(5 * u, y + 106 * u, f"{sheet.rng.randint(2, 900)} likes", font)
        y = sheet.paragraph(5 * u, y + 113 * u, 85 * u, 2, font) + 8 * u


def _code(sheet: _Sheet) -> None:
    u, font = sheet.unit, sheet.font(_MONO, 2)
    dark = sheet.rng.random() < 0.7
    back = (30, 31, 38) if dark else (253, 253, 253)
    sheet.draw.rectangle((0, 0, sheet.width, sheet.height), fill=back)
    sheet.draw.rectangle(
        (0, 0, 30 * u, sheet.height), fill=(45, 46, 54) if dark else (238, 238, 242)
    )
    for row in range(int(sheet.height / (3 * u))):
        y = (4 + 3 * row) * u
        if row % 2 == 0 and row < 30:
            sheet.text(3 * u, y, f"{sheet.words(1)}.py", font, (140, 142, 150))
        sheet.text(32 * u, y, str(row + 1), font, (110, 112, 120))
        if sheet.rng.random() < 0.85:
            x = (38 + 4 * sheet.rng.randint(0, 4)) * u
            for _ in range(sheet.rng.randint(1, 7)):
                word = sheet.rng.choice(_WORDS)
                colour = sheet.rng.choice(
                    [(90, 150, 230), (200, 120, 90), (130, 170, 90), (150, 150, 150)]
                )
                sheet.text(x, y, word, font, colour)
                x += font.getlength(word + " ")


def _grid_of_numbers(sheet: _Sheet) -> None:
    u, font = sheet.unit, sheet.font(_SANS, 2)
    sheet.draw.rectangle((0, 0, sheet.width, sheet.height), fill=(255, 255, 255))
    sheet.draw.rectangle((0, 0, sheet.width, 6 * u), fill=(33, 115, 70))
    sheet.draw.rectangle((0, 6 * u, sheet.width, 16 * u), fill=(240, 240, 240))
    for number in range(14):
        x = (3 + 9 * number) * u
        sheet.draw.rectangle((x, 8 * u, x + 4 * u, 12 * u), outline=(90, 90, 90))
    for column in range(int(sheet.width / (12 * u)) + 1):
        x = (4 + 12 * column) * u
        sheet.draw.line((x, 16 * u, x, sheet.height), fill=(205, 205, 205))
        sheet.text(x + 5 * u, 16.4 * u, chr(65 + column % 26), font, (80, 80, 80))
        for row in range(int(sheet.height / (3 * u))):
            if sheet.rng.random() < 0.6:
                value = sheet.words(1) if column < 2 else f"{sheet.rng.uniform(0, 9999):.2f}"
                sheet.text(x + u, (20 + 3 * row) * u, value, font, (30, 30, 30))
    for row in range(int(sheet.height / (3 * u))):
        y = (19.5 + 3 * row) * u
        sheet.draw.line((0, y, sheet.width, y), fill=(205, 205, 205))


# ------------------------------------------------------------------------- papers, first half


def _letter(sheet: _Sheet) -> None:
    u, font = sheet.unit, sheet.font(_SERIF, 1.9)
    sheet.text(12 * u, 8 * u, sheet.words(3).title(), sheet.font(_SERIF, 3.2))
    for row in range(4):
        sheet.text(12 * u, (20 + 3 * row) * u, sheet.words(3).title(), font)
    sheet.text(66 * u, 34 * u, f"{sheet.rng.randint(1, 28)}.3.20{sheet.rng.randint(10, 24)}", font)
    y = 46 * u
    for _ in range(sheet.rng.randint(2, 4)):
        y = sheet.paragraph(12 * u, y, 74 * u, sheet.rng.randint(3, 7), font) + 3 * u
    sheet.text(12 * u, y + 4 * u, sheet.words(2), font)


def _invoice(sheet: _Sheet) -> None:
    u, font = sheet.unit, sheet.font(_SANS, 1.9)
    sheet.draw.rectangle((10 * u, 8 * u, 26 * u, 16 * u), fill=sheet.accent)
    sheet.text(60 * u, 9 * u, "INVOICE", sheet.font(_SANS, 4))
    sheet.paragraph(10 * u, 22 * u, 30 * u, 4, font)
    y, rows = 48 * u, sheet.rng.randint(6, 16)
    sheet.draw.rectangle((10 * u, y, 90 * u, y + 4 * u), fill=(200, 202, 205))
    for row in range(rows):
        top = y + (5 + 4 * row) * u
        sheet.text(11 * u, top, sheet.words(4), font)
        sheet.text(62 * u, top, str(sheet.rng.randint(1, 9)), font)
        sheet.text(78 * u, top, f"{sheet.rng.uniform(1, 900):.2f}", font)
        sheet.draw.line((10 * u, top + 3.2 * u, 90 * u, top + 3.2 * u), fill=(170, 170, 170))
    sheet.text(62 * u, y + (8 + 4 * rows) * u, "Total 1,204.50", sheet.font(_SANS, 2.4))


def _receipt(sheet: _Sheet) -> None:
    u, font = sheet.unit, sheet.font(_MONO, 4)
    sheet.text(26 * u, 8 * u, sheet.words(2).upper(), sheet.font(_MONO, 6))
    sheet.text(20 * u, 18 * u, f"{sheet.words(2)} {sheet.rng.randint(1, 99)}", font)
    y = 32 * u
    while y < sheet.height - 50 * u:
        sheet.text(5 * u, y, sheet.words(2)[:14].upper(), font)
        sheet.text(74 * u, y, f"{sheet.rng.uniform(0.5, 60):6.2f}", font)
        y += 6.5 * u
    sheet.text(5 * u, y + 5 * u, "TOTAL", sheet.font(_MONO, 6))
    sheet.text(64 * u, y + 5 * u, f"{sheet.rng.uniform(20, 200):6.2f}", sheet.font(_MONO, 6))
    for bar in range(50):
        x = (14 + 1.5 * bar) * u
        sheet.draw.rectangle(
            (x, y + 18 * u, x + sheet.rng.choice((0.4, 0.9)) * u, y + 30 * u), fill=sheet.ink
        )


# ------------------------------------------------------------------------- papers, second half


def _form(sheet: _Sheet) -> None:
    u, font = sheet.unit, sheet.font(_SANS, 1.8)
    sheet.text(10 * u, 7 * u, sheet.words(4).title(), sheet.font(_SANS, 3.4))
    y = 18 * u
    while y < sheet.height - 16 * u:
        if sheet.rng.random() < 0.3:
            for number in range(3):
                x = (10 + 26 * number) * u
                sheet.draw.rectangle((x, y, x + 2.4 * u, y + 2.4 * u), outline=sheet.ink)
                sheet.text(x + 4 * u, y, sheet.words(2), font)
            y += 6 * u
        else:
            split = sheet.rng.choice((50, 35, 65))
            for left, right in ((10, split - 2), (split, 90)):
                sheet.text(left * u, y, sheet.words(2).title(), font)
                box = (left * u, y + 2.8 * u, right * u, y + 7 * u)
                sheet.draw.rectangle(box, outline=sheet.ink)
                if sheet.rng.random() < 0.6:
                    sheet.text((left + 1) * u, y + 3.6 * u, sheet.words(2), font, (20, 30, 140))
            y += 10 * u


def _book_page(sheet: _Sheet) -> None:
    u, font = sheet.unit, sheet.font(_SERIF, 1.7)
    sheet.text(45 * u, 5 * u, str(sheet.rng.randint(5, 400)), font)
    columns = sheet.rng.choice((1, 2))
    width = 78 / columns - 3 * (columns - 1)
    for column in range(columns):
        y = 11 * u
        left = (11 + column * (width + 6)) * u
        while y < sheet.height - 24 * u:
            y = sheet.paragraph(left, y, width * u, sheet.rng.randint(4, 9), font) + 2 * u


def _certificate(sheet: _Sheet) -> None:
    u = sheet.unit
    for inset in (4, 6):
        box = (inset * u, inset * u, sheet.width - inset * u, sheet.height - inset * u)
        sheet.draw.rectangle(box, outline=sheet.accent, width=int(0.8 * u))
    middle = sheet.width / 2
    for y, text, size in (
        (20, "CERTIFICATE", 7),
        (36, sheet.words(5), 2.4),
        (46, sheet.words(2).title(), 5),
    ):
        font = sheet.font(_SERIF, size)
        sheet.text(middle - font.getlength(text) / 2, y * u, text, font)
    sheet.paragraph(middle - 34 * u, 60 * u, 68 * u, 4, sheet.font(_SERIF, 2.2))
    sheet.draw.ellipse((middle - 6 * u, 78 * u, middle + 6 * u, 90 * u), fill=sheet.accent)
    sheet.draw.line((16 * u, 92 * u, 42 * u, 92 * u), fill=sheet.ink)


# ------------------------------------------------------------------------- files

_A4, _LANDSCAPE, _ROLL = (1240, 1754), (1754, 1240), (620, 1500)
SCREENS: Mapping[str, Sequence[tuple[Design, Sequence[tuple[int, int]]]]] = {
    "dev": ((_chat, _PHONES), (_settings, _PHONES), (_browser, _DESKTOPS), (_windows, _DESKTOPS)),
    "held-out": (
        (_route, _PHONES),
        (_post, _PHONES),
        (_code, _DESKTOPS),
        (_grid_of_numbers, _DESKTOPS),
    ),
}
PAPERS: Mapping[str, Sequence[tuple[Design, Sequence[tuple[int, int]]]]] = {
    "dev": ((_letter, (_A4,)), (_invoice, (_A4,)), (_receipt, (_ROLL,))),
    "held-out": ((_form, (_A4,)), (_book_page, (_A4,)), (_certificate, (_LANDSCAPE,))),
}


def draw(folder: Path, half: str, each: int, photos: Sequence[Path], named: float) -> None:
    """Draw `each` pictures of each design of a half, into folders "screenshot" and "document".

    A share of `named` has the name that a program gives to such a file. `photos` are shown in some.
    """
    rng = random.Random(half)
    for kind, designs in (("screenshot", SCREENS[half]), ("document", PAPERS[half])):
        (folder / kind).mkdir(parents=True)
        number = 0
        for design, sizes in designs:
            for _ in range(each):
                number += 1
                sheet = _Sheet(rng.choice(sizes), rng, photos)
                if kind == "document":
                    sheet.paper, sheet.ink, sheet.is_dark = _of_paper(rng), (35, 35, 40), False
                    sheet.draw.rectangle((0, 0, sheet.width, sheet.height), fill=sheet.paper)
                design(sheet)
                has_name = rng.random() < named
                save = _save_screen if kind == "screenshot" else _save_paper
                save(folder / kind, number, sheet.image, rng, has_name)


def _of_paper(rng: random.Random) -> tuple[int, int, int]:
    grey = rng.randint(232, 253)
    return (grey, grey - rng.randint(0, 5), grey - rng.randint(0, 14))


def _save_screen(
    folder: Path, number: int, image: Image.Image, rng: random.Random, has_name: bool
) -> None:
    was_sent = rng.random() < 1 / 3
    if has_name:
        image.save(folder / rng.choice(_SCREEN_NAMES).format(number, rng.randint(0, 59999)))
    elif was_sent:
        scale = rng.uniform(0.4, 0.8)
        image = image.resize((int(image.width * scale), int(image.height * scale)))
        image.save(folder / f"{rng.getrandbits(40):x}.jpg", quality=rng.randint(60, 90))
    else:
        image.save(folder / f"IMG_{1000 + number}.PNG")


def _save_paper(
    folder: Path, number: int, image: Image.Image, rng: random.Random, has_name: bool
) -> None:
    name = f"IMG_{5000 + number}.jpg"
    if has_name:
        name = rng.choice(_PAPER_NAMES).format(number, rng.randint(0, 59999))
    if number % 2 and not has_name:
        exif = Image.Exif()
        exif[0x010F], exif[0x0110] = "Google", "Pixel 7"
        photographed(image, rng).save(folder / name, quality=88, exif=exif)
    else:
        turned = image.rotate(rng.uniform(-1.5, 1.5), fillcolor=(250, 250, 250), expand=False)
        turned.save(folder / name, quality=rng.randint(70, 92))


def photographed(paper: Image.Image, rng: random.Random) -> Image.Image:
    """Return a photo of a paper: at an angle on a table, with a shadow and noise."""
    noise = np.random.default_rng(rng.getrandbits(32))
    side = 1600
    size = (side, int(side * 1.33)) if paper.height > paper.width else (int(side * 1.33), side)
    base = np.array([rng.randint(20, 190), rng.randint(20, 150), rng.randint(15, 130)])
    grain = np.cumsum(noise.normal(0, 3, (size[1], 1, 1)), axis=0) % 40 - 20
    table = np.clip(base + grain + noise.normal(0, 6, (size[1], size[0], 1)), 0, 255)
    ground = Image.fromarray(table.astype(np.uint8)).filter(ImageFilter.GaussianBlur(1.5))
    share = rng.uniform(0.75, 1.05)  # of the photo that the paper fills; above 1 it is cut off
    scale = share * min(size[0] / paper.width, size[1] / paper.height)
    width, height = paper.width * scale, paper.height * scale
    middle = (size[0] / 2 + rng.uniform(-60, 60), size[1] / 2 + rng.uniform(-60, 60))
    angle = math.radians(rng.uniform(-14, 14))
    corners = []
    for x, y in ((-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)):
        dx = x * width * rng.uniform(0.88, 1.0)
        dy = y * height * rng.uniform(0.88, 1.0)
        corners.append(
            (
                middle[0] + dx * math.cos(angle) - dy * math.sin(angle),
                middle[1] + dx * math.sin(angle) + dy * math.cos(angle),
            )
        )
    ends = [(0, 0), (paper.width, 0), (paper.width, paper.height), (0, paper.height)]
    turn = Image.Transform.PERSPECTIVE
    values = _perspective(corners, ends)
    laid = paper.transform(size, turn, values, Image.Resampling.BICUBIC)
    mask = Image.new("L", paper.size, 255).transform(size, turn, values, Image.Resampling.BICUBIC)
    ground.paste(laid, (0, 0), mask)
    ramp = np.linspace(rng.uniform(0.55, 0.9), 1.0, size[0])[None, :, None]
    lit = np.asarray(ground, np.float32) * (ramp if rng.random() < 0.5 else ramp[:, ::-1])
    lit = lit * np.array([1.0, rng.uniform(0.92, 1.0), rng.uniform(0.75, 1.0)])
    lit += noise.normal(0, rng.uniform(2, 9), lit.shape)
    return Image.fromarray(np.clip(lit, 0, 255).astype(np.uint8)).filter(
        ImageFilter.GaussianBlur(rng.uniform(0, 1.6))
    )


def _perspective(
    seen: Sequence[tuple[float, float]], drawn: Sequence[tuple[float, float]]
) -> list[float]:
    """Return the eight numbers by which Pillow finds the drawn point of a point that is seen."""
    rows, values = [], []
    for (x, y), (u, v) in zip(seen, drawn, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    solved: list[float] = np.linalg.solve(np.array(rows), np.array(values)).tolist()
    return solved
