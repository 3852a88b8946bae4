"""The features of this installation: our own, and those of other installed packages.

The core of imgsearch names no feature. It asks here for what they bring.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib import import_module
from typing import TypeGuard, TypeVar

from imgsearch.errors import MissingPackage
from imgsearch.features.core_names import CORE_NAMES
from imgsearch.features.declared import (
    Detail,
    Explained,
    Feature,
    FeatureJob,
    InPacks,
    LineForm,
    ListedCommand,
    NamedDirection,
    NamedFilter,
    NamedQuery,
    NarrowingValues,
    Part,
    PictureState,
    StatedFact,
    ValueFilter,
    WhileWatching,
    called,
)
from imgsearch.plugins import (
    entry_points_of,
    is_named_by_a_package,
    load_plugin,
    plugin_named,
)

# Our own: the folders of this package, in the order in which users see what they bring.
OWN = (
    *("albums", "assistant", "backup", "corrections", "concepts", "places", "events", "imports"),
    *("meaning", "people"),
    "duplicates",
    *("labels", "saved", "strips", "terminal", "text", "when", "around", "sequences", "ask"),
    *("feedback", "kinds", "narrowing", "scripts", "vectors", "wall"),
)
GROUP = "imgsearch.features"  # of the entry points of other packages

_Brought = TypeVar("_Brought")
# The names of facts are columns of the table `photos`; those of packs that begin with `mark_` are
# marks. No keyword of SQL has an underscore, but for these three.
_FACT_NAME = re.compile(r"(?!mark_)[a-z][a-z0-9]*(_[a-z0-9]+)+")
_COLUMNS = frozenset(
    {
        *("current_date", "current_time", "current_timestamp"),
        *("content_hash", "size_bytes", "added_at", "facts_at", "gone_at"),
    }
)


@cache
def features() -> Mapping[str, Feature]:
    """Return the features by name, our own first."""
    return _read()[0]


def feature_problems() -> tuple[str, ...]:
    """Return a sentence for each feature of another package that is left out."""
    return _read()[1]


def absent() -> tuple[str, ...]:
    """Return the names of our own features that this installation lacks."""
    return tuple(name for name in OWN if name not in features())


@cache
def _read() -> tuple[Mapping[str, Feature], tuple[str, ...]]:
    found = {name: feature for name in OWN if (feature := _own(name)) is not None}
    problems: list[str] = []
    if is_named_by_a_package(GROUP):
        for name in entry_points_of(GROUP):
            try:
                found[name] = _of_package(name, found)
            except MissingPackage as error:
                problems.append(str(error))
    while lacking := list(_lacking(found)):
        for name, needed in lacking:
            if name not in OWN:  # an installation without one of ours is whole without the other
                problems.append(f"The feature {name} needs the feature {needed}, which is missing.")
            found.pop(name, None)
    return found, tuple(problems)


def _own(name: str) -> Feature | None:
    """Return the declaration in a folder; None where an installation has no such folder."""
    module = f"{__package__}.{name}"
    try:
        feature: Feature = import_module(module).FEATURE
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        return None
    return feature


def _of_package(name: str, known: Mapping[str, Feature]) -> Feature:
    """Return the declaration of another package.

    Raises MissingPackage where it does not load, is none, or brings what another feature has.
    """
    if name in OWN:
        raise MissingPackage(
            f"{plugin_named(GROUP, name)} has the name of one of our own features. It is left out. "
            "Update its package, or remove it."
        )
    feature = load_plugin(GROUP, name, "the declaration of a feature, a `Feature`", _is_feature)
    wrong = [each for each in feature.facts if not _FACT_NAME.fullmatch(each) or each in _COLUMNS]
    if wrong:
        raise MissingPackage(
            f"{plugin_named(GROUP, name)} has a fact {wrong[0]!r}, which cannot be its name: it "
            "needs small letters, digits and an underscore, and may not be that of another column. "
            "The feature is left out. Update its package, or remove it."
        )
    if idle := [each for each, declared in feature.filters.items() if _does_nothing(declared)]:
        raise MissingPackage(
            f"{plugin_named(GROUP, name)} has a filter {idle[0]!r} with neither a condition nor an "
            "order, so it would find all photos. The feature is left out. Update its package, or "
            "remove it."
        )
    for what, brought in _NAMED.items():
        names = brought(feature).keys()
        taken = sorted(names & set(CORE_NAMES.get(what, ())))
        if taken:
            raise MissingPackage(
                f"{plugin_named(GROUP, name)} brings the {what} {taken[0]!r}, which imgsearch has "
                "itself. The feature is left out. Update its package, or remove it."
            )
        for other in known.values():
            twice = sorted(names & brought(other).keys())
            if twice:
                raise MissingPackage(
                    f"{plugin_named(GROUP, name)} brings the {what} {twice[0]!r}, which the "
                    f"feature {other.name} has already, so it is left out. Remove one of the two."
                )
    return feature


def _does_nothing(declared: NamedFilter | ValueFilter) -> bool:
    return (
        isinstance(declared, ValueFilter)
        and declared.condition is None
        and declared.reorders is None
    )


def _is_feature(value: object) -> TypeGuard[Feature]:
    return isinstance(value, Feature)


def _lacking(found: Mapping[str, Feature]) -> Iterator[tuple[str, str]]:
    for name, feature in found.items():
        for needed in feature.needs:
            if needed not in found:
                yield name, needed


# ------------------------------------------------------------------------- what they bring


def commands() -> dict[str, ListedCommand]:
    """Return the commands of all features by name."""
    return _all(_commands)


def examples(command: str) -> tuple[str, ...]:
    """Return the lines that features add to the examples in the help of a command."""
    return tuple(
        line for feature in features().values() for line in feature.examples.get(command, ())
    )


def filters() -> dict[str, NamedFilter | ValueFilter]:
    """Return the filters of all features by name."""
    return _all(_filters)


def named_filters() -> dict[str, NamedFilter]:
    """Return the filters whose values are names that people have given, by name."""
    return {name: each for name, each in filters().items() if isinstance(each, NamedFilter)}


def suggested_filters() -> dict[str, ValueFilter]:
    """Return the filters of which values are suggested, though these are no names."""
    return {
        name: each
        for name, each in filters().items()
        if isinstance(each, ValueFilter) and each.suggested is not None
    }


def reorders() -> dict[str, str]:
    """Return the filters that reorder an answer, with their functions: see `ValueFilter`."""
    return {
        name: each.reorders
        for name, each in filters().items()
        if isinstance(each, ValueFilter) and each.reorders is not None
    }


def choices() -> tuple[str, ...]:
    """Return the names of functions that return values to filter by: see `ValueFilter`."""
    values = (each for each in filters().values() if isinstance(each, ValueFilter))
    return tuple(each.choices for each in values if each.choices is not None)


def other_filter_names() -> dict[str, str]:
    """Return names that other programs give to filters of features, and these filters."""
    return {
        other: name
        for name, each in filters().items()
        if isinstance(each, ValueFilter)
        for other in each.other_names
    }


def lacking() -> dict[str, str]:
    """Return values of the filter `no:` of features, with their functions: see `Feature`."""
    return _all(_lacking_values)


def states() -> dict[str, PictureState]:
    """Return values of the filter `is:` of features, by the value."""
    return _all(_states)


def left_out() -> tuple[str, ...]:
    """Return the names of functions that return states: see `Feature.left_out`."""
    return _each(lambda feature: feature.left_out)


def narrowing() -> dict[str, NarrowingValues]:
    """Return the values of features by which long answers are narrowed, by filter."""
    return _all(_narrowing)


def forms() -> dict[str, LineForm]:
    """Return the lines that are no queries, of all features, by their sign."""
    return _all(_forms)


def queries() -> dict[str, NamedQuery]:
    """Return the names that stand for queries, of all features."""
    return _all(_queries)


def directions() -> dict[str, NamedDirection]:
    """Return the names that stand for directions among vectors, of all features."""
    return _all(_directions)


def parts() -> dict[str, Part]:
    """Return the parts of a library that features bring, by name."""
    return _all(_parts)


def methods() -> dict[str, str]:
    """Return methods of parts that a library has as well, with the name of the part."""
    return _all(lambda feature: feature.methods)


def details() -> dict[str, Detail]:
    """Return the fields that features add to the details of a photo."""
    return _all(_details)


def rows() -> tuple[str, ...]:
    """Return the names of functions with more facts of a photo: see `Feature.rows`."""
    return _each(lambda feature: feature.rows)


def remarks() -> tuple[str, ...]:
    """Return the names of functions with remarks about a query: see `Feature.remarks`."""
    return _each(lambda feature: feature.remarks)


def afterwards() -> tuple[str, ...]:
    """Return the names of functions with sentences after an answer: see `Feature.afterwards`."""
    return _each(lambda feature: feature.afterwards)


def cards() -> tuple[tuple[str, str], ...]:
    """Return the titles of cards about a photo, with their functions: see `Feature.cards`."""
    return tuple(each for feature in features().values() for each in feature.cards.items())


def explained() -> dict[str, Explained]:
    """Return the fields that features add to the explanation of a photo's rank."""
    return _all(_explained)


