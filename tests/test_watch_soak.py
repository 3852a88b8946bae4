"""Twenty seconds of the soak that `make soak` runs for ten minutes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.soak import soak

pytestmark = pytest.mark.alone  # it measures time, or waits for it


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="counts with /proc")
def test_busy_and_killed_the_library_is_right_at_the_end(tmp_path: Path) -> None:
    assert "what the disk is" in soak(tmp_path, seconds=20, seed=1)
