"""Measures how well `lite` finds photos: `python -m training.evaluate`.

For captioned photos, each caption is a query and its photo the only correct answer; prints the
recalls R@1, R@5, R@10 (percent) and the median rank. For labelled photos, prints the share whose
own label scores highest among all labels, each averaged over the templates of `imgsearch label`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from imgsearch.analysis import metrics
from imgsearch.encoders.prompts import class_templates, embed_in
from imgsearch.encoders.registry import open_encoder
from imgsearch.errors import ImgsearchError
from training import datasets

if TYPE_CHECKING:
    from imgsearch.analysis.metrics import Retrieval
    from imgsearch.encoders.base import Encoder
    from imgsearch.records.arrays import PixelBatch, Pixels, Vectors


def evaluate_captions(encoder: Encoder, data: datasets.Captioned) -> Retrieval:
    """Search for each photo with each of its captions, among all photos of the data."""
    images = embed_photos(encoder, data.photos)
    return metrics.retrieval(
        encoder.encode_texts(data.captions), images, np.array(data.photo_of, np.int64)
    )


def evaluate_labels(encoder: Encoder, data: datasets.Labelled) -> float:
    """Zero-shot accuracy, 0 to 1."""
    images = embed_photos(encoder, data.photos)
    templates = class_templates("lite")
    labels = embed_in(encoder, [(label, templates) for label in data.labels])
    return metrics.zero_shot_accuracy(images, labels, np.array(data.label_of, np.int64))


def embed_photos(encoder: Encoder, photos: Sequence[Path]) -> Vectors:
    """Embed photo files, in order. Writes progress to standard error."""

    def prepared(path: Path) -> Pixels:
        with Image.open(path) as image:
            return encoder.prepare(image.convert("RGB"))

    parts: list[Vectors] = []
    with ThreadPoolExecutor(2) as pool:
        for start in range(0, len(photos), encoder.batch_size):
            batch = photos[start : start + encoder.batch_size]
            pixels: PixelBatch = np.array(list(pool.map(prepared, batch)))
            parts.append(encoder.encode_pixels(pixels))
            sys.stderr.write(f"\r{start + len(batch)} of {len(photos)} photos")
    sys.stderr.write("\n")
    return np.concatenate(parts)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the figures for the data named on the command line."""
    parser = argparse.ArgumentParser(prog="python -m training.evaluate")
    parser.add_argument("--captions", type=Path, help="CSV file: image, split, caption")
    parser.add_argument("--split", default="test", help="split of the CSV file (default: test)")
    parser.add_argument("--labels", type=Path, help="folder of labelled photos, or its CSV file")
    parser.add_argument("--encoder", default="lite", help="lite (the default) or lite+views")
    parser.add_argument("--cache", type=Path, default=Path("artefacts"), help="default: artefacts")
    options = parser.parse_args(arguments)
    if options.captions is None and options.labels is None:
        parser.error("give --captions FILE or --labels DIR")
    try:
        encoder = open_encoder(options.encoder, options.cache)
        if options.captions is not None:
            data = datasets.captioned(options.captions, frozenset({options.split}))
            result = evaluate_captions(encoder, data)
            recalls = (result.recall_at_1, result.recall_at_5, result.recall_at_10)
            shown = "  ".join(
                f"R@{k} {100 * r:.1f}" for k, r in zip((1, 5, 10), recalls, strict=True)
            )
            sys.stdout.write(
                f"{shown}  median rank {result.median_rank:.0f}  "
                f"({result.queries} captions, {len(data.photos)} photos, text to image)\n"
            )
        if options.labels is not None:
            labelled = datasets.labelled(options.labels)
            accuracy = evaluate_labels(encoder, labelled)
            sys.stdout.write(
                f"zero-shot accuracy {100 * accuracy:.1f}  "
                f"({len(labelled.photos)} photos, {len(labelled.labels)} labels)\n"
            )
    except ImgsearchError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
