"""A trained model finds simple drawings; one whose towers do not fit together is told apart."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL.Image import Image

from imgsearch.config import Settings
from imgsearch.encoders import registry
from imgsearch.encoders.base import Encoder
from imgsearch.encoders.self_test import drawings, try_out
from imgsearch.records.arrays import PixelBatch, Pixels, Vectors
from tests.factories import run_cli, write_photos


class Mixed:
    """The image tower of one model, and texts of another space."""

    def __init__(self, inner: Encoder, texts: Vectors) -> None:
        self._inner, self._texts = inner, texts

    def prepare(self, image: Image) -> Pixels:
        return self._inner.prepare(image)

    def encode_pixels(self, batch: PixelBatch) -> Vectors:
        return self._inner.encode_pixels(batch)

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        return self._texts


def test_lite_passes_and_towers_of_two_spaces_do_not(lite: Encoder) -> None:
    assert try_out(lite).passed
    texts = lite.encode_texts(list(drawings()))
    turned = np.ascontiguousarray(texts[:, ::-1])
    for wrong in (turned, texts * np.nan, np.zeros_like(texts), np.roll(texts, 5, axis=0)):
        result = try_out(Mixed(lite, wrong))  # type: ignore[arg-type]
        assert not result.passed, result


@pytest.mark.slow
def test_doctor_tries_the_model_of_a_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lite: Encoder
) -> None:
    from imgsearch.analysis import doctor

    photos = write_photos(tmp_path / "photos", 2)
    assert run_cli("index", photos, "--encoder", "lite", data=tmp_path / "library").returncode == 0
    settings = Settings.load(data_dir=tmp_path / "library")

    def of_encoder() -> str:
        (found,) = (each for each in doctor.examine(settings) if each.area == "encoder")
        return f"{found.level}: {found.message}"

    assert of_encoder().startswith("ok: ")
    texts = lite.encode_texts(list(drawings()))[:, ::-1]
    monkeypatch.setattr(registry, "open_encoder", lambda *arguments: Mixed(lite, texts))
    assert of_encoder().startswith("error: lite does not find drawings")
