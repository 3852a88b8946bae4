"""An XMP packet as elements that know their bytes, so that one place can be changed alone."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from typing import TypeAlias
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from msgspec import Struct, field

from imgsearch.decode.xmp import MAX_PACKET_BYTES
from imgsearch.version import VERSION

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
XMP = "http://ns.adobe.com/xap/1.0/"
EXIF = "http://ns.adobe.com/exif/1.0/"
PHOTOSHOP = "http://ns.adobe.com/photoshop/1.0/"
_PREFIXES = {XMP: "xmp", EXIF: "exif", PHOTOSHOP: "photoshop"}  # as programs write them
_PACKET = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="imgsearch {version}">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
{description} </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>
"""
# 4 MiB of them would take gigabytes.
_MAX_ELEMENTS = 50_000
_MAX_NAMESPACES = 100
_ATTRIBUTE = re.compile(rb"\s+([^\s=/>]+)\s*=\s*(\"[^\"]*\"|'[^']*')")

Name: TypeAlias = tuple[str, str]  # namespace, local name
Span: TypeAlias = tuple[int, int]  # bytes of the packet: from, and up to


class CannotEdit(Exception):
    """The packet cannot be changed safely; the message is a clause that says why."""


class Element(Struct):
    """An element of a packet.

    `tag` are the bytes of its start tag, `content` those between its tags, and None where it is one
    empty tag. `attributes` are texts with their bytes; `spaces` the namespaces by prefix.
    """

    name: Name
    written_name: str
    tag: Span
    spaces: dict[str, str]
    attributes: dict[Name, tuple[str, Span]]
    content: Span | None = None
    children: list[Element] = field(default_factory=list)
    text: str = ""

    def walk(self) -> Iterator[Element]:
        """Yield this element and all inside it, in their order."""
        waiting = [self]
        while waiting:
            element = waiting.pop()
            yield element
            waiting.extend(reversed(element.children))

    def first(self, *names: Name) -> Element | None:
        """Return the first element inside, or this one, of one of these names."""
        return next((each for each in self.walk() if each.name in names), None)


def parse(packet: bytes) -> Element:
    """Return the root element of a packet. Raises CannotEdit unless it is XMP in UTF-8."""
    if len(packet) > MAX_PACKET_BYTES:
        raise CannotEdit("it is too large for an XMP file")
    try:
        packet.decode("utf-8")
    except UnicodeDecodeError:
        raise CannotEdit("it is not text in UTF-8") from None
    parser = expat.ParserCreate()
    parser.buffer_text = True
    # As `read_xmp` does, NULs and spaces around it are passed over.
    start = len(packet) - len(packet.lstrip(b"\0 \r\n\t"))
    reader = _ElementReader(packet, parser, start)
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = _refuse
    try:
        parser.Parse(packet[start:].rstrip(b"\0 \r\n\t"), True)
    except expat.ExpatError as error:
        raise CannotEdit(f"it is no valid XML ({error})") from None
    assert reader.root is not None  # as in all valid XML
    return reader.root


def edited(packet: bytes, edits: dict[Span, bytes]) -> bytes:
    """Return the packet with these bytes in place of those of the spans, which do not overlap."""
    parts, end = [], 0
    for (start, stop), new in sorted(edits.items()):
        parts += [packet[end:start], new]
        end = stop
    return b"".join((*parts, packet[end:]))


def descriptions_in(root: Element) -> list[Element]:
    """Return the descriptions of a photo in a packet."""
    return [
        child
        for element in root.walk()
        if element.name == (RDF, "RDF")
        for child in element.children
        if child.name == (RDF, "Description")
    ]


def packet_of(description: str) -> bytes:
    """Return a packet with nothing but this `rdf:Description`, a line or several."""
    return _PACKET.format(version=VERSION, description=description).encode()


def new_packet_with(values: Mapping[Name, str]) -> bytes:
    """Return a packet that states nothing but these simple properties of a photo."""
    return with_properties(packet_of('  <rdf:Description rdf:about=""/>\n'), values)


def stated_in(packet: bytes, names: Collection[Name]) -> set[Name]:
    """Return the properties of these names that a packet states, even empty ones.

    Raises as `parse`.
    """
    return {
        name
        for description in descriptions_in(parse(packet))
        for name in (*description.attributes, *(child.name for child in description.children))
        if name in names
    }


