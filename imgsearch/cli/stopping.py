"""Ends a command soon after Ctrl-C, although the model or a decoder is still at work.

Python loses an interrupt that comes while it calls a weak reference's function or `__del__`: it
prints a traceback and goes on. `keep_interrupts` sends it again.

Threads that compute cannot be stopped, and a batch takes many seconds on a slow machine. What is
recorded is recorded completely or not at all, so the process may end at any moment: the batches in
work are done again by the next run.
"""

from __future__ import annotations

import _thread
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from imgsearch.cli.remarks import INTERRUPTED, print_error

GRACE_S = 1.5  # for the current batch after a signal
_AGAIN_S = 0.01  # until then the function that was interrupted has returned
_SHOW_CURSOR = "\x1b[?25h"  # a progress bar hides it

_said = threading.Event()


def say_stopped() -> None:
    """Print, once, that the command was stopped."""
    if not _said.is_set():
        _said.set()
        print_error("Stopped. Finished work is saved; run the same command again to continue.")


def keep_interrupts() -> None:
    """Let no Ctrl-C be lost in code whose exceptions Python ignores."""
    show = sys.unraisablehook

    def send_again(unraisable: sys.UnraisableHookArgs) -> None:
        if not issubclass(unraisable.exc_type, KeyboardInterrupt):
            show(unraisable)
            return
        timer = threading.Timer(_AGAIN_S, _thread.interrupt_main)
        timer.daemon = True
        timer.start()

    sys.unraisablehook = send_again


@contextmanager
def ending_soon() -> Iterator[None]:
    """Let Ctrl-C in the block end the process `GRACE_S` later, if it has not ended by then.

    A separate thread waits for the signal, since the main thread may be blocked inside a model.
    """
    if threading.current_thread() is not threading.main_thread():  # only it receives signals
        yield
        return
    reader, writer = socket.socketpair()  # Windows takes no pipe here
    writer.setblocking(False)
    before = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    interrupted = threading.Event()

    def wait() -> None:
        while number := reader.recv(1):
            if number[0] == signal.SIGINT:
                interrupted.set()
                break
        else:
            return
        threading.Event().wait(GRACE_S)
        say_stopped()
        if sys.stderr.isatty():
            sys.stderr.write(_SHOW_CURSOR)
        sys.stderr.flush()
        os._exit(INTERRUPTED)

    thread = threading.Thread(target=wait, name="imgsearch-stopping", daemon=True)
    thread.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        writer.close()  # the thread ends, unless a signal came: then the process does
        if not interrupted.is_set():
            thread.join()
        reader.close()
