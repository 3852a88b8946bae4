"""Changes the stars in an XMP packet, and nothing else: every other byte stays as it is."""

from __future__ import annotations

from imgsearch.decode.xmp import read_xmp
from imgsearch.decode.xmp_edit import XMP, CannotEdit, new_packet_with, with_properties

_RATING = (XMP, "Rating")


def new_packet(stars: int) -> bytes:
    """Return a packet that states nothing but these stars."""
    return new_packet_with({_RATING: str(stars)})


def rating_in(packet: bytes) -> int | None:
    """Return the stars that a packet states, -1 for a rejected photo."""
    rating = read_xmp(packet).facts.get("rating")
    return rating if isinstance(rating, int) else None


def with_rating(packet: bytes, stars: int) -> bytes:
    """Return the packet with these stars in place of those that it states, or in addition.

    Raises CannotEdit for a packet that is too large, not UTF-8 or not XMP, and where the result
    would not state exactly the same as before but for the stars.
    """
    after = with_properties(packet, {_RATING: str(stars)})
    if {**read_xmp(packet).facts, "rating": stars} != read_xmp(after).facts:
        raise CannotEdit("the stars in it cannot be changed without changing more")
    return after
