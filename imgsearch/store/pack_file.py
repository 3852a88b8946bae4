"""Pack files: photos with all that is known of them, in one Parquet file. Hides pyarrow.

A row is a photo. The footer has a manifest: the version of the format, what the pack states about
itself, and the sha256 of all bytes before the footer. Every page has a checksum of its own, so a
reader notices damage where it reads. The columns are described in docs/packs.md.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO, Self

import msgspec
from msgspec import Struct
from msgspec.structs import asdict, replace

from imgsearch import c_memory, private_files
from imgsearch.errors import (
    DiskError,
    MissingPackage,
    PackError,
    PackLocked,
    PackTooNew,
    UsageError,
)
from imgsearch.installation import install_command, update_command
from imgsearch.parquet_pages import FLOAT, row_groups, unfolded_bytes
from imgsearch.records.pack import PackedFile, PackedPhoto, PackedVectors, PackInfo
from imgsearch.records.photo import FACTS, Facts
from imgsearch.records.picture_text import PhotoText, TextLine

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

FORMAT_VERSION = 1
PHOTOS_AT_ONCE = 2000  # in one row group; with their thumbnails about 20 MB
_MAGIC = b"PAR1"  # at the beginning and at the end of every Parquet file
_TAIL_BYTES = 8  # the size of the footer, and the magic
_MANIFEST = b"imgsearch.pack"
_MANIFEST_SHA256 = b"imgsearch.pack.sha256"
_MAX_THUMBNAIL_BYTES = 1_000_000
# What the photos of a row group may take in memory, over what each may: several times of what a
# thumbnail, a page full of text and the rest take, and the frames of a video by two large models.
_ROOM_BYTES, _PHOTO_BYTES, _VECTOR_BYTES = 8_000_000, 200_000, 12 * 2048 * 12
_MAX_LENGTH_ERROR = 0.01  # of a vector; rounding to fp16 makes at most 2^-11
# What reading damaged data may raise; ArithmeticError for dates beyond all calendars.
_DAMAGE = (OSError, ValueError, TypeError, LookupError, ArithmeticError, RecursionError)
_HASH_BYTES = 32  # of a photo's content
_MAX_DIM = 65_536
_TEXT_STATES = ("read", "none", "failed")


def require_pyarrow(package: str = "pyarrow") -> None:
    """Raise MissingPackage unless the package that reads and writes Parquet is installed."""
    if find_spec(package) is None:
        raise MissingPackage(f"Packs need one more package: {install_command('packs')}")


class _Manifest(Struct, frozen=True):
    format: int
    sha256: str  # of all bytes before the footer
    pack: PackInfo


# ------------------------------------------------------------------------- columns


def _schema() -> pa.Schema:
    import pyarrow as pa

    plain = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
    file = pa.struct(
        [
            ("path", pa.string()),
            ("path_bytes", pa.binary()),  # only where the path is not valid UTF-8
            ("size_bytes", pa.int64()),
            ("mtime_ns", pa.int64()),
        ]
    )
    numbers = ("x", "y", "width", "height", "confidence")
    line = pa.struct([("text", pa.string()), *((name, pa.float64()) for name in numbers)])
    text = pa.struct(
        [
            ("state", pa.string()),
            ("reader", pa.string()),
            ("read_at", pa.string()),
            ("message", pa.string()),
            ("lines", pa.list_(line)),
        ]
    )
    vector = pa.struct(
        [
            ("encoder", pa.string()),
            ("part", pa.int32()),
            ("at_s", pa.float64()),
            ("vector", pa.list_(pa.float32())),
        ]
    )
    types = {**plain, datetime: pa.string(), tuple: pa.list_(pa.string())}
    facts = [(fact.name, types[fact.type]) for fact in FACTS]
    return pa.schema(
        [
            ("content_hash", pa.string()),
            ("size_bytes", pa.int64()),
            *facts,
            ("facts_at", pa.string()),
            ("files", pa.list_(file)),
            ("text", text),
            ("thumbnail", pa.binary()),
            ("vectors", pa.list_(vector)),
        ]
    )


def _table(photos: Sequence[PackedPhoto]) -> pa.Table:
    import pyarrow as pa

    schema = _schema()
    columns: dict[str, Any] = {
        "content_hash": [photo.content_hash.hex() for photo in photos],
        "size_bytes": [photo.size_bytes for photo in photos],
        "facts_at": [photo.facts_at.isoformat() for photo in photos],
        "files": [[_file_row(file) for file in photo.files] for photo in photos],
        "text": [_text_row(photo.text) for photo in photos],
        "thumbnail": [photo.thumbnail for photo in photos],
    }
    for fact in FACTS:
        values = [getattr(photo.facts, fact.name) for photo in photos]
        if fact.type is datetime:
            values = [None if value is None else value.isoformat() for value in values]
        columns[fact.name] = values
    arrays = [
        _vector_array(photos, field.type)
        if field.name == "vectors"
        else pa.array(columns[field.name], field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


def _file_row(file: PackedFile) -> dict[str, object]:
    raw = os.fsencode(file.path)
    shown = raw.decode("utf-8", "replace")
    return {
        "path": shown,
        "path_bytes": None if shown.encode() == raw else raw,
        "size_bytes": file.size_bytes,
        "mtime_ns": file.mtime_ns,
    }


def _text_row(text: PhotoText | None) -> dict[str, object] | None:
    if text is None:
        return None
    return {
        "state": text.state,
        "reader": text.reader,
        "read_at": text.read_at.isoformat(),
        "message": text.message,
        "lines": [asdict(line) for line in text.lines],
    }


def _vector_array(photos: Sequence[PackedPhoto], column_type: pa.DataType) -> pa.Array:
    """The vectors as float32: every program reads that, and it holds fp16 exactly."""
    import numpy as np
    import pyarrow as pa

    counts, encoders = [], []
    parts: list[int] = []
    times: list[float | None] = []
    halves: list[bytes] = []
    for photo in photos:
        counts.append(sum(len(each.vectors) for each in photo.vectors))
        for each in photo.vectors:
            encoders += [each.encoder_id] * len(each.vectors)
            parts += range(len(each.vectors))
            times += each.times_s or [None] * len(each.vectors)
            halves += each.vectors
    sizes = [len(vector) // 2 for vector in halves]
    numbers = np.frombuffer(b"".join(halves), "<f2").astype(np.float32)
    vectors = pa.ListArray.from_arrays(_offsets(sizes), pa.array(numbers))
    rows = pa.StructArray.from_arrays(
        [pa.array(encoders, pa.string()), pa.array(parts, pa.int32()),
         pa.array(times, pa.float64()), vectors],
        fields=list(column_type.value_type),
    )  # fmt: skip
    return pa.ListArray.from_arrays(_offsets(counts), rows, type=column_type)


def _offsets(counts: Sequence[int]) -> pa.Array:
    import numpy as np
    import pyarrow as pa

    return pa.array(np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]).astype(np.int32))


# ------------------------------------------------------------------------- writing


class PackWriter:
    """Writes photos to a pack that `writing_pack` has begun."""

    def __init__(self, file: BinaryIO) -> None:
        import pyarrow.parquet as pq

        texts = [fact.name for fact in FACTS if fact.type is str]
        words = [f"{fact.name}.list.element" for fact in FACTS if fact.type is tuple]
        encoder, vector = "vectors.list.element.encoder", "vectors.list.element.vector.list.element"
        self._file = _ChecksumFile(file)
        self._writer = pq.ParquetWriter(
            self._file,
            _schema(),
            compression="zstd",
            use_dictionary=[*texts, *words, encoder, "text.state", "text.reader"],
            column_encoding={vector: "BYTE_STREAM_SPLIT"},  # fp16 leaves two bytes nearly empty
            write_statistics=["taken_at", "lat", "lon"],
            write_page_checksum=True,
        )
        self.photos = 0
        self.files = 0

    def add(self, photos: Sequence[PackedPhoto]) -> None:
        """Write photos, at most `PHOTOS_AT_ONCE`. Raises DiskError."""
        self._writer.write_table(_table(photos), row_group_size=len(photos))
        self.photos += len(photos)
        self.files += sum(len(photo.files) for photo in photos)

    def finish(self, info: PackInfo) -> None:
        """Write the footer."""
        whole = replace(info, photos=self.photos, files=self.files)
        text = msgspec.json.encode(_Manifest(FORMAT_VERSION, self._file.sha256, whole))
        checksum = hashlib.sha256(text).hexdigest()
        self._writer.add_key_value_metadata({_MANIFEST: text, _MANIFEST_SHA256: checksum})
        self._writer.close()

    def abandon(self) -> None:
        """End the writing without a usable file."""
        with suppress(OSError):  # of a disk that is full: the file is deleted next
            self._writer.close()


class _ChecksumFile:
    """What pyarrow writes to: a file, with the sha256 of what was written so far."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self._position = 0
        self.closed = False

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    def write(self, content: bytes) -> int:
        self._file.write(content)
        self._hash.update(content)
        self._position += len(content)
        return len(content)

    def tell(self) -> int:
        return self._position

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        self.closed = True

    def readable(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False


@contextmanager
def writing_pack(path: Path, info: PackInfo) -> Iterator[PackWriter]:
    """Write a pack, whole or not at all. The numbers of photos and files in `info` are counted.

    It is written beside `path` and then takes its name, in place of a pack that is there. Only
    this user can open it. What an interrupted process left behind is written over. Raises
    UsageError where `path` is another file, PackLocked while another process writes this pack, and
    DiskError.
    """
    if os.path.exists(path) and not is_parquet(path):  # noqa: PTH110  # Path raises for long names
        raise UsageError(
            f"{path} exists and is not a pack, so it was left as it is. Choose another name for "
            "the pack."
        )
    draft = path.with_name(f".{path.name}.new")
    with _translating(path), _open_locked(draft, path) as file:
        try:
            file.truncate(0)
            writer = PackWriter(file)
            try:
                yield writer
                writer.finish(info)
            except BaseException:
                writer.abandon()
                raise
            file.flush()
            os.fsync(file.fileno())
            draft.replace(path)
        except BaseException:
            with suppress(OSError):
                draft.unlink(missing_ok=True)
            raise


def is_parquet(path: Path) -> bool:
    """Whether a file begins as a pack does."""
    try:
        with path.open("rb") as file:
            return file.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return False


@contextmanager
def _open_locked(draft: Path, path: Path) -> Iterator[BinaryIO]:
    """The draft, open for writing by this process alone; the lock ends with the process."""
    while True:
        private_files.create_file(draft)
        with draft.open("r+b") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise PackLocked(
                    f"Another imgsearch is writing the pack {path}. Wait for it to finish."
                ) from None
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(file.fileno()), draft.stat()):
                    yield file
                    return
        # Another process has just finished: what was locked is its pack by now.


