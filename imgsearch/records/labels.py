"""What is found out beyond answers: labels, and how good a search is."""

from __future__ import annotations

from dataclasses import dataclass

NONE_OF_THESE = "none of these"


# ---------------------------------------------------------------------------- labels


@dataclass(frozen=True, slots=True)
class Classes:
    """Classes named in words. `template` holds `{}` where the name goes.

    With `none_of_these`, a photo that is like none of them is labelled so.
    """

    names: tuple[str, ...]
    template: str | None = None  # None: an average over several, see docs/models.md
    none_of_these: bool = True

    @property
    def labels(self) -> tuple[str, ...]:
        """What a photo may be labelled."""
        return (*self.names, NONE_OF_THESE) if self.none_of_these else self.names


@dataclass(frozen=True, slots=True)
class Facet:
    """Classes that were saved under a name; the filter `label:` finds photos by them."""

    id: int
    name: str
    classes: Classes


@dataclass(frozen=True, slots=True)
class Label:
    """The likeliest class of a photo, and how likely it is among all classes (0 to 1)."""

    photo_id: int
    name: str
    probability: float


@dataclass(frozen=True, slots=True)
class Confusion:
    """How photos of known classes were labelled.

    `counts[i][j]` photos of class i got label j; there may be one label more than classes,
    "none of these". `unread` photos could not be read.
    """

    classes: tuple[str, ...]
    labels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    unread: int = 0

    def accuracy_of(self, place: int) -> float:
        """The share of right labels among the photos of one class."""
        return self.counts[place][place] / max(1, sum(self.counts[place]))

    @property
    def accuracy(self) -> float:
        """The share of right labels among all photos."""
        right = sum(row[place] for place, row in enumerate(self.counts))
        return right / max(1, sum(map(sum, self.counts)))


# ---------------------------------------------------------------------------- evaluation


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How well a library finds photos by their captions. Shares are from 0 to 1.

    `kept` is the share of captions whose photo is shown, not folded away, where a verdict can be
    given; `index_recall` is the share of the exact ten best that the index finds.
    """

    captions: int
    photos: int  # of the library, among which each one had to be found
    unknown: int  # captions of photos that the library does not have
    recall_at_1: float
    recall_at_5: float
    recall_at_10: float
    median_rank: float
    kept: float | None
    index_recall: float
