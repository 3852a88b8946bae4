"""Changes the stars in an XMP packet, and nothing else: every other byte stays as it is."""

from __future__ import annotations

from contextlib import suppress
from xml.parsers import expat

from msgspec import Struct, field

from imgsearch.decode.xmp import MAX_PACKET_BYTES, read_xmp
from imgsearch.version import VERSION

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_XMP = "http://ns.adobe.com/xap/1.0/"
_RATING = "Rating"
_NEW = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="imgsearch {version}">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="{stars}"/>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>
"""


class CannotEdit(Exception):
    """The packet cannot be changed safely; the message is a clause that says why."""


def new_packet(stars: int) -> bytes:
    """A packet that states nothing but these stars."""
    return _NEW.format(version=VERSION, stars=stars).encode()


def rating_in(packet: bytes) -> int | None:
    """The stars that a packet states, -1 for a rejected photo."""
    rating = read_xmp(packet).facts.get("rating")
    return rating if isinstance(rating, int) else None


def with_rating(packet: bytes, stars: int) -> bytes:
    """The packet with these stars in place of those that it states, or in addition.

    Raises CannotEdit for a packet that is too large, not UTF-8 or not XMP, and where the result
    would not state exactly the same as before but for the stars.
    """
    if len(packet) > MAX_PACKET_BYTES:
        raise CannotEdit("it is too large for an XMP file")
    try:
        packet.decode("utf-8")
    except UnicodeDecodeError:
        raise CannotEdit("it is not text in UTF-8") from None
    found = _found_in(packet)
    edits = sorted(found.values)
    if not edits:
        if found.insert_at is None:
            raise CannotEdit("it has no description of a photo")
        declared = f' xmlns:{found.new_prefix}="{_XMP}"' if found.is_undeclared else ""
        attribute = f'{declared} {found.new_prefix}:{_RATING}="{stars}"'
        edited = packet[: found.insert_at] + attribute.encode() + packet[found.insert_at :]
    else:
        edited, end = b"", 0
        for start, stop in edits:
            edited += packet[end:start] + str(stars).encode()
            end = stop
        edited += packet[end:]
    before, after = read_xmp(packet).facts, read_xmp(edited).facts
    if {**before, "rating": stars} != after:
        raise CannotEdit("the stars in it cannot be changed without changing more")
    return edited


class _RatingPlaces(Struct):
    """Where the stars of a packet are, in bytes, and where they can be added."""

    values: list[tuple[int, int]] = field(default_factory=list)
    insert_at: int | None = None
    new_prefix: str = "xmp"
    is_undeclared: bool = True


def _found_in(packet: bytes) -> _RatingPlaces:
    parser = expat.ParserCreate()
    reader = _RatingReader(packet, parser)
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.StartDoctypeDeclHandler = _refuse
    # As `read_xmp` does, NULs and spaces around it are passed over.
    start = len(packet) - len(packet.lstrip(b"\0 \r\n\t"))
    reader.offset = start
    try:
        parser.Parse(packet[start:].rstrip(b"\0 \r\n\t"), True)
    except expat.ExpatError as error:
        raise CannotEdit(f"it is no valid XML ({error})") from None
    return reader.found


def _refuse(*declaration: object) -> None:
    raise CannotEdit("it declares a document type, which XMP never does")


class _RatingReader:
    """Handles expat's events and finds the stars of each description of the packet."""

    def __init__(self, packet: bytes, parser: expat.XMLParserType) -> None:
        self.found = _RatingPlaces()
        self.offset = 0
        self._packet = packet
        self._parser = parser
        self._spaces: list[dict[str, str]] = [{}]  # prefix -> namespace
        self._open: list[tuple[str, str]] = []  # (namespace, name)
        self._value_start: int | None = None

    def start(self, name: str, attributes: dict[str, str]) -> None:
        declared = {
            key.removeprefix("xmlns").removeprefix(":"): value
            for key, value in attributes.items()
            if key == "xmlns" or key.startswith("xmlns:")
        }
        spaces = {**self._spaces[-1], **declared}
        self._spaces.append(spaces)
        self._open.append(_split(name, spaces))
        at = self._parser.CurrentByteIndex + self.offset
        if self._open[-2:] == [(_RDF, "RDF"), (_RDF, "Description")]:
            for key in attributes:
                if ":" in key and _split(key, spaces) == (_XMP, _RATING):
                    self.found.values.append(self._attribute(at, key))
            if self.found.insert_at is None:
                self._can_insert(at + 1 + len(name.encode()), spaces)
        elif self._is_rating():
            end = self._packet.index(b">", at)
            if self._packet[end - 1 : end] == b"/":
                raise CannotEdit("it has an empty element for the stars")
            self._value_start = end + 1

    def end(self, name: str) -> None:
        if self._is_rating() and self._value_start is not None:
            end = self._parser.CurrentByteIndex + self.offset
            text = self._packet[self._value_start : end]
            if b"<" in text:
                raise CannotEdit("its stars are not a number")
            self.found.values.append((self._value_start, end))
            self._value_start = None
        self._open.pop()
        self._spaces.pop()

    def _is_rating(self) -> bool:
        outer = [(_RDF, "RDF"), (_RDF, "Description"), (_XMP, _RATING)]
        return self._open[-3:] == outer

    def _can_insert(self, at: int, spaces: dict[str, str]) -> None:
        prefix = next((key for key, space in spaces.items() if key and space == _XMP), None)
        self.found.insert_at = at
        self.found.is_undeclared = prefix is None
        if prefix is not None:
            self.found.new_prefix = prefix
        while prefix is None and self.found.new_prefix in spaces:  # it stands for another one
            self.found.new_prefix += "1"

    def _attribute(self, tag_at: int, key: str) -> tuple[int, int]:
        """Where the value of an attribute of the tag at this byte is."""
        at = tag_at + 1
        wanted = key.encode()
        while True:  # name, =, quote, value, quote; the tag is valid XML
            equals = self._packet.index(b"=", at)
            quote_at = equals + 1
            while self._packet[quote_at : quote_at + 1].isspace():
                quote_at += 1
            quote = self._packet[quote_at : quote_at + 1]
            end = self._packet.index(quote, quote_at + 1)
            if self._packet[at:equals].split()[-1] == wanted:
                return quote_at + 1, end
            at = end + 1


def _split(name: str, spaces: dict[str, str]) -> tuple[str, str]:
    """The namespace of a name and the name without its prefix."""
    prefix, colon, local = name.rpartition(":")
    with suppress(KeyError):
        return spaces[prefix if colon else ""], local
    return "", name
