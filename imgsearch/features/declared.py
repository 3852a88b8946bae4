"""The declaration of a feature: what it brings, by the names of modules.

A feature is a folder of `imgsearch.features`, or another package. Its declaration is a constant of
this record, and loads nothing: a module that it names is loaded when it is first used. The text
"package.module:name" stands for a name of a module. See docs/plugins.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any, Literal, NamedTuple

from imgsearch.errors import MissingPackage

_OURS = "imgsearch"


# Each command loads these records: named tuples are there at once, and msgspec takes 6 ms.


class ListedCommand(NamedTuple):
    """A command: the group of commands that lists it, its line there, and its module.

    The module has it as `command`, of the package click. In the list it stands before the command
    `before`, and at the end of the group without one. With `says_unfinished`, it ends with the
    jobs of the library that are not finished, since photos may be missing.
    """

    group: str
    summary: str
    module: str
    before: str | None = None
    says_unfinished: bool = True


class NamedFilter(NamedTuple):
    """A filter whose values are names that people have given to something.

    Its module has three functions. `names(database)` returns all names, and `unknown(name, names)`
    the sentence about a name that is not among them; `condition(name)` returns the SQL condition
    of a photo (`imgsearch.store.filters.SqlCondition`). With `is_by_hand`, people have put these
    photos together one by one, and an answer has all of them: see `Feature.left_out`.
    """

    metavar: str
    meaning: str  # completes the sentence "Photos …"
    suggested_as: str  # the word for one name among suggestions: "album"
    module: str
    is_by_hand: bool = False


class ValueFilter(NamedTuple):
    """A filter whose values are no names: any text, as `condition` understands it.

    `condition` names a function that is called with the `ConditionContext` and a value, and returns
    the SQL condition of a photo, a `SqlCondition` (both of `imgsearch.store.filters`). `read` names
    a function that makes a value of what was typed, and raises ValueError with a sentence; without
    it a value is the text. `write` names its inverse where values are no texts. `other_names` are
    names that other programs give the filter, which are read as well. `check` names a function that
    is called with the database and a value, and raises QueryError for one that finds nothing for a
    reason that its user should know, such as an unknown name. With `suggested_as`, the word for one
    value among suggestions, `suggested` names a function that returns its values: it is called with
    the database and the line that is typed. `choices` names one that is called with the database
    and returns the values with their numbers of photos (`imgsearch.records.browse.KindOfChoices`).
    `known` names one that is called with the `ConditionContext` and returns the condition that a
    photo has any value: without one, not even a negated filter finds it. `unknown` completes the
    sentence "3 photos …" about the photos without one, which an answer says.

    A filter that is no condition but changes the order of an answer has `reorders` in place of
    `condition`. It names a function that is called with the `SearchContext`, all filters of the
    query that name the same function, and the best photos as pairs of an id and a score; it returns
    their ids in the new order.
    """

    metavar: str
    meaning: str  # completes the sentence "Photos …"
    condition: str | None = None
    read: str | None = None
    write: str | None = None
    other_names: tuple[str, ...] = ()
    check: str | None = None
    suggested_as: str | None = None
    suggested: str | None = None
    choices: str | None = None
    known: str | None = None
    unknown: str | None = None
    reorders: str | None = None


class NarrowingValues(NamedTuple):
    """The values of a filter by which a long answer is narrowed, as in "Was it in the evening?".

    `values` names a function that is called with the database and the ids of some photos of the
    answer, and returns pairs of an id and a value, as it is typed: several for one photo, or none.
    `question` names one that is called with such a value and returns a question for yes or no.
    """

    values: str
    question: str


class PictureState(NamedTuple):
    """A value of the filter `is:`, such as "screenshot".

    `condition` names a function that is called with the `ConditionContext` and returns the SQL
    condition of a picture in this state. `words` are nouns that mean it in a query, where the
    library has such pictures: "screenshots of a chat". `unknown` names a function that is called
    with the context of a search (`SearchContext`) and yields a sentence, with the cure, where
    pictures were not looked at yet: an empty answer does not say then that there are none.
    """

    meaning: str  # completes the list of states in the help
    condition: str
    words: tuple[str, ...] = ()
    unknown: str | None = None


class NamedQuery(NamedTuple):
    """Names that stand for whole queries in a query line, as `saved:beach` does.

    Its module has two functions. `names(database)` returns all names, and `query(database, name)`
    the query, a `StoredQuery`; it raises QueryError for an unknown name. `looked` names a function
    that is called with what asks the library or its service (`imgsearch.service.api.Asking`) and
    the name, after a command has shown somebody the photos of that query alone.
    """

    metavar: str
    meaning: str  # completes the sentence "Photos …"
    suggested_as: str  # the kind of a suggested name
    title: str  # the words for one name
    module: str
    looked: str | None = None


class NamedDirection(NamedTuple):
    """Names that stand for directions among the vectors of photos, as `concept:max` does.

    Such a name is a term of a query, beside words and examples. `term` names its class, a subclass
    of `imgsearch.records.query.DirectionName`. Its module has two functions. `names(database)`
    returns all names, and `direction(database, encoder, name)` the direction that an encoder, an
    `EncoderRow`, has learned for one, a `CalibratedDirection` (`imgsearch.records.directions`); it
    raises QueryError for an unknown name.
    """

    suggested_as: str  # the kind of a suggested name
    term: str
    module: str


class Part(NamedTuple):
    """A part of a library, with the operations of the feature.

    `made_by` names its class, which is called with the open library (`imgsearch.opened.library`).
    """

    made_by: str


class Detail(NamedTuple):
    """A field of the details of a photo: its type, and the function that returns its value.

    A text names the type, which is loaded when it is first needed. The function is called with the
    open library and the id of the photo.
    """

    type: Any
    made_by: str


class Explained(NamedTuple):
    """A field of the explanation of a photo's rank: its type, a tuple, and two functions.

    `type` names the type, which loads when it is first needed. `made_by` names a function that
    returns the value: it is called with the context of a search, the query, the id of the photo and
    its vectors (`PhotoVectors`). `remarks` names one that is called with the value, and returns
    names and texts for people.
    """

    type: str
    made_by: str
    remarks: str


class FactFilter(NamedTuple):
    """A filter on a fact: "text" finds any part of it. `meaning` completes "Photos …"."""

    name: str
    kind: Literal["text", "number", "yes/no"]
    meaning: str


class StatedFact(NamedTuple):
    """A fact of a photo that a tag of EXIF states.

    `read` names a function that is called with the value of the tag, a text or a tuple of numbers,
    and returns a value of `type`, which is str, int, float or bool, or None for no fact. Libraries
    get a column for it, and it is unknown until the metadata of a photo is read again:
    `imgsearch index --metadata`. With a label, it is shown among the details of a photo.
    """

    type: type[str] | type[int] | type[float] | type[bool]
    meaning: str
    exif_tag: int
    read: str
    label: str | None = None
    filter: FactFilter | None = None


class InPacks(NamedTuple):
    """The share of a feature in packs.

    `title` says what a pack has of it: one thing, and several. Its module has four functions:
    `is_to_pack(store)` says whether a library has any; `copy(connection)` copies, from the attached
    database `library`, those with photos of the pack; `names(reader)` returns the names of those
    that a pack has; and `merge(store, reader)` adds them to a library and returns how many were
    added. With `from_vectors`, it is `merge(context, store, encoder, reader)`, with the context of
    an indexer and the row of its encoder: it is called once everything that is made of the vectors
    is up to date, and not at all in a library without an encoder. The tables are in
    `imgsearch.store.feature_rows`. In JSON it goes by `key`, or else by the name of the feature.
    """

    title: tuple[str, str]
    module: str
    key: str | None = None
    from_vectors: bool = False


class FeatureJob(NamedTuple):
    """A long job of a feature, by the name under which a library notes that it is not finished.

    `title` says what it does, and `consequence` completes the sentence that it was not finished, of
    a job that does not count the photos that are left. `command`, behind "imgsearch", goes on with
    it. Commands that show what it finds say that it is not finished: `shown_by`, or else that one.
    `told` names a function that is called with its report and returns numbers by name, for
    programs, and a sentence about them.

    A watcher goes on with the job in pieces, when there is nothing else to do. It has one of two
    functions for this. `steps` names one that is called with the context of an indexer and yields
    `Progress`, and takes no lock of the library in between. `backlog` names one that is called with
    the context and the unfinished job, and returns a `Backlog` (`imgsearch.indexer.backlogs`),
    whose steps write to the library. It is called with None as well: for what the settings ask a
    watcher to do with new photos, it returns another one, or None.
    """

    title: str
    command: str
    told: str
    consequence: str = ""
    shown_by: tuple[str, ...] = ()
    steps: str | None = None
    backlog: str | None = None


class WhileWatching(NamedTuple):
    """Actions of a feature while `imgsearch watch` runs, with options of its own.

    Its module has `HELP`, paragraphs for the help text of the command, and `EVENT`, the name of the
    events that it prints. `options(command)` adds the options to a command of click, without
    arguments. `running(library, print_event, notify, stop)` is a context manager around the watch:
    it provides a function that is called when the library has changed. `print_event` takes the name
    of an event and its values, of which `sentence(values)` makes one for a person.
    """

    module: str


class LineForm(NamedTuple):
    """Lines of a form of their own, such as "A ~> B": they are no query, and have their own answer.

    A word with its sign, the key, tells such a line from a query, which cannot have it: `cure`
    says what answers it. `reads` names a function that is called with any line, and returns it
    with its signs where it is of this form, perhaps in words only, and None otherwise; it loads
    little. `search` names a function that answers such a line in place of `imgsearch search`: it is
    called with the context of that command (`click.Context`) and the line as it was typed, after
    options that are for queries alone were refused. Where output is for programs, and with such
    options, lines without a sign are queries.
    """

    cure: str
    reads: str
    search: str


class Feature(NamedTuple):
    """The declaration of a feature. The keys of each field are the names that users see.

    The name of a fact has small letters, digits and an underscore: `white_balance`.
    `needs` are the features without which this one is left out. `taken` says, by table, why a
    change cannot be undone where a unique column has the value already, with the cure. `items`
    names the groups of items by which an archive shares what people make with the feature, in the
    order in which their rows refer to each other: see `imgsearch.items.base`.
    `examples` are lines for the help of commands of others, by command.
    `narrowing` has, by filter, the values by which long answers are narrowed, and `forms` has lines
    that are no queries, by their sign.
    `lacking` are values of the filter `no:`, such as "album", each with the name of a function that
    is called with the `ConditionContext` and returns the condition that a photo has none.
    `states` are values of the filter `is:`. `left_out` names a function that is called with the
    database and returns those whose pictures answers leave out, unless the query names the state,
    or what was put together by hand.
    `afterwards` names a function that yields sentences which `imgsearch search` prints for people
    after the first page of an answer, at a terminal: it is called with what asks the library or its
    service (`imgsearch.service.api.Asking`), the query, and the `Answer`.
    `methods` are those of a part that a library has as well, with the part. `rows` names a function
    that returns names and texts among the facts of a photo, and `cards` those that return the rows
    of a card below them, or none; they are called with the open library and the hit of the photo
    (`imgsearch.records.answer.Hit`). `remarks` names a function that yields sentences about a query
    for the first page of its answer: it is called at each search, with the `SearchContext` and the
    exact `Query`, so its module loads little. `own_words` names a
    function that is called with the database and returns words by which its user calls things.
    `after_indexing` names a function that brings up to date what is made of the vectors: it is
    called with the context of the indexer, the store and the row of the encoder. `taste` names a
    function that learns from the favourites of a library, for the order `sort:best`: it is called
    with the `Reads` of the library and the row of the encoder, and returns a `Taste`
    (`imgsearch.records.worth`). `after_faces`
    names one that follows faces from a pack or an archive: it is called with the store, and how
    many came, or None for any number. `daily` names a function that is called with the `Settings`
    of a library and `notify`: after an index, when a watch or a service begins, and each hour while
    one of them runs. It keeps note of what it has done today. `names_forgotten` names a function
    that is called with the data folder after the names of all people were deleted. `findings` names
    a function that `imgsearch doctor` calls with the `Settings` and the state of the database,
    "undamaged", "damaged" or "missing"; it returns `Finding`s (`imgsearch.records.status`). `page`
    names a function that returns its share in the web page, and `components` the package with its
    ES modules: see `ui.features`. `styles` are style sheets of it for components of the page, such
    as "viewer" and "shell". `exports` are the public names of the package `imgsearch`, by the
    module that defines them.
    """

    name: str
    needs: tuple[str, ...] = ()
    parts: Mapping[str, Part] = {}
    methods: Mapping[str, str] = {}
    commands: Mapping[str, ListedCommand] = {}
    examples: Mapping[str, tuple[str, ...]] = {}
    filters: Mapping[str, NamedFilter | ValueFilter] = {}
    queries: Mapping[str, NamedQuery] = {}
    directions: Mapping[str, NamedDirection] = {}
    narrowing: Mapping[str, NarrowingValues] = {}
    forms: Mapping[str, LineForm] = {}
    lacking: Mapping[str, str] = {}
    states: Mapping[str, PictureState] = {}
    left_out: str | None = None
    details: Mapping[str, Detail] = {}
    explained: Mapping[str, Explained] = {}
    rows: str | None = None
    cards: Mapping[str, str] = {}
    remarks: str | None = None
    afterwards: str | None = None
    facts: Mapping[str, StatedFact] = {}
    packs: InPacks | None = None
    taken: Mapping[str, str] = {}
    items: str | None = None
    after_indexing: str | None = None
    taste: str | None = None
    own_words: str | None = None
    after_faces: str | None = None
    daily: str | None = None
    names_forgotten: str | None = None
    findings: str | None = None
    watching: WhileWatching | None = None
    jobs: Mapping[str, FeatureJob] = {}
    page: str | None = None
    components: str | None = None
    styles: Mapping[str, str] = {}
    exports: Mapping[str, tuple[str, ...]] = {}


def load(named: str) -> Any:
    """Load a module, or a name of one: "package.module", "package.module:name".

    Raises MissingPackage where a module of another package does not load.
    """
    with plugin_errors(named, "does not load"):
        return _loaded(named)


def called(named: str) -> Any:
    """Load a function without arguments and return its result. Raises as `load` does."""
    with plugin_errors(named, "does not load"):
        return _loaded(named)()


def is_ours(named: str) -> bool:
    """Return whether a module is one of imgsearch itself, not of another package."""
    return named.partition(".")[0] == _OURS


def _loaded(named: str) -> Any:
    module, _, name = named.partition(":")
    loaded = import_module(module)  # waits for another thread that is loading it
    return getattr(loaded, name) if name else loaded


@contextmanager
def plugin_errors(named: str, problem: str = "failed") -> Iterator[None]:
    """Raise MissingPackage in place of any error of another package; `problem` is its verb.

    Errors of imgsearch itself, and MissingPackage, stay as they are.
    """
    try:
        yield
    except MissingPackage:
        raise
    except (Exception, SystemExit) as error:
        if is_ours(named):
            raise
        raise MissingPackage(
            f"{named}, a part of a plug-in, {problem} ({type(error).__name__}: {error}). "
            "Update its package, or remove it."
        ) from error
