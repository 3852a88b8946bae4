"""Reads the tensors of a file that `torch.save` wrote, without torch: the image tower's weights.

The layout is that of torch before 1.6: three pickles (magic number, version, facts about the
machine), the pickle of the state dict, that of the storages' keys, and for each key the number of
its elements (int64) with their bytes. Source: `_legacy_save` in torch/serialization.py.
"""

from __future__ import annotations

import pickle
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from imgsearch.errors import EncoderError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MAGIC = 0x1950A86A20F9469CFC6C
_DTYPES = {"FloatStorage": "<f4", "LongStorage": "<i8"}


def read_tensors(path: Path) -> dict[str, NDArray[np.float32]]:
    """Return each tensor of a state dict by its name, as float32.

    Raises EncoderError for any other file. Of the functions that a file names, only those that
    assemble tensors are run.
    """
    with path.open("rb") as file:
        if _TensorUnpickler(file).load() != _MAGIC:
            raise EncoderError(f"{path} is not a file of tensors in the form before torch 1.6.")
        for _ in range(2):  # the version, and the byte order, which has always been little-endian
            _TensorUnpickler(file).load()
        unpickler = _TensorUnpickler(file)
        state: dict[str, NDArray[Any]] = unpickler.load()
        for key in _TensorUnpickler(file).load():
            storage = unpickler.storages[key]
            count = int.from_bytes(file.read(8), "little")
            if count != storage.size or file.readinto(storage.data) != storage.nbytes:
                raise EncoderError(f"{path} ends before its last tensor.")
    return {name: np.array(tensor, np.float32, order="C") for name, tensor in state.items()}


class _TensorUnpickler(pickle.Unpickler):
    """Unpickles tensors as views of `storages`, which the file fills later."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(file)
        self.storages: dict[str, NDArray[Any]] = {}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _tensor
        if module == "torch" and name in _DTYPES:
            return _DTYPES[name]
        raise EncoderError(f"A file of tensors has no need of {module}.{name}.")

    def persistent_load(self, pid: Any) -> NDArray[Any]:
        """Return the storage, empty so far, for ("storage", dtype, key, place, count, …)."""
        _, dtype, key, _, count, *_ = pid
        return self.storages.setdefault(key, np.empty(count, dtype))


def _tensor(
    storage: NDArray[Any], offset: int, shape: Sequence[int], strides: Sequence[int], *_: object
) -> NDArray[Any]:
    """Return a view of the storage; torch counts strides in elements."""
    size = storage.itemsize
    return np.ndarray(
        tuple(shape), storage.dtype, storage.data, offset * size, tuple(size * s for s in strides)
    )
