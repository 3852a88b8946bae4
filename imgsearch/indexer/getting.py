"""The progress of getting an encoder: download, checks, preparation and trial in one bar.

Opening an encoder that is not on this machine yet takes minutes inside one call. It runs in a
thread here, so that the job that needs it goes on to make steps, shows how far it is to other
processes, and can be stopped.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import TypeVar

from msgspec.structs import replace

from imgsearch.encoders.base import Encoder
from imgsearch.indexer.int8_trial import CLEAR_PHOTOS
from imgsearch.progress import Download, OnDownload, Progress, RateMeter

_Report = TypeVar("_Report")

PART = "Getting the model"
_WHOLE = 1000  # of the bar
_LOOK_S = 0.5  # between two steps while nothing is reported
_STOP_S = 5.0  # for a download to end after the job was stopped


class _StoppedError(Exception):
    """The job that needed the encoder was stopped."""


class Getting:
    """The work of getting one encoder, as one part of a job. `clock` gives the time in seconds.

    The bar shows which share of the whole time has passed, as far as that is known: it never goes
    back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._meters: dict[str, RateMeter] = {}  # by file
        self._started_s: float | None = None  # at the first report: opening alone is no work
        self._done = 0

    def opened(
        self, open_encoder: Callable[[OnDownload], Encoder]
    ) -> Generator[Progress, None, Encoder]:
        """Open an encoder by a call with `on_download`; yields steps while it is got.

        None is yielded where nothing has to be downloaded or prepared. A job that is closed stops a
        download: what has arrived stays for the next one.
        """
        reports: SimpleQueue[Download | None] = SimpleQueue()
        stopped = threading.Event()
        opened: Future[Encoder] = Future()

        def report(download: Download) -> None:
            if stopped.is_set():
                raise _StoppedError
            reports.put(download)

        def run() -> None:
            try:
                opened.set_result(open_encoder(report))
            except BaseException as error:  # noqa: BLE001  # it is raised by the job
                opened.set_exception(error)
            reports.put(None)

        thread = threading.Thread(target=run, name="imgsearch-getting", daemon=True)
        thread.start()
        last: Download | None = None
        since_s = 0.0
        try:
            while True:
                try:
                    reported = reports.get(timeout=_LOOK_S)
                except Empty:
                    if last is not None:
                        yield self._step(last, self._clock() - since_s)
                    continue
                if reported is None:
                    return opened.result()
                last, since_s = reported, self._clock()
                yield self._step(reported, 0.0)
        finally:
            stopped.set()
            thread.join(_STOP_S)

    def tried(
        self, steps: Generator[Progress, None, _Report]
    ) -> Generator[Progress, None, _Report]:
        """Yield a trial of int8 as the last stage of the same part."""
        meter = RateMeter(self._clock)
        try:
            while True:
                try:
                    step = next(steps)
                except StopIteration as end:
                    return end.value  # type: ignore[no-any-return]
                meter.starts_part(step)
                # Most trials end when their result is clear.
                total = step.total if step.done > CLEAR_PHOTOS else min(step.total, CLEAR_PHOTOS)
                left_s = (total - step.done) / meter.rate if meter.rate else None
                text = f"comparing int8 with float32 on photos, {step.done} of {total}"
                yield replace(self._at(text, left_s), path=step.path)
        finally:
            steps.close()

    def _step(self, download: Download, ago_s: float) -> Progress:
        """Return the step of a report that came `ago_s` seconds before."""
        if download.preparing:
            rest_s = download.later_s - ago_s  # below 0: it takes longer than was estimated
            return self._at(download.preparing, rest_s if rest_s > 0 else None)
        done, size = download.done_bytes, download.size_bytes
        meter = self._meters.setdefault(download.file, RateMeter(self._clock))
        meter.starts_part(Progress(done, size))
        text = f"downloading {done / 1e6:.0f} MB"
        if size:
            text = f"downloading {done / 1e6:.0f} of {size / 1e6:.0f} MB"
        if not meter.rate or done >= size > 0:
            return self._at(text, None)
        left_s = None if not size or meter.left_s is None else meter.left_s + download.later_s
        return self._at(f"{text}, {meter.rate / 1e6:.1f} MB/s", left_s)

    def _at(self, text: str, left_s: float | None) -> Progress:
        now = self._clock()
        if self._started_s is None:
            self._started_s = now
        passed_s = now - self._started_s
        if left_s is not None and passed_s + left_s > 0:
            share = passed_s / (passed_s + left_s)
            self._done = max(self._done, min(round(_WHOLE * share), _WHOLE - 1))
        return Progress(self._done, _WHOLE, None, PART, text, left_s)
