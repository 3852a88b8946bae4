"""The map of meaning: what is alike lies together, has a name, and stays where it is."""

from __future__ import annotations

import json
import shutil
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imgsearch import Library, MeaningCluster, MeaningPoints, Settings, UsageError
from imgsearch.errors import LibraryLocked, MissingPackage, StoreError
from imgsearch.features.meaning import laying_out as job
from imgsearch.features.meaning import layout
from imgsearch.features.meaning.clusters import FoundCluster, find_clusters
from imgsearch.features.meaning.naming import FITS_FROM, name_clusters, vocabulary
from imgsearch.features.meaning.operations import Meaning
from imgsearch.features.meaning.picture import SIDE_PX, SQUARE_PX
from imgsearch.features.meaning.placing import place
from imgsearch.features.meaning.plane import apart, fitted, quantised
from imgsearch.features.meaning.records import LayoutReport
from imgsearch.service.client import Client
from imgsearch.store.database import DATABASE_FILE
from tests.factories import run_cli, start_cli, unit, wait_until, write_noise
from tests.services import serving
from tests.stand_in import StandIn
from tests.things import EACH, THINGS, crops

pytest.importorskip("openTSNE", reason="needs the extra meaning")


@pytest.fixture(scope="module")
def laid_out(demo_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a library, `library`, of a dozen photos of each thing, on a map."""
    place_of = tmp_path_factory.mktemp("meaning")
    for name in THINGS:
        crops(demo_photos, name, place_of / "photos", range(EACH))
    settings = Settings.load(data_dir=place_of / "library", encoder="lite")
    with Library.open(settings) as library:
        library.index([place_of / "photos"]).run()
        library.meaning.lay_out().run()
    return place_of


@pytest.fixture
def things(laid_out: Path, tmp_path: Path) -> Iterator[Library]:
    """A copy of that library, to be changed; the photos are those of the module."""
    data = Path(shutil.copytree(laid_out / "library", tmp_path / "things"))
    with Library.open(Settings.load(data_dir=data, encoder="lite")) as library:
        yield library


def thing_of(library: Library, ids: np.ndarray) -> list[str]:
    return [hit.path.stem.partition("-")[0] for hit in library.photos(ids.tolist())]


def places(points: MeaningPoints) -> dict[int, tuple[float, float]]:
    columns = (points.photo_ids, points.x, points.y)
    return {id: (x, y) for id, x, y in zip(*(each.tolist() for each in columns), strict=True)}


def root_of(by_number: dict[int, MeaningCluster], number: int) -> int:
    parent = by_number[number].parent
    return number if parent is None else root_of(by_number, parent)


def distances(points: MeaningPoints) -> np.ndarray:
    both = np.stack([points.x, points.y], axis=1)
    return np.asarray(np.linalg.norm(both[:, None] - both[None], axis=2))


# ---------------------------------------------------------------------------- the map


def test_photos_of_the_same_thing_lie_together(things: Library) -> None:
    points = things.meaning.points()
    assert len(points.photo_ids) == EACH * len(THINGS)
    names = np.array(thing_of(things, points.photo_ids))
    apart_by = distances(points) + np.eye(len(names)) * 9
    assert (names[apart_by.argmin(axis=1)] == names).all(), "the nearest shows the same"
    is_same = names[:, None] == names[None]
    off_diagonal = ~np.eye(len(names), dtype=bool)
    assert apart_by[is_same & off_diagonal].mean() < 0.4 * apart_by[~is_same].mean()
    assert min(points.x.min(), points.y.min()) >= 0 and max(points.x.max(), points.y.max()) <= 1


def test_clusters_hold_one_thing_each_and_names_are_true(things: Library) -> None:
    found = things.meaning.clusters()
    assert (found.photos, found.unplaced, found.placed) == (EACH * len(THINGS), 0, 0)
    points = things.meaning.points()
    names = np.array(thing_of(things, points.photo_ids))
    by_number = {each.number: each for each in found.clusters}
    finest = {name: set(points.clusters[names == name].tolist()) for name in set(names.tolist())}
    assert not set.intersection(*finest.values()), "no cluster has all things"
    for name, true in THINGS.items():
        tops = {by_number[root_of(by_number, each)].name for each in finest[Path(name).stem]}
        assert tops <= true, "from afar each thing is a cluster with its name"
    for cluster in found.clusters:
        assert cluster.parent is None or by_number[cluster.parent].level < cluster.level
        inner = [each.photos for each in found.clusters if each.parent == cluster.number]
        assert not inner or sum(inner) == cluster.photos
        assert cluster.example in points.photo_ids


def test_noise_has_no_name(tmp_path: Path, library: Library) -> None:
    for number in range(12):
        write_noise(tmp_path / "photos" / f"{number}.png", number, 64)
    library.index([tmp_path / "photos"]).run()
    report = library.meaning.lay_out().run()
    assert report.photos == 12 and report.clusters >= 1
    assert {each.name for each in library.meaning.clusters().clusters} <= {
        *("", "pattern", "abstract"),
    }


def test_the_classes_of_saved_labels_are_names_as_well(things: Library) -> None:
    assert "cat" in vocabulary() and "Mitzi" in vocabulary(["Mitzi"])
    assert vocabulary(["Cat"]).count("Cat") == 1 and "cat" not in vocabulary(["Cat"])
    assert len(set(vocabulary())) == len(vocabulary()) > 400


def test_a_query_leaves_its_photos(things: Library) -> None:
    cats = things.meaning.clusters("name:chelsea")
    assert cats.photos == EACH and cats.clusters[0].photos <= EACH
    assert sum(each.photos for each in cats.clusters if each.level == 0) == EACH
    assert set(thing_of(things, things.meaning.points("name:chelsea").photo_ids)) == {"chelsea"}
    assert not things.meaning.clusters("after:2100").clusters
    assert {each.level for each in things.meaning.clusters(level=0).clusters} == {0}
    things.marks.set(query="name:rocket", hidden=True)
    assert things.meaning.clusters().photos == EACH * 3, "hidden photos are not shown"


# ---------------------------------------------------------------------------- new photos


def test_a_new_photo_lies_among_its_like_and_no_other_moves(
    things: Library, demo_photos: Path, tmp_path: Path
) -> None:
    before = places(things.meaning.points())
    for name in THINGS:
        crops(demo_photos, name, tmp_path / "new", range(EACH + 1, EACH + 4))
    things.index([tmp_path / "new"]).run()
    points = things.meaning.points()
    after = places(points)
    assert len(after) == len(before) + 3 * len(THINGS)
    assert {each: after[each] for each in before} == before
    names, apart_by = np.array(thing_of(things, points.photo_ids)), distances(points)
    new = [photo for photo, each in enumerate(points.photo_ids.tolist()) if each not in before]
    old = [photo for photo in range(len(names)) if photo not in new]
    for photo in new:
        nearest = old[int(apart_by[photo, old].argmin())]
        assert names[nearest] == names[photo]
        assert points.clusters[photo] in points.clusters[names == names[nearest]]
    found = things.meaning.clusters()
    assert (found.placed, found.photos, found.unplaced) == (len(new), len(after), 0)
    things.rebuild().run()
    with Library.open(things.settings) as again:
        assert places(again.meaning.points()) == after, "kept over restarts and a new index"


def test_photos_leave_the_map_and_come_back_to_their_places(laid_out: Path, tmp_path: Path) -> None:
    photos = Path(shutil.copytree(laid_out / "photos", tmp_path / "photos"))
    with Library.open(Settings.load(data_dir=tmp_path / "data", encoder="lite")) as library:
        library.index([photos]).run()
        library.meaning.lay_out().run()
        before = places(library.meaning.points())
        moved = photos / "chelsea-0.jpg"
        (gone,) = library.meaning.points("name:chelsea-0.jpg").photo_ids.tolist()
        moved.rename(tmp_path / "away.jpg")
        library.index().run()
        assert places(library.meaning.points()) == {
            each: at for each, at in before.items() if each != gone
        }
        (tmp_path / "away.jpg").rename(photos / "found again.jpg")
        library.index().run()
        assert places(library.meaning.points()) == before
        library.folders.forget(photos)
        wait_until(lambda: library.folders.prune(0))
        with closing(sqlite3.connect(tmp_path / "data" / DATABASE_FILE)) as connection, connection:
            assert connection.execute("SELECT count(*) FROM meaning_positions").fetchone() == (0,)


def test_of_a_large_library_a_sample_is_laid_out(
    things: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "MOST_LAID_OUT", 24)
    assert things.meaning.lay_out().run().photos == EACH * len(THINGS)
    points = things.meaning.points()
    names, apart_by = np.array(thing_of(things, points.photo_ids)), distances(points)
    nearest = (apart_by + np.eye(len(names)) * 9).argmin(axis=1)
    assert (names[nearest] == names).mean() > 0.95
    assert things.meaning.clusters().placed == EACH * len(THINGS) - 24


# ---------------------------------------------------------------------------- the job


def test_progress_is_of_photos_and_parts_follow_each_other(things: Library) -> None:
    steps = list(things.meaning.lay_out())
    parts = list(dict.fromkeys(step.part for step in steps))
    assert parts == [job.READING, layout.FINDING, layout.LAYING_OUT, job.NAMING]
    for part in parts:
        own = [step for step in steps if step.part == part]
        assert [step.done for step in own] == sorted(step.done for step in own)
        assert own[-1].done == own[-1].total == EACH * len(THINGS)


def test_a_job_that_is_stopped_or_killed_leaves_the_map_as_it_was(things: Library) -> None:
    before = places(things.meaning.points())
    steps = things.meaning.lay_out()
    for _ in range(10):
        next(steps)
    steps.close()
    assert places(things.meaning.points()) == before
    for after_s in (0.5, 1.0, 1.5, 2.0):
        process = start_cli("meaning", "--lay-out", data=things.settings.data_dir)
        time.sleep(after_s)
        process.kill()
        process.communicate()
        assert len(places(things.meaning.points())) == len(before)
        assert things.meaning.clusters().photos == len(before)


def test_one_map_is_laid_out_at_a_time(things: Library) -> None:
    steps = things.meaning.lay_out()
    next(steps)
    with pytest.raises(LibraryLocked, match="being laid out already"):
        things.meaning.lay_out().run()
    other = run_cli("meaning", "--lay-out", data=things.settings.data_dir)
    assert other.returncode == LibraryLocked.exit_code, other.stderr
    assert "being laid out already" in other.stderr
    steps.close()
    assert things.meaning.lay_out().run().photos == EACH * len(THINGS)


def test_photos_that_are_added_meanwhile_are_on_the_map(
    things: Library, demo_photos: Path, tmp_path: Path
) -> None:
    steps = things.meaning.lay_out()
    while next(steps).part != layout.LAYING_OUT:
        pass
    crops(demo_photos, "chelsea.png", tmp_path / "new", range(EACH + 1, EACH + 2))
    with Library.open(things.settings) as other:
        other.index([tmp_path / "new"]).run()
    report = steps.run()
    assert report.photos == len(things.meaning.points().photo_ids) == EACH * len(THINGS) + 1


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_few_photos_are_laid_out_as_well(tmp_path: Path, library: Library, count: int) -> None:
    for number in range(count):
        write_noise(tmp_path / "photos" / f"{number}.png", number)
    library.index([tmp_path / "photos"]).run()
    assert library.meaning.lay_out().run().photos == count
    points = library.meaning.points()
    assert len(set(places(points).values())) == count
    assert np.isfinite(points.x).all() and np.isfinite(points.y).all()


def test_photos_with_equal_vectors_do_not_hide_each_other(
    tmp_path: Path, library: Library, stand_in: StandIn
) -> None:
    for number in range(40):  # one picture, in files that differ
        path = tmp_path / "photos" / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (40 + number, 40 + number), (9, 99, 199)).save(path)
    library.index([tmp_path / "photos"]).run()
    library.meaning.lay_out().run()
    points = library.meaning.points()
    steps = quantised(np.stack([points.x, points.y], axis=1))
    assert len(np.unique(steps, axis=0)) == 40


def test_what_is_wrong_is_said(tmp_path: Path, library: Library) -> None:
    with pytest.raises(UsageError, match="imgsearch index"):
        library.meaning.lay_out().run()
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "broken.jpg").write_bytes(b"\xff\xd8\xff no photo")
    library.index([tmp_path / "photos"]).run()
    with pytest.raises(UsageError, match="imgsearch index"):
        library.meaning.lay_out().run()
    write_noise(tmp_path / "photos" / "good.png", 1)
    library.index([tmp_path / "photos"]).run()
    assert not library.meaning.exists()
    with pytest.raises(UsageError, match="imgsearch meaning --lay-out"):
        library.meaning.clusters()
    assert not len(library.meaning.points().photo_ids)


def test_without_the_package_the_error_says_how_to_install_it(
    things: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "openTSNE", None)
    with pytest.raises(MissingPackage, match=r"\[meaning\]"):
        things.meaning.lay_out().run()
    assert things.meaning.clusters().photos == EACH * len(THINGS), "the map is still there"


def test_each_encoder_has_a_map_of_its_own(laid_out: Path, tmp_path: Path) -> None:
    data = Path(shutil.copytree(laid_out / "library", tmp_path / "data"))
    with closing(sqlite3.connect(data / DATABASE_FILE)) as connection, connection:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("UPDATE encoders SET state = 'kept'")
        connection.execute(
            "INSERT INTO encoders (encoder_id, name, dim, state) VALUES ('x', 'x', 4, 'current')"
        )
    with Library.open(Settings.load(data_dir=data, encoder="auto")) as library:
        assert not library.meaning.exists()
    with closing(sqlite3.connect(data / DATABASE_FILE)) as connection, connection:
        connection.execute("PRAGMA foreign_keys = ON")
        assert connection.execute("SELECT count(*) FROM meaning_positions").fetchone()[0]
        connection.execute("DELETE FROM encoders WHERE state = 'kept'")
        for table in ("maps", "clusters", "positions"):
            rows = connection.execute(f"SELECT count(*) FROM meaning_{table}").fetchone()
            assert rows == (0,), "it goes with the vectors of its encoder"


def test_the_map_has_a_version_and_is_the_same_until_anything_changes(things: Library) -> None:
    found = things.meaning.clusters()
    assert things.meaning.clusters() is found and things.meaning.points() is things.meaning.points()
    assert things.meaning.clusters("width:>0").version == found.version, "that of the whole map"
    (hit,) = things.photos([found.clusters[0].example])
    assert hit.photo.content_hash.startswith(found.clusters[0].example_version)
    assert len(found.clusters[0].example_version) == 12
    with pytest.raises(ValueError, match="read-only"):
        things.meaning.points().x[0] = 0.5
    things.marks.set([found.clusters[0].example], hidden=True)
    hidden = things.meaning.clusters()
    assert hidden.version != found.version and hidden.photos == found.photos - 1


def test_a_map_is_forgotten(things: Library) -> None:
    assert things.meaning.forget() and not things.meaning.exists()
    assert not things.meaning.forget()


# ---------------------------------------------------------------------------- the ways to it


@pytest.mark.features("assistant")
def test_the_command_the_service_and_an_assistant_give_the_same(things: Library) -> None:
    from imgsearch.features.assistant.tools import PhotoTools

    data = things.settings.data_dir
    expected = things.meaning.clusters()
    done = run_cli("meaning", "--json", "--level", "9", data=data)
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    assert [each["name"] for each in rows["clusters"]] == [each.name for each in expected.clusters]
    shown = run_cli("meaning", "--level", "0", data=data)
    lines = shown.stdout.splitlines()
    assert sum(int(line.split()[0]) for line in lines) == EACH * len(THINGS)
    nothing = run_cli("meaning", "after:2100", data=data)
    assert (nothing.returncode, nothing.stdout) == (1, "")
    with serving(data):
        client = Client(things.settings)
        assert client.call(Meaning.clusters) == expected
        assert client.call(Meaning.clusters, "name:rocket", level=0).photos == EACH
    told = PhotoTools(things).call("meaning", {}).content
    assert len(told["clusters"]) == len(expected.clusters)


def test_the_command_lays_out_and_forgets(things: Library) -> None:
    data = things.settings.data_dir
    before = things.meaning.clusters().made_at
    done = run_cli("meaning", "--lay-out", data=data)
    assert done.returncode == 0, done.stderr
    assert f"Laid out {EACH * len(THINGS)} photos in " in done.stderr
    assert things.meaning.clusters().made_at > before
    assert run_cli("meaning", "--forget", data=data).returncode == 0
    again = run_cli("meaning", "--forget", data=data)
    assert (again.returncode, again.stdout) == (1, "")
    missing = run_cli("meaning", data=data)
    assert missing.returncode == UsageError.exit_code and "--lay-out" in missing.stderr
    both = run_cli("meaning", "--lay-out", "--forget", data=data)
    assert both.returncode == 2
    archive = run_cli("meaning", "--lay-out", "--library", str(data / "archive"), data=data)
    assert archive.returncode == StoreError.exit_code and "archive" in archive.stderr


def test_the_map_is_written_as_a_picture(things: Library, tmp_path: Path) -> None:
    data, file = things.settings.data_dir, tmp_path / "map.png"
    done = run_cli("meaning", "--save", file, "--level", "0", data=data)
    assert done.returncode == 0, done.stderr
    with Image.open(file) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    points = things.meaning.points("name:flower")
    squares = (np.stack([points.y, points.x], axis=1) * (SIDE_PX - 1)).astype(int) // SQUARE_PX
    row, column = (squares[0] * SQUARE_PX).tolist()
    flower = pixels[row : row + SQUARE_PX, column : column + SQUARE_PX]
    assert len(np.unique(flower.reshape(-1, 3), axis=0)) > 9, "a photo is drawn at its place"
    assert run_cli("meaning", "--save", file, data=data).returncode == UsageError.exit_code
    for name in ("map.gif", "map"):
        refused = run_cli("meaning", "--save", tmp_path / name, data=data)
        assert refused.returncode == UsageError.exit_code and ".png" in refused.stderr
    with pytest.raises(UsageError, match="nothing to write"):
        things.meaning.save_picture(tmp_path / "none.png", "after:2100")
    assert sorted(each.name for each in tmp_path.glob("*.png")) == ["map.png"]


def test_the_service_lays_out(things: Library) -> None:
    with serving(things.settings.data_dir):
        report = Client(things.settings).call(Meaning.lay_out_now)
    assert isinstance(report, LayoutReport) and report.photos == EACH * len(THINGS)
    wait_until(lambda: things.meaning.clusters().placed == 0)


# ---------------------------------------------------------------------------- its parts


def test_points_on_one_place_move_apart_and_others_stay() -> None:
    points = np.array([[0.5, 0.5]] * 2_000 + [[0.25, 0.75], [1.0, 1.0], [1.0, 1.0]])
    ids = np.arange(len(points))
    moved = apart(points, ids)
    assert len(np.unique(quantised(moved), axis=0)) == len(points)
    assert np.array_equal(moved[[0, 2_000, 2_001]], points[[0, 2_000, 2_001]])
    assert np.abs(moved - points).max() < 0.002 and moved.max() <= 1
    one = apart(points[:1], ids[:1], taken=points[:1])
    assert not np.array_equal(quantised(one), quantised(points[:1]))


def test_any_points_fit_into_the_square() -> None:
    assert fitted(np.array([[5.0, -3.0]])).tolist() == [[0.5, 0.5]]
    wide = fitted(np.array([[0.0, 0.0], [1000.0, 1.0]]))
    assert np.allclose(wide[:, 0], [0.02, 0.98]) and np.ptp(wide[:, 1]) < 0.002


def test_a_photo_is_never_placed_between_two_groups() -> None:
    points = np.array([[0.1, 0.1]] * 50 + [[0.9, 0.9]] * 50)
    near = np.array([[0, 1, 2, 60, 61, 62, 63, -1]])
    scores = np.array([[0.9, 0.89, 0.89, 0.88, 0.8, 0.8, 0.8, -1]], np.float32)
    found = place(points, near, scores, np.array([7]))
    assert np.linalg.norm(found - [[0.1, 0.1]]) < 0.1
    assert np.array_equal(found, place(points, near, scores, np.array([7])))
    assert not np.array_equal(found, place(points, near, scores, np.array([8])))


def test_hills_divide_from_level_to_level() -> None:
    rng = np.random.default_rng(3)
    middles = np.array([[0.2, 0.2], [0.26, 0.2], [0.8, 0.8]])
    points = np.concatenate([rng.normal(middle, 0.008, (200, 2)) for middle in middles])
    clusters, of_point = find_clusters(points)
    tops = [place for place, each in enumerate(clusters) if each.parent is None]
    assert len(tops) == 2 and all(clusters[place].level == 0 for place in tops)
    own = [set(of_point[200 * group : 200 * group + 200].tolist()) for group in range(3)]
    assert not own[0] & own[1] and not own[1] & own[2]
    for left, right in ((0, 1),):
        roots = [{root(clusters, each) for each in own[group]} for group in (left, right)]
        assert roots[0] == roots[1], "two hills close together are one from afar"
    assert find_clusters(np.empty((0, 2)))[0] == []
    (only,), alone = find_clusters(np.array([[0.3, 0.4]]))
    assert (only.parent, round(only.x, 3), alone.tolist()) == (None, 0.3, [0])


def root(clusters: list[FoundCluster], place_of: int) -> int:
    parent = clusters[place_of].parent
    return place_of if parent is None else root(clusters, parent)


def test_a_word_must_fit_most_photos_to_be_a_name() -> None:
    rng = np.random.default_rng(4)
    unrelated = unit(rng.normal(size=(60, 32)).astype(np.float32))
    words = unit(rng.normal(size=(2, 32)).astype(np.float32))
    like = unit(words[0] + 0.3 * unit(rng.normal(size=(40, 32)).astype(np.float32)))
    chance = unit(rng.normal(size=(40, 32)).astype(np.float32))
    spread = (chance @ unrelated.T).std(axis=1), (chance @ words.T).max(axis=1)
    chance = chance[spread[1] < 0.5 * FITS_FROM * spread[0]]
    points = np.concatenate(
        [rng.normal([0.2, 0.2], 0.01, (40, 2)), rng.normal([0.8, 0.8], 0.01, (len(chance), 2))]
    )
    clusters, of_photo = find_clusters(points)
    names = name_clusters(clusters, of_photo, np.concatenate([like, chance]), words, unrelated)
    by_top = {root(clusters, each): names[root(clusters, each)] for each in of_photo.tolist()}
    assert by_top[root(clusters, int(of_photo[0]))] == 0
    assert by_top[root(clusters, int(of_photo[-1]))] is None
