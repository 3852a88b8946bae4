"""Decodes in separate processes: a file that crashes, hangs or exhausts its decoder harms no other.

The parent side of `worker`. A process is sent an open file and returns plain pixels, so nothing
that a hostile file does to a decoder reaches the caller.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from typing import BinaryIO, Self, cast

from PIL import Image

from imgsearch.cores import usable_cores
from imgsearch.decode.formats import ImageFormat
from imgsearch.decode.handover import start
from imgsearch.decode.request import DecodeRequest, DecoderOutOfMemory
from imgsearch.decode.worker import (
    READY,
    DecodedReply,
    DecodeReply,
    DecodeTask,
    DiskErrorReply,
    NotesReply,
    NotesTask,
    PhotoErrorReply,
    receive_exactly,
    receive_message,
    send_file,
)
from imgsearch.errors import ImgsearchError, PhotoError, Reason
from imgsearch.process import call_after_fork
from imgsearch.records.files import Decoded
from imgsearch.records.photo import Facts

_START_LIMIT_S = 60.0
_NOTES_LIMIT_S = 10.0  # reading the notes of a photo takes a millisecond


class DecoderPool:
    """Decoder processes, started when first needed, kept, and shared by all threads.

    At most `processes` run at a time (default: one per core); further threads wait. A process has
    `memory_bytes` of address space and `time_limit_s` seconds for a file. After
    `files_per_process` files it is replaced, which frees whatever its decoders leaked. `python` is
    the interpreter that runs them. Close the pool, or use it as a context manager.
    """

    def __init__(
        self,
        processes: int | None = None,
        *,
        time_limit_s: float = 60.0,
        memory_bytes: int = 2 << 30,
        memory_bytes_of_retry: int = 6 << 30,
        files_per_process: int = 500,
        python: str = sys.executable,
    ) -> None:
        self._time_limit_s = time_limit_s
        self._memory_bytes = memory_bytes
        self._memory_bytes_of_retry = memory_bytes_of_retry
        self._files_per_process = files_per_process
        self._python = python
        self._slots = threading.BoundedSemaphore(processes or usable_cores())
        self._idle: list[_DecoderProcess] = []  # append and pop are atomic
        self._retrying = threading.Lock()

    def decode(self, file: BinaryIO, image_format: ImageFormat, request: DecodeRequest) -> Decoded:
        """Do as `decode_in_process`, in another process.

        A file that crashes its process, or exhausts its memory, gets a second chance: alone, in a
        fresh process, with more memory. So no file is blamed for what another did. Raises, besides
        what `decode_in_process` raises, PhotoError with the reasons CRASHED and TIMED_OUT.
        """
        task = DecodeTask(image_format.name, request)
        with _with_descriptor(file) as real_file:
            try:
                with self._process() as process:
                    return process.decode(real_file, task)
            except PhotoError as error:
                if error.reason is not Reason.CRASHED and not isinstance(error, DecoderOutOfMemory):
                    raise
            with self._retrying:
                process = self._start(self._memory_bytes_of_retry)
                try:
                    return process.decode(real_file, task)
                finally:
                    process.close()

    def with_maker_notes(self, facts: Facts, file: BinaryIO) -> Facts:
        """Return `facts` with the additions of the maker's notes in the file; needs exiv2.

        Notes never fail a photo: the facts stay as they are where reading the notes fails, crashes
        its process, or takes more than ten seconds.
        """
        try:
            with _with_descriptor(file) as real_file, self._process() as process:
                return process.with_maker_notes(facts, real_file)
        except PhotoError:
            return facts

    @property
    def idle_process_ids(self) -> tuple[int, ...]:
        """The ids of the processes that wait for a file. The last of them gets the next one."""
        return tuple(process.id for process in self._idle)

    def close(self) -> None:
        """End the processes that are idle."""
        while self._idle:
            self._idle.pop().close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _process(self) -> Iterator[_DecoderProcess]:
        """Provide a process, once one of those that may run is free."""
        with self._slots:
            process = self._idle_process() or self._start(self._memory_bytes)
            try:
                yield process
            finally:
                if process.usable:
                    self._idle.append(process)
                else:
                    process.close()

    def _idle_process(self) -> _DecoderProcess | None:
        with suppress(IndexError):
            while True:
                process = self._idle.pop()
                if process.alive:
                    return process
                process.close()
        return None

    def _start(self, memory_bytes: int) -> _DecoderProcess:
        return _DecoderProcess(
            self._python, memory_bytes, self._time_limit_s, self._files_per_process
        )


class _DecoderProcess:
    """One process and the socket to it. Used by one thread at a time."""

    def __init__(self, python: str, memory_bytes: int, time_limit_s: float, files: int) -> None:
        command = [python, "-P", "-m", "imgsearch.decode.worker", str(memory_bytes)]
        self._time_limit_s = time_limit_s
        self._files_left = files
        self._process, self._channel = start(command, _environment())
        self._channel.settimeout(_START_LIMIT_S)
        try:
            if receive_message(self._channel, str) != READY:
                raise ValueError("malformed reply from the decoder process")
        except (OSError, EOFError, ValueError) as error:
            self.close()
            raise ImgsearchError(
                f"The decoder process does not start. To see why, run: {' '.join(command)}"
            ) from error

    @property
    def id(self) -> int:
        return self._process.pid

    @property
    def usable(self) -> bool:
        """Whether it may decode another file."""
        return self._files_left > 0

    @property
    def alive(self) -> bool:
        """Whether the process runs; it ends by itself after a minute without work."""
        return self._process.poll() is None

    def decode(self, file: BinaryIO, task: DecodeTask) -> Decoded:
        """Have one file decoded. After anything but a proper reply, it is not `usable`."""
        with self._exchange(file, task, self._time_limit_s):
            reply: DecodedReply | PhotoErrorReply | DiskErrorReply
            reply = receive_message(self._channel, DecodeReply)  # type: ignore[arg-type]  # a union
            images = self._receive_images(reply, task.request)
        match reply:
            case DiskErrorReply():
                raise OSError(reply.errno, reply.message)
            case PhotoErrorReply(out_of_memory=True):
                raise DecoderOutOfMemory(reply.message)
            case PhotoErrorReply():
                raise PhotoError(reply.reason, reply.message)
        first, *others = images
        return Decoded(
            first,
            reply.facts,
            tuple(others),
            reply.times_s,
            reply.has_unread_notes,
            reply.orientation,
        )

    def with_maker_notes(self, facts: Facts, file: BinaryIO) -> Facts:
        """Have the notes of one file read. After anything but a proper reply, not `usable`."""
        with self._exchange(file, NotesTask(facts), min(_NOTES_LIMIT_S, self._time_limit_s)):
            return receive_message(self._channel, NotesReply).facts

    @contextmanager
    def _exchange(
        self, file: BinaryIO, task: DecodeTask | NotesTask, time_limit_s: float
    ) -> Iterator[None]:
        """Send a task; the block receives the reply. Raises PhotoError for a crash or a timeout."""
        files_left, self._files_left = self._files_left - 1, 0
        self._channel.settimeout(time_limit_s)
        try:
            send_file(self._channel, task, file, self._process.pid)
            yield
        except TimeoutError as error:
            message = f"Decoding it takes more than {time_limit_s:.0f} seconds."
            raise PhotoError(Reason.TIMED_OUT, message) from error
        except (OSError, EOFError, ValueError) as error:
            signal_name = self._killed_by()
            raise PhotoError(Reason.CRASHED, f"Its decoder crashed{signal_name}.") from error
        self._files_left = files_left

    def close(self) -> None:
        self._channel.close()
        self._process.kill()  # it has nothing to clean up
        self._process.wait()

    def _receive_images(self, reply: object, request: DecodeRequest) -> list[Image.Image]:
        images = []
        for width_px, height_px in reply.sizes_px if isinstance(reply, DecodedReply) else ():
            request.check_size(width_px, height_px)
            pixels = receive_exactly(self._channel, width_px * height_px * 3)
            size_px = (width_px, height_px)
            images.append(Image.frombuffer("RGB", size_px, pixels, "raw", "RGB", 0, 1))
        return images

    def _killed_by(self) -> str:
        """Return the signal that ended the process, in parentheses.

        "" where there is none to name.
        """
        self.close()
        number = -(self._process.returncode or 0)
        told = {known.value for known in signal.Signals} - {getattr(signal, "SIGKILL", None)}
        known = number in told
        return f" ({signal.Signals(number).name})" if known else ""


@contextmanager
def _with_descriptor(file: BinaryIO) -> Iterator[BinaryIO]:
    """Provide the same bytes as a file that can be sent to another process."""
    if not isinstance(file, BytesIO):
        yield file
        return
    with tempfile.TemporaryFile() as real_file:
        real_file.write(file.getbuffer())
        real_file.flush()
        yield cast(BinaryIO, real_file)  # Windows wraps it


def _environment() -> dict[str, str]:
    """Return this process's environment and import path; libraries use one thread each."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONWARNINGS"}
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    return environment | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


# ---------------------------------------------------------------------------- the shared pool

_shared = DecoderPool()
_inherited: list[DecoderPool] = []


def shared_pool() -> DecoderPool:
    """Return the pool that this whole process shares. It is closed at exit."""
    return _shared


def _after_fork() -> None:
    """Give a forked process its own pool: two processes must not share one socket."""
    global _shared
    _inherited.append(_shared)  # kept, since deleting it would wait for the parent's processes
    _shared = DecoderPool()


call_after_fork(_after_fork)
atexit.register(lambda: _shared.close())
