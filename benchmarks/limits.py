"""The best that this machine allows: arithmetic, JPEG decoding, reading, starting a process.

A first index must multiply the model's matrices and decode every file once, and a query must start
Python and load what it computes with. This file measures only that, with the fastest of the
installed libraries: rates that no indexer exceeds without doing less work, on all cores, and times
below which no query stays.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from statistics import median

import numpy as np
from PIL import Image

from benchmarks.processes import Command, run
from imgsearch.cores import usable_cores
from imgsearch.encoders.onnx import import_onnxruntime

CORES = usable_cores()
GEMM_SIDE = 2048
TRIES = 10
QUIET = {"ORT_DISABLE_TELEMETRY": "1"}  # as `import_onnxruntime` sets it
TARGET_PX = 256  # the model's side: no decoder scales a photo down further


def gemm_peaks(threads: int = CORES) -> dict[str, float]:
    """Billions of multiplications and additions a second, by type of number.

    The best rate of torch and ONNX Runtime for the product of two square matrices of 2048, by the
    processor time of one thread or the elapsed time of several.
    """
    import torch

    torch.set_num_threads(threads)
    a, b = torch.rand(GEMM_SIDE, GEMM_SIDE), torch.rand(GEMM_SIDE, GEMM_SIDE)
    a16, b16 = a.bfloat16(), b.bfloat16()
    a8, b8 = (torch.randint(-99, 99, a.shape, dtype=torch.int8) for _ in range(2))
    clock = time.process_time if threads == 1 else time.perf_counter
    in_float32, in_int8 = (_onnx_product(kind, threads) for kind in (np.float32, np.uint8))
    peaks = {
        "fp32": max(_rate(lambda: a @ b, clock=clock), _rate(in_float32, clock=clock)),
        "bf16": _rate(lambda: a16 @ b16, clock=clock),
        "int8": max(_rate(lambda: torch._int_mm(a8, b8), clock=clock), _rate(in_int8, clock=clock)),
    }
    operations = 2 * GEMM_SIDE**3 / 1e9
    return {kind: round(operations * rate, 1) for kind, rate in peaks.items()}


def model_gflop(arch: str) -> float:
    """Billions of multiplications and additions of the image tower for one photo."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from imgsearch.encoders.openclip.torch import random_model

    model = random_model(arch, 0, "cpu")
    torch.backends.mha.set_fastpath_enabled(False)  # its fused operator is not counted
    side_px = model.preprocess.side_px
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model.module.encode_image(torch.zeros(1, 3, side_px, side_px))  # type: ignore[operator]
    return round(float(counter.get_total_flops()) / 1e9, 2)


def jpeg_rates(folder: Path) -> dict[str, float]:
    """Photos a second that libjpeg-turbo (in Pillow) decodes from memory on all cores.

    `whole` is at full size; `scaled` is scaled down while decoding, to at least the model's side.
    """
    files = _jpegs(folder)

    def whole(data: bytes) -> None:
        Image.open(BytesIO(data)).load()

    rates = {}
    with ThreadPoolExecutor(CORES) as pool:
        for name, decode in (("whole", whole), ("scaled", _decode_scaled)):
            rate = _rate(lambda: list(pool.map(decode, files)), tries=3)  # noqa: B023
            rates[name] = round(len(files) * rate, 1)
    return rates


def jpeg_core_ms(folder: Path) -> float:
    """Milliseconds of a core in which libjpeg-turbo decodes a photo, scaled, in one thread."""
    files = _jpegs(folder)

    def decode() -> None:
        for data in files:
            _decode_scaled(data)

    return 1e3 / _rate(decode, tries=3, clock=time.thread_time) / len(files)


def _jpegs(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(folder.glob("*.jpg"))[:100]]


def _decode_scaled(data: bytes) -> None:
    image = Image.open(BytesIO(data))
    image.draft("RGB", (TARGET_PX, TARGET_PX))
    image.load()


def disk_mb_s(folder: Path) -> float:
    """MB a second at which files are read that are not in the page cache."""
    if sys.platform != "linux":
        raise NotImplementedError("needs Linux")
    paths = sorted(folder.glob("*.jpg"))
    for path in paths:
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    began = time.perf_counter()
    size_bytes = sum(len(path.read_bytes()) for path in paths)
    return round(size_bytes / 1e6 / (time.perf_counter() - began), 1)


def query_floors(text_graph: Path, length: int = 8) -> dict[str, float]:
    """Seconds of a process with ever more of what a query needs, each the median of seven runs.

    Python alone; with NumPy; with ONNX Runtime, too; and with a text of `length` tokens embedded by
    this graph, opened in the way that is fastest for one text.
    """
    steps = {
        "Python": "",
        "NumPy": "import numpy",
        "ONNX Runtime": "import onnxruntime",
        "a text": f"""
options = onnxruntime.SessionOptions()
options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
options.add_session_config_entry("session.disable_prepacking", "1")
session = onnxruntime.InferenceSession({str(text_graph)!r}, options)
session.run(None, {{session.get_inputs()[0].name: numpy.ones((1, {length}), numpy.int64)}})
""",
    }
    floors, code = {}, ""
    for name, step in steps.items():
        code += f"{step}\n"
        command = Command([sys.executable, "-c", code], text_graph.parent, QUIET)
        floors[name] = round(median(run(command).wall_s for _ in range(7)), 3)
    return floors


def _onnx_product(kind: type[np.generic], threads: int) -> Callable[[], object]:
    """A product in ONNX Runtime: float by float, or uint8 by int8 into int32."""
    import onnx

    onnxruntime = import_onnxruntime()
    from onnx import TensorProto, helper

    floats = kind is np.float32
    left = TensorProto.FLOAT if floats else TensorProto.UINT8
    product = TensorProto.FLOAT if floats else TensorProto.INT32
    weights = np.random.default_rng(0).integers(-99, 99, (GEMM_SIDE, GEMM_SIDE))
    node = helper.make_node("MatMul" if floats else "MatMulInteger", ["a", "b"], ["c"])
    graph = helper.make_graph(
        [node],
        "product",
        [helper.make_tensor_value_info("a", left, [GEMM_SIDE, GEMM_SIDE])],
        [helper.make_tensor_value_info("c", product, None)],
        [onnx.numpy_helper.from_array(weights.astype(np.float32 if floats else np.int8), "b")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    batch = np.random.default_rng(1).integers(0, 99, (GEMM_SIDE, GEMM_SIDE)).astype(kind)
    return lambda: session.run(None, {"a": batch})


def _rate(
    action: Callable[[], object],
    tries: int = TRIES,
    clock: Callable[[], float] = time.perf_counter,
) -> float:
    """The best rate, in calls per second."""
    action()
    best_s = float("inf")
    for _ in range(tries):
        began = clock()
        action()
        best_s = min(best_s, clock() - began)
    return 1 / best_s
