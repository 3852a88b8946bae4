"""The keys in the addresses of walls.

A key is not stored: it follows from the key of the page, which only this user can read, and a
random value of the wall. So no copy of the database gives it away.
"""

from __future__ import annotations

import hmac
import re
import secrets

_PURPOSE = b"wall\n"
_SALT_BYTES = 16
# 80 bits: nobody finds a key by asking the page, and somebody can type it with a remote control.
_KEY_BYTES = 10
_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's: none looks like another
_LETTERS = len(_DIGITS).bit_length() - 1  # the bits of each
_GROUP = 4
_LOOKALIKES = str.maketrans("oil", "011")
_LONGEST = 40  # characters of a text that may be a key


def new_salt() -> bytes:
    """Return the random value of a new wall."""
    return secrets.token_bytes(_SALT_BYTES)


def key_of(page_key: bytes, salt: bytes) -> str:
    """Return the key of the wall with this random value: four groups of four, "k7f2-9qxm-…"."""
    number = int.from_bytes(hmac.digest(page_key, _PURPOSE + salt, "sha256")[:_KEY_BYTES])
    shifts = range(8 * _KEY_BYTES - _LETTERS, -1, -_LETTERS)
    text = "".join(_DIGITS[number >> shift & len(_DIGITS) - 1] for shift in shifts)
    return "-".join(re.findall(f".{{{_GROUP}}}", text))


def is_key(typed: str, key: str) -> bool:
    """Return whether somebody typed this key, in constant time.

    Hyphens may be missing, and capital letters and an o for the digit 0 are read as what is meant.
    """
    if len(typed) > _LONGEST or not typed.isascii():
        return False
    return hmac.compare_digest(_plain(typed), _plain(key))


def _plain(key: str) -> bytes:
    return key.lower().replace("-", "").translate(_LOOKALIKES).encode()
