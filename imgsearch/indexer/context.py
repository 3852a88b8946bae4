"""The context of everything that changes a library: settings, encoders, and how files are read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct, field

from imgsearch import ocr
from imgsearch.faces import reader as faces
from imgsearch.gazetteer import Gazetteer
from imgsearch.indexer.reading import PhotoDecoder
from imgsearch.indexer.volumes import SYSTEM_MOUNTS, MountTable

if TYPE_CHECKING:
    from imgsearch.config import Settings
    from imgsearch.encoders.loader import EncoderLoader
    from imgsearch.index.policy import IndexPolicy


class TextReaderLoader:
    """Opens the reader of text in pictures when it is first needed, and keeps it.

    `open_reader` makes one that uses this number of threads.
    """

    def __init__(
        self, threads: int, open_reader: Callable[[int], ocr.TextReader] = ocr.open_reader
    ) -> None:
        self._threads = threads
        self._open_reader = open_reader
        self._reader: ocr.TextReader | None = None

    def open(self) -> ocr.TextReader:
        """Return the reader. Raises MissingPackage without the extra `ocr`."""
        if self._reader is None:
            self._reader = self._open_reader(self._threads)
        return self._reader

    def release(self) -> None:
        """Release the reader and its memory; `open` makes another."""
        self._reader = None


class FaceReaderLoader:
    """Opens the reader of faces when it is first needed, and keeps it.

    `open_reader` makes one, with its models in this cache folder.
    """

    def __init__(
        self, cache_dir: Path, open_reader: faces.OpenFaceReader = faces.open_reader
    ) -> None:
        self._cache_dir = cache_dir
        self._open_reader = open_reader
        self._reader: faces.FaceReader | None = None

    def open(self) -> faces.FaceReader:
        """Return the reader. Raises MissingPackage without the package of its models."""
        if self._reader is None:
            self._reader = self._open_reader(self._cache_dir)
        return self._reader

    def release(self) -> None:
        """Release the reader and its memory; `open` makes another."""
        self._reader = None


class IndexingContext(Struct, frozen=True):
    """The settings, models and readers with which a function changes a library.

    `notify` is called with sentences for a person. `policy` replaces the usual sizes and thresholds
    of the index, `decoder` the way in which photos are decoded, and `mounts` the mount table of the
    system.
    """

    settings: Settings
    encoders: EncoderLoader
    notify: Callable[[str], None]
    gazetteer: Gazetteer
    text_readers: TextReaderLoader
    face_readers: FaceReaderLoader
    policy: IndexPolicy | None = None
    decoder: PhotoDecoder = field(default_factory=PhotoDecoder)
    mounts: MountTable = SYSTEM_MOUNTS

    @property
    def data_dir(self) -> Path:
        """The data folder of the library."""
        return self.settings.data_dir

    @property
    def fingerprint(self) -> str:
        """Identifies how files are decoded. Until it changes, a failed file would fail again."""
        return self.decoder.fingerprint_with(self.settings.max_megapixels)


def indexing_context(
    settings: Settings,
    encoders: EncoderLoader,
    notify: Callable[[str], None],
    policy: IndexPolicy | None = None,
) -> IndexingContext:
    """Return the context of the library that the settings name, with the usual parts."""
    return IndexingContext(
        settings,
        encoders,
        notify,
        Gazetteer(settings.cache_dir),
        TextReaderLoader(settings.thread_count),
        FaceReaderLoader(settings.cache_dir),
        policy,
    )
