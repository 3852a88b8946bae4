"""The contract of encoders, checked on real photos: `lite`, open_clip's, and a toy kind.

open_clip's weights are random here (its trained ones need the model hub) and its architecture is a
small one; `tests/test_encoders.py` has the larger ones. What is checked holds for any weights: it
is about geometry, order, batches and threads, not about finding the right photo.

The toy kind is a plug-in as a user would write it. That it passes the contract, and serves a whole
library, shows that a kind needs no change to imgsearch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from imgsearch import Library, Settings
from imgsearch.encoders.base import Encoder, EncoderKind
from imgsearch.encoders.registry import (
    encoder_choices,
    kind_of,
    name_of,
    open_encoder,
    register,
    unregister,
)
from imgsearch.errors import EncoderMismatch, UsageError
from imgsearch.records.status import EncoderInfo
from tests.factories import cosines, embed, prepared

if TYPE_CHECKING:
    from imgsearch.records.arrays import PixelBatch, Pixels, Vector, Vectors

NAMES = {
    "lite": "lite",
    "lite-views": "lite+views",
    "lite-dino": "lite+dino",
    "lite-dino-views": "lite+dino+views",
    "openclip-onnx": "openclip:ViT-S-32-alt/random",
    "openclip-int8": "openclip:ViT-S-32-alt/random+int8",
    "openclip-torch": "openclip:ViT-S-32-alt/random:3",
    "toy": "toy",
}
SAME_IN_ANOTHER_BATCH = 0.9999  # the promise of `Encoder.encode_pixels`
TEXTS = ("a photo of a cat", "a temple in the mountains", "two kids jumping into a lake")
ODD_TEXTS = ("", "   ", "日本の寺 🏯", "IMG_\udce9.jpg", "\x00\x1b[31m", "a long way home " * 3000)


# ---------------------------------------------------------------------------- a toy kind

COLOURS = {"red": (1, -1, -1), "green": (-1, 1, -1), "blue": (-1, -1, 1)}


class ToyEncoder:
    """Knows colours only: a photo is its colours in a 4 × 4 grid, a text those that it names.

    The first three numbers are the colour; the rest tells photos, and texts, from one another.
    """

    id = "toy@1"
    dim = 3 + 48
    side_px = 16
    batch_size = 8
    batches_at_once = 1
    logit_scale = 20.0
    context_length = 24

    def token_count(self, text: str) -> int:
        return len(text.split()) + 2

    def prepare(self, image: Image.Image) -> Pixels:
        size = (self.side_px, self.side_px)
        small = image.convert("RGB").resize(size, Image.Resampling.BOX)
        return np.asarray(small, np.uint8).transpose(2, 0, 1).copy()

    def encode_pixels(self, batch: PixelBatch) -> Vectors:
        grid = batch.reshape(len(batch), 3, 4, 4, 4, 4).mean(axis=(3, 5)) / 127.5 - 1
        return self._unit(4 * grid.mean(axis=(2, 3)), grid.reshape(len(batch), 48))

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        words = [text.split()[: self.context_length - 2] for text in texts]
        colours = [np.sum([COLOURS.get(w, (0, 0, 0)) for w in ["", *row]], axis=0) for row in words]
        others = [np.sum([self._noise(word) for word in ["", *row]], axis=0) for row in words]
        return self._unit(
            np.array(colours, np.float32).reshape(-1, 3), np.array(others).reshape(-1, 48)
        )

    def _noise(self, word: str) -> Vector:
        seed = hashlib.sha256(word.encode("utf-8", "surrogatepass")).digest()[:8]
        noise = np.random.default_rng(int.from_bytes(seed)).normal(0, 0.03, 48)
        return noise.astype(np.float32)

    def _unit(self, colours: np.ndarray, others: np.ndarray) -> Vectors:
        rows = np.concatenate([colours, others], axis=1).astype(np.float32)
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


TOY = EncoderKind(
    prefix="toy",
    open=lambda *arguments: ToyEncoder(),
    choices=lambda: (EncoderInfo("toy", ToyEncoder.dim, 0, "MIT", "knows three colours", True),),
)


@pytest.fixture(scope="module", autouse=True)
def _toy() -> Iterator[None]:
    register(TOY)
    yield
    unregister(TOY.prefix)


def test_a_registered_kind_serves_a_whole_library(
    tmp_path: Path, make_photo: Callable[..., Path]
) -> None:
    for name, rgb in (("r", (220, 20, 30)), ("g", (30, 200, 40)), ("b", (20, 30, 230))):
        make_photo(f"photos/{name}.png", rgb)
    settings = Settings.load(data_dir=tmp_path / "data", cache_dir=tmp_path, encoder="toy")
    with Library.open(settings) as library:
        assert library.encoders.in_use().name == "toy"
        assert "toy" in [choice.name for choice in library.encoders.choices()]
        assert library.index([tmp_path / "photos"]).run().new == 3
        for text, name in (("something red", "r"), ("a blue wall", "b"), ("green", "g")):
            assert library.search(text, k=1)[0].path.stem == name
        greenish = make_photo("greenish.png", (60, 180, 60))
        assert library.search(image=greenish, k=1)[0].path.stem == "g"
        assert library.status().encoder == "toy"
    lite = Settings.load(data_dir=tmp_path / "data", cache_dir=tmp_path, encoder="lite")
    with Library.open(lite) as library, pytest.raises(EncoderMismatch, match="toy, not lite"):
        library.search("red")


def test_an_encoder_object_needs_no_kind(tmp_path: Path, make_photo: Callable[..., Path]) -> None:
    make_photo("photos/r.png", (220, 20, 30))
    settings = Settings.load(data_dir=tmp_path / "data", cache_dir=tmp_path, encoder="auto")
    encoder = ToyEncoder()
    encoder.id = "mine@1"
    with Library.open(settings, encoder=encoder) as library:
        assert library.index([tmp_path / "photos"]).run().new == 1
        assert library.search("red", k=1)[0].path.stem == "r"
        assert library.encoders.in_use().name == library.status().encoder == "mine@1"
    with Library.open(settings) as library, pytest.raises(UsageError, match="mine@1"):
        library.search("blue")


def test_a_prefix_belongs_to_one_kind() -> None:
    assert kind_of("toy") is kind_of("toy@1") is TOY
    for prefix in ("toy", "lite", "openclip", "auto", "", "two words", "a:b"):
        with pytest.raises(ValueError, match="prefix"):
            register(EncoderKind(prefix=prefix, open=TOY.open))
    with pytest.raises(UsageError, match="toy"):
        open_encoder("toys", Path("unused"))


# ---------------------------------------------------------------------------- the contract


# Exporting a model takes seconds.
PARAMS = [
    pytest.param(case, marks=pytest.mark.slow) if case.startswith("openclip") else case
    for case in NAMES
]


@pytest.fixture(scope="module", params=PARAMS)
def opened(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, model_cache: Path
) -> Callable[[], Encoder]:
    """Opens the encoder under test; each call gives a new instance."""
    case, name = request.param, NAMES[request.param]
    if case == "lite":
        return lambda: open_encoder(name, model_cache)
    folder = tmp_path_factory.mktemp(case)
    if case != "openclip-torch":
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


def test_facts_are_consistent(encoder: Encoder) -> None:
    assert name_of(encoder.id) in NAMES.values()
    assert encoder.id != name_of(encoder.id)  # weights and preprocessing are named too
    listed = {choice.name: choice.dim for choice in encoder_choices()}
    assert encoder.dim == listed.get(name_of(encoder.id), encoder.dim) > 0
    assert encoder.batch_size > 0
    assert encoder.batches_at_once > 0
    assert encoder.logit_scale > 1
    assert encoder.context_length >= 16


def test_prepared_pixels_have_the_shape_of_the_model(
    encoder: Encoder, photos: list[Image.Image]
) -> None:
    for photo in photos:
        pixels = encoder.prepare(photo)
        assert pixels.shape == (3, encoder.side_px, encoder.side_px)
        assert pixels.dtype in (np.uint8, np.float32)
        assert pixels.max() > pixels.min()


def test_rows_of_both_towers_have_length_one_and_the_same_dimension(
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


def test_a_batch_gives_the_vectors_of_its_items_in_order(
    encoder: Encoder, photos: list[Image.Image], vectors: Vectors
) -> None:
    alone = np.concatenate([embed(encoder, [photo]) for photo in photos])
    assert cosines(alone, vectors).min() >= SAME_IN_ANOTHER_BATCH
    assert cosines(embed(encoder, photos[::-1]), vectors[::-1]).min() >= SAME_IN_ANOTHER_BATCH
    texts = encoder.encode_texts(TEXTS)
    one_by_one = np.concatenate([encoder.encode_texts([text]) for text in TEXTS])
    assert cosines(one_by_one, texts).min() >= 0.99999


def test_more_than_a_batch_is_embedded_in_order(
    encoder: Encoder, photos: list[Image.Image], vectors: Vectors
) -> None:
    which = np.arange(encoder.batch_size + 3) % len(photos)
    pixels = prepared(encoder, photos)
    repeated = encoder.encode_pixels(pixels[which])
    assert cosines(repeated, vectors[which]).min() >= SAME_IN_ANOTHER_BATCH


def test_no_items_give_no_rows(encoder: Encoder) -> None:
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
            for pixels, one_thread in zip(pool.map(encoder.prepare, photos), expected, strict=True):
                np.testing.assert_array_equal(pixels, one_thread)


def test_towers_are_safe_in_threads(
    encoder: Encoder, photos: list[Image.Image], vectors: Vectors
) -> None:
    with ThreadPoolExecutor(4) as pool:
        rows = np.concatenate(list(pool.map(lambda photo: embed(encoder, [photo]), photos)))
    assert cosines(rows, vectors).min() >= 0.99999


def test_the_size_of_a_photo_hardly_changes_its_vector(
    encoder: Encoder, photos: list[Image.Image], vectors: Vectors
) -> None:
    smaller = [
        photo.resize((photo.width * 3 // 4, photo.height * 3 // 4), Image.Resampling.LANCZOS)
        for photo in photos
    ]
    rows = embed(encoder, smaller)
    assert cosines(rows, vectors).min() >= 0.95
    assert (np.argmax(rows @ vectors.T, axis=1) == np.arange(len(photos))).all()


def test_a_greyscale_photo_is_embedded_as_in_rgb(
    encoder: Encoder, photos: list[Image.Image]
) -> None:
    grey = photos[0].convert("L")
    rows = embed(encoder, [grey, grey.convert("RGB")])
    assert rows[0] @ rows[1] >= 0.99999


def test_unusual_texts_are_embedded(encoder: Encoder) -> None:
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
