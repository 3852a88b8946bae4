"""The cache of query vectors: each text and image is embedded once on a machine."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from imgsearch.caches import FileCache
from imgsearch.encoders.prompts import prompts_for

if TYPE_CHECKING:
    from imgsearch.records.arrays import Vector, Vectors

FOLDER = "query-vectors"
MOST_BYTES = 20 << 20  # 10,000 vectors of 512 dimensions


class QueryCache:
    """The query vectors of one encoder that were used last, in the cache folder.

    Its files are named by hashes of the texts and images and hold only vectors. No method raises an
    error: without a usable folder every query is embedded again, which only takes longer.
    """

    def __init__(self, cache_dir: Path, encoder_id: str, most_bytes: int = MOST_BYTES) -> None:
        self._files = FileCache(cache_dir / FOLDER, most_bytes, parts=256)
        self._encoder_id = encoder_id

    def texts(
        self, encoder_name: str, texts: Sequence[str], embed: Callable[[list[str]], Vectors]
    ) -> list[Vector]:
        """Return the query vector of each text; `embed` makes the vectors that are not cached."""
        keys = [_text_key(encoder_name, text) for text in texts]
        found = self._find(keys)
        missing = [position for position, key in enumerate(keys) if key not in found]
        if missing:
            vectors = embed([texts[position] for position in missing])
            new = dict(zip((keys[position] for position in missing), vectors, strict=True))
            self._write(new)
            found |= new
        return [found[key] for key in keys]

    def get(self, content: bytes) -> Vector | None:
        """Return the cached vector of this content; None if there is none."""
        return self._find([content]).get(content)

    def put(self, content: bytes, vector: Vector) -> None:
        """Cache a vector."""
        self._write({content: vector})

    def _find(self, contents: Iterable[bytes]) -> dict[bytes, Vector]:
        import numpy as np

        stored = {content: self._files.get(self._name(content)) for content in contents}
        return {
            content: np.frombuffer(vector, np.float32)
            for content, vector in stored.items()
            if vector is not None
        }

    def _write(self, vectors: Mapping[bytes, Vector]) -> None:
        with suppress(OSError):  # the disk is full or read-only: nothing is cached
            for content, vector in vectors.items():
                self._files.put(self._name(content), vector.tobytes())

    def _name(self, content: bytes) -> str:
        text = self._encoder_id.encode() + b"\0" + content
        return hashlib.blake2b(text, digest_size=16).hexdigest()


def _text_key(encoder_name: str, text: str) -> bytes:
    prompts = "\0".join(prompts_for(encoder_name, text))
    return b"text\0" + prompts.encode("utf-8", "surrogatepass")
