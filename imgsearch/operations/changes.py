"""The changes that people have made in a library: to list, to undo and to do them again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgsearch.errors import CommandLine, Sentence, UsageError
from imgsearch.operations.declared import operation
from imgsearch.records.changes import Change

if TYPE_CHECKING:
    from imgsearch.opened.library import OpenedLibrary
    from imgsearch.store.changes import ChangeStore


class ChangeHistory:
    """The last changes that people have made: a thousand at most.

    They are changes of everything that people make or decide in a library, such as marks, persons,
    corrected dates and places.
    """

    def __init__(self, opened: OpenedLibrary) -> None:
        self._opened = opened

    @operation("GET /changes")
    def all(self) -> tuple[Change, ...]:
        """List the last changes, the newest first."""
        return self._changes().all()

    def last_of_people(self) -> Change | None:
        """Return the newest change of persons that was not undone; None where there is none."""
        return self._changes().last_of_people()

    @operation("POST /changes/undo")
    def undo(self, change_id: int | None = None) -> Change:
        """Undo a change, or the newest that was not undone yet; returns that change.

        Photos that the library has forgotten since stay away. Works while another process writes.
        Raises UsageError where there is nothing to undo, where a later change of the same photos or
        names counts, which has to be undone first, or where a name is taken; DiskError.
        """
        change = self._changes().undo(change_id)
        if change is None:
            which = "There is no change" if change_id is None else f"There is no change {change_id}"
            raise UsageError(
                Sentence(f"{which} to undo. To list the changes: ", CommandLine("undo --list"))
            )
        return change

    @operation("POST /changes/redo")
    def redo(self, change_id: int | None = None) -> Change:
        """Do an undone change again, or the one that was undone last. Raises as `undo` does.

        A new change ends the list of undone ones.
        """
        change = self._changes().redo(change_id)
        if change is None:
            raise UsageError(
                Sentence(
                    "There is no undone change to do again. To list the changes: ",
                    CommandLine("undo --list"),
                )
            )
        return change

    def _changes(self) -> ChangeStore:
        from imgsearch.store.changes import ChangeStore

        return ChangeStore(self._opened.database())
