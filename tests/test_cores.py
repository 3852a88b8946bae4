"""Cores that a process may not use do not count."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

_ON_ONE_CORE = """
import os
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
from imgsearch import Settings
from imgsearch.cores import usable_cores
print(usable_cores(), Settings.load().thread_count, Settings.load(threads=3).thread_count)
"""


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs Linux")
def test_cores_that_a_process_may_not_use_do_not_count() -> None:
    command = [sys.executable, "-c", _ON_ONE_CORE]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    assert answer.stdout.split() == ["1", "1", "3"]
