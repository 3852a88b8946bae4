"""Measures the classification of 100,000 photos with 100 labels, with vectors in memory.

python -m benchmarks.bench_labels
"""

# ruff: noqa: T201

from __future__ import annotations

import time

import numpy as np

from imgsearch.features.labels.zero_shot import ZeroShotClassifier

PHOTOS, LABELS, UNRELATED = 100_000, 100, 275


def unit(rng: np.random.Generator, rows: int, dim: int) -> np.ndarray:
    vectors = rng.normal(size=(rows, dim)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def main() -> None:
    rng = np.random.default_rng(1)
    for dim in (512, 768):
        photos = unit(rng, PHOTOS, dim)
        for unrelated in (0, UNRELATED):
            classifier = ZeroShotClassifier(
                unit(rng, LABELS, dim), unit(rng, unrelated, dim), 100.0
            )
            times = []
            for _ in range(3):
                started = time.perf_counter()
                classifier.classify(photos)
                times.append(time.perf_counter() - started)
            none = 'with "none of these"' if unrelated else "these classes only"
            print(f"{PHOTOS} photos, {LABELS} labels, {dim} dimensions, {none}: {min(times):.2f} s")


if __name__ == "__main__":
    main()
