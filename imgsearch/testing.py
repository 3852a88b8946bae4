"""Fixtures of pytest for plug-ins: photos, a library in a temporary folder, and its service.

    pytest_plugins = ["imgsearch.testing"]

They need pytest, which imgsearch does not install.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from imgsearch.config import Settings
from imgsearch.library import Library
from imgsearch.operations.records import encode_json, load_json
from imgsearch.service.answering import answered

if TYPE_CHECKING:
    from imgsearch.records.arrays import PixelBatch, Pixels, Vectors

_EXIF = 0x8769  # the directory of EXIF that has the tags of the photo


class StandIn:
    """A small encoder that embeds in microseconds, and counts what it embeds.

    It projects a thumbnail of 8 × 8 pixels: equal pictures get equal vectors of length 1, and
    others differ. By its id, its name is `lite`.
    """

    id = "lite/stand-in"
    dim = 32
    side_px = 8
    batch_size = 16
    logit_scale = 100.0
    batches_at_once = 1
    context_length = 77

    def __init__(self) -> None:
        self.embedded = 0
        noise = np.random.default_rng(7)
        self._matrix = noise.normal(size=(3 * 8 * 8, self.dim)).astype(np.float32)

    def token_count(self, text: str) -> int:
        return len(text.split()) + 2

    def prepare(self, image: Image.Image) -> Pixels:
        return np.asarray(image.convert("RGB").resize((8, 8)), np.uint8).transpose(2, 0, 1).copy()

    def encode_pixels(self, batch: PixelBatch) -> Vectors:
        self.embedded += len(batch)
        return self._unit(batch.reshape(len(batch), -1).astype(np.float32) + 1)

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        rows = [np.frombuffer(text.encode().ljust(192)[:192], np.uint8) for text in texts]
        return self._unit(np.stack(rows).astype(np.float32))

    def _unit(self, rows: np.ndarray) -> Vectors:
        vectors = rows @ self._matrix
        return np.ascontiguousarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


@pytest.fixture
def new_photo(tmp_path: Path) -> Callable[..., Path]:
    """Write photos in the folder `photos`: `new_photo("a.jpg", "red", {0xA403: 1})`.

    The third argument has tags of EXIF. Each call returns the path.
    """

    def write(name: str, colour: str = "red", exif: Mapping[int, object] | None = None) -> Path:
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        tags = Image.Exif()
        tags.get_ifd(_EXIF).update(exif or {})
        Image.new("RGB", (64, 64), colour).save(path, exif=tags)
        return path

    return write


@pytest.fixture
def temporary_library(tmp_path: Path) -> Iterator[Library]:
    """An empty library with the encoder `StandIn`, which needs no model."""
    settings = Settings.load(data_dir=tmp_path / "library", encoder="lite")
    with Library.open(settings, encoder=StandIn()) as library:
        yield library


@pytest.fixture
def ask_service(temporary_library: Library) -> Callable[..., Any]:
    """Ask the library as a client asks its service: `ask_service("POST", "/photos", ids=[1])`.

    The further arguments are the fields of the request. Each call returns the JSON of the answer.
    """

    def ask(method: str, path: str, **fields: object) -> Any:
        in_address = {name: str(value) for name, value in fields.items()}
        answer = answered(temporary_library, method, path, encode_json(fields), in_address)
        return load_json(answer.json)

    return ask
