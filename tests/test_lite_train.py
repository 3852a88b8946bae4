"""The heads of `lite` can be trained again, and the same input gives the same file."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from msgspec.structs import replace
from PIL import Image
from safetensors.numpy import load_file

from imgsearch.analysis import metrics
from imgsearch.encoders.lite import dino_heads, heads
from imgsearch.encoders.lite.heads import CURRENT, load_arrays
from imgsearch.encoders.lite.spec import CLASSES, FEATURES, TEXT_FEATURES, TEXT_WIDTH
from imgsearch.errors import FolderError, UsageError
from tests.factories import random_vectors
from training import datasets, evaluate, features, head_trials, round_dino, train
from training.fitting import Schedule
from training.learning_curve import learning_curve

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from imgsearch.encoders.base import Encoder
    from imgsearch.encoders.lite.heads import Heads

    Floats = NDArray[np.float32]

SHORT = Schedule(epochs=8, batch=64, teacher_weight=0.3, seeds=(0, 1))  # the teacher knows nothing


# ---------------------------------------------------------------------------- training


class PairedViews:
    """A toy: photos and texts are two noisy views of the same few hidden things."""

    classes, hidden = 40, 6

    def __init__(self, seed: int, features: int = 96) -> None:
        self.features = features
        self._random = np.random.default_rng(seed)
        self._to_features = self._noise(self.hidden, self.features)
        self._to_layers = [self._noise(self.hidden, TEXT_WIDTH) for _ in range(2)]

    def photos(self, count: int, views: int = 2) -> train.EmbeddedPhotos:
        """Photos in some views, with three texts each and uninformative logits."""
        hidden = self._noise(count, self.hidden)
        said = np.repeat(hidden, 3, axis=0) + 0.3 * self._noise(count * 3, self.hidden)
        seen = [
            features.TowerFeatures(
                hidden @ self._to_features + 3 * self._noise(count, self.features),
                self._noise(count, self.classes),
            )
            for _ in range(views)
        ]
        return train.EmbeddedPhotos(seen, self._layers(said), np.repeat(np.arange(count), 3))

    def class_texts(self) -> Floats:
        return self._layers(self._noise(self.classes, self.hidden))

    def _layers(self, said: Floats) -> Floats:
        rows = [heads.unit(said @ to_layer) for to_layer in self._to_layers]
        return np.concatenate(rows, axis=1)

    def _noise(self, *shape: int) -> Floats:
        return self._random.normal(size=shape).astype(np.float32)


def toy_heads() -> tuple[Heads, train.EmbeddedPhotos]:
    """Heads, and photos they never saw."""
    world = PairedViews(seed=3)
    ranges = np.tile(np.array([-1, 1], np.float32), (35, 1))
    seen, samples = world.photos(500), world.photos(100)
    return train.train_heads(seen, samples, world.class_texts(), ranges, SHORT), world.photos(200)


@pytest.fixture(scope="module")
def toy() -> tuple[Heads, train.EmbeddedPhotos]:
    return toy_heads()


def test_trained_heads_find_photos_that_were_not_trained_on(
    toy: tuple[Heads, train.EmbeddedPhotos],
) -> None:
    trained, unseen = toy
    images = trained.image_vectors(unseen.views[0].features, unseen.views[0].logits)
    result = metrics.retrieval(trained.text_vectors(unseen.texts), images, unseen.photo_of)
    assert result.recall_at_10 > 0.5  # chance is 0.05


def test_the_same_input_gives_the_same_file(
    toy: tuple[Heads, train.EmbeddedPhotos], tmp_path: Path
) -> None:
    heads.save(toy[0], tmp_path / "first")
    heads.save(toy_heads()[0], tmp_path / "second")
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()


def test_alpha_is_low_where_classes_are_uninformative(
    toy: tuple[Heads, train.EmbeddedPhotos],
) -> None:
    trained, unseen = toy
    assert train.best_alpha(trained, [unseen]) < 0.3


def test_the_scale_makes_the_right_caption_likely_but_not_certain(
    toy: tuple[Heads, train.EmbeddedPhotos],
) -> None:
    assert min(train.SCALES) < train.best_scale(*toy) < max(train.SCALES)


def test_more_photos_find_more() -> None:
    world = PairedViews(seed=3)
    data = train.TrainingData(
        flickr=world.photos(400),
        samples=world.photos(20),
        class_texts=world.class_texts(),
        dev=world.photos(200),
        other_dev=world.photos(50),
        ranges=np.tile(np.array([-1, 1], np.float32), (35, 1)),
    )
    rows = learning_curve(data, SHORT, alpha=0.0)
    assert [photos for photos, _, _ in rows] == [50, 100, 200, 400]
    assert rows[-1][1].recall_at_10 > rows[0][1].recall_at_10 + 0.1
    assert rows[-1][2].recall_at_10 > rows[0][2].recall_at_10


def of_member(photos: train.EmbeddedPhotos, member: str) -> train.EmbeddedPhotos:
    """The photos with the features that a member reads, of those of both towers side by side."""
    views = [
        dataclasses.replace(
            view,
            features=dino_heads.features_of(
                member, view.features[:, :FEATURES], view.features[:, FEATURES:]
            ),
        )
        for view in photos.views
    ]
    return dataclasses.replace(photos, views=views)


@pytest.fixture(scope="module")
def trial_data() -> head_trials.TrialData:
    """Photos with the features of both towers, and heads in use; the second tower has 64."""
    world = PairedViews(seed=3, features=FEATURES + 64)
    class_texts = world.class_texts()
    seen, samples = (world.photos(count, len(features.VIEWS)) for count in (300, 60))
    ranges = np.tile(np.array([-1, 1], np.float32), (35, 1))
    in_use = [
        train.train_heads(
            of_member(seen, member), of_member(samples, member), class_texts, ranges, SHORT
        )
        for member in dino_heads.MEMBERS
    ]
    return head_trials.TrialData(
        flickr=seen,
        samples=samples,
        class_texts=class_texts,
        dev_sets=(world.photos(100), world.photos(50)),
        ensemble=dino_heads.DinoHeads(
            base=in_use[0].base,
            heads=tuple(each.head for each in in_use),
            alpha=0.1,
            shares=np.full(3, 0.3, np.float32),
            projection=np.eye(4 * TEXT_WIDTH, dtype=np.float32),
            ranges=ranges,
            logit_scale=20.0,
        ),
        scale=train.TextScale.of(seen.texts, class_texts),
    )


def test_the_control_of_a_trial_is_the_recipe(trial_data: head_trials.TrialData) -> None:
    schedule = dataclasses.replace(SHORT, seeds=(1,))
    flickr, samples, dev = (
        of_member(part, "dino")
        for part in (trial_data.flickr, trial_data.samples, trial_data.dev_sets[0])
    )
    recipe = train.train_heads(
        flickr, samples, trial_data.class_texts, trial_data.ensemble.ranges, schedule
    )
    member = head_trials.MemberTrials(trial_data, "dino")
    model = head_trials.fit(member.corpus, head_trials.HeadTrial("dino"), None, schedule, seed=1)
    control = member.placed(model)[0]
    for view, images in zip(dev.views, control.images, strict=True):
        expected = recipe.head.images(recipe.base.placed(view.logits), view.features)
        np.testing.assert_allclose(images, expected, atol=1e-3)
    expected = recipe.head.texts(recipe.base.read(dev.texts))
    np.testing.assert_allclose(control.texts, expected, atol=1e-3)


def test_heads_are_rounded_where_it_changes_least(
    trial_data: head_trials.TrialData, tmp_path: Path
) -> None:
    photos = trial_data.dev_sets[0]
    features, logits = photos.views[0].features.copy(), photos.views[0].logits
    features[:, FEATURES + 3] *= 300  # some features of a trained tower are that large
    seen = round_dino.Outputs(
        features[:, :FEATURES],
        features[:, FEATURES:],
        logits,
        photos.texts,
        np.array(photos.photo_of, np.int64),
    )
    trained = trial_data.ensemble
    own, rounding = round_dino.rounded(trained, seen)
    for before, after in zip(seen.vectors(trained), seen.vectors(own), strict=True):
        assert np.sum(before * after, axis=1).mean() > 0.999
    round_dino.save(own, rounding, tmp_path / "rounded")
    read = load_arrays(tmp_path / "rounded")
    np.testing.assert_allclose(read["both.feature_map"], own.heads[2].feature_map, rtol=1e-6)
    assert (read["dino.text_bias"] == own.heads[1].text_bias).all()
    assert "lite.text_map" not in read
    sizes = [load_file(tmp_path / "rounded")[name].itemsize for name in rounding.stored]
    assert min(sizes) == 1


def test_a_hidden_layer_changes_nothing_before_training(
    trial_data: head_trials.TrialData,
) -> None:
    corpus = head_trials.MemberTrials(trial_data, "both").corpus
    untrained = head_trials.ResidualHeads(SHORT, corpus, hidden=8).eval()
    rows = untrained.embed_images(corpus.conse[0], corpus.features[0])
    linear = untrained.linear.embed_images(corpus.conse[0], corpus.features[0])
    assert torch.equal(rows, linear)


@pytest.mark.parametrize("name", head_trials.TEACHERS)
def test_a_teacher_is_followed(trial_data: head_trials.TrialData, name: str) -> None:
    corpus = head_trials.MemberTrials(trial_data, "dino").corpus
    taught = head_trials.HeadTrial("dino", teacher=name, teacher_weight=3.0)
    teacher = head_trials.teacher_of(trial_data, corpus, taught)
    assert teacher is not None
    rows = torch.arange(len(corpus.weights))

    def loss_after(trial: head_trials.HeadTrial) -> float:
        used = teacher if trial == taught else None
        model = head_trials.fit(corpus, trial, used, SHORT, seed=0)
        images = model.embed_images(corpus.conse[0], corpus.features[0])
        texts = corpus.texts_of[:, 0]
        scores = model.log_scale.exp() * images @ model.embed_texts(corpus.texts[texts]).T
        return teacher.loss(rows, images, scores, texts).item()

    assert loss_after(taught) < loss_after(head_trials.HeadTrial("dino"))


def test_a_trial_tells_what_its_head_finds_alone_and_with_the_others(
    trial_data: head_trials.TrialData,
) -> None:
    trials = {
        "control": head_trials.HeadTrial("dino"),
        "hidden": head_trials.HeadTrial("lite", hidden=16),
    }
    told = list(head_trials.trial_recalls(trial_data, trials, SHORT))
    assert [name for name, _, _ in told] == ["control", "hidden"]
    for _, alone, together in told:
        assert alone.shape == together.shape == (len(SHORT.seeds), 2, 2, 3)
    # The second tower has 64 features of 2,112, so its head alone finds less than all three.
    _, alone, together = told[0]
    assert alone.mean() + 10 < together.mean()
    assert together[..., 2].min() > 50  # R@10 of 100 and of 50 photos


def test_a_subset_of_photos_keeps_their_texts() -> None:
    photos = PairedViews(seed=0).photos(6)
    some = photos.subset(np.array([1, 4]))
    np.testing.assert_array_equal(some.texts, photos.texts[[3, 4, 5, 12, 13, 14]])
    np.testing.assert_array_equal(some.photo_of, [0, 0, 0, 1, 1, 1])
    np.testing.assert_array_equal(some.views[1].logits, photos.views[1].logits[[1, 4]])
    np.testing.assert_array_equal(some.texts_of(), [[0, 1, 2, 0, 1], [3, 4, 5, 3, 4]])


# ---------------------------------------------------------------------------- heads


def test_alpha_weights_the_two_halves() -> None:
    trained = heads.load(CURRENT.path)
    rng = np.random.default_rng(0)
    logits, pooled = rng.normal(size=(4, CLASSES)), rng.random(size=(4, FEATURES))
    texts = random_vectors(4, TEXT_FEATURES)
    scores = {}
    for alpha in (0.0, 0.25, 1.0):
        weighted = replace(trained, alpha=alpha)
        images = weighted.image_vectors(pooled.astype(np.float32), logits.astype(np.float32))
        np.testing.assert_allclose(np.linalg.norm(images, axis=1), 1, atol=1e-5)
        scores[alpha] = images @ weighted.text_vectors(texts).T
    np.testing.assert_allclose(scores[0.25], 0.75 * scores[0.0] + 0.25 * scores[1.0], atol=1e-5)


def test_a_certain_class_gives_the_text_vector_of_the_class() -> None:
    names = random_vectors(CLASSES, 384)
    logits = np.zeros((2, CLASSES), np.float32)
    logits[0, 7] = logits[1, 900] = 100
    for classes in (10, CLASSES):
        placed = heads.conse(logits, names, classes)
        np.testing.assert_allclose(placed, names[[7, 900]], atol=1e-5)


def test_only_the_likeliest_classes_have_a_share() -> None:
    logits = np.random.default_rng(0).normal(size=(3, 50)).astype(np.float32)
    shares = heads.class_shares(logits, 10)
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-6)
    for row, weights in zip(logits, shares, strict=True):
        assert set(np.flatnonzero(weights)) == set(np.argsort(row)[-10:])


def test_saved_heads_are_loaded_unchanged(tmp_path: Path) -> None:
    trained = heads.load(CURRENT.path)
    heads.save(trained, tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == CURRENT.path.read_bytes()


# ---------------------------------------------------------------------------- features


def test_features_are_cached_and_a_truncated_file_is_replaced(
    demo_photos: Path, tmp_path: Path, lite: Encoder
) -> None:
    ranges = heads.load(CURRENT.path).ranges
    photos = sorted(demo_photos.iterdir())[:3]
    first = features.of_photos(photos, "whole", ranges, tmp_path)
    (cached,) = tmp_path.glob("lite-features-*.npz")
    written = cached.stat().st_mtime_ns
    np.testing.assert_array_equal(
        features.of_photos(photos, "whole", ranges, tmp_path).features, first.features
    )
    assert cached.stat().st_mtime_ns == written
    cached.write_bytes(cached.read_bytes()[:100])
    np.testing.assert_array_equal(
        features.of_photos(photos, "whole", ranges, tmp_path).features, first.features
    )


def test_the_other_views_are_the_mirror_and_the_middle(demo_photos: Path) -> None:
    photo = sorted(demo_photos.iterdir())[0]
    whole, mirrored, centre = (features.pixels_of(photo, view) for view in features.VIEWS)
    np.testing.assert_array_equal(mirrored, whole[:, :, ::-1])
    assert np.any(mirrored != whole)
    with Image.open(photo) as image:
        width, height = image.size
        box = (0.15 * width, 0.15 * height, 0.85 * width, 0.85 * height)
        expected = image.convert("RGB").resize((260, 260), Image.Resampling.BICUBIC, box)
    np.testing.assert_allclose(centre, np.asarray(expected).transpose(2, 0, 1), atol=1)


def test_texts_are_embedded_once(tmp_path: Path) -> None:
    asked: list[list[str]] = []

    def embed(texts: Sequence[str]) -> Floats:
        asked.append(list(texts))
        return np.array([[len(text)] for text in texts], np.float32)

    for texts in (["a", "bb"], ["a", "bb"], ["ccc"]):
        rows = features.of_texts(texts, embed, tmp_path)
        np.testing.assert_array_equal(rows, [[len(text)] for text in texts])
    assert asked == [["a", "bb"], ["ccc"]]


def test_training_sees_photos_as_the_encoder_does(demo_photos: Path, lite: Encoder) -> None:
    for path in sorted(demo_photos.iterdir()):
        with Image.open(path) as image:
            if max(image.size) <= 2 * 260:  # larger ones are first shrunk coarsely
                expected = lite.prepare(image.convert("RGB"))
                np.testing.assert_array_equal(features.pixels_of(path, "whole"), expected)


# ---------------------------------------------------------------------------- data, figures


@pytest.fixture
def folder(tmp_path: Path, demo_photos: Path) -> Path:
    """Three photos with captions, and the same three with labels."""
    (tmp_path / "images").mkdir()
    names = {"chelsea": "a cat", "coffee": "a cup of coffee", "rocket": "a rocket launch"}
    captions, labels = ["image,split,caption"], ["image,class_index,name"]
    for number, (stem, text) in enumerate(names.items()):
        (source,) = demo_photos.glob(f"{stem}*")
        with Image.open(source) as image:
            image.convert("RGB").save(tmp_path / "images" / f"{stem}.png")
        split = "test" if stem != "rocket" else "dev"
        captions += [f"{stem}.png,{split},{text}", f'{stem}.png,{split},"a photo, of {text}"']
        labels.append(f"{stem}.png,{2 - number},{text.removeprefix('a ')}")
    (tmp_path / "captions.csv").write_text("\n".join(captions))
    (tmp_path / "labels.csv").write_text("\n".join(labels))
    return tmp_path


def test_a_split_is_its_own_photos_and_captions(folder: Path) -> None:
    data = datasets.captioned(folder / "captions.csv", frozenset({"test"}))
    assert [path.stem for path in data.photos] == ["chelsea", "coffee"]
    assert data.captions[3] == "a photo, of a cup of coffee"
    assert data.photo_of == [0, 0, 1, 1]
    assert len(datasets.captioned(folder / "captions.csv").photos) == 3


def test_labels_come_from_a_file_or_from_folders(folder: Path) -> None:
    listed = datasets.labelled(folder)
    assert listed.labels == ["cat", "cup of coffee", "rocket launch"]
    assert listed.label_of == [0, 1, 2]
    for stem in ("coffee", "chelsea"):
        (folder / "sorted" / stem).mkdir(parents=True)
        (folder / "images" / f"{stem}.png").rename(folder / "sorted" / stem / "1.PNG")
    by_folder = datasets.labelled(folder / "sorted")
    assert by_folder.labels == ["chelsea", "coffee"]
    assert [path.parent.name for path in by_folder.photos] == ["chelsea", "coffee"]


def test_samples_are_in_class_order(folder: Path) -> None:
    photos, names = datasets.class_samples(folder, 3)
    assert names == ["rocket launch", "cup of coffee", "cat"]
    assert photos[2].stem == "chelsea"
    with pytest.raises(UsageError, match="4 classes"):
        datasets.class_samples(folder, 4)


def test_unusable_data_is_an_error(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="split winter"):
        datasets.captioned(folder / "captions.csv", frozenset({"winter"}))
    with pytest.raises(UsageError, match="lacks the column"):
        datasets.captioned(folder / "labels.csv")
    with pytest.raises(FolderError, match="Cannot read"):
        datasets.captioned(folder / "nothing.csv")
    with pytest.raises(UsageError, match="no labelled photos"):
        datasets.labelled(tmp_path / "images")


def test_evaluate_prints_its_figures(
    folder: Path, model_cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = ["--captions", str(folder / "captions.csv"), "--labels", str(folder)]
    assert evaluate.main([*data, "--cache", str(model_cache)]) == 0
    captions, labels = capsys.readouterr().out.splitlines()
    assert captions == (
        "R@1 100.0  R@5 100.0  R@10 100.0  median rank 1  (4 captions, 2 photos, text to image)"
    )
    assert labels == "zero-shot accuracy 100.0  (3 photos, 3 labels)"
    assert evaluate.main(["--captions", str(folder / "none.csv")]) == FolderError.exit_code


@pytest.mark.slow
def test_recall_on_flickr8k_is_that_of_the_model_card(lite: Encoder, shared_data: Path) -> None:
    """On every fourth photo of the test split; the card's figures are of all of it."""
    data = datasets.captioned(shared_data / "flickr8k" / "captions.csv", frozenset({"test"}))
    photos = data.photos[::4]
    pairs = [
        (text, row // 4)
        for text, row in zip(data.captions, data.photo_of, strict=True)
        if row % 4 == 0
    ]
    part = datasets.Captioned(photos, [text for text, _ in pairs], [row for _, row in pairs])
    result = evaluate.evaluate_captions(lite, part)
    assert result.recall_at_1 > 0.40
    assert result.recall_at_10 > 0.85
