"""Gives a decoder process its socket and then open files, on each system by its own means.

On Unix, the socket is the standard input of the process, and files are attached to messages on it
(SCM_RIGHTS). On Windows, the socket is described on the standard input, and a file is opened a
second time within the process by DuplicateHandle; the number of that handle follows the message's
header.
"""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import BinaryIO

ATTACHES_FILES = sys.platform != "win32"
_HANDLE = struct.Struct("!Q")
_SHARED_SIZE = struct.Struct("!I")


def start(
    command: list[str], environment: Mapping[str, str]
) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """Start a decoder process that Ctrl-C does not reach. Returns it and the socket to it."""
    channel, child_end = socket.socketpair()
    quiet = subprocess.DEVNULL
    with child_end:
        if sys.platform != "win32":
            process = subprocess.Popen(
                command,
                stdin=child_end.fileno(),
                stdout=quiet,
                stderr=quiet,
                env=environment,
                start_new_session=True,  # Ctrl-C in the terminal must not look like a crash
            )
            return process, channel
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=quiet,
            stderr=quiet,
            env=environment,
            creationflags=subprocess.CREATE_NEW_PROCESS_GROUP,
        )
        shared = child_end.share(process.pid)
        assert process.stdin is not None
        with process.stdin as stdin:
            stdin.write(_SHARED_SIZE.pack(len(shared)) + shared)
    return process, channel


def inherited_channel() -> socket.socket:
    """Return the socket to the parent, in a process that `start` started."""
    if sys.platform != "win32":
        return socket.socket(fileno=os.dup(0))
    (size_bytes,) = _SHARED_SIZE.unpack(sys.stdin.buffer.read(_SHARED_SIZE.size))
    return socket.fromshare(sys.stdin.buffer.read(size_bytes))


def duplicate_handle(descriptor: int, process_id: int) -> int:
    """Open a file a second time, within another process; returns the handle there."""
    if sys.platform != "win32":
        raise NotImplementedError("Only Windows has handles.")
    import _winapi
    import msvcrt

    receiver = _winapi.OpenProcess(_winapi.PROCESS_DUP_HANDLE, False, process_id)
    try:
        return _winapi.DuplicateHandle(
            _winapi.GetCurrentProcess(),
            msvcrt.get_osfhandle(descriptor),
            receiver,
            0,
            False,
            _winapi.DUPLICATE_SAME_ACCESS,
        )
    finally:
        _winapi.CloseHandle(receiver)


def open_handle(handle: int) -> int:
    """Return a descriptor for a handle of this process."""
    if sys.platform != "win32":
        raise NotImplementedError("Only Windows has handles.")
    import msvcrt

    return msvcrt.open_osfhandle(handle, os.O_RDONLY)


def send_header_and_file(
    channel: socket.socket,
    header: bytes,
    file: BinaryIO,
    process_id: int,
    *,
    attaches: bool = ATTACHES_FILES,
    duplicate: Callable[[int, int], int] = duplicate_handle,
) -> None:
    """Send the header of a message, and with it an open file, to the process at the other end."""
    if not attaches:
        channel.sendall(header + _HANDLE.pack(duplicate(file.fileno(), process_id)))
    elif sys.platform != "win32":
        socket.send_fds(channel, [header], [file.fileno()])


def receive_header_and_file(
    channel: socket.socket,
    header_bytes: int,
    *,
    attaches: bool = ATTACHES_FILES,
    opened: Callable[[int], int] = open_handle,
) -> tuple[bytes, int] | None:
    """Return the next header and the descriptor of its file; None when the sender is gone.

    Raises TimeoutError if nothing comes in time.
    """
    if not attaches:
        received = b""
        while missing := header_bytes + _HANDLE.size - len(received):
            part = channel.recv(missing)
            if not part:
                return None
            received += part
        (handle,) = _HANDLE.unpack(received[header_bytes:])
        return received[:header_bytes], opened(handle)
    if sys.platform == "win32":
        raise NotImplementedError("Windows attaches no files to messages.")
    header, descriptors, _, _ = socket.recv_fds(channel, header_bytes, 1)
    return (header, descriptors[0]) if len(header) == header_bytes and descriptors else None
