"""Opens the context of everything that changes a library, when it is first needed.

A query does without it: the modules of the indexer take as long to load as the rest of a query.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import TYPE_CHECKING

from imgsearch import private_files
from imgsearch.encoders.registry import registered_prefixes
from imgsearch.errors import UsageError
from imgsearch.store.database import require_library

if TYPE_CHECKING:
    from imgsearch.config import Settings
    from imgsearch.encoders.loader import EncoderLoader
    from imgsearch.index.policy import IndexPolicy
    from imgsearch.indexer.context import IndexingContext


class Indexing:
    """Gives the functions that change a library their context. Safe in any thread."""

    def __init__(
        self,
        settings: Settings,
        encoders: EncoderLoader,
        notify: Callable[[str], None],
        policy: IndexPolicy | None,
    ) -> None:
        """Take the settings that name the data folder; the rest is as in `IndexingContext`."""
        self.settings = settings
        self._encoders = encoders
        self._notify = notify
        self._policy = policy
        self._lock = Lock()
        self._context: IndexingContext | None = None
        self._is_closed = False

    def close(self) -> None:
        """Let `context` raise UsageError from now on."""
        self._is_closed = True

    def context(self) -> IndexingContext:
        """Return the context of the library, which the functions make if there is none."""
        if self._is_closed:
            raise closed(self.settings)
        with self._lock:
            if self._context is None:
                from imgsearch.indexer.context import indexing_context

                make_private(self.settings)
                for folder in (self.settings.data_dir, self.settings.cache_dir):
                    private_files.delete_abandoned(folder)
                self._context = indexing_context(
                    self.settings, self._encoders, self._notify, self._policy
                )
            return self._context

    def existing(self) -> IndexingContext:
        """Return the context of the library. Raises UsageError where there is none."""
        require_library(self.settings.data_dir)
        return self.context()


def closed(settings: Settings) -> UsageError:
    """Return the error of a library that was closed."""
    return UsageError(
        f"The library in {settings.data_dir} was closed, by close() or at the end of its `with` "
        "block. Open it again: Library.open(folder)"
    )


def make_private(settings: Settings) -> None:
    """Close the folders of a library to other users: older versions left that to the umask."""
    private_files.make_private(settings.data_dir)
    private_files.make_private(settings.cache_dir, registered_prefixes)
