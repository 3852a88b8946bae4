"""Exported graphs run by OpenVINO: the runtime for weights in int8, and what it needs to know.

It multiplies whole numbers with whole numbers where each row of activations is scaled in groups of
its own, and does the rest in bfloat16 where that is faster. Everything else runs in ONNX Runtime,
which opens sooner.
"""

from __future__ import annotations

import importlib.util
import sys
import threading
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from imgsearch.encoders.cache import JsonCache
from imgsearch.encoders.device import usable_cores
from imgsearch.encoders.onnx import ParallelModel, unloadable

if TYPE_CHECKING:
    from numpy.typing import NDArray

COMPILED = "compiled"  # a folder beside the graph, which OpenVINO fills and looks after
PRECISION = "precision.json"  # beside the graph, too: which floats are faster, by machine
_FLOATS = ("bf16", "f32")
_TRIES = 8  # of each; the least counts, as other work only ever adds
_TRIED_ROWS = 4
_CONVERTERS = "openvino.tools.ovc"

_one_by_one = threading.Lock()


class OpenVinoModel(ParallelModel):
    """One exported graph, run by OpenVINO on the CPU; with one input where it is called.

    As OnnxModel, a batch is shared out among `threads`, and any number of callers may call at
    once. `group` is how many values of a row of activations have one scale: that of the weights.
    Raises EncoderError for a file that cannot be loaded.
    """

    def __init__(self, path: Path, group: int, threads: int | None = None) -> None:
        super().__init__(threads or usable_cores())
        try:
            self._compiled = _compiled(path, self._options(path, group))
        except RuntimeError as error:  # says where in OpenVINO it was raised, and at the end why
            reason = str(error).strip().splitlines()[-1]
            raise unloadable(path, reason) from error
        self._mine = threading.local()  # a request of its own for each thread

    def _options(self, path: Path, group: int) -> dict[str, object]:
        options: dict[str, object] = {
            "NUM_STREAMS": self.threads,  # each works on its own rows, with one thread
            "INFERENCE_NUM_THREADS": self.threads,
            "ENABLE_CPU_PINNING": False,  # decoders use the same cores
            "DYNAMIC_QUANTIZATION_GROUP_SIZE": group,
        }
        return options | {"INFERENCE_PRECISION_HINT": _faster_floats(path, options)}

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


def _faster_floats(path: Path, options: dict[str, object]) -> str:
    """What all but the whole numbers is computed in: measured once for a graph and a machine.

    A processor may have bfloat16 and be slower with it: it turns numbers to and fro at each step.
    """
    if not has_bfloat16():
        return "f32"
    known = JsonCache(path.with_name(PRECISION))
    found = known.get(machine())
    if found not in _FLOATS:
        seconds = _seconds_in_turn(path, options)
        found = min(_FLOATS, key=seconds.__getitem__)
        known.put(machine(), found)
    return str(found)


def _seconds_in_turn(path: Path, options: dict[str, object]) -> dict[str, float]:
    """How long a few rows of noise take in each kind of floats, at the least."""
    requests = {}
    for floats in _FLOATS:
        compiled = _core().compile_model(
            str(path), "CPU", {**options, "INFERENCE_PRECISION_HINT": floats}
        )
        requests[floats] = compiled.create_infer_request()
    noise = np.random.default_rng(0)
    rows = {}
    for place, port in enumerate(compiled.inputs):
        shape = [_TRIED_ROWS if dim.is_dynamic else dim.get_length() for dim in port.partial_shape]
        rows[place] = noise.integers(0, 256, shape).astype(port.element_type.to_dtype())
    seconds = dict.fromkeys(_FLOATS, float("inf"))
    for _ in range(_TRIES):
        for floats, request in requests.items():
            began = time.perf_counter()
            request.infer(rows)
            seconds[floats] = min(seconds[floats], time.perf_counter() - began)
    return seconds


def is_here() -> bool:
    """Whether OpenVINO is installed. It is not loaded to find out."""
    return importlib.util.find_spec("openvino") is not None


def has_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 by itself; else float32 is faster."""
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
