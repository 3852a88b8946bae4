"""The groups of near-duplicates with what somebody has chosen to keep of each."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cached_property

from msgspec import Struct

from imgsearch.features.duplicates.proposal import with_kept
from imgsearch.features.duplicates.records import (
    ChosenGroup,
    ChosenGroups,
    ChosenPhoto,
    DuplicateGroup,
    GroupedPhoto,
)
from imgsearch.features.duplicates.removal_script import has_objects


class ProposedGroups(Struct, frozen=True, dict=True):  # for what is computed once
    """Groups of near-duplicates with the photos that are proposed to be kept."""

    groups: tuple[DuplicateGroup, ...]

    @cached_property
    def version(self) -> str:
        """Changes whenever the groups do."""
        ids = [[photo.hit.photo.id for photo in group.photos] for group in self.groups]
        return hashlib.sha256(repr(ids).encode()).hexdigest()[:16]

    @cached_property
    def numbers(self) -> Mapping[int, int]:
        """By the id of each photo: the position of its group."""
        return {
            photo.hit.photo.id: number
            for number, group in enumerate(self.groups)
            for photo in group.photos
        }

    def with_choices(self, choices: Mapping[int, bool]) -> list[DuplicateGroup]:
        """Return the groups, in which the photos are kept that somebody has chosen."""
        groups = list(self.groups)
        for number in {self.numbers[each] for each in choices if each in self.numbers}:
            members = self.groups[number].photos
            kept = [(photo.hit.photo.id, photo.keep) for photo in members]
            groups[number] = with_kept(
                self.groups[number], [each for each, keep in kept if choices.get(each, keep)]
            )
        return groups

    def chosen(self, choices: Mapping[int, bool], first: int, count: int) -> ChosenGroups:
        """Return `count` groups from `first` on, and the numbers of all groups.

        Nothing is moved of a group of which no photo is kept.
        """
        current = self.with_choices(choices)
        usable = [group for group in current if group.kept]
        shown = range(max(first, 0), min(max(first, 0) + max(count, 0), len(current)))
        return ChosenGroups(
            groups=tuple(_chosen_group(number, current[number]) for number in shown),
            total=len(current),
            photos=len(self.numbers),
            chosen=sum(photo_id in self.numbers for photo_id in choices),
            superfluous_bytes=sum(
                photo.hit.photo.size_bytes for group in usable for photo in group.others
            ),
            has_objects=has_objects(usable),
            version=self.version,
        )


def largest_first(group: DuplicateGroup) -> list[GroupedPhoto]:
    """Return the photos of a group in an order that no choice changes, the same in all replicas."""

    def place(grouped: GroupedPhoto) -> tuple[int, int, str]:
        photo = grouped.hit.photo
        return -photo.width_px * photo.height_px, -photo.size_bytes, photo.content_hash

    return sorted(group.photos, key=place)


def _chosen_group(number: int, group: DuplicateGroup) -> ChosenGroup:
    return ChosenGroup(
        number,
        tuple(
            ChosenPhoto(each.hit.photo.id, each.keep, each.reason) for each in largest_first(group)
        ),
    )
