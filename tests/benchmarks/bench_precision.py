"""What whole numbers cost in likeness and save in time: `lite`, and an open_clip model.

    python tests/benchmarks/bench_precision.py lite --flickr8k FOLDER
    python tests/benchmarks/bench_precision.py openclip --flickr8k FOLDER [--model ARCH/PRETRAINED]

`lite`: recall on Flickr8k's test split and the likeness of vectors, with the image tower in int8 as
it is used and in float32. `openclip`: processor time a photo and the likeness of vectors, with all
weights of the image tower in int8, by ONNX Runtime's dynamic quantisation (one scale for all
activations of a batch) and by MatMulNBits (one scale for each 128 values of a row).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import helper, numpy_helper
from PIL import Image

from imgsearch.config import default_cache_dir
from imgsearch.encoders import open_encoder
from imgsearch.encoders.lite import datasets, heads, image_tower, metrics, weights
from imgsearch.encoders.lite.encoder import HEADS, Lite
from imgsearch.encoders.onnx_cache import open_session

if TYPE_CHECKING:
    from collections.abc import Callable

    from imgsearch.records import PixelBatch, Vectors

BATCH = 16
ROUNDS = 5  # the best of so many: others use this machine, too
BLOCK = 128


def pixels_of(encoder: Any, photos: list[Path]) -> PixelBatch:
    return np.stack([encoder.prepare(Image.open(path).convert("RGB")) for path in photos])


def in_batches(run: Callable[[Any], Vectors], encoder: Any, photos: list[Path]) -> Vectors:
    starts = range(0, len(photos), BATCH)
    return np.concatenate([run(pixels_of(encoder, photos[at : at + BATCH])) for at in starts])


def lite(flickr8k: Path) -> None:
    data = datasets.captioned(flickr8k / "captions.csv", frozenset({"test"}))
    encoder, trained = Lite(default_cache_dir()), heads.load(HEADS)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "float.onnx"
        file.write_bytes(image_tower.float_model(weights.image_tensors()).SerializeToString())
        tower = open_session(file)

    def in_floats(batch: PixelBatch) -> Vectors:
        features, logits = tower.run(["features", "logits"], {"pixels": batch})
        return trained.image_vectors(features, logits)

    photos = list(data.photos)
    exact = in_batches(in_floats, encoder, photos)
    used = in_batches(encoder.encode_pixels, encoder, photos)
    say_likeness("lite, int8 against float32", (exact * used).sum(axis=1))
    texts, photo_of = encoder.encode_texts(data.captions), np.array(data.photo_of, np.int64)
    for name, images in (("float32", exact), ("int8", used)):
        found = metrics.retrieval(texts, images, photo_of)
        recalls = (found.recall_at_1, found.recall_at_5, found.recall_at_10)
        shown = ", ".join(f"R@{k} {100 * r:.1f}" for k, r in zip((1, 5, 10), recalls, strict=True))
        sys.stdout.write(f"{name}: {shown} ({found.queries} captions)\n")


def openclip(flickr8k: Path, model: str, count: int) -> None:
    encoder = open_encoder(f"openclip:{model}", default_cache_dir(), "cpu")
    source = encoder._runtime._folder / "image.onnx"  # type: ignore[attr-defined]
    photos = sorted((flickr8k / "images").iterdir())[:count]
    with tempfile.TemporaryDirectory() as folder:
        files = {
            "float32": source,
            "dynamic": dynamic(source, Path(folder) / "dynamic.onnx"),
            "MatMulNBits": blockwise(source, Path(folder) / "blocks.onnx"),
        }
        towers = {name: open_session(file) for name, file in files.items()}
    few = pixels_of(encoder, photos[:BATCH])
    for name, cost in processor_ms(towers, few).items():
        sys.stdout.write(f"{name}: {cost:.1f} ms of processor time a photo, batches of {BATCH}\n")

    def run(name: str) -> Callable[[PixelBatch], Vectors]:
        return lambda batch: towers[name].run(None, {"input": batch})[0]

    exact = in_batches(run("float32"), encoder, photos)
    among = exact @ exact.T
    others = among[~np.eye(len(among), dtype=bool)].mean()
    sys.stdout.write(f"two different photos: cosine {others:.3f} in the mean\n")
    for name in ("dynamic", "MatMulNBits"):
        say_likeness(name, (exact * in_batches(run(name), encoder, photos)).sum(axis=1))
        alone, together = run(name)(few[:1])[0], run(name)(few)[0]
        sys.stdout.write(f"  one photo alone and in a batch: cosine {alone @ together:.5f}\n")


def processor_ms(towers: dict[str, Any], batch: PixelBatch) -> dict[str, float]:
    """Milliseconds of processor time a photo, in turns, so that all see the same machine."""
    best = dict.fromkeys(towers, float("inf"))
    for _ in range(ROUNDS):
        for name, tower in towers.items():
            began = time.process_time()
            tower.run(None, {"input": batch})
            best[name] = min(best[name], 1e3 * (time.process_time() - began) / len(batch))
    return best


def say_likeness(name: str, cosines: np.ndarray) -> None:
    sys.stdout.write(
        f"{name}: cosine {cosines.mean():.4f} in the mean, {cosines.min():.4f} at the least "
        f"({len(cosines)} photos)\n"
    )


def dynamic(source: Path, target: Path) -> Path:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(
        source,
        target,
        weight_type=QuantType.QInt8,
        op_types_to_quantize=["MatMul", "Gemm"],
        extra_options={"MatMulConstBOnly": True, "DefaultTensorType": onnx.TensorProto.FLOAT},
    )
    return target


def blockwise(source: Path, target: Path) -> Path:
    model = onnx.load(source)
    constants = {each.name: each for each in model.graph.initializer}
    for number, node in enumerate(model.graph.node):
        if node.op_type not in ("MatMul", "Gemm") or node.input[1] not in constants:
            continue
        weight = numpy_helper.to_array(constants[node.input[1]])
        if any(each.name == "transB" and each.i for each in node.attribute):
            weight = weight.T
        rows, columns = weight.shape
        if rows % BLOCK:
            continue
        blocks = weight.T.reshape(columns, rows // BLOCK, BLOCK)
        scales = np.maximum(np.abs(blocks).max(axis=2) / 127, 1e-12).astype(np.float32)
        whole = (np.rint(blocks / scales[..., None]) + 128).clip(0, 255).astype(np.uint8)
        model.graph.initializer.append(numpy_helper.from_array(whole, f"whole{number}"))
        model.graph.initializer.append(numpy_helper.from_array(scales.ravel(), f"scales{number}"))
        inputs = [node.input[0], f"whole{number}", f"scales{number}"]
        if len(node.input) > 2:
            inputs += ["", "", node.input[2]]
        sizes = {"K": rows, "N": columns, "bits": 8, "block_size": BLOCK, "accuracy_level": 4}
        node.CopyFrom(
            helper.make_node("MatMulNBits", inputs, node.output, domain="com.microsoft", **sizes)
        )
    onnx.save(model, target)
    return target


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("lite", "openclip"))
    parser.add_argument("--flickr8k", type=Path, required=True)
    parser.add_argument("--model", default="ViT-B-32-256/random")
    parser.add_argument("--photos", type=int, default=500)
    options = parser.parse_args()
    if options.what == "lite":
        lite(options.flickr8k)
    else:
        openclip(options.flickr8k, options.model, options.photos)


if __name__ == "__main__":
    main()
