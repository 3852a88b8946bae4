"""The graphs of the towers compute what the original models compute."""

from __future__ import annotations

import pickle
import warnings
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


@pytest.mark.slow
def test_the_text_graph_is_the_original_network(model_cache: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # another project's deprecations are not ours to fix
        transformers = pytest.importorskip("transformers")
        torch = pytest.importorskip("torch")
        folder = weights.TEXT.path().parent
        model = transformers.AutoModel.from_pretrained(folder).eval()
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        batch = tokenizer(TEXTS, padding=True, truncation=True, max_length=128, return_tensors="pt")
        with torch.inference_mode():
            layers = model(**batch, output_hidden_states=True).hidden_states
    mask = batch["attention_mask"].numpy()[..., None]
    tower = towers.open_text_tower(model_cache, threads=2)
    rows = towers.encode(tower, towers.WordPieces(), TEXTS)
    parts = np.split(rows, 1 + len(TEXT_LAYERS), axis=1)
    for part, layer in zip(parts, (-1, *TEXT_LAYERS), strict=True):
        expected = (layers[layer].numpy() * mask).sum(axis=1)
        np.testing.assert_allclose(np.linalg.norm(part, axis=1), 1, atol=1e-5)
        assert cosines(part, unit(expected)).min() >= 0.9999


def test_truncated_tokens_keep_their_end_mark() -> None:
    pieces = towers.WordPieces()
    assert len(pieces.ids("a dog")) == 4
    assert len(pieces.ids("dog " * 500)) == 502
    assert towers.truncated(list(range(502)))[-2:] == [126, 501]


@pytest.fixture(scope="module")
def library() -> Tokenizer:
    """The tokenizer of the text tower as the library `tokenizers` reads it."""
    tokenizer = Tokenizer.from_file(str(weights.TOKENIZER.path()))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


@pytest.mark.slow
def test_every_word_of_the_vocabulary_has_the_tokens_of_the_library(library: Tokenizer) -> None:
    words, whole = WholeWordVocabulary(weights.TOKENIZER.path(), towers.BERT_WORDS), 0
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
