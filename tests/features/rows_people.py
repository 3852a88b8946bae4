"""A named person, for libraries that are opened without the feature."""

from __future__ import annotations

import numpy as np

from imgsearch import Library
from imgsearch.records.faces import FoundFace
from imgsearch.store.store import Store


def fill(library: Library) -> None:
    """Store something of the feature."""
    face = FoundFace(0.2, 0.3, 0.1, 0.2, 0.9, 60.0, np.eye(1, 128, dtype=np.float32)[0])
    with Store.open(library.settings.data_dir, writable=True) as store:
        store.faces.record(1, "model 1", [face])
    (found,) = library.people.faces_in(1)
    library.people.name_faces((found.id,), "Ada Lovelace")


def stored(library: Library) -> object:
    """Return what is stored."""
    return library.people.all()
