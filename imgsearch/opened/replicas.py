"""Opens the replica of an archive: a library on this machine that follows it."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from imgsearch.addresses import normal_address
from imgsearch.archive.filling import Filling
from imgsearch.archive.photo_changes import ArchiveChanges
from imgsearch.archive.replica.replica import Replica, replica_folder
from imgsearch.config import INDEX_CACHE_MB, Settings
from imgsearch.encoders.base import Encoder
from imgsearch.errors import MissingPackage
from imgsearch.indexer.opening import Indexing
from imgsearch.installation import install_command
from imgsearch.opened.library import OpenedLibrary, encoder_loader
from imgsearch.progress import OnDownload

if TYPE_CHECKING:
    from imgsearch.encoders.remote import ProcessGroup
    from imgsearch.index.policy import IndexPolicy


def open_replica(
    address: str | Path,
    settings: Settings,
    notify: Callable[[str], None],
    on_download: OnDownload | None = None,
    encoder: Encoder | None = None,
    index_policy: IndexPolicy | None = None,
    group: ProcessGroup | None = None,
    *,
    folder: Path | None = None,
) -> tuple[OpenedLibrary, Replica]:
    """Open the replica of the archive at an address; nothing is read before it is needed.

    It lies in `folder`, or in the cache folder. It takes changes before it answers; by the replica
    itself, they can be taken with progress. Raises MissingPackage without the extra
    `scale`, and SettingsError for `mounts` that cannot be understood.
    """
    if find_spec("lance") is None:
        raise MissingPackage(f"Archives need more packages: {install_command('scale')}")
    if settings.index_cache_mb != INDEX_CACHE_MB:
        notify(
            "The setting index_cache_mb has no effect any more: a copy on this machine answers for "
            "the archive. Take it out of imgsearch.toml or the environment."
        )
    place = folder or replica_folder(settings, normal_address(address))
    replica = Replica(address, settings, place, notify)
    own = replace(settings, data_dir=place)
    encoders = encoder_loader(own, notify, on_download, encoder, group)
    indexing = Indexing(own, encoders, notify, index_policy)
    filling = Filling(replica, notify, encoders, encoder)
    opened = OpenedLibrary(
        own,
        notify,
        encoders,
        index_policy,
        replica,
        indexing,
        ArchiveChanges(replica, filling, indexing),
        1 if group is None else group.processes,
    )
    return opened, replica
