"""Sorts codes into the lists of an index on disk, with only a part of them in memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile, mkstemp
from typing import IO, BinaryIO
from weakref import finalize

import numpy as np
from numpy.typing import NDArray

from imgsearch.records.arrays import Ids

ID_BYTES = 8
_PART_BYTES = 64 << 20
_NO_ID = -1  # of the padding in the last block of a list

Codes = NDArray[np.uint8]  # (vectors, bytes of a code)
Pack = Callable[[Codes], bytes]


class CodeLists:
    """Codes of vectors, gathered chunk by chunk and read once, list by list.

    Vectors are numbered 0, 1, 2, … in the order in which they are added. The codes are stored in
    unnamed files in the folder `scratch` (by default the system's), each for a range of lists, as
    in a bucket sort; about `part_bytes` of them are in memory at once. They are written in whole
    blocks of `block` codes. Raises OSError if the disk is full.
    """

    def __init__(
        self,
        nlist: int,
        code_size: int,
        block: int,
        vectors: int,
        scratch: Path | None,
        part_bytes: int = _PART_BYTES,
    ) -> None:
        self._record = np.dtype([("list", "<u4"), ("number", "<u4"), ("code", "u1", (code_size,))])
        parts = min(nlist, 1 + vectors * self._record.itemsize // part_bytes)
        self._part_of_list = np.arange(nlist) * parts // nlist
        self._files = [TemporaryFile(dir=scratch) for _ in range(parts)]  # noqa: SIM115
        for file in self._files:
            finalize(self, close_scratch, file)
        self._block = block
        self._bytes_per_vector = code_size + ID_BYTES
        self.sizes = np.zeros(nlist, np.int64)

    def add(self, lists: Ids, codes: Codes) -> None:
        """Add the lists and codes of the next vectors; lists keep the order of the vectors."""
        first = int(self.sizes.sum())
        records = np.empty(len(lists), self._record)
        records["list"], records["code"] = lists, codes
        records["number"] = np.arange(first, first + len(lists))
        self.sizes += np.bincount(lists, minlength=len(self.sizes))
        parts = self._part_of_list[lists]
        for part, file in enumerate(self._files):
            file.write(records[parts == part].tobytes())

    def take(self) -> Iterator[tuple[NDArray[np.uint32], Codes]]:
        """Yield the numbers and codes of each list, in the order of the lists, and forget them."""
        for part, file in enumerate(self._files):
            file.seek(0)
            records = np.frombuffer(file.read(), self._record)
            file.close()
            order = np.argsort(records["list"], kind="stable")
            numbers, codes = records["number"][order], records["code"][order]
            ends = np.cumsum(self.sizes[self._part_of_list == part])
            for start, end in zip([0, *ends[:-1].tolist()], ends.tolist(), strict=True):
                yield numbers[start:end], codes[start:end]

    @property
    def size_bytes(self) -> int:
        """The number of bytes that `write` writes."""
        return int(self._rooms().sum()) * self._bytes_per_vector

    def table(self, start: int) -> NDArray[np.uint64]:
        """Return the number of vectors, the capacity and the position of each list.

        Shape (lists, 3), for a file with the lists from byte `start` on.
        """
        rooms = self._rooms()
        sizes_bytes = rooms * self._bytes_per_vector
        places = start + np.cumsum(sizes_bytes) - sizes_bytes
        return np.stack([self.sizes, rooms, places], axis=1).astype(np.uint64)

    def write(self, file: BinaryIO, pack: Pack, ids: Ids | NDArray[np.uint32]) -> None:
        """Write each list: its codes in whole blocks, then one id per code. The lists are used up.

        `ids` maps the number of a vector to its id.
        """
        rooms = self._rooms().tolist()
        for room, (numbers, codes) in zip(rooms, self.take(), strict=True):
            filled = np.zeros((room, codes.shape[1]), np.uint8)
            filled[: len(codes)] = codes
            filled_ids = np.full(room, _NO_ID, np.int64)
            filled_ids[: len(numbers)] = ids[numbers]
            file.write(pack(filled))
            file.write(filled_ids.tobytes())

    def _rooms(self) -> Ids:
        """Return the number of vectors that fit into the blocks of each list."""
        return -(-self.sizes // self._block) * self._block


def close_scratch(file: IO[bytes]) -> None:
    """Close a file that is no longer needed, even if its unwritten part exceeds the disk."""
    with suppress(OSError):
        file.close()


def mapped_scratch(
    size_bytes: int, scratch: Path | None, map_file: Callable[[str], None]
) -> BinaryIO:
    """Return a writable file of this size (above 0), mapped by `map_file` from its name.

    The file loses its name at once, so a killed process leaves nothing behind. Raises OSError.
    """
    descriptor, name = mkstemp(dir=scratch)
    file = os.fdopen(descriptor, "w+b")
    try:
        file.truncate(size_bytes)
        map_file(name)
    except BaseException:
        file.close()
        raise
    finally:
        with suppress(OSError):
            Path(name).unlink()
    return file
