"""Labels: photos sorted into classes that are named in words."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from imgsearch.operations.declared import operation
from imgsearch.paths import absolute
from imgsearch.records.ids import as_id
from imgsearch.records.labels import Classes, Facet, Label, LabelCount, SavedLabels

if TYPE_CHECKING:
    from imgsearch.opened.library import OpenedLibrary
    from imgsearch.progress import Job
    from imgsearch.records.labels import Confusion


class Labels:
    """The labels that a library has saved: its photos have them from then on."""

    def __init__(self, opened: OpenedLibrary) -> None:
        self._opened = opened

    def save(self, name: str, classes: Classes) -> dict[str, int]:
        """Label every photo, now and when photos are added; returns how many have each label.

        `label:NAME` finds them from then on. Raises UsageError and LibraryLocked.
        """
        self._opened.context()  # raises if there is nothing to label
        from imgsearch.indexer.definitions import save_labels

        facet = save_labels(self._opened.new_or_existing(), name, classes)
        return self._opened.store().labels.counts(facet.id)

    def forget(self, name: str) -> bool:
        """Delete saved labels; returns whether there were any of this name."""
        from imgsearch.indexer.definitions import forget_labels

        return forget_labels(self._opened.new_or_existing(), name)

    def facets(self) -> dict[Facet, dict[str, int]]:
        """Return the saved labels with their classes, and how many photos have each label."""
        labels = self._opened.store().labels
        return {facet: labels.counts(facet.id) for facet in labels.facets()}

    @operation("GET /labels", tool="List labels")
    def all(self) -> tuple[SavedLabels, ...]:
        """List the labels that the user has saved, and how many photos have each, most first.

        The filter label:NAME finds the photos with a label.
        """
        return tuple(
            SavedLabels(
                facet.name,
                tuple(
                    LabelCount(label, photos)
                    for label, photos in sorted(
                        counts.items(), key=lambda item: (-item[1], item[0])
                    )
                ),
            )
            for facet, counts in self.facets().items()
        )

    def of_photo(self, photo_id: int) -> dict[str, Label]:
        """Return the saved labels of a photo, by the name that they were saved under."""
        return self._opened.store().labels.of_photo(as_id(photo_id))

    def evaluate(self, folder: str | Path, more: Classes | None = None) -> Job[Confusion]:
        """Label photos whose class is known, because their folder is named after it, and count.

        `more` adds classes, a template and "none of these". Raises FolderError.
        """
        from imgsearch.labels.evaluate import evaluate_labels
        from imgsearch.progress import Job

        context = self._opened.context()
        path, max_megapixels = Path(absolute(folder)), self._opened.settings.max_megapixels
        return Job(evaluate_labels(path, more, context.row, context.encoder(), max_megapixels))
