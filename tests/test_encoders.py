"""The choice of an encoder, the model hub, and open_clip's models in torch and as exports."""

from __future__ import annotations

import hashlib
import json
import os
import re
import socket
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from imgsearch import Library, Settings
from imgsearch.encoders import onnx
from imgsearch.encoders.openclip import catalogue, hub
from imgsearch.encoders.registry import choose, encoder_choices, name_of, open_encoder
from imgsearch.encoders.tokenizer import WholeWordVocabulary
from imgsearch.errors import DiskError, EncoderError, EncoderUnavailable, UsageError
from imgsearch.progress import Download
from tests.factories import cosines, embed, prepared, run_python, write_photos
from tests.model_hub import COMMIT, ModelHub, empty_cache, reachable_hub

if TYPE_CHECKING:
    from imgsearch.records.arrays import PixelBatch

SMALL = "openclip:ViT-S-32-alt/random"
CLIP, SIGLIP = catalogue.CPU_DEFAULT, catalogue.GPU_DEFAULT


def recommended(name: str) -> catalogue.RecommendedModel:
    model = catalogue.find(name)
    assert model is not None
    return model


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty hub cache, with the network forbidden."""
    return empty_cache(tmp_path / "hub", monkeypatch)


@pytest.fixture
def our_hub(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelHub]:
    """A hub that can be reached, and an empty cache."""
    with reachable_hub(monkeypatch) as served:
        yield served


def put(cache: Path, repo: str, file: str, content: bytes = b"weights") -> Path:
    """Put a file into the hub's cache as its client does where links are not possible."""
    folder = cache / f"models--{repo.replace('/', '--')}"
    (folder / "refs").mkdir(parents=True, exist_ok=True)
    (folder / "refs" / "main").write_text(COMMIT)
    path = folder / "snapshots" / COMMIT / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


# ---------------------------------------------------------------------------- choosing


HEAVY = (
    "{'torch', 'open_clip', 'onnxruntime', 'numpy', 'PIL', 'transformers', 'tokenizers', 'timm'}"
)


def test_choosing_loads_nothing_heavy() -> None:
    done = run_python(
        "import sys; from imgsearch.encoders import registry\n"
        "registry.encoder_choices(); print(registry.choose('auto', 'cpu').name)\n"
        f"print(*({HEAVY} & set(sys.modules)))"
    )
    assert done.stdout.split() == ["lite"], done.stderr


@pytest.mark.parametrize(("name", "other"), [("lite", "openclip"), (SMALL, "lite")])
def test_a_kind_of_encoder_loads_nothing_of_the_other(name: str, other: str) -> None:
    done = run_python(
        "import sys; from imgsearch.encoders import prompts, registry\n"
        f"registry.choose({name!r}); prompts.prompts_for({name!r}, 'dog')\n"
        f"print(registry.satisfies({name!r}, {name!r}), *({HEAVY} & set(sys.modules)))\n"
        f"print(*(m for m in sys.modules if 'encoders.{other}' in m))"
    )
    assert done.stdout.split() == ["True"], done.stderr


def test_the_choices_are_what_open_clip_has(cache: Path) -> None:
    import open_clip

    choices = encoder_choices()
    assert [choice.name for choice in choices[:4]] == [
        "lite",
        "lite+views",
        "lite+dino",
        "lite+dino+views",
    ]
    assert {CLIP, SIGLIP} <= {choice.name for choice in choices}
    for choice, model in zip(choices[4:], catalogue.MODELS, strict=True):
        arch, tag = catalogue.split(choice.name)
        assert open_clip.get_pretrained_cfg(arch, tag)["hf_hub"] == f"{model.repo}/"
        config = open_clip.get_model_config(arch)
        assert choice.dim == config["embed_dim"]
        assert config["text_cfg"].get("hf_tokenizer_name") == (
            model.repo if model.layout == "siglip" else None
        )
        assert not choice.weights_here


@pytest.mark.parametrize(
    ("written", "named"), [("clip", CLIP), ("SigLIP2", SIGLIP), ("dino", "lite+dino")]
)
def test_a_part_of_a_name_leads_to_the_whole_one(written: str, named: str) -> None:
    with pytest.raises(UsageError, match=r"Did you mean .*" + re.escape(named)):
        choose(written)


