"""Compares an int8 image tower, layer by layer, and an index run, stage by stage, with the limit.

    python -m benchmarks.bench_layers [--model ARCH/PRETRAINED] [--cache DIR] [--form NAME]
                                      [--rows N]
    python -m benchmarks.bench_layers --photos FOLDER [--model …] [--cache DIR]

One thread runs the tower on as many photos at once as each thread of an indexing run does, or on
`--rows`. The rows of the table are the products, by the size of their matrices, and the other
layers by their kind; each has the share of the rate that large int8 products reach in one thread of
the same machine.

With photos, they are indexed into a temporary library, and the rows are the stages of that: the
processor time of a photo, and what the limit of `bench_peers` allows for it, which is decoding by
libjpeg and the products of the model. `--model lite` is the built-in model, which has no such
limit.
"""

# ruff: noqa: T201  # what it prints is what it is for

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from pkgutil import resolve_name
from typing import Any
from unittest import mock

import numpy as np
from msgspec.structs import replace

from benchmarks import limits
from imgsearch import Library, Settings
from imgsearch.config import default_cache_dir
from imgsearch.encoders import openvino
from imgsearch.encoders.onnx import MANIFEST
from imgsearch.encoders.openclip.spec import IMAGE, ModelSpec
from imgsearch.encoders.registry import open_encoder

RUNS = 30


@dataclass
class Layers:
    """Layers that do the same: how many there are, what they compute and how long they take."""

    count: int = 0
    gflop: float = 0.0  # a photo, all of them together
    seconds: float = 0.0  # the same


def measure(graph: Path, group: int, form: openvino.Form) -> tuple[float, dict[str, Layers]]:
    """The least processor time of a photo, in seconds, and the layers by what they do.

    `group` is how many activations have one scale.
    """
    compiled = openvino.compiled(graph, group, form, options={"PERF_COUNT": True})
    request = compiled.create_infer_request()
    (port,) = compiled.inputs
    shape = [form.rows, *(dim.get_length() for dim in list(port.partial_shape)[1:])]
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
        took = best.get(node.friendly_name, 0.0) / form.rows
        name, gflop = describe(node, form.rows)
        if took or gflop:
            alike = layers[name]
            alike.count += 1
            alike.gflop += gflop
            alike.seconds += took
    return cpu_s / form.rows, dict(layers)


def describe(node: Any, photos: int) -> tuple[str, float]:
    """Describe a layer; for a product with weights, also its Gflop per photo."""
    kind = str(node.get_rt_info()["layerType"].astype(str))
    if not kind.startswith("FullyConnected"):
        return kind, 0.0
    taken, given = node.input(0).get_partial_shape(), node.output(0).get_partial_shape()
    depth, width = taken[len(taken) - 1].get_length(), given[len(given) - 1].get_length()
    rows = math.prod(dim.get_length() for dim in list(given)[:-1])
    return f"{rows} × {depth} by {depth} × {width}", 2 * rows * depth * width / 1e9 / photos


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


# ---------------------------------------------------------------------- the stages of a run

MODEL = "the model"
REST = "the rest: Python, threads and their locks, batches, start-up"
# What a run calls for each stage: where that is defined, and its name.
STAGES = (
    ("hashing", "imgsearch.indexer.pipeline.content_hash_of"),
    ("decoding, metadata", "imgsearch.decode.reader.decode_file"),
    ("files beside the photo", "imgsearch.decode.reader._with_companion_files"),
    ("scaling for the model", "imgsearch.encoders.openclip.encoder.OpenClip.prepare"),
    ("scaling for the model", "imgsearch.encoders.lite.encoder.Lite.prepare"),
    ("colours, detail, sharpness", "imgsearch.indexer.reading.with_look"),
    ("thumbnail", "imgsearch.indexer.reading.kept_thumbnail"),
    ("database: is the photo known", "imgsearch.store.reading.vectors.VectorReads.has"),
    ("database: photos and vectors", "imgsearch.store.store.Store.put"),
    ("database: thumbnails", "imgsearch.store.thumbnails.ThumbnailStore.add"),
    (MODEL, "imgsearch.encoders.onnx.OnnxModel.run"),
)


class StageTimes:
    """The processor time of each stage in all threads, in seconds."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._lock = threading.Lock()

    def timed(self, stage: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, which adds its time to the stage."""

        def wrapped(*arguments: Any, **options: Any) -> Any:
            began = time.thread_time()
            try:
                return call(*arguments, **options)
            finally:
                took = time.thread_time() - began
                with self._lock:
                    self.seconds[stage] += took

        return wrapped


