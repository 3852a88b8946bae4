"""Writes `imgsearch/features/core_names.py`: the names that no feature may bring, from the code."""

from __future__ import annotations

from imgsearch import Library
from imgsearch.cli import COMMANDS
from imgsearch.features import installed
from imgsearch.language.fields import FIELDS, LACKING, OTHER_NAMES
from imgsearch.language.grammar import _EXAMPLES, _SETTINGS
from imgsearch.records.answer import Explanation, PhotoDetails
from imgsearch.records.photo import FACTS

_BEFORE = '''"""The names that the core has itself, so that no other feature takes them.

`make docs` writes this module from the code. The names are declared on floors above, but a feature
is refused before these are loaded.
"""

from __future__ import annotations

from collections.abc import Mapping

# By what has these names.
CORE_NAMES: Mapping[str, tuple[str, ...]] = {
'''


def core_names() -> str:
    """Return the text of the module."""
    of_fact_filters = {
        fact.filter.name for fact in installed.facts().values() if fact.filter is not None
    }
    names = {
        "command": COMMANDS.keys() - installed.commands().keys(),
        "filter": (FIELDS.keys() | OTHER_NAMES.keys() | {*_EXAMPLES, *_SETTINGS})
        - installed.filters().keys()
        - installed.queries().keys()
        - installed.directions().keys()
        - installed.other_filter_names().keys()
        - of_fact_filters,
        "part": {each for each in dir(Library) if not each.startswith("_")}
        - installed.parts().keys(),
        "detail": set(PhotoDetails.__struct_fields__),
        "explanation": set(Explanation.__struct_fields__),
        "fact": {fact.name for fact in FACTS} - installed.facts().keys(),
        "job": {"index"},
        "value of the filter no:": set(LACKING) - installed.lacking().keys(),
    }
    return _BEFORE + "".join(map(_entry, names, names.values())) + "}\n"


def _entry(what: str, names: set[str]) -> str:
    if len(names) == 1:  # as the formatter writes it
        return f'    "{what}": ("{next(iter(names))}",),\n'
    return (
        f'    "{what}": (\n'
        + "".join(f'        "{name}",\n' for name in sorted(names))
        + "    ),\n"
    )
