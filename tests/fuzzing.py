"""Damages bytes at random, for the fuzz tests: headers, whole files, and text such as XML."""

from __future__ import annotations

import random
import re
import struct
import zlib
from collections.abc import Sequence

NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
# What programs of text go wrong on: numbers, dates, names, markup.
TEXTS = tuple(
    text.encode("utf-8", "surrogatepass")
    for text in (
        *("", " ", "0", "-0", "-1", "1/0", "0/0", "-1/3", "1e999", "-1e999", "NaN", "Infinity"),
        *("9" * 30, "9" * 5_000, "1." + "3" * 400, "0x10", "१२", "½", "true", "null", "[]", "{}"),
        *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2023-02-30", "20230230"),
        *("2023-01-01T24:00:00", "2023:01:01 00:00:00", "0000:00:00 00:00:00", "1e3,1e3N"),
        *(
            "90,0.0001N",
            "180,60.0E",
            "4294967296,0N",
            "\0",
            "\ud800",
            "\udcff",
            "\u202e",
            "e\u0301",
        ),
        *("a" * 3_000, "<!DOCTYPE x>", "&amp;", "&x;", "&#0;", "]]>", "<rdf:li/>", "<x:y>", "</a>"),
        *("xmlns:exif='urn:other'", "rdf:parseType='Resource'", '"', "\\u0000", "\\ud800", "../"),
    )
)
_WORD = re.compile(rb"[\w.:+/, -]{2,40}")
_MARKUP = re.compile(rb"[<>{}\[\]\":]")


def mutated(data: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    """`data` with one to eight changes, most of them near the beginning, where the headers are."""
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 3, 5, 8))):
        if len(changed) < 16:
            break
        reach = len(changed) if chance.random() < 0.4 else min(len(changed), 800)
        _change(changed, chance.randrange(reach), others, chance)
    if changed.startswith(b"\x89PNG") and chance.random() < 0.8:
        return with_right_checksums(bytes(changed))
    return bytes(changed)


def mutated_text(data: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    """`data`, a text with markup, with one to six changes: values, markup and bytes."""
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 6))):
        if chance.random() < 0.2:
            _change(changed, chance.randrange(max(1, len(changed))), others, chance)
            continue
        pattern = _WORD if chance.random() < 0.9 else _MARKUP
        places = [match.span() for match in pattern.finditer(changed)]
        if places:
            begin, end = chance.choice(places)
            changed[begin:end] = chance.choice(TEXTS)
    return bytes(changed)


def cut_or_zeroed(data: bytes, chance: random.Random) -> bytes:
    """`data` without its end, or with a run of zeros: what a failing disk or card makes of it."""
    begin = chance.randrange(len(data) + 1)
    if chance.random() < 0.5:
        return data[:begin]
    end = min(len(data), begin + chance.choice((1, 2, 4, 16, 64, 512)))
    return data[:begin] + bytes(end - begin) + data[end:]


def _change(data: bytearray, at: int, others: Sequence[bytes], chance: random.Random) -> None:
    kind = chance.randrange(7)
    if at >= len(data):
        return
    if kind == 0:
        data[at] ^= 1 << chance.randrange(8)
    elif kind == 1:
        data[at] = chance.randrange(256)
    elif kind == 2:
        width = chance.choice((2, 4))
        number = chance.choice(NUMBERS) & (2 ** (8 * width) - 1)
        data[at : at + width] = number.to_bytes(width, chance.choice(("big", "little")))
    elif kind == 3:
        del data[at : at + chance.choice((1, 2, 4, 64, 1024))]
    elif kind == 4:
        data[at:at] = data[at : at + chance.choice((1, 4, 64, 1024))] * chance.choice((1, 2, 40))
    elif kind == 5:
        other = chance.choice(others)
        begin = chance.randrange(max(1, len(other)))
        data[at : at + 64] = other[begin : begin + chance.choice((8, 64, 2048))]
    else:
        del data[max(at, 16) :]


def with_right_checksums(png: bytes) -> bytes:
    """The same chunks with valid checksums, so that a decoder does not stop at those."""
    fixed, at = png[:8], 8
    while at + 12 <= len(png):
        (size,) = struct.unpack_from(">I", png, at)
        body = png[at + 4 : at + 8 + size]
        if len(body) < size + 4:
            break
        fixed += png[at : at + 4] + body + struct.pack(">I", zlib.crc32(body))
        at += 12 + size
    return fixed + png[at:]
