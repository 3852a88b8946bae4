"""The two towers in PyTorch: the one file that knows open_clip and torch.

Loaded on a GPU, for the export to ONNX, and where ONNX Runtime cannot do the work.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import open_clip
import torch
from open_clip.tokenizer import DEFAULT_CONTEXT_LENGTH

from imgsearch.encoders.device import CpuDevice
from imgsearch.encoders.openclip import catalogue, hub
from imgsearch.encoders.openclip.prepare import Preprocess
from imgsearch.encoders.openclip.torch_tokens import TorchTokens
from imgsearch.errors import EncoderError, EncoderUnavailable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from imgsearch.encoders.device import Device
    from imgsearch.records.arrays import PixelBatch, Vectors


class Towers:
    """A loaded open_clip model: pixels and tokens in, rows of length 1 out."""

    def __init__(
        self, arch: str, model: torch.nn.Module, weights_id: str, device: torch.device
    ) -> None:
        config = open_clip.get_model_config(arch)
        self.arch, self.weights_id, self.device = arch, weights_id, device
        self.label = f"torch on {device}"
        self.model = model.to(device).eval()
        self.dim = int(config["embed_dim"])
        self.context_length = int(config["text_cfg"].get("context_length", DEFAULT_CONTEXT_LENGTH))
        self.preprocess = _preprocess_of(model)
        self.logit_scale = float(cast(torch.Tensor, model.logit_scale).exp().item())
        self._shift = torch.tensor(self.preprocess.mean, device=device).reshape(3, 1, 1) * 255
        self._scale = torch.tensor(self.preprocess.std, device=device).reshape(3, 1, 1) * 255

    @cached_property
    def tokens(self) -> TorchTokens:
        """open_clip's tokenizer of the architecture."""
        return TorchTokens(self.arch)

    @property
    def texts_at_once(self) -> int:
        return 256 if self.device.type == "cuda" else 16

    def image_device(self) -> Device:
        """The GPU, fed while it works; else the processor, or what torch reaches through it."""
        if self.device.type == "cuda":
            from imgsearch.encoders.gpu import CudaDevice

            return CudaDevice(self.device, self.image_rows, self.dim, self.preprocess.side_px)
        return CpuDevice(self.images, self.dim, self.preprocess.side_px)

    def images(self, batch: PixelBatch) -> Vectors:
        """Embed uint8 pixels (n, 3, side_px, side_px), all at once, as rows of length 1."""
        pixels = torch.from_numpy(np.ascontiguousarray(batch))
        return self.image_rows(pixels.to(self.device)).cpu().numpy()

    def image_rows(self, pixels: torch.Tensor) -> torch.Tensor:
        """The same for pixels that are on the device, with rows that stay there."""
        with torch.inference_mode(), self._autocast():
            return _rows(self.model.encode_image(self.normalise(pixels)))  # type: ignore[operator]

    def texts(self, ids: NDArray[np.int64]) -> Vectors:
        """Embed token ids (n, context_length) as rows of length 1."""
        with torch.inference_mode(), self._autocast():
            features = self.model.encode_text(torch.from_numpy(ids).to(self.device))  # type: ignore[operator]
            return _rows(features).cpu().numpy()

    def normalise(self, pixels: torch.Tensor) -> torch.Tensor:
        """uint8 pixels as the model wants them: (x / 255 - mean) / std, a channel at a time."""
        return (pixels.float() - self._shift) / self._scale

    def _autocast(self) -> torch.autocast:
        on_gpu = self.device.type == "cuda"
        fast = torch.bfloat16  # cards older than Ampere only imitate it
        if on_gpu and torch.cuda.get_device_capability(self.device)[0] < 8:
            fast = torch.float16
        # A pass uses each weight once. What the cache keeps is shared by all threads, though their
        # streams do not wait for one another, and takes half a model's memory.
        return torch.autocast(self.device.type, fast, enabled=on_gpu, cache_enabled=False)


def _rows(features: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.normalize(features.float(), dim=-1)


def _device(name: str) -> torch.device:
    """The torch device for `auto`, `cpu`, `cuda`, `cuda:1` or `mps`; auto: CUDA, else the CPU."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise EncoderError(
            f"The device {name!r} is not usable here ({first_line(error)}). "
            "Use --device auto or --device cpu."
        ) from error
    return device


def pretrained_config(arch: str, tag: str) -> dict[str, object]:
    """open_clip's entry for the weights: where they lie and how their photos were prepared."""
    config = open_clip.get_pretrained_cfg(arch, tag)
    if not config:
        name = f"{catalogue.PREFIX}{arch}/{tag}"
        raise catalogue.unknown_tag(name, arch, open_clip.list_pretrained_tags_by_model(arch))
    return dict(config)


def random_towers(arch: str, seed: int, device: str) -> Towers:
    """The architecture with random weights, the same for a seed. For tests and measurements."""
    with torch.random.fork_rng(devices=[]), _quiet_root_logger():
        torch.manual_seed(seed)
        model = _create(arch, None, {})
    return Towers(arch, model, f"seed{seed}", _device(device))


def pretrained_towers(arch: str, tag: str, weights: Path, device: str) -> Towers:
    """The architecture with the weights of a file, pickles read without running their code."""
    model = _create(arch, weights, pretrained_config(arch, tag))
    return Towers(arch, model, hub.sha256_of(weights)[:16], _device(device))


def _create(arch: str, weights: Path | None, config: dict[str, object]) -> torch.nn.Module:
    preprocess = {
        key: config[key] for key in ("mean", "std", "interpolation", "resize_mode") if key in config
    }
    try:
        model = open_clip.create_model(
            arch,
            pretrained=str(weights) if weights else None,
            force_quick_gelu=bool(config.get("quick_gelu")),
            force_preprocess_cfg=preprocess,
            pretrained_text=False,
        )
    except OSError as error:
        raise EncoderUnavailable(
            f"open_clip needs a file for {arch} that is not on this machine and cannot be "
            f"fetched ({first_line(error)}). Choose another model."
        ) from error
    except Exception as error:  # each format of weights has its own error for a damaged file
        raise EncoderError(
            f"open_clip cannot build {arch} from {weights} ({first_line(error)}). If the "
            "file is damaged, delete it and it is fetched again."
        ) from error
    return cast(torch.nn.Module, model)


def _preprocess_of(model: torch.nn.Module) -> Preprocess:
    config = asdict(open_clip.transform.PreprocessCfg(**model.visual.preprocess_cfg))  # type: ignore[union-attr,arg-type]
    size = config["size"]
    height, width = (size, size) if isinstance(size, int) else size
    if height != width:
        raise EncoderError(f"The model wants {width}×{height} px; only square input is supported.")
    return Preprocess(
        side_px=int(width),
        resize_mode=config["resize_mode"],
        interpolation="bilinear" if config["interpolation"] == "bilinear" else "bicubic",
        mean=_three(config["mean"]),
        std=_three(config["std"]),
        fill_color=int(config["fill_color"]),
    )


def first_line(error: Exception) -> str:
    """What an error says, without the pages that may follow."""
    return (str(error) or type(error).__name__).splitlines()[0]


def _three(values: Sequence[float] | float) -> tuple[float, float, float]:
    if isinstance(values, int | float):
        return (float(values),) * 3
    red, green, blue = values
    return float(red), float(green), float(blue)


@contextmanager
def _quiet_root_logger() -> Iterator[None]:
    """open_clip warns on the root logger that random weights are random: here they are meant."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
