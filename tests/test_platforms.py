"""The branches for systems that these tests do not run on, by injecting what they would call."""

from __future__ import annotations

import errno
import io
import json
import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from imgsearch import Library, Settings
from imgsearch.cli.streams import escape_unknown_characters
from imgsearch.decode.handover import receive_header_and_file, send_header_and_file
from imgsearch.decode.maker_notes import place_or_bytes
from imgsearch.desktop import opening
from imgsearch.errors import PackLocked, UsageError
from imgsearch.file_locks import lock_file_beside, lock_open_file
from imgsearch.indexer.folder_choices import usual_folders
from imgsearch.indexer.volumes import WINDOWS_VOLUME, MountTable, windows_mounts
from imgsearch.outputs.file_names import safe_name
from imgsearch.outputs.held_folder import LOCK_FILE
from imgsearch.outputs.links import LinkChanges, update_links
from imgsearch.paths import (
    database_uri,
    for_system,
    from_system,
    is_absolute,
    leads_out,
    path_coding,
    spelled_as_on_disk,
    with_slashes,
)
from imgsearch.replacing import rename_over
from imgsearch.service.address import (
    PORT_FILE,
    LoopbackAddress,
    PrivateAddress,
    UnixAddress,
)
from imgsearch.service.client import Client, ServiceUnavailable
from imgsearch.store.pack_writer import writing_pack
from tests.factories import CHECKOUT, PATIENCE_S, wait_until, write_photos
from tests.pack_factory import INFO, photo_of
from tests.stand_in import StandIn

# ------------------------------------------------------------------------- locks

HOLD_LOCK_FILE = """
import sys, time
from pathlib import Path
from imgsearch.file_locks import lock_file_beside
with lock_file_beside(Path(sys.argv[1]), wait=False):
    print("held", flush=True)
    time.sleep(600)
"""
HOLD_OPEN_FILE = """
import sys, time
from imgsearch.file_locks import lock_open_file
with open(sys.argv[1], "r+b") as file:
    lock_open_file(file.fileno(), wait=False)
    print("held", flush=True)
    time.sleep(600)
"""


