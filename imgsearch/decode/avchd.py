"""When a camcorder recorded an AVCHD clip (.mts): the format has no other place for a date.

Each key frame of its H.264 has a message of "unregistered user data" with the "Modified DV Pack
Meta": entries of a number and four bytes, after Phil Harvey's H264.pm of exiftool.
"""

from __future__ import annotations

from imgsearch.decode.metadata import MetadataSource, written_datetime

_MARK = bytes.fromhex("17ee8c60f84d11d98cd60800200c9a66") + b"MDPM"
_ENTRY_BYTES = 5
_YEAR_AND_MONTH, _DAY_AND_TIME = 0x18, 0x19


def read_camcorder_data(frame: bytes) -> MetadataSource:
    """Return the date in a compressed frame of H.264, in the local time of the camera.

    Its offset is left out: cameras differ in whether summer time is in it.
    """
    mark = frame.find(_MARK)
    if mark < 0:
        return MetadataSource("video", {})
    at = mark + len(_MARK)
    # H.264 has a 3 after two zeros, so that no data looks like the beginning of a unit.
    data = frame[at : at + 2 * 255 * _ENTRY_BYTES].replace(b"\0\0\x03", b"\0\0")
    ends = range(1 + _ENTRY_BYTES, 2 + (data[0] if data else 0) * _ENTRY_BYTES, _ENTRY_BYTES)
    entries = {data[end - _ENTRY_BYTES]: data[end - _ENTRY_BYTES + 1 : end] for end in ends
               if end <= len(data)}  # fmt: skip
    month, day = entries.get(_YEAR_AND_MONTH, b"").hex(), entries.get(_DAY_AND_TIME, b"").hex()
    digits = month[2:] + day  # as decimal digits; the first byte is the offset
    parts = [digits[start : start + 2] for start in range(4, 14, 2)]
    text = "{}:{}:{} {}:{}:{}".format(digits[:4], *parts)
    return MetadataSource("video", {"taken_at": written_datetime(text)})
