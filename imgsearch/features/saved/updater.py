"""Updates outputs of saved searches in a thread of its own, so a watch never waits for them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from imgsearch.errors import ImgsearchError, Sentence
from imgsearch.features.saved.records import OutputsReport, SavedSearchOutputs

UPDATE_EVERY_S = 60.0  # also without a notice: another process may have changed the library


class OutputsUpdater:
    """Calls `update` for each of the outputs at every notice, and at least once a minute.

    `on_report` is called with each report that has a change, and `notify` with what went wrong,
    once until it changes. Both are called in that thread, as is `update`, which gets `stop`: it is
    to return soon after that is set.
    """

    def __init__(
        self,
        outputs: Sequence[SavedSearchOutputs],
        update: Callable[[SavedSearchOutputs, threading.Event], OutputsReport],
        on_report: Callable[[OutputsReport], None],
        notify: Callable[[str], None],
        stop: threading.Event,
        every_s: float = UPDATE_EVERY_S,
    ) -> None:
        self._outputs = outputs
        self._update = update
        self._on_report = on_report
        self._notify = notify
        self._every_s = every_s
        self._problems: dict[str, str] = {}
        self._noticed = threading.Event()
        self._stop = stop
        self._thread = threading.Thread(target=self._run, name="imgsearch-outputs", daemon=True)
        self._thread.start()

    def notice(self) -> None:
        """Update soon: the library has changed."""
        self._noticed.set()

    def close(self) -> None:
        """Set `stop`, and wait until the thread has ended, and the command that runs."""
        self._stop.set()
        self._noticed.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            for outputs in self._outputs:
                if not self._stop.is_set():
                    self._update_one(outputs)
            self._noticed.wait(self._every_s)
            self._noticed.clear()

    def _update_one(self, outputs: SavedSearchOutputs) -> None:
        problem = ""
        try:
            report = self._update(outputs, self._stop)
            if report.is_change:
                self._on_report(report)
        except ImgsearchError as error:
            problem = error.sentence
        except OSError as error:
            problem = str(error)
        if problem and problem != self._problems.get(outputs.name) and not self._stop.is_set():
            self._notify(Sentence(f"{outputs.name}: ", problem))
        self._problems[outputs.name] = problem
