"""`library.kinds`: how many screenshots and documents there are, and whether answers have them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from imgsearch.errors import UsageError
from imgsearch.features.kinds.records import KIND_NAMES, KindName, PictureKinds
from imgsearch.operations.declared import operation

if TYPE_CHECKING:
    from imgsearch.features.kinds.store import KindStore
    from imgsearch.opened.library import OpenedLibrary

LeftOut = Annotated[
    Sequence[KindName], Meta(description="All kinds that answers leave out from now on.")
]


class Kinds:
    """The kinds of pictures of a library that are no photos: screenshots and documents.

    What answers leave out is a choice for this library on this machine: neither backups nor
    archives have it.
    """

    def __init__(self, opened: OpenedLibrary) -> None:
        self._opened = opened

    def _store(self) -> KindStore:
        from imgsearch.features.kinds.store import KindStore

        return KindStore(self._opened.database())

    @operation("GET /kinds")
    def all(self) -> PictureKinds:
        """Count the screenshots and documents, and name the kinds that answers leave out."""
        store = self._store()
        counts = store.counts()
        return PictureKinds(
            counts.get("screenshot", 0), counts.get("document", 0), store.left_out()
        )

    @operation("POST /kinds/left-out")
    def leave_out(self, kinds: LeftOut) -> PictureKinds:
        """Leave pictures of these kinds, and of no others, out of answers, until changed again.

        Without any, answers have all pictures. A query that names a kind, or what was put
        together by hand, has them in any case. Raises UsageError for an unknown kind.
        """
        unknown = [each for each in kinds if each not in KIND_NAMES]
        if unknown:
            raise UsageError(
                f"There is no kind {unknown[0]!r}. Choose from {' and '.join(KIND_NAMES)}."
            )
        self._store().leave_out(kinds)
        return self.all()
