"""An open_clip model in torch, with its tokenizer. Only this module imports open_clip.

It is loaded on a GPU, for the export to ONNX, and if ONNX Runtime cannot run the model.
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
from open_clip.tokenizer import DEFAULT_CONTEXT_LENGTH, HFTokenizer, SimpleTokenizer
from tokenizers import Tokenizer

from imgsearch.encoders.device import CpuDevice, Device
from imgsearch.encoders.gpu import CudaDevice
from imgsearch.encoders.openclip import catalogue, hub
from imgsearch.encoders.openclip.spec import Preprocess
from imgsearch.encoders.openclip.tokenizer_files import clip_tokenizer
from imgsearch.encoders.openclip.tokens import PROBES, FileTokens
from imgsearch.errors import EncoderError, EncoderUnavailable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from imgsearch.records.arrays import PixelBatch, Vectors


class TorchModel:
    """A loaded open_clip model: pixels and tokens in, rows of length 1 out."""

    def __init__(
        self, arch: str, module: torch.nn.Module, weights_id: str, device: torch.device
    ) -> None:
        config = open_clip.get_model_config(arch)
        self.arch, self.weights_id, self.device = arch, weights_id, device
        self.label = f"torch on {device}"
        self.module = module.to(device).eval()
        self.dim = int(config["embed_dim"])
        self.context_length = int(config["text_cfg"].get("context_length", DEFAULT_CONTEXT_LENGTH))
        self.preprocess = _preprocess_of(module)
        self.logit_scale = float(cast(torch.Tensor, module.logit_scale).exp().item())
        self._shift = torch.tensor(self.preprocess.mean, device=device).reshape(3, 1, 1) * 255
        self._scale = torch.tensor(self.preprocess.std, device=device).reshape(3, 1, 1) * 255

    @cached_property
    def tokens(self) -> TorchTokens:
        """open_clip's tokenizer for the architecture."""
        return TorchTokens(self.arch)

    @property
    def text_batch_size(self) -> int:
        return 256 if self.device.type == "cuda" else 16

    def image_device(self) -> Device:
        """Return the GPU, if the model is on one.

        Else the CPU, through which torch also drives mps.
        """
        if self.device.type == "cuda":
            return CudaDevice(self.device, self.image_rows, self.dim, self.preprocess.side_px)
        return CpuDevice(self.images, self.dim, self.preprocess.side_px, slots=1)

    def images(self, batch: PixelBatch) -> Vectors:
        """Embed uint8 pixels (n, 3, side_px, side_px), all at once, as rows of length 1."""
        pixels = torch.from_numpy(np.ascontiguousarray(batch))
        return self.image_rows(pixels.to(self.device)).cpu().numpy()

    def image_rows(self, pixels: torch.Tensor) -> torch.Tensor:
        """Embed pixels that are on the device, as rows that stay there."""
        with torch.inference_mode(), self._autocast():
            return _rows(self.module.encode_image(self.normalise(pixels)))  # type: ignore[operator]

    def texts(self, ids: NDArray[np.int64]) -> Vectors:
        """Embed token ids (n, context_length) as rows of length 1."""
        with torch.inference_mode(), self._autocast():
            features = self.module.encode_text(torch.from_numpy(ids).to(self.device))  # type: ignore[operator]
            return _rows(features).cpu().numpy()

    def normalise(self, pixels: torch.Tensor) -> torch.Tensor:
        """Normalise uint8 pixels for the model: (x / 255 - mean) / std for each channel."""
        return (pixels.float() - self._shift) / self._scale

    def _autocast(self) -> torch.autocast:
        on_gpu = self.device.type == "cuda"
        dtype = torch.bfloat16
        if on_gpu and torch.cuda.get_device_capability(self.device)[0] < 8:
            dtype = torch.float16  # cards older than Ampere only emulate bfloat16
        # No cache of cast weights: a pass uses each weight once, all threads would share the cache
        # though their streams do not wait for one another, and it takes half a model's memory.
        return torch.autocast(self.device.type, dtype, enabled=on_gpu, cache_enabled=False)