@contextmanager
def _translating(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise DiskError(
                f"The disk that holds {path.parent} is full. The pack was not written; one that "
                "was there is unchanged. Free some space, or choose another place for it."
            ) from error
        raise DiskError(
            f"Cannot write the pack {path} ({error.strerror or error}). Check that its folder "
            "exists and that you may write to it."
        ) from error


# ------------------------------------------------------------------------- reading


class PackReader:
    """Reads a pack, a row group at a time. Use it as a context manager.

    Raises PackError for a file that is cut off, damaged, or no pack, PackTooNew for one of a newer
    imgsearch, UsageError for one that is not there, and MissingPackage.
    """

    def __init__(self, path: Path) -> None:
        require_pyarrow()
        import pyarrow.parquet as pq

        self.path = path
        try:
            self._size_bytes = path.stat().st_size
            self._file = path.open("rb")
        except FileNotFoundError:
            raise UsageError(f"There is no pack {path}. Check its name.") from None
        except OSError as error:
            raise PackError(
                f"The pack {path} cannot be read ({error.strerror}). Check its permissions."
            ) from error
        try:
            self._footer_bytes = self._checked_footer()
            with self._reading():
                self._parquet = pq.ParquetFile(
                    self._file, page_checksum_verification=True, pre_buffer=False
                )
                manifest = self._read_manifest()
                self._file.seek(self._size_bytes - _TAIL_BYTES - self._footer_bytes)
                self._groups = row_groups(self._file.read(self._footer_bytes))
                self.info, self._sha256 = manifest.pack, manifest.sha256
                self._check_rows()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.close()

    def release_memory(self) -> None:
        """Give back the memory that reading took and that nothing uses any more.

        pyarrow and the C library keep it for the next group. Of groups with thumbnails that is
        100 MB, which what comes after the last one can do without.
        """
        import pyarrow as pa

        pa.default_memory_pool().release_unused()
        c_memory.give_back()

    @property
    def groups(self) -> int:
        """How many row groups there are."""
        return len(self._groups)

    def photos(self, group: int) -> list[PackedPhoto]:
        """The photos of a row group, checked: a pack may come from anybody."""
        known = [fact.name for fact in FACTS if fact.name in self.info.fact_names]
        names = ["content_hash", "size_bytes", "facts_at", "files", "text", "thumbnail", *known]
        with self._reading():
            table = self._table(group, [*names, "vectors"])
            columns = {name: table.column(name).to_pylist() for name in names}
            vectors = self._vectors(table.column("vectors"))
            photos = [
                self._photo(dict(zip(names, values, strict=True)), known, vectors[row])
                for row, values in enumerate(zip(*columns.values(), strict=True))
            ]
            if len({photo.content_hash for photo in photos}) < len(photos):
                raise ValueError("a photo occurs twice")
            return photos

    def _table(self, group: int, names: Sequence[str]) -> pa.Table:
        """Columns of a row group, unless they unfold to more than its photos can take.

        A small file can unfold to gigabytes. It is refused before any page is read.
        """
        part = self._groups[group]
        if part.rows > PHOTOS_AT_ONCE:
            raise ValueError("too many photos are in one part")
        left = _ROOM_BYTES + part.rows * _PHOTO_BYTES
        left_of_vectors = _ROOM_BYTES + part.rows * _VECTOR_BYTES
        for column in part.columns:
            if column.name not in names:
                continue
            if column.kind == FLOAT:
                left_of_vectors -= unfolded_bytes(self._file, column, left_of_vectors)
            else:
                left -= unfolded_bytes(self._file, column, left)
        return self._parquet.read_row_group(group, columns=list(names))

    def sample_files(self, count: int) -> list[PackedFile]:
        """About this many files, from all over the pack."""
        groups = range(0, self.groups, max(1, self.groups // 10))
        each = max(1, count // max(1, len(groups)))
        sample: list[PackedFile] = []
        for group in groups:
            with self._reading():
                rows = self._table(group, ["files"]).column("files")
                step = max(1, len(rows) // each)
                for row in rows.take(list(range(0, len(rows), step))).to_pylist():
                    sample += [self._packed_file(file) for file in row[:1]]
        return sample

    def verify(self) -> Iterator[int]:
        """Read everything; yields how many photos were read so far. Raises PackError."""
        digest, done = hashlib.sha256(), 0
        end = self._size_bytes - _TAIL_BYTES - self._footer_bytes
        share = -(-end // max(1, self.groups))
        for group in range(self.groups):
            done += len(self.photos(group))
            with self._reading():
                self._hash(digest, group * share, min(end, (group + 1) * share))
            yield done
        if not self.groups:
            with self._reading():
                self._hash(digest, 0, end)
        if digest.hexdigest() != self._sha256:
            raise self._damage("its checksum is wrong")

    def _hash(self, digest: Any, start: int, end: int) -> None:
        self._file.seek(start)
        while start < end:
            content = self._file.read(min(1 << 20, end - start))
            if not content:
                raise self._damage("it became shorter")
            digest.update(content)
            start += len(content)

    # ------------------------------------------------------------------ checks

    def _checked_footer(self) -> int:
        """The size of the footer in bytes, which the end of the file states."""
        try:
            if self._file.read(len(_MAGIC)) != _MAGIC:
                raise PackError(
                    f"{self.path} is not a pack of imgsearch. Name the file that imgsearch pack "
                    "has written."
                )
            self._file.seek(max(0, self._size_bytes - _TAIL_BYTES))
            tail = self._file.read(_TAIL_BYTES)
        except OSError as error:
            raise self._damage(str(error.strerror)) from error
        footer_bytes = int.from_bytes(tail[:4], "little")
        is_whole = footer_bytes + _TAIL_BYTES + len(_MAGIC) <= self._size_bytes
        if tail[4:] != _MAGIC or not is_whole:
            raise PackError(
                f"The pack {self.path} is cut off: its end is missing, as after a copy that was "
                "interrupted. Copy it again, or make it again with imgsearch pack."
            )
        return footer_bytes

    def _read_manifest(self) -> _Manifest:
        metadata = self._parquet.schema_arrow.metadata or {}
        metadata |= self._parquet.metadata.metadata or {}
        text = metadata.get(_MANIFEST)
        if text is None:
            raise PackError(
                f"{self.path} is a Parquet file, and not a pack of imgsearch. Name the file that "
                "imgsearch pack has written."
            )
        version = int(json.loads(text)["format"])
        if version > FORMAT_VERSION:
            raise PackTooNew(
                f"The pack {self.path} was made by a newer imgsearch (format {version}, this one "
                f"knows {FORMAT_VERSION}). Update imgsearch: {update_command()}"
            )
        if hashlib.sha256(text).hexdigest().encode() != metadata.get(_MANIFEST_SHA256):
            raise self._damage("the checksum of its manifest is wrong")
        manifest = msgspec.json.decode(text, type=_Manifest)
        _check_info(manifest.pack)
        return manifest

    def _check_rows(self) -> None:
        found = self._parquet.schema_arrow
        unknown_to_it = {fact.name for fact in FACTS} - set(self.info.fact_names)
        for field in _schema():
            if field.name not in unknown_to_it and found.field(field.name).type != field.type:
                raise self._damage(f"its column {field.name} has another type")
        if sum(group.rows for group in self._groups) != self.info.photos:
            raise self._damage("it has another number of photos than it states")

    @contextmanager
    def _reading(self) -> Iterator[None]:
        import pyarrow as pa

        try:
            yield
        except (pa.ArrowException, msgspec.MsgspecError, *_DAMAGE) as error:
            raise self._damage(str(error) or type(error).__name__) from error

    def _damage(self, problem: str) -> PackError:
        return PackError(
            f"The pack {self.path} is damaged ({problem.splitlines()[0]}). Copy it again, or make "
            "it again with imgsearch pack."
        )

    # ------------------------------------------------------------------ rows

    def _photo(
        self, row: dict[str, Any], fact_names: Sequence[str], vectors: tuple[PackedVectors, ...]
    ) -> PackedPhoto:
        content_hash = _content_hash(row["content_hash"])
        size_bytes, thumbnail = int(row["size_bytes"]), row["thumbnail"]
        if size_bytes < 0:
            raise ValueError("a photo has no content")
        if thumbnail is not None and not _is_webp(thumbnail):
            raise ValueError("a thumbnail is not a WebP image")
        return PackedPhoto(
            content_hash=content_hash,
            size_bytes=size_bytes,
            facts=_facts({name: row[name] for name in fact_names}),
            facts_at=_moment(row["facts_at"]),
            files=tuple(self._packed_file(file) for file in row["files"]),
            vectors=vectors,
            text=None if row["text"] is None else _photo_text(row["text"]),
            thumbnail=thumbnail,
        )

    def _packed_file(self, row: dict[str, Any]) -> PackedFile:
        path = row["path"] if row["path_bytes"] is None else os.fsdecode(row["path_bytes"])
        parts = PurePosixPath(path).parts
        # A path that leads out of the folder would show files that are no photos.
        if not parts or path.startswith("/") or ".." in parts or "\0" in path:
            raise ValueError("a path leads out of its folder")
        size_bytes = int(row["size_bytes"])
        if size_bytes < 0:
            raise ValueError("a file has no size")
        return PackedFile("/".join(parts), size_bytes, int(row["mtime_ns"]))

    def _vectors(self, column: pa.ChunkedArray) -> list[tuple[PackedVectors, ...]]:
        import numpy as np

        rows = column.combine_chunks()
        if not len(rows):
            return []
        parts = rows.values
        encoders = parts.field("encoder").to_pylist()
        numbers = parts.field("part").to_pylist()
        times = parts.field("at_s").to_pylist()
        vectors = parts.field("vector")
        halves = np.asarray(vectors.values.to_numpy()).astype("<f2")
        starts = vectors.offsets.to_numpy().tolist()
        self._check_vectors(encoders, starts, halves)
        content = halves.tobytes()
        ends = rows.offsets.to_numpy().tolist()
        photos = []
        for first, end in pairwise(ends):
            of_photo: dict[str, list[int]] = {}
            for at in range(first, end):
                own = of_photo.setdefault(encoders[at], [])
                if numbers[at] != len(own):
                    raise ValueError("the parts of a photo are not in order")
                own.append(at)
            photos.append(
                tuple(
                    PackedVectors(
                        encoder_id,
                        tuple(content[2 * starts[at] : 2 * starts[at + 1]] for at in own),
                        () if times[own[0]] is None else tuple(float(times[at]) for at in own),
                    )
                    for encoder_id, own in of_photo.items()
                )
            )
        return photos

    def _check_vectors(
        self, encoders: Sequence[str], starts: Sequence[int], halves: NDArray[np.float16]
    ) -> None:
        """Raise ValueError unless all vectors have the size of their encoder and a length of 1."""
        import numpy as np

        dims = {encoder.encoder_id: encoder.dim for encoder in self.info.encoders}
        for encoder, (start, end) in zip(encoders, pairwise(starts), strict=True):
            if end - start != dims[encoder]:
                raise ValueError(f"a vector of {encoder} has a wrong size")
        if encoders:
            squares = np.square(halves.astype(np.float32))
            lengths = np.sqrt(np.add.reduceat(squares, np.asarray(starts[:-1])))
            if not (np.abs(lengths - 1) < _MAX_LENGTH_ERROR).all():
                raise ValueError("a vector is not of length 1")


def _check_info(info: PackInfo) -> None:
    """Raise ValueError for a manifest that no library writes: a pack may come from anybody."""
    ids = [encoder.encoder_id for encoder in info.encoders]
    if len(set(ids)) < len(ids) or sum(encoder.is_current for encoder in info.encoders) > 1:
        raise ValueError("an encoder occurs twice")
    if not all(1 <= encoder.dim <= _MAX_DIM for encoder in info.encoders):
        raise ValueError("an encoder has an impossible number of dimensions")
    texts = (info.folder, info.volume or "", info.volume_path or "")
    if "/" in info.folder or info.folder == ".." or any("\0" in text for text in texts):
        raise ValueError("its folder has no name")
    moments = (info.made_at, *(search.saved_at for search in info.searches))
    if any(moment.tzinfo is None for moment in moments):
        raise ValueError("a time has no time zone")
    for search in info.searches:
        for content_hash in search.photos.values():
            _content_hash(content_hash)
    for concept in info.concepts:
        for example in concept.examples:
            _content_hash(example.content_hash)


def _content_hash(text: str) -> bytes:
    content_hash = bytes.fromhex(text)
    if len(content_hash) != _HASH_BYTES:
        raise ValueError("a photo has no content")
    return content_hash


def _facts(values: dict[str, Any]) -> Facts:
    facts: dict[str, Any] = {}
    for fact in FACTS:
        value = values.get(fact.name)
        if fact.required and value is None:
            raise ValueError(f"a photo has no {fact.name}")
        if fact.type is datetime and value is not None:
            value = datetime.fromisoformat(value)
        elif fact.type is tuple:
            value = tuple(map(str, value or ()))
        elif fact.type is bool:
            value = fact.loaded(value)
        elif fact.type is float and value is not None and not abs(value) < float("inf"):
            raise ValueError(f"{fact.name} is not a number")
        facts[fact.name] = value
    if facts["width_px"] < 1 or facts["height_px"] < 1:
        raise ValueError("a photo has no size")
    lat, lon = facts["lat"], facts["lon"]
    if (lat is None) != (lon is None) or abs(lat or 0) > 90 or abs(lon or 0) > 180:
        raise ValueError("a place is not on the Earth")
    return Facts(**facts)


def _photo_text(row: dict[str, Any]) -> PhotoText:
    if row["state"] not in _TEXT_STATES:
        raise ValueError("a text has an unknown state")
    lines = tuple(TextLine(**line) for line in row["lines"])
    for line in lines:
        numbers = (line.x, line.y, line.width, line.height, line.confidence)
        if line.text is None or not all(abs(number) < float("inf") for number in numbers):
            raise ValueError("a line of text has no place")
    if row["reader"] is None:
        raise ValueError("a text has no reader")
    return PhotoText(row["state"], lines, row["reader"], _moment(row["read_at"]), row["message"])


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time has no time zone")
    return moment.astimezone(UTC)


def _is_webp(content: bytes) -> bool:
    is_riff = content[:4] == b"RIFF" and content[8:12] == b"WEBP"
    return is_riff and len(content) <= _MAX_THUMBNAIL_BYTES
