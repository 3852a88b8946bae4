"""Small models with random weights, in the layouts and files of the trained ones on a model hub."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import torch

_CLIP: dict[str, Any] = {
    "embed_dim": 64,
    "vision_cfg": {"image_size": 64, "layers": 2, "width": 128, "patch_size": 16},
    "text_cfg": {
        "context_length": 77,
        "vocab_size": 49408,
        "width": 64,
        "heads": 1,
        "layers": 2,
    },
}
# As open_clip's ViT-B-16-SigLIP2-256, with two blocks in each tower and few words.
_SIGLIP_TEXT = {"vocab_size": 64, "layers": 2}


def small_clip(folder: Path) -> torch.nn.Module:
    """Make a CLIP model of open_clip, and register its architecture in `folder`."""
    return _made(folder, "small-clip", _CLIP)


def small_siglip(folder: Path) -> torch.nn.Module:
    """Make a SigLIP 2 model of open_clip and timm, and register its architecture in `folder`."""
    import open_clip

    config = open_clip.get_model_config("ViT-B-16-SigLIP2-256")
    assert config is not None
    config["text_cfg"] |= _SIGLIP_TEXT
    return _made(folder, "small-siglip", config)


def safetensors_of(model: torch.nn.Module) -> bytes:
    """The weights file of a model, as open_clip writes it for a hub."""
    from safetensors.torch import save

    return save({name: part.contiguous() for name, part in model.state_dict().items()})


def clip_vocabulary(folder: Path) -> bytes:
    """CLIP's tokenizer.json, as the transformers library writes it for a hub."""
    from open_clip.tokenizer import SimpleTokenizer
    from transformers import AutoTokenizer

    theirs = SimpleTokenizer()
    ids = {
        {"<start_of_text>": "<|startoftext|>", "<end_of_text>": "<|endoftext|>"}.get(word, word): i
        for word, i in theirs.encoder.items()
    }
    merges = sorted(theirs.bpe_ranks, key=theirs.bpe_ranks.__getitem__)
    (folder / "vocab.json").write_text(json.dumps(ids))
    (folder / "merges.txt").write_text(
        "#version: 0.2\n" + "\n".join(f"{left} {right}" for left, right in merges)
    )
    (folder / "config.json").write_text('{"model_type": "clip"}')
    AutoTokenizer.from_pretrained(folder).save_pretrained(folder / "saved")
    return (folder / "saved" / "tokenizer.json").read_bytes()


def siglip_vocabulary(*, ends: bool = True) -> bytes:
    """A small tokenizer.json of SigLIP 2's kind, which puts an end mark behind each text."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    words = [
        "<pad>",
        "<eos>",
        "<bos>",
        "<unk>",
        *["a", "dog", "cat", "two", "dogs", "on", "the", "beach", "in", "snow"],
    ]
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, "<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    if ends:
        tokenizer.post_processor = processors.TemplateProcessing("$A <eos>", None, [("<eos>", 1)])
    return tokenizer.to_str().encode()


def _made(folder: Path, name: str, config: dict[str, Any]) -> torch.nn.Module:
    import open_clip
    import torch

    folder.mkdir(exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(config))
    open_clip.add_model_config(folder)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        model: torch.nn.Module = open_clip.create_model(name).eval()
    random = np.random.default_rng(7)
    with torch.no_grad():  # biases and norms begin as zeros and ones, which hides mistakes
        for part in model.parameters():
            if part.ndim == 1:
                part.add_(torch.from_numpy(random.normal(0, 0.2, part.shape).astype(np.float32)))
    return model
