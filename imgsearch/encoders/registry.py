"""The registry of encoder kinds, which finds the encoder for a name.

A name is `lite`, `openclip:ARCH/PRETRAINED`, or a form that another kind defines: one that this
process registered, or a plug-in of an installed package. A kind is imported when one of its names
is first used, so a query with one kind loads nothing of the other.
"""

from __future__ import annotations

import importlib
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeGuard, cast

from msgspec import Struct

from imgsearch.encoders.base import Encoder, EncoderKind, Int8Option, Notify
from imgsearch.encoders.guarded import guarded
from imgsearch.errors import CommandLine, MissingPackage, Sentence, UsageError
from imgsearch.plugins import (
    ENCODERS,
    entry_points_of,
    load_plugin,
    plugin_named,
    unreadable_lists,
)

if TYPE_CHECKING:
    from imgsearch.progress import OnDownload
    from imgsearch.records.index import EncoderRow
    from imgsearch.records.status import EncoderInfo

AUTO = "auto"
MEANWHILE = "lite"  # the encoder of a new library until the chosen one is on this machine
_MAX_NEAR = 3  # names in the message about an unknown one
_CHANGE = Sentence(
    "Change it with --encoder NAME; `", CommandLine("encoders"), "` lists the names."
)

_BUILT_IN = {  # prefix: the module whose KIND it is
    "lite": "imgsearch.encoders.lite.kind",
    "openclip": "imgsearch.encoders.openclip.kind",
}
_registered: dict[str, EncoderKind] = {}
_PREFIX = re.compile(r"[\w-]*", re.ASCII)


class EncoderChoice(Struct, frozen=True):
    """The encoder to use, and one line that says which, why, and how to change it."""

    name: str
    why: str


# ---------------------------------------------------------------------------- kinds


def register(kind: EncoderKind) -> None:
    """Make a kind of encoder known to this process, before a library that uses it is opened.

    Raises ValueError for a prefix that is taken or has characters that are not allowed.
    """
    if not kind.prefix or not _PREFIX.fullmatch(kind.prefix):
        raise ValueError(f"{kind.prefix!r} is not a prefix: use letters, digits, '-' and '_'.")
    if kind.prefix == AUTO or kind.prefix in _BUILT_IN or kind.prefix in _registered:
        raise ValueError(
            f"The prefix {kind.prefix!r} is taken by another kind of encoder. Choose another one."
        )
    _registered[kind.prefix] = kind


def unregister(prefix: str) -> None:
    """Undo `register`."""
    del _registered[prefix]


def registered_prefixes() -> tuple[str, ...]:
    """Return the prefixes of kinds from outside: names of what they keep in the cache begin so."""
    return (*_registered, *entry_points_of(ENCODERS))


def kinds() -> tuple[EncoderKind, ...]:
    """Return all kinds: the built-in ones, the plug-ins, then the registered ones in their order.

    Plug-ins that do not work are left out: see `plugin_problems`.
    """
    return (
        *(_built_in(prefix) for prefix in _BUILT_IN),
        *_plugins()[0],
        *_registered.values(),
    )


def plugin_problems() -> tuple[str, ...]:
    """Return a sentence for each broken plug-in, and each package that may have some."""
    return (*_plugins()[1], *unreadable_lists())


def _plugins() -> tuple[list[EncoderKind], list[str]]:
    """Return the kinds of plug-ins that list their encoders, and what is wrong with others."""
    working, problems = [], []
    for name in sorted(entry_points_of(ENCODERS).keys() - _BUILT_IN.keys() - _registered.keys()):
        try:
            kind = _plugin(name)
            kind.choices()
        except MissingPackage as error:
            problems.append(str(error))
        else:
            working.append(kind)
    return working, problems


def kind_of(name_or_id: str) -> EncoderKind | None:
    """Return the kind of an encoder with this name or id; None if no kind has its prefix.

    Raises MissingPackage for a plug-in that does not load.
    """
    match = _PREFIX.match(name_or_id)
    prefix = match[0] if match else ""
    if prefix in _BUILT_IN:
        return _built_in(prefix)
    if prefix in _registered:
        return _registered[prefix]
    return _plugin(prefix) if prefix in entry_points_of(ENCODERS) else None


@cache
def _plugin(prefix: str) -> EncoderKind:
    def is_kind(loaded: object) -> TypeGuard[EncoderKind]:
        return isinstance(loaded, EncoderKind) and loaded.prefix == prefix

    kind = load_plugin(ENCODERS, prefix, f"an EncoderKind with the prefix {prefix!r}", is_kind)
    return guarded(kind, plugin_named(ENCODERS, prefix))


def _built_in(prefix: str) -> EncoderKind:
    return cast(EncoderKind, importlib.import_module(_BUILT_IN[prefix]).KIND)


# ---------------------------------------------------------------------------- encoders


def open_encoder(
    name: str,
    cache_dir: Path,
    device: str = AUTO,
    on_download: OnDownload | None = None,
    batch_size: int = 0,
) -> Encoder:
    """Open the encoder with this name; its weights are downloaded if necessary.

    `auto` is resolved as by `choose`. Exports and other caches are stored in `cache_dir`. `device`
    is auto, cpu, cuda, cuda:1 or mps. `on_download` is called for each download: with its size
    first, then with its progress. `batch_size` is the number of photos that the model takes at
    once; 0 chooses the fastest. Raises UsageError for an unknown name, EncoderUnavailable if
    weights are not on this machine and cannot be downloaded, EncoderError if they cannot be used.
    """
    name = choose(name, device).name
    return _known_kind(name).open(name, cache_dir, device, on_download, batch_size)


