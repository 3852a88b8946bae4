"""Python manners: opening by a path, a closed library, and how hits look in a notebook."""

from __future__ import annotations

import base64
import pickle
import re
import shutil
import sys
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import cast

import pytest
from PIL import Image

from imgsearch import Answer, Hit, Library, Photo, Settings
from imgsearch.errors import MissingPackage, QueryError, UsageError
from imgsearch.records.answer import Hits
from imgsearch.records.photo import Facts
from tests.factories import write_photos
from tests.stand_in import StandIn

PICTURE = re.compile(r'<img src="data:image/webp;base64,([^"]+)" alt="([^"]*)"')


@pytest.fixture
def photos(tmp_path: Path, library: Library, stand_in: StandIn) -> Path:
    """A folder of three photos, which `library` has."""
    folder = write_photos(tmp_path / "photos", 3)
    library.index([folder]).run()
    return folder


def test_a_library_is_opened_by_the_path_of_its_folder(photos: Path, library: Library) -> None:
    folder = library.settings.data_dir
    for path in (folder, str(folder)):
        with Library.open(path, encoder=StandIn()) as opened:
            assert opened.settings == Settings.load(data_dir=folder)
            assert opened.photo_count() == 3
    with pytest.raises(UsageError, match=r"not by None\. .*Library\.open"):
        Library.open(cast(str, None))


def test_a_closed_library_says_so(photos: Path, library: Library) -> None:
    library.close()
    calls = (
        library.__enter__,
        library.photo_count,
        library.status,
        library.memory.warm_up,
        lambda: library.search("a square"),
        lambda: library.find("a square"),
        lambda: library.index([photos]),
        lambda: library.folders.prune(1),
        lambda: library.pictures.thumbnail(1),
    )
    for call in calls:
        with pytest.raises(UsageError, match=r"was closed.* Open it again: Library\.open"):
            call()
    library.close()  # once more does no harm


def test_a_query_must_be_a_line_or_a_query(photos: Path, library: Library) -> None:
    for wrong in (None, 5, b"a cat"):
        with pytest.raises(QueryError, match=r"a line of text or a Query, not .* for example"):
            library.find(cast(str, wrong))


def test_a_hit_is_a_picture(photos: Path, library: Library) -> None:
    hit = pickle.loads(pickle.dumps(library.find("sort:path").hits[0]))
    library.close()
    match = PICTURE.fullmatch(hit._repr_html_().split(" title=")[0])
    assert match is not None and match[2] == str(hit.path)
    with Image.open(BytesIO(base64.b64decode(match[1]))) as thumbnail:
        assert thumbnail.format == "WEBP"
        with Image.open(hit.path) as original:
            ratio = original.width / original.height
        assert thumbnail.width / thumbnail.height == pytest.approx(ratio, abs=0.1)


def test_a_hit_without_its_drive_is_its_kept_picture_or_its_path(
    photos: Path, library: Library
) -> None:
    hit = library.find("sort:path").hits[0]
    shutil.rmtree(photos)
    shutil.rmtree(library.settings.cache_dir, ignore_errors=True)
    assert "data:image/webp" in hit._repr_html_(), "the picture that the library keeps"
    (library.settings.data_dir / "thumbnails.db").unlink()
    assert hit._repr_html_() == f"<span>{hit.path}</span>"
    shutil.rmtree(library.settings.data_dir)
    assert hit._repr_html_() == f"<span>{hit.path}</span>"


def test_hits_are_a_table(photos: Path, library: Library) -> None:
    hits = library.search("a square", k=2)
    table = hits._repr_html_()
    assert isinstance(hits, list) and len(hits) == 2
    assert len(PICTURE.findall(table)) == table.count("<tr>") - 1 == 2
    for hit in hits:
        assert f"<td>{hit.score:.3f}</td>" in table and f"<td>{hit.path}</td>" in table
    assert library.find("a square", k=2)._repr_html_() == table, "so few have no verdict"


def test_names_are_escaped_in_a_table() -> None:
    path = Path("/photos/<b>&\n.jpg")
    hits = Hits([Hit(Photo(1, "ab", 5, Facts("JPEG", 4, 3)), (path,), None)] * 51)
    table = hits._repr_html_()
    assert "<b>" not in table and "&lt;b&gt;&amp;\\n.jpg" in table
    assert "The first 50 of 51 photos." in table


def test_hits_as_a_data_frame() -> None:
    pytest.importorskip("pandas")
    taken = datetime(2024, 5, 3, 14, 5, tzinfo=UTC)
    photo = Photo(7, "ab", 5, Facts("JPEG", 4, 3, taken, camera="Canon EOS R5", iso=100))
    hit = Hit(photo, (Path("/a.jpg"),), 0.5, date=taken, dated_by="exif", level="sure")
    bare = Hit(Photo(8, "cd", 6, Facts("PNG", 1, 2)), (Path("/b.png"),), None)
    frame = Answer((hit, bare)).to_dataframe()
    assert list(frame["path"]) == ["/a.jpg", "/b.png"]
    assert list(frame["date"].dt.year.dropna()) == [2024]
    first = frame.iloc[0]
    assert (first["score"], first["level"], first["dated_by"]) == (0.5, "sure", "exif")
    assert (first["camera"], first["iso"], first["width_px"]) == ("Canon EOS R5", 100, 4)
    assert frame.equals(Hits([hit, bare]).to_dataframe())
    assert Hits().to_dataframe().empty


def test_without_pandas_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingPackage, match=r"install.* pandas"):
        Hits().to_dataframe()
