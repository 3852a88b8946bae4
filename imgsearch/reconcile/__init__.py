"""The library and the disk: what differs, which of it to believe, and to keep at it for months.

`survey` looks, `settle` lets go of what is gone; both are for whoever holds the writer's lock.
`follow` does both whenever something changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgsearch.doors import door

if TYPE_CHECKING:
    from imgsearch.reconcile.roots import is_there, online_roots
    from imgsearch.reconcile.surveying import (
        Found,
        Scope,
        Survey,
        check_folder,
        follow_volumes,
        merged,
        root_at,
        roots_of,
        scopes_of,
        settle,
        survey,
        survey_of,
    )

__all__ = [
    "Found",
    "Scope",
    "Survey",
    "check_folder",
    "follow_volumes",
    "is_there",
    "merged",
    "online_roots",
    "root_at",
    "roots_of",
    "scopes_of",
    "settle",
    "survey",
    "survey_of",
]

_HOMES = {
    "Found": "surveying",
    "Scope": "surveying",
    "Survey": "surveying",
    "check_folder": "surveying",
    "follow_volumes": "surveying",
    "is_there": "roots",
    "merged": "surveying",
    "online_roots": "roots",
    "root_at": "surveying",
    "roots_of": "surveying",
    "scopes_of": "surveying",
    "settle": "surveying",
    "survey": "surveying",
    "survey_of": "surveying",
}


# A query asks which folders are there, and compares nothing.
__getattr__ = door(__name__, _HOMES)
