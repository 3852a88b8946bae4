"""Makes ICC profiles for images that name their colour space in another way: code points or EXIF.

Code points are those of ITU-T H.273, which HEIF, AVIF and PNG use; transfer curves are those of
ITU-R BT.2100. The curve of the profile also maps high dynamic range to a screen's, so that one
colour conversion does everything.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, BinaryIO

from imgsearch.decode.formats import PNG, ImageFormat

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Curve = NDArray[np.float64]

_SEARCHED_BYTES = 1 << 16  # the code points come before the pixels
_BT2020, _P3, _LINEAR, _PQ, _HLG = 9, 12, 8, 16, 18

# x and y of red, green, blue; white is D65 in all of them
_CHROMATICITIES = {
    1: ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060)),
    _BT2020: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    _P3: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
    "adobe": ((0.640, 0.330), (0.210, 0.710), (0.150, 0.060)),
}
_D65_XYZ = (0.95047, 1.0, 1.08883)
_D65_TO_D50 = (  # Bradford
    (1.0478112, 0.0228866, -0.0501270),
    (0.0295424, 0.9904844, -0.0170491),
    (-0.0092345, 0.0150436, 0.7521316),
)
_REFERENCE_WHITE_NITS = 203.0  # ITU-R BT.2408: the luminance of paper white in HDR
_PEAK = 1000.0 / _REFERENCE_WHITE_NITS  # mapped to the brightest white


def code_points(file: BinaryIO, image_format: ImageFormat) -> tuple[int, int]:
    """Return colour primaries and transfer function of a HEIF, AVIF or PNG.

    By default (1, 13), sRGB.
    """
    file.seek(0)
    head = file.read(_SEARCHED_BYTES)
    if image_format is PNG:
        at, layout = head.find(b"cICP"), ">BB"
        at += 4
    else:
        at, layout = head.find(b"colrnclx"), ">HH"
        at += 8
    if at < 8 or at + struct.calcsize(layout) > len(head):
        return 1, 13
    primaries, transfer = struct.unpack_from(layout, head, at)
    return primaries, transfer


@lru_cache(maxsize=16)
def profile_of_code_points(points: tuple[int, int]) -> bytes | None:
    """Return an ICC profile for wide or high-dynamic-range code points.

    None where sRGB is near enough.
    """
    primaries, transfer = points
    if primaries not in (_BT2020, _P3) and transfer not in (_LINEAR, _PQ, _HLG):
        return None
    curves: dict[int, Callable[[Curve], Curve]] = {_LINEAR: _linear, _PQ: _pq, _HLG: _hlg}
    return _profile(primaries if primaries in _CHROMATICITIES else 1, curves.get(transfer, _srgb))


@lru_cache(maxsize=1)
def adobe_rgb() -> bytes:
    """Return a profile with the primaries and the gamma (563/256) of Adobe RGB (1998)."""
    return _profile("adobe", lambda signal: signal ** (563 / 256))


# ---------------------------------------------------------------------------- signal to light
# NumPy is imported where it is used: a decoder process starts faster without it.


def _linear(signal: Curve) -> Curve:
    return signal


def _srgb(signal: Curve) -> Curve:
    import numpy as np

    return np.where(signal <= 0.04045, signal / 12.92, ((signal + 0.055) / 1.055) ** 2.4)


def _pq(signal: Curve) -> Curve:
    """Decode by BT.2100 table 4, in units of reference white, tone-mapped."""
    import numpy as np

    m1, m2 = 2610 / 16384, 2523 / 4096 * 128
    c1, c2, c3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
    power = signal ** (1 / m2)
    nits = 10_000 * (np.maximum(power - c1, 0) / (c2 - c3 * power)) ** (1 / m1)
    return _tone_mapped(nits / _REFERENCE_WHITE_NITS)


def _hlg(signal: Curve) -> Curve:
    """Decode by BT.2100 table 5 on a 1,000 nit screen (gamma 1.2), tone-mapped."""
    import numpy as np

    a = 0.17883277
    b, c = 1 - 4 * a, 0.5 - a * np.log(4 * a)
    scene = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)
    return _tone_mapped(1000 * scene**1.2 / _REFERENCE_WHITE_NITS)


def _tone_mapped(light: Curve) -> Curve:
    """Reinhard et al. 2002, equation 4: keeps dark tones, and maps _PEAK to white."""
    import numpy as np

    return np.minimum(light * (1 + light / _PEAK**2) / (1 + light), 1.0)


# ---------------------------------------------------------------------------- the ICC file


def _profile(primaries: int | str, curve: Callable[[Curve], Curve]) -> bytes:
    """Return an ICC v2 profile of three primaries and one curve (ICC.1:2001-04, section 6.3)."""
    import numpy as np

    light = curve(np.linspace(0.0, 1.0, 1024))
    samples = np.round(np.clip(light, 0, 1) * 65535).astype(">u2").tobytes()
    curve_tag = b"curv" + bytes(4) + struct.pack(">I", 1024) + samples
    tags = {b"wtpt": _xyz_tag(np.array(_D65_TO_D50) @ np.array(_D65_XYZ))}
    for name, column in zip(
        (b"rXYZ", b"gXYZ", b"bXYZ"), _columns(_CHROMATICITIES[primaries]), strict=True
    ):
        tags[name] = _xyz_tag(column)
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve_tag)
    offset = 128 + 4 + 12 * len(tags)
    table, body = struct.pack(">I", len(tags)), b""
    for name, content in tags.items():
        table += name + struct.pack(">II", offset + len(body), len(content))
        body += content
    header = bytearray(128)
    struct.pack_into(
        ">I4xI4s4s4s", header, 0, offset + len(body), 0x02400000, b"mntr", b"RGB ", b"XYZ "
    )
    header[36:40] = b"acsp"
    struct.pack_into(">iii", header, 68, *(round(v * 65536) for v in (0.9642, 1.0, 0.8249)))
    return bytes(header) + table + body


def _xyz_tag(xyz: Curve) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">iii", *(round(float(v) * 65536) for v in xyz))


def _columns(chromaticities: tuple[tuple[float, float], ...]) -> Curve:
    """Return the XYZ of each primary under D50, one per row, scaled to add up to white."""
    import numpy as np

    xyz = np.array([(x / y, 1.0, (1 - x - y) / y) for x, y in chromaticities])
    strengths = np.linalg.solve(xyz.T, np.array(_D65_XYZ))
    rows: Curve = (xyz * strengths[:, None]) @ np.array(_D65_TO_D50).T
    return rows
