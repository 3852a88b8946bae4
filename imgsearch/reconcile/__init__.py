"""The library and the disk: what differs, which of it to believe, and to keep at it for months.

`survey` looks, `settle` lets go of what is gone; both are for whoever holds the writer's lock.
`follow` does both whenever something changes.
"""

from imgsearch.reconcile.survey import (
    Found,
    Scope,
    Survey,
    check_folder,
    follow_volumes,
    is_there,
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
    "root_at",
    "roots_of",
    "scopes_of",
    "settle",
    "survey",
    "survey_of",
]
