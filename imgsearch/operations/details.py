"""The details of a photo, with the fields that features add."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import msgspec

from imgsearch.features import installed
from imgsearch.features.declared import load
from imgsearch.records.answer import PhotoDetails

if TYPE_CHECKING:
    from imgsearch.opened.library import OpenedLibrary


@cache
def details_type() -> type[PhotoDetails]:
    """Return the type of the details: `PhotoDetails` with a field for each one of a feature."""
    made = msgspec.defstruct(
        PhotoDetails.__name__,
        [(name, detail.type) for name, detail in installed.details().items()],
        bases=(PhotoDetails,),
        namespace={"__doc__": PhotoDetails.__doc__},
        kw_only=True,
        frozen=True,
    )
    assert issubclass(made, PhotoDetails)  # for type checkers
    return made


def with_details(opened: OpenedLibrary, details: PhotoDetails) -> PhotoDetails:
    """Return the details with the fields of all features."""
    photo_id, declared = details.hit.photo.id, installed.details()
    added = {name: load(each.made_by)(opened, photo_id) for name, each in declared.items()}
    return details_type()(**msgspec.structs.asdict(details), **added)
