"""`sort:best`: the photos most worth keeping come first, and each says why."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from imgsearch import Library
from imgsearch.errors import QueryError
from imgsearch.records.photo import Facts, Photo
from imgsearch.records.worth import BestOrder, Worth
from imgsearch.search import worth as worth_module
from imgsearch.search.worth import light_points, look_points, sharpness_points
from imgsearch.service.client import Client
from tests.factories import run_cli
from tests.services import serving
from tests.stand_in import StandIn
from ui.tiles import captioned_tile_json

SCENES = ("chelsea.png", "coffee.png", "rocket.jpg")
SPOILT: dict[str, Callable[[Image.Image], Image.Image]] = {
    "blurred": lambda image: image.filter(ImageFilter.GaussianBlur(8)),
    "dark": lambda image: image.point(lambda value: value // 6),
    "small": lambda image: image.resize((image.width // 2, image.height // 2)),
}


def save(image: Image.Image, file: Path, quality: int = 92) -> None:
    file.parent.mkdir(exist_ok=True)
    image.save(file, quality=quality)


@pytest.fixture
def spoilt(tmp_path: Path, library: Library, stand_in: StandIn, demo_photos: Path) -> Library:
    """Three scenes: each as it is, blurred, dark, small and strongly compressed."""
    for name in SCENES:
        with Image.open(demo_photos / name) as opened:
            image = opened.convert("RGB")
        folder = tmp_path / "photos" / Path(name).stem
        folder.mkdir(parents=True)
        save(image, folder / "good.jpg")
        for kind, change in SPOILT.items():
            save(change(image), folder / f"{kind}.jpg")
        save(image, folder / "compressed.jpg", quality=12)
    library.index([tmp_path / "photos"]).run()
    return library


def names(library: Library, line: str, k: int = 30) -> list[str]:
    return [f"{hit.path.parent.name}/{hit.path.stem}" for hit in library.find(line, k).hits]


def worths(library: Library, line: str) -> dict[str, Worth]:
    found = {hit.path.stem: hit.worth for hit in library.find(line, 30).hits}
    return {name: worth for name, worth in found.items() if worth is not None}


def texts(worth: Worth) -> dict[str, str]:
    return {reason.name: reason.text for reason in worth.reasons}


@pytest.mark.parametrize("scene", [Path(name).stem for name in SCENES])
def test_the_good_photo_of_a_scene_is_first_and_the_others_say_what_is_wrong(
    spoilt: Library, scene: str
) -> None:
    line = f"in:{scene} sort:best"
    assert names(spoilt, line)[0] == f"{scene}/good"
    found = worths(spoilt, line)
    assert set(found) == {"good", "compressed", *SPOILT}
    assert texts(found["blurred"])["sharpness"] == "blurred"
    assert texts(found["good"])["sharpness"] == "sharp"
    assert texts(found["dark"])["light"] in ("dark", "rather dark")
    assert texts(found["compressed"])["compression"] == "strongly compressed"
    assert texts(found["good"])["compression"] == "lightly compressed"
    for worth in found.values():
        assert worth.points == pytest.approx(sum(reason.points for reason in worth.reasons))
    good = {reason.name: reason.points for reason in found["good"].reasons}
    small = {reason.name: reason.points for reason in found["small"].reasons}
    assert small["size"] == pytest.approx(good["size"] - 0.5, abs=0.01)  # two halvings of pixels


@pytest.fixture
def burst(tmp_path: Path, library: Library, stand_in: StandIn, demo_photos: Path) -> Library:
    """Five frames of one scene: the third as it is, the others a little softer."""
    with Image.open(demo_photos / "coffee.png") as opened:
        scene = opened.convert("RGB").resize((480, 320))
    for number, softness_px in enumerate((0.6, 0.3, 0, 0.4, 0.8)):
        frame = scene.filter(ImageFilter.GaussianBlur(softness_px)) if softness_px else scene
        save(frame, tmp_path / "photos" / f"frame-{number}.jpg")
    library.index([tmp_path / "photos"]).run()
    return library


def test_the_sharpest_frame_of_a_burst_is_first_and_softer_ones_say_so(burst: Library) -> None:
    hits = burst.find("sort:best", 5).hits
    frames = [hit.path.stem for hit in hits]
    assert frames == [f"frame-{number}" for number in (2, 1, 3, 0, 4)]
    found = worths(burst, "sort:best")
    assert "twins" not in texts(found["frame-2"])
    for name in ("frame-0", "frame-4"):
        assert texts(found[name])["twins"] == "less sharp than its near-twin"
        better = found[name].better_twin
        assert better is not None and better.stem == "frame-2"
    sharpness = [hit.photo.facts.sharpness or 0 for hit in hits]
    assert sharpness == sorted(sharpness, reverse=True) and sharpness[-1] > 0


def test_a_darker_frame_is_not_called_sharper(
    tmp_path: Path, library: Library, stand_in: StandIn, demo_photos: Path
) -> None:
    """Noise counts for more in a dark picture, so frames of other light are not compared."""
    with Image.open(demo_photos / "coffee.png") as opened:
        scene = opened.convert("RGB")
    noise = np.random.default_rng(5).normal(0, 3, (scene.height, scene.width, 1))
    dark = np.asarray(scene, np.float32) * 0.4 + noise
    save(scene, tmp_path / "photos" / "good.jpg")
    save(Image.fromarray(dark.clip(0, 255).astype(np.uint8)), tmp_path / "photos" / "dark.jpg")
    library.index([tmp_path / "photos"]).run()
    hits = {hit.path.stem: hit for hit in library.find("sort:best", 2).hits}
    assert list(hits) == ["good", "dark"]
    good, darker = (hits[name].photo.facts.sharpness for name in ("good", "dark"))
    assert good is not None and darker is not None and darker > good
    assert all("twins" not in texts(worth) for worth in worths(library, "sort:best").values())


def test_frames_of_a_dark_scene_are_told_apart_by_sharpness_not_by_light(
    tmp_path: Path, library: Library, stand_in: StandIn, demo_photos: Path
) -> None:
    """In the dark a little light is worth many points, but frames of one scene share it."""
    with Image.open(demo_photos / "coffee.png") as opened:
        scene = opened.convert("RGB").resize((480, 320))
    soft = scene.filter(ImageFilter.GaussianBlur(0.4))
    save(scene.point(lambda value: round(value * 0.24)), tmp_path / "photos" / "sharp.jpg")
    save(soft.point(lambda value: round(value * 0.27)), tmp_path / "photos" / "brighter.jpg")
    library.index([tmp_path / "photos"]).run()
    hits = {hit.path.stem: hit for hit in library.find("sort:best", 2).hits}
    assert list(hits) == ["sharp", "brighter"]
    lightness = [hit.photo.facts.lightness or 0 for hit in hits.values()]
    by_light = light_points(np.array(lightness))
    assert 0 < lightness[1] - lightness[0] < 5 and by_light[1] - by_light[0] > 0.2
    found = worths(library, "sort:best")
    for worth in found.values():
        points = {reason.name: reason.points for reason in worth.reasons}
        assert points["light"] == pytest.approx(by_light[1])
        assert worth.points == pytest.approx(sum(points.values()))
    assert texts(found["brighter"])["twins"] == "less sharp than its near-twin"
    assert "twins" not in texts(found["sharp"])


def test_near_twins_come_after_the_best_photo_of_every_scene(spoilt: Library) -> None:
    order = names(spoilt, "sort:best")
    assert len(order) == 5 * len(SCENES)
    assert set(order[:3]) == {f"{Path(name).stem}/good" for name in SCENES}
    hits = {str(hit.path): hit.worth for hit in spoilt.find("sort:best", 30).hits}
    for path, worth in hits.items():
        assert worth is not None
        if path.endswith("good.jpg"):
            assert worth.better_twin is None
        elif worth.better_twin is not None:
            better = hits[str(worth.better_twin)]
            assert better is not None and better.points > worth.points
            assert worth.better_twin.parent == Path(path).parent
            assert str(worth).startswith(f"{worth.better_twin.name} is better, ")
    assert sum(worth is not None and worth.better_twin is not None for worth in hits.values()) >= 6


def test_pages_follow_each_other_in_the_order_of_the_whole(spoilt: Library) -> None:
    whole = [hit.photo.id for hit in spoilt.find("sort:best", 30).hits]
    pages, cursor = [], None
    while True:
        page = spoilt.find("sort:best", 4, cursor)
        pages += [hit.photo.id for hit in page.hits]
        cursor = page.cursor
        if cursor is None:
            break
    assert pages == whole and len(set(whole)) == 15
    assert spoilt.find_all("sort:best").ids.tolist() == whole
    newest = spoilt.find("type:jpeg", 4).cursor
    with pytest.raises(QueryError, match="belongs to another query"):
        spoilt.find("sort:best", 4, newest)


def test_a_page_goes_on_where_the_last_photo_of_the_page_before_was_removed(
    spoilt: Library, tmp_path: Path
) -> None:
    whole = [hit.photo.id for hit in spoilt.find("sort:best", 30).hits]
    first = spoilt.find("sort:best", 4)
    first.hits[-1].path.unlink()
    spoilt.index([tmp_path / "photos"], accept_removals=True).run()
    rest = [hit.photo.id for hit in spoilt.find("sort:best", 30, first.cursor).hits]
    assert rest == whole[5:]  # one comes before the place now, and is not shown twice


def test_an_answer_with_too_many_photos_asks_for_a_filter(
    spoilt: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worth_module, "MAX_ORDERED", 6)
    with pytest.raises(QueryError, match="at most 6 photos, and 15 were found"):
        spoilt.find("sort:best", 4)
    assert len(spoilt.find("in:coffee sort:best", 9).hits) == 5


def test_photos_beyond_those_that_are_compared_come_last(
    spoilt: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worth_module, "MAX_COMPARED", 4)
    hits = spoilt.find("sort:best", 30).hits
    assert len({hit.photo.id for hit in hits}) == 15
    # Only those that are compared lose points to a twin.
    points = [
        sum(reason.points for reason in hit.worth.reasons if reason.name != "twins")
        for hit in hits
        if hit.worth is not None
    ]
    assert points[4:] == sorted(points[4:], reverse=True) and points[4] <= min(points[:4])


def test_a_tile_of_the_page_says_why(spoilt: Library) -> None:
    blurred = next(
        hit for hit in spoilt.find("in:coffee sort:best", 9).hits if hit.path.stem == "blurred"
    )
    subtitle = str(captioned_tile_json(blurred, {})["subtitle"])
    assert "blurred, " in subtitle and "is better" in subtitle
    plain = spoilt.find("in:coffee name:blurred", 1).hits[0]
    assert "coffee" in str(captioned_tile_json(plain, {})["subtitle"])


def test_hits_of_a_whole_answer_have_the_same_reasons(spoilt: Library) -> None:
    found = spoilt.find_all("sort:best")
    hits = spoilt.hits_of(found, found.ids.tolist())
    assert [hit.worth for hit in hits] == [hit.worth for hit in spoilt.find("sort:best", 30).hits]
    assert all(hit.worth is None for hit in spoilt.find("sort:date", 30).hits)


@pytest.mark.features("concepts")
def test_favourites_come_first_and_what_is_like_them_gains(
    tmp_path: Path, library: Library, stand_in: StandIn
) -> None:
    random = np.random.default_rng(3)
    for number in range(40):
        # Reddish and bluish patterns: two kinds of photos, about as sharp and as well lit.
        tint = np.array((1.0, 0.6, 0.6) if number % 2 else (0.6, 0.6, 1.0))
        pixels = (random.uniform(0, 255, (8, 8, 1)) * tint).astype(np.uint8)
        image = Image.fromarray(pixels).resize((80, 80), Image.Resampling.NEAREST)
        save(image, tmp_path / "photos" / f"{number:02}.jpg")
    library.index([tmp_path / "photos"]).run()

    def red_before_blue() -> float:
        """The share of pairs of a reddish and a bluish photo in which the reddish one is first."""
        ids = {hit.photo.id: int(hit.path.stem) for hit in library.find("sort:best", 40).hits}
        order = [number for photo_id, number in ids.items() if photo_id not in favourites]
        red = [at for at, number in enumerate(order) if number % 2]
        blue = [at for at, number in enumerate(order) if not number % 2]
        return float(np.mean([a < b for a in red for b in blue]))

    by_number = {int(hit.path.stem): hit.photo.id for hit in library.find("sort:path", 40).hits}
    favourites = [by_number[number] for number in (1, 3, 5, 7)]
    before = red_before_blue()
    library.marks.set(favourites, favourite=True)
    first = library.find("sort:best", 4).hits
    assert {hit.photo.id for hit in first} == set(favourites)
    assert first[0].worth is not None and texts(first[0].worth)["favourites"] == "a favourite"
    assert red_before_blue() == before  # four say little about a taste
    more = [by_number[number] for number in (9, 11, 13, 15)]
    library.marks.set(more, favourite=True)
    favourites += more
    assert red_before_blue() > 0.9
    said = {
        texts(hit.worth).get("favourites", "")
        for hit in library.find("sort:best", 40).hits
        if hit.worth is not None and hit.photo.id not in favourites
    }
    assert "like your favourites" in said and "unlike your favourites" in said
    library.marks.set(favourites, favourite=False)
    assert "favourites" not in texts(worths(library, "sort:best")["01"])


def test_words_find_and_the_order_is_by_worth(demo: Library) -> None:
    by_score = demo.find("a cat", 6).hits
    best = demo.find("a cat sort:best", 6).hits
    assert {hit.photo.id for hit in best} == {hit.photo.id for hit in by_score}
    firsts = [hit for hit in best if hit.worth is not None and hit.worth.better_twin is None]
    points = [hit.worth.points for hit in firsts if hit.worth is not None]
    assert points == sorted(points, reverse=True)
    assert {hit.photo.id: (hit.score, hit.level) for hit in best} == {
        hit.photo.id: (hit.score, hit.level) for hit in by_score
    }
    found = demo.find_all("a cat sort:best", 6)
    assert found.scores is not None and found.best is not None
    scores = {hit.photo.id: hit.score for hit in by_score}
    for photo_id, score in zip(found.ids.tolist(), found.scores.tolist(), strict=True):
        assert score == pytest.approx(scores.get(photo_id, score))


def test_the_command_and_explain_give_the_reasons(spoilt: Library, tmp_path: Path) -> None:
    data = spoilt.settings.data_dir
    printed = run_cli("search", "in:chelsea sort:best", "--json", data=data).stdout
    first = json.loads(printed)["hits"][0]["worth"]
    assert {reason["name"] for reason in first["reasons"]} >= {"sharpness", "light", "size"}
    assert first["better_twin"] is None and isinstance(first["points"], float)
    for_people = run_cli("search", "in:chelsea", "--sort", "best", data=data).stdout
    assert "good.jpg  (sharp, well lit, " in for_people.splitlines()[0]
    path = tmp_path / "photos" / "chelsea" / "blurred.jpg"
    said = run_cli("explain", str(path), "in:chelsea sort:best", data=data).stdout
    assert "sharpness: blurred" in said and "Worth " in said and "Rank " in said
    explained = spoilt.explain(path, "in:chelsea sort:best")
    order = names(spoilt, "in:chelsea sort:best")
    assert explained.rank == order.index("chelsea/blurred") + 1
    assert (
        explained.worth is not None
        and explained.worth == worths(spoilt, "in:chelsea sort:best")["blurred"]
    )
    assert spoilt.explain(path, "in:chelsea").worth is None
    assert spoilt.explain(path, "in:coffee sort:best").worth is None


def test_the_service_gives_the_same_reasons(demo: Library) -> None:
    data = demo.settings.data_dir
    with serving(data):
        answer = Client(demo.settings).call(Library.find, "type:png sort:best", 5)
    own = demo.find("type:png sort:best", 5).hits
    assert [hit.worth for hit in answer.hits] == [hit.worth for hit in own]
    assert own[0].worth is not None


def test_odd_libraries(library: Library, stand_in: StandIn, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    save(Image.new("RGB", (300, 200), "white"), folder / "white.png")
    library.index([folder]).run()
    (hit,) = library.find("sort:best", 5).hits
    assert hit.worth is not None and "sharpness" not in texts(hit.worth)  # nothing to be sharp
    assert texts(hit.worth)["light"] == "bright" and hit.worth.better_twin is None
    assert library.find("type:heif sort:best", 5).hits == ()
    shutil.copyfile(folder / "white.png", folder / "copy.png")
    library.index([folder]).run()
    assert len(library.find("sort:best", 5).hits) == 1


def test_more_light_and_detail_never_cost_points_on_the_way_to_a_good_picture() -> None:
    light = light_points(np.linspace(0, 55, 200))
    assert (np.diff(light) > 0).all() and light[-1] == pytest.approx(0)
    assert (np.diff(light_points(np.linspace(55, 100, 200))) < 0).all()
    assert light_points(np.array([20.0]))[0] < -1 and light_points(np.array([80.0]))[0] < -1
    detail = sharpness_points(np.geomspace(0.001, 2, 200))
    assert (np.diff(detail) > 0).all()
    assert sharpness_points(np.array([0.03, 0.09])) == pytest.approx([-1, 0])


def test_unknown_facts_count_as_good() -> None:
    known = Photo(1, "00", 1000, Facts("JPEG", 300, 200, lightness=55.0, detail=0.09))
    unknown = Photo(2, "01", 1000, Facts("JPEG", 300, 200))
    assert look_points([known, unknown]) == {1: pytest.approx(0), 2: 0}
    assert look_points([]) == {}
    assert BestOrder().ids == ()
