"""The kind `openclip`: open_clip's models, `openclip:ARCH/PRETRAINED`.

A name may end in `+int8` (the image tower in int8) or `+fp32`. Without either, a trial on the
user's photos decides for a new library, and an existing library may be in either precision. `+fp32`
is not part of a stored name: a stored name without a suffix means float32.

This module imports neither torch nor NumPy: `imgsearch encoders` and the choice by `auto` need
nothing else.
"""

from __future__ import annotations

import hashlib
import warnings
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from imgsearch import private_files
from imgsearch.encoders.base import Encoder, EncoderKind, Int8Option, Notify, Recommendation
from imgsearch.encoders.device import has_gpu
from imgsearch.encoders.openclip import catalogue, hub, hub_requests
from imgsearch.encoders.openclip.catalogue import FP32, INT8, plain
from imgsearch.encoders.openclip.hub_requests import HubFile
from imgsearch.errors import CommandLine, Sentence
from imgsearch.records.status import EncoderInfo

_TRIED = Path("openclip", "tried")  # the results of the self-test, by model

if TYPE_CHECKING:
    from imgsearch.encoders.openclip.encoder import OpenClip
    from imgsearch.progress import OnDownload


def _open(
    name: str,
    cache_dir: Path,
    device: str,
    on_download: OnDownload | None,
    batch_size: int,
) -> Encoder:
    from imgsearch.encoders.openclip.encoder import OpenClip

    model = name.removeprefix(catalogue.PREFIX)
    encoder = OpenClip(model, cache_dir, device, on_download, batch_size)
    if catalogue.find(name) is not None:
        _try_once(encoder, name, cache_dir)
    return encoder


def _try_once(encoder: OpenClip, name: str, cache_dir: Path) -> None:
    """Try a model that was not tried on this machine; warn where it does not find drawings.

    The result is noted, so each command after a change does not warn again; `doctor` always does.
    """
    from imgsearch.encoders.self_test import try_out

    key = hashlib.sha256(f"{encoder.id} {encoder.runtime.label}".encode()).hexdigest()
    note = cache_dir / _TRIED / key
    if note.exists():
        return
    result = try_out(encoder)
    with suppress(OSError):  # then it is tried again
        private_files.replace_file(note, str(result).encode())
    if result.passed:
        return
    warnings.warn(
        f"{name} does not find drawings by their descriptions: {result}. Its files may not belong "
        "together, so do not trust its answers. `imgsearch encoders` lists others, and `imgsearch "
        "doctor` tries this one again; please report this.",
        RuntimeWarning,
        stacklevel=2,
    )


def _check(name: str) -> None:
    catalogue.split(name)


def _names(requested: str) -> tuple[str, ...]:
    name = plain(requested)
    if catalogue.int8_of(requested):
        return (requested,)
    return (name,) if requested.endswith(FP32) else (name, name + INT8)


def _name_of(encoder_id: str) -> str:
    return encoder_id.partition("@")[0]


def _choices() -> tuple[EncoderInfo, ...]:
    return tuple(
        EncoderInfo(
            name=model.name,
            dim=model.dim,
            size_mb=model.size_mb,
            licence=model.licence,
            accuracy=model.accuracy,
            weights_here=is_downloaded(model),
            note=model.note,
            disk_mb=model.disk_mb,
            test=model.test.words,
            share_right=model.share_right,
            is_published=True,
            prepare_s=model.prepare_s,
        )
        for model in catalogue.MODELS
    )


def is_downloaded(model: catalogue.RecommendedModel) -> bool:
    """Return whether all files of a recommended model are in the hub's cache on this machine."""
    if hub.cached(model.repo, hub.WEIGHT_FILES) is None:
        return False
    has_vocabulary = model.layout != "siglip" and catalogue.is_installed()  # in open_clip
    return has_vocabulary or hub.cached(model.repo, (hub.TOKENIZER_FILE,)) is not None


def _is_here(name: str, cache_dir: Path) -> bool:
    model = catalogue.find(name)
    if model is not None and is_downloaded(model):
        return True
    from imgsearch.encoders.openclip.runtime import are_weights_here

    return are_weights_here(name, cache_dir)


def _verify(name: str) -> None:
    model = catalogue.find(plain(name))
    weights = None if model is None else hub.cached(model.repo, hub.WEIGHT_FILES)
    if weights is not None:
        hub.verify(weights)


def _recommend(device: str, notify: Notify) -> Recommendation:
    """Return the device's default if it is cached or downloadable, else the other if cached."""
    gpu = has_gpu(device)
    names = (catalogue.GPU_DEFAULT, catalogue.CPU_DEFAULT)
    by_name = {model.name: model for model in catalogue.MODELS}
    best, other = (by_name[name] for name in (names if gpu else reversed(names)))
    place = "on a GPU" if gpu else "on a CPU"
    if not catalogue.has_extra():
        switch = CommandLine(f"rebuild --encoder {best.name}")
        return Recommendation(
            None,
            Sentence(f"{best.name} finds more ({_sizes(best)}): ", switch),
        )
    if is_downloaded(best):
        return Recommendation(best.name, f"the default {place}")
    if not hub.is_offline():
        notify(
            f"No model was chosen, and {best.name} is not on this machine: asking the model hub "
            f"({hub_requests.endpoint()}) for it. To ask nobody: --encoder lite, or "
            "HF_HUB_OFFLINE=1."
        )
    answer = hub.find(best.repo, hub.WEIGHT_FILES)
    if isinstance(answer, HubFile):
        return Recommendation(best.name, f"the default {place}, {_sizes(best)}")
    reason = f"{best.name} is not on this machine, and {answer.reason}"
    if not hub.is_offline():
        again = CommandLine(f"rebuild --encoder {best.name}")
        reason = Sentence(reason, " (to try again later: ", again, ")")
    return Recommendation(other.name if is_downloaded(other) else None, reason)


def _sizes(model: catalogue.RecommendedModel) -> str:
    return f"{model.size_mb} MB to download once, {model.disk_mb / 1000:.1f} GB of disk in all"


def _int8(requested: str, device: str) -> Int8Option | None:
    from imgsearch.encoders import openvino

    name = plain(requested)
    on_cpu = device in ("auto", "cpu") and not has_gpu(device)
    if requested != name or not on_cpu or not openvino.is_installed():
        return None

    def conditions() -> str:
        return f"int8 format {catalogue.INT8_FORMAT}, {openvino.machine()}"

    return Int8Option(name + INT8, name + FP32, Path("openclip", "int8.json"), conditions)


KIND = EncoderKind(
    prefix=catalogue.PREFIX.removesuffix(":"),
    open=_open,
    name_format="openclip:ARCH/PRETRAINED (any model of open_clip)",
    check=_check,
    names=_names,
    name_of=_name_of,
    choices=_choices,
    is_here=_is_here,
    verify=_verify,
    recommend=_recommend,
    int8=_int8,
    reads_only_english=catalogue.reads_only_english,
)
