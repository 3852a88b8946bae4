"""The child side of `pool`: a process that decodes the files it is sent, and may crash.

It is started with a socket as its standard input. Each task is a message with an open file
attached; each reply is a message, followed by the pixels. A message is JSON text after its length.
The process cannot write files, has a memory limit, and ends when its parent does.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import sys
import warnings
from typing import Annotated, BinaryIO, TypeVar

import msgspec
from PIL import AvifImagePlugin, Image

from imgsearch.decode.decoders import decode_in_process
from imgsearch.decode.formats import FORMATS_BY_NAME
from imgsearch.decode.handover import (
    inherited_channel,
    receive_header_and_file,
    send_header_and_file,
)
from imgsearch.decode.request import DecodeRequest, DecoderOutOfMemory
from imgsearch.errors import PhotoError, Reason
from imgsearch.process import restrict_decoder
from imgsearch.records.photo import Facts

T = TypeVar("T")

READY = "ready"  # the first message, once the common decoders are loaded
IDLE_LIMIT_S = 60.0  # then it exits: a watcher may see no photo for hours
_LENGTH = struct.Struct("!I")
_MAX_MESSAGE_BYTES = 1 << 20
_MAX_IMAGES = 64  # of one file; a video has several frames


class DecodeTask(msgspec.Struct, tag="decode"):
    """Decode the file that comes with it."""

    format_name: str
    request: DecodeRequest


class NotesTask(msgspec.Struct, tag="notes"):
    """Add what the notes of the camera's maker in the file say to the facts."""

    facts: Facts


Task = DecodeTask | NotesTask


class DecodedReply(msgspec.Struct, tag="decoded"):
    """The file was decoded. The RGB pixels of all images follow."""

    sizes_px: Annotated[list[tuple[int, int]], msgspec.Meta(min_length=1, max_length=_MAX_IMAGES)]
    times_s: tuple[float, ...]
    facts: Facts
    has_unread_notes: bool = False
    orientation: int = 1


class NotesReply(msgspec.Struct, tag="notes"):
    """The facts with what was found."""

    facts: Facts


class PhotoErrorReply(msgspec.Struct, tag="photo_error"):
    """Something is wrong with the photo."""

    reason: Reason
    message: str
    out_of_memory: bool


class DiskErrorReply(msgspec.Struct, tag="disk_error"):
    """The file could not be read."""

    errno: int | None
    message: str | None


DecodeReply = DecodedReply | PhotoErrorReply | DiskErrorReply


def main() -> None:
    """Serve tasks until the parent is gone or idle. The argument: the memory limit in bytes."""
    channel = inherited_channel()
    _drop_privileges(int(sys.argv[1]))
    _configure_decoders()
    send_message(channel, READY)
    while True:
        channel.settimeout(IDLE_LIMIT_S)
        try:
            received = receive_header_and_file(channel, _LENGTH.size)
        except TimeoutError:
            return
        if received is None:
            return
        header, descriptor = received
        channel.settimeout(None)
        task: Task = _parse(receive_exactly(channel, _LENGTH.unpack(header)[0]), Task)  # type: ignore[arg-type]  # a union
        with os.fdopen(descriptor, "rb") as file:
            reply, pixels = _run(task, file)
        send_message(channel, reply)
        channel.sendall(pixels)


def _run(task: Task, file: BinaryIO) -> tuple[DecodeReply | NotesReply, bytes]:
    if isinstance(task, NotesTask):
        from imgsearch.decode.maker_notes import with_maker_notes  # lazy: exiv2 is an extra

        return NotesReply(with_maker_notes(task.facts, file)), b""
    try:
        decoded = decode_in_process(file, FORMATS_BY_NAME[task.format_name], task.request)
        images = (decoded.image, *decoded.others)
        pixels = b"".join(image.tobytes() for image in images)
    except PhotoError as error:
        out_of_memory = isinstance(error, DecoderOutOfMemory)
        return PhotoErrorReply(error.reason, str(error), out_of_memory), b""
    except OSError as error:
        return DiskErrorReply(error.errno, error.strerror), b""
    sizes_px = [image.size for image in images]
    reply = DecodedReply(
        sizes_px, decoded.times_s, decoded.facts, decoded.has_unread_notes, decoded.orientation
    )
    return reply, pixels


# ---------------------------------------------------------------------------- messages


def send_message(channel: socket.socket, message: object) -> None:
    """Send one message."""
    text = _text_of(message)
    channel.sendall(_LENGTH.pack(len(text)) + text)


def send_file(channel: socket.socket, message: object, file: BinaryIO, process_id: int) -> None:
    """Send one message with an open file to the process at the other end."""
    text = _text_of(message)
    send_header_and_file(channel, _LENGTH.pack(len(text)), file, process_id)
    channel.sendall(text)


def _text_of(message: object) -> bytes:
    # json and not msgspec.json, which has no infinity: max_megapixels may be infinite.
    return json.dumps(msgspec.to_builtins(message)).encode()


def receive_message(channel: socket.socket, expected: type[T]) -> T:
    """Receive one message. Raises EOFError when the other side is gone, ValueError for others."""
    (size_bytes,) = _LENGTH.unpack(receive_exactly(channel, _LENGTH.size))
    if size_bytes > _MAX_MESSAGE_BYTES:
        raise ValueError("The message is too long.")
    return _parse(receive_exactly(channel, size_bytes), expected)


def _parse(text: bytearray, expected: type[T]) -> T:
    return msgspec.convert(json.loads(text), expected)


def receive_exactly(channel: socket.socket, size_bytes: int) -> bytearray:
    """Receive `size_bytes` bytes. Raises EOFError when the other side is gone."""
    data = bytearray(size_bytes)
    view = memoryview(data)
    while view:
        count = channel.recv_into(view)
        if not count:
            raise EOFError
        view = view[count:]
    return data


# ---------------------------------------------------------------------------- the process


def _drop_privileges(memory_bytes: int) -> None:
    """Limit the memory, and allow no output, no written file and no core dump, as far as it goes.

    See `restrict_decoder`.
    """
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    restrict_decoder(memory_bytes)


def _configure_decoders() -> None:
    """Let each decoder use one thread, as there are as many processes as cores.

    Pillow's size limit is lifted: each request has its own.
    """
    import pillow_heif  # lazy: the parent imports this module, too, and has no use for it

    warnings.simplefilter("ignore")
    Image.MAX_IMAGE_PIXELS = None
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    pillow_heif.options.DECODE_THREADS = 1
    pillow_heif.options.THUMBNAILS = False
    pillow_heif.options.DEPTH_IMAGES = False
    pillow_heif.options.AUX_IMAGES = False


if __name__ == "__main__":
    main()
