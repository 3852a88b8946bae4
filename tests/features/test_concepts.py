"""Concepts: what the probe learns, verdicts and terms in queries, new photos, honest sentences."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from imgsearch import Library
from imgsearch.cli import commands
from imgsearch.errors import QueryError, UsageError
from imgsearch.features.concepts import probe
from imgsearch.features.concepts.probe import TrainingSet
from imgsearch.language.grammar import parse, to_text
from imgsearch.records.answer import Hit
from tests.factories import random_vectors, unit, wait_until
from tests.stand_in import StandIn

DIM = 64


def names(hits: Sequence[Hit]) -> list[str]:
    return [hit.path.name for hit in hits]


# ------------------------------------------------------------------------- the probe


def cloud(count: int, centre: np.ndarray, spread: float, seed: int) -> np.ndarray:
    """Vectors around a direction."""
    return unit(centre + spread * random_vectors(count, DIM, seed))


@pytest.fixture
def crowd() -> TrainingSet:
    """Ten likes that share a direction with each other, among 600 others."""
    axes = np.eye(DIM, dtype=np.float32)
    return TrainingSet(cloud(10, axes[0] + axes[1], 1.2, 1), axes[:0], cloud(600, axes[1], 1.2, 2))


def test_the_probe_finds_what_the_likes_share_and_others_lack(crowd: TrainingSet) -> None:
    direction = probe.fit(crowd)
    assert np.linalg.norm(direction) == pytest.approx(1, abs=1e-5)
    axes = np.eye(DIM, dtype=np.float32)
    unseen = cloud(50, axes[0] + axes[1], 1.2, 3)
    ranks = [(crowd.others @ direction > score).mean() for score in unseen @ direction]
    by_mean = unit(crowd.likes.mean(axis=0))
    ranks_by_mean = [(crowd.others @ by_mean > score).mean() for score in unseen @ by_mean]
    assert np.median(ranks) < 0.02
    assert np.mean(ranks) < np.mean(ranks_by_mean)


def test_unlikes_move_the_probe_away_from_them() -> None:
    axes = np.eye(DIM, dtype=np.float32)
    likes, unlikes = cloud(6, axes[0] + axes[1], 0.4, 1), cloud(6, axes[0] + axes[2], 0.4, 2)
    others = cloud(300, axes[3], 1.5, 3)
    unseen = cloud(20, axes[0] + axes[2], 0.4, 5)
    without = probe.fit(TrainingSet(likes, axes[:0], others))
    told = probe.fit(TrainingSet(likes, unlikes, others))
    assert (unseen @ told).mean() < (unseen @ without).mean() - 0.1
    assert (likes @ told).min() > (unseen @ told).max()


def test_words_help_where_examples_are_few() -> None:
    axes = np.eye(DIM, dtype=np.float32)
    likes, others = cloud(2, axes[0], 3.0, 1), random_vectors(300, DIM, 2)
    unseen = cloud(40, axes[0], 3.0, 3)

    def rank(words: np.ndarray | None) -> float:
        training = probe.with_words_weighed(TrainingSet(likes, axes[:0], others, words))
        direction = probe.fit(training)
        return float(np.mean([(others @ direction > score).mean() for score in unseen @ direction]))

    assert rank(axes[0]) < 0.7 * rank(None)


def test_words_count_less_where_unseen_examples_rank_worse_with_them() -> None:
    """Half of the other photos match the words as well."""
    rng, axes = np.random.default_rng(1), np.eye(16)

    def unit(rows: np.ndarray) -> np.ndarray:
        scaled: np.ndarray = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return scaled.astype(np.float32)

    likes = unit(axes[0] + 0.6 * rng.standard_normal((24, 16)) / 4)
    far = axes[3] + rng.standard_normal((150, 16)) / 4
    near = 0.8 * axes[0] + axes[1] + 0.6 * rng.standard_normal((150, 16)) / 4
    others, words = unit(np.concatenate([far, near])), axes[0].astype(np.float32)

    def share(count: int) -> float:
        training = TrainingSet(likes[:count], likes[:0], others, words)
        return probe.with_words_weighed(training).words_share

    assert share(24) < 0.5 * 3 / np.sqrt(24)
    assert share(2) == pytest.approx(3 / np.sqrt(2)), "two likes cannot be tested"


def test_probabilities_are_calibrated_and_the_test_says_that_it_separates(
    crowd: TrainingSet,
) -> None:
    direction = probe.fit(crowd)
    held_out = probe.hold_out(crowd)
    calibrated = probe.calibrate(crowd, direction, held_out)
    assert calibrated.slope > 0
    sure, likely = calibrated.score_of(probe.SURE), calibrated.score_of(probe.LIKELY)
    assert sure > likely
    assert (crowd.others @ direction >= likely).mean() < 0.02  # none of them shows it
    test = probe.assess(crowd, direction, held_out, calibrated)
    assert test is not None and test.separates
    assert test.recall > 0.5
    assert test.above > 0.95
    assert "cross-validated" in test.sentence()


def test_likes_that_share_nothing_are_said_not_to_separate() -> None:
    """The scores of held-out photos say so: the probe itself separates what it was fitted to."""
    others = random_vectors(400, DIM, 2)
    chance = TrainingSet(random_vectors(10, DIM, 1), others[:0], others)
    direction = probe.fit(chance)
    assert (chance.likes @ direction).min() > np.quantile(others @ direction, 0.95)
    held_out = probe.hold_out(chance)
    test = probe.assess(chance, direction, held_out, probe.calibrate(chance, direction, held_out))
    assert test is not None and not test.separates
    assert test.sentence().startswith("Too alike to others here")


def test_likes_like_the_unlikes_are_said_not_to_separate() -> None:
    axes = np.eye(DIM, dtype=np.float32)
    both = cloud(24, axes[0], 0.5, 1)
    alike = TrainingSet(both[::2], both[1::2], cloud(400, axes[1], 0.5, 2))
    direction = probe.fit(alike)
    held_out = probe.hold_out(alike)
    test = probe.assess(alike, direction, held_out, probe.calibrate(alike, direction, held_out))
    assert test is not None and not test.separates
    assert test.above > 0.9
    assert test.sentence().startswith("Too alike to the unliked examples")


def test_fewer_than_three_likes_are_not_tested(crowd: TrainingSet) -> None:
    two = TrainingSet(crowd.likes[:2], crowd.unlikes, crowd.others)
    held_out = probe.hold_out(two)
    direction = probe.fit(two)
    assert probe.assess(two, direction, held_out, probe.calibrate(two, direction, held_out)) is None


# ------------------------------------------------------------------------- in a library

PINKS, GREENS = 12, 40


def paint(path: Path, colour: tuple[int, int, int], number: int) -> Path:
    """A photo with a band of a colour, on a ground that differs from photo to photo."""
    rng = np.random.default_rng(number)
    picture = Image.fromarray(rng.integers(60, 200, (8, 8, 3), np.uint8)).resize((64, 64))
    picture.paste(colour, (0, 20, 64, 20 + 14))
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path)
    return path


@pytest.fixture
def painted(library: Library, stand_in: StandIn, tmp_path: Path) -> Path:
    """The folder of an indexed library: photos with a pink band, and others with a green one."""
    folder = tmp_path / "photos"
    for number in range(PINKS):
        paint(folder / f"pink-{number:02}.png", (250, 30, 160), number)
    for number in range(GREENS):
        paint(folder / f"green-{number:02}.png", (30, 200, 60), 100 + number)
    library.index([folder]).run()
    return folder


def pinks(folder: Path, count: int) -> list[Path]:
    return [folder / f"pink-{number:02}.png" for number in range(count)]


def test_a_concept_is_a_term_and_a_filter(
    library: Library, painted: Path, stand_in: StandIn
) -> None:
    before = stand_in.embedded
    concept = library.concepts.teach("Pink band", pinks(painted, 6), [painted / "green-00.png"])
    assert stand_in.embedded == before  # nothing was embedded again
    assert (concept.likes, concept.unlikes) == (6, 1)
    assert concept.test is not None and concept.test.separates

    found = names(library.search('concept:"pink band"', k=PINKS))
    assert sorted(found) == [path.name for path in pinks(painted, PINKS)]
    shown = names(library.search('shows:"PINK BAND"'))
    assert set(found[:6]) <= set(shown) and all(name.startswith("pink") for name in shown)
    assert len(shown) == concept.sure + concept.likely
    surely = names(library.search('shows:"pink band/sure"'))
    assert set(names(library.search(f"name:{found[0]}"))) <= set(surely) <= set(shown)
    rest = names(library.search('-shows:"pink band"', k=100))
    assert len(rest) == PINKS + GREENS - len(shown)
    turned = names(library.search('-concept:"pink band"', k=10))
    assert all(name.startswith("green") for name in turned)
    mixed = library.search('0.01:concept:"pink band" photo:1 name:pink', k=3)
    assert len(mixed) == 3


def test_the_verdict_on_a_concept_is_its_own(library: Library, painted: Path) -> None:
    concept = library.concepts.teach("pink", pinks(painted, 6))
    answer = library.find("concept:pink", k=PINKS + GREENS)
    assert answer.verdict is not None and answer.verdict.state == "found"
    shown = [hit for hit in answer.hits if hit.level in ("sure", "likely")]
    assert all(hit.path.name.startswith("pink") for hit in shown)
    assert len(shown) == answer.verdict.sure + answer.verdict.likely
    assert len(shown) == pytest.approx(concept.sure + concept.likely, abs=6)  # examples are sure
    explained = library.explain(painted / "pink-00.png", "concept:pink shows:pink")
    (verdict,) = explained.concepts
    assert (verdict.name, verdict.judged) == ("pink", True)
    assert verdict.probability > 0.5
    assert explained.remarks == (("concept:pink", str(verdict)),)
    (share,) = explained.shares
    assert share.term == "concept:pink"
    (other,) = library.explain(painted / "green-01.png", "concept:pink").concepts
    assert other.level is None and other.judged is None and "not likely" in str(other)


def test_a_page_notices_that_the_concept_was_taught_again(library: Library, painted: Path) -> None:
    library.concepts.teach("pink", pinks(painted, 3))
    cursor = library.find("concept:pink", k=4).cursor
    assert len(library.find("concept:pink", k=4, cursor=cursor).hits) == 4
    library.concepts.teach("pink", pinks(painted, 5))
    with pytest.raises(QueryError, match="taught again since"):
        library.find("concept:pink", k=4, cursor=cursor)


def test_new_photos_are_judged_as_they_come(library: Library, painted: Path) -> None:
    library.concepts.teach("pink", pinks(painted, 8))
    paint(painted / "pink-new.png", (250, 30, 160), 555)
    paint(painted / "green-new.png", (30, 200, 60), 556)
    library.index().run()
    shown = names(library.search("shows:pink", k=100))
    assert "pink-new.png" in shown and "green-new.png" not in shown


def test_a_photo_that_is_judged_again_changes_sides(library: Library, painted: Path) -> None:
    first = painted / "pink-00.png"
    library.concepts.teach("pink", pinks(painted, 6))
    ids = {hit.path.name: hit.photo.id for hit in library.search("name:pink", k=100)}
    assert library.concepts.judged("pink") == {ids[f"pink-0{n}.png"]: True for n in range(6)}
    library.concepts.teach("pink", unlike=[ids[first.name]])
    assert library.concepts.judged("pink")[ids[first.name]] is False
    assert first.name not in names(library.search("shows:pink"))
    library.concepts.teach("pink", withdraw=[f"photo:{ids[first.name]}"])
    assert ids[first.name] not in library.concepts.judged("pink")
    assert library.concepts.get("pink").likes == 5


def test_a_picture_from_elsewhere_is_an_example(
    library: Library, painted: Path, stand_in: StandIn, tmp_path: Path
) -> None:
    elsewhere = [paint(tmp_path / f"{n}.png", (250, 30, 160), 900 + n) for n in range(3)]
    before = stand_in.embedded
    concept = library.concepts.teach("pink", [*elsewhere[:2], elsewhere[2].read_bytes()])
    assert stand_in.embedded == before + 3
    assert concept.likes == 3
    assert library.concepts.judged("pink") == {}
    assert all(name.startswith("pink") for name in names(library.search("concept:pink", k=5)))
    for path in elsewhere:
        path.unlink()
    again = library.concepts.teach("pink", [painted / "pink-00.png"])  # their vectors are kept
    assert (again.likes, stand_in.embedded) == (4, before + 3)


def test_after_a_change_of_the_model_a_concept_is_learned_again(
    library: Library, painted: Path, tmp_path: Path
) -> None:
    other = StandIn()
    other.id = "lite/another"
    elsewhere = paint(tmp_path / "one.png", (250, 30, 160), 900)
    library.concepts.teach("pink", [*pinks(painted, 6), elsewhere])
    elsewhere.unlink()
    settings = library.settings
    library.close()
    with Library.open(settings, encoder=other) as changed:
        changed.rebuild("lite").run()
        concept = changed.concepts.get("pink")
        assert concept.is_ready and concept.likes == 7
        found = names(changed.search("concept:pink", k=PINKS))
        assert sorted(found) == [path.name for path in pinks(painted, PINKS)]
        assert other.embedded == PINKS + GREENS + 1


def test_proposals_are_uncertain_and_not_judged_yet(library: Library, painted: Path) -> None:
    library.concepts.teach("pink", pinks(painted, 4), [painted / "green-00.png"])
    proposed = library.concepts.to_judge("pink", 6)
    assert len(proposed) == 6
    judged = library.concepts.judged("pink")
    assert not {hit.photo.id for hit in proposed} & judged.keys()
    liked, unliked = (
        next(each for each in judged if judged[each] is side) for side in (True, False)
    )
    assert library.concepts.of_photo(liked) == {"pink": True}
    assert library.concepts.of_photo(unliked) == {"pink": False}
    assert library.concepts.of_photo(proposed[0].photo.id) == {}
    doubts: list[tuple[float, int]] = []
    for hit in library.search("concept:pink", k=PINKS + GREENS):
        if hit.photo.id not in judged:
            (verdict,) = library.explain(hit.path, "concept:pink").concepts
            doubts.append((abs(verdict.probability - 0.5), hit.photo.id))
    assert proposed[0].photo.id == min(doubts)[1]


def test_examples_that_leave_the_library_leave_the_concept(
    library: Library, painted: Path, tmp_path: Path
) -> None:
    library.concepts.teach("pink", pinks(painted, 3))
    for path in pinks(painted, 3):
        path.unlink()
    library.index(accept_removals=True).run()

    def is_pruned() -> bool:
        library.folders.prune(0)  # what was removed in an earlier second, perhaps not all at once
        return library.concepts.get("pink").likes == 0

    wait_until(is_pruned)
    assert library.concepts.get("pink").is_ready
    assert names(library.search("concept:pink", k=3))[0].startswith("pink")
    other = StandIn()
    other.id = "lite/another"
    settings = library.settings
    library.close()
    with Library.open(settings, encoder=other) as changed:
        changed.rebuild("lite").run()
        assert not changed.concepts.get("pink").is_ready
        with pytest.raises(QueryError, match="no examples left"):
            changed.search("concept:pink")


# ------------------------------------------------------------------------- errors


def test_errors_say_what_to_do(library: Library, painted: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="list of examples is empty"):
        library.concepts.teach("pink")
    with pytest.raises(QueryError, match="none was taught yet"):
        library.search("concept:pink")
    with pytest.raises(UsageError, match="at least one photo that shows it"):
        library.concepts.teach("pink", unlike=pinks(painted, 1))
    assert library.concepts.all() == ()
    library.concepts.teach("pink", pinks(painted, 3))
    with pytest.raises(UsageError, match="There is a concept 'pink' already"):
        library.concepts.teach("Pink", pinks(painted, 4), new=True)
    for query in ("concept:pnik", "shows:pnik", "-concept:pnik dog"):
        with pytest.raises(QueryError, match=r"Unknown concept 'pnik'. Did you mean pink\?"):
            library.search(query)
    with pytest.raises(QueryError, match="Unknown verdict 'maybe'"):
        library.search("shows:pink/maybe")
    with pytest.raises(UsageError, match="not an example of 'pink'"):
        library.concepts.teach("pink", withdraw=[painted / "green-00.png"])
    with pytest.raises(UsageError, match="at least one photo that shows it"):
        library.concepts.teach("pink", withdraw=pinks(painted, 3))
    with pytest.raises(QueryError, match="no photo with the id 9999"):
        library.concepts.teach("pink", ["photo:9999"])
    with pytest.raises(QueryError, match="does not exist"):
        library.concepts.teach("pink", [tmp_path / "none.jpg"])
    (tmp_path / "text.jpg").write_text("no image")
    with pytest.raises(QueryError, match="cannot be read"):
        library.concepts.teach("pink", [tmp_path / "text.jpg"])
    for name in ("", " ", "a/b", "-x", 'say "a"', "x" * 61):
        with pytest.raises(UsageError, match="name"):
            library.concepts.teach(name, pinks(painted, 1))
    with pytest.raises(UsageError, match="as a list"):
        library.concepts.teach("pink", str(pinks(painted, 1)[0]))
    assert library.concepts.get("PINK").likes == 3  # nothing of the above changed it
    assert library.concepts.forget("pink")
    assert not library.concepts.forget("pink")
    assert library.concepts.all() == ()


def test_a_library_of_examples_alone_has_nothing_to_tell_them_from(
    library: Library, stand_in: StandIn, tmp_path: Path
) -> None:
    one = paint(tmp_path / "photos" / "one.png", (250, 30, 160), 1)
    library.index([one.parent]).run()
    with pytest.raises(UsageError, match="no other photos"):
        library.concepts.teach("pink", [one])


@pytest.mark.parametrize(
    "line",
    ["concept:max", 'concept:"our dog"', "-concept:max", "2:concept:max beach", "-0.5:concept:max"],
)
def test_a_query_with_a_concept_reads_back(line: str) -> None:
    query = parse(line)
    assert parse(to_text(query)) == query
    assert to_text(query).split(" ")[0].lstrip("-0.52:").startswith("concept:")


# ------------------------------------------------------------------------- the command


def test_the_command_teaches_shows_and_forgets(library: Library, painted: Path) -> None:
    """`--like` takes any number of photos, as a shell's pattern gives them."""
    data = library.settings.data_dir
    environment = {"IMGSEARCH_DATA": str(data)}
    (fifth,) = library.search("name:pink-05")

    def teach(*words: object) -> tuple[int, str, str]:
        runner = CliRunner()
        arguments = ["teach", *map(str, words)]
        done = runner.invoke(commands, arguments, obj=StandIn(), env=environment)
        return done.exit_code, done.stdout, done.stderr

    code, _, error = teach()
    assert code == 1 and "No concept was taught yet" in error
    code, printed, _ = teach(
        "pink",
        "--like",
        *pinks(painted, 4),
        f"photo:{fifth.photo.id}",
        "--unlike",
        painted / "green-00.png",
    )
    assert code == 0 and printed.startswith("pink: 5 examples, 1 unlike it")
    assert len(re.findall(r"^photo:\d+  /", printed, re.MULTILINE)) == 5
    code, printed, _ = teach("pink", "-k", 2, "--json")
    shown = json.loads(printed)
    assert code == 0 and len(shown["judge_next"]) == 2
    assert (shown["likes"], shown["unlikes"], shown["test"]["separates"]) == (5, 1, True)
    code, printed, _ = teach("--json")
    assert [each["name"] for each in json.loads(printed)] == ["pink"]
    assert teach("pink", "--like")[0] == 2  # a list without a photo
    assert teach("--like", "a.jpg")[0] == 2  # no name: the photos are none
    code, printed, _ = teach("pink", "--forget")
    assert code == 0 and "no photo was touched" in printed
    assert teach("pink", "--forget")[0] == 1
