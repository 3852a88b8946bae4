"""Exported graphs run by OpenVINO, the runtime for weights in int8.

OpenVINO multiplies int8 weights by int8 activations, scaled in groups of a row. A graph has several
forms, the fastest of which a trial finds on the machine: the scales are computed inside the
products or before them (`scales`), the rest in bfloat16 or float32, and for four or eight rows at
once. All other models run in ONNX Runtime, which opens faster.
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
from msgspec import Struct
from msgspec.structs import replace

from imgsearch import private_files
from imgsearch.cores import usable_cores
from imgsearch.encoders.measurements import Measurements
from imgsearch.encoders.onnx import ParallelModel, load_error
from imgsearch.encoders.scales import with_scales_in_graph

if TYPE_CHECKING:
    from numpy.typing import NDArray

COMPILED = "compiled"  # a folder next to the graph, which OpenVINO maintains
FORM_FILE = "form.json"  # next to the graph, too: the fastest form, by machine
FLOAT_TYPES = ("bf16", "f32")
_ROWS = 8  # at once in a thread: each run reads all weights from memory
_ROWS_OF_INTEGERS = 4  # the same with scales in the graph, where 8 need 45 MB more
_GAIN_OF_MORE_ROWS = 1.05  # for which this memory is taken
_ROUNDS = 5  # for each form; the shortest time counts, as other work only adds to it
_TRIAL_ROWS = 4
# Between the results of two forms. Rounding leaves .998; without instructions for sums of bytes, a
# processor cuts off large sums in one of the forms.
_MIN_COSINE = 0.99
_CONVERTERS = "openvino.tools.ovc"

_importing = threading.Lock()


class Form(Struct, frozen=True):
    """A way to compute an int8 graph.

    `float_type` is the type of all computations but the int8 products. With `scales_in_graph`,
    operators of the graph scale the activations, and otherwise the products themselves. `rows` is
    how many photos or texts a thread computes at once.
    """

    float_type: str
    scales_in_graph: bool = False
    rows: int = _ROWS

    @property
    def name(self) -> str:
        place = ", scales in the graph" if self.scales_in_graph else ""
        return f"{self.float_type}{place}, {self.rows} at once"


FORMS = (
    *(Form(float_type) for float_type in FLOAT_TYPES),
    *(Form(float_type, scales_in_graph=True, rows=_ROWS_OF_INTEGERS) for float_type in FLOAT_TYPES),
)


class OpenVinoModel(ParallelModel):
    """One exported graph, run by OpenVINO on the CPU. Only a graph with one input is callable.

    As with OnnxModel, a batch is split among `threads`, and any number of threads may call. `group`
    is the number of activations in a row with one scale: as many as for weights, or fewer. Raises
    EncoderError for a file that cannot be loaded.
    """

    def __init__(self, path: Path, group: int, threads: int | None = None) -> None:
        try:
            self.form = form_for(path, group)
            super().__init__(threads or usable_cores(), self.form.rows)
            self._compiled = _compiled_and_cached(path, group, self.form, self.threads)
        except RuntimeError as error:  # its first lines are places in OpenVINO, the last the reason
            reason = str(error).strip().splitlines()[-1]
            raise load_error(path, reason) from error
        self._of_thread = threading.local()  # each thread needs a request of its own

    def run(self, rows: NDArray[np.generic]) -> list[NDArray[np.float32]]:
        return self.infer({0: np.ascontiguousarray(rows)})

    def infer(self, inputs: Mapping[int | str, NDArray[np.generic]]) -> list[NDArray[np.float32]]:
        """Compute all outputs, for inputs by position or name, in the calling thread."""
        if not hasattr(self._of_thread, "request"):
            self._of_thread.request = self._compiled.create_infer_request()
        outputs = self._of_thread.request.infer(inputs, share_inputs=True)
        return [output.copy() for output in outputs.values()]


def compiled(
    path: Path,
    group: int,
    form: Form,
    threads: int = 1,
    options: Mapping[str, object] | None = None,
) -> Any:
    """Compile the graph for this processor, with further `options` of OpenVINO.

    Each of as many requests as there are threads runs in one thread.
    """
    all_options: dict[str, object] = {
        "NUM_STREAMS": threads,  # each works on its own rows, with one thread
        "INFERENCE_NUM_THREADS": threads,
        "ENABLE_CPU_PINNING": False,  # decoders use the same cores
        "INFERENCE_PRECISION_HINT": form.float_type,
        "DYNAMIC_QUANTIZATION_GROUP_SIZE": group,
        **(options or {}),
    }
    if form.scales_in_graph:
        graph = with_scales_in_graph(core().read_model(str(path)), group)
        return core().compile_model(graph, "CPU", all_options)
    return core().compile_model(str(path), "CPU", all_options)


def _compiled_and_cached(path: Path, group: int, form: Form, threads: int) -> Any:
    """Compile the graph. The result is cached next to it."""
    folder = path.with_name(COMPILED)
    try:
        private_files.make_folder(folder)
        model = compiled(path, group, form, threads, {"CACHE_DIR": str(folder)})  # loads faster
        private_files.make_entries_private(folder)
        return model
    except (RuntimeError, OSError):  # the disk may be full, or the folder read-only
        return compiled(path, group, form, threads)


# ---------------------------------------------------------------------------- the fastest form


def form_for(path: Path, group: int) -> Form:
    """Return the fastest form of a graph on this machine, from a trial or an earlier one."""
    candidates = [form for form in FORMS if form.float_type == "f32" or has_bfloat16()]
    trial = FormTrial(path, group)
    return fastest_form(
        candidates, Measurements(path.with_name(FORM_FILE)), machine(), trial.is_faster
    )


def fastest_form(
    candidates: Sequence[Form],
    cache: Measurements,
    machine_name: str,
    is_faster: Callable[[Form, Form], bool],
) -> Form:
    """Return the fastest form of a graph, by comparisons or an earlier result for the machine.

    `is_faster` compares a form with the fastest before it. A processor with bfloat16 may be slower
    with it, since it converts numbers at each step. The fastest is then compared with itself for
    eight rows, if it has fewer. A single candidate is not measured.
    """
    if len(candidates) == 1:
        return candidates[0]
    known = cache.get(machine_name)
    for form in (*candidates, *map(_for_more_rows, candidates)):
        if form.name == known:
            return form
    fastest = candidates[0]
    for form in candidates[1:]:
        if is_faster(form, fastest):
            fastest = form
    more = _for_more_rows(fastest)
    if more != fastest and is_faster(more, fastest):
        fastest = more
    cache.put(machine_name, fastest.name)
    return fastest


def _for_more_rows(form: Form) -> Form:
    return replace(form, rows=_ROWS)


class FormTrial:
    """Compares two forms of a graph at a time: memory holds no more of them."""

    def __init__(self, path: Path, group: int) -> None:
        self._path, self._group = path, group
        self._requests: dict[Form, Any] = {}

    def is_faster(self, form: Form, other: Form) -> bool:
        """Return whether this form takes less time for a row of noise, with the same results.

        The shortest times are compared, for a few rows at once. A form that differs from the other
        by its rows alone takes that many, and must be faster by a twentieth.
        """
        only_rows_differ = replace(form, rows=other.rows) == other
        known = self._requests.get(other)
        self._requests.clear()  # before another one is compiled
        self._requests[other] = known or self._request(other)
        self._requests[form] = self._requests[other] if only_rows_differ else self._request(form)
        seconds = dict.fromkeys(self._requests, float("inf"))  # for a row
        results: dict[Form, NDArray[np.float32]] = {}
        for _ in range(_ROUNDS):  # in turn, so that the load of the machine affects both alike
            for each, request in self._requests.items():
                count = each.rows if only_rows_differ else _TRIAL_ROWS
                rows = self._noise(request, count)
                began = time.perf_counter()
                outputs = request.infer(rows)
                seconds[each] = min(seconds[each], (time.perf_counter() - began) / count)
                results[each] = outputs[0].reshape(count, -1)[:_TRIAL_ROWS]
        gain = _GAIN_OF_MORE_ROWS if only_rows_differ else 1
        return (
            seconds[form] * gain < seconds[other]
            and least_cosine(results[form], results[other]) >= _MIN_COSINE
        )

    def _request(self, form: Form) -> Any:
        return compiled(self._path, self._group, form).create_infer_request()

    def _noise(self, request: Any, count: int) -> dict[int, NDArray[np.generic]]:
        noise = np.random.default_rng(0)
        rows = {}
        for number, port in enumerate(request.model_inputs):
            dims = port.partial_shape
            shape = [count if dim.is_dynamic else dim.get_length() for dim in dims]
            rows[number] = noise.integers(0, 256, shape).astype(port.element_type.to_dtype())
        return rows


def least_cosine(rows: NDArray[np.float32], others: NDArray[np.float32]) -> float:
    """Return the least cosine of a row with the same row of the others.

    0 where one has no direction.
    """
    lengths = np.linalg.norm(rows, axis=1) * np.linalg.norm(others, axis=1)
    products = np.einsum("ij,ij->i", rows, others)
    return float(np.divide(products, lengths, out=np.zeros_like(products), where=lengths > 0).min())


def has_bfloat16() -> bool:
    """Return whether this processor multiplies bfloat16 in hardware; if not, float32 is faster."""
    return "BF16" in core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def machine() -> str:
    """Return the processor and the version of OpenVINO, for which a measurement is valid."""
    name = str(core().get_property("CPU", "FULL_DEVICE_NAME")).strip()
    return f"OpenVINO {_openvino().get_version()} on {name}"


# ---------------------------------------------------------------------------- the package


def is_installed() -> bool:
    """Return whether OpenVINO is installed. Does not load it."""
    return importlib.util.find_spec("openvino") is not None


@cache
def core() -> Any:
    """Return the core of OpenVINO, loaded once."""
    return _openvino().Core()


def _openvino() -> Any:
    """Return the package OpenVINO. Safe in any thread."""
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
