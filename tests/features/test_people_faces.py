"""Faces: found once, grouped by person, named by the user, and never mixed up with a sibling."""

from __future__ import annotations

import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace
from PIL import Image, ImageDraw, ImageFilter

from imgsearch import Library, Settings
from imgsearch.errors import EncoderError, FolderError, MissingPackage
from imgsearch.features.people import grouping, models
from imgsearch.features.people.detector import Detections, overlaps
from imgsearch.features.people.finding import find_faces, forget_faces
from imgsearch.features.people.grouping import Faces, group_faces
from imgsearch.features.people.mean_feature import MEAN
from imgsearch.features.people.models import DETECTOR, RECOGNISER, ModelFile
from imgsearch.features.people.proposals import followers_of, proposed
from imgsearch.features.people.quality import CLEAR, may_found_group
from imgsearch.features.people.reader import MOST_FACES, FaceReader, OnnxFaceReader
from imgsearch.features.people.recogniser import SIDE_PX, TEMPLATE, Features, aligned, similarity
from imgsearch.features.people.records import FaceReport
from imgsearch.indexer import sync
from imgsearch.indexer.context import IndexingContext
from imgsearch.indexer.watch_loop import WatchSchedule, watch
from imgsearch.indexer.watcher import WatchTiming
from imgsearch.progress import FeatureReport, SyncReport
from imgsearch.records.arrays import Vectors
from imgsearch.records.faces import StoredFaces
from imgsearch.records.query import Filter, Selection
from imgsearch.store.store import Store
from tests.factories import PATIENCE_S, context_of, run, start_cli, unit
from tests.people import DIRECTIONS, NEEDS_FACE_MODELS, ColourReader, write_people
from tests.stand_in import StandIn

# ------------------------------------------------------------------------- the models


@pytest.fixture(scope="module")
def reader(model_cache: Path) -> OnnxFaceReader:
    return OnnxFaceReader(model_cache)


# Where a place of a picture, in shares of its sides, is after a quarter turn, two and three.
QUARTER_TURNS: dict[Image.Transpose, Callable[[float, float], tuple[float, float]]] = {
    Image.Transpose.ROTATE_90: lambda x, y: (y, 1 - x),
    Image.Transpose.ROTATE_180: lambda x, y: (1 - x, 1 - y),
    Image.Transpose.ROTATE_270: lambda x, y: (1 - y, x),
}


def astronaut() -> Image.Image:
    """A photo with one face, at (175, 70) to (270, 200) of 512 × 512 pixels; public domain."""
    data = pytest.importorskip("skimage.data")
    return Image.fromarray(data.astronaut())


@NEEDS_FACE_MODELS
@pytest.mark.slow
@pytest.mark.parametrize("side_px", [1024, 512, 200, 130])
def test_a_face_is_found_at_any_size(reader: OnnxFaceReader, side_px: int) -> None:
    (face,) = reader.read(astronaut().resize((side_px, side_px)))
    assert face.x + face.width / 2 == pytest.approx(0.435, abs=0.02)
    assert face.y + face.height / 2 == pytest.approx(0.26, abs=0.04)
    assert 0.15 < face.width < 0.25
    assert face.size_px == pytest.approx(min(face.width, face.height) * side_px, abs=1)


@NEEDS_FACE_MODELS
@pytest.mark.slow
def test_a_face_that_fills_the_picture_and_one_in_a_corner_are_found(
    reader: OnnxFaceReader,
) -> None:
    portrait = astronaut().crop((150, 40, 300, 220)).resize((750, 900))
    assert len(reader.read(portrait)) == 1
    corner = astronaut().crop((190, 80, 512, 512))  # cuts the hair and an ear off
    (face,) = reader.read(corner)
    assert face.x < 0.05


@NEEDS_FACE_MODELS
@pytest.mark.slow
def test_one_person_has_near_vectors_whatever_size_turn_and_light(reader: OnnxFaceReader) -> None:
    photo = astronaut()
    (face,) = reader.read(photo)
    assert np.linalg.norm(face.vector) == pytest.approx(1, abs=1e-5)
    for other in (
        photo.resize((256, 256)),
        photo.rotate(20),
        photo.point(lambda value: value * 0.6),
        photo.convert("L").convert("RGB"),
    ):
        (changed,) = reader.read(other)
        assert face.vector @ changed.vector > 0.7


