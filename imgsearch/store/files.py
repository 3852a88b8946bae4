"""Files and folders: the roots that a library follows, and the files last seen in them."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterable, Mapping

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from imgsearch.paths import path_of, stored_path
from imgsearch.records.files import FileStat
from imgsearch.store import schema
from imgsearch.store.database import Database
from imgsearch.store.reads import Reads
from imgsearch.store.sql import now, prefix_of

RECENT_LOSSES_S = 600.0  # losses within ten minutes count as one: a slow deletion is one deletion


class FileStore:
    """The part of a store that knows roots, paths and sidecar files."""

    def __init__(self, database: Database, reads: Reads) -> None:
        self._database = database
        self._reads = reads

    # ------------------------------------------------------------------ roots

    def add_root(self, path: str) -> int:
        """Follow `path`; returns the id of the root that covers it.

        A folder inside a known root needs no root of its own. Roots inside a new one become part
        of it, and their files keep everything that is known of them.
        """
        roots = self._reads.roots.all()
        for root_id, root in roots.items():
            if path == root or path.startswith(prefix_of(root)):
                return root_id
        with self._database.engine.begin() as connection:
            new_id: int = connection.execute(
                insert(schema.roots).values(path=path, added_at=now()).returning(schema.roots.c.id)
            ).scalar_one()
            for root_id, root in roots.items():
                if root.startswith(prefix_of(path)):
                    _absorb(connection, root_id, root.removeprefix(prefix_of(path)), new_id)
        return new_id

    def remove_root(self, root_id: int) -> int:
        """Stop following a root; returns how many photos left the library with it.

        Their vectors stay until `PhotoStore.prune`, so indexing the folder again embeds nothing.
        """
        count = select(func.count(schema.paths.c.photo_id.distinct()))
        with self._database.engine.begin() as connection:
            before = connection.execute(count).scalar_one()
            connection.execute(delete(schema.roots).where(schema.roots.c.id == root_id))
            return before - connection.execute(count).scalar_one()

    def set_volume(self, root_id: int, volume: str, volume_path: str) -> None:
        """Store which volume a root is on, and its path on that volume."""
        self._update_root(root_id, {"volume": volume, "volume_path": volume_path})

    def move_root(self, root_id: int, path: str) -> None:
        """Change the path of a root and nothing else about it."""
        self._update_root(root_id, {"path": path})

    def set_paused(self, root_id: int, paused: bool) -> None:
        """Pause a root, or resume it; nothing that is known of its files changes."""
        self._update_root(root_id, {"paused_at": now() if paused else None})

    def _update_root(self, root_id: int, values: Mapping[str, object]) -> None:
        with self._database.engine.begin() as connection:
            connection.execute(
                update(schema.roots).where(schema.roots.c.id == root_id).values(dict(values))
            )

    # ------------------------------------------------------------------ files seen

    def known(self, root_id: int, folder: str = "", recursive: bool = True) -> dict[str, FileStat]:
        """Return the files of a root as last seen, by path; with `folder`, only those below it.

        Without `recursive`, only files directly in that folder.
        """
        return self._stats("paths", root_id, folder, recursive)

    def sidecars(
        self, root_id: int, folder: str = "", recursive: bool = True
    ) -> dict[str, FileStat]:
        """Return the sidecar files of a root as last read, by path; arguments as for `known`."""
        return self._stats("sidecars", root_id, folder, recursive)

    def _stats(self, table: str, root_id: int, folder: str, recursive: bool) -> dict[str, FileStat]:
        root = self._reads.roots.all()[root_id]
        prefix = prefix_of(root)
        query = f"SELECT name, size_bytes, mtime_ns, inode FROM {table} WHERE root_id = ?"
        parameters: list[int | bytes] = [root_id]
        inside = b""
        if folder and folder != root:
            inside = stored_path(prefix_of(folder.removeprefix(prefix)))
            query += " AND name >= ? AND name < ?"  # a range of the index on (root_id, name)
            parameters += [inside, inside[:-1] + bytes([inside[-1] + 1])]
        # Past SQLAlchemy's rows and types, which triple the time for 100,000 files.
        rows = self._database.fetch_all(query, *parameters)
        separator, start, decode = b"/", len(inside), path_of
        stats: dict[str, FileStat] = {}
        for name, size_bytes, mtime_ns, inode in rows:
            if recursive or name.find(separator, start) < 0:
                path = prefix + decode(name)
                stats[path] = FileStat(path, size_bytes, mtime_ns, inode)
        return stats

    def hashes(self) -> dict[str, bytes]:
        """Return the content hash of every known photo file, by path."""
        query = (
            select(schema.roots.c.path, schema.paths.c.name, schema.photos.c.content_hash)
            .join_from(schema.paths, schema.roots, schema.roots.c.id == schema.paths.c.root_id)
            .join(schema.photos, schema.photos.c.id == schema.paths.c.photo_id)
        )
        with self._database.engine.connect() as connection:
            return {
                prefix_of(root) + name: content_hash
                for root, name, content_hash in connection.execute(query)
            }

    def photo_ids(self, root_id: int, paths: Iterable[str]) -> dict[str, int]:
        """Return the photos at these paths of a root, by path.

        Paths without a photo are left out.
        """
        prefix = prefix_of(self._reads.roots.all()[root_id])
        c = schema.paths.c
        query = select(c.photo_id).where(c.root_id == root_id, c.name == bindparam("file_name"))
        ids: dict[str, int] = {}
        with self._database.engine.connect() as connection:
            for path in paths:
                parameters = {"file_name": path.removeprefix(prefix)}
                photo_id = connection.execute(query, parameters).scalar()
                if photo_id is not None:
                    ids[path] = photo_id
        return ids

    def set_sidecars(
        self, root_id: int, read: Collection[FileStat], removed: Iterable[str] = ()
    ) -> None:
        """Store that these sidecar files of a root were read as they are here, others removed."""
        prefix = prefix_of(self._reads.roots.all()[root_id])
        c = schema.sidecars.c
        with self._database.engine.begin() as connection:
            if read:
                statement = upsert(schema.sidecars)
                changed = {name: statement.excluded[name] for name in ("size_bytes", "mtime_ns")}
                statement = statement.on_conflict_do_update(["root_id", "name"], set_=changed)
                rows = [
                    {
                        "root_id": root_id,
                        "name": stat.path.removeprefix(prefix),
                        "size_bytes": stat.size_bytes,
                        "mtime_ns": stat.mtime_ns,
                        "inode": stat.inode,
                    }
                    for stat in read
                ]
                connection.execute(statement, rows)
            names = [{"file_name": path.removeprefix(prefix)} for path in removed]
            if names:
                statement_of_removal = delete(schema.sidecars).where(
                    c.root_id == root_id, c.name == bindparam("file_name")
                )
                connection.execute(statement_of_removal, names)

    def last_path_id(self) -> int:
        """Return the id of the newest path, 0 without any; paths recorded later have higher ids."""
        with self._database.engine.connect() as connection:
            return connection.execute(select(func.max(schema.paths.c.id))).scalar() or 0

    def count_copies(
        self, last_path_id: int, last_photo_id: int, removed: Mapping[int, int]
    ) -> int:
        """Count the files recorded since then that are copies of files that are still there.

        `removed` is how many paths of a photo (by id) were removed since. A file with known content
        is a move if such a path went with it, else a copy of the photo's other files. Of a photo
        that was new itself, one file is the original.
        """
        query = (
            "SELECT photo_id, count(*), sum(id > ?) AS added FROM paths "
            "WHERE photo_id IS NOT NULL AND missing_since IS NULL "
            "GROUP BY photo_id HAVING count(*) > 1 AND added > 0"
        )
        copies = 0
        for photo_id, paths, added in self._database.fetch_all(query, last_path_id):
            is_new = photo_id > last_photo_id
            moved = removed.get(photo_id, 0)
            copies += min(max(added - is_new - moved, 0), paths - 1)
        return copies

    # ------------------------------------------------------------------ removals

    def forget(self, root_id: int, paths: Iterable[str]) -> int:
        """Remove paths from the library; returns how many were the last path of a photo.

        The photos keep their vectors: one that comes back is not embedded again.
        """
        prefix = prefix_of(self._reads.roots.all()[root_id])
        c = schema.paths.c
        lost = 0
        with self._database.engine.begin() as connection:
            for path in paths:
                photo_id = connection.execute(
                    delete(schema.paths)
                    .where(c.root_id == root_id, c.name == path.removeprefix(prefix))
                    .returning(c.photo_id)
                ).scalar()
                others = select(c.id).where(c.photo_id == photo_id).limit(1)
                if photo_id is not None and connection.execute(others).first() is None:
                    lost += 1
        return lost

    def recent_losses(self, root_id: int) -> int:
        """Count the photos that left this root in the ten minutes that began with the first."""
        c = schema.roots.c
        query = select(c.lost, c.lost_at).where(c.id == root_id)
        with self._database.engine.connect() as connection:
            lost, lost_at = connection.execute(query).one()
        return int(lost) if abs(time.time() - lost_at) < RECENT_LOSSES_S else 0

    def add_losses(self, root_id: int, photos: int) -> None:
        """Count photos that have just left this root."""
        before = self.recent_losses(root_id)
        values: dict[str, object] = {"lost": before + photos}
        if not before:
            values["lost_at"] = time.time()
        self._update_root(root_id, values)

    def last_paths(self, removed: Mapping[int, Collection[str]]) -> dict[int, set[str]]:
        """Return the removed paths (by root id) that were the last path of their photo.

        A path whose own removal is held does not count as another path.
        """
        c = schema.paths.c
        removed_rows: dict[int, tuple[int, str, int]] = {}  # path id: root id, path, photo id
        query = select(c.id, c.photo_id).where(
            c.root_id == bindparam("root"), c.name == bindparam("file_name")
        )
        prefixes = {root_id: prefix_of(root) for root_id, root in self._reads.roots.all().items()}
        with self._database.engine.connect() as connection:
            for root_id, paths in removed.items():
                for path in paths:
                    name = path.removeprefix(prefixes[root_id])
                    row = connection.execute(query, {"root": root_id, "file_name": name}).first()
                    if row is not None and row.photo_id is not None:
                        removed_rows[row.id] = (root_id, path, row.photo_id)
            photo_ids = {photo_id for _, _, photo_id in removed_rows.values()}
            all_paths = connection.execute(
                select(c.id, c.photo_id).where(
                    c.photo_id.in_(schema.ids_subquery(photo_ids)), c.missing_since.is_(None)
                )
            ).all()
        kept = {photo_id for path_id, photo_id in all_paths if path_id not in removed_rows}
        last: dict[int, set[str]] = {}
        for root_id, path, photo_id in removed_rows.values():
            if photo_id not in kept:
                last.setdefault(root_id, set()).add(path)
        return last

    def held(self, root_id: int) -> set[str]:
        """Return the paths of one root whose removal is held."""
        c = schema.paths.c
        query = select(c.name).where(c.missing_since.is_not(None), c.root_id == root_id)
        prefix = prefix_of(self._reads.roots.all()[root_id])
        with self._database.engine.connect() as connection:
            return {prefix + name for name in connection.execute(query).scalars()}

    def hold(self, root_id: int, paths: Collection[str]) -> None:
        """Hold the removal of these paths: they are missing, and not forgotten."""
        self._set_missing_since(root_id, paths, now())

    def release(self, root_id: int, paths: Collection[str]) -> None:
        """End the holding of these paths: they are there again."""
        self._set_missing_since(root_id, paths, None)

    def _set_missing_since(
        self, root_id: int, paths: Collection[str], missing_since: str | None
    ) -> None:
        c = schema.paths.c
        prefix = prefix_of(self._reads.roots.all()[root_id])
        names = [{"file_name": path.removeprefix(prefix)} for path in paths]
        if not names:
            return
        statement = (
            update(schema.paths)
            .where(c.root_id == root_id, c.name == bindparam("file_name"))
            .values(missing_since=missing_since)
        )
        with self._database.engine.begin() as connection:
            connection.execute(statement, names)


def _absorb(connection: Connection, old_id: int, inside: str, new_id: int) -> None:
    """Move all files of one root, which is the folder `inside` of another, to that other root."""
    c = schema.paths.c
    renamed = [
        {"path_id": path_id, "name": os.path.join(inside, name), "root_id": new_id}  # noqa: PTH118
        for path_id, name in connection.execute(select(c.id, c.name).where(c.root_id == old_id))
    ]
    if renamed:
        connection.execute(update(schema.paths).where(c.id == bindparam("path_id")), renamed)
    connection.execute(delete(schema.roots).where(schema.roots.c.id == old_id))
