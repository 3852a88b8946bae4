"""When Python's garbage collector runs in a process that answers people.

A full collection looks at every object of the process, up to 170 ms in a service or the page, and
Python starts one in whatever code happens to allocate: often in an answer. Here the objects that
are there after the start are never looked at again, and the others between answers.
"""

from __future__ import annotations

import gc

# Collections of the middle generation before Python starts a full one by itself: some millions of
# new objects, if there was no quiet moment in between.
_MIDDLE_BEFORE_FULL = 500


def set_aside() -> None:
    """Collect, and leave what remains out of all later collections. Call it after a start.

    From then on Python starts no full collection by itself, but for a process that makes millions
    of objects without calling `collect` in between.
    """
    gc.collect()
    gc.freeze()
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, _MIDDLE_BEFORE_FULL)


def collect() -> None:
    """Collect what became garbage since `set_aside`: a few milliseconds."""
    gc.collect()


def collect_all() -> None:
    """Collect also what `set_aside` has left out, such as a model that is not needed any more."""
    was_set_aside = gc.get_freeze_count() > 0
    gc.unfreeze()
    gc.collect()
    if was_set_aside:
        gc.freeze()
