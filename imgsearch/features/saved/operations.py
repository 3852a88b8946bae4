"""Saved searches: queries under a name, and the links, lists and commands that follow them.

They are the user's own and do not follow from the disk. They are written in short transactions
without the writer's lock, also while another process indexes.
"""

from __future__ import annotations

from threading import Event
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta
from msgspec.structs import replace as replaced

from imgsearch.errors import CommandLine, Sentence, UsageError
from imgsearch.features.saved.records import (
    OutputsReport,
    SavedSearch,
    SavedSearchOutputs,
    SavedSearchSummary,
)
from imgsearch.language.grammar import resolve_query
from imgsearch.operations.declared import ChosenCount, WithWeak, operation
from imgsearch.records.query import Query

if TYPE_CHECKING:
    from imgsearch.features.saved.store import SavedSearchStore
    from imgsearch.opened.library import OpenedLibrary

Replace = Annotated[bool, Meta(description="Replace an existing search with this name.")]


class Saved:
    """The saved searches of a library."""

    def __init__(self, opened: OpenedLibrary) -> None:
        self._opened = opened

    def _store(self) -> SavedSearchStore:
        from imgsearch.features.saved.store import SavedSearchStore

        return SavedSearchStore(self._opened.database())

    @operation("GET /saved", tool="List saved searches")
    def all(self) -> tuple[SavedSearchSummary, ...]:
        """List the saved searches by name, with how many photos each finds and how many are new.

        New are the photos that a search did not find when `mark_looked_at` was called last. The
        query saved:NAME finds the photos of a search.
        """
        from imgsearch.features.saved.hits import summary_of

        store = self._store()
        searches = store.all()
        if not searches:
            return ()
        context = self._opened.context()
        return tuple(summary_of(context, each, store.seen(each.name)) for each in searches)

    def get(self, name: str) -> SavedSearch:
        """Return the search that is saved under this name; case and accents do not count.

        Raises QueryError, with a similar name if there is one.
        """
        from imgsearch.features.saved.queries import find_saved

        return find_saved(self._store(), name)

    @operation("POST /saved")
    def save(
        self,
        name: str,
        query: str | Query,
        k: ChosenCount = None,
        *,
        include_weak: WithWeak = False,
        replace: Replace = False,
    ) -> SavedSearchSummary:
        """Keep a query under a name: `find("saved:NAME")` and other queries may use it then.

        It keeps words, filters, order and the least score. Example images are looked up in the
        library, and copied where they are none of its photos; saved searches in the query
        are copied as well. The photos that it finds now count as seen. It has at most `k` photos:
        by default 1,000 with words or an example, and else no limit. Weak ones are left out.

        Works while another process writes. Raises QueryError as `find` does, UsageError for a name
        that is taken, unless `replace` is set, or that cannot be used, and DiskError.
        """
        from imgsearch.features.saved.hits import photos_of, summary_of
        from imgsearch.features.saved.queries import new_search, with_kept_examples

        context, store = self._opened.context(), self._store()
        kept = with_kept_examples(context.photos, resolve_query(query))
        search = new_search(context.reads.definitions, name, kept, k, include_weak)
        photos = photos_of(context, search)
        if not store.save(search, photos, replace):
            taken = store.named(search.name)
            line = "" if taken is None else f" It is: {taken.line}."
            raise UsageError(
                Sentence(
                    f"A search is saved as {search.name!r} already.{line} Choose another name, or "
                    "replace it: ",
                    CommandLine("save --replace"),
                )
            )
        return summary_of(context, search, frozenset(photos))

    @operation("POST /saved/looked")
    def mark_looked_at(self, name: str) -> tuple[int, ...]:
        """Record that the user has looked at a saved search now; returns the photos new in it.

        These are ids, in the order of the search. Works while another process writes. Raises
        QueryError as `get` does, and DiskError where the library cannot be written.
        """
        from imgsearch.features.saved.hits import photos_of

        search, store = self.get(name), self._store()
        photos, seen = photos_of(self._opened.context(), search), store.seen(name)
        store.set_seen(name, photos)
        return tuple(photo_id for photo_id in photos if photo_id not in seen)

    @operation("POST /saved/rename")
    def rename(self, name: str, new_name: str) -> None:
        """Give a saved search another name.

        Raises QueryError for an unknown name, and UsageError for a new one that is taken or cannot
        be used.
        """
        from imgsearch.language.given_names import read_name

        search, wanted = self.get(name), read_name(new_name)
        if not self._store().rename(search.name, wanted):
            raise UsageError(f"A search is saved as {wanted!r} already. Choose another name.")

    @operation("POST /saved/remove")
    def remove(self, name: str) -> None:
        """Delete a saved search; no photo is touched. Raises QueryError for an unknown name."""
        self._store().remove(self.get(name).name)

    def update_outputs(
        self, outputs: SavedSearchOutputs, stop: Event | None = None
    ) -> OutputsReport:
        """Bring a folder of links, a list and a command in step with a saved search, once.

        Only links that are its own are made, moved and removed, in a folder that was empty, and
        never where there is anything else. The command is told about each photo once, and again if
        it fails; it is ended when `stop` is set. Nothing is written into an indexed folder. Photos
        that cannot be reached now are left out, and links to them stay.

        Raises QueryError for an unknown name; UsageError for a place in an indexed folder, a folder
        with other files, a list that another program wrote, and a command that cannot be found;
        DiskError where a place cannot be written; and ImgsearchError for a command that fails.
        """
        from imgsearch.features.saved.hits import photos_of
        from imgsearch.features.saved.updating import update_outputs
        from imgsearch.search.hits import make_hits

        opened = self._opened
        search = self.get(outputs.name)
        ids = photos_of(opened.context(), search)
        settings = opened.settings
        return update_outputs(
            replaced(outputs, name=search.name),
            make_hits(opened.photos(), ids, stack_raw=settings.stack_raw),
            self._store(),
            list(opened.reads().roots.all().values()),
            (settings.data_dir, settings.cache_dir),
            stop or Event(),
        )
