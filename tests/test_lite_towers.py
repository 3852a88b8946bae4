"""The graphs of the towers compute what the original models compute."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from tokenizers import Tokenizer

from imgsearch.encoders.lite import graph, heads, towers, weights
from imgsearch.encoders.lite.heads import CURRENT
from imgsearch.encoders.lite.pth import read_tensors
from imgsearch.encoders.lite.spec import TEXT_LAYERS
from imgsearch.encoders.tokenizer import WholeWordVocabulary
from imgsearch.errors import EncoderError
from tests.factories import cosines, unit
from training.text_tower import PackageTensors, text_model

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from imgsearch.encoders.base import Encoder
    from imgsearch.encoders.lite.weights import Tensors

TEXTS = ["a dog", "Two kids jumping into a lake .", "", "a very long walk " * 60]


@pytest.fixture(scope="module")
def tensors() -> Tensors:
    return weights.image_tensors()


@pytest.fixture(scope="module")
def pixels(lite: Encoder, demo_photos: Path) -> NDArray[np.uint8]:
    paths = sorted(demo_photos.iterdir())
    return np.array([lite.prepare(Image.open(path)) for path in paths], np.uint8)


@pytest.fixture(scope="module")
def in_float32(
    tensors: Tensors, pixels: NDArray[np.uint8], tmp_path_factory: pytest.TempPathFactory
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    import onnxruntime

    model = graph.image_model_float32(tensors).SerializeToString()
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    features, logits = session.run(["features", "logits"], {"pixels": pixels})
    return features, logits


def test_the_weights_are_read_as_torch_reads_them(tensors: Tensors) -> None:
    torch = pytest.importorskip("torch")
    state = torch.load(weights.IMAGE.path(), map_location="cpu", weights_only=True)
    assert list(tensors) == list(state)
    for name, tensor in state.items():
        assert tensors[name].dtype == np.float32 and tensors[name].shape == tuple(tensor.shape)
        assert np.array_equal(tensors[name], tensor.float().numpy()), name


def test_a_file_of_tensors_runs_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "weights.pth"
    file.write_bytes(pickle.dumps(print))
    with pytest.raises(EncoderError, match=r"no need of builtins\.print"):
        read_tensors(file)
    file.write_bytes(pickle.dumps(7))
    with pytest.raises(EncoderError, match=r"not a file of tensors"):
        read_tensors(file)


@pytest.mark.slow
def test_the_image_graph_is_timms_network(
    tensors: Tensors,
    pixels: NDArray[np.uint8],
    in_float32: tuple[NDArray[np.float32], NDArray[np.float32]],
) -> None:
    timm = pytest.importorskip("timm")
    import torch

    model = timm.create_model("tf_efficientnet_lite2", pretrained=False).eval()
    names = model.state_dict()
    state = {name: torch.tensor(t) for name, t in zip(names, tensors.values(), strict=True)}
    model.load_state_dict(state)
    few = (torch.tensor(pixels[:4]).float() - 127) / 128
    with torch.inference_mode():
        np.testing.assert_allclose(model(few).numpy(), in_float32[1][:4], atol=1e-3)


def test_the_int8_tower_is_close_to_float32(
    lite: Encoder,
    pixels: NDArray[np.uint8],
    in_float32: tuple[NDArray[np.float32], NDArray[np.float32]],
    model_cache: Path,
) -> None:
    trained = heads.load(CURRENT.path)
    tower = towers.open_image_tower(model_cache, trained.ranges, threads=2)
    features, _ = tower.outputs(pixels)
    # Scans and textures are the hardest.
    assert cosines(unit(features), unit(in_float32[0])).mean() >= 0.98
    exact = trained.image_vectors(*in_float32)
    assert cosines(lite.encode_pixels(pixels), exact).mean() >= 0.98


def test_ranges_are_measured_for_each_value_without_relu6(
    tensors: Tensors, pixels: NDArray[np.uint8]
) -> None:
    import onnxruntime

    model = graph.image_model_float32(tensors, with_ranges=True).SerializeToString()
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    lows, highs = session.run(["lows", "highs"], {"pixels": pixels[:2]})
    assert lows.shape == highs.shape == (2, len(heads.load(CURRENT.path).ranges))
    assert (lows < 0).all()
    assert (highs > 0).all()


# ---------------------------------------------------------------------------- texts


@pytest.fixture(scope="module")
def text_tensors() -> PackageTensors:
    return PackageTensors(weights.TEXT.verified())


@pytest.fixture(scope="module")
def rows_in_float32(text_tensors: PackageTensors) -> NDArray[np.float32]:
    import onnxruntime

    model = text_model(text_tensors, in_float32=True).SerializeToString()
    tower = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return towers.encode(tower, towers.WordPieces(), TEXTS)


def test_the_graph_in_the_package_is_the_one_that_training_writes(
    text_tensors: PackageTensors,
) -> None:
    written = text_model(text_tensors).SerializeToString(deterministic=True)
    assert weights.TEXT_GRAPH.verified().read_bytes() == written


def test_the_text_graph_is_the_network_of_its_package(
    rows_in_float32: NDArray[np.float32],
) -> None:
    """The package's own graph gets further outputs: the norms that end the layers."""
    import onnx
    import onnxruntime

    model = onnx.load(weights.TEXT.path())
    norms = [n.output[0] for n in model.graph.node if n.op_type == "LayerNormalization"]
    ends = norms[::2]  # of the embeddings, and of each layer
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in ends)
    network = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    pieces = towers.WordPieces()
    for text, row in zip(TEXTS, rows_in_float32, strict=True):
        ids = np.array([towers.truncated(pieces.ids(text))], np.int64)
        inputs = {
            "input_ids": ids,
            "attention_mask": np.ones_like(ids),
            "token_type_ids": np.zeros_like(ids),
        }
        own, *layers = network.run(["last_hidden_state", *ends], inputs)
        np.testing.assert_array_equal(own, layers[-1])
        parts = np.split(row, 1 + len(TEXT_LAYERS))
        for part, layer in zip(parts, (-1, *TEXT_LAYERS), strict=True):
            assert part @ unit(layers[layer].mean(axis=1))[0] >= 0.99999


