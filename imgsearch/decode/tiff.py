"""What Pillow leaves undone when it reads a TIFF of more than 8 bits a sample (TIFF 6.0)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image

from imgsearch.errors import PhotoError, Reason

if TYPE_CHECKING:
    from PIL.TiffImagePlugin import TiffImageFile

_BITS, _PHOTOMETRIC, _PLANES, _SAMPLE_FORMAT = 258, 262, 284, 339
_WHITE_IS_ZERO, _SEPARATE, _UNSIGNED = 0, 2, 1


def check(image: TiffImageFile) -> None:
    """Refuse what Pillow would decode into noise: deep colour stored plane by plane."""
    bits = image.tag_v2.get(_BITS, (1,))
    if len(bits) > 1 and max(bits) > 8 and image.tag_v2.get(_PLANES) == _SEPARATE:
        raise PhotoError(
            Reason.UNSUPPORTED,
            f"This kind of TIFF cannot be read here ({max(bits)} bits, plane by plane).",
        )


def settled(image: TiffImageFile) -> Image.Image:
    """Grey of 9 to 32 bits as floats from 0, black, to 1, white; anything else as it is."""
    import numpy as np

    bits = max(image.tag_v2.get(_BITS, (1,)))
    unsigned = image.tag_v2.get(_SAMPLE_FORMAT, (_UNSIGNED,))[0] == _UNSIGNED
    if not image.mode.startswith("I") or not unsigned or not 8 < bits <= 32:
        return image
    samples = np.asarray(image)
    if samples.dtype == np.int32:  # Pillow has no other 32 bits
        samples = samples.view(np.uint32)
    light = samples.astype(np.float32) / np.float32(2**bits - 1)
    if image.tag_v2.get(_PHOTOMETRIC) == _WHITE_IS_ZERO:
        light = 1 - light
    grey = Image.fromarray(light)
    grey.info = image.info.copy()
    return grey
