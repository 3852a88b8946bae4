"""The write side of a library on one machine."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from imgsearch.errors import UsageError
from imgsearch.records.files import IngestResult
from imgsearch.records.photo import Facts
from imgsearch.store.sql import prefix_of
from imgsearch.store.store import Store


class LocalWriter:
    """Writes to a library whose lock is held. Paths are below its root folders.

    `settle` brings the index up to date, and what else is made of all vectors. The indexer does so
    once at the end of a run.
    """

    def __init__(
        self, store: Store, encoder_key: int, settle: Callable[[], None] = lambda: None
    ) -> None:
        self._store = store
        self._encoder_key = encoder_key
        self._settle = settle

    def known(self, content_hashes: Sequence[bytes]) -> set[bytes]:
        reads = self._store.reads
        return {each for each in content_hashes if reads.vectors.has(each, self._encoder_key)}

    def lineage(self) -> str:
        return ""  # nothing takes back what was put

    def put(self, results: Sequence[IngestResult]) -> None:
        roots = self._store.reads.roots.all()
        # New photos of all roots first: a copy in one root may have its original in another.
        for is_new in (True, False):
            chosen = [result for result in results if (result.vectors is not None) is is_new]
            for root_id, of_root in _by_root(chosen, roots).items():
                self._store.record(root_id, self._encoder_key, of_root)

    def put_facts(self, facts: Mapping[bytes, Facts]) -> int:
        with_ids = {
            self._store.reads.photos.with_content(each): known for each, known in facts.items()
        }
        return self._store.photos.update_facts(
            {photo_id: known for photo_id, known in with_ids.items() if photo_id is not None}
        )

    def forget(self, paths: Sequence[str]) -> int:
        roots = self._store.reads.roots.all()
        of_roots = defaultdict(list)
        for path in paths:
            of_roots[_root_of(path, roots)].append(path)
        removed = 0
        for root_id, of_root in of_roots.items():
            removed += len(self._store.files.photo_ids(root_id, of_root))
            self._store.files.forget(root_id, of_root)
        return removed

    def settle(self) -> None:
        self._settle()


def _by_root(
    results: Sequence[IngestResult], roots: Mapping[int, str]
) -> dict[int, list[IngestResult]]:
    """Return the results of the files of each root, by its id, in the order of ids."""
    by_root = defaultdict(list)
    for result in results:
        by_root[_root_of(result.stat.path, roots)].append(result)
    return dict(sorted(by_root.items()))


def _root_of(path: str, roots: Mapping[int, str]) -> int:
    for root_id, root in roots.items():
        if path.startswith(prefix_of(root)):
            return root_id
    raise UsageError(
        f"{path} is in none of the folders of this library. Add its folder: imgsearch index FOLDER"
    )
