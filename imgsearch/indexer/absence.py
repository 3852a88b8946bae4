"""Says why a file is not in the library."""

from __future__ import annotations

from pathlib import Path

from imgsearch.decode.formats import is_photo_name
from imgsearch.decode.motion import is_live_photo_video
from imgsearch.errors import CommandLine, Sentence
from imgsearch.indexer.ignored import is_ignored
from imgsearch.store.store import Store
from imgsearch.text import shell_word


def why_not_indexed(store: Store, path: Path) -> str:
    """Say why the library has no photo at `path`, in one or two sentences with the cure."""
    for failure in store.failures.of_files():
        if failure.path == path:
            return f"It could not be read ({failure.reason.value}): {failure.message}"
    for failure in store.failures.of_folders():
        if path.is_relative_to(failure.path):
            return f"{failure.path}: {failure.message}"
    try:
        path.lstat()
    except PermissionError:
        return "Its folder cannot be read; check the permissions."
    except OSError:
        return "There is no such file, and the library has no photo with this path. Check its name."
    if path.is_dir():
        return "It is a folder. Name a photo in it."
    root = next(
        (Path(root) for root in store.reads.roots.all().values() if path.is_relative_to(root)), None
    )
    if root is None:
        folder = shell_word(path.parent)
        return Sentence(
            "It is in no folder of the library. Add its folder: ", CommandLine(f"index {folder}")
        )
    for part in path.relative_to(root).parts:
        if is_ignored(part):
            return f"{part} is hidden, incomplete or belongs to another program, so it is skipped."
    if not is_photo_name(path.name):
        return f"Files that end in {path.suffix or 'no suffix'} are not treated as photos."
    if is_live_photo_video(path):
        return "It is the video of a Live Photo: the still image beside it represents both."
    if str(root) in store.reads.roots.paused().values():
        resume = CommandLine(f"folders --resume {shell_word(root)}")
        return Sentence(
            "It was added or changed while its folder is paused. To end the pause: ", resume
        )
    return Sentence("It was added or changed after the last run. Index it: ", CommandLine("index"))
