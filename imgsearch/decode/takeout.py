"""Reads the JSON file that Google Takeout puts beside each photo of Google Photos.

Its name is that of the photo and ".json", since 2024 with ".supplemental-metadata" between them.
Takeout cuts the name before ".json" off at 46 characters, adds the number of a photo "IMG(1).jpg"
at the end, "IMG.jpg(1).json", and has no JSON of its own for an edited copy.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from imgsearch.decode.metadata import MetadataSource, clean_text, merge_texts

SUFFIX = ".json"
MAX_BYTES = 1 << 20  # they have about 1,000 bytes
_MAX_NAME_LENGTH = 46  # characters before ".json"
_INFIX = ".supplemental-metadata"
_NUMBERED = re.compile(r"(.+)(\(\d{1,4}\))(\.[^.]+)$")
# What Google adds to the name of an edited copy, in the language of the account.
_EDITED = re.compile(
    r"-(?:edited|effects|bearbeitet|modifié|modificato|editado|editada|bewerkt|redigeret|redigerad|"
    r"redigert|edytowane|upraveno|muokattu|изменено|düzenlendi|編集済み|已修改|수정됨)$"
)
_NEARLY_A_DAY = timedelta(hours=26)  # the widest difference between two time zones


def json_names(photo: str) -> tuple[str, ...]:
    """Return the names that the JSON file of such a photo may have, in order of precedence."""
    names: dict[str, None] = {}
    for name, number in _originals(photo):
        names[f"{(name + _INFIX)[:_MAX_NAME_LENGTH]}{number}{SUFFIX}"] = None
        names[f"{name[:_MAX_NAME_LENGTH]}{number}{SUFFIX}"] = None
    stem, dot, _ = photo.rpartition(".")
    if dot and stem:
        names[stem + SUFFIX] = None  # of a photo that had no suffix in Google Photos
    return tuple(names)


def _originals(photo: str) -> Iterator[tuple[str, str]]:
    """Yield the names under which Google Photos may know a file, and the number after them."""
    yield photo, ""
    name, number = photo, ""
    if (numbered := _NUMBERED.match(photo)) is not None:
        name, number = numbered[1] + numbered[3], numbered[2]
        yield name, number
    stem, dot, suffix = name.rpartition(".")
    original = _EDITED.sub("", stem)
    if dot and original != stem:
        yield f"{original}.{suffix}", number


def read_json(
    text: bytes, source_name: str, photo: str, dated: datetime | None
) -> MetadataSource | None:
    """Return the facts in a JSON file of Takeout about a photo of this name. Never raises.

    None if it is no such file, or is about another photo whose name is cut off in the same way.
    `dated` is the date that the photo itself states, which is the camera's local time. Google's is
    in UTC, so it counts only where there is none, or where they differ by more than a day: then a
    person has corrected it.
    """
    if len(text) > MAX_BYTES:
        return None
    try:
        form = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(form, dict) or not form.keys() & {"photoTakenTime", "geoData", "people"}:
        return None
    title = form.get("title")
    if isinstance(title, str) and not _is_name_of(title, photo):
        return None
    taken_at = _moment(form.get("photoTakenTime"))
    if taken_at is not None and dated is not None and _are_near(taken_at, dated):
        taken_at = None
    lat, lon = _position(form.get("geoData"), form.get("geoDataExif"))
    description = form.get("description")
    return MetadataSource(
        source_name,
        {
            "taken_at": taken_at,
            "lat": lat,
            "lon": lon,
            "description": clean_text(description) if isinstance(description, str) else None,
            "people": merge_texts(list(_names(form.get("people")))),
        },
    )


def _is_name_of(title: str, photo: str) -> bool:
    """Return whether a photo of this title can have this file name.

    Takeout cuts names and replaces signs.

    Only a name that the name of its JSON file has not in full can be mistaken for another.
    """
    if len(photo) <= _MAX_NAME_LENGTH:
        return True
    stems = (name.rpartition(".")[0] for name, _ in _originals(photo))
    return any(_letters(title).startswith(_letters(stem)) for stem in stems)


def _letters(name: str) -> str:
    return re.sub(r"\W", "_", name.casefold())


def _moment(value: object) -> datetime | None:
    """Return a time in UTC; None for 0, which stands for none."""
    timestamp = value.get("timestamp") if isinstance(value, Mapping) else None
    with suppress(ValueError, TypeError, OverflowError, OSError):
        seconds = int(timestamp)  # type: ignore[arg-type]  # anything, as a text or a number
        return datetime.fromtimestamp(seconds, UTC) if seconds else None
    return None


def _are_near(taken_at: datetime, dated: datetime) -> bool:
    """Return whether two dates may be the same moment; one may be in an unknown time zone."""
    utc = dated.astimezone(UTC) if dated.tzinfo else dated.replace(tzinfo=UTC)
    return abs(taken_at - utc) <= _NEARLY_A_DAY


def _position(*values: object) -> tuple[object, object]:
    """Return latitude and longitude of the first that has any; 0,0 stands for none."""
    for value in values:
        if isinstance(value, Mapping):
            lat, lon = value.get("latitude"), value.get("longitude")
            if (lat, lon) not in ((0, 0), (None, None)):
                return lat, lon
    return None, None


def _names(people: object) -> Iterator[str]:
    for person in people if isinstance(people, list) else ():
        name = person.get("name") if isinstance(person, Mapping) else None
        if isinstance(name, str):
            yield name
