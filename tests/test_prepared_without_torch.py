"""A model that was prepared on a machine with torch runs where there is none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from imgsearch.encoders.registry import open_encoder
from tests.without_torch import run_without_torch, vectors_of


@pytest.mark.slow
def test_a_prepared_model_runs_without_torch(
    model_cache: Path, demo_photos: Path, tmp_path: Path
) -> None:
    name, photo = "openclip:ViT-S-32-alt/random", demo_photos / "chelsea.png"
    prepared = open_encoder(name, model_cache)
    run_without_torch(name, model_cache, photo, tmp_path / "vectors.npy")
    vectors = np.load(tmp_path / "vectors.npy")
    np.testing.assert_allclose(vectors, vectors_of(prepared, photo), atol=1e-5)
