"""The memory that the C library keeps: how many pools there are, and that it is given back."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.factories import run_python

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="glibc")

THREADS = """
import ctypes, sys, threading
from imgsearch import c_memory
if sys.argv[2] == "shared":
    c_memory.share_between_threads()
barrier = threading.Barrier(6)
def work():
    kept = [bytearray(5_000) for _ in range(100)]
    barrier.wait()  # all at once, each with memory of its own
threads = [threading.Thread(target=work) for _ in range(6)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
file = libc.fopen(sys.argv[1].encode(), b"w")
libc.malloc_info(0, ctypes.c_void_p(file))
libc.fclose(ctypes.c_void_p(file))
"""

FREED = """
import sys
from imgsearch import c_memory
def resident_mb():
    pages = int(open("/proc/self/statm").read().split()[1])
    return pages * 4096 >> 20
blocks = [bytearray(50_000) for _ in range(4_000)]
keep = blocks[-1]  # behind the others, so nothing is freed by itself
del blocks
before = resident_mb()
c_memory.give_back()
print(before - resident_mb())
"""


@pytest.mark.parametrize(("how", "most"), [("shared", 2), ("alone", 64)])
def test_threads_share_two_pools(tmp_path: Path, how: str, most: int) -> None:
    told = tmp_path / "malloc.xml"
    done = run_python(THREADS, told, how)
    assert done.returncode == 0, done.stderr
    pools = told.read_text().count("<heap nr=")
    assert pools <= most
    assert (pools > 2) == (how == "alone")


def test_what_is_free_is_given_back() -> None:
    done = run_python(FREED)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 100
