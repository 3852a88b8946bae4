"""All groups of items, in the order in which their rows refer to each other."""

from __future__ import annotations

from msgspec import Struct

from imgsearch.features import installed
from imgsearch.features.declared import load
from imgsearch.items.base import ItemGroup
from imgsearch.items.of_people import FaceItems, OwnPersonItems, PersonItems
from imgsearch.items.of_photos import CorrectionItems, MarkItems

_CORE: tuple[ItemGroup, ...] = (
    MarkItems(),
    CorrectionItems(),
    PersonItems(),
    OwnPersonItems(),
    FaceItems(),
)


def _all() -> tuple[ItemGroup, ...]:
    of_features = (load(named) for named in installed.items())
    return (*_CORE, *(group for groups in of_features for group in groups))


GROUPS = {group.name: group for group in _all()}
GROUP_OF = {kind: group for group in GROUPS.values() for kind in group.kinds}


def group_of(kind: str, key: str) -> ItemGroup | None:
    """Return the group of an item; None where this installation has no such kind, or no such key.

    Another version may know it, or an installation with more features.
    """
    group = GROUP_OF.get(kind)
    return group if group is not None and group.kinds[kind].has(key) else None


def decoded(kind: str, key: str, value: str) -> Struct | None:
    """Return the value of an item; None where this installation cannot read it."""
    group = group_of(kind, key)
    return None if group is None else group.kinds[kind].decoded(value)
