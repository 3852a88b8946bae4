"""The two ways to run a model, and which one is taken.

torch, on a GPU (or where it is asked for by name); ONNX Runtime on a CPU, from an export made at
the first use. Both give the same vectors, to a cosine of .9999 on a CPU. Once the export is made,
the CPU needs neither torch nor open_clip nor the weights any more.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from imgsearch.encoders.choice import has_gpu
from imgsearch.encoders.onnx_cache import OnnxModel, read_export, write_export
from imgsearch.encoders.openclip import catalogue, hub
from imgsearch.encoders.openclip.prepare import Preprocess
from imgsearch.errors import DiskError, EncoderError
from imgsearch.jobs import OnDownload

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from imgsearch.encoders.openclip.towers import Towers
    from imgsearch.jobs import OnDownload
    from imgsearch.records import PixelBatch, Vectors

IMAGE, TEXT, TOKENIZER = "image.onnx", "text.onnx", "tokenizer.json"  # the files of an export
_FORMAT = 3  # of an export: raise it when an older one must be made again


class Tokens(Protocol):
    """A tokenizer: ids of shape (n, context_length), and how many tokens a text has."""

    def ids(self, texts: Sequence[str]) -> NDArray[np.int64]: ...

    def count(self, text: str) -> int: ...


class Runtime(Protocol):
    """A model that can be run, from any thread. `label` says by what and where."""

    label: str
    weights_id: str
    dim: int
    context_length: int
    logit_scale: float
    preprocess: Preprocess

    @property
    def batch_size(self) -> int: ...

    @property
    def tokens(self) -> Tokens: ...

    def images(self, batch: PixelBatch) -> Vectors: ...

    def texts(self, ids: NDArray[np.int64]) -> Vectors: ...


@dataclass(frozen=True, slots=True)
class Spec:
    """Which model: its architecture, and the tag of its weights or the seed of random ones."""

    arch: str
    tag: str
    seed: int | None

    @property
    def name(self) -> str:
        return f"{catalogue.PREFIX}{self.arch}/{self.tag}"


class OnnxRuntime:
    """A model from its export. A tower is loaded when it is first used."""

    label = "ONNX Runtime on cpu"
    batch_size = 16

    def __init__(self, arch: str, folder: Path, facts: dict[str, Any]) -> None:
        self._arch, self._folder, self._facts = arch, folder, facts
        self._lock = threading.Lock()
        self._models: dict[str, OnnxModel] = {}
        self._tokens: Tokens | None = None
        self.weights_id: str = facts["weights_id"]
        self.dim: int = facts["dim"]
        self.context_length: int = facts["context_length"]
        self.logit_scale: float = facts["logit_scale"]
        self.preprocess = Preprocess.of(facts["preprocess"])

    @property
    def tokens(self) -> Tokens:
        with self._lock:
            if self._tokens is None:
                self._tokens = self._open_tokens()
            return self._tokens

    def images(self, batch: PixelBatch) -> Vectors:
        return self._model(IMAGE)(batch)

    def texts(self, ids: NDArray[np.int64]) -> Vectors:
        return self._model(TEXT)(without_padding(ids) if self._facts["cuts_padding"] else ids)

    def _model(self, file: str) -> OnnxModel:
        with self._lock:
            if file not in self._models:
                self._models[file] = OnnxModel(self._folder / file, lean=file == TEXT)
            return self._models[file]

    def _open_tokens(self) -> Tokens:
        arguments = self._facts["tokenizer"]
        if arguments is None:  # one that only open_clip's own code reads right
            from imgsearch.encoders.openclip.torch_tokens import TorchTokens

            return TorchTokens(self._arch)
        from imgsearch.encoders.openclip.tokens import FastTokens

        return FastTokens(self._folder / TOKENIZER, **arguments)


def without_padding(ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """Token ids up to the last closing mark, the highest id of a row: a tenth of all, mostly."""
    return np.ascontiguousarray(ids[:, : int(ids.argmax(axis=1).max()) + 1])


def open_runtime(
    spec: Spec, cache_dir: Path, device: str, on_download: OnDownload | None
) -> Runtime:
    """The model of `spec` on `device`, fetched and exported if that is still to be done."""
    if has_gpu(device) or device not in ("auto", "cpu"):
        return _towers(spec, device, on_download)
    folder = cache_dir / "openclip" / f"{spec.arch}--{spec.tag}".replace(":", "-")
    made_for = f"{spec.name}, format {_FORMAT}"
    facts = read_export(folder, made_for)
    if facts is None:
        towers = _towers(spec, "cpu", on_download)
        try:
            from imgsearch.encoders.openclip.export import export

            facts = write_export(folder, made_for, lambda fresh: export(towers, fresh))
        except (EncoderError, DiskError) as error:
            warnings.warn(
                f"{spec.name} runs in torch, which is slower than ONNX Runtime and has to be "
                f"loaded anew each time: {error}",
                RuntimeWarning,
                stacklevel=4,
            )
            return towers
    return OnnxRuntime(spec.arch, folder, facts)


def _towers(spec: Spec, device: str, on_download: OnDownload | None) -> Towers:
    from imgsearch.encoders.openclip import towers

    if spec.seed is not None:
        return towers.random_towers(spec.arch, spec.seed, device)
    return towers.pretrained_towers(spec.arch, spec.tag, _fetch(spec, on_download), device)


def _fetch(spec: Spec, on_download: OnDownload | None) -> Path:
    """The weight file of a trained model, from the cache or the hub."""
    known = catalogue.known(spec.name)
    if known is not None:
        return hub.fetch(known.repo, hub.WEIGHT_FILES, on_download)
    from imgsearch.encoders.openclip import towers

    place = str(towers.pretrained_config(spec.arch, spec.tag)["hf_hub"])
    repo, _, file = place.rpartition("/")
    return hub.fetch(repo, hub.weight_files(file), on_download)
