"""The photo folders that a library follows: where they lie, what they have lost, what is held."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from imgsearch.errors import Reason
from imgsearch.records.status import Failure
from imgsearch.store import schema
from imgsearch.store.vectors import VectorStore, these_ids

LATELY_S = 600.0  # losses within ten minutes count as one: a slow deletion is still one deletion


class RootStore(VectorStore):
    """The part of the store that knows folders. `Store` adds files and photos."""

    def add_root(self, path: str) -> int:
        """Follow `path`; the id of the root that covers it.

        A folder inside a known root needs no root of its own. Roots inside a new one become part
        of it, and their files keep all that is known of them.
        """
        known = self.roots()
        for root_id, root in known.items():
            if path == root or path.startswith(prefix_of(root)):
                return root_id
        with self._engine.begin() as connection:
            new_id: int = connection.execute(
                insert(schema.roots).values(path=path, added_at=now()).returning(schema.roots.c.id)
            ).scalar_one()
            for root_id, root in known.items():
                if root.startswith(prefix_of(path)):
                    _absorb(connection, root_id, root.removeprefix(prefix_of(path)), new_id)
        return new_id

    def remove_root(self, root_id: int) -> int:
        """Follow a root no more; how many photos have left the library with it.

        Their vectors stay until `prune`, so that indexing it again embeds nothing.
        """
        count = select(func.count(schema.paths.c.photo_id.distinct()))
        with self._engine.begin() as connection:
            before = connection.execute(count).scalar_one()
            connection.execute(delete(schema.roots).where(schema.roots.c.id == root_id))
            return before - connection.execute(count).scalar_one()

    # ------------------------------------------------------------------ volumes

    def set_volume(self, root_id: int, volume: str, volume_path: str) -> None:
        """Remember on which volume a root lies, and where on it."""
        self._set_root(root_id, {"volume": volume, "volume_path": volume_path})

    def move_root(self, root_id: int, path: str) -> None:
        """The root is now at `path`; nothing else about it has changed."""
        self._set_root(root_id, {"path": path})

    # ------------------------------------------------------------------ losses

    def lost_lately(self, root_id: int) -> int:
        """How many photos have left this root in the ten minutes that began with the first."""
        row_of = schema.roots.c
        query = select(row_of.lost, row_of.lost_at).where(row_of.id == root_id)
        with self._engine.connect() as connection:
            lost, lost_at = connection.execute(query).one()
        return int(lost) if abs(time.time() - lost_at) < LATELY_S else 0

    def add_lost(self, root_id: int, photos: int) -> None:
        """So many photos have left this root now."""
        before = self.lost_lately(root_id)
        values: dict[str, object] = {"lost": before + photos}
        if not before:
            values["lost_at"] = time.time()
        self._set_root(root_id, values)

    def last_paths(self, gone: Mapping[int, Collection[str]]) -> dict[int, set[str]]:
        """Those of the gone paths (by root) whose photo no other path points at any more.

        A path that is itself held as missing does not count as another one.
        """
        row_of = schema.paths.c
        gone_ids: dict[int, tuple[int, str, int]] = {}  # path id: root, path, photo
        query = select(row_of.id, row_of.photo_id).where(
            row_of.root_id == bindparam("root"), row_of.name == bindparam("wanted")
        )
        prefixes = {root_id: prefix_of(root) for root_id, root in self.roots().items()}
        with self._engine.connect() as connection:
            for root_id, paths in gone.items():
                for path in paths:
                    name = path.removeprefix(prefixes[root_id])
                    found = connection.execute(query, {"root": root_id, "wanted": name}).first()
                    if found is not None and found.photo_id is not None:
                        gone_ids[found.id] = (root_id, path, found.photo_id)
            photos = {photo_id for _, _, photo_id in gone_ids.values()}
            places = connection.execute(
                select(row_of.id, row_of.photo_id).where(
                    row_of.photo_id.in_(these_ids(photos)), row_of.missing_since.is_(None)
                )
            ).all()
        kept = {photo_id for path_id, photo_id in places if path_id not in gone_ids}
        last: dict[int, set[str]] = {}
        for root_id, path, photo_id in gone_ids.values():
            if photo_id not in kept:
                last.setdefault(root_id, set()).add(path)
        return last

    def missing(self, root_id: int) -> set[str]:
        """The paths of one root that are held as missing."""
        row_of = schema.paths.c
        query = (
            select(schema.roots.c.path, row_of.name)
            .join_from(schema.paths, schema.roots)
            .where(row_of.missing_since.is_not(None), row_of.root_id == root_id)
        )
        with self._engine.connect() as connection:
            return {prefix_of(root) + name for root, name in connection.execute(query)}

    def mark_missing(self, root_id: int, paths: Collection[str], missing: bool) -> None:
        """Hold paths as missing, or let them be there again."""
        row_of = schema.paths.c
        statement = (
            update(schema.paths)
            .where(row_of.root_id == root_id, row_of.name == bindparam("wanted"))
            .values(missing_since=now() if missing else None)
        )
        prefix = prefix_of(self.roots()[root_id])
        names = [{"wanted": path.removeprefix(prefix)} for path in paths]
        if names:
            with self._engine.begin() as connection:
                connection.execute(statement, names)

    # ------------------------------------------------------------------ unreadable folders

    def set_unreadable(self, root_id: int, under: str, folders: Mapping[str, str]) -> None:
        """These folders of a root, of all that lie under `under`, cannot be read, and why."""
        prefix = prefix_of(self.roots()[root_id])
        row_of = schema.folders.c
        inside = under.removeprefix(prefix.rstrip(os.sep)).lstrip(os.sep)
        with self._engine.begin() as connection:
            query = select(row_of.id, row_of.name).where(row_of.root_id == root_id)
            for folder_id, name in connection.execute(query).all():
                if not inside or name == inside or name.startswith(prefix_of(inside)):
                    connection.execute(delete(schema.folders).where(row_of.id == folder_id))
            for path, message in folders.items():
                name = path.removeprefix(prefix.rstrip(os.sep)).lstrip(os.sep)
                connection.execute(
                    insert(schema.folders).values(root_id=root_id, name=name, message=message)
                )

    def unreadable(self) -> tuple[Failure, ...]:
        """Every folder that could not be read at the last look, by path."""
        query = (
            select(schema.roots.c.path, schema.folders.c.name, schema.folders.c.message)
            .join_from(schema.folders, schema.roots)
            .order_by(schema.roots.c.path, schema.folders.c.name)
        )
        with self._engine.connect() as connection:
            return tuple(
                Failure(Path(root, name), Reason.UNREADABLE, message)
                for root, name, message in connection.execute(query)
            )

    # ------------------------------------------------------------------ parts

    def _set_root(self, root_id: int, values: Mapping[str, object]) -> None:
        with self._engine.begin() as connection:
            connection.execute(
                update(schema.roots).where(schema.roots.c.id == root_id).values(dict(values))
            )


def prefix_of(folder: str) -> str:
    """What the paths inside `folder` begin with."""
    return folder if folder.endswith(os.sep) else folder + os.sep


def now() -> str:
    """This second, as the database writes it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _absorb(connection: Connection, old_id: int, inner: str, new_id: int) -> None:
    row_of = schema.paths.c
    renamed = [
        {"b_id": path_id, "name": os.path.join(inner, name), "root_id": new_id}  # noqa: PTH118
        for path_id, name in connection.execute(
            select(row_of.id, row_of.name).where(row_of.root_id == old_id)
        )
    ]
    if renamed:
        connection.execute(update(schema.paths).where(row_of.id == bindparam("b_id")), renamed)
    connection.execute(delete(schema.roots).where(schema.roots.c.id == old_id))