@NEEDS_FACE_MODELS
@pytest.mark.slow
def test_a_blurred_face_has_less_quality(reader: OnnxFaceReader) -> None:
    (face,) = reader.read(astronaut())
    (blurred,) = reader.read(astronaut().filter(ImageFilter.GaussianBlur(4)))
    assert face.quality is not None and blurred.quality is not None
    assert blurred.quality < 0.75 * face.quality
    assert face.quality > CLEAR
    assert face.turn is not None and face.turn < 0.5


def test_the_turn_of_a_face_is_that_of_its_nose_between_the_sides() -> None:
    points = np.stack([TEMPLATE, TEMPLATE, TEMPLATE]).astype(np.float32)
    points[1, 2] = (points[1, 0] + points[1, 3]) / 2  # on the line from the eye to the mouth
    points[2, 2] = points[2, 1] + (20, 20)  # beyond the other eye
    turn = np.array(((0, -1), (1, 0)), np.float32)
    for landmarks in (points, points @ turn.T, 3 * points + 40):
        found = Detections(np.ones((3, 4), np.float32), landmarks, np.ones(3, np.float32))
        front, half, side = found.turns().tolist()
        assert front < 0.1
        assert half == pytest.approx(1, abs=1e-4)
        assert side > 1.5


def test_features_are_compared_without_the_mean_that_strangers_share() -> None:
    rng = np.random.default_rng(2)
    own = unit(rng.standard_normal((2, 128)))
    directions = unit((MEAN + 0.9 * own).astype(np.float32))
    one, other = Features(directions, np.ones(2, np.float32)).vectors()
    assert directions[0] @ directions[1] > one @ other + 0.05
    assert np.linalg.norm(one) == pytest.approx(1, abs=1e-5)
    assert 0.2 < np.linalg.norm(MEAN) < 0.5


@pytest.mark.parametrize(
    ("size_px", "score", "quality", "turn", "may"),
    [
        (40, 0.9, 10, 0.2, True),
        (40, 0.9, np.nan, np.nan, True),  # another model, which measures neither
        (12, 0.9, 10, 0.2, False),
        (40, 0.78, 10, 0.2, False),
        (40, 0.9, 7.5, 0.2, False),
        (40, 0.9, 10, 1.3, False),
    ],
)
def test_a_face_that_shows_little_founds_no_group(
    size_px: float, score: float, quality: float, turn: float, may: bool
) -> None:
    assert may_found_group(size_px, score, quality, turn) is may


@NEEDS_FACE_MODELS
@pytest.mark.slow
@pytest.mark.parametrize("turn", list(QUARTER_TURNS), ids=lambda turn: turn.name)
def test_a_face_that_lies_or_stands_on_its_head_is_found_at_a_second_look(
    reader: OnnxFaceReader, turn: Image.Transpose
) -> None:
    (upright,) = reader.read(astronaut())
    photo = astronaut().crop((0, 0, 512, 400)).transpose(turn)
    (face,) = reader.read(photo, closely=True)
    assert face.vector @ upright.vector > 0.9
    assert face.quality is not None and face.quality > CLEAR
    x, y = upright.x + upright.width / 2, upright.y + upright.height / 2
    x, y = QUARTER_TURNS[turn](x, y * 512 / 400)
    assert face.x + face.width / 2 == pytest.approx(x, abs=0.02)
    assert face.y + face.height / 2 == pytest.approx(y, abs=0.02)


@NEEDS_FACE_MODELS
@pytest.mark.slow
def test_an_upright_face_stays_as_it_is_at_a_second_look(reader: OnnxFaceReader) -> None:
    blurred = astronaut().filter(ImageFilter.GaussianBlur(4))  # no clear face
    (face,), (again,) = reader.read(blurred), reader.read(blurred, closely=True)
    assert (face.x, face.y, face.quality) == (again.x, again.y, again.quality)


def test_boxes_and_landmarks_are_turned_back() -> None:
    width, height = 70, 30
    box = np.array(((10, 5, 20, 8),), np.float32)
    points = np.array((((11, 6), (29, 6), (20, 9), (12, 12), (28, 12)),), np.float32)
    picture = Image.new("L", (width, height))
    picture.paste(255, (10, 5, 30, 13))
    for turns, turn in enumerate(QUARTER_TURNS, 1):
        turned = picture.transpose(turn)
        left, top, right, bottom = turned.getbbox() or (0, 0, 0, 0)
        place = QUARTER_TURNS[turn]
        at = [place(x / width, y / height) for x, y in points[0].tolist()]
        found = Detections(
            np.array(((left, top, right - left, bottom - top),), np.float32),
            np.array([at], np.float32) * turned.size,
            np.ones(1, np.float32),
        ).turned_back(turns, width, height)
        assert np.allclose(found.boxes, box)
        assert np.allclose(found.landmarks, points, atol=1e-4)


