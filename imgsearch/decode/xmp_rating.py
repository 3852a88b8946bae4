"""Changes the stars in an XMP packet, and nothing else: every other byte stays as it is."""

from __future__ import annotations

from imgsearch.decode.xmp import read_xmp
from imgsearch.decode.xmp_edit import RDF, CannotEdit, Element, Prefixes, Span, edited, parse
from imgsearch.version import VERSION

_XMP = "http://ns.adobe.com/xap/1.0/"
_RATING = (_XMP, "Rating")
_NEW = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="imgsearch {version}">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="{stars}"/>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>
"""


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
    descriptions = descriptions_in(parse(packet))
    edits = {span: str(stars).encode() for each in descriptions for span in _ratings_of(each)}
    if not edits:
        if not descriptions:
            raise CannotEdit("it has no description of a photo")
        first = descriptions[0]
        prefixes = Prefixes(first.spaces)
        prefix = prefixes.of(_XMP, "xmp")
        at = first.tag[0] + 1 + len(first.written_name.encode())
        attribute = f'{prefixes.declarations} {prefix}:Rating="{stars}"'
        edits = {(at, at): attribute.encode()}
    after = edited(packet, edits)
    if {**read_xmp(packet).facts, "rating": stars} != read_xmp(after).facts:
        raise CannotEdit("the stars in it cannot be changed without changing more")
    return after


def descriptions_in(root: Element) -> list[Element]:
    """The descriptions of a photo in a packet."""
    return [
        child
        for element in root.walk()
        if element.name == (RDF, "RDF")
        for child in element.children
        if child.name == (RDF, "Description")
    ]


def _ratings_of(description: Element) -> list[Span]:
    """The bytes of the stars that a description states."""
    spans = [description.attributes[_RATING][1]] if _RATING in description.attributes else []
    for child in description.children:
        if child.name == _RATING:
            if child.content is None:
                raise CannotEdit("it has an empty element for the stars")
            if child.children:
                raise CannotEdit("its stars are not a number")
            spans.append(child.content)
    return spans
