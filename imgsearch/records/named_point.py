"""A point on the earth, with the names of its place."""

from __future__ import annotations

from msgspec import Struct


class NamedPoint(Struct, frozen=True):
    """A point in degrees (WGS 84), with the names of its town, region and country if known.

    `near_town` says that the town is only near.
    """

    lat: float
    lon: float
    town: str | None = None
    region: str | None = None
    country: str | None = None
    near_town: bool = False
