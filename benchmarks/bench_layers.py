"""Compares each layer of an int8 image tower with the machine's rate for matrix products.

    python -m benchmarks.bench_layers [--model ARCH/PRETRAINED] [--cache DIR] [--float-type TYPE]

One thread runs the tower on four rows at a time, as each thread of an indexing run does. The rows
of the table are the products, by the size of their matrices, and the other layers by their kind;
each has the share of the rate that large int8 products reach in one thread of the same machine.
"""

# ruff: noqa: T201  # what it prints is what it is for

from __future__ import annotations

import argparse
import json
import math
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import limits
from imgsearch.config import default_cache_dir
from imgsearch.encoders import openvino
from imgsearch.encoders.onnx import MANIFEST
from imgsearch.encoders.openclip.spec import IMAGE, ModelSpec
from imgsearch.encoders.registry import open_encoder

ROWS = 4  # as ParallelModel gives each of its threads
RUNS = 30


@dataclass
class Layers:
    """Layers that do the same: how many there are, what they compute and how long they take."""

    count: int = 0
    gflop: float = 0.0  # a photo, all of them together
    seconds: float = 0.0  # the same


def measure(graph: Path, group: int, float_type: str) -> tuple[float, dict[str, Layers]]:
    """The least processor time of a photo, in seconds, and the layers by what they do.

    `group` is how many activations have one scale.
    """
    options = {
        "NUM_STREAMS": 1,
        "INFERENCE_NUM_THREADS": 1,
        "ENABLE_CPU_PINNING": False,
        "DYNAMIC_QUANTIZATION_GROUP_SIZE": group,
        "INFERENCE_PRECISION_HINT": float_type,
        "PERF_COUNT": True,
    }
    compiled = openvino.core().compile_model(str(graph), "CPU", options)
    request = compiled.create_infer_request()
    (port,) = compiled.inputs
    shape = [ROWS, *(dim.get_length() for dim in list(port.partial_shape)[1:])]
    noise = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    request.infer({0: noise})
    cpu_s = math.inf
    totals: dict[str, float] = {}
    best: dict[str, float] = {}
    for run in range(2, RUNS + 2):
        began = time.process_time()
        request.infer({0: noise})
        cpu_s = min(cpu_s, time.process_time() - began)
        for node in request.profiling_info:  # the mean of all runs, in whole microseconds
            total = node.real_time.total_seconds() * run
            if run > 2:
                took = max(0.0, total - totals[node.node_name])
                best[node.node_name] = min(best.get(node.node_name, math.inf), took)
            totals[node.node_name] = total
    layers: defaultdict[str, Layers] = defaultdict(Layers)
    for node in compiled.get_runtime_model().get_ops():
        took = best.get(node.friendly_name, 0.0) / ROWS
        name, gflop = describe(node)
        if took or gflop:
            alike = layers[name]
            alike.count += 1
            alike.gflop += gflop
            alike.seconds += took
    return cpu_s / ROWS, dict(layers)


def describe(node: Any) -> tuple[str, float]:
    """Describe a layer; for a product with weights, also its Gflop per photo."""
    kind = str(node.get_rt_info()["layerType"].astype(str))
    if not kind.startswith("FullyConnected"):
        return kind, 0.0
    taken, given = node.input(0).get_partial_shape(), node.output(0).get_partial_shape()
    depth, width = taken[len(taken) - 1].get_length(), given[len(given) - 1].get_length()
    rows = math.prod(dim.get_length() for dim in list(given)[:-1])
    return f"{rows} × {depth} by {depth} × {width}", 2 * rows * depth * width / 1e9 / ROWS


def table(cpu_s: float, layers: dict[str, Layers], peak_gflop_s: float) -> str:
    """The layers as Markdown, the longest first."""
    lines = [
        "| layers | | Gflop | ms a photo | Gflop/s | of the limit |",
        "|---|---|---|---|---|---|",
    ]

    def line(name: str, group: Layers) -> str:
        rate = group.gflop / group.seconds if group.gflop and group.seconds else 0.0
        rates = f"{rate:.0f} | {rate / peak_gflop_s:.0%}" if rate else " | "
        gflop = f"{group.gflop:.2f}" if group.gflop else ""
        return f"| {name} | {group.count} | {gflop} | {1e3 * group.seconds:.2f} | {rates} |"

    longest_first = sorted(layers.items(), key=lambda item: -item[1].seconds)
    lines += [line(name, group) for name, group in longest_first]
    everything = Layers(
        sum(group.count for group in layers.values()),
        sum(group.gflop for group in layers.values()),
        cpu_s,
    )
    lines.append(line("**all, by processor time**", everything))
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="ViT-B-32-256/random")
    parser.add_argument("--cache", type=Path, default=default_cache_dir())
    parser.add_argument("--float-type", choices=openvino.FLOAT_TYPES, default="bf16")
    options = parser.parse_args()
    name = f"openclip:{options.model}+int8"
    open_encoder(name, options.cache, "cpu")  # makes the export if need be
    folder = ModelSpec.of(name).export_folder(options.cache)
    group = json.loads((folder / MANIFEST).read_text())["facts"]["group"]
    peak = limits.gemm_peaks(threads=1)["int8"]
    print(f"int8 products of one thread: {peak:.0f} Gflop/s; the rest in {options.float_type}")
    print(table(*measure(folder / IMAGE, group, options.float_type), peak))


if __name__ == "__main__":
    main()
