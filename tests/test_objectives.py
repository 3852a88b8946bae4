"""The objectives learn, their losses are those of the papers, and a study can be resumed."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import numpy as np
import psutil
import pytest
import torch
from torch import nn

from imgsearch.errors import FolderError, ImgsearchError, UsageError
from tests.factories import CHECKOUT
from training.objectives import report
from training.objectives.__main__ import PAGE, PLOT, PUBLISHED, main
from training.objectives.corpus import CaptionedFeatures, StudyData, batches, known_classes
from training.objectives.fit import FINAL, FittedRun, RunSpec, fit
from training.objectives.layers import ModelShape, WordAttention, WordPredictor, word_embedding
from training.objectives.losses import bag_of_words_loss, contrastive_loss
from training.objectives.models import (
    KINDS,
    TextScores,
    log_mean_likelihood,
    random_words,
    reversed_words,
)
from training.objectives.results import StudyResults
from training.objectives.scoring import recall, zero_shot
from training.objectives.study import DATA_FILE, Study, StudyPlan, StudyProgress, result_file
from training.objectives.vocabulary import BEGIN, END, PAD, UNKNOWN, CaptionVocabulary

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    Floats = NDArray[np.floating]

# ---------------------------------------------------------------------------- a made set

COLOURS = ("red", "green", "blue", "white", "black", "yellow")
THINGS = ("dog", "cat", "car", "ball", "boat")
FEATURES = 48


class ColouredThings:
    """Photos of a coloured thing each, with two captions: "a red dog" and "the dog is red"."""

    def __init__(self) -> None:
        rng = np.random.default_rng(5)
        self._colours = rng.normal(size=(len(COLOURS), FEATURES))
        self._things = rng.normal(size=(len(THINGS), FEATURES))
        self._rng = rng
        self.vocabulary = CaptionVocabulary.of(self._captions(self._all()), min_count=1)

    def data(self) -> StudyData:
        """300 photos to train with; a new photo of each of the 30 combinations to measure with."""
        train = self._captioned([self._all()[i] for i in self._rng.integers(30, size=300)])
        dev = self._captioned(self._all())
        prompts = self.vocabulary.tokens([f"a {c} {t}" for c, t in map(self._named, self._all())])
        classes = CaptionedFeatures(
            dev.features, torch.from_numpy(prompts), torch.arange(len(prompts))
        )
        return StudyData(self.vocabulary.size, train, dev, dev, classes)

    def _captioned(self, pairs: list[tuple[int, int]]) -> CaptionedFeatures:
        features = np.array([self._colours[c] + self._things[t] for c, t in pairs])
        features += 0.3 * self._rng.normal(size=features.shape)
        return CaptionedFeatures(
            torch.from_numpy(features.astype(np.float32)),
            torch.from_numpy(self.vocabulary.tokens(self._captions(pairs))),
            torch.arange(len(pairs)).repeat_interleave(2),
        )

    def _captions(self, pairs: list[tuple[int, int]]) -> list[str]:
        named = [self._named(pair) for pair in pairs]
        return [text for c, t in named for text in (f"A {c} {t}.", f"the {t} is {c}")]

    @staticmethod
    def _named(pair: tuple[int, int]) -> tuple[str, str]:
        return COLOURS[pair[0]], THINGS[pair[1]]

    @staticmethod
    def _all() -> list[tuple[int, int]]:
        return [(c, t) for c in range(len(COLOURS)) for t in range(len(THINGS))]


@pytest.fixture(scope="module")
def things() -> StudyData:
    return ColouredThings().data()


def fitted(objective: str, data: StudyData, points: tuple[int, ...], seed: int = 0) -> FittedRun:
    spec = RunSpec(objective, FINAL, 1e-2, seed, points)
    threads = torch.get_num_threads()
    try:
        return fit(spec, data, "made up", lambda seen: None)
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize("objective", KINDS)
def test_each_objective_learns_which_caption_belongs_to_a_photo(
    objective: str, things: StudyData
) -> None:
    run = fitted(objective, things, (512, 6_144))
    first, last = run.points
    assert last.loss < 0.8 * first.loss
    assert last.dev.at_1 > 0.9  # of 30 photos
    assert last.zero_shot is not None
    assert last.zero_shot.relative > 0.9
    assert last.dev.at_1 > first.dev.at_1 or first.dev.at_1 > 0.9


def test_the_same_run_has_the_same_figures(things: StudyData) -> None:
    for objective in KINDS:
        first, second = (fitted(objective, things, (512,), seed=3).points for _ in range(2))
        assert first == second
    assert fitted("contrastive", things, (512,), seed=4).points != first


# ---------------------------------------------------------------------------- losses


def log_softmax(scores: Floats) -> Floats:
    result: Floats = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    return result


def test_the_contrastive_losses_are_those_of_the_papers() -> None:
    rng = np.random.default_rng(0)
    photos, texts = rng.normal(size=(2, 7, 12))
    photos /= np.linalg.norm(photos, axis=1, keepdims=True)
    texts /= np.linalg.norm(texts, axis=1, keepdims=True)
    for temperature, share in ((0.07, 0.5), (0.1, 0.75)):
        to_text = to_photo = 0.0
        for own in range(7):  # as ConVIRT's equations 2 to 4 are written
            exp = np.exp(photos @ texts.T / temperature)
            to_text -= np.log(exp[own, own] / exp[own, :].sum()) / 7
            to_photo -= np.log(exp[own, own] / exp[:, own].sum()) / 7
        expected = share * to_text + (1 - share) * to_photo
        scores = torch.from_numpy(photos @ texts.T / temperature)
        assert contrastive_loss(scores, share).item() == pytest.approx(expected, rel=1e-9)
    assert to_text != pytest.approx(to_photo, rel=0.01)  # so that the share matters


def test_the_objectives_use_the_weights_and_temperatures_of_their_papers() -> None:
    shape = ModelShape(6, 20, 8, dim=8, attention_heads=2)
    features, tokens = torch.randn(5, 6), torch.randint(5, 20, (5, 8))
    for name, temperature, share in (("contrastive", 0.07, 0.5), ("convirt", 0.1, 0.75)):
        torch.manual_seed(1)
        model = KINDS[name].build(shape)
        model.train(False)
        cosines = model.text_scores(features, tokens).scores.detach().numpy().T
        assert np.abs(cosines).max() <= 1 + 1e-6
        of_photos = -np.diag(log_softmax(cosines / temperature)).mean()
        of_texts = -np.diag(log_softmax(cosines.T / temperature)).mean()
        expected = share * of_photos + (1 - share) * of_texts
        assert model.loss(features, tokens).item() == pytest.approx(expected, rel=1e-5)


def test_the_loss_of_a_bag_of_words_is_the_mean_over_its_words() -> None:
    logits = np.random.default_rng(0).normal(size=(2, 6)).astype(np.float32)
    bags = np.array([[0, 1, 1, 0, 0, 1], [1, 0, 0, 0, 0, 0]], np.float32)
    likelihoods = log_softmax(logits)
    expected = -(likelihoods[0, [1, 2, 5]].mean() + likelihoods[1, 0]) / 2
    found = bag_of_words_loss(torch.from_numpy(logits), torch.from_numpy(bags)).item()
    assert found == pytest.approx(expected, rel=1e-5)


# ---------------------------------------------------------------------------- likelihoods


def small_model(objective: str) -> tuple[Tensor, Tensor, Tensor]:
    """Features of 4 photos, tokens of 3 texts, and the scores (3, 4) of a new model."""
    torch.manual_seed(2)
    model = KINDS[objective].build(ModelShape(6, 12, 6, dim=8, attention_heads=2))
    model.train(False)
    tokens = torch.tensor(
        [
            [BEGIN, 5, 6, END, PAD, PAD],
            [BEGIN, 7, 5, 9, UNKNOWN, END],
            [BEGIN, 8, END, PAD, PAD, PAD],
        ]
    )
    features = torch.randn(4, 6)
    with torch.inference_mode():
        return features, tokens, model.text_scores(features, tokens).scores


@pytest.mark.parametrize("objective", ["captioning", "masked-words", "bag-of-words"])
def test_scores_of_many_pairs_are_those_of_each_alone(objective: str) -> None:
    features, tokens, scores = small_model(objective)
    torch.manual_seed(2)
    model = KINDS[objective].build(ModelShape(6, 12, 6, dim=8, attention_heads=2))
    model.train(False)
    with torch.inference_mode():
        for row, text in enumerate(tokens):
            short = text[: int((text != PAD).sum())]  # padding must not matter either
            for column, photo in enumerate(features):
                alone = model.text_scores(photo[None], short[None]).scores.item()
                assert alone == pytest.approx(scores[row, column].item(), abs=0.02)  # bfloat16
    assert scores.max() < 0  # logarithms of probabilities
    assert scores.std(dim=1).min() > 0  # the photo matters


def test_the_likelihoods_of_all_captions_add_up_to_one() -> None:
    """Of all texts of one word, none longer: p(word) p(END | word) in each direction."""
    torch.manual_seed(0)
    shape = ModelShape(6, 9, 4, dim=8, attention_heads=2)
    predictor = WordPredictor(shape, word_embedding(shape))
    predictor.train(False)
    states, photos = torch.randn(3, 8), torch.randn(5, 8)
    with torch.inference_mode():
        each = [
            predictor.log_likelihoods(states, torch.full((3,), word), photos) for word in range(9)
        ]
    torch.testing.assert_close(torch.stack(each).exp().sum(dim=0), torch.ones(3, 5))


def test_a_decoder_does_not_see_the_words_that_it_predicts() -> None:
    torch.manual_seed(0)
    shape = ModelShape(6, 20, 6, dim=8, attention_heads=2)
    attention = WordAttention(shape, word_embedding(shape))
    attention.train(False)
    states = attention(torch.tensor([[BEGIN, 9, 5, 6], [BEGIN, 9, 7, 6]]), causal=True)
    torch.testing.assert_close(states[0, :2], states[1, :2])
    assert not states[0, 3].allclose(states[1, 3])  # what comes later does see it
    states = attention(torch.tensor([[BEGIN, 9, 5, 6], [BEGIN, 9, 7, 6]]), causal=False)
    assert not states[0, 1].allclose(states[1, 1])


def test_words_are_reversed_and_marks_are_not() -> None:
    tokens = torch.tensor([[BEGIN, 5, 6, 7, END, PAD], [BEGIN, 8, UNKNOWN, END, PAD, PAD]])
    expected = [[BEGIN, 7, 6, 5, END, PAD], [BEGIN, UNKNOWN, 8, END, PAD, PAD]]
    assert reversed_words(tokens).tolist() == expected
    assert reversed_words(reversed_words(tokens)).equal(tokens)


def test_some_words_are_masked_and_never_none() -> None:
    torch.manual_seed(0)
    text = torch.tensor([BEGIN, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, END, PAD])
    masked = random_words(text.repeat(2_000, 1), 0.15)
    assert masked.any(dim=1).all()
    assert not masked[:, [0, 11, 12]].any()
    assert 0.15 < masked[:, 1:11].float().mean() < 0.2  # a little more, as one is always masked
    assert masked.float().mean(dim=0)[1:11].std() < 0.02  # no place is preferred


# ---------------------------------------------------------------------------- data, scores


def test_words_get_numbers_and_rare_ones_are_unknown() -> None:
    vocabulary = CaptionVocabulary.of(["A dog.", "a Dog's ball", "a cat"], min_count=2)
    assert vocabulary.words == ("a", "dog")
    row = vocabulary.tokens(["A cat, a dog!"])[0]
    assert row[:7].tolist() == [BEGIN, 5, UNKNOWN, 5, 6, END, PAD]
    assert vocabulary.knows("a DOG")
    assert not vocabulary.knows("a cat")
    assert not vocabulary.knows("…")
    assert known_classes(["dog", "Dog", "a dog", "cat"], vocabulary) == [2]


def test_batches_are_the_same_for_all_objectives_and_have_each_photo_once() -> None:
    data = ColouredThings().data().train
    first, again, other = batches(data, 100, 1), batches(data, 100, 1), batches(data, 100, 2)
    seen = []
    for _ in range(3):  # an epoch
        features, tokens = next(first)
        same_features, same_tokens = next(again)
        assert features.equal(same_features)
        assert tokens.equal(same_tokens)
        seen.append(features)
        for photo, text in zip(features, tokens, strict=True):
            (row,) = (data.features == photo).all(dim=1).nonzero()[0]
            own = data.tokens[data.photo_of == row][:, : len(text)]
            assert (own == text).all(dim=1).any()
    assert len(np.unique(torch.cat(seen).numpy(), axis=0)) == 300
    assert not next(other)[0].equal(seen[0])


def test_the_search_never_sees_the_photos_it_is_judged_by(things: StudyData) -> None:
    part = things.for_search()
    assert len(part.train.features) + len(part.dev.features) == len(things.train.features)
    together = torch.cat([part.train.features, part.dev.features])
    assert len(np.unique(together.numpy(), axis=0)) == len(things.train.features)
    assert not (part.dev.features[:, None] == things.dev.features[None]).all(dim=2).any()


def test_a_sample_keeps_texts_with_their_photos(things: StudyData) -> None:
    sample = things.train.sample(40, 1)
    assert sample.photo_of.tolist() == list(range(40))
    for photo, text in zip(sample.features, sample.tokens, strict=True):
        (row,) = (things.train.features == photo).all(dim=1).nonzero()[0]
        assert (things.train.tokens[things.train.photo_of == row] == text).all(dim=1).any()


def test_data_is_saved_and_loaded_unchanged(things: StudyData, tmp_path: Path) -> None:
    things.save(tmp_path / DATA_FILE)
    assert StudyData.load(tmp_path / DATA_FILE).fingerprint() == things.fingerprint()
    changed = replace(things, words=things.words + 1)
    assert changed.fingerprint() != things.fingerprint()


class KnownScores(nn.Module):
    """A model of 30 texts that has their scores with 30 photos; with any others, the means."""

    def __init__(self, scores: Tensor) -> None:
        super().__init__()
        self._scores = scores

    def loss(self, features: Tensor, tokens: Tensor) -> Tensor:
        raise NotImplementedError

    def text_scores(self, features: Tensor, tokens: Tensor) -> TextScores:
        scores = self._scores
        if len(features) != 30:
            scores = scores.mean(dim=1, keepdim=True).expand(30, len(features))
        return TextScores(scores, torch.ones(30))


def test_how_common_a_text_is_does_not_count_in_relative_accuracy(things: StudyData) -> None:
    scores = torch.eye(30) - 20.0
    scores[4] += 15  # one prompt is likely with any photo
    kind = KINDS["captioning"]
    found = zero_shot(KnownScores(scores), kind, things.classes, things.background)
    assert found.plain == pytest.approx(1 / 30)
    assert found.relative == 1.0
    likelihoods = torch.tensor([[0.2, 0.4], [0.5, 0.1]]).log()
    torch.testing.assert_close(log_mean_likelihood(likelihoods).exp(), torch.tensor([0.3, 0.3]))


def test_a_tie_counts_against_the_model_and_divergence_is_an_error(things: StudyData) -> None:
    data = CaptionedFeatures(things.dev.features, things.classes.tokens, torch.arange(30))
    assert recall(KnownScores(torch.zeros(30, 30)), data).recall_at_10 == 0
    assert recall(KnownScores(torch.eye(30)), data).recall_at_1 == 1
    with pytest.raises(ImgsearchError, match="diverged"):
        recall(KnownScores(torch.full((30, 30), torch.nan)), data)


# ---------------------------------------------------------------------------- a study

SHORT = StudyPlan(("bag-of-words",), (1e-2,), seeds=(0, 1, 2), points=(512,))
KILLED_STUDY = """
import sys
from pathlib import Path
from tests.test_objectives import SHORT
from training.objectives.scoring import recall, zero_shot
from training.objectives.study import Study
Study(SHORT, Path(sys.argv[1])).run(lambda progress: None, processes=1)
"""


@pytest.mark.slow
def test_a_study_that_was_killed_and_interrupted_goes_on(things: StudyData, tmp_path: Path) -> None:
    things.save(tmp_path / DATA_FILE)
    specs = SHORT.finals("bag-of-words", 1e-2)
    command = [sys.executable, "-c", KILLED_STUDY, str(tmp_path)]
    study = subprocess.Popen(command, cwd=CHECKOUT)
    while not result_file(tmp_path, specs[0]).exists():
        assert study.poll() is None
        time.sleep(0.01)
    orphans = psutil.Process(study.pid).children()
    study.kill()
    study.wait()
    psutil.wait_procs(orphans)  # a run without its study ends
    kept = result_file(tmp_path, specs[0])
    written = kept.stat().st_mtime_ns
    assert not result_file(tmp_path, specs[2]).exists()

    def interrupt(progress: StudyProgress) -> None:
        if progress.done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Study(SHORT, tmp_path).run(interrupt, processes=1)
    seen: list[StudyProgress] = []
    runs = Study(SHORT, tmp_path).run(seen.append, processes=1)
    assert seen[0].done == 2
    assert {progress.total for progress in seen} == {3}
    assert seen[-1].examples_per_s > 0
    assert kept.stat().st_mtime_ns == written
    assert [run.spec for run in runs] == specs
    for run in runs:  # and an interruption changes no figure
        assert run.points == fitted("bag-of-words", things, (512,), run.spec.seed).points
    assert Study(SHORT, tmp_path).run(seen.append) == runs  # at once


def runs_in_progress() -> list[psutil.Process]:
    """The child processes that train; those that have ended, of any test, are left out."""
    found = []
    for child in psutil.Process().children():
        with suppress(psutil.NoSuchProcess):
            if "training.objectives" in " ".join(child.cmdline()):
                found.append(child)
    return found


def test_a_stopped_study_has_told_what_is_left(things: StudyData, tmp_path: Path) -> None:
    things.save(tmp_path / DATA_FILE)
    told: list[StudyProgress] = []

    def stop(progress: StudyProgress) -> None:
        told.append(progress)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Study(SHORT, tmp_path).run(stop, processes=1)
    assert (told[0].done, told[0].total) == (0, 3)
    assert told[0].left_s > 0
    assert not runs_in_progress()
    line = str(StudyProgress(2, 30, ("final-convirt-0.003-0 25 %",), 1234.5, 600.0))
    expected = "2 of 30 runs, 1,234 examples/s, about 10 min left: final-convirt-0.003-0 25 %"
    assert line == expected


def test_the_learning_rate_with_the_best_recall_is_used(things: StudyData) -> None:
    plan = StudyPlan(
        ("contrastive",), (1e-5, 1e-2), seeds=(0,), points=(256,), search_examples=2048
    )
    threads = torch.get_num_threads()
    searched = [fit(spec, things, "", lambda seen: None) for spec in plan.searches("contrastive")]
    torch.set_num_threads(threads)
    assert [run.points[0].zero_shot for run in searched] == [None, None]
    assert plan.best_rate(searched) == 1e-2
    assert replace(plan, learning_rates=(3e-4,)).searches("contrastive") == []
    assert plan.best_rate([]) == 1e-5


@pytest.fixture(scope="module")
def results(things: StudyData) -> StudyResults:
    plan = StudyPlan(("contrastive", "bag-of-words"), (1e-2,), seeds=(0, 1), points=(256, 1_024))
    runs = [
        fitted(objective, things, plan.points, seed)
        for objective in plan.objectives
        for seed in plan.seeds
    ]
    return StudyResults.of(things, plan, runs)


def test_the_tables_are_made_from_the_results(
    results: StudyResults, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "results.json"
    results.save(file)
    assert StudyResults.load(file) == results
    assert main(["table", str(file)]) == 0
    printed = capsys.readouterr().out
    assert printed == report.markdown(results)
    shares = [100 * run.points[-1].dev.at_10 for run in results.finals("bag-of-words")]
    (row,) = [line for line in printed.splitlines() if "| 0.01 |" in line and "bag of" in line]
    assert f"| {np.mean(shares):.1f} ± {np.std(shares, ddof=1):.1f} |" in row
    assert "300 photos with 600 captions" in printed


def test_the_plot_has_a_point_for_each_mean(results: StudyResults) -> None:
    drawn = ElementTree.fromstring(report.svg(results))
    circles = [each for each in drawn.iter() if each.tag.endswith("circle")]
    assert len(circles) == 3 * 2 * 2  # panels, objectives, points
    panel_tops = {float(each.get("y", 0)) for each in drawn.iter() if each.get("stroke") == "#333"}
    (top,) = panel_tops
    assert all(top <= float(each.get("cy", 0)) <= top + 260 for each in circles)


def test_results_that_cannot_be_read_are_an_error(tmp_path: Path) -> None:
    assert main(["table", str(tmp_path / "none.json")]) == FolderError.exit_code
    (tmp_path / "other.json").write_text('{"date": "2026-11-26"}')
    assert main(["table", str(tmp_path / "other.json")]) == UsageError.exit_code


def test_the_published_tables_and_plot_are_those_of_the_published_results() -> None:
    published = StudyResults.load(PUBLISHED)
    assert PAGE.read_text() == report.page_with(PAGE.read_text(), published)
    assert PLOT.read_text() == report.svg(published)
