"""The ways to run a model, and which one is taken.

torch, on a GPU (or where it is asked for by name); on a CPU, an export made at the first use: in
ONNX Runtime, or with the image tower's weights in int8 in OpenVINO. In float32 they give the same
vectors, to a cosine of .9999 on a CPU; int8 has a name and vectors of its own. Once the export is
made, the CPU needs neither torch nor open_clip nor the weights any more.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from imgsearch.encoders import openvino
from imgsearch.encoders.device import CpuDevice, has_gpu
from imgsearch.encoders.onnx import ExportFacts, OnnxModel, ParallelModel, read_export, write_export
from imgsearch.encoders.openclip import catalogue, hub
from imgsearch.encoders.openclip.catalogue import FP32, INT8, plain
from imgsearch.encoders.openclip.prepare import Preprocess
from imgsearch.errors import DiskError, EncoderError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from imgsearch.encoders.device import Device
    from imgsearch.encoders.openclip.towers import Towers
    from imgsearch.progress import OnDownload
    from imgsearch.records.arrays import PixelBatch, Vectors

IMAGE, TEXT, TOKENIZER = "image.onnx", "text.onnx", "tokenizer.json"  # the files of an export
_FORMAT = 3  # of an export: raise it when an older one must be made again
INT8_FORMAT = 1  # the same of what is written from it; vectors change with it: part of the id
INT8_GROUP = 128  # weights, and activations, that have one scale


class Tokens(Protocol):
    """A tokenizer: ids of shape (n, context_length), and how many tokens a text has."""

    def ids(self, texts: Sequence[str]) -> NDArray[np.int64]: ...

    def count(self, text: str) -> int: ...


class Runtime(Protocol):
    """A model that can be run, from any thread. `label` says by what and where."""

    weights_id: str
    dim: int
    context_length: int
    logit_scale: float
    preprocess: Preprocess

    @property
    def label(self) -> str: ...

    @property
    def texts_at_once(self) -> int: ...

    @property
    def tokens(self) -> Tokens: ...

    def image_device(self) -> Device: ...

    def texts(self, ids: NDArray[np.int64]) -> Vectors: ...


@dataclass(frozen=True, slots=True)
class Spec:
    """Which model: its architecture, and the tag of its weights or the seed of random ones.

    With `int8`, its image tower's weights are whole numbers.
    """

    arch: str
    tag: str
    seed: int | None
    int8: bool = False

    @property
    def name(self) -> str:
        precision = INT8 if self.int8 else ""
        return f"{catalogue.PREFIX}{self.arch}/{self.tag}{precision}"


class OnnxRuntime:
    """A model from its export. A tower is loaded when it is first used.

    `int8` is the folder with the image tower in int8, which then is used.
    """

    texts_at_once = 16

    def __init__(
        self, arch: str, folder: Path, facts: dict[str, Any], int8: Path | None = None
    ) -> None:
        self._arch, self.folder, self._facts, self._int8 = arch, folder, facts, int8
        self._lock = threading.Lock()
        self._models: dict[str, ParallelModel] = {}
        self._tokens: Tokens | None = None
        self.weights_id: str = facts["weights_id"]
        self.dim: int = facts["dim"]
        self.context_length: int = facts["context_length"]
        self.logit_scale: float = facts["logit_scale"]
        self.preprocess = Preprocess.of(facts["preprocess"])

    def in_int8(self, folder: Path) -> OnnxRuntime:
        """The same model with the image tower of that folder."""
        return OnnxRuntime(self._arch, self.folder, self._facts, folder)

    @property
    def label(self) -> str:
        in_openvino = self._int8 is not None and openvino.is_here()
        return f"{'OpenVINO' if in_openvino else 'ONNX Runtime'} on cpu"

    @property
    def tokens(self) -> Tokens:
        with self._lock:
            if self._tokens is None:
                self._tokens = self._open_tokens()
            return self._tokens

    def image_device(self) -> Device:
        return CpuDevice(self.images, self.dim, self.preprocess.side_px)

    def images(self, batch: PixelBatch) -> Vectors:
        return self._model(IMAGE)(batch)

    def texts(self, ids: NDArray[np.int64]) -> Vectors:
        return self._model(TEXT)(without_padding(ids) if self._facts["cuts_padding"] else ids)

    def _model(self, file: str) -> ParallelModel:
        with self._lock:
            if file not in self._models:
                self._models[file] = self._open(file)
            return self._models[file]

    def _open(self, file: str) -> ParallelModel:
        if file == TEXT or self._int8 is None:
            return OnnxModel(self.folder / file, lean=file == TEXT)
        if openvino.is_here():
            return openvino.OpenVinoModel(self._int8 / file, INT8_GROUP)
        return OnnxModel(self._int8 / file)

    def _open_tokens(self) -> Tokens:
        arguments = self._facts["tokenizer"]
        if arguments is None:  # one that only open_clip's own code reads right
            from imgsearch.encoders.openclip.torch_tokens import TorchTokens

            return TorchTokens(self._arch)
        from imgsearch.encoders.openclip.tokens import FastTokens

        return FastTokens(self.folder / TOKENIZER, **arguments)


def without_padding(ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """Token ids up to the last closing mark, the highest id of a row: a tenth of all, mostly."""
    return np.ascontiguousarray(ids[:, : int(ids.argmax(axis=1).max()) + 1])


def open_runtime(
    spec: Spec, cache_dir: Path, device: str, on_download: OnDownload | None
) -> Runtime:
    """The model of `spec` on `device`, fetched and exported if that is still to be done.

    In int8 it runs on the CPU, whatever the device.
    """
    if spec.int8:
        return _open_int8(spec, cache_dir, on_download)
    if has_gpu(device) or device not in ("auto", "cpu"):
        return _towers(spec, device, on_download)
    folder = _folder(spec, cache_dir)
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


def _open_int8(spec: Spec, cache_dir: Path, on_download: OnDownload | None) -> Runtime:
    """The same with the image tower in int8, written from the export in float32."""
    exact = open_runtime(replace(spec, int8=False), cache_dir, "cpu", on_download)
    if not isinstance(exact, OnnxRuntime):
        raise EncoderError(
            f"{spec.name} needs the model's export, and that cannot be made here. Use "
            f"{plain(spec.name)}{FP32} in its place."
        )
    folder = _folder(spec, cache_dir)
    made_for = f"{spec.name}, weights {exact.weights_id}, format {INT8_FORMAT}"

    def build(fresh: Path) -> ExportFacts:
        from imgsearch.encoders.openclip import int8

        return {"matrices": int8.write(exact.folder / IMAGE, fresh / IMAGE)}

    if read_export(folder, made_for) is None:
        write_export(folder, made_for, build)
    return exact.in_int8(folder)


def _folder(spec: Spec, cache_dir: Path) -> Path:
    name = spec.name.removeprefix(catalogue.PREFIX)
    return cache_dir / "openclip" / name.replace("/", "--", 1).replace(":", "-")


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
