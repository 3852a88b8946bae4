"""The groups of test files, each with a target of its own in the Makefile.

Their tests get the name of the group as a marker: `pytest -m archives`. What no group has is the
group `library`, which `make test` runs.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

LIBRARY = "library"
# Patterns of paths in the folder `tests`.
GROUPS = {
    # Catalogues in Lance tables, fleets that fill them, object storage and clusters.
    "archives": (
        "test_archive*.py",
        "test_library_photos.py",
        "test_copied_items.py",
        "test_copies_of_archives.py",
        "test_deploy.py",
        "test_direct_search.py",
        "test_fleet*.py",
        "test_mounts.py",
        "test_replica*.py",
        "features/test_backup.py",
        "features/test_people_archive*.py",
        "features/test_people_replicas.py",
        "features/test_text_archives.py",
        "e2e/test_page_archive.py",
        "e2e/test_serve_archive.py",
    ),
    # The service and the server for assistants, as processes, with their workers and sockets.
    "service": ("e2e/test_mcp*.py", "e2e/test_serve*.py", "test_home_container.py"),
    # What indexes promise, at sizes at which their kinds differ, and maps that are laid out.
    "indexes": (
        "contracts/test_indexes.py",
        "features/test_meaning.py",
        "test_index_plugin.py",
        "test_snapshots.py",
    ),
    # Checkouts that lack a feature, each in turn.
    "absence": ("test_absent_features.py",),
    # Minutes for a few promises: random steps on a disk, processes that are killed at many moments,
    # odd values of all options, all that commands ask of the network and write, the site of the
    # documentation, what guides tell users to do, each command in a process, and packages that are
    # built and installed.
    "long": (
        "e2e/test_cli_interrupted.py",
        "features/test_backup_commands.py",
        "test_crash_snapshots.py",
        "test_feature_plugin.py",
        "test_odd_arguments.py",
        "test_reconcile_model.py",
        "test_site.py",
        "test_troubleshooting.py",
        "test_watch_soak.py",
        "e2e/test_privacy.py",
    ),
    # Kinds of encoders: their contract, how models are converted and measured, their hub, and a
    # library that goes from one to another.
    "models": (
        "contracts/test_encoders.py",
        "test_encoder_change.py",
        "test_encoders.py",
        "test_int8.py",
        "test_lite_dino.py",
        "test_model_hub.py",
        "test_preparation.py",
        "test_prepared_without_torch.py",
        "test_remote_encoder.py",
        "test_successor.py",
    ),
    # The views of the web page, each in a real browser. `e2e/test_page.py`, its main paths, is in
    # no group.
    "page": ("e2e/test_page_*.py",),
    # How the built-in model was trained, and how imgsearch compares with other programs.
    "research": (
        "test_bench_*.py",
        "test_hubness_captions.py",
        "test_lite_towers.py",
        "test_lite_train.py",
        "test_objectives.py",
        "test_querybank.py",
        "test_towns.py",
    ),
    # What each feature does, but for what a group before has.
    "each_feature": ("features/test_*.py",),
}
_TESTS = Path(__file__).parent


def group_of(file: Path) -> str:
    """The group of a test file."""
    return next((name for name in GROUPS if file in files_of(name)), LIBRARY)


@cache
def files_of(name: str, tests: Path = _TESTS) -> frozenset[Path]:
    """The files of a group in the folder `tests`: those that a pattern names and no group before.

    Those of `library` are what no pattern names.
    """
    names = (*GROUPS, LIBRARY)
    before = (files_of(each, tests) for each in names[: names.index(name)])
    patterns = GROUPS.get(name, ("**/test_*.py",))
    found = frozenset(file for pattern in patterns for file in tests.glob(pattern))
    return found.difference(*before)