def facts() -> dict[str, StatedFact]:
    """Return the facts that features read, by name."""
    return _all(_facts)


def taken() -> dict[str, str]:
    """Return, by table, why a change cannot be undone where a name in it is taken."""
    return _all(lambda feature: feature.taken)


def items() -> tuple[str, ...]:
    """Return the names of the groups of items of features: see `Feature.items`."""
    return _each(lambda feature: feature.items)


def after_indexing() -> dict[str, str]:
    """Return the functions that follow the vectors, by feature: see `Feature.after_indexing`."""
    return {
        name: feature.after_indexing
        for name, feature in features().items()
        if feature.after_indexing is not None
    }


def taste() -> str | None:
    """Return the name of the function that learns from favourites: that of the first feature."""
    return next(iter(_each(lambda feature: feature.taste)), None)


def after_faces() -> tuple[str, ...]:
    """Return the names of functions that follow faces: see `Feature.after_faces`."""
    return _each(lambda feature: feature.after_faces)


def daily() -> tuple[str, ...]:
    """Return the names of functions that look after a library each day: see `Feature.daily`."""
    return _each(lambda feature: feature.daily)


def names_forgotten() -> tuple[str, ...]:
    """Return the names of functions that follow when all names of people were deleted."""
    return _each(lambda feature: feature.names_forgotten)


