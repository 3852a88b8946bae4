"""The parts of a store that decisions about people read and write, over one database."""

from __future__ import annotations

from imgsearch.store.changes import ChangeStore
from imgsearch.store.database import Database
from imgsearch.store.faces import FaceStore
from imgsearch.store.people import PeopleStore


class PeopleStores:
    """Faces, persons, and the last changes of a library."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.faces = FaceStore(database)
        self.people = PeopleStore(database)
        self.changes = ChangeStore(database)
