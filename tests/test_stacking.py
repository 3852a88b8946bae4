"""Stacks: RAW and JPEG of one shot as one result, and photos that are nearly the same."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imgsearch import Library, Settings, parse
from imgsearch.records.files import FileStat, IngestResult
from imgsearch.records.photo import Facts
from imgsearch.store.store import Store
from tests.factories import dng, scene, unit
from tests.stand_in import StandIn

ROOT = "/photos"
COUNT = 300  # shots, each as RAW and as JPEG
Stocked = Callable[..., Library]


def photo(name: str, seed: int, **facts: object) -> IngestResult:
    """A photo at a path: its picture is that of `seed`, nearly, and its bytes are its own."""
    noise = np.random.default_rng(seed).normal(size=(1, StandIn.dim))
    noise += 0.001 * np.random.default_rng([seed, len(name), *name.encode()]).normal(size=(1, 32))
    vector = unit(noise)
    kind = {"jpg": "JPEG", "heic": "HEIF", "png": "PNG"}.get(name.lower().rpartition(".")[2], "RAW")
    stat = FileStat(f"{ROOT}/{name}", 1, 10**18 + seed * 10**9, seed)
    return IngestResult(stat, name.encode(), Facts(kind, 4000, 3000, **facts), vector)  # type: ignore[arg-type]


@pytest.fixture
def stocked(tmp_path: Path, stand_in: StandIn) -> Iterator[Stocked]:
    """Makes a library of such photos, and opens it with or without `stack_raw`."""
    opened: list[Library] = []

    def stock(*photos: IngestResult, stack_raw: bool = True) -> Library:
        (tmp_path / "library").mkdir(exist_ok=True)
        with Store.open(tmp_path / "library", writable=True) as store:
            root_id = store.files.add_root(ROOT)
            key = store.vectors.add_encoder(stand_in.id, "lite", stand_in.dim).key
            store.record(root_id, key, photos)
        settings = Settings.load(data_dir=tmp_path / "library", stack_raw=stack_raw)
        opened.append(Library.open(settings, encoder=stand_in))
        return opened[-1]

    yield stock
    for library in opened:
        library.close()


def names(hits: object) -> list[list[str]]:
    return [[path.name for path in hit.paths] for hit in hits]  # type: ignore[attr-defined]


def test_which_files_belong_to_one_shot(stocked: Stocked) -> None:
    noon, later = datetime(2023, 6, 1, 12, 0, 0, 500_000), datetime(2023, 6, 1, 12, 0, 1)
    library = stocked(
        photo("a/IMG_1.CR3", 1, taken_at=noon),
        photo("a/IMG_1.JPG", 2, taken_at=noon.replace(microsecond=0)),
        photo("a/IMG_2.NEF", 3),
        photo("a/IMG_2.heic", 4, taken_at=noon),
        photo("a/IMG_3.ARW", 5, taken_at=noon),
        photo("a/IMG_3.JPG", 6, taken_at=later),
        photo("a/IMG_4.ARW", 7),
        photo("b/IMG_4.JPG", 8),
        photo("a/IMG_5.ARW", 9),
        photo("a/IMG_5.png", 10),
        photo("a/IMG_6.ARW", 11),
        photo("a/IMG_6.edited.jpg", 12),
        photo("a/IMG_6/IMG_6.jpg", 13),
        photo("a/IMG_66.jpg", 14),
    )
    shown = names(library.search("sort:path", k=50))
    assert ["IMG_1.JPG", "IMG_1.CR3"] in shown and ["IMG_2.heic", "IMG_2.NEF"] in shown
    assert sum(len(paths) > 1 for paths in shown) == 2
    assert len(shown) == 12, "files of another second, folder, format or name are not stacked"
    assert names(library.photos([2, 1])) == [["IMG_1.JPG", "IMG_1.CR3"], ["IMG_1.CR3"]]


def everything() -> list[IngestResult]:
    return [photo(f"{n:04}.{kind}", n) for n in range(COUNT) for kind in ("JPG", "DNG")]


def test_k_results_are_k_shots_and_pages_show_each_once(stocked: Stocked) -> None:
    library = stocked(*everything())
    for line in ("snow", "sort:path in:/", "sort:date in:/"):
        seen: list[str] = []
        cursor = None
        while True:
            answer = library.find(line, 70, cursor)
            assert len(answer.hits) == min(70, COUNT - len(seen))
            for developed, raw in names(answer.hits):
                assert raw == developed.replace("JPG", "DNG")
                seen.append(developed)
            if (cursor := answer.cursor) is None:
                break
        assert len(seen) == len(set(seen)) == COUNT
        if line != "snow":
            assert seen == sorted(seen, reverse="date" in line)
    exact = stocked(stack_raw=False).search("snow", k=2 * COUNT)
    assert len(exact) == 2 * COUNT and {len(hit.paths) for hit in exact} == {1}
    best = [hit.path for hit in exact if hit.path.suffix == ".JPG"]
    assert [hit.path for hit in library.search("snow", k=COUNT)] == best


def test_a_filter_that_keeps_the_jpeg_out_leaves_the_raw(stocked: Stocked) -> None:
    library = stocked(*everything()[:20])
    for line in ("type:raw", "snow type:raw", "snow type:raw sort:path"):
        assert {path for (path,) in names(library.search(line, k=50))} == {
            f"{n:04}.DNG" for n in range(10)
        }
    for line in ("type:raw|jpeg", "snow in:/", "snow type:raw|jpeg sort:path"):
        assert {developed for developed, _ in names(library.search(line, k=50))} == {
            f"{n:04}.JPG" for n in range(10)
        }
    assert library.search("type:heif") == []
    score = library.search("snow", k=10)[4].score
    assert score is not None
    assert len(library.search(f"snow t:{score - 1e-6:.9f} sort:path", k=3)) in (3, 5)


def test_an_explanation_says_that_a_raw_is_stacked(stocked: Stocked) -> None:
    library = stocked(*everything()[:20])
    explained = library.explain(f"{ROOT}/0003.DNG", parse("snow"))
    assert explained.rank is None and "0003.JPG" in (explained.reason or "")
    shown = [hit.path.name for hit in library.search("snow", k=10)]
    explained = library.explain(f"{ROOT}/0003.JPG", parse("snow"))
    assert explained.rank == 1 + shown.index("0003.JPG")
    assert library.explain(f"{ROOT}/0003.DNG", parse("snow type:raw")).rank is not None


def test_the_files_of_a_shot_are_found_with_the_database_index(
    stocked: Stocked, tmp_path: Path
) -> None:
    stocked(*everything())
    database = sqlite3.connect(tmp_path / "library" / "library.db")
    plan = database.execute(
        "EXPLAIN QUERY PLAN SELECT photos.id FROM paths JOIN photos ON photos.id = paths.photo_id "
        "WHERE root_id = 1 AND name >= x'30' AND name < x'31'"
    ).fetchall()
    database.close()
    assert any("root_id=? AND name>? AND name<?" in str(step) for step in plan), plan


def test_a_real_pair_of_files(tmp_path: Path, stand_in: StandIn) -> None:
    pytest.importorskip("rawpy")

    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "IMG_1.DNG").write_bytes(dng())
    scene(256, 192).save(folder / "IMG_1.JPG", quality=95)
    for stack_raw, shown in ((True, [["IMG_1.JPG", "IMG_1.DNG"]]),
                             (False, [["IMG_1.DNG"], ["IMG_1.JPG"]])):  # fmt: skip
        settings = Settings.load(data_dir=tmp_path / "library", encoder="lite", stack_raw=stack_raw)
        with Library.open(settings, encoder=stand_in) as library:
            library.index([folder]).run()
            assert names(library.search("in:photos sort:path")) == shown


# ------------------------------------------------------------------------- nearly the same


def test_bursts_and_near_duplicates_are_stacked(demo_photos: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    cat = Image.open(demo_photos / "chelsea.png").convert("RGB")
    coffee = Image.open(demo_photos / "coffee.png").convert("RGB")
    cat.save(photos / "a.png")
    cat.save(photos / "small.jpg", quality=85)  # nearly the same, of whatever time
    exif = Image.Exif()
    for number, left in enumerate((0, 24, 48)):  # a burst: the camera moves
        exif[0x9003] = f"2024:05:01 10:00:0{number}"
        coffee.crop((left, 0, left + 500, 400)).save(photos / f"burst{number}.jpg", exif=exif)
    Image.open(demo_photos / "rocket.jpg").save(photos / "rocket.png")
    with Library.open(Settings.load(data_dir=tmp_path / "library", encoder="lite")) as library:
        library.index([photos]).run()
        ids = {hit.path.name: hit.photo.id for hit in library.find("sort:path", 99).hits}
        order = [ids[name] for name in sorted(ids)]
        assert library.browse.stacks_of(order) == {
            ids["a.png"]: (ids["small.jpg"],),
            ids["burst0.jpg"]: (ids["burst1.jpg"], ids["burst2.jpg"]),
        }
        backwards = library.browse.stacks_of(order[::-1])
        assert backwards[ids["small.jpg"]] == (ids["a.png"],), "the first one is on top"
        assert (
            library.browse.stacks_of([ids["rocket.png"], 999]) == library.browse.stacks_of([]) == {}
        )
