"""What hubness does for captions of real photos: more of them find their photo."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.bench_confidence import embed_searched, hubness_in, load
from imgsearch.encoders.base import Encoder
from imgsearch.search import hubness


@pytest.mark.slow
def test_more_captions_find_their_photo(shared_data: Path, lite: Encoder, tmp_path: Path) -> None:
    photos = load(shared_data / "coco-dev", "dev", lite, tmp_path)
    own = np.arange(len(photos.own)), photos.own

    def recall(share: float) -> float:
        values = hubness_in(photos.photos, lite.encode_texts(hubness.bank_texts()))
        scores = embed_searched(lite, photos.captions) @ photos.photos.T - share * values
        return float(((scores > scores[own][:, None]).sum(axis=1) < 10).mean())

    share = hubness.hubness_shares(lite.id).text
    assert recall(share) > recall(0.0) + 0.01
