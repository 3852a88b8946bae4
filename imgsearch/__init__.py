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

# Type checkers and editors read the names here, and Python reads them in the table below: a test
# compares the two.
if TYPE_CHECKING:
    # isort: off
    from imgsearch.analysis.browse import version_of_days as version_of_days
    from imgsearch.caches import FileCache as FileCache, MemoryCache as MemoryCache
    from imgsearch.config import Settings as Settings
    from imgsearch.decode.original import (
        OriginalFile as OriginalFile,
        location_refusal as location_refusal,
    )
    from imgsearch.errors import (
        ImgsearchError as ImgsearchError,
        LibraryLocked as LibraryLocked,
        QueryError as QueryError,
        UsageError as UsageError,
    )
    from imgsearch.features.albums.operations import Albums as Albums
    from imgsearch.features.albums.records import Album as Album, AlbumPhotos as AlbumPhotos
    from imgsearch.features.around.operations import Around as Around
    from imgsearch.features.around.records import (
        NearbyPhoto as NearbyPhoto,
        PhotosBeforeAfter as PhotosBeforeAfter,
    )
    from imgsearch.features.ask.operations import Questions as Questions
    from imgsearch.features.ask.records import (
        AnsweredOccasion as AnsweredOccasion,
    )
    from imgsearch.features.ask.records import (
        QuestionAnswer as QuestionAnswer,
    )
    from imgsearch.features.backup.operations import Backups as Backups
    from imgsearch.features.backup.records import (
        Backup as Backup,
        BackupError as BackupError,
        KeptItem as KeptItem,
        RestoreReport as RestoreReport,
    )
    from imgsearch.features.concepts.operations import Concepts as Concepts
    from imgsearch.features.concepts.records import TaughtConcept as TaughtConcept
    from imgsearch.features.corrections.operations import Corrections as Corrections
    from imgsearch.features.duplicates.operations import Duplicates as Duplicates
    from imgsearch.features.duplicates.proposal import with_kept as with_kept
    from imgsearch.features.duplicates.records import (
        Comparison as Comparison,
        DuplicateGroup as DuplicateGroup,
        GroupedPhoto as GroupedPhoto,
        Pairs as Pairs,
    )
    from imgsearch.features.duplicates.removal_script import (
        has_objects as has_objects,
        removal_paths as removal_paths,
        removal_script as removal_script,
    )
    from imgsearch.features.events.operations import Events as Events
    from imgsearch.features.events.records import PhotoEvent as PhotoEvent, RouteStop as RouteStop
    from imgsearch.features.events.route import route_of as route_of
    from imgsearch.features.imports.operations import Imports as Imports
    from imgsearch.features.imports.records import (
        ImportReport as ImportReport,
        SourceError as SourceError,
    )
    from imgsearch.features.kinds.operations import Kinds as Kinds
    from imgsearch.features.kinds.records import (
        PictureKind as PictureKind,
        PictureKinds as PictureKinds,
    )
    from imgsearch.features.labels.operations import Labels as Labels
    from imgsearch.features.labels.records import Classes as Classes, Label as Label
    from imgsearch.features.meaning.operations import Meaning as Meaning
    from imgsearch.features.meaning.records import (
        MeaningCluster as MeaningCluster,
        MeaningMap as MeaningMap,
        MeaningPoints as MeaningPoints,
    )
    from imgsearch.features.narrowing.operations import Narrowing as Narrowing
    from imgsearch.features.narrowing.records import (
        NarrowingQuestion as NarrowingQuestion,
        NarrowingQuestions as NarrowingQuestions,
    )
    from imgsearch.features.people.operations import People as People
    from imgsearch.features.places.clusters import (
        cluster_photos as cluster_photos,
        ids_within as ids_within,
        name_of_cluster as name_of_cluster,
    )
    from imgsearch.features.places.operations import Places as Places
    from imgsearch.features.places.records import PhotoCluster as PhotoCluster
    from imgsearch.features.saved.operations import Saved as Saved
    from imgsearch.features.saved.queries import saved_name_of as saved_name_of
    from imgsearch.features.saved.records import (
        OutputsReport as OutputsReport,
        SavedSearch as SavedSearch,
        SavedSearchOutputs as SavedSearchOutputs,
        SavedSearchSummary as SavedSearchSummary,
    )
    from imgsearch.features.scripts.running import script as script
    from imgsearch.features.sequences.operations import Sequences as Sequences
    from imgsearch.features.sequences.records import (
        PhotoSequence as PhotoSequence,
        SequenceAnswer as SequenceAnswer,
        SequencePart as SequencePart,
    )
    from imgsearch.features.strips.operations import Strips as Strips
    from imgsearch.features.strips.records import StripPeriod as StripPeriod
    from imgsearch.features.text.operations import PictureText as PictureText
    from imgsearch.features.vectors.reading import LibraryVectors as LibraryVectors
    from imgsearch.features.vectors.records import VectorBatch as VectorBatch
    from imgsearch.features.wall.operations import Walls as Walls
    from imgsearch.features.wall.records import Wall as Wall
    from imgsearch.features.installed import (
        component_packages as component_packages,
        component_styles as component_styles,
        page_parts as page_parts,
    )
    from imgsearch.indexer.folder_choices import (
        count_photo_files as count_photo_files,
        subfolders as subfolders,
        usual_folders as usual_folders,
    )
    from imgsearch.language.anniversary import (
        a_year_ago as a_year_ago,
        in_earlier_years as in_earlier_years,
    )
    from imgsearch.language.grammar import (
        filter_of as filter_of,
        parse as parse,
        to_text as to_text,
    )
    from imgsearch.library import Library as Library
    from imgsearch.operations.changes import ChangeHistory as ChangeHistory
    from imgsearch.operations.marks import Marks as Marks
    from imgsearch.operations.tray import Tray as Tray
    from imgsearch.outputs.copies import (
        copies_problem as copies_problem,
        unreadable_photos as unreadable_photos,
        zip_of_copies as zip_of_copies,
    )
    from imgsearch.outputs.file_names import unique_name as unique_name
    from imgsearch.page_access import (
        ARCHIVE_VARIABLE as ARCHIVE_VARIABLE,
        LOOPBACK as LOOPBACK,
        PASSWORD_VARIABLE as PASSWORD_VARIABLE,
        TOKEN_VARIABLE as TOKEN_VARIABLE,
    )
    from imgsearch.paths import expand_home as expand_home
    from imgsearch.progress import (
        Progress as Progress,
        RateMeter as RateMeter,
        RunningJob as RunningJob,
    )
    from imgsearch.records.answer import (
        Answer as Answer,
        FoundPhotos as FoundPhotos,
        Hit as Hit,
        Verdict as Verdict,
    )
    from imgsearch.records.browse import (
        DayPhotos as DayPhotos,
        MapArea as MapArea,
        NameCounts as NameCounts,
        PhotoPositions as PhotoPositions,
        PlaceCounts as PlaceCounts,
        Timeline as Timeline,
    )
    from imgsearch.records.changes import Change as Change
    from imgsearch.records.stated_facts import StatedFacts as StatedFacts
    from imgsearch.features.people.records import (
        DatedFace as DatedFace,
        PeopleOverview as PeopleOverview,
        PersonChange as PersonChange,
        PersonDetails as PersonDetails,
        ShownPerson as ShownPerson,
        PersonLook as PersonLook,
        Proposal as Proposal,
        SimilarFace as SimilarFace,
    )
    from imgsearch.records.faces import Face as Face, FaceCounts as FaceCounts, Person as Person
    from imgsearch.records.folders import (
        FolderChoice as FolderChoice,
        PhotoFileCount as PhotoFileCount,
    )
    from imgsearch.records.marks import PhotoMarks as PhotoMarks
    from imgsearch.records.names import name_of_field as name_of_field
    from imgsearch.records.photo import (
        LOOKS as LOOKS,
        Facts as Facts,
        Photo as Photo,
        moment_text as moment_text,
    )
    from imgsearch.records.query import (
        Clause as Clause,
        Example as Example,
        PeriodLength as PeriodLength,
        Query as Query,
        Region as Region,
        Sort as Sort,
        Term as Term,
        Understanding as Understanding,
        UnderstoodPart as UnderstoodPart,
    )
    from imgsearch.records.status import (
        Counts as Counts,
        EncoderInfo as EncoderInfo,
        Failure as Failure,
        MissingExtra as MissingExtra,
        Root as Root,
        Status as Status,
        StoredEncoder as StoredEncoder,
        UnfinishedJob as UnfinishedJob,
    )
    from imgsearch.records.suggestion import Suggestion as Suggestion
    from imgsearch.records.tray import PickedPhotos as PickedPhotos
    from imgsearch.records.trial import (
        EncoderTrial as EncoderTrial,
        TrialQuery as TrialQuery,
    )
    from imgsearch.service.answering import (
        OperationAnswer as OperationAnswer,
        RequestedOperation as RequestedOperation,
        requested as requested,
    )
    from imgsearch.service.api import Asking as Asking
    from imgsearch.service.connections import (
        ConnectionLimits as ConnectionLimits,
        Connections as Connections,
        RequestDeadlines as RequestDeadlines,
        deadline_of as deadline_of,
    )
    from imgsearch.service.quiet_collections import QuietCollections as QuietCollections
    from imgsearch.store.stated_facts import as_stated as as_stated
    from imgsearch.store.page_key import page_key as page_key
    from imgsearch.text import (
        clock as clock,
        format_count as format_count,
        format_duration as format_duration,
        path_text as path_text,
        plain_text as plain_text,
        printable as printable,
    )

    # isort: on
    __all__: list[str]