def test_research_weights_are_marked_and_random_ones_are_not_offered() -> None:
    notes = {choice.name: choice.note for choice in encoder_choices()}
    assert "research" in notes["openclip:MobileCLIP-S2/datacompdr"]
    assert not any("random" in name for name in notes)


def test_a_model_is_downloaded_when_all_its_files_are(cache: Path) -> None:
    model = recommended(SIGLIP)

    def here() -> bool:
        return next(c.weights_here for c in encoder_choices() if c.name == SIGLIP)

    put(cache, model.repo, "open_clip_model.safetensors")
    assert not here()  # its vocabulary is still missing
    put(cache, model.repo, "tokenizer.json")
    assert here()


def test_auto_chooses_the_default_of_the_device_if_it_is_downloaded(cache: Path) -> None:
    put(cache, recommended(CLIP).repo, "open_clip_pytorch_model.bin")
    assert choose("auto", "cpu").name == CLIP
    choice = choose("auto", "cuda")
    assert choice.name == CLIP  # the default on a GPU cannot be downloaded
    assert "HF_HUB_OFFLINE" in choice.why
    for file in ("open_clip_model.safetensors", "tokenizer.json"):
        put(cache, recommended(SIGLIP).repo, file)
    assert choose("auto", "cuda").name == SIGLIP
    assert choose("auto", "cpu").name == CLIP


def test_auto_is_lite_when_the_network_is_forbidden(cache: Path) -> None:
    choice = choose("auto", "cpu")
    assert choice.name == "lite"
    assert "HF_HUB_OFFLINE" in choice.why
    assert "--encoder" in choice.why
    assert "\n" not in choice.why


def test_auto_chooses_what_the_hub_has_and_gives_its_size(our_hub: ModelHub) -> None:
    assert choose("auto", "cpu").name == "lite"  # the hub answers, but has no such file
    repo = recommended(CLIP).repo
    our_hub.files[f"{repo}/open_clip_model.safetensors"] = b"weights"
    choice = choose("auto", "cpu")
    assert choice.name == CLIP
    assert "605 MB" in choice.why
    assert not any(request.startswith("GET") for request in our_hub.requests), "downloaded"


def test_a_person_is_told_before_the_hub_is_asked(our_hub: ModelHub, tmp_path: Path) -> None:
    told: list[str] = []
    requests_before: list[int] = []

    def notify(sentence: str) -> None:
        told.append(sentence)
        requests_before.append(len(our_hub.requests))

    photos = write_photos(tmp_path / "photos", 1)
    with Library.open(Settings.load(data_dir=tmp_path / "library"), notify) as library:
        library.index([photos]).run()
    assert "asking the model hub" in told[0] and "--encoder lite" in told[0]
    assert requests_before[0] == 0 < len(our_hub.requests)
    told.clear()
    named = Settings.load(data_dir=tmp_path / "named", encoder="lite")
    with Library.open(named, notify) as library:
        library.index([photos]).run()
    assert not any("hub" in sentence for sentence in told)


@pytest.mark.alone
@pytest.mark.parametrize("silent", [True, False], ids=["accepts-and-is-silent", "refuses"])
def test_auto_decides_in_five_seconds_behind_a_broken_network(tmp_path: Path, silent: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        if not silent:
            server.close()
        done = run_python(
            "import time, urllib.request; from huggingface_hub import try_to_load_from_cache\n"
            "from imgsearch.encoders.registry import choose, kinds; kinds()\n"
            "started = time.monotonic(); print(choose('auto', 'cpu').name)\n"
            "print(time.monotonic() - started)",  # without the imports, which a busy machine delays
            HF_ENDPOINT=f"http://127.0.0.1:{port}",
            HF_HUB_OFFLINE="0",
            HF_HOME=str(tmp_path),
            no_proxy="127.0.0.1",
        )
    name, seconds = done.stdout.split()
    assert (name, done.stderr) == ("lite", "")
    assert float(seconds) < (5 if silent else 3)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("light", "lite"),
        ("ViT-B-32-256/datacomp_s34b_b86k", CLIP),
        ("openclip:ViT-B-32-255/datacomp_s34b_b86k", "openclip:ViT-B-32-256/"),
        ("openclip:ViT-L-14", "openclip:ViT-L-14/datacomp_xl_s13b_b90k"),
        ("openclip:ViT-L-14/datacomp", "openclip:ViT-L-14/datacomp_xl_s13b_b90k"),
        ("openclip:ViT-S-32-alt/random:x", "random:7"),
        ("", "imgsearch encoders"),
    ],
)
def test_the_error_for_an_unknown_name_suggests_the_nearest(
    name: str, hint: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError) as caught:
        open_encoder(name, tmp_path, "cpu")
    assert hint in str(caught.value)


