"""Measures the accuracy and speed of int8, for `lite` and for an open_clip model.

    python -m benchmarks.bench_precision lite --flickr8k FOLDER
    python -m benchmarks.bench_precision openclip --flickr8k FOLDER [--model ARCH/PRETRAINED]
    python -m benchmarks.bench_precision trained --flickr8k FOLDER

`lite`: recall on Flickr8k's test split and similarity of the vectors, with the image tower in int8
(as used) and in float32. `openclip`: processor time a photo and similarity of the vectors, in int8
and in float32. `trained`: similarity after the same rounding of a transformer whose trained weights
are on every machine (the text tower of `lite`), over Flickr8k's captions.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import onnx
from PIL import Image

from imgsearch.analysis import metrics
from imgsearch.config import default_cache_dir
from imgsearch.encoders import openvino
from imgsearch.encoders.lite import graph, heads, towers, weights
from imgsearch.encoders.lite import spec as lite_spec
from imgsearch.encoders.lite.encoder import Lite
from imgsearch.encoders.lite.heads import CURRENT
from imgsearch.encoders.onnx import open_session, optimise
from imgsearch.encoders.openclip import int8
from imgsearch.encoders.openclip.rewrites import set_nodes
from imgsearch.encoders.registry import open_encoder
from training import datasets
from training.text_tower import PackageTensors, text_model

if TYPE_CHECKING:
    from collections.abc import Callable

    from imgsearch.encoders.base import Encoder
    from imgsearch.records.arrays import PixelBatch, Vectors

Feed = Mapping[int | str, np.ndarray]
BATCH = 16
ROUNDS = 5  # the shortest time counts: other programs use the machine, too


def pixels_of(encoder: Encoder, photos: list[Path]) -> PixelBatch:
    pixels = [encoder.prepare(Image.open(path).convert("RGB")) for path in photos]
    return cast("PixelBatch", np.stack(pixels))


def in_batches(
    run: Callable[[PixelBatch], Vectors], encoder: Encoder, photos: list[Path]
) -> Vectors:
    starts = range(0, len(photos), BATCH)
    return np.concatenate([run(pixels_of(encoder, photos[at : at + BATCH])) for at in starts])


def lite(flickr8k: Path) -> None:
    data = datasets.captioned(flickr8k / "captions.csv", frozenset({"test"}))
    encoder, trained = Lite(default_cache_dir()), heads.load(CURRENT.path)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "float.onnx"
        file.write_bytes(graph.image_model_float32(weights.image_tensors()).SerializeToString())
        tower = open_session(file)

    def embed_in_float32(batch: PixelBatch) -> Vectors:
        features, logits = tower.run(["features", "logits"], {"pixels": batch})
        return trained.image_vectors(features, logits)

    photos = list(data.photos)
    float32 = in_batches(embed_in_float32, encoder, photos)
    in_int8 = in_batches(encoder.encode_pixels, encoder, photos)
    print_similarity("lite, int8 against float32", (float32 * in_int8).sum(axis=1))
    texts, photo_of = encoder.encode_texts(data.captions), np.array(data.photo_of, np.int64)
    for name, images in (("float32", float32), ("int8", in_int8)):
        result = metrics.retrieval(texts, images, photo_of)
        recalls = (result.recall_at_1, result.recall_at_5, result.recall_at_10)
        shown = ", ".join(f"R@{k} {100 * r:.1f}" for k, r in zip((1, 5, 10), recalls, strict=True))
        sys.stdout.write(f"{name}: {shown} ({result.queries} captions)\n")


def openclip(flickr8k: Path, model: str, count: int) -> None:
    names = (f"openclip:{model}+fp32", f"openclip:{model}+int8")
    float32, in_int8 = (open_encoder(name, default_cache_dir(), "cpu") for name in names)
    photos = sorted((flickr8k / "images").iterdir())[:count]
    few = pixels_of(float32, photos[:BATCH])
    runners = {"float32": float32.encode_pixels, "int8": in_int8.encode_pixels}
    for name, cost in processor_ms(runners, few).items():
        sys.stdout.write(f"{name}: {cost:.1f} ms of processor time a photo, batches of {BATCH}\n")
    rows = in_batches(float32.encode_pixels, float32, photos)
    print_similarity_of_others(rows)
    int8_rows = in_batches(in_int8.encode_pixels, float32, photos)
    print_similarity("int8", (rows * int8_rows).sum(axis=1))
    alone, together = in_int8.encode_pixels(few[:1])[0], in_int8.encode_pixels(few)[0]
    sys.stdout.write(f"  one photo alone and in a batch: cosine {alone @ together:.5f}\n")


def trained(flickr8k: Path, count: int) -> None:
    data = datasets.captioned(flickr8k / "captions.csv", frozenset({"test"}))
    pieces = towers.WordPieces()
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "text.onnx"
        tensors = PackageTensors(weights.TEXT.verified())
        onnx.save_model(text_model(tensors, in_float32=True), Path(folder) / "built.onnx")
        optimise(Path(folder) / "built.onnx", source)
        session = open_session(source)

        def in_float32(inputs: Feed) -> list[np.ndarray]:
            return list(session.run(None, dict(inputs)))

        def vectors(run: Callable[[Feed], list[np.ndarray]]) -> Vectors:
            rows = []
            for caption in data.captions[:count]:
                ids = np.array([pieces.ids(caption)], np.int64)
                features = run({"tokens": ids, "mask": np.ones_like(ids)})[0][0]
                rows.append(features[: lite_spec.TEXT_WIDTH])
            return np.stack(rows)

        before = vectors(in_float32)
        print_similarity_of_others(before)
        separate_norms(source)
        conversions: dict[str, Callable[[Path, Path], int8.Int8Facts]] = {
            "as it is": partial(int8.convert, samples=made_sentences()),
        }
        for number, (name, convert) in enumerate(conversions.items()):
            file = Path(folder) / f"int8-{number}.onnx"
            facts = convert(source, file)
            after = vectors(openvino.OpenVinoModel(file, facts.group).infer)
            title = f"MiniLM, {facts.matrices} matrices in int8, {name}"
            print_similarity(title, (before * after).sum(axis=1))


def separate_norms(file: Path) -> None:
    """Give the products behind each layer norm one of their own, as in an image tower.

    MiniLM also adds the output of its layer norms to what follows, so they cannot be scaled.
    """
    model = onnx.load(file)
    constants = {constant.name for constant in model.graph.initializer}
    nodes: list[onnx.NodeProto] = []
    copies: dict[str, str] = {}
    for node in model.graph.node:
        if node.op_type == "MatMul" and node.input[1] in constants and node.input[0] in copies:
            node.input[0] = copies[node.input[0]]
        nodes.append(node)
        if node.op_type == "LayerNormalization":
            copy = onnx.NodeProto()
            copy.CopyFrom(node)
            copy.output[0] = copies[node.output[0]] = f"{node.output[0]}.copy"
            nodes.append(copy)
    set_nodes(model.graph, nodes)
    onnx.save(model, file)


def made_sentences() -> list[np.ndarray]:
    """Random words, as an image tower is converted with pictures that are made."""
    tokens = np.random.default_rng(0).integers(1000, 30000, (8, 14), np.int64)
    return [tokens, np.ones_like(tokens)]  # and the mask


def print_similarity_of_others(rows: Vectors) -> None:
    others = (rows @ rows.T)[~np.eye(len(rows), dtype=bool)].mean()
    sys.stdout.write(f"two different ones: mean cosine {others:.3f}\n")


def processor_ms(
    runners: Mapping[str, Callable[[PixelBatch], Vectors]], batch: PixelBatch
) -> dict[str, float]:
    """Milliseconds of processor time a photo. In turn, so that the load affects all alike."""
    best = dict.fromkeys(runners, float("inf"))
    for _ in range(ROUNDS):
        for name, run in runners.items():
            began = time.process_time()
            run(batch)
            best[name] = min(best[name], 1e3 * (time.process_time() - began) / len(batch))
    return best


def print_similarity(name: str, cosines: np.ndarray) -> None:
    sys.stdout.write(
        f"{name}: mean cosine {cosines.mean():.4f}, lowest {cosines.min():.4f} "
        f"({len(cosines)} vectors)\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("lite", "openclip", "trained"))
    parser.add_argument("--flickr8k", type=Path, required=True)
    parser.add_argument("--model", default="ViT-B-32-256/random")
    parser.add_argument("--count", type=int, default=1000, help="number of photos or captions")
    options = parser.parse_args()
    if options.what == "lite":
        lite(options.flickr8k)
    elif options.what == "openclip":
        openclip(options.flickr8k, options.model, options.count)
    else:
        trained(options.flickr8k, options.count)


if __name__ == "__main__":
    main()