__version__ = VERSION

# `import imgsearch` and `imgsearch --help` must not load NumPy, SQLAlchemy and the rest, which
# takes a third of a second: each name is imported when it is first used.
_NAMES = {
    "imgsearch.analysis.browse": ("version_of_days",),
    "imgsearch.caches": ("FileCache", "MemoryCache"),
    "imgsearch.config": ("Settings",),
    "imgsearch.decode.original": ("OriginalFile", "location_refusal"),
    "imgsearch.errors": ("ImgsearchError", "LibraryLocked", "QueryError", "UsageError"),
    "imgsearch.features.installed": ("component_packages", "component_styles", "page_parts"),
    "imgsearch.indexer.folder_choices": (
        "count_photo_files",
        "subfolders",
        "usual_folders",
    ),
    "imgsearch.language.anniversary": ("a_year_ago", "in_earlier_years"),
    "imgsearch.language.grammar": ("filter_of", "parse", "to_text"),
    "imgsearch.library": ("Library",),
    "imgsearch.operations.changes": ("ChangeHistory",),
    "imgsearch.operations.marks": ("Marks",),
    "imgsearch.operations.tray": ("Tray",),
    "imgsearch.outputs.copies": (
        "copies_problem",
        "unreadable_photos",
        "zip_of_copies",
    ),
    "imgsearch.outputs.file_names": ("unique_name",),
    "imgsearch.page_access": (
        "ARCHIVE_VARIABLE",
        "LOOPBACK",
        "PASSWORD_VARIABLE",
        "TOKEN_VARIABLE",
    ),
    "imgsearch.paths": ("expand_home",),
    "imgsearch.progress": ("Progress", "RateMeter", "RunningJob"),
    "imgsearch.records.answer": ("Answer", "FoundPhotos", "Hit", "Verdict"),
    "imgsearch.records.browse": (
        "DayPhotos",
        "MapArea",
        "NameCounts",
        "PhotoPositions",
        "PlaceCounts",
        "Timeline",
    ),
    "imgsearch.records.changes": ("Change",),
    "imgsearch.records.stated_facts": ("StatedFacts",),
    "imgsearch.records.faces": ("Face", "FaceCounts", "Person"),
    "imgsearch.records.folders": ("FolderChoice", "PhotoFileCount"),
    "imgsearch.records.marks": ("PhotoMarks",),
    "imgsearch.records.names": ("name_of_field",),
    "imgsearch.records.photo": ("LOOKS", "Facts", "Photo", "moment_text"),
    "imgsearch.records.query": (
        "Clause",
        "Example",
        "PeriodLength",
        "Query",
        "Region",
        "Sort",
        "Term",
        "Understanding",
        "UnderstoodPart",
    ),
    "imgsearch.records.status": (
        "Counts",
        "EncoderInfo",
        "Failure",
        "MissingExtra",
        "Root",
        "Status",
        "StoredEncoder",
        "UnfinishedJob",
    ),
    "imgsearch.records.suggestion": ("Suggestion",),
    "imgsearch.records.tray": ("PickedPhotos",),
    "imgsearch.records.trial": ("EncoderTrial", "TrialQuery"),
    "imgsearch.service.answering": ("OperationAnswer", "RequestedOperation", "requested"),
    "imgsearch.service.api": ("Asking",),
    "imgsearch.service.connections": (
        "ConnectionLimits",
        "Connections",
        "RequestDeadlines",
        "deadline_of",
    ),
    "imgsearch.service.quiet_collections": ("QuietCollections",),
    "imgsearch.store.stated_facts": ("as_stated",),
    "imgsearch.store.page_key": ("page_key",),
    "imgsearch.text": (
        "clock",
        "format_count",
        "format_duration",
        "path_text",
        "plain_text",
        "printable",
    ),
}
_MODULES = {name: module for module, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> object:
    if name == "__all__":
        return [*_MODULES, *_names_of_features()]
    module = _MODULES.get(name)
    if module is None and not name.startswith("_"):
        module = _names_of_features().get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(module), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_MODULES, *_names_of_features()])


def _names_of_features() -> dict[str, str]:
    """Return the modules of the public names of features. They are read when one is asked for."""
    modules: dict[str, str] = import_module("imgsearch.features.installed").exports()
    return {name: module for name, module in modules.items() if name not in _MODULES}
