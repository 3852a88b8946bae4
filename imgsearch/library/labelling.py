"""The door to labels and to measuring how well photos are found."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from imgsearch import search
from imgsearch.jobs import Job
from imgsearch.library.opened import Opened
from imgsearch.query import absolute, whole_query
from imgsearch.terms import Query

if TYPE_CHECKING:
    from imgsearch.findings import Classes, Confusion, Evaluation, Facet, Label


class Labelling(Opened):
    """Names classes in words, keeps labels, evaluates."""

    def label(
        self, classes: Classes, query: str | Query | None = None, k: int = 100
    ) -> list[Label]:
        """The likeliest class of every photo, or of those that answer a query and are not weak.

        At most the best k of the latter; a query of filters alone has no such limit.
        Raises UsageError for classes that make no sense.
        """
        from imgsearch import labels

        store, desk = self._reader(), self._desk()
        among = None if query is None else search.ids_of(desk, whole_query(query), k)
        return labels.label(store, desk.row, desk.encoder(), classes, among)

    def save_labels(self, name: str, classes: Classes) -> dict[str, int]:
        """Label every photo, now and whenever new ones come; how many photos have each label.

        `label:NAME` finds them from then on. Raises UsageError and LibraryLocked.
        """
        self._desk()  # says so where there is nothing to label
        facet = self._upkeep.save_labels(name, classes)
        return self._reader().label_counts(facet.id)

    def forget_labels(self, name: str) -> bool:
        """Drop labels that were saved under a name; whether there were any."""
        return self._upkeep.forget_labels(name)

    def saved_labels(self) -> dict[Facet, dict[str, int]]:
        """The labels that were saved, and how many photos have each."""
        store = self._reader()
        return {facet: store.label_counts(facet.id) for facet in store.facets()}

    def labels_of(self, photo_id: int) -> dict[str, Label]:
        """The saved labels of a photo, by the name they were saved under."""
        return self._reader().labels_of(photo_id)

    def try_labels(self, folder: str | Path, more: Classes | None = None) -> Job[Confusion]:
        """Label photos whose class is known, for they lie in folders named by it, and count.

        `more` may add classes, a template and "none of these". Raises FolderError.
        """
        from imgsearch import labels

        desk = self._desk()
        trial = labels.Trial(Path(absolute(folder)), more, self.settings.max_megapixels)
        return Job(labels.evaluate(trial, desk.row, desk.encoder()))

    def evaluate(self, captions: str | Path) -> Evaluation:
        """How well photos of the library are found by captions, from a CSV of photo and caption.

        Raises UsageError for a file that cannot be used.
        """
        from imgsearch import evaluation

        store, desk = self._reader(), self._desk()
        asked = evaluation.read(store, Path(absolute(captions)))
        return evaluation.evaluate(store, desk.row, desk.encoder(), desk.vectors(), asked)
