"""An image that tells every turn and flip apart, for tests of the decoders."""

from __future__ import annotations

from PIL import Image

RED, GREEN, BLUE, WHITE = (220, 30, 30), (30, 200, 40), (30, 40, 210), (245, 245, 245)


def scene(width_px: int = 96, height_px: int = 64) -> Image.Image:
    """Four flat quarters that tell every turn and flip apart."""
    image = Image.new("RGB", (width_px, height_px), WHITE)
    image.paste(RED, (0, 0, width_px // 2, height_px // 2))
    image.paste(GREEN, (width_px // 2, 0, width_px, height_px // 2))
    image.paste(BLUE, (0, height_px // 2, width_px // 2, height_px))
    return image
