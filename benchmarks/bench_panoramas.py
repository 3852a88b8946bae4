"""Measures whether tiles of panoramas make their ends findable without harming other searches.

    python -m benchmarks.bench_panoramas FLICKR8K --split test --panoramas 12

Panoramas are made of a split's photos: three to five in a row or a column, of different lengths, so
that seams do not fall on the ends of tiles. The library holds the panoramas and the remaining
photos. The queries are the captions of the photos at the ends and in the middle of the panoramas,
and those of the ordinary photos. The tiling policy was chosen on the dev split.
"""

# ruff: noqa: T201

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
from PIL import Image

from imgsearch.config import default_cache_dir
from imgsearch.decode.tiles import DEFAULT_TILING, TilingPolicy, images_to_embed
from imgsearch.encoders.base import Encoder
from imgsearch.encoders.prompts import embed_texts
from imgsearch.encoders.registry import open_encoder
from imgsearch.records.arrays import PixelBatch
from imgsearch.records.files import Decoded
from imgsearch.records.photo import Facts

NAME = "lite"
HEIGHT_PX = 224
NO_TILES = TilingPolicy(min_aspect=float("inf"))
POLICIES = {
    "the whole alone": NO_TILES,
    "tiles 1.0, overlap .00": TilingPolicy(tile_aspect=1.0, overlap=0.0),
    "tiles 1.0, overlap .25": TilingPolicy(tile_aspect=1.0, overlap=0.25),
    "tiles 1.0, overlap .50": TilingPolicy(tile_aspect=1.0, overlap=0.5),
    "tiles 1.5, overlap .25": TilingPolicy(tile_aspect=1.5, overlap=0.25),
    "tiles 1.5, overlap .50": TilingPolicy(tile_aspect=1.5, overlap=0.5),
}


@dataclass(frozen=True)
class Scene:
    """Names of photos: those joined into panoramas, and those left single."""

    joined: list[list[str]]
    single: list[str]
    captions: dict[str, list[str]]


def scene_of(folder: Path, split: str, panoramas: int) -> Scene:
    """A random choice that is the same every time."""
    captions: dict[str, list[str]] = {}
    with (folder / "captions.csv").open() as lines:
        for row in csv.DictReader(lines):
            if row["split"] == split:
                captions.setdefault(row["image"], []).append(row["caption"])
    rng = np.random.default_rng(7)
    names = rng.permutation(sorted(captions)).tolist()
    joined = []
    for number in range(panoramas):
        count = 3 + number % 3
        joined.append(names[:count])
        names = names[count:]
    return Scene(joined, names, captions)


def panorama(folder: Path, names: Sequence[str], seed: int) -> Image.Image:
    """The photos side by side; every fourth panorama is a column."""
    rng = np.random.default_rng(seed)
    upright = seed % 4 == 3
    parts = []
    for name in names:
        length = int(HEIGHT_PX * rng.uniform(0.8, 1.5))
        size = (HEIGHT_PX, length) if upright else (length, HEIGHT_PX)
        with Image.open(folder / "images" / name) as image:
            parts.append(image.convert("RGB").resize(size, Image.Resampling.BICUBIC))
    lengths = [part.height if upright else part.width for part in parts]
    whole = Image.new("RGB", (HEIGHT_PX, sum(lengths)) if upright else (sum(lengths), HEIGHT_PX))
    at = 0
    for part, length in zip(parts, lengths, strict=True):
        whole.paste(part, (0, at) if upright else (at, 0))
        at += length
    return whole


def opened(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return image.convert("RGB")


def vectors_of(images: Sequence[Image.Image], encoder: Encoder) -> np.ndarray:
    size = encoder.batch_size
    vectors = []
    with ThreadPoolExecutor(2) as threads:
        for at in range(0, len(images), size):
            pixels = list(threads.map(encoder.prepare, images[at : at + size]))
            vectors.append(encoder.encode_pixels(cast("PixelBatch", np.stack(pixels))))
    return np.concatenate(vectors)


def best_scores(texts: np.ndarray, parts: Sequence[np.ndarray]) -> np.ndarray:
    """(texts, photos): each photo's score is that of its best part."""
    starts = np.cumsum([0, *(len(vectors) for vectors in parts[:-1])])
    scores: np.ndarray = np.maximum.reduceat(texts @ np.concatenate(parts).T, starts, axis=1)
    return scores


def recall(scores: np.ndarray, own: np.ndarray) -> str:
    mine = scores[np.arange(len(own)), own]
    ranks = (scores >= mine[:, None]).sum(axis=1)
    return "  ".join(f"{(ranks <= k).mean():6.1%}" for k in (1, 5, 10))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("flickr8k", type=Path)
    parser.add_argument("--split", default="test", choices=("dev", "test"))
    parser.add_argument("--panoramas", type=int, default=120)
    parser.add_argument(
        "--all-cuts", action="store_true", help="compare all tilings, not only the one in use"
    )
    arguments = parser.parse_args()
    encoder = open_encoder(NAME, default_cache_dir())
    scene = scene_of(arguments.flickr8k, arguments.split, arguments.panoramas)
    wide = [panorama(arguments.flickr8k, names, at) for at, names in enumerate(scene.joined)]
    aspects = [max(image.size) / min(image.size) for image in wide]
    folder = arguments.flickr8k / "images"
    single = vectors_of([opened(folder / name) for name in scene.single], encoder)
    groups: dict[str, tuple[list[str], list[int]]] = {
        name: ([], []) for name in ("ends", "middle", "ordinary")
    }
    for at, names in enumerate(scene.joined):
        for position, name in enumerate(names):
            is_end = position in (0, len(names) - 1)
            texts, rows = groups["ends" if is_end else "middle"]
            texts += scene.captions[name]
            rows += [at] * len(scene.captions[name])
    for at, name in enumerate(scene.single):
        texts, rows = groups["ordinary"]
        texts += scene.captions[name]
        rows += [len(wide) + at] * len(scene.captions[name])
    queries = {name: embed_texts(encoder, NAME, texts) for name, (texts, _) in groups.items()}
    print(
        f"{encoder.id}, Flickr8k {arguments.split}: {len(wide)} panoramas (aspect "
        f"{min(aspects):.1f} to {max(aspects):.1f}) among {len(single)} photos; R@1, R@5, R@10"
    )
    own = np.array(groups["ordinary"][1]) - len(wide)
    print(f"{'ordinary photos alone':86} {recall(queries['ordinary'] @ single.T, own)}")
    apart = vectors_of([opened(folder / name) for names in scene.joined for name in names], encoder)
    scores = queries["ordinary"] @ np.concatenate([single, apart]).T
    print(f"{'with the photos of the panoramas, not joined':86} {recall(scores, own)}")
    in_use = {"the whole alone": NO_TILES, "in use": DEFAULT_TILING}
    policies = POLICIES if arguments.all_cuts else in_use
    for name, policy in policies.items():
        photos = [Decoded(image, Facts("JPEG", *image.size)) for image in wide]
        images = [images_to_embed(photo, policy)[0] for photo in photos]
        vectors = vectors_of([part for parts in images for part in parts], encoder)
        parts = np.split(vectors, np.cumsum([len(tiles) for tiles in images])[:-1])
        parts += [vector[None] for vector in single]
        print(f"{name:26} {len(vectors) / len(wide):4.1f} vectors  ", end="")
        for group, (_, rows) in groups.items():
            print(
                f"{group} {recall(best_scores(queries[group], parts), np.array(rows))}   ", end=""
            )
        print(flush=True)


if __name__ == "__main__":
    main()