def test_an_id_gives_the_name() -> None:
    assert name_of("lite/2:abc") == "lite"
    assert name_of("lite/2+views:abc") == "lite+views"
    assert name_of("lite/2+dino:abc+dinov2") == "lite+dino"
    assert name_of("lite/2+dino+views:abc+dinov2") == "lite+dino+views"
    assert name_of(f"{CLIP}@0123/256px-shortest-bicubic-cc9102/1") == CLIP
    assert name_of(f"{CLIP}+int8@0123/256px-shortest-bicubic-cc9102/1.2") == f"{CLIP}+int8"
    with pytest.raises(UsageError, match="rebuild"):
        name_of("future:model@1")


# ---------------------------------------------------------------------------- trained weights


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> str:
    """A name for weights that open_clip knows, of a small model, with settings of their own."""
    import open_clip

    monkeypatch.setitem(
        open_clip.pretrained._PRETRAINED,
        "ViT-S-32-alt",
        {
            "here": {
                "hf_hub": "some/model/",
                "mean": (0.5, 0.4, 0.3),
                "std": (0.2, 0.3, 0.4),
                "interpolation": "bilinear",
                "resize_mode": "squash",
                "quick_gelu": True,
            }
        },
    )
    return "openclip:ViT-S-32-alt/here"


def weights_of_a_small_model() -> bytes:
    import torch
    from safetensors.torch import save

    from imgsearch.encoders.openclip import torch as openclip_torch

    model = openclip_torch.random_model("ViT-S-32-alt", 5, "cpu").module
    return save({k: v.to(torch.float16).contiguous() for k, v in model.state_dict().items()})


@pytest.mark.slow
def test_trained_weights_are_downloaded_and_give_the_vectors_of_open_clip(
    our_hub: ModelHub, trained: str, tmp_path: Path, demo_photos: Path
) -> None:
    import open_clip
    import torch

    content = weights_of_a_small_model()
    our_hub.files["some/model/open_clip_model.safetensors"] = content
    reports: list[Download] = []
    (tmp_path / "file").touch()  # no export can be written there: it is not needed
    with pytest.warns(RuntimeWarning, match="runs in torch"):
        encoder = open_encoder(trained, tmp_path / "file", "cpu", reports.append)
    assert reports[0] == Download("open_clip_model.safetensors", 0, len(content))
    assert hashlib.sha256(content).hexdigest()[:16] in encoder.id
    assert "224px-squash-bilinear" in encoder.id

    file = hub.cached("some/model", hub.WEIGHT_FILES)
    theirs, _, transform = open_clip.create_model_and_transforms(
        "ViT-S-32-alt",
        pretrained=str(file),
        force_quick_gelu=True,
        image_mean=(0.5, 0.4, 0.3),
        image_std=(0.2, 0.3, 0.4),
        image_interpolation="bilinear",
        image_resize_mode="squash",
    )
    photos = [Image.open(path).convert("RGB") for path in sorted(demo_photos.iterdir())[:3]]
    texts = ["a cat", "a cup of coffee"]
    with torch.inference_mode():
        expected = theirs.eval().encode_image(torch.stack([transform(p) for p in photos]), True)
        expected_texts = theirs.encode_text(open_clip.tokenize(texts), True)
    ours = embed(encoder, photos)
    assert (ours * expected.numpy()).sum(axis=1).min() >= 0.9999
    assert (encoder.encode_texts(texts) * expected_texts.numpy()).sum(axis=1).min() >= 0.9999


