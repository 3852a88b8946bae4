"""Serves the values that the photos of the library can be filtered by.

Folders and places are trees, people, keywords and labels are lists; each choice with its number of
photos and the filter it stands for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from imgsearch import ImgsearchError, Library, PlaceCounts, path_text, plain_text, printable
from ui.recent_answers import recent_answers
from ui.responses import NOT_STORED
from ui.session import Session, session

MAX_CHOICES = 20_000  # of one kind; the browser gets all at once


class FilterChoice(msgspec.Struct):
    """One value of a filter. In a tree, `photos` includes those of the choices below."""

    label: str
    field: str  # of the query language
    value: str
    photos: int
    below: list[FilterChoice] = msgspec.field(default_factory=list)

    def to_json(self) -> list[object]:
        """[label, field, value, photos, below]: short, since there may be thousands."""
        below = [choice.to_json() for choice in self.below]
        return [printable(self.label), self.field, self.value, self.photos, below]


def choices(request: Request) -> Response:
    """All choices by kind. Kinds without any are left out."""
    here = session()
    try:
        content = recent_answers(here, _all_choices).get(here, here.content_state())
    except ImgsearchError as error:
        return PlainTextResponse(str(error), 422, NOT_STORED)
    return JSONResponse(content, headers=NOT_STORED)


def _all_choices(here: Session) -> list[dict[str, object]]:
    if not here.photo_count():
        return []
    names = here.library.browse.names()
    roots = [root.path for root in here.library.folders.all()] if here.has("folders") else []
    kinds = (
        ("Folders", "folder", folder_tree(names.folders, roots)),
        ("Places", "place", place_tree(here.library.browse.places())),
        ("People", "person", _of_names("person", names.people)),
        ("Keywords", "sell", _of_names("keyword", names.keywords)),
        ("Labels", "label", _saved_labels(here.library) if here.has("labels") else []),
    )
    return [
        {"title": title, "icon": icon, "choices": [choice.to_json() for choice in found]}
        for title, icon, found in kinds
        if found
    ]


def _saved_labels(library: Library) -> list[FilterChoice]:
    return [
        FilterChoice(f"{facet.name}: {name}", "label", f"{facet.name}/{name}", photos)
        for facet, photos_by_name in library.labels.facets().items()
        for name, photos in photos_by_name.items()
    ]


def folder_tree(photos_in: Mapping[Path, int], roots: Iterable[Path]) -> list[FilterChoice]:
    """The folders that a library follows, and below each those that have photos of their own.

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
    nodes: dict[str, FilterChoice] = {}
    tree: list[FilterChoice] = []
    for path in shown[:MAX_CHOICES]:
        above = next((folder for folder in _upwards(path) if folder in nodes), None)
        label = path_text(path) if above is None else path[len(above) :].lstrip("/")
        nodes[path] = FilterChoice(label, "in", path_text(path), totals[path])
        (tree if above is None else nodes[above].below).append(nodes[path])
    return tree


def _parent(path: str) -> str | None:
    """The folder above; None above "/" and above a bucket, such as "s3:/bucket"."""
    above, _, name = path.rpartition("/")
    if not above:
        return "/" if name else None
    return None if above.endswith(":") and "/" not in above else above


def _upwards(path: str) -> Iterator[str]:
    """This absolute path and those above it."""
    step: str | None = path
    while step is not None:
        yield step
        step = _parent(step)


def place_tree(places: PlaceCounts) -> list[FilterChoice]:
    """Countries, their regions and the towns of these; where one has no name, those below it."""
    tree = []
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
    return tree


def _named(
    name: str | None, field_name: str, photos: int, below: list[FilterChoice]
) -> list[FilterChoice]:
    return [FilterChoice(name, field_name, name, photos, below)] if name else below


def _of_names(field_name: str, photos_by_name: Mapping[str, int]) -> list[FilterChoice]:
    return [
        FilterChoice(name, field_name, name, photos)
        for name, photos in list(photos_by_name.items())[:MAX_CHOICES]
        if _can_be_typed(name)
    ]


def _can_be_typed(name: str | Path) -> bool:
    """Whether a name is valid Unicode; those of files need not be."""
    try:
        str(name).encode()
    except UnicodeEncodeError:
        return False
    return True
