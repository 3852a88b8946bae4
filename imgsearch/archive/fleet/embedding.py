"""Brings an archive up to date with folders and object storage: lists, embeds, records.

Workers embed; only this process writes, thousands of rows at once. The manifest records each write
afterwards, so an interrupted run loses at most the rows that were not written yet.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from imgsearch.addresses import as_path
from imgsearch.archive.fleet.base import ArchiveWriter, FileOutcome, ListedFile, Workers, patiently
from imgsearch.archive.fleet.manifest import Manifest
from imgsearch.archive.fleet.sources import PhotoSource, source_of
from imgsearch.errors import CommandLine, FolderError, Sentence
from imgsearch.indexer.reading import KeepThumbnails
from imgsearch.indexer.removals import HELD_FROM, HELD_SHARE
from imgsearch.progress import Progress, SyncReport
from imgsearch.store.failures import TRANSIENT
from imgsearch.text import format_count, shell_word

if TYPE_CHECKING:
    from imgsearch.archive.fleet.worker import WorkPlan

FILES_PER_ROUND = 100_000  # that the workers get at once; all of them wait at the end of a round
_ROWS_PER_COMMIT = 5000
_COMMIT_EVERY_S = 15.0
_SETTLE_EVERY = 500_000  # rows, or a quarter of all that were put before, if that is more
_SETTLE_SHARE = 0.25


class FleetRun(Struct, frozen=True):
    """The inputs of a run.

    `folder` is the working folder of the archive on this machine, and `address` the place of the
    archive, for messages. `keep_thumbnails` stores
    thumbnails by content hash, before their photos are written; None makes none. `notify` is
    called with sentences for a person.
    """

    writer: ArchiveWriter
    plan: WorkPlan
    folder: Path
    notify: Callable[[str], None]
    address: str
    keep_thumbnails: KeepThumbnails | None = None
    files_per_round: int = FILES_PER_ROUND
    rows_per_commit: int = _ROWS_PER_COMMIT
    settle_every: int = _SETTLE_EVERY

    def accepting_removals(self, sources: Iterable[str]) -> CommandLine:
        """Return the command that removes the photos that are gone from these sources."""
        words = " ".join(map(shell_word, sources))
        return CommandLine(f"index {words} --accept-removals --library {shell_word(self.address)}")


def embed_photos(
    run: FleetRun,
    addresses: Sequence[str],
    start_workers: Callable[[WorkPlan], AbstractContextManager[Workers]],
    accept_removals: bool = False,
    metadata: bool = False,
) -> Generator[Progress, None, SyncReport]:
    """Bring the archive up to date with these folders and `s3://` addresses; settle it.

    Workers start only if there are files to read. With `metadata`, the facts of all photos that
    were done before are read again, and none of them is embedded. Deleted photos are forgotten,
    but a large number at once only with `accept_removals`. Raises FolderError if no photo is
    found, and the errors of sources, workers and the writer.
    """
    started = time.monotonic()
    plan = replace(run.plan, make_thumbnails=run.keep_thumbnails is not None)
    run = replace(run, plan=plan)
    sources = [source_of(address) for address in dict.fromkeys(addresses)]
    with Manifest.open(run.folder) as manifest:
        if manifest.forget_work(run.writer.known, run.writer.lineage()):
            run.notify(
                "The library is not the one that was written from this machine before, or it went "
                "back to an earlier version: all photos are listed and read again."
            )
        report, unreadable = SyncReport(), set[str]()
        for source in sources:
            unreadable |= yield from _list(manifest, source, run.notify)
            if metadata:
                manifest.make_facts_due(source.address)
        fingerprint = plan.fingerprint
        counts = {each.address: manifest.count(each.address) for each in sources}
        to_do = {
            each.address: manifest.count_to_do(each.address, fingerprint)
            + manifest.count_facts_due(each.address)
            for each in sources
        }
        if not sum(counts.values()):
            for source in sources:
                manifest.finish(source.address)  # the next run lists it again
            gone = sum(manifest.count_gone(each.address)[0] for each in sources)
            if not gone:
                raise FolderError(
                    f"No photos were found in {', '.join(counts)}. Check the name, and that these "
                    "files are of formats that imgsearch reads."
                )
            if not accept_removals:
                raise FolderError(
                    Sentence(
                        f"No photos are in {', '.join(counts)} any more. The {gone} that the "
                        "library has of it stay. Check that the folder is there; if you removed "
                        "them on purpose: ",
                        run.accepting_removals(counts),
                    )
                )
        total = sum(to_do.values())
        report = replace(report, unchanged=sum(counts.values()) - total)
        if total:
            recorder = _Recorder(run, manifest, report, total)
            recorder.rows_settled = report.unchanged
            with start_workers(plan) as workers:
                for source in sources:
                    at_most = run.files_per_round
                    to_read = manifest.to_do(source.address, fingerprint, at_most)
                    for at_once in chain(to_read, manifest.facts_due(source.address, at_most)):
                        yield from recorder.record_all(workers, at_once)
            report = recorder.report
        for source in sources:
            gone, missing = _forget_gone(run, manifest, source, unreadable, accept_removals)
            report = replace(report, gone=report.gone + gone, missing=report.missing + missing)
            manifest.finish(source.address)
        if total or report.gone:
            run.writer.settle()
    return replace(report, seconds=round(time.monotonic() - started, 3))


def _list(
    manifest: Manifest, source: PhotoSource, notify: Callable[[str], None]
) -> Generator[Progress, None, set[str]]:
    """List a source, or resume its listing; returns the unreadable folders."""
    after = manifest.resume(source.address, source.is_listed_anew)
    if after is None:
        return {source.address}  # the next listing finds deleted files
    listed, unreadable = 0, set[str]()
    for page in source.pages(after):
        manifest.add(source.address, page)
        listed += len(page.photos)
        unreadable.update(page.unreadable)
        yield Progress(listed, listed, part="Listing")
    manifest.end_listing(source.address)
    if unreadable:
        folders = format_count(len(unreadable), "folder")
        notify(
            f"{folders} could not be read, such as {min(unreadable)}; what the library has of "
            "them stays. Check the permissions."
        )
    return unreadable


class _Recorder:
    """Collects outcomes, and writes them when they are many or the last write was long ago."""

    def __init__(self, run: FleetRun, manifest: Manifest, report: SyncReport, total: int) -> None:
        self.report = report
        self._run = run
        self._manifest = manifest
        self._total = total
        self._done = 0
        self._waiting: list[FileOutcome] = []
        self._committed_s = time.monotonic()
        self.rows_settled = 0
        self._rows_since = 0

    def record_all(
        self, workers: Workers, files: Sequence[ListedFile]
    ) -> Generator[Progress, None, None]:
        """Have files embedded and record them; a stopped run also records its finished files."""
        try:
            for outcomes in workers.embed(files):
                self._waiting += outcomes
                self._done += len(outcomes)
                if self._is_due():
                    self._commit()
                if outcomes:
                    yield Progress(self._done, self._total, as_path(outcomes[-1].file.path))
        finally:
            self._commit()

    def _is_due(self) -> bool:
        return (
            len(self._waiting) >= self._run.rows_per_commit
            or time.monotonic() - self._committed_s >= _COMMIT_EVERY_S
        )

    def _commit(self) -> None:
        outcomes, self._waiting = self._waiting, []
        self._committed_s = time.monotonic()
        if not outcomes:
            return
        results = [outcome.result for outcome in outcomes if outcome.result is not None]
        facts = {
            result.content_hash: result.facts
            for result in results
            if result.vectors is None
            and result.facts is not None
            and result.content_hash is not None
        }
        results = [result for result in results if result.content_hash not in facts]
        keep_thumbnails = self._run.keep_thumbnails
        if keep_thumbnails is not None:
            # First: a photo that is known is never read again, so it would never get one.
            patiently(lambda: keep_thumbnails(_thumbnails(outcomes)))
        # New photos first: a copy needs the photo that it is a copy of.
        results.sort(key=lambda result: result.vectors is None)
        patiently(lambda: self._run.writer.put(results))
        changed = patiently(lambda: self._run.writer.put_facts(facts))
        self._manifest.mark_done([outcome for outcome in outcomes if _is_final(outcome)])
        self._settle_if_due(len(results))
        new = sum(result.vectors is not None for result in results)
        failed = sum(result.failure is not None for result in results)
        self.report = replace(
            self.report,
            new=self.report.new + new,
            failed=self.report.failed + failed,
            moved=self.report.moved + len(results) - new - failed,
            reread=self.report.reread + changed,
        )

    def _settle_if_due(self, rows: int) -> None:
        """Index what was put so far: without an index of keys, each write looks at all rows."""
        self._rows_since += rows
        if self._rows_since >= max(self._run.settle_every, _SETTLE_SHARE * self.rows_settled):
            self._run.writer.settle()
            self.rows_settled += self._rows_since
            self._rows_since = 0


def _thumbnails(outcomes: Sequence[FileOutcome]) -> Mapping[bytes, bytes]:
    return {
        outcome.result.content_hash: outcome.thumbnail
        for outcome in outcomes
        if outcome.thumbnail is not None
        and outcome.result is not None
        and outcome.result.content_hash is not None
    }


def _is_final(outcome: FileOutcome) -> bool:
    """Return whether later runs skip this version of the file."""
    if outcome.is_gone:
        return False
    failure = None if outcome.result is None else outcome.result.failure
    return failure is None or failure.reason not in TRANSIENT


def _forget_gone(
    run: FleetRun,
    manifest: Manifest,
    source: PhotoSource,
    unreadable: set[str],
    accept_removals: bool,
) -> tuple[int, int]:
    """Forget the photos deleted from a source; returns the numbers of forgotten and held ones."""
    if any(folder.startswith(source.address) for folder in unreadable):
        return 0, 0  # they may still exist
    gone, known = manifest.count_gone(source.address)
    if gone >= HELD_FROM and gone > HELD_SHARE * known and not accept_removals:
        run.notify(
            Sentence(
                f"{gone} of the {known} photos of {source.address} are gone. They stay in the "
                "library. If you removed them on purpose: ",
                run.accepting_removals([source.address]),
            )
        )
        return 0, gone
    forgotten = 0
    for paths in manifest.gone(source.address, run.rows_per_commit):
        forgotten += run.writer.forget(paths)
    return forgotten, 0