def with_properties(packet: bytes, values: Mapping[Name, str]) -> bytes:
    """Return the packet with these simple properties of a photo, in place of those that it states.

    A property that it does not state is added to the first description. Every other byte stays as
    it is. Raises CannotEdit as `parse` does, for a packet that describes no photo, and where one of
    the properties is no plain text.
    """
    descriptions = descriptions_in(parse(packet))
    if not descriptions:
        raise CannotEdit("it has no description of a photo")
    edits: dict[Span, bytes] = {}
    added = ""
    first = descriptions[0]
    prefixes = Prefixes(first.spaces)
    for name, value in values.items():
        places = [place for each in descriptions for place in _places_of(each, name, value)]
        edits.update(places)
        if not places:
            prefix = prefixes.of(name[0], _PREFIXES[name[0]])
            added += f" {prefix}:{name[1]}={quoteattr(value)}"
    if added:
        at = first.tag[0] + 1 + len(first.written_name.encode())
        edits[(at, at)] = f"{prefixes.declarations}{added}".encode()
    return edited(packet, edits)


def _places_of(description: Element, name: Name, value: str) -> Iterator[tuple[Span, bytes]]:
    """Yield the bytes at which a description states a property, with those of its new value."""
    written = escape(value, {'"': "&quot;", "'": "&apos;"}).encode()
    if name in description.attributes:
        yield description.attributes[name][1], written
    for child in description.children:
        if child.name != name:
            continue
        if child.children:
            raise CannotEdit(f"its {_PREFIXES[name[0]]}:{name[1]} is no plain text")
        if child.content is not None:
            yield child.content, written
        else:  # an empty tag: it gets an end of its own
            end = child.tag[1]
            yield (end - 2, end), b">%b</%b>" % (written, child.written_name.encode())


class Prefixes:
    """Prefixes of namespaces at one place, with the declarations of those that are not known."""

    def __init__(self, spaces: dict[str, str]) -> None:
        self._spaces = dict(spaces)
        self._declared: dict[str, str] = {}

    def of(self, namespace: str, wanted: str) -> str:
        """Return the prefix of a namespace, which is `wanted` if none is known and that is free."""
        for prefix, known in self._spaces.items():
            if prefix and known == namespace:
                return prefix
        while wanted in self._spaces:  # it stands for another one
            wanted += "1"
        self._spaces[wanted] = self._declared[wanted] = namespace
        return wanted

    @property
    def declarations(self) -> str:
        """The attributes that declare what was not known, each after a space."""
        return "".join(f' xmlns:{prefix}="{each}"' for prefix, each in self._declared.items())


def _refuse(*declaration: object) -> None:
    raise CannotEdit("it declares a document type, which XMP never does")


class _ElementReader:
    """Handles expat's events and makes elements of them."""

    def __init__(self, packet: bytes, parser: expat.XMLParserType, offset: int) -> None:
        self.root: Element | None = None
        self._packet = packet
        self._parser = parser
        self._offset = offset
        self._open: list[Element] = []
        self._count = 0

    def start(self, written_name: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if self._count > _MAX_ELEMENTS:
            raise CannotEdit("it has too many elements")
        declared = {
            key.removeprefix("xmlns").removeprefix(":"): value
            for key, value in attributes.items()
            if key == "xmlns" or key.startswith("xmlns:")
        }
        spaces = self._open[-1].spaces if self._open else {}
        spaces = {**spaces, **declared} if declared else spaces
        if len(spaces) > _MAX_NAMESPACES:
            raise CannotEdit("it declares too many namespaces")
        at = self._parser.CurrentByteIndex + self._offset
        places, end = self._attribute_places(at + 1 + len(written_name.encode()))
        found = {
            _split(key, spaces) if ":" in key else ("", key): (value, places[key])
            for key, value in attributes.items()
            if key not in ("xmlns",) and not key.startswith("xmlns:")
        }
        element = Element(_split(written_name, spaces), written_name, (at, end), spaces, found)
        if self._packet[end - 2 : end - 1] != b"/":
            element.content = (end, end)  # until its end is read
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element
        self._open.append(element)

    def text(self, text: str) -> None:
        self._open[-1].text += text

    def end(self, written_name: str) -> None:
        element = self._open.pop()
        if element.content is not None:
            element.content = (element.tag[1], self._parser.CurrentByteIndex + self._offset)

    def _attribute_places(self, at: int) -> tuple[dict[str, Span], int]:
        """Return where the values of the attributes of a valid tag are, and where the tag ends."""
        places = {}
        while (match := _ATTRIBUTE.match(self._packet, at)) is not None:
            places[match[1].decode()] = (match.start(2) + 1, match.end(2) - 1)
            at = match.end()
        return places, self._packet.index(b">", at) + 1


def _split(name: str, spaces: dict[str, str]) -> Name:
    """Return the namespace of a name and the name without its prefix."""
    prefix, colon, local = name.rpartition(":")
    with suppress(KeyError):
        return spaces[prefix if colon else ""], local
    return "", name
