"""Near-duplicates: photos that resemble each other, and which of them to keep."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

from msgspec import Meta

from imgsearch.addresses import as_path
from imgsearch.caches import MemoryCache
from imgsearch.errors import CommandLine, Sentence, UsageError
from imgsearch.features.duplicates.records import (
    ChosenGroups,
    Comparison,
    DuplicateGroup,
    DuplicateGroups,
    Pairs,
)
from imgsearch.language.grammar import resolve_query
from imgsearch.operations.declared import MAX_K, PhotoId, ResultCount, operation
from imgsearch.records.query import Query

if TYPE_CHECKING:
    from imgsearch.features.duplicates.choices import DuplicateChoices
    from imgsearch.features.duplicates.chosen_groups import ProposedGroups
    from imgsearch.opened.library import OpenedLibrary
    from imgsearch.progress import Job, Progress
    from imgsearch.records.arrays import Ids

MinScore: TypeAlias = Annotated[
    Annotated[float, Meta(ge=-1, le=1)] | None,
    Meta(description="The lowest score of two near-duplicates. Default: as they were compared."),
]

Preferred: TypeAlias = Annotated[
    Sequence[str], Meta(description="Folders whose photos are to be kept, the best first.")
]

FirstGroup: TypeAlias = Annotated[
    int, Meta(ge=0, description="The position of the first group that is listed.")
]

# Of the last few searches and settings: groups of many photos take seconds to find.
_recent: MemoryCache[tuple[Path, float | None, tuple[str, ...], bytes | None]] = MemoryCache(
    8, keeps_outdated=True
)


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
        from imgsearch.features.duplicates.last_comparison import remembered, when_compared

        folder, photos = self._opened.origin.working_folder, self._opened.photos()
        key = ("near-duplicates", when_compared(folder), photos.encoder.encoder_id)
        return self._opened.reads().recent.get(key, lambda: remembered(folder, photos))

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
        comparison = self._compared(min_score)
        score = comparison.pairs.min_score if min_score is None else min_score
        groups = self.groups(comparison.pairs, score, prefer)
        return DuplicateGroups(groups[: max(k, 0)], len(groups), comparison.compared_at)

    @operation("POST /duplicates/groups", reads=True)
    def chosen_groups(
        self,
        query: str | Query | None = None,
        min_score: MinScore = None,
        prefer: Preferred = (),
        first: FirstGroup = 0,
        k: ResultCount = 100,
    ) -> ChosenGroups:
        """List groups of the last comparison, and which photos of each are kept: see `groups`.

        A photo is kept, or not, as somebody has chosen by `choose`, or else as `groups` proposes.
        With a query, only photos that it finds, without weak ones, are in groups. Raises as
        `proposed` does, and QueryError.
        """
        groups = self.proposed_groups(query, min_score, prefer)
        return groups.chosen(self.choices(), first, k)

    def proposed_groups(
        self,
        query: str | Query | None = None,
        min_score: float | None = None,
        prefer: Sequence[str] = (),
    ) -> ProposedGroups:
        """Group the photos of the last comparison that a query finds.

        They are the same until there is another comparison or number of photos. Raises as
        `chosen_groups` does.
        """
        from imgsearch.features.duplicates.last_comparison import when_compared
        from imgsearch.search.kept_answers import kept_for_found

        opened, ids = self._opened, None
        if query is not None:
            ids = kept_for_found(
                opened.context(),
                "near-duplicates",
                resolve_query(query),
                MAX_K,
                lambda found: found.without_weak().ids,
            )
        folder = opened.origin.working_folder
        key = (folder, min_score, tuple(prefer), None if ids is None else ids.tobytes())
        encoder = opened.photos().encoder.encoder_id
        version = (when_compared(folder), encoder, opened.reads().photos.count())
        return _recent.get(
            key, lambda: self._proposed_groups(ids, min_score, prefer), lambda: version
        )

    def _proposed_groups(
        self, ids: Ids | None, min_score: float | None, prefer: Sequence[str]
    ) -> ProposedGroups:
        from imgsearch.features.duplicates.chosen_groups import ProposedGroups

        comparison = self._compared(min_score)
        pairs = comparison.pairs if ids is None else comparison.pairs.among(ids.tolist())
        score = pairs.min_score if min_score is None else min_score
        return ProposedGroups(self.groups(pairs, score, prefer))

    def _compared(self, min_score: float | None) -> Comparison:
        """Return the last comparison. Raises UsageError if it lacks pairs with this score."""
        comparison = self.remembered()
        if comparison is None:
            raise UsageError(
                Sentence(
                    "The photos of this library have not been compared yet. To compare them: ",
                    CommandLine("duplicates"),
                )
            )
        lowest = comparison.pairs.min_score
        if min_score is not None and min_score < lowest:
            raise UsageError(
                Sentence(
                    f"Photos with a score below {lowest:g} were not compared last time. "
                    "To compare them: ",
                    CommandLine(f"duplicates --min-score {min_score:g}"),
                )
            )
        return comparison

    @operation("GET /duplicates/choices")
    def choices(self) -> dict[int, bool]:
        """Return whether a near-duplicate is to be kept, by its photo id, where that was chosen.

        `chosen_groups` follows them; `groups` and `proposed` give the proposal, and `with_kept`
        changes it.
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
