"""Arranges the values that photos can be filtered by: folders and places as trees, names as lists.

Each choice has its number of photos, and the filter that it stands for.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from imgsearch.records.browse import FilterChoice, PlaceCounts
from imgsearch.text import path_text, plain_text

MAX_CHOICES = 20_000  # of one kind; a client gets all at once


def folder_tree(photos_in: Mapping[Path, int], roots: Iterable[Path]) -> tuple[FilterChoice, ...]:
    """Return the folders that a library follows, and below each those with photos of their own.

    `photos_in` is how many photos each folder has itself. A folder without any is shown only where
    the tree branches. Folders whose names cannot be typed are left out, and so are the deepest if
    there are more than 20,000.
    """
    tops = {str(root) for root in roots}  # text: a Path for each step would take seconds
    own = {str(path): number for path, number in photos_in.items() if _can_be_typed(path)}
    totals: Counter[str] = Counter()
    for path, number in own.items():
        for folder in _upwards(path):
            totals[folder] += number
            if folder in tops:
                break
    branches = Counter(_parent(folder) for folder in totals if folder not in tops)
    shown = [path for path in totals if path in tops or path in own or branches[path] > 1]
    shown.sort(key=lambda path: (path.count("/"), plain_text(path)))
    labels: dict[str, str] = {}
    below: defaultdict[str | None, list[str]] = defaultdict(list)
    for path in shown[:MAX_CHOICES]:
        above = next((folder for folder in _upwards(path) if folder in labels), None)
        labels[path] = path_text(path) if above is None else path[len(above) :].lstrip("/")
        below[above].append(path)

    def tree(above: str | None) -> tuple[FilterChoice, ...]:
        return tuple(
            FilterChoice(labels[path], "in", path_text(path), totals[path], tree(path))
            for path in below.get(above, ())
        )

    return tree(None)


def _parent(path: str) -> str | None:
    """Return the folder above; None above "/" and above a bucket, such as "s3:/bucket"."""
    above, _, name = path.rpartition("/")
    if not above:
        return "/" if name else None
    return None if above.endswith(":") and "/" not in above else above


def _upwards(path: str) -> Iterator[str]:
    """Yield this absolute path and those above it."""
    step: str | None = path
    while step is not None:
        yield step
        step = _parent(step)


def place_tree(places: PlaceCounts) -> tuple[FilterChoice, ...]:
    """Return countries, their regions and the towns of these; of one without a name those below."""
    tree: list[FilterChoice] = []
    for country in places.countries:
        regions: list[FilterChoice] = []
        for region in country.regions:
            towns = [
                FilterChoice(town.town, "place", town.town, town.photos)
                for town in region.towns
                if town.town
            ]
            regions += _named(region.region, "place", region.photos, towns)
        tree += _named(country.country, "country", country.photos, regions)
    return tuple(tree)


def _named(
    name: str | None, field_name: str, photos: int, below: Sequence[FilterChoice]
) -> Sequence[FilterChoice]:
    return [FilterChoice(name, field_name, name, photos, tuple(below))] if name else below


def choices_of_names(
    field_name: str, photos_by_name: Mapping[str, int]
) -> tuple[FilterChoice, ...]:
    """Return a choice for each name that can be typed, as a value of this filter."""
    return tuple(
        FilterChoice(name, field_name, name, photos)
        for name, photos in list(photos_by_name.items())[:MAX_CHOICES]
        if _can_be_typed(name)
    )


def _can_be_typed(name: str | Path) -> bool:
    """Return whether a name is valid Unicode; names of files need not be."""
    try:
        str(name).encode()
    except UnicodeEncodeError:
        return False
    return True
