"""From any Pillow image to upright sRGB: bit depth, colour profile, transparency, orientation."""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache
from io import BytesIO
from typing import TYPE_CHECKING

from PIL import Image, ImageCms

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def upright_srgb(image: Image.Image, orientation: int, min_side_px: int) -> Image.Image:
    """`image` as 8-bit sRGB, upright, over white, scaled down by a whole factor where possible.

    Its short side stays at least `min_side_px`. `orientation` is EXIF's, 1 to 8. The colour profile
    is the one in `image.info`; a broken one, or one for other channels, is ignored, as every viewer
    does.
    """
    profile = image.info.get("icc_profile")
    image = _reduced(_eight_bit(image), min_side_px)
    alpha = image.getchannel("A") if image.mode in ("LA", "RGBA") else None
    if alpha is not None:
        image = image.convert(image.mode[:-1])
    image = _in_srgb(image, profile if isinstance(profile, bytes) else b"")
    if alpha is not None:
        background = Image.new("RGB", image.size, "white")
        background.paste(image, mask=alpha)
        image = background
    if orientation in _UPRIGHT:
        image = image.transpose(_UPRIGHT[orientation])
    image.info.clear()
    return image


def _reduced(image: Image.Image, min_side_px: int) -> Image.Image:
    """Average square blocks of pixels, as large as the minimum side allows."""
    factor = min(image.size) // min_side_px
    return image.reduce(factor) if factor > 1 else image


def _eight_bit(image: Image.Image) -> Image.Image:
    """Return the same image in L, LA, RGB, RGBA, CMYK or LAB."""
    if image.mode in ("LA", "RGBA", "CMYK", "LAB"):
        return image
    if "transparency" in image.info and image.mode in ("1", "L", "P", "RGB"):
        return image.convert("RGBA")
    if image.mode in ("L", "RGB"):
        return image
    if image.mode == "1":
        return image.convert("L")
    if image.mode in ("PA", "RGBa"):
        return image.convert("RGBA")
    if image.mode == "La":
        return image.convert("LA")
    if image.mode == "F" or image.mode.startswith("I"):
        return _grey_from_samples(image)
    return image.convert("RGB")  # P, RGBX, YCbCr, HSV


def _grey_from_samples(image: Image.Image) -> Image.Image:
    """Return grey from 16-bit, 32-bit or floating-point samples.

    16 bits range from 0 to 65535 and floats from 0 to 1. Other samples have no agreed white, so
    their own range is stretched.
    """
    import numpy as np  # lazy: a decoder process starts faster without it

    samples: NDArray[np.float32] = np.nan_to_num(np.asarray(image).astype(np.float32))
    low, high = float(samples.min()), float(samples.max())
    if image.mode.startswith("I;16") or (image.mode == "I" and low >= 0 and 255 < high <= 65535):
        low, high = 0.0, 65535.0
    elif image.mode == "F" and low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    samples -= low
    samples *= 255.0 / max(high - low, 1e-30)
    return Image.fromarray(samples.round().astype(np.uint8))


# ---------------------------------------------------------------------------- colour


def _in_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """Return the image in sRGB, converted by the embedded profile where it fits."""
    transform = _from_lab() if image.mode == "LAB" else _to_srgb(profile, image.mode)
    if transform is not None:
        with suppress(ImageCms.PyCMSError):  # a profile that only fails when it is used
            return ImageCms.applyTransform(image, transform) or image
    return image if image.mode == "RGB" else image.convert("RGB")  # convert would copy


@lru_cache(maxsize=32)  # building one takes milliseconds, and a library contains few profiles
def _to_srgb(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Return the conversion from `profile` to sRGB; None where it is sRGB already or unusable."""
    if not profile:
        return None
    try:
        source = ImageCms.getOpenProfile(BytesIO(profile))
        if mode == "RGB" and ImageCms.getProfileDescription(source).strip().startswith("sRGB"):
            return None
        return ImageCms.buildTransform(
            source, _srgb(), mode, "RGB", flags=ImageCms.Flags.BLACKPOINTCOMPENSATION
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None


@lru_cache(maxsize=1)
def _from_lab() -> ImageCms.ImageCmsTransform:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    return ImageCms.buildTransform(lab, _srgb(), "LAB", "RGB")


@lru_cache(maxsize=1)
def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
