"""A library in whose photos faces have been found."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from imgsearch import Library, Settings
from imgsearch.indexer import sync
from imgsearch.indexer.faces import find_faces
from tests.factories import context_of
from tests.stand_in import StandIn
from tests.test_faces import ColourReader
from tests.test_picture_text import run


@contextmanager
def library_with_faces(place: Path, photos: Path) -> Iterator[Library]:
    """The library of the photos that `write_people` has painted, in a folder of `place`."""
    settings = Settings.load(data_dir=place / "data", cache_dir=place / "cache")
    context = context_of(settings, StandIn(), open_faces=lambda cache: ColourReader())
    run(sync.index(context, (str(photos),), False, False))
    run(find_faces(context, (), False))
    with Library.open(settings, encoder=StandIn()) as library:
        yield library
