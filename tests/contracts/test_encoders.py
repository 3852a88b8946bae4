"""What every encoder promises, asked of each: the built-in one and open_clip's, on real photos.

open_clip's weights are random here (its trained ones need the model hub) and its architecture is a
small one; `tests/test_encoders.py` has the larger ones. What is asked holds for any weights: it is
about geometry, order, batches and threads, not about finding the right photo.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from imgsearch.encoders.base import Encoder
from imgsearch.encoders.registry import encoder_choices, name_of, open_encoder
from tests.factories import cosines, embed, prepared

if TYPE_CHECKING:
    from imgsearch.records.arrays import Vectors

NAMES = {
    "lite": "lite",
    "openclip-onnx": "openclip:ViT-S-32-alt/random",
    "openclip-int8": "openclip:ViT-S-32-alt/random+int8",
    "openclip-torch": "openclip:ViT-S-32-alt/random:3",
}
TEXTS = ("a photo of a cat", "a temple in the mountains", "two kids jumping into a lake")
ODD_TEXTS = ("", "   ", "日本の寺 🏯", "IMG_\udce9.jpg", "\x00\x1b[31m", "a long way home " * 3000)


@pytest.fixture(scope="module", params=NAMES)
def opened(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, model_cache: Path
) -> Callable[[], Encoder]:
    """Opens the encoder under test; each call gives a new instance."""
    kind, name = request.param, NAMES[request.param]
    if kind == "lite":
        return lambda: open_encoder(name, model_cache)
    folder = tmp_path_factory.mktemp(kind)
    if kind in ("openclip-onnx", "openclip-int8"):
        return lambda: open_encoder(name, folder, "cpu")

    def open_in_torch() -> Encoder:
        not_a_folder = folder / "file"  # no export can be written there, so torch does the work
        not_a_folder.touch()
        with pytest.warns(RuntimeWarning, match="runs in torch"):
            return open_encoder(name, not_a_folder, "cpu")

    return open_in_torch


@pytest.fixture(scope="module")
def encoder(opened: Callable[[], Encoder]) -> Encoder:
    return opened()


@pytest.fixture(scope="module")
def photos(demo_photos: Path) -> list[Image.Image]:
    """Five real photos of different kinds and shapes."""
    paths = sorted(demo_photos.iterdir())
    return [Image.open(path).convert("RGB") for path in paths[:: len(paths) // 5][:5]]


@pytest.fixture(scope="module")
def vectors(encoder: Encoder, photos: list[Image.Image]) -> Vectors:
    return embed(encoder, photos)


def test_it_says_what_it_is(encoder: Encoder) -> None:
    assert name_of(encoder.id) in NAMES.values()
    assert encoder.id != name_of(encoder.id)  # weights and preprocessing are named too
    listed = {choice.name: choice.dim for choice in encoder_choices()}
    assert encoder.dim == listed.get(name_of(encoder.id), encoder.dim) > 0
    assert encoder.batch_size > 0
    assert encoder.batches_at_once > 0
    assert encoder.logit_scale > 1
    assert encoder.context_length >= 16


def test_pixels_are_what_the_model_takes(encoder: Encoder, photos: list[Image.Image]) -> None:
    for photo in photos:
        pixels = encoder.prepare(photo)
        assert pixels.shape == (3, encoder.side_px, encoder.side_px)
        assert pixels.dtype in (np.uint8, np.float32)
        assert pixels.max() > pixels.min()


def test_rows_have_length_one_and_both_towers_one_dimension(
    encoder: Encoder, vectors: Vectors
) -> None:
    texts = encoder.encode_texts(TEXTS)
    for rows, n in ((vectors, len(vectors)), (texts, len(TEXTS))):
        assert rows.shape == (n, encoder.dim)
        assert rows.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)


def test_the_same_photo_twice_has_cosine_one(
    encoder: Encoder, photos: list[Image.Image], vectors: Vectors
) -> None:
    assert cosines(embed(encoder, photos), vectors).min() >= 0.99999


def test_different_photos_and_texts_have_different_vectors(
    encoder: Encoder, vectors: Vectors
) -> None:
    for rows in (vectors, encoder.encode_texts(TEXTS)):
        between = rows @ rows.T - 2 * np.eye(len(rows), dtype=np.float32)
        assert between.max() < 0.9999


def test_a_batch_is_what_its_photos_are_one_by_one_and_in_order(
    encoder: Encoder, photos: list[Image.Image], vectors: Vectors
) -> None:
    alone = np.concatenate([embed(encoder, [photo]) for photo in photos])
    assert cosines(alone, vectors).min() >= 0.99999
    assert cosines(embed(encoder, photos[::-1]), vectors[::-1]).min() >= 0.99999
    texts = encoder.encode_texts(TEXTS)
    one_by_one = np.concatenate([encoder.encode_texts([text]) for text in TEXTS])
    assert cosines(one_by_one, texts).min() >= 0.99999


def test_more_than_a_batch_is_embedded_in_order_too(
    encoder: Encoder, photos: list[Image.Image], vectors: Vectors
) -> None:
    which = np.arange(encoder.batch_size + 3) % len(photos)
    pixels = prepared(encoder, photos)
    assert cosines(encoder.encode_pixels(pixels[which]), vectors[which]).min() >= 0.99999


def test_nothing_in_nothing_out(encoder: Encoder) -> None:
    side_px = encoder.side_px
    none = encoder.encode_pixels(np.zeros((0, 3, side_px, side_px), np.uint8))
    assert none.shape == encoder.encode_texts([]).shape == (0, encoder.dim)
    assert none.dtype == np.float32


def test_two_instances_agree(
    opened: Callable[[], Encoder], encoder: Encoder, photos: list[Image.Image], vectors: Vectors
) -> None:
    other = opened()
    assert other.id == encoder.id
    assert cosines(embed(other, photos), vectors).min() >= 0.99999
    assert cosines(other.encode_texts(TEXTS), encoder.encode_texts(TEXTS)).min() >= 0.99999


def test_prepare_is_safe_in_threads(encoder: Encoder, photos: list[Image.Image]) -> None:
    expected = [encoder.prepare(photo) for photo in photos]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(3):
            for pixels, wanted in zip(pool.map(encoder.prepare, photos), expected, strict=True):
                np.testing.assert_array_equal(pixels, wanted)


def test_towers_are_safe_in_threads(
    encoder: Encoder, photos: list[Image.Image], vectors: Vectors
) -> None:
    with ThreadPoolExecutor(4) as pool:
        rows = np.concatenate(list(pool.map(lambda photo: embed(encoder, [photo]), photos)))
    assert cosines(rows, vectors).min() >= 0.99999


def test_a_photo_keeps_its_vector_in_another_size(
    encoder: Encoder, photos: list[Image.Image], vectors: Vectors
) -> None:
    smaller = [
        photo.resize((photo.width * 3 // 4, photo.height * 3 // 4), Image.Resampling.LANCZOS)
        for photo in photos
    ]
    rows = embed(encoder, smaller)
    assert cosines(rows, vectors).min() >= 0.95
    assert (np.argmax(rows @ vectors.T, axis=1) == np.arange(len(photos))).all()


def test_a_grey_photo_is_a_photo(encoder: Encoder, photos: list[Image.Image]) -> None:
    grey = photos[0].convert("L")
    rows = embed(encoder, [grey, grey.convert("RGB")])
    assert rows[0] @ rows[1] >= 0.99999


def test_odd_texts_do_no_harm(encoder: Encoder) -> None:
    rows = encoder.encode_texts(ODD_TEXTS)
    assert rows.shape == (len(ODD_TEXTS), encoder.dim)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    for text in ODD_TEXTS:
        assert encoder.token_count(text) >= 0


def test_tokens_are_counted_and_the_rest_is_cut_off(encoder: Encoder) -> None:
    short, long = encoder.token_count("a cat"), encoder.token_count("a cat " * 500)
    assert 2 <= short <= 6 < encoder.context_length < long
    longer = encoder.encode_texts(["a cat " * 500, "a cat " * 600])
    assert longer[0] @ longer[1] >= 0.99999
