"""An XMP packet as elements that know their bytes, so that one place can be changed alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import TypeAlias
from xml.parsers import expat

from msgspec import Struct, field

from imgsearch.decode.xmp import MAX_PACKET_BYTES

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
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
        """This element and all inside it, in their order."""
        waiting = [self]
        while waiting:
            element = waiting.pop()
            yield element
            waiting.extend(reversed(element.children))

    def first(self, *names: Name) -> Element | None:
        """The first element inside, or this one, of one of these names."""
        return next((each for each in self.walk() if each.name in names), None)


def parse(packet: bytes) -> Element:
    """The root element of a packet. Raises CannotEdit unless it is XMP in UTF-8."""
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
    """The packet with these bytes in place of those of the spans, which do not overlap."""
    parts, end = [], 0
    for (start, stop), new in sorted(edits.items()):
        parts += [packet[end:start], new]
        end = stop
    return b"".join((*parts, packet[end:]))


class Prefixes:
    """Prefixes of namespaces at one place, with the declarations of those that are not known."""

    def __init__(self, spaces: dict[str, str]) -> None:
        self._spaces = dict(spaces)
        self._declared: dict[str, str] = {}

    def of(self, namespace: str, wanted: str) -> str:
        """The prefix of a namespace, which is `wanted` if none is known and that is free."""
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
        """Where the values of the attributes of a valid tag are, and where the tag ends."""
        places = {}
        while (match := _ATTRIBUTE.match(self._packet, at)) is not None:
            places[match[1].decode()] = (match.start(2) + 1, match.end(2) - 1)
            at = match.end()
        return places, self._packet.index(b">", at) + 1


def _split(name: str, spaces: dict[str, str]) -> Name:
    """The namespace of a name and the name without its prefix."""
    prefix, colon, local = name.rpartition(":")
    with suppress(KeyError):
        return spaces[prefix if colon else ""], local
    return "", name
