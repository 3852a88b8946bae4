"""The towers as ONNX files in the cache: made once, checked at every use, made again when wrong.

Each tower is two files, `lite-image-….onnx` and the same name with `.json`, which says what the
file was made from and its sha256. The name carries a fingerprint of the recipe, so that two
versions of imgsearch can share a cache.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from imgsearch.encoders.lite.weights import sha256_of
from imgsearch.errors import DiskError, EncoderError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

_LOCK_SECONDS = 600  # an export takes seconds; whoever holds the lock longer is stuck


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a tower is made from. `ingredients` decide the content of the file, all of them."""

    tower: str
    ingredients: dict[str, str | int]
    build: Callable[[], bytes]

    @property
    def name(self) -> str:
        text = json.dumps(self.ingredients, sort_keys=True)
        return f"lite-{self.tower}-{hashlib.sha256(text.encode()).hexdigest()[:12]}.onnx"


def exported(recipe: Recipe, cache_dir: Path) -> Path:
    """The path of the tower's sound ONNX file, made now if need be. Any number may ask at once.

    Raises DiskError when the cache cannot be written, and what the weight files raise.
    """
    path = cache_dir / recipe.name
    if _sound(path, recipe):
        return path
    from filelock import FileLock, Timeout

    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_suffix(".lock"), timeout=_LOCK_SECONDS):
            if not _sound(path, recipe):  # another process may have made it while we waited
                _make(path, recipe)
    except Timeout as error:
        raise EncoderError(
            f"Another process has been preparing the encoder in {cache_dir} for "
            f"{_LOCK_SECONDS // 60} minutes. End it, then try again."
        ) from error
    except OSError as error:
        raise DiskError(
            f"The encoder's files cannot be written to {cache_dir}: {error.strerror or error}. "
            "Free some space there, make it writable, or choose another cache folder."
        ) from error
    return path


def session(path: Path, threads: int) -> InferenceSession:
    """Open an ONNX file on the CPU, with integer arithmetic that is the same on every CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3  # errors only: a library does not write to the terminal
    # Without VNNI, x86 adds pairs of 8-bit products in 16 bits, which overflow. This setting
    # takes a slower, exact way there, so that a vector is the same wherever it was made.
    options.add_session_config_entry("session.x64quantprecision", "1")
    return onnxruntime.InferenceSession(
        str(path), sess_options=options, providers=["CPUExecutionProvider"]
    )


def _sound(path: Path, recipe: Recipe) -> bool:
    try:
        note = json.loads(path.with_suffix(".json").read_bytes())
        return bool(note["made_from"] == recipe.ingredients and note["sha256"] == sha256_of(path))
    except (OSError, ValueError, KeyError, TypeError):  # absent, half written or damaged
        return False


def _make(path: Path, recipe: Recipe) -> None:
    content = recipe.build()
    note = {
        "sha256": hashlib.sha256(content).hexdigest(),
        "made_from": recipe.ingredients,
        "made_by": {name: version(name) for name in ("imgsearch-photos", "onnx", "numpy")},
    }
    _replace(path, content)
    _replace(path.with_suffix(".json"), json.dumps(note, indent=1).encode())


def _replace(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all, whatever happens meanwhile."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
    part = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        with suppress(FileNotFoundError):
            part.unlink()