def findings() -> tuple[str, ...]:
    """Return the names of functions with findings of `imgsearch doctor`: see `Feature`."""
    return _each(lambda feature: feature.findings)


def watching() -> tuple[WhileWatching, ...]:
    """Return what features do while a watch runs."""
    return _each(lambda feature: feature.watching)


def jobs() -> dict[str, FeatureJob]:
    """Return the long jobs of all features by name."""
    return _all(_jobs)


def own_words() -> tuple[str, ...]:
    """Return the names of functions that return words of the user: see `Feature.own_words`."""
    return _each(lambda feature: feature.own_words)


def packs() -> dict[str, InPacks]:
    """Return the shares of features in packs, by feature."""
    return {
        name: feature.packs for name, feature in features().items() if feature.packs is not None
    }


def exports() -> dict[str, str]:
    """Return the modules of the public names that features bring, by name."""
    return {
        name: module
        for feature in features().values()
        for module, names in feature.exports.items()
        for name in names
    }


def page_parts() -> tuple[tuple[object, ...], tuple[str, ...]]:
    """Return the shares of features in the web page, and a sentence for each that does not load.

    See `ui.features`.
    """
    loaded: list[object] = []
    sentences: list[str] = []
    for feature in features().values():
        if feature.page is not None:
            try:
                loaded.append(called(feature.page))
            except MissingPackage as error:
                sentences.append(str(error))
    return tuple(loaded), tuple(sentences)


def component_packages() -> tuple[str, ...]:
    """Return the packages with a folder `components` of ES modules."""
    return _each(lambda feature: feature.components)


def component_styles(component: str) -> tuple[str, ...]:
    """Return the style sheets of features for a component of the page: see `Feature.styles`."""
    return _each(lambda feature: feature.styles.get(component))


def _each(brought: Callable[[Feature], _Brought | None]) -> tuple[_Brought, ...]:
    """Return what each feature brings of one kind, of those that bring it."""
    found = (brought(feature) for feature in features().values())
    return tuple(each for each in found if each is not None)


def _all(brought: Callable[[Feature], Mapping[str, _Brought]]) -> dict[str, _Brought]:
    return {
        name: each for feature in features().values() for name, each in brought(feature).items()
    }


def _commands(feature: Feature) -> Mapping[str, ListedCommand]:
    return feature.commands


def _filters(feature: Feature) -> Mapping[str, NamedFilter | ValueFilter]:
    return feature.filters


def _queries(feature: Feature) -> Mapping[str, NamedQuery]:
    return feature.queries


def _narrowing(feature: Feature) -> Mapping[str, NarrowingValues]:
    return feature.narrowing


def _forms(feature: Feature) -> Mapping[str, LineForm]:
    return feature.forms


def _directions(feature: Feature) -> Mapping[str, NamedDirection]:
    return feature.directions


def _parts(feature: Feature) -> Mapping[str, Part]:
    return feature.parts


def _facts(feature: Feature) -> Mapping[str, StatedFact]:
    return feature.facts


def _filter_names(feature: Feature) -> Mapping[str, object]:
    of_facts = (fact.filter for fact in feature.facts.values())
    values = (each for each in feature.filters.values() if isinstance(each, ValueFilter))
    return {
        **feature.filters,
        **feature.queries,
        **feature.directions,
        **{each.name: each for each in of_facts if each is not None},
        **{name: each for each in values for name in each.other_names},
    }


def _lacking_values(feature: Feature) -> Mapping[str, str]:
    return feature.lacking


def _states(feature: Feature) -> Mapping[str, PictureState]:
    return feature.states


def _jobs(feature: Feature) -> Mapping[str, FeatureJob]:
    return feature.jobs


def _details(feature: Feature) -> Mapping[str, Detail]:
    return feature.details


def _explained(feature: Feature) -> Mapping[str, Explained]:
    return feature.explained


# What is named in a feature, by what it is: each of these names is given once.
_NAMED: Mapping[str, Callable[[Feature], Mapping[str, object]]] = {
    "command": _commands,
    "filter": _filter_names,
    "part": _parts,
    "detail": _details,
    "explanation": _explained,
    "fact": _facts,
    "job": _jobs,
    "form of a line": _forms,
    "value of the filter no:": _lacking_values,
    "value of the filter is:": _states,
}
