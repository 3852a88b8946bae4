"""Exported graphs run by OpenVINO: the runtime for weights in int8, and what it needs to know.

It multiplies whole numbers with whole numbers where each row of activations is scaled in groups of
its own, and does the rest in bfloat16 where the processor has it. Everything else runs in
ONNX Runtime, which opens sooner.
"""

from __future__ import annotations

import importlib.util
import sys
import threading
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from imgsearch.encoders.onnx_cache import SharedOut, usable_cores
from imgsearch.errors import EncoderError

if TYPE_CHECKING:
    from numpy.typing import NDArray

COMPILED = "compiled"  # a folder beside the graph, which OpenVINO fills and looks after
_CONVERTERS = "openvino.tools.ovc"

_one_by_one = threading.Lock()


class OpenVinoModel(SharedOut):
    """One exported graph, run by OpenVINO on the CPU; with one input where it is called.

    As OnnxModel, a batch is shared out among `threads`, and any number of callers may call at
    once. `group` is how many values of a row of activations have one scale: that of the weights.
    Raises EncoderError for a file that cannot be loaded.
    """

    def __init__(self, path: Path, group: int, threads: int | None = None) -> None:
        super().__init__(threads or usable_cores())
        try:
            self._compiled = _compiled(path, self._options(group))
        except RuntimeError as error:  # says where in OpenVINO it was raised, and at the end why
            reason = str(error).strip().splitlines()[-1]
            raise EncoderError(
                f"{path} cannot be loaded ({reason}). Delete the folder {path.parent}; it is made "
                "again at the next use."
            ) from error
        self._mine = threading.local()  # a request of its own for each thread

    def _options(self, group: int) -> dict[str, object]:
        return {
            "NUM_STREAMS": self.threads,  # each works on its own rows, with one thread
            "INFERENCE_NUM_THREADS": self.threads,
            "ENABLE_CPU_PINNING": False,  # decoders use the same cores
            "DYNAMIC_QUANTIZATION_GROUP_SIZE": group,
            "INFERENCE_PRECISION_HINT": "bf16" if has_bfloat16() else "f32",
        }

    def run(self, rows: NDArray[np.generic]) -> list[NDArray[np.float32]]:
        return self.infer({0: np.ascontiguousarray(rows)})

    def infer(self, inputs: Mapping[int | str, NDArray[np.generic]]) -> list[NDArray[np.float32]]:
        """All outputs for inputs by their place or name, on one thread, which may be any."""
        if not hasattr(self._mine, "request"):
            self._mine.request = self._compiled.create_infer_request()
        found = self._mine.request.infer(inputs, share_inputs=True)
        return [output.copy() for output in found.values()]


def _compiled(path: Path, options: dict[str, object]) -> Any:
    """The graph, with its weights as this processor wants them; kept beside, since that is work."""
    kept = {**options, "CACHE_DIR": str(path.with_name(COMPILED))}  # loads in a quarter of the time
    try:
        return _core().compile_model(str(path), "CPU", kept)
    except RuntimeError:  # there may be no room, or no right to write
        return _core().compile_model(str(path), "CPU", options)


def is_here() -> bool:
    """Whether OpenVINO is installed. It is not loaded to find out."""
    return importlib.util.find_spec("openvino") is not None


def has_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 by itself; else float32 is as fast."""
    return "BF16" in _core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def machine() -> str:
    """The processor and the version of OpenVINO: what a measurement here is true of."""
    name = str(_core().get_property("CPU", "FULL_DEVICE_NAME")).strip()
    return f"OpenVINO {_openvino().get_version()} on {name}"


@cache
def _core() -> Any:
    return _openvino().Core()


def _openvino() -> Any:
    """The package, ready to be used by several threads at once."""
    with _one_by_one:
        return _loaded()


@cache
def _loaded() -> Any:
    """The package without its converters, which would load a client that sends usage figures."""
    converters = sys.modules.get(_CONVERTERS)
    sys.modules[_CONVERTERS] = None  # type: ignore[assignment]  # "there is none", says import
    try:
        import openvino
    finally:
        del sys.modules[_CONVERTERS]
        if converters is not None:
            sys.modules[_CONVERTERS] = converters
    # The first array that goes in or comes out fills tables of its own under locks that it holds
    # while other Python runs: two threads that come first together wait for each other for ever.
    _ = openvino.Tensor(np.zeros(1, openvino.Type.f32.to_dtype())).data
    return openvino
