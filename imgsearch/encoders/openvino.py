"""Exported graphs run by OpenVINO, the runtime for weights in int8.

OpenVINO multiplies int8 weights by int8 activations, scaled in groups of a row, and computes the
rest in bfloat16 if that is faster. All other models run in ONNX Runtime, which opens faster.
"""

from __future__ import annotations

import importlib.util
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from imgsearch import private_files
from imgsearch.cores import usable_cores
from imgsearch.encoders.measurements import Measurements
from imgsearch.encoders.onnx import ParallelModel, load_error

if TYPE_CHECKING:
    from numpy.typing import NDArray

COMPILED = "compiled"  # a folder next to the graph, which OpenVINO maintains
PRECISION = "precision.json"  # next to the graph, too: the faster float type, by machine
FLOAT_TYPES = ("bf16", "f32")
_ROWS = 8  # at once in a thread: each run reads all weights from memory
_ROUNDS = 8  # for each type; the shortest time counts, as other work only adds to it
_TRIAL_ROWS = 4
_CONVERTERS = "openvino.tools.ovc"

_importing = threading.Lock()


class OpenVinoModel(ParallelModel):
    """One exported graph, run by OpenVINO on the CPU. Only a graph with one input is callable.

    As with OnnxModel, a batch is split among `threads`, and any number of threads may call. `group`
    is the number of activations in a row with one scale: as many as for weights, or fewer. Raises
    EncoderError for a file that cannot be loaded.
    """

    def __init__(self, path: Path, group: int, threads: int | None = None) -> None:
        super().__init__(threads or usable_cores(), _ROWS)
        options: dict[str, object] = {
            "NUM_STREAMS": self.threads,  # each works on its own rows, with one thread
            "INFERENCE_NUM_THREADS": self.threads,
            "ENABLE_CPU_PINNING": False,  # decoders use the same cores
            "DYNAMIC_QUANTIZATION_GROUP_SIZE": group,
        }
        try:
            float_type = _float_type_for(path, options)
            self._compiled = _compiled(path, {**options, "INFERENCE_PRECISION_HINT": float_type})
        except RuntimeError as error:  # its first lines are places in OpenVINO, the last the reason
            reason = str(error).strip().splitlines()[-1]
            raise load_error(path, reason) from error
        self._of_thread = threading.local()  # each thread needs a request of its own

    @property
    def float_type(self) -> str:
        """The type of all computations but the int8 products: one of FLOAT_TYPES."""
        return str(self._compiled.get_property("INFERENCE_PRECISION_HINT").to_string())

    def run(self, rows: NDArray[np.generic]) -> list[NDArray[np.float32]]:
        return self.infer({0: np.ascontiguousarray(rows)})

    def infer(self, inputs: Mapping[int | str, NDArray[np.generic]]) -> list[NDArray[np.float32]]:
        """Compute all outputs, for inputs by position or name, in the calling thread."""
        if not hasattr(self._of_thread, "request"):
            self._of_thread.request = self._compiled.create_infer_request()
        outputs = self._of_thread.request.infer(inputs, share_inputs=True)
        return [output.copy() for output in outputs.values()]


def _compiled(path: Path, options: dict[str, object]) -> Any:
    """Compile the graph for this processor. The result is cached next to it."""
    folder = path.with_name(COMPILED)
    try:
        private_files.make_folder(folder)
        cached = {**options, "CACHE_DIR": str(folder)}  # loads in a quarter the time
        compiled = core().compile_model(str(path), "CPU", cached)
        private_files.make_entries_private(folder)
        return compiled
    except (RuntimeError, OSError):  # the disk may be full, or the folder read-only
        return core().compile_model(str(path), "CPU", options)


# ---------------------------------------------------------------------------- bfloat16 or float32


def _float_type_for(path: Path, options: dict[str, object]) -> str:
    return fastest_float_type(
        FLOAT_TYPES if has_bfloat16() else ("f32",),
        Measurements(path.with_name(PRECISION)),
        machine(),
        lambda: float_type_seconds(path, options),
    )


def fastest_float_type(
    candidates: Sequence[str],
    cache: Measurements,
    machine_name: str,
    measure: Callable[[], Mapping[str, float]],
) -> str:
    """The fastest type for a graph, from `measure` or an earlier result for the machine.

    A processor with bfloat16 may be slower with it, since it converts numbers at each step. A
    single candidate is not measured.
    """
    if len(candidates) == 1:
        return candidates[0]
    float_type = cache.get(machine_name)
    if float_type not in candidates:
        seconds = measure()
        float_type = min(candidates, key=seconds.__getitem__)
        cache.put(machine_name, float_type)
    return str(float_type)


def float_type_seconds(path: Path, options: dict[str, object]) -> dict[str, float]:
    """The shortest time of a few rows of noise in each float type."""
    requests = {}
    for float_type in FLOAT_TYPES:
        compiled = core().compile_model(
            str(path), "CPU", {**options, "INFERENCE_PRECISION_HINT": float_type}
        )
        requests[float_type] = compiled.create_infer_request()
    noise = np.random.default_rng(0)
    rows = {}
    for number, port in enumerate(compiled.inputs):
        shape = [_TRIAL_ROWS if dim.is_dynamic else dim.get_length() for dim in port.partial_shape]
        rows[number] = noise.integers(0, 256, shape).astype(port.element_type.to_dtype())
    seconds = dict.fromkeys(FLOAT_TYPES, float("inf"))
    for _ in range(_ROUNDS):  # in turn, so that the load of the machine affects both alike
        for float_type, request in requests.items():
            began = time.perf_counter()
            request.infer(rows)
            seconds[float_type] = min(seconds[float_type], time.perf_counter() - began)
    return seconds


def has_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 in hardware; if not, float32 is faster."""
    return "BF16" in core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def machine() -> str:
    """The processor and the version of OpenVINO, for which a measurement is valid."""
    name = str(core().get_property("CPU", "FULL_DEVICE_NAME")).strip()
    return f"OpenVINO {_openvino().get_version()} on {name}"


# ---------------------------------------------------------------------------- the package


def is_installed() -> bool:
    """Whether OpenVINO is installed. Does not load it."""
    return importlib.util.find_spec("openvino") is not None


@cache
def core() -> Any:
    """The core of OpenVINO, loaded once."""
    return _openvino().Core()


def _openvino() -> Any:
    """The package OpenVINO. Safe in any thread."""
    with _importing:
        return _imported()


@cache
def _imported() -> Any:
    """Import the package without its converters, whose client would send usage figures."""
    converters = sys.modules.get(_CONVERTERS)
    sys.modules[_CONVERTERS] = None  # type: ignore[assignment]  # import sees: there is none
    try:
        import openvino
    finally:
        del sys.modules[_CONVERTERS]
        if converters is not None:
            sys.modules[_CONVERTERS] = converters
    # The first array that goes in or comes out fills internal tables under locks that are held
    # while other Python code runs: two threads that both come first would wait for each other
    # for ever.
    _ = openvino.Tensor(np.zeros(1, openvino.Type.f32.to_dtype())).data
    return openvino