def _rows(features: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.normalize(features.float(), dim=-1)


def _device(name: str) -> torch.device:
    """Return the torch device for `auto`, `cpu`, `cuda`, `cuda:1` or `mps`.

    Auto: CUDA, else the CPU.
    """
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
    """Return the entry of open_clip for weights, with their source and the preprocessing of photos.

    Raises UsageError for weights that open_clip does not know.
    """
    config = open_clip.get_pretrained_cfg(arch, tag)
    if not config:
        name = f"{catalogue.PREFIX}{arch}/{tag}"
        raise catalogue.unknown_tag(name, arch, open_clip.list_pretrained_tags_by_model(arch))
    return dict(config)


def random_model(arch: str, seed: int, device: str) -> TorchModel:
    """Return the architecture with a seed's random weights, for tests and measurements."""
    with torch.random.fork_rng(devices=[]), _quiet_root_logger():
        torch.manual_seed(seed)
        module = _create(arch, None, {})
    return TorchModel(arch, module, f"seed{seed}", _device(device))


def pretrained_model(arch: str, tag: str, weights: Path, device: str) -> TorchModel:
    """Return the architecture with the weights of a file. Code in a pickle is not run."""
    module = _create(arch, weights, pretrained_config(arch, tag))
    return TorchModel(arch, module, hub.sha256_of(weights)[:16], _device(device))


def _create(arch: str, weights: Path | None, config: dict[str, object]) -> torch.nn.Module:
    preprocess = {
        key: config[key] for key in ("mean", "std", "interpolation", "resize_mode") if key in config
    }
    try:
        module = open_clip.create_model(
            arch,
            pretrained=str(weights) if weights else None,
            force_quick_gelu=bool(config.get("quick_gelu")),
            force_preprocess_cfg=preprocess,
            pretrained_text=False,
        )
    except OSError as error:
        raise EncoderUnavailable(
            f"open_clip needs a file for {arch} that is not on this machine and cannot be "
            f"downloaded ({first_line(error)}). Choose another model."
        ) from error
    except Exception as error:  # each format of weights has its own error for a damaged file
        raise EncoderError(
            f"open_clip cannot build {arch} from {weights} ({first_line(error)}). If the "
            "file is damaged, delete it; it is then downloaded again."
        ) from error
    return cast(torch.nn.Module, module)


def _preprocess_of(module: torch.nn.Module) -> Preprocess:
    config = asdict(open_clip.transform.PreprocessCfg(**module.visual.preprocess_cfg))  # type: ignore[union-attr,arg-type]
    size = config["size"]
    height, width = (size, size) if isinstance(size, int) else size
    if height != width:
        raise EncoderError(
            f"The model takes {width}×{height} px, and only square input is supported. "
            "Choose another model."
        )
    return Preprocess(
        side_px=int(width),
        resize_mode=config["resize_mode"],
        interpolation="bilinear" if config["interpolation"] == "bilinear" else "bicubic",
        mean=_three(config["mean"]),
        std=_three(config["std"]),
        fill_color=int(config["fill_color"]),
    )


def first_line(error: Exception) -> str:
    """Return the first line of an error's message: pages may follow."""
    return (str(error) or type(error).__name__).splitlines()[0]


def _three(values: Sequence[float] | float) -> tuple[float, float, float]:
    if isinstance(values, int | float):
        return (float(values),) * 3
    red, green, blue = values
    return float(red), float(green), float(blue)


@contextmanager
def _quiet_root_logger() -> Iterator[None]:
    """Silences open_clip's warning, on the root logger, that random weights are random."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


# ---------------------------------------------------------------------------- the tokenizer


class TorchTokens:
    """open_clip's tokenizer of an architecture. May download its vocabulary from the model hub."""

    def __init__(self, arch: str) -> None:
        config = open_clip.get_model_config(arch)["text_cfg"]
        repo = config.get("hf_tokenizer_name")
        arguments = config.get("tokenizer_kwargs", {})
        if repo:
            self._inner = _from_hub(repo, config)
            self._cleaner = arguments.get("clean", "whitespace")
        else:
            self._inner = open_clip.get_tokenizer(arch)
            self._cleaner = arguments.get("clean", "lower")
        self.context_length = int(self._inner.context_length)

    def ids(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Return token ids, shape (n, context_length), longer texts cut off."""
        if not texts:
            return np.zeros((0, self.context_length), np.int64)
        return np.asarray(self._inner(list(texts)).numpy(), dtype=np.int64)

    def count(self, text: str) -> int:
        """Return the number of tokens of a text before it is cut off, with begin and end marks."""
        if isinstance(self._inner, HFTokenizer):
            return len(self._inner.tokenizer(self._inner.clean_fn(text))["input_ids"])
        return len(self._inner.encode(text)) + 2

    def write(self, path: Path) -> dict[str, str | int] | None:
        """Write `path` for FileTokens and return its other arguments.

        Returns None and writes nothing if FileTokens would not give exactly the same ids.
        """
        tokenizer, pad_id = _fast_tokenizer(self._inner)
        if tokenizer is None:
            return None
        tokenizer.save(str(path))
        written = FileTokens(path, self._cleaner, pad_id, self.context_length)
        if not np.array_equal(written.ids(PROBES), self.ids(PROBES)):
            path.unlink()
            return None
        return {
            "cleaner": self._cleaner,
            "pad_id": pad_id,
            "context_length": self.context_length,
        }


def _from_hub(repo: str, config: dict[str, object]) -> HFTokenizer:
    """Return the tokenizer read by path from the cache folder, without contacting the network."""
    folder = hub.fetch(repo, (hub.TOKENIZER_FILE,)).parent
    for companion in ("tokenizer_config.json", "special_tokens_map.json"):
        hub.fetch_optional(repo, companion)
    arguments = config.get("tokenizer_kwargs", {})
    assert isinstance(arguments, dict)
    return HFTokenizer(
        str(folder),
        context_length=config.get("context_length", DEFAULT_CONTEXT_LENGTH),
        tokenizer_mode=config.get("tokenizer_mode"),
        **arguments,
    )


def _fast_tokenizer(inner: HFTokenizer | SimpleTokenizer) -> tuple[Tokenizer | None, int]:
    """Convert to the `tokenizers` library, without truncation and padding, with the padding id.

    None if it cannot be converted.
    """
    if isinstance(inner, SimpleTokenizer):
        return _clip_bpe(inner), 0
    backend = getattr(inner.tokenizer, "backend_tokenizer", None)
    if backend is None or inner.tokenizer.padding_side != "right":
        return None, 0
    tokenizer = Tokenizer.from_str(backend.to_str())
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer, int(inner.tokenizer.pad_token_id)


def _clip_bpe(inner: SimpleTokenizer) -> Tokenizer:
    """Convert open_clip's tokenizer of CLIP, a byte-pair encoding."""
    merges = sorted(inner.bpe_ranks, key=inner.bpe_ranks.__getitem__)
    return clip_tokenizer(inner.encoder, merges)