def test_the_error_for_damaged_weights_names_the_file_and_the_cure(
    cache: Path, trained: str, tmp_path: Path
) -> None:
    file = put(cache, "some/model", "open_clip_model.safetensors", b"\x08" + b"\0" * 100)
    with pytest.raises(EncoderError, match="delete it") as caught:
        open_encoder(trained, tmp_path, "cpu")
    assert str(file) in str(caught.value)


@pytest.mark.slow
def test_two_seeds_are_two_models(tmp_path: Path) -> None:
    from imgsearch.encoders.openclip.torch import random_model

    one, same, other = (random_model("ViT-S-32-alt", seed, "cpu") for seed in (1, 1, 2))
    ids = one.tokens.ids(["a cat"])
    assert float((one.texts(ids) @ same.texts(ids).T).item()) >= 0.99999
    assert float((one.texts(ids) @ other.texts(ids).T).item()) < 0.9


def test_an_absent_device_is_an_error() -> None:
    from imgsearch.encoders.openclip.torch import random_model

    with pytest.raises(EncoderError, match="--device cpu"):
        random_model("ViT-S-32-alt", 0, "toaster")


# ---------------------------------------------------------------------------- larger models


@pytest.mark.slow
def test_the_default_architecture_works(demo_photos: Path) -> None:
    """ViT-B-32-256, the default on a CPU, with random weights, in torch."""
    from imgsearch.encoders.openclip.torch import random_model

    model = random_model("ViT-B-32-256", 0, "cpu")
    photo = Image.open(sorted(demo_photos.iterdir())[0])
    pixels = model.preprocess(photo)
    assert pixels.shape == (3, 256, 256)
    rows = model.images(cast("PixelBatch", np.stack([pixels, pixels, pixels[:, ::-1]])))
    assert rows.shape == (3, recommended(CLIP).dim)
    assert rows[0] @ rows[1] >= 0.99999 > rows[0] @ rows[2]
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    assert model.texts(model.tokens.ids(["a dog"])).shape == (1, 512)
    assert model.logit_scale == pytest.approx(1 / 0.07, rel=1e-4)


@pytest.mark.slow
def test_a_siglip_model_with_its_vocabulary_from_the_hub(cache: Path, demo_photos: Path) -> None:
    from imgsearch.encoders.openclip.torch import random_model

    model = random_model("ViT-B-16-SigLIP-256", 0, "cpu")
    with pytest.raises(EncoderUnavailable, match="timm/ViT-B-16-SigLIP"):
        model.tokens.ids(["a cat"])
    put_vocabulary(cache)
    photo = Image.open(sorted(demo_photos.iterdir())[0])
    pixels = model.preprocess(photo)
    squashed = np.asarray(photo.resize((256, 256), Image.Resampling.BICUBIC)).transpose(2, 0, 1)
    np.testing.assert_array_equal(pixels, squashed)
    image, text = model.images(pixels[None]), model.texts(model.tokens.ids(["a cat, a dog"]))
    assert image.shape == text.shape == (1, 768)
    np.testing.assert_allclose(np.linalg.norm(np.concatenate([image, text]), axis=1), 1, atol=1e-5)
    assert model.context_length == model.tokens.context_length == 64


def test_a_vocabulary_from_the_hub_is_exported_exactly(cache: Path, tmp_path: Path) -> None:
    from imgsearch.encoders.openclip.tokens import FileTokens
    from imgsearch.encoders.openclip.torch import TorchTokens

    put_vocabulary(cache)
    theirs = TorchTokens("ViT-B-16-SigLIP-256")
    arguments = theirs.write(tmp_path / "tokenizer.json")
    assert arguments is not None
    ours = FileTokens(tmp_path / "tokenizer.json", **cast("dict[str, Any]", arguments))
    texts = ["A cat, a DOG_dog!", "", "a " * 100]
    np.testing.assert_array_equal(ours.ids(texts), theirs.ids(texts))
    assert [ours.count(text) for text in texts] == [theirs.count(text) for text in texts]


@pytest.fixture(scope="module")
def clips_tokens(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Tokenizer]:
    """CLIP's tokenizer written down, and the same as the library `tokenizers` reads it."""
    from imgsearch.encoders.openclip.torch import TorchTokens

    path = tmp_path_factory.mktemp("tokens") / "tokenizer.json"
    assert TorchTokens("ViT-B-32").write(path) is not None
    return path, Tokenizer.from_file(str(path))


