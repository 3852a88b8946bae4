"""The context of everything that changes a library: settings, encoders, and how files are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar, cast

from msgspec import Struct, field

from imgsearch.config import Settings
from imgsearch.encoders.loader import EncoderLoader
from imgsearch.gazetteer import Gazetteer
from imgsearch.index.policy import IndexPolicy
from imgsearch.indexer.reading import PhotoDecoder
from imgsearch.indexer.volumes import SYSTEM_MOUNTS, MountTable

_Model = TypeVar("_Model")


class OpenModels:
    """The models that features look at photos with, by name: each stays open for the next photo.

    `openers` open models in place of the usual ones.
    """

    def __init__(self, openers: Mapping[str, Callable[[], object]] | None = None) -> None:
        self._openers = openers or {}
        self._open: dict[str, object] = {}

    def open(self, name: str, usual: Callable[[], _Model]) -> _Model:
        """Return the model of this name, opened if need be. Raises what its opener raises."""
        if name not in self._open:
            self._open[name] = self._openers.get(name, usual)()
        return cast("_Model", self._open[name])

    def release(self) -> None:
        """Release all models and their memory; `open` opens them again."""
        self._open.clear()


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
    models: OpenModels
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
        OpenModels(),
        policy,
    )
