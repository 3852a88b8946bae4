"""Limits and counters of a process, by the calls of each operating system."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

if sys.platform == "win32":
    import ctypes
    from ctypes import wintypes

    class _Counters(ctypes.Structure):
        """PROCESS_MEMORY_COUNTERS."""

        _fields_ = (
            ("cb", wintypes.DWORD),
            ("PageFaultCount", wintypes.DWORD),
            ("PeakWorkingSetSize", ctypes.c_size_t),
            ("WorkingSetSize", ctypes.c_size_t),
            ("QuotaPeakPagedPoolUsage", ctypes.c_size_t),
            ("QuotaPagedPoolUsage", ctypes.c_size_t),
            ("QuotaPeakNonPagedPoolUsage", ctypes.c_size_t),
            ("QuotaNonPagedPoolUsage", ctypes.c_size_t),
            ("PagefileUsage", ctypes.c_size_t),
            ("PeakPagefileUsage", ctypes.c_size_t),
        )

    def _peak_working_set_bytes() -> int:
        """`PeakWorkingSetSize` of GetProcessMemoryInfo (psapi.h); 0 where the call fails."""
        counters = _Counters(cb=ctypes.sizeof(_Counters))
        kernel = ctypes.WinDLL("kernel32")
        kernel.GetCurrentProcess.restype = wintypes.HANDLE
        query = kernel.K32GetProcessMemoryInfo
        query.argtypes = (wintypes.HANDLE, ctypes.POINTER(_Counters), wintypes.DWORD)
        done = query(kernel.GetCurrentProcess(), ctypes.byref(counters), counters.cb)
        return int(counters.PeakWorkingSetSize) if done else 0

else:
    import resource

    def _limit(kind: int, amount: int) -> None:
        _, hard = resource.getrlimit(kind)
        amount = amount if hard == resource.RLIM_INFINITY else min(amount, hard)
        resource.setrlimit(kind, (amount, amount))


def _peak_since_start_bytes() -> int | None:
    """Return `VmHWM` of Linux (proc_pid_status(5)); None on other systems.

    `ru_maxrss` would be that of a larger process which has started this one.
    """
    with suppress(OSError), Path("/proc/self/status").open("rb") as status:
        for line in status:
            if line.startswith(b"VmHWM:"):
                return int(line.split()[1]) * 1024
    return None


def peak_memory_bytes() -> int:
    """Return the most physical memory that this process has used at once."""
    if sys.platform == "win32":
        peak_bytes = _peak_working_set_bytes()
    elif (since_start := _peak_since_start_bytes()) is not None:
        peak_bytes = since_start
    else:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        peak_bytes = peak if sys.platform == "darwin" else peak * 1024
    return peak_bytes


def restrict_decoder(memory_bytes: int) -> None:
    """Let this process write no file and dump no core, and limit its memory.

    macOS has no limit of memory. Windows has none of these for a process that sets them itself.
    """
    if sys.platform != "win32":
        _limit(resource.RLIMIT_FSIZE, 0)
        _limit(resource.RLIMIT_CORE, 0)
        with suppress(OSError, ValueError):  # macOS
            _limit(resource.RLIMIT_AS, memory_bytes)


def call_after_fork(function: Callable[[], None]) -> None:
    """Have a function called in each process that this one forks. Windows does not fork."""
    if sys.platform != "win32":
        os.register_at_fork(after_in_child=function)
