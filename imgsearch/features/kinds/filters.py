"""`is:screenshot` and `is:document`, and the kind of an opened photo."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgsearch.features.kinds.records import PictureKind
from imgsearch.features.kinds.store import KindStore
from imgsearch.records.answer import Hit
from imgsearch.store.filters import ConditionContext, SqlCondition

if TYPE_CHECKING:
    from imgsearch.opened.library import OpenedLibrary


def is_screenshot(context: ConditionContext) -> SqlCondition:
    """Return the condition that a picture is a screenshot."""
    return _is("screenshot")


def is_document(context: ConditionContext) -> SqlCondition:
    """Return the condition that a picture is a document."""
    return _is("document")


def _is(kind: str) -> SqlCondition:
    return SqlCondition("photos.id IN (SELECT photo_id FROM picture_kinds WHERE kind = ?)", (kind,))


def kind_of_photo(opened: OpenedLibrary, photo_id: int) -> PictureKind | None:
    """Return the kind of a picture that is no photo."""
    return KindStore(opened.database()).of_photo(photo_id)


def rows_of_photo(opened: OpenedLibrary, hit: Hit) -> list[tuple[str, str]]:
    """Return the kind of a picture among its facts."""
    kind = kind_of_photo(opened, hit.photo.id)
    if kind is None:
        return []
    return [("Kind", f"{kind.name.capitalize()} (probability {kind.probability:.2f})")]