def held_by_process(code: str, path: Path) -> subprocess.Popen[str]:
    """A process that holds the lock of a file until it is killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(path)],
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    return process


def test_a_lock_file_is_free_when_its_process_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "some.lock"
    with held_by_process(HOLD_LOCK_FILE, path) as process:
        with pytest.raises(BlockingIOError), lock_file_beside(path, wait=False):
            pass
        process.kill()
        process.wait(PATIENCE_S)
    with lock_file_beside(path, wait=True):
        pass


def test_an_open_file_is_free_when_its_process_is_killed(tmp_path: Path) -> None:
    if sys.platform == "win32":
        pytest.skip("needs Unix")
    path = tmp_path / "some"
    path.touch()
    with held_by_process(HOLD_OPEN_FILE, path) as process, path.open("r+b") as file:
        with pytest.raises(BlockingIOError):
            lock_open_file(file.fileno(), wait=False)
        process.kill()
        process.wait(PATIENCE_S)
        lock_open_file(file.fileno(), wait=True)


@pytest.mark.parametrize("lock_open_files", [True, False])
def test_a_pack_is_written_by_one_at_a_time(tmp_path: Path, lock_open_files: bool) -> None:
    pack = tmp_path / "1.imgsearch"
    with writing_pack(pack, INFO, lock_open_files) as writer:
        writer.add([photo_of(1)])
        locked = pytest.raises(PackLocked, match="Another imgsearch is writing the pack")
        with locked, writing_pack(pack, INFO, lock_open_files):
            pass
    first = pack.read_bytes()
    with pytest.raises(KeyboardInterrupt), writing_pack(pack, INFO, lock_open_files) as writer:
        raise KeyboardInterrupt
    assert pack.read_bytes() == first
    left = {entry.name for entry in tmp_path.iterdir()} - {pack.name}
    assert left == (set() if lock_open_files else {f".{pack.name}.new.lock"})  # as on Unix


# ------------------------------------------------------------------------- links

PHOTOS = {1: Path("/p/a.jpg"), 2: Path("/p/b.jpg"), 3: Path("/q/a.jpg")}


def test_links_are_kept_in_a_folder_that_cannot_be_held(tmp_path: Path) -> None:
    folder = tmp_path / "frame"
    assert update_links(folder, "s", PHOTOS, can_hold=False) == LinkChanges(3, 0)
    (folder / "b.jpg").unlink()
    (folder / "b.jpg").write_text("a file of the user's")
    assert update_links(folder, "s", {1: PHOTOS[1]}, can_hold=False) == LinkChanges(0, 1)
    assert os.readlink(folder / "a.jpg") == "/p/a.jpg"
    assert (folder / "b.jpg").read_text() == "a file of the user's"
    assert update_links(folder, "s", {}, can_hold=True) == LinkChanges(0, 1)
    with pytest.raises(UsageError, match="is not a folder"):
        update_links(folder / "b.jpg", "s", PHOTOS, can_hold=False)
    with pytest.raises(UsageError, match="There is no folder"):
        update_links(tmp_path / "none" / "frame", "s", PHOTOS, can_hold=False)


def test_a_foreign_folder_stays_as_it_is_where_it_cannot_be_held(tmp_path: Path) -> None:
    write_photos(tmp_path / "photos", 1)
    with pytest.raises(UsageError, match="not links of imgsearch"):
        update_links(tmp_path / "photos", "s", PHOTOS, can_hold=False)
    # filelock removes its file on Windows, and leaves it here.
    assert {path.name for path in (tmp_path / "photos").iterdir()} == {"0000.png", LOCK_FILE}


def test_a_list_that_became_a_link_is_not_followed(tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "frame", tmp_path / "elsewhere"
    for can_hold in (True, False):
        update_links(folder, "s", PHOTOS, can_hold=can_hold)
        elsewhere.write_text("precious")
        part = folder / ".imgsearch-links.json.part"
        part.symlink_to(elsewhere)
        with pytest.raises(Exception, match="Cannot keep links"):
            update_links(folder, "s", {}, can_hold=can_hold)
        assert elsewhere.read_text() == "precious"
        part.unlink()


def test_names_that_differ_by_case_alone_are_one_name_where_they_are(tmp_path: Path) -> None:
    photos = {1: Path("/p/A.jpg"), 2: Path("/q/a.jpg"), 3: Path("/r/\u00e9"), 4: Path("/s/e\u0301")}
    update_links(tmp_path / "exact", "s", photos, folds_names=False)
    links = {path.name for path in (tmp_path / "exact").iterdir() if path.is_symlink()}
    assert links == {"A.jpg", "a.jpg", "\u00e9", "e\u0301"}
    update_links(tmp_path / "folded", "s", photos, folds_names=True)
    links = {path.name for path in (tmp_path / "folded").iterdir() if path.is_symlink()}
    assert links == {"A.jpg", "a (2).jpg", "\u00e9", "e\u0301 (4)"}
    assert update_links(tmp_path / "folded", "s", photos, folds_names=True) == LinkChanges()


def test_windows_without_the_right_to_make_links_is_told(tmp_path: Path) -> None:
    def refuse(target: str, name: str, folder: int | None) -> None:
        error = OSError(errno.EINVAL, "A required privilege is not held by the client")
        error.winerror = 1314  # type: ignore[attr-defined,unused-ignore]
        raise error

    with pytest.raises(UsageError, match="Developer Mode"):
        update_links(tmp_path / "frame", "s", PHOTOS, make_link=refuse)


# ------------------------------------------------------------------------- the service

SERVING = """
import sys
from imgsearch import Library, Settings
from imgsearch.service.address import LoopbackAddress
from imgsearch.service.server import Network, serve
from tests.stand_in import StandIn

