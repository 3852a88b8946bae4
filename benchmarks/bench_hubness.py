"""Measures what subtracting hubness from scores gains, on sets of captioned photos.

    python -m benchmarks.bench_hubness COCO-DEV FLICKR8K --split dev --among IMAGENET-SAMPLES

Recall (R@1/5/10) of the captions, and the mean average precision (mAP) of queries of a few words,
by the share of hubness that is subtracted. With `--among`, also among the photos of a folder with
labels.csv: a bank that covers one kind of photos only would push that kind down. The share in use
was chosen on coco-dev and the dev split of Flickr8k; the test split only reports.
"""

# ruff: noqa: T201

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np

from benchmarks.bench_confidence import (
    FORMS,
    NAME,
    Split,
    TextVectors,
    embed_photos,
    embed_searched,
    hubness_in,
    load,
)
from benchmarks.bench_nouns import query_sets
from benchmarks.bench_prompting import average_precision
from imgsearch.config import default_cache_dir
from imgsearch.encoders.base import Encoder
from imgsearch.encoders.registry import open_encoder
from imgsearch.records.arrays import Vectors
from imgsearch.search.hubness import hubness_shares

SHARES = (0.0, 0.3, 0.5, 0.7)
FIRST = (1, 5, 10)


def recalls(split: Split, captions: Vectors, hubness: np.ndarray, share: float) -> str:
    """R@1/5/10 in percent."""
    scores = captions @ split.photos.T - share * hubness
    own = scores[np.arange(len(split.own)), split.own]
    ranks = (scores > own[:, None]).sum(axis=1)
    return "/".join(f"{(ranks < first).mean():.1%}".rstrip("%") for first in FIRST)


def precision(split: Split, scores: np.ndarray, queries: dict[str, set[int]]) -> float:
    """The mean average precision of queries, given their scores with all photos."""
    return float(
        np.mean([average_precision(*each) for each in zip(scores, queries.values(), strict=True)])
    )


def report(name: str, split: Split, encoder: Encoder, embed: TextVectors, others: Vectors) -> None:
    """Print the figures of one set."""
    captions = embed.searched(split.captions)
    libraries = {"": split}
    if len(others):
        photos = np.concatenate([split.photos, others])
        libraries[", among others"] = Split(photos, split.captions, split.own)
    shares = hubness_shares(encoder.id)
    for what, library in libraries.items():
        print(f"\n{name}{what}, {len(library.photos)} photos: R@1/5/10 of captions")
        hubness = hubness_in(library.photos, embed.bank())
        for share in SHARES:
            mark = "  <- in use" if share == shares.text else ""
            print(f"  share {share:.1f}  {recalls(library, captions, hubness, share)}{mark}")
    hubness = hubness_in(split.photos, embed.bank())
    for kind, queries in query_sets(split).items():
        print(f"{name}, {kind}, {len(queries)} queries: mAP")
        scores = embed_searched(encoder, list(queries)) @ split.photos.T
        for share in SHARES:
            mark = "  <- in use" if share == shares.short else ""
            mean = precision(split, scores - share * hubness, queries)
            print(f"  share {share:.1f}  {mean:.4f}{mark}")


def labelled_photos(folder: Path, encoder: Encoder, cache: Path) -> Vectors:
    """The photos of a folder with labels.csv, as vectors, which are kept in `cache`."""
    file = cache / f"{folder.name}-{encoder.id.replace('/', '-').replace(':', '-')}.npy"
    if not file.exists():
        with (folder / "labels.csv").open(newline="") as lines:
            names = [row["image"] for row in csv.DictReader(lines)]
        cache.mkdir(parents=True, exist_ok=True)
        np.save(file, embed_photos([folder / "images" / name for name in names], encoder))
    vectors: Vectors = np.load(file)
    return vectors


def main() -> None:
    """Report what the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folders", type=Path, nargs="+", help="each with captions.csv and images/")
    parser.add_argument("--split", default="dev", choices=("dev", "test"))
    parser.add_argument("--encoder", default=NAME, choices=FORMS)
    parser.add_argument("--among", type=Path, help="a folder with labels.csv and images/")
    parser.add_argument("--cache", type=Path, default=default_cache_dir() / "benchmarks")
    arguments = parser.parse_args()
    encoder = open_encoder(arguments.encoder, default_cache_dir())
    print(encoder.id)
    others: Vectors = np.empty((0, encoder.dim), np.float32)
    if arguments.among is not None:
        others = labelled_photos(arguments.among, encoder, arguments.cache)
    embed = TextVectors(encoder, arguments.cache)
    for folder in arguments.folders:
        split = load(folder, arguments.split, encoder, arguments.cache)
        report(f"{folder.name} {arguments.split}", split, encoder, embed, others)


if __name__ == "__main__":
    main()
