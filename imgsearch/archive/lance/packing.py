"""Reads the photos below a folder from a catalogue of Lance tables, with all data, for a pack."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from imgsearch.archive.lance.rows import (
    HAS_READING,
    PHOTO_COLUMNS,
    READING_COLUMNS,
    id_of,
    images_by_hash,
    marks_of,
    photo_of,
    reading_of,
)
from imgsearch.archive.lance.tables import MARK_COLUMNS, Table, lance_errors, literal, loaded
from imgsearch.records.pack import PackedFile, PackedPhoto, PackedVectors


class PhotosToPack:
    """The photos of a catalogue with a file below a folder, or below an address of objects."""

    def __init__(self, address: str, folder: str) -> None:
        """Find those below an absolute path, or `s3://BUCKET/FOLDER`. Raises StoreError."""
        self.address = address
        self._inside = f"{folder.rstrip('/')}/"
        self._photos = Table(address, "photos")
        self._files = Table(address, "files")
        self._texts = Table(address, "texts")
        self._thumbnails = Table.if_there(address, "thumbnails")
        with lance_errors(address):
            condition = f"part = 0 AND array_has(folders, {literal(self._inside.rstrip('/'))})"
            rows = self._photos.newest().read(["hash"], condition)
            self._hashes: list[str] = sorted(rows["hash"].to_pylist())

    @property
    def have_marks(self) -> bool:
        """Whether a photo of the catalogue may have a mark."""
        return bool(self._photos.newest().marked)

    def __len__(self) -> int:
        return len(self._hashes)

    def read(self, at_once: int) -> Iterator[list[PackedPhoto]]:
        """Yield all photos, so many at once; photos that are forgotten meanwhile are left out."""
        for start in range(0, len(self._hashes), at_once):
            with lance_errors(self.address):
                packed = self._packed(self._hashes[start : start + at_once])
            yield packed

    def _packed(self, hashes: Sequence[str]) -> list[PackedPhoto]:
        files, read_at = self._files_of(hashes)
        texts = self._texts.newest().read_with("hash", hashes, READING_COLUMNS, HAS_READING)
        readings = {row["hash"]: reading_of(row["reading"]) for row in texts.to_pylist()}
        images = self._images_of(hashes)
        vectors = self._vectors_of(hashes)
        columns = [*PHOTO_COLUMNS, *MARK_COLUMNS]
        photos = self._photos.newest().read_with(
            "id", [id_of(each) for each in hashes], columns, " AND part = 0"
        )
        return [
            PackedPhoto(
                content_hash=bytes.fromhex(row["hash"]),
                size_bytes=row["size_bytes"],
                facts=photo_of(row).facts,
                facts_at=read_at[row["hash"]],
                files=tuple(files[row["hash"]]),
                vectors=(vectors[row["hash"]],),
                text=readings.get(row["hash"]),
                thumbnail=images.get(row["hash"]),
                marks=marks_of(row),
            )
            for row in photos.to_pylist()
            if row["hash"] in files and row["hash"] in vectors
        ]

    def _files_of(
        self, hashes: Sequence[str]
    ) -> tuple[dict[str, list[PackedFile]], dict[str, datetime]]:
        """By content: the files below the folder, and the time when the first was recorded."""
        columns = ["hash", "path", "size_bytes", "mtime_ns", "recorded_at"]
        rows = self._files.newest().read_with("hash", hashes, columns).sort_by("path").to_pylist()
        files: dict[str, list[PackedFile]] = {}
        read_at: dict[str, datetime] = {}
        for row in rows:
            path = loaded(row["path"])
            if path.startswith(self._inside):
                file = PackedFile(
                    path.removeprefix(self._inside), row["size_bytes"], row["mtime_ns"]
                )
                files.setdefault(row["hash"], []).append(file)
                recorded_at = datetime.fromisoformat(row["recorded_at"])
                read_at[row["hash"]] = min(recorded_at, read_at.get(row["hash"], recorded_at))
        return files, read_at

    def _vectors_of(self, hashes: Sequence[str]) -> dict[str, PackedVectors]:
        rows = self._photos.newest().read_with(
            "id", [id_of(each) for each in hashes], ["hash", "part", "vector", "at_s"]
        )
        rows = rows.sort_by([("hash", "ascending"), ("part", "ascending")])
        column = rows["vector"].combine_chunks()
        halves = column.flatten().to_numpy(zero_copy_only=False).astype("<f2")
        halves = halves.reshape(len(column), -1)
        parts: dict[str, list[tuple[bytes, float | None]]] = {}
        for owner, half, at_s in zip(
            rows["hash"].to_pylist(), halves, rows["at_s"].to_pylist(), strict=True
        ):
            parts.setdefault(owner, []).append((half.tobytes(), at_s))
        encoder_id = self._photos.encoder.encoder_id
        return {
            owner: PackedVectors(
                encoder_id,
                tuple(vector for vector, _ in own),
                tuple(at_s for _, at_s in own if at_s is not None),
            )
            for owner, own in parts.items()
        }

    def _images_of(self, hashes: Sequence[str]) -> dict[str, bytes]:
        if self._thumbnails is None:
            return {}
        rows = self._thumbnails.newest().read_with("hash", hashes, ["hash", "image"])
        return images_by_hash(rows)
