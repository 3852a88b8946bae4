"""Decodes in processes that may die: a file that crashes, hangs or eats memory costs itself only.

Workers are started when first needed, kept, and shared by all threads. They are handed an open
file and hand back plain pixels, so nothing a hostile file does to them reaches this process.
"""

from __future__ import annotations

import atexit
import dataclasses
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from typing import TYPE_CHECKING, BinaryIO

import msgspec

from imgsearch.decode.formats import ImageFormat
from imgsearch.decode.request import DecodeRequest, DecoderOutOfMemory
from imgsearch.decode.worker import LENGTH, MAX_TEXT_BYTES, receive
from imgsearch.errors import ImgsearchError, PhotoError, Reason
from imgsearch.records.files import Decoded
from imgsearch.records.photo import Facts

if TYPE_CHECKING:
    from PIL.Image import Image

TIME_LIMIT_S = 60.0
MEMORY_LIMIT_BYTES = 2 << 30  # of address space, while others work beside it
MEMORY_LIMIT_ALONE_BYTES = 6 << 30
_START_LIMIT_S = 60.0
_MAX_IMAGES = 64  # of one file; of a video some frames
_FILES_A_WORKER = 500  # then it is replaced, so that what a decoder leaks is given back


def read(file: BinaryIO, family: ImageFormat, request: DecodeRequest) -> Decoded:
    """As `reader.read`, in another process.

    A file that kills its worker, or finds too little memory there, gets a second chance: alone,
    in a fresh worker, with more memory. So none is blamed for what another did. Raises, besides
    what `reader.read` raises, PhotoError with the reasons CRASHED and TIMED_OUT.
    """
    with _with_descriptor(file) as real:
        try:
            return _pool.ask(real, family, request)
        except PhotoError as error:
            if error.reason is not Reason.CRASHED and not isinstance(error, DecoderOutOfMemory):
                raise
        return _pool.ask_alone(real, family, request)


@contextmanager
def _with_descriptor(file: BinaryIO) -> Iterator[BinaryIO]:
    """The same bytes as a file that another process can be handed."""
    if not isinstance(file, BytesIO):
        yield file
        return
    with tempfile.TemporaryFile() as real:
        real.write(file.getbuffer())
        real.flush()
        yield real


