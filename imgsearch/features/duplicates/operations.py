"""Near-duplicates: photos that resemble each other, and which of them to keep."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

from msgspec import Meta

from imgsearch.addresses import as_path
from imgsearch.errors import UsageError
from imgsearch.features.duplicates.records import DuplicateGroups
from imgsearch.operations.declared import PhotoId, ResultCount, operation

if TYPE_CHECKING:
    from imgsearch.features.duplicates.choices import DuplicateChoices
    from imgsearch.features.duplicates.records import Comparison, DuplicateGroup, Pairs
    from imgsearch.opened.library import OpenedLibrary
    from imgsearch.progress import Job, Progress

MinScore: TypeAlias = Annotated[
    Annotated[float, Meta(ge=-1, le=1)] | None,
    Meta(description="The lowest score of two near-duplicates. Default: as they were compared."),
]

Preferred: TypeAlias = Annotated[
    Sequence[str], Meta(description="Folders whose photos are to be kept, the best first.")
]


class Duplicates:
    """Finds near-duplicates among the photos of a library. Nothing is ever deleted."""

    def __init__(self, opened: OpenedLibrary) -> None:
        self._opened = opened

    def find(self, min_score: float = 0.9) -> Job[Pairs]:
        """Find all pairs of photos with at least this score, best first, and measure sharpness.

        Up to 100,000 photos the comparison is exact: about a minute on two cores. Of more photos
        those are compared that resemble the same ones (docs/benchmarks.md). Then the photos of
        these pairs are read to measure their sharpness, about 30 a second; objects that are not
        mounted here are not fetched for that, and their small pictures show heavy blur only.
        `groups` sorts the pairs into groups. Raises StoreError and DiskError.
        """
        from imgsearch.progress import Job

        return Job(self._find(min_score))

    def _find(self, min_score: float) -> Generator[Progress, None, Pairs]:
        from imgsearch.features.duplicates.pairs import (
            find_pairs,
            measure_photos,
            photos_to_measure,
        )

        opened = self._opened
        pairs = yield from find_pairs(opened.photos(), opened.settings.cache_dir, min_score)
        pictures = opened.origin.pictures_of(opened.reads(), photos_to_measure(pairs))
        return (yield from measure_photos(pairs, pictures, opened.settings))

    def remember(self, pairs: Pairs) -> Comparison:
        """Keep the pairs that `find` has found for `remembered`, in place of those before.

        They are in a file of the library's working folder on this machine. Raises DiskError.
        """
        from imgsearch.features.duplicates.last_comparison import remember

        return remember(self._opened.origin.working_folder, self._opened.photos(), pairs)

    def remembered(self) -> Comparison | None:
        """Return the pairs that were remembered last, of the photos that the library still has.

        None where there are none, or the library has another model by now. Raises DiskError.
        """
        from imgsearch.features.duplicates.last_comparison import remembered

        return remembered(self._opened.origin.working_folder, self._opened.photos())

    def groups(
        self, pairs: Pairs, min_score: float = 0.9, prefer: Iterable[str | Path] = ()
    ) -> tuple[DuplicateGroup, ...]:
        """Group the photos that pairs of at least this score connect, and propose which to keep.

        The group with the best pair comes first. Every photo that need not be kept resembles one
        that is, with at least this score. Preferred is a photo in one of the folders `prefer`, a
        RAW file, the larger photo, the sharper, the one with a date of its own, the older, the
        lighter, the less compressed, the one in the better folder, in this order. A smaller photo
        of another moment stays as well if it is sharper. A photo and a video never replace each
        other. Nothing is read but the database.
        """
        from imgsearch.features.duplicates.proposal import propose_among

        folders = [as_path(self._opened.origin.absolute(folder)) for folder in prefer]
        return propose_among(self._opened.photos(), pairs, min_score, folders)

    @operation("GET /duplicates", tool="List near-duplicates")
    def proposed(
        self, min_score: MinScore = None, prefer: Preferred = (), k: ResultCount = 100
    ) -> DuplicateGroups:
        """List the groups of the last comparison, and which photos of each to keep: see `groups`.

        `imgsearch duplicates`, and the page, compare the photos. At most `k` groups are listed, the
        one with the best pair first. Raises UsageError if the photos were not compared from this
        score on, or with another model, and DiskError.
        """
        comparison = self.remembered()
        if comparison is None:
            raise UsageError(
                "The photos of this library have not been compared yet. To compare them: "
                "imgsearch duplicates"
            )
        pairs = comparison.pairs
        if min_score is None:
            min_score = pairs.min_score
        if min_score < pairs.min_score:
            raise UsageError(
                f"Photos with a score below {pairs.min_score:g} were not compared last time. To "
                f"compare them: imgsearch duplicates --min-score {min_score:g}"
            )
        groups = self.groups(pairs, min_score, prefer)
        return DuplicateGroups(groups[: max(k, 0)], len(groups), comparison.compared_at)

    @operation("GET /duplicates/choices")
    def choices(self) -> dict[int, bool]:
        """Return whether a near-duplicate is to be kept, by its photo id, where that was chosen.

        Nothing here follows them: `groups` always gives the proposal, and `with_kept` changes it.
        """
        return self._choices().all()

    @operation("POST /duplicates/choices")
    def choose(self, photo_id: PhotoId, is_kept: bool | None) -> None:
        """Remember whether a near-duplicate is to be kept; None forgets it.

        The choice belongs to the content of the photo: it stays when the photo is moved, or leaves
        the library and comes back. Works while another process writes. Raises UsageError for an
        unknown photo, and DiskError where the library cannot be written.
        """
        if not self._choices().set(photo_id, is_kept):
            raise UsageError(f"There is no photo {photo_id} in the library. Search for it again.")

    @operation("DELETE /duplicates/choices")
    def forget_choices(self) -> int:
        """Forget all these choices; returns how many there were. Raises as `choose` does."""
        return self._choices().clear()

    def _choices(self) -> DuplicateChoices:
        from imgsearch.features.duplicates.choices import DuplicateChoices

        return DuplicateChoices(self._opened.database())
