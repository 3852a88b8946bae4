"""A library in whose photos faces have been found."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from imgsearch import Library, Settings
from imgsearch.indexer import sync
from imgsearch.indexer.faces import find_faces
from tests.factories import context_of, run
from tests.stand_in import StandIn
from tests.test_faces import ColourReader, write_people


def write_three_persons(folder: Path) -> Path:
    """Photos of three persons: red in four, lime in three, blue in one; and one of nobody."""
    for number in range(2):
        write_people(folder / f"red{number}.png", "red", size_px=(80 + number, 40))
    write_people(folder / "both.png", "red", "lime")
    write_people(folder / "three.png", "red", "lime", "blue")
    write_people(folder / "lime.png", "lime")
    write_people(folder / "nobody.png")
    return folder


def index_painted_people(folder: Path, people: Mapping[str, Sequence[str]]) -> Path:
    """Make a library with `lite`, in `folder`, of photos of these people by their names.

    Each photo, `NAME.png`, shows faces of these colours; no two photos have one size.
    """
    for number, (name, colours) in enumerate(people.items()):
        write_people(folder / "photos" / f"{name}.png", *colours, size_px=(320 + number, 160))
    settings = Settings.load(data_dir=folder / "library", encoder="lite")
    with Library.open(settings) as library:
        library.index([folder / "photos"]).run()
    context = context_of(settings, None, open_faces=lambda cache: ColourReader())
    run(find_faces(context, (), False))
    return folder


@contextmanager
def library_with_faces(place: Path, photos: Path) -> Iterator[Library]:
    """The library of the photos that `write_people` has painted, in a folder of `place`."""
    settings = Settings.load(data_dir=place / "data", cache_dir=place / "cache")
    context = context_of(settings, StandIn(), open_faces=lambda cache: ColourReader())
    run(sync.index(context, (str(photos),), False, False))
    run(find_faces(context, (), False))
    with Library.open(settings, encoder=StandIn()) as library:
        yield library


def set_face_models(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Set the model that finds faces to one of colours; returns a function that sets another."""

    def set_model(model: str) -> None:
        monkeypatch.setattr("imgsearch.faces.reader.open_reader", lambda cache: ColourReader(model))

    set_model("colours/1")
    return set_model


def undo_changes(library: Library) -> bool:
    """Undo all changes of a library; returns whether there were any."""
    undone = [library.changes.undo(each.id) for each in library.changes.all() if not each.undone]
    return bool(undone)