def name_of(encoder_id: str) -> str:
    """Return the name of the encoder with this id. Raises UsageError if no kind has its prefix."""
    kind = kind_of(encoder_id)
    if kind is None:
        match = _PREFIX.match(encoder_id)
        prefix = match[0] if match else ""
        raise UsageError(
            Sentence(
                f"The library was made with {encoder_id}, an encoder this imgsearch does not "
                f"have. Install the package that brings the encoders {prefix!r} again, or "
                "embed the photos with another one: ",
                CommandLine("rebuild --encoder lite"),
            )
        )
    return kind.name_of(encoder_id)


def dim_of(encoder_id: str) -> int | None:
    """Return the length of the vectors of the encoder with this id; None if it is unknown here."""
    kind = kind_of(encoder_id)
    if kind is None:
        return None
    name = kind.name_of(encoder_id)
    return next((choice.dim for choice in kind.choices() if choice.name == name), None)


def name_in_library(row: EncoderRow) -> str:
    """Return the unique name of a stored encoder in its library.

    It follows from the id: the name in the row may stand for a later version of an encoder.
    """
    kind = kind_of(row.encoder_id)
    return row.name if kind is None else kind.name_of(row.encoder_id)


def verify(name: str) -> None:
    """Read the local weights of an encoder. Raises EncoderError if they are damaged."""
    _known_kind(name).verify(name)


def satisfies(name: str, requested: str) -> bool:
    """Return whether the encoder `name` of a library satisfies a request for `requested`."""
    kind = kind_of(requested)
    return name in (kind.names(requested) if kind else (requested,))


def stored_names(requested: str) -> tuple[str, ...]:
    """Return the names that a library may store for the requested encoder, the default first."""
    return _known_kind(requested).names(requested)


def stored_name(requested: str) -> str:
    """Return the name that a library stores for the requested encoder."""
    return _known_kind(requested).names(requested)[0]


def int8_option(requested: str, device: str) -> Int8Option | None:
    """Return the int8 variant that a trial on `device` may favour over `requested`, if any."""
    return _known_kind(requested).int8(requested, device)


def is_here(name: str, cache_dir: Path) -> bool:
    """Return whether the encoder with this name can be opened without a download.

    Raises MissingPackage where a package is missing for it.
    """
    return _known_kind(name).is_here(name, cache_dir)


def info_of(name: str) -> EncoderInfo | None:
    """Return the entry of an encoder among those to choose from; None if it is not there."""
    return next((each for each in encoder_choices() if satisfies(each.name, name)), None)


def encoder_choices() -> tuple[EncoderInfo, ...]:
    """Return the recommended encoders, `lite` first, from the disk without the network."""
    return tuple(choice for kind in kinds() for choice in kind.choices())


def choose(
    name: str = AUTO, device: str = AUTO, notify: Notify = lambda sentence: None
) -> EncoderChoice:
    """Return the encoder that `name` stands for. Raises UsageError for an unknown name.

    `notify` is called with a sentence before a request to the network, which only `auto` makes,
    and about a plug-in that does not work and might have been recommended.

    `auto` takes the recommendation of the last registered kind that has one; `lite`, the first,
    always has one.
    """
    if name == AUTO:
        return _auto(device, notify)
    _known_kind(name).check(name)
    return EncoderChoice(name, Sentence(f"Encoder {name}, as requested. ", _CHANGE))


def _auto(device: str, notify: Notify) -> EncoderChoice:
    for problem in plugin_problems():
        notify(problem)
    reasons: list[str] = []
    for kind in reversed(kinds()):
        if kind.recommend is not None:
            recommendation = kind.recommend(device, notify)
            reasons.insert(0, recommendation.reason)
            if recommendation.name is not None:
                name = recommendation.name
                why = [part for reason in reasons for part in (reason, "; ")][:-1]
                return EncoderChoice(name, Sentence(f"Encoder {name}: ", *why, ". ", _CHANGE))
    raise AssertionError("`lite` has no recommendation")


def _known_kind(name: str) -> EncoderKind:
    kind = kind_of(name)
    if kind is not None:
        return kind
    import difflib

    names = [AUTO, *(choice.name for choice in encoder_choices())]
    parts = [each for each in names if name and name.casefold() in each.casefold()]
    variants = [name, *(f"{kind.prefix}:{name}" for kind in kinds())]
    matches = (
        difflib.get_close_matches(variant, names, n=_MAX_NEAR, cutoff=0.3) for variant in variants
    )
    near = parts[:_MAX_NEAR] or next(filter(None, matches), [])
    hint = f"Did you mean {' or '.join(near)}? " if near else ""
    formats = " or ".join(kind.name_format or kind.prefix for kind in kinds())
    raise UsageError(
        Sentence(
            f"Unknown encoder {name!r}. {hint}`",
            CommandLine("encoders"),
            f"` lists the choices; a name is written {formats}.",
        )
    )
