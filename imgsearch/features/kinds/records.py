"""Records for kinds of pictures."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

KindName: TypeAlias = Literal["screenshot", "document"]
KIND_NAMES: tuple[KindName, ...] = ("screenshot", "document")


class PictureKind(Struct, frozen=True):
    """The kind of a picture that is no photo, with its probability."""

    name: KindName
    probability: float


KindOfPhoto: TypeAlias = PictureKind | None  # None for a photo, and before it was judged


class PictureKinds(Struct, frozen=True):
    """The numbers of pictures that are no photos; answers leave out those of the kinds `left_out`.

    They are pictures of the library, each counted once however many files it has.
    """

    screenshots: int
    documents: int
    left_out: tuple[KindName, ...] = ()
