"""The files of a root as they were last seen: photos, and the XMP files beside them."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from sqlalchemy import bindparam, delete, func, select
from sqlalchemy.dialects.sqlite import insert as upsert

from imgsearch.records.files import FileStat
from imgsearch.store import schema
from imgsearch.store.roots import RootStore, prefix_of


@dataclass(frozen=True, slots=True)
class Inside:
    """A root, or its folder `under`; with `deep` false, the files of that folder itself only."""

    root_id: int
    under: str = ""
    deep: bool = True


class SidecarStore(RootStore):
    """The part of the store that knows what tells of photos beside them."""

    def sidecars(self, root_id: int, under: str = "", deep: bool = True) -> dict[str, FileStat]:
        """What the XMP files were when they were last read, by path; arguments as of `known`."""
        return self._files("sidecars", Inside(root_id, under, deep))

    def set_sidecars(
        self, root_id: int, read: Collection[FileStat], gone: Iterable[str] = ()
    ) -> None:
        """These XMP files of a root were read as they are here, and those are gone."""
        prefix = prefix_of(self.roots()[root_id])
        row_of = schema.sidecars.c
        with self._engine.begin() as connection:
            if read:
                statement = upsert(schema.sidecars)
                news = {name: statement.excluded[name] for name in ("size_bytes", "mtime_ns")}
                statement = statement.on_conflict_do_update(["root_id", "name"], set_=news)
                values = [
                    {
                        "root_id": root_id,
                        "name": one.path.removeprefix(prefix),
                        "size_bytes": one.size_bytes,
                        "mtime_ns": one.mtime_ns,
                        "inode": one.inode,
                    }
                    for one in read
                ]
                connection.execute(statement, values)
            wanted = [{"wanted": path.removeprefix(prefix)} for path in gone]
            if wanted:
                drop = delete(schema.sidecars).where(
                    row_of.root_id == root_id, row_of.name == bindparam("wanted")
                )
                connection.execute(drop, wanted)

    def ids_at(self, root_id: int, paths: Iterable[str]) -> dict[str, int]:
        """The photos at these paths of a root, by path; paths of none are left out."""
        prefix = prefix_of(self.roots()[root_id])
        row_of = schema.paths.c
        query = select(row_of.photo_id).where(
            row_of.root_id == root_id, row_of.name == bindparam("wanted")
        )
        found: dict[str, int] = {}
        with self._engine.connect() as connection:
            for path in paths:
                name = {"wanted": path.removeprefix(prefix)}
                photo_id = connection.execute(query, name).scalar()
                if photo_id is not None:
                    found[path] = photo_id
        return found

    def last_photo_id(self) -> int:
        """The newest photo's id, 0 without any: those that come later have higher ones."""
        with self._engine.connect() as connection:
            return connection.execute(select(func.max(schema.photos.c.id))).scalar() or 0

    def _files(self, table: str, where: Inside) -> dict[str, FileStat]:
        """The files of a table that is made like `paths`."""
        root = self.roots()[where.root_id]
        prefix = prefix_of(root)
        query = f"SELECT name, size_bytes, mtime_ns, inode FROM {table} WHERE root_id = ?"
        parameters: list[int | bytes] = [where.root_id]
        inside = b""
        if where.under and where.under != root:
            inside = os.fsencode(prefix_of(where.under.removeprefix(prefix)))
            query += " AND name >= ? AND name < ?"  # a range of the index on (root_id, name)
            parameters += [inside, inside[:-1] + bytes([inside[-1] + 1])]
        with self._engine.connect() as connection:
            # Past SQLAlchemy's rows and types, which triple the time that 100,000 files take.
            cursor = connection.connection.cursor()
            rows = cursor.execute(query, parameters).fetchall()
            cursor.close()
        separator, start = os.sep.encode(), len(inside)
        decode, known = os.fsdecode, {}
        for name, size_bytes, mtime_ns, inode in rows:
            if where.deep or name.find(separator, start) < 0:
                path = prefix + decode(name)
                known[path] = FileStat(path, size_bytes, mtime_ns, inode)
        return known
