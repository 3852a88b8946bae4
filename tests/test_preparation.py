"""Recommended models are prepared from their files alone, and equal open_clip's own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from safetensors.numpy import load, save

from imgsearch.encoders.openclip import catalogue, tokens
from imgsearch.encoders.openclip.encoder import OpenClip
from imgsearch.encoders.openclip.preparation import prepare
from imgsearch.encoders.openclip.spec import ModelSpec
from imgsearch.encoders.openclip.tokens import PROBES, FileTokens
from imgsearch.encoders.registry import open_encoder
from imgsearch.errors import EncoderError, EncoderUnavailable
from imgsearch.progress import Download
from tests.factories import run_python, write_photos
from tests.model_hub import ModelHub, empty_cache, reachable_hub
from tests.small_models import (
    clip_vocabulary,
    safetensors_of,
    siglip_vocabulary,
    small_clip,
    small_siglip,
)

if TYPE_CHECKING:
    import torch

# Weights are random here, which the self-test of models says.
pytestmark = pytest.mark.filterwarnings("ignore:.*does not find drawings:RuntimeWarning")

CLIP, SIGLIP = catalogue.CPU_DEFAULT, catalogue.GPU_DEFAULT
TEXTS = ["a dog on the beach", "two dogs in snow", "a cat"]
# A process without the packages that the extra `models` brings.
NO_TORCH = """
import sys, warnings
warnings.simplefilter("default")
sys.modules.update(dict.fromkeys("torch torchvision open_clip timm transformers".split()))
from imgsearch.cli import main
main()
"""


@pytest.fixture
def our_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelHub]:
    empty_cache(tmp_path / "hub", monkeypatch)
    with reachable_hub(monkeypatch) as served:
        yield served


def offer(our_hub: ModelHub, name: str, weights: bytes, tokenizer: bytes | None) -> None:
    """Put a model into the hub under a recommended name."""
    model = catalogue.find(name)
    assert model is not None
    our_hub.files[f"{model.repo}/open_clip_model.safetensors"] = weights
    if tokenizer is not None:
        our_hub.files[f"{model.repo}/tokenizer.json"] = tokenizer
        our_hub.small.add(f"{model.repo}/tokenizer.json")


def without(monkeypatch: pytest.MonkeyPatch, *modules: str) -> None:
    for module in modules:
        monkeypatch.setitem(sys.modules, module, None)


def no_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "torch", "torchvision", "open_clip", "timm", "transformers")


def of_torch(model: torch.nn.Module, pixels: np.ndarray, ids: np.ndarray) -> list[np.ndarray]:
    """The rows of length 1 that open_clip's own code gives for normalised pixels and tokens."""
    import torch

    with torch.inference_mode():
        features = (
            model.encode_image(torch.from_numpy(pixels)),  # type: ignore[operator]
            model.encode_text(torch.from_numpy(ids)),  # type: ignore[operator]
        )
        return [torch.nn.functional.normalize(rows, dim=-1).numpy() for rows in features]


def ours(encoder: OpenClip, pixels: np.ndarray) -> list[np.ndarray]:
    return [encoder.encode_pixels(pixels), encoder.encode_texts(TEXTS)]


