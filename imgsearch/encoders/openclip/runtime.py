"""The ways to run an open_clip model, and the choice between them.

On a GPU, or any device requested by name, torch runs the model. On a CPU an export runs, made at
the first use: in ONNX Runtime, or in OpenVINO with the image tower's weights in int8. In float32
all give the same vectors, on a CPU to a cosine of .9999; int8 has a name and vectors of its own.
Once the export is made, a CPU needs neither torch nor open_clip nor the weights.
"""

from __future__ import annotations

import shutil
import threading
import warnings
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct
from msgspec.structs import asdict, replace

from imgsearch.encoders import openvino
from imgsearch.encoders.device import CpuDevice, Device, has_gpu
from imgsearch.encoders.onnx import ExportFacts, OnnxModel, ParallelModel, read_export, write_export
from imgsearch.encoders.openclip import catalogue, hub
from imgsearch.encoders.openclip.catalogue import FP32, plain
from imgsearch.encoders.openclip.spec import (
    FORMAT,
    IMAGE,
    INT8_EXPORT,
    TEXT,
    TOKENIZER,
    ModelSpec,
    Preprocess,
)
from imgsearch.encoders.openclip.tokens import FileTokens, without_padding
from imgsearch.errors import DiskError, EncoderError, EncoderUnavailable, MissingPackage
from imgsearch.installation import cpu_torch_hint, install_command
from imgsearch.progress import Download, OnDownload

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from imgsearch.encoders.openclip.torch import TorchModel
    from imgsearch.records.arrays import PixelBatch, Vectors


# Distributions that only the preparation of a model and GPUs need, with their modules.
_PREPARING = {"torch": "torch", "open_clip_torch": "open_clip", "timm": "timm"}

# Notes about weights with a right checksum, by commit and name: another program that downloads into
# the hub's cache may not compare it.
_CHECKED = Path("openclip", "checked")


class Tokens(Protocol):
    """A tokenizer: ids of shape (n, context_length), and the number of tokens of a text."""

    def ids(self, texts: Sequence[str]) -> NDArray[np.int64]: ...

    def count(self, text: str) -> int: ...


class Runtime(Protocol):
    """A runnable model, safe in any thread. `label` names the runtime and the device."""

    weights_id: str
    dim: int
    context_length: int
    logit_scale: float
    preprocess: Preprocess

    @property
    def label(self) -> str: ...

    @property
    def text_batch_size(self) -> int: ...

    @property
    def tokens(self) -> Tokens: ...

    def image_device(self) -> Device: ...

    def texts(self, ids: NDArray[np.int64]) -> Vectors: ...


class Int8Tower(Struct, frozen=True):
    """The file of an image tower in int8, and the number of activations with one scale."""

    folder: Path
    group: int


