"""Files beside photos are replaced so that no edit is lost, whenever a program edits or is killed.

Each moment is held: the exchange of two names is an argument, in place of which a test edits the
file, or ends the process, just before or just after.
"""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from imgsearch import Library
from imgsearch.decode.xmp_rating import rating_in
from imgsearch.exchanging import exchange
from imgsearch.file_locks import lock_open_file
from imgsearch.written_beside import (
    EditedMeanwhile,
    NotWritten,
    digest_of,
    is_left_name,
    recover,
    replace_beside,
)
from tests.factories import IS_ROOT, run_cli, write_photos, write_xmp
from tests.stand_in import StandIn

OLD, NEW, THEIRS, LATER = b"old", b"new", b"theirs", b"later"
Exchange = Callable[[Path, Path], bool]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "photo.jpg.xmp"
    path.write_bytes(OLD)
    return path


def names_in(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


def saved_over(path: Path, content: bytes) -> None:
    """Save as programs do: a new file takes the name."""
    other = path.with_name("saving")
    other.write_bytes(content)
    other.replace(path)


def test_the_content_is_replaced_and_nothing_is_left(file: Path) -> None:
    replace_beside(file, NEW, digest_of(OLD))
    assert file.read_bytes() == NEW and names_in(file.parent) == [file.name]
    other = file.with_name("b.xmp")
    replace_beside(other, NEW, None)
    assert other.read_bytes() == NEW and len(names_in(file.parent)) == 2


@pytest.mark.parametrize("save", [saved_over, Path.write_bytes])
@pytest.mark.parametrize("can_exchange", [True, False])
def test_an_edit_between_the_last_comparison_and_the_exchange_is_kept(
    file: Path, save: Callable[[Path, bytes], object], can_exchange: bool
) -> None:
    rounds: list[bytes] = []

    def edited_first(one: Path, other: Path) -> bool:
        if not rounds:
            save(file, THEIRS)
        rounds.append(file.read_bytes())
        return can_exchange and exchange(one, other)

    with pytest.raises(EditedMeanwhile):
        replace_beside(file, NEW, digest_of(OLD), exchange=edited_first)
    assert file.read_bytes() == THEIRS and names_in(file.parent) == [file.name]


def test_the_last_of_several_edits_is_kept(file: Path) -> None:
    contents = iter((THEIRS, LATER))

    def edited_first(one: Path, other: Path) -> bool:
        if (content := next(contents, None)) is not None:
            saved_over(file, content)
        return exchange(one, other)

    with pytest.raises(EditedMeanwhile):
        replace_beside(file, NEW, digest_of(OLD), exchange=edited_first)
    assert file.read_bytes() == LATER and names_in(file.parent) == [file.name]


def test_a_file_that_is_deleted_at_the_last_moment_stays_away(file: Path) -> None:
    def deleted_first(one: Path, other: Path) -> bool:
        file.unlink()
        return exchange(one, other)

    with pytest.raises(EditedMeanwhile):
        replace_beside(file, NEW, digest_of(OLD), exchange=deleted_first)
    assert names_in(file.parent) == []


def test_a_file_that_is_not_wanted_any_more_is_not_written(file: Path) -> None:
    with pytest.raises(NotWritten, match="the photo has changed"):
        replace_beside(file, NEW, digest_of(OLD), lambda: "the photo has changed")
    assert file.read_bytes() == OLD and names_in(file.parent) == [file.name]


def test_rights_owner_and_extended_attributes_stay(file: Path) -> None:
    if sys.platform != "linux":
        pytest.skip("Python has extended attributes of Linux alone")
    os.setxattr(file, "user.note", b"Lisbon")
    file.chmod(0o640)
    if IS_ROOT:
        os.chown(file, 12345, 23456)
    before = file.stat()
    replace_beside(file, NEW, digest_of(OLD))
    after = file.stat()
    assert file.read_bytes() == NEW and os.getxattr(file, "user.note") == b"Lisbon"
    assert (after.st_uid, after.st_gid) == (before.st_uid, before.st_gid)
    assert stat.S_IMODE(after.st_mode) == 0o640


# As another user than the owner of the file, in a folder that both may write.
_AS_ANOTHER_USER = """
import os, sys
from pathlib import Path
from imgsearch.written_beside import digest_of, replace_beside
os.setgid(23456); os.setuid(23456)
try:
    replace_beside(Path(sys.argv[1]), b"new", digest_of(b"old"))
except OSError as error:
    print(error.strerror)
"""


@pytest.mark.skipif(not IS_ROOT, reason="only root may be another user")
def test_a_file_whose_owner_cannot_be_kept_is_left_as_it_is(file: Path) -> None:
    if sys.platform == "win32":
        pytest.skip("Windows has no numbers of users")
    os.chown(file, 12345, 12345)
    for folder in file.parents:
        if folder == Path(tempfile.gettempdir()):
            break
        folder.chmod(0o777)  # whichever of them pytest keeps for its own user
    file.chmod(0o666)
    command = [sys.executable, "-c", _AS_ANOTHER_USER, str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "it belongs to another user or group, which cannot be kept\n"
    assert (file.read_bytes(), file.stat().st_uid) == (OLD, 12345)
    assert names_in(file.parent) == [file.name]


# ------------------------------------------------------------------------- killed

# The process ends before the exchange, or after it, where the file may have been edited first.
_KILLED = """
import os, signal, sys
from pathlib import Path
from imgsearch.exchanging import exchange
from imgsearch.written_beside import digest_of, replace_beside
file, moment = Path(sys.argv[1]), sys.argv[2]
def killed(one, other):
    if moment == "edited":
        file.write_bytes(b"theirs")
    if moment != "before":
        exchange(one, other)
    os.kill(os.getpid(), signal.SIGKILL)
def not_asked():
    if moment == "written":
        os.kill(os.getpid(), signal.SIGKILL)
replace_beside(file, b"new", digest_of(b"old"), not_asked, exchange=killed)
"""


def killed_at(moment: str, file: Path) -> Path:
    """Write in a process that is killed at a moment; returns the file that it left."""
    if sys.platform == "win32":
        pytest.skip("Windows has no signal that kills")
    command = [sys.executable, "-c", _KILLED, str(file), moment]
    assert subprocess.run(command).returncode == -signal.SIGKILL
    (left,) = [each for each in file.parent.iterdir() if is_left_name(each.name)]
    return left


@pytest.mark.parametrize(
    ("moment", "kept"),
    [("written", OLD), ("before", OLD), ("after", NEW), ("edited", THEIRS)],
)
def test_a_kill_at_any_moment_loses_nothing_and_what_it_left_is_removed(
    file: Path, moment: str, kept: bytes
) -> None:
    left = killed_at(moment, file)
    assert recover(left)
    assert file.read_bytes() == kept and names_in(file.parent) == [file.name]


def test_an_edit_that_came_out_stays_where_its_name_was_edited_again(file: Path) -> None:
    left = killed_at("edited", file)
    file.write_bytes(LATER)
    assert not recover(left)
    assert (file.read_bytes(), left.read_bytes()) == (LATER, THEIRS)
    file.write_bytes(OLD)
    with pytest.raises(FileExistsError) as refused:
        replace_beside(file, NEW, digest_of(OLD))
    assert "run imgsearch doctor" in str(refused.value.strerror)
    assert (file.read_bytes(), left.read_bytes()) == (OLD, THEIRS)
    file.unlink()
    assert not recover(left) and left.read_bytes() == THEIRS


@pytest.mark.skipif(sys.platform == "win32", reason="no locks on open folders")
def test_what_a_process_still_writes_is_left_alone(file: Path) -> None:
    left = killed_at("before", file)
    descriptor = os.open(file.parent, os.O_RDONLY)
    try:
        lock_open_file(descriptor, wait=False)
        assert not recover(left) and left.exists()
    finally:
        os.close(descriptor)
    assert recover(left)


def test_names_of_other_files_are_not_taken_for_ours(tmp_path: Path) -> None:
    for name in (".imgsearch.json", ".part", "a.xmp", ".a.xmp", ".imgsearch-12-ab-cd.part"):
        assert not is_left_name(name)
    assert is_left_name(".0001.png.xmp.imgsearch.part"), "as version 0.1.0 called them"
    folder = tmp_path / ".0001.png.xmp.imgsearch.part"
    folder.mkdir()
    assert not recover(folder) and folder.is_dir()


# ------------------------------------------------------------------------- in a library


@pytest.fixture
def stocked(library: Library, stand_in: StandIn, tmp_path: Path) -> Library:
    library.index([write_photos(tmp_path / "photos", 2)]).run()
    return library


@pytest.mark.parametrize("name", [".0000.png.xmp.imgsearch.part", None])
@pytest.mark.parametrize("command", [["index"], ["doctor", "--repair"]])
def test_index_and_doctor_remove_what_a_killed_run_left(
    stocked: Library, tmp_path: Path, command: list[str], name: str | None
) -> None:
    photos, data = tmp_path / "photos", stocked.settings.data_dir
    if name is not None:
        (photos / name).write_bytes(b"half")
    else:
        file = photos / "0000.png.xmp"
        file.write_bytes(b"old")
        killed_at("edited", file)
        assert file.read_bytes() == NEW
    found = run_cli("doctor", data=data)
    assert "Killed runs left 1 file beside photos" in found.stdout, found.stderr
    done = run_cli(*command, data=data)
    assert not any(is_left_name(each) for each in names_in(photos)), done.stderr
    if name is None:
        assert (photos / "0000.png.xmp").read_bytes() == THEIRS
    assert "Killed runs" not in run_cli("doctor", data=data).stdout


def test_the_longest_names_get_their_file(
    library: Library, stand_in: StandIn, tmp_path: Path
) -> None:
    photos = write_photos(tmp_path / "photos", 1)
    long = photos / f"{'a' * 247}.png"
    (photos / "0000.png").rename(long)
    library.index([photos]).run()
    library.marks.set([1], rating=4)
    for stars in (4, 5):
        library.marks.set([1], rating=stars)
        (change,) = library.marks.write_sidecars(library.marks.plan_sidecars().run()).run()
        assert change.problem is None and rating_in(change.sidecar.read_bytes()) == stars


@pytest.mark.parametrize("other", ["a.gpr", "a.PSD"])
def test_the_file_of_a_picture_that_is_not_indexed_is_not_taken_for_that_of_a_photo(
    library: Library, stand_in: StandIn, make_photo: Callable[..., Path], other: str
) -> None:
    photo = make_photo("photos/a.jpg")
    photo.with_name(other).write_bytes(b"not read")
    sidecar = write_xmp(photo.with_name("a.xmp"), 1)
    library.index([photo.parent]).run()
    library.marks.set([1], rating=5)
    (change,) = library.marks.write_sidecars(library.marks.plan_sidecars().run()).run()
    assert change.problem == (
        f"it may be that of {other}, which imgsearch does not read; rename it a.jpg.xmp if it is "
        "that of a.jpg"
    )
    assert rating_in(sidecar.read_bytes()) == 1
    sidecar.rename(photo.with_name("a.jpg.xmp"))  # as the message says
    (change,) = library.marks.write_sidecars(library.marks.plan_sidecars().run()).run()
    assert change.problem is None and rating_in(change.sidecar.read_bytes()) == 5
    change.sidecar.unlink()
    (planned,) = library.marks.plan_sidecars(adobe_names=True).run()
    assert planned.change.problem is not None
    assert planned.change.problem.endswith("leave out --adobe-names")
    (planned,) = library.marks.plan_sidecars().run()
    assert planned.change.problem is None and planned.change.sidecar.name == "a.jpg.xmp"
