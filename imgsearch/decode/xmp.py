"""Reads XMP, the metadata that programs write into photos or files beside them.

XMP is RDF in XML (ISO 16684-1). Simple properties, lists of them and named faces are read. A packet
that declares a document type is refused: XMP has none, and XML bombs are made of its entities.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from xml.parsers import expat

from imgsearch.decode.metadata import (
    MetadataSource,
    camera_name,
    clean_text,
    merge_texts,
    partial_date,
    written_datetime,
)
from imgsearch.records.photo import DatePrecision

MAX_PACKET_BYTES = 4 << 20

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns# "
_DESCRIPTION, _ITEM = _RDF + "Description", _RDF + "li"
_LISTS = {_RDF + kind for kind in ("Bag", "Seq", "Alt")}
_XMP = "http://ns.adobe.com/xap/1.0/ "
_EXIF = "http://ns.adobe.com/exif/1.0/ "
_TIFF = "http://ns.adobe.com/tiff/1.0/ "
_DATES = (  # the first with a date that exists counts
    _EXIF + "DateTimeOriginal",
    "http://ns.adobe.com/photoshop/1.0/ DateCreated",
    _EXIF + "DateTimeDigitized",
    _XMP + "CreateDate",
)
_LENSES = ("http://cipa.jp/exif/1.0/ LensModel", "http://ns.adobe.com/exif/1.0/aux/ Lens")
_ISO = (_EXIF + "ISOSpeedRatings", "http://cipa.jp/exif/1.0/ PhotographicSensitivity")
_FLASH, _FIRED = _EXIF + "Flash", _EXIF + "Fired"
_BOOLEANS = {"true": True, "false": False}
_KEYWORDS = (
    "http://ns.adobe.com/lightroom/1.0/ hierarchicalSubject",  # A|B|C
    "http://www.digikam.org/ns/1.0/ TagsList",  # A/B/C
    "http://purl.org/dc/elements/1.1/ subject",
)
_DC = "http://purl.org/dc/elements/1.1/ "
_PHOTOSHOP = "http://ns.adobe.com/photoshop/1.0/ "
_IPTC_EXTENSION = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/ "
_MICROSOFT = "http://ns.microsoft.com/photo/1.2/"
# Faces that a person has named: the Metadata Working Group's regions (digiKam, Lightroom, Picasa,
# Apple), whose type may also be Pet, Focus or BarCode, and Microsoft's.
_REGION_LISTS = {
    "http://www.metadataworkinggroup.com/schemas/regions/ RegionList",
    _MICROSOFT + "t/RegionInfo# Regions",
}
_REGION_TYPE = "http://www.metadataworkinggroup.com/schemas/regions/ Type"
_REGION_NAMES = (
    "http://www.metadataworkinggroup.com/schemas/regions/ Name",
    _MICROSOFT + "t/Region# PersonDisplayName",
)
_COORDINATE = re.compile(r"(\d+),(\d+(?:\.\d+)?)(?:,(\d+(?:\.\d+)?))?([NSEW])$")


def _date(texts: Iterable[str | None]) -> tuple[datetime | None, DatePrecision | None]:
    """Return the first date that exists, and how exact it is."""
    for text in texts:
        if (partial := partial_date(text)) is not None:
            return partial
        if (moment := written_datetime(text)) is not None:
            return moment, None
    return None, None


def read_xmp(packet: bytes | None, source_name: str = "xmp") -> MetadataSource:
    """Return the facts in an XMP packet of at most 4 MiB. Never raises, whatever the bytes are."""
    if not packet or len(packet) > MAX_PACKET_BYTES:
        return MetadataSource(source_name, {})
    collector = _collect(packet)
    properties = collector.properties

    def first(*names: str) -> str | None:
        return next((properties[name][0] for name in names if name in properties), None)

    def coordinate(name: str, signs: str, limit: float) -> float | None:
        return _degrees(first(_EXIF + name), first(f"{_EXIF}{name}Ref"), signs, limit)

    taken_at, precision = _date(first(name) for name in _DATES)
    return MetadataSource(
        source_name,
        {
            "taken_at": taken_at,
            "date_precision": precision,
            "camera": camera_name(first(_TIFF + "Make"), first(_TIFF + "Model")),
            "lens": clean_text(first(*_LENSES)),
            "lat": coordinate("GPSLatitude", "NS", 90),
            "lon": coordinate("GPSLongitude", "EW", 180),
            "rating": _rating(first(_XMP + "Rating")),
            "exposure_s": _rational(first(_EXIF + "ExposureTime")),
            "aperture": _rational(first(_EXIF + "FNumber")),
            "iso": _rational(first(*_ISO)),
            "focal_mm": _rational(first(_EXIF + "FocalLength")),
            "flash": _BOOLEANS.get(collector.flash.get(_FIRED, "").casefold()),
            "keywords": merge_texts(*(properties.get(name, ()) for name in _KEYWORDS)),
            "people": merge_texts(
                collector.faces(), properties.get(_IPTC_EXTENSION + "PersonInImage", ())
            ),
            "title": clean_text(first(_DC + "title")),
            "headline": clean_text(first(_PHOTOSHOP + "Headline")),
            "description": clean_text(first(_DC + "description")),
            "creator": clean_text(", ".join(properties.get(_DC + "creator", ()))),
            "town": clean_text(first(_PHOTOSHOP + "City")),
            "region": clean_text(first(_PHOTOSHOP + "State")),
            "country": clean_text(first(_PHOTOSHOP + "Country")),
        },
    )


def _rational(text: str | None) -> float | None:
    """Return a number of XMP's type Rational, "1/250", or a plain one."""
    numerator, _, denominator = (text or "").partition("/")
    with suppress(ValueError, ZeroDivisionError):
        return float(numerator) / float(denominator or 1)
    return None


