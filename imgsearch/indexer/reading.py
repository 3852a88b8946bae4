"""Reads one photo file for an encoder: its hash, its facts, the pixels to embed, a thumbnail.

All that indexes photos, on this machine or on many, reads them here, so that equal files give equal
vectors.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, TypeAlias, TypeVar, cast

import numpy as np
from msgspec import Struct

from imgsearch.decode.looks import with_look
from imgsearch.decode.reader import decode, decoder_fingerprint, read_facts, side_to_embed
from imgsearch.decode.request import content_hash, open_regular_file, unreadable_error
from imgsearch.decode.thumbnails import KEPT_SIDE_PX, kept_thumbnail
from imgsearch.decode.tiles import images_to_embed
from imgsearch.encoders.base import Encoder
from imgsearch.errors import ImgsearchError, PhotoError, Reason
from imgsearch.gazetteer import Gazetteer
from imgsearch.indexer.places import with_place_names
from imgsearch.indexer.scan import stat_of
from imgsearch.records.arrays import PixelBatch
from imgsearch.records.files import Decoded, FileStat
from imgsearch.records.photo import Facts, PhotoVectors

VANISHED = (FileNotFoundError, NotADirectoryError)  # the second: a parent is a file now

_Key = TypeVar("_Key", bound=Hashable)


class DecodeFile(Protocol):
    """The signature of `imgsearch.decode.reader.decode`, as far as it is used here."""

    def __call__(
        self, path: Path, min_side_px: int, max_megapixels: float, *, all_frames: bool
    ) -> Decoded: ...


class PhotoDecoder(Struct, frozen=True):
    """The function that decodes photos, and the function that identifies it.

    A file that could not be decoded is tried again when the fingerprint has changed.
    """

    decode: DecodeFile = decode
    fingerprint: Callable[[], str] = decoder_fingerprint

    def fingerprint_with(self, max_megapixels: float) -> str:
        """Return what identifies how files are decoded with this limit."""
        return f"{self.fingerprint()}; max_megapixels {max_megapixels:g}"


# Stores small pictures of photos, as WebP, by the hash of the photo's content.
KeepThumbnails: TypeAlias = Callable[[Mapping[bytes, bytes]], None]


class ModelInput(Struct, frozen=True):
    """The images of one photo to embed: `pixels` (parts, 3, side_px, side_px), the whole first.

    `times_s` are the times of a video's frames, in seconds; empty for a photo. `thumbnail` is the
    small picture to keep, if any are.
    """

    pixels: PixelBatch
    times_s: tuple[float, ...] = ()
    thumbnail: bytes | None = None


def content_hash_of(stat: FileStat) -> bytes:
    """Return the BLAKE2b hash of a file, by which its photo is known.

    Raises PhotoError, and FileNotFoundError or NotADirectoryError for a file that is gone.
    """
    if stat.size_bytes == 0:
        raise PhotoError(Reason.EMPTY, "The file is empty; copy it again from its source.")
    with _read_errors(), open_regular_file(Path(stat.path)) as file:
        return content_hash(file)


class PhotoReader(Struct, frozen=True):
    """Decodes photos and prepares them for an encoder. Safe in any thread."""

    encoder: Encoder
    decode: DecodeFile
    gazetteer: Gazetteer
    max_megapixels: float

    def read(self, stat: FileStat, make_thumbnail: bool) -> tuple[Facts, ModelInput]:
        """Decode one photo. Raises PhotoError also if it does not have this stat any more.

        Raises FileNotFoundError or NotADirectoryError for a file that is gone.
        """
        try:
            with _read_errors():
                path = Path(stat.path)
                side_px = side_to_embed(self.encoder.side_px)
                if make_thumbnail:
                    side_px = max(side_px, KEPT_SIDE_PX)
                decoded = self.decode(path, side_px, self.max_megapixels, all_frames=True)
                images, times_s = images_to_embed(decoded)
                pixels = np.stack([self.encoder.prepare(image) for image in images])
                facts = with_look(decoded.facts, decoded.image)
                now = stat_of(path)
        except VANISHED:
            raise
        except ImgsearchError:  # includes a decoder not installed correctly, which ends the run
            raise
        except Exception as error:  # a bad photo must never abort the run
            raise PhotoError(
                Reason.DAMAGED, f"The image cannot be decoded ({type(error).__name__}: {error})."
            ) from error
        if not now.matches(stat):
            raise PhotoError(
                Reason.CHANGED, "The file changed while it was read; the next run reads it again."
            )
        facts = with_place_names(facts, self.gazetteer)
        thumbnail = kept_thumbnail(decoded) if make_thumbnail else None
        return facts, ModelInput(cast("PixelBatch", pixels), times_s, thumbnail)

    def read_facts(self, stat: FileStat) -> Facts:
        """Return the facts of one photo, for a fraction of the work. Raises as `read` does."""
        with _read_errors():
            facts = read_facts(Path(stat.path), self.max_megapixels)
        return with_place_names(facts, self.gazetteer)


def embed(encoder: Encoder, photos: Mapping[_Key, ModelInput]) -> dict[_Key, PhotoVectors]:
    """Return the vectors of each photo, by the same keys. All are embedded in one call."""
    if not photos:
        return {}
    vectors = encoder.encode_pixels(np.concatenate([photo.pixels for photo in photos.values()]))
    ends = np.cumsum([len(photo.pixels) for photo in photos.values()])
    split = np.split(vectors, ends[:-1])
    return {
        key: PhotoVectors(rows, photo.times_s)
        for (key, photo), rows in zip(photos.items(), split, strict=True)
    }


@contextmanager
def _read_errors() -> Iterator[None]:
    """Raise PhotoError for a file that cannot be read, and FileNotFoundError for one that is gone.

    NotADirectoryError, too, means that it is gone.
    """
    try:
        yield
    except VANISHED:
        raise
    except OSError as error:
        raise unreadable_error(error) from error
    except PhotoError as error:
        if isinstance(error.__cause__, VANISHED):
            raise error.__cause__ from None
        raise
