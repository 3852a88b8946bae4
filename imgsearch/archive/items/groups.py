"""All groups of items, in the order in which their rows refer to each other."""

from __future__ import annotations

from imgsearch.archive.items.base import ItemGroup
from imgsearch.archive.items.of_albums import AlbumItems, AlbumPhotoItems
from imgsearch.archive.items.of_events import EventTitleItems
from imgsearch.archive.items.of_people import FaceItems, OwnPersonItems, PersonItems
from imgsearch.archive.items.of_photos import CorrectionItems, DuplicateItems, MarkItems
from imgsearch.archive.items.of_searches import ConceptItems, LabelItems, SavedSearchItems

_ALL: tuple[ItemGroup, ...] = (
    AlbumItems(),
    AlbumPhotoItems(),
    MarkItems(),
    CorrectionItems(),
    DuplicateItems(),
    PersonItems(),
    OwnPersonItems(),
    FaceItems(),
    LabelItems(),
    ConceptItems(),
    SavedSearchItems(),
    EventTitleItems(),
)
GROUPS = {group.name: group for group in _ALL}
GROUP_OF = {kind: group for group in GROUPS.values() for kind in group.kinds}
