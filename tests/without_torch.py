"""A process in which nothing large is installed: no torch, no Streamlit, no OpenVINO."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
from PIL import Image

from imgsearch.encoders.base import Encoder
from tests.factories import run_python

_SCRIPT = """
import sys
absent = "torch torchvision open_clip timm transformers sentence_transformers openvino streamlit "
absent += "pyarrow"
sys.modules.update(dict.fromkeys(absent.split()))
from pathlib import Path
import numpy as np
from PIL import Image
from imgsearch.encoders.registry import choose, open_encoder
from imgsearch.errors import MissingPackage
name, cache, photo, result = sys.argv[1:]
encoder = open_encoder(name, Path(cache))
pixels = encoder.prepare(Image.open(photo))[None]
vectors = [*encoder.encode_pixels(pixels), *encoder.encode_texts(["a cat", "caf\u00e9 & 12 dogs"])]
np.save(result, vectors)
print(choose().name)
try:
    open_encoder("openclip:ViT-S-32-alt/random:4711", Path(cache))
except MissingPackage as error:
    print(error)
"""


def run_without_torch(
    name: str, cache: Path, photo: Path, result: Path
) -> subprocess.CompletedProcess[str]:
    """Embed a photo and two texts by an encoder, and write their vectors to `result` (.npy).

    It prints the name of the encoder that `auto` means there, and why another cannot be had.
    """
    done = run_python(_SCRIPT, name, cache, photo, result)
    assert done.returncode == 0, done.stderr
    return done


def vectors_of(encoder: Encoder, photo: Path) -> list[np.ndarray]:
    """Return the vectors of the same photo and texts, embedded in this process."""
    pixels = encoder.prepare(Image.open(photo))[None]
    return [*encoder.encode_pixels(pixels), *encoder.encode_texts(["a cat", "caf\u00e9 & 12 dogs"])]
