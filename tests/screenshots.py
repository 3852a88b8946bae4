"""Makes the pictures of the page in docs/images: the tests of the page take them.

    python -m tests.screenshots            all of them
    python -m tests.screenshots start map  these

Look at each before it is committed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

IMAGES = Path(__file__).parent.parent / "docs" / "images"
QUALITY = 82
_E2E = Path(__file__).parent / "e2e"
# The test that takes each picture.
_TESTS = {
    "answer-by-date": "test_page_answer.py",
    "dark-narrow": "test_page.py",
    "empty-dark-narrow": "test_page.py",
    "error": "test_page.py",
    "filters": "test_page.py",
    "image": "test_page.py",
    "labels": "test_page.py",
    "library": "test_page.py",
    "map": "test_page_map.py",
    "photo": "test_page.py",
    "saved": "test_page_saved.py",
    "search": "test_page.py",
    "selected": "test_page.py",
    "similar": "test_page.py",
    "start": "test_page.py",
    "timeline": "test_page_timeline.py",
    "video": "test_page.py",
}


def main(names: list[str]) -> int:
    """Take the pictures with these names, all for none; returns 1 where one was not taken."""
    wanted = names or sorted(_TESTS)
    unknown = set(wanted) - set(_TESTS)
    if unknown:
        raise SystemExit(f"There is no picture {', '.join(sorted(unknown))} in docs/images.")
    with tempfile.TemporaryDirectory() as folder:
        files = sorted({str(_E2E / _TESTS[name]) for name in wanted})
        environment = {**os.environ, "IMGSEARCH_SCREENSHOTS": folder}
        subprocess.run([sys.executable, "-m", "pytest", "-q", *files], env=environment)
        missing = [name for name in wanted if not Path(folder, f"{name}.png").is_file()]
        for name in set(wanted) - set(missing):
            with Image.open(Path(folder, f"{name}.png")) as picture:
                picture.convert("RGB").save(IMAGES / f"{name}.webp", quality=QUALITY, method=6)
    if missing:
        sys.stderr.write(f"Not taken: {', '.join(missing)}\n")
    return int(bool(missing))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
