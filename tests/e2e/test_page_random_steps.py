"""Quick steps at random end where the address says: see `tests/random_steps.py`."""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests import random_steps
from tests.browsing import NEEDS_BROWSER, TOKEN, serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = NEEDS_BROWSER


@pytest.mark.parametrize("seed", [1, 2])
def test_quick_steps_end_at_their_address(browser: Browser, tmp_path: Path, seed: int) -> None:
    with serving(random_steps.make_library(tmp_path)) as address:
        profile = browser.new_context()
        profile.request.get(f"{address}/?token={TOKEN}")
        found = random_steps.run(profile, address, random.Random(seed), sequences=1, steps=12)
        profile.close()
    assert not found, "\n".join(map(str, found))