library = Library.open(Settings.load(data_dir=sys.argv[1]), encoder=StandIn())
ready = lambda running: print(running.file, running.port, flush=True)
serve(library, Network(0, "a-token-for-the-tests"), None, ready, address=LoopbackAddress())
"""


def test_a_service_at_the_loopback_interface_answers_its_user_alone(tmp_path: Path) -> None:
    settings = Settings.load(data_dir=tmp_path / "library")
    with Library.open(settings, encoder=StandIn()) as library:
        library.index([write_photos(tmp_path / "photos", 3)]).run()
    file = settings.data_dir / PORT_FILE
    client = Client(settings, address=LoopbackAddress())
    with pytest.raises(ServiceUnavailable):
        client.call(Library.find, "sort:path")
    with subprocess.Popen(
        [sys.executable, "-c", SERVING, settings.data_dir],
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        name, network_port = process.stdout.readline().rsplit(maxsplit=1)
        assert Path(name) == file
        if sys.platform != "win32":
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
        written = json.loads(file.read_text())

        def is_answered() -> bool:
            try:
                return len(client.call(Library.find, "sort:path").hits) == 3
            except ServiceUnavailable:
                return False

        wait_until(is_answered)
        port = int(written["port"])
        assert status(port, written["secret"]) == 200
        assert status(port, None) == status(port, "a" * 43) == 401
        assert status(int(network_port), "a-token-for-the-tests") == 200
        file.write_text(json.dumps({**written, "secret": "wrong"}))
        with pytest.raises(ServiceUnavailable):
            client.call(Library.find, "sort:path")
        process.terminate()
        process.wait(PATIENCE_S)
    assert sys.platform == "win32" or not file.exists()  # there it is killed


def status(port: int, token: str | None) -> int:
    """The status code that a request with this token is answered with."""
    head = "" if token is None else f"Authorization: Bearer {token}\r\n"
    with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as connection:
        connection.sendall(f"GET /hello HTTP/1.1\r\nHost: localhost\r\n{head}\r\n".encode())
        return int(connection.recv(100).split()[1])


@pytest.mark.parametrize("address", [UnixAddress(), LoopbackAddress()])
def test_a_service_that_was_killed_is_not_reached(tmp_path: Path, address: PrivateAddress) -> None:
    with pytest.raises(FileNotFoundError):
        address.connected(tmp_path, 1.0)
    bound = address.bound(tmp_path)
    bound.socket.close()
    assert address.file(tmp_path).exists()
    with pytest.raises(ConnectionRefusedError):
        address.connected(tmp_path, 1.0)
    again = address.bound(tmp_path)  # in its place
    again.socket.listen()
    address.connected(tmp_path, 1.0).socket.close()
    again.socket.close()


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'{"port": 0, "secret": "x"}', b'{"port": 8, "secret": "a\\nb"}']
)
def test_a_damaged_file_of_the_port_means_no_service(tmp_path: Path, content: bytes) -> None:
    (tmp_path / PORT_FILE).write_bytes(content)
    with pytest.raises(FileNotFoundError):
        LoopbackAddress().connected(tmp_path, 1.0)


# ------------------------------------------------------------------------- decoders


@pytest.mark.parametrize("attaches", [True, False])
def test_a_decoder_process_receives_an_open_file(tmp_path: Path, attaches: bool) -> None:
    if attaches and sys.platform == "win32":
        pytest.skip("needs Unix")
    photo = tmp_path / "photo"
    photo.write_bytes(b"pixels")
    asked = []

    def duplicate(descriptor: int, process_id: int) -> int:
        asked.append(process_id)
        return os.dup(descriptor)

    parent, child = socket.socketpair()
    with parent, child:
        with photo.open("rb") as file:
            send_header_and_file(parent, b"head", file, 99, attaches=attaches, duplicate=duplicate)
        parent.sendall(b"body")
        received = receive_header_and_file(
            child, 4, attaches=attaches, opened=lambda handle: handle
        )
        assert received is not None and received[0] == b"head"
        with os.fdopen(received[1], "rb") as same:
            assert same.read() == b"pixels"
        assert child.recv(9) == b"body"
        assert asked == ([] if attaches else [99])
        parent.close()
        assert receive_header_and_file(child, 4, attaches=attaches) is None


# ------------------------------------------------------------------------- files and paths


def test_a_file_that_is_open_elsewhere_is_replaced_a_moment_later(tmp_path: Path) -> None:
    (tmp_path / "new").write_text("new")
    refusals = [PermissionError()] * 3
    waits: list[float] = []

    def rename(source: str | Path, target: str | Path) -> None:
        if refusals:
            raise refusals.pop()
        os.replace(source, target)

    source, target = tmp_path / "new", tmp_path / "old"
    rename_over(source, target, can_be_busy=True, rename=rename, sleep=waits.append)
    assert target.read_text() == "new" and len(waits) == 3

    def refuse(source: str | Path, target: str | Path) -> None:
        raise PermissionError

    with pytest.raises(PermissionError):
        rename_over(target, source, can_be_busy=True, rename=refuse, sleep=waits.append)
    assert 1 < sum(waits) < 3
    waits.clear()
    with pytest.raises(PermissionError):
        rename_over(target, source, can_be_busy=False, rename=refuse, sleep=waits.append)
    assert waits == []


def test_stored_paths_have_slashes_on_every_system() -> None:
    stored, path = path_coding("\\")
    for written in ("2024\\Rügen\\a b.jpg", "C:\\Users\\Anna", "\\\\nas\\photos", "lone \udcff"):
        assert b"\\" not in stored(written)
        assert path(stored(written)) == written
    assert path(b"\xff.jpg") == "\N{REPLACEMENT CHARACTER}.jpg"  # from a library made on Unix
    stored, path = path_coding("/")
    for name in (b"a\\b.jpg", b"\xff.jpg"):
        assert stored(path(name)) == name


def test_paths_of_windows_in_queries_and_packs() -> None:
    assert is_absolute(with_slashes("C:\\Photos", "\\"), "\\")
    assert is_absolute("/photos", "/") and not is_absolute("C:/Photos", "/")
    assert not is_absolute("Photos", "\\")
    for foreign in ("..\\..\\secret.jpg", "C:secret.jpg", "a.jpg:stream", "a\\b.jpg"):
        assert leads_out(foreign, "\\") and not leads_out(foreign, "/")
    for foreign in ("", "/etc/passwd", "a/../../b", "a\0b"):
        assert leads_out(foreign, "\\") and leads_out(foreign, "/")
    assert not leads_out("2024/a.jpg", "\\")


def test_long_paths_have_the_mark_of_windows() -> None:
    long = "C:\\" + "folder\\" * 40 + "a.jpg"
    assert for_system(long, "\\") == "\\\\?\\" + long
    share = "\\\\nas\\photos\\" + "folder\\" * 40
    assert for_system(share, "\\") == "\\\\?\\UNC\\nas\\photos\\" + "folder\\" * 40
    assert for_system(for_system(long, "\\"), "\\") == for_system(long, "\\")
    assert for_system("C:\\a.jpg", "\\") == "C:\\a.jpg"
    assert for_system("/a" * 300, "/") == "/a" * 300


def test_volumes_of_windows_are_known_whatever_their_letter() -> None:
    volume, reader = "\\\\?\\Volume{4c1b02c1-d990}\\", "\\\\?\\Volume{empty}\\"

    def points(name: str) -> list[str]:
        if name == reader:
            raise OSError("there is no card")
        return ["E:\\", "C:\\Photos\\"]

    mounts = list(windows_mounts(lambda: [reader, volume], points))
    assert [mount.point for mount in mounts] == ["E:\\", "C:\\Photos\\"]
    assert {mount.source for mount in mounts} == {volume}
    assert not any(mount.is_network for mount in mounts)
    assert list(windows_mounts(None, None)) == []


def test_a_long_folder_is_listed_with_the_mark_and_known_without_it() -> None:
    for path in ("C:\\" + "folder\\" * 40, "\\\\nas\\photos\\" + "folder\\" * 40, "C:\\a"):
        assert from_system(for_system(path, "\\")) == path


def test_a_path_is_spelled_as_on_the_disk(tmp_path: Path) -> None:
    on_disk = tmp_path / "Pictures" / "e\u0301te\u0301" / "IMG_1.JPG"
    on_disk.parent.mkdir(parents=True)
    on_disk.touch()
    typed = str(tmp_path / "pictures" / "\u00c9T\u00c9" / "img_1.jpg")
    assert spelled_as_on_disk(typed) == str(on_disk)
    assert spelled_as_on_disk(str(on_disk)) == str(on_disk)
    new = tmp_path / "pictures" / "new" / "A"
    assert spelled_as_on_disk(str(new)) == str(tmp_path / "Pictures" / "new" / "A")
    (tmp_path / "PICTURES").mkdir()  # a file system that tells them apart: neither is meant
    assert spelled_as_on_disk(typed) == typed

    def refuse(folder: str) -> list[str]:
        raise PermissionError

    assert spelled_as_on_disk(typed, refuse) == typed


def test_drives_of_windows_are_offered_but_that_of_the_system(tmp_path: Path) -> None:
    volume = f"{WINDOWS_VOLUME}{{4c1b02c1}}"
    table = tmp_path / "mountinfo"
    rows = [
        f"36 35 98:0 / {point} rw - ntfs {volume} rw".replace("\\", "\\134")
        for point in ("C:\\", "E:\\", "C:\\mounted\\")
    ]
    table.write_text("\n".join(rows))
    choices = usual_folders(tmp_path, MountTable(mountinfo=table))
    assert [str(choice.path) for choice in choices if choice.kind == "drive"] == ["E:\\"]


def test_notes_of_cameras_are_read_where_descriptors_have_no_path(tmp_path: Path) -> None:
    (tmp_path / "photo").write_bytes(b"bytes")
    with (tmp_path / "photo").open("rb") as file:
        file.read()
        assert place_or_bytes(file, has_descriptors=False) == b"bytes"
        assert place_or_bytes(file, has_descriptors=True) == f"/dev/fd/{file.fileno()}"


def test_uris_of_databases() -> None:
    on_windows = database_uri(Path("C:\\Anna & Ben\\100%\\library.db"), "mode=ro", "\\")
    assert on_windows == "file:///C%3A/Anna%20%26%20Ben/100%25/library.db?mode=ro"
    assert database_uri(Path("/a b/\udcff.db"), "mode=ro", "/") == "file:/a%20b/%FF.db?mode=ro"


@pytest.mark.parametrize(
    "name", ["con.jpg", "NUL", "Lpt1.tar.gz", "a:b.jpg", "a?.jpg", "a. ", "a\nb"]
)
def test_reserved_names_get_others(name: str) -> None:
    safe = safe_name(name)
    assert safe != name and safe_name(safe) == safe


# ------------------------------------------------------------------------- terminals and desktops


def test_a_code_page_without_a_character_gets_an_escape() -> None:
    for encoding, written in (
        ("cp1252", "4 × 3 \\u2192"),
        ("ascii", "4 \\xd7 3 \\u2192"),
        ("utf-8", "4 × 3 →"),
    ):
        buffer = io.BytesIO()
        stream = io.TextIOWrapper(buffer, encoding=encoding)
        escape_unknown_characters(stream)
        stream.write("4 × 3 →")
        stream.flush()
        assert buffer.getvalue().decode(encoding) == written


def test_output_in_an_old_encoding_ends_with_no_error(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "imgsearch", "help", "search"],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.isascii() and "Usage: imgsearch search" in done.stdout


def test_each_system_opens_files_by_its_own_command() -> None:
    def found(name: str) -> str | None:
        return f"/usr/bin/{name}"

    assert opening(Path("/a b.jpg"), "linux", found) == ["xdg-open", "/a b.jpg"]
    assert opening(Path("/a b.jpg"), "darwin", found) == ["open", "/a b.jpg"]
    assert opening(Path("/a b.jpg"), "linux", lambda name: None) == []
    assert opening(Path("a&b.jpg"), "win32", found)[-1] == "a&b.jpg"
