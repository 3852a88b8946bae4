"""imgsearch: find your own photos by meaning, on your own machine.

from imgsearch import Library, Settings

with Library.open(Settings.load(data_dir="my-library", encoder="lite")) as library:
    library.index(["~/Pictures"]).run()
    for hit in library.search("a dog in snow", k=5):
        print(hit.score, hit.path)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from imgsearch.version import VERSION

if TYPE_CHECKING:
    from imgsearch.analysis.clusters import cluster_photos, count_within
    from imgsearch.analysis.proposal import with_kept
    from imgsearch.analysis.removal_script import has_objects, removal_paths, removal_script
    from imgsearch.caches import MemoryCache
    from imgsearch.config import Settings
    from imgsearch.decode.original import OriginalFile
    from imgsearch.errors import ImgsearchError, QueryError, UsageError
    from imgsearch.indexer.folder_choices import count_photo_files, subfolders, usual_folders
    from imgsearch.language.anniversary import in_earlier_years
    from imgsearch.language.grammar import filter_of, parse, to_text
    from imgsearch.library import Library
    from imgsearch.operations.saved import Saved
    from imgsearch.page_access import (
        ARCHIVE_VARIABLE,
        LOOPBACK,
        PASSWORD_VARIABLE,
        TOKEN_VARIABLE,
    )
    from imgsearch.paths import expand_home
    from imgsearch.progress import Progress, RateMeter, RunningJob
    from imgsearch.records.answer import Answer, FoundPhotos, Hit, Verdict
    from imgsearch.records.browse import (
        DayPhotos,
        MapArea,
        NameCounts,
        PhotoCluster,
        PhotoEvent,
        PhotoPositions,
        PlaceCounts,
        Timeline,
    )
    from imgsearch.records.duplicates import DuplicateGroup, GroupedPhoto, Pairs
    from imgsearch.records.folders import FolderChoice, PhotoFileCount
    from imgsearch.records.labels import Classes, Label
    from imgsearch.records.names import name_of_field
    from imgsearch.records.photo import Photo
    from imgsearch.records.query import (
        Example,
        Query,
        Region,
        TaughtConcept,
        Term,
        Understanding,
        UnderstoodPart,
    )
    from imgsearch.records.saved import (
        OutputsReport,
        SavedSearch,
        SavedSearchOutputs,
        SavedSearchSummary,
    )
    from imgsearch.records.status import (
        Counts,
        EncoderInfo,
        Failure,
        MissingExtra,
        Root,
        Status,
        StoredEncoder,
    )
    from imgsearch.records.suggestion import Suggestion
    from imgsearch.records.trial import EncoderTrial, TrialQuery
    from imgsearch.search.saved_queries import saved_name_of
    from imgsearch.service.api import Asking
    from imgsearch.service.connections import (
        ConnectionLimits,
        Connections,
        RequestDeadlines,
        deadline_of,
    )
    from imgsearch.store.page_key import page_key
    from imgsearch.text import (
        clock,
        format_count,
        format_duration,
        path_text,
        plain_text,
        printable,
    )

__version__ = VERSION

# `import imgsearch` and `imgsearch --help` must not load NumPy, SQLAlchemy and the rest, which
# takes a third of a second: each name is imported when it is first used.
_MODULES = {
    "ARCHIVE_VARIABLE": "imgsearch.page_access",
    "Answer": "imgsearch.records.answer",
    "Asking": "imgsearch.service.api",
    "Classes": "imgsearch.records.labels",
    "ConnectionLimits": "imgsearch.service.connections",
    "Connections": "imgsearch.service.connections",
    "Counts": "imgsearch.records.status",
    "DuplicateGroup": "imgsearch.records.duplicates",
    "DayPhotos": "imgsearch.records.browse",
    "EncoderInfo": "imgsearch.records.status",
    "EncoderTrial": "imgsearch.records.trial",
    "Example": "imgsearch.records.query",
    "Failure": "imgsearch.records.status",
    "FolderChoice": "imgsearch.records.folders",
    "FoundPhotos": "imgsearch.records.answer",
    "GroupedPhoto": "imgsearch.records.duplicates",
    "Hit": "imgsearch.records.answer",
    "ImgsearchError": "imgsearch.errors",
    "LOOPBACK": "imgsearch.page_access",
    "Label": "imgsearch.records.labels",
    "Library": "imgsearch.library",
    "MapArea": "imgsearch.records.browse",
    "MemoryCache": "imgsearch.caches",
    "MissingExtra": "imgsearch.records.status",
    "NameCounts": "imgsearch.records.browse",
    "OriginalFile": "imgsearch.decode.original",
    "OutputsReport": "imgsearch.records.saved",
    "PASSWORD_VARIABLE": "imgsearch.page_access",
    "Pairs": "imgsearch.records.duplicates",
    "Photo": "imgsearch.records.photo",
    "PhotoCluster": "imgsearch.records.browse",
    "PhotoEvent": "imgsearch.records.browse",
    "PhotoFileCount": "imgsearch.records.folders",
    "PhotoPositions": "imgsearch.records.browse",
    "PlaceCounts": "imgsearch.records.browse",
    "Progress": "imgsearch.progress",
    "Query": "imgsearch.records.query",
    "QueryError": "imgsearch.errors",
    "RateMeter": "imgsearch.progress",
    "Region": "imgsearch.records.query",
    "RequestDeadlines": "imgsearch.service.connections",
    "Root": "imgsearch.records.status",
    "Saved": "imgsearch.operations.saved",
    "RunningJob": "imgsearch.progress",
    "SavedSearch": "imgsearch.records.saved",
    "SavedSearchOutputs": "imgsearch.records.saved",
    "SavedSearchSummary": "imgsearch.records.saved",
    "Settings": "imgsearch.config",
    "StoredEncoder": "imgsearch.records.status",
    "Status": "imgsearch.records.status",
    "Suggestion": "imgsearch.records.suggestion",
    "TOKEN_VARIABLE": "imgsearch.page_access",
    "UsageError": "imgsearch.errors",
    "TaughtConcept": "imgsearch.records.query",
    "TrialQuery": "imgsearch.records.trial",
    "Term": "imgsearch.records.query",
    "Timeline": "imgsearch.records.browse",
    "UnderstoodPart": "imgsearch.records.query",
    "Understanding": "imgsearch.records.query",
    "Verdict": "imgsearch.records.answer",
    "cluster_photos": "imgsearch.analysis.clusters",
    "count_photo_files": "imgsearch.indexer.folder_choices",
    "expand_home": "imgsearch.paths",
    "count_within": "imgsearch.analysis.clusters",
    "clock": "imgsearch.text",
    "deadline_of": "imgsearch.service.connections",
    "filter_of": "imgsearch.language.grammar",
    "format_count": "imgsearch.text",
    "format_duration": "imgsearch.text",
    "has_objects": "imgsearch.analysis.removal_script",
    "in_earlier_years": "imgsearch.language.anniversary",
    "name_of_field": "imgsearch.records.names",
    "page_key": "imgsearch.store.page_key",
    "parse": "imgsearch.language.grammar",
    "path_text": "imgsearch.text",
    "plain_text": "imgsearch.text",
    "printable": "imgsearch.text",
    "removal_paths": "imgsearch.analysis.removal_script",
    "removal_script": "imgsearch.analysis.removal_script",
    "saved_name_of": "imgsearch.search.saved_queries",
    "subfolders": "imgsearch.indexer.folder_choices",
    "to_text": "imgsearch.language.grammar",
    "usual_folders": "imgsearch.indexer.folder_choices",
    "with_kept": "imgsearch.analysis.proposal",
}
__all__ = [
    "ARCHIVE_VARIABLE",
    "LOOPBACK",
    "PASSWORD_VARIABLE",
    "TOKEN_VARIABLE",
    "Answer",
    "Asking",
    "Classes",
    "ConnectionLimits",
    "Connections",
    "Counts",
    "DayPhotos",
    "DuplicateGroup",
    "EncoderInfo",
    "EncoderTrial",
    "Example",
    "Failure",
    "FolderChoice",
    "FoundPhotos",
    "GroupedPhoto",
    "Hit",
    "ImgsearchError",
    "Label",
    "Library",
    "MapArea",
    "MemoryCache",
    "MissingExtra",
    "NameCounts",
    "OriginalFile",
    "OutputsReport",
    "Pairs",
    "Photo",
    "PhotoCluster",
    "PhotoEvent",
    "PhotoFileCount",
    "PhotoPositions",
    "PlaceCounts",
    "Progress",
    "Query",
    "QueryError",
    "RateMeter",
    "Region",
    "RequestDeadlines",
    "Root",
    "RunningJob",
    "Saved",
    "SavedSearch",
    "SavedSearchOutputs",
    "SavedSearchSummary",
    "Settings",
    "Status",
    "StoredEncoder",
    "Suggestion",
    "TaughtConcept",
    "Term",
    "Timeline",
    "TrialQuery",
    "Understanding",
    "UnderstoodPart",
    "UsageError",
    "Verdict",
    "clock",
    "cluster_photos",
    "count_photo_files",
    "count_within",
    "deadline_of",
    "expand_home",
    "filter_of",
    "format_count",
    "format_duration",
    "has_objects",
    "in_earlier_years",
    "name_of_field",
    "page_key",
    "parse",
    "path_text",
    "plain_text",
    "printable",
    "removal_paths",
    "removal_script",
    "saved_name_of",
    "subfolders",
    "to_text",
    "usual_folders",
    "with_kept",
]


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