def _rating(text: str | None) -> int | None:
    """Return stars from 0 to 5, or -1 for a rejected photo."""
    try:
        rating = float(text) if text is not None else None
    except ValueError:
        return None
    return int(rating) if rating is not None and -1 <= rating <= 5 else None


def _degrees(text: str | None, reference: str | None, signs: str, limit: float) -> float | None:
    """Return signed degrees from "48,51.4N" or "48,51,24N".

    `signs` are the positive and negative letter.

    Apple Photos writes a decimal number, and the letter in a property of its own: `reference`.
    None where the text is something else, or beyond `limit`.
    """
    if text and reference and (letter := reference.strip().upper()[:1]) in tuple(signs):
        with suppress(ValueError):
            decimal = abs(float(text))
            return None if not decimal <= limit else -decimal if letter == signs[1] else decimal
    match = _COORDINATE.match(text.strip()) if text else None
    if match is None or match[4] not in signs:
        return None
    degrees = int(match[1][:4]) + float(match[2]) / 60 + float(match[3] or 0) / 3600
    if degrees > limit:
        return None
    return -degrees if match[4] == signs[1] else degrees


# ---------------------------------------------------------------------------- RDF


class _DocumentTypeDeclared(Exception):
    """The packet declares a document type, which XMP never does."""


def _collect(packet: bytes) -> _Collector:
    """Read a packet, up to the first error."""
    collector = _Collector()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = collector.start
    parser.EndElementHandler = collector.end
    parser.CharacterDataHandler = collector.text
    parser.StartDoctypeDeclHandler = _refuse_document_type
    with suppress(expat.ExpatError, _DocumentTypeDeclared, ValueError):
        parser.Parse(packet.strip(b"\0 \r\n\t"), True)
    return collector


def _refuse_document_type(*declaration: object) -> None:
    raise _DocumentTypeDeclared


class _Collector:
    """Handles expat's events, and keeps RDF/Description/property, the items of lists, and regions.

    `properties` are the values by "namespace name", each at least one; `regions` the simple
    properties of each region of an image; `flash` those of the structure that describes the flash.
    """

    def __init__(self) -> None:
        self.properties: dict[str, list[str]] = {}
        self.regions: list[dict[str, str]] = []
        self.flash: dict[str, str] = {}
        self._open: list[str] = []
        self._text: list[str] = []
        self._region_depth = 0  # how many elements around a region are open; 0 outside of one
        self._flash_depth = 0  # the same of the flash

    def faces(self) -> list[str]:
        """Return the names of the regions that are faces."""
        return [
            name
            for region in self.regions
            if region.get(_REGION_TYPE, "Face").casefold() == "face"
            and (name := next((region[key] for key in _REGION_NAMES if key in region), ""))
        ]

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._open.append(name)
        self._text = []
        if self._open[-2:] == [_RDF + "RDF", _DESCRIPTION]:
            for attribute, value in attributes.items():
                self.properties.setdefault(attribute, []).append(value)
        if not self._region_depth and name == _ITEM and not _REGION_LISTS.isdisjoint(self._open):
            self._region_depth = len(self._open)
            self.regions.append({})
        if self._region_depth:
            self.regions[-1].update(attributes)
        if not self._flash_depth and name == _FLASH:
            self._flash_depth = len(self._open)
        if self._flash_depth:
            self.flash.update(attributes)

    def text(self, text: str) -> None:
        self._text.append(text)

    def end(self, name: str) -> None:
        text = "".join(self._text).strip()
        path: list[str] = []  # below the description
        if _DESCRIPTION in self._open:
            path = self._open[self._open.index(_DESCRIPTION) + 1 :]
        is_item = len(path) == 3 and path[1] in _LISTS and path[2] == _ITEM
        if (len(path) == 1 or is_item) and text:
            self.properties.setdefault(path[0], []).append(text)
        if self._region_depth and text:
            self.regions[-1][name] = text
        if self._flash_depth and text:
            self.flash[name] = text
        self._text = []
        if len(self._open) == self._region_depth:
            self._region_depth = 0
        if len(self._open) == self._flash_depth:
            self._flash_depth = 0
        self._open.pop()