class OnnxRuntime:
    """A model that runs from its export. Each tower loads when it is first used.

    `int8` is the image tower in int8, if wanted.
    """

    text_batch_size = 16

    def __init__(
        self,
        arch: str,
        folder: Path,
        facts: dict[str, Any],
        int8: Int8Tower | None = None,
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

    def in_int8(self, tower: Int8Tower) -> OnnxRuntime:
        """Return the same model with this int8 image tower."""
        return OnnxRuntime(self._arch, self.folder, self._facts, tower)

    @property
    def label(self) -> str:
        in_openvino = self._int8 is not None and openvino.is_installed()
        return f"{'OpenVINO' if in_openvino else 'ONNX Runtime'} on cpu"

    @property
    def loaded(self) -> frozenset[str]:
        """The files of the towers that are loaded."""
        return frozenset(self._models)

    @property
    def tokens(self) -> Tokens:
        with self._lock:
            if self._tokens is None:
                self._tokens = self._load_tokens()
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
                self._models[file] = self._load(file)
            return self._models[file]

    def _load(self, file: str) -> ParallelModel:
        if file == TEXT or self._int8 is None:
            return OnnxModel(self.folder / file, lean=file == TEXT)
        if openvino.is_installed():
            return openvino.OpenVinoModel(self._int8.folder / file, self._int8.group)
        return OnnxModel(self._int8.folder / file)

    def _load_tokens(self) -> Tokens:
        arguments = self._facts["tokenizer"]
        if arguments is None:  # only open_clip's own code gives the right ids
            require_torch(self._arch)
            from imgsearch.encoders.openclip.torch import TorchTokens

            return TorchTokens(self._arch)
        return FileTokens(self.folder / TOKENIZER, **arguments)


def open_runtime(
    spec: ModelSpec, cache_dir: Path, device: str, on_download: OnDownload | None
) -> Runtime:
    """Open the model of `spec` on `device`, downloaded and exported if necessary.

    In int8 it always runs on the CPU. Warns if a CPU must use torch because the model cannot be
    exported. Raises MissingPackage if it must be prepared and torch or open_clip is not installed.
    """
    if spec.int8:
        return _open_int8(spec, cache_dir, on_download)
    if has_gpu(device) or device not in ("auto", "cpu"):
        return _load_torch_model(spec, cache_dir, device, on_download)
    folder = spec.export_folder(cache_dir)
    made_for = _made_for(spec)
    facts = read_export(folder, made_for)
    if facts is None:
        facts = _prepared_from_files(spec, cache_dir, folder, made_for, on_download)
    if facts is None:
        tell = _teller(spec.name, on_download)
        model = _load_torch_model(spec, cache_dir, "cpu", on_download, tell)
        try:
            from imgsearch.encoders.openclip.export import export

            facts = write_export(folder, made_for, lambda empty: export(model, empty, tell))
        except (EncoderError, DiskError) as error:
            warnings.warn(
                f"{spec.name} runs in torch, which is slower than ONNX Runtime and takes longer to "
                f"load: {error}",
                RuntimeWarning,
                stacklevel=4,
            )
            return model
    return OnnxRuntime(spec.arch, folder, facts)


def are_weights_here(name: str, cache_dir: Path) -> bool:
    """Return whether a model is prepared, has random weights, or its weights are in the cache.

    Of a recommended model that needs no torch, only the first counts: its weights alone are not
    enough. Raises MissingPackage for a model that cannot be prepared, UsageError for unknown
    weights.
    """
    spec = replace(ModelSpec.of(name), int8="")
    if read_export(spec.export_folder(cache_dir), _made_for(spec)) is not None:
        return True
    model = catalogue.find(spec.name)
    if model is not None and model.layout is not None:
        return False
    require_torch(spec.name)
    if spec.seed is not None:
        return True
    return hub.cached(*_weights_on_hub(spec)) is not None


def _made_for(spec: ModelSpec) -> str:
    """Return what an export of this model states that it is."""
    return f"{spec.name}, format {FORMAT}"


def _weights_on_hub(spec: ModelSpec) -> tuple[str, tuple[str, ...]]:
    """Return the repository of a model's weights, and their possible names. It needs open_clip."""
    model = catalogue.find(spec.name)
    if model is not None:
        return model.repo, hub.WEIGHT_FILES
    from imgsearch.encoders.openclip import torch  # takes seconds to import

    place = str(torch.pretrained_config(spec.arch, spec.tag)["hf_hub"])
    repo, _, file = place.rpartition("/")
    return repo, hub.weight_files(file)


def _prepared_from_files(
    spec: ModelSpec,
    cache_dir: Path,
    folder: Path,
    made_for: str,
    on_download: OnDownload | None,
) -> ExportFacts | None:
    """Export a recommended model without torch, and return the facts of the export.

    Returns None for other models, and where torch is installed for a model that cannot be exported
    so. Raises EncoderUnavailable, EncoderError and DiskError.
    """
    model = catalogue.find(spec.name)
    if model is None or model.layout is None:
        return None
    layout, tell = model.layout, _teller(spec.name, on_download)
    on_download = _before_preparing(model, on_download)
    _check_space(model, folder)
    weights = _recommended_weights(model, cache_dir, on_download, tell)
    try:
        if weights.suffix != ".safetensors":
            raise EncoderError(f"{weights.name} can only be read by torch")
        tokenizer = hub.fetch(model.repo, (hub.TOKENIZER_FILE,), on_download)

        def build(empty: Path) -> ExportFacts:
            from imgsearch.encoders.openclip.preparation import prepare  # onnx: for an export only

            return prepare(layout, weights, tokenizer, empty, tell)

        return write_export(folder, made_for, build)
    except EncoderUnavailable:
        if _missing_packages():
            raise
    except EncoderError as error:
        if _missing_packages():
            raise EncoderError(
                f"{spec.name} cannot be prepared: {error}. Torch may be able to: "
                f"{install_command('models')}. {cpu_torch_hint()}"
            ) from error
    return None


def _open_int8(spec: ModelSpec, cache_dir: Path, on_download: OnDownload | None) -> Runtime:
    """Return the model with its image tower in int8, converted from the export in float32."""
    float32 = open_runtime(replace(spec, int8=""), cache_dir, "cpu", on_download)
    if not isinstance(float32, OnnxRuntime):
        raise EncoderError(
            f"{spec.name} needs the model's export, and that cannot be made here. Use "
            f"{plain(spec.name)}{FP32} instead."
        )
    folder = spec.export_folder(cache_dir)
    made_for = f"{spec.name}, weights {float32.weights_id}, format {INT8_EXPORT}"

    def build(empty: Path) -> ExportFacts:
        from imgsearch.encoders.openclip import int8  # onnx: for an export only

        _teller(spec.name, on_download)(catalogue.CONVERTING_TO_INT8)
        source, target = float32.folder / IMAGE, empty / IMAGE
        pictures = int8.made_pictures(float32.preprocess.side_px)
        return asdict(int8.convert(source, target, [pictures]))

    facts: dict[str, Any] = read_export(folder, made_for) or write_export(folder, made_for, build)
    return float32.in_int8(Int8Tower(folder, facts["group"]))


def _teller(name: str, on_download: OnDownload | None) -> Callable[[str], None]:
    """Return a function that reports a step of preparing a model."""
    model = catalogue.find(name)

    def tell(step: str) -> None:
        if on_download is not None:
            on_download(Download(name, 0, 0, step, 0.0 if model is None else _later_s(model, step)))

    return tell


def _later_s(model: catalogue.RecommendedModel, step: str) -> float:
    """Return the estimated seconds of preparing a model from this step on; 0 if unknown.

    Where OpenVINO is installed, int8 is tried next, and counts.
    """
    to_int8_s = catalogue.INT8_S_PER_MB * model.size_mb
    if step == catalogue.CONVERTING_TO_INT8:
        return to_int8_s
    steps = list(catalogue.PREPARING)
    if model.layout is None or step not in steps:
        return 0.0
    later_s = model.size_mb * sum(catalogue.PREPARING[each] for each in steps[steps.index(step) :])
    return later_s + to_int8_s * openvino.is_installed()


def _before_preparing(
    model: catalogue.RecommendedModel, on_download: OnDownload | None
) -> OnDownload | None:
    """Return a function that reports a download with the time that preparing takes after it."""
    if on_download is None:
        return None
    later_s = _later_s(model, next(iter(catalogue.PREPARING)))
    return lambda download: on_download(replace(download, later_s=later_s))


def _check_space(model: catalogue.RecommendedModel, folder: Path) -> None:
    """Raise DiskError if the prepared model will not fit on the disk: before the download."""
    place = next(each for each in (folder, *folder.parents) if each.exists())
    needed_mb = model.disk_mb - model.size_mb
    weights_are_here = hub.cached(model.repo, hub.WEIGHT_FILES) is not None
    if not weights_are_here and hub.shares_disk_with(place):
        needed_mb = model.disk_mb
    free_mb = shutil.disk_usage(place).free / 1e6
    if free_mb < needed_mb:
        raise DiskError(
            f"{model.name} needs {needed_mb / 1000:.1f} GB of disk under {place}, and "
            f"{free_mb / 1000:.1f} GB are free. Free some space, or choose a smaller model."
        )


def require_torch(name: str) -> None:
    """Raise MissingPackage if the preparation of a model lacks a package."""
    missing = _missing_packages()
    if missing:
        raise MissingPackage(
            f"{name} has not been prepared for this machine yet, and that needs "
            f"{', '.join(missing)}. Install them: {install_command('models')}. {cpu_torch_hint()}"
        )


def _missing_packages() -> list[str]:
    return [package for package, module in _PREPARING.items() if find_spec(module) is None]


def _load_torch_model(
    spec: ModelSpec,
    cache_dir: Path,
    device: str,
    on_download: OnDownload | None,
    tell: Callable[[str], None] = lambda step: None,
) -> TorchModel:
    require_torch(spec.name)
    from imgsearch.encoders.openclip import torch  # takes seconds to import

    if spec.seed is not None:
        tell("making its weights")
        return torch.random_model(spec.arch, spec.seed, device)
    recommended = catalogue.find(spec.name)
    if recommended is not None:
        weights = _recommended_weights(recommended, cache_dir, on_download, tell)
    else:
        weights = hub.fetch(*_weights_on_hub(spec), on_download)
        _verify(weights, cache_dir, tell)
    return torch.pretrained_model(spec.arch, spec.tag, weights, device)


def _recommended_weights(
    model: catalogue.RecommendedModel,
    cache_dir: Path,
    on_download: OnDownload | None,
    tell: Callable[[str], None],
) -> Path:
    weights = hub.fetch(model.repo, hub.WEIGHT_FILES, on_download)
    _verify(weights, cache_dir, tell)
    return weights


def _verify(weights: Path, cache_dir: Path, tell: Callable[[str], None]) -> None:
    tell("reading its weights")
    hub.verify(weights, cache_dir / _CHECKED / f"{weights.parent.name}-{weights.name}")
