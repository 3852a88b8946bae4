"""What XMP and IPTC tell about a photo, inside its file or beside it, and whose word counts.

XMP is RDF in XML (ISO 16684-1); only plain properties and lists of them are read. A packet that
declares a document type is refused: XMP has none, and entities are how XML is made to explode.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from xml.parsers import expat

from imgsearch.decode.exif import camera_name, readable
from imgsearch.decode.files import opened
from imgsearch.decode.formats import sidecars_of
from imgsearch.errors import PhotoError
from imgsearch.records.photo import Facts

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_PACKET_BYTES = 4 << 20
_MAX_KEYWORDS = 500

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns# "
_DESCRIPTION, _ITEM = _RDF + "Description", _RDF + "li"
_LISTS = {_RDF + kind for kind in ("Bag", "Seq", "Alt")}
_XMP = "http://ns.adobe.com/xap/1.0/ "
_EXIF = "http://ns.adobe.com/exif/1.0/ "
_TIFF = "http://ns.adobe.com/tiff/1.0/ "
_DATES = (
    _EXIF + "DateTimeOriginal",
    "http://ns.adobe.com/photoshop/1.0/ DateCreated",
    _XMP + "CreateDate",
)
_LENSES = ("http://cipa.jp/exif/1.0/ LensModel", "http://ns.adobe.com/exif/1.0/aux/ Lens")
_KEYWORDS = (
    "http://ns.adobe.com/lightroom/1.0/ hierarchicalSubject",  # A|B|C
    "http://www.digikam.org/ns/1.0/ TagsList",  # A/B/C
    "http://purl.org/dc/elements/1.1/ subject",
)
_COORDINATE = re.compile(r"(\d+),(\d+(?:\.\d+)?)(?:,(\d+(?:\.\d+)?))?([NSEW])$")
_IPTC_DATE = re.compile(r"(\d{8})$")
_IPTC_TIME = re.compile(r"(\d{6})([+-]\d{4})?$")


@dataclass(frozen=True, slots=True)
class MetadataSource:
    """What one source says of a photo: None and () where it says nothing that makes sense."""

    source: str  # exif, xmp, iptc, sidecar
    taken_at: datetime | None = None
    camera: str | None = None
    lens: str | None = None
    place: tuple[float, float] | None = None  # latitude and longitude in degrees
    rating: int | None = None
    keywords: tuple[str, ...] = ()


def merge_metadata(facts: Facts, accounts: Sequence[MetadataSource]) -> Facts:
    """The facts with what the accounts say: the first that speaks counts, keywords add up."""
    for account in reversed(accounts):
        if account.taken_at is not None:
            facts = replace(facts, taken_at=account.taken_at, dated_by=account.source)
        if account.place is not None:
            facts = replace(facts, lat=account.place[0], lon=account.place[1])
        facts = replace(
            facts,
            camera=account.camera or facts.camera,
            lens=account.lens or facts.lens,
            rating=facts.rating if account.rating is None else account.rating,
            keywords=_united(account.keywords, facts.keywords),
        )
    return facts


def with_sidecar(facts: Facts, photo: Path) -> Facts:
    """The facts, corrected by the XMP file that lies beside the photo, if there is one.

    `IMG.JPG.xmp` is looked for before `IMG.xmp`. One that cannot be read says nothing.
    """
    for sidecar in sidecars_of(str(photo)):
        try:
            with opened(Path(sidecar)) as file:
                packet = file.read(MAX_PACKET_BYTES + 1)
        except (PhotoError, OSError):
            continue
        return merge_metadata(facts, [read_xmp(packet, "sidecar")])
    return facts


def read_xmp(packet: bytes | None, source: str = "xmp") -> MetadataSource:
    """What an XMP packet says. Never raises on what the bytes say."""
    said = _properties(packet) if packet and len(packet) <= MAX_PACKET_BYTES else {}

    def first(*names: str) -> str | None:
        return next((said[name][0] for name in names if said.get(name)), None)

    lat = _degrees(first(_EXIF + "GPSLatitude"), "NS", 90)
    lon = _degrees(first(_EXIF + "GPSLongitude"), "EW", 180)
    dates = (_moment(first(name)) for name in _DATES)
    return MetadataSource(
        source,
        taken_at=next((date for date in dates if date is not None), None),
        camera=camera_name(readable(first(_TIFF + "Make")), readable(first(_TIFF + "Model"))),
        lens=readable(first(*_LENSES)),
        place=None if lat is None or lon is None else (lat, lon),
        rating=_rating(first(_XMP + "Rating")),
        keywords=_united(*(tuple(said.get(name, ())) for name in _KEYWORDS)),
    )


def read_iptc(image: Image) -> MetadataSource:
    """What the IPTC block of a JPEG or TIFF says (IIM 4.2, record 2)."""
    from PIL import IptcImagePlugin
    from PIL.ImageFile import ImageFile

    if not isinstance(image, ImageFile):
        return MetadataSource("iptc")
    try:
        said = IptcImagePlugin.getiptcinfo(image) or {}
    except (SyntaxError, ValueError, OSError, TypeError):  # what it raises on a damaged block
        return MetadataSource("iptc")

    def texts(dataset: int) -> tuple[str, ...]:
        values = said.get((2, dataset), [])
        return tuple(_text(value) for value in ([values] if isinstance(values, bytes) else values))

    date, time = (_IPTC_DATE.match("".join(texts(55))), _IPTC_TIME.match("".join(texts(60))))
    moment = None
    if date and time:
        # +0000 is what programs write that do not know the offset
        offset = "" if time[2] in (None, "+0000") else time[2]
        moment = _moment(f"{date[1]}T{time[1]}{offset}")
    return MetadataSource("iptc", taken_at=moment, keywords=_united(texts(25)))


def _text(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _united(*several: tuple[str, ...]) -> tuple[str, ...]:
    """All keywords once, whatever their case, in their order. A level of a longer one is kept."""
    found: dict[str, str] = {}
    for keyword in (readable(keyword) for keywords in several for keyword in keywords):
        if keyword and len(keyword) <= 200:
            found.setdefault(keyword.casefold(), keyword)
    return tuple(found.values())[:_MAX_KEYWORDS]


def _moment(text: str | None) -> datetime | None:
    try:
        return None if text is None else datetime.fromisoformat(text.strip())
    except ValueError:
        return None


def _rating(text: str | None) -> int | None:
    try:
        rating = float(text) if text is not None else None
    except ValueError:
        return None
    return int(rating) if rating is not None and -1 <= rating <= 5 else None


def _degrees(text: str | None, signs: str, limit: float) -> float | None:
    """ "48,51.4N" or "48,51,24N" in degrees."""
    found = _COORDINATE.match(text.strip()) if text else None
    if found is None or found[4] not in signs:
        return None
    degrees = int(found[1][:4]) + float(found[2]) / 60 + float(found[3] or 0) / 3600
    if degrees > limit:
        return None
    return -degrees if found[4] == signs[1] else degrees


class _Refused(Exception):
    """The packet is not what XMP may be."""


def _properties(packet: bytes) -> dict[str, list[str]]:
    """The properties of the RDF in a packet: "namespace name" to its values."""
    collector = _Collector()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = collector.start
    parser.EndElementHandler = collector.end
    parser.CharacterDataHandler = collector.text
    parser.StartDoctypeDeclHandler = _refuse
    with suppress(expat.ExpatError, _Refused, ValueError):  # what came before the fault counts
        parser.Parse(packet.strip(b"\0 \r\n\t"), True)
    return collector.found


def _refuse(*declaration: object) -> None:
    raise _Refused


class _Collector:
    """Hears of elements, and keeps those that are RDF/Description/property, or a list in one."""

    def __init__(self) -> None:
        self.found: dict[str, list[str]] = {}
        self._open: list[str] = []
        self._text: list[str] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._open.append(name)
        self._text = []
        if self._open[-2:] == [_RDF + "RDF", _DESCRIPTION]:
            for attribute, value in attributes.items():
                self.found.setdefault(attribute, []).append(value)

    def text(self, text: str) -> None:
        self._text.append(text)

    def end(self, name: str) -> None:
        inside = self._open[self._open.index(_DESCRIPTION) + 1 :] if self._in_description() else []
        is_item = len(inside) == 3 and inside[1] in _LISTS and inside[2] == _ITEM
        if (len(inside) == 1 or is_item) and (text := "".join(self._text).strip()):
            self.found.setdefault(inside[0], []).append(text)
        self._text = []
        self._open.pop()

    def _in_description(self) -> bool:
        return _DESCRIPTION in self._open