@NEEDS_FACE_MODELS
@pytest.mark.slow
def test_a_large_crowd_keeps_the_best_two_hundred(reader: OnnxFaceReader) -> None:
    head = astronaut().crop((130, 20, 330, 240)).resize((40, 44))
    crowd = Image.new("RGB", (640, 640), "grey")
    for number in range(256):
        crowd.paste(head, (number % 16 * 40, number // 16 * 40))
    assert len(reader.read(crowd)) == MOST_FACES


@NEEDS_FACE_MODELS
@pytest.mark.slow
def test_a_drawing_and_a_statue_found_as_faces_are_ordinary_faces(reader: OnnxFaceReader) -> None:
    """They are found or not, but never fail, and have vectors of length 1."""
    drawing = Image.new("RGB", (400, 400), "white")
    pen = ImageDraw.Draw(drawing)
    pen.ellipse((80, 40, 320, 360), outline="black", width=6)
    for left in (140, 220):
        pen.ellipse((left, 150, left + 40, 175), fill="black")
    pen.line((200, 180, 190, 240, 210, 240), fill="black", width=5)
    pen.arc((150, 240, 250, 310), 20, 160, fill="black", width=6)
    for closely in (False, True):
        for face in reader.read(drawing, closely=closely):
            assert np.linalg.norm(face.vector) == pytest.approx(1, abs=1e-5)


@NEEDS_FACE_MODELS
@pytest.mark.slow
def test_pictures_without_faces_have_none(reader: OnnxFaceReader) -> None:
    data = pytest.importorskip("skimage.data")
    for name in ("coffee", "rocket", "chelsea"):  # the last is a cat
        assert reader.read(Image.fromarray(getattr(data, name)())) == ()
    for size in ((1, 1), (1, 3000), (640, 640)):
        assert reader.read(Image.new("RGB", size, "white")) == ()


@NEEDS_FACE_MODELS
@pytest.mark.slow
def test_a_crowd_is_bounded(reader: OnnxFaceReader, monkeypatch: pytest.MonkeyPatch) -> None:
    head = astronaut().crop((130, 20, 330, 240)).resize((80, 88))
    crowd = Image.new("RGB", (640, 640), "grey")
    for number in range(49):
        crowd.paste(head, (number % 7 * 90, number // 7 * 90))
    assert len(reader.read(crowd)) == 49
    monkeypatch.setattr("imgsearch.features.people.reader.MOST_FACES", 10)
    assert len(reader.read(crowd)) == 10


@NEEDS_FACE_MODELS
@pytest.mark.slow
def test_the_prepared_models_have_no_quantised_weights(model_cache: Path) -> None:
    import onnx

    for file in (DETECTOR, RECOGNISER):
        model = onnx.load(file.prepared(model_cache))
        assert "DequantizeLinear" not in {node.op_type for node in model.graph.node}
        assert len(model.graph.input) == 1
        onnx.checker.check_model(model)


def test_without_the_package_the_command_that_installs_it_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(models, "PACKAGE", "no_such_package")
    with pytest.raises(
        MissingPackage, match=r"install --no-deps 'no_such_package>=1.1,<1.2'"
    ) as caught:
        OnnxFaceReader(tmp_path)
    assert caught.value.exit_code == 11
    assert not models.is_installed()


@NEEDS_FACE_MODELS
def test_another_file_than_the_known_one_is_refused(tmp_path: Path) -> None:
    changed = ModelFile(DETECTOR.name, DETECTOR.inside, "0" * 64, any_size=True)
    with pytest.raises(EncoderError, match="checksum differs"):
        changed.prepared(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_face_is_turned_and_scaled_onto_the_template() -> None:
    angle, scale = 0.4, 2.5
    turn = np.array(((np.cos(angle), -np.sin(angle)), (np.sin(angle), np.cos(angle))))
    points = TEMPLATE @ (scale * turn).T + (30, 40)
    matrix = similarity(TEMPLATE, points)
    assert np.allclose(TEMPLATE @ matrix[:, :2].T + matrix[:, 2], points)
    mirrored = similarity(TEMPLATE, TEMPLATE * (-1, 1))
    assert np.linalg.det(mirrored[:, :2]) > 0, "it never mirrors a face"


def test_an_aligned_face_shows_the_landmarks_where_the_template_has_them() -> None:
    pixels = np.zeros((900, 1200, 3), np.uint8)
    landmarks = TEMPLATE * 5 + (200, 100)
    for x, y in landmarks:
        pixels[round(y) - 12 : round(y) + 13, round(x) - 12 : round(x) + 13] = 255
    face = aligned(Image.fromarray(pixels), landmarks.astype(np.float32))
    assert face.shape == (SIDE_PX, SIDE_PX, 3)
    for x, y in TEMPLATE:
        assert face[round(y), round(x)].min() > 200
    assert face.mean() < 30


def test_overlaps_are_shares_of_the_union() -> None:
    boxes = np.array(((0, 0, 2, 2), (1, 0, 2, 2), (5, 5, 1, 1)), np.float32)
    assert overlaps(boxes[0], boxes).tolist() == pytest.approx([1, 1 / 3, 0])


# ------------------------------------------------------------------------- grouping


def people(counts: list[int], seed: int = 1, spread: float = 0.6) -> tuple[Vectors, np.ndarray]:
    """Faces of some persons: vectors, and the number of the person of each."""
    rng = np.random.default_rng(seed)
    centres = unit(rng.standard_normal((len(counts), 128)))
    who = np.repeat(np.arange(len(counts)), counts)
    noise = rng.standard_normal((len(who), 128)) / np.sqrt(128)
    return unit((centres[who] + spread * noise).astype(np.float32)), who


def grouped(vectors: Vectors, **more: object) -> np.ndarray:
    count = len(vectors)
    known = {"moments": np.arange(count), "persons": np.full(count, -1), **more}
    return group_faces(Faces(vectors=vectors, **known)).looks  # type: ignore[arg-type]


def test_faces_are_grouped_by_person() -> None:
    vectors, who = people([10, 8, 6, 4, 2, 1, 1])
    looks = grouped(vectors)
    for person in range(5):
        assert len(set(looks[who == person])) == 1
    assert len(set(looks[who < 5])) == 5
    assert set(looks[who >= 5]) == {-1}, "a face alone is in no group"


def test_two_faces_of_one_photo_are_never_one_person() -> None:
    vectors, _ = people([4], spread=0.1)  # as brothers, or one person in a mirror
    looks = grouped(vectors, moments=np.array((0, 0, 1, 2)))
    assert looks[0] != looks[1]
    assert grouped(vectors, moments=np.array((0, 0, 0, 0))).tolist() == [-1] * 4


def test_one_odd_photo_does_not_divide_a_person() -> None:
    vectors, _ = people([60])
    moments = np.arange(60)
    moments[1] = 0  # a mirror
    looks = grouped(vectors, moments=moments)
    assert sorted(np.unique(looks, return_counts=True)[1])[-1] == 59
    assert looks[0] != looks[1]


def test_one_odd_photo_does_not_keep_a_group_from_its_person() -> None:
    """Of a group, one face is in a photo of the person, as in a mirror; or many: brothers."""
    centres = np.eye(2, 128, dtype=np.float32)
    near = unit((centres[0] * 0.6 + centres[1] * 0.8)[None])
    vectors = np.concatenate((np.repeat(centres[:1], 3, axis=0), np.repeat(near, 30, axis=0)))
    persons = np.full(33, -1)
    persons[:3] = 5
    moments = np.arange(33)
    moments[7] = 0
    expected = np.full(33, 5)
    expected[7] = -1
    assert group_faces(Faces(vectors, moments, persons)).persons.tolist() == expected.tolist()
    moments = np.array((0, 1, 2, 3, 4, 5, 6, 0, 1, 2))
    result = group_faces(Faces(vectors[:10], moments, persons[:10]))
    assert result.persons.tolist() == [5] * 3 + [-1] * 7


def test_persons_that_the_user_told_apart_stay_apart_and_looks_are_joined() -> None:
    vectors, who = people([6, 6], spread=0.3)
    vectors = unit(vectors + vectors[who == 0].mean(axis=0) * 2)  # twins
    assert len(set(grouped(vectors))) == 1
    persons = np.full(12, -1)
    persons[[0, 1, 6, 7]] = 5, 5, 9, 9
    result = group_faces(Faces(vectors, np.arange(12), persons))
    assert result.persons[[0, 1, 6, 7]].tolist() == [5, 5, 9, 9]
    assert set(result.persons[result.looks == result.looks[0]].tolist()) == {5}
    far, _ = people([5, 5], seed=3)
    persons = np.full(10, -1)
    persons[[0, 5]] = 7  # a child and the grown-up
    assert set(group_faces(Faces(far, np.arange(10), persons)).persons.tolist()) == {7}


def test_a_face_that_is_not_a_person_never_comes_to_it() -> None:
    vectors, _ = people([6], spread=0.2)
    persons = np.full(6, -1)
    persons[0] = 3
    refused = frozenset({(5, 3)})
    result = group_faces(Faces(vectors, np.arange(6), persons, refused))
    assert result.persons[:5].tolist() == [3] * 5
    assert result.persons[5] == -1


def test_weak_faces_found_no_group_but_join_one() -> None:
    vectors, _ = people([6, 3])
    weak = np.zeros(9, np.bool_)
    weak[[5, 6, 7, 8]] = True
    looks = grouped(vectors, weak=weak)
    assert len(set(looks[:6])) == 1 and looks[0] >= 0
    assert set(looks[6:]) == {-1}


def test_less_likeness_is_needed_to_be_a_person_whom_the_user_confirmed() -> None:
    centres = np.eye(2, 128, dtype=np.float32)
    far = unit((centres[0] * 0.47 + centres[1] * (1 - 0.47**2) ** 0.5)[None])
    vectors = np.concatenate((np.repeat(centres[:1], 3, axis=0), far)).astype(np.float32)
    assert grouped(vectors).tolist() == [0, 0, 0, -1]
    known = group_faces(Faces(vectors, np.arange(4), np.array((5, 5, -1, -1))))
    assert known.persons.tolist() == [5, 5, 5, 5]
    refused = frozenset({(3, 5)})
    known = group_faces(Faces(vectors, np.arange(4), np.array((5, 5, -1, -1)), refused))
    assert known.persons.tolist() == [5, 5, 5, -1]
    same_photo = group_faces(Faces(vectors, np.array((0, 1, 2, 2)), np.array((5, 5, -1, -1))))
    assert same_photo.persons.tolist() == [5, 5, 5, -1]
    nearest = partial(grouping.nearest_person, is_weak=False)
    persons, confirmed = np.array((5, 5, 5, 0)), np.array((5, 5, 0, 0))
    assert nearest(far[0], vectors, persons, confirmed) == 5
    assert nearest(far[0], vectors, persons, 0 * confirmed) == 0
    assert nearest(far[0], vectors, persons, confirmed, is_weak=True) == 0


def test_one_confirmed_face_of_another_look_finds_its_like() -> None:
    """A grown-up with six faces, one confirmed face of the same person as a child, and two more."""
    vectors, who = people([6, 3], spread=0.5)
    persons = np.where((who == 0) | (np.arange(9) == 6), 5, 0)
    confirmed = np.where(np.isin(np.arange(9), (0, 1, 6)), 5, 0)
    nearest = partial(grouping.nearest_person, vectors[7], vectors, persons, is_weak=False)
    assert nearest(confirmed) == 5
    assert nearest(np.where(np.arange(9) == 6, 0, confirmed)) == 0
    stored = StoredFaces(
        *(np.arange(1, 10), np.arange(9), np.arange(9), vectors, np.full(9, 60.0), np.full(9, 0.9)),
        *(persons, confirmed, frozenset(), np.full(9, 10.0), np.full(9, 0.1)),
    )
    assert {face for face, _ in proposed(stored, (), 5, 10)} == {8, 9}
    assert set(followers_of(stored, 5, ())) == {8, 9}
    refused = replace(stored, refused=frozenset({(8, 5)}))
    assert {face for face, _ in proposed(refused, (), 5, 10)} == {9}
    assert followers_of(refused, 5, ()) == [9]


def test_a_face_between_two_known_persons_stays_alone() -> None:
    centres = np.eye(2, 128, dtype=np.float32)
    between = unit((centres[0] + centres[1])[None])
    vectors = np.concatenate((centres, between)).astype(np.float32)
    result = group_faces(
        Faces(vectors, np.arange(3), np.array((5, 7, -1)), weak=np.array((False, False, True)))
    )
    assert result.persons.tolist() == [5, 7, -1]


def test_a_new_face_joins_a_person_only_beyond_doubt() -> None:
    vectors, who = people([6, 6, 1])
    persons = np.where(who < 2, who + 1, 0)
    persons[0] = 0
    confirmed = np.zeros(13, np.int64)
    nearest = partial(grouping.nearest_person, confirmed=confirmed, is_weak=False)
    assert nearest(vectors[0], vectors, persons) == 1
    assert nearest(vectors[12], vectors, persons) == 0
    between = unit((vectors[who == 0].mean(axis=0) + vectors[who == 1].mean(axis=0))[None])[0]
    assert nearest(between, vectors, persons) == 0


@pytest.mark.slow
def test_many_faces_are_grouped_with_approximate_neighbours() -> None:
    vectors, who = people([25] * 1000, spread=0.7)
    looks = grouped(vectors)
    pairs = np.unique(np.stack((looks, who)), axis=1, return_counts=True)[1]
    joined = np.unique(looks[looks >= 0], return_counts=True)[1]
    assert (pairs * (pairs - 1)).sum() / (joined * (joined - 1)).sum() > 0.999
    assert (pairs * (pairs - 1)).sum() / (1000 * 25 * 24) > 0.95


# ------------------------------------------------------------------------- the job


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    for number in range(3):
        write_people(folder / "a" / f"red{number}.png", "red", size_px=(80 + number, 40))
    write_people(folder / "a" / "both.png", "red", "lime")
    write_people(folder / "b" / "lime.png", "lime")
    write_people(folder / "b" / "nobody.png")
    return folder


@pytest.fixture
def open_context(tmp_path: Path) -> Iterator[Callable[..., IndexingContext]]:
    settings = Settings.load(data_dir=tmp_path / "data", cache_dir=tmp_path / "cache")

    def opened(model: str = "colours/1") -> IndexingContext:
        return context_of(settings, StandIn(), models={"people": lambda: ColourReader(model)})

    yield opened


@pytest.fixture
def context(open_context: Callable[..., IndexingContext], photos: Path) -> IndexingContext:
    context = open_context()
    run(sync.index(context, (str(photos),), False, False))
    return context


def found_by(data: Path, name: str) -> set[str]:
    """The names of the photos that show a person."""
    with Store.open(data) as store:
        ids = store.reads.selections.ids(Selection((Filter("person", (name,)),))).tolist()
        paths = store.reads.photos.paths(ids)
    return {path.stem for of_photo in paths.values() for _, path in of_photo}


def test_faces_are_found_once_and_grouped(context: IndexingContext, tmp_path: Path) -> None:
    report = run(find_faces(context, (), False))
    # The stand-in for a model takes each photo for one of people.
    assert report == FaceReport(5, 1, 0, 0, 6, looked_closely=1, seconds=report.seconds)
    with Store.open(tmp_path / "data") as store:
        assert [(each.faces, each.name) for each in store.people.all()] == [(4, None), (2, None)]
        counts = store.faces.counts()
    assert (counts.faces, counts.groups, counts.alone, counts.unread) == (6, 2, 0, 0)
    again = run(find_faces(context, (), False))
    assert again == FaceReport(0, 0, 0, 0, seconds=again.seconds)


def test_a_run_goes_on_where_it_was_stopped(context: IndexingContext, tmp_path: Path) -> None:
    steps = find_faces(context, (), False)
    for expected in (1, 2, 3):
        assert next(step for step in steps if step.done).done == expected
    steps.close()
    with Store.open(tmp_path / "data") as store:
        assert store.faces.counts().unread == 3
    report = run(find_faces(context, (), False))
    assert report.found + report.none == 3
    with Store.open(tmp_path / "data") as store:
        assert store.faces.counts().faces == 6


def test_only_photos_of_the_folders_named_are_looked_at(
    context: IndexingContext, photos: Path
) -> None:
    assert run(find_faces(context, (str(photos / "b"),), False)).tried == 2
    with pytest.raises(FolderError, match="imgsearch index"):
        run(find_faces(context, (str(photos / "nowhere"),), False))


def test_a_failure_is_recorded_and_ends_nothing(
    context: IndexingContext, photos: Path, tmp_path: Path
) -> None:
    write_people(photos / "square.png", "red", size_px=(50, 50))
    run(sync.index(context, (), False, False))
    report = run(find_faces(context, (), False))
    assert (report.found, report.failed) == (5, 1)
    write_people(photos / "a" / "red0.png", "lime", size_px=(99, 44))  # not indexed yet
    (photos / "a" / "red1.png").unlink()
    report = run(find_faces(context, (), True))
    assert report.tried == 0


def test_a_name_survives_moving_forgetting_another_model_and_a_copy(
    context: IndexingContext,
    open_context: Callable[..., IndexingContext],
    photos: Path,
    tmp_path: Path,
) -> None:
    data = tmp_path / "data"
    run(find_faces(context, (), False))
    with Store.open(data) as store:
        red = store.people.all()[0]
        sure = [face.id for face in store.people.faces_of(red.id)[:2]]
        store.people.name(red.id, "Ada  Lovelace", sure)
    everyone = {"red0", "red1", "red2", "both"}
    assert found_by(data, "ada lovelace") == everyone
    (photos / "a").rename(photos / "c")
    run(sync.index(context, (), True, False))
    assert found_by(data, "Ada") == everyone
    # Another model finds other faces: what was confirmed is carried over, the rest is found again.
    run(find_faces(open_context("colours/2"), (), True))
    assert found_by(data, "Ada") == everyone
    with Store.open(data) as store:
        (person,) = [each for each in store.people.all() if each.name]
        assert (person.name, person.faces, person.confirmed) == ("Ada Lovelace", 4, 2)
    assert forget_faces(context, with_names=False) == 6
    confirmed = found_by(data, "Ada")
    assert len(confirmed) == 2 and confirmed < everyone
    with closing(sqlite3.connect(data / "library.db")) as connection:
        assert connection.execute("SELECT count(*) FROM faces").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM persons").fetchone() == (1,)
    run(find_faces(context, (), False))
    assert found_by(data, "Ada") == everyone
    assert forget_faces(context, with_names=True) == 6
    assert found_by(data, "Ada") == set()


def test_nothing_of_a_vector_is_left_in_the_files_after_forgetting(
    context: IndexingContext, tmp_path: Path
) -> None:
    from imgsearch.store.faces import packed

    run(find_faces(context, (), False))
    vector = packed(DIRECTIONS[0].astype(np.float32))

    def holds() -> list[str]:
        files = [each for each in (tmp_path / "data").rglob("*") if each.is_file()]
        return [each.name for each in files if vector in each.read_bytes()]

    assert holds()
    forget_faces(context, with_names=False)
    assert holds() == []


def test_faces_go_with_their_photo(context: IndexingContext, photos: Path, tmp_path: Path) -> None:
    run(find_faces(context, (), False))
    for path in (photos / "b").iterdir():
        path.unlink()
    run(sync.index(context, (), True, False))
    with Store.open(tmp_path / "data", writable=True) as store:
        from datetime import UTC, datetime, timedelta

        store.photos.prune(datetime.now(UTC) + timedelta(days=1))
        assert store.faces.counts().faces == 5


def test_a_new_photo_joins_the_groups_that_there_are(
    context: IndexingContext, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(find_faces(context, (), False))
    monkeypatch.setattr("imgsearch.features.people.finding._FEW_NEW", 1.0)
    monkeypatch.setattr(
        "imgsearch.features.people.finding.group_all",
        lambda *_: pytest.fail("all were grouped anew"),
    )
    write_people(photos / "d.png", "lime", "blue")
    run(sync.index(context, (), False, False))
    run(find_faces(context, (), False))
    with Store.open(tmp_path / "data") as store:
        assert sorted(each.faces for each in store.people.all()) == [3, 4]
        assert store.faces.counts().alone == 1


def test_groups_keep_their_numbers_when_all_are_grouped_anew(
    context: IndexingContext, photos: Path, tmp_path: Path
) -> None:
    run(find_faces(context, (), False))
    with Store.open(tmp_path / "data") as store:
        before = {each.id: each.faces for each in store.people.all()}
    for number in range(3):
        write_people(photos / f"blue{number}.png", "blue", size_px=(80 + number, 41))
    run(sync.index(context, (), False, False))
    run(find_faces(context, (), False))
    with Store.open(tmp_path / "data") as store:
        after = {each.id: each.faces for each in store.people.all()}
    assert before.items() < after.items() and len(after) == 3


def test_a_watcher_finds_the_faces_of_new_photos(tmp_path: Path) -> None:
    """First of those that it finds at its start, then of one that is added."""
    folder, data = tmp_path / "photos", tmp_path / "data"
    for number in range(3):
        write_people(folder / f"red{number}.png", "red", size_px=(80 + number, 40))
    settings = Settings.load(data_dir=data, cache_dir=tmp_path / "cache", find_faces=True)
    context = context_of(settings, StandIn(), models={"people": ColourReader})
    stop = threading.Event()
    timing = WatchTiming(quiet_ms=200, patience_ms=3_000, tick_s=0.2)
    reports = []
    for event in watch(context, [str(folder)], stop, WatchSchedule(timing)):
        if isinstance(event, FeatureReport):
            reports.append(event.values["found"])
            if len(reports) == 1:
                write_people(folder / "later.png", "red", size_px=(90, 40))
            else:
                stop.set()
    assert reports == [3, 1]
    with Store.open(data) as store:
        assert [each.faces for each in store.people.all()] == [4]


def test_a_watcher_goes_on_with_what_was_begun_and_looks_at_nothing_else(
    context: IndexingContext, photos: Path, tmp_path: Path
) -> None:
    """Finding faces is off in the settings; somebody began it for one folder."""
    steps = find_faces(context, (str(photos / "b"),), False)
    assert next(step for step in steps if step.done).done == 1
    steps.close()
    with Store.open(tmp_path / "data") as store:
        (job,) = store.unfinished.all()
        assert (job.job, job.left, job.folders) == ("faces", 1, (photos / "b",))
    stop = threading.Event()
    timing = WatchTiming(quiet_ms=200, patience_ms=3_000, tick_s=0.2)
    tried = []
    for event in watch(context, (), stop, WatchSchedule(timing)):
        if isinstance(event, FeatureReport):
            tried.append(sum(event.values.values()))
            write_people(photos / "b" / "later.png", "red", size_px=(90, 40))
        elif isinstance(event, SyncReport) and event.new:
            stop.set()
    assert tried == [1]
    with Store.open(tmp_path / "data") as store:
        assert store.unfinished.all() == ()
        assert store.faces.counts().unread == 5  # those of other folders, and the new one


def test_a_watcher_without_the_package_says_how_to_install_it(tmp_path: Path) -> None:
    settings = Settings.load(data_dir=tmp_path / "data", cache_dir=tmp_path, find_faces=True)
    told: list[str] = []

    def missing() -> FaceReader:
        raise MissingPackage("Finding faces needs one more package: pip install --no-deps x")

    context = context_of(settings, StandIn(), told.append, models={"people": missing})
    (tmp_path / "photos").mkdir()
    stop = threading.Event()
    for event in watch(context, [str(tmp_path / "photos")], stop):
        if isinstance(event, SyncReport):
            stop.set()
    assert [sentence for sentence in told if "one more package" in sentence] != []


# ------------------------------------------------------------------------- the command


@NEEDS_FACE_MODELS
@pytest.mark.slow
def test_a_killed_command_doubles_no_face(tmp_path: Path, model_cache: Path) -> None:
    if sys.platform == "win32":
        pytest.skip("needs Unix")
    data, folder = tmp_path / "data", tmp_path / "photos"
    folder.mkdir()
    for number in range(10):
        astronaut().resize((300 + number, 300)).save(folder / f"{number}.png")
    with Library.open(
        Settings.load(data_dir=data, cache_dir=model_cache, encoder="lite")
    ) as library:
        library.index([folder]).run()

    def rows() -> int:
        with closing(sqlite3.connect(f"file:{data}/library.db?mode=ro", uri=True)) as connection:
            return int(connection.execute("SELECT count(*) FROM faces").fetchone()[0])

    for number in (signal.SIGKILL, signal.SIGINT):
        before = rows()
        with start_cli("faces", data=data, IMGSEARCH_CACHE_DIR=str(model_cache)) as process:
            end = time.monotonic() + PATIENCE_S
            while rows() == before:
                assert process.poll() is None and time.monotonic() < end, process.communicate()
                time.sleep(0.005)
            with closing(sqlite3.connect(data / "library.db", timeout=PATIENCE_S)) as connection:
                connection.execute("BEGIN IMMEDIATE")
                process.send_signal(number)
                if number == signal.SIGKILL:
                    process.wait(PATIENCE_S)
            _, errors = process.communicate(timeout=PATIENCE_S)
        assert "Traceback" not in errors
    with Library.open(
        Settings.load(data_dir=data, cache_dir=model_cache, encoder="lite")
    ) as library:
        library.people.find_faces().run()
        (person,) = library.people.all()
        assert (person.faces, person.photos) == (10, 10)
