"""Screenshots and documents: what is told from photos, found, typed and shown."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from imgsearch import Library, Settings
from imgsearch.features.kinds.judging import FileFacts, kinds_of
from imgsearch.features.kinds.numbers import numbers
from tests.factories import run_cli
from tests.stand_in import StandIn
from tests.travels import write_taken

PHOTO, SCREEN, PAPER = (1.0, 0.0, 0.0), (0.1, 0.9, 0.0), (0.1, 0.0, 0.9)
SENTENCE = "we would like to confirm the delivery of your order and the date of the payment"


def draw_chat(path: Path) -> None:
    """Draw the screen of a phone with a chat."""
    image = Image.new("RGB", (1080, 2340), (250, 250, 250))
    draw, font, words = ImageDraw.Draw(image), ImageFont.load_default(44), SENTENCE.split()
    draw.text((60, 30), "9:41", (20, 20, 20), font)
    draw.rectangle((0, 90, 1080, 240), (0, 128, 105))
    draw.text((180, 140), "Max Weber", (255, 255, 255), font)
    for number in range(13):
        left, top = (300 if number % 2 else 40), 280 + 150 * number
        colour = (0, 128, 105) if number % 2 else (120, 124, 130)
        draw.rounded_rectangle((left, top, left + 740, top + 120), 40, colour)
        draw.text((left + 40, top + 32), " ".join(words[number % 9 :][:5]), (255, 255, 255), font)
    draw.rounded_rectangle((40, 2220, 1040, 2310), 40, outline=(90, 90, 90), width=4)
    image.save(path)


@pytest.fixture(scope="module")
def mixed(demo_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """The demo photos, two of them pages of text, with a screenshot, and a photo named like one."""
    folder = tmp_path_factory.mktemp("mixed") / "photos"
    shutil.copytree(demo_photos, folder)
    draw_chat(folder / "IMG_1001.PNG")
    one = sorted(folder.glob("*.jpg"))[0]
    with Image.open(one) as opened:
        opened.resize((320, 240)).save(folder / "Bildschirmfoto 2022-01-05 um 18.20.12.png")
    settings = Settings.load(data_dir=folder.parent / "library", encoder="lite")
    with Library.open(settings) as library:
        library.index([folder]).run()
        yield library


def found(library: Library, line: str) -> set[str]:
    return {hit.path.name.partition(" ")[0] for hit in library.find(line, 100).hits}


def test_screenshots_and_documents_are_told_from_photos(mixed: Library) -> None:
    assert found(mixed, "is:screenshot") == {"IMG_1001.PNG", "Bildschirmfoto"}
    assert found(mixed, "is:document") == {"page.png", "text.png"}
    assert len(found(mixed, "-is:screenshot|document")) == len(found(mixed, "is:online")) - 4
    assert found(mixed, "is:screenshot name:1001") == {"IMG_1001.PNG"}


def test_the_kind_is_among_the_details_of_a_photo(mixed: Library) -> None:
    (page,) = mixed.find("is:document name:page", 2).hits
    details = mixed.photo(page.photo.id)
    kind = details.kind  # type: ignore[attr-defined]
    assert kind is not None and kind.name == "document"
    assert dict(details.shown)["Kind"].startswith("Document")
    photo = next(hit for hit in mixed.find("-is:screenshot|document", 1).hits)
    details = mixed.photo(photo.photo.id)
    assert details.kind is None  # type: ignore[attr-defined]
    assert "Kind" not in dict(details.shown)


@pytest.mark.parametrize(
    ("typed", "filters", "rest"),
    [
        ("screenshots", "is:screenshot", ""),
        ("all my screenshots", "is:screenshot", ""),
        ("show me screenshots of a chat", "is:screenshot", "screenshots of a chat"),
        ("Bildschirmfotos", "is:screenshot", ""),
        ("meine Dokumente", "is:document", ""),
        ("documents with a stamp", "is:document", "documents with a stamp"),
        ("a beach -screenshots", "-is:screenshot", "a beach"),
        ("document photos", "is:document", ""),
        ("a woman signing a document", "", "a woman signing a document"),
        ("documents on a desk", "", "documents on a desk"),
    ],
)
def test_words_for_kinds_are_understood(
    mixed: Library, typed: str, filters: str, rest: str
) -> None:
    understanding = mixed.lines.understand(typed)
    assert " ".join(part.filters for part in understanding.parts) == filters
    assert " ".join(str(term.what) for term in understanding.query.terms) == rest


def test_words_for_kinds_stand_beside_dates(travels: Library, tmp_path: Path) -> None:
    taken = "2012-05-07T10:00:00"
    write_taken(tmp_path / "photos" / "Screenshot_20120507-100000.png", taken, None)
    travels.index([tmp_path / "photos"]).run()
    for typed in (
        "screenshots from 2012",
        "Screenshots von 2012",
        "2012 screenshots",
        "Screenshots im Mai 2012",
    ):
        understanding = travels.lines.understand(typed)
        assert {each.filters.partition(":")[0] for each in understanding.parts} == {"is", "on"}
        assert understanding.query.terms == ()


def test_words_for_kinds_are_words_in_a_library_without_such_pictures(demo: Library) -> None:
    assert demo.lines.understand("screenshots").parts == ()


@pytest.mark.parametrize(
    ("name", "camera", "kind"),
    [
        ("Screenshot_20230101-101010_Chrome.jpg", None, "screenshot"),
        ("2023/Screenshot 2023-01-01 at 10.10.10.png", None, "screenshot"),
        ("Capture d\u2019e\u0301cran 2023-01-01.png", None, "screenshot"),  # as macOS stores names
        ("Bildschirmfoto.png", "Canon EOS", None),  # a photo that was given this name
        ("CamScanner 01-02-2023.jpg", None, "document"),
        ("my screenshot folder/IMG_1.jpg", None, None),
        ("IMG_1.jpg", None, None),
    ],
)
def test_names_of_files_tell_kinds(name: str, camera: str | None, kind: str | None) -> None:
    facts = FileFacts(format="JPEG", camera=camera, names=(name,))
    (made,) = kinds_of(np.array([PHOTO]), [facts], numbers())
    assert (made and made.name) == kind


def test_a_picture_of_a_camera_is_no_screenshot_and_a_video_is_neither() -> None:
    rows = np.array([SCREEN, SCREEN, PAPER, PAPER, SCREEN])
    facts = [
        FileFacts(),
        FileFacts(camera="Google Pixel 7"),
        FileFacts(camera="Google Pixel 7"),
        FileFacts(is_video=True),
        FileFacts(is_video=True, names=("Screenshot_1.mp4",)),
    ]
    made = kinds_of(rows, facts, numbers())
    assert [each and each.name for each in made] == ["screenshot", None, "document", None, None]


def test_new_photos_alone_are_judged_and_an_older_library_at_its_next_index(
    library: Library, stand_in: StandIn, tmp_path: Path
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.new("RGB", (60, 40), (10, 90, 30)).save(folder / "Screenshot_1.png")
    library.index([folder]).run()
    Image.new("RGB", (60, 40), (10, 90, 200)).save(folder / "Screenshot_2.png")
    library.index([folder]).run()
    assert found(library, "is:screenshot") == {"Screenshot_1.png", "Screenshot_2.png"}
    with library._opened.database().brief_transaction() as connection:  # as before the feature
        connection.execute("DELETE FROM picture_kinds")
        connection.execute("DELETE FROM kinds_judged")
    answer = library.find("is:screenshot", 9)
    assert not answer.hits
    (remark,) = answer.remarks  # and not that no photo is one
    assert remark.startswith("Not all photos were looked at") and "imgsearch index" in remark
    embedded = stand_in.embedded
    library.index([folder]).run()
    assert len(library.find("is:screenshot", 9).hits) == 2
    assert stand_in.embedded == embedded  # by the vectors that are there
    assert library.find("is:screenshot", 9).remarks == ()


def test_a_photo_that_is_deleted_takes_its_kind_along(
    library: Library, stand_in: StandIn, tmp_path: Path
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("Screenshot_1.png", "other.png"):
        Image.new("RGB", (60, 40), (10, 90, len(name))).save(folder / name)
    library.index([folder]).run()
    (folder / "Screenshot_1.png").unlink()
    library.index([folder]).run()
    assert not library.find("is:screenshot", 9).hits
    assert len(library.find("-is:screenshot", 9).hits) == 1


def test_the_command_finds_kinds(mixed: Library) -> None:
    shown = run_cli("search", "is:document", "--json", data=mixed.settings.data_dir)
    paths = [Path(path) for hit in json.loads(shown.stdout)["hits"] for path in hit["paths"]]
    assert {path.name for path in paths} == {"page.png", "text.png"}