@pytest.mark.slow
def test_whole_words_of_clip_are_tokenized_without_the_library(
    clips_tokens: tuple[Path, Tokenizer],
) -> None:
    from imgsearch.encoders.openclip.tokens import CLIP_WORDS

    path, library = clips_tokens
    words = WholeWordVocabulary(path, CLIP_WORDS)
    ends = (token for token in library.get_vocab() if token.endswith("</w>") and token.isascii())
    sample = [token.removesuffix("</w>") for token in sorted(ends)][::12]  # a look-up takes 1 ms
    found = [words.ids(word) for word in sample]
    assert sum(ids is not None for ids in found) > 0.99 * len(sample) > 2_700
    for word, ids in zip(sample, found, strict=True):
        assert ids in (None, library.encode(word).ids), word


@given(
    st.lists(
        st.one_of(
            st.sampled_from(
                ["dog", "it's", "we'RE", "3rd", "1920s", "'s", "!?", "A", "x&y", "<b>"]
            ),
            st.text(st.characters(max_codepoint=0x17F), max_size=8),
        ),
        max_size=6,
    ).map(" ".join)
)
def test_texts_have_the_tokens_of_the_library(
    clips_tokens: tuple[Path, Tokenizer], text: str
) -> None:
    import html

    import ftfy

    from imgsearch.encoders.openclip.tokens import CLEANERS, CLIP_WORDS

    path, library = clips_tokens
    mended = " ".join(html.unescape(html.unescape(ftfy.fix_text(text))).split())
    assert CLEANERS["whitespace"](text) == mended
    for clean in (mended, mended.lower()):
        assert WholeWordVocabulary(path, CLIP_WORDS).ids(clean) in (None, library.encode(clean).ids)


def test_the_tokenizers_library_is_loaded_for_split_words_only(
    clips_tokens: tuple[Path, Tokenizer],
) -> None:
    path, library = clips_tokens
    code = (
        "import sys; from pathlib import Path\n"
        "from imgsearch.encoders.openclip.tokens import FileTokens\n"
        f"tokens = FileTokens(Path({str(path)!r}), 'lower', 0, 77)\n"
        "for text in ('A dog, in the snow!', 'A dog in Kraków'):\n"
        "    print(*tokens.ids([text])[0, :tokens.count(text)])\n"
        "    print(not {'tokenizers', 'ftfy'} & set(sys.modules))"
    )
    done = run_python(code)
    plain, is_light, other, is_light_still = done.stdout.splitlines()
    assert [int(one) for one in plain.split()] == library.encode("a dog, in the snow!").ids
    assert [int(one) for one in other.split()] == library.encode("a dog in kraków").ids
    assert (is_light, is_light_still) == ("True", "False")


def put_vocabulary(cache: Path) -> None:
    """Put a small vocabulary into the cache in place of SigLIP's, which needs the model hub."""
    words = {"<unk>": 0, "<pad>": 1, "</s>": 2, "a": 3, "cat": 4, "dog": 5}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", 2)]
    )
    marks = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", **marks}
    repo = "timm/ViT-B-16-SigLIP"
    put(cache, repo, "tokenizer.json", tokenizer.to_str().encode())
    put(cache, repo, "tokenizer_config.json", json.dumps(settings).encode())


# ---------------------------------------------------------------------------- preparing


@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
@pytest.mark.parametrize("mode", ["shortest", "squash", "longest"])
def test_photos_are_prepared_as_open_clip_prepares_them(mode: str, interpolation: str) -> None:
    import torch
    from open_clip.transform import PreprocessCfg, image_transform_v2

    from imgsearch.encoders.openclip.spec import Preprocess

    zero, one = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    theirs = image_transform_v2(
        PreprocessCfg(224, "RGB", zero, one, interpolation, mode, fill_color=7), is_train=False
    )
    ours = Preprocess(224, mode, interpolation, zero, one, fill_color=7)
    random = np.random.default_rng(0)
    for width, height in [(640, 427), (427, 640), (224, 224), (100, 301), (999, 31), (225, 224)]:
        coarse = Image.fromarray(random.integers(32, 224, (9, 9, 3), np.uint8))
        photo = coarse.resize((width, height), Image.Resampling.BICUBIC)
        expected = (theirs(photo) * 255).round().to(torch.uint8).numpy().astype(int)
        # Ours computes no pixel that is cropped away, which rounds some others differently.
        assert np.abs(ours(photo) - expected).max() <= 2, f"{width}×{height}"
        assert (ours(photo) == expected).mean() > 0.98, f"{width}×{height}"


