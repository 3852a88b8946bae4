"""The ledger of failures: what is tried again, when, and what is told of it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from imgsearch import Library, MissingExtra, Settings
from imgsearch.decode import reader
from imgsearch.errors import Reason, UsageError
from imgsearch.indexer import pipeline
from imgsearch.store.store import Store
from tests.stand_in import StandIn

MakePhoto = Callable[..., Path]
HALF_JXL = b"\xff\x0a" + bytes(range(200))

pytestmark = pytest.mark.usefixtures("stand_in")


class Tried:
    """The names of the files that were decoded; those in `unreadable` fail like a bad disk."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.unreadable: set[str] = set()

    def taken(self) -> list[str]:
        """What was decoded since this was asked last."""
        names, self.names = sorted(self.names), []
        return names


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> Tried:
    seen, decode = Tried(), reader.decode

    def watched(path: Path, *limits: float, **options: bool) -> object:
        seen.names.append(path.name)
        if path.name in seen.unreadable:
            raise OSError(5, "Input/output error")
        return decode(path, *limits, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(pipeline, "decode", watched)
    return seen


@pytest.fixture
def folder(make_photo: MakePhoto) -> Path:
    """A good photo, one that is none, and one that is cut off."""
    folder = make_photo("photos/good.png").parent
    (folder / "text.jpg").write_text("this is not an image")
    (folder / "half.png").write_bytes((folder / "good.png").read_bytes()[:80])
    return folder


def reasons(library: Library) -> dict[str, str]:
    return {failure.path.name: failure.reason.value for failure in library.failures()}


def test_a_content_that_failed_is_not_decoded_again_anywhere(
    library: Library, folder: Path, tried: Tried
) -> None:
    report = library.index([folder]).run()
    assert (report.new, report.failed) == (1, 2)
    assert tried.taken() == ["good.png", "half.png", "text.jpg"]
    library.index().run()
    assert tried.taken() == []

    (folder / "half.png").rename(folder / "moved.png")
    shutil.copy(folder / "text.jpg", folder / "again.jpg")
    (folder / "text.jpg").touch()
    assert library.index().run().failed == 3
    assert tried.taken() == [], "same bytes, so it would fail again"
    cut_off = reasons(library)["moved.png"]
    assert cut_off in ("truncated", "damaged")
    assert reasons(library) == {
        "again.jpg": "not-an-image", "moved.png": cut_off, "text.jpg": "not-an-image",
    }  # fmt: skip

    shutil.copy(folder / "text.jpg", folder / "text.nef")
    library.index().run()
    assert tried.taken() == ["text.nef"], "a suffix may say what a content is"

    (folder / "moved.png").write_bytes((folder / "good.png").read_bytes())
    assert library.index().run().moved == 1
    assert "moved.png" not in reasons(library)


def test_another_decoder_is_worth_another_try(
    library: Library, folder: Path, tried: Tried, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.index([folder]).run()
    tried.taken()
    monkeypatch.setattr("imgsearch.indexer.indexer.decoder_fingerprint", lambda: "pillow 99")
    library.index().run()
    assert tried.taken() == ["half.png", "text.jpg"], "and not what could be read"
    library.index().run()
    assert tried.taken() == [], "once"


def test_a_higher_limit_is_worth_another_try(
    tmp_path: Path, stand_in: StandIn, make_photo: MakePhoto
) -> None:
    folder = make_photo("photos/large.png", side_px=2000).parent
    low, high = (
        Settings.load(data_dir=tmp_path / "library", encoder="lite", max_megapixels=limit)
        for limit in (1, 200)
    )
    with Library.open(low, encoder=stand_in) as library:
        library.index([folder]).run()
        assert reasons(library) == {"large.png": "too-large"}
    with Library.open(high, encoder=stand_in) as library:
        assert library.index().run().new == 1


def test_a_missing_extra_is_named_and_its_arrival_noticed(
    library: Library, folder: Path, tried: Tried, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "pillow_jxl", None)  # not found, even if it is installed
        without.setattr(
            "imgsearch.indexer.indexer.decoder_fingerprint", lambda: "pillow-jxl-plugin -"
        )
        for number in range(3):
            (folder / f"{number}.jxl").write_bytes(HALF_JXL + bytes([number]))
        library.index([folder]).run()
        status = library.status()
        assert status.wants == (MissingExtra("jxl", "JPEG XL", 3),)
        assert status.wants[0].cure == "pip install 'imgsearch-photos[jxl]'"
        (failure,) = (one for one in library.failures() if one.path.name == "0.jxl")
        assert (failure.reason, failure.extra) == (Reason.UNSUPPORTED, "jxl")
        assert failure.message.startswith("JPEG XL files need one more package")
        tried.taken()
        library.index().run()
        assert tried.taken() == []
    pytest.importorskip("pillow_jxl")
    library.index().run()
    assert {"0.jxl", "1.jxl", "2.jxl"} <= set(tried.taken())
    assert library.status().wants == (), "it is here now, and the files are damaged after all"


def test_reasons_that_may_pass_are_tried_at_each_run(
    library: Library, folder: Path, tried: Tried
) -> None:
    tried.unreadable = {"good.png"}
    library.index([folder]).run()
    tried.unreadable = set()
    assert reasons(library)["good.png"] == "unreadable"
    shutil.copy(folder / "good.png", folder / "copy.png")
    tried.taken()
    library.index().run()
    assert "half.png" not in tried.taken(), "it will not pass"
    assert set(reasons(library)) == {"half.png", "text.jpg"}


def test_failures_are_tried_again_on_demand(library: Library, folder: Path, tried: Tried) -> None:
    library.index([folder]).run()
    tried.taken()
    report = library.retry(["not-an-image"]).run()
    assert tried.taken() == ["text.jpg"] and report.failed == 1
    assert [failure.path.name for failure in library.failures(["not-an-image"])] == ["text.jpg"]
    (folder / "text.jpg").unlink()
    steps = [step.path for step in library.retry()]
    assert steps == [folder / "half.png"], "and what is gone is left to the next look"
    assert "text.jpg" in reasons(library)
    for ask in (library.retry, library.failures):
        with pytest.raises(UsageError, match="not-an-image"):
            ask(["ugly"])


def test_a_library_of_before_tries_its_failures_once_more(
    library: Library, folder: Path, tried: Tried, tmp_path: Path
) -> None:
    library.index([folder]).run()
    with (
        Store.open(tmp_path / "library", writable=True) as store,
        store.database.engine.begin() as old,
    ):
        old.exec_driver_sql("UPDATE failures SET content_hash = NULL, read_by = NULL")
    tried.taken()
    library.index().run()
    assert tried.taken() == ["half.png", "text.jpg"]
