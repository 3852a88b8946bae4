"""Photos of a few things, some of each: what a map of meaning lays out."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

# Photos of the demo, and words that are true of each.
THINGS = {
    "chelsea.png": {"cat", "kitten"},
    "coffee.png": {"coffee", "cup"},
    "rocket.jpg": {"rocket"},
    "flower.jpg": {"flower"},
}
EACH = 12  # photos of each thing


def crops(photos: Path, name: str, folder: Path, numbers: range) -> None:
    """Write photos of one thing: each differs from the others by its borders."""
    folder.mkdir(parents=True, exist_ok=True)
    with Image.open(photos / name) as opened:
        image = opened.convert("RGB")
    for number in numbers:
        edge = 3 * number
        cropped = image.crop((edge, edge // 2, image.width - edge // 3, image.height - edge))
        cropped.save(folder / f"{Path(name).stem}-{number}.jpg", quality=92)
