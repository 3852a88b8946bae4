"""Adds the names of faces to an XMP packet as regions, and changes nothing else in it.

The regions are those of the Metadata Working Group (Guidelines for Handling Image Metadata 2.0,
section 5.9), which digiKam, Lightroom, Picasa, Immich and others read. Their places are shares of
the picture as it is stored, before EXIF's orientation turns it upright.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from xml.sax.saxutils import escape, quoteattr

from msgspec import Struct
from msgspec.structs import replace

from imgsearch.decode.xmp import read_xmp
from imgsearch.decode.xmp_edit import (
    RDF,
    CannotEdit,
    Element,
    Name,
    Prefixes,
    Span,
    descriptions_in,
    edited,
    packet_of,
    parse,
)
from imgsearch.records.boxes import Box, overlap
from imgsearch.text import plain_text

_MWG = "http://www.metadataworkinggroup.com/schemas/regions/"
_AREA = "http://ns.adobe.com/xmp/sType/Area#"
_DIMENSIONS = "http://ns.adobe.com/xap/1.0/sType/Dimensions#"
_REGIONS, _LIST = (_MWG, "Regions"), (_MWG, "RegionList")
_ITEM = (RDF, "li")
_BAGS = ((RDF, "Bag"), (RDF, "Seq"))
_SAME_PLACE = 0.2  # intersection over union: programs draw boxes of faces in different ways


class NamedFace(Struct, frozen=True):
    """A face with a name: its box as shares of the picture, left, top, width and height.

    `is_sure` says that the user confirmed who it is.
    """

    name: str
    box: Box
    is_sure: bool = True


class EditedPacket(Struct, frozen=True):
    """A packet with new names: those that were added, and those in place of others."""

    packet: bytes
    added: tuple[str, ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()  # (before, after)


class _Region(Struct, frozen=True):
    """A region of a packet that is a face: its name with the bytes of that, and its box."""

    name: str
    span: Span
    box: Box | None


def as_stored(box: Box, orientation: int) -> Box:
    """Return a box of the upright picture in the picture as it is stored.

    EXIF's orientation, 1 to 8.
    """
    left, top, width, height = box
    right, bottom = left + width, top + height
    if orientation >= 5:  # turned by a quarter: x and y change places
        left, top, right, bottom = top, left, bottom, right
    if orientation in (2, 3, 7, 8):
        left, right = 1 - right, 1 - left
    if orientation in (3, 4, 6, 7):
        top, bottom = 1 - bottom, 1 - top
    return left, top, right - left, bottom - top


def as_stored_faces(faces: Sequence[NamedFace], orientation: int) -> list[NamedFace]:
    """Return faces of the upright picture in the picture as it is stored."""
    return [replace(face, box=as_stored(face.box, orientation)) for face in faces]


def people_in(packet: bytes) -> tuple[str, ...]:
    """Return the names of people that a packet states, in regions or otherwise."""
    return _people(read_xmp(packet).facts)


def new_packet_of_faces(size_px: tuple[int, int], faces: Sequence[NamedFace]) -> EditedPacket:
    """Return a packet that states nothing but these faces, of a picture stored with this size."""
    description = _description("rdf", "", size_px, faces)
    packet = packet_of(description)
    names = tuple(face.name for face in faces)
    _check(b"", packet, names)
    return EditedPacket(packet, names)


def names_all(packet: bytes, faces: Sequence[NamedFace]) -> bool:
    """Return whether the regions of a packet have all of these names. Raises as `with_faces`."""
    stated = {plain_text(region.name) for region in _regions_in(parse(packet))}
    return all(plain_text(face.name) in stated for face in faces)


def with_faces(
    packet: bytes, size_px: tuple[int, int], faces: Sequence[NamedFace]
) -> EditedPacket | None:
    """Return the packet with these faces in addition; None where it names all of them already.

    A face that it names otherwise gets its name only if it is sure. Raises CannotEdit for a packet
    that is too large, not UTF-8 or not XMP, where another name of a face stands in other places as
    well, and where the result would not state the same as before but for the names.
    """
    root = parse(packet)
    known = _regions_in(root)
    stated = {plain_text(region.name) for region in known}
    added: list[NamedFace] = []
    renamed: dict[Span, tuple[str, str]] = {}
    for face in faces:
        if plain_text(face.name) in stated:
            continue
        there = _nearest(face.box, [each for each in known if each.span not in renamed])
        if there is None or not there.name:
            added.append(face)
        elif face.is_sure:
            renamed[there.span] = (there.name, face.name)
    if not added and not renamed:
        return None
    edits = {
        span: escape(new, {'"': "&quot;", "'": "&apos;"}).encode()
        for span, (_, new) in renamed.items()
    }
    after = edited(packet, {**edits, **_insertion(root, size_px, added)})
    pairs = tuple(renamed.values())
    names = [renamed.get(each.span, (each.name, each.name))[1] for each in known]
    _check(packet, after, (*names, *(face.name for face in added)), pairs)
    return EditedPacket(after, tuple(face.name for face in added), pairs)


def _insertion(
    root: Element, size_px: tuple[int, int], faces: Sequence[NamedFace]
) -> dict[Span, bytes]:
    """Return the edit that adds these faces to the list of regions, or a list with them."""
    if not faces:
        return {}
    listed = next((each for each in root.walk() if each.name == _LIST), None)
    if listed is None:
        if root.first(_REGIONS) is not None:
            raise CannotEdit("its regions are in no list")
        outer, descriptions = root.first((RDF, "RDF")), descriptions_in(root)
        if outer is None or outer.content is None or not descriptions:
            raise CannotEdit("it has no description of a photo")
        about = descriptions[0].attributes.get((RDF, "about"), ("", (0, 0)))[0]
        prefix = Prefixes(outer.spaces).of(RDF, "rdf")
        at = outer.content[1]
        return {(at, at): _description(prefix, about, size_px, faces).encode()}
    bag = next((each for each in listed.children if each.name in _BAGS), None)
    if bag is None:
        raise CannotEdit("its list of regions is empty")
    prefix = Prefixes(bag.spaces).of(RDF, "rdf")
    items = "".join(_item(face, prefix, bag.spaces) for face in faces)
    if bag.content is None:  # an empty tag: it gets an end of its own
        end = bag.tag[1]
        return {(end - 2, end): f">{items}</{bag.written_name}>".encode()}
    at = bag.content[1]
    return {(at, at): items.encode()}


def _description(
    prefix: str, about: str, size_px: tuple[int, int], faces: Sequence[NamedFace]
) -> str:
    spaces = {"mwg-rs": _MWG, "stArea": _AREA, "stDim": _DIMENSIONS}
    declared = "".join(f'\n    xmlns:{each}="{space}"' for each, space in spaces.items())
    items = "".join(_item(face, prefix, spaces, " " * 5) for face in faces)
    width_px, height_px = size_px
    return (
        f"  <{prefix}:Description {prefix}:about={quoteattr(about)}{declared}>\n"
        f'   <mwg-rs:Regions {prefix}:parseType="Resource">\n'
        f'    <mwg-rs:AppliedToDimensions stDim:w="{width_px}" stDim:h="{height_px}"'
        f' stDim:unit="pixel"/>\n'
        f"    <mwg-rs:RegionList>\n    <{prefix}:Bag>\n{items}    </{prefix}:Bag>\n"
        f"    </mwg-rs:RegionList>\n   </mwg-rs:Regions>\n  </{prefix}:Description>\n"
    )


def _item(face: NamedFace, rdf: str, spaces: dict[str, str], indent: str = "") -> str:
    """Return a face as an item of a list of regions."""
    prefixes = Prefixes(spaces)
    mwg, area = prefixes.of(_MWG, "mwg-rs"), prefixes.of(_AREA, "stArea")
    left, top, width, height = face.box
    numbers = {"x": left + width / 2, "y": top + height / 2, "w": width, "h": height}
    places = "".join(f' {area}:{key}="{_number(value)}"' for key, value in numbers.items())
    return (
        f"{indent}<{rdf}:li><{rdf}:Description{prefixes.declarations}"
        f' {mwg}:Name={quoteattr(face.name)} {mwg}:Type="Face">'
        f'<{mwg}:Area{places} {area}:unit="normalized"/></{rdf}:Description></{rdf}:li>\n'
    )


def _number(value: float) -> str:
    return f"{min(1.0, max(0.0, value)):.6f}".rstrip("0").rstrip(".") or "0"


def _regions_in(root: Element) -> list[_Region]:
    """Return the regions of a packet that are faces."""
    found = []
    for listed in (each for each in root.walk() if each.name == _LIST):
        for item in (child for bag in listed.children for child in bag.children):
            name = _field(item, (_MWG, "Name"))
            kind = _field(item, (_MWG, "Type"))
            if name is not None and (kind is None or kind[0].casefold() == "face"):
                found.append(_Region(*name, _box_of(item)))
    return found


def _box_of(item: Element) -> Box | None:
    """Return the box of a region: its place is given by its centre."""
    area = item.first((_MWG, "Area"))
    values = [None if area is None else _field(area, (_AREA, key)) for key in "xywh"]
    with suppress(TypeError, ValueError):
        x, y, width, height = (float(value[0]) for value in values)  # type: ignore[index]
        return x - width / 2, y - height / 2, width, height
    return None


def _field(item: Element, name: Name) -> tuple[str, Span] | None:
    """Return a text of a structure with its bytes, as an attribute or as an element."""
    for element in item.walk():
        if name in element.attributes:
            return element.attributes[name]
        if element.name == name and element.content is not None and not element.children:
            return element.text.strip(), element.content
    return None


def _nearest(box: Box, regions: Sequence[_Region]) -> _Region | None:
    """Return the region at the place of this box."""
    shares = {at: overlap(box, each.box) for at, each in enumerate(regions) if each.box}
    best = max(shares, key=shares.__getitem__, default=None)
    return None if best is None or shares[best] < _SAME_PLACE else regions[best]


def _check(
    before: bytes,
    after: bytes,
    names: Sequence[str],
    renamed: Sequence[tuple[str, str]] = (),
) -> None:
    """Raise CannotEdit unless the packet states these faces now, and else what it did."""
    was, is_now = read_xmp(before).facts, read_xmp(after).facts
    people = {plain_text(name) for name in _people(is_now)}
    stated = sorted(each.name for each in _regions_in(parse(after)))
    for old, _ in renamed:
        if plain_text(old) in people and old not in names:
            raise CannotEdit(f"it names {old} in other places as well")
    kept = {plain_text(name) for name in _people(was)} - {plain_text(old) for old, _ in renamed}
    wanted = {plain_text(name) for name in names if name}
    others, others_now = (
        {key: value for key, value in facts.items() if key != "people"} for facts in (was, is_now)
    )
    if stated != sorted(names) or not (kept | wanted) <= people or others != others_now:
        raise CannotEdit("the names of faces in it cannot be changed without changing more")


def _people(facts: Mapping[str, object]) -> tuple[str, ...]:
    people = facts.get("people", ())
    return people if isinstance(people, tuple) else ()
