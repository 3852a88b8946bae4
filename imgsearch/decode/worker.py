"""The other side of `isolate`: a process that decodes what it is sent, and may die of it.

Started with a socket as its standard input. Each request is a JSON line of the parent's with an
open file beside it; each answer is a JSON line, then the pixels. It can write no file, has a
limit of memory, and ends when its parent does.
"""

from __future__ import annotations

import json
import os
import resource
import socket
import struct
import sys
from contextlib import suppress
from typing import BinaryIO

import msgspec

from imgsearch.decode.formats import FAMILIES
from imgsearch.decode.request import DecodeRequest, DecoderOutOfMemory
from imgsearch.errors import PhotoError

LENGTH = struct.Struct("!I")  # before every JSON text
MAX_TEXT_BYTES = 1 << 20
IDLE_LIMIT_S = 60.0  # a watcher that sees no photo for hours need not keep the memory


def main() -> None:
    """Serve until the parent is gone or asks no more. The argument: the memory limit in bytes."""
    channel = socket.socket(fileno=os.dup(0))
    _give_up_powers(int(sys.argv[1]))
    _load_decoders()
    send_text(channel, {"ready": True})
    while True:
        channel.settimeout(IDLE_LIMIT_S)
        try:
            header, descriptors, _, _ = socket.recv_fds(channel, LENGTH.size, 1)
        except TimeoutError:
            return
        if len(header) < LENGTH.size or not descriptors:
            return
        channel.settimeout(None)
        wanted = json.loads(receive(channel, LENGTH.unpack(header)[0]))
        with os.fdopen(descriptors[0], "rb") as file:
            answer, pixels = _answer(file, wanted)
        send_text(channel, answer)
        channel.sendall(pixels)


def _answer(file: BinaryIO, wanted: dict[str, str | float]) -> tuple[dict[str, object], bytes]:
    from imgsearch.decode.reader import read

    family = FAMILIES[str(wanted.pop("family"))]
    request = DecodeRequest(**wanted)  # type: ignore[arg-type]  # the parent is our own code
    try:
        decoded = read(file, family, request)
        images = (decoded.image, *decoded.others)
        pixels = b"".join(image.tobytes() for image in images)
    except PhotoError as error:
        out_of_memory = isinstance(error, DecoderOutOfMemory)
        answer = {"reason": error.reason.value, "message": str(error)}
        return answer | {"out_of_memory": out_of_memory}, b""
    except OSError as error:
        return {"errno": error.errno, "message": error.strerror}, b""
    sizes_px, times_s = [image.size for image in images], decoded.times_s
    return {
        "sizes_px": sizes_px,
        "times_s": times_s,
        "facts": msgspec.to_builtins(decoded.facts),
    }, pixels


def send_text(channel: socket.socket, content: dict[str, object]) -> None:
    """One JSON text, its length before it."""
    text = json.dumps(content).encode()
    channel.sendall(LENGTH.pack(len(text)) + text)


def receive(channel: socket.socket, size_bytes: int) -> bytearray:
    """Exactly so many bytes. Raises EOFError when the other side is gone."""
    data = bytearray(size_bytes)
    view = memoryview(data)
    while view:
        count = channel.recv_into(view)
        if not count:
            raise EOFError
        view = view[count:]
    return data


def _give_up_powers(memory_bytes: int) -> None:
    """No memory beyond the limit, no file written, no core dumped, nothing said."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_CORE, 0)
    with suppress(OSError, ValueError):  # macOS has no such limit
        _limit(resource.RLIMIT_AS, memory_bytes)


def _limit(what: int, amount: int) -> None:
    _, hard = resource.getrlimit(what)
    amount = amount if hard == resource.RLIM_INFINITY else min(amount, hard)
    resource.setrlimit(what, (amount, amount))


def _load_decoders() -> None:
    """One thread each, as there are as many workers as cores; and no limit but the request's."""
    import warnings

    from PIL import AvifImagePlugin, Image

    import imgsearch.decode.reader  # noqa: F401  # now rather than at the first photo

    warnings.simplefilter("ignore")
    Image.MAX_IMAGE_PIXELS = None
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    import pillow_heif

    pillow_heif.options.DECODE_THREADS = 1
    pillow_heif.options.THUMBNAILS = False
    pillow_heif.options.DEPTH_IMAGES = False
    pillow_heif.options.AUX_IMAGES = False


if __name__ == "__main__":
    main()
