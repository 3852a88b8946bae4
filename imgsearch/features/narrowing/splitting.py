"""Chooses the values that split the photos of an answer best: arithmetic on weights."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

# How probable it is that a photo of a level is meant, as far as levels are right: one in three
# likely photos is wrong (docs/verdicts.md). Photos that only pass filters have no level.
WEIGHTS: Mapping[str | None, float] = {"sure": 0.95, "likely": 0.67, "possible": 0.3, None: 1.0}
LEAST_SHARE = 0.1  # of the weight, on either side: less is not worth a question


class ValueSplit(Struct, frozen=True):
    """A value of a filter, and the share of the weight of an answer that has it."""

    field: str
    value: str
    share: float

    @property
    def balance(self) -> float:
        """How near the split is to halves: 0.5 for halves, 0 for nothing on one side."""
        return min(self.share, 1 - self.share)


def splits(
    values: Mapping[str, Iterable[tuple[int, str]]], weights: Mapping[int, float]
) -> Sequence[ValueSplit]:
    """Return the best split by each filter, nearest to halves first; none that splits off little.

    `values` has, by filter, pairs of a photo and a value, and `weights` those of all photos.
    """
    total = sum(weights.values())
    best: list[ValueSplit] = []
    for field, pairs in values.items():
        by_value: dict[str, float] = {}
        for photo_id, value in set(pairs):
            by_value[value] = by_value.get(value, 0.0) + weights.get(photo_id, 0.0)
        found = [ValueSplit(field, value, weight / total) for value, weight in by_value.items()]
        if found:
            # Values of the same balance in an order that does not depend on the run.
            best.append(max(found, key=lambda each: (each.balance, each.share, each.value)))
    ordered = sorted(best, key=lambda each: -each.balance)
    return [each for each in ordered if each.balance >= LEAST_SHARE]