@contextmanager
def stages_timed() -> Iterator[StageTimes]:
    """Time the stages of all index runs in this process while the block runs."""
    times = StageTimes()
    with ExitStack() as patches:
        for stage, target in STAGES:
            place, _, name = target.rpartition(".")
            call = getattr(resolve_name(place), name)
            patches.enter_context(mock.patch(target, times.timed(stage, call)))
        yield times


def stages(photos: Path, encoder: str, cache: Path) -> tuple[int, dict[str, float]]:
    """Index photos into a new library; the number of photos, and the seconds of each stage.

    Opening the model and what is made once, after the last photo, are not counted.
    """
    with tempfile.TemporaryDirectory() as folder, stages_timed() as times:
        settings = Settings.load(data_dir=folder, encoder=encoder, cache_dir=cache, device="cpu")
        first, *others = sorted(path for path in photos.iterdir() if path.is_file())
        few = Path(folder, "first")
        few.mkdir()
        (few / first.name).write_bytes(first.read_bytes())
        with Library.open(settings) as library:
            library.index([few]).run()
            times.seconds.clear()
            before_s, of_runtime_s = time.process_time(), runtime_seconds()
            library.index([photos]).run()
            all_s = time.process_time() - before_s
            times.seconds[MODEL] += runtime_seconds() - of_runtime_s
        seconds = {stage: times.seconds[stage] for stage, _ in STAGES if times.seconds[stage]}
        seconds[REST] = all_s - sum(seconds.values())
    return len(others), seconds


def runtime_seconds() -> float:
    """The processor time of the threads of this process that Python did not start: OpenVINO's."""
    if sys.platform != "linux":
        raise NotImplementedError("needs Linux")
    ours = {thread.native_id for thread in threading.enumerate()}
    ticks = 0
    for task in Path("/proc/self/task").iterdir():
        if int(task.name) not in ours:
            fields = (task / "stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])  # of the user and of the system
    return ticks / os.sysconf("SC_CLK_TCK")


def stage_table(count: int, seconds: dict[str, float], allowed_ms: dict[str, float]) -> str:
    """The stages as Markdown, the longest first."""
    lines = ["| stage | core ms a photo | the limit |", "|---|---|---|"]
    for stage, spent_s in sorted(seconds.items(), key=lambda item: -item[1]):
        allowed = f"{allowed_ms[stage]:.2f}" if stage in allowed_ms else ""
        lines.append(f"| {stage} | {1e3 * spent_s / count:.2f} | {allowed} |")
    whole_ms, limit_ms = 1e3 * sum(seconds.values()) / count, sum(allowed_ms.values())
    share = f" ({limit_ms / whole_ms:.0%} of the limit)" if MODEL in allowed_ms else ""
    lines.append(f"| **all**{share} | {whole_ms:.2f} | {limit_ms:.2f} |")
    return "\n".join(lines)


def print_stages(photos: Path, model: str, cache: Path) -> None:
    is_lite = model == "lite"
    encoder = model if is_lite else f"openclip:{model}+int8"
    count, seconds = stages(photos, encoder, cache)
    allowed_ms = {"decoding, metadata": limits.jpeg_core_ms(photos)}
    if not is_lite:
        gflop = limits.model_gflop(model.partition("/")[0])
        allowed_ms[MODEL] = 1e3 * gflop / limits.gemm_peaks(threads=1)["int8"]
    print(stage_table(count, seconds, allowed_ms))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="ViT-B-32-256/random")
    parser.add_argument("--cache", type=Path, default=default_cache_dir())
    parser.add_argument("--form", choices=[form.name for form in openvino.FORMS])
    parser.add_argument("--rows", type=int, help="photos at once")
    parser.add_argument("--photos", type=Path, help="index the photos of this folder")
    options = parser.parse_args()
    if options.photos:
        print_stages(options.photos, options.model, options.cache)
        return
    name = f"openclip:{options.model}+int8"
    open_encoder(name, options.cache, "cpu")  # makes the export if need be
    folder = ModelSpec.of(name).export_folder(options.cache)
    group = json.loads((folder / MANIFEST).read_text())["facts"]["group"]
    form = next(
        (form for form in openvino.FORMS if form.name == options.form),
        openvino.form_for(folder / IMAGE, group),
    )
    form = replace(form, rows=options.rows or form.rows)
    peak = limits.gemm_peaks(threads=1)["int8"]
    print(f"int8 products of one thread: {peak:.0f} Gflop/s; form: {form.name}")
    print(table(*measure(folder / IMAGE, group, form), peak))


if __name__ == "__main__":
    main()
