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
_PAGE = "test_page.py"
# The test that takes each picture, in the order in which they run: the last but one adds a photo.
_TESTS = {
    **dict.fromkeys(("start", "search", "photo"), (_PAGE, "type_a_query_and_open_a_photo")),
    "video": (_PAGE, "a_video_shows_the_best_matching_moment"),
    "image": (_PAGE, "search_by_an_image_and_by_a_part_of_it"),
    "filters": (_PAGE, "filter_by_date_and_remove_the_filter"),
    "selected": (_PAGE, "select_and_export"),
    "error": (_PAGE, "no_results_and_an_error_in_the_query"),
    "similar": (_PAGE, "near_duplicates"),
    "labels": (_PAGE, "labels"),
    "dark-narrow": (_PAGE, "dark_and_narrow"),
    "library": (_PAGE, "the_library_and_a_new_folder"),
    "empty-dark-narrow": (_PAGE, "an_empty_library_leads_to_adding_a_folder"),
    "answer-by-date": (
        "test_page_answer.py",
        "photos_in_the_order_of_dates_stand_under_their_days",
    ),
    "map": ("test_page_map.py", "clusters_lead_to_their_photos"),
    "saved": (
        "test_page_saved.py",
        "saved_searches_stand_beside_each_other_on_the_start_page",
    ),
    "timeline": ("test_page_timeline.py", "photos_stand_under_days_months_and_trips"),
}


def main(names: list[str]) -> int:
    """Take the pictures with these names, all for none; returns 1 where one was not taken."""
    wanted = names or sorted(_TESTS)
    unknown = set(wanted) - set(_TESTS)
    if unknown:
        raise SystemExit(f"There is no picture {', '.join(sorted(unknown))} in docs/images.")
    with tempfile.TemporaryDirectory() as folder:
        chosen = dict.fromkeys(test for name, test in _TESTS.items() if name in wanted)
        tests = [f"{_E2E / file}::test_{test}" for file, test in chosen]
        environment = {**os.environ, "IMGSEARCH_SCREENSHOTS": folder}
        subprocess.run([sys.executable, "-m", "pytest", "-q", *tests], env=environment)
        missing = [name for name in wanted if not Path(folder, f"{name}.png").is_file()]
        for name in set(wanted) - set(missing):
            with Image.open(Path(folder, f"{name}.png")) as picture:
                picture.convert("RGB").save(IMAGES / f"{name}.webp", quality=QUALITY, method=6)
    if missing:
        sys.stderr.write(f"Not taken: {', '.join(missing)}\n")
    return int(bool(missing))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
