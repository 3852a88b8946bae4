"""Pictures of faces, cut out of pictures of photos."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

from PIL import Image

if TYPE_CHECKING:
    from imgsearch.records.faces import Face

_AROUND = 1.5  # side of the picture in sides of the face
_SIDES_PX = (256, 640, 1280, 2048)  # of pictures of photos, few, so that the cache has them
_QUALITY = 80


def photo_side(face: Face, size_px: tuple[int, int], side_px: int) -> int:
    """Return the side of a picture of the photo (width, height) with enough pixels for the face."""
    share = max(face.width * size_px[0], face.height * size_px[1]) / max(size_px)
    wanted = side_px / (_AROUND * max(share, 1e-3))
    return next((side for side in _SIDES_PX if side >= wanted), _SIDES_PX[-1])


def face_picture(content: bytes, face: Face, side_px: int) -> bytes:
    """Return a square WebP picture of a face, out of the picture of its photo in `content`."""
    with Image.open(BytesIO(content)) as photo:
        width, height = photo.size
        side = max(1.0, _AROUND * max(face.width * width, face.height * height))
        side = min(side, float(min(width, height)))
        left = min(max(0.0, (face.x + face.width / 2) * width - side / 2), width - side)
        top = min(max(0.0, (face.y + face.height / 2) * height - side / 2), height - side)
        picture = photo.convert("RGB").resize(
            (side_px, side_px), Image.Resampling.BICUBIC, (left, top, left + side, top + side)
        )
    buffer = BytesIO()
    picture.save(buffer, "WEBP", quality=_QUALITY)
    return buffer.getvalue()
