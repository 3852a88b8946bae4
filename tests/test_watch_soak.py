"""Twenty seconds of what `make soak` runs for ten minutes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.soak import soak

pytestmark = pytest.mark.alone  # measures time


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_the_library_matches_the_disk_after_a_busy_watcher_was_killed(tmp_path: Path) -> None:
    assert "matches the disk" in soak(tmp_path, seconds=20, seed=1)
