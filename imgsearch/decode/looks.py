"""Measures how a picture looks, from its pixels: colours, lightness and fine detail."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from msgspec.structs import replace
from PIL import Image

from imgsearch.decode.laplacian import FLAT, fine_detail, laplacian
from imgsearch.records.photo import COLOR_NAMES, Facts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

_COLOR_SIDE_PX = 64
_DETAIL_SIDE_PX = 256
_BLOCK_PX = 32
_MIN_DETAIL_SIDE_PX = 2 * _BLOCK_PX  # a smaller picture has no detail to speak of
_SHARPNESS_SIDE_PX = 512
_MIN_SHARE = 0.1  # of the pixels, for a colour to be named

# From linear sRGB to XYZ, relative to the white D65: IEC 61966-2-1.
_TO_XYZ = np.array(
    [
        [0.4124564 / 0.95047, 0.3575761 / 0.95047, 0.1804375 / 0.95047],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339 / 1.08883, 0.1191920 / 1.08883, 0.9503041 / 1.08883],
    ],
    np.float32,
)
_KNEE, _SLOPE = 216 / 24389, 841 / 108  # of CIELAB's cube root: ISO/CIE 11664-4

_GREY_BELOW = 12.0  # chroma of what people call black, grey or white
_BLACK_BELOW, _WHITE_FROM = 22.0, 84.0  # lightness
_DIM = 25.0  # mean lightness of a picture whose colours begin to fade
# Sectors of hue in degrees of CIELAB, by their ends: the name of a colour, the lightness below
# which it has another name, and that. Brown is a dark or a dull orange.
_SECTORS = (
    (20, "pink", 65, "red"),
    (50, "pink", 70, "red"),
    (75, "orange", 50, "brown"),
    (110, "yellow", 60, "brown"),
    (180, "green", 0, "green"),
    (310, "blue", 0, "blue"),
    (335, "pink", 75, "purple"),
    (360, "pink", 55, "purple"),
)
_HUES = np.array([end for end, *_ in _SECTORS], np.float32)
_LIGHT_FROM = np.array([lightness for _, _, lightness, _ in _SECTORS], np.float32)
_LIGHT = np.array([COLOR_NAMES.index(name) for _, name, _, _ in _SECTORS])
_DARK = np.array([COLOR_NAMES.index(name) for *_, name in _SECTORS])
_ORANGE = [name for _, name, *_ in _SECTORS].index("orange")
_VIVID_FROM = 40.0  # chroma of an orange
_BLACK, _GREY, _WHITE = map(COLOR_NAMES.index, ("black", "grey", "white"))


def with_look(facts: Facts, image: Image.Image) -> Facts:
    """Add the facts that are measured in an upright sRGB image."""
    lab = _lab(image)
    lightness, a, b = lab[..., 0], lab[..., 1], lab[..., 2]
    grey = image.convert("L")
    return replace(
        facts,
        colorfulness=round(_colorfulness(lightness, a, b), 1),
        lightness=round(float(lightness.mean()), 1),
        detail=_detail(grey),
        sharpness=_sharpness(grey),
        colors=_colors(lightness, a, b),
    )


def _lab(image: Image.Image) -> Floats:
    """Return the image, reduced, in CIELAB: (height, width, 3)."""
    small = image.convert("RGB").resize(
        (_COLOR_SIDE_PX, _COLOR_SIDE_PX), Image.Resampling.BOX, reducing_gap=1.0
    )
    rgb = np.asarray(small, np.float32) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    xyz = linear @ _TO_XYZ.T
    root = np.where(xyz > _KNEE, np.cbrt(xyz), _SLOPE * xyz + 4 / 29)
    x, y, z = root[..., 0], root[..., 1], root[..., 2]
    lab: Floats = np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)
    return lab


def _colorfulness(lightness: Floats, a: Floats, b: Floats) -> float:
    """Return the largest difference of a pixel from the mean colour, lightness aside.

    A tone that is the same everywhere counts half, so that prints in warm or cold grey are still
    black and white. Dark colours have little chroma, so those of a dark picture count more.
    """
    spread = float(np.hypot(a - a.mean(), b - b.mean()).max())
    tone = float(np.hypot(a.mean(), b.mean()))
    return max(spread, tone / 2) * max(1.0, _DIM / max(float(lightness.mean()), 1.0))


def _colors(lightness: Floats, a: Floats, b: Floats) -> str:
    """Return the names of colours with a share of .1 or more, largest first: "blue 42 %, …"."""
    chroma = np.hypot(a, b)
    hue = np.degrees(np.arctan2(b, a)) % 360
    sector = np.searchsorted(_HUES, hue, side="right") % len(_HUES)
    is_light = lightness >= _LIGHT_FROM[sector]
    is_vivid = (sector != _ORANGE) | (chroma >= _VIVID_FROM)
    names = np.where(is_light & is_vivid, _LIGHT[sector], _DARK[sector])
    is_black, is_white = lightness < _BLACK_BELOW, lightness >= _WHITE_FROM
    greys = np.where(is_black, _BLACK, np.where(is_white, _WHITE, _GREY))
    names = np.where((chroma < _GREY_BELOW) | (lightness < _BLACK_BELOW / 2), greys, names)
    shares = np.bincount(names.ravel(), minlength=len(COLOR_NAMES)) / names.size
    shown = [at for at in np.argsort(-shares, kind="stable").tolist() if shares[at] >= _MIN_SHARE]
    return ", ".join(f"{COLOR_NAMES[at]} {round(float(shares[at]) * 100)} %" for at in shown)


def _detail(image: Image.Image) -> float | None:
    """Return the detail of the sharpest twentieth of a grey picture; None for a tiny or even one.

    It is the variance of the Laplacian in blocks, divided by the variance of the brightness of the
    whole, so that contrast and exposure hardly count.
    """
    grey = _at_most(image, _DETAIL_SIDE_PX).astype(np.float32)
    of_brightness = float(grey.var())
    if min(grey.shape) < _MIN_DETAIL_SIDE_PX or of_brightness < FLAT:
        return None
    edges = laplacian(grey)
    rows, columns = edges.shape[0] // _BLOCK_PX, edges.shape[1] // _BLOCK_PX
    blocks = edges[: rows * _BLOCK_PX, : columns * _BLOCK_PX]
    by_block = blocks.reshape(rows, _BLOCK_PX, columns, _BLOCK_PX).swapaxes(1, 2)
    variances = by_block.reshape(rows * columns, -1).var(axis=1)  # contiguous: twice as fast
    return round(float(np.quantile(variances, 0.95)) / of_brightness, 4)


def _sharpness(image: Image.Image) -> float | None:
    """Return the variance of the Laplacian of a whole grey picture, by that of its brightness.

    None for a tiny or an even picture.
    """
    grey = _at_most(image, _SHARPNESS_SIDE_PX)
    detail = fine_detail(grey) if min(grey.shape) >= _MIN_DETAIL_SIDE_PX else None
    return None if detail is None else float(f"{detail:.5g}")


def _at_most(image: Image.Image, side_px: int) -> NDArray[np.uint8]:
    """Return a grey picture, reduced to this long side if it is larger: (height, width)."""
    scale = side_px / max(image.size)
    if scale < 1:
        width, height = (max(1, round(side * scale)) for side in image.size)
        image = image.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0)
    return np.asarray(image, np.uint8)