@pytest.mark.slow
def test_clip_is_prepared_without_torch_and_equals_open_clip(
    our_hub: ModelHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import open_clip

    model = small_clip(tmp_path / "configs")
    offer(our_hub, CLIP, safetensors_of(model), clip_vocabulary(tmp_path))
    pixels = np.random.default_rng(0).integers(0, 256, (3, 3, 64, 64), np.uint8)
    mean, std = np.array(open_clip.OPENAI_DATASET_MEAN), np.array(open_clip.OPENAI_DATASET_STD)
    normalised = (pixels / 255 - mean.reshape(3, 1, 1)) / std.reshape(3, 1, 1)
    ids = open_clip.tokenizer.SimpleTokenizer()(TEXTS).numpy()
    theirs = of_torch(model, normalised.astype(np.float32), ids)
    assert (theirs[0] @ theirs[0].T).min() < 0.999, "the photos differ"
    scale = float(model.logit_scale.detach().exp())  # type: ignore[operator]
    with monkeypatch.context() as small_installation:
        no_torch(small_installation)
        encoder = open_encoder(CLIP, tmp_path / "cache", "cpu")
        assert isinstance(encoder, OpenClip)
        for rows, expected in zip(ours(encoder, pixels), theirs, strict=True):
            np.testing.assert_allclose(rows, expected, atol=2e-5)
        assert encoder.logit_scale == pytest.approx(scale, rel=1e-6)
    with_torch = open_encoder(CLIP, tmp_path / "cache", "cpu")
    assert with_torch.id == encoder.id


@pytest.mark.slow
def test_siglip_is_prepared_without_torch_and_equals_open_clip(
    our_hub: ModelHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tokenizers import Tokenizer

    model, vocabulary = small_siglip(tmp_path / "configs"), siglip_vocabulary()
    offer(our_hub, SIGLIP, safetensors_of(model), vocabulary)
    pixels = np.random.default_rng(0).integers(0, 256, (2, 3, 256, 256), np.uint8)
    pixels[1] //= 4
    ids = np.zeros((3, 64), np.int64)
    for row, text in zip(ids, TEXTS, strict=True):
        encoded = Tokenizer.from_buffer(vocabulary).encode(text).ids
        row[: len(encoded)] = encoded
    theirs = of_torch(model, ((pixels / 255 - 0.5) / 0.5).astype(np.float32), ids)
    assert (theirs[1] @ theirs[1].T).min() < 0.9999, "the texts differ"
    no_torch(monkeypatch)
    encoder = open_encoder(SIGLIP, tmp_path / "cache", "cpu")
    assert isinstance(encoder, OpenClip)
    for rows, expected in zip(ours(encoder, pixels), theirs, strict=True):
        np.testing.assert_allclose(rows, expected, atol=2e-5)


def test_both_layouts_have_the_preprocessing_of_open_clip() -> None:
    import open_clip

    from imgsearch.encoders.openclip import clip_graphs, siglip_graphs
    from imgsearch.encoders.openclip.preparation import _FORMS

    graphs = {"clip": clip_graphs, "siglip": siglip_graphs}
    for model in catalogue.MODELS:
        if model.layout is None:
            continue
        theirs = open_clip.get_pretrained_cfg(*catalogue.split(model.name))
        form = _FORMS[model.layout]
        assert (theirs["resize_mode"], theirs["interpolation"]) == (form.resize_mode, "bicubic")
        assert (tuple(theirs["mean"]), tuple(theirs["std"])) == (form.mean, form.std)
        assert (form.mean, form.std) == (graphs[model.layout].MEAN, graphs[model.layout].STD)
        text = open_clip.get_model_config(ModelSpec.of(model.name).arch)["text_cfg"]
        assert text.get("tokenizer_kwargs", {}).get("clean", "lower") == form.cleaner
        assert text["width"] // text["heads"] == 64, "the width of a head"


@pytest.mark.slow
def test_the_tokens_of_a_clip_on_the_hub_are_those_of_open_clip(tmp_path: Path) -> None:
    from open_clip.tokenizer import SimpleTokenizer

    from imgsearch.encoders.openclip.tokenizer_files import write_clip_tokens

    assert SimpleTokenizer().pat.pattern == tokens.CLIP_PATTERN
    (tmp_path / "theirs.json").write_bytes(clip_vocabulary(tmp_path))
    pad_id = write_clip_tokens(tmp_path / "theirs.json", tmp_path / "ours.json")
    read = FileTokens(tmp_path / "ours.json", "lower", pad_id, 77)
    np.testing.assert_array_equal(read.ids(PROBES), SimpleTokenizer()(list(PROBES)).numpy())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda weights: weights.pop("visual.ln_post.bias"), "visual.ln_post.bias is missing"),
        (lambda weights: weights.pop("visual.proj"), "'visual.proj'"),
        (
            lambda weights: weights.update({"visual.head": np.zeros(3, np.float32)}),
            "visual.head is (3,), not absent",
        ),
        (
            lambda weights: weights.update({"ln_final.bias": np.zeros(64, np.float64)}),
            "its weight ln_final.bias is stored as F64",
        ),
        (
            lambda weights: weights.update({"visual.proj": weights["visual.proj"] * np.nan}),
            "no row of length 1",
        ),
    ],
)
def test_weights_of_another_layout_are_refused_with_a_way_on(
    change: object, said: str, our_hub: ModelHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = load(safetensors_of(small_clip(tmp_path / "configs")))
    assert callable(change)
    change(weights)
    offer(our_hub, CLIP, save(weights), clip_vocabulary(tmp_path))
    no_torch(monkeypatch)
    with pytest.raises(EncoderError) as caught:
        open_encoder(CLIP, tmp_path / "cache", "cpu")
    assert said in str(caught.value) and "[models]" in str(caught.value)
    folder = ModelSpec.of(CLIP).export_folder(tmp_path / "cache")
    assert not folder.exists() and not list(folder.parent.glob("*.weights"))


def test_a_tokenizer_of_another_kind_is_refused(tmp_path: Path) -> None:
    weights = tmp_path / "weights.safetensors"
    weights.write_bytes(safetensors_of(small_clip(tmp_path / "configs")))
    source = tmp_path / "tokenizer.json"
    for content in (
        b"",
        b"[]",
        b'{"model": {"vocab": {"a": 1}, "merges": []}}',
        siglip_vocabulary(),
    ):
        source.write_bytes(content)
        with pytest.raises(EncoderError, match="no tokenizer of this model"):
            prepare("clip", weights, source, tmp_path, lambda step: None)


@pytest.mark.slow
def test_a_vocabulary_that_does_not_end_texts_is_refused(tmp_path: Path) -> None:
    weights = tmp_path / "weights.safetensors"
    weights.write_bytes(safetensors_of(small_siglip(tmp_path / "configs")))
    source = tmp_path / "tokenizer.json"
    source.write_bytes(siglip_vocabulary(ends=False))
    with pytest.raises(EncoderError, match="does not end texts"):
        prepare("siglip", weights, source, tmp_path, lambda step: None)


@pytest.mark.slow
def test_the_vocabulary_is_asked_for_again_where_the_hub_failed(
    our_hub: ModelHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = small_clip(tmp_path / "configs")
    offer(our_hub, CLIP, safetensors_of(model), None)
    vocabulary, reports = clip_vocabulary(tmp_path), list[Download]()
    no_torch(monkeypatch)
    with pytest.raises(EncoderUnavailable, match=r"tokenizer\.json"):
        open_encoder(CLIP, tmp_path / "cache", "cpu")
    offer(our_hub, CLIP, b"not asked for again", vocabulary)
    open_encoder(CLIP, tmp_path / "cache", "cpu", reports.append)
    assert len([path for path in our_hub.storage_requests if path.startswith("GET")]) == 1
    assert [report.preparing for report in reports if report.preparing] == [
        "reading its weights",
        "converting its towers",
        "trying both towers",
    ]


@pytest.mark.slow
def test_a_small_installation_gets_from_the_hub_to_an_answer(
    our_hub: ModelHub, tmp_path: Path
) -> None:
    """The commands of the README, in a process without torch, against a hub on this machine."""
    offer(
        our_hub, CLIP, safetensors_of(small_clip(tmp_path / "configs")), clip_vocabulary(tmp_path)
    )
    photos = write_photos(tmp_path / "photos", 6)
    environment = {
        "IMGSEARCH_DATA": str(tmp_path / "library"),
        "IMGSEARCH_CACHE": str(tmp_path / "cache"),
        "HF_HOME": str(tmp_path / "home"),
        "HF_ENDPOINT": our_hub.address,
        "HF_HUB_OFFLINE": "0",
        "no_proxy": "127.0.0.1",
    }
    made = run_python(NO_TORCH, "index", photos, "--encoder", CLIP, **environment)
    assert made.returncode == 0, made.stderr
    assert "torch" not in made.stderr and "6" in made.stdout
    assert f"{CLIP} does not find drawings by their descriptions" in made.stderr
    examined = run_python(NO_TORCH, "doctor", **environment)
    assert examined.returncode == 6 and "does not find drawings" in examined.stdout, examined
    found = run_python(NO_TORCH, "search", "a dog", "--all", **environment)
    assert found.returncode == 0 and len(found.stdout.splitlines()) >= 6, found.stderr
    assert "drawings" not in found.stderr, "it is said once, and by doctor"
    asked = len(our_hub.requests)
    again = run_python(NO_TORCH, "index", **environment)
    assert again.returncode == 0 and len(our_hub.requests) == asked, again.stderr
