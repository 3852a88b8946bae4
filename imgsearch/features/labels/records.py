"""Records for labels, and for the quality of labels on known photos."""

from __future__ import annotations

from msgspec import Struct

NONE_OF_THESE = "none of these"


class Classes(Struct, frozen=True, forbid_unknown_fields=True):
    """Classes named in words. `template` has `{}` in the place of the name.

    With `none_of_these`, a photo that resembles none of the classes gets that label.
    """

    names: tuple[str, ...]
    template: str | None = None  # None: the average over several, docs/labels.md
    none_of_these: bool = True

    @property
    def labels(self) -> tuple[str, ...]:
        """All labels that a photo may get."""
        return (*self.names, NONE_OF_THESE) if self.none_of_these else self.names


class Facet(Struct, frozen=True):
    """Classes saved under a name; the filter `label:` uses them."""

    id: int
    name: str
    classes: Classes


class LabelCount(Struct, frozen=True):
    """The number of photos with a label."""

    label: str
    photos: int


class SavedLabels(Struct, frozen=True):
    """Labels saved under a name, with the number of photos of each, most first."""

    name: str
    counts: tuple[LabelCount, ...]


class Label(Struct, frozen=True):
    """The most probable class of a photo, and its probability among all classes (0 to 1)."""

    photo_id: int
    name: str
    probability: float


class Confusion(Struct, frozen=True):
    """A confusion matrix of the labels of photos with known classes.

    `counts[i][j]` photos of class i got label j; "none of these" may be a further label. `unread`
    photos could not be read.
    """

    classes: tuple[str, ...]
    labels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    unread: int = 0

    def accuracy_of(self, index: int) -> float:
        """Return the share of correct labels among the photos of one class."""
        return self.counts[index][index] / max(1, sum(self.counts[index]))

    @property
    def accuracy(self) -> float:
        """The share of correct labels among all photos."""
        correct = sum(row[index] for index, row in enumerate(self.counts))
        return correct / max(1, sum(map(sum, self.counts)))
