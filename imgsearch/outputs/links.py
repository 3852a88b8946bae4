"""Keeps a folder of symbolic links in step with a set of photos.

Nothing but links is ever made, replaced or removed. A file in the folder lists the links that are
ours, with their targets. It is written before links are made and after others are removed, so it
lists all of ours whenever the process ends. A link is removed only if it is in that list and still
leads where the list says; a link is never made where there is anything.
"""

from __future__ import annotations

import errno
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

from msgspec import Struct
from msgspec.structs import replace

from imgsearch.errors import DiskError, UsageError
from imgsearch.outputs.held_folder import CAN_HOLD, HeldFolder, MakeLink, held_folder, symlink
from imgsearch.paths import FOLDS_NAMES, folded

LIST_FILE = ".imgsearch-links.json"
_PART_FILE = f"{LIST_FILE}.part"
_SHOWN_FILES = 3
_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)
_NO_PRIVILEGE = 1314  # ERROR_PRIVILEGE_NOT_HELD of Windows


class OwnLink(Struct, frozen=True):
    """A link that is ours: its name in the folder, its photo, and where it leads."""

    name: str
    photo_id: int
    target: str


class LinkChanges(Struct, frozen=True):
    """The number of links that were made and removed."""

    made: int = 0
    removed: int = 0


def update_links(
    folder: Path,
    name: str,
    wanted: Mapping[int, Path],
    kept: Collection[int] = (),
    other_names: Collection[str] = (),
    make_link: MakeLink = symlink,
    can_hold: bool = CAN_HOLD,
    folds_names: bool = FOLDS_NAMES,
) -> LinkChanges:
    """Make `folder` have a link to each of the `wanted` photos, by id, and to no other.

    It is created if its parent exists. Links to photos in `kept` stay as they are; those of wanted
    photos keep their names. A link has the name of its photo, with the photo's id if the name is
    taken. `name` is the saved search whose links they are, `other_names` those that there are
    besides.

    Raises UsageError for a folder with files that are not links of ours, for one of another saved
    search, and for a file system without links; DiskError where it cannot be written.
    """
    with _opened(folder, can_hold) as held:
        listed = _read_list(folder, held, name, other_names)
        ours = {each.name: each for each in listed if _target_of(each.name, held) == each.target}
        plan = _plan(ours, wanted, kept, held.exists, folded if folds_names else str)
        removed = [each for each in ours.values() if plan.get(each.name) != each]
        made = [each for each in plan.values() if ours.get(each.name) != each]
        if not removed and not made and set(plan.values()) == set(listed):
            return LinkChanges()
        _write_list(held, name, dict.fromkeys([*ours.values(), *plan.values()]))
        for link in removed:
            if _target_of(link.name, held) == link.target:
                held.remove(link.name)
        for link in made:
            _make(make_link, folder, link, held)
        _write_list(held, name, plan.values())
    return LinkChanges(len(made), len(removed))


def _plan(
    ours: Mapping[str, OwnLink],
    wanted: Mapping[int, Path],
    kept: Collection[int],
    exists: Callable[[str], bool],
    same: Callable[[str], str],
) -> dict[str, OwnLink]:
    """Return the links that there should be, by name.

    Names with one result of `same` are one there.
    """
    plan = {link.name: link for link in ours.values() if link.photo_id in kept}
    known = {link.photo_id: link for link in ours.values()}
    for photo_id, path in wanted.items():
        link = known.get(photo_id)
        if link is not None and Path(link.target).name == path.name:
            plan[link.name] = replace(link, target=str(path))
    planned = {link.photo_id for link in plan.values()}
    taken = {same(name) for name in plan}
    own = {same(name) for name in ours}
    for photo_id, path in wanted.items():
        if photo_id in planned:
            continue
        name, number = path.name, 1
        while same(name) in taken or (same(name) not in own and exists(name)):
            counted = "" if number == 1 else f"-{number}"
            name = f"{path.stem} ({photo_id}{counted}){path.suffix}"
            number += 1
        plan[name] = OwnLink(name, photo_id, str(path))
        taken.add(same(name))
    return plan