class _Worker:
    """One process and the socket to it. Used by one thread at a time."""

    def __init__(self, memory_bytes: int) -> None:
        self._channel, theirs = socket.socketpair()
        code = ["-P", "-m", "imgsearch.decode.worker", str(memory_bytes)]
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, *code],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=_environment(),
                start_new_session=True,  # Ctrl-C is for us: it must not look like a crash
            )
        self._files_left = _FILES_A_WORKER
        self._channel.settimeout(_START_LIMIT_S)
        try:
            self._receive_text()
        except (OSError, EOFError, ValueError) as error:
            self.close()
            raise ImgsearchError(
                "The process that decodes photos does not start; to see why, run: "
                f"{sys.executable} {' '.join(code)}"
            ) from error

    @property
    def usable(self) -> bool:
        return self._files_left > 0

    @property
    def alive(self) -> bool:
        """Whether the process is there; one that was idle for long has left."""
        return self._process.poll() is None

    def ask(self, file: BinaryIO, family: ImageFormat, request: DecodeRequest) -> Decoded:
        """Have one file decoded. After anything but an answer the worker is not usable."""
        left, self._files_left = self._files_left - 1, 0
        self._channel.settimeout(TIME_LIMIT_S)
        try:
            self._send(file, family, request)
            answer = self._receive_text()
            decoded = self._decoded(answer, request) if "sizes_px" in answer else None
        except TimeoutError as error:
            message = f"Decoding it takes more than {TIME_LIMIT_S:.0f} seconds."
            raise PhotoError(Reason.TIMED_OUT, message) from error
        except (OSError, EOFError, ValueError, TypeError) as error:
            why = self._cause_of_death()
            raise PhotoError(Reason.CRASHED, f"Its decoder crashed{why}.") from error
        self._files_left = left
        if decoded is None:
            raise _failure(answer)
        return decoded

    def close(self) -> None:
        self._channel.close()
        self._process.kill()  # it has nothing to put in order
        self._process.wait()

    def _send(self, file: BinaryIO, family: ImageFormat, request: DecodeRequest) -> None:
        wanted = {"family": family.name, **dataclasses.asdict(request)}
        text = json.dumps(wanted).encode()
        socket.send_fds(self._channel, [LENGTH.pack(len(text))], [file.fileno()])
        self._channel.sendall(text)

    def _receive_text(self) -> dict[str, object]:
        (size_bytes,) = LENGTH.unpack(receive(self._channel, LENGTH.size))
        if size_bytes > MAX_TEXT_BYTES:
            raise ValueError("an answer too long to be one")
        answer = json.loads(receive(self._channel, size_bytes))
        if not isinstance(answer, dict):
            raise ValueError("an answer that is none")
        return answer

    def _decoded(self, answer: dict[str, object], request: DecodeRequest) -> Decoded:
        sizes_px, times_s, facts = answer["sizes_px"], answer["times_s"], answer["facts"]
        if not isinstance(sizes_px, list) or not 1 <= len(sizes_px) <= _MAX_IMAGES:
            raise ValueError("an answer that is none")
        if not isinstance(times_s, list) or not isinstance(facts, dict):
            raise ValueError("an answer that is none")
        images = [self._image(size_px, request) for size_px in sizes_px]
        times = tuple(float(time_s) for time_s in times_s)
        return Decoded(images[0], msgspec.convert(facts, Facts), tuple(images[1:]), times)

    def _image(self, size_px: list[int], request: DecodeRequest) -> Image:
        from PIL import Image

        width_px, height_px = (int(side) for side in size_px)
        request.check(width_px, height_px)
        pixels = receive(self._channel, width_px * height_px * 3)
        return Image.frombuffer("RGB", (width_px, height_px), pixels, "raw", "RGB", 0, 1)

    def _cause_of_death(self) -> str:
        self.close()
        number = -(self._process.returncode or 0)
        known = number in {known.value for known in signal.Signals} and number != signal.SIGKILL
        return f" ({signal.Signals(number).name})" if known else ""


def _failure(answer: dict[str, object]) -> Exception:
    message = str(answer.get("message"))
    if "errno" in answer:
        return OSError(answer["errno"], message)
    reason = Reason(str(answer.get("reason")))
    return (
        DecoderOutOfMemory(message) if answer.get("out_of_memory") else PhotoError(reason, message)
    )


def _environment() -> dict[str, str]:
    """Ours, with the same import path, and no thread pools: workers are the threads."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONWARNINGS"}
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    return environment | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


class _Pool:
    """As many workers as cores, lent to whichever thread asks; the others wait."""

    def __init__(self) -> None:
        self._slots = threading.BoundedSemaphore(os.cpu_count() or 1)
        self._idle: list[_Worker] = []  # append and pop are atomic
        self._alone = threading.Lock()

    def ask(self, file: BinaryIO, family: ImageFormat, request: DecodeRequest) -> Decoded:
        with self._slots:
            worker = self._idle_one() or _Worker(MEMORY_LIMIT_BYTES)
            try:
                return worker.ask(file, family, request)
            finally:
                if worker.usable:
                    self._idle.append(worker)
                else:
                    worker.close()

    def _idle_one(self) -> _Worker | None:
        with suppress(IndexError):
            while True:
                worker = self._idle.pop()
                if worker.alive:
                    return worker
                worker.close()
        return None

    def ask_alone(self, file: BinaryIO, family: ImageFormat, request: DecodeRequest) -> Decoded:
        """With more memory than others, one at a time, in a worker no other file has touched."""
        with self._alone:
            worker = _Worker(MEMORY_LIMIT_ALONE_BYTES)
            try:
                return worker.ask(file, family, request)
            finally:
                worker.close()

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()


_pool = _Pool()
_pools_of_parents: list[_Pool] = []


def _after_fork() -> None:
    """A forked process starts workers of its own: two may not talk through one socket."""
    global _pool
    _pools_of_parents.append(_pool)  # kept, as forgetting them would wait for their processes
    _pool = _Pool()


os.register_at_fork(after_in_child=_after_fork)
atexit.register(lambda: _pool.close())
