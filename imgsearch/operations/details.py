"""The details of a photo, with the fields that features add."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from imgsearch.features import installed
from imgsearch.features.declared import load
from imgsearch.records.extended import details_type

if TYPE_CHECKING:
    from imgsearch.opened.library import OpenedLibrary
    from imgsearch.records.answer import PhotoDetails


def with_details(opened: OpenedLibrary, details: PhotoDetails) -> PhotoDetails:
    """Return the details with the fields of all features."""
    photo_id, declared = details.hit.photo.id, installed.details()
    added = {name: load(each.made_by)(opened, photo_id) for name, each in declared.items()}
    return details_type()(**msgspec.structs.asdict(details), **added)