# ------------------------------------------------------------------------- the folder


@contextmanager
def _opened(folder: Path, can_hold: bool) -> Iterator[HeldFolder]:
    """Provide the folder, created if need be, under its lock."""
    try:
        with suppress(FileExistsError):
            folder.mkdir()
        with held_folder(folder, can_hold) as held:
            yield held
    except FileNotFoundError:
        raise UsageError(f"There is no folder {folder.parent} to make {folder.name} in.") from None
    except NotADirectoryError:
        raise UsageError(f"{folder} is not a folder. Choose a folder for the links.") from None
    except OSError as error:
        _raise_disk_error(folder, error)


def _make(make_link: MakeLink, folder: Path, link: OwnLink, held: HeldFolder) -> None:
    try:
        held.make_link(make_link, link.target, link.name)
    except FileExistsError:  # made by somebody else just now: it is theirs
        return
    except OSError as error:
        if getattr(error, "winerror", None) == _NO_PRIVILEGE:
            raise UsageError(
                "Windows lets this user make no symbolic links. Switch on its Developer Mode, or "
                "keep a list of the photos instead: --list NAME=FILE"
            ) from error
        if error.errno in _NO_LINKS:
            raise UsageError(
                f"The file system of {folder} has no symbolic links. Choose a folder on another "
                "disk, or keep a list of the photos instead: --list NAME=FILE"
            ) from error
        raise


def _target_of(link: str, held: HeldFolder) -> str | None:
    """Return the target of a link; None for anything that is not a link."""
    try:
        return held.target(link)
    except OSError:
        return None


def _raise_disk_error(folder: Path, error: OSError) -> NoReturn:
    raise DiskError(
        f"Cannot keep links in {folder} ({error.strerror}). Make room there and make it writable, "
        "or choose another folder."
    ) from error


# ------------------------------------------------------------------------- the list of ours


def _read_list(
    folder: Path, held: HeldFolder, name: str, other_names: Collection[str]
) -> list[OwnLink]:
    try:
        file = held.open_to_read(LIST_FILE)
    except FileNotFoundError:
        foreign = sorted(set(held.names()) - {_PART_FILE})
        if foreign:
            shown = ", ".join([*foreign[:_SHOWN_FILES], *(["…"] if foreign[_SHOWN_FILES:] else [])])
            raise UsageError(
                f"{folder} has files that are not links of imgsearch ({shown}). Choose an empty "
                "folder, or a new one, for the links."
            ) from None
        return []
    with file:
        content = file.read()
    try:
        form = json.loads(content)
        owner = str(form["saved_search"])
        links = [OwnLink(str(link), int(id), str(target)) for link, id, target in form["links"]]
    except (ValueError, KeyError, TypeError):
        raise UsageError(
            f"{folder / LIST_FILE} is damaged, so imgsearch no longer knows which links in "
            f"{folder} are its own. Choose another folder for the links."
        ) from None
    if owner != name and owner in other_names:
        raise UsageError(
            f"{folder} has the links of the saved search {owner!r}. Choose another folder for "
            f"those of {name!r}."
        )
    return links


def _write_list(held: HeldFolder, name: str, links: Iterable[OwnLink]) -> None:
    """Write the list whole or not at all. A name may be in it twice: as it leads now, and soon."""
    form = {
        "about": "Symbolic links that imgsearch keeps in step with a saved search",
        "saved_search": name,
        "links": [(link.name, link.photo_id, link.target) for link in links],
    }
    with held.open_to_write(_PART_FILE) as file:
        file.write(json.dumps(form, ensure_ascii=True, indent=1).encode("ascii"))
    held.replace(_PART_FILE, LIST_FILE)
