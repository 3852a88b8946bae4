"""Changes the date and the place in an XMP packet, and nothing else.

A date is written as Exif's and Photoshop's, which digiKam, darktable and Lightroom read; a place as
Exif's coordinates, with the names of its town, region and country (XMP specification, part 2,
sections 3.2 and 3.3 of 2016).
"""

from __future__ import annotations

from datetime import datetime

from imgsearch.decode.xmp import read_xmp
from imgsearch.decode.xmp_edit import (
    EXIF,
    PHOTOSHOP,
    CannotEdit,
    Name,
    new_packet_with,
    stated_in,
    with_properties,
)
from imgsearch.features.corrections.records import Correction
from imgsearch.records.named_point import NamedPoint
from imgsearch.records.photo import DatePrecision

_DATES = ((EXIF, "DateTimeOriginal"), (PHOTOSHOP, "DateCreated"))
_LATITUDE, _LONGITUDE = (EXIF, "GPSLatitude"), (EXIF, "GPSLongitude")
# Apple Photos has the letter in a property of its own.
_LATITUDE_LETTER, _LONGITUDE_LETTER = (EXIF, "GPSLatitudeRef"), (EXIF, "GPSLongitudeRef")
_NAMES = {
    "town": (PHOTOSHOP, "City"),
    "region": (PHOTOSHOP, "State"),
    "country": (PHOTOSHOP, "Country"),
}


def new_packet_of_correction(correction: Correction) -> bytes:
    """Return a packet that states nothing but this date and place."""
    return new_packet_with(_properties(correction))


def with_correction(packet: bytes, correction: Correction) -> bytes:
    """Return the packet with this date and place in place of those that it states, or in addition.

    Names of another place are emptied where this one has none. The packet is returned as it is if
    it states them already. Raises CannotEdit for a packet that is too large, not UTF-8 or not XMP,
    and where the result would not state exactly the same as before but for the date and the place.
    """
    values = _properties(correction)
    stated = dict(read_xmp(packet).facts)
    if correction.taken_at is not None:
        stated.pop("date_precision", None)  # that of the date before
    wanted = {**stated, **read_xmp(new_packet_of_correction(correction)).facts}
    place = correction.place
    if place is not None:
        letters = {_LATITUDE_LETTER: _letter(place.lat, "NS")}
        letters[_LONGITUDE_LETTER] = _letter(place.lon, "EW")
        values |= {name: letters[name] for name in stated_in(packet, letters)}
        unknown = {fact: name for fact, name in _NAMES.items() if name not in values}
        values |= dict.fromkeys(stated_in(packet, unknown.values()), "")
        wanted = {fact: value for fact, value in wanted.items() if fact not in unknown}
    after = with_properties(packet, values)
    if read_xmp(after).facts != wanted:
        raise CannotEdit("the date and the place in it cannot be changed without changing more")
    return after


def _properties(correction: Correction) -> dict[Name, str]:
    values: dict[Name, str] = {}
    if correction.taken_at is not None:
        values |= dict.fromkeys(_DATES, _date(correction.taken_at, correction.date_precision))
    if correction.place is not None:
        values |= _place(correction.place)
    return values


def _date(taken_at: datetime, precision: DatePrecision | None) -> str:
    """Return the date as exact as it is known.

    XMP has no seasons: theirs is the month it begins with.
    """
    text = taken_at.replace(tzinfo=None).isoformat(timespec="seconds")
    lengths = {"year": 4, "season": 7, "month": 7, "day": 10}
    return text if precision is None else text[: lengths[precision]]


def _place(place: NamedPoint) -> dict[Name, str]:
    names = {name: getattr(place, fact) for fact, name in _NAMES.items()}
    return {
        _LATITUDE: _coordinate(place.lat, "NS"),
        _LONGITUDE: _coordinate(place.lon, "EW"),
        **{name: text for name, text in names.items() if text},
    }


def _coordinate(degrees: float, signs: str) -> str:
    """Return degrees and minutes, "38,43.320000N": to a fifth of a centimetre."""
    # Rounded before it is split, so that there are never 60 minutes.
    whole, millionths = divmod(round(abs(degrees) * 60e6), 60_000_000)
    return f"{whole},{millionths / 1e6:.6f}{_letter(degrees, signs)}"


def _letter(degrees: float, signs: str) -> str:
    return signs[degrees < 0]