# ---------------------------------------------------------------------------- exports


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder with the small model exported."""
    folder = tmp_path_factory.mktemp("exports")
    open_encoder(SMALL, folder, "cpu")
    return folder


@pytest.mark.slow
def test_onnx_runtime_agrees_with_torch(exported: Path, demo_photos: Path) -> None:
    from imgsearch.encoders.openclip.torch import random_model

    encoder, model = open_encoder(SMALL, exported, "cpu"), random_model("ViT-S-32-alt", 0, "cpu")
    photos = [Image.open(path) for path in sorted(demo_photos.iterdir())[:8]]
    pixels = prepared(encoder, photos)
    assert cosines(encoder.encode_pixels(pixels), model.images(pixels)).min() >= 0.9999
    texts = ["a cat", "a rocket launch at night", ""]
    expected = model.texts(model.tokens.ids(texts))
    assert cosines(encoder.encode_texts(texts), expected).min() >= 0.9999


@pytest.mark.slow
def test_a_query_needs_neither_torch_nor_the_image_tower(exported: Path) -> None:
    done = run_python(
        "import sys; from pathlib import Path\n"
        "from imgsearch.encoders.registry import open_encoder\n"
        f"encoder = open_encoder({SMALL!r}, Path({str(exported)!r}), 'cpu')\n"
        "print(encoder.encode_texts(['a cat']).shape, encoder.token_count('a cat'))\n"
        "print(encoder.runtime.label, *encoder.runtime.loaded)\n"
        "print(*(set(sys.modules) & {'torch', 'open_clip', 'transformers', 'timm'}))"
    )
    assert done.stdout.splitlines() == ["(1, 256) 4", "ONNX Runtime on cpu text.onnx", ""]


def test_a_model_that_cannot_be_exported_runs_in_torch_with_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    def fail(*args: object, **options: object) -> None:
        sys.stdout.write("a page of internals")
        raise RuntimeError("no such operator")

    monkeypatch.setattr(torch.onnx, "export", fail)
    with pytest.warns(RuntimeWarning, match="no such operator"):
        encoder = open_encoder(SMALL, tmp_path, "cpu")
    assert encoder.encode_texts(["a cat"]).shape == (1, 256)
    assert not [path for path in tmp_path.rglob("*") if path.suffix == ".onnx"]


def test_such_a_warning_is_a_sentence_on_the_command_line(
    tmp_path: Path, demo_photos: Path
) -> None:
    done = run_python(
        "import sys, torch, warnings\n"
        "from imgsearch import cli\n"
        "warnings.simplefilter('default')\n"
        "def fail(*arguments, **options):\n"
        "    raise RuntimeError('no such operator')\n"
        "torch.onnx.export = fail\n"
        f"sys.argv = ['imgsearch', 'index', {str(demo_photos)!r}, '--encoder', {SMALL!r}]\n"
        "cli.main()",
        XDG_CACHE_HOME=str(tmp_path),
        XDG_DATA_HOME=str(tmp_path),
    )
    (told,) = (line for line in done.stderr.splitlines() if "runs in torch" in line)
    assert told.startswith("openclip:ViT-S-32-alt/random runs in torch, which is slower")
    assert "RuntimeWarning" not in done.stderr


@pytest.mark.slow
def test_exported_tokens_are_those_of_open_clip(exported: Path) -> None:
    from imgsearch.encoders.openclip.torch import TorchTokens

    theirs = TorchTokens("ViT-S-32-alt")
    ours = open_encoder(SMALL, exported, "cpu").runtime.tokens  # type: ignore[attr-defined]

    @given(st.text(st.characters(exclude_categories=["Cs", "Cn"]), max_size=40))
    def same(text: str) -> None:
        np.testing.assert_array_equal(ours.ids([text]), theirs.ids([text]))
        assert ours.count(text) == theirs.count(text)

    same()


def writer(content: bytes, calls: list[int]) -> Callable[[Path], onnx.ExportFacts]:
    def build(folder: Path) -> onnx.ExportFacts:
        calls.append(1)
        time.sleep(0.05)
        (folder / "model.onnx").write_bytes(content)
        return {"dim": 3}

    return build


def test_concurrent_exports_are_made_once(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "model"
    calls: list[int] = []
    build = writer(b"graph", calls)
    with ThreadPoolExecutor(4) as pool:
        facts = list(pool.map(lambda _: onnx.write_export(folder, "m", build), range(4)))
    assert facts == [{"dim": 3}] * 4
    assert len(calls) == 1
    assert sorted(path.name for path in folder.iterdir()) == ["manifest.json", "model.onnx"]
    assert sorted(path.name for path in folder.parent.iterdir()) == ["model", "model.lock"]


@pytest.mark.parametrize("damage", ["cut", "gone", "changed", "manifest", "other"])
def test_a_damaged_or_outdated_export_is_made_again(tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "model"
    calls: list[int] = []
    onnx.write_export(folder, "format 1", writer(b"graph", calls))
    file = folder / "model.onnx"
    if damage == "cut":
        file.write_bytes(b"gra")
    elif damage == "gone":
        file.unlink()
    elif damage == "changed":
        file.write_bytes(b"grapH")
        os.utime(file, (1, 1))
    elif damage == "manifest":
        (folder / "manifest.json").write_text('{"made_for": "format 1"')
    made_for = "format 2" if damage == "other" else "format 1"
    assert onnx.read_export(folder, made_for) is None
    onnx.write_export(folder, made_for, writer(b"graph", calls))
    assert onnx.read_export(folder, made_for) == {"dim": 3}
    assert file.read_bytes() == b"graph"
    assert len(calls) == 2


def test_a_graph_that_cannot_be_loaded_names_the_cure(tmp_path: Path) -> None:
    file = tmp_path / "model.onnx"
    file.write_bytes(b"no graph at all")
    with pytest.raises(EncoderError, match="Delete the folder"):
        onnx.OnnxModel(file)


def test_a_copied_export_is_not_made_again(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    onnx.write_export(folder, "m", writer(b"graph", []))
    os.utime(folder / "model.onnx", (1, 1))
    assert onnx.read_export(folder, "m") == {"dim": 3}


def test_a_failed_export_leaves_nothing(tmp_path: Path) -> None:
    def build(folder: Path) -> onnx.ExportFacts:
        (folder / "model.onnx").write_bytes(b"half")
        raise EncoderError("stumbled")

    with pytest.raises(EncoderError, match="stumbled"):
        onnx.write_export(tmp_path / "model", "m", build)
    assert [path.name for path in tmp_path.iterdir()] == ["model.lock"]
    (tmp_path / "file").touch()
    with pytest.raises(DiskError, match="writable"):
        onnx.write_export(tmp_path / "file" / "model", "m", build)


def test_an_export_deletes_what_a_killed_one_left_behind(tmp_path: Path) -> None:
    begun = """
import os, sys
from pathlib import Path
from imgsearch.encoders import onnx

def build(folder):
    (folder / "model.onnx").write_bytes(b"half")
    print(os.listdir(folder.parent), flush=True)
    os._exit(0)

onnx.write_export(Path(sys.argv[1]), "m", build)
"""
    assert ".model-" in run_python(begun, tmp_path / "model").stdout
    onnx.write_export(tmp_path / "model", "m", writer(b"graph", []))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model", "model.lock"]


def test_a_full_disk_is_reported_as_such_whatever_the_exporter_says(tmp_path: Path) -> None:
    code = """
import resource, signal, sys
from pathlib import Path
from PIL import Image
from imgsearch.encoders.lite.encoder import Lite
from imgsearch.errors import DiskError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
from tests.factories import embed
try:
    embed(Lite(Path(sys.argv[1])), [Image.new("RGB", (64, 64))])
except DiskError as error:
    print(error)
"""
    done = run_python(code, tmp_path)
    assert "Cannot write the model to" in done.stdout, done.stderr
    assert "Free some space" in done.stdout
    assert [path.suffix for path in tmp_path.iterdir()] == [".lock"]
