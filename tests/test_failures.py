"""Files that failed: which are tried again, when, and what is reported about them."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from imgsearch import Library, MissingExtra, Settings
from imgsearch.decode.reader import decode, decoder_fingerprint
from imgsearch.errors import Reason, UsageError
from imgsearch.indexer import sync
from imgsearch.indexer.reading import PhotoDecoder
from imgsearch.installation import install_command
from imgsearch.progress import Job, SyncReport
from imgsearch.records.files import Decoded
from imgsearch.store.store import Store
from tests.factories import context_of
from tests.stand_in import StandIn

MakePhoto = Callable[..., Path]
pytestmark = pytest.mark.usefixtures("stand_in")  # `library` embeds with it
HALF_JXL = b"\xff\x0a" + bytes(range(200))


class RecordingDecoder:
    """A decoder that records the names of the files it decodes.

    Those in `unreadable` fail as on a bad disk. `fingerprint` may be changed.
    """

    def __init__(self) -> None:
        self.unreadable: set[str] = set()
        self.fingerprint = decoder_fingerprint()
        self._names: list[str] = []

    def decode(
        self, path: Path, min_side_px: int, max_megapixels: float, *, all_frames: bool
    ) -> Decoded:
        self._names.append(path.name)
        if path.name in self.unreadable:
            raise OSError(5, "Input/output error")
        return decode(path, min_side_px, max_megapixels, all_frames=all_frames)

    def take_names(self) -> list[str]:
        """The files that were decoded since the last call, sorted."""
        names, self._names = sorted(self._names), []
        return names


@pytest.fixture
def decoder() -> RecordingDecoder:
    return RecordingDecoder()


Index = Callable[..., SyncReport]


@pytest.fixture
def index(library: Library, decoder: RecordingDecoder) -> Index:
    """Indexes these folders into the library, or all of its folders, with `decoder`."""
    photo_decoder = PhotoDecoder(decoder.decode, lambda: decoder.fingerprint)
    context = context_of(library.settings, StandIn(), decoder=photo_decoder)

    def run(*folders: Path) -> SyncReport:
        return Job(sync.index(context, [str(folder) for folder in folders], False, False)).run()

    return run


@pytest.fixture
def folder(make_photo: MakePhoto) -> Path:
    """A good photo, one that is a text, and one that is cut off."""
    folder = make_photo("photos/good.png").parent
    (folder / "text.jpg").write_text("this is not an image")
    (folder / "half.png").write_bytes((folder / "good.png").read_bytes()[:80])
    return folder


def reasons(library: Library) -> dict[str, str]:
    return {failure.path.name: failure.reason.value for failure in library.folders.failures()}


def test_content_that_failed_is_not_decoded_again_at_any_path(
    library: Library, folder: Path, decoder: RecordingDecoder, index: Index
) -> None:
    report = index(folder)
    assert (report.new, report.failed) == (1, 2)
    assert decoder.take_names() == ["good.png", "half.png", "text.jpg"]
    index()
    assert decoder.take_names() == []

    (folder / "half.png").rename(folder / "moved.png")
    shutil.copy(folder / "text.jpg", folder / "again.jpg")
    (folder / "text.jpg").touch()
    assert index().failed == 3
    assert decoder.take_names() == [], "the same content would fail again"
    cut_off = reasons(library)["moved.png"]
    assert cut_off in ("truncated", "damaged")
    assert reasons(library) == {
        "again.jpg": "not-an-image", "moved.png": cut_off, "text.jpg": "not-an-image",
    }  # fmt: skip

    shutil.copy(folder / "text.jpg", folder / "text.nef")
    index()
    assert decoder.take_names() == ["text.nef"], "the suffix may decide the format"

    (folder / "moved.png").write_bytes((folder / "good.png").read_bytes())
    assert index().moved == 1
    assert "moved.png" not in reasons(library)


def test_failed_files_are_tried_again_with_other_decoders(
    folder: Path, decoder: RecordingDecoder, index: Index
) -> None:
    index(folder)
    decoder.take_names()
    decoder.fingerprint = "pillow 99"
    index()
    assert decoder.take_names() == ["half.png", "text.jpg"], "but not the readable file"
    index()
    assert decoder.take_names() == [], "only once"


def test_failed_files_are_tried_again_with_a_higher_limit(
    tmp_path: Path, make_photo: MakePhoto
) -> None:
    folder = make_photo("photos/large.png", side_px=2000).parent
    low, high = (
        Settings.load(data_dir=tmp_path / "library", encoder="lite", max_megapixels=limit)
        for limit in (1, 200)
    )
    with Library.open(low, encoder=StandIn()) as library:
        library.index([folder]).run()
        assert reasons(library) == {"large.png": "too-large"}
    with Library.open(high, encoder=StandIn()) as library:
        assert library.index().run().new == 1


def test_files_that_need_an_extra_are_tried_again_once_it_is_installed(
    library: Library,
    folder: Path,
    decoder: RecordingDecoder,
    index: Index,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    installed = decoder.fingerprint
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "pillow_jxl", None)  # as if it were not installed
        decoder.fingerprint = "pillow-jxl-plugin -"
        for number in range(3):
            (folder / f"{number}.jxl").write_bytes(HALF_JXL + bytes([number]))
        index(folder)
        status = library.status()
        assert status.wants == (MissingExtra("jxl", "JPEG XL", 3, install_command("jxl")),)
        (failure,) = (each for each in library.folders.failures() if each.path.name == "0.jxl")
        assert (failure.reason, failure.extra) == (Reason.UNSUPPORTED, "jxl")
        assert failure.message.startswith("JPEG XL files need one more package")
        decoder.take_names()
        index()
        assert decoder.take_names() == []
    pytest.importorskip("pillow_jxl")
    decoder.fingerprint = installed
    index()
    assert {"0.jxl", "1.jxl", "2.jxl"} <= set(decoder.take_names())
    assert library.status().wants == (), "the extra is installed, but the files are damaged"


def test_reasons_that_may_be_temporary_are_tried_at_each_run(
    library: Library, folder: Path, decoder: RecordingDecoder, index: Index
) -> None:
    decoder.unreadable = {"good.png"}
    index(folder)
    decoder.unreadable = set()
    assert reasons(library)["good.png"] == "unreadable"
    shutil.copy(folder / "good.png", folder / "copy.png")
    decoder.take_names()
    index()
    assert "half.png" not in decoder.take_names(), "its reason is permanent"
    assert set(reasons(library)) == {"half.png", "text.jpg"}


def test_unreadable_folders_are_listed_before_the_files(
    library: Library, folder: Path, index: Index
) -> None:
    index(folder)
    root_id = library.folders.get(folder).id
    with closing(Store.open(library.settings.data_dir, writable=True)) as store:
        store.failures.set_folders(root_id, str(folder), {str(folder / "locked"): "no permission"})
    first, *files = library.folders.failures()
    assert (first.path, first.reason) == (folder / "locked", Reason.UNREADABLE)
    assert [failure.path.name for failure in files] == ["half.png", "text.jpg"]
    assert library.folders.failures(["unreadable"]) == (first,)
    assert first not in library.folders.failures(["not-an-image"])


def test_failed_files_are_tried_again_on_demand(
    library: Library, folder: Path, index: Index
) -> None:
    index(folder)
    steps = [step.path for step in library.folders.retry(["not-an-image"])]
    assert steps == [folder / "text.jpg"]
    assert [failure.path.name for failure in library.folders.failures(["not-an-image"])] == [
        "text.jpg"
    ]
    (folder / "text.jpg").unlink()
    steps = [step.path for step in library.folders.retry()]
    assert steps == [folder / "half.png"], "a removed file is left to the next scan"
    assert "text.jpg" in reasons(library)
    for function in (library.folders.retry, library.folders.failures):
        with pytest.raises(UsageError, match="not-an-image"):
            function(["ugly"])


def test_a_retry_decodes_content_that_is_known_to_fail(
    library: Library, folder: Path, decoder: RecordingDecoder, index: Index
) -> None:
    index(folder)
    decoder.take_names()
    photo_decoder = PhotoDecoder(decoder.decode, lambda: decoder.fingerprint)
    context = context_of(library.settings, StandIn(), decoder=photo_decoder)
    report = Job(sync.retry(context, [Reason.NOT_AN_IMAGE])).run()
    assert decoder.take_names() == ["text.jpg"] and report.failed == 1


def test_failures_without_a_fingerprint_are_tried_once_more(
    folder: Path, decoder: RecordingDecoder, index: Index, tmp_path: Path
) -> None:
    index(folder)
    with (
        Store.open(tmp_path / "library", writable=True) as store,
        store.database.engine.begin() as connection,
    ):
        connection.exec_driver_sql("UPDATE failures SET content_hash = NULL, read_by = NULL")
    decoder.take_names()
    index()
    assert decoder.take_names() == ["half.png", "text.jpg"]
