"""Estimates the gain of more training photos for `lite`: `python -m training.learning_curve`.

Trains the heads on random parts of the captioned photos, each part within the next larger one, with
the recipe of `training.train`, and prints the recall of each on the two development sets. The class
samples are all there each time. If recall grows by the same amount with every doubling, the line
says how many photos a goal takes that the recipe does not reach.

The share of ConSE is that of the heads in the package, not chosen anew. The number of steps is the
same for all parts, so that a small part is not trained less. One seed is trained where
`training.train` averages three, so all figures are a little lower than in the model card.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Sequence

import numpy as np
from msgspec.structs import replace

from imgsearch.analysis.metrics import Retrieval
from imgsearch.encoders.lite import heads
from imgsearch.encoders.lite.heads import CURRENT
from imgsearch.errors import ImgsearchError
from training.fitting import Schedule
from training.train import TrainingData, add_data_options, embed_data, retrieval_of, train_heads

DIVISORS = (8, 4, 2, 1)


def learning_curve(
    data: TrainingData, schedule: Schedule, alpha: float
) -> list[tuple[int, Retrieval, Retrieval]]:
    """For each part: its number of photos, and the recall on dev and on the other dev set."""
    photos = len(data.flickr.views[0].features)
    order = np.random.default_rng(0).permutation(photos)
    rows = []
    for divisor in DIVISORS:
        part = data.flickr.subset(np.sort(order[: photos // divisor]))
        samples = len(data.samples.views[0].features)
        epochs = round(schedule.epochs * (photos + samples) / (photos // divisor + samples))
        trained = train_heads(
            part,
            data.samples,
            data.class_texts,
            data.ranges,
            dataclasses.replace(schedule, epochs=epochs),
        )
        weighted = replace(trained, alpha=alpha)
        rows.append(
            (
                photos // divisor,
                retrieval_of(weighted, data.dev),
                retrieval_of(weighted, data.other_dev),
            )
        )
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the curve for the data named on the command line."""
    parser = argparse.ArgumentParser(prog="python -m training.learning_curve")
    add_data_options(parser)
    options = parser.parse_args(arguments)
    try:
        data = embed_data(
            options.flickr8k, options.imagenet_samples, options.other_dev, options.cache
        )
        for photos, dev, other in learning_curve(
            data, Schedule(seeds=(0,)), heads.load(CURRENT.path).alpha
        ):
            sys.stdout.write(f"{photos:6,} photos  {_recalls(dev)}  {_recalls(other)}\n")
    except ImgsearchError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


def _recalls(result: Retrieval) -> str:
    values = (result.recall_at_1, result.recall_at_5, result.recall_at_10)
    return " / ".join(f"{100 * value:.1f}" for value in values)


if __name__ == "__main__":
    sys.exit(main())