def test_the_text_tower_is_close_to_float32(
    rows_in_float32: NDArray[np.float32], tmp_path: Path
) -> None:
    rows = towers.encode(towers.open_text_tower(tmp_path, threads=2), towers.WordPieces(), TEXTS)
    parts = (np.split(each, 1 + len(TEXT_LAYERS), axis=1) for each in (rows, rows_in_float32))
    for part, exact in zip(*parts, strict=True):
        np.testing.assert_allclose(np.linalg.norm(part, axis=1), 1, atol=1e-5)
        for text, cosine in zip(TEXTS, cosines(part, exact), strict=True):
            assert cosine >= (0.997 if text else 0.99), text


def test_a_text_has_the_same_vector_alone_and_among_others(tmp_path: Path) -> None:
    tower, pieces = towers.open_text_tower(tmp_path, threads=2), towers.WordPieces()
    together = towers.encode(tower, pieces, TEXTS)
    for text, row in zip(TEXTS, together, strict=True):
        np.testing.assert_allclose(towers.encode(tower, pieces, [text])[0], row, atol=1e-5)


def test_truncated_tokens_keep_their_end_mark() -> None:
    pieces = towers.WordPieces()
    assert len(pieces.ids("a dog")) == 4
    assert len(pieces.ids("dog " * 500)) == 502
    assert towers.truncated(list(range(502)))[-2:] == [126, 501]


@pytest.fixture(scope="module")
def library() -> Tokenizer:
    """The tokenizer of the text tower as the library `tokenizers` reads it."""
    tokenizer = Tokenizer.from_file(str(weights.TOKENIZER.path))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


@pytest.mark.slow
def test_every_word_of_the_vocabulary_has_the_tokens_of_the_library(library: Tokenizer) -> None:
    words, whole = WholeWordVocabulary(weights.TOKENIZER.path, towers.BERT_WORDS), 0
    for word in library.get_vocab():
        ids = words.ids(word) if word == word.lower() else None
        whole += ids is not None
        assert ids in (None, library.encode(word).ids), word
    assert whole > 23_000


@pytest.mark.slow
@given(
    st.lists(
        st.sampled_from(["Dog", "it's", "3rd", "[CLS]", "##s", "a-b", "x^y"]) | st.text(max_size=6)
    )
)
def test_texts_have_the_tokens_of_the_library(library: Tokenizer, parts: list[str]) -> None:
    text = " ".join(parts)
    valid = text.encode("utf-8", "replace").decode("utf-8")
    assert towers.WordPieces().ids(text) == library.encode(valid).ids
